-- A customer is named by its code, or by its client's code and its external id.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('FACT'), open_customer('FACT', 'FACT0001', external_id => '4711'), open_provider('LP1', 'Provider') \g /dev/null
SELECT (open_account('FACT', 'FBO', 'Bank:omnibus', 'USD')).account AS bank, (open_account('FACT', 'FBO', 'Cust:FACT0001:settled', 'USD')).account AS cash \gset
SELECT load_journal('FACT', journal_entry(line('Dr', :'bank', '100 USD'), line('Cr', :'cash', '100 USD')), 'fund'),
	authorize_hold('FACT', :'cash', '30 USD', 'bound') \g /dev/null

SELECT is((SELECT string_agg(b.balance::text, ' ') FROM customer_balances('FACT/4711') AS b), '100.00 USD', 'a customer is found by CLIENT/external id');
SELECT is((SELECT (post_trade('FACT/4711', 'BUY', '0.1 BTC', 'LP1', 'b', provider_price => '60000 USD/BTC')).reference), 'b', 'a trade names its customer by CLIENT/external id');
SELECT is((post_trade('FACT0001', 'BUY', '0.1 BTC', 'LP1', 'b', provider_price => '60000 USD/BTC')).replayed, true, 'the same trade by the customer''s code is a replay');
SELECT throws_ok($$SELECT * FROM customer_balances('ELSE/4711')$$, 'LG012', NULL, 'another client''s external id finds nobody');

SELECT * FROM finish();
ROLLBACK;
