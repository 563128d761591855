-- One transaction at a time checks or spends a customer's cash. Whoever does so locks the
-- customer's row first and accounts after it. In READ COMMITTED that keeps two transactions apart;
-- in stricter levels the check would be made on an old snapshot, hence the guard: updating its row
-- after a transaction that the snapshot does not show ends in 40001.

CREATE TABLE bakkt_ledger_internal.cash_guard (
    client_id integer NOT NULL,
    customer_id bigint NOT NULL REFERENCES customer,
    changes bigint NOT NULL,
    CONSTRAINT cash_guard_pkey PRIMARY KEY (client_id, customer_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE cash_guard IS 'A row per customer whose cash was ever checked or spent, updated by each transaction that does.';
COMMENT ON COLUMN cash_guard.changes IS 'How often the cash was checked or spent; what matters is only that the row changes.';
SELECT pg_catalog.pg_extension_config_dump('cash_guard', '');

-- For customers whose rows the caller has locked: 40001 if the snapshot does not show what others
-- did with their cash.
CREATE FUNCTION bakkt_ledger_internal.guard_customers_cash(owners bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    INSERT INTO cash_guard AS g (client_id, customer_id, changes)
    SELECT c.client_id, c.customer_id, 1
    FROM customer AS c
    WHERE c.customer_id = ANY (owners)
    ORDER BY c.customer_id
    ON CONFLICT ON CONSTRAINT cash_guard_pkey DO UPDATE SET changes = g.changes + 1;
END;
$$;

-- lock_customers_cash() for the posting of trades, which waits for its own customers as long as
-- that takes.
CREATE FUNCTION bakkt_ledger_internal.await_customers_cash(owners bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET plan_cache_mode = force_generic_plan AS  -- of one customer, planning takes longer than locking
$$
BEGIN
    PERFORM FROM customer AS c WHERE c.customer_id = ANY (owners) ORDER BY c.customer_id FOR NO KEY UPDATE;
    PERFORM guard_customers_cash(owners);
END;
$$;

-- Keeps everybody else from checking or spending these customers' cash until the end of the
-- transaction: in order of customer, before any account is locked; 40001 when the snapshot is too
-- old for a check.
CREATE FUNCTION bakkt_ledger_internal.lock_customers_cash(owners bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    PERFORM await_customers_cash(owners);
END;
$$;

-- The same of one customer.
CREATE FUNCTION bakkt_ledger_internal.lock_customer_cash(owner bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM lock_customers_cash(ARRAY[owner]);
END;
$$;

-- A customer by code, as it stands once its cash is locked; LG012 if unknown.
CREATE FUNCTION bakkt_ledger_internal.lock_cash_of(code text) RETURNS customer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant bigint := require_customer(code);
BEGIN
    PERFORM lock_customer_cash(owner);
    RETURN customer_row(owner);
END;
$$;
