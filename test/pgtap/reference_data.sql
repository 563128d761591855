-- Clients, customers, counterparties, assets, instruments: opened and changed
-- by functions that check, repeat without harm, and leave a trail.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SELECT no_plan();

-- ---------------------------------------------------------------------------
-- Shipped assets
-- ---------------------------------------------------------------------------
SELECT is((SELECT count(*) FROM supported_asset), 0::bigint, 'an empty ledger has no assets: a dump restores into empty tables');
SELECT lives_ok($$SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000)$$, 'the first client is opened');
SELECT results_eq($$SELECT asset::text, scale FROM supported_asset WHERE asset IN ('USD', 'JPY', 'BTC', 'ETH', 'USDC', 'SOL', 'XLM') ORDER BY 1$$,
	$$VALUES ('BTC', 8), ('ETH', 18), ('JPY', 0), ('SOL', 9), ('USD', 2), ('USDC', 6), ('XLM', 7)$$, 'with it come the shipped assets');
SELECT results_eq($$SELECT symbol, price_increment::text, quantity_increment::text, minimum_notional::text FROM instrument WHERE symbol IN ('BTCUSD', 'XLMUSD') ORDER BY 1$$,
	$$VALUES ('BTCUSD', '0.01 USD/BTC', '0.00000001 BTC', '1.00 USD'), ('XLMUSD', '0.0001 USD/XLM', '0.0000001 XLM', '1.00 USD')$$, 'and instruments');
SELECT is((SELECT count(*) FROM instrument i WHERE base(i.price_increment) <> i.base OR quote(i.price_increment) <> i.quote), 0::bigint,
	'shipped price increments are in quote per base');

-- ---------------------------------------------------------------------------
-- Clients
-- ---------------------------------------------------------------------------
SELECT is(open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000),
		  (SELECT client_id FROM client WHERE code = 'QRST'), 'the same client again is the same client');
SELECT is((SELECT count(*) FROM change_log WHERE object_kind = 'client'), 1::bigint, 'and no second change');
SELECT throws_ok($$SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4001)$$, 'LG020',
	'client "QRST" was given before with another revenue_share_bps', 'other content is refused and the field named');
SELECT throws_ok($$SELECT open_client(NULL)$$, 'LG002', NULL, 'no code');
SELECT throws_ok($$SELECT open_client('toolongcode')$$, 'LG002', NULL, 'malformed code');
SELECT throws_ok($$SELECT open_client('ABC', funding_model => 'CREDIT')$$, 'LG002', NULL, 'unknown funding model');
SELECT throws_ok($$SELECT open_client('ABC', funding_model => NULL)$$, 'LG002', NULL, 'missing funding model');
SELECT throws_ok($$SELECT open_client('ABC', commission_model => 'GIFT')$$, 'LG002', NULL, 'unknown commission model');
SELECT throws_ok($$SELECT open_client('ABC', revenue_share_bps => 10001)$$, 'LG002', NULL, 'more than all of the revenue');
SELECT throws_ok($$SELECT open_client('ABC', revenue_share_bps => -1)$$, 'LG002', NULL, 'a negative share');
SELECT throws_ok($$SELECT open_client('ABC', zone => 'CST')$$, 'LG002', NULL, 'an abbreviation knows no daylight saving');
SELECT throws_ok($$SELECT open_client('ABC', zone => 'America/Gotham')$$, 'LG002', NULL, 'unknown zone');
SELECT throws_ok($$SELECT open_client('ABC', cut_time => '24:00')$$, 'LG002', NULL, 'no such time of day');
SELECT throws_ok($$SELECT open_client('ABC', sign_convention => 'EITHER')$$, 'LG002', NULL, 'unknown sign convention');
SELECT is((SELECT count(*) FROM client), 1::bigint, 'a refused client leaves nothing');
SELECT results_eq($$SELECT cut_time, zone, commission_model, status FROM client WHERE code = 'QRST'$$,
	$$VALUES ('09:00'::time, 'America/Chicago', 'BOTH', 'open')$$, 'defaults of a client');
SELECT open_client('TIME', opened_at => '2026-03-01 15:00Z') \g /dev/null
SELECT is((SELECT opened_at FROM client WHERE code = 'TIME'), '2026-03-01 15:00Z', 'the time of opening is the caller''s');

SELECT lives_ok($$SELECT change_client('QRST', revenue_share_bps => 3500, reason => 'new contract', reference => 'contract-2')$$, 'terms change');
SELECT lives_ok($$SELECT change_client('QRST', revenue_share_bps => 3500, reason => 'new contract', reference => 'contract-2')$$, 'the same change again');
SELECT results_eq($$SELECT before->>'revenue_share_bps', after->>'revenue_share_bps', reason, changed_by::text FROM change_log
	WHERE object_kind = 'client' AND object_key = 'QRST' AND before IS NOT NULL$$,
	$$VALUES ('4000', '3500', 'new contract', current_user::text)$$, 'is on record once: before, after, why, who');
SELECT throws_ok($$SELECT change_client('QRST', revenue_share_bps => 3600, reference => 'contract-2')$$, 'LG020', NULL, 'a reference has one content');
SELECT throws_ok($$SELECT change_client('TIME', revenue_share_bps => 3500, reference => 'contract-2')$$, 'LG020', NULL, 'and one client');
SELECT throws_ok($$SELECT change_client('NONE', revenue_share_bps => 1)$$, 'LG010', NULL, 'unknown client');
SELECT throws_ok($$SELECT change_client('QRST', revenue_share_bps => 10001)$$, 'LG002', NULL, 'changes are checked');
SELECT lives_ok($$SELECT change_client('QRST', revenue_share_bps => 3500)$$, 'a change that changes nothing');
SELECT is((SELECT count(*) FROM change_log WHERE object_kind = 'client' AND object_key = 'QRST'), 2::bigint, 'is not recorded');
SELECT lives_ok($$SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000)$$,
	'repeating the opening after a change compares with the opening');
SELECT throws_ok($$SELECT require_client('NONE')$$, 'LG010', NULL, 'require_client: unknown');
SELECT throws_ok($$SELECT require_client(NULL)$$, 'LG010', NULL, 'require_client: NULL');

-- ---------------------------------------------------------------------------
-- Customers
-- ---------------------------------------------------------------------------
SELECT is(open_customer('QRST0001', client => 'QRST'), open_customer('QRST0001', client => 'QRST'), 'a customer, twice the same');
SELECT throws_ok($$SELECT open_customer('QRST0001', client => 'TIME')$$, 'LG020', NULL, 'an account code has one client');
SELECT throws_ok($$SELECT open_customer('QRST0001', client => 'QRST', account_type => 'ENTITY')$$, 'LG020', NULL, 'and one content');
SELECT throws_ok($$SELECT open_customer('QRST001', client => 'QRST')$$, 'LG002', NULL, 'seven characters');
SELECT throws_ok($$SELECT open_customer('QRST00012', client => 'QRST')$$, 'LG002', NULL, 'nine characters');
SELECT throws_ok($$SELECT open_customer('qrst0001', client => 'QRST')$$, 'LG002', NULL, 'small letters');
SELECT throws_ok($$SELECT open_customer(NULL, client => 'QRST')$$, 'LG002', NULL, 'no code');
SELECT throws_ok($$SELECT open_customer('QRST0002', client => 'NONE')$$, 'LG010', NULL, 'unknown client');
SELECT throws_ok($$SELECT open_customer('QRST0002', client => 'QRST', account_type => 'PET')$$, 'LG002', NULL, 'unknown type');
SELECT throws_ok($$SELECT open_customer('QRST0002', client => 'QRST', funding_model => 'CREDIT')$$, 'LG002', NULL, 'unknown funding model');
SELECT lives_ok($$SELECT open_customer('QRST0002', client => 'QRST', party_reference => 'person-2')$$, 'with the client''s own identifier');
SELECT throws_ok($$SELECT open_customer('QRST0003', client => 'QRST', party_reference => 'person-2')$$, 'LG020', NULL, 'which is unique in the client');
SELECT lives_ok($$SELECT open_customer('TIME0001', client => 'TIME', party_reference => 'person-2')$$, 'but not beyond');

SELECT is(open_customers('QRST', ARRAY(SELECT 'B' || lpad(n::text, 7, '0') FROM generate_series(1, 3000) n)), 3000::bigint, 'thousands at once');
SELECT is(open_customers('QRST', ARRAY(SELECT 'B' || lpad(n::text, 7, '0') FROM generate_series(2, 3001) n)), 1::bigint, 'those known are passed over');
SELECT is(open_customers('QRST', ARRAY['B0004000', 'B0004000']), 1::bigint, 'a code twice is one customer');
SELECT is(open_customers('QRST', '{}'), 0::bigint, 'none');
SELECT is((SELECT count(*) FROM change_log WHERE object_kind = 'customer' AND object_key LIKE 'B%'), 3002::bigint, 'each opening is on record');
SELECT throws_ok($$SELECT open_customers('QRST', ARRAY['B0005000', NULL])$$, 'LG002', NULL, 'a NULL among them');
SELECT throws_ok($$SELECT open_customers('QRST', ARRAY['B0005000', 'b'])$$, 'LG002', NULL, 'a malformed code among them');
SELECT throws_ok($$SELECT open_customers('TIME', ARRAY['B0005000', 'B0000001'])$$, 'LG020', NULL, 'another client''s among them');
SELECT is((SELECT count(*) FROM customer WHERE account_code = 'B0005000'), 0::bigint, 'and none is opened');

SELECT lives_ok($$SELECT change_customer('QRST0001', mode => 'CLOSING_ONLY', party_status => 'LIQUIDATED', funding_model => 'NO_SETTLEMENT', reason => 'margin', reference => 'c-1')$$,
	'mode, status and override change');
SELECT results_eq($$SELECT mode, party_status, funding_model FROM customer WHERE account_code = 'QRST0001'$$,
	$$VALUES ('CLOSING_ONLY', 'LIQUIDATED', 'NO_SETTLEMENT')$$, 'all three');
SELECT lives_ok($$SELECT change_customer('QRST0001', funding_model => 'CLIENT')$$, 'the override goes');
SELECT is((SELECT funding_model FROM customer WHERE account_code = 'QRST0001'), NULL, 'and the client''s model holds again');
SELECT throws_ok($$SELECT change_customer('QRST0001', mode => 'ASLEEP')$$, 'LG002', NULL, 'unknown mode');
SELECT throws_ok($$SELECT change_customer('QRST0001', party_status => 'GONE')$$, 'LG002', NULL, 'unknown status');
SELECT throws_ok($$SELECT change_customer('QRST9999', mode => 'OPEN')$$, 'LG012', NULL, 'unknown customer');
SELECT throws_ok($$SELECT change_customer('QRST0001', mode => 'OPEN', reference => 'c-1')$$, 'LG020', NULL, 'a reference has one content');

-- ---------------------------------------------------------------------------
-- Counterparties
-- ---------------------------------------------------------------------------
SELECT is(open_liquidity_provider('LP1', 'First Provider'), open_liquidity_provider('LP1', 'First Provider'), 'a liquidity provider, twice the same');
SELECT throws_ok($$SELECT open_liquidity_provider('LP1', 'Second Provider')$$, 'LG020', NULL, 'with one name');
SELECT throws_ok($$SELECT open_liquidity_provider('LP:1', 'First')$$, 'LG002', NULL, 'a colon would break account names');
SELECT throws_ok($$SELECT open_liquidity_provider('LP2', '')$$, 'LG002', NULL, 'no name');
SELECT lives_ok($$SELECT change_liquidity_provider('LP1', status => 'suspended', reason => 'stale quotes')$$, 'suspended');
SELECT throws_ok($$SELECT change_liquidity_provider('LP9', status => 'suspended')$$, 'LG014', NULL, 'unknown provider');
SELECT throws_ok($$SELECT change_liquidity_provider('LP1', status => 'tired')$$, 'LG002', NULL, 'unknown status');

SELECT is(open_bank_account('MAIN', 'FBO', 'First Bank', last_four => '1234'), open_bank_account('MAIN', 'FBO', 'First Bank', last_four => '1234'),
	'a bank account, twice the same');
SELECT is((SELECT ledger_name FROM bank_account WHERE code = 'MAIN'), 'Bank:omnibus', 'with its control account');
SELECT throws_ok($$SELECT open_bank_account('MAIN', 'FBO', 'Other Bank', last_four => '1234')$$, 'LG020', NULL, 'other content');
SELECT throws_ok($$SELECT open_bank_account('B', 'SAVINGS', 'First Bank')$$, 'LG002', NULL, 'unknown kind');
SELECT throws_ok($$SELECT open_bank_account('B', 'FBO', 'First Bank', ledger_name => 'Bank:operating')$$, 'LG034', NULL, 'the company''s account is not in fund FBO');
SELECT throws_ok($$SELECT open_bank_account('B', 'FBO', 'First Bank', ledger_name => 'Clearing:ACH-in')$$, 'LG002', NULL, 'not a control account');
SELECT throws_ok($$SELECT open_bank_account('B', 'FBO', 'First Bank', last_four => '123456789')$$, 'LG002', NULL, 'never the whole number');
SELECT throws_ok($$SELECT open_bank_account('B', 'FBO', 'First Bank', currency => 'NONE')$$, 'LG040', NULL, 'unknown currency');
SELECT throws_ok($$SELECT close_bank_account('B')$$, 'LG016', NULL, 'unknown bank account');
SELECT lives_ok($$SELECT close_bank_account('MAIN', reason => 'moved')$$, 'closed');

-- ---------------------------------------------------------------------------
-- Assets and instruments
-- ---------------------------------------------------------------------------
SELECT is(register_asset('ACME', 'COIN', 3), register_asset('ACME', 'COIN', 3), 'an asset, twice the same');
SELECT is(register_asset('BTC', 'COIN', 8), 'BTC'::asset, 'a shipped asset registered with the same content');
SELECT throws_ok($$SELECT register_asset('ACME', 'COIN', 4)$$, 'LG020', NULL, 'decimals never change');
SELECT throws_ok($$SELECT register_asset('BTC', 'FIAT', 8)$$, 'LG020', NULL, 'nor does the kind');
SELECT throws_ok($$SELECT register_asset('NEW', 'COIN', 19)$$, 'LG002', NULL, 'more than 18 decimals');
SELECT throws_ok($$SELECT register_asset('NEW', 'COIN', -1)$$, 'LG002', NULL, 'fewer than none');
SELECT throws_ok($$SELECT register_asset('NEW', 'STONE', 1)$$, 'LG002', NULL, 'unknown kind');
SELECT throws_ok($$SELECT register_asset(NULL, 'COIN', 1)$$, 'LG002', NULL, 'no asset');
SELECT lives_ok($$SELECT retire_asset('ACME', 'delisted')$$, 'retired');
SELECT throws_ok($$SELECT require_asset('ACME')$$, 'LG041', NULL, 'a retired asset is refused');
SELECT lives_ok($$SELECT reinstate_asset('ACME', 'by mistake')$$, 'reinstated');
SELECT lives_ok($$SELECT require_asset('ACME')$$, 'and is back');
SELECT is((SELECT count(*) FROM change_log WHERE object_kind = 'asset' AND object_key = 'ACME'), 3::bigint, 'all on record');
SELECT throws_ok($$SELECT retire_asset('NONE')$$, 'LG040', NULL, 'unknown asset');
SELECT throws_ok($$SELECT require_asset(NULL)$$, 'LG040', NULL, 'NULL is unknown');

SELECT is(open_instrument('ACMEUSD', 'ACME', 'USD', '0.05 USD/ACME', '0.01 ACME'), open_instrument('ACMEUSD', 'ACME', 'USD', '0.05 USD/ACME', '0.01 ACME'),
	'an instrument, twice the same');
SELECT results_eq($$SELECT minimum_quantity::text, minimum_notional::text FROM instrument WHERE symbol = 'ACMEUSD'$$, $$VALUES ('0.01 ACME', '1.00 USD')$$, 'its minimums');
SELECT throws_ok($$SELECT open_instrument('ACMEUSD', 'ACME', 'USD', '0.01 USD/ACME', '0.01 ACME')$$, 'LG020', NULL, 'other content');
SELECT throws_ok($$SELECT open_instrument('ACME2', 'ACME', 'USD', '0.05 USD/ACME', '0.01 ACME')$$, 'LG020', NULL, 'a pair has one symbol');
SELECT throws_ok($$SELECT open_instrument('X', 'ACME', 'EUR', '0.05 EUR/ACME', '0.01 ACME')$$, 'LG002', NULL, 'malformed symbol');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0.05 USD/ACME', '0.01 ACME')$$, 'LG042', NULL, 'price in another quote');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0.05 EUR/ACME', '0.01 BTC')$$, 'LG042', NULL, 'step in another asset');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0 EUR/ACME', '0.01 ACME')$$, 'LG045', NULL, 'zero price increment');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0.05 EUR/ACME', '-0.01 ACME')$$, 'LG045', NULL, 'negative step');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0.05 EUR/ACME', '0.0001 ACME')$$, 'LG043', NULL, 'a step finer than the asset');
SELECT throws_ok($$SELECT open_instrument('ACMEACME', 'ACME', 'ACME', '0.05 ACME/ACME', '0.01 ACME')$$, NULL, NULL, 'an asset for itself');
SELECT throws_ok($$SELECT open_instrument('NONEUSD', 'NONE', 'USD', '0.05 USD/NONE', '0.01 NONE')$$, 'LG040', NULL, 'unknown asset');
SELECT lives_ok($$SELECT change_instrument('ACMEUSD', minimum_notional => '5.00 USD', reason => 'fees')$$, 'minimum changes');
SELECT throws_ok($$SELECT change_instrument('ACMEUSD', minimum_notional => '5.001 USD')$$, 'LG043', NULL, 'within the decimals');
SELECT throws_ok($$SELECT change_instrument('NONEUSD', status => 'retired')$$, 'LG015', NULL, 'unknown instrument');
SELECT lives_ok($$SELECT retire_instrument('ACMEUSD', 'delisted')$$, 'retired');
SELECT is((SELECT status FROM instrument WHERE symbol = 'ACMEUSD'), 'retired', 'and stays listed as such');

-- ---------------------------------------------------------------------------
-- The trail
-- ---------------------------------------------------------------------------
SELECT throws_ok($$UPDATE change_log SET reason = 'other'$$, 'LG066', NULL, 'the trail is not changed');
SELECT throws_ok($$DELETE FROM change_log$$, 'LG066', NULL, 'nor shortened');
SELECT throws_ok($$TRUNCATE change_log$$, 'LG066', NULL, 'nor emptied');
SELECT throws_ok($$DELETE FROM customer$$, 'LG066', NULL, 'customers are not removed');
SELECT throws_ok($$UPDATE customer SET account_code = 'AAAAAAAA'$$, 'LG066', NULL, 'nor renamed');
SELECT throws_ok($$UPDATE supported_asset SET scale = 3$$, 'LG066', NULL, 'decimals do not change');
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$DELETE FROM change_log$$, 'LG066', NULL, 'not even in replica mode');
SET LOCAL session_replication_role = origin;

SELECT * FROM finish();
ROLLBACK;
