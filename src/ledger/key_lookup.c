/*-------------------------------------------------------------------------
 *
 * key_lookup.c
 *	  Rows of a ledger table by unique key, straight from the index.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "ledger/key_lookup.h"

/* The key's columns, compared as the index compares them; values come later. */
static void
prepare_keys(KeyLookup *lookup)
{
	Relation	index = lookup->index;

	if (lookup->columns == 0)
		lookup->columns = IndexRelationGetNumberOfKeyAttributes(index);
	Assert(lookup->columns <= KEY_COLUMNS_MAX);
	for (int i = 0; i < lookup->columns; i++)
	{
		Oid			type = index->rd_opcintype[i];
		Oid			equal = get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);

		ScanKeyEntryInitialize(&lookup->keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   index->rd_indcollation[i], get_opcode(equal), (Datum) 0);
	}
}

void
key_lookup_open_prefix(KeyLookup *lookup, LedgerRelation table, LedgerRelation index, int columns)
{
	lookup->columns = columns;
	CommandCounterIncrement();
	lookup->snapshot = RegisterSnapshot(GetLatestSnapshot());
	lookup->table = table_open(ledger_relation(table), AccessShareLock);
	lookup->index = index_open(ledger_relation(index), AccessShareLock);
	lookup->slot = table_slot_create(lookup->table, NULL);
	prepare_keys(lookup);
#if PG_VERSION_NUM >= 180000
	lookup->scan = index_beginscan(lookup->table, lookup->index, lookup->snapshot, NULL, lookup->columns, 0);
#else
	lookup->scan = index_beginscan(lookup->table, lookup->index, lookup->snapshot, lookup->columns, 0);
#endif
}

void
key_lookup_open(KeyLookup *lookup, LedgerRelation table, LedgerRelation index)
{
	key_lookup_open_prefix(lookup, table, index, 0);
}

void
key_lookup_start(KeyLookup *lookup, const Datum *values)
{
	for (int i = 0; i < lookup->columns; i++)
		lookup->keys[i].sk_argument = values[i];
	index_rescan(lookup->scan, lookup->keys, lookup->columns, NULL, 0);
}

bool
key_lookup_find(KeyLookup *lookup, const Datum *values)
{
	key_lookup_start(lookup, values);
	return index_getnext_slot(lookup->scan, ForwardScanDirection, lookup->slot);
}

bool
key_lookup_previous(KeyLookup *lookup)
{
	return index_getnext_slot(lookup->scan, BackwardScanDirection, lookup->slot);
}

void
key_lookup_close(KeyLookup *lookup)
{
	ExecDropSingleTupleTableSlot(lookup->slot);
	index_endscan(lookup->scan);
	index_close(lookup->index, AccessShareLock);
	table_close(lookup->table, AccessShareLock);
	UnregisterSnapshot(lookup->snapshot);
}
