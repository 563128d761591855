-- A customer's cash: the accounts it stands on, and what may be taken from them.
-- Refuses customers whose cash is not held here (LG013). spendable() locks the balance row.

CREATE FUNCTION bakkt_ledger_internal.cash_account(customer_id bigint, part text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN (SELECT CASE part WHEN 'deficit' THEN 'CORP CustomerDeficit:' || c.account_code ELSE format('FBO Cust:%s:%s', c.account_code, part) END
            FROM customer c WHERE c.customer_id = cash_account.customer_id);
END;
$$;
COMMENT ON FUNCTION cash_account(bigint, text) IS
    'Internal: the settled, unsettled or deficit account of a customer, in the form that cash_entry() takes.';

CREATE FUNCTION bakkt_ledger_internal.omnibus_bank(bank text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN concat_ws(':', 'FBO Bank:omnibus', bank);
COMMENT ON FUNCTION omnibus_bank(text) IS 'Internal: the omnibus account at a bank, in the form that cash_entry() takes.';

CREATE FUNCTION bakkt_ledger_internal.require_omnibus_bank(bank text, currency asset, open_only boolean DEFAULT false) RETURNS void
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT require_bank_account('FBO', substr(omnibus_bank($1), 5), $2, $3)
$$;
COMMENT ON FUNCTION require_omnibus_bank(text, asset, boolean) IS
    'Internal: require_bank_account() of a bank''s omnibus account. What a closed bank account has done can still be recorded; '
    'open_only: nothing new may be requested of it.';

CREATE FUNCTION bakkt_ledger_internal.holds_cash_here(customer_id bigint) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(c.funding_model, l.funding_model) = 'BAKKT_TPJ'
    FROM customer c JOIN client l USING (client_id) WHERE c.customer_id = holds_cash_here.customer_id
$$;
COMMENT ON FUNCTION holds_cash_here(bigint) IS
    'Internal: whether the customer''s cash is in the FBO account; in the other funding models it is with the client or Apex.';

CREATE FUNCTION bakkt_ledger_internal.require_cash_here(customer_id bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT holds_cash_here(customer_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG013', MESSAGE = 'the customer''s cash is not held here',
            DETAIL = 'Only customers of funding model BAKKT_TPJ have cash in the FBO account.',
            HINT = 'It is where the client or Apex keeps it. A wire that came here all the same is unidentified until it is assigned or returned.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_cash_here(bigint) IS 'Internal: raises LG013 unless holds_cash_here().';

-- The balance row is locked and its expired holds are released, so the amount stays valid until the
-- transaction ends.
CREATE FUNCTION bakkt_ledger_internal.spendable(client_id integer, account account_id, at timestamptz) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    PERFORM lock_hold_balance(spendable.client_id, spendable.account, at);
    RETURN (SELECT CASE WHEN b.status IN ('O', 'C') THEN greatest(-b.posted - b.held - coalesce(b.floor, zero(asset(b.posted))), zero(asset(b.posted)))
                   ELSE zero(asset(b.posted)) END
            FROM balance b WHERE b.client_id = spendable.client_id AND b.account = spendable.account);
END;
$$;
COMMENT ON FUNCTION spendable(integer, account_id, timestamptz) IS
    'Internal: the amount that may be taken from a customer''s account: its balance less holds, or nothing when it is frozen '
    'for debits or closed. Locks the balance row.';

CREATE FUNCTION bakkt_ledger_internal.called_withdrawals(client_id integer, customer_id bigint, asset asset) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(sum(c.amount), zero(called_withdrawals.asset)) FROM cash_call c
    WHERE c.client_id = called_withdrawals.client_id AND c.customer_id = called_withdrawals.customer_id AND c.status = 'O'
      AND c.withdrawal AND NOT c.apex AND asset(c.amount) = called_withdrawals.asset
$$;
COMMENT ON FUNCTION called_withdrawals(integer, bigint, asset) IS
    'Internal: the sum of the outstanding cash calls of a customer''s purchases, which cannot be withdrawn (I20).';
