/*-------------------------------------------------------------------------
 *
 * prefunded.c
 *	  Prefunded clients: a purchase that costs more than its customer's buying
 *	  power is refused (no leverage, no margin).
 *
 * What each customer may spend is read once, under the lock that keeps
 * everybody else from that cash; within the batch purchases take from it and
 * sales add to it in order, as they are let through by all other rules.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "cash/cash_terms.h"
#include "ledger/spi_plan.h"
#include "trade/prefunded.h"
#include "types/amount.h"

typedef struct PurseKey
{
	int64		customer_id;
	int32		client_id;
	asset_code	asset;
} PurseKey;

/* What a customer may spend in one asset */
typedef struct Purse
{
	PurseKey	key;			/* hash key */
	TimestampTz cut;			/* from which buying power is computed */
	bool		credits_sells;	/* also sales that were unpaid at the cut */
	units		available;		/* as far as requests have been let through */
} Purse;

struct BuyingPower
{
	const TradeBatch *batch;
	HTAB	   *purses;
	Purse	  **purse;			/* of each trade, NULL: not prefunded */
	units	   *change;			/* what each trade adds, or takes (negative) */
	bool	   *let_through;	/* the change is in `available` */
};

/* ---- whose ---- */

/* NULL: of a bust of no execution */
static const ExecutionTerms *
terms_of(const TradeRequest *trade)
{
	return trade->is_bust ? trade->busted : &trade->terms;
}

static bool
is_prefunded(const TradeRequest *trade)
{
	const ExecutionTerms *terms = terms_of(trade);

	if (trade_refused(trade) || trade->request->client_id == 0 || terms == NULL)
		return false;
	return terms->funding == FUNDING_BAKKT_TPJ && cash_terms_of(trade->request->client_id)->prefunded;
}

static BuyingPower *
make_power(const TradeBatch *batch)
{
	BuyingPower *power = palloc0(sizeof(BuyingPower));
	HASHCTL		control = {.keysize = sizeof(PurseKey),.entrysize = sizeof(Purse),.hcxt = CurrentMemoryContext};

	power->batch = batch;
	power->purses = hash_create("bakkt_ledger buying power", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	power->purse = MemoryContextAllocExtended(CurrentMemoryContext, batch->count * sizeof(Purse *), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	power->change = MemoryContextAllocExtended(CurrentMemoryContext, batch->count * sizeof(units), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	power->let_through = MemoryContextAllocExtended(CurrentMemoryContext, batch->count * sizeof(bool), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return power;
}

static Purse *
purse_of(BuyingPower *power, const TradeRequest *trade)
{
	const ExecutionTerms *terms = terms_of(trade);
	PurseKey	key;
	Purse	   *purse;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.customer_id = terms->customer_id;
	key.client_id = trade->request->client_id;
	key.asset = terms->quote;
	purse = hash_search(power->purses, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) purse + sizeof(PurseKey), 0, sizeof(Purse) - sizeof(PurseKey));
	return purse;
}

/* ---- reading ---- */

enum
{
	KEY_CLIENT, KEY_CUSTOMER, KEY_ASSET, KEY_COLUMNS
};

/* the keys of all purses as parallel arrays */
static void
purse_keys(BuyingPower *power, Datum *arguments)
{
	HASH_SEQ_STATUS scan;
	Purse	   *purse;
	int			count = 0;
	Datum	   *values[KEY_COLUMNS];

	for (int i = 0; i < KEY_COLUMNS; i++)
		values[i] = palloc(hash_get_num_entries(power->purses) * sizeof(Datum));
	hash_seq_init(&scan, power->purses);
	while ((purse = hash_seq_search(&scan)) != NULL)
	{
		values[KEY_CLIENT][count] = Int32GetDatum(purse->key.client_id);
		values[KEY_CUSTOMER][count] = Int64GetDatum(purse->key.customer_id);
		values[KEY_ASSET][count++] = CStringGetTextDatum(asset_text(purse->key.asset));
	}
	arguments[KEY_CLIENT] = PointerGetDatum(construct_array(values[KEY_CLIENT], count, INT4OID, 4, true, TYPALIGN_INT));
	arguments[KEY_CUSTOMER] = PointerGetDatum(construct_array(values[KEY_CUSTOMER], count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	arguments[KEY_ASSET] = PointerGetDatum(construct_array(values[KEY_ASSET], count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
column(uint64 row, int number)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &isnull);
}

/* columns: client, customer, cut, credits sells, available */
static void
read_purse(BuyingPower *power, uint64 row)
{
	Amount	   *available = DatumGetAmountP(column(row, 5));
	PurseKey	key;
	Purse	   *purse;

	memset(&key, 0, sizeof(key));
	key.client_id = DatumGetInt32(column(row, 1));
	key.customer_id = DatumGetInt64(column(row, 2));
	key.asset = available->asset;
	purse = hash_search(power->purses, &key, HASH_FIND, NULL);
	if (purse == NULL)
		elog(ERROR, "buying power of a customer that was not asked for");
	purse->cut = DatumGetTimestampTz(column(row, 3));
	purse->credits_sells = DatumGetBool(column(row, 4));
	purse->available = amount_units(available);
}

static void
read_purses(BuyingPower *power)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[KEY_COLUMNS] = {INT4ARRAYOID, INT8ARRAYOID, TEXTARRAYOID};
	Datum		arguments[KEY_COLUMNS];

	purse_keys(power, arguments);
	SPI_connect();
	spi_plan(&plan, KEY_COLUMNS, types, "SELECT * FROM bakkt_ledger_internal.spendable_now($1, $2, $3)");
	spi_execute(plan, arguments);
	for (uint64 row = 0; row < SPI_processed; row++)
		read_purse(power, row);
	SPI_finish();
}

BuyingPower *
prefunded_lock(const TradeBatch *batch)
{
	BuyingPower *power = NULL;

	for (int i = 0; i < batch->count; i++)
	{
		if (!is_prefunded(&batch->trades[i]))
			continue;
		if (power == NULL)
			power = make_power(batch);
		power->purse[i] = purse_of(power, &batch->trades[i]);
	}
	if (power)
		read_purses(power);
	return power;
}

/* ---- judging ---- */

/* A bust gives back what its execution took, if that counts. */
static bool
bust_counts(const TradeRequest *trade, const Purse *purse)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[4] = {INT4OID, INT8OID, TIMESTAMPTZOID, BOOLOID};
	Datum		arguments[4] = {Int32GetDatum(purse->key.client_id), Int64GetDatum(trade->request->reverses),
	TimestampTzGetDatum(purse->cut), BoolGetDatum(purse->credits_sells)};

	return spi_int32(&plan, 4, types, arguments, "SELECT bakkt_ledger_internal.bust_counts($1, $2, $3, $4)::pg_catalog.int4") != 0;
}

/* What the trade adds to its customer's buying power. */
static units
change_of(const TradeRequest *trade, const Purse *purse)
{
	const ExecutionTerms *terms = terms_of(trade);

	if (trade->is_bust)
	{
		if (!bust_counts(trade, purse))
			return 0;
		return terms->sell ? -terms->net_money : terms->net_money;
	}
	if (!terms->sell)
		return -terms->net_money;
	if (trade->request->effective_given && trade->request->effective_at <= purse->cut && !purse->credits_sells)
		return 0;
	return terms->net_money;
}

static void
refuse_purchase(LedgerRequest *request, const TradeRequest *trade, const Purse *purse)
{
	refuse(request, ERRCODE_LG_NO_BUYING_POWER, "Fund the customer first: the client's customers are prefunded.",
		   psprintf("Needed are %s, available %s.", amount_text(trade->terms.net_money, purse->key.asset),
					amount_text(purse->available, purse->key.asset)),
		   "customer \"%.*s\" has not the buying power", ACCOUNT_CODE_LENGTH, trade->customer->code);
	trade_tell_shortage(trade, trade->terms.net_money, purse->available, purse->key.asset);
}

void
prefunded_admit(BuyingPower *power, int i)
{
	const TradeRequest *trade = &power->batch->trades[i];
	Purse	   *purse = power->purse[i];
	units		after;

	if (purse == NULL)
		return;
	power->change[i] = change_of(trade, purse);
	if (!units_add(purse->available, power->change[i], &after))
		refuse(trade->request, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, NULL, NULL, "buying power out of range");
	else if (!trade->is_bust && power->change[i] < 0 && after < 0)
		refuse_purchase(trade->request, trade, purse);
	else
	{
		purse->available = after;
		power->let_through[i] = true;
	}
}

void
prefunded_dismiss(BuyingPower *power, int i)
{
	if (!power->let_through[i])
		return;
	power->purse[i]->available -= power->change[i];
	power->let_through[i] = false;
}
