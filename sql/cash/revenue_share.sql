-- The client's share of revenue, as something that can be charged. A house account is not locked by
-- posting. Whoever charges the share up to what has accrued must be the only one that does: the row
-- of revenue_share_guard is what it locks.
-- Refuses a transaction whose snapshot is too old (40001).

CREATE TABLE bakkt_ledger_internal.revenue_share_guard (
    client_id integer NOT NULL REFERENCES client,
    taken bigint NOT NULL,
    CONSTRAINT revenue_share_guard_pkey PRIMARY KEY (client_id)
);
COMMENT ON TABLE revenue_share_guard IS
'One row per client, written by every transaction that charges the client''s share of revenue, so that no two charge the same
money.';
COMMENT ON COLUMN revenue_share_guard.taken IS 'How often it was written.';
SELECT pg_catalog.pg_extension_config_dump('revenue_share_guard', '');

-- Makes this transaction the only one that charges the client's share of revenue. The row is
-- written, not only locked: a transaction whose snapshot is older than another's charge gets 40001.
CREATE FUNCTION bakkt_ledger_internal.lock_revenue_share(holder integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    INSERT INTO revenue_share_guard AS g VALUES (holder, 1)
    ON CONFLICT ON CONSTRAINT revenue_share_guard_pkey DO UPDATE
    SET taken = g.taken + 1;
END;
$$;

-- What the client's share of revenue has accrued and nobody has charged; zero when it is overdrawn.
-- Call it under lock_revenue_share().
CREATE FUNCTION bakkt_ledger_internal.revenue_share_accrued(holder integer, unit asset) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    share constant account_id := account_of_kind(holder, 'corp_revenue_share', unit, (client_row(holder)).code);
BEGIN
    RETURN greatest(zero(unit), (balance_of(share)).balance);
END;
$$;
