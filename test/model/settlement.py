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
    def __init__(self, client, number, counterparty, asset, receivable, payable, first=None):
        self.client, self.number, self.counterparty, self.asset = client, number, counterparty, asset
        self.receivable, self.payable = receivable, payable
        self.net = receivable + payable     # positive: the counterparty owes
        self.applied = ZERO
        self.first = first or number        # the window it arose in: carried ones keep their age
        self.carried = first is not None
        self.state = 'ENTERED'
        self.identifier = None

    def pay(self, amount):
        self.applied += amount
        self.state = 'PARTIALLY_SETTLED' if self.outstanding else 'SETTLED'

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


class Settlement(Holding):
    def __init__(self, session, seed):
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
        self.agreed.add((client, number))
        day = self.windows[client, number][0]
        sql = 'SELECT advise_window(%s, %s), agree_window(%s, %s)' % (literal(client), literal(day), literal(client), literal(day))
        return Operation('agree', sql, lambda answer: expect('SQLSTATE of an agreement', '00000', answer.sqlstate))

    def wire(self):
        open_ones = [o for o in self.obligations if o.asset == 'USD' and o.open]
        if not open_ones:
            return self.agree()
        chosen = self.pick(open_ones)
        direction = 'received' if chosen.net > 0 else 'sent'
        closed = (chosen.client, chosen.number) in self.windows
        day = self.windows[chosen.client, chosen.number][0] if closed and self.chance(70) else None
        parts = sorted((o for o in open_ones if (o.client, o.counterparty, o.net > 0) == (chosen.client, chosen.counterparty, chosen.net > 0)
                        and (day is None or o.number == chosen.number)), key=lambda o: o.first)
        total = sum((o.outstanding for o in parts), ZERO)
        amount = self.part_of(total, 'USD')
        paid, rest = [], amount
        for owed in parts:
            if rest > 0:
                paid.append((owed, min(rest, owed.outstanding)))
                rest -= paid[-1][1]
        sign = 1 if chosen.net > 0 else -1
        lines = [line for owed, part in paid for line in (('CORP', 'Bank:operating', 'USD', sign * part), ('CORP', owed.name, 'USD', -sign * part))]
        sqlstate = 'LG074' if amount > total else self.unagreed(paid) or self.frozen(chosen.client, lines)
        reference = self.reference('wire')
        if not sqlstate:
            for owed, part in paid:
                owed.pay(part)
            self.record_lines(chosen.client, reference, lines, 'settlement_wire')
        sql = 'SELECT row_to_json(r) FROM record_wire(client => %s, reference => %s, direction => %s, amount => %s, counterparty => %s, closes_on => %s) AS r' % tuple(map(literal, (
            chosen.client, reference, direction, text(amount, 'USD'), chosen.counterparty, day)))
        left = sorted(text(owed.outstanding, 'USD') for owed, _ in paid)

        def check(answer):
            expect('SQLSTATE of a wire', sqlstate or '00000', answer.sqlstate)
            if not sqlstate:
                expect('outstanding after a wire', left, sorted(row['outstanding'] for row in answer.rows))
        return self.done(Operation('wire', sql, check), sqlstate)

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
        """Everything outstanding with a provider for one window, in one journal (J07g)."""
        chosen = [(o.client, o.number, o.counterparty) for o in self.obligations if o.counterparty in PROVIDERS and o.open and (o.client, o.number) in self.windows]
        if not chosen:
            return self.wire()
        client, number, provider = self.pick(chosen)
        parts = [o for o in self.obligations if (o.client, o.number, o.counterparty) == (client, number, provider) and o.open]
        lines = []
        for owed in parts:
            paid = owed.outstanding * (1 if owed.net > 0 else -1)
            if owed.asset == 'USD':
                lines += [('CORP', 'Bank:operating', 'USD', paid), ('CORP', owed.name, 'USD', -paid)]
            else:
                bought, sold = owed.receivable, -owed.payable
                lines += [('CORP', owed.name, owed.asset, -paid), ('CORP', 'DueTo:CUST', owed.asset, bought), ('CORP', 'DueFrom:CUST', owed.asset, -sold),
                          ('CUST', 'DueTo:CORP', owed.asset, sold), ('CUST', 'DueFrom:CORP', owed.asset, -bought), ('CUST', 'Wallet:omnibus', owed.asset, paid)]
        sqlstate = self.unagreed([(owed, None) for owed in parts]) or self.frozen(client, lines)
        reference = self.reference('provide')
        if not sqlstate:
            for owed in parts:
                owed.pay(owed.outstanding)
            self.record_lines(client, reference, lines, 'provider_settlement')
        sql = 'SELECT row_to_json(r) FROM settle_provider(client => %s, reference => %s, provider => %s, closes_on => %s) AS r' % tuple(map(literal, (client, reference, provider, self.windows[client, number][0])))
        return self.done(Operation('provide', sql, lambda answer: expect('SQLSTATE of a settlement', sqlstate or '00000', answer.sqlstate)), sqlstate)

    # -- what is not paid ----------------------------------------------

    def known_obligation(self):
        known = [o for o in self.obligations if o.identifier]
        opened = [o for o in known if o.open]
        return self.pick(opened) if opened and self.chance(85) else self.pick(known) if known else None

    def fail(self):
        owed = self.known_obligation()
        if owed is None:
            return self.close()
        sqlstate = None if owed.open else 'LG071'
        if not sqlstate:
            owed.state = 'FAILED'
        return self.verb('fail', sqlstate, 'fail_obligation(%s, %s, %s, %s)', owed.client, owed.identifier, self.reference('fail'), 'no money')

    def carry(self):
        """Into the open window, with its age."""
        owed = self.known_obligation()
        if owed is None:
            return self.close()
        last = self.number(owed.client, self.closed[owed.client])
        reference = self.reference('carry')
        sqlstate = None if owed.open and owed.number <= last else 'LG071'
        if not sqlstate:
            rest = owed.outstanding * (1 if owed.net > 0 else -1)
            untouched = not owed.applied
            carried = Obligation(owed.client, last + 1, owed.counterparty, owed.asset, owed.receivable if untouched else max(rest, ZERO),
                                 owed.payable if untouched else min(rest, ZERO), owed.first)
            lines = [('CORP', carried.name, owed.asset, rest), ('CORP', owed.name, owed.asset, -rest)]
            self.obligations.append(carried)
            owed.applied, owed.state = abs(owed.net), 'CARRIED'
            self.record_lines(owed.client, reference, lines, 'novation')
        return self.verb('carry', sqlstate, 'carry_obligation(%s, %s, %s, %s)', owed.client, owed.identifier, reference, 'not paid')

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
                owed.applied, owed.state = abs(owed.net), 'WRITTEN_OFF'
                self.record_lines(owed.client, reference, lines, 'manual')
        expected = sqlstate or ('00000' if second else 'LG067')
        sql = ("DO $model$ BEGIN PERFORM set_config('session_authorization', 'model_first', true); PERFORM bakkt_ledger.%s;"
               " PERFORM set_config('session_authorization', %s, true); PERFORM bakkt_ledger.approve_write_off(%s, %s); END $model$"
               % (proposal, literal('model_second' if second else 'model_first'), literal(owed.client), literal(reference)))
        return Operation('write off', sql, lambda answer: expect('SQLSTATE of a write-off', expected, answer.sqlstate))

    def more_kinds(self):
        return super().more_kinds() + [self.fail, self.carry, self.write_off] + [self.close] * 2 + [self.agree, self.agree, self.wire, self.wire, self.provide, self.provide]

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
