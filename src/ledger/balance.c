/*-------------------------------------------------------------------------
 *
 * balance.c
 *	  Balance rows of limited accounts: lock, read as locked, write.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ledger/balance.h"
#include "ledger/facts.h"

/* attributes of table balance, in order */
enum
{
	BALANCE_CLIENT_ID, BALANCE_ACCOUNT, BALANCE_CUSTOMER_ID, BALANCE_NORMAL_DEBIT, BALANCE_STATUS,
	BALANCE_POSTED, BALANCE_HELD, BALANCE_FLOOR, BALANCE_VERSION, BALANCE_LAST_RECORDED_AT, BALANCE_ATTRIBUTES
};

struct BalanceLocker
{
	Relation	relation;
	Relation	index;
	IndexScanDesc scan;
	Snapshot	snapshot;
	TupleTableSlot *slot;
};

BalanceLocker *
balance_locker_open(void)
{
	BalanceLocker *locker = palloc(sizeof(BalanceLocker));

	locker->relation = table_open(ledger_relation(LEDGER_BALANCE), RowExclusiveLock);
	locker->index = index_open(ledger_relation(LEDGER_BALANCE_KEY), RowExclusiveLock);

	/*
	 * Under READ COMMITTED this is a new snapshot, so that rows committed
	 * since the statement began are found; above, the transaction's own.
	 */
	locker->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	locker->slot = table_slot_create(locker->relation, NULL);
#if PG_VERSION_NUM >= 180000
	locker->scan = index_beginscan(locker->relation, locker->index, locker->snapshot, NULL, 2, 0);
#else
	locker->scan = index_beginscan(locker->relation, locker->index, locker->snapshot, 2, 0);
#endif
	return locker;
}

void
balance_locker_close(BalanceLocker *locker)
{
	index_endscan(locker->scan);
	ExecDropSingleTupleTableSlot(locker->slot);
	UnregisterSnapshot(locker->snapshot);
	index_close(locker->index, NoLock);
	table_close(locker->relation, NoLock);
	pfree(locker);
}

/* Copy the row in the slot into the struct. */
static void
read_row(TupleTableSlot *slot, LockedBalance *balance)
{
	Amount	   *posted;

	slot_getallattrs(slot);
	posted = DatumGetAmountP(slot->tts_values[BALANCE_POSTED]);
	balance->client_id = DatumGetInt32(slot->tts_values[BALANCE_CLIENT_ID]);
	balance->account = DatumGetAccountId(slot->tts_values[BALANCE_ACCOUNT]);
	balance->customer_id = slot->tts_isnull[BALANCE_CUSTOMER_ID] ? 0 : DatumGetInt64(slot->tts_values[BALANCE_CUSTOMER_ID]);
	balance->normal_debit = DatumGetBool(slot->tts_values[BALANCE_NORMAL_DEBIT]);
	balance->status = DatumGetChar(slot->tts_values[BALANCE_STATUS]);
	balance->asset = posted->asset;
	balance->posted = amount_units(posted);
	balance->held = amount_units(DatumGetAmountP(slot->tts_values[BALANCE_HELD]));
	balance->has_floor = !slot->tts_isnull[BALANCE_FLOOR];
	balance->floor = balance->has_floor ? amount_units(DatumGetAmountP(slot->tts_values[BALANCE_FLOOR])) : 0;
	balance->version = DatumGetInt64(slot->tts_values[BALANCE_VERSION]);
	balance->last_recorded_at = DatumGetTimestampTz(slot->tts_values[BALANCE_LAST_RECORDED_AT]);
	balance->tid = slot->tts_tid;
}

/*
 * Lock the row found, following its updates under READ COMMITTED.  NO KEY
 * UPDATE suffices and leaves foreign-key checks of others alone.
 */
static void
lock_row(BalanceLocker *locker)
{
	TM_FailureData failure;
	int			flags = IsolationUsesXactSnapshot() ? 0 : TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	ItemPointerData tid = locker->slot->tts_tid;

	switch (table_tuple_lock(locker->relation, &tid, locker->snapshot, locker->slot,
							 GetCurrentCommandId(false), LockTupleNoKeyExclusive,
							 LockWaitBlock, flags, &failure))
	{
		case TM_Ok:
			return;
		case TM_Updated:
		case TM_Deleted:
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not serialize access due to concurrent update"),
					 errdetail("The balance of an account changed since this transaction's snapshot."),
					 errhint("Retry the transaction.")));
			break;
		default:
			elog(ERROR, "could not lock a balance row");
	}
}

bool
balance_lock(BalanceLocker *locker, int32 client_id, account_id account, LockedBalance *balance)
{
	ScanKeyData keys[2];

	CHECK_FOR_INTERRUPTS();
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(client_id));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, AccountIdGetDatum(account));
	index_rescan(locker->scan, keys, 2, NULL, 0);
	if (!index_getnext_slot(locker->scan, ForwardScanDirection, locker->slot))
		return false;
	lock_row(locker);
	read_row(locker->slot, balance);
	ExecClearTuple(locker->slot);
	return true;
}

/* Fill the writer's row from the struct; the amounts live in *scratch. */
static void
fill_row(TableWriter *writer, const LockedBalance *balance, Amount scratch[3])
{
	TupleTableSlot *slot = writer_row(writer);
	Datum	   *values = slot->tts_values;

	memset(slot->tts_isnull, 0, BALANCE_ATTRIBUTES * sizeof(bool));
	amount_set(&scratch[0], balance->posted, balance->asset);
	amount_set(&scratch[1], balance->held, balance->asset);
	amount_set(&scratch[2], balance->floor, balance->asset);
	values[BALANCE_CLIENT_ID] = Int32GetDatum(balance->client_id);
	values[BALANCE_ACCOUNT] = AccountIdGetDatum(balance->account);
	values[BALANCE_CUSTOMER_ID] = Int64GetDatum(balance->customer_id);
	slot->tts_isnull[BALANCE_CUSTOMER_ID] = balance->customer_id == 0;
	values[BALANCE_NORMAL_DEBIT] = BoolGetDatum(balance->normal_debit);
	values[BALANCE_STATUS] = CharGetDatum(balance->status);
	values[BALANCE_POSTED] = AmountPGetDatum(&scratch[0]);
	values[BALANCE_HELD] = AmountPGetDatum(&scratch[1]);
	values[BALANCE_FLOOR] = AmountPGetDatum(&scratch[2]);
	slot->tts_isnull[BALANCE_FLOOR] = !balance->has_floor;
	values[BALANCE_VERSION] = Int64GetDatum(balance->version);
	values[BALANCE_LAST_RECORDED_AT] = TimestampTzGetDatum(balance->last_recorded_at);
}

void
balance_update(TableWriter *writer, const LockedBalance *balance)
{
	Amount		scratch[3];
	ItemPointerData tid = balance->tid;

	fill_row(writer, balance, scratch);
	writer_update(writer, &tid);
}

void
balance_insert(TableWriter *writer, const LockedBalance *balance)
{
	Amount		scratch[3];

	fill_row(writer, balance, scratch);
	writer_insert(writer);
}

char *
insufficient_facts(const LockedBalance *balance, units required)
{
	return facts_of_shortage("account", account_text(balance->account), required,
							 balance_available(balance) - balance_floor(balance), balance->asset);
}
