/*-------------------------------------------------------------------------
 *
 * client_lock.h
 *	  Locks per client, so that nobody waits for another client's work.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_CLIENT_LOCK_H
#define BAKKT_LEDGER_CLIENT_LOCK_H

#include "ledger/request.h"

/*
 * Share the postings of all clients that the requests name, until the
 * transaction ends; 42501 for one that the caller may not see.  What is cached
 * of accounts is to be looked at afterwards: whoever froze one has ended.
 */
extern void client_lock_postings(const LedgerRequest *requests, int count);

/* Share the events of a client's cash calls until the transaction ends: before the clock is read for one. */
extern void client_lock_cash_call_events(int32 client_id);

#endif							/* BAKKT_LEDGER_CLIENT_LOCK_H */
