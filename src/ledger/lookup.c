/*-------------------------------------------------------------------------
 *
 * lookup.c
 *	  Session caches of reference data for the posting path.
 *
 * Every query names its tables and operators with their schema: the caller's
 * search_path must not matter.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "ledger/acting_role.h"
#include "ledger/key_lookup.h"
#include "ledger/lookup.h"
#include "ledger/request.h"
#include "ledger/session_cache.h"
#include "ledger/spi_plan.h"

/* Beyond this a session's cache is dropped and built anew: bounds its memory */
#define MAX_CACHED_ACCOUNTS 200000

static SessionCache cache = {
	.name = "lookup",
	.watched = {LEDGER_ACCOUNT, LEDGER_SUPPORTED_ASSET, LEDGER_CLIENT, LEDGER_CLIENT_ACCESS},
	.watched_count = 4,
	.watches_roles = true
};
static HTAB *house_accounts = NULL;
static HTAB *limited_kinds = NULL;	/* of limited accounts whose kind was asked for: few */
static HTAB *assets = NULL;
static HTAB *clients = NULL;
static HTAB *kinds = NULL;
static HTAB *granted = NULL;	/* (role, client) pairs known to be allowed */
static char **mirrors = NULL;	/* mirror texts by number - 1 */
static int	mirror_count = 0;
static Oid	actor_role = InvalidOid;
static int32 actor_number = 0;

typedef struct KindInfo
{
	char		name[NAMEDATALEN];	/* hash key */
	bool		limited;
	bool		alone;			/* one person may post to it by hand */
	int			mirror;			/* 0: none */
} KindInfo;

typedef struct LimitedKind
{
	account_id	account;		/* hash key */
	const KindInfo *kind;
} LimitedKind;

typedef struct Grant
{
	Oid			role;
	int32		client_id;
} Grant;

/* by name, a string */
static HTAB *
make_kinds(void)
{
	HASHCTL		control = {.keysize = NAMEDATALEN,.entrysize = sizeof(KindInfo),.hcxt = cache.context};

	return hash_create("bakkt_ledger account kinds", 128, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* Drop everything and begin with empty tables. */
static void
start_afresh(void)
{
	house_accounts = limited_kinds = assets = clients = kinds = granted = NULL;
	mirrors = NULL;
	mirror_count = 0;
	actor_role = InvalidOid;
	session_cache_renew(&cache);

	/* published only when all of them exist */
	granted = session_cache_table(&cache, "bakkt_ledger grants", sizeof(Grant), sizeof(Grant));
	kinds = make_kinds();
	clients = session_cache_table(&cache, "bakkt_ledger clients", sizeof(int32), sizeof(ClientInfo));
	assets = session_cache_table(&cache, "bakkt_ledger assets", sizeof(asset_code), sizeof(AssetInfo));
	limited_kinds = session_cache_table(&cache, "bakkt_ledger limited kinds", sizeof(account_id), sizeof(LimitedKind));
	house_accounts = session_cache_table(&cache, "bakkt_ledger accounts", sizeof(account_id), sizeof(HouseAccount));
}

void
lookup_begin(void)
{
	if (session_cache_is_current(&cache) && house_accounts &&
		hash_get_num_entries(house_accounts) + hash_get_num_entries(limited_kinds) < MAX_CACHED_ACCOUNTS)
		return;
	start_afresh();
}

/* The number of a mirror text, given on first sight. */
static int
mirror_number(const char *text)
{
	MemoryContext old;

	for (int i = 0; i < mirror_count; i++)
		if (strcmp(mirrors[i], text) == 0)
			return i + 1;
	old = MemoryContextSwitchTo(cache.context);
	if (mirrors == NULL)
		mirrors = palloc(sizeof(char *));
	else
		mirrors = repalloc(mirrors, (mirror_count + 1) * sizeof(char *));
	mirrors[mirror_count] = pstrdup(text);
	MemoryContextSwitchTo(old);
	return ++mirror_count;
}

HouseAccount *
lookup_house_account(account_id account)
{
	return hash_search(house_accounts, &account, HASH_FIND, NULL);
}

char
status_letter(const char *status)
{
	static const struct
	{
		const char *name;
		char		letter;
	}			letters[] = {{"OPEN", STATUS_OPEN}, {"DEBIT_FROZEN", STATUS_DEBIT_FROZEN},
	{"CREDIT_FROZEN", STATUS_CREDIT_FROZEN}, {"CLOSED", STATUS_CLOSED}};

	for (int i = 0; i < lengthof(letters); i++)
		if (strcmp(letters[i].name, status) == 0)
			return letters[i].letter;
	ereport(ERROR,
			(errcode(ERRCODE_LG_INVALID_REQUEST),
			 errmsg("unknown account status \"%s\"", status),
			 errhint("Use open, debit_frozen, credit_frozen or closed.")));
	return STATUS_CLOSED;
}

/* The chart of accounts is short and never changes: all of it at once. */
static void
load_kinds(void)
{
	static SPIPlanPtr plan = NULL;

	SPI_connect();
	spi_plan(&plan, 0, NULL, "SELECT kind, limited, mirror, alone FROM bakkt_ledger_internal.account_kind");
	spi_execute(plan, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *mirror = SPI_getvalue(row, desc, 3);
		bool		isnull;
		KindInfo   *kind = hash_search(kinds, SPI_getvalue(row, desc, 1), HASH_ENTER, NULL);

		kind->limited = DatumGetBool(SPI_getbinval(row, desc, 2, &isnull));
		kind->alone = DatumGetBool(SPI_getbinval(row, desc, 4, &isnull));
		kind->mirror = mirror ? mirror_number(mirror) : 0;
	}
	SPI_finish();
}

static const KindInfo *
kind_of(const char *name)
{
	KindInfo   *kind = hash_search(kinds, name, HASH_FIND, NULL);

	if (kind == NULL)
	{
		load_kinds();
		kind = hash_search(kinds, name, HASH_FIND, NULL);
	}
	if (kind == NULL)
		elog(ERROR, "account kind \"%s\" does not exist", name);
	return kind;
}

/* columns of account, by number */
enum
{
	ACCOUNT_CLIENT_ID = 1, ACCOUNT_ACCOUNT = 2, ACCOUNT_KIND = 4, ACCOUNT_ASSET = 6, ACCOUNT_CUSTOMER_ID = 7,
	ACCOUNT_STATUS = 9
};

/* Enter an account into the cache unless it is limited. */
static void
remember_house_account(TupleTableSlot *slot)
{
	bool		isnull;
	const KindInfo *kind = kind_of(TextDatumGetCString(slot_getattr(slot, ACCOUNT_KIND, &isnull)));
	account_id	account = DatumGetAccountId(slot_getattr(slot, ACCOUNT_ACCOUNT, &isnull));
	Datum		customer;
	HouseAccount *entry;

	if (kind->limited)
		return;
	entry = hash_search(house_accounts, &account, HASH_ENTER, NULL);
	entry->client_id = DatumGetInt32(slot_getattr(slot, ACCOUNT_CLIENT_ID, &isnull));
	entry->asset = DatumGetAsset(slot_getattr(slot, ACCOUNT_ASSET, &isnull));
	entry->status = status_letter(TextDatumGetCString(slot_getattr(slot, ACCOUNT_STATUS, &isnull)));
	entry->mirror = kind->mirror;
	entry->alone = kind->alone;
	customer = slot_getattr(slot, ACCOUNT_CUSTOMER_ID, &isnull);
	entry->customer_id = isnull ? 0 : DatumGetInt64(customer);
}

void
lookup_load_house_accounts(const int32 *client_ids, const account_id *accounts, int count)
{
	KeyLookup	lookup;

	session_cache_loaded(&cache);
	key_lookup_open(&lookup, LEDGER_ACCOUNT, LEDGER_ACCOUNT_KEY);
	for (int i = 0; i < count; i++)
	{
		Datum		key[2] = {Int32GetDatum(client_ids[i]), AccountIdGetDatum(accounts[i])};

		CHECK_FOR_INTERRUPTS();
		if (key_lookup_find(&lookup, key))
			remember_house_account(lookup.slot);
	}
	key_lookup_close(&lookup);
}

/* NULL: the account is unknown */
static const KindInfo *
limited_kind(int32 client_id, account_id account)
{
	LimitedKind *entry = hash_search(limited_kinds, &account, HASH_FIND, NULL);
	Datum		key[2] = {Int32GetDatum(client_id), AccountIdGetDatum(account)};
	KeyLookup	lookup;
	const KindInfo *kind = NULL;
	bool		isnull;

	if (entry)
		return entry->kind;
	key_lookup_open(&lookup, LEDGER_ACCOUNT, LEDGER_ACCOUNT_KEY);
	if (key_lookup_find(&lookup, key))
		kind = kind_of(TextDatumGetCString(slot_getattr(lookup.slot, ACCOUNT_KIND, &isnull)));
	key_lookup_close(&lookup);
	session_cache_loaded(&cache);
	entry = hash_search(limited_kinds, &account, HASH_ENTER, NULL);
	entry->kind = kind;
	return kind;
}

int
lookup_limited_mirror(int32 client_id, account_id account)
{
	const KindInfo *kind = limited_kind(client_id, account);

	return kind ? kind->mirror : 0;
}

bool
lookup_limited_alone(int32 client_id, account_id account)
{
	const KindInfo *kind = limited_kind(client_id, account);

	return kind && kind->alone;
}

int32
lookup_account_client(account_id account)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT8OID};
	Datum		arguments[1] = {Int64GetDatum(account)};
	int32		owner = spi_int32(&plan, 1, types, arguments,
								  "SELECT client_id FROM bakkt_ledger_internal.account"
								  " WHERE account OPERATOR(bakkt_ledger.=) $1::bakkt_ledger.account_id");

	return owner != 0 && lookup_has_access(owner) ? owner : 0;
}

AssetInfo *
lookup_asset(asset_code asset)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {TEXTOID};
	Datum		arguments[1];
	AssetInfo  *entry = hash_search(assets, &asset, HASH_FIND, NULL);

	if (entry)
		return entry;
	arguments[0] = CStringGetTextDatum(asset_text(asset));
	SPI_connect();
	spi_plan(&plan, 1, types,
			 "SELECT a.scale::pg_catalog.int4, a.status, s.may_buy, NOT s.may_post"
			 "  FROM bakkt_ledger_internal.supported_asset a"
			 "  JOIN bakkt_ledger_internal.trading_status s ON s.status OPERATOR(pg_catalog.=) a.status"
			 " WHERE a.asset OPERATOR(bakkt_ledger.=) $1::bakkt_ledger.asset");
	spi_execute_latest(plan, arguments);
	if (SPI_processed == 1)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		entry = hash_search(assets, &asset, HASH_ENTER, NULL);
		entry->scale = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
		strlcpy(entry->status, SPI_getvalue(row, desc, 2), TRADING_STATUS_SIZE);
		entry->may_buy = DatumGetBool(SPI_getbinval(row, desc, 3, &isnull));
		entry->retired = DatumGetBool(SPI_getbinval(row, desc, 4, &isnull));
		session_cache_loaded(&cache);
	}
	SPI_finish();
	return entry;
}

ClientInfo *
lookup_client(int32 client_id)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT4OID};
	Datum		arguments[1] = {Int32GetDatum(client_id)};
	ClientInfo *entry = hash_search(clients, &client_id, HASH_FIND, NULL);

	if (entry)
		return entry;
	SPI_connect();
	spi_plan(&plan, 1, types,
			 "SELECT c.code, c.status OPERATOR(pg_catalog.=) 'CLOSED', coalesce("
			 "    (SELECT pg_catalog.max(p.until) FROM bakkt_ledger_internal.accounting_period p"
			 "      WHERE p.client_id OPERATOR(pg_catalog.=) $1), '-infinity')"
			 "  FROM bakkt_ledger_internal.client c WHERE c.client_id OPERATOR(pg_catalog.=) $1");
	spi_execute_latest(plan, arguments);
	if (SPI_processed == 1)
	{
		bool		isnull;

		entry = hash_search(clients, &client_id, HASH_ENTER, NULL);
		strlcpy(entry->code, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), sizeof(entry->code));
		entry->closed = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
		entry->books_closed_until = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
		session_cache_loaded(&cache);
	}
	SPI_finish();
	return entry;
}

int32
lookup_client_id(const char *code)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {TEXTOID};
	Datum		arguments[1];
	HASH_SEQ_STATUS scan;
	ClientInfo *entry;

	hash_seq_init(&scan, clients);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (strcmp(entry->code, code) == 0)
		{
			hash_seq_term(&scan);
			return entry->client_id;
		}
	}
	arguments[0] = CStringGetTextDatum(code);
	return spi_int32(&plan, 1, types, arguments,
					 "SELECT client_id FROM bakkt_ledger_internal.client WHERE code OPERATOR(pg_catalog.=) $1");
}

bool
lookup_has_access(int32 client_id)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT4OID};
	Datum		arguments[1] = {Int32GetDatum(client_id)};
	Grant		key = {.role = acting_role(),.client_id = client_id};

	if (superuser_arg(key.role) || hash_search(granted, &key, HASH_FIND, NULL))
		return true;
	if (spi_int32(&plan, 1, types, arguments,
				  "SELECT 1 WHERE $1 OPERATOR(pg_catalog.=) ANY (bakkt_ledger_internal.visible_clients())") == 0)
		return false;
	session_cache_loaded(&cache);
	hash_search(granted, &key, HASH_ENTER, NULL);
	return true;
}

void
lookup_check_access(int32 client_id)
{
	ClientInfo *client;

	if (lookup_has_access(client_id))
		return;
	client = lookup_client(client_id);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for client \"%s\"", client ? client->code : "?"),
			 errdetail("Role \"%s\" has no access to this client.", GetUserNameFromId(acting_role(), false)),
			 errhint("An administrator grants it with grant_client_access().")));
}

int32
lookup_actor(void)
{
	static SPIPlanPtr plan = NULL;
	Oid			role = acting_role();

	if (actor_role == role)
		return actor_number;
	actor_number = spi_int32(&plan, 0, NULL, NULL, "SELECT bakkt_ledger_internal.invoking_actor()");
	actor_role = role;
	session_cache_loaded(&cache);
	return actor_number;
}

/* A batch is mostly of one kind, and numbers of kinds never change: the last answer is kept. */
int
lookup_kind(const char *name)
{
	static SPIPlanPtr plan = NULL;
	static char last_name[NAMEDATALEN] = "general";
	static int	last_kind = KIND_GENERAL;
	Oid			types[1] = {TEXTOID};
	Datum		arguments[1];
	int			kind;

	if (strcmp(name, last_name) == 0)
		return last_kind;
	arguments[0] = CStringGetTextDatum(name);
	kind = spi_int32(&plan, 1, types, arguments,
					 "SELECT kind::pg_catalog.int4 FROM bakkt_ledger_internal.journal_kind WHERE name OPERATOR(pg_catalog.=) $1");
	if (kind != 0 && strlen(name) < sizeof(last_name))
	{
		strcpy(last_name, name);
		last_kind = kind;
	}
	return kind;
}
