-- What windows that are not closed yet would still settle in an asset, though its accounts are zero
-- by now: an execution that was delivered by itself on a later day is novated in its own window.
-- Locks nothing.

-- The days of windows not closed yet that can have something to settle: the first, which takes what
-- came late, and those around which something was executed.
CREATE FUNCTION bakkt_ledger_internal.busy_days_to_settle(holder client, at timestamptz) RETURNS SETOF date
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT o.day
    FROM unnest(days_to_settle(holder, at)) WITH ORDINALITY AS o (day, place)
    WHERE o.place = 1
       OR EXISTS (SELECT
                  FROM journal AS j
                  WHERE j.client_id = (holder).client_id
                    AND j.effective_at >= (o.day - 1)::timestamp AT TIME ZONE (holder).zone
                    AND j.effective_at < (o.day + 1)::timestamp AT TIME ZONE (holder).zone);
END;

-- The accounts that are zero, and that a window will not leave so, one row of each.
CREATE FUNCTION bakkt_ledger_internal.unsettled_in(unit asset) RETURNS SETOF asset_claim_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moment constant timestamptz := clock_timestamp() + execution_time_ahead();
    holder client;
BEGIN
    FOR holder IN
        SELECT c.*
        FROM client AS c
        WHERE c.client_id IN (SELECT a.client_id FROM account AS a WHERE a.asset = unit AND is_settled_kind(a.kind))
        ORDER BY c.code
    LOOP
        RETURN QUERY
        SELECT DISTINCT ON (a.name) holder.code, NULL::text, a.account, a.fund, a.name, a.kind, natural_balance(k, s.amount),
               NULL::amount
        FROM busy_days_to_settle(holder, moment) AS o (day)
        CROSS JOIN LATERAL accounts_in(scope_of(holder.client_id, o.day), moment) AS s
        JOIN window_accounts(holder.client_id) AS w USING (kind, asset, counterparty_kind, counterparty)
        JOIN account AS a ON a.client_id = holder.client_id AND a.account = w.account
        JOIN account_kind AS k ON k.kind = a.kind
        WHERE s.asset = unit AND is_zero(posted_on(a))
        ORDER BY a.name, o.day;
    END LOOP;
END;
$$;
INSERT INTO claim_source VALUES
    ('unsettled_in', 'executions that the window of their day has not novated yet');
