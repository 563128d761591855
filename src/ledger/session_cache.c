/*-------------------------------------------------------------------------
 *
 * session_cache.c
 *	  One set of callbacks for all caches of a session.
 *
 * A relcache invalidation of a watched table makes a cache start afresh:
 * DDL sends it, and the functions and triggers that change reference data.
 * What an aborted transaction may have created is forgotten when it ends.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "ledger/session_cache.h"

static SessionCache *registered = NULL;
static bool callbacks_registered = false;

/* Relcache callback: only marks, since it may run at any moment. */
static void
relation_changed(Datum argument, Oid relation)
{
	for (SessionCache *cache = registered; cache; cache = cache->next)
		for (int i = 0; i < cache->watched_count; i++)
			if (relation == InvalidOid || relation == cache->watched_oids[i])
				cache->current = false;
}

/* Syscache callback: a role was changed, or made or unmade a member of another. */
static void
role_changed(Datum argument, int syscache, uint32 hash)
{
	for (SessionCache *cache = registered; cache; cache = cache->next)
		if (cache->watches_roles)
			cache->current = false;
}

/* What a transaction had created must not stay cached if it aborts, or still may: it is prepared. */
static void
transaction_ended(XactEvent event, void *argument)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_PREPARE && event != XACT_EVENT_ABORT)
		return;
	for (SessionCache *cache = registered; cache; cache = cache->next)
	{
		if (cache->loaded_in_transaction &&
			(event != XACT_EVENT_COMMIT || (cache->forgets_old_snapshots && IsolationUsesXactSnapshot())))
			cache->current = false;
		cache->loaded_in_transaction = false;
	}
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *argument)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (SessionCache *cache = registered; cache; cache = cache->next)
		if (cache->loaded_in_transaction)
			cache->current = false;
}

static void
register_callbacks(void)
{
	if (callbacks_registered)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, role_changed, (Datum) 0);
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(subtransaction_ended, NULL);
	callbacks_registered = true;
}

bool
session_cache_is_current(SessionCache *cache)
{
	AcceptInvalidationMessages();
	return cache->current;
}

/* A table that was dropped and made again has another Oid: its invalidation ended the cache, so all are looked up here. */
void
session_cache_renew(SessionCache *cache)
{
	if (cache->context)
		MemoryContextReset(cache->context);
	else
	{
		cache->context = AllocSetContextCreate(CacheMemoryContext, "bakkt_ledger cache", ALLOCSET_DEFAULT_SIZES);
		MemoryContextSetIdentifier(cache->context, cache->name);
	}
	register_callbacks();
	for (int i = 0; i < cache->watched_count; i++)
		cache->watched_oids[i] = ledger_relation(cache->watched[i]);
	if (!cache->registered)
	{
		cache->next = registered;
		cache->registered = true;
		registered = cache;
	}
	cache->current = true;
}

HTAB *
session_cache_table(SessionCache *cache, const char *name, Size key, Size entry)
{
	HASHCTL		control = {.keysize = key,.entrysize = entry,.hcxt = cache->context};

	return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void *
session_cache_list(SessionCache *cache, void *list, int count, int *room, Size item)
{
	if (list != NULL && count < *room)
		return list;
	*room = Max(256, *room * 2);
	if (list == NULL)
		return MemoryContextAlloc(cache->context, *room * item);
	return repalloc_huge(list, *room * item);
}

void
session_cache_loaded(SessionCache *cache)
{
	cache->loaded_in_transaction = true;
}
