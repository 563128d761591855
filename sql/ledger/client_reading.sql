-- What a client's own roles read: its customers, accounts, balances, postings and holds, page by
-- page. The company reads the same and more. A page continues after the last number of the one
-- before: after => that number.
-- Refuses clients and customers the caller may not see (LG010, LG012, 42501), and pages that are
-- too large (54000).
-- Locks nothing.

CREATE TYPE bakkt_ledger.client_line AS (
    client text,
    name text,
    status text,
    funding_model text,
    opened_at timestamptz
);
COMMENT ON TYPE client_line IS
'A client as clients() lists it. funding_model: of those of its customers that have none of their own.';

CREATE FUNCTION bakkt_ledger.clients() RETURNS SETOF client_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT c.code, c.name, c.status, c.funding_model, c.opened_at
    FROM client AS c
    WHERE c.client_id = ANY (visible_clients())
    ORDER BY c.client_id;
END;
$$;
COMMENT ON FUNCTION clients IS 'The clients that the caller may see and work for.';

-- The number of the client's customer that was asked for; NULL: all customers. LG012 when it is not
-- the client's.
CREATE FUNCTION bakkt_ledger_internal.customer_asked(holder integer, named text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_customer bigint;
BEGIN
    IF named IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT c.customer_id INTO found_customer FROM customer_named(named) AS c WHERE c.client_id = holder;
    IF NOT FOUND THEN
        PERFORM refuse('LG012', format('client "%s" has no customer "%s"', (client_row(holder)).code, named), NULL,
                       'Leave the customer out for all of them.', jsonb_build_object('customer', named));
    END IF;
    RETURN found_customer;
END;
$$;

CREATE TYPE bakkt_ledger.customer_line AS (
    number bigint,
    customer text,
    account_type text,
    mode text,
    party_status text,
    funding_model text,
    external_id text,
    opened_at timestamptz
);
COMMENT ON TYPE customer_line IS
'A customer as customers() lists it. number: where the next page continues. funding_model: the customer''s own; NULL: that of the
client.';

CREATE FUNCTION bakkt_ledger.customers(client text, after bigint DEFAULT 0, most integer DEFAULT 1000) RETURNS SETOF customer_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    RETURN QUERY
    SELECT c.customer_id, c.customer_code, c.account_type, c.mode, c.party_status, c.funding_model, i.external_id, c.opened_at
    FROM customer AS c
    LEFT JOIN customer_identity AS i ON i.customer_id = c.customer_id
    WHERE c.client_id = holder AND c.customer_id > after
    ORDER BY c.customer_id
    LIMIT require_page(most);
END;
$$;
COMMENT ON FUNCTION customers IS
'The customers of a client, in the order of their numbers.
after: the last number of the page before; most: the number of rows of a page.
Errors: LG010, 42501, LG002, 54000.';

CREATE TYPE bakkt_ledger.account_line AS (
    account account_id,
    fund text,
    name text,
    kind text,
    asset asset,
    customer text,
    status text
);
COMMENT ON TYPE account_line IS 'An account as client_accounts() lists it.';

CREATE FUNCTION bakkt_ledger.client_accounts(client text, customer text DEFAULT NULL, after account_id DEFAULT NULL,
                                             most integer DEFAULT 1000)
    RETURNS SETOF account_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    owner constant bigint := customer_asked(holder, customer);
    kinds constant text[] := visible_kinds();
BEGIN
    RETURN QUERY
    SELECT a.account, a.fund, a.name, a.kind, a.asset, c.customer_code, a.status
    FROM account AS a
    LEFT JOIN customer AS c ON c.customer_id = a.customer_id
    WHERE a.client_id = holder AND a.kind = ANY (kinds)
      AND (after IS NULL OR a.account > after) AND (owner IS NULL OR a.customer_id = owner)
    ORDER BY a.account
    LIMIT require_page(most);
END;
$$;
COMMENT ON FUNCTION client_accounts IS
'The accounts of a client, or of one of its customers, that the caller sees.
A tenant sees its customers'' accounts, its own settlement and share.
after: the last account of the page before; most: rows of a page.
Errors: LG010, 42501, LG012 no such customer of the client, LG002, 54000.';

CREATE TYPE bakkt_ledger.customer_balance AS (
    account account_id,
    fund text,
    name text,
    kind text,
    balance amount,
    held amount,
    available amount
);
COMMENT ON TYPE customer_balance IS
'The balance of a customer''s claim in natural sign, what holds bind of it, and the rest: available = balance - held.';

CREATE FUNCTION bakkt_ledger.customer_balances(customer text, at timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL)
    RETURNS SETOF customer_balance
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant bigint := require_customer(customer);
BEGIN
    RETURN QUERY
    SELECT a.account, a.fund, a.name, a.kind, b.balance, b.balance - b.available, b.available
    FROM account AS a
    JOIN account_kind AS k ON k.kind = a.kind AND k.limited
    CROSS JOIN LATERAL balance_of(a.account, at, known_at) AS b
    WHERE a.customer_id = owner
    ORDER BY a.fund, a.name, a.asset;
END;
$$;
COMMENT ON FUNCTION customer_balances IS
'Every claim of a customer, of all assets: what it has, what holds bind and what is available.
at, known_at: as for balance_of(). What the customer owes or is owed for executions: cash_calls(), deficits().
Errors: LG012 unknown customer, or not visible.';

CREATE TYPE bakkt_ledger.posting_line AS (
    journal bigint,
    line integer,
    kind text,
    reference text,
    customer text,
    account account_id,
    fund text,
    name text,
    amount amount,
    debit amount,
    credit amount,
    recorded_at timestamptz,
    effective_at timestamptz,
    reverses bigint,
    description text
);
COMMENT ON TYPE posting_line IS 'One line of a journal: amount signed, debit positive, and the same as debit or credit.';

-- A number that every journal recorded at an instant or later is above: what the last block before
-- it has sealed.
CREATE FUNCTION bakkt_ledger_internal.number_before(since timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(max(least(lower(b.pending) - 1, b.high)), 0)
    FROM block AS b
    WHERE b.block_no = (SELECT coalesce(min(first.block_no) - 1, (SELECT max(newest.block_no) FROM block AS newest))
                        FROM block AS first
                        WHERE first.last_recorded_at >= since);
END;

-- A page of the journals of a client, or of one of its customers, after a number.
CREATE FUNCTION bakkt_ledger_internal.journal_page(holder integer, owner bigint, since timestamptz, until timestamptz,
                                                   after bigint, most integer)
    RETURNS SETOF journal
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    start constant bigint := greatest(after, number_before(since));
BEGIN
    IF owner IS NULL THEN
        RETURN QUERY
        -- OFFSET 0: in the order of the key, whatever the planner thinks of the times; a sort would
        -- read all of the client's
        SELECT j.*
        FROM (SELECT k.* FROM journal AS k
              WHERE k.client_id = holder AND k.journal_id > start
              ORDER BY k.journal_id OFFSET 0) AS j
        WHERE j.recorded_at >= since AND j.recorded_at < until
        LIMIT most;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT p.*
    FROM (SELECT j.* FROM journal AS j WHERE j.customer_id = owner
          UNION ALL
          SELECT j.* FROM journal_party AS p JOIN journal AS j USING (client_id, journal_id) WHERE p.customer_id = owner) AS p
    WHERE p.client_id = holder AND p.journal_id > start AND p.recorded_at >= since AND p.recorded_at < until
    ORDER BY p.journal_id
    LIMIT most;
END;
$$;

CREATE FUNCTION bakkt_ledger.postings(client text, customer text DEFAULT NULL, since timestamptz DEFAULT '-infinity',
                                      until timestamptz DEFAULT 'infinity', after bigint DEFAULT 0, most integer DEFAULT 1000)
    RETURNS SETOF posting_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    owner constant bigint := customer_asked(holder, customer);
    kinds constant text[] := visible_kinds();
BEGIN
    RETURN QUERY
    SELECT j.journal_id, l.line, k.name, j.reference, c.customer_code, l.account, a.fund, a.name, l.amount, l.debit, l.credit,
           j.recorded_at, j.effective_at, j.reverses, j.description
    FROM journal_page(holder, owner, coalesce(since, '-infinity'), coalesce(until, 'infinity'), after, require_page(most)) AS j
    JOIN journal_kind AS k ON k.kind = j.kind
    CROSS JOIN LATERAL lines(j.entry) AS l
    -- OFFSET 0: by key, line for line, however many accounts the client has
    CROSS JOIN LATERAL (SELECT x.* FROM account AS x WHERE x.client_id = holder AND x.account = l.account OFFSET 0) AS a
    LEFT JOIN customer AS c ON c.customer_id = a.customer_id
    WHERE a.kind = ANY (kinds) AND (owner IS NULL OR a.customer_id = owner)
    ORDER BY j.journal_id, l.line;
END;
$$;
COMMENT ON FUNCTION postings IS
'The lines of a client''s journals, or of one customer''s accounts, recorded in [since, until), on accounts that the caller sees.
A tenant sees the lines on its customers'' accounts, its own settlement and share.
after: the last journal of the page before; most: how many journals a page looks at, so that a page may have fewer lines than
another, or none, before the last one. NULL is no bound.
Errors: LG010, 42501, LG012 no such customer of the client, LG002, 54000.';

CREATE TYPE bakkt_ledger.hold_line AS (
    number bigint,
    hold text,
    account account_id,
    customer text,
    status text,
    remaining amount,
    captured amount,
    expires_at timestamptz,
    opened_at timestamptz
);
COMMENT ON TYPE hold_line IS 'A hold as holds() lists it. hold: its reference. number: where the next page continues.';

CREATE FUNCTION bakkt_ledger.holds(client text, customer text DEFAULT NULL, open_only boolean DEFAULT true,
                                   after bigint DEFAULT 0, most integer DEFAULT 1000)
    RETURNS SETOF hold_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    owner constant bigint := customer_asked(holder, customer);
    kinds constant text[] := visible_kinds();
BEGIN
    RETURN QUERY
    SELECT h.hold_id, h.reference, h.account, c.customer_code, h.status, h.remaining, h.captured, h.expires_at, h.opened_at
    FROM hold AS h
    JOIN account AS a ON a.client_id = h.client_id AND a.account = h.account AND a.kind = ANY (kinds)
    LEFT JOIN customer AS c ON c.customer_id = a.customer_id
    WHERE h.client_id = holder AND h.hold_id > after AND (owner IS NULL OR a.customer_id = owner)
      AND (h.status = 'OPEN' OR NOT open_only)
    ORDER BY h.hold_id
    LIMIT require_page(most);
END;
$$;
COMMENT ON FUNCTION holds IS
'The holds of a client, or of one of its customers, in the order of their numbers.
open_only: holds that still bind, or have expired and are not recorded as such yet. after, most: see customers().
Errors: LG010, 42501, LG012 no such customer of the client, LG002, 54000.';

-- LG067 for an approver to whom what is proposed is not told: nobody approves what he cannot read.
CREATE FUNCTION bakkt_ledger_internal.require_told(told boolean, what text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT told THEN
        PERFORM refuse('LG067', format('%s is for an approver of the company', what),
                       'It touches a provider or revenue, of which a client''s own roles are not told.',
                       'Have it approved by a login that is also in a group of the company.');
    END IF;
END;
$$;

-- Whether the invoking role may see a whole entry: the company may see any, a tenant none with a
-- line of a provider or of revenue.
CREATE FUNCTION bakkt_ledger_internal.may_see_entry(holder integer, entry journal_entry) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN is_company()
        OR NOT EXISTS (SELECT
                       FROM account AS a
                       JOIN account_kind AS k USING (kind)
                       WHERE a.client_id = holder AND a.account = ANY (accounts(entry))
                         AND (k.party = 'provider' OR k.class = 'revenue'));
END;
$$;
