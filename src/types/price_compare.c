/*-------------------------------------------------------------------------
 *
 * price_compare.c
 *	  Comparing prices, twice.
 *
 * <, = ... compare prices of one pair of assets and refuse two (LG004).
 * *<, *= ... order any two prices, by quote asset, base asset, then value;
 * sorting, grouping and indexes use these.  All of them go through
 * price_order, so they can't disagree.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/sortsupport.h"

#include "types/price.h"

/* The total order: by quote asset, base asset, then value. */
static inline int
price_order(const Price *a, const Price *b)
{
	if (a->quote != b->quote)
		return a->quote < b->quote ? -1 : 1;
	if (a->base != b->base)
		return a->base < b->base ? -1 : 1;
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

/* The strict order: within one pair of assets only. */
static inline int
strict_order(FunctionCallInfo fcinfo)
{
	Price	   *a = PG_GETARG_PRICE_P(0);
	Price	   *b = PG_GETARG_PRICE_P(1);

	require_same_pair("compare", a, b);
	return price_order(a, b);
}

static inline int
total_order(FunctionCallInfo fcinfo)
{
	return price_order(PG_GETARG_PRICE_P(0), PG_GETARG_PRICE_P(1));
}

/* ----------
 * Strict comparison
 * ----------
 */

PG_FUNCTION_INFO_V1(price_lt);
Datum
price_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) < 0);
}

PG_FUNCTION_INFO_V1(price_le);
Datum
price_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) <= 0);
}

PG_FUNCTION_INFO_V1(price_eq);
Datum
price_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) == 0);
}

PG_FUNCTION_INFO_V1(price_ne);
Datum
price_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) != 0);
}

PG_FUNCTION_INFO_V1(price_ge);
Datum
price_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) >= 0);
}

PG_FUNCTION_INFO_V1(price_gt);
Datum
price_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) > 0);
}

/* ----------
 * Total order
 * ----------
 */

PG_FUNCTION_INFO_V1(price_total_lt);
Datum
price_total_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) < 0);
}

PG_FUNCTION_INFO_V1(price_total_le);
Datum
price_total_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) <= 0);
}

PG_FUNCTION_INFO_V1(price_total_eq);
Datum
price_total_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) == 0);
}

PG_FUNCTION_INFO_V1(price_total_ne);
Datum
price_total_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) != 0);
}

PG_FUNCTION_INFO_V1(price_total_ge);
Datum
price_total_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) >= 0);
}

PG_FUNCTION_INFO_V1(price_total_gt);
Datum
price_total_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) > 0);
}

PG_FUNCTION_INFO_V1(price_cmp);
Datum
price_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(total_order(fcinfo));
}

static int
price_sort_comparator(Datum a, Datum b, SortSupport ssup)
{
	return price_order(DatumGetPriceP(a), DatumGetPriceP(b));
}

/* No abbreviated keys: the assets lead, and most sorts have one pair. */
PG_FUNCTION_INFO_V1(price_sortsupport);
Datum
price_sortsupport(PG_FUNCTION_ARGS)
{
	((SortSupport) PG_GETARG_POINTER(0))->comparator = price_sort_comparator;
	PG_RETURN_VOID();
}

/* Prices are canonical and have no padding, so their bytes may be hashed (I6). */
PG_FUNCTION_INFO_V1(price_hash);
Datum
price_hash(PG_FUNCTION_ARGS)
{
	return hash_any((unsigned char *) PG_GETARG_PRICE_P(0), sizeof(Price));
}

PG_FUNCTION_INFO_V1(price_hash_extended);
Datum
price_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_any_extended((unsigned char *) PG_GETARG_PRICE_P(0), sizeof(Price),
							 PG_GETARG_INT64(1));
}
