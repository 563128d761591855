-- A provider that does not deliver: listed with its age, covered with the company's coin, bought in.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_provider('lp1', 'First Provider') \g /dev/null
SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001') \g /dev/null
CREATE FUNCTION pg_temp.as_posted(reference text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.fund, a.name, coalesce(l.debit, l.credit)::text)
	FROM journal j, lines(j.entry) AS l JOIN account a USING (account) WHERE j.reference = $1 ORDER BY l.line $$;
SELECT post_trade('QRST0001', 'BUY', '2 BTC', 'lp1', 'trade', provider_price => '60000 USD/BTC', executed_at => '2025-06-02 20:00Z') \g /dev/null
SELECT close_window('QRST', '2025-06-03', '2025-06-03 14:30Z') \g /dev/null
SELECT advise_window('QRST', '2025-06-03'), agree_window('QRST', '2025-06-03') \g /dev/null
SELECT obligation AS coin FROM obligations('QRST') WHERE asset = 'BTC' \gset
SELECT obligation AS money FROM obligations('QRST') WHERE counterparty = 'lp1' AND asset = 'USD' \gset
SELECT obligation AS owed FROM obligations('QRST') WHERE counterparty = 'QRST' \gset
SELECT is_empty($$SELECT * FROM provider_fails(at => '2025-06-03 23:59Z')$$, 'what is not due yet is no fail');
SELECT fail_obligation('QRST', :coin, 'f1', 'wallet down', '2025-06-04 12:00Z') \g /dev/null
SELECT results_eq($$SELECT provider, client, asset, outstanding::text, covered::text, status, age_days, fails FROM provider_fails('lp1', '2025-06-06 12:00Z')$$,
	$$VALUES ('lp1', 'QRST', 'BTC'::asset, '2.00 BTC', '0.00 BTC', 'FAILED', 2, 1::bigint)$$, 'what a provider has not delivered in time is listed with its age');
SELECT is_empty($$SELECT * FROM provider_fails('lp2', '2025-06-06 12:00Z')$$, 'of one provider only its own');

-- covered
SELECT throws_ok(format('SELECT cover_obligation(%L, %s, %L)', 'QRST', :money, 'c1'), 'LG042', NULL, 'what a provider is owed is not covered');
SELECT throws_ok(format('SELECT cover_obligation(%L, %s, %L)', 'QRST', :owed, 'c1'), 'LG042', NULL, 'what a client owes is not covered');
SELECT throws_ok(format('SELECT cover_obligation(%L, %s, %L)', 'QRST', :coin, 'c1'), 'LG050', NULL, 'the company lends no coin that it does not have');
SELECT load_journal('QRST', journal_entry(line('Dr', (open_account('QRST', 'CORP', 'Wallet:company', 'BTC')).account, '1.5 BTC'), line('Cr', (open_account('QRST', 'CORP', 'Equity', 'BTC')).account, '1.5 BTC')), 'own coin') \g /dev/null
SELECT throws_ok(format('SELECT cover_obligation(%L, %s, %L, %L)', 'QRST', :coin, 'c1', '2.01 BTC'), 'LG074', NULL, 'no more is covered than is outstanding');
SELECT throws_ok(format('SELECT cover_obligation(%L, %s, %L, %L)', 'QRST', :coin, 'c1', '1 USD'), 'LG042', NULL, 'coin is covered in coin');
SELECT throws_ok(format('SELECT cover_obligation(%L, %s, %L, %L)', 'QRST', :coin, 'c1', '0 BTC'), 'LG045', NULL, 'a cover of nothing is refused');
SELECT throws_ok($$SELECT cover_obligation('QRST', 4711, 'c1')$$, 'LG073', NULL, 'an unknown obligation is not covered');
SELECT results_eq(format('SELECT outcome, provider, amount::text, status FROM cover_obligation(%L, %s, %L, %L, %L)', 'QRST', :coin, 'c1', '1.5 BTC', '2025-06-06 12:00Z'), $$VALUES ('covered', 'lp1', '1.50 BTC', 'COVERED')$$,
	'the company covers what a provider has not delivered');
SELECT results_eq($$SELECT pg_temp.as_posted('c1')$$, $$VALUES ('Dr CORP DueFrom:CUST 1.50 BTC'), ('Cr CORP Wallet:company 1.50 BTC'), ('Dr CUST Wallet:omnibus 1.50 BTC'), ('Cr CUST DueTo:CORP 1.50 BTC')$$,
	'coin of the company in the customers'' wallet stays the company''s');
SELECT results_eq(format('SELECT outcome, replayed FROM cover_obligation(%L, %s, %L, %L)', 'QRST', :coin, 'c1', '1.5 BTC'), $$VALUES ('covered', true)$$, 'a cover again is a replay');
SELECT throws_ok(format('SELECT cover_obligation(%L, %s, %L, %L)', 'QRST', :coin, 'c2', '0.51 BTC'), 'LG074', NULL, 'what is covered is not covered again');
SELECT cover AS lent FROM cover_obligation('QRST', :coin, 'c1', '1.5 BTC') \gset
SELECT throws_ok(format('SELECT return_cover(%L, %s, %L, %L)', 'QRST', :lent, 'r1', '1 BTC'), 'LG074', NULL, 'the company takes nothing back before the provider has delivered');
SELECT settle_provider('QRST', 'lp1', 'late', amounts => '{0.8 BTC}', at => '2025-06-07 12:00Z') \g /dev/null
SELECT throws_ok(format('SELECT return_cover(%L, %s, %L, %L)', 'QRST', :lent, 'r1', '0.31 BTC'), 'LG074', NULL, 'nor more than what is outstanding no longer needs');
SELECT results_eq(format('SELECT outcome, amount::text, outstanding::text, status FROM return_cover(%L, %s, %L, at => %L)', 'QRST', :lent, 'r1', '2025-06-07 13:00Z'), $$VALUES ('returned', '0.30 BTC', '1.20 BTC', 'COVERED')$$,
	'the company takes back what the provider has delivered since');
SELECT results_eq($$SELECT pg_temp.as_posted('r1')$$, $$VALUES ('Cr CORP DueFrom:CUST 0.30 BTC'), ('Dr CORP Wallet:company 0.30 BTC'), ('Cr CUST Wallet:omnibus 0.30 BTC'), ('Dr CUST DueTo:CORP 0.30 BTC')$$,
	'coin taken back goes the way it came');
SELECT throws_ok($$SELECT return_cover('QRST', 4711, 'r2')$$, 'LG073', NULL, 'an unknown cover is not taken back');

-- bought in
SELECT throws_ok(format('SELECT buy_in_obligation(%L, %s, %L, %L)', 'QRST', :money, '1 USD', 'b1'), 'LG042', NULL, 'money is not bought in');
SELECT throws_ok(format('SELECT buy_in_obligation(%L, %s, %L, %L)', 'QRST', :coin, '1 BTC', 'b1'), 'LG042', NULL, 'a buy-in costs money');
SELECT throws_ok(format('SELECT buy_in_obligation(%L, %s, %L, %L)', 'QRST', :coin, '0 USD', 'b1'), 'LG045', NULL, 'a buy-in costs something');
SELECT throws_ok(format('SELECT buy_in_obligation(%L, %s, %L, %L, %L)', 'QRST', :coin, '1 USD', 'b1', '1.21 BTC'), 'LG074', NULL, 'no more is bought in than is outstanding');
SELECT results_eq(format('SELECT outcome, paid::text, outstanding::text, status FROM buy_in_obligation(%L, %s, %L, %L, at => %L)', 'QRST', :coin, '73800 USD', 'b1', '2025-06-09 12:00Z'),
	$$VALUES ('bought_in', '1.20 BTC', '0.00 BTC', 'SETTLED')$$, 'coin bought elsewhere discharges what the provider owes');
SELECT results_eq($$SELECT pg_temp.as_posted('b1')$$, $$VALUES ('Dr CORP DueTo:CUST 1.20 BTC'), ('Cr CORP LP:net:lp1:W1 1.20 BTC'), ('Dr CUST Wallet:omnibus 1.20 BTC'), ('Cr CUST DueFrom:CORP 1.20 BTC'),
	('Dr CORP LP:receivable:lp1 73800.00 USD'), ('Cr CORP Bank:operating 73800.00 USD')$$, 'its cost is the provider''s debt');
SELECT results_eq(format('SELECT outcome, replayed FROM buy_in_obligation(%L, %s, %L, %L)', 'QRST', :coin, '73800 USD', 'b1'), $$VALUES ('bought_in', true)$$, 'a buy-in again is a replay');
SELECT throws_ok(format('SELECT buy_in_obligation(%L, %s, %L, %L)', 'QRST', :coin, '1 USD', 'b2'), 'LG071', NULL, 'what was delivered is not bought in');
SELECT close_window('QRST', '2025-06-09', '2025-06-10 14:30Z') \g /dev/null
SELECT results_eq($$SELECT settlement_window, payer, amount::text FROM obligations('QRST', true) WHERE counterparty = 'lp1' AND payer = 'lp1'$$, $$VALUES ('W7', 'lp1', '73800.00 USD')$$, 'and is settled with the window that it falls into');
SELECT results_eq($$SELECT provider, outstanding::text, covered::text FROM provider_fails(at => '2025-06-09 15:00Z')$$, $$VALUES ('lp1', '0.00 BTC', '1.20 BTC')$$, 'what the company still covers stays listed');
SELECT is((return_cover('QRST', :lent, 'r2', at => '2025-06-10 15:00Z')).status, 'RETURNED', 'the rest of a cover is taken back after the buy-in');
SELECT throws_ok(format('SELECT return_cover(%L, %s, %L)', 'QRST', :lent, 'r3'), 'LG071', NULL, 'what was taken back is not taken back again');
SELECT is((SELECT bought_in::text FROM settlement_balances('QRST') WHERE asset = 'BTC'), '1.20 BTC', 'the balance with the provider tells what was bought in');
SELECT is((SELECT string_agg(concat_ws(' ', fund, name, balance), ', ' ORDER BY fund, name) FROM balances('QRST') WHERE asset(balance) = 'BTC' AND fund = 'CUST'),
	'CUST Cust:QRST0001 2.00 BTC, CUST DueFrom:CORP 0.00 BTC, CUST DueTo:CORP 0.00 BTC, CUST Wallet:omnibus 2.00 BTC', 'in the end the customers'' coin is in their wallet');

SELECT is_empty('SELECT * FROM check_settlement() UNION ALL SELECT * FROM check_covers()', 'obligations and covers agree with the books');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
ALTER TABLE coin_cover DISABLE TRIGGER ALL;
UPDATE coin_cover SET amount = '1.6 BTC', returned = '1.6 BTC';
UPDATE coin_cover SET amount = '1.6 BTC', returned = '1.5 BTC', status = 'COVERED';
SELECT results_eq('SELECT subject, detail FROM check_covers()', $$VALUES ('coin_cover', '1.60 BTC are lent and 1.50 BTC taken back, the journals come to 0.00 BTC.')$$, 'a cover that its journals do not tell of is found');

SELECT * FROM finish();
ROLLBACK;
