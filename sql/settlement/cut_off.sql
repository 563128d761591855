-- The cut-off: from when to when a window runs, and which window an instant lies in.
-- Refuses dates before the first window (LG070) and instants that are infinite (LG002).
-- Locks nothing.

CREATE FUNCTION bakkt_ledger.window_bounds(closes_on date, cut_time time DEFAULT '09:00', zone text DEFAULT 'America/Chicago',
                              OUT from_at timestamptz, OUT to_at timestamptz)
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    -- timestamptz covers 4713 BC to 294276, and a window needs the days before and after its own in
    -- any zone
    IF NOT closes_on BETWEEN '0001-01-01' AND '294275-12-31' THEN
        PERFORM refuse_invalid('no window closes on that day', format('It is %s.', date_text(closes_on)), 'Give a day from 0001-01-01 to 294275-12-31.');
    END IF;
    from_at := (closes_on - 1 + cut_time) AT TIME ZONE zone;
    to_at := (closes_on + cut_time) AT TIME ZONE zone;
END;
$$;
COMMENT ON FUNCTION window_bounds(date, time, text) IS
    'The window [from_at, to_at) that closes on a local date at a local time: 23 or 25 hours long when the clocks change. '
    'Computed from local dates, never by adding hours, and independent of the session''s TimeZone. LG002 for a day outside the '
    'range of timestamptz.';

CREATE FUNCTION bakkt_ledger.window_bounds(client text, closes_on date,
                              OUT window_no integer, OUT from_at timestamptz, OUT to_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder client := client_row(require_client(client));
    latest settlement_window;
BEGIN
    SELECT w.window_no, w.from_at, w.to_at INTO window_no, from_at, to_at
    FROM settlement_window w
    WHERE w.client_id = holder.client_id AND w.closes_on = window_bounds.closes_on;
    IF FOUND OR closes_on IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO latest FROM settlement_window w WHERE w.client_id = holder.client_id ORDER BY w.window_no DESC LIMIT 1;
    IF window_bounds.closes_on < latest.closes_on OR NOT window_bounds.closes_on BETWEEN '0001-01-01' AND '294275-12-31' THEN
        PERFORM refuse_window(client, window_bounds.closes_on);
    END IF;
    SELECT b.from_at, b.to_at INTO from_at, to_at FROM window_bounds(closes_on, holder.cut_time, holder.zone) AS b;
    window_no := coalesce(latest.window_no + (window_bounds.closes_on - latest.closes_on), 1);
    IF window_bounds.closes_on = latest.closes_on + 1 THEN
        from_at := latest.to_at;
    END IF;
END;
$$;
COMMENT ON FUNCTION window_bounds(text, date) IS
    'The client''s window that closes on a local date, as sealed or as it will be: number, start, end. LG070 for a date before '
    'its first window, or outside the range of timestamptz.';

CREATE FUNCTION bakkt_ledger_internal.refuse_window(client text, closes_on date) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'LG070',
        MESSAGE = format('client "%s" has no window that closes on %s', client, date_text(closes_on)),
        DETAIL = coalesce((SELECT format('Its windows closed so far: W1 on %s to W%s on %s.', to_char(min(w.closes_on), 'YYYY-MM-DD'),
                                         max(w.window_no), to_char(max(w.closes_on), 'YYYY-MM-DD'))
                           FROM settlement_window w JOIN client c USING (client_id)
                           WHERE c.code = refuse_window.client HAVING count(*) > 0),
                          'It has closed none yet.');
END;
$$;
COMMENT ON FUNCTION refuse_window(text, date) IS 'Internal: raises LG070.';

CREATE FUNCTION bakkt_ledger.window_of(client text, at timestamptz DEFAULT clock_timestamp(),
                          OUT window_no integer, OUT closes_on date, OUT from_at timestamptz, OUT to_at timestamptz, OUT state text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder client := client_row(require_client(client));
    bounds record;
BEGIN
    SELECT w.window_no, w.closes_on, w.from_at, w.to_at, w.state INTO window_no, closes_on, from_at, to_at, state
    FROM settlement_window w
    WHERE w.client_id = holder.client_id AND w.to_at > at
    ORDER BY w.window_no LIMIT 1;
    IF FOUND OR at IS NULL THEN
        RETURN;
    ELSIF NOT isfinite(at) THEN
        PERFORM refuse_invalid('an infinite instant lies in no window', format('The instant is %s.', at));
    END IF;
    -- local date and cut-off determine the day; if the cut-off was changed it may differ by one
    closes_on := greatest((at AT TIME ZONE holder.zone)::date,
                          (SELECT max(w.closes_on) + 1 FROM settlement_window w WHERE w.client_id = holder.client_id));
    LOOP
        SELECT * INTO bounds FROM window_bounds(client, closes_on);
        EXIT WHEN at < bounds.to_at;
        closes_on := closes_on + 1;
    END LOOP;
    window_no := bounds.window_no;
    from_at := bounds.from_at;
    to_at := bounds.to_at;
    state := 'OPEN';
END;
$$;
COMMENT ON FUNCTION window_of(text, timestamptz) IS
    'The client''s window in which an instant lies: a sealed one with its state, or the open one as it will be. Instants before '
    'the first window belong to the first. LG002 for an infinite one.';
