/*-------------------------------------------------------------------------
 *
 * trade_money.h
 *	  The arithmetic of one execution (pure C: no PostgreSQL calls).
 *
 * Rules (fbo-practice f and h, I17, I18):
 *	- the customer's price is the provider's with the markup, rounded once to
 *	  the instrument's tick, up for BUY and down for SELL, never in favour of
 *	  the customer by accident;
 *	- every money amount is rounded once, half-even, from its exact product;
 *	- revenue is what lies between the customer's and the provider's money,
 *	  by subtraction, so nothing is ever left over;
 *	- fees over the fills of one order: the rounded running total is
 *	  max(minimum, sum of bps + the order's fixed fee, once); each fill pays
 *	  the difference.
 *-------------------------------------------------------------------------
 */
#ifndef BAKKT_LEDGER_TRADE_MONEY_H
#define BAKKT_LEDGER_TRADE_MONEY_H

#include "arithmetic/units.h"

/* what is agreed; zero means "none" throughout */
typedef struct TradeRule
{
	bool		sell;
	units		quantity;
	units		provider_price;
	int			markup_bps;
	units		markup_fixed;	/* per unit of the base asset */
	int			fee_bps;
	units		fee_fixed;
	units		fee_minimum;
	units		tick;			/* price increment */
	int			money_decimals; /* of the quote asset */
	int			revenue_share_bps;
} TradeRule;

/* the fees of one order so far, over its fills that stand */
typedef struct OrderFees
{
	int64_t		fills;
	units		accrued;		/* exact sum of bps fees */
	units		charged;		/* what the fills have paid */
	units		fee_fixed;		/* of the order, which every fill names; zero without fills */
	units		fee_minimum;
} OrderFees;

/* what follows */
typedef struct TradeMoney
{
	units		notional;		/* quantity times the customer's price */
	units		provider_money;
	units		fee;
	units		net_money;		/* negative when a sale does not cover its fee */
	units		revenue_share;	/* of the client, in all */
	units		fee_share;		/* ... of which on the fee */
} TradeMoney;

/* The customer's price from the provider's; may come out zero or negative on a SELL. */
extern UnitsStatus trade_price(const TradeRule *rule, units *price);

/* Is the value a whole number of steps? */
extern bool on_step(units value, units step);

/* One fill's bps fee, unrounded. */
extern UnitsStatus trade_fee_exact(units notional, int fee_bps, units *exact);

/* What hangs on no other fill: the customer's and the provider's money before fees. */
extern UnitsStatus trade_notional(const TradeRule *rule, units price, TradeMoney *money);

/* All amounts at the given price.  `order` may be NULL: the fill is an order of its own. */
extern UnitsStatus trade_money(const TradeRule *rule, units price, const OrderFees *order, TradeMoney *money);

#endif							/* BAKKT_LEDGER_TRADE_MONEY_H */
