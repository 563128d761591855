-- Who may see and act for which client.
-- Refuses an unknown client (LG010), one the acting role may not see (42501), a closed one (LG011).
-- Locks nothing but the rows it writes.

-- The role is stored by number, so access ends with the role: a new role of the same name has none.
CREATE TABLE bakkt_ledger_internal.client_access (
    client_id   integer NOT NULL REFERENCES client,
    role        regrole NOT NULL,
    granted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    granted_by  name NOT NULL,
    PRIMARY KEY (role, client_id)
);
COMMENT ON TABLE client_access IS
    'Which role may see and act for which client. Access ends when the role is dropped: a new role of the same name has none, a '
    'renamed one keeps it.';
COMMENT ON COLUMN client_access.role IS
    'The role; dumped by name. The number of a dropped role has no effect, is left out of dumps and is listed by verify().';
SELECT pg_catalog.pg_extension_config_dump('client_access', 'WHERE role IN (SELECT r.oid FROM pg_catalog.pg_roles r)');

-- ---------------------------------------------------------------------------
-- Visibility
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger_internal.sees_all_clients() RETURNS boolean
    STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    invoker constant name := invoking_role();
BEGIN
    RETURN EXISTS (SELECT FROM pg_roles r
                   WHERE (r.rolname IN ('bakkt_ledger_settler', 'bakkt_ledger_reconciler',
                                        'bakkt_ledger_auditor', 'bakkt_ledger_administrator')
                          OR r.rolname = current_user)
                     AND pg_has_role(invoker, r.oid, 'USAGE'));
END;
$$;
COMMENT ON FUNCTION sees_all_clients() IS
    'Whether the invoking role works for the whole ledger: a settler, reconciler, auditor, administrator, the owner or a '
    'superuser.';

CREATE FUNCTION bakkt_ledger_internal.visible_clients() RETURNS integer[]
    STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    invoker constant name := invoking_role();
BEGIN
    IF sees_all_clients() THEN
        RETURN ARRAY(SELECT c.client_id FROM client c ORDER BY 1);
    END IF;
    RETURN ARRAY(SELECT DISTINCT g.client_id
                 FROM client_access g JOIN pg_roles r ON r.oid = g.role
                 WHERE pg_has_role(invoker, r.oid, 'USAGE') ORDER BY 1);
END;
$$;
COMMENT ON FUNCTION visible_clients() IS
    'Identifiers of the clients that the invoking role may see. Row-level security evaluates it once per query.';

CREATE FUNCTION bakkt_ledger_internal.require_client(code text) RETURNS integer
    STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_id    integer;
BEGIN
    SELECT c.client_id INTO found_id FROM client c WHERE c.code = require_client.code;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG010',
            MESSAGE = format('client "%s" does not exist', coalesce(require_client.code, 'NULL')),
            HINT = 'Open it with open_client().';
    END IF;
    IF NOT found_id = ANY (visible_clients()) THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = format('permission denied for client "%s"', require_client.code),
            DETAIL = format('Role "%s" was not granted access to this client.', invoking_role()),
            HINT = 'An administrator grants it with grant_client_access().';
    END IF;
    RETURN found_id;
END;
$$;
COMMENT ON FUNCTION require_client(text) IS
    'The identifier of a client that the invoking role may see. Raises LG010 when unknown, 42501 when not visible.';

CREATE FUNCTION bakkt_ledger_internal.require_open_client(code text) RETURNS integer
    STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_id    constant integer := require_client(code);
BEGIN
    PERFORM FROM client c WHERE c.client_id = found_id AND c.status = 'closed';
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG011', MESSAGE = format('client "%s" is closed', require_open_client.code);
    END IF;
    RETURN found_id;
END;
$$;
COMMENT ON FUNCTION require_open_client(text) IS 'Internal: require_client(), and LG011 when the client is closed.';

CREATE FUNCTION bakkt_ledger_internal.client_row(client_id integer) RETURNS client
    STABLE STRICT PARALLEL SAFE LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT c FROM client c WHERE c.client_id = client_row.client_id
$$;
COMMENT ON FUNCTION client_row(integer) IS 'Internal: the client with that identifier.';

CREATE FUNCTION bakkt_ledger_internal.clients_asked(code text) RETURNS SETOF client
    STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked   constant integer := CASE WHEN clients_asked.code IS NOT NULL THEN require_client(clients_asked.code) END;
BEGIN
    RETURN QUERY SELECT c.* FROM client c
    WHERE CASE WHEN asked IS NULL THEN c.client_id = ANY (visible_clients()) ELSE c.client_id = asked END
    ORDER BY c.client_id;
END;
$$;
COMMENT ON FUNCTION clients_asked(text) IS
    'Internal: the client with that code or, for NULL, all clients that the invoking role sees, in order. Raises LG010, 42501.';

CREATE FUNCTION bakkt_ledger.grant_client_access(client text, role_name name, reason text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    granted constant integer := require_client(grant_client_access.client);
    named   constant regrole := (SELECT r.oid FROM pg_roles r WHERE r.rolname = grant_client_access.role_name);
BEGIN
    IF named IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('role "%s" does not exist', coalesce(grant_client_access.role_name, 'NULL'));
    END IF;
    PERFORM bounded_wait();
    INSERT INTO client_access (client_id, role, granted_by)
    VALUES (granted, named, invoking_role())
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM record_change('client_access', format('%s:%s', grant_client_access.client, grant_client_access.role_name),
                              '{"granted": false}', '{"granted": true}', granted, NULL, grant_client_access.reason);
    END IF;
END;
$$;
COMMENT ON FUNCTION grant_client_access(text, name, text) IS
    'Lets a role, and the roles that inherit from it, see a client and act for it as far as their group roles allow, until the '
    'role is dropped. Raises LG010, 42704. Granting again is no error.';

CREATE FUNCTION bakkt_ledger.revoke_client_access(client text, role_name name, reason text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    revoked constant integer := require_client(revoke_client_access.client);
BEGIN
    PERFORM bounded_wait();
    -- a role that was dropped can be named by its number
    DELETE FROM client_access g
    WHERE g.client_id = revoked AND coalesce((SELECT r.rolname FROM pg_roles r WHERE r.oid = g.role), g.role::text) = revoke_client_access.role_name;
    IF FOUND THEN
        PERFORM invalidate_account_cache();     -- sessions remember what was granted
        PERFORM record_change('client_access', format('%s:%s', revoke_client_access.client, revoke_client_access.role_name),
                              '{"granted": true}', '{"granted": false}', revoked, NULL, revoke_client_access.reason);
    END IF;
END;
$$;
COMMENT ON FUNCTION revoke_client_access(text, name, text) IS
    'Revokes a role''s access to a client, for queries that start after it commits. Name a dropped role by the number that '
    'verify() reports. Raises LG010. Revoking again is no error.';
