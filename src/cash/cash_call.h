/*-------------------------------------------------------------------------
 *
 * cash_call.h
 *	  Cash calls: the cash of an execution, called after it.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_CASH_CALL_H
#define BAKKT_LEDGER_CASH_CALL_H

#include "ledger/write.h"
#include "trade/trade.h"

/* cash_call.status */
#define CALL_OUTSTANDING 'O'
#define CALL_SETTLED 'S'

/* an instant that is null */
#define NO_INSTANT DT_NOBEGIN

/* A row of cash_call */
typedef struct CashCall
{
	int32		client_id;
	int32		attempts;
	int64		journal_id;
	int64		customer_id;
	TimestampTz called_at;
	TimestampTz opened_at;
	char		status;
	bool		apex;
	bool		withdrawal;
	bool		sale;
	asset_code	asset;
	units		amount;
	TimestampTz due_at;			/* or NO_INSTANT */
	asset_code	coin_asset;
	units		coin;			/* encumbered; 0: none */
	TimestampTz closed_at;		/* or NO_INSTANT */
	TimestampTz closed_recorded_at; /* or NO_INSTANT */
	ItemPointerData tid;
} CashCall;

extern void cash_call_read(TupleTableSlot *slot, CashCall *call);
extern void cash_call_insert(TableWriter *writer, const CashCall *call);
/* Of a call whose customer is locked. */
extern void cash_call_update(TableWriter *writer, const CashCall *call);

/* Before a batch locks orders or accounts: lock the customers of calls that it busts. */
extern void cash_calls_lock_customers(const TradeBatch *batch);
/* Before busts are posted: lock their calls, and bind coin that was released. */
extern void cash_calls_prepare_busts(const TradeBatch *batch);
/* After posting: open the calls of executions posted now, end those of busts. */
extern void cash_calls_open(const TradeBatch *batch);

#endif							/* BAKKT_LEDGER_CASH_CALL_H */
