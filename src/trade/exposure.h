/*-------------------------------------------------------------------------
 *
 * exposure.h
 *	  May the client trade, and stay within its limits?
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_EXPOSURE_H
#define BAKKT_LEDGER_EXPOSURE_H

#include "trade/trade_batch.h"

/* Begin a call: caches are brought up to date. */
extern void exposures_begin(void);
/* NULL: nothing restricts the batch's clients, or its providers.  Trades have been checked. */
extern Exposure *exposure_of(const TradeBatch *batch);
/* Count the trade of this number in the batch, or refuse it. */
extern void exposure_admit(Exposure *exposure, int i);
/* It is refused after all, or has fallen with its chain: as if it had not been. */
extern void exposure_dismiss(Exposure *exposure, int i);
/* The batch is posted: tell who has come near its cap. */
extern void exposure_record(Exposure *exposure);

#endif							/* BAKKT_LEDGER_EXPOSURE_H */
