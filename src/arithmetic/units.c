/*-------------------------------------------------------------------------
 *
 * units.c
 *	  Exact 128-bit quantities: their text.
 *
 * Pure C: no PostgreSQL header, no locale, no float, so that the unit tests
 * and the fuzzers run exactly the code the server runs.
 *-------------------------------------------------------------------------
 */
#include "arithmetic/units.h"

#include <string.h>

/* decimal digits of UNITS_MAX */
#define UNITS_DIGITS	38

/* exponents in text saturate here; no text is long enough to make up for it */
#define EXPONENT_LIMIT	INT64_C(1000000000000)

const int64_t powers_of_ten[UNITS_DECIMALS + 1] = {
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

bool
units_fits_decimals(units value, int decimals)
{
	return value % powers_of_ten[UNITS_DECIMALS - decimals] == 0;
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
	return units_from_magnitude(size, negative, result);
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
	unsigned_units size = units_magnitude(value);
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
