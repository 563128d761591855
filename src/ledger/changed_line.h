/*-------------------------------------------------------------------------
 *
 * changed_line.h
 *	  Which line of a sealed journal was changed: a locator of four bytes,
 *	  computed when the block is sealed, tells when it was a single one.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_CHANGED_LINE_H
#define BAKKT_LEDGER_CHANGED_LINE_H

#include "types/journal_entry.h"

#define LOCATOR_SIZE 4

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
/* Its LOCATOR_SIZE bytes, as a leaf and the evidence end with them. */
extern void write_locator(LineLocator locator, uint8 *bytes);

#endif							/* BAKKT_LEDGER_CHANGED_LINE_H */
