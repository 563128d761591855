/*-------------------------------------------------------------------------
 *
 * record_number.c
 *	  The one sequence from which journals, refusals, events and requests take
 *	  their numbers.
 *
 * Whoever takes a number holds the journal's relation lock until its
 * transaction ends: from these locks seal() tells whose numbers may still
 * appear (I22).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/sequence.h"
#include "fmgr.h"
#include "storage/lmgr.h"

#include "ledger/record_number.h"
#include "ledger/relations.h"

int64
record_number_next(void)
{
	return nextval_internal(ledger_relation(LEDGER_RECORD_SEQUENCE), false);
}

/* next_record_number(): for the events and requests that are written in SQL */
PG_FUNCTION_INFO_V1(next_record_number);
Datum
next_record_number(PG_FUNCTION_ARGS)
{
	LockRelationOid(ledger_relation(LEDGER_JOURNAL), RowExclusiveLock);
	PG_RETURN_INT64(record_number_next());
}
