"""Settlement in the workload: windows that tile time, novation, obligations, set-off, payments, wires.

A window has every execution that was executed before its end, is known when
it closes and is in no earlier window; what it owes is the sum over these.
The agreed obligations of one counterparty, asset and value date are set off
into one payment once everything due on that date is known; what comes in above
what is owed is unapplied.
"""

import datetime

from books import Journal
from exact import SCALE, Decimal, ZERO, text
from psql import literal
from taking_back import TakingBack
from trades import CASH
from trading import Bust, Trade
from workload import COINS, MODELS, PROVIDERS, Operation, expect

FIRST = datetime.date(2026, 3, 5)
UTC = datetime.timezone.utc


def cut(day):
    """09:00 in Chicago on a date of 2026, as an instant: the clocks change on 8 March and 1 November."""
    summer = datetime.date(2026, 3, 8) <= day < datetime.date(2026, 11, 1)
    return datetime.datetime(day.year, day.month, day.day, 14 if summer else 15, tzinfo=UTC)


FEDWIRE_CLOSED = {datetime.date(2026, *d) for d in ((5, 25), (6, 19), (9, 7), (10, 12), (11, 11), (11, 26), (12, 25))}


def value_date(asset, day):
    """When a window that closes on a date falls due: money on the next day on which Fedwire is open, coin at once."""
    while asset == 'USD' and (day.weekday() > 4 or day in FEDWIRE_CLOSED):
        day += datetime.timedelta(1)
    return day


def instant_of(text_of_instant):
    return datetime.datetime.fromisoformat(text_of_instant) if text_of_instant else None


class Obligation:
    def __init__(self, client, number, counterparty, asset, receivable, payable, first=None):
        self.client, self.number, self.counterparty, self.asset = client, number, counterparty, asset
        self.receivable, self.payable = receivable, payable
        self.net = receivable + payable     # positive: the counterparty owes
        self.applied = ZERO
        self.first = first or number        # the window it arose in: carried ones keep their age
        self.carried = first is not None
        self.state = 'ENTERED'
        self.identifier = None
        self.payment = None
        self.recovered = ZERO
        self.charged = None         # what of a write-off went to bad debt
        self.bought = self.covered = ZERO

    def pay(self, amount):
        self.applied += amount
        self.state = 'PARTIALLY_SETTLED' if self.outstanding else 'SETTLED'

    @property
    def free(self):
        """It can still be set off: one that was instructed or paid in part before is paid by itself."""
        return self.payment is None and self.state == 'ENTERED' and not self.applied

    @property
    def sign(self):
        return 1 if self.net > 0 else -1

    @property
    def open(self):
        return self.state not in ('SETTLED', 'CARRIED', 'WRITTEN_OFF')

    @property
    def name(self):
        return ('Client:obligation:' if self.counterparty == self.client else 'LP:net:') + '%s:W%d' % (self.counterparty, self.number)

    @property
    def outstanding(self):
        return abs(self.net) - self.applied

    def row(self):
        payer, payee = (self.counterparty, 'BAKKT') if self.net > 0 else ('BAKKT', self.counterparty)
        return (payer, payee, text(abs(self.net), self.asset), text(self.applied, self.asset), self.state)

    def owed(self):
        return (self.counterparty, self.asset) + self.row()[:3]


class Payment:
    """What really moves: the obligations of a counterparty, an asset and a value date, set off."""

    def __init__(self, value_date, members):
        one = members[0]
        self.client, self.counterparty, self.asset, self.value_date = one.client, one.counterparty, one.asset, value_date
        self.members = members
        self.net = sum((o.net for o in members), ZERO)
        self.identifier = None

    @property
    def outstanding(self):
        return sum((o.outstanding for o in self.members if o.open), ZERO)

    @property
    def state(self):
        open_ones = [o for o in self.members if o.open]
        states = {o.state for o in self.members}
        if not open_ones:
            return 'WRITTEN_OFF' if 'WRITTEN_OFF' in states else 'CARRIED' if 'CARRIED' in states else 'SETTLED'
        if 'FAILED' in states:
            return 'FAILED'
        if self.outstanding < abs(self.net):
            return 'PARTIALLY_SETTLED'
        return 'INSTRUCTED' if all(o.state == 'INSTRUCTED' for o in open_ones) else 'ENTERED'

    def row(self):
        payer, payee = (None, None) if not self.net else (self.counterparty, 'BAKKT') if self.net > 0 else ('BAKKT', self.counterparty)
        return (self.counterparty, self.asset, str(self.value_date), payer, payee, text(abs(self.net), self.asset), text(self.outstanding, self.asset),
                self.state, len(self.members))


class Unapplied:
    def __init__(self, client, counterparty, asset, amount):
        self.client, self.counterparty, self.asset, self.amount = client, counterparty, asset, amount
        self.rest = amount
        self.state = 'UNAPPLIED'
        self.identifier = None

    @property
    def name(self):
        return ('Client' if self.counterparty == self.client else 'LP') + ':unapplied:' + self.counterparty

    def take(self, amount, state):
        self.rest -= amount
        if not self.rest:
            self.state = state


class Settlement(TakingBack):
    def __init__(self, session, seed):
        self.payments, self.unapplied = [], []
        self.disputed = set()       # (client, number)
        self.moved = {}             # (client, counterparty, asset) -> what came in less what went out
        self.closed = {}            # client -> last date closed
        self.windows = {}           # (client, number) -> (date, [members])
        self.agreed = set()         # (client, number)
        session.execute("DO $$ BEGIN CREATE ROLE model_first IN ROLE bakkt_ledger_settler, bakkt_ledger_approver; CREATE ROLE model_second IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;"
                        " EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        self.obligations = []       # in the order in which they arose
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
        owed = sorted(o.owed() for o in self.obligations if o.client == client and o.number == number and not o.carried)
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
        for asset in sorted({asset for _, asset in mine}, key=('USD', *COINS).index):
            owing = lambda name, amount: 'receivable' in name or (name.startswith('Client') and amount > 0)
            receivable = sum((a for (n, s), a in mine.items() if s == asset and owing(n, a)), ZERO)
            payable = sum((a for (n, s), a in mine.items() if s == asset and not owing(n, a)), ZERO)
            owed = Obligation(client, number, counterparty, asset, receivable, payable)
            if owed.net:
                self.obligations.append(owed)
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
        day = self.windows[client, number][0]
        owes = any(o.client == client and o.number == number and not o.carried for o in self.obligations)
        call = '%s_window(%s, %s' % ('%s', literal(client), literal(day))
        steps = [] if (client, number) in self.disputed else [call % 'advise' + ')']
        if not owes:                # settled at once, without anybody's agreement
            self.agreed.add((client, number))
        elif steps and self.chance(20):
            self.disputed.add((client, number))
            steps.append(call % 'dispute' + ", 'not ours')")
        else:
            self.agreed.add((client, number))
            self.disputed.discard((client, number))
            steps.append(call % 'agree' + ')')
        return Operation('agree', 'SELECT ' + ', '.join(steps), lambda answer: expect('SQLSTATE of an agreement', '00000', answer.sqlstate))

    # -- set-off -------------------------------------------------------

    def due(self, asset, client, number):
        return value_date(asset, self.windows[client, number][0])

    def complete(self, client, asset):
        """The value dates on which everything that falls due is known, agreed or in dispute."""
        last = self.closed[client]
        waits = {self.due(asset, client, o.number) for o in self.obligations
                 if o.client == client and (o.asset == 'USD') == (asset == 'USD') and o.free and (client, o.number) in self.windows
                 and (client, o.first) not in self.agreed | self.disputed}
        following = value_date(asset, last + datetime.timedelta(1))
        return sorted({self.due(asset, client, n) for n in range(1, self.number(client, last) + 1)} - waits - {following})

    def set_off_due(self, client):
        """Sets off everything that can be; returns the new payments and their journals."""
        made, journals = [], []
        if client not in self.closed:
            return made, journals
        last = self.number(client, self.closed[client])
        for rail in (('USD',), COINS):
            for day in self.complete(client, rail[0]):
                groups = {}
                for owed in sorted((o for o in self.obligations if o.client == client and o.asset in rail and o.free and o.number <= last
                                    and (client, o.first) in self.agreed and self.due(o.asset, client, o.number) <= day),
                                   key=lambda o: (self.due(o.asset, client, o.first), o.first, self.obligations.index(o))):
                    key = owed.counterparty, owed.asset
                    if not any((p.client, p.counterparty, p.asset, p.value_date) == (client, *key, day) for p in self.payments):
                        groups.setdefault(key, []).append(owed)
                for key in sorted(groups, key=lambda k: (k[0] != client, k[0], self.asset_order(k[1]))):
                    made.append(Payment(day, groups[key]))
                    journals += self.set_off(made[-1])
        return made, journals

    @staticmethod
    def asset_order(asset):
        return asset

    def set_off(self, payment):
        self.payments.append(payment)
        smaller = min(sum((o.outstanding for o in payment.members if o.sign == sign), ZERO) for sign in (1, -1))
        left = {1: smaller, -1: smaller}
        lines = []
        for owed in payment.members:
            part = min(left[owed.sign], owed.outstanding)
            left[owed.sign] -= part
            if part:
                lines += self.discharge_lines(owed, part)
                owed.pay(part)
            owed.payment = payment
        number = max(n for c, n in self.windows if c == payment.client and self.due(payment.asset, c, n) == payment.value_date)
        kind = 'client' if payment.counterparty == payment.client else 'provider'
        reference = 'settlement:W%d:set-off:%s:%s:%s' % (number, kind, payment.counterparty, payment.asset)
        # both in one window's account: nothing to post
        return [(reference, lines, 'novation')] if self.merged(lines) else []

    def discharge_lines(self, owed, part):
        """What a part of an obligation does to the books when it is paid or delivered; the bank or the wallet first."""
        paid = owed.sign * part
        if owed.asset == 'USD':
            return [('CORP', 'Bank:operating', 'USD', paid), ('CORP', owed.name, 'USD', -paid)]
        if not owed.applied:        # the first delivery also clears what purchases and sales set off
            bought = paid - owed.payable if owed.net > 0 else owed.receivable
        else:
            bought = paid if owed.net > 0 else ZERO
        return self.delivery_lines(owed.name, owed.asset, paid, bought)

    @staticmethod
    def delivery_lines(name, asset, delivered, bought):
        claimed = delivered - bought
        return [('CORP', name, asset, -delivered), ('CORP', 'DueTo:CUST', asset, bought), ('CORP', 'DueFrom:CUST', asset, claimed),
                ('CUST', 'DueTo:CORP', asset, -claimed), ('CUST', 'DueFrom:CORP', asset, -bought), ('CUST', 'Wallet:omnibus', asset, delivered)]

    def snapshot(self, client):
        mine = [o for o in self.obligations if o.client == client]
        return len(self.payments), [(o, o.applied, o.state, o.payment) for o in mine]

    def restore(self, taken):
        del self.payments[taken[0]:]
        for owed, owed.applied, owed.state, owed.payment in taken[1]:
            pass

    def record_all(self, client, journals):
        for reference, lines, kind in journals:
            self.record_lines(client, reference, lines, kind)

    def frozen_in(self, client, journals):
        for _, lines, _ in journals:
            if self.frozen(client, self.merged(lines)):
                return 'LG033'
        return None

    @staticmethod
    def merged(lines):
        total = {}
        for fund, name, asset, amount in lines:
            total[fund, name, asset] = total.get((fund, name, asset), ZERO) + amount
        return [(*key, amount) for key, amount in total.items() if amount]

    def net(self):
        """The run that sets off, for one client."""
        client = self.client()
        taken = self.snapshot(client)
        made, journals = self.set_off_due(client)
        sqlstate = self.frozen_in(client, journals)
        if sqlstate:
            self.restore(taken)
        else:
            self.record_all(client, journals)
        mine = sorted(p.row() for p in made)

        def check(answer):
            expect('SQLSTATE of a set-off', sqlstate or '00000', answer.sqlstate)
            if not sqlstate:
                expect('payments of ' + client, mine, sorted(self.payment_row(r) for r in answer.rows))
        return Operation('set off', 'SELECT row_to_json(r) FROM set_off_obligations(client => %s) AS r' % literal(client), check)

    @staticmethod
    def payment_row(r):
        return tuple(r[c] for c in ('counterparty', 'asset', 'value_date', 'payer', 'payee', 'amount', 'outstanding', 'status', 'obligations'))

    # -- wires ---------------------------------------------------------

    def pay_oldest(self, client, counterparty, asset, direction, amount, number=None):
        """Pays what is owed one way, oldest first: the parts, and what is left of the amount."""
        paid = []
        for owed in sorted((o for o in self.obligations if o.open and (o.client, o.counterparty, o.asset, o.sign) == (client, counterparty, asset, direction)
                            and (number is None or o.number == number)), key=lambda o: (o.first, self.obligations.index(o))):
            if amount > 0:
                paid.append((owed, min(amount, owed.outstanding)))
                amount -= paid[-1][1]
        return paid, amount

    def wire(self):
        open_ones = [o for o in self.obligations if o.asset == 'USD' and o.open]
        if not open_ones:
            return self.agree()
        chosen = self.pick(open_ones)
        client, direction = chosen.client, chosen.sign
        closed = (client, chosen.number) in self.windows
        number = chosen.number if closed and self.chance(30) else None
        day = self.windows[client, number][0] if number else None
        taken = self.snapshot(client)
        journals = [] if number else self.set_off_due(client)[1]
        total = sum((o.outstanding for o in self.obligations if o.open and (o.client, o.counterparty, o.asset, o.sign) == (client, chosen.counterparty, 'USD', direction)
                     and (number is None or o.number == number)), ZERO)
        amount = self.part_of(total, 'USD')
        paid, rest = self.pay_oldest(client, chosen.counterparty, 'USD', direction, amount, number)
        lines = [line for owed, part in paid for line in self.discharge_lines(owed, part)]
        above = Unapplied(client, chosen.counterparty, 'USD', rest)
        if rest and direction > 0:
            lines += [('CORP', 'Bank:operating', 'USD', rest), ('CORP', above.name, 'USD', -rest)]
        reference = self.reference('wire')
        refused = ('LG073' if not paid else 'LG074') if rest and direction < 0 else self.unagreed(paid)
        sqlstate = self.frozen_in(client, journals) or refused or self.frozen(client, self.merged(lines))
        if sqlstate:
            self.restore(taken)
        else:
            for owed, part in paid:
                owed.pay(part)
            if rest:
                self.unapplied.append(above)
            self.move(client, chosen.counterparty, 'USD', direction * amount)
            self.record_all(client, journals + [(reference, lines, 'settlement_wire')])
        sql = 'SELECT row_to_json(r) FROM record_wire(client => %s, reference => %s, direction => %s, amount => %s, counterparty => %s, closes_on => %s) AS r' % tuple(map(literal, (
            client, reference, 'received' if direction > 0 else 'sent', text(amount, 'USD'), chosen.counterparty, day)))
        left = sorted([text(owed.outstanding, 'USD') for owed, _ in paid] + ([text(rest, 'USD')] if rest else []))

        def check(answer):
            expect('SQLSTATE of a wire', sqlstate or '00000', answer.sqlstate)
            if not sqlstate:
                expect('outstanding after a wire', left, sorted(row['outstanding'] for row in answer.rows))
        return self.done(Operation('wire', sql, check), sqlstate)

    def move(self, client, counterparty, asset, amount):
        key = client, counterparty, asset
        self.moved[key] = self.moved.get(key, ZERO) + amount

    def unagreed(self, paid):
        """Nothing is paid out before the window it arose in is agreed."""
        return 'LG071' if any(o.net < 0 and (o.client, o.first) not in self.agreed for o, _ in paid) else None

    def frozen(self, client, lines):
        for fund, name, asset, amount in lines:
            account = self.ensure(client, fund, name, asset)
            if amount and account.status == ('debit_frozen' if amount > 0 else 'credit_frozen'):
                return 'LG033'
        return None

    def provide(self):
        """Everything outstanding with a provider for one window, in one journal (J07g); or coin, sometimes too much."""
        chosen = [o for o in self.obligations if o.counterparty in PROVIDERS and o.open and (o.client, o.number) in self.windows]
        if not chosen:
            return self.wire()
        one = self.pick(chosen)
        client, provider = one.client, one.counterparty
        if self.chance(40):
            return self.deliver(client, provider)
        parts = [(o, o.outstanding) for o in self.obligations if (o.client, o.number, o.counterparty) == (client, one.number, provider) and o.open]
        lines = [line for owed, part in parts for line in self.discharge_lines(owed, part)]
        sqlstate = self.unagreed(parts) or self.frozen(client, self.merged(lines))
        reference = self.reference('provide')
        if not sqlstate:
            for owed, part in parts:
                self.move(client, provider, owed.asset, owed.sign * part)
                owed.pay(part)
            self.record_lines(client, reference, lines, 'provider_settlement')
        sql = 'SELECT row_to_json(r) FROM settle_provider(client => %s, reference => %s, provider => %s, closes_on => %s) AS r' % tuple(
            map(literal, (client, reference, provider, self.windows[client, one.number][0])))
        return self.done(Operation('provide', sql, lambda answer: expect('SQLSTATE of a settlement', sqlstate or '00000', answer.sqlstate)), sqlstate)

    def deliver(self, client, provider):
        """A provider delivers coin, in part, in whole or too much of it."""
        taken = self.snapshot(client)
        journals = self.set_off_due(client)[1]
        owed = [o for o in self.obligations if o.open and o.asset in COINS and (o.client, o.counterparty) == (client, provider)]
        coin = self.pick(sorted({o.asset for o in owed})) if owed else self.pick(COINS)
        both = {o.sign for o in owed if o.asset == coin}
        total = sum((o.outstanding for o in owed if o.asset == coin), ZERO)
        amount = self.part_of(total, coin)
        paid, rest = [], amount
        for o in sorted((o for o in owed if o.asset == coin), key=lambda o: (o.first, self.obligations.index(o))):
            if rest > 0:
                paid.append((o, min(rest, o.outstanding)))
                rest -= paid[-1][1]
        lines = [line for o, part in paid for line in self.discharge_lines(o, part)]
        above = Unapplied(client, provider, coin, rest)
        if rest and paid:
            lines += self.delivery_lines(above.name, coin, rest, ZERO)
        refused = 'LG073' if not paid else 'LG074' if rest and -1 in {o.sign for o, _ in paid} else self.unagreed(paid)
        sqlstate = self.frozen_in(client, journals) or refused or self.frozen(client, self.merged(lines))
        reference = self.reference('deliver')
        if sqlstate:
            self.restore(taken)
        else:
            for o, part in paid:
                self.move(client, provider, coin, o.sign * part)
                o.pay(part)
            if rest:
                self.move(client, provider, coin, rest)
                self.unapplied.append(above)
            self.record_all(client, journals + [(reference, lines, 'provider_settlement')])
        sql = 'SELECT row_to_json(r) FROM settle_provider(client => %s, reference => %s, provider => %s, amounts => ARRAY[%s::amount]) AS r' % tuple(
            map(literal, (client, reference, provider, text(amount, coin))))
        return self.done(Operation('deliver', sql, lambda answer: expect('SQLSTATE of a delivery', sqlstate or '00000', answer.sqlstate)), sqlstate)

    def over_clients(self):
        """One wire or delivery of a provider for all clients: oldest first, what fell due together in proportion."""
        provider = self.pick(PROVIDERS)
        asset = self.pick(('USD',) + COINS)
        direction = self.pick((1, -1))
        besides = self.client() if self.chance(40) else None
        holders = sorted({o.client for o in self.obligations if o.open and (o.counterparty, o.asset) == (provider, asset)}
                         | ({besides} if besides else set()), key=list(MODELS).index)
        taken = [self.snapshot(client) for client in holders]
        payments = len(self.payments)
        journals = [(client, *journal) for client in holders for journal in self.set_off_due(client)[1]]
        owed = [o for o in self.obligations if o.open and o.client in holders and (o.counterparty, o.asset, o.sign) == (provider, asset, direction)
                and (direction > 0 or (o.client, o.first) in self.agreed)]
        amount = self.part_of(sum((o.outstanding for o in owed), ZERO), asset)
        due = lambda o: self.due(asset, o.client, o.first)
        paid, rest = [], amount
        for day in sorted({due(o) for o in owed}):
            together = sorted((o for o in owed if due(o) == day), key=lambda o: (o.client, o.first, self.obligations.index(o)))
            given = min(rest, sum((o.outstanding for o in together), ZERO))
            if given:
                paid += [(o, part) for o, part in zip(together, self.in_proportion(given, asset, [o.outstanding for o in together])) if part]
            rest -= given
        reference = self.reference('all')
        refused = ('LG073' if rest == amount else 'LG074') if rest and (direction < 0 or not besides) else None
        kind = 'settlement_wire' if asset == 'USD' else 'provider_settlement'
        above = Unapplied(besides, provider, asset, rest) if rest else None
        for client in holders:
            lines = [line for o, part in paid if o.client == client for line in self.discharge_lines(o, part)]
            if above and client == besides and not refused:
                lines += ([('CORP', 'Bank:operating', 'USD', rest), ('CORP', above.name, 'USD', -rest)] if asset == 'USD'
                          else self.delivery_lines(above.name, asset, rest, ZERO))
            if lines:
                journals.append((client, 'provider-transfer:' + reference, lines, kind))
        # set-off of each client comes before anything is refused
        frozen = [self.frozen(client, self.merged(lines)) for client, _, lines, journal_kind in journals if journal_kind == 'novation']
        sqlstate = next((f for f in frozen if f), None) or refused or next((f for f in (self.frozen(c, self.merged(l)) for c, _, l, _ in journals) if f), None)
        if sqlstate:
            for one in taken:
                self.restore((payments, one[1]))
        else:
            for o, part in paid:
                self.move(o.client, provider, asset, o.sign * part)
                o.pay(part)
            if above:
                self.move(besides, provider, asset, rest)
                self.unapplied.append(above)
            for client, *journal in journals:
                self.record_all(client, [journal])
        sql = 'SELECT row_to_json(r) FROM record_provider_transfer(%s, %s, %s, %s, %s, %s) AS r' % tuple(map(literal, (
            provider, 'received' if direction > 0 else 'sent', text(amount, asset), reference, 'bank ' + reference, besides)))
        mine = sorted([(o.client, text(part, asset)) for o, part in paid] + ([(besides, text(rest, asset))] if above and not sqlstate else []))

        def check(answer):
            expect('SQLSTATE of a transfer', sqlstate or '00000', answer.sqlstate)
            if not sqlstate:
                expect('allocation of a transfer', mine, sorted((row['client'], row['paid']) for row in answer.rows))
        return self.done(Operation('over clients', sql, check), sqlstate)

    def undelivered(self):
        """Coin that a provider owes and has not delivered: the company buys it elsewhere, or lends its own and takes it back."""
        owing = [o for o in self.obligations if o.identifier and o.counterparty in PROVIDERS and o.asset in COINS and o.net > 0]
        if not owing:
            return self.provide()
        owed = self.pick([o for o in owing if o.open] or owing)
        if self.chance(50):
            return self.buy_in(owed)
        return self.cover(owed)

    def buy_in(self, owed):
        amount, cost = self.part_of(owed.outstanding, owed.asset), self.some('USD', 900)
        lines = self.discharge_lines(owed, amount) + [('CORP', 'LP:receivable:' + owed.counterparty, 'USD', cost), ('CORP', 'Bank:operating', 'USD', -cost)]
        refused = 'LG071' if not owed.open else 'LG074' if amount > owed.outstanding else None
        sqlstate = refused or self.frozen(owed.client, self.merged(lines))
        reference = self.reference('buy-in')
        if not sqlstate:
            owed.pay(amount)
            owed.bought += amount
            self.record_lines(owed.client, reference, lines, 'provider_settlement')
        return self.verb('buy in', sqlstate, 'buy_in_obligation(%s, %s, %s, %s, %s)', owed.client, owed.identifier, text(cost, 'USD'), reference, text(amount, owed.asset))

    def cover(self, owed):
        wallet = self.ensure(owed.client, 'CORP', 'Wallet:company', owed.asset)
        needed = max(owed.outstanding - owed.covered, ZERO)
        amount = self.part_of(min(needed, wallet.posted), owed.asset)
        refused = 'LG071' if not owed.open else 'LG074' if amount > needed else 'LG050' if amount > wallet.posted else None
        lines = self.cover_lines(owed.asset, amount)
        sqlstate = refused or self.frozen(owed.client, lines)
        reference = self.reference('cover')
        if not sqlstate:
            owed.covered += amount
            self.record_lines(owed.client, reference, lines, 'provider_settlement')
        return self.verb('cover', sqlstate, 'cover_obligation(%s, %s, %s, %s)', owed.client, owed.identifier, reference, text(amount, owed.asset))

    @staticmethod
    def cover_lines(asset, amount):
        return [('CORP', 'DueFrom:CUST', asset, amount), ('CORP', 'Wallet:company', asset, -amount),
                ('CUST', 'Wallet:omnibus', asset, amount), ('CUST', 'DueTo:CORP', asset, -amount)]

    @staticmethod
    def in_proportion(total, asset, weights):
        """Largest remainder: everybody's share rounded down, then a unit each to the largest rests, the first of equals first."""
        unit = Decimal(1).scaleb(-SCALE[asset])
        units, whole = int(total / unit), sum(int(w / unit) for w in weights)
        shares = [divmod(units * int(w / unit), whole) for w in weights]
        left = units - sum(share for share, _ in shares)
        lucky = sorted(range(len(weights)), key=lambda i: (-shares[i][1], i))[:left]
        return [(share + (i in lucky)) * unit for i, (share, _) in enumerate(shares)]

    # -- what came in above what was owed ------------------------------

    def known_unapplied(self):
        known = [u for u in self.unapplied if u.identifier]
        held = [u for u in known if u.rest]
        return self.pick(held) if held and self.chance(90) else self.pick(known) if known else None

    def apply(self):
        held = self.known_unapplied()
        if held is None:
            return self.wire()
        client = held.client
        taken = self.snapshot(client)
        journals = self.set_off_due(client)[1]
        given = self.part_of(held.rest, held.asset) if self.chance(50) else None
        wanted = held.rest if given is None else given
        paid, rest = self.pay_oldest(client, held.counterparty, held.asset, 1, wanted)
        amount = wanted - rest
        lines = []
        for owed, part in paid:
            if held.asset == 'USD':
                lines += [('CORP', owed.name, 'USD', -part)]
            else:
                lines += self.discharge_lines(owed, part)
        lines += ([('CORP', held.name, 'USD', amount)] if held.asset == 'USD' else self.delivery_lines(held.name, held.asset, -amount, ZERO))
        refused = ('LG071' if not held.rest else 'LG074' if wanted > held.rest else 'LG073' if not paid else 'LG074' if rest and given is not None else None)
        sqlstate = self.frozen_in(client, journals) or refused or self.frozen(client, self.merged(lines))
        reference = self.reference('apply')
        if sqlstate:
            self.restore(taken)
        else:
            for owed, part in paid:
                owed.pay(part)
            held.take(amount, 'APPLIED')
            self.record_all(client, journals + [(reference, lines, 'novation')])
        return self.verb('apply', sqlstate, 'apply_unapplied_payment(%s, %s, %s, %s)', client, held.identifier, reference,
                         None if given is None else text(given, held.asset))

    def give_back(self):
        held = self.known_unapplied()
        if held is None or self.chance(50):
            return self.apply()
        amount = self.part_of(held.rest, held.asset)
        lines = ([('CORP', held.name, 'USD', amount), ('CORP', 'Bank:operating', 'USD', -amount)] if held.asset == 'USD'
                 else self.delivery_lines(held.name, held.asset, -amount, ZERO))
        sqlstate = 'LG071' if not held.rest else 'LG074' if amount > held.rest else self.frozen(held.client, self.merged(lines))
        reference = self.reference('return')
        if not sqlstate:
            held.take(amount, 'RETURNED')
            self.move(held.client, held.counterparty, held.asset, -amount)
            self.record_lines(held.client, reference, lines, 'settlement_wire')
        return self.verb('return', sqlstate, 'return_unapplied_payment(%s, %s, %s, %s, %s)', held.client, held.identifier, reference, 'not ours',
                         text(amount, held.asset))

    def recover(self):
        """What was written off is paid late: bad debt is made whole first, then the client's share."""
        written = [o for o in self.obligations if o.identifier and o.state == 'WRITTEN_OFF']
        pairs = [(o, u) for o in written for u in self.unapplied
                 if u.identifier and u.rest and (u.client, u.counterparty, u.asset) == (o.client, o.counterparty, o.asset)]
        if not pairs:
            return self.write_off()
        owed, held = self.pick(pairs)
        standing = owed.written - owed.recovered
        most = min(standing, held.rest)
        given = self.part_of(most, owed.asset) if most and self.chance(50) else None
        amount = most if given is None else given
        bad_debt = min(amount, max(owed.charged - owed.recovered, ZERO))
        lines = [('CORP', held.name, owed.asset, amount), ('CORP', 'Expense:bad-debt', owed.asset, -bad_debt),
                 ('CORP', 'RevShare:payable:' + owed.client, owed.asset, bad_debt - amount)]
        refused = 'LG071' if not standing else 'LG086' if amount > standing else 'LG074' if amount > held.rest else None
        sqlstate = refused or self.frozen(owed.client, self.merged(lines))
        reference = self.reference('recover')
        if not sqlstate:
            owed.recovered += amount
            held.take(amount, 'APPLIED')
            self.record_lines(owed.client, reference, lines, 'cash_recovery')
        return self.verb('recover', sqlstate, 'recover_obligation(%s, %s, %s, %s, %s)', owed.client, owed.identifier, held.identifier, reference,
                         None if given is None else text(given, owed.asset))

    # -- what is not paid ----------------------------------------------

    def known_obligation(self):
        known = [o for o in self.obligations if o.identifier]
        opened = [o for o in known if o.open]
        return self.pick(opened) if opened and self.chance(85) else self.pick(known) if known else None

    def fail(self):
        owed = self.known_obligation()
        if owed is None:
            return self.close()
        if owed.payment and owed.payment.identifier and self.chance(70):
            return self.fail_payment(owed.payment)
        sqlstate = None if owed.open and not owed.payment else 'LG071'
        if not sqlstate:
            owed.state = 'FAILED'
        return self.verb('fail', sqlstate, 'fail_obligation(%s, %s, %s, %s)', owed.client, owed.identifier, self.reference('fail'), 'no money')

    def fail_payment(self, payment):
        """Instructed, or failed: all of it that is open."""
        open_ones = [o for o in payment.members if o.open]
        instructed = self.chance(50)
        sqlstate = None if open_ones and not (instructed and any(o.state == 'INSTRUCTED' for o in open_ones)) else 'LG071'
        if not sqlstate:
            for owed in open_ones:
                owed.state = 'INSTRUCTED' if instructed else 'FAILED'
        if instructed:
            return self.verb('instruct', sqlstate, 'instruct_payment(%s, %s, %s)', payment.client, payment.identifier, self.reference('instruct'))
        return self.verb('fail', sqlstate, 'fail_payment(%s, %s, %s, %s)', payment.client, payment.identifier, self.reference('fail'), 'no money')

    def carry(self):
        """Into the open window, with its age; what is part of a payment goes with all of it that is open."""
        owed = self.known_obligation()
        if owed is None:
            return self.close()
        last = self.number(owed.client, self.closed[owed.client])
        reference = self.reference('carry')
        whole = owed.payment if owed.payment and owed.payment.identifier and self.chance(70) else None
        if whole:
            carried = [o for o in whole.members if o.open]
            sqlstate = None if carried else 'LG071'
        else:
            carried = [owed]
            sqlstate = None if owed.open and owed.number <= last and not owed.payment else 'LG071'
        lines = []
        for one in sorted(carried, key=lambda o: (o.first, self.obligations.index(o))) if not sqlstate else ():
            heir, more = self.heir(one, last + 1)
            self.obligations.append(heir)
            lines += more
        if not sqlstate:
            self.record_lines(owed.client, reference, lines, 'novation')
        if whole:
            return self.verb('carry', sqlstate, 'carry_payment(%s, %s, %s, %s)', owed.client, whole.identifier, reference, 'not paid')
        return self.verb('carry', sqlstate, 'carry_obligation(%s, %s, %s, %s)', owed.client, owed.identifier, reference, 'not paid')

    @staticmethod
    def heir(owed, number):
        rest = owed.outstanding * owed.sign
        untouched = not owed.applied
        heir = Obligation(owed.client, number, owed.counterparty, owed.asset, owed.receivable if untouched else max(rest, ZERO),
                          owed.payable if untouched else min(rest, ZERO), owed.first)
        lines = [('CORP', heir.name, owed.asset, rest), ('CORP', owed.name, owed.asset, -rest)]
        owed.applied, owed.state = abs(owed.net), 'CARRIED'
        return heir, lines

    def write_off(self):
        """Proposed by one, approved by another: the client's share of revenue first, the rest is bad debt."""
        owed = self.known_obligation()
        if owed is None or owed.net < 0:
            return self.close()
        reason = 'PARTNER_WRITE_OFF' if owed.counterparty == owed.client and self.chance(70) else 'BAKKT_WRITE_OFF'
        reference = self.reference('write-off')
        second = self.chance(85)
        sqlstate = None if owed.open else 'LG071'
        proposal = 'propose_write_off(%s, %s, %s, %s)' % tuple(map(literal, (owed.client, owed.identifier, reference, reason)))
        if not sqlstate and second:
            rest = owed.outstanding
            share = self.ensure(owed.client, 'CORP', 'RevShare:payable:' + owed.client, owed.asset)
            taken = max(ZERO, min(rest, -share.posted)) if reason == 'PARTNER_WRITE_OFF' else ZERO
            lines = [('CORP', share.name, owed.asset, taken), ('CORP', 'Expense:bad-debt', owed.asset, rest - taken), ('CORP', owed.name, owed.asset, -rest)]
            sqlstate = self.frozen(owed.client, lines)
            if not sqlstate:
                owed.written, owed.charged = rest, rest - taken
                owed.applied, owed.state = abs(owed.net), 'WRITTEN_OFF'
                self.record_lines(owed.client, reference, lines, 'manual')
        expected = sqlstate or ('00000' if second else 'LG067')
        sql = ("DO $model$ BEGIN PERFORM set_config('session_authorization', 'model_first', true); PERFORM bakkt_ledger.%s;"
               " PERFORM set_config('session_authorization', %s, true); PERFORM bakkt_ledger.approve_write_off(%s, %s); END $model$"
               % (proposal, literal('model_second' if second else 'model_first'), literal(owed.client), literal(reference)))
        return Operation('write off', sql, lambda answer: expect('SQLSTATE of a write-off', expected, answer.sqlstate))

    def more_kinds(self):
        return (super().more_kinds() + [self.fail, self.carry, self.write_off, self.net, self.give_back, self.recover, self.over_clients, self.undelivered]
                + [self.close, self.agree, self.wire, self.provide] * 2)

    # -- comparing -----------------------------------------------------

    def compare(self):
        super().compare()
        for client in MODELS:
            mine = [o for o in self.obligations if o.client == client]
            stored = sorted(self.session.rows('SELECT * FROM obligations(%s)' % literal(client)), key=lambda r: r['obligation'])
            expect('obligations of ' + client, [('W%d' % o.number, o.counterparty, o.asset, *o.row(), text(o.outstanding, o.asset), 'W%d' % o.first) for o in mine],
                   [tuple(r[c] for c in ('settlement_window', 'counterparty', 'asset', 'payer', 'payee', 'amount', 'applied', 'status', 'outstanding', 'first_window')) for r in stored])
            for owed, r in zip(mine, stored):
                owed.identifier = r['obligation']
            self.compare_payments(client)
            self.compare_counterparties(client)
        self.compare_open_window()
        if self.windows:
            self.compare_sealed_window(*self.pick(self.windows))

    def compare_payments(self, client):
        mine = [p for p in self.payments if p.client == client]
        stored = sorted(self.session.rows('SELECT * FROM payments(%s)' % literal(client)), key=lambda r: r['payment'])
        expect('payments of ' + client, [p.row() for p in mine], [self.payment_row(r) for r in stored])
        for payment, r in zip(mine, stored):
            payment.identifier = r['payment']
        held = [u for u in self.unapplied if u.client == client]
        stored = sorted(self.session.rows('SELECT * FROM unapplied_payments(%s, false)' % literal(client)), key=lambda r: r['unapplied'])
        expect('unapplied money of ' + client, [(u.counterparty, u.asset, text(u.amount, u.asset), text(u.rest, u.asset), u.state) for u in held],
               [tuple(r[c] for c in ('counterparty', 'asset', 'amount', 'outstanding', 'status')) for r in stored])
        for one, r in zip(held, stored):
            one.identifier = r['unapplied']

    def compare_counterparties(self, client):
        """What windows left = what moved - what is unapplied + written off - recovered + outstanding, as stored and as here."""
        for r in self.session.rows('SELECT * FROM settlement_balances(%s)' % literal(client)):
            key = client, r['counterparty'], r['asset']
            owed = [o for o in self.obligations if (o.client, o.counterparty, o.asset) == key]
            left = sum((o.net for o in owed if not o.carried), ZERO)
            outstanding = sum((o.outstanding * o.sign for o in owed), ZERO)
            written = sum((o.written for o in owed if o.state == 'WRITTEN_OFF'), ZERO)
            recovered = sum((o.recovered for o in owed), ZERO)
            bought = sum((o.bought for o in owed), ZERO)
            held = sum((u.rest for u in self.unapplied if (u.client, u.counterparty, u.asset) == key), ZERO)
            moved = self.moved.get(key, ZERO)
            expect('balance of %s with %s in %s' % key, left, moved - held + bought + written - recovered + outstanding)
            stored = {c: Decimal(r[c].split()[0]) for c in ('obligations', 'received', 'sent', 'returned', 'unapplied', 'bought_in', 'written_off', 'recovered', 'outstanding')}
            expect('sums of %s with %s in %s' % key, (left, moved, held, bought, written, recovered, outstanding),
                   (stored['obligations'], stored['received'] - stored['sent'] - stored['returned'], stored['unapplied'], stored['bought_in'], stored['written_off'],
                    stored['recovered'], stored['outstanding']))

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
            expect('sum over counterparties of %s on %s' % (r['client'], day), ZERO, Decimal(r['difference'].split()[0]))

    @staticmethod
    def trade_of(journal):
        return journal.original if isinstance(journal, Bust) else journal

    def signed_money(self, journal):
        return self.trade_of(journal).terms.net_money * (-1 if isinstance(journal, Bust) else 1)

    def signed_quantity(self, journal):
        trade = self.trade_of(journal)
        return trade.given['quantity'] * trade.terms.sign * (-1 if isinstance(journal, Bust) else 1)

    def compare_lines(self):
        super().compare_lines()
        expect('discrepancies of settlement', [], self.session.rows('SELECT * FROM check_settlement()'))
