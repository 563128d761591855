-- The chart of accounts, opening, freezing and closing accounts.
-- Run from the top of the tree: it compares the chart with its documentation.
\set chart `cat doc/chart-of-accounts.md`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/reference_data_event.psql
SELECT no_plan();

SELECT open_client('QRST') \g /dev/null
SELECT open_client('OTHR') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0002') \g /dev/null
SELECT open_customer(client => 'OTHR', customer => 'OTHR0001') \g /dev/null
SELECT open_provider('LP1', 'First Provider') \g /dev/null

-- ---------------------------------------------------------------------------
-- Chart of accounts
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE worked (fund text, name text);
INSERT INTO worked VALUES
	('CORP', 'Bank:operating'), ('CORP', 'Client:obligation:QRST:W1'), ('CORP', 'Client:settlement:QRST'),
	('CORP', 'CustomerDeficit:dave'), ('CORP', 'DueFrom:CUST'), ('CORP', 'DueFrom:FBO'), ('CORP', 'DueTo:CUST'),
	('CORP', 'DueTo:FBO'), ('CORP', 'Equity'), ('CORP', 'Expense:bad-debt'), ('CORP', 'Expense:network-fee'),
	('CORP', 'Issuer:mint-payable'), ('CORP', 'Issuer:redeem-receivable'), ('CORP', 'Issuer:token-receivable'),
	('CORP', 'LP:coin-payable:lp1'), ('CORP', 'LP:coin-payable:lp2'), ('CORP', 'LP:coin-receivable:lp1'),
	('CORP', 'LP:net:lp1:W1'), ('CORP', 'LP:payable:lp1'), ('CORP', 'LP:receivable:lp1'), ('CORP', 'LP:receivable:lp2'),
	('CORP', 'Merchant:payable:cafe'), ('CORP', 'ResidualInterestInFBO'), ('CORP', 'RevShare:payable:XYZZ'),
	('CORP', 'Revenue:markup'), ('CORP', 'Revenue:merchant-fee'), ('CORP', 'Revenue:network-fee'),
	('CORP', 'Revenue:stablecoin-fee'), ('CORP', 'Revenue:trade-fee'), ('CORP', 'TPJ:payable:alice'),
	('CORP', 'TPJ:payable:bob'), ('CORP', 'TPJ:receivable:alice'), ('CORP', 'TPJ:receivable:bob'),
	('CORP', 'TPJ:receivable:carol'), ('CORP', 'Wallet:company'), ('CUST', 'Cust:QRST00001'), ('CUST', 'Cust:QRST00002'),
	('CUST', 'Cust:alice'), ('CUST', 'Cust:bob'), ('CUST', 'Cust:carol'), ('CUST', 'Cust:carol:encumbered'),
	('CUST', 'Cust:erin'), ('CUST', 'Cust:frank'), ('CUST', 'DueFrom:CORP'), ('CUST', 'DueTo:CORP'),
	('CUST', 'InFlight:withdrawal'), ('CUST', 'Wallet:deposit-addresses'), ('CUST', 'Wallet:omnibus'),
	('CUST', 'Wallet:warehouse'), ('FBO', 'Bank:omnibus'), ('FBO', 'Clearing:ACH-in'), ('FBO', 'Clearing:ACH-out'),
	('FBO', 'Cust:alice:settled'), ('FBO', 'Cust:alice:unsettled'), ('FBO', 'Cust:bob:settled'), ('FBO', 'Cust:carol:settled'),
	('FBO', 'Cust:dave:settled'), ('FBO', 'Cust:frank:settled'), ('FBO', 'DueFrom:CORP'), ('FBO', 'DueTo:CORP'),
	('FBO', 'ResidualInterest:company'), ('SEG', 'Bank:segregated'), ('SEG', 'CCP:delivery-payable'),
	('SEG', 'CCP:fees-payable'), ('SEG', 'CCP:variation'), ('SEG', 'Cust:frank')
;
SELECT is_empty($$SELECT fund, name FROM worked WHERE (SELECT count(*) FROM account_kind k WHERE k.fund = worked.fund AND worked.name ~ k.name_pattern) <> 1$$,
	'every account of the worked journals is of exactly one kind');
SELECT is_empty($$SELECT kind FROM account_kind WHERE limited <> (class = 'claim' OR (fund, name_pattern) = ('FBO', '^DueTo:CORP$')) OR (limited AND fund = 'CORP') OR (limited AND normal_side <> 'credit')$$,
	'only customer claims and the company''s money in the FBO account are limited');
SELECT is_empty($$SELECT kind FROM account_kind WHERE NOT (name_pattern LIKE '^%' AND right(name_pattern, 1) = chr(36)) OR first_part IS NULL$$,
	'the name pattern of every account kind is anchored at both ends');
SELECT is_empty($$SELECT mirror FROM account_kind WHERE mirror IS NOT NULL GROUP BY mirror
	HAVING count(*) <> 2 OR count(DISTINCT fund) <> 2 OR count(DISTINCT normal_side) <> 2$$,
	'mirror accounts come in pairs, across two funds, on opposite sides (I7)');
SELECT ok(:'chart' LIKE '%| ' || kind || ' | ' || class || ' | ' || normal_side || ' | %| ' || meaning || ' |%', 'the chart of accounts documents kind ' || kind)
FROM account_kind ORDER BY kind;
SELECT is((SELECT mirror FROM account_kind_of('FBO', 'DueFrom:CORP')), (SELECT mirror FROM account_kind_of('CORP', 'DueTo:FBO')),
	'DueFrom:CORP of fund FBO mirrors DueTo:FBO of fund CORP');
SELECT isnt((SELECT mirror FROM account_kind_of('FBO', 'DueFrom:CORP')), (SELECT mirror FROM account_kind_of('CORP', 'DueFrom:FBO')),
	'DueFrom:CORP of fund FBO does not mirror DueFrom:FBO of fund CORP');
SELECT is((SELECT mirror FROM account_kind_of('FBO', 'ResidualInterest:company')), (SELECT mirror FROM account_kind_of('CORP', 'ResidualInterestInFBO')),
	'the residual interest of fund FBO mirrors that of fund CORP');
SELECT is((account_kind_of('FBO', 'Suspense:unidentified')).class, 'claim', 'money of unknown owners is a claim');
SELECT throws_ok($$SELECT account_kind_of('FBO', 'Cust:QRST0001')$$, 'LG034', NULL,
	'the name of a coin account is refused in fund FBO');
SELECT throws_ok($$SELECT account_kind_of('CUST', 'Cust:QRST0001:settled')$$, 'LG034', NULL,
	'the name of a cash account is refused in fund CUST');
SELECT throws_ok($$SELECT account_kind_of('FBO', 'xCust:QRST0001:settled')$$, 'LG034', NULL,
	'an account name with a prefix is refused');
SELECT throws_ok($$SELECT account_kind_of('FBO', 'Cust:QRST0001:settled:x')$$, 'LG034', NULL,
	'an account name with a suffix is refused');
SELECT throws_ok($$SELECT account_kind_of('FBO', E'Bank:omnibus\nx')$$, 'LG034', NULL,
	'an account name with a second line is refused');
SELECT throws_ok($$SELECT account_kind_of(NULL, NULL)$$, 'LG034', NULL, 'an account without fund and name is refused');

-- ---------------------------------------------------------------------------
-- Opening
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE opened AS SELECT
	(open_account('QRST', 'FBO', 'Cust:QRST0001:settled', 'USD')).account AS claim,
	(open_account('QRST', 'CORP', 'LP:payable:LP1', 'USD')).account AS payable,
	(open_account('QRST', 'CORP', 'Equity', 'USD')).account AS other,
	(open_account('QRST', 'FBO', 'Bank:omnibus', 'USD')).account AS bank;
SELECT is(fund(claim), 'FBO', 'an account number names its fund') FROM opened;
SELECT is((open_account('QRST', 'FBO', 'Cust:QRST0001:settled', 'USD')).account, claim,
	'opening an account again returns the same account') FROM opened;
SELECT is(account_of('QRST', 'FBO', 'Cust:QRST0001:settled', 'USD'), claim, 'an open account is found by its name') FROM opened;
SELECT is(account_of('QRST', 'FBO', 'Cust:QRST0002:settled', 'USD'), NULL::account_id, 'an account never opened is not found');
SELECT isnt((open_account('OTHR', 'FBO', 'Bank:omnibus', 'USD')).account, bank,
	'each client has an omnibus account of its own') FROM opened;
SELECT is((SELECT count(*) FROM account a, opened o WHERE a.account IN (o.claim, o.payable, o.bank) AND a.opened_by = current_user), 3::bigint,
	'an account records who opened it');
SELECT is((SELECT c.customer_code FROM account a JOIN customer c USING (customer_id), opened WHERE a.account = claim), 'QRST0001',
	'a claim belongs to the customer whose code it bears (I24)');
SELECT is((SELECT p.code FROM account a JOIN provider p USING (provider_id), opened WHERE a.account = payable), 'LP1',
	'a payable belongs to the liquidity provider whose code it bears');
SELECT is((SELECT count(*) FROM balance b, opened WHERE b.account = claim), 1::bigint,
	'a claim has a row in the table of balances');
SELECT is((SELECT count(*) FROM balance b, opened WHERE b.account IN (payable, bank)), 0::bigint,
	'house accounts have no row in the table of balances');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRST9999:settled', 'USD')).account$$, 'LG012', NULL,
	'a claim of an unknown customer is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:OTHR0001:settled', 'USD')).account$$, 'LG012', NULL,
	'a claim of another client''s customer is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:alice:settled', 'USD', customer => 'OTHR0001')).account$$, 'LG031', NULL,
	'another client''s customer is refused as the owner of a claim');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRST0002:settled', 'USD', customer => 'QRST0001')).account$$, 'LG031', NULL,
	'an owner other than the customer in the claim''s name is refused');
SELECT lives_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:alice:settled', 'USD', customer => 'QRST0001')).account$$,
	'a claim under a free name is opened for the owner given');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:alice:settled', 'USD', customer => 'QRST0002')).account$$, 'LG020', NULL,
	'a claim reopened with another owner is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Bank:omnibus', 'USD', customer => 'QRST9999')).account$$, 'LG012', NULL,
	'an unknown customer is refused as the owner of an account');
SELECT throws_ok($$SELECT (open_account('QRST', 'CORP', 'Loss', 'USD', customer => 'QRST0001')).account$$, 'LG002', NULL,
	'a customer is refused as the owner of a loss account');
SELECT throws_ok($$SELECT (open_account('QRST', 'CORP', 'LP:payable:LP9', 'USD')).account$$, 'LG014', NULL,
	'an account of an unknown liquidity provider is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'CORP', 'Slush', 'USD')).account$$, 'LG034', NULL,
	'an account name outside the chart is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'POOL', 'Bank:omnibus', 'USD')).account$$, 'LG034', NULL,
	'an account in an unknown fund is refused');
SELECT throws_ok($$SELECT (open_account('NONE', 'FBO', 'Bank:omnibus', 'USD')).account$$, 'LG010', NULL,
	'an account of an unknown client is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Bank:omnibus', 'NONE')).account$$, 'LG040', NULL,
	'an account in an unknown asset is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Bank:omnibus', NULL)).account$$, 'LG040', NULL,
	'an account without an asset is refused');
SELECT retire_asset('GBP', reason => 'test') \g /dev/null
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Bank:omnibus', 'GBP')).account$$, 'LG041', NULL,
	'an account in a retired asset is refused');

SELECT lives_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRST0002:settled', 'USD', floor => '25.00 USD')).account$$, 'a claim may have a floor');
SELECT is((SELECT floor::text FROM balance WHERE account = account_of('QRST', 'FBO', 'Cust:QRST0002:settled', 'USD')), '25.00 USD',
	'the floor of a claim stands in its balance, where posting sees it');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRST0002:settled', 'USD', floor => '26.00 USD')).account$$, 'LG020', NULL,
	'a claim reopened with another floor is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Bank:omnibus', 'EUR', floor => '26.00 EUR')).account$$, 'LG002', NULL,
	'a floor is refused for a house account');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRST0002:held', 'USD', floor => '26.00 EUR')).account$$, 'LG042', NULL,
	'a floor in another asset is refused');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRST0002:held', 'USD', floor => '-1.00 USD')).account$$, 'LG045', NULL,
	'a floor below zero is refused, since a claim never goes debit (I5)');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Cust:QRST0002:held', 'USD', floor => '1.001 USD')).account$$, 'LG043', NULL,
	'a floor with three decimals of USD is refused');

SELECT is(ensure_account(require_client('QRST'), 'CORP', 'LP:payable:LP1', 'USD'), payable,
	'ensure_account() returns an account that is already open') FROM opened;
SELECT is(ensure_account(require_client('QRST'), 'CUST', 'Cust:QRST0001', 'BTC', (SELECT customer_id FROM customer WHERE customer_code = 'QRST0001')),
	ensure_account(require_client('QRST'), 'CUST', 'Cust:QRST0001', 'BTC'), 'ensure_account() opens a missing account once');
SELECT throws_ok($$SELECT ensure_account(require_client('QRST'), 'CORP', 'Slush', 'USD')$$, 'LG034', NULL,
	'ensure_account() opens no account outside the chart');

SELECT throws_ok($$DELETE FROM account$$, 'LG066', NULL, 'accounts are never deleted');
SELECT throws_ok($$UPDATE account SET name = 'Loss'$$, 'LG066', NULL, 'an account is never renamed');
SELECT throws_ok($$UPDATE account SET customer_id = NULL$$, 'LG066', NULL, 'an account is never given to another owner');

-- ---------------------------------------------------------------------------
-- Freezing and closing
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.post(reference text, debit account_id, credit account_id, value text) RETURNS journal_result LANGUAGE sql AS
	$$ SELECT load_journal('QRST', format('{Dr %s %s; Cr %s %s}', debit, value, credit, value)::journal_entry, reference) $$;
SELECT lives_ok($$SELECT pg_temp.post('deposit', bank, claim, '100.00 USD') FROM opened$$, 'a deposit is posted to a claim');

SELECT throws_ok($$SELECT freeze_account(claim, 'both', reason => 'order 1') FROM opened$$, 'LG002', NULL,
	'freezing an unknown side of an account is refused');
SELECT throws_ok($$SELECT freeze_account(claim, 'debit', reason => '') FROM opened$$, 'LG002', NULL,
	'freezing an account without a reason is refused');
SELECT throws_ok($$SELECT freeze_account('FBO:999999', 'debit', reason => 'order 1')$$, 'LG030', NULL,
	'freezing an unknown account is refused');
SELECT lives_ok($$SELECT freeze_account(claim, 'debit', 'order-1', 'order 1') FROM opened$$,
	'a claim can be frozen on its debit side');
SELECT throws_ok($$SELECT pg_temp.post('spend', claim, bank, '1.00 USD') FROM opened$$, 'LG033', NULL,
	'a claim frozen for debits cannot be spent');
SELECT lives_ok($$SELECT pg_temp.post('more', bank, claim, '1.00 USD') FROM opened$$,
	'a claim frozen for debits still receives money');
SELECT lives_ok($$SELECT unfreeze_account(claim, 'order-1-lifted', 'order 1 lifted') FROM opened$$,
	'the freeze of a claim can be lifted');
SELECT lives_ok($$SELECT freeze_account(claim, 'debit', 'order-1', 'order 1') FROM opened$$,
	'a freeze repeated under its reference is no error');
SELECT is((SELECT a.status FROM account a, opened WHERE a.account = claim), 'OPEN',
	'a freeze repeated after it was lifted freezes nothing');
SELECT lives_ok($$SELECT pg_temp.post('spend 2', claim, bank, '1.00 USD') FROM opened$$,
	'a claim can be spent once its freeze is lifted');
SELECT throws_ok($$SELECT freeze_account(bank, 'debit', 'order-1', 'order 1') FROM opened$$, 'LG020', NULL,
	'the reference of a freeze is refused for another account');
SELECT is((SELECT count(*) FROM change_log l, opened WHERE l.object_kind = 'account' AND l.object_key = claim::text AND l.reason LIKE 'order 1%'), 2::bigint,
	'a freeze and its lifting are each in the change log');

SELECT lives_ok($$SELECT freeze_account(bank, 'credit', reason => 'bank closed') FROM opened$$,
	'a house account can be frozen on its credit side');
SELECT throws_ok($$SELECT pg_temp.post('spend 3', claim, bank, '1.00 USD') FROM opened$$, 'LG033', NULL,
	'a bank account frozen for credits pays nothing out');
SELECT lives_ok($$SELECT unfreeze_account(bank, reason => 'open again') FROM opened$$, 'the freeze of a house account can be lifted');
SELECT lives_ok($$SELECT pg_temp.post('spend 4', claim, bank, '1.00 USD') FROM opened$$,
	'a bank account pays out once its freeze is lifted');

SELECT throws_ok($$SELECT close_account(claim, reason => 'leaving') FROM opened$$, 'LG035', NULL, 'a claim with money is not closed');
SELECT throws_ok($$SELECT close_account(bank, reason => 'leaving') FROM opened$$, 'LG035', NULL,
	'a house account with money is not closed');
SELECT throws_ok($$SELECT close_client('QRST', reason => 'leaving')$$, 'LG035', NULL, 'a client with money is not closed');
SELECT lives_ok($$SELECT pg_temp.post('all', claim, bank, '99.00 USD') FROM opened$$, 'a claim can be paid out to its last cent');
SELECT lives_ok($$SELECT close_account(claim, reason => 'leaving') FROM opened$$, 'an empty claim is closed');
SELECT lives_ok($$SELECT close_account(claim, reason => 'leaving') FROM opened$$, 'closing a closed account again is no error');
SELECT lives_ok($$SELECT close_account(payable, reason => 'unused') FROM opened$$, 'an empty house account is closed');
SELECT throws_ok($$SELECT unfreeze_account(claim, reason => 'back') FROM opened$$, 'LG032', NULL, 'a closed account is never reopened');
SELECT throws_ok($$SELECT pg_temp.post('late', bank, claim, '1.00 USD') FROM opened$$, 'LG032', NULL, 'nothing is posted to a closed claim');
SELECT throws_ok($$SELECT pg_temp.post('late 2', payable, other, '1.00 USD') FROM opened$$, 'LG032', NULL,
	'nothing is posted to a closed house account');

SELECT throws_ok($$SELECT close_client('QRST', reason => 'contract ended')$$, 'LG035', NULL, 'an empty client with customers is not closed');
SELECT close_customer(customer) FROM customers('QRST') \g /dev/null
SELECT lives_ok($$SELECT close_client('QRST', reason => 'contract ended')$$, 'an empty client is closed');
SELECT lives_ok($$SELECT close_client('QRST', reason => 'contract ended')$$, 'closing a closed client again is no error');
SELECT throws_ok($$SELECT load_journal('QRST', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}', 'late 3')$$, 'LG011', NULL, 'nothing is posted for a closed client');
SELECT throws_ok($$SELECT (open_account('QRST', 'FBO', 'Bank:omnibus', 'EUR')).account$$, 'LG011', NULL,
	'no account is opened for a closed client');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST0009')$$, 'LG011', NULL,
	'no customer is opened for a closed client');
SELECT throws_ok($$SELECT change_client('QRST', revenue_share_bps => 1)$$, 'LG011', NULL,
	'the terms of a closed client are not changed');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
