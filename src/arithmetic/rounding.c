/*-------------------------------------------------------------------------
 *
 * rounding.c
 *	  Rounding: by how much a truncated quotient fell short decides, exactly.
 *-------------------------------------------------------------------------
 */
#include "arithmetic/rounding.h"

#include "arithmetic/wide.h"

/* The part of an exact quotient that a rounding drops. */
typedef enum Dropped
{
	DROPPED_NOTHING,
	DROPPED_LESS_THAN_HALF,
	DROPPED_HALF,
	DROPPED_MORE_THAN_HALF
} Dropped;

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
	return units_from_magnitude(steps * step, negative, result);
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
	unsigned_units size = units_magnitude(value);
	unsigned_units step = (unsigned_units) power_of_ten(UNITS_DECIMALS - decimals);

	return finish_rounding(size / step, step,
						   classify_dropped(size % step, step, 0, 1),
						   rounding, value < 0, result);
}

/*
 * Divide first by the step of the result, then by the denominator: the two
 * remainders together say exactly what is dropped, so there is one rounding.
 */
UnitsStatus
units_multiply_divide(units value, units numerator, units denominator,
					  int decimals, UnitsRounding rounding, units *result)
{
	uint64_t	step = (uint64_t) power_of_ten(UNITS_DECIMALS - decimals);
	bool		negative = (value < 0) ^ (numerator < 0) ^ (denominator < 0);
	Wide		product;
	uint64_t	lesser;
	unsigned_units divisor = units_magnitude(denominator);
	unsigned_units steps;
	unsigned_units remainder;

	if (denominator == 0)
		return UNITS_DIVISION_BY_ZERO;
	product = wide_multiply(units_magnitude(value), units_magnitude(numerator));
	lesser = step > 1 ? wide_divide_small(&product, step) : 0;
	if (!wide_divide(product, divisor, &steps, &remainder))
		return UNITS_OVERFLOW;
	return finish_rounding(steps, step,
						   classify_dropped(remainder, divisor, lesser, step),
						   rounding, negative, result);
}
