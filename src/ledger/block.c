/*-------------------------------------------------------------------------
 *
 * block.c
 *	  Writing a sealed block: the one place that inserts into the tables
 *	  block and block_balance, which refuse everybody else.  One session seals
 *	  at a time.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "ledger/bounded_wait.h"
#include "ledger/relations.h"
#include "ledger/write.h"
#include "types/journal_entry.h"

/* lock_blocks(): keeps other sealers out, and only them */
PG_FUNCTION_INFO_V1(lock_blocks);
Datum
lock_blocks(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			block = ledger_relation(LEDGER_BLOCK);
	int			level = bounded_wait_begin();

	PreventCommandIfReadOnly("seal()");
	PG_TRY();
	{
		LockRelationOid(block, ShareRowExclusiveLock);
	}
	PG_CATCH();
	{
		bounded_wait_failed(context, "another session is sealing",
							"Its transaction, in which it has sealed a block or closed a window, has not ended.");
	}
	PG_END_TRY();
	bounded_wait_end(level);
	PG_RETURN_VOID();
}

/* Write one composite value as a row of the table whose row type it is. */
static void
write_row(TableWriter *writer, HeapTupleHeader value)
{
	TupleDesc	descriptor = RelationGetDescr(writer->relation);
	TupleTableSlot *slot = writer_row(writer);
	HeapTupleData tuple;

	if (HeapTupleHeaderGetTypeId(value) != writer->relation->rd_rel->reltype)
		elog(ERROR, "row is not of table \"%s\"", RelationGetRelationName(writer->relation));
	tuple.t_len = HeapTupleHeaderGetDatumLength(value);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = value;
	heap_deform_tuple(&tuple, descriptor, slot->tts_values, slot->tts_isnull);
	writer_insert(writer);
}

/* record_block(block, block_balance[]): the last step of seal() */
PG_FUNCTION_INFO_V1(record_block);
Datum
record_block(PG_FUNCTION_ARGS)
{
	ArrayType  *balances = PG_GETARG_ARRAYTYPE_P(1);
	TableWriter *writer;
	Datum	   *rows;
	int			count;

	PreventCommandIfReadOnly("seal()");
	writer = writer_open(LEDGER_BLOCK);
	write_row(writer, PG_GETARG_HEAPTUPLEHEADER(0));
	CacheInvalidateRelcache(writer->relation);	/* to all sessions: there is another last block, see record_time() */
	writer_close(writer);
	deconstruct_array(balances, ARR_ELEMTYPE(balances), -1, false, TYPALIGN_DOUBLE, &rows, NULL, &count);
	if (count == 0)
		PG_RETURN_VOID();
	writer = writer_open(LEDGER_BLOCK_BALANCE);
	for (int i = 0; i < count; i++)
		write_row(writer, DatumGetHeapTupleHeader(rows[i]));
	writer_close(writer);
	PG_RETURN_VOID();
}
