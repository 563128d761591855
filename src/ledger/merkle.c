/*-------------------------------------------------------------------------
 *
 * merkle.c
 *	  SHA-256 by PostgreSQL's own implementation, and the Merkle tree.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"

#include "ledger/merkle.h"

static void
check_hash(bool succeeded, pg_cryptohash_ctx *context)
{
	if (!succeeded)
		elog(ERROR, "could not compute SHA-256 hash: %s", pg_cryptohash_error(context));
}

void
sha256_of(uint8 prefix, const void *first, Size first_size, const void *second, Size second_size, uint8 *hash)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);

	check_hash(pg_cryptohash_init(context) == 0, context);
	check_hash(pg_cryptohash_update(context, &prefix, 1) == 0, context);
	check_hash(pg_cryptohash_update(context, first, first_size) == 0, context);
	if (second_size > 0)
		check_hash(pg_cryptohash_update(context, second, second_size) == 0, context);
	check_hash(pg_cryptohash_final(context, hash, HASH_SIZE) == 0, context);
	pg_cryptohash_free(context);
}

/* Carry, as in adding one to a binary number: two subtrees of a size make one. */
void
merkle_add(MerkleTree *tree, const uint8 *leaf)
{
	uint8		hash[HASH_SIZE];
	int			level = 0;

	memcpy(hash, leaf, HASH_SIZE);
	for (uint64 rest = tree->leaves; rest & 1; rest >>= 1)
		sha256_of(HASH_PREFIX_NODE, tree->nodes[level++], HASH_SIZE, hash, HASH_SIZE, hash);
	memcpy(tree->nodes[level], hash, HASH_SIZE);
	tree->leaves++;
}

/* The complete subtrees joined, smallest last: so an odd one moves up as it is. */
void
merkle_root(const MerkleTree *tree, uint8 *root)
{
	bool		started = false;

	memset(root, 0, HASH_SIZE);
	for (int level = 0; level < MERKLE_LEVELS; level++)
	{
		if ((tree->leaves >> level & 1) == 0)
			continue;
		if (started)
			sha256_of(HASH_PREFIX_NODE, tree->nodes[level], HASH_SIZE, root, HASH_SIZE, root);
		else
			memcpy(root, tree->nodes[level], HASH_SIZE);
		started = true;
	}
}
