/*-------------------------------------------------------------------------
 *
 * spi_plan.c
 *	  Saved plans for the few queries that C code asks.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "ledger/relations.h"
#include "ledger/spi_plan.h"

/*
 * Our queries are parsed and run as the ledger's owner: a caller need not see
 * the tables, nor their schema.  An error restores the user by itself.
 */
static void
become_owner(Oid *user, int *security)
{
	GetUserIdAndSecContext(user, security);
	SetUserIdAndSecContext(ledger_owner(), *security | SECURITY_LOCAL_USERID_CHANGE);
}

void
spi_plan(SPIPlanPtr *plan, int count, Oid *types, const char *query)
{
	SPIPlanPtr	prepared;
	Oid			user;
	int			security;

	if (*plan != NULL)
		return;
	become_owner(&user, &security);
	prepared = SPI_prepare(query, count, types);
	SetUserIdAndSecContext(user, security);
	if (prepared == NULL || SPI_keepplan(prepared) != 0)
		elog(ERROR, "could not prepare a query: %s", SPI_result_code_string(SPI_result));
	*plan = prepared;
}

static void
spi_execute_snapshot(SPIPlanPtr plan, Datum *arguments, Snapshot snapshot)
{
	Oid			user;
	int			security;
	int			result;

	become_owner(&user, &security);
	if (snapshot == InvalidSnapshot)
		result = SPI_execute_plan(plan, arguments, NULL, false, 0);
	else
		result = SPI_execute_snapshot(plan, arguments, NULL, snapshot, InvalidSnapshot, false, false, 0);
	SetUserIdAndSecContext(user, security);
	if (result < 0)
		elog(ERROR, "could not execute a query: %s", SPI_result_code_string(result));
}

void
spi_execute(SPIPlanPtr plan, Datum *arguments)
{
	spi_execute_snapshot(plan, arguments, InvalidSnapshot);
}

void
spi_execute_latest(SPIPlanPtr plan, Datum *arguments)
{
	Snapshot	latest = RegisterSnapshot(GetLatestSnapshot());

	spi_execute_snapshot(plan, arguments, latest);
	UnregisterSnapshot(latest);
}

int32
spi_int32(SPIPlanPtr *plan, int count, Oid *types, Datum *arguments, const char *query)
{
	int32		value = 0;
	bool		isnull = true;

	SPI_connect();
	spi_plan(plan, count, types, query);
	spi_execute_latest(*plan, arguments);
	if (SPI_processed > 0)
	{
		Datum		datum = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			value = DatumGetInt32(datum);
	}
	SPI_finish();
	return value;
}
