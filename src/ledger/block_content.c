/*-------------------------------------------------------------------------
 *
 * block_content.c
 *	  The aggregate that turns the leaves of a block's journals, in order of
 *	  journal, into its Merkle root, its evidence and the ranges of ids.
 *
 * Memory: eight bytes a journal, and sixteen a gap.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "ledger/block_leaf.h"

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
