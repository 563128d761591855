-- Writing off what a counterparty owes, which takes two people.

INSERT INTO template (template, journal_kind, purpose) VALUES
    ('write_off_client_obligation', 'manual', 'from the client''s share of revenue first, the rest is bad debt (as J05c)'),
    ('write_off_provider_obligation', 'manual', 'what a provider does not pay or deliver is bad debt');
INSERT INTO template_line (template, line, side, account_kind, parties, amount) VALUES
    ('write_off_client_obligation', 1, 'debit', 'corp_revenue_share', '{counterparty}', 'from_share'),
    ('write_off_client_obligation', 2, 'debit', 'corp_bad_debt', '{}', 'bad_debt'),
    ('write_off_client_obligation', 3, 'credit', 'corp_client_obligation', '{counterparty,window}', 'amount'),
    ('write_off_provider_obligation', 1, 'debit', 'corp_bad_debt', '{}', 'bad_debt'),
    ('write_off_provider_obligation', 2, 'credit', 'corp_provider_net', '{counterparty,window}', 'amount');

CREATE TYPE bakkt_ledger.write_off_result AS (
    reference text,
    outcome text,
    replayed boolean,
    obligation bigint,
    settlement_window text,
    counterparty text,
    asset asset,
    amount amount,
    reason text,
    status text,
    approval bigint,
    journal bigint
);
COMMENT ON TYPE write_off_result IS
'What became of the write-off of an obligation.
outcome: proposed, written_off or declined. amount: what is to be, or was, written off, positive. status: of the proposal,
PROPOSED, APPROVED or DECLINED. approval: its number in approvals(). A tenant is told the first three columns only when a provider
owes.';

-- What became of a proposal, as it is answered; owed: the obligation.
CREATE FUNCTION bakkt_ledger_internal.write_off_answer(asked request, proposed approval, owed obligation, happening text,
                                                       again boolean, worth amount, posting bigint DEFAULT NULL)
    RETURNS write_off_result
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    answer write_off_result := ROW(asked.reference, happening, again);
BEGIN
    IF owed.counterparty_kind = 'client' OR is_company() THEN
        answer := (asked.reference, happening, again, owed.obligation_id, window_name(owed.window_no), owed.counterparty,
                   owed.asset, worth, proposed.reason, proposed.status, proposed.approval_id, posting);
    END IF;
    RETURN answer;
END;
$$;

-- LG002 or LG071 unless a write-off of the obligation can be proposed for the reason.
CREATE FUNCTION bakkt_ledger_internal.require_write_off(owed obligation, why text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF why IS NULL OR why NOT IN ('PARTNER_WRITE_OFF', 'BAKKT_WRITE_OFF')
       OR why = 'PARTNER_WRITE_OFF' AND owed.counterparty_kind <> 'client' THEN
        PERFORM refuse_invalid('reason of a write-off is PARTNER_WRITE_OFF or BAKKT_WRITE_OFF', format('Reason: "%s".', why),
                               'PARTNER_WRITE_OFF takes the client''s revenue share first and is for its own obligation.');
    ELSIF owed.payer = 'BAKKT' THEN
        PERFORM refuse_invalid('what the company owes cannot be written off',
                               format('Obligation %s is owed to %s.', owed.obligation_id, owed.payee));
    END IF;
    PERFORM next_obligation_status(owed, 'written_off');
    IF (latest_approval(owed.client_id, 'obligation', owed.obligation_id::text)).status = 'PROPOSED' THEN
        PERFORM refuse('LG071', format('a write-off of obligation %s is proposed already', owed.obligation_id), NULL,
                       'Have it approved or declined first.');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.propose_write_off(client text, obligation bigint, reference text, reason text,
                                               at timestamptz DEFAULT clock_timestamp())
    RETURNS write_off_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('propose_write_off', holder, reference,
                                                      jsonb_build_object('obligation', obligation, 'reason', reason), at);
    owed constant obligation := require_obligation(holder, obligation);
    proposed approval;
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::write_off_result);
    END IF;
    PERFORM require_write_off(owed, reason);
    proposed := propose(holder, 'obligation', obligation::text, outstanding(owed), reason, at);
    RETURN close_request(asked, write_off_answer(asked, proposed, owed, 'proposed', false, proposed.amount));
END;
$$;
COMMENT ON FUNCTION propose_write_off IS
'Proposes to write off what is outstanding of an obligation.
Nothing is posted until another person calls approve_write_off() with the same reference. reason: PARTNER_WRITE_OFF or
BAKKT_WRITE_OFF. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG020, LG061, LG071 it has ended or a write-off of it is proposed already, LG073.';

-- The request that proposed a write-off, under the client's lock; LG002 if there is none of that
-- reference.
CREATE FUNCTION bakkt_ledger_internal.lock_write_off_request(holder integer, named text) RETURNS request
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked request;
BEGIN
    PERFORM lock_settlement(holder);
    SELECT r.* INTO asked
    FROM request AS r
    WHERE r.client_id = holder AND r.scope = 'settlement' AND r.reference = named AND r.operation = 'propose_write_off';
    IF NOT FOUND THEN
        PERFORM refuse_invalid(format('no write-off was proposed with reference "%s"', named));
    END IF;
    RETURN asked;
END;
$$;

-- What the request proposed, locked for whoever decides it.
CREATE FUNCTION bakkt_ledger_internal.lock_proposed_write_off(asked request) RETURNS approval
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    proposed approval;
BEGIN
    PERFORM bounded_wait();
    SELECT p.* INTO STRICT proposed
    FROM approval AS p
    WHERE p.client_id = asked.client_id AND p.approval_id = (asked.outcome ->> 'approval')::bigint
    FOR NO KEY UPDATE;
    RETURN proposed;
END;
$$;

-- Posts a write-off that is approved and applies it to the obligation.
CREATE FUNCTION bakkt_ledger_internal.write_off(asked request, owed obligation, approved approval) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    rest constant amount := outstanding(owed);
    from_share amount := zero(owed.asset);
    posted journal_result;
BEGIN
    PERFORM next_obligation_status(owed, 'written_off');
    IF approved.reason = 'PARTNER_WRITE_OFF' THEN
        PERFORM lock_revenue_share(owed.client_id);
        from_share := least(rest, revenue_share_accrued(owed.client_id, owed.asset));
    END IF;
    posted := post_template(owed.client_id, format('write_off_%s_obligation', owed.counterparty_kind), asked.reference,
                            jsonb_build_object('counterparty', owed.counterparty, 'window', window_name(owed.window_no)),
                            jsonb_build_object('from_share', from_share, 'bad_debt', rest - from_share, 'amount', rest), asked.at,
                            format('Write-off of obligation %s, proposed by %s', owed.obligation_id, approved.proposed_by));
    PERFORM change_obligations(asked, 'written_off', ARRAY[owed], ARRAY[rest], posted.journal, approved.reason);
END;
$$;

CREATE FUNCTION bakkt_ledger.approve_write_off(client text, reference text, at timestamptz DEFAULT clock_timestamp())
    RETURNS write_off_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked request := lock_write_off_request(require_client(client), reference);
    proposed approval := lock_proposed_write_off(asked);
    owed constant obligation := require_obligation(asked.client_id, proposed.subject_key::bigint);
    again constant boolean := proposed.status = 'APPROVED';
    done event;
BEGIN
    IF proposed.status = 'PROPOSED' THEN
        PERFORM require_told(owed.counterparty_kind = 'client' OR is_company(), format('write-off "%s"', reference));
        asked.at := at;
        proposed := approve(proposed, format('write-off "%s"', reference), at);
        PERFORM write_off(asked, owed, proposed);
    ELSIF NOT again THEN
        PERFORM refuse('LG071', format('write-off "%s" was declined', reference), NULL,
                       'Propose it anew under another reference.');
    END IF;
    SELECT e.* INTO STRICT done
    FROM event AS e
    WHERE e.client_id = asked.client_id AND e.subject = 'obligation' AND e.subject_key = proposed.subject_key
      AND e.event = 'written_off';
    RETURN write_off_answer(asked, proposed, owed, done.event, again, done.amount, done.journal_id);
END;
$$;
COMMENT ON FUNCTION approve_write_off IS
'Writes off what is outstanding of the obligation named in a proposal, as its second person.
For PARTNER_WRITE_OFF from the client''s revenue share first, the rest to bad debt (as J05c). Again is the first answer.
Errors: LG002 without a proposal, LG010, LG061, LG067 the proposer approves, it is above the approver''s limit, or a provider owes
and the approver is a tenant''s, LG071 the obligation has ended or the proposal was declined.';

CREATE FUNCTION bakkt_ledger.decline_write_off(client text, reference text, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS write_off_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant request := lock_write_off_request(require_client(client), reference);
    proposed constant approval := lock_proposed_write_off(asked);
BEGIN
    PERFORM require_instant(at);
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('declining a write-off needs a reason', NULL, 'Say why in a few words.');
    ELSIF proposed.status = 'APPROVED' THEN
        PERFORM refuse('LG071', format('write-off "%s" was approved', reference), NULL, 'Reverse its journal.');
    END IF;
    RETURN write_off_answer(asked, decline(proposed, format('write-off "%s"', reference), at, reason),
                            require_obligation(asked.client_id, proposed.subject_key::bigint), 'declined',
                            proposed.status = 'DECLINED', proposed.amount);
END;
$$;
COMMENT ON FUNCTION decline_write_off IS
'Declines the write-off of an obligation proposed under a reference, for good: it can be proposed anew under another one.
Whoever did not propose it may. Again is the first answer.
Errors: LG002 without a proposal or a reason, LG010, LG061, LG067 the proposer declines, LG071 it was approved.';
