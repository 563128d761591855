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
    ('ADVISED', 'AGREED, DISPUTED'),
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
CREATE TRIGGER refuse_write BEFORE DELETE OR TRUNCATE OR UPDATE OF client_id, window_no, closes_on, from_at, to_at,
    zone, cut_time, from_offset, to_offset, server_version, cash_calendar, cash_version, coin_calendar, coin_version,
    block_no, closed_at, sealed_at ON settlement_window FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON window_boundary
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE settlement_window ENABLE ALWAYS TRIGGER refuse_rewrite;
ALTER TABLE settlement_window ENABLE ALWAYS TRIGGER refuse_write;
ALTER TABLE window_boundary ENABLE ALWAYS TRIGGER refuse_write;

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

-- Brings an agreed window to the status that its obligations are in, SETTLED at once when it owes
-- nothing; returns its status.
CREATE FUNCTION bakkt_ledger_internal.follow_window(holder integer, number integer, moment timestamptz) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    followed settlement_window;
    led_to text;
BEGIN
    SELECT w.* INTO followed FROM settlement_window AS w WHERE w.client_id = holder AND w.window_no = number;
    SELECT CASE
               WHEN count(*) FILTER (WHERE o.final_at IS NULL) = 0 THEN
                   CASE WHEN bool_or(o.status = 'WRITTEN_OFF') THEN 'WRITTEN_OFF'
                        WHEN bool_or(o.status = 'CARRIED') THEN 'CARRIED'
                        ELSE 'SETTLED' END
               WHEN bool_or(o.status = 'FAILED') THEN 'FAILED'
               WHEN bool_or(sign(o.applied) = 1) THEN 'PARTIALLY_SETTLED'
               WHEN bool_and(o.status = 'INSTRUCTED') THEN 'INSTRUCTED'
           END
    INTO led_to
    FROM obligation AS o
    WHERE o.client_id = holder AND o.window_no = number;
    -- what is not agreed yet stays so, paid or not: no transition leads from there to what
    -- obligations are
    IF EXISTS (SELECT FROM transition AS t
               WHERE t.subject = 'settlement_window' AND t.from_status = followed.status AND t.to_status = led_to) THEN
        followed := change_window(followed, lower(led_to), moment);
    END IF;
    RETURN followed.status;
END;
$$;

CREATE TYPE bakkt_ledger.window_result AS (
    reference text,
    outcome text,
    replayed boolean,
    client text,
    settlement_window text,
    closes_on date,
    status text
);
COMMENT ON TYPE window_result IS
'What became of a step of a settlement window.
reference: NULL, a step is known by its window. outcome: advised, agreed or disputed. replayed: it was the last step taken, and
this is its first answer. settlement_window: W1 is the client''s first. status: of the window then.';

-- The status to which a step has led that was the window's last one: that before an obligation
-- changed again. NULL when another step was the last, or none was taken.
CREATE FUNCTION bakkt_ledger_internal.status_after_step(stepped settlement_window, happening text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    step event;
BEGIN
    SELECT e.* INTO step
    FROM event AS e
    WHERE e.client_id = stepped.client_id AND e.subject = 'settlement_window' AND e.subject_key = stepped.window_no::text
      AND e.event IN ('advised', 'agreed', 'disputed')
    ORDER BY e.event_id DESC
    LIMIT 1;
    IF step.event IS DISTINCT FROM happening THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT e.status
            FROM event AS e
            WHERE e.client_id = step.client_id AND e.subject = step.subject AND e.subject_key = step.subject_key
              AND e.event_id >= step.event_id
              AND NOT EXISTS (SELECT FROM obligation AS o
                              JOIN event AS c ON c.client_id = o.client_id AND c.subject = 'obligation'
                                             AND c.subject_key = o.obligation_id::text
                              WHERE o.client_id = stepped.client_id AND o.window_no = stepped.window_no
                                AND c.event_id > step.event_id AND c.event_id < e.event_id)
            ORDER BY e.event_id DESC
            LIMIT 1);
END;
$$;

-- One step of a window, nothing when it was the last one taken.
CREATE FUNCTION bakkt_ledger_internal.step_window(client text, day date, happening text, moment timestamptz, why text,
                                                  counted bigint DEFAULT NULL)
    RETURNS window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    stepping settlement_window;
    led_to text;
    again boolean;
BEGIN
    PERFORM require_not_ahead(moment), lock_settlement(holder);
    SELECT w.* INTO stepping FROM settlement_window AS w WHERE w.client_id = holder AND w.closes_on = day;
    IF NOT FOUND THEN
        PERFORM refuse_window(client, day);
    END IF;
    led_to := status_after_step(stepping, happening);
    again := led_to IS NOT NULL;
    IF NOT again THEN
        PERFORM change_window(stepping, happening, moment, why, counted);
        led_to := follow_window(holder, stepping.window_no, moment);
    END IF;
    RETURN (NULL, happening, again, client, window_name(stepping.window_no), day, led_to)::window_result;
END;
$$;

CREATE FUNCTION bakkt_ledger.advise_window(client text, closes_on date, reason text DEFAULT NULL,
                                           at timestamptz DEFAULT clock_timestamp())
    RETURNS window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    PERFORM lock_settlement(require_client(client));
    RETURN step_window(client, closes_on, 'advised', at, reason, proved_executions(client, closes_on));
END;
$$;
COMMENT ON FUNCTION advise_window IS
'Proves the window''s figures from its members, as check_window() does, and records that they were sent to the counterparties.
Again is the first answer.
Errors: LG010, LG061, LG070 unknown window, LG071 not sealed or past that, LG076 the figures do not tie to the members.';

CREATE FUNCTION bakkt_ledger.agree_window(client text, closes_on date, reason text DEFAULT NULL,
                                          at timestamptz DEFAULT clock_timestamp())
    RETURNS window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN step_window(client, closes_on, 'agreed', at, reason);
END;
$$;
COMMENT ON FUNCTION agree_window IS
'Records that the figures of a window are agreed.
A window that owes nothing is settled at once, and one that was paid before goes on to the status of its obligations. Again is the
first answer.
Errors: LG010, LG061, LG070, LG071.';

CREATE FUNCTION bakkt_ledger.dispute_window(client text, closes_on date, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a dispute needs a reason');
    END IF;
    RETURN step_window(client, closes_on, 'disputed', at, reason);
END;
$$;
COMMENT ON FUNCTION dispute_window IS
'Records that a counterparty disputes the figures of a window.
A sealed window is never edited: busts and corrections enter the open window; then agree_window() or advise_window() again. Again
is the first answer.
Errors: LG002 without a reason, LG010, LG061, LG070, LG071.';
