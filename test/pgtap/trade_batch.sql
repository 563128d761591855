-- Executions by the thousand: good and bad mixed, order, replays, linked chains, fees over fills, large and small batches.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z') \g /dev/null
SELECT open_client('XYZZ', funding_model => 'BAKKT_TPJ', at => '2026-01-01Z') \g /dev/null
-- prices are examples here, not a market's
SELECT change_client(code, price_band_bps => 0) FROM client \g /dev/null
SELECT open_customer(client => left(code, 4), customer => code) FROM unnest('{QRST0001,QRST0002,QRST0003,XYZZ0001}'::text[]) code \g /dev/null
SELECT open_provider('LP1', 'One'), open_provider('LP2', 'Two') \g /dev/null

CREATE FUNCTION pg_temp.request(reference text, account text DEFAULT 'QRST0001', side text DEFAULT 'BUY', quantity amount DEFAULT '0.1 BTC', provider text DEFAULT 'LP1',
								provider_price price DEFAULT '60000 USD/BTC', markup_bps int DEFAULT 50, linked boolean DEFAULT false, client_order_id text DEFAULT NULL,
								price price DEFAULT NULL, fee_bps int DEFAULT NULL, fee_minimum amount DEFAULT NULL)
RETURNS trade_request LANGUAGE sql AS $$
	SELECT ROW(account, side, quantity, provider, reference, CASE WHEN price IS NULL THEN provider_price END, price, CASE WHEN price IS NULL THEN markup_bps END, NULL, fee_bps, NULL, fee_minimum,
			   client_order_id, '2026-11-20 15:00Z', NULL, false, linked)::trade_request $$;

-- ---------------------------------------------------------------------------
-- Good and bad, in order
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.mixed() RETURNS SETOF trade_result LANGUAGE sql AS $$
	SELECT * FROM post_trades(ARRAY[
		pg_temp.request('m-1'),
		pg_temp.request('m-2', side => 'SELL', quantity => '0.04 BTC'),		-- of what m-1 bought
		pg_temp.request('m-3', side => 'SELL', quantity => '0.07 BTC'),		-- one hundredth too much
		pg_temp.request('m-4', account => 'NOBODY01'),
		pg_temp.request('m-5', provider => 'LP9'),
		NULL,
		pg_temp.request(NULL),
		pg_temp.request('m-8', account => 'XYZZ0001'),						-- another client
		pg_temp.request('m-9', quantity => '0 BTC'),
		pg_temp.request('m-1'),												-- again
		pg_temp.request('m-1', quantity => '0.2 BTC'),						-- again, changed
		pg_temp.request('m-12', side => 'SELL', quantity => '0.06 BTC')]) $$;
CREATE TEMP TABLE first AS SELECT * FROM pg_temp.mixed();
SELECT results_eq('SELECT request, outcome, replayed, net_money, position_after, sqlstate FROM first ORDER BY request', $$ VALUES
	(1, 'posted', false, '6030 USD'::amount, '0.1 BTC'::amount, NULL), (2, 'posted', false, '-2388 USD', '0.06 BTC', NULL), (3, 'refused', false, NULL, NULL, 'LG050'),
	(4, 'refused', false, NULL, NULL, 'LG012'), (5, 'refused', false, NULL, NULL, 'LG014'), (6, 'refused', false, NULL, NULL, 'LG002'), (7, 'refused', false, NULL, NULL, 'LG002'),
	(8, 'posted', false, '6030 USD', '0.1 BTC', NULL), (9, 'refused', false, NULL, NULL, 'LG045'), (10, 'posted', true, '6030 USD', NULL, NULL),
	(11, 'refused', false, NULL, NULL, 'LG020'), (12, 'posted', false, '-3582 USD', '0 BTC', NULL) $$,
	'a batch gives a result per request, and later ones see the earlier');
SELECT is((SELECT array_agg(journal ORDER BY request) FROM first WHERE request IN (1, 10)), (SELECT array_fill(journal, ARRAY[2]) FROM first WHERE request = 1),
	'a reference repeated in a batch has one journal');
SELECT matches((SELECT detail FROM first WHERE request = 11), '"quantity"', 'the refusal of changed content names the field');

SELECT open_provider('LP9', 'Nine'), deposit_coin('QRST0001', '1 BTC', 'later') \g /dev/null
SELECT results_eq('SELECT request, outcome, replayed, net_money, sqlstate FROM pg_temp.mixed() ORDER BY request', $$ VALUES
	(1, 'posted', true, '6030 USD'::amount, NULL), (2, 'posted', true, '-2388 USD', NULL), (3, 'refused', true, NULL, 'LG050'),
	(4, 'refused', false, NULL, 'LG012'), (5, 'refused', true, NULL, 'LG014'), (6, 'refused', false, NULL, 'LG002'), (7, 'refused', false, NULL, 'LG002'),
	(8, 'posted', true, '6030 USD', NULL), (9, 'refused', true, NULL, 'LG045'), (10, 'posted', true, '6030 USD', NULL),
	(11, 'refused', false, NULL, 'LG020'), (12, 'posted', true, '-3582 USD', NULL) $$,
	'a batch sent again gets every outcome again although refusals would now pass');
SELECT results_eq($$ SELECT sqlstate, substring(detail FROM '"([^"]+)"') FROM post_trades(ARRAY[
		pg_temp.request('m-3', side => 'SELL', quantity => '0.01 BTC'), pg_temp.request('m-5', provider => 'LP2'), pg_temp.request('m-5', provider => 'LP8')]) $$,
	$$ VALUES ('LG020', 'quantity'), ('LG020', 'provider'), ('LG020', 'provider') $$,
	'the reference of a refused request is refused with other content');

-- ---------------------------------------------------------------------------
-- Strict, dry, linked
-- ---------------------------------------------------------------------------
SELECT throws_ok($$ SELECT * FROM post_trades(ARRAY[pg_temp.request('s-1'), pg_temp.request('s-2', provider => 'LP8'), pg_temp.request('s-3')], strict => true) $$, 'LG014', NULL,
	'a strict batch raises its first refusal');
SELECT is_empty($$ SELECT reference FROM journal WHERE reference LIKE 's-%' UNION ALL SELECT reference FROM rejection WHERE reference LIKE 's-%' $$,
	'a strict batch that raises leaves nothing behind');
SELECT results_eq($$ SELECT outcome FROM post_trades(ARRAY[pg_temp.request('d-1'), pg_temp.request('d-2', account => 'QRST0003', side => 'SELL')], dry_run => true) $$,
	$$ VALUES ('posted'), ('refused') $$, 'a dry run tells which requests would be posted');
SELECT is_empty($$ SELECT reference FROM journal WHERE reference LIKE 'd-%' UNION ALL SELECT reference FROM rejection WHERE reference LIKE 'd-%' $$,
	'a dry run of a batch leaves nothing behind');
SELECT results_eq($$ SELECT outcome, sqlstate FROM post_trades(ARRAY[pg_temp.request('l-1', account => 'QRST0002', linked => true), pg_temp.request('l-2', account => 'QRST0002', side => 'SELL', quantity => '0.2 BTC'),
		pg_temp.request('l-3', account => 'QRST0002', side => 'SELL', quantity => '0.1 BTC')]) $$,
	$$ VALUES ('refused', 'LG060'), ('refused', 'LG050'), ('refused', 'LG050') $$, 'a chain of executions is refused whole');

-- ---------------------------------------------------------------------------
-- Fees over the fills of an order
-- ---------------------------------------------------------------------------
SELECT results_eq($$ SELECT outcome, fee FROM post_trades(ARRAY[
		pg_temp.request('f-1', price => '400 USD/BTC', quantity => '1 BTC', fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'order'),
		pg_temp.request('f-2', account => 'QRST0003', side => 'SELL', price => '400 USD/BTC', quantity => '1 BTC', fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'order'),
		pg_temp.request('f-3', price => '100 USD/BTC', quantity => '1 BTC', fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'other'),
		pg_temp.request('f-4', price => '900 USD/BTC', quantity => '1 BTC', fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'order'),
		pg_temp.request('f-4', price => '900 USD/BTC', quantity => '1 BTC', fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'order'),
		pg_temp.request('f-6', side => 'SELL', price => '1000 USD/BTC', quantity => '100 BTC', fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'order'),
		pg_temp.request('f-7', price => '900 USD/BTC', quantity => '1 BTC', fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'order')]) $$,
	$$ VALUES ('posted', '5.00 USD'::amount), ('refused', NULL), ('posted', '5.00 USD'), ('posted', '1.50 USD'), ('posted', '1.50 USD'), ('refused', NULL), ('posted', '4.50 USD') $$,
	'fees over the fills of an order leave out refused and repeated fills');
SELECT results_eq($$ SELECT accrued, charged FROM order_commission WHERE client_order_id = 'order' AND sign(charged) <> 0 $$, $$ VALUES ('11 USD'::amount, '11 USD'::amount) $$,
	'the running totals of an order hold the fees of its fills');
SELECT results_eq($$ SELECT sum(fee) FROM post_trades((SELECT array_agg(pg_temp.request('fill-' || g, price => '0.01 USD/BTC', quantity => '1 BTC', fee_bps => 50, fee_minimum => '0.03 USD',
		client_order_id => 'crumbs') ORDER BY g) FROM generate_series(1, 1000) g)) $$, $$ VALUES ('0.05 USD'::amount) $$,
		'a thousand small fills of an order pay its exact fee');

-- ---------------------------------------------------------------------------
-- One's own clients only
-- ---------------------------------------------------------------------------
CREATE ROLE batch_clerk;
GRANT bakkt_ledger_executor TO batch_clerk;
SELECT grant_client_access('QRST', 'batch_clerk') \g /dev/null
SET LOCAL ROLE batch_clerk;
SELECT results_eq($$ SELECT outcome, sqlstate FROM post_trades(ARRAY[pg_temp.request('own'), pg_temp.request('foreign', account => 'XYZZ0001'), pg_temp.request('nobody', account => 'NOBODY01')]) $$,
	$$ VALUES ('posted', NULL), ('refused', 'LG012'), ('refused', 'LG012') $$,
	'an execution for another client''s customer is refused as for an unknown one');
SELECT throws_ok($$ SELECT bust_trade('XYZZ0001', 'm-8', 'foreign') $$, 'LG012', NULL,
	'a bust for another client''s customer is refused as for an unknown one');
SELECT throws_ok($$ SELECT deposit_coin('QRST0001', '1 BTC', 'coin') $$, '42501', NULL, 'an executor deposits no coin');
SELECT throws_ok($$ SELECT record_provider_settlement('QRST', 'LP1', '1 BTC', NULL, 'provider') $$, '42501', NULL, 'an executor does not settle with providers');
SELECT throws_ok($$ SELECT * FROM executions('XYZZ') $$, '42501', NULL, 'an executor does not see the executions of other clients');
RESET ROLE;
SELECT is_empty($$ SELECT reference FROM rejection WHERE reference = 'foreign' $$,
	'a refused execution writes nothing into another client''s books');

-- ---------------------------------------------------------------------------
-- Sizes
-- ---------------------------------------------------------------------------
SELECT is_empty($$ SELECT * FROM post_trades('{}') $$, 'an empty batch has no results');
SELECT throws_ok($$ SELECT * FROM post_trades(NULL) $$, 'LG002', NULL, 'a batch that is NULL is refused');
SELECT throws_ok($$ SELECT * FROM post_trades(ARRAY[ARRAY[pg_temp.request('x')], ARRAY[pg_temp.request('y')]]) $$, 'LG002', NULL,
	'a batch of two dimensions is refused');
SELECT results_eq($$ SELECT request, outcome FROM post_trades(ARRAY[pg_temp.request('one')]) $$, $$ VALUES (1, 'posted') $$,
	'a batch of one request is posted');

-- 12,000 executions of 4,000 customers never seen before, one in fifty of them refused
SELECT open_customers('XYZZ', (SELECT array_agg('N' || lpad(g::text, 7, '0')) FROM generate_series(1, 4000) g)) \g /dev/null
CREATE TEMP TABLE large AS
	SELECT g, pg_temp.request('large-' || g, account => 'N' || lpad((1 + g % 4000)::text, 7, '0'), side => CASE WHEN g >= 4000 AND g % 3 = 0 THEN 'SELL' ELSE 'BUY' END,
		quantity => ((1 + g % 7) || '.5 BTC')::amount, provider => CASE WHEN g % 50 = 0 THEN 'LP8' WHEN g % 2 = 0 THEN 'LP1' ELSE 'LP2' END,
		provider_price => ((6000000 + g) * 0.01 || ' USD/BTC')::price) AS request
	  FROM generate_series(0, 11999) g;
CREATE TEMP TABLE result AS SELECT * FROM post_trades((SELECT array_agg(request ORDER BY g) FROM large));
SELECT is((SELECT count(*) FROM result), 12000::bigint, 'a large batch has a result per request');
SELECT is((SELECT count(*) FROM result WHERE sqlstate = 'LG014'), 240::bigint,
	'every execution with an unknown provider is refused');
SELECT is((SELECT count(*) FROM journal WHERE reference LIKE 'large-%'), (SELECT count(*) FROM result WHERE outcome = 'posted'),
	'each posted execution of a large batch has a journal');
SELECT is((SELECT count(*) FROM rejection WHERE reference LIKE 'large-%'), (SELECT count(*) FROM result WHERE outcome = 'refused'),
	'each refused execution of a large batch has a rejection');
SELECT cmp_ok((SELECT count(*) FROM result WHERE outcome = 'posted'), '>', 10000::bigint,
	'more than ten thousand executions of a large batch are posted');

ANALYZE account, journal, customer;

-- plain SQL says the same: price to the tick, money half-even (here exact), revenue by subtraction
CREATE TEMP TABLE model AS
	SELECT g, (request).side, split_part((request).quantity::text, ' ', 1)::numeric AS quantity, split_part((request).provider_price::text, ' ', 1)::numeric AS provider_price FROM large;
SELECT is_empty($$
	WITH priced AS (SELECT m.*, CASE side WHEN 'BUY' THEN ceil(provider_price * 1.005 * 100) ELSE floor(provider_price * 0.995 * 100) END / 100 AS price FROM model m)
	SELECT p.g FROM priced p JOIN result r ON r.request = p.g + 1
	 WHERE r.outcome = 'posted' AND (split_part(r.price::text, ' ', 1)::numeric <> p.price
		OR abs(split_part(r.net_money::text, ' ', 1)::numeric) <> round(p.quantity * p.price, 2) AND p.quantity * p.price * 1000 % 10 <> 5) $$,
		'price and net money agree with a model in plain SQL');
SELECT is_empty($$ SELECT reference FROM execution WHERE net_money - provider_money <> revenue $$,
	'revenue is net money less the provider''s money (I17)');
SELECT is((SELECT sum_signed_quantity(terms) FROM execution WHERE customer LIKE 'N%' AND client = 'XYZZ'),
	(SELECT -sum(amount) FROM posting WHERE fund = 'CUST' AND name LIKE 'Cust:N%'),
	'the coin of executions is the coin of the customers');
SELECT is((SELECT count(*) FROM (SELECT (post_trades((SELECT array_agg(request ORDER BY g) FROM large))).replayed) again WHERE replayed), 12000::bigint,
	'a large batch sent again is answered wholly from what was recorded');
SELECT is_empty('SELECT c.code, t.fund, t.asset FROM client c, trial_balance(c.code) t GROUP BY 1, 2, 3 HAVING sum(t.debit) <> sum(t.credit)',
	'debits equal credits per client, fund and asset after batches');

SELECT * FROM finish();
ROLLBACK;
