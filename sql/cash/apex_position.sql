-- What Apex owes a client's book, or is owed, at an instant.
-- Locks nothing.

-- The balances, debit positive, of the client's accounts with Apex at the instant, by effective
-- time. A bust is effective when its execution was, but changes the cash call only when it is
-- recorded, and counts by that.
CREATE FUNCTION bakkt_ledger_internal.apex_balances(holder integer, moment timestamptz)
    RETURNS TABLE (kind text, asset asset, balance amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH later AS MATERIALIZED (
        SELECT l.account, sum(l.amount) AS change
        FROM journal AS j
        CROSS JOIN LATERAL lines(j.entry) AS l
        WHERE j.client_id = holder AND (j.effective_at > moment OR j.recorded_at > moment)
          AND CASE j.kind WHEN kind_number('trade_bust') THEN j.recorded_at ELSE j.effective_at END > moment
        GROUP BY l.account
    )
    SELECT a.kind, a.asset, h.posted - coalesce(l.change, zero(a.asset))
    FROM account AS a
    JOIN house_balances(holder) AS h ON h.account = a.account
    LEFT JOIN later AS l ON l.account = a.account
    WHERE a.client_id = holder AND a.kind IN ('corp_apex_receivable', 'corp_apex_payable', 'corp_apex_settlement');
END;

-- What the position at the instant is made of, positive: Apex is to pay. receivable and payable:
-- called and not confirmed; confirmed; wired: received; and the balances by kind of account.
CREATE FUNCTION bakkt_ledger_internal.apex_parts(holder integer, moment timestamptz)
    RETURNS TABLE (part text, asset asset, amount amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH call AS (
        SELECT asset(c.amount) AS asset, c.sale, CASE WHEN c.withdrawal THEN 1 ELSE -1 END AS sign,
               f.outstanding, f.settled + f.recovered AS paid
        FROM cash_call AS c
        CROSS JOIN LATERAL cash_call_facts(holder, c.journal_id, c.amount, moment, 'infinity') AS f
        WHERE c.client_id = holder AND c.apex AND c.called_at <= moment
    )
    SELECT CASE WHEN c.sale THEN 'payable' ELSE 'receivable' END, c.asset, c.sign * c.outstanding
    FROM call AS c
    UNION ALL
    SELECT 'confirmed', c.asset, c.sign * c.paid
    FROM call AS c
    UNION ALL
    SELECT 'wired', asset(w.amount), CASE r.content ->> 'direction' WHEN 'received' THEN w.amount ELSE -w.amount END
    FROM request AS r
    CROSS JOIN LATERAL (SELECT (r.content ->> 'amount')::amount AS amount) AS w
    WHERE r.client_id = holder AND r.scope = 'apex_wire' AND r.at <= moment
    UNION ALL
    SELECT b.kind, b.asset, b.balance
    FROM apex_balances(holder, moment) AS b;
END;

CREATE TYPE bakkt_ledger.apex_position_line AS (
    asset asset,
    called amount,
    payable amount,
    confirmed amount,
    wired amount,
    settlement amount,
    difference amount
);
COMMENT ON TYPE apex_position_line IS
'What Apex and a client''s book owe each other in one asset at an instant.
called: purchases not yet confirmed (positive: Apex is to pay). payable: sale proceeds not yet confirmed (positive: Apex is to
be paid). confirmed: the net of what Apex has confirmed (positive: it owes). wired: net received. settlement = confirmed -
wired: what Apex owes now. difference: by how much the balances of Apex:receivable, Apex:payable and Apex:settlement differ from
that, zero when all agrees.';

CREATE FUNCTION bakkt_ledger.apex_position(client text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF apex_position_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    WITH figure AS (
        SELECT p.asset,
               coalesce(sum(p.amount) FILTER (WHERE p.part = 'receivable'), zero(p.asset)) AS receivable,
               coalesce(-sum(p.amount) FILTER (WHERE p.part = 'payable'), zero(p.asset)) AS payable,
               coalesce(sum(p.amount) FILTER (WHERE p.part = 'confirmed'), zero(p.asset)) AS confirmed,
               coalesce(sum(p.amount) FILTER (WHERE p.part = 'wired'), zero(p.asset)) AS wired,
               coalesce(sum(p.amount) FILTER (WHERE p.part = 'corp_apex_receivable'), zero(p.asset)) AS on_receivable,
               coalesce(-sum(p.amount) FILTER (WHERE p.part = 'corp_apex_payable'), zero(p.asset)) AS on_payable,
               coalesce(sum(p.amount) FILTER (WHERE p.part = 'corp_apex_settlement'), zero(p.asset)) AS on_settlement
        FROM apex_parts(holder, at) AS p
        GROUP BY p.asset
    )
    SELECT f.asset, f.receivable, f.payable, f.confirmed, f.wired, f.confirmed - f.wired,
           abs(f.on_receivable - f.receivable) + abs(f.on_payable - f.payable) + abs(f.on_settlement - (f.confirmed - f.wired))
    FROM figure AS f
    ORDER BY f.asset;
END;
$$;
COMMENT ON FUNCTION apex_position IS
'What Apex and a client''s book owe each other at the instant, a row per asset, computed from the events of the cash calls.
Errors: LG010, 42501, LG061, LG002.';
