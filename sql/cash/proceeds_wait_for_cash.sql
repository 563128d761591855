-- Sale proceeds wait for cash in the FBO account; when it arrives they become due at once.
-- Locks the cash calls that waited for it.

-- Makes due the cash calls of sales whose last attempt failed because the FBO account lacked the
-- money: they are attempted at once, not at the next retry time.
CREATE FUNCTION bakkt_ledger_internal.wake_unfunded_deposits(holder integer, unit asset, moment timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    UPDATE cash_call AS c
    SET due_at = moment
    WHERE c.client_id = holder AND c.status = 'O' AND NOT c.withdrawal AND NOT c.apex AND asset(c.amount) = unit
      AND c.due_at > moment
      AND 'FBO_NOT_FUNDED' = (SELECT e.reason
                              FROM cash_call_events(c.client_id, c.journal_id) AS e
                              ORDER BY e.event_id DESC
                              LIMIT 1);
END;
$$;
