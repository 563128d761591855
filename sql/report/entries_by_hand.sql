-- What people have posted by hand, and who and why.

CREATE TYPE bakkt_ledger.entry_by_hand_line AS (
    day date,
    client text,
    journal bigint,
    kind text,
    reference text,
    entry journal_entry,
    reverses bigint,
    posted_by text,
    proposed_by text,
    approved_by text,
    reason text,
    description text,
    effective_at timestamptz,
    recorded_at timestamptz,
    prior_period timestamptz
);
COMMENT ON TYPE entry_by_hand_line IS
'A journal that people have made by hand.
day: on which it was recorded, in the client''s zone. posted_by: the role that posted. proposed_by, approved_by: of what took two
people, NULL of what one person did alone. reason: the proposal''s, else the description. prior_period: the end of the closed
accounting period that it is effective in, when it was recorded after that had closed.';

CREATE FUNCTION bakkt_ledger.entries_by_hand(client text DEFAULT NULL, first_day date DEFAULT NULL, last_day date DEFAULT NULL)
    RETURNS SETOF entry_by_hand_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    RETURN QUERY
    SELECT (j.recorded_at AT TIME ZONE c.zone)::date, c.code, j.journal_id, k.name, j.reference, j.entry, j.reverses,
           r.role_name::text, coalesce(a.proposed_by, s.role_name)::text,
           coalesce(a.decided_by, CASE WHEN s.role_name IS NOT NULL THEN r.role_name END)::text,
           CASE WHEN p.proposal_id IS NOT NULL THEN p.reason WHEN s.role_name IS NOT NULL THEN w.content ->> 'reason'
                ELSE j.description END,
           CASE WHEN p.proposal_id IS NOT NULL THEN p.description ELSE j.description END,
           j.effective_at, j.recorded_at, prior_period(j)
    FROM client AS c
    -- days that an instant can be in
    CROSS JOIN LATERAL (SELECT least(coalesce(first_day, last_day, d.today), '294275-12-31') AS first,
                               least(coalesce(last_day, first_day, d.today), '294275-12-31') AS last
                        FROM (SELECT (statement_timestamp() AT TIME ZONE c.zone)::date AS today) AS d) AS days
    JOIN journal AS j ON j.client_id = c.client_id AND j.recorded_at >= days.first::timestamp AT TIME ZONE c.zone
                     AND j.recorded_at < (days.last + 1)::timestamp AT TIME ZONE c.zone
    JOIN journal_kind AS k ON k.kind = j.kind
    JOIN actor AS r ON r.actor_id = j.actor_id
    LEFT JOIN proposal AS p ON p.client_id = j.client_id AND j.reference = 'manual:' || p.reference
                            AND p.reference = substr(j.reference, 8)
    LEFT JOIN approval AS a ON a.client_id = p.client_id AND a.subject = 'proposal' AND a.subject_key = p.proposal_id::text
    LEFT JOIN request AS w ON k.name = 'manual' AND p.proposal_id IS NULL AND w.client_id = j.client_id AND w.scope = 'settlement'
                          AND w.reference = j.reference
    LEFT JOIN actor AS s ON s.actor_id = w.actor_id
    WHERE c.client_id = ANY (asked)
      AND (k.name = 'manual' OR p.proposal_id IS NOT NULL OR is_lone_kind(k.name, j.reference))
    ORDER BY c.client_id, j.recorded_at, j.journal_id;
END;
$$;
COMMENT ON FUNCTION entries_by_hand IS
'Every entry made by hand, as recorded on the days from the first to the last, of one client or all visible ones.
post_journal(s), load_journal(s) of general kinds, reverse_journal, capture_hold, approved proposals (adjustments of customers''
cash too) and write-offs of obligations. For the company, which sees all clients.
first_day, last_day: in the client''s zone; one day when only one is given, today when none is.
Errors: LG010, 42501.';
