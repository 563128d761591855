/*-------------------------------------------------------------------------
 *
 * entry_line.c
 *	  One line of a journal entry as a value: side, account and amount.
 *
 * A line alone cannot balance; it is what entries are built from.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "errors.h"
#include "types/journal_entry.h"

#define SHOWN_TOKEN_SIZE 40		/* of an offending token, in messages */

/* What is wrong with the number of a line. */
static const char *
number_problem(UnitsStatus status)
{
	switch (status)
	{
		case UNITS_NOT_FINITE:
			return "NaN and infinity are not amounts";
		case UNITS_TOO_MANY_DECIMALS:
			return "more than 18 decimals";
		case UNITS_OVERFLOW:
			return "out of range";
		default:
			return "not a decimal number";
	}
}

static const char *
scan_problem(const EntryScan *scan, ScanStatus status)
{
	switch (status)
	{
		case SCAN_SIDE:
			return "the side must be Dr or Cr";
		case SCAN_ACCOUNT:
			return "not an account identifier";
		case SCAN_NEGATIVE:
			return "the amount must have no sign; Dr or Cr gives the direction";
		case SCAN_NUMBER:
			return number_problem(scan->number);
		default:
			return "unexpected text or end of text";
	}
}

bool
report_scan(EntryScan *scan, ScanStatus status, const char *type, Node *escontext)
{
	bool		unholdable = status == SCAN_NUMBER &&
		(scan->number == UNITS_OVERFLOW || scan->number == UNITS_TOO_MANY_DECIMALS);
	int			shown = pg_mbcliplen(scan->token.text, (int) Min(scan->token.length, 1000), SHOWN_TOKEN_SIZE);

	ereturn(escontext, false,
			(errcode(unholdable ? ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE : ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", type),
			 errdetail("Line %d, at \"%.*s\": %s.",
					   scan->lines + 1, shown, scan->token.text, scan_problem(scan, status)),
			 errhint("An entry reads {Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD}.")));
}

bool
entry_line_complete(const ScannedLine *scanned, EntryLine *line, const char *type, Node *escontext)
{
	if (!asset_pack(scanned->asset.text, scanned->asset.length, &line->asset))
		ereturn(escontext, false,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", type),
				 errdetail("\"%.*s\" is not an asset code.",
						   pg_mbcliplen(scanned->asset.text, (int) Min(scanned->asset.length, 1000), SHOWN_TOKEN_SIZE),
						   scanned->asset.text)));
	line->account = scanned->account;
	line->amount = scanned->amount;
	return true;
}

void
append_entry_line(StringInfo buffer, const EntryLine *line)
{
	appendStringInfo(buffer, "%s %s:" INT64_FORMAT " %s",
					 line->amount < 0 ? "Cr" : "Dr",
					 fund_name(account_fund(line->account)), account_number(line->account),
					 amount_text(line->amount < 0 ? -line->amount : line->amount, line->asset));
}

static Datum
entry_line_datum(account_id account, asset_code asset, units amount)
{
	EntryLine  *line = palloc(sizeof(EntryLine));

	line->account = account;
	line->asset = asset;
	line->amount = amount;
	return PointerGetDatum(line);
}

PG_FUNCTION_INFO_V1(entry_line_in);
Datum
entry_line_in(PG_FUNCTION_ARGS)
{
	const char *literal = PG_GETARG_CSTRING(0);
	EntryScan	scan;
	ScannedLine scanned;
	EntryLine	line;
	ScanStatus	status = entry_line_scan(&scan, literal, strlen(literal), &scanned);

	if (status != SCAN_LINE)
	{
		report_scan(&scan, status, "entry_line", fcinfo->context);
		PG_RETURN_NULL();
	}
	if (!entry_line_complete(&scanned, &line, "entry_line", fcinfo->context))
		PG_RETURN_NULL();
	return entry_line_datum(line.account, line.asset, line.amount);
}

PG_FUNCTION_INFO_V1(entry_line_out);
Datum
entry_line_out(PG_FUNCTION_ARGS)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	append_entry_line(&buffer, PG_GETARG_ENTRY_LINE_P(0));
	PG_RETURN_CSTRING(buffer.data);
}

PG_FUNCTION_INFO_V1(entry_line_recv);
Datum
entry_line_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	account_id	account = pq_getmsgint64(message);
	asset_code	asset = (asset_code) pq_getmsgint64(message);
	int64		high = pq_getmsgint64(message);
	uint64		low = (uint64) pq_getmsgint64(message);
	units		amount = (units) (((unsigned_units) (uint64) high << 64) | low);

	if (!account_id_is_valid(account) || !asset_is_valid(asset) || !units_in_range(amount))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid external \"%s\" value", "entry_line"),
				 errdetail("The account, the asset or the amount is out of range.")));
	return entry_line_datum(account, asset, amount);
}

PG_FUNCTION_INFO_V1(entry_line_send);
Datum
entry_line_send(PG_FUNCTION_ARGS)
{
	EntryLine  *line = PG_GETARG_ENTRY_LINE_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, (uint64) line->account);
	pq_sendint64(&message, line->asset);
	pq_sendint64(&message, (uint64) (line->amount >> 64));
	pq_sendint64(&message, (uint64) line->amount);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Debit or credit?  Raises LG002 on any other word. */
static bool
side_is_debit(text *side)
{
	const char *word = VARDATA_ANY(side);

	if (VARSIZE_ANY_EXHDR(side) == 2 && memcmp(word, "Dr", 2) == 0)
		return true;
	if (VARSIZE_ANY_EXHDR(side) == 2 && memcmp(word, "Cr", 2) == 0)
		return false;
	ereport(ERROR,
			(errcode(ERRCODE_LG_INVALID_REQUEST),
			 errmsg("invalid side \"%s\" of an entry line", text_to_cstring(side)),
			 errhint("The side is Dr or Cr.")));
}

/* line('Dr', account, amount): the side gives the sign, so the amount has none */
PG_FUNCTION_INFO_V1(entry_line_make);
Datum
entry_line_make(PG_FUNCTION_ARGS)
{
	bool		debit = side_is_debit(PG_GETARG_TEXT_PP(0));
	account_id	account = PG_GETARG_ACCOUNT_ID(1);
	Amount	   *amount = PG_GETARG_AMOUNT_P(2);
	units		value = amount_units(amount);

	if (value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_LG_NOT_POSITIVE),
				 errmsg("amount of an entry line is negative"),
				 errdetail("Account %s, amount %s.", account_text(account), amount_text(value, amount->asset)),
				 errhint("Use the other side with a positive amount.")));
	return entry_line_datum(account, amount->asset, debit ? value : -value);
}

PG_FUNCTION_INFO_V1(entry_line_account);
Datum
entry_line_account(PG_FUNCTION_ARGS)
{
	PG_RETURN_ACCOUNT_ID(PG_GETARG_ENTRY_LINE_P(0)->account);
}

PG_FUNCTION_INFO_V1(entry_line_amount);
Datum
entry_line_amount(PG_FUNCTION_ARGS)
{
	EntryLine  *line = PG_GETARG_ENTRY_LINE_P(0);

	PG_RETURN_AMOUNT_P(amount_make(line->amount, line->asset));
}
