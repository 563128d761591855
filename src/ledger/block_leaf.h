/*-------------------------------------------------------------------------
 *
 * block_leaf.h
 *	  What a block remembers of one journal.
 *
 * A leaf is the hash of the whole journal and a locator of its lines.  The
 * block's root covers the hash; of each leaf the block keeps eight bytes of
 * evidence, the first four of the hash and the locator, so that verify() can
 * name a changed journal, and the line when a single one was changed.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_BLOCK_LEAF_H
#define BAKKT_LEDGER_BLOCK_LEAF_H

#include "ledger/merkle.h"
#include "types/journal_entry.h"

#define LEAF_FORMAT 1

#define LOCATOR_SIZE 4
#define LEAF_SIZE (HASH_SIZE + LOCATOR_SIZE)
#define EVIDENCE_HASH_SIZE 4
#define EVIDENCE_SIZE (EVIDENCE_HASH_SIZE + LOCATOR_SIZE)

/*
 * Two sums over the lines of an entry, modulo a prime: of h(line), and of
 * number * h(line).  If one line changes by d, they change by d and number * d,
 * whose quotient is the number.
 */
typedef struct LineLocator
{
	uint16		sum;
	uint16		weighted;
} LineLocator;

extern LineLocator entry_locator(const JournalEntry *entry);
/* the one line that differs, from 1; 0 when it is not exactly one */
extern int	locate_line(LineLocator then, LineLocator now, int line_count);

#endif							/* BAKKT_LEDGER_BLOCK_LEAF_H */
