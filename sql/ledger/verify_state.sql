-- Present states against their events: every row of a subject's table must be the fold of its
-- events. It only reads.

-- Whose events there are, also of a client that is gone: one look at the key for each.
CREATE FUNCTION bakkt_ledger_internal.event_holders() RETURNS SETOF integer
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH RECURSIVE holder (client_id) AS (
        SELECT min(e.client_id)
        FROM event AS e
        UNION ALL
        SELECT (SELECT min(e.client_id) FROM event AS e WHERE e.client_id > h.client_id)
        FROM holder AS h
        WHERE h.client_id IS NOT NULL
    )
    SELECT h.client_id
    FROM holder AS h
    WHERE h.client_id IS NOT NULL;
END;

-- What the events of a subject's rows come to: the last value that each column was set to; NULL:
-- the row was ended.
CREATE FUNCTION bakkt_ledger_internal.told_states(of_subject text)
    RETURNS TABLE (client_id integer, subject_key text, state jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT e.client_id, e.subject_key,
           CASE WHEN (array_agg(e.changed IS NULL AND e.event = 'removed' ORDER BY e.event_id DESC))[1] THEN NULL
                ELSE coalesce(jsonb_object_agg(c.key, c.value ORDER BY e.event_id) FILTER (WHERE c.key IS NOT NULL), '{}') END
    FROM event_holders() AS holder
    JOIN event AS e ON e.client_id = holder  -- by client the key finds those of a subject
    LEFT JOIN LATERAL jsonb_each(e.changed) AS c ON true
    WHERE e.subject = of_subject
    GROUP BY e.client_id, e.subject_key;
END;

-- What the rows of a subject must be, by its own function or by that fold.
CREATE FUNCTION bakkt_ledger_internal.told_rows(of_subject subject)
    RETURNS TABLE (client_id integer, subject_key text, state jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM bakkt_ledger_internal.%I($1)', of_subject.told_by) USING of_subject.subject;
END;
$$;

-- The rows of a subject's table as events write them.
CREATE FUNCTION bakkt_ledger_internal.present_states(of_subject subject)
    RETURNS TABLE (client_id integer, subject_key text, state jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET TimeZone = 'UTC' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' AS
$$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT coalesce((r.state ->> ''client_id'')::integer, 0), subject_key($1, r.state), r.state - $2
         FROM (SELECT to_jsonb(t) AS state FROM bakkt_ledger_internal.%I AS t) AS r', of_subject.subject)
        USING of_subject.key, of_subject.apart;
END;
$$;

-- The columns of a row that differ from its events, with both values.
CREATE FUNCTION bakkt_ledger_internal.state_differences(told jsonb, present jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(format('%s is %s, its events say %s', key, coalesce(present -> key, 'null'), coalesce(told -> key, 'null')),
                      '; ' ORDER BY key)
    FROM jsonb_object_keys(coalesce(told, '{}') || coalesce(present, '{}')) AS key
    WHERE coalesce(told -> key, 'null') <> coalesce(present -> key, 'null');
END;

-- Discrepancies between the rows of one subject and their events.
CREATE FUNCTION bakkt_ledger_internal.verify_subject(of_subject subject) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding('state',
                   CASE WHEN p.state IS NULL THEN 'The row is gone.'
                        WHEN t.state IS NULL THEN 'No event tells of the row.'
                        ELSE state_differences(t.state, p.state) || '.' END,
                   holder => client_name(coalesce(t.client_id, p.client_id)), of_subject => of_subject.subject,
                   key => coalesce(t.subject_key, p.subject_key))
    FROM told_rows(of_subject) AS t
    FULL JOIN present_states(of_subject) AS p ON p.client_id = t.client_id AND p.subject_key = t.subject_key
    WHERE t.state IS DISTINCT FROM p.state
      -- what a dropped role had is left out of a dump
      AND (p.state IS NOT NULL OR NOT t.state ? 'role_identity' OR identified_role(t.state ->> 'role_identity') IS NOT NULL)
$$;

-- The same of all subjects; shipped ones once the first seal() has recorded them. The table of
-- subjects is one whatever it says itself, and one that cannot be read does not hide the others.
CREATE FUNCTION bakkt_ledger_internal.verify_states() RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    what subject;
    message text;
BEGIN
    FOR what IN
        SELECT s.*
        FROM (SELECT o.*
              FROM subject AS o
              WHERE o.subject <> 'subject'
              UNION ALL
              SELECT o.*
              FROM jsonb_populate_record(NULL::subject, '{"subject": "subject", "key": ["subject"], "apart": [], "shipped": true,
                                                          "told_by": "told_states"}') AS o) AS s
        WHERE NOT s.shipped
           OR EXISTS (SELECT FROM event AS e WHERE e.client_id = 0 AND e.subject = s.subject AND e.event = 'shipped')
        ORDER BY s.subject
    LOOP
        BEGIN
            RETURN QUERY SELECT * FROM verify_subject(what);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
            RETURN NEXT finding('state', format('The check failed with %s: %s.', SQLSTATE, message), of_subject => what.subject);
        END;
    END LOOP;
END;
$$;

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('states', 'verify_states()', 30, 'every row of a subject''s table is what its events come to');
