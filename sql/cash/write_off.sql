-- Writing off cash calls, and what is recovered of them: the table (doc/cash.md). A purchase that
-- stays unpaid longer than the client's terms allow is proposed for write-off, approved by a second
-- person, and charged in a later month: to the client's share of revenue as far as it has accrued,
-- the rest to bad debt (J05c). Until then it is attempted like any other call. A recovery restores
-- bad debt first, then the client's share (J05e). Who proposed and who decided is in approval; here
-- is what is special: when it may be charged, and what bore it.

CREATE TABLE bakkt_ledger_internal.cash_write_off (
    client_id integer NOT NULL,
    journal_id bigint NOT NULL,
    proposal_no integer NOT NULL CHECK (proposal_no > 0),
    amount amount NOT NULL,
    eligible_on date NOT NULL,
    charge_month date NOT NULL CHECK (charge_month > eligible_on AND extract(day FROM charge_month) = 1),
    charged_at timestamptz,
    charge_journal bigint,
    from_share amount,
    from_bad_debt amount,
    CONSTRAINT cash_write_off_pkey PRIMARY KEY (client_id, journal_id, proposal_no),
    CONSTRAINT cash_write_off_call FOREIGN KEY (client_id, journal_id) REFERENCES cash_call,
    CONSTRAINT cash_write_off_whole CHECK (charged_at IS NULL OR from_share + from_bad_debt = amount)
);
CREATE INDEX cash_write_off_uncharged_idx ON cash_write_off (client_id, journal_id) WHERE charged_at IS NULL;
COMMENT ON TABLE cash_write_off IS
    'Proposals to write off cash calls: when each may be charged, and what bore it. Who proposed and decided is in approval.';
COMMENT ON COLUMN cash_write_off.journal_id IS 'The cash call.';
COMMENT ON COLUMN cash_write_off.proposal_no IS 'From 1; a call whose write-off was declined can be proposed again by hand.';
COMMENT ON COLUMN cash_write_off.eligible_on IS 'First Central date on which the call was older than the client''s terms allow.';
COMMENT ON COLUMN cash_write_off.charge_month IS
    'First day of the Central month in which it may be charged: the one after eligible_on.';
COMMENT ON COLUMN cash_write_off.charged_at IS 'When it was posted, by charge_journal; NULL: not yet, or never.';
COMMENT ON COLUMN cash_write_off.from_share IS 'Taken from the client''s share of revenue (PARTNER_WRITE_OFF).';
COMMENT ON COLUMN cash_write_off.from_bad_debt IS 'Borne by the company (BAKKT_WRITE_OFF).';
SELECT pg_catalog.pg_extension_config_dump('cash_write_off', '');
SELECT refuse_writes('cash_write_off', 'DELETE OR TRUNCATE');
INSERT INTO subject (subject, key) VALUES ('cash_write_off', '{journal_id,proposal_no}');

CREATE TYPE bakkt_ledger_internal.cash_write_off_state AS (
    client_id integer,
    journal_id bigint,
    proposal_no integer,
    status text,
    amount amount,
    eligible_on date,
    charge_month date,
    proposed_by name,
    proposed_role regrole,
    proposed_at timestamptz,
    approved_by name,
    approved_at timestamptz,
    declined_by name,
    declined_at timestamptz,
    decline_reason text,
    lapsed_at timestamptz,
    charged_at timestamptz,
    charge_journal bigint,
    from_share amount,
    from_bad_debt amount
);
COMMENT ON TYPE cash_write_off_state IS
'A proposal to write off a cash call, and what became of it.
journal_id: the call; proposal_no: from 1; eligible_on, charge_month: since when it may be proposed, and from when on charged,
Central.
status: PROPOSED; APPROVED by a second person; DECLINED; LAPSED: the call ended otherwise before; CHARGED: posted, from_share to
the client''s share of revenue and from_bad_debt to bad debt.';

-- The proposals to write off the calls of a client, with what was decided on them. Who approved one
-- that was declined afterwards, its event tells.
CREATE FUNCTION bakkt_ledger_internal.write_offs_of(holder integer) RETURNS SETOF cash_write_off_state
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT w.client_id, w.journal_id, w.proposal_no, CASE WHEN w.charged_at IS NULL THEN p.status ELSE 'CHARGED' END, w.amount,
           w.eligible_on, w.charge_month, p.proposed_by, p.proposed_role, p.proposed_at,
           (yes.changed ->> 'decided_by')::name, yes.at,
           CASE p.status WHEN 'DECLINED' THEN p.decided_by END, CASE p.status WHEN 'DECLINED' THEN p.decided_at END,
           p.decision_reason, CASE p.status WHEN 'LAPSED' THEN p.decided_at END, w.charged_at, w.charge_journal,
           w.from_share, w.from_bad_debt
    FROM cash_write_off AS w
    JOIN approval AS p ON p.client_id = holder AND p.subject = 'cash_write_off'
                      AND p.subject_key = w.journal_id || '/' || w.proposal_no
    LEFT JOIN event AS yes ON yes.client_id = holder AND yes.subject = 'approval' AND yes.subject_key = p.approval_id::text
                          AND yes.event = 'approved'
    WHERE w.client_id = holder;
END;

-- The last proposal to write a cash call off; NULL when there was none.
CREATE FUNCTION bakkt_ledger_internal.latest_write_off(holder integer, number bigint) RETURNS cash_write_off_state
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT w
            FROM write_offs_of(holder) AS w
            WHERE w.journal_id = number
            ORDER BY w.proposal_no DESC LIMIT 1);
END;
$$;

CREATE TYPE bakkt_ledger.cash_write_off_result AS (
    request integer,
    reference text,
    outcome text,
    replayed boolean,
    customer text,
    call bigint,
    proposal integer,
    amount amount,
    status text,
    at timestamptz,
    decided_by name,
    reason text,
    eligible_on date,
    charge_month date
);
COMMENT ON TYPE cash_write_off_result IS
'What became of a request about the write-off of a cash call.
request: its place in the batch from 1. reference: of the execution, or bust, whose call it is. outcome: proposed, approved or
declined. replayed: this had happened before, and the columns are those of the first answer. proposal: which of the call, from
1. amount: positive. status, at: of the proposal after it, and since when. decided_by, reason: who proposed, approved or
declined it then, and why. eligible_on: first Central date on which it could be proposed. charge_month: first day of the Central
month in which it may be charged.';

-- What is answered about a step of a proposal, now or (again) before.
CREATE FUNCTION bakkt_ledger_internal.cash_write_off_answer(proposed cash_write_off_state, happening text, again boolean,
                                                            place bigint)
    RETURNS cash_write_off_result
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT ROW(place, j.reference, happening, again, u.customer_code, c.journal_id, proposed.proposal_no, proposed.amount,
                       upper(happening), s.at, s.who, s.why, proposed.eligible_on, proposed.charge_month)::cash_write_off_result
            FROM cash_call AS c
            JOIN customer AS u ON u.customer_id = c.customer_id
            JOIN journal AS j ON j.client_id = c.client_id AND j.journal_id = c.journal_id
            JOIN (VALUES ('proposed', proposed.proposed_at, proposed.proposed_by, NULL),
                         ('approved', proposed.approved_at, proposed.approved_by, NULL),
                         ('declined', proposed.declined_at, proposed.declined_by, proposed.decline_reason))
                 AS s (step, at, who, why) ON s.step = happening
            WHERE c.client_id = proposed.client_id AND c.journal_id = proposed.journal_id);
END;
$$;
