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

CREATE FUNCTION bakkt_ledger.propose_write_off(client text, obligation bigint, reference text, reason text,
                                               at timestamptz DEFAULT clock_timestamp())
    RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked request := open_settlement_request('propose_write_off', holder, reference,
                                             jsonb_build_object('obligation', obligation, 'reason', reason), at);
    owed constant obligation := require_obligation(holder, obligation);
BEGIN
    IF asked.outcome IS NULL THEN
        IF reason IS NULL OR reason NOT IN ('PARTNER_WRITE_OFF', 'BAKKT_WRITE_OFF')
           OR reason = 'PARTNER_WRITE_OFF' AND owed.counterparty_kind <> 'client' THEN
            PERFORM refuse_invalid('reason of a write-off is PARTNER_WRITE_OFF or BAKKT_WRITE_OFF',
                                   format('Reason: "%s".', reason),
                                   'PARTNER_WRITE_OFF takes the client''s revenue share first and is for its own obligation.');
        ELSIF owed.payer = 'BAKKT' THEN
            PERFORM refuse_invalid('what the company owes cannot be written off',
                                   format('Obligation %s is owed to %s.', obligation, owed.payee));
        END IF;
        PERFORM next_obligation_status(owed, 'written_off');
        IF (latest_approval(holder, 'obligation', obligation::text)).status = 'PROPOSED' THEN
            PERFORM refuse('LG071', format('a write-off of obligation %s is proposed already', obligation), NULL,
                           'Have it approved or declined first.');
        END IF;
        asked.outcome := close_request(asked, jsonb_build_object(
            'proposed', outstanding(owed),
            'approval', (propose(holder, 'obligation', obligation::text, outstanding(owed), reason, at)).approval_id));
    END IF;
    RETURN asked.outcome ->> 'proposed';
END;
$$;
COMMENT ON FUNCTION propose_write_off(text, bigint, text, text, timestamptz) IS
'Proposes to write off what is outstanding; returns that.
Nothing is posted until another person calls approve_write_off() with the same reference. Reasons: PARTNER_WRITE_OFF,
BAKKT_WRITE_OFF.
Idempotent by reference: the first answer again.
Errors: LG002, LG010, LG020, LG061, LG071 it has ended or a write-off of it is proposed already, LG073.';

-- The request that proposed a write-off, under the client's lock; LG002 if there is none of that reference.
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
    RETURNS SETOF obligation_payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked request := lock_write_off_request(require_client(client), reference);
    proposed approval := lock_proposed_write_off(asked);
BEGIN
    IF proposed.status = 'PROPOSED' THEN
        asked.at := approve_write_off.at;
        proposed := approve(proposed, format('write-off "%s"', reference), at);
        PERFORM write_off(asked, require_obligation(asked.client_id, proposed.subject_key::bigint), proposed);
    ELSIF proposed.status <> 'APPROVED' THEN
        PERFORM refuse('LG071', format('write-off "%s" was declined', reference), NULL,
                       'Propose it anew under another reference.');
    END IF;
    -- the obligation has ended: it stands as it did when this was answered first
    RETURN QUERY
    SELECT p.*
    FROM event AS e
    CROSS JOIN LATERAL unnest(payments_of(ARRAY[require_obligation(e.client_id, e.subject_key::bigint)], ARRAY[e.amount],
                                          e.journal_id)) AS p
    WHERE e.client_id = asked.client_id AND e.subject = 'obligation' AND e.subject_key = proposed.subject_key
      AND e.event = 'written_off' AND (p.counterparty = approve_write_off.client OR is_company());
END;
$$;
COMMENT ON FUNCTION approve_write_off(text, text, timestamptz) IS
'Writes off what is outstanding of the obligation named in a proposal, as its second person: for PARTNER_WRITE_OFF from the
client''s revenue share first, the rest to bad debt (as J05c).
Again is the first answer.
Errors: LG002 without a proposal, LG010, LG061, LG067 the proposer approves, or it is above the approver''s limit, LG071 the
obligation has ended or the proposal was declined.';

CREATE FUNCTION bakkt_ledger.decline_write_off(client text, reference text, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    proposed constant approval := lock_proposed_write_off(lock_write_off_request(require_client(client), reference));
BEGIN
    PERFORM require_instant(at);
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('declining a write-off needs a reason', NULL, 'Say why in a few words.');
    ELSIF proposed.status = 'APPROVED' THEN
        PERFORM refuse('LG071', format('write-off "%s" was approved', reference), NULL, 'Reverse its journal.');
    END IF;
    RETURN (decline(proposed, format('write-off "%s"', reference), at, reason)).status;
END;
$$;
COMMENT ON FUNCTION decline_write_off(text, text, text, timestamptz) IS
'Declines the write-off of an obligation proposed under a reference, for good: it can be proposed anew under another one.
Whoever did not propose it may. Returns DECLINED; again is no error.
Errors: LG002 without a proposal or a reason, LG010, LG061, LG067 the proposer declines, LG071 it was approved.';
