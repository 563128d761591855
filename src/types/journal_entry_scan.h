/*-------------------------------------------------------------------------
 *
 * journal_entry_scan.h
 *	  Scanner of the text of accounts, entry lines and entries.
 *
 * Pure C, no PostgreSQL calls and no memory of its own: it hands out slices
 * of the caller's text, so that it can be fuzzed alone.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_JOURNAL_ENTRY_SCAN_H
#define BAKKT_LEDGER_JOURNAL_ENTRY_SCAN_H

#include "arithmetic/units.h"

/* a piece of somebody else's text */
typedef struct Slice
{
	const char *text;
	size_t		length;
} Slice;

/* one line as written; the asset is not looked at yet */
typedef struct ScannedLine
{
	int64_t		account;
	units		amount;			/* debit positive */
	Slice		asset;
} ScannedLine;

typedef enum ScanStatus
{
	SCAN_LINE,					/* a line was read */
	SCAN_END,					/* the closing brace, and nothing after it */
	SCAN_SYNTAX,				/* not the form {Dr account amount; Cr ...} */
	SCAN_SIDE,					/* neither Dr nor Cr */
	SCAN_ACCOUNT,				/* not an account identifier */
	SCAN_NEGATIVE,				/* a sign in front of the amount */
	SCAN_NUMBER					/* number refused: see EntryScan.number */
} ScanStatus;

typedef struct EntryScan
{
	const char *cursor;
	const char *end;
	int			lines;			/* read so far */
	Slice		token;			/* the offending token after a failure */
	UnitsStatus number;			/* why, after SCAN_NUMBER */
} EntryScan;

/* the fund's number, 1 to 4; 0 when the text names none */
extern int	fund_scan(const char *text, size_t length);
extern const char *fund_text(int fund);

/* 'FBO:1042'; false unless it is exactly the text of an account */
extern bool account_scan(const char *text, size_t length, int64_t *account);

extern void entry_scan_begin(EntryScan *scan, const char *text, size_t length);
extern ScanStatus entry_scan_next(EntryScan *scan, ScannedLine *line);

/* 'Dr FBO:17 12.00 USD' alone, the whole of the text */
extern ScanStatus entry_line_scan(EntryScan *scan, const char *text, size_t length, ScannedLine *line);

#endif							/* BAKKT_LEDGER_JOURNAL_ENTRY_SCAN_H */
