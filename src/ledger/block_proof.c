/*-------------------------------------------------------------------------
 *
 * block_proof.c
 *	  Inclusion proofs: that one journal is under a block's root, without
 *	  showing any other (RFC 6962, audit paths).
 *
 * Level by level from the leaves: neighbours make a node, the last of an odd
 * number moves up.  The path is the neighbour met on each level.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "ledger/merkle.h"

static Datum
hash_datum(const uint8 *hash)
{
	bytea	   *result = palloc(VARHDRSZ + HASH_SIZE);

	SET_VARSIZE(result, VARHDRSZ + HASH_SIZE);
	memcpy(VARDATA(result), hash, HASH_SIZE);
	return PointerGetDatum(result);
}

/* One level up, in place; the number of nodes there. */
static int64
next_level(uint8 *nodes, int64 count)
{
	for (int64 i = 0; i < count / 2; i++)
		sha256_of(HASH_PREFIX_NODE, nodes + 2 * i * HASH_SIZE, HASH_SIZE,
				  nodes + (2 * i + 1) * HASH_SIZE, HASH_SIZE, nodes + i * HASH_SIZE);
	if (count % 2 == 1)
		memmove(nodes + count / 2 * HASH_SIZE, nodes + (count - 1) * HASH_SIZE, HASH_SIZE);
	return (count + 1) / 2;
}

/* merkle_path(leaves, place): the path of a leaf, counted from 1, to the root of the concatenated leaves */
PG_FUNCTION_INFO_V1(merkle_path);
Datum
merkle_path(PG_FUNCTION_ARGS)
{
	bytea	   *leaves = PG_GETARG_BYTEA_P_COPY(0);
	uint8	   *nodes = (uint8 *) VARDATA(leaves);
	int64		count = (VARSIZE(leaves) - VARHDRSZ) / HASH_SIZE;
	int64		place = PG_GETARG_INT64(1) - 1;
	Datum		path[MERKLE_LEVELS];
	int			length = 0;

	if (place < 0 || place >= count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no leaf " INT64_FORMAT " among " INT64_FORMAT, place + 1, count)));
	for (; count > 1; place /= 2)
	{
		CHECK_FOR_INTERRUPTS();
		if ((place ^ 1) < count)
			path[length++] = hash_datum(nodes + (place ^ 1) * HASH_SIZE);
		count = next_level(nodes, count);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(path, length, BYTEAOID, -1, false, TYPALIGN_INT));
}

/* One step of the path: the node above hash and its neighbour. */
static bool
climb(uint8 *hash, const bytea *neighbour, bool neighbour_first)
{
	const void *bytes = VARDATA_ANY(neighbour);

	if (VARSIZE_ANY_EXHDR(neighbour) != HASH_SIZE)
		return false;
	if (neighbour_first)
		sha256_of(HASH_PREFIX_NODE, bytes, HASH_SIZE, hash, HASH_SIZE, hash);
	else
		sha256_of(HASH_PREFIX_NODE, hash, HASH_SIZE, bytes, HASH_SIZE, hash);
	return true;
}

/* merkle_path_root(leaf, place, leaves, path): the root that the path leads to; NULL if it does not fit the tree */
PG_FUNCTION_INFO_V1(merkle_path_root);
Datum
merkle_path_root(PG_FUNCTION_ARGS)
{
	bytea	   *leaf = PG_GETARG_BYTEA_PP(0);
	int64		place = PG_GETARG_INT64(1) - 1;
	int64		count = PG_GETARG_INT64(2);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(3);
	uint8		hash[HASH_SIZE];
	Datum	   *path;
	int			length,
				used = 0;

	if (VARSIZE_ANY_EXHDR(leaf) != HASH_SIZE || place < 0 || place >= count || array_contains_nulls(array))
		PG_RETURN_NULL();
	memcpy(hash, VARDATA_ANY(leaf), HASH_SIZE);
	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &path, NULL, &length);
	for (; count > 1; place /= 2, count = count / 2 + count % 2)
		if ((place ^ 1) < count &&
			(used == length || !climb(hash, DatumGetByteaPP(path[used++]), place & 1)))
			PG_RETURN_NULL();
	if (used != length)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(hash_datum(hash));
}
