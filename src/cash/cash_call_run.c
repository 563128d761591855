/*-------------------------------------------------------------------------
 *
 * cash_call_run.c
 *	  A run over the due cash calls of one client.
 *
 * Customers are taken in the order of their oldest due call, as many as have
 * about CHUNK_CALLS calls together, and locked; one that another session has
 * locked is left to it.  Nobody else changes whether a call of a locked
 * customer is outstanding.  The calls of a chunk are put in order, posted by
 * the posting function like any other journals, and what came of each is
 * recorded.  Memory is that of one chunk.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "cash/cash_call_attempt.h"
#include "ledger/lookup.h"
#include "ledger/party_cache.h"
#include "ledger/spi_plan.h"

/* calls read at once, about */
#define CHUNK_CALLS 10000
/* customers asked for at once */
#define CUSTOMERS_PER_FETCH 1000
/* calls between two notices */
#define CALLS_PER_NOTICE 100000

/* A customer whose calls are attempted */
typedef struct Claimed
{
	int64		customer_id;
	char		code[ACCOUNT_CODE_LENGTH];
} Claimed;

/* What came of the run in one asset */
typedef struct Outcome
{
	asset_code	asset;
	int64		settled;
	int64		failed;
	units		collected;
	units		paid;
} Outcome;

typedef struct CallRun
{
	CallTerms	terms;
	Outcome    *outcomes;		/* in the caller's memory */
	int			outcome_count;
	int64		attempted;
	int64		noticed;		/* of them, at the last notice */

	/* the chunk at hand, in its own memory */
	Claimed    *customers;
	int			customer_count;
	Attempt    *attempts;
	int64		attempt_count;
	int64		attempt_room;
} CallRun;

/* ---- what is due ---- */

/* Lock those customers that nobody else has locked. */
static void
claim_customers(CallRun *run, Datum *ids, int count)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT8ARRAYOID};
	Datum		arguments[1] = {
		PointerGetDatum(construct_array(ids, count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE))
	};

	run->customers = palloc(count * sizeof(Claimed));
	SPI_connect();
	spi_plan(&plan, 1, types,
			 "SELECT customer_id, customer_code FROM bakkt_ledger_internal.customer"
			 " WHERE customer_id OPERATOR(pg_catalog.=) ANY ($1) ORDER BY customer_id FOR NO KEY UPDATE SKIP LOCKED");
	spi_execute(plan, arguments);
	run->customer_count = SPI_processed;
	for (int i = 0; i < run->customer_count; i++)
	{
		bool		isnull;

		run->customers[i].customer_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		memcpy(run->customers[i].code, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2), ACCOUNT_CODE_LENGTH);
	}
	SPI_finish();
}

static bool
is_due(const CallRun *run, const CashCall *call)
{
	return call->status == CALL_OUTSTANDING && !call->apex && call->due_at != NO_INSTANT &&
		call->due_at <= run->terms.at && call->called_at <= run->terms.at;
}

static void
add_attempt(CallRun *run, const CashCall *call, const Claimed *customer)
{
	Attempt    *attempt;

	if (run->attempt_count == run->attempt_room)
	{
		run->attempt_room *= 2;
		run->attempts = repalloc_huge(run->attempts, run->attempt_room * sizeof(Attempt));
	}
	attempt = &run->attempts[run->attempt_count++];
	memset(attempt, 0, sizeof(Attempt));
	attempt->call = *call;
	attempt->code = customer->code;
}

/* The turn of a customer's calls: see Attempt. */
static void
set_turns(CallRun *run, int64 first)
{
	bool		has_deposits = false;

	for (int64 i = first; i < run->attempt_count; i++)
		has_deposits |= !run->attempts[i].call.withdrawal;
	for (int64 i = first; i < run->attempt_count; i++)
		run->attempts[i].turn = !has_deposits ? TURN_ONLY_WITHDRAWALS :
			run->attempts[i].call.withdrawal ? TURN_WITHDRAWALS : TURN_DEPOSITS;
}

/*
 * The calls of the customers, read once these are locked: under READ
 * COMMITTED with a new snapshot; above, what is too old shows when the row is
 * written (40001).
 */
static void
read_calls(CallRun *run)
{
	Relation	table = table_open(ledger_relation(LEDGER_CASH_CALL), RowExclusiveLock);
	Relation	index = index_open(ledger_relation(LEDGER_CASH_CALL_OPEN_INDEX), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	TupleTableSlot *slot = table_slot_create(table, NULL);
#if PG_VERSION_NUM >= 180000
	IndexScanDesc scan = index_beginscan(table, index, snapshot, NULL, 2, 0);
#else
	IndexScanDesc scan = index_beginscan(table, index, snapshot, 2, 0);
#endif

	for (int i = 0; i < run->customer_count; i++)
	{
		int64		first = run->attempt_count;
		ScanKeyData keys[2];
		CashCall	call;

		CHECK_FOR_INTERRUPTS();
		ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(run->terms.client_id));
		ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run->customers[i].customer_id));
		index_rescan(scan, keys, 2, NULL, 0);
		while (index_getnext_slot(scan, ForwardScanDirection, slot))
		{
			cash_call_read(slot, &call);
			if (is_due(run, &call))
				add_attempt(run, &call, &run->customers[i]);
		}
		set_turns(run, first);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	table_close(table, NoLock);
}

static int
compare_attempts(const void *a, const void *b)
{
	const Attempt *x = a;
	const Attempt *y = b;

	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	if (x->call.called_at != y->call.called_at)
		return x->call.called_at < y->call.called_at ? -1 : 1;
	return (x->call.journal_id > y->call.journal_id) - (x->call.journal_id < y->call.journal_id);
}

/* ---- what came of it ---- */

static Outcome *
outcome_of(CallRun *run, asset_code asset)
{
	for (int i = 0; i < run->outcome_count; i++)
		if (run->outcomes[i].asset == asset)
			return &run->outcomes[i];
	run->outcomes = repalloc(run->outcomes, (run->outcome_count + 1) * sizeof(Outcome));
	memset(&run->outcomes[run->outcome_count], 0, sizeof(Outcome));
	run->outcomes[run->outcome_count].asset = asset;
	return &run->outcomes[run->outcome_count++];
}

static void
count_attempt(CallRun *run, const Attempt *attempt)
{
	Outcome    *outcome = outcome_of(run, attempt->call.asset);

	if (attempt->reason)
		outcome->failed++;
	else
	{
		outcome->settled++;
		if (attempt->call.withdrawal)
			outcome->collected += attempt->call.amount;
		else
			outcome->paid += attempt->call.amount;
	}
}

static void
report_progress(CallRun *run)
{
	run->attempted += run->attempt_count;
	if (run->attempted - run->noticed < CALLS_PER_NOTICE)
		return;
	run->noticed = run->attempted;
	ereport(NOTICE,
			(errmsg("process_cash_calls: client %s: " INT64_FORMAT " calls attempted",
					lookup_client(run->terms.client_id)->code, run->attempted)));
}

/* ---- chunks ---- */

static void
run_chunk(CallRun *run, Datum *ids, int count)
{
	MemoryContext chunk = AllocSetContextCreate(CurrentMemoryContext, "cash calls", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(chunk);

	account_roles_begin();
	claim_customers(run, ids, count);
	run->attempt_count = 0;
	run->attempt_room = 1024;
	run->attempts = palloc(run->attempt_room * sizeof(Attempt));
	read_calls(run);
	qsort(run->attempts, run->attempt_count, sizeof(Attempt), compare_attempts);
	attempt_calls(&run->terms, run->attempts, run->attempt_count);
	record_attempts(&run->terms, run->attempts, run->attempt_count);
	MemoryContextSwitchTo(caller);
	for (int64 i = 0; i < run->attempt_count; i++)
		count_attempt(run, &run->attempts[i]);
	report_progress(run);
	MemoryContextDelete(chunk);
}

/* Customers with due calls, oldest call first: a cursor, so that their number costs no memory. */
static Portal
open_customers(const CallRun *run)
{
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		arguments[2] = {Int32GetDatum(run->terms.client_id), TimestampTzGetDatum(run->terms.at)};

	return SPI_cursor_open_with_args(NULL,
									 "SELECT c.customer_id, pg_catalog.count(*) FROM bakkt_ledger_internal.due_cash_calls($1, $2) c"
									 " GROUP BY c.customer_id ORDER BY pg_catalog.min(c.called_at), c.customer_id",
									 2, types, arguments, NULL, false, 0);
}

/* Gather customers until they have calls enough for a chunk. */
static void
run_all(CallRun *run)
{
	Portal		customers = open_customers(run);
	Datum	   *ids = palloc((CHUNK_CALLS + CUSTOMERS_PER_FETCH) * sizeof(Datum));
	int			count = 0;
	int64		calls = 0;
	uint64		fetched;

	do
	{
		SPITupleTable *rows;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(customers, true, CUSTOMERS_PER_FETCH);
		rows = SPI_tuptable;
		fetched = SPI_processed;
		for (uint64 i = 0; i < fetched; i++)
		{
			ids[count++] = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull);
			calls += DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
			if (calls < CHUNK_CALLS)
				continue;
			run_chunk(run, ids, count);
			count = 0;
			calls = 0;
		}
		SPI_freetuptable(rows);
	} while (fetched > 0);
	if (count > 0)
		run_chunk(run, ids, count);
	SPI_cursor_close(customers);
	pfree(ids);
}

/* ---- the function ---- */

static void
put_outcomes(FunctionCallInfo fcinfo, const CallRun *run)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (int i = 0; i < run->outcome_count; i++)
	{
		const Outcome *outcome = &run->outcomes[i];
		bool		nulls[6] = {false};
		Datum		values[6] = {
			AssetGetDatum(outcome->asset),
			Int64GetDatum(outcome->settled + outcome->failed),
			Int64GetDatum(outcome->settled),
			Int64GetDatum(outcome->failed),
			AmountPGetDatum(amount_make(outcome->collected, outcome->asset)),
			AmountPGetDatum(amount_make(outcome->paid, outcome->asset))
		};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(process_client_cash_calls);

/* client_id, at, next attempt, assets without cover */
Datum
process_client_cash_calls(PG_FUNCTION_ARGS)
{
	CallRun		run = {.terms = {.at = PG_GETARG_TIMESTAMPTZ(1),.next_attempt = PG_GETARG_TIMESTAMPTZ(2)}};

	PreventCommandIfReadOnly("process_cash_calls()");
	InitMaterializedSRF(fcinfo, 0);
	lookup_begin();
	read_uncovered(&run.terms, PG_GETARG_DATUM(3));
	run.terms.client_id = PG_GETARG_INT32(0);
	run.outcomes = palloc(sizeof(Outcome));
	SPI_connect();
	run_all(&run);
	SPI_finish();
	put_outcomes(fcinfo, &run);
	return (Datum) 0;
}
