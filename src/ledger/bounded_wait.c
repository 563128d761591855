/*-------------------------------------------------------------------------
 *
 * bounded_wait.c
 *	  Waits for locks that end.
 *
 * lock_timeout bounds every wait alike: for a row, for a table, for the
 * transaction that is inserting the same key, for a lock of our own.  It is
 * lowered, never raised, and as a function's SET clause would do it: saved at
 * the present nest level of the settings and restored with it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "storage/proc.h"
#include "utils/guc.h"

#include "ledger/bounded_wait.h"

int			ledger_lock_wait = 1000;

/* Lower lock_timeout to so many milliseconds at most, until the present nest level ends. */
static void
lower_lock_timeout(int most)
{
	char		milliseconds[16];

	if (LockTimeout > 0 && LockTimeout <= most)
		return;
	snprintf(milliseconds, sizeof(milliseconds), "%d", most);
	(void) set_config_option("lock_timeout", milliseconds, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

int
bounded_wait_begin(void)
{
	int			level = NewGUCNestLevel();

	lower_lock_timeout(ledger_lock_wait);
	return level;
}

void
bounded_wait_end(int level)
{
	AtEOXact_GUC(true, level);
}

void
bounded_wait_failed(MemoryContext context, const char *message, const char *detail)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE || error->hint != NULL)	/* with a hint it is ours already */
		PG_RE_THROW();
	message = pstrdup(message);
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("Another transaction is open: try again when it has ended.")));
	pg_unreachable();
}

PG_FUNCTION_INFO_V1(bounded_wait);

/*
 * For the SQL function that calls it: to its end, since its own SET clause has
 * opened a nest level, which this function, having none, does not.
 */
Datum
bounded_wait(PG_FUNCTION_ARGS)
{
	lower_lock_timeout(PG_ARGISNULL(0) ? ledger_lock_wait : PG_GETARG_INT32(0));
	PG_RETURN_VOID();
}
