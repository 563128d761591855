-- Reference data: how clients, customers, counterparties, assets, accounts and terms are opened and
-- changed.
--
-- A change may be asked for without a reference. With one it is a request in the name space of its
-- kind of object: a client's references are its own, those of clients themselves and of what
-- belongs to no client are the ledger's (holder 0). An opening is known by the object's own name
-- besides.

CREATE TYPE bakkt_ledger.change_result AS (
    reference text,
    outcome text,
    replayed boolean
);
COMMENT ON TYPE change_result IS
'What became of an opening or a change.
reference: that of the request, NULL if it had none. outcome: opened, changed, closed or what else happened; unchanged: it was so
already. replayed: the request, or the opening of the same object, had been made before, and this is its first answer.';

-- open_request() for a change, whose reference may be NULL; LG002 for one that is empty or too
-- long.
CREATE FUNCTION bakkt_ledger_internal.open_change(operation text, kind text, holder integer, reference text, content jsonb)
    RETURNS request
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF octet_length(reference) NOT BETWEEN 1 AND 200 THEN
        PERFORM refuse_invalid('a reference has 1 to 200 bytes', format('This one has %s.', octet_length(reference)));
    END IF;
    RETURN open_request(operation, kind, holder, reference, content, clock_timestamp());
END;
$$;

-- Records what a change has made of a row, if it has changed anything, and the request, if it has a
-- reference.
CREATE FUNCTION bakkt_ledger_internal.close_change(asked request, event text, before anyelement, after anyelement, reason text)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    answer change_result := ROW(asked.reference, 'unchanged', false);
BEGIN
    IF coalesce(jsonb_strip_nulls(to_jsonb(before)), '{}') <> coalesce(jsonb_strip_nulls(to_jsonb(after)), '{}') THEN
        PERFORM record_event(event, before, after, asked.at, request => asked.reference, reason => reason);
        answer.outcome := event;
    END IF;
    IF asked.reference IS NOT NULL THEN
        PERFORM close_request(asked, answer);
    END IF;
    RETURN answer;
END;
$$;

-- LG020 naming the field unless the row that is there was opened with this content.
CREATE FUNCTION bakkt_ledger_internal.require_same_opening(present anyelement, content jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    state constant jsonb := to_jsonb(present);
    what subject;
BEGIN
    SELECT s.* INTO STRICT what FROM subject AS s WHERE s.subject = pg_typeof(present)::text;
    PERFORM refuse_other_content(replace(what.subject, '_', ' '), subject_key(what.key, state),
                                 (SELECT e.changed FROM event AS e
                                  WHERE e.client_id = coalesce((state ->> 'client_id')::integer, 0)
                                    AND e.subject = what.subject AND e.subject_key = subject_key(what.key, state)
                                  ORDER BY e.event_id LIMIT 1),
                                 content);
END;
$$;

-- Ends an opening. Fresh: the row was inserted just now and is recorded; else it was there already,
-- and must have been opened with this content (LG020), which names the row.
CREATE FUNCTION bakkt_ledger_internal.record_opening(operation text, holder integer, reference text, content jsonb,
                                                     fresh boolean, present anyelement, moment timestamptz)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant request := open_change(operation, pg_typeof(present)::text, holder, reference, content);
    answer constant change_result := ROW(reference, 'opened', NOT fresh);
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, answer);
    ELSIF fresh THEN
        PERFORM record_event('opened', CASE WHEN NOT fresh THEN present END, present, moment, request => reference);
    ELSE
        PERFORM require_same_opening(present, content);
    END IF;
    IF reference IS NOT NULL THEN
        PERFORM close_request(asked, answer);
    END IF;
    RETURN answer;
END;
$$;
