/*-------------------------------------------------------------------------
 *
 * post.c
 *	  The posting function (design 4): resolve and lock, evaluate, record.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "ledger/acting_role.h"
#include "ledger/batch.h"
#include "ledger/client_lock.h"
#include "ledger/post.h"
#include "ledger/relations.h"

/* A refusal's texts were made in working memory: the caller keeps a copy. */
static void
keep_refusal(Refusal *refusal)
{
	if (refusal->message)
		refusal->message = pstrdup(refusal->message);
	if (refusal->detail)
		refusal->detail = pstrdup(refusal->detail);
	if (refusal->hint)
		refusal->hint = pstrdup(refusal->hint);
	if (refusal->facts)
		refusal->facts = pstrdup(refusal->facts);
}

/* Raise the first refusal that has a cause of its own; its chain falls after it. */
static void
raise_first_refusal(const PostingBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
		if (is_refused(&batch->requests[i]) &&
			batch->requests[i].refusal.sqlstate != ERRCODE_LG_CHAIN_REFUSED)
			raise_refusal(&batch->requests[i]);
	for (int i = 0; i < batch->count; i++)
		if (is_refused(&batch->requests[i]))
			raise_refusal(&batch->requests[i]);
}

/* Did another session take one of our references between the look-up and the insert? */
static bool
is_reference_collision(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION && error->constraint_name != NULL &&
		(strcmp(error->constraint_name, "journal_reference_key") == 0 ||
		 strcmp(error->constraint_name, "rejection_pkey") == 0);
}

/*
 * Phase three.  Two requests of one reference that share no account can pass
 * the look-up together; the unique index stops the second, whose retry then
 * finds the first's outcome.
 */
static void
record_or_conflict(PostingBatch *batch)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		batch_record(batch);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (!is_reference_collision(error))
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent use of a reference"),
				 errhint("Retry the transaction.")));
	}
	PG_END_TRY();
}

/* The three phases, in working memory. */
static void
run_phases(PostingBatch *batch)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "posting", ALLOCSET_DEFAULT_SIZES);

	batch->result_context = MemoryContextSwitchTo(work);
	batch->states = palloc0(batch->count * sizeof(RequestState));
	batch_resolve(batch);
	batch_evaluate(batch);
	if (batch->options->strict)
		raise_first_refusal(batch);
	if (!batch->options->dry_run)
		record_or_conflict(batch);
	MemoryContextSwitchTo(batch->result_context);
	for (int i = 0; i < batch->count; i++)
		keep_refusal(&batch->requests[i].refusal);
	MemoryContextDelete(work);
}

void
ledger_post(LedgerRequest *requests, int count, const PostOptions *options)
{
	PostingBatch batch = {.requests = requests,.count = count,.options = options};
	Relation	journal;

	if (count == 0)
		return;
	refuse_in_maintenance();
	require_batch_size(count);
	PreventCommandIfReadOnly("posting");
	PreventCommandIfParallelMode("posting");

	/* this lock tells seal() who may still write journals: it comes before any id is taken (I22) */
	journal = table_open(ledger_relation(LEDGER_JOURNAL), RowExclusiveLock);

	/*
	 * The clients' locks are what a change of status of a house account waits
	 * for; the caches are examined after them, when that change has become
	 * known.
	 */
	lookup_begin();
	client_lock_postings(requests, count);
	lookup_begin();

	run_phases(&batch);
	table_close(journal, NoLock);
	CommandCounterIncrement();
}
