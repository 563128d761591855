-- The first trading day: nothing is executed before it, so that no window of a time before is ever closed; and a run closes a bounded number of windows.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/reference_data_event.psql
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL client_min_messages = error;
SELECT no_plan();

SELECT open_client('NETA', funding_model => 'NET_SETTLEMENT', at => '2026-02-28 18:00Z'),
	open_client('NETB', funding_model => 'NET_SETTLEMENT', zone => 'America/New_York', first_trading_day => '2025-12-31', at => '2026-01-01Z'),
	open_client('EARL', at => '2015-06-01Z'), open_provider('lp1', 'First Provider') \g /dev/null
SELECT open_customer(client => code, customer => code || '0001') FROM unnest('{NETA,NETB}'::text[]) AS code \g /dev/null
CREATE FUNCTION pg_temp.buy(reference text, at timestamptz, account text DEFAULT 'NETA0001') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (post_trade(account, 'BUY', '0.01 BTC', 'lp1', reference, provider_price => '60000 USD/BTC', executed_at => at)).outcome;
END $$;

-- ---------------------------------------------------------------------------
-- The first trading day as a term of the client
-- ---------------------------------------------------------------------------
SELECT is((SELECT first_trading_day FROM client WHERE code = 'NETA'), date '2025-02-28',
	'the first trading day is by default a year before opening, in the client''s zone');
SELECT is((SELECT first_trading_day FROM client WHERE code = 'NETB'), date '2025-12-31',
	'the first trading day can be given at opening');
SELECT is((SELECT first_trading_day FROM client WHERE code = 'EARL'), date '2015-01-01',
	'the default first trading day is not before the calendars begin');
SELECT throws_ok(format('SELECT open_client(%L, first_trading_day => %L)', 'FAIL', day), 'LG002', NULL,
	format('a first trading day of %s is refused', day))
	FROM unnest('{2014-12-31,infinity,-infinity,0001-01-01}'::text[]) AS day;
SELECT is((open_client('NETB', funding_model => 'NET_SETTLEMENT', zone => 'America/New_York')).replayed, true,
	'a client opened again without the day is a replay');
SELECT throws_ok($$SELECT open_client('NETB', funding_model => 'NET_SETTLEMENT', zone => 'America/New_York', first_trading_day => '2025-12-30')$$, 'LG020', NULL,
	'a client opened again with another day is a conflict');

-- ---------------------------------------------------------------------------
-- Executions
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.buy('first', '2025-02-28 06:00Z'), 'posted',
	'an execution at midnight of the first day in the client''s zone is posted');
SELECT throws_ok($$SELECT pg_temp.buy('early', '2025-02-28 05:59:59.999999Z')$$, 'LG061', NULL,
	'an execution a microsecond before the first day is refused');
SELECT is(pg_temp.buy('first', '2025-12-31 05:00Z', 'NETB0001'), 'posted',
	'the first day begins at midnight in each client''s own zone');
SELECT throws_ok($$SELECT pg_temp.buy('early', '2025-12-31 04:59:59Z', 'NETB0001')$$, 'LG061', NULL,
	'an execution a second before another client''s first day is refused');
SELECT throws_ok(format('SELECT pg_temp.buy(%L, %L)', 'early ' || at, at), 'LG061', NULL,
	'an execution long before the first day is refused: ' || at)
	FROM unnest('{0001-01-01 00:00Z,2000-01-01 00:00Z,2015-01-01 00:00Z,4714-11-24 00:00Z BC}'::text[]) AS at;
SELECT results_eq($$SELECT outcome, sqlstate::text FROM post_trades(ARRAY(SELECT r FROM jsonb_populate_recordset(NULL::trade_request, '[{"reference": "b1", "customer": "NETA0001", "side": "BUY", "quantity": "0.01 BTC", "provider": "lp1", "provider_price": "60000 USD/BTC", "executed_at": "2015-03-01T12:00Z"},
	{"reference": "b2", "customer": "NETA0001", "side": "BUY", "quantity": "0.01 BTC", "provider": "lp1", "provider_price": "60000 USD/BTC", "executed_at": "2025-03-01T12:00Z"}]') r))$$,
	$$VALUES ('refused'::text, 'LG061'::text), ('posted', NULL)$$,
	'a batch refuses an execution before the first day and posts the others');
SELECT throws_ok($$SELECT * FROM correct_trade('NETA0001', 'BUY', '0.02 BTC', 'lp1', 'right', provider_price => '60000 USD/BTC', executed_at => '2025-02-27 12:00Z', original => 'first')$$, 'LG061', NULL,
	'a correction cannot put an execution before the first day');
SELECT lives_ok($$SELECT * FROM correct_trade('NETA0001', 'BUY', '0.02 BTC', 'lp1', 'right', provider_price => '60000 USD/BTC', original => 'first')$$,
	'a correction at the time of the original is accepted');

-- ---------------------------------------------------------------------------
-- Changing the first trading day
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT change_client('NETA', first_trading_day => '2025-03-01')$$, 'LG002', NULL,
	'a first trading day after the first execution is refused');
SELECT lives_ok($$SELECT change_client('NETA', first_trading_day => '2025-02-28', reason => 'as it is')$$,
	'the current first trading day can be set again');
SELECT throws_ok($$SELECT change_client('NETA', first_trading_day => '2014-12-31')$$, 'LG002', NULL,
	'a first trading day before the calendars begin is refused');
SELECT lives_ok($$SELECT change_client('NETA', first_trading_day => '2025-02-01', reference => 'c1', reason => 'older trades are brought over')$$,
	'an earlier first trading day is accepted');
SELECT is(pg_temp.buy('old', '2025-02-10 12:00Z'), 'posted', 'an earlier first trading day applies at once');
SELECT is((SELECT (after ->> 'first_trading_day')::date FROM change_log WHERE reference = 'c1'), date '2025-02-01',
	'a change of the first trading day is logged');
SELECT throws_ok($$SELECT change_client('NETA', first_trading_day => '2025-01-01', reference => 'c1')$$, 'LG020', NULL,
	'a reference of a change cannot be used for another day');
SELECT lives_ok($$SELECT bust_trade('NETA0001', 'old', 'undone')$$,
	'an execution after the first trading day was moved can be busted');
SELECT change_client('EARL', first_trading_day => '2025-01-01') \g /dev/null
SELECT is((SELECT first_trading_day FROM client WHERE code = 'EARL'), date '2025-01-01',
	'a client that has not traded can move its first day later');

-- ---------------------------------------------------------------------------
-- Windows: none before the first day, and a bounded number in a call
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT close_window('EARL', '0001-01-01')$$, 'LG070', NULL,
	'a window long before the first trading day cannot be closed');
SELECT throws_ok($$SELECT close_window('EARL', '2024-12-31')$$, 'LG070', NULL,
	'the window of the day before the first trading day cannot be closed');
SELECT throws_ok($$SELECT close_due_windows('2025-06-01Z', most => 0)$$, 'LG002', NULL,
	'a run that may close no window is refused');
SELECT throws_ok($$SELECT close_due_windows('2025-06-01Z', most => NULL)$$, 'LG002', NULL,
	'a run without a limit of windows is refused');
SELECT is((SELECT count(*) FROM close_due_windows('2025-06-01Z', most => 3)), 3::bigint,
	'a run closes at most the given number of windows');
SELECT is((SELECT count(*) FROM close_due_windows('2025-06-01Z', 'NETA')), 31::bigint,
	'a run closes at most 31 windows of a client by default');
SELECT is((SELECT sum(n)::bigint FROM (SELECT count(*) AS n FROM close_due_windows('2025-06-01Z') UNION ALL SELECT count(*) FROM close_due_windows('2025-06-01Z')
	UNION ALL SELECT count(*) FROM close_due_windows('2025-06-01Z') UNION ALL SELECT count(*) FROM close_due_windows('2025-06-01Z')) AS calls), 111 - 34::bigint,
	'later runs close the windows that are left');
SELECT is_empty($$SELECT FROM close_due_windows('2025-06-01Z')$$, 'a run with no window due closes none');
SELECT is((SELECT array_agg(DISTINCT w.closes_on - b.closes_on) FROM settlement_window w JOIN settlement_window b ON b.client_id = w.client_id AND b.window_no = w.window_no - 1), '{1}',
	'windows close on consecutive days');

-- ---------------------------------------------------------------------------
-- A client whose part fails
-- ---------------------------------------------------------------------------
SELECT add_calendar_version('SHORT', '2025-01-01', '2025-06-01', '{}', '{}', 'a test', '{}') \g /dev/null
SELECT change_settlement('NETA', cash_calendar => 'SHORT') \g /dev/null
SELECT pg_temp.buy('late', '2025-06-02 12:00Z') \g /dev/null
SELECT results_eq($$SELECT DISTINCT client FROM close_due_windows('2026-01-02 15:00Z')$$, $$VALUES ('NETB')$$,
	'a client whose calendar lacks a day keeps no other client''s windows open');
SELECT throws_ok($$SELECT close_due_windows('2025-06-03 15:00Z', 'NETA')$$, 'LG075', NULL,
	'a run for a client whose calendar lacks a day is refused');
SELECT is((SELECT max(closes_on) FROM settlement_window JOIN client USING (client_id) WHERE code = 'NETA'), date '2025-05-31',
	'a failed run closes no window of its client');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
