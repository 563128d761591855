/*-------------------------------------------------------------------------
 *
 * cash_call.c
 *	  Rows of table cash_call, and what a bust does to one.
 *
 * A new call is one row, written in bulk like its journal.  Busts are rare
 * and go through the functions of sql/cash/cash_call_bust.sql.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cash/cash_call.h"
#include "ledger/spi_plan.h"

/* attributes of table cash_call, in order */
enum
{
	CALL_CLIENT_ID, CALL_ATTEMPTS, CALL_JOURNAL_ID, CALL_CUSTOMER_ID, CALL_CALLED_AT, CALL_OPENED_AT, CALL_STATUS,
	CALL_APEX, CALL_WITHDRAWAL, CALL_SALE, CALL_AMOUNT, CALL_DUE_AT, CALL_ENCUMBERED, CALL_CLOSED_AT,
	CALL_CLOSED_RECORDED_AT, CALL_ATTRIBUTES
};

static TimestampTz
instant_of(const TupleTableSlot *slot, int attribute)
{
	return slot->tts_isnull[attribute] ? NO_INSTANT : DatumGetTimestampTz(slot->tts_values[attribute]);
}

static void
set_instant(TupleTableSlot *slot, int attribute, TimestampTz instant)
{
	slot->tts_values[attribute] = TimestampTzGetDatum(instant);
	slot->tts_isnull[attribute] = instant == NO_INSTANT;
}

void
cash_call_read(TupleTableSlot *slot, CashCall *call)
{
	const Datum *values = slot->tts_values;
	Amount	   *amount;

	slot_getallattrs(slot);
	call->client_id = DatumGetInt32(values[CALL_CLIENT_ID]);
	call->attempts = DatumGetInt32(values[CALL_ATTEMPTS]);
	call->journal_id = DatumGetInt64(values[CALL_JOURNAL_ID]);
	call->customer_id = DatumGetInt64(values[CALL_CUSTOMER_ID]);
	call->called_at = DatumGetTimestampTz(values[CALL_CALLED_AT]);
	call->opened_at = DatumGetTimestampTz(values[CALL_OPENED_AT]);
	call->status = DatumGetChar(values[CALL_STATUS]);
	call->apex = DatumGetBool(values[CALL_APEX]);
	call->withdrawal = DatumGetBool(values[CALL_WITHDRAWAL]);
	call->sale = DatumGetBool(values[CALL_SALE]);
	amount = DatumGetAmountP(values[CALL_AMOUNT]);
	call->asset = amount->asset;
	call->amount = amount_units(amount);
	amount = slot->tts_isnull[CALL_ENCUMBERED] ? NULL : DatumGetAmountP(values[CALL_ENCUMBERED]);
	call->coin_asset = amount ? amount->asset : 0;
	call->coin = amount ? amount_units(amount) : 0;
	call->due_at = instant_of(slot, CALL_DUE_AT);
	call->closed_at = instant_of(slot, CALL_CLOSED_AT);
	call->closed_recorded_at = instant_of(slot, CALL_CLOSED_RECORDED_AT);
	call->tid = slot->tts_tid;
}

/* Fill the writer's row from the struct; the amounts live in *scratch. */
static void
fill_row(TableWriter *writer, const CashCall *call, Amount scratch[2])
{
	TupleTableSlot *slot = writer_row(writer);
	Datum	   *values = slot->tts_values;

	memset(slot->tts_isnull, 0, CALL_ATTRIBUTES * sizeof(bool));
	amount_set(&scratch[0], call->amount, call->asset);
	amount_set(&scratch[1], call->coin, call->coin_asset);
	values[CALL_CLIENT_ID] = Int32GetDatum(call->client_id);
	values[CALL_ATTEMPTS] = Int32GetDatum(call->attempts);
	values[CALL_JOURNAL_ID] = Int64GetDatum(call->journal_id);
	values[CALL_CUSTOMER_ID] = Int64GetDatum(call->customer_id);
	values[CALL_CALLED_AT] = TimestampTzGetDatum(call->called_at);
	values[CALL_OPENED_AT] = TimestampTzGetDatum(call->opened_at);
	values[CALL_STATUS] = CharGetDatum(call->status);
	values[CALL_APEX] = BoolGetDatum(call->apex);
	values[CALL_WITHDRAWAL] = BoolGetDatum(call->withdrawal);
	values[CALL_SALE] = BoolGetDatum(call->sale);
	values[CALL_AMOUNT] = AmountPGetDatum(&scratch[0]);
	values[CALL_ENCUMBERED] = AmountPGetDatum(&scratch[1]);
	slot->tts_isnull[CALL_ENCUMBERED] = call->coin == 0;
	set_instant(slot, CALL_DUE_AT, call->due_at);
	set_instant(slot, CALL_CLOSED_AT, call->closed_at);
	set_instant(slot, CALL_CLOSED_RECORDED_AT, call->closed_recorded_at);
}

void
cash_call_insert(TableWriter *writer, const CashCall *call)
{
	Amount		scratch[2];

	fill_row(writer, call, scratch);
	writer_insert(writer);
}

/*
 * Another transaction has put the call off or brought it forward: that needs
 * no lock on the customer, and decides nothing that has been decided here.
 * Lock the row as it is now.
 */
static void
lock_again(TableWriter *writer, ItemPointer tid)
{
	TupleTableSlot *slot = table_slot_create(writer->relation, NULL);
	TM_FailureData failure;
	CashCall	now;

	if (IsolationUsesXactSnapshot() ||
		table_tuple_lock(writer->relation, tid, SnapshotAny, slot, GetCurrentCommandId(false), LockTupleNoKeyExclusive,
						 LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure) != TM_Ok)
		writer_refuse_old_snapshot(writer);
	cash_call_read(slot, &now);
	if (now.status != CALL_OUTSTANDING)
		writer_refuse_old_snapshot(writer);
	*tid = now.tid;
	ExecDropSingleTupleTableSlot(slot);
}

void
cash_call_update(TableWriter *writer, const CashCall *call)
{
	Amount		scratch[2];
	ItemPointerData tid = call->tid;

	fill_row(writer, call, scratch);
	while (!writer_try_update(writer, &tid))
	{
		lock_again(writer, &tid);
		fill_row(writer, call, scratch);
	}
}

/* ---- busts ---- */

/* Call a function of the call's client and journal. */
static void
call_function(SPIPlanPtr *plan, const char *query, int32 client_id, int64 journal_id)
{
	Oid			types[2] = {INT4OID, INT8OID};
	Datum		arguments[2] = {Int32GetDatum(client_id), Int64GetDatum(journal_id)};

	SPI_connect();
	spi_plan(plan, 2, types, query);
	spi_execute(*plan, arguments);
	SPI_finish();
}

void
cash_call_lock_customer(int32 client_id, int64 journal_id)
{
	static SPIPlanPtr plan = NULL;

	call_function(&plan, "SELECT bakkt_ledger_internal.lock_customer_of_cash_call($1, $2)", client_id, journal_id);
}

void
cash_call_prepare_bust(int32 client_id, int64 journal_id)
{
	static SPIPlanPtr plan = NULL;

	call_function(&plan, "SELECT bakkt_ledger_internal.prepare_bust_of_cash_call($1, $2)", client_id, journal_id);
}

void
cash_call_bust(int32 client_id, int64 journal_id, int64 bust, TimestampTz busted_at)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[4] = {INT4OID, INT8OID, INT8OID, TIMESTAMPTZOID};
	Datum		arguments[4] = {Int32GetDatum(client_id), Int64GetDatum(journal_id),
	Int64GetDatum(bust), TimestampTzGetDatum(busted_at)};

	SPI_connect();
	spi_plan(&plan, 4, types, "SELECT bakkt_ledger_internal.bust_cash_call($1, $2, $3, $4, $4)");
	spi_execute(plan, arguments);
	SPI_finish();
}
