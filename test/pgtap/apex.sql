-- Cash calls through Apex: batches out, answers item by item, wires, and what Apex owes.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SELECT no_plan();

\ir cash_calls.psql

SELECT open_liquidity_provider('lp1', 'First Provider') \g /dev/null
SELECT open_client('APEX', funding_model => 'APEX_TPJ', revenue_share_bps => 4000, opened_at => '2026-01-01Z'), open_client('OTHR', funding_model => 'APEX_TPJ') \g /dev/null
SELECT open_bank_account('FIRST', 'OPERATING', 'First Bank', ledger_name => 'Bank:operating:first') \g /dev/null
SELECT open_customers('APEX', ARRAY['APEX0001', 'APEX0002', 'APEX0003']), open_customer('OTHR0001', 'OTHR') \g /dev/null
CREATE FUNCTION pg_temp.call(reference text) RETURNS bigint LANGUAGE sql AS $$ SELECT j.journal_id FROM journal j WHERE j.reference = $1 $$;
CREATE FUNCTION pg_temp.trade(reference text, account text, side text, quantity amount, executed_at timestamptz, encumbered boolean DEFAULT false) RETURNS bigint LANGUAGE sql AS $$
	SELECT (post_trade(reference, account, side, quantity, 'lp1', lp_price => CASE side WHEN 'BUY' THEN '60000 USD/BTC' ELSE '61000 USD/BTC' END::price, markup_bps => 50,
		executed_at => executed_at, encumbered => encumbered)).journal $$;
CREATE FUNCTION pg_temp.answer(batch text, call bigint, confirmed boolean, reason text DEFAULT NULL, apex_reference text DEFAULT NULL, at timestamptz DEFAULT '2026-11-10 22:30Z') RETURNS TABLE (answer text, repeated boolean)
	LANGUAGE sql AS $$ SELECT r.answer, r.repeated FROM record_apex_answers('APEX', batch, ARRAY[(call, confirmed, reason, apex_reference)::apex_answer], at) AS r $$;
CREATE FUNCTION pg_temp.position(at timestamptz DEFAULT clock_timestamp()) RETURNS text LANGUAGE sql AS
	$$ SELECT concat_ws(' ', called::numeric, payable::numeric, confirmed::numeric, wired::numeric, settlement::numeric, difference::numeric) FROM apex_position('APEX', at) $$;

SELECT is_empty($$SELECT * FROM apex_position('APEX')$$, 'nothing yet');
SELECT pg_temp.trade('buy', 'APEX0001', 'BUY', '0.1 BTC', '2026-11-10 15:00Z') AS buy, pg_temp.trade('sell', 'APEX0001', 'SELL', '0.04 BTC', '2026-11-10 16:00Z') AS sell,
	pg_temp.trade('bound', 'APEX0002', 'BUY', '0.001 BTC', '2026-11-10 17:00Z', encumbered => true) AS bound, pg_temp.trade('later', 'APEX0003', 'BUY', '0.002 BTC', '2026-11-10 20:00Z') AS later \gset
SELECT post_trade('other', 'OTHR0001', 'BUY', '0.1 BTC', 'lp1', lp_price => '60000 USD/BTC', executed_at => '2026-11-10 15:00Z') \g /dev/null
SELECT is(pg_temp.position(), '6210.90 2427.80 0.00 0.00 0.00 0.00', 'called: three purchases; payable: a sale');
SELECT is(pg_temp.position('2026-11-10 16:30Z'), '6030.00 2427.80 0.00 0.00 0.00 0.00', 'as it was before two of them');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'conserved');

-- ---------------------------------------------------------------------------
-- A batch
-- ---------------------------------------------------------------------------
CREATE ROLE bakkt_test_settler IN ROLE bakkt_ledger_settler; CREATE ROLE bakkt_test_approver IN ROLE bakkt_ledger_approver; CREATE ROLE bakkt_test_poster IN ROLE bakkt_ledger_poster;
SELECT grant_client_access('APEX', 'bakkt_test_approver'), grant_client_access('APEX', 'bakkt_test_poster') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_poster;
SELECT throws_ok($$SELECT open_apex_batch('APEX', 'b1')$$, '42501', NULL, 'a poster opens no batch');
SELECT throws_ok($$SELECT record_apex_answers('APEX', 'b1', '{}')$$, '42501', NULL, 'nor answers one');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'received', '1 USD')$$, '42501', NULL, 'nor wires');
SELECT throws_ok($$SELECT * FROM apex_batches('OTHR')$$, '42501', NULL, 'nor sees another client''s');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT open_apex_batch('APEX', '')$$, 'LG002', NULL, 'a batch has a reference');
SELECT throws_ok($$SELECT open_apex_batch('APEX', NULL)$$, 'LG002', NULL, 'always');
SELECT throws_ok($$SELECT open_apex_batch('NONE', 'b1')$$, 'LG010', NULL, 'and a client');
SELECT throws_ok($$SELECT open_apex_batch('APEX', 'b1', '2099-01-01Z')$$, 'LG061', NULL, 'ahead of the clock');
SELECT throws_ok($$SELECT open_apex_batch('APEX', 'b1', '-infinity')$$, 'LG002', NULL, 'before all time');
SELECT results_eq($$SELECT batch, opened_at, status, items, unanswered FROM open_apex_batch('APEX', 'b1', '2026-11-10 18:00Z')$$, $$VALUES ('b1', timestamptz '2026-11-10 18:00Z', 'OPEN', 3::bigint, 3::bigint)$$, 'what was executed by then');
SELECT results_eq($$SELECT batch, opened_at, status, items FROM open_apex_batch('APEX', 'b1', '2026-11-10 21:00Z')$$, $$VALUES ('b1', timestamptz '2026-11-10 18:00Z', 'OPEN', 3::bigint)$$, 'once');
SELECT results_eq($$SELECT status, items FROM open_apex_batch('APEX', 'b2', '2026-11-10 18:00Z')$$, $$VALUES ('COMPLETE', 0::bigint)$$, 'what is with Apex is in no other batch');
SELECT results_eq($$SELECT account, direction, amount::text, execution, side, quantity::text, price::text, status FROM apex_batch_items('APEX', 'b1')$$,
	$$VALUES ('APEX0001', 'Withdrawal', '6030.00 USD', 'buy', 'BUY', '0.10 BTC', '60300.00 USD/BTC', 'SENT'), ('APEX0001', 'Deposit', '2427.80 USD', 'sell', 'SELL', '0.04 BTC', '60695.00 USD/BTC', 'SENT'),
		('APEX0002', 'Withdrawal', '60.30 USD', 'bound', 'BUY', '0.001 BTC', '60300.00 USD/BTC', 'SENT')$$, 'what to send');
SELECT throws_ok($$SELECT * FROM apex_batch_items('APEX', 'b9')$$, 'LG087', NULL, 'unknown batch');
SELECT throws_ok($$SELECT * FROM apex_batch_items('OTHR', 'b1')$$, 'LG087', NULL, 'unknown to another client');
RESET SESSION AUTHORIZATION;
SELECT results_eq(format($$SELECT event_no, event COLLATE "default", at, amount::text, event_journal FROM cash_call_event WHERE journal_id = %s$$, :buy), $$VALUES (1, 'sent', timestamptz '2026-11-10 18:00Z', '6030.00 USD', NULL::bigint)$$, 'sent');
SELECT results_eq(format($$SELECT status::text, due_at, attempts FROM cash_call WHERE journal_id = %s$$, :buy), $$VALUES ('O', NULL::timestamptz, 0)$$, 'outstanding, with Apex');

-- ---------------------------------------------------------------------------
-- Answers
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT * FROM record_apex_answers('APEX', 'b9', '{}')$$, 'LG087', NULL, 'to an unknown batch');
SELECT throws_ok($$SELECT * FROM record_apex_answers('APEX', 'b1', NULL)$$, 'LG002', NULL, 'none');
SELECT throws_ok(format($$SELECT * FROM record_apex_answers('APEX', 'b1', ARRAY[NULL, (%s, true, NULL, NULL)]::apex_answer[])$$, :buy), 'LG002', NULL, 'to nothing');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, NULL)$$, :buy), 'LG002', NULL, 'neither yes nor no');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true)$$, :later), 'LG082', NULL, 'to a call that was not sent');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b2', %s, true)$$, :buy), 'LG082', NULL, 'nor in that batch');
SELECT throws_ok($$SELECT * FROM pg_temp.answer('b1', 4711, true)$$, 'LG082', NULL, 'to no call');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true, at => '2099-01-01Z')$$, :buy), 'LG061', NULL, 'ahead of the clock');
SELECT throws_ok(format($$SELECT * FROM record_apex_answers('APEX', 'b1', ARRAY[(%1$s, true, NULL, 'a1'), (%1$s, false, 'no', NULL)]::apex_answer[])$$, :buy), 'LG020', NULL, 'a message that contradicts itself');
SELECT results_eq($$SELECT count(*) FROM record_apex_answers('APEX', 'b1', '{}')$$, $$VALUES (0::bigint)$$, 'a message without answers');
SELECT results_eq(format($$SELECT call, answer, repeated, journal IS NOT NULL FROM record_apex_answers('APEX', 'b1', ARRAY[(%s, true, NULL, 'a1'), (%s, false, 'ACCOUNT_RESTRICTED', NULL)]::apex_answer[], '2026-11-10 22:30Z')$$, :buy, :sell),
	format($$VALUES (%s::bigint, 'CONFIRMED', false, true), (%s, 'REJECTED', false, false)$$, :buy, :sell), 'a part: one confirmed, one rejected');
SELECT results_eq($$SELECT status, items, confirmed, rejected, unanswered, last_answer_at FROM apex_batches('APEX') WHERE batch = 'b1'$$, $$VALUES ('OPEN', 3::bigint, 1::bigint, 1::bigint, 1::bigint, timestamptz '2026-11-10 22:30Z')$$, 'the batch is open');
SELECT results_eq($$SELECT status, unanswered FROM apex_batches('APEX', '2026-11-10 20:00Z')$$, $$VALUES ('OPEN', 3::bigint), ('COMPLETE', 0)$$, 'as it was before');
RESET SESSION AUTHORIZATION;
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('cash-call:%s')$$, :buy), $$VALUES ('CORP Dr Apex:settlement:APEX 6030.00 USD'), ('CORP Cr Apex:receivable:APEX 6030.00 USD')$$, 'Apex owes what it has taken');
SELECT results_eq(format($$SELECT event_no, event COLLATE "default", amount::text, reason COLLATE "default", event_journal FROM cash_call_event WHERE journal_id IN (%s, %s) AND event_no = 2 ORDER BY journal_id$$, :buy, :sell),
	format($$VALUES (2, 'settled', '6030.00 USD', NULL, pg_temp.call('cash-call:%s')), (2, 'rejected', '2427.80 USD', 'ACCOUNT_RESTRICTED', NULL)$$, :buy), 'the events');
SELECT results_eq(format($$SELECT status::text, due_at, attempts, closed_at FROM cash_call WHERE journal_id IN (%s, %s) ORDER BY journal_id$$, :buy, :sell), $$VALUES ('S', NULL::timestamptz, 1, timestamptz '2026-11-10 22:30Z'), ('O', '2026-11-10 23:00Z', 1, NULL)$$,
	'settled; and due again at 17:00 Central');
SELECT is(pg_temp.position(), '180.90 2427.80 6030.00 0.00 6030.00 0.00', 'Apex owes 6,030.00');
SELECT is(pg_temp.position('2026-11-10 22:00Z'), '6210.90 2427.80 0.00 0.00 0.00 0.00', 'as it was before the answer');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'conserved');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq(format($$SELECT call, answer, repeated, journal IS NOT NULL FROM record_apex_answers('APEX', 'b1', ARRAY[(%s, true, NULL, 'a1'), (%s, false, 'ACCOUNT_RESTRICTED', NULL), (%s, true, NULL, 'a3')]::apex_answer[], '2026-11-10 22:40Z')$$, :buy, :sell, :bound),
	format($$VALUES (%s::bigint, 'CONFIRMED', true, true), (%s, 'REJECTED', true, false), (%s, 'CONFIRMED', false, true)$$, :buy, :sell, :bound), 'sent again, whole this time');
SELECT results_eq($$SELECT status, confirmed, rejected FROM apex_batches('APEX') WHERE batch = 'b1'$$, $$VALUES ('COMPLETE', 2::bigint, 1::bigint)$$, 'the batch is complete');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b1', %s, true, NULL, 'a1')$$, :buy), $$VALUES ('CONFIRMED', true)$$, 'and again');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, false, NULL, 'a1')$$, :buy), 'LG020', NULL, 'yes, then no');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true)$$, :sell), 'LG020', NULL, 'no, then yes');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true, NULL, 'a2')$$, :buy), 'LG020', NULL, 'another reference of Apex''s');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, false, 'INSUFFICIENT_FUNDS')$$, :sell), 'LG020', NULL, 'another reason');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM cash_call_event WHERE journal_id IN (:buy, :sell, :bound)), 6::bigint, 'each was answered once');
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('cash-call:%s')$$, :bound), $$VALUES ('CORP Dr Apex:settlement:APEX 60.30 USD'), ('CORP Cr Apex:receivable:APEX 60.30 USD'), ('CUST Dr Cust:APEX0002:encumbered 0.001 BTC'), ('CUST Cr Cust:APEX0002 0.001 BTC')$$, 'coin that was bound is free');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'conserved');

-- rejected: in the next batch once it is due again
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq($$SELECT items FROM open_apex_batch('APEX', 'b3', '2026-11-10 22:59Z')$$, $$VALUES (1::bigint)$$, 'before 17:00 only the purchase that had not been sent');
SELECT results_eq($$SELECT execution, direction FROM apex_batch_items('APEX', 'b3')$$, $$VALUES ('later', 'Withdrawal')$$, 'that one');
SELECT results_eq($$SELECT items FROM open_apex_batch('APEX', 'b4', '2026-11-10 23:00Z')$$, $$VALUES (1::bigint)$$, 'then the sale');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b4', %s, true, NULL, 'a4', '2026-11-10 23:30Z')$$, :sell), $$VALUES ('CONFIRMED', false)$$, 'now it is confirmed');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true, NULL, 'a4')$$, :sell), 'LG020', NULL, 'which does not change what the first batch said');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b3', %s, false, at => '2026-11-10 23:30Z')$$, :later), $$VALUES ('REJECTED', false)$$, 'rejected without a reason');
RESET SESSION AUTHORIZATION;
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('cash-call:%s')$$, :sell), $$VALUES ('CORP Dr Apex:payable:APEX 2427.80 USD'), ('CORP Cr Apex:settlement:APEX 2427.80 USD')$$, 'Apex is owed what it has paid');
SELECT results_eq(format($$SELECT c.due_at, c.attempts, e.reason COLLATE "default" FROM cash_call c JOIN cash_call_event e USING (client_id, journal_id) WHERE c.journal_id = %s AND e.event = 'rejected'$$, :later), $$VALUES (timestamptz '2026-11-11 12:00Z', 1, 'APEX_REJECTED')$$, 'due at 06:00 Central');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 0.00 3662.50 0.00', 'the net of purchases and sale');

-- ---------------------------------------------------------------------------
-- Wires
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'up', '1 USD')$$, 'LG002', NULL, 'no direction');
SELECT throws_ok($$SELECT record_apex_wire('APEX', '', 'received', '1 USD')$$, 'LG002', NULL, 'no reference');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'received', '0 USD')$$, 'LG045', NULL, 'nothing');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'received', NULL)$$, 'LG045', NULL, 'no amount');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'received', '1 BTC')$$, 'LG042', NULL, 'coin');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'received', '1 USD', bank => 'a:b')$$, 'LG034', NULL, 'no such bank');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'received', '1 USD', at => '2099-01-01Z')$$, 'LG061', NULL, 'ahead of the clock');
SELECT throws_ok($$SELECT record_apex_wire('NONE', 'w1', 'received', '1 USD')$$, 'LG010', NULL, 'unknown client');
SELECT results_eq($$SELECT direction, amount::text, recorded_by FROM record_apex_wire('APEX', 'w1', 'received', '4000 USD', at => '2026-11-11 15:00Z')$$, $$VALUES ('received', '4000.00 USD', name 'bakkt_test_settler')$$, 'Apex wires more than it owes');
SELECT results_eq($$SELECT at FROM record_apex_wire('APEX', 'w1', 'received', '4000.00 USD')$$, $$VALUES (timestamptz '2026-11-11 15:00Z')$$, 'once');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'received', '4001 USD')$$, 'LG020', NULL, 'another amount');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'sent', '4000 USD')$$, 'LG020', NULL, 'another direction');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'w1', 'received', '4000 USD', bank => 'first')$$, 'LG020', NULL, 'another bank');
SELECT results_eq($$SELECT direction FROM record_apex_wire('APEX', 'w2', 'sent', '337.50 USD', bank => 'first', at => '2026-11-11 16:00Z')$$, $$VALUES ('sent')$$, 'the rest is wired back');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT * FROM pg_temp.lines_of('apex:w1')$$, $$VALUES ('CORP Dr Bank:operating 4000.00 USD'), ('CORP Cr Apex:settlement:APEX 4000.00 USD')$$, 'in');
SELECT results_eq($$SELECT * FROM pg_temp.lines_of('apex:w2')$$, $$VALUES ('CORP Dr Apex:settlement:APEX 337.50 USD'), ('CORP Cr Bank:operating:first 337.50 USD')$$, 'out');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 3662.50 0.00 0.00', 'all is wired');
SELECT is(pg_temp.position('2026-11-11 15:30Z'), '120.60 0.00 3662.50 4000.00 -337.50 0.00', 'as it was between the wires');

-- ---------------------------------------------------------------------------
-- Busted while Apex has it
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('bust no', 'APEX0003', 'BUY', '0.001 BTC', '2026-11-12 15:00Z') AS bust_no, pg_temp.trade('bust yes', 'APEX0003', 'BUY', '0.002 BTC', '2026-11-12 15:00Z', encumbered => true) AS bust_yes,
	pg_temp.trade('bust open', 'APEX0003', 'BUY', '0.003 BTC', '2026-11-12 16:30Z') AS bust_open \gset
SELECT is((SELECT items FROM open_apex_batch('APEX', 'b5', '2026-11-12 16:00Z')), 3::bigint, 'two, and the one that was rejected');
SELECT bust_trade('bust ' || r, 'APEX0003', original => r) FROM unnest(ARRAY['bust no', 'bust yes', 'bust open']) AS r \g /dev/null
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'conserved');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 3662.50 0.00 0.00', 'a busted purchase is not called any more');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b5', %s, false, 'no funds', at => '2026-11-21 00:00Z')$$, :bust_no), $$VALUES ('REJECTED', false)$$, 'rejected');
SELECT is((SELECT count(*) FROM cash_call_event WHERE journal_id = :bust_no AND event = 'rejected'), 0::bigint, 'which changes nothing');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b5', %s, true, at => '2026-11-12 15:59:59Z')$$, :bust_yes), 'LG002', NULL, 'an answer is not older than its batch');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b5', %s, true, at => clock_timestamp())$$, :bust_yes), $$VALUES ('CONFIRMED', false)$$, 'Apex has taken the cash all the same');
SELECT results_eq(format($$SELECT event COLLATE "default", amount::text FROM cash_call_event WHERE journal_id = %s ORDER BY event_no$$, :bust_yes), $$VALUES ('sent', '120.60 USD'), ('busted', '120.60 USD'), ('busted', '-120.60 USD'), ('settled', '120.60 USD')$$, 'it is settled after all');
SELECT results_eq(format($$SELECT c.status::text, c.apex, c.withdrawal, c.sale, c.amount::text FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reverses = %s$$, :bust_yes), $$VALUES ('O', true, false, false, '120.60 USD')$$, 'and the bust gives it back');
SELECT results_eq(format($$SELECT status, settled::text, busted::text, attempts FROM cash_calls('APEX') WHERE call = %s$$, :bust_yes), $$VALUES ('SETTLED', '120.60 USD', '0.00 USD', 1::bigint)$$, 'in the list');
SELECT is(pg_temp.position(), '0.00 0.00 3783.10 3662.50 120.60 0.00', 'Apex owes it till then');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'conserved');
SELECT results_eq(format($$SELECT status, settled::text, busted::text, attempts FROM cash_calls('APEX') WHERE call = %s$$, :bust_yes), $$VALUES ('SETTLED', '120.60 USD', '0.00 USD', 1::bigint)$$, 'to cash_calls() it is settled');
SELECT is_empty($$SELECT * FROM check_cash_calls()$$, 'and each call is what its execution, events and journals say');
SELECT is((SELECT items FROM open_apex_batch('APEX', 'b6', clock_timestamp())), 1::bigint, 'by the next batch');
SELECT is((SELECT count(*) FROM record_apex_answers('APEX', 'b6', (SELECT array_agg((i.call, true, NULL, NULL)::apex_answer) FROM apex_batch_items('APEX', 'b6') i))), 1::bigint, 'confirmed');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 3662.50 0.00 0.00', 'given back');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'conserved');

-- ---------------------------------------------------------------------------
-- Written off, and recovered through Apex
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('old', 'APEX0002', 'BUY', '0.002 BTC', '2026-08-20 15:00Z', encumbered => true) AS old \gset
SELECT is((SELECT items FROM open_apex_batch('APEX', 'b7', '2026-09-19 15:00Z')), 1::bigint, 'sent');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT is((SELECT proposed FROM propose_cash_call_write_offs('2026-09-21 15:00Z', 'APEX')), 1::bigint, 'old enough');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT is((approve_cash_call_write_off('APEX', :old, '2026-09-21 16:00Z')).status, 'APPROVED', 'approved');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT is_empty($$SELECT * FROM charge_cash_call_write_offs('2026-10-02 15:00Z')$$, 'while Apex has it, it is not charged');
SELECT results_eq(format($$SELECT answer FROM pg_temp.answer('b7', %s, false, at => '2026-10-02 16:00Z')$$, :old), $$VALUES ('REJECTED')$$, 'rejected');
SELECT results_eq($$SELECT amount::text FROM charge_cash_call_write_offs('2026-10-03 15:00Z')$$, $$VALUES ('120.60 USD')$$, 'now it is');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT array_agg(l ORDER BY l) FROM pg_temp.lines_of('write-off:' || :old) l WHERE l ~ 'Apex'), ARRAY['CORP Cr Apex:receivable:APEX 120.60 USD'], 'Apex does not owe it');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 3662.50 0.00 0.00', 'nothing is called');
SELECT is((recover_cash_call('APEX', :old, 'r1', at => '2026-11-01 15:00Z')).amount, '120.60 USD', 'paid to Apex after all');
SELECT results_eq($$SELECT l FROM pg_temp.lines_of('recovery:r1') l WHERE l !~ 'bad-debt|RevShare'$$, $$VALUES ('CORP Dr Apex:settlement:APEX 120.60 USD'), ('CUST Dr Cust:APEX0002:encumbered 0.002 BTC'), ('CUST Cr Cust:APEX0002 0.002 BTC')$$, 'Apex owes it');
SELECT is(pg_temp.position(), '120.60 0.00 3783.10 3662.50 120.60 0.00', 'and will wire it');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'conserved');

-- ---------------------------------------------------------------------------
-- The whole
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT a.name FROM account a WHERE a.fund = 'FBO'$$, 'no claim in the FBO account has come into being');
-- many
SELECT is((SELECT count(*) FROM post_trades((SELECT array_agg((format('many %s', n), 'APEX0003', 'BUY', '0.001 BTC', 'lp1', '60000 USD/BTC', NULL, 50, NULL, NULL, NULL, NULL, NULL, '2026-11-13 15:00Z', NULL, n % 10 = 0, false)::trade_request) FROM generate_series(1, 2000) n)) WHERE outcome = 'posted'), 2000::bigint, 'two thousand');
SELECT is((SELECT items FROM open_apex_batch('APEX', 'many', '2026-11-13 16:00Z')), 2000::bigint, 'in one batch');
SELECT results_eq($$SELECT r.answer, count(*) FROM record_apex_answers('APEX', 'many', (SELECT array_agg((i.call, i.call % 4 <> 0, NULL, 'm' || i.call)::apex_answer) FROM apex_batch_items('APEX', 'many') i), '2026-11-13 17:00Z') r GROUP BY 1 ORDER BY 1$$,
	format($$VALUES ('CONFIRMED', %s::bigint), ('REJECTED', %s)$$, (SELECT count(*) FROM apex_batch_items('APEX', 'many') WHERE call % 4 <> 0), (SELECT count(*) FROM apex_batch_items('APEX', 'many') WHERE call % 4 = 0)), 'answered in one message');
SELECT is((SELECT difference FROM apex_position('APEX')), '0.00 USD', 'the balances say the same');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'conserved');
SELECT throws_ok(format('SELECT * FROM apex_batches(''APEX'', %s)', at), state, NULL, 'as of ' || at) FROM (VALUES ('''infinity''', 'LG061'), ('''-infinity''', 'LG002'), ('NULL', 'LG061'), ('''2099-01-01Z''', 'LG061')) AS v (at, state);
SELECT throws_ok(format('SELECT * FROM apex_position(''APEX'', %s)', at), state, NULL, 'as of ' || at) FROM (VALUES ('''infinity''', 'LG061'), ('''-infinity''', 'LG002'), ('NULL', 'LG061'), ('''2099-01-01Z''', 'LG061')) AS v (at, state);
SELECT throws_ok($$DELETE FROM apex_batch$$, 'LG066', NULL, 'no batch is deleted');
SELECT throws_ok($$DELETE FROM apex_batch_item$$, 'LG066', NULL, 'no item');
SELECT throws_ok($$UPDATE apex_wire SET amount = amount$$, 'LG066', NULL, 'no wire is changed');
SELECT is_empty($$SELECT * FROM check_cash_calls()$$, 'each call is what its execution, events and journals say');
SELECT is_empty($$SELECT * FROM verify()$$, 'everything recomputed and equal');

SELECT * FROM finish();
ROLLBACK;
