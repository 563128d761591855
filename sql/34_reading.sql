-- Floor 2: reading the ledger: postings, balances in both times, statements,
-- trial balance.
--
-- Queries over sets of unknown size are planned as if these were large; jit
-- would compile for longer than they run.

-- A house account has no balance row: its balance is what the last block
-- says plus the lines of journals that no block has yet, at one snapshot.
CREATE FUNCTION unsealed_journals(client_id integer) RETURNS SETOF journal
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    last block;
BEGIN
    SELECT * INTO last FROM block b ORDER BY b.block_no DESC LIMIT 1;
    RETURN QUERY SELECT j.* FROM journal j
        WHERE j.client_id = unsealed_journals.client_id AND j.journal_id > coalesce(last.high, 0);
    IF last.high IS NOT NULL THEN
        RETURN QUERY SELECT j.* FROM ranges(last.pending) AS r CROSS JOIN LATERAL
            -- OFFSET 0: looked up for each range, as in block_members()
            (SELECT n.* FROM journal n
             WHERE n.client_id = unsealed_journals.client_id AND n.journal_id >= lower(r) AND n.journal_id < upper(r) OFFSET 0) AS j;
    END IF;
END $$;
COMMENT ON FUNCTION unsealed_journals(integer) IS 'The client''s journals that no block has yet. Internal.';

CREATE FUNCTION house_balances(client_id integer) RETURNS TABLE (account account_id, posted amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
    WITH tail AS MATERIALIZED (
        SELECT l.account, sum(l.amount) AS change
          FROM unsealed_journals($1) j, lines(j.entry) l
         GROUP BY l.account
    )
    SELECT a.account, coalesce(s.balance, zero(a.asset)) + coalesce(t.change, zero(a.asset))
      FROM account a
      JOIN account_kind k ON k.kind = a.kind AND NOT k.limited
      LEFT JOIN LATERAL (SELECT b.balance FROM block_balance b
                          WHERE b.client_id = a.client_id AND b.account = a.account
                          ORDER BY b.block_no DESC LIMIT 1) s ON true
      LEFT JOIN tail t ON t.account = a.account
     WHERE a.client_id = $1
$$;
COMMENT ON FUNCTION house_balances(integer) IS 'Exact balances, debit positive, of the client''s house accounts at this snapshot: last block plus unsealed tail. Internal.';

CREATE FUNCTION changes_since(client_id integer, recorded_as_of timestamptz, effective_as_of timestamptz)
    RETURNS TABLE (account account_id, change amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
    SELECT l.account, sum(l.amount)
      FROM journal j, lines(j.entry) l
     WHERE j.client_id = $1
       AND (j.recorded_at > coalesce($2, 'infinity') OR j.effective_at > coalesce($3, 'infinity'))
     GROUP BY l.account
$$;
COMMENT ON FUNCTION changes_since(integer, timestamptz, timestamptz) IS 'Sums, debit positive, of the lines recorded after one instant or effective after another: what to take off today''s balances. Internal.';

CREATE FUNCTION balances(client text, recorded_as_of timestamptz DEFAULT NULL, effective_as_of timestamptz DEFAULT NULL)
    RETURNS TABLE (account account_id, fund text, name text, kind text, customer text, normal_side text,
                   balance amount, held amount, available amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    owner_id integer := require_client(client);
    past boolean := recorded_as_of IS NOT NULL OR effective_as_of IS NOT NULL;
BEGIN
    RETURN QUERY
    WITH present AS (
        SELECT b.account, b.posted, b.held FROM balance b WHERE b.client_id = owner_id
        UNION ALL
        SELECT h.account, h.posted, NULL FROM house_balances(owner_id) h
    ), later AS MATERIALIZED (
        SELECT c.account, c.change FROM changes_since(owner_id, recorded_as_of, effective_as_of) c WHERE past
    ), shown AS (
        SELECT p.account, a.fund, a.name, a.kind, cu.account_code, k.normal_side, p.held,
               CASE k.normal_side WHEN 'debit' THEN p.posted - coalesce(l.change, zero(a.asset))
                    ELSE coalesce(l.change, zero(a.asset)) - p.posted END AS natural
          FROM present p
          JOIN account a ON a.client_id = owner_id AND a.account = p.account
          JOIN account_kind k ON k.kind = a.kind
          LEFT JOIN customer cu ON cu.customer_id = a.customer_id
          LEFT JOIN later l ON l.account = p.account
    )
    SELECT s.account, s.fund, s.name, s.kind, s.account_code, s.normal_side, s.natural,
           CASE WHEN NOT past THEN s.held END,
           CASE WHEN NOT past THEN s.natural - s.held END
      FROM shown s
     ORDER BY s.fund, s.name, asset(s.natural);
END $$;
COMMENT ON FUNCTION balances(text, timestamptz, timestamptz) IS 'Balance of every account of a client in natural sign (positive on the account''s normal side). With recorded_as_of: as the ledger knew it then; with effective_as_of: as is now known to have been true then; with both: what it knew at the one of the other. held and available are those of limited accounts, today; expired holds not yet swept still count as held. Errors: LG010, 42501.';

CREATE FUNCTION balance_of(account account_id, at timestamptz DEFAULT clock_timestamp()) RETURNS account_balance
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
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
END $$;
COMMENT ON FUNCTION balance_of(account_id, timestamptz) IS 'Exact balance of one account in natural sign, and what of it is available at the instant: expired holds do not bind. Errors: LG030 unknown account, or not visible.';

-- The journals of one account, by index: a customer's through customer_id
-- and journal_party, a house account's through its client and time.
CREATE FUNCTION account_journals(asked account, since timestamptz, until timestamptz) RETURNS SETOF journal
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
    IF asked.customer_id IS NULL THEN
        RETURN QUERY SELECT j.* FROM journal j
            WHERE j.client_id = asked.client_id AND j.recorded_at >= since AND j.recorded_at < until
              AND touches(j.entry, asked.account);
        RETURN;
    END IF;
    RETURN QUERY SELECT j.* FROM journal j
        WHERE j.customer_id = asked.customer_id AND j.recorded_at >= since AND j.recorded_at < until
          AND touches(j.entry, asked.account);
    RETURN QUERY SELECT j.* FROM journal_party p JOIN journal j ON j.client_id = p.client_id AND j.journal_id = p.journal_id
        WHERE p.customer_id = asked.customer_id AND j.recorded_at >= since AND j.recorded_at < until
          AND touches(j.entry, asked.account);
END $$;
COMMENT ON FUNCTION account_journals(account, timestamptz, timestamptz) IS 'The journals with a line on the account, recorded in [since, until). Internal.';

CREATE TYPE statement_line AS (
    recorded_at timestamptz,
    effective_at timestamptz,
    journal bigint,
    kind text,
    reference text,
    account account_id,
    name text,
    debit amount,
    credit amount,
    balance amount,
    description text
);
COMMENT ON TYPE statement_line IS 'One line of a statement; balance is in natural sign, after the line.';

CREATE FUNCTION account_statement(account account_id, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS SETOF statement_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    asked account := require_account(account);
    sign integer := (SELECT CASE k.normal_side WHEN 'debit' THEN 1 ELSE -1 END FROM account_kind k WHERE k.kind = asked.kind);
    opening amount;
BEGIN
    since := coalesce(since, '-infinity');
    until := coalesce(until, 'infinity');
    opening := (balance_of(account)).balance
             - coalesce((SELECT sum_for(asked.account, j.entry) FROM account_journals(asked, since, 'infinity') j),
                        zero(asked.asset)) * sign;
    RETURN NEXT ROW(nullif(since, '-infinity'), NULL, NULL, 'opening balance', NULL, asked.account, asked.name,
                    NULL, NULL, opening, NULL)::statement_line;
    RETURN QUERY
    SELECT j.recorded_at, j.effective_at, j.journal_id, k.name, j.reference, asked.account, asked.name,
           l.debit, l.credit,
           opening + sum(l.amount * sign) OVER (ORDER BY j.recorded_at, j.journal_id, l.line ROWS UNBOUNDED PRECEDING),
           j.description
      FROM account_journals(asked, since, until) j
      JOIN journal_kind k ON k.kind = j.kind
      CROSS JOIN LATERAL lines(j.entry) l
     WHERE l.account = asked.account
     ORDER BY j.recorded_at, j.journal_id, l.line;
END $$;
COMMENT ON FUNCTION account_statement(account_id, timestamptz, timestamptz) IS 'The account''s lines recorded in [since, until) with the running balance in natural sign; the first row is the opening balance, equal to the closing one of the statement before (I4). NULL is no bound. A period that ends just now may still gain lines of transactions under way. Errors: LG030.';

CREATE FUNCTION statement(account_code text, asset asset, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS SETOF statement_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    asked record;
BEGIN
    IF NOT EXISTS (SELECT FROM customer c
                    WHERE c.account_code = statement.account_code AND c.client_id = ANY (visible_clients())) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG012', MESSAGE = format('unknown customer account "%s"', account_code);
    END IF;
    FOR asked IN
        SELECT a.account FROM account a
          JOIN customer c ON c.customer_id = a.customer_id AND c.client_id = a.client_id
          JOIN account_kind k ON k.kind = a.kind AND k.limited
         WHERE c.account_code = statement.account_code AND a.asset = statement.asset
         ORDER BY a.name
    LOOP
        RETURN QUERY SELECT * FROM account_statement(asked.account, since, until);
    END LOOP;
END $$;
COMMENT ON FUNCTION statement(text, asset, timestamptz, timestamptz) IS 'Statements of all claims of a customer in an asset, one account after the other, of what was recorded in [since, until); see account_statement(). Receivables and payables of the customer are house accounts: account_statement(). Errors: LG012 unknown customer, or not visible.';

CREATE FUNCTION trial_balance(client text DEFAULT NULL, as_of timestamptz DEFAULT NULL)
    RETURNS TABLE (client_code text, fund text, asset asset, kind text, debit amount, credit amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    one record;
BEGIN
    IF client IS NOT NULL THEN
        PERFORM require_client(client);
    END IF;
    FOR one IN SELECT c.code FROM client c
                WHERE c.client_id = ANY (visible_clients()) AND c.code = coalesce(client, c.code) ORDER BY c.code
    LOOP
        RETURN QUERY
        WITH signed AS (
            SELECT b.fund, b.kind, asset(b.balance) AS asset,
                   CASE b.normal_side WHEN 'debit' THEN b.balance ELSE -b.balance END AS posted
              FROM balances(one.code, as_of) b
        )
        SELECT one.code, s.fund, s.asset, s.kind,
               coalesce(sum(s.posted) FILTER (WHERE sign(s.posted) > 0), zero(s.asset)),
               coalesce(-sum(s.posted) FILTER (WHERE sign(s.posted) < 0), zero(s.asset))
          FROM signed s
         GROUP BY s.fund, s.asset, s.kind
        HAVING count(*) FILTER (WHERE sign(s.posted) <> 0) > 0
         ORDER BY s.fund, s.asset, s.kind;
    END LOOP;
END $$;
COMMENT ON FUNCTION trial_balance(text, timestamptz) IS 'Debit and credit balances per client, fund, asset and kind of account, as recorded at the instant (NULL: now); within a fund and asset the debits equal the credits (I2). Debit and credit balances of one kind are not set off (I8). Errors: LG010, 42501.';

-- The lines of all journals as rows.  A journal with several customers shows
-- the house lines under its first.  Predicates on client, customer and
-- recorded_at reach the journal's indexes.
-- An account is found by its number alone: by its client, the planner would
-- read all the client's accounts for every journal.
CREATE VIEW posting WITH (security_invoker = true) AS
    SELECT c.code AS client, cu.account_code AS customer, j.journal_id AS journal, k.name AS kind, j.reference,
           l.line, l.account, a.fund, a.name, l.amount, l.debit, l.credit,
           j.recorded_at, j.effective_at, j.reverses, j.description, j.client_id, j.customer_id
      FROM journal j
      JOIN client c ON c.client_id = j.client_id
      JOIN journal_kind k ON k.kind = j.kind
      LEFT JOIN customer cu ON cu.customer_id = j.customer_id
      CROSS JOIN LATERAL lines(j.entry) l
      JOIN account a ON a.account = l.account AND a.client_id + 0 = j.client_id
     WHERE a.customer_id IS NULL OR a.customer_id IS NOT DISTINCT FROM j.customer_id
    UNION ALL
    SELECT c.code, cu.account_code, j.journal_id, k.name, j.reference,
           l.line, l.account, a.fund, a.name, l.amount, l.debit, l.credit,
           j.recorded_at, j.effective_at, j.reverses, j.description, j.client_id, p.customer_id
      FROM journal_party p
      JOIN journal j ON j.client_id = p.client_id AND j.journal_id = p.journal_id
      JOIN client c ON c.client_id = j.client_id
      JOIN journal_kind k ON k.kind = j.kind
      JOIN customer cu ON cu.customer_id = p.customer_id
      CROSS JOIN LATERAL lines(j.entry) l
      JOIN account a ON a.account = l.account AND a.client_id + 0 = j.client_id AND a.customer_id = p.customer_id;
COMMENT ON VIEW posting IS 'The lines of all journals: client, customer, journal, account, amount signed (debit positive), debit and credit.';
