-- The scheduler: what is due, once each, in order, whatever fails; with jobs of the test's own in place of the shipped ones.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = 'postgres_verbose';
SET LOCAL client_min_messages = warning;
SELECT no_plan();

CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_poster IN ROLE bakkt_ledger_poster;
CREATE ROLE ledger_test_auditor IN ROLE bakkt_ledger_auditor;
CREATE ROLE ledger_test_administrator IN ROLE bakkt_ledger_administrator;

DELETE FROM job;
INSERT INTO client_run VALUES ('whole', 'test_whole', NULL);
INSERT INTO job (job, run_order, times, every, calendar, run, variant, purpose) VALUES
	('retry', 10, '{06:00,17:00}', NULL, NULL, 'whole', 'retry', 'a test'),
	('often', 20, NULL, '5 minutes', NULL, 'whole', 'often', 'a test'),
	('list', 30, '{06:00}', NULL, NULL, 'whole', 'list', 'a test'),
	('move', 40, '{07:00}', NULL, 'FEDWIRE', 'whole', 'move', 'a test'),
	('hour', 50, NULL, '1 hour', NULL, 'whole', 'hour', 'a test');
-- what a run does: a row of its own, and what the test told it to fail with
CREATE TEMP TABLE work (job text, at timestamptz);
CREATE TEMP TABLE failing (job text, sqlstate text);
GRANT SELECT ON work, failing TO PUBLIC;
CREATE FUNCTION bakkt_ledger_internal.test_whole(client_id integer, at timestamptz, variant text) RETURNS jsonb LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
AS $$
BEGIN
	INSERT INTO pg_temp.work VALUES (variant, at);
	IF EXISTS (SELECT FROM pg_temp.failing f WHERE f.job = variant) THEN
		RAISE EXCEPTION USING ERRCODE = (SELECT f.sqlstate FROM pg_temp.failing f WHERE f.job = variant),
			MESSAGE = 'as told', DETAIL = 'the detail', HINT = 'the hint';
	END IF;
	RETURN '[{}]';
END $$;

CREATE FUNCTION pg_temp.rows_of(request text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer	text;
BEGIN
	EXECUTE format('SELECT string_agg(t::text, chr(10)) FROM (%s) AS t', request) INTO answer;
	RETURN answer;
END $$;
CREATE FUNCTION pg_temp.same(have text, want text, description text) RETURNS text LANGUAGE sql AS
	$$ SELECT is(pg_temp.rows_of(have), pg_temp.rows_of(want), description) $$;
-- a Central time in March 2026 (before the 8th: UTC-6) as an instant
CREATE FUNCTION pg_temp.ct(day int, clock text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
	$$ SELECT make_timestamptz(2026, 3, day, split_part(clock, ':', 1)::int, split_part(clock, ':', 2)::int, 0, 'America/Chicago') $$;
CREATE FUNCTION pg_temp.due(at timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat(d.job, to_char(d.occurrence AT TIME ZONE 'America/Chicago', ' DD HH24:MI'),
		' x' || nullif(d.covers, 1), ' #' || nullif(d.attempt, 1), ' ' || d.client), ', ' ORDER BY d.n)
	FROM due_jobs(at) WITH ORDINALITY AS d (job, occurrence, attempt, covers, client, n)
$$;
CREATE FUNCTION pg_temp.run(at timestamptz, most int DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat(d.job, to_char(d.occurrence AT TIME ZONE 'America/Chicago', ' DD HH24:MI'),
		' x' || nullif(d.covers, 1), ' #' || nullif(d.attempt, 1), ' ' || d.client, ' ' || nullif(d.status, 'DONE')), ', ' ORDER BY d.n)
	FROM run_due_jobs(at, most) WITH ORDINALITY AS d (job, occurrence, attempt, covers, client, status, started_at, ended_at, run_by, result, sqlstate, message, n)
$$;

-- ---------------------------------------------------------------------------
-- The first call, and each occurrence once
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.due(pg_temp.ct(3, '06:02')),
	'often 02 07:00 x12, move 02 07:00, hour 02 16:00 x10, often 02 16:55 x119, retry 02 17:00, hour 03 05:00 x13, often 03 05:55 x156, '
	'retry 03 06:00, often 03 06:00, list 03 06:00, hour 03 06:00',
	'the first call reaches 24 hours back, with one run of an interval job between times of day');
SELECT is_empty($$SELECT FROM job_schedule$$, 'due_jobs() runs nothing and records nothing');
SELECT is(pg_temp.run(pg_temp.ct(3, '06:02')),
	'often 02 07:00 x12, move 02 07:00, hour 02 16:00 x10, often 02 16:55 x119, retry 02 17:00, hour 03 05:00 x13, often 03 05:55 x156, '
	'retry 03 06:00, often 03 06:00, list 03 06:00, hour 03 06:00',
	'run_due_jobs() runs what due_jobs() listed');
SELECT pg_temp.same($$SELECT job, at FROM work$$, $$SELECT job, occurrence FROM job_run ORDER BY started_at$$,
	'each job is run as of its occurrence, in order');
SELECT is(pg_temp.run(pg_temp.ct(3, '06:02')), NULL, 'a second call at the same instant runs nothing');
SELECT is(pg_temp.run(pg_temp.ct(2, '06:02')), NULL, 'a call at an earlier instant runs nothing');
SELECT is(pg_temp.due(pg_temp.ct(3, '06:04')), NULL, 'nothing is due between two instants of the schedule');
SELECT is(pg_temp.due(pg_temp.ct(3, '06:05') - interval '1 microsecond'), NULL, 'an occurrence is not due before its instant');
SELECT is(pg_temp.run(pg_temp.ct(3, '06:05')), 'often 03 06:05', 'an occurrence is due at its instant');
SELECT pg_temp.same($$SELECT attempt, covers, status, run_by, result, sqlstate, message FROM job_run WHERE job = 'list'$$,
	$$VALUES (1, 1, 'DONE', current_user::text, 'transfers: 1', NULL::text, NULL::text)$$,
	'a run is recorded with its attempt, status, role and result');
SELECT is((SELECT count(*) FROM job_run WHERE NOT (started_at <= ended_at AND ended_at <= clock_timestamp())), 0::bigint,
	'a run records its start and end by the clock');
SELECT pg_temp.same($$SELECT local_time, took >= '0' FROM job_runs WHERE job = 'list'$$, $$VALUES (timestamp '2026-03-03 06:00', true)$$,
	'job_runs shows the Central time of an occurrence');

-- ---------------------------------------------------------------------------
-- Downtime; in parts; weekends
-- ---------------------------------------------------------------------------
SELECT is((SELECT string_agg(concat(job, to_char(occurrence AT TIME ZONE 'America/Chicago', ' DD HH24:MI')), ', ') FROM due_jobs(pg_temp.ct(10, '05:30')) WHERE job IN ('move', 'list')),
	'move 03 07:00, list 04 06:00, move 04 07:00, list 05 06:00, move 05 07:00, list 06 06:00, move 06 07:00, list 07 06:00, list 08 06:00, list 09 06:00, move 09 07:00',
	'a job of business days skips weekends');
CREATE TEMP TABLE expected AS SELECT row_number() OVER () AS n, job, occurrence, covers FROM due_jobs(pg_temp.ct(10, '05:30'));
SELECT cmp_ok(count(*), '>', 50::bigint, 'a week of downtime leaves more than 50 runs due') FROM expected;
DELETE FROM work;
SELECT is((SELECT count(*) FROM run_due_jobs(pg_temp.ct(10, '05:30'), 7)), 7::bigint,
	'a call runs at most as many occurrences as it is told');
SELECT is((SELECT count(*) FROM run_due_jobs(pg_temp.ct(10, '05:30'), 0)), 0::bigint, 'a call limited to zero runs nothing');
SELECT count(pg_temp.run(pg_temp.ct(10, '05:30'), 1 + n % 9)) FROM generate_series(1, 60) AS n \g /dev/null
SELECT pg_temp.same($$SELECT job, at FROM work$$, $$SELECT job, occurrence FROM expected ORDER BY n$$,
	'a backlog worked off in parts runs the same occurrences in the same order');
SELECT pg_temp.same($$SELECT r.job, r.occurrence, r.covers FROM job_run r JOIN expected USING (job, occurrence) ORDER BY r.started_at$$,
	$$SELECT job, occurrence, covers FROM expected ORDER BY n$$,
	'a backlog worked off in parts is recorded as due_jobs() listed it');
SELECT is((SELECT sum(covers) FROM job_run WHERE job = 'often'), (SELECT count(*) FROM generate_series(pg_temp.ct(2, '06:05'), pg_temp.ct(10, '05:30'), interval '5 minutes')),
	'every instant of an interval job is covered by exactly one run after downtime');

-- called at any instants, the times of day are run once each, and every instant is covered once
CREATE FUNCTION pg_temp.random_calls() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	now_at	timestamptz := pg_temp.ct(10, '05:30');
BEGIN
	FOR i IN 1..60 LOOP
		now_at := now_at + random() * CASE WHEN random() < 0.2 THEN interval '40 hours' ELSE interval '20 minutes' END;
		PERFORM run_due_jobs(now_at, CASE WHEN random() < 0.2 THEN (random() * 3)::int END);
	END LOOP;
	PERFORM run_due_jobs(pg_temp.ct(31, '23:59'));
END $$;
SELECT pg_temp.random_calls() \g /dev/null
SELECT is_empty($$SELECT at, job FROM work GROUP BY 1, 2 HAVING count(*) > 1$$,
	'calls at random instants run no occurrence twice');
SELECT pg_temp.same($$SELECT occurrence FROM job_run WHERE job = 'retry' ORDER BY 1$$,
	$$SELECT t AT TIME ZONE 'America/Chicago' FROM (SELECT date '2026-03-02' + n + c AS t FROM generate_series(0, 29) AS n, unnest('{06:00,17:00}'::time[]) AS c) AS l
		WHERE t > '2026-03-02 06:02' ORDER BY 1$$, 'calls at random instants run every time of day');
SELECT is((SELECT sum(covers) FROM job_run WHERE job = 'often'), (SELECT count(*) FROM generate_series(pg_temp.ct(2, '06:05'), pg_temp.ct(31, '23:59'), interval '5 minutes')),
	'calls at random instants cover every instant of an interval job once');
SELECT is_empty($$SELECT * FROM (SELECT job, occurrence, lag(occurrence) OVER (PARTITION BY job ORDER BY started_at) AS before FROM job_run) AS r WHERE before >= occurrence$$,
	'the runs of a job are in order of their occurrences');

-- ---------------------------------------------------------------------------
-- Failures and retries
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.april(day int, clock text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
	$$ SELECT (make_date(2026, 4, day) + clock::time) AT TIME ZONE 'America/Chicago' $$;
SELECT pg_temp.run(pg_temp.april(1, '05:59')) \g /dev/null
DELETE FROM work;
INSERT INTO failing VALUES ('retry', '40001'), ('often', 'LG050');
SELECT is(pg_temp.run(pg_temp.april(1, '06:00')), 'retry 01 06:00 FAILED, often 01 06:00 FAILED, list 01 06:00, hour 01 06:00',
	'a failing job does not stop the others');
SELECT pg_temp.same($$SELECT job, attempt, status, result, sqlstate, message FROM job_run WHERE occurrence = pg_temp.april(1, '06:00') AND status = 'FAILED' ORDER BY started_at$$,
	$$VALUES ('retry', 1, 'FAILED', NULL::text, '40001', E'as told\nDETAIL: the detail\nHINT: the hint'), ('often', 1, 'FAILED', NULL, 'LG050', E'as told\nDETAIL: the detail\nHINT: the hint')$$,
	'a failed run is recorded with its SQLSTATE, message, detail and hint');
SELECT pg_temp.same($$SELECT job FROM work$$, $$VALUES ('list'), ('hour')$$, 'a failed run''s work is undone');
SELECT is(pg_temp.due(pg_temp.april(1, '05:59')), NULL, 'a failed occurrence is not due as of an earlier instant');
SELECT is(pg_temp.run(pg_temp.april(1, '06:01')), 'retry 01 06:00 #2 FAILED, often 01 06:00 #2 FAILED',
	'a failed occurrence is tried again at the next call');
SELECT is(pg_temp.run(pg_temp.april(1, '17:01')), 'retry 01 06:00 #3 FAILED, often 01 06:00 #3 FAILED, move 01 07:00, hour 01 16:00 x10, hour 01 17:00',
	'later occurrences of a job wait for the one that failed');
DELETE FROM failing WHERE job = 'often';
SELECT is(pg_temp.run(pg_temp.april(2, '07:01')),
	'retry 01 06:00 #4 FAILED, often 01 06:00 #4, often 01 16:55 x131, hour 02 05:00 x12, often 02 05:55 x156, often 02 06:00, list 02 06:00, hour 02 06:00, often 02 07:00 x12, move 02 07:00, hour 02 07:00',
	'a job''s later occurrences run once a retry has succeeded');
DELETE FROM failing;
SELECT is(pg_temp.run(pg_temp.april(2, '07:01')), 'retry 01 06:00 #5, retry 01 17:00, retry 02 06:00',
	'a job is held back by its own failure only, and catches up in order');
SELECT is(pg_temp.run(pg_temp.april(2, '07:01')), NULL, 'nothing is due once the backlog is worked off');
SELECT is((SELECT count(*) FROM work WHERE job = 'retry'), 3::bigint, 'each occurrence that was retried is carried out once');

-- a job that fails for ever
INSERT INTO failing VALUES ('list', 'XX000');
SELECT is((SELECT count(*) FROM generate_series(1, 20) AS n, run_due_jobs(pg_temp.april(3, '06:00') + n * interval '1 minute') r WHERE r.job = 'list' AND r.status = 'FAILED'), 20::bigint,
	'a job that always fails is tried at every call');
SELECT is(pg_temp.run(pg_temp.april(3, '06:30')), 'list 03 06:00 #21 FAILED, often 03 06:30 x2',
	'other jobs run while one fails for ever');
SET LOCAL ROLE ledger_test_administrator;
SELECT throws_ok($$SELECT skip_job('nothing', now(), 'x')$$, 'LG090', NULL,
	'skipping an occurrence of an unknown job is refused');
SELECT throws_ok($$SELECT skip_job('list', '2026-04-03 06:00 America/Chicago', '')$$, 'LG002', NULL,
	'skipping an occurrence without a reason is refused');
SELECT throws_ok($$SELECT skip_job('list', '2026-04-02 06:00 America/Chicago', 'x')$$, 'LG002', NULL,
	'skipping an occurrence that has not failed is refused');
SELECT throws_ok($$SELECT skip_job('often', '2026-04-03 06:30 America/Chicago', 'x')$$, 'LG002', NULL,
	'skipping an occurrence that is done is refused');
SELECT pg_temp.same($$SELECT status, attempt, message, run_by FROM skip_job('list', '2026-04-03 06:00 America/Chicago', 'the list was sent by hand')$$,
	$$VALUES ('SKIPPED', 22, 'the list was sent by hand', 'ledger_test_administrator')$$,
	'an administrator skips a failed occurrence');
SELECT is((SELECT attempt FROM skip_job('list', '2026-04-03 06:00 America/Chicago', 'again')), 22,
	'skipping an occurrence twice returns the first skip');
RESET ROLE;
DELETE FROM failing;
SELECT is((SELECT string_agg(concat(job, to_char(occurrence AT TIME ZONE 'America/Chicago', ' DD HH24:MI')), ', ') FROM run_due_jobs(pg_temp.april(4, '06:01')) WHERE job IN ('list', 'retry')),
	'retry 03 17:00, retry 04 06:00, list 04 06:00', 'later occurrences run after the failed one is skipped');

-- a calendar that ends is one job's failure
INSERT INTO calendar VALUES ('SHORT', 'a test');
SELECT add_calendar_version('SHORT', '2026-01-01', '2026-04-05', '{}', '{}', 'a test', '{}') \g /dev/null
UPDATE job SET calendar = 'SHORT' WHERE job = 'move';
SELECT is((SELECT string_agg(concat(job, to_char(occurrence AT TIME ZONE 'America/Chicago', ' DD')), ', ') FROM due_jobs(pg_temp.april(7, '08:00')) WHERE job = 'move'),
	'move 04, move 05, move 06, move 07', 'a day that the calendar does not cover is due');
SELECT is((SELECT string_agg(concat(job, to_char(occurrence AT TIME ZONE 'America/Chicago', ' DD '), status, sqlstate), ', ') FROM run_due_jobs(pg_temp.april(6, '08:00')) WHERE job = 'move'),
	'move 04 DONE, move 05 DONE, move 06 FAILEDLG075', 'a day that the calendar does not cover fails its job with LG075');
UPDATE job SET calendar = 'FEDWIRE' WHERE job = 'move';

-- ---------------------------------------------------------------------------
-- Changing a job
-- ---------------------------------------------------------------------------
SELECT pg_temp.run(pg_temp.april(7, '08:00')) \g /dev/null
SET LOCAL ROLE ledger_test_administrator;
SELECT throws_ok($$SELECT change_job('nothing', enabled => false)$$, 'LG090', NULL, 'changing an unknown job is refused');
SELECT throws_ok($$SELECT change_job(NULL, enabled => false)$$, 'LG090', NULL, 'changing a job without its name is refused');
SELECT throws_ok(call, 'LG002', NULL, 'a malformed or backdated change of a job is refused: ' || call) FROM unnest(ARRAY[
	$$SELECT change_job('list', times => '{}')$$, $$SELECT change_job('list', times => '{NULL}')$$, $$SELECT change_job('list', times => '{24:00}')$$,
	$$SELECT change_job('list', every => '1 hour')$$, $$SELECT change_job('often', times => '{10:00}')$$, $$SELECT change_job('often', every => '0')$$,
	$$SELECT change_job('often', every => '-1 hour')$$, $$SELECT change_job('often', every => '25 hours')$$, $$SELECT change_job('often', every => '1 month -719 hours')$$,
	$$SELECT change_job('often', enabled => false, at => '2026-03-01Z')$$, $$SELECT change_job('often', enabled => false, at => '-infinity')$$]) AS call;
SELECT throws_ok($$SELECT change_job('often', enabled => false, at => clock_timestamp() + interval '6 minutes')$$, 'LG061', NULL,
	'a change of a job ahead of the clock is refused');
SELECT pg_temp.same($$SELECT * FROM change_job('list', times => '{18:00,06:30,18:00}', reference => 'c1', reason => 'asked for', at => pg_temp.april(7, '08:00'))$$,
	$$VALUES ('c1', 'changed', false)$$, 'a change of a job answers with its reference and outcome');
SELECT pg_temp.same($$SELECT from_at, enabled, times::text, every, changed_by FROM job_schedule WHERE job = 'list' ORDER BY from_at DESC LIMIT 1$$,
	$$VALUES (pg_temp.april(7, '08:00'), true, '{06:30:00,18:00:00}', NULL::interval, 'ledger_test_administrator')$$,
	'a job''s times of day are changed, sorted and without repetition');
SELECT pg_temp.same($$SELECT * FROM change_job('list', times => '{06:30,18:00}', reference => 'c1')$$, $$VALUES ('c1', 'changed', true)$$,
	'a change of a job made again is answered as it was first');
SELECT is((SELECT max(from_at) FROM job_schedule WHERE job = 'list'), pg_temp.april(7, '08:00'),
	'a repeated change with the same reference changes nothing');
SELECT throws_ok($$SELECT change_job('list', times => '{06:31}', reference => 'c1')$$, 'LG020', NULL,
	'a repeated reference with other times is refused');
SELECT throws_ok($$SELECT change_job('often', enabled => false, reference => 'c1')$$, 'LG020', NULL,
	'a repeated reference for another job is refused');
SELECT pg_temp.same($$SELECT * FROM change_job('list', enabled => true)$$, $$VALUES (NULL::text, 'unchanged', false)$$, 'a change of a job to what already holds is told to be none');
SELECT is((SELECT max(from_at) FROM job_schedule WHERE job = 'list'), pg_temp.april(7, '08:00'),
	'a change to what already holds is no change');
SELECT change_job('often', every => '30 minutes', at => pg_temp.april(7, '08:10')) \g /dev/null
SELECT is((SELECT every FROM job_schedule WHERE job = 'often' ORDER BY from_at DESC LIMIT 1), '30 minutes',
	'a job''s interval is changed');
RESET ROLE;
SELECT pg_temp.same($$SELECT e.changed ->> 'job', e.changed -> 'times', e.changed ->> 'every', e.reason, a.role_name
		FROM event AS e JOIN actor AS a USING (actor_id) WHERE e.subject = 'job_schedule' AND e.event = 'changed' ORDER BY e.event_id$$,
	$$VALUES ('list', '["06:30:00", "18:00:00"]'::jsonb, NULL, 'asked for', 'ledger_test_administrator'),
		('often', 'null', '00:30:00', NULL, 'ledger_test_administrator')$$,
	'every change of a job is recorded with reason and role, whatever the session''s style of intervals');
SELECT is((SELECT string_agg(concat(job, to_char(occurrence AT TIME ZONE 'America/Chicago', ' DD HH24:MI'), ' x' || nullif(covers, 1)), ', ') FROM run_due_jobs(pg_temp.april(8, '06:05')) WHERE job IN ('list', 'often')),
	'often 07 08:10 x2, often 07 16:30 x17, often 07 18:00 x3, list 07 18:00, often 08 05:30 x23, often 08 06:00',
	'occurrences follow the schedule that was in force at their time');
SELECT change_job('often', enabled => false, at => pg_temp.april(8, '06:50')) \g /dev/null
SELECT is(pg_temp.due(pg_temp.april(8, '06:45')), 'often 08 06:30, list 08 06:30',
	'a change of a job takes effect at its instant, not before');
SELECT change_job('often', enabled => true, at => pg_temp.april(8, '06:55')) \g /dev/null
SELECT change_job('retry', enabled => false, at => pg_temp.april(8, '07:00')) \g /dev/null
SELECT is((SELECT count(*) FROM run_due_jobs(pg_temp.april(10, '08:00')) WHERE job = 'retry'), 0::bigint,
	'a disabled job does not run');
SELECT change_job('retry', enabled => true, at => pg_temp.april(10, '08:00')) \g /dev/null
SELECT is((SELECT string_agg(to_char(occurrence AT TIME ZONE 'America/Chicago', 'DD HH24:MI'), ', ') FROM run_due_jobs(pg_temp.april(11, '08:00')) WHERE job = 'retry'),
	'10 17:00, 11 06:00', 'a job enabled again does not make up for occurrences while disabled');
INSERT INTO failing VALUES ('retry', '40P01');
SELECT run_due_jobs(pg_temp.april(12, '06:00')) \g /dev/null
SELECT is((SELECT sqlstate FROM job_run WHERE job = 'retry' ORDER BY occurrence DESC, attempt DESC LIMIT 1), '40P01',
	'a deadlock in a job is recorded as 40P01');
SELECT change_job('retry', enabled => false, at => pg_temp.april(12, '06:01')) \g /dev/null
SELECT is((SELECT count(*) FROM run_due_jobs(pg_temp.april(12, '06:02')) WHERE job = 'retry'), 0::bigint,
	'a failed occurrence is not retried while its job is disabled');
SELECT change_job('retry', enabled => true, at => pg_temp.april(13, '06:01')) \g /dev/null
DELETE FROM failing;
SELECT is((SELECT string_agg(to_char(occurrence AT TIME ZONE 'America/Chicago', 'DD HH24:MI'), ', ') FROM run_due_jobs(pg_temp.april(13, '06:02')) WHERE job = 'retry'),
	'11 17:00, 12 06:00', 'a job enabled again runs what had failed and what was due before it was disabled');
-- a job that a new version brings
INSERT INTO job (job, run_order, times, every, calendar, run, variant, purpose) VALUES ('new', 60, '{05:00}', NULL, NULL, 'whole', 'new', 'a test');
SELECT is((SELECT string_agg(to_char(occurrence AT TIME ZONE 'America/Chicago', 'DD HH24:MI'), ', ') FROM run_due_jobs(pg_temp.april(20, '04:02')) WHERE job = 'new'), '19 05:00',
	'a job added later starts 24 hours back');

-- ---------------------------------------------------------------------------
-- Rights, and what is refused
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT run_due_jobs(clock_timestamp() + interval '6 minutes')$$, 'LG061', NULL,
	'running jobs ahead of the clock is refused');
SELECT throws_ok($$SELECT run_due_jobs(NULL)$$, 'LG061', NULL, 'running jobs without an instant is refused');
SELECT throws_ok($$SELECT run_due_jobs('infinity')$$, 'LG061', NULL, 'running jobs as of infinity is refused');
SELECT throws_ok($$SELECT run_due_jobs('-infinity')$$, 'LG002', NULL, 'running jobs as of minus infinity is refused');
SELECT throws_ok($$SELECT run_due_jobs(timestamptz '2014-12-31 23:59Z')$$, 'LG061', NULL,
	'running jobs as of an instant before the calendars begin is refused');
SELECT throws_ok($$SELECT change_job('list', enabled => false, at => '4713-01-01Z BC')$$, 'LG061', NULL,
	'changing a job as of an instant before the calendars begin is refused');
SELECT throws_ok($$SELECT * FROM due_jobs('294276-12-31')$$, 'LG061', NULL, 'listing what is due in the year 294276 is refused');
SELECT throws_ok($$SELECT * FROM due_jobs(NULL)$$, 'LG061', NULL, 'listing what is due without an instant is refused');
SELECT throws_ok($$SELECT * FROM due_jobs('infinity')$$, 'LG061', NULL, 'listing what is due at infinity is refused');
SELECT lives_ok($$SELECT * FROM due_jobs(clock_timestamp() + interval '365 days')$$, 'due jobs can be listed up to a year ahead');
SET LOCAL ROLE ledger_test_settler;
SELECT is((SELECT string_agg(DISTINCT run_by, ' ') FROM run_due_jobs(pg_temp.april(20, '05:00'))), 'ledger_test_settler',
	'a settler''s runs are recorded under the settler''s own name');
SELECT throws_ok($$SELECT change_job('list', enabled => false)$$, '42501', NULL, 'a settler cannot change a job');
SELECT throws_ok($$SELECT skip_job('list', now(), 'x')$$, '42501', NULL, 'a settler cannot skip an occurrence');
SELECT throws_ok($$SELECT schedule_jobs()$$, '42501', NULL, 'a settler cannot schedule the jobs');
SELECT throws_ok($$SELECT run_client_part('seal', NULL, now())$$, '42501', NULL,
	'a settler cannot call the internal function that runs a client''s part');
SET LOCAL ROLE ledger_test_auditor;
SELECT lives_ok($$SELECT * FROM due_jobs()$$, 'an auditor lists the due jobs');
SELECT cmp_ok((SELECT count(*) FROM job_runs), '>', 100::bigint, 'an auditor reads the record of runs');
SELECT throws_ok($$SELECT run_due_jobs()$$, '42501', NULL, 'an auditor cannot run jobs');
SET LOCAL ROLE ledger_test_poster;
SELECT throws_ok($$SELECT * FROM bakkt_ledger.job_run$$, '42501', NULL, 'a poster cannot read the record of runs, which is of all clients');
SELECT throws_ok($$SELECT due_jobs()$$, '42501', NULL, 'a poster does not list the due jobs');
RESET ROLE;
GRANT EXECUTE ON FUNCTION run_due_jobs TO ledger_test_poster;
SET LOCAL ROLE ledger_test_poster;
SELECT throws_ok($$SELECT run_due_jobs()$$, '42501', NULL,
	'a role that sees only some clients cannot run jobs, even with EXECUTE');
RESET ROLE;
SELECT throws_ok(statement, 'LG066', NULL,
	'the record of jobs is append-only: ' || statement)
	FROM unnest(ARRAY['UPDATE job_run SET status = ''DONE''', 'DELETE FROM job_run', 'TRUNCATE job_run',
	'UPDATE job_schedule SET enabled = false', 'DELETE FROM job_schedule', 'TRUNCATE job_schedule']) AS statement;
SELECT throws_ok($$INSERT INTO job_run SELECT job, occurrence, attempt + 1, covers, 'DONE', started_at, ended_at, run_by FROM job_run WHERE status = 'DONE' LIMIT 1$$,
	'23505', NULL, 'an occurrence cannot be recorded as done twice, even by the owner');
SELECT throws_ok($$SELECT schedule_jobs()$$, '0A000', NULL, 'scheduling the jobs without pg_cron is refused');
SELECT throws_ok($$SELECT unschedule_jobs()$$, '0A000', NULL, 'unscheduling the jobs without pg_cron is refused');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
