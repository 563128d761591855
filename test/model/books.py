"""The ledger's rules, written from its documents alone: what must be posted,
what must be refused and why, and every balance after it.

Amounts are debit positive, as stored.  Nothing here knows how the extension
does its work; it is slow and plain on purpose.
"""

import re

from exact import SCALE, ZERO


def is_limited(fund, name):
    return fund != 'CORP' and name.startswith('Cust:') or (fund, name) == ('FBO', 'DueTo:CORP')


# What does not have to be zero before an asset is retired: the company's own, and what is settled outside.
OWN = re.compile('Bank:operating|Wallet:company|Equity|Revenue:|Expense:|Loss|Rounding|Client:memo:')

# Journals that carry on or take back what was begun, or that two people answer for; trades are judged by their side.
BEGINS_NOTHING = ('trade', 'trade_bust', 'reversal', 'manual', 'cash_call', 'cash_return', 'cash_write_off', 'cash_recovery')


class Account:
    def __init__(self, identifier, client, fund, name, asset):
        self.identifier = identifier
        self.client = client
        self.fund = fund
        self.name = name
        self.asset = asset
        self.limited = is_limited(fund, name)   # never in debit
        self.status = 'open'
        self.posted = ZERO          # debit positive
        self.held = ZERO
        self.version = 0            # journals that touched it

    @property
    def claim(self):
        return self.limited and self.name != 'DueTo:CORP'

    @property
    def customers(self):
        return self.claim and not self.name.startswith('Cust:state:')

    @property
    def settled_last(self):
        return self.fund != 'CORP' or not OWN.match(self.name)

    @property
    def owned(self):
        return -self.posted

    @property
    def available(self):
        return self.owned - self.held


class Journal:
    """A request, and the journal it becomes."""

    def __init__(self, client, reference, lines, kind='general', effective_at=None, description=None, reverses=None, facts=None):
        self.client = client
        self.reference = reference
        self.lines = lines          # [(account identifier, asset, signed amount)]
        self.kind = kind
        self.effective_at = effective_at
        self.description = description
        self.reverses = reverses    # reference of the journal taken back
        self.facts = facts          # of a trade
        self.taken_back = {}        # by partial reversals: {(account, asset, side): amount}
        self.reversed_whole = False

    def content(self):
        return (self.kind, tuple(self.lines), self.effective_at, self.description, self.reverses, self.facts)

    def prepare(self):
        """Work out the lines, just before they are judged; return the rules broken already."""
        return set()

    def fault_alone(self):
        """The fault that the request has whatever the balances are, if its chain fell for another reason."""
        return None

    def applied(self, direction):
        """The journal has been recorded (1) or taken out again (-1)."""


MIRROR = {}     # what one fund owes another stands in both, in opposite directions (I7)
for _debtor in ('FBO', 'CUST', 'SEG', 'CORP'):
    for _creditor in ('FBO', 'CUST', 'SEG', 'CORP'):
        MIRROR[_debtor, 'DueTo:' + _creditor] = (_debtor, _creditor)
        MIRROR[_creditor, 'DueFrom:' + _debtor] = (_debtor, _creditor)
MIRROR['CORP', 'ResidualInterestInFBO'] = 'residual'
MIRROR['FBO', 'ResidualInterest:company'] = 'residual'


class Books:
    def __init__(self):
        self.accounts = {}      # identifier -> Account
        self.by_name = {}       # (client, fund, name, asset) -> Account
        self.journals = {}      # (client, reference) -> Journal
        self.refusals = {}      # (client, reference) -> (content, sqlstate)
        self.status = {}        # of assets that are not ACTIVE
        self.market = {}        # of coins whose instrument is not ACTIVE
        self.retired_with = {}  # coin -> what its instrument was when it was retired with it
        self.in_order = []      # journals as recorded

    def add(self, account):
        self.accounts[account.identifier] = account
        self.by_name[account.client, account.fund, account.name, account.asset] = account
        return account

    def named(self, client, fund, name, asset):
        return self.by_name.get((client, fund, name, asset))

    # -- judging -------------------------------------------------------

    def faults(self, journal):
        """Every rule that the journal breaks now: a set of SQLSTATEs."""
        broken = journal.prepare()
        mirror, moved = {}, {}
        for identifier, asset, amount in journal.lines:
            if asset not in SCALE:
                broken.add('LG040')
            elif amount.scaleb(SCALE[asset]) % 1:
                broken.add('LG043')
            if self.status.get(asset) == 'RETIRED':
                broken.add('LG041')
            if amount == 0:
                broken.add('LG044')
            account = self.accounts.get(identifier)
            if account is None:
                broken.add('LG030')
                continue
            if account.client != journal.client:
                broken.add('LG031')
                continue
            if account.asset != asset:
                broken.add('LG042')
                continue
            if account.status == 'closed':
                broken.add('LG032')
            if account.status == ('debit_frozen' if amount > 0 else 'credit_frozen'):
                broken.add('LG033')
            pair = MIRROR.get((account.fund, account.name))
            if pair:
                mirror[pair, asset] = mirror.get((pair, asset), ZERO) + amount
            moved[identifier] = moved.get(identifier, ZERO) + amount
        if any(mirror.values()):
            broken.add('LG003')
        if self.begins_claims(journal):
            broken.add('LG038')
        for identifier, amount in moved.items():
            account = self.accounts[identifier]
            if account.limited and amount > 0 and account.available - amount < 0:
                broken.add('LG050')
        return broken

    def change_asset(self, asset, status):
        """An instrument is retired with its coin, and comes back with it."""
        before = self.status.get(asset, 'ACTIVE')
        self.status[asset] = status
        if status == 'RETIRED' != before and self.market.get(asset) != 'RETIRED':
            self.retired_with[asset] = self.market.get(asset, 'ACTIVE')
            self.market[asset] = 'RETIRED'
        elif before == 'RETIRED' != status and asset in self.retired_with:
            self.market[asset] = self.retired_with.pop(asset)

    def begins_claims(self, journal):
        """Would customers claim more than before of an asset that winds down, and nobody else so much less?"""
        growth = {}
        for identifier, asset, amount in journal.lines:
            account = self.accounts.get(identifier)
            if account and account.claim and self.status.get(asset, 'ACTIVE') != 'ACTIVE':
                growth.setdefault(asset, [ZERO, ZERO])[account.customers] -= amount
        return not journal.reverses and journal.kind not in BEGINS_NOTHING and any(
            theirs > 0 and theirs + others > 0 for others, theirs in growth.values())

    def trades(self, coin, side):
        """The fault of an execution whose pair does not take it."""
        takes, gives = (coin, 'USD') if side == 'BUY' else ('USD', coin)
        if self.market.get(coin) == 'RETIRED':
            return {'LG015'}
        market = ('ACTIVE',) if side == 'BUY' else ('ACTIVE', 'CLOSE_ONLY')
        if (self.market.get(coin, 'ACTIVE') in market and self.status.get(takes, 'ACTIVE') == 'ACTIVE'
                and self.status.get(gives, 'ACTIVE') in ('ACTIVE', 'CLOSE_ONLY')):
            return set()
        return {'LG038 of a trade'}

    def claimed(self, asset, only_claims=False):
        """What is not zero in an asset for somebody else than the company."""
        return [a for a in self.accounts.values() if a.asset == asset and (a.posted or a.held) and (a.claim if only_claims else a.settled_last)]

    def recorded(self, journal):
        """What the reference has come to before: None, 'posted', 'conflict' or the SQLSTATE it was refused with."""
        key = journal.client, journal.reference
        if key in self.journals:
            return 'posted' if self.journals[key].content() == journal.content() else 'conflict'
        if key in self.refusals:
            content, sqlstate = self.refusals[key]
            return sqlstate if content == journal.content() else 'conflict'
        return None

    # -- writing -------------------------------------------------------

    def move(self, journal, direction=1):
        touched = set()
        for identifier, _, amount in journal.lines:
            self.accounts[identifier].posted += direction * amount
            touched.add(identifier)
        for identifier in touched:
            self.accounts[identifier].version += direction

    def record(self, journal):
        self.move(journal)
        journal.applied(1)
        self.journals[journal.client, journal.reference] = journal
        self.in_order.append(journal)

    def unrecord(self, journal):
        self.move(journal, -1)
        journal.applied(-1)
        del self.journals[journal.client, journal.reference]
        self.in_order.remove(journal)

    def refuse(self, journal, sqlstate):
        if sqlstate in ('LG002', 'LG010', 'LG012', 'LG020'):
            return                  # says nothing about the business: not remembered
        self.refusals[journal.client, journal.reference] = (journal.content(), sqlstate)

    # -- batches -------------------------------------------------------

    def post(self, journals, linked, choose, strict=False, dry_run=False):
        """Outcomes of a batch: a list of (outcome, replayed, sqlstate or None).

        choose(faults) names the one to report of several faults.  A strict
        batch that is refused returns only a SQLSTATE, that of the first request
        that was itself at fault, and changes nothing.
        """
        outcomes = [None] * len(journals)
        undo_refusals = dict(self.refusals)
        written = []
        start = 0
        while start < len(journals):
            stop = start
            while stop + 1 < len(journals) and linked[stop]:
                stop += 1
            self._chain(journals, range(start, stop + 1), outcomes, written, choose)
            start = stop + 1
        refused = [o[2] for o in outcomes if o[0] == 'refused']
        failed = next((s for s in refused if s != 'LG060'), refused[0] if refused else None)
        if dry_run or (strict and failed):
            for journal in reversed(written):
                self.unrecord(journal)
            self.refusals = undo_refusals
        return failed if strict and failed else outcomes

    def _chain(self, journals, members, outcomes, written, choose):
        """Judge one chain: all of it stands or none."""
        begun = len(written)
        culprit = None
        for number in members:
            journal = journals[number]
            before = self.recorded(journal)
            if before == 'posted':
                outcomes[number] = ('posted', True, None)
            elif before == 'conflict':
                outcomes[number] = ('refused', False, 'LG020')
            elif before:
                outcomes[number] = ('refused', True, before)
            else:
                faults = self.faults(journal)
                if faults:
                    outcomes[number] = ('refused', False, choose(faults))
                else:
                    self.record(journal)
                    written.append(journal)
                    outcomes[number] = ('posted', False, None)
            if outcomes[number][0] == 'refused':
                culprit = number
                break
        if culprit is None:
            return
        while len(written) > begun:
            self.unrecord(written.pop())
        for number in members:
            journal = journals[number]
            before = self.recorded(journal)
            if before == 'posted':
                outcomes[number] = ('posted', True, None)
            elif before == 'conflict':
                outcomes[number] = ('refused', False, 'LG020')
            elif before and number != culprit:
                outcomes[number] = ('refused', True, before)
            elif number != culprit:
                fault = journal.fault_alone()
                outcomes[number] = ('refused', False, fault or 'LG060')
            if before is None:
                self.refuse(journal, outcomes[number][2])

    # -- sums ----------------------------------------------------------

    def trial(self):
        """Sum of each (client, fund, asset): must be zero."""
        total = {}
        for account in self.accounts.values():
            key = account.client, account.fund, account.asset
            total[key] = total.get(key, ZERO) + account.posted
        return total
