-- Jobs on the days when clocks change: every local time once, whether it does not exist or comes twice; every interval as long as another.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL TimeZone = 'Australia/Lord_Howe';
SET LOCAL client_min_messages = warning;
SELECT no_plan();

DELETE FROM job;
INSERT INTO client_run VALUES ('nothing', 'test_nothing', NULL);
INSERT INTO job (job, run_order, times, every, zone, calendar, run, purpose) VALUES
	('gap', 10, '{02:30}', NULL, 'America/Chicago', NULL, 'nothing', 'a test'),
	('twice', 20, '{01:30}', NULL, 'America/Chicago', NULL, 'nothing', 'a test'),
	('early', 30, '{00:00,06:00,23:59:59}', NULL, 'America/Chicago', NULL, 'nothing', 'a test'),
	('hour', 40, NULL, '1 hour', 'America/Chicago', NULL, 'nothing', 'a test'),
	('both', 50, '{02:00,03:00,02:59:59.5}', NULL, 'America/Chicago', NULL, 'nothing', 'a test'),
	('midnight', 60, '{00:00}', NULL, 'America/Havana', NULL, 'nothing', 'a test');
CREATE FUNCTION bakkt_ledger_internal.test_nothing(client_id integer, at timestamptz, variant text) RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
	AS $$ BEGIN RETURN '[]'; END $$;
CREATE FUNCTION pg_temp.runs(job text, from_at timestamptz, until_at timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(to_char(r.occurrence AT TIME ZONE 'UTC', 'DD HH24:MI:SS') || coalesce(' x' || nullif(r.covers, 1), ''), ', ' ORDER BY r.occurrence)
	FROM job_run r WHERE r.job = $1 AND r.occurrence > $2 AND r.occurrence <= $3
$$;

-- the scheduler is called every 7 minutes from before the change until after it
SELECT run_due_jobs('2026-03-08 00:00 America/Chicago') \g /dev/null
SELECT count(*) FROM generate_series(timestamptz '2026-03-08 00:01 America/Chicago', '2026-03-10 00:00 America/Chicago', interval '7 minutes') AS n, run_due_jobs(n) \g /dev/null
SELECT run_due_jobs('2026-03-10 00:00 America/Chicago') \g /dev/null
SELECT is(pg_temp.runs('gap', '2026-03-08 06:00Z', '2026-03-10 05:00Z'), '08 08:30:00, 09 07:30:00',
	'a job of 02:30 runs once on the day without a 02:30, an hour later by the clock');
SELECT is(pg_temp.runs('twice', '2026-03-08 06:00Z', '2026-03-10 05:00Z'), '08 07:30:00, 09 06:30:00',
	'a job of 01:30 keeps its local time when the clocks go forward');
SELECT is(pg_temp.runs('early', '2026-03-08 06:00Z', '2026-03-10 05:00Z'), '08 11:00:00, 09 04:59:59, 09 05:00:00, 09 11:00:00, 10 04:59:59, 10 05:00:00',
	'a job of several times keeps its local times on a day of 23 hours');
SELECT is(pg_temp.runs('both', '2026-03-08 06:00Z', '2026-03-10 05:00Z'), '08 08:00:00, 08 08:59:59, 09 07:00:00, 09 07:59:59, 09 08:00:00',
	'times that fall on one instant are one occurrence');
SELECT is((SELECT count(*) FROM job_run WHERE job = 'hour' AND occurrence > '2026-03-08 06:00Z' AND occurrence <= '2026-03-10 05:00Z'), 47::bigint,
	'an hourly job has an occurrence for every hour when the clocks go forward');
SELECT is((SELECT sum(covers) FROM job_run WHERE job = 'hour' AND occurrence > '2026-03-08 06:00Z' AND occurrence <= '2026-03-10 05:00Z'), 47::bigint,
	'an hourly job covers each hour once when the clocks go forward');
SELECT is(pg_temp.runs('midnight', '2026-03-08 04:59Z', '2026-03-10 05:00Z'), '08 05:00:00, 09 04:00:00, 10 04:00:00',
	'a midnight job runs once a day where clocks change at midnight');

-- autumn: 01:30 comes twice
SELECT run_due_jobs('2026-10-31 23:00 America/Chicago') \g /dev/null
SELECT count(*) FROM generate_series(timestamptz '2026-10-31 23:01 America/Chicago', '2026-11-03 00:00 America/Chicago', interval '7 minutes') AS n, run_due_jobs(n) \g /dev/null
SELECT run_due_jobs('2026-11-03 00:00 America/Chicago') \g /dev/null
SELECT is(pg_temp.runs('twice', '2026-11-01 04:00Z', '2026-11-03 06:00Z'), '01 07:30:00, 02 07:30:00',
	'a job of 01:30 runs once on the day with two, at the second');
SELECT is(pg_temp.runs('gap', '2026-11-01 04:00Z', '2026-11-03 06:00Z'), '01 08:30:00, 02 08:30:00',
	'a job of 02:30 keeps its local time when the clocks go back');
SELECT is(pg_temp.runs('early', '2026-11-01 04:00Z', '2026-11-03 06:00Z'),
	'01 04:59:59, 01 05:00:00, 01 12:00:00, 02 05:59:59, 02 06:00:00, 02 12:00:00, 03 05:59:59, 03 06:00:00',
	'a job of several times keeps its local times on a day of 25 hours');
SELECT is((SELECT sum(covers) FROM job_run WHERE job = 'hour' AND occurrence > '2026-11-01 05:00Z' AND occurrence <= '2026-11-02 06:00Z'), 25::numeric::bigint,
	'an hourly job covers 25 hours on a day of 25 hours');
SELECT is((SELECT count(*) FROM job_run WHERE job = 'hour' AND occurrence > '2026-11-01 05:00Z' AND occurrence <= '2026-11-02 06:00Z'), 25::bigint,
	'an hourly job runs 25 times on a day of 25 hours');

-- the whole year, caught up at once: as many runs as local days
SELECT is_empty($$SELECT job, local_time::date, count(*) FROM job_runs WHERE job IN ('gap', 'twice') AND occurrence > '2026-03-07 06:00Z' GROUP BY 1, 2 HAVING count(*) <> 1$$,
	'a daily job never runs twice on a local day');
SELECT is((SELECT count(*) FROM job_run WHERE job = 'gap' AND occurrence > '2026-03-08 06:00Z' AND occurrence <= '2026-11-03 06:00Z'), (date '2026-11-03' - '2026-03-08')::bigint,
	'a daily job runs on every day, caught up or not');
SELECT is((SELECT count(*) FROM job_run WHERE job = 'midnight' AND occurrence > '2026-03-08 06:00Z' AND occurrence <= '2026-11-03 06:00Z'), (date '2026-11-03' - '2026-03-08')::bigint,
	'a daily job runs on every day where clocks change at midnight');

-- clocks that go back over midnight: half past eleven comes again after a minute of the next day
SELECT is((SELECT count(*) FROM job_times('{23:30}', 'America/St_Johns', NULL, '2010-11-07 02:30:30Z', '2010-11-07 05:00Z')), 1::bigint,
	'a job of 23:30 comes after the clocks go back over midnight');
SELECT is((SELECT count(*) FROM job_times('{23:30}', 'America/St_Johns', NULL, '2010-11-06 12:00Z', '2010-11-07 02:30:30Z')), 0::bigint,
	'a job of 23:30 does not come before the clocks go back over midnight');

-- any time of day, over ten years
CREATE TEMP TABLE chosen AS SELECT DISTINCT make_time(n / 4, n % 4 * 15, 0) AS local FROM generate_series(0, 95) AS n;
SELECT is_empty($$SELECT c.local, z FROM chosen c, unnest('{America/Chicago,America/Havana,Europe/London,Australia/Lord_Howe,Asia/Kolkata,America/St_Johns}'::text[]) AS z
	WHERE (SELECT count(*) FROM job_times(ARRAY[c.local], z, NULL, '2020-01-01'::timestamp AT TIME ZONE z - interval '1 microsecond',
		'2030-01-01'::timestamp AT TIME ZONE z - interval '1 microsecond')) <> date '2030-01-01' - date '2020-01-01'$$, 'any time of day, in any zone, comes once a day');

SELECT * FROM finish();
ROLLBACK;
