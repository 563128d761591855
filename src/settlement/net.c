/*-------------------------------------------------------------------------
 *
 * net.c
 *	  Aggregates that net obligations: who owes whom how much of what.
 *
 * One state serves two aggregates: the net of every pair of parties per
 * asset.  net_bilateral() returns it; net_obligations() adds the pairs up to
 * one figure per party and asset.  Every pair enters its two parties with
 * opposite signs, so the multilateral result sums to zero per asset by
 * construction (I15), whatever the input.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "errors.h"
#include "types/amount.h"

/* A party's name; known by its number from then on */
typedef struct PartyName
{
	const char *data;
	uint32		length;
} PartyName;

typedef struct PartyEntry
{
	PartyName	name;
	uint32		hash;
	int32		number;
	char		status;
} PartyEntry;

/* What the lower-numbered party owes the higher one, net; negative: is owed */
typedef struct PairKey
{
	int32		lower;
	int32		higher;
	asset_code	asset;
} PairKey;

typedef struct PairEntry
{
	PairKey		key;
	uint64		low;			/* units in halves: see amount.h */
	int64		high;
	uint32		hash;
	char		status;
} PairEntry;

static inline bool
party_name_equal(PartyName a, PartyName b)
{
	return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static inline bool
pair_key_equal(PairKey a, PairKey b)
{
	return a.lower == b.lower && a.higher == b.higher && a.asset == b.asset;
}

#define SH_PREFIX party
#define SH_ELEMENT_TYPE PartyEntry
#define SH_KEY_TYPE PartyName
#define SH_KEY name
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) (key).data, (key).length)
#define SH_EQUAL(tb, a, b) party_name_equal(a, b)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX pair
#define SH_ELEMENT_TYPE PairEntry
#define SH_KEY_TYPE PairKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) &(key), sizeof(PairKey))
#define SH_EQUAL(tb, a, b) pair_key_equal(a, b)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct NetState
{
	MemoryContext context;
	party_hash *parties;
	pair_hash  *pairs;
	PartyName  *names;			/* by number */
	int			name_space;
} NetState;

/* One line of a result, before it becomes a row */
typedef struct NetLine
{
	PartyName	payer;
	PartyName	payee;			/* unused in the multilateral result */
	asset_code	asset;
	units		amount;
} NetLine;

static NetState *
net_state_create(MemoryContext context)
{
	NetState   *state = MemoryContextAllocZero(context, sizeof(NetState));

	state->context = context;
	state->parties = party_create(context, 16, NULL);
	state->pairs = pair_create(context, 16, NULL);
	state->name_space = 16;
	state->names = MemoryContextAlloc(context, sizeof(PartyName) * state->name_space);
	return state;
}

/* Keep a copy of a name that is new. */
static void
net_register_party(NetState *state, PartyEntry *entry)
{
	char	   *copy = MemoryContextAlloc(state->context, entry->name.length + 1);

	memcpy(copy, entry->name.data, entry->name.length);
	copy[entry->name.length] = '\0';
	entry->name.data = copy;
	entry->number = state->parties->members - 1;
	if (entry->number >= state->name_space)
	{
		state->name_space *= 2;
		state->names = repalloc(state->names, sizeof(PartyName) * state->name_space);
	}
	state->names[entry->number] = entry->name;
}

static int32
net_party_number(NetState *state, PartyName name)
{
	bool		found;
	PartyEntry *entry = party_insert(state->parties, name, &found);

	if (!found)
		net_register_party(state, entry);
	return entry->number;
}

static units
pair_units(const PairEntry *pair)
{
	return (units) (((unsigned_units) pair->low) | ((unsigned_units) (uint64) pair->high << 64));
}

/* Checked addition for every figure here; the message names the asset. */
static units
net_add(units a, units b, asset_code asset)
{
	units		sum;

	if (!units_add(a, b, &sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("net of %s out of range", asset_text(asset))));
	return sum;
}

/* payer owes payee amount; a debt to oneself is none */
static void
net_add_debt(NetState *state, PartyName payer, PartyName payee, asset_code asset, units amount)
{
	int32		from = net_party_number(state, payer);
	int32		to = net_party_number(state, payee);
	PairKey		key = {Min(from, to), Max(from, to), asset};
	PairEntry  *pair;
	bool		found;
	units		sum;

	if (from == to)
		return;
	pair = pair_insert(state->pairs, key, &found);
	if (!found)
	{
		pair->low = 0;
		pair->high = 0;
	}
	sum = net_add(pair_units(pair), from < to ? amount : -amount, asset);
	pair->low = (uint64) sum;
	pair->high = (int64) (sum >> 64);
}

static PartyName
party_name(text *name)
{
	PartyName	result = {VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)};

	return result;
}

PG_FUNCTION_INFO_V1(net_accumulate);

/*
 * Transition: (state, payer, payee, amount).  A NULL amount is skipped like
 * in sum(); an amount without its parties is an error, for it would vanish.
 */
Datum
net_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	NetState   *state;
	Amount	   *amount;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "net_accumulate called in non-aggregate context");
	state = PG_ARGISNULL(0) ? net_state_create(context) : (NetState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(3))
		PG_RETURN_POINTER(state);
	amount = PG_GETARG_AMOUNT_P(3);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_LG_INVALID_REQUEST),
				 errmsg("obligation has no %s", PG_ARGISNULL(1) ? "payer" : "payee"),
				 errdetail("Its amount is %s.", amount_text(amount_units(amount), amount->asset))));
	net_add_debt(state, party_name(PG_GETARG_TEXT_PP(1)), party_name(PG_GETARG_TEXT_PP(2)),
				 amount->asset, amount_units(amount));
	PG_RETURN_POINTER(state);
}

/* Enter every pair of another state under this one's numbers. */
static void
net_merge(NetState *state, const NetState *other)
{
	pair_iterator iterator;
	PairEntry  *pair;

	pair_start_iterate(other->pairs, &iterator);
	while ((pair = pair_iterate(other->pairs, &iterator)) != NULL)
		net_add_debt(state, other->names[pair->key.lower], other->names[pair->key.higher],
					 pair->key.asset, pair_units(pair));
}

PG_FUNCTION_INFO_V1(net_combine);

/* Parallel aggregation: add the second state to the first. */
Datum
net_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	NetState   *state;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "net_combine called in non-aggregate context");
	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	state = PG_ARGISNULL(0) ? net_state_create(context) : (NetState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
		net_merge(state, (NetState *) PG_GETARG_POINTER(1));
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(net_serialize);

/* Parallel aggregation: names in order of their numbers, then the pairs. */
Datum
net_serialize(PG_FUNCTION_ARGS)
{
	NetState   *state = (NetState *) PG_GETARG_POINTER(0);
	StringInfoData buffer;
	pair_iterator iterator;
	PairEntry  *pair;

	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, state->parties->members);
	for (int number = 0; number < state->parties->members; number++)
	{
		pq_sendint32(&buffer, state->names[number].length);
		pq_sendbytes(&buffer, unconstify(char *, state->names[number].data), state->names[number].length);
	}
	pq_sendint32(&buffer, state->pairs->members);
	pair_start_iterate(state->pairs, &iterator);
	while ((pair = pair_iterate(state->pairs, &iterator)) != NULL)
	{
		pq_sendint32(&buffer, pair->key.lower);
		pq_sendint32(&buffer, pair->key.higher);
		pq_sendint64(&buffer, pair->key.asset);
		pq_sendint64(&buffer, pair->low);
		pq_sendint64(&buffer, pair->high);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

static void
net_read_parties(NetState *state, StringInfo buffer)
{
	int			count = pq_getmsgint(buffer, 4);

	for (int number = 0; number < count; number++)
	{
		PartyName	name;

		name.length = pq_getmsgint(buffer, 4);
		name.data = pq_getmsgbytes(buffer, name.length);
		(void) net_party_number(state, name);
	}
}

static void
net_read_pairs(NetState *state, StringInfo buffer)
{
	int			count = pq_getmsgint(buffer, 4);

	for (int i = 0; i < count; i++)
	{
		PairKey		key;
		PairEntry  *pair;
		bool		found;

		key.lower = pq_getmsgint(buffer, 4);
		key.higher = pq_getmsgint(buffer, 4);
		key.asset = pq_getmsgint64(buffer);
		pair = pair_insert(state->pairs, key, &found);
		pair->low = pq_getmsgint64(buffer);
		pair->high = pq_getmsgint64(buffer);
	}
}

PG_FUNCTION_INFO_V1(net_deserialize);

Datum
net_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *serialized = PG_GETARG_BYTEA_PP(0);
	MemoryContext context;
	NetState   *state;
	StringInfoData buffer;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "net_deserialize called in non-aggregate context");
	state = net_state_create(CurrentMemoryContext);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));
	net_read_parties(state, &buffer);
	net_read_pairs(state, &buffer);
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(state);
}

static int
compare_party_names(PartyName a, PartyName b)
{
	int			result = memcmp(a.data, b.data, Min(a.length, b.length));

	return result != 0 ? result : (a.length > b.length) - (a.length < b.length);
}

/* Asset, then payer, then payee, bytewise: the same order for every database. */
static int
compare_net_lines(const void *a, const void *b)
{
	const NetLine *left = (const NetLine *) a;
	const NetLine *right = (const NetLine *) b;
	int			result;

	if (left->asset != right->asset)
		return left->asset < right->asset ? -1 : 1;
	result = compare_party_names(left->payer, right->payer);
	return result != 0 ? result : compare_party_names(left->payee, right->payee);
}

/* Debtor first and the amount positive; a pair that is even has no line. */
static int
bilateral_lines(NetState *state, NetLine *lines)
{
	pair_iterator iterator;
	PairEntry  *pair;
	int			count = 0;

	pair_start_iterate(state->pairs, &iterator);
	while ((pair = pair_iterate(state->pairs, &iterator)) != NULL)
	{
		units		owed = pair_units(pair);
		NetLine    *line = &lines[count];

		if (owed == 0)
			continue;
		line->payer = state->names[owed > 0 ? pair->key.lower : pair->key.higher];
		line->payee = state->names[owed > 0 ? pair->key.higher : pair->key.lower];
		line->asset = pair->key.asset;
		line->amount = owed > 0 ? owed : -owed;
		count++;
	}
	qsort(lines, count, sizeof(NetLine), compare_net_lines);
	return count;
}

/* Both ends of every pair, sorted, then added up per asset and party. */
static int
multilateral_lines(NetState *state, NetLine *lines)
{
	PartyName	nobody = {"", 0};
	int			pairs = bilateral_lines(state, lines);
	int			count = 0;

	for (int i = 0; i < pairs; i++)
	{
		lines[pairs + i] = lines[i];
		lines[pairs + i].payer = lines[i].payee;
		lines[pairs + i].amount = -lines[i].amount;
		lines[i].payee = lines[pairs + i].payee = nobody;
	}
	qsort(lines, 2 * pairs, sizeof(NetLine), compare_net_lines);
	for (int i = 0; i < 2 * pairs; i++)
	{
		if (count > 0 && compare_net_lines(&lines[count - 1], &lines[i]) == 0)
			lines[count - 1].amount = net_add(lines[count - 1].amount, lines[i].amount, lines[i].asset);
		else
			lines[count++] = lines[i];
	}
	return count;
}

/* One composite value: (payer, payee, amount) or (party, amount). */
static Datum
net_line_row(const NetLine *line, TupleDesc descriptor)
{
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	int			column = 0;

	values[column++] = PointerGetDatum(cstring_to_text_with_len(line->payer.data, line->payer.length));
	if (descriptor->natts == 3)
		values[column++] = PointerGetDatum(cstring_to_text_with_len(line->payee.data, line->payee.length));
	values[column] = AmountPGetDatum(amount_make(line->amount, line->asset));
	return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

/* The aggregate's result: an array of the row type it is declared with. */
static Datum
net_lines_array(FunctionCallInfo fcinfo, const NetLine *lines, int count)
{
	Oid			row_type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	descriptor;
	Datum	   *rows = palloc(sizeof(Datum) * Max(count, 1));

	if (!OidIsValid(row_type))
		elog(ERROR, "could not determine the row type of a netting aggregate");
	descriptor = lookup_rowtype_tupdesc(row_type, -1);
	for (int i = 0; i < count; i++)
		rows[i] = net_line_row(&lines[i], descriptor);
	ReleaseTupleDesc(descriptor);
	return PointerGetDatum(construct_array(rows, count, row_type, -1, false, TYPALIGN_DOUBLE));
}

PG_FUNCTION_INFO_V1(net_bilateral_final);

Datum
net_bilateral_final(PG_FUNCTION_ARGS)
{
	NetState   *state;
	NetLine    *lines;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (NetState *) PG_GETARG_POINTER(0);
	lines = palloc0(sizeof(NetLine) * Max(state->pairs->members, 1));
	PG_RETURN_DATUM(net_lines_array(fcinfo, lines, bilateral_lines(state, lines)));
}

PG_FUNCTION_INFO_V1(net_multilateral_final);

Datum
net_multilateral_final(PG_FUNCTION_ARGS)
{
	NetState   *state;
	NetLine    *lines;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (NetState *) PG_GETARG_POINTER(0);
	lines = palloc0(sizeof(NetLine) * Max(2 * state->pairs->members, 1));
	PG_RETURN_DATUM(net_lines_array(fcinfo, lines, multilateral_lines(state, lines)));
}
