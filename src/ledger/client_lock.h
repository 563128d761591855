/*-------------------------------------------------------------------------
 *
 * client_lock.h
 *	  Locks per client, so that nobody waits for another client's work.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_CLIENT_LOCK_H
#define BAKKT_LEDGER_CLIENT_LOCK_H

#include "storage/lock.h"

#include "ledger/lock_class.h"
#include "ledger/request.h"

/*
 * Share the postings of all clients that the requests name, until the
 * transaction ends; 42501 for one that the caller may not see.  What is cached
 * of accounts is to be looked at afterwards: whoever froze one has ended.
 */
extern void client_lock_postings(const LedgerRequest *requests, int count);

/*
 * Lock a client in a class, until the transaction ends or client_unlock().
 * Waits no longer than bounded_wait.h says; `others` is the DETAIL of 55P03:
 * what those who have the lock are doing.
 */
extern void client_lock(LedgerLockClass class, int32 client_id, LOCKMODE mode, const char *others);
extern void client_unlock(LedgerLockClass class, int32 client_id, LOCKMODE mode);

#endif							/* BAKKT_LEDGER_CLIENT_LOCK_H */
