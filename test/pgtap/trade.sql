-- Executions one by one: golden journals, funding models, prices, fees, rounding, replays, refusals.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('XYZZ', funding_model => 'BAKKT_TPJ', at => '2026-01-01Z') \g /dev/null
SELECT open_client('SHRE', funding_model => 'BAKKT_TPJ', revenue_share_bps => 4000, at => '2026-01-01Z') \g /dev/null
SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z') \g /dev/null
SELECT open_client('APEX', funding_model => 'APEX_TPJ', at => '2026-01-01Z') \g /dev/null
SELECT open_client('NONE', funding_model => 'NO_SETTLEMENT', at => '2026-01-01Z') \g /dev/null
-- prices are examples here, not a market's
SELECT change_client(code, price_concession_bps => 10000, price_band_bps => 0) FROM client \g /dev/null
SELECT open_client('MARK', commission_model => 'MARKUP', at => '2026-01-01Z') \g /dev/null
SELECT open_client('FEES', commission_model => 'TRADE_FEE', at => '2026-01-01Z') \g /dev/null
SELECT open_customer(client => left(code, 4), customer => code) FROM unnest('{XYZZ0001,XYZZ0002,SHRE0001,QRST0001,QRST0002,APEX0001,NONE0001,MARK0001,FEES0001}'::text[]) code \g /dev/null
SELECT open_provider('lp1', 'One'), open_provider('lp2', 'Two') \g /dev/null

-- the lines of a journal as the golden file has them, in order
CREATE FUNCTION pg_temp.lines_of(reference text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s %s', CASE WHEN p.debit IS NULL OR sign(p.debit) = 0 THEN 'Cr' ELSE 'Dr' END, p.fund, p.name, abs(p.amount))
					 ORDER BY p.line)
	  FROM posting p WHERE p.reference = lines_of.reference $$;

-- ---------------------------------------------------------------------------
-- Golden journals
-- ---------------------------------------------------------------------------
SELECT row_eq($$ SELECT outcome, replayed, price, net_money, revenue, revenue_share, fee, position_after
				   FROM post_trade(customer => 'XYZZ0001', side => 'BUY', quantity => '0.1 BTC', provider => 'lp1', reference => 'J02a',
								   provider_price => '60000.00 USD/BTC', markup_bps => 50, executed_at => '2026-11-20 15:00Z') $$,
	ROW('posted'::text, false, '60300.00 USD/BTC'::price, '6030.00 USD'::amount, '30.00 USD'::amount, '0 USD'::amount, '0 USD'::amount, '0.1 BTC'::amount),
	'the caller of J02a is told price, net money, revenue and position');
SELECT is(pg_temp.lines_of('J02a'), ARRAY[
	'Dr CORP TPJ:receivable:XYZZ0001 6030.00 USD', 'Cr CORP LP:payable:lp1 6000.00 USD', 'Cr CORP Revenue:markup 30.00 USD',
	'Dr CORP LP:coin-receivable:lp1 0.10 BTC', 'Cr CORP DueTo:CUST 0.10 BTC', 'Dr CUST DueFrom:CORP 0.10 BTC', 'Cr CUST Cust:XYZZ0001 0.10 BTC'],
	'a purchase with a markup posts journal J02a');

SELECT row_eq($$ SELECT price, net_money, revenue, revenue_share, fee
				   FROM post_trade(customer => 'SHRE0001', side => 'BUY', quantity => '0.5 BTC', provider => 'lp1', reference => 'J03a',
								   price => '60000.00 USD/BTC', fee_bps => 50, executed_at => '2026-11-20 15:00Z') $$,
	ROW('60000.00 USD/BTC'::price, '30150.00 USD'::amount, '150.00 USD'::amount, '60.00 USD'::amount, '150.00 USD'::amount),
	'the caller of J03a is told price, net money, revenue share and fee');
SELECT is(pg_temp.lines_of('J03a'), ARRAY[
	'Dr CORP TPJ:receivable:SHRE0001 30150.00 USD', 'Cr CORP LP:payable:lp1 30000.00 USD', 'Cr CORP Revenue:trade-fee 90.00 USD',
	'Cr CORP RevShare:payable:SHRE 60.00 USD', 'Dr CORP LP:coin-receivable:lp1 0.50 BTC', 'Cr CORP DueTo:CUST 0.50 BTC',
	'Dr CUST DueFrom:CORP 0.50 BTC', 'Cr CUST Cust:SHRE0001 0.50 BTC'],
	'a purchase with a trade fee and a revenue share posts journal J03a');

SELECT row_eq($$ SELECT price, net_money, revenue, position_after
				   FROM post_trade(customer => 'XYZZ0001', side => 'SELL', quantity => '0.04 BTC', provider => 'lp2', reference => 'J04a',
								   provider_price => '61000.00 USD/BTC', markup_bps => 50, executed_at => '2026-11-20 16:00Z') $$,
	ROW('60695.00 USD/BTC'::price, '-2427.80 USD'::amount, '12.20 USD'::amount, '0.06 BTC'::amount),
	'the caller of J04a is told price, net money, revenue and position');
SELECT is(pg_temp.lines_of('J04a'), ARRAY[
	'Dr CUST Cust:XYZZ0001 0.04 BTC', 'Cr CUST DueTo:CORP 0.04 BTC', 'Dr CORP DueFrom:CUST 0.04 BTC', 'Cr CORP LP:coin-payable:lp2 0.04 BTC',
	'Dr CORP LP:receivable:lp2 2440.00 USD', 'Cr CORP TPJ:payable:XYZZ0001 2427.80 USD', 'Cr CORP Revenue:markup 12.20 USD'],
	'a sale with a markup posts journal J04a');

SELECT post_trade(customer => 'XYZZ0002', side => 'BUY', quantity => '0.001 BTC', provider => 'lp1', reference => 'J05a',
				  provider_price => '60000.00 USD/BTC', markup_bps => 50, encumbered => true) \g /dev/null
SELECT is(pg_temp.lines_of('J05a'), ARRAY[
	'Dr CORP TPJ:receivable:XYZZ0002 60.30 USD', 'Cr CORP LP:payable:lp1 60.00 USD', 'Cr CORP Revenue:markup 0.30 USD',
	'Dr CORP LP:coin-receivable:lp1 0.001 BTC', 'Cr CORP DueTo:CUST 0.001 BTC', 'Dr CUST DueFrom:CORP 0.001 BTC', 'Cr CUST Cust:XYZZ0002:encumbered 0.001 BTC'],
	'a purchase of coin encumbered until it is paid for posts journal J05a');
SELECT throws_ok($$ SELECT post_trade('XYZZ0002', 'SELL', '0.001 BTC', 'lp1', 'enc-sell', '60000 USD/BTC') $$, 'LG050', NULL,
	'encumbered coin cannot be sold');

SELECT post_trade(customer => 'QRST0001', side => 'BUY', quantity => '0.2 BTC', provider => 'lp1', reference => 'J07a',
				  provider_price => '60000.00 USD/BTC', markup_bps => 50, executed_at => '2026-11-20 15:00Z') \g /dev/null
SELECT is(pg_temp.lines_of('J07a'), ARRAY[
	'Dr CORP Client:settlement:QRST 12060.00 USD', 'Cr CORP LP:payable:lp1 12000.00 USD', 'Cr CORP Revenue:markup 60.00 USD',
	'Dr CORP LP:coin-receivable:lp1 0.20 BTC', 'Cr CORP DueTo:CUST 0.20 BTC', 'Dr CUST DueFrom:CORP 0.20 BTC', 'Cr CUST Cust:QRST0001 0.20 BTC'],
	'a purchase that settles net posts journal J07a');
SELECT deposit_coin('QRST0002', '0.05 BTC', reference => 'J07b', wallet => 'omnibus') \g /dev/null
SELECT is(pg_temp.lines_of('J07b'), ARRAY['Dr CUST Wallet:omnibus 0.05 BTC', 'Cr CUST Cust:QRST0002 0.05 BTC'],
	'a coin deposit by transfer posts journal J07b');
SELECT row_eq($$ SELECT price, net_money FROM post_trade(customer => 'QRST0002', side => 'SELL', quantity => '0.05 BTC', provider => 'lp1', reference => 'J07c',
				  provider_price => '60200.00 USD/BTC', markup_bps => 50, executed_at => '2026-11-20 15:30Z') $$,
	ROW('59899.00 USD/BTC'::price, '-2994.95 USD'::amount), 'the caller of J07c is told price and net money');
SELECT is(pg_temp.lines_of('J07c'), ARRAY[
	'Dr CUST Cust:QRST0002 0.05 BTC', 'Cr CUST DueTo:CORP 0.05 BTC', 'Dr CORP DueFrom:CUST 0.05 BTC', 'Cr CORP LP:coin-payable:lp1 0.05 BTC',
	'Dr CORP LP:receivable:lp1 3010.00 USD', 'Cr CORP Client:settlement:QRST 2994.95 USD', 'Cr CORP Revenue:markup 15.05 USD'],
	'a sale that settles net posts journal J07c');

-- ---------------------------------------------------------------------------
-- The other funding models, and a customer's override
-- ---------------------------------------------------------------------------
SELECT post_trade('APEX0001', 'BUY', '0.1 BTC', 'lp1', 'apex-1', '60000 USD/BTC', markup_bps => 50) \g /dev/null
SELECT post_trade('APEX0001', 'SELL', '0.1 BTC', 'lp1', 'apex-2', '60000 USD/BTC', markup_bps => 50) \g /dev/null
SELECT is((pg_temp.lines_of('apex-1'))[1], 'Dr CORP Apex:receivable:APEX 6030.00 USD',
	'Apex owes the company for an APEX_TPJ purchase');
SELECT is((pg_temp.lines_of('apex-2'))[6], 'Cr CORP Apex:payable:APEX 5970.00 USD', 'Apex is owed for an APEX_TPJ sale');
SELECT post_trade('NONE0001', 'BUY', '0.1 BTC', 'lp1', 'none-1', '60000 USD/BTC', markup_bps => 50) \g /dev/null
SELECT is(pg_temp.lines_of('none-1'), ARRAY[
	'Dr CORP Client:memo:NONE 6030.00 USD', 'Cr CORP LP:payable:lp1 6000.00 USD', 'Cr CORP Revenue:markup 30.00 USD',
	'Dr CORP LP:coin-receivable:lp1 0.10 BTC', 'Cr CORP DueTo:CUST 0.10 BTC', 'Dr CUST DueFrom:CORP 0.10 BTC', 'Cr CUST Cust:NONE0001 0.10 BTC'],
	'a NO_SETTLEMENT purchase moves coin and books its cash as the client''s memo');
SELECT change_customer('QRST0001', funding_model => 'BAKKT_TPJ') \g /dev/null
SELECT post_trade('QRST0001', 'BUY', '0.1 BTC', 'lp1', 'override-1', '60000 USD/BTC') \g /dev/null
SELECT is((pg_temp.lines_of('override-1'))[1], 'Dr CORP TPJ:receivable:QRST0001 6000.00 USD',
	'a customer''s funding model overrides the client''s');
SELECT results_eq($$ SELECT funding_model, settles_net(terms) FROM execution WHERE reference IN ('J07a', 'override-1') ORDER BY journal $$,
	$$ VALUES ('NET_SETTLEMENT'::text, true), ('BAKKT_TPJ', false) $$, 'an execution keeps the funding model it was made under');
SELECT change_customer('QRST0001', funding_model => 'CLIENT') \g /dev/null

-- ---------------------------------------------------------------------------
-- Prices, steps and rounding
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.buy(quantity amount, provider_price price DEFAULT NULL, price price DEFAULT NULL, markup_bps int DEFAULT NULL, markup_fixed price DEFAULT NULL,
							fee_bps int DEFAULT NULL, fee_fixed amount DEFAULT NULL, fee_minimum amount DEFAULT NULL, account text DEFAULT 'XYZZ0001', side text DEFAULT 'BUY')
RETURNS text LANGUAGE sql AS $$
	SELECT format('price %s net %s revenue %s share %s fee %s', split_part(t.price::text, ' ', 1), split_part(t.net_money::text, ' ', 1),
				  split_part(t.revenue::text, ' ', 1), split_part(t.revenue_share::text, ' ', 1), split_part(t.fee::text, ' ', 1))
	  FROM post_trade(account, side, quantity, 'lp1', gen_random_uuid()::text, provider_price, price, markup_bps, markup_fixed, fee_bps, fee_fixed, fee_minimum) t $$;
SELECT deposit_coin('XYZZ0001', '10 BTC', 'fund-1'), deposit_coin('SHRE0001', '10 BTC', 'fund-2') \g /dev/null

SELECT is(pg_temp.buy('1 BTC', '60017.40 USD/BTC', markup_bps => 50), 'price 60317.49 net 60317.49 revenue 300.09 share 0.00 fee 0.00',
	'a BUY price is rounded up to the tick: 60317.487');
SELECT is(pg_temp.buy('1 BTC', '60017.40 USD/BTC', markup_bps => 50, side => 'SELL'), 'price 59717.31 net -59717.31 revenue 300.09 share 0.00 fee 0.00',
	'a SELL price is rounded down to the tick: 59717.313');
SELECT is(pg_temp.buy('1 BTC', '60000.00 USD/BTC', markup_bps => 50, markup_fixed => '0.25 USD/BTC'), 'price 60300.25 net 60300.25 revenue 300.25 share 0.00 fee 0.00',
	'bps and fixed markup add up, fixed is per unit');
SELECT is(pg_temp.buy('1 BTC', '60000.00 USD/BTC', markup_fixed => '0.25 USD/BTC', side => 'SELL'), 'price 59999.75 net -59999.75 revenue 0.25 share 0.00 fee 0.00',
	'a fixed markup lowers the price of a SELL');
SELECT is(pg_temp.buy('0.0000005 BTC', price => '50000.00 USD/BTC'), 'price 50000.00 net 0.02 revenue 0.00 share 0.00 fee 0.00',
	'net money of 0.025 is rounded half to even, to 0.02');
SELECT is(pg_temp.buy('0.0000007 BTC', price => '50000.00 USD/BTC'), 'price 50000.00 net 0.04 revenue 0.00 share 0.00 fee 0.00',
	'net money of 0.035 is rounded half to even, to 0.04');
SELECT is(pg_temp.buy('1 BTC', '100.00 USD/BTC', '100.10 USD/BTC'), 'price 100.10 net 100.10 revenue 0.10 share 0.00 fee 0.00',
	'revenue is the difference of prices when both are given');
SELECT is(pg_temp.buy('1 BTC', '100.00 USD/BTC', '99.00 USD/BTC', account => 'SHRE0001'), 'price 99.00 net 99.00 revenue -1.00 share 0.00 fee 0.00',
	'a loss on a trade is not shared with the client');
SELECT is(pg_temp.buy('1 BTC', '100.00 USD/BTC', markup_bps => 100, fee_bps => 25, account => 'SHRE0001'), 'price 101.00 net 101.25 revenue 1.25 share 0.50 fee 0.25',
	'revenue of markup and fee together is shared with the client');
SELECT is(pg_temp.buy('1 BTC', price => '100.00 USD/BTC', fee_bps => 25, fee_fixed => '0.10 USD', side => 'SELL'), 'price 100.00 net -99.65 revenue 0.35 share 0.00 fee 0.35',
	'a fee is taken from the proceeds of a SELL');
SELECT is(pg_temp.buy('1 BTC', price => '100.00 USD/BTC', fee_bps => 25, fee_minimum => '1.00 USD'), 'price 100.00 net 101.00 revenue 1.00 share 0.00 fee 1.00',
	'a single fill is charged the minimum fee');
SELECT is(pg_temp.buy('1 BTC', price => '1.00 USD/BTC', fee_bps => 50), 'price 1.00 net 1.00 revenue 0.00 share 0.00 fee 0.00',
	'a fee of 0.005 is rounded half to even, to 0.00');
SELECT is(pg_temp.buy('3 BTC', price => '1.00 USD/BTC', fee_bps => 50), 'price 1.00 net 3.02 revenue 0.02 share 0.00 fee 0.02',
	'a fee of 0.015 is rounded half to even, to 0.02');
SELECT is(pg_temp.buy('10000 BTC', price => '10000000.00 USD/BTC', fee_bps => 1), 'price 10000000.00 net 100010000000.00 revenue 10000000.00 share 0.00 fee 10000000.00',
	'a trade of a hundred billion dollars is priced to the cent');
SELECT is(pg_temp.buy('1 BTC', price => '1.00 USD/BTC', fee_bps => 10000, side => 'SELL'), 'price 1.00 net 0.00 revenue 1.00 share 0.00 fee 1.00',
	'a fee may take all of the proceeds of a SELL');
-- two decimals of revenue that cannot be shared evenly
SELECT is(pg_temp.buy('1 BTC', '100.00 USD/BTC', '100.03 USD/BTC', account => 'SHRE0001'), 'price 100.03 net 100.03 revenue 0.03 share 0.01 fee 0.00',
	'a revenue share of 0.012 is rounded to 0.01');

-- every execution so far: customer's money = provider's money, revenue included (I17), to the cent
SELECT is_empty($$ SELECT reference FROM execution
	WHERE net_money - provider_money <> revenue $$, 'revenue is the customer''s money less the provider''s (I17)');
SELECT is_empty($$ SELECT e.reference FROM execution e JOIN posting p ON p.journal = e.journal AND p.fund = 'CORP'
	 AND (p.name LIKE 'Revenue:%' OR p.name LIKE 'RevShare:%')
	GROUP BY e.reference, e.revenue HAVING -sum(p.amount) <> e.revenue $$, 'revenue lines and the client''s share add up to the revenue');

-- ---------------------------------------------------------------------------
-- Minimum fee over the fills of an order (I18)
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.fill(reference text, client_order_id text, notional int, bps int, minimum amount, account text DEFAULT 'XYZZ0001', fixed amount DEFAULT NULL) RETURNS amount LANGUAGE sql AS $$
	SELECT fee FROM post_trade(account, 'BUY', '1 BTC', 'lp1', reference, price => (notional || ' USD/BTC')::price, fee_bps => bps, fee_fixed => fixed, fee_minimum => minimum,
							   client_order_id => client_order_id) $$;
SELECT is(pg_temp.fill('min-1', 'order-1', 400, 50, '5.00 USD'), '5.00 USD'::amount,
	'the first fill of an order is charged the minimum fee');
SELECT is(pg_temp.fill('min-2', 'order-1', 900, 50, '5.00 USD'), '1.50 USD'::amount,
	'the second fill is charged what the order''s fee exceeds the minimum by');
SELECT is(pg_temp.fill('min-2', 'order-1', 900, 50, '5.00 USD'), '1.50 USD'::amount,
	'a replayed fill returns its fee and counts nothing');
SELECT is(pg_temp.fill('min-3', 'order-1', 900, 50, '5.00 USD'), '4.50 USD'::amount,
	'a fill above the minimum is charged by basis points');
SELECT is(ARRAY[pg_temp.fill('min-4', 'order-2', 100, 50, '5.00 USD'), pg_temp.fill('min-5', 'order-2', 100, 50, '5.00 USD')],
	ARRAY['5.00 USD', '0.00 USD']::amount[], 'two fills below the minimum are charged it once');
SELECT is(ARRAY[pg_temp.fill('min-6', 'order-3', 40, 100, '1.00 USD'), pg_temp.fill('min-7', 'order-3', 40, 100, '1.00 USD'), pg_temp.fill('min-8', 'order-3', 40, 100, '1.00 USD')],
	ARRAY['1.00 USD', '0.00 USD', '0.20 USD']::amount[], 'a fill that crosses the minimum is charged the excess only');
SELECT is(pg_temp.fill('min-9', 'order-3', 40, 100, '1.00 USD', 'XYZZ0002'), '1.00 USD'::amount, 'another customer''s order of the same id is another order');
SELECT is(ARRAY[pg_temp.fill('min-10', 'order-4', 1, 50, '0.01 USD'), pg_temp.fill('min-11', 'order-4', 1, 50, '0.01 USD'), pg_temp.fill('min-12', 'order-4', 1, 50, '0.01 USD'),
				pg_temp.fill('min-13', 'order-4', 1, 50, '0.01 USD')],
	ARRAY['0.01 USD', '0.00 USD', '0.01 USD', '0.00 USD']::amount[],
	'the charged total of fills of 0.005 each never drifts by rounding');
SELECT is(pg_temp.fill('min-14', 'order-5', 1, NULL, '0.05 USD', fixed => '0.03 USD'), '0.05 USD'::amount,
	'a fixed fee below the minimum is charged the minimum');
SELECT is(pg_temp.fill('min-15', 'order-5', 1, NULL, '0.05 USD', fixed => '0.03 USD'), '0.00 USD'::amount,
	'the fixed fee of an order counts once toward its minimum');
SELECT results_eq($$ SELECT client_order_id COLLATE "default", accrued, charged FROM order_commission WHERE client_order_id IN ('order-1', 'order-3') ORDER BY 1, customer_id $$,
	$$ VALUES ('order-1'::text, '11 USD'::amount, '11.00 USD'::amount), ('order-3', '1.20 USD', '1.20 USD'), ('order-3', '0.40 USD', '1.00 USD') $$,
	'an order keeps totals of fees accrued and charged');

-- ---------------------------------------------------------------------------
-- Replays and conflicts
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.again(overrides jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f jsonb := '{"customer": "XYZZ0001", "side": "BUY", "quantity": "0.1 BTC", "provider": "lp1", "provider_price": "60000 USD/BTC", "markup_bps": "50", "fee_bps": "10",
				 "fee_fixed": "0.10 USD", "markup_fixed": "1.00 USD/BTC", "client_order_id": "o-1", "executed_at": "2026-11-20 15:00Z"}'::jsonb || overrides;
	answer text;
BEGIN
	SELECT format('%s %s %s', outcome, replayed, net_money) INTO answer
	  FROM post_trade(f ->> 'customer', f ->> 'side', (f ->> 'quantity')::amount, f ->> 'provider', 'again', (f ->> 'provider_price')::price, (f ->> 'price')::price,
		(f ->> 'markup_bps')::int, (f ->> 'markup_fixed')::price, (f ->> 'fee_bps')::int, (f ->> 'fee_fixed')::amount, (f ->> 'fee_minimum')::amount,
		f ->> 'client_order_id', (f ->> 'executed_at')::timestamptz, f ->> 'symbol', (f ->> 'encumbered')::boolean);
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS answer = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || coalesce(substring(answer FROM '"([^"]+)"'), '');
END $$;
SELECT is(pg_temp.again(), 'posted f 6036.23 USD', 'a new execution is posted');
SELECT is(pg_temp.again(), 'posted t 6036.23 USD', 'an execution submitted again returns the original outcome');
SELECT is(pg_temp.again('{"symbol": "BTCUSD"}'), 'posted t 6036.23 USD',
	'an execution submitted again with its own symbol is a replay');
SELECT is(pg_temp.again(jsonb_build_object(field, value)), 'LG020 ' || coalesce(named, field),
	format('a conflict names the field %s, changed to %s', field, coalesce(value, 'NULL')))
  FROM (VALUES ('customer', 'XYZZ0002', NULL), ('side', 'SELL', NULL), ('quantity', '0.2 BTC', NULL), ('provider', 'lp2', NULL), ('provider', 'lp9', NULL), ('provider_price', '60001 USD/BTC', NULL),
			   ('markup_bps', '51', NULL), ('markup_bps', NULL, NULL), ('markup_fixed', '2.00 USD/BTC', NULL), ('fee_bps', '11', NULL), ('fee_fixed', '0.20 USD', NULL),
			   ('fee_minimum', '1.00 USD', NULL), ('client_order_id', 'o-2', NULL), ('client_order_id', NULL, NULL), ('encumbered', 'true', NULL),
			   ('executed_at', NULL, NULL), ('executed_at', '2026-11-20 15:00:01Z', NULL)) AS change(field, value, named);
-- what the outcome rested on may change: the answer does not
SELECT change_client('XYZZ', revenue_share_bps => 1000) \g /dev/null
SELECT change_customer('XYZZ0001', mode => 'LOCKED') \g /dev/null
SELECT change_provider('lp1', status => 'SUSPENDED') \g /dev/null
SELECT change_instrument('BTCUSD', price_increment => '0.50 USD/BTC') \g /dev/null
SELECT is(pg_temp.again(), 'posted t 6036.23 USD', 'an execution is replayed after its customer is locked and its provider suspended');
SELECT change_instrument('BTCUSD', price_increment => '0.01 USD/BTC') \g /dev/null
SELECT change_provider('lp1', status => 'ACTIVE') \g /dev/null
SELECT change_customer('XYZZ0001', mode => 'OPEN') \g /dev/null

-- ---------------------------------------------------------------------------
-- Refusals
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.refused(overrides jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f jsonb := '{"reference": "fresh", "customer": "XYZZ0001", "side": "BUY", "quantity": "0.1 BTC", "provider": "lp1", "provider_price": "60000 USD/BTC"}'::jsonb || overrides;
BEGIN
	PERFORM post_trade(f ->> 'customer', f ->> 'side', (f ->> 'quantity')::amount, f ->> 'provider', f ->> 'reference', (f ->> 'provider_price')::price, (f ->> 'price')::price,
		(f ->> 'markup_bps')::int, (f ->> 'markup_fixed')::price, (f ->> 'fee_bps')::int, (f ->> 'fee_fixed')::amount, (f ->> 'fee_minimum')::amount,
		f ->> 'client_order_id', (f ->> 'executed_at')::timestamptz, f ->> 'symbol', (f ->> 'encumbered')::boolean);
	RETURN 'posted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT is(pg_temp.refused(overrides::jsonb), code, 'an execution is refused with ' || code || ' for ' || overrides)
  FROM (VALUES ('{"reference": null}', 'LG002'), ('{"reference": ""}', 'LG002'), ('{"customer": null}', 'LG002'), ('{"side": null}', 'LG002'), ('{"side": "buy"}', 'LG002'),
			   ('{"quantity": null}', 'LG002'), ('{"provider": null}', 'LG002'), ('{"provider": ""}', 'LG002'), ('{"provider_price": null}', 'LG002'),
			   ('{"price": "60000 USD/BTC", "markup_bps": 5}', 'LG002'), ('{"client_order_id": ""}', 'LG002'), ('{"side": "SELL", "encumbered": true}', 'LG002'),
			   ('{"customer": "NOBODY01"}', 'LG012'), ('{"customer": "SHORT"}', 'LG012'), ('{"customer": "xyzz0001"}', 'LG012'),
			   ('{"provider": "lp9"}', 'LG014'), ('{"provider": "LP1"}', 'LG014'),
			   ('{"provider_price": "60000 EUR/BTC"}', 'LG015'), ('{"symbol": "ETHUSD"}', 'LG015'), ('{"quantity": "1 NOPE", "provider_price": "1 USD/NOPE"}', 'LG015'),
			   ('{"provider_price": "60000 USD/ETH"}', 'LG042'), ('{"price": "60000 EUR/BTC"}', 'LG042'), ('{"fee_fixed": "1 EUR"}', 'LG042'), ('{"fee_minimum": "1 BTC"}', 'LG042'),
			   ('{"markup_fixed": "1 EUR/BTC"}', 'LG042'), ('{"quantity": "1 USD", "provider_price": "1 USD/USD"}', 'LG042'),
			   ('{"fee_fixed": "0.001 USD"}', 'LG043'), ('{"fee_minimum": "0.001 USD"}', 'LG043'),
			   ('{"quantity": "0 BTC"}', 'LG045'), ('{"quantity": "-1 BTC"}', 'LG045'), ('{"provider_price": "0 USD/BTC"}', 'LG045'), ('{"provider_price": "-1 USD/BTC"}', 'LG045'),
			   ('{"price": "0 USD/BTC"}', 'LG045'), ('{"markup_bps": -1}', 'LG045'), ('{"fee_bps": -1}', 'LG045'), ('{"fee_fixed": "-1 USD"}', 'LG045'),
			   ('{"fee_minimum": "-1 USD"}', 'LG045'), ('{"markup_fixed": "-1 USD/BTC"}', 'LG045'),
			   ('{"side": "SELL", "markup_bps": 10000}', 'LG045'), ('{"side": "SELL", "markup_bps": 20000}', 'LG045'), ('{"side": "SELL", "markup_fixed": "60000 USD/BTC"}', 'LG045'),
			   ('{"side": "SELL", "fee_fixed": "6000.01 USD"}', 'LG045'),
			   ('{"quantity": "0.000000001 BTC"}', 'LG046'), ('{"price": "60000.005 USD/BTC"}', 'LG046'),
			   ('{"side": "SELL", "quantity": "10000000 BTC"}', 'LG050'),
			   ('{"executed_at": "infinity"}', 'LG061'), ('{"executed_at": "-infinity"}', 'LG061'),
			   ('{"quantity": "80000000000000000 BTC", "provider_price": "80000000000000000 USD/BTC"}', '22003')) AS refusal(overrides, code);
SELECT is(pg_temp.refused(jsonb_build_object('executed_at', clock_timestamp() + interval '6 minutes')), 'LG061',
	'an execution more than five minutes ahead is refused');
SELECT is(pg_temp.refused(jsonb_build_object('executed_at', clock_timestamp() + interval '4 minutes', 'reference', 'ahead')), 'posted',
	'an execution four minutes ahead is posted');
SELECT is(pg_temp.refused('{"customer": "MARK0001", "fee_bps": 5}'), 'LG002', 'a client with markups takes no fee');
SELECT is(pg_temp.refused('{"customer": "FEES0001", "markup_bps": 5}'), 'LG002', 'a client with fees takes no markup');
SELECT is(pg_temp.refused('{"customer": "FEES0001", "fee_bps": 5, "reference": "fee-1"}'), 'posted', 'a client with fees takes a fee');
SELECT is(pg_temp.refused('{"side": "SELL", "quantity": "0.5 ETH", "provider_price": "3000 USD/ETH"}'), 'LG050', 'coin never held cannot be sold');
SELECT is_empty($$ SELECT name FROM account WHERE name = 'Cust:XYZZ0001' AND asset = 'ETH' $$, 'a refused sale opens no account');

-- who may buy, who may sell (bakkt-domain 1.5)
CREATE FUNCTION pg_temp.may(mode text, party_status text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM change_customer('SHRE0001', mode => mode, party_status => party_status);
	RETURN pg_temp.refused(jsonb_build_object('customer', 'SHRE0001', 'reference', 'may-buy-' || mode || party_status)) || ' '
		|| pg_temp.refused(jsonb_build_object('customer', 'SHRE0001', 'side', 'SELL', 'reference', 'may-sell-' || mode || party_status));
END $$;
SELECT is(pg_temp.may(mode, status), expected,
	format('a customer in mode %s and status %s buys and sells: %s', mode, status, expected))
  FROM (VALUES ('OPEN', 'ACTIVE', 'posted posted'), ('OPEN', 'LIQUIDATED', 'LG013 posted'), ('CLOSING_ONLY', 'ACTIVE', 'LG013 posted'), ('CLOSING_ONLY', 'LIQUIDATED', 'LG013 posted'),
			   ('LOCKED', 'ACTIVE', 'LG013 LG013'), ('OPEN', 'INACTIVE', 'LG013 LG013'), ('OPEN', 'SUSPENDED', 'LG013 LG013'),
			   ('OPEN', 'UNDER_REVIEW', 'LG013 LG013')) AS state(mode, status, expected);
SELECT change_customer('SHRE0001', mode => 'OPEN', party_status => 'ACTIVE') \g /dev/null

-- what changed is seen at once, and what was rolled back is forgotten
SELECT change_provider('lp2', status => 'SUSPENDED') \g /dev/null
SELECT is(pg_temp.refused('{"provider": "lp2"}'), 'LG014', 'an execution with a suspended provider is refused');
SELECT change_provider('lp2', status => 'ACTIVE') \g /dev/null
SELECT is(pg_temp.refused('{"provider": "lp2", "reference": "lp2-again"}'), 'posted',
	'an execution with a provider made active again is posted');
SELECT retire_instrument('YFIUSD') \g /dev/null
SELECT is(pg_temp.refused('{"quantity": "0.10 YFI", "provider_price": "7000.00 USD/YFI"}'), 'LG015', 'an execution in a retired instrument is refused');
SELECT change_instrument('YFIUSD', status => 'ACTIVE') \g /dev/null
SAVEPOINT undone;
SELECT open_provider('lp3', 'Three') \g /dev/null
SELECT is(pg_temp.refused('{"provider": "lp3"}'), 'posted', 'an execution with a new provider is posted');
ROLLBACK TO undone;
SELECT is(pg_temp.refused('{"provider": "lp3"}'), 'LG014', 'an execution with a provider whose opening was rolled back is refused');
SELECT open_customer(client => 'XYZZ', customer => 'XYZZ0003') \g /dev/null
SAVEPOINT undone;
SELECT is(pg_temp.refused('{"customer": "XYZZ0003", "reference": "new-account"}'), 'posted',
	'an execution opens the accounts of a new customer');
ROLLBACK TO undone;
SELECT is(pg_temp.refused('{"customer": "XYZZ0003", "reference": "new-account"}'), 'posted',
	'an execution opens accounts again whose opening was rolled back');

-- ---------------------------------------------------------------------------
-- Dry run
-- ---------------------------------------------------------------------------
SELECT open_customer(client => 'XYZZ', customer => 'XYZZ0004') \g /dev/null
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM journal) AS journals, (SELECT count(*) FROM account) AS accounts, (SELECT count(*) FROM order_commission) AS orders;
SELECT row_eq($$ SELECT outcome, net_money, position_after FROM post_trade('XYZZ0004', 'BUY', '0.1 BTC', 'lp1', 'dry', price => '100 USD/BTC', fee_bps => 10, fee_minimum => '1 USD',
			   client_order_id => 'dry-order', dry_run => true) $$, ROW('posted'::text, '11.00 USD'::amount, '0.1 BTC'::amount),
	'a dry run answers what would be posted');
SELECT throws_ok($$ SELECT post_trade('XYZZ0004', 'SELL', '0.1 BTC', 'lp1', 'dry', '100 USD/BTC', dry_run => true) $$, 'LG050', NULL,
	'a dry run raises what would be refused');
SELECT results_eq('SELECT count(*) FROM journal', 'SELECT journals FROM before', 'a dry run writes no journal');
SELECT results_eq('SELECT count(*) FROM account', 'SELECT accounts FROM before', 'a dry run opens no account');
SELECT results_eq('SELECT count(*) FROM order_commission', 'SELECT orders FROM before', 'a dry run counts no fee for its order');
SELECT is((post_trade('XYZZ0004', 'BUY', '0.1 BTC', 'lp1', 'dry', price => '100 USD/BTC')).replayed, false,
	'a dry run does not use up its reference');

-- ---------------------------------------------------------------------------
-- Coin that arrives, and settling with a provider, answer like any request
-- ---------------------------------------------------------------------------
SELECT results_eq($$ SELECT reference, outcome, replayed, customer, deposited, position_after IS NOT NULL FROM deposit_coin('XYZZ0001', '0.5 BTC', 'chain-1') $$,
	$$ VALUES ('chain-1', 'posted', false, 'XYZZ0001', '0.5 BTC'::amount, true) $$, 'a deposit of coin is answered with its reference, outcome and customer');
SELECT results_eq($$ SELECT reference, outcome, replayed, customer, deposited, journal FROM deposit_coin('XYZZ0001', '0.5 BTC', 'chain-1') $$,
	$$ SELECT 'chain-1', 'posted', true, 'XYZZ0001', '0.5 BTC'::amount, journal_id FROM journal WHERE reference = 'chain-1' $$, 'a deposit of coin recorded again is answered as it was first');
SELECT results_eq($$ SELECT reference, outcome, replayed, provider, money_paid FROM record_provider_settlement('XYZZ', 'lp1', NULL, '1.00 USD', 'paid-1') $$,
	$$ VALUES ('paid-1', 'posted', false, 'lp1', '1 USD'::amount) $$, 'a settlement with a provider is answered with its reference, outcome and provider');
SELECT results_eq($$ SELECT reference, outcome, replayed, provider, money_paid, journal FROM record_provider_settlement('XYZZ', 'lp1', NULL, '1.00 USD', 'paid-1') $$,
	$$ SELECT 'paid-1', 'posted', true, 'lp1', '1 USD'::amount, journal_id FROM journal WHERE reference = 'paid-1' $$, 'a settlement with a provider recorded again is answered as it was first');

-- ---------------------------------------------------------------------------
-- The view of executions, and the size of stored journals
-- ---------------------------------------------------------------------------
SELECT is((SELECT jsonb_strip_nulls(to_jsonb(e) - ARRAY['recorded_at', 'journal', 'terms'])
			 FROM execution e WHERE reference = 'J04a'),
	jsonb_build_object('client', 'XYZZ', 'customer', 'XYZZ0001', 'reference', 'J04a', 'kind', 'trade', 'symbol', 'BTCUSD', 'side', 'SELL', 'quantity', '0.04 BTC',
		'price', '60695.00 USD/BTC', 'net_money', '-2427.80 USD', 'fee', '0.00 USD', 'provider', 'lp2', 'provider_price', '61000.00 USD/BTC', 'provider_money', '-2440.00 USD',
		'revenue', '12.20 USD', 'revenue_share', '0.00 USD', 'funding_model', 'BAKKT_TPJ', 'executed_at', to_jsonb('2026-11-20 16:00Z'::timestamptz)),
	'an execution is one row with all its terms');
SELECT cmp_ok((SELECT max(pg_column_size(terms)) FROM journal WHERE reference LIKE 'J0%'), '<=', 45, 'terms of a usual trade take at most 45 bytes');
SELECT cmp_ok((SELECT max(pg_column_size(j.*)) FROM journal j WHERE reference LIKE 'J0%'), '<', 300, 'a stored journal of a trade takes less than 300 bytes');
SELECT is_empty('SELECT c.code, t.fund, t.asset FROM client c, trial_balance(c.code) t GROUP BY 1, 2, 3 HAVING sum(t.debit) <> sum(t.credit)',
	'debits equal credits per client, fund and asset');

-- a million executions worth nothing each would give coin away
SELECT throws_ok($$ SELECT post_trade('XYZZ0001', 'BUY', '0.00000008 BTC', 'lp1', 'dust-1', provider_price => '60000.00 USD/BTC') $$,
	'LG047', NULL, 'a BUY whose money rounds to nothing is refused');
SELECT throws_ok($$ SELECT post_trade('XYZZ0001', 'SELL', '0.00000008 BTC', 'lp1', 'dust-2', provider_price => '60000.00 USD/BTC') $$,
	'LG047', NULL, 'a SELL whose money rounds to nothing is refused');

SELECT is((post_trade('XYZZ0001', 'BUY', '0.01 BTC', 'lp1', 'dear', provider_price => '1.00 USD/BTC', markup_bps => 2147483647, dry_run => true)).price,
	'214749.37 USD/BTC'::price, 'the largest markup does not overflow the price');

-- what an auditor wants to predict (doc/trades.md, doc/ledger.md)
SELECT open_instrument('SHIBUSD', 'SHIB', 'USD', '0.00000001 USD/SHIB', '1 SHIB') WHERE NOT EXISTS (SELECT FROM instrument WHERE symbol = 'SHIBUSD') \g /dev/null
SELECT is((post_trade('XYZZ0001', 'BUY', '1200000000000 SHIB', 'lp1', 'ten millions', provider_price => '0.00000853 USD/SHIB')).net_money::text, '10236000.00 USD', 'ten million dollars of a coin of a thousandth of a cent are one execution');
SELECT throws_ok($$SELECT post_trade('XYZZ0001', 'BUY', '10000000000001 SHIB', 'lp1', 'too many', provider_price => '0.00000853 USD/SHIB')$$, '22003', NULL, 'a line moves at most 10^13 whole units');
SELECT post_trade('XYZZ0001', 'BUY', '1 SHIB', 'lp1', 'a cent', provider_price => '0.00499 USD/SHIB', price => '0.0051 USD/SHIB') \g /dev/null
SELECT is((SELECT format('%s %s', net_money(terms), provider_money(terms)) FROM journal WHERE reference = 'a cent'), '0.01 USD 0.00 USD', 'a provider may be owed nothing for what rounds to a cent of the customer''s');

SELECT * FROM finish();
ROLLBACK;
