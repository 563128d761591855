-- Obligations: wires in whole and in part, refusals, failed, carried, written off, who did it.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000, opened_at => '2025-01-01Z') \g /dev/null
SELECT open_customer('QRST0001', client => 'QRST') \g /dev/null
SELECT open_liquidity_provider('lp1', 'First Provider'), open_liquidity_provider('lp2', 'Second') \g /dev/null
CREATE FUNCTION pg_temp.day(day date, quantity amount, lp text DEFAULT 'lp1') RETURNS bigint LANGUAGE sql AS $$
	SELECT outcome FROM post_trade(format('trade %s', day), 'QRST0001', 'BUY', quantity, lp, lp_price => '60000 USD/BTC', markup_bps => 50, executed_at => day - 1 + time '20:00' AT TIME ZONE 'UTC');
	SELECT count(*) FROM close_window('QRST', day, (day + time '14:30') AT TIME ZONE 'UTC') $$;
CREATE FUNCTION pg_temp.owed(settlement_window text, counterparty text, asset asset) RETURNS bigint LANGUAGE sql AS
	$$ SELECT obligation FROM obligations('QRST') AS o WHERE (o.settlement_window, o.counterparty, o.asset) = ($1, $2, $3) $$;
SELECT is(pg_temp.day('2025-06-03', '0.1 BTC'), 3::bigint, 'W1: 6,030.00 from the client, 6,000.00 to lp1, 0.10 BTC from lp1');

-- ---------------------------------------------------------------------------
-- Wires
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT obligation, settlement_window, counterparty, paid::text, outstanding::text, state FROM record_wire('QRST', 'w1', 'received', '1000 USD', at => '2025-06-03 15:00Z')$$,
	$$VALUES (pg_temp.owed('W1', 'QRST', 'USD'), 'W1', 'QRST', '1000.00 USD', '5030.00 USD', 'PARTIALLY_SETTLED')$$, 'money received is booked before anybody agreed');
SELECT is((SELECT state FROM settlement_window), 'SEALED', 'the window waits for agreement');
SELECT results_eq($$SELECT paid::text, outstanding::text FROM record_wire('QRST', 'w1', 'received', '1000 USD', at => '2025-06-03 15:00Z')$$, $$VALUES ('1000.00 USD', '5030.00 USD')$$, 'the same wire again is the same wire');
SELECT is((SELECT applied FROM obligations('QRST') WHERE counterparty = 'QRST'), '1000.00 USD', 'applied once');
SELECT throws_ok($$SELECT record_wire('QRST', 'w1', 'received', '1001 USD')$$, 'LG020', NULL, 'another amount under its reference');
SELECT throws_ok($$SELECT record_wire('QRST', 'w1', 'sent', '1000 USD')$$, 'LG020', NULL, 'another direction');
SELECT throws_ok($$SELECT settle_provider('QRST', 'w1', 'lp1')$$, 'LG020', NULL, 'another operation');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', '5030.01 USD')$$, 'LG074', NULL, 'a cent too much');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'sent', '1 USD')$$, 'LG073', NULL, 'the client is owed nothing');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', '1 EUR')$$, 'LG073', NULL, 'nor owes euros');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', '1 BTC')$$, 'LG042', NULL, 'coin comes by no wire');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', '0 USD')$$, 'LG045', NULL, 'zero');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', '-1 USD')$$, 'LG045', NULL, 'negative');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', NULL)$$, 'LG042', NULL, 'NULL amount');
SELECT throws_ok($$SELECT record_wire('QRST', NULL, 'received', '1 USD')$$, 'LG002', NULL, 'no reference');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'up', '1 USD')$$, 'LG002', NULL, 'no direction');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', '1 USD', counterparty => 'lp9')$$, 'LG014', NULL, 'unknown provider');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', '1 USD', closes_on => '2025-06-01')$$, 'LG070', NULL, 'unknown window');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'received', '1 USD', at => '2099-01-01')$$, 'LG061', NULL, 'from the future');
SELECT throws_ok($$SELECT record_wire('QRST', 'w2', 'sent', '6000 USD', counterparty => 'lp1')$$, 'LG071', NULL, 'nothing is paid out before the window is agreed');
SELECT is((SELECT count(*) FROM settlement_request), 1::bigint, 'what was refused has left no request');
SELECT is(advise_window('QRST', '2025-06-03'), 'ADVISED', 'advised');
SELECT dispute_window('QRST', '2025-06-03', 'looks wrong') \g /dev/null
SELECT throws_ok($$SELECT settle_provider('QRST', 'p1', 'lp1')$$, 'LG071', NULL, 'nor while it is disputed');
SELECT is(agree_window('QRST', '2025-06-03'), 'PARTIALLY_SETTLED', 'agreed: the window catches up with its obligations');
SELECT results_eq($$SELECT paid::text, state FROM record_wire('QRST', 'w2', 'sent', '6000 USD', counterparty => 'lp1', at => '2025-06-03 16:00Z')$$, $$VALUES ('6000.00 USD', 'SETTLED')$$, 'now the provider is paid');
SELECT is((SELECT count(*) FROM obligations('QRST', open_only => true)), 2::bigint, 'two are open');

-- stamps (I16)
SELECT results_eq($$SELECT entered_at, irrevocable_at, final_at FROM obligations('QRST') WHERE counterparty = 'QRST'$$, $$VALUES (timestamptz '2025-06-03 14:30Z', timestamptz '2025-06-03 15:00Z', NULL::timestamptz)$$, 'entered, irrevocable, not final');
SELECT results_eq($$SELECT paid::text, state FROM record_wire('QRST', 'w3', 'received', '5030 USD', at => '2025-06-03 14:45Z')$$, $$VALUES ('5030.00 USD', 'SETTLED')$$, 'the rest, said to be from earlier');
SELECT results_eq($$SELECT entered_at, irrevocable_at, final_at FROM obligations('QRST') WHERE counterparty = 'QRST'$$, $$VALUES (timestamptz '2025-06-03 14:30Z', timestamptz '2025-06-03 15:00Z', timestamptz '2025-06-03 15:00Z')$$, 'stamps never run backwards');
SELECT throws_ok($$UPDATE obligation SET final_at = NULL, state = 'ENTERED' WHERE state = 'SETTLED'$$, 'LG066', NULL, 'nor are they cleared');
SELECT throws_ok($$UPDATE obligation SET irrevocable_at = '2020-01-01' WHERE state = 'SETTLED'$$, 'LG066', NULL, 'nor moved');
SELECT throws_ok($$UPDATE obligation SET applied = '0 USD' WHERE asset = 'USD'$$, 'LG066', NULL, 'nothing is taken back');
SELECT throws_ok($$UPDATE obligation SET first_due = now()$$, 'LG066', NULL, 'nothing made younger');
SELECT throws_ok($$UPDATE obligation SET applied = amount + amount WHERE asset = 'BTC'$$, '23514', NULL, 'nothing paid twice');
SELECT throws_ok($$UPDATE obligation SET state = 'ENTERED' WHERE asset = 'USD' AND counterparty_kind = 'provider'$$, 'LG071', NULL, 'no way back from SETTLED');
SELECT throws_ok($$DELETE FROM obligation$$, 'LG066', NULL, 'nothing is deleted');
SELECT throws_ok($$DELETE FROM obligation_event$$, 'LG066', NULL, 'nor its events');
SELECT throws_ok($$UPDATE settlement_request SET role_name = 'x'$$, 'LG066', NULL, 'nor requests');
SELECT is_empty($$SELECT o.obligation_id FROM obligation o JOIN obligation_event e USING (client_id, obligation_id) GROUP BY o.client_id, o.obligation_id, o.applied, o.asset
	HAVING coalesce(sum(e.amount), zero(o.asset)) <> o.applied$$, 'what is applied is the sum of the events');

-- ---------------------------------------------------------------------------
-- Instructed, failed, retried
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.day('2025-06-04', '0.2 BTC'), 3::bigint, 'W2');
SELECT throws_ok($$SELECT instruct_obligation('QRST', pg_temp.owed('W2', 'lp1', 'USD'), 'i1')$$, 'LG071', NULL, 'no instruction before the window is agreed');
SELECT advise_window('QRST', '2025-06-04'), agree_window('QRST', '2025-06-04') \g /dev/null
SELECT results_eq($$SELECT state FROM instruct_obligation('QRST', pg_temp.owed('W2', 'lp1', 'USD'), 'i1', '2025-06-04 15:00Z')$$, $$VALUES ('INSTRUCTED')$$, 'instructed');
SELECT results_eq($$SELECT state FROM instruct_obligation('QRST', pg_temp.owed('W2', 'lp1', 'USD'), 'i1', '2025-06-04 15:00Z')$$, $$VALUES ('INSTRUCTED')$$, 'again');
SELECT is((SELECT state FROM settlement_window WHERE window_no = 2), 'AGREED', 'the window follows when all are');
SELECT instruct_obligation('QRST', o.obligation, 'i' || o.obligation, '2025-06-04 15:00Z') FROM obligations('QRST', true) AS o WHERE o.settlement_window = 'W2' AND o.state = 'ENTERED' \g /dev/null
SELECT is((SELECT state FROM settlement_window WHERE window_no = 2), 'INSTRUCTED', 'now');
SELECT throws_ok($$SELECT fail_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'f1', '')$$, 'LG002', NULL, 'a failure says why');
SELECT results_eq($$SELECT state FROM fail_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'f1', 'no funds', '2025-06-04 23:30Z')$$, $$VALUES ('FAILED')$$, 'the client''s wire fails');
SELECT results_eq($$SELECT state FROM fail_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'f2', 'no funds', '2025-06-05 13:30Z')$$, $$VALUES ('FAILED')$$, 'and again: a second attempt');
SELECT is((SELECT count(*) FROM obligation_event WHERE event = 'failed'), 2::bigint, 'each attempt is an event');
SELECT is((SELECT state FROM settlement_window WHERE window_no = 2), 'FAILED', 'the window has failed');
SELECT throws_ok($$SELECT fail_obligation('QRST', 4711, 'f3', 'x')$$, 'LG073', NULL, 'unknown obligation');
SELECT throws_ok($$SELECT fail_obligation('QRST', pg_temp.owed('W1', 'QRST', 'USD'), 'f3', 'x')$$, 'LG071', NULL, 'what is settled cannot fail');
SELECT results_eq($$SELECT state FROM record_wire('QRST', 'w4', 'received', '60 USD', closes_on => '2025-06-04', at => '2025-06-05 14:00Z')$$, $$VALUES ('PARTIALLY_SETTLED')$$, 'then a part comes in');

-- ---------------------------------------------------------------------------
-- Carried
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT settlement_window, paid::text, outstanding::text, state FROM carry_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'c1', 'no funds', '2025-06-05 14:10Z') ORDER BY 1$$,
	$$VALUES ('W2', '12000.00 USD', '0.00 USD', 'CARRIED'), ('W3', NULL, '12000.00 USD', 'ENTERED')$$, 'the rest is carried into the open window');
SELECT results_eq($$SELECT state FROM carry_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'c1', 'no funds', '2025-06-05 14:10Z') ORDER BY 1$$, $$VALUES ('CARRIED'), ('ENTERED')$$, 'once only');
SELECT results_eq($$SELECT first_window, first_due, carried_from FROM obligations('QRST') WHERE settlement_window = 'W3'$$,
	$$SELECT 'W2', first_due, obligation FROM obligations('QRST') WHERE settlement_window = 'W2' AND counterparty = 'QRST'$$, 'with its first due time (I16)');
SELECT throws_ok($$SELECT carry_obligation('QRST', pg_temp.owed('W3', 'QRST', 'USD'), 'c2')$$, 'LG071', NULL, 'it is in the open window already');
SELECT throws_ok($$SELECT record_wire('QRST', 'w5', 'received', '1 USD', closes_on => '2025-06-04')$$, 'LG073', NULL, 'its old window no longer takes money');
SELECT is(pg_temp.day('2025-06-05', '0.1 BTC'), 3::bigint, 'W3 closes with an obligation of its own');
SELECT results_eq($$SELECT count(*), sum(outstanding)::text FROM obligations('QRST', true) WHERE settlement_window = 'W3' AND counterparty = 'QRST'$$, $$VALUES (2::bigint, '18030.00 USD')$$, 'beside the carried one');
SELECT results_eq($$SELECT paid::text, outstanding::text, state FROM record_wire('QRST', 'w6', 'received', '13000 USD', at => '2025-06-05 18:00Z')$$,
	$$VALUES ('12000.00 USD', '0.00 USD', 'SETTLED'), ('1000.00 USD', '5030.00 USD', 'PARTIALLY_SETTLED')$$, 'one wire for two: the oldest first');
SELECT results_eq($$SELECT l.debit::text, l.credit::text FROM journal j, lines(j.entry) AS l WHERE j.reference = 'w6'$$, $$VALUES ('13000.00 USD', NULL), (NULL, '13000.00 USD')$$, 'one line at the bank, one on the window''s account');
SELECT lives_ok($$SELECT settle_provider('QRST', 'p2', 'lp1', '2025-06-04', at => '2025-06-05 18:00Z')$$, 'the provider of W2');
SELECT is((SELECT state FROM settlement_window WHERE window_no = 2), 'CARRIED', 'W2 ends carried');

-- ---------------------------------------------------------------------------
-- Written off, by two persons
-- ---------------------------------------------------------------------------
CREATE ROLE bakkt_test_settler; CREATE ROLE bakkt_test_approver; CREATE ROLE bakkt_test_both;
GRANT bakkt_ledger_settler TO bakkt_test_settler, bakkt_test_both;
GRANT bakkt_ledger_approver TO bakkt_test_approver, bakkt_test_both;
SELECT grant_client_access('QRST', 'bakkt_test_approver') \g /dev/null
SELECT obligation AS rest FROM obligations('QRST', true) WHERE settlement_window = 'W3' AND counterparty = 'QRST' \gset
SELECT advise_window('QRST', '2025-06-05'), agree_window('QRST', '2025-06-05') \g /dev/null
SELECT throws_ok(format('SELECT propose_write_off(%L, %s, %L, %L)', 'QRST', :rest, 'o1', 'because'), 'LG002', NULL, 'a reason of the list');
SELECT throws_ok($$SELECT propose_write_off('QRST', pg_temp.owed('W3', 'lp1', 'USD'), 'o1', 'BAKKT_WRITE_OFF')$$, 'LG002', NULL, 'what the company owes is not written off');
SELECT throws_ok($$SELECT propose_write_off('QRST', pg_temp.owed('W3', 'lp1', 'BTC'), 'o1', 'PARTNER_WRITE_OFF')$$, 'LG002', NULL, 'a provider''s debt is not the client''s');
SELECT throws_ok($$SELECT approve_write_off('QRST', 'o1')$$, 'LG002', NULL, 'nothing was proposed');
SET LOCAL SESSION AUTHORIZATION bakkt_test_both;
SELECT bakkt_ledger.propose_write_off('QRST', :rest, 'o1', 'PARTNER_WRITE_OFF', '2025-07-06Z')::text AS proposed \gset
SELECT public.is(:'proposed'::text, '5030.00 USD', 'proposed');
SELECT throws_ok($$SELECT approve_write_off('QRST', 'o1')$$, 'LG067', NULL, 'nobody approves what he proposed');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT approve_write_off('QRST', 'o1')$$, '42501', NULL, 'a settler does not approve');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT throws_ok($$SELECT propose_write_off('QRST', 1, 'o2', 'PARTNER_WRITE_OFF')$$, '42501', NULL, 'an approver does not propose');
SELECT results_eq($$SELECT paid::text, outstanding::text, state FROM approve_write_off('QRST', 'o1', '2025-07-07Z')$$, $$VALUES ('5030.00 USD', '0.00 USD', 'WRITTEN_OFF')$$, 'another person approves');
SELECT results_eq($$SELECT state FROM approve_write_off('QRST', 'o1', '2025-07-07Z')$$, $$VALUES ('WRITTEN_OFF')$$, 'once only');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT concat_ws(' ', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.name, coalesce(l.debit, l.credit)::text) FROM journal j, lines(j.entry) AS l JOIN account a USING (account) WHERE j.reference = 'o1' ORDER BY l.line$$,
	$$VALUES ('Dr RevShare:payable:QRST 48.00 USD'), ('Dr Expense:bad-debt 4982.00 USD'), ('Cr Client:obligation:QRST:W3 5030.00 USD')$$, 'the client''s revenue share first, as J05c');
SELECT is((SELECT count(*) FROM obligation_event WHERE event = 'written_off' AND role_name = 'bakkt_test_approver' AND reason = 'PARTNER_WRITE_OFF'), 1::bigint, 'who approved is known');
SELECT throws_ok($$SELECT record_wire('QRST', 'w7', 'received', '1 USD')$$, 'LG073', NULL, 'nothing is owed any more');

-- ---------------------------------------------------------------------------
-- The whole, checked
-- ---------------------------------------------------------------------------
SELECT is_empty('SELECT * FROM check_settlement()', 'windows, obligations and balances agree');
SELECT outcome FROM load_journal('QRST', 'stray', journal_entry(line('Dr', account_of('QRST', 'CORP', 'Client:obligation:QRST:W1', 'USD'), '7 USD'),
	line('Cr', account_of('QRST', 'CORP', 'Bank:operating', 'USD'), '7 USD'))) \g /dev/null
SELECT results_eq($$SELECT subject, expected::text, found::text FROM check_settlement('QRST')$$, $$VALUES ('account Client:obligation:QRST:W1 in USD', '0.00 USD', '7.00 USD')$$,
	'a line on a novated account that settles nothing is found');

-- ---------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------
CREATE ROLE bakkt_test_reader; GRANT bakkt_ledger_reader TO bakkt_test_reader;
SET LOCAL SESSION AUTHORIZATION bakkt_test_reader;
SELECT throws_ok($$SELECT close_window('QRST', '2025-06-06')$$, '42501', NULL, 'a reader closes no window');
SELECT throws_ok($$SELECT record_wire('QRST', 'w8', 'received', '1 USD')$$, '42501', NULL, 'nor records wires');
SELECT throws_ok($$SELECT net_position('QRST')$$, '42501', NULL, 'nor sees a client that is not his');
SELECT is_empty($$SELECT * FROM obligations()$$, 'nor its obligations');
SELECT is_empty($$SELECT * FROM obligation$$, 'in the table either');
SELECT is_empty($$SELECT * FROM settlement_window$$, 'nor its windows');
SELECT throws_ok($$SELECT window_members('QRST', '2025-06-03')$$, '42501', NULL, 'nor its executions');
SELECT throws_ok($$SELECT close_one_window(1, '2025-06-06', now())$$, '42501', NULL, 'nor calls what is internal');
RESET SESSION AUTHORIZATION;
SELECT grant_client_access('QRST', 'bakkt_test_reader') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_reader;
SELECT is((SELECT count(*) FROM obligations()), 10::bigint, 'once granted he sees them');
SELECT is((SELECT count(*) FROM settlement_window), 3::bigint, 'and the windows');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
