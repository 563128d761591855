-- Statements: the lines of an account in order of time, with the running balance. A customer's
-- journals are found by the indexes on customer_id and journal_party, those of a house account by
-- its client and time.
-- Refuses accounts the caller may not see (LG030, LG012).
-- Locks nothing.

CREATE TYPE bakkt_ledger.statement_line AS (
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

CREATE FUNCTION bakkt_ledger.account_statement(account account_id, since timestamptz DEFAULT '-infinity',
                                               until timestamptz DEFAULT 'infinity')
    RETURNS SETOF statement_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    asked constant account := require_account(account);
    its constant account_kind := (SELECT k FROM account_kind AS k WHERE k.kind = asked.kind);
    opening constant amount := (balance_of(account)).balance - natural_balance(its, coalesce(
        (SELECT sum_for(asked.account, j.entry) FROM account_journals(asked, coalesce(since, '-infinity'), 'infinity') AS j),
        zero(asked.asset)));
BEGIN
    RETURN NEXT ROW(nullif(since, '-infinity'), NULL, NULL, 'opening balance', NULL, asked.account, asked.name,
                    NULL, NULL, opening, NULL)::statement_line;
    RETURN QUERY
    SELECT j.recorded_at, j.effective_at, j.journal_id, k.name, j.reference, asked.account, asked.name, l.debit, l.credit,
           opening + sum(natural_balance(its, l.amount))
                         OVER (ORDER BY j.recorded_at, j.journal_id, l.line ROWS UNBOUNDED PRECEDING),
           j.description
    FROM account_journals(asked, coalesce(since, '-infinity'), coalesce(until, 'infinity')) AS j
    JOIN journal_kind AS k ON k.kind = j.kind
    CROSS JOIN LATERAL lines(j.entry) AS l
    WHERE l.account = asked.account
    ORDER BY j.recorded_at, j.journal_id, l.line;
END;
$$;
COMMENT ON FUNCTION account_statement IS
'The account''s lines recorded in [since, until), with the running balance in natural sign.
The first row is the opening balance, which equals the closing balance of the statement before (I4). NULL is no bound.
A period that ends now may still gain lines of transactions under way.
Errors: LG030.';

CREATE FUNCTION bakkt_ledger.statement(customer text, asset asset, since timestamptz DEFAULT '-infinity',
                                       until timestamptz DEFAULT 'infinity')
    RETURNS SETOF statement_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant customer := customer_row(require_customer(customer));
    claim account_id;
BEGIN
    FOR claim IN
        SELECT a.account
        FROM account AS a
        JOIN account_kind AS k ON k.kind = a.kind AND k.limited
        WHERE a.client_id = owner.client_id AND a.customer_id = owner.customer_id AND a.asset = statement.asset
        ORDER BY a.name
    LOOP
        RETURN QUERY SELECT l.* FROM account_statement(claim, since, until) AS l;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION statement IS
'Statements of all claims of a customer in an asset, one account after the other.
since, until: of what was recorded in [since, until), as for account_statement().
Receivables and payables of the customer are house accounts: account_statement().
Errors: LG012 unknown customer, or not visible.';
