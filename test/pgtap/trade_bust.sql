-- Taking executions back, and putting right ones in their place.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000, at => '2026-01-01Z'), open_client('XYZZ', at => '2026-01-01Z') \g /dev/null
-- prices are examples here, not a market's
SELECT change_client(code, price_band_bps => 0) FROM client \g /dev/null
SELECT open_customer(client => left(code, 4), customer => code) FROM unnest('{QRST0001,QRST0002,XYZZ0001}'::text[]) code \g /dev/null
SELECT open_provider('LP1', 'One') \g /dev/null

CREATE FUNCTION pg_temp.lines_of(reference text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s', p.fund, p.name, p.amount) ORDER BY p.line) FROM posting p WHERE p.reference = lines_of.reference $$;
CREATE FUNCTION pg_temp.buy(reference text, quantity amount DEFAULT '0.2 BTC', account text DEFAULT 'QRST0001') RETURNS bigint LANGUAGE sql AS $$
	SELECT journal FROM post_trade(account, 'BUY', quantity, 'LP1', reference, '60000 USD/BTC', markup_bps => 50, executed_at => '2026-11-20 15:00Z') $$;

-- ---------------------------------------------------------------------------
-- Bust
-- ---------------------------------------------------------------------------
SELECT pg_temp.buy('exec-1') AS original \gset
SELECT is((SELECT format('%s %s %s %s %s %s', outcome, replayed, net_money, revenue, revenue_share, position_after) FROM bust_trade('QRST0001', 'exec-1', 'bust-1', reason => 'wrong customer')),
	'posted f -12060.00 USD -60.00 USD -24.00 USD 0.00 BTC', 'a bust takes back every amount of an execution');
SELECT is(pg_temp.lines_of('bust-1'), ARRAY['CORP Client:settlement:QRST -12060.00 USD', 'CORP LP:payable:LP1 12000.00 USD', 'CORP Revenue:markup 36.00 USD', 'CORP RevShare:payable:QRST 24.00 USD',
	'CORP LP:coin-receivable:LP1 -0.20 BTC', 'CORP DueTo:CUST 0.20 BTC', 'CUST DueFrom:CORP -0.20 BTC', 'CUST Cust:QRST0001 0.20 BTC'],
	'a bust posts the opposite of each line');
SELECT is((SELECT format('%s %s %s %s %s', kind, busts = :original, executed_at = '2026-11-20 15:00Z', reason, side) FROM execution WHERE reference = 'bust-1'),
	'trade_bust t t wrong customer BUY', 'a bust has the time of the original and names it');
SELECT is((SELECT busted_by FROM execution WHERE reference = 'exec-1'), (SELECT journal FROM execution WHERE reference = 'bust-1'),
	'a busted execution names its bust');
SELECT is((SELECT sum_net_money(terms) FROM execution), '0 USD'::amount, 'an execution and its bust net to zero');
SELECT is((SELECT format('%s %s %s', outcome, replayed, net_money) FROM bust_trade('QRST0001', 'exec-1', 'bust-1', reason => 'wrong customer')), 'posted t -12060.00 USD',
	'a bust sent again is answered with the first outcome');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'exec-1', 'bust-1', reason => 'another') $$, 'LG020', NULL,
	'a bust sent again with another reason is refused');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'exec-1', 'bust-2') $$, 'LG063', NULL, 'an execution is busted once');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'bust-1', 'bust-2') $$, 'LG062', NULL, 'a bust is not busted');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'exec-9', 'bust-2') $$, 'LG062', NULL,
	'a bust of an unknown reference is refused');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', reference => 'bust-2', journal => 999999) $$, 'LG062', NULL,
	'a bust of an unknown journal is refused');
SELECT throws_ok($$ SELECT bust_trade('QRST0002', 'exec-1', 'bust-2') $$, 'LG062', NULL,
	'a bust of another customer''s execution is refused');
SELECT throws_ok($$ SELECT bust_trade('XYZZ0001', 'exec-1', 'bust-2') $$, 'LG062', NULL,
	'a bust of another client''s execution is refused');
SELECT throws_ok($$ SELECT bust_trade('NOBODY01', 'exec-1', 'bust-2') $$, 'LG012', NULL,
	'a bust for an unknown customer is refused');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', reference => 'bust-2') $$, 'LG002', NULL, 'a bust that names no execution is refused');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'exec-1', 'bust-2', journal => 1) $$, 'LG002', NULL,
	'a bust that names an execution by both reference and number is refused');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'exec-1', NULL) $$, 'LG002', NULL, 'a bust without a reference is refused');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'exec-1', 'exec-1') $$, 'LG020', NULL,
	'a bust under the reference of a trade is refused');

-- by number; the coin must still be there
SELECT pg_temp.buy('exec-2') AS original \gset
SELECT post_trade('QRST0001', 'SELL', '0.15 BTC', 'LP1', 'sold-on', '60000 USD/BTC') \g /dev/null
SELECT throws_ok(format($$ SELECT bust_trade('QRST0001', reference => 'bust-3', journal => %s) $$, :original), 'LG050', NULL,
	'a bust is refused when the coin has been sold on');
SELECT is((SELECT outcome FROM bust_trade('QRST0001', 'sold-on', 'bust-4', dry_run => true)), 'posted',
	'a dry run of a bust tells that it would be posted');
SELECT is_empty($$ SELECT reference FROM journal WHERE reference = 'bust-4' $$, 'a dry run of a bust writes nothing');
SELECT is((SELECT position_after FROM bust_trade('QRST0001', 'sold-on', 'bust-4')), '0.2 BTC'::amount,
	'a sale can be busted, which gives the coin back');
SELECT is((SELECT position_after FROM bust_trade('QRST0001', reference => 'bust-5', journal => :original)), '0 BTC'::amount,
	'a purchase can be busted by its number once the coin is there');

-- the customer may be leaving by then
SELECT pg_temp.buy('exec-3') \g /dev/null
SELECT change_customer('QRST0001', mode => 'CLOSING_ONLY') \g /dev/null
SELECT is((SELECT outcome FROM bust_trade('QRST0001', 'exec-3', 'bust-6')), 'posted',
	'an execution of a leaving customer can be busted');
SELECT change_customer('QRST0001', mode => 'OPEN') \g /dev/null

-- fees of the order
CREATE FUNCTION pg_temp.fill(reference text, notional int) RETURNS amount LANGUAGE sql AS $$
	SELECT fee FROM post_trade('QRST0001', 'BUY', '1 BTC', 'LP1', reference, price => (notional || ' USD/BTC')::price, fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'order') $$;
SELECT is(ARRAY[pg_temp.fill('fill-1', 400), pg_temp.fill('fill-2', 900)], ARRAY['5 USD', '1.50 USD']::amount[],
	'the fills of an order pay its minimum fee, then what exceeds it');
SELECT is((SELECT fee FROM bust_trade('QRST0001', 'fill-1', 'bust-fill-1')), '-5 USD'::amount,
	'the bust of a fill gives its fee back');
SELECT is((SELECT fee FROM bust_trade('QRST0001', 'fill-1', 'bust-fill-1')), '-5 USD'::amount,
	'the bust of a fill sent again gives the fee back once');
SELECT results_eq($$ SELECT accrued, charged FROM order_commission $$, $$ VALUES ('4.50 USD'::amount, '1.50 USD'::amount) $$,
	'the running totals of an order keep its standing fills only');
SELECT is(pg_temp.fill('fill-3', 100), '3.50 USD'::amount,
	'a fill after a bust makes the order pay the minimum or the rate again');

-- ---------------------------------------------------------------------------
-- Correction
-- ---------------------------------------------------------------------------
SELECT pg_temp.buy('exec-4') AS original \gset
SELECT results_eq($$ SELECT request, outcome, replayed, net_money FROM correct_trade('QRST0001', 'BUY', '0.3 BTC', 'LP1', 'exec-4c', '60000 USD/BTC', markup_bps => 50, original => 'exec-4', reason => 'quantity') $$,
	$$ VALUES (1, 'posted', false, '-12060 USD'::amount), (2, 'posted', false, '18090 USD') $$,
	'a correction busts the wrong execution and posts the right one');
SELECT is((SELECT format('%s %s', corrects = :original, executed_at = '2026-11-20 15:00Z') FROM execution WHERE reference = 'exec-4c'), 't t',
	'a correction has the time of the original and names it');
SELECT is((SELECT b.reference::text FROM execution e JOIN execution b ON b.journal = e.busted_by WHERE e.reference = 'exec-4'), 'exec-4c/bust',
	'a corrected execution names its bust');
SELECT results_eq($$ SELECT request, outcome, replayed, net_money FROM correct_trade('QRST0001', 'BUY', '0.3 BTC', 'LP1', 'exec-4c', '60000 USD/BTC', markup_bps => 50, original => 'exec-4', reason => 'quantity') $$,
	$$ VALUES (1, 'posted', true, '-12060 USD'::amount), (2, 'posted', true, '18090 USD') $$,
	'a correction sent again is answered with the first outcomes');
SELECT throws_ok($$ SELECT correct_trade('QRST0001', 'BUY', '0.4 BTC', 'LP1', 'exec-4c', '60000 USD/BTC', markup_bps => 50, original => 'exec-4', reason => 'quantity') $$, 'LG020', NULL,
	'a correction sent again with another quantity is refused');
SELECT throws_ok($$ SELECT correct_trade('QRST0001', 'BUY', '0.4 BTC', 'LP1', 'exec-4d', '60000 USD/BTC', original => 'exec-4') $$, 'LG063', NULL, 'an execution is corrected once');

-- a correction of the correction, of the side; of the customer
SELECT is((SELECT array_agg(position_after ORDER BY request) FROM correct_trade('QRST0001', 'BUY', '0.1 BTC', 'LP1', 'exec-4e', '60000 USD/BTC', original => 'exec-4c')),
	'{2.00 BTC,2.10 BTC}'::amount[],
	'a correction can be corrected');
SELECT is((SELECT array_agg(outcome ORDER BY request) FROM correct_trade('QRST0002', 'BUY', '0.1 BTC', 'LP1', 'exec-4f', '60000 USD/BTC', original => 'exec-4e', original_customer => 'QRST0001')),
	'{posted,posted}', 'an execution booked to the wrong customer can be corrected');
SELECT is((SELECT format('%s %s', e.customer, o.customer) FROM execution e JOIN execution o ON o.journal = e.corrects WHERE e.reference = 'exec-4f'), 'QRST0002 QRST0001',
	'a correction names the execution of the wrong customer');

-- both or neither: the cause is raised, not the chain
CREATE TEMP TABLE before AS SELECT count(*) AS journals FROM journal;
SELECT throws_ok($$ SELECT correct_trade('QRST0002', 'SELL', '5 BTC', 'LP1', 'exec-4g', '60000 USD/BTC', original => 'exec-4f') $$, 'LG050', NULL,
	'a correction is refused when the right execution cannot be posted');
SELECT throws_ok($$ SELECT correct_trade('QRST0002', 'BUY', '5 BTC', 'LP9', 'exec-4g', '60000 USD/BTC', original => 'exec-4f') $$, 'LG014', NULL,
	'a correction with an unknown provider is refused');
SELECT throws_ok($$ SELECT correct_trade('QRST0002', 'BUY', '5 BTC', 'LP1', 'exec-4g', '60000 USD/BTC', original => 'nothing') $$, 'LG062', NULL,
	'a correction of an unknown execution is refused');
SELECT results_eq('SELECT count(*) FROM journal', 'SELECT journals FROM before', 'a refused correction leaves no journal behind');
SELECT is((SELECT array_agg(outcome) FROM correct_trade('QRST0002', 'BUY', '5 BTC', 'LP1', 'exec-4g', '60000 USD/BTC', original => 'exec-4f', dry_run => true)), '{posted,posted}',
	'a dry run of a correction tells that both would be posted');
SELECT results_eq('SELECT count(*) FROM journal', 'SELECT journals FROM before', 'a dry run of a correction writes no journal');

-- a fill of an order with a minimum fee is corrected: the order has paid what it should
SELECT is((SELECT array_agg(fee ORDER BY request) FROM correct_trade('QRST0001', 'BUY', '1 BTC', 'LP1', 'fill-3c', price => '400 USD/BTC', fee_bps => 50, fee_minimum => '5 USD', client_order_id => 'order', original => 'fill-3')),
	ARRAY['-3.50 USD', '5.00 USD']::amount[], 'a corrected fill pays what its order lacks of minimum or rate');

SELECT is_empty('SELECT c.code, t.fund, t.asset FROM client c, trial_balance(c.code) t GROUP BY 1, 2, 3 HAVING sum(t.debit) <> sum(t.credit)',
	'debits equal credits per client, fund and asset after busts');
SELECT * FROM finish();
ROLLBACK;
