-- Whatever a caller gives to whatever function it may call, the answer is the ledger's: a result, or an error of doc/errors.md.
-- The functions and their arguments come from the catalog, so that a new function is tried without anybody adding it here.
\set QUIET on
\if :{?calls} \else \set calls 32 \endif
\if :{?seed} \else \set seed 0.7 \endif
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
\ir world.psql
SELECT setseed(:seed) \g /dev/null

SELECT cmp_ok(count(*), '>', 300::bigint, 'this test sees the functions of the extension') FROM callable;

CREATE TEMP TABLE call AS
	SELECT c.routine, c.role_name, c.api, pg_temp.some_call(c) AS statement
	FROM callable c, generate_series(1,
		CASE WHEN cardinality(c.types) = 0 THEN 1 WHEN c.is_run THEN :calls / 8 WHEN c.api THEN :calls ELSE :calls / 4 END);
CREATE TEMP TABLE answer AS SELECT c.*, t.* FROM call c, pg_temp.try(c.statement, c.role_name) AS t;

-- ---------------------------------------------------------------------------
-- What came of it
-- ---------------------------------------------------------------------------
-- Answers of a function of a group: a result, a rule of the ledger (class LG), no right, a value that its argument cannot have; a role that there is not,
-- no pg_cron, a call that is too large, a conflict or a lock to be tried again.  A pure function of everybody's may also raise what PostgreSQL's own raise for bad data.
CREATE TEMP VIEW improper AS
	SELECT a.state, a.message, a.statement, a.role_name FROM answer a
	WHERE a.state !~ '^(00ZZZ|LG...|42501|22023|40001|40P01|54000|55P03)$'
	  AND NOT (a.state = '22003' AND a.message ~ '(amount|price|units|result|balance|lines)' AND a.message !~ '^(integer|bigint|smallint|timestamp|date|interval)')
	  AND NOT (a.state = '42704' AND a.message ~ '^role ".*" does not exist$') AND NOT (a.state = '0A000' AND a.message ~ 'pg_cron')
	  AND (a.api OR a.state !~ '^22...$');
SELECT is_empty($$SELECT DISTINCT ON (state, message) state, message, role_name, statement FROM improper$$,
	'no argument of any function leads to an internal error');
SELECT is_empty($$SELECT state, message, statement FROM answer WHERE state ~ '^LG' AND coalesce(message, '') = ''$$,
	'a refusal says what was wrong');
SELECT cmp_ok(count(DISTINCT routine), '>', (SELECT count(DISTINCT routine) / 2 FROM call), 'half of the functions give a result for some of the calls')
FROM answer WHERE state = '00ZZZ';

-- what was found so
SELECT throws_ok(format('SELECT * FROM %s', call), code, NULL, format('%s is refused with %s', call, code)) FROM (VALUES
	($$window_bounds('infinity')$$, 'LG002'), ($$window_bounds('5874897-12-31')$$, 'LG002'), ($$window_bounds('ONE', 'infinity')$$, 'LG070'), ($$window_members('ONE', '5874897-12-31')$$, 'LG070'),
	($$close_window('ONE', '5874897-12-31')$$, 'LG070'), ($$dispute_window('ONE', '5874897-12-31', 'why')$$, 'LG070'), ($$settle_window('ONE', '5874897-12-31', 'r')$$, 'LG070'),
	($$settle_provider('ONE', 'LP1', 'r', '5874897-12-31')$$, 'LG070'), ($$aged_tpj_file('ONE', 'AM', '5874897-12-31')$$, 'LG088'),
	($$next_business_day('CHAIN', '5874897-12-31')$$, 'LG075'), ($$is_business_day('CHAIN', '5874897-12-31')$$, 'LG075'), ($$value_deadline('CHAIN', '294276-12-31')$$, 'LG075'),
	($$add_calendar_version(NULL, '2026-01-01', '2026-12-31', '{}', '{}', 's')$$, 'LG002'), ($$add_calendar_version('no name', '2026-01-01', '2026-12-31', '{}', '{}', 's')$$, 'LG002'),
	($$add_calendar_version('NEW', '2026-12-31', '2026-01-01', '{}', '{}', 's')$$, 'LG002'), ($$add_calendar_version('NEW', '2026-01-01', 'infinity', '{}', '{}', 's')$$, 'LG002'),
	($$add_calendar_version('NEW', '2026-01-01', '2026-12-31', '{}', '{}', 's', weekend => '{8}')$$, 'LG002'),
	($$add_calendar_version('NEW', '2026-01-01', '2026-12-31', '{2026-07-03,2026-07-03}', '{a,b}', 's')$$, 'LG002'),
	($$add_calendar_version('NEW', '2026-01-01', '2026-12-31', '{{2026-07-03},{NULL}}', '{{a},{b}}', 's')$$, 'LG002'),
	($$change_job('process_cash_calls', times => '{{09:00},{NULL}}')$$, 'LG002'), ($$skip_job('process_cash_calls', NULL, 'why')$$, 'LG002'),
	($$retire_asset('BTC', reference => '')$$, 'LG002'), ($$register_asset('NEW', 'COIN', 2, reference => repeat('x', 201))$$, 'LG002'),
	($$open_customer('ONE', 'ONE00004', external_id => repeat('x', 256))$$, 'LG002'),
	($$propose_journal('ONE', (SELECT entry FROM journal LIMIT 1), 'r', 'why', at => NULL)$$, 'LG061')) AS found (call, code);
SELECT deposit_coin('ONE00001', '1.00 BTC', 'not sealed yet') \g /dev/null
SELECT throws_ok(format($$SELECT %s FROM set_config('transaction_read_only', 'on', true)$$, call), '25006', NULL, format('%s writes nothing in a read-only transaction', call)) FROM (VALUES
	($$seal()$$), ($$post_journal('ONE', (SELECT entry FROM journal LIMIT 1), 'r')$$), ($$retire_asset('BTC')$$)) AS writing (call);

-- ---------------------------------------------------------------------------
-- To a tenant, another client's account is as good as none
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE unseen AS
	SELECT c.statement, none.state, none.message, none.detail, none.hint, foreign_one.state AS foreign_state,
		replace(foreign_one.message, a.account, 'FBO:9999999') AS foreign_message, replace(foreign_one.detail, a.account, 'FBO:9999999') AS foreign_detail, foreign_one.hint AS foreign_hint
	FROM call c
	CROSS JOIN (SELECT max(a.account)::text AS account FROM account a JOIN client USING (client_id) WHERE code = 'TWO' AND a.name = 'Cust:TWO00002:settled') AS a
	CROSS JOIN LATERAL pg_temp.try(regexp_replace(c.statement, 'FBO:\d+', 'FBO:9999999', 'g'), c.role_name) AS none
	CROSS JOIN LATERAL pg_temp.try(regexp_replace(c.statement, 'FBO:\d+', a.account, 'g'), c.role_name) AS foreign_one
	WHERE c.role_name = 'ledger_test_tenant' AND c.api AND c.statement ~ 'FBO:\d';
SELECT cmp_ok(count(*) FILTER (WHERE state = 'LG030' OR message ~ 'LG030'), '>', 10::bigint,
	'this test names accounts that do not exist') FROM unseen;
SELECT is_empty($$SELECT * FROM unseen WHERE (state, message, detail, hint) IS DISTINCT FROM (foreign_state, foreign_message, foreign_detail, foreign_hint)$$,
	'a tenant is told the same of another client''s account as of an unknown one');
SELECT is_empty($$SELECT statement, message FROM answer WHERE role_name = 'ledger_test_tenant' AND concat(state, message) ~ 'LG031|another client'$$,
	'no message tells a tenant that an account or a customer is another client''s');

SELECT * FROM finish();
ROLLBACK;
