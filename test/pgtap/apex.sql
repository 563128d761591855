-- Cash calls through Apex: batches out, answers item by item, wires, and what Apex owes.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

\ir cash_calls.psql

SELECT open_provider('lp1', 'First Provider') \g /dev/null
SELECT open_client('APEX', funding_model => 'APEX_TPJ', revenue_share_bps => 4000, at => '2026-01-01Z'), open_client('OTHR', funding_model => 'APEX_TPJ') \g /dev/null
SELECT open_bank_account('FIRST', 'OPERATING', 'First Bank', ledger_name => 'Bank:operating:first') \g /dev/null
SELECT open_customers('APEX', ARRAY['APEX0001', 'APEX0002', 'APEX0003']), open_customer('OTHR', 'OTHR0001') \g /dev/null
CREATE FUNCTION pg_temp.call(reference text) RETURNS bigint LANGUAGE sql AS $$ SELECT j.journal_id FROM journal j WHERE j.reference = $1 $$;
CREATE FUNCTION pg_temp.trade(reference text, account text, side text, quantity amount, executed_at timestamptz, encumbered boolean DEFAULT false) RETURNS bigint LANGUAGE sql AS $$
	SELECT (post_trade(account, side, quantity, 'lp1', reference, provider_price => CASE side WHEN 'BUY' THEN '60000 USD/BTC' ELSE '61000 USD/BTC' END::price, markup_bps => 50,
		executed_at => executed_at, encumbered => encumbered)).journal $$;
CREATE FUNCTION pg_temp.answer(batch text, call bigint, confirmed boolean, reason text DEFAULT NULL, apex_reference text DEFAULT NULL, at timestamptz DEFAULT '2026-11-10 22:30Z') RETURNS TABLE (answer text, repeated boolean)
	LANGUAGE sql AS $$ SELECT r.status, r.replayed FROM record_apex_answers('APEX', batch, ARRAY[(call, confirmed, reason, apex_reference)::apex_answer], at) AS r $$;
CREATE FUNCTION pg_temp.position(at timestamptz DEFAULT clock_timestamp()) RETURNS text LANGUAGE sql AS
	$$ SELECT concat_ws(' ', called::numeric, payable::numeric, confirmed::numeric, wired::numeric, settlement::numeric, difference::numeric) FROM apex_position('APEX', at) $$;

SELECT is_empty($$SELECT * FROM apex_position('APEX')$$, 'Apex has no position before the first cash call (TPJ)');
SELECT pg_temp.trade('buy', 'APEX0001', 'BUY', '0.1 BTC', '2026-11-10 15:00Z') AS buy, pg_temp.trade('sell', 'APEX0001', 'SELL', '0.04 BTC', '2026-11-10 16:00Z') AS sell,
	pg_temp.trade('bound', 'APEX0002', 'BUY', '0.001 BTC', '2026-11-10 17:00Z', encumbered => true) AS bound, pg_temp.trade('later', 'APEX0003', 'BUY', '0.002 BTC', '2026-11-10 20:00Z') AS later \gset
SELECT post_trade('OTHR0001', 'BUY', '0.1 BTC', 'lp1', 'other', provider_price => '60000 USD/BTC', executed_at => '2026-11-10 15:00Z') \g /dev/null
SELECT is(pg_temp.position(), '6210.90 2427.80 0.00 0.00 0.00 0.00',
	'the position shows purchases as called and a sale as payable');
SELECT is(pg_temp.position('2026-11-10 16:30Z'), '6030.00 2427.80 0.00 0.00 0.00 0.00',
	'the position can be read as of an earlier instant');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'new trades leave cash calls equal to receivables and payables');

-- ---------------------------------------------------------------------------
-- A batch
-- ---------------------------------------------------------------------------
CREATE ROLE bakkt_test_settler IN ROLE bakkt_ledger_settler; CREATE ROLE bakkt_test_approver IN ROLE bakkt_ledger_approver; CREATE ROLE bakkt_test_poster IN ROLE bakkt_ledger_poster;
SELECT grant_client_access('APEX', 'bakkt_test_approver'), grant_client_access('APEX', 'bakkt_test_poster') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_poster;
SELECT throws_ok($$SELECT open_apex_batch('APEX', 'b1')$$, '42501', NULL, 'a poster opens no batch for Apex');
SELECT throws_ok($$SELECT record_apex_answers('APEX', 'b1', '{}')$$, '42501', NULL, 'a poster records no answers of Apex');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', '1 USD', 'w1')$$, '42501', NULL,
	'a poster records no wire of Apex');
SELECT throws_ok($$SELECT * FROM apex_batches('OTHR')$$, '42501', NULL, 'a poster does not see the batches of another client');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT open_apex_batch('APEX', '')$$, 'LG002', NULL, 'a batch with an empty reference is refused');
SELECT throws_ok($$SELECT open_apex_batch('APEX', NULL)$$, 'LG002', NULL, 'a batch without a reference is refused');
SELECT throws_ok($$SELECT open_apex_batch('NONE', 'b1')$$, 'LG010', NULL, 'a batch of an unknown client is refused');
SELECT throws_ok($$SELECT open_apex_batch('APEX', 'b1', '2099-01-01Z')$$, 'LG061', NULL,
	'a batch opened ahead of the clock is refused');
SELECT throws_ok($$SELECT open_apex_batch('APEX', 'b1', '-infinity')$$, 'LG002', NULL,
	'a batch opened at minus infinity is refused');
SELECT results_eq($$SELECT reference, outcome, replayed, at, status, items FROM open_apex_batch('APEX', 'b1', '2026-11-10 18:00Z')$$, $$VALUES ('b1', 'opened', false, timestamptz '2026-11-10 18:00Z', 'OPEN', 3::bigint)$$,
	'a batch takes the calls executed by its instant');
SELECT results_eq($$SELECT items, unanswered FROM apex_batches('APEX') WHERE reference = 'b1'$$, $$VALUES (3::bigint, 3::bigint)$$, 'no call of a new batch is answered');
SELECT results_eq($$SELECT reference, outcome, replayed, at, status, items FROM open_apex_batch('APEX', 'b1', '2026-11-10 21:00Z')$$, $$VALUES ('b1', 'opened', true, timestamptz '2026-11-10 18:00Z', 'OPEN', 3::bigint)$$,
	'a batch opened again keeps its instant and its calls');
SELECT results_eq($$SELECT status, items FROM open_apex_batch('APEX', 'b2', '2026-11-10 18:00Z')$$, $$VALUES ('COMPLETE', 0::bigint)$$,
	'a call that is with Apex goes into no other batch');
SELECT results_eq($$SELECT customer, direction, amount::text, execution, side, quantity::text, price::text, status FROM apex_batch_items('APEX', 'b1')$$,
	$$VALUES ('APEX0001', 'Withdrawal', '6030.00 USD', 'buy', 'BUY', '0.10 BTC', '60300.00 USD/BTC', 'SENT'), ('APEX0001', 'Deposit', '2427.80 USD', 'sell', 'SELL', '0.04 BTC', '60695.00 USD/BTC', 'SENT'),
		('APEX0002', 'Withdrawal', '60.30 USD', 'bound', 'BUY', '0.001 BTC', '60300.00 USD/BTC', 'SENT')$$,
		'a batch lists the customer, amount and execution of each call');
SELECT throws_ok($$SELECT * FROM apex_batch_items('APEX', 'b9')$$, 'LG087', NULL, 'the items of an unknown batch are refused');
SELECT throws_ok($$SELECT * FROM apex_batch_items('OTHR', 'b1')$$, 'LG087', NULL,
	'the batch of one client is unknown to another');
RESET SESSION AUTHORIZATION;
SELECT results_eq(format($$SELECT event_no, event COLLATE "default", at, amount::text, event_journal FROM cash_call_event WHERE journal_id = %s$$, :buy), $$VALUES (1, 'sent', timestamptz '2026-11-10 18:00Z', '6030.00 USD', NULL::bigint)$$,
	'sending a call to Apex is an event of the call');
SELECT results_eq(format($$SELECT status::text, due_at, attempts FROM cash_call WHERE journal_id = %s$$, :buy), $$VALUES ('O', NULL::timestamptz, 0)$$,
	'a call that is with Apex is outstanding and has no due time');

-- ---------------------------------------------------------------------------
-- Answers
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT * FROM record_apex_answers('APEX', 'b9', '{}')$$, 'LG087', NULL,
	'answers to an unknown batch are refused');
SELECT throws_ok($$SELECT * FROM record_apex_answers('APEX', 'b1', NULL)$$, 'LG002', NULL,
	'a message of answers that is NULL is refused');
SELECT throws_ok(format($$SELECT * FROM record_apex_answers('APEX', 'b1', ARRAY[NULL, (%s, true, NULL, NULL)]::apex_answer[])$$, :buy), 'LG002', NULL,
	'a message with an answer that is NULL is refused');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, NULL)$$, :buy), 'LG002', NULL,
	'an answer that neither confirms nor rejects is refused');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true)$$, :later), 'LG082', NULL,
	'an answer to a call that was not sent is refused');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b2', %s, true)$$, :buy), 'LG082', NULL,
	'an answer to a call of another batch is refused');
SELECT throws_ok($$SELECT * FROM pg_temp.answer('b1', 4711, true)$$, 'LG082', NULL, 'an answer to an unknown call is refused');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true, at => '2099-01-01Z')$$, :buy), 'LG061', NULL,
	'an answer ahead of the clock is refused');
SELECT throws_ok(format($$SELECT * FROM record_apex_answers('APEX', 'b1', ARRAY[(%1$s, true, NULL, 'a1'), (%1$s, false, 'no', NULL)]::apex_answer[])$$, :buy), 'LG020', NULL,
	'a message that both confirms and rejects a call is refused');
SELECT results_eq($$SELECT count(*) FROM record_apex_answers('APEX', 'b1', '{}')$$, $$VALUES (0::bigint)$$,
	'a message without answers is accepted');
SELECT results_eq(format($$SELECT call, status, replayed, journal IS NOT NULL FROM record_apex_answers('APEX', 'b1', ARRAY[(%s, true, NULL, 'a1'), (%s, false, 'ACCOUNT_RESTRICTED', NULL)]::apex_answer[], '2026-11-10 22:30Z')$$, :buy, :sell),
	format($$VALUES (%s::bigint, 'CONFIRMED', false, true), (%s, 'REJECTED', false, false)$$, :buy, :sell),
	'a message may answer a part of its batch');
SELECT results_eq($$SELECT status, items, confirmed, rejected, unanswered, last_answer_at FROM apex_batches('APEX') WHERE reference = 'b1'$$, $$VALUES ('OPEN', 3::bigint, 1::bigint, 1::bigint, 1::bigint, timestamptz '2026-11-10 22:30Z')$$,
	'a batch stays open while a call is unanswered');
SELECT results_eq($$SELECT status, unanswered FROM apex_batches('APEX', '2026-11-10 20:00Z')$$, $$VALUES ('OPEN', 3::bigint), ('COMPLETE', 0)$$,
	'batches can be listed as of an earlier instant');
RESET SESSION AUTHORIZATION;
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('cash-call:%s')$$, :buy), $$VALUES ('CORP Dr Apex:settlement:APEX 6030.00 USD'), ('CORP Cr Apex:receivable:APEX 6030.00 USD')$$,
	'a confirmed purchase moves from Apex''s receivable to its settlement account');
SELECT results_eq(format($$SELECT event_no, event COLLATE "default", amount::text, reason COLLATE "default", event_journal FROM cash_call_event WHERE journal_id IN (%s, %s) AND event_no = 2 ORDER BY journal_id$$, :buy, :sell),
	format($$VALUES (2, 'settled', '6030.00 USD', NULL, pg_temp.call('cash-call:%s')), (2, 'rejected', '2427.80 USD', 'ACCOUNT_RESTRICTED', NULL)$$, :buy),
	'a confirmation and a rejection are events of their calls');
SELECT results_eq(format($$SELECT status::text, due_at, attempts, closed_at FROM cash_call WHERE journal_id IN (%s, %s) ORDER BY journal_id$$, :buy, :sell), $$VALUES ('S', NULL::timestamptz, 1, timestamptz '2026-11-10 22:30Z'), ('O', '2026-11-10 23:00Z', 1, NULL)$$,
	'a confirmed call is settled and a rejected one due at 17:00 Central');
SELECT is(pg_temp.position(), '180.90 2427.80 6030.00 0.00 6030.00 0.00',
	'the position shows that Apex owes what it has confirmed');
SELECT is(pg_temp.position('2026-11-10 22:00Z'), '6210.90 2427.80 0.00 0.00 0.00 0.00',
	'the position before the answer shows nothing confirmed');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'answers leave cash calls equal to receivables and payables');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq(format($$SELECT call, status, replayed, journal IS NOT NULL FROM record_apex_answers('APEX', 'b1', ARRAY[(%s, true, NULL, 'a1'), (%s, false, 'ACCOUNT_RESTRICTED', NULL), (%s, true, NULL, 'a3')]::apex_answer[], '2026-11-10 22:40Z')$$, :buy, :sell, :bound),
	format($$VALUES (%s::bigint, 'CONFIRMED', true, true), (%s, 'REJECTED', true, false), (%s, 'CONFIRMED', false, true)$$, :buy, :sell, :bound),
	'a message sent again repeats its answers and adds new ones');
SELECT results_eq($$SELECT status, confirmed, rejected FROM apex_batches('APEX') WHERE reference = 'b1'$$, $$VALUES ('COMPLETE', 2::bigint, 1::bigint)$$,
	'a batch is complete once every call is answered');
SELECT results_eq($$SELECT replayed, status, items FROM open_apex_batch('APEX', 'b1')$$, $$VALUES (true, 'OPEN', 3::bigint)$$,
	'a batch opened again after it was answered is answered as at first');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b1', %s, true, NULL, 'a1')$$, :buy), $$VALUES ('CONFIRMED', true)$$,
	'an answer sent again to a complete batch is a repetition');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, false, NULL, 'a1')$$, :buy), 'LG020', NULL,
	'a confirmed call cannot be rejected in its batch');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true)$$, :sell), 'LG020', NULL,
	'a rejected call cannot be confirmed in its batch');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true, NULL, 'a2')$$, :buy), 'LG020', NULL,
	'an answer sent again with another Apex reference is refused');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, false, 'INSUFFICIENT_FUNDS')$$, :sell), 'LG020', NULL,
	'an answer sent again with another reason is refused');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM cash_call_event WHERE journal_id IN (:buy, :sell, :bound)), 6::bigint,
	'each call has one answer however often the message comes');
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('cash-call:%s')$$, :bound), $$VALUES ('CORP Dr Apex:settlement:APEX 60.30 USD'), ('CORP Cr Apex:receivable:APEX 60.30 USD'), ('CUST Dr Cust:APEX0002:encumbered 0.001 BTC'), ('CUST Cr Cust:APEX0002 0.001 BTC')$$,
	'a confirmed purchase frees the coin that it encumbered');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'repeated answers leave cash calls equal to receivables and payables');

-- rejected: in the next batch once it is due again
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq($$SELECT items FROM open_apex_batch('APEX', 'b3', '2026-11-10 22:59Z')$$, $$VALUES (1::bigint)$$,
	'a rejected call is in no batch before it is due again');
SELECT results_eq($$SELECT execution, direction FROM apex_batch_items('APEX', 'b3')$$, $$VALUES ('later', 'Withdrawal')$$,
	'the next batch has the purchase that was not sent before');
SELECT results_eq($$SELECT items FROM open_apex_batch('APEX', 'b4', '2026-11-10 23:00Z')$$, $$VALUES (1::bigint)$$,
	'a rejected call is in the next batch once it is due again');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b4', %s, true, NULL, 'a4', '2026-11-10 23:30Z')$$, :sell), $$VALUES ('CONFIRMED', false)$$,
	'a call rejected in one batch can be confirmed in another');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b1', %s, true, NULL, 'a4')$$, :sell), 'LG020', NULL,
	'a later confirmation does not change the answer of an earlier batch');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b3', %s, false, at => '2026-11-10 23:30Z')$$, :later), $$VALUES ('REJECTED', false)$$,
	'a rejection without a reason is accepted');
RESET SESSION AUTHORIZATION;
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('cash-call:%s')$$, :sell), $$VALUES ('CORP Dr Apex:payable:APEX 2427.80 USD'), ('CORP Cr Apex:settlement:APEX 2427.80 USD')$$,
	'a confirmed sale moves from Apex''s payable to its settlement account');
SELECT results_eq(format($$SELECT c.due_at, c.attempts, e.reason COLLATE "default" FROM cash_call c JOIN cash_call_event e USING (client_id, journal_id) WHERE c.journal_id = %s AND e.event = 'rejected'$$, :later), $$VALUES (timestamptz '2026-11-11 12:00Z', 1, 'APEX_REJECTED')$$,
	'a call rejected in the evening is due at 06:00 Central');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 0.00 3662.50 0.00',
	'the position nets confirmed purchases against confirmed sales');

-- ---------------------------------------------------------------------------
-- Wires
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'up', '1 USD', 'w1')$$, 'LG002', NULL,
	'a wire with an unknown direction is refused');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', '1 USD', '')$$, 'LG002', NULL,
	'a wire with an empty reference is refused');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', '0 USD', 'w1')$$, 'LG045', NULL, 'a wire of zero is refused');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', NULL, 'w1')$$, 'LG045', NULL,
	'a wire without an amount is refused');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', '1 BTC', 'w1')$$, 'LG042', NULL, 'a wire of coin is refused');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', '1 USD', 'w1', bank => 'a:b')$$, 'LG034', NULL,
	'a wire through a bank outside the chart is refused');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', '1 USD', 'w1', at => '2099-01-01Z')$$, 'LG061', NULL,
	'a wire ahead of the clock is refused');
SELECT throws_ok($$SELECT record_apex_wire('NONE', 'received', '1 USD', 'w1')$$, 'LG010', NULL,
	'a wire of an unknown client is refused');
SELECT results_eq($$SELECT reference, outcome, replayed, direction, amount::text FROM record_apex_wire('APEX', 'received', '4000 USD', 'w1', at => '2026-11-11 15:00Z')$$, $$VALUES ('w1', 'posted', false, 'received', '4000.00 USD')$$,
	'a wire from Apex may exceed what it owes');
SELECT results_eq($$SELECT at, outcome, replayed FROM record_apex_wire('APEX', 'received', '4000.00 USD', 'w1')$$, $$VALUES (timestamptz '2026-11-11 15:00Z', 'posted', true)$$,
	'a wire recorded again keeps its first instant');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', '4001 USD', 'w1')$$, 'LG020', NULL,
	'a wire recorded again with another amount is refused');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'sent', '4000 USD', 'w1')$$, 'LG020', NULL,
	'a wire recorded again with another direction is refused');
SELECT throws_ok($$SELECT record_apex_wire('APEX', 'received', '4000 USD', 'w1', bank => 'first')$$, 'LG020', NULL,
	'a wire recorded again with another bank is refused');
SELECT results_eq($$SELECT direction FROM record_apex_wire('APEX', 'sent', '337.50 USD', 'w2', bank => 'first', at => '2026-11-11 16:00Z')$$, $$VALUES ('sent')$$,
	'an excess that Apex has wired can be wired back');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT a.role_name COLLATE "default" FROM request r JOIN actor a USING (actor_id) WHERE r.scope = 'apex_wire' AND r.reference = 'w1'), 'bakkt_test_settler',
	'a wire is recorded as its caller''s');
SELECT results_eq($$SELECT * FROM pg_temp.lines_of('apex:w1')$$, $$VALUES ('CORP Dr Bank:operating 4000.00 USD'), ('CORP Cr Apex:settlement:APEX 4000.00 USD')$$,
	'a wire received debits the operating bank and credits settlement with Apex');
SELECT results_eq($$SELECT * FROM pg_temp.lines_of('apex:w2')$$, $$VALUES ('CORP Dr Apex:settlement:APEX 337.50 USD'), ('CORP Cr Bank:operating:first 337.50 USD')$$,
	'a wire sent debits settlement with Apex and credits the bank named');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 3662.50 0.00 0.00',
	'settlement with Apex is zero once all that it confirmed is wired');
SELECT is(pg_temp.position('2026-11-11 15:30Z'), '120.60 0.00 3662.50 4000.00 -337.50 0.00',
	'the position can be read as of an instant between two wires');

-- ---------------------------------------------------------------------------
-- Busted while Apex has it
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('bust no', 'APEX0003', 'BUY', '0.001 BTC', '2026-11-12 15:00Z') AS bust_no, pg_temp.trade('bust yes', 'APEX0003', 'BUY', '0.002 BTC', '2026-11-12 15:00Z', encumbered => true) AS bust_yes,
	pg_temp.trade('bust open', 'APEX0003', 'BUY', '0.003 BTC', '2026-11-12 16:30Z') AS bust_open \gset
SELECT is((SELECT items FROM open_apex_batch('APEX', 'b5', '2026-11-12 16:00Z')), 3::bigint,
	'a rejected call goes into a batch with new ones');
SELECT bust_trade('APEX0003', original => r, reference => 'bust ' || r) FROM unnest(ARRAY['bust no', 'bust yes', 'bust open']) AS r \g /dev/null
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'busts leave cash calls equal to receivables and payables');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 3662.50 0.00 0.00', 'a busted purchase is no longer called from Apex');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b5', %s, false, 'no funds', at => '2026-11-21 00:00Z')$$, :bust_no), $$VALUES ('REJECTED', false)$$,
	'a rejection of a busted call is accepted');
SELECT is((SELECT count(*) FROM cash_call_event WHERE journal_id = :bust_no AND event = 'rejected'), 0::bigint,
	'the rejection of a busted call adds no event to the call');
SELECT throws_ok(format($$SELECT * FROM pg_temp.answer('b5', %s, true, at => '2026-11-12 15:59:59Z')$$, :bust_yes), 'LG002', NULL,
	'an answer older than its batch is refused');
SELECT results_eq(format($$SELECT * FROM pg_temp.answer('b5', %s, true, at => clock_timestamp())$$, :bust_yes), $$VALUES ('CONFIRMED', false)$$,
	'a confirmation of a busted call is accepted');
SELECT results_eq(format($$SELECT event COLLATE "default", amount::text FROM cash_call_event WHERE journal_id = %s ORDER BY event_no$$, :bust_yes), $$VALUES ('sent', '120.60 USD'), ('busted', '120.60 USD'), ('busted', '-120.60 USD'), ('settled', '120.60 USD')$$,
	'a busted call that Apex confirms is settled after all');
SELECT results_eq(format($$SELECT c.status::text, c.apex, c.withdrawal, c.sale, c.amount::text FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reverses = %s$$, :bust_yes), $$VALUES ('O', true, false, false, '120.60 USD')$$,
	'the bust of a call that Apex confirms becomes a call to give the cash back');
SELECT results_eq(format($$SELECT status, settled::text, busted::text, attempts FROM cash_calls('APEX') WHERE call = %s$$, :bust_yes), $$VALUES ('SETTLED', '120.60 USD', '0.00 USD', 1::bigint)$$,
	'the list of calls shows a busted call that Apex confirmed as settled');
SELECT is(pg_temp.position(), '0.00 0.00 3783.10 3662.50 120.60 0.00',
	'the cash of a busted call is owed by Apex until it is given back');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$,
	'a busted call that Apex confirms leaves calls equal to receivables and payables');
SELECT results_eq(format($$SELECT status, settled::text, busted::text, attempts FROM cash_calls('APEX') WHERE call = %s$$, :bust_yes), $$VALUES ('SETTLED', '120.60 USD', '0.00 USD', 1::bigint)$$,
	'the list of calls shows the confirmed amount as settled, not busted');
SELECT is_empty($$SELECT * FROM check_cash_calls()$$,
	'a busted and confirmed call agrees with its execution, events and journals');
SELECT is((SELECT items FROM open_apex_batch('APEX', 'b6', clock_timestamp())), 1::bigint,
	'the next batch has the call to give the cash of a bust back');
SELECT is((SELECT count(*) FROM record_apex_answers('APEX', 'b6', (SELECT array_agg((i.call, true, NULL, NULL)::apex_answer) FROM apex_batch_items('APEX', 'b6') i))), 1::bigint,
	'Apex confirms the call to give the cash of a bust back');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 3662.50 0.00 0.00', 'nothing is owed for a bust once its cash is given back');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'cash given back leaves cash calls equal to receivables and payables');

-- ---------------------------------------------------------------------------
-- Written off, and recovered through Apex
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('old', 'APEX0002', 'BUY', '0.002 BTC', '2026-08-20 15:00Z', encumbered => true) AS old \gset
SELECT is((SELECT items FROM open_apex_batch('APEX', 'b7', '2026-09-19 15:00Z')), 1::bigint,
	'the call of an old purchase is sent to Apex');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT is((SELECT proposed FROM propose_cash_call_write_offs('2026-09-21 15:00Z', 'APEX')), 1::bigint,
	'a call that is with Apex is proposed for write-off when old enough');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT is((approve_cash_call_write_off('APEX', :old, '2026-09-21 16:00Z')).status, 'APPROVED',
	'the write-off of a call that is with Apex can be approved');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT is_empty($$SELECT * FROM charge_cash_call_write_offs('2026-10-02 15:00Z')$$,
	'a write-off is not charged while Apex has the call');
SELECT results_eq(format($$SELECT answer FROM pg_temp.answer('b7', %s, false, at => '2026-10-02 16:00Z')$$, :old), $$VALUES ('REJECTED')$$,
	'Apex rejects a call whose write-off is approved');
SELECT results_eq($$SELECT amount::text FROM charge_cash_call_write_offs('2026-10-03 15:00Z')$$, $$VALUES ('120.60 USD')$$,
	'an approved write-off is charged once Apex has rejected the call');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT array_agg(l ORDER BY l) FROM pg_temp.lines_of('write-off:' || :old) l WHERE l ~ 'Apex'), ARRAY['CORP Cr Apex:receivable:APEX 120.60 USD'],
	'a write-off credits the receivable from Apex and nothing else of Apex');
SELECT is(pg_temp.position(), '120.60 0.00 3662.50 3662.50 0.00 0.00',
	'a call that is written off is no longer called from Apex');
SELECT is((recover_cash_call('APEX', :old, 'r1', at => '2026-11-01 15:00Z')).amount, '120.60 USD',
	'a call that is written off can be recovered');
SELECT results_eq($$SELECT l FROM pg_temp.lines_of('recovery:r1') l WHERE l !~ 'bad-debt|RevShare'$$, $$VALUES ('CORP Dr Apex:settlement:APEX 120.60 USD'), ('CUST Dr Cust:APEX0002:encumbered 0.002 BTC'), ('CUST Cr Cust:APEX0002 0.002 BTC')$$,
	'a recovery debits settlement with Apex and frees the coin');
SELECT is(pg_temp.position(), '120.60 0.00 3783.10 3662.50 120.60 0.00',
	'the position shows a recovery as confirmed and owed by Apex');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'a recovery leaves cash calls equal to receivables and payables');

-- ---------------------------------------------------------------------------
-- The whole
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT a.name FROM account a WHERE a.fund = 'FBO'$$, 'cash calls through Apex open no account in the FBO fund');
-- many
SELECT is((SELECT count(*) FROM post_trades((SELECT array_agg(('APEX0003', 'BUY', '0.001 BTC', 'lp1', format('many %s', n), '60000 USD/BTC', NULL, 50, NULL, NULL, NULL, NULL, NULL, '2026-11-13 15:00Z', NULL, n % 10 = 0, false)::trade_request) FROM generate_series(1, 2000) n)) WHERE outcome = 'posted'), 2000::bigint,
	'two thousand executions are posted in one request');
SELECT is((SELECT items FROM open_apex_batch('APEX', 'many', '2026-11-13 16:00Z')), 2000::bigint,
	'a batch takes two thousand calls');
SELECT results_eq($$SELECT r.status, count(*) FROM record_apex_answers('APEX', 'many', (SELECT array_agg((i.call, i.call % 4 <> 0, NULL, 'm' || i.call)::apex_answer) FROM apex_batch_items('APEX', 'many') i), '2026-11-13 17:00Z') r GROUP BY 1 ORDER BY 1$$,
	format($$VALUES ('CONFIRMED', %s::bigint), ('REJECTED', %s)$$, (SELECT count(*) FROM apex_batch_items('APEX', 'many') WHERE call % 4 <> 0), (SELECT count(*) FROM apex_batch_items('APEX', 'many') WHERE call % 4 = 0)),
	'one message answers two thousand calls');
SELECT is((SELECT difference FROM apex_position('APEX')), '0.00 USD',
	'the balance of settlement with Apex agrees with confirmations and wires');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'two thousand answers leave cash calls equal to receivables and payables');
SELECT throws_ok(format('SELECT * FROM apex_batches(''APEX'', %s)', at), state, NULL, 'the list of batches is refused as of ' || at) FROM (VALUES ('''infinity''', 'LG061'), ('''-infinity''', 'LG002'), ('NULL', 'LG061'), ('''2099-01-01Z''', 'LG061')) AS v (at, state);
SELECT throws_ok(format('SELECT * FROM apex_position(''APEX'', %s)', at), state, NULL, 'the position is refused as of ' || at) FROM (VALUES ('''infinity''', 'LG061'), ('''-infinity''', 'LG002'), ('NULL', 'LG061'), ('''2099-01-01Z''', 'LG061')) AS v (at, state);
SELECT throws_ok($$DELETE FROM apex_batch$$, 'LG066', NULL, 'a batch is never deleted');
SELECT throws_ok($$DELETE FROM apex_batch_item$$, 'LG066', NULL, 'the items of a batch are never deleted');
SELECT throws_ok($$UPDATE request SET content = content$$, 'LG066', NULL, 'a wire is never changed');
SELECT is_empty($$SELECT * FROM check_cash_calls()$$, 'every call agrees with its execution, events and journals');
SELECT is_empty($$SELECT * FROM verify()$$, 'verify() finds every figure equal to its recomputation');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SELECT * FROM finish();
ROLLBACK;
