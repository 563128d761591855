/*-------------------------------------------------------------------------
 *
 * trade_money.c
 *	  The arithmetic of one execution.
 *-------------------------------------------------------------------------
 */
#include "arithmetic/rounding.h"
#include "trade/trade_money.h"

bool
on_step(units value, units step)
{
	if (value <= INT64_MAX && step <= INT64_MAX && value >= 0)
		return (int64_t) value % (int64_t) step == 0;
	return value % step == 0;
}

/* to a whole number of ticks: up (away from zero) or down */
static UnitsStatus
round_to_tick(units value, units tick, bool up, units *result)
{
	units		rest = value % tick;

	if (rest < 0)
		rest += tick;
	value -= rest;
	if (up && rest != 0)
		value += tick;
	*result = value;
	return units_in_range(value) ? UNITS_OK : UNITS_OVERFLOW;
}

UnitsStatus
trade_price(const TradeRule *rule, units *price)
{
	units		marked = rule->provider_price;
	UnitsStatus status = UNITS_OK;
	units		factor = rule->sell ? BPS_ONE - (units) rule->markup_bps : BPS_ONE + (units) rule->markup_bps;

	/* rounding twice in one direction is rounding once */
	if (rule->markup_bps != 0)
		status = units_multiply_divide(marked, factor, BPS_ONE, UNITS_DECIMALS,
									   rule->sell ? UNITS_ROUND_FLOOR : UNITS_ROUND_CEILING, &marked);
	if (status != UNITS_OK)
		return status;
	if (rule->sell ? !units_subtract(marked, rule->markup_fixed, &marked) :
		!units_add(marked, rule->markup_fixed, &marked))
		return UNITS_OVERFLOW;
	return round_to_tick(marked, rule->tick, !rule->sell, price);
}

/* a part in bps of an amount, exact to the last of 18 decimals */
static UnitsStatus
bps_of(units value, int bps, int decimals, units *result)
{
	*result = 0;
	if (bps == 0)
		return UNITS_OK;
	return units_multiply_divide(value, bps, BPS_ONE, decimals, UNITS_ROUND_HALF_EVEN, result);
}

UnitsStatus
trade_fee_exact(units notional, int fee_bps, units *exact)
{
	return bps_of(notional, fee_bps, UNITS_DECIMALS, exact);
}

static UnitsStatus
trade_fee(const TradeRule *rule, const OrderFees *order, TradeMoney *money)
{
	units		total;
	units		exact;
	UnitsStatus status = trade_fee_exact(money->notional, rule->fee_bps, &exact);

	if (status != UNITS_OK)
		return status;
	if (!units_add(exact, order ? order->accrued : 0, &total) || !units_add(total, rule->fee_fixed, &total))
		return UNITS_OVERFLOW;
	status = units_round(total, rule->money_decimals, UNITS_ROUND_HALF_EVEN, &total);
	if (status != UNITS_OK)
		return status;
	if (total < rule->fee_minimum)
		total = rule->fee_minimum;
	money->fee = total - (order ? order->charged : 0);
	/* a busted fill may have left more charged than is due: it stands against what follows */
	if (money->fee < 0)
		money->fee = 0;
	return UNITS_OK;
}

/* the client shares in what was earned, never in a loss */
static UnitsStatus
share_revenue(const TradeRule *rule, TradeMoney *money)
{
	units		revenue = rule->sell ? money->provider_money - money->net_money : money->net_money - money->provider_money;
	UnitsStatus status;

	money->revenue_share = money->fee_share = 0;
	if (revenue <= 0 || rule->revenue_share_bps == 0)
		return UNITS_OK;
	status = bps_of(revenue, rule->revenue_share_bps, rule->money_decimals, &money->revenue_share);
	if (status == UNITS_OK)
		status = bps_of(money->fee, rule->revenue_share_bps, rule->money_decimals, &money->fee_share);
	if (money->fee_share > money->revenue_share)
		money->fee_share = money->revenue_share;
	return status;
}

UnitsStatus
trade_notional(const TradeRule *rule, units price, TradeMoney *money)
{
	UnitsStatus status = units_multiply(rule->quantity, price, rule->money_decimals,
										UNITS_ROUND_HALF_EVEN, &money->notional);

	money->provider_money = money->notional;
	if (status == UNITS_OK && rule->provider_price != price)
		status = units_multiply(rule->quantity, rule->provider_price, rule->money_decimals,
								UNITS_ROUND_HALF_EVEN, &money->provider_money);
	return status;
}

UnitsStatus
trade_money(const TradeRule *rule, units price, const OrderFees *order, TradeMoney *money)
{
	UnitsStatus status = trade_notional(rule, price, money);

	if (status == UNITS_OK)
		status = trade_fee(rule, order, money);
	if (status != UNITS_OK)
		return status;
	if (rule->sell ? !units_subtract(money->notional, money->fee, &money->net_money) :
		!units_add(money->notional, money->fee, &money->net_money))
		return UNITS_OVERFLOW;
	return share_revenue(rule, money);
}
