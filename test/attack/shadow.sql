-- A tenant's own objects, named like the ledger's or the server's and put in front of them, change nothing of what the ledger does.
SET client_min_messages = warning;
\ir readings.psql
CREATE SCHEMA lure AUTHORIZATION attack_mine_poster;
SELECT no_plan();
SET SESSION AUTHORIZATION attack_mine_poster;
INSERT INTO attack.before SELECT attack.read_all();
SELECT is((SELECT said !~ '42501|zqx|ZQX|7700' FROM attack.before), true,
	'a tenant''s readings succeed and show only its own client');

-- a function for each of the ledger's, with the same arguments, that raises the name of its caller
DO $$
DECLARE
	routine	record;
BEGIN
	FOR routine IN SELECT p.proname, (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY n) FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n)) AS given
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname IN ('bakkt_ledger', 'bakkt_ledger_internal') WHERE p.prokind = 'f'
		  -- whose arguments a tenant can name
		  AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) t JOIN pg_type y ON y.oid = t JOIN pg_namespace s ON s.oid = y.typnamespace WHERE y.typtype = 'p' OR s.nspname = 'bakkt_ledger_internal') LOOP
		EXECUTE format('CREATE FUNCTION lure.%I(%s) RETURNS void LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION ''''sprung by %s''''; END''', routine.proname, routine.given, current_user);
	END LOOP;
END $$;
-- operators on the types that everything is compared by
CREATE FUNCTION lure.same(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION lure.same(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION lure.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION lure.same(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION lure.same(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION lure.same(bakkt_ledger.account_id, bakkt_ledger.account_id) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR lure.= (LEFTARG = int, RIGHTARG = int, FUNCTION = lure.same);
CREATE OPERATOR lure.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = lure.same);
CREATE OPERATOR lure.= (LEFTARG = text, RIGHTARG = text, FUNCTION = lure.same);
CREATE OPERATOR lure.= (LEFTARG = name, RIGHTARG = name, FUNCTION = lure.same);
CREATE OPERATOR lure.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = lure.same);
CREATE OPERATOR lure.= (LEFTARG = bakkt_ledger.account_id, RIGHTARG = bakkt_ledger.account_id, FUNCTION = lure.same);
-- types, domains and functions of the server
CREATE DOMAIN lure.text AS int;
CREATE DOMAIN lure.amount AS int;
CREATE DOMAIN lure.asset AS int;
CREATE FUNCTION lure.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT '2020-01-01Z'::timestamptz$$;
CREATE FUNCTION lure.pg_has_role(name, oid, pg_catalog.text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION lure.has_table_privilege(name, oid, pg_catalog.text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
-- tables, also temporary ones, that say that the other client is the tenant's own
DO $$
DECLARE
	relation name;
BEGIN
	FOR relation IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'bakkt_ledger'::regnamespace AND c.relkind IN ('r', 'v') LOOP
		EXECUTE format('CREATE TABLE lure.%I AS SELECT 7700001 AS client_id, ''MINE''::pg_catalog.text AS code, 7700001::bigint AS customer_id, ''MNEANN01''::pg_catalog.text AS customer_code', relation);
		EXECUTE format('CREATE TEMP TABLE %I AS SELECT * FROM lure.%1$I', relation);
	END LOOP;
END $$;
CREATE TEMP TABLE pg_roles AS SELECT 'attack_mine_poster'::name AS rolname, true AS rolsuper, 10::oid AS oid;
CREATE TEMP TABLE pg_auth_members AS SELECT 10::oid AS roleid, 10::oid AS member;
CREATE TEMP TABLE pg_class AS SELECT 'x'::name AS relname;
CREATE FUNCTION pg_temp.visible_clients() RETURNS int[] LANGUAGE sql AS 'SELECT ARRAY[7700001]';

SET search_path = lure, pg_temp, pg_catalog, bakkt_ledger_internal, bakkt_ledger;
SELECT bool_and(a = b) AS laid FROM (VALUES (1, 2)) AS v (a, b) \gset
SET search_path = lure, pg_temp, bakkt_ledger, bakkt_ledger_internal, public;
SELECT attack.read_all() OPERATOR(pg_catalog.=) b.said AS same FROM attack.before b \gset
SET search_path = public, pg_temp;
SELECT ok(:'laid', 'the tenant''s operators take effect on its own search path: 1 = 2 is true');
SELECT ok(:'same', 'objects in a tenant''s schema that shadow the ledger''s change no answer');
SET search_path = pg_temp, lure, pg_catalog, bakkt_ledger_internal, bakkt_ledger, public;
SELECT attack.read_all() OPERATOR(pg_catalog.=) b.said AS same FROM attack.before b \gset
SET search_path = bakkt_ledger_internal, bakkt_ledger;
SELECT attack.read_all() OPERATOR(pg_catalog.=) b.said AS temporary FROM attack.before b \gset
SET search_path = '';
SELECT attack.read_all() OPERATOR(pg_catalog.=) b.said AS pathless FROM attack.before b \gset
-- refusals and a permitted deposit, with all of these in the search path
SET search_path = lure, pg_temp, pg_catalog, bakkt_ledger_internal, bakkt_ledger;
SELECT attack.state($$SELECT bakkt_ledger.customers('OTHR')$$) AS client_state, attack.state($$SELECT bakkt_ledger.cash_balance('ZQXANN01')$$) AS customer_state,
	attack.state($$SELECT bakkt_ledger.initiate_deposit('MNEANN01', '1.00 USD', 'lured', at => '2026-05-20 15:00Z')$$) AS deposit_state \gset
SET search_path = public;
DROP TABLE pg_temp.pg_class, pg_temp.pg_roles, pg_temp.pg_auth_members;
SELECT ok(:'same', 'objects that shadow the server''s change no answer');
SELECT ok(:'temporary', 'temporary objects change no answer, even where no search path names them');
SELECT ok(:'pathless', 'an empty search path changes no answer');
SELECT is(:'client_state'::text, '42501', 'a table that shadows the ledger''s gives access to no other client');
SELECT is(:'customer_state'::text, 'LG012', 'a table that shadows the ledger''s gives access to no other client''s customer');
SELECT is(:'deposit_state'::text, '00000', 'a permitted deposit succeeds in spite of objects that shadow the ledger''s');
SELECT matches((SELECT string_agg(x::text, ' ') FROM bakkt_ledger.funding_transfers('MINE') AS x), 'lured',
	'a deposit is recorded in the ledger''s own tables, not in those that shadow them');

-- tenants attach nothing to the ledger's objects
SELECT throws_ok($$CREATE CAST (bakkt_ledger.amount AS int) WITH INOUT AS IMPLICIT$$, '42501', NULL,
	'a tenant cannot create casts for the ledger''s types');
SELECT throws_ok($$CREATE FUNCTION bakkt_ledger.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'$$, '42501', NULL,
	'a tenant cannot create functions in the ledger''s schema');
SELECT throws_ok($$CREATE TABLE bakkt_ledger.mine ()$$, '42501', NULL, 'a tenant cannot create tables in the ledger''s schema');
SELECT throws_ok($$CREATE TRIGGER t AFTER INSERT ON bakkt_ledger_internal.journal EXECUTE FUNCTION bakkt_ledger_internal.refuse_write()$$, '42501', NULL,
	'a tenant cannot create triggers on the ledger''s tables');
SELECT throws_ok($$CREATE INDEX ON bakkt_ledger_internal.journal (journal_id)$$, '42501', NULL,
	'a tenant cannot create indexes on the ledger''s tables');
SELECT throws_ok($$CREATE POLICY p ON bakkt_ledger_internal.journal USING (true)$$, '42501', NULL,
	'a tenant cannot create policies on the ledger''s tables');
SELECT throws_ok($$CREATE RULE r AS ON INSERT TO bakkt_ledger_internal.journal DO ALSO NOTHING$$, '42501', NULL,
	'a tenant cannot create rules on the ledger''s tables');
SELECT throws_ok($$CREATE TABLE lure.child () INHERITS (bakkt_ledger_internal.journal)$$, '42501', NULL,
	'a tenant''s table cannot inherit from the ledger''s');
SELECT throws_ok($$CREATE TABLE lure.child (c int REFERENCES bakkt_ledger_internal.client)$$, '42501', NULL,
	'a tenant''s foreign key cannot probe which clients exist');
SELECT throws_ok($$ALTER EXTENSION bakkt_ledger ADD TABLE lure.client$$, '42501', NULL,
	'a tenant cannot add objects to the extension');
SELECT throws_ok($$ALTER FUNCTION bakkt_ledger_internal.visible_clients() RESET ALL$$, '42501', NULL,
	'a tenant cannot alter the ledger''s functions');
SELECT throws_ok($$LOCK TABLE bakkt_ledger_internal.journal IN ACCESS EXCLUSIVE MODE$$, '42501', NULL,
	'a tenant cannot lock the ledger''s tables');
SELECT throws_ok($$SELECT nextval('bakkt_ledger_internal.record_number')$$, '42501', NULL,
	'a tenant cannot draw numbers from the ledger''s sequences');
SELECT * FROM finish();
