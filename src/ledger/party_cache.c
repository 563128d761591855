/*-------------------------------------------------------------------------
 *
 * party_cache.c
 *	  Session caches of customers, clients, providers and instruments.
 *
 * Triggers on the tables send the invalidations that end what is cached
 * (sql/ledger/forget_parties.sql).  What a transaction with an old snapshot
 * has read is forgotten with it.  Every query names its tables with their
 * schema.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "ledger/key_lookup.h"
#include "ledger/party_cache.h"
#include "ledger/session_cache.h"
#include "ledger/spi_plan.h"

/* Beyond this a session's cache is dropped and built anew: bounds its memory */
#define MAX_CACHED_CUSTOMERS 100000

static SessionCache cache = {
	.name = "parties",
	.watched = {LEDGER_CUSTOMER, LEDGER_CLIENT, LEDGER_PROVIDER, LEDGER_INSTRUMENT, LEDGER_SUPPORTED_ASSET},
	.watched_count = 5,
	.forgets_old_snapshots = true
};
static HTAB *customers = NULL;
static HTAB *clients = NULL;
static HTAB *providers = NULL;
static HTAB *instruments = NULL;
static bool reference_loaded = false;	/* clients, providers, instruments: since begin */

/* what to load next, in the cache's context */
static Customer **wanted_customers = NULL;
static int	wanted_customer_count = 0;
static int	wanted_customer_room = 0;

/* ---- staying current ---- */

static void
start_afresh(void)
{
	customers = clients = providers = instruments = NULL;
	wanted_customers = NULL;
	wanted_customer_room = 0;
	session_cache_renew(&cache);
	customers = session_cache_table(&cache, "bakkt_ledger customers", ACCOUNT_CODE_LENGTH, sizeof(Customer));
	clients = session_cache_table(&cache, "bakkt_ledger trading clients", sizeof(int32), sizeof(Client));
	providers = session_cache_table(&cache, "bakkt_ledger providers", PROVIDER_CODE_SIZE, sizeof(Provider));
	instruments = session_cache_table(&cache, "bakkt_ledger instruments", sizeof(Pair), sizeof(Instrument));
}

void
party_cache_begin(void)
{
	if (!session_cache_is_current(&cache) || instruments == NULL || hash_get_num_entries(customers) > MAX_CACHED_CUSTOMERS)
		start_afresh();
	wanted_customer_count = 0;	/* an error may have left some */
	reference_loaded = false;
}

bool
party_cache_is_stale(void)
{
	return !cache.current;
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

/* ---- customers ---- */

/* The code of the customer that is named CLIENT/external id; false if there is none. */
static bool
find_external(const char *name, int length, char *code)
{
	static SPIPlanPtr plan = NULL;
	Datum		arguments[] = {PointerGetDatum(cstring_to_text_with_len(name, length))};
	bool		found;

	SPI_connect();
	spi_plan(&plan, 1, (Oid[]) {TEXTOID}, "SELECT customer_code FROM bakkt_ledger_internal.customer_named($1)");
	spi_execute(plan, arguments);
	found = SPI_processed == 1;
	if (found)
		memcpy(code, text_column(0, 1), ACCOUNT_CODE_LENGTH);
	SPI_finish();
	return found;
}

Customer *
customer_want(const char *code, int length)
{
	bool		found;
	Customer   *customer;
	char		external_code[ACCOUNT_CODE_LENGTH];

	if (memchr(code, '/', length) && find_external(code, length, external_code))
	{
		code = external_code;
		length = ACCOUNT_CODE_LENGTH;
	}
	if (length != ACCOUNT_CODE_LENGTH)
		return NULL;
	customer = hash_search(customers, code, HASH_ENTER, &found);
	if (!found)
		customer->customer_id = 0;
	if (customer->customer_id == 0)
	{
		wanted_customers = session_cache_list(&cache, wanted_customers, wanted_customer_count,
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
			 "  c.price_concession_bps, c.price_band_bps,"
			 "  bakkt_ledger_internal.trading_begins(c.first_trading_day, c.zone)"
			 " FROM bakkt_ledger_internal.client c");
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
		client->price_concession_bps = DatumGetInt32(column(i, 6, &isnull));
		client->price_band_bps = DatumGetInt32(column(i, 7, &isnull));
		client->trading_begins = DatumGetTimestampTz(column(i, 8, &isnull));
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
			 "SELECT provider_id, code, status OPERATOR(pg_catalog.=) 'ACTIVE' FROM bakkt_ledger_internal.provider");
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
		provider->provider_id = DatumGetInt32(column(i, 1, &isnull));
		provider->active = boolean_column(i, 3);
	}
}

/* standings from column 8 on */
#define INSTRUMENTS \
	"SELECT i.base, i.quote, i.instrument_id, i.symbol, i.price_increment, i.quantity_increment, q.scale," \
	"  s.status, s.may_buy, s.may_sell, s.may_post, bs.status, bs.may_buy, bs.may_sell, bs.may_post," \
	"  qs.status, qs.may_buy, qs.may_sell, qs.may_post" \
	" FROM bakkt_ledger_internal.instrument i" \
	" JOIN bakkt_ledger_internal.supported_asset b ON b.asset OPERATOR(bakkt_ledger.=) i.base" \
	" JOIN bakkt_ledger_internal.supported_asset q ON q.asset OPERATOR(bakkt_ledger.=) i.quote" \
	" JOIN bakkt_ledger_internal.trading_status s ON s.status OPERATOR(pg_catalog.=) i.status" \
	" JOIN bakkt_ledger_internal.trading_status bs ON bs.status OPERATOR(pg_catalog.=) b.status" \
	" JOIN bakkt_ledger_internal.trading_status qs ON qs.status OPERATOR(pg_catalog.=) q.status"

static void
read_standing(Standing *standing, uint64 i, int number)
{
	strlcpy(standing->status, text_column(i, number), TRADING_STATUS_SIZE);
	standing->may_buy = boolean_column(i, number + 1);
	standing->may_sell = boolean_column(i, number + 2);
	standing->may_post = boolean_column(i, number + 3);
}

/* A purchase takes the base and gives the quote, a sale the other way about. */
static void
read_standings(Instrument *instrument, uint64 i, int number)
{
	read_standing(&instrument->standing, i, number);
	read_standing(&instrument->base_standing, i, number + 4);
	read_standing(&instrument->quote_standing, i, number + 8);
	instrument->open[0] = instrument->standing.may_buy && instrument->base_standing.may_buy && instrument->quote_standing.may_sell;
	instrument->open[1] = instrument->standing.may_sell && instrument->base_standing.may_sell && instrument->quote_standing.may_buy;
}

static void
load_instruments(void)
{
	static SPIPlanPtr plan = NULL;

	spi_plan(&plan, 0, NULL, INSTRUMENTS);
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
		read_standings(instrument, i, 8);
	}
}

Instrument
instrument_now(const Instrument *known)
{
	static SPIPlanPtr plan = NULL;
	Datum		arguments[] = {Int32GetDatum(known->instrument_id)};
	Instrument	now = *known;

	SPI_connect();
	spi_plan(&plan, 1, (Oid[]) {INT4OID}, INSTRUMENTS " WHERE i.instrument_id OPERATOR(pg_catalog.=) $1");
	spi_execute_latest(plan, arguments);
	if (SPI_processed == 1)
		read_standings(&now, 0, 8);
	SPI_finish();
	return now;
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
provider_by_id(int32 provider_id)
{
	HASH_SEQ_STATUS scan;
	Provider   *provider;

	load_reference();
	hash_seq_init(&scan, providers);
	while ((provider = hash_seq_search(&scan)) != NULL)
		if (provider->provider_id == provider_id)
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
