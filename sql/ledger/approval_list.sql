-- What has been proposed and decided for a client, as approvers and proposers read it.

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
'A proposal as approvals() lists it. subject: what it is about, subject_key: which one. reference, entry, description: of an
entry by hand (subject proposal). amount: what an approver''s limit is compared with. number: where the next page goes on.';

CREATE FUNCTION bakkt_ledger.approvals(client text, status text DEFAULT NULL, after bigint DEFAULT 0, most integer DEFAULT 1000)
    RETURNS SETOF approval_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant text := approvals.status;
BEGIN
    RETURN QUERY
    SELECT p.approval_id, p.subject, p.subject_key, m.reference, p.status,
           CASE WHEN m.entry IS NULL OR may_see_entry(holder, m.entry) THEN p.amount END,
           CASE WHEN may_see_entry(holder, m.entry) THEN m.entry END,
           p.reason, m.description, p.proposed_by::text, p.proposed_at, p.decided_by::text, p.decided_at, p.decision_reason
    FROM approval AS p
    LEFT JOIN proposal AS m ON p.subject = 'proposal' AND m.client_id = p.client_id AND m.proposal_id::text = p.subject_key
    WHERE p.client_id = holder AND p.approval_id > after AND (asked IS NULL OR p.status = asked)
    ORDER BY p.approval_id
    LIMIT require_page(most);
END;
$$;
COMMENT ON FUNCTION approvals(text, text, bigint, integer) IS
'What has been proposed for a client and what was decided, in the order of the proposals.
status: PROPOSED, APPROVED, DECLINED or LAPSED; NULL: all. after, most: see customers().
A tenant does not see an entry with a line of a provider or of revenue: such an entry is for an approver of the company.
Errors: LG010, 42501, LG002, 54000.';
