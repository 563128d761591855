-- The first trading day: nothing is executed before it, so that no window of a time before is ever closed; and a run closes a bounded number of windows.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL client_min_messages = error;
SELECT no_plan();

SELECT open_client('NETA', funding_model => 'NET_SETTLEMENT', opened_at => '2026-02-28 18:00Z'),
	open_client('NETB', funding_model => 'NET_SETTLEMENT', opened_at => '2026-01-01Z', first_trading_day => '2025-12-31', zone => 'America/New_York'),
	open_client('EARL', opened_at => '2015-06-01Z'), open_liquidity_provider('lp1', 'First Provider') \g /dev/null
SELECT open_customer(code || '0001', client => code) FROM unnest('{NETA,NETB}'::text[]) AS code \g /dev/null
CREATE FUNCTION pg_temp.buy(reference text, at timestamptz, account text DEFAULT 'NETA0001') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (post_trade(reference, account, 'BUY', '0.01 BTC', 'lp1', lp_price => '60000 USD/BTC', executed_at => at)).outcome;
END $$;

-- ---------------------------------------------------------------------------
-- The term
-- ---------------------------------------------------------------------------
SELECT is((SELECT first_trading_day FROM client WHERE code = 'NETA'), date '2025-02-28', 'it is a year before the client was opened, in its zone');
SELECT is((SELECT first_trading_day FROM client WHERE code = 'NETB'), date '2025-12-31', 'or as given');
SELECT is((SELECT first_trading_day FROM client WHERE code = 'EARL'), date '2015-01-01', 'but not before the calendars begin');
SELECT throws_ok(format('SELECT open_client(%L, first_trading_day => %L)', 'FAIL', day), 'LG002', NULL, format('a client cannot have traded since %s', day))
	FROM unnest('{2014-12-31,infinity,-infinity,0001-01-01}'::text[]) AS day;
SELECT is(open_client('NETB', funding_model => 'NET_SETTLEMENT', zone => 'America/New_York'), require_client('NETB'), 'opened again without the day it is the same client');
SELECT throws_ok($$SELECT open_client('NETB', funding_model => 'NET_SETTLEMENT', zone => 'America/New_York', first_trading_day => '2025-12-30')$$, 'LG020', NULL, 'with another day it is another content');

-- ---------------------------------------------------------------------------
-- Executions
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.buy('first', '2025-02-28 06:00Z'), 'posted', 'midnight of the first day in the client''s zone is in time');
SELECT throws_ok($$SELECT pg_temp.buy('early', '2025-02-28 05:59:59.999999Z')$$, 'LG061', NULL, 'a microsecond before is not');
SELECT is(pg_temp.buy('first', '2025-12-31 05:00Z', 'NETB0001'), 'posted', 'each client has its own zone');
SELECT throws_ok($$SELECT pg_temp.buy('early', '2025-12-31 04:59:59Z', 'NETB0001')$$, 'LG061', NULL, 'and its own day');
SELECT throws_ok(format('SELECT pg_temp.buy(%L, %L)', 'early ' || at, at), 'LG061', NULL, 'nothing was executed at ' || at)
	FROM unnest('{0001-01-01 00:00Z,2000-01-01 00:00Z,2015-01-01 00:00Z,4714-11-24 00:00Z BC}'::text[]) AS at;
SELECT results_eq($$SELECT outcome, sqlstate::text FROM post_trades(ARRAY(SELECT r FROM jsonb_populate_recordset(NULL::trade_request, '[{"reference": "b1", "account": "NETA0001", "side": "BUY", "quantity": "0.01 BTC", "lp": "lp1", "lp_price": "60000 USD/BTC", "executed_at": "2015-03-01T12:00Z"},
	{"reference": "b2", "account": "NETA0001", "side": "BUY", "quantity": "0.01 BTC", "lp": "lp1", "lp_price": "60000 USD/BTC", "executed_at": "2025-03-01T12:00Z"}]') r))$$,
	$$VALUES ('refused'::text, 'LG061'::text), ('posted', NULL)$$, 'in a batch the one is refused, the other stands');
SELECT throws_ok($$SELECT * FROM correct_trade('right', 'NETA0001', 'BUY', '0.02 BTC', 'lp1', lp_price => '60000 USD/BTC', executed_at => '2025-02-27 12:00Z', original => 'first')$$, 'LG061', NULL,
	'a correction cannot put an execution before the first day');
SELECT lives_ok($$SELECT * FROM correct_trade('right', 'NETA0001', 'BUY', '0.02 BTC', 'lp1', lp_price => '60000 USD/BTC', original => 'first')$$, 'at the time of the original it can');

-- ---------------------------------------------------------------------------
-- Changing it
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT change_client('NETA', first_trading_day => '2025-03-01')$$, 'LG002', NULL, 'a day after the first execution is refused');
SELECT lives_ok($$SELECT change_client('NETA', first_trading_day => '2025-02-28', reason => 'as it is')$$, 'the day it is is no change');
SELECT throws_ok($$SELECT change_client('NETA', first_trading_day => '2014-12-31')$$, 'LG002', NULL, 'and not before the calendars begin');
SELECT lives_ok($$SELECT change_client('NETA', first_trading_day => '2025-02-01', reason => 'older trades are brought over', reference => 'c1')$$, 'an earlier day is allowed');
SELECT is(pg_temp.buy('old', '2025-02-10 12:00Z'), 'posted', 'and counts at once');
SELECT is((SELECT (after ->> 'first_trading_day')::date FROM change_log WHERE reference = 'c1'), date '2025-02-01', 'the change is on record');
SELECT throws_ok($$SELECT change_client('NETA', first_trading_day => '2025-01-01', reference => 'c1')$$, 'LG020', NULL, 'a reference has one content');
SELECT lives_ok($$SELECT bust_trade('undone', 'NETA0001', 'old')$$, 'what was executed can be busted');
SELECT change_client('EARL', first_trading_day => '2025-01-01') \g /dev/null
SELECT is((SELECT first_trading_day FROM client WHERE code = 'EARL'), date '2025-01-01', 'who has not traded may begin later');

-- ---------------------------------------------------------------------------
-- Windows: never before, and so many in a call
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT close_window('EARL', '0001-01-01')$$, 'LG070', NULL, 'no window of a time before is closed');
SELECT throws_ok($$SELECT close_window('EARL', '2024-12-31')$$, 'LG070', NULL, 'up to the day before the first');
SELECT throws_ok($$SELECT close_due_windows('2025-06-01Z', most => 0)$$, 'LG002', NULL, 'a run closes one window at least');
SELECT throws_ok($$SELECT close_due_windows('2025-06-01Z', most => NULL)$$, 'LG002', NULL, 'and says how many at most');
SELECT is((SELECT count(*) FROM close_due_windows('2025-06-01Z', most => 3)), 3::bigint, 'at most so many windows are closed in a call');
SELECT is((SELECT count(*) FROM close_due_windows('2025-06-01Z', 'NETA')), 31::bigint, 'a month of them unless told otherwise');
SELECT is((SELECT sum(n)::bigint FROM (SELECT count(*) AS n FROM close_due_windows('2025-06-01Z') UNION ALL SELECT count(*) FROM close_due_windows('2025-06-01Z')
	UNION ALL SELECT count(*) FROM close_due_windows('2025-06-01Z') UNION ALL SELECT count(*) FROM close_due_windows('2025-06-01Z')) AS calls), 111 - 34::bigint, 'the next calls go on until all is done');
SELECT is_empty($$SELECT FROM close_due_windows('2025-06-01Z')$$, 'then there is nothing left');
SELECT is((SELECT array_agg(DISTINCT w.closes_on - b.closes_on) FROM settlement_window w JOIN settlement_window b ON b.client_id = w.client_id AND b.window_no = w.window_no - 1), '{1}', 'and none was skipped');

-- ---------------------------------------------------------------------------
-- A client whose part fails
-- ---------------------------------------------------------------------------
SELECT add_calendar_version('SHORT', '2025-01-01', '2025-06-01', '{}', '{}', 'a test', '{}') \g /dev/null
SELECT change_settlement('NETA', cash_calendar => 'SHORT') \g /dev/null
SELECT pg_temp.buy('late', '2025-06-02 12:00Z') \g /dev/null
SELECT results_eq($$SELECT DISTINCT client_code FROM close_due_windows('2026-01-02 15:00Z')$$, $$VALUES ('NETB')$$, 'a calendar that does not know a client''s day keeps no other client''s windows open');
SELECT throws_ok($$SELECT close_due_windows('2025-06-03 15:00Z', 'NETA')$$, 'LG075', NULL, 'called for that client alone it says why');
SELECT is((SELECT max(closes_on) FROM settlement_window JOIN client USING (client_id) WHERE code = 'NETA'), date '2025-05-31', 'nothing of its part is done');

SELECT * FROM finish();
ROLLBACK;
