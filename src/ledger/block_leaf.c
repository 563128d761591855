/*-------------------------------------------------------------------------
 *
 * block_leaf.c
 *	  The canonical bytes of a journal, their hash, and the locator of its
 *	  lines.
 *
 * Every column in a fixed order and in canonical form (canonical.h).  The
 * format number comes first: another way of writing gets another number, and
 * blocks keep theirs.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/block_leaf.h"
#include "ledger/canonical.h"

#define LOCATOR_PRIME 65521		/* the largest below 2^16 */

/* arguments of journal_leaf(), in the order of the canonical form */
enum LeafArgument
{
	LEAF_CLIENT,
	LEAF_JOURNAL,
	LEAF_ACTOR,
	LEAF_RECORDED,
	LEAF_EFFECTIVE,
	LEAF_CUSTOMER,
	LEAF_REVERSES,
	LEAF_KIND,
	LEAF_REFERENCE,
	LEAF_ENTRY,
	LEAF_TERMS,
	LEAF_DESCRIPTION,
	LEAF_PARTIES
};

/* True when the argument is NULL. */
static bool
put_null(FunctionCallInfo fcinfo, StringInfo buffer, int argument)
{
	if (PG_ARGISNULL(argument))
		canonical_null(buffer);
	return PG_ARGISNULL(argument);
}

static void
put_int_argument(FunctionCallInfo fcinfo, StringInfo buffer, int argument)
{
	if (!put_null(fcinfo, buffer, argument))
		canonical_int(buffer, PG_GETARG_INT64(argument));
}

static void
put_text_argument(FunctionCallInfo fcinfo, StringInfo buffer, int argument)
{
	if (!put_null(fcinfo, buffer, argument))
		canonical_text(buffer, PG_GETARG_TEXT_PP(argument));
}

/* entry and terms: their packed forms are canonical */
static void
put_packed_argument(FunctionCallInfo fcinfo, StringInfo buffer, int argument)
{
	if (!put_null(fcinfo, buffer, argument))
		canonical_varlena(buffer, PG_GETARG_DATUM(argument));
}

/* Further customers, in ascending order; none is written as NULL. */
static void
put_parties(FunctionCallInfo fcinfo, StringInfo buffer)
{
	ArrayType  *parties;
	int			count;

	if (put_null(fcinfo, buffer, LEAF_PARTIES))
		return;
	parties = PG_GETARG_ARRAYTYPE_P(LEAF_PARTIES);
	count = ArrayGetNItems(ARR_NDIM(parties), ARR_DIMS(parties));
	pq_sendint32(buffer, (uint32) (count * sizeof(int64)));
	for (int i = 0; i < count; i++)
		pq_sendint64(buffer, (uint64) ((int64 *) ARR_DATA_PTR(parties))[i]);
}

static void
put_journal(FunctionCallInfo fcinfo, StringInfo buffer)
{
	pq_sendint8(buffer, LEAF_FORMAT);
	put_int_argument(fcinfo, buffer, LEAF_CLIENT);
	put_int_argument(fcinfo, buffer, LEAF_JOURNAL);
	put_text_argument(fcinfo, buffer, LEAF_ACTOR);
	put_int_argument(fcinfo, buffer, LEAF_RECORDED);
	put_int_argument(fcinfo, buffer, LEAF_EFFECTIVE);
	put_int_argument(fcinfo, buffer, LEAF_CUSTOMER);
	put_int_argument(fcinfo, buffer, LEAF_REVERSES);
	put_int_argument(fcinfo, buffer, LEAF_KIND);
	put_text_argument(fcinfo, buffer, LEAF_REFERENCE);
	put_packed_argument(fcinfo, buffer, LEAF_ENTRY);
	put_packed_argument(fcinfo, buffer, LEAF_TERMS);
	put_text_argument(fcinfo, buffer, LEAF_DESCRIPTION);
	put_parties(fcinfo, buffer);
}

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

int
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

PG_FUNCTION_INFO_V1(journal_leaf);
Datum
journal_leaf(PG_FUNCTION_ARGS)
{
	bytea	   *leaf = palloc(VARHDRSZ + LEAF_SIZE);
	uint8	   *bytes = (uint8 *) VARDATA(leaf);
	LineLocator locator = {0, 0};
	StringInfoData buffer;

	initStringInfo(&buffer);
	put_journal(fcinfo, &buffer);
	sha256_of(HASH_PREFIX_LEAF, buffer.data, buffer.len, NULL, 0, bytes);
	if (!PG_ARGISNULL(LEAF_ENTRY))
		locator = entry_locator(PG_GETARG_JOURNAL_ENTRY_P(LEAF_ENTRY));
	bytes[HASH_SIZE] = (uint8) (locator.sum >> 8);
	bytes[HASH_SIZE + 1] = (uint8) locator.sum;
	bytes[HASH_SIZE + 2] = (uint8) (locator.weighted >> 8);
	bytes[HASH_SIZE + 3] = (uint8) locator.weighted;
	SET_VARSIZE(leaf, VARHDRSZ + LEAF_SIZE);
	PG_RETURN_BYTEA_P(leaf);
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
