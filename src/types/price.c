/*-------------------------------------------------------------------------
 *
 * price.c
 *	  The type price: input, output, comparison, and arithmetic with amounts
 *	  that checks dimensions.  BTC times USD/BTC is USD; anything else is LG004.
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
#include "types/comparison.h"
#include "types/price.h"
#include "types/value_error.h"

/* one, in units, of which basis points are a part */
#define BASIS	(10000 * UNITS_ONE)

Price *
price_make(units value, asset_code quote, asset_code base)
{
	Price	   *price = palloc(sizeof(Price));

	price_set(price, value, quote, base);
	return price;
}

char *
price_text(units value, asset_code quote, asset_code base)
{
	char	   *text = palloc(PRICE_TEXT_SIZE);

	price_format(value, quote, base, text);
	return text;
}

static char *
text_of(const Price *price)
{
	return price_text(price_units(price), price->quote, price->base);
}

static char *
text_of_amount(const Amount *amount)
{
	return amount_text(amount_units(amount), amount->asset);
}

/* A price of the same pair of assets with another value. */
static Price *
same_pair(const Price *price, units value)
{
	return price_make(value, price->quote, price->base);
}

void
different_pairs_error(const char *operation, const Price *a, const Price *b)
{
	ereport(ERROR,
			(errcode(ERRCODE_LG_DIFFERENT_ASSETS),
			 errmsg("cannot %s prices of different pairs of assets", operation),
			 errdetail("Got %s and %s.", text_of(a), text_of(b)),
			 errhint("Use the operators *<, *=, ... to sort and match mixed pairs.")));
}

/* The amount must be of the asset that the price's text names on that side. */
static void
require_asset(const Amount *amount, asset_code expected, const char *side, const Price *price)
{
	if (unlikely(amount->asset != expected))
		ereport(ERROR,
				(errcode(ERRCODE_LG_DIFFERENT_ASSETS),
				 errmsg("amount is not of the price's %s asset", side),
				 errdetail("Got %s and %s.", text_of_amount(amount), text_of(price)),
				 errhint("This takes an amount of %s.", asset_text(expected))));
}

/* ----------
 * Input and output
 * ----------
 */

/* price_in - '64250.10 USD/BTC', exponents and outer blanks allowed */
PG_FUNCTION_INFO_V1(price_in);
Datum
price_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	units		value;
	asset_code	quote;
	asset_code	base;
	UnitsStatus status = price_parse(text, strlen(text), &value, &quote, &base);

	if (status != UNITS_OK)
		return input_error(status, "price", text, fcinfo->context);
	PG_RETURN_PRICE_P(price_make(value, quote, base));
}

/* price_out - canonical text: one spelling for each value (I6) */
PG_FUNCTION_INFO_V1(price_out);
Datum
price_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(text_of(PG_GETARG_PRICE_P(0)));
}

/* price_recv - binary input, refusing what text could not produce */
PG_FUNCTION_INFO_V1(price_recv);
Datum
price_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	units		value = units_receive(message);
	asset_code	quote = asset_receive(message);

	PG_RETURN_PRICE_P(price_make(value, quote, asset_receive(message)));
}

/* price_send - units as two halves, then quote and base */
PG_FUNCTION_INFO_V1(price_send);
Datum
price_send(PG_FUNCTION_ARGS)
{
	Price	   *price = PG_GETARG_PRICE_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	units_send(&message, price_units(price));
	pq_sendint64(&message, price->quote);
	pq_sendint64(&message, price->base);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* ----------
 * Taking apart and putting together
 * ----------
 */

/* price(numeric, quote, base) - the number must be exact in 18 decimals */
PG_FUNCTION_INFO_V1(price_from_numeric);
Datum
price_from_numeric(PG_FUNCTION_ARGS)
{
	units		value = numeric_to_units(PG_GETARG_NUMERIC(0), "price");

	PG_RETURN_PRICE_P(price_make(value, PG_GETARG_ASSET(1), PG_GETARG_ASSET(2)));
}

/* value(price) - the number alone */
PG_FUNCTION_INFO_V1(price_value);
Datum
price_value(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(units_to_numeric(price_units(PG_GETARG_PRICE_P(0))));
}

/* quote(price) - what one pays with */
PG_FUNCTION_INFO_V1(price_quote);
Datum
price_quote(PG_FUNCTION_ARGS)
{
	PG_RETURN_ASSET(PG_GETARG_PRICE_P(0)->quote);
}

/* base(price) - what is priced */
PG_FUNCTION_INFO_V1(price_base);
Datum
price_base(PG_FUNCTION_ARGS)
{
	PG_RETURN_ASSET(PG_GETARG_PRICE_P(0)->base);
}

/* ----------
 * Arithmetic within one pair of assets: exact, or an error
 * ----------
 */

static Datum
sum_result(bool in_range, units value, const Price *a, char operation, const Price *b)
{
	if (unlikely(!in_range))
		arithmetic_error(UNITS_OVERFLOW,
						 psprintf("%s %c %s", text_of(a), operation, text_of(b)),
						 NULL);
	PG_RETURN_PRICE_P(same_pair(a, value));
}

PG_FUNCTION_INFO_V1(price_plus);
Datum
price_plus(PG_FUNCTION_ARGS)
{
	Price	   *a = PG_GETARG_PRICE_P(0);
	Price	   *b = PG_GETARG_PRICE_P(1);
	units		value;
	bool		in_range;

	require_same_pair("add", a, b);
	in_range = units_add(price_units(a), price_units(b), &value);
	return sum_result(in_range, value, a, '+', b);
}

PG_FUNCTION_INFO_V1(price_minus);
Datum
price_minus(PG_FUNCTION_ARGS)
{
	Price	   *a = PG_GETARG_PRICE_P(0);
	Price	   *b = PG_GETARG_PRICE_P(1);
	units		value;
	bool		in_range;

	require_same_pair("subtract", a, b);
	in_range = units_subtract(price_units(a), price_units(b), &value);
	return sum_result(in_range, value, a, '-', b);
}

/* the range is symmetric, so negation can't overflow */
PG_FUNCTION_INFO_V1(price_negate);
Datum
price_negate(PG_FUNCTION_ARGS)
{
	Price	   *price = PG_GETARG_PRICE_P(0);

	PG_RETURN_PRICE_P(same_pair(price, -price_units(price)));
}

/* markup(price, basis points) - exact; negative basis points lower it */
PG_FUNCTION_INFO_V1(price_markup);
Datum
price_markup(PG_FUNCTION_ARGS)
{
	Price	   *price = PG_GETARG_PRICE_P(0);
	units		points = numeric_to_units(PG_GETARG_NUMERIC(1), "basis points");
	units		factor;
	units		value = 0;
	UnitsStatus status = UNITS_OVERFLOW;

	if (units_add(BASIS, points, &factor))
		status = units_multiply_divide(price_units(price), factor, BASIS,
									   UNITS_DECIMALS, UNITS_ROUND_NONE, &value);
	if (status != UNITS_OK)
		arithmetic_error(status,
						 psprintf("%s plus %s basis points", text_of(price),
								  numeric_normalize(PG_GETARG_NUMERIC(1))),
						 "Round the price first: round(price, decimals, rounding).");
	PG_RETURN_PRICE_P(same_pair(price, value));
}

/* round(price, decimals, rounding) */
PG_FUNCTION_INFO_V1(price_round);
Datum
price_round(PG_FUNCTION_ARGS)
{
	Price	   *price = PG_GETARG_PRICE_P(0);
	int			decimals = decimals_argument(fcinfo, 1);
	units		value;
	UnitsStatus status = units_round(price_units(price), decimals,
									 rounding_argument(fcinfo, 2), &value);

	if (status != UNITS_OK)
		arithmetic_error(status, psprintf("%s rounded to %d decimals", text_of(price), decimals),
						 "Choose a rounding other than none.");
	PG_RETURN_PRICE_P(same_pair(price, value));
}

PG_FUNCTION_INFO_V1(price_fits_decimals);
Datum
price_fits_decimals(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(units_fits_decimals(price_units(PG_GETARG_PRICE_P(0)),
									   decimals_argument(fcinfo, 1)));
}

/* is_multiple_of(price, increment) - by integer remainder */
PG_FUNCTION_INFO_V1(price_is_multiple_of);
Datum
price_is_multiple_of(PG_FUNCTION_ARGS)
{
	Price	   *price = PG_GETARG_PRICE_P(0);
	Price	   *increment = PG_GETARG_PRICE_P(1);

	require_same_pair("compare", price, increment);
	if (price_units(increment) == 0)
		arithmetic_error(UNITS_DIVISION_BY_ZERO,
						 psprintf("%s by steps of %s", text_of(price), text_of(increment)), NULL);
	PG_RETURN_BOOL(price_units(price) % price_units(increment) == 0);
}

/* ----------
 * Prices and amounts
 * ----------
 */

/* base amount times price, in quote */
static Datum
multiply(const Amount *amount, const Price *price, int decimals, UnitsRounding rounding)
{
	units		value;
	UnitsStatus status;

	require_asset(amount, price->base, "base", price);
	status = units_multiply(amount_units(amount), price_units(price),
							decimals, rounding, &value);
	if (unlikely(status != UNITS_OK))
		arithmetic_error(status,
						 psprintf("%s * %s", text_of_amount(amount), text_of(price)),
						 "Round by name: multiply(amount, price, decimals, rounding).");
	PG_RETURN_AMOUNT_P(amount_make(value, price->quote));
}

PG_FUNCTION_INFO_V1(amount_times_price);
Datum
amount_times_price(PG_FUNCTION_ARGS)
{
	return multiply(PG_GETARG_AMOUNT_P(0), PG_GETARG_PRICE_P(1),
					UNITS_DECIMALS, UNITS_ROUND_NONE);
}

PG_FUNCTION_INFO_V1(price_times_amount);
Datum
price_times_amount(PG_FUNCTION_ARGS)
{
	return multiply(PG_GETARG_AMOUNT_P(1), PG_GETARG_PRICE_P(0),
					UNITS_DECIMALS, UNITS_ROUND_NONE);
}

/* multiply(amount, price, decimals, rounding) */
PG_FUNCTION_INFO_V1(amount_multiply_price);
Datum
amount_multiply_price(PG_FUNCTION_ARGS)
{
	return multiply(PG_GETARG_AMOUNT_P(0), PG_GETARG_PRICE_P(1),
					decimals_argument(fcinfo, 2), rounding_argument(fcinfo, 3));
}

/* divide(amount, price, decimals, rounding) - how much base a quote amount buys */
PG_FUNCTION_INFO_V1(amount_divide_price);
Datum
amount_divide_price(PG_FUNCTION_ARGS)
{
	Amount	   *amount = PG_GETARG_AMOUNT_P(0);
	Price	   *price = PG_GETARG_PRICE_P(1);
	units		value;
	UnitsStatus status;

	require_asset(amount, price->quote, "quote", price);
	status = units_multiply_divide(amount_units(amount), UNITS_ONE, price_units(price),
								   decimals_argument(fcinfo, 2),
								   rounding_argument(fcinfo, 3), &value);
	if (unlikely(status != UNITS_OK))
		arithmetic_error(status,
						 psprintf("%s / %s", text_of_amount(amount), text_of(price)),
						 "Choose a rounding other than none.");
	PG_RETURN_AMOUNT_P(amount_make(value, price->base));
}

/* average_price(notional, quantity, decimals, rounding) */
PG_FUNCTION_INFO_V1(price_average);
Datum
price_average(PG_FUNCTION_ARGS)
{
	Amount	   *notional = PG_GETARG_AMOUNT_P(0);
	Amount	   *quantity = PG_GETARG_AMOUNT_P(1);
	units		value;
	UnitsStatus status = units_multiply_divide(amount_units(notional), UNITS_ONE,
											   amount_units(quantity),
											   decimals_argument(fcinfo, 2),
											   rounding_argument(fcinfo, 3), &value);

	if (unlikely(status != UNITS_OK))
		arithmetic_error(status,
						 psprintf("%s / %s", text_of_amount(notional), text_of_amount(quantity)),
						 "Choose a rounding other than none.");
	PG_RETURN_PRICE_P(price_make(value, notional->asset, quantity->asset));
}

/* ----------
 * Comparison
 * ----------
 */

/* The total order: by quote asset, base asset, then value. */
static inline int
price_order(const Price *a, const Price *b)
{
	if (a->quote != b->quote)
		return a->quote < b->quote ? -1 : 1;
	if (a->base != b->base)
		return a->base < b->base ? -1 : 1;
	return units_compare(price_units(a), price_units(b));
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

COMPARISON(price_lt, strict_order, <);
COMPARISON(price_le, strict_order, <=);
COMPARISON(price_eq, strict_order, ==);
COMPARISON(price_ne, strict_order, !=);
COMPARISON(price_ge, strict_order, >=);
COMPARISON(price_gt, strict_order, >);

COMPARISON(price_total_lt, total_order, <);
COMPARISON(price_total_le, total_order, <=);
COMPARISON(price_total_eq, total_order, ==);
COMPARISON(price_total_ne, total_order, !=);
COMPARISON(price_total_ge, total_order, >=);
COMPARISON(price_total_gt, total_order, >);

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
