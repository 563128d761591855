"""Holds in the workload: authorised, increased, captured in part or whole, released."""

from books import Journal
from exact import ZERO, text
from psql import literal
from trading import Trading
from workload import Operation, choose, expect


class Hold:
    def __init__(self, client, reference, account, amount):
        self.client, self.reference, self.account = client, reference, account
        self.remaining, self.captured = amount, ZERO
        self.status = 'OPEN'

    def row(self):
        return (self.status, text(self.remaining, self.account.asset), text(self.captured, self.account.asset))


class Holding(Trading):
    def __init__(self, session, seed):
        self.holds = {}             # (client, reference) -> Hold
        super().__init__(session, seed)

    def claims(self):
        return [a for a in self.books.accounts.values() if a.limited and not a.identifier.startswith('?')]

    def authorise(self):
        account = self.pick(self.claims())
        amount = self.part_of(account.available, account.asset)
        reference = self.reference('hold')
        sqlstate = None
        if account.status == 'closed':
            sqlstate = 'LG032'
        elif account.status == 'debit_frozen':
            sqlstate = 'LG033'
        elif amount > account.available:
            sqlstate = 'LG050'
        else:
            account.held += amount
            self.holds[account.client, reference] = Hold(account.client, reference, account, amount)
        return self.verb('authorise', sqlstate, 'authorize_hold(%s, %s, %s, %s)', account.client, account.identifier, text(amount, account.asset), reference)

    def verb(self, name, sqlstate, call, *values):
        return self.done(Operation(name, 'SELECT row_to_json(r) FROM %s AS r' % (call % tuple(map(literal, values))),
                                   lambda answer: expect('SQLSTATE of ' + name, sqlstate or '00000', answer.sqlstate)), sqlstate)

    def hold(self):
        """An open hold mostly, sometimes one that has ended."""
        holds = list(self.holds.values())[-40:]
        wanted = [h for h in holds if h.status == 'OPEN'] if self.chance(90) else holds
        return self.pick(wanted) if wanted else None

    def increase(self):
        hold = self.hold()
        if hold is None:
            return self.authorise()
        account = hold.account
        amount = self.part_of(account.available, account.asset)
        sqlstate = None
        if hold.status != 'OPEN':
            sqlstate = 'LG052'
        elif account.status == 'closed':
            sqlstate = 'LG032'
        elif account.status == 'debit_frozen':
            sqlstate = 'LG033'
        elif amount > account.available:
            sqlstate = 'LG050'
        else:
            account.held += amount
            hold.remaining += amount
        return self.verb('increase', sqlstate, 'increase_hold(%s, %s, %s, %s)', hold.client, hold.reference, text(amount, account.asset), self.reference('more'))

    def release(self):
        hold = self.hold()
        if hold is None:
            return self.authorise()
        account = hold.account
        whole = self.chance(40)
        amount = hold.remaining if whole else self.part_of(hold.remaining, account.asset)
        sqlstate = None
        if hold.status != 'OPEN':
            sqlstate = 'LG052'
        elif amount > hold.remaining:
            sqlstate = 'LG053'
        else:
            account.held -= amount
            hold.remaining -= amount
            if not hold.remaining:
                hold.status = 'RELEASED'
        return self.verb('release', sqlstate, 'release_hold(%s, %s, %s, %s)', hold.client, hold.reference, self.reference('free'),
                         None if whole else text(amount, account.asset))

    def capture(self):
        hold = self.hold()
        if hold is None:
            return self.authorise()
        account = hold.account
        amount = self.part_of(hold.remaining, account.asset)
        final = self.chance(30)
        other = self.account(account.client, 'FBO', 'Bank:omnibus', 'USD') if account.asset == 'USD' else self.account(account.client, 'CUST', 'Wallet:omnibus', account.asset)
        journal = Journal(account.client, self.reference('capture'), [(account.identifier, account.asset, amount), (other.identifier, account.asset, -amount)],
                          'hold_capture', facts='capture')
        sqlstate = None
        if hold.status != 'OPEN':
            sqlstate = 'LG052'
        elif amount > hold.remaining:
            sqlstate = 'LG053'
        else:
            freed = hold.remaining if final else amount
            account.held -= freed
            faults = self.books.faults(journal)
            if faults:
                account.held += freed
                sqlstate = choose(faults)
            else:
                self.books.record(journal)
                hold.captured += amount
                hold.remaining = ZERO if final else hold.remaining - amount
                if not hold.remaining:
                    hold.status = 'CAPTURED'
        return self.verb('capture', sqlstate, 'take_hold((SELECT client_id FROM client WHERE code = %s), %s, %s, %s, \'hold_capture\', %s, NULL, NULL, clock_timestamp())',
                         hold.client, hold.reference, self.entry(journal.lines), journal.reference, final)

    def more_kinds(self):
        return super().more_kinds() + [self.authorise] * 3 + [self.increase, self.release, self.capture, self.capture]

    def compare(self):
        super().compare()
        stored = {(r['code'], r['reference']): (r['status'], r['remaining'], r['captured'])
                  for r in self.session.rows('SELECT code, reference, h.status, remaining, captured FROM hold h JOIN client USING (client_id)')}
        expect('holds', {key: hold.row() for key, hold in self.holds.items()}, stored)
