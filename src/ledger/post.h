/*-------------------------------------------------------------------------
 *
 * post.h
 *	  The posting function: the one way a journal, a balance or a refusal is
 *	  written (design 4).  Floors above turn an event into LedgerRequests and
 *	  hand them in; they never touch these tables.
 *
 * ledger_post() works in three phases over the whole batch: lock every
 * limited account in canonical order; evaluate the requests in order in
 * memory, later ones seeing earlier ones; write what was accepted.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_POST_H
#define BAKKT_LEDGER_POST_H

#include "ledger/request.h"

extern void ledger_post(LedgerRequest *requests, int count, const PostOptions *options);

#endif							/* BAKKT_LEDGER_POST_H */
