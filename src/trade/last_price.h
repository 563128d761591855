/*-------------------------------------------------------------------------
 *
 * last_price.h
 *	  What a liquidity provider was last paid for an instrument, and the band
 *	  around it that the next execution must keep to.
 *
 * Nothing is stored for it: the price is read from the newest executions of
 * the client and remembered by the session for a minute.  A price outside the
 * band is refused only after a fresh look, so that what other sessions have
 * executed meanwhile counts.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_LAST_PRICE_H
#define BAKKT_LEDGER_LAST_PRICE_H

#include "arithmetic/units.h"

typedef struct LastPrice LastPrice;

/* A new call begins: what the one before has let pass counts no more by itself. */
extern void last_prices_begin(void);
/* For one client, provider and instrument; good until the next call. */
extern LastPrice *last_price_of(int32 client_id, int32 provider_id, int32 instrument_id);

/*
 * Is the price within the band, in basis points, around the provider's last
 * execution, or around one that this call has let pass?  `corrected` is the
 * journal that is being taken back for it, 0 none: that one does not count.
 */
extern bool last_price_allows(LastPrice *last, units price, int band_bps, int64 corrected);
/* The price a refusal is measured against; 0: none. */
extern units last_price_value(const LastPrice *last);
/* The newest price that this call has let pass, 0: none; and back to it, when what was let pass falls with its chain. */
extern units last_price_passed(const LastPrice *last);
extern void last_price_dismiss(LastPrice *last, units before);
/* An execution at the price was posted. */
extern void last_price_posted(LastPrice *last, units price);
/* An execution was taken back: look again. */
extern void last_prices_forget(void);

#endif							/* BAKKT_LEDGER_LAST_PRICE_H */
