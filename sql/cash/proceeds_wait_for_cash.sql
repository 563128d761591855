-- Sale proceeds wait for cash in the FBO account; when it arrives they become due at once.
-- Locks the cash calls that waited for it.

-- A call that waited for this money is attempted at once, not at the next retry time.
CREATE FUNCTION bakkt_ledger_internal.wake_unfunded_deposits(client_id integer, asset asset, at timestamptz) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT bounded_wait();
    UPDATE cash_call c SET due_at = $3
    WHERE c.client_id = $1 AND c.status = 'O' AND NOT c.withdrawal AND NOT c.apex AND asset(c.amount) = $2 AND c.due_at > $3
      AND 'FBO_NOT_FUNDED' = (SELECT e.reason FROM cash_call_events(c.client_id, c.journal_id) AS e ORDER BY e.event_id DESC LIMIT 1)
$$;
COMMENT ON FUNCTION wake_unfunded_deposits(integer, asset, timestamptz) IS
    'Internal: makes due the cash calls of sales whose last attempt failed because the FBO account lacked the money.';
