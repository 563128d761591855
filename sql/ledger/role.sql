-- Who acts: the group roles, and the role on whose behalf the session works (design 5).

-- The group roles belong to the cluster, not to the database: they may exist already, and DROP
-- EXTENSION leaves them. Everybody in a group may read; what else a group may do is granted at the
-- end of this script.
DO $roles$
DECLARE
    group_role text;
BEGIN
    FOREACH group_role IN ARRAY ARRAY['bakkt_ledger_reader', 'bakkt_ledger_poster', 'bakkt_ledger_executor',
                                      'bakkt_ledger_bookkeeper', 'bakkt_ledger_settler', 'bakkt_ledger_approver',
                                      'bakkt_ledger_reconciler', 'bakkt_ledger_auditor', 'bakkt_ledger_administrator']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = group_role) THEN
            BEGIN
                EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', group_role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database's installation was faster
            END;
        END IF;
        IF group_role <> 'bakkt_ledger_reader'
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members AS m
                           WHERE m.roleid = 'bakkt_ledger_reader'::pg_catalog.regrole
                             AND m.member = group_role::pg_catalog.regrole) THEN
            EXECUTE pg_catalog.format('GRANT bakkt_ledger_reader TO %I', group_role);
        END IF;
    END LOOP;
END;
$roles$;

-- The role on whose behalf the session works (after SET ROLE), also inside SECURITY DEFINER
-- functions. Errors: 42501 inside a security-restricted operation (maintenance), where nobody acts.
CREATE FUNCTION bakkt_ledger_internal.invoking_role() RETURNS name
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'bakkt_ledger_invoking_role';

-- ---------------------------------------------------------------------------
-- Roles that were given something
-- ---------------------------------------------------------------------------
-- A row that gives a role something holds it by number, so that what was given ends with the role,
-- follows it when it is renamed, and is dumped by its name. Events can tell neither: the number is
-- another in the next cluster, and the name may change. So the row also holds who the role was when
-- it was given something, and verify() compares.

-- Who a role is: cluster, number and name; NULL when there is no such role.
CREATE FUNCTION bakkt_ledger_internal.role_identity(role oid) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT concat_ws('/', c.system_identifier, r.oid, r.rolname)
            FROM pg_roles AS r CROSS JOIN pg_control_system() AS c
            WHERE r.oid = role);
END;
$$;

-- The role that an identity tells of: in its own cluster by its number, in another by its name;
-- NULL when it is there no more.
CREATE FUNCTION bakkt_ledger_internal.identified_role(identity text) RETURNS oid
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT r.oid
            FROM pg_roles AS r CROSS JOIN pg_control_system() AS c
            WHERE CASE WHEN split_part(identity, '/', 1) = c.system_identifier::text
                       THEN r.oid::text = split_part(identity, '/', 2)
                       ELSE r.rolname = substring(identity FROM '^[^/]*/[^/]*/(.*)$') END);
END;
$$;

-- The number of a role by its name; 42704 when there is none.
CREATE FUNCTION bakkt_ledger_internal.require_role(role_name name) RETURNS oid
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_role oid;
BEGIN
    SELECT r.oid INTO found_role FROM pg_roles AS r WHERE r.rolname = role_name;
    IF NOT FOUND THEN
        PERFORM refuse('42704', format('role "%s" does not exist', coalesce(role_name, 'NULL')));
    END IF;
    RETURN found_role;
END;
$$;

-- The name of a role; of one that was dropped its number.
CREATE FUNCTION bakkt_ledger_internal.role_label(role oid) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN coalesce((SELECT r.rolname::text FROM pg_roles AS r WHERE r.oid = role), role::text);
END;
$$;
