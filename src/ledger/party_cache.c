/*-------------------------------------------------------------------------
 *
 * party_cache.c
 *	  Session caches of the reference data that trading reads.
 *
 * Triggers on the tables send the invalidations that end it (chapter 41).
 * What a transaction with an old snapshot has read is forgotten with it.
 * Every query names its tables with their schema.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "ledger/key_lookup.h"
#include "ledger/party_cache.h"
#include "ledger/session_cache.h"
#include "ledger/spi_plan.h"

/* Beyond this a session's cache is dropped and built anew: bounds its memory */
#define MAX_CACHED 400000

/* From this many on, missing accounts are opened by one statement */
#define OPEN_MANY 20

static SessionCache cache = {
	.watched = {LEDGER_CUSTOMER, LEDGER_CLIENT, LEDGER_LIQUIDITY_PROVIDER, LEDGER_INSTRUMENT, LEDGER_SUPPORTED_ASSET, LEDGER_CASH_TERMS},
	.watched_count = 6,
	.forgets_old_snapshots = true
};
static MemoryContext cache_context = NULL;
static HTAB *customers = NULL;
static HTAB *clients = NULL;
static HTAB *providers = NULL;
static HTAB *instruments = NULL;
static HTAB *slots = NULL;
static bool reference_loaded = false;	/* clients, providers, instruments: since begin */

/* lists of what to load next, in the cache's context */
static Customer **wanted_customers = NULL;
static int	wanted_customer_count = 0;
static int	wanted_customer_room = 0;
static AccountSlot **wanted_slots = NULL;
static int	wanted_slot_count = 0;
static int	wanted_slot_room = 0;

/* ---- staying current ---- */

static HTAB *
make_table(const char *name, Size key, Size entry)
{
	HASHCTL		control = {.keysize = key,.entrysize = entry,.hcxt = cache_context};

	return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
start_afresh(void)
{
	slots = NULL;
	wanted_customers = NULL;
	wanted_slots = NULL;
	wanted_customer_count = wanted_customer_room = wanted_slot_count = wanted_slot_room = 0;
	reference_loaded = false;
	if (cache_context)
		MemoryContextReset(cache_context);
	else
		cache_context = AllocSetContextCreate(CacheMemoryContext, "bakkt_ledger parties", ALLOCSET_DEFAULT_SIZES);
	customers = make_table("bakkt_ledger customers", ACCOUNT_CODE_LENGTH, sizeof(Customer));
	clients = make_table("bakkt_ledger trading clients", sizeof(int32), sizeof(Client));
	providers = make_table("bakkt_ledger providers", PROVIDER_CODE_SIZE, sizeof(Provider));
	instruments = make_table("bakkt_ledger instruments", sizeof(Pair), sizeof(Instrument));
	slots = make_table("bakkt_ledger account slots", sizeof(SlotKey), sizeof(AccountSlot));
}

void
party_cache_begin(void)
{
	if (!session_cache_is_current(&cache) || slots == NULL ||
		hash_get_num_entries(slots) + hash_get_num_entries(customers) > MAX_CACHED)
	{
		session_cache_renew(&cache);
		start_afresh();
	}
	/* what an error left behind */
	for (int i = 0; i < wanted_slot_count; i++)
		wanted_slots[i]->wanted = false;
	wanted_customer_count = wanted_slot_count = 0;
	reference_loaded = false;
}

PG_FUNCTION_INFO_V1(forget_parties);

/* Statement trigger: reference data has changed, let every session forget it. */
Datum
forget_parties(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as a trigger", "forget_parties")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	PG_RETURN_POINTER(NULL);
}

/* ---- reading rows ---- */

static inline HeapTuple
row(uint64 i)
{
	return SPI_tuptable->vals[i];
}

static Datum
column(uint64 i, int number, bool *isnull)
{
	return SPI_getbinval(row(i), SPI_tuptable->tupdesc, number, isnull);
}

static char *
text_column(uint64 i, int number)
{
	return SPI_getvalue(row(i), SPI_tuptable->tupdesc, number);
}

static bool
boolean_column(uint64 i, int number)
{
	bool		isnull;

	return DatumGetBool(column(i, number, &isnull));
}

/* NULL: none of its own */
static FundingModel
funding_model_of(const char *name)
{
	FundingModel funding = FUNDING_BAKKT_TPJ;

	if (name && !funding_model_parse(name, strlen(name), &funding))
		elog(ERROR, "unknown funding model \"%s\"", name);
	return funding;
}

/* a list in the cache's context, with room for one more */
static void *
make_room(void *list, int count, int *room, Size item)
{
	if (list != NULL && count < *room)
		return list;
	*room = Max(256, *room * 2);
	if (list == NULL)
		return MemoryContextAlloc(cache_context, *room * item);
	return repalloc_huge(list, *room * item);
}

/* ---- customers ---- */

Customer *
customer_want(const char *code, int length)
{
	bool		found;
	Customer   *customer;

	if (length != ACCOUNT_CODE_LENGTH)
		return NULL;
	customer = hash_search(customers, code, HASH_ENTER, &found);
	if (!found)
		customer->customer_id = 0;
	if (customer->customer_id == 0)
	{
		wanted_customers = make_room(wanted_customers, wanted_customer_count,
									 &wanted_customer_room, sizeof(Customer *));
		wanted_customers[wanted_customer_count++] = customer;
	}
	return customer;
}

/* columns of customer, by number */
enum
{
	CUSTOMER_ID = 1, CUSTOMER_CLIENT_ID = 2, CUSTOMER_MODE = 5, CUSTOMER_PARTY_STATUS = 6, CUSTOMER_FUNDING_MODEL = 7
};

static Datum
slot_value(TupleTableSlot *slot, int number)
{
	bool		isnull;

	return slot_getattr(slot, number, &isnull);
}

/* NULL if null */
static char *
slot_text(TupleTableSlot *slot, int number)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, number, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* Who may buy, who may sell: bakkt-domain 1.5; a closing account may only sell. */
static void
remember_customer(Customer *customer, TupleTableSlot *slot)
{
	char	   *mode = slot_text(slot, CUSTOMER_MODE);
	char	   *party = slot_text(slot, CUSTOMER_PARTY_STATUS);
	char	   *funding = slot_text(slot, CUSTOMER_FUNDING_MODEL);
	bool		open = strcmp(mode, "OPEN") == 0;
	bool		active = strcmp(party, "ACTIVE") == 0;

	customer->customer_id = DatumGetInt64(slot_value(slot, CUSTOMER_ID));
	customer->client_id = DatumGetInt32(slot_value(slot, CUSTOMER_CLIENT_ID));
	customer->may_buy = open && active;
	customer->may_sell = (open || strcmp(mode, "CLOSING_ONLY") == 0) && (active || strcmp(party, "LIQUIDATED") == 0);
	customer->overrides_funding = funding != NULL;
	customer->funding = funding_model_of(funding);
}

void
customers_load(void)
{
	KeyLookup	lookup;
	int			count = wanted_customer_count;

	if (count == 0)
		return;
	wanted_customer_count = 0;
	session_cache_loaded(&cache);
	key_lookup_open(&lookup, LEDGER_CUSTOMER, LEDGER_CUSTOMER_CODE_KEY);
	for (int i = 0; i < count; i++)
	{
		Datum		code = PointerGetDatum(cstring_to_text_with_len(wanted_customers[i]->code, ACCOUNT_CODE_LENGTH));

		CHECK_FOR_INTERRUPTS();
		if (key_lookup_find(&lookup, &code))
			remember_customer(wanted_customers[i], lookup.slot);
	}
	key_lookup_close(&lookup);
}

/*
 * ---- clients, providers, instruments: few, so all at once ----
 *
 * As committed last, like customers: a trade is made under the terms of its
 * time, however old the snapshot of its transaction.
 */

static CommissionModel
commission_column(uint64 i, int number)
{
	char	   *name = text_column(i, number);

	if (strcmp(name, "MARKUP") == 0)
		return COMMISSION_MARKUP;
	if (strcmp(name, "TRADE_FEE") == 0)
		return COMMISSION_TRADE_FEE;
	return COMMISSION_BOTH;
}

static void
load_clients(void)
{
	static SPIPlanPtr plan = NULL;

	spi_plan(&plan, 0, NULL,
			 "SELECT c.client_id, c.code, c.funding_model, c.commission_model, c.revenue_share_bps,"
			 "  coalesce(t.encumber_unpaid, false), coalesce(t.prefunded, false),"
			 "  c.price_concession_bps, c.price_band_bps,"
			 "  bakkt_ledger_internal.trading_begins(c.first_trading_day, c.zone)"
			 " FROM bakkt_ledger_internal.client c"
			 " LEFT JOIN bakkt_ledger_internal.cash_terms t ON t.client_id OPERATOR(pg_catalog.=) c.client_id");
	spi_execute_latest(plan, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int32		client_id = DatumGetInt32(column(i, 1, &isnull));
		Client	   *client = hash_search(clients, &client_id, HASH_ENTER, NULL);

		strlcpy(client->code, text_column(i, 2), CLIENT_CODE_SIZE);
		client->funding = funding_model_of(text_column(i, 3));
		client->commission = commission_column(i, 4);
		client->revenue_share_bps = DatumGetInt32(column(i, 5, &isnull));
		client->encumbers_unpaid = boolean_column(i, 6);
		client->prefunded = boolean_column(i, 7);
		client->price_concession_bps = DatumGetInt32(column(i, 8, &isnull));
		client->price_band_bps = DatumGetInt32(column(i, 9, &isnull));
		client->trading_begins = DatumGetTimestampTz(column(i, 10, &isnull));
	}
}

/* a hash key is compared whole, padding included */
static bool
fill_code(char *padded, int size, const char *code, int length)
{
	if (length >= size)
		return false;
	memset(padded, 0, size);
	memcpy(padded, code, length);
	return true;
}

static void
load_providers(void)
{
	static SPIPlanPtr plan = NULL;

	spi_plan(&plan, 0, NULL,
			 "SELECT lp_id, code, status OPERATOR(pg_catalog.=) 'active' FROM bakkt_ledger_internal.liquidity_provider");
	spi_execute_latest(plan, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *code = text_column(i, 2);
		char		key[PROVIDER_CODE_SIZE];
		Provider   *provider;
		bool		isnull;

		if (!fill_code(key, PROVIDER_CODE_SIZE, code, strlen(code)))
			continue;
		provider = hash_search(providers, key, HASH_ENTER, NULL);
		provider->lp_id = DatumGetInt32(column(i, 1, &isnull));
		provider->active = boolean_column(i, 3);
	}
}

static void
load_instruments(void)
{
	static SPIPlanPtr plan = NULL;

	spi_plan(&plan, 0, NULL,
			 "SELECT i.base, i.quote, i.instrument_id, i.symbol, i.price_increment, i.quantity_increment, a.scale,"
			 "  i.status OPERATOR(pg_catalog.=) 'active'"
			 " FROM bakkt_ledger_internal.instrument i"
			 " JOIN bakkt_ledger_internal.supported_asset a ON a.asset OPERATOR(bakkt_ledger.=) i.quote");
	spi_execute_latest(plan, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Pair		pair = {DatumGetAsset(column(i, 1, &isnull)), DatumGetAsset(column(i, 2, &isnull))};
		Instrument *instrument = hash_search(instruments, &pair, HASH_ENTER, NULL);

		instrument->instrument_id = DatumGetInt32(column(i, 3, &isnull));
		strlcpy(instrument->symbol, text_column(i, 4), SYMBOL_SIZE);
		instrument->tick = price_units(DatumGetPriceP(column(i, 5, &isnull)));
		instrument->step = amount_units(DatumGetAmountP(column(i, 6, &isnull)));
		instrument->money_decimals = DatumGetInt32(column(i, 7, &isnull));
		instrument->active = boolean_column(i, 8);
	}
}

/* once per call at most: what is unknown then is unknown */
static void
load_reference(void)
{
	if (reference_loaded)
		return;
	SPI_connect();
	load_clients();
	load_providers();
	load_instruments();
	SPI_finish();
	session_cache_loaded(&cache);
	reference_loaded = true;
}

Client *
client_of(int32 client_id)
{
	Client	   *client = hash_search(clients, &client_id, HASH_FIND, NULL);

	if (client)
		return client;
	load_reference();
	client = hash_search(clients, &client_id, HASH_FIND, NULL);
	if (client == NULL)
		elog(ERROR, "customer of unknown client %d", client_id);
	return client;
}

Provider *
provider_by_code(const char *code, int length)
{
	char		key[PROVIDER_CODE_SIZE];
	Provider   *provider;

	if (!fill_code(key, PROVIDER_CODE_SIZE, code, length))
		return NULL;
	provider = hash_search(providers, key, HASH_FIND, NULL);
	if (provider == NULL)
	{
		load_reference();
		provider = hash_search(providers, key, HASH_FIND, NULL);
	}
	return provider;
}

const Provider *
provider_by_id(int32 lp_id)
{
	HASH_SEQ_STATUS scan;
	Provider   *provider;

	load_reference();
	hash_seq_init(&scan, providers);
	while ((provider = hash_seq_search(&scan)) != NULL)
		if (provider->lp_id == lp_id)
		{
			hash_seq_term(&scan);
			return provider;
		}
	return NULL;
}

Instrument *
instrument_of(asset_code base, asset_code quote)
{
	Pair		pair = {base, quote};
	Instrument *instrument = hash_search(instruments, &pair, HASH_FIND, NULL);

	if (instrument == NULL)
	{
		load_reference();
		instrument = hash_search(instruments, &pair, HASH_FIND, NULL);
	}
	return instrument;
}

/* ---- accounts ---- */

typedef struct RoleName
{
	const char *fund;
	const char *name;			/* %s: the client's, customer's or provider's code */
} RoleName;

static const RoleName role_names[ROLE_COUNT] = {
	[ROLE_TPJ_RECEIVABLE] = {"CORP", "TPJ:receivable:%s"},
	[ROLE_TPJ_PAYABLE] = {"CORP", "TPJ:payable:%s"},
	[ROLE_CLIENT_SETTLEMENT] = {"CORP", "Client:settlement:%s"},
	[ROLE_APEX_RECEIVABLE] = {"CORP", "Apex:receivable:%s"},
	[ROLE_APEX_PAYABLE] = {"CORP", "Apex:payable:%s"},
	[ROLE_CLIENT_MEMO] = {"CORP", "Client:memo:%s"},
	[ROLE_LP_PAYABLE] = {"CORP", "LP:payable:%s"},
	[ROLE_LP_RECEIVABLE] = {"CORP", "LP:receivable:%s"},
	[ROLE_LP_COIN_RECEIVABLE] = {"CORP", "LP:coin-receivable:%s"},
	[ROLE_LP_COIN_PAYABLE] = {"CORP", "LP:coin-payable:%s"},
	[ROLE_REVENUE_MARKUP] = {"CORP", "Revenue:markup"},
	[ROLE_REVENUE_TRADE_FEE] = {"CORP", "Revenue:trade-fee"},
	[ROLE_REVENUE_SHARE] = {"CORP", "RevShare:payable:%s"},
	[ROLE_CORP_DUE_TO_CUST] = {"CORP", "DueTo:CUST"},
	[ROLE_CORP_DUE_FROM_CUST] = {"CORP", "DueFrom:CUST"},
	[ROLE_CUST_DUE_TO_CORP] = {"CUST", "DueTo:CORP"},
	[ROLE_CUST_DUE_FROM_CORP] = {"CUST", "DueFrom:CORP"},
	[ROLE_COIN] = {"CUST", "Cust:%s"},
	[ROLE_COIN_ENCUMBERED] = {"CUST", "Cust:%s:encumbered"},
	[ROLE_SETTLED_CASH] = {"FBO", "Cust:%s:settled"},
	[ROLE_FBO_DUE_TO_CORP] = {"FBO", "DueTo:CORP"},
	[ROLE_CORP_DUE_FROM_FBO] = {"CORP", "DueFrom:FBO"},
};

/* accounts of one customer; all others are the house's */
static bool
is_customer_role(int role)
{
	return role == ROLE_TPJ_RECEIVABLE || role == ROLE_TPJ_PAYABLE ||
		role == ROLE_COIN || role == ROLE_COIN_ENCUMBERED || role == ROLE_SETTLED_CASH;
}

static void
list_slot(AccountSlot *slot)
{
	wanted_slots = make_room(wanted_slots, wanted_slot_count, &wanted_slot_room, sizeof(AccountSlot *));
	wanted_slots[wanted_slot_count++] = slot;
	slot->wanted = true;
}

AccountSlot *
account_want(AccountRole role, const Client *client, int64 party,
			 const char *party_code, int party_code_length, asset_code asset, bool create)
{
	SlotKey		key = {client->client_id, role, party, asset};
	bool		found;
	AccountSlot *slot = hash_search(slots, &key, HASH_ENTER, &found);

	if (!found)
	{
		slot->account = 0;
		slot->wanted = slot->create = false;
		fill_code(slot->party_code, PROVIDER_CODE_SIZE, party_code, party_code_length);
	}
	if (slot->account == 0)
	{
		if (!slot->wanted)
		{
			slot->create = false;
			list_slot(slot);
		}
		slot->create |= create;
	}
	return slot;
}

/* one order for all sessions, so that two opening the same accounts never wait for each other in a ring */
static int
compare_slots(const void *a, const void *b)
{
	return memcmp(&(*(AccountSlot *const *) a)->key, &(*(AccountSlot *const *) b)->key, sizeof(SlotKey));
}

static Datum
slot_name(const AccountSlot *slot)
{
	const char *pattern = role_names[slot->key.role].name;
	const char *mark = strstr(pattern, "%s");

	if (mark == NULL)
		return CStringGetTextDatum(pattern);
	return CStringGetTextDatum(psprintf("%.*s%s%s", (int) (mark - pattern), pattern, slot->party_code, mark + 2));
}

/* column of account, by number */
#define ACCOUNT_ACCOUNT 2

static void
find_accounts(AccountSlot **list, int count)
{
	KeyLookup	lookup;

	key_lookup_open(&lookup, LEDGER_ACCOUNT, LEDGER_ACCOUNT_NAME_KEY);
	for (int i = 0; i < count; i++)
	{
		Datum		name[4] = {
			Int32GetDatum(list[i]->key.client_id),
			CStringGetTextDatum(role_names[list[i]->key.role].fund),
			slot_name(list[i]),
			AssetGetDatum(list[i]->key.asset)
		};

		CHECK_FOR_INTERRUPTS();
		if (key_lookup_find(&lookup, name))
			list[i]->account = DatumGetAccountId(slot_value(lookup.slot, ACCOUNT_ACCOUNT));
	}
	key_lookup_close(&lookup);
}

static Datum
integer_array(Datum *values, int count, Oid type)
{
	if (type == INT4OID)
		return PointerGetDatum(construct_array(values, count, INT4OID, 4, true, TYPALIGN_INT));
	return PointerGetDatum(construct_array(values, count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
text_array(Datum *values, int count)
{
	return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* One statement for the accounts of a batch of new customers; those it leaves are opened one by one. */
static void
open_many(AccountSlot **list, int count)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[5] = {INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID};
	Datum		arguments[5];
	Datum	   *columns[5];

	for (int column = 0; column < 5; column++)
		columns[column] = palloc(count * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		columns[0][i] = Int32GetDatum(list[i]->key.client_id);
		columns[1][i] = CStringGetTextDatum(role_names[list[i]->key.role].fund);
		columns[2][i] = slot_name(list[i]);
		columns[3][i] = CStringGetTextDatum(asset_text(list[i]->key.asset));
		columns[4][i] = Int64GetDatum(is_customer_role(list[i]->key.role) ? list[i]->key.party : 0);
	}
	arguments[0] = integer_array(columns[0], count, INT4OID);
	for (int column = 1; column < 4; column++)
		arguments[column] = text_array(columns[column], count);
	arguments[4] = integer_array(columns[4], count, INT8OID);
	spi_plan(&plan, 5, types, "SELECT bakkt_ledger_internal.ensure_accounts($1, $2, $3, $4, $5)");
	spi_execute(plan, arguments);
}

/* rare: the first time that somebody trades an asset */
static account_id
open_account(const AccountSlot *slot)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[5] = {INT4OID, TEXTOID, TEXTOID, TEXTOID, INT8OID};
	Datum		arguments[5] = {
		Int32GetDatum(slot->key.client_id),
		CStringGetTextDatum(role_names[slot->key.role].fund),
		slot_name(slot),
		CStringGetTextDatum(asset_text(slot->key.asset)),
		Int64GetDatum(is_customer_role(slot->key.role) ? slot->key.party : 0)
	};
	bool		isnull;

	spi_plan(&plan, 5, types,
			 "SELECT bakkt_ledger_internal.await_account($1, $2, $3, $4::bakkt_ledger.asset,"
			 " CASE WHEN $5 OPERATOR(pg_catalog.<>) 0 THEN $5 END)");
	spi_execute(plan, arguments);
	return DatumGetAccountId(column(0, 1, &isnull));
}

/* The slots to open are moved to the front; returns how many. */
static int
keep_to_open(AccountSlot **list, int count)
{
	int			kept = 0;

	for (int i = 0; i < count; i++)
		if (list[i]->account == 0 && list[i]->create)
			list[kept++] = list[i];
	return kept;
}

void
accounts_load(void)
{
	int			count = wanted_slot_count;
	AccountSlot **list;

	if (count == 0)
		return;
	list = palloc(count * sizeof(AccountSlot *));
	memcpy(list, wanted_slots, count * sizeof(AccountSlot *));
	for (int i = 0; i < count; i++)
		list[i]->wanted = false;
	wanted_slot_count = 0;
	qsort(list, count, sizeof(AccountSlot *), compare_slots);
	session_cache_loaded(&cache);
	find_accounts(list, count);
	count = keep_to_open(list, count);
	if (count == 0)
		return;
	SPI_connect();
	if (count >= OPEN_MANY)
	{
		open_many(list, count);
		find_accounts(list, count);
		count = keep_to_open(list, count);
	}
	for (int i = 0; i < count; i++)
		list[i]->account = open_account(list[i]);
	SPI_finish();
}
