/*-------------------------------------------------------------------------
 *
 * trade_request.h
 *	  One execution to post, from the caller's row to the ledger's request.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_TRADE_REQUEST_H
#define BAKKT_LEDGER_TRADE_REQUEST_H

#include "ledger/account_role.h"
#include "ledger/party_cache.h"
#include "ledger/request.h"
#include "trade/last_price.h"
#include "trade/trade_money.h"
#include "types/execution_terms.h"

/* fields of type trade_request, and the arguments of post_trade before its own, in order */
enum
{
	TRADE_CUSTOMER, TRADE_SIDE, TRADE_QUANTITY, TRADE_PROVIDER, TRADE_REFERENCE, TRADE_PROVIDER_PRICE, TRADE_PRICE,
	TRADE_MARKUP_BPS, TRADE_MARKUP_FIXED, TRADE_FEE_BPS, TRADE_FEE_FIXED, TRADE_FEE_MINIMUM,
	TRADE_CLIENT_ORDER_ID, TRADE_EXECUTED_AT, TRADE_SYMBOL, TRADE_ENCUMBERED, TRADE_LINKED,
	TRADE_FIELDS
};

/* cash, provider's money, two revenues, revenue share, four coin lines */
#define TRADE_LINES_MAX 9

typedef struct OrderCommission OrderCommission;

typedef struct TradeText
{
	const char *data;			/* not terminated; NULL when the field is */
	int			length;
} TradeText;

typedef struct TradeRequest
{
	/* as asked, apart from what `terms` holds */
	TradeText	customer_code;
	TradeText	provider;
	TradeText	symbol;
	bool		sound;			/* the fields make sense: there are terms, even if refused */

	/* who and what it is about */
	Customer   *customer;
	Client	   *client;
	Instrument *instrument;
	LastPrice  *last_price;		/* of provider and instrument; NULL when there is no band */
	units		passed_before;	/* what this call let pass before it, 0: nothing */

	/* a bust: its lines and terms are made already, only its order's fees follow */
	bool		is_bust;
	const ExecutionTerms *busted;	/* NULL: there is no such execution */
	bool		with_deficit;	/* coin that is gone is owed instead */

	const ExecutionTerms *corrected;	/* what it puts right, whose world it keeps; NULL: nothing */
	int32		corrected_client;	/* whose execution that was */

	bool		encumbered;		/* coin bought is bound: asked for, or by the client's terms */
	int32		revenue_share_bps;	/* by the client's terms, or those of what it corrects */

	/* what follows from it */
	ExecutionTerms terms;
	TradeMoney	money;
	OrderCommission *order;		/* running fees, NULL unless the order has a fixed or a minimum fee */
	bool		undecided;		/* the amounts are not known yet, only where they may go */
	AccountSlot *slots[TRADE_LINES_MAX];
	units		amounts[TRADE_LINES_MAX];
	int			line_count;

	LedgerRequest *request;
} TradeRequest;

static inline bool
trade_refused(const TradeRequest *trade)
{
	return is_refused(trade->request);
}

/* Read a row's fields; refuses what is malformed.  Pointers into the row are kept. */
extern void trade_read(TradeRequest *trade, const Datum *values, const bool *nulls);
/* Apply the rules on parties, instrument and prices; `customer` has been loaded. */
extern void trade_check(TradeRequest *trade);
/* Again when the accounts are locked, if its instrument or an asset has changed meanwhile: whoever retires one has these locks before. */
extern void trade_check_open_still(TradeRequest *trade);
/* When nothing else refuses it: is the provider's price near its last? */
extern void trade_check_band(TradeRequest *trade);
/* Does a fill name what its order costs, as the fills before it that stand? */
extern void trade_check_order(TradeRequest *trade);
/* Compute the money, with the fees of the order so far. */
extern void trade_compute(TradeRequest *trade, const OrderFees *order);
/* The same before the fees of the order are known: what hangs on no other fill. */
extern void trade_compute_notional(TradeRequest *trade);
/* Ask for the accounts of the template and note the amounts; of a deferred request all that it may touch. */
extern void trade_want_accounts(TradeRequest *trade);
/* Build lines and terms once the accounts are loaded. */
extern void trade_build(TradeRequest *trade);
/* Build those of a deferred request, now that the fees of its order are known, or refuse it. */
extern void trade_rebuild(TradeRequest *trade);
/* PostOptions.terms_difference */
extern const char *trade_difference(const struct varlena *stored, const struct varlena *given);

/* The facts of a refusal for want of something: what the customer would need and has. */
extern void trade_tell_shortage(const TradeRequest *trade, units required, units available, asset_code asset);

#endif							/* BAKKT_LEDGER_TRADE_REQUEST_H */
