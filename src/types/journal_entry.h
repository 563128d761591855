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

#include "types/account_id.h"
#include "types/amount.h"

typedef struct EntryLine
{
	account_id	account;
	asset_code	asset;
	units		amount;			/* debit positive */
} EntryLine;

typedef struct varlena JournalEntry;

#define JOURNAL_ENTRY_FORMAT 1
#define JOURNAL_ENTRY_MAX_LINES 1000000

#define PG_GETARG_JOURNAL_ENTRY_P(n) ((JournalEntry *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(n)))

/* palloc'd; raises LG001 naming fund, asset and difference when unbalanced, LG002 when empty */
extern JournalEntry *entry_pack(const EntryLine *lines, int count);
/* palloc'd lines in the order given; accepts short varlena headers; raises data_corrupted when malformed */
extern int	entry_unpack(const JournalEntry *entry, EntryLine **lines);

#endif							/* BAKKT_LEDGER_JOURNAL_ENTRY_H */
