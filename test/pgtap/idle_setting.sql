-- Settings that would do nothing, and banks that nobody has opened, are refused.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

-- ---------------------------------------------------------------------------
-- banks
-- ---------------------------------------------------------------------------
SELECT open_client('QRST'), open_client('APEX', funding_model => 'APEX_TPJ') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001') \g /dev/null
SELECT receive_wire('QRST', '1000.00 USD', 'plain', customer => 'QRST0001') \g /dev/null
CREATE TEMP TABLE asked (what text, call text);
INSERT INTO asked VALUES
	('receive_wire', $$SELECT receive_wire('QRST', '1.00 USD', %L, customer => 'QRST0001', bank => 'NOSUCH')$$),
	('receive_wire of nobody known', $$SELECT receive_wire('QRST', '1.00 USD', %L, bank => 'NOSUCH')$$),
	('initiate_deposit', $$SELECT initiate_deposit('QRST0001', '1.00 USD', %L, bank => 'NOSUCH')$$),
	('request_withdrawal', $$SELECT request_withdrawal('QRST0001', '20.00 USD', %L, bank => 'NOSUCH')$$),
	('instruct_fbo_transfer', $$SELECT instruct_fbo_transfer('QRST', '1.00 USD', %L, bank => 'NOSUCH')$$),
	('record_apex_wire', $$SELECT record_apex_wire('APEX', 'received', '1.00 USD', %L, bank => 'NOSUCH')$$),
	('propose_customer_move', $$SELECT propose_customer_move('QRST0001', 'APEX', 'APEX0001', %L, bank => 'NOSUCH', reason => 'moves')$$),
	('propose_share_payout', $$SELECT propose_share_payout('QRST', '1.00 USD', %L, bank => 'NOSUCH')$$);
SELECT throws_ok(format(call, 'x'), 'LG016', NULL, what || ' takes no bank that nobody has opened') FROM asked;
SELECT throws_ok(format('SELECT (open_account(''QRST'', %L, %L, ''USD'')).account', fund, name), 'LG016', NULL, format('no account is opened for a bank that nobody has opened: %s %s', fund, name))
	FROM (VALUES ('FBO', 'Bank:omnibus:NOSUCH'), ('CORP', 'Bank:operating:NOSUCH'), ('SEG', 'Bank:segregated:NOSUCH')) AS v (fund, name);
SELECT is_empty($$SELECT name FROM account WHERE name LIKE '%NOSUCH%'$$, 'a refused bank leaves no account of its name behind');
SELECT is_empty($$SELECT a.function FROM (SELECT p.proname::text AS function FROM pg_proc p WHERE p.pronamespace = 'bakkt_ledger'::regnamespace
		AND p.provolatile = 'v' AND 'bank' = ANY (p.proargnames[1:p.pronargs]) AND has_function_privilege('bakkt_ledger_settler', p.oid, 'EXECUTE')) a
	WHERE NOT EXISTS (SELECT FROM asked WHERE split_part(what, ' ', 1) = a.function)$$,
	'every function with a bank argument is among those this test calls');

SELECT open_bank_account('EVOLVE', 'FBO', 'Evolve', currency => 'EUR', ledger_name => 'Bank:omnibus:NOSUCH') \g /dev/null
SELECT throws_ok(format(call, 'x'), 'LG016', NULL, what || ' takes no bank of another currency or fund') FROM asked;
SELECT open_bank_account('EVOLVE2', 'FBO', 'Evolve', ledger_name => 'Bank:omnibus:NOSUCH') \g /dev/null
SELECT open_bank_account('EVOLVE3', 'OPERATING', 'Evolve', ledger_name => 'Bank:operating:NOSUCH') \g /dev/null
SELECT lives_ok(format(call, 'd' || what), what || ' takes a bank that was opened') FROM asked WHERE what NOT IN ('request_withdrawal', 'instruct_fbo_transfer', 'propose_share_payout');
SELECT throws_ok(format(call, 'd' || what), 'LG050', NULL, what || ' finds the bank that was opened, and no share') FROM asked WHERE what = 'propose_share_payout';
SELECT lives_ok($$SELECT request_withdrawal('QRST0001', '20.00 USD', 'w', bank => 'NOSUCH')$$, 'request_withdrawal takes a bank that was opened');
SELECT close_bank_account('EVOLVE2', reason => 'moved'), close_bank_account('EVOLVE3', reason => 'moved') \g /dev/null
SELECT throws_ok(format(call, 'y'), 'LG016', NULL, what || ' asks nothing new of a closed bank') FROM asked
	WHERE what IN ('initiate_deposit', 'request_withdrawal', 'instruct_fbo_transfer', 'propose_share_payout', 'propose_customer_move');
SELECT lives_ok(format(call, 'late'), what || ' records what a closed bank has done') FROM asked WHERE what = 'receive_wire';
SELECT lives_ok(format(call, 'dreceive_wire'), 'a wire recorded before its bank was closed is answered again') FROM asked WHERE what = 'receive_wire';

-- ---------------------------------------------------------------------------
-- prefunded
-- ---------------------------------------------------------------------------
SELECT open_client('NETS', funding_model => 'NET_SETTLEMENT'), open_client('MEMO', funding_model => 'NO_SETTLEMENT'), open_client('CASH'), open_client('MIXD', funding_model => 'NET_SETTLEMENT') \g /dev/null
SELECT throws_ok(format('SELECT change_cash_terms(%L, prefunded => true)', code), 'LG002', NULL, 'no client is prefunded whose cash is elsewhere: ' || code) FROM unnest('{NETS,MEMO,APEX}'::text[]) AS code;
SELECT lives_ok($$SELECT change_cash_terms('NETS', prefunded => false, write_off_days => 20)$$,
	'a client that cannot be prefunded can change its other terms');
SELECT lives_ok($$SELECT change_cash_terms('CASH', prefunded => true)$$,
	'a client whose customers'' cash is in the FBO account can be prefunded');
SELECT throws_ok(format('SELECT change_client(''CASH'', funding_model => %L)', model), 'LG002', NULL, 'a prefunded client does not become ' || model)
	FROM unnest('{NET_SETTLEMENT,APEX_TPJ,NO_SETTLEMENT}'::text[]) AS model;
SELECT is((SELECT funding_model FROM client WHERE code = 'CASH'), 'BAKKT_TPJ',
	'a refused change of funding model leaves the client as it was');
SELECT lives_ok($$SELECT change_cash_terms('CASH', prefunded => false), change_client('CASH', funding_model => 'NET_SETTLEMENT')$$,
	'a client that is no longer prefunded can change its funding model');
SELECT open_customer(client => 'MIXD', customer => 'MIXD0001', funding_model => 'BAKKT_TPJ') \g /dev/null
SELECT lives_ok($$SELECT change_cash_terms('MIXD', prefunded => true)$$,
	'a client is prefunded when a customer of its own model has cash in the FBO account');
SELECT throws_ok($$SELECT change_customer('MIXD0001', funding_model => 'CLIENT', reason => 'x')$$, 'LG002', NULL,
	'a prefunded client keeps its last customer whose cash is in the FBO account');

-- ---------------------------------------------------------------------------
-- sign convention
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT open_client('SIGN', sign_convention => 'CLIENT_IS_OWED')$$, 'LG002', 'sign convention cannot be changed yet',
	'a client is not opened with a sign convention that no file has');
SELECT throws_ok($$SELECT change_client('QRST', sign_convention => 'CLIENT_IS_OWED')$$, 'LG002', 'sign convention cannot be changed yet',
	'a client is not changed to a sign convention that no file has');
SELECT lives_ok($$SELECT open_client('SIGN', sign_convention => 'CLIENT_OWES'), change_client('QRST', sign_convention => 'CLIENT_OWES')$$,
	'the sign convention that files have can be stated');
SELECT * FROM finish();
ROLLBACK;
