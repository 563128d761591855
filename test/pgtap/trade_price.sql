-- Prices that are refused: worse for the company than the provider's, and far from the provider's last execution.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/reference_data_event.psql
SELECT no_plan();

CREATE ROLE ledger_test_executor IN ROLE bakkt_ledger_executor;
SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT'), open_client('XYZZ', funding_model => 'NET_SETTLEMENT') \g /dev/null
SELECT grant_client_access('QRST', 'ledger_test_executor') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001'), open_customer(client => 'XYZZ', customer => 'XYZZ0001') \g /dev/null
SELECT open_provider(code, code) FROM unnest('{LP1,LP2,LP3,LP4}'::text[]) AS code \g /dev/null
SELECT deposit_coin('QRST0001', '100 BTC', 'coin') \g /dev/null
CREATE FUNCTION pg_temp.request(reference text, provider_price text, price text DEFAULT NULL, side text DEFAULT 'BUY', provider text DEFAULT 'LP1', quantity text DEFAULT '0.01 BTC',
	account text DEFAULT 'QRST0001', symbol text DEFAULT 'BTC') RETURNS trade_request LANGUAGE sql AS $$
	SELECT ROW(account, side, quantity::bakkt_ledger.amount, provider, reference, (provider_price || ' USD/' || symbol)::bakkt_ledger.price, (price || ' USD/' || symbol)::bakkt_ledger.price,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::bakkt_ledger.trade_request $$;
-- what came of one execution
CREATE FUNCTION pg_temp.trade(reference text, provider_price text, price text DEFAULT NULL, side text DEFAULT 'BUY', provider text DEFAULT 'LP1', quantity text DEFAULT '0.01 BTC',
	account text DEFAULT 'QRST0001', symbol text DEFAULT 'BTC') RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT coalesce(r.sqlstate, r.outcome) FROM bakkt_ledger.post_trades(ARRAY[pg_temp.request($1, $2, $3, $4, $5, $6, $7, $8)]) r $$;

-- ---------------------------------------------------------------------------
-- the customer's price against the provider's
-- ---------------------------------------------------------------------------
SET LOCAL ROLE ledger_test_executor;
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '0.1 BTC', 'LP1', 'attack', provider_price => '60000.00 USD/BTC', price => '1.00 USD/BTC')$$, 'LG048', NULL,
	'a purchase far below the provider''s price is refused');
SELECT throws_ok($$SELECT post_trade('QRST0001', 'SELL', '0.1 BTC', 'LP1', 'attack', provider_price => '60000.00 USD/BTC', price => '60000.01 USD/BTC')$$, 'LG048', NULL,
	'a sale above the provider''s price is refused');
SELECT is(pg_temp.trade('p1', '60000.00', '60000.00'), 'posted', 'a customer''s price equal to the provider''s is accepted');
SELECT is(pg_temp.trade('p2', '60000.00', '60000.01'), 'posted',
	'a customer''s price better for the company than the provider''s is accepted');
SELECT is(pg_temp.trade('p3', '60000.00', '59999.99'), 'LG048',
	'a price one cent worse for the company is refused without a concession');
SELECT is(pg_temp.trade('p3', '60000.00', '59999.99'), 'LG048', 'a repeated execution returns its stored refusal');
RESET ROLE;
SELECT change_client('QRST', price_concession_bps => 10, reason => 'market maker') \g /dev/null
SELECT is((SELECT after ->> 'price_concession_bps' || ' ' || reason FROM change_log WHERE object_kind = 'client' AND object_key = 'QRST' ORDER BY change_id DESC LIMIT 1),
	'10 market maker', 'a price concession is recorded in the change log with its reason');
SET LOCAL ROLE ledger_test_executor;
SELECT is(pg_temp.trade('p4', '60000.00', '59940.00'), 'posted', 'a purchase at exactly what the terms concede is accepted');
SELECT is(pg_temp.trade('p5', '60000.00', '59939.99'), 'LG048', 'a purchase a cent beyond what the terms concede is refused');
SELECT is(pg_temp.trade('p6', '60000.00', '60060.00', side => 'SELL'), 'posted',
	'a sale at exactly what the terms concede is accepted');
SELECT is(pg_temp.trade('p7', '60000.00', '60060.01', side => 'SELL'), 'LG048',
	'a sale a cent beyond what the terms concede is refused');
SELECT is(pg_temp.trade('p3', '60000.00', '59999.99'), 'LG048', 'a refusal stays under its reference when the terms change');
SELECT results_eq($$SELECT outcome, sqlstate FROM post_trades(ARRAY[pg_temp.request('b1', '60000.00'), pg_temp.request('b2', '60000.00', '50000.00'), pg_temp.request('b3', '60000.00')])$$,
	$$VALUES ('posted', NULL), ('refused', 'LG048'), ('posted', NULL)$$,
	'a price beyond the concession refuses only its own request of a batch');
SELECT throws_ok($$SELECT * FROM correct_trade('QRST0001', 'BUY', '0.01 BTC', 'LP1', 'c1', provider_price => '60000.00 USD/BTC', price => '1.00 USD/BTC', original => 'p1')$$, 'LG048', NULL,
	'a correction with a price beyond the concession is refused');
RESET ROLE;

-- ---------------------------------------------------------------------------
-- the provider's price against its last execution
-- ---------------------------------------------------------------------------
SET LOCAL ROLE ledger_test_executor;
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '0.1 BTC', 'LP1', 'attack', price => '1.00 USD/BTC')$$, 'LG049', NULL,
	'a provider''s price far from its last execution is refused');
SELECT is(pg_temp.trade('q1', '90000.01'), 'LG049', 'a provider''s price more than half above its last execution is refused');
SELECT is(pg_temp.trade('q2', '29999.99'), 'LG049', 'a provider''s price more than half below its last execution is refused');
SELECT is(pg_temp.trade('q3', '90000.00'), 'posted', 'a price at the edge of the band is accepted');
SELECT is(pg_temp.trade('q4', '135000.00'), 'posted', 'the price band moves with the last execution');
SELECT is(pg_temp.trade('q5', '60000.00'), 'LG049', 'a former price outside the moved band is refused');
SELECT is(pg_temp.trade('p1', '60000.00', '60000.00'), 'posted',
	'a repeated execution returns its stored outcome whatever the band is now');
SELECT is(pg_temp.trade('q6', '135000.00'), 'posted', 'a repeated execution does not move the price band');
SELECT is(pg_temp.trade('q7', '20000.00', provider => 'LP2'), 'posted', 'a provider''s first execution is not limited by a price band');
SELECT is(pg_temp.trade('q8', '60000.00', provider => 'LP2'), 'LG049', 'a provider''s band follows its own executions');
SELECT is(pg_temp.trade('q9', '3000.00', symbol => 'ETH', quantity => '0.1 ETH'), 'posted', 'each instrument has a band of its own');
RESET ROLE;
SELECT is(pg_temp.trade('q10', '1.00', account => 'XYZZ0001', quantity => '1 BTC'), 'posted',
	'another client''s executions do not set the price band');
SET LOCAL ROLE ledger_test_executor;
SELECT results_eq($$SELECT outcome, sqlstate FROM post_trades(ARRAY[pg_temp.request('d1', '60000.00', provider => 'LP3'), pg_temp.request('d2', '1.00', provider => 'LP3', quantity => '1 BTC'),
	pg_temp.request('d3', '61000.00', provider => 'LP3')])$$, $$VALUES ('posted', NULL), ('refused', 'LG049'), ('posted', NULL)$$,
	'a price in a batch is measured against the batch''s earlier executions');
SELECT results_eq($$SELECT outcome FROM post_trades(ARRAY[pg_temp.request('w1', '80000.00', provider => 'LP3'), pg_temp.request('w2', '110000.00', provider => 'LP3'),
	pg_temp.request('w3', '160000.00', provider => 'LP3')])$$, $$VALUES ('posted'), ('posted'), ('posted')$$,
	'the price band moves within a batch');
SELECT is((SELECT outcome FROM post_trades(ARRAY[pg_temp.request('dry', '200000.00', provider => 'LP3')], dry_run => true)), 'posted',
	'a dry run judges prices by the band');
SELECT is(pg_temp.trade('after dry', '290000.00', provider => 'LP3'), 'LG049', 'a dry run does not move the price band');

-- an execution that was busted or corrected does not set the price band
SELECT is(pg_temp.trade('wrong', '6.00', provider => 'LP4', quantity => '1 BTC'), 'posted',
	'a provider''s first execution is accepted even at a wrong price');
SELECT is(pg_temp.trade('right', '60000.00', provider => 'LP4'), 'LG049', 'a right price outside the band of a wrong one is refused');
SELECT is((SELECT outcome FROM bust_trade('QRST0001', 'wrong', 'wrong/1')), 'posted',
	'an execution at a wrong price can be busted');
SELECT is(pg_temp.trade('right again', '60000.00', provider => 'LP4'), 'posted', 'a busted execution does not set the price band');
SELECT results_eq($$SELECT outcome FROM correct_trade('QRST0001', 'BUY', '0.01 BTC', 'LP4', 'typo', provider_price => '61000.00 USD/BTC', original => 'right again')$$,
	$$VALUES ('posted'), ('posted')$$, 'a correction is not measured against the execution it corrects');
SELECT throws_ok($$SELECT * FROM correct_trade('QRST0001', 'BUY', '0.01 BTC', 'LP1', 'typo 2', provider_price => '1.00 USD/BTC', original => 'q6')$$, 'LG049', NULL,
	'a correction is measured against executions other than the one it corrects');
RESET ROLE;

SELECT change_client('QRST', price_band_bps => 100) \g /dev/null
SELECT is(pg_temp.trade('n1', '61610.01', provider => 'LP4'), 'LG049', 'a client''s terms can narrow the price band');
SELECT is(pg_temp.trade('n2', '61610.00', provider => 'LP4'), 'posted', 'a price at exactly the narrowed band is accepted');
SELECT change_client('QRST', price_band_bps => 0) \g /dev/null
SELECT is(pg_temp.trade('n3', '1.00', provider => 'LP4', quantity => '1 BTC'), 'posted', 'a price band of zero accepts any price');
SELECT throws_ok($$SELECT change_client('QRST', price_band_bps => -1)$$, 'LG002', NULL, 'a negative price band is refused');
SELECT throws_ok($$SELECT change_client('QRST', price_band_bps => 1000001)$$, 'LG002', NULL,
	'a price band of more than a hundred times the price is refused');
SELECT throws_ok($$SELECT change_client('QRST', price_concession_bps => -1)$$, 'LG002', NULL,
	'a negative price concession is refused');
SELECT throws_ok($$SELECT change_client('QRST', price_concession_bps => 10001)$$, 'LG002', NULL,
	'a price concession of more than the whole price is refused');
SELECT change_client('QRST', price_band_bps => 1000000) \g /dev/null
SELECT is(pg_temp.trade('wide', '100.00', provider => 'LP4', quantity => '1 BTC'), 'posted',
	'a price within the widest band is accepted');
SELECT is(pg_temp.trade('wider', '10100.01', provider => 'LP4', quantity => '1 BTC'), 'LG049',
	'a price beyond the widest band, a hundred times the last one, is refused');

-- executions that were undone or refused do not move the band step by step
SELECT change_client('QRST', price_band_bps => 5000), open_provider('LP5', 'LP5') \g /dev/null
SELECT is(pg_temp.trade('band', '60000.00', provider => 'LP5'), 'posted', 'a new provider''s first execution sets the price band');
DO $$
BEGIN
	FOR n IN 1 .. 16 LOOP
		BEGIN
			PERFORM bakkt_ledger.post_trade('QRST0001', 'BUY', '0.01 BTC', 'LP5', 'undone ' || n, provider_price => (round(60000 / 2 ^ n::numeric, 2) + 0.01 || ' USD/BTC')::bakkt_ledger.price);
			RAISE no_data_found;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT is(pg_temp.trade('cheap', '1.00', provider => 'LP5'), 'LG049', 'executions that were undone do not move the price band');
SELECT is((SELECT r.sqlstate FROM post_trades(ARRAY(SELECT pg_temp.request('refused ' || n, (round(60000 / 2 ^ n::numeric, 2) + 0.01)::text, side => 'SELL', provider => 'LP5', quantity => '5000 BTC')
		FROM generate_series(1, 15) n) || pg_temp.request('cheap too', '1.00', provider => 'LP5')) r WHERE r.request = 16), 'LG049',
	'executions that were refused do not move the price band');

SELECT is_empty('SELECT * FROM verify()', 'the ledger verifies after refusals, busts and corrections');
SELECT * FROM finish();
ROLLBACK;
