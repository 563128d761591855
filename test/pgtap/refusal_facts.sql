-- What a program is told of a refusal: JSON in the diagnostic field that drivers call constraint name.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE FUNCTION pg_temp.facts(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code	text;
	facts	text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, facts = CONSTRAINT_NAME;
	RETURN code || ' ' || facts::jsonb::text;
END $$;

SELECT open_client('FACT'), open_customer('FACT', 'FACT0001', external_id => '4711'), open_provider('LP1', 'Provider') \g /dev/null
SELECT (open_account('FACT', 'FBO', 'Bank:omnibus', 'USD')).account AS bank, (open_account('FACT', 'FBO', 'Cust:FACT0001:settled', 'USD')).account AS cash \gset
SELECT load_journal('FACT', journal_entry(line('Dr', :'bank', '100 USD'), line('Cr', :'cash', '100 USD')), 'fund'),
	authorize_hold('FACT', :'cash', '30 USD', 'bound') \g /dev/null

SELECT is(pg_temp.facts(format('SELECT load_journal(''FACT'', journal_entry(line(''Cr'', %L, ''71 USD''), line(''Dr'', %L, ''71 USD'')), ''too much'')', :'bank', :'cash')),
	format('LG050 {"account": "%s", "required": "71.00 USD", "available": "70.00 USD"}', :'cash'), 'a journal that is not covered tells the account, what it takes and what is there');
SELECT is(pg_temp.facts(format('SELECT authorize_hold(''FACT'', %L, ''70.01 USD'', ''more'')', :'cash')),
	format('LG050 {"account": "%s", "required": "70.01 USD", "available": "70.00 USD"}', :'cash'), 'a hold that is not covered tells the account, what it takes and what is there');
SELECT is(pg_temp.facts($$SELECT release_hold('FACT', 'bound', 'r', '31 USD')$$), 'LG053 {"hold": "bound", "required": "31.00 USD", "available": "30.00 USD"}',
	'a release of more than the hold binds tells both amounts');
SELECT is(pg_temp.facts($$SELECT release_hold('FACT', 'none', 'r')$$), 'LG051 {"hold": "none"}', 'an unknown hold is named');
SELECT is(pg_temp.facts($$SELECT authorize_hold('FACT', account_of('FACT', 'FBO', 'Cust:FACT0001:settled', 'USD'), '31 USD', 'bound')$$),
	'LG020 {"field": "amount", "given": "31.00 USD", "stored": "30.00 USD"}', 'a request with other content than before tells the field and both values');
SELECT is(pg_temp.facts($$SELECT post_trade('FACT0001', 'SELL', '2 BTC', 'LP1', 's', provider_price => '60000 USD/BTC')$$),
	'LG050 {"customer": "FACT0001", "required": "2.00 BTC", "available": "0.00 BTC"}', 'a sale of coin that is not there tells the customer, what it takes and what is there');
SELECT is(pg_temp.facts(statement), told, 'what is unknown is named: ' || told) FROM (VALUES
	($$SELECT change_client('NONE', name => 'x')$$, 'LG010 {"client": "NONE"}'),
	($$SELECT statement('NOBODY00', 'USD')$$, 'LG012 {"customer": "NOBODY00"}'),
	($$SELECT change_provider('LP9', 'x')$$, 'LG014 {"provider": "LP9"}'),
	($$SELECT change_instrument('NONEUSD')$$, 'LG015 {"symbol": "NONEUSD"}'),
	($$SELECT close_bank_account('none')$$, 'LG016 {"bank_account": "none"}'),
	($$SELECT balance_of('FBO:999999')$$, 'LG030 {"account": "FBO:999999"}')) AS v (statement, told);


-- a row of a batch, and a refusal that is told again
PREPARE batch_of_trades AS
	SELECT t.sqlstate, t.facts, t.replayed
	FROM post_trades(trade_requests('[{"customer": "FACT0001", "side": "SELL", "quantity": "3 BTC", "provider": "LP1", "reference": "b1", "provider_price": "60000 USD/BTC"},
		{"customer": "FACT0001", "side": "BUY", "quantity": "3 BTC", "provider": "LP9", "reference": "b2", "provider_price": "60000 USD/BTC"}]')) AS t;
SELECT results_eq('batch_of_trades', $$VALUES ('LG050', '{"customer": "FACT0001", "required": "3.00 BTC", "available": "0.00 BTC"}'::jsonb, false), ('LG014', '{"provider": "LP9"}', false)$$,
	'each row of a batch has the facts of its refusal');
SELECT results_eq('batch_of_trades', $$VALUES ('LG050', '{"customer": "FACT0001", "required": "3.00 BTC", "available": "0.00 BTC"}'::jsonb, true), ('LG014', '{"provider": "LP9"}', true)$$,
	'a refusal that is told again has the facts of the first time');
SELECT is(pg_temp.facts($$SELECT post_trade('FACT0001', 'SELL', '3 BTC', 'LP1', 'b1', provider_price => '60000 USD/BTC')$$),
	'LG050 {"customer": "FACT0001", "required": "3.00 BTC", "available": "0.00 BTC"}', 'a refusal that is raised again has the facts of the first time');
SELECT is(pg_temp.facts($$SELECT post_trade('FACT0001', 'SELL', '4 BTC', 'LP1', 'b1', provider_price => '60000 USD/BTC')$$),
	'LG020 {"field": "quantity"}', 'a reference with other content tells the field');
SELECT results_eq($$SELECT sqlstate, facts FROM post_journals(ARRAY[ROW('FACT', journal_entry(line('Dr', 'FBO:99999', '1 USD'), line('Cr', 'FBO:99998', '1 USD')), 'j1', 'general', NULL, NULL, NULL)::journal_request])$$,
	$$VALUES ('LG030', '{"account": "FBO:99999"}'::jsonb)$$, 'the row of a journal tells the account that was in the way');

-- cash and settlement
SELECT open_client('PAID', funding_model => 'BAKKT_TPJ', commission_model => 'BOTH'), open_customer('PAID', 'PAID0001') \g /dev/null
SELECT receive_wire('PAID', '100 USD', 'wire', customer => 'PAID0001', bank_reference => 'b') \g /dev/null
SELECT change_cash_terms('PAID', prefunded => true, minimum_withdrawal => '10 USD') \g /dev/null
SELECT is(pg_temp.facts($$SELECT request_withdrawal('PAID0001', '9 USD', 'w')$$), 'LG047 {"given": "9.00 USD", "required": "10.00 USD"}', 'a withdrawal below the minimum tells the minimum');
SELECT is(pg_temp.facts($$SELECT send_withdrawal('PAID', 'none')$$), 'LG080 {"transfer": "none"}', 'an unknown transfer is named');
SELECT is(pg_temp.facts($$SELECT post_trade('PAID0001', 'BUY', '1 BTC', 'LP1', 'p', provider_price => '60000 USD/BTC')$$),
	'LG084 {"customer": "PAID0001", "required": "60000.00 USD", "available": "100.00 USD"}', 'a purchase beyond buying power tells what it takes and what is there');

SELECT * FROM finish();
ROLLBACK;
