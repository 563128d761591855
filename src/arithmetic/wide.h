/*-------------------------------------------------------------------------
 *
 * wide.h
 *	  256-bit products of quantities and their quotients.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_WIDE_H
#define BAKKT_LEDGER_WIDE_H

#include "arithmetic/units.h"

/* An unsigned 256-bit number: the product of two magnitudes. */
typedef struct Wide
{
	unsigned_units low;
	unsigned_units high;
} Wide;

static inline Wide
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
static inline uint64_t
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
static inline bool
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

#endif							/* BAKKT_LEDGER_WIDE_H */
