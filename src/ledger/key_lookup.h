/*-------------------------------------------------------------------------
 *
 * key_lookup.h
 *	  Rows of a ledger table by unique key, straight from the index.
 *
 * For what is looked up trade by trade: a query would be planned anew for
 * every call, or keep a plan made while the table was small.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_KEY_LOOKUP_H
#define BAKKT_LEDGER_KEY_LOOKUP_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "ledger/relations.h"

#define KEY_COLUMNS_MAX 4

typedef struct KeyLookup
{
	Relation	table;
	Relation	index;
	IndexScanDesc scan;
	Snapshot	snapshot;
	TupleTableSlot *slot;		/* the row found */
	int			columns;
	ScanKeyData keys[KEY_COLUMNS_MAX];
} KeyLookup;

/*
 * Sees what has been committed by now, under every isolation level: what is
 * found outlives the transaction in caches, and a closed account is closed.
 */
extern void key_lookup_open(KeyLookup *lookup, LedgerRelation table, LedgerRelation index);
/* One value for each column of the index, none of them null. */
extern bool key_lookup_find(KeyLookup *lookup, const Datum *values);
/* The same for the first columns of an index only: all rows of them, from the last one backwards. */
extern void key_lookup_open_prefix(KeyLookup *lookup, LedgerRelation table, LedgerRelation index, int columns);
extern void key_lookup_start(KeyLookup *lookup, const Datum *values);
extern bool key_lookup_previous(KeyLookup *lookup);
extern void key_lookup_close(KeyLookup *lookup);

#endif							/* BAKKT_LEDGER_KEY_LOOKUP_H */
