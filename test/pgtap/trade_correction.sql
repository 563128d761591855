-- A correction keeps the world of its original; an order has one fixed and one minimum fee.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_provider('LP1', 'Provider') \g /dev/null
SELECT open_client('KEEP', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000, at => '2026-01-01Z'), open_customer('KEEP', 'KEEP0001', at => '2026-01-01Z'), open_customer('KEEP', 'KEEP0002', funding_model => 'NO_SETTLEMENT', at => '2026-01-01Z') \g /dev/null
CREATE FUNCTION pg_temp.of(reference text) RETURNS execution_terms LANGUAGE sql AS $$ SELECT j.terms FROM journal j WHERE j.reference = $1 $$;
CREATE FUNCTION pg_temp.touched(reference text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT a.kind, ' ' ORDER BY a.kind) FROM journal j, lines(j.entry) l JOIN account a USING (account) WHERE j.reference = $1 AND l.account::text LIKE 'CORP%' AND a.kind ~ 'settlement|tpj|memo' $$;

-- funding model and share
SELECT post_trade('KEEP0001', 'BUY', '1 BTC', 'LP1', 'made', provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => '2026-01-02Z') \g /dev/null
SELECT change_client('KEEP', funding_model => 'BAKKT_TPJ', revenue_share_bps => 1000) \g /dev/null
SELECT is((SELECT string_agg(outcome, ' ') FROM correct_trade('KEEP0001', 'BUY', '0.9 BTC', 'LP1', 'right', original => 'made', reason => 'quantity')), 'posted posted', 'an execution is corrected after the client''s terms have changed');
SELECT is(funding_model(pg_temp.of('right')), 'NET_SETTLEMENT', 'a correction has the funding model of its original');
SELECT is(pg_temp.touched('right'), 'corp_client_settlement', 'the customer is not called for what the client settles');
SELECT is_empty($$SELECT * FROM cash_call WHERE journal_id = (SELECT journal_id FROM journal WHERE reference = 'right')$$, 'a correction opens no cash call that its original had not');
SELECT is(revenue_share_bps(pg_temp.of('right')), 4000, 'a correction has the client''s share of its original');
SELECT is(format('%s %s %s', markup_bps(pg_temp.of('right')), provider_price(pg_temp.of('right')), price(pg_temp.of('right'))), '50 60000.00 USD/BTC 60300.00 USD/BTC', 'a correction has the price and markup of its original, unless it gives others');
SELECT is((SELECT funding_model(pg_temp.of((post_trade('KEEP0001', 'BUY', '1 BTC', 'LP1', 'new', provider_price => '60000 USD/BTC')).reference))), 'BAKKT_TPJ', 'a new execution has the client''s model of today');
SELECT correct_trade('KEEP0001', 'BUY', '0.8 BTC', 'LP1', 'told', provider_price => '60100 USD/BTC', markup_bps => 0, original => 'right') \g /dev/null
SELECT is(format('%s %s', markup_bps(pg_temp.of('told')), price(pg_temp.of('told'))), '0 60100.00 USD/BTC', 'a correction that is told otherwise does otherwise');
SELECT is((SELECT string_agg(replayed::text, ' ') FROM correct_trade('KEEP0001', 'BUY', '0.8 BTC', 'LP1', 'told', provider_price => '60100 USD/BTC', markup_bps => 0, original => 'right')), 'true true', 'the same correction again is answered as the first time');
SELECT correct_trade('KEEP0002', 'BUY', '0.8 BTC', 'LP1', 'hers', original => 'told', original_customer => 'KEEP0001') \g /dev/null
SELECT is(funding_model(pg_temp.of('hers')), 'NO_SETTLEMENT', 'an execution that was another customer''s has that customer''s model');

-- commission model
SELECT open_client('FEES', funding_model => 'NO_SETTLEMENT', at => '2026-01-01Z'), open_customer('FEES', 'FEES0001', at => '2026-01-01Z') \g /dev/null
CREATE FUNCTION pg_temp.fill(reference text, order_id text, fee_fixed amount DEFAULT NULL, fee_minimum amount DEFAULT NULL, fee_bps integer DEFAULT 100, quantity amount DEFAULT '1 BTC') RETURNS text LANGUAGE sql AS $$
	SELECT (post_trade('FEES0001', 'BUY', quantity, 'LP1', reference, price => '100 USD/BTC', fee_bps => fee_bps, fee_fixed => fee_fixed, fee_minimum => fee_minimum, client_order_id => order_id)).fee::text $$;

-- the fixed fee is the order's
SELECT is(pg_temp.fill('a1', 'A', '0.50 USD'), '1.50 USD', 'the first fill pays the fixed fee of its order');
SELECT is(pg_temp.fill('a2', 'A', '0.50 USD'), '1.00 USD', 'the next one does not pay it again');
SELECT is((bust_trade('FEES0001', 'a1', 'a1 bust', 'test')).fee::text, '-1.50 USD', 'a bust gives back what its fill paid');
SELECT is(pg_temp.fill('a3', 'A', '0.50 USD'), '1.50 USD', 'then the next fill pays it: one standing fill has paid the fixed fee');
SELECT is(pg_temp.fill('a4', NULL, '0.50 USD') || pg_temp.fill('a5', NULL, '0.50 USD'), '1.50 USD1.50 USD', 'a fill without an order is an order of its own');
SELECT is((SELECT array_agg(fee::text) FROM post_trades(trade_requests('[
	{"customer": "FEES0001", "side": "BUY", "quantity": "1 BTC", "provider": "LP1", "reference": "b1", "price": "100 USD/BTC", "fee_fixed": "0.50 USD", "client_order_id": "B"},
	{"customer": "FEES0001", "side": "BUY", "quantity": "1 BTC", "provider": "LP1", "reference": "b2", "price": "100 USD/BTC", "fee_fixed": "0.50 USD", "client_order_id": "B"}]'))), '{"0.50 USD","0.00 USD"}', 'in a batch too');

-- a minimum that a fill does not repeat, or that falls
SELECT is(pg_temp.fill('c1', 'C', NULL, '5 USD'), '5.00 USD', 'the first fill pays up to the minimum');
SELECT throws_ok($$SELECT pg_temp.fill('c2', 'C')$$, 'LG002', NULL, 'a fill without its order''s minimum is refused');
SELECT throws_ok($$SELECT pg_temp.fill('c2', 'C', NULL, '4 USD')$$, 'LG002', NULL, 'a minimum does not fall');
SELECT throws_ok($$SELECT pg_temp.fill('c2', 'C', '0.10 USD', '5 USD')$$, 'LG002', NULL, 'an order has no second fixed fee');
SELECT throws_ok($$SELECT pg_temp.fill('c2', 'C', fee_bps => NULL)$$, 'LG002', NULL, 'not even a fill without any fee');
SELECT is(pg_temp.fill('c2', 'C', NULL, '5 USD', quantity => '5 BTC'), '1.00 USD', 'the refused reference is free for the fill as it must be');
SELECT is((SELECT array_agg(sqlstate ORDER BY request) FROM post_trades(trade_requests('[
	{"customer": "FEES0001", "side": "BUY", "quantity": "1 BTC", "provider": "LP1", "reference": "d1", "price": "100 USD/BTC", "fee_bps": 100, "fee_minimum": "5 USD", "client_order_id": "D"},
	{"customer": "FEES0001", "side": "BUY", "quantity": "1 BTC", "provider": "LP1", "reference": "d2", "price": "100 USD/BTC", "fee_bps": 100, "client_order_id": "D"},
	{"customer": "FEES0001", "side": "BUY", "quantity": "1 BTC", "provider": "LP1", "reference": "d3", "price": "100 USD/BTC", "fee_bps": 100, "fee_minimum": "6 USD", "client_order_id": "D"}]'))), '{NULL,LG002,LG002}', 'a fill without its fees is refused in the batch that names them too');
SELECT bust_trade('FEES0001', 'd1', 'd1 bust', 'test') \g /dev/null
SELECT is(pg_temp.fill('d4', 'D', NULL, '2 USD'), '2.00 USD', 'an order without a standing fill can be named anew');

-- the order's fees of a correction
SELECT is((SELECT array_agg(fee::text ORDER BY request) FROM correct_trade('FEES0001', 'BUY', '2 BTC', 'LP1', 'c1 right', original => 'c1')), '{"-5.00 USD","6.00 USD"}', 'a correction is a fill of its original''s order');
SELECT change_client('FEES', commission_model => 'MARKUP') \g /dev/null
SELECT throws_ok($$SELECT pg_temp.fill('e1', NULL)$$, 'LG002', NULL, 'the client has markups now');
SELECT is((SELECT array_agg(outcome ORDER BY request) FROM correct_trade('FEES0001', 'BUY', '3 BTC', 'LP1', 'c2 right', original => 'c2')), '{posted,posted}', 'a correction has the commission of its original, which the client gives no more');
SELECT throws_ok($$SELECT correct_trade('FEES0001', 'BUY', '3 BTC', 'LP1', 'a3 right', original => 'a3', fee_bps => 0, fee_fixed => '0 USD', markup_fixed => '-1 USD/BTC')$$, 'LG045', NULL, 'a correction is judged like an execution');

SELECT seal() \g /dev/null
SELECT is_empty($$SELECT * FROM verify()$$, 'running fees are those of the fills that stand');
SELECT * FROM finish();
ROLLBACK;
