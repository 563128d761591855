-- A tenant's own objects, named like the ledger's or the server's and put in front of them, change nothing of what the ledger does.
SET client_min_messages = warning;
\ir readings.psql
CREATE SCHEMA lure AUTHORIZATION attack_mine_poster;
SELECT no_plan();
SET SESSION AUTHORIZATION attack_mine_poster;
INSERT INTO attack.before SELECT attack.read_all();
SELECT is((SELECT said !~ '42501|zqx|ZQX|7700' FROM attack.before), true, 'the readings work, and are of one''s own client');

-- every function of the ledger again, with the same arguments, which would give the caller away
DO $$
DECLARE
	routine	record;
BEGIN
	FOR routine IN SELECT p.proname, (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY n) FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n)) AS given
		FROM pg_proc p WHERE p.pronamespace = 'bakkt_ledger'::regnamespace AND p.prokind = 'f'
		  AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) t JOIN pg_type y ON y.oid = t WHERE y.typtype = 'p') LOOP
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
-- tables and types, temporary ones too, in which the other client is the own
DO $$
DECLARE
	relation name;
BEGIN
	FOR relation IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'bakkt_ledger'::regnamespace AND c.relkind IN ('r', 'v') LOOP
		EXECUTE format('CREATE TABLE lure.%I AS SELECT 7700001 AS client_id, ''MINE''::pg_catalog.text AS code, 7700001::bigint AS customer_id, ''MNEANN01''::pg_catalog.text AS account_code', relation);
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
SELECT ok(:'laid', 'the lure is laid: one is two');
SELECT ok(:'same', 'objects in front of the ledger''s, in a schema of one''s own, change no answer');
SET search_path = pg_temp, lure, pg_catalog, bakkt_ledger_internal, bakkt_ledger, public;
SELECT attack.read_all() OPERATOR(pg_catalog.=) b.said AS same FROM attack.before b \gset
SET search_path = bakkt_ledger, bakkt_ledger_internal;
SELECT attack.read_all() OPERATOR(pg_catalog.=) b.said AS temporary FROM attack.before b \gset
SET search_path = '';
SELECT attack.read_all() OPERATOR(pg_catalog.=) b.said AS pathless FROM attack.before b \gset
-- what is refused is refused, and what one may do works, in front of all this
SET search_path = lure, pg_temp, pg_catalog, bakkt_ledger_internal, bakkt_ledger;
SELECT attack.state($$SELECT bakkt_ledger_internal.require_client('OTHR')$$) AS client_state, attack.state($$SELECT bakkt_ledger.cash_balance('ZQXANN01')$$) AS customer_state,
	attack.state($$SELECT bakkt_ledger.initiate_deposit('MNEANN01', '1.00 USD', 'lured', at => '2026-05-20 15:00Z')$$) AS deposit_state \gset
SET search_path = public;
DROP TABLE pg_temp.pg_class, pg_temp.pg_roles, pg_temp.pg_auth_members;
SELECT ok(:'same', 'objects in front of the server''s change no answer');
SELECT ok(:'temporary', 'temporary objects, which come first where a path does not name them, change no answer');
SELECT ok(:'pathless', 'an empty search path changes no answer');
SELECT is(:'client_state'::text, '42501', 'a client is not made one''s own by a table named like the ledger''s');
SELECT is(:'customer_state'::text, 'LG012', 'a customer is not made one''s own by a table named like the ledger''s');
SELECT is(:'deposit_state'::text, '00000', 'what one may do works in front of objects named like the ledger''s');
SELECT matches((SELECT string_agg(x::text, ' ') FROM bakkt_ledger.funding_transfers('MINE') AS x), 'lured', 'and is recorded in the ledger''s own tables');

-- nobody hangs anything on what is the ledger's
SELECT throws_ok($$CREATE CAST (bakkt_ledger.amount AS int) WITH INOUT AS IMPLICIT$$, '42501', NULL, 'a tenant makes no casts of the ledger''s types');
SELECT throws_ok($$CREATE FUNCTION bakkt_ledger.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'$$, '42501', NULL, 'a tenant makes no functions in the ledger''s schema');
SELECT throws_ok($$CREATE TABLE bakkt_ledger.mine ()$$, '42501', NULL, 'a tenant makes no tables in the ledger''s schema');
SELECT throws_ok($$CREATE TRIGGER t AFTER INSERT ON bakkt_ledger_internal.journal EXECUTE FUNCTION bakkt_ledger_internal.refuse_write()$$, '42501', NULL, 'a tenant sets no triggers on the ledger''s tables');
SELECT throws_ok($$CREATE INDEX ON bakkt_ledger_internal.journal (journal_id)$$, '42501', NULL, 'a tenant makes no indexes on the ledger''s tables');
SELECT throws_ok($$CREATE POLICY p ON bakkt_ledger_internal.journal USING (true)$$, '42501', NULL, 'a tenant makes no policies on the ledger''s tables');
SELECT throws_ok($$CREATE RULE r AS ON INSERT TO bakkt_ledger_internal.journal DO ALSO NOTHING$$, '42501', NULL, 'a tenant makes no rules on the ledger''s tables');
SELECT throws_ok($$CREATE TABLE lure.child () INHERITS (bakkt_ledger_internal.journal)$$, '42501', NULL, 'a tenant''s table inherits from none of the ledger''s');
SELECT throws_ok($$CREATE TABLE lure.child (c int REFERENCES bakkt_ledger_internal.client)$$, '42501', NULL, 'a tenant''s foreign key does not ask which clients there are');
SELECT throws_ok($$ALTER EXTENSION bakkt_ledger ADD TABLE lure.client$$, '42501', NULL, 'a tenant adds nothing to the extension');
SELECT throws_ok($$ALTER FUNCTION bakkt_ledger_internal.visible_clients() RESET ALL$$, '42501', NULL, 'a tenant changes no function of the ledger');
SELECT throws_ok($$LOCK TABLE bakkt_ledger_internal.journal IN ACCESS EXCLUSIVE MODE$$, '42501', NULL, 'a tenant locks no table of the ledger');
SELECT throws_ok($$SELECT nextval('bakkt_ledger_internal.record_number')$$, '42501', NULL, 'a tenant draws no numbers from the ledger''s sequences');
SELECT * FROM finish();
