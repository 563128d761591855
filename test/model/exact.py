"""Exact decimals: any result that would need rounding raises, unless rounded by name."""

import decimal
from decimal import Decimal

decimal.getcontext().prec = 120
decimal.getcontext().traps[decimal.Inexact] = True
decimal.getcontext().traps[decimal.FloatOperation] = True

ZERO = Decimal(0)
SCALE = {'USD': 2, 'BTC': 8, 'USDC': 6, 'ETH': 18}


def half_even(value, decimals):
    """Banker's rounding of an exact value to so many decimals."""
    with decimal.localcontext() as context:
        context.traps[decimal.Inexact] = False
        return value.quantize(Decimal(1).scaleb(-decimals), rounding=decimal.ROUND_HALF_EVEN)


def money(value, asset):
    return half_even(value, SCALE[asset])


def text(value, asset):
    """As the ledger prints an amount: at least two decimals, then only as many as needed."""
    value = Decimal(value)
    sign, digits, exponent = value.as_tuple()
    plain = format(value.copy_abs(), 'f')
    whole, _, fraction = plain.partition('.')
    fraction = fraction.rstrip('0').ljust(2, '0')
    return '%s%s.%s %s' % ('-' if sign and value != 0 else '', whole, fraction, asset)


def parse(amount):
    """'12.50 USD' as (Decimal, asset)."""
    number, asset = amount.split(' ')
    return Decimal(number), asset
