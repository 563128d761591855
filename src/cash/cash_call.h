/*-------------------------------------------------------------------------
 *
 * cash_call.h
 *	  Cash calls: the cash of an execution, called after it.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_CASH_CALL_H
#define BAKKT_LEDGER_CASH_CALL_H

#include "datatype/timestamp.h"

#include "ledger/write.h"
#include "types/amount.h"

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

/*
 * What a bust does to the call of its execution, which the execution's
 * journal identifies.  Before anything else is locked: lock its customer.
 */
extern void cash_call_lock_customer(int32 client_id, int64 journal_id);
/* Before the bust is posted: lock the call, and bind coin that was released. */
extern void cash_call_prepare_bust(int32 client_id, int64 journal_id);
/* After it was posted: end the call. */
extern void cash_call_bust(int32 client_id, int64 journal_id, int64 bust, TimestampTz busted_at);

#endif							/* BAKKT_LEDGER_CASH_CALL_H */
