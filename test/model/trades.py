"""Trades: prices, money, fees, revenue and lines of executions, by the documents.

The arithmetic is exact; what is rounded is rounded half-even once, at the
place named.
"""

from exact import Decimal, ZERO, half_even, money

CASH = {
    # funding model: account of the cash leg when the customer owes, when the customer is owed
    'BAKKT_TPJ': ('TPJ:receivable:{customer}', 'TPJ:payable:{customer}'),
    'NET_SETTLEMENT': ('Client:settlement:{client}', 'Client:settlement:{client}'),
    'APEX_TPJ': ('Apex:receivable:{client}', 'Apex:payable:{client}'),
    'NO_SETTLEMENT': ('Client:memo:{client}', 'Client:memo:{client}'),
}

TICK = Decimal('0.01')              # price increment of the instruments used


class Terms:
    """What was agreed for one execution, and what follows from it."""

    def __init__(self, client, customer, model, side, coin, quantity, provider, provider_price=None, price=None, markup_bps=0, markup_fixed=ZERO,
                 fee_bps=0, fee_fixed=ZERO, fee_minimum=ZERO, order=None, executed_at=None, share_bps=0, encumbered=False):
        self.client, self.customer, self.model = client, customer, model
        self.side, self.coin, self.quantity, self.provider = side, coin, quantity, provider
        self.given = (side, coin, quantity, provider, provider_price, price, markup_bps, markup_fixed, fee_bps, fee_fixed, fee_minimum, order, executed_at, encumbered)
        self.fee_bps, self.fee_fixed, self.fee_minimum, self.order = fee_bps, fee_fixed, fee_minimum, order
        self.executed_at = executed_at
        self.share_bps = share_bps
        self.encumbered = encumbered
        self.sign = 1 if side == 'BUY' else -1
        if price is None:
            price = provider_price * (1 + self.sign * Decimal(markup_bps) / 10000) + self.sign * markup_fixed
            price = self.to_tick(price)
        self.price = price
        self.provider_price = price if provider_price is None else provider_price
        self.notional = money(quantity * price, 'USD')
        self.provider_money = money(quantity * self.provider_price, 'USD')
        self.fee = None

    def to_tick(self, price):
        """A price is rounded to the tick against the customer."""
        steps = price / TICK
        whole = steps // 1
        if steps != whole and self.side == 'BUY':
            whole += 1
        return whole * TICK

    def accrual(self):
        """What the fill adds to its order's fees, unrounded: bps of the posted notional."""
        return self.notional * self.fee_bps / 10000

    def charge(self, accrued, charged):
        """Set the fee, given the order's accrued and charged fees before this fill; the fixed fee is the order's, and counts once."""
        total = max(self.fee_minimum, accrued + self.accrual() + self.fee_fixed)
        self.fee = half_even(total, 2) - charged

    @property
    def net_money(self):
        """Positive: the customer or client owes."""
        return self.sign * self.notional + self.fee

    @property
    def revenue(self):
        return self.net_money - self.sign * self.provider_money

    @property
    def share(self):
        return half_even(max(self.revenue, ZERO) * self.share_bps / 10000, 2)

    @property
    def exact_share(self):
        """What the client's share of this execution is before anything is rounded."""
        return max(self.revenue, ZERO) * self.share_bps / 10000

    def lines(self):
        """[(fund, account name, asset, signed amount)] without zero lines."""
        markup = self.revenue - self.fee
        fee_share = min(self.share, half_even(self.fee * self.share_bps / 10000, 2))
        markup_share = self.share - fee_share
        cash = CASH[self.model][0 if self.net_money > 0 else 1].format(customer=self.customer, client=self.client)
        claim = 'Cust:' + self.customer + (':encumbered' if self.encumbered else '')
        usd = [('CORP', cash, 'USD', self.net_money),
               ('CORP', 'Revenue:markup', 'USD', -(markup - markup_share)),
               ('CORP', 'Revenue:trade-fee', 'USD', -(self.fee - fee_share)),
               ('CORP', 'RevShare:payable:' + self.client, 'USD', -self.share)]
        if self.side == 'BUY':
            lines = usd[:1] + [('CORP', 'LP:payable:' + self.provider, 'USD', -self.provider_money)] + usd[1:] + [
                ('CORP', 'LP:coin-receivable:' + self.provider, self.coin, self.quantity),
                ('CORP', 'DueTo:CUST', self.coin, -self.quantity),
                ('CUST', 'DueFrom:CORP', self.coin, self.quantity),
                ('CUST', claim, self.coin, -self.quantity)]
        else:
            lines = [
                ('CUST', claim, self.coin, self.quantity),
                ('CUST', 'DueTo:CORP', self.coin, -self.quantity),
                ('CORP', 'DueFrom:CUST', self.coin, self.quantity),
                ('CORP', 'LP:coin-payable:' + self.provider, self.coin, -self.quantity),
                ('CORP', 'LP:receivable:' + self.provider, 'USD', self.provider_money)] + usd
        return [line for line in lines if line[3] != 0]
