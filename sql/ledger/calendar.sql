-- Calendars of the payment rails. A calendar is data with versions, never code: a rail that changes
-- its rules gets a new version, and whatever was computed with an old one keeps it.
-- Refuses days that a calendar does not cover (LG075).
-- Locks the calendar's row to add a version.

CREATE TABLE bakkt_ledger_internal.calendar (
    calendar text COLLATE "C" PRIMARY KEY CHECK (calendar ~ '^[A-Z][A-Z0-9_]{0,19}$'),
    description text NOT NULL,
    shipped boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE calendar IS 'The rails that have a calendar: FEDWIRE, CHAIN, a client''s bank.';
COMMENT ON COLUMN calendar.shipped IS 'Came with the extension: recreated by CREATE EXTENSION, so not dumped.';
SELECT pg_catalog.pg_extension_config_dump('calendar', 'WHERE NOT shipped');

CREATE TABLE bakkt_ledger_internal.calendar_version (
    calendar text COLLATE "C" NOT NULL REFERENCES calendar,
    version integer NOT NULL CHECK (version > 0),
    first_day date NOT NULL,
    last_day date NOT NULL,
    weekend smallint[] NOT NULL CHECK (weekend <@ '{1,2,3,4,5,6,7}'::smallint[]),
    cut_time time NOT NULL,
    zone text NOT NULL,
    source text NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    shipped boolean NOT NULL DEFAULT false,
    PRIMARY KEY (calendar, version),
    CHECK (first_day <= last_day AND isfinite(first_day) AND isfinite(last_day))
);
COMMENT ON TABLE calendar_version IS 'One edition of a calendar; never changed. The greatest version is the current one.';
COMMENT ON COLUMN calendar_version.first_day IS
    'First day that the edition covers; a question about a day outside is an error (LG075), never a guess.';
COMMENT ON COLUMN calendar_version.weekend IS
    'ISO weekdays on which the rail is closed: 6 Saturday, 7 Sunday; empty if it never is.';
COMMENT ON COLUMN calendar_version.cut_time IS 'Local time at which the rail''s day ends; 24:00 for midnight.';
COMMENT ON COLUMN calendar_version.zone IS 'Time zone of cut_time.';
COMMENT ON COLUMN calendar_version.source IS 'Where the dates come from.';
SELECT pg_catalog.pg_extension_config_dump('calendar_version', 'WHERE NOT shipped');

CREATE TABLE bakkt_ledger_internal.calendar_holiday (
    calendar text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    day date NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (calendar, version, day),
    FOREIGN KEY (calendar, version) REFERENCES calendar_version
);
COMMENT ON TABLE calendar_holiday IS 'Days on which a rail is closed besides its weekends.';
SELECT pg_catalog.pg_extension_config_dump('calendar_holiday',
    'WHERE (calendar, version) IN (SELECT v.calendar, v.version FROM bakkt_ledger_internal.calendar_version v WHERE NOT v.shipped)');

CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON calendar FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON calendar_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON calendar_holiday FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE calendar ENABLE ALWAYS TRIGGER refuse_write;
ALTER TABLE calendar_version ENABLE ALWAYS TRIGGER refuse_write;
ALTER TABLE calendar_holiday ENABLE ALWAYS TRIGGER refuse_write;

CREATE FUNCTION bakkt_ledger_internal.nth_weekday(year integer, month integer, weekday integer, nth integer) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE
        WHEN nth > 0 THEN
            make_date(year, month, 1)
                + (weekday - extract(isodow FROM make_date(year, month, 1))::integer + 7) % 7 + 7 * (nth - 1)
        ELSE
            (make_date(year, month, 1) + interval '1 month')::date - 1
                - (extract(isodow FROM (make_date(year, month, 1) + interval '1 month')::date - 1)::integer - weekday + 7) % 7
                + 7 * (nth + 1)
        END;
COMMENT ON FUNCTION nth_weekday(integer, integer, integer, integer) IS
    'The nth ISO weekday (1 Monday) of a month; nth = -1 is the last.';

CREATE FUNCTION bakkt_ledger_internal.federal_reserve_holidays(year integer)
    RETURNS TABLE (name text, holiday date, closed date)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 11
BEGIN ATOMIC
    SELECT h.name, h.day,
           CASE extract(isodow FROM h.day)
               WHEN 6 THEN NULL
               WHEN 7 THEN h.day + 1
               ELSE h.day
           END
    FROM (VALUES
        ('New Year''s Day', make_date(year, 1, 1), 1986),
        ('Birthday of Martin Luther King, Jr.', nth_weekday(year, 1, 1, 3), 1986),
        ('Washington''s Birthday', nth_weekday(year, 2, 1, 3), 1986),
        ('Memorial Day', nth_weekday(year, 5, 1, -1), 1986),
        ('Juneteenth National Independence Day', make_date(year, 6, 19), 2022),
        ('Independence Day', make_date(year, 7, 4), 1986),
        ('Labor Day', nth_weekday(year, 9, 1, 1), 1986),
        ('Columbus Day', nth_weekday(year, 10, 1, 2), 1986),
        ('Veterans Day', make_date(year, 11, 11), 1986),
        ('Thanksgiving Day', nth_weekday(year, 11, 4, 4), 1986),
        ('Christmas Day', make_date(year, 12, 25), 1986)
    ) AS h (name, day, since)
    WHERE year >= h.since
    ORDER BY h.day;
END;
COMMENT ON FUNCTION federal_reserve_holidays(integer) IS
    'Holidays of the Federal Reserve Banks: the holiday, and the day on which the banks are closed for it. A holiday on '
    'Saturday closes nothing (the preceding Friday is open), one on Sunday closes the Monday after. From 1986; earlier years '
    'give no rows.';

-- to_char() takes no date after 294276 and no infinite one, and a date's text depends on the
-- session.
CREATE FUNCTION bakkt_ledger_internal.date_text(day date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(to_jsonb(day) #>> '{}', 'NULL');
COMMENT ON FUNCTION date_text(date) IS 'Internal: a date as messages show it, 2026-11-03, whatever the session''s DateStyle.';

CREATE FUNCTION bakkt_ledger_internal.latest_version(calendar text) RETURNS integer
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    result integer;
BEGIN
    SELECT max(v.version) INTO result FROM calendar_version v WHERE v.calendar = latest_version.calendar;
    IF result IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG075',
            MESSAGE = format('calendar "%s" does not exist', calendar),
            DETAIL = format('Calendars: %s.', coalesce((SELECT string_agg(c.calendar, ', ' ORDER BY c.calendar) FROM calendar c), 'none')),
            HINT = 'Create it with add_calendar_version().';
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION latest_version(text) IS 'Current version of a calendar. LG075 if there is no such calendar.';

CREATE FUNCTION bakkt_ledger_internal.calendars_begin() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT max(v.first_day) FROM calendar c JOIN calendar_version v ON v.calendar = c.calendar AND v.version = latest_version(c.calendar)
    WHERE c.shipped
$$;
COMMENT ON FUNCTION calendars_begin() IS
    'Internal: the first day that all shipped calendars cover; nothing can be settled before it.';

CREATE FUNCTION bakkt_ledger.is_business_day(calendar text, day date, version integer DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition calendar_version;
BEGIN
    SELECT * INTO edition FROM calendar_version v
    WHERE v.calendar = is_business_day.calendar
      AND v.version = coalesce(is_business_day.version, latest_version(is_business_day.calendar));
    IF NOT FOUND OR day IS NULL OR day NOT BETWEEN edition.first_day AND edition.last_day THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG075',
            MESSAGE = format('calendar "%s" says nothing of %s', calendar, date_text(day)),
            DETAIL = CASE WHEN edition.version IS NULL THEN format('It has no version %s.', coalesce(version::text, 'NULL'))
                     ELSE format('Version %s covers %s to %s.', edition.version,
                                 to_char(edition.first_day, 'YYYY-MM-DD'), to_char(edition.last_day, 'YYYY-MM-DD')) END,
            HINT = 'Add an edition that covers the day with add_calendar_version().';
    END IF;
    RETURN NOT (extract(isodow FROM day)::smallint = ANY (edition.weekend)
                OR EXISTS (SELECT FROM calendar_holiday h
                           WHERE h.calendar = edition.calendar AND h.version = edition.version
                             AND h.day = is_business_day.day));
END;
$$;
COMMENT ON FUNCTION is_business_day(text, date, integer) IS
    'Whether the rail is open on that day, by the given version of its calendar (default: the current one). LG075 when the '
    'calendar or version does not exist or does not cover the day.';

CREATE FUNCTION bakkt_ledger.next_business_day(calendar text, day date, version integer DEFAULT NULL) RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition integer := coalesce(version, latest_version(calendar));
    -- there is no day after the last date of the type, and no calendar covers that day
    candidate date := CASE WHEN day < '5874897-12-31' THEN day + 1 ELSE day END;
BEGIN
    WHILE NOT is_business_day(calendar, candidate, edition) LOOP
        candidate := candidate + 1;
    END LOOP;
    RETURN candidate;
END;
$$;
COMMENT ON FUNCTION next_business_day(text, date, integer) IS
    'The first open day after the given one. LG075 when it lies beyond the calendar''s data.';

CREATE FUNCTION bakkt_ledger.value_date(calendar text, at timestamptz, version integer DEFAULT NULL) RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition calendar_version;
    at_rail timestamp;
BEGIN
    SELECT * INTO edition FROM calendar_version v
    WHERE v.calendar = value_date.calendar
      AND v.version = coalesce(value_date.version, latest_version(value_date.calendar));
    at_rail := at AT TIME ZONE edition.zone;
    IF is_business_day(calendar, at_rail::date, version) AND at_rail < at_rail::date + edition.cut_time THEN
        RETURN at_rail::date;
    END IF;
    RETURN next_business_day(calendar, at_rail::date, edition.version);
END;
$$;
COMMENT ON FUNCTION value_date(text, timestamptz, integer) IS
    'First open day of the rail at or after the instant whose cut-off has not passed, in the rail''s own zone. At the cut-off '
    'itself the day has ended. LG075 beyond the calendar''s data.';

CREATE FUNCTION bakkt_ledger.value_deadline(calendar text, day date, version integer DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition integer := coalesce(version, latest_version(calendar));
BEGIN
    PERFORM is_business_day(calendar, day, edition);        -- raises LG075
    RETURN (SELECT (day + v.cut_time) AT TIME ZONE v.zone FROM calendar_version v
            WHERE v.calendar = value_deadline.calendar AND v.version = edition);
END;
$$;
COMMENT ON FUNCTION value_deadline(text, date, integer) IS
    'The instant at which the rail''s day ends: the last moment to pay with that value date. LG075 when the calendar or version '
    'does not exist or does not cover the day.';

CREATE FUNCTION bakkt_ledger.add_calendar_version(calendar text, first_day date, last_day date, holidays date[], names text[],
                                     source text, weekend smallint[] DEFAULT '{6,7}', cut_time time DEFAULT '19:00',
                                     zone text DEFAULT 'America/New_York', description text DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition integer;
    opened calendar;
    added calendar_version;
    closed calendar_holiday[];
BEGIN
    PERFORM require_batch_size(cardinality(holidays));
    IF calendar IS NULL OR calendar !~ '^[A-Z][A-Z0-9_]{0,19}$' THEN
        PERFORM refuse_invalid('a calendar''s name is 1 to 20 capital letters, digits or underscores, a letter first', format('Name: "%s".', calendar));
    ELSIF first_day IS NULL OR last_day IS NULL OR source IS NULL OR weekend IS NULL OR cut_time IS NULL OR zone IS NULL
       OR holidays IS NULL OR cardinality(holidays) <> cardinality(coalesce(names, '{}'))
       OR EXISTS (SELECT FROM unnest(holidays, names) AS h (day, name) WHERE h.day IS NULL OR h.name IS NULL)
       OR NOT EXISTS (SELECT FROM pg_timezone_names t WHERE t.name = zone) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG002',
            MESSAGE = format('edition of calendar "%s" is not complete', calendar),
            DETAIL = 'It needs first and last day, a source, a weekend, a cut-off with an existing time zone, and a name for every holiday.';
    ELSIF first_day > last_day OR NOT isfinite(first_day) OR NOT isfinite(last_day) OR NOT coalesce(weekend <@ '{1,2,3,4,5,6,7}', true) THEN
        PERFORM refuse_invalid(format('edition of calendar "%s" is not possible', calendar),
            format('It is for %s to %s, with weekend %s.', date_text(first_day), date_text(last_day), weekend::text),
            'The first day is not after the last, and a weekend is of ISO weekdays, 1 (Monday) to 7.');
    ELSIF (SELECT count(DISTINCT h) < count(*) FROM unnest(holidays) AS h) THEN
        PERFORM refuse_invalid(format('edition of calendar "%s" has a holiday twice', calendar), NULL, 'Join the names of holidays that fall on one day.');
    END IF;
    -- next_business_day() searches day by day
    IF last_day > first_day + 36525 OR weekend @> '{1,2,3,4,5,6,7}' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG002',
            MESSAGE = format('edition of calendar "%s" covers too much, or has no day open', calendar),
            DETAIL = format('From %s to %s, weekend %s.', first_day, last_day, weekend),
            HINT = 'An edition covers a hundred years at most, and not all seven days are weekend.';
    END IF;
    PERFORM bounded_wait();
    INSERT INTO calendar AS c VALUES (add_calendar_version.calendar, coalesce(description, add_calendar_version.calendar))
    ON CONFLICT ON CONSTRAINT calendar_pkey DO NOTHING
    RETURNING c.* INTO opened;
    IF FOUND THEN
        PERFORM record_event('added', NULL::calendar, opened, clock_timestamp());
    END IF;
    PERFORM FROM calendar c WHERE c.calendar = add_calendar_version.calendar FOR NO KEY UPDATE;
    SELECT coalesce(max(v.version), 0) + 1 INTO edition FROM calendar_version v WHERE v.calendar = add_calendar_version.calendar;
    INSERT INTO calendar_version AS v
    VALUES (add_calendar_version.calendar, edition, first_day, last_day, weekend, cut_time, zone, source,
            invoking_role(), clock_timestamp())
    RETURNING v.* INTO added;
    PERFORM record_event('added', NULL::calendar_version, added, clock_timestamp());
    WITH entered AS (
        INSERT INTO calendar_holiday AS n
        SELECT add_calendar_version.calendar, edition, h.day, h.name
        FROM unnest(holidays, names) AS h (day, name)
        RETURNING n
    )
    SELECT array_agg(e.n ORDER BY (e.n).day) INTO closed FROM entered AS e;
    PERFORM record_events('added', NULL::calendar_holiday[], closed, clock_timestamp());
    RETURN edition;
END;
$$;
COMMENT ON FUNCTION add_calendar_version(text, date, date, date[], text[], text, smallint[], time, text, text) IS
    'Adds an edition of a calendar, and the calendar if it is new; returns the version. Holidays are the days on which the rail '
    'is closed. Windows closed before keep the version they were closed with. LG002 if incomplete, contradictory, longer than a '
    'hundred years, or without an open day.';

INSERT INTO calendar VALUES
    ('FEDWIRE', 'Fedwire Funds Service: dollar wires', true),
    ('CHAIN', 'Public chains: coin can be delivered on any day', true);
INSERT INTO calendar_version VALUES
    ('FEDWIRE', 1, '2015-01-01', '2040-12-31', '{6,7}', '19:00', 'America/New_York',
     'Rule of the Federal Reserve Banks, federal_reserve_holidays()', 'bakkt_ledger', '2026-11-01 00:00:00+00', true),
    ('CHAIN', 1, '2009-01-03', '2099-12-31', '{}', '24:00', 'UTC',
     'Blocks are made every day', 'bakkt_ledger', '2026-11-01 00:00:00+00', true);
INSERT INTO calendar_holiday
SELECT 'FEDWIRE', 1, h.closed, h.name
FROM generate_series(2015, 2041) AS y (year), federal_reserve_holidays(y.year) AS h
WHERE h.closed BETWEEN '2015-01-01' AND '2040-12-31';
