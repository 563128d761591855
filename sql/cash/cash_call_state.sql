-- Cash calls at any instant, computed from their events.
-- Refuses clients and customers the caller may not see, unknown calls (LG082).
-- Locks nothing.

-- What the events of a call come to until an instant, by what was recorded by another. outstanding
-- is the one rule of what a call still asks for (I13): its amount, less what was settled, written
-- off and busted.
CREATE FUNCTION bakkt_ledger_internal.cash_call_facts(holder integer, number bigint, worth amount,
                                                      moment timestamptz DEFAULT 'infinity', known timestamptz DEFAULT 'infinity')
    RETURNS TABLE (outstanding amount, settled amount, written_off amount, recovered amount, busted amount, attempts bigint,
                   first_attempt_at timestamptz, last_attempt_at timestamptz, last_reason text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT worth - t.settled - t.written_off - t.busted, t.settled, t.written_off, t.recovered, t.busted, t.attempts,
           t.first_attempt_at, t.last_attempt_at, t.last_reason
    FROM (SELECT coalesce(sum(e.amount) FILTER (WHERE e.event = 'settled'), zero(asset(worth))) AS settled,
                 coalesce(sum(e.amount) FILTER (WHERE e.event = 'written_off'), zero(asset(worth))) AS written_off,
                 coalesce(sum(e.amount) FILTER (WHERE e.event = 'recovered'), zero(asset(worth))) AS recovered,
                 coalesce(sum(e.amount) FILTER (WHERE e.event = 'busted'), zero(asset(worth))) AS busted,
                 count(*) FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')) AS attempts,
                 min(e.at) FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')) AS first_attempt_at,
                 max(e.at) FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')) AS last_attempt_at,
                 (array_agg(e.reason ORDER BY e.at DESC, e.event_id DESC)
                    FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')))[1] AS last_reason
          FROM cash_call_events(holder, number) AS e
          WHERE e.at <= moment AND e.recorded_at <= known) AS t;
END;

CREATE TYPE bakkt_ledger_internal.outstanding_call AS (
    journal_id bigint,
    customer_id bigint,
    withdrawal boolean,
    apex boolean,
    outstanding amount,
    called_at timestamptz,
    attempts bigint,
    first_attempt_at timestamptz,
    last_attempt_at timestamptz,
    last_reason text
);
COMMENT ON TYPE outstanding_call IS 'A cash call that was outstanding at an instant, with its attempts until then.';

-- The calls of a client, or of one of its customers, called by an instant, that were outstanding at
-- it by what was recorded by another (infinity: all that is known). A closed call is looked at only
-- if it was closed after the instant, or recorded so after what was known: what is closed was
-- recorded no earlier than an hour before the instant at which it says it happened.
CREATE FUNCTION bakkt_ledger_internal.outstanding_calls(holder integer, moment timestamptz, known timestamptz DEFAULT 'infinity',
                                                        owner bigint DEFAULT NULL)
    RETURNS SETOF outstanding_call
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    since constant timestamptz := least(moment - execution_time_ahead(), known);
BEGIN
    RETURN QUERY
    SELECT c.journal_id, c.customer_id, c.withdrawal, c.apex, f.outstanding, c.called_at,
           f.attempts, f.first_attempt_at, f.last_attempt_at, f.last_reason
    FROM (SELECT o.*
          FROM cash_call AS o
          WHERE o.client_id = holder AND o.status = 'O'
          UNION ALL
          SELECT o.*
          FROM cash_call AS o
          WHERE o.client_id = holder AND o.closed_recorded_at > since
            AND (o.closed_at > moment OR o.closed_recorded_at > known)) AS c
    CROSS JOIN LATERAL cash_call_facts(holder, c.journal_id, c.amount, moment, known) AS f
    WHERE c.called_at <= moment AND c.opened_at <= known AND (owner IS NULL OR c.customer_id = owner) AND sign(f.outstanding) > 0;
END;
$$;

CREATE TYPE bakkt_ledger.cash_call_line AS (
    call bigint,
    customer text,
    reference text,
    side text,
    symbol text,
    quantity amount,
    price price,
    client_order_id text,
    direction text,
    net_money amount,
    settled amount,
    outstanding amount,
    written_off amount,
    recovered amount,
    busted amount,
    status text,
    called_at timestamptz,
    attempts bigint,
    first_attempt_at timestamptz,
    last_attempt_at timestamptz,
    last_reason text
);
COMMENT ON TYPE cash_call_line IS
'A cash call at an instant.
call: its number, which is the journal of its execution, or of the bust that gives settled cash back; reference, side, symbol,
quantity, price, client_order_id: of that execution.
direction: Withdrawal, the customer pays, or Deposit, the customer is paid.
net_money = settled + outstanding + written_off - recovered + busted (I13); all positive; settled contains what was recovered.
status: OUTSTANDING, SETTLED, WRITTEN_OFF, RECOVERED (in whole) or BUSTED.
last_reason: of the last attempt, NULL if it succeeded.';

CREATE FUNCTION bakkt_ledger.cash_calls(client text, customer text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF cash_call_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    holder constant integer := require_client(client);
    owner constant bigint := customer_asked(holder, customer);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT c.journal_id, u.customer_code, j.reference::text, side(j.terms), i.symbol, quantity(j.terms), price(j.terms),
           client_order_id(j.terms), CASE WHEN c.withdrawal THEN 'Withdrawal' ELSE 'Deposit' END, c.amount,
           f.settled + f.recovered, f.outstanding, f.written_off, f.recovered, f.busted,
           CASE WHEN sign(f.busted) > 0 THEN 'BUSTED' WHEN sign(f.settled) > 0 THEN 'SETTLED'
                WHEN sign(f.written_off) = 0 THEN 'OUTSTANDING' WHEN f.recovered >= f.written_off THEN 'RECOVERED'
                ELSE 'WRITTEN_OFF' END,
           c.called_at, f.attempts, f.first_attempt_at, f.last_attempt_at, f.last_reason
    FROM cash_call AS c
    CROSS JOIN LATERAL cash_call_facts(holder, c.journal_id, c.amount, cash_calls.at, 'infinity') AS f
    JOIN customer AS u ON u.customer_id = c.customer_id
    LEFT JOIN journal AS j ON j.client_id = c.client_id AND j.journal_id = c.journal_id
    LEFT JOIN instrument AS i ON i.instrument_id = instrument_id(j.terms)
    WHERE c.client_id = holder AND c.called_at <= cash_calls.at AND c.customer_id = coalesce(owner, c.customer_id)
    ORDER BY c.called_at, c.journal_id;
END;
$$;
COMMENT ON FUNCTION cash_calls IS
'Every cash call of a client, or of one of its customers, as of an instant, the oldest first.
Past instants are computed from the events known now.
Errors: LG010, 42501, LG012 no such customer of the client, LG061 instant ahead or NULL, LG002 infinite.';

CREATE TYPE bakkt_ledger.cash_call_attempt_line AS (
    attempt bigint,
    attempted_at timestamptz,
    outcome text,
    reason text,
    meaning text,
    amount amount,
    journal bigint,
    recorded_at timestamptz,
    recorded_by text
);
COMMENT ON TYPE cash_call_attempt_line IS
'An attempt on a cash call.
attempt: from 1. outcome: settled, failed, or rejected by Apex. reason, meaning: why not, as in cash_call_reason. amount: the
money asked for, positive. journal: of the settlement.';

CREATE FUNCTION bakkt_ledger.cash_call_attempts(client text, call bigint)
    RETURNS SETOF cash_call_attempt_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant cash_call := require_cash_call(require_client(client), call);
BEGIN
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY e.event_id), e.at, e.event::text, e.reason::text, r.meaning, e.amount, e.journal_id,
           e.recorded_at, a.role_name::text
    FROM cash_call_events(asked.client_id, asked.journal_id) AS e
    JOIN actor AS a ON a.actor_id = e.actor_id
    LEFT JOIN cash_call_reason AS r ON r.reason = e.reason
    WHERE e.event IN ('settled', 'failed', 'rejected')
    ORDER BY e.event_id;
END;
$$;
COMMENT ON FUNCTION cash_call_attempts IS
'Every attempt on a cash call, named by its number, in order.
Errors: LG010, 42501, LG082 no such call.';
