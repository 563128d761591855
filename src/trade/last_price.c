/*-------------------------------------------------------------------------
 *
 * last_price.c
 *	  The last price of a provider in an instrument.
 *
 * The newest executions are found by the index on (client, effective time),
 * from its end backwards.  A provider that has executed nothing among the
 * last JOURNALS_MOST journals of the client has no last price.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "arithmetic/rounding.h"
#include "ledger/key_lookup.h"
#include "ledger/request.h"
#include "trade/last_price.h"
#include "trade/trade_money.h"
#include "types/execution_terms.h"

/* how far back an execution is looked for */
#define JOURNALS_MOST 10000

/* how long a session goes by what it has read */
#define READ_SECONDS 60

/* Beyond this the session's prices are dropped: bounds its memory */
#define MAX_PRICES 50000

typedef struct PriceKey
{
	int32		client_id;
	int32		provider_id;
	int32		instrument_id;
} PriceKey;

struct LastPrice
{
	PriceKey	key;			/* hash key */
	units		price;			/* 0: none */
	TimestampTz read_at;
	uint64		read_in;		/* the call that has read it */
	uint64		generation;		/* older than the last bust: read it again */
	int			band_bps;		/* of `lowest` and `highest`; -1: not computed */
	units		lowest;
	units		highest;
	units		passed;			/* the newest price that call `passed_in` let pass */
	uint64		passed_in;
};

static HTAB *prices = NULL;
static uint64 call = 0;
static uint64 generation = 0;

/* What was executed in a transaction that is undone is no price. */
static void
transaction_ended(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		generation++;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		generation++;
}

/* columns of journal, by number */
enum
{
	JOURNAL_ID = 3, JOURNAL_KIND = 8, JOURNAL_TERMS = 11
};

void
last_prices_begin(void)
{
	HASHCTL		control = {.keysize = sizeof(PriceKey),.entrysize = sizeof(LastPrice)};

	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(transaction_ended, NULL);
		RegisterSubXactCallback(subtransaction_ended, NULL);
		registered = true;
	}
	call++;
	if (prices && hash_get_num_entries(prices) < MAX_PRICES)
		return;
	if (prices)
		hash_destroy(prices);
	prices = NULL;
	prices = hash_create("bakkt_ledger last prices", 256, &control, HASH_ELEM | HASH_BLOBS);
}

void
last_prices_forget(void)
{
	generation++;
}

LastPrice *
last_price_of(int32 client_id, int32 provider_id, int32 instrument_id)
{
	PriceKey	key = {client_id, provider_id, instrument_id};
	bool		found;
	LastPrice  *last = hash_search(prices, &key, HASH_ENTER, &found);

	if (!found)
		memset((char *) last + sizeof(PriceKey), 0, sizeof(LastPrice) - sizeof(PriceKey));
	return last;
}

units
last_price_value(const LastPrice *last)
{
	return last->price != 0 ? last->price : last->passed;
}

units
last_price_passed(const LastPrice *last)
{
	return last->passed_in == call ? last->passed : 0;
}

void
last_price_dismiss(LastPrice *last, units before)
{
	last->passed = before;
	last->passed_in = before != 0 ? call : 0;
}

void
last_price_posted(LastPrice *last, units price)
{
	last->price = price;
	last->band_bps = -1;
}

/* ---- reading ---- */

/* The provider's price if the row is an execution of the key, else 0. */
static units
executed_price(TupleTableSlot *slot, const PriceKey *key)
{
	ExecutionTerms terms;
	bool		isnull;
	Datum		packed;

	if (DatumGetInt16(slot_getattr(slot, JOURNAL_KIND, &isnull)) != KIND_TRADE)
		return 0;
	packed = slot_getattr(slot, JOURNAL_TERMS, &isnull);
	terms_core(PG_DETOAST_DATUM_PACKED(packed), &terms);
	return terms.provider_id == key->provider_id && terms.instrument_id == key->instrument_id ? terms.provider_price : 0;
}

static bool
is_taken_back(int32 client_id, int64 journal_id)
{
	Datum		key[2] = {Int32GetDatum(client_id), Int64GetDatum(journal_id)};
	KeyLookup	lookup;
	bool		found;

	key_lookup_open(&lookup, LEDGER_JOURNAL, LEDGER_JOURNAL_REVERSES_INDEX);
	found = key_lookup_find(&lookup, key);
	key_lookup_close(&lookup);
	return found;
}

/* The provider's price of the newest execution that stands; 0: there is none near enough. */
static units
read_last_price(const PriceKey *key, int64 corrected)
{
	Datum		client = Int32GetDatum(key->client_id);
	KeyLookup	lookup;
	units		price = 0;

	key_lookup_open_prefix(&lookup, LEDGER_JOURNAL, LEDGER_JOURNAL_EFFECTIVE_INDEX, 1);
	key_lookup_start(&lookup, &client);
	for (int i = 0; price == 0 && i < JOURNALS_MOST && key_lookup_previous(&lookup); i++)
	{
		CHECK_FOR_INTERRUPTS();
		price = executed_price(lookup.slot, key);
		if (price != 0)
		{
			bool		isnull;
			int64		journal_id = DatumGetInt64(slot_getattr(lookup.slot, JOURNAL_ID, &isnull));

			if (journal_id == corrected || is_taken_back(key->client_id, journal_id))
				price = 0;
		}
	}
	key_lookup_close(&lookup);
	return price;
}

static void
read_again(LastPrice *last)
{
	last->price = read_last_price(&last->key, 0);
	last->band_bps = -1;
	last->read_at = GetCurrentStatementStartTimestamp();
	last->read_in = call;
	last->generation = generation;
}

static bool
is_old(const LastPrice *last)
{
	return last->generation != generation || last->read_in == 0 ||
		GetCurrentStatementStartTimestamp() - last->read_at > READ_SECONDS * USECS_PER_SEC;
}

/* ---- the band ---- */

/* What a band of that width allows around a price; without end where it cannot be counted. */
static void
band_around(units price, int band_bps, units *lowest, units *highest)
{
	units		width;

	*lowest = 0;
	*highest = UNITS_MAX;
	if (units_multiply_divide(price, band_bps, BPS_ONE, UNITS_DECIMALS, UNITS_ROUND_FLOOR, &width) != UNITS_OK)
		return;
	*lowest = price - width;
	if (!units_add(price, width, highest))
		*highest = UNITS_MAX;
}

static bool
is_around(units price, units middle, int band_bps)
{
	units		lowest;
	units		highest;

	band_around(middle, band_bps, &lowest, &highest);
	return lowest <= price && price <= highest;
}

static bool
is_within(LastPrice *last, units price, int band_bps)
{
	bool		passed = last->passed_in == call;

	if (last->price == 0)
		return !passed || is_around(price, last->passed, band_bps);
	if (last->band_bps != band_bps)
	{
		band_around(last->price, band_bps, &last->lowest, &last->highest);
		last->band_bps = band_bps;
	}
	return (last->lowest <= price && price <= last->highest) || (passed && is_around(price, last->passed, band_bps));
}

bool
last_price_allows(LastPrice *last, units price, int band_bps, int64 corrected)
{
	if (corrected != 0)
	{
		units		middle = read_last_price(&last->key, corrected);

		return middle == 0 || is_around(price, middle, band_bps);
	}
	if (is_old(last))
		read_again(last);
	if (!is_within(last, price, band_bps))
	{
		if (last->read_in == call)
			return false;
		read_again(last);
		if (!is_within(last, price, band_bps))
			return false;
	}
	last->passed = price;
	last->passed_in = call;
	return true;
}
