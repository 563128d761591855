"""Random work for the ledger, and what each piece of it must come to.

An operation is an SQL statement and a function that compares the answer with
what the books say.  The books are changed when the operation is made, before
the ledger has seen it.
"""

import random

from books import Account, Books, Journal
from exact import Decimal, SCALE, ZERO, parse, text
from psql import literal

MODELS = {'TPJM': 'BAKKT_TPJ', 'NETS': 'NET_SETTLEMENT', 'APEX': 'APEX_TPJ', 'NONE': 'NO_SETTLEMENT'}
PROVIDERS = ('LP1', 'LP2')
COINS = ('BTC', 'ETH')

# Of several faults the ledger reports the first in this order (doc/errors.md).
PRECEDENCE = ('LG002', 'LG010', 'LG011', 'LG012', 'LG045', 'LG015', 'LG038 of a trade', 'LG014', 'LG013', 'LG046', 'LG048', 'LG030', 'LG031', 'LG040', 'LG041', 'LG042', 'LG043', 'LG044', 'LG032', 'LG033', 'LG038', 'LG003', 'LG062', 'LG065', 'LG063', 'LG064', 'LG061', '22003', 'LG050', 'LG094', 'LG091', 'LG092', 'LG093')


def choose(faults):
    return min(faults, key=PRECEDENCE.index)[:5]


class Difference(Exception):
    """The ledger and the books disagree."""


def expect(what, expected, actual):
    if expected != actual:
        raise Difference('%s: the books say %s, the ledger %s' % (what, expected, actual))


class Operation:
    def __init__(self, name, sql, check):
        self.name = name
        self.sql = sql
        self.check = check


class Workload:
    def __init__(self, session, seed):
        self.session = session
        self.random = random.Random(seed)
        self.books = Books()
        self.customers = {}         # client -> [customer codes]
        self.serial = 0
        self.went_through = []
        self.open_world()

    # -- the world -----------------------------------------------------

    def open_world(self):
        run = self.session.execute
        for provider in PROVIDERS:
            run("SELECT open_provider(%s, %s)" % (literal(provider), literal(provider)))
        for number, (client, model) in enumerate(MODELS.items()):
            run("SELECT open_client(%s, funding_model => %s, revenue_share_bps => %d, at => '2026-01-01Z')" % (literal(client), literal(model), (0, 4000, 2500, 3333)[number]))
            self.customers[client] = ['%s%04d' % (client, n) for n in range(1, 6)]
            for code in self.customers[client]:
                run("SELECT open_customer(customer => %s, client => %s)" % (literal(code), literal(client)))
                self.open_account(client, 'FBO', 'Cust:%s:settled' % code, 'USD', code)
                self.open_account(client, 'FBO', 'Cust:%s:unsettled' % code, 'USD', code)
                for coin in COINS:
                    self.open_account(client, 'CUST', 'Cust:%s' % code, coin, code)
            for fund, name, asset in (
                    ('FBO', 'Bank:omnibus', 'USD'), ('FBO', 'Clearing:ACH-in', 'USD'), ('FBO', 'DueTo:CORP', 'USD'), ('FBO', 'DueFrom:CORP', 'USD'),
                    ('FBO', 'ResidualInterest:company', 'USD'), ('CORP', 'ResidualInterestInFBO', 'USD'), ('CORP', 'DueTo:FBO', 'USD'),
                    ('CORP', 'DueFrom:FBO', 'USD'), ('CORP', 'Bank:operating', 'USD'), ('CORP', 'Equity', 'USD'), ('CORP', 'Expense:operating', 'USD'),
                    ('CUST', 'Wallet:omnibus', 'BTC'), ('CUST', 'Wallet:omnibus', 'ETH')):
                self.open_account(client, fund, name, asset)

    def open_account(self, client, fund, name, asset, customer=None):
        row = self.session.rows("SELECT (open_account(%s, %s, %s, %s, %s)).account" % tuple(map(literal, (client, fund, name, asset, customer))))[0]
        return self.books.add(Account(row['account'], client, fund, name, asset))

    def account(self, client, fund, name, asset):
        return self.books.named(client, fund, name, asset)

    # -- small choices -------------------------------------------------

    def pick(self, things):
        return self.random.choice(list(things))

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def client(self):
        return self.pick(MODELS)

    def customer(self, client):
        return self.pick(self.customers[client])

    def reference(self, what):
        self.serial += 1
        return '%s-%d' % (what, self.serial)

    def some(self, asset, most):
        """A random amount at the asset's scale, small more often than large."""
        scale = min(SCALE[asset], 8)
        units = self.random.randint(1, int(most * 10 ** scale) + 1)
        if self.chance(30):
            units = self.random.randint(1, units)
        return Decimal(units).scaleb(-scale)

    def part_of(self, amount, asset):
        """Mostly within what there is, sometimes all of it, sometimes a bit too much."""
        if amount <= 0:
            return self.some(asset, 10)
        roll = self.random.randrange(100)
        if roll < 10:
            return amount
        if roll < 18:
            return amount + Decimal(1).scaleb(-SCALE[asset])
        return min(self.some(asset, amount), amount) if roll < 95 else amount * 2

    # -- journals ------------------------------------------------------

    def journal(self, client):
        """A random entry of a sensible shape."""
        account = lambda fund, name, asset='USD': self.account(client, fund, name, asset)
        a, b, c = (self.customer(client) for _ in range(3))
        settled = lambda code: account('FBO', 'Cust:%s:settled' % code)
        pair = lambda debit, credit, amount: [(debit.identifier, debit.asset, amount), (credit.identifier, credit.asset, -amount)]
        kind = self.pick(('deposit', 'deposit', 'clear', 'withdraw', 'transfer', 'transfer', 'split', 'coin', 'coin in', 'expense', 'call', 'flow', 'residual', 'wash'))
        if kind == 'deposit':
            return 'cash_deposit', pair(account('FBO', 'Bank:omnibus'), settled(a), self.some('USD', 2000))
        if kind == 'clear':
            return 'cash_deposit', pair(account('FBO', 'Clearing:ACH-in'), account('FBO', 'Cust:%s:unsettled' % a), self.some('USD', 900))
        if kind == 'withdraw':
            return 'cash_withdrawal', pair(settled(a), account('FBO', 'Bank:omnibus'), self.part_of(settled(a).available, 'USD'))
        if kind == 'transfer':
            return 'transfer', pair(settled(a), settled(b), self.part_of(settled(a).available, 'USD'))
        if kind == 'split':
            x, y = self.part_of(settled(a).available, 'USD'), self.some('USD', 50)
            lines = pair(settled(a), settled(b), x) + pair(settled(c), settled(a), y) + pair(account('CORP', 'Expense:operating'), account('CORP', 'Equity'), y)
            self.random.shuffle(lines)
            return 'fee', lines
        if kind == 'coin':
            coin = self.pick(COINS)
            source = account('CUST', 'Cust:%s' % a, coin)
            return 'transfer', pair(source, account('CUST', 'Cust:%s' % b, coin), self.part_of(source.available, coin))
        if kind == 'coin in':
            coin = self.pick(COINS)
            return 'coin_deposit', pair(account('CUST', 'Wallet:omnibus', coin), account('CUST', 'Cust:%s' % a, coin), self.some(coin, 3))
        if kind == 'expense':
            return 'fee', pair(account('CORP', 'Expense:operating'), account('CORP', 'Bank:operating'), self.some('USD', 100))
        if kind == 'call':
            amount = self.part_of(settled(a).available, 'USD')
            return 'general', pair(settled(a), account('FBO', 'DueTo:CORP'), amount) + pair(account('CORP', 'DueFrom:FBO'), account('CORP', 'Equity'), amount)
        if kind == 'flow':
            amount = self.part_of(account('FBO', 'DueTo:CORP').available, 'USD')
            return 'general', (pair(account('FBO', 'DueTo:CORP'), account('FBO', 'Bank:omnibus'), amount)
                              + pair(account('CORP', 'Bank:operating'), account('CORP', 'DueFrom:FBO'), amount))
        if kind == 'residual':
            amount = self.some('USD', 100)
            return 'general', (pair(account('CORP', 'ResidualInterestInFBO'), account('CORP', 'Bank:operating'), amount)
                              + pair(account('FBO', 'Bank:omnibus'), account('FBO', 'ResidualInterest:company'), amount))
        amount = self.some('USD', 1000000)
        return 'general', pair(settled(a), settled(a), amount)

    def spoil(self, client, lines):
        """Break one rule of the entry; it still balances."""
        other = self.pick(c for c in MODELS if c != client)
        how = self.pick(('unknown', 'foreign', 'zero', 'scale', 'asset', 'unpaired', 'no such asset'))
        identifier, asset, amount = lines[0]
        fund = identifier.split(':')[0]
        if how == 'unknown':
            return [(fund + ':99999999', asset, amount)] + lines[1:]
        if how == 'foreign':
            account = self.pick(a for a in self.books.accounts.values() if a.client == other and a.fund == fund and a.asset == asset and not a.identifier.startswith('?'))
            return [(account.identifier, asset, amount)] + lines[1:]
        if how == 'zero':
            return lines + [(identifier, asset, ZERO)]
        if how == 'scale':
            bit = Decimal('0.001') if asset == 'USD' else Decimal('1E-9') if asset == 'BTC' else ZERO
            return lines + [(identifier, asset, bit), (identifier, asset, -bit)]
        if how == 'asset':
            wrong = 'USDC' if asset == 'USD' else 'USD'
            return lines + [(identifier, wrong, Decimal(1)), (identifier, wrong, Decimal(-1))]
        if how == 'no such asset':
            return lines + [(identifier, 'NOSUCH', Decimal(1)), (identifier, 'NOSUCH', Decimal(-1))]
        due, equity = self.account(client, 'CORP', 'DueTo:FBO', 'USD'), self.account(client, 'CORP', 'Equity', 'USD')
        return lines + [(due.identifier, 'USD', -amount), (equity.identifier, 'USD', amount)] if asset == 'USD' else lines

    def request(self):
        """A new request, or one seen before, whole or with something changed."""
        roll = self.random.randrange(100)
        seen = self.plain_seen
        if seen and roll < 12:
            return self.copy(self.pick(seen))
        if seen and roll < 17:
            journal = self.copy(self.pick(seen))
            if self.chance(50):
                journal.kind = 'fee' if journal.kind != 'fee' else 'general'
            else:
                journal.description = 'changed'
            return journal
        client = self.client()
        kind, lines = self.journal(client)
        if roll < 30:
            lines = self.spoil(client, lines)
        journal = Journal(client, self.reference('j'), lines, kind, description=self.pick((None, 'a word', "it's")))
        if self.chance(20):
            journal.effective_at = '2026-%02d-%02d %02d:00:00+00' % (self.random.randint(1, 10), self.random.randint(1, 28), self.random.randrange(24))
        seen.append(journal)
        return journal

    plain_seen = None

    @staticmethod
    def copy(journal):
        return Journal(journal.client, journal.reference, list(journal.lines), journal.kind, journal.effective_at, journal.description)

    def entry(self, lines):
        return '{%s}' % '; '.join('%s %s %s' % ('Cr' if amount < 0 else 'Dr', identifier, text(abs(amount), asset)) for identifier, asset, amount in lines)

    def request_sql(self, journal, linked):
        return 'ROW(%s, %s, %s, %s, %s, %s, %s)::journal_request' % (
            literal(journal.client), literal(self.entry(journal.lines)), literal(journal.reference), literal(journal.kind),
            literal(journal.description), literal(journal.effective_at), literal(linked))

    def post(self):
        if self.plain_seen is None:
            self.plain_seen = []
        journals = [self.request() for _ in range(self.pick((1, 1, 2, 3, 5, 9)))]
        linked = [self.chance(15) for _ in journals]
        strict, dry_run = self.chance(12), self.chance(8)
        result = self.books.post(journals, linked, choose, strict, dry_run)
        owned = {} if dry_run else {}
        sql = 'SELECT row_to_json(r) FROM load_journals(ARRAY[%s], strict => %s, dry_run => %s) AS r' % (
            ', '.join(map(self.request_sql, journals, linked)), literal(strict), literal(dry_run))

        def check(answer):
            if isinstance(result, str):
                expect('SQLSTATE of a strict batch', result, answer.sqlstate)
                return
            expect('SQLSTATE', '00000', answer.sqlstate)
            expect('outcomes', [(o, r, s) for o, r, s in result],
                   [(row['outcome'], row['replayed'], row['sqlstate']) for row in answer.rows])
        return Operation('post', sql, check)

    def unbalanced(self):
        """An entry that no statement can hold."""
        client = self.client()
        _, lines = self.journal(client)
        if self.chance(50):
            identifier, asset, amount = lines[0]
            lines = [(identifier, asset, amount + Decimal(1).scaleb(-SCALE[asset]))] + lines[1:]
        else:                       # balanced per asset, not per fund
            one, two = self.account(client, 'CORP', 'Expense:operating', 'USD'), self.account(client, 'FBO', 'Bank:omnibus', 'USD')
            lines = lines + [(one.identifier, 'USD', Decimal(5)), (two.identifier, 'USD', Decimal(-5))]
        journal = Journal(client, self.reference('unbalanced'), lines)
        sql = 'SELECT row_to_json(r) FROM load_journals(ARRAY[%s]) AS r' % self.request_sql(journal, False)
        return Operation('unbalanced', sql, lambda answer: expect('SQLSTATE of an unbalanced entry', 'LG001', answer.sqlstate))

    # -- reversals -----------------------------------------------------

    def reverse(self):
        candidates = [j for j in self.books.in_order[-60:] if j.facts is None]
        if not candidates:
            return self.post()
        original = self.pick(candidates)
        reference = self.reference('undo')
        found = '(SELECT journal_id FROM journal JOIN client USING (client_id) WHERE code = %s AND reference = %s)' % (literal(original.client), literal(original.reference))
        whole = self.chance(55)
        lines = [(i, a, -amount) for i, a, amount in original.lines] if whole else self.part_of_reversal(original)
        reversal = Journal(original.client, reference, lines, 'reversal', reverses=original.reference)
        faults = self.books.faults(reversal) | self.reversal_fault(original, reversal, whole)
        sqlstate = choose(faults) if faults else None
        if sqlstate is None:
            self.books.record(reversal)
            self.take_back(original, reversal, whole)
        sql = 'SELECT row_to_json(r) FROM post_entry((SELECT client_id FROM client WHERE code = %s), %s, \'reversal\', %s, reverses => %s) AS r' % (
            literal(original.client), literal(reference), 'NULL' if whole else literal(self.entry(lines)), found)

        def check(answer):
            expect('SQLSTATE of a reversal', sqlstate or '00000', answer.sqlstate)
            if not sqlstate:
                expect('outcome of a reversal', ['posted'], [row['outcome'] for row in answer.rows])
        return self.done(Operation('reverse', sql, check), sqlstate)

    def part_of_reversal(self, original):
        """Take back a fraction of every line, or of one balanced pair of them."""
        share = self.pick((Decimal(1), Decimal('0.5'), Decimal('0.25'), Decimal(2)))
        if any((amount * share).scaleb(SCALE[asset]) % 1 for _, asset, amount in original.lines):
            share = Decimal(1)
        return [(identifier, asset, -amount * share) for identifier, asset, amount in original.lines]

    @staticmethod
    def sums(lines):
        total = {}
        for identifier, asset, amount in lines:
            key = identifier, asset, amount > 0
            total[key] = total.get(key, ZERO) + abs(amount)
        return total

    def reversal_fault(self, original, reversal, whole):
        if original.kind == 'reversal':
            return {'LG065'}
        remains = self.sums(original.lines)
        if all(amount == original.taken_back.get(key, ZERO) for key, amount in remains.items()):
            return {'LG063'}
        if whole and original.taken_back:
            return {'LG064'}
        if not whole:
            for (identifier, asset, debit), amount in self.sums(reversal.lines).items():
                key = identifier, asset, not debit
                if amount > remains.get(key, ZERO) - original.taken_back.get(key, ZERO):
                    return {'LG064'}
        return set()

    def take_back(self, original, reversal, whole):
        if whole:
            original.reversed_whole = True
        for (identifier, asset, debit), amount in self.sums(reversal.lines).items():
            key = identifier, asset, not debit
            original.taken_back[key] = original.taken_back.get(key, ZERO) + amount

    # -- freezing ------------------------------------------------------

    def freeze(self):
        # not those that closing a window needs: it would stop
        account = self.pick(a for a in self.books.accounts.values() if not a.identifier.startswith('?') and a.name.split(':')[0] not in ('LP', 'Client', 'DueTo', 'DueFrom'))
        if account.status != 'open' and account.status != 'closed':
            account.status = 'open'
            return Operation('unfreeze', "SELECT unfreeze_account(%s, reason => 'model')" % literal(account.identifier), lambda answer: expect('SQLSTATE', '00000', answer.sqlstate))
        if account.status == 'closed':
            return Operation('freeze', "SELECT freeze_account(%s, 'debit', reason => 'model')" % literal(account.identifier), lambda answer: expect('SQLSTATE', 'LG032', answer.sqlstate))
        if account.name.endswith(':unsettled') and self.chance(30):
            sqlstate = '00000' if account.posted == 0 and account.held == 0 else 'LG035'
            if sqlstate == '00000':
                account.status = 'closed'
            return Operation('close', "SELECT close_account(%s, reason => 'model')" % literal(account.identifier), lambda answer: expect('SQLSTATE', sqlstate, answer.sqlstate))
        side = self.pick(('debit', 'credit'))
        account.status = side + '_frozen'
        return Operation('freeze', "SELECT freeze_account(%s, %s, reason => 'model')" % (literal(account.identifier), literal(side)), lambda answer: expect('SQLSTATE', '00000', answer.sqlstate))

    def thaw(self):
        """Frozen accounts are opened again, or soon nothing could be posted."""
        for account in self.books.accounts.values():
            if account.status in ('debit_frozen', 'credit_frozen'):
                account.status = 'open'
                yield Operation('unfreeze', "SELECT unfreeze_account(%s, reason => 'model')" % literal(account.identifier), lambda answer: expect('SQLSTATE', '00000', answer.sqlstate))

    # -- again ---------------------------------------------------------

    def done(self, operation, sqlstate):
        """An operation that went through may be sent again later."""
        if sqlstate is None:
            self.went_through.append(operation)
        return operation

    def again(self):
        """The same request again changes nothing and is no error."""
        if not self.went_through:
            return self.post()
        first = self.pick(self.went_through[-100:])
        return Operation('again', first.sql, lambda answer: expect('SQLSTATE of ' + first.name + ' again', '00000', answer.sqlstate))

    # -- choosing ------------------------------------------------------

    def operations(self, count):
        kinds = [self.post] * 12 + [self.reverse] * 4 + [self.freeze] + [self.unbalanced] + [self.again] * 4 + self.more_kinds()
        for _ in range(count):
            yield self.pick(kinds)()
        yield from self.thaw()

    def more_kinds(self):
        return []

    # -- comparing -----------------------------------------------------

    def compare(self):
        """Every balance, by every road, against the books."""
        row = lambda query: self.session.rows(query)
        mine = {a.identifier: a for a in self.books.accounts.values()}
        limited = {r['account']: r for r in row('SELECT account, posted, held, version FROM balance')}
        expect('missing limited accounts', [], sorted(i for i, a in mine.items() if a.limited and a.version and i not in limited))
        for identifier, r in limited.items():
            account = mine.get(identifier)
            if account is None:     # opened for something that was refused
                expect('version of ' + identifier, 0, r['version'])
                continue
            expect('%s posted, held, version' % account.name, (text(account.posted, account.asset), text(account.held, account.asset), account.version),
                   (r['posted'], r['held'], r['version']))
        lines = {r['account']: r['posted'] for r in row('SELECT account, sum(amount) AS posted FROM posting GROUP BY account')}
        for identifier, account in mine.items():
            expect('%s %s by lines' % (account.client, account.name), text(account.posted, account.asset), lines.pop(identifier, text(ZERO, account.asset)))
        expect('accounts that the books do not have', {}, lines)
        self.compare_balances(mine)
        count = row('SELECT (SELECT count(*) FROM journal) AS journals, (SELECT count(*) FROM rejection) AS refusals')[0]
        expect('number of journals', len(self.books.journals), count['journals'])
        expect('number of refusals', len(self.books.refusals), count['refusals'])
        expect('sums per fund and asset', {}, {k: v for k, v in self.books.trial().items() if v})

    def compare_balances(self, mine):
        """What people are shown: natural signs, house accounts as block plus tail."""
        for client in MODELS:
            for r in self.session.rows('SELECT * FROM balances(%s)' % literal(client)):
                account = mine.get(r['account'])
                if account is None:
                    expect('balance of %s, opened for something that was refused' % r['account'], text(ZERO, parse(r['balance'])[1]), r['balance'])
                    continue
                natural = account.posted if r['normal_side'] == 'debit' else -account.posted
                expect('%s %s in natural sign' % (client, account.name), text(natural, account.asset), r['balance'])
                if account.limited:
                    expect('%s available' % account.name, text(account.available, account.asset), r['available'])

    def first_other_lines(self):
        """Where a difference of balances comes from."""
        try:
            self.compare_lines()
        except Difference as difference:
            return difference
        return 'all journals agree line by line'

    def compare_lines(self):
        """Every journal line by line, at the end."""
        stored = {}
        for r in self.session.rows('SELECT client, reference, account, amount FROM posting ORDER BY client, reference, line'):
            stored.setdefault((r['client'], r['reference']), []).append((r['account'], r['amount']))
        for key, journal in self.books.journals.items():
            order = sorted if getattr(journal, 'any_order', False) else list
            expect('lines of %s %s' % key, order((i, text(amount, asset)) for i, asset, amount in journal.lines), order(stored.get(key) or []))
        refused = {(r['client'], r['reference']): r['sqlstate'] for r in self.session.rows('SELECT code AS client, reference, sqlstate FROM rejection JOIN client USING (client_id)')}
        expect('refusals', {key: sqlstate for key, (_, sqlstate) in self.books.refusals.items()}, refused)
        # free entries put money and coin where no deposit or call did: what their checks find is what the workload has done
        expect('discrepancies', [], self.session.rows("SELECT * FROM verify() WHERE check_name NOT IN ('funding', 'encumbered')"))
