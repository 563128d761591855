-- Who asks: access ends with the role that had it, two people are two logins, and maintenance acts for nobody (design 5).
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE ledger_test_tenant IN ROLE bakkt_ledger_poster, bakkt_ledger_approver;
SELECT open_client('MINE'), open_client('OTHR') \g /dev/null
SELECT open_customer(client => 'MINE', customer => 'MINE0001'), open_customer(client => 'OTHR', customer => 'OTHR0001') \g /dev/null
SELECT grant_client_access('MINE', 'ledger_test_tenant') \g /dev/null

-- ---------------------------------------------------------------------------
-- access ends with the role
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_leaver IN ROLE bakkt_ledger_reader;
SELECT grant_client_access('MINE', 'ledger_test_leaver') \g /dev/null
SET LOCAL ROLE ledger_test_leaver;
SELECT lives_ok($$SELECT customers('MINE')$$, 'a role sees the client it was granted');
RESET ROLE;
SELECT is_empty($$SELECT * FROM verify()$$, 'access of a role that exists is no discrepancy');
DROP ROLE ledger_test_leaver;
CREATE ROLE ledger_test_leaver IN ROLE bakkt_ledger_reader;
SET LOCAL ROLE ledger_test_leaver;
SELECT throws_ok($$SELECT customers('MINE')$$, '42501', NULL, 'a new role of a dropped role''s name has none of its access');
SELECT is_empty('SELECT * FROM clients()', 'a new role of a dropped role''s name sees no client');
RESET ROLE;
SELECT is((SELECT count(*) FROM verify() WHERE check_name = 'access' AND detail LIKE '%"MINE"%'), 1::bigint, 'verify() lists the access of a role that was dropped');
SELECT revoke_client_access('MINE', (SELECT g.role::oid::text::name FROM client_access g WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = g.role))) \g /dev/null
SELECT is_empty($$SELECT * FROM verify()$$, 'access of a dropped role can be revoked by the number that verify() tells');
SELECT grant_client_access('MINE', 'ledger_test_leaver') \g /dev/null
ALTER ROLE ledger_test_leaver RENAME TO ledger_test_stayer;
SET LOCAL ROLE ledger_test_stayer;
SELECT lives_ok($$SELECT customers('MINE')$$, 'a renamed role keeps its access');
RESET ROLE;
SELECT is_empty($$SELECT * FROM verify() UNION ALL SELECT * FROM verify_states()$$, 'access of a renamed role is no discrepancy');
SAVEPOINT other;
CREATE ROLE ledger_test_thief;
UPDATE client_access SET role = 'ledger_test_thief' WHERE role = 'ledger_test_stayer'::regrole;
SELECT is((SELECT detail ~ '^Role "ledger_test_thief" stands in client_access for client "MINE", which was given to .*/ledger_test_leaver' FROM verify() WHERE check_name = 'access'), true,
	'access that was put to another role is found');
DROP ROLE ledger_test_stayer;
CREATE ROLE ledger_test_leaver;
UPDATE client_access SET role = 'ledger_test_leaver' WHERE role = 'ledger_test_thief'::regrole;
SELECT is((SELECT count(*) FROM verify() WHERE check_name = 'access'), 1::bigint,
	'access that was put to a new role of the same name is found');
ROLLBACK TO SAVEPOINT other;
-- what is dumped here and restored in another cluster: the number is another, the name is the same
UPDATE client_access SET role_identity = '1/' || substr(role_identity, strpos(role_identity, '/') + 1) WHERE role = 'ledger_test_stayer'::regrole;
SELECT is((SELECT count(*) FROM verify() WHERE check_name = 'access'), 1::bigint, 'access of a role that has another name in another cluster is found');
ALTER ROLE ledger_test_stayer RENAME TO ledger_test_leaver;
SELECT is_empty($$SELECT * FROM verify() WHERE check_name = 'access'$$, 'access of a role is that of its name in another cluster');
ROLLBACK TO SAVEPOINT other;
SAVEPOINT dumped;
SET LOCAL session_replication_role = replica;
DELETE FROM client_access WHERE role = 'ledger_test_stayer'::regrole;
SELECT is((SELECT format('%s: %s', subject, detail) FROM verify_states()), 'client_access: The row is gone.', 'access that was taken away without an event is found');
DROP ROLE ledger_test_stayer;
SELECT is_empty('SELECT * FROM verify_states()', 'access that a dump has left out with a dropped role is no discrepancy');
ROLLBACK TO SAVEPOINT dumped;
SELECT throws_ok($$SELECT grant_client_access('MINE', 'ledger_test_leaver')$$, '42704', NULL, 'a role that does not exist is granted nothing');

-- ---------------------------------------------------------------------------
-- two people are two logins
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.refused(first name, second name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	reference	constant text := format('%s and %s', first, second);
	entry		constant bakkt_ledger.journal_entry := format('{Dr %s 1.00 USD; Cr %s 1.00 USD}',
		bakkt_ledger.account_of('MINE', 'CORP', 'Expense:rent', 'USD'), bakkt_ledger.account_of('MINE', 'CORP', 'Bank:operating', 'USD'));
BEGIN
	PERFORM set_config('session_authorization', first, true);
	PERFORM bakkt_ledger.propose_journal('MINE', entry, reference, 'rent');
	PERFORM set_config('session_authorization', second, true);
	PERFORM bakkt_ledger.approve_journal('MINE', reference);
	PERFORM set_config('session_authorization', 'postgres', true);
	RETURN 'approved';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT (open_account('MINE', 'CORP', 'Expense:rent', 'USD')).account, (open_account('MINE', 'CORP', 'Bank:operating', 'USD')).account \g /dev/null
CREATE ROLE ledger_test_group IN ROLE bakkt_ledger_approver, bakkt_ledger_bookkeeper;
SELECT grant_client_access('MINE', 'ledger_test_group') \g /dev/null
CREATE ROLE ledger_test_ann LOGIN IN ROLE ledger_test_group;
CREATE ROLE ledger_test_bob LOGIN IN ROLE ledger_test_group;
CREATE ROLE ledger_test_deputy LOGIN IN ROLE ledger_test_group, ledger_test_ann;
CREATE ROLE ledger_test_admin LOGIN IN ROLE ledger_test_group;
GRANT ledger_test_ann TO ledger_test_admin WITH ADMIN OPTION;
CREATE ROLE ledger_test_creator LOGIN CREATEROLE IN ROLE ledger_test_group;
CREATE ROLE ledger_test_creators CREATEROLE;
CREATE ROLE ledger_test_indirect LOGIN IN ROLE ledger_test_group, ledger_test_creators;
CREATE ROLE ledger_test_super LOGIN SUPERUSER;
CREATE ROLE ledger_test_supers LOGIN IN ROLE ledger_test_group, ledger_test_super;

SELECT is(pg_temp.refused('ledger_test_ann', 'ledger_test_bob'), 'approved', 'two logins of one group are two people');
SELECT is(pg_temp.refused('ledger_test_ann', 'ledger_test_ann'), 'LG067', 'the login that proposed cannot approve');
SELECT is(pg_temp.refused(v.first, v.second), 'LG067', v.rule) FROM (VALUES
	('ledger_test_ann'::name, 'ledger_test_deputy'::name, 'a member of the proposer''s login is no second person'),
	('ledger_test_deputy', 'ledger_test_ann', 'a proposer who is a member of the approver''s login leaves no second person'),
	('ledger_test_ann', 'ledger_test_admin', 'who has ADMIN OPTION on the proposer''s login is no second person'),
	('ledger_test_admin', 'ledger_test_ann', 'a proposer with ADMIN OPTION on the approver''s login leaves no second person'),
	('ledger_test_ann', 'ledger_test_super', 'a superuser is no second person'),
	('ledger_test_super', 'ledger_test_ann', 'nobody is a second person beside a superuser'),
	('ledger_test_ann', 'ledger_test_supers', 'a member of a superuser is no second person'),
	('ledger_test_supers', 'ledger_test_ann', 'nobody is a second person beside a member of a superuser')) AS v (first, second, rule);
SELECT is(pg_temp.refused(v.first, v.second), CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'LG067' ELSE 'approved' END, v.rule) FROM (VALUES
	('ledger_test_ann'::name, 'ledger_test_creator'::name, 'before PostgreSQL 16 a login with CREATEROLE is no second person'),
	('ledger_test_creator', 'ledger_test_ann', 'before PostgreSQL 16 nobody is a second person beside a login with CREATEROLE'),
	('ledger_test_ann', 'ledger_test_indirect', 'before PostgreSQL 16 a member of a role with CREATEROLE is no second person')) AS v (first, second, rule);

-- SET ROLE to a shipped group and back let one person do both
SET LOCAL SESSION AUTHORIZATION ledger_test_ann;
SET LOCAL ROLE ledger_test_group;
SELECT is((SELECT proposed_by FROM propose_journal('MINE', format('{Dr %s 2.00 USD; Cr %s 2.00 USD}', account_of('MINE', 'CORP', 'Expense:rent', 'USD'),
	account_of('MINE', 'CORP', 'Bank:operating', 'USD'))::journal_entry, 'by role', 'rent')), 'ledger_test_ann', 'a proposal names the login, whatever SET ROLE says');
SELECT throws_ok($$SELECT approve_journal('MINE', 'by role')$$, 'LG067', NULL, 'SET ROLE makes nobody another person');
RESET ROLE;
SELECT throws_ok($$SELECT approve_journal('MINE', 'by role')$$, 'LG067', NULL, 'RESET ROLE makes nobody another person');
SELECT throws_ok($$SELECT decline_journal('MINE', 'by role')$$, 'LG067', NULL, 'the login that proposed does not decline');
RESET SESSION AUTHORIZATION;

-- the proposer's login is another's now, or gone: nobody can tell who it was
SET LOCAL SESSION AUTHORIZATION ledger_test_bob;
SELECT propose_journal('MINE', format('{Dr %s 3.00 USD; Cr %s 3.00 USD}', account_of('MINE', 'CORP', 'Expense:rent', 'USD'),
	account_of('MINE', 'CORP', 'Bank:operating', 'USD'))::journal_entry, 'by bob', 'rent') \g /dev/null
RESET SESSION AUTHORIZATION;
ALTER ROLE ledger_test_bob RENAME TO ledger_test_bobby;
CREATE ROLE ledger_test_bob LOGIN IN ROLE ledger_test_group;
SET LOCAL SESSION AUTHORIZATION ledger_test_bobby;
SELECT throws_ok($$SELECT approve_journal('MINE', 'by bob')$$, 'LG067', NULL,
	'a renamed login does not approve what it proposed, even if another has its old name');
SELECT throws_ok($$SELECT decline_journal('MINE', 'by bob')$$, 'LG067', NULL, 'a renamed login does not decline what it proposed');
SET LOCAL SESSION AUTHORIZATION ledger_test_ann;
SELECT throws_ok($$SELECT approve_journal('MINE', 'by bob')$$, 'LG067', NULL,
	'nobody approves what was proposed by a login whose name another login has now');
RESET SESSION AUTHORIZATION;
ALTER ROLE ledger_test_ann RENAME TO ledger_test_anna;
SET LOCAL SESSION AUTHORIZATION ledger_test_bob;
SELECT throws_ok($$SELECT approve_journal('MINE', 'by role')$$, 'LG067', NULL,
	'nobody approves what was proposed by a login that no longer exists');
SELECT is((SELECT status FROM decline_journal('MINE', 'by role')), 'DECLINED',
	'what was proposed by a login that no longer exists can be declined');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- maintenance acts for nobody
-- ---------------------------------------------------------------------------
CREATE SCHEMA ledger_test_tenants AUTHORIZATION ledger_test_tenant;
SET LOCAL SESSION AUTHORIZATION ledger_test_tenant;
CREATE TABLE ledger_test_tenants.bait (n int);
CREATE TABLE ledger_test_tenants.seen (what text, state text);
CREATE FUNCTION ledger_test_tenants.note(what text, state text) RETURNS void LANGUAGE sql AS 'INSERT INTO ledger_test_tenants.seen VALUES ($1, $2)';
-- what the trap reaches for, and the SQLSTATE it gets
CREATE FUNCTION ledger_test_tenants.trap(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
	statement	text;
	state		text;
BEGIN
	FOREACH statement IN ARRAY ARRAY['SELECT bakkt_ledger.clients()', $q$SELECT bakkt_ledger.postings('MINE')$q$, $q$SELECT bakkt_ledger.customers('MINE')$q$, $q$SELECT bakkt_ledger.approvals('MINE')$q$,
		'SELECT count(*) FROM bakkt_ledger.journal', 'SELECT count(*) FROM bakkt_ledger_internal.customer',
		$q$SELECT bakkt_ledger.open_customer(client => 'MINE', customer => 'MINE0002')$q$, $q$SELECT bakkt_ledger.balances('OTHR')$q$,
		$q$SELECT bakkt_ledger.approve_journal('MINE', 'trap')$q$, $q$SELECT bakkt_ledger.request_withdrawal('MINE0001', '1.00 USD', 'w')$q$]
	LOOP
		BEGIN
			state := '00000';
			EXECUTE statement;
		EXCEPTION WHEN OTHERS THEN
			state := SQLSTATE;
		END;
		PERFORM ledger_test_tenants.note(statement, state);
	END LOOP;
	RETURN n;
END $$;
INSERT INTO ledger_test_tenants.bait VALUES (1), (2), (3);
RESET SESSION AUTHORIZATION;

DELETE FROM ledger_test_tenants.seen;
CREATE INDEX bait_trap ON ledger_test_tenants.bait (ledger_test_tenants.trap(n));
SELECT isnt_empty('SELECT * FROM ledger_test_tenants.seen', 'the trap function runs when a superuser builds the index');
SELECT is_empty($$SELECT * FROM ledger_test_tenants.seen WHERE state <> '42501'$$, 'an index build by a superuser gives the table''s owner nothing');
DELETE FROM ledger_test_tenants.seen;
ANALYZE ledger_test_tenants.bait;
SELECT isnt_empty('SELECT * FROM ledger_test_tenants.seen', 'the trap function runs in ANALYZE by a superuser');
SELECT is_empty($$SELECT * FROM ledger_test_tenants.seen WHERE state <> '42501'$$, 'ANALYZE by a superuser gives the table''s owner nothing');
DELETE FROM ledger_test_tenants.seen;
CLUSTER ledger_test_tenants.bait USING bait_trap;
REINDEX TABLE ledger_test_tenants.bait;
SELECT isnt_empty('SELECT * FROM ledger_test_tenants.seen', 'the trap function runs in CLUSTER and REINDEX by a superuser');
SELECT is_empty($$SELECT * FROM ledger_test_tenants.seen WHERE state <> '42501'$$, 'CLUSTER and REINDEX by a superuser give the table''s owner nothing');
SET LOCAL SESSION AUTHORIZATION ledger_test_tenant;
CREATE MATERIALIZED VIEW ledger_test_tenants.view AS SELECT 1 AS n WITH NO DATA;
CREATE MATERIALIZED VIEW ledger_test_tenants.trapped AS SELECT ledger_test_tenants.trap(n) AS n FROM ledger_test_tenants.bait WITH NO DATA;
CREATE MATERIALIZED VIEW ledger_test_tenants.everybody AS SELECT code FROM bakkt_ledger.client WITH NO DATA;
RESET SESSION AUTHORIZATION;
DELETE FROM ledger_test_tenants.seen;
REFRESH MATERIALIZED VIEW ledger_test_tenants.trapped;
SELECT isnt_empty('SELECT * FROM ledger_test_tenants.seen', 'the trap function runs when a superuser refreshes the view');
SELECT is_empty($$SELECT * FROM ledger_test_tenants.seen WHERE state <> '42501'$$, 'REFRESH MATERIALIZED VIEW by a superuser gives the view''s owner nothing');
SELECT throws_ok('REFRESH MATERIALIZED VIEW ledger_test_tenants.everybody', '42501', NULL, 'a materialized view over the ledger shows nobody a client');
SELECT is((SELECT count(*) FROM customer WHERE customer_code = 'MINE0002'), 0::bigint,
	'the trap function opens no customer in maintenance by a superuser');

-- who acts in a session of his own does so as before, inside functions too
SET LOCAL SESSION AUTHORIZATION ledger_test_tenant;
SELECT is((SELECT string_agg(client, ' ') FROM clients()), 'MINE', 'outside maintenance the tenant sees its client');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
