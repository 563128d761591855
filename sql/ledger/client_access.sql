-- Who may see which client (design 5).

CREATE TABLE bakkt_ledger_internal.client_access (
    client_id integer NOT NULL REFERENCES client,
    role regrole NOT NULL,
    role_identity text COLLATE "C" NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    granted_by name NOT NULL,
    PRIMARY KEY (role, client_id)
);
COMMENT ON TABLE client_access IS
'Which role may see and act for which client. It ends with the role: a new role of the same name has nothing, a renamed one
keeps it.';
COMMENT ON COLUMN client_access.role IS
'The role; dumped by name. Of one that was dropped its number: of no effect, left out of dumps, listed by verify().';
COMMENT ON COLUMN client_access.role_identity IS 'Who the role was when it was granted access: cluster, number, name.';
SELECT pg_catalog.pg_extension_config_dump('client_access', 'WHERE role IN (SELECT r.oid FROM pg_catalog.pg_roles r)');
INSERT INTO subject (subject, key, apart) VALUES ('client_access', '{role_identity}', '{role}');

-- ---------------------------------------------------------------------------
-- Visibility
-- ---------------------------------------------------------------------------

-- Whether the invoking role works for the whole ledger: a settler, reconciler, auditor,
-- administrator, the owner or a superuser.
CREATE FUNCTION bakkt_ledger_internal.sees_all_clients() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    invoker constant name := invoking_role();
BEGIN
    RETURN EXISTS (SELECT FROM pg_roles AS r
                   WHERE (r.rolname IN ('bakkt_ledger_settler', 'bakkt_ledger_reconciler',
                                        'bakkt_ledger_auditor', 'bakkt_ledger_administrator')
                          OR r.rolname = current_user)
                     AND pg_has_role(invoker, r.oid, 'USAGE'));
END;
$$;

-- Identifiers of the clients that the invoking role may see. Row-level security evaluates it once
-- per query.
CREATE FUNCTION bakkt_ledger_internal.visible_clients() RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    invoker constant name := invoking_role();
BEGIN
    IF sees_all_clients() THEN
        RETURN ARRAY(SELECT c.client_id FROM client AS c ORDER BY 1);
    END IF;
    RETURN ARRAY(SELECT DISTINCT g.client_id
                 FROM client_access AS g JOIN pg_roles AS r ON r.oid = g.role
                 WHERE pg_has_role(invoker, r.oid, 'USAGE') ORDER BY 1);
END;
$$;

-- The identifier of a client that the invoking role may see. Errors: LG010 unknown, 42501 not
-- visible.
CREATE FUNCTION bakkt_ledger_internal.require_client(code text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_id integer;
BEGIN
    SELECT c.client_id INTO found_id FROM client AS c WHERE c.code = require_client.code;
    IF NOT FOUND THEN
        PERFORM refuse('LG010', format('client "%s" does not exist', coalesce(code, 'NULL')), NULL,
                       'Open it with open_client().', jsonb_build_object('client', code));
    ELSIF NOT found_id = ANY (visible_clients()) THEN
        PERFORM refuse('42501', format('permission denied for client "%s"', code),
                       format('Role "%s" was not granted access to this client.', invoking_role()),
                       'An administrator grants it with grant_client_access().');
    END IF;
    RETURN found_id;
END;
$$;

-- require_client(), and LG011 when the client is closed.
CREATE FUNCTION bakkt_ledger_internal.require_open_client(code text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_id constant integer := require_client(code);
BEGIN
    IF (client_row(found_id)).status = 'CLOSED' THEN
        PERFORM refuse('LG011', format('client "%s" is closed', code));
    END IF;
    RETURN found_id;
END;
$$;

-- The client of that identifier.
CREATE FUNCTION bakkt_ledger_internal.client_row(holder integer) RETURNS client
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT c FROM client AS c WHERE c.client_id = holder);
END;
$$;

-- The number of the client of that code, or, for NULL, of all that the invoking role sees; LG010,
-- 42501. Asked before a query, not in it: there the planner might find nothing to ask it about.
CREATE FUNCTION bakkt_ledger_internal.clients_asked(code text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE WHEN code IS NULL THEN visible_clients() ELSE ARRAY[require_client(code)] END;
END;
$$;

-- ---------------------------------------------------------------------------
-- Granting and revoking
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger.grant_client_access(client text, role name, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    named constant oid := require_role(role);
    granted client_access;
    asked request;
BEGIN
    PERFORM bounded_wait();
    asked := open_change('grant_client_access', 'client_access', holder, reference, jsonb_build_object('role', role));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    INSERT INTO client_access AS g (client_id, role, role_identity, granted_by)
    VALUES (holder, named, role_identity(named), invoking_role())
    ON CONFLICT DO NOTHING
    RETURNING g.* INTO granted;
    RETURN close_change(asked, 'granted', NULL::client_access, granted, reason);
END;
$$;
COMMENT ON FUNCTION grant_client_access IS
'Lets a role, and the roles that inherit from it, see a client and act for it as far as their group roles allow.
It ends with the role. Granting again is no error.
Errors: LG010, 42501, 42704 unknown role.';

CREATE FUNCTION bakkt_ledger.revoke_client_access(client text, role name, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    revoked client_access;
    asked request;
BEGIN
    PERFORM bounded_wait();
    asked := open_change('revoke_client_access', 'client_access', holder, reference, jsonb_build_object('role', role));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    DELETE FROM client_access AS g
    WHERE g.client_id = holder AND role_label(g.role) = revoke_client_access.role
    RETURNING g.* INTO revoked;
    IF FOUND THEN
        PERFORM invalidate_account_cache();  -- sessions remember what was granted
    END IF;
    RETURN close_change(asked, 'removed', revoked, NULL, reason);
END;
$$;
COMMENT ON FUNCTION revoke_client_access IS
'Takes a role''s access to a client away, for queries that start from now on.
Of a role that was dropped, give the number that verify() tells. Revoking again is no error.
Errors: LG010, 42501.';
