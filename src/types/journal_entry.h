/*-------------------------------------------------------------------------
 *
 * journal_entry.h
 *	  The type whose values balance: a list of lines (account, amount) that
 *	  sums to zero per (fund, asset) (I1).
 *
 * Packed: format version byte; varint number of assets, then per asset in
 * order of first use its code (7 bytes, big-endian) and one byte of decimals
 * (the least that holds all its lines, so that equal entries are bitwise
 * equal); varint number of lines; then per line, in the order given,
 * varint(account * assets + asset index) and the zigzag varint of the amount
 * in 10^-decimals.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_JOURNAL_ENTRY_H
#define BAKKT_LEDGER_JOURNAL_ENTRY_H

#include "compat.h"

#include "lib/stringinfo.h"

#include "types/account_id.h"
#include "types/amount.h"
#include "types/journal_entry_packed.h"
#include "types/journal_entry_scan.h"

typedef struct varlena JournalEntry;

#define DatumGetJournalEntryP(d) ((JournalEntry *) PG_DETOAST_DATUM_PACKED(d))
#define PG_GETARG_JOURNAL_ENTRY_P(n) DatumGetJournalEntryP(PG_GETARG_DATUM(n))
#define PG_RETURN_JOURNAL_ENTRY_P(e) PG_RETURN_POINTER(e)

#define DatumGetEntryLineP(d)	((EntryLine *) DatumGetPointer(d))
#define PG_GETARG_ENTRY_LINE_P(n) DatumGetEntryLineP(PG_GETARG_DATUM(n))

/* palloc'd; raises LG001 naming fund, asset and difference when unbalanced, LG002 when empty */
extern JournalEntry *entry_pack(const EntryLine *lines, int count);
/* the same with a soft error context; NULL after a soft error */
extern JournalEntry *entry_pack_safe(const EntryLine *lines, int count, Node *escontext);
/* palloc'd lines in the order given; accepts short varlena headers; raises data_corrupted when malformed */
extern int	entry_unpack(const JournalEntry *entry, EntryLine **lines);

/* reading without memory: begin, next until false, end; raise data_corrupted when malformed */
extern void entry_read_begin(EntryReader *reader, const JournalEntry *entry);
extern bool entry_read_next(EntryReader *reader, EntryLine *line);

/* a list of lines that grows, in the memory context given */
typedef struct LineList
{
	MemoryContext context;
	EntryLine  *lines;
	int			count;
	int			capacity;
} LineList;

extern void line_list_init(LineList *list, MemoryContext context);
/* raises program_limit_exceeded beyond JOURNAL_ENTRY_MAX_LINES */
extern void line_list_append(LineList *list, const EntryLine *line);

/* the net of an entry on one account; false when no line touches it; raises LG004 on two assets */
extern bool entry_net(const JournalEntry *entry, account_id account, EntryLine *net);
/* add to a sum; raises numeric_value_out_of_range naming the account */
extern void entry_line_add(EntryLine *sum, units amount);

/* report a failed scan as an invalid literal of the type; false, for return */
extern bool report_scan(EntryScan *scan, ScanStatus status, const char *type, Node *escontext);
/* text 'Dr FBO:17 12.00 USD' */
extern void append_entry_line(StringInfo buffer, const EntryLine *line);
/* complete a scanned line with its asset; false after a soft error */
extern bool entry_line_complete(const ScannedLine *scanned, EntryLine *line, const char *type, Node *escontext);

#endif							/* BAKKT_LEDGER_JOURNAL_ENTRY_H */
