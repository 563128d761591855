-- What has been proposed and decided for a client, as approvers and proposers read it. It stands on
-- the last floor whose rows are proposed, because it looks up what each proposal is about.
-- Refuses clients that the caller may not see (LG010, 42501), and pages that are too large (54000).
-- Locks nothing.

CREATE TYPE bakkt_ledger.approval_line AS (
    number bigint,
    subject text,
    subject_key text,
    reference text,
    status text,
    amount amount,
    entry journal_entry,
    reason text,
    description text,
    proposed_by text,
    proposed_at timestamptz,
    decided_by text,
    decided_at timestamptz,
    decision_reason text
);
COMMENT ON TYPE approval_line IS
'A proposal as approvals() lists it. subject: what it is about, subject_key: which one. reference: under which it is decided.
entry, description: of an entry by hand (subject proposal). amount: what an approver''s limit is compared with. number: where the
next page continues.';

CREATE FUNCTION bakkt_ledger.approvals(client text, status text DEFAULT NULL, after bigint DEFAULT 0, most integer DEFAULT 1000)
    RETURNS SETOF approval_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    company constant boolean := is_company();
    wanted constant text := status;
BEGIN
    RETURN QUERY
    SELECT p.approval_id, p.subject, p.subject_key,
           coalesce(m.reference, w.reference, s.reference, t.reference, d.reference, v.reference), p.status, p.amount, m.entry,
           p.reason, m.description, p.proposed_by::text, p.proposed_at, p.decided_by::text, p.decided_at, p.decision_reason
    FROM approval AS p
    LEFT JOIN proposal AS m
           ON m.client_id = holder AND m.proposal_id = CASE p.subject WHEN 'proposal' THEN p.subject_key::bigint END
    LEFT JOIN obligation AS o
           ON o.client_id = holder AND o.obligation_id = CASE p.subject WHEN 'obligation' THEN p.subject_key::bigint END
    LEFT JOIN share_payout AS s
           ON s.client_id = holder AND s.payout_id = CASE p.subject WHEN 'share_payout' THEN p.subject_key::bigint END
    LEFT JOIN take_back AS t
           ON t.client_id = holder AND t.take_back_id = CASE p.subject WHEN 'take_back' THEN p.subject_key::bigint END
    LEFT JOIN deficit_write_off AS d
           ON d.client_id = holder AND d.write_off_id = CASE p.subject WHEN 'deficit_write_off' THEN p.subject_key::bigint END
    LEFT JOIN customer_move AS v
           ON v.client_id = holder AND v.move_id = CASE p.subject WHEN 'customer_move' THEN p.subject_key::bigint END
    LEFT JOIN request AS w
           ON o.client_id IS NOT NULL AND w.client_id = holder AND w.scope = 'settlement' AND w.operation = 'propose_write_off'
          AND w.outcome @> jsonb_build_object('approval', p.approval_id)
    WHERE p.client_id = holder AND p.approval_id > after AND (wanted IS NULL OR p.status = wanted)
      AND (company OR may_see_entry(holder, m.entry) AND o.counterparty_kind IS DISTINCT FROM 'provider'
                      AND p.subject NOT IN ('take_back', 'deficit_write_off'))
    ORDER BY p.approval_id
    LIMIT require_page(most);
END;
$$;
COMMENT ON FUNCTION approvals IS
'What has been proposed for a client and what was decided, in the order of the proposals.
status: PROPOSED, APPROVED, DECLINED or LAPSED; NULL: all. after, most: see customers().
A tenant is not told of entries with a line of a provider or of revenue, of what a provider owes, nor of coin to be taken back and
deficits to be written off: these are for an approver of the company.
Errors: LG010, 42501, LG002, 54000.';
