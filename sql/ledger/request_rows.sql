-- Requests of a batch as JSON: an array of objects with the fields of the request type.
-- Refuses what is not one, unknown keys and values of another type, naming element and key (LG002).
-- Locks nothing; its functions are volatile for a value is tried in a subtransaction.

-- What is wrong with an element or its keys: the first such place; no row when nothing is.
CREATE FUNCTION bakkt_ledger_internal.odd_key(given jsonb, wanted regtype, OUT place bigint, OUT key text, OUT problem text)
    RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT e.place, k.key, CASE WHEN jsonb_typeof(e.element) <> 'object' THEN 'is no object'
                                WHEN f.attname IS NULL THEN 'has an unknown key'
                                ELSE format('has a %s where a %s belongs', jsonb_typeof(k.value), f.kind) END
    FROM jsonb_array_elements(given) WITH ORDINALITY AS e (element, place)
    LEFT JOIN LATERAL jsonb_each(CASE jsonb_typeof(e.element) WHEN 'object' THEN e.element ELSE '{}' END) AS k ON true
    LEFT JOIN (SELECT a.attname, CASE a.atttypid WHEN 'boolean'::regtype THEN 'boolean' WHEN 'integer'::regtype THEN 'number'
                                      ELSE 'string' END AS kind
               FROM pg_type AS t
               JOIN pg_attribute AS a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
               WHERE t.oid = wanted) AS f ON f.attname = k.key
    WHERE jsonb_typeof(e.element) <> 'object'
       OR k.key IS NOT NULL AND (f.attname IS NULL OR jsonb_typeof(k.value) NOT IN (f.kind, 'null'))
    ORDER BY e.place, k.key
    LIMIT 1;
END;

-- Refuses the first value that its type does not take, of requests of which one has such a value.
CREATE FUNCTION bakkt_ledger_internal.refuse_value(given jsonb, example anyelement) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked record;
    message text;
BEGIN
    FOR asked IN
        SELECT e.place, k.key, k.value
        FROM jsonb_array_elements(given) WITH ORDINALITY AS e (element, place)
        CROSS JOIN LATERAL jsonb_each(e.element) AS k
        ORDER BY e.place, k.key
    LOOP
        BEGIN
            PERFORM jsonb_populate_record(example, jsonb_build_object(asked.key, asked.value));
        EXCEPTION WHEN data_exception OR SQLSTATE 'LG001' OR SQLSTATE 'LG002' THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
            PERFORM refuse('LG002', format('request %s: "%s" is not valid', asked.place, asked.key), message || '.', NULL,
                           jsonb_build_object('request', asked.place, 'key', asked.key));
        END;
    END LOOP;
END;
$$;

-- The requests as rows of their type, in order.
CREATE FUNCTION bakkt_ledger_internal.request_rows(given jsonb, example anyelement) RETURNS SETOF anyelement
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    odd record;
BEGIN
    IF jsonb_typeof(given) IS DISTINCT FROM 'array' THEN
        PERFORM refuse_invalid('requests are a JSON array', format('It is %s.', coalesce(jsonb_typeof(given), 'NULL')));
    END IF;
    PERFORM require_batch_size(jsonb_array_length(given));
    SELECT o.* INTO odd FROM odd_key(given, pg_typeof(example)) AS o;
    IF FOUND THEN
        PERFORM refuse('LG002', format('request %s %s', odd.place, odd.problem), format('Key: "%s".', odd.key), NULL,
                       jsonb_build_object('request', odd.place, 'key', odd.key));
    END IF;
    RETURN QUERY SELECT r.* FROM jsonb_populate_recordset(example, given) AS r;
EXCEPTION WHEN data_exception OR SQLSTATE 'LG001' THEN
    PERFORM refuse_value(given, example);
    RAISE;
END;
$$;
