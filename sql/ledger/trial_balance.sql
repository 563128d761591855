-- The trial balance.
-- Refuses clients the caller may not see (LG010, 42501).
-- Locks nothing.

CREATE FUNCTION bakkt_ledger.trial_balance(client text DEFAULT NULL, known_at timestamptz DEFAULT NULL)
    RETURNS TABLE (client_code text, fund text, asset asset, kind text, debit amount, credit amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
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
              FROM balances(one.code, known_at => known_at) b
        )
        SELECT one.code, s.fund, s.asset, s.kind,
               coalesce(sum(s.posted) FILTER (WHERE sign(s.posted) > 0), zero(s.asset)),
               coalesce(-sum(s.posted) FILTER (WHERE sign(s.posted) < 0), zero(s.asset))
          FROM signed s
         GROUP BY s.fund, s.asset, s.kind
        HAVING count(*) FILTER (WHERE sign(s.posted) <> 0) > 0
         ORDER BY s.fund, s.asset, s.kind;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION trial_balance IS
'Debit and credit balances per client, fund, asset and kind of account, as recorded at the instant (NULL: now); within a fund and
asset the debits equal the credits (I2).
Debit and credit balances of one kind are not set off (I8).
Errors: LG010, 42501.';
