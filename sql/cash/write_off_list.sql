-- The list of write-offs as they stood at an instant.
-- Locks nothing.

CREATE TYPE bakkt_ledger.cash_write_off_line AS (
    call bigint,
    customer text,
    reference text,
    amount amount,
    called_at timestamptz,
    age_days integer,
    charge_month date,
    status text,
    proposed_by name,
    proposed_at timestamptz,
    approved_by name,
    approved_at timestamptz,
    declined_by name,
    declined_at timestamptz,
    decline_reason text,
    charged_at timestamptz,
    from_share amount,
    from_bad_debt amount,
    recovered amount,
    outstanding amount,
    journal bigint
);
COMMENT ON TYPE cash_write_off_line IS
'A write-off of a cash call as it stood at an instant; amounts are positive.
reference: of the call''s execution. charge_month: first day of the Central month in which it may be charged. status: PROPOSED,
APPROVED, DECLINED, LAPSED (the call ended otherwise), CHARGED, RECOVERED (whole), RESTORED (the execution was busted).
from_share, from_bad_debt: what the client''s share of revenue and bad debt bore. outstanding: what has not been recovered.
journal: that charged it.';

CREATE FUNCTION bakkt_ledger.cash_write_offs(client text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF cash_write_off_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT w.journal_id, u.customer_code, j.reference::text, w.amount, c.called_at, central_date(at) - central_date(c.called_at),
           w.charge_month,
           CASE WHEN d.charged AND sign(f.busted) > 0 THEN 'RESTORED' WHEN d.charged AND f.recovered >= w.amount THEN 'RECOVERED'
                WHEN d.charged THEN 'CHARGED' WHEN d.declined THEN 'DECLINED' WHEN c.closed_at <= at THEN 'LAPSED'
                WHEN d.approved THEN 'APPROVED' ELSE 'PROPOSED' END,
           w.proposed_by, w.proposed_at, CASE WHEN d.approved THEN w.approved_by END, CASE WHEN d.approved THEN w.approved_at END,
           CASE WHEN d.declined THEN w.declined_by END, CASE WHEN d.declined THEN w.declined_at END,
           CASE WHEN d.declined THEN w.decline_reason END, CASE WHEN d.charged THEN w.charged_at END,
           CASE WHEN d.charged THEN w.from_share END, CASE WHEN d.charged THEN w.from_bad_debt END,
           CASE WHEN d.charged THEN f.recovered END, CASE WHEN d.charged THEN f.written_off - f.recovered END,
           CASE WHEN d.charged THEN w.charge_journal END
    FROM write_offs_of(holder) AS w
    JOIN cash_call AS c ON c.client_id = holder AND c.journal_id = w.journal_id
    JOIN customer AS u ON u.customer_id = c.customer_id
    JOIN journal AS j ON j.client_id = holder AND j.journal_id = w.journal_id
    CROSS JOIN LATERAL cash_call_facts(holder, w.journal_id, w.amount, at, 'infinity') AS f
    CROSS JOIN LATERAL (SELECT coalesce(w.charged_at <= at, false) AS charged, coalesce(w.approved_at <= at, false) AS approved,
                               coalesce(w.declined_at <= at, false) AS declined) AS d
    WHERE w.proposed_at <= at
    ORDER BY c.called_at, w.journal_id, w.proposal_no;
END;
$$;
COMMENT ON FUNCTION cash_write_offs IS
'The write-offs of a client as they stood at the instant, oldest cash call first.
Errors: LG010, 42501, LG061 instant ahead of the clock, LG002 infinite.';
