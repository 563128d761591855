/*-------------------------------------------------------------------------
 *
 * relations.c
 *	  Look-up of the ledger's own relations.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
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
	[LEDGER_JOURNAL_EFFECTIVE_INDEX] = "journal_effective_idx",
	[LEDGER_JOURNAL_REVERSES_INDEX] = "journal_reverses_idx",
	[LEDGER_JOURNAL_PARTY] = "journal_party",
	[LEDGER_REJECTION] = "rejection",
	[LEDGER_REJECTION_KEY] = "rejection_pkey",
	[LEDGER_BALANCE] = "balance",
	[LEDGER_BALANCE_KEY] = "balance_pkey",
	[LEDGER_RECORD_SEQUENCE] = "record_number",
	[LEDGER_CASH_CALL] = "cash_call",
	[LEDGER_CASH_CALL_OPEN_INDEX] = "cash_call_open_idx",
	[LEDGER_EVENT] = "event",
	[LEDGER_CUSTOMER] = "customer",
	[LEDGER_CUSTOMER_CODE_KEY] = "customer_customer_code_key",
	[LEDGER_ACCOUNT_KEY] = "account_pkey",
	[LEDGER_ACCOUNT_NAME_KEY] = "account_client_id_fund_name_asset_key",
	[LEDGER_BLOCK] = "block",
	[LEDGER_BLOCK_BALANCE] = "block_balance",
	[LEDGER_ACCOUNT] = "account",
	[LEDGER_SUPPORTED_ASSET] = "supported_asset",
	[LEDGER_CLIENT] = "client",
	[LEDGER_CLIENT_ACCESS] = "client_access",
	[LEDGER_PROVIDER] = "provider",
	[LEDGER_INSTRUMENT] = "instrument",
	[LEDGER_CASH_TERMS] = "cash_terms",
	[LEDGER_ORDER_COMMISSION] = "order_commission",
	[LEDGER_ORDER_COMMISSION_KEY] = "order_commission_pkey",
	[LEDGER_TRADING_STATUS] = "client_trading_status",
	[LEDGER_EXPOSURE_LIMIT] = "exposure_limit",
	[LEDGER_PROVIDER_LIMIT] = "provider_limit",
	[LEDGER_EXPOSURE_ALERT] = "exposure_alert",
	[LEDGER_EXPOSURE_ALERT_KEY] = "exposure_alert_pkey",
};

static Oid	relation_oids[LEDGER_RELATION_COUNT];
static bool callback_registered = false;

/* Relcache callback: it may be another one from now on. */
static void
relation_changed(Datum argument, Oid relation)
{
	for (int i = 0; i < LEDGER_RELATION_COUNT; i++)
		if (relation == InvalidOid || relation_oids[i] == relation)
			relation_oids[i] = InvalidOid;
}

static void
register_callback(void)
{
	if (callback_registered)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	callback_registered = true;
}

/* The Oid of one of our relations; an error if the extension is gone. */
Oid
ledger_relation(LedgerRelation which)
{
	Oid			oid;

	register_callback();
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
