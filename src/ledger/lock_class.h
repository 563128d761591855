/*-------------------------------------------------------------------------
 *
 * lock_class.h
 *	  The ledger's corner of the advisory lock space.
 *
 * The fourth field of an advisory lock's tag is 1 or 2 for pg_advisory_lock(),
 * so that nobody reaches these from SQL.  Every class is here, lest two
 * subjects share one.  The order of locks is in src/README.md.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_LOCK_CLASS_H
#define BAKKT_LEDGER_LOCK_CLASS_H

typedef enum LedgerLockClass
{
	LOCK_CLASS_REFERENCE = 0xB4,	/* references in use, and clients as a whole: reference.c */
	LOCK_CLASS_POSTINGS = 0xB5, /* postings of a client: client_lock.c */
	LOCK_CLASS_CASH_CALL_EVENTS = 0xB6, /* events of a client's cash calls: cash_call_lock.c */
	LOCK_CLASS_EXPOSURE_ALERT = 0xB7	/* alerts of a client, tried only: exposure_alert.c */
} LedgerLockClass;

#endif							/* BAKKT_LEDGER_LOCK_CLASS_H */
