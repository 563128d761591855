/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  The facts of a refusal as JSON.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "ledger/facts.h"

static void
put_fact(StringInfo facts, const char *field, const char *value)
{
	appendStringInfoString(facts, facts->len == 0 ? "{" : ", ");
	escape_json(facts, field);
	appendStringInfoString(facts, ": ");
	escape_json(facts, value);
}

char *
facts_of_name(const char *field, const char *name)
{
	StringInfoData facts;

	initStringInfo(&facts);
	put_fact(&facts, field, name);
	appendStringInfoChar(&facts, '}');
	return facts.data;
}

char *
facts_of_status(const char *field, const char *name, const char *status)
{
	StringInfoData facts;

	initStringInfo(&facts);
	put_fact(&facts, field, name);
	put_fact(&facts, "status", status);
	appendStringInfoChar(&facts, '}');
	return facts.data;
}

char *
facts_of_shortage(const char *field, const char *name, units required, units available, asset_code asset)
{
	StringInfoData facts;

	initStringInfo(&facts);
	put_fact(&facts, field, name);
	put_fact(&facts, "required", amount_text(required, asset));
	put_fact(&facts, "available", amount_text(available, asset));
	appendStringInfoChar(&facts, '}');
	return facts.data;
}

char *
facts_of_limit(const char *field, const char *name, units limit, const char *figure, units there, units trade, asset_code asset)
{
	StringInfoData facts;

	initStringInfo(&facts);
	put_fact(&facts, field, name);
	put_fact(&facts, "limit", amount_text(limit, asset));
	if (figure)
		put_fact(&facts, figure, amount_text(there, asset));
	put_fact(&facts, "trade", amount_text(trade, asset));
	appendStringInfoChar(&facts, '}');
	return facts.data;
}
