/*-------------------------------------------------------------------------
 *
 * record_number.h
 *	  Numbers of what is recorded.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_RECORD_NUMBER_H
#define BAKKT_LEDGER_RECORD_NUMBER_H

#include "postgres.h"

/* The next number; the caller has the journal's relation lock until its transaction ends. */
extern int64 record_number_next(void);

#endif							/* BAKKT_LEDGER_RECORD_NUMBER_H */
