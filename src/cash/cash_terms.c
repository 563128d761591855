/*-------------------------------------------------------------------------
 *
 * cash_terms.c
 *	  A session's cache of the terms of customer cash.
 *
 * A trigger on the table sends the invalidation that ends it
 * (sql/cash/cash_terms.sql).  Terms are read as committed last: what happens
 * falls under the terms of its time, however old the transaction's snapshot.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "cash/cash_terms.h"
#include "ledger/session_cache.h"
#include "ledger/spi_plan.h"

static SessionCache cache = {
	.name = "cash terms",
	.watched = {LEDGER_CASH_TERMS},
	.watched_count = 1,
	.forgets_old_snapshots = true
};
static HTAB *terms_by_client = NULL;

void
cash_terms_begin(void)
{
	if (session_cache_is_current(&cache) && terms_by_client)
		return;
	terms_by_client = NULL;
	session_cache_renew(&cache);
	terms_by_client = session_cache_table(&cache, "bakkt_ledger cash terms", sizeof(int32), sizeof(CashTerms));
}

static bool
boolean_column(int number)
{
	bool		isnull;

	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &isnull));
}

static void
load(CashTerms *terms)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT4OID};
	Datum		arguments[1] = {Int32GetDatum(terms->client_id)};

	SPI_connect();
	spi_plan(&plan, 1, types,
			 "SELECT encumber_unpaid, prefunded FROM bakkt_ledger_internal.cash_terms"
			 " WHERE client_id OPERATOR(pg_catalog.=) $1");
	spi_execute_latest(plan, arguments);
	terms->encumbers_unpaid = SPI_processed == 1 && boolean_column(1);
	terms->prefunded = SPI_processed == 1 && boolean_column(2);
	SPI_finish();
}

const CashTerms *
cash_terms_of(int32 client_id)
{
	CashTerms  *cached = hash_search(terms_by_client, &client_id, HASH_FIND, NULL);
	CashTerms	terms = {.client_id = client_id};

	if (cached)
		return cached;
	session_cache_loaded(&cache);
	load(&terms);
	cached = hash_search(terms_by_client, &client_id, HASH_ENTER, NULL);
	*cached = terms;
	return cached;
}
