-- Cash calls are opened by executions and ended by busts, in the same transaction.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/cash_call_event.psql
SELECT no_plan();

SELECT open_client('QRST', at => '2026-01-01Z'), open_client('NETT', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z'), open_client('APEX', funding_model => 'APEX_TPJ', at => '2026-01-01Z'), open_provider('LP1', 'LP1') \g /dev/null
SELECT open_customer(client => c, customer => c || '0001') FROM unnest(ARRAY['QRST', 'NETT', 'APEX']) AS c \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0002', funding_model => 'NO_SETTLEMENT'), open_customer(client => 'NETT', customer => 'NETT0002', funding_model => 'BAKKT_TPJ'),
	open_customer(client => 'QRST', customer => 'QRST0003') \g /dev/null
SELECT deposit_coin(c, '1 BTC', 'coin ' || c) FROM unnest(ARRAY['QRST0001', 'QRST0002', 'NETT0001', 'NETT0002', 'APEX0001']) AS c \g /dev/null
CREATE FUNCTION pg_temp.trade(reference text, account text, side text, quantity amount, at timestamptz DEFAULT '2026-11-20 15:00Z', encumbered boolean DEFAULT false, dry boolean DEFAULT false)
	RETURNS bigint LANGUAGE sql AS $$ SELECT (post_trade(account, side, quantity, 'LP1', reference, provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => at, encumbered => encumbered, dry_run => dry)).journal $$;
CREATE VIEW pg_temp.calls AS
	SELECT j.reference COLLATE "default" AS reference, format('%s %s%s%s, %s, due %s, %s', c.amount, CASE WHEN c.withdrawal THEN 'paid' ELSE 'received' END, CASE WHEN c.sale THEN ' of sale' END,
		CASE WHEN c.apex THEN ' by Apex' END, c.status, c.due_at = c.called_at, coalesce('bound ' || c.encumbered::text, 'free')) AS call,
		c.called_at = j.effective_at AND c.opened_at = j.recorded_at AND u.customer_code = right(j.reference, 8) AND c.attempts = 0 AS sound, c.*
	FROM cash_call c JOIN journal j USING (client_id, journal_id) JOIN customer u ON u.customer_id = c.customer_id;
CREATE FUNCTION pg_temp.coin(name text) RETURNS amount LANGUAGE sql AS $$
	SELECT coalesce(-sum(posted), '0 BTC') FROM balance b JOIN account a USING (client_id, account) WHERE a.fund = 'CUST' AND a.name = coin.name $$;

SELECT pg_temp.trade(side || ' ' || c, c, side, '0.1 BTC') FROM unnest(ARRAY['QRST0001', 'QRST0002', 'NETT0001', 'NETT0002', 'APEX0001']) AS c, unnest(ARRAY['BUY', 'SELL']) AS side \g /dev/null
SELECT results_eq('SELECT reference, call, sound FROM pg_temp.calls ORDER BY reference COLLATE "C"', $$ VALUES
	('BUY APEX0001', '6030.00 USD paid by Apex, O, due t, free', true), ('BUY NETT0002', '6030.00 USD paid, O, due t, free', true),
	('BUY QRST0001', '6030.00 USD paid, O, due t, free', true), ('SELL APEX0001', '5970.00 USD received of sale by Apex, O, due t, free', true),
	('SELL NETT0002', '5970.00 USD received of sale, O, due t, free', true), ('SELL QRST0001', '5970.00 USD received of sale, O, due t, free', true) $$,
	'an execution of a BAKKT_TPJ or APEX_TPJ customer opens one cash call (TPJ), others none');
SELECT pg_temp.trade('BUY QRST0001', 'QRST0001', 'BUY', '0.1 BTC'), pg_temp.trade('dry', 'QRST0001', 'BUY', '0.1 BTC', dry => true) \g /dev/null
SELECT throws_ok($$ SELECT pg_temp.trade('refused', 'QRST0001', 'SELL', '100 BTC') $$, 'LG050', NULL,
	'a sale above the coin held is refused');
SELECT is((SELECT count(*) FROM cash_call), 6::bigint, 'a replay, a dry run and a refusal open no call');
SELECT is((SELECT count(*) FROM post_trades(ARRAY[
	('QRST0003', 'BUY', '0.1 BTC', 'LP1', 'b1', '60000 USD/BTC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, false),
	('QRST0003', 'BUY', '0.1 BTC', 'LP1', 'b1', '60000 USD/BTC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, false),
	('QRST0003', 'SELL', '9 BTC', 'LP1', 'b2', '60000 USD/BTC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, false),
	('QRST0003', 'SELL', '0.1 BTC', 'LP1', 'b3', '60000 USD/BTC', NULL, NULL, NULL, NULL, '6000 USD', NULL, NULL, NULL, NULL, false, false)]::trade_request[])), 4::bigint,
	'a batch answers each of its requests');
SELECT results_eq($$ SELECT reference, amount FROM pg_temp.calls WHERE customer_id = require_customer('QRST0003') $$, $$ VALUES ('b1', '6000 USD'::amount) $$,
	'a batch opens a call for each new execution that moves money');

-- Encumbered coin
SELECT pg_temp.trade('bound QRST0001', 'QRST0001', 'BUY', '0.2 BTC', encumbered => true) \g /dev/null
SELECT change_cash_terms('QRST', encumber_unpaid => true), change_cash_terms('NETT', encumber_unpaid => true), change_cash_terms('APEX', encumber_unpaid => true) \g /dev/null
SELECT pg_temp.trade('terms ' || side || ' ' || c, c, side, '0.2 BTC') FROM unnest(ARRAY['QRST0001', 'QRST0002', 'NETT0001', 'NETT0002', 'APEX0001']) AS c, unnest(ARRAY['BUY', 'SELL']) AS side \g /dev/null
SELECT results_eq($$ SELECT reference, encumbered FROM pg_temp.calls WHERE encumbered IS NOT NULL ORDER BY reference COLLATE "C" $$, $$ VALUES
	('bound QRST0001', '0.2 BTC'::amount), ('terms BUY APEX0001', '0.2 BTC'), ('terms BUY NETT0002', '0.2 BTC'), ('terms BUY QRST0001', '0.2 BTC') $$,
	'coin is encumbered if the request or the client''s terms ask for it and cash is called');
SELECT is(pg_temp.coin('Cust:QRST0001:encumbered'), '0.4 BTC', 'encumbered coin is kept in an account of its own');
SELECT is(pg_temp.coin('Cust:QRST0002:encumbered') + pg_temp.coin('Cust:NETT0001:encumbered'), '0 BTC',
	'coin of customers without calls is not encumbered');
SELECT lives_ok($$ SELECT pg_temp.trade('BUY QRST0001', 'QRST0001', 'BUY', '0.1 BTC') $$,
	'a request from before the terms changed is replayed');
SELECT change_cash_terms('QRST', encumber_unpaid => false) \g /dev/null
SELECT lives_ok($$ SELECT pg_temp.trade('terms BUY QRST0001', 'QRST0001', 'BUY', '0.2 BTC') $$,
	'a request from under the changed terms is replayed after they changed back');
SELECT throws_ok($$ SELECT pg_temp.trade('terms BUY QRST0001', 'QRST0001', 'BUY', '0.2 BTC', encumbered => true) $$, 'LG020', NULL,
	'a replay that asks for encumbered coin on its own is a conflict');

-- Busts of outstanding calls
SELECT bust_trade('QRST0001', 'bound QRST0001', 'x1'), bust_trade('QRST0001', 'SELL QRST0001', 'x2'), bust_trade('APEX0001', 'BUY APEX0001', 'x3'), bust_trade('QRST0002', 'BUY QRST0002', 'x4') \g /dev/null
SELECT results_eq($$ SELECT c.reference, c.status, c.due_at IS NULL, c.closed_at = j.recorded_at AND c.closed_recorded_at >= j.recorded_at, e.event COLLATE "default", e.amount, j.reference COLLATE "default", e.at = j.recorded_at
	FROM pg_temp.calls c JOIN cash_call_event e USING (client_id, journal_id) JOIN journal j ON j.client_id = e.client_id AND j.journal_id = e.event_journal ORDER BY c.reference COLLATE "C" $$, $$ VALUES
	('BUY APEX0001', 'B'::"char", true, true, 'busted', '6030 USD'::amount, 'x3', true), ('SELL QRST0001', 'B', true, true, 'busted', '5970 USD', 'x2', true),
	('bound QRST0001', 'B', true, true, 'busted', '12060 USD', 'x1', true) $$, 'a bust ends the call of its execution');
SELECT is(pg_temp.coin('Cust:QRST0001:encumbered'), '0.2 BTC', 'a bust takes encumbered coin from the encumbered account');
SELECT lives_ok($$ SELECT bust_trade('QRST0001', 'bound QRST0001', 'x1') $$, 'a bust submitted again is replayed');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'bound QRST0001', 'x9') $$, 'LG063', NULL,
	'a second bust of an execution is refused');
SELECT lives_ok($$ SELECT bust_trade('NETT0002', 'BUY NETT0002', 'x5', dry_run => true) $$, 'a bust can be tried in a dry run');
SELECT correct_trade('NETT0002', 'BUY', '0.3 BTC', 'LP1', 'x6', provider_price => '60000 USD/BTC', original => 'BUY NETT0002') \g /dev/null
SELECT results_eq($$ SELECT reference, status, amount FROM pg_temp.calls WHERE reference IN ('BUY NETT0002', 'x6') ORDER BY 1 $$, $$ VALUES ('BUY NETT0002', 'B'::"char", '6030 USD'::amount), ('x6', 'O', '18090 USD') $$,
	'a correction ends one call and opens another');
SELECT is((SELECT count(*) FROM cash_call_event), 4::bigint, 'each busted call has one event');
SELECT is_empty('SELECT * FROM verify()', 'the ledger verifies after executions, busts and a correction');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT finish();
ROLLBACK;
