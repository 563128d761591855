-- Coin deposits, and what providers deliver and are paid.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('QRST'), open_client('XYZZ') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001'), open_customer(client => 'XYZZ', customer => 'XYZZ0001') \g /dev/null
SELECT open_provider('lp1', 'One'), open_provider('lp2', 'Two') \g /dev/null

CREATE FUNCTION pg_temp.lines_of(reference text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s %s', CASE WHEN sign(p.amount) < 0 THEN 'Cr' ELSE 'Dr' END, p.fund, p.name, abs(p.amount)) ORDER BY p.line)
	  FROM posting p WHERE p.reference = lines_of.reference $$;

-- ---------------------------------------------------------------------------
-- Coin deposits
-- ---------------------------------------------------------------------------
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, deposited, position_after) FROM deposit_coin('QRST0001', '0.25 BTC', reference => 'J08a')), 'posted f 0.25 BTC 0.25 BTC',
	'the caller of a coin deposit is told its quantity and the position');
SELECT is(pg_temp.lines_of('J08a'), ARRAY['Dr CUST Wallet:deposit-addresses 0.25 BTC', 'Cr CUST Cust:QRST0001 0.25 BTC'],
	'a coin deposit on chain posts journal J08a');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, deposited, position_after) FROM deposit_coin('QRST0001', '0.25 BTC', reference => 'J08a')), 'posted t 0.25 BTC ',
	'a coin deposit submitted again returns the original outcome');
SELECT throws_ok($$ SELECT deposit_coin('QRST0001', '0.26 BTC', reference => 'J08a') $$, 'LG020', NULL,
	'a deposit''s reference with another quantity is a conflict');
SELECT throws_ok($$ SELECT deposit_coin('QRST0001', '0.25 BTC', reference => 'J08a', wallet => 'omnibus') $$, 'LG020', NULL,
	'a deposit''s reference with another wallet is a conflict');
SELECT is((SELECT position_after FROM deposit_coin('QRST0001', '0.05 BTC', reference => 'J07b', wallet => 'omnibus')), '0.30 BTC'::amount,
	'a second deposit adds to the position');
SELECT is(pg_temp.lines_of('J07b'), ARRAY['Dr CUST Wallet:omnibus 0.05 BTC', 'Cr CUST Cust:QRST0001 0.05 BTC'],
	'a coin deposit by transfer posts journal J07b');
SELECT is((SELECT position_after FROM deposit_coin('QRST0001', '10.5 USDC', reference => 'usdc', wallet => 'sub-custodian:vault')), '10.5 USDC'::amount,
	'a stablecoin can be deposited at a sub-custodian');
SELECT is((SELECT position_after FROM deposit_coin('QRST0001', '0.000000000000000001 ETH', reference => 'wei')), '0.000000000000000001 ETH'::amount,
	'a deposit of the smallest unit of a coin is exact');
SELECT is((SELECT effective_at FROM journal WHERE reference = 'wei'), (SELECT recorded_at FROM journal WHERE reference = 'wei'),
	'a deposit is by default effective when it is recorded');
SELECT deposit_coin('QRST0001', '1 BTC', 'chain', description => 'block 7', at => '2026-11-20 10:00Z') \g /dev/null
SELECT is((SELECT format('%s %s', effective_at = '2026-11-20 10:00Z', description) FROM journal WHERE reference = 'chain'), 't block 7',
	'a deposit keeps the effective time and description of its caller');
SELECT throws_ok(format('SELECT deposit_coin(%s)', arguments), code, NULL,
	'a coin deposit is refused with ' || code || ' for ' || arguments)
  FROM (VALUES ('NULL, ''1 BTC'', ''r''', 'LG012'), ('''NOBODY01'', ''1 BTC'', ''r''', 'LG012'), ('''QRST0001'', NULL, ''r''', 'LG002'), ('''QRST0001'', ''1 BTC'', NULL', 'LG002'),
			   ('''QRST0001'', ''1 BTC'', ''r'', NULL', 'LG002'), ('''QRST0001'', ''0 BTC'', ''r''', 'LG045'), ('''QRST0001'', ''-1 BTC'', ''r''', 'LG045'), ('''QRST0001'', ''1 USD'', ''r''', 'LG042'),
			   ('''QRST0001'', ''1 NOPE'', ''r''', 'LG040'), ('''QRST0001'', ''0.000000001 BTC'', ''r''', 'LG043'), ('''QRST0001'', ''1 BTC'', ''r'', ''pocket''', 'LG034'),
			   ('''QRST0001'', ''1 BTC'', ''r'', at => ''infinity''', 'LG061')) AS refusal(arguments, code);

-- ---------------------------------------------------------------------------
-- Providers
-- ---------------------------------------------------------------------------
SELECT post_trade('XYZZ0001', 'BUY', '0.1 BTC', 'lp1', 'J02a', '60000 USD/BTC', markup_bps => 50) \g /dev/null
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, coin_received, money_paid) FROM record_provider_settlement('XYZZ', 'lp1', '0.1 BTC', '6000 USD', 'J02d')), 'posted f 0.10 BTC 6000.00 USD',
	'the caller of a provider settlement is told coin received and money paid');
SELECT is(pg_temp.lines_of('J02d'), ARRAY['Dr CUST Wallet:omnibus 0.10 BTC', 'Cr CUST DueFrom:CORP 0.10 BTC', 'Dr CORP DueTo:CUST 0.10 BTC', 'Cr CORP LP:coin-receivable:lp1 0.10 BTC',
	'Dr CORP LP:payable:lp1 6000.00 USD', 'Cr CORP Bank:operating 6000.00 USD'],
	'a provider''s delivery and payment post journal J02d');
SELECT record_provider_settlement('XYZZ', 'lp1', '0.5 BTC', '30000 USD', 'J03d') \g /dev/null
SELECT is(pg_temp.lines_of('J03d'), ARRAY['Dr CUST Wallet:omnibus 0.50 BTC', 'Cr CUST DueFrom:CORP 0.50 BTC', 'Dr CORP DueTo:CUST 0.50 BTC', 'Cr CORP LP:coin-receivable:lp1 0.50 BTC',
	'Dr CORP LP:payable:lp1 30000.00 USD', 'Cr CORP Bank:operating 30000.00 USD'],
	'a provider''s second delivery and payment post journal J03d');
SELECT record_provider_settlement('XYZZ', 'lp2', '-0.04 BTC', '-2440 USD', 'J04b') \g /dev/null
SELECT is(pg_temp.lines_of('J04b'), ARRAY['Dr CUST DueTo:CORP 0.04 BTC', 'Cr CUST Wallet:omnibus 0.04 BTC', 'Dr CORP LP:coin-payable:lp2 0.04 BTC', 'Cr CORP DueFrom:CUST 0.04 BTC',
	'Dr CORP Bank:operating 2440.00 USD', 'Cr CORP LP:receivable:lp2 2440.00 USD'],
	'coin sold to a provider and its payment post the provider''s part of J04b');
SELECT is((SELECT replayed FROM record_provider_settlement('XYZZ', 'lp2', '-0.04 BTC', '-2440 USD', 'J04b')), true,
	'a provider settlement submitted again is a replay');
SELECT throws_ok($$ SELECT record_provider_settlement('XYZZ', 'lp2', '-0.04 BTC', '-2441 USD', 'J04b') $$, 'LG020', NULL,
	'a settlement''s reference with another amount is a conflict');
SELECT record_provider_settlement('XYZZ', 'lp1', '1 BTC', NULL, 'coin only'), record_provider_settlement('XYZZ', 'lp1', NULL, '1 USD', 'money only'), record_provider_settlement('XYZZ', 'lp1', '0 BTC', '1 USDC', 'stablecoin') \g /dev/null
SELECT is(array_length(pg_temp.lines_of('coin only'), 1), 4, 'a settlement of coin without money posts four lines');
SELECT is(pg_temp.lines_of('money only'), ARRAY['Dr CORP LP:payable:lp1 1.00 USD', 'Cr CORP Bank:operating 1.00 USD'],
	'a settlement of money without coin posts two lines');
SELECT is((pg_temp.lines_of('stablecoin'))[1], 'Dr CORP LP:payable:lp1 1.00 USDC', 'a provider can be paid in a stablecoin');
SELECT is((SELECT balance FROM balances('XYZZ') WHERE name = 'LP:payable:lp1' AND asset(balance) = 'USD'), '-30001 USD'::amount,
	'money paid ahead of executions leaves the provider in debit');
SELECT throws_ok(format('SELECT record_provider_settlement(%s)', arguments), code, NULL,
	'a provider settlement is refused with ' || code || ' for ' || arguments)
  FROM (VALUES ('''NONE'', ''lp1'', ''1 BTC'', ''1 USD'', ''r''', 'LG010'), ('''XYZZ'', ''lp9'', ''1 BTC'', ''1 USD'', ''r''', 'LG014'), ('''XYZZ'', NULL, ''1 BTC'', ''1 USD'', ''r''', 'LG002'),
			   ('''XYZZ'', ''lp1'', NULL, NULL, ''r''', 'LG002'), ('''XYZZ'', ''lp1'', ''0 BTC'', ''0 USD'', ''r''', 'LG002'), ('''XYZZ'', ''lp1'', ''1 BTC'', ''1 USD'', NULL', 'LG002'),
			   ('''XYZZ'', ''lp1'', ''1 USD'', NULL, ''r''', 'LG042'), ('''XYZZ'', ''lp1'', NULL, ''1 BTC'', ''r''', 'LG042'), ('''XYZZ'', ''lp1'', ''1 NOPE'', NULL, ''r''', 'LG040'),
			   ('''XYZZ'', ''lp1'', NULL, ''0.001 USD'', ''r''', 'LG043')) AS refusal(arguments, code);

SELECT is_empty('SELECT client, fund, asset FROM trial_balance() GROUP BY 1, 2, 3 HAVING sum(debit) <> sum(credit)',
	'debits equal credits per client, fund and asset');
SELECT * FROM finish();
ROLLBACK;
