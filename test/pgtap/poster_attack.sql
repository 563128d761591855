-- What a tenant's poster, and a company's clerk alone, could once do to the books, and that each of it is refused.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE ledger_test_poster IN ROLE bakkt_ledger_poster;
CREATE ROLE ledger_test_executor IN ROLE bakkt_ledger_executor;
CREATE ROLE ledger_test_bookkeeper IN ROLE bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
SELECT open_client('QRST', revenue_share_bps => 5000) \g /dev/null
SELECT grant_client_access('QRST', role) FROM unnest('{ledger_test_poster,ledger_test_executor,ledger_test_bookkeeper}'::name[]) AS role \g /dev/null
SELECT open_provider('LP1', 'First Provider') \g /dev/null
SELECT open_customer('QRST', 'QRSTANN1'), open_customer('QRST', 'QRSTBEN1') \g /dev/null
SELECT receive_wire('QRST', '100000.00 USD', 'wire', customer => 'QRSTANN1') \g /dev/null
SELECT post_trade('QRSTANN1', 'BUY', '1 BTC', 'LP1', 'a trade', provider_price => '60000.00 USD/BTC', markup_bps => 50) \g /dev/null
SELECT (open_account('QRST', 'CORP', 'Bank:operating', 'USD')).account, (open_account('QRST', 'FBO', 'Cust:QRSTBEN1:settled', 'USD')).account, (open_account('QRST', 'FBO', 'DueTo:CORP', 'USD')).account,
	(open_account('QRST', 'FBO', 'Suspense:unidentified', 'USD')).account, (open_account('QRST', 'FBO', 'Cust:QRSTBEN1:unsettled', 'USD')).account, (open_account('QRST', 'CUST', 'Cust:QRSTBEN1:encumbered', 'BTC')).account \g /dev/null

-- 'Dr FBO Bank:omnibus 1.00 USD, Cr ...': an entry by the names of accounts
CREATE FUNCTION pg_temp.entry(text) RETURNS journal_entry STABLE LANGUAGE sql AS $$
	SELECT bakkt_ledger.journal_entry(VARIADIC array_agg(bakkt_ledger.line(w[1], bakkt_ledger.account_of('QRST', w[2], w[3], w[5]::bakkt_ledger.asset),
		(w[4] || ' ' || w[5])::bakkt_ledger.amount) ORDER BY n))
	FROM regexp_split_to_table($1, ', ') WITH ORDINALITY AS t(part, n), regexp_split_to_array(part, ' ') AS w $$;
CREATE TEMP TABLE attack (name text, entry journal_entry);
INSERT INTO attack VALUES
	('mint 1,000,000 USD for a customer', pg_temp.entry('Dr FBO Bank:omnibus 1000000.00 USD, Cr FBO Cust:QRSTBEN1:settled 1000000.00 USD')),
	('move another customer''s money', pg_temp.entry('Dr FBO Cust:QRSTANN1:settled 1000.00 USD, Cr FBO Cust:QRSTBEN1:settled 1000.00 USD')),
	('pay the revenue share out', pg_temp.entry('Dr CORP RevShare:payable:QRST 100.00 USD, Cr CORP Bank:operating 100.00 USD')),
	('take the company''s revenue', pg_temp.entry('Dr CORP Revenue:markup 100.00 USD, Cr CORP RevShare:payable:QRST 100.00 USD'));
GRANT SELECT ON attack TO PUBLIC;

-- ---------------------------------------------------------------------------
-- a poster asks; it does not say what happened
-- ---------------------------------------------------------------------------
SET LOCAL ROLE ledger_test_poster;
SELECT throws_ok(format('SELECT post_journal(''QRST'', %L, ''x'')', entry), '42501', NULL, 'a poster does not ' || name) FROM attack;
SELECT throws_ok(format('SELECT post_journals(ARRAY[ROW(''QRST'', %L, ''x'', NULL, NULL, NULL, false)::journal_request])', entry), '42501', NULL,
	'a poster does not ' || name || ' in a batch') FROM attack;
SELECT throws_ok($$SELECT reverse_journal('QRST', (SELECT journal_id FROM journal LIMIT 1), 'x')$$, '42501', NULL,
	'a poster reverses no journal');
SELECT lives_ok($$SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:QRSTANN1:settled', 'USD'), '2000.00 USD', 'hold')$$,
	'a poster places holds on its customers'' money');
SELECT throws_ok(format('SELECT capture_hold(''QRST'', ''hold'', %L, ''x'')', entry), '42501', NULL, 'a poster does not ' || name || ' out of a hold') FROM attack;
SELECT throws_ok(format('SELECT propose_journal(''QRST'', %L, ''x'', ''x'')', entry), '42501', NULL, 'a poster does not propose to ' || name) FROM attack;
SELECT throws_ok($$SELECT post_trade('QRSTBEN1', 'BUY', '1 BTC', 'LP1', 'x', provider_price => '60000.00 USD/BTC', price => '1.00 USD/BTC')$$, '42501', NULL,
	'a poster does not set the price of a trade');
SELECT throws_ok($$SELECT post_trades('{}')$$, '42501', NULL, 'a poster posts no batch of trades');
SELECT throws_ok($$SELECT bust_trade('QRSTANN1', 'a trade', 'x')$$, '42501', NULL, 'a poster busts no trade');
SELECT throws_ok($$SELECT correct_trade('QRSTANN1', 'BUY', '1 BTC', 'LP1', 'x', price => '1.00 USD/BTC', original => 'a trade')$$, '42501', NULL,
	'a poster corrects no trade');
SELECT throws_ok($$SELECT deposit_coin('QRSTBEN1', '500 BTC', 'x')$$, '42501', NULL, 'a poster deposits no coin');
SELECT throws_ok($$SELECT receive_wire('QRST', '1000000.00 USD', 'x', customer => 'QRSTBEN1')$$, '42501', NULL,
	'a poster records no wire');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Bank:omnibus:MINE', 'USD')).account$$, '42501', NULL,
	'a poster opens no bank account');
SELECT throws_ok($$SELECT (open_account('QRST', 'CORP', 'Merchant:payable:MINE', 'USD')).account$$, '42501', NULL,
	'a poster opens no account of the company');
SELECT lives_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRSTBEN1:held', 'USD')).account$$,
	'a poster opens the claims of its customers');
SELECT lives_ok($$SELECT initiate_deposit('QRSTBEN1', '10.00 USD', 'request')$$, 'a poster requests deposits for its customers');
RESET ROLE;

-- ---------------------------------------------------------------------------
-- one clerk of the company does not do it alone either
-- ---------------------------------------------------------------------------
SET LOCAL ROLE ledger_test_bookkeeper;
SELECT throws_ok(format('SELECT post_journal(''QRST'', %L, ''x'')', entry), 'LG068', NULL, 'a bookkeeper does not alone ' || name) FROM attack;
SELECT throws_ok(format('SELECT * FROM post_journals(ARRAY[ROW(''QRST'', %L, %L, NULL, NULL, NULL, false)::journal_request], strict => true)', entry, name), 'LG068', NULL,
	'a bookkeeper does not alone ' || name || ' in a batch') FROM attack;
SELECT throws_ok(format('SELECT capture_hold(''QRST'', ''hold'', %L, ''x'')', entry), 'LG068', NULL, 'a bookkeeper does not alone ' || name || ' out of a hold')
	FROM attack WHERE name LIKE 'move%';
SELECT throws_ok((SELECT format($$SELECT reverse_journal('QRST', %s, 'x')$$, p.journal) FROM postings('QRST') AS p WHERE p.reference LIKE 'funding:%' LIMIT 1), 'LG068', NULL,
	'a bookkeeper does not alone reverse a wire received');
SELECT throws_ok($$SELECT deposit_coin('QRSTBEN1', '500 BTC', 'x')$$, '42501', NULL, 'a bookkeeper deposits no coin');
RESET ROLE;
SET LOCAL ROLE ledger_test_executor;
SELECT throws_ok(format('SELECT post_journal(''QRST'', %L, ''x'')', entry), '42501', NULL, 'an executor does not ' || name) FROM attack;
SELECT throws_ok($$SELECT deposit_coin('QRSTBEN1', '500 BTC', 'x')$$, '42501', NULL, 'an executor deposits no coin');
RESET ROLE;

-- holds: a tenant that bound the company's money would stop its transfers
CREATE TEMP TABLE bound AS
	SELECT account, name FROM account
	WHERE client_id = require_client('QRST') AND (name IN ('DueTo:CORP', 'Suspense:unidentified') OR name LIKE '%:unsettled' OR name LIKE '%:encumbered');
GRANT SELECT ON bound TO PUBLIC;
SET LOCAL ROLE ledger_test_poster;
SELECT throws_ok(format('SELECT authorize_hold(''QRST'', %L, ''1.00 USD'', ''stop'')', account), '42501', NULL, 'a poster places no hold on ' || name) FROM bound;
RESET ROLE;

SET LOCAL ROLE ledger_test_poster;
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRSTANN1:held', 'USD', floor => '1000000000.00 USD')).account$$, '42501', NULL,
	'a poster gives no account a floor that would stop cash calls (TPJ)');
RESET ROLE;

-- two logins of a tenant are not two people of the company
CREATE ROLE ledger_test_approver IN ROLE bakkt_ledger_approver;
SELECT grant_client_access('QRST', 'ledger_test_approver') \g /dev/null
SET LOCAL ROLE ledger_test_approver;
SELECT throws_ok(format('SELECT propose_journal(''QRST'', %L, ''x'', ''x'')', entry), '42501', NULL, 'an approver does not propose to ' || name) FROM attack;
SELECT throws_ok($$SELECT propose_cash_adjustment('QRSTBEN1', '5.00 USD', 'x', 'OTHER_ADJUSTMENT', 'x')$$, '42501', NULL,
	'an approver proposes no cash adjustment');
RESET ROLE;

-- a payable of the futures house has no end: against it one person alone would mint
SELECT (open_account('QRST', 'SEG', 'CCP:fees-payable', 'USD')).account, (open_account('QRST', 'SEG', 'Cust:QRSTBEN1', 'USD')).account \g /dev/null
SELECT pg_temp.entry('Dr SEG CCP:fees-payable 1000000.00 USD, Cr SEG Cust:QRSTBEN1 1000000.00 USD') AS futures \gset
SET LOCAL ROLE ledger_test_bookkeeper;
SELECT throws_ok(format('SELECT post_journal(''QRST'', %L, ''x'')', :'futures'), 'LG068', NULL,
	'a bookkeeper does not alone credit futures money against a payable');
RESET ROLE;

-- a hold while a deposit is returned makes the loss the company's: the money stays until it is made good
SELECT initiate_deposit('QRSTBEN1', '500.00 USD', 'ach', at => now() - interval '30 days'), credit_deposit('QRST', 'ach', at => now() - interval '29 days'), settle_deposits(now(), 'QRST') \g /dev/null
SET LOCAL ROLE ledger_test_poster;
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:QRSTBEN1:settled', 'USD'), '500.00 USD', 'bound') \g /dev/null
RESET ROLE;
SELECT return_deposit('QRST', 'ach', 'R01') \g /dev/null
SET LOCAL ROLE ledger_test_poster;
SELECT release_hold('QRST', 'bound', 'free') \g /dev/null
SELECT throws_ok($$SELECT request_withdrawal('QRSTBEN1', '500.00 USD', 'away')$$, 'LG050', NULL,
	'a withdrawal of money that makes good a returned deposit is refused');
RESET ROLE;

SELECT is_empty('SELECT * FROM verify()', 'verify() finds nothing wrong after the refused attacks');
SELECT is((balance_of(account_of('QRST', 'FBO', 'Cust:QRSTBEN1:settled', 'USD'))).balance, '500.00 USD'::amount,
	'the customer''s claim is what was deposited and no more');
SELECT * FROM finish();
ROLLBACK;
