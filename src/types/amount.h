/*-------------------------------------------------------------------------
 *
 * amount.h
 *	  An exact quantity of one asset: 128-bit units and the asset, 24 bytes.
 *
 * PostgreSQL aligns nothing beyond eight bytes, so the struct keeps the units
 * as two 64-bit halves and is read and written through the inline functions
 * below, never by casting tuple bytes to __int128 *.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_AMOUNT_H
#define BAKKT_LEDGER_AMOUNT_H

#include "compat.h"
#include "arithmetic/units.h"
#include "types/asset.h"

typedef struct Amount
{
	uint64		low;			/* units, low half */
	int64		high;			/* units, high half */
	asset_code	asset;
} Amount;

static inline units
amount_units(const Amount *amount)
{
	return (units) (((unsigned_units) (uint64) amount->high << 64) | amount->low);
}

static inline void
amount_set(Amount *amount, units value, asset_code asset)
{
	amount->low = (uint64) value;
	amount->high = (int64) (value >> 64);
	amount->asset = asset;
}

#define DatumGetAmountP(d)		((Amount *) DatumGetPointer(d))
#define AmountPGetDatum(a)		PointerGetDatum(a)
#define PG_GETARG_AMOUNT_P(n)	DatumGetAmountP(PG_GETARG_DATUM(n))
#define PG_RETURN_AMOUNT_P(a)	return AmountPGetDatum(a)

/* palloc'd in the current context */
extern Amount *amount_make(units value, asset_code asset);
/* palloc'd canonical text '6030.00 USD', for messages */
extern char *amount_text(units value, asset_code asset);

/* units in binary messages: two halves, the high one first */
extern units units_receive(StringInfo message);
extern void units_send(StringInfo message, units value);

/* LG004, naming the operation and both amounts */
pg_noreturn extern void different_assets_error(const char *operation,
											   const Amount *a, const Amount *b);

static inline void
require_same_asset(const char *operation, const Amount *a, const Amount *b)
{
	if (unlikely(a->asset != b->asset))
		different_assets_error(operation, a, b);
}

#endif							/* BAKKT_LEDGER_AMOUNT_H */
