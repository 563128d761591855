-- What a client that leaves still has under way in cash (doc/leaving.md): transfers, cash calls,
-- its share of revenue.
-- Refuses nothing. Locks nothing.

-- Deposits, withdrawals and wires, by what each awaits.
CREATE FUNCTION bakkt_ledger_internal.fundings_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    SELECT t.what, CASE count(*) WHEN 1 THEN min(t.reference) END, count(*), sum(t.amount), t.how_it_ends
    FROM transfers_under_way(holder) AS t
    GROUP BY t.what, t.how_it_ends, asset(t.amount)
    ORDER BY t.what, t.how_it_ends;
END;

-- Transfers between the FBO bank accounts and the business account that no bank has confirmed.
CREATE FUNCTION bakkt_ledger_internal.fbo_transfers_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'FBO transfer', CASE count(*) WHEN 1 THEN min(t.reference) END, count(*), sum(t.amount),
           'confirm_fbo_transfer() or fail_fbo_transfer()'
    FROM fbo_transfer AS t
    WHERE t.client_id = holder AND t.status = 'INSTRUCTED'
    GROUP BY asset(t.amount);
END;

-- Cash calls that are outstanding, of purchases and of sales.
CREATE FUNCTION bakkt_ledger_internal.cash_calls_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
    SELECT 'cash call', CASE count(*) WHEN 1 THEN min(c.journal_id)::text END, count(*), sum(c.amount), cash_call_ends(c.apex)
    FROM cash_call AS c
    WHERE c.client_id = holder AND c.status = 'O'
    GROUP BY c.apex, c.withdrawal, asset(c.amount)
    ORDER BY c.apex, c.withdrawal;
END;

-- Executions whose share of revenue is not trued up yet: sealed since the last time, or unsealed.
CREATE FUNCTION bakkt_ledger_internal.share_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'revenue share', NULL::text, sum(f.executions)::bigint, NULL::amount, 'seal(), then true_up_revenue_shares()'
    FROM (SELECT s.executions
          FROM (SELECT max(b.block_no) AS last_block FROM block AS b) AS b
          CROSS JOIN (SELECT coalesce(max(t.block_no), 0) AS counted FROM revenue_share_total AS t
                      WHERE t.client_id = holder) AS t
          CROSS JOIN LATERAL share_figures(holder, t.counted, b.last_block) AS s
          UNION ALL
          SELECT 1
          FROM unsealed_journals(holder) AS j
          WHERE j.terms IS NOT NULL AND revenue_share_bps(j.terms) <> 0) AS f (executions)
    HAVING sum(f.executions) > 0;
END;

-- Payouts of the share that are neither paid nor refused.
CREATE FUNCTION bakkt_ledger_internal.payouts_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'share payout', CASE count(*) WHEN 1 THEN min(p.reference) END, count(*), sum(p.amount),
           CASE p.status WHEN 'PROPOSED' THEN 'approve_share_payout() or decline_share_payout()'
                         ELSE 'confirm_share_payout() or fail_share_payout()' END
    FROM share_payout AS p
    WHERE p.client_id = holder AND p.status IN ('PROPOSED', 'INSTRUCTED')
    GROUP BY p.status, asset(p.amount);
END;

INSERT INTO wind_down_list VALUES
    ('deposits and withdrawals', 'fundings_open', 20),
    ('FBO transfers', 'fbo_transfers_open', 22),
    ('cash calls', 'cash_calls_open', 24),
    ('revenue share', 'share_open', 26),
    ('share payouts', 'payouts_open', 28);
