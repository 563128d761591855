/*-------------------------------------------------------------------------
 *
 * record_time.c
 *	  When something is recorded: by the clock, but never before the last block
 *	  was sealed.
 *
 * A clock that is set back, or that of a machine where a copy is restored,
 * must not put new records among those of the past: what the ledger knew at an
 * instant would change after it was told.  Blocks hold the bound, for it
 * outlives the server; seal() sees that it never goes back itself.
 *
 * The session keeps the bound until another block is written, of which it is
 * told by a relcache invalidation.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "ledger/record_time.h"
#include "ledger/session_cache.h"
#include "ledger/spi_plan.h"

static SessionCache cache = {
	.name = "record time",
	.watched = {LEDGER_BLOCK},
	.watched_count = 1,
	.forgets_old_snapshots = true
};
static TimestampTz last_sealed_at;

static void
load_last_sealed_at(void)
{
	static SPIPlanPtr plan = NULL;
	bool		isnull = true;
	Datum		sealed_at = 0;

	SPI_connect();
	spi_plan(&plan, 0, NULL,
			 "SELECT sealed_at FROM bakkt_ledger_internal.block ORDER BY block_no DESC LIMIT 1");
	spi_execute_latest(plan, NULL);
	if (SPI_processed == 1)
		sealed_at = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	last_sealed_at = isnull ? DT_NOBEGIN : DatumGetTimestampTz(sealed_at);
	SPI_finish();
}

TimestampTz
record_time(void)
{
	if (!session_cache_is_current(&cache))
	{
		session_cache_renew(&cache);
		session_cache_loaded(&cache);	/* the last block may be this transaction's */
		load_last_sealed_at();
	}
	return Max(GetCurrentTimestamp(), last_sealed_at);
}

/* record_time(): for the events, requests and blocks that are written in SQL */
PG_FUNCTION_INFO_V1(bakkt_ledger_record_time);
Datum
bakkt_ledger_record_time(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(record_time());
}
