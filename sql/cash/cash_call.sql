-- Cash calls (TPJ, Third Party Journal: a call for cash): the cash of an execution, called after it
-- (doc/cash.md). Every execution of a BAKKT_TPJ or APEX_TPJ customer opens one call, in the
-- transaction that posts it. A call is settled by one journal, whose reference is made of the
-- call's number, so not even a wrong state could pay it twice. The row holds the call's present
-- state. Its opening is the execution's journal; what happened afterwards are its events, from
-- which any past state follows.
-- Refuses an unknown call (LG082), and what cannot happen to a call in its state (LG083).
-- Locks the customer, the client's events of calls, then the call.

CREATE TABLE bakkt_ledger_internal.cash_call (
    client_id integer NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    journal_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    called_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    status "char" NOT NULL DEFAULT 'O' CHECK (status IN ('O', 'S', 'W', 'B')),
    apex boolean NOT NULL,
    withdrawal boolean NOT NULL,
    sale boolean NOT NULL,
    amount amount NOT NULL,
    due_at timestamptz,
    encumbered amount,
    closed_at timestamptz,
    closed_recorded_at timestamptz,
    CONSTRAINT cash_call_pkey PRIMARY KEY (client_id, journal_id)
);
CREATE INDEX cash_call_open_idx ON cash_call (client_id, customer_id) WHERE status = 'O';
CREATE INDEX cash_call_closed_idx ON cash_call (client_id, closed_recorded_at) WHERE closed_recorded_at IS NOT NULL;
COMMENT ON TABLE cash_call IS
    'Cash calls in their present state, one per execution of a BAKKT_TPJ or APEX_TPJ customer; their events are the history.';
COMMENT ON COLUMN cash_call.journal_id IS
    'Journal of the execution, or of the bust that gives settled cash back: the number of the call.';
COMMENT ON COLUMN cash_call.apex IS 'Called through Apex (APEX_TPJ), not from the customer''s cash here.';
COMMENT ON COLUMN cash_call.withdrawal IS
    'true: the customer pays, for a purchase; false: the customer is paid, for a sale (a deposit).';
COMMENT ON COLUMN cash_call.sale IS
    'Whether the execution was a sale: then the call stands on the customer''s payable, otherwise on the receivable.';
COMMENT ON COLUMN cash_call.amount IS 'Net money to be moved, positive.';
COMMENT ON COLUMN cash_call.encumbered IS
    'Coin of the purchase that is encumbered until the call is settled or recovered in full; NULL: none.';
COMMENT ON COLUMN cash_call.called_at IS
    'When executed, by the caller''s clock; of the call of a bust, when recorded. Age counts from here.';
COMMENT ON COLUMN cash_call.opened_at IS 'When the ledger recorded the execution.';
COMMENT ON COLUMN cash_call.status IS 'O outstanding, S settled, W written off, B busted.';
COMMENT ON COLUMN cash_call.due_at IS 'Earliest time of the next attempt; NULL: the call is closed, or Apex has been asked.';
COMMENT ON COLUMN cash_call.closed_at IS 'When it stopped being outstanding, by the caller''s clock.';
COMMENT ON COLUMN cash_call.closed_recorded_at IS 'When the ledger recorded that: the event''s recorded_at.';
SELECT pg_catalog.pg_extension_config_dump('cash_call', '');
SELECT refuse_writes('cash_call', 'DELETE OR TRUNCATE');
-- The amount of an event is what it moved, or what a failed attempt asked for. due_at only says
-- when a run looks at the call again.
INSERT INTO subject (subject, key, refusal, apart, told_by) VALUES
    ('cash_call', '{journal_id}', 'LG083', '{due_at}', 'told_cash_call_states');
INSERT INTO transition (subject, from_status, event, to_status) VALUES
    ('cash_call', 'O', 'sent', 'O'),
    ('cash_call', 'O', 'failed', 'O'),
    ('cash_call', 'O', 'rejected', 'O'),
    ('cash_call', 'O', 'settled', 'S'),
    ('cash_call', 'O', 'written_off', 'W'),
    ('cash_call', 'O', 'busted', 'B'),
    ('cash_call', 'W', 'recovered', 'W'),
    -- a write-off that a bust restores, of the negative amount
    ('cash_call', 'W', 'written_off', 'W'),
    ('cash_call', 'W', 'busted', 'B'),
    -- a bust that is taken back, of the negative amount, because Apex had settled the call
    ('cash_call', 'B', 'busted', 'B'),
    ('cash_call', 'B', 'settled', 'S');

-- The date in Central Time, by which cash calls age: age in days is the difference of two of these.
CREATE FUNCTION bakkt_ledger_internal.central_date(moment timestamptz) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (moment AT TIME ZONE 'America/Chicago')::date;

-- ---------------------------------------------------------------------------
-- Locks
-- ---------------------------------------------------------------------------

-- The lock under which events of the client's cash calls are recorded, shared until the transaction
-- ends; 55P03 when that takes too long. Every writer of events takes it after its customers and
-- before it locks a call or an account. It waits only for a reader that is fixing an instant, and
-- that one waits for writers: one that waited for a customer with it, or came here with accounts
-- locked, could close a circle.
CREATE FUNCTION bakkt_ledger_internal.lock_cash_call_events(holder integer) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'lock_cash_call_events';

-- An instant such that every event of the client's cash calls recorded until then is committed, or
-- of this transaction, and every later one is recorded after it. Owns that lock for a moment: waits
-- for transactions that are recording, in bounded time (55P03).
CREATE FUNCTION bakkt_ledger_internal.cash_call_events_instant(holder integer) RETURNS timestamptz
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cash_call_events_instant';

-- The cash call of a client; LG082 if there is none.
CREATE FUNCTION bakkt_ledger_internal.require_cash_call(holder integer, number bigint) RETURNS cash_call
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    called cash_call;
BEGIN
    SELECT c.* INTO called FROM cash_call AS c WHERE c.client_id = holder AND c.journal_id = number;
    IF NOT FOUND THEN
        PERFORM refuse('LG082', format('cash call %s does not exist', coalesce(number::text, 'NULL')), NULL,
                       'cash_calls() lists those of a client; a call has the number of its execution''s journal.');
    END IF;
    RETURN called;
END;
$$;

-- The cash call as it stands once it is locked; LG082 if there is none. Lock its customer before,
-- accounts after.
CREATE FUNCTION bakkt_ledger_internal.lock_cash_call(holder integer, number bigint) RETURNS cash_call
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait(), lock_cash_call_events(holder);
    PERFORM FROM cash_call AS c WHERE c.client_id = holder AND c.journal_id = number FOR NO KEY UPDATE;
    RETURN require_cash_call(holder, number);
END;
$$;

-- LG083 saying in what state the cash call is.
CREATE FUNCTION bakkt_ledger_internal.refuse_cash_call_state(call cash_call, what text, detail text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse('LG083', format('cash call %s %s', call.journal_id, what),
                   concat_ws(' ', format('It is %s, of %s.', CASE call.status WHEN 'O' THEN 'outstanding' WHEN 'S' THEN 'settled'
                                                             WHEN 'W' THEN 'written off' ELSE 'busted' END, call.amount), detail),
                   'cash_calls() and cash_write_offs() show where it stands.', jsonb_build_object('call', call.journal_id));
END;
$$;

-- ---------------------------------------------------------------------------
-- Events
-- ---------------------------------------------------------------------------

-- The events of a call.
CREATE FUNCTION bakkt_ledger_internal.cash_call_events(holder integer, number bigint)
    RETURNS TABLE (event_id bigint, event text, status text, at timestamptz, recorded_at timestamptz, actor_id integer,
                   amount amount, reason text, journal_id bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
    SELECT e.event_id, e.event, e.status, e.at, e.recorded_at, e.actor_id, e.amount, e.reason, e.journal_id
    FROM event AS e
    WHERE e.client_id = holder AND e.subject = 'cash_call' AND e.subject_key = number::text;
END;

-- What an event makes of a call.
CREATE FUNCTION bakkt_ledger_internal.cash_call_after(before cash_call, what text, moment timestamptz, stamp timestamptz,
                                                      next_attempt timestamptz)
    RETURNS cash_call
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    after cash_call := before;
BEGIN
    after.status := next_status('cash_call', format('cash call %s', before.journal_id), before.status::text, what);
    after.attempts := before.attempts + (what IN ('settled', 'failed', 'rejected'))::integer;
    after.due_at := next_attempt;
    -- a bust of what was written off, or a late answer of Apex, changes how it ended, not when
    IF after.status <> 'O' AND before.closed_at IS NULL THEN
        after.closed_at := moment;
        after.closed_recorded_at := stamp;
    END IF;
    RETURN after;
END;
$$;

-- The one place in SQL where rows of calls change, with the event of each; a run does the same in
-- C. The caller has locked them. A row is written by every event, also by a recovery, which changes
-- nothing in it: under REPEATABLE READ the second of two that judged the call by snapshots of their
-- own gets 40001.
CREATE FUNCTION bakkt_ledger_internal.record_cash_call_events(before cash_call[], what text, moment timestamptz, told amount[],
                                                              why text DEFAULT NULL, postings bigint[] DEFAULT NULL,
                                                              next_attempt timestamptz DEFAULT NULL, requests text[] DEFAULT NULL)
    RETURNS cash_call[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    stamp constant timestamptz := clock_timestamp();
    after constant cash_call[] := ARRAY(SELECT cash_call_after(c, what, moment, stamp, next_attempt) FROM unnest(before) AS c);
BEGIN
    UPDATE cash_call AS c
    SET status = a.status,
        attempts = a.attempts,
        due_at = a.due_at,
        closed_at = a.closed_at,
        closed_recorded_at = a.closed_recorded_at
    FROM unnest(after) AS a
    WHERE c.client_id = a.client_id AND c.journal_id = a.journal_id;
    PERFORM record_events(what, before, after, moment, told, postings, requests, why, stamp => stamp);
    RETURN after;
END;
$$;

-- One event of one call, which it locks.
CREATE FUNCTION bakkt_ledger_internal.record_cash_call_event(holder integer, number bigint, what text, moment timestamptz,
                                                             told amount, why text DEFAULT NULL, posting bigint DEFAULT NULL,
                                                             next_attempt timestamptz DEFAULT NULL, request text DEFAULT NULL)
    RETURNS cash_call
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (record_cash_call_events(ARRAY[lock_cash_call(holder, number)], what, moment, ARRAY[told], why, ARRAY[posting],
                                    next_attempt, ARRAY[request]))[1];
END;
$$;

-- ---------------------------------------------------------------------------
-- Accounts
-- ---------------------------------------------------------------------------

-- Kind of the receivable or payable on which a call stands.
CREATE FUNCTION bakkt_ledger_internal.cash_call_kind(through_apex boolean, of_sale boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN through_apex AND of_sale THEN 'corp_apex_payable' WHEN through_apex THEN 'corp_apex_receivable'
                WHEN of_sale THEN 'corp_tpj_payable' ELSE 'corp_tpj_receivable' END;

-- Whom the accounts of a call name.
CREATE FUNCTION bakkt_ledger_internal.cash_call_parties(call cash_call) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN jsonb_build_object('client', (client_row(call.client_id)).code,
                              'customer', (SELECT u.customer_code FROM customer AS u WHERE u.customer_id = call.customer_id));
END;
$$;

-- Whom the receivable or payable names on which the call stands.
CREATE FUNCTION bakkt_ledger_internal.cash_call_party(call cash_call) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN cash_call_parties(call) ->> CASE WHEN call.apex THEN 'client' ELSE 'customer' END;
END;
$$;

-- The receivable or payable on which the call stands.
CREATE FUNCTION bakkt_ledger_internal.cash_call_account(call cash_call) RETURNS account_id
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN account_of_kind(call.client_id, cash_call_kind(call.apex, call.sale), asset(call.amount), cash_call_party(call));
END;
$$;

-- Coin bound until it is paid for becomes the customer's to use; of a negative amount, the other
-- way about.
INSERT INTO template (template, journal_kind, purpose) VALUES
    ('coin_release', 'transfer', 'coin of a purchase that was bound until it was paid for (J05e); negative: bound again');
INSERT INTO template_line (template, line, side, account_kind, parties, amount) VALUES
    ('coin_release', 1, 'debit', 'cust_encumbered', '{customer}', 'coin'),
    ('coin_release', 2, 'credit', 'cust_coin', '{customer}', 'coin');

-- The entry that releases the coin of a call; NULL: it binds none.
CREATE FUNCTION bakkt_ledger_internal.coin_release_entry(call cash_call) RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF call.encumbered IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN template_entry(call.client_id, 'coin_release', cash_call_parties(call), jsonb_build_object('coin', call.encumbered));
END;
$$;
