"""Exposure: what a client owes and has traded today, whether it may trade, and
which limits an execution breaks, by doc/exposure.md.

Slow and plain: what is owed is the sum of the client's accounts, the day's
gross a sum over all executions that stand.
"""

import datetime

from exact import ZERO

OWED = ('Client:settlement:', 'Client:obligation:', 'Client:unapplied:')


def next_cut(now):
    """The next 09:00 in Chicago, by the rule for the offset of any year."""
    def sunday(month, nth):
        first = datetime.date(now.year, month, 1)
        return first + datetime.timedelta((6 - first.weekday()) % 7 + 7 * (nth - 1))
    for day in (now.date(), now.date() + datetime.timedelta(1)):
        hour = 14 if sunday(3, 2) <= day < sunday(11, 1) else 15
        cut = datetime.datetime(day.year, day.month, day.day, hour, tzinfo=datetime.timezone.utc)
        if cut > now:
            return cut


class Limits:
    """What is agreed with one client, in USD; None: no limit."""

    def __init__(self, cap=None, trade=None, gross=None):
        self.cap, self.trade, self.gross = cap, trade, gross


class Exposure:
    def __init__(self, books):
        self.books = books
        self.limits = {}            # client -> Limits
        self.status = {}            # client -> CLOSE_ONLY or SUSPENDED
        self.provider = {}          # provider -> most of one execution

    def net_debit(self, client):
        return sum((a.posted for a in self.books.accounts.values()
                    if a.client == client and a.fund == 'CORP' and a.asset == 'USD' and a.name.startswith(OWED)), ZERO)

    def gross(self, client):
        """All executions of a run are recorded on one day: a run near a cut-off has no daily limit."""
        return sum((abs(j.terms.net_money) for j in self.books.in_order
                    if j.client == client and j.kind == 'trade' and not j.bust), ZERO)

    def faults(self, trade):
        """Of an execution whose terms are known, posted now; the original that it corrects has been busted already."""
        terms, client, original = trade.terms, trade.client, trade.original_terms()
        limits = self.limits.get(client, Limits())
        broken = set()
        if original is None and (self.status.get(client) == 'SUSPENDED' or self.status.get(client) == 'CLOSE_ONLY' and terms.side == 'BUY'):
            broken.add('LG094')
        size = abs(terms.net_money)
        if limits.trade is not None and size > limits.trade and not (original and size <= abs(original.net_money)):
            broken.add('LG091')
        most = self.provider.get(terms.provider)
        if most is not None and terms.provider_money > most and not (original and terms.provider_money <= original.provider_money):
            broken.add('LG091')
        change = terms.net_money if terms.model == 'NET_SETTLEMENT' else ZERO
        added = change - (original.net_money if original and original.model == 'NET_SETTLEMENT' else ZERO)
        if limits.cap is not None and added > 0 and self.net_debit(client) + change > limits.cap:
            broken.add('LG092')
        added = size - (abs(original.net_money) if original else ZERO)
        if limits.gross is not None and added > 0 and self.gross(client) + size > limits.gross:
            broken.add('LG093')
        return broken
