/*-------------------------------------------------------------------------
 *
 * exposure_terms.c
 *	  A session's cache of trading status and limits.
 *
 * Triggers on the tables send the invalidations that end it
 * (sql/trade/client_status.sql, exposure_limit.sql).  As committed last, like
 * all terms: a trade is made under those of its time.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/timestamp.h"

#include "ledger/session_cache.h"
#include "ledger/spi_plan.h"
#include "trade/exposure_terms.h"

typedef struct ProviderLimit
{
	int32		provider_id;
	asset_code	asset;
	units		trade_limit;
} ProviderLimit;

static SessionCache cache = {
	.name = "exposure terms",
	.watched = {LEDGER_TRADING_STATUS, LEDGER_EXPOSURE_LIMIT, LEDGER_PROVIDER_LIMIT},
	.watched_count = 3,
	.forgets_old_snapshots = true
};
static HTAB *terms_by_client = NULL;
static bool providers_loaded = false;
static ProviderLimit *provider_limits = NULL;
static int	provider_limit_count = 0;

void
exposure_terms_begin(void)
{
	if (session_cache_is_current(&cache) && terms_by_client)
		return;
	terms_by_client = NULL;
	providers_loaded = false;
	session_cache_renew(&cache);
	terms_by_client = session_cache_table(&cache, "bakkt_ledger exposure terms", sizeof(int32), sizeof(ExposureTerms));
}

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

/* NULL is no limit */
static units
limit_column(uint64 row, int number)
{
	bool		isnull;
	Datum		value = column(row, number, &isnull);

	return isnull ? UNITS_MAX : amount_units(DatumGetAmountP(value));
}

/* ---- clients ---- */

static TradingStatus
status_named(const char *name)
{
	if (strcmp(name, "CLOSE_ONLY") == 0)
		return TRADING_CLOSE_ONLY;
	return strcmp(name, "SUSPENDED") == 0 ? TRADING_SUSPENDED : TRADING_ACTIVE;
}

static void
load_status(ExposureTerms *terms)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT4OID};
	Datum		arguments[1] = {Int32GetDatum(terms->client_id)};
	bool		isnull;
	Datum		until;

	spi_plan(&plan, 1, types,
			 "SELECT status, until FROM bakkt_ledger_internal.client_trading_status WHERE client_id OPERATOR(pg_catalog.=) $1");
	spi_execute_latest(plan, arguments);
	if (SPI_processed == 0)
		return;
	terms->status = status_named(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	until = column(0, 2, &isnull);
	if (!isnull)
		terms->until = DatumGetTimestampTz(until);
}

static void
load_limits(ExposureTerms *terms)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT4OID};
	Datum		arguments[1] = {Int32GetDatum(terms->client_id)};

	spi_plan(&plan, 1, types,
			 "SELECT asset, net_debit_cap, trade_limit, daily_gross_limit FROM bakkt_ledger_internal.exposure_limit"
			 " WHERE client_id OPERATOR(pg_catalog.=) $1"
			 "  AND pg_catalog.num_nonnulls(net_debit_cap, trade_limit, daily_gross_limit) OPERATOR(pg_catalog.>) 0");
	spi_execute_latest(plan, arguments);
	terms->limits = MemoryContextAlloc(cache.context, Max(SPI_processed, 1) * sizeof(ExposureLimit));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		ExposureLimit *limit = &terms->limits[terms->count++];
		bool		isnull;

		limit->asset = DatumGetAsset(column(row, 1, &isnull));
		limit->net_debit_cap = limit_column(row, 2);
		limit->trade_limit = limit_column(row, 3);
		limit->daily_gross_limit = limit_column(row, 4);
		terms->gross |= limit->daily_gross_limit != UNITS_MAX;
	}
}

const ExposureTerms *
exposure_terms_of(int32 client_id)
{
	ExposureTerms *cached = hash_search(terms_by_client, &client_id, HASH_FIND, NULL);
	ExposureTerms terms = {.client_id = client_id,.status = TRADING_ACTIVE,.until = DT_NOEND};

	if (cached)
		return cached;
	session_cache_loaded(&cache);
	SPI_connect();
	load_status(&terms);
	load_limits(&terms);
	SPI_finish();
	cached = hash_search(terms_by_client, &client_id, HASH_ENTER, NULL);
	*cached = terms;
	return cached;
}

const ExposureLimit *
exposure_limit_in(const ExposureTerms *terms, asset_code asset)
{
	for (int i = 0; i < terms->count; i++)
		if (terms->limits[i].asset == asset)
			return &terms->limits[i];
	return NULL;
}

/* ---- providers: few, so all at once ---- */

static void
load_provider_limits(void)
{
	static SPIPlanPtr plan = NULL;

	session_cache_loaded(&cache);
	SPI_connect();
	spi_plan(&plan, 0, NULL,
			 "SELECT provider_id, asset, trade_limit FROM bakkt_ledger_internal.provider_limit WHERE trade_limit IS NOT NULL");
	spi_execute_latest(plan, NULL);
	provider_limit_count = SPI_processed;
	provider_limits = MemoryContextAlloc(cache.context, Max(SPI_processed, 1) * sizeof(ProviderLimit));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;

		provider_limits[row].provider_id = DatumGetInt32(column(row, 1, &isnull));
		provider_limits[row].asset = DatumGetAsset(column(row, 2, &isnull));
		provider_limits[row].trade_limit = limit_column(row, 3);
	}
	SPI_finish();
	providers_loaded = true;
}

bool
providers_are_limited(void)
{
	if (!providers_loaded)
		load_provider_limits();
	return provider_limit_count > 0;
}

units
provider_trade_limit(int32 provider_id, asset_code asset)
{
	if (!providers_are_limited())
		return UNITS_MAX;
	for (int i = 0; i < provider_limit_count; i++)
		if (provider_limits[i].provider_id == provider_id && provider_limits[i].asset == asset)
			return provider_limits[i].trade_limit;
	return UNITS_MAX;
}
