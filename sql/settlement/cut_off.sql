-- Where windows begin and end.

CREATE TYPE bakkt_ledger.window_bounds_line AS (
    from_at timestamptz,
    to_at timestamptz
);
COMMENT ON TYPE window_bounds_line IS 'When a window begins (from_at, in it) and ends (to_at, outside it).';

CREATE TYPE bakkt_ledger.window_line AS (
    settlement_window text,
    closes_on date,
    from_at timestamptz,
    to_at timestamptz,
    status text
);
COMMENT ON TYPE window_line IS
'A settlement window of a client.
settlement_window: W1 is the client''s first. closes_on: local date of the cut-off that ends it. from_at, to_at: as in
window_bounds_line. status: OPEN while it is not closed.';

CREATE FUNCTION bakkt_ledger.window_bounds(closes_on date, cut_time time DEFAULT '09:00', zone text DEFAULT 'America/Chicago')
    RETURNS window_bounds_line
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    -- timestamptz covers 4713 BC to 294276, and a window needs the days before and after its own in
    -- any zone
    IF NOT closes_on BETWEEN '0001-01-01' AND '294275-12-31' THEN
        PERFORM refuse_invalid('no window closes on that day', format('It is %s.', date_text(closes_on)),
                               'Give a day from 0001-01-01 to 294275-12-31.');
    END IF;
    RETURN ((closes_on - 1 + cut_time) AT TIME ZONE zone, (closes_on + cut_time) AT TIME ZONE zone);
END;
$$;
COMMENT ON FUNCTION window_bounds(date, time, text) IS
'The window [from_at, to_at) that closes on a local date at a local time: 23 or 25 hours long when the clocks change.
Computed from local dates, never by adding hours; the session''s TimeZone has no part in it.
Errors: LG002 a day that no instant can be in.';

-- The client's last closed window; NULL when it has closed none.
CREATE FUNCTION bakkt_ledger_internal.last_window(holder integer) RETURNS settlement_window
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT w FROM settlement_window AS w WHERE w.client_id = holder ORDER BY w.window_no DESC LIMIT 1;
END;

CREATE TYPE bakkt_ledger_internal.window_span AS (
    window_no integer,
    closes_on date,
    from_at timestamptz,
    to_at timestamptz,
    status text
);
COMMENT ON TYPE window_span IS 'Internal: a window that is closed, or as it will be.';

-- The client's window that closes on a local date; LG070 before its first, or on a day that no
-- instant can be in.
CREATE FUNCTION bakkt_ledger_internal.window_on(holder client, day date) RETURNS window_span
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    span window_span;
    latest settlement_window;
BEGIN
    SELECT w.window_no, w.closes_on, w.from_at, w.to_at, w.status INTO span
    FROM settlement_window AS w
    WHERE w.client_id = holder.client_id AND w.closes_on = day;
    IF FOUND OR day IS NULL THEN
        RETURN span;
    END IF;
    latest := last_window(holder.client_id);
    IF day < latest.closes_on OR NOT day BETWEEN '0001-01-01' AND '294275-12-31' THEN
        PERFORM refuse_window(holder.code, day);
    END IF;
    SELECT b.from_at, b.to_at INTO span.from_at, span.to_at FROM window_bounds(day, holder.cut_time, holder.zone) AS b;
    span.window_no := coalesce(latest.window_no + (day - latest.closes_on), 1);
    span.closes_on := day;
    span.status := 'OPEN';
    IF day = latest.closes_on + 1 THEN
        span.from_at := latest.to_at;
    END IF;
    RETURN span;
END;
$$;

-- The client's window that an instant lies in; LG002 infinite.
CREATE FUNCTION bakkt_ledger_internal.window_around(holder client, moment timestamptz) RETURNS window_span
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    span window_span;
    day date;
BEGIN
    SELECT w.window_no, w.closes_on, w.from_at, w.to_at, w.status INTO span
    FROM settlement_window AS w
    WHERE w.client_id = holder.client_id AND w.to_at > moment
    ORDER BY w.window_no
    LIMIT 1;
    IF FOUND OR moment IS NULL THEN
        RETURN span;
    ELSIF NOT isfinite(moment) THEN
        PERFORM refuse_invalid('an infinite instant lies in no window', format('The instant is %s.', moment));
    END IF;
    -- local date and cut-off give the day; a changed cut-off may move it by one
    day := greatest((moment AT TIME ZONE holder.zone)::date, (last_window(holder.client_id)).closes_on + 1);
    LOOP
        span := window_on(holder, day);
        EXIT WHEN moment < span.to_at;
        day := day + 1;
    END LOOP;
    RETURN span;
END;
$$;

-- A window as it is told.
CREATE FUNCTION bakkt_ledger_internal.told_window(span window_span) RETURNS window_line
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (window_name((span).window_no), (span).closes_on, (span).from_at, (span).to_at, (span).status)::window_line;

CREATE FUNCTION bakkt_ledger.window_bounds(client text, closes_on date) RETURNS window_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN told_window(window_on(client_row(require_client(client)), closes_on));
END;
$$;
COMMENT ON FUNCTION window_bounds(text, date) IS
'The client''s window that closes on a local date, as sealed or as it will be.
Errors: LG010, 42501, LG070 a date before its first window, or that no instant can be in.';

CREATE FUNCTION bakkt_ledger.window_of(client text, at timestamptz DEFAULT clock_timestamp()) RETURNS window_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN told_window(window_around(client_row(require_client(client)), at));
END;
$$;
COMMENT ON FUNCTION window_of IS
'The client''s window that an instant lies in: a sealed one with its status, or the open one it will be.
Instants before the first window belong to the first.
Errors: LG002 an infinite instant, LG010, 42501.';
