-- What people have posted by hand, who and why.
-- Refuses callers who do not see all clients (42501).

CREATE FUNCTION bakkt_ledger.entries_by_hand(client text DEFAULT NULL, first_day date DEFAULT NULL, last_day date DEFAULT NULL)
    RETURNS TABLE (day date, client_code text, journal bigint, kind text, reference text, entry journal_entry, reverses bigint,
                   posted_by text, proposed_by text, approved_by text, reason text, description text,
                   effective_at timestamptz, recorded_at timestamptz)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT (j.recorded_at AT TIME ZONE c.zone)::date, c.code, j.journal_id, k.name, j.reference, j.entry, j.reverses,
           r.role_name, coalesce(p.proposed_by, s.role_name), coalesce(p.decided_by, CASE WHEN s.role_name IS NOT NULL THEN r.role_name END),
           CASE WHEN p.proposal_id IS NOT NULL THEN p.reason WHEN s.role_name IS NOT NULL THEN w.content ->> 'reason' ELSE j.description END,
           CASE WHEN p.proposal_id IS NOT NULL THEN p.description ELSE j.description END,
           j.effective_at, j.recorded_at
    FROM clients_asked(entries_by_hand.client) c
    CROSS JOIN LATERAL (SELECT coalesce(first_day, last_day, (statement_timestamp() AT TIME ZONE c.zone)::date) AS first,
                               coalesce(last_day, first_day, (statement_timestamp() AT TIME ZONE c.zone)::date) AS last) days
    JOIN journal j ON j.client_id = c.client_id
        AND j.recorded_at >= days.first::timestamp AT TIME ZONE c.zone AND j.recorded_at < (days.last + 1)::timestamp AT TIME ZONE c.zone
    JOIN journal_kind k ON k.kind = j.kind
    JOIN actor r ON r.actor_id = j.actor_id
    LEFT JOIN proposal p ON p.client_id = j.client_id AND j.reference = 'manual:' || p.reference AND p.reference = substr(j.reference, 8)
    LEFT JOIN request w ON k.name = 'manual' AND p.proposal_id IS NULL AND w.client_id = j.client_id AND w.scope = 'settlement' AND w.reference = j.reference
    LEFT JOIN actor s ON s.actor_id = w.actor_id
    WHERE k.name IN ('manual', 'hold_capture') OR p.proposal_id IS NOT NULL
       OR k.name IN ('general', 'reversal', 'coin_withdrawal', 'transfer', 'opening', 'cash_deposit', 'cash_withdrawal', 'fee')
          AND NOT is_reserved_reference(j.reference)
    ORDER BY c.client_id, j.recorded_at, j.journal_id
$$;
COMMENT ON FUNCTION entries_by_hand(text, date, date) IS
    'Every entry that people have made by hand, as recorded on the days from the first to the last (in the client''s zone; one '
    'day when only one is given, today when none is), of one client or all visible ones: post_journal(s), load_journal(s) of '
    'general kinds, reverse_journal, capture_hold, approved proposals (adjustments of customers'' cash too) and write-offs of '
    'obligations. posted_by: the role that posted. proposed_by, approved_by: the two people, NULL for what one person did '
    'alone. reason: that of the proposal, otherwise the description. Only for roles that see all clients. Raises LG010, 42501.';
