-- What a tenant sees: its customers, its own settlement and its share; never a provider's price,
-- the company's revenue or its banks. A tenant's role has no right to any table or view, because
-- predicates, plans and counts would tell about rows that it may not see. It reads through
-- functions, which ask the functions here.
-- Locks nothing.

-- Whether the invoking role belongs to the company: it works for all clients, or is an executor or
-- bookkeeper of some.
CREATE FUNCTION bakkt_ledger_internal.is_company() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    acting constant name := invoking_role();
BEGIN
    RETURN sees_all_clients()
        OR EXISTS (SELECT FROM pg_roles AS r
                   WHERE r.rolname IN ('bakkt_ledger_executor', 'bakkt_ledger_bookkeeper')
                     AND pg_has_role(acting, r.oid, 'USAGE'));
END;
$$;

-- The kinds of account that the invoking role sees.
CREATE FUNCTION bakkt_ledger_internal.visible_kinds() RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    company constant boolean := is_company();
BEGIN
    RETURN ARRAY(SELECT k.kind FROM account_kind AS k WHERE company OR k.for_client ORDER BY k.kind);
END;
$$;

-- The number of rows of a page: 54000 for more than one call may return, LG002 for none.
CREATE FUNCTION bakkt_ledger_internal.require_page(most integer) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF most IS NULL OR most < 1 THEN
        PERFORM refuse_invalid('a page has at least one row', format('most is %s.', coalesce(most::text, 'NULL')));
    END IF;
    PERFORM require_batch_size(most);
    RETURN most;
END;
$$;
