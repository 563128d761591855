/*-------------------------------------------------------------------------
 *
 * order_commission.c
 *	  Running fees of the orders that have a minimum fee.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "ledger/spi_plan.h"
#include "trade/order_commission.h"

struct OrderBook
{
	HTAB	   *orders;
};

OrderBook *
order_book_make(void)
{
	OrderBook  *book = palloc(sizeof(OrderBook));
	HASHCTL		control = {.keysize = sizeof(OrderKey),.entrysize = sizeof(OrderCommission),.hcxt = CurrentMemoryContext};

	book->orders = hash_create("bakkt_ledger orders", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return book;
}

OrderCommission *
order_want(OrderBook *book, int32 client_id, const ExecutionTerms *terms)
{
	OrderKey	key;
	OrderCommission *order;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.client_id = client_id;
	key.customer_id = terms->customer_id;
	key.asset = terms->quote;
	memcpy(key.client_order_id, terms->client_order_id, terms->client_order_id_length);
	order = hash_search(book->orders, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) order + sizeof(OrderKey), 0, sizeof(OrderCommission) - sizeof(OrderKey));
	return order;
}

/* ---- the table ---- */

#define ORDER_COLUMNS 6

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
	}
	return CStringGetTextDatum(amount_text(order->fees.charged, order->key.asset));
}

static const Oid column_types[ORDER_COLUMNS] = {INT4OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
static Oid	column_array_types[ORDER_COLUMNS] = {INT4ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID};

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
			 "INSERT INTO bakkt_ledger_internal.order_commission AS o (client_id, customer_id, client_order_id, asset, accrued, charged)"
			 " SELECT w.client_id, w.customer_id, w.client_order_id, w.asset::bakkt_ledger.asset,"
			 "  ('0 '::pg_catalog.text OPERATOR(pg_catalog.||) w.asset)::bakkt_ledger.amount,"
			 "  ('0 '::pg_catalog.text OPERATOR(pg_catalog.||) w.asset)::bakkt_ledger.amount"
			 " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
			 "  AS w(client_id, customer_id, client_order_id, asset)"
			 " ORDER BY 1, 2, w.client_order_id COLLATE pg_catalog.\"C\", w.asset COLLATE pg_catalog.\"C\""
			 " ON CONFLICT DO NOTHING");
	spi_execute(plan, arguments);
}

#define LOAD_QUERY(suffix) \
	"SELECT o.client_id, o.customer_id, o.client_order_id, o.asset, o.accrued, o.charged" \
	" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))" \
	"  AS w(client_id, customer_id, client_order_id, asset)" \
	" JOIN bakkt_ledger_internal.order_commission o ON o.client_id OPERATOR(pg_catalog.=) w.client_id" \
	"  AND o.customer_id OPERATOR(pg_catalog.=) w.customer_id" \
	"  AND o.client_order_id OPERATOR(pg_catalog.=) w.client_order_id" \
	"  AND o.asset OPERATOR(bakkt_ledger.=) w.asset::bakkt_ledger.asset" suffix

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
	order->fees.accrued = amount_units(DatumGetAmountP(SPI_getbinval(row, desc, 5, &isnull)));
	order->fees.charged = amount_units(DatumGetAmountP(SPI_getbinval(row, desc, 6, &isnull)));
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
				 " SET accrued = w.accrued::bakkt_ledger.amount, charged = w.charged::bakkt_ledger.amount"
				 " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
				 "  pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6))"
				 "  AS w(client_id, customer_id, client_order_id, asset, accrued, charged)"
				 " WHERE o.client_id OPERATOR(pg_catalog.=) w.client_id"
				 "  AND o.customer_id OPERATOR(pg_catalog.=) w.customer_id"
				 "  AND o.client_order_id OPERATOR(pg_catalog.=) w.client_order_id"
				 "  AND o.asset OPERATOR(bakkt_ledger.=) w.asset::bakkt_ledger.asset");
		spi_execute(plan, arguments);
	}
	SPI_finish();
}
