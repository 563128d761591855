-- Maintenance as superuser gives nothing to the tenant who set the trap (issue 7, must hold 2).  test/t/autoanalyze.pl has the launcher's own.
SET client_min_messages = warning;
\ir maintenance.psql
CREATE TABLE trap.indexed (n int);
CREATE TABLE trap.partial (n int);
CREATE TABLE trap.described (n int);
CREATE TABLE trap.ordered (n int PRIMARY KEY);
INSERT INTO trap.indexed VALUES (1);
INSERT INTO trap.partial VALUES (1);
INSERT INTO trap.described VALUES (1);
INSERT INTO trap.ordered VALUES (1);
CREATE INDEX indexed_trap ON trap.indexed (trap.spring(n));
CREATE INDEX partial_trap ON trap.partial (n) WHERE trap.spring(n) = 1;
CREATE STATISTICS trap.described_trap ON (trap.spring(n)) FROM trap.described;
CREATE INDEX ordered_trap ON trap.ordered (trap.spring(n));
CLUSTER trap.ordered USING ordered_pkey;
CREATE MATERIALIZED VIEW trap.kept AS SELECT n, trap.spring(n) AS sprung FROM trap.indexed WITH NO DATA;
CREATE UNIQUE INDEX ON trap.kept (n);
INSERT INTO trap.armed DEFAULT VALUES;
RESET SESSION AUTHORIZATION;

SET search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE FUNCTION attack.sprung(operation text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT isnt_empty(format('SELECT FROM trap.loot l WHERE l.operation = %L AND l.actor = ''attack_trapper''', operation),
		operation || ' calls the tenant''s function with the rights of its owner');
	RETURN NEXT is_empty(format('SELECT DISTINCT l.statement, left(l.got, 200), l.state FROM trap.loot l JOIN trap.attempt t USING (statement) WHERE l.operation = %L AND t.aim = ''see'' AND l.got IS NOT NULL AND l.state = ''00000''', operation),
		operation || ' by a superuser shows the tenant''s function no client');
	RETURN NEXT is_empty(format('SELECT DISTINCT l.statement, left(l.got, 200), l.state FROM trap.loot l JOIN trap.attempt t USING (statement) WHERE l.operation = %L AND t.aim <> ''see'' AND l.state <> ''42501'' AND NOT (l.statement ~ ''ZQX'' AND l.state = ''LG012'')', operation),
		operation || ' by a superuser changes nothing for the tenant''s function');
END $$;

SET trap.operation = 'CREATE INDEX';
CREATE INDEX ON trap.indexed ((trap.spring(n) + 1));
SELECT attack.sprung('CREATE INDEX');
SET trap.operation = 'CREATE INDEX CONCURRENTLY';
CREATE INDEX CONCURRENTLY ON trap.indexed ((trap.spring(n) + 2));
SELECT attack.sprung('CREATE INDEX CONCURRENTLY');
SET trap.operation = 'REINDEX';
REINDEX TABLE trap.indexed;
SELECT attack.sprung('REINDEX');
SET trap.operation = 'REINDEX CONCURRENTLY';
REINDEX TABLE CONCURRENTLY trap.indexed;
SELECT attack.sprung('REINDEX CONCURRENTLY');
SET trap.operation = 'REINDEX of a partial index';
REINDEX TABLE trap.partial;
SELECT attack.sprung('REINDEX of a partial index');
SET trap.operation = 'ANALYZE';
ANALYZE trap.indexed;
SELECT attack.sprung('ANALYZE');
SET trap.operation = 'ANALYZE of extended statistics';
ANALYZE trap.described;
SELECT attack.sprung('ANALYZE of extended statistics');
SET trap.operation = 'VACUUM ANALYZE';
VACUUM ANALYZE trap.ordered;
SELECT attack.sprung('VACUUM ANALYZE');
SET trap.operation = 'CLUSTER';
CLUSTER trap.ordered;
SELECT attack.sprung('CLUSTER');
SET trap.operation = 'VACUUM FULL';
VACUUM FULL trap.indexed;
SELECT attack.sprung('VACUUM FULL');
SET trap.operation = 'REFRESH MATERIALIZED VIEW';
REFRESH MATERIALIZED VIEW trap.kept;
SELECT attack.sprung('REFRESH MATERIALIZED VIEW');
SET trap.operation = 'REFRESH MATERIALIZED VIEW CONCURRENTLY';
DELETE FROM trap.armed;
INSERT INTO trap.indexed VALUES (2);
INSERT INTO trap.armed DEFAULT VALUES;
REFRESH MATERIALIZED VIEW CONCURRENTLY trap.kept;
SELECT attack.sprung('REFRESH MATERIALIZED VIEW CONCURRENTLY');

SELECT is_empty($$SELECT reference FROM journal WHERE reference LIKE '%trap%'$$,
	'maintenance by a superuser posts nothing for the tenant''s function');
SELECT is((SELECT (latest_approval(client_id, 'proposal', proposal_id::text)).status FROM proposal WHERE reference = 'trap'), 'PROPOSED',
	'maintenance by a superuser does not approve the tenant''s own proposal');
SELECT is_empty($$SELECT customer_code FROM customer WHERE customer_code = 'TRAPPED1'$$,
	'maintenance by a superuser opens no customer for the tenant''s function');
SELECT is_empty($$SELECT reference FROM funding_transfer WHERE reference = 'trapped'$$,
	'maintenance by a superuser initiates no deposit for the tenant''s function');
SELECT is((SELECT h.status FROM hold h JOIN client c USING (client_id) WHERE c.code = 'OTHR' AND h.reference = 'zqx1hold'), 'OPEN',
	'maintenance by a superuser does not release another client''s hold');
SELECT is(current_user, session_user, 'maintenance leaves the session with the role it had before');

-- outside of maintenance the same login still works
SET SESSION AUTHORIZATION attack_trapper;
SELECT lives_ok('SELECT * FROM bakkt_ledger.cash_calls(''MINE'')',
	'a tenant whose function was called by maintenance still reads its own client');
RESET SESSION AUTHORIZATION;
SELECT * FROM finish();
DROP SCHEMA trap CASCADE;
