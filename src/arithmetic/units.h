/*-------------------------------------------------------------------------
 *
 * units.h
 *	  Exact quantities as checked 128-bit integers (floor 0: pure C, no
 *	  PostgreSQL calls, so that it can be tested and fuzzed alone).
 *
 * One unit is 10^-18 of one whole dollar, coin or share, for every asset.
 * A fixed scale makes equal amounts bitwise equal (I6), so that comparison,
 * hashing and index deduplication need no normalising.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_UNITS_H
#define BAKKT_LEDGER_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* palloc aligns to eight bytes, so the type must not promise the compiler sixteen */
typedef __int128 units __attribute__((aligned(8)));
typedef unsigned __int128 unsigned_units __attribute__((aligned(8)));

#define UNITS_DECIMALS	18
#define UNITS_ONE		((units) 1000000000000000000LL)

/* |value| <= UNITS_MAX, so that the sum of two never wraps (I6) */
#define UNITS_MAX		((((units) 1) << 126) - 1)

/* longest text of a value, sign, point and terminator included */
#define UNITS_TEXT_SIZE	48

typedef enum UnitsStatus
{
	UNITS_OK = 0,
	UNITS_SYNTAX,				/* not a decimal number */
	UNITS_NOT_FINITE,			/* NaN or Infinity */
	UNITS_TOO_MANY_DECIMALS,	/* more than UNITS_DECIMALS significant decimals */
	UNITS_OVERFLOW,				/* beyond UNITS_MAX */
	UNITS_INEXACT,				/* UNITS_ROUND_NONE and not representable */
	UNITS_DIVISION_BY_ZERO,
	UNITS_NEGATIVE_WEIGHT,
	UNITS_OUT_OF_MEMORY,
	UNITS_BAD_ASSET				/* text without an asset code where one is due */
} UnitsStatus;

typedef enum UnitsRounding
{
	UNITS_ROUND_NONE,			/* fail unless exact */
	UNITS_ROUND_HALF_EVEN,
	UNITS_ROUND_HALF_UP,		/* ties away from zero */
	UNITS_ROUND_UP,				/* away from zero */
	UNITS_ROUND_DOWN,			/* towards zero */
	UNITS_ROUND_CEILING,
	UNITS_ROUND_FLOOR
} UnitsRounding;

static inline bool
units_in_range(units value)
{
	return value <= UNITS_MAX && value >= -UNITS_MAX;
}

/* checked addition; false on overflow.  Inputs are in range, so nothing wraps */
static inline bool
units_add(units a, units b, units *result)
{
	*result = a + b;
	return units_in_range(*result);
}

static inline bool
units_subtract(units a, units b, units *result)
{
	*result = a - b;
	return units_in_range(*result);
}

static inline int
units_compare(units a, units b)
{
	return (a > b) - (a < b);
}

/* Is the value a whole multiple of 10^-decimals? (0 <= decimals <= 18) */
extern bool units_fits_decimals(units value, int decimals);

/* 10^exponent, 0 <= exponent <= 18 */
extern int64_t power_of_ten(int exponent);

/*
 * Parse [+-]digits[.digits][e[+-]digits]; the whole of text[0..length).
 * Locale-free; never rounds.
 */
extern UnitsStatus units_parse(const char *text, size_t length, units *result);

/*
 * Canonical text: as many decimals as the value needs, at least
 * minimum_decimals.  Returns the length; buffer holds UNITS_TEXT_SIZE.
 */
extern int	units_format(units value, int minimum_decimals, char *buffer);

/* Round to a multiple of 10^-decimals. */
extern UnitsStatus units_round(units value, int decimals, UnitsRounding rounding, units *result);

/* value * numerator / denominator through a 256-bit product, one rounding to `decimals` decimals (18 = full precision). */
extern UnitsStatus units_multiply_divide(units value, units numerator, units denominator,
										 int decimals, UnitsRounding rounding, units *result);

/* (a / 10^18) * (b / 10^18), as units: the product of two quantities */
static inline UnitsStatus
units_multiply(units a, units b, int decimals, UnitsRounding rounding, units *result)
{
	return units_multiply_divide(a, b, UNITS_ONE, decimals, rounding, result);
}

/*
 * Split total (a multiple of step) into count parts proportional to the
 * weights by largest remainder (I19): parts sum to total exactly, ties go to
 * the lower index, so callers order by a stable key.
 */
extern UnitsStatus units_allocate(units total, units step, const units *weights, int count, units *parts);

/*
 * LEB128 varints and zigzag, for packed values; decode returns NULL on
 * truncated input, beyond 128 bits, and on encodings longer than needed.
 */
extern int	varint_encode(unsigned_units value, uint8_t *buffer);	/* at most 19 bytes */
extern const uint8_t *varint_decode(const uint8_t *cursor, const uint8_t *end, unsigned_units *value);

static inline unsigned_units
zigzag_encode(units value)
{
	return (((unsigned_units) value) << 1) ^ (unsigned_units) (value >> 127);
}

static inline units
zigzag_decode(unsigned_units value)
{
	return (units) (value >> 1) ^ -(units) (value & 1);
}

#endif							/* BAKKT_LEDGER_UNITS_H */
