/*-------------------------------------------------------------------------
 *
 * record_time.h
 *	  When something is recorded.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_RECORD_TIME_H
#define BAKKT_LEDGER_RECORD_TIME_H

#include "datatype/timestamp.h"

/* The clock, but never earlier than when the last block was sealed. */
extern TimestampTz record_time(void);

#endif							/* BAKKT_LEDGER_RECORD_TIME_H */
