/*-------------------------------------------------------------------------
 *
 * trade_cash_call.h
 *	  The cash calls of a batch's executions and busts.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_TRADE_CASH_CALL_H
#define BAKKT_LEDGER_TRADE_CASH_CALL_H

#include "trade/trade_batch.h"

/* Before the batch locks orders or accounts: lock the customers of calls that it busts. */
extern void trade_cash_calls_lock_customers(const TradeBatch *batch);
/* Before busts are posted: lock their calls, and bind coin that was released. */
extern void trade_cash_calls_prepare_busts(const TradeBatch *batch);
/* After posting: open the calls of executions posted now, end those of busts. */
extern void trade_cash_calls_record(const TradeBatch *batch);

#endif							/* BAKKT_LEDGER_TRADE_CASH_CALL_H */
