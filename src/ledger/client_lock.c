/*-------------------------------------------------------------------------
 *
 * client_lock.c
 *	  Locks per client.
 *
 * Postings: everybody who posts shares them; whoever freezes or closes a
 * house account, which has no row to lock, or closes the client owns them, and
 * has waited for all postings under way.
 *
 * Nobody waits longer than bounded_wait.c lets him.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "ledger/bounded_wait.h"
#include "ledger/client_lock.h"
#include "ledger/lookup.h"

static void
set_tag(LOCKTAG *tag, LedgerLockClass class, int32 client_id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, (uint32) client_id, class);
}

static void
wait_for_client(const LOCKTAG *tag, int32 client_id, LOCKMODE mode, const char *others)
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
		bounded_wait_failed(context, message, others);
	}
	PG_END_TRY();
	bounded_wait_end(level);
	pfree(message);
}

/* Nearly always there is nobody to wait for. */
void
client_lock(LedgerLockClass class, int32 client_id, LOCKMODE mode, const char *others)
{
	LOCKTAG		tag;

	set_tag(&tag, class, client_id);
	if (LockAcquire(&tag, mode, false, true) == LOCKACQUIRE_NOT_AVAIL)
		wait_for_client(&tag, client_id, mode, others);
}

void
client_unlock(LedgerLockClass class, int32 client_id, LOCKMODE mode)
{
	LOCKTAG		tag;

	set_tag(&tag, class, client_id);
	LockRelease(&tag, mode, false);
}

static void
lock_postings(int32 client_id, LOCKMODE mode)
{
	client_lock(LOCK_CLASS_POSTINGS, client_id, mode,
				"Another transaction has posted for it, or freezes or closes an account of it, and has not ended.");
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
		lock_postings(clients[i], ShareLock);
	}
	pfree(clients);
}

PG_FUNCTION_INFO_V1(lock_client);

Datum
lock_client(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("lock_client()");
	lookup_begin();
	lock_postings(PG_GETARG_INT32(0), ExclusiveLock);
	PG_RETURN_VOID();
}
