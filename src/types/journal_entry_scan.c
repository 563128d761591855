/*-------------------------------------------------------------------------
 *
 * journal_entry_scan.c
 *	  Scanner of the text of accounts, entry lines and entries.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "types/journal_entry_scan.h"

#define FUND_BITS 3				/* as account_id.h, which needs PostgreSQL */
#define NUMBER_MAX (((int64_t) 1 << 56) - 1)

/* in the order of enum Fund, which starts at 1 */
static const Slice funds[] = {{"FBO", 3}, {"CUST", 4}, {"SEG", 3}, {"CORP", 4}};

#define FUNDS ((int) (sizeof(funds) / sizeof(funds[0])))

/* C locale only: a blank never depends on the session */
static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool
slice_is(Slice slice, const char *text, size_t length)
{
	return slice.length == length && memcmp(slice.text, text, length) == 0;
}

int
fund_scan(const char *text, size_t length)
{
	for (int i = 0; i < FUNDS; i++)
		if (slice_is(funds[i], text, length))
			return i + 1;
	return 0;
}

const char *
fund_text(int fund)
{
	return fund >= 1 && fund <= FUNDS ? funds[fund - 1].text : "?";
}

/* Digits without a leading zero, 1 to NUMBER_MAX: one text per account. */
static bool
number_scan(Slice digits, int64_t *number)
{
	int64_t		value = 0;

	if (digits.length == 0 || digits.length > 17 || digits.text[0] == '0')
		return false;
	for (size_t i = 0; i < digits.length; i++)
	{
		if (digits.text[i] < '0' || digits.text[i] > '9')
			return false;
		value = value * 10 + (digits.text[i] - '0');
	}
	*number = value;
	return value <= NUMBER_MAX;
}

bool
account_scan(const char *text, size_t length, int64_t *account)
{
	const char *colon = length > 0 ? memchr(text, ':', length) : NULL;
	int			fund;
	int64_t		number;

	if (colon == NULL)
		return false;
	fund = fund_scan(text, (size_t) (colon - text));
	if (fund == 0 || !number_scan((Slice) {colon + 1, (size_t) (text + length - colon - 1)}, &number))
		return false;
	*account = (number << FUND_BITS) | fund;
	return true;
}

static void
skip_blanks(EntryScan *scan)
{
	while (scan->cursor < scan->end && is_blank(*scan->cursor))
		scan->cursor++;
}

/* The next character other than a blank, consumed when it is the one wanted. */
static bool
accept(EntryScan *scan, char wanted)
{
	skip_blanks(scan);
	if (scan->cursor < scan->end && *scan->cursor == wanted)
	{
		scan->cursor++;
		return true;
	}
	return false;
}

/* A run of characters up to a blank or a separator; possibly empty. */
static Slice
next_token(EntryScan *scan)
{
	const char *start;

	skip_blanks(scan);
	start = scan->cursor;
	while (scan->cursor < scan->end && !is_blank(*scan->cursor) &&
		   *scan->cursor != ';' && *scan->cursor != '}' && *scan->cursor != '{')
		scan->cursor++;
	scan->token = (Slice) {start, (size_t) (scan->cursor - start)};
	return scan->token;
}

/* The number of a line: the side gives the sign, so it carries none itself. */
static ScanStatus
scan_number(EntryScan *scan, units *number)
{
	Slice		token = next_token(scan);

	if (token.length == 0)
		return SCAN_SYNTAX;
	if (token.text[0] == '-' || token.text[0] == '+')
		return SCAN_NEGATIVE;
	scan->number = units_parse(token.text, token.length, number);
	return scan->number == UNITS_OK ? SCAN_LINE : SCAN_NUMBER;
}

/* 'Dr FBO:17 12.00 USD' */
static ScanStatus
scan_line(EntryScan *scan, ScannedLine *line)
{
	Slice		token = next_token(scan);
	bool		debit = slice_is(token, "Dr", 2);
	ScanStatus	status;

	if (!debit && !slice_is(token, "Cr", 2))
		return token.length == 0 ? SCAN_SYNTAX : SCAN_SIDE;
	token = next_token(scan);
	if (!account_scan(token.text, token.length, &line->account))
		return SCAN_ACCOUNT;
	status = scan_number(scan, &line->amount);
	if (status != SCAN_LINE)
		return status;
	line->asset = next_token(scan);
	if (line->asset.length == 0)
		return SCAN_SYNTAX;
	if (!debit)
		line->amount = -line->amount;
	scan->lines++;
	return SCAN_LINE;
}

/* A failure at a place rather than at a token: show what stands there. */
static ScanStatus
syntax_error(EntryScan *scan)
{
	scan->token = (Slice) {scan->cursor, (size_t) (scan->end - scan->cursor)};
	return SCAN_SYNTAX;
}

/* Nothing but blanks may follow. */
static ScanStatus
scan_end(EntryScan *scan, ScanStatus done)
{
	skip_blanks(scan);
	return scan->cursor == scan->end ? done : syntax_error(scan);
}

void
entry_scan_begin(EntryScan *scan, const char *text, size_t length)
{
	memset(scan, 0, sizeof(*scan));
	scan->cursor = text;
	scan->end = text + length;
}

ScanStatus
entry_scan_next(EntryScan *scan, ScannedLine *line)
{
	if (scan->lines == 0)
	{
		if (!accept(scan, '{'))
			return syntax_error(scan);
		if (accept(scan, '}'))
			return scan_end(scan, SCAN_END);
	}
	else if (accept(scan, '}'))
		return scan_end(scan, SCAN_END);
	else if (!accept(scan, ';'))
		return syntax_error(scan);
	return scan_line(scan, line);
}

ScanStatus
entry_line_scan(EntryScan *scan, const char *text, size_t length, ScannedLine *line)
{
	ScanStatus	status;

	entry_scan_begin(scan, text, length);
	status = scan_line(scan, line);
	return status == SCAN_LINE ? scan_end(scan, SCAN_LINE) : status;
}
