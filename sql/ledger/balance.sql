-- Balances, in both times: as recorded and as effective. A house account has no balance row: its
-- balance is what the last block says plus the lines of the journals that no block has yet, at one
-- snapshot. ROWS is set high where a function can return many rows, for the planner; jit is off
-- where compiling would take longer than the query.
-- Refuses clients and accounts the caller may not see.
-- Locks nothing.

-- The client's journals that no block has yet.
CREATE FUNCTION bakkt_ledger_internal.unsealed_journals(holder integer) RETURNS SETOF journal
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    last block;
BEGIN
    SELECT b.* INTO last FROM block AS b ORDER BY b.block_no DESC LIMIT 1;
    RETURN QUERY
    SELECT j.*
    FROM journal AS j
    WHERE j.client_id = holder AND j.journal_id > coalesce(last.high, 0);
    IF last.high IS NOT NULL THEN
        RETURN QUERY
        SELECT j.*
        FROM spans(last.pending) AS part
        -- OFFSET 0: looked up for each range, as in numbered_records()
        CROSS JOIN LATERAL (SELECT n.*
                            FROM journal AS n
                            WHERE n.client_id = holder AND n.journal_id >= lower(part) AND n.journal_id < upper(part)
                              AND n.journal_id <@ last.pending OFFSET 0) AS j;
    END IF;
END;
$$;

-- Exact balances, debit positive, of the client's house accounts at this snapshot: last block plus
-- unsealed tail.
CREATE FUNCTION bakkt_ledger_internal.house_balances(holder integer) RETURNS TABLE (account account_id, posted amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH tail AS MATERIALIZED (
        SELECT t.account, t.amount AS change
        FROM unnest((SELECT activity(j.entry) FROM unsealed_journals(holder) AS j)) AS t
    )
    SELECT a.account, coalesce(s.balance, zero(a.asset)) + coalesce(t.change, zero(a.asset))
    FROM account AS a
    JOIN account_kind AS k ON k.kind = a.kind AND NOT k.limited
    LEFT JOIN LATERAL (SELECT b.balance
                       FROM block_balance AS b
                       WHERE b.client_id = a.client_id AND b.account = a.account
                       ORDER BY b.block_no DESC LIMIT 1) AS s ON true
    LEFT JOIN tail AS t ON t.account = a.account
    WHERE a.client_id = holder
$$;

-- Sums, debit positive, of the client's lines that are effective after one instant or were recorded
-- after another: what is taken from today's balances to have those of then.
CREATE FUNCTION bakkt_ledger_internal.changes_since(holder integer, at timestamptz, known_at timestamptz)
    RETURNS TABLE (account account_id, change amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT l.account, sum(l.amount)
    FROM journal AS j
    CROSS JOIN LATERAL lines(j.entry) AS l
    WHERE j.client_id = holder
      AND (j.effective_at > coalesce(at, 'infinity') OR j.recorded_at > coalesce(known_at, 'infinity'))
    GROUP BY l.account;
END;

CREATE TYPE bakkt_ledger.balance_line AS (
    account account_id,
    fund text,
    name text,
    kind text,
    customer text,
    normal_side text,
    balance amount,
    held amount,
    available amount
);
COMMENT ON TYPE balance_line IS
'The balance of an account in natural sign (positive on its normal side).
held and available: of limited accounts, as of now; NULL of an earlier instant.';

CREATE FUNCTION bakkt_ledger.balances(client text, at timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL)
    RETURNS SETOF balance_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    holder constant integer := require_client(client);
    past constant boolean := at IS NOT NULL OR known_at IS NOT NULL;
    kinds constant text[] := visible_kinds();
BEGIN
    RETURN QUERY
    WITH present AS (
        SELECT b.account, b.posted, b.held
        FROM balance AS b
        WHERE b.client_id = holder
        UNION ALL
        SELECT h.account, h.posted, NULL
        FROM house_balances(holder) AS h
    ), later AS MATERIALIZED (
        SELECT c.account, c.change
        FROM changes_since(holder, at, known_at) AS c
        WHERE past
    ), shown AS (
        SELECT p.account, a.fund, a.name, a.kind, a.asset, u.customer_code, k.normal_side, p.held,
               natural_balance(k, p.posted - coalesce(l.change, zero(a.asset))) AS balance
        FROM present AS p
        JOIN account AS a ON a.client_id = holder AND a.account = p.account AND a.kind = ANY (kinds)
        JOIN account_kind AS k ON k.kind = a.kind
        LEFT JOIN customer AS u ON u.customer_id = a.customer_id
        LEFT JOIN later AS l ON l.account = p.account
    )
    SELECT s.account, s.fund, s.name, s.kind, s.customer_code, s.normal_side, s.balance,
           CASE WHEN NOT past THEN s.held END, CASE WHEN NOT past THEN s.balance - s.held END
    FROM shown AS s
    ORDER BY s.fund, s.name, s.asset;
END;
$$;
COMMENT ON FUNCTION balances IS
'The balance of every account of a client that the caller sees.
at: as it was at that instant; NULL: all that is posted. known_at: by what the ledger had recorded by that instant; NULL:
by what it knows now. An expired hold counts as held until expire_holds() has recorded it.
Errors: LG010, 42501.';

-- What is posted on an account, debit positive: its row's, or a house account's by the last block
-- and what no block has yet.
CREATE FUNCTION bakkt_ledger_internal.posted_on(asked account) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce((SELECT b.posted FROM balance AS b WHERE b.client_id = asked.client_id AND b.account = asked.account),
                    coalesce((SELECT b.balance
                              FROM block_balance AS b
                              WHERE b.client_id = asked.client_id AND b.account = asked.account
                              ORDER BY b.block_no DESC LIMIT 1), zero(asked.asset))
                    + coalesce((SELECT sum_for(asked.account, j.entry) FROM unsealed_journals(asked.client_id) AS j),
                               zero(asked.asset)));
END;

-- The journals with a line on the account, recorded in [since, until).
CREATE FUNCTION bakkt_ledger_internal.account_journals(asked account, since timestamptz, until timestamptz) RETURNS SETOF journal
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF asked.customer_id IS NULL THEN
        RETURN QUERY
        SELECT j.*
        FROM journal AS j
        WHERE j.client_id = asked.client_id AND j.recorded_at >= since AND j.recorded_at < until
          AND touches(j.entry, asked.account);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT j.*
    FROM journal AS j
    WHERE j.customer_id = asked.customer_id AND j.recorded_at >= since AND j.recorded_at < until
      AND touches(j.entry, asked.account)
    UNION ALL
    SELECT j.*
    FROM journal_party AS p
    JOIN journal AS j ON j.client_id = p.client_id AND j.journal_id = p.journal_id
    WHERE p.customer_id = asked.customer_id AND j.recorded_at >= since AND j.recorded_at < until
      AND touches(j.entry, asked.account);
END;
$$;

-- changes_since() of one account. No journal is effective later than its recording but for the five
-- minutes of LG061.
CREATE FUNCTION bakkt_ledger_internal.changes_of(asked account, at timestamptz, known_at timestamptz) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(sum_for(asked.account, j.entry), zero(asked.asset))
    FROM account_journals(asked, least(at - interval '5 minutes', known_at), 'infinity') AS j
    WHERE j.effective_at > at OR j.recorded_at > known_at;
END;

CREATE FUNCTION bakkt_ledger.balance_of(account account_id, at timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL)
    RETURNS account_balance
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant account := require_account(account);
    its constant account_kind := (SELECT k FROM account_kind AS k WHERE k.kind = asked.kind);
    moment constant timestamptz := coalesce(at, clock_timestamp());
    balance amount := natural_balance(its, posted_on(asked));
    held amount;
BEGIN
    IF at < clock_timestamp() OR known_at IS NOT NULL THEN
        balance := balance - natural_balance(its, changes_of(asked, at, known_at));
    END IF;
    IF known_at IS NULL THEN
        SELECT coalesce(sum(h.held), zero(asked.asset)) INTO held
        FROM holds_at(asked.client_id, ARRAY[asked.account], moment) AS h;
    END IF;
    RETURN ROW(asked.account, balance, balance - held)::account_balance;
END;
$$;
COMMENT ON FUNCTION balance_of IS
'The exact balance of one account in natural sign, and how much of it is available.
at: as it was at that instant, holds included; NULL: all that is posted, and the holds of now.
known_at: by what the ledger had recorded by that instant, and then available is NULL; NULL: by what it knows now.
Errors: LG030 unknown account, or not visible.';
