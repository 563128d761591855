-- Aged cash calls (TPJ, Third Party Journal: a call for cash), doc/cash.md. Which calls a list has,
-- and what it says of them, is a pure function of facts that never change: the columns of cash_call
-- that are fixed when it is opened, cash_call_event, the execution's journal, and what was known
-- when the list was taken (a block for the executions, an instant for the events). So yesterday's
-- list can be printed again for ever; nothing is stored per row.
-- Locks nothing.

CREATE FUNCTION bakkt_ledger_internal.age_bucket(days integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN days <= 1 THEN '0-1' WHEN days <= 5 THEN '2-5' WHEN days <= 10 THEN '6-10'
                WHEN days <= 20 THEN '11-20' WHEN days <= 30 THEN '21-30' ELSE '>30' END;
COMMENT ON FUNCTION age_bucket(integer) IS
    'The bucket to which an age in calendar days belongs: 0-1, 2-5, 6-10, 11-20, 21-30, >30.';

-- ---------------------------------------------------------------------------
-- What is outstanding
-- ---------------------------------------------------------------------------

CREATE TYPE bakkt_ledger.aged_tpj_row AS (
    tpj_id              bigint,
    account_id          text,
    direction           text,
    side                text,
    symbol              text,
    execution_id        text,
    client_order_id     text,
    quantity            amount,
    price               price,
    net_money           amount,
    executed_at         timestamptz,
    first_attempt_at    timestamptz,
    last_attempt_at     timestamptz,
    attempts            bigint,
    last_failure_reason text,
    age_days            integer,
    bucket              text,
    tpj_status          text
);
COMMENT ON TYPE aged_tpj_row IS
    'An outstanding cash call. tpj_id: its number; account_id: the customer; direction: Withdrawal (the customer pays) or '
    'Deposit (is paid); execution_id: reference of the execution, or of the bust that gives settled cash back; net_money: what '
    'is outstanding, positive; executed_at: when called, from which age_days counts in Central calendar days; attempts and '
    'their first and last instant; tpj_status: Not Settled.';

CREATE TYPE bakkt_ledger_internal.outstanding_call AS (
    journal_id          bigint,
    customer_id         bigint,
    withdrawal          boolean,
    outstanding         amount,
    called_at           timestamptz,
    attempts            bigint,
    first_attempt_at    timestamptz,
    last_attempt_at     timestamptz,
    last_reason         text
);
COMMENT ON TYPE outstanding_call IS 'Internal: a cash call that was outstanding at an instant, with its attempts until then.';

CREATE FUNCTION bakkt_ledger_internal.attempts_until(client_id integer, journal_id bigint, at timestamptz, known_at timestamptz,
                               OUT closed amount, OUT attempts bigint, OUT first_attempt_at timestamptz,
                               OUT last_attempt_at timestamptz, OUT last_reason text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT sum(e.amount) FILTER (WHERE e.event IN ('settled', 'written_off', 'busted')),
           count(*) FILTER (WHERE e.event IN ('failed', 'rejected')),
           min(e.at) FILTER (WHERE e.event IN ('failed', 'rejected')),
           max(e.at) FILTER (WHERE e.event IN ('failed', 'rejected')),
           (array_agg(e.reason ORDER BY e.at DESC, e.event_no DESC) FILTER (WHERE e.event IN ('failed', 'rejected')))[1]
      FROM cash_call_event e
     WHERE e.client_id = attempts_until.client_id AND e.journal_id = attempts_until.journal_id
       AND e.at <= attempts_until.at AND e.recorded_at <= attempts_until.known_at;
END;
COMMENT ON FUNCTION attempts_until(integer, bigint, timestamptz, timestamptz) IS
    'Internal: what had happened to a call by the instant, as recorded by known_at: the amount that was closed, and its failed '
    'attempts.';

-- A closed call matters only if it was closed after the instant, or if its closing was recorded
-- after known_at. Its closing is recorded at most an hour before the instant at which it is said to
-- have happened, so an index range on closed_recorded_at finds both.
CREATE FUNCTION bakkt_ledger_internal.outstanding_calls(client_id integer, at timestamptz, known_at timestamptz)
    RETURNS SETOF outstanding_call
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    client  constant integer := outstanding_calls.client_id;
    moment  constant timestamptz := outstanding_calls.at;
    known   constant timestamptz := outstanding_calls.known_at;
    since   constant timestamptz := least(moment - execution_time_ahead(), known);
BEGIN
    RETURN QUERY
    SELECT c.journal_id, c.customer_id, c.withdrawal, coalesce(c.amount - e.closed, c.amount), c.called_at,
           e.attempts, e.first_attempt_at, e.last_attempt_at, e.last_reason
      FROM (SELECT o.* FROM cash_call o WHERE o.client_id = client AND o.status = 'O'
            UNION ALL
            SELECT o.* FROM cash_call o
             WHERE o.client_id = client AND o.closed_recorded_at > since AND (o.closed_at > moment OR o.closed_recorded_at > known)) c
     CROSS JOIN LATERAL attempts_until(client, c.journal_id, moment, known) e
     WHERE c.called_at <= moment AND c.opened_at <= known AND (e.closed IS NULL OR e.closed < c.amount);
END;
$$;
COMMENT ON FUNCTION outstanding_calls(integer, timestamptz, timestamptz) IS
    'Internal: the client''s calls, called by the instant, that were outstanding at it, as recorded by known_at (infinity: all '
    'that is known). Reads only open calls and those closed since.';

-- Journals are looked up one by one, by key, because a client has many more than are listed.
CREATE FUNCTION bakkt_ledger_internal.aged_rows(client_id integer, at timestamptz, known_at timestamptz, high bigint, pending int8multirange)
    RETURNS SETOF aged_tpj_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
    SELECT c.journal_id, u.account_code, CASE WHEN c.withdrawal THEN 'Withdrawal' ELSE 'Deposit' END,
           side(j.terms), i.symbol, j.reference, client_order_id(j.terms), quantity(j.terms), price(j.terms),
           c.outstanding, c.called_at, c.first_attempt_at, c.last_attempt_at, c.attempts, c.last_reason,
           central_date($2) - central_date(c.called_at), age_bucket(central_date($2) - central_date(c.called_at)), 'Not Settled'
      FROM outstanding_calls($1, $2, $3) c
     CROSS JOIN LATERAL (SELECT * FROM journal n WHERE n.client_id = $1 AND n.journal_id = c.journal_id OFFSET 0) j
      JOIN customer u ON u.customer_id = c.customer_id
      JOIN instrument i ON i.instrument_id = instrument_id(j.terms)
     WHERE seen($4, $5, c.journal_id)
     ORDER BY c.called_at, c.journal_id
$$;
COMMENT ON FUNCTION aged_rows(integer, timestamptz, timestamptz, bigint, int8multirange) IS
    'Internal: outstanding_calls() of executions in the block with this high and pending, oldest first.';

CREATE FUNCTION bakkt_ledger.aged_tpj(client text, at timestamptz DEFAULT clock_timestamp(), known_at timestamptz DEFAULT NULL)
    RETURNS SETOF aged_tpj_row
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    asked   constant integer := require_client(aged_tpj.client);
BEGIN
    PERFORM require_instant(aged_tpj.at);
    RETURN QUERY
    SELECT r.* FROM aged_rows(asked, aged_tpj.at, coalesce(aged_tpj.known_at, 'infinity'), 9223372036854775807, '{}') r;
END;
$$;
COMMENT ON FUNCTION aged_tpj(text, timestamptz, timestamptz) IS
    'Every cash call of the client, through Bakkt or Apex, attempted or not, that was outstanding at the instant, oldest first: '
    'as known now or, with known_at, as recorded by then. Errors: LG010, 42501, LG061, LG002 infinite instant.';

CREATE FUNCTION bakkt_ledger.aged_tpj_summary(client text, at timestamptz DEFAULT clock_timestamp(), known_at timestamptz DEFAULT NULL)
    RETURNS TABLE (bucket text, direction text, calls bigint, net_money amount, oldest_days integer)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 12 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
    SELECT a.bucket, a.direction, count(*), sum(a.net_money), max(a.age_days)
      FROM aged_tpj(client, at, known_at) a
     GROUP BY a.bucket, a.direction, asset(a.net_money)
     ORDER BY min(a.age_days), a.direction COLLATE "C" DESC, asset(a.net_money)
$$;
COMMENT ON FUNCTION aged_tpj_summary(text, timestamptz, timestamptz) IS
    'aged_tpj() by age bucket, direction and asset: number of calls, sum outstanding, age of the oldest. Youngest bucket first; '
    'empty buckets are left out. Errors as in aged_tpj().';
