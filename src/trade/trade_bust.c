/*-------------------------------------------------------------------------
 *
 * trade_bust.c
 *	  Taking executions back, and putting right ones in their place.
 *
 * A bust is the whole reversal of a trade's journal, once (I3): the lines and
 * the terms negated, at the original's time, so that a window that has not
 * been sealed nets both to nothing and a later one carries the difference.
 * Two people may take back what the customer has no more: then the company
 * owes the coin that is gone to the customers' fund, and the customer owes it
 * to the company (J06d in coin).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "ledger/field.h"
#include "ledger/key_lookup.h"
#include "ledger/lookup.h"
#include "ledger/spi_plan.h"
#include "trade/trade.h"

#define BUST_SUFFIX "/bust"

/* The execution to take back, as stored */
typedef struct Original
{
	bool		found;
	int64		journal_id;
	TimestampTz executed_at;
	JournalEntry *entry;
	PackedTerms *packed;		/* what `terms` points into */
	ExecutionTerms terms;
} Original;

/* how the caller names it: by reference or by journal */
typedef struct OriginalName
{
	char	   *reference;
	int64		journal_id;
} OriginalName;

/* columns of journal, by number */
enum
{
	JOURNAL_ID = 3, JOURNAL_EFFECTIVE_AT = 5, JOURNAL_CUSTOMER_ID = 6, JOURNAL_KIND = 8,
	JOURNAL_ENTRY = 10, JOURNAL_TERMS = 11
};

static Datum
value_of(TupleTableSlot *slot, int column)
{
	bool		isnull;

	return slot_getattr(slot, column, &isnull);
}

/* Take over the row if it is an execution of the customer. */
static void
read_original(TupleTableSlot *slot, const Customer *customer, Original *original)
{
	if (DatumGetInt16(value_of(slot, JOURNAL_KIND)) != KIND_TRADE ||
		DatumGetInt64(value_of(slot, JOURNAL_CUSTOMER_ID)) != customer->customer_id)
		return;
	original->found = true;
	original->journal_id = DatumGetInt64(value_of(slot, JOURNAL_ID));
	original->executed_at = DatumGetTimestampTz(value_of(slot, JOURNAL_EFFECTIVE_AT));
	original->entry = (JournalEntry *) PG_DETOAST_DATUM_COPY(value_of(slot, JOURNAL_ENTRY));
	original->packed = (PackedTerms *) PG_DETOAST_DATUM_COPY(value_of(slot, JOURNAL_TERMS));
	terms_unpack_stored(original->packed, &original->terms);
}

static void
find_original(const Customer *customer, const OriginalName *name, Original *original)
{
	KeyLookup	lookup;
	Datum		key[2] = {
		Int32GetDatum(customer->client_id),
		name->reference ? CStringGetTextDatum(name->reference) : Int64GetDatum(name->journal_id)
	};

	key_lookup_open(&lookup, LEDGER_JOURNAL, name->reference ? LEDGER_JOURNAL_REFERENCE_KEY : LEDGER_JOURNAL_KEY);
	if (key_lookup_find(&lookup, key))
		read_original(lookup.slot, customer, original);
	key_lookup_close(&lookup);
}

static void
refuse_unknown(LedgerRequest *request, const Customer *customer, const OriginalName *name)
{
	refuse(request, ERRCODE_LG_UNKNOWN_JOURNAL,
		   "Name an execution of this customer by its reference (original) or its number (journal).",
		   name->reference ? psprintf("Reference \"%s\".", name->reference) :
		   psprintf("Journal " INT64_FORMAT ".", name->journal_id),
		   "customer \"%.*s\" has no such execution", ACCOUNT_CODE_LENGTH, customer->code);
}

/* every line and the terms, negated */
static void
build_bust(TradeRequest *trade, const Original *original)
{
	LedgerRequest *request = trade->request;
	ExecutionTerms terms = original->terms;

	trade->busted = &original->terms;
	request->line_count = entry_unpack(original->entry, &request->lines);
	for (int i = 0; i < request->line_count; i++)
		request->lines[i].amount = -request->lines[i].amount;
	request->reverses = original->journal_id;
	request->effective_at = original->executed_at;
	request->effective_given = true;
	terms.bust = true;
	terms.original = original->journal_id;
	request->terms = terms_pack(&terms);
}

/* Fill the request that takes the named execution back, or refuse it. */
static void
make_bust(TradeRequest *trade, const Customer *customer, const OriginalName *name, Original *original)
{
	LedgerRequest *request = trade->request;

	request->kind = KIND_TRADE_BUST;
	trade->is_bust = true;
	memset(original, 0, sizeof(Original));
	if (customer == NULL || customer->customer_id == 0 || !lookup_has_access(customer->client_id))
	{
		refuse(request, ERRCODE_LG_UNKNOWN_CUSTOMER, "Open the customer with open_customer().", NULL,
			   "customer does not exist");
		return;
	}
	request->client_id = customer->client_id;
	if ((name->reference == NULL) == (name->journal_id == 0))
	{
		refuse(request, ERRCODE_LG_INVALID_REQUEST, "Give either original (a reference) or journal (a number).", NULL,
			   "name the execution to take back once");
		return;
	}
	find_original(customer, name, original);
	if (original->found)
		build_bust(trade, original);
	else
		refuse_unknown(request, customer, name);
}

/* ---- coin that is gone ---- */

/*
 * What of the coin is owed instead of taken: an entry whose first line stands
 * against the bust's own on the claim, and whose others say who owes it.  NULL
 * when all of it is there.
 */
static JournalEntry *
find_deficit(const LedgerRequest *request)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext context = CurrentMemoryContext;
	Oid			types[2] = {INT4OID, INT8OID};
	Datum		arguments[2] = {Int32GetDatum(request->client_id), Int64GetDatum(request->reverses)};
	JournalEntry *entry = NULL;
	Datum		found;
	bool		isnull;

	SPI_connect();
	spi_plan(&plan, 2, types, "SELECT bakkt_ledger_internal.deficit_of_bust($1, $2)");
	spi_execute(plan, arguments);
	found = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		entry = (JournalEntry *) PG_DETOAST_DATUM_COPY(found);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return entry;
}

/* Take that much less from the claim; a line of nothing is none. */
static int
take_less(EntryLine *lines, int count, const EntryLine *less)
{
	int			kept = 0;

	for (int i = 0; i < count; i++)
	{
		if (lines[i].account == less->account)
			lines[i].amount += less->amount;
		if (lines[i].amount != 0)
			lines[kept++] = lines[i];
	}
	return kept;
}

static void
leave_deficit(LedgerRequest *request, const JournalEntry *deficit)
{
	EntryLine  *owed;
	int			owed_count = entry_unpack(deficit, &owed);
	EntryLine  *lines = palloc((request->line_count + owed_count) * sizeof(EntryLine));
	int			count;

	memcpy(lines, request->lines, request->line_count * sizeof(EntryLine));
	count = take_less(lines, request->line_count, &owed[0]);
	memcpy(&lines[count], &owed[1], (owed_count - 1) * sizeof(EntryLine));
	request->lines = lines;
	request->line_count = count + owed_count - 1;
	request->with_deficit = true;
}

void
trade_busts_leave_deficits(const TradeBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		const TradeRequest *trade = &batch->trades[i];
		JournalEntry *deficit;

		CHECK_FOR_INTERRUPTS();
		if (!trade->with_deficit || trade_refused(trade))
			continue;
		deficit = find_deficit(trade->request);
		if (deficit)
			leave_deficit(trade->request, deficit);
	}
}

/* ---- the functions ---- */

static Customer *
customer_argument(FunctionCallInfo fcinfo, int number)
{
	char	   *code = argument_text(fcinfo, number);
	Customer   *customer = code ? customer_want(code, strlen(code)) : NULL;

	customers_load();
	return customer;
}

static OriginalName
original_argument(FunctionCallInfo fcinfo, int reference, int journal)
{
	OriginalName name = {argument_text(fcinfo, reference), PG_ARGISNULL(journal) ? 0 : PG_GETARG_INT64(journal)};

	return name;
}

PG_FUNCTION_INFO_V1(bust_trade);

/* customer, original, reference, reason, journal, dry_run */
Datum
bust_trade(PG_FUNCTION_ARGS)
{
	TradeBatch *batch = trade_batch_make(1);
	OriginalName name = original_argument(fcinfo, 1, 4);
	Original	original;

	batch->requests[0].reference = argument_text(fcinfo, 2);
	batch->requests[0].description = argument_text(fcinfo, 3);
	make_bust(&batch->trades[0], customer_argument(fcinfo, 0), &name, &original);
	trade_batch_post(batch, true, !PG_ARGISNULL(5) && PG_GETARG_BOOL(5));
	return trade_result(fcinfo, &batch->requests[0]);
}

PG_FUNCTION_INFO_V1(bust_with_deficit);

/* customer, journal, reference, reason: the bust of a purchase that two people have decided on */
Datum
bust_with_deficit(PG_FUNCTION_ARGS)
{
	TradeBatch *batch = trade_batch_make(1);
	OriginalName name = {.journal_id = PG_GETARG_INT64(1)};
	Original	original;

	batch->requests[0].reference = argument_text(fcinfo, 2);
	batch->requests[0].description = argument_text(fcinfo, 3);
	batch->requests[0].internal = true;
	batch->trades[0].with_deficit = true;
	make_bust(&batch->trades[0], customer_argument(fcinfo, 0), &name, &original);
	trade_batch_post(batch, true, false);
	return trade_result(fcinfo, &batch->requests[0]);
}

/* arguments of correct_trade after those of an execution */
enum
{
	CORRECT_ORIGINAL = TRADE_LINKED, CORRECT_JOURNAL, CORRECT_ORIGINAL_CUSTOMER, CORRECT_REASON, CORRECT_DRY_RUN
};

static void
take(Datum *values, bool *nulls, int field, Datum value)
{
	values[field] = value;
	nulls[field] = false;
}

static bool
is_buy(const Datum *values, const bool *nulls)
{
	return !nulls[TRADE_SIDE] && strcmp(TextDatumGetCString(values[TRADE_SIDE]), "BUY") == 0;
}

/* Prices and markup that are not given are the original's, as it was given them. */
static void
inherit_prices(const ExecutionTerms *terms, Datum *values, bool *nulls)
{
	bool		priced = !nulls[TRADE_PRICE] || !nulls[TRADE_PROVIDER_PRICE];

	if (!priced && terms->price_given)
		take(values, nulls, TRADE_PRICE, PricePGetDatum(price_make(terms->price, terms->quote, terms->base)));
	if (!priced && terms->provider_price_given)
		take(values, nulls, TRADE_PROVIDER_PRICE, PricePGetDatum(price_make(terms->provider_price, terms->quote, terms->base)));
	/* a customer's price has no markup beside it */
	if (!nulls[TRADE_PRICE])
		return;
	if (nulls[TRADE_MARKUP_BPS])
		take(values, nulls, TRADE_MARKUP_BPS, Int32GetDatum(terms->markup_bps));
	if (nulls[TRADE_MARKUP_FIXED] && terms->markup_fixed != 0)
		take(values, nulls, TRADE_MARKUP_FIXED, PricePGetDatum(price_make(terms->markup_fixed, terms->quote, terms->base)));
}

static void
inherit_fees(const ExecutionTerms *terms, bool same_customer, Datum *values, bool *nulls)
{
	if (nulls[TRADE_FEE_BPS])
		take(values, nulls, TRADE_FEE_BPS, Int32GetDatum(terms->fee_bps));
	if (nulls[TRADE_FEE_FIXED] && terms->fee_fixed != 0)
		take(values, nulls, TRADE_FEE_FIXED, AmountPGetDatum(amount_make(terms->fee_fixed, terms->quote)));
	if (nulls[TRADE_FEE_MINIMUM] && terms->fee_minimum != 0)
		take(values, nulls, TRADE_FEE_MINIMUM, AmountPGetDatum(amount_make(terms->fee_minimum, terms->quote)));
	if (nulls[TRADE_CLIENT_ORDER_ID] && same_customer && terms->client_order_id)
		take(values, nulls, TRADE_CLIENT_ORDER_ID,
			 PointerGetDatum(cstring_to_text_with_len(terms->client_order_id, terms->client_order_id_length)));
}

/* Is the correction about the same pair, as far as it says? Else prices and fees of the original mean nothing for it. */
static bool
same_pair(const ExecutionTerms *terms, const Datum *values, const bool *nulls)
{
	int			priced = nulls[TRADE_PRICE] ? TRADE_PROVIDER_PRICE : TRADE_PRICE;

	return !nulls[TRADE_QUANTITY] && DatumGetAmountP(values[TRADE_QUANTITY])->asset == terms->base &&
		(nulls[priced] || DatumGetPriceP(values[priced])->quote == terms->quote);
}

/* The right execution: points back to the wrong one, and has of it what it is not told otherwise. */
static void
read_correction(FunctionCallInfo fcinfo, TradeRequest *trade, const Original *original, bool same_customer)
{
	Datum		values[TRADE_FIELDS];
	bool		nulls[TRADE_FIELDS];

	trade_arguments(fcinfo, values, nulls);
	if (original->found && same_pair(&original->terms, values, nulls))
	{
		inherit_prices(&original->terms, values, nulls);
		inherit_fees(&original->terms, same_customer, values, nulls);
	}
	if (original->found && nulls[TRADE_ENCUMBERED] && is_buy(values, nulls))
		take(values, nulls, TRADE_ENCUMBERED, BoolGetDatum(original->terms.encumbered));
	trade_read(trade, values, nulls);
	trade->terms.original = original->journal_id;
	trade->request->description = argument_text(fcinfo, CORRECT_REASON);
	if (!original->found)
		return;
	trade->corrected = &original->terms;
	if (!trade->request->effective_given)
	{
		trade->request->effective_at = original->executed_at;
		trade->request->effective_given = true;
	}
}

PG_FUNCTION_INFO_V1(correct_trade);

/* Two linked requests in one call of the posting function: both stand or neither. */
Datum
correct_trade(PG_FUNCTION_ARGS)
{
	TradeBatch *batch = trade_batch_make(2);
	OriginalName name = original_argument(fcinfo, CORRECT_ORIGINAL, CORRECT_JOURNAL);
	Customer   *right = customer_argument(fcinfo, TRADE_CUSTOMER);
	Customer   *wrong = PG_ARGISNULL(CORRECT_ORIGINAL_CUSTOMER) ? right : customer_argument(fcinfo, CORRECT_ORIGINAL_CUSTOMER);
	LedgerRequest *bust = &batch->requests[0];
	Original	original;

	if (!PG_ARGISNULL(TRADE_REFERENCE))
		bust->reference = psprintf("%s%s", argument_text(fcinfo, TRADE_REFERENCE), BUST_SUFFIX);
	bust->description = argument_text(fcinfo, CORRECT_REASON);
	bust->linked = true;
	bust->internal = true;
	make_bust(&batch->trades[0], wrong, &name, &original);
	read_correction(fcinfo, &batch->trades[1], &original, right == wrong);
	batch->trades[1].corrected_client = bust->client_id;
	trade_batch_post(batch, true, !PG_ARGISNULL(CORRECT_DRY_RUN) && PG_GETARG_BOOL(CORRECT_DRY_RUN));
	trade_results(fcinfo, batch);
	return (Datum) 0;
}
