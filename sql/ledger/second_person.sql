-- Two people (I25): who is a second person beside the one who proposed something. A person is a
-- login: two people who SET ROLE to one group they share are still two, and one person who does so
-- is still one.
-- Refuses an approval by the proposer, or by a login that either could become (LG067).

CREATE FUNCTION bakkt_ledger_internal.session_login() RETURNS name
    STABLE STRICT PARALLEL RESTRICTED LANGUAGE c
    AS 'MODULE_PATHNAME', 'bakkt_ledger_session_login';
COMMENT ON FUNCTION session_login() IS
    'The role that logged in (session_user), whatever SET ROLE says. Two people are two logins. Raises 42501 inside a '
    'security-restricted operation.';

CREATE FUNCTION bakkt_ledger_internal.session_login_role() RETURNS regrole
    STABLE PARALLEL RESTRICTED LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT r.oid::regrole FROM pg_roles r WHERE r.rolname = session_login()
$$;
COMMENT ON FUNCTION session_login_role() IS 'Internal: session_login() by number.';

-- Before PostgreSQL 16 a role with CREATEROLE can grant and alter every role but a superuser; since
-- then only roles on which it has ADMIN OPTION, and that already makes it a member.
CREATE FUNCTION bakkt_ledger_internal.can_become(login oid, other oid) RETURNS boolean
    STABLE STRICT PARALLEL SAFE LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT EXISTS (SELECT FROM pg_roles r
                   WHERE (r.oid = other OR r.rolsuper OR r.rolcreaterole AND current_setting('server_version_num')::integer < 160000)
                     AND pg_has_role(login, r.oid, 'MEMBER'))
$$;
COMMENT ON FUNCTION can_become(oid, oid) IS
    'Internal: whether a login can act as another role: it is that role, is a member of it (ADMIN OPTION counts), or can make '
    'itself a member, as superuser or, before PostgreSQL 16, by CREATEROLE, its own or that of a role it is a member of.';

-- The proposer is recorded by name and number, because a login that was renamed or created again
-- since may belong to anybody.
CREATE FUNCTION bakkt_ledger_internal.second_person_problem(first name, first_role oid) RETURNS text
    STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    second  constant name := session_login();
    second_role constant oid := session_login_role();
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
END;
$$;
COMMENT ON FUNCTION second_person_problem(name, oid) IS
    'Internal: why the session''s login does not count as a second person beside the login that proposed something; NULL when '
    'it does.';

CREATE FUNCTION bakkt_ledger_internal.require_second_person(first name, first_role oid, what text) RETURNS void
    STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    problem constant text := second_person_problem(first, first_role);
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LG067', MESSAGE = format('%s needs a second person', what), DETAIL = problem,
            HINT = 'Give each person a login that cannot become another''s; superusers and logins that are shared approve nothing.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_second_person(name, oid, text) IS
    'Internal: raises LG067 unless the session''s login is another person than the one that proposed (I25).';

-- Declining moves nothing, so any other login may decline, even where no login could approve.
CREATE FUNCTION bakkt_ledger_internal.require_other_login(first name, first_role oid, what text) RETURNS void
    STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF first = session_login() OR first_role = session_login_role() THEN
        PERFORM require_second_person(first, first_role, what);
    END IF;
END;
$$;
COMMENT ON FUNCTION require_other_login(name, oid, text) IS 'Internal: raises LG067 for the login that proposed.';
