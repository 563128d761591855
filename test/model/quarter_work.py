"""The work of the quarter: what customers, clients, banks and Apex do each day,
as statements for the ledger and as changes of the model.
"""

import datetime
import heapq
import random

from exact import Decimal, text
from psql import literal
from quarter_books import add_business_days, business_day, central_date, instant, local, stamp, usd
from quarter_jobs import occurrences
from quarter_model import Client, DAY, LATER, Model
from workload import Difference, expect

FIRST, DAYS = datetime.date(2026, 2, 1), 100
PROVIDERS = ('LP1', 'LP2')
PRICES = {'BTC': 60000, 'ETH': 3000}
SHARES = (('MNET', 36), ('MGRS', 26), ('MPRE', 14), ('MAPX', 12), ('MDAY', 12))   # of 100 customers
WAYS = (('good', 780), ('late', 167), ('never', 13), ('bounce', 40))
STEP = Decimal('0.00000001')
BATCH = 40                  # executions in one call of post_trades()


def clients():
    return [Client('MNET', 'BAKKT_TPJ', 4000, company_float=5000),
            Client('MGRS', 'BAKKT_TPJ', 300, encumber_unpaid=True, settlement_flow='GROSS', write_off_days=20, availability_days=2, return_fee=2500, company_float=1000),
            Client('MPRE', 'BAKKT_TPJ', 1000, prefunded=True, credit_failed_sells=True, reserve_open_orders=False),
            Client('MAPX', 'APEX_TPJ', 3000),
            Client('MDAY', 'NET_SETTLEMENT', 2500)]


class Work:
    def __init__(self, session, seed, customers, trades_a_day):
        self.session, self.random = session, random.Random(seed)
        self.model = Model()
        self.trades_a_day = trades_a_day
        self.agenda = []            # (instant, serial, function)
        self.serial = 0
        self.recent = []            # executions
        self.written_off = []       # those whose call was written off
        self.deposits = []          # not yet settled, returned or stopped
        self.lists_taken = []       # (client, kind, day, rows) that the scheduler has taken since they were last printed
        self.script = []            # (statement, what it must come to)
        self.batch = []             # (customer, reference, given, SQLSTATE expected)
        self.now = local(FIRST, 0)
        self.jobs_done = None
        self.open_world(customers)

    # -- the world -----------------------------------------------------

    def open_world(self, customers):
        run = self.session.execute
        for role, groups in (('quarter_first', 'bakkt_ledger_settler, bakkt_ledger_reconciler'), ('quarter_second', 'bakkt_ledger_approver, bakkt_ledger_auditor'),
                             ('quarter_third', 'bakkt_ledger_administrator')):
            run("DO $$ BEGIN CREATE ROLE %s IN ROLE %s; EXCEPTION WHEN duplicate_object THEN NULL; END $$" % (role, groups))
        for provider in PROVIDERS:
            run("SELECT open_provider(%s, %s)" % (literal(provider), literal(provider)))
        for client, (code, part) in zip(clients(), SHARES):
            self.model.add_client(client)
            run("SELECT open_client(%s, funding_model => %s, revenue_share_bps => %d, at => '2026-01-01Z')" % (literal(code), literal(client.model), client.share_bps))
            codes = ['%s%04d' % (code, n) for n in range(1, customers * part // 100 + 1)]
            run("SELECT count(*) FROM open_customers(%s, ARRAY[%s])" % (literal(code), ', '.join(map(literal, codes))))
            for name in codes:
                self.model.add_customer(name, client).way = self.random.choices([w[0] for w in WAYS], [w[1] for w in WAYS])[0]
            self.set_terms(client)

    def set_terms(self, client):
        self.session.execute(
            "SELECT change_cash_terms(%s, encumber_unpaid => %s, prefunded => %s, credit_failed_sells => %s, reserve_open_orders => %s, settlement_flow => %s,"
            " write_off_days => %d, availability_days => %d, return_fee => %s, company_float => %s)" % (
                literal(client.code), literal(client.encumber_unpaid), literal(client.prefunded), literal(client.credit_failed_sells),
                literal(client.reserve_open_orders), literal(client.settlement_flow), client.write_off_days, client.availability_days, literal(usd(client.return_fee)), literal(usd(client.company_float))))

    # -- time ----------------------------------------------------------

    def at(self, instant, function):
        self.serial += 1
        heapq.heappush(self.agenda, (max(instant, self.now), self.serial, function))

    def advance(self, until):
        """Everything that happens up to the instant, in its order."""
        while self.agenda and self.agenda[0][0] <= until:
            self.now, _, function = heapq.heappop(self.agenda)
            function()
        self.now = until
        self.send()

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def later(self, hours_from, hours_to):
        return self.now + datetime.timedelta(seconds=self.random.randint(int(hours_from * 3600), int(hours_to * 3600)))

    def during(self, day, first, last):
        """A moment of the day between two hours, Central, to the microsecond."""
        return local(day, first) + datetime.timedelta(microseconds=self.random.randrange((last - first) * 3600 * 10 ** 6))

    def reference(self, what):
        self.serial += 1
        return '%s-%d' % (what, self.serial)

    # -- talking to the ledger -----------------------------------------

    def do(self, call, sqlstate='00000', answered=None):
        """A business function, after the executions before it."""
        self.flush()
        self.script.append((('SELECT row_to_json(r) FROM %s AS r' if answered else 'SELECT count(*) FROM %s AS r') % call, sqlstate, answered))

    def send(self):
        self.flush()
        for start in range(0, len(self.script), 30):
            part = self.script[start:start + 30]
            for (statement, sqlstate, answered), answer in zip(part, self.session.run([p[0] for p in part])):
                if answer.sqlstate != sqlstate:
                    raise Difference('the model expects %s, the ledger says %s\n%s\n%s' % (sqlstate, answer.sqlstate, statement[:2000], answer.text[:2000]))
                if answered:
                    answered(answer.rows)
        self.script = []

    def flush(self):
        """The executions gathered so far, in one call."""
        if not self.batch:
            return
        batch, self.batch = self.batch, []
        rows = []
        for customer, reference, given, _ in batch:
            coin = given['coin']
            rows.append('(%s,%s,%s,%s,%s,%s,%s,%s,%s)' % (
                literal(reference), literal(customer.code), literal(given['side']), literal(text(given['quantity'], coin)), literal(given['provider']),
                literal('%s USD/%s' % (given['provider_price'], coin)), given['markup_bps'], given['fee_bps'], literal(stamp(given['executed_at']))))
        values = ("(VALUES %s) AS v(reference, customer, side, quantity, provider, provider_price, markup_bps, fee_bps, executed_at)" % ', '.join(rows))
        statement = ("SELECT json_build_object('request', r.request, 'journal', r.journal, 'sqlstate', coalesce(r.sqlstate, '00000'), 'message', r.message) "
                     "FROM post_trades(ARRAY(SELECT ROW(v.customer, v.side, v.quantity::amount, v.provider, v.reference, v.provider_price::price, NULL, v.markup_bps, NULL, "
                     "v.fee_bps, NULL, NULL, NULL, v.executed_at::timestamptz, NULL, false, false)::trade_request FROM %s)) AS r" % values)

        def answered(answers):
            for (customer, reference, given, sqlstate), answer in zip(batch, sorted(answers, key=lambda a: a['request'])):
                if answer['sqlstate'] != sqlstate:
                    raise Difference('execution %s of %s at %s: the model expects %s, the ledger %s\n%s\n%s' % (
                        reference, customer.code, given['executed_at'], sqlstate, answer['sqlstate'], answer, given))
                if reference in self.model.calls:
                    self.model.calls[reference].journal = answer['journal']
        self.script.append((statement, '00000', answered))

    # -- trades --------------------------------------------------------

    def plan_trades(self, day):
        everyone = list(self.model.customers.values())
        for _ in range(self.trades_a_day):
            customer = self.random.choice(everyone)
            self.at(self.during(day, 0, 24), lambda customer=customer: self.want_trade(customer))

    def want_trade(self, customer):
        """Sell some coin now and then; else buy, with money there, on its way, or not at all."""
        model, client = self.model, customer.client
        coin, other = self.random.sample(('BTC', 'ETH'), 2)
        holding = model.coin(customer, coin)
        if holding > 100000 and self.chance(45):
            quantity = self.random.randint(holding // 2, holding) if self.chance(97) else holding + 1
            self.trade(customer, 'SELL', coin, quantity)
            if self.chance(30):     # of one coin, to buy the other with what it brings
                self.buy(customer, other, quantity * PRICES[coin] * self.random.randint(80, 97) // 10 ** 8)
            return None
        if customer.way == 'never' and len(customer.known_calls) > 2:
            return None
        money = self.random.randint(500, 30000)
        spare = model.available(customer) - model.owing(customer)
        if client.model == 'BAKKT_TPJ' and spare < money * 1.05 and customer.way != 'never':
            if customer.way == 'bounce' or (customer.way == 'good' and self.chance(50)):
                return self.deposit(customer, money * self.random.randint(2, 8), lambda: self.buy(customer, coin, money))
            if customer.way == 'good':
                self.wire(customer, money * self.random.randint(2, 8))
            else:
                self.at(self.later(0, 30), lambda: self.deposit(customer, money + self.random.randint(1000, 9000)))
        return self.buy(customer, coin, money)

    def buy(self, customer, coin, money):
        self.trade(customer, 'BUY', coin, None, money)

    def trade(self, customer, side, coin, quantity, money=None):
        price = PRICES[coin] + self.random.randint(-5000, 5000) * Decimal('0.01')
        quantity = quantity or money * 10 ** 8 // int(price * 100)
        given = {'side': side, 'coin': coin, 'quantity': quantity * STEP, 'provider': self.random.choice(PROVIDERS), 'provider_price': price,
                 'markup_bps': self.random.choice((0, 25, 50, 75)), 'fee_bps': self.random.choice((0, 0, 10, 33)), 'executed_at': self.now}
        reference = self.reference('x')
        sqlstate = self.model.trade(customer, reference, given)
        self.batch.append((customer, reference, given, sqlstate or '00000'))
        if not sqlstate:
            self.recent.append((customer, reference))
        if len(self.batch) >= BATCH:
            self.flush()

    def plan_busts(self, day):
        for _ in range(max(self.trades_a_day // 150, 1)):
            self.at(self.during(day, 0, 24), self.bust)

    def bust(self):
        recent = self.recent[-(80 if self.chance(30) else 15) * self.trades_a_day:]
        if not recent:
            return
        customer, reference = self.random.choice(recent)
        if self.written_off and self.chance(15):
            customer, reference = self.written_off.pop(self.random.randrange(len(self.written_off)))
        call = self.model.calls.get(reference)
        if call and call.apex and call.status == 'O' and call.due_at is None:
            return                  # Apex has been asked
        self.flush()
        bust_reference = self.reference('bust')
        sqlstate = self.model.bust(reference, bust_reference)

        def answered(answers):
            if bust_reference in self.model.calls:
                self.model.calls[bust_reference].journal = answers[0]['journal']
        self.do("bust_trade(reference => %s, customer => %s, original => %s)" % tuple(map(literal, (bust_reference, customer.code, reference))), sqlstate or '00000', None if sqlstate else answered)

    # -- the bank ------------------------------------------------------

    def bank_day(self, after, hour):
        """A moment of the next business day of the banks."""
        return self.during(add_business_days(central_date(after), 1), hour, hour + 2)

    def deposit(self, customer, amount, then=None):
        """A deposit by ACH or card: mostly credited, settled when its hold expires; else cancelled, declined, returned."""
        reference, rail = self.reference('ach'), 'DEBIT' if self.chance(25) else 'ACH'
        allowed = customer.may('DEPOSIT')
        self.do("initiate_deposit(customer => %s, amount => %s, reference => %s, rail => %s, at => %s)" % (
            literal(customer.code), literal(usd(amount)), literal(reference), literal(rail), literal(stamp(self.now))), '00000' if allowed else 'LG013')
        if not allowed:
            return
        deposit = self.model.initiate_deposit(customer, reference, amount, rail)
        self.deposits.append(deposit)
        deposit.then = then
        roll = self.random.randrange(100)
        if roll < 2:
            self.at(self.later(0, 6), lambda: self.stop_deposit(deposit, 'cancel_deposit', 'CANCELLED'))
        elif roll < 4:
            self.at(self.bank_day(self.now, 6), lambda: self.stop_deposit(deposit, 'decline_deposit', 'DECLINED'))
        else:
            self.at(self.bank_day(self.now, 8), lambda: self.credit(deposit))
            if roll < 6:
                self.at(self.later(2, 80), lambda: self.return_deposit(deposit))

    def stop_deposit(self, deposit, function, status):
        if deposit.status == 'INITIATED':
            self.model.stop_deposit(deposit, status)
            self.do("%s(client => %s, reference => %s, at => %s)" % (function, *self.named(deposit)))

    def named(self, transfer):
        return literal(transfer.customer.client.code), literal(transfer.reference), literal(stamp(self.now))

    def credit(self, deposit):
        if deposit.status != 'INITIATED':
            return
        self.model.credit_deposit(deposit, self.now)
        self.do("credit_deposit(client => %s, reference => %s, at => %s, bank_reference => %s)" % (*self.named(deposit), literal('b' + deposit.reference)))
        if deposit.customer.way == 'bounce':
            back = self.later(24, 24 * 20)
            self.at(back, lambda: self.return_deposit(deposit))
            if self.chance(50):     # and tries to get away with it
                for _ in range(self.random.randint(1, 3)):
                    self.at(back - datetime.timedelta(minutes=self.random.randint(5, 55)), lambda: self.withdraw(deposit.customer, 6))

    def return_deposit(self, deposit):
        if deposit.status not in ('INITIATED', 'CREDITED', 'SETTLED'):
            return
        self.model.return_deposit(deposit, self.now)
        self.do("return_deposit(client => %s, reference => %s, at => %s, code => %s)" % (*self.named(deposit), literal(self.random.choice(('FRAUD', 'DISPUTE') if deposit.rail == 'DEBIT' else ('R01', 'R07', 'R10', 'R29')))))
        if self.model.deficit(deposit.customer) and self.chance(60):
            self.at(self.later(30, 24 * 20), lambda: self.make_good(deposit.customer))

    def make_good(self, customer):
        """The customer pays what the company stood in for, whole or in part."""
        owed = self.model.deficit(customer)
        if not owed:
            return
        self.wire(customer, owed)
        amount = min(owed, self.model.available(customer)) if self.chance(60) else owed // 2 + 1
        if amount > self.model.available(customer) - 0:
            return
        self.model.recover_deficit(customer, amount, self.now)
        self.do("recover_deficit(customer => %s, amount => %s, reference => %s, at => %s)" % (
            literal(customer.code), literal(usd(amount)), literal(self.reference('good')), literal(stamp(self.now))))

    def wire(self, customer, amount):
        self.model.receive_wire(customer, amount, self.now)
        reference = self.reference('wire')
        self.do("receive_wire(client => %s, customer => %s, amount => %s, reference => %s, at => %s)" % (
            literal(customer.client.code), literal(customer.code), literal(usd(amount)), literal(reference), literal(stamp(self.now))))

    def plan_oddities(self, day):
        """Wires that name nobody, and adjustments by hand that a second person approves."""
        if self.chance(40):
            self.at(self.during(day, 8, 15), self.unidentified)
        if self.chance(60):
            self.at(self.during(day, 9, 17), self.adjust)

    def here(self):
        """Somebody whose cash is in the FBO account."""
        return self.random.choice([c for code in ('MNET', 'MGRS', 'MPRE') for c in self.model.clients[code].customers])

    def unidentified(self):
        customer, amount, reference = self.here(), self.random.randint(100, 90000), self.reference('wire')
        client = customer.client
        self.model.receive_unidentified(client, amount)
        self.do("receive_wire(client => %s, amount => %s, reference => %s, at => %s)" % (literal(client.code), literal(usd(amount)), literal(reference), literal(stamp(self.now))))
        self.at(self.later(1, 100), lambda known=self.chance(70): self.resolve(client, customer if known else None, amount, reference))

    def resolve(self, client, customer, amount, reference):
        named = literal(client.code), literal(reference), literal(stamp(self.now))
        if customer:
            self.model.assign_wire(customer, amount, self.now)
            self.do("assign_wire(client => %s, reference => %s, at => %s, customer => %s)" % (*named, literal(customer.code)))
        else:
            self.model.return_unidentified(client, amount)
            self.do("return_wire(client => %s, reference => %s, at => %s, reason => 'nobody of that name')" % named)

    def adjust(self):
        customer = self.here()
        amount = self.random.randint(1, 3000)
        if self.chance(40):
            amount = -min(amount, self.model.available(customer))
        if not amount or amount > self.model.cover(customer.client):
            return
        reference = self.reference('adjust')
        self.model.adjust(customer, amount, self.now)
        self.do_as('quarter_first', "propose_cash_adjustment(customer => %s, amount => %s, reference => %s, reason => 'OTHER_ADJUSTMENT', note => 'goodwill', effective_at => %s, at => %s)" % (
            literal(customer.code), literal(usd(amount)), literal(reference), *2 * [literal(stamp(self.now))]))
        self.do_as('quarter_second', "approve_journal(client => %s, reference => %s, at => %s)" % (literal(customer.client.code), literal(reference), literal(stamp(self.now))))

    # -- withdrawals ---------------------------------------------------

    def plan_withdrawals(self, day):
        funded = [c for c in self.model.customers.values() if c.client.model == 'BAKKT_TPJ']
        for _ in range(self.trades_a_day // 12):
            self.at(self.during(day, 0, 24), lambda customer=self.random.choice(funded): self.withdraw(customer))

    def withdraw(self, customer, part=4):
        spare = self.model.available(customer) - self.model.owing(customer)
        amount = max(self.random.randint(spare // part, spare // (part - 3)) if spare > 0 else 0, self.random.randint(900, 1100))
        if self.chance(2):
            amount = max(spare, 1000) + 1
        reference = self.reference('out')
        result = self.model.request_withdrawal(customer, reference, amount, self.now)
        sqlstate = result if isinstance(result, str) else '00000'
        self.do("request_withdrawal(customer => %s, amount => %s, reference => %s, at => %s)" % (
            literal(customer.code), literal(usd(amount)), literal(reference), literal(stamp(self.now))), sqlstate)
        if sqlstate != '00000':
            return
        roll = self.random.randrange(100)
        if roll < 10:
            function, status = (('cancel_withdrawal', 'CANCELLED'), ('reject_withdrawal', 'REJECTED'))[roll % 2]
            self.at(self.later(0, 2), lambda: self.stop_withdrawal(result, function, status))
        else:
            self.at(self.later(1, 26), lambda: self.send_withdrawal(result, roll))

    def stop_withdrawal(self, withdrawal, function, status):
        if withdrawal.status == 'REQUESTED':
            self.model.stop_withdrawal(withdrawal, status)
            self.do("%s(client => %s, reference => %s, at => %s, reason => 'asked for')" % (function, *self.named(withdrawal)))

    def send_withdrawal(self, withdrawal, roll):
        if withdrawal.status != 'REQUESTED':
            return
        if not withdrawal.customer.may('WITHDRAWAL'):
            self.do("send_withdrawal(client => %s, reference => %s, at => %s)" % self.named(withdrawal), 'LG013')
            return self.stop_withdrawal(withdrawal, 'reject_withdrawal', 'REJECTED')
        self.model.send_withdrawal(withdrawal, self.now)
        self.do("send_withdrawal(client => %s, reference => %s, at => %s)" % self.named(withdrawal))
        if roll >= 13:
            self.at(self.bank_day(self.now, 9), lambda: self.complete_withdrawal(withdrawal))
        if roll < 16:
            self.at(self.later(20, 90), lambda: self.return_withdrawal(withdrawal))

    def complete_withdrawal(self, withdrawal):
        if withdrawal.status == 'SENT':
            self.model.complete_withdrawal(withdrawal)
            self.do("complete_withdrawal(client => %s, reference => %s, at => %s, bank_reference => %s)" % (*self.named(withdrawal), literal('b' + withdrawal.reference)))

    def return_withdrawal(self, withdrawal):
        if withdrawal.status in ('SENT', 'COMPLETED'):
            self.model.return_withdrawal(withdrawal, self.now)
            self.do("return_withdrawal(client => %s, reference => %s, at => %s, code => 'R03')" % self.named(withdrawal))

    # -- who may do what -----------------------------------------------

    def plan_restrictions(self, day):
        everyone = list(self.model.customers.values())
        for _ in range(max(self.trades_a_day // 150, 1)):
            customer = self.random.choice(everyone)
            terms = self.random.choice((('CLOSING_ONLY', 'ACTIVE'), ('LOCKED', 'ACTIVE'), ('OPEN', 'LIQUIDATED'), ('OPEN', 'SUSPENDED'), ('OPEN', 'UNDER_REVIEW')))
            at = self.during(day, 0, 24)
            self.at(at, lambda customer=customer, terms=terms: self.restrict(customer, *terms))
            self.at(at + self.random.randint(20, 200) * datetime.timedelta(hours=1), lambda customer=customer: self.restrict(customer, 'OPEN', 'ACTIVE'))

    def restrict(self, customer, mode, status):
        customer.mode, customer.status = mode, status
        self.do("change_customer(%s, mode => %s, party_status => %s)" % (literal(customer.code), literal(mode), literal(status)))

    # -- Apex ----------------------------------------------------------

    def plan_apex(self, day):
        client = self.model.clients['MAPX']
        for first in (7, 18):
            self.at(self.during(day, first, first + 1), lambda: self.apex_batch(client))
        if business_day(day):
            self.at(self.during(day, 14, 15), lambda: self.apex_wire(client))

    def apex_batch(self, client):
        reference = self.reference('apex')
        items = self.model.open_apex_batch(client, self.now)
        self.do("open_apex_batch(client => %s, reference => %s, at => %s)" % (literal(client.code), literal(reference), literal(stamp(self.now))))
        answers = [(call, call.customer.way != 'never' and self.chance(90), self.random.choice((None, 'UNSETTLED_PROCEEDS', 'ACCOUNT_RESTRICTED'))) for call in items]
        answers = [(call, confirmed, None if confirmed else reason) for call, confirmed, reason in answers]
        half = len(answers) // 2
        self.at(self.later(0.2, 2), lambda: self.apex_answers(client, reference, answers[:half], ()))
        self.at(self.later(2, 4), lambda: self.apex_answers(client, reference, answers, set(answers[:half])))

    def apex_answers(self, client, reference, answers, known):
        """Apex answers, the second time with what it has answered before."""
        if not answers:
            return
        for call, confirmed, reason in answers:
            if (call, confirmed, reason) not in known and call.status == 'O':
                self.model.apex_answer(call, confirmed, reason or 'APEX_REJECTED', self.now)
        self.send()                 # so that the numbers of all calls are known
        rows = ', '.join("ROW(%d, %s, %s, %s)::apex_answer" % (call.journal, literal(confirmed), literal(reason), literal('a' + call.reference))
                         for call, confirmed, reason in answers)
        self.do("record_apex_answers(client => %s, batch => %s, answers => ARRAY[%s], at => %s)" % (
            literal(client.code), literal(reference), rows, literal(stamp(self.now))))

    def apex_wire(self, client):
        owed = self.model.books.of(client.code, 'CORP', 'Apex:settlement:' + client.code)
        if owed:
            self.model.apex_wire(client, owed)
            self.do("record_apex_wire(client => %s, reference => %s, direction => %s, amount => %s, at => %s)" % (
                literal(client.code), literal(self.reference('apexwire')), literal('received' if owed > 0 else 'sent'), literal(usd(abs(owed))), literal(stamp(self.now))))

    # -- write-offs ----------------------------------------------------

    def decide_write_offs(self):
        """A second person approves most of what the job has proposed."""
        for client in self.model.clients.values():
            chosen = []
            for write_off in client.write_offs.values():
                if write_off.status == 'proposed' and write_off.call.status == 'O':
                    write_off.status, write_off.approved_at = 'approved', self.now
                    chosen.append(write_off.call.journal)
            if chosen:
                self.do_as('quarter_second', "approve_cash_call_write_offs(client => %s, calls => ARRAY[%s]::bigint[], at => %s)" % (
                    literal(client.code), ', '.join(map(str, chosen)), literal(stamp(self.now))))

    def recover(self, call):
        """Long after, the customer sends the money of a call that was written off."""
        customer = call.customer
        rest = call.amount - call.recovered
        if call.status != 'W':
            return
        if not call.apex:
            self.wire(customer, rest)
        amount = rest if self.chance(60) else self.random.randint(1, rest)
        if not call.apex and amount > self.model.available(customer):
            return
        self.model.recover_cash_call(call, amount, self.now)
        self.do("recover_cash_call(client => %s, call => %d, reference => %s, amount => %s, at => %s)" % (
            literal(customer.client.code), call.journal, literal(self.reference('recover')), literal(usd(amount)), literal(stamp(self.now))))
        if call.recovered < call.amount:
            self.at(self.later(24, 240), lambda: self.recover(call))

    def do_as(self, login, call, sqlstate='00000'):
        self.flush()
        self.script.append(('SET SESSION AUTHORIZATION ' + login, '00000', None))
        self.do(call, sqlstate)
        self.script.append(('RESET SESSION AUTHORIZATION', '00000', None))

    # -- transfers between the FBO account and the business account ----

    def follow_transfers(self):
        """The pretend bank takes up what was instructed, and confirms or refuses it within hours."""
        for client in self.model.clients.values():
            fresh = [t for t in client.transfers if t.reference is None]
            if not fresh:
                continue
            known = {t.reference for t in client.transfers}
            stored = [r for r in self.session.rows('SELECT reference, direction, purpose, amount, %s AS at FROM fbo_transfers(%s)' % (
                instant('instructed_at'), literal(client.code))) if r['reference'] not in known]
            of_row = lambda r: (r['at'], r['direction'], r['purpose'], r['amount'])
            mine = sorted((((stamp(t.instructed_at), t.direction, t.purpose, usd(t.amount)), t) for t in fresh), key=lambda m: m[0])
            expect('new FBO transfers of %s' % client.code, [m[0] for m in mine], sorted(map(of_row, stored)))
            for (_, transfer), row in zip(mine, sorted(stored, key=of_row)):
                transfer.reference = row['reference']
                self.at(self.later(0.5, 30), lambda transfer=transfer, good=self.chance(94): self.bank_decides(transfer, good))

    def bank_decides(self, transfer, good):
        named = literal(transfer.client.code), literal(transfer.reference), literal(stamp(self.now))
        if good:
            self.model.confirm(transfer, self.now)
            self.do("confirm_fbo_transfer(client => %s, reference => %s, at => %s, bank_reference => %s)" % (*named, literal('bank ' + transfer.reference)))
        else:
            self.model.fail(transfer, self.now)
            self.do("fail_fbo_transfer(client => %s, reference => %s, at => %s, reason => 'account blocked')" % named)

    # -- a day ---------------------------------------------------------

    def live(self, number):
        self.day = FIRST + number * DAY
        # nothing may depend on these
        self.session.execute('SET TimeZone = %s' % literal(self.random.choice(('UTC', 'America/Chicago', 'Asia/Kolkata', 'Pacific/Auckland'))))
        self.session.execute('SET DateStyle = %s' % literal(self.random.choice(('ISO, MDY', 'SQL, DMY', 'German, DMY', 'Postgres, MDY'))))
        self.plan_trades(self.day)
        self.plan_withdrawals(self.day)
        self.plan_apex(self.day)
        self.plan_busts(self.day)
        self.at(self.during(self.day, 0, 23), self.decide_write_offs)
        self.plan_oddities(self.day)
        self.plan_restrictions(self.day)
        for hour in self.run_hours():
            self.advance(local(self.day, hour - 1, self.random.randrange(60), self.random.randrange(60)))
            self.run_jobs(self.now)

    def last_run(self):
        """Cash calls once more, by the clock's own time: also those of busts, which happened when they were recorded."""
        self.session.execute('SELECT count(*) FROM process_cash_calls()')
        self.now = LATER
        self.model.process_cash_calls(LATER)

    def leave(self):
        """The last week: everybody wants to leave, or to go to another platform.  Who can, and with what, is for the model to say."""
        old = list(self.model.clients.values())
        new = self.model.add_client(Client('MNEW', 'BAKKT_TPJ'))
        self.session.execute("SELECT open_client('MNEW')")
        number = 0
        for client in old:
            for customer in client.customers:
                if client.model == 'BAKKT_TPJ' and self.chance(25):
                    amount = self.random.randint(1, 10 ** 7)
                    self.model.receive_wire(customer, amount, self.now)
                    self.do("receive_wire(%s, %s, %s, customer => %s)" % (
                        literal(client.code), literal(usd(amount)), literal(self.reference('last wire')), literal(customer.code)))
                answer = self.model.close(customer)
                self.do("close_customer(%s)" % literal(customer.code), answer)
                if answer == '00000' or client.model != 'BAKKT_TPJ' or not self.chance(40):
                    continue
                number += 1
                code, reference = 'MNEW%04d' % number, 'move-%d' % number
                answer = self.model.move_to(customer, new, code)
                # who may not move is not proposed either
                self.do_as('quarter_first', "propose_customer_move(%s, 'MNEW', %s, %s)" % (literal(customer.code), literal(code), literal(reference)), answer if answer == 'LG013' else '00000')
                if answer != 'LG013':
                    self.do_as('quarter_third', "move_customer(%s, %s)" % (literal(client.code), literal(reference)), answer)
        self.send()

    def run_hours(self):
        """When somebody calls the scheduler: mostly a few times, sometimes late at night only."""
        return (24,) if self.chance(8) else sorted(self.random.sample(range(4, 23), 3)) + [24]

    def run_jobs(self, at):
        """Each occurrence once and in order; the model follows run by run."""
        self.session.execute('SET SESSION AUTHORIZATION quarter_first')     # who runs the jobs proposes write-offs: no superuser, or nobody could approve them
        runs = self.session.rows("SELECT job, extract(epoch FROM occurrence)::bigint AS occurrence, status, covers, message FROM run_due_jobs(%s)" % literal(stamp(at)))
        self.session.execute('RESET SESSION AUTHORIZATION')
        failed = [r for r in runs if r['status'] != 'DONE']
        if failed:
            raise Difference('jobs failed: %s' % failed)
        expected_runs = occurrences(self.jobs_done or at - DAY, at)
        expected = [(job, int(when.timestamp())) for when, _, job in expected_runs]
        got = [(r['job'], r['occurrence']) for r in runs]
        if got != expected:
            raise Difference('jobs run at %s: the model expects\n%s\nthe ledger ran\n%s' % (at, expected, got))
        self.jobs_done = at
        for when, _, job in expected_runs:
            self.perform(job, when)
        self.follow_transfers()

    def perform(self, job, at):
        model = self.model
        if job == 'settle_deposits':
            self.settle_deposits(at)
        elif job in ('process_cash_calls', 'retry_cash_calls'):
            model.process_cash_calls(at)
        elif job == 'true_up_revenue_shares':
            model.true_up_revenue_shares(at)
        elif job == 'propose_cash_call_write_offs':
            model.propose_write_offs(at)
        elif job == 'charge_cash_call_write_offs':
            for call in model.charge_write_offs(at):
                self.written_off.append((call.customer, call.reference))
                if self.chance(50):
                    self.at(self.later(24, 24 * 25), lambda call=call: self.recover(call))
        elif job == 'instruct_settlement_transfers':
            model.instruct_settlement_transfers(at)
        elif job == 'top_up_deficits':
            model.top_up_deficits(at)
        elif job.startswith('take_aged_tpj'):
            kind = job.rsplit('_', 1)[1].upper()
            self.lists_taken += [(c.code, kind, central_date(at), model.aged(c, at)) for c in model.clients.values() if c.called]

    def settle_deposits(self, at):
        for deposit in self.deposits:
            if deposit.status == 'CREDITED' and deposit.available_at <= at:
                self.model.settle_deposit(deposit, at)
                if deposit.then:
                    self.at(self.later(0.1, 5), deposit.then)
        self.deposits = [d for d in self.deposits if d.status in ('INITIATED', 'CREDITED')]
