/*-------------------------------------------------------------------------
 *
 * changed_line.c
 *	  Locators of the lines of an entry, and the line that differs.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "fmgr.h"

#include "ledger/changed_line.h"

#define LOCATOR_PRIME 65521		/* the largest below 2^16 */

/* FNV-1a over the line's big-endian bytes, folded to a non-zero remainder. */
static uint32
line_hash(const EntryLine *line)
{
	uint64		words[4] = {(uint64) line->account, line->asset, (uint64) (line->amount >> 64), (uint64) line->amount};
	uint64		hash = UINT64CONST(0xcbf29ce484222325);

	for (int i = 0; i < lengthof(words); i++)
		for (int shift = 56; shift >= 0; shift -= 8)
			hash = (hash ^ (uint8) (words[i] >> shift)) * UINT64CONST(0x100000001b3);
	return (uint32) (hash % (LOCATOR_PRIME - 1)) + 1;
}

/* Trusts nothing: of a malformed entry the lines before the break. */
LineLocator
entry_locator(const JournalEntry *entry)
{
	EntryReader reader;
	EntryLine	line;
	uint64		sum = 0,
				weighted = 0;

	if (!entry_reader_begin(&reader, VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry)))
		return (LineLocator) {0, 0};
	while (entry_reader_next(&reader, &line))
	{
		uint64		hash = line_hash(&line);

		sum += hash;
		weighted = (weighted + hash * reader.line) % LOCATOR_PRIME;
	}
	return (LineLocator) {(uint16) (sum % LOCATOR_PRIME), (uint16) weighted};
}

/* 1 / value, by Fermat: value^(prime - 2) */
static uint64
inverse(uint64 value)
{
	uint64		result = 1;

	for (uint32 exponent = LOCATOR_PRIME - 2; exponent > 0; exponent >>= 1)
	{
		if (exponent & 1)
			result = result * value % LOCATOR_PRIME;
		value = value * value % LOCATOR_PRIME;
	}
	return result;
}

/* The one line that differs, from 1; 0 when it is not exactly one. */
static int
locate_line(LineLocator then, LineLocator now, int line_count)
{
	uint64		change = (LOCATOR_PRIME + now.sum - then.sum) % LOCATOR_PRIME;
	uint64		weighted = (LOCATOR_PRIME + now.weighted - then.weighted) % LOCATOR_PRIME;
	uint64		line;

	if (change == 0)
		return 0;
	line = weighted * inverse(change) % LOCATOR_PRIME;
	return line <= line_count ? (int) line : 0;
}

void
write_locator(LineLocator locator, uint8 *bytes)
{
	bytes[0] = (uint8) (locator.sum >> 8);
	bytes[1] = (uint8) locator.sum;
	bytes[2] = (uint8) (locator.weighted >> 8);
	bytes[3] = (uint8) locator.weighted;
}

/* The locator in the last bytes of a leaf or of a piece of evidence. */
static LineLocator
stored_locator(const bytea *value)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(value) + VARSIZE_ANY_EXHDR(value) - LOCATOR_SIZE;

	return (LineLocator) {(uint16) (bytes[0] << 8 | bytes[1]), (uint16) (bytes[2] << 8 | bytes[3])};
}

/* changed_line(evidence, entry): the line in which the entry is not what the evidence says, NULL if not just one */
PG_FUNCTION_INFO_V1(changed_line);
Datum
changed_line(PG_FUNCTION_ARGS)
{
	bytea	   *evidence = PG_GETARG_BYTEA_PP(0);
	JournalEntry *entry = PG_GETARG_JOURNAL_ENTRY_P(1);
	EntryReader reader;
	int			line;

	if (VARSIZE_ANY_EXHDR(evidence) < LOCATOR_SIZE ||
		!entry_reader_begin(&reader, VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry)))
		PG_RETURN_NULL();
	line = locate_line(stored_locator(evidence), entry_locator(entry), (int) reader.line_count);
	if (line == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(line);
}
