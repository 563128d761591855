/*-------------------------------------------------------------------------
 *
 * amount_compare.c
 *	  Comparing amounts, twice.
 *
 * <, = ... compare quantities and refuse two assets (LG004): nobody may ask
 * whether 1 BTC is less than 5 USD.  *<, *= ... order any two amounts, by
 * asset, then value; sorting, grouping and indexes use these.  All of them go
 * through amount_order, so they can't disagree.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/sortsupport.h"

#include "types/amount.h"

/* The total order: by asset, then value. */
static inline int
amount_order(const Amount *a, const Amount *b)
{
	if (a->asset != b->asset)
		return a->asset < b->asset ? -1 : 1;
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

/* The strict order: within one asset only. */
static inline int
strict_order(FunctionCallInfo fcinfo)
{
	Amount	   *a = PG_GETARG_AMOUNT_P(0);
	Amount	   *b = PG_GETARG_AMOUNT_P(1);

	require_same_asset("compare", a, b);
	return amount_order(a, b);
}

static inline int
total_order(FunctionCallInfo fcinfo)
{
	return amount_order(PG_GETARG_AMOUNT_P(0), PG_GETARG_AMOUNT_P(1));
}

/* ----------
 * Strict comparison
 * ----------
 */

PG_FUNCTION_INFO_V1(amount_lt);
Datum
amount_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) < 0);
}

PG_FUNCTION_INFO_V1(amount_le);
Datum
amount_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) <= 0);
}

PG_FUNCTION_INFO_V1(amount_eq);
Datum
amount_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) == 0);
}

PG_FUNCTION_INFO_V1(amount_ne);
Datum
amount_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) != 0);
}

PG_FUNCTION_INFO_V1(amount_ge);
Datum
amount_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) >= 0);
}

PG_FUNCTION_INFO_V1(amount_gt);
Datum
amount_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(strict_order(fcinfo) > 0);
}

/* larger and smaller of two, for min and max */
PG_FUNCTION_INFO_V1(amount_larger);
Datum
amount_larger(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(strict_order(fcinfo) >= 0 ? 0 : 1));
}

PG_FUNCTION_INFO_V1(amount_smaller);
Datum
amount_smaller(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(strict_order(fcinfo) <= 0 ? 0 : 1));
}

/* ----------
 * Total order
 * ----------
 */

PG_FUNCTION_INFO_V1(amount_total_lt);
Datum
amount_total_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) < 0);
}

PG_FUNCTION_INFO_V1(amount_total_le);
Datum
amount_total_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) <= 0);
}

PG_FUNCTION_INFO_V1(amount_total_eq);
Datum
amount_total_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) == 0);
}

PG_FUNCTION_INFO_V1(amount_total_ne);
Datum
amount_total_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) != 0);
}

PG_FUNCTION_INFO_V1(amount_total_ge);
Datum
amount_total_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) >= 0);
}

PG_FUNCTION_INFO_V1(amount_total_gt);
Datum
amount_total_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(total_order(fcinfo) > 0);
}

PG_FUNCTION_INFO_V1(amount_cmp);
Datum
amount_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(total_order(fcinfo));
}

static int
amount_sort_comparator(Datum a, Datum b, SortSupport ssup)
{
	return amount_order(DatumGetAmountP(a), DatumGetAmountP(b));
}

/* No abbreviated keys: the asset leads, and most sorts have only one. */
PG_FUNCTION_INFO_V1(amount_sortsupport);
Datum
amount_sortsupport(PG_FUNCTION_ARGS)
{
	((SortSupport) PG_GETARG_POINTER(0))->comparator = amount_sort_comparator;
	PG_RETURN_VOID();
}

/* Amounts are canonical and have no padding, so their bytes may be hashed (I6). */
PG_FUNCTION_INFO_V1(amount_hash);
Datum
amount_hash(PG_FUNCTION_ARGS)
{
	return hash_any((unsigned char *) PG_GETARG_AMOUNT_P(0), sizeof(Amount));
}

PG_FUNCTION_INFO_V1(amount_hash_extended);
Datum
amount_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_any_extended((unsigned char *) PG_GETARG_AMOUNT_P(0), sizeof(Amount),
							 PG_GETARG_INT64(1));
}
