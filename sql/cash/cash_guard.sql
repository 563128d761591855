-- One transaction at a time checks or spends a customer's cash. Whoever does so locks the
-- customer's row first and accounts after it. In READ COMMITTED that keeps two transactions apart;
-- in stricter levels the check would be made on an old snapshot, hence the guard: updating its row
-- after a transaction that the snapshot does not show ends in 40001.

CREATE TABLE bakkt_ledger_internal.cash_guard (
    client_id   integer NOT NULL,
    customer_id bigint NOT NULL REFERENCES customer,
    changes     bigint NOT NULL,
    PRIMARY KEY (client_id, customer_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE cash_guard IS 'A row per customer whose cash was ever checked or spent, updated by each transaction that does.';
COMMENT ON COLUMN cash_guard.changes IS 'How often the cash was checked or spent; what matters is only that the row changes.';
SELECT pg_catalog.pg_extension_config_dump('cash_guard', '');

CREATE FUNCTION bakkt_ledger_internal.guard_customers_cash(customer_ids bigint[]) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    INSERT INTO cash_guard AS g (client_id, customer_id, changes)
    SELECT c.client_id, c.customer_id, 1 FROM customer c WHERE c.customer_id = ANY (customer_ids) ORDER BY c.customer_id
    ON CONFLICT (client_id, customer_id) DO UPDATE SET changes = g.changes + 1
$$;
COMMENT ON FUNCTION guard_customers_cash(bigint[]) IS
    'Internal: for customers whose rows the caller has locked; 40001 if the snapshot does not show what others have done with '
    'their cash.';

CREATE FUNCTION bakkt_ledger_internal.await_customers_cash(customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM FROM customer c WHERE c.customer_id = ANY (customer_ids) ORDER BY c.customer_id FOR NO KEY UPDATE;
    PERFORM guard_customers_cash(customer_ids);
END;
$$;
COMMENT ON FUNCTION await_customers_cash(bigint[]) IS
    'Internal: lock_customers_cash() for the posting of trades, which waits for its own customers without limit.';

CREATE FUNCTION bakkt_ledger_internal.lock_customers_cash(customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    PERFORM await_customers_cash(customer_ids);
END;
$$;
COMMENT ON FUNCTION lock_customers_cash(bigint[]) IS
    'Internal: keeps other transactions from checking or spending these customers'' cash until this one ends. Locks in order of '
    'customer; call it before any account is locked. Raises 40001 when the snapshot is too old for a check.';

CREATE FUNCTION bakkt_ledger_internal.lock_customer_cash(customer_id bigint) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT lock_customers_cash(ARRAY[lock_customer_cash.customer_id])
$$;
COMMENT ON FUNCTION lock_customer_cash(bigint) IS 'Internal: lock_customers_cash() of one customer.';
