/*-------------------------------------------------------------------------
 *
 * event.h
 *	  Rows of table event, written in bulk; record_events() writes all others.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_EVENT_H
#define BAKKT_LEDGER_EVENT_H

#include "ledger/write.h"
#include "types/amount.h"

/* What happened to a row of a subject's table whose key is one number */
typedef struct Event
{
	int32		client_id;
	int32		actor_id;
	const char *subject;
	int64		subject_key;
	const char *event;
	const char *status;			/* of the row after it */
	TimestampTz at;
	TimestampTz recorded_at;
	Amount		amount;
	const char *reason;			/* NULL: none */
	int64		journal_id;		/* 0: none */
} Event;

/* To write events: no block takes the numbers that follow for known before the transaction ends (I22). */
extern TableWriter *event_writer_open(void);
/* Write an event under the next number, of a subject that is told by records of its own: it names no changed columns. */
extern void event_insert(TableWriter *writer, const Event *event);

#endif							/* BAKKT_LEDGER_EVENT_H */
