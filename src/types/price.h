/*-------------------------------------------------------------------------
 *
 * price.h
 *	  A price: quote asset per one whole base asset, '64250.10 USD/BTC'.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_PRICE_H
#define BAKKT_LEDGER_PRICE_H

#include "types/amount.h"

typedef struct Price
{
	uint64		low;
	int64		high;
	asset_code	quote;
	asset_code	base;
} Price;

static inline units
price_units(const Price *price)
{
	return (units) (((unsigned_units) (uint64) price->high << 64) | price->low);
}

static inline void
price_set(Price *price, units value, asset_code quote, asset_code base)
{
	price->low = (uint64) value;
	price->high = (int64) (value >> 64);
	price->quote = quote;
	price->base = base;
}

#define DatumGetPriceP(d)		((Price *) DatumGetPointer(d))
#define PricePGetDatum(p)		PointerGetDatum(p)
#define PG_GETARG_PRICE_P(n)	DatumGetPriceP(PG_GETARG_DATUM(n))
#define PG_RETURN_PRICE_P(p)	return PricePGetDatum(p)

/* palloc'd in the current context */
extern Price *price_make(units value, asset_code quote, asset_code base);
/* palloc'd canonical text '64250.10 USD/BTC', for messages */
extern char *price_text(units value, asset_code quote, asset_code base);

/* LG004, naming the operation and both prices */
pg_noreturn extern void different_pairs_error(const char *operation,
											  const Price *a, const Price *b);

static inline void
require_same_pair(const char *operation, const Price *a, const Price *b)
{
	if (unlikely(a->quote != b->quote || a->base != b->base))
		different_pairs_error(operation, a, b);
}

#endif							/* BAKKT_LEDGER_PRICE_H */
