-- What else happens to an obligation: instructed, failed, carried into the open window.
-- Refuses states that do not allow it (LG071), unknown obligations (LG073).
-- Locks the client's settlement.

CREATE FUNCTION bakkt_ledger.instruct_obligation(client text, obligation bigint, reference text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder integer := require_client(client);
    owed obligation;
BEGIN
    PERFORM lock_settlement(holder);
    owed := require_obligation(holder, obligation);
    IF NOT requested_before(holder, reference, jsonb_build_object('operation', 'instruct_obligation', 'obligation', obligation), at) THEN
        PERFORM require_agreed(owed);
        PERFORM check_transition('obligation', obligation::text, owed.state, 'INSTRUCTED');
        PERFORM change_obligation(owed, 'instructed', 'INSTRUCTED', NULL, at, reference);
    END IF;
    RETURN QUERY SELECT * FROM payments_of(holder, reference);
END;
$$;
COMMENT ON FUNCTION instruct_obligation(text, bigint, text, timestamptz) IS
    'Records that the payment was ordered, with the wire''s reference: from then on it is irrevocable. Call it again for the '
    'next attempt after a failure. LG071, LG073, LG020.';

CREATE FUNCTION bakkt_ledger.fail_obligation(client text, obligation bigint, reference text, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder integer := require_client(client);
    owed obligation;
BEGIN
    PERFORM lock_settlement(holder);
    owed := require_obligation(holder, obligation);
    IF NOT requested_before(holder, reference,
                            jsonb_build_object('operation', 'fail_obligation', 'obligation', obligation, 'reason', reason), at) THEN
        IF reason IS NULL OR reason = '' THEN
            PERFORM refuse_invalid('a failure needs a reason');
        ELSIF owed.state <> 'FAILED' THEN
            PERFORM check_transition('obligation', obligation::text, owed.state, 'FAILED');
        END IF;
        PERFORM change_obligation(owed, 'failed', 'FAILED', NULL, at, reference, NULL, reason);
    END IF;
    RETURN QUERY SELECT * FROM payments_of(holder, reference);
END;
$$;
COMMENT ON FUNCTION fail_obligation(text, bigint, text, text, timestamptz) IS
    'Records that a payment failed; each attempt is an event with its own reference. The obligation keeps its first due time. '
    'LG071, LG073, LG020, LG002 without a reason.';

CREATE FUNCTION bakkt_ledger.carry_obligation(client text, obligation bigint, reference text, reason text DEFAULT NULL,
                                 at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    agreement settlement_agreement := lock_settlement(holder);
    owed obligation := require_obligation(holder, obligation);
    carried obligation := owed;
    rest amount := outstanding(owed);
    posted journal_result;
BEGIN
    IF requested_before(holder, reference,
                        jsonb_build_object('operation', 'carry_obligation', 'obligation', obligation, 'reason', reason), at) THEN
        RETURN QUERY SELECT * FROM payments_of(holder, reference);
        RETURN;
    END IF;
    PERFORM check_transition('obligation', obligation::text, owed.state, 'CARRIED');
    IF owed.window_no > agreement.last_window THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG071',
            MESSAGE = format('obligation %s is in the open window W%s already', obligation, owed.window_no);
    END IF;
    carried.obligation_id := nextval('obligation_obligation_id_seq');
    carried.window_no := agreement.last_window + 1;
    carried.amount := rest;
    carried.applied := zero(owed.asset);
    IF sign(owed.applied) = 1 THEN
        carried.receivable := CASE WHEN owed.payer = owed.counterparty THEN rest ELSE zero(owed.asset) END;
        carried.payable := CASE WHEN owed.payer = owed.counterparty THEN zero(owed.asset) ELSE -rest END;
    END IF;
    carried.state := 'ENTERED';
    carried.carried_from := owed.obligation_id;
    carried.entered_at := greatest(at, owed.entered_at);
    carried.irrevocable_at := NULL;
    posted := post_entry(holder, reference, 'novation',
                         carry_entry(holder, CASE WHEN owed.payer = owed.counterparty THEN rest ELSE -rest END,
                                     novated_name(owed.counterparty_kind, owed.counterparty, owed.window_no),
                                     novated_name(carried.counterparty_kind, carried.counterparty, carried.window_no)),
                         at, format('Obligation %s carried into window W%s', obligation, carried.window_no));
    INSERT INTO obligation SELECT carried.*;
    PERFORM record_obligation_event(carried, 'entered', NULL, at, reference, posted.journal, reason);
    PERFORM change_obligation(owed, 'carried', 'CARRIED', rest, at, reference, posted.journal, reason);
    RETURN QUERY SELECT * FROM payments_of(holder, reference);
END;
$$;
COMMENT ON FUNCTION carry_obligation(text, bigint, text, text, timestamptz) IS
    'Moves what is outstanding into the client''s open window, as a new obligation with the same first due time: after a failed '
    'payment, or when several windows are to be paid with one wire. LG071, LG073, LG020.';

CREATE FUNCTION bakkt_ledger_internal.carry_entry(client_id integer, net amount, from_name text, to_name text) RETURNS journal_entry
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT journal_entry(ensure_account(carry_entry.client_id, 'CORP', l.name, asset(net)), l.amount ORDER BY sign(l.amount) DESC)
    FROM (VALUES (to_name, net), (from_name, -net)) AS l (name, amount)
$$;
COMMENT ON FUNCTION carry_entry(integer, amount, text, text) IS
    'Internal: moves a net, debit positive, between two accounts of fund CORP.';
