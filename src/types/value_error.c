/*-------------------------------------------------------------------------
 *
 * value_error.c
 *	  Messages for the outcomes of floor 0, and the arguments and conversions
 *	  that several types share.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"
#include "arithmetic/value_text.h"
#include "types/value_error.h"

/* What is missing in the text, by outcome. */
static const char *
syntax_detail(UnitsStatus status, const char *type_name)
{
	if (status == UNITS_NOT_FINITE)
		return "NaN and Infinity are not quantities.";
	if (status == UNITS_BAD_ASSET)
		return "An asset code has 1 to 10 characters of A-Z, 0-9, \".\", \"_\" and \"-\", and starts with a letter or a digit.";
	if (strcmp(type_name, "price") == 0)
		return "Expected a decimal number and two asset codes, as in \"64250.10 USD/BTC\".";
	return "Expected a decimal number and an asset code, as in \"6030.00 USD\".";
}

Datum
input_error(UnitsStatus status, const char *type_name, const char *text, Node *escontext)
{
	if (status == UNITS_TOO_MANY_DECIMALS)
		ereturn(escontext, (Datum) 0,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value \"%s\" has too many decimals for type %s", text, type_name),
				 errdetail("At most %d decimals can be held exactly.", UNITS_DECIMALS)));
	if (status == UNITS_OVERFLOW)
		ereturn(escontext, (Datum) 0,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value \"%s\" is out of range for type %s", text, type_name)));
	ereturn(escontext, (Datum) 0,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", type_name, text),
			 errdetail("%s", syntax_detail(status, type_name))));
}

/* SQLSTATE and message of an outcome of arithmetic. */
static const char *
arithmetic_message(UnitsStatus status, int *sqlstate)
{
	switch (status)
	{
		case UNITS_INEXACT:
			*sqlstate = ERRCODE_LG_INEXACT;
			return "result is not exact";
		case UNITS_DIVISION_BY_ZERO:
			*sqlstate = ERRCODE_DIVISION_BY_ZERO;
			return "division by zero";
		case UNITS_NEGATIVE_WEIGHT:
			*sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
			return "weights must not be negative";
		case UNITS_OUT_OF_MEMORY:
			*sqlstate = ERRCODE_OUT_OF_MEMORY;
			return "out of memory";
		default:
			*sqlstate = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
			return "result is out of range";
	}
}

void
arithmetic_error(UnitsStatus status, const char *operation, const char *hint)
{
	int			sqlstate;
	const char *message = arithmetic_message(status, &sqlstate);

	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("%s", message),
			 errdetail("The operation was %s.", operation),
			 hint && status == UNITS_INEXACT ? errhint("%s", hint) : 0));
}

int
decimals_argument(FunctionCallInfo fcinfo, int argument)
{
	int			decimals = PG_GETARG_INT32(argument);

	if (decimals < 0 || decimals > UNITS_DECIMALS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("decimals must be between 0 and %d", UNITS_DECIMALS),
				 errdetail("Got %d.", decimals)));
	return decimals;
}

UnitsRounding
rounding_argument(FunctionCallInfo fcinfo, int argument)
{
	static const struct
	{
		const char *name;
		UnitsRounding rounding;
	}			roundings[] = {
		{"half_even", UNITS_ROUND_HALF_EVEN},
		{"half_up", UNITS_ROUND_HALF_UP},
		{"up", UNITS_ROUND_UP},
		{"down", UNITS_ROUND_DOWN},
		{"ceiling", UNITS_ROUND_CEILING},
		{"floor", UNITS_ROUND_FLOOR},
		{"none", UNITS_ROUND_NONE},
	};
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(argument));

	for (int i = 0; i < lengthof(roundings); i++)
		if (strcmp(roundings[i].name, name) == 0)
			return roundings[i].rounding;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown rounding \"%s\"", name),
			 errhint("Use one of half_even, half_up, up, down, ceiling, floor, none.")));
}

/* By way of text: numeric keeps its digits to itself, and its text is exact. */
units
numeric_to_units(Numeric number, const char *type_name)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	units		value = 0;
	UnitsStatus status = units_parse(text, strlen(text), &value);

	if (status != UNITS_OK)
		(void) input_error(status, type_name, text, NULL);
	pfree(text);
	return value;
}

/* Shows the decimals that the text of the amount shows; never rounds. */
Numeric
units_to_numeric(units value)
{
	int			decimals = UNITS_DECIMALS;
	char		text[UNITS_TEXT_SIZE];

	while (decimals > MINIMUM_DECIMALS && value % 10 == 0)
	{
		value /= 10;
		decimals--;
	}
	if (value >= PG_INT64_MIN && value <= PG_INT64_MAX)
		return int64_div_fast_to_numeric((int64) value, decimals);
	units_format(value * power_of_ten(UNITS_DECIMALS - decimals), MINIMUM_DECIMALS, text);
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}
