-- Cash calls at any instant, computed from their events.
-- Refuses clients and customers the caller may not see, unknown calls (LG082).
-- Locks nothing.

CREATE FUNCTION bakkt_ledger_internal.cash_call_sums(client_id integer, at timestamptz)
    RETURNS TABLE (journal_id bigint, settled amount, written_off amount, recovered amount, busted amount, attempts bigint,
                   first_attempt_at timestamptz, last_attempt_at timestamptz, last_reason text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT e.journal_id,
           sum(e.amount) FILTER (WHERE e.event = 'settled'),
           sum(e.amount) FILTER (WHERE e.event = 'written_off'),
           sum(e.amount) FILTER (WHERE e.event = 'recovered'),
           sum(e.amount) FILTER (WHERE e.event = 'busted'),
           count(*) FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')),
           min(e.at) FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')),
           max(e.at) FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')),
           (array_agg(e.reason ORDER BY e.event_no DESC) FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')))[1]
      FROM cash_call_event e WHERE e.client_id = $1 AND e.at <= $2
     GROUP BY e.journal_id
$$;
COMMENT ON FUNCTION cash_call_sums(integer, timestamptz) IS
    'Internal: sums over the events of each cash call up to an instant; NULL: there was no such event.';

CREATE TYPE bakkt_ledger.cash_call_state AS (
    call                bigint,
    account             text,
    reference           text,
    side                text,
    symbol              text,
    quantity            amount,
    price               price,
    client_order_id     text,
    direction           text,
    net_money           amount,
    settled             amount,
    outstanding         amount,
    written_off         amount,
    recovered           amount,
    busted              amount,
    status              text,
    called_at           timestamptz,
    attempts            bigint,
    first_attempt_at    timestamptz,
    last_attempt_at     timestamptz,
    last_reason         text
);
COMMENT ON TYPE cash_call_state IS
    'A cash call at an instant. call: its number, which is the journal of its execution, or of the bust that gives settled cash '
    'back; reference, side, symbol, quantity, price, client_order_id: of that execution. direction: Withdrawal, the customer '
    'pays, or Deposit, the customer is paid. net_money = settled + outstanding + written_off - recovered + busted (I13); all '
    'positive; settled contains what was recovered. status: OUTSTANDING, SETTLED, WRITTEN_OFF, RECOVERED (in whole) or BUSTED. '
    'last_reason: of the last attempt, NULL if it succeeded.';

CREATE FUNCTION bakkt_ledger.cash_calls(client text, at timestamptz DEFAULT clock_timestamp(), account text DEFAULT NULL)
    RETURNS SETOF cash_call_state
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(cash_calls.client);
BEGIN
    PERFORM require_instant(cash_calls.at);
    IF cash_calls.account IS NOT NULL AND NOT EXISTS (SELECT FROM customer u WHERE u.account_code = cash_calls.account AND u.client_id = owning) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG012', MESSAGE = format('client "%s" has no customer "%s"', cash_calls.client, cash_calls.account),
            HINT = 'Leave the account out for the calls of all its customers.';
    END IF;
    RETURN QUERY
    WITH state AS (
        SELECT c.*, coalesce(s.settled, zero(asset(c.amount))) AS paid, coalesce(s.written_off, zero(asset(c.amount))) AS written_off,
               coalesce(s.recovered, zero(asset(c.amount))) AS recovered, coalesce(s.busted, zero(asset(c.amount))) AS busted, coalesce(sign(s.busted) > 0, false) AS is_busted,
               coalesce(s.attempts, 0) AS made, s.first_attempt_at, s.last_attempt_at, s.last_reason
          FROM cash_call c LEFT JOIN cash_call_sums(owning, cash_calls.at) s ON s.journal_id = c.journal_id
         WHERE c.client_id = owning AND c.called_at <= cash_calls.at
    )
    SELECT c.journal_id, u.account_code, j.reference, side(j.terms), i.symbol, quantity(j.terms), price(j.terms), client_order_id(j.terms),
           CASE WHEN c.withdrawal THEN 'Withdrawal' ELSE 'Deposit' END, c.amount, c.paid + c.recovered,
           c.amount - c.paid - c.written_off - c.busted, c.written_off, c.recovered, c.busted,
           CASE WHEN c.is_busted THEN 'BUSTED' WHEN sign(c.paid) > 0 THEN 'SETTLED' WHEN sign(c.written_off) = 0 THEN 'OUTSTANDING'
                WHEN c.recovered >= c.written_off THEN 'RECOVERED' ELSE 'WRITTEN_OFF' END,
           c.called_at, c.made, c.first_attempt_at, c.last_attempt_at, c.last_reason
      FROM state c
      JOIN customer u ON u.customer_id = c.customer_id
      LEFT JOIN journal j ON j.client_id = c.client_id AND j.journal_id = c.journal_id
      LEFT JOIN instrument i ON i.instrument_id = instrument_id(j.terms)
     WHERE u.account_code = coalesce(cash_calls.account, u.account_code)
     ORDER BY c.called_at, c.journal_id;
END;
$$;
COMMENT ON FUNCTION cash_calls(text, timestamptz, text) IS
    'Every cash call of a client, or of one of its customers, as of an instant, the oldest first; see type cash_call_state. '
    'Past instants are computed from the events known now. Raises LG010, 42501, LG012 no such customer of the client, LG061 '
    'instant ahead or NULL, LG002 infinite.';

CREATE FUNCTION bakkt_ledger.cash_call_attempts(client text, call bigint)
    RETURNS TABLE (attempt bigint, attempted_at timestamptz, outcome text, reason text, meaning text, amount amount, journal bigint,
                   recorded_at timestamptz, recorded_by text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    asked   constant cash_call := require_cash_call(require_client(cash_call_attempts.client), cash_call_attempts.call);
BEGIN
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY e.event_no), e.at, e.event, e.reason, r.meaning, e.amount, e.event_journal, e.recorded_at, a.role_name
      FROM cash_call_event e
      JOIN actor a ON a.actor_id = e.actor_id
      LEFT JOIN cash_call_reason r ON r.reason = e.reason
     WHERE e.client_id = asked.client_id AND e.journal_id = asked.journal_id AND e.event IN ('settled', 'failed', 'rejected')
     ORDER BY e.event_no;
END;
$$;
COMMENT ON FUNCTION cash_call_attempts(text, bigint) IS
    'Every attempt on a cash call, named by its number: when, settled, failed or rejected (by Apex), the reason and what it '
    'means, the money asked for, and the journal of the settlement. Raises LG010, 42501, LG082 no such call.';
