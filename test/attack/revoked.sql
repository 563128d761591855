-- What was begun while one had access, and goes on after it was taken away.
SET client_min_messages = warning;
SELECT no_plan();
SET search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
-- A session of its own, so that what it keeps is kept by nobody else.
CREATE EXTENSION dblink SCHEMA public;
CREATE FUNCTION attack.connect(session text, login text) RETURNS text LANGUAGE sql AS $$
	SELECT dblink_connect(session, format('host=%s port=%s dbname=%s user=%s', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), login))
$$;
-- The answer to a query in the other session, or its SQLSTATE
CREATE FUNCTION attack.there(session text, query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(t.answer, ' ') FROM dblink(session, query) AS t (answer text));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT attack.connect('tenant', 'attack_mine_reader'), attack.connect('poster', 'attack_mine_poster') \g /dev/null
SELECT dblink_exec('tenant', $$PREPARE kept AS SELECT count(*)::text FROM bakkt_ledger.cash_calls('MINE')$$),
	dblink_exec('tenant', $$PREPARE seen AS SELECT string_agg(client, ',') FROM bakkt_ledger.clients()$$),
	dblink_exec('tenant', $$SET plan_cache_mode = force_generic_plan$$),
	dblink_exec('poster', $$PREPARE ask AS SELECT (bakkt_ledger.initiate_deposit('MNEANN01', '1.00 USD', 'kept', at => '2026-05-20 15:00Z')).reference$$) \g /dev/null
SELECT is(attack.there('tenant', 'EXECUTE seen'), 'MINE', 'a prepared statement sees the client that was granted');
SELECT isnt(attack.there('tenant', 'EXECUTE kept'), '0', 'a prepared statement reads the client that was granted');
SELECT is(attack.there('poster', 'EXECUTE ask'), 'kept', 'a prepared statement works for the client that was granted');
SELECT dblink_exec('tenant', 'BEGIN'), dblink_exec('tenant', $$DECLARE held CURSOR WITH HOLD FOR SELECT customer::text FROM bakkt_ledger.cash_calls('MINE')$$),
	dblink_exec('tenant', 'COMMIT') \g /dev/null
SELECT dblink_exec('tenant', 'BEGIN'), dblink_exec('tenant', $$DECLARE open CURSOR FOR SELECT (SELECT string_agg(client, ',') FROM bakkt_ledger.clients() WHERE n > 0) FROM generate_series(1, 3) AS n$$) \g /dev/null
SELECT revoke_client_access('MINE', 'attack_mine_reader', reason => 'left'), revoke_client_access('MINE', 'attack_mine_poster', reason => 'left') \g /dev/null
SELECT is(attack.there('tenant', 'FETCH 1 FROM open'), 'MINE',
	'a query under way at a revoke ends with the access it began with');
SELECT dblink_exec('tenant', 'COMMIT') \g /dev/null
SELECT is(attack.there('tenant', 'EXECUTE seen'), NULL, 'a prepared statement sees no client after a revoke');
SELECT is(attack.there('tenant', 'EXECUTE kept'), '42501', 'a prepared statement is refused after a revoke');
SELECT is(attack.there('poster', 'EXECUTE ask'), 'LG012', 'a replay after a revoke is refused as if the customer were unknown');
SELECT isnt(attack.there('tenant', 'FETCH ALL FROM held'), '42501',
	'rows materialized by a cursor WITH HOLD stay readable after a revoke');
SELECT is(attack.there('poster', $$SELECT * FROM bakkt_ledger.authorize_hold('MINE', 'CUST:10001', '0.01 BTC', 'late')$$), '42501',
	'an account that a session has used is refused after a revoke');
SELECT * FROM finish();
SELECT dblink_disconnect('tenant'), dblink_disconnect('poster') \g /dev/null
