/*-------------------------------------------------------------------------
 *
 * cash_call_attempt.c
 *	  Attempts on cash calls: the journal of a settlement, J02b or the
 *	  proceeds of J04b, all or nothing; and the record of what came of it.
 *
 * An attempt that fails is recorded as an event of its call, not as a refused
 * request: its reference settles the call when there is money.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "cash/cash_call_attempt.h"
#include "ledger/event.h"
#include "ledger/lookup.h"
#include "ledger/party_cache.h"
#include "ledger/post.h"
#include "ledger/record_time.h"
#include "ledger/spi_plan.h"

/* attempts posted by one call of the posting function */
#define ATTEMPTS_PER_POST 10000

/* cash on both sides of both funds, and coin that is released */
#define CALL_LINES_MAX 6

/* reasons, as in table cash_call_reason */
#define INSUFFICIENT_FUNDS "INSUFFICIENT_FUNDS"
#define FBO_NOT_FUNDED "FBO_NOT_FUNDED"
#define ACCOUNT_FROZEN "ACCOUNT_FROZEN"
#define ACCOUNT_CLOSED "ACCOUNT_CLOSED"
#define POSTING_REFUSED "POSTING_REFUSED"

/* ---- accounts ---- */

static AccountSlot *
want_customers(const Attempt *attempt, AccountRole role, asset_code asset, bool create)
{
	return account_want(role, attempt->call.client_id, attempt->call.customer_id, attempt->code, ACCOUNT_CODE_LENGTH, asset, create);
}

static AccountSlot *
want_house(const Attempt *attempt, AccountRole role, asset_code asset)
{
	return account_want(role, attempt->call.client_id, 0, "", 0, asset, true);
}

/* Who has never had cash has no account for it, and pays nothing. */
static void
want_accounts(Attempt *attempt)
{
	const CashCall *call = &attempt->call;

	attempt->settled = want_customers(attempt, ROLE_SETTLED_CASH, call->asset, !call->withdrawal);
	attempt->cover = want_house(attempt, ROLE_FBO_DUE_TO_CORP, call->asset);
	attempt->due_from_fbo = want_house(attempt, ROLE_CORP_DUE_FROM_FBO, call->asset);
	attempt->receivable = want_customers(attempt, call->sale ? ROLE_TPJ_PAYABLE : ROLE_TPJ_RECEIVABLE, call->asset, true);
	if (call->coin == 0)
		return;
	attempt->coin = want_customers(attempt, ROLE_COIN, call->coin_asset, true);
	attempt->coin_encumbered = want_customers(attempt, ROLE_COIN_ENCUMBERED, call->coin_asset, true);
}

/* ---- the journal ---- */

static bool
is_covered(const CallTerms *terms, asset_code asset)
{
	for (int i = 0; i < terms->uncovered_count; i++)
		if (terms->uncovered[i] == asset)
			return false;
	return true;
}

void
read_uncovered(CallTerms *terms, Datum array)
{
	ArrayType  *assets = DatumGetArrayTypeP(array);
	Datum	   *values;
	int			count;

	deconstruct_array(assets, ARR_ELEMTYPE(assets), sizeof(asset_code), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, NULL, &count);
	/* read again after a set-off there may be more of them: another session returns deposits */
	if (terms->uncovered == NULL)
		terms->uncovered = palloc((count + 1) * sizeof(asset_code));
	else
		terms->uncovered = repalloc(terms->uncovered, (count + 1) * sizeof(asset_code));
	terms->uncovered_count = count;
	for (int i = 0; i < count; i++)
		terms->uncovered[i] = DatumGetAsset(values[i]);
}

/* What customers have paid makes good first what the company owes them. */
static void
set_off_again(CallTerms *terms)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		arguments[2] = {Int32GetDatum(terms->client_id), TimestampTzGetDatum(terms->at)};
	bool		isnull;

	SPI_connect();
	spi_plan(&plan, 2, types, "SELECT bakkt_ledger_internal.set_off_deficits($1, $2)");
	spi_execute(plan, arguments);
	read_uncovered(terms, SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
}

/* Why it need not be asked of the posting function; NULL: it must. */
static const char *
known_reason(const CallTerms *terms, const Attempt *attempt)
{
	if (attempt->settled->account == 0)
		return INSUFFICIENT_FUNDS;
	if (!attempt->call.withdrawal && !is_covered(terms, attempt->call.asset))
		return FBO_NOT_FUNDED;
	return NULL;
}

static void
add_pair(LedgerRequest *request, const AccountSlot *debit, const AccountSlot *credit, units amount, asset_code asset)
{
	EntryLine  *line = &request->lines[request->line_count];

	line[0].account = debit->account;
	line[0].asset = line[1].asset = asset;
	line[0].amount = amount;
	line[1].account = credit->account;
	line[1].amount = -amount;
	request->line_count += 2;
}

static void
build_lines(LedgerRequest *request, const Attempt *attempt)
{
	const CashCall *call = &attempt->call;

	request->lines = palloc(CALL_LINES_MAX * sizeof(EntryLine));
	if (call->withdrawal)
	{
		add_pair(request, attempt->settled, attempt->cover, call->amount, call->asset);
		add_pair(request, attempt->due_from_fbo, attempt->receivable, call->amount, call->asset);
	}
	else
	{
		add_pair(request, attempt->cover, attempt->settled, call->amount, call->asset);
		add_pair(request, attempt->receivable, attempt->due_from_fbo, call->amount, call->asset);
	}
	if (call->coin != 0)
		add_pair(request, attempt->coin_encumbered, attempt->coin, call->coin, call->coin_asset);
}

static void
build_request(LedgerRequest *request, const CallTerms *terms, const Attempt *attempt)
{
	memset(request, 0, sizeof(LedgerRequest));
	request->client_id = terms->client_id;
	request->reference = psprintf("cash-call:" INT64_FORMAT, attempt->call.journal_id);
	request->kind = KIND_CASH_CALL;
	request->internal = true;
	request->effective_at = terms->at;
	request->effective_given = true;
	build_lines(request, attempt);
}

/* ---- posting ---- */

/* The refusal concerns neither the customer's account nor the cover, so it is a defect: the server log has it in full. */
static const char *
report_refusal(const Attempt *attempt, const LedgerRequest *request)
{
	ereport(LOG,
			(errmsg("cash call " INT64_FORMAT " of client %d was refused: %s: %s", attempt->call.journal_id,
					attempt->call.client_id, unpack_sql_state(request->refusal.sqlstate), request->refusal.message),
			 request->refusal.detail ? errdetail_internal("%s", request->refusal.detail) : 0));
	return POSTING_REFUSED;
}

static const char *
reason_of(const Attempt *attempt, const LedgerRequest *request)
{
	bool		customers = request->refused_account == attempt->settled->account;

	if (!is_refused(request))
		return NULL;
	switch (request->refusal.sqlstate)
	{
		case ERRCODE_LG_INSUFFICIENT:
			if (customers)
				return INSUFFICIENT_FUNDS;
			if (request->refused_account == attempt->cover->account)
				return FBO_NOT_FUNDED;
			break;
		case ERRCODE_LG_ACCOUNT_FROZEN:
			if (customers)
				return ACCOUNT_FROZEN;
			break;
		case ERRCODE_LG_ACCOUNT_CLOSED:
			if (customers)
				return ACCOUNT_CLOSED;
			break;
	}
	return report_refusal(attempt, request);
}

static void
note_result(Attempt *attempt, const LedgerRequest *request)
{
	attempt->reason = reason_of(attempt, request);
	attempt->settled_by = attempt->reason ? 0 : request->journal_id;
	attempt->recorded_at = request->recorded_at;
}

/* Post some of the attempts; the requests live no longer than this. */
static void
post_attempts(const CallTerms *terms, Attempt **attempts, int64 count)
{
	PostOptions options = {.forget_refusals = true};
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "cash call requests", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(work);
	LedgerRequest *requests = palloc(count * sizeof(LedgerRequest));

	for (int64 i = 0; i < count; i++)
		build_request(&requests[i], terms, attempts[i]);
	ledger_post(requests, count, &options);
	for (int64 i = 0; i < count; i++)
		note_result(attempts[i], &requests[i]);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
}

static void
post_in_turn(const CallTerms *terms, Attempt **attempts, int64 count)
{
	for (int64 first = 0; first < count; first += ATTEMPTS_PER_POST)
		post_attempts(terms, attempts + first, Min(count - first, ATTEMPTS_PER_POST));
}

/* Sale proceeds that found no cover, if customers have paid since. */
static void
attempt_again(CallTerms *terms, Attempt *attempts, int64 count, Attempt **list)
{
	int64		listed = 0;
	bool		collected = false;

	for (int64 i = 0; i < count; i++)
		collected |= attempts[i].call.withdrawal && attempts[i].reason == NULL;
	if (!collected)
		return;
	if (terms->uncovered_count > 0)
		set_off_again(terms);
	for (int64 i = 0; i < count; i++)
	{
		const CashCall *call = &attempts[i].call;

		if (!call->withdrawal && attempts[i].reason && strcmp(attempts[i].reason, FBO_NOT_FUNDED) == 0 &&
			is_covered(terms, call->asset))
			list[listed++] = &attempts[i];
	}
	post_in_turn(terms, list, listed);
}

void
attempt_calls(CallTerms *terms, Attempt *attempts, int64 count)
{
	Attempt   **list = MemoryContextAllocHuge(CurrentMemoryContext, (count + 1) * sizeof(Attempt *));
	int64		listed = 0;

	for (int64 i = 0; i < count; i++)
		want_accounts(&attempts[i]);
	accounts_load();
	for (int64 i = 0; i < count; i++)
	{
		attempts[i].reason = known_reason(terms, &attempts[i]);
		if (attempts[i].reason == NULL)
			list[listed++] = &attempts[i];
	}
	post_in_turn(terms, list, listed);
	attempt_again(terms, attempts, count, list);
	pfree(list);
}

/* ---- the record ---- */

/* The event of an attempt whose call is in the state in which it leaves it */
static void
insert_event(TableWriter *writer, const CallTerms *terms, const Attempt *attempt, int32 actor)
{
	const CashCall *call = &attempt->call;
	Event		event = {
		.client_id = call->client_id,
		.actor_id = actor,
		.subject = "cash_call",
		.subject_key = call->journal_id,
		.event = attempt->reason ? "failed" : "settled",
		.status = (char[]) {call->status, '\0'},
		.at = terms->at,
		.recorded_at = attempt->recorded_at,
		.reason = attempt->reason,
		.journal_id = attempt->settled_by
	};

	amount_set(&event.amount, call->amount, call->asset);
	event_insert(writer, &event);
}

/* The state in which the attempt leaves the call */
static void
advance_call(const CallTerms *terms, Attempt *attempt)
{
	CashCall   *call = &attempt->call;

	call->attempts++;
	call->due_at = terms->next_attempt;
	if (attempt->reason)
		return;
	call->due_at = NO_INSTANT;
	call->status = CALL_SETTLED;
	call->closed_at = terms->at;
	call->closed_recorded_at = attempt->recorded_at;
}

void
record_attempts(const CallTerms *terms, Attempt *attempts, int64 count)
{
	TimestampTz now = record_time();
	int32		actor = lookup_actor();
	TableWriter *calls;
	TableWriter *events;

	if (count == 0)
		return;
	calls = writer_open(LEDGER_CASH_CALL);
	events = event_writer_open();
	for (int64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		attempts[i].recorded_at = Max(now, attempts[i].recorded_at);
		advance_call(terms, &attempts[i]);
		cash_call_update(calls, &attempts[i].call);
		insert_event(events, terms, &attempts[i], actor);
	}
	writer_close(calls);
	writer_close(events);
	CommandCounterIncrement();
}
