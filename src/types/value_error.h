/*-------------------------------------------------------------------------
 *
 * value_error.h
 *	  How the outcomes of floor 0 are told to people: one SQLSTATE and one
 *	  wording per outcome, for every type.
 *
 *	  22P02  not a value at all: garbage, NaN, Infinity, no asset code
 *	  22003  a value that the type can't hold: too large, or finer than 10^-18
 *	  22012  division by zero
 *	  22023  a parameter out of its range: decimals, rounding, weights
 *	  LG004  two assets where one is due
 *	  LG005  a result that is not exact without rounding by name
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_VALUE_ERROR_H
#define BAKKT_LEDGER_VALUE_ERROR_H

#include "postgres.h"
#include "fmgr.h"
#include "nodes/nodes.h"
#include "utils/numeric.h"

#include "compat.h"
#include "arithmetic/rounding.h"
#include "arithmetic/units.h"

/* Text input failed.  Returns (Datum) 0 when the caller asked for soft errors. */
extern Datum input_error(UnitsStatus status, const char *type_name,
						 const char *text, Node *escontext);

/* An operation, such as "1.00 USD / 3", failed; hint (or NULL) says what to do instead. */
pg_noreturn extern void arithmetic_error(UnitsStatus status, const char *operation,
										 const char *hint);

/* Arguments that mean the same in every function that rounds. */
extern int	decimals_argument(FunctionCallInfo fcinfo, int argument);
extern UnitsRounding rounding_argument(FunctionCallInfo fcinfo, int argument);

/* Exact conversion; type_name is what the number was to become. */
extern units numeric_to_units(Numeric number, const char *type_name);
extern Numeric units_to_numeric(units value);

#endif							/* BAKKT_LEDGER_VALUE_ERROR_H */
