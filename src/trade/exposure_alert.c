/*-------------------------------------------------------------------------
 *
 * exposure_alert.c
 *	  One event per client, currency and window.
 *
 * Of several transactions that pass the mark at once, the first to get the
 * client's lock records it, and the others go on without: their trades are
 * posted either way.  If it is undone, the next trade above the mark does.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/key_lookup.h"
#include "ledger/lock_class.h"
#include "ledger/spi_plan.h"
#include "trade/exposure_alert.h"

/* By what has been committed: whoever had the lock before has ended. */
static bool
is_recorded(const ExposureAlert *alert)
{
	Datum		key[3] = {Int32GetDatum(alert->client_id), AssetGetDatum(alert->asset), DateADTGetDatum(alert->day)};
	KeyLookup	lookup;
	bool		found;

	key_lookup_open(&lookup, LEDGER_EXPOSURE_ALERT, LEDGER_EXPOSURE_ALERT_KEY);
	found = key_lookup_find(&lookup, key);
	key_lookup_close(&lookup);
	return found;
}

static void
record(const ExposureAlert *alert)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[6] = {INT4OID, TEXTOID, DATEOID, TEXTOID, TEXTOID, TIMESTAMPTZOID};
	Datum		arguments[6] = {Int32GetDatum(alert->client_id), CStringGetTextDatum(asset_text(alert->asset)),
		DateADTGetDatum(alert->day), CStringGetTextDatum(amount_text(alert->net_debit_cap, alert->asset)),
	CStringGetTextDatum(amount_text(alert->net_debit, alert->asset)), TimestampTzGetDatum(GetCurrentTimestamp())};

	SPI_connect();
	spi_plan(&plan, 6, types, "SELECT bakkt_ledger_internal.record_exposure_alert($1, $2, $3, $4, $5, $6)");
	spi_execute(plan, arguments);
	SPI_finish();
}

bool
exposure_alert_record(const ExposureAlert *alert)
{
	LOCKTAG		tag;

	if (is_recorded(alert))
		return true;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, (uint32) alert->client_id, LOCK_CLASS_EXPOSURE_ALERT);
	if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	if (!is_recorded(alert))
		record(alert);
	return true;
}
