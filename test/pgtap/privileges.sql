-- Rights, checked over whatever the extension contains.
-- Run from the top of the tree: it compares grants with their documentation.
\set roles `cat doc/roles.md`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE TEMP VIEW routine AS
	SELECT p.oid::regprocedure::text AS signature, p.*
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger';
CREATE TEMP VIEW relation AS
	SELECT c.* FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger'
	WHERE c.relkind IN ('r', 'p', 'v', 'm');
CREATE TEMP VIEW executable AS		-- grantee 0 is PUBLIC
	SELECT r.oid, r.signature, acl.grantee FROM routine r, aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) AS acl
	WHERE acl.privilege_type = 'EXECUTE';

-- what types, operators, casts, indexes and aggregates are made of
CREATE TEMP VIEW support AS
	SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typanalyze]::oid[]) AS oid FROM pg_type
	UNION SELECT unnest(ARRAY[oprcode, oprrest, oprjoin]::oid[]) FROM pg_operator UNION SELECT castfunc FROM pg_cast UNION SELECT amproc FROM pg_amproc
	UNION SELECT unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[]) FROM pg_aggregate;
CREATE TEMP VIEW api AS SELECT r.* FROM routine r WHERE r.pronamespace = 'bakkt_ledger'::regnamespace AND r.oid NOT IN (SELECT oid FROM support);

SELECT cmp_ok((SELECT count(*) FROM api), '>', 100::bigint, 'this test sees more than 100 functions of the API');
SELECT cmp_ok((SELECT count(*) FROM routine), '>', 100::bigint, 'this test sees more than 100 functions of the extension');

-- ---------------------------------------------------------------------------
-- Functions
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT r.signature FROM routine r JOIN executable x USING (oid) WHERE x.grantee = 0 AND r.prosecdef$$,
	'PUBLIC executes no SECURITY DEFINER function');
SELECT is_empty($$SELECT r.signature FROM routine r JOIN executable x USING (oid) WHERE x.grantee = 0 AND r.provolatile = 'v'$$,
	'PUBLIC executes no volatile function');
SELECT is_empty($$SELECT r.signature FROM routine r JOIN executable x USING (oid) WHERE x.grantee = 0 AND r.prorettype = 'trigger'::regtype$$,
	'PUBLIC executes no trigger function');
SELECT is_empty($$SELECT r.signature FROM routine r JOIN pg_language l ON l.oid = r.prolang
	WHERE (r.prosecdef OR l.lanname = 'plpgsql') AND NOT coalesce('search_path=pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp' = ANY (r.proconfig), false)$$,
	'SECURITY DEFINER and PL/pgSQL functions have a pinned search path');
SELECT is_empty($$SELECT r.signature FROM api r WHERE obj_description(r.oid, 'pg_proc') IS NULL$$, 'every function of the API has a comment');
-- one sentence, then the rest on lines of its own; how many have more on their first line only goes down
SELECT cmp_ok((SELECT count(*) FROM api r WHERE split_part(obj_description(r.oid, 'pg_proc'), E'\n', 1) !~ '^[^.]*([.][^ .][^.]*)*[.]$'), '<=', 190::bigint,
	'a comment of the API begins with a line of one sentence, but for 190 of them');
SELECT is_empty($$SELECT t.typname FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger'
	LEFT JOIN pg_class c ON c.oid = t.typrelid
	WHERE t.typcategory <> 'A' AND coalesce(c.relkind, 'c') = 'c' AND obj_description(t.oid, 'pg_type') IS NULL AND obj_description(c.oid, 'pg_class') IS NULL$$,
	'every type has a comment');
SELECT is_empty($$SELECT relname FROM relation WHERE obj_description(oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT r.signature, x.grantee::regrole FROM routine r JOIN executable x USING (oid)
	WHERE r.pronamespace = 'bakkt_ledger_internal'::regnamespace AND x.grantee NOT IN (0, r.proowner)$$,
	'nobody is granted an internal function');
SELECT is_empty($$SELECT r.signature FROM routine r JOIN executable x USING (oid)
	WHERE r.pronamespace = 'bakkt_ledger_internal'::regnamespace AND x.grantee = 0 AND r.provolatile <> 'i' AND r.oid NOT IN (SELECT oid FROM support)$$,
	'PUBLIC executes no internal function that is neither immutable nor what a type, operator or aggregate is made of');
SELECT is_empty($$SELECT r.signature FROM routine r WHERE r.pronamespace = 'bakkt_ledger'::regnamespace
	AND NOT EXISTS (SELECT FROM executable x WHERE x.oid = r.oid AND x.grantee NOT IN (0, r.proowner))
	AND NOT (EXISTS (SELECT FROM executable x WHERE x.oid = r.oid AND x.grantee = 0) AND (r.provolatile = 'i' OR r.oid IN (SELECT oid FROM support)))$$,
	'a function of the API is granted to a group, or is pure and everybody''s');
SELECT is_empty($$SELECT DISTINCT r.signature, i.proname FROM api r, regexp_matches(r.prosrc, '\m([a-z_]+)\(', 'g') AS m, routine i
	WHERE NOT r.prosecdef AND r.prosqlbody IS NULL AND i.proname = m[1] AND i.pronamespace = 'bakkt_ledger_internal'::regnamespace
	  AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.proname = i.proname AND p.pronamespace <> i.pronamespace)$$,
	'a function of the API with its caller''s rights calls nothing internal, which the caller cannot name');
SELECT is_empty($$SELECT r.signature FROM routine r WHERE r.pronamespace NOT IN ('bakkt_ledger'::regnamespace, 'bakkt_ledger_internal'::regnamespace)$$,
	'every function is of the API or internal');
SELECT is_empty($$SELECT r.signature FROM routine r WHERE r.provolatile = 'v' AND r.proparallel = 's'
	AND EXISTS (SELECT FROM executable x WHERE x.oid = r.oid AND x.grantee <> r.proowner)$$,
	'a volatile function that somebody may call is not parallel safe');

CREATE TEMP TABLE documented AS
	SELECT 'bakkt_ledger_' || line[1] AS role_name, name[1] AS name
	FROM regexp_matches(:'roles', '^- ([a-z]+): (.*)$', 'gn') AS line, regexp_matches(line[2], '`([a-z_]+)`', 'g') AS name;
CREATE TEMP VIEW granted AS
	SELECT DISTINCT x.grantee::regrole::text AS role_name, r.proname::text AS name
	FROM routine r JOIN executable x USING (oid) WHERE x.grantee NOT IN (0, r.proowner);
SELECT is_empty($$SELECT * FROM granted EXCEPT SELECT * FROM documented$$, 'doc/roles.md names every grant');
SELECT is_empty($$SELECT * FROM documented WHERE name IN (SELECT proname FROM routine) EXCEPT SELECT * FROM granted$$,
	'doc/roles.md names no function that is not granted');

-- ---------------------------------------------------------------------------
-- Tables
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT c.relname, acl.grantee::regrole, acl.privilege_type FROM relation c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS acl
	WHERE acl.grantee <> c.relowner AND acl.privilege_type <> 'SELECT'$$, 'nobody but the owner writes any table');
SELECT is_empty($$SELECT c.relname FROM relation c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS acl WHERE acl.grantee = 0$$,
	'PUBLIC sees no table');
SELECT is_empty($$SELECT c.relname, a.attname FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid WHERE a.attacl IS NOT NULL$$,
	'no right is granted on a single column');
SELECT is_empty($$SELECT s.relname, acl.grantee::regrole FROM pg_class s, aclexplode(s.relacl) AS acl
	WHERE s.relkind = 'S' AND s.relnamespace IN ('bakkt_ledger'::regnamespace, 'bakkt_ledger_internal'::regnamespace) AND acl.grantee <> s.relowner$$,
	'nobody but the owner has a right on the ledger''s sequences');
SELECT is_empty($$SELECT relname FROM relation WHERE relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)
	AND NOT coalesce('security_invoker=on' = ANY (reloptions), false)$$, 'views ask with their reader''s rights');
SELECT is_empty($$SELECT relname FROM relation WHERE relkind = 'm'$$,
	'the ledger has no materialized view, which would show its owner''s rows to its readers');
SELECT is_empty($$SELECT c.relname FROM relation c WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity$$,
	'no table has row-level security: predicates and plans tell of the rows that it hides');
SELECT is_empty($$SELECT c.relname FROM relation c WHERE c.relkind = 'r' AND NOT EXISTS (SELECT FROM relation v
	WHERE v.relkind = 'v' AND v.relname = c.relname AND v.relnamespace = 'bakkt_ledger'::regnamespace)$$, 'every table has a view');
SELECT is_empty($$SELECT c.relname FROM relation c WHERE c.relkind = 'v' AND c.relnamespace <> 'bakkt_ledger'::regnamespace
	OR c.relkind IN ('r', 'p') AND c.relnamespace <> 'bakkt_ledger_internal'::regnamespace$$, 'tables are internal, and views are not');

-- who sees one client reads through functions; event, request and client_access are for auditors and administrators
CREATE TEMP VIEW reads AS
	SELECT g.rolname, c.relname, c.relnamespace::regnamespace, n.nspname IS NOT NULL AS names, has_table_privilege(g.oid, c.oid, 'SELECT') AS selects
	FROM pg_roles g CROSS JOIN relation c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace AND has_schema_privilege(g.oid, n.oid, 'USAGE')
	WHERE g.rolname LIKE 'bakkt\_ledger\_%';
SELECT is_empty(format($$SELECT * FROM reads WHERE rolname = %L AND selects$$, role_name), role_name || ' reads no table and no view')
	FROM unnest('{bakkt_ledger_reader,bakkt_ledger_poster,bakkt_ledger_approver,bakkt_ledger_executor,bakkt_ledger_bookkeeper}'::text[]) AS role_name;
SELECT is_empty(format($$SELECT n.nspname FROM pg_namespace n WHERE n.nspname = 'bakkt_ledger_internal' AND has_schema_privilege(%L, n.oid, 'USAGE')$$, role_name),
	role_name || ' names nothing internal')
	FROM unnest('{bakkt_ledger_reader,bakkt_ledger_poster,bakkt_ledger_approver,bakkt_ledger_executor,bakkt_ledger_bookkeeper}'::text[]) AS role_name;
SELECT is_empty(format($$SELECT * FROM reads WHERE rolname = %L AND NOT (names AND selects)$$, role_name), role_name || ' reads every table and every view')
	FROM unnest('{bakkt_ledger_auditor,bakkt_ledger_administrator}'::text[]) AS role_name;
SELECT set_eq(format($$SELECT DISTINCT relname::text FROM reads WHERE rolname = %L AND NOT (names AND selects)$$, role_name), '{event,request,client_access}'::text[],
	role_name || ' reads every table and every view, but for who has changed what and who may see whom')
	FROM unnest('{bakkt_ledger_settler,bakkt_ledger_reconciler}'::text[]) AS role_name;
SELECT is_empty($$SELECT c.relname FROM relation c WHERE c.relkind IN ('r', 'p') AND NOT c.oid = ANY (
	SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'bakkt_ledger') AND c.relname NOT IN ('job', 'account_kind', 'journal_kind', 'trading_status', 'claim_source',
	'ach_return_code', 'chargeback_reason', 'adjustment_reason', 'funding_transition', 'cash_call_reason', 'cash_retry_time', 'client_run', 'check_list', 'wind_down_list', 'balance_ending', 'subject', 'transition', 'template', 'template_line')$$,
	'every table but those of constants is dumped');
SELECT is_empty($$SELECT s.relname FROM pg_class s WHERE s.relkind = 'S' AND s.relnamespace IN ('bakkt_ledger'::regnamespace, 'bakkt_ledger_internal'::regnamespace) AND NOT s.oid = ANY (
	SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'bakkt_ledger')$$, 'every sequence is dumped');

-- ---------------------------------------------------------------------------
-- Roles
-- ---------------------------------------------------------------------------
SELECT is((SELECT count(*) FROM pg_roles WHERE rolname IN ('bakkt_ledger_reader', 'bakkt_ledger_poster', 'bakkt_ledger_executor', 'bakkt_ledger_bookkeeper',
	'bakkt_ledger_settler', 'bakkt_ledger_approver', 'bakkt_ledger_reconciler', 'bakkt_ledger_auditor', 'bakkt_ledger_administrator')
	AND NOT rolcanlogin AND NOT rolsuper AND NOT rolbypassrls), 9::bigint,
	'nine group roles can neither log in nor become superuser');
SELECT is_empty($$SELECT rolname FROM pg_roles WHERE rolname LIKE 'bakkt\_ledger\_%' AND rolname <> 'bakkt_ledger_reader'
	AND NOT pg_has_role(rolname, 'bakkt_ledger_reader', 'USAGE')$$, 'every group role has the rights of a reader');

CREATE ROLE ledger_test_nobody;
SET LOCAL ROLE ledger_test_nobody;
SELECT throws_ok($$SELECT bakkt_ledger.post_journals('{}')$$, '42501', NULL, 'an outsider does not post');
SELECT throws_ok($$SELECT * FROM bakkt_ledger_internal.journal$$, '42501', NULL, 'an outsider does not read the journal');
RESET ROLE;

CREATE ROLE ledger_test_poster IN ROLE bakkt_ledger_poster;
SELECT open_client('QRST') \g /dev/null
SELECT open_client('OTHR') \g /dev/null
SELECT grant_client_access('QRST', 'ledger_test_poster') \g /dev/null
SELECT grant_client_access('QRST', 'ledger_test_poster') \g /dev/null
SELECT is((SELECT count(*) FROM event WHERE subject = 'client_access'), 1::bigint,
	'access that is granted twice is recorded once');
SELECT throws_ok($$SELECT grant_client_access('QRST', 'nobody of this name')$$, '42704', NULL,
	'access is not granted to a role that does not exist');
SELECT throws_ok($$SELECT grant_client_access('NONE', 'ledger_test_poster')$$, 'LG010', NULL,
	'access is not granted for a client that does not exist');
SET LOCAL ROLE ledger_test_poster;
SELECT lives_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST0001')$$, 'a poster opens customers of its client');
SELECT lives_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRST0001:settled', 'USD')).account$$, 'a poster opens accounts that its customers claim');
RESET ROLE;
SELECT is((SELECT opened_by FROM account WHERE name = 'Cust:QRST0001:settled'), 'ledger_test_poster', 'an account is opened in the name of who opens it');
SET LOCAL ROLE ledger_test_poster;
SELECT throws_ok(format('SELECT (open_account(''QRST'', %L, %L, ''USD'')).account', fund, name), '42501', NULL, format('a poster does not open %s %s', fund, name))
	FROM (VALUES ('FBO', 'Bank:omnibus'), ('CORP', 'Equity'), ('CORP', 'Client:settlement:QRST'), ('CORP', 'TPJ:receivable:QRST0001'),
		  ('CORP', 'CustomerDeficit:QRST0001'), ('FBO', 'Suspense:unidentified')) AS v (fund, name);
SELECT throws_ok($$SELECT open_client('MINE')$$, '42501', NULL, 'a poster does not open clients');
SELECT throws_ok($$SELECT grant_client_access('OTHR', 'ledger_test_poster')$$, '42501', NULL,
	'a poster does not grant itself access to a client');
SELECT throws_ok($$SELECT freeze_account(account_of('QRST', 'FBO', 'Cust:QRST0001:settled', 'USD'), 'debit', reason => 'x')$$, '42501', NULL,
	'a poster does not freeze accounts');
SELECT throws_ok($$SELECT bakkt_ledger_internal.ensure_account(1, 'FBO', 'Bank:omnibus', 'USD')$$, '42501', NULL,
	'a poster does not call internal functions');
SELECT throws_ok($$SELECT bakkt_ledger_internal.record_event('closed', NULL::bakkt_ledger_internal.client, NULL, now())$$, '42501', NULL, 'a poster does not write the events');
SELECT throws_ok(format('INSERT INTO %s DEFAULT VALUES', t), '42501', NULL,
	'a poster does not insert into ' || t) FROM unnest('{bakkt_ledger.journal,bakkt_ledger_internal.journal,bakkt_ledger.balance,bakkt_ledger_internal.balance,bakkt_ledger.account,bakkt_ledger_internal.account,bakkt_ledger.client_access,bakkt_ledger_internal.client_access,bakkt_ledger.event,bakkt_ledger_internal.event}'::text[]) t;
SELECT throws_ok(format('DELETE FROM %s', t), '42501', NULL,
	'a poster does not delete from ' || t) FROM unnest('{bakkt_ledger.journal,bakkt_ledger_internal.journal,bakkt_ledger.balance,bakkt_ledger_internal.balance,bakkt_ledger.account,bakkt_ledger_internal.account,bakkt_ledger.client,bakkt_ledger_internal.client}'::text[]) t;
SELECT throws_ok(format('TRUNCATE %s', t), '42501', NULL,
	'a poster does not truncate ' || t) FROM unnest('{bakkt_ledger_internal.journal,bakkt_ledger_internal.balance,bakkt_ledger_internal.account,bakkt_ledger_internal.client}'::text[]) t;
SELECT throws_ok($$SELECT * FROM bakkt_ledger.event$$, '42501', NULL, 'a poster does not read the events');
SELECT throws_ok($$SELECT * FROM bakkt_ledger.bank_account$$, '42501', NULL, 'a poster does not read the bank accounts');
RESET ROLE;

-- functions named like ours in front of the caller's path change nothing
CREATE SCHEMA ledger_test_trap;
CREATE FUNCTION ledger_test_trap.visible_clients() RETURNS int[] LANGUAGE sql AS 'SELECT array_agg(client_id) FROM bakkt_ledger_internal.client';
CREATE FUNCTION ledger_test_trap.invoking_role() RETURNS name LANGUAGE sql AS $$SELECT 'postgres'::name$$;
CREATE FUNCTION ledger_test_trap.sees_all_clients() RETURNS boolean LANGUAGE sql AS 'SELECT true';
GRANT USAGE ON SCHEMA ledger_test_trap TO PUBLIC;
SET LOCAL ROLE ledger_test_poster;
SET LOCAL search_path = ledger_test_trap, bakkt_ledger, bakkt_ledger_internal, public;
SELECT is(sees_all_clients(), true, 'a function earlier in the caller''s search path shadows the ledger''s');
SELECT throws_ok($$SELECT customers('OTHR')$$, '42501', NULL, 'the caller''s search path does not reach into the ledger''s functions');
RESET ROLE;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;

SELECT * FROM finish();
ROLLBACK;
