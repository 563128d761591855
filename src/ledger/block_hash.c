/*-------------------------------------------------------------------------
 *
 * block_hash.c
 *	  How a block is hashed: the canonical bytes of a journal, the leaf made
 *	  of them, and the aggregate that turns the leaves of a block's journals,
 *	  in order of journal, into its Merkle root (merkle.c), its evidence and
 *	  the ranges of ids.  The hash of the block itself, over the root and its
 *	  other columns, is in sql/ledger/block.sql.
 *
 * A leaf is the hash of the whole journal and a locator of its lines
 * (changed_line.h).  The block's root covers the hash; of each leaf the block
 * keeps eight bytes of evidence, the first four of the hash and the locator,
 * so that verify() can name a changed journal, and the line when a single one
 * was changed.
 *
 * Every column comes in a fixed order and in canonical form (canonical.h).  The
 * format number comes first: another way of writing gets another number, and
 * blocks keep theirs.
 *
 * Memory of the aggregate: eight bytes a journal, and sixteen a gap.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/block_hash.h"
#include "ledger/canonical.h"

/* what a block keeps of a leaf besides the locator */
#define EVIDENCE_HASH_SIZE 4

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

/* NULL has a length that nothing else has; true when the argument is NULL. */
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
	write_locator(locator, bytes + HASH_SIZE);
	SET_VARSIZE(leaf, VARHDRSZ + LEAF_SIZE);
	PG_RETURN_BYTEA_P(leaf);
}

/* ---- the leaves of a block ---- */

#define CONTENT_COLUMNS 5

typedef struct BlockContent
{
	MemoryContext context;
	MerkleTree	tree;
	StringInfoData evidence;
	int64	   *first;			/* runs of ids without a gap: first */
	int64	   *last;			/* ... and last */
	int			runs;
	int			capacity;
} BlockContent;

static BlockContent *
content_make(MemoryContext context)
{
	MemoryContext previous = MemoryContextSwitchTo(context);
	BlockContent *content = palloc0(sizeof(BlockContent));

	content->context = context;
	initStringInfo(&content->evidence);
	content->capacity = 16;
	content->first = palloc(sizeof(int64) * content->capacity);
	content->last = palloc(sizeof(int64) * content->capacity);
	MemoryContextSwitchTo(previous);
	return content;
}

/* A further id: the same run goes on, or a new one starts. */
static void
add_id(BlockContent *content, int64 id)
{
	if (content->runs > 0 && content->last[content->runs - 1] + 1 >= id)
	{
		content->last[content->runs - 1] = id;
		return;
	}
	if (content->runs == content->capacity)
	{
		content->capacity *= 2;
		content->first = repalloc_huge(content->first, sizeof(int64) * content->capacity);
		content->last = repalloc_huge(content->last, sizeof(int64) * content->capacity);
	}
	content->first[content->runs] = content->last[content->runs] = id;
	content->runs++;
}

PG_FUNCTION_INFO_V1(block_content_add);
Datum
block_content_add(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	BlockContent *content;
	bytea	   *leaf;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	content = PG_ARGISNULL(0) ? content_make(context) : (BlockContent *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(content);
	leaf = PG_GETARG_BYTEA_PP(2);
	if (VARSIZE_ANY_EXHDR(leaf) != LEAF_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a leaf has %d bytes", LEAF_SIZE)));
	merkle_add(&content->tree, (uint8 *) VARDATA_ANY(leaf));
	appendBinaryStringInfo(&content->evidence, VARDATA_ANY(leaf), EVIDENCE_HASH_SIZE);
	appendBinaryStringInfo(&content->evidence, VARDATA_ANY(leaf) + HASH_SIZE, LOCATOR_SIZE);
	add_id(content, PG_GETARG_INT64(1));
	PG_RETURN_POINTER(content);
}

static Datum
bytes_datum(const void *bytes, Size size)
{
	bytea	   *result = palloc(VARHDRSZ + size);

	SET_VARSIZE(result, VARHDRSZ + size);
	memcpy(VARDATA(result), bytes, size);
	return PointerGetDatum(result);
}

static Datum
bigint_array(const int64 *values, int count)
{
	Datum	   *elements = palloc_extended(sizeof(Datum) * Max(count, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Of no journals: count zero, a root of zeros, nothing else. */
PG_FUNCTION_INFO_V1(block_content_final);
Datum
block_content_final(PG_FUNCTION_ARGS)
{
	BlockContent *content = PG_ARGISNULL(0) ? content_make(CurrentMemoryContext) : (BlockContent *) PG_GETARG_POINTER(0);
	uint8		root[HASH_SIZE];
	Datum		values[CONTENT_COLUMNS];
	bool		nulls[CONTENT_COLUMNS] = {false};
	TupleDesc	descriptor;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	merkle_root(&content->tree, root);
	values[0] = Int64GetDatum((int64) content->tree.leaves);
	values[1] = bytes_datum(root, HASH_SIZE);
	values[2] = bytes_datum(content->evidence.data, content->evidence.len);
	values[3] = bigint_array(content->first, content->runs);
	values[4] = bigint_array(content->last, content->runs);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
