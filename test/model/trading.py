"""Trades in the workload: executions under four funding models, busts,
corrections, coin deposits and settlements with providers."""

import datetime

from books import Account, Journal
from exposure import Exposure, Limits, next_cut
from exact import Decimal, SCALE, ZERO, text
from psql import literal
from trades import Terms
from workload import COINS, MODELS, PROVIDERS, Operation, Workload, choose, expect

PRICES = {'BTC': 60000, 'ETH': 3000}


class Order:
    """The fees of the fills of an order that stand; they all name its fixed and minimum fee."""

    def __init__(self):
        self.fills, self.accrued, self.charged, self.fixed, self.minimum = 0, ZERO, ZERO, ZERO, ZERO

    def count(self, terms, sign):
        self.fills += sign
        self.accrued += sign * terms.accrual()
        self.charged += sign * terms.fee
        if sign > 0:
            self.fixed, self.minimum = terms.fee_fixed, terms.fee_minimum


class Trade(Journal):
    """A request for an execution, and the journal it becomes."""

    def __init__(self, workload, client, customer, reference, given, corrects=None):
        super().__init__(client, reference, [], 'trade', effective_at=given.get('executed_at'), facts=(customer, tuple(sorted(given.items(), key=str)), corrects))
        self.workload = workload
        self.customer = customer
        self.given = given
        self.corrects = corrects
        self.terms = None
        self.position_after = None
        self.bust = None
        self.window = None

    def content(self):
        return self.facts

    def prepare(self):
        given, workload = self.given, self.workload
        broken = self.malformed()
        if broken:
            return broken
        model = MODELS[self.client]
        terms = self.terms = Terms(self.client, self.customer, model, given['side'], given['coin'], given['quantity'], given['provider'],
                                   given.get('provider_price'), given.get('price'), given.get('markup_bps', 0), given.get('markup_fixed', ZERO),
                                   given.get('fee_bps', 0), given.get('fee_fixed', ZERO), given.get('fee_minimum', ZERO),
                                   given.get('client_order_id'), given.get('executed_at'), workload.share[self.client], given.get('encumbered', False))
        order = workload.orders.get((self.client, self.customer, terms.order)) if terms.order else None
        if order and order.fills and (order.fixed, order.minimum) != (terms.fee_fixed, terms.fee_minimum):
            return {'LG002'}
        terms.charge(*(order.accrued, order.charged) if order and self.order_key() else (ZERO, ZERO))
        if terms.side == 'SELL' and terms.net_money > 0:
            return {'LG002'}
        self.lines = [(workload.ensure(self.client, *line[:3]).identifier, line[2], line[3]) for line in terms.lines()]
        return workload.exposure.faults(self)

    def original_terms(self):
        """Those of what it corrects, None if it corrects nothing."""
        return self.workload.books.journals[self.client, self.corrects].terms if self.corrects else None

    def fault_alone(self):
        faults = self.malformed()
        return choose(faults) if faults else None

    def malformed(self):
        given = self.given
        if self.customer not in self.workload.customers[self.client]:
            return {'LG012'}
        broken = self.workload.restriction(self.customer, given['side'])
        if given['quantity'] <= 0:
            broken.add('LG045')
        if not self.corrects:
            broken |= self.workload.books.trades(given['coin'], given['side'])
        if given['provider'] not in PROVIDERS:
            broken.add('LG014')
        if given.get('price', ZERO) % Decimal('0.01'):
            broken.add('LG046')
        given_both = 'price' in given and 'provider_price' in given
        if given_both and (given['price'] - given['provider_price']) * (1 if given['side'] == 'BUY' else -1) < 0:
            broken.add('LG048')
        return broken

    def order_key(self):
        order = self.given.get('client_order_id')
        return (self.client, self.customer, order) if order and (self.given.get('fee_minimum') or self.given.get('fee_fixed')) else None

    def applied(self, direction):
        key = self.order_key()
        if key:
            self.workload.orders.setdefault(key, Order()).count(self.terms, direction)
        if direction > 0:
            self.position_after = self.workload.ensure(self.client, *next(l[:3] for l in self.terms.lines() if l[1].startswith('Cust:'))).owned


class Bust(Journal):
    def __init__(self, workload, original, reference):
        lines = [(identifier, asset, -amount) for identifier, asset, amount in original.lines]
        super().__init__(original.client, reference, lines, 'trade_bust', effective_at=original.effective_at, reverses=original.reference, facts='bust')
        self.workload = workload
        self.original = original
        self.window = None

    def prepare(self):
        return {'LG063'} if self.original.bust else set()

    def applied(self, direction):
        self.original.bust = self if direction > 0 else None
        key = self.original.order_key()
        if key:
            self.workload.orders[key].count(self.original.terms, -direction)


class Trading(Workload):
    def __init__(self, session, seed):
        self.orders = {}            # (client, customer, order) -> Order
        self.share = {}
        self.modes = {}             # customer -> (mode, party status)
        self.trades_seen = []
        self.exposure = None
        super().__init__(session, seed)

    def open_world(self):
        super().open_world()
        self.exposure = Exposure(self.books)
        for row in self.session.rows('SELECT code, revenue_share_bps FROM client'):
            self.share[row['code']] = row['revenue_share_bps']

    # -- accounts that templates open ----------------------------------

    def ensure(self, client, fund, name, asset):
        account = self.account(client, fund, name, asset)
        if account is None:
            placeholder = '?%s %s %s %s' % (client, fund, name, asset)
            account = self.books.add(Account(placeholder, client, fund, name, asset))
        return account

    def resolve(self):
        """Learn the identifiers of accounts that templates have opened."""
        unknown = {a.identifier: a for a in self.books.accounts.values() if a.identifier.startswith('?')}
        if not unknown:
            return
        stored = {(r['client'], r['fund'], r['name'], r['asset']): r['account']
                  for r in self.session.rows('SELECT code AS client, fund, a.name, asset, account FROM account a JOIN client USING (client_id)')}
        known = {}
        for placeholder, account in unknown.items():
            identifier = stored.get((account.client, account.fund, account.name, account.asset))
            if identifier is not None:
                known[placeholder] = account.identifier = identifier
                del self.books.accounts[placeholder]
                self.books.accounts[identifier] = account
        for journal in [*self.books.in_order, *self.trades_seen]:
            journal.lines = [(known.get(identifier, identifier), asset, amount) for identifier, asset, amount in journal.lines]

    # -- executions ----------------------------------------------------

    def instant(self):
        return '2026-%02d-%02d %02d:%02d:00+00' % (3, self.random.randint(4, 12), self.random.randrange(24), self.random.randrange(60))

    def execution(self, client, customer):
        coin = self.pick(COINS)
        side = 'BUY' if self.chance(55) else 'SELL'
        claim = self.account(client, 'CUST', 'Cust:' + customer, coin)
        if side == 'BUY':
            quantity = max(self.some(coin, 2), Decimal('0.00001'))
        else:
            part = self.part_of(claim.available, coin)
            quantity = part // Decimal('0.00000001') * Decimal('0.00000001')
            quantity = max(quantity, Decimal('0.00001'))
        mid = PRICES[coin] + self.random.randint(-5000, 5000) * Decimal('0.01')
        given = {'side': side, 'coin': coin, 'quantity': quantity, 'provider': self.pick(PROVIDERS)}
        shape = self.random.randrange(10)
        given['provider_price' if shape < 8 else 'price'] = mid
        if shape < 5:
            given['markup_bps'] = self.pick((1, 25, 50, 75, 150))
        if shape in (4, 5):
            given['markup_fixed'] = self.pick((Decimal('0.01'), Decimal('0.005'), Decimal('12.345')))
        if shape == 7:
            given['price'] = mid + self.random.randint(-300, 300) * Decimal('0.01')
        if self.chance(45) and quantity * mid > 100:
            given['fee_bps'] = self.pick((1, 10, 25, 33))
            if self.chance(40):
                given['fee_fixed'] = self.pick((Decimal('0.37'), Decimal('1')))
            if self.chance(40):
                given['fee_minimum'] = Decimal('5')
            if self.chance(40):
                # an order has its fees as its number says; now and then a fill says otherwise
                number = self.random.randint(1, 8)
                given['client_order_id'] = 'order-%s-%d' % (coin, number)
                if self.chance(85):
                    given.pop('fee_fixed', None)
                    given.pop('fee_minimum', None)
                    given.update({1: {'fee_minimum': Decimal('5')}, 2: {'fee_fixed': Decimal('0.37')}, 3: {'fee_fixed': Decimal(1), 'fee_minimum': Decimal('5')}, 0: {}}[number % 4])
        if side == 'BUY' and self.chance(8):
            given['encumbered'] = True
        if self.chance(85):
            given['executed_at'] = self.instant()
        return given

    def spoil_trade(self, given):
        given = dict(given)
        how = self.pick(('quantity', 'provider', 'tick'))
        if how == 'quantity':
            given['quantity'] = self.pick((ZERO, Decimal(-1)))
        elif how == 'provider':
            given['provider'] = 'LP9'
        else:
            given = {key: value for key, value in given.items() if not key.startswith('markup')}
            given['price'] = Decimal('59999.995')
        return given

    def trade_request(self):
        roll = self.random.randrange(100)
        if self.trades_seen and roll < 10:
            first = self.pick(self.trades_seen[-80:])
            return self.trade_copy(first, first.given)
        if self.trades_seen and roll < 14:
            first = self.pick(self.trades_seen[-80:])
            if first.given['quantity'] <= 0:    # no execution: its reference binds, its content does not
                return self.trade_copy(first, first.given)
            changed = dict(first.given)
            field = self.pick(('quantity', 'provider', 'executed_at'))
            changed[field] = {'quantity': changed['quantity'] + Decimal('0.00000001'), 'provider': 'LP1' if changed['provider'] != 'LP1' else 'LP2',
                              'executed_at': '2026-03-01 00:00:00+00'}[field]
            return self.trade_copy(first, changed)
        client = self.client()
        customer = self.customer(client)
        given = self.execution(client, customer)
        if roll > 93:
            given = self.spoil_trade(given)
        trade = Trade(self, client, customer, self.reference('t'), given)
        self.trades_seen.append(trade)
        return trade

    def trade_copy(self, first, given):
        copy = Trade(self, first.client, first.customer, first.reference, given, first.corrects)
        return copy

    def trade_fields(self, trade, told=None):
        given = told or trade.given
        coin = given['coin']
        price = lambda name: literal('%s USD/%s' % (given[name], coin)) if given.get(name) is not None else 'NULL'
        usd = lambda name: literal('%s USD' % given[name]) if given.get(name) is not None else 'NULL'
        return {
            'customer': literal(trade.customer), 'side': literal(given['side']), 'quantity': literal(text(given['quantity'], coin)),
            'provider': literal(given['provider']), 'reference': literal(trade.reference), 'provider_price': price('provider_price'), 'price': price('price'),
            'markup_bps': literal(given.get('markup_bps')), 'markup_fixed': price('markup_fixed'), 'fee_bps': literal(given.get('fee_bps')),
            'fee_fixed': usd('fee_fixed'), 'fee_minimum': usd('fee_minimum'), 'client_order_id': literal(given.get('client_order_id')),
            'executed_at': literal(given.get('executed_at')), 'symbol': 'NULL', 'encumbered': literal(given.get('encumbered', None if told else False))}

    def trade(self):
        trades = [self.trade_request() for _ in range(self.pick((1, 1, 2, 4, 7)))]
        linked = [self.chance(10) for _ in trades]
        strict, dry_run = self.chance(12), self.chance(6)
        result = self.books.post(trades, linked, choose, strict, dry_run)
        rows = ['ROW(%s, %s)::trade_request' % (', '.join(self.trade_fields(t).values()), literal(l)) for t, l in zip(trades, linked)]
        sql = 'SELECT row_to_json(r) FROM post_trades(ARRAY[%s], strict => %s, dry_run => %s) AS r' % (', '.join(rows), literal(strict), literal(dry_run))
        expected = [None if o[0] != 'posted' or not self.original(t).terms else self.trade_answer(self.original(t), o[1] or dry_run) for t, o in
                    (zip(trades, result) if not isinstance(result, str) else [])]

        def check(answer):
            if isinstance(result, str):
                expect('SQLSTATE of a strict batch of trades', result, answer.sqlstate)
                return
            expect('SQLSTATE', '00000', answer.sqlstate)
            expect('outcomes of trades', result, [(row['outcome'], row['replayed'], row['sqlstate']) for row in answer.rows])
            for number, (mine, row) in enumerate(zip(expected, answer.rows)):
                if mine:
                    expect('trade %d of the batch' % (number + 1), mine, {key: row[key] for key in mine})
        return Operation('trade', sql, check)

    def original(self, trade):
        return self.books.journals.get((trade.client, trade.reference), trade)

    def trade_answer(self, trade, again=False):
        terms = trade.terms
        answer = {'net_money': text(terms.net_money, 'USD'), 'revenue': text(terms.revenue, 'USD'), 'revenue_share': text(terms.share, 'USD'),
                  'fee': text(terms.fee, 'USD'), 'price': text(terms.price, 'USD/' + terms.coin)}
        if not again:
            answer['position_after'] = text(trade.position_after, terms.coin)
        return answer

    # -- busts and corrections -----------------------------------------

    def executed(self):
        return [j for j in self.books.in_order[-250:] if isinstance(j, Trade)]

    def bust(self):
        executed = self.executed()
        if not executed:
            return self.trade()
        original = self.pick(executed)
        bust = Bust(self, original, self.reference('bust'))
        faults = self.books.faults(bust)
        sqlstate = choose(faults) if faults else None
        if sqlstate is None:
            self.books.record(bust)
        sql = 'SELECT row_to_json(r) FROM bust_trade(reference => %s, customer => %s, original => %s) AS r' % tuple(map(literal, (bust.reference, original.customer, original.reference)))
        terms = original.terms
        mine = {'net_money': text(-terms.net_money, 'USD'), 'revenue': text(-terms.revenue, 'USD'), 'fee': text(-terms.fee, 'USD')}

        def check(answer):
            expect('SQLSTATE of a bust', sqlstate or '00000', answer.sqlstate)
            if not sqlstate:
                expect('the bust', mine, {key: answer.rows[0][key] for key in mine})
        return self.done(Operation('bust', sql, check), sqlstate)

    def correct(self):
        executed = self.executed()
        if not executed:
            return self.trade()
        original = self.pick(executed)
        reference = self.reference('fix')
        given = dict(original.given)
        given['quantity'] = max(given['quantity'] + self.pick((Decimal('0.00001'), Decimal('-0.00001'), Decimal('0.5'))), Decimal('0.00001'))
        # what a correction does not say is its original's
        told = dict(given)
        for unsaid in (('client_order_id',), ('fee_bps',), ('fee_fixed', 'fee_minimum'), ('markup_bps',), ('provider_price', 'price'), ('encumbered',)):
            if self.chance(50):
                for name in unsaid:
                    told.pop(name, None)
        bust = Bust(self, original, reference + '/bust')
        faults = self.books.faults(bust)
        sqlstate = choose(faults) if faults else None
        trade = None
        if sqlstate is None:
            self.books.record(bust)
            trade = Trade(self, original.client, original.customer, reference, given, original.reference)
            faults = self.books.faults(trade)
            sqlstate = choose(faults) if faults else None
            if sqlstate:
                self.books.unrecord(bust)
            else:
                self.books.record(trade)
        mine = self.trade_answer(trade) if sqlstate is None else None
        if trade is None:
            trade = Trade(self, original.client, original.customer, reference, given, original.reference)
        fields = self.trade_fields(trade, told)
        sql = 'SELECT row_to_json(r) FROM correct_trade(%s, original => %s) AS r' % (
            ', '.join('%s => %s' % item for item in fields.items()), literal(original.reference))

        def check(answer):
            expect('SQLSTATE of a correction', sqlstate or '00000', answer.sqlstate)
            if mine:
                expect('the corrected trade', mine, {key: answer.rows[1][key] for key in mine})
        return self.done(Operation('correct', sql, check), sqlstate)

    # -- who may trade -------------------------------------------------

    def restriction(self, customer, side):
        mode, status = self.modes.get(customer, ('OPEN', 'ACTIVE'))
        allowed = (mode == 'OPEN' and status == 'ACTIVE') if side == 'BUY' else (mode in ('OPEN', 'CLOSING_ONLY') and status in ('ACTIVE', 'LIQUIDATED'))
        return set() if allowed else {'LG013'}

    def restrict(self):
        customer = self.customer(self.client())
        if customer in self.modes:
            del self.modes[customer]
            mode, status = 'OPEN', 'ACTIVE'
        else:
            mode, status = self.modes[customer] = self.pick((('CLOSING_ONLY', 'ACTIVE'), ('LOCKED', 'ACTIVE'), ('OPEN', 'LIQUIDATED'), ('OPEN', 'SUSPENDED')))
        return Operation('restrict', 'SELECT change_customer(%s, mode => %s, party_status => %s)' % tuple(map(literal, (customer, mode, status))),
                         lambda answer: expect('SQLSTATE', '00000', answer.sqlstate))

    # -- assets and instruments that wind down --------------------------

    def some_status(self):
        return self.pick(('CLOSE_ONLY', 'HALTED', 'WITHDRAW_ONLY', 'RETIRED'))

    def one_of(self, things, statuses):
        """Mostly one that is not ACTIVE, which then becomes so: or soon nothing could be traded."""
        away = [thing for thing in things if statuses.get(thing, 'ACTIVE') != 'ACTIVE']
        return (self.pick(away), 'ACTIVE') if away and self.chance(70) else (self.pick(things), self.some_status())

    def wind_asset(self):
        asset, status = self.one_of((*COINS, *COINS, 'USD'), self.books.status)
        sqlstate = '00000'
        if status == 'RETIRED' and self.books.claimed(asset):
            sqlstate = 'LG039'
        else:
            self.books.change_asset(asset, status)
        return self.wind_down('change_asset(%s, %s, reason => %s)', sqlstate, asset, status, 'model')

    def wind_instrument(self):
        coin, status = self.one_of(COINS, self.books.market)
        sqlstate = '00000'
        if status == 'RETIRED' and self.books.market.get(coin) != 'RETIRED' and self.books.claimed(coin, True):
            sqlstate = 'LG039'
        elif status != 'RETIRED' and status != self.books.market.get(coin, 'ACTIVE') and self.books.status.get(coin) == 'RETIRED':
            sqlstate = 'LG041'
        else:
            if status != self.books.market.get(coin, 'ACTIVE'):
                self.books.retired_with.pop(coin, None)
            self.books.market[coin] = status
        return self.wind_down('change_instrument(%s, status => %s)', sqlstate, coin + 'USD', status)

    def wind_down(self, call, sqlstate, *values):
        return Operation('wind down', 'SELECT %s' % (call % tuple(map(literal, values))),
                         lambda answer: expect('SQLSTATE of winding down', sqlstate, answer.sqlstate))

    # -- limits --------------------------------------------------------

    def limit(self):
        """New limits of a client: about what it owes and trades now, so that they are met."""
        client = self.pick(('NETS', 'NETS', self.client()))
        near = lambda value: max(value + self.random.randint(-2000000, 20000000) * Decimal('0.01'), ZERO)
        late = next_cut(datetime.datetime.now(datetime.timezone.utc)) - datetime.datetime.now(datetime.timezone.utc) < datetime.timedelta(minutes=15)
        limits = self.exposure.limits[client] = Limits(
            near(self.exposure.net_debit(client)) if self.chance(60) else None,
            self.random.randint(500000, 12000000) * Decimal('0.01') if self.chance(30) else None,
            near(self.exposure.gross(client)) if self.chance(30) and not late else None)
        amount = lambda value: literal('%s USD' % value) if value is not None else 'NULL'
        return Operation('limit', "SELECT change_exposure_limits(%s, 'USD', %s, %s, %s)" % (literal(client), amount(limits.cap), amount(limits.trade), amount(limits.gross)),
                         lambda answer: expect('SQLSTATE', '00000', answer.sqlstate))

    def limit_provider(self):
        provider = self.pick(PROVIDERS)
        most = self.exposure.provider[provider] = self.random.randint(500000, 15000000) * Decimal('0.01') if self.chance(40) else None
        return Operation('limit a provider', "SELECT change_provider_limits(%s, 'USD', trade_limit => %s)" % (literal(provider), literal('%s USD' % most) if most is not None else 'NULL'),
                         lambda answer: expect('SQLSTATE', '00000', answer.sqlstate))

    def suspend(self):
        client = self.client()
        status = self.pick(('CLOSE_ONLY', 'SUSPENDED')) if client not in self.exposure.status else 'ACTIVE'
        self.exposure.status[client] = status
        if status == 'ACTIVE':
            del self.exposure.status[client]
        return Operation('suspend', "SELECT change_client_status(%s, %s, reason => 'at random')" % (literal(client), literal(status)),
                         lambda answer: expect('SQLSTATE', '00000', answer.sqlstate))

    # -- coin and providers --------------------------------------------

    def deposit(self):
        client = self.client()
        customer, coin = self.customer(client), self.pick(COINS)
        amount = self.some(coin, 5)
        wallet = self.ensure(client, 'CUST', 'Wallet:deposit-addresses', coin)
        claim = self.account(client, 'CUST', 'Cust:' + customer, coin)
        journal = Journal(client, self.reference('deposit'), [(wallet.identifier, coin, amount), (claim.identifier, coin, -amount)], 'coin_deposit', facts='deposit')
        return self.strict('deposit', journal, 'SELECT row_to_json(r) FROM deposit_coin(%s, %s, %s) AS r' % (
            literal(customer), literal(text(amount, coin)), literal(journal.reference)))

    def settle(self):
        client, provider, coin = self.client(), self.pick(PROVIDERS), self.pick(COINS)
        quantity = self.some(coin, 2) * self.pick((1, 1, -1, 0))
        paid = self.some('USD', 5000) * self.pick((1, 1, -1, 0))
        if not quantity and not paid:
            return self.deposit()
        lines = []
        if quantity > 0:
            lines += [('CUST', 'Wallet:omnibus', coin, quantity), ('CUST', 'DueFrom:CORP', coin, -quantity), ('CORP', 'DueTo:CUST', coin, quantity),
                      ('CORP', 'LP:coin-receivable:' + provider, coin, -quantity)]
        if quantity < 0:
            lines += [('CUST', 'DueTo:CORP', coin, -quantity), ('CUST', 'Wallet:omnibus', coin, quantity), ('CORP', 'LP:coin-payable:' + provider, coin, -quantity),
                      ('CORP', 'DueFrom:CUST', coin, quantity)]
        if paid > 0:
            lines += [('CORP', 'LP:payable:' + provider, 'USD', paid), ('CORP', 'Bank:operating', 'USD', -paid)]
        if paid < 0:
            lines += [('CORP', 'Bank:operating', 'USD', -paid), ('CORP', 'LP:receivable:' + provider, 'USD', paid)]
        journal = Journal(client, self.reference('settle'), [(self.ensure(client, *line[:3]).identifier, line[2], line[3]) for line in lines], 'provider_settlement', facts='settle')
        amount = lambda value, asset: literal(text(value, asset)) if value else 'NULL'
        return self.strict('settle', journal, 'SELECT row_to_json(r) FROM record_provider_settlement(%s, %s, %s, %s, %s) AS r' % (
            literal(client), literal(provider), amount(quantity, coin), amount(paid, 'USD'), literal(journal.reference)))

    def strict(self, name, journal, sql):
        """One journal by a function that raises."""
        faults = self.books.faults(journal)
        sqlstate = choose(faults) if faults else None
        if sqlstate is None:
            self.books.record(journal)
        return self.done(Operation(name, sql, lambda answer: expect('SQLSTATE of ' + name, sqlstate or '00000', answer.sqlstate)), sqlstate)

    def more_kinds(self):
        return [self.trade] * 14 + [self.bust] * 2 + [self.correct] * 2 + [self.deposit] * 4 + [self.settle] * 2 + [self.restrict, self.wind_asset, self.wind_instrument, self.limit, self.limit] + self.rarely()

    def rarely(self):
        return [self.pick((self.suspend, self.limit_provider, self.trade, self.trade))]

    def compare(self):
        self.resolve()
        super().compare()
        self.compare_exposure()

    def compare_exposure(self):
        """What each client owes and has traded."""
        late = next_cut(datetime.datetime.now(datetime.timezone.utc)) - datetime.datetime.now(datetime.timezone.utc) > datetime.timedelta(hours=23)
        for client in MODELS:
            told = {row['asset']: row for row in self.session.rows('SELECT asset, net_debit, daily_gross FROM client_exposure(%s)' % literal(client))}.get('USD')
            if told and not late:
                expect('what client %s owes and has traded' % client, [text(self.exposure.net_debit(client), 'USD'), text(self.exposure.gross(client), 'USD')],
                       [told['net_debit'], told['daily_gross']])
