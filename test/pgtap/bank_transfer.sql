-- Registered bank accounts and whom they serve; customers' money between two banks; positions per bank over all clients.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client(c, at => '2025-01-01Z') FROM unnest('{AAAA,BBBB}'::text[]) AS c \g /dev/null
SELECT open_customer(client => c, customer => c || '0001') FROM unnest('{AAAA,BBBB}'::text[]) AS c \g /dev/null
SELECT throws_ok($$SELECT open_bank_account('EAST', 'FBO', 'East Bank', ledger_name => 'Bank:omnibus:east', clients => '{ZZZZ}')$$, 'LG010', NULL, 'a bank account serves known clients');
SELECT throws_ok($$SELECT open_bank_account('EAST', 'FBO', 'East Bank', ledger_name => 'Bank:omnibus:east', clients => '{}')$$, 'LG002', NULL, 'a bank account serves one client at least');
SELECT is((open_bank_account('EAST', 'FBO', 'East Bank', ledger_name => 'Bank:omnibus:east', last_four => '0001', clients => '{AAAA}')).outcome, 'opened', 'a bank account can be opened for one client');
SELECT open_bank_account('WEST', 'FBO', 'West Bank', ledger_name => 'Bank:omnibus:west', last_four => '0002') \g /dev/null

-- whom they serve
SELECT throws_ok($$SELECT receive_wire('BBBB', '10 USD', 'w1', 'BBBB0001', bank => 'east')$$, 'LG016', NULL, 'money moves through no bank account that does not serve the client');
SELECT throws_ok($$SELECT receive_wire('AAAA', '10 USD', 'w1', 'AAAA0001')$$, 'LG016', NULL, 'a client with bank accounts of its own names one in every movement');
SELECT throws_ok($$SELECT initiate_deposit('AAAA0001', '10 USD', 'd1')$$, 'LG016', NULL, 'also in a deposit');
SELECT throws_ok($$SELECT request_withdrawal('AAAA0001', '10 USD', 'o1')$$, 'LG016', NULL, 'also in a withdrawal');
SELECT lives_ok($$SELECT receive_wire('AAAA', '1000 USD', 'w1', 'AAAA0001', bank => 'east'), receive_wire('AAAA', '50 USD', 'w2', 'AAAA0001', bank => 'west'), receive_wire('BBBB', '300 USD', 'w1', 'BBBB0001', bank => 'west'), receive_wire('BBBB', '7 USD', 'w2', 'BBBB0001')$$,
	'money moves through the accounts that serve the client');
SELECT results_eq($$SELECT bank_account, ledger_name, last_four, client, balance::text FROM bank_positions()$$,
	$$VALUES (NULL, 'Bank:omnibus', NULL, NULL, '7.00 USD'), (NULL, 'Bank:omnibus', NULL, 'BBBB', '7.00 USD'), ('EAST', 'Bank:omnibus:east', '0001', NULL, '1000.00 USD'), ('EAST', 'Bank:omnibus:east', '0001', 'AAAA', '1000.00 USD'),
	('WEST', 'Bank:omnibus:west', '0002', NULL, '350.00 USD'), ('WEST', 'Bank:omnibus:west', '0002', 'AAAA', '50.00 USD'), ('WEST', 'Bank:omnibus:west', '0002', 'BBBB', '300.00 USD')$$,
	'the position of a bank account is told over all clients, then for each');
SELECT results_eq($$SELECT client, balance::text FROM bank_positions('WEST')$$, $$VALUES (NULL, '350.00 USD'), ('AAAA', '50.00 USD'), ('BBBB', '300.00 USD')$$, 'or of one account');
SELECT throws_ok($$SELECT * FROM bank_positions('NORTH')$$, 'LG016', NULL, 'an unknown bank account has no position');
SELECT results_eq($$SELECT outcome FROM change_bank_account('EAST', NULL, 'c1', 'shared from now on')$$, $$VALUES ('changed')$$, 'whom a bank account serves can be changed');
SELECT lives_ok($$SELECT receive_wire('BBBB', '1 USD', 'w3', 'BBBB0001', bank => 'east'), receive_wire('AAAA', '1 USD', 'w3', 'AAAA0001')$$, 'a shared account serves everybody');
SELECT throws_ok($$SELECT change_bank_account('NORTH', NULL)$$, 'LG016', NULL, 'an unknown bank account cannot be changed');

-- between two banks
CREATE FUNCTION pg_temp.stands(name text) RETURNS text LANGUAGE sql AS $$ SELECT balance::text FROM balances('AAAA') AS b WHERE b.name = $1 $$;
SELECT throws_ok($$SELECT instruct_bank_transfer('AAAA', '400 USD', 'east', 'east', 't1')$$, 'LG002', NULL, 'a transfer is between two banks');
SELECT throws_ok($$SELECT instruct_bank_transfer('AAAA', '400 USD', 'east', 'north', 't1')$$, 'LG016', NULL, 'a transfer is between registered banks');
SELECT throws_ok($$SELECT instruct_bank_transfer('AAAA', '0 USD', 'east', 'west', 't1')$$, 'LG045', NULL, 'a transfer of nothing is refused');
SELECT throws_ok($$SELECT instruct_bank_transfer('AAAA', '1 BTC', 'east', 'west', 't1')$$, 'LG042', NULL, 'a transfer of coin is refused');
SELECT throws_ok($$SELECT instruct_bank_transfer('AAAA', '400 USD', 'east', 'west', '')$$, 'LG002', NULL, 'a transfer has a reference');
SELECT throws_ok($$SELECT instruct_bank_transfer('AAAA', '400 USD', 'east', 'west', 't1', '2199-01-01')$$, 'LG061', NULL, 'a transfer from the future is refused');
SELECT results_eq($$SELECT outcome, replayed, status, journal FROM instruct_bank_transfer('AAAA', '400 USD', 'east', 'west', 't1', '2025-03-03 15:00Z')$$, $$VALUES ('instructed', false, 'INSTRUCTED', NULL::bigint)$$,
	'nothing is posted when a transfer is instructed');
SELECT results_eq($$SELECT outcome, replayed, status FROM instruct_bank_transfer('AAAA', '400 USD', 'east', 'west', 't1', '2025-03-03 15:00Z')$$, $$VALUES ('instructed', true, 'INSTRUCTED')$$, 'an instruction again is a replay');
SELECT throws_ok($$SELECT instruct_bank_transfer('AAAA', '401 USD', 'east', 'west', 't1')$$, 'LG020', NULL, 'a transfer''s reference with another amount is a conflict');
SELECT throws_ok($$SELECT confirm_bank_transfer('AAAA', 't1', 'b1', 'LEFT')$$, 'LG002', NULL, 'a bank confirms a debit or a credit');
SELECT throws_ok($$SELECT confirm_bank_transfer('AAAA', 't1', '', 'DEBIT')$$, 'LG002', NULL, 'a confirmation has the bank''s reference');
SELECT throws_ok($$SELECT confirm_bank_transfer('AAAA', 't9', 'b1', 'DEBIT')$$, 'LG080', NULL, 'an unknown transfer is not confirmed');
SELECT results_eq($$SELECT outcome, status FROM confirm_bank_transfer('AAAA', 't1', 'b1', 'DEBIT', '2025-03-03 16:00Z')$$, $$VALUES ('debited', 'DEBITED')$$, 'the bank that the money leaves confirms');
SELECT is(concat_ws(', ', pg_temp.stands('Bank:omnibus:east'), pg_temp.stands('Clearing:inter-bank'), pg_temp.stands('Bank:omnibus:west')), '600.00 USD, 400.00 USD, 50.00 USD',
	'between the two banks money stands on the clearing account');
SELECT is((SELECT difference::text FROM fbo_proof('AAAA')), '0.00 USD', 'the FBO proof holds while it is on its way');
SELECT results_eq($$SELECT reference, status, age_days FROM bank_transfers('AAAA', true, '2025-03-06 15:00Z')$$, $$VALUES ('t1', 'DEBITED', 3)$$, 'what is on its way is listed with its age');
SELECT results_eq($$SELECT outcome, replayed FROM confirm_bank_transfer('AAAA', 't1', 'b1', 'DEBIT')$$, $$VALUES ('debited', true)$$, 'a confirmation again is a replay');
SELECT throws_ok($$SELECT confirm_bank_transfer('AAAA', 't1', 'b2', 'DEBIT')$$, 'LG020', NULL, 'a confirmation under another reference of the bank is a conflict');
SELECT results_eq($$SELECT outcome, status FROM confirm_bank_transfer('AAAA', 't1', 'c1', 'CREDIT', '2025-03-04 16:00Z')$$, $$VALUES ('credited', 'CONFIRMED')$$, 'a transfer is confirmed when both banks have');
SELECT is(concat_ws(', ', pg_temp.stands('Bank:omnibus:east'), pg_temp.stands('Clearing:inter-bank'), pg_temp.stands('Bank:omnibus:west')), '600.00 USD, 0.00 USD, 450.00 USD', 'then the money is at the other bank');
SELECT throws_ok($$SELECT fail_bank_transfer('AAAA', 't1', 'too late')$$, 'LG081', NULL, 'a confirmed transfer cannot fail');
-- the other way round, a failure, a return
SELECT instruct_bank_transfer('AAAA', '10 USD', 'east', 'west', 't2', '2025-03-03 15:00Z'), instruct_bank_transfer('AAAA', '20 USD', 'east', 'west', 't3', '2025-03-03 15:00Z'), instruct_bank_transfer('AAAA', '30 USD', 'east', 'west', 't4', '2025-03-03 15:00Z') \g /dev/null
SELECT throws_ok($$SELECT confirm_bank_transfer('AAAA', 't2', 'b1', 'DEBIT')$$, 'LG020', NULL, 'a reference of the bank confirms one transfer');
SELECT is((SELECT status FROM confirm_bank_transfer('AAAA', 't2', 'c2', 'CREDIT', '2025-03-03 16:00Z')), 'CREDITED', 'the other bank may confirm first');
SELECT is(pg_temp.stands('Clearing:inter-bank'), '-10.00 USD', 'then the clearing account shows what the first has not debited yet');
SELECT throws_ok($$SELECT fail_bank_transfer('AAAA', 't2', 'no')$$, 'LG081', NULL, 'what the other bank has credited did not fail');
SELECT is((SELECT status FROM confirm_bank_transfer('AAAA', 't2', 'b2', 'DEBIT', '2025-03-03 17:00Z')), 'CONFIRMED', 'in either order');
SELECT throws_ok($$SELECT fail_bank_transfer('AAAA', 't3', '')$$, 'LG002', NULL, 'a failure needs a reason');
SELECT results_eq($$SELECT outcome, status, journal FROM fail_bank_transfer('AAAA', 't3', 'limit', '2025-03-03 17:00Z')$$, $$VALUES ('failed', 'FAILED', NULL::bigint)$$, 'a transfer that no bank has moved fails without a journal');
SELECT confirm_bank_transfer('AAAA', 't4', 'b4', 'DEBIT', '2025-03-03 17:00Z') \g /dev/null
SELECT results_eq($$SELECT outcome, status FROM fail_bank_transfer('AAAA', 't4', 'account unknown', '2025-03-04 17:00Z')$$, $$VALUES ('failed', 'RETURNED')$$, 'what the first bank has debited comes back to it');
SELECT results_eq($$SELECT replayed, status FROM fail_bank_transfer('AAAA', 't4', 'account unknown')$$, $$VALUES (true, 'RETURNED')$$, 'a failure again is a replay');
SELECT is(concat_ws(', ', pg_temp.stands('Bank:omnibus:east'), pg_temp.stands('Clearing:inter-bank'), pg_temp.stands('Bank:omnibus:west')), '590.00 USD, 0.00 USD, 460.00 USD', 'and is there again');

SELECT is_empty('SELECT * FROM check_fbo()', 'transfers between banks agree with the books');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SELECT load_journal('AAAA', journal_entry(line('Dr', account_of('AAAA', 'FBO', 'Clearing:inter-bank', 'USD'), '5 USD'), line('Cr', account_of('AAAA', 'FBO', 'Bank:omnibus:east', 'USD'), '5 USD')), 'stray') \g /dev/null
SELECT results_eq('SELECT detail FROM check_fbo()', $$VALUES ('Clearing:inter-bank holds 5.00 USD, the transfers in transit come to 0.00 USD.')$$, 'money between banks that no transfer tells of is found');

SELECT * FROM finish();
ROLLBACK;
