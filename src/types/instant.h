/*-------------------------------------------------------------------------
 *
 * instant.h
 *	  Instants: how far ahead of the clock one may lie, and its text for
 *	  messages, which is in UTC whatever the session's settings.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_INSTANT_H
#define BAKKT_LEDGER_INSTANT_H

#include "postgres.h"

#include "datatype/timestamp.h"

/*
 * How far ahead of the clock the time of an event may lie (I26): five
 * minutes.  The functions in SQL keep to the same by sql/ledger/instant.sql.
 */
#define INSTANT_MOST_AHEAD (5 * SECS_PER_MINUTE * USECS_PER_SEC)

/* palloc'd '2026-11-20 15:00:00+00' */
extern char *instant_text(TimestampTz instant);

#endif							/* BAKKT_LEDGER_INSTANT_H */
