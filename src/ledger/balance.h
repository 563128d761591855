/*-------------------------------------------------------------------------
 *
 * balance.h
 *	  Balance rows of limited accounts: lock, compute from the locked row,
 *	  write.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_BALANCE_H
#define BAKKT_LEDGER_BALANCE_H

#include "datatype/timestamp.h"
#include "storage/itemptr.h"

#include "ledger/write.h"
#include "types/journal_entry.h"

typedef struct LockedBalance
{
	int32		client_id;
	account_id	account;
	int64		customer_id;	/* 0 if nobody's */
	bool		normal_debit;
	char		status;
	asset_code	asset;
	units		posted;			/* debit positive */
	units		held;
	bool		has_floor;
	units		floor;			/* natural sign */
	int64		version;
	TimestampTz last_recorded_at;
	ItemPointerData tid;
} LockedBalance;

typedef struct BalanceLocker BalanceLocker;

extern BalanceLocker *balance_locker_open(void);
/*
 * Lock the row of one account until the transaction ends and read it as
 * locked; false if the account has none.  Callers go in (client, account)
 * order.  A row changed since the snapshot of a REPEATABLE READ or
 * SERIALIZABLE transaction raises 40001.
 */
extern bool balance_lock(BalanceLocker *locker, int32 client_id, account_id account, LockedBalance *balance);
extern void balance_locker_close(BalanceLocker *locker);

/* Write a locked balance back. */
extern void balance_update(TableWriter *writer, const LockedBalance *balance);
extern void balance_insert(TableWriter *writer, const LockedBalance *balance);

/* The balance as its owner sees it */
static inline units
balance_natural(const LockedBalance *balance)
{
	return balance->normal_debit ? balance->posted : -balance->posted;
}

static inline units
balance_available(const LockedBalance *balance)
{
	return balance_natural(balance) - balance->held;
}

static inline units
balance_floor(const LockedBalance *balance)
{
	return balance->has_floor ? balance->floor : 0;
}

/* What a program is told of a balance that does not cover something, as JSON. */
extern char *insufficient_facts(const LockedBalance *balance, units required);

#endif							/* BAKKT_LEDGER_BALANCE_H */
