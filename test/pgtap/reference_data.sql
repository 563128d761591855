-- Clients, customers, counterparties, assets, instruments: opened and changed
-- by functions that check, repeat without harm, and leave a trail.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/reference_data_event.psql
SELECT no_plan();

-- ---------------------------------------------------------------------------
-- Shipped assets
-- ---------------------------------------------------------------------------
SELECT is((SELECT count(*) FROM supported_asset), 0::bigint,
	'a new ledger has no assets, so that a dump restores into empty tables');
SELECT lives_ok($$SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000)$$,
	'opening the first client succeeds on an empty ledger');
SELECT results_eq($$SELECT asset::text, scale FROM supported_asset WHERE asset IN ('USD', 'JPY', 'BTC', 'ETH', 'USDC', 'SOL', 'XLM') ORDER BY 1$$,
	$$VALUES ('BTC', 8), ('ETH', 18), ('JPY', 0), ('SOL', 9), ('USD', 2), ('USDC', 6), ('XLM', 7)$$,
	'opening the first client loads the shipped assets');
SELECT results_eq($$SELECT symbol, price_increment::text, quantity_increment::text, minimum_notional::text FROM instrument WHERE symbol IN ('BTCUSD', 'XLMUSD') ORDER BY 1$$,
	$$VALUES ('BTCUSD', '0.01 USD/BTC', '0.00000001 BTC', '1.00 USD'), ('XLMUSD', '0.0001 USD/XLM', '0.0000001 XLM', '1.00 USD')$$,
	'opening the first client loads the shipped instruments');
SELECT is((SELECT count(*) FROM instrument i WHERE base(i.price_increment) <> i.base OR quote(i.price_increment) <> i.quote), 0::bigint,
	'a shipped instrument''s price increment is in its quote per base');

-- ---------------------------------------------------------------------------
-- Clients
-- ---------------------------------------------------------------------------
SELECT is(open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000), ROW(NULL, 'opened', true)::change_result,
	'opening a client again with the same terms gets the first answer, as a replay');
SELECT is((SELECT count(*) FROM change_log WHERE object_kind = 'client'), 1::bigint,
	'opening a client again records no second change');
SELECT throws_ok($$SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4001)$$, 'LG020',
	'client "QRST" was given before with another revenue_share_bps',
	'opening a client again with other terms is refused, naming the field');
SELECT throws_ok($$SELECT open_client(NULL)$$, 'LG002', NULL, 'a client without a code is refused');
SELECT throws_ok($$SELECT open_client('toolongcode')$$, 'LG002', NULL, 'a client code that is malformed is refused');
SELECT throws_ok($$SELECT open_client('ABC', funding_model => 'CREDIT')$$, 'LG002', NULL,
	'a client with an unknown funding model is refused');
SELECT throws_ok($$SELECT open_client('ABC', funding_model => NULL)$$, 'LG002', NULL,
	'a client without a funding model is refused');
SELECT throws_ok($$SELECT open_client('ABC', commission_model => 'GIFT')$$, 'LG002', NULL,
	'a client with an unknown commission model is refused');
SELECT throws_ok($$SELECT open_client('ABC', revenue_share_bps => 10001)$$, 'LG002', NULL,
	'a revenue share above 100 percent is refused');
SELECT throws_ok($$SELECT open_client('ABC', revenue_share_bps => -1)$$, 'LG002', NULL, 'a negative revenue share is refused');
SELECT throws_ok($$SELECT open_client('ABC', zone => 'CST')$$, 'LG002', NULL,
	'a time zone abbreviation, which has no daylight saving, is refused');
SELECT throws_ok($$SELECT open_client('ABC', zone => 'America/Gotham')$$, 'LG002', NULL, 'an unknown time zone is refused');
SELECT throws_ok($$SELECT open_client('ABC', cut_time => '24:00')$$, 'LG002', NULL, 'a cut-off time of 24:00 is refused');
SELECT throws_ok($$SELECT open_client('ABC', sign_convention => 'EITHER')$$, 'LG002', NULL,
	'an unknown sign convention is refused');
SELECT is((SELECT count(*) FROM client), 1::bigint, 'a refused client leaves no row');
SELECT results_eq($$SELECT cut_time, zone, commission_model, status FROM client WHERE code = 'QRST'$$,
	$$VALUES ('09:00'::time, 'America/Chicago', 'BOTH', 'OPEN')$$,
	'a client is open, cut at 09:00 Chicago time, with both commissions by default');
SELECT open_client('TIME', at => '2026-03-01 15:00Z') \g /dev/null
SELECT is((SELECT opened_at FROM client WHERE code = 'TIME'), '2026-03-01 15:00Z',
	'a client is opened at the time the caller gives');

SELECT lives_ok($$SELECT change_client('QRST', revenue_share_bps => 3500, reference => 'contract-2', reason => 'new contract')$$,
	'a client''s revenue share can be changed');
SELECT lives_ok($$SELECT change_client('QRST', revenue_share_bps => 3500, reference => 'contract-2', reason => 'new contract')$$,
	'repeating a change of a client with the same reference succeeds');
SELECT is(change_client('QRST', revenue_share_bps => 3500, reference => 'contract-2', reason => 'new contract'), ROW('contract-2', 'changed', true)::change_result,
	'a repeated change gets the first answer, as a replay');
SELECT is(change_client('QRST', revenue_share_bps => 3500), ROW(NULL, 'unchanged', false)::change_result, 'a change to what is so already changes nothing');
SELECT results_eq($$SELECT before->>'revenue_share_bps', after->>'revenue_share_bps', reason, changed_by::text FROM change_log
	WHERE object_kind = 'client' AND object_key = 'QRST' AND before IS NOT NULL$$,
	$$VALUES ('4000', '3500', 'new contract', current_user::text)$$,
	'a repeated change is recorded once, with before, after, reason and role');
SELECT throws_ok($$SELECT change_client('QRST', revenue_share_bps => 3600, reference => 'contract-2')$$, 'LG020', NULL,
	'a change reference used with other terms is refused');
SELECT throws_ok($$SELECT change_client('TIME', revenue_share_bps => 3500, reference => 'contract-2')$$, 'LG020', NULL,
	'a change reference used for another client is refused');
SELECT throws_ok($$SELECT change_client('NONE', revenue_share_bps => 1)$$, 'LG010', NULL,
	'changing an unknown client is refused');
SELECT throws_ok($$SELECT change_client('QRST', revenue_share_bps => 10001)$$, 'LG002', NULL,
	'changing a client''s revenue share to more than 100 percent is refused');
SELECT lives_ok($$SELECT change_client('QRST', revenue_share_bps => 3500)$$,
	'a change of a client to the terms it has is accepted');
SELECT is((SELECT count(*) FROM change_log WHERE object_kind = 'client' AND object_key = 'QRST'), 2::bigint,
	'a change to the terms a client has is not recorded');
SELECT lives_ok($$SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000)$$,
	'opening a client again after a change is compared with the original terms');
SELECT throws_ok($$SELECT require_client('NONE')$$, 'LG010', NULL, 'require_client() refuses an unknown client');
SELECT throws_ok($$SELECT require_client(NULL)$$, 'LG010', NULL, 'require_client() refuses NULL');

-- ---------------------------------------------------------------------------
-- Customers
-- ---------------------------------------------------------------------------
SELECT is(ARRAY[(open_customer(client => 'QRST', customer => 'QRST0001')).replayed, (open_customer(client => 'QRST', customer => 'QRST0001')).replayed], '{f,t}',
	'opening a customer again with the same terms gets the first answer, as a replay');
SELECT throws_ok($$SELECT open_customer(client => 'TIME', customer => 'QRST0001')$$, 'LG020', NULL,
	'an account code of one client is refused to another');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST0001', account_type => 'ENTITY')$$, 'LG020', NULL,
	'opening a customer again with another account type is refused');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST001')$$, 'LG002', NULL,
	'an account code of seven characters is refused');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST00012')$$, 'LG002', NULL,
	'an account code of nine characters is refused');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => 'qrst0001')$$, 'LG002', NULL,
	'an account code in lower case is refused');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => NULL)$$, 'LG002', NULL,
	'a customer without an account code is refused');
SELECT throws_ok($$SELECT open_customer(client => 'NONE', customer => 'QRST0002')$$, 'LG010', NULL,
	'a customer of an unknown client is refused');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST0002', account_type => 'PET')$$, 'LG002', NULL,
	'a customer of an unknown account type is refused');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST0002', funding_model => 'CREDIT')$$, 'LG002', NULL,
	'a customer with an unknown funding model is refused');
SELECT lives_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST0002', external_id => 'person-2')$$,
	'a customer can be opened with the client''s own identifier');
SELECT throws_ok($$SELECT open_client('FAR', first_trading_day => '5874897-12-31')$$, 'LG002', NULL, 'a first trading day is one that a calendar can have');
SELECT throws_ok($$SELECT open_customer(client => 'QRST', customer => 'QRST0003', external_id => 'person-2')$$, 'LG020', NULL,
	'a client''s identifier of a customer is unique within the client');
SELECT lives_ok($$SELECT open_customer(client => 'TIME', customer => 'TIME0001', external_id => 'person-2')$$,
	'two clients may use the same identifier for their customers');

SELECT is((open_customers('QRST', ARRAY(SELECT 'B' || lpad(n::text, 7, '0') FROM generate_series(1, 3000) n))).opened, 3000::bigint,
	'open_customers() opens 3,000 customers in one call');
SELECT is((open_customers('QRST', ARRAY(SELECT 'B' || lpad(n::text, 7, '0') FROM generate_series(2, 3001) n))).opened, 1::bigint,
	'open_customers() skips customers that are open already');
SELECT is((open_customers('QRST', ARRAY['B0004000', 'B0004000'])).opened, 1::bigint,
	'an account code given twice in one call opens one customer');
SELECT is((open_customers('QRST', '{}')).opened, 0::bigint, 'open_customers() of an empty list opens none');
SELECT is((SELECT count(*) FROM change_log WHERE object_kind = 'customer' AND object_key LIKE 'B%'), 3002::bigint,
	'each opening of a customer is recorded');
SELECT throws_ok($$SELECT open_customers('QRST', ARRAY['B0005000', NULL])$$, 'LG002', NULL,
	'a list of customers with a NULL code is refused');
SELECT throws_ok($$SELECT open_customers('QRST', ARRAY['B0005000', 'b'])$$, 'LG002', NULL,
	'a list of customers with a malformed code is refused');
SELECT throws_ok($$SELECT open_customers('TIME', ARRAY['B0005000', 'B0000001'])$$, 'LG020', NULL,
	'a list of customers with another client''s code is refused');
SELECT is((SELECT count(*) FROM customer WHERE customer_code = 'B0005000'), 0::bigint, 'a refused list opens no customer');

SELECT lives_ok($$SELECT change_customer('QRST0001', mode => 'CLOSING_ONLY', party_status => 'LIQUIDATED', funding_model => 'NO_SETTLEMENT', reference => 'c-1', reason => 'margin')$$,
	'a customer''s mode, status and funding model can be changed together');
SELECT results_eq($$SELECT mode, party_status, funding_model FROM customer WHERE customer_code = 'QRST0001'$$,
	$$VALUES ('CLOSING_ONLY', 'LIQUIDATED', 'NO_SETTLEMENT')$$, 'a changed customer has the new mode, status and funding model');
SELECT lives_ok($$SELECT change_customer('QRST0001', funding_model => 'CLIENT')$$,
	'a customer''s own funding model can be removed');
SELECT is((SELECT funding_model FROM customer WHERE customer_code = 'QRST0001'), NULL,
	'a customer without a funding model of its own has the client''s');
SELECT throws_ok($$SELECT change_customer('QRST0001', mode => 'ASLEEP')$$, 'LG002', NULL, 'an unknown customer mode is refused');
SELECT throws_ok($$SELECT change_customer('QRST0001', party_status => 'GONE')$$, 'LG002', NULL,
	'an unknown party status is refused');
SELECT throws_ok($$SELECT change_customer('QRST9999', mode => 'OPEN')$$, 'LG012', NULL,
	'changing an unknown customer is refused');
SELECT throws_ok($$SELECT change_customer('QRST0001', mode => 'OPEN', reference => 'c-1')$$, 'LG020', NULL,
	'a customer''s change reference used with another mode is refused');

-- ---------------------------------------------------------------------------
-- Counterparties
-- ---------------------------------------------------------------------------
SELECT is(ARRAY[(open_provider('LP1', 'First Provider')).replayed, (open_provider('LP1', 'First Provider')).replayed], '{f,t}',
	'opening a liquidity provider again with the same name gets the first answer, as a replay');
SELECT throws_ok($$SELECT open_provider('LP1', 'Second Provider')$$, 'LG020', NULL,
	'opening a liquidity provider again with another name is refused');
SELECT throws_ok($$SELECT open_provider('LP:1', 'First')$$, 'LG002', NULL,
	'a provider code with a colon, which separates account names, is refused');
SELECT throws_ok($$SELECT open_provider('LP2', '')$$, 'LG002', NULL, 'a liquidity provider without a name is refused');
SELECT lives_ok($$SELECT change_provider('LP1', status => 'SUSPENDED', reason => 'stale quotes')$$,
	'a liquidity provider can be suspended');
SELECT throws_ok($$SELECT change_provider('LP9', status => 'SUSPENDED')$$, 'LG014', NULL,
	'changing an unknown liquidity provider is refused');
SELECT throws_ok($$SELECT change_provider('LP1', status => 'tired')$$, 'LG002', NULL,
	'an unknown status of a liquidity provider is refused');

SELECT is(ARRAY[(open_bank_account('MAIN', 'FBO', 'First Bank', last_four => '1234')).replayed, (open_bank_account('MAIN', 'FBO', 'First Bank', last_four => '1234')).replayed], '{f,t}',
	'opening a bank account again with the same terms gets the first answer, as a replay');
SELECT is((SELECT ledger_name FROM bank_account WHERE code = 'MAIN'), 'Bank:omnibus',
	'an FBO bank account is booked on Bank:omnibus by default');
SELECT throws_ok($$SELECT open_bank_account('MAIN', 'FBO', 'Other Bank', last_four => '1234')$$, 'LG020', NULL,
	'opening a bank account again at another bank is refused');
SELECT throws_ok($$SELECT open_bank_account('B', 'SAVINGS', 'First Bank')$$, 'LG002', NULL,
	'a bank account of an unknown kind is refused');
SELECT throws_ok($$SELECT open_bank_account('B', 'FBO', 'First Bank', ledger_name => 'Bank:operating')$$, 'LG034', NULL,
	'an FBO bank account cannot be booked on the company''s operating account');
SELECT throws_ok($$SELECT open_bank_account('B', 'FBO', 'First Bank', ledger_name => 'Clearing:ACH-in')$$, 'LG002', NULL,
	'a bank account must be booked on a control account');
SELECT throws_ok($$SELECT open_bank_account('B', 'FBO', 'First Bank', last_four => '123456789')$$, 'LG002', NULL,
	'more than the last four digits of an account number are refused');
SELECT throws_ok($$SELECT open_bank_account('B', 'FBO', 'First Bank', currency => 'NONE')$$, 'LG040', NULL,
	'a bank account in an unknown currency is refused');
SELECT throws_ok($$SELECT close_bank_account('B')$$, 'LG016', NULL, 'closing an unknown bank account is refused');
SELECT lives_ok($$SELECT close_bank_account('MAIN', reason => 'moved')$$, 'an open bank account can be closed');

-- ---------------------------------------------------------------------------
-- Assets and instruments
-- ---------------------------------------------------------------------------
SELECT is(ARRAY[(register_asset('ACME', 'COIN', 3)).replayed, (register_asset('ACME', 'COIN', 3)).replayed], '{f,t}',
	'registering an asset again with the same terms gets the first answer, as a replay');
SELECT is(register_asset('BTC', 'COIN', 8), ROW(NULL, 'opened', true)::change_result, 'registering a shipped asset with the same terms is a replay');
SELECT throws_ok($$SELECT register_asset('ACME', 'COIN', 4)$$, 'LG020', NULL,
	'registering an asset again with other decimals is refused');
SELECT throws_ok($$SELECT register_asset('BTC', 'FIAT', 8)$$, 'LG020', NULL,
	'registering an asset again as another kind is refused');
SELECT throws_ok($$SELECT register_asset('NEW', 'COIN', 19)$$, 'LG002', NULL, 'an asset with more than 18 decimals is refused');
SELECT throws_ok($$SELECT register_asset('NEW', 'COIN', -1)$$, 'LG002', NULL, 'an asset with negative decimals is refused');
SELECT throws_ok($$SELECT register_asset('NEW', 'STONE', 1)$$, 'LG002', NULL, 'an asset of an unknown kind is refused');
SELECT throws_ok($$SELECT register_asset(NULL, 'COIN', 1)$$, 'LG002', NULL, 'registering an asset without a code is refused');
SELECT lives_ok($$SELECT retire_asset('ACME', reason => 'delisted')$$, 'a registered asset can be retired');
SELECT throws_ok($$SELECT require_asset('ACME')$$, 'LG041', NULL, 'require_asset() refuses a retired asset');
SELECT lives_ok($$SELECT reinstate_asset('ACME', reason => 'by mistake')$$, 'a retired asset can be reinstated');
SELECT lives_ok($$SELECT require_asset('ACME')$$, 'require_asset() accepts a reinstated asset');
SELECT is((SELECT count(*) FROM change_log WHERE object_kind = 'supported_asset' AND object_key = 'ACME'), 3::bigint,
	'registering, retiring and reinstating an asset are each recorded');
SELECT throws_ok($$SELECT retire_asset('NONE')$$, 'LG040', NULL, 'retiring an unknown asset is refused');
SELECT throws_ok($$SELECT require_asset(NULL)$$, 'LG040', NULL, 'require_asset() refuses NULL as unknown');

SELECT is(ARRAY[(open_instrument('ACMEUSD', 'ACME', 'USD', '0.05 USD/ACME', '0.01 ACME')).replayed, (open_instrument('ACMEUSD', 'ACME', 'USD', '0.05 USD/ACME', '0.01 ACME')).replayed], '{f,t}',
	'opening an instrument again with the same terms gets the first answer, as a replay');
SELECT results_eq($$SELECT minimum_quantity::text, minimum_notional::text FROM instrument WHERE symbol = 'ACMEUSD'$$, $$VALUES ('0.01 ACME', '1.00 USD')$$,
	'an instrument''s minimums default to its quantity increment and 1.00 of the quote');
SELECT throws_ok($$SELECT open_instrument('ACMEUSD', 'ACME', 'USD', '0.01 USD/ACME', '0.01 ACME')$$, 'LG020', NULL,
	'opening an instrument again with another price increment is refused');
SELECT throws_ok($$SELECT open_instrument('ACME2', 'ACME', 'USD', '0.05 USD/ACME', '0.01 ACME')$$, 'LG020', NULL,
	'a second symbol for the same pair is refused');
SELECT throws_ok($$SELECT open_instrument('X', 'ACME', 'EUR', '0.05 EUR/ACME', '0.01 ACME')$$, 'LG002', NULL,
	'an instrument with a malformed symbol is refused');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0.05 USD/ACME', '0.01 ACME')$$, 'LG042', NULL,
	'a price increment in another quote than the instrument''s is refused');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0.05 EUR/ACME', '0.01 BTC')$$, 'LG042', NULL,
	'a quantity increment in another asset than the base is refused');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0 EUR/ACME', '0.01 ACME')$$, 'LG045', NULL,
	'a price increment of zero is refused');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0.05 EUR/ACME', '-0.01 ACME')$$, 'LG045', NULL,
	'a negative quantity increment is refused');
SELECT throws_ok($$SELECT open_instrument('ACMEEUR', 'ACME', 'EUR', '0.05 EUR/ACME', '0.0001 ACME')$$, 'LG043', NULL,
	'a quantity increment with more decimals than the asset is refused');
SELECT throws_ok($$SELECT open_instrument('ACMEACME', 'ACME', 'ACME', '0.05 ACME/ACME', '0.01 ACME')$$, NULL, NULL,
	'an instrument of an asset against itself is refused');
SELECT throws_ok($$SELECT open_instrument('NONEUSD', 'NONE', 'USD', '0.05 USD/NONE', '0.01 NONE')$$, 'LG040', NULL,
	'an instrument of an unknown asset is refused');
SELECT lives_ok($$SELECT change_instrument('ACMEUSD', minimum_notional => '5.00 USD', reason => 'fees')$$,
	'an instrument''s minimum notional can be changed');
SELECT throws_ok($$SELECT change_instrument('ACMEUSD', minimum_notional => '5.001 USD')$$, 'LG043', NULL,
	'a minimum notional with more decimals than the quote is refused');
SELECT throws_ok($$SELECT change_instrument('NONEUSD', status => 'RETIRED')$$, 'LG015', NULL,
	'changing an unknown instrument is refused');
SELECT lives_ok($$SELECT retire_instrument('ACMEUSD', reason => 'delisted')$$, 'an open instrument can be retired');
SELECT is((SELECT status FROM instrument WHERE symbol = 'ACMEUSD'), 'RETIRED', 'a retired instrument stays listed as retired');

-- A change is a request when it has a reference
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.differs(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text;
BEGIN
	EXECUTE query;
	RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'LG020' THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
	RETURN substring(message FROM '[a-z_]+$');
END $$;
SELECT is(ARRAY[(open_client('REFS', name => 'References', reference => 'refs-1')).replayed, (open_client('REFS', name => 'References', reference => 'refs-1')).replayed], '{f,t}',
	'an opening repeated with its reference gets the first answer, as a replay');
SELECT is(pg_temp.differs(call), field, format('the reference of an opening is refused for another %s', field)) FROM (VALUES
	('name', $$SELECT open_client('REFS', name => 'Others', reference => 'refs-1')$$),
	('code', $$SELECT open_client('MORE', name => 'References', reference => 'refs-1')$$),
	('operation', $$SELECT change_client('REFS', name => 'References', reference => 'refs-1')$$)) AS v (field, call);
SELECT is((SELECT count(*) FROM client WHERE code = 'MORE'), 0::bigint, 'an opening whose reference is refused opens nothing');
SELECT lives_ok($$SELECT change_client('REFS', name => 'References', reference => 'refs-2')$$, 'a change to what holds already is accepted with a reference');
SELECT change_client('REFS', name => 'Renamed') \g /dev/null
SELECT lives_ok($$SELECT change_client('REFS', name => 'References', reference => 'refs-2')$$,
	'a change repeated with its reference is accepted though another was made since');
SELECT is((SELECT name FROM client WHERE code = 'REFS'), 'Renamed', 'a change repeated with its reference changes nothing, even if it changed nothing at first');
SELECT is(pg_temp.differs($$SELECT change_client('REFS', name => 'References', cut_time => '10:00', reference => 'refs-2')$$), 'cut_time',
	'the reference of a change is refused with one term more');
SELECT lives_ok($$SELECT close_client('REFS', 'refs-3', 'left')$$, 'a client is closed with a reference');
SELECT lives_ok($$SELECT close_client('REFS', 'refs-3', 'left')$$, 'a closing repeated with its reference is no error');
SELECT is(pg_temp.differs($$SELECT close_client('TIME', 'refs-3', 'left')$$), 'code', 'the reference of a closing is refused for another client');
SELECT retire_asset('YFI', 'asset-1', 'test'), reinstate_asset('YFI', 'asset-2', 'test'), retire_asset('YFI', 'asset-1', 'test') \g /dev/null
SELECT is((SELECT status FROM supported_asset WHERE asset = 'YFI'), 'ACTIVE', 'a retirement repeated with its reference after the asset was reinstated retires nothing');
SELECT is(pg_temp.differs($$SELECT retire_asset('ZEC', 'asset-1', 'test')$$), 'asset', 'the reference of a retirement is refused for another asset');
SELECT lives_ok($$SELECT change_customer('TIME0001', mode => 'LOCKED', reference => 'c-1')$$, 'two clients'' references of customers do not meet');
SELECT lives_ok($$SELECT open_provider('LP2', 'Second Provider', reference => 'refs-1')$$, 'references of different kinds of object do not meet');
SELECT throws_ok($$SELECT open_client('ABC', reference => '')$$, 'LG002', NULL, 'an empty reference is refused');
SELECT throws_ok($$SELECT open_client('ABC', reference => repeat('x', 201))$$, 'LG002', NULL, 'a reference of 201 bytes is refused');

-- ---------------------------------------------------------------------------
-- The trail
-- ---------------------------------------------------------------------------
SELECT throws_ok($$UPDATE event SET reason = 'other'$$, 'LG066', NULL, 'an event cannot be updated');
SELECT throws_ok($$DELETE FROM event$$, 'LG066', NULL, 'an event cannot be deleted');
SELECT throws_ok($$TRUNCATE event$$, 'LG066', NULL, 'events cannot be truncated');
SELECT throws_ok($$DELETE FROM customer$$, 'LG066', NULL, 'a customer cannot be deleted');
SELECT throws_ok($$UPDATE customer SET customer_code = 'AAAAAAAA'$$, 'LG066', NULL,
	'a customer''s account code cannot be updated');
SELECT throws_ok($$UPDATE supported_asset SET scale = 3$$, 'LG066', NULL, 'an asset''s decimals cannot be updated');
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$DELETE FROM event$$, 'LG066', NULL, 'an event cannot be deleted even in replica mode');
SET LOCAL session_replication_role = origin;
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL DateStyle = 'SQL, DMY';
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events, whatever the session''s time zone and style of dates');
UPDATE client SET revenue_share_bps = 9999 WHERE code = 'QRST';
SELECT is((SELECT format('%s %s: %s', subject, subject_key, detail) FROM verify_states()), 'client QRST: revenue_share_bps is 9999, its events say 3500.',
	'a client''s terms that were changed without an event are found');

SELECT * FROM finish();
ROLLBACK;
