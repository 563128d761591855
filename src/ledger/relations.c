/*-------------------------------------------------------------------------
 *
 * relations.c
 *	  Look-up of the ledger's own relations, and the signal that tells the
 *	  caches built on them to start afresh.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "ledger/relations.h"

static const char *const relation_names[LEDGER_RELATION_COUNT] = {
	[LEDGER_JOURNAL] = "journal",
	[LEDGER_JOURNAL_KEY] = "journal_pkey",
	[LEDGER_JOURNAL_REFERENCE_KEY] = "journal_reference_key",
	[LEDGER_JOURNAL_PARTY] = "journal_party",
	[LEDGER_REJECTION] = "rejection",
	[LEDGER_REJECTION_KEY] = "rejection_pkey",
	[LEDGER_BALANCE] = "balance",
	[LEDGER_BALANCE_KEY] = "balance_pkey",
	[LEDGER_JOURNAL_SEQUENCE] = "journal_id_seq",
	[LEDGER_CASH_CALL] = "cash_call",
	[LEDGER_CASH_CALL_OPEN_INDEX] = "cash_call_open_idx",
	[LEDGER_CASH_CALL_EVENT] = "cash_call_event",
	[LEDGER_CUSTOMER] = "customer",
	[LEDGER_CUSTOMER_CODE_KEY] = "customer_account_code_key",
	[LEDGER_ACCOUNT_KEY] = "account_pkey",
	[LEDGER_ACCOUNT_NAME_KEY] = "account_client_id_fund_name_asset_key",
	[LEDGER_BLOCK] = "block",
	[LEDGER_BLOCK_BALANCE] = "block_balance",
	[LEDGER_ACCOUNT] = "account",
	[LEDGER_SUPPORTED_ASSET] = "supported_asset",
	[LEDGER_CLIENT] = "client",
	[LEDGER_CLIENT_ACCESS] = "client_access",
};

static Oid	relation_oids[LEDGER_RELATION_COUNT];
static bool callbacks_registered = false;
static uint64 cache_generation = 1;
static bool loaded_in_transaction = false;

/* Relcache callback: only marks, since it may run at any moment. */
static void
relation_changed(Datum argument, Oid relation)
{
	for (int i = 0; i < LEDGER_RELATION_COUNT; i++)
	{
		if (relation != InvalidOid && relation_oids[i] != relation)
			continue;
		relation_oids[i] = InvalidOid;
		if (i >= LEDGER_ACCOUNT)
			cache_generation++;
	}
}

/* Syscache callback: a role was changed, or made or unmade a member of another. */
static void
role_changed(Datum argument, int cache, uint32 hash)
{
	cache_generation++;
}

/* What a transaction had created must not stay cached if it aborts, or still may: it is prepared. */
static void
transaction_ended(XactEvent event, void *argument)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_PREPARE && event != XACT_EVENT_ABORT)
		return;
	if (loaded_in_transaction && event != XACT_EVENT_COMMIT)
		cache_generation++;
	loaded_in_transaction = false;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && loaded_in_transaction)
		cache_generation++;
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

/* The Oid of one of our relations; an error if the extension is gone. */
Oid
ledger_relation(LedgerRelation which)
{
	Oid			oid;

	register_callbacks();
	if (OidIsValid(relation_oids[which]))
		return relation_oids[which];

	oid = get_relname_relid(relation_names[which], get_namespace_oid(LEDGER_SCHEMA, false));
	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", LEDGER_SCHEMA, relation_names[which]),
				 errhint("Create the extension bakkt_ledger in this database, or update it.")));
	relation_oids[which] = oid;
	return oid;
}

Oid
ledger_owner(void)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(ledger_relation(LEDGER_JOURNAL)));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for the journal");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * An invalidation names a relation by Oid: those whose change matters must be
 * known here, again after each invalidation, or it would pass unnoticed.
 */
uint64
ledger_cache_generation(void)
{
	for (int i = LEDGER_ACCOUNT; i < LEDGER_RELATION_COUNT; i++)
		(void) ledger_relation(i);
	return cache_generation;
}

void
ledger_cache_loaded(void)
{
	loaded_in_transaction = true;
}
