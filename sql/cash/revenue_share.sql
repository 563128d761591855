-- The client's share of revenue, as something that can be charged. A house account is not locked by
-- posting. Whoever charges the share up to what has accrued must be the only one that does: the row
-- of revenue_share_guard is what it locks.
-- Refuses a transaction whose snapshot is too old (40001).

CREATE TABLE bakkt_ledger_internal.revenue_share_guard (
    client_id   integer PRIMARY KEY REFERENCES client,
    taken       bigint NOT NULL
);
COMMENT ON TABLE revenue_share_guard IS
    'One row per client, written by every transaction that charges the client''s share of revenue, so that no two charge the '
    'same money.';
COMMENT ON COLUMN revenue_share_guard.taken IS 'How often it was written.';
SELECT pg_catalog.pg_extension_config_dump('revenue_share_guard', '');

CREATE FUNCTION bakkt_ledger_internal.lock_revenue_share(client_id integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    PERFORM bounded_wait();
    -- an update, not only a lock: a transaction whose snapshot is older than another's charge gets
    -- 40001
    INSERT INTO revenue_share_guard AS g VALUES (lock_revenue_share.client_id, 1)
    ON CONFLICT (client_id) DO UPDATE SET taken = g.taken + 1;
END;
$$;
COMMENT ON FUNCTION lock_revenue_share(integer) IS
    'Internal: makes this transaction the only one that charges the client''s share of revenue; 40001 when its snapshot is too '
    'old for that.';

CREATE FUNCTION bakkt_ledger_internal.revenue_share_accrued(client_id integer, asset asset) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    share   constant account_id := ensure_account(client_id, 'CORP', 'RevShare:payable:' || (client_row(client_id)).code, asset);
BEGIN
    RETURN greatest(zero(asset), (balance_of(share)).balance);
END;
$$;
COMMENT ON FUNCTION revenue_share_accrued(integer, asset) IS
    'Internal: how much of the client''s share of revenue has accrued and is not charged; zero when it is overdrawn. Call it '
    'under lock_revenue_share().';
