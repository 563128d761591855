/*-------------------------------------------------------------------------
 *
 * trade.h
 *	  Posting of executions: what busts and corrections share with it.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_TRADE_H
#define BAKKT_LEDGER_TRADE_H

#include "trade/trade_batch.h"

/* Begin a call: caches are brought up to date, the batch is empty. */
extern TradeBatch *trade_batch_make(int count);
/* trade_read() from function arguments: the fields of trade_request but the last. */
extern void trade_arguments(FunctionCallInfo fcinfo, Datum *values, bool *nulls);
/* Of busts that may leave a deficit: have the coin that is gone owed instead of taken.  Locks calls and claims. */
extern void trade_busts_leave_deficits(const TradeBatch *batch);
/* Check, compute and post what trade_read() has read. */
extern void trade_batch_post(TradeBatch *batch, bool strict, bool dry_run);
/* One row of type trade_result. */
extern Datum trade_result(FunctionCallInfo fcinfo, const LedgerRequest *request);
/* The rows of a set-returning function. */
extern void trade_results(FunctionCallInfo fcinfo, const TradeBatch *batch);

#endif							/* BAKKT_LEDGER_TRADE_H */
