-- Statements: the lines of an account in order of recorded or effective time, with the running
-- balance. A customer's journals are found by the indexes on customer_id and journal_party, those
-- of a house account by its client and time.
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

-- Whether a statement goes by effective time instead of recorded time; LG002 for another word.
CREATE FUNCTION bakkt_ledger_internal.is_effective(timeline text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF timeline IS NULL OR timeline NOT IN ('RECORDED', 'EFFECTIVE') THEN
        PERFORM refuse_invalid('a statement is of RECORDED or EFFECTIVE time', format('Timeline: "%s".', timeline));
    END IF;
    RETURN timeline = 'EFFECTIVE';
END;
$$;

-- The journals of an account in [since, until) of a timeline; stamp is their instant of it. Nothing
-- is effective more than five minutes ahead of its recording (I26), so the index of that finds it.
CREATE FUNCTION bakkt_ledger_internal.statement_journals(asked account, since timestamptz, until timestamptz, effective boolean)
    RETURNS TABLE (stamp timestamptz, posted journal)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT t.stamp, j
    FROM account_journals(asked, since - CASE WHEN effective THEN interval '5 minutes' ELSE interval '0' END,
                          CASE WHEN effective THEN 'infinity' ELSE until END) AS j
    CROSS JOIN LATERAL (SELECT CASE WHEN effective THEN j.effective_at ELSE j.recorded_at END AS stamp) AS t
    WHERE t.stamp >= since AND t.stamp < until;
END;

CREATE FUNCTION bakkt_ledger.account_statement(account account_id, since timestamptz DEFAULT '-infinity',
                                               until timestamptz DEFAULT 'infinity', timeline text DEFAULT 'RECORDED')
    RETURNS SETOF statement_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    effective constant boolean := is_effective(timeline);
    asked constant account := require_account(account);
    its constant account_kind := (SELECT k FROM account_kind AS k WHERE k.kind = asked.kind);
    from_at constant timestamptz := coalesce(since, '-infinity');
    opening constant amount := (balance_of(account)).balance - natural_balance(its, coalesce(
        (SELECT sum_for(asked.account, (j.posted).entry) FROM statement_journals(asked, from_at, 'infinity', effective) AS j),
        zero(asked.asset)));
BEGIN
    RETURN NEXT ROW(CASE WHEN NOT effective THEN nullif(since, '-infinity') END,
                    CASE WHEN effective THEN nullif(since, '-infinity') END, NULL, 'opening balance', NULL, asked.account,
                    asked.name, NULL, NULL, opening, NULL)::statement_line;
    RETURN QUERY
    SELECT (j.posted).recorded_at, (j.posted).effective_at, (j.posted).journal_id, k.name, (j.posted).reference, asked.account,
           asked.name, l.debit, l.credit,
           opening + sum(natural_balance(its, l.amount))
                         OVER (ORDER BY j.stamp, (j.posted).journal_id, l.line ROWS UNBOUNDED PRECEDING),
           (j.posted).description
    FROM statement_journals(asked, from_at, coalesce(until, 'infinity'), effective) AS j
    JOIN journal_kind AS k ON k.kind = (j.posted).kind
    CROSS JOIN LATERAL lines((j.posted).entry) AS l
    WHERE l.account = asked.account
    ORDER BY j.stamp, (j.posted).journal_id, l.line;
END;
$$;
COMMENT ON FUNCTION account_statement IS
'The account''s lines in [since, until), with the running balance in natural sign.
timeline: RECORDED, what the ledger recorded then, which never changes; or EFFECTIVE, what happened then as is known now, which an
entry with an earlier effective time changes afterwards. The first row is the opening balance, which equals the closing balance of
the statement before, on either timeline (I4). NULL is no bound. A period that ends now may still gain lines of transactions under
way.
Errors: LG030, LG002 another timeline.';

CREATE FUNCTION bakkt_ledger.statement(customer text, asset asset, since timestamptz DEFAULT '-infinity',
                                       until timestamptz DEFAULT 'infinity', timeline text DEFAULT 'RECORDED')
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
        RETURN QUERY SELECT l.* FROM account_statement(claim, since, until, timeline) AS l;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION statement IS
'Statements of all claims of a customer in an asset, one account after the other.
since, until, timeline: as for account_statement().
Receivables and payables of the customer are house accounts: account_statement().
Errors: LG012 unknown customer, or not visible, LG002 another timeline.';
