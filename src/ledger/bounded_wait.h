/*-------------------------------------------------------------------------
 *
 * bounded_wait.h
 *	  Waits for locks that end: nobody who is idle in a transaction stops a
 *	  function about a client for longer than bakkt_ledger.lock_wait.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_BOUNDED_WAIT_H
#define BAKKT_LEDGER_BOUNDED_WAIT_H

#include "compat.h"

/* setting: milliseconds */
extern int	ledger_lock_wait;

/*
 * Bound the waits up to bounded_wait_end(), by lock_timeout; a smaller one of
 * the caller stays.  An error ends it by itself.
 */
extern int	bounded_wait_begin(void);
extern void bounded_wait_end(int level);

/*
 * In a PG_CATCH: a lock that was not had in time is reported in our words,
 * as 55P03; any other error passes.  The memory context is that before PG_TRY.
 */
pg_noreturn extern void bounded_wait_failed(MemoryContext context, const char *message, const char *detail);

#endif							/* BAKKT_LEDGER_BOUNDED_WAIT_H */
