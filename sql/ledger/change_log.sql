-- The change log: every opening and change of reference data, with who, when and why, and whether a
-- request was made before.
-- Refuses other content under a reference that was used (LG020), a malformed reference (LG002), and
-- every change of a row (LG066).

CREATE TABLE bakkt_ledger_internal.change_log (
    change_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at  timestamptz NOT NULL,
    changed_by  name NOT NULL,
    client_id   integer,
    object_kind text NOT NULL,
    object_key  text NOT NULL,
    reference   text CHECK (octet_length(reference) BETWEEN 1 AND 200),
    before      jsonb,
    after       jsonb NOT NULL,
    reason      text
);
CREATE INDEX change_log_object ON change_log (object_kind, object_key);
CREATE UNIQUE INDEX change_log_opened_once ON change_log (object_kind, object_key) WHERE before IS NULL;
-- references are unique within a client, and across the ledger for changes that concern no client
CREATE UNIQUE INDEX change_log_reference ON change_log
    (object_kind, reference, (CASE object_kind WHEN 'client' THEN 0 ELSE coalesce(client_id, 0) END)) WHERE reference IS NOT NULL;
COMMENT ON TABLE change_log IS 'Every opening and change of reference data: who, when, why, before and after. Append-only.';
COMMENT ON COLUMN change_log.client_id IS 'Client concerned; NULL when the change concerns the whole ledger.';
COMMENT ON COLUMN change_log.reference IS
    'Idempotency key given by the caller, unique per kind of object and, where the object belongs to a client, per client.';
COMMENT ON COLUMN change_log.before IS 'The row before the change; NULL for an opening.';
SELECT pg_catalog.pg_extension_config_dump('change_log', '');
SELECT pg_catalog.pg_extension_config_dump('change_log_change_id_seq', '');

CREATE FUNCTION bakkt_ledger_internal.check_change_reference(reference text) RETURNS void
    STABLE PARALLEL SAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF octet_length(reference) NOT BETWEEN 1 AND 200 THEN
        PERFORM refuse_invalid('a reference has 1 to 200 bytes', format('This one has %s.', octet_length(reference)));
    END IF;
END;
$$;
COMMENT ON FUNCTION check_change_reference(text) IS
    'Internal: raises LG002 for a reference of a change that is empty or too long; NULL is none.';

CREATE FUNCTION bakkt_ledger_internal.record_change(object_kind text, object_key text, before jsonb, after jsonb,
                              client_id integer DEFAULT NULL, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT bounded_wait(), check_change_reference($6);
    INSERT INTO change_log (changed_at, changed_by, client_id, object_kind, object_key, reference, before, after, reason)
    VALUES (clock_timestamp(), invoking_role(), $5, $1, $2, $6, $3, $4, $7)
$$;
COMMENT ON FUNCTION record_change(text, text, jsonb, jsonb, integer, text, text) IS
    'Internal: writes one row of change_log in the name of the invoking role; LG002 for a reference that is empty or too long.';

-- True when this opening was recorded before, with this content.
CREATE FUNCTION bakkt_ledger_internal.opened_before(object_kind text, object_key text, reference text, request jsonb, client_id integer DEFAULT NULL) RETURNS boolean
    STABLE PARALLEL SAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    opening change_log%ROWTYPE;
BEGIN
    PERFORM check_change_reference(reference);
    SELECT l.* INTO opening FROM change_log l
    WHERE l.object_kind = opened_before.object_kind AND l.reference = opened_before.reference
      AND (opened_before.client_id IS NULL OR l.client_id = opened_before.client_id);
    IF FOUND AND (opening.object_key <> opened_before.object_key OR opening.before IS NOT NULL) THEN
        PERFORM refuse_other_content('Reference', opened_before.reference,
                                     jsonb_build_object(opened_before.object_kind, opening.object_key),
                                     jsonb_build_object(opened_before.object_kind, opened_before.object_key));
        RAISE EXCEPTION USING ERRCODE = 'LG020',
            MESSAGE = format('reference "%s" was given before with another request', opened_before.reference),
            DETAIL = format('It changed %s "%s".', opened_before.object_kind, opening.object_key),
            HINT = 'Use another reference.';
    END IF;
    SELECT l.* INTO opening FROM change_log l
    WHERE l.object_kind = opened_before.object_kind AND l.object_key = opened_before.object_key AND l.before IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM refuse_other_content(opened_before.object_kind, opened_before.object_key, opening.after, request);
    RETURN true;
END;
$$;
COMMENT ON FUNCTION opened_before(text, text, text, jsonb, integer) IS
    'Internal: whether the object was opened before with this content, within the client if one is given; LG020 when it was '
    'opened with other content, or the reference was used for another object.';

-- True when the change with this reference was recorded before, with this content.
CREATE FUNCTION bakkt_ledger_internal.changed_before(object_kind text, object_key text, reference text, request jsonb, client_id integer DEFAULT NULL) RETURNS boolean
    STABLE PARALLEL SAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    change change_log%ROWTYPE;
BEGIN
    PERFORM check_change_reference(reference);
    SELECT l.* INTO change FROM change_log l
    WHERE l.object_kind = changed_before.object_kind AND l.reference = changed_before.reference
      AND (changed_before.client_id IS NULL OR l.client_id = changed_before.client_id);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM refuse_other_content('Reference', changed_before.reference,
                                 change.after || jsonb_build_object(changed_before.object_kind, change.object_key,
                                                                    'operation', CASE WHEN change.before IS NULL THEN 'open' ELSE 'change' END),
                                 request || jsonb_build_object(changed_before.object_kind, changed_before.object_key,
                                                               'operation', 'change'));
    RETURN true;
END;
$$;
COMMENT ON FUNCTION changed_before(text, text, text, jsonb, integer) IS
    'Internal: whether a change with this reference was made before, within the client if one is given; LG020 when it had other '
    'content.';
