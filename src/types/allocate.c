/*-------------------------------------------------------------------------
 *
 * allocate.c
 *	  Splitting an amount in proportion, to the last unit (I19).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "arithmetic/allocation.h"
#include "types/amount.h"
#include "types/value_error.h"

/* The elements of an array of weights; NULL and no elements are refused. */
static Datum *
weight_elements(ArrayType *array, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment,
					  &elements, &nulls, count);
	if (*count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weights must not be empty")));
	for (int i = 0; i < *count; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("weight %d is null", i + 1)));
	return elements;
}

/* An array of the function's result type from parts of the total. */
static Datum
parts_array(FunctionCallInfo fcinfo, const units *parts, int count, asset_code asset)
{
	Oid			amount_type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	Datum	   *elements = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		elements[i] = AmountPGetDatum(amount_make(parts[i], asset));
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, count, amount_type,
										  sizeof(Amount), false, TYPALIGN_DOUBLE));
}

/* Allocate and raise by name what floor 0 refuses. */
static Datum
allocate(FunctionCallInfo fcinfo, const units *weights, int count)
{
	Amount	   *total = PG_GETARG_AMOUNT_P(0);
	int			decimals = decimals_argument(fcinfo, 1);
	units	   *parts = palloc(sizeof(units) * count);
	UnitsStatus status = units_allocate(amount_units(total),
										power_of_ten(UNITS_DECIMALS - decimals),
										weights, count, parts);

	if (status == UNITS_DIVISION_BY_ZERO)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weights must not all be zero")));
	if (status != UNITS_OK)
		arithmetic_error(status,
						 psprintf("allocating %s with %d decimals by %d weights",
								  amount_text(amount_units(total), total->asset),
								  decimals, count),
						 "Round the total first.");
	return parts_array(fcinfo, parts, count, total->asset);
}

/* allocate(total, decimals, numeric[]) */
PG_FUNCTION_INFO_V1(allocate_by_numbers);
Datum
allocate_by_numbers(PG_FUNCTION_ARGS)
{
	int			count;
	Datum	   *elements = weight_elements(PG_GETARG_ARRAYTYPE_P(2), &count);
	units	   *weights = palloc(sizeof(units) * count);

	for (int i = 0; i < count; i++)
		weights[i] = numeric_to_units(DatumGetNumeric(elements[i]), "weight");
	return allocate(fcinfo, weights, count);
}

/* allocate(total, decimals, amount[]) - the weights share one asset, not the total's */
PG_FUNCTION_INFO_V1(allocate_by_amounts);
Datum
allocate_by_amounts(PG_FUNCTION_ARGS)
{
	int			count;
	Datum	   *elements = weight_elements(PG_GETARG_ARRAYTYPE_P(2), &count);
	units	   *weights = palloc(sizeof(units) * count);

	for (int i = 0; i < count; i++)
	{
		require_same_asset("weigh", DatumGetAmountP(elements[0]), DatumGetAmountP(elements[i]));
		weights[i] = amount_units(DatumGetAmountP(elements[i]));
	}
	return allocate(fcinfo, weights, count);
}
