-- Obligations: wires in whole and in part, refusals, failed, carried, written off, who did it.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();
\ir lib/settlement_event.psql

SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000, at => '2025-01-01Z') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001') \g /dev/null
SELECT open_provider('lp1', 'First Provider'), open_provider('lp2', 'Second') \g /dev/null
CREATE FUNCTION pg_temp.day(day date, quantity amount, provider text DEFAULT 'lp1') RETURNS bigint LANGUAGE sql AS $$
	SELECT outcome FROM post_trade('QRST0001', 'BUY', quantity, provider, format('trade %s', day), provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => day - 1 + time '20:00' AT TIME ZONE 'UTC');
	SELECT count(*) FROM close_window('QRST', day, (day + time '14:30') AT TIME ZONE 'UTC') $$;
CREATE FUNCTION pg_temp.owed(settlement_window text, counterparty text, asset asset) RETURNS bigint LANGUAGE sql AS
	$$ SELECT obligation FROM obligations('QRST') AS o WHERE (o.settlement_window, o.counterparty, o.asset) = ($1, $2, $3) $$;
SELECT is(pg_temp.day('2025-06-03', '0.1 BTC'), 3::bigint,
	'a window of one purchase enters obligations of the client and of the provider');

-- ---------------------------------------------------------------------------
-- Wires
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT obligation, settlement_window, counterparty, paid::text, outstanding::text, status FROM record_wire('QRST', 'received', '1000 USD', 'w1', at => '2025-06-03 15:00Z')$$,
	$$VALUES (pg_temp.owed('W1', 'QRST', 'USD'), 'W1', 'QRST', '1000.00 USD', '5030.00 USD', 'PARTIALLY_SETTLED')$$,
	'a wire received is booked before the window is agreed');
SELECT is((SELECT status FROM settlement_window), 'SEALED', 'a window paid in part stays sealed until it is agreed');
SELECT results_eq($$SELECT reference, outcome, replayed, paid::text, outstanding::text FROM record_wire('QRST', 'received', '1000 USD', 'w1', at => '2025-06-03 15:00Z')$$, $$VALUES ('w1', 'paid', true, '1000.00 USD', '5030.00 USD')$$,
	'a wire recorded again is a replay');
SELECT is((SELECT applied FROM obligations('QRST') WHERE counterparty = 'QRST'), '1000.00 USD',
	'a replayed wire is applied once');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '1001 USD', 'w1')$$, 'LG020', NULL,
	'a wire''s reference with another amount is a conflict');
SELECT throws_ok($$SELECT record_wire('QRST', 'sent', '1000 USD', 'w1')$$, 'LG020', NULL,
	'a wire''s reference with another direction is a conflict');
SELECT throws_ok($$SELECT settle_provider('QRST', 'lp1', 'w1')$$, 'LG020', NULL,
	'a wire''s reference for another operation is a conflict');
SELECT throws_ok($$SELECT record_wire('QRST', 'sent', '6000.01 USD', 'w2', counterparty => 'lp1')$$, 'LG074', NULL,
	'a wire sent a cent above the obligation is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'sent', '1 USD', 'w2')$$, 'LG073', NULL,
	'a wire sent to a client that is owed nothing is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'sent', '1 EUR', 'w2')$$, 'LG073', NULL,
	'a wire sent in a currency that is not owed is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '1 BTC', 'w2')$$, 'LG042', NULL, 'a wire of coin is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '0 USD', 'w2')$$, 'LG045', NULL, 'a wire of zero is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '-1 USD', 'w2')$$, 'LG045', NULL,
	'a wire of a negative amount is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', NULL, 'w2')$$, 'LG042', NULL, 'a wire without an amount is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '1 USD', NULL)$$, 'LG002', NULL,
	'a wire without a reference is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'up', '1 USD', 'w2')$$, 'LG002', NULL, 'a wire of an unknown direction is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '1 USD', 'w2', counterparty => 'lp9')$$, 'LG014', NULL,
	'a wire of an unknown provider is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '1 USD', 'w2', closes_on => '2025-06-01')$$, 'LG070', NULL,
	'a wire for an unknown window is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '1 USD', 'w2', at => '2099-01-01')$$, 'LG061', NULL,
	'a wire from the future is refused');
SELECT throws_ok($$SELECT record_wire('QRST', 'sent', '6000 USD', 'w2', counterparty => 'lp1')$$, 'LG071', NULL, 'nothing is paid out before the window is agreed');
SELECT is((SELECT count(*) FROM settlement_request), 1::bigint, 'a refused wire leaves no request');
SELECT is((advise_window('QRST', '2025-06-03')).status, 'ADVISED', 'a sealed window can be advised');
SELECT dispute_window('QRST', '2025-06-03', 'looks wrong') \g /dev/null
SELECT throws_ok($$SELECT settle_provider('QRST', 'lp1', 'p1')$$, 'LG071', NULL,
	'nothing is paid out while the window is disputed');
SELECT is((agree_window('QRST', '2025-06-03')).status, 'PARTIALLY_SETTLED', 'an agreed window takes the status of its obligations');
SELECT results_eq($$SELECT paid::text, status FROM record_wire('QRST', 'sent', '6000 USD', 'w2', counterparty => 'lp1', at => '2025-06-03 16:00Z')$$, $$VALUES ('6000.00 USD', 'SETTLED')$$,
	'a provider is paid once the window is agreed');
SELECT is((SELECT count(*) FROM obligations('QRST', open_only => true)), 2::bigint,
	'obligations settled in whole are not listed as open');

-- stamps (I16)
SELECT results_eq($$SELECT entered_at, irrevocable_at, final_at FROM obligations('QRST') WHERE counterparty = 'QRST'$$, $$VALUES (timestamptz '2025-06-03 14:30Z', timestamptz '2025-06-03 15:00Z', NULL::timestamptz)$$,
	'an obligation paid in part is irrevocable but not final (I16)');
SELECT results_eq($$SELECT paid::text, status FROM record_wire('QRST', 'received', '5030 USD', 'w3', at => '2025-06-03 14:45Z')$$, $$VALUES ('5030.00 USD', 'SETTLED')$$,
	'a wire dated before an earlier one is booked');
SELECT results_eq($$SELECT entered_at, irrevocable_at, final_at FROM obligations('QRST') WHERE counterparty = 'QRST'$$, $$VALUES (timestamptz '2025-06-03 14:30Z', timestamptz '2025-06-03 15:00Z', timestamptz '2025-06-03 15:00Z')$$,
	'stamps of an obligation never run backwards');
SELECT results_eq($$SELECT paid::text, outstanding::text, status FROM record_wire('QRST', 'received', '1000 USD', 'w1', at => '2025-06-03 17:00Z')$$, $$VALUES ('1000.00 USD', '5030.00 USD', 'PARTIALLY_SETTLED')$$,
	'a wire recorded again after another paid the rest is answered as it was first');
SELECT throws_ok($$UPDATE obligation SET final_at = NULL, status = 'ENTERED' WHERE status = 'SETTLED'$$, 'LG066', NULL,
	'stamps of an obligation cannot be cleared');
SELECT throws_ok($$UPDATE obligation SET irrevocable_at = '2020-01-01' WHERE status = 'SETTLED'$$, 'LG066', NULL,
	'stamps of an obligation cannot be moved');
SELECT throws_ok($$UPDATE obligation SET applied = '0 USD' WHERE asset = 'USD'$$, 'LG066', NULL,
	'the amount applied to an obligation cannot be taken back');
SELECT throws_ok($$UPDATE obligation SET first_due = now()$$, 'LG066', NULL,
	'the first due time of an obligation cannot be changed');
SELECT throws_ok($$UPDATE obligation SET applied = amount + amount WHERE asset = 'BTC'$$, '23514', NULL,
	'the amount applied to an obligation cannot exceed its amount');
SELECT throws_ok($$UPDATE obligation SET status = 'ENTERED' WHERE asset = 'USD' AND counterparty_kind = 'provider'$$, '23514', NULL,
	'a settled obligation cannot return to ENTERED');
SELECT throws_ok($$SELECT change_obligations(NULL, 'failed', ARRAY[o], NULL) FROM obligation AS o WHERE o.asset = 'USD' AND o.counterparty_kind = 'provider'$$, 'LG071', NULL,
	'a settled obligation cannot fail afterwards');
SELECT throws_ok($$DELETE FROM obligation$$, 'LG066', NULL, 'obligations cannot be deleted');
SELECT throws_ok($$DELETE FROM event$$, 'LG066', NULL, 'events of obligations cannot be deleted');
SELECT throws_ok($$UPDATE request SET outcome = '{}'$$, 'LG066', NULL, 'settlement requests cannot be changed');
SELECT is_empty($$SELECT o.obligation_id FROM obligation o JOIN obligation_event e USING (client_id, obligation_id) GROUP BY o.client_id, o.obligation_id, o.applied, o.asset
	HAVING coalesce(sum(e.amount), zero(o.asset)) <> o.applied$$, 'the amount applied to an obligation is the sum of its events');

-- ---------------------------------------------------------------------------
-- Instructed, failed, retried
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.day('2025-06-04', '0.2 BTC'), 3::bigint, 'a second window enters obligations of its own');
SELECT throws_ok($$SELECT instruct_obligation('QRST', pg_temp.owed('W2', 'lp1', 'USD'), 'i1')$$, 'LG071', NULL,
	'an instruction before the window is agreed is refused');
SELECT advise_window('QRST', '2025-06-04'), agree_window('QRST', '2025-06-04') \g /dev/null
SELECT results_eq($$SELECT status FROM instruct_obligation('QRST', pg_temp.owed('W2', 'lp1', 'USD'), 'i1', '2025-06-04 15:00Z')$$, $$VALUES ('INSTRUCTED')$$,
	'an obligation of an agreed window can be instructed');
SELECT results_eq($$SELECT reference, outcome, replayed, status FROM instruct_obligation('QRST', pg_temp.owed('W2', 'lp1', 'USD'), 'i1', '2025-06-04 15:00Z')$$, $$VALUES ('i1', 'instructed', true, 'INSTRUCTED')$$,
	'an instruction submitted again is a replay');
SELECT is((SELECT status FROM settlement_window WHERE window_no = 2), 'AGREED',
	'a window stays agreed until all its obligations are instructed');
SELECT instruct_obligation('QRST', o.obligation, 'i' || o.obligation, '2025-06-04 15:00Z') FROM obligations('QRST', true) AS o WHERE o.settlement_window = 'W2' AND o.status = 'ENTERED' \g /dev/null
SELECT is((SELECT status FROM settlement_window WHERE window_no = 2), 'INSTRUCTED',
	'a window is instructed when all its obligations are');
SELECT throws_ok($$SELECT fail_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'f1', '')$$, 'LG002', NULL,
	'a failure without a reason is refused');
SELECT results_eq($$SELECT status FROM fail_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'f1', 'no funds', '2025-06-04 23:30Z')$$, $$VALUES ('FAILED')$$,
	'an instructed obligation can fail');
SELECT results_eq($$SELECT status FROM fail_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'f2', 'no funds', '2025-06-05 13:30Z')$$, $$VALUES ('FAILED')$$,
	'a failed obligation can fail again in a second attempt');
SELECT is((SELECT count(*) FROM obligation_event WHERE event = 'failed'), 2::bigint, 'each failed attempt is an event');
SELECT is((SELECT status FROM settlement_window WHERE window_no = 2), 'FAILED', 'a window fails with one of its obligations');
SELECT throws_ok($$SELECT fail_obligation('QRST', 4711, 'f3', 'x')$$, 'LG073', NULL,
	'a failure of an unknown obligation is refused');
SELECT throws_ok($$SELECT fail_obligation('QRST', pg_temp.owed('W1', 'QRST', 'USD'), 'f3', 'x')$$, 'LG071', NULL,
	'a settled obligation cannot fail');
SELECT results_eq($$SELECT status FROM record_wire('QRST', 'received', '60 USD', 'w4', closes_on => '2025-06-04', at => '2025-06-05 14:00Z')$$, $$VALUES ('PARTIALLY_SETTLED')$$,
	'a failed obligation can be paid in part');

-- ---------------------------------------------------------------------------
-- Carried
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT settlement_window, paid::text, outstanding::text, status FROM carry_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'c1', 'no funds', '2025-06-05 14:10Z') ORDER BY 1$$,
	$$VALUES ('W2', '12000.00 USD', '0.00 USD', 'CARRIED'), ('W3', NULL, '12000.00 USD', 'ENTERED')$$,
	'the rest of an obligation is carried into the open window');
SELECT results_eq($$SELECT reference, outcome, replayed, status FROM carry_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'c1', 'no funds', '2025-06-05 14:10Z') ORDER BY status$$, $$VALUES ('c1', 'carried', true, 'CARRIED'), ('c1', 'entered', true, 'ENTERED')$$,
	'an obligation carried again under its reference is a replay');
SELECT results_eq($$SELECT reference, outcome, replayed, status FROM fail_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'f1', 'no funds')$$, $$VALUES ('f1', 'failed', true, 'FAILED')$$,
	'a failure recorded again is answered as it was first, though the obligation was carried since');
SELECT results_eq($$SELECT outcome, replayed, status FROM agree_window('QRST', '2025-06-03')$$, $$VALUES ('agreed', true, 'PARTIALLY_SETTLED')$$,
	'a window agreed again is answered as it was first, though it was paid since');
SELECT results_eq($$SELECT first_window, first_due, carried_from FROM obligations('QRST') WHERE settlement_window = 'W3'$$,
	$$SELECT 'W2', first_due, obligation FROM obligations('QRST') WHERE settlement_window = 'W2' AND counterparty = 'QRST'$$,
	'a carried obligation keeps its first due time (I16)');
SELECT throws_ok($$SELECT carry_obligation('QRST', pg_temp.owed('W3', 'QRST', 'USD'), 'c2')$$, 'LG071', NULL,
	'an obligation of the open window cannot be carried');
SELECT results_eq($$SELECT outcome, obligation, paid::text FROM record_wire('QRST', 'received', '1 USD', 'w5', closes_on => '2025-06-04')$$, $$VALUES ('unapplied', NULL::bigint, '1.00 USD')$$,
	'the window that an obligation was carried from takes no more money');
SELECT return_unapplied_payment('QRST', unapplied, 'w5 back', 'for a window that owes nothing') FROM unapplied_payments('QRST') \g /dev/null
SELECT is(pg_temp.day('2025-06-05', '0.1 BTC'), 3::bigint,
	'a window with a carried obligation closes with obligations of its own');
SELECT results_eq($$SELECT count(*), sum(outstanding)::text FROM obligations('QRST', true) WHERE settlement_window = 'W3' AND counterparty = 'QRST'$$, $$VALUES (2::bigint, '18030.00 USD')$$,
	'a carried obligation stays apart from the client''s new obligation');
SELECT results_eq($$SELECT paid::text, outstanding::text, status FROM record_wire('QRST', 'received', '13000 USD', 'w6', at => '2025-06-05 18:00Z')$$,
	$$VALUES ('12000.00 USD', '0.00 USD', 'SETTLED'), ('1000.00 USD', '5030.00 USD', 'PARTIALLY_SETTLED')$$,
	'a wire for two obligations pays the oldest first');
SELECT results_eq($$SELECT l.debit::text, l.credit::text FROM journal j, lines(j.entry) AS l WHERE j.reference = 'w6'$$, $$VALUES ('13000.00 USD', NULL), (NULL, '13000.00 USD')$$,
	'a wire for two obligations posts one line per account');
SELECT lives_ok($$SELECT settle_provider('QRST', 'lp1', 'p2', '2025-06-04', at => '2025-06-05 18:00Z')$$,
	'the provider of an earlier window can be settled');
SELECT is((SELECT status FROM settlement_window WHERE window_no = 2), 'CARRIED',
	'a window whose obligation was carried ends carried');

-- ---------------------------------------------------------------------------
-- Written off, by two persons
-- ---------------------------------------------------------------------------
CREATE ROLE bakkt_test_settler; CREATE ROLE bakkt_test_approver; CREATE ROLE bakkt_test_both;
GRANT bakkt_ledger_settler TO bakkt_test_settler, bakkt_test_both;
GRANT bakkt_ledger_approver TO bakkt_test_approver, bakkt_test_both;
SELECT grant_client_access('QRST', 'bakkt_test_approver') \g /dev/null
SELECT obligation AS rest FROM obligations('QRST', true) WHERE settlement_window = 'W3' AND counterparty = 'QRST' \gset
SELECT advise_window('QRST', '2025-06-05'), agree_window('QRST', '2025-06-05') \g /dev/null
SELECT throws_ok(format('SELECT propose_write_off(%L, %s, %L, %L)', 'QRST', :rest, 'o1', 'because'), 'LG002', NULL,
	'a write-off for an unlisted reason is refused');
SELECT throws_ok($$SELECT propose_write_off('QRST', pg_temp.owed('W3', 'lp1', 'USD'), 'o1', 'BAKKT_WRITE_OFF')$$, 'LG002', NULL,
	'what the company owes cannot be written off');
SELECT throws_ok($$SELECT propose_write_off('QRST', pg_temp.owed('W3', 'lp1', 'BTC'), 'o1', 'PARTNER_WRITE_OFF')$$, 'LG002', NULL,
	'a provider''s debt cannot be written off as the client''s');
SELECT throws_ok($$SELECT approve_write_off('QRST', 'o1')$$, 'LG002', NULL, 'an approval without a proposal is refused');
SET LOCAL SESSION AUTHORIZATION bakkt_test_both;
SELECT (bakkt_ledger.propose_write_off('QRST', :rest, 'o1', 'PARTNER_WRITE_OFF', '2025-07-06Z')).amount::text AS proposed \gset
SELECT public.is(:'proposed'::text, '5030.00 USD', 'a proposed write-off covers the whole outstanding amount');
SELECT throws_ok($$SELECT approve_write_off('QRST', 'o1')$$, 'LG067', NULL, 'nobody approves a write-off they proposed');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT approve_write_off('QRST', 'o1')$$, '42501', NULL, 'a settler cannot approve a write-off');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT throws_ok($$SELECT propose_write_off('QRST', 1, 'o2', 'PARTNER_WRITE_OFF')$$, '42501', NULL,
	'an approver cannot propose a write-off');
SELECT results_eq($$SELECT amount::text, outcome, replayed, status FROM approve_write_off('QRST', 'o1', '2025-07-07Z')$$, $$VALUES ('5030.00 USD', 'written_off', false, 'APPROVED')$$,
	'a second person can approve a write-off');
SELECT results_eq($$SELECT outstanding::text, status FROM obligations('QRST') WHERE settlement_window = 'W3' AND counterparty = 'QRST' AND carried_from IS NULL$$, $$VALUES ('0.00 USD', 'WRITTEN_OFF')$$,
	'what is written off has nothing outstanding');
SELECT results_eq($$SELECT amount::text, outcome, replayed, status FROM approve_write_off('QRST', 'o1', '2025-07-07Z')$$, $$VALUES ('5030.00 USD', 'written_off', true, 'APPROVED')$$,
	'an approval submitted again is answered as it was first');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT concat_ws(' ', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.name, coalesce(l.debit, l.credit)::text) FROM journal j, lines(j.entry) AS l JOIN account a USING (account) WHERE j.reference = 'o1' ORDER BY l.line$$,
	$$VALUES ('Dr RevShare:payable:QRST 48.00 USD'), ('Dr Expense:bad-debt 4982.00 USD'), ('Cr Client:obligation:QRST:W3 5030.00 USD')$$,
	'a write-off takes the client''s revenue share first, as in J05c');
SELECT is((SELECT count(*) FROM obligation_event WHERE event = 'written_off' AND role_name = 'bakkt_test_approver' AND reason = 'PARTNER_WRITE_OFF'), 1::bigint,
	'a write-off records its approver and its reason');
SELECT is((SELECT outcome FROM record_wire('QRST', 'received', '1 USD', 'w7')), 'unapplied',
	'a wire for an obligation written off is unapplied');

-- ---------------------------------------------------------------------------
-- The check of settlement
-- ---------------------------------------------------------------------------
SELECT is_empty('SELECT * FROM check_settlement()', 'windows, obligations and balances agree');
SELECT outcome FROM load_journal('QRST', journal_entry(line('Dr', account_of('QRST', 'CORP', 'Client:obligation:QRST:W1', 'USD'), '7 USD'),
	line('Cr', account_of('QRST', 'CORP', 'Bank:operating', 'USD'), '7 USD')), 'stray') \g /dev/null
SELECT results_eq($$SELECT check_name, client, account, detail FROM check_settlement('QRST')$$,
	$$VALUES ('settlement', 'QRST', account_of('QRST', 'CORP', 'Client:obligation:QRST:W1', 'USD'), 'Client:obligation:QRST:W1 holds 7.00 USD, its obligations have 0.00 USD outstanding, debit positive.')$$,
	'a line on a novated account that settles nothing is found');

-- ---------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------
CREATE ROLE bakkt_test_reader; GRANT bakkt_ledger_reader TO bakkt_test_reader;
SET LOCAL SESSION AUTHORIZATION bakkt_test_reader;
SELECT throws_ok($$SELECT close_window('QRST', '2025-06-06')$$, '42501', NULL, 'a reader closes no window');
SELECT throws_ok($$SELECT record_wire('QRST', 'received', '1 USD', 'w8')$$, '42501', NULL, 'a reader records no wire');
SELECT throws_ok($$SELECT net_position('QRST')$$, '42501', NULL, 'the position of a client not granted is refused to a reader');
SELECT is_empty($$SELECT * FROM obligations()$$, 'a reader lists no obligations of a client not granted');
SELECT throws_ok($$SELECT * FROM bakkt_ledger.obligation$$, '42501', NULL, 'a reader does not see the table of obligations');
SELECT throws_ok($$SELECT * FROM bakkt_ledger.settlement_window$$, '42501', NULL, 'a reader does not see the table of windows');
SELECT throws_ok($$SELECT window_members('QRST', '2025-06-03')$$, '42501', NULL,
	'the executions of a client not granted are refused to a reader');
SELECT throws_ok($$SELECT bakkt_ledger_internal.close_one_window(NULL, NULL, '2025-06-06', now())$$, '42501', NULL, 'a reader cannot call an internal function');
RESET SESSION AUTHORIZATION;
SELECT grant_client_access('QRST', 'bakkt_test_reader') \g /dev/null
SELECT string_agg(obligation_id::text, ',') AS of_client FROM obligation WHERE counterparty_kind = 'client' \gset
SELECT (window_of('QRST', '2025-06-03 12:00Z')).status AS of_window \gset
SET LOCAL SESSION AUTHORIZATION bakkt_test_reader;
SELECT set_eq('SELECT obligation FROM obligations()', ARRAY[:of_client], 'a reader lists the obligations of a granted client, and no provider''s');
SELECT is((window_of('QRST', '2025-06-03 12:00Z')).status, :'of_window', 'a reader sees the windows of a granted client');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM obligations()), 10::bigint, 'the company lists the obligations of all counterparties');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
