-- Settlement at its edges: infinite instants, missing and taken references.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL statement_timeout = '20s';
SELECT no_plan();

SELECT open_client('EDGE', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') \g /dev/null
SELECT open_customer(client => 'EDGE', customer => 'EDGE0001') \g /dev/null
SELECT open_provider('LP1', 'First Provider') \g /dev/null

-- Infinite instants and days are refused.
SELECT throws_ok($$SELECT window_of('EDGE', 'infinity')$$, 'LG002', NULL, 'asking for the window of infinity is refused');
SELECT throws_ok($$SELECT window_of('EDGE', '-infinity')$$, 'LG002', NULL,
	'asking for the window of minus infinity before any window is sealed is refused');
SELECT throws_ok($$SELECT * FROM net_position('EDGE', 'infinity')$$, 'LG002', NULL, 'a net position at infinity is refused');
SELECT throws_ok($$SELECT * FROM close_window('EDGE', 'infinity')$$, 'LG070', NULL,
	'closing a window on the day infinity is refused');
SELECT throws_ok($$SELECT * FROM close_window('EDGE', '-infinity')$$, 'LG070', NULL,
	'closing a window on the day minus infinity is refused');

CREATE FUNCTION pg_temp.trade(reference text, executed_at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT bakkt_ledger.post_trade('EDGE0001', 'BUY', '0.1 BTC', 'LP1', reference, provider_price => '60000 USD/BTC', executed_at => executed_at) $$;
SELECT pg_temp.trade('t1', '2025-06-01 15:00Z'), pg_temp.trade('t2', '2025-06-02 15:00Z') \g /dev/null
SELECT close_window('EDGE', '2025-06-02'), close_window('EDGE', '2025-06-03') \g /dev/null
SELECT advise_window('EDGE', d), agree_window('EDGE', d) FROM unnest('{2025-06-03}'::date[]) AS d \g /dev/null
SELECT is((window_of('EDGE', '-infinity')).settlement_window, 'W1', 'instants before the first window belong to the first window');

-- Settling a window needs a reference of its own.
SELECT throws_ok($$SELECT settle_window('EDGE', '2025-06-03', NULL)$$, 'LG002', NULL,
	'settling a window without a reference is refused');
SELECT throws_ok($$SELECT settle_window('EDGE', '2025-06-03', '')$$, 'LG002', NULL,
	'settling a window under an empty reference is refused');
SELECT record_wire('EDGE', 'received', '1.00 USD', 'x:EDGE:USD') \g /dev/null
SELECT throws_ok($$SELECT settle_window('EDGE', '2025-06-03', 'x')$$, 'LG020', NULL,
	'settling a window under the reference of another wire is refused');
SELECT isnt_empty($$SELECT settle_window('EDGE', '2025-06-03', 'y')$$,
	'an agreed window is settled under a reference of its own');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
