-- Settlement windows, and the states they pass through. A window is [from_at, to_at) of a client's
-- time. Windows tile: each starts where the one before ended (I14); two foreign keys to one row of
-- window_boundary guarantee it. The open window has no row: its bounds follow from the last closed
-- one and the client's cut-off.
-- Refuses an unknown window (LG070) and a step it cannot take (LG071).
-- Locks the client's settlement.

CREATE TABLE bakkt_ledger_internal.settlement_transition (
    subject text COLLATE "C" NOT NULL CHECK (subject IN ('window', 'obligation')),
    from_state text COLLATE "C" NOT NULL,
    to_state text COLLATE "C" NOT NULL,
    PRIMARY KEY (subject, from_state, to_state)
);
COMMENT ON TABLE settlement_transition IS
    'The changes of state a window or an obligation can make; any other is refused with LG071.';
INSERT INTO settlement_transition
SELECT 'window', f.from_state, t.to_state
FROM (VALUES
    ('OPEN', 'CLOSING'),
    ('CLOSING', 'SEALED'),
    ('SEALED', 'ADVISED'),
    ('ADVISED', 'AGREED, DISPUTED'),
    ('DISPUTED', 'ADVISED, AGREED'),
    ('AGREED', 'INSTRUCTED, PARTIALLY_SETTLED, SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('INSTRUCTED', 'PARTIALLY_SETTLED, SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('PARTIALLY_SETTLED', 'SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('FAILED', 'INSTRUCTED, PARTIALLY_SETTLED, SETTLED, CARRIED, WRITTEN_OFF')
) AS f (from_state, to_states), regexp_split_to_table(f.to_states, ', ') AS t (to_state);
INSERT INTO settlement_transition
SELECT 'obligation', f.from_state, t.to_state
FROM (VALUES
    ('ENTERED', 'INSTRUCTED, PARTIALLY_SETTLED, SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('INSTRUCTED', 'PARTIALLY_SETTLED, SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('PARTIALLY_SETTLED', 'INSTRUCTED, SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('FAILED', 'INSTRUCTED, PARTIALLY_SETTLED, SETTLED, CARRIED, WRITTEN_OFF')
) AS f (from_state, to_states), regexp_split_to_table(f.to_states, ', ') AS t (to_state);

CREATE TABLE bakkt_ledger_internal.window_boundary (
    client_id integer NOT NULL REFERENCES client,
    boundary_no integer NOT NULL CHECK (boundary_no >= 0),
    at timestamptz NOT NULL CHECK (isfinite(at)),
    PRIMARY KEY (client_id, boundary_no),
    UNIQUE (client_id, boundary_no, at)
);
COMMENT ON TABLE window_boundary IS 'The instants between a client''s windows: number n ends window n and starts window n + 1.';
SELECT pg_catalog.pg_extension_config_dump('window_boundary', '');

CREATE TABLE bakkt_ledger_internal.settlement_window (
    client_id integer NOT NULL REFERENCES client,
    window_no integer NOT NULL CHECK (window_no > 0),
    previous_no integer NOT NULL GENERATED ALWAYS AS (window_no - 1) STORED,
    closes_on date NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    zone text NOT NULL,
    cut_time time NOT NULL,
    from_offset interval NOT NULL,
    to_offset interval NOT NULL,
    server_version text NOT NULL,
    cash_calendar text COLLATE "C" NOT NULL,
    cash_version integer NOT NULL,
    coin_calendar text COLLATE "C" NOT NULL,
    coin_version integer NOT NULL,
    block_no bigint,
    executions bigint CHECK (executions >= 0),
    state text COLLATE "C" NOT NULL,
    closed_at timestamptz NOT NULL,
    sealed_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, window_no),
    UNIQUE (client_id, closes_on),
    CONSTRAINT settlement_window_not_empty CHECK (from_at < to_at),
    CONSTRAINT settlement_window_start FOREIGN KEY (client_id, previous_no, from_at)
        REFERENCES window_boundary (client_id, boundary_no, at),
    CONSTRAINT settlement_window_end FOREIGN KEY (client_id, window_no, to_at)
        REFERENCES window_boundary (client_id, boundary_no, at),
    CONSTRAINT settlement_window_apart EXCLUDE USING gist
        (int4range(client_id, client_id, '[]') WITH &&, tstzrange(from_at, to_at) WITH &&),
    FOREIGN KEY (block_no) REFERENCES block,
    FOREIGN KEY (cash_calendar, cash_version) REFERENCES calendar_version,
    FOREIGN KEY (coin_calendar, coin_version) REFERENCES calendar_version
);
COMMENT ON TABLE settlement_window IS
    'The closed windows of each client. Everything but the state is fixed when the window is sealed.';
COMMENT ON COLUMN settlement_window.previous_no IS
    'The window before; 0 for the first window, which also has all earlier executions.';
COMMENT ON COLUMN settlement_window.closes_on IS 'Local date of the cut-off that ends the window.';
COMMENT ON COLUMN settlement_window.from_at IS 'Start, inside the window; equals to_at of the window before (I14).';
COMMENT ON COLUMN settlement_window.to_at IS 'End, outside the window.';
COMMENT ON COLUMN settlement_window.from_offset IS
    'UTC offset of the zone at from_at as the server knew it. With to_offset and server_version it is evidence of the time zone '
    'rules in use, because PostgreSQL does not report the version of its zone data.';
COMMENT ON COLUMN settlement_window.block_no IS
    'The horizon: what this block or an earlier one contains was known when the window was sealed. The horizon and the bounds '
    'decide the members, and never change. NULL: nothing had been posted yet.';
COMMENT ON COLUMN settlement_window.executions IS
    'How many executions are members, busts included; counted when the window is proved, before it is advised, and NULL until '
    'then.';
COMMENT ON COLUMN settlement_window.closed_at IS 'The instant given to close_window(): when the obligations were entered.';
COMMENT ON COLUMN settlement_window.sealed_at IS 'The ledger''s own clock just after the horizon was sealed.';
SELECT pg_catalog.pg_extension_config_dump('settlement_window', '');

CREATE TABLE bakkt_ledger_internal.window_event (
    client_id integer NOT NULL,
    window_no integer NOT NULL,
    event_no integer NOT NULL CHECK (event_no > 0),
    state text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    role_name text COLLATE "C" NOT NULL,
    reason text,
    PRIMARY KEY (client_id, window_no, event_no),
    FOREIGN KEY (client_id, window_no) REFERENCES settlement_window
);
COMMENT ON TABLE window_event IS 'Every state a window has entered: when (as said and as recorded), by whom, why.';
SELECT pg_catalog.pg_extension_config_dump('window_event', '');

CREATE TABLE bakkt_ledger_internal.window_novation (
    client_id integer NOT NULL,
    journal_id bigint NOT NULL,
    window_no integer NOT NULL,
    PRIMARY KEY (client_id, journal_id),
    FOREIGN KEY (client_id, window_no) REFERENCES settlement_window
);
CREATE INDEX window_novation_window ON window_novation (client_id, window_no);
COMMENT ON TABLE window_novation IS 'The journals that novated each window: one per counterparty.';
SELECT pg_catalog.pg_extension_config_dump('window_novation', '');

CREATE FUNCTION bakkt_ledger_internal.check_window_change() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    unchanged settlement_window := old;
BEGIN
    unchanged.state := new.state;
    unchanged.previous_no := new.previous_no;       -- a generated column, computed after this trigger
    unchanged.executions := coalesce(old.executions, new.executions);
    IF unchanged IS DISTINCT FROM new THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG066',
            MESSAGE = format('window W%s is sealed and cannot be changed', old.window_no),
            HINT = 'A correction is a new execution in the open window.';
    END IF;
    IF new.state <> old.state THEN
        PERFORM check_transition('window', format('W%s', old.window_no), old.state, new.state);
    END IF;
    RETURN new;
END;
$$;
COMMENT ON FUNCTION check_window_change() IS
    'Trigger of settlement_window: only the state changes, and only as settlement_transition allows (LG071); the count of '
    'executions is set once (LG066).';

CREATE FUNCTION bakkt_ledger_internal.check_transition(subject text, name text, from_state text, to_state text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    allowed text;
BEGIN
    IF EXISTS (SELECT FROM settlement_transition t
               WHERE t.subject = check_transition.subject AND t.from_state = check_transition.from_state
                 AND t.to_state = check_transition.to_state) THEN
        RETURN;
    END IF;
    SELECT string_agg(t.to_state, ', ' ORDER BY t.to_state) INTO allowed
    FROM settlement_transition t
    WHERE t.subject = check_transition.subject AND t.from_state = check_transition.from_state;
    RAISE EXCEPTION USING
        ERRCODE = 'LG071',
        MESSAGE = format('%s %s cannot go from %s to %s', subject, name, from_state, to_state),
        HINT = CASE WHEN allowed IS NULL THEN format('%s is final.', from_state)
               ELSE format('From %s it can go to: %s.', from_state, allowed) END;
END;
$$;
COMMENT ON FUNCTION check_transition(text, text, text, text) IS
    'Internal: LG071 unless settlement_transition lists the change of state.';

CREATE TRIGGER check_window_change BEFORE UPDATE ON settlement_window FOR EACH ROW EXECUTE FUNCTION check_window_change();
CREATE TRIGGER refuse_write BEFORE DELETE OR TRUNCATE ON settlement_window FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON window_boundary FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON window_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON window_novation FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE settlement_window ENABLE ALWAYS TRIGGER check_window_change;
ALTER TABLE settlement_window ENABLE ALWAYS TRIGGER refuse_write;
ALTER TABLE window_boundary ENABLE ALWAYS TRIGGER refuse_write;
ALTER TABLE window_event ENABLE ALWAYS TRIGGER refuse_write;
ALTER TABLE window_novation ENABLE ALWAYS TRIGGER refuse_write;

CREATE FUNCTION bakkt_ledger_internal.enter_window_state(client_id integer, window_no integer, state text, at timestamptz, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    UPDATE settlement_window w SET state = enter_window_state.state
    WHERE w.client_id = enter_window_state.client_id AND w.window_no = enter_window_state.window_no
      AND w.state <> enter_window_state.state;
    INSERT INTO window_event
    SELECT enter_window_state.client_id, enter_window_state.window_no, count(*) + 1, enter_window_state.state,
           coalesce(enter_window_state.at, clock_timestamp()), clock_timestamp(), invoking_role(), enter_window_state.reason
    FROM window_event e
    WHERE e.client_id = enter_window_state.client_id AND e.window_no = enter_window_state.window_no;
END;
$$;
COMMENT ON FUNCTION enter_window_state(integer, integer, text, timestamptz, text) IS
    'Internal: changes the state of a window and records the event.';

CREATE FUNCTION bakkt_ledger_internal.change_window_state(client text, closes_on date, state text, at timestamptz, reason text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    changed settlement_window;
BEGIN
    PERFORM require_not_ahead(at);
    PERFORM lock_settlement(holder);
    SELECT * INTO changed FROM settlement_window w
    WHERE w.client_id = holder AND w.closes_on = change_window_state.closes_on;
    IF NOT FOUND THEN
        PERFORM refuse_window(client, change_window_state.closes_on);
    END IF;
    IF changed.state <> change_window_state.state THEN
        PERFORM enter_window_state(holder, changed.window_no, change_window_state.state, at, reason);
        PERFORM follow_obligations(holder, changed.window_no, at);
    END IF;
    RETURN (SELECT w.state FROM settlement_window w WHERE w.client_id = holder AND w.window_no = changed.window_no);
END;
$$;
COMMENT ON FUNCTION change_window_state(text, date, text, timestamptz, text) IS
    'Internal: moves a window to a state, unless it is in that state already. Returns the state.';

CREATE FUNCTION bakkt_ledger.advise_window(client text, closes_on date, at timestamptz DEFAULT clock_timestamp(), reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    PERFORM lock_settlement(require_client(client));
    PERFORM prove_window(client, closes_on);
    RETURN change_window_state(client, closes_on, 'ADVISED', at, reason);
END;
$$;
COMMENT ON FUNCTION advise_window(text, date, timestamptz, text) IS
    'Proves the window''s figures from its members (check_window()) and records that they were sent to the counterparties. '
    'Returns the state; repeating it is no error. LG070 unknown window, LG071 not sealed or already past that, LG076 the '
    'figures do not tie to the members, LG061.';

CREATE FUNCTION bakkt_ledger.agree_window(client text, closes_on date, at timestamptz DEFAULT clock_timestamp(), reason text DEFAULT NULL) RETURNS text
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$ SELECT change_window_state(client, closes_on, 'AGREED', at, reason) $$;
COMMENT ON FUNCTION agree_window(text, date, timestamptz, text) IS
    'Records that the figures are agreed. A window with nothing owed is settled at once; one that was paid before takes the '
    'state of its obligations. Returns the state. LG070, LG071.';

CREATE FUNCTION bakkt_ledger.dispute_window(client text, closes_on date, reason text, at timestamptz DEFAULT clock_timestamp()) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF reason IS NULL OR reason = '' THEN
        PERFORM refuse_invalid('a dispute needs a reason');
    END IF;
    RETURN change_window_state(client, closes_on, 'DISPUTED', at, reason);
END;
$$;
COMMENT ON FUNCTION dispute_window(text, date, text, timestamptz) IS
    'Records that a counterparty disputes the figures. A sealed window is never edited: busts and corrections go into the open '
    'window; afterwards call agree_window() or advise_window() again. LG002 without a reason, LG070, LG071.';
