/*-------------------------------------------------------------------------
 *
 * reversal.c
 *	  What of a journal can still be taken back: whole once, or in parts that
 *	  together never exceed it (I3).
 *
 * Of what was spent since, a reversal may leave a deficit: it takes less from
 * the claim, and lines on accounts that the journal does not have say who owes
 * the rest.  Such a reversal is the last.
 *
 * The row lock on the original serialises reversals; the earlier ones are
 * then read with the latest snapshot, since under REPEATABLE READ one that
 * committed meanwhile must count as well.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"

#include "errors.h"
#include "ledger/reversal.h"
#include "ledger/spi_plan.h"

static int
compare_shares(const void *a, const void *b)
{
	const ReversalShare *x = a;
	const ReversalShare *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->account != y->account)
		return x->account < y->account ? -1 : 1;
	return (int) x->debit - (int) y->debit;
}

static ReversalShare *
find_share(const Reversal *reversal, account_id account, bool debit)
{
	ReversalShare key = {.account = account,.debit = debit};

	return bsearch(&key, reversal->shares, reversal->share_count, sizeof(ReversalShare), compare_shares);
}

/* Sum the lines per account and side. */
static void
set_shares(Reversal *reversal, const EntryLine *lines, int count)
{
	int			used = 0;

	reversal->shares = palloc0((count + 1) * sizeof(ReversalShare));
	for (int i = 0; i < count; i++)
	{
		reversal->shares[i].account = lines[i].account;
		reversal->shares[i].debit = lines[i].amount > 0;
		reversal->shares[i].remaining = lines[i].amount > 0 ? lines[i].amount : -lines[i].amount;
	}
	qsort(reversal->shares, count, sizeof(ReversalShare), compare_shares);
	for (int i = 0; i < count; i++)
	{
		if (used > 0 && compare_shares(&reversal->shares[used - 1], &reversal->shares[i]) == 0)
			reversal->shares[used - 1].remaining += reversal->shares[i].remaining;
		else
			reversal->shares[used++] = reversal->shares[i];
	}
	reversal->share_count = used;
}

/* A credit takes from what remains of the debits of its account, and the reverse; sign -1 gives back. */
static void
take_lines(Reversal *reversal, const EntryLine *lines, int count, int sign)
{
	bool		deficit = false;

	for (int i = 0; i < count; i++)
	{
		bool		debit = lines[i].amount < 0;
		ReversalShare *share = find_share(reversal, lines[i].account, debit);

		if (share)
			share->remaining -= sign * (debit ? -lines[i].amount : lines[i].amount);
		else
			deficit = true;
	}
	if (deficit)
		reversal->deficits += sign;
}

/* Run a query about one journal with the latest snapshot; rows in SPI_tuptable. */
static void
query_journal(SPIPlanPtr *plan, const char *query, int32 client_id, int64 journal_id)
{
	Oid			types[2] = {INT4OID, INT8OID};
	Datum		arguments[2] = {Int32GetDatum(client_id), Int64GetDatum(journal_id)};

	spi_plan(plan, 2, types, query);
	spi_execute_latest(*plan, arguments);
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
	bool		isnull;
	int			count;

	query_journal(&plan, "SELECT entry, reverses, kind FROM bakkt_ledger_internal.journal"
				  " WHERE client_id OPERATOR(pg_catalog.=) $1 AND journal_id OPERATOR(pg_catalog.=) $2"
				  " FOR NO KEY UPDATE", reversal->client_id, reversal->journal_id);
	if (SPI_processed == 0)
		return;
	reversal->found = true;
	(void) SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &reversal->is_reversal);
	reversal->is_reversal = !reversal->is_reversal;
	reversal->kind = DatumGetInt16(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
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

	query_journal(&plan, "SELECT entry FROM bakkt_ledger_internal.journal"
				  " WHERE client_id OPERATOR(pg_catalog.=) $1 AND reverses OPERATOR(pg_catalog.=) $2",
				  reversal->client_id, reversal->journal_id);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		EntryLine  *lines;
		int			count = row_lines(row, &lines);

		take_lines(reversal, lines, count, 1);
		pfree(lines);
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

/* Nothing left to take back? */
static bool
is_spent(const Reversal *reversal)
{
	if (reversal->deficits > 0)
		return true;
	for (int i = 0; i < reversal->share_count; i++)
		if (reversal->shares[i].remaining != 0)
			return false;
	return true;
}

/* Kinds that only the function that made them can take back, with what hangs on them. */
static bool
has_own_reversal(JournalKind kind)
{
	return kind == KIND_TRADE || kind == KIND_NOVATION || kind == KIND_SETTLEMENT_WIRE || kind >= KIND_CASH_CALL;
}

static void
refuse_journal(LedgerRequest *request, const Reversal *reversal, int sqlstate,
			   const char *message, const char *hint)
{
	refuse(request, sqlstate, hint,
		   psprintf("The request would reverse journal " INT64_FORMAT ".", reversal->journal_id), "%s", message);
}

/* Do the request's lines fit into what remains, account by account and side by side? */
static bool
fits(const Reversal *reversal, const LedgerRequest *request)
{
	Reversal	change = {0};

	set_shares(&change, request->lines, request->line_count);
	for (int i = 0; i < change.share_count; i++)
	{
		ReversalShare *share = find_share(reversal, change.shares[i].account, !change.shares[i].debit);

		if (share == NULL ? !request->with_deficit : share->remaining < change.shares[i].remaining)
			return false;
	}
	return true;
}

void
reversal_check(const Reversal *reversal, LedgerRequest *request)
{
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
	if (request->kind == KIND_REVERSAL && has_own_reversal(reversal->kind))
	{
		refuse_journal(request, reversal, ERRCODE_LG_INVALID_REQUEST, "journal cannot be reversed by itself",
					   "Take a trade back with bust_trade(); windows, cash calls and transfers are corrected by functions of their own.");
		return;
	}
	if (is_spent(reversal))
	{
		refuse_journal(request, reversal, ERRCODE_LG_ALREADY_REVERSED, "journal has been reversed already",
					   "Look for the journal whose \"reverses\" names it.");
		return;
	}
	if (!fits(reversal, request))
		refuse_journal(request, reversal, ERRCODE_LG_REVERSAL_EXCEEDED, "reversal exceeds what remains of the journal",
					   "Reverse at most the original less its earlier reversals, on the same accounts and the other side.");
}

void
reversal_apply(Reversal *reversal, const LedgerRequest *request, int sign)
{
	take_lines(reversal, request->lines, request->line_count, sign);
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
