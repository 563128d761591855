/*-------------------------------------------------------------------------
 *
 * request.c
 *	  Refusing a request, and a call of too many (bounds.h).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "bounds.h"
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
			 errcontext("posting reference \"%s\"", request->reference ? request->reference : "")));
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
