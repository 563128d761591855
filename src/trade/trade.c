/*-------------------------------------------------------------------------
 *
 * trade.c
 *	  Posting of executions, one or thousands in a call (design 5 and 11).
 *
 * A call reads its requests, loads what it needs of parties and accounts with
 * one query per table, turns each request into lines by a template, and hands
 * all of them to the posting function at once.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "errors.h"
#include "cash/cash_terms.h"
#include "ledger/field.h"
#include "ledger/lookup.h"
#include "ledger/post.h"
#include "trade/exposure.h"
#include "trade/order_commission.h"
#include "trade/prefunded.h"
#include "trade/trade.h"
#include "trade/trade_cash_call.h"

/* fields of type trade_result, in order */
enum
{
	RESULT_REQUEST, RESULT_REFERENCE, RESULT_OUTCOME, RESULT_REPLAYED, RESULT_JOURNAL, RESULT_PRICE, RESULT_NET_MONEY,
	RESULT_REVENUE, RESULT_REVENUE_SHARE, RESULT_FEE, RESULT_POSITION_AFTER,
	RESULT_SQLSTATE, RESULT_MESSAGE, RESULT_DETAIL, RESULT_HINT, RESULT_FACTS, RESULT_RECORDED_AT,
	RESULT_FIELDS
};

TradeBatch *
trade_batch_make(int count)
{
	TradeBatch *batch = palloc(sizeof(TradeBatch));

	lookup_begin();
	party_cache_begin();
	account_roles_begin();
	cash_terms_begin();
	last_prices_begin();
	exposures_begin();
	batch->count = count;
	batch->power = NULL;
	batch->exposure = NULL;
	batch->trades = MemoryContextAllocExtended(CurrentMemoryContext, (count + 1) * sizeof(TradeRequest),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	batch->requests = MemoryContextAllocExtended(CurrentMemoryContext, (count + 1) * sizeof(LedgerRequest),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < count; i++)
		batch->trades[i].request = &batch->requests[i];
	return batch;
}

/* ---- orders with a fixed or a minimum fee ---- */

/* the terms of a request that stands, of a bust those it takes back; NULL if they name no order */
static const ExecutionTerms *
order_terms(const TradeRequest *trade)
{
	const ExecutionTerms *terms = trade->is_bust ? trade->busted : &trade->terms;

	return trade_refused(trade) || terms == NULL || terms->client_order_id == NULL ? NULL : terms;
}

/* What the fills of such an order pay hangs on which earlier ones stand: they are built when their turn comes. */
static void
want_order(OrderBook *book, TradeRequest *trade, const ExecutionTerms *terms)
{
	trade->order = order_want(book, trade->request->client_id, terms);
	trade->request->deferred = !trade->is_bust;
}

static void
want_orders_named(OrderBook *book, TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		const ExecutionTerms *terms = order_terms(&batch->trades[i]);

		CHECK_FOR_INTERRUPTS();
		if (terms && names_order_fees(terms))
			want_order(book, &batch->trades[i], terms);
	}
}

/* Has the order of such a fill fees that the fill does not name? */
static bool
misses_fees(OrderBook *book, const TradeRequest *trade)
{
	const ExecutionTerms *terms = order_terms(trade);

	return terms && !trade->is_bust && !names_order_fees(terms) && trade->client->commission != COMMISSION_MARKUP &&
		order_has_fees(book, trade->request->client_id, terms);
}

static void
want_orders_missed(OrderBook *book, TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (misses_fees(book, &batch->trades[i]))
			want_order(book, &batch->trades[i], &batch->trades[i].terms);
	}
	order_search_end(book);
}

static bool
names_orders(const TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
		if (order_terms(&batch->trades[i]))
			return true;
	return false;
}

/* Those that name their fees first, since the others are asked whether their order is among them. */
static OrderBook *
open_orders(TradeBatch *batch, bool dry_run)
{
	OrderBook  *book;

	if (!names_orders(batch))
		return NULL;
	book = order_book_make();
	want_orders_named(book, batch);
	want_orders_missed(book, batch);
	if (order_book_is_empty(book))
		return NULL;
	order_book_load(book, !dry_run);
	return book;
}

/* the fill counts from here on, or, of a bust, no longer; sign -1: the other way about */
static void
accrue(TradeRequest *trade, int sign)
{
	const ExecutionTerms *terms = trade->is_bust ? trade->busted : &trade->terms;
	units		notional = terms->sell ? terms->net_money + terms->fee : terms->net_money - terms->fee;
	units		exact;

	if (!names_order_fees(terms))
		return;
	if (trade_fee_exact(notional, terms->fee_bps, &exact) != UNITS_OK)
		elog(ERROR, "fee of a posted execution is out of range");
	order_count(trade->order, terms, exact, terms->fee, trade->is_bust ? -sign : sign);
}

/* ---- the batch ---- */

static void
compute_one(TradeRequest *trade)
{
	if (trade->request->deferred)
		trade_compute_notional(trade);
	else
		trade_compute(trade, NULL);
}

static void
build(TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		TradeRequest *trade = &batch->trades[i];

		CHECK_FOR_INTERRUPTS();
		if (trade->is_bust)
			continue;
		if (!trade_refused(trade))
			compute_one(trade);
		if (!trade_refused(trade))
			trade_want_accounts(trade);
	}
	accounts_load();
	for (int i = 0; i < batch->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!batch->trades[i].is_bust)
			trade_build(&batch->trades[i]);
	}
}

static TradeRequest *
trade_of(TradeBatch *batch, const LedgerRequest *request)
{
	return &batch->trades[request - batch->requests];
}

/* PostOptions.prepare */
static void
prepare(LedgerRequest *request, void *judge)
{
	trade_rebuild(trade_of(judge, request));
}

/* What has counted the request counts it no longer. */
static void
dismiss_from_limits(TradeBatch *batch, int i)
{
	if (batch->exposure)
		exposure_dismiss(batch->exposure, i);
	if (batch->power)
		prefunded_dismiss(batch->power, i);
}

/* PostOptions.admit: limits and buying power, and the price has the last word; then the fill counts for those after it */
static void
admit(LedgerRequest *request, void *judge)
{
	TradeBatch *batch = judge;
	TradeRequest *trade = trade_of(batch, request);
	int			i = request - batch->requests;

	if (!trade->is_bust)
		trade_check_open_still(trade);
	if (batch->exposure && !is_refused(request))
		exposure_admit(batch->exposure, i);
	if (batch->power && !is_refused(request))
		prefunded_admit(batch->power, i);
	if (!trade->is_bust && !is_refused(request))
		trade_check_band(trade);
	if (is_refused(request))
		dismiss_from_limits(batch, i);
	else if (trade->order)
		accrue(trade, 1);
}

/* PostOptions.dismiss: its chain has fallen */
static void
dismiss(LedgerRequest *request, void *judge)
{
	TradeBatch *batch = judge;
	TradeRequest *trade = trade_of(batch, request);

	dismiss_from_limits(batch, request - batch->requests);
	if (trade->last_price)
		last_price_dismiss(trade->last_price, trade->passed_before);
	if (trade->order)
		accrue(trade, -1);
}

/* What was executed now is what the next prices are held against. */
static void
record_prices(TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		TradeRequest *trade = &batch->trades[i];

		if (trade_refused(trade) || trade->request->replayed)
			continue;
		if (trade->is_bust)
			last_prices_forget();
		else if (trade->last_price)
			last_price_posted(trade->last_price, trade->terms.provider_price);
	}
}

/* The cause, not the requests of its chain that fell with it. */
static void
raise_first_refusal(const TradeBatch *batch)
{
	const LedgerRequest *first = NULL;

	for (int i = 0; i < batch->count; i++)
	{
		const LedgerRequest *request = &batch->requests[i];

		if (is_refused(request) && (first == NULL || first->refusal.sqlstate == ERRCODE_LG_CHAIN_REFUSED))
			first = request;
	}
	if (first)
		raise_refusal(first);
}

/* A bust that finds the coin gone is told the way out. */
static void
tell_way_out(TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		TradeRequest *trade = &batch->trades[i];

		if (trade->is_bust && trade->busted && !trade->busted->sell && trade->request->refusal.sqlstate == ERRCODE_LG_INSUFFICIENT)
			trade->request->refusal.hint = "If the coin is gone for good, let one person propose it with propose_take_back() and another approve it.";
	}
}

static void
post_batch(TradeBatch *batch, bool strict, bool dry_run)
{
	PostOptions options = {
		.dry_run = dry_run,.terms_difference = trade_difference,
		.prepare = prepare,.admit = admit,.dismiss = dismiss,.judge = batch
	};
	OrderBook  *book;

	customers_load();
	for (int i = 0; i < batch->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!batch->trades[i].is_bust)
			trade_check(&batch->trades[i]);
	}
	batch->exposure = exposure_of(batch);
	batch->power = prefunded_lock(batch);
	/* customers, orders, accounts: src/README.md */
	trade_cash_calls_lock_customers(batch);
	book = open_orders(batch, dry_run);
	trade_busts_leave_deficits(batch);
	trade_cash_calls_prepare_busts(batch);
	build(batch);
	ledger_post(batch->requests, batch->count, &options);
	tell_way_out(batch);
	if (strict)
		raise_first_refusal(batch);
	if (dry_run)
		return;
	record_prices(batch);
	if (batch->exposure)
		exposure_record(batch->exposure);
	trade_cash_calls_record(batch);
	if (book)
		order_book_record(book);
}

/*
 * A dry run may have to open accounts: they go again with a subtransaction,
 * which must be ended here also when an error passes through.
 */
static void
post_batch_dry(TradeBatch *batch, bool strict)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		post_batch(batch, strict, true);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error)
		ReThrowError(error);
}

void
trade_batch_post(TradeBatch *batch, bool strict, bool dry_run)
{
	if (dry_run)
		post_batch_dry(batch, strict);
	else
		post_batch(batch, strict, false);
}

/* ---- input ---- */

static void
refuse_null(TradeRequest *trade)
{
	trade->request->kind = KIND_TRADE;
	refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, "Remove the NULL element.", NULL, "a request is NULL");
}

static TradeBatch *
read_batch(ArrayType *array)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(ARR_ELEMTYPE(array), -1);
	TradeBatch *batch;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (ARR_NDIM(array) > 1 || desc->natts != TRADE_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_LG_INVALID_REQUEST),
				 errmsg("requests must be a one-dimensional array of trade_request")));
	require_batch_size(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)));
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &elements, &nulls, &count);
	batch = trade_batch_make(count);
	for (int i = 0; i < count; i++)
	{
		HeapTupleData tuple = {0};
		Datum		values[TRADE_FIELDS];
		bool		isnull[TRADE_FIELDS];

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
		{
			refuse_null(&batch->trades[i]);
			continue;
		}
		tuple.t_data = DatumGetHeapTupleHeader(elements[i]);
		tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
		heap_deform_tuple(&tuple, desc, values, isnull);
		trade_read(&batch->trades[i], values, isnull);
	}
	ReleaseTupleDesc(desc);
	return batch;
}

void
trade_arguments(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	for (int i = 0; i < TRADE_LINKED; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i);
	}
	nulls[TRADE_LINKED] = true;
}

/* ---- output ---- */

/* room for the fixed-length values of one result row */
typedef struct ResultSpace
{
	Price		price;
	Amount		net_money;
	Amount		revenue;
	Amount		revenue_share;
	Amount		fee;
	Amount		position;
} ResultSpace;

static void
set_amount(Datum *values, bool *nulls, int field, Amount *space, units value, asset_code asset)
{
	amount_set(space, value, asset);
	values[field] = AmountPGetDatum(space);
	nulls[field] = false;
}

/* of a replay the terms are the stored ones: the original's answer */
static void
fill_terms(const LedgerRequest *request, Datum *values, bool *nulls, ResultSpace *space)
{
	ExecutionTerms terms;

	terms_unpack_stored(request->terms, &terms);
	price_set(&space->price, terms.price, terms.quote, terms.base);
	values[RESULT_PRICE] = PricePGetDatum(&space->price);
	nulls[RESULT_PRICE] = false;
	set_amount(values, nulls, RESULT_NET_MONEY, &space->net_money, terms.net_money * terms_sign(&terms), terms.quote);
	set_amount(values, nulls, RESULT_REVENUE, &space->revenue,
			   terms.bust ? -terms_revenue(&terms) : terms_revenue(&terms), terms.quote);
	set_amount(values, nulls, RESULT_REVENUE_SHARE, &space->revenue_share,
			   terms.bust ? -terms.revenue_share : terms.revenue_share, terms.quote);
	set_amount(values, nulls, RESULT_FEE, &space->fee, terms.bust ? -terms.fee : terms.fee, terms.quote);
}

static void
fill_result(const LedgerRequest *request, int number, Datum *values, bool *nulls, ResultSpace *space)
{
	bool		refused = is_refused(request);

	memset(nulls, true, RESULT_FIELDS * sizeof(bool));
	values[RESULT_REQUEST] = Int32GetDatum(number);
	field_set_text(values, nulls, RESULT_REFERENCE, request->reference);
	values[RESULT_OUTCOME] = CStringGetTextDatum(refused ? "refused" : "posted");
	values[RESULT_REPLAYED] = BoolGetDatum(request->replayed);
	nulls[RESULT_REQUEST] = nulls[RESULT_OUTCOME] = nulls[RESULT_REPLAYED] = false;
	values[RESULT_JOURNAL] = Int64GetDatum(request->journal_id);
	nulls[RESULT_JOURNAL] = request->journal_id == 0;
	values[RESULT_RECORDED_AT] = TimestampTzGetDatum(request->recorded_at);
	nulls[RESULT_RECORDED_AT] = request->recorded_at == 0;
	if (refused)
	{
		field_set_text(values, nulls, RESULT_SQLSTATE, unpack_sql_state(request->refusal.sqlstate));
		field_set_text(values, nulls, RESULT_MESSAGE, request->refusal.message);
		field_set_text(values, nulls, RESULT_DETAIL, request->refusal.detail);
		field_set_text(values, nulls, RESULT_HINT, request->refusal.hint);
		field_set_json(values, nulls, RESULT_FACTS, request->refusal.facts);
		return;
	}
	fill_terms(request, values, nulls, space);
	if (request->balance_count > 0 && !request->replayed)
		set_amount(values, nulls, RESULT_POSITION_AFTER, &space->position,
				   request->balances[0].balance, request->balances[0].asset);
}

Datum
trade_result(FunctionCallInfo fcinfo, const LedgerRequest *request)
{
	TupleDesc	desc;
	Datum		values[RESULT_FIELDS];
	bool		nulls[RESULT_FIELDS];
	ResultSpace space;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	fill_result(request, 1, values, nulls, &space);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

void
trade_results(FunctionCallInfo fcinfo, const TradeBatch *batch)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "trade results", ALLOCSET_SMALL_SIZES);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < batch->count; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(rows);
		Datum		values[RESULT_FIELDS];
		bool		nulls[RESULT_FIELDS];
		ResultSpace space;

		CHECK_FOR_INTERRUPTS();
		fill_result(&batch->requests[i], i + 1, values, nulls, &space);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	MemoryContextDelete(rows);
}

/* ---- the functions ---- */

PG_FUNCTION_INFO_V1(post_trades);

Datum
post_trades(PG_FUNCTION_ARGS)
{
	TradeBatch *batch;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_LG_INVALID_REQUEST), errmsg("a batch of requests must not be NULL")));
	batch = read_batch(PG_GETARG_ARRAYTYPE_P(0));
	trade_batch_post(batch, !PG_ARGISNULL(1) && PG_GETARG_BOOL(1), !PG_ARGISNULL(2) && PG_GETARG_BOOL(2));
	trade_results(fcinfo, batch);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(post_trade);

/* arguments: the fields of trade_request but `linked`, then dry_run */
Datum
post_trade(PG_FUNCTION_ARGS)
{
	TradeBatch *batch = trade_batch_make(1);
	Datum		values[TRADE_FIELDS];
	bool		nulls[TRADE_FIELDS];

	trade_arguments(fcinfo, values, nulls);
	trade_read(&batch->trades[0], values, nulls);
	trade_batch_post(batch, true, !PG_ARGISNULL(TRADE_LINKED) && PG_GETARG_BOOL(TRADE_LINKED));
	return trade_result(fcinfo, &batch->requests[0]);
}
