/*-------------------------------------------------------------------------
 *
 * refuse_write.h
 *	  The setting bakkt_ledger.restoring.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_REFUSE_WRITE_H
#define BAKKT_LEDGER_REFUSE_WRITE_H

/* Let INSERT through on append-only tables: a dump is being restored */
extern bool ledger_restoring;

#endif							/* BAKKT_LEDGER_REFUSE_WRITE_H */
