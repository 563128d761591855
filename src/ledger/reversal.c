/*-------------------------------------------------------------------------
 *
 * reversal.c
 *	  What of a journal can still be taken back: whole once, or in parts that
 *	  together never exceed it (I3).
 *
 * The row lock on the original serialises reversals; the earlier ones are
 * then read with the latest snapshot, since under REPEATABLE READ one that
 * committed meanwhile must count as well.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/snapmgr.h"

#include "errors.h"
#include "ledger/reversal.h"
#include "ledger/spi_plan.h"

static int
compare_shares(const void *a, const void *b)
{
	account_id	x = ((const ReversalShare *) a)->account;
	account_id	y = ((const ReversalShare *) b)->account;

	return (x > y) - (x < y);
}

static ReversalShare *
find_share(const Reversal *reversal, account_id account)
{
	ReversalShare key = {.account = account};

	return bsearch(&key, reversal->shares, reversal->share_count, sizeof(ReversalShare), compare_shares);
}

/* One share per account of the original, net of its lines. */
static void
set_shares(Reversal *reversal, const EntryLine *lines, int count)
{
	int			used = 0;

	reversal->shares = palloc0(count * sizeof(ReversalShare));
	for (int i = 0; i < count; i++)
	{
		reversal->shares[i].account = lines[i].account;
		reversal->shares[i].original = lines[i].amount;
	}
	qsort(reversal->shares, count, sizeof(ReversalShare), compare_shares);
	for (int i = 0; i < count; i++)
	{
		if (used > 0 && reversal->shares[used - 1].account == reversal->shares[i].account)
			reversal->shares[used - 1].original += reversal->shares[i].original;
		else
			reversal->shares[used++] = reversal->shares[i];
	}
	reversal->share_count = used;
	for (int i = 0; i < used; i++)
		reversal->shares[i].remaining = reversal->shares[i].original;
}

static void
add_lines(Reversal *reversal, const EntryLine *lines, int count, int sign)
{
	for (int i = 0; i < count; i++)
	{
		ReversalShare *share = find_share(reversal, lines[i].account);

		if (share)
			share->remaining += sign * lines[i].amount;
	}
}

/* Run a query about one journal with the latest snapshot; rows in SPI_tuptable. */
static void
query_journal(SPIPlanPtr *plan, const char *query, int32 client_id, int64 journal_id)
{
	Oid			types[2] = {INT4OID, INT8OID};
	Datum		arguments[2] = {Int32GetDatum(client_id), Int64GetDatum(journal_id)};
	Snapshot	latest = RegisterSnapshot(GetLatestSnapshot());

	spi_plan(plan, 2, types, query);
	spi_execute_snapshot(*plan, arguments, latest);
	UnregisterSnapshot(latest);
}

/* Lines of the entry in column 1 of a result row. */
static int
row_lines(uint64 row, EntryLine **lines)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);

	return entry_unpack((JournalEntry *) PG_DETOAST_DATUM_PACKED(value), lines);
}

static void
load_original(Reversal *reversal, MemoryContext context)
{
	static SPIPlanPtr plan = NULL;
	EntryLine  *lines;
	MemoryContext old;
	int			count;

	query_journal(&plan, "SELECT entry, reverses FROM bakkt_ledger.journal"
				  " WHERE client_id OPERATOR(pg_catalog.=) $1 AND journal_id OPERATOR(pg_catalog.=) $2"
				  " FOR NO KEY UPDATE", reversal->client_id, reversal->journal_id);
	if (SPI_processed == 0)
		return;
	reversal->found = true;
	(void) SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &reversal->is_reversal);
	reversal->is_reversal = !reversal->is_reversal;
	count = row_lines(0, &lines);
	old = MemoryContextSwitchTo(context);
	set_shares(reversal, lines, count);
	reversal->lines = palloc(count * sizeof(EntryLine));
	memcpy(reversal->lines, lines, count * sizeof(EntryLine));
	reversal->line_count = count;
	MemoryContextSwitchTo(old);
}

static void
load_earlier(Reversal *reversal)
{
	static SPIPlanPtr plan = NULL;

	query_journal(&plan, "SELECT entry FROM bakkt_ledger.journal"
				  " WHERE client_id OPERATOR(pg_catalog.=) $1 AND reverses OPERATOR(pg_catalog.=) $2",
				  reversal->client_id, reversal->journal_id);
	reversal->earlier = SPI_processed;
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		EntryLine  *lines;
		int			count = row_lines(row, &lines);

		add_lines(reversal, lines, count, 1);
	}
}

Reversal *
reversal_load(int32 client_id, int64 journal_id)
{
	Reversal   *reversal = palloc0(sizeof(Reversal));
	MemoryContext context = CurrentMemoryContext;

	reversal->client_id = client_id;
	reversal->journal_id = journal_id;
	SPI_connect();
	load_original(reversal, context);
	if (reversal->found)
		load_earlier(reversal);
	SPI_finish();
	return reversal;
}

/* Nothing left to take back?  A journal whose lines cancel can be reversed once, too. */
static bool
is_spent(const Reversal *reversal)
{
	if (reversal->earlier == 0)
		return false;
	for (int i = 0; i < reversal->share_count; i++)
		if (reversal->shares[i].remaining != 0)
			return false;
	return true;
}

static void
refuse_journal(LedgerRequest *request, const Reversal *reversal, int sqlstate,
			   const char *message, const char *hint)
{
	refuse(request, sqlstate, hint,
		   psprintf("The request would reverse journal " INT64_FORMAT ".", reversal->journal_id), "%s", message);
}

/* One account's net in the request against its share: opposite sign, no more than remains. */
static bool
fits(const ReversalShare *share, units change)
{
	units		left;

	if (share == NULL)
		return false;
	left = share->remaining + change;
	if (share->original >= 0)
		return change <= 0 && left >= 0;
	return change >= 0 && left <= 0;
}

void
reversal_check(const Reversal *reversal, LedgerRequest *request)
{
	Reversal	change = {0};

	if (!reversal->found)
	{
		refuse_journal(request, reversal, ERRCODE_LG_UNKNOWN_JOURNAL, "no such journal to reverse",
					   "Give the id of a journal of the same client.");
		return;
	}
	if (reversal->is_reversal)
	{
		refuse_journal(request, reversal, ERRCODE_LG_REVERSAL_OF_REVERSAL, "a reversal cannot be reversed",
					   "Post the original anew under a new reference.");
		return;
	}
	if (is_spent(reversal))
	{
		refuse_journal(request, reversal, ERRCODE_LG_ALREADY_REVERSED, "journal has been reversed already",
					   "Look for the journal whose \"reverses\" names it.");
		return;
	}
	set_shares(&change, request->lines, request->line_count);
	for (int i = 0; i < change.share_count; i++)
	{
		if (fits(find_share(reversal, change.shares[i].account), change.shares[i].original))
			continue;
		refuse_journal(request, reversal, ERRCODE_LG_REVERSAL_EXCEEDED, "reversal exceeds what remains of the journal",
					   "Reverse at most the original less its earlier reversals, on the same accounts.");
		return;
	}
}

void
reversal_apply(Reversal *reversal, const LedgerRequest *request, int sign)
{
	add_lines(reversal, request->lines, request->line_count, sign);
	reversal->earlier += sign;
}

JournalEntry *
reversal_entry(int32 client_id, int64 journal_id)
{
	Reversal   *reversal = reversal_load(client_id, journal_id);
	EntryLine  *lines;

	if (!reversal->found)
		return NULL;
	lines = palloc(reversal->line_count * sizeof(EntryLine));
	for (int i = 0; i < reversal->line_count; i++)
	{
		lines[i] = reversal->lines[i];
		lines[i].amount = -lines[i].amount;
	}
	return entry_pack(lines, reversal->line_count);
}
