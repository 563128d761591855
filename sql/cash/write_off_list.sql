-- The list of write-offs as they stood at an instant.
-- Locks nothing.

CREATE FUNCTION bakkt_ledger.cash_write_offs(client text, at timestamptz DEFAULT clock_timestamp())
    RETURNS TABLE (call bigint, account text, reference text, amount amount, called_at timestamptz, age_days integer, charge_month date, status text,
                   proposed_by name, proposed_at timestamptz, approved_by name, approved_at timestamptz, declined_by name, declined_at timestamptz,
                   decline_reason text, charged_at timestamptz, from_share amount, from_bad_debt amount, recovered amount, outstanding amount, journal bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(cash_write_offs.client);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT w.journal_id, cu.account_code, j.reference, w.amount, c.called_at, central_date(cash_write_offs.at) - central_date(c.called_at), w.charge_month,
           CASE WHEN d.charged AND d.restored THEN 'RESTORED' WHEN d.charged AND e.recovered >= w.amount THEN 'RECOVERED' WHEN d.charged THEN 'CHARGED'
                WHEN d.declined THEN 'DECLINED' WHEN c.closed_at <= cash_write_offs.at THEN 'LAPSED'
                WHEN d.approved THEN 'APPROVED' ELSE 'PROPOSED' END,
           w.proposed_by, w.proposed_at, CASE WHEN d.approved THEN w.approved_by END, CASE WHEN d.approved THEN w.approved_at END,
           CASE WHEN d.declined THEN w.declined_by END, CASE WHEN d.declined THEN w.declined_at END, CASE WHEN d.declined THEN w.decline_reason END,
           CASE WHEN d.charged THEN w.charged_at END, CASE WHEN d.charged THEN w.from_share END, CASE WHEN d.charged THEN w.from_bad_debt END,
           CASE WHEN d.charged THEN e.recovered END, CASE WHEN d.charged THEN e.written_off - e.recovered END,
           CASE WHEN d.charged THEN w.charge_journal END
      FROM cash_write_off w
      JOIN cash_call c USING (client_id, journal_id)
      JOIN customer cu ON cu.customer_id = c.customer_id
      JOIN journal j ON j.client_id = w.client_id AND j.journal_id = w.journal_id
      CROSS JOIN LATERAL (SELECT coalesce(sum(v.amount) FILTER (WHERE v.event = 'recovered'), zero(asset(w.amount))) AS recovered,
                                 coalesce(sum(v.amount) FILTER (WHERE v.event = 'written_off'), zero(asset(w.amount))) AS written_off,
                                 bool_or(v.event = 'busted') AS busted
                            FROM cash_call_event v
                           WHERE v.client_id = w.client_id AND v.journal_id = w.journal_id AND v.at <= cash_write_offs.at) AS e
      CROSS JOIN LATERAL (SELECT coalesce(w.charged_at <= cash_write_offs.at, false) AS charged, coalesce(e.busted, false) AS restored,
                                 coalesce(w.approved_at <= cash_write_offs.at, false) AS approved,
                                 coalesce(w.declined_at <= cash_write_offs.at, false) AS declined) AS d
     WHERE w.client_id = owning AND w.proposed_at <= cash_write_offs.at
     ORDER BY c.called_at, w.journal_id, w.proposal_no;
END;
$$;
COMMENT ON FUNCTION cash_write_offs(text, timestamptz) IS
    'The write-offs of a client as they stood at the instant, oldest cash call first: who proposed, approved or declined, when '
    'it may be charged, what the client''s share and bad debt bore, what has been recovered and what remains (outstanding). '
    'status: PROPOSED, APPROVED, DECLINED, LAPSED (the call ended otherwise), CHARGED, RECOVERED (whole), RESTORED (the '
    'execution was busted). Amounts are positive. Raises LG010, 42501, LG061 instant ahead of the clock, LG002 infinite.';
