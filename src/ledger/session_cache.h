/*-------------------------------------------------------------------------
 *
 * session_cache.h
 *	  When what a session has cached of reference data must be forgotten.
 *
 * A cache owns its data and says here which tables they come from.  It asks
 * at the start of each call whether they may still be used; after that they
 * hold for the call.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_SESSION_CACHE_H
#define BAKKT_LEDGER_SESSION_CACHE_H

#include "utils/hsearch.h"

#include "ledger/relations.h"

#define MAX_WATCHED 8

typedef struct SessionCache
{
	const char *name;
	LedgerRelation watched[MAX_WATCHED];	/* tables whose invalidation ends it */
	int			watched_count;
	bool		watches_roles;	/* so does a change of roles and memberships */
	bool		forgets_old_snapshots;	/* what such a transaction has read does not outlive it */

	MemoryContext context;		/* of the data, emptied by session_cache_renew() */

	/* kept by session_cache.c */
	bool		registered;
	Oid			watched_oids[MAX_WATCHED];
	bool		current;
	bool		loaded_in_transaction;
	struct SessionCache *next;	/* of the registered ones */
} SessionCache;

/* May the data still be used?  false: call session_cache_renew() and load anew. */
extern bool session_cache_is_current(SessionCache *cache);

/* Drop the data: from now on what is loaded counts as current. */
extern void session_cache_renew(SessionCache *cache);

/* An empty hash table of the data; keys are compared as bytes. */
extern HTAB *session_cache_table(SessionCache *cache, const char *name, Size key, Size entry);

/* A list of the data with room for one more, NULL at first. */
extern void *session_cache_list(SessionCache *cache, void *list, int count, int *room, Size item);

/* Something has been loaded that this transaction may have created, or that its snapshot shows and no other. */
extern void session_cache_loaded(SessionCache *cache);

#endif							/* BAKKT_LEDGER_SESSION_CACHE_H */
