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
typedef struct Exposure Exposure;

typedef struct TradeBatch
{
	int			count;
	TradeRequest *trades;
	LedgerRequest *requests;	/* of the same number */
	BuyingPower *power;			/* NULL: nobody is prefunded */
	Exposure   *exposure;		/* NULL: nobody's trading is restricted */
} TradeBatch;

#endif							/* BAKKT_LEDGER_TRADE_BATCH_H */
