/*-------------------------------------------------------------------------
 *
 * window_figures.c
 *	  The aggregate that turns the journals of a settlement window into its
 *	  figures, in one pass and with nothing allocated per execution.
 *
 * Executions are added up per (provider, funding model, side, base, quote)
 * from their terms.  A journal without terms may still touch an account that
 * the window settles (an adjustment, a delivery made before the close), so
 * its lines in fund CORP are added up per account.  A window of millions of
 * executions leaves a few dozen figures.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "errors.h"
#include "types/execution_terms.h"
#include "types/journal_entry.h"

/* account is 0 for executions; the rest is 0 for other journals' lines, but for quote: the asset */
typedef struct FigureKey
{
	account_id	account;
	asset_code	base;
	asset_code	quote;
	int32		provider_id;
	uint16		funding;
	uint16		sell;
} FigureKey;

typedef enum FigureSum
{
	SUM_QUANTITY,
	SUM_NET_MONEY,				/* or the amount of other journals' lines */
	SUM_PROVIDER_MONEY,
	SUM_COUNT
} FigureSum;

/* A sum in halves: see amount.h */
typedef struct WideSum
{
	uint64		low;
	int64		high;
} WideSum;

typedef struct Figure
{
	FigureKey	key;
	int64		members;		/* executions and busts */
	int64		executions;		/* a bust takes one away */
	WideSum		sums[SUM_COUNT];
	uint32		hash;
	char		status;
} Figure;

static inline uint32
figure_hash(FigureKey key)
{
	uint64		hash = key.account * UINT64CONST(0x9E3779B97F4A7C15) + key.base;

	hash = (hash ^ key.quote) * UINT64CONST(0xC2B2AE3D27D4EB4F);
	hash ^= (uint64) key.provider_id << 32 | (uint64) key.funding << 16 | key.sell;
	return (uint32) ((hash * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
}

static inline bool
figure_key_equal(FigureKey a, FigureKey b)
{
	return a.account == b.account && a.base == b.base && a.quote == b.quote &&
		a.provider_id == b.provider_id && a.funding == b.funding && a.sell == b.sell;
}

#define SH_PREFIX figures
#define SH_ELEMENT_TYPE Figure
#define SH_KEY_TYPE FigureKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) figure_hash(key)
#define SH_EQUAL(tb, a, b) figure_key_equal(a, b)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static inline Figure *
figure_of(figures_hash *figures, FigureKey key)
{
	bool		found;
	Figure	   *figure = figures_insert(figures, key, &found);

	if (!found)
	{
		figure->members = figure->executions = 0;
		memset(figure->sums, 0, sizeof(figure->sums));
	}
	return figure;
}

static inline units
wide_units(const WideSum *sum)
{
	return (units) (((unsigned_units) (uint64) sum->high << 64) | sum->low);
}

/* Checked: a sum that leaves the range of amounts is an error, not a wrap. */
static inline void
figure_add(Figure *figure, FigureSum which, units value)
{
	WideSum    *sum = &figure->sums[which];
	units		total;

	if (unlikely(!units_add(wide_units(sum), value, &total)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum of %s in a settlement window is out of range",
						asset_text(which == SUM_QUANTITY ? figure->key.base : figure->key.quote))));
	sum->low = (uint64) total;
	sum->high = (int64) (total >> 64);
}

static inline void
add_execution(figures_hash *figures, const PackedTerms *packed)
{
	ExecutionTerms terms;
	FigureKey	key = {0};
	Figure	   *figure;

	terms_core(packed, &terms);
	key.base = terms.base;
	key.quote = terms.quote;
	key.provider_id = terms.provider_id;
	key.funding = terms.funding;
	key.sell = terms.sell;
	figure = figure_of(figures, key);
	figure->members++;
	figure->executions += terms.bust ? -1 : 1;
	figure_add(figure, SUM_QUANTITY, terms.bust ? -terms.quantity : terms.quantity);
	figure_add(figure, SUM_NET_MONEY, terms.bust ? -terms.net_money : terms.net_money);
	figure_add(figure, SUM_PROVIDER_MONEY, terms.bust ? -terms.provider_money : terms.provider_money);
}

static void
add_lines(figures_hash *figures, const JournalEntry *entry)
{
	EntryLine  *lines;
	int			count = entry_unpack(entry, &lines);

	for (int i = 0; i < count; i++)
	{
		FigureKey	key = {0};

		if (account_fund(lines[i].account) != FUND_CORP)
			continue;
		key.account = lines[i].account;
		key.quote = lines[i].asset;
		figure_add(figure_of(figures, key), SUM_NET_MONEY, lines[i].amount);
	}
}

PG_FUNCTION_INFO_V1(window_figures_accumulate);

/* Transition: (state, terms, entry) */
Datum
window_figures_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	figures_hash *figures;

	if (likely(!PG_ARGISNULL(0)))
		figures = (figures_hash *) PG_GETARG_POINTER(0);
	else
	{
		if (!AggCheckCallContext(fcinfo, &context))
			elog(ERROR, "window_figures_accumulate called in non-aggregate context");
		figures = figures_create(context, 32, NULL);
	}
	if (!PG_ARGISNULL(1))
		add_execution(figures, PG_GETARG_TERMS_P(1));
	else if (!PG_ARGISNULL(2))
		add_lines(figures, PG_GETARG_JOURNAL_ENTRY_P(2));
	PG_RETURN_POINTER(figures);
}

PG_FUNCTION_INFO_V1(window_figures_combine);

/* Parallel aggregation: add the second state to the first. */
Datum
window_figures_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	figures_hash *figures;
	figures_iterator iterator;
	Figure	   *other;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "window_figures_combine called in non-aggregate context");
	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	figures = PG_ARGISNULL(0) ? figures_create(context, 32, NULL) : (figures_hash *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(figures);
	figures_start_iterate((figures_hash *) PG_GETARG_POINTER(1), &iterator);
	while ((other = figures_iterate((figures_hash *) PG_GETARG_POINTER(1), &iterator)) != NULL)
	{
		Figure	   *figure = figure_of(figures, other->key);

		figure->members += other->members;
		figure->executions += other->executions;
		for (FigureSum which = SUM_QUANTITY; which < SUM_COUNT; which++)
			figure_add(figure, which, wide_units(&other->sums[which]));
	}
	PG_RETURN_POINTER(figures);
}

PG_FUNCTION_INFO_V1(window_figures_serialize);

Datum
window_figures_serialize(PG_FUNCTION_ARGS)
{
	figures_hash *figures = (figures_hash *) PG_GETARG_POINTER(0);
	figures_iterator iterator;
	Figure	   *figure;
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, figures->members);
	figures_start_iterate(figures, &iterator);
	while ((figure = figures_iterate(figures, &iterator)) != NULL)
	{
		pq_sendbytes(&buffer, (const char *) &figure->key, sizeof(FigureKey));
		pq_sendint64(&buffer, figure->members);
		pq_sendint64(&buffer, figure->executions);
		pq_sendbytes(&buffer, (const char *) figure->sums, sizeof(figure->sums));
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(window_figures_deserialize);

Datum
window_figures_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *serialized = PG_GETARG_BYTEA_PP(0);
	figures_hash *figures = figures_create(CurrentMemoryContext, 32, NULL);
	StringInfoData buffer;
	int			count;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "window_figures_deserialize called in non-aggregate context");
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));
	count = pq_getmsgint(&buffer, 4);
	for (int i = 0; i < count; i++)
	{
		FigureKey	key;
		Figure	   *figure;

		pq_copymsgbytes(&buffer, (char *) &key, sizeof(FigureKey));
		figure = figure_of(figures, key);
		figure->members = pq_getmsgint64(&buffer);
		figure->executions = pq_getmsgint64(&buffer);
		pq_copymsgbytes(&buffer, (char *) figure->sums, sizeof(figure->sums));
	}
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(figures);
}

#define COMPARE_FIELD(a, b, field) \
	if ((a)->key.field != (b)->key.field) \
		return (a)->key.field < (b)->key.field ? -1 : 1

/* Executions first, by what they are; then accounts: the same order always. */
static int
compare_figures(const void *a, const void *b)
{
	const Figure *left = *(Figure *const *) a;
	const Figure *right = *(Figure *const *) b;

	COMPARE_FIELD(left, right, account);
	COMPARE_FIELD(left, right, base);
	COMPARE_FIELD(left, right, quote);
	COMPARE_FIELD(left, right, funding);
	COMPARE_FIELD(left, right, provider_id);
	COMPARE_FIELD(left, right, sell);
	return 0;
}

static Datum
figure_amount(const Figure *figure, FigureSum which, asset_code asset)
{
	return AmountPGetDatum(amount_make(wide_units(&figure->sums[which]), asset));
}

/* A row of type window_figure, columns in its order */
static Datum
figure_row(const Figure *figure, TupleDesc descriptor)
{
	bool		execution = figure->key.account == 0;
	bool		nulls[11];
	Datum		values[11] = {0};

	for (int column = 0; column < 11; column++)
		nulls[column] = execution ? column == 0 : column > 0;
	if (execution)
	{
		values[1] = Int32GetDatum(figure->key.provider_id);
		values[2] = CStringGetTextDatum(funding_model_name((FundingModel) figure->key.funding));
		values[3] = CStringGetTextDatum(figure->key.sell ? "SELL" : "BUY");
		values[4] = AssetGetDatum(figure->key.base);
		values[5] = AssetGetDatum(figure->key.quote);
		values[6] = Int64GetDatum(figure->members);
		values[7] = Int64GetDatum(figure->executions);
		values[8] = figure_amount(figure, SUM_QUANTITY, figure->key.base);
		values[10] = figure_amount(figure, SUM_PROVIDER_MONEY, figure->key.quote);
	}
	else
		values[0] = AccountIdGetDatum(figure->key.account);
	values[9] = figure_amount(figure, SUM_NET_MONEY, figure->key.quote);
	nulls[9] = false;
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

PG_FUNCTION_INFO_V1(window_figures_final);

/* The figures as an array of window_figure, empty when there was no journal */
Datum
window_figures_final(PG_FUNCTION_ARGS)
{
	figures_hash *figures = PG_ARGISNULL(0) ? NULL : (figures_hash *) PG_GETARG_POINTER(0);
	int			count = figures == NULL ? 0 : figures->members;
	Oid			row_type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	Figure	  **sorted = palloc(sizeof(Figure *) * Max(count, 1));
	Datum	   *rows = palloc(sizeof(Datum) * Max(count, 1));
	figures_iterator iterator;
	TupleDesc	descriptor;

	if (!OidIsValid(row_type))
		elog(ERROR, "could not determine the row type of window_figures");
	if (count > 0)
	{
		figures_start_iterate(figures, &iterator);
		for (int i = 0; i < count; i++)
			sorted[i] = figures_iterate(figures, &iterator);
		qsort(sorted, count, sizeof(Figure *), compare_figures);
	}
	descriptor = lookup_rowtype_tupdesc(row_type, -1);
	for (int i = 0; i < count; i++)
		rows[i] = figure_row(sorted[i], descriptor);
	ReleaseTupleDesc(descriptor);
	PG_RETURN_ARRAYTYPE_P(construct_array(rows, count, row_type, -1, false, TYPALIGN_DOUBLE));
}
