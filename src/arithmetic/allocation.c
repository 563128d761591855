/*-------------------------------------------------------------------------
 *
 * allocation.c
 *	  Largest remainder.
 *-------------------------------------------------------------------------
 */
#include "arithmetic/allocation.h"

#include <stdlib.h>

#include "arithmetic/wide.h"

/* One part's claim on a left-over step, see units_allocate. */
typedef struct Claim
{
	unsigned_units remainder;
	int			index;
} Claim;

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
		unsigned_units share = 0;

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
	left = share_out(units_magnitude(total / step), weights, weight_sum, count, parts, claims);
	if (left > 0)
		qsort(claims, (size_t) count, sizeof(Claim), compare_claims);
	for (unsigned_units i = 0; i < left; i++)
		parts[claims[i].index]++;
	free(claims);
	for (int i = 0; i < count; i++)
		parts[i] *= total < 0 ? -step : step;
	return UNITS_OK;
}
