-- Cash calls (TPJ, Third Party Journal: a call for cash): the cash of an execution, called after it
-- (doc/cash.md). Every execution of a BAKKT_TPJ or APEX_TPJ customer opens one call, in the
-- transaction that posts it. A call is settled by one journal, whose reference is made of the
-- call's number, so not even a wrong state could pay it twice. The row holds the call's present
-- state; cash_call_event holds the facts, from which any past state follows.
-- Refuses an unknown call (LG082).
-- Locks the customer, the client's events of calls, then the call.

CREATE TABLE bakkt_ledger_internal.cash_call (
    client_id           integer NOT NULL,
    attempts            integer NOT NULL DEFAULT 0,
    journal_id          bigint NOT NULL,
    customer_id         bigint NOT NULL,
    called_at           timestamptz NOT NULL,
    opened_at           timestamptz NOT NULL,
    status              "char" NOT NULL DEFAULT 'O' CHECK (status IN ('O', 'S', 'W', 'B')),
    apex                boolean NOT NULL,
    withdrawal          boolean NOT NULL,
    sale                boolean NOT NULL,
    amount              amount NOT NULL,
    due_at              timestamptz,
    encumbered          amount,
    closed_at           timestamptz,
    closed_recorded_at  timestamptz,
    CONSTRAINT cash_call_pkey PRIMARY KEY (client_id, journal_id)
);
CREATE INDEX cash_call_open_idx ON cash_call (client_id, customer_id) WHERE status = 'O';
CREATE INDEX cash_call_closed_idx ON cash_call (client_id, closed_recorded_at) WHERE closed_recorded_at IS NOT NULL;
COMMENT ON TABLE cash_call IS
    'Cash calls in their present state, one per execution of a BAKKT_TPJ or APEX_TPJ customer; cash_call_event has the history.';
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
COMMENT ON COLUMN cash_call.closed_recorded_at IS 'When the ledger recorded that.';
SELECT pg_catalog.pg_extension_config_dump('cash_call', '');
CREATE TRIGGER refuse_write BEFORE DELETE OR TRUNCATE ON cash_call FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE cash_call ENABLE ALWAYS TRIGGER refuse_write;

CREATE TABLE bakkt_ledger_internal.cash_call_event (
    client_id       integer NOT NULL,
    journal_id      bigint NOT NULL,
    event_no        integer NOT NULL,
    event           text COLLATE "C" NOT NULL CHECK (event IN ('settled', 'failed', 'sent', 'rejected', 'written_off', 'recovered', 'busted')),
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    actor_id        integer NOT NULL,
    amount          amount NOT NULL,
    reason          text COLLATE "C",
    event_journal   bigint,
    CONSTRAINT cash_call_event_pkey PRIMARY KEY (client_id, journal_id, event_no)
);
COMMENT ON TABLE cash_call_event IS
    'What happened to each cash call: every attempt with its result and reason, write-off, recovery, bust. Append-only.';
COMMENT ON COLUMN cash_call_event.event IS
    'settled, failed: an attempt; sent, rejected: to and by Apex; written_off; recovered: after a write-off, in part or in '
    'full; busted: with its execution.';
COMMENT ON COLUMN cash_call_event.at IS 'When, by the caller''s clock.';
COMMENT ON COLUMN cash_call_event.recorded_at IS
    'When the ledger recorded it, under lock_cash_call_events(), so that it is known what was recorded before an instant.';
COMMENT ON COLUMN cash_call_event.amount IS
    'The amount moved by a settlement, recovery, write-off or bust, or asked for by an attempt that failed. A bust that '
    'restores a write-off adds a negative event written_off.';
COMMENT ON COLUMN cash_call_event.event_journal IS 'The journal it posted, if any.';
SELECT pg_catalog.pg_extension_config_dump('cash_call_event', '');
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON cash_call_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE cash_call_event ENABLE ALWAYS TRIGGER refuse_write;

-- ---------------------------------------------------------------------------
-- Events
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger_internal.central_date(at timestamptz) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (at AT TIME ZONE 'America/Chicago')::date;
COMMENT ON FUNCTION central_date(timestamptz) IS
    'The date in Central Time, by which cash calls age: the age in days is the difference of two such dates.';

-- Every writer of events takes this lock, shared, after it has locked its customers and before it
-- locks a call or an account. It waits only for cash_call_events_instant(), which takes the lock
-- alone and so waits for all writers. A writer that took it before its customers, or after
-- accounts, could wait for a session that waits for it: a deadlock.
CREATE FUNCTION bakkt_ledger_internal.lock_cash_call_events(client_id integer) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'lock_cash_call_events';
COMMENT ON FUNCTION lock_cash_call_events(integer) IS
    'Internal: the lock under which events of the client''s cash calls are recorded, shared until the transaction ends. '
    'cash_call_events_instant() takes it exclusively for a moment; 55P03 when that takes too long.';

CREATE FUNCTION bakkt_ledger_internal.cash_call_events_instant(client_id integer) RETURNS timestamptz
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cash_call_events_instant';
COMMENT ON FUNCTION cash_call_events_instant(integer) IS
    'Internal: an instant such that every event of the client''s cash calls recorded until then is committed or part of this '
    'transaction, and every later one is recorded after it. Waits for transactions that are recording events, in bounded time '
    '(55P03).';

CREATE FUNCTION bakkt_ledger_internal.require_cash_call(client_id integer, call bigint) RETURNS cash_call
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    result  cash_call;
BEGIN
    SELECT c.* INTO result FROM cash_call c WHERE c.client_id = require_cash_call.client_id AND c.journal_id = require_cash_call.call;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG082', MESSAGE = format('cash call %s does not exist', coalesce(call::text, 'NULL')),
            HINT = 'cash_calls() lists those of a client; a call has the number of its execution''s journal.';
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION require_cash_call(integer, bigint) IS 'Internal: the cash call of a client; LG082 if there is none.';

CREATE FUNCTION bakkt_ledger_internal.lock_cash_call(client_id integer, call bigint) RETURNS cash_call
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    PERFORM bounded_wait(), lock_cash_call_events(lock_cash_call.client_id);
    PERFORM FROM cash_call c
      WHERE c.client_id = lock_cash_call.client_id AND c.journal_id = lock_cash_call.call FOR NO KEY UPDATE;
    RETURN require_cash_call(client_id, call);
END;
$$;
COMMENT ON FUNCTION lock_cash_call(integer, bigint) IS
    'Internal: the cash call, read after it was locked; LG082 if there is none. Lock its customer before it and accounts after '
    'it.';

-- Every event writes the call's row, even a recovery, which changes nothing in it: of two
-- transactions that number their event on separate snapshots the later one then gets 40001.
CREATE FUNCTION bakkt_ledger_internal.advance_cash_call(client_id integer, journal_id bigint, event text, at timestamptz, recorded_at timestamptz, due_at timestamptz)
    RETURNS cash_call
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    ends    constant "char" := CASE event WHEN 'settled' THEN 'S' WHEN 'written_off' THEN 'W' WHEN 'busted' THEN 'B' END;
    result  cash_call;
BEGIN
    UPDATE cash_call c
       SET status = coalesce(ends, c.status),
           attempts = c.attempts + (event IN ('settled', 'failed', 'rejected'))::integer,
           due_at = advance_cash_call.due_at,
           -- a bust after a write-off, and a late answer of Apex, change how the call ended, not
           -- when
           closed_at = coalesce(c.closed_at, CASE WHEN ends IS NOT NULL THEN at END),
           closed_recorded_at = coalesce(c.closed_recorded_at, CASE WHEN ends IS NOT NULL THEN recorded_at END)
     WHERE c.client_id = advance_cash_call.client_id AND c.journal_id = advance_cash_call.journal_id
    RETURNING c.* INTO STRICT result;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION advance_cash_call(integer, bigint, text, timestamptz, timestamptz, timestamptz) IS
    'Internal: updates a cash call to its state after an event.';

CREATE FUNCTION bakkt_ledger_internal.record_cash_call_event(client_id integer, journal_id bigint, event text, at timestamptz, amount amount,
                                       reason text DEFAULT NULL, event_journal bigint DEFAULT NULL, due_at timestamptz DEFAULT NULL)
    RETURNS cash_call
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    call        constant cash_call := lock_cash_call(record_cash_call_event.client_id, record_cash_call_event.journal_id);
    recorded    constant timestamptz := clock_timestamp();
BEGIN
    INSERT INTO cash_call_event (client_id, journal_id, event_no, event, at, recorded_at, actor_id, amount, reason, event_journal)
    SELECT call.client_id, call.journal_id, 1 + count(*), record_cash_call_event.event, record_cash_call_event.at, recorded,
           invoking_actor(), record_cash_call_event.amount, record_cash_call_event.reason, record_cash_call_event.event_journal
      FROM cash_call_event e WHERE e.client_id = call.client_id AND e.journal_id = call.journal_id;
    RETURN advance_cash_call(call.client_id, call.journal_id, event, at, recorded, due_at);
END;
$$;
COMMENT ON FUNCTION record_cash_call_event(integer, bigint, text, timestamptz, amount, text, bigint, timestamptz) IS
    'Internal: records one event of a cash call, which is locked, and returns the call after it. settled, written_off and '
    'busted end it; settled, failed and rejected count as attempts; due_at is the next attempt, NULL for none. amount: moved, '
    'or asked for by an attempt that failed; of written_off negative when a bust restores it. LG082 if there is no such call.';
