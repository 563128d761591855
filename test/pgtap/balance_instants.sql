-- A balance is of the instant that is asked for, in both times: as effective, and as recorded.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('FACT'), open_customer('FACT', 'FACT0001', external_id => '4711'), open_provider('LP1', 'Provider') \g /dev/null
SELECT (open_account('FACT', 'FBO', 'Bank:omnibus', 'USD')).account AS bank, (open_account('FACT', 'FBO', 'Cust:FACT0001:settled', 'USD')).account AS cash \gset
SELECT load_journal('FACT', journal_entry(line('Dr', :'bank', '100 USD'), line('Cr', :'cash', '100 USD')), 'fund'),
	authorize_hold('FACT', :'cash', '30 USD', 'bound') \g /dev/null

SELECT load_journal('FACT', journal_entry(line('Dr', :'bank', '5 USD'), line('Cr', :'cash', '5 USD')), 'late', at => now() - interval '10 days') \g /dev/null
SELECT results_eq(format('SELECT balance, available FROM balance_of(%L)', :'cash'), $$VALUES ('105.00 USD'::amount, '75.00 USD'::amount)$$, 'a balance is what is posted, less what holds bind');
SELECT results_eq(format('SELECT balance, available FROM balance_of(%L, at => now() - interval ''1 day'')', :'cash'), $$VALUES ('5.00 USD'::amount, '5.00 USD'::amount)$$,
	'a balance at an instant leaves out what is effective later, and holds that were not yet');
SELECT results_eq(format('SELECT balance, available FROM balance_of(%L, at => now() - interval ''11 days'')', :'cash'), $$VALUES ('0.00 USD'::amount, '0.00 USD'::amount)$$,
	'a balance before everything is nothing');
SELECT results_eq(format('SELECT balance, available FROM balance_of(%L, known_at => now() - interval ''1 day'')', :'cash'), $$VALUES ('0.00 USD'::amount, NULL::amount)$$,
	'a balance by what was known before is of what had been recorded');
SELECT results_eq($$SELECT balance, available FROM customer_balances('FACT0001', at => now() - interval '1 day') WHERE fund = 'FBO'$$, $$VALUES ('5.00 USD'::amount, '5.00 USD'::amount)$$,
	'the balances of a customer are of the instant that is asked for');
SELECT is((SELECT b.balance FROM balances('FACT', at => now() - interval '1 day') AS b WHERE b.account = :'cash'), (balance_of(:'cash', at => now() - interval '1 day')).balance,
	'one balance and all balances of a client at an instant agree');

SELECT * FROM finish();
ROLLBACK;
