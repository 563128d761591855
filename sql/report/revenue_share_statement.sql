-- The statement of a client's share of revenue for a month (doc/cash.md). By recorded time, so that
-- the statement of a month that has ended never changes, and the next one begins where it ends.
-- Refuses clients that the caller may not see (LG010, 42501).
-- Locks nothing.

CREATE TYPE bakkt_ledger.revenue_share_line AS (
    asset asset,
    executions bigint,
    revenue amount,
    exact_share amount,
    opening amount,
    accrued amount,
    trued_up amount,
    written_off amount,
    recovered amount,
    paid amount,
    other amount,
    closing amount
);
COMMENT ON TYPE revenue_share_line IS
'A month of a client''s share of revenue in one asset.
executions: those with a share, less those busted. revenue: theirs; NULL for a tenant, it is the company''s. exact_share: the
client''s part of it before anything is rounded for good, to 18 decimals. opening + accrued + trued_up + written_off + recovered +
paid + other = closing. accrued: the rounded shares of executions. written_off, paid: negative, what was taken for write-offs and
paid out; what the bank refused is back in paid. recovered: what was given back after a write-off. other: entries by hand.';

-- The first instant of a day's month, in Central Time; LG002 for a day that no statement can be of.
CREATE FUNCTION bakkt_ledger_internal.month_begins(day date) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF day NOT BETWEEN '0001-01-01' AND '9999-12-31' THEN
        PERFORM refuse_invalid('the month is out of range', format('Day: %s.', day), 'Give a day of the month.');
    END IF;
    RETURN date_trunc('month', day::timestamp) AT TIME ZONE 'America/Chicago';
END;
$$;

-- What a journal on the share of revenue is, in the words of the statement.
CREATE FUNCTION bakkt_ledger_internal.share_movement(posted journal) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE k.name
           WHEN 'trade' THEN 'accrued'
           WHEN 'trade_bust' THEN 'accrued'
           WHEN 'revenue_share' THEN 'trued_up'
           WHEN 'share_payout' THEN 'paid'
           WHEN 'cash_write_off' THEN 'written_off'
           WHEN 'cash_recovery' THEN 'recovered'
           ELSE CASE WHEN EXISTS (SELECT FROM event AS e
                                  WHERE e.client_id = (posted).client_id AND e.subject = 'obligation' AND e.event = 'written_off'
                                    AND e.journal_id = (posted).journal_id) THEN 'written_off' ELSE 'other' END
           END
    FROM journal_kind AS k
    WHERE k.kind = (posted).kind;
END;

-- What was recorded on the share accounts of a client in a span of time, journal by journal, and
-- the executions with a share whether they accrued any or not.
CREATE FUNCTION bakkt_ledger_internal.share_journals(holder integer, since timestamptz, until timestamptz)
    RETURNS TABLE (asset asset, movement text, amount amount, terms execution_terms)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT s.asset, share_movement(j), coalesce(-amount_of(j.entry, s.account), zero(s.asset)),
           CASE WHEN quote_asset(j.terms) = s.asset AND revenue_share_bps(j.terms) <> 0 THEN j.terms END
    FROM journal AS j
    CROSS JOIN LATERAL (
        SELECT a.account, a.asset
        FROM account AS a
        WHERE a.client_id = holder AND a.kind = 'corp_revenue_share' AND touches(j.entry, a.account)
        UNION ALL
        -- of an execution that accrued nothing there is no line
        SELECT NULL, quote_asset(j.terms)
        WHERE revenue_share_bps(j.terms) <> 0 AND is_zero(revenue_share(j.terms))
    ) AS s
    WHERE j.client_id = holder AND j.journal_id > number_before(since) AND j.recorded_at >= since AND j.recorded_at < until;
END;

-- What a client's share had come to by what was recorded before an instant; zero without an
-- account.
CREATE FUNCTION bakkt_ledger_internal.share_before(holder integer, unit asset, moment timestamptz) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    share constant account_id := known_account(holder, 'corp_revenue_share', unit, (client_row(holder)).code);
BEGIN
    RETURN CASE WHEN share IS NULL THEN zero(unit)
           ELSE (balance_of(share, known_at => moment - interval '1 microsecond')).balance END;
END;
$$;

CREATE FUNCTION bakkt_ledger.revenue_share_statement(client text, month date DEFAULT NULL) RETURNS SETOF revenue_share_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 5
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    holder constant integer := require_client(client);
    company constant boolean := is_company();
    since constant timestamptz := month_begins(coalesce(month, central_date(clock_timestamp())));
    until constant timestamptz := month_begins((central_date(since) + interval '1 month')::date);
BEGIN
    RETURN QUERY
    SELECT m.asset, coalesce(m.executions, 0), CASE WHEN company THEN coalesce(m.revenue, zero(m.asset)) END,
           coalesce(multiply_divide(m.exact, 1, 10000, 18, 'half_even'), zero(m.asset)), share_before(holder, m.asset, since),
           coalesce(m.accrued, zero(m.asset)), coalesce(m.trued_up, zero(m.asset)), coalesce(m.written_off, zero(m.asset)),
           coalesce(m.recovered, zero(m.asset)), coalesce(m.paid, zero(m.asset)), coalesce(m.other, zero(m.asset)),
           share_before(holder, m.asset, until)
    FROM (SELECT j.asset, sum(CASE WHEN is_bust(j.terms) THEN -1 ELSE 1 END) FILTER (WHERE j.terms IS NOT NULL) AS executions,
                 sum_revenue(j.terms) AS revenue, sum_exact_share(j.terms) AS exact,
                 sum(j.amount) FILTER (WHERE j.movement = 'accrued') AS accrued,
                 sum(j.amount) FILTER (WHERE j.movement = 'trued_up') AS trued_up,
                 sum(j.amount) FILTER (WHERE j.movement = 'written_off') AS written_off,
                 sum(j.amount) FILTER (WHERE j.movement = 'recovered') AS recovered,
                 sum(j.amount) FILTER (WHERE j.movement = 'paid') AS paid,
                 sum(j.amount) FILTER (WHERE j.movement = 'other') AS other
          FROM (SELECT s.asset, s.movement, s.amount, s.terms
                FROM share_journals(holder, since, until) AS s
                UNION ALL
                -- nothing moved: opening and closing only
                SELECT a.asset, NULL, NULL, NULL
                FROM account AS a
                WHERE a.client_id = holder AND a.kind = 'corp_revenue_share') AS j
          GROUP BY j.asset) AS m
    ORDER BY m.asset;
END;
$$;
COMMENT ON FUNCTION revenue_share_statement IS
'The statement of a client''s share of revenue for a month in Central Time: a row per asset.
month: any day of it; NULL: the month at hand. By recorded time: what becomes known later stands in a later month, so the
statement of a month that has ended stays as it is. A tenant is not told the revenue.
Errors: LG010, 42501, LG002 a day that is out of range.';
