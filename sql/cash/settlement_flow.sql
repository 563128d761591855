-- Reading the settlement flow: transfers, the calls each covers, and the company's money over a
-- day.
-- Refuses unknown transfers (LG080), clients the caller may not see.
-- Locks nothing.

CREATE FUNCTION bakkt_ledger.fbo_transfers(client text DEFAULT NULL, at timestamptz DEFAULT NULL, in_transit_only boolean DEFAULT false)
    RETURNS TABLE (client_code text, reference text, direction text, purpose text, amount amount, in_transit amount, bank text, status text,
                   instructed_at timestamptz, ended_at timestamptz, bank_reference text, reason text, taken_up_by text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    until   constant timestamptz := coalesce(fbo_transfers.at, 'infinity');
BEGIN
    IF fbo_transfers.client IS NOT NULL THEN
        PERFORM require_client(fbo_transfers.client);
    END IF;
    IF fbo_transfers.at IS NOT NULL THEN
        PERFORM require_instant(fbo_transfers.at);
    END IF;
    RETURN QUERY
    SELECT c.code, t.reference, t.direction, t.purpose, t.amount, CASE WHEN s.open THEN t.amount ELSE zero(asset(t.amount)) END, t.bank,
           CASE WHEN s.open THEN 'INSTRUCTED' ELSE t.status END, t.instructed_at, CASE WHEN NOT s.open THEN t.ended_at END,
           CASE WHEN NOT s.open THEN t.bank_reference END, e.reason, CASE WHEN NOT s.open AND n.instructed_at <= until THEN n.reference END
    FROM fbo_transfer t
    JOIN client c ON c.client_id = t.client_id
    CROSS JOIN LATERAL (SELECT coalesce(t.ended_at > until, true) AS open) s
    LEFT JOIN fbo_transfer_event e ON e.client_id = t.client_id AND e.transfer_id = t.transfer_id AND e.event = 'failed' AND NOT s.open
    LEFT JOIN fbo_transfer n ON n.client_id = t.client_id AND n.transfer_id = t.taken_up_by
    WHERE c.client_id = ANY (visible_clients())
      AND c.code = coalesce(fbo_transfers.client, c.code)
      AND t.instructed_at <= until AND (s.open OR NOT in_transit_only)
    ORDER BY c.code, t.transfer_id;
END;
$$;
COMMENT ON FUNCTION fbo_transfers(text, timestamptz, boolean) IS
    'The transfers between FBO and business account as they stand now or, with at, as they stood at an instant, of one client '
    'or all visible ones. in_transit: what the bank had not confirmed; in_transit_only leaves out all others. LG002, LG010, '
    'LG061, 42501.';

CREATE FUNCTION bakkt_ledger_internal.covered_by(moved fbo_transfer) RETURNS SETOF fbo_transfer
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH RECURSIVE chain AS (
        SELECT moved.*
        UNION ALL
        SELECT f.* FROM chain c JOIN fbo_transfer f ON f.client_id = c.client_id AND f.taken_up_by = c.transfer_id AND f.status = 'FAILED'
    )
    SELECT * FROM chain
$$;
COMMENT ON FUNCTION covered_by(fbo_transfer) IS 'Internal: the transfer, and the failed ones whose money it moves instead.';

CREATE FUNCTION bakkt_ledger.fbo_transfer_calls(client text, reference text)
    RETURNS TABLE (call bigint, account text, direction text, event text, amount amount, at timestamptz, journal bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_client(client);
    moved       fbo_transfer;
BEGIN
    SELECT t.* INTO moved FROM fbo_transfer t WHERE t.client_id = owner_id AND t.reference = fbo_transfer_calls.reference;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG080', MESSAGE = format('transfer "%s" does not exist', coalesce(reference, 'NULL')),
            HINT = 'fbo_transfers() lists the transfers of a client.';
    END IF;
    RETURN QUERY
    WITH range AS (
        SELECT t.* FROM covered_by(moved) t WHERE t.covers IS NOT NULL
    ), paid AS (        -- a call is settled when it is closed, so the index on closed_recorded_at finds it
        SELECT r.covers, k.journal_id, k.customer_id, k.withdrawal, e.event, e.at, e.journal_id AS event_journal, e.amount
        FROM range r
        JOIN cash_call k ON k.client_id = owner_id AND k.closed_recorded_at > r.covered_after AND k.closed_recorded_at <= r.covered_through
         AND k.status = 'S' AND NOT k.apex
        JOIN LATERAL cash_call_events(owner_id, k.journal_id) AS e ON e.event = 'settled'
        WHERE asset(k.amount) = asset(moved.amount)
        UNION ALL
        SELECT r.covers, k.journal_id, k.customer_id, true, e.event, e.at, e.journal_id, e.amount
        FROM range r
        JOIN event AS e ON e.client_id = owner_id AND e.subject = 'cash_call' AND e.event = 'recovered'
                       AND e.recorded_at > r.covered_after AND e.recorded_at <= r.covered_through
        JOIN journal j ON j.client_id = owner_id AND j.journal_id = e.journal_id
        JOIN account a ON a.client_id = owner_id AND a.kind = 'fbo_due_to_corp' AND a.asset = asset(moved.amount) AND touches(j.entry, a.account)
        JOIN cash_call k ON k.client_id = owner_id AND k.journal_id = e.subject_key::bigint AND NOT k.apex
        WHERE asset(e.amount) = asset(moved.amount)
    )
    SELECT p.journal_id, u.account_code, CASE WHEN p.withdrawal THEN 'Withdrawal' ELSE 'Deposit' END, p.event, p.amount, p.at, p.event_journal
    FROM paid p JOIN customer u ON u.customer_id = p.customer_id
    WHERE p.covers = 'ALL' OR (p.covers = 'WITHDRAWALS') = p.withdrawal
    ORDER BY p.at, p.journal_id;
END;
$$;
COMMENT ON FUNCTION fbo_transfer_calls(text, text) IS
    'The settled cash calls, and recoveries, whose money a settlement transfer moves: each belongs to one transfer, and that '
    'never changes; those of a failed transfer also belong to the one that moves its money instead. Transfers for other '
    'purposes have none. LG080, LG010, 42501.';

CREATE FUNCTION bakkt_ledger_internal.start_of_day(client_id integer, at timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT date_trunc('day', $2 AT TIME ZONE c.zone) AT TIME ZONE c.zone FROM client c WHERE c.client_id = $1
$$;
COMMENT ON FUNCTION start_of_day(integer, timestamptz) IS 'Internal: midnight before the instant, in the client''s zone.';

CREATE FUNCTION bakkt_ledger.settlement_flow(client text, at timestamptz DEFAULT clock_timestamp(), since timestamptz DEFAULT NULL)
    RETURNS TABLE (asset asset, from_at timestamptz, opening amount, collected amount, paid amount, other amount, moved_to_business amount,
                   moved_to_fbo amount, closing amount, in_transit_to_business amount, in_transit_to_fbo amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_client(client);
    start       constant timestamptz := coalesce(settlement_flow.since, start_of_day(owner_id, settlement_flow.at));
BEGIN
    PERFORM require_instant(settlement_flow.at);
    IF start > settlement_flow.at THEN
        PERFORM refuse_invalid('the flow ends before it begins', NULL, 'at is its end and comes first, since is its beginning.');
    END IF;
    RETURN QUERY
    WITH cover AS (
        SELECT a.account, a.asset, zero(a.asset) AS nothing, -b.posted AS present
        FROM account a JOIN balance b ON b.client_id = a.client_id AND b.account = a.account
        WHERE a.client_id = owner_id AND a.kind = 'fbo_due_to_corp'
    ), change AS (      -- credit positive: what the company gained in the FBO account
        SELECT c.asset, j.effective_at > settlement_flow.at AS later, -amount_of(j.entry, c.account) AS amount,
               CASE WHEN j.kind = kind_number('cash_call') THEN CASE WHEN sign(amount_of(j.entry, c.account)) < 0 THEN 'collected' ELSE 'paid' END
                    ELSE coalesce(t.direction, 'other') END AS part
        FROM journal j
        JOIN cover c ON touches(j.entry, c.account)
        LEFT JOIN fbo_transfer t ON t.client_id = owner_id AND j.kind = kind_number('fbo_transfer') AND j.journal_id IN (t.instructed_journal, t.ended_journal)
        WHERE j.client_id = owner_id AND j.effective_at >= start
    ), total AS (
        SELECT c.asset, sum(c.amount) AS everything, sum(c.amount) FILTER (WHERE c.later) AS later,
               sum(c.amount) FILTER (WHERE NOT c.later AND c.part = 'collected') AS collected,
               -sum(c.amount) FILTER (WHERE NOT c.later AND c.part = 'paid') AS paid,
               sum(c.amount) FILTER (WHERE NOT c.later AND c.part = 'other') AS other,
               -sum(c.amount) FILTER (WHERE NOT c.later AND c.part = 'TO_BUSINESS') AS to_business,
               sum(c.amount) FILTER (WHERE NOT c.later AND c.part = 'TO_FBO') AS to_fbo
        FROM change c GROUP BY c.asset
    )
    SELECT c.asset, start, c.present - coalesce(n.everything, c.nothing), coalesce(n.collected, c.nothing), coalesce(n.paid, c.nothing),
           coalesce(n.other, c.nothing), coalesce(n.to_business, c.nothing), coalesce(n.to_fbo, c.nothing),
           c.present - coalesce(n.later, c.nothing),
           coalesce((SELECT sum(t.in_transit) FROM fbo_transfers(client, settlement_flow.at, true) t
                     WHERE t.direction = 'TO_BUSINESS' AND asset(t.amount) = c.asset), c.nothing),
           coalesce((SELECT sum(t.in_transit) FROM fbo_transfers(client, settlement_flow.at, true) t
                     WHERE t.direction = 'TO_FBO' AND asset(t.amount) = c.asset), c.nothing)
    FROM cover c LEFT JOIN total n ON n.asset = c.asset
    ORDER BY c.asset;
END;
$$;
COMMENT ON FUNCTION settlement_flow(text, timestamptz, timestamptz) IS
    'The company''s money in a client''s FBO account, per asset, from an instant (default: midnight in the client''s zone) to '
    'another, by effective time: opening + collected by calls - paid by calls + other - moved_to_business + moved_to_fbo = '
    'closing. A transfer out counts when instructed, a transfer in when confirmed; in_transit is what the bank had not '
    'confirmed at the end. LG002 infinite, or since after at, LG010, LG061, 42501.';
