-- Buying power (doc/cash.md), first part: what has happened since the cut. What a customer may
-- spend is recomputed from the last 16:40 Central: settled cash then, less the purchases that were
-- unpaid then, and what has happened since by *executions*. A cash call that settles later reduces
-- settled cash and the unpaid purchases at once; since it is counted by its execution, it is never
-- counted twice.
-- Locks nothing.

-- The latest 16:40 in America/Chicago at or before the instant: from there buying power is
-- computed. From local dates, whatever the clocks do in between.
CREATE FUNCTION bakkt_ledger_internal.buying_power_cut(moment timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (central_date(moment) + time '16:40') AT TIME ZONE 'America/Chicago' <= moment
                THEN (central_date(moment) + time '16:40') AT TIME ZONE 'America/Chicago'
                ELSE (central_date(moment) - 1 + time '16:40') AT TIME ZONE 'America/Chicago' END;

CREATE TYPE bakkt_ledger.buying_power AS (
    customer text,
    cut timestamptz,
    settled_at_cut amount,
    unsettled_withdrawals_at_cut amount,
    unsettled_deposits_at_cut amount,
    credited_deposits amount,
    buys_since amount,
    sells_since amount,
    deposits_since amount,
    withdrawals_since amount,
    other_since amount,
    withdrawals_pending amount,
    open_orders amount,
    buying_power amount
);
COMMENT ON TYPE buying_power IS
'What a customer may spend, with every term.
buying_power = settled_at_cut - unsettled_withdrawals_at_cut + credited_deposits - buys_since + sells_since + deposits_since -
withdrawals_since + other_since - withdrawals_pending - open_orders. settled_at_cut: settled cash at the cut.
unsettled_..._at_cut: cash calls outstanding then, of purchases and of sales. credited_deposits: those of sales if the client
credits failed sells, else zero. buys_since, sells_since: net money of executions since the cut, busts taken off.
deposits_since: deposits and wires that settled. withdrawals_since: withdrawals sent. other_since: whatever else moved settled
cash but cash calls (returns, fees, adjustments, recoveries), busts of executions from before the cut, and purchases written
off, signed. withdrawals_pending: requested, not sent. open_orders: other holds, zero unless the client reserves them.';

CREATE TYPE bakkt_ledger_internal.cash_scope AS (
    client_id integer,
    customers bigint[],
    whole boolean,
    asset asset,
    cut timestamptz,
    until timestamptz
);
COMMENT ON TYPE cash_scope IS
'Whose buying power is computed, in which asset, from the cut until an instant.
whole: all customers of the client, whose journals are found by client.';

-- The journals of these customers that are effective after the cut: trades and busts, or all
-- others. Of the whole client, through the index on effective time: also those of other customers.
-- By customer through the index on customers, in time of recording, which is no more than an hour
-- before what is effective.
CREATE FUNCTION bakkt_ledger_internal.journals_since(scope cash_scope, trades boolean) RETURNS SETOF journal
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    IF scope.whole THEN
        RETURN QUERY
        SELECT j.*
        FROM journal AS j
        WHERE j.client_id = scope.client_id AND j.effective_at > scope.cut
          AND j.kind IN (kind_number('trade'), kind_number('trade_bust')) = trades;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT j.*
    FROM unnest(scope.customers) AS c (customer_id)
    CROSS JOIN LATERAL (SELECT n.*
                        FROM journal AS n
                        WHERE n.customer_id = c.customer_id AND n.recorded_at > scope.cut - execution_time_ahead()
                        OFFSET 0) AS j
    WHERE j.effective_at > scope.cut AND j.kind IN (kind_number('trade'), kind_number('trade_bust')) = trades;
    -- a trade is one customer's; other journals have further ones in journal_party
    RETURN QUERY
    SELECT j.*
    FROM (SELECT DISTINCT p.client_id, p.journal_id FROM journal_party AS p WHERE p.customer_id = ANY (scope.customers)) AS p
    JOIN journal AS j ON j.client_id = p.client_id AND j.journal_id = p.journal_id
    WHERE NOT trades AND j.effective_at > scope.cut AND NOT j.customer_id = ANY (scope.customers);
END;
$$;

-- The cash calls of these customers that were closed after the cut, and some before: by the
-- journals that closed them, whose references end with the call's number, or which reverse its
-- execution.
CREATE FUNCTION bakkt_ledger_internal.closed_calls_of(scope cash_scope) RETURNS SETOF cash_call
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT o.*
    FROM (SELECT DISTINCT CASE WHEN j.kind = kind_number('trade_bust') THEN j.reverses
                               ELSE split_part(j.reference, ':', 2)::bigint END AS call
          FROM unnest(scope.customers) AS c (customer_id)
          CROSS JOIN LATERAL (SELECT n.*
                              FROM journal AS n
                              WHERE n.customer_id = c.customer_id AND n.recorded_at > scope.cut - execution_time_ahead()
                              OFFSET 0) AS j
          WHERE j.kind IN (kind_number('trade_bust'), kind_number('cash_call'), kind_number('cash_write_off'))) AS closed
    CROSS JOIN LATERAL (SELECT n.*
                        FROM cash_call AS n
                        WHERE n.client_id = scope.client_id AND n.journal_id = closed.call
                        OFFSET 0) AS o
    WHERE o.status <> 'O';
END;
$$;

-- The cash calls of these customers that are open or were closed after the cut.
CREATE FUNCTION bakkt_ledger_internal.calls_since(scope cash_scope) RETURNS SETOF cash_call
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    IF scope.whole THEN
        RETURN QUERY SELECT o.* FROM cash_call AS o WHERE o.client_id = scope.client_id AND o.status = 'O';
        RETURN QUERY
        SELECT o.*
        FROM cash_call AS o
        WHERE o.client_id = scope.client_id AND o.closed_recorded_at > scope.cut - execution_time_ahead()
          AND o.closed_at > scope.cut;
    ELSE
        RETURN QUERY
        SELECT o.*
        FROM cash_call AS o
        WHERE o.client_id = scope.client_id AND o.customer_id = ANY (scope.customers) AND o.status = 'O';
        RETURN QUERY SELECT c.* FROM closed_calls_of(scope) AS c;
    END IF;
END;
$$;
