/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Phase three of posting: write what was decided.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "ledger/batch.h"
#include "ledger/field.h"
#include "ledger/record_number.h"
#include "ledger/write.h"

/* attributes of table journal, in order */
enum
{
	JOURNAL_CLIENT_ID, JOURNAL_ACTOR_ID, JOURNAL_ID, JOURNAL_RECORDED_AT, JOURNAL_EFFECTIVE_AT,
	JOURNAL_CUSTOMER_ID, JOURNAL_REVERSES, JOURNAL_KIND, JOURNAL_REFERENCE, JOURNAL_ENTRY,
	JOURNAL_TERMS, JOURNAL_DESCRIPTION, JOURNAL_ATTRIBUTES
};

/* attributes of table rejection, in order */
enum
{
	REJECTION_CLIENT_ID, REJECTION_ACTOR_ID, REJECTION_ID, REJECTION_RECORDED_AT, REJECTION_EFFECTIVE_AT,
	REJECTION_REVERSES, REJECTION_KIND, REJECTION_REFERENCE, REJECTION_SQLSTATE, REJECTION_MESSAGE, REJECTION_DETAIL,
	REJECTION_HINT, REJECTION_FACTS, REJECTION_ENTRY, REJECTION_TERMS, REJECTION_DESCRIPTION, REJECTION_ATTRIBUTES
};

static void
set_varlena(TupleTableSlot *slot, int attribute, const void *value)
{
	slot->tts_isnull[attribute] = value == NULL;
	slot->tts_values[attribute] = PointerGetDatum(value);
}

static void
set_number(TupleTableSlot *slot, int attribute, int64 number)
{
	slot->tts_isnull[attribute] = number == 0;
	slot->tts_values[attribute] = Int64GetDatum(number);
}

static void
insert_journal(TableWriter *writer, const LedgerRequest *request, const RequestState *state, int32 actor)
{
	TupleTableSlot *slot = writer_row(writer);

	memset(slot->tts_isnull, 0, JOURNAL_ATTRIBUTES * sizeof(bool));
	slot->tts_values[JOURNAL_CLIENT_ID] = Int32GetDatum(request->client_id);
	slot->tts_values[JOURNAL_ACTOR_ID] = Int32GetDatum(actor);
	slot->tts_values[JOURNAL_ID] = Int64GetDatum(request->journal_id);
	slot->tts_values[JOURNAL_RECORDED_AT] = TimestampTzGetDatum(request->recorded_at);
	slot->tts_values[JOURNAL_EFFECTIVE_AT] = TimestampTzGetDatum(request->effective_at);
	set_number(slot, JOURNAL_CUSTOMER_ID, state->customer_id);
	set_number(slot, JOURNAL_REVERSES, request->reverses);
	slot->tts_values[JOURNAL_KIND] = Int16GetDatum(request->kind);
	field_set_text(slot->tts_values, slot->tts_isnull, JOURNAL_REFERENCE, request->reference);
	set_varlena(slot, JOURNAL_ENTRY, request->entry);
	set_varlena(slot, JOURNAL_TERMS, request->terms);
	field_set_text(slot->tts_values, slot->tts_isnull, JOURNAL_DESCRIPTION, request->description);
	writer_insert(writer);
}

static void
insert_rejection(TableWriter *writer, const LedgerRequest *request, int32 actor)
{
	TupleTableSlot *slot = writer_row(writer);

	memset(slot->tts_isnull, 0, REJECTION_ATTRIBUTES * sizeof(bool));
	slot->tts_values[REJECTION_CLIENT_ID] = Int32GetDatum(request->client_id);
	slot->tts_values[REJECTION_ACTOR_ID] = Int32GetDatum(actor);
	slot->tts_values[REJECTION_ID] = Int64GetDatum(record_number_next());
	slot->tts_values[REJECTION_RECORDED_AT] = TimestampTzGetDatum(request->recorded_at);
	slot->tts_values[REJECTION_EFFECTIVE_AT] = TimestampTzGetDatum(request->effective_at);
	slot->tts_isnull[REJECTION_EFFECTIVE_AT] = !request->effective_given;
	set_number(slot, REJECTION_REVERSES, request->reverses);
	slot->tts_values[REJECTION_KIND] = Int16GetDatum(request->kind);
	field_set_text(slot->tts_values, slot->tts_isnull, REJECTION_REFERENCE, request->reference);
	field_set_text(slot->tts_values, slot->tts_isnull, REJECTION_SQLSTATE, unpack_sql_state(request->refusal.sqlstate));
	field_set_text(slot->tts_values, slot->tts_isnull, REJECTION_MESSAGE, request->refusal.message);
	field_set_text(slot->tts_values, slot->tts_isnull, REJECTION_DETAIL, request->refusal.detail);
	field_set_text(slot->tts_values, slot->tts_isnull, REJECTION_HINT, request->refusal.hint);
	field_set_json(slot->tts_values, slot->tts_isnull, REJECTION_FACTS, request->refusal.facts);
	set_varlena(slot, REJECTION_ENTRY, request->entry);
	set_varlena(slot, REJECTION_TERMS, request->terms);
	field_set_text(slot->tts_values, slot->tts_isnull, REJECTION_DESCRIPTION, request->description);
	writer_insert(writer);
}

static int
compare_customers(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* The customers of a journal beyond its first, each once. */
static int
further_customers(PostingBatch *batch, int i, int64 **customers)
{
	int			gathered = 0;
	int			used = 0;

	*customers = NULL;
	for (int line = 0; line < batch->requests[i].line_count; line++)
	{
		int64		customer = account_customer(&batch->accounts[batch->states[i].accounts[line]]);

		if (customer == 0 || customer == batch->states[i].customer_id)
			continue;
		if (*customers == NULL)
			*customers = palloc(batch->requests[i].line_count * sizeof(int64));
		(*customers)[gathered++] = customer;
	}
	if (gathered > 1)
		qsort(*customers, gathered, sizeof(int64), compare_customers);
	for (int c = 0; c < gathered; c++)
		if (c == 0 || (*customers)[c] != (*customers)[used - 1])
			(*customers)[used++] = (*customers)[c];
	return used;
}

/* Further customers of a journal get a row each, so that their statements find it. */
static void
insert_parties(PostingBatch *batch, int i, TableWriter **writer)
{
	int64	   *customers;
	int			count = further_customers(batch, i, &customers);

	for (int c = 0; c < count; c++)
	{
		TupleTableSlot *slot;

		CHECK_FOR_INTERRUPTS();
		if (*writer == NULL)
			*writer = writer_open(LEDGER_JOURNAL_PARTY);
		slot = writer_row(*writer);
		memset(slot->tts_isnull, 0, 3 * sizeof(bool));
		slot->tts_values[0] = Int32GetDatum(batch->requests[i].client_id);
		slot->tts_values[1] = Int64GetDatum(batch->requests[i].journal_id);
		slot->tts_values[2] = Int64GetDatum(customers[c]);
		writer_insert(*writer);
	}
	if (customers)
		pfree(customers);
}

static void
record_journals(PostingBatch *batch, int32 actor)
{
	TableWriter *writer = NULL;
	TableWriter *parties = NULL;

	for (int i = 0; i < batch->count; i++)
	{
		LedgerRequest *request = &batch->requests[i];

		CHECK_FOR_INTERRUPTS();
		if (batch->states[i].settled || is_refused(request))
			continue;
		if (writer == NULL)
			writer = writer_open(LEDGER_JOURNAL);
		request->journal_id = record_number_next();
		insert_journal(writer, request, &batch->states[i], actor);
		insert_parties(batch, i, &parties);
	}
	if (writer)
		writer_close(writer);
	if (parties)
		writer_close(parties);
}

/* A refusal is an answer too: is there something to keep it under? */
static bool
is_recordable(const PostingBatch *batch, int i)
{
	const LedgerRequest *request = &batch->requests[i];

	return is_refused(request) && !batch->states[i].settled &&
		request->client_id != 0 && request->reference != NULL && is_kept(&request->refusal);
}

static void
record_rejections(PostingBatch *batch, int32 actor)
{
	TableWriter *writer = NULL;

	if (batch->options->forget_refusals)
		return;
	for (int i = 0; i < batch->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_recordable(batch, i))
			continue;
		if (writer == NULL)
			writer = writer_open(LEDGER_REJECTION);
		insert_rejection(writer, &batch->requests[i], actor);
	}
	if (writer)
		writer_close(writer);
}

static void
record_balances(PostingBatch *batch)
{
	TableWriter *writer = NULL;

	for (int i = 0; i < batch->account_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!batch->accounts[i].changed)
			continue;
		if (writer == NULL)
			writer = writer_open(LEDGER_BALANCE);
		balance_update(writer, &batch->accounts[i].balance);
	}
	if (writer)
		writer_close(writer);
}

/* A reference used twice in the batch: now that the first use has its journal, the later ones name it. */
static void
answer_duplicates(PostingBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		LedgerRequest *request = &batch->requests[i];

		if (request->replayed && !is_refused(request) && batch->states[i].duplicate_of >= 0)
			request->journal_id = batch->requests[batch->states[i].duplicate_of].journal_id;
	}
}

void
batch_record(PostingBatch *batch)
{
	int32		actor = lookup_actor();

	record_journals(batch, actor);
	answer_duplicates(batch);
	record_rejections(batch, actor);
	record_balances(batch);
}
