/*-------------------------------------------------------------------------
 *
 * execution_terms_functions.c
 *	  Accessors, comparison and the netting aggregates of execution terms.
 *
 * The aggregates read each value in place: nothing is unpacked to rows and
 * nothing allocated per row, so that netting a window costs little more than
 * adding integers (design 10).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "errors.h"
#include "types/execution_terms.h"

/* ---- accessors ---- */

#define RETURN_AMOUNT(value, asset) PG_RETURN_AMOUNT_P(amount_make((value), (asset)))

/* one accessor: unpack, then the expression */
#define TERMS_ACCESSOR(name, statement) \
PG_FUNCTION_INFO_V1(name); \
Datum \
name(PG_FUNCTION_ARGS) \
{ \
	ExecutionTerms terms; \
	terms_unpack_stored(PG_GETARG_TERMS_P(0), &terms); \
	statement; \
} \
extern Datum name(PG_FUNCTION_ARGS)

TERMS_ACCESSOR(execution_terms_side, PG_RETURN_TEXT_P(cstring_to_text(terms.sell ? "SELL" : "BUY")));
TERMS_ACCESSOR(execution_terms_quantity, RETURN_AMOUNT(terms.quantity, terms.base));
TERMS_ACCESSOR(execution_terms_signed_quantity, RETURN_AMOUNT(terms.quantity * terms_sign(&terms), terms.base));
TERMS_ACCESSOR(execution_terms_price, PG_RETURN_PRICE_P(price_make(terms.price, terms.quote, terms.base)));
TERMS_ACCESSOR(execution_terms_provider_price, PG_RETURN_PRICE_P(price_make(terms.provider_price, terms.quote, terms.base)));
TERMS_ACCESSOR(execution_terms_net_money, RETURN_AMOUNT(terms.net_money * terms_sign(&terms), terms.quote));
TERMS_ACCESSOR(execution_terms_provider_money, RETURN_AMOUNT(terms.provider_money * terms_sign(&terms), terms.quote));
TERMS_ACCESSOR(execution_terms_revenue, RETURN_AMOUNT(terms.bust ? -terms_revenue(&terms) : terms_revenue(&terms), terms.quote));
TERMS_ACCESSOR(execution_terms_revenue_share, RETURN_AMOUNT(terms.bust ? -terms.revenue_share : terms.revenue_share, terms.quote));
TERMS_ACCESSOR(execution_terms_revenue_share_bps, PG_RETURN_INT32(terms.revenue_share_bps));
TERMS_ACCESSOR(execution_terms_fee, RETURN_AMOUNT(terms.bust ? -terms.fee : terms.fee, terms.quote));
TERMS_ACCESSOR(execution_terms_customer_id, PG_RETURN_INT64(terms.customer_id));
TERMS_ACCESSOR(execution_terms_provider_id, PG_RETURN_INT32(terms.provider_id));
TERMS_ACCESSOR(execution_terms_instrument_id, PG_RETURN_INT32(terms.instrument_id));
TERMS_ACCESSOR(execution_terms_base, PG_RETURN_ASSET(terms.base));
TERMS_ACCESSOR(execution_terms_quote, PG_RETURN_ASSET(terms.quote));
TERMS_ACCESSOR(execution_terms_funding_model, PG_RETURN_TEXT_P(cstring_to_text(funding_model_name(terms.funding))));
TERMS_ACCESSOR(execution_terms_markup_bps, PG_RETURN_INT32(terms.markup_bps));
TERMS_ACCESSOR(execution_terms_markup_fixed, PG_RETURN_PRICE_P(price_make(terms.markup_fixed, terms.quote, terms.base)));
TERMS_ACCESSOR(execution_terms_fee_bps, PG_RETURN_INT32(terms.fee_bps));
TERMS_ACCESSOR(execution_terms_fee_fixed, RETURN_AMOUNT(terms.fee_fixed, terms.quote));
TERMS_ACCESSOR(execution_terms_fee_minimum, RETURN_AMOUNT(terms.fee_minimum, terms.quote));
TERMS_ACCESSOR(execution_terms_is_encumbered, PG_RETURN_BOOL(terms.encumbered));
TERMS_ACCESSOR(execution_terms_is_bust, PG_RETURN_BOOL(terms.bust));

PG_FUNCTION_INFO_V1(execution_terms_settles_net);

/* a FILTER runs this once for every row of a window: only the head is read */
Datum
execution_terms_settles_net(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(terms_funding(PG_GETARG_TERMS_P(0)) == FUNDING_NET_SETTLEMENT);
}

PG_FUNCTION_INFO_V1(execution_terms_client_order_id);

Datum
execution_terms_client_order_id(PG_FUNCTION_ARGS)
{
	ExecutionTerms terms;

	terms_unpack_stored(PG_GETARG_TERMS_P(0), &terms);
	if (terms.client_order_id == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(terms.client_order_id, terms.client_order_id_length));
}

/* the journal a correction or a bust points back to */
static Datum
original_if(FunctionCallInfo fcinfo, bool bust)
{
	ExecutionTerms terms;

	terms_unpack_stored(PG_GETARG_TERMS_P(0), &terms);
	if (terms.original == 0 || terms.bust != bust)
		PG_RETURN_NULL();
	PG_RETURN_INT64(terms.original);
}

PG_FUNCTION_INFO_V1(execution_terms_corrects);

Datum
execution_terms_corrects(PG_FUNCTION_ARGS)
{
	return original_if(fcinfo, false);
}

PG_FUNCTION_INFO_V1(execution_terms_busts);

Datum
execution_terms_busts(PG_FUNCTION_ARGS)
{
	return original_if(fcinfo, true);
}

/* ---- comparison: the packed form is canonical, so bytes decide ---- */

static bool
terms_equal(FunctionCallInfo fcinfo)
{
	PackedTerms *a = PG_GETARG_TERMS_P(0);
	PackedTerms *b = PG_GETARG_TERMS_P(1);

	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

PG_FUNCTION_INFO_V1(execution_terms_eq);

Datum
execution_terms_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(terms_equal(fcinfo));
}

PG_FUNCTION_INFO_V1(execution_terms_ne);

Datum
execution_terms_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!terms_equal(fcinfo));
}

PG_FUNCTION_INFO_V1(execution_terms_hash);

Datum
execution_terms_hash(PG_FUNCTION_ARGS)
{
	PackedTerms *packed = PG_GETARG_TERMS_P(0);

	return hash_any((unsigned char *) VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
}

PG_FUNCTION_INFO_V1(execution_terms_hash_extended);

Datum
execution_terms_hash_extended(PG_FUNCTION_ARGS)
{
	PackedTerms *packed = PG_GETARG_TERMS_P(0);

	return hash_any_extended((unsigned char *) VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed),
							 PG_GETARG_INT64(1));
}

/* ---- aggregates ---- */

/* a running sum of one asset; int128 is core's type, aligned as palloc aligns */
typedef struct TermsSum
{
	int128		total;
	asset_code	asset;
	int64		count;
} TermsSum;

static void
different_assets(asset_code a, asset_code b)
{
	ereport(ERROR,
			(errcode(ERRCODE_LG_DIFFERENT_ASSETS),
			 errmsg("cannot add %s and %s", asset_text(a), asset_text(b)),
			 errhint("Group by the asset.")));
}

static void
sum_overflow(asset_code asset)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("sum of %s is out of range", asset_text(asset))));
}

/* the state of the call, made at its first row */
static inline TermsSum *
sum_state(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (likely(!PG_ARGISNULL(0)))
		return (TermsSum *) PG_GETARG_POINTER(0);
	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called outside an aggregate");
	return (TermsSum *) MemoryContextAllocZero(context, sizeof(TermsSum));
}

static inline void
sum_add(TermsSum *sum, units value, asset_code asset, int64 count)
{
	units		total;

	if (unlikely(sum->asset != asset))
	{
		if (sum->count != 0)
			different_assets(sum->asset, asset);
		sum->asset = asset;
	}
	if (unlikely(!units_add(sum->total, value, &total)))
		sum_overflow(asset);
	sum->total = total;
	sum->count += count;
}

PG_FUNCTION_INFO_V1(sum_net_money_accumulate);

Datum
sum_net_money_accumulate(PG_FUNCTION_ARGS)
{
	TermsSum   *sum = sum_state(fcinfo);
	TermsHead	head;

	if (!PG_ARGISNULL(1))
	{
		terms_head(PG_GETARG_TERMS_P(1), &head);
		sum_add(sum, head.net_money, head.quote, 1);
	}
	PG_RETURN_POINTER(sum);
}

PG_FUNCTION_INFO_V1(sum_net_money_remove);

/* moving windows: a row leaves the frame */
Datum
sum_net_money_remove(PG_FUNCTION_ARGS)
{
	TermsSum   *sum = sum_state(fcinfo);
	TermsHead	head;

	if (!PG_ARGISNULL(1))
	{
		terms_head(PG_GETARG_TERMS_P(1), &head);
		sum_add(sum, -head.net_money, head.quote, -1);
	}
	PG_RETURN_POINTER(sum);
}

/* sums of the other values, by a full unpacking that still allocates nothing */
#define TERMS_SUM(name, value, of_asset) \
PG_FUNCTION_INFO_V1(name); \
Datum \
name(PG_FUNCTION_ARGS) \
{ \
	TermsSum   *sum = sum_state(fcinfo); \
	ExecutionTerms terms; \
	if (!PG_ARGISNULL(1)) \
	{ \
		terms_unpack_stored(PG_GETARG_TERMS_P(1), &terms); \
		sum_add(sum, (value), (of_asset), 1); \
	} \
	PG_RETURN_POINTER(sum); \
} \
extern Datum name(PG_FUNCTION_ARGS)

TERMS_SUM(sum_provider_money_accumulate, terms.provider_money * terms_sign(&terms), terms.quote);
TERMS_SUM(sum_quantity_accumulate, terms.quantity * terms_sign(&terms), terms.base);
TERMS_SUM(sum_revenue_accumulate, terms.bust ? -terms_revenue(&terms) : terms_revenue(&terms), terms.quote);
TERMS_SUM(sum_revenue_share_accumulate, terms.bust ? -terms.revenue_share : terms.revenue_share, terms.quote);
TERMS_SUM(sum_exact_share_accumulate, terms_exact_share(&terms), terms.quote);
TERMS_SUM(sum_fee_accumulate, terms.bust ? -terms.fee : terms.fee, terms.quote);

PG_FUNCTION_INFO_V1(terms_sum_combine);

Datum
terms_sum_combine(PG_FUNCTION_ARGS)
{
	TermsSum   *sum = sum_state(fcinfo);
	TermsSum   *other = PG_ARGISNULL(1) ? NULL : (TermsSum *) PG_GETARG_POINTER(1);

	if (other != NULL && other->count != 0)
		sum_add(sum, other->total, other->asset, other->count);
	PG_RETURN_POINTER(sum);
}

PG_FUNCTION_INFO_V1(terms_sum_serialize);

Datum
terms_sum_serialize(PG_FUNCTION_ARGS)
{
	TermsSum   *sum = (TermsSum *) PG_GETARG_POINTER(0);
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendint64(&out, (int64) (sum->total >> 64));
	pq_sendint64(&out, (int64) sum->total);
	pq_sendint64(&out, sum->asset);
	pq_sendint64(&out, sum->count);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

PG_FUNCTION_INFO_V1(terms_sum_deserialize);

Datum
terms_sum_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *image = PG_GETARG_BYTEA_PP(0);
	TermsSum   *sum = palloc0(sizeof(TermsSum));
	StringInfoData in;
	uint64		high;

	initStringInfo(&in);
	appendBinaryStringInfo(&in, VARDATA_ANY(image), VARSIZE_ANY_EXHDR(image));
	high = pq_getmsgint64(&in);
	sum->total = (int128) ((unsigned_units) high << 64 | (uint64) pq_getmsgint64(&in));
	sum->asset = pq_getmsgint64(&in);
	sum->count = pq_getmsgint64(&in);
	pq_getmsgend(&in);
	PG_RETURN_POINTER(sum);
}

PG_FUNCTION_INFO_V1(terms_sum_final);

/* no rows: NULL, as sum() has it */
Datum
terms_sum_final(PG_FUNCTION_ARGS)
{
	TermsSum   *sum = PG_ARGISNULL(0) ? NULL : (TermsSum *) PG_GETARG_POINTER(0);

	if (sum == NULL || sum->count == 0)
		PG_RETURN_NULL();
	RETURN_AMOUNT(sum->total, sum->asset);
}
