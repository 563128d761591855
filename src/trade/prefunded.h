/*-------------------------------------------------------------------------
 *
 * prefunded.h
 *	  Prefunded clients: no purchase without buying power.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_PREFUNDED_H
#define BAKKT_LEDGER_PREFUNDED_H

#include "trade/trade_batch.h"

/*
 * Lock the cash of the batch's prefunded customers and read what they may
 * spend; NULL if there are none.  Trades have been checked; no account is
 * locked yet.
 */
extern BuyingPower *prefunded_lock(const TradeBatch *batch);
/* Take what the trade of this number in the batch costs, or refuse it; add what it brings. */
extern void prefunded_admit(BuyingPower *power, int i);
/* It has fallen with its chain: as if it had not been. */
extern void prefunded_dismiss(BuyingPower *power, int i);

#endif							/* BAKKT_LEDGER_PREFUNDED_H */
