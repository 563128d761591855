/*-------------------------------------------------------------------------
 *
 * rounding.h
 *	  Rounding, half-even and the others, and products and quotients that are
 *	  rounded once.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_ROUNDING_H
#define BAKKT_LEDGER_ROUNDING_H

#include "arithmetic/units.h"

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

/* one, in basis points */
#define BPS_ONE 10000

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

#endif							/* BAKKT_LEDGER_ROUNDING_H */
