/*-------------------------------------------------------------------------
 *
 * write.h
 *	  Writing tuples of our own tables without SPI: open, add, close.
 *
 * Statement triggers do not fire on this path; that is what lets posting
 * pass where refuse_write() stops everybody else.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_WRITE_H
#define BAKKT_LEDGER_WRITE_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "storage/itemptr.h"

#include "compat.h"
#include "ledger/relations.h"

typedef struct TableWriter
{
	Relation	relation;
	EState	   *estate;
	ResultRelInfo *result_relation;
	TupleTableSlot **slots;		/* filled, waiting for insertion */
	int			slot_count;		/* allocated */
	int			used;			/* filled */
} TableWriter;

extern TableWriter *writer_open(LedgerRelation which);
/* An empty virtual row to fill and then hand to writer_insert(). */
extern TupleTableSlot *writer_row(TableWriter *writer);
/* Queue the row that writer_row() returned; rows are inserted in bulk. */
extern void writer_insert(TableWriter *writer);
/* Replace the row at tid, locked by the caller, by the row that writer_row() returned; 40001 if it has changed. */
extern void writer_update(TableWriter *writer, ItemPointer tid);
/* The same; false, and nothing done, if it has changed. */
extern bool writer_try_update(TableWriter *writer, ItemPointer tid);
/* Raise 40001: what the transaction has read has changed. */
pg_noreturn extern void writer_refuse_old_snapshot(const TableWriter *writer);
extern void writer_close(TableWriter *writer);

#endif							/* BAKKT_LEDGER_WRITE_H */
