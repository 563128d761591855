/*-------------------------------------------------------------------------
 *
 * trade_request.c
 *	  Reading and checking of one execution.
 *
 * Reasons to refuse, in order: malformed fields (LG002, LG042, LG045),
 * unknown customer (LG012), instrument (LG015), provider (LG014), restricted
 * customer (LG013), commission model (LG002), steps (LG046), prices (LG048,
 * LG049), money (LG045);
 * after these those of the posting function (doc/errors.md).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "arithmetic/rounding.h"
#include "cash/cash_terms.h"
#include "ledger/facts.h"
#include "ledger/lookup.h"
#include "trade/order_commission.h"
#include "trade/trade_request.h"

/* ---- reading ---- */

static TradeText
read_text(const Datum *values, const bool *nulls, int field)
{
	TradeText	result = {NULL, 0};

	if (!nulls[field])
	{
		text	   *value = DatumGetTextPP(values[field]);

		result.data = VARDATA_ANY(value);
		result.length = VARSIZE_ANY_EXHDR(value);
	}
	return result;
}

static bool
text_is(TradeText text, const char *wanted)
{
	return text.length == strlen(wanted) && memcmp(text.data, wanted, text.length) == 0;
}

/* longest text of a caller that a message quotes: a refusal is answered as often as its reference comes */
#define QUOTED_TEXT_MAX 100

/* for messages */
static char *
text_copy(TradeText text)
{
	return text.data ? pnstrdup(text.data, pg_mbcliplen(text.data, text.length, QUOTED_TEXT_MAX)) : "NULL";
}

static const char *const field_names[TRADE_FIELDS] = {
	"customer", "side", "quantity", "provider", "reference", "provider_price", "price",
	"markup_bps", "markup_fixed", "fee_bps", "fee_fixed", "fee_minimum",
	"client_order_id", "executed_at", "symbol", "encumbered", "linked"
};

static void
refuse_missing(TradeRequest *trade, int field)
{
	refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, NULL, NULL, "%s is missing", field_names[field]);
}

static bool
check_present(TradeRequest *trade, const bool *nulls)
{
	static const int required[] = {TRADE_CUSTOMER, TRADE_SIDE, TRADE_QUANTITY, TRADE_PROVIDER};

	for (int i = 0; i < lengthof(required); i++)
		if (nulls[required[i]])
		{
			refuse_missing(trade, required[i]);
			return false;
		}
	if (nulls[TRADE_PRICE] && nulls[TRADE_PROVIDER_PRICE])
	{
		refuse(trade->request, ERRCODE_LG_INVALID_REQUEST,
			   "Give price (the customer's), or provider_price with the markup, or both prices.", NULL,
			   "price is missing");
		return false;
	}
	return true;
}

static bool
read_side(TradeRequest *trade, TradeText side)
{
	trade->terms.sell = text_is(side, "SELL");
	if (trade->terms.sell || text_is(side, "BUY"))
		return true;
	refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, "Side is BUY or SELL.",
		   psprintf("Side: \"%s\".", text_copy(side)), "side is not valid");
	return false;
}

static bool
check_positive(TradeRequest *trade, int field, units value, const char *text)
{
	if (value > 0)
		return true;
	refuse(trade->request, ERRCODE_LG_NOT_POSITIVE,
		   field == TRADE_QUANTITY ? "The side, BUY or SELL, says the direction." : NULL, psprintf("It is %s.", text),
		   "%s must be positive", field_names[field]);
	return false;
}

static bool
read_quantity(TradeRequest *trade, Datum value)
{
	const Amount *quantity = DatumGetAmountP(value);

	trade->terms.quantity = amount_units(quantity);
	trade->terms.base = quantity->asset;
	return trade->terms.quantity > 0 ||
		check_positive(trade, TRADE_QUANTITY, trade->terms.quantity,
					   amount_text(trade->terms.quantity, quantity->asset));
}

static bool
refuse_asset(TradeRequest *trade, int field, const char *text)
{
	refuse(trade->request, ERRCODE_LG_ASSET_MISMATCH,
		   "Money is in the quote asset, a price in quote asset per asset of the quantity, as in USD/BTC.",
		   psprintf("It is %s.", text),
		   "%s must be in %s%s%s", field_names[field], asset_text(trade->terms.quote),
		   field == TRADE_FEE_FIXED || field == TRADE_FEE_MINIMUM ? "" : "/",
		   field == TRADE_FEE_FIXED || field == TRADE_FEE_MINIMUM ? "" : asset_text(trade->terms.base));
	return false;
}

/* a price of the pair being traded; its quote is learned from the first */
static bool
read_price(TradeRequest *trade, int field, Datum value, units *result)
{
	const Price *price = DatumGetPriceP(value);

	*result = price_units(price);
	if (trade->terms.quote == 0)
		trade->terms.quote = price->quote;
	if (price->quote == trade->terms.quote && price->base == trade->terms.base && price->quote != price->base)
		return true;
	return refuse_asset(trade, field, price_text(*result, price->quote, price->base));
}

static bool
read_prices(TradeRequest *trade, const Datum *values, const bool *nulls)
{
	ExecutionTerms *terms = &trade->terms;

	terms->price_given = !nulls[TRADE_PRICE];
	terms->provider_price_given = !nulls[TRADE_PROVIDER_PRICE];
	if (terms->price_given && !read_price(trade, TRADE_PRICE, values[TRADE_PRICE], &terms->price))
		return false;
	if (terms->provider_price_given && !read_price(trade, TRADE_PROVIDER_PRICE, values[TRADE_PROVIDER_PRICE], &terms->provider_price))
		return false;
	if (!terms->price_given)
		terms->price = terms->provider_price;
	if (!terms->provider_price_given)
		terms->provider_price = terms->price;
	if (terms->price > 0 && terms->provider_price > 0)
		return true;
	return check_positive(trade, terms->price > 0 ? TRADE_PROVIDER_PRICE : TRADE_PRICE, 0, "zero or negative");
}

static bool
check_not_negative(TradeRequest *trade, int field, units value)
{
	if (value >= 0)
		return true;
	refuse(trade->request, ERRCODE_LG_NOT_POSITIVE, NULL, NULL, "%s must not be negative", field_names[field]);
	return false;
}

static bool
read_bps(TradeRequest *trade, int field, const Datum *values, const bool *nulls, int32 *result)
{
	*result = nulls[field] ? 0 : DatumGetInt32(values[field]);
	return check_not_negative(trade, field, *result);
}

static bool
read_money(TradeRequest *trade, int field, const Datum *values, const bool *nulls, units *result)
{
	const Amount *amount;

	if (nulls[field])
		return true;
	amount = DatumGetAmountP(values[field]);
	*result = amount_units(amount);
	if (amount->asset != trade->terms.quote)
		return refuse_asset(trade, field, amount_text(*result, amount->asset));
	return check_not_negative(trade, field, *result);
}

/* A markup decides the customer's price, so it cannot stand beside one. */
static bool
read_commission(TradeRequest *trade, const Datum *values, const bool *nulls)
{
	ExecutionTerms *terms = &trade->terms;

	if (!read_bps(trade, TRADE_MARKUP_BPS, values, nulls, &terms->markup_bps) ||
		!read_bps(trade, TRADE_FEE_BPS, values, nulls, &terms->fee_bps) ||
		!read_money(trade, TRADE_FEE_FIXED, values, nulls, &terms->fee_fixed) ||
		!read_money(trade, TRADE_FEE_MINIMUM, values, nulls, &terms->fee_minimum))
		return false;
	if (!nulls[TRADE_MARKUP_FIXED] &&
		(!read_price(trade, TRADE_MARKUP_FIXED, values[TRADE_MARKUP_FIXED], &terms->markup_fixed) ||
		 !check_not_negative(trade, TRADE_MARKUP_FIXED, terms->markup_fixed)))
		return false;
	if ((terms->markup_bps != 0 || terms->markup_fixed != 0) && terms->price_given)
	{
		refuse(trade->request, ERRCODE_LG_INVALID_REQUEST,
			   "Give provider_price and the markup, or the customer's price without one.", NULL,
			   "price and markup are both given");
		return false;
	}
	return true;
}

static bool
read_order_id(TradeRequest *trade, TradeText id)
{
	if (id.data == NULL)
		return true;
	if (id.length < 1 || id.length > CLIENT_ORDER_ID_LENGTH)
	{
		refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, NULL, NULL,
			   "client_order_id must have 1 to %d bytes", CLIENT_ORDER_ID_LENGTH);
		return false;
	}
	trade->terms.client_order_id = id.data;
	trade->terms.client_order_id_length = id.length;
	return true;
}

static bool
read_executed_at(TradeRequest *trade, const Datum *values, const bool *nulls)
{
	LedgerRequest *request = trade->request;

	request->effective_given = trade->terms.executed_at_given = !nulls[TRADE_EXECUTED_AT];
	if (request->effective_given)
		request->effective_at = DatumGetTimestampTz(values[TRADE_EXECUTED_AT]);
	return true;
}

static bool
read_provider(TradeRequest *trade, TradeText provider)
{
	trade->provider = provider;
	if (provider.length >= 1 && provider.length <= UNKNOWN_PROVIDER_LENGTH)
		return true;
	refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, NULL, NULL, "provider must have 1 to %d bytes", UNKNOWN_PROVIDER_LENGTH);
	return false;
}

static bool
read_flag(const Datum *values, const bool *nulls, int field)
{
	return !nulls[field] && DatumGetBool(values[field]);
}

void
trade_read(TradeRequest *trade, const Datum *values, const bool *nulls)
{
	LedgerRequest *request = trade->request;

	request->kind = KIND_TRADE;
	request->linked = read_flag(values, nulls, TRADE_LINKED);
	if (!nulls[TRADE_REFERENCE])
		request->reference = TextDatumGetCString(values[TRADE_REFERENCE]);
	trade->customer_code = read_text(values, nulls, TRADE_CUSTOMER);
	if (trade->customer_code.data)
		trade->customer = customer_want(trade->customer_code.data, trade->customer_code.length);
	trade->symbol = read_text(values, nulls, TRADE_SYMBOL);
	trade->terms.encumbered = read_flag(values, nulls, TRADE_ENCUMBERED);
	trade->sound = check_present(trade, nulls) &&
		read_side(trade, read_text(values, nulls, TRADE_SIDE)) &&
		read_provider(trade, read_text(values, nulls, TRADE_PROVIDER)) &&
		read_quantity(trade, values[TRADE_QUANTITY]) &&
		read_prices(trade, values, nulls) &&
		read_commission(trade, values, nulls) &&
		read_order_id(trade, read_text(values, nulls, TRADE_CLIENT_ORDER_ID)) &&
		read_executed_at(trade, values, nulls);
}

/* ---- rules ---- */

/* What the client's terms decide stays as it was for the execution that is corrected. */
static void
keep_world(TradeRequest *trade)
{
	if (trade->corrected == NULL || trade->corrected_client != trade->client->client_id)
		return;
	trade->revenue_share_bps = trade->corrected->revenue_share_bps;
	if (trade->corrected->customer_id == trade->customer->customer_id)
		trade->terms.funding = trade->corrected->funding;
}

static bool
check_customer(TradeRequest *trade)
{
	/* a customer of a client that is not visible is as good as unknown */
	if (trade->customer == NULL || trade->customer->customer_id == 0 ||
		!lookup_has_access(trade->customer->client_id))
	{
		/* without a customer there is no client to keep a refusal under */
		trade->sound = false;
		if (!trade_refused(trade))
		{
			char	   *code = text_copy(trade->customer_code);

			refuse(trade->request, ERRCODE_LG_UNKNOWN_CUSTOMER, "Open the customer with open_customer().", NULL,
				   "customer \"%s\" does not exist", code);
			trade->request->refusal.facts = facts_of_name("customer", code);
		}
		return false;
	}
	trade->client = client_of(trade->customer->client_id);
	trade->request->client_id = trade->customer->client_id;
	trade->request->effective_from = trade->client->trading_begins;
	trade->terms.customer_id = trade->customer->customer_id;
	trade->terms.funding = trade->customer->overrides_funding ? trade->customer->funding : trade->client->funding;
	trade->revenue_share_bps = trade->client->revenue_share_bps;
	keep_world(trade);
	trade->encumbered = trade->terms.encumbered ||
		(!trade->terms.sell && funding_is_called(trade->terms.funding) && cash_terms_of(trade->client->client_id)->encumbers_unpaid);
	return true;
}

static char *
pair_text(const ExecutionTerms *terms)
{
	return psprintf("%s/%s", asset_text(terms->base), asset_text(terms->quote));
}

static void
refuse_standing(TradeRequest *trade, const char *what, const char *name, const Standing *standing)
{
	refuse(trade->request, ERRCODE_LG_WINDING_DOWN, "Table trading_status says what each status lets pass.",
		   psprintf("A %s of %s.", trade->terms.sell ? "SELL" : "BUY", pair_text(&trade->terms)),
		   "%s \"%s\" is %s", what, name, standing->status);
	trade->request->refusal.facts = facts_of_status(what, name, standing->status);
}

/* Why the instrument does not take the trade; what was executed in it before can be corrected whatever its status. */
static void
check_open(TradeRequest *trade, const Instrument *instrument)
{
	bool		sell = trade->terms.sell;

	if (instrument->open[sell])
		return;
	if (trade->corrected && trade->corrected->instrument_id == instrument->instrument_id)
		return;
	if (!instrument->standing.may_post)
		refuse(trade->request, ERRCODE_LG_UNKNOWN_INSTRUMENT, NULL, NULL,
			   "instrument \"%s\" is retired", instrument->symbol);
	else if (!(sell ? instrument->standing.may_sell : instrument->standing.may_buy))
		refuse_standing(trade, "instrument", instrument->symbol, &instrument->standing);
	else if (!(sell ? instrument->base_standing.may_sell : instrument->base_standing.may_buy))
		refuse_standing(trade, "asset", asset_text(trade->terms.base), &instrument->base_standing);
	else
		refuse_standing(trade, "asset", asset_text(trade->terms.quote), &instrument->quote_standing);
}

static void
check_instrument(TradeRequest *trade)
{
	Instrument *instrument = instrument_of(trade->terms.base, trade->terms.quote);

	if (instrument == NULL)
	{
		refuse(trade->request, ERRCODE_LG_UNKNOWN_INSTRUMENT, "Open it with open_instrument().", NULL,
			   "there is no instrument for %s", pair_text(&trade->terms));
		return;
	}
	trade->instrument = instrument;
	trade->terms.instrument_id = instrument->instrument_id;
	if (trade->symbol.data && !text_is(trade->symbol, instrument->symbol))
		refuse(trade->request, ERRCODE_LG_UNKNOWN_INSTRUMENT, "Leave the symbol out, or give the one of the assets.",
			   psprintf("%s is traded as \"%s\".", pair_text(&trade->terms), instrument->symbol),
			   "symbol \"%s\" is not that of the assets", text_copy(trade->symbol));
	else
		check_open(trade, instrument);
}

void
trade_check_open_still(TradeRequest *trade)
{
	Instrument	now;

	if (!party_cache_is_stale())
		return;
	now = instrument_now(trade->instrument);
	check_open(trade, &now);
}

/* The provider is resolved even when the trade is refused already: terms name it. */
static void
check_provider(TradeRequest *trade)
{
	Provider   *provider = provider_by_code(trade->provider.data, trade->provider.length);

	if (provider)
		trade->terms.provider_id = provider->provider_id;
	else
	{
		trade->terms.unknown_provider = trade->provider.data;
		trade->terms.unknown_provider_length = trade->provider.length;
	}
	if (trade_refused(trade))
		return;
	if (provider && provider->active)
		return;
	if (provider == NULL)
		refuse(trade->request, ERRCODE_LG_UNKNOWN_PROVIDER, "Open it with open_provider().", NULL,
			   "liquidity provider \"%s\" does not exist", text_copy(trade->provider));
	else
		refuse(trade->request, ERRCODE_LG_UNKNOWN_PROVIDER, NULL, NULL,
			   "liquidity provider \"%s\" is not active", provider->code);
	trade->request->refusal.facts = facts_of_name("provider", text_copy(trade->provider));
}

static void
check_permission(TradeRequest *trade)
{
	bool		may = trade->terms.sell ? trade->customer->may_sell : trade->customer->may_buy;

	if (!may && !trade_refused(trade))
		refuse(trade->request, ERRCODE_LG_CUSTOMER_RESTRICTED, "See mode and party status of the customer.",
			   trade->terms.sell ? "A SELL needs mode OPEN or CLOSING_ONLY and party status ACTIVE or LIQUIDATED." :
			   "A BUY needs mode OPEN and party status ACTIVE.",
			   "customer \"%.*s\" may not %s", ACCOUNT_CODE_LENGTH, trade->customer->code,
			   trade->terms.sell ? "sell" : "buy");
}

static void
check_commission_model(TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;
	bool		markup = terms->markup_bps != 0 || terms->markup_fixed != 0;
	bool		fee = terms->fee_bps != 0 || terms->fee_fixed != 0 || terms->fee_minimum != 0;

	/* a correction may have what its original had */
	if (trade->corrected)
	{
		markup = markup && trade->corrected->markup_bps == 0 && trade->corrected->markup_fixed == 0;
		fee = fee && trade->corrected->fee_bps == 0 && trade->corrected->fee_fixed == 0 && trade->corrected->fee_minimum == 0;
	}
	if (trade_refused(trade))
		return;
	if (markup && trade->client->commission == COMMISSION_TRADE_FEE)
		refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, "Change the client's commission model, or give a trade fee.",
			   NULL, "client \"%s\" has trade fees, not markups", trade->client->code);
	else if (fee && trade->client->commission == COMMISSION_MARKUP)
		refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, "Change the client's commission model, or give a markup.",
			   NULL, "client \"%s\" has markups, not trade fees", trade->client->code);
	else if (terms->encumbered && terms->sell)
		refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, NULL, NULL, "only coin bought can be encumbered");
}

static TradeRule
trade_rule(const TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;
	TradeRule	rule = {
		.sell = terms->sell,
		.quantity = terms->quantity,
		.provider_price = terms->provider_price,
		.markup_bps = terms->markup_bps,
		.markup_fixed = terms->markup_fixed,
		.fee_bps = terms->fee_bps,
		.fee_fixed = terms->fee_fixed,
		.fee_minimum = terms->fee_minimum,
		.tick = trade->instrument->tick,
		.money_decimals = trade->instrument->money_decimals,
		.revenue_share_bps = trade->revenue_share_bps
	};

	return rule;
}

static void
refuse_overflow(TradeRequest *trade)
{
	refuse(trade->request, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, NULL, NULL, "money of the trade is out of range");
}

/* the customer's price: given and on tick, or the provider's with the markup, rounded to tick */
static void
check_price(TradeRequest *trade)
{
	ExecutionTerms *terms = &trade->terms;
	TradeRule	rule = trade_rule(trade);
	units		price = terms->price;

	if (terms->price_given && !on_step(price, rule.tick))
		refuse(trade->request, ERRCODE_LG_OFF_TICK, "Round the price before trading.",
			   psprintf("The price increment of \"%s\" is %s.", trade->instrument->symbol,
						price_text(rule.tick, terms->quote, terms->base)),
			   "price %s is off its increment", price_text(price, terms->quote, terms->base));
	if (terms->price_given || trade_refused(trade))
		return;
	if (trade_price(&rule, &price) != UNITS_OK)
		refuse_overflow(trade);
	else if (price <= 0)
		refuse(trade->request, ERRCODE_LG_NOT_POSITIVE, NULL, NULL, "markup leaves no price");
	else
		terms->price = price;
}

static void
check_steps(TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;

	if (trade_refused(trade))
		return;
	if (!on_step(terms->quantity, trade->instrument->step))
		refuse(trade->request, ERRCODE_LG_OFF_TICK, "Round the quantity before trading.",
			   psprintf("The quantity increment of \"%s\" is %s.", trade->instrument->symbol,
						amount_text(trade->instrument->step, terms->base)),
			   "quantity %s is off its increment", amount_text(terms->quantity, terms->base));
	else if (!units_fits_decimals(terms->fee_fixed, trade->instrument->money_decimals) ||
			 !units_fits_decimals(terms->fee_minimum, trade->instrument->money_decimals))
		refuse(trade->request, ERRCODE_LG_SCALE_EXCEEDED, NULL,
			   psprintf("%s has %d decimals.", asset_text(terms->quote), trade->instrument->money_decimals),
			   "fee has too many decimals");
	else
		check_price(trade);
}

static char *
quoted_price(const ExecutionTerms *terms, units price)
{
	return price_text(price, terms->quote, terms->base);
}

/*
 * The company buys from the provider what it sells to the customer, and the
 * reverse: at which difference to its disfavor is a term of the client.
 */
static void
check_concession(TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;
	int			bps = trade->client->price_concession_bps;
	units		limit = terms->provider_price;
	UnitsStatus status = UNITS_OK;

	if (trade_refused(trade) || (terms->sell ? terms->price <= limit : terms->price >= limit))
		return;
	if (bps != 0)
		status = units_multiply_divide(limit, terms->sell ? BPS_ONE + bps : BPS_ONE - bps, BPS_ONE, UNITS_DECIMALS,
									   terms->sell ? UNITS_ROUND_FLOOR : UNITS_ROUND_CEILING, &limit);
	if (status == UNITS_OK && (terms->sell ? terms->price > limit : terms->price < limit))
		refuse(trade->request, ERRCODE_LG_PRICE_CONCESSION,
			   "Mend the prices, or let an administrator change price_concession_bps with change_client().",
			   psprintf("%s at %s to the customer, %s with the provider; client \"%s\" concedes %d bps.", terms->sell ? "SELL" : "BUY",
						quoted_price(terms, terms->price), quoted_price(terms, terms->provider_price), trade->client->code, bps),
			   "the customer's price is worse for the company than the provider's");
}

void
trade_check_band(TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;
	int			bps = trade->client->price_band_bps;

	if (trade_refused(trade) || bps == 0)
		return;
	trade->last_price = last_price_of(trade->client->client_id, terms->provider_id, terms->instrument_id);
	trade->passed_before = last_price_passed(trade->last_price);
	if (!last_price_allows(trade->last_price, terms->provider_price, bps, terms->original))
		refuse(trade->request, ERRCODE_LG_PRICE_BAND,
			   "Mend the price, or let an administrator change price_band_bps with change_client().",
			   psprintf("%s; the provider's last execution was at %s, and client \"%s\" allows %d bps around it.",
						quoted_price(terms, terms->provider_price), quoted_price(terms, last_price_value(trade->last_price)),
						trade->client->code, bps),
			   "the provider's price is far from its last execution");
}

void
trade_check(TradeRequest *trade)
{
	if (!check_customer(trade) || !trade->sound)
		return;
	check_instrument(trade);
	check_provider(trade);
	check_permission(trade);
	check_commission_model(trade);
	check_steps(trade);
	check_concession(trade);
}

static void
check_worth(TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;

	if (trade->money.notional == 0)
		refuse(trade->request, ERRCODE_LG_BELOW_MINIMUM, "Trade a quantity that is worth money.",
			   psprintf("%s at %s.", amount_text(terms->quantity, terms->base),
						price_text(terms->price, terms->quote, terms->base)),
			   "the execution's money rounds to nothing");
}

void
trade_check_order(TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;
	const OrderFees *order = &trade->order->fees;

	if (order->fills == 0 || (order->fee_fixed == terms->fee_fixed && order->fee_minimum == terms->fee_minimum))
		return;
	refuse(trade->request, ERRCODE_LG_INVALID_REQUEST, "Name the fees of the order in each of its fills, or give another client_order_id.",
		   psprintf("Its fills have a fixed fee of %s and a minimum of %s; this one says %s and %s.",
					amount_text(order->fee_fixed, terms->quote), amount_text(order->fee_minimum, terms->quote),
					amount_text(terms->fee_fixed, terms->quote), amount_text(terms->fee_minimum, terms->quote)),
		   "order \"%.*s\" has another fixed or minimum fee", terms->client_order_id_length, terms->client_order_id);
	trade->request->refusal.facts = facts_of_name("field", order->fee_fixed == terms->fee_fixed ? "fee_minimum" : "fee_fixed");
}

void
trade_compute_notional(TradeRequest *trade)
{
	TradeRule	rule = trade_rule(trade);

	if (trade_notional(&rule, trade->terms.price, &trade->money) != UNITS_OK)
		refuse_overflow(trade);
	else
		check_worth(trade);
}

void
trade_compute(TradeRequest *trade, const OrderFees *order)
{
	ExecutionTerms *terms = &trade->terms;
	TradeMoney *money = &trade->money;
	TradeRule	rule = trade_rule(trade);

	if (trade_money(&rule, terms->price, order, money) != UNITS_OK)
	{
		refuse_overflow(trade);
		return;
	}
	check_worth(trade);
	if (trade_refused(trade))
		return;
	if (money->net_money < 0)
	{
		refuse(trade->request, ERRCODE_LG_NOT_POSITIVE, "Lower the fee.",
			   psprintf("Proceeds %s, fee %s.", amount_text(money->notional, terms->quote),
						amount_text(money->fee, terms->quote)),
			   "proceeds do not cover the fee");
		return;
	}
	terms->net_money = money->net_money;
	terms->provider_money = money->provider_money;
	terms->fee = money->fee;
	terms->revenue_share = money->revenue_share;
	terms->revenue_share_bps = rule.revenue_share_bps;
}

/* ---- replays ---- */

static bool
same_text(const char *a, int a_length, const char *b, int b_length)
{
	return (a == NULL) == (b == NULL) && (a == NULL || (a_length == b_length && memcmp(a, b, a_length) == 0));
}

/* a provider unknown when the request was refused may be known now */
static bool
same_provider(const ExecutionTerms *a, const ExecutionTerms *b)
{
	const ExecutionTerms *unknown = a->provider_id == 0 ? a : b;
	const ExecutionTerms *known = a->provider_id == 0 ? b : a;
	const Provider *provider;

	if (unknown->provider_id != 0 || known->provider_id == 0)
		return a->provider_id == b->provider_id &&
			same_text(a->unknown_provider, a->unknown_provider_length, b->unknown_provider, b->unknown_provider_length);
	provider = provider_by_id(known->provider_id);
	return provider != NULL &&
		same_text(provider->code, strlen(provider->code), unknown->unknown_provider, unknown->unknown_provider_length);
}

/*
 * What a request says is compared, not what followed from it then: steps,
 * shares and running fees may have changed since.
 */
static const char *
money_difference(const ExecutionTerms *stored, const ExecutionTerms *given)
{
	if (stored->price_given != given->price_given || (given->price_given && stored->price != given->price))
		return "price";
	if (stored->provider_price_given != given->provider_price_given ||
		(given->provider_price_given && stored->provider_price != given->provider_price))
		return "provider_price";
	if (stored->markup_bps != given->markup_bps)
		return "markup_bps";
	if (stored->markup_fixed != given->markup_fixed)
		return "markup_fixed";
	if (stored->fee_bps != given->fee_bps)
		return "fee_bps";
	if (stored->fee_fixed != given->fee_fixed)
		return "fee_fixed";
	return stored->fee_minimum != given->fee_minimum ? "fee_minimum" : NULL;
}

const char *
trade_difference(const struct varlena *stored_value, const struct varlena *given_value)
{
	ExecutionTerms stored;
	ExecutionTerms given;
	const char *money;

	terms_unpack_stored(stored_value, &stored);
	terms_unpack_stored(given_value, &given);
	if (stored.customer_id != given.customer_id)
		return "customer";
	if (stored.sell != given.sell)
		return "side";
	if (stored.quantity != given.quantity || stored.base != given.base)
		return "quantity";
	if (!same_provider(&stored, &given))
		return "provider";
	if (stored.quote != given.quote)
		return given.price_given ? "price" : "provider_price";
	money = money_difference(&stored, &given);
	if (money)
		return money;
	if (!same_text(stored.client_order_id, stored.client_order_id_length,
				   given.client_order_id, given.client_order_id_length))
		return "client_order_id";
	if (stored.executed_at_given != given.executed_at_given)
		return "executed_at";
	if (stored.encumbered != given.encumbered)
		return "encumbered";
	return stored.original != given.original ? (given.bust ? "busts" : "corrects") : NULL;
}

void
trade_tell_shortage(const TradeRequest *trade, units required, units available, asset_code asset)
{
	trade->request->refusal.facts = facts_of_shortage("customer", pnstrdup(trade->customer->code, ACCOUNT_CODE_LENGTH),
													  required, available, asset);
}
