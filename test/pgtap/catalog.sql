-- House rules that the catalogs can check, whatever chapter an object comes from (rights and comments on functions: privileges.sql).
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public;
SELECT plan(10);

CREATE TEMPORARY VIEW member AS
	SELECT d.classid, d.objid
	FROM pg_catalog.pg_depend d
	JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid
	WHERE d.deptype = 'e' AND e.extname = 'bakkt_ledger';

CREATE TEMPORARY VIEW routine AS
	SELECT p.*, l.lanname, p.oid::regprocedure::text AS signature
	FROM pg_catalog.pg_proc p
	JOIN member m ON m.classid = 'pg_catalog.pg_proc'::regclass AND m.objid = p.oid
	JOIN pg_catalog.pg_language l ON l.oid = p.prolang;

CREATE TEMPORARY VIEW relation AS
	SELECT c.*, c.oid::regclass::text AS name
	FROM pg_catalog.pg_class c
	JOIN member m ON m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid;

SELECT cmp_ok((SELECT count(*) FROM routine WHERE prosecdef), '>', 20::bigint, 'the views of this test see the extension');

SELECT is_empty($$
	SELECT o.oid::regoperator FROM pg_catalog.pg_operator o
	JOIN member m ON m.classid = 'pg_catalog.pg_operator'::regclass AND m.objid = o.oid
	WHERE pg_catalog.obj_description(o.oid, 'pg_operator') IS NULL
	$$, 'every operator has a comment');

SELECT is_empty($$
	SELECT signature FROM routine
	WHERE prosecdef AND NOT coalesce(proconfig, '{}') && ARRAY['search_path=pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp']
	$$, 'a SECURITY DEFINER function fixes search_path, pg_catalog first and pg_temp last');

SELECT is_empty($$
	SELECT signature FROM routine
	WHERE lanname IN ('plpgsql', 'sql') AND prosqlbody IS NULL AND proconfig IS NULL
	$$, 'a function whose body is text fixes search_path');

SELECT is_empty($$
	SELECT signature FROM routine, pg_catalog.unnest(proconfig) setting
	-- rows become jsonb, and values in them text, in one way whatever the session's settings are; arrays of a batch are read by generic plans
	WHERE setting !~ '^(search_path=|jit=off$|enable_nestloop=off$|TimeZone=UTC$|IntervalStyle=postgres$|bytea_output=hex$|plan_cache_mode=force_generic_plan$)'
	$$, 'no function changes a setting other than search_path and what the planner chooses from, but for the text of what it writes or reads as jsonb');

SET LOCAL lock_timeout = '5s';
SELECT open_client('WAITS'), change_client('WAITS', name => 'changed'), seal() \g /dev/null
SELECT is(current_setting('lock_timeout'), '5s', 'lock_timeout is restored after functions that bound their waits');
RESET lock_timeout;

-- bounded_wait() lowers lock_timeout up to the end of its caller, which only a SET clause of that one restores
SELECT is_empty($$
	SELECT signature FROM routine WHERE prosrc ~ '\mbounded_wait\(\)' AND proconfig IS NULL
	$$, 'a function that bounds its waits has a SET clause, with which lock_timeout is restored');

SELECT is_empty($$
	SELECT signature FROM routine
	WHERE lanname IN ('plpgsql', 'sql') AND prosrc ~ 'FOR (NO KEY )?UPDATE|LOCK TABLE' AND prosrc !~ 'SKIP LOCKED' AND prosrc !~ '\mbounded_wait\(\)'
	  AND proname <> 'await_customers_cash'		-- posting waits for its own customers
	$$, 'a function that locks rows or tables bounds its waits');

SELECT is_empty($$
	SELECT name FROM relation JOIN pg_catalog.pg_attribute a ON a.attrelid = relation.oid AND a.attnum > 0
	WHERE relkind IN ('r', 'p') AND NOT a.attisdropped AND a.atttypid IN ('float4'::regtype, 'float8'::regtype, 'money'::regtype)
	$$, 'no column holds a floating point number');

SELECT is_empty($$
	SELECT conrelid::regclass::text || '.' || conname FROM pg_catalog.pg_constraint k
	JOIN relation r ON r.oid = k.conrelid
	WHERE NOT k.convalidated
	$$, 'every constraint is validated');

SELECT * FROM finish();
ROLLBACK;
