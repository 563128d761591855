-- The jobs that are shipped: each calls its function with its occurrence and finds its work.
-- Run from the top of the tree: it compares the jobs with their documentation.
\set page `cat doc/jobs.md`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();

SELECT is((SELECT string_agg(job, ' ' ORDER BY run_order) FROM job),
	(SELECT string_agg(line[1], ' ' ORDER BY n) FROM regexp_matches(:'page', '^\| `([a-z_]+)` \| (?:every|[0-9])', 'gn') WITH ORDINALITY AS m (line, n)), 'doc/jobs.md has all jobs in their order');

-- a hundred days over both changes of clocks, with nothing to do
SELECT run_due_jobs('2025-10-01 12:00Z') \g /dev/null
CREATE TEMP TABLE ran AS SELECT clock_timestamp() AS started, NULL::timestamptz AS ended, 0::bigint AS runs;
UPDATE ran SET runs = (SELECT count(*) FROM run_due_jobs('2026-01-09 12:00Z'));
UPDATE ran SET ended = clock_timestamp();
SELECT cmp_ok(runs, '>', 1000::bigint, 'a single call catches up on a hundred days of downtime') FROM ran;
SELECT cmp_ok(ended - started, '<', interval '30 seconds',
	'a hundred days of downtime are caught up on within 30 seconds') FROM ran;
SELECT is_empty($$SELECT * FROM job_run WHERE status <> 'DONE'$$, 'no job fails when it has nothing to do');
SELECT is_empty($$SELECT job FROM job EXCEPT SELECT job FROM job_run WHERE result <> ''$$, 'every job runs and reports a result');
SELECT is_empty($$SELECT job, local_time::date, count(*) FROM job_runs JOIN job j USING (job) WHERE j.times IS NOT NULL AND j.calendar IS NULL
	AND local_time >= '2025-10-02' AND local_time < '2026-01-09' GROUP BY 1, 2, j.times HAVING count(*) <> cardinality(j.times)$$,
	'a job runs once a day at each of its times');
SELECT is((SELECT count(DISTINCT local_time::date) FROM job_runs WHERE job = 'take_aged_tpj_am'), 101::bigint,
	'a daily job runs on every day from 24 hours before the first call');
SELECT is_empty($$SELECT local_time::date FROM job_runs WHERE job = 'instruct_settlement_transfers' AND NOT is_business_day('FEDWIRE', local_time::date)$$,
	'a job of business days does not run on other days');
SELECT is((SELECT string_agg(d::date::text, ' ') FROM generate_series(date '2025-11-24', '2025-12-01', interval '1 day') AS d
	WHERE (SELECT count(*) FROM job_runs WHERE job = 'instruct_settlement_transfers' AND local_time::date = d) = 2),
	'2025-11-24 2025-11-25 2025-11-26 2025-11-28 2025-12-01', 'a job of business days rests on Thanksgiving and at weekends');
SELECT is_empty($$SELECT * FROM due_jobs('2026-01-09 12:00Z')$$, 'no job is due after the downtime is caught up on');
UPDATE ran SET started = clock_timestamp(), runs = (SELECT count(*) FROM generate_series(1, 100) AS n, run_due_jobs('2026-01-09 12:00Z'));
UPDATE ran SET ended = clock_timestamp();
SELECT cmp_ok((ended - started) / 100, '<', interval '50 milliseconds',
	'a call with nothing due takes less than 50 milliseconds') FROM ran;

-- ---------------------------------------------------------------------------
-- With something to do
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.last(job text) RETURNS text LANGUAGE sql AS
	$$ SELECT r.status || ' ' || coalesce(r.result, r.message) FROM job_run r WHERE r.job = $1 ORDER BY r.occurrence DESC, r.attempt DESC LIMIT 1 $$;
SELECT open_client('NETA', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z'), open_client('TPJA', funding_model => 'BAKKT_TPJ', at => '2026-01-01Z') \g /dev/null
SELECT open_customer(client => code, customer => code || '0001') FROM unnest('{NETA,TPJA}'::text[]) AS code \g /dev/null
SELECT open_customer(client => 'TPJA', customer => 'TPJA0002'), open_customer(client => 'TPJA', customer => 'TPJA0003') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
SELECT post_trade(customer, 'BUY', '0.01 BTC', 'lp1', 't' || right(customer, 1), provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => '2026-01-09 14:00Z')
	FROM unnest('{NETA0001,TPJA0001,TPJA0003}'::text[]) AS customer \g /dev/null
SELECT authorize_hold('NETA', account_of('NETA', 'CUST', 'Cust:NETA0001', 'BTC'), '0.001 BTC', 'h1', expires_at => '2026-01-09 14:30Z', at => '2026-01-09 14:00Z') \g /dev/null

SELECT is((SELECT string_agg(DISTINCT status, ' ') FROM run_due_jobs('2026-01-09 14:29Z')), 'DONE',
	'jobs succeed before a hold''s time is over');
SELECT is(pg_temp.last('expire_holds'), 'DONE accounts: 0', 'a hold does not expire before its time');
SELECT is((SELECT string_agg(DISTINCT status, ' ') FROM run_due_jobs('2026-01-09 14:31Z')), 'DONE',
	'jobs succeed after a hold''s time is over');
SELECT is(pg_temp.last('expire_holds'), 'DONE accounts: 1', 'a hold expires in the first run after its time');
SELECT is((SELECT string_agg(DISTINCT status, ' ') FROM run_due_jobs('2026-01-09 15:00Z')), 'DONE',
	'jobs succeed at nine o''clock Central Time');
SELECT is(pg_temp.last('close_due_windows'), 'DONE windows: 2', 'windows of both clients are closed at their end');
SELECT is((SELECT DISTINCT closed_at FROM settlement_window), '2026-01-09 15:00Z', 'a window is closed as of its end');
SELECT matches(pg_temp.last('seal'), '^DONE block: [1-9]', 'the journals of a closed window are sealed in a block');
SELECT is((SELECT string_agg(DISTINCT status, ' ') FROM run_due_jobs('2026-01-10 01:30Z')), 'DONE',
	'jobs succeed at half past seven in the evening');
SELECT is(pg_temp.last('take_aged_tpj_' || kind), 'DONE lists: 1, calls: 2',
	'the ' || kind || ' list of aged cash calls (TPJ) is taken by its job') FROM unnest('{am,sod,pm}'::text[]) AS kind;
SELECT is((SELECT string_agg(s.kind || ' ' || to_char(s.at AT TIME ZONE 'UTC', 'DD HH24:MI'), ', ' ORDER BY s.at) FROM aged_tpj_snapshot s),
	'AM 09 15:30, SOD 09 22:40, PM 10 01:30', 'an aged list is taken as of the occurrence of its job');

-- a list that somebody has taken by hand stands in nobody's way
SELECT take_aged_tpj('AM', '2026-01-12 12:00Z', 'TPJA') \g /dev/null

-- deposits, whose hold of three business days ends on Wednesday
SELECT initiate_deposit('TPJA000' || n, amount, 'd' || n, at => '2026-01-09 16:00Z'), credit_deposit('TPJA', 'd' || n, 'bank ' || n, at => '2026-01-09 16:00Z')
	FROM (VALUES (1, '1000 USD'::amount), (2, '500 USD')) AS d (n, amount) \g /dev/null
SELECT is((SELECT string_agg(result, ' ' ORDER BY occurrence) FROM run_due_jobs('2026-01-15 01:30Z') WHERE job = 'settle_deposits' AND result <> 'settled: 0'), 'settled: 2',
	'deposits are settled when their hold of business days ends');
SELECT is((SELECT r.status || ' ' || r.result FROM job_run r WHERE r.job = 'take_aged_tpj_am' AND r.occurrence = '2026-01-12 15:30Z'),
	'DONE lists: 1, calls: 2, taken before as of another instant: 1',
	'a job leaves a list that was taken by hand and reports it');

-- with one the call is paid at the next retry, and the money is moved to the business account in the morning
SELECT is((SELECT string_agg(to_char(r.occurrence AT TIME ZONE 'UTC', 'DD HH24:MI ') || r.job || ' ' || r.result, ', ' ORDER BY r.started_at) FROM job_run r
	WHERE r.job IN ('retry_cash_calls', 'process_cash_calls') AND r.result !~ '^attempted: 0' AND r.occurrence NOT BETWEEN '2026-01-10 12:01Z' AND '2026-01-14 11:59Z'),
	'09 14:25 process_cash_calls attempted: 2, settled: 0, failed: 2, 09 23:00 retry_cash_calls attempted: 2, settled: 0, failed: 2, '
	'10 12:00 retry_cash_calls attempted: 2, settled: 0, failed: 2, 14 12:00 retry_cash_calls attempted: 2, settled: 0, failed: 2, '
	'14 23:00 retry_cash_calls attempted: 2, settled: 1, failed: 1', 'calls are attempted when new, and again at 06:00 and 17:00');
SELECT throws_ok($$SELECT change_job('retry_cash_calls', times => '{06:00,12:00,17:00}')$$, 'LG002', NULL,
	'a retry at noon is refused, since no call would be due');
SELECT change_job('retry_cash_calls', times => '{17:00,06:00}') \g /dev/null
SELECT is((SELECT times FROM job_schedule WHERE job = 'retry_cash_calls' ORDER BY from_at DESC LIMIT 1), '{06:00,17:00}',
	'a retry job accepts the times that calls are due');
SELECT is((SELECT string_agg(status, ' ') FROM run_due_jobs('2026-01-15 13:00Z') WHERE job = 'instruct_settlement_transfers'), 'DONE',
	'the job of settlement transfers succeeds at seven o''clock');
SELECT is(pg_temp.last('instruct_settlement_transfers'), 'DONE transfers: 1',
	'cash collected by calls is moved to the business account');

-- one is returned when its money is gone: the company makes it good the same day
SELECT request_withdrawal('TPJA0002', '500 USD', 'w2', at => '2026-01-15 14:00Z') \g /dev/null
SELECT send_withdrawal('TPJA', 'w2', at => '2026-01-15 14:00Z'), complete_withdrawal('TPJA', 'w2', at => '2026-01-15 15:00Z') \g /dev/null
SELECT return_deposit('TPJA', 'd2', 'R10', at => '2026-01-15 16:00Z') \g /dev/null
SELECT is((SELECT string_agg(status, ' ') FROM run_due_jobs('2026-01-15 21:30Z') WHERE job = 'top_up_deficits'), 'DONE',
	'the job of top-ups succeeds at half past three');
SELECT is(pg_temp.last('top_up_deficits'), 'DONE transfers: 1', 'a deficit is topped up on the day it arises');

-- a call that is never paid: proposed after 30 days, charged the month after
CREATE ROLE ledger_test_second IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_runner IN ROLE bakkt_ledger_settler;
SELECT grant_client_access('TPJA', 'ledger_test_second') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_runner;
SELECT is((SELECT string_agg(to_char(occurrence AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI ') || result, ', ') FROM run_due_jobs('2026-02-12 12:00Z') WHERE job = 'propose_cash_call_write_offs' AND result <> 'proposed: 0'),
	'2026-02-09 06:10 proposed: 1', 'a call is proposed for write-off when it is too old');
SET LOCAL SESSION AUTHORIZATION ledger_test_second;
SELECT approve_cash_call_write_off('TPJA', call, '2026-02-12 15:00Z') FROM cash_write_offs('TPJA', '2026-02-12 15:00Z') WHERE status = 'PROPOSED' \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is((SELECT string_agg(to_char(occurrence AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI ') || result, ', ') FROM run_due_jobs('2026-03-12 12:00Z') WHERE job = 'charge_cash_call_write_offs' AND result <> 'charged: 0'),
	'2026-03-01 06:20 charged: 1', 'an approved write-off is charged when the next month begins');
SELECT is_empty($$SELECT * FROM job_run WHERE status <> 'DONE'$$, 'no job fails when it has work to do');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
