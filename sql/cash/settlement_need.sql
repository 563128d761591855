-- How much the settlement flow must move into or out of the FBO account.
-- Refuses a snapshot older than the balance (40001).
-- Locks the company's money in the FBO account.

-- The company's money in the client's FBO account (DueTo:CORP), its balance row locked: no call is
-- settled from it until the transaction ends.
CREATE FUNCTION bakkt_ledger_internal.lock_company_money(holder integer, unit asset) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    -- adding zero to its holds locks the row, and raises 40001 when the snapshot is older than the
    -- balance
    RETURN (adjust_held(holder, account_of_kind(holder, 'fbo_due_to_corp', unit), zero(unit))).balance;
END;
$$;

-- What the company owes the client's FBO account for deficits (DueFrom:CORP).
CREATE FUNCTION bakkt_ledger_internal.company_owes(holder integer, unit asset) RETURNS amount
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT coalesce((SELECT (balance_of(a.account)).balance
                     FROM known_account(holder, 'fbo_due_from_corp', unit) AS a (account)
                     WHERE a.account IS NOT NULL), zero(unit));
END;

-- The sum of the cash calls that pay customers and are outstanding, among those called by one
-- instant and recorded by the other.
CREATE FUNCTION bakkt_ledger_internal.outstanding_deposits(holder integer, unit asset, called_until timestamptz,
                                                           opened_until timestamptz DEFAULT 'infinity')
    RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(sum(c.amount), zero(unit))
    FROM cash_call AS c
    WHERE c.client_id = holder AND c.status = 'O' AND NOT c.withdrawal AND NOT c.apex AND asset(c.amount) = unit
      AND c.called_at <= called_until AND c.opened_at <= opened_until;
END;

-- The outstanding deposits, called by the instant, that were outstanding when the last transfer
-- that has brought money for deposits was instructed.
CREATE FUNCTION bakkt_ledger_internal.funded_deposits(holder integer, unit asset, called_until timestamptz) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT outstanding_deposits(holder, unit, called_until, coalesce(max(t.covered_through), '-infinity'))
    FROM fbo_transfer AS t
    WHERE t.client_id = holder AND t.covers IS NOT NULL AND t.direction = 'TO_FBO' AND t.status = 'CONFIRMED'
      AND asset(t.amount) = unit;
END;

-- The sum of the transfers into the FBO account, for these purposes, that are in transit.
CREATE FUNCTION bakkt_ledger_internal.in_transit(holder integer, unit asset, purposes text[]) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(sum(t.amount), zero(unit))
    FROM fbo_transfer AS t
    WHERE t.client_id = holder AND t.status = 'INSTRUCTED' AND t.direction = 'TO_FBO' AND t.purpose = ANY (purposes)
      AND asset(t.amount) = unit;
END;

-- What an FBO bank account holds, less transfers and withdrawals that are leaving it; not negative.
-- No transfer takes more.
CREATE FUNCTION bakkt_ledger_internal.fbo_bank_free(holder integer, unit asset, at_bank text) RETURNS amount
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT greatest(coalesce((SELECT (balance_of(a.account)).balance
                              FROM known_account(holder, 'fbo_bank', unit, at_bank) AS a (account)
                              WHERE a.account IS NOT NULL), zero(unit))
                    - coalesce(sum(l.amount), zero(unit)), zero(unit))
    FROM (SELECT t.amount
          FROM fbo_transfer AS t
          WHERE t.client_id = holder AND t.status = 'INSTRUCTED' AND t.direction = 'TO_BUSINESS'
            AND t.bank IS NOT DISTINCT FROM at_bank
          UNION ALL
          SELECT f.amount
          FROM funding_transfer AS f
          WHERE f.client_id = holder AND f.status = 'SENT' AND f.bank IS NOT DISTINCT FROM at_bank) AS l
    WHERE asset(l.amount) = unit;
END;

-- The bank a settlement transfer goes through: the FBO bank account with the most money that is not
-- already leaving it; NULL: the account Bank:omnibus itself.
CREATE FUNCTION bakkt_ledger_internal.fbo_bank(holder integer, unit asset) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT b.bank
    FROM account AS a
    CROSS JOIN LATERAL (SELECT nullif(split_part(a.name, ':', 3), '') AS bank) AS b
    WHERE a.client_id = holder AND a.kind = 'fbo_bank' AND a.asset = unit AND a.status = 'OPEN'
    ORDER BY fbo_bank_free(holder, unit, b.bank) DESC, a.name COLLATE "C"
    LIMIT 1;
END;

CREATE TYPE bakkt_ledger_internal.settlement_need AS (
    to_business amount,
    to_fbo amount
);
COMMENT ON TYPE settlement_need IS
    'The amounts that a run of the settlement flow moves out of the FBO account and into it; neither is negative.';

-- The amounts to move, computed from the company's money in the FBO account, what is coming in, the
-- outstanding deposits, and the part of these for which money was brought (NULL: NET). Once
-- everything in transit has arrived, the company's money in the FBO account is to equal the
-- outstanding deposits plus the float that the client's terms ask for. Under NET, what purchases
-- have paid covers the deposits first; under GROSS, only money that was brought for deposits still
-- outstanding stays, and there is a transfer in each direction.
CREATE FUNCTION bakkt_ledger_internal.settlement_need(money amount, coming amount, deposits amount, funded amount)
    RETURNS settlement_need
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    nothing constant amount := zero(asset(money));
    missing constant amount := greatest(deposits - coming, nothing);
    kept constant amount := least(money, missing, coalesce(funded, missing));
BEGIN
    RETURN (money - kept, missing - kept)::settlement_need;
END;
$$;
