"""The books of the simulated quarter: accounts in whole units, the clock of
Chicago and New York, the calendar of the banks.

Written from the documents alone.  Amounts are integers, debit positive: cents
of USD, hundred-millionths of a coin.
"""

import datetime
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo('America/Chicago')
EASTERN = ZoneInfo('America/New_York')
UTC = datetime.timezone.utc
DAY = datetime.timedelta(1)
DECIMALS = {'USD': 2, 'BTC': 8, 'ETH': 8}


def local(day, hour, minute=0, second=0, zone=CENTRAL):
    """An instant by its local date and time; one that the clocks skip is put on by the gap."""
    return datetime.datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone).astimezone(UTC)


def central_date(at):
    return at.astimezone(CENTRAL).date()


def age_days(called_at, at):
    """Calendar days, Central, from the execution to the report."""
    return (central_date(at) - central_date(called_at)).days


def stamp(at):
    return at.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S.%f+00')


def instant(column):
    """SQL for an instant as stamp() writes it, whatever the session's zone."""
    return "to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')" % column


def units_text(units, asset):
    """As the ledger prints an amount: at least two decimals, then only as many as needed."""
    decimals = DECIMALS[asset]
    digits = str(abs(units)).rjust(decimals + 1, '0')
    whole, fraction = digits[:-decimals], digits[-decimals:]
    fraction = fraction[:2] + fraction[2:].rstrip('0')
    return '%s%s.%s %s' % ('-' if units < 0 else '', whole, fraction, asset)


def usd(units):
    return units_text(units, 'USD')


# Days on which the Federal Reserve Banks are closed in the months around the quarter.
HOLIDAYS = {datetime.date(2026, 1, 1), datetime.date(2026, 1, 19), datetime.date(2026, 2, 16), datetime.date(2026, 5, 25)}


def business_day(day):
    return day.isoweekday() < 6 and day not in HOLIDAYS


def add_business_days(day, count):
    while count:
        day += datetime.timedelta(1)
        count -= business_day(day)
    return day


class Books:
    """Balances of all accounts, by (client, fund, name, asset)."""

    def __init__(self):
        self.balance = {}
        self.held = {}
        self.line = {}          # account -> how the ledger would list it
        self.touched = set()

    def post(self, client, lines):
        total = {}
        for fund, name, asset, units in lines:
            key = client, fund, name, asset
            self.balance[key] = self.balance.get(key, 0) + units
            self.touched.add(key)
            total[fund, asset] = total.get((fund, asset), 0) + units
        assert not any(total.values()), (client, lines)     # I1: the books themselves must balance

    def of(self, client, fund, name, asset='USD'):
        return self.balance.get((client, fund, name, asset), 0)

    def owed(self, client, fund, name, asset='USD'):
        return -self.of(client, fund, name, asset)

    def hold(self, client, fund, name, units, asset='USD'):
        key = client, fund, name, asset
        self.held[key] = self.held.get(key, 0) + units
        self.touched.add(key)

    def held_of(self, client, fund, name, asset='USD'):
        return self.held.get((client, fund, name, asset), 0)

    def lines(self):
        """Every account that is not empty, as the ledger lists it: client, fund, name, balance, held."""
        for key in self.touched:
            client, fund, name, asset = key
            units, held = self.balance.get(key, 0), self.held.get(key, 0)
            if units or held:
                self.line[key] = '%s|%s|%s|%s|%s' % (client, fund, name, units_text(units, asset), units_text(held, asset) if held else '')
            else:
                self.line.pop(key, None)
        self.touched.clear()
        return set(self.line.values())
