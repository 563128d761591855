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

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "errors.h"
#include "types/journal_entry.h"

/* Sum of one account in one asset. */
typedef struct NetKey
{
	account_id	account;
	asset_code	asset;
} NetKey;

typedef struct NetItem
{
	NetKey		key;
	units		sum;
	char		status;
} NetItem;

static inline uint32
net_key_hash(NetKey key)
{
	return (uint32) hash_combine64((uint64) key.account * UINT64CONST(0x9E3779B97F4A7C15), key.asset) ^
		(uint32) (((uint64) key.account * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
}

#define SH_PREFIX net
#define SH_ELEMENT_TYPE NetItem
#define SH_KEY_TYPE NetKey
#define SH_KEY key
#define SH_HASH_KEY(table, item_key) net_key_hash(item_key)
#define SH_EQUAL(table, a, b) ((a).account == (b).account && (a).asset == (b).asset)
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
 * net(journal_entry)
 * ----------
 */

static void
net_add(net_hash *table, const EntryLine *line)
{
	bool		found;
	NetItem    *item = net_insert(table, (NetKey) {line->account, line->asset}, &found);

	if (!found)
		item->sum = 0;
	if (!units_add(item->sum, line->amount, &item->sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum of account %s out of range", account_text(line->account))));
}

static net_hash *
net_state(FunctionCallInfo fcinfo)
{
	MemoryContext context = aggregate_context(fcinfo);

	return PG_ARGISNULL(0) ? net_create(context, 256, NULL) : (net_hash *) PG_GETARG_POINTER(0);
}

PG_FUNCTION_INFO_V1(journal_entry_net_add);
Datum
journal_entry_net_add(PG_FUNCTION_ARGS)
{
	net_hash   *table = net_state(fcinfo);
	EntryReader reader;
	EntryLine	line;

	if (!PG_ARGISNULL(1))
	{
		entry_read_begin(&reader, PG_GETARG_JOURNAL_ENTRY_P(1));
		while (entry_read_next(&reader, &line))
			net_add(table, &line);
	}
	PG_RETURN_POINTER(table);
}

static NetItem *
net_item(net_hash *table, net_iterator *iterator, EntryLine *line)
{
	NetItem    *item = net_iterate(table, iterator);

	if (item != NULL)
		*line = (EntryLine) {item->key.account, item->key.asset, item->sum};
	return item;
}

PG_FUNCTION_INFO_V1(journal_entry_net_combine);
Datum
journal_entry_net_combine(PG_FUNCTION_ARGS)
{
	net_hash   *table = net_state(fcinfo);
	net_iterator iterator;
	EntryLine	line;

	if (!PG_ARGISNULL(1))
	{
		net_hash   *other = (net_hash *) PG_GETARG_POINTER(1);

		net_start_iterate(other, &iterator);
		while (net_item(other, &iterator, &line))
			net_add(table, &line);
	}
	PG_RETURN_POINTER(table);
}

/* Between processes of one server only, so the bytes are those in memory. */
PG_FUNCTION_INFO_V1(journal_entry_net_serialize);
Datum
journal_entry_net_serialize(PG_FUNCTION_ARGS)
{
	net_hash   *table = (net_hash *) PG_GETARG_POINTER(0);
	net_iterator iterator;
	EntryLine	line;
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	net_start_iterate(table, &iterator);
	while (net_item(table, &iterator, &line))
		appendBinaryStringInfo(&buffer, (char *) &line, sizeof(line));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(journal_entry_net_deserialize);
Datum
journal_entry_net_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	int			count = VARSIZE_ANY_EXHDR(bytes) / sizeof(EntryLine);
	net_hash   *table = net_create(aggregate_context(fcinfo), Max(count, 16), NULL);
	EntryLine	line;

	for (int i = 0; i < count; i++)
	{
		memcpy(&line, VARDATA_ANY(bytes) + i * sizeof(line), sizeof(line));
		net_add(table, &line);
	}
	PG_RETURN_POINTER(table);
}

static int
compare_lines(const void *a, const void *b)
{
	const EntryLine *first = a;
	const EntryLine *second = b;

	if (first->account != second->account)
		return first->account < second->account ? -1 : 1;
	return (first->asset > second->asset) - (first->asset < second->asset);
}

/* One line per account and asset that did not come out at zero, in order. */
static EntryLine *
net_lines(net_hash *table, int *count)
{
	EntryLine  *lines = palloc_extended(sizeof(EntryLine) * Max(table->members, 1), MCXT_ALLOC_HUGE);
	net_iterator iterator;

	*count = 0;
	net_start_iterate(table, &iterator);
	while (net_item(table, &iterator, &lines[*count]))
		if (lines[*count].amount != 0)
			(*count)++;
	qsort(lines, *count, sizeof(EntryLine), compare_lines);
	return lines;
}

PG_FUNCTION_INFO_V1(journal_entry_net_final);
Datum
journal_entry_net_final(PG_FUNCTION_ARGS)
{
	Oid			element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	EntryLine  *lines;
	Datum	   *elements;
	int			count;

	if (PG_ARGISNULL(0))
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(element));
	lines = net_lines((net_hash *) PG_GETARG_POINTER(0), &count);
	elements = palloc_extended(sizeof(Datum) * Max(count, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		elements[i] = PointerGetDatum(&lines[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, count, element, sizeof(EntryLine), false, TYPALIGN_DOUBLE));
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
