-- What a client that leaves still has to settle (doc/leaving.md): executions that no closed window
-- has, obligations, unapplied money.
-- Refuses nothing. Locks nothing.

INSERT INTO balance_ending
SELECT k.kind, 'close_window(), then its obligations' FROM account_kind AS k WHERE is_settled_kind(k.kind)
UNION ALL
VALUES ('corp_provider_net', 'settle_window() or record_wire()'),
       ('corp_client_obligation', 'settle_window() or record_wire()'),
       ('corp_provider_unapplied', 'apply_unapplied_payment() or return_unapplied_payment()'),
       ('corp_client_unapplied', 'apply_unapplied_payment() or return_unapplied_payment()');

-- Executions that are in no closed window: executed after the last one, or unknown to its horizon.
CREATE FUNCTION bakkt_ledger_internal.executions_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'execution', CASE count(*) WHEN 1 THEN min(j.reference) END, count(*), NULL::amount,
           'close_window() when the window has ended'
    FROM (SELECT last_window(holder) AS closed) AS w
    LEFT JOIN block AS b ON b.block_no = (w.closed).block_no
    JOIN journal AS j ON j.client_id = holder AND j.terms IS NOT NULL
                     AND (j.effective_at >= coalesce((w.closed).to_at, '-infinity')
                          OR j.journal_id > coalesce(b.high, 0) OR j.journal_id <@ b.pending)
    HAVING count(*) > 0;
END;

-- Obligations that are neither settled, carried nor written off, by counterparty and asset.
CREATE FUNCTION bakkt_ledger_internal.obligations_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    SELECT 'obligation', o.payer || ' to ' || o.payee, count(*), sum(outstanding(o)),
           'settle_window(), record_wire() or settle_provider(); propose_write_off()'
    FROM obligation AS o
    WHERE o.client_id = holder AND o.final_at IS NULL
    GROUP BY o.payer, o.payee, o.asset
    ORDER BY o.payer, o.payee, o.asset;
END;

-- What came in above what was owed.
CREATE FUNCTION bakkt_ledger_internal.unapplied_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'unapplied payment', u.counterparty, count(*), sum(unapplied_rest(u)),
           'apply_unapplied_payment() or return_unapplied_payment()'
    FROM unapplied_payment AS u
    WHERE u.client_id = holder AND u.status = 'UNAPPLIED'
    GROUP BY u.counterparty_kind, u.counterparty, u.asset
    ORDER BY u.counterparty_kind, u.counterparty, u.asset;
END;

INSERT INTO wind_down_list VALUES
    ('executions', 'executions_open', 30),
    ('obligations', 'obligations_open', 32),
    ('unapplied payments', 'unapplied_open', 34);
