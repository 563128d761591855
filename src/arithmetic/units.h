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

static inline unsigned_units
units_magnitude(units value)
{
	return value < 0 ? -(unsigned_units) value : (unsigned_units) value;
}

/* Put the sign back on a magnitude; the one place that decides overflow. */
static inline UnitsStatus
units_from_magnitude(unsigned_units size, bool negative, units *result)
{
	if (size > (unsigned_units) UNITS_MAX)
		return UNITS_OVERFLOW;
	*result = negative ? -(units) size : (units) size;
	return UNITS_OK;
}

/* Is the value a whole multiple of 10^-decimals? (0 <= decimals <= 18) */
extern bool units_fits_decimals(units value, int decimals);

extern const int64_t powers_of_ten[UNITS_DECIMALS + 1];

/* 10^exponent, 0 <= exponent <= UNITS_DECIMALS */
static inline int64_t
power_of_ten(int exponent)
{
	return powers_of_ten[exponent];
}

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

#endif							/* BAKKT_LEDGER_UNITS_H */
