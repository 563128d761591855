/*-------------------------------------------------------------------------
 *
 * trade_batch.h
 *	  The executions and busts of one call.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_TRADE_BATCH_H
#define BAKKT_LEDGER_TRADE_BATCH_H

#include "trade/trade_request.h"

typedef struct BuyingPower BuyingPower;

typedef struct TradeBatch
{
	int			count;
	TradeRequest *trades;
	LedgerRequest *requests;	/* of the same number */
	BuyingPower *power;			/* NULL: nobody is prefunded */
} TradeBatch;

#endif							/* BAKKT_LEDGER_TRADE_BATCH_H */
