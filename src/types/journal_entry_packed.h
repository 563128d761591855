/*-------------------------------------------------------------------------
 *
 * journal_entry_packed.h
 *	  Reading the packed bytes of a journal entry, line by line.
 *
 * Pure C without memory of its own, so that it can be fuzzed alone and used
 * where an entry is only looked through.  It trusts nothing about the bytes:
 * every length is checked; it does not check that the entry balances.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_JOURNAL_ENTRY_PACKED_H
#define BAKKT_LEDGER_JOURNAL_ENTRY_PACKED_H

#include "bounds.h"
#include "arithmetic/units.h"
#include "arithmetic/varint.h"

/* also the representation of the SQL type entry_line: 32 bytes, align double */
typedef struct EntryLine
{
	int64_t		account;		/* an account_id */
	uint64_t	asset;			/* an asset_code */
	units		amount;			/* debit positive */
} EntryLine;

#define JOURNAL_ENTRY_FORMAT 1

#define PACKED_ASSET_SIZE 8		/* 7 bytes of code, 1 of decimals */
#define PACKED_LINE_MAX_SIZE (19 + 19)
#define PACKED_HEADER_MAX_SIZE (1 + 19 + 19)

typedef struct EntryReader
{
	const uint8_t *assets;		/* asset_count times PACKED_ASSET_SIZE */
	const uint8_t *cursor;
	const uint8_t *end;
	uint32_t	asset_count;
	uint32_t	line_count;
	uint32_t	line;			/* lines read so far */
	bool		malformed;
} EntryReader;

/* false when the header is malformed */
extern bool entry_reader_begin(EntryReader *reader, const void *bytes, size_t length);
/* false at the end, or with reader->malformed set */
extern bool entry_reader_next(EntryReader *reader, EntryLine *line);

/* the code of an asset, and where its decimals stand */
extern uint64_t packed_asset(const uint8_t *assets, uint32_t index);
extern uint8_t *pack_asset(uint8_t *cursor, uint64_t asset, int decimals);
extern uint8_t *pack_line(uint8_t *cursor, const EntryLine *line, uint32_t asset_count,
						  uint32_t asset_index, int decimals);

#endif							/* BAKKT_LEDGER_JOURNAL_ENTRY_PACKED_H */
