/*-------------------------------------------------------------------------
 *
 * instant.h
 *	  Text of an instant for messages: UTC, whatever the session's settings.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_INSTANT_H
#define BAKKT_LEDGER_INSTANT_H

#include "postgres.h"
#include "datatype/timestamp.h"

/* palloc'd '2026-11-20 15:00:00+00' */
extern char *instant_text(TimestampTz instant);

#endif							/* BAKKT_LEDGER_INSTANT_H */
