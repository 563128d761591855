/*-------------------------------------------------------------------------
 *
 * request.c
 *	  Refusing a request, and a call of too many (bounds.h); refuse() of the
 *	  functions in SQL.  What a program needs to know of a refusal (facts:
 *	  what was required, what was there, which account) is JSON in the
 *	  diagnostic field constraint_name, which drivers show.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "bounds.h"
#include "ledger/field.h"
#include "ledger/request.h"

void
refuse(LedgerRequest *request, int sqlstate, const char *hint, const char *detail, const char *message,...)
{
	va_list		arguments;
	StringInfoData text;

	initStringInfo(&text);
	for (;;)
	{
		int			needed;

		va_start(arguments, message);
		needed = appendStringInfoVA(&text, message, arguments);
		va_end(arguments);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}
	request->refusal.sqlstate = sqlstate;
	request->refusal.message = text.data;
	request->refusal.detail = detail;
	request->refusal.hint = hint;
	request->refusal.facts = NULL;
}

static int
add_facts(const char *facts)
{
	return facts ? err_generic_string(PG_DIAG_CONSTRAINT_NAME, facts) : 0;
}

void
raise_refusal(const LedgerRequest *request)
{
	const Refusal *refusal = &request->refusal;

	ereport(ERROR,
			(errcode(refusal->sqlstate),
			 errmsg("%s", refusal->message),
			 refusal->detail ? errdetail("%s", refusal->detail) : 0,
			 refusal->hint ? errhint("%s", refusal->hint) : 0,
			 add_facts(refusal->facts),
			 errcontext("posting reference \"%s\"", request->reference ? request->reference : "")));
	pg_unreachable();
}

PG_FUNCTION_INFO_V1(refuse_request);

/* code, message, detail, hint, facts */
Datum
refuse_request(PG_FUNCTION_ARGS)
{
	char	   *code = argument_text(fcinfo, 0);
	char	   *message = argument_text(fcinfo, 1);
	char	   *detail = argument_text(fcinfo, 2);
	char	   *hint = argument_text(fcinfo, 3);
	Jsonb	   *facts = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4);

	if (code == NULL || strlen(code) != 5 || message == NULL)
		elog(ERROR, "a refusal needs a SQLSTATE and a message");
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])),
			 errmsg_internal("%s", message),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0,
			 add_facts(facts ? JsonbToCString(NULL, &facts->root, VARSIZE(facts)) : NULL)));
	pg_unreachable();
}

void
require_batch_size(int64 requests)
{
	if (requests > BATCH_MAX_REQUESTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("one call takes at most %d requests", BATCH_MAX_REQUESTS),
				 errdetail(INT64_FORMAT " were given.", requests),
				 errhint("Send a larger batch in several calls of one transaction.")));
}

void
count_lines(int64 *lines, const LedgerRequest *request, int number)
{
	EntryReader reader;

	if (request->lines)
		*lines += request->line_count;
	else if (request->entry)
	{
		entry_read_begin(&reader, request->entry);
		*lines += reader.line_count;
	}
	if (*lines > BATCH_MAX_LINES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the requests of one call have at most %d lines together", BATCH_MAX_LINES),
				 errdetail("Requests 1 to %d have " INT64_FORMAT ".", number, *lines),
				 errhint("Send a larger batch in several calls of one transaction.")));
}
