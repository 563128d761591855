-- The group roles (doc/roles.md), and who acts: invoking_role(). The roles belong to the cluster,
-- not to the database: they may exist already, and DROP EXTENSION leaves them. Everybody in a group
-- may read; what else a group may do is granted in privileges.sql.
-- Refuses to name a role inside a security-restricted operation (42501).

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
                NULL;           -- created meanwhile by CREATE EXTENSION in another database
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
END;
$roles$;

CREATE FUNCTION bakkt_ledger_internal.invoking_role() RETURNS name
    STABLE STRICT PARALLEL RESTRICTED LANGUAGE c
    AS 'MODULE_PATHNAME', 'bakkt_ledger_invoking_role';
COMMENT ON FUNCTION invoking_role() IS
    'The role on whose behalf the session works (after SET ROLE), also inside SECURITY DEFINER functions. Raises 42501 inside a '
    'security-restricted operation (maintenance), where nobody acts.';
