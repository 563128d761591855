/*-------------------------------------------------------------------------
 *
 * units.c
 *	  Exact arithmetic on 128-bit quantities: text, rounding, products
 *	  through 256 bits, proportional allocation, varints.
 *
 * Pure C: no PostgreSQL header, no locale, no float, so that the unit tests
 * and the fuzzers run exactly the code the server runs.
 *-------------------------------------------------------------------------
 */
#include "arithmetic/units.h"

#include <stdlib.h>
#include <string.h>

/* decimal digits of UNITS_MAX */
#define UNITS_DIGITS	38

/* exponents in text saturate here; no text is long enough to make up for it */
#define EXPONENT_LIMIT	INT64_C(1000000000000)

static const int64_t powers_of_ten[UNITS_DECIMALS + 1] = {
	INT64_C(1),
	INT64_C(10),
	INT64_C(100),
	INT64_C(1000),
	INT64_C(10000),
	INT64_C(100000),
	INT64_C(1000000),
	INT64_C(10000000),
	INT64_C(100000000),
	INT64_C(1000000000),
	INT64_C(10000000000),
	INT64_C(100000000000),
	INT64_C(1000000000000),
	INT64_C(10000000000000),
	INT64_C(100000000000000),
	INT64_C(1000000000000000),
	INT64_C(10000000000000000),
	INT64_C(100000000000000000),
	INT64_C(1000000000000000000)
};

/* An unsigned 256-bit number: the product of two magnitudes. */
typedef struct Wide
{
	unsigned_units low;
	unsigned_units high;
} Wide;

/* The part of an exact quotient that a rounding drops. */
typedef enum Dropped
{
	DROPPED_NOTHING,
	DROPPED_LESS_THAN_HALF,
	DROPPED_HALF,
	DROPPED_MORE_THAN_HALF
} Dropped;

/* One part's claim on a left-over step, see units_allocate. */
typedef struct Claim
{
	unsigned_units remainder;
	int			index;
} Claim;

int64_t
power_of_ten(int exponent)
{
	return powers_of_ten[exponent];
}

bool
units_fits_decimals(units value, int decimals)
{
	return value % powers_of_ten[UNITS_DECIMALS - decimals] == 0;
}

static inline unsigned_units
magnitude(units value)
{
	return value < 0 ? -(unsigned_units) value : (unsigned_units) value;
}

/* Put the sign back on a magnitude; the one place that decides overflow. */
static UnitsStatus
from_magnitude(unsigned_units size, bool negative, units *result)
{
	if (size > (unsigned_units) UNITS_MAX)
		return UNITS_OVERFLOW;
	*result = negative ? -(units) size : (units) size;
	return UNITS_OK;
}

/* ----------
 * Text
 * ----------
 */

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ASCII case-insensitive comparison with a lower-case word, no locale */
static bool
matches_word(const char *text, const char *end, const char *word)
{
	size_t		length = strlen(word);

	if ((size_t) (end - text) != length)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		char		c = text[i];

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (c != word[i])
			return false;
	}
	return true;
}

/* NaN and Infinity are told apart from garbage so that the error can say so */
static bool
is_not_finite(const char *text, const char *end)
{
	return matches_word(text, end, "nan") ||
		matches_word(text, end, "inf") ||
		matches_word(text, end, "infinity");
}

/* Parse the exponent's digits, saturating; false unless they reach the end. */
static bool
parse_exponent(const char *text, const char *end, int64_t *exponent)
{
	bool		negative = text < end && *text == '-';
	int64_t		value = 0;

	if (text < end && (*text == '-' || *text == '+'))
		text++;
	if (text == end)
		return false;
	for (; text < end; text++)
	{
		if (!is_digit(*text))
			return false;
		if (value < EXPONENT_LIMIT)
			value = value * 10 + (*text - '0');
	}
	*exponent = negative ? -value : value;
	return true;
}

/*
 * Turn digits (a point among them is skipped), the last of which stands for
 * 10^exponent and is not zero, into units.
 */
static UnitsStatus
scale_digits(const char *first, const char *last, int64_t digit_count,
			 int64_t exponent, bool negative, units *result)
{
	unsigned_units size = 0;
	int64_t		shift = exponent + UNITS_DECIMALS;

	if (shift < 0)
		return UNITS_TOO_MANY_DECIMALS;
	if (digit_count + shift > UNITS_DIGITS)
		return UNITS_OVERFLOW;
	for (; first <= last; first++)
		if (*first != '.')
			size = size * 10 + (unsigned_units) (*first - '0');
	for (; shift > UNITS_DECIMALS; shift -= UNITS_DECIMALS)
		size *= (unsigned_units) powers_of_ten[UNITS_DECIMALS];
	size *= (unsigned_units) powers_of_ten[shift];
	return from_magnitude(size, negative, result);
}

/*
 * One pass finds the first and the last digit that is not zero, so that any
 * number of zeros may lead or trail; only what lies between must fit.
 */
UnitsStatus
units_parse(const char *text, size_t length, units *result)
{
	const char *end = text + length;
	const char *first = NULL;	/* first and last digit other than zero */
	const char *last = NULL;
	int64_t		digits = 0;		/* from first up to the cursor */
	int64_t		digits_to_last = 0;
	int64_t		decimals = 0;	/* digits after the point */
	int64_t		decimals_to_last = 0;
	int64_t		zeros_after_last = 0;	/* before the point */
	int64_t		exponent = 0;
	bool		negative = length > 0 && *text == '-';
	bool		after_point = false;

	if (length > 0 && (*text == '-' || *text == '+'))
		text++;
	if (is_not_finite(text, end))
		return UNITS_NOT_FINITE;
	if (text == end || !is_digit(*text))
		return UNITS_SYNTAX;

	for (; text < end; text++)
	{
		if (*text == '.')
		{
			if (after_point || text + 1 == end || !is_digit(text[1]))
				return UNITS_SYNTAX;
			after_point = true;
			continue;
		}
		if (!is_digit(*text))
			break;
		if (after_point)
			decimals++;
		if (first == NULL && *text == '0')
			continue;
		if (first == NULL)
			first = text;
		digits++;
		if (*text != '0')
		{
			last = text;
			digits_to_last = digits;
			decimals_to_last = decimals;
			zeros_after_last = 0;
		}
		else if (!after_point)
			zeros_after_last++;
	}
	if (text < end && (*text == 'e' || *text == 'E'))
	{
		if (!parse_exponent(text + 1, end, &exponent))
			return UNITS_SYNTAX;
	}
	else if (text < end)
		return UNITS_SYNTAX;

	if (first == NULL)
	{
		*result = 0;
		return UNITS_OK;
	}
	return scale_digits(first, last, digits_to_last,
						exponent + zeros_after_last - decimals_to_last,
						negative, result);
}

/* Write value's digits ending before `end`; returns where they begin. */
static char *
write_digits(unsigned_units value, char *end)
{
	const uint64_t block = (uint64_t) powers_of_ten[UNITS_DECIMALS];
	uint64_t	part;

	for (; value >= block; value /= block)
	{
		part = (uint64_t) (value % block);
		for (int i = 0; i < UNITS_DECIMALS; i++, part /= 10)
			*--end = (char) ('0' + part % 10);
	}
	part = (uint64_t) value;
	do
	{
		*--end = (char) ('0' + part % 10);
		part /= 10;
	} while (part != 0);
	return end;
}

/* Digits of a fraction without its trailing zeros, but at least `minimum`. */
static int
format_fraction(uint64_t fraction, int minimum, char *buffer)
{
	int			decimals = UNITS_DECIMALS;

	while (decimals > minimum && fraction % 10 == 0)
	{
		fraction /= 10;
		decimals--;
	}
	for (int i = decimals - 1; i >= 0; i--, fraction /= 10)
		buffer[i] = (char) ('0' + fraction % 10);
	return decimals;
}

int
units_format(units value, int minimum_decimals, char *buffer)
{
	unsigned_units size = magnitude(value);
	char		digits[UNITS_TEXT_SIZE];
	char	   *end = digits + sizeof(digits);
	char	   *start = write_digits(size / (unsigned_units) UNITS_ONE, end);
	char	   *cursor = buffer;
	int			decimals;

	if (value < 0)
		*cursor++ = '-';
	memcpy(cursor, start, (size_t) (end - start));
	cursor += end - start;
	decimals = format_fraction((uint64_t) (size % (unsigned_units) UNITS_ONE),
							   minimum_decimals, cursor + 1);
	if (decimals > 0)
	{
		*cursor = '.';
		cursor += 1 + decimals;
	}
	*cursor = '\0';
	return (int) (cursor - buffer);
}

/* ----------
 * Rounding
 * ----------
 */

/* Does the magnitude grow by one step?  The one place that knows the modes. */
static bool
rounds_away(UnitsRounding rounding, Dropped dropped, bool negative, bool odd)
{
	switch (rounding)
	{
		case UNITS_ROUND_NONE:
		case UNITS_ROUND_DOWN:
			return false;
		case UNITS_ROUND_HALF_EVEN:
			return dropped == DROPPED_MORE_THAN_HALF ||
				(dropped == DROPPED_HALF && odd);
		case UNITS_ROUND_HALF_UP:
			return dropped >= DROPPED_HALF;
		case UNITS_ROUND_UP:
			return dropped != DROPPED_NOTHING;
		case UNITS_ROUND_CEILING:
			return dropped != DROPPED_NOTHING && !negative;
		case UNITS_ROUND_FLOOR:
			return dropped != DROPPED_NOTHING && negative;
	}
	return false;
}

/* Round a truncated count of steps and turn it back into units. */
static UnitsStatus
finish_rounding(unsigned_units steps, unsigned_units step, Dropped dropped,
				UnitsRounding rounding, bool negative, units *result)
{
	if (rounding == UNITS_ROUND_NONE && dropped != DROPPED_NOTHING)
		return UNITS_INEXACT;
	if (steps > (unsigned_units) UNITS_MAX / step)
		return UNITS_OVERFLOW;
	if (rounds_away(rounding, dropped, negative, (steps & 1) != 0))
		steps++;
	return from_magnitude(steps * step, negative, result);
}

/*
 * Classify (remainder + lesser / step) / divisor against one half, where
 * remainder < divisor and lesser < step, without forming divisor * step.
 */
static Dropped
classify_dropped(unsigned_units remainder, unsigned_units divisor,
				 uint64_t lesser, uint64_t step)
{
	unsigned_units rest;		/* divisor - 2 * remainder, if not negative */

	if (remainder == 0 && lesser == 0)
		return DROPPED_NOTHING;
	if (remainder > divisor - remainder)
		return DROPPED_MORE_THAN_HALF;
	rest = divisor - 2 * remainder;
	if (rest == 0)
		return lesser > 0 ? DROPPED_MORE_THAN_HALF : DROPPED_HALF;
	if (rest > 1 || lesser < step - lesser)
		return DROPPED_LESS_THAN_HALF;
	return lesser == step - lesser ? DROPPED_HALF : DROPPED_MORE_THAN_HALF;
}

UnitsStatus
units_round(units value, int decimals, UnitsRounding rounding, units *result)
{
	unsigned_units size = magnitude(value);
	unsigned_units step = (unsigned_units) powers_of_ten[UNITS_DECIMALS - decimals];

	return finish_rounding(size / step, step,
						   classify_dropped(size % step, step, 0, 1),
						   rounding, value < 0, result);
}

/* ----------
 * 256-bit products and quotients
 * ----------
 */

static Wide
wide_multiply(unsigned_units a, unsigned_units b)
{
	uint64_t	a_low = (uint64_t) a;
	uint64_t	a_high = (uint64_t) (a >> 64);
	uint64_t	b_low = (uint64_t) b;
	uint64_t	b_high = (uint64_t) (b >> 64);
	unsigned_units low = (unsigned_units) a_low * b_low;
	unsigned_units cross = (unsigned_units) a_low * b_high + (uint64_t) (low >> 64);
	unsigned_units cross_2 = (unsigned_units) a_high * b_low + (uint64_t) cross;
	Wide		product;

	product.low = (cross_2 << 64) | (uint64_t) low;
	product.high = (unsigned_units) a_high * b_high + (cross >> 64) + (cross_2 >> 64);
	return product;
}

/* Divide by a 64-bit number, limb by limb; returns the remainder. */
static uint64_t
wide_divide_small(Wide *value, uint64_t divisor)
{
	uint64_t	limbs[4];
	unsigned_units remainder = 0;

	limbs[0] = (uint64_t) (value->high >> 64);
	limbs[1] = (uint64_t) value->high;
	limbs[2] = (uint64_t) (value->low >> 64);
	limbs[3] = (uint64_t) value->low;
	for (int i = 0; i < 4; i++)
	{
		unsigned_units part = (remainder << 64) | limbs[i];

		limbs[i] = (uint64_t) (part / divisor);
		remainder = part % divisor;
	}
	value->high = ((unsigned_units) limbs[0] << 64) | limbs[1];
	value->low = ((unsigned_units) limbs[2] << 64) | limbs[3];
	return (uint64_t) remainder;
}

/*
 * Divide by a number below 2^127; false when the quotient needs more than
 * 128 bits.  Divisors beyond 64 bits go bit by bit over the low half.
 */
static bool
wide_divide(Wide value, unsigned_units divisor,
			unsigned_units *quotient, unsigned_units *remainder)
{
	unsigned_units rest;
	unsigned_units digits = 0;

	if (value.high >= divisor)
		return false;
	if (value.high == 0)
	{
		*quotient = value.low / divisor;
		*remainder = value.low % divisor;
		return true;
	}
	if (divisor <= UINT64_MAX)
	{
		*remainder = wide_divide_small(&value, (uint64_t) divisor);
		*quotient = value.low;
		return true;
	}
	rest = value.high;
	for (int bit = 127; bit >= 0; bit--)
	{
		rest = (rest << 1) | ((value.low >> bit) & 1);
		digits <<= 1;
		if (rest >= divisor)
		{
			rest -= divisor;
			digits |= 1;
		}
	}
	*quotient = digits;
	*remainder = rest;
	return true;
}

/*
 * Divide first by the step of the result, then by the denominator: the two
 * remainders together say exactly what is dropped, so there is one rounding.
 */
UnitsStatus
units_multiply_divide(units value, units numerator, units denominator,
					  int decimals, UnitsRounding rounding, units *result)
{
	uint64_t	step = (uint64_t) powers_of_ten[UNITS_DECIMALS - decimals];
	bool		negative = (value < 0) ^ (numerator < 0) ^ (denominator < 0);
	Wide		product;
	uint64_t	lesser;
	unsigned_units divisor = magnitude(denominator);
	unsigned_units steps;
	unsigned_units remainder;

	if (denominator == 0)
		return UNITS_DIVISION_BY_ZERO;
	product = wide_multiply(magnitude(value), magnitude(numerator));
	lesser = step > 1 ? wide_divide_small(&product, step) : 0;
	if (!wide_divide(product, divisor, &steps, &remainder))
		return UNITS_OVERFLOW;
	return finish_rounding(steps, step,
						   classify_dropped(remainder, divisor, lesser, step),
						   rounding, negative, result);
}

/* ----------
 * Allocation
 * ----------
 */

/* Largest remainder first, then the lower index (I19). */
static int
compare_claims(const void *a, const void *b)
{
	const Claim *x = a;
	const Claim *y = b;

	if (x->remainder != y->remainder)
		return x->remainder > y->remainder ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static UnitsStatus
sum_weights(const units *weights, int count, unsigned_units *sum)
{
	*sum = 0;
	for (int i = 0; i < count; i++)
	{
		if (weights[i] < 0)
			return UNITS_NEGATIVE_WEIGHT;
		*sum += (unsigned_units) weights[i];
		if (*sum > (unsigned_units) UNITS_MAX)
			return UNITS_OVERFLOW;
	}
	return *sum == 0 ? UNITS_DIVISION_BY_ZERO : UNITS_OK;
}

/*
 * Give every part its share rounded towards zero and note its claim; returns
 * the steps left over, fewer than there are claims with a remainder.
 */
static unsigned_units
share_out(unsigned_units steps, const units *weights, unsigned_units weight_sum,
		  int count, units *parts, Claim *claims)
{
	unsigned_units left = steps;

	for (int i = 0; i < count; i++)
	{
		Wide		product = wide_multiply(steps, (unsigned_units) weights[i]);
		unsigned_units share;

		/* never too big: a weight is at most the sum of the weights */
		(void) wide_divide(product, weight_sum, &share, &claims[i].remainder);
		claims[i].index = i;
		parts[i] = (units) share;
		left -= share;
	}
	return left;
}

UnitsStatus
units_allocate(units total, units step, const units *weights, int count, units *parts)
{
	unsigned_units weight_sum;
	unsigned_units left;
	Claim	   *claims;
	UnitsStatus status = sum_weights(weights, count, &weight_sum);

	if (status != UNITS_OK)
		return status;
	if (step <= 0)
		return UNITS_DIVISION_BY_ZERO;
	if (total % step != 0)
		return UNITS_INEXACT;
	claims = malloc(sizeof(Claim) * (size_t) count);
	if (claims == NULL)
		return UNITS_OUT_OF_MEMORY;
	left = share_out(magnitude(total / step), weights, weight_sum, count, parts, claims);
	if (left > 0)
		qsort(claims, (size_t) count, sizeof(Claim), compare_claims);
	for (unsigned_units i = 0; i < left; i++)
		parts[claims[i].index]++;
	free(claims);
	for (int i = 0; i < count; i++)
		parts[i] *= total < 0 ? -step : step;
	return UNITS_OK;
}

/* ----------
 * Varints
 * ----------
 */

int
varint_encode(unsigned_units value, uint8_t *buffer)
{
	int			length = 0;

	while (value >= 0x80)
	{
		buffer[length++] = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	buffer[length++] = (uint8_t) value;
	return length;
}

/* Refuses encodings longer than needed, so that equal values are equal bytes. */
const uint8_t *
varint_decode(const uint8_t *cursor, const uint8_t *end, unsigned_units *value)
{
	unsigned_units result = 0;

	for (int shift = 0; cursor < end && shift < 128; shift += 7)
	{
		uint8_t		byte = *cursor++;
		unsigned_units digits = byte & 0x7F;

		if (shift > 121 && (digits >> (128 - shift)) != 0)
			return NULL;
		result |= digits << shift;
		if (byte & 0x80)
			continue;
		if (byte == 0 && shift > 0)
			return NULL;
		*value = result;
		return cursor;
	}
	return NULL;
}
