-- Everything else that happens to an obligation.

-- A change that discharges nothing, and the answer to its request.
CREATE FUNCTION bakkt_ledger_internal.change_without_paying(asked request, happening text, owed obligation, why text DEFAULT NULL)
    RETURNS obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    changed constant obligation[] := change_obligations(asked, happening, ARRAY[owed], NULL, NULL, why);
BEGIN
    RETURN close_request(asked, (obligation_answers(asked, happening, changed, NULL, NULL))[1]);
END;
$$;

CREATE FUNCTION bakkt_ledger.instruct_obligation(client text, obligation bigint, reference text,
                                                 at timestamptz DEFAULT clock_timestamp())
    RETURNS obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('instruct_obligation', holder, reference,
                                                      jsonb_build_object('obligation', obligation), at);
    owed constant obligation := require_obligation(holder, obligation);
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::obligation_result);
    END IF;
    PERFORM require_agreed(owed);
    RETURN change_without_paying(asked, 'instructed', owed);
END;
$$;
COMMENT ON FUNCTION instruct_obligation IS
'Records that the payment of an obligation was ordered, with the wire''s reference: from then on it is irrevocable.
Also the next attempt after a failure. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG020, LG061, LG071, LG073.';

CREATE FUNCTION bakkt_ledger.fail_obligation(client text, obligation bigint, reference text, reason text,
                                             at timestamptz DEFAULT clock_timestamp())
    RETURNS obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('fail_obligation', holder, reference,
                                                      jsonb_build_object('obligation', obligation, 'reason', reason), at);
    owed constant obligation := require_obligation(holder, obligation);
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::obligation_result);
    ELSIF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a failure needs a reason');
    END IF;
    RETURN change_without_paying(asked, 'failed', owed, reason);
END;
$$;
COMMENT ON FUNCTION fail_obligation IS
'Records that the payment of an obligation failed; each attempt is an event with its own reference.
The obligation stays due since its first due time. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002 without a reason, LG010, LG020, LG061, LG071, LG073.';

-- What is outstanding moves from one window's account to another's, debit first: "owed" by the
-- counterparty, or "due" to it.
INSERT INTO template (template, journal_kind, purpose) VALUES
    ('carry_client_obligation', 'novation', 'what is outstanding with the client moves into the open window'),
    ('carry_provider_obligation', 'novation', 'what is outstanding with a provider moves into the open window');
INSERT INTO template_line (template, line, side, account_kind, parties, amount)
SELECT 'carry_' || k.of_counterparty || '_obligation', l.line, l.side, novated_kind(k.of_counterparty), l.parties, l.amount
FROM unnest('{client,provider}'::text[]) AS k (of_counterparty)
CROSS JOIN (VALUES
    (1, 'debit', '{counterparty,to_window}'::text[], 'owed'),
    (2, 'credit', '{counterparty,from_window}', 'owed'),
    (3, 'debit', '{counterparty,from_window}', 'due'),
    (4, 'credit', '{counterparty,to_window}', 'due')
) AS l (line, side, parties, amount);

-- The journal that moves what is outstanding into the open window.
CREATE FUNCTION bakkt_ledger_internal.post_carrying(asked request, owed obligation, open_no integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    rest constant amount := net_outstanding(owed);
    nothing constant amount := zero(owed.asset);
BEGIN
    RETURN (post_template(owed.client_id, format('carry_%s_obligation', owed.counterparty_kind), asked.reference,
                          jsonb_build_object('counterparty', owed.counterparty, 'from_window', window_name(owed.window_no),
                                             'to_window', window_name(open_no)),
                          jsonb_build_object('owed', greatest(rest, nothing), 'due', greatest(-rest, nothing)),
                          asked.at, format('Obligation %s carried into window %s', owed.obligation_id, window_name(open_no)))
           ).journal;
END;
$$;

-- The obligation that takes over what is outstanding of another, in the open window: due since when
-- that one was.
CREATE FUNCTION bakkt_ledger_internal.enter_heir(owed obligation, number integer, moment timestamptz) RETURNS obligation
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    heir obligation := owed;
    nothing constant amount := zero(owed.asset);
BEGIN
    heir.obligation_id := nextval('obligation_obligation_id_seq');
    heir.window_no := number;
    heir.amount := outstanding(owed);
    heir.applied := nothing;
    IF sign(owed.applied) = 1 THEN
        heir.receivable := greatest(net_outstanding(owed), nothing);
        heir.payable := least(net_outstanding(owed), nothing);
    END IF;
    heir.status := 'ENTERED';
    heir.carried_from := owed.obligation_id;
    heir.entered_at := greatest(moment, owed.entered_at);
    heir.irrevocable_at := NULL;
    INSERT INTO obligation SELECT heir.*;
    RETURN heir;
END;
$$;

CREATE FUNCTION bakkt_ledger.carry_obligation(client text, obligation bigint, reference text, reason text DEFAULT NULL,
                                              at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('carry_obligation', holder, reference,
                                                      jsonb_build_object('obligation', obligation, 'reason', reason), at);
    owed obligation := require_obligation(holder, obligation);
    open_no constant integer := (last_window(holder)).window_no + 1;
    rest constant amount := outstanding(owed);
    heir obligation;
    posted bigint;
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
        RETURN;
    END IF;
    PERFORM next_obligation_status(owed, 'carried');
    IF owed.window_no = open_no THEN
        PERFORM refuse('LG071', format('obligation %s is in the open window %s already', obligation, window_name(open_no)));
    END IF;
    posted := post_carrying(asked, owed, open_no);
    heir := enter_heir(owed, open_no, at);
    PERFORM record_event('entered', NULL::obligation, heir, at, journal => posted, request => reference, reason => reason);
    owed := (change_obligations(asked, 'carried', ARRAY[owed], ARRAY[rest], posted, reason))[1];
    RETURN QUERY
    SELECT a.*
    FROM unnest(close_request(asked, obligation_answers(asked, 'carried', ARRAY[owed], ARRAY[rest], posted)
                                     || obligation_answers(asked, 'entered', ARRAY[heir], NULL, posted))) AS a;
END;
$$;
COMMENT ON FUNCTION carry_obligation IS
'Moves what is outstanding of an obligation into the client''s open window, as a new obligation that keeps its first due time.
For a failed payment, or by agreement to pay several windows with one wire. Two rows: the one carried, and the one that takes
over. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG020, LG061, LG071, LG073.';
