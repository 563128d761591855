-- Settlement windows.
--
-- A window is [from_at, to_at) of a client's time.  Windows tile: each starts
-- where the one before ended (I14), which foreign keys to one row of
-- window_boundary make a fact, not a habit.  The open window has no row: its
-- bounds follow from the last closed one and the client's cut-off.
--
-- Locks: lock_settlement(), by whatever changes a window.

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
    status text COLLATE "C" NOT NULL,
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
'The closed windows of each client. Everything but the status is fixed when the window is sealed.';
COMMENT ON COLUMN settlement_window.previous_no IS 'The window before; 0 for the first, to which all earlier executions belong.';
COMMENT ON COLUMN settlement_window.closes_on IS 'Local date of the cut-off that ends the window.';
COMMENT ON COLUMN settlement_window.from_at IS 'Start, inside the window; equals to_at of the window before (I14).';
COMMENT ON COLUMN settlement_window.to_at IS 'End, outside the window.';
COMMENT ON COLUMN settlement_window.from_offset IS
'UTC offset of the zone at from_at as the server knew it: with to_offset and server_version the evidence of the time zone
rules in use, for PostgreSQL does not tell the version of its zone data.';
COMMENT ON COLUMN settlement_window.block_no IS
'The horizon: what this block or an earlier one contains was known when the window was sealed. With the bounds it decides
membership, for ever. NULL: nothing had been posted yet.';
COMMENT ON COLUMN settlement_window.executions IS
'How many executions are members, busts included: counted when the window is proved before it is advised, NULL until then.';
COMMENT ON COLUMN settlement_window.closed_at IS 'The instant given to close_window(): when the obligations were entered.';
COMMENT ON COLUMN settlement_window.sealed_at IS 'The ledger''s own clock just after the horizon was sealed.';
SELECT pg_catalog.pg_extension_config_dump('settlement_window', '');

INSERT INTO subject (subject, key, refusal) VALUES ('settlement_window', '{window_no}', 'LG071');
-- the event is named for the status it leads to
INSERT INTO transition (subject, from_status, event, to_status)
SELECT 'settlement_window', f.from_status, lower(t.to_status), t.to_status
FROM (VALUES
    ('CLOSING', 'SEALED'),
    ('SEALED', 'ADVISED'),
    ('ADVISED', 'AGREED, DISPUTED, SETTLED'),
    ('DISPUTED', 'ADVISED, AGREED'),
    ('AGREED', 'INSTRUCTED, PARTIALLY_SETTLED, SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('INSTRUCTED', 'PARTIALLY_SETTLED, SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('PARTIALLY_SETTLED', 'SETTLED, FAILED, CARRIED, WRITTEN_OFF'),
    ('FAILED', 'INSTRUCTED, PARTIALLY_SETTLED, SETTLED, CARRIED, WRITTEN_OFF')
) AS f (from_status, to_statuses), regexp_split_to_table(f.to_statuses, ', ') AS t (to_status);

-- What is fixed stays, and the executions are counted once.
CREATE FUNCTION bakkt_ledger_internal.refuse_rewrite() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse('LG066', format('this cannot be changed in %s', tg_table_name),
                   'Stamps and counts are set once, what is applied only grows, and the rest stays as it was entered.');
END;
$$;

CREATE TRIGGER refuse_rewrite BEFORE UPDATE ON settlement_window FOR EACH ROW
    WHEN (old.executions IS NOT NULL AND old.executions IS DISTINCT FROM new.executions) EXECUTE FUNCTION refuse_rewrite();
SELECT refuse_writes('settlement_window', 'DELETE OR TRUNCATE OR UPDATE OF client_id, window_no, closes_on, from_at, to_at, '
                                          'zone, cut_time, from_offset, to_offset, server_version, cash_calendar, '
                                          'cash_version, coin_calendar, coin_version, block_no, closed_at, sealed_at');
SELECT refuse_writes('window_boundary', 'UPDATE OR DELETE OR TRUNCATE');
ALTER TABLE settlement_window ENABLE ALWAYS TRIGGER refuse_rewrite;

-- What people call a window, and the accounts that hold what it novated.
CREATE FUNCTION bakkt_ledger_internal.window_name(number integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'W' || number;

-- The one place where a window's row changes, with its event.
CREATE FUNCTION bakkt_ledger_internal.change_window(before settlement_window, happening text, moment timestamptz,
                                                    why text DEFAULT NULL, counted bigint DEFAULT NULL)
    RETURNS settlement_window
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    led_to constant text := next_status('settlement_window', format('window %s', window_name(before.window_no)), before.status,
                                        happening);
    after settlement_window;
BEGIN
    UPDATE settlement_window AS w
    SET status = led_to,
        executions = coalesce(w.executions, counted)
    WHERE w.client_id = before.client_id AND w.window_no = before.window_no
    RETURNING w.* INTO STRICT after;
    PERFORM record_event(happening, before, after, moment, reason => why);
    RETURN after;
END;
$$;

-- Raises LG070.
CREATE FUNCTION bakkt_ledger_internal.refuse_window(client text, day date) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse('LG070', format('client "%s" has no window that closes on %s', client, date_text(day)),
                   coalesce((SELECT format('Its windows closed so far: W1 on %s to %s on %s.', date_text(min(w.closes_on)),
                                           window_name(max(w.window_no)), date_text(max(w.closes_on)))
                             FROM settlement_window AS w
                             JOIN client AS c USING (client_id)
                             WHERE c.code = refuse_window.client
                             HAVING count(*) > 0),
                            'It has closed none yet.'));
END;
$$;
