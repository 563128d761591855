/*-------------------------------------------------------------------------
 *
 * leaf.h
 *	  The leaf of a record in a block: the hash of all it says, and the
 *	  locator of a journal's lines (zero for all other records).
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_LEAF_H
#define BAKKT_LEDGER_LEAF_H

#include "ledger/changed_line.h"
#include "ledger/merkle.h"

/* the first byte of what is hashed: another way of writing gets another number */
#define LEAF_FORMAT 1
#define LEAF_SIZE (HASH_SIZE + LOCATOR_SIZE)

#endif							/* BAKKT_LEDGER_LEAF_H */
