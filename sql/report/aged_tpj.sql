-- Aged cash calls (TPJ, Third Party Journal: a call for cash), doc/cash.md. Which calls a list has,
-- and what it says of them, is a pure function of facts that never change: the columns of cash_call
-- that are fixed when it is opened, its events, the execution's journal, and what was known when
-- the list was taken (a block for the executions, an instant for the events). So yesterday's list
-- can be printed again for ever; nothing is stored per row.
-- Locks nothing.

-- The bucket to which an age in calendar days belongs.
CREATE FUNCTION bakkt_ledger_internal.age_bucket(days integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN days <= 1 THEN '0-1' WHEN days <= 5 THEN '2-5' WHEN days <= 10 THEN '6-10'
                WHEN days <= 20 THEN '11-20' WHEN days <= 30 THEN '21-30' ELSE '>30' END;

-- ---------------------------------------------------------------------------
-- What is outstanding
-- ---------------------------------------------------------------------------

CREATE TYPE bakkt_ledger.aged_tpj_line AS (
    tpj_id bigint,
    account_id text,
    direction text,
    side text,
    symbol text,
    execution_id text,
    client_order_id text,
    quantity amount,
    price price,
    net_money amount,
    executed_at timestamptz,
    first_attempt_at timestamptz,
    last_attempt_at timestamptz,
    attempts bigint,
    last_failure_reason text,
    age_days integer,
    bucket text,
    tpj_status text
);
COMMENT ON TYPE aged_tpj_line IS
'An outstanding cash call, under the names that the platform gives the columns of its file.
tpj_id: its number; account_id: the customer; direction: Withdrawal (the customer pays) or Deposit (is paid); execution_id:
reference of the execution, or of the bust that gives settled cash back; net_money: what is outstanding, positive; executed_at:
when called, from which age_days counts in Central calendar days; attempts and their first and last instant; tpj_status: Not
Settled.';

-- outstanding_calls() of executions in the block with this high and pending, oldest first. Journals
-- are looked up one by one, by key, because a client has many more than are listed.
CREATE FUNCTION bakkt_ledger_internal.aged_rows(holder integer, moment timestamptz, known timestamptz, high bigint,
                                                pending int8multirange)
    RETURNS SETOF aged_tpj_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
    SELECT c.journal_id, u.customer_code, CASE WHEN c.withdrawal THEN 'Withdrawal' ELSE 'Deposit' END,
           side(j.terms), i.symbol, j.reference, client_order_id(j.terms), quantity(j.terms), price(j.terms),
           c.outstanding, c.called_at, c.first_attempt_at, c.last_attempt_at, c.attempts, c.last_reason,
           age.days, age_bucket(age.days), 'Not Settled'
    FROM outstanding_calls(holder, moment, known) AS c
    CROSS JOIN LATERAL (SELECT n.reference, n.terms
                        FROM journal AS n
                        WHERE n.client_id = holder AND n.journal_id = c.journal_id OFFSET 0) AS j
    JOIN customer AS u ON u.customer_id = c.customer_id
    JOIN instrument AS i ON i.instrument_id = instrument_id(j.terms)
    CROSS JOIN LATERAL (SELECT central_date(moment) - central_date(c.called_at)) AS age (days)
    WHERE seen(high, pending, c.journal_id)
    ORDER BY c.called_at, c.journal_id
$$;

CREATE FUNCTION bakkt_ledger.aged_tpj(client text, at timestamptz DEFAULT clock_timestamp(), known_at timestamptz DEFAULT NULL)
    RETURNS SETOF aged_tpj_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT r.*
    FROM aged_rows(holder, at, coalesce(known_at, 'infinity'), 9223372036854775807, '{}') AS r;
END;
$$;
COMMENT ON FUNCTION aged_tpj IS
'Every cash call of the client, through Bakkt or Apex, attempted or not, that was outstanding at the instant, oldest first.
known_at: as recorded by then; NULL: as known now.
Errors: LG010, 42501, LG061, LG002 infinite instant.';

CREATE TYPE bakkt_ledger.aged_tpj_summary_line AS (
    bucket text,
    direction text,
    calls bigint,
    net_money amount,
    oldest_days integer
);
COMMENT ON TYPE aged_tpj_summary_line IS
'The outstanding cash calls of an age bucket and direction, in one currency.
calls: how many. net_money: their sum, positive. oldest_days: age of the oldest, in Central calendar days.';

CREATE FUNCTION bakkt_ledger.aged_tpj_summary(client text, at timestamptz DEFAULT clock_timestamp(),
                                              known_at timestamptz DEFAULT NULL)
    RETURNS SETOF aged_tpj_summary_line
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 12 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
    SELECT a.bucket, a.direction, count(*), sum(a.net_money), max(a.age_days)
    FROM aged_tpj(client, at, known_at) AS a
    GROUP BY a.bucket, a.direction, asset(a.net_money)
    ORDER BY min(a.age_days), a.direction COLLATE "C" DESC, asset(a.net_money)
$$;
COMMENT ON FUNCTION aged_tpj_summary IS
'Sums aged_tpj() by age bucket, direction and asset, youngest bucket first; empty buckets are left out.
Errors: as in aged_tpj().';
