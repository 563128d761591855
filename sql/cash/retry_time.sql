-- Why an attempt on a cash call failed, and at what times of day it is attempted again. Both tables
-- are shipped with the extension.
-- Refuses and locks nothing.

-- Reasons for which an attempt fails
CREATE TABLE bakkt_ledger_internal.cash_call_reason (
    reason text COLLATE "C" PRIMARY KEY,
    meaning text NOT NULL
);
COMMENT ON TABLE cash_call_reason IS 'The reasons for which a cash call fails. Shipped with the extension.';
INSERT INTO subject (subject, key, shipped) VALUES
    ('cash_call_reason', '{reason}', true),
    ('cash_retry_time', '{local_time}', true);
INSERT INTO cash_call_reason VALUES
    ('INSUFFICIENT_FUNDS', 'the customer''s settled cash, less holds, does not cover it'),
    ('FBO_NOT_FUNDED', 'sale proceeds: the company''s money in the FBO account does not cover them yet'),
    ('ACCOUNT_FROZEN', 'the customer''s cash account is frozen'),
    ('ACCOUNT_CLOSED', 'the customer''s cash account is closed'),
    ('APEX_REJECTED', 'Apex answered no, with no reason of its own'),
    ('POSTING_REFUSED', 'the posting function refused it for another reason: the server log has it');

-- Times of day at which failed calls are attempted again
CREATE TABLE bakkt_ledger_internal.cash_retry_time (
    local_time time PRIMARY KEY
);
COMMENT ON TABLE cash_retry_time IS
    'At which times of the day, Central, cash calls that failed are attempted again. Shipped with the extension.';
INSERT INTO cash_retry_time VALUES ('06:00'), ('17:00');

CREATE FUNCTION bakkt_ledger.next_cash_retry(at timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT min(r.at)
    FROM cash_retry_time AS t
    CROSS JOIN generate_series(0, 1) AS later (days)
    CROSS JOIN LATERAL (SELECT (central_date(next_cash_retry.at) + later.days + t.local_time)
                               AT TIME ZONE 'America/Chicago') AS r (at)
    WHERE r.at > next_cash_retry.at
$$;
COMMENT ON FUNCTION next_cash_retry IS
'The first retry time after the instant, at which failed cash calls are attempted again: 06:00 or 17:00 Central.';
