-- Floor 3: cash calls (TPJ): the cash of an execution, called after it (design 5, doc/cash.md).
--
-- Every execution of a BAKKT_TPJ or APEX_TPJ customer opens one call, in the
-- transaction that posts it.  A call is settled by one journal, under a
-- reference made of its number, so that not even a wrong state could pay
-- it twice.  The row holds the call's present state; cash_call_event holds
-- the facts, from which any past state follows.

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
COMMENT ON TABLE cash_call IS 'Cash calls in their present state, one per execution of a TPJ customer; cash_call_event tells how they got there.';
COMMENT ON COLUMN cash_call.journal_id IS 'Journal of the execution, or of the bust that gives settled cash back: the number of the call.';
COMMENT ON COLUMN cash_call.apex IS 'Called through Apex (APEX_TPJ), not from the customer''s cash here.';
COMMENT ON COLUMN cash_call.withdrawal IS 'true: the customer pays (a purchase); false: is paid, a deposit (a sale).';
COMMENT ON COLUMN cash_call.sale IS 'The execution was a sale: the call stands on the payable, else on the receivable.';
COMMENT ON COLUMN cash_call.amount IS 'Net money to be moved, positive.';
COMMENT ON COLUMN cash_call.encumbered IS 'Coin of the purchase that is bound until the call is settled, or recovered in whole; NULL: none.';
COMMENT ON COLUMN cash_call.called_at IS 'When executed, by the caller''s clock (of a bust: when recorded): age counts from here.';
COMMENT ON COLUMN cash_call.opened_at IS 'When the ledger recorded the execution.';
COMMENT ON COLUMN cash_call.status IS 'O outstanding, S settled, W written off, B busted.';
COMMENT ON COLUMN cash_call.due_at IS 'Next attempt not before; NULL: closed, or with Apex.';
COMMENT ON COLUMN cash_call.closed_at IS 'When it ceased to be outstanding, by the caller''s clock.';
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
COMMENT ON TABLE cash_call_event IS 'What happened to each cash call: every attempt with its result and reason, write-off, recovery, bust. Append-only.';
COMMENT ON COLUMN cash_call_event.event IS 'settled and failed: an attempt; sent to Apex and rejected by it; written_off; recovered after a write-off, in part or whole; busted with its execution.';
COMMENT ON COLUMN cash_call_event.at IS 'When, by the caller''s clock.';
COMMENT ON COLUMN cash_call_event.recorded_at IS 'When the ledger recorded it: under lock_cash_call_events(), so that what is recorded before an instant can be told.';
COMMENT ON COLUMN cash_call_event.amount IS 'Moved by a settlement, recovery, write-off or bust; asked for by an attempt that failed. A write-off that a bust restores is one more, negative.';
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
COMMENT ON FUNCTION central_date(timestamptz) IS 'The date in Central Time, by which cash calls age: age in days is the difference of two of these.';

-- Every writer of events takes this lock after its customers and before it
-- locks a call or an account.  It waits only for a reader that is fixing an
-- instant, and that one waits for writers: one that waited for a customer with
-- it, or came here with accounts locked, could close a circle.
CREATE FUNCTION bakkt_ledger_internal.lock_cash_call_events(client_id integer) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'lock_cash_call_events';
COMMENT ON FUNCTION lock_cash_call_events(integer) IS
    'Internal: the lock under which events of the client''s cash calls are recorded, shared until the transaction ends. cash_call_events_instant() owns it for a moment; 55P03 when that takes too long.';

CREATE FUNCTION bakkt_ledger_internal.cash_call_events_instant(client_id integer) RETURNS timestamptz
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cash_call_events_instant';
COMMENT ON FUNCTION cash_call_events_instant(integer) IS
    'Internal: an instant such that every event of the client''s cash calls recorded until then is committed, or of this transaction, and every later one is recorded after it. Waits for transactions that are recording events, in bounded time (55P03).';

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
    'Internal: the cash call as it stands once it is locked; LG082 if there is none. Lock its customer before, accounts after.';

-- What an event makes of the call.  The row is written by every event, also
-- by a recovery, which changes nothing in it: so two that number their event
-- on snapshots of their own are told apart (40001).
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
           -- a bust of what was written off, or a late answer of Apex, changes how it ended, not when
           closed_at = coalesce(c.closed_at, CASE WHEN ends IS NOT NULL THEN at END),
           closed_recorded_at = coalesce(c.closed_recorded_at, CASE WHEN ends IS NOT NULL THEN recorded_at END)
     WHERE c.client_id = advance_cash_call.client_id AND c.journal_id = advance_cash_call.journal_id
    RETURNING c.* INTO STRICT result;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION advance_cash_call(integer, bigint, text, timestamptz, timestamptz, timestamptz) IS
    'Internal: brings a cash call to the state in which an event leaves it.';

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
'Internal: records one event of a cash call under its lock and returns the call as it then stands. settled, written_off and busted end it; settled,
failed and rejected count as attempts; due_at is the next attempt, NULL for none. amount: moved, or asked for by an attempt that failed; of written_off negative
when a bust restores it. LG082 if there is no such call.';
