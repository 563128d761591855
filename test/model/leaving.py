"""The last week of a coin in the workload: it is held, then wound down while customers try everything; some sell, the others
withdraw, providers are settled with, wallets are emptied; then, and not before, it is retired."""

from books import Journal
from exact import Decimal, SCALE, text
from psql import literal
from settlement import Settlement
from trading import Trade
from workload import MODELS, PROVIDERS, Operation, choose, expect

COIN = 'LTC'
SCALE[COIN] = 8


class Leaving(Settlement):
    def wallet(self, client, name):
        return self.ensure(client, 'CUST', 'Wallet:' + name, COIN)

    def claim_in(self, client, customer):
        return self.ensure(client, 'CUST', 'Cust:' + customer, COIN)

    def everybody(self):
        return [(client, customer) for client in MODELS for customer in self.customers[client]]

    # -- one at a time -------------------------------------------------

    def receive(self, client, customer, amount):
        wallet, claim = self.wallet(client, 'deposit-addresses'), self.claim_in(client, customer)
        journal = Journal(client, self.reference('last-in'), [(wallet.identifier, COIN, amount), (claim.identifier, COIN, -amount)], 'coin_deposit', facts='deposit')
        return self.strict('last deposit', journal, 'SELECT row_to_json(r) FROM deposit_coin(%s, %s, %s) AS r' % (
            literal(customer), literal(text(amount, COIN)), literal(journal.reference)))

    def execute(self, client, customer, side, quantity):
        given = {'side': side, 'coin': COIN, 'quantity': quantity, 'provider': self.pick(PROVIDERS), 'provider_price': Decimal(100)}
        trade = Trade(self, client, customer, self.reference('last-trade'), given)
        result = self.books.post([trade], [False], choose)
        sql = 'SELECT row_to_json(r) FROM post_trades(ARRAY[ROW(%s, false)::trade_request]) AS r' % ', '.join(self.trade_fields(trade).values())
        return Operation('last trade', sql, lambda answer: expect('outcome of a last trade', result, [(r['outcome'], r['replayed'], r['sqlstate']) for r in answer.rows]))

    def take_out(self, client, customer):
        claim = self.claim_in(client, customer)
        return self.loaded('last withdrawal', client, [(claim, claim.owned), (self.wallet(client, 'deposit-addresses'), -claim.owned)])

    def loaded(self, name, client, lines):
        journal = Journal(client, self.reference('last-journal'), [(account.identifier, COIN, amount) for account, amount in lines])
        return self.strict(name, journal, 'SELECT row_to_json(r) FROM load_journal(%s, %s, %s) AS r' % tuple(
            map(literal, (client, self.entry(journal.lines), journal.reference))))

    def deliver_coin(self, client, provider, quantity):
        lines = [('CUST', 'Wallet:omnibus', quantity), ('CUST', 'DueFrom:CORP', -quantity), ('CORP', 'DueTo:CUST', quantity), ('CORP', 'LP:coin-receivable:' + provider, -quantity)]
        if quantity < 0:
            lines = [('CUST', 'DueTo:CORP', -quantity), ('CUST', 'Wallet:omnibus', quantity), ('CORP', 'LP:coin-payable:' + provider, -quantity), ('CORP', 'DueFrom:CUST', quantity)]
        journal = Journal(client, self.reference('last-delivery'), [(self.ensure(client, fund, name, COIN).identifier, COIN, amount) for fund, name, amount in lines],
                          'provider_settlement', facts='settle')
        return self.strict('last delivery', journal, 'SELECT row_to_json(r) FROM record_provider_settlement(%s, %s, %s, NULL, %s) AS r' % tuple(
            map(literal, (client, provider, text(quantity, COIN), journal.reference))))

    def status(self, status):
        """Of the asset, or its refusal while anybody has something in it."""
        sqlstate = 'LG039' if status == 'RETIRED' and self.books.claimed(COIN) else '00000'
        if sqlstate == '00000':
            self.books.change_asset(COIN, status)
        return self.wind_down('change_asset(%s, %s, reason => %s)', sqlstate, COIN, status, 'last week')

    # -- the week ------------------------------------------------------

    def attempt(self):
        """Whatever a customer may try on a day; what comes of it, the books know."""
        client, customer = self.pick(self.everybody())
        claim = self.claim_in(client, customer)
        what = self.pick(('receive', 'BUY', 'SELL', 'SELL'))
        if what == 'receive':
            return self.receive(client, customer, self.some(COIN, 5))
        part = self.part_of(claim.available, COIN) if what == 'SELL' else self.some(COIN, 5)
        return self.execute(client, customer, what, max(part, Decimal('0.001')))

    def days(self):
        """The days of the week: lists of operations, to be run and compared one after the other."""
        yield [self.status('ACTIVE')] + [self.attempt() for _ in range(40)]
        for status in ('CLOSE_ONLY', 'HALTED', 'CLOSE_ONLY', 'WITHDRAW_ONLY'):
            yield [self.status(status)] + [self.attempt() for _ in range(12)] + [self.status('RETIRED')]
        yield [self.take_out(*who) for who in self.everybody() if self.claim_in(*who).owned]
        yield [self.status('RETIRED')] + [self.deliver_coin(client, provider, self.ensure(client, 'CORP', 'LP:coin-%s:%s' % (side, provider), COIN).posted)
                                          for client in MODELS for provider in PROVIDERS for side in ('receivable', 'payable')
                                          if self.ensure(client, 'CORP', 'LP:coin-%s:%s' % (side, provider), COIN).posted]
        yield [self.status('RETIRED')] + [self.loaded('last sweep', client, [(self.wallet(client, 'omnibus'), -self.wallet(client, 'omnibus').posted),
                                                                             (self.wallet(client, 'deposit-addresses'), -self.wallet(client, 'deposit-addresses').posted)])
                                          for client in MODELS if self.wallet(client, 'omnibus').posted]
        expect('who still has something in ' + COIN, [], self.books.claimed(COIN))
        yield [self.status('RETIRED')] + [self.attempt() for _ in range(6)]

    def last_week(self):
        """Runs the week; returns how many operations agreed."""
        self.books.status.pop('USD', None)
        self.session.execute("SELECT change_asset('USD', 'ACTIVE', reason => 'last week')")
        for client in MODELS:
            for name in ('omnibus', 'deposit-addresses'):
                self.open_account(client, 'CUST', 'Wallet:' + name, COIN)
        done = 0
        for day in self.days():
            for operation, answer in zip(day, self.session.run([operation.sql for operation in day])):
                operation.check(answer)
                done += 1
            self.compare()
        return done
