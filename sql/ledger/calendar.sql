-- Calendars of the payment rails.
--
-- A calendar is data with versions, never code: a rail that changes its rules gets a new version,
-- and whatever was computed with an old one keeps it.

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
'First day the edition speaks of; asking about days outside is an error (LG075), not a guess.';
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
    'WHERE (calendar, version) IN '
    '(SELECT v.calendar, v.version FROM bakkt_ledger_internal.calendar_version v WHERE NOT v.shipped)');


SELECT refuse_writes('calendar', 'UPDATE OR DELETE OR TRUNCATE');
SELECT refuse_writes('calendar_version', 'UPDATE OR DELETE OR TRUNCATE');
SELECT refuse_writes('calendar_holiday', 'UPDATE OR DELETE OR TRUNCATE');

-- The nth ISO weekday (1 Monday) of a month; nth = -1 is the last.
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

-- Holidays of the Federal Reserve Banks: the day itself and the day on which they are closed for
-- it. A holiday on Saturday closes nothing (the preceding Friday is open), one on Sunday closes the
-- Monday after. From 1986; earlier years give no rows.
CREATE FUNCTION bakkt_ledger_internal.federal_reserve_holidays(year integer) RETURNS TABLE (name text, holiday date, closed date)
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

-- A date as messages show it, 2026-11-03, whatever the session's DateStyle; to_char() knows no date
-- after 294276 and no infinite one.
CREATE FUNCTION bakkt_ledger_internal.date_text(day date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(to_jsonb(day) #>> '{}', 'NULL');

-- The current version of a calendar. Errors: LG075 there is no such calendar.
CREATE FUNCTION bakkt_ledger_internal.latest_version(calendar text) RETURNS integer
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    latest integer;
BEGIN
    SELECT max(v.version) INTO latest FROM calendar_version AS v WHERE v.calendar = latest_version.calendar;
    IF latest IS NULL THEN
        PERFORM refuse('LG075', format('calendar "%s" does not exist', calendar),
                       format('Calendars: %s.',
                              coalesce((SELECT string_agg(c.calendar, ', ' ORDER BY c.calendar) FROM calendar AS c), 'none')),
                       'Create it with add_calendar_version().');
    END IF;
    RETURN latest;
END;
$$;

-- The first day that all shipped calendars speak of: nothing can be settled before.
CREATE FUNCTION bakkt_ledger_internal.calendars_begin() RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT max(v.first_day)
            FROM calendar AS c JOIN calendar_version AS v ON v.calendar = c.calendar AND v.version = latest_version(c.calendar)
            WHERE c.shipped);
END;
$$;

CREATE FUNCTION bakkt_ledger.is_business_day(calendar text, day date, version integer DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition calendar_version;
BEGIN
    SELECT v.* INTO edition
    FROM calendar_version AS v
    WHERE v.calendar = is_business_day.calendar
      AND v.version = coalesce(is_business_day.version, latest_version(is_business_day.calendar));
    IF NOT FOUND OR day IS NULL OR day NOT BETWEEN edition.first_day AND edition.last_day THEN
        PERFORM refuse('LG075', format('calendar "%s" says nothing of %s', calendar, date_text(day)),
                       CASE WHEN edition.version IS NULL THEN format('It has no version %s.', coalesce(version::text, 'NULL'))
                            ELSE format('Version %s covers %s to %s.', edition.version, date_text(edition.first_day),
                                        date_text(edition.last_day)) END,
                       'Add an edition that covers the day with add_calendar_version().');
    END IF;
    RETURN NOT (extract(isodow FROM day)::smallint = ANY (edition.weekend)
                OR EXISTS (SELECT FROM calendar_holiday AS h
                           WHERE h.calendar = edition.calendar AND h.version = edition.version AND h.day = is_business_day.day));
END;
$$;
COMMENT ON FUNCTION is_business_day IS
'Whether the rail is open on that day, by the given version of its calendar (the current one unless given).
Errors: LG075 the calendar or version does not exist or does not cover the day.';

CREATE FUNCTION bakkt_ledger.next_business_day(calendar text, day date, version integer DEFAULT NULL) RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition constant integer := coalesce(version, latest_version(calendar));
    -- the last day that there is has none after it: the calendar says nothing of it either
    candidate date := CASE WHEN day < '5874897-12-31' THEN day + 1 ELSE day END;
BEGIN
    WHILE NOT is_business_day(calendar, candidate, edition) LOOP
        candidate := candidate + 1;
    END LOOP;
    RETURN candidate;
END;
$$;
COMMENT ON FUNCTION next_business_day IS
'The first open day after the given one.
Errors: LG075 it lies beyond the calendar''s data.';

CREATE FUNCTION bakkt_ledger.value_date(calendar text, at timestamptz, version integer DEFAULT NULL) RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition calendar_version;
    at_rail timestamp;
BEGIN
    SELECT v.* INTO edition
    FROM calendar_version AS v
    WHERE v.calendar = value_date.calendar AND v.version = coalesce(value_date.version, latest_version(value_date.calendar));
    at_rail := at AT TIME ZONE edition.zone;
    IF is_business_day(calendar, at_rail::date, version) AND at_rail < at_rail::date + edition.cut_time THEN
        RETURN at_rail::date;
    END IF;
    RETURN next_business_day(calendar, at_rail::date, edition.version);
END;
$$;
COMMENT ON FUNCTION value_date IS
'The first open day of the rail at or after the instant whose cut-off has not passed, in the rail''s own zone.
At the cut-off itself the day is over.
Errors: LG075 beyond the calendar''s data.';

CREATE FUNCTION bakkt_ledger.value_deadline(calendar text, day date, version integer DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition constant integer := coalesce(version, latest_version(calendar));
BEGIN
    PERFORM is_business_day(calendar, day, edition);  -- or LG075
    RETURN (SELECT (day + v.cut_time) AT TIME ZONE v.zone
            FROM calendar_version AS v
            WHERE v.calendar = value_deadline.calendar AND v.version = edition);
END;
$$;
COMMENT ON FUNCTION value_deadline IS
'The instant at which the rail''s day ends: the last moment to pay with that value date.
Errors: LG075 the calendar or version does not exist or does not cover the day.';

-- LG002 naming what is wrong with an edition of a calendar.
CREATE FUNCTION bakkt_ledger_internal.check_calendar_version(candidate calendar_version, holidays date[], names text[])
    RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    named constant text := format('edition of calendar "%s"', candidate.calendar);
    span constant text := format('It is for %s to %s, with weekend %s.', date_text(candidate.first_day),
                                 date_text(candidate.last_day), candidate.weekend);
BEGIN
    IF candidate.calendar IS NULL OR candidate.calendar !~ '^[A-Z][A-Z0-9_]{0,19}$' THEN
        PERFORM refuse_invalid('a calendar''s name is 1 to 20 capital letters, digits or underscores, a letter first',
                               format('Name: "%s".', candidate.calendar));
    ELSIF candidate.first_day IS NULL OR candidate.last_day IS NULL OR candidate.source IS NULL OR candidate.weekend IS NULL
          OR candidate.cut_time IS NULL OR candidate.zone IS NULL
          OR holidays IS NULL OR cardinality(holidays) <> cardinality(coalesce(names, '{}'))
          OR EXISTS (SELECT FROM unnest(holidays, names) AS h (day, name) WHERE h.day IS NULL OR h.name IS NULL)
          OR NOT EXISTS (SELECT FROM pg_timezone_names AS t WHERE t.name = candidate.zone) THEN
        PERFORM refuse_invalid(named || ' is not complete',
                               'It needs first and last day, a source, a weekend, a cut-off with an existing time zone, and a '
                               'name for every holiday.');
    ELSIF candidate.first_day > candidate.last_day OR NOT isfinite(candidate.first_day) OR NOT isfinite(candidate.last_day)
          OR NOT coalesce(candidate.weekend <@ '{1,2,3,4,5,6,7}', true) THEN
        PERFORM refuse_invalid(named || ' is not possible', span,
                               'The first day is not after the last, and a weekend is of ISO weekdays, 1 (Monday) to 7.');
    ELSIF (SELECT count(DISTINCT h) < count(*) FROM unnest(holidays) AS h) THEN
        PERFORM refuse_invalid(named || ' has a holiday twice', NULL, 'Join the names of holidays that fall on one day.');
    ELSIF candidate.last_day > candidate.first_day + 36525 OR candidate.weekend @> '{1,2,3,4,5,6,7}' THEN
        -- the next business day is looked for day by day
        PERFORM refuse_invalid(named || ' covers too much, or has no day open', span,
                               'An edition covers a hundred years at most, and not all seven days are weekend.');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.add_calendar_version(calendar text, first_day date, last_day date, holidays date[], names text[],
                                                  source text, weekend smallint[] DEFAULT '{6,7}', cut_time time DEFAULT '19:00',
                                                  zone text DEFAULT 'America/New_York', description text DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    edition calendar_version := (calendar, NULL, first_day, last_day, weekend, cut_time, zone, source, invoking_role(),
                                 clock_timestamp(), false);
    opened calendar;
    closed calendar_holiday[];
BEGIN
    PERFORM require_batch_size(cardinality(holidays)), check_calendar_version(edition, holidays, names), bounded_wait();
    INSERT INTO calendar AS c VALUES (edition.calendar, coalesce(add_calendar_version.description, edition.calendar))
    ON CONFLICT ON CONSTRAINT calendar_pkey DO NOTHING
    RETURNING c.* INTO opened;
    IF FOUND THEN
        PERFORM record_event('added', NULL::calendar, opened, edition.created_at);
    END IF;
    PERFORM FROM calendar AS c WHERE c.calendar = edition.calendar FOR NO KEY UPDATE;
    edition.version := (SELECT coalesce(max(v.version), 0) + 1 FROM calendar_version AS v WHERE v.calendar = edition.calendar);
    INSERT INTO calendar_version SELECT edition.*;
    WITH entered AS (
        INSERT INTO calendar_holiday AS n
        SELECT edition.calendar, edition.version, h.day, h.name FROM unnest(holidays, names) AS h (day, name)
        RETURNING n
    )
    SELECT array_agg(e.n ORDER BY (e.n).day) INTO closed FROM entered AS e;
    PERFORM record_event('added', NULL::calendar_version, edition, edition.created_at),
            record_events('added', NULL::calendar_holiday[], closed, edition.created_at);
    RETURN edition.version;
END;
$$;
COMMENT ON FUNCTION add_calendar_version IS
'Adds an edition of a calendar, and the calendar if it is new; returns the version.
holidays, names: the days on which the rail is closed besides its weekends. Windows closed before keep the version
they were closed with.
Errors: LG002 incomplete, not possible, longer than a hundred years, or without an open day, 54000 more than one call takes.';

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
