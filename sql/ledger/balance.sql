-- Balances, in both times: as recorded and as effective. A house account has no balance row: its
-- balance is what the last block says plus the lines of the journals that no block has yet, at one
-- snapshot. ROWS is set high where a function can return many rows, for the planner; jit is off
-- where compiling would take longer than the query.
-- Refuses clients and accounts the caller may not see.
-- Locks nothing.

-- A house account has no balance row: its balance is what the last block
-- says plus the lines of journals that no block has yet, at one snapshot.
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

-- Exact balances, debit positive, of the client's house accounts at this snapshot: last block plus unsealed tail.
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

-- Sums, debit positive, of the lines recorded after one instant or effective after another, which
-- are subtracted from today's balances.
CREATE FUNCTION bakkt_ledger_internal.changes_since(client_id integer, recorded_as_of timestamptz, effective_as_of timestamptz)
    RETURNS TABLE (account account_id, change amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT l.account, sum(l.amount)
      FROM journal j, lines(j.entry) l
     WHERE j.client_id = $1
       AND (j.recorded_at > coalesce($2, 'infinity') OR j.effective_at > coalesce($3, 'infinity'))
     GROUP BY l.account
$$;

CREATE FUNCTION bakkt_ledger.balances(client text, at timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL)
    RETURNS TABLE (account account_id, fund text, name text, kind text, customer text, normal_side text,
                   balance amount, held amount, available amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    owner_id integer := require_client(client);
    past boolean := known_at IS NOT NULL OR at IS NOT NULL;
    kinds text[] := visible_kinds();
BEGIN
    RETURN QUERY
    WITH present AS (
        SELECT b.account, b.posted, b.held FROM balance b WHERE b.client_id = owner_id
        UNION ALL
        SELECT h.account, h.posted, NULL FROM house_balances(owner_id) h
    ), later AS MATERIALIZED (
        SELECT c.account, c.change FROM changes_since(owner_id, known_at, at) c WHERE past
    ), shown AS (
        SELECT p.account, a.fund, a.name, a.kind, cu.customer_code, k.normal_side, p.held,
               CASE k.normal_side WHEN 'debit' THEN p.posted - coalesce(l.change, zero(a.asset))
                    ELSE coalesce(l.change, zero(a.asset)) - p.posted END AS natural
          FROM present p
          JOIN account a ON a.client_id = owner_id AND a.account = p.account AND a.kind = ANY (kinds)
          JOIN account_kind k ON k.kind = a.kind
          LEFT JOIN customer cu ON cu.customer_id = a.customer_id
          LEFT JOIN later l ON l.account = p.account
    )
    SELECT s.account, s.fund, s.name, s.kind, s.customer_code, s.normal_side, s.natural,
           CASE WHEN NOT past THEN s.held END,
           CASE WHEN NOT past THEN s.natural - s.held END
      FROM shown s
     ORDER BY s.fund, s.name, asset(s.natural);
END;
$$;
COMMENT ON FUNCTION balances IS
'Balance of every account of a client in natural sign (positive on the account''s normal side).
recorded_as_of: as the ledger had recorded it by that instant. effective_as_of: as it was at that instant, by what is known now.
Both: as it was at effective_as_of, by what had been recorded by recorded_as_of. held and available are today''s, of limited
accounts; an expired hold counts as held until expire_holds() has recorded it.
Errors: LG010, 42501.';

CREATE FUNCTION bakkt_ledger.balance_of(account account_id, at timestamptz DEFAULT clock_timestamp()) RETURNS account_balance
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    asked account := require_account(account);
    is_debit boolean := (SELECT k.normal_side = 'debit' FROM account_kind k WHERE k.kind = asked.kind);
    row_posted amount;
    row_held amount;
BEGIN
    SELECT b.posted, b.held - coalesce(expired_holds(b.client_id, b.account, at), zero(asked.asset))
      INTO row_posted, row_held
      FROM balance b WHERE b.client_id = asked.client_id AND b.account = asked.account;
    IF NOT FOUND THEN
        SELECT coalesce((SELECT b.balance FROM block_balance b
                          WHERE b.client_id = asked.client_id AND b.account = asked.account
                          ORDER BY b.block_no DESC LIMIT 1), zero(asked.asset))
             + coalesce((SELECT sum_for(asked.account, j.entry) FROM unsealed_journals(asked.client_id) j), zero(asked.asset))
          INTO row_posted;
        row_held := zero(asked.asset);
    END IF;
    IF NOT is_debit THEN
        row_posted := -row_posted;
    END IF;
    RETURN ROW(asked.account, row_posted, row_posted - row_held)::account_balance;
END;
$$;
COMMENT ON FUNCTION balance_of IS
'Exact balance of one account in natural sign, and how much of it is available at the instant; expired holds do not bind.
Errors: LG030 unknown account, or not visible.';
