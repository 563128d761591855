-- Present states against their events: every row of a subject's table must be
-- the fold of its events (design 4).

-- What the events of a subject's rows come to: the last value that each column was set to; NULL: the row was ended.
CREATE FUNCTION bakkt_ledger_internal.told_states(of_subject text) RETURNS TABLE (client_id integer, subject_key text, state jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT e.client_id, e.subject_key,
           CASE WHEN (array_agg(e.changed IS NULL AND e.event = 'removed' ORDER BY e.event_id DESC))[1] THEN NULL
                ELSE coalesce(jsonb_object_agg(c.key, c.value ORDER BY e.event_id) FILTER (WHERE c.key IS NOT NULL), '{}') END
    FROM event AS e
    LEFT JOIN LATERAL jsonb_each(e.changed) AS c ON true
    WHERE e.subject = of_subject
    GROUP BY e.client_id, e.subject_key;
END;

-- The rows of a subject's table as events write them.
CREATE FUNCTION bakkt_ledger_internal.present_states(of_subject subject) RETURNS TABLE (client_id integer, subject_key text, state jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET TimeZone = 'UTC' SET IntervalStyle = 'postgres' AS
$$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT coalesce((r.state ->> ''client_id'')::integer, 0), subject_key($1, r.state), r.state - $2
         FROM (SELECT to_jsonb(t) AS state FROM bakkt_ledger_internal.%I AS t) AS r', of_subject.subject)
        USING of_subject.key, of_subject.apart;
END;
$$;

-- The columns of a row that are not as its events say, and both values.
CREATE FUNCTION bakkt_ledger_internal.state_differences(told jsonb, present jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(format('%s is %s, its events say %s', key, coalesce(present -> key, 'null'), coalesce(told -> key, 'null')), '; ' ORDER BY key)
    FROM jsonb_object_keys(coalesce(told, '{}') || coalesce(present, '{}')) AS key
    WHERE coalesce(told -> key, 'null') <> coalesce(present -> key, 'null');
END;

-- Discrepancies between the rows of one subject and their events.
CREATE FUNCTION bakkt_ledger_internal.verify_subject(of_subject subject) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT 'state', NULL::bigint, NULL::bigint, NULL::integer, NULL::account_id,
           format('%s "%s"%s: %s.', of_subject.subject, coalesce(t.subject_key, p.subject_key),
                  CASE WHEN coalesce(t.client_id, p.client_id) > 0
                       THEN format(' of client %s', coalesce(t.client_id, p.client_id)) ELSE '' END,
                  CASE WHEN p.state IS NULL THEN 'the row is gone'
                       WHEN t.state IS NULL THEN 'no event tells of the row'
                       ELSE state_differences(t.state, p.state) END)
    FROM told_states(of_subject.subject) AS t
    FULL JOIN present_states(of_subject) AS p ON p.client_id = t.client_id AND p.subject_key = t.subject_key
    WHERE t.state IS DISTINCT FROM p.state
      -- what a dropped role had is left out of a dump
      AND (p.state IS NOT NULL OR NOT t.state ? 'role_identity' OR identified_role(t.state ->> 'role_identity') IS NOT NULL)
$$;

-- The same of all subjects; shipped ones once the first block has recorded them.
CREATE FUNCTION bakkt_ledger_internal.verify_states() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT d.*
    FROM subject AS s
    CROSS JOIN LATERAL verify_subject(s) AS d
    WHERE NOT s.shipped OR EXISTS (SELECT FROM event AS e WHERE e.client_id = 0 AND e.subject = s.subject AND e.event = 'shipped')
$$;
