/*-------------------------------------------------------------------------
 *
 * client_lock.c
 *	  Locks per client.
 *
 * Postings: everybody who posts shares them; whoever freezes or closes a
 * house account, which has no row to lock, or closes the client owns them, and
 * has waited for all postings under way.
 *
 * Events of cash calls: everybody who records one shares them, and reads the
 * clock afterwards; whoever wants an instant that tells what is recorded
 * before from what is recorded later owns them for that moment.
 *
 * Blocks are no client's: whoever seals one keeps other sealers out, and only
 * them.
 *
 * Nobody waits longer than bounded_wait.c lets him.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

#include "ledger/bounded_wait.h"
#include "ledger/client_lock.h"
#include "ledger/lock_class.h"
#include "ledger/lookup.h"
#include "ledger/relations.h"

static void
set_tag(LOCKTAG *tag, LedgerLockClass class, int32 client_id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, (uint32) client_id, class);
}

static const char *
what_goes_on(LedgerLockClass class)
{
	return class == LOCK_CLASS_POSTINGS ?
		"Another transaction has posted for it, or freezes or closes an account of it, and has not ended." :
		"Another transaction has recorded what became of its cash calls, and has not ended.";
}

static void
wait_for_client(const LOCKTAG *tag, LOCKMODE mode, LedgerLockClass class, int32 client_id)
{
	MemoryContext context = CurrentMemoryContext;
	ClientInfo *client = lookup_client(client_id);
	char	   *message = psprintf("client \"%s\" is in use", client ? client->code : "?");
	int			level = bounded_wait_begin();

	PG_TRY();
	{
		(void) LockAcquire(tag, mode, false, false);
	}
	PG_CATCH();
	{
		bounded_wait_failed(context, message, what_goes_on(class));
	}
	PG_END_TRY();
	bounded_wait_end(level);
	pfree(message);
}

/* Nearly always there is nobody to wait for. */
static void
lock_client_in(LedgerLockClass class, int32 client_id, LOCKMODE mode)
{
	LOCKTAG		tag;

	set_tag(&tag, class, client_id);
	if (LockAcquire(&tag, mode, false, true) == LOCKACQUIRE_NOT_AVAIL)
		wait_for_client(&tag, mode, class, client_id);
}

static int
compare_clients(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return (x > y) - (x < y);
}

void
client_lock_postings(const LedgerRequest *requests, int count)
{
	int32	   *clients = palloc(count * sizeof(int32));
	int			used = 0;

	for (int i = 0; i < count; i++)
		if (requests[i].client_id != 0 && (used == 0 || requests[i].client_id != clients[used - 1]))
			clients[used++] = requests[i].client_id;
	if (used > 1)
		qsort(clients, used, sizeof(int32), compare_clients);
	for (int i = 0; i < used; i++)
	{
		if (i > 0 && clients[i] == clients[i - 1])
			continue;
		lookup_check_access(clients[i]);
		lock_client_in(LOCK_CLASS_POSTINGS, clients[i], ShareLock);
	}
	pfree(clients);
}

void
client_lock_cash_call_events(int32 client_id)
{
	lock_client_in(LOCK_CLASS_CASH_CALL_EVENTS, client_id, ShareLock);
}

/* ---- the functions ---- */

PG_FUNCTION_INFO_V1(lock_client);

Datum
lock_client(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("lock_client()");
	lookup_begin();
	lock_client_in(LOCK_CLASS_POSTINGS, PG_GETARG_INT32(0), ExclusiveLock);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(lock_cash_call_events);

Datum
lock_cash_call_events(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("lock_cash_call_events()");
	lookup_begin();
	client_lock_cash_call_events(PG_GETARG_INT32(0));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(cash_call_events_instant);

/*
 * Once we own the events, what was recorded has been committed, and what is
 * recorded from now on says a later instant.  They are free again at once:
 * nobody waits for what is done with the instant.
 */
Datum
cash_call_events_instant(PG_FUNCTION_ARGS)
{
	int32		client_id = PG_GETARG_INT32(0);
	TimestampTz known;
	LOCKTAG		tag;

	PreventCommandIfReadOnly("cash_call_events_instant()");
	lookup_begin();
	lock_client_in(LOCK_CLASS_CASH_CALL_EVENTS, client_id, ExclusiveLock);
	known = GetCurrentTimestamp();
	while (GetCurrentTimestamp() <= known)
		CHECK_FOR_INTERRUPTS();
	set_tag(&tag, LOCK_CLASS_CASH_CALL_EVENTS, client_id);
	LockRelease(&tag, ExclusiveLock, false);
	PG_RETURN_TIMESTAMPTZ(known);
}

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
