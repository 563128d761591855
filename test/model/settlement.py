"""Settlement in the workload: windows that tile time, novation, obligations, wires.

A window has every execution that was executed before its end, is known when
it closes and is in no earlier window; what it owes is the sum over these.
"""

import datetime

from books import Journal
from exact import Decimal, ZERO, text
from holding import Holding
from psql import literal
from trades import CASH
from trading import Bust, Trade
from workload import COINS, MODELS, PROVIDERS, Operation, expect

FIRST = datetime.date(2026, 3, 5)
UTC = datetime.timezone.utc


def cut(day):
    """09:00 in Chicago on a date of 2026, as an instant: the clocks change on 8 March and 1 November."""
    summer = datetime.date(2026, 3, 8) <= day < datetime.date(2026, 11, 1)
    return datetime.datetime(day.year, day.month, day.day, 14 if summer else 15, tzinfo=UTC)


def instant_of(text_of_instant):
    return datetime.datetime.fromisoformat(text_of_instant) if text_of_instant else None


class Obligation:
    def __init__(self, client, number, counterparty, asset, receivable, payable):
        self.client, self.number, self.counterparty, self.asset = client, number, counterparty, asset
        self.receivable, self.payable = receivable, payable
        self.net = receivable + payable     # positive: the counterparty owes
        self.applied = ZERO

    @property
    def name(self):
        return ('Client:obligation:' if self.counterparty == self.client else 'LP:net:') + '%s:W%d' % (self.counterparty, self.number)

    @property
    def outstanding(self):
        return abs(self.net) - self.applied

    def row(self):
        payer, payee = (self.counterparty, 'BAKKT') if self.net > 0 else ('BAKKT', self.counterparty)
        return (payer, payee, text(abs(self.net), self.asset), text(self.applied, self.asset))


class Settlement(Holding):
    def __init__(self, session, seed):
        self.closed = {}            # client -> last date closed
        self.windows = {}           # (client, number) -> (date, [members])
        self.agreed = set()         # (client, number)
        self.obligations = {}       # (client, number, counterparty, asset) -> Obligation
        super().__init__(session, seed)

    # -- executions around the open window -----------------------------

    def instant(self):
        """Around a client's cut-offs: late, in time, early, and at the cut to the microsecond."""
        last = max(self.closed.values(), default=FIRST - datetime.timedelta(1))
        if self.chance(12):
            at = cut(last + datetime.timedelta(self.pick((0, 1, 2)))) - datetime.timedelta(microseconds=self.pick((0, 0, 1)))
        else:
            at = cut(last) + datetime.timedelta(minutes=self.random.randint(-36 * 60, 60 * 60))
        return at.isoformat(sep=' ')

    # -- closing -------------------------------------------------------

    def number(self, client, day):
        return (day - self.first[client]).days + 1

    first = None

    def close(self):
        client = self.client()
        if self.first is None:
            self.first = {}
        if client in self.closed and self.chance(15):
            day = self.closed[client]           # again: the same answer
        else:
            day = self.closed.get(client, FIRST - datetime.timedelta(1)) + datetime.timedelta(1)
            if client in self.closed and self.chance(15):
                day += datetime.timedelta(1)    # two at once
            self.first.setdefault(client, day)
            start = self.closed.get(client, day - datetime.timedelta(1)) + datetime.timedelta(1)
            while start <= day:
                self.close_one(client, start)
                start += datetime.timedelta(1)
            self.closed[client] = day
        number = self.number(client, day)
        owed = sorted((o.counterparty, o.asset) + o.row()[:3] for o in self.obligations.values() if o.client == client and o.number == number)
        sql = 'SELECT row_to_json(r) FROM close_window(%s, %s) AS r' % (literal(client), literal(day))

        def check(answer):
            expect('SQLSTATE of a close', '00000', answer.sqlstate)
            expect('what W%d of %s owes' % (number, client), owed, sorted(
                (r['counterparty'], r['asset'], r['payer'], r['payee'], r['amount']) for r in answer.rows if r['counterparty']))
            expect('bounds of W%d' % number, {(cut(day - datetime.timedelta(1)), cut(day))},
                   {(instant_of(r['from_at']), instant_of(r['to_at'])) for r in answer.rows})
        return Operation('close', sql, check)

    def known(self, client, day):
        """Executions that belong to the window, and are in none yet."""
        return [j for j in self.books.in_order if isinstance(j, (Trade, Bust)) and j.client == client and j.window is None
                and j.effective_at and instant_of(j.effective_at) < cut(day)]

    def totals(self, members):
        """What the members put on the accounts that a window settles: {(counterparty, account name, asset): signed}."""
        total = {}
        for journal in members:
            for identifier, asset, amount in journal.lines:
                account = self.books.accounts[identifier]
                part = account.name.split(':')
                if account.fund == 'CORP' and (part[:2] == ['Client', 'settlement'] or (part[0] == 'LP' and part[1] != 'net')):
                    key = part[2], account.name, asset
                    total[key] = total.get(key, ZERO) + amount
        return {key: amount for key, amount in total.items() if amount}

    def close_one(self, client, day):
        number = self.number(client, day)
        members = self.known(client, day)
        for journal in members:
            journal.window = number
        self.windows[client, number] = (day, members)
        total = self.totals(members)
        for counterparty in (*PROVIDERS, client):
            mine = {(name, asset): amount for (c, name, asset), amount in total.items() if c == counterparty}
            if mine:
                self.novate(client, number, counterparty, mine, day)

    def novate(self, client, number, counterparty, mine, day):
        lines = [('CORP', name, asset, -amount) for (name, asset), amount in mine.items()]
        for asset in sorted({asset for _, asset in mine}):
            owing = lambda name, amount: 'receivable' in name or (name.startswith('Client') and amount > 0)
            receivable = sum((a for (n, s), a in mine.items() if s == asset and owing(n, a)), ZERO)
            payable = sum((a for (n, s), a in mine.items() if s == asset and not owing(n, a)), ZERO)
            owed = Obligation(client, number, counterparty, asset, receivable, payable)
            if owed.net:
                self.obligations[client, number, counterparty, asset] = owed
                lines.append(('CORP', owed.name, asset, owed.net))
            elif asset in COINS:    # never delivered: set off between the funds
                lines += [('CORP', 'DueTo:CUST', asset, receivable), ('CORP', 'DueFrom:CUST', asset, -receivable),
                          ('CUST', 'DueTo:CORP', asset, receivable), ('CUST', 'DueFrom:CORP', asset, -receivable)]
        reference = 'settlement:W%d:%s:%s' % (number, 'client' if counterparty == client else 'provider', counterparty)
        self.record_lines(client, reference, lines, 'novation', cut(day).isoformat(sep=' '))

    def record_lines(self, client, reference, lines, kind, effective_at=None):
        merged = {}
        for fund, name, asset, amount in lines:
            merged[fund, name, asset] = merged.get((fund, name, asset), ZERO) + amount
        journal = Journal(client, reference, [(self.ensure(client, *key).identifier, key[2], amount) for key, amount in merged.items() if amount], kind,
                          effective_at=effective_at, facts=kind)
        journal.any_order = True
        self.books.record(journal)

    # -- agreeing and paying -------------------------------------------

    def agree(self):
        waiting = [w for w in self.windows if w not in self.agreed]
        if not waiting:
            return self.close()
        client, number = self.pick(waiting)
        self.agreed.add((client, number))
        day = self.windows[client, number][0]
        sql = 'SELECT advise_window(%s, %s), agree_window(%s, %s)' % (literal(client), literal(day), literal(client), literal(day))
        return Operation('agree', sql, lambda answer: expect('SQLSTATE of an agreement', '00000', answer.sqlstate))

    def wire(self):
        open_ones = [o for o in self.obligations.values() if o.asset == 'USD' and o.outstanding]
        if not open_ones:
            return self.agree()
        owed = self.pick(open_ones)
        amount = self.part_of(owed.outstanding, 'USD')
        direction = 'received' if owed.net > 0 else 'sent'
        sqlstate = None
        if amount > owed.outstanding:
            sqlstate = 'LG074'
        elif direction == 'sent' and (owed.client, owed.number) not in self.agreed:
            sqlstate = 'LG071'
        reference = self.reference('wire')
        if not sqlstate:
            sign = 1 if owed.net > 0 else -1
            frozen = self.frozen(owed.client, [('CORP', 'Bank:operating', 'USD', sign * amount), ('CORP', owed.name, 'USD', -sign * amount)])
            if frozen:
                sqlstate = frozen
            else:
                owed.applied += amount
                self.record_lines(owed.client, reference, [('CORP', 'Bank:operating', 'USD', sign * amount), ('CORP', owed.name, 'USD', -sign * amount)], 'settlement_wire')
        sql = 'SELECT row_to_json(r) FROM record_wire(%s, %s, %s, %s, %s, %s) AS r' % tuple(map(literal, (
            owed.client, reference, direction, text(amount, 'USD'), owed.counterparty, self.windows[owed.client, owed.number][0])))
        left = text(owed.outstanding, 'USD')

        def check(answer):
            expect('SQLSTATE of a wire', sqlstate or '00000', answer.sqlstate)
            if not sqlstate:
                expect('outstanding after a wire', [left], [row['outstanding'] for row in answer.rows])
        return self.done(Operation('wire', sql, check), sqlstate)

    def frozen(self, client, lines):
        for fund, name, asset, amount in lines:
            account = self.ensure(client, fund, name, asset)
            if amount and account.status == ('debit_frozen' if amount > 0 else 'credit_frozen'):
                return 'LG033'
        return None

    def provide(self):
        """Everything outstanding with a provider for one window, in one journal (J07g)."""
        chosen = [(o.client, o.number, o.counterparty) for o in self.obligations.values() if o.counterparty in PROVIDERS and o.outstanding and (o.client, o.number) in self.agreed]
        if not chosen:
            return self.wire()
        client, number, provider = self.pick(chosen)
        parts = [o for o in self.obligations.values() if (o.client, o.number, o.counterparty) == (client, number, provider) and o.outstanding]
        lines = []
        for owed in parts:
            paid = owed.outstanding * (1 if owed.net > 0 else -1)
            if owed.asset == 'USD':
                lines += [('CORP', 'Bank:operating', 'USD', paid), ('CORP', owed.name, 'USD', -paid)]
            else:
                bought, sold = owed.receivable, -owed.payable
                lines += [('CORP', owed.name, owed.asset, -paid), ('CORP', 'DueTo:CUST', owed.asset, bought), ('CORP', 'DueFrom:CUST', owed.asset, -sold),
                          ('CUST', 'DueTo:CORP', owed.asset, sold), ('CUST', 'DueFrom:CORP', owed.asset, -bought), ('CUST', 'Wallet:omnibus', owed.asset, paid)]
        sqlstate = self.frozen(client, lines)
        reference = self.reference('provide')
        if not sqlstate:
            for owed in parts:
                owed.applied = abs(owed.net)
            self.record_lines(client, reference, lines, 'lp_settlement')
        sql = 'SELECT row_to_json(r) FROM settle_provider(%s, %s, %s, %s) AS r' % tuple(map(literal, (client, reference, provider, self.windows[client, number][0])))
        return self.done(Operation('provide', sql, lambda answer: expect('SQLSTATE of a settlement', sqlstate or '00000', answer.sqlstate)), sqlstate)

    def more_kinds(self):
        return super().more_kinds() + [self.close] * 2 + [self.agree, self.agree, self.wire, self.wire, self.provide, self.provide]

    # -- comparing -----------------------------------------------------

    def compare(self):
        super().compare()
        stored = {(r['client_code'], int(r['settlement_window'][1:]), r['counterparty'], r['asset']): (r['payer'], r['payee'], r['amount'], r['applied'])
                  for r in self.session.rows('SELECT * FROM obligations()')}
        expect('obligations', {key: owed.row() for key, owed in self.obligations.items()}, stored)
        self.compare_open_window()
        if self.windows:
            self.compare_sealed_window(*self.pick(self.windows))

    def compare_open_window(self):
        """The live net position at the end of the next window is what it would owe."""
        client = self.client()
        if client not in self.closed:
            return
        day = self.closed[client] + datetime.timedelta(1)
        total = self.totals(self.known(client, day))
        nets = {}
        for (counterparty, _, asset), amount in total.items():
            nets[counterparty, asset] = nets.get((counterparty, asset), ZERO) + amount
        mine = {key: text(amount, key[1]) for key, amount in nets.items() if amount}
        at = cut(day) - datetime.timedelta(microseconds=1)
        stored = {(r['counterparty'], r['asset']): r['net'] for r in self.session.rows('SELECT * FROM net_position(%s, %s)' % (literal(client), literal(at.isoformat())))}
        expect('net position of %s at %s' % (client, at), mine, stored)

    def compare_sealed_window(self, client, number):
        """A sealed window has the same members and sums for ever, and every execution is in one window."""
        day, members = self.windows[client, number]
        stored = [(r['reference'], r['net_money']) for r in self.session.rows('SELECT * FROM window_members(%s, %s)' % (literal(client), literal(day)))]
        mine = [(j.reference, text(self.signed_money(j), 'USD')) for j in members]
        expect('members of W%d of %s' % (number, client), sorted(mine), sorted(stored))
        money = sum((self.signed_money(j) for j in members), ZERO)
        summary = self.session.rows('SELECT * FROM window_summary(%s, %s)' % (literal(client), literal(day)))
        expect('money of W%d of %s by its summary' % (number, client), money, sum((Decimal(r['net_money'].split()[0]) for r in summary), ZERO))
        for coin in COINS:
            quantity = sum((self.signed_quantity(j) for j in members if self.trade_of(j).given['coin'] == coin), ZERO)
            expect('%s of W%d of %s by its summary' % (coin, number, client), quantity,
                   sum((Decimal(r['net_quantity'].split()[0]) for r in summary if r['asset'] == coin), ZERO))
        for r in self.session.rows('SELECT * FROM zero_sum_check(%s)' % literal(day)):
            expect('sum over counterparties of %s on %s' % (r['client_code'], day), ZERO, Decimal(r['difference'].split()[0]))

    @staticmethod
    def trade_of(journal):
        return journal.original if isinstance(journal, Bust) else journal

    def signed_money(self, journal):
        return self.trade_of(journal).terms.net_money * (-1 if isinstance(journal, Bust) else 1)

    def signed_quantity(self, journal):
        trade = self.trade_of(journal)
        return trade.given['quantity'] * trade.terms.sign * (-1 if isinstance(journal, Bust) else 1)
