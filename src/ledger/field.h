/*-------------------------------------------------------------------------
 *
 * field.h
 *	  What a function is given and what it answers, where either may be NULL:
 *	  arguments as C strings, fields of a row from them.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_FIELD_H
#define BAKKT_LEDGER_FIELD_H

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* An argument of type text, NULL if it is. */
static inline char *
argument_text(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

static inline void
field_set_text(Datum *values, bool *nulls, int field, const char *text)
{
	nulls[field] = text == NULL;
	if (text)
		values[field] = CStringGetTextDatum(text);
}

static inline void
field_set_json(Datum *values, bool *nulls, int field, const char *json)
{
	nulls[field] = json == NULL;
	if (json)
		values[field] = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

#endif							/* BAKKT_LEDGER_FIELD_H */
