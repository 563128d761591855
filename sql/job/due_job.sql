-- What is due at an instant.

-- The last run of a job, parts of clients aside. Runs are in order: it is of the latest occurrence
-- that was tried, and all before are done.
CREATE FUNCTION bakkt_ledger_internal.last_job_run(of_job text) RETURNS SETOF job_run
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT r
    FROM job_run AS r
    WHERE r.job = of_job AND r.client IS NULL
    ORDER BY r.occurrence DESC, r.attempt DESC LIMIT 1;
END;

-- The schedules up to an instant of the jobs that are enabled then. A job that was never run starts
-- 24 hours before.
CREATE FUNCTION bakkt_ledger_internal.job_schedules(at timestamptz)
    RETURNS TABLE (job text, from_at timestamptz, until_at timestamptz, times time[], every interval)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT v.job, v.from_at, v.until_at, v.times, v.every
    FROM (SELECT s.job, s.from_at, s.enabled, s.times, s.every, least(at, lead(s.from_at) OVER w) AS until_at,
                 last_value(s.enabled) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS in_force
          FROM (SELECT s.job, s.from_at, s.enabled, s.times, s.every FROM job_schedule AS s WHERE s.from_at <= at
                UNION ALL
                SELECT j.job, at - interval '24 hours', true, j.times, j.every
                FROM job AS j
                WHERE NOT EXISTS (SELECT FROM job_schedule AS s WHERE s.job = j.job)) AS s
          WINDOW w AS (PARTITION BY s.job ORDER BY s.from_at)) AS v
    WHERE v.enabled AND v.in_force;
END;

-- How much of a job's time one call catches up at most, and how far ahead of the clock due_jobs()
-- looks.
CREATE FUNCTION bakkt_ledger_internal.job_horizon() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN interval '366 days';

-- The spans of time (after_at, until_at] whose occurrences were never tried: of each job those up
-- to a year after its first of them, so that a call is bounded however long nothing ran. The rest
-- comes with the next call.
CREATE FUNCTION bakkt_ledger_internal.job_spans(at timestamptz)
    RETURNS TABLE (job text, run_order integer, times time[], every interval, zone text, calendar text,
                   after_at timestamptz, until_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH span AS (
        SELECT j.job, j.run_order, s.times, s.every, j.zone, j.calendar, greatest(s.from_at, r.occurrence) AS after_at, s.until_at
        FROM job_schedules(at) AS s
        JOIN job AS j USING (job)
        LEFT JOIN LATERAL last_job_run(j.job) AS r ON true
        WHERE greatest(s.from_at, r.occurrence) < s.until_at
    )
    SELECT s.job, s.run_order, s.times, s.every, s.zone, s.calendar, s.after_at, least(s.until_at, b.ends_at)
    FROM span AS s
    JOIN (SELECT f.job, min(f.after_at) + job_horizon() AS ends_at FROM span AS f GROUP BY f.job) AS b USING (job)
    WHERE s.after_at < b.ends_at;
END;

-- Whether a job with this calendar (NULL: none) has occurrences on a day. A day that the calendar
-- does not know counts as open: the run then fails with LG075, and no other job with it.
CREATE FUNCTION bakkt_ledger_internal.job_runs_on(rail text, day date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN EXISTS (SELECT FROM calendar_version AS v
                             WHERE v.calendar = rail AND v.version = latest_version(rail)
                               AND day BETWEEN v.first_day AND v.last_day)
                THEN is_business_day(rail, day) ELSE true END;
END;

-- The instants after one and up to another at which clocks in the zone show one of the times, on
-- open days. Computed from local dates: a time that is skipped is taken by standard time, an hour
-- later; one that comes twice is the second.
CREATE FUNCTION bakkt_ledger_internal.job_times(clock_times time[], in_zone text, rail text, after_at timestamptz,
                                                until_at timestamptz)
    RETURNS SETOF timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT (d.day + t.local) AT TIME ZONE in_zone
    FROM (SELECT (after_at AT TIME ZONE in_zone)::date - 1 + n AS day
          FROM generate_series(0, (until_at AT TIME ZONE in_zone)::date - (after_at AT TIME ZONE in_zone)::date + 1) AS n) AS d
    CROSS JOIN unnest(clock_times) AS t (local)
    WHERE (d.day + t.local) AT TIME ZONE in_zone > after_at
      AND (d.day + t.local) AT TIME ZONE in_zone <= until_at
      AND (rail IS NULL OR job_runs_on(rail, d.day));
END;

-- The instant itself; LG061 for none, for one that is further ahead of the clock, or before the
-- calendars begin, when no job can tell what day it is; LG002 infinitely so.
CREATE FUNCTION bakkt_ledger_internal.require_job_instant(at timestamptz, ahead interval DEFAULT '5 minutes') RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF at IS NULL OR at > clock_timestamp() + ahead OR at AT TIME ZONE 'UTC' < calendars_begin() THEN
        PERFORM refuse(CASE WHEN at = '-infinity' THEN 'LG002' ELSE 'LG061' END,
                       format('nothing can be due at %s', coalesce(instant_text(at), 'NULL')), NULL,
                       format('Give an instant after %s and at most %s ahead of the clock, or none for now.',
                              to_char(calendars_begin(), 'YYYY-MM-DD'), ahead));
    END IF;
    RETURN at;
END;
$$;

CREATE TYPE bakkt_ledger.due_job_line AS (
    job text,
    occurrence timestamptz,
    attempt integer,
    covers integer,
    client text
);
COMMENT ON TYPE due_job_line IS
'An occurrence of a job that is due.
attempt: above 1, it has failed before. covers: of a job that runs every so often, how many instants it stands for. client: the
part of one that was left out; NULL: for all.';

CREATE FUNCTION bakkt_ledger.due_jobs(at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF due_job_line
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
    WITH span AS MATERIALIZED (
        SELECT * FROM job_spans(require_job_instant(at, job_horizon()))
    ), timed AS MATERIALIZED (
        SELECT s.job, s.run_order, o.occurrence
        FROM span AS s
        CROSS JOIN LATERAL job_times(s.times, s.zone, s.calendar, s.after_at, s.until_at) AS o (occurrence)
        WHERE s.times IS NOT NULL
    ), barrier AS (
        SELECT t.occurrence, t.run_order FROM timed AS t
        UNION
        SELECT at, NULL
    ), repeated AS (
        SELECT DISTINCT s.job, s.run_order, s.every, s.after_at,
                        date_bin(s.every, least(s.until_at, CASE WHEN b.run_order < s.run_order
                                                                 THEN b.occurrence - interval '1 microsecond'
                                                                 ELSE b.occurrence END), '2000-01-01 00:00:00+00') AS occurrence
        FROM span AS s CROSS JOIN barrier AS b
        WHERE s.every IS NOT NULL
    ), due AS (
        SELECT t.job, t.run_order, t.occurrence, 1 AS attempt, 1 AS covers, NULL AS client FROM timed AS t
        UNION ALL
        SELECT r.job, r.run_order, r.occurrence, 1,
               (extract(epoch FROM r.occurrence - coalesce(lag(r.occurrence) OVER w,
                                                           date_bin(r.every, r.after_at, '2000-01-01 00:00:00+00')))
                / extract(epoch FROM r.every))::integer, NULL
        FROM repeated AS r
        WHERE r.occurrence > r.after_at
        WINDOW w AS (PARTITION BY r.job, r.after_at ORDER BY r.occurrence)
        UNION ALL
        SELECT j.job, j.run_order, f.occurrence, f.attempt + 1, f.covers, NULL
        FROM job AS j CROSS JOIN LATERAL last_job_run(j.job) AS f
        WHERE f.status = 'FAILED' AND f.occurrence <= at AND j.job IN (SELECT s.job FROM job_schedules(at) AS s)
        UNION ALL
        SELECT l.job, j.run_order, l.occurrence, l.failures + 1, l.covers, l.client
        FROM job_left_out AS l JOIN job AS j USING (job)
        WHERE l.occurrence <= at AND l.job IN (SELECT s.job FROM job_schedules(at) AS s)
    )
    SELECT d.job, d.occurrence, d.attempt, d.covers, d.client
    FROM due AS d
    ORDER BY d.occurrence, d.run_order, d.client
$$;
COMMENT ON FUNCTION due_jobs IS
'What run_due_jobs() would run at the instant, in order, if nothing failed; nothing is done.
All times of day that were missed, and between them, of jobs that run every so often, the latest instant for all; of each job a
year''s at most.
Errors: LG002, LG061 more than a year ahead of the clock, or before the calendars begin.';
