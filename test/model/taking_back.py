"""Coin that is taken back after it may have been spent, in the workload: busts of
purchases and deposits undone by the chain, by two people; what is gone is owed,
then recovered, covered or written off."""

from books import Journal
from exact import ZERO, text
from holding import Holding
from psql import literal
from trading import Bust
from workload import COINS, Operation, choose, expect


class TakingBack(Holding):
    def __init__(self, session, seed):
        self.short = {}             # (client, coin) -> what the company owes the customers' coin
        super().__init__(session, seed)

    # -- what can be taken back ----------------------------------------

    def free(self, account):
        """What may be taken from a claim: nothing when it is frozen for debits or closed; what a hold binds stays."""
        return ZERO if account.status in ('closed', 'debit_frozen') else max(account.available, ZERO)

    def claim_of(self, journal):
        return next(a for a in (self.books.accounts[line[0]] for line in journal.lines) if a.fund == 'CUST' and a.name.startswith('Cust:'))

    def lacking(self, journal, quantity):
        return quantity - min(quantity, self.free(self.claim_of(journal)))

    def purchases(self):
        return [(t, t.customer, t.given['quantity']) for t in self.executed() if t.terms.side == 'BUY']

    def deposits(self):
        found = []
        for journal in self.books.in_order[-250:]:
            if journal.kind == 'coin_deposit' and len(journal.lines) == 2 and self.books.accounts[journal.lines[1][0]].name.startswith('Cust:'):
                found.append((journal, self.claim_of(journal).name.split(':')[1], journal.lines[0][2]))
        return found

    @staticmethod
    def was_taken(original):
        return bool(getattr(original, 'bust', None) or original.taken_back or original.reversed_whole or getattr(original, 'returned', False))

    def reversal_fault(self, original, reversal, whole):
        if getattr(original, 'returned', False):
            return {'LG063'}
        return super().reversal_fault(original, reversal, whole)

    def any_original(self):
        """Rather one whose coin is not all there."""
        found = self.purchases() + self.deposits()
        spent = [f for f in found if not self.was_taken(f[0]) and self.lacking(f[0], f[2])]
        return self.pick(spent) if spent and self.chance(75) else self.pick(found) if found else None

    def taking_back(self, original, customer, quantity, reference):
        """The original turned round, with what is gone owed instead of taken."""
        claim, coin = self.claim_of(original), self.claim_of(original).asset
        lacking = self.lacking(original, quantity)
        journal = Bust(self, original, reference) if hasattr(original, 'terms') else Journal(original.client, reference, [], 'reversal', reverses=original.reference, facts='returned')
        turned = [(identifier, asset, -amount) for identifier, asset, amount in original.lines]
        lines = [(i, a, amount - lacking if i == claim.identifier else amount) for i, a, amount in turned]
        legs = [('CUST', 'DueFrom:CORP', lacking), ('CORP', 'CustomerDeficit:' + customer, lacking), ('CORP', 'DueTo:CUST', -lacking)] if lacking else []
        legs = [(self.ensure(original.client, fund, name, coin).identifier, coin, amount) for fund, name, amount in legs]
        if journal.kind == 'reversal':      # J06d in its order: the claim, what is owed to the fund, the wallet
            lines = lines[1:] + legs[:1] + lines[:1] + legs[1:]
        else:
            lines = lines + legs
        journal.lines = [line for line in lines if line[2]]
        journal.effective_at = original.effective_at
        return journal, lacking

    def take_coin_back(self):
        chosen = self.any_original()
        if chosen is None:
            return self.deposit()
        original, customer, quantity = chosen
        client, coin, reference = original.client, self.claim_of(original).asset, self.reference('back')
        second, declined = self.chance(85), self.chance(10)
        sqlstate = 'LG063' if self.was_taken(original) else None if second else 'LG067'
        if not sqlstate and not declined:
            journal, lacking = self.taking_back(original, customer, quantity, 'take-back:' + reference)
            faults = self.books.faults(journal)
            sqlstate = choose(faults) if faults else None
            if not sqlstate:
                self.books.record(journal)
                original.returned = True
                self.short[client, coin] = self.short.get((client, coin), ZERO) + lacking
        return self.two('take back', sqlstate, second, 'propose_take_back(%s, %s, %s, %s)' % tuple(map(literal, (customer, original.reference, reference, 'gone'))),
                        'decline_take_back(%s, %s, %s)' % tuple(map(literal, (client, reference, 'no'))) if declined else
                        'approve_take_back(%s, %s)' % tuple(map(literal, (client, reference))))

    def two(self, name, sqlstate, second, proposal, decision):
        """One proposes, another decides, or the same."""
        sql = ("DO $model$ BEGIN PERFORM set_config('session_authorization', 'model_first', true); PERFORM bakkt_ledger.%s;"
               " PERFORM set_config('session_authorization', %s, true); PERFORM bakkt_ledger.%s; END $model$"
               % (proposal, literal('model_second' if second else 'model_first'), decision))
        return self.done(Operation(name, sql, lambda answer: expect('SQLSTATE of ' + name, sqlstate or '00000', answer.sqlstate)), sqlstate)

    def return_deposit(self):
        """By one person, when all of it is there."""
        found = self.deposits()
        if not found:
            return self.deposit()
        original, customer, quantity = self.pick(found)
        reference = self.reference('back')
        sqlstate = 'LG063' if self.was_taken(original) else 'LG050' if self.lacking(original, quantity) else None
        if not sqlstate:
            journal, _ = self.taking_back(original, customer, quantity, 'take-back:' + reference)
            faults = self.books.faults(journal)
            sqlstate = choose(faults) if faults else None
            if not sqlstate:
                self.books.record(journal)
                original.returned = True
        return self.verb('return deposit', sqlstate, 'return_coin_deposit(%s, %s, %s, %s)', customer, original.reference, reference, 'undone')

    # -- what becomes of a deficit -------------------------------------

    def debtors(self):
        return [a for a in self.books.accounts.values() if a.name.startswith('CustomerDeficit:') and a.posted]

    def debtor(self):
        owing = self.debtors()
        if owing and self.chance(92):
            account = self.pick(owing)
            return account.client, account.name.split(':')[1], account.asset, account.posted
        client = self.client()
        customer, coin = self.customer(client), self.pick(COINS)
        account = self.account(client, 'CORP', 'CustomerDeficit:' + customer, coin)
        return client, customer, coin, account.posted if account else ZERO

    def journal_of(self, client, reference, kind, coin, lines):
        return Journal(client, reference, [(self.ensure(client, fund, name, coin).identifier, coin, amount) for fund, name, amount in lines if amount], kind, facts=kind)

    def judged(self, journal):
        faults = self.books.faults(journal)
        if faults:
            return choose(faults)
        self.books.record(journal)
        return None

    def recover_coin(self):
        client, customer, coin, owed = self.debtor()
        claim = self.account(client, 'CUST', 'Cust:' + customer, coin)
        amount = None if self.chance(60) else self.part_of(min(owed, self.free(claim)), coin)
        reference, sqlstate = self.reference('recovery'), None
        if not owed or (amount or ZERO) > owed:
            sqlstate = 'LG086'
        elif amount is None and not self.free(claim):
            sqlstate = 'LG050'
        else:
            taken = amount or min(owed, self.free(claim))
            uncovered = min(taken, self.short.get((client, coin), ZERO))
            sqlstate = self.judged(self.journal_of(client, 'funding:recovery:' + reference, 'cash_recovery', coin, [
                ('CUST', 'Cust:' + customer, taken), ('CUST', 'DueFrom:CORP', -uncovered), ('CUST', 'DueTo:CORP', uncovered - taken),
                ('CORP', 'DueTo:CUST', uncovered), ('CORP', 'DueFrom:CUST', taken - uncovered), ('CORP', 'CustomerDeficit:' + customer, -taken)]))
            if not sqlstate:
                self.short[client, coin] = self.short.get((client, coin), ZERO) - uncovered
        return self.verb('recover coin', sqlstate, 'recover_deficit(%s, %s, %s, %s)', customer, reference, None if amount is None else text(amount, coin), coin)

    def cover_coin(self):
        short = [key for key, owed in self.short.items() if owed]
        client, coin = self.pick(short) if short and self.chance(92) else (self.client(), self.pick(COINS))
        owed = self.short.get((client, coin), ZERO)
        amount = self.part_of(owed, coin)
        reference, sqlstate = self.reference('cover'), 'LG086'
        if amount <= owed:
            sqlstate = self.judged(self.journal_of(client, 'deficit:cover:' + reference, 'transfer', coin, [
                ('CORP', 'DueTo:CUST', amount), ('CORP', 'Wallet:company', -amount), ('CUST', 'Wallet:omnibus', amount), ('CUST', 'DueFrom:CORP', -amount)]))
            if not sqlstate:
                self.short[client, coin] = owed - amount
        return self.verb('cover', sqlstate, 'cover_coin_deficit(%s, %s, %s, %s)', client, text(amount, coin), reference, 'tx-' + reference)

    def write_deficit_off(self):
        client, customer, coin, owed = self.debtor()
        amount = self.part_of(owed, coin)
        reference, second = self.reference('deficit-off'), self.chance(85)
        sqlstate = 'LG086' if amount > owed else None if second else 'LG067'
        if not sqlstate:
            sqlstate = self.judged(self.journal_of(client, 'deficit:write-off:' + reference, 'deficit_write_off', coin, [
                ('CORP', 'Expense:bad-debt', amount), ('CORP', 'CustomerDeficit:' + customer, -amount)]))
        return self.two('write deficit off', sqlstate, second, 'propose_deficit_write_off(%s, %s, %s, %s)' % tuple(map(literal, (customer, text(amount, coin), reference, 'gone'))),
                        'approve_deficit_write_off(%s, %s)' % tuple(map(literal, (client, reference))))

    def more_kinds(self):
        return super().more_kinds() + [self.take_coin_back] * 3 + [self.return_deposit, self.cover_coin] + [self.recover_coin] * 2 + [self.write_deficit_off]

    # -- comparing -----------------------------------------------------

    def compare(self):
        super().compare()
        expect('deficits', sorted((a.client, a.name.split(':')[1], text(a.posted, a.asset)) for a in self.debtors()),
               sorted((r['client'], r['customer'], r['deficit']) for r in self.session.rows('SELECT client, customer, deficit FROM deficits()')))
        stored = {(r['code'], r['asset']): r['owed'] for r in self.session.rows('SELECT code, asset, owed FROM coin_shortfall JOIN client USING (client_id)')}
        expect('what the company owes the customers\' coin', {key: text(owed, key[1]) for key, owed in self.short.items() if owed},
               {key: owed for key, owed in stored.items() if owed != text(ZERO, key[1])})
