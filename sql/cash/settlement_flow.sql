-- Reading the settlement flow: transfers, the calls each covers, and the company's money over a
-- day.
-- Refuses unknown transfers (LG080), clients the caller may not see.
-- Locks nothing.

CREATE TYPE bakkt_ledger.fbo_transfer_line AS (
    client text,
    reference text,
    direction text,
    purpose text,
    amount amount,
    in_transit amount,
    bank text,
    status text,
    instructed_at timestamptz,
    ended_at timestamptz,
    bank_reference text,
    reason text,
    taken_up_by text
);
COMMENT ON TYPE fbo_transfer_line IS
'A transfer between FBO and business account; amounts are positive.
direction, purpose, status: as in fbo_transfer. in_transit: what the bank had not confirmed. reason: why it failed. taken_up_by:
the transfer that moves the money of a failed one.';

CREATE FUNCTION bakkt_ledger.fbo_transfers(client text DEFAULT NULL, in_transit_only boolean DEFAULT false,
                                           at timestamptz DEFAULT NULL)
    RETURNS SETOF fbo_transfer_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
    until constant timestamptz := coalesce(at, 'infinity');
BEGIN
    IF at IS NOT NULL THEN
        PERFORM require_instant(at);
    END IF;
    RETURN QUERY
    SELECT c.code, t.reference::text, t.direction, t.purpose, t.amount,
           CASE WHEN s.open THEN t.amount ELSE zero(asset(t.amount)) END, t.bank,
           CASE WHEN s.open THEN 'INSTRUCTED' ELSE t.status END, t.instructed_at,
           CASE WHEN NOT s.open THEN t.ended_at END, CASE WHEN NOT s.open THEN t.bank_reference::text END, e.reason::text,
           CASE WHEN NOT s.open AND n.instructed_at <= until THEN n.reference::text END
    FROM fbo_transfer AS t
    JOIN client AS c ON c.client_id = t.client_id
    CROSS JOIN LATERAL (SELECT coalesce(t.ended_at > until, true) AS open) AS s
    LEFT JOIN event AS e ON e.client_id = t.client_id AND e.subject = 'fbo_transfer' AND e.subject_key = t.transfer_id::text
                        AND e.event = 'failed' AND NOT s.open
    LEFT JOIN fbo_transfer AS n ON n.client_id = t.client_id AND n.transfer_id = t.taken_up_by
    WHERE c.client_id = ANY (asked) AND t.instructed_at <= until AND (s.open OR NOT in_transit_only)
    ORDER BY c.code, t.transfer_id;
END;
$$;
COMMENT ON FUNCTION fbo_transfers IS
'The transfers between FBO and business account as they stand now or, with at, as they stood at an instant.
Of one client or all visible ones. in_transit_only: only those that the bank had not confirmed.
Errors: LG002, LG010, LG061, 42501.';

-- The ranges of settlements that a transfer covers: its own, and those of the failed ones whose
-- money it moves instead.
CREATE FUNCTION bakkt_ledger_internal.covered_ranges(moved fbo_transfer) RETURNS SETOF fbo_transfer
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH RECURSIVE chain AS (
        SELECT moved.*
        UNION ALL
        SELECT f.*
        FROM chain AS c
        JOIN fbo_transfer AS f ON f.client_id = c.client_id AND f.taken_up_by = c.transfer_id AND f.status = 'FAILED'
    )
    SELECT c.* FROM chain AS c WHERE c.covers IS NOT NULL
$$;

CREATE TYPE bakkt_ledger_internal.covered_call AS (call cash_call, event text, amount amount, at timestamptz, journal_id bigint);
COMMENT ON TYPE covered_call IS 'A settlement or recovery of a cash call.';

-- The settlements and recoveries of a range that moved the company's money in the FBO account. A
-- call is settled when it is closed, so the index on closed_recorded_at finds it.
CREATE FUNCTION bakkt_ledger_internal.covered_calls(covering fbo_transfer) RETURNS SETOF covered_call
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT k, e.event, e.amount, e.at, e.journal_id
    FROM cash_call AS k
    JOIN LATERAL cash_call_events(k.client_id, k.journal_id) AS e ON e.event = 'settled'
    WHERE k.client_id = (covering).client_id AND k.closed_recorded_at > (covering).covered_after
      AND k.closed_recorded_at <= (covering).covered_through AND k.status = 'S' AND NOT k.apex
      AND asset(k.amount) = asset((covering).amount)
      AND ((covering).covers = 'ALL' OR ((covering).covers = 'WITHDRAWALS') = k.withdrawal)
    UNION ALL
    SELECT k, e.event, e.amount, e.at, e.journal_id
    FROM event AS e
    JOIN journal AS j ON j.client_id = e.client_id AND j.journal_id = e.journal_id
    JOIN account AS a ON a.client_id = e.client_id AND a.kind = 'fbo_due_to_corp' AND a.asset = asset((covering).amount)
                     AND touches(j.entry, a.account)
    JOIN cash_call AS k ON k.client_id = e.client_id AND k.journal_id = e.subject_key::bigint AND NOT k.apex
    WHERE e.client_id = (covering).client_id AND e.subject = 'cash_call' AND e.event = 'recovered'
      AND e.recorded_at > (covering).covered_after
      AND e.recorded_at <= (covering).covered_through AND asset(e.amount) = asset((covering).amount)
      AND (covering).covers IN ('ALL', 'WITHDRAWALS');
END;

CREATE TYPE bakkt_ledger.fbo_transfer_call_line AS (
    call bigint,
    customer text,
    direction text,
    event text,
    amount amount,
    at timestamptz,
    journal bigint
);
COMMENT ON TYPE fbo_transfer_call_line IS
'A settled cash call, or a recovery, whose money a transfer moves.
direction: Withdrawal, the customer has paid, or Deposit. event: settled or recovered, by that journal. amount: positive.';

CREATE FUNCTION bakkt_ledger.fbo_transfer_calls(client text, reference text)
    RETURNS SETOF fbo_transfer_call_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT (p.call).journal_id, u.customer_code,
           CASE WHEN (p.call).withdrawal OR p.event = 'recovered' THEN 'Withdrawal' ELSE 'Deposit' END,
           p.event, p.amount, p.at, p.journal_id
    FROM covered_ranges(require_fbo_transfer(require_client(client), reference)) AS t
    CROSS JOIN LATERAL covered_calls(t) AS p
    JOIN customer AS u ON u.customer_id = (p.call).customer_id
    ORDER BY p.at, (p.call).journal_id;
END;
$$;
COMMENT ON FUNCTION fbo_transfer_calls IS
'The settled cash calls, and recoveries, whose money a settlement transfer moves.
Each belongs to one transfer, and that never changes; those of a failed transfer also belong to the one that moves its money
instead. Transfers for other purposes have none.
Errors: LG080, LG010, 42501.';

-- Midnight before the instant, in the client's zone.
CREATE FUNCTION bakkt_ledger_internal.start_of_day(holder integer, moment timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT date_trunc('day', moment AT TIME ZONE c.zone) AT TIME ZONE c.zone
    FROM client AS c
    WHERE c.client_id = holder;
END;

CREATE TYPE bakkt_ledger_internal.company_money_change AS (asset asset, effective_at timestamptz, part text, amount amount);
COMMENT ON TYPE company_money_change IS
    'What a journal did to the company''s money in an FBO account, credit positive; part: of the settlement flow.';

-- What has changed the company's money in the client's FBO account since an instant.
CREATE FUNCTION bakkt_ledger_internal.company_money_changes(holder integer, since timestamptz) RETURNS SETOF company_money_change
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT a.asset, j.effective_at,
           CASE WHEN j.kind <> kind_number('cash_call') THEN coalesce(t.direction, 'other')
                WHEN sign(amount_of(j.entry, a.account)) < 0 THEN 'collected'
                ELSE 'paid' END,
           -amount_of(j.entry, a.account)
    FROM journal AS j
    JOIN account AS a ON a.client_id = holder AND a.kind = 'fbo_due_to_corp' AND touches(j.entry, a.account)
    LEFT JOIN fbo_transfer AS t ON t.client_id = holder AND j.kind = kind_number('fbo_transfer')
                               AND j.journal_id IN (t.instructed_journal, t.ended_journal)
    WHERE j.client_id = holder AND j.effective_at >= since;
END;

CREATE TYPE bakkt_ledger.settlement_flow_line AS (
    asset asset,
    since timestamptz,
    opening amount,
    collected amount,
    paid amount,
    other amount,
    moved_to_business amount,
    moved_to_fbo amount,
    closing amount,
    in_transit_to_business amount,
    in_transit_to_fbo amount
);
COMMENT ON TYPE settlement_flow_line IS
'The company''s money in a client''s FBO account, in one asset, from an instant (since) to another.
opening + collected - paid + other - moved_to_business + moved_to_fbo = closing. collected, paid: by cash calls, from and to
customers, positive. other: signed. A transfer out counts when instructed, a transfer in when confirmed. in_transit_...: what
the bank had not confirmed at the end.';

-- settlement_flow() of a client.
CREATE FUNCTION bakkt_ledger_internal.settlement_flow_of(holder client, start timestamptz, until timestamptz)
    RETURNS SETOF settlement_flow_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    WITH moved AS MATERIALIZED (
        SELECT m.asset, m.effective_at > until AS later, m.part, m.amount
        FROM company_money_changes(holder.client_id, start) AS m
    ), in_transit AS MATERIALIZED (
        SELECT t.direction, t.in_transit AS amount
        FROM fbo_transfers(holder.code, true, until) AS t
    )
    SELECT a.asset, start, -b.posted - coalesce(n.everything, a.nothing), coalesce(n.collected, a.nothing),
           coalesce(n.paid, a.nothing), coalesce(n.other, a.nothing), coalesce(n.to_business, a.nothing),
           coalesce(n.to_fbo, a.nothing),
           -b.posted - coalesce(n.later, a.nothing), coalesce(i.to_business, a.nothing), coalesce(i.to_fbo, a.nothing)
    FROM (SELECT c.client_id, c.account, c.asset, zero(c.asset) AS nothing
          FROM account AS c
          WHERE c.client_id = holder.client_id AND c.kind = 'fbo_due_to_corp') AS a
    JOIN balance AS b ON b.client_id = a.client_id AND b.account = a.account
    CROSS JOIN LATERAL (SELECT sum(m.amount) AS everything,
                               sum(m.amount) FILTER (WHERE m.later) AS later,
                               sum(m.amount) FILTER (WHERE NOT m.later AND m.part = 'collected') AS collected,
                               -sum(m.amount) FILTER (WHERE NOT m.later AND m.part = 'paid') AS paid,
                               sum(m.amount) FILTER (WHERE NOT m.later AND m.part = 'other') AS other,
                               -sum(m.amount) FILTER (WHERE NOT m.later AND m.part = 'TO_BUSINESS') AS to_business,
                               sum(m.amount) FILTER (WHERE NOT m.later AND m.part = 'TO_FBO') AS to_fbo
                        FROM moved AS m
                        WHERE m.asset = a.asset) AS n
    CROSS JOIN LATERAL (SELECT sum(t.amount) FILTER (WHERE t.direction = 'TO_BUSINESS') AS to_business,
                               sum(t.amount) FILTER (WHERE t.direction = 'TO_FBO') AS to_fbo
                        FROM in_transit AS t
                        WHERE asset(t.amount) = a.asset) AS i
    ORDER BY a.asset;
END;
$$;
CREATE FUNCTION bakkt_ledger.settlement_flow(client text, since timestamptz DEFAULT NULL,
                                             at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF settlement_flow_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    holder constant client := client_row(require_client(client));
    start constant timestamptz := coalesce(since, start_of_day(holder.client_id, at));
BEGIN
    PERFORM require_instant(at);
    IF start > at THEN
        PERFORM refuse_invalid('the flow ends before it begins', NULL, 'since is its beginning, at its end.');
    END IF;
    RETURN QUERY SELECT f.* FROM settlement_flow_of(holder, start, at) AS f;
END;
$$;
COMMENT ON FUNCTION settlement_flow IS
'The company''s money in a client''s FBO account and what has moved it, by effective time, a row per asset.
since: midnight in the client''s zone when it is not given.
Errors: LG002 infinite, or since after at, LG010, LG061, 42501.';
