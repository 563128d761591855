/*
 * Fuzz floor 0's arithmetic: whatever the operands, the outcome obeys the
 * laws below and nothing overflows unseen (the sanitizers watch).
 */
#include "arithmetic/allocation.h"
#include "arithmetic/rounding.h"
#include "arithmetic/varint.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WEIGHTS 32

static void
require(bool law)
{
	if (!law)
		abort();
}

/* Take the next bytes of the input as a value in range; zeros when they run out. */
static units
take_units(const uint8_t **data, size_t *size)
{
	unsigned_units bits = 0;
	size_t		length = *size < sizeof(bits) ? *size : sizeof(bits);
	units		value;

	memcpy(&bits, *data, length);
	*data += length;
	*size -= length;
	value = (units) (bits >> 2);
	if (value > UNITS_MAX)
		value = UNITS_MAX;
	return bits & 1 ? -value : value;
}

static int
take_below(const uint8_t **data, size_t *size, int limit)
{
	int			value = 0;

	if (*size > 0)
	{
		value = **data % limit;
		(*data)++;
		(*size)--;
	}
	return value;
}

/* Floor and ceiling enclose every other rounding and are a step apart at most. */
static void
fuzz_rounding(units value, units numerator, units denominator, int decimals)
{
	units		step = power_of_ten(UNITS_DECIMALS - decimals);
	units		floor;
	units		ceiling;
	units		result;

	if (units_multiply_divide(value, numerator, denominator, decimals, UNITS_ROUND_FLOOR, &floor) != UNITS_OK ||
		units_multiply_divide(value, numerator, denominator, decimals, UNITS_ROUND_CEILING, &ceiling) != UNITS_OK)
		return;
	require(ceiling == floor || ceiling == floor + step);
	for (int rounding = UNITS_ROUND_HALF_EVEN; rounding <= UNITS_ROUND_DOWN; rounding++)
	{
		require(units_multiply_divide(value, numerator, denominator, decimals,
									  (UnitsRounding) rounding, &result) == UNITS_OK);
		require(units_in_range(result) && units_fits_decimals(result, decimals));
		require(result == floor || result == ceiling);
	}
	require((units_multiply_divide(value, numerator, denominator, decimals, UNITS_ROUND_NONE, &result)
			 == UNITS_OK) == (floor == ceiling));
}

static void
fuzz_allocation(const uint8_t *data, size_t size)
{
	units		step = power_of_ten(take_below(&data, &size, UNITS_DECIMALS + 1));
	units		total = take_units(&data, &size) / step * step;
	int			count = take_below(&data, &size, MAX_WEIGHTS + 1);
	units		weights[MAX_WEIGHTS];
	units		parts[MAX_WEIGHTS];

	for (int i = 0; i < count; i++)
		weights[i] = take_units(&data, &size);
	if (units_allocate(total, step, weights, count, parts) != UNITS_OK)
		return;
	for (int i = 0; i < count; i++)
	{
		require(parts[i] % step == 0);
		require(parts[i] == 0 || (parts[i] < 0) == (total < 0));
		require(weights[i] != 0 || parts[i] == 0);
		total -= parts[i];
	}
	require(total == 0);
}

static void
fuzz_varint(const uint8_t *data, size_t size)
{
	unsigned_units value;
	uint8_t		again[19];
	const uint8_t *end = varint_decode(data, data + size, &value);

	if (end == NULL)
		return;
	require(varint_encode(value, again) == end - data);
	require(memcmp(again, data, (size_t) (end - data)) == 0);
	require(zigzag_encode(zigzag_decode(value)) == value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cursor = data;
	size_t		left = size;
	int			decimals = take_below(&cursor, &left, UNITS_DECIMALS + 1);
	units		a = take_units(&cursor, &left);
	units		b = take_units(&cursor, &left);
	units		c = take_units(&cursor, &left);
	units		sum;
	units		back;

	if (units_add(a, b, &sum))
		require(units_subtract(sum, b, &back) && back == a);
	fuzz_rounding(a, b, c, decimals);
	fuzz_rounding(a, b, UNITS_ONE, decimals);
	fuzz_rounding(a, 1, 1, decimals);
	fuzz_allocation(data, size);
	fuzz_varint(data, size);
	return 0;
}
