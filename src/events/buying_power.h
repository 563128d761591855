/*-------------------------------------------------------------------------
 *
 * buying_power.h
 *	  Prefunded clients: no purchase without buying power.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_BUYING_POWER_H
#define BAKKT_LEDGER_BUYING_POWER_H

#include "events/trade.h"

typedef struct BuyingPower BuyingPower;

/*
 * Lock the cash of the batch's prefunded customers and read what they may
 * spend; NULL if there are none.  Trades have been checked; no account is
 * locked yet.
 */
extern BuyingPower *buying_power_lock(const TradeBatch *batch);
/* Let it judge these requests, those of the batch or a copy, when they are posted with the options. */
extern void buying_power_judge(BuyingPower *power, LedgerRequest *requests, PostOptions *options);

#endif							/* BAKKT_LEDGER_BUYING_POWER_H */
