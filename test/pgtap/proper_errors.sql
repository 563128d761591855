-- Whatever a caller gives to whatever function it may call, the answer is the ledger's: a result, or an error of doc/errors.md.
-- The functions and their arguments come from the catalog, so that a new function is tried without anybody adding it here.
\set QUIET on
\if :{?calls} \else \set calls 32 \endif
\if :{?seed} \else \set seed 0.7 \endif
BEGIN;
SET LOCAL search_path = bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
\ir world.psql
SELECT setseed(:seed) \g /dev/null

-- who may call what: a function of a group by whoever has the group, one of everybody by a tenant
CREATE TEMP TABLE callable AS
	SELECT p.oid::regprocedure AS routine, p.oid::regproc AS name, p.prokind, p.proargtypes::oid[] AS types, p.proargnames[1:p.pronargs] AS names,
		p.pronargs - p.pronargdefaults AS needed, p.provariadic <> 0 AS variadic, w.role_name, NOT w.public AS api,
		p.provolatile = 'v' AND p.pronargs = p.pronargdefaults AS is_run		-- over all clients: these take longest
	FROM pg_proc p
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger'
	CROSS JOIN LATERAL (
		SELECT DISTINCT CASE WHEN x.grantee = 0 OR pg_has_role('ledger_test_tenant', x.grantee, 'USAGE') THEN 'ledger_test_tenant' ELSE 'ledger_test_company' END AS role_name,
			x.grantee = 0 AS public
		FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x WHERE x.grantee <> p.proowner) AS w
	WHERE p.prokind IN ('f', 'a') AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype) AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]);
SELECT cmp_ok(count(*), '>', 300::bigint, 'this test sees the functions of the extension') FROM callable;

CREATE TEMP TABLE call AS
	SELECT c.routine, c.role_name, c.api, format(CASE c.prokind WHEN 'a' THEN 'SELECT %s(%s)::text' ELSE 'SELECT t::text FROM %s(%s) AS t' END, c.name, a.arguments) AS statement
	FROM callable c, generate_series(1,
		CASE WHEN cardinality(c.types) = 0 THEN 1 WHEN c.is_run THEN :calls / 8 WHEN c.api THEN :calls ELSE :calls / 4 END) AS n
	CROSS JOIN LATERAL (
		-- n: a different draw for each; what has a default is seldom given
		SELECT string_agg(CASE WHEN t.no > c.needed THEN format('%I => ', t.name) WHEN c.variadic THEN 'VARIADIC ' ELSE '' END || pg_temp.some_value(t.type, t.name), ', ' ORDER BY t.no) AS arguments
		FROM unnest(c.types, c.names) WITH ORDINALITY AS t (type, name, no) WHERE n > 0 AND (t.no <= c.needed OR random() < 0.3)) AS a;

-- What comes of a call, which is taken back: its results, but for instants, or its error.
CREATE FUNCTION pg_temp.try(statement text, role_name text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', role_name, true);
	EXECUTE format('SELECT string_agg(x, E''\n'') FROM (%s) AS c (x)', statement) INTO message;
	RAISE EXCEPTION USING ERRCODE = '00ZZZ', MESSAGE = coalesce(nullif(regexp_replace(message, '\d{4}-\d\d-\d\d [0-9:.]+', 'then', 'g'), ''), 'nothing');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	PERFORM set_config('role', 'none', true);
END
$$;
CREATE TEMP TABLE answer AS SELECT c.*, t.* FROM call c, pg_temp.try(c.statement, c.role_name) AS t;

-- ---------------------------------------------------------------------------
-- What came of it
-- ---------------------------------------------------------------------------
-- Answers of a function of a group: a result, a rule of the ledger (class LG), no right, a value that its argument cannot have; a role that there is not,
-- no pg_cron, a conflict or a lock to be tried again.  A pure function of everybody's may also raise what PostgreSQL's own raise for bad data.
CREATE TEMP VIEW improper AS
	SELECT a.state, a.message, a.statement, a.role_name FROM answer a
	WHERE a.state !~ '^(00ZZZ|LG...|42501|22023|40001|40P01|55P03)$'
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
SELECT throws_ok(format('SELECT * FROM %s', call), code, NULL, format('%s is %s', call, code)) FROM (VALUES
	($$window_bounds('infinity')$$, 'LG002'), ($$window_bounds('5874897-12-31')$$, 'LG002'), ($$window_bounds('ONE', 'infinity')$$, 'LG070'), ($$window_members('ONE', '5874897-12-31')$$, 'LG070'),
	($$close_window('ONE', '5874897-12-31')$$, 'LG070'), ($$dispute_window('ONE', '5874897-12-31', 'why')$$, 'LG070'), ($$settle_window('ONE', '5874897-12-31', 'r')$$, 'LG070'),
	($$settle_provider('ONE', 'r', 'LP1', '5874897-12-31')$$, 'LG070'), ($$aged_tpj_file('ONE', 'AM', '5874897-12-31')$$, 'LG088'),
	($$next_business_day('CHAIN', '5874897-12-31')$$, 'LG075'), ($$is_business_day('CHAIN', '5874897-12-31')$$, 'LG075'), ($$value_deadline('CHAIN', '294276-12-31')$$, 'LG075'),
	($$add_calendar_version(NULL, '2026-01-01', '2026-12-31', '{}', '{}', 's')$$, 'LG002'), ($$add_calendar_version('no name', '2026-01-01', '2026-12-31', '{}', '{}', 's')$$, 'LG002'),
	($$add_calendar_version('NEW', '2026-12-31', '2026-01-01', '{}', '{}', 's')$$, 'LG002'), ($$add_calendar_version('NEW', '2026-01-01', 'infinity', '{}', '{}', 's')$$, 'LG002'),
	($$add_calendar_version('NEW', '2026-01-01', '2026-12-31', '{}', '{}', 's', weekend => '{8}')$$, 'LG002'),
	($$add_calendar_version('NEW', '2026-01-01', '2026-12-31', '{2026-07-03,2026-07-03}', '{a,b}', 's')$$, 'LG002'),
	($$add_calendar_version('NEW', '2026-01-01', '2026-12-31', '{{2026-07-03},{NULL}}', '{{a},{b}}', 's')$$, 'LG002'),
	($$change_job('process_cash_calls', times => '{{09:00},{NULL}}')$$, 'LG002'), ($$skip_job('process_cash_calls', NULL, 'why')$$, 'LG002'),
	($$retire_asset('BTC', reference => '')$$, 'LG002'), ($$register_asset('NEW', 'COIN', 2, reference => repeat('x', 201))$$, 'LG002'),
	($$open_customer('ONE00004', 'ONE', party_reference => repeat('x', 256))$$, 'LG002'),
	($$propose_journal((SELECT entry FROM journal LIMIT 1), 'why', 'r', at => NULL)$$, 'LG061')) AS found (call, code);
SELECT deposit_coin('ONE00001', '1.00 BTC', 'not sealed yet') \g /dev/null
SELECT throws_ok(format($$SELECT %s FROM set_config('transaction_read_only', 'on', true)$$, call), '25006', NULL, format('%s writes nothing in a read-only transaction', call)) FROM (VALUES
	($$seal()$$), ($$post_journal('ONE', 'r', (SELECT entry FROM journal LIMIT 1))$$), ($$retire_asset('BTC')$$)) AS writing (call);

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
SELECT cmp_ok(count(*) FILTER (WHERE state = 'LG030' OR message ~ 'LG030'), '>', 20::bigint, 'this test names accounts that there are not') FROM unseen;
SELECT is_empty($$SELECT * FROM unseen WHERE (state, message, detail, hint) IS DISTINCT FROM (foreign_state, foreign_message, foreign_detail, foreign_hint)$$,
	'a tenant is told the same of another client''s account as of one that there is not');
SELECT is_empty($$SELECT statement, message FROM answer WHERE role_name = 'ledger_test_tenant' AND concat(state, message) ~ 'LG031|another client'$$,
	'nothing tells a tenant that an account or a customer is another client''s');

SELECT * FROM finish();
ROLLBACK;
