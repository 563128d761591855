/*
 * Unit tests of floor 0's arithmetic: tables of cases, then random cases
 * checked by properties with a plain multi-digit multiplication of its own.
 * Prints TAP.
 */
#include "arithmetic/allocation.h"
#include "arithmetic/rounding.h"
#include "arithmetic/varint.h"

#include <stdio.h>
#include <string.h>

static int	points;
static int	failures;

static void
check(bool passed, const char *what)
{
	points++;
	if (!passed)
		failures++;
	printf("%s %d - %s\n", passed ? "ok" : "not ok", points, what);
}

/* Report a loop of cases as one point, and the first case that failed. */
typedef struct Series
{
	const char *what;
	long		cases;
	long		bad;
} Series;

static void
series_case(Series *series, bool passed, const char *detail)
{
	series->cases++;
	if (!passed && series->bad++ == 0)
		printf("# %s: first failure at case %ld: %s\n", series->what, series->cases, detail);
}

static void
series_end(const Series *series)
{
	char		text[200];

	snprintf(text, sizeof(text), "%s (%ld cases)", series->what, series->cases);
	check(series->cases > 0 && series->bad == 0, text);
}

/* A deterministic generator (splitmix64). */
static uint64_t seed = 20261120;

static uint64_t
random_bits(void)
{
	uint64_t	z = (seed += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static int
random_below(int limit)
{
	return (int) (random_bits() % (uint64_t) limit);
}

/* Any magnitude is as likely as any other; round numbers and limits are common. */
static units
random_units(void)
{
	static const int special_count = 8;
	units		specials[] = {0, 1, 2, UNITS_ONE, UNITS_ONE / 2, 5, UNITS_MAX, UNITS_MAX - 1};
	units		value;

	if (random_below(4) == 0)
		value = specials[random_below(special_count)];
	else
	{
		value = (units) (((unsigned_units) random_bits() << 64 | random_bits()) >> (2 + random_below(126)));
		if (random_below(2))
			value -= value % power_of_ten(random_below(19));
	}
	return random_below(2) ? value : -value;
}

/* ----------
 * A reference: unsigned numbers of 16 digits to the base 2^32, lowest first.
 * ----------
 */
#define DIGITS 16

typedef struct Number
{
	uint32_t	digit[DIGITS];
} Number;

static Number
number_of(units value)
{
	Number		number = {{0}};
	unsigned_units size = value < 0 ? -(unsigned_units) value : (unsigned_units) value;

	for (int i = 0; i < 4; i++)
		number.digit[i] = (uint32_t) (size >> (32 * i));
	return number;
}

static Number
number_multiply(Number a, Number b)
{
	Number		product = {{0}};

	for (int i = 0; i < DIGITS; i++)
	{
		uint64_t	carry = 0;

		for (int j = 0; i + j < DIGITS; j++)
		{
			carry += (uint64_t) a.digit[i] * b.digit[j] + product.digit[i + j];
			product.digit[i + j] = (uint32_t) carry;
			carry >>= 32;
		}
	}
	return product;
}

static int
number_compare(Number a, Number b)
{
	for (int i = DIGITS - 1; i >= 0; i--)
		if (a.digit[i] != b.digit[i])
			return a.digit[i] < b.digit[i] ? -1 : 1;
	return 0;
}

/* |a - b| */
static Number
number_distance(Number a, Number b)
{
	Number		difference;
	int64_t		borrow = 0;

	if (number_compare(a, b) < 0)
		return number_distance(b, a);
	for (int i = 0; i < DIGITS; i++)
	{
		int64_t		d = (int64_t) a.digit[i] - b.digit[i] + borrow;

		difference.digit[i] = (uint32_t) d;
		borrow = d < 0 ? -1 : 0;
	}
	return difference;
}

/*
 * Is result what |value * numerator| / |denominator| rounds to?  Distances are
 * compared in units of 1 / denominator, so nothing is divided.
 */
static bool
rounded_right(units value, units numerator, units denominator, int decimals,
			  UnitsRounding rounding, units result)
{
	Number		exact = number_multiply(number_of(value), number_of(numerator));
	Number		step = number_multiply(number_of(denominator), number_of(power_of_ten(18 - decimals)));
	Number		got = number_multiply(number_of(result), number_of(denominator));
	Number		away = number_distance(exact, got);
	int			side = number_compare(got, exact);
	int			half = number_compare(number_multiply(away, number_of(2)), step);
	bool		negative = (value < 0) ^ (numerator < 0) ^ (denominator < 0);
	bool		odd = result / power_of_ten(18 - decimals) % 2 != 0;

	if (result % power_of_ten(18 - decimals) != 0 || number_compare(away, step) >= 0)
		return false;
	if (result != 0 && (result < 0) != negative)
		return false;
	switch (rounding)
	{
		case UNITS_ROUND_NONE:
			return side == 0;
		case UNITS_ROUND_HALF_EVEN:
			return half < 0 || (half == 0 && !odd);
		case UNITS_ROUND_HALF_UP:
			return half < 0 || (half == 0 && side > 0);
		case UNITS_ROUND_UP:
			return side >= 0;
		case UNITS_ROUND_DOWN:
			return side <= 0;
		case UNITS_ROUND_CEILING:
			return negative ? side <= 0 : side >= 0;
		case UNITS_ROUND_FLOOR:
			return negative ? side >= 0 : side <= 0;
	}
	return false;
}

/* Is the truncated result beyond the range, so that an overflow is right? */
static bool
may_overflow(units value, units numerator, units denominator, int decimals)
{
	Number		exact = number_multiply(number_of(value), number_of(numerator));
	Number		room = number_multiply(number_of(UNITS_MAX - power_of_ten(18 - decimals)),
									   number_of(denominator));

	return number_compare(exact, room) > 0;
}

/* ----------
 * Tests
 * ----------
 */

static void
test_parse(void)
{
	static const struct
	{
		const char *text;
		UnitsStatus status;
		const char *canonical;
	}			cases[] = {
		{"6030.00", UNITS_OK, "6030.00"},
		{"6030", UNITS_OK, "6030.00"},
		{"+6030.5", UNITS_OK, "6030.50"},
		{"-0.00019367", UNITS_OK, "-0.00019367"},
		{"1.000000000000000001", UNITS_OK, "1.000000000000000001"},
		{"1e3", UNITS_OK, "1000.00"},
		{"1E+3", UNITS_OK, "1000.00"},
		{"1.5e-17", UNITS_OK, "0.000000000000000015"},
		{"1e-18", UNITS_OK, "0.000000000000000001"},
		{"10e-19", UNITS_OK, "0.000000000000000001"},
		{"0", UNITS_OK, "0.00"},
		{"-0", UNITS_OK, "0.00"},
		{"0e999999999999999999999999", UNITS_OK, "0.00"},
		{"0.0000000000000000000000000000", UNITS_OK, "0.00"},
		{"000000000000000000000000000000000000000000000000001.0000000000000000000000000", UNITS_OK, "1.00"},
		{"100000000000000000000000000000000000000000000e-44", UNITS_OK, "1.00"},
		{"85070591730234615865.843651857942052863", UNITS_OK, "85070591730234615865.843651857942052863"},
		{"-85070591730234615865.843651857942052863", UNITS_OK, "-85070591730234615865.843651857942052863"},
		{"85070591730234615865.843651857942052864", UNITS_OVERFLOW, NULL},
		{"-85070591730234615865.843651857942052864", UNITS_OVERFLOW, NULL},
		{"1e20", UNITS_OVERFLOW, NULL},
		{"1e40", UNITS_OVERFLOW, NULL},
		{"1e9223372036854775808", UNITS_OVERFLOW, NULL},
		{"340282366920938463463374607431768211456", UNITS_OVERFLOW, NULL},
		/* 2^128 + 1 units would wrap to 1 */
		{"340282366920938463463.374607431768211457", UNITS_OVERFLOW, NULL},
		{"1e-19", UNITS_TOO_MANY_DECIMALS, NULL},
		{"1e-30", UNITS_TOO_MANY_DECIMALS, NULL},
		{"1e-99999999999999999999", UNITS_TOO_MANY_DECIMALS, NULL},
		{"0.0000000000000000001", UNITS_TOO_MANY_DECIMALS, NULL},
		{"NaN", UNITS_NOT_FINITE, NULL},
		{"nan", UNITS_NOT_FINITE, NULL},
		{"inf", UNITS_NOT_FINITE, NULL},
		{"-Infinity", UNITS_NOT_FINITE, NULL},
		{"", UNITS_SYNTAX, NULL},
		{"+", UNITS_SYNTAX, NULL},
		{"-", UNITS_SYNTAX, NULL},
		{".", UNITS_SYNTAX, NULL},
		{"1.", UNITS_SYNTAX, NULL},
		{".5", UNITS_SYNTAX, NULL},
		{"1..2", UNITS_SYNTAX, NULL},
		{"1.2.3", UNITS_SYNTAX, NULL},
		{"--1", UNITS_SYNTAX, NULL},
		{"1e", UNITS_SYNTAX, NULL},
		{"1e+", UNITS_SYNTAX, NULL},
		{"1e1.5", UNITS_SYNTAX, NULL},
		{"1e1e1", UNITS_SYNTAX, NULL},
		{" 1", UNITS_SYNTAX, NULL},
		{"1 ", UNITS_SYNTAX, NULL},
		{"1,000", UNITS_SYNTAX, NULL},
		{"1_000", UNITS_SYNTAX, NULL},
		{"0x10", UNITS_SYNTAX, NULL},
		{"\xD9\xA1", UNITS_SYNTAX, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		units		value = 0;
		char		text[UNITS_TEXT_SIZE] = "";
		char		what[200];
		UnitsStatus status = units_parse(cases[i].text, strlen(cases[i].text), &value);

		if (status == UNITS_OK)
			units_format(value, 2, text);
		snprintf(what, sizeof(what), "parse '%.80s'", cases[i].text);
		check(status == cases[i].status &&
			  (status != UNITS_OK || strcmp(text, cases[i].canonical) == 0), what);
	}
}

static void
test_format(void)
{
	Series		series = {.what = "text comes back as the same value, in canonical form"};
	char		text[UNITS_TEXT_SIZE];

	check(units_format(UNITS_ONE, 0, text) == 1 && strcmp(text, "1") == 0, "no decimals wanted, none written");
	check(units_format(-UNITS_MAX, 18, text) < UNITS_TEXT_SIZE &&
		  strcmp(text, "-85070591730234615865.843651857942052863") == 0, "the longest text");
	for (int i = 0; i < 200000; i++)
	{
		units		value = random_units();
		units		again = 0;
		int			minimum = random_below(19);
		int			length = units_format(value, minimum, text);
		const char *point = strchr(text, '.');
		int			decimals = point ? (int) strlen(point + 1) : 0;

		series_case(&series,
					length == (int) strlen(text) &&
					units_parse(text, strlen(text), &again) == UNITS_OK && again == value &&
					decimals >= minimum &&
					(decimals == minimum || text[length - 1] != '0'), text);
	}
	series_end(&series);
}

static void
test_add(void)
{
	Series		series = {.what = "addition and subtraction are checked and undo each other"};
	units		result;

	check(!units_add(UNITS_MAX, 1, &result), "beyond the top");
	check(!units_add(-UNITS_MAX, -1, &result), "beyond the bottom");
	check(!units_add(UNITS_MAX, UNITS_MAX, &result), "both at the top");
	check(!units_subtract(-UNITS_MAX, UNITS_MAX, &result), "from bottom to top");
	check(units_add(UNITS_MAX, -UNITS_MAX, &result) && result == 0, "top and bottom cancel");
	for (int i = 0; i < 100000; i++)
	{
		units		a = random_units();
		units		b = random_units();
		units		back;
		bool		fits = units_add(a, b, &result);

		series_case(&series, !fits || (units_subtract(result, b, &back) && back == a), "");
	}
	series_end(&series);
}

static void
test_round(void)
{
	static const struct
	{
		const char *value;
		UnitsRounding rounding;
		const char *result;
	}			cases[] = {
		{"0.5", UNITS_ROUND_HALF_EVEN, "0"}, {"1.5", UNITS_ROUND_HALF_EVEN, "2"},
		{"2.5", UNITS_ROUND_HALF_EVEN, "2"}, {"-0.5", UNITS_ROUND_HALF_EVEN, "0"},
		{"-1.5", UNITS_ROUND_HALF_EVEN, "-2"}, {"0.500000000000000001", UNITS_ROUND_HALF_EVEN, "1"},
		{"0.5", UNITS_ROUND_HALF_UP, "1"}, {"-0.5", UNITS_ROUND_HALF_UP, "-1"},
		{"0.4", UNITS_ROUND_HALF_UP, "0"}, {"0.1", UNITS_ROUND_UP, "1"},
		{"-0.1", UNITS_ROUND_UP, "-1"}, {"0.9", UNITS_ROUND_DOWN, "0"},
		{"-0.9", UNITS_ROUND_DOWN, "0"}, {"0.1", UNITS_ROUND_CEILING, "1"},
		{"-0.9", UNITS_ROUND_CEILING, "0"}, {"0.9", UNITS_ROUND_FLOOR, "0"},
		{"-0.1", UNITS_ROUND_FLOOR, "-1"}, {"7", UNITS_ROUND_NONE, "7"},
	};
	Series		series = {.what = "rounding is the nearest by the mode's rule"};
	units		result;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		what[100];
		units		value;
		units		expected;

		units_parse(cases[i].value, strlen(cases[i].value), &value);
		units_parse(cases[i].result, strlen(cases[i].result), &expected);
		snprintf(what, sizeof(what), "round %s by mode %d", cases[i].value, cases[i].rounding);
		check(units_round(value, 0, cases[i].rounding, &result) == UNITS_OK && result == expected, what);
	}
	check(units_round(1, 17, UNITS_ROUND_NONE, &result) == UNITS_INEXACT, "exact or refused");
	check(units_round(UNITS_MAX, 0, UNITS_ROUND_UP, &result) == UNITS_OVERFLOW, "rounding up beyond the top");
	for (int i = 0; i < 200000; i++)
	{
		units		value = random_units();
		int			decimals = random_below(19);
		UnitsRounding rounding = (UnitsRounding) random_below(7);
		UnitsStatus status = units_round(value, decimals, rounding, &result);

		series_case(&series,
					status == UNITS_OK ? rounded_right(value, 1, 1, decimals, rounding, result) :
					status == UNITS_INEXACT ? rounding == UNITS_ROUND_NONE && !units_fits_decimals(value, decimals) :
					status == UNITS_OVERFLOW && may_overflow(value, 1, 1, decimals), "");
	}
	series_end(&series);
}

static void
test_multiply_divide(void)
{
	Series		series = {.what = "products and quotients are rounded once, by the mode's rule"};
	units		result;

	check(units_multiply_divide(1, 1, 0, 18, UNITS_ROUND_DOWN, &result) == UNITS_DIVISION_BY_ZERO, "division by zero");
	check(units_multiply_divide(UNITS_MAX, UNITS_MAX, UNITS_MAX, 18, UNITS_ROUND_NONE, &result) == UNITS_OK &&
		  result == UNITS_MAX, "the largest product, divided again");
	check(units_multiply_divide(UNITS_MAX, UNITS_MAX, 1, 18, UNITS_ROUND_NONE, &result) == UNITS_OVERFLOW, "the largest product");
	check(units_multiply_divide(-UNITS_MAX, 2, 2, 18, UNITS_ROUND_NONE, &result) == UNITS_OK &&
		  result == -UNITS_MAX, "an intermediate beyond the range");
	check(units_multiply(UNITS_ONE / 5, 60300 * UNITS_ONE, 18, UNITS_ROUND_NONE, &result) == UNITS_OK &&
		  result == 12060 * UNITS_ONE, "0.2 * 60300 = 12060");
	check(units_multiply(1, 1, 18, UNITS_ROUND_NONE, &result) == UNITS_INEXACT, "too fine is refused without rounding");
	/* 0.4 units below 0.015: rounded to 18 decimals first, it would become 0.02 */
	check(units_multiply_divide(5 * (UNITS_ONE / 1000 * 15) - 2, 1, 5, 2, UNITS_ROUND_HALF_UP, &result) == UNITS_OK &&
		  result == UNITS_ONE / 100, "one rounding, not two");
	for (int i = 0; i < 400000; i++)
	{
		units		value = random_units();
		units		numerator = random_units();
		units		denominator = random_below(2) ? random_units() : UNITS_ONE;
		int			decimals = random_below(2) ? 18 : random_below(19);
		UnitsRounding rounding = (UnitsRounding) random_below(7);
		UnitsStatus status = units_multiply_divide(value, numerator, denominator, decimals, rounding, &result);

		series_case(&series,
					status == UNITS_OK ? rounded_right(value, numerator, denominator, decimals, rounding, result) :
					status == UNITS_OVERFLOW ? may_overflow(value, numerator, denominator, decimals) :
					status == UNITS_INEXACT ? rounding == UNITS_ROUND_NONE :
					denominator == 0, "");
	}
	series_end(&series);
}

/* NONE must succeed where the quotient is exact: build such cases. */
static void
test_exact_quotients(void)
{
	Series		series = {.what = "an exact quotient is found without rounding"};
	units		result;

	for (int i = 0; i < 100000; i++)
	{
		units		quotient = random_units() >> 64;
		units		denominator = random_units() >> 66;
		units		factor = random_units() >> 66;

		if (denominator == 0 || factor == 0)
			continue;
		/* (quotient * denominator) * factor / (denominator * factor) */
		series_case(&series,
					units_multiply_divide(quotient * denominator, factor, denominator * factor, 18,
										  UNITS_ROUND_NONE, &result) == UNITS_OK && result == quotient, "");
	}
	series_end(&series);
}

/* Parts must sum to the total and be within one step of their exact share. */
static bool
allocated_right(units total, units step, const units *weights, int count, const units *parts)
{
	units		sum = 0;
	units		weight_sum = 0;

	for (int i = 0; i < count; i++)
	{
		sum += parts[i];
		weight_sum += weights[i];
	}
	for (int i = 0; i < count; i++)
	{
		Number		share = number_multiply(number_of(total), number_of(weights[i]));
		Number		got = number_multiply(number_of(parts[i]), number_of(weight_sum));
		Number		limit = number_multiply(number_of(step), number_of(weight_sum));

		if (parts[i] % step != 0 || (weights[i] == 0 && parts[i] != 0) ||
			number_compare(number_distance(share, got), limit) >= 0)
			return false;
	}
	return sum == total;
}

static void
test_allocate(void)
{
	Series		series = {.what = "allocated parts sum to the total, each within a step of its share"};
	units		parts[16];
	units		thirds[3] = {1, 1, 1};
	units		uneven[3] = {50, 25, 25};
	units		negative[2] = {1, -1};
	units		zeros[2] = {0, 0};
	units		huge[2] = {UNITS_MAX, UNITS_MAX};

	check(units_allocate(100, 1, thirds, 3, parts) == UNITS_OK &&
		  parts[0] == 34 && parts[1] == 33 && parts[2] == 33, "a tie goes to the lower index");
	check(units_allocate(-100, 1, thirds, 3, parts) == UNITS_OK &&
		  parts[0] == -34 && parts[1] == -33 && parts[2] == -33, "a negative total mirrors a positive one");
	check(units_allocate(3, 1, uneven, 3, parts) == UNITS_OK &&
		  parts[0] == 1 && parts[1] == 1 && parts[2] == 1, "the largest remainders are served first");
	check(units_allocate(0, 1, thirds, 3, parts) == UNITS_OK && parts[0] == 0 && parts[2] == 0, "nothing to share");
	check(units_allocate(5, 10, thirds, 3, parts) == UNITS_INEXACT, "a total off its step");
	check(units_allocate(5, 0, thirds, 3, parts) == UNITS_DIVISION_BY_ZERO, "no step");
	check(units_allocate(5, 1, negative, 2, parts) == UNITS_NEGATIVE_WEIGHT, "a negative weight");
	check(units_allocate(5, 1, zeros, 2, parts) == UNITS_DIVISION_BY_ZERO, "no weight at all");
	check(units_allocate(5, 1, thirds, 0, parts) == UNITS_DIVISION_BY_ZERO, "nobody to share with");
	check(units_allocate(5, 1, huge, 2, parts) == UNITS_OVERFLOW, "weights beyond the range");
	for (int i = 0; i < 50000; i++)
	{
		int			count = 1 + random_below(16);
		units		step = power_of_ten(random_below(19));
		units		total = random_units() / step * step;
		units		weights[16];
		units		weight_sum = 0;

		for (int j = 0; j < count; j++)
		{
			weights[j] = random_units() / 16;
			weights[j] = weights[j] < 0 ? -weights[j] : weights[j];
			weight_sum += weights[j];
		}
		if (weight_sum == 0)
			continue;
		series_case(&series,
					units_allocate(total, step, weights, count, parts) == UNITS_OK &&
					allocated_right(total, step, weights, count, parts), "");
	}
	series_end(&series);
}

static void
test_varints(void)
{
	Series		series = {.what = "varints come back, and no shorter prefix is accepted"};
	uint8_t		overlong[] = {0x80, 0x00};
	uint8_t		beyond[19];
	uint8_t		endless[20];
	unsigned_units value;

	memset(beyond, 0xFF, sizeof(beyond));
	beyond[18] = 0x04;
	memset(endless, 0x80, sizeof(endless));
	check(varint_decode(overlong, overlong + 2, &value) == NULL, "longer than needed");
	check(varint_decode(beyond, beyond + 19, &value) == NULL, "beyond 128 bits");
	check(varint_decode(endless, endless + 20, &value) == NULL, "without an end");
	check(varint_decode(overlong, overlong, &value) == NULL, "empty");
	beyond[18] = 0x03;
	check(varint_decode(beyond, beyond + 19, &value) == beyond + 19 && value == ~(unsigned_units) 0, "the largest");
	check(zigzag_decode(zigzag_encode(-UNITS_MAX)) == -UNITS_MAX && zigzag_encode(-1) == 1 && zigzag_encode(1) == 2, "zigzag");
	for (int i = 0; i < 100000; i++)
	{
		unsigned_units original = zigzag_encode(random_units());
		uint8_t		bytes[19];
		int			length = varint_encode(original, bytes);

		series_case(&series,
					length <= 19 &&
					varint_decode(bytes, bytes + length, &value) == bytes + length && value == original &&
					varint_decode(bytes, bytes + length - 1, &value) == NULL, "");
	}
	series_end(&series);
}

int
main(void)
{
	test_parse();
	test_format();
	test_add();
	test_round();
	test_multiply_divide();
	test_exact_quotients();
	test_allocate();
	test_varints();
	printf("1..%d\n", points);
	return failures > 0;
}
