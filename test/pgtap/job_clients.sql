-- Each client is a unit of its own in every job: one that fails is left out, made up for, or given up; the others go on.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL client_min_messages = warning;
SELECT no_plan();

CREATE ROLE ledger_test_administrator IN ROLE bakkt_ledger_administrator;
SELECT open_client(code, at => '2026-01-01Z') FROM unnest('{AAAA,BBBB}'::text[]) AS code \g /dev/null
DELETE FROM job;
INSERT INTO client_run VALUES ('parts', 'test_part', 'test_due');
INSERT INTO job (job, run_order, times, every, calendar, run, variant, purpose) VALUES
	('daily', 10, '{06:00,17:00}', NULL, NULL, 'parts', 'daily', 'a test'),
	('often', 20, NULL, '5 minutes', NULL, 'parts', 'often', 'a test');
-- what a part does: a row of its own, and what the test told it to fail with
CREATE TEMP TABLE work (job text, at timestamptz, client text, n serial);
CREATE TEMP TABLE failing (job text, client text, sqlstate text);
CREATE TEMP TABLE idle (client text);
CREATE FUNCTION bakkt_ledger_internal.test_part(client_id integer, at timestamptz, variant text) RETURNS jsonb LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
AS $$
DECLARE
	code	text := (client_row(client_id)).code;
BEGIN
	INSERT INTO pg_temp.work VALUES (variant, at, code);
	IF EXISTS (SELECT FROM pg_temp.failing f WHERE f.job = variant AND f.client = code) THEN
		RAISE EXCEPTION USING ERRCODE = (SELECT f.sqlstate FROM pg_temp.failing f WHERE f.job = variant AND f.client = code),
			MESSAGE = 'as told', DETAIL = 'the detail', HINT = 'the hint';
	END IF;
	RETURN '[{}]';
END $$;
CREATE FUNCTION bakkt_ledger_internal.test_due(at timestamptz, variant text) RETURNS integer[] LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
	$$ SELECT ARRAY(SELECT c.client_id FROM client c WHERE c.code NOT IN (SELECT client FROM pg_temp.idle) ORDER BY 1) $$;

-- an April clock, Central
CREATE FUNCTION pg_temp.at(day int, clock text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
	$$ SELECT (make_date(2026, 4, day) + clock::time) AT TIME ZONE 'America/Chicago' $$;
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
CREATE FUNCTION pg_temp.rows_of(request text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer	text;
BEGIN
	EXECUTE format('SELECT string_agg(t::text, chr(10)) FROM (%s) AS t', request) INTO answer;
	RETURN answer;
END $$;
CREATE FUNCTION pg_temp.same(have text, want text, description text) RETURNS text LANGUAGE sql AS
	$$ SELECT is(pg_temp.rows_of(have), pg_temp.rows_of(want), description) $$;
CREATE FUNCTION pg_temp.worked() RETURNS text LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM work RETURNING *)
	SELECT string_agg(concat_ws(' ', g.job, to_char(g.at AT TIME ZONE 'America/Chicago', 'DD HH24:MI'), g.client), ', ' ORDER BY g.n) FROM gone g
$$;
SELECT run_due_jobs(pg_temp.at(1, '05:57')) \g /dev/null
SELECT pg_temp.worked() \g /dev/null

-- ---------------------------------------------------------------------------
-- Nobody fails
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.run(pg_temp.at(1, '06:00')), 'daily 01 06:00, often 01 06:00', 'an occurrence is one row when no client fails');
SELECT is(pg_temp.worked(), 'daily 01 06:00 AAAA, daily 01 06:00 BBBB, often 01 06:00 AAAA, often 01 06:00 BBBB',
	'the part of each client is done, in order');
INSERT INTO idle VALUES ('AAAA');
SELECT is(pg_temp.run(pg_temp.at(1, '06:05')), 'often 01 06:05', 'an occurrence is done when a client has nothing to do');
SELECT is(pg_temp.worked(), 'often 01 06:05 BBBB', 'a client that has nothing to do is not asked');
DELETE FROM idle;

-- ---------------------------------------------------------------------------
-- At times of day: each missed one, in order
-- ---------------------------------------------------------------------------
INSERT INTO failing VALUES ('daily', 'AAAA', 'LG050');
SELECT is(pg_temp.run(pg_temp.at(1, '17:00')), 'often 01 16:55 x130, daily 01 17:00, daily 01 17:00 AAAA FAILED, often 01 17:00',
	'a client whose part fails does not fail the others');
SELECT is(pg_temp.worked(), 'often 01 16:55 AAAA, often 01 16:55 BBBB, daily 01 17:00 BBBB, often 01 17:00 AAAA, often 01 17:00 BBBB',
	'a failed part is undone while parts of other clients and other jobs stand');
SELECT pg_temp.same($$SELECT client, attempt, status, result, sqlstate, message FROM job_run WHERE job = 'daily' AND occurrence = pg_temp.at(1, '17:00') ORDER BY client NULLS FIRST$$,
	$$VALUES (NULL, 1, 'DONE', 'transfers: 1', NULL, NULL), ('AAAA', 1, 'FAILED', NULL::text, 'LG050', E'as told\nDETAIL: the detail\nHINT: the hint')$$,
	'an occurrence is done and the failure of a client''s part is on record');
SELECT is(pg_temp.due(pg_temp.at(1, '17:00')), 'daily 01 17:00 #2 AAAA', 'a failed part of a client is due again');
SELECT is(pg_temp.due(pg_temp.at(1, '16:59')), NULL, 'a failed part is not due before its instant');
SELECT is(pg_temp.run(pg_temp.at(1, '17:01')), 'daily 01 17:00 #2 AAAA FAILED',
	'a failed part of a daily job is tried again at the next call');
SELECT is(pg_temp.run(pg_temp.at(2, '06:00')), 'daily 01 17:00 #3 AAAA FAILED, often 02 05:55 x155, daily 02 06:00, often 02 06:00',
	'later occurrences of a failed client wait while those of others run');
SELECT is(pg_temp.due(pg_temp.at(2, '06:00')), 'daily 01 17:00 #4 AAAA, daily 02 06:00 AAAA',
	'an occurrence that waits behind a failed part is due as well');
SELECT pg_temp.worked() \g /dev/null
SELECT is(pg_temp.run(pg_temp.at(2, '17:00')), 'daily 01 17:00 #4 AAAA FAILED, often 02 16:55 x131, daily 02 17:00, often 02 17:00',
	'a failed part holds back any number of later occurrences of its client');
SELECT is(pg_temp.worked(), 'often 02 16:55 AAAA, often 02 16:55 BBBB, daily 02 17:00 BBBB, often 02 17:00 AAAA, often 02 17:00 BBBB',
	'other clients and other jobs go on while a part of a job fails');
SELECT pg_temp.same($$SELECT client, occurrence, failures, sqlstate FROM job_left_out ORDER BY occurrence$$,
	$$VALUES ('AAAA', pg_temp.at(1, '17:00'), 4, 'LG050'), ('AAAA', pg_temp.at(2, '06:00'), 0, NULL), ('AAAA', pg_temp.at(2, '17:00'), 0, NULL)$$,
	'the table job_left_out shows which client misses what and why');
DELETE FROM failing;
SELECT is(pg_temp.run(pg_temp.at(2, '17:02'), 2), 'daily 01 17:00 #5 AAAA, daily 02 06:00 AAAA',
	'missed parts are made up for in order, at most as many as asked for in a call');
SELECT is(pg_temp.run(pg_temp.at(3, '06:00')), 'daily 02 17:00 AAAA, often 03 05:55 x155, daily 03 06:00, often 03 06:00',
	'the remaining missed parts run before later occurrences');
SELECT is(pg_temp.worked(), 'daily 01 17:00 AAAA, daily 02 06:00 AAAA, daily 02 17:00 AAAA, often 03 05:55 AAAA, often 03 05:55 BBBB, '
	'daily 03 06:00 AAAA, daily 03 06:00 BBBB, often 03 06:00 AAAA, often 03 06:00 BBBB',
	'each missed part of a daily job is done once');
SELECT is_empty('SELECT FROM job_left_out', 'a client that has caught up is no longer left out');
SELECT is(pg_temp.run(pg_temp.at(3, '06:00')), NULL, 'a call after everything is done has nothing to run');

-- ---------------------------------------------------------------------------
-- Every so often: the latest instant stands for all
-- ---------------------------------------------------------------------------
INSERT INTO failing VALUES ('often', 'BBBB', '55P03');
SELECT is(pg_temp.run(pg_temp.at(3, '06:05')), 'often 03 06:05, often 03 06:05 BBBB FAILED',
	'a locked client is left out of an occurrence of a frequent job');
SELECT is(pg_temp.run(pg_temp.at(3, '06:06')), 'often 03 06:05 #2 BBBB FAILED',
	'a failed part of a frequent job is tried again at the next call');
SELECT is(pg_temp.run(pg_temp.at(3, '06:15')), 'often 03 06:05 #3 BBBB FAILED, often 03 06:15 x2',
	'a failed part of a frequent job is tried once in a call');
SELECT is(pg_temp.run(pg_temp.at(3, '06:21')), 'often 03 06:15 x3 #4 BBBB FAILED, often 03 06:20',
	'a failed part is tried as of the latest instant done for the others');
DELETE FROM failing;
SELECT pg_temp.worked() \g /dev/null
SELECT is(pg_temp.run(pg_temp.at(3, '06:22')), 'often 03 06:20 x4 #5 BBBB',
	'one part as of the latest instant stands for all that a client missed');
SELECT is(pg_temp.worked(), 'often 03 06:20 BBBB', 'the part that stands for several missed instants is done once');
SELECT is((SELECT sum(covers) FROM job_run WHERE job = 'often' AND status = 'DONE' AND client = 'BBBB'),
	(SELECT count(*) FROM generate_series(pg_temp.at(3, '06:05'), pg_temp.at(3, '06:20'), interval '5 minutes')),
	'every instant that a client missed is covered once');

-- both, and a restart of the failures' count
INSERT INTO failing VALUES ('often', 'BBBB', '40001'), ('often', 'AAAA', '40P01');
SELECT is(pg_temp.run(pg_temp.at(3, '06:25')), 'often 03 06:25, often 03 06:25 AAAA FAILED, often 03 06:25 BBBB FAILED',
	'an occurrence that fails for every client is due for each of them');
SELECT is(pg_temp.due(pg_temp.at(3, '06:25')), 'often 03 06:25 #2 AAAA, often 03 06:25 #2 BBBB',
	'failures are counted for each client by itself');
UPDATE failing SET job = 'none' WHERE client = 'AAAA';
SELECT is(pg_temp.run(pg_temp.at(3, '06:26')), 'often 03 06:25 #2 AAAA, often 03 06:25 #2 BBBB FAILED',
	'the part of one client is made up for while that of another still fails');

-- ---------------------------------------------------------------------------
-- Giving one up
-- ---------------------------------------------------------------------------
SET LOCAL ROLE ledger_test_administrator;
SELECT throws_ok($$SELECT skip_job('often', pg_temp.at(3, '06:25'), '', 'BBBB')$$, 'LG002', NULL, 'giving up a client''s part needs a reason');
SELECT throws_ok($$SELECT skip_job('often', pg_temp.at(3, '06:25'), 'x', 'AAAA')$$, 'LG002', NULL,
	'a part that is done cannot be given up');
SELECT throws_ok($$SELECT skip_job('often', pg_temp.at(3, '06:20'), 'x', 'BBBB')$$, 'LG002', NULL,
	'a part of an occurrence that was not left out cannot be given up');
SELECT throws_ok($$SELECT skip_job('often', pg_temp.at(3, '06:25'), 'x')$$, 'LG002', NULL,
	'an occurrence that was done for other clients cannot be given up');
SELECT pg_temp.same($$SELECT client, attempt, status, message FROM skip_job('often', pg_temp.at(3, '06:25'), 'done by hand', 'BBBB')$$,
	$$VALUES ('BBBB', 3, 'SKIPPED', 'done by hand')$$, 'an administrator gives up the part of a client with a reason');
SELECT pg_temp.same($$SELECT client, attempt, status FROM skip_job('often', pg_temp.at(3, '06:25'), 'again', 'BBBB')$$, $$VALUES ('BBBB', 3, 'SKIPPED')$$,
	'a part given up twice keeps its first record');
RESET ROLE;
DELETE FROM failing;
SELECT is(pg_temp.run(pg_temp.at(3, '06:30')), 'often 03 06:30', 'a client whose part was given up goes on with the others');
SELECT throws_ok($$INSERT INTO job_run SELECT job, occurrence, attempt + 1, covers, 'DONE', started_at, ended_at, run_by, NULL, NULL, NULL, client FROM job_run WHERE client IS NOT NULL AND status = 'DONE' LIMIT 1$$,
	'23505', NULL, 'the part of a client is not recorded as done twice even by the owner');
SELECT throws_ok('TRUNCATE job_left_out', 'LG066', NULL, 'the table of what clients miss is never truncated');

-- a job that rests or is disabled rests for those it left out, too
INSERT INTO failing VALUES ('often', 'BBBB', 'LG050');
SELECT pg_temp.run(pg_temp.at(3, '06:35')) \g /dev/null
SELECT change_job('often', enabled => false, at => pg_temp.at(3, '06:36')) \g /dev/null
SELECT is(pg_temp.run(pg_temp.at(3, '06:40')), NULL, 'a disabled job tries no failed part');
SELECT change_job('often', enabled => true, at => pg_temp.at(3, '06:41')) \g /dev/null
SELECT is(pg_temp.run(pg_temp.at(3, '06:41')), 'often 03 06:35 #2 BBBB FAILED',
	'a failed part is tried once its job is enabled again');
DELETE FROM failing;

-- a run that fails before it comes to the clients fails for all
CREATE OR REPLACE FUNCTION bakkt_ledger_internal.test_due(at timestamptz, variant text) RETURNS integer[] LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS $$ BEGIN RAISE division_by_zero; END $$;
SELECT is(pg_temp.run(pg_temp.at(3, '06:45')), 'often 03 06:35 #3 BBBB, often 03 06:45 FAILED',
	'an error outside the parts of clients fails the occurrence for all');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
