"""What the scheduler must run, and what each run must come to."""

import datetime

from quarter_books import DAY, UTC, business_day, central_date, local

# doc/jobs.md: what runs at local times of day, or every so many minutes; the upper first of those due at one instant.
DAILY, BUSINESS = False, True
JOBS = {
    'expire_holds': (5, DAILY),
    'settle_deposits': (5, DAILY),
    'retry_cash_calls': (((6, 0), (17, 0)), DAILY),
    'process_cash_calls': (5, DAILY),
    'true_up_revenue_shares': (((0, 5),), DAILY),
    'propose_cash_call_write_offs': (((0, 10),), DAILY),
    'charge_cash_call_write_offs': (((0, 20),), DAILY),
    'instruct_settlement_transfers': (((7, 0), (15, 0)), BUSINESS),
    'top_up_deficits': (((15, 30),), DAILY),
    'close_due_windows': (5, DAILY),
    'set_off_obligations': (5, DAILY),
    'take_aged_tpj_am': (((9, 30),), DAILY),
    'take_aged_tpj_sod': (((16, 40),), DAILY),
    'take_aged_tpj_pm': (((19, 30),), DAILY),
    'seal': (1, DAILY),
}


def in_order():
    return [(order, job, when, days) for order, (job, (when, days)) in enumerate(JOBS.items())]


def grid(at, minutes):
    """The latest instant of a job that runs every so many minutes, not after the given one."""
    step = minutes * 60
    return datetime.datetime.fromtimestamp(int(at.timestamp()) // step * step, UTC)


def fixed_occurrences(after, until):
    """The runs at times of day in (after, until]: (instant, order, job)."""
    found = []
    day = central_date(after) - DAY
    while day <= central_date(until):
        for order, job, when, days in in_order():
            if not isinstance(when, int) and (business_day(day) or days == DAILY):
                found += [(local(day, *time), order, job) for time in when if after < local(day, *time) <= until]
        day += DAY
    return sorted(found)


def occurrences(after, until):
    """All runs in order: before each time of day, and at the end, what runs every few minutes runs once for what it missed."""
    last = {job: grid(after, when) for _, job, when, _ in in_order() if isinstance(when, int)}
    result = []

    def catch_up(to, before):
        missed = []
        for order, job, when, _ in in_order():
            if isinstance(when, int):
                latest = grid(to, when)
                if latest == to and order > before:
                    latest -= datetime.timedelta(minutes=when)
                if latest > last[job]:
                    last[job] = latest
                    missed.append((latest, order, job))
        result.extend(sorted(missed))
    for at, order, job in fixed_occurrences(after, until):
        catch_up(at, order)
        result.append((at, order, job))
    catch_up(until, len(JOBS))
    return result
