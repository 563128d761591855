-- What a session sets, becomes or holds changes nothing of what its login may see and do.
SET client_min_messages = warning;
\ir readings.psql
SELECT no_plan();
SET search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;

-- ---------------------------------------------------------------------------
-- Becoming somebody else
-- ---------------------------------------------------------------------------
SET SESSION AUTHORIZATION attack_mine_poster;
SELECT throws_ok(format('SET ROLE %I', r), '42501', NULL, 'a tenant does not become ' || r)
	FROM unnest('{postgres,attack_zqx_poster,attack_mine_settler,bakkt_ledger_settler,bakkt_ledger_auditor}'::text[]) r;
CREATE FUNCTION pg_temp.seen_as(r text) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', r, true);
	RETURN ARRAY(SELECT client FROM bakkt_ledger.clients());
END $$;
SELECT ok(pg_temp.seen_as(r) <@ '{MINE}', 'a tenant sees no more than its client as ' || r) FROM unnest('{bakkt_ledger_poster,bakkt_ledger_reader,none}'::text[]) r;
RESET ROLE;
SELECT throws_ok($$SELECT bakkt_ledger.grant_client_access('OTHR', 'attack_mine_poster')$$, '42501', NULL,
	'a tenant cannot grant itself access to a client');

-- a function of a tenant's, called by others: it works with its owner's rights, and sees what its caller sees
RESET SESSION AUTHORIZATION;
CREATE SCHEMA wrapper AUTHORIZATION attack_zqx_poster;
GRANT USAGE ON SCHEMA wrapper TO PUBLIC;
SET SESSION AUTHORIZATION attack_zqx_poster;
CREATE FUNCTION wrapper.clients() RETURNS text[] SECURITY DEFINER LANGUAGE sql AS 'SELECT ARRAY(SELECT client FROM bakkt_ledger.clients())';
CREATE FUNCTION wrapper.cash() RETURNS text SECURITY DEFINER LANGUAGE sql AS $$SELECT string_agg(b::text, ' ') FROM bakkt_ledger.cash_balance('ZQXANN01') AS b$$;
CREATE FUNCTION wrapper.become() RETURNS text SECURITY DEFINER LANGUAGE sql AS $$SELECT set_config('role', 'attack_zqx_poster', false)$$;
SET SESSION AUTHORIZATION attack_mine_poster;
SELECT is(wrapper.clients(), '{MINE}', 'a wrapper with another''s rights shows the caller''s client, not the owner''s');
SELECT throws_ok('SELECT wrapper.cash()', 'LG012', NULL, 'a wrapper of another tenant reads none of its owner''s customers for a caller of another client');
SELECT throws_ok('SELECT wrapper.become()', '42501', NULL, 'nobody changes the role inside of a wrapper');
SET SESSION AUTHORIZATION attack_nobody;
SELECT throws_ok('SELECT bakkt_ledger.clients()', '42501', NULL, 'a login in no group calls nothing');
SELECT is(wrapper.clients(), '{}', 'a login in no group sees no client through a wrapper');

-- ---------------------------------------------------------------------------
-- Settings
-- ---------------------------------------------------------------------------
SET SESSION AUTHORIZATION attack_mine_poster;
SELECT throws_ok('SET bakkt_ledger.restoring = on', '42501', NULL, 'only a superuser loads a dump past the triggers');
SELECT throws_ok('SET session_replication_role = replica', '42501', NULL, 'a tenant cannot switch triggers off');
SELECT throws_ok('SET allow_system_table_mods = on', '42501', NULL, 'a tenant cannot allow changes of the system catalog');
SELECT throws_ok('SET zero_damaged_pages = on', '42501', NULL, 'a tenant cannot make damaged pages read as zeros');
INSERT INTO attack.before SELECT attack.read_all();
CREATE TEMP TABLE hostile (setting text, value text);
INSERT INTO hostile VALUES ('DateStyle', 'SQL, DMY'), ('TimeZone', 'Pacific/Kiritimati'), ('IntervalStyle', 'sql_standard'), ('extra_float_digits', '-15'), ('bytea_output', 'escape'),
	('row_security', 'off'), ('standard_conforming_strings', 'off'), ('xmlbinary', 'hex'), ('quote_all_identifiers', 'on'), ('array_nulls', 'off'), ('transform_null_equals', 'on'),
	('enable_seqscan', 'off'), ('enable_indexscan', 'off'), ('plan_cache_mode', 'force_generic_plan'), ('default_transaction_isolation', 'serializable'), ('lock_timeout', '1ms'),
	('lc_numeric', 'C'), ('work_mem', '64kB'), ('from_collapse_limit', '1'), ('constraint_exclusion', 'on'), ('plpgsql.variable_conflict', 'use_variable'), ('check_function_bodies', 'off');
-- what is printed is the session's own affair; which rows, how many and whether is not
CREATE FUNCTION pg_temp.shape() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	one		text;
	many	bigint;
	shape	text := '';
BEGIN
	FOR one IN SELECT r.call FROM attack.reading r LOOP
		EXECUTE format('SELECT count(*) FROM bakkt_ledger.%s AS x', one) INTO many;
		shape := concat(shape, one, ' ', many, '; ');
	END LOOP;
	RETURN shape;
END $$;
CREATE TEMP TABLE shape AS SELECT pg_temp.shape() AS said;
CREATE FUNCTION pg_temp.shape_with(setting text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said	text;
BEGIN
	PERFORM set_config(setting, value, true);
	said := pg_temp.shape();
	PERFORM set_config(s.name, s.reset_val, true) FROM pg_settings s WHERE s.name = shape_with.setting;
	RETURN said;
EXCEPTION WHEN insufficient_privilege THEN
	-- not to be set by a tenant, or, with row_security off, not to be read
	RETURN (SELECT s.said FROM shape s);
END $$;
SELECT is(pg_temp.shape_with(setting, value), (SELECT said FROM shape), format('%s = %s changes no row of an answer', setting, value)) FROM hostile;
SELECT is(attack.read_all(), (SELECT said FROM attack.before), 'answers are the same after hostile settings are taken back');

-- what is written under hostile settings is what it would be otherwise: the checks recompute it
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Pacific/Kiritimati';
SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SELECT lives_ok($$SELECT initiate_deposit('MNEANN01', '1.00 USD', 'hostile', at => '2026-05-20 15:00Z')$$,
	'a deposit can be requested under hostile settings');
SELECT lives_ok($$SELECT initiate_deposit('MNEANN01', '1.00 USD', 'hostile', at => '2026-05-20 15:00Z')$$,
	'a deposit request repeated under hostile settings is accepted');
SELECT lives_ok($$SELECT authorize_hold('MINE', account_of('MINE', 'CUST', 'Cust:MNEANN01', 'BTC'), '0.01 BTC', 'hostile', at => '2026-05-20 15:00Z')$$,
	'a hold can be authorized under hostile settings');
RESET SESSION AUTHORIZATION;
SELECT seal() \g /dev/null
SET SESSION AUTHORIZATION attack_mine_auditor;
SELECT is_empty('SELECT * FROM verify()', 'verify() run under hostile settings finds nothing');
RESET DateStyle;
RESET TimeZone;
RESET bytea_output;
RESET extra_float_digits;
RESET IntervalStyle;
SELECT is_empty('SELECT * FROM verify()', 'verify() run under normal settings confirms what was sealed under hostile ones');

-- ---------------------------------------------------------------------------
-- Locks and messages
-- ---------------------------------------------------------------------------
SET SESSION AUTHORIZATION attack_mine_poster;
BEGIN;
SELECT initiate_deposit('MNEANN01', '1.00 USD', 'locking', at => '2026-05-20 15:00Z') \g /dev/null
SELECT is_empty($$SELECT objsubid FROM pg_locks WHERE locktype = 'advisory' AND objsubid IN (1, 2)$$,
	'advisory locks of the ledger are out of reach of pg_advisory_lock()');
COMMIT;
SELECT lives_ok($$SELECT pg_notify('bakkt_ledger', 'x')$$, 'a tenant may send a notification on a channel named like the ledger');
BEGIN READ ONLY;
SELECT throws_ok($$SELECT initiate_deposit('MNEANN01', '1.00 USD', 'read only', at => '2026-05-20 15:00Z')$$, '25006', NULL,
	'a deposit request in a read-only transaction is refused');
ROLLBACK;

-- ---------------------------------------------------------------------------
-- References that the ledger makes itself
-- ---------------------------------------------------------------------------
RESET SESSION AUTHORIZATION;
SELECT is_empty($$SELECT j.reference FROM bakkt_ledger_internal.journal j JOIN bakkt_ledger_internal.client c USING (client_id) WHERE c.code = 'MINE' AND j.reference LIKE '%:%' AND j.reference !~ '^[a-z-]+:'$$,
	'references that the ledger makes itself begin with a word and a colon');
SELECT string_agg(DISTINCT quote_literal(regexp_replace(reference, '[^:]+$', 'taken')), ',') AS taken FROM journal WHERE reference LIKE '%:%' \gset
SET SESSION AUTHORIZATION attack_mine_bookkeeper;
SELECT throws_ok(format($$SELECT post_journal(client => 'MINE', reference => %L, entry => '{Dr %s 1.00 USD; Cr %s 1.00 USD}')$$, taken, account_of('MINE', 'CORP', 'Expense:bank-fee', 'USD'), account_of('MINE', 'CORP', 'Expense:operating', 'USD')),
	'LG002', NULL, format('nobody posts under %s, which the ledger makes itself', taken)) FROM unnest(ARRAY[:taken]) AS taken;
RESET SESSION AUTHORIZATION;
SELECT * FROM finish();
