-- Settlement at its edges: infinite instants, missing and taken references.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SET LOCAL statement_timeout = '20s';
SELECT no_plan();

SELECT open_client('EDGE', funding_model => 'NET_SETTLEMENT', opened_at => '2025-01-01Z') \g /dev/null
SELECT open_customer('EDGE0001', client => 'EDGE') \g /dev/null
SELECT open_liquidity_provider('LP1', 'First Provider') \g /dev/null

-- An infinite day has no next: nobody may be sent on the way there.
SELECT throws_ok($$SELECT window_of('EDGE', 'infinity')$$, 'LG002', NULL, 'no window has infinity in it');
SELECT throws_ok($$SELECT window_of('EDGE', '-infinity')$$, 'LG002', NULL, 'nor minus infinity, before there is one');
SELECT throws_ok($$SELECT * FROM net_position('EDGE', 'infinity')$$, 'LG002', NULL, 'nor is there a position then');
SELECT throws_ok($$SELECT * FROM close_window('EDGE', 'infinity')$$, 'LG070', NULL, 'no window closes on an infinite day');
SELECT throws_ok($$SELECT * FROM close_window('EDGE', '-infinity')$$, 'LG070', NULL, 'of either end');

CREATE FUNCTION pg_temp.trade(reference text, executed_at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT bakkt_ledger.post_trade(reference, 'EDGE0001', 'BUY', '0.1 BTC', 'LP1', lp_price => '60000 USD/BTC', executed_at => executed_at) $$;
SELECT pg_temp.trade('t1', '2025-06-01 15:00Z'), pg_temp.trade('t2', '2025-06-02 15:00Z') \g /dev/null
SELECT close_window('EDGE', '2025-06-02'), close_window('EDGE', '2025-06-03') \g /dev/null
SELECT advise_window('EDGE', d), agree_window('EDGE', d) FROM unnest('{2025-06-03}'::date[]) AS d \g /dev/null
SELECT is((window_of('EDGE', '-infinity')).window_no, 1, 'what came before the first window belongs to it');

-- A reference is what makes a settlement safe to repeat.
SELECT throws_ok($$SELECT settle_window('EDGE', '2025-06-03', NULL)$$, 'LG002', NULL, 'a window is not settled without a reference');
SELECT throws_ok($$SELECT settle_window('EDGE', '2025-06-03', '')$$, 'LG002', NULL, 'nor under an empty one');
SELECT record_wire('EDGE', 'x:EDGE:USD', 'received', '1.00 USD') \g /dev/null
SELECT throws_ok($$SELECT settle_window('EDGE', '2025-06-03', 'x')$$, 'LG020', NULL, 'another request''s answer is not given for the window''s');
SELECT isnt_empty($$SELECT settle_window('EDGE', '2025-06-03', 'y')$$, 'with a reference of its own it is settled');

SELECT * FROM finish();
ROLLBACK;
