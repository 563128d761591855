-- Which occurrences of the jobs are due.
-- Refuses instants too far ahead, or before the calendars begin (LG061).
-- Locks nothing.

CREATE FUNCTION bakkt_ledger_internal.last_job_run(job text) RETURNS SETOF job_run
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT r.* FROM job_run r WHERE r.job = $1 AND r.client IS NULL ORDER BY r.occurrence DESC, r.attempt DESC LIMIT 1
$$;
COMMENT ON FUNCTION last_job_run(text) IS
    'Internal: the last run of a job for all clients. Because runs are in order, it is that of the latest occurrence that was '
    'tried, and all earlier ones are done.';

CREATE FUNCTION bakkt_ledger_internal.job_schedules(at timestamptz)
    RETURNS TABLE (job text, from_at timestamptz, until_at timestamptz, times time[], every interval)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT v.job, v.from_at, v.until_at, v.times, v.every
      FROM (SELECT s.*, least(at, lead(s.from_at) OVER w) AS until_at,
                   last_value(s.enabled) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS in_force
              FROM (SELECT s.job, s.from_at, s.enabled, s.times, s.every FROM job_schedule s WHERE s.from_at <= at
                    UNION ALL
                    SELECT j.job, at - interval '24 hours', true, j.times, j.every FROM job j
                     WHERE NOT EXISTS (SELECT FROM job_schedule s WHERE s.job = j.job)) s
            WINDOW w AS (PARTITION BY s.job ORDER BY s.from_at)) v
     WHERE v.enabled AND v.in_force
$$;
COMMENT ON FUNCTION job_schedules(timestamptz) IS
    'Internal: the schedules, up to an instant, of the jobs that are enabled at it. A job that has never run starts 24 hours '
    'before.';

CREATE FUNCTION bakkt_ledger_internal.job_horizon() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN interval '366 days';
COMMENT ON FUNCTION job_horizon() IS
    'Internal: the longest span of a job''s time that one call catches up, and how far ahead of the clock due_jobs() looks.';

CREATE FUNCTION bakkt_ledger_internal.job_spans(at timestamptz)
    RETURNS TABLE (job text, run_order integer, times time[], every interval, zone text, calendar text,
                   after_at timestamptz, until_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH span AS (
        SELECT j.job, j.run_order, s.times, s.every, j.zone, j.calendar, greatest(s.from_at, r.occurrence) AS after_at, s.until_at
          FROM job_schedules(at) s JOIN job j USING (job) LEFT JOIN LATERAL last_job_run(j.job) r ON true
         WHERE greatest(s.from_at, r.occurrence) < s.until_at
    )
    SELECT s.job, s.run_order, s.times, s.every, s.zone, s.calendar, s.after_at, least(s.until_at, b.ends_at)
      FROM span s JOIN (SELECT f.job, min(f.after_at) + job_horizon() AS ends_at FROM span f GROUP BY f.job) b USING (job)
     WHERE s.after_at < b.ends_at
$$;
COMMENT ON FUNCTION job_spans(timestamptz) IS
    'Internal: the spans of time (after_at, until_at] whose occurrences were never tried, for each job up to a year after the '
    'first such occurrence, so that a call is bounded however long nothing ran. The next call continues.';

-- A day that the calendar does not cover counts as open: that run then fails with LG075, but no
-- other job does.
CREATE FUNCTION bakkt_ledger_internal.job_runs_on(calendar text, day date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT CASE WHEN EXISTS (SELECT FROM calendar_version v
                              WHERE v.calendar = $1 AND v.version = latest_version($1) AND day BETWEEN v.first_day AND v.last_day)
                THEN is_business_day($1, day) ELSE true END
$$;
COMMENT ON FUNCTION job_runs_on(text, date) IS
    'Internal: whether a job with this calendar (NULL: none) has occurrences on a day.';

CREATE FUNCTION bakkt_ledger_internal.job_times(times time[], zone text, calendar text, after_at timestamptz, until_at timestamptz) RETURNS SETOF timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT DISTINCT (d.day + t.local) AT TIME ZONE zone
      FROM (SELECT (after_at AT TIME ZONE zone)::date - 1 + n AS day
              FROM generate_series(0, (until_at AT TIME ZONE zone)::date - (after_at AT TIME ZONE zone)::date + 1) AS n) d
     CROSS JOIN unnest(times) AS t (local)
     WHERE (d.day + t.local) AT TIME ZONE zone > after_at AND (d.day + t.local) AT TIME ZONE zone <= until_at
       AND (calendar IS NULL OR job_runs_on(calendar, d.day))
$$;
COMMENT ON FUNCTION job_times(time[], text, text, timestamptz, timestamptz) IS
    'Internal: the instants after one and up to another at which clocks in the zone show one of the times, on open days. '
    'Computed from local dates: a time that the change of clocks skips is an hour later; of a time that occurs twice the second '
    'is taken.';

-- Jobs depend on calendars, so there is none before these begin.
CREATE FUNCTION bakkt_ledger_internal.require_job_instant(at timestamptz, ahead interval DEFAULT '5 minutes') RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF at IS NULL OR at > clock_timestamp() + ahead OR at AT TIME ZONE 'UTC' < calendars_begin() THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN at = '-infinity' THEN 'LG002' ELSE 'LG061' END,
            MESSAGE = format('nothing can be due at %s', coalesce(CASE WHEN isfinite(at) THEN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') ELSE at::text END, 'NULL')),
            HINT = format('Give an instant after %s and at most %s ahead of the clock, or none for now.', to_char(calendars_begin(), 'YYYY-MM-DD'), ahead);
    END IF;
    RETURN at;
END;
$$;
COMMENT ON FUNCTION require_job_instant(timestamptz, interval) IS
    'Internal: the instant itself; LG061 when it is NULL, further ahead of the clock than allowed, or before the calendars '
    'begin; LG002 when it is infinite.';

CREATE FUNCTION bakkt_ledger.due_jobs(at timestamptz DEFAULT clock_timestamp())
    RETURNS TABLE (job text, occurrence timestamptz, attempt integer, covers integer, client text)
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
    WITH span AS MATERIALIZED (
        SELECT * FROM job_spans(require_job_instant(at, job_horizon()))
    ), timed AS MATERIALIZED (
        SELECT s.job, s.run_order, o.occurrence
          FROM span s CROSS JOIN LATERAL job_times(s.times, s.zone, s.calendar, s.after_at, s.until_at) AS o (occurrence)
         WHERE s.times IS NOT NULL
    ), barrier AS (
        SELECT t.occurrence, t.run_order FROM timed t UNION SELECT at, NULL
    ), repeated AS (
        SELECT DISTINCT s.job, s.run_order, s.every, s.after_at,
               date_bin(s.every, least(s.until_at, CASE WHEN b.run_order < s.run_order THEN b.occurrence - interval '1 microsecond'
                                                        ELSE b.occurrence END), '2000-01-01 00:00:00+00') AS occurrence
          FROM span s CROSS JOIN barrier b
         WHERE s.every IS NOT NULL
    ), due AS (
        SELECT t.job, t.run_order, t.occurrence, 1 AS attempt, 1 AS covers, NULL AS client FROM timed t
        UNION ALL
        SELECT r.job, r.run_order, r.occurrence, 1,
               (extract(epoch FROM r.occurrence - coalesce(lag(r.occurrence) OVER (PARTITION BY r.job, r.after_at ORDER BY r.occurrence),
                                                           date_bin(r.every, r.after_at, '2000-01-01 00:00:00+00')))
                / extract(epoch FROM r.every))::integer, NULL
          FROM repeated r WHERE r.occurrence > r.after_at
        UNION ALL
        SELECT j.job, j.run_order, f.occurrence, f.attempt + 1, f.covers, NULL
          FROM job j CROSS JOIN LATERAL last_job_run(j.job) f
         WHERE f.status = 'failed' AND f.occurrence <= at AND j.job IN (SELECT s.job FROM job_schedules(at) s)
        UNION ALL
        SELECT l.job, j.run_order, l.occurrence, l.failures + 1, l.covers, l.client
          FROM job_left_out l JOIN job j USING (job)
         WHERE l.occurrence <= at AND l.job IN (SELECT s.job FROM job_schedules(at) s)
    )
    SELECT d.job, d.occurrence, d.attempt, d.covers, d.client FROM due d ORDER BY d.occurrence, d.run_order, d.client
$$;
COMMENT ON FUNCTION due_jobs(timestamptz) IS
    'What run_due_jobs() would run at the instant, in order, if nothing failed: every time of day that was missed and, for a '
    'job that runs at intervals, one run at the latest instant; at most a year of each job. client: the client that was left '
    'out; NULL: all. attempt above 1: it has failed before. Runs nothing. LG061 more than a year ahead of the clock, or before '
    'the calendars begin; LG002.';
