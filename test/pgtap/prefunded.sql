-- Prefunded clients: a purchase without buying power is refused (LG084), in batches, dry runs and corrections alike.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client(c, funding_model => 'BAKKT_TPJ', commission_model => 'BOTH', at => '2025-01-01Z') FROM unnest('{QRST,FREE,PROP}'::text[]) c \g /dev/null
SELECT open_customers('QRST', ARRAY(SELECT 'QRST000' || n FROM generate_series(1, 9) n)), open_customers('FREE', '{FREE0001}'), open_customers('PROP', '{PROP0001,PROP0002}') \g /dev/null
SELECT open_customer('QRST', 'QRSTNETS', funding_model => 'NET_SETTLEMENT') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
SELECT deposit_coin(customer_code, '10 BTC', 'coin ' || customer_code, at => '2025-01-02Z') FROM customer WHERE customer_code NOT IN ('QRST0009') \g /dev/null
SELECT change_cash_terms(c, prefunded => true) FROM unnest('{QRST,PROP}'::text[]) c \g /dev/null

CREATE FUNCTION pg_temp.cash(account text, change amount, at timestamptz DEFAULT '2025-06-02 15:00Z') RETURNS bigint LANGUAGE sql AS $$
	SELECT (post_entry(c.client_id, format('cash %s %s %s', account, change, at AT TIME ZONE 'UTC'), 'cash_deposit',
		journal_entry(line('Dr', ensure_account(c.client_id, 'FBO', 'Bank:omnibus', 'USD'), change),
					  line('Cr', ensure_account(c.client_id, 'FBO', 'Cust:' || account || ':settled', 'USD', c.customer_id), change)), at)).journal
	  FROM customer c WHERE c.customer_code = account $$;
CREATE FUNCTION pg_temp.request(reference text, account text, side text, quantity amount, executed_at timestamptz DEFAULT NULL, linked boolean DEFAULT false,
								fee_minimum amount DEFAULT NULL, client_order_id text DEFAULT NULL) RETURNS trade_request LANGUAGE sql AS $$
	SELECT (account, side, quantity, 'lp1', reference, '100 USD/BTC', NULL, NULL, NULL, NULL, NULL, fee_minimum, client_order_id, executed_at, NULL, NULL, linked)::trade_request $$;
CREATE FUNCTION pg_temp.told(request text) RETURNS TABLE (state text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE request;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;
CREATE FUNCTION pg_temp.power(account text) RETURNS text LANGUAGE sql AS $$ SELECT value((buying_power(account)).buying_power)::text $$;

-- ---------------------------------------------------------------------------
-- One at a time
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash('QRST0001', '100 USD') \g /dev/null
SELECT results_eq($$SELECT * FROM pg_temp.told($q$SELECT post_trade('QRST0001', 'BUY', '1.01 BTC', 'lp1', 'b1', provider_price => '100 USD/BTC')$q$)$$,
	$$VALUES ('LG084', 'Needed are 101.00 USD, available 100.00 USD.', 'Fund the customer first: the client''s customers are prefunded.')$$,
	'a purchase above the buying power is refused, with what is needed and available');
SELECT lives_ok($$SELECT post_trade('QRST0001', 'BUY', '0.4 BTC', 'lp1', 'b2', provider_price => '100 USD/BTC')$$,
	'a purchase within the buying power is posted');
SELECT is(pg_temp.power('QRST0001'), '60.00', 'a purchase lowers the buying power by its cost');
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '0.61 BTC', 'lp1', 'b3', provider_price => '100 USD/BTC')$$, 'LG084', NULL,
	'a purchase with money that is spent already is refused');
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '0.6 BTC', 'lp1', 'b3', provider_price => '100 USD/BTC', fee_fixed => '0.01 USD')$$, 'LG084', NULL,
	'a purchase is refused when its fee exceeds the buying power left');
SELECT lives_ok($$SELECT post_trade('QRST0001', 'BUY', '0.6 BTC', 'lp1', 'b3', provider_price => '100 USD/BTC')$$,
	'a purchase may spend all the buying power');
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '0.001 BTC', 'lp1', 'b4', provider_price => '100 USD/BTC')$$, 'LG084', NULL,
	'a purchase is refused when no buying power is left');
SELECT lives_ok($$SELECT post_trade('QRST0001', 'SELL', '0.3 BTC', 'lp1', 's1', provider_price => '100 USD/BTC')$$,
	'a sale needs no buying power');
SELECT lives_ok($$SELECT post_trade('QRST0001', 'BUY', '0.3 BTC', 'lp1', 'b4', provider_price => '100 USD/BTC')$$,
	'a sale''s proceeds add to the buying power');
SELECT results_eq($$SELECT replayed, net_money::text FROM post_trade('QRST0001', 'BUY', '0.4 BTC', 'lp1', 'b2', provider_price => '100 USD/BTC')$$, $$VALUES (true, '40.00 USD')$$,
	'a repeated purchase is a replay when no buying power is left');
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '0.5 BTC', 'lp1', 'b2', provider_price => '100 USD/BTC')$$, 'LG020', NULL,
	'a repeated purchase with other content is refused as such, not for buying power');

-- ---------------------------------------------------------------------------
-- Time cannot be played with
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash('QRST0002', '100 USD') \g /dev/null
SELECT throws_ok($$SELECT post_trade('QRST0002', 'BUY', '1.01 BTC', 'lp1', 't1', provider_price => '100 USD/BTC', executed_at => '2025-06-03 12:00Z')$$, 'LG084', NULL,
	'a purchase executed in the past is judged by the present buying power');
SELECT lives_ok($$SELECT post_trade('QRST0002', 'BUY', '0.6 BTC', 'lp1', 't2', provider_price => '100 USD/BTC', executed_at => clock_timestamp() + interval '4 minutes')$$,
	'a purchase dated ahead of the clock is posted within the buying power');
SELECT throws_ok($$SELECT post_trade('QRST0002', 'BUY', '0.6 BTC', 'lp1', 't3', provider_price => '100 USD/BTC')$$, 'LG084', NULL,
	'a purchase dated ahead of the clock lowers the buying power at once');
SELECT throws_ok($$SELECT post_trade('QRST0002', 'BUY', '0.6 BTC', 'lp1', 't4', provider_price => '100 USD/BTC', executed_at => '2025-06-01 12:00Z')$$, 'LG084', NULL,
	'a purchase dated ahead of the clock counts against one executed before it');
SELECT post_trade('QRST0002', 'SELL', '1 BTC', 'lp1', 't5', provider_price => '100 USD/BTC', executed_at => '2025-06-03 12:00Z') \g /dev/null
SELECT throws_ok($$SELECT post_trade('QRST0002', 'BUY', '0.6 BTC', 'lp1', 't6', provider_price => '100 USD/BTC')$$, 'LG084', NULL,
	'a sale that failed before the cut adds no buying power');
SELECT change_cash_terms('QRST', credit_failed_sells => true) \g /dev/null
SELECT lives_ok($$SELECT post_trade('QRST0002', 'BUY', '0.6 BTC', 'lp1', 't6', provider_price => '100 USD/BTC')$$,
	'a failed sale adds buying power if the client credits failed sells');
SELECT change_cash_terms('QRST', credit_failed_sells => false) \g /dev/null

-- ---------------------------------------------------------------------------
-- Batches
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash('QRST0003', '100 USD'), pg_temp.cash('QRST0004', '50 USD') \g /dev/null
CREATE TEMP TABLE batch AS SELECT ARRAY[
	pg_temp.request('k1', 'QRST0003', 'BUY', '0.6 BTC'), pg_temp.request('k2', 'QRST0003', 'BUY', '0.6 BTC'), pg_temp.request('k3', 'QRST0004', 'BUY', '0.6 BTC'),
	pg_temp.request('k4', 'QRST0004', 'BUY', '0.5 BTC'), pg_temp.request('k5', 'QRST0003', 'SELL', '0.2 BTC'), pg_temp.request('k6', 'QRST0003', 'BUY', '0.6 BTC'),
	pg_temp.request('k7', 'QRST0003', 'SELL', '99 BTC'), pg_temp.request('k8', 'QRST0003', 'BUY', '0.01 BTC'),
	pg_temp.request('k9', 'QRST0003', 'SELL', '1 BTC', linked => true), pg_temp.request('k10', 'QRST0003', 'BUY', '1.5 BTC'), pg_temp.request('k11', 'QRST0003', 'BUY', '0.01 BTC'),
	pg_temp.request('k12', 'QRST0003', 'SELL', '0.1 BTC', '2025-06-03Z'), pg_temp.request('k13', 'QRST0003', 'BUY', '0.1 BTC'), pg_temp.request('k4', 'QRST0004', 'BUY', '0.5 BTC'),
	pg_temp.request('k14', 'FREE0001', 'BUY', '9 BTC'), pg_temp.request('k15', 'QRSTNETS', 'BUY', '9 BTC')] AS requests;
CREATE TEMP TABLE outcome AS SELECT request, outcome, replayed, sqlstate, detail FROM batch, post_trades(requests, dry_run => true);
SELECT is_empty($$SELECT * FROM cash_guard g JOIN customer c USING (customer_id) WHERE customer_code = 'QRST0003'$$,
	'a dry run of a batch leaves no row in cash_guard');
SELECT results_eq($$SELECT request, coalesce(sqlstate, outcome) FROM outcome$$,
	$$VALUES (1, 'posted'), (2, 'LG084'), (3, 'LG084'), (4, 'posted'), (5, 'posted'), (6, 'posted'), (7, 'LG050'), (8, 'LG084'), (9, 'LG060'), (10, 'LG084'), (11, 'LG084'),
			 (12, 'posted'), (13, 'LG084'), (14, 'posted'), (15, 'posted'), (16, 'posted')$$,
			 'in a batch posted purchases take buying power and posted sales give it, in order');
SELECT results_eq($$SELECT detail FROM outcome WHERE sqlstate = 'LG084' ORDER BY request$$, ARRAY['Needed are 60.00 USD, available 40.00 USD.', 'Needed are 60.00 USD, available 50.00 USD.',
	'Needed are 1.00 USD, available 0.00 USD.', 'Needed are 150.00 USD, available 100.00 USD.', 'Needed are 1.00 USD, available 0.00 USD.', 'Needed are 10.00 USD, available 0.00 USD.'],
	'each refusal in a batch names the buying power left for it');
SELECT results_eq($$SELECT request, outcome, replayed, sqlstate, detail FROM batch, post_trades(requests)$$, 'SELECT * FROM outcome',
	'a batch is posted as its dry run said');
SELECT is((SELECT count(*) FROM cash_guard g JOIN customer c USING (customer_id) WHERE customer_code = 'QRST0003'), 1::bigint,
	'a posted batch leaves a row in cash_guard for its customer');
SELECT is(pg_temp.power('QRST0003') || ' ' || pg_temp.power('QRST0004'), '0.00 0.00',
	'purchases of a posted batch spend all the buying power');
SELECT pg_temp.cash('QRST0003', '1000 USD', '2025-06-04Z') \g /dev/null
SELECT results_eq($$SELECT request, coalesce(sqlstate, outcome), replayed FROM batch, post_trades(requests)$$, $$SELECT request, coalesce(sqlstate, outcome), true FROM outcome$$,
	'a refused purchase stays refused under its reference when money has come');
SELECT throws_ok($$SELECT post_trades(ARRAY[pg_temp.request('strict 1', 'QRST0003', 'BUY', '6 BTC'), pg_temp.request('strict 2', 'QRST0003', 'BUY', '6 BTC')], strict => true)$$, 'LG084', NULL,
	'a strict batch raises the first refusal');
SELECT is(pg_temp.power('QRST0003'), '1000.00', 'a strict batch that raises posts nothing');
SELECT is((SELECT count(*) FROM post_trades(ARRAY(SELECT pg_temp.request('many ' || n, 'QRST0003', 'BUY', '0.01 BTC') FROM generate_series(1, 1100) n)) WHERE outcome = 'posted'), 1000::bigint,
	'a batch of 1,100 purchases is posted as far as the buying power goes');

-- ---------------------------------------------------------------------------
-- Orders with a minimum fee: a refused fill pays none, and the next does
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash('QRST0005', '100 USD') \g /dev/null
SELECT results_eq($$SELECT outcome, net_money::text, detail FROM post_trades(ARRAY[
		pg_temp.request('m1', 'QRST0005', 'BUY', '0.995 BTC', NULL, false, '1 USD', 'order'), pg_temp.request('m2', 'QRST0005', 'BUY', '0.99 BTC', NULL, false, '1 USD', 'order'),
		pg_temp.request('m3', 'QRST0005', 'SELL', '0.5 BTC'), pg_temp.request('m4', 'QRST0005', 'BUY', '0.5 BTC', NULL, false, '1 USD', 'order')])$$,
	$$VALUES ('refused', NULL, 'Needed are 100.50 USD, available 100.00 USD.'), ('posted', '100.00 USD', NULL), ('posted', '-50.00 USD', NULL), ('posted', '50.00 USD', NULL)$$,
	'the minimum fee of an order falls on its first fill that is posted');

-- ---------------------------------------------------------------------------
-- Busts and corrections
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash('QRST0006', '100 USD'), pg_temp.cash('QRST0007', '100 USD') \g /dev/null
SELECT post_trade('QRST0006', 'BUY', '1 BTC', 'lp1', 'c1', provider_price => '100 USD/BTC') \g /dev/null
SELECT is(pg_temp.power('QRST0006'), '0.00', 'a purchase of the whole buying power leaves none');
SELECT lives_ok($$SELECT correct_trade('QRST0006', 'BUY', '1 BTC', 'lp1', 'c2', provider_price => '90 USD/BTC', original => 'c1')$$,
	'a correction may spend what its bust gives back');
SELECT is(pg_temp.power('QRST0006'), '10.00', 'a correction at a lower price gives the difference back once');
SELECT throws_ok($$SELECT correct_trade('QRST0006', 'BUY', '1 BTC', 'lp1', 'c3', provider_price => '101 USD/BTC', original => 'c2')$$, 'LG084', NULL,
	'a correction above the buying power is refused');
SELECT is((SELECT busted_by FROM execution WHERE reference = 'c2'), NULL, 'a refused correction leaves its original standing');
SELECT lives_ok($$SELECT correct_trade('QRST0007', 'BUY', '0.9 BTC', 'lp1', 'c4', provider_price => '100 USD/BTC', original => 'c2', original_customer => 'QRST0006')$$,
	'a correction may move a purchase to another customer');
SELECT is(pg_temp.power('QRST0006') || ' ' || pg_temp.power('QRST0007'), '100.00 10.00',
	'a moved purchase is paid from the other customer''s buying power');
SELECT post_trade('QRST0007', 'SELL', '1 BTC', 'lp1', 'c5', provider_price => '100 USD/BTC'), post_trade('QRST0007', 'BUY', '1.1 BTC', 'lp1', 'c6', provider_price => '100 USD/BTC') \g /dev/null
SELECT lives_ok($$SELECT bust_trade('QRST0007', 'c5', 'c7')$$, 'a bust is not refused for want of buying power');
SELECT is(pg_temp.power('QRST0007'), '-100.00', 'a bust may leave the buying power negative');
SELECT throws_ok($$SELECT post_trade('QRST0007', 'BUY', '0.01 BTC', 'lp1', 'c8', provider_price => '100 USD/BTC')$$, 'LG084', NULL,
	'a purchase is refused while the buying power is negative');

-- ---------------------------------------------------------------------------
-- Whom it concerns
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT post_trade('QRST0008', 'BUY', '0.01 BTC', 'lp1', 'w1', provider_price => '100 USD/BTC')$$, 'LG084', NULL, 'a customer without cash buys nothing');
SELECT throws_ok($$SELECT post_trade('QRST0009', 'SELL', '0.01 BTC', 'lp1', 'w1', provider_price => '100 USD/BTC')$$, 'LG050', NULL,
	'a customer without coin sells nothing');
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:QRST0006:settled', 'USD'), '95 USD', 'order') \g /dev/null
SELECT throws_ok($$SELECT post_trade('QRST0006', 'BUY', '0.06 BTC', 'lp1', 'w2', provider_price => '100 USD/BTC')$$, 'LG084', NULL,
	'cash held for an order is no buying power');
SELECT change_customer('QRST0001', mode => 'CLOSING_ONLY') \g /dev/null
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '9 BTC', 'lp1', 'w3', provider_price => '100 USD/BTC')$$, 'LG013', NULL,
	'the customer''s mode is judged before the buying power');
SELECT change_cash_terms('QRST', prefunded => false) \g /dev/null
SELECT lives_ok($$SELECT post_trade('QRST0008', 'BUY', '0.01 BTC', 'lp1', 'w4', provider_price => '100 USD/BTC')$$,
	'a purchase without buying power is posted when its client is no longer prefunded');
SELECT change_cash_terms('QRST', prefunded => true) \g /dev/null
SELECT throws_ok($$SELECT post_trade('QRST0008', 'BUY', '0.01 BTC', 'lp1', 'w5', provider_price => '100 USD/BTC')$$, 'LG084', NULL,
	'a purchase without buying power is refused when its client is prefunded again');

-- ---------------------------------------------------------------------------
-- A batch decides as one by one
-- ---------------------------------------------------------------------------
SELECT setseed(0.42) \g /dev/null
CREATE TEMP TABLE random_trade AS SELECT n, CASE WHEN random() < 0.6 THEN 'BUY' ELSE 'SELL' END AS side, (1 + floor(random() * 60)) / 100 AS quantity,
	CASE WHEN random() < 0.2 THEN timestamptz '2025-06-03Z' END AS executed_at, CASE WHEN random() < 0.4 THEN 'order ' || floor(random() * 4) END AS client_order_id FROM generate_series(1, 200) n;
SELECT pg_temp.cash('PROP0001', '100 USD'), pg_temp.cash('PROP0002', '100 USD') \g /dev/null
CREATE FUNCTION pg_temp.random_request(t random_trade, account text) RETURNS trade_request LANGUAGE sql AS $$
	SELECT pg_temp.request(account || t.n, account, t.side, amount(t.quantity::numeric, 'BTC'), t.executed_at, false, CASE WHEN t.client_order_id IS NOT NULL THEN '0.35 USD'::amount END, t.client_order_id) $$;
CREATE TEMP TABLE at_once AS SELECT r.request AS n, r.outcome, r.net_money, r.sqlstate, r.detail FROM post_trades(ARRAY(SELECT pg_temp.random_request(t, 'PROP0001') FROM random_trade t ORDER BY n)) r;
CREATE TEMP TABLE singly (n integer, outcome text, net_money amount, sqlstate text, detail text);
DO $$ DECLARE t random_trade; BEGIN
	FOR t IN SELECT * FROM random_trade ORDER BY n LOOP
		INSERT INTO singly SELECT t.n, r.outcome, r.net_money, r.sqlstate, r.detail FROM post_trades(ARRAY[pg_temp.random_request(t, 'PROP0002')]) r;
	END LOOP;
END $$;
SELECT results_eq('SELECT * FROM at_once ORDER BY n', 'SELECT * FROM singly ORDER BY n', 'a batch decides as its requests one by one');
SELECT ok((SELECT count(*) FILTER (WHERE sqlstate = 'LG084') BETWEEN 20 AND 180 FROM singly),
	'between 20 and 180 of 200 random requests are refused for want of buying power');
SELECT is(pg_temp.power('PROP0001'), pg_temp.power('PROP0002'),
	'a batch leaves the same buying power as its requests one by one');
SELECT ok(pg_temp.power('PROP0001')::numeric >= 0, 'a batch of random requests leaves no negative buying power');

SELECT * FROM finish();
ROLLBACK;
