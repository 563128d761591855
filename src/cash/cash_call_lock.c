/*-------------------------------------------------------------------------
 *
 * cash_call_lock.c
 *	  The lock on the events of a client's cash calls.
 *
 * Everybody who records an event shares the lock, and reads the clock
 * afterwards; whoever wants an instant that tells what is recorded before from
 * what is recorded later owns it for that moment.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "ledger/client_lock.h"
#include "ledger/lookup.h"
#include "ledger/record_time.h"

static void
lock_events(int32 client_id, LOCKMODE mode)
{
	client_lock(LOCK_CLASS_CASH_CALL_EVENTS, client_id, mode,
				"Another transaction has recorded what became of its cash calls, and has not ended.");
}

PG_FUNCTION_INFO_V1(lock_cash_call_events);

Datum
lock_cash_call_events(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("lock_cash_call_events()");
	lookup_begin();
	lock_events(PG_GETARG_INT32(0), ShareLock);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(cash_call_events_instant);

/*
 * Once we own the events, what was recorded has been committed, and what is
 * recorded from now on says a later instant.  They are free again at once:
 * nobody waits for what is done with the instant.  With a clock behind the last
 * block the instant is that block's: the next block, which the caller seals,
 * moves it on.
 */
Datum
cash_call_events_instant(PG_FUNCTION_ARGS)
{
	int32		client_id = PG_GETARG_INT32(0);
	TimestampTz known;

	PreventCommandIfReadOnly("cash_call_events_instant()");
	lookup_begin();
	lock_events(client_id, ExclusiveLock);
	known = record_time();
	while (GetCurrentTimestamp() == known)
		CHECK_FOR_INTERRUPTS();
	client_unlock(LOCK_CLASS_CASH_CALL_EVENTS, client_id, ExclusiveLock);
	PG_RETURN_TIMESTAMPTZ(known);
}
