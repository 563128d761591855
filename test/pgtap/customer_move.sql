-- A customer goes to another client: by two people, everything or nothing, what leaves the one client's books enters the other's.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE move_ann LOGIN IN ROLE bakkt_ledger_settler;
CREATE ROLE move_ben LOGIN IN ROLE bakkt_ledger_administrator;
CREATE ROLE move_tenant LOGIN IN ROLE bakkt_ledger_approver;
SELECT open_provider('LP1', 'First Provider'), open_client('FROM', at => '2026-01-01Z'), open_client('GOTO', at => '2026-01-01Z'),
	open_client('NETS', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z') \g /dev/null
SELECT open_bank_account('first', 'FBO', 'FIRST', ledger_name => 'Bank:omnibus:FIRST') \g /dev/null
SELECT open_customers('FROM', '{ANNA0001,BERT0001,CARL0001,DORA0001}'), open_customer('GOTO', 'GUST0001'), grant_client_access('FROM', 'move_tenant') \g /dev/null
SELECT change_customer('ANNA0001', funding_model => 'BAKKT_TPJ') \g /dev/null
SELECT receive_wire('FROM', '500.00 USD', 'anna', customer => 'ANNA0001', bank => 'FIRST', at => '2026-01-05 15:00Z'), receive_wire('FROM', '80.00 USD', 'bert', customer => 'BERT0001', bank => 'FIRST', at => '2026-01-05 15:00Z'),
	receive_wire('GOTO', '7.00 USD', 'gust', customer => 'GUST0001', bank => 'FIRST', at => '2026-01-05 15:00Z') \g /dev/null
SELECT deposit_coin('ANNA0001', '0.12345678 BTC', 'btc', 'omnibus', at => '2026-01-05 15:00Z'), deposit_coin('ANNA0001', '3.000000000000000001 ETH', 'eth', 'omnibus', at => '2026-01-05 15:00Z'),
	deposit_coin('BERT0001', '1.00 BTC', 'bert btc', at => '2026-01-05 15:00Z'), deposit_coin('GUST0001', '0.50 BTC', 'gust', 'omnibus', at => '2026-01-05 15:00Z') \g /dev/null

-- all that there is, over both clients, by kind of account: what no move changes
CREATE FUNCTION pg_temp.everything() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(t.line, E'\n' ORDER BY t.line) FROM (SELECT format('%s %s', b.kind, sum(b.balance)) AS line FROM client AS c, LATERAL balances(c.code) AS b
		WHERE NOT is_zero(b.balance) GROUP BY b.kind, asset(b.balance)) AS t $$;
CREATE FUNCTION pg_temp.of_client(code text, fund text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s', b.name, b.balance), ', ' ORDER BY b.name COLLATE "C", b.account) FROM balances(code) AS b WHERE b.fund = $2 AND NOT is_zero(b.balance) $$;
CREATE TEMP TABLE before AS SELECT pg_temp.everything() AS told;

-- ---------------------------------------------------------------------------
-- Proposing
-- ---------------------------------------------------------------------------
SET SESSION AUTHORIZATION move_ann;
SELECT throws_ok(format('SELECT propose_customer_move(%s)', arguments), code, NULL, format('refused with %s: %s', code, arguments)) FROM (VALUES
	($$'NOBODY01', 'GOTO', 'ANNA0009', 'm'$$, 'LG012'), ($$'ANNA0001', 'NONE', 'ANNA0009', 'm'$$, 'LG010'), ($$'ANNA0001', 'FROM', 'ANNA0009', 'm'$$, 'LG002'), ($$'ANNA0001', 'GOTO', 'x', 'm'$$, 'LG002'),
	($$'ANNA0001', 'GOTO', NULL, 'm'$$, 'LG002'), ($$'ANNA0001', 'GOTO', 'BERT0001', 'm'$$, 'LG020'), ($$'ANNA0001', 'GOTO', 'ANNA0001', 'm'$$, 'LG020'), ($$'ANNA0001', 'GOTO', 'ANNA0009', ''$$, 'LG002'),
	($$'ANNA0001', 'GOTO', 'ANNA0009', 'm', wallet => 'cellar'$$, 'LG034')) AS a (arguments, code);
SELECT is((propose_customer_move('ANNA0001', 'GOTO', 'ANNA0009', 'anna', bank => 'FIRST', reason => 'programme transfer'))::text, '(anna,proposed,f,ANNA0001,GOTO,ANNA0009,PROPOSED,,)', 'a move is proposed');
SELECT is((propose_customer_move('ANNA0001', 'GOTO', 'ANNA0009', 'anna', bank => 'FIRST', reason => 'programme transfer')).replayed, true, 'the same request again gets the first answer');
SELECT throws_ok($$SELECT propose_customer_move('ANNA0001', 'GOTO', 'ANNA0008', 'anna', bank => 'FIRST')$$, 'LG020', NULL, 'another code under the reference is refused');
SELECT throws_ok($$SELECT propose_customer_move('ANNA0001', 'GOTO', 'ANNA0008', 'anna again', bank => 'FIRST')$$, 'LG081', NULL, 'nobody is about to move twice');
SELECT throws_ok($$SELECT move_customer('FROM', 'anna')$$, '42501', NULL, 'who proposes moves does not approve them');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.everything(), told, 'nothing moves by proposing') FROM before;
SELECT throws_ok($$SELECT move_customer('FROM', 'anna')$$, 'LG067', NULL, 'a superuser is no second person');
SET SESSION AUTHORIZATION move_tenant;
SELECT throws_ok($$SELECT move_customer('FROM', 'anna')$$, '42501', NULL, 'a tenant''s approver moves nobody: it takes sight of both clients');
SET SESSION AUTHORIZATION move_ben;
SELECT is((SELECT reference FROM approvals('FROM', 'PROPOSED')), 'anna', 'the second person finds the move among the approvals');
SELECT throws_ok($$SELECT move_customer('FROM', 'none')$$, 'LG080', NULL, 'an unknown move is refused');

-- ---------------------------------------------------------------------------
-- Refused while anything else is open
-- ---------------------------------------------------------------------------
RESET SESSION AUTHORIZATION;
CREATE FUNCTION pg_temp.kept(state text, make text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	failed	text;
BEGIN
	BEGIN
		EXECUTE make;
		PERFORM set_config('session_authorization', 'move_ben', true);
		PERFORM move_customer('FROM', 'anna');
	EXCEPTION WHEN OTHERS THEN
		failed := SQLSTATE;
	END;
	RETURN NEXT is(failed, state, format('no move (%s) with: %s', state, make));
END
$$;
SELECT pg_temp.kept(state, make) FROM (VALUES
	('LG035', $$SELECT authorize_hold('FROM', account_of('FROM', 'FBO', 'Cust:ANNA0001:settled', 'USD'), '1.00 USD', 'card')$$),
	('LG035', $$SELECT initiate_deposit('ANNA0001', '5.00 USD', 'ach')$$),
	('LG035', $$SELECT request_withdrawal('ANNA0001', '20.00 USD', 'out', bank => 'FIRST')$$),
	('LG035', $$SELECT request_withdrawal('ANNA0001', '20.00 USD', 'out', bank => 'FIRST'), send_withdrawal('FROM', 'out')$$),
	('LG035', $$SELECT post_trade('ANNA0001', 'BUY', '0.01 BTC', 'LP1', 'buy', provider_price => '60000.00 USD/BTC')$$),
	('LG035', $$SELECT request_withdrawal('ANNA0001', '500.00 USD', 'out', bank => 'FIRST'), send_withdrawal('FROM', 'out'), complete_withdrawal('FROM', 'out', 'b'), return_wire('FROM', 'anna', 'fraud')$$),
	('LG013', $$SELECT change_customer('ANNA0001', mode => 'LOCKED')$$),
	('LG013', $$SELECT change_customer('ANNA0001', party_status => 'SUSPENDED')$$),
	('LG020', $$SELECT open_customer('GOTO', 'ANNA0009')$$),
	('LG067', $$SELECT set_approval_limit('move_ben', '499.99 USD')$$)) AS k (state, make);
SELECT pg_temp.kept('LG033', $$SELECT freeze_account(account_of('FROM', 'FBO', 'Bank:omnibus:FIRST', 'USD'), 'credit', reason => 'x')$$);
SELECT is(pg_temp.everything(), told, 'what was refused has moved nothing') FROM before;
SELECT is_empty($$SELECT * FROM customers('GOTO') WHERE customer = 'ANNA0009'$$, 'and opened nobody');

-- ---------------------------------------------------------------------------
-- Moving
-- ---------------------------------------------------------------------------
SET SESSION AUTHORIZATION move_ben;
SELECT results_eq($$SELECT outcome, replayed, customer, to_client, to_customer, status FROM move_customer('FROM', 'anna', '2026-01-10 15:00Z') UNION ALL SELECT outcome, replayed, customer, to_client, to_customer, status FROM move_customer('FROM', 'anna')$$,
	$$VALUES ('moved', false, 'ANNA0001', 'GOTO', 'ANNA0009', 'MOVED'), ('moved', true, 'ANNA0001', 'GOTO', 'ANNA0009', 'MOVED')$$, 'the second person moves the customer, once');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.everything(), told, 'over both clients every kind of account has what it had') FROM before;
SELECT is(pg_temp.of_client('FROM', 'FBO'), 'Bank:omnibus:FIRST 80.00 USD, Cust:BERT0001:settled 80.00 USD', 'the bank of the client that he left holds what its customers have');
SELECT is(pg_temp.of_client('GOTO', 'FBO'), 'Bank:omnibus:FIRST 507.00 USD, Cust:ANNA0009:settled 500.00 USD, Cust:GUST0001:settled 7.00 USD', 'and so does that of the client that he goes to');
SELECT is(pg_temp.of_client('FROM', 'CUST'), 'Cust:BERT0001 1.00 BTC, Wallet:deposit-addresses 1.00 BTC', 'his coin has left the wallet of the one');
SELECT is(pg_temp.of_client('GOTO', 'CUST'), 'Cust:ANNA0009 0.12345678 BTC, Cust:ANNA0009 3.000000000000000001 ETH, Cust:GUST0001 0.50 BTC, Wallet:omnibus 0.62345678 BTC, Wallet:omnibus 3.000000000000000001 ETH',
	'and is in that of the other, to the last unit');
SELECT results_eq($$SELECT customer, mode, party_status FROM customers('FROM') WHERE customer = 'ANNA0001' UNION ALL SELECT customer, mode, party_status FROM customers('GOTO') WHERE customer = 'ANNA0009'$$,
	$$VALUES ('ANNA0001', 'CLOSED', 'CLOSED'), ('ANNA0009', 'OPEN', 'ACTIVE')$$, 'the old customer has left, the new one is open, and both codes are kept');
SELECT results_eq($$SELECT m.customer, m.to_customer, o.effective_at = i.effective_at, m.block_no <= (SELECT max(block_no) FROM block), (o.reference || ' ' || i.reference) COLLATE "default"
	FROM customer_moves('GOTO') AS m JOIN journal AS o ON o.journal_id = m.journal JOIN journal AS i ON i.journal_id = m.to_journal WHERE o.client_id = require_client('FROM') AND i.client_id = require_client('GOTO')$$,
	$$SELECT 'ANNA0001', 'ANNA0009', true, true, format('customer-move:%s:out customer-move:%1$s:in', move_id) FROM customer_move$$, 'each is linked to the other, by two journals of one instant, as of a block');
SELECT is((SELECT count(*) FROM statement('ANNA0001', 'USD')), 3::bigint, 'the statement at the client that he left has all that happened there');
SELECT lives_ok($$SELECT request_withdrawal('ANNA0009', '500.00 USD', 'mine', bank => 'FIRST')$$, 'the new customer has the money');
SELECT cancel_withdrawal('GOTO', 'mine') \g /dev/null
SELECT throws_ok($$SELECT post_trade('ANNA0001', 'SELL', '0.01 BTC', 'LP1', 'late', provider_price => '60000.00 USD/BTC')$$, 'LG013', NULL, 'the old one does nothing any more');
SET SESSION AUTHORIZATION move_ann;
SELECT throws_ok($$SELECT propose_customer_move('ANNA0001', 'GOTO', 'ANNA0007', 'again')$$, 'LG013', NULL, 'who has moved does not move again');

-- what is not in the bank or the wallet does not move
SELECT propose_customer_move('BERT0001', 'GOTO', 'BERT0009', 'bert') \g /dev/null
SET SESSION AUTHORIZATION move_ben;
SELECT throws_ok($$SELECT move_customer('FROM', 'bert')$$, 'LG050', NULL, 'nobody moves by a bank or wallet that does not hold what is his');
SELECT throws_ok($$SELECT decline_customer_move('FROM', 'bert', '')$$, 'LG002', NULL, 'declining a move needs a reason');
SELECT is((decline_customer_move('FROM', 'bert', 'wrong bank')).status, 'DECLINED', 'a move is declined');
SELECT is((decline_customer_move('FROM', 'bert', 'wrong bank')).replayed, true, 'to decline again changes nothing');
SELECT throws_ok($$SELECT move_customer('FROM', 'bert')$$, 'LG081', NULL, 'what was declined is not done');
SELECT throws_ok($$SELECT decline_customer_move('FROM', 'anna', 'late')$$, 'LG081', NULL, 'what was done is not declined');
SET SESSION AUTHORIZATION move_ann;
SELECT propose_customer_move('BERT0001', 'NETS', 'BERT0009', 'to nets', bank => 'FIRST', wallet => 'deposit-addresses'), propose_customer_move('CARL0001', 'NETS', 'CARL0009', 'carl') \g /dev/null
SET SESSION AUTHORIZATION move_ben;
SELECT throws_ok($$SELECT move_customer('FROM', 'to nets')$$, 'LG013', NULL, 'money does not go where the client''s customers have none here');
SELECT is((move_customer('FROM', 'carl'))::text, '(carl,moved,f,CARL0001,NETS,CARL0009,MOVED,,)', 'a customer who has nothing moves without a journal');
RESET SESSION AUTHORIZATION;
SELECT open_client('GONE') \g /dev/null
SET SESSION AUTHORIZATION move_ann;
SELECT propose_customer_move('DORA0001', 'GONE', 'DORA0009', 'dora') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT close_client('GONE') \g /dev/null
SET SESSION AUTHORIZATION move_ben;
SELECT throws_ok($$SELECT move_customer('FROM', 'dora')$$, 'LG011', NULL, 'nobody moves to a client that has left meanwhile');
SET SESSION AUTHORIZATION move_ann;
SELECT throws_ok($$SELECT propose_customer_move('BERT0001', 'GONE', 'BERT0008', 'to the gone')$$, 'LG011', NULL, 'nor is it proposed');
SELECT throws_ok($$SELECT decline_customer_move('FROM', 'to nets', 'no')$$, '42501', NULL, 'who proposes does not decline');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- Attacks
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT load_journal('FROM', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}', 'customer-move:1:out', 'transfer')$$, 'LG002', NULL, 'nobody else takes the references of moves');
SELECT is_empty('SELECT * FROM verify()', 'verify() finds nothing');
SET LOCAL session_replication_role = replica;
ALTER TABLE customer_move DISABLE TRIGGER ALL;
UPDATE customer_move SET to_journal_id = journal_id WHERE reference = 'anna';
SELECT isnt_empty($$SELECT * FROM check_customer_moves()$$, 'a move whose other journal is not there is found');
SELECT isnt_empty($$SELECT * FROM verify_states() WHERE subject = 'customer_move'$$, 'and that its row was changed');

SELECT * FROM finish();
ROLLBACK;
