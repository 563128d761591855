
-- ===========================================================================
-- Roles and the trail of reference-data changes (design 7)
-- ===========================================================================

-- The group roles belong to the cluster, not to the database: they may exist
-- already, and DROP EXTENSION leaves them.  Everybody in a group may read;
-- what else a group may do is granted at the end of this script.
DO $roles$
DECLARE
	group_role text;
BEGIN
	FOREACH group_role IN ARRAY ARRAY['bakkt_ledger_reader', 'bakkt_ledger_poster', 'bakkt_ledger_settler',
									  'bakkt_ledger_approver', 'bakkt_ledger_reconciler', 'bakkt_ledger_auditor',
									  'bakkt_ledger_administrator']
	LOOP
		IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = group_role) THEN
			BEGIN
				EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', group_role);
			EXCEPTION WHEN duplicate_object OR unique_violation THEN
				NULL;			-- another database's installation was faster
			END;
		END IF;
		IF group_role <> 'bakkt_ledger_reader'
			AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
							WHERE m.roleid = 'bakkt_ledger_reader'::pg_catalog.regrole
							  AND m.member = group_role::pg_catalog.regrole)
		THEN
			EXECUTE pg_catalog.format('GRANT bakkt_ledger_reader TO %I', group_role);
		END IF;
	END LOOP;
END
$roles$;

CREATE FUNCTION invoking_role() RETURNS name
	STABLE STRICT PARALLEL RESTRICTED LANGUAGE c
	AS 'MODULE_PATHNAME', 'bakkt_ledger_invoking_role';
COMMENT ON FUNCTION invoking_role() IS
	'The role on whose behalf the session works (after SET ROLE), also inside SECURITY DEFINER functions.';

-- One row per change of a client, customer, asset, account, ...; never changed.
CREATE TABLE change_log (
	change_id	bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	changed_at	timestamptz NOT NULL,
	changed_by	name NOT NULL,
	client_id	int,
	object_kind	text NOT NULL,
	object_key	text NOT NULL,
	reference	text CHECK (octet_length(reference) BETWEEN 1 AND 200),
	before		jsonb,
	after		jsonb NOT NULL,
	reason		text
);
CREATE INDEX change_log_object ON change_log (object_kind, object_key);
CREATE UNIQUE INDEX change_log_opened_once ON change_log (object_kind, object_key) WHERE before IS NULL;
-- a client's references are its own; those for clients themselves and for what belongs to none are the ledger's
CREATE UNIQUE INDEX change_log_reference ON change_log
	(object_kind, reference, (CASE object_kind WHEN 'client' THEN 0 ELSE coalesce(client_id, 0) END)) WHERE reference IS NOT NULL;
COMMENT ON TABLE change_log IS 'Every opening and change of reference data: who, when, why, before and after. Append-only.';
COMMENT ON COLUMN change_log.client_id IS 'Client concerned; NULL when the change concerns the whole ledger.';
COMMENT ON COLUMN change_log.reference IS 'Idempotency key given by the caller, unique per kind of object, and per client for what belongs to one.';
COMMENT ON COLUMN change_log.before IS 'The row before the change; NULL for an opening.';
SELECT pg_catalog.pg_extension_config_dump('change_log', '');
SELECT pg_catalog.pg_extension_config_dump('change_log_change_id_seq', '');

-- STABLE as all that only check: a volatile function starts commands, which a parallel plan may not.
CREATE FUNCTION refuse_invalid(message text, detail text DEFAULT NULL, hint text DEFAULT NULL) RETURNS void
	STABLE PARALLEL SAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
BEGIN
	-- an empty text would be shown as an empty line
	IF detail IS NULL AND hint IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'LG002', MESSAGE = message;
	ELSIF detail IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'LG002', MESSAGE = message, HINT = hint;
	ELSIF hint IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'LG002', MESSAGE = message, DETAIL = detail;
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'LG002', MESSAGE = message, DETAIL = detail, HINT = hint;
END
$$;
COMMENT ON FUNCTION refuse_invalid(text, text, text) IS 'Internal: raises LG002, a malformed request.';

CREATE FUNCTION check_change_reference(reference text) RETURNS void
	STABLE PARALLEL SAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
BEGIN
	IF octet_length(reference) NOT BETWEEN 1 AND 200 THEN
		PERFORM refuse_invalid('a reference has 1 to 200 bytes', format('This one has %s.', octet_length(reference)));
	END IF;
END
$$;
COMMENT ON FUNCTION check_change_reference(text) IS 'Internal: raises LG002 for a reference of a change that is empty or too long; NULL is none.';

CREATE FUNCTION record_change(object_kind text, object_key text, before jsonb, after jsonb,
							  client_id int DEFAULT NULL, reference text DEFAULT NULL, reason text DEFAULT NULL)
	RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
	SELECT check_change_reference($6);
	INSERT INTO change_log (changed_at, changed_by, client_id, object_kind, object_key, reference, before, after, reason)
	VALUES (clock_timestamp(), invoking_role(), $5, $1, $2, $6, $3, $4, $7)
	$$;
COMMENT ON FUNCTION record_change(text, text, jsonb, jsonb, int, text, text) IS
	'Internal: writes one row of change_log in the name of the invoking role; LG002 for a reference that is empty or too long.';

-- Repeated requests (design 4, Idempotency): the same content again is no
-- error and no second change; other content is refused, naming the field.
CREATE FUNCTION refuse_other_content(what text, object_key text, stored jsonb, given jsonb) RETURNS void
	STABLE PARALLEL SAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	field text;
BEGIN
	SELECT k INTO field FROM jsonb_object_keys(given) AS k
	WHERE coalesce(given -> k, 'null') <> coalesce(stored -> k, 'null') ORDER BY k LIMIT 1;
	IF field IS NULL THEN
		RETURN;
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'LG020',
		MESSAGE = format('%s "%s" was given before with another %s', what, object_key, field),
		DETAIL = format('Field "%s": %s then, %s now.', field,
						coalesce(stored ->> field, 'null'), coalesce(given ->> field, 'null')),
		HINT = 'Repeat the request unchanged, or use the function that changes the object, or another reference.';
END
$$;
COMMENT ON FUNCTION refuse_other_content(text, text, jsonb, jsonb) IS
	'Internal: raises LG020 naming the first field of "given" that "stored" says otherwise.';

-- true: this opening was recorded before, with this content
CREATE FUNCTION opened_before(object_kind text, object_key text, reference text, request jsonb, client_id int DEFAULT NULL) RETURNS boolean
	STABLE PARALLEL SAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
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
END
$$;
COMMENT ON FUNCTION opened_before(text, text, text, jsonb, int) IS
	'Internal: whether the object was opened before with this content; LG020 when with other content or the reference served another object, of the client if one is given.';

-- true: the change with this reference was recorded before, with this content
CREATE FUNCTION changed_before(object_kind text, object_key text, reference text, request jsonb, client_id int DEFAULT NULL) RETURNS boolean
	STABLE PARALLEL SAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
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
END
$$;
COMMENT ON FUNCTION changed_before(text, text, text, jsonb, int) IS
	'Internal: whether a change with this reference was made before, of the client if one is given; LG020 when it had other content.';
