-- Charging approved write-offs, in the month after the call became old enough.
-- Locks the client's share of revenue, the customers, then proposals and calls.

-- J05c, on whichever account the call stands; of negative parts: restored by a bust.
INSERT INTO template (template, journal_kind, purpose) VALUES
    ('cash_write_off', 'cash_write_off', 'a cash call written off (J05c); negative: restored');
INSERT INTO template_line (template, line, side, account_kind, parties, amount) VALUES
    ('cash_write_off', 1, 'debit', 'corp_revenue_share', '{client}', 'share'),
    ('cash_write_off', 2, 'debit', 'corp_bad_debt', '{}', 'bad_debt'),
    ('cash_write_off', 3, 'credit', 'corp_tpj_receivable', '{customer}', 'corp_tpj_receivable'),
    ('cash_write_off', 4, 'credit', 'corp_tpj_payable', '{customer}', 'corp_tpj_payable'),
    ('cash_write_off', 5, 'credit', 'corp_apex_receivable', '{client}', 'corp_apex_receivable'),
    ('cash_write_off', 6, 'credit', 'corp_apex_payable', '{client}', 'corp_apex_payable');

-- Posts a write-off, or, of negative parts, one restored.
CREATE FUNCTION bakkt_ledger_internal.post_write_off(call cash_call, reference text, share amount, bad_debt amount,
                                                     moment timestamptz, description text)
    RETURNS journal_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    stands_on constant text := cash_call_kind(call.apex, call.sale);
    amounts jsonb;
BEGIN
    SELECT jsonb_object_agg(t.amount, CASE t.amount WHEN 'share' THEN share WHEN 'bad_debt' THEN bad_debt
                                                    WHEN stands_on THEN share + bad_debt ELSE zero(asset(share)) END)
    INTO amounts
    FROM template_line AS t
    WHERE t.template = 'cash_write_off';
    RETURN post_template(call.client_id, 'cash_write_off', reference, cash_call_parties(call), amounts, moment, description);
END;
$$;

-- Charges one write-off, the client's share first up to what has accrued.
CREATE FUNCTION bakkt_ledger_internal.charge_write_off(proposed cash_write_off_state, call cash_call, accrued amount,
                                                       moment timestamptz)
    RETURNS cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    share constant amount := least(accrued, call.amount);
    posted journal_result;
    before cash_write_off;
    after cash_write_off;
BEGIN
    posted := post_write_off(call, 'write-off:' || call.journal_id, share, call.amount - share, moment,
                             format('Write-off of cash call %s, approved by %s', call.journal_id, proposed.approved_by));
    PERFORM record_cash_call_event(call.client_id, call.journal_id, 'written_off', moment, call.amount,
                                   posting => posted.journal);
    SELECT w.* INTO STRICT before
    FROM cash_write_off AS w
    WHERE w.client_id = call.client_id AND w.journal_id = call.journal_id AND w.proposal_no = proposed.proposal_no;
    UPDATE cash_write_off AS w
    SET charged_at = moment,
        charge_journal = posted.journal,
        from_share = share,
        from_bad_debt = call.amount - share
    WHERE w.client_id = call.client_id AND w.journal_id = call.journal_id AND w.proposal_no = proposed.proposal_no
    RETURNING w.* INTO STRICT after;
    PERFORM record_event('charged', before, after, moment, amount => call.amount, journal => posted.journal);
    RETURN after;
END;
$$;

-- The proposals of a client that stand, and are not charged.
CREATE FUNCTION bakkt_ledger_internal.standing_write_offs(holder integer)
    RETURNS TABLE (journal_id bigint, charge_month date, proposed approval)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT w.journal_id, w.charge_month, p
    FROM cash_write_off AS w
    JOIN approval AS p ON p.client_id = holder AND p.subject = 'cash_write_off'
                      AND p.subject_key = w.journal_id || '/' || w.proposal_no
    WHERE w.client_id = holder AND w.charged_at IS NULL AND p.status IN ('PROPOSED', 'APPROVED');
END;

-- The cash calls of the client's approved write-offs that may be charged, oldest call first. One
-- that Apex has been asked for waits for the answer; one on an account that takes no credits waits
-- as well, and stops no other.
CREATE FUNCTION bakkt_ledger_internal.chargeable_write_offs(holder integer, moment timestamptz) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT c.journal_id
                 FROM standing_write_offs(holder) AS w
                 JOIN cash_call AS c ON c.client_id = holder AND c.journal_id = w.journal_id
                 CROSS JOIN LATERAL (SELECT cash_call_account(c) AS account OFFSET 0) AS stands
                 JOIN account AS a ON a.client_id = holder AND a.account = stands.account
                 WHERE (w.proposed).status = 'APPROVED' AND (w.proposed).decided_at <= moment
                   AND w.charge_month <= central_date(moment) AND c.status = 'O' AND c.due_at IS NOT NULL
                   AND a.status NOT IN ('CREDIT_FROZEN', 'CLOSED')
                 ORDER BY c.called_at, c.journal_id);
END;
$$;

-- Locks what charging these calls needs, the client's share of revenue aside: the customers, and
-- the client's standing proposals, which it returns. Customers before calls, as by whoever settles
-- them: nobody then ends a call while it is charged. Only calls chosen before have their customers
-- locked: what is approved meanwhile is for the next time.
CREATE FUNCTION bakkt_ledger_internal.lock_write_offs(holder integer, numbers bigint[]) RETURNS approval[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    PERFORM FROM customer AS u
    WHERE u.customer_id IN (SELECT c.customer_id FROM cash_call AS c WHERE c.client_id = holder AND c.journal_id = ANY (numbers))
    ORDER BY u.customer_id
    FOR NO KEY UPDATE;
    PERFORM lock_cash_call_events(holder);
    RETURN ARRAY(SELECT p
                 FROM cash_write_off AS w
                 JOIN approval AS p ON p.client_id = holder AND p.subject = 'cash_write_off'
                                   AND p.subject_key = w.journal_id || '/' || w.proposal_no
                 WHERE w.client_id = holder AND w.charged_at IS NULL AND p.status IN ('PROPOSED', 'APPROVED')
                 ORDER BY p.approval_id
                 FOR NO KEY UPDATE OF p);
END;
$$;

-- Of these proposals, those whose cash call was settled or busted meanwhile lapse.
CREATE FUNCTION bakkt_ledger_internal.lapse_write_offs(holder integer, standing approval[], moment timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM decide_all(array_agg(p ORDER BY p.approval_id), 'lapsed', moment)
    FROM unnest(standing) AS p
    JOIN cash_call AS c ON c.client_id = holder AND c.journal_id = split_part(p.subject_key, '/', 1)::bigint
    WHERE c.status <> 'O'
    HAVING count(*) > 0;
END;
$$;

-- Charges the approved write-offs of a client whose month has begun, and returns them; those of
-- calls that ended otherwise lapse.
CREATE FUNCTION bakkt_ledger_internal.charge_client(holder integer, moment timestamptz) RETURNS SETOF cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    chosen bigint[];
    number bigint;
    called cash_call;
    latest cash_write_off_state;
    accrued amount;
    charged cash_write_off;
BEGIN
    PERFORM lock_revenue_share(holder);
    chosen := chargeable_write_offs(holder, moment);
    PERFORM lapse_write_offs(holder, lock_write_offs(holder, chosen), moment);
    FOREACH number IN ARRAY chosen LOOP
        called := lock_cash_call(holder, number);
        latest := latest_write_off(holder, number);
        -- the call was ended, sent to Apex or declined while this session waited
        CONTINUE WHEN called.status <> 'O' OR called.due_at IS NULL OR latest.status <> 'APPROVED';
        IF accrued IS NULL OR asset(accrued) <> asset(called.amount) THEN
            accrued := revenue_share_accrued(holder, asset(called.amount));
        END IF;
        charged := charge_write_off(latest, called, accrued, moment);
        accrued := accrued - charged.from_share;
        RETURN NEXT charged;
    END LOOP;
END;
$$;

-- The clients with write-offs that may be charged, or lapse.
CREATE FUNCTION bakkt_ledger_internal.clients_with_write_offs(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ARRAY(SELECT c.client_id
             FROM client AS c
             WHERE EXISTS (SELECT FROM standing_write_offs(c.client_id))
             ORDER BY c.client_id);
END;

-- One client's part of charge_cash_call_write_offs().
CREATE FUNCTION bakkt_ledger_internal.charge_client_write_offs(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM standing_write_offs(holder)) THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT jsonb_agg(to_jsonb(c) ORDER BY asset(c.amount))
            FROM (SELECT (client_row(holder)).code AS client, count(*) AS charged, sum(w.amount) AS amount,
                         sum(w.from_share) AS from_share, sum(w.from_bad_debt) AS from_bad_debt
                  FROM charge_client(holder, at) AS w
                  GROUP BY asset(w.amount)) AS c);
END;
$$;
INSERT INTO client_run VALUES ('charge_cash_call_write_offs', 'charge_client_write_offs', 'clients_with_write_offs');

CREATE TYPE bakkt_ledger.cash_write_off_run_result AS (
    client text,
    charged bigint,
    amount amount,
    from_share amount,
    from_bad_debt amount
);
COMMENT ON TYPE cash_write_off_run_result IS
'How many write-offs of a client a run has charged, and what they come to, per asset; amounts are positive.
from_share: taken from the client''s share of revenue. from_bad_debt: borne by the company.';

CREATE FUNCTION bakkt_ledger.charge_cash_call_write_offs(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF cash_write_off_run_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT p.* FROM run_answers('charge_cash_call_write_offs', NULL::cash_write_off_run_result, at, client) AS p;
END;
$$;
COMMENT ON FUNCTION charge_cash_call_write_offs IS
'Posts the approved write-offs whose month has begun in Central Time, of one client or of all visible ones.
Oldest call first, from the client''s share of revenue up to what has accrued, the rest from bad debt (J05c). A call settled or
busted meanwhile is not charged, and its proposal lapses. A call that was sent to Apex waits for the answer, and one on a frozen
account until it is unfrozen. What was approved after the instant is charged later. Safe to repeat, and to run in two sessions
at once. A row per client and asset. Of several clients, one whose part fails is left out with a WARNING.
Errors: LG010, 42501, LG061, LG002; 40001 or 40P01: retry.';
