-- A customer leaves: CLOSING_ONLY sells and withdraws, and closes only when nothing of it is open.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('QRST', at => '2026-01-01Z'), open_provider('LP1', 'First Provider') \g /dev/null
SELECT open_instrument('BTCUSD', 'BTC', 'USD', '0.01 USD/BTC', '0.00000001 BTC') \g /dev/null
SELECT change_cash_terms('QRST', minimum_withdrawal => '10.00 USD', reason => 'agreed') \g /dev/null
SELECT open_customers('QRST', ARRAY['ANNA0001', 'BERT0001', 'CARL0001', 'DORA0001', 'EMIL0001']) \g /dev/null

CREATE FUNCTION pg_temp.open_of(customer text) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(concat_ws(' ', m.what, m.name, m.amount), ', ' ORDER BY m.what COLLATE "C", m.name COLLATE "C") FROM open_matters(customer) AS m $$;
CREATE FUNCTION pg_temp.facts_of(call text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	facts text;
BEGIN
	EXECUTE call;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS facts = CONSTRAINT_NAME;
	RETURN facts;
END
$$;

-- ---------------------------------------------------------------------------
-- What keeps a customer
-- ---------------------------------------------------------------------------
SELECT initiate_deposit('ANNA0001', '500.00 USD', 'anna', at => clock_timestamp() - interval '20 days') \g /dev/null
SELECT credit_deposit('QRST', 'anna', 'ach file', clock_timestamp() - interval '19 days'), settle_deposits() \g /dev/null
SELECT deposit_coin('ANNA0001', '0.10000000 BTC', reference => 'coin') \g /dev/null
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:ANNA0001:settled', 'USD'), '40.00 USD', 'card') \g /dev/null
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:ANNA0001:settled', 'USD'), '5.00 USD', 'short', clock_timestamp() + interval '40 ms') \g /dev/null
SELECT initiate_deposit('ANNA0001', '70.00 USD', 'ach') \g /dev/null
SELECT request_withdrawal('ANNA0001', '20.00 USD', 'out') \g /dev/null
SELECT post_trade('ANNA0001', 'BUY', '0.001 BTC', 'LP1', 'bought', provider_price => '60000.00 USD/BTC') \g /dev/null
SELECT pg_sleep(0.05) \g /dev/null
SELECT is(regexp_replace(pg_temp.open_of('ANNA0001'), 'cash call \d+', 'cash call'),
	'cash call 60.00 USD, corp_tpj_receivable TPJ:receivable:ANNA0001 60.00 USD, cust_coin Cust:ANNA0001 0.101 BTC, deposit ach 70.00 USD, '
	'fbo_settled Cust:ANNA0001:settled 500.00 USD, fbo_unsettled Cust:ANNA0001:unsettled 70.00 USD, hold card 40.00 USD, withdrawal out 20.00 USD',
	'every balance, hold, transfer and cash call of a customer is open; a hold that has expired is not, and a withdrawal''s is the withdrawal''s');
SELECT is_empty($$SELECT m.* FROM open_matters('ANNA0001') AS m WHERE m.how_it_ends IS NULL OR m.items <> 1$$, 'of each it is told how it ends');
SELECT is_empty($$SELECT m.what, f[1] FROM open_matters('ANNA0001') AS m, regexp_matches(m.how_it_ends, '(\w+)\(\)', 'g') AS f
	WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = f[1] AND pronamespace = 'bakkt_ledger'::regnamespace)$$, 'the functions that are named exist');
SELECT throws_ok($$SELECT close_customer('ANNA0001', reason => 'asked')$$, 'LG035', NULL, 'a customer with anything open does not close');
SELECT is(jsonb_array_length(pg_temp.facts_of($$SELECT close_customer('ANNA0001')$$) -> 'open'), 8, 'a program is told what is open');
SELECT throws_ok($$SELECT change_customer('ANNA0001', mode => 'CLOSED')$$, 'LG013', NULL, 'no change of mode closes a customer around the check');
SELECT throws_ok($$SELECT change_customer('ANNA0001', party_status => 'CLOSED')$$, 'LG013', NULL, 'no change of party status does so either');

-- one thing at a time keeps him: each by itself
SELECT receive_wire('QRST', '9.99 USD', 'bert', customer => 'BERT0001') \g /dev/null
SELECT throws_ok($$SELECT close_customer('BERT0001')$$, 'LG035', NULL, 'money alone keeps a customer');
SELECT initiate_deposit('CARL0001', '70.00 USD', 'carl') \g /dev/null
SELECT throws_ok($$SELECT close_customer('CARL0001')$$, 'LG035', NULL, 'a deposit under way keeps a customer');
SELECT cancel_deposit('QRST', 'carl') \g /dev/null
SELECT is((close_customer('CARL0001', 'carl leaves', 'asked')).outcome, 'closed', 'a customer whose deposit was canceled closes');
SELECT post_trade('DORA0001', 'BUY', '0.001 BTC', 'LP1', 'dora buys', provider_price => '60000.00 USD/BTC') \g /dev/null
SELECT post_trade('DORA0001', 'SELL', '0.001 BTC', 'LP1', 'dora sells', provider_price => '60000.00 USD/BTC') \g /dev/null
SELECT is(regexp_replace(pg_temp.open_of('DORA0001'), 'cash call \d+', 'cash call', 'g'),
	'cash call 60.00 USD, cash call 60.00 USD, corp_tpj_payable TPJ:payable:DORA0001 60.00 USD, corp_tpj_receivable TPJ:receivable:DORA0001 60.00 USD',
	'a customer without coin and cash still has cash calls: they are not set off');
SELECT throws_ok($$SELECT close_customer('DORA0001')$$, 'LG035', NULL, 'cash calls alone keep a customer');

-- ---------------------------------------------------------------------------
-- Leaving
-- ---------------------------------------------------------------------------
SELECT change_customer('ANNA0001', mode => 'CLOSING_ONLY') \g /dev/null
SELECT throws_ok($$SELECT post_trade('ANNA0001', 'BUY', '0.001 BTC', 'LP1', 'more', provider_price => '60000.00 USD/BTC')$$, 'LG013', NULL, 'who is leaving does not buy');
SELECT throws_ok($$SELECT initiate_deposit('ANNA0001', '1.00 USD', 'more')$$, 'LG013', NULL, 'who is leaving does not deposit');
SELECT cancel_deposit('QRST', 'ach'), release_hold('QRST', 'card', reference => 'card back'), process_cash_calls(clock_timestamp() + interval '4 minutes', 'QRST') \g /dev/null
SELECT lives_ok($$SELECT post_trade('ANNA0001', 'SELL', '0.101 BTC', 'LP1', 'all', provider_price => '60000.00 USD/BTC')$$, 'who is leaving sells');
SELECT instruct_fbo_transfer('QRST', '6000.00 USD', 'for sales', direction => 'TO_FBO') \g /dev/null
SELECT confirm_fbo_transfer('QRST', 'for sales', 'bank 1') \g /dev/null
SELECT process_cash_calls(clock_timestamp() + interval '4 minutes', 'QRST') \g /dev/null
SELECT send_withdrawal('QRST', 'out'), complete_withdrawal('QRST', 'out', 'bank 2') \g /dev/null
SELECT throws_ok($$SELECT request_withdrawal('ANNA0001', '9.00 USD', 'a little')$$, 'LG047', NULL, 'who is leaving withdraws no part below the minimum');
SELECT lives_ok($$SELECT request_withdrawal('ANNA0001', (balance_of(account_of('QRST', 'FBO', 'Cust:ANNA0001:settled', 'USD'))).balance - '0.05 USD'::amount, 'most')$$,
	'who is leaving withdraws');
SELECT lives_ok($$SELECT request_withdrawal('ANNA0001', '0.05 USD', 'last')$$, 'who is leaving withdraws the last cents, below the minimum');
SELECT throws_ok($$SELECT request_withdrawal('BERT0001', '9.99 USD', 'bert out')$$, 'LG047', NULL, 'who stays does not');
SELECT send_withdrawals('QRST', ARRAY['most', 'last'], 'file') \g /dev/null
SELECT throws_ok($$SELECT close_customer('ANNA0001')$$, 'LG035', NULL, 'a withdrawal that the bank has not confirmed keeps a customer');
SELECT complete_withdrawals('QRST', ARRAY['most', 'last'], 'file') \g /dev/null
SELECT is(pg_temp.open_of('ANNA0001'), NULL, 'a customer who has sold and withdrawn everything has nothing open');
SELECT results_eq($$SELECT outcome, replayed FROM close_customer('ANNA0001', 'leave', 'asked') UNION ALL SELECT outcome, replayed FROM close_customer('ANNA0001', 'leave', 'asked')
	UNION ALL SELECT outcome, replayed FROM close_customer('ANNA0001')$$, $$VALUES ('closed', false), ('closed', true), ('unchanged', false)$$,
	'an empty customer closes; the request again is its first answer, and closing again changes nothing');
SELECT results_eq($$SELECT mode, party_status FROM customers('QRST') WHERE customer = 'ANNA0001'$$, $$VALUES ('CLOSED', 'CLOSED')$$, 'mode and party status are CLOSED');
SELECT is_empty($$SELECT a.name FROM client_accounts('QRST', 'ANNA0001') AS a JOIN account_kind USING (kind) WHERE limited AND status <> 'CLOSED'$$, 'its claims are closed');

-- ---------------------------------------------------------------------------
-- After it
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT post_trade('ANNA0001', 'SELL', '0.001 BTC', 'LP1', 'late', provider_price => '60000.00 USD/BTC')$$, 'LG013', NULL, 'who has left does not sell');
SELECT throws_ok($$SELECT initiate_deposit('ANNA0001', '1.00 USD', 'late')$$, 'LG013', NULL, 'who has left does not deposit');
SELECT throws_ok($$SELECT request_withdrawal('ANNA0001', '1.00 USD', 'late')$$, 'LG013', NULL, 'who has left does not withdraw');
SELECT throws_ok($$SELECT change_customer('ANNA0001', mode => 'OPEN')$$, 'LG013', NULL, 'no change of mode brings a customer back');
SELECT throws_ok($$SELECT deposit_coin('ANNA0001', '1.00 BTC', reference => 'late')$$, 'LG032', NULL, 'coin is not credited to who has left');
SELECT throws_ok($$SELECT deposit_coin('ANNA0001', '1.00 ETH', reference => 'late eth')$$, 'LG013', NULL, 'nor is a coin that he never had');
SELECT throws_ok($$SELECT open_account('QRST', 'FBO', 'Cust:ANNA0001:held', 'USD')$$, 'LG013', NULL, 'no claim is opened for who has left');
SELECT throws_ok($$SELECT ensure_accounts(ARRAY[c.client_id], '{CUST}', '{Cust:ANNA0001}', '{ETH}', ARRAY[c.customer_id]) FROM customer AS c WHERE customer_code = 'ANNA0001'$$,
	'LG013', NULL, 'nor are several at once');
SELECT is((receive_wire('QRST', '3.00 USD', 'late wire', customer => 'ANNA0001')).status, 'UNIDENTIFIED', 'a wire for who has left is an unknown owner''s');
SELECT return_deposit('QRST', 'anna', 'R10') \g /dev/null
SELECT is((SELECT deficit FROM deficits('QRST') WHERE customer = 'ANNA0001'), '500.00 USD'::amount, 'a deposit that the bank takes back makes who has left a debtor');
SELECT is(pg_temp.open_of('ANNA0001'), 'corp_deficit CustomerDeficit:ANNA0001 500.00 USD', 'what he owes is open again');
SELECT throws_ok($$SELECT return_withdrawal('QRST', 'last', 'R02')$$, 'LG032', NULL, 'money of his that comes back waits until he is open again');
SELECT throws_ok($$SELECT reopen_customer('BERT0001')$$, 'LG013', NULL, 'who has not left is not opened again');
SELECT close_account((open_account('QRST', 'FBO', 'Cust:EMIL0001:settled', 'USD')).account, reason => 'never again'), open_account('QRST', 'CUST', 'Cust:EMIL0001', 'BTC') \g /dev/null
SELECT close_customer('EMIL0001'), reopen_customer('EMIL0001') \g /dev/null
SELECT results_eq($$SELECT name, status FROM client_accounts('QRST', 'EMIL0001')$$, $$VALUES ('Cust:EMIL0001:settled', 'CLOSED'), ('Cust:EMIL0001', 'OPEN')$$,
	'reopening opens what closing the customer has closed, and no account that was closed for itself');
SELECT is((reopen_customer('ANNA0001', 'back', 'withdrawal returned')).outcome, 'reopened', 'who has left can be opened again');
SELECT lives_ok($$SELECT return_withdrawal('QRST', 'last', 'R02')$$, 'then money that comes back is his');
SELECT throws_ok($$SELECT request_withdrawal('ANNA0001', '0.05 USD', 'again')$$, 'LG013', NULL, 'he may take nothing until somebody has looked');
SELECT throws_ok($$SELECT close_customer('ANNA0001', 'leave again')$$, 'LG035', NULL, 'and he does not close with it');

SELECT throws_ok($$SELECT close_customer('NOBODY01')$$, 'LG012', NULL, 'an unknown customer does not close');
SELECT throws_ok($$SELECT close_customer('BERT0001', 'leave')$$, 'LG020', NULL, 'a reference that closed another customer is refused');
SELECT is_empty('SELECT * FROM check_closed_customers()', 'nobody who has left has an open claim');
UPDATE customer SET mode = 'CLOSED' WHERE customer_code = 'BERT0001';
SELECT results_eq($$SELECT check_name, subject_key FROM check_closed_customers()$$, $$VALUES ('closed customer', 'BERT0001')$$, 'one who was made closed with his money is found');
UPDATE customer SET mode = 'OPEN' WHERE customer_code = 'BERT0001';
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
