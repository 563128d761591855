-- How much the settlement flow must move into or out of the FBO account.
-- Refuses a snapshot older than the balance (40001).
-- Locks the company's money in the FBO account.

CREATE FUNCTION bakkt_ledger_internal.lock_company_money(client_id integer, asset asset) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    -- adding zero to its holds locks the row, and raises 40001 when the snapshot is older than the
    -- balance
    RETURN (adjust_held(client_id, ensure_account(client_id, 'FBO', 'DueTo:CORP', asset), zero(asset))).balance;
END;
$$;
COMMENT ON FUNCTION lock_company_money(integer, asset) IS
    'Internal: the company''s money in the client''s FBO account (DueTo:CORP), its balance row locked: no call is settled from '
    'it until the transaction ends.';

CREATE FUNCTION bakkt_ledger_internal.company_owes(client_id integer, asset asset) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owing   account_id := (SELECT a.account FROM account a WHERE a.client_id = company_owes.client_id AND a.fund = 'FBO'
                           AND a.name = 'DueFrom:CORP' AND a.asset = company_owes.asset);
BEGIN
    RETURN CASE WHEN owing IS NULL THEN zero(company_owes.asset) ELSE (balance_of(owing)).balance END;
END;
$$;
COMMENT ON FUNCTION company_owes(integer, asset) IS
    'Internal: what the company owes the client''s FBO account for deficits (DueFrom:CORP).';

CREATE FUNCTION bakkt_ledger_internal.outstanding_deposits(client_id integer, asset asset, called_until timestamptz, opened_until timestamptz DEFAULT 'infinity')
    RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(sum(c.amount), zero($2)) FROM cash_call c
    WHERE c.client_id = $1 AND c.status = 'O' AND NOT c.withdrawal AND NOT c.apex AND asset(c.amount) = $2
      AND c.called_at <= $3 AND c.opened_at <= $4
$$;
COMMENT ON FUNCTION outstanding_deposits(integer, asset, timestamptz, timestamptz) IS
    'Internal: the sum of the cash calls that pay customers and were outstanding, among those called by one instant and '
    'recorded by the other.';

CREATE FUNCTION bakkt_ledger_internal.in_transit(client_id integer, asset asset, purposes text[]) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(sum(t.amount), zero($2)) FROM fbo_transfer t
    WHERE t.client_id = $1 AND t.status = 'INSTRUCTED' AND t.direction = 'TO_FBO' AND t.purpose = ANY ($3) AND asset(t.amount) = $2
$$;
COMMENT ON FUNCTION in_transit(integer, asset, text[]) IS
    'Internal: the sum of the transfers into the FBO account, for these purposes, that are in transit.';

-- No transfer takes more than a bank holds, less what is already leaving it.
CREATE FUNCTION bakkt_ledger_internal.fbo_bank_free(client_id integer, asset asset, bank text) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    held    constant amount := (SELECT (balance_of(a.account)).balance FROM account a WHERE a.client_id = fbo_bank_free.client_id AND a.fund = 'FBO'
                                AND a.name = fbo_bank_name(fbo_bank_free.bank) AND a.asset = fbo_bank_free.asset);
    leaving constant amount := (SELECT coalesce(sum(l.amount), zero(fbo_bank_free.asset)) FROM (
        SELECT t.amount FROM fbo_transfer t
        WHERE t.client_id = fbo_bank_free.client_id AND t.status = 'INSTRUCTED' AND t.direction = 'TO_BUSINESS' AND t.bank IS NOT DISTINCT FROM fbo_bank_free.bank
        UNION ALL
        SELECT t.amount FROM funding_transfer t
        WHERE t.client_id = fbo_bank_free.client_id AND t.status = 'SENT' AND t.bank IS NOT DISTINCT FROM fbo_bank_free.bank) l
        WHERE asset(l.amount) = fbo_bank_free.asset);
BEGIN
    RETURN greatest(coalesce(held, zero(asset)) - leaving, zero(asset));
END;
$$;
COMMENT ON FUNCTION fbo_bank_free(integer, asset, text) IS
    'Internal: what an FBO bank account holds, less transfers and withdrawals that are leaving it; not negative.';

-- NULL is the account Bank:omnibus itself.
CREATE FUNCTION bakkt_ledger_internal.fbo_bank(client_id integer, asset asset) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT b.bank
    FROM account a CROSS JOIN LATERAL (SELECT nullif(substr(a.name, length('Bank:omnibus:') + 1), '') AS bank) b
    WHERE a.client_id = $1 AND a.kind = 'fbo_bank' AND a.asset = $2 AND a.status = 'open'
    ORDER BY fbo_bank_free($1, $2, b.bank) DESC, a.name COLLATE "C" LIMIT 1
$$;
COMMENT ON FUNCTION fbo_bank(integer, asset) IS
    'Internal: the bank a settlement transfer goes through: the FBO bank account with the most money that is not already '
    'leaving it.';

CREATE TYPE bakkt_ledger.settlement_need AS (
    to_business amount,
    to_fbo      amount
);
COMMENT ON TYPE settlement_need IS
    'The amounts that a run of the settlement flow moves out of the FBO account and into it; neither is negative.';

-- Once everything in transit has arrived, the company's money in the FBO account is to equal the
-- outstanding deposits plus the float that the client's terms ask for. Under NET, what purchases
-- have paid covers the deposits first; under GROSS, only money that was brought for deposits still
-- outstanding stays, and there is a transfer in each direction.
CREATE FUNCTION bakkt_ledger_internal.settlement_need(money amount, coming amount, deposits amount, funded amount) RETURNS settlement_need
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    nothing constant amount := zero(asset(money));
    missing constant amount := greatest(deposits - coming, nothing);
    kept    constant amount := least(money, missing, coalesce(funded, missing));
BEGIN
    RETURN (money - kept, missing - kept)::settlement_need;
END;
$$;
COMMENT ON FUNCTION settlement_need(amount, amount, amount, amount) IS
    'Internal: the amounts to move, computed from the company''s money in the FBO account, what is coming in, the outstanding '
    'deposits, and the part of these for which money was brought (NULL: NET).';

CREATE FUNCTION bakkt_ledger_internal.funded_deposits(client_id integer, asset asset, called_until timestamptz) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT outstanding_deposits($1, $2, $3, coalesce((SELECT max(t.covered_through) FROM fbo_transfer t
        WHERE t.client_id = $1 AND t.covers IS NOT NULL AND t.direction = 'TO_FBO' AND t.status = 'CONFIRMED' AND asset(t.amount) = $2), '-infinity'))
$$;
COMMENT ON FUNCTION funded_deposits(integer, asset, timestamptz) IS
    'Internal: the outstanding deposits, called by the instant, that were outstanding when the last transfer that has brought '
    'money for deposits was instructed.';
