"""The rules of customer cash, as the documents have them: what each business
event and each job must come to.  Knows nothing of how the extension works.
"""

import datetime

from exact import Decimal, half_even
from quarter_books import Books, EASTERN, UTC, DECIMALS, add_business_days, age_days, central_date, local
from trades import Terms

DAY = datetime.timedelta(1)
LATER = datetime.datetime(2200, 1, 1, tzinfo=UTC)     # the clock's own time, after every instant of the quarter
CONTROL = ('Bank:', 'Clearing:', 'DueFrom:')
CALLED = ('TPJ:', 'Apex:receivable:', 'Apex:payable:')
BUCKETS = ((1, '0-1'), (5, '2-5'), (10, '6-10'), (20, '11-20'), (30, '21-30'))


def bucket(age):
    return next((name for most, name in BUCKETS if age <= most), '>30')


def next_retry(at):
    """The first of 06:00 and 17:00 Central strictly after the instant."""
    day = central_date(at)
    return next(run for run in (local(day, 6), local(day, 17), local(day + DAY, 6)) if run > at)


def last_cut(at):
    """The latest 16:40 Central not after the instant."""
    day = central_date(at)
    cut = local(day, 16, 40)
    return cut if cut <= at else local(day - DAY, 16, 40)


class Client:
    def __init__(self, code, model, share_bps=0, encumber_unpaid=False, prefunded=False, credit_failed_sells=False, reserve_open_orders=True,
                 settlement_flow='NET', write_off_days=30, availability_days=3, return_fee=0, company_float=0):
        self.code, self.model, self.share_bps = code, model, share_bps
        self.trued_up = 0
        self.encumber_unpaid, self.prefunded = encumber_unpaid, prefunded
        self.credit_failed_sells, self.reserve_open_orders = credit_failed_sells, reserve_open_orders
        self.settlement_flow, self.write_off_days = settlement_flow, write_off_days
        self.availability_days, self.return_fee = availability_days, return_fee
        self.company_float = company_float
        self.minimum_withdrawal = 1000
        self.customers = []
        self.open_calls = {}        # number -> Call, outstanding, in order of opening
        self.busted = []            # calls of busted executions: a bust happens when it is recorded, long after the quarter
        self.closed_lately = []     # calls closed since the day was last compared
        self.transfers = []         # FboTransfer
        self.write_offs = {}        # call number -> WriteOff

    @property
    def called(self):
        return self.model in ('BAKKT_TPJ', 'APEX_TPJ')


class Customer:
    def __init__(self, code, client):
        self.code, self.client = code, client
        self.settled_name = 'Cust:%s:settled' % code
        self.unsettled_name = 'Cust:%s:unsettled' % code
        self.receivable, self.payable = 'TPJ:receivable:' + code, 'TPJ:payable:' + code
        self.coin_name, self.encumbered_name = 'Cust:' + code, 'Cust:%s:encumbered' % code
        self.deficit_name = 'CustomerDeficit:' + code
        self.calls = []             # outstanding
        self.known_calls = []       # all
        self.moves = []             # (effective at, change of settled cash, kind of event)
        self.withdrawals = []       # requested, not sent
        self.transfers = []         # all
        self.withdrew = False
        self.written_off = []       # calls, in the order written off
        self.way = 'good'
        self.mode, self.status = 'OPEN', 'ACTIVE'


    def may(self, what):
        """Deposits and purchases need an account in order; who is being wound up may only sell and withdraw."""
        if what in ('DEPOSIT', 'BUY'):
            return self.mode == 'OPEN' and self.status == 'ACTIVE'
        return self.mode in ('OPEN', 'CLOSING_ONLY') and self.status in ('ACTIVE', 'LIQUIDATED')


class Execution:
    def __init__(self, customer, terms, lines):
        self.customer, self.terms, self.lines = customer, terms, lines
        self.busted = False


class Call:
    """One cash call: opened by an execution (or the bust of a settled one)."""

    def __init__(self, number, customer, reference, terms, withdrawal, sale, amount, called_at, encumbered):
        self.number, self.customer, self.reference, self.terms = number, customer, reference, terms
        self.apex = customer.client.model == 'APEX_TPJ'
        self.withdrawal, self.sale, self.amount, self.called_at = withdrawal, sale, amount, called_at
        self.due_at = called_at
        self.status = 'O'
        self.closed_at = None
        self.encumbered = encumbered    # (coin, units) bound until paid
        self.released = False
        self.events = []                # (event, at, amount, reason)
        self.journal = None
        self.batch = None
        self.charged = (0, 0)           # of a write-off: (revenue share, bad debt)
        self.recovered = 0

    @property
    def tried(self):
        return len([e for e in self.events if e[0] in ('settled', 'failed', 'rejected')])

    def sums(self, at):
        """Settled, outstanding, written off, recovered, busted at the instant."""
        total = dict.fromkeys(('settled', 'written_off', 'recovered', 'busted'), 0)
        for event, when, amount, _ in self.events:
            if when <= at and event in total:
                total[event] += amount
        outstanding = self.amount - total['settled'] - total['written_off'] - total['busted']
        return total['settled'] + total['recovered'], outstanding, total['written_off'], total['recovered'], total['busted']

    def attempts(self, at):
        return [e for e in self.events if e[0] in ('settled', 'failed', 'rejected') and e[1] <= at]

    def outstanding_at(self, at):
        return self.called_at <= at and (self.closed_at is None or self.closed_at > at)


class Transfer:
    """A customer's deposit or withdrawal."""

    def __init__(self, customer, reference, rail, amount):
        self.customer, self.reference, self.rail, self.amount = customer, reference, rail, amount
        self.status = 'INITIATED'
        self.available_at = None
        self.clearing = 'Clearing:card-in' if rail == 'DEBIT' else 'Clearing:ACH-in'


class FboTransfer:
    def __init__(self, client, reference, direction, purpose, amount, instructed_at):
        self.client, self.reference, self.direction, self.purpose, self.amount = client, reference, direction, purpose, amount
        self.instructed_at = instructed_at
        self.status = 'INSTRUCTED'


class WriteOff:
    def __init__(self, call, charge_month):
        self.call, self.charge_month = call, charge_month
        self.status = 'proposed'
        self.approved_at = None


def settled_with(name):
    """What is settled by windows, each day under another name, is one account here: with a provider, with a client."""
    return ':'.join((name.split(':')[0], name.split(':')[2])) if name.startswith(('LP:', 'Client:')) else name


def units(amount, asset):
    scaled = amount.scaleb(DECIMALS[asset])
    assert scaled == int(scaled), (amount, asset)
    return int(scaled)


class Model:
    def __init__(self):
        self.books = Books()
        self.clients = {}
        self.customers = {}
        self.calls = {}             # reference of the execution -> Call
        self.trades = {}            # reference -> Execution
        self.number = 0
        self.counts = {}
        self.news = []              # events of calls since they were last compared

    def count(self, what, by=1):
        self.counts[what] = self.counts.get(what, 0) + by

    def add_client(self, client):
        self.clients[client.code] = client
        return client

    def add_customer(self, code, client):
        customer = self.customers[code] = Customer(code, client)
        client.customers.append(customer)
        return customer

    # -- balances ------------------------------------------------------

    def settled(self, customer):
        return self.books.owed(customer.client.code, 'FBO', customer.settled_name)

    def unsettled(self, customer):
        return self.books.owed(customer.client.code, 'FBO', customer.unsettled_name)

    def held(self, customer):
        return self.books.held_of(customer.client.code, 'FBO', customer.settled_name)

    def available(self, customer):
        return self.settled(customer) - self.held(customer)

    def deficit(self, customer):
        return self.books.of(customer.client.code, 'CORP', customer.deficit_name)

    def cover(self, client):
        """The company's own money in the client's FBO account."""
        return self.books.owed(client.code, 'FBO', 'DueTo:CORP')

    def shortfall(self, client):
        """What the company owes the client's FBO account."""
        return self.books.of(client.code, 'FBO', 'DueFrom:CORP')

    def coin(self, customer, coin):
        return self.books.owed(customer.client.code, 'CUST', customer.coin_name, coin)

    def owing(self, customer):
        """Outstanding withdrawal calls."""
        return sum(c.amount for c in customer.calls if c.withdrawal)

    def post(self, client, lines):
        self.books.post(client.code, lines)

    @staticmethod
    def move(customer, at, amount, kind='other'):
        customer.moves.append((at, amount, kind))

    # -- funding -------------------------------------------------------

    def initiate_deposit(self, customer, reference, amount, rail):
        deposit = Transfer(customer, reference, rail, amount)
        self.post(customer.client, [('FBO', deposit.clearing, 'USD', amount), ('FBO', customer.unsettled_name, 'USD', -amount)])
        self.count('%s deposits' % rail)
        customer.transfers.append(deposit)
        return deposit

    def credit_deposit(self, deposit, at):
        self.post(deposit.customer.client, [('FBO', 'Bank:omnibus', 'USD', deposit.amount), ('FBO', deposit.clearing, 'USD', -deposit.amount)])
        deposit.status = 'CREDITED'
        deposit.available_at = self.available_at(deposit.customer.client, at)

    @staticmethod
    def available_at(client, at):
        day = add_business_days(at.astimezone(EASTERN).date(), client.availability_days)
        return local(day, 8, 30, zone=EASTERN)

    def settle_deposit(self, deposit, at):
        customer, amount = deposit.customer, deposit.amount
        self.post(customer.client, [('FBO', customer.unsettled_name, 'USD', amount), ('FBO', customer.settled_name, 'USD', -amount)])
        deposit.status = 'SETTLED'
        self.move(customer, at, amount, 'deposit')

    def stop_deposit(self, deposit, status):
        """Cancelled or declined before the bank's credit."""
        self.post(deposit.customer.client, [('FBO', deposit.customer.unsettled_name, 'USD', deposit.amount), ('FBO', deposit.clearing, 'USD', -deposit.amount)])
        deposit.status = status

    def receive_wire(self, customer, amount, at):
        self.post(customer.client, [('FBO', 'Bank:omnibus', 'USD', amount), ('FBO', customer.settled_name, 'USD', -amount)])
        self.move(customer, at, amount, 'deposit')
        self.count('wires')

    def receive_unidentified(self, client, amount):
        """Money whose owner is not known yet is a claim all the same."""
        self.post(client, [('FBO', 'Bank:omnibus', 'USD', amount), ('FBO', 'Suspense:unidentified', 'USD', -amount)])
        self.count('unidentified wires')

    def assign_wire(self, customer, amount, at):
        self.post(customer.client, [('FBO', 'Suspense:unidentified', 'USD', amount), ('FBO', customer.settled_name, 'USD', -amount)])
        self.move(customer, at, amount, 'deposit')

    def return_unidentified(self, client, amount):
        self.post(client, [('FBO', 'Suspense:unidentified', 'USD', amount), ('FBO', 'Bank:omnibus', 'USD', -amount)])

    def adjust(self, customer, amount, at):
        """By hand: the company gives (positive) or takes."""
        self.post(customer.client, [('FBO', 'DueTo:CORP', 'USD', amount), ('FBO', customer.settled_name, 'USD', -amount),
                                    ('CORP', 'Expense:customer-adjustment', 'USD', amount), ('CORP', 'DueFrom:FBO', 'USD', -amount)])
        self.move(customer, at, amount)
        self.count('adjustments')

    def return_deposit(self, deposit, at):
        """Before completion the claim goes as it came; after it, what is there, and the company stands in for the rest (J06d)."""
        customer, client, amount = deposit.customer, deposit.customer.client, deposit.amount
        before = deposit.status
        deposit.status = 'RETURNED'
        if before == 'INITIATED':
            self.post(client, [('FBO', customer.unsettled_name, 'USD', amount), ('FBO', deposit.clearing, 'USD', -amount)])
        elif before == 'CREDITED':
            self.post(client, [('FBO', customer.unsettled_name, 'USD', amount), ('FBO', 'Bank:omnibus', 'USD', -amount)])
        else:
            self.reject_for(customer, amount)
            taken = min(amount, max(self.available(customer), 0))
            rest = amount - taken
            self.post(client, [('FBO', customer.settled_name, 'USD', taken), ('FBO', 'DueFrom:CORP', 'USD', rest), ('FBO', 'Bank:omnibus', 'USD', -amount),
                               ('CORP', customer.deficit_name, 'USD', rest), ('CORP', 'DueTo:FBO', 'USD', -rest)])
            self.move(customer, at, -taken)
            self.count('returns after completion')
            if rest:
                self.count('returns of spent money')
            self.set_off(client)
        self.charge_return_fee(customer, at)
        self.count('returns')

    def reject_for(self, customer, amount):
        """Unsent withdrawals give way to a return, newest first, as far as needed."""
        for withdrawal in reversed(customer.withdrawals):
            if self.available(customer) >= amount:
                return
            if withdrawal.status == 'REQUESTED':
                self.stop_withdrawal(withdrawal, 'REJECTED')

    def charge_return_fee(self, customer, at):
        fee, client = customer.client.return_fee, customer.client
        if not fee:
            return
        taken = min(fee, max(self.available(customer), 0))
        rest = fee - taken
        self.post(client, [('FBO', customer.settled_name, 'USD', taken), ('FBO', 'DueTo:CORP', 'USD', -taken), ('CORP', 'DueFrom:FBO', 'USD', taken),
                           ('CORP', customer.deficit_name, 'USD', rest), ('CORP', 'Revenue:return-fee', 'USD', -fee)])
        self.move(customer, at, -taken)

    def set_off(self, client):
        """Company money in the FBO account makes good what the company owes it."""
        amount = min(self.cover(client), self.shortfall(client))
        if amount > 0:
            self.post(client, [('FBO', 'DueTo:CORP', 'USD', amount), ('FBO', 'DueFrom:CORP', 'USD', -amount),
                               ('CORP', 'DueTo:FBO', 'USD', amount), ('CORP', 'DueFrom:FBO', 'USD', -amount)])
            self.count('set-offs')

    def recover_deficit(self, customer, amount, at):
        self.post(customer.client, [('FBO', customer.settled_name, 'USD', amount), ('FBO', 'DueTo:CORP', 'USD', -amount),
                                    ('CORP', 'DueFrom:FBO', 'USD', amount), ('CORP', customer.deficit_name, 'USD', -amount)])
        self.move(customer, at, -amount)
        self.count('deficit recoveries')

    def request_withdrawal(self, customer, reference, amount, at):
        """The SQLSTATE it is refused with, or the withdrawal."""
        if not customer.may('WITHDRAWAL'):
            return 'LG013'
        if amount < customer.client.minimum_withdrawal and not (customer.mode == 'CLOSING_ONLY' and amount == self.available(customer)):
            return 'LG047'          # who is leaving may take the last
        if self.available(customer) - self.owing(customer) - self.deficit(customer) < amount:        # I20
            return 'LG050'
        withdrawal = Transfer(customer, reference, 'ACH', amount)
        withdrawal.status = 'REQUESTED'
        customer.transfers.append(withdrawal)
        self.books.hold(customer.client.code, 'FBO', customer.settled_name, amount)
        customer.withdrawals.append(withdrawal)
        customer.withdrew = True
        self.count('withdrawals')
        return withdrawal

    def stop_withdrawal(self, withdrawal, status):
        self.books.hold(withdrawal.customer.client.code, 'FBO', withdrawal.customer.settled_name, -withdrawal.amount)
        withdrawal.status = status
        withdrawal.customer.withdrawals.remove(withdrawal)

    def send_withdrawal(self, withdrawal, at):
        customer, amount = withdrawal.customer, withdrawal.amount
        self.stop_withdrawal(withdrawal, 'SENT')
        self.post(customer.client, [('FBO', customer.settled_name, 'USD', amount), ('FBO', 'Clearing:ACH-out', 'USD', -amount)])
        self.move(customer, at, -amount, 'withdrawal')

    def complete_withdrawal(self, withdrawal):
        self.post(withdrawal.customer.client, [('FBO', 'Clearing:ACH-out', 'USD', withdrawal.amount), ('FBO', 'Bank:omnibus', 'USD', -withdrawal.amount)])
        withdrawal.status = 'COMPLETED'

    def return_withdrawal(self, withdrawal, at):
        customer, amount = withdrawal.customer, withdrawal.amount
        where = 'Clearing:ACH-out' if withdrawal.status == 'SENT' else 'Bank:omnibus'
        self.post(customer.client, [('FBO', where, 'USD', amount), ('FBO', customer.settled_name, 'USD', -amount)])
        withdrawal.status = 'RETURNED'
        self.move(customer, at, amount)

    # -- the client's share of revenue ---------------------------------

    def true_up_revenue_shares(self, at):
        """Each client has, in all, its exact share of what stands, rounded once; per trade it was rounded each time."""
        for client in self.clients.values():
            standing = [trade.terms for trade in self.trades.values() if trade.customer.client is client and not trade.busted]
            due = units(half_even(sum((terms.exact_share for terms in standing), Decimal(0)), 2), 'USD')
            delta = due - sum(units(terms.share, 'USD') for terms in standing) - client.trued_up
            if delta:
                self.post(client, [('CORP', 'Rounding', 'USD', delta), ('CORP', 'RevShare:payable:' + client.code, 'USD', -delta)])
                client.trued_up += delta
                self.count('shares trued up')

    # -- executions ----------------------------------------------------

    def trade(self, customer, reference, given):
        """None, or the SQLSTATE the execution is refused with."""
        client = customer.client
        encumbered = given['side'] == 'BUY' and client.called and client.encumber_unpaid
        terms = Terms(client.code, customer.code, client.model, given['side'], given['coin'], given['quantity'], given['provider'], given['provider_price'],
                      markup_bps=given['markup_bps'], fee_bps=given['fee_bps'], executed_at=given['executed_at'], share_bps=client.share_bps, encumbered=encumbered)
        terms.charge(Decimal(0), Decimal(0))
        size = units(terms.quantity, terms.coin)
        if not customer.may(terms.side):
            return 'LG013'
        if terms.side == 'SELL' and self.coin(customer, terms.coin) < size:
            return 'LG050'
        if client.prefunded and terms.side == 'BUY' and units(terms.net_money, 'USD') > self.spendable(customer):
            self.count('purchases refused for want of buying power')
            return 'LG084'
        lines = [(fund, settled_with(name), asset, units(amount, asset)) for fund, name, asset, amount in terms.lines()]
        self.post(client, lines)
        self.trades[reference] = Execution(customer, terms, lines)
        self.count('trades')
        if client.called and terms.net_money:
            self.number += 1
            amount = units(terms.net_money, 'USD')
            call = Call(self.number, customer, reference, terms, amount > 0, terms.side == 'SELL', abs(amount), given['executed_at'],
                        (terms.coin, size) if encumbered else None)
            self.open_call(call)
        return None

    def bust(self, reference, bust_reference):
        """None, or the SQLSTATE the bust is refused with."""
        trade, call = self.trades[reference], self.calls.get(reference)
        customer, client = trade.customer, trade.customer.client
        if trade.busted:
            return 'LG063'
        lines = [(fund, name, asset, -amount) for fund, name, asset, amount in trade.lines]
        if call and call.encumbered and call.released:
            lines = [(fund, customer.coin_name if name == customer.encumbered_name else name, asset, amount) for fund, name, asset, amount in lines]
        if any(amount > 0 and name.startswith('Cust:') and self.books.owed(client.code, fund, name, asset) < amount for fund, name, asset, amount in lines):
            return 'LG050'
        self.post(client, lines)
        trade.busted = True
        self.count('busts')
        if call:
            self.bust_call(call, bust_reference)
        return None

    def bust_call(self, call, bust_reference):
        """What was outstanding ends; what was paid is called back the other way."""
        paid = call.amount if call.status == 'S' else 0
        if call.status == 'O':
            self.happened(call, 'busted', LATER, call.amount)
            self.close_call(call, 'B', LATER)
            call.customer.client.busted.append(call)
        elif call.status == 'W':
            paid = call.recovered
            share, debt = call.charged
            to_debt = min(call.recovered, debt)
            self.post(call.customer.client, [('CORP', 'RevShare:payable:' + call.customer.client.code, 'USD', call.recovered - to_debt - share),
                                             ('CORP', 'Expense:bad-debt', 'USD', to_debt - debt), ('CORP', self.owed_on(call), 'USD', call.amount - call.recovered)])
            if call.recovered < call.amount:
                self.happened(call, 'written_off', LATER, call.recovered - call.amount, 'RESTORED')
                self.happened(call, 'busted', LATER, call.amount - call.recovered)
            call.status = 'B'
            self.count('busts of what was written off')
        if paid:
            self.number += 1
            self.open_call(Call(self.number, call.customer, bust_reference, call.terms, not call.withdrawal, call.sale, paid, LATER, None))

    def open_call(self, call):
        self.calls[call.reference] = call
        call.customer.client.open_calls[call.number] = call
        call.customer.calls.append(call)
        call.customer.known_calls.append(call)
        self.count('cash calls')

    def happened(self, call, event, at, amount, reason=None):
        call.events.append((event, at, amount, reason))
        self.news.append((call, len(call.events), event, at, amount, reason))

    def close_call(self, call, status, at):
        call.status, call.closed_at, call.due_at = status, at, None
        client = call.customer.client
        del client.open_calls[call.number]
        call.customer.calls.remove(call)
        client.closed_lately.append(call)

    # -- cash calls ----------------------------------------------------

    def process_cash_calls(self, at):
        for client in self.clients.values():
            if client.model != 'BAKKT_TPJ':
                continue
            due = sorted((c for c in client.open_calls.values() if c.due_at is not None and c.due_at <= at and c.called_at <= at),
                         key=lambda c: (c.called_at, c.number))
            if due:
                self.set_off(client)
                self.attempt_all(client, due, at)

    def attempt_all(self, client, due, at):
        """Oldest first; who is owed nothing pays before others are paid, and those are paid before they pay.  Proceeds that found no money are tried again."""
        blocked = self.shortfall(client) > 0
        paid = {call.customer for call in due if not call.withdrawal}
        result = {}
        for call in sorted(due, key=lambda c: (c.customer in paid, c.customer in paid and c.withdrawal)):    # stable: oldest first in each part
            result[call] = self.attempt(call, at, blocked)
        collected = any(call.withdrawal and not reason for call, reason in result.items())
        if collected and blocked:       # what purchases brought makes good first what the company owes
            self.set_off(client)
            blocked = self.shortfall(client) > 0
            if not blocked:
                self.count('deficits made good by a run')
        if collected and not blocked:
            for call in [c for c, reason in result.items() if reason == 'FBO_NOT_FUNDED']:
                result[call] = self.attempt(call, at, blocked)
        for call, reason in result.items():
            self.count('attempts')
            if reason:
                self.happened(call, 'failed', at, call.amount, reason)
                call.due_at = next_retry(at)
                self.count('attempts failed')
                if len(call.events) == 1:
                    self.count('cash calls failed at first')

    def attempt(self, call, at, blocked):
        """Settle the call, whole, or say why not."""
        customer, client, amount = call.customer, call.customer.client, call.amount
        if call.withdrawal:
            if self.available(customer) < amount:
                return 'INSUFFICIENT_FUNDS'
            other = customer.payable if call.sale else customer.receivable
            self.post(client, [('FBO', customer.settled_name, 'USD', amount), ('FBO', 'DueTo:CORP', 'USD', -amount),
                               ('CORP', 'DueFrom:FBO', 'USD', amount), ('CORP', other, 'USD', -amount)])
        else:
            if blocked or self.cover(client) < amount:
                return 'FBO_NOT_FUNDED'
            other = customer.payable if call.sale else customer.receivable
            self.post(client, [('FBO', 'DueTo:CORP', 'USD', amount), ('FBO', customer.settled_name, 'USD', -amount),
                               ('CORP', other, 'USD', amount), ('CORP', 'DueFrom:FBO', 'USD', -amount)])
        self.move(customer, at, -amount if call.withdrawal else amount, 'call')
        self.release_coin(call)
        self.happened(call, 'settled', at, amount)
        self.close_call(call, 'S', at)
        return None

    def release_coin(self, call):
        if call.encumbered:
            call.released = True
            coin, size = call.encumbered
            self.post(call.customer.client, [('CUST', call.customer.encumbered_name, coin, size), ('CUST', call.customer.coin_name, coin, -size)])

    # -- write-off and recovery ----------------------------------------

    def propose_write_offs(self, at):
        for client in self.clients.values():
            for call in client.open_calls.values():
                if client.called and call.withdrawal and call.called_at <= at and call.number not in client.write_offs \
                        and age_days(call.called_at, at) > client.write_off_days:
                    eligible = central_date(call.called_at) + datetime.timedelta(client.write_off_days + 1)
                    month = (eligible.replace(day=1) + datetime.timedelta(32)).replace(day=1)
                    client.write_offs[call.number] = WriteOff(call, month)
                    self.count('write-offs proposed')

    def charge_write_offs(self, at):
        charged = []
        for client in self.clients.values():
            ready = [w for w in client.write_offs.values() if w.status == 'approved' and w.approved_at <= at and w.charge_month <= central_date(at)
                     and (w.call.due_at is not None or w.call.status != 'O')]      # one that Apex has waits for the answer
            for write_off in sorted(ready, key=lambda w: (w.call.called_at, w.call.number)):
                if write_off.call.status == 'O':
                    self.charge_write_off(write_off, at)
                    charged.append(write_off.call)
                else:
                    write_off.status = 'lapsed'
        return charged

    @staticmethod
    def owed_on(call):
        """The account on which a purchase is owed."""
        return 'Apex:receivable:' + call.customer.client.code if call.apex else call.customer.receivable

    def charge_write_off(self, write_off, at):
        call, client = write_off.call, write_off.call.customer.client
        share = min(call.amount, max(self.books.owed(client.code, 'CORP', 'RevShare:payable:' + client.code), 0))
        debt = call.amount - share
        self.post(client, [('CORP', 'RevShare:payable:' + client.code, 'USD', share), ('CORP', 'Expense:bad-debt', 'USD', debt), ('CORP', self.owed_on(call), 'USD', -call.amount)])
        call.charged = share, debt
        write_off.status = 'charged'
        self.happened(call, 'written_off', at, call.amount)
        self.close_call(call, 'W', at)
        call.customer.written_off.append(call)
        self.count('write-offs charged')

    def recover_cash_call(self, call, amount, at):
        """In reverse order: the bad debt first, then the client's revenue share (J05e)."""
        customer, client = call.customer, call.customer.client
        share, debt = call.charged
        before = min(call.recovered, debt)
        to_debt = min(amount, debt - before)
        if call.apex:
            paid = [('CORP', 'Apex:settlement:' + client.code, 'USD', amount)]
        else:
            paid = [('FBO', customer.settled_name, 'USD', amount), ('FBO', 'DueTo:CORP', 'USD', -amount), ('CORP', 'DueFrom:FBO', 'USD', amount)]
            self.move(customer, at, -amount)
        self.post(client, paid + [('CORP', 'Expense:bad-debt', 'USD', -to_debt), ('CORP', 'RevShare:payable:' + client.code, 'USD', to_debt - amount)])
        call.recovered += amount
        self.happened(call, 'recovered', at, amount)
        if call.recovered == call.amount:
            self.release_coin(call)
        self.count('recoveries')

    # -- aged list -----------------------------------------------------

    def aged(self, client, at):
        """The calls outstanding at the instant, oldest first, with what is said of each."""
        calls = {*client.open_calls.values(), *client.closed_lately, *client.busted}
        calls = sorted((c for c in calls if c.outstanding_at(at)), key=lambda c: (c.called_at, c.number))
        return [self.aged_row(call, at) for call in calls]

    @staticmethod
    def aged_row(call, at):
        tried = call.attempts(at)
        age = age_days(call.called_at, at)
        return {'call': call, 'direction': 'Withdrawal' if call.withdrawal else 'Deposit', 'first': tried[0][1] if tried else None, 'last': tried[-1][1] if tried else None,
                'attempts': len(tried), 'reason': tried[-1][3] if tried else None, 'age': age, 'bucket': bucket(age)}

    # -- Apex ----------------------------------------------------------

    def open_apex_batch(self, client, at):
        """What is due goes out; nothing more is asked until Apex has answered."""
        items = sorted((c for c in client.open_calls.values() if c.due_at is not None and c.due_at <= at and c.called_at <= at), key=lambda c: (c.called_at, c.number))
        for call in items:
            self.happened(call, 'sent', at, call.amount)
            call.due_at = None
        self.count('Apex batches')
        return items

    def apex_answer(self, call, confirmed, reason, at):
        client, amount = call.customer.client, call.amount
        self.count('Apex answers')
        self.count('attempts')
        if not confirmed:
            self.happened(call, 'rejected', at, amount, reason)
            call.due_at = next_retry(at)
            self.count('attempts failed')
            return
        settlement = 'Apex:settlement:' + client.code
        side = -1 if call.withdrawal else 1
        other = ('Apex:payable:' if call.sale else 'Apex:receivable:') + client.code
        self.post(client, [('CORP', settlement, 'USD', -side * amount), ('CORP', other, 'USD', side * amount)])
        self.happened(call, 'settled', at, amount)
        self.close_call(call, 'S', at)
        self.release_coin(call)

    def apex_wire(self, client, amount):
        """Positive: from Apex."""
        self.post(client, [('CORP', 'Bank:operating', 'USD', amount), ('CORP', 'Apex:settlement:' + client.code, 'USD', -amount)])
        self.count('Apex wires')

    # -- settlement flow -----------------------------------------------

    def in_transit(self, client, direction):
        return sum(t.amount for t in client.transfers if t.direction == direction and t.status == 'INSTRUCTED')

    def instruct(self, client, direction, purpose, amount, at):
        if direction == 'TO_BUSINESS':
            self.post(client, [('FBO', 'DueTo:CORP', 'USD', amount), ('FBO', 'Clearing:business-transfer', 'USD', -amount),
                               ('CORP', 'Clearing:FBO-transfer', 'USD', amount), ('CORP', 'DueFrom:FBO', 'USD', -amount)])
        else:
            self.post(client, [('CORP', 'Clearing:FBO-transfer', 'USD', amount), ('CORP', 'Bank:operating', 'USD', -amount)])
        transfer = FboTransfer(client, None, direction, purpose, amount, at)
        transfer.through = self.number
        client.transfers.append(transfer)
        self.count('FBO transfers')
        return transfer

    def confirm(self, transfer, at):
        client, amount = transfer.client, transfer.amount
        if transfer.direction == 'TO_BUSINESS':
            lines = [('FBO', 'Clearing:business-transfer', 'USD', amount), ('FBO', 'Bank:omnibus', 'USD', -amount),
                     ('CORP', 'Bank:operating', 'USD', amount), ('CORP', 'Clearing:FBO-transfer', 'USD', -amount)]
        else:
            # what a top-up no longer has to make good is the company's own
            owed = min(amount, self.shortfall(client)) if transfer.purpose == 'TOP_UP' else 0
            lines = [('FBO', 'Bank:omnibus', 'USD', amount), ('FBO', 'DueFrom:CORP', 'USD', -owed), ('FBO', 'DueTo:CORP', 'USD', owed - amount),
                     ('CORP', 'DueTo:FBO', 'USD', owed), ('CORP', 'DueFrom:FBO', 'USD', amount - owed), ('CORP', 'Clearing:FBO-transfer', 'USD', -amount)]
        self.post(client, lines)
        transfer.status = 'CONFIRMED'
        if transfer.direction == 'TO_FBO':
            for call in client.open_calls.values():
                if not call.apex and call.events and call.events[-1][3] == 'FBO_NOT_FUNDED':
                    call.due_at = min(call.due_at, at)

    def fail(self, transfer, at):
        client, amount = transfer.client, transfer.amount
        if transfer.direction == 'TO_BUSINESS':
            self.post(client, [('FBO', 'Clearing:business-transfer', 'USD', amount), ('FBO', 'DueTo:CORP', 'USD', -amount),
                               ('CORP', 'DueFrom:FBO', 'USD', amount), ('CORP', 'Clearing:FBO-transfer', 'USD', -amount)])
        else:
            self.post(client, [('CORP', 'Bank:operating', 'USD', amount), ('CORP', 'Clearing:FBO-transfer', 'USD', -amount)])
        transfer.status = 'FAILED'
        self.count('FBO transfers failed')

    @staticmethod
    def owed_to_customers(client, at, up_to=None):
        """Deposit calls that are outstanding: sale proceeds not paid yet."""
        return sum(c.amount for c in client.open_calls.values() if not c.withdrawal and not c.apex and c.called_at <= at and (up_to is None or c.number <= up_to))

    def instruct_settlement_transfers(self, at):
        """What stays is what outstanding deposits and the float need, once everything has arrived; GROSS keeps for deposits only money that was brought for them."""
        for client in self.clients.values():
            if client.model != 'BAKKT_TPJ':
                continue
            self.set_off(client)
            money = self.cover(client)
            coming = sum(t.amount for t in client.transfers if t.direction == 'TO_FBO' and t.purpose != 'TOP_UP' and t.status == 'INSTRUCTED')
            missing = max(self.owed_to_customers(client, at) + client.company_float - coming, 0)
            kept = min(money, missing)
            if client.settlement_flow == 'GROSS':
                brought = [t.through for t in client.transfers if t.direction == 'TO_FBO' and t.purpose == 'SETTLEMENT' and t.status == 'CONFIRMED']
                kept = min(kept, self.owed_to_customers(client, at, max(brought, default=0)) + client.company_float)
            if money > kept:
                self.instruct(client, 'TO_BUSINESS', 'SETTLEMENT', money - kept, at)
            if missing > kept:
                self.instruct(client, 'TO_FBO', 'SETTLEMENT', missing - kept, at)

    def top_up_deficits(self, at):
        for client in self.clients.values():
            self.set_off(client)
            coming = sum(t.amount for t in client.transfers if t.purpose == 'TOP_UP' and t.status == 'INSTRUCTED')
            rest = self.shortfall(client) - coming
            if rest > 0:
                self.instruct(client, 'TO_FBO', 'TOP_UP', rest, at)

    # -- the model's own proofs ----------------------------------------

    def prove(self):
        """I8 for every FBO account, and what is owed by customer against the open calls."""
        proof, owed = {}, {}
        for (code, fund, name, asset), amount in self.books.balance.items():
            if fund == 'FBO':
                proof[code] = proof.get(code, 0) + amount
                assert name.startswith(CONTROL) or amount <= 0, (code, name, amount)     # I5, gross
            elif name.startswith(CALLED):
                owed[code] = owed.get(code, 0) + amount
        for client in self.clients.values():
            assert proof.get(client.code, 0) == 0, client.code
            calls = sum(c.amount * (1 if c.withdrawal else -1) for c in client.open_calls.values())
            assert calls == owed.get(client.code, 0) or not client.called, (client.code, calls, owed)

    # -- buying power --------------------------------------------------

    def spendable(self, customer):
        """What a purchase of a prefunded customer may cost when it is posted.

        A purchase is judged by the ledger's clock, for which all that has happened in the quarter lies before the last cut.
        """
        assert customer.client.credit_failed_sells
        return self.available(customer) + sum(-c.amount if c.withdrawal else c.amount for c in customer.calls)

    def buying_power(self, customer, at):
        """By the domain's formula: from the last cut, by the executions after it."""
        cut, client, known = last_cut(at), customer.client, customer.known_calls
        at_cut = lambda way: sum(c.amount for c in known if c.withdrawal == way and c.outstanding_at(cut))
        executed = lambda way: sum(c.amount for c in known if c.withdrawal == way and cut < c.called_at <= at)
        moved = lambda kind: sum(amount for when, amount, its_kind in customer.moves if its_kind == kind and cut < when <= at)
        # called no more: not taken off any longer
        written_off = sum(amount for c in known for event, when, amount, _ in c.events if event == 'written_off' and cut < when <= at)
        term = {'settled_at_cut': sum(amount for when, amount, _ in customer.moves if when <= cut),
                'unsettled_withdrawals_at_cut': at_cut(True), 'unsettled_deposits_at_cut': at_cut(False),
                'credited_deposits': at_cut(False) if client.credit_failed_sells else 0,
                'buys_since': executed(True), 'sells_since': executed(False), 'deposits_since': moved('deposit'), 'withdrawals_since': -moved('withdrawal'),
                'other_since': moved('other') + written_off, 'withdrawals_pending': sum(w.amount for w in customer.withdrawals), 'open_orders': 0}
        term['buying_power'] = (term['settled_at_cut'] - term['unsettled_withdrawals_at_cut'] + term['credited_deposits'] - term['buys_since'] + term['sells_since']
                                + term['deposits_since'] - term['withdrawals_since'] + term['other_since'] - term['withdrawals_pending'] - term['open_orders'])
        return term

    # -- leaving -------------------------------------------------------

    def has(self, customer):
        """What stands on accounts of the customer: (fund, name, asset) -> units, debit positive."""
        code = customer.client.code
        names = {('FBO', customer.settled_name), ('FBO', customer.unsettled_name), ('CUST', customer.coin_name), ('CUST', customer.encumbered_name),
                 ('CORP', customer.receivable), ('CORP', customer.payable), ('CORP', customer.deficit_name)}
        return {key[1:]: units for key, units in self.books.balance.items() if key[0] == code and key[1:3] in names and units}

    def keeps(self, customer):
        """Whether anything else than money and coin that the customer may use is open."""
        usable = {('FBO', customer.settled_name), ('CUST', customer.coin_name)}
        return (bool(customer.calls) or any(t.status in ('INITIATED', 'CREDITED', 'REQUESTED', 'SENT') for t in customer.transfers)
                or any(key[:2] not in usable for key in self.has(customer)))

    def close(self, customer):
        """The SQLSTATE with which closing the customer is answered."""
        if self.has(customer) or self.keeps(customer):
            return 'LG035'
        customer.mode = customer.status = 'CLOSED'
        self.count('customers closed')
        return '00000'

    def move_to(self, customer, client, code):
        """The SQLSTATE with which moving the customer is answered; its successor has what it had, and so have bank and wallet."""
        if customer.mode not in ('OPEN', 'CLOSING_ONLY') or customer.status != 'ACTIVE':
            return 'LG013'
        if self.keeps(customer):
            return 'LG035'
        goes = self.has(customer)
        held_by = {'FBO': 'Bank:omnibus', 'CUST': 'Wallet:omnibus'}
        if any(self.books.of(customer.client.code, fund, held_by[fund], asset) < -units for (fund, _, asset), units in goes.items()):
            return 'LG050'
        successor = self.add_customer(code, client)
        names = {'FBO': successor.settled_name, 'CUST': successor.coin_name}
        for (fund, name, asset), units in goes.items():
            self.post(customer.client, [(fund, name, asset, -units), (fund, held_by[fund], asset, units)])
            self.post(client, [(fund, names[fund], asset, units), (fund, held_by[fund], asset, -units)])
        customer.mode = customer.status = 'CLOSED'
        self.count('customers moved')
        return '00000'
