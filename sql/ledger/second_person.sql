-- Two people (I25): a person is a login, since SET ROLE to a group that two share makes nobody
-- another.

-- The role that logged in (session_user), whatever SET ROLE says; 42501 inside a
-- security-restricted operation.
CREATE FUNCTION bakkt_ledger_internal.session_login() RETURNS name
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'bakkt_ledger_session_login';

-- The same by number.
CREATE FUNCTION bakkt_ledger_internal.session_login_role() RETURNS regrole
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT r.oid::regrole FROM pg_roles AS r WHERE r.rolname = session_login();
END;

-- Whether a login may become another: it is that one, a member of it (ADMIN OPTION counts), or may
-- make itself one, as superuser or by CREATEROLE, its own or that of a role it is a member of.
-- Before PostgreSQL 16 CREATEROLE grants and alters every role but a superuser; since then only
-- those it has ADMIN OPTION on, which makes it a member.
CREATE FUNCTION bakkt_ledger_internal.can_become(login oid, other oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_roles AS r
                   WHERE (r.oid = other OR r.rolsuper
                          OR r.rolcreaterole AND current_setting('server_version_num')::integer < 160000)
                     AND pg_has_role(login, r.oid, 'MEMBER'));
END;

-- Why this session is no second person beside a login; NULL: it is one. The login is known by name
-- and number: one that was renamed or made anew since may be anybody's.
CREATE FUNCTION bakkt_ledger_internal.second_person_problem(first name, first_role oid) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    second constant name := session_login();
    second_role constant oid := session_login_role();
BEGIN
    IF first = second OR first_role = second_role THEN
        RETURN format('Login "%s" proposed it.', first);
    ELSIF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = first_role AND r.rolname = first) THEN
        RETURN format('Login "%s", which proposed it, was dropped or renamed: nobody can tell who it was.', first);
    ELSIF can_become(second_role, first_role) THEN
        RETURN format('Login "%s" may become "%s", which proposed it.', second, first);
    ELSIF can_become(first_role, second_role) THEN
        RETURN format('Login "%s", which proposed it, may become "%s".', first, second);
    END IF;
    RETURN NULL;
END;
$$;

-- LG067 unless the session's login is another person than the one that proposed (I25).
CREATE FUNCTION bakkt_ledger_internal.require_second_person(first name, first_role oid, what text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    problem constant text := second_person_problem(first, first_role);
BEGIN
    IF problem IS NOT NULL THEN
        PERFORM refuse('LG067', format('%s needs a second person', what), problem,
                       'Give each person a login that cannot become another''s; superusers and logins that are shared approve '
                       'nothing.');
    END IF;
END;
$$;

-- LG067 for the login that proposed. Nothing happens by declining: whoever did not propose it may,
-- also where nobody could approve it.
CREATE FUNCTION bakkt_ledger_internal.require_other_login(first name, first_role oid, what text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF first = session_login() OR first_role = session_login_role() THEN
        PERFORM require_second_person(first, first_role, what);
    END IF;
END;
$$;
