/*-------------------------------------------------------------------------
 *
 * live_position.c
 *	  What a client owes now, followed by each session for itself.
 *
 * The accounts of a client's settlement are house accounts: no row has their
 * balance, lest all who trade for one client wait for it.  A session begins
 * with the last block's balances and adds up the journals from there; each
 * later call adds those that have been committed since the last one.  Nothing
 * is written, and nobody waits.
 *
 * Numbers of journals do not appear in order.  Whoever takes one holds the
 * relation lock on journal until its transaction ends (I22), so what may
 * still appear below a number that was there is due from the writers that
 * held that lock since.  Of each writer a session remembers below which
 * number it has none; when it is gone, journals are read again from there,
 * without those that are counted, which a bit each tells.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ledger/key_lookup.h"
#include "ledger/session_cache.h"
#include "ledger/spi_plan.h"
#include "trade/live_position.h"
#include "types/execution_terms.h"
#include "types/journal_entry.h"

/* After so many numbers a session begins anew, at a later block: bounds its memory */
#define NUMBERS_MOST (INT64CONST(1) << 23)

/* A transaction that may still write journals */
typedef struct Writer
{
	VirtualTransactionId transaction;
	int64		floor;			/* it has no number up to this one */
} Writer;

struct LivePosition
{
	int32		client_id;		/* hash key */
	bool		gross;			/* the day's gross is known */
	uint64		day_read;		/* whether a cut-off may have changed since */
	DateADT		day;
	TimestampTz begins;			/* of the day */
	TimestampTz ends;
	int			figure_count;
	int			figure_room;
	LiveFigure *figures;
	int64		origin;			/* first number with a bit; all before are counted, or not this client's */
	int64		before_day;		/* nothing up to this number was recorded in the day */
	int64		began;			/* highest number of the block it began with */
	int64		known;			/* highest number seen */
	int64		floor;			/* highest number seen before the writers were looked at */
	uint8	   *counted;		/* a bit per number from the origin */
	int64		counted_size;	/* in bytes */
	int			writer_count;
	Writer	   *writers;
};

/* Is the account a part of what a client owes? */
typedef struct ExposedAccount
{
	account_id	account;		/* hash key */
	bool		exposed;
} ExposedAccount;

/* columns of journal, by number */
enum
{
	JOURNAL_ID = 3, JOURNAL_RECORDED_AT = 4, JOURNAL_REVERSES = 7, JOURNAL_ENTRY = 10, JOURNAL_TERMS = 11
};

/* Positions are facts: they end with the extension only. */
static SessionCache cache = {
	.name = "live positions",
	.watched = {LEDGER_RECORD_SEQUENCE},
	.watched_count = 1
};

/* A client's day hangs on its cut-off. */
static SessionCache days = {
	.name = "days of clients",
	.watched = {LEDGER_CLIENT},
	.watched_count = 1
};
static uint64 days_read = 0;
static HTAB *positions = NULL;
static HTAB *accounts = NULL;
static bool own_counted = false;	/* journals of the transaction under way */
static bool undone = false;		/* such journals are no more, or a reading was broken off */

/* ---- staying right ---- */

static void
transaction_ended(XactEvent event, void *argument)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event != XACT_EVENT_COMMIT && own_counted)
		undone = true;
	own_counted = false;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && own_counted)
		undone = true;
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(subtransaction_ended, NULL);
	registered = true;
}

void
live_positions_begin(void)
{
	register_callbacks();
	if (!session_cache_is_current(&days))
	{
		session_cache_renew(&days);
		days_read++;
	}
	if (session_cache_is_current(&cache) && positions && !undone)
		return;
	positions = accounts = NULL;
	session_cache_renew(&cache);
	positions = session_cache_table(&cache, "bakkt_ledger live positions", sizeof(int32), sizeof(LivePosition));
	accounts = session_cache_table(&cache, "bakkt_ledger exposed accounts", sizeof(account_id), sizeof(ExposedAccount));
	undone = false;
}

/* ---- figures ---- */

LiveFigure *
live_figure(LivePosition *position, asset_code asset)
{
	for (int i = 0; i < position->figure_count; i++)
		if (position->figures[i].asset == asset)
			return &position->figures[i];
	if (position->figure_count == position->figure_room)
	{
		position->figure_room = Max(4, position->figure_room * 2);
		position->figures = position->figures ? repalloc(position->figures, position->figure_room * sizeof(LiveFigure))
			: MemoryContextAlloc(cache.context, position->figure_room * sizeof(LiveFigure));
	}
	memset(&position->figures[position->figure_count], 0, sizeof(LiveFigure));
	position->figures[position->figure_count].alerted = DATEVAL_NOBEGIN;
	position->figures[position->figure_count].asset = asset;
	return &position->figures[position->figure_count++];
}

/* What leaves the range of an amount could be posted by nobody. */
static void
add_to(units *sum, units change)
{
	if (!units_add(*sum, change, sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("a client's live position is out of range")));
}

static void
add_figures(LivePosition *position, asset_code asset, units net_debit, units gross)
{
	LiveFigure *figure = live_figure(position, asset);

	add_to(&figure->net_debit, net_debit);
	add_to(&figure->gross, gross);
}

DateADT
live_position_day(const LivePosition *position)
{
	return position->day;
}

/* ---- which numbers are counted ---- */

static bool
is_counted(const LivePosition *position, int64 number)
{
	int64		bit = number - position->origin;

	return bit < 0 || (bit / 8 < position->counted_size && (position->counted[bit / 8] & (1 << bit % 8)) != 0);
}

/* Have a bit for the number. */
static void
make_room(LivePosition *position, int64 number)
{
	int64		needed = (number - position->origin) / 8 + 1;
	int64		size;

	if (needed <= position->counted_size)
		return;
	size = Max(needed + 1024, position->counted_size * 2);
	position->counted = position->counted ? repalloc_huge(position->counted, size)
		: MemoryContextAllocHuge(cache.context, size);
	memset(position->counted + position->counted_size, 0, size - position->counted_size);
	position->counted_size = size;
}

static void
set_counted(LivePosition *position, int64 number, bool counted)
{
	int64		bit = number - position->origin;

	if (bit < 0)
		return;
	make_room(position, number);
	if (counted)
		position->counted[bit / 8] |= 1 << bit % 8;
	else
		position->counted[bit / 8] &= ~(1 << bit % 8);
	position->known = Max(position->known, number);
}

/* ---- reading journals ---- */

static bool
is_exposed(int32 client_id, account_id account)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT8OID};
	Datum		arguments[1] = {AccountIdGetDatum(account)};
	ExposedAccount *entry = hash_search(accounts, &account, HASH_FIND, NULL);
	bool		exposed;

	if (entry)
		return entry->exposed;
	exposed = spi_int32(&plan, 1, types, arguments,
						"SELECT bakkt_ledger_internal.is_exposure_kind(kind)::pg_catalog.int4 FROM bakkt_ledger_internal.account"
						" WHERE account OPERATOR(bakkt_ledger.=) $1::bakkt_ledger.account_id") != 0;
	entry = hash_search(accounts, &account, HASH_ENTER, NULL);
	entry->exposed = exposed;
	return exposed;
}

bool
live_position_in_day(const LivePosition *position, int64 journal_id)
{
	Datum		key[2] = {Int32GetDatum(position->client_id), Int64GetDatum(journal_id)};
	KeyLookup	lookup;
	bool		isnull;
	bool		in_day;

	key_lookup_open(&lookup, LEDGER_JOURNAL, LEDGER_JOURNAL_KEY);
	in_day = key_lookup_find(&lookup, key) &&
		DatumGetTimestampTz(slot_getattr(lookup.slot, JOURNAL_RECORDED_AT, &isnull)) >= position->begins;
	key_lookup_close(&lookup);
	return in_day;
}

static units
gross_of(const LivePosition *position, TupleTableSlot *slot, units money)
{
	bool		isnull;
	Datum		reverses;

	if (!position->gross || DatumGetTimestampTz(slot_getattr(slot, JOURNAL_RECORDED_AT, &isnull)) < position->begins)
		return 0;
	money = money < 0 ? -money : money;
	reverses = slot_getattr(slot, JOURNAL_REVERSES, &isnull);
	if (isnull)
		return money;
	return live_position_in_day(position, DatumGetInt64(reverses)) ? -money : 0;
}

/* An execution, or a bust of one: its terms tell all. */
static void
count_execution(LivePosition *position, TupleTableSlot *slot, const PackedTerms *terms)
{
	TermsHead	head;

	terms_head(terms, &head);
	add_figures(position, head.quote, terms_funding(terms) == FUNDING_NET_SETTLEMENT ? head.net_money : 0,
				gross_of(position, slot, head.net_money));
}

static void
count_lines(LivePosition *position, const JournalEntry *entry)
{
	EntryReader reader;
	EntryLine	line;

	entry_read_begin(&reader, entry);
	while (entry_read_next(&reader, &line))
		if (account_fund(line.account) == FUND_CORP && is_exposed(position->client_id, line.account))
			add_figures(position, line.asset, line.amount, 0);
}

static void
count_journal(LivePosition *position, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		terms = slot_getattr(slot, JOURNAL_TERMS, &isnull);

	if (isnull)
		count_lines(position, DatumGetJournalEntryP(slot_getattr(slot, JOURNAL_ENTRY, &isnull)));
	else
		count_execution(position, slot, (PackedTerms *) PG_DETOAST_DATUM_PACKED(terms));
	if (TransactionIdIsCurrentTransactionId(DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull))))
		own_counted = true;
	set_counted(position, DatumGetInt64(slot_getattr(slot, JOURNAL_ID, &isnull)), true);
}

/*
 * Count the journals that the scan finds and that are not counted; those are
 * passed over in the index.  What a journal takes of memory is given back,
 * but the scan keeps its own.
 */
static void
count_from(LivePosition *position, IndexScanDesc scan, TupleTableSlot *slot)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "live position", ALLOCSET_SMALL_SIZES);

	while (index_getnext_tid(scan, ForwardScanDirection) != NULL)
	{
		bool		isnull;
		int64		number = DatumGetInt64(index_getattr(scan->xs_itup, 2, scan->xs_itupdesc, &isnull));
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		position->known = Max(position->known, number);
		if (is_counted(position, number) || !index_fetch_heap(scan, slot))
			continue;
		old = MemoryContextSwitchTo(work);
		count_journal(position, slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(work);
	}
	MemoryContextDelete(work);
}

/* Of the day's executions that the block has, which the balances do not tell. */
static void
count_day(LivePosition *position, IndexScanDesc scan, TupleTableSlot *slot)
{
	while (index_getnext_tid(scan, ForwardScanDirection) != NULL)
	{
		bool		isnull;
		int64		number = DatumGetInt64(index_getattr(scan->xs_itup, 2, scan->xs_itupdesc, &isnull));
		Datum		terms;
		TermsHead	head;

		CHECK_FOR_INTERRUPTS();
		if (number > position->began)
			return;
		if (!is_counted(position, number) || !index_fetch_heap(scan, slot))
			continue;
		terms = slot_getattr(slot, JOURNAL_TERMS, &isnull);
		if (isnull)
			continue;
		terms_head((PackedTerms *) PG_DETOAST_DATUM_PACKED(terms), &head);
		add_figures(position, head.quote, 0, gross_of(position, slot, head.net_money));
	}
}

/* Have the client's journals above the number, as committed by now, counted. */
static void
read_journals(LivePosition *position, int64 above, void (*count) (LivePosition *, IndexScanDesc, TupleTableSlot *))
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	Relation	journal = table_open(ledger_relation(LEDGER_JOURNAL), AccessShareLock);
	Relation	index = index_open(ledger_relation(LEDGER_JOURNAL_KEY), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(journal, NULL);
	IndexScanDesc scan;
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(position->client_id));
	ScanKeyInit(&keys[1], 2, BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(above));
#if PG_VERSION_NUM >= 180000
	scan = index_beginscan(journal, index, snapshot, NULL, 2, 0);
#else
	scan = index_beginscan(journal, index, snapshot, 2, 0);
#endif
	scan->xs_want_itup = true;
	index_rescan(scan, keys, 2, NULL, 0);
	count(position, scan, slot);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(journal, AccessShareLock);
	UnregisterSnapshot(snapshot);
}

/* ---- writers ---- */

/* Its place among those remembered, looked for from the one expected on; -1: it is new. */
static int
writer_place(const LivePosition *position, VirtualTransactionId transaction, int expected)
{
	for (int i = 0; i < position->writer_count; i++)
	{
		int			place = (expected + i) % position->writer_count;

		if (VirtualTransactionIdEquals(position->writers[place].transaction, transaction))
			return place;
	}
	return -1;
}

/*
 * Below which number has a writer none?  One that is new has locked the
 * journal after the last look at the writers, and what was seen before that
 * look was taken then; a prepared one may be any that was remembered.
 */
static int64
writer_floor(const LivePosition *position, VirtualTransactionId transaction, int place)
{
	if (place >= 0)
		return position->writers[place].floor;
	return VirtualTransactionIdIsRecoveredPreparedXact(transaction) ? position->origin - 1 : position->floor;
}

/* Note who may write now, and return above which number those that have ended since may have left journals. */
static int64
follow_writers(LivePosition *position)
{
	LOCKTAG		tag;
	int			count;
	VirtualTransactionId *present;
	Writer	   *writers;
	int64		above = position->floor;
	int64		seen = position->known;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, ledger_relation(LEDGER_JOURNAL));
	present = GetLockConflicts(&tag, ShareLock, &count);
	writers = MemoryContextAlloc(cache.context, (count + 1) * sizeof(Writer));
	for (int i = 0; i < count; i++)
	{
		int			place = writer_place(position, present[i], i);

		writers[i].transaction = present[i];
		writers[i].floor = writer_floor(position, present[i], place);
		if (place >= 0)
			position->writers[place].floor = PG_INT64_MAX;	/* still there */
	}
	for (int i = 0; i < position->writer_count; i++)
		above = Min(above, position->writers[i].floor);
	if (position->writers)
		pfree(position->writers);
	pfree(present);
	position->writers = writers;
	position->writer_count = count;
	position->floor = seen;
	return above;
}

/* ---- beginning ---- */

static Datum
column(uint64 row, int number)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &isnull);
}

static int
numbers_in(Datum array, Datum **numbers)
{
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, numbers, NULL, &count);
	return count;
}

/* All up to the block's high are counted but for those that may still appear. */
static void
begin_numbers(LivePosition *position, int64 high, Datum pending_from, Datum pending_to)
{
	Datum	   *from;
	Datum	   *to;
	int			count = numbers_in(pending_from, &from);

	numbers_in(pending_to, &to);
	position->origin = count > 0 ? DatumGetInt64(from[0]) : high + 1;
	position->began = position->known = position->floor = high;
	if (count == 0)
		return;
	make_room(position, high);
	for (int64 number = position->origin; number <= high; number++)
		set_counted(position, number, true);
	for (int i = 0; i < count; i++)
		for (int64 number = DatumGetInt64(from[i]); number < DatumGetInt64(to[i]); number++)
			set_counted(position, number, false);
}

static void
begin_figures(LivePosition *position, int64 block_no)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {INT4OID, INT8OID};
	Datum		arguments[2] = {Int32GetDatum(position->client_id), Int64GetDatum(block_no)};

	spi_plan(&plan, 2, types, "SELECT asset, net_debit FROM bakkt_ledger_internal.net_debit_at_block($1, $2)");
	spi_execute_latest(plan, arguments);
	for (uint64 row = 0; row < SPI_processed; row++)
		add_figures(position, DatumGetAsset(column(row, 1)), amount_units(DatumGetAmountP(column(row, 2))), 0);
}

/* The client's day that the moment is in, and the last block, in row 0 of the result. */
static void
find_beginning(int32 client_id, TimestampTz moment)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		arguments[2] = {Int32GetDatum(client_id), TimestampTzGetDatum(moment)};

	spi_plan(&plan, 2, types,
			 "SELECT day, begins, ends, block_no, high, pending_from, pending_to, before_day"
			 " FROM bakkt_ledger_internal.exposure_beginning($1, $2)");
	spi_execute_latest(plan, arguments);
}

static void
begin_position(LivePosition *position, bool gross, TimestampTz moment)
{
	int64		block_no;

	SPI_connect();
	find_beginning(position->client_id, moment);
	position->gross = gross;
	position->day_read = days_read;
	position->day = DatumGetDateADT(column(0, 1));
	position->begins = DatumGetTimestampTz(column(0, 2));
	position->ends = DatumGetTimestampTz(column(0, 3));
	position->before_day = DatumGetInt64(column(0, 8));
	block_no = DatumGetInt64(column(0, 4));
	begin_numbers(position, DatumGetInt64(column(0, 5)), column(0, 6), column(0, 7));
	begin_figures(position, block_no);
	SPI_finish();
}

/* Is its day still what it was, now that a client has been changed? */
static bool
has_its_day(LivePosition *position, TimestampTz moment)
{
	bool		same;

	if (position->day_read == days_read)
		return true;
	SPI_connect();
	find_beginning(position->client_id, moment);
	same = position->begins == DatumGetTimestampTz(column(0, 2)) && position->ends == DatumGetTimestampTz(column(0, 3));
	SPI_finish();
	position->day_read = days_read;
	return same;
}

static void
forget_position(LivePosition *position)
{
	if (position->figures)
		pfree(position->figures);
	if (position->counted)
		pfree(position->counted);
	if (position->writers)
		pfree(position->writers);
	hash_search(positions, &position->client_id, HASH_REMOVE, NULL);
}

/* Has it to begin anew? */
static bool
is_over(LivePosition *position, bool gross, TimestampTz moment)
{
	return moment >= position->ends || moment < position->begins || position->gross != gross ||
		position->known - position->began > NUMBERS_MOST || !has_its_day(position, moment);
}

/* Its numbers' floors are those of the block: what may appear below is pending there. */
static LivePosition *
new_position(int32 client_id, bool gross, TimestampTz moment)
{
	LivePosition fresh = {.client_id = client_id};
	LivePosition *position;

	begin_position(&fresh, gross, moment);
	position = hash_search(positions, &client_id, HASH_ENTER, NULL);
	*position = fresh;
	follow_writers(position);
	for (int i = 0; i < position->writer_count; i++)
		position->writers[i].floor = position->origin - 1;
	if (gross)
		read_journals(position, position->before_day, count_day);
	read_journals(position, position->origin - 1, count_from);
	return position;
}

/* The one there is, brought up to date, or a new one. */
static LivePosition *
read_position(int32 client_id, bool gross, TimestampTz moment)
{
	LivePosition *position = hash_search(positions, &client_id, HASH_FIND, NULL);

	if (position && is_over(position, gross, moment))
	{
		forget_position(position);
		position = NULL;
	}
	if (position == NULL)
		return new_position(client_id, gross, moment);
	read_journals(position, follow_writers(position), count_from);
	return position;
}

LivePosition *
live_position_read(int32 client_id, bool gross, TimestampTz moment)
{
	LivePosition *position;

	undone = true;				/* unless the end is reached */
	position = read_position(client_id, gross, moment);
	undone = false;
	return position;
}

void
live_position_posted(LivePosition *position, int64 journal_id, asset_code asset, units net_debit, units gross)
{
	own_counted = true;
	add_figures(position, asset, net_debit, gross);
	set_counted(position, journal_id, true);
}
