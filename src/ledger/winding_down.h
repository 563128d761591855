/*-------------------------------------------------------------------------
 *
 * winding_down.h
 *	  What may be posted in an asset that is not ACTIVE and not yet retired.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_WINDING_DOWN_H
#define BAKKT_LEDGER_WINDING_DOWN_H

#include "ledger/batch.h"

/* Refuse a request by which new claims would arise in such an asset; for one of whose lines one is in such an asset. */
extern void check_winding_down(const PostingBatch *batch, LedgerRequest *request, const RequestState *state);

#endif							/* BAKKT_LEDGER_WINDING_DOWN_H */
