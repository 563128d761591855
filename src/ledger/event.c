/*-------------------------------------------------------------------------
 *
 * event.c
 *	  Rows of table event, written in bulk.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/event.h"
#include "ledger/record_number.h"

/* attributes of table event, in order */
enum
{
	EVENT_CLIENT_ID, EVENT_ACTOR_ID, EVENT_EVENT_ID, EVENT_JOURNAL_ID, EVENT_AT, EVENT_RECORDED_AT, EVENT_SUBJECT,
	EVENT_SUBJECT_KEY, EVENT_EVENT, EVENT_STATUS, EVENT_AMOUNT, EVENT_REFERENCE, EVENT_REASON, EVENT_CONTENT, EVENT_CHANGED,
	EVENT_ATTRIBUTES
};

TableWriter *
event_writer_open(void)
{
	LockRelationOid(ledger_relation(LEDGER_JOURNAL), RowExclusiveLock);
	return writer_open(LEDGER_EVENT);
}

static Datum
number_text(int64 number)
{
	char		digits[MAXINT8LEN + 1];

	pg_lltoa(number, digits);
	return CStringGetTextDatum(digits);
}

void
event_insert(TableWriter *writer, const Event *event)
{
	TupleTableSlot *slot = writer_row(writer);
	Datum	   *values = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;

	memset(nulls, 0, EVENT_ATTRIBUTES * sizeof(bool));
	values[EVENT_CLIENT_ID] = Int32GetDatum(event->client_id);
	values[EVENT_ACTOR_ID] = Int32GetDatum(event->actor_id);
	values[EVENT_EVENT_ID] = Int64GetDatum(record_number_next());
	values[EVENT_JOURNAL_ID] = Int64GetDatum(event->journal_id);
	nulls[EVENT_JOURNAL_ID] = event->journal_id == 0;
	values[EVENT_AT] = TimestampTzGetDatum(event->at);
	values[EVENT_RECORDED_AT] = TimestampTzGetDatum(event->recorded_at);
	values[EVENT_SUBJECT] = CStringGetTextDatum(event->subject);
	values[EVENT_SUBJECT_KEY] = number_text(event->subject_key);
	values[EVENT_EVENT] = CStringGetTextDatum(event->event);
	values[EVENT_STATUS] = CStringGetTextDatum(event->status);
	values[EVENT_AMOUNT] = AmountPGetDatum(&event->amount);
	nulls[EVENT_REFERENCE] = nulls[EVENT_CONTENT] = nulls[EVENT_CHANGED] = true;
	nulls[EVENT_REASON] = event->reason == NULL;
	if (event->reason)
		values[EVENT_REASON] = CStringGetTextDatum(event->reason);
	writer_insert(writer);
}
