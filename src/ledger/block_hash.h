/*-------------------------------------------------------------------------
 *
 * block_hash.h
 *	  The leaf of a record: its hash, and what locates a changed line.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_BLOCK_HASH_H
#define BAKKT_LEDGER_BLOCK_HASH_H

#include "ledger/changed_line.h"
#include "ledger/merkle.h"

#define LEAF_FORMAT 1
#define LEAF_SIZE (HASH_SIZE + LOCATOR_SIZE)

#endif							/* BAKKT_LEDGER_BLOCK_HASH_H */
