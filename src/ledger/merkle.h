/*-------------------------------------------------------------------------
 *
 * merkle.h
 *	  SHA-256, and a Merkle tree that is grown leaf by leaf in constant
 *	  memory.  The tree is that of RFC 6962: leaves and nodes are hashed with
 *	  different prefixes, and an odd leaf is promoted, not doubled.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_MERKLE_H
#define BAKKT_LEDGER_MERKLE_H

#include "postgres.h"

#define HASH_SIZE 32
#define MERKLE_LEVELS 63

/* what is hashed, as its first byte */
#define HASH_PREFIX_LEAF 0x00
#define HASH_PREFIX_NODE 0x01

typedef struct MerkleTree
{
	uint64		leaves;
	uint8		nodes[MERKLE_LEVELS][HASH_SIZE];	/* complete subtrees, by the bits of leaves */
} MerkleTree;

/* SHA-256 of a prefix byte and up to two pieces */
extern void sha256_of(uint8 prefix, const void *first, Size first_size,
					  const void *second, Size second_size, uint8 *hash);

extern void merkle_add(MerkleTree *tree, const uint8 *leaf);
/* all zeros for a tree without leaves */
extern void merkle_root(const MerkleTree *tree, uint8 *root);

#endif							/* BAKKT_LEDGER_MERKLE_H */
