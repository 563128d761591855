-- Everything else that happens to an obligation that is paid by itself; what is part of a payment
-- is instructed, fails and is carried with it (payment_outcome.sql).

-- LG071 when the obligation is part of a payment.
CREATE FUNCTION bakkt_ledger_internal.require_apart(owed obligation) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF owed.payment_id IS NOT NULL THEN
        PERFORM refuse('LG071', format('obligation %s is part of payment %s', owed.obligation_id, owed.payment_id), NULL,
                       'Instruct, fail or carry the payment.');
    END IF;
END;
$$;

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
    PERFORM require_apart(owed), require_agreed(owed);
    RETURN change_without_paying(asked, 'instructed', owed);
END;
$$;
COMMENT ON FUNCTION instruct_obligation IS
'Records that the payment of an obligation was ordered, with the wire''s reference: from then on it is irrevocable.
Also the next attempt after a failure. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG020, LG061, LG071 it is part of a payment, or not in a status that allows it, LG073.';

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
    PERFORM require_apart(owed);
    RETURN change_without_paying(asked, 'failed', owed, reason);
END;
$$;
COMMENT ON FUNCTION fail_obligation IS
'Records that the payment of an obligation failed; each attempt is an event with its own reference.
The obligation stays due since its first due time. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002 without a reason, LG010, LG020, LG061, LG071 as above, LG073.';

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

-- The lines that move what is outstanding of an obligation into the open window.
CREATE FUNCTION bakkt_ledger_internal.carrying_entry(owed obligation, open_no integer) RETURNS journal_entry
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN template_entry((owed).client_id, format('carry_%s_obligation', (owed).counterparty_kind),
                          jsonb_build_object('counterparty', (owed).counterparty, 'from_window', window_name((owed).window_no),
                                             'to_window', window_name(open_no)),
                          jsonb_build_object('owed', greatest(net_outstanding(owed), zero((owed).asset)),
                                             'due', greatest(-net_outstanding(owed), zero((owed).asset))));

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
    heir.payment_id := NULL;
    heir.entered_at := greatest(moment, owed.entered_at);
    heir.irrevocable_at := NULL;
    INSERT INTO obligation SELECT heir.*;
    RETURN heir;
END;
$$;

-- The entry with one line for each account, where it came first.
CREATE FUNCTION bakkt_ledger_internal.one_line_each(entry journal_entry) RETURNS journal_entry
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT journal_entry(s.account, s.amount ORDER BY s.line)
            FROM (SELECT l.account, sum(l.amount) AS amount, min(l.line) AS line FROM lines(entry) AS l GROUP BY l.account) AS s
            WHERE NOT is_zero(s.amount));

-- Carries obligations into the open window by one journal, each as an obligation of its own age.
CREATE FUNCTION bakkt_ledger_internal.carry(asked request, owed obligation[], why text, text_of_journal text)
    RETURNS obligation_result[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    open_no constant integer := (last_window(asked.client_id)).window_no + 1;
    rest constant amount[] := ARRAY(SELECT outstanding(o) FROM unnest(owed) AS o);
    one obligation;
    entry journal_entry;
    heir obligation;
    heirs obligation[];
    posted bigint;
BEGIN
    FOREACH one IN ARRAY owed LOOP
        PERFORM next_obligation_status(one, 'carried');
        IF one.window_no = open_no THEN
            PERFORM refuse('LG071', format('obligation %s is in the open window %s already', one.obligation_id,
                                           window_name(open_no)));
        END IF;
        entry := coalesce(entry + carrying_entry(one, open_no), carrying_entry(one, open_no));
    END LOOP;
    posted := (post_entry(asked.client_id, asked.reference, 'novation', one_line_each(entry), asked.at, text_of_journal)).journal;
    FOREACH one IN ARRAY owed LOOP
        heir := enter_heir(one, open_no, asked.at);
        PERFORM record_event('entered', NULL::obligation, heir, asked.at, journal => posted, request => asked.reference,
                             reason => why);
        heirs := heirs || heir;
    END LOOP;
    RETURN obligation_answers(asked, 'carried', change_obligations(asked, 'carried', owed, rest, posted, why), rest, posted)
           || obligation_answers(asked, 'entered', heirs, NULL, posted);
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
    owed constant obligation := require_obligation(holder, obligation);
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
        RETURN;
    END IF;
    PERFORM require_apart(owed);
    RETURN QUERY
    SELECT a.*
    FROM unnest(close_request(asked, carry(asked, ARRAY[owed], reason,
                                           format('Obligation %s carried into the open window', obligation)))) AS a;
END;
$$;
COMMENT ON FUNCTION carry_obligation IS
'Moves what is outstanding of an obligation into the client''s open window, as a new obligation that keeps its first due time.
For what failed, to join the next payment. Two rows: the one carried, and the one that takes
over. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG020, LG061, LG071 it is part of a payment, or not in a status that allows it, LG073.';
