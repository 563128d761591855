-- Years in which nothing ran: a call catches up a bounded part of them, and no occurrence is skipped.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();

DELETE FROM job;
INSERT INTO client_run VALUES ('nothing', 'test_nothing', NULL);
INSERT INTO job (job, run_order, times, every, calendar, run, purpose) VALUES
	('daily', 10, '{06:00}', NULL, NULL, 'nothing', 'a test'),
	('often', 20, NULL, '5 minutes', NULL, 'nothing', 'a test');
CREATE FUNCTION bakkt_ledger_internal.test_nothing(client_id integer, at timestamptz, variant text) RETURNS jsonb LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS $$ BEGIN RETURN '[]'; END $$;

SELECT run_due_jobs('2016-01-01 12:00Z') \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM due_jobs('2019-01-01 12:00Z')), '<', 1000::bigint,
	'a bounded part of three missed years is due at a time');
SELECT cmp_ok((SELECT max(occurrence) FROM due_jobs('2019-01-01 12:00Z')), '<=', timestamptz '2017-01-01 12:00Z',
	'the part that is due is the earliest');
SELECT change_job('daily', times => '{07:00}', at => timestamptz '2016-06-01Z' + n * interval '1 year') FROM generate_series(0, 2) AS n \g /dev/null
SELECT change_job('daily', times => '{08:00}', at => '2017-06-01Z') \g /dev/null
CREATE FUNCTION pg_temp.call() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM run_due_jobs('2019-01-01 12:00Z') $$;
SELECT cmp_ok(pg_temp.call(), '>', 300::bigint, format('call %s catches up a part of the missed years', n)) FROM generate_series(1, 3) AS n;
SELECT is((SELECT count(*) FROM run_due_jobs('2019-01-01 12:00Z')), 0::bigint,
	'a schedule that has caught up has nothing to run');
SELECT is((SELECT count(DISTINCT (occurrence AT TIME ZONE 'America/Chicago')::date) FROM job_run WHERE job = 'daily' AND occurrence > '2016-01-01 12:00Z'),
	(date '2019-01-01' - date '2016-01-01')::bigint - 1, 'a daily job catches up every missed day over changes of its schedule');
SELECT is((SELECT sum(covers) FROM job_run WHERE job = 'often' AND occurrence > '2016-01-01 12:00Z'),
	(SELECT count(*) FROM generate_series(timestamptz '2016-01-01 12:05Z', '2019-01-01 12:00Z', interval '5 minutes')),
	'a frequent job covers every missed instant once');

SELECT * FROM finish();
ROLLBACK;
