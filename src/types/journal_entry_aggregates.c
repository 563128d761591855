/*-------------------------------------------------------------------------
 *
 * journal_entry_aggregates.c
 *	  Aggregates: rows into an entry, entries into balances.
 *
 * States live in the aggregate's memory context.  Final functions read their
 * state only, so that they serve window aggregates too.
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "errors.h"
#include "types/journal_entry.h"

/* One account in one asset; for turnover, one fund in one asset. */
typedef struct NetKey
{
	int64		owner;			/* account_id or Fund */
	asset_code	asset;
} NetKey;

/*
 * The halves of the amounts are summed apart, so that no order of rows, and no
 * way of splitting them among workers, overflows on the way to a sum in range.
 */
typedef struct NetItem
{
	NetKey		key;
	units		low;
	units		high;
	uint64		entries;		/* how many entries touch it */
	uint64		last_entry;		/* the last that did, counted by this state */
	TimestampTz latest;			/* the latest time that came with one */
	char		status;
} NetItem;

static inline uint32
net_key_hash(NetKey key)
{
	return (uint32) hash_combine64((uint64) key.owner * UINT64CONST(0x9E3779B97F4A7C15), key.asset) ^
		(uint32) (((uint64) key.owner * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
}

#define SH_PREFIX net
#define SH_ELEMENT_TYPE NetItem
#define SH_KEY_TYPE NetKey
#define SH_KEY key
#define SH_HASH_KEY(table, item_key) net_key_hash(item_key)
#define SH_EQUAL(table, a, b) ((a).owner == (b).owner && (a).asset == (b).asset)
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate function called in non-aggregate context")));
	return context;
}

/* ----------
 * journal_entry(account_id, amount)
 * ----------
 */

PG_FUNCTION_INFO_V1(journal_entry_agg_add);
Datum
journal_entry_agg_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	LineList   *list;
	Amount	   *amount;
	EntryLine	line;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_LG_INVALID_REQUEST),
				 errmsg("account or amount of a journal entry line is NULL")));
	if (PG_ARGISNULL(0))
	{
		list = MemoryContextAlloc(context, sizeof(LineList));
		line_list_init(list, context);
	}
	else
		list = (LineList *) PG_GETARG_POINTER(0);
	amount = PG_GETARG_AMOUNT_P(2);
	line.account = PG_GETARG_ACCOUNT_ID(1);
	line.asset = amount->asset;
	line.amount = amount_units(amount);
	line_list_append(list, &line);
	PG_RETURN_POINTER(list);
}

PG_FUNCTION_INFO_V1(journal_entry_agg_final);
Datum
journal_entry_agg_final(PG_FUNCTION_ARGS)
{
	LineList   *list;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	list = (LineList *) PG_GETARG_POINTER(0);
	PG_RETURN_JOURNAL_ENTRY_P(entry_pack(list->lines, list->count));
}

/* ----------
 * net(journal_entry), activity(journal_entry), turnover(journal_entry)
 * ----------
 */

typedef struct NetState
{
	net_hash   *table;
	uint64		entries;
} NetState;

static NetState *
net_state_make(MemoryContext context, uint32 size)
{
	NetState   *state = MemoryContextAlloc(context, sizeof(NetState));

	state->table = net_create(context, size, NULL);
	state->entries = 0;
	return state;
}

static NetState *
net_state(FunctionCallInfo fcinfo)
{
	MemoryContext context = aggregate_context(fcinfo);

	return PG_ARGISNULL(0) ? net_state_make(context, 256) : (NetState *) PG_GETARG_POINTER(0);
}

static NetItem *
net_item(NetState *state, int64 owner, asset_code asset)
{
	bool		found;
	NetItem    *item = net_insert(state->table, (NetKey) {owner, asset}, &found);

	if (!found)
	{
		item->low = item->high = 0;
		item->entries = item->last_entry = 0;
		item->latest = DT_NOBEGIN;
	}
	return item;
}

static void
net_add(NetState *state, int64 owner, const EntryLine *line, TimestampTz at)
{
	NetItem    *item = net_item(state, owner, line->asset);

	item->low += (uint64) line->amount;
	item->high += (int64) (line->amount >> 64);
	item->latest = Max(item->latest, at);
	if (item->last_entry != state->entries)
	{
		item->last_entry = state->entries;
		item->entries++;
	}
}

/* The sum; false when it is out of range. */
static bool
net_sum(const NetItem *item, units *sum)
{
	units		high = item->high + (item->low >> 64);

	if (high > (UNITS_MAX >> 64) || high < -(UNITS_MAX >> 64) - 1)
		return false;
	*sum = (units) ((unsigned_units) high << 64 | (uint64) item->low);
	return units_in_range(*sum);
}

/* The step of net(entry), activity(entry), and recorded_activity(entry, time) */
PG_FUNCTION_INFO_V1(journal_entry_net_add);
Datum
journal_entry_net_add(PG_FUNCTION_ARGS)
{
	NetState   *state = net_state(fcinfo);
	TimestampTz at = PG_NARGS() > 2 && !PG_ARGISNULL(2) ? PG_GETARG_TIMESTAMPTZ(2) : DT_NOBEGIN;
	EntryReader reader;
	EntryLine	line;

	if (!PG_ARGISNULL(1))
	{
		state->entries++;
		entry_read_begin(&reader, PG_GETARG_JOURNAL_ENTRY_P(1));
		while (entry_read_next(&reader, &line))
			net_add(state, line.account, &line, at);
	}
	PG_RETURN_POINTER(state);
}

/* Debits by fund and asset: by I1 the credits are the same. */
PG_FUNCTION_INFO_V1(journal_entry_turnover_add);
Datum
journal_entry_turnover_add(PG_FUNCTION_ARGS)
{
	NetState   *state = net_state(fcinfo);
	EntryReader reader;
	EntryLine	line;

	if (!PG_ARGISNULL(1))
	{
		entry_read_begin(&reader, PG_GETARG_JOURNAL_ENTRY_P(1));
		while (entry_read_next(&reader, &line))
			if (line.amount > 0)
				net_add(state, account_fund(line.account), &line, DT_NOBEGIN);
	}
	PG_RETURN_POINTER(state);
}

static void
net_merge(NetState *state, const NetItem *other)
{
	NetItem    *item = net_item(state, other->key.owner, other->key.asset);

	item->low += other->low;
	item->high += other->high;
	item->entries += other->entries;
	item->latest = Max(item->latest, other->latest);
}

PG_FUNCTION_INFO_V1(journal_entry_net_combine);
Datum
journal_entry_net_combine(PG_FUNCTION_ARGS)
{
	NetState   *state = net_state(fcinfo);
	net_iterator iterator;
	NetItem    *item;

	if (!PG_ARGISNULL(1))
	{
		NetState   *other = (NetState *) PG_GETARG_POINTER(1);

		net_start_iterate(other->table, &iterator);
		while ((item = net_iterate(other->table, &iterator)) != NULL)
			net_merge(state, item);
	}
	PG_RETURN_POINTER(state);
}

/* Between processes of one server only, so the bytes are those in memory. */
PG_FUNCTION_INFO_V1(journal_entry_net_serialize);
Datum
journal_entry_net_serialize(PG_FUNCTION_ARGS)
{
	NetState   *state = (NetState *) PG_GETARG_POINTER(0);
	net_iterator iterator;
	NetItem    *item;
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	net_start_iterate(state->table, &iterator);
	while ((item = net_iterate(state->table, &iterator)) != NULL)
		appendBinaryStringInfo(&buffer, (char *) item, sizeof(*item));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(journal_entry_net_deserialize);
Datum
journal_entry_net_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	int			count = VARSIZE_ANY_EXHDR(bytes) / sizeof(NetItem);
	NetState   *state = net_state_make(aggregate_context(fcinfo), Max(count, 16));
	NetItem		item;

	for (int i = 0; i < count; i++)
	{
		memcpy(&item, VARDATA_ANY(bytes) + i * sizeof(item), sizeof(item));
		net_merge(state, &item);
	}
	PG_RETURN_POINTER(state);
}

static int
compare_items(const void *a, const void *b)
{
	const NetKey *first = &(*(NetItem *const *) a)->key;
	const NetKey *second = &(*(NetItem *const *) b)->key;

	CHECK_FOR_INTERRUPTS();
	if (first->owner != second->owner)
		return first->owner < second->owner ? -1 : 1;
	return (first->asset > second->asset) - (first->asset < second->asset);
}

/* The items in order of owner and asset. */
static NetItem **
sorted_items(NetState *state, int *count)
{
	NetItem   **items = palloc_extended(sizeof(NetItem *) * Max(state->table->members, 1), MCXT_ALLOC_HUGE);
	net_iterator iterator;

	*count = 0;
	net_start_iterate(state->table, &iterator);
	while ((items[*count] = net_iterate(state->table, &iterator)) != NULL)
		if (++*count == state->table->members)
			break;
	qsort(items, *count, sizeof(NetItem *), compare_items);
	return items;
}

static units
checked_sum(const NetItem *item)
{
	units		sum;

	if (!net_sum(item, &sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum of account %s out of range", account_text(item->key.owner))));
	return sum;
}

/* One line per account and asset that did not come out at zero. */
PG_FUNCTION_INFO_V1(journal_entry_net_final);
Datum
journal_entry_net_final(PG_FUNCTION_ARGS)
{
	Oid			element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	int			count,
				lines = 0;
	NetItem   **items;
	Datum	   *elements;

	if (PG_ARGISNULL(0))
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(element));
	items = sorted_items((NetState *) PG_GETARG_POINTER(0), &count);
	elements = palloc_extended(sizeof(Datum) * Max(count, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		EntryLine	line = {items[i]->key.owner, items[i]->key.asset, checked_sum(items[i])};

		if (line.amount != 0)
			elements[lines++] = PointerGetDatum(memcpy(palloc(sizeof(line)), &line, sizeof(line)));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, lines, element, sizeof(EntryLine), false, TYPALIGN_DOUBLE));
}

/* An array of rows of the element type of the result, one per item. */
static Datum
rows_array(FunctionCallInfo fcinfo, int (*fill) (const NetItem *item, Datum *values))
{
	Oid			element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	descriptor = lookup_rowtype_tupdesc(element, -1);
	int			count = 0;
	NetItem   **items = PG_ARGISNULL(0) ? NULL : sorted_items((NetState *) PG_GETARG_POINTER(0), &count);
	Datum	   *rows = palloc_extended(sizeof(Datum) * Max(count, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < count; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		if (fill(items[i], values) != descriptor->natts)
			elog(ERROR, "unexpected row type");
		rows[i] = HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
	}
	ReleaseTupleDesc(descriptor);
	PG_RETURN_ARRAYTYPE_P(construct_array(rows, count, element, -1, false, TYPALIGN_DOUBLE));
}

/* (account, amount, entries) */
static int
fill_activity(const NetItem *item, Datum *values)
{
	values[0] = AccountIdGetDatum(item->key.owner);
	values[1] = AmountPGetDatum(amount_make(checked_sum(item), item->key.asset));
	values[2] = Int64GetDatum((int64) item->entries);
	return 3;
}

PG_FUNCTION_INFO_V1(journal_entry_activity_final);
Datum
journal_entry_activity_final(PG_FUNCTION_ARGS)
{
	return rows_array(fcinfo, fill_activity);
}

/* (account, amount, entries, last_recorded_at) */
static int
fill_recorded_activity(const NetItem *item, Datum *values)
{
	values[3] = TimestampTzGetDatum(item->latest);
	return fill_activity(item, values) + 1;
}

PG_FUNCTION_INFO_V1(journal_entry_recorded_activity_final);
Datum
journal_entry_recorded_activity_final(PG_FUNCTION_ARGS)
{
	return rows_array(fcinfo, fill_recorded_activity);
}

/* (fund, amount); a total beyond the range stops there: it must not keep a block from being sealed */
static int
fill_turnover(const NetItem *item, Datum *values)
{
	units		sum;

	if (!net_sum(item, &sum))
		sum = UNITS_MAX;
	values[0] = CStringGetTextDatum(fund_name((Fund) item->key.owner));
	values[1] = AmountPGetDatum(amount_make(sum, item->key.asset));
	return 2;
}

PG_FUNCTION_INFO_V1(journal_entry_turnover_final);
Datum
journal_entry_turnover_final(PG_FUNCTION_ARGS)
{
	return rows_array(fcinfo, fill_turnover);
}

/* ----------
 * sum_for(account_id, journal_entry)
 * ----------
 */

/* Add to a sum that may be empty yet (account 0). */
static void
sum_for_add(EntryLine *sum, const EntryLine *line)
{
	if (sum->account == 0)
		*sum = *line;
	else if (sum->asset == line->asset)
		entry_line_add(sum, line->amount);
	else
		ereport(ERROR,
				(errcode(ERRCODE_LG_DIFFERENT_ASSETS),
				 errmsg("cannot add amounts of different assets"),
				 errdetail("Accounts %s in %s and %s in %s.",
						   account_text(sum->account), asset_text(sum->asset),
						   account_text(line->account), asset_text(line->asset))));
}

static EntryLine *
sum_for_state(FunctionCallInfo fcinfo)
{
	MemoryContext context = aggregate_context(fcinfo);

	return PG_ARGISNULL(0) ? MemoryContextAllocZero(context, sizeof(EntryLine)) : PG_GETARG_ENTRY_LINE_P(0);
}

PG_FUNCTION_INFO_V1(journal_entry_sum_for_add);
Datum
journal_entry_sum_for_add(PG_FUNCTION_ARGS)
{
	EntryLine  *sum = sum_for_state(fcinfo);
	EntryLine	net;

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) &&
		entry_net(PG_GETARG_JOURNAL_ENTRY_P(2), PG_GETARG_ACCOUNT_ID(1), &net))
		sum_for_add(sum, &net);
	PG_RETURN_POINTER(sum);
}

PG_FUNCTION_INFO_V1(journal_entry_sum_for_combine);
Datum
journal_entry_sum_for_combine(PG_FUNCTION_ARGS)
{
	EntryLine  *sum = sum_for_state(fcinfo);

	if (!PG_ARGISNULL(1) && PG_GETARG_ENTRY_LINE_P(1)->account != 0)
		sum_for_add(sum, PG_GETARG_ENTRY_LINE_P(1));
	PG_RETURN_POINTER(sum);
}

PG_FUNCTION_INFO_V1(journal_entry_sum_for_serialize);
Datum
journal_entry_sum_for_serialize(PG_FUNCTION_ARGS)
{
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	appendBinaryStringInfo(&buffer, (char *) PG_GETARG_ENTRY_LINE_P(0), sizeof(EntryLine));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(journal_entry_sum_for_deserialize);
Datum
journal_entry_sum_for_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	EntryLine  *sum = MemoryContextAlloc(aggregate_context(fcinfo), sizeof(EntryLine));

	memcpy(sum, VARDATA_ANY(bytes), sizeof(EntryLine));
	PG_RETURN_POINTER(sum);
}

PG_FUNCTION_INFO_V1(journal_entry_sum_for_final);
Datum
journal_entry_sum_for_final(PG_FUNCTION_ARGS)
{
	EntryLine  *sum = PG_ARGISNULL(0) ? NULL : PG_GETARG_ENTRY_LINE_P(0);

	if (sum == NULL || sum->account == 0)
		PG_RETURN_NULL();
	PG_RETURN_AMOUNT_P(amount_make(sum->amount, sum->asset));
}
