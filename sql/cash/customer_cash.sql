-- A customer's cash: the accounts it stands on, and what may be taken from them.
-- Refuses customers whose cash is not held here (LG013). spendable() locks the balance row.

-- The settled account of a customer, opened if there is none yet.
CREATE FUNCTION bakkt_ledger_internal.settled_account(owner customer, unit asset) RETURNS account_id
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN account_of_kind(owner.client_id, 'fbo_settled', unit, owner.customer_code);
END;
$$;

-- require_bank_account() of a bank's omnibus account. What a bank has done is recorded of a closed
-- one too; nothing new is asked of it (open_only).
CREATE FUNCTION bakkt_ledger_internal.require_omnibus_bank(holder integer, bank text, currency asset,
                                                           open_only boolean DEFAULT false)
    RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_bank_account('FBO', account_name('fbo_bank', bank), currency, open_only, holder);
END;
$$;

-- Whether a customer's cash is in the FBO account; in the other funding models it is with the
-- client or Apex.
CREATE FUNCTION bakkt_ledger_internal.cash_is_here(owner customer, its_client client) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce((owner).funding_model, (its_client).funding_model) = 'BAKKT_TPJ';

-- The same by number.
CREATE FUNCTION bakkt_ledger_internal.holds_cash_here(owner bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT cash_is_here(c, l) FROM customer AS c JOIN client AS l USING (client_id) WHERE c.customer_id = owner);
END;
$$;

-- Those of a client's customers of whom it is true.
CREATE FUNCTION bakkt_ledger_internal.customers_with_cash_here(holder integer) RETURNS bigint[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(c.customer_id)
    FROM customer AS c
    JOIN client AS l USING (client_id)
    WHERE l.client_id = holder AND cash_is_here(c, l);
END;

-- LG013 unless holds_cash_here().
CREATE FUNCTION bakkt_ledger_internal.require_cash_here(owner bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT holds_cash_here(owner) THEN
        PERFORM refuse('LG013', 'the customer''s cash is not held here',
                       'Only customers of funding model BAKKT_TPJ have cash in the FBO account.',
                       'It is where the client or Apex keeps it. '
                       'A wire that came here all the same is unidentified until it is assigned or returned.');
    END IF;
END;
$$;

-- What may be taken from a customer's account: its balance less holds, nothing when it is frozen
-- for debits or closed. The balance row is locked and expired holds are off it: what is read stays.
CREATE FUNCTION bakkt_ledger_internal.spendable(holder integer, its_account account_id, moment timestamptz) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM lock_hold_balance(holder, its_account, moment);
    RETURN (SELECT CASE WHEN b.status IN ('O', 'C')
                        THEN greatest(-b.posted - b.held - coalesce(b.floor, zero(asset(b.posted))), zero(asset(b.posted)))
                        ELSE zero(asset(b.posted)) END
            FROM balance AS b
            WHERE b.client_id = holder AND b.account = its_account);
END;
$$;

-- Cash calls of a customer that are outstanding at the instant, one way; 'infinity': those that are
-- open.
CREATE FUNCTION bakkt_ledger_internal.calls_on(owner customer, unit asset, pays boolean, moment timestamptz) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT coalesce(sum(c.outstanding), zero(unit))
            FROM outstanding_calls(owner.client_id, moment, 'infinity', owner.customer_id) AS c
            WHERE c.withdrawal = pays AND NOT c.apex AND asset(c.outstanding) = unit);
END;
$$;
