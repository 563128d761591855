/*-------------------------------------------------------------------------
 *
 * amount.c
 *	  The type amount: input, output, arithmetic, rounding, comparison.
 *
 * Aggregates are in amount_aggregate.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/sortsupport.h"

#include "compat.h"
#include "errors.h"
#include "types/amount.h"
#include "types/comparison.h"
#include "types/value_error.h"

Amount *
amount_make(units value, asset_code asset)
{
	Amount	   *amount = palloc(sizeof(Amount));

	amount_set(amount, value, asset);
	return amount;
}

char *
amount_text(units value, asset_code asset)
{
	char	   *text = palloc(AMOUNT_TEXT_SIZE);

	amount_format(value, asset, text);
	return text;
}

static char *
text_of(const Amount *amount)
{
	return amount_text(amount_units(amount), amount->asset);
}

void
different_assets_error(const char *operation, const Amount *a, const Amount *b)
{
	ereport(ERROR,
			(errcode(ERRCODE_LG_DIFFERENT_ASSETS),
			 errmsg("cannot %s amounts of different assets", operation),
			 errdetail("Got %s and %s.", text_of(a), text_of(b)),
			 errhint("Group or filter by asset(amount), or use the operators *<, *=, ... to sort and match mixed assets.")));
}

units
units_receive(StringInfo message)
{
	int64		high = pq_getmsgint64(message);
	uint64		low = (uint64) pq_getmsgint64(message);
	units		value = (units) (((unsigned_units) (uint64) high << 64) | low);

	if (!units_in_range(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("quantity out of range in binary input")));
	return value;
}

void
units_send(StringInfo message, units value)
{
	pq_sendint64(message, (uint64) (value >> 64));
	pq_sendint64(message, (uint64) value);
}

/* ----------
 * Input and output
 * ----------
 */

/* amount_in - '6030.00 USD', exponents and outer blanks allowed */
PG_FUNCTION_INFO_V1(amount_in);
Datum
amount_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	units		value;
	asset_code	asset;
	UnitsStatus status = amount_parse(text, strlen(text), &value, &asset);

	if (status != UNITS_OK)
		return input_error(status, "amount", text, fcinfo->context);
	PG_RETURN_AMOUNT_P(amount_make(value, asset));
}

/* amount_out - canonical text: one spelling for each value (I6) */
PG_FUNCTION_INFO_V1(amount_out);
Datum
amount_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(text_of(PG_GETARG_AMOUNT_P(0)));
}

/* amount_recv - binary input, refusing what text could not produce */
PG_FUNCTION_INFO_V1(amount_recv);
Datum
amount_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	units		value = units_receive(message);

	PG_RETURN_AMOUNT_P(amount_make(value, asset_receive(message)));
}

/* amount_send - units as two halves, then the asset */
PG_FUNCTION_INFO_V1(amount_send);
Datum
amount_send(PG_FUNCTION_ARGS)
{
	Amount	   *amount = PG_GETARG_AMOUNT_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	units_send(&message, amount_units(amount));
	pq_sendint64(&message, amount->asset);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* ----------
 * Taking apart and putting together
 * ----------
 */

/* amount(numeric, asset) - the number must be exact in 18 decimals */
PG_FUNCTION_INFO_V1(amount_from_numeric);
Datum
amount_from_numeric(PG_FUNCTION_ARGS)
{
	units		value = numeric_to_units(PG_GETARG_NUMERIC(0), "amount");

	PG_RETURN_AMOUNT_P(amount_make(value, PG_GETARG_ASSET(1)));
}

/* value(amount) - the number alone */
PG_FUNCTION_INFO_V1(amount_value);
Datum
amount_value(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(units_to_numeric(amount_units(PG_GETARG_AMOUNT_P(0))));
}

/* asset(amount) - what it is an amount of */
PG_FUNCTION_INFO_V1(amount_asset);
Datum
amount_asset(PG_FUNCTION_ARGS)
{
	PG_RETURN_ASSET(PG_GETARG_AMOUNT_P(0)->asset);
}

/* zero(asset) - nothing of an asset */
PG_FUNCTION_INFO_V1(amount_zero);
Datum
amount_zero(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT_P(amount_make(0, PG_GETARG_ASSET(0)));
}

PG_FUNCTION_INFO_V1(amount_is_zero);
Datum
amount_is_zero(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(amount_units(PG_GETARG_AMOUNT_P(0)) == 0);
}

PG_FUNCTION_INFO_V1(amount_sign);
Datum
amount_sign(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(units_compare(amount_units(PG_GETARG_AMOUNT_P(0)), 0));
}

/* ----------
 * Arithmetic: exact, or an error
 * ----------
 */

/* Return the result, or raise with both operands in DETAIL. */
static Datum
sum_result(bool in_range, units value, const Amount *a, char operation, const Amount *b)
{
	if (unlikely(!in_range))
		arithmetic_error(UNITS_OVERFLOW,
						 psprintf("%s %c %s", text_of(a), operation, text_of(b)),
						 NULL);
	PG_RETURN_AMOUNT_P(amount_make(value, a->asset));
}

PG_FUNCTION_INFO_V1(amount_plus);
Datum
amount_plus(PG_FUNCTION_ARGS)
{
	Amount	   *a = PG_GETARG_AMOUNT_P(0);
	Amount	   *b = PG_GETARG_AMOUNT_P(1);
	units		value;
	bool		in_range;

	require_same_asset("add", a, b);
	in_range = units_add(amount_units(a), amount_units(b), &value);
	return sum_result(in_range, value, a, '+', b);
}

PG_FUNCTION_INFO_V1(amount_minus);
Datum
amount_minus(PG_FUNCTION_ARGS)
{
	Amount	   *a = PG_GETARG_AMOUNT_P(0);
	Amount	   *b = PG_GETARG_AMOUNT_P(1);
	units		value;
	bool		in_range;

	require_same_asset("subtract", a, b);
	in_range = units_subtract(amount_units(a), amount_units(b), &value);
	return sum_result(in_range, value, a, '-', b);
}

/* the range is symmetric, so negation can't overflow */
PG_FUNCTION_INFO_V1(amount_negate);
Datum
amount_negate(PG_FUNCTION_ARGS)
{
	Amount	   *amount = PG_GETARG_AMOUNT_P(0);

	PG_RETURN_AMOUNT_P(amount_make(-amount_units(amount), amount->asset));
}

PG_FUNCTION_INFO_V1(amount_abs);
Datum
amount_abs(PG_FUNCTION_ARGS)
{
	Amount	   *amount = PG_GETARG_AMOUNT_P(0);
	units		value = amount_units(amount);

	PG_RETURN_AMOUNT_P(amount_make(value < 0 ? -value : value, amount->asset));
}

/* amount times numerator by denominator, rounded once */
static Datum
scale_amount(const Amount *amount, int64 numerator, int64 denominator,
			 int decimals, UnitsRounding rounding)
{
	units		value;
	UnitsStatus status = units_multiply_divide(amount_units(amount), numerator, denominator,
											   decimals, rounding, &value);

	if (unlikely(status != UNITS_OK))
		arithmetic_error(status,
						 psprintf("%s * " INT64_FORMAT " / " INT64_FORMAT, text_of(amount),
								  numerator, denominator),
						 "Round by name: multiply_divide(amount, numerator, denominator, decimals, rounding).");
	PG_RETURN_AMOUNT_P(amount_make(value, amount->asset));
}

PG_FUNCTION_INFO_V1(amount_times_integer);
Datum
amount_times_integer(PG_FUNCTION_ARGS)
{
	return scale_amount(PG_GETARG_AMOUNT_P(0), PG_GETARG_INT64(1), 1,
						UNITS_DECIMALS, UNITS_ROUND_NONE);
}

PG_FUNCTION_INFO_V1(integer_times_amount);
Datum
integer_times_amount(PG_FUNCTION_ARGS)
{
	return scale_amount(PG_GETARG_AMOUNT_P(1), PG_GETARG_INT64(0), 1,
						UNITS_DECIMALS, UNITS_ROUND_NONE);
}

PG_FUNCTION_INFO_V1(amount_by_integer);
Datum
amount_by_integer(PG_FUNCTION_ARGS)
{
	return scale_amount(PG_GETARG_AMOUNT_P(0), 1, PG_GETARG_INT64(1),
						UNITS_DECIMALS, UNITS_ROUND_NONE);
}

/* multiply_divide(amount, numerator, denominator, decimals, rounding) */
PG_FUNCTION_INFO_V1(amount_multiply_divide);
Datum
amount_multiply_divide(PG_FUNCTION_ARGS)
{
	return scale_amount(PG_GETARG_AMOUNT_P(0), PG_GETARG_INT64(1), PG_GETARG_INT64(2),
						decimals_argument(fcinfo, 3), rounding_argument(fcinfo, 4));
}

/* amount / amount - how many times; numeric's own precision, not exact */
PG_FUNCTION_INFO_V1(amount_ratio);
Datum
amount_ratio(PG_FUNCTION_ARGS)
{
	Amount	   *a = PG_GETARG_AMOUNT_P(0);
	Amount	   *b = PG_GETARG_AMOUNT_P(1);

	require_same_asset("divide", a, b);
	return DirectFunctionCall2(numeric_div,
							   NumericGetDatum(units_to_numeric(amount_units(a))),
							   NumericGetDatum(units_to_numeric(amount_units(b))));
}

/* ----------
 * Rounding
 * ----------
 */

/* round(amount, decimals, rounding) */
PG_FUNCTION_INFO_V1(amount_round);
Datum
amount_round(PG_FUNCTION_ARGS)
{
	Amount	   *amount = PG_GETARG_AMOUNT_P(0);
	int			decimals = decimals_argument(fcinfo, 1);
	units		value;
	UnitsStatus status = units_round(amount_units(amount), decimals,
									 rounding_argument(fcinfo, 2), &value);

	if (status != UNITS_OK)
		arithmetic_error(status, psprintf("%s rounded to %d decimals", text_of(amount), decimals),
						 "Choose a rounding other than none.");
	PG_RETURN_AMOUNT_P(amount_make(value, amount->asset));
}

PG_FUNCTION_INFO_V1(amount_fits_decimals);
Datum
amount_fits_decimals(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(units_fits_decimals(amount_units(PG_GETARG_AMOUNT_P(0)),
									   decimals_argument(fcinfo, 1)));
}

/* is_multiple_of(amount, increment) - by integer remainder */
PG_FUNCTION_INFO_V1(amount_is_multiple_of);
Datum
amount_is_multiple_of(PG_FUNCTION_ARGS)
{
	Amount	   *amount = PG_GETARG_AMOUNT_P(0);
	Amount	   *increment = PG_GETARG_AMOUNT_P(1);

	require_same_asset("compare", amount, increment);
	if (amount_units(increment) == 0)
		arithmetic_error(UNITS_DIVISION_BY_ZERO,
						 psprintf("%s by steps of %s", text_of(amount), text_of(increment)), NULL);
	PG_RETURN_BOOL(amount_units(amount) % amount_units(increment) == 0);
}

/* ----------
 * Comparison
 * ----------
 */

/* The total order: by asset, then value. */
static inline int
amount_order(const Amount *a, const Amount *b)
{
	if (a->asset != b->asset)
		return a->asset < b->asset ? -1 : 1;
	return units_compare(amount_units(a), amount_units(b));
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

COMPARISON(amount_lt, strict_order, <);
COMPARISON(amount_le, strict_order, <=);
COMPARISON(amount_eq, strict_order, ==);
COMPARISON(amount_ne, strict_order, !=);
COMPARISON(amount_ge, strict_order, >=);
COMPARISON(amount_gt, strict_order, >);

COMPARISON(amount_total_lt, total_order, <);
COMPARISON(amount_total_le, total_order, <=);
COMPARISON(amount_total_eq, total_order, ==);
COMPARISON(amount_total_ne, total_order, !=);
COMPARISON(amount_total_ge, total_order, >=);
COMPARISON(amount_total_gt, total_order, >);

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
