-- How the functions in SQL refuse: every error they raise goes through refuse().
-- refuse_other_content() is LG020, naming the field in which a repeated request differs.

-- Raises an error. facts: what a program needs to know of it (what was required, what was there,
-- which account), as a JSON object that drivers show as constraint_name. STABLE as all that only
-- check: a volatile function starts commands, which a parallel plan may not.
CREATE FUNCTION bakkt_ledger_internal.refuse(code text, message text, detail text DEFAULT NULL, hint text DEFAULT NULL,
                                             facts jsonb DEFAULT NULL)
    RETURNS void
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'refuse_request';

-- Raises LG002, a malformed request.
CREATE FUNCTION bakkt_ledger_internal.refuse_invalid(message text, detail text DEFAULT NULL, hint text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse('LG002', message, detail, hint);
END;
$$;

-- Another session used the reference after this one had looked for it. A retry finds the outcome.
CREATE FUNCTION bakkt_ledger_internal.refuse_taken_reference(reference text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse('40001', format('reference "%s" was used by a concurrent transaction', reference), NULL,
                   'Retry the transaction.');
END;
$$;

-- A repeated request with the same content is no error and no second change; with other content it
-- is refused, naming the field.
CREATE FUNCTION bakkt_ledger_internal.refuse_other_content(what text, object_key text, stored jsonb, given jsonb) RETURNS void
    STABLE PARALLEL SAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    field text;
BEGIN
    SELECT k INTO field FROM jsonb_object_keys(given) AS k
    WHERE coalesce(given -> k, 'null') <> coalesce(stored -> k, 'null') ORDER BY k LIMIT 1;
    IF field IS NULL THEN
        RETURN;
    END IF;
    PERFORM refuse('LG020', format('%s "%s" was given before with another %s', what, object_key, field),
                   format('Field "%s": %s then, %s now.', field,
                          coalesce(stored ->> field, 'null'), coalesce(given ->> field, 'null')),
                   'Repeat the request unchanged, or use the function that changes the object, or another reference.',
                   jsonb_build_object('field', field, 'stored', stored -> field, 'given', given -> field));
END;
$$;
