-- The trial balance.
-- Refuses clients the caller may not see (LG010, 42501).
-- Locks nothing.

CREATE TYPE bakkt_ledger.trial_balance_line AS (
    client text,
    fund text,
    asset asset,
    kind text,
    debit amount,
    credit amount
);
COMMENT ON TYPE trial_balance_line IS 'Debit and credit balances of one kind of account, which are not set off (I8).';

CREATE FUNCTION bakkt_ledger.trial_balance(client text DEFAULT NULL, known_at timestamptz DEFAULT NULL)
    RETURNS SETOF trial_balance_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT c.code, b.fund, t.asset, b.kind, coalesce(sum(t.posted) FILTER (WHERE sign(t.posted) > 0), zero(t.asset)),
           coalesce(-sum(t.posted) FILTER (WHERE sign(t.posted) < 0), zero(t.asset))
    FROM clients_asked(client) AS c
    CROSS JOIN LATERAL balances(c.code, known_at => known_at) AS b
    JOIN account_kind AS k ON k.kind = b.kind
    CROSS JOIN LATERAL (SELECT asset(b.balance) AS asset, natural_balance(k, b.balance) AS posted) AS t
    WHERE NOT is_zero(b.balance)
    GROUP BY c.code, b.fund, t.asset, b.kind
    ORDER BY c.code, b.fund, t.asset, b.kind;
END;
$$;
COMMENT ON FUNCTION trial_balance IS
'Debit and credit balances per client, fund, asset and kind of account; within a fund and asset debits equal credits (I2).
client: NULL: all that the caller sees. known_at: as recorded at that instant; NULL: now.
Errors: LG010, 42501.';
