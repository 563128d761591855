/*-------------------------------------------------------------------------
 *
 * order_commission.c
 *	  Running fees of the orders that have a fixed or a minimum fee.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "ledger/key_lookup.h"
#include "ledger/spi_plan.h"
#include "trade/order_commission.h"

struct OrderBook
{
	HTAB	   *orders;
	bool		searching;
	KeyLookup	rows;			/* of order_commission, while searching */
};

OrderBook *
order_book_make(void)
{
	OrderBook  *book = palloc0(sizeof(OrderBook));
	HASHCTL		control = {.keysize = sizeof(OrderKey),.entrysize = sizeof(OrderCommission),.hcxt = CurrentMemoryContext};

	book->orders = hash_create("bakkt_ledger orders", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return book;
}

bool
order_book_is_empty(const OrderBook *book)
{
	return hash_get_num_entries(book->orders) == 0;
}

static OrderKey
order_key(int32 client_id, const ExecutionTerms *terms)
{
	OrderKey	key;

	memset(&key, 0, sizeof(key));
	key.client_id = client_id;
	key.customer_id = terms->customer_id;
	key.asset = terms->quote;
	memcpy(key.client_order_id, terms->client_order_id, terms->client_order_id_length);
	return key;
}

OrderCommission *
order_want(OrderBook *book, int32 client_id, const ExecutionTerms *terms)
{
	OrderKey	key = order_key(client_id, terms);
	OrderCommission *order;
	bool		found;

	order = hash_search(book->orders, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) order + sizeof(OrderKey), 0, sizeof(OrderCommission) - sizeof(OrderKey));
	return order;
}

/* by the primary key; what this transaction has written is seen as well */
static bool
has_row(OrderBook *book, const OrderKey *key)
{
	Datum		values[4] = {Int32GetDatum(key->client_id), Int64GetDatum(key->customer_id),
		CStringGetTextDatum(key->client_order_id), AssetGetDatum(key->asset)};

	if (!book->searching)
		key_lookup_open(&book->rows, LEDGER_ORDER_COMMISSION, LEDGER_ORDER_COMMISSION_KEY);
	book->searching = true;
	return key_lookup_find(&book->rows, values);
}

bool
order_has_fees(OrderBook *book, int32 client_id, const ExecutionTerms *terms)
{
	OrderKey	key = order_key(client_id, terms);

	return hash_search(book->orders, &key, HASH_FIND, NULL) != NULL || has_row(book, &key);
}

void
order_search_end(OrderBook *book)
{
	if (book->searching)
		key_lookup_close(&book->rows);
	book->searching = false;
}

void
order_count(OrderCommission *order, const ExecutionTerms *terms, units exact, units fee, int sign)
{
	OrderFees  *fees = &order->fees;

	fees->fills += sign;
	fees->accrued += sign * exact;
	fees->charged += sign * fee;
	/* all fills that stand name the same */
	fees->fee_fixed = fees->fills > 0 ? terms->fee_fixed : 0;
	fees->fee_minimum = fees->fills > 0 ? terms->fee_minimum : 0;
	order->changed = true;
}

/* ---- the table ---- */

#define ORDER_COLUMNS 9

static Datum
make_array(Datum *values, int count, Oid type)
{
	if (type == TEXTOID)
		return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
	if (type == INT4OID)
		return PointerGetDatum(construct_array(values, count, INT4OID, 4, true, TYPALIGN_INT));
	return PointerGetDatum(construct_array(values, count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
key_value(const OrderCommission *order, int field)
{
	switch (field)
	{
		case 0:
			return Int32GetDatum(order->key.client_id);
		case 1:
			return Int64GetDatum(order->key.customer_id);
		case 2:
			return CStringGetTextDatum(order->key.client_order_id);
		case 3:
			return CStringGetTextDatum(asset_text(order->key.asset));
		case 4:
			return CStringGetTextDatum(amount_text(order->fees.accrued, order->key.asset));
		case 5:
			return CStringGetTextDatum(amount_text(order->fees.charged, order->key.asset));
		case 6:
			return Int64GetDatum(order->fees.fills);
		case 7:
			return CStringGetTextDatum(amount_text(order->fees.fee_fixed, order->key.asset));
	}
	return CStringGetTextDatum(amount_text(order->fees.fee_minimum, order->key.asset));
}

static const Oid column_types[ORDER_COLUMNS] = {INT4OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID};
static Oid	column_array_types[ORDER_COLUMNS] = {INT4ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID};

/* the orders, or those that changed, as parallel arrays */
static int
order_arrays(OrderBook *book, bool changed_only, int columns, Datum *arguments)
{
	HASH_SEQ_STATUS scan;
	OrderCommission *order;
	OrderCommission **list = palloc(hash_get_num_entries(book->orders) * sizeof(OrderCommission *));
	Datum	   *values = palloc(hash_get_num_entries(book->orders) * sizeof(Datum));
	int			count = 0;

	hash_seq_init(&scan, book->orders);
	while ((order = hash_seq_search(&scan)) != NULL)
		if (order->changed || !changed_only)
			list[count++] = order;
	for (int field = 0; field < columns; field++)
	{
		for (int i = 0; i < count; i++)
			values[i] = key_value(list[i], field);
		arguments[field] = make_array(values, count, column_types[field]);
	}
	return count;
}

/* rows to lock are opened first, in key order: two calls never wait for each other in a ring */
static void
open_rows(Datum *arguments)
{
	static SPIPlanPtr plan = NULL;

	spi_plan(&plan, 4, column_array_types,
			 "INSERT INTO bakkt_ledger_internal.order_commission AS o"
			 "  (client_id, customer_id, client_order_id, asset, accrued, charged, fills, fee_fixed, fee_minimum)"
			 " SELECT w.client_id, w.customer_id, w.client_order_id, n.asset, n.nothing, n.nothing, 0, n.nothing, n.nothing"
			 " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
			 "  AS w(client_id, customer_id, client_order_id, asset)"
			 " CROSS JOIN LATERAL (SELECT w.asset::bakkt_ledger.asset AS asset,"
			 "  bakkt_ledger.zero(w.asset::bakkt_ledger.asset) AS nothing) AS n"
			 " ORDER BY 1, 2, w.client_order_id COLLATE pg_catalog.\"C\", w.asset COLLATE pg_catalog.\"C\""
			 " ON CONFLICT DO NOTHING");
	spi_execute(plan, arguments);
}

#define LOAD_QUERY(suffix) \
	"SELECT o.client_id, o.customer_id, o.client_order_id, o.asset, o.accrued, o.charged, o.fills, o.fee_fixed, o.fee_minimum" \
	" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))" \
	"  AS w(client_id, customer_id, client_order_id, asset)" \
	" JOIN bakkt_ledger_internal.order_commission o ON o.client_id OPERATOR(pg_catalog.=) w.client_id" \
	"  AND o.customer_id OPERATOR(pg_catalog.=) w.customer_id" \
	"  AND o.client_order_id OPERATOR(pg_catalog.=) w.client_order_id" \
	"  AND o.asset OPERATOR(bakkt_ledger.=) w.asset::bakkt_ledger.asset" suffix

static units
amount_column(HeapTuple row, TupleDesc desc, int number)
{
	bool		isnull;

	return amount_units(DatumGetAmountP(SPI_getbinval(row, desc, number, &isnull)));
}

static void
remember_row(OrderBook *book, HeapTuple row, TupleDesc desc)
{
	OrderKey	key;
	OrderCommission *order;
	bool		isnull;

	memset(&key, 0, sizeof(key));
	key.client_id = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
	key.customer_id = DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));
	strlcpy(key.client_order_id, SPI_getvalue(row, desc, 3), sizeof(key.client_order_id));
	key.asset = DatumGetAsset(SPI_getbinval(row, desc, 4, &isnull));
	order = hash_search(book->orders, &key, HASH_FIND, NULL);
	if (order == NULL)
		elog(ERROR, "order_commission gave an order that was not asked for");
	order->fees.accrued = amount_column(row, desc, 5);
	order->fees.charged = amount_column(row, desc, 6);
	order->fees.fills = DatumGetInt64(SPI_getbinval(row, desc, 7, &isnull));
	order->fees.fee_fixed = amount_column(row, desc, 8);
	order->fees.fee_minimum = amount_column(row, desc, 9);
}

void
order_book_load(OrderBook *book, bool write)
{
	static SPIPlanPtr read_plan = NULL;
	static SPIPlanPtr lock_plan = NULL;
	SPIPlanPtr *plan = write ? &lock_plan : &read_plan;
	Datum		arguments[ORDER_COLUMNS];

	SPI_connect();
	order_arrays(book, false, 4, arguments);
	if (write)
		open_rows(arguments);
	spi_plan(plan, 4, column_array_types,
			 write ? LOAD_QUERY(" ORDER BY o.client_id, o.customer_id, o.client_order_id, o.asset USING OPERATOR(bakkt_ledger.<)"
								" FOR NO KEY UPDATE OF o") : LOAD_QUERY(""));
	spi_execute(*plan, arguments);
	for (uint64 i = 0; i < SPI_processed; i++)
		remember_row(book, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	SPI_finish();
}

void
order_book_record(OrderBook *book)
{
	static SPIPlanPtr plan = NULL;
	Datum		arguments[ORDER_COLUMNS];

	SPI_connect();
	if (order_arrays(book, true, ORDER_COLUMNS, arguments) > 0)
	{
		spi_plan(&plan, ORDER_COLUMNS, column_array_types,
				 "UPDATE bakkt_ledger_internal.order_commission o"
				 " SET accrued = w.accrued::bakkt_ledger.amount, charged = w.charged::bakkt_ledger.amount, fills = w.fills,"
				 "  fee_fixed = w.fee_fixed::bakkt_ledger.amount, fee_minimum = w.fee_minimum::bakkt_ledger.amount"
				 " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
				 "  pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7),"
				 "  pg_catalog.unnest($8), pg_catalog.unnest($9))"
				 "  AS w(client_id, customer_id, client_order_id, asset, accrued, charged, fills, fee_fixed, fee_minimum)"
				 " WHERE o.client_id OPERATOR(pg_catalog.=) w.client_id"
				 "  AND o.customer_id OPERATOR(pg_catalog.=) w.customer_id"
				 "  AND o.client_order_id OPERATOR(pg_catalog.=) w.client_order_id"
				 "  AND o.asset OPERATOR(bakkt_ledger.=) w.asset::bakkt_ledger.asset");
		spi_execute(plan, arguments);
	}
	SPI_finish();
}
