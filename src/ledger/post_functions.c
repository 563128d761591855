/*-------------------------------------------------------------------------
 *
 * post_functions.c
 *	  The posting function as SQL sees it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "errors.h"
#include "ledger/bounded_wait.h"
#include "ledger/facts.h"
#include "ledger/field.h"
#include "ledger/lookup.h"
#include "ledger/post.h"
#include "ledger/reversal.h"

/* fields of journal_request, in order */
enum
{
	REQUEST_CLIENT, REQUEST_ENTRY, REQUEST_REFERENCE, REQUEST_KIND,
	REQUEST_DESCRIPTION, REQUEST_AT, REQUEST_LINKED, REQUEST_FIELDS
};

/* fields of journal_result, in order */
enum
{
	RESULT_REQUEST, RESULT_REFERENCE, RESULT_OUTCOME, RESULT_REPLAYED, RESULT_JOURNAL, RESULT_SQLSTATE,
	RESULT_MESSAGE, RESULT_DETAIL, RESULT_HINT, RESULT_FACTS, RESULT_RECORDED_AT, RESULT_BALANCES, RESULT_FIELDS
};

/* What it takes to build account_balance[] */
typedef struct BalanceType
{
	Oid			type;
	TupleDesc	desc;
	int16		length;
	bool		by_value;
	char		align;
} BalanceType;

static void
set_client(LedgerRequest *request, const char *code)
{
	request->client_id = code ? lookup_client_id(code) : 0;
	if (request->client_id == 0)
	{
		refuse(request, ERRCODE_LG_UNKNOWN_CLIENT, "Open the client first.", NULL,
			   "unknown client \"%s\"", code ? code : "");
		request->refusal.facts = facts_of_name("client", code ? code : "");
	}
}

/*
 * Kinds that a caller may name; the others belong to functions with rules of
 * their own, and so does what arrives and leaves, unless books are loaded.
 */
static bool
is_free_kind(JournalKind kind, bool by_hand)
{
	switch (kind)
	{
		case KIND_GENERAL:
		case KIND_TRANSFER:
		case KIND_OPENING:
		case KIND_FEE:
			return true;
		case KIND_COIN_DEPOSIT:
		case KIND_COIN_WITHDRAWAL:
		case KIND_CASH_DEPOSIT:
		case KIND_CASH_WITHDRAWAL:
			return !by_hand;
		default:
			return false;
	}
}

static void
set_kind(LedgerRequest *request, const char *name)
{
	request->kind = lookup_kind(name ? name : "general");
	if (request->kind == 0)
	{
		refuse(request, ERRCODE_LG_INVALID_REQUEST, "Use a name of table journal_kind.", NULL,
			   "unknown kind of journal \"%s\"", name);
		request->kind = KIND_GENERAL;
	}
	else if (!is_free_kind(request->kind, request->by_hand))
		refuse(request, ERRCODE_LG_INVALID_REQUEST,
			   "Use reverse_journal(), propose_journal(), capture_hold() or the functions of trades, cash and settlement.", NULL,
			   "a journal of kind \"%s\" is made by its own function", name);
}

/* Read one element of the array of requests. */
static void
read_request(LedgerRequest *request, const Datum *values, const bool *nulls)
{
	if (!nulls[REQUEST_REFERENCE])
		request->reference = TextDatumGetCString(values[REQUEST_REFERENCE]);
	set_client(request, nulls[REQUEST_CLIENT] ? NULL : TextDatumGetCString(values[REQUEST_CLIENT]));
	set_kind(request, nulls[REQUEST_KIND] ? NULL : TextDatumGetCString(values[REQUEST_KIND]));
	if (!nulls[REQUEST_ENTRY])
		request->entry = (JournalEntry *) PG_DETOAST_DATUM_COPY(values[REQUEST_ENTRY]);
	request->effective_given = !nulls[REQUEST_AT];
	if (request->effective_given)
		request->effective_at = DatumGetTimestampTz(values[REQUEST_AT]);
	if (!nulls[REQUEST_DESCRIPTION])
		request->description = TextDatumGetCString(values[REQUEST_DESCRIPTION]);
	request->linked = !nulls[REQUEST_LINKED] && DatumGetBool(values[REQUEST_LINKED]);
}

/* Read the whole array; a NULL element is refused by itself. */
static LedgerRequest *
read_requests(ArrayType *array, bool by_hand, int *count)
{
	Oid			element = ARR_ELEMTYPE(array);
	TupleDesc	desc = lookup_rowtype_tupdesc(element, -1);
	LedgerRequest *requests;
	Datum	   *elements;
	bool	   *nulls;
	int64		lines = 0;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_LG_INVALID_REQUEST),
				 errmsg("requests must be a one-dimensional array")));
	require_batch_size(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)));
	deconstruct_array(array, element, -1, false, TYPALIGN_DOUBLE, &elements, &nulls, count);
	requests = MemoryContextAllocExtended(CurrentMemoryContext, (*count + 1) * sizeof(LedgerRequest),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < *count; i++)
	{
		HeapTupleData tuple = {0};
		Datum		values[REQUEST_FIELDS];
		bool		isnull[REQUEST_FIELDS];

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
		{
			requests[i].kind = KIND_GENERAL;
			refuse(&requests[i], ERRCODE_LG_INVALID_REQUEST, "Remove the NULL element.", NULL, "a request is NULL");
			continue;
		}
		tuple.t_data = DatumGetHeapTupleHeader(elements[i]);
		tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
		heap_deform_tuple(&tuple, desc, values, isnull);
		requests[i].by_hand = by_hand;
		read_request(&requests[i], values, isnull);
		/* before more of them are copied: stored entries may be compressed */
		count_lines(&lines, &requests[i], i + 1);
	}
	ReleaseTupleDesc(desc);
	return requests;
}

/* Learn account_balance from the field of the result type. */
static void
init_balance_type(BalanceType *type, TupleDesc result)
{
	type->type = get_element_type(TupleDescAttr(result, RESULT_BALANCES)->atttypid);
	type->desc = lookup_rowtype_tupdesc_copy(type->type, -1);
	get_typlenbyvalalign(type->type, &type->length, &type->by_value, &type->align);
}

static Datum
make_balance(const BalanceAfter *after, const BalanceType *type)
{
	Datum		values[3] = {AccountIdGetDatum(after->account),
		AmountPGetDatum(amount_make(after->balance, after->asset)),
		AmountPGetDatum(amount_make(after->available, after->asset))};
	bool		nulls[3] = {false};

	return HeapTupleGetDatum(heap_form_tuple(type->desc, values, nulls));
}

static Datum
make_balances(const LedgerRequest *request, const BalanceType *type)
{
	Datum	   *balances = palloc((request->balance_count + 1) * sizeof(Datum));

	for (int i = 0; i < request->balance_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		balances[i] = make_balance(&request->balances[i], type);
	}
	return PointerGetDatum(construct_array(balances, request->balance_count, type->type,
										   type->length, type->by_value, type->align));
}

/* Fill one journal_result. */
static void
fill_result(const LedgerRequest *request, int number, const BalanceType *type, Datum *values, bool *nulls)
{
	bool		refused = is_refused(request);

	memset(nulls, 0, RESULT_FIELDS * sizeof(bool));
	values[RESULT_REQUEST] = Int32GetDatum(number);
	field_set_text(values, nulls, RESULT_REFERENCE, request->reference);
	values[RESULT_OUTCOME] = CStringGetTextDatum(refused ? "refused" : "posted");
	values[RESULT_REPLAYED] = BoolGetDatum(request->replayed);
	values[RESULT_JOURNAL] = Int64GetDatum(request->journal_id);
	nulls[RESULT_JOURNAL] = request->journal_id == 0;
	field_set_text(values, nulls, RESULT_SQLSTATE, refused ? unpack_sql_state(request->refusal.sqlstate) : NULL);
	field_set_text(values, nulls, RESULT_MESSAGE, request->refusal.message);
	field_set_text(values, nulls, RESULT_DETAIL, request->refusal.detail);
	field_set_text(values, nulls, RESULT_HINT, request->refusal.hint);
	field_set_json(values, nulls, RESULT_FACTS, request->refusal.facts);
	values[RESULT_RECORDED_AT] = TimestampTzGetDatum(request->recorded_at);
	nulls[RESULT_RECORDED_AT] = request->recorded_at == 0;
	nulls[RESULT_BALANCES] = refused || request->replayed;
	if (!nulls[RESULT_BALANCES])
		values[RESULT_BALANCES] = make_balances(request, type);
}

PG_FUNCTION_INFO_V1(check_batch_size);
Datum
check_batch_size(PG_FUNCTION_ARGS)
{
	require_batch_size(PG_GETARG_INT64(0));
	PG_RETURN_VOID();
}

/* Post a batch and return the journal_result of each. */
static Datum
post_many(FunctionCallInfo fcinfo, bool by_hand)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "journal results", ALLOCSET_SMALL_SIZES);
	PostOptions options = {.strict = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1),
	.dry_run = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2)};
	LedgerRequest *requests;
	BalanceType type;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_LG_INVALID_REQUEST), errmsg("a batch of requests must not be NULL")));
	lookup_begin();
	requests = read_requests(PG_GETARG_ARRAYTYPE_P(0), by_hand, &count);
	ledger_post(requests, count, &options);
	init_balance_type(&type, result->setDesc);
	for (int i = 0; i < count; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(rows);
		Datum		values[RESULT_FIELDS];
		bool		nulls[RESULT_FIELDS];

		CHECK_FOR_INTERRUPTS();
		fill_result(&requests[i], i + 1, &type, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	MemoryContextDelete(rows);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(post_journals);
Datum
post_journals(PG_FUNCTION_ARGS)
{
	return post_many(fcinfo, true);
}

PG_FUNCTION_INFO_V1(load_journals);
Datum
load_journals(PG_FUNCTION_ARGS)
{
	return post_many(fcinfo, false);
}

/* The journal_result of the one request of a call. */
static Datum
single_result(FunctionCallInfo fcinfo, const LedgerRequest *request)
{
	Datum		values[RESULT_FIELDS];
	bool		nulls[RESULT_FIELDS];
	TupleDesc	desc;
	BalanceType type;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	init_balance_type(&type, desc);
	fill_result(request, 1, &type, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* Post one request strictly and return its journal_result. */
static Datum
post_one(FunctionCallInfo fcinfo, LedgerRequest *request, bool dry_run)
{
	PostOptions options = {.strict = true,.dry_run = dry_run};

	ledger_post(request, 1, &options);
	return single_result(fcinfo, request);
}

static JournalEntry *
entry_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : (JournalEntry *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(number));
}

static void
set_effective(FunctionCallInfo fcinfo, int number, LedgerRequest *request)
{
	request->effective_given = !PG_ARGISNULL(number);
	if (request->effective_given)
		request->effective_at = PG_GETARG_TIMESTAMPTZ(number);
}

/* client, reference, entry, kind, effective_at, description, dry_run */
static Datum
post_arguments(FunctionCallInfo fcinfo, bool by_hand)
{
	LedgerRequest request = {.by_hand = by_hand};

	lookup_begin();
	set_client(&request, argument_text(fcinfo, 0));
	request.entry = entry_argument(fcinfo, 1);
	request.reference = argument_text(fcinfo, 2);
	set_kind(&request, argument_text(fcinfo, 3));
	request.description = argument_text(fcinfo, 4);
	set_effective(fcinfo, 5, &request);
	return post_one(fcinfo, &request, !PG_ARGISNULL(6) && PG_GETARG_BOOL(6));
}

PG_FUNCTION_INFO_V1(post_journal);
Datum
post_journal(PG_FUNCTION_ARGS)
{
	return post_arguments(fcinfo, true);
}

PG_FUNCTION_INFO_V1(load_journal);
Datum
load_journal(PG_FUNCTION_ARGS)
{
	return post_arguments(fcinfo, false);
}

/* A reversal without an entry is whole. */
static void
set_reversal(LedgerRequest *request)
{
	if (request->entry != NULL || is_refused(request))
		return;
	request->entry = reversal_entry(request->client_id, request->reverses);
	if (request->entry == NULL)
		refuse(request, ERRCODE_LG_UNKNOWN_JOURNAL, "Give the id of a journal of this client.",
			   psprintf("Journal " INT64_FORMAT ".", request->reverses), "no such journal to reverse");
}

/* Client and kind, by number and name, of what a function of the ledger posts. */
static LedgerRequest
internal_request(FunctionCallInfo fcinfo, int client, int kind)
{
	LedgerRequest request = {.internal = true};

	if (PG_ARGISNULL(client) || PG_ARGISNULL(kind))
		elog(ERROR, "client and kind must not be NULL");
	request.client_id = PG_GETARG_INT32(client);
	request.kind = lookup_kind(argument_text(fcinfo, kind));
	if (request.kind == 0)
		elog(ERROR, "unknown kind of journal \"%s\"", argument_text(fcinfo, kind));
	return request;
}

/* The functions of the ledger wait no longer than bounded_wait.h says; whoever posts by himself waits for his customers. */
static void
post_bounded(int32 client_id, LedgerRequest *requests, int count)
{
	PostOptions options = {.strict = true};
	MemoryContext context = CurrentMemoryContext;
	ClientInfo *client = lookup_client(client_id);
	char		client_code[sizeof(client->code)];
	int			level;

	strlcpy(client_code, client ? client->code : "?", sizeof(client_code));
	level = bounded_wait_begin();
	PG_TRY();
	{
		ledger_post(requests, count, &options);
	}
	PG_CATCH();
	{
		bounded_wait_failed(context, psprintf("client \"%s\" is in use", client_code),
							"Another transaction has posted to an account that this posts to, and has not ended.");
	}
	PG_END_TRY();
	bounded_wait_end(level);
}

PG_FUNCTION_INFO_V1(post_entry);
Datum
post_entry(PG_FUNCTION_ARGS)
{
	LedgerRequest request;

	lookup_begin();
	request = internal_request(fcinfo, 0, 2);
	request.reference = argument_text(fcinfo, 1);
	request.entry = entry_argument(fcinfo, 3);
	set_effective(fcinfo, 4, &request);
	request.description = argument_text(fcinfo, 5);
	request.reverses = PG_ARGISNULL(6) ? 0 : PG_GETARG_INT64(6);
	request.by_hand = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
	request.with_deficit = !PG_ARGISNULL(8) && PG_GETARG_BOOL(8);
	if (request.kind == KIND_REVERSAL)
		set_reversal(&request);
	post_bounded(request.client_id, &request, 1);
	return single_result(fcinfo, &request);
}

/* The elements of an array argument, none of them NULL, and as many as there are requests. */
static Datum *
elements_argument(FunctionCallInfo fcinfo, int number, int count)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int16		length;
	bool		by_value;
	char		align;
	int			found;

	if (PG_ARGISNULL(number))
		elog(ERROR, "an array of what to post is NULL");
	array = PG_GETARG_ARRAYTYPE_P(number);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &elements, &nulls, &found);
	if (found != count || array_contains_nulls(array))
		elog(ERROR, "%d elements to post where %d are wanted, or one of them is NULL", found, count);
	return elements;
}

/* holder, kind, named, entries, effective, descriptions; NULL: none */
PG_FUNCTION_INFO_V1(post_entries);
Datum
post_entries(PG_FUNCTION_ARGS)
{
	LedgerRequest common;
	LedgerRequest *requests;
	Datum	   *references;
	Datum	   *entries;
	Datum	   *descriptions;
	Datum	   *journals;
	int			count = PG_ARGISNULL(2) ? 0 : ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(2)), ARR_DIMS(PG_GETARG_ARRAYTYPE_P(2)));

	lookup_begin();
	common = internal_request(fcinfo, 0, 1);
	set_effective(fcinfo, 4, &common);
	references = elements_argument(fcinfo, 2, count);
	entries = elements_argument(fcinfo, 3, count);
	descriptions = PG_ARGISNULL(5) ? NULL : elements_argument(fcinfo, 5, count);
	requests = MemoryContextAllocExtended(CurrentMemoryContext, (count + 1) * sizeof(LedgerRequest), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	journals = palloc((count + 1) * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		requests[i] = common;
		requests[i].reference = TextDatumGetCString(references[i]);
		requests[i].entry = (JournalEntry *) PG_DETOAST_DATUM_COPY(entries[i]);
		requests[i].description = descriptions ? TextDatumGetCString(descriptions[i]) : NULL;
	}
	post_bounded(common.client_id, requests, count);
	for (int i = 0; i < count; i++)
		journals[i] = Int64GetDatum(requests[i].journal_id);
	PG_RETURN_ARRAYTYPE_P(construct_array(journals, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

PG_FUNCTION_INFO_V1(reverse_journal);
Datum
reverse_journal(PG_FUNCTION_ARGS)
{
	LedgerRequest request = {.kind = KIND_REVERSAL,.by_hand = true};

	lookup_begin();
	set_client(&request, argument_text(fcinfo, 0));
	if (!is_refused(&request))
		lookup_check_access(request.client_id);
	request.reverses = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	request.reference = argument_text(fcinfo, 2);
	request.entry = entry_argument(fcinfo, 3);
	request.description = argument_text(fcinfo, 4);
	set_effective(fcinfo, 5, &request);
	set_reversal(&request);
	return post_one(fcinfo, &request, false);
}
