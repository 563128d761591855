/*-------------------------------------------------------------------------
 *
 * balance_functions.c
 *	  What the other files of the ledger do to a balance row besides
 *	  posting: open it, change its status, hold and release.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "errors.h"
#include "ledger/balance.h"
#include "ledger/bounded_wait.h"
#include "ledger/lookup.h"
#include "ledger/relations.h"
#include "ledger/spi_plan.h"

/* Lock one balance row, within bounded time; an error if there is none. */
static void
lock_one(int32 client_id, account_id account, LockedBalance *balance)
{
	MemoryContext context = CurrentMemoryContext;
	BalanceLocker *locker = balance_locker_open();
	int			level = bounded_wait_begin();
	volatile bool found = false;

	PG_TRY();
	{
		found = balance_lock(locker, client_id, account, balance);
	}
	PG_CATCH();
	{
		bounded_wait_failed(context, psprintf("account %s is in use", account_text(account)),
							"Another transaction has posted to it or changed its holds, and has not ended.");
	}
	PG_END_TRY();
	bounded_wait_end(level);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_LG_UNKNOWN_ACCOUNT),
				 errmsg("account %s has no balance row", account_text(account)),
				 errhint("Only limited accounts, those of customers, have one.")));
	balance_locker_close(locker);
}

static void
update_one(const LockedBalance *balance)
{
	TableWriter *writer = writer_open(LEDGER_BALANCE);

	balance_update(writer, balance);
	writer_close(writer);
	CommandCounterIncrement();
}

/* Fill a new balance from the account's row. */
static void
read_account(int32 client_id, account_id account, LockedBalance *balance)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {INT4OID, INT8OID};
	Datum		arguments[2] = {Int32GetDatum(client_id), Int64GetDatum(account)};
	HeapTuple	row;
	TupleDesc	desc;
	Datum		value;
	bool		isnull;

	/* the number alone finds it: without statistics the client's key would be as good to the planner */
	SPI_connect();
	spi_plan(&plan, 2, types,
			 "SELECT a.asset, a.customer_id, k.normal_side OPERATOR(pg_catalog.=) 'debit', a.floor"
			 "  FROM bakkt_ledger_internal.account a JOIN bakkt_ledger_internal.account_kind k ON k.kind OPERATOR(pg_catalog.=) a.kind"
			 " WHERE a.account OPERATOR(bakkt_ledger.=) $2::bakkt_ledger.account_id"
			 "  AND a.client_id OPERATOR(pg_catalog.+) 0 OPERATOR(pg_catalog.=) $1");
	spi_execute(plan, arguments);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_LG_UNKNOWN_ACCOUNT), errmsg("unknown account %s", account_text(account))));
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	balance->asset = DatumGetAsset(SPI_getbinval(row, desc, 1, &isnull));
	value = SPI_getbinval(row, desc, 2, &isnull);
	balance->customer_id = isnull ? 0 : DatumGetInt64(value);
	balance->normal_debit = DatumGetBool(SPI_getbinval(row, desc, 3, &isnull));
	value = SPI_getbinval(row, desc, 4, &isnull);
	balance->has_floor = !isnull;
	if (!isnull)
		balance->floor = amount_units(DatumGetAmountP(value));
	SPI_finish();
}

PG_FUNCTION_INFO_V1(create_balance);
Datum
create_balance(PG_FUNCTION_ARGS)
{
	LockedBalance balance = {.client_id = PG_GETARG_INT32(0),.account = PG_GETARG_ACCOUNT_ID(1),
	.status = STATUS_OPEN,.last_recorded_at = DT_NOBEGIN};
	TableWriter *writer;

	PreventCommandIfReadOnly("create_balance()");
	read_account(balance.client_id, balance.account, &balance);
	writer = writer_open(LEDGER_BALANCE);
	balance_insert(writer, &balance);
	writer_close(writer);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(set_balance_status);
Datum
set_balance_status(PG_FUNCTION_ARGS)
{
	LockedBalance balance;
	char		status = status_letter(text_to_cstring(PG_GETARG_TEXT_PP(2)));

	PreventCommandIfReadOnly("set_balance_status()");
	lock_one(PG_GETARG_INT32(0), PG_GETARG_ACCOUNT_ID(1), &balance);
	if (status == STATUS_CLOSED && (balance.posted != 0 || balance.held != 0))
		ereport(ERROR,
				(errcode(ERRCODE_LG_ACCOUNT_NOT_EMPTY),
				 errmsg("account %s is not empty", account_text(balance.account)),
				 errdetail("It has %s, of which %s are held.",
						   amount_text(balance_natural(&balance), balance.asset), amount_text(balance.held, balance.asset)),
				 errhint("Move the balance and release the holds first.")));
	balance.status = status;
	update_one(&balance);
	PG_RETURN_VOID();
}

static void
check_scale(const Amount *amount)
{
	AssetInfo  *asset;

	lookup_begin();
	asset = lookup_asset(amount->asset);
	if (asset && !units_fits_decimals(amount_units(amount), asset->scale))
		ereport(ERROR,
				(errcode(ERRCODE_LG_SCALE_EXCEEDED),
				 errmsg("amount has more decimals than asset \"%s\"", asset_text(amount->asset)),
				 errdetail("The amount is %s.", amount_text(amount_units(amount), amount->asset)),
				 errhint("Round the amount by name, for instance with round().")));
}

/* Refuse a hold of more than is available on an account that may be debited. */
static void
check_hold(const LockedBalance *balance, units change)
{
	if (balance->status != STATUS_OPEN && balance->status != STATUS_CREDIT_FROZEN)
		ereport(ERROR,
				(errcode(balance->status == STATUS_CLOSED ? ERRCODE_LG_ACCOUNT_CLOSED : ERRCODE_LG_ACCOUNT_FROZEN),
				 errmsg("account %s cannot be held against", account_text(balance->account)),
				 errdetail("It is closed or frozen for debits.")));
	if (balance_available(balance) - change < balance_floor(balance))
		ereport(ERROR,
				(errcode(ERRCODE_LG_INSUFFICIENT),
				 errmsg("insufficient balance"),
				 errdetail("Account %s has %s available, and %s would be held.", account_text(balance->account),
						   amount_text(balance_available(balance), balance->asset), amount_text(change, balance->asset)),
				 errhint("Fund the account, release a hold, or hold less."),
				 err_generic_string(PG_DIAG_CONSTRAINT_NAME, insufficient_facts(balance, change))));
}

static Datum
balance_result(FunctionCallInfo fcinfo, const LockedBalance *balance)
{
	Datum		values[3] = {AccountIdGetDatum(balance->account),
		AmountPGetDatum(amount_make(balance_natural(balance), balance->asset)),
		AmountPGetDatum(amount_make(balance_available(balance), balance->asset))};
	bool		nulls[3] = {false};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

PG_FUNCTION_INFO_V1(adjust_held);
Datum
adjust_held(PG_FUNCTION_ARGS)
{
	Amount	   *change = PG_GETARG_AMOUNT_P(2);
	LockedBalance balance;
	units		held;

	PreventCommandIfReadOnly("adjust_held()");
	lock_one(PG_GETARG_INT32(0), PG_GETARG_ACCOUNT_ID(1), &balance);
	if (change->asset != balance.asset)
		ereport(ERROR,
				(errcode(ERRCODE_LG_ASSET_MISMATCH),
				 errmsg("account holds %s, not %s", asset_text(balance.asset), asset_text(change->asset))));
	check_scale(change);
	if (amount_units(change) > 0)
		check_hold(&balance, amount_units(change));
	if (!units_add(balance.held, amount_units(change), &held) || held < 0)
		ereport(ERROR,
				(errcode(ERRCODE_LG_HOLD_EXCEEDED), errmsg("holds of account %s cannot become negative", account_text(balance.account))));
	balance.held = held;
	update_one(&balance);
	PG_RETURN_DATUM(balance_result(fcinfo, &balance));
}

PG_FUNCTION_INFO_V1(invalidate_account_cache);
Datum
invalidate_account_cache(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcacheByRelid(ledger_relation(LEDGER_ACCOUNT));
	CommandCounterIncrement();
	PG_RETURN_VOID();
}
