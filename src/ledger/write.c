/*-------------------------------------------------------------------------
 *
 * write.c
 *	  Writing tuples of our own tables without SPI.
 *
 * Inserts go in bulk, one WAL record per page; updates are of rows that the
 * caller has locked, or read under a lock that all their writers take, so that
 * only an old snapshot can show one that has changed.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "utils/rel.h"

#include "ledger/write.h"

/* rows gathered before a bulk insert */
#define ROWS_PER_INSERT 500

/* A range table of one entry is all the executor's parts ask for. */
static void
init_range_table(EState *estate, Relation relation)
{
	RangeTblEntry *entry = makeNode(RangeTblEntry);

	entry->rtekind = RTE_RELATION;
	entry->relid = RelationGetRelid(relation);
	entry->relkind = relation->rd_rel->relkind;
	entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
	{
		List	   *permissions = NIL;

		addRTEPermissionInfo(&permissions, entry);
#if PG_VERSION_NUM >= 180000
		ExecInitRangeTable(estate, list_make1(entry), permissions, bms_make_singleton(1));
#else
		ExecInitRangeTable(estate, list_make1(entry), permissions);
#endif
	}
#else
	ExecInitRangeTable(estate, list_make1(entry));
#endif
}

TableWriter *
writer_open(LedgerRelation which)
{
	TableWriter *writer = palloc0(sizeof(TableWriter));

	writer->relation = table_open(ledger_relation(which), RowExclusiveLock);
	writer->estate = CreateExecutorState();
	init_range_table(writer->estate, writer->relation);
	writer->result_relation = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->result_relation, writer->relation, 1, NULL, 0);
	writer->estate->es_output_cid = GetCurrentCommandId(true);
	AfterTriggerBeginQuery();
	ExecOpenIndices(writer->result_relation, false);
	return writer;
}

/* One more slot; kept for reuse until the writer closes. */
static void
add_slot(TableWriter *writer)
{
	if (writer->slots == NULL)
		writer->slots = palloc(ROWS_PER_INSERT * sizeof(TupleTableSlot *));
	writer->slots[writer->slot_count++] =
		table_slot_create(writer->relation, &writer->estate->es_tupleTable);
}

TupleTableSlot *
writer_row(TableWriter *writer)
{
	TupleTableSlot *slot;

	if (writer->used == writer->slot_count)
		add_slot(writer);
	slot = writer->slots[writer->used];
	ExecClearTuple(slot);
	return slot;
}

/* Index entries of one row already in the heap. */
static void
insert_index_entries(TableWriter *writer, TupleTableSlot *slot, bool update)
{
	ResetPerTupleExprContext(writer->estate);
#if PG_VERSION_NUM >= 160000
	ExecInsertIndexTuples(writer->result_relation, slot, writer->estate, update, false, NULL, NIL, false);
#else
	ExecInsertIndexTuples(writer->result_relation, slot, writer->estate, update, false, NULL, NIL);
#endif
}

static void
flush_rows(TableWriter *writer)
{
	if (writer->used == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	table_multi_insert(writer->relation, writer->slots, writer->used,
					   writer->estate->es_output_cid, 0, NULL);
	for (int i = 0; i < writer->used; i++)
		insert_index_entries(writer, writer->slots[i], false);
	writer->used = 0;
}

void
writer_insert(TableWriter *writer)
{
	TupleTableSlot *slot = writer->slots[writer->used];

	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
	slot->tts_tableOid = RelationGetRelid(writer->relation);
	writer->used++;
	if (writer->used == ROWS_PER_INSERT)
		flush_rows(writer);
}

bool
writer_try_update(TableWriter *writer, ItemPointer tid)
{
	TupleTableSlot *slot = writer->slots[writer->used];
	TM_FailureData failure;
	LockTupleMode lock_mode;
	TM_Result	result;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes update_indexes;
#else
	bool		update_indexes;
#endif

	ExecStoreVirtualTuple(slot);
	result = table_tuple_update(writer->relation, tid, slot, GetCurrentCommandId(true), InvalidSnapshot, InvalidSnapshot,
								true, &failure, &lock_mode, &update_indexes);
	if (result == TM_Updated || result == TM_Deleted)
		return false;
	if (result != TM_Ok)
		elog(ERROR, "could not update a row of table \"%s\"", RelationGetRelationName(writer->relation));
	if (update_indexes)
		insert_index_entries(writer, slot, true);
	return true;
}

void
writer_update(TableWriter *writer, ItemPointer tid)
{
	if (!writer_try_update(writer, tid))
		writer_refuse_old_snapshot(writer);
}

void
writer_refuse_old_snapshot(const TableWriter *writer)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail("A row of table \"%s\" changed since this transaction's snapshot.",
					   RelationGetRelationName(writer->relation)),
			 errhint("Retry the transaction.")));
}

void
writer_close(TableWriter *writer)
{
	flush_rows(writer);
	AfterTriggerEndQuery(writer->estate);
	ExecCloseIndices(writer->result_relation);
	ExecResetTupleTable(writer->estate->es_tupleTable, false);
	table_close(writer->relation, NoLock);
	FreeExecutorState(writer->estate);
	pfree(writer);
}
