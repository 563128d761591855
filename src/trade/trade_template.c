/*-------------------------------------------------------------------------
 *
 * trade_template.c
 *	  The journal of an execution, line by line as in the golden journals
 *	  J02a, J03a, J05a and J07a (BUY), J04a and J07c (SELL).
 *
 * The coin is the customer's from the execution on; its cash is called later.
 * The funding model decides where the customer's cash leg stands:
 *	BAKKT_TPJ		a receivable or payable per customer, one item per trade
 *	NET_SETTLEMENT	the client's settlement position
 *	APEX_TPJ		what Apex owes, or is owed, for the client's customers
 *	NO_SETTLEMENT	a memorandum account of the client: the cash is settled
 *					outside, nothing is called or wired, yet the provider is paid
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "errors.h"
#include "trade/order_commission.h"
#include "trade/trade_request.h"

static AccountRole
cash_role(const ExecutionTerms *terms)
{
	switch (terms->funding)
	{
		case FUNDING_BAKKT_TPJ:
			return terms->sell ? ROLE_TPJ_PAYABLE : ROLE_TPJ_RECEIVABLE;
		case FUNDING_NET_SETTLEMENT:
			return ROLE_CLIENT_SETTLEMENT;
		case FUNDING_APEX_TPJ:
			return terms->sell ? ROLE_APEX_PAYABLE : ROLE_APEX_RECEIVABLE;
		case FUNDING_NO_SETTLEMENT:
			break;
	}
	return ROLE_CLIENT_MEMO;
}

/* a line of one account of the template; nothing when zero, unless that is not known yet */
static void
add(TradeRequest *trade, AccountRole role, units amount, asset_code asset, int64 party,
	const char *party_code, int length, bool create)
{
	if (amount == 0 && !trade->undecided)
		return;
	trade->slots[trade->line_count] = account_want(role, trade->client->client_id, party, party_code, length, asset, create);
	trade->amounts[trade->line_count++] = amount;
}

/* accounts named after nobody, or after the client */
static void
add_house(TradeRequest *trade, AccountRole role, units amount, asset_code asset)
{
	add(trade, role, amount, asset, 0, trade->client->code, strlen(trade->client->code), true);
}

static void
add_provider(TradeRequest *trade, AccountRole role, units amount, asset_code asset)
{
	add(trade, role, amount, asset, trade->terms.provider_id, trade->provider.data, trade->provider.length, true);
}

/* coin that is sold must be there: its account is never opened for a sale (I5) */
static void
add_customer(TradeRequest *trade, AccountRole role, units amount, asset_code asset)
{
	add(trade, role, amount, asset, trade->customer->customer_id, trade->customer->code, ACCOUNT_CODE_LENGTH,
		!(trade->terms.sell && role == ROLE_COIN));
}

static void
add_cash(TradeRequest *trade, units amount)
{
	AccountRole role = cash_role(&trade->terms);

	if (role == ROLE_TPJ_PAYABLE || role == ROLE_TPJ_RECEIVABLE)
		add_customer(trade, role, amount, trade->terms.quote);
	else
		add_house(trade, role, amount, trade->terms.quote);
}

/* What the revenue may touch whatever the fee: none lies in the price if the provider's money is the customer's. */
static void
want_revenue(TradeRequest *trade)
{
	if (trade->money.notional != trade->money.provider_money)
		add_house(trade, ROLE_REVENUE_MARKUP, 0, trade->terms.quote);
	add_house(trade, ROLE_REVENUE_TRADE_FEE, 0, trade->terms.quote);
	if (trade->client->revenue_share_bps != 0)
		add_house(trade, ROLE_REVENUE_SHARE, 0, trade->terms.quote);
}

static void
add_revenue(TradeRequest *trade)
{
	const TradeMoney *money = &trade->money;
	asset_code	quote = trade->terms.quote;
	units		markup = terms_revenue(&trade->terms) - money->fee;

	if (trade->undecided)
	{
		want_revenue(trade);
		return;
	}
	add_house(trade, ROLE_REVENUE_MARKUP, -(markup - (money->revenue_share - money->fee_share)), quote);
	add_house(trade, ROLE_REVENUE_TRADE_FEE, -(money->fee - money->fee_share), quote);
	add_house(trade, ROLE_REVENUE_SHARE, -money->revenue_share, quote);
}

static void
add_buy(TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;
	units		coin = terms->quantity;

	add_cash(trade, terms->net_money);
	add_provider(trade, ROLE_PROVIDER_PAYABLE, -terms->provider_money, terms->quote);
	add_revenue(trade);
	add_provider(trade, ROLE_PROVIDER_COIN_RECEIVABLE, coin, terms->base);
	add_house(trade, ROLE_CORP_DUE_TO_CUST, -coin, terms->base);
	add_house(trade, ROLE_CUST_DUE_FROM_CORP, coin, terms->base);
	add_customer(trade, trade->encumbered ? ROLE_COIN_ENCUMBERED : ROLE_COIN, -coin, terms->base);
}

static void
add_sell(TradeRequest *trade)
{
	const ExecutionTerms *terms = &trade->terms;
	units		coin = terms->quantity;

	add_customer(trade, ROLE_COIN, coin, terms->base);
	add_house(trade, ROLE_CUST_DUE_TO_CORP, -coin, terms->base);
	add_house(trade, ROLE_CORP_DUE_FROM_CUST, coin, terms->base);
	add_provider(trade, ROLE_PROVIDER_COIN_PAYABLE, -coin, terms->base);
	add_provider(trade, ROLE_PROVIDER_RECEIVABLE, terms->provider_money, terms->quote);
	add_cash(trade, -terms->net_money);
	add_revenue(trade);
}

static void
add_lines(TradeRequest *trade)
{
	trade->line_count = 0;
	if (trade->terms.sell)
		add_sell(trade);
	else
		add_buy(trade);
}

void
trade_want_accounts(TradeRequest *trade)
{
	trade->undecided = trade->request->deferred;
	add_lines(trade);
	trade->undecided = false;
}

static void
refuse_no_coin(TradeRequest *trade)
{
	refuse(trade->request, ERRCODE_LG_INSUFFICIENT,
		   "Sell at most what the customer holds; coin that a purchase encumbers is free once its cash call is settled.",
		   psprintf("Needed %s, available %s.", amount_text(trade->terms.quantity, trade->terms.base),
					amount_text(0, trade->terms.base)),
		   "customer \"%.*s\" holds no free %s", ACCOUNT_CODE_LENGTH, trade->customer->code,
		   asset_text(trade->terms.base));
	trade_tell_shortage(trade, trade->terms.quantity, 0, trade->terms.base);
}

static void
build_lines(TradeRequest *trade)
{
	LedgerRequest *request = trade->request;
	EntryLine  *lines = palloc(trade->line_count * sizeof(EntryLine));

	for (int i = 0; i < trade->line_count; i++)
	{
		const AccountSlot *slot = trade->slots[i];

		if (slot->account == 0)
		{
			refuse_no_coin(trade);
			return;
		}
		lines[i].account = slot->account;
		lines[i].asset = slot->key.asset;
		lines[i].amount = trade->amounts[i];
	}
	request->lines = lines;
	request->line_count = trade->line_count;
}

/* Refused trades have terms as well, as far as they make sense: a retry is compared with them. */
void
trade_build(TradeRequest *trade)
{
	if (!trade_refused(trade))
		build_lines(trade);
	if (trade->sound)
		trade->request->terms = terms_pack(&trade->terms);
}

void
trade_rebuild(TradeRequest *trade)
{
	trade_check_order(trade);
	if (!trade_refused(trade))
		trade_compute(trade, names_order_fees(&trade->terms) ? &trade->order->fees : NULL);
	if (!trade_refused(trade))
		add_lines(trade);
	trade_build(trade);
}
