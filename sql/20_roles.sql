
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
	FOREACH group_role IN ARRAY ARRAY['bakkt_ledger_reader', 'bakkt_ledger_poster', 'bakkt_ledger_executor',
									  'bakkt_ledger_bookkeeper', 'bakkt_ledger_settler',
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
	'The role on whose behalf the session works (after SET ROLE), also inside SECURITY DEFINER functions. Raises 42501 inside a security-restricted operation (maintenance), where nobody acts.';

-- ---------------------------------------------------------------------------
-- Two people (I25)
-- ---------------------------------------------------------------------------

-- A person is a login: SET ROLE to a group that two share makes nobody another.
CREATE FUNCTION session_login() RETURNS name
	STABLE STRICT PARALLEL RESTRICTED LANGUAGE c
	AS 'MODULE_PATHNAME', 'bakkt_ledger_session_login';
COMMENT ON FUNCTION session_login() IS
	'The role that logged in (session_user), whatever SET ROLE says: of two people each has a login. Raises 42501 inside a security-restricted operation.';

CREATE FUNCTION session_login_role() RETURNS regrole
	STABLE PARALLEL RESTRICTED LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$ SELECT r.oid::regrole FROM pg_roles r WHERE r.rolname = session_login() $$;
COMMENT ON FUNCTION session_login_role() IS 'Internal: session_login() by number.';

-- Before PostgreSQL 16 CREATEROLE grants and alters every role but a superuser;
-- since then only those it has ADMIN OPTION on, which makes it a member.
CREATE FUNCTION can_become(login oid, other oid) RETURNS boolean
	STABLE STRICT PARALLEL SAFE LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
	SELECT EXISTS (SELECT FROM pg_roles r
				   WHERE (r.oid = other OR r.rolsuper OR r.rolcreaterole AND current_setting('server_version_num')::integer < 160000)
					 AND pg_has_role(login, r.oid, 'MEMBER'))
	$$;
COMMENT ON FUNCTION can_become(oid, oid) IS
	'Internal: whether a login may become another: it is that one, a member of it (ADMIN OPTION counts), or may make itself one, as superuser or by CREATEROLE (before PostgreSQL 16), its own or that of a role it is a member of.';

-- Why this session is no second person beside a login; NULL: it is one.  The
-- login is known by name and number: one that was renamed or made anew since
-- may be anybody's.
CREATE FUNCTION second_person_problem(first name, first_role oid) RETURNS text
	STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	second	constant name := session_login();
	second_role	constant oid := session_login_role();
BEGIN
	IF first = second OR first_role = second_role THEN
		RETURN format('Login "%s" proposed it.', first);
	ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = first_role AND r.rolname = first) THEN
		RETURN format('Login "%s", which proposed it, was dropped or renamed: nobody can tell who it was.', first);
	ELSIF can_become(second_role, first_role) THEN
		RETURN format('Login "%s" may become "%s", which proposed it.', second, first);
	ELSIF can_become(first_role, second_role) THEN
		RETURN format('Login "%s", which proposed it, may become "%s".', first, second);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION second_person_problem(name, oid) IS
	'Internal: why the session''s login is no second person beside the one that proposed something; NULL when it is.';

CREATE FUNCTION require_second_person(first name, first_role oid, what text) RETURNS void
	STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	problem	constant text := second_person_problem(first, first_role);
BEGIN
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'LG067', MESSAGE = format('%s needs a second person', what), DETAIL = problem,
			HINT = 'Give each person a login that cannot become another''s; superusers and logins that are shared approve nothing.';
	END IF;
END
$$;
COMMENT ON FUNCTION require_second_person(name, oid, text) IS
	'Internal: raises LG067 unless the session''s login is another person than the one that proposed (I25).';

-- Nothing happens by declining: whoever did not propose it may, also where nobody could approve it.
CREATE FUNCTION require_other_login(first name, first_role oid, what text) RETURNS void
	STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
BEGIN
	IF first = session_login() OR first_role = session_login_role() THEN
		PERFORM require_second_person(first, first_role, what);
	END IF;
END
$$;
COMMENT ON FUNCTION require_other_login(name, oid, text) IS
	'Internal: raises LG067 for the login that proposed.';

-- Called first by every function that waits for a lock: SET lock_timeout would
-- overrule a smaller one of the caller.
CREATE FUNCTION bounded_wait(milliseconds integer DEFAULT NULL) RETURNS void
	VOLATILE PARALLEL UNSAFE LANGUAGE c
	AS 'MODULE_PATHNAME', 'bounded_wait';
COMMENT ON FUNCTION bounded_wait(integer) IS
	'Internal: until the function that calls it ends, which must have a SET clause of its own, no wait for a lock takes longer than this, or than bakkt_ledger.lock_wait when it is NULL, or than lock_timeout where that is smaller (55P03).';

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
	SELECT bounded_wait(), check_change_reference($6);
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
