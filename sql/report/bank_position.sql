-- What the ledger has at each bank account, over all clients and of each.
-- Refuses an unknown bank account (LG016). Locks nothing.

CREATE TYPE bakkt_ledger.bank_position_line AS (
    bank_account text,
    bank text,
    fund text,
    ledger_name text,
    currency asset,
    last_four text,
    client text,
    balance amount
);
COMMENT ON TYPE bank_position_line IS
'What the ledger has at a bank account, debit positive.
client: NULL, over all clients, which is what the bank''s statement must say; then each of them. bank_account, bank, last_four:
NULL for a ledger account of a bank that is not registered.';

-- The balances of the control accounts of banks, by client.
CREATE FUNCTION bakkt_ledger_internal.control_balances(holders integer[], recorded_until timestamptz)
    RETURNS TABLE (client text, fund text, name text, asset asset, balance amount)
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT c.code, b.fund, b.name, asset(b.balance), b.balance
    FROM client AS c
    CROSS JOIN LATERAL balances(c.code, known_at => recorded_until) AS b
    WHERE c.client_id = ANY (holders) AND b.kind IN ('fbo_bank', 'seg_bank', 'corp_bank');
END;

CREATE FUNCTION bakkt_ledger.bank_positions(bank_account text DEFAULT NULL, known_at timestamptz DEFAULT NULL)
    RETURNS SETOF bank_position_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    IF bank_account IS NOT NULL AND NOT EXISTS (SELECT FROM bank_account AS b WHERE b.code = bank_positions.bank_account) THEN
        PERFORM refuse('LG016', format('bank account "%s" does not exist', bank_account), NULL,
                       'Open it with open_bank_account().', jsonb_build_object('bank_account', bank_account));
    END IF;
    RETURN QUERY
    SELECT b.code, b.bank, p.fund, p.name, p.asset, b.last_four, p.client, sum(p.balance)
    FROM control_balances(visible_clients(), known_at) AS p
    LEFT JOIN bank_account AS b ON bank_fund(b.kind) = p.fund AND b.ledger_name = p.name AND b.currency = p.asset
    WHERE bank_positions.bank_account IS NULL OR b.code = bank_positions.bank_account
    GROUP BY GROUPING SETS ((b.code, b.bank, p.fund, p.name, p.asset, b.last_four),
                            (b.code, b.bank, p.fund, p.name, p.asset, b.last_four, p.client))
    ORDER BY p.fund, p.name COLLATE "C", p.asset, b.code, grouping(p.client) DESC, p.client;
END;
$$;
COMMENT ON FUNCTION bank_positions IS
'What the ledger has at each bank account, or at one: first over all clients, as the bank''s statement must say, then of each.
known_at: as the ledger knew it then; NULL: as known now.
Errors: LG016 unknown bank account.';
