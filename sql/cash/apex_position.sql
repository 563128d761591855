-- What Apex owes a client's book, or is owed, at an instant.
-- Locks nothing.

-- A bust is effective when its execution was, but changes the cash call only when it is recorded.
CREATE FUNCTION bakkt_ledger_internal.apex_balances(client_id integer, at timestamptz) RETURNS TABLE (kind text, asset asset, balance amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH later AS MATERIALIZED (
        SELECT l.account, sum(l.amount) AS change
          FROM journal j, lines(j.entry) AS l
         WHERE j.client_id = $1 AND (j.effective_at > $2 OR j.recorded_at > $2) AND CASE WHEN j.kind = kind_number('trade_bust') THEN j.recorded_at ELSE j.effective_at END > $2
         GROUP BY l.account
    )
    SELECT a.kind, a.asset, h.posted - coalesce(l.change, zero(a.asset))
      FROM account a
      JOIN house_balances($1) h ON h.account = a.account
      LEFT JOIN later l ON l.account = a.account
     WHERE a.client_id = $1 AND a.kind IN ('corp_apex_receivable', 'corp_apex_payable', 'corp_apex_settlement')
$$;
COMMENT ON FUNCTION apex_balances(integer, timestamptz) IS
    'Internal: the balances, debit positive, of the client''s accounts with Apex at the instant, by effective time; busts count '
    'by the time they were recorded.';

CREATE FUNCTION bakkt_ledger.apex_position(client text, at timestamptz DEFAULT clock_timestamp())
    RETURNS TABLE (asset asset, called amount, payable amount, confirmed amount, wired amount, settlement amount, difference amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(apex_position.client);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    WITH call AS (
        SELECT asset(c.amount) AS asset, c.sale, c.withdrawal, f.outstanding, f.settled + f.recovered AS paid
          FROM cash_call c
          CROSS JOIN LATERAL cash_call_facts(owning, c.journal_id, c.amount, apex_position.at, 'infinity') AS f
         WHERE c.client_id = owning AND c.apex AND c.called_at <= apex_position.at
    ), part AS (
        SELECT c.asset, CASE WHEN c.sale THEN 'payable' ELSE 'receivable' END AS of_what,
               CASE WHEN c.withdrawal THEN c.outstanding ELSE -c.outstanding END AS amount, NULL::amount AS balance FROM call c
        UNION ALL
        SELECT c.asset, 'confirmed', CASE WHEN c.withdrawal THEN c.paid ELSE -c.paid END, NULL FROM call c
        UNION ALL
        SELECT asset(w.amount), 'wired', CASE w.direction WHEN 'received' THEN w.amount ELSE -w.amount END, NULL
          FROM apex_wire w WHERE w.client_id = owning AND w.at <= apex_position.at
        UNION ALL
        SELECT b.asset, replace(b.kind, 'corp_apex_', ''), NULL, b.balance FROM apex_balances(owning, apex_position.at) AS b
    ), total AS (
        SELECT p.asset, zero(p.asset) AS nothing, sum(p.amount) FILTER (WHERE p.of_what = 'receivable') AS receivable,
               sum(p.amount) FILTER (WHERE p.of_what = 'payable') AS payable, sum(p.amount) FILTER (WHERE p.of_what = 'confirmed') AS confirmed,
               sum(p.amount) FILTER (WHERE p.of_what = 'wired') AS wired, sum(p.balance) FILTER (WHERE p.of_what = 'receivable') AS on_receivable,
               sum(p.balance) FILTER (WHERE p.of_what = 'payable') AS on_payable, sum(p.balance) FILTER (WHERE p.of_what = 'settlement') AS on_settlement
          FROM part p GROUP BY p.asset
    ), figure AS (
        SELECT t.asset, coalesce(t.receivable, t.nothing) AS receivable, -coalesce(t.payable, t.nothing) AS payable,
               coalesce(t.confirmed, t.nothing) AS confirmed, coalesce(t.wired, t.nothing) AS wired,
               coalesce(t.on_receivable, t.nothing) AS on_receivable, -coalesce(t.on_payable, t.nothing) AS on_payable,
               coalesce(t.on_settlement, t.nothing) AS on_settlement
          FROM total t
    )
    SELECT f.asset, f.receivable, f.payable, f.confirmed, f.wired, f.confirmed - f.wired,
           abs(f.on_receivable - f.receivable) + abs(f.on_payable - f.payable) + abs(f.on_settlement - (f.confirmed - f.wired))
      FROM figure f ORDER BY f.asset;
END;
$$;
COMMENT ON FUNCTION apex_position(text, timestamptz) IS
    'What Apex and a client''s book owe each other at the instant, per asset. called: purchases not yet confirmed (positive: '
    'Apex is to pay); payable: sale proceeds not yet confirmed (positive: Apex is to be paid); confirmed: the net of what Apex '
    'has confirmed (positive: it owes); wired: net received; settlement = confirmed - wired: what Apex owes now. All are '
    'computed from the events of the cash calls; difference is by how much the balances of Apex:receivable, Apex:payable and '
    'Apex:settlement differ from that, zero when all agrees. Raises LG010, 42501, LG061, LG002.';
