-- Withdrawals: requested, sent, completed, cancelled, rejected, returned; what is free for them; adjustments by hand.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/funding_event.psql
\ir lib/event.psql
SELECT no_plan();

SELECT open_client('QRST', at => '2026-01-01Z'), open_client('XYZZ', at => '2026-01-01Z') \g /dev/null
SELECT open_bank_account('FIRST', 'FBO', 'First Bank', ledger_name => 'Bank:omnibus:First') \g /dev/null
SELECT open_customer(client => 'QRST', customer => a) FROM unnest(ARRAY['ALICE001', 'BOB00001', 'CAROL001', 'DAVE0001']) a \g /dev/null
SELECT open_customer(client => 'XYZZ', customer => 'XYZZ0001') \g /dev/null
SELECT open_provider('lp1', 'One') \g /dev/null
CREATE FUNCTION pg_temp.step(reference text, event text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s %s', CASE WHEN sign(p.amount) < 0 THEN 'Cr' ELSE 'Dr' END, p.fund, p.name, abs(p.amount)) ORDER BY p.line)
	FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id) JOIN posting p ON p.journal = e.journal_id
	WHERE t.reference = step.reference AND e.event = step.event $$;
CREATE FUNCTION pg_temp.cash(account text) RETURNS text LANGUAGE sql AS $$ SELECT format('%s, held %s, called %s, available %s', settled, held, called, available) FROM cash_balance(account) $$;
CREATE FUNCTION pg_temp.hold_of(reference text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s %s', h.status, h.remaining, h.captured) FROM hold h JOIN funding_transfer t ON h.client_id = t.client_id AND h.reference = 'funding:' || t.transfer_id WHERE t.reference = hold_of.reference $$;
CREATE FUNCTION pg_temp.state(reference text) RETURNS text LANGUAGE sql AS $$ SELECT status FROM funding_transfer t WHERE t.reference = state.reference $$;
SELECT receive_wire('QRST', '1000 USD', 'w-' || a, a, at => '2026-11-02 15:00Z') FROM unnest(ARRAY['ALICE001', 'BOB00001', 'CAROL001', 'DAVE0001']) a \g /dev/null

-- ---------------------------------------------------------------------------
-- The way through (J06b-c; line by line in funding_return.sql)
-- ---------------------------------------------------------------------------
SELECT is((SELECT format('%s %s %s %s', rail, direction, amount, status) FROM request_withdrawal('ALICE001', '800 USD', 'out', at => '2026-11-03 15:00Z')), 'ACH WITHDRAWAL 800.00 USD REQUESTED',
	'a requested withdrawal goes by ACH and has the status REQUESTED');
SELECT is(pg_temp.cash('ALICE001'), '1000.00 USD, held 800.00 USD, called 0.00 USD, available 200.00 USD',
	'a requested withdrawal is held and stays in the settled balance');
SELECT is(pg_temp.hold_of('out'), 'OPEN 800.00 USD 0.00 USD', 'a requested withdrawal has an open hold of its amount');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, status, at AT TIME ZONE 'UTC') FROM send_withdrawal('QRST', 'out', 'FILE-1', '2026-11-03 16:00Z')), 'sent f SENT 2026-11-03 16:00:00',
	'a withdrawal is SENT at the time given');
SELECT is(pg_temp.step('out', 'sent'), ARRAY['Dr FBO Cust:ALICE001:settled 800.00 USD', 'Cr FBO Clearing:ACH-out 800.00 USD'],
	'a sent withdrawal moves the customer''s claim to clearing');
SELECT is(pg_temp.hold_of('out'), 'CAPTURED 0.00 USD 800.00 USD', 'a sent withdrawal captures its hold');
SELECT is((SELECT format('%s %s %s', k.name, j.effective_at AT TIME ZONE 'UTC', h.journal_id = j.journal_id) FROM journal j JOIN journal_kind k USING (kind) JOIN hold_event h ON h.event = 'captured' WHERE j.reference LIKE 'funding:%:sent'),
	'cash_withdrawal 2026-11-03 16:00:00 t', 'the capture of a withdrawal''s hold names the journal of its sending');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, status, at AT TIME ZONE 'UTC') FROM complete_withdrawal('QRST', 'out', 'BAI-455', '2026-11-04 15:00Z')), 'completed f COMPLETED 2026-11-04 15:00:00',
	'a withdrawal is COMPLETED at the time given');
SELECT is(pg_temp.step('out', 'completed'), ARRAY['Dr FBO Clearing:ACH-out 800.00 USD', 'Cr FBO Bank:omnibus 800.00 USD'],
	'a completed withdrawal moves clearing to the omnibus bank account');
SELECT is(pg_temp.cash('ALICE001'), '200.00 USD, held 0.00 USD, called 0.00 USD, available 200.00 USD',
	'a completed withdrawal leaves the rest settled and available');
SELECT is((SELECT format('%s %s', settled, held) FROM cash_balance('ALICE001', at => '2026-11-03 15:30Z')), '1000.00 USD 800.00 USD',
	'cash_balance() as of before the sending shows the withdrawal held');
SELECT is((SELECT format('%s %s', settled, held) FROM cash_balance('ALICE001', at => '2026-11-03 16:00Z')), '200.00 USD 0.00 USD',
	'cash_balance() as of the sending shows the withdrawal gone');
SELECT request_withdrawal('BOB00001', '100 USD', 'wire out', rail => 'WIRE', bank => 'First', at => '2026-11-03 15:00Z'), send_withdrawal('QRST', 'wire out', at => '2026-11-03 16:00Z') \g /dev/null
SELECT is(pg_temp.step('wire out', 'sent'), ARRAY['Dr FBO Cust:BOB00001:settled 100.00 USD', 'Cr FBO Clearing:wire-out 100.00 USD'],
	'a withdrawal by wire goes through wire clearing');
SELECT complete_withdrawal('QRST', 'wire out', 'IMAD-9', '2026-11-03 17:00Z') \g /dev/null
SELECT is(pg_temp.step('wire out', 'completed'), ARRAY['Dr FBO Clearing:wire-out 100.00 USD', 'Cr FBO Bank:omnibus:First 100.00 USD'],
	'a withdrawal is paid from the bank named in its request');

-- ---------------------------------------------------------------------------
-- Idempotency
-- ---------------------------------------------------------------------------
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM request_withdrawal('ALICE001', '800.00 USD', 'out')), 'requested t REQUESTED',
	'a repeated request is answered as it was answered first');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, status, at AT TIME ZONE 'UTC') FROM send_withdrawal('QRST', 'out', 'FILE-1')), 'sent t SENT 2026-11-03 16:00:00',
	'a repeated sending is answered as it was answered first, though the withdrawal is completed by now');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, status, at AT TIME ZONE 'UTC') FROM complete_withdrawal('QRST', 'out', 'BAI-455')), 'completed t COMPLETED 2026-11-04 15:00:00',
	'a repeated completion is answered as it was answered first');
SELECT is((SELECT count(*) FROM journal WHERE kind = 13), 4::bigint, 'repeated steps of a withdrawal post nothing');
SELECT throws_ok(call, 'LG020', NULL, 'a known reference or step with other content is refused: ' || call) FROM unnest(ARRAY[
	$$ SELECT request_withdrawal('ALICE001', '801 USD', 'out') $$, $$ SELECT request_withdrawal('BOB00001', '800 USD', 'out') $$, $$ SELECT request_withdrawal('ALICE001', '800 USD', 'out', rail => 'WIRE') $$,
	$$ SELECT request_withdrawal('ALICE001', '800 USD', 'out', bank => 'First') $$, $$ SELECT initiate_deposit('ALICE001', '800 USD', 'out') $$, $$ SELECT send_withdrawal('QRST', 'out') $$, $$ SELECT complete_withdrawal('QRST', 'out', 'BAI-456') $$]) AS call;

-- ---------------------------------------------------------------------------
-- Refusals
-- ---------------------------------------------------------------------------
SELECT throws_ok(format('SELECT request_withdrawal(%s)', arguments), code, NULL,
	format('a request for a withdrawal is refused (%s): %s', code, arguments))
  FROM (VALUES ('''NOBODY01'', ''10 USD'', ''r''', 'LG012'), ('''ALICE001'', ''10 USD'', NULL', 'LG002'), ('''ALICE001'', ''10 USD'', ''r'', ''DEBIT''', 'LG002'), ('''ALICE001'', ''10 USD'', ''r'', NULL', 'LG002'),
	('''ALICE001'', NULL, ''r''', 'LG045'), ('''ALICE001'', ''0 USD'', ''r''', 'LG045'), ('''ALICE001'', ''-10 USD'', ''r''', 'LG045'), ('''ALICE001'', ''10 BTC'', ''r''', 'LG042'), ('''ALICE001'', ''10 NOPE'', ''r''', 'LG040'),
	('''ALICE001'', ''10.001 USD'', ''r''', 'LG043'), ('''ALICE001'', ''9.99 USD'', ''r''', 'LG047'), ('''ALICE001'', ''200.01 USD'', ''r''', 'LG050'), ('''ALICE001'', ''10 EUR'', ''r''', 'LG050'),
	('''ALICE001'', ''10 USD'', ''r'', bank => ''a:b''', 'LG034'), ('''ALICE001'', ''10 USD'', ''r'', at => ''infinity''', 'LG061'), ('''ALICE001'', ''10 USD'', ''r'', at => ''-infinity''', 'LG002')) AS refusal(arguments, code);
SELECT throws_ok(format('SELECT %s', call), code, NULL,
	format('a step without a transfer of its kind is refused (%s): %s', code, call)) FROM (VALUES
	($$send_withdrawal('QRST', 'none')$$, 'LG080'), ($$complete_withdrawal('QRST', 'none')$$, 'LG080'), ($$cancel_withdrawal('QRST', 'none')$$, 'LG080'), ($$reject_withdrawal('QRST', 'none', 'x')$$, 'LG080'),
	($$return_withdrawal('QRST', 'none', 'R01')$$, 'LG080'), ($$send_withdrawal('QRST', 'w-ALICE001')$$, 'LG080'), ($$credit_deposit('QRST', 'out')$$, 'LG080'), ($$send_withdrawal('NONE', 'out')$$, 'LG010'),
	($$send_withdrawal('XYZZ', 'out')$$, 'LG080'), ($$send_withdrawals('QRST', ARRAY['none'])$$, 'LG080')) AS t (call, code);
SELECT is((SELECT status FROM request_withdrawal('ALICE001', '10 USD', 'r', at => '2026-11-03 15:00Z')), 'REQUESTED',
	'a withdrawal of the minimum is accepted, under a reference refused before');
SELECT change_cash_terms('QRST', minimum_withdrawal => '0 USD') \g /dev/null
SELECT is((SELECT status FROM request_withdrawal('ALICE001', '0.01 USD', 'cent', at => '2026-11-03 15:00Z')), 'REQUESTED',
	'a withdrawal of one cent is accepted where the minimum is zero');
SELECT change_cash_terms('QRST', minimum_withdrawal => '10 EUR') \g /dev/null
SELECT is((SELECT status FROM request_withdrawal('ALICE001', '0.02 USD', 'cents', at => '2026-11-03 15:00Z')), 'REQUESTED',
	'a minimum in another currency does not bind a withdrawal');
SELECT change_cash_terms('QRST', minimum_withdrawal => '10 USD') \g /dev/null

-- The party decides what is asked for and sent, not what the bank has done.
SELECT request_withdrawal('CAROL001', '100 USD', 'carol ' || n, at => '2026-11-03 15:00Z') FROM generate_series(1, 3) n \g /dev/null
SELECT send_withdrawal('QRST', 'carol 1', at => '2026-11-03 16:00Z'), send_withdrawal('QRST', 'carol 2', at => '2026-11-03 16:00Z') \g /dev/null
CREATE FUNCTION pg_temp.party(party_status text, mode text) RETURNS void LANGUAGE sql AS $$ SELECT change_customer('CAROL001', mode => mode, party_status => party_status) $$;
SELECT throws_ok(format($$ SELECT pg_temp.party(%L, %L), request_withdrawal('CAROL001', '10 USD', 'party') $$, s, m), 'LG013', NULL,
	format('a customer of party status %s and mode %s may not request a withdrawal', s, m))
  FROM (VALUES ('SUSPENDED', 'OPEN'), ('UNDER_REVIEW', 'OPEN'), ('INACTIVE', 'OPEN'), ('ACTIVE', 'LOCKED'), ('SUSPENDED', 'CLOSING_ONLY')) AS t (s, m);
SELECT lives_ok(format($$ SELECT pg_temp.party(%L, %L), request_withdrawal('CAROL001', '10 USD', 'party %s %s') $$, s, m, s, m),
	format('a customer of party status %s and mode %s may request a withdrawal', s, m))
  FROM (VALUES ('LIQUIDATED', 'OPEN'), ('ACTIVE', 'CLOSING_ONLY'), ('LIQUIDATED', 'CLOSING_ONLY')) AS t (s, m);
SELECT pg_temp.party('SUSPENDED', 'OPEN') \g /dev/null
SELECT throws_ok($$ SELECT send_withdrawal('QRST', 'carol 3') $$, 'LG013', NULL, 'a withdrawal of a suspended party is not sent');
SELECT is((SELECT status FROM complete_withdrawal('QRST', 'carol 1', at => '2026-11-04 16:00Z')), 'COMPLETED',
	'a withdrawal that the bank has paid is completed for a suspended party');
SELECT is((SELECT status FROM return_withdrawal('QRST', 'carol 2', 'R03', at => '2026-11-04 16:00Z')), 'RETURNED',
	'a withdrawal that came back is returned to a suspended party');
SELECT is((SELECT status FROM reject_withdrawal('QRST', 'carol 3', 'party suspended', '2026-11-04 16:00Z')), 'REJECTED',
	'a withdrawal of a suspended party can be rejected');
SELECT pg_temp.party('ACTIVE', 'OPEN') \g /dev/null
SELECT change_customer('CAROL001', funding_model => 'NET_SETTLEMENT') \g /dev/null
SELECT lives_ok($$ SELECT request_withdrawal('CAROL001', '10 USD', 'moved away') $$,
	'a customer moved to another funding model may withdraw its cash');
SELECT throws_ok($$ SELECT initiate_deposit('CAROL001', '10 USD', 'moved back') $$, 'LG013', NULL,
	'a customer moved to another funding model may not deposit');

-- ---------------------------------------------------------------------------
-- Cancelled, rejected, returned
-- ---------------------------------------------------------------------------
SELECT request_withdrawal('DAVE0001', '10 USD', s, at => '2026-11-03 15:00Z') FROM unnest(ARRAY['requested', 'sent', 'completed', 'cancelled', 'rejected', 'returned sent', 'returned completed']) s \g /dev/null
SELECT results_eq($$SELECT request, reference, replayed, status FROM send_withdrawals('QRST', ARRAY['sent', 'completed', 'returned sent', 'returned completed', 'sent'], 'FILE-2', '2026-11-03 16:00Z')$$,
	$$VALUES (1, 'sent', false, 'SENT'), (2, 'completed', false, 'SENT'), (3, 'returned sent', false, 'SENT'), (4, 'returned completed', false, 'SENT'), (5, 'sent', true, 'SENT')$$,
	'many withdrawals are sent by one call, each answered in its place');
SELECT results_eq($$SELECT request, reference, replayed, status FROM complete_withdrawals('QRST', ARRAY['returned completed', 'completed'], 'BAI-9', '2026-11-04 16:00Z')$$,
	$$VALUES (1, 'returned completed', false, 'COMPLETED'), (2, 'completed', false, 'COMPLETED')$$,
	'many withdrawals are completed by one call, each answered in its place');
SELECT results_eq($$SELECT request, replayed, status FROM send_withdrawals('QRST', ARRAY['sent', 'completed', 'returned sent', 'returned completed'], 'FILE-2')$$,
	$$VALUES (1, true, 'SENT'), (2, true, 'SENT'), (3, true, 'SENT'), (4, true, 'SENT')$$,
	'the sending of many withdrawals can be repeated after some have moved on');
SELECT is((SELECT string_agg(replayed::text, ' ') FROM complete_withdrawals('QRST', ARRAY['completed', 'returned completed'], 'BAI-9')), 'true true',
	'the completion of many withdrawals can be repeated');
SELECT is((SELECT status FROM cancel_withdrawal('QRST', 'cancelled', 'changed his mind', '2026-11-03 17:00Z')), 'CANCELLED',
	'a requested withdrawal can be canceled');
SELECT is(pg_temp.hold_of('cancelled'), 'RELEASED 0.00 USD 0.00 USD', 'a canceled withdrawal releases its hold');
SELECT is((SELECT status FROM reject_withdrawal('QRST', 'rejected', 'bank account closed', '2026-11-03 17:00Z')), 'REJECTED',
	'a requested withdrawal can be rejected');
SELECT is(pg_temp.hold_of('rejected'), 'RELEASED 0.00 USD 0.00 USD', 'a rejected withdrawal releases its hold');
SELECT throws_ok($$ SELECT reject_withdrawal('QRST', 'requested', NULL) $$, 'LG002', NULL,
	'a rejection without a reason is refused');
SELECT is((SELECT status FROM return_withdrawal('QRST', 'returned sent', 'R03', at => '2026-11-04 16:00Z')), 'RETURNED',
	'a sent withdrawal can be returned before the bank''s debit');
SELECT is(pg_temp.step('returned sent', 'returned'), ARRAY['Dr FBO Clearing:ACH-out 10.00 USD', 'Cr FBO Cust:DAVE0001:settled 10.00 USD'],
	'a withdrawal returned before the bank''s debit goes from clearing to the customer');
SELECT is((SELECT status FROM return_withdrawal('QRST', 'returned completed', 'R02', 'account closed', 'BAI-R', '2026-11-05 16:00Z')), 'RETURNED',
	'a completed withdrawal can be returned');
SELECT is(pg_temp.step('returned completed', 'returned'), ARRAY['Dr FBO Bank:omnibus 10.00 USD', 'Cr FBO Cust:DAVE0001:settled 10.00 USD'],
	'a withdrawal returned after completion goes from the bank to the customer');
SELECT throws_ok($$ SELECT return_withdrawal('QRST', 'sent') $$, 'LG085', NULL, 'an ACH return without a code is refused');
SELECT throws_ok($$ SELECT return_withdrawal('QRST', 'sent', 'R99') $$, 'LG085', NULL,
	'an ACH return with a code that the reference data lacks is refused');
SELECT is((SELECT status FROM return_withdrawal('QRST', 'wire out', reason => 'beneficiary unknown', at => '2026-11-05 16:00Z')), 'RETURNED',
	'a withdrawal by wire is returned without a code');
SELECT is(pg_temp.step('wire out', 'returned'), ARRAY['Dr FBO Bank:omnibus:First 100.00 USD', 'Cr FBO Cust:BOB00001:settled 100.00 USD'],
	'a returned wire goes back to the bank it was paid from');
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM cancel_withdrawal('QRST', 'cancelled', 'changed his mind')), 'canceled t CANCELLED',
	'a repeated cancellation is answered as it was answered first');
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM reject_withdrawal('QRST', 'rejected', 'bank account closed')), 'rejected t REJECTED',
	'a repeated rejection is answered as it was answered first');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, status, bank_reference) FROM return_withdrawal('QRST', 'returned completed', 'R02', 'account closed', 'BAI-R')), 'returned t RETURNED BAI-R',
	'a repeated return of a withdrawal is answered as it was answered first');
SELECT is(pg_temp.cash('DAVE0001'), '980.00 USD, held 10.00 USD, called 0.00 USD, available 970.00 USD',
	'withdrawals that are canceled, rejected or returned are available again');
SELECT throws_ok(call, 'LG020', NULL,
	'a repeated cancellation, rejection or return with other content is refused: ' || call) FROM unnest(ARRAY[
	$$ SELECT cancel_withdrawal('QRST', 'cancelled', 'other') $$, $$ SELECT reject_withdrawal('QRST', 'rejected', 'other') $$, $$ SELECT return_withdrawal('QRST', 'returned sent', 'R02') $$, $$ SELECT return_withdrawal('QRST', 'returned completed', 'R02') $$]) AS call;

-- Every step from every status
CREATE TEMP TABLE attempt AS SELECT s.status, c.event, format(c.call, s.reference) AS call,
	EXISTS (SELECT FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id) WHERE t.reference = s.reference AND e.event = c.event) AS taken FROM
	(VALUES ('REQUESTED', 'requested'), ('SENT', 'sent'), ('COMPLETED', 'completed'), ('CANCELLED', 'cancelled'), ('REJECTED', 'rejected'), ('RETURNED', 'returned sent')) AS s (status, reference),
	(VALUES ('sent', 'send_withdrawal(''QRST'', %L)'), ('completed', 'complete_withdrawal(''QRST'', %L)'), ('canceled', 'cancel_withdrawal(''QRST'', %L)'), ('rejected', 'reject_withdrawal(''QRST'', %L, ''why'')'),
			('returned', 'return_withdrawal(''QRST'', %L, ''R04'')')) AS c (event, call);
CREATE FUNCTION pg_temp.attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code text;
BEGIN
	BEGIN
		EXECUTE 'SELECT ' || call;
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE;
		RETURN CASE code WHEN 'UNDO0' THEN 'done' ELSE code END;
	END;
END $$;
SELECT is(pg_temp.attempt(a.call), CASE WHEN a.taken THEN 'LG020'
	WHEN EXISTS (SELECT FROM funding_transition n WHERE n.direction = 'WITHDRAWAL' AND n.rail = 'ACH' AND n.from_status = a.status AND n.event = a.event) THEN 'done' ELSE 'LG081' END,
	format('a withdrawal takes a step only from a status that allows it: %s, then %s', a.status, a.event))
  FROM attempt a ORDER BY a.status, a.event;
SELECT results_eq($$ SELECT status, string_agg(event, ' ' ORDER BY event) FROM attempt a WHERE pg_temp.attempt(a.call) = 'done' GROUP BY status ORDER BY status $$,
	$$ VALUES ('COMPLETED', 'returned'), ('REQUESTED', 'canceled rejected sent'), ('SENT', 'completed returned') $$,
	'a requested withdrawal is sent, canceled or rejected, a sent one completed or returned');

-- ---------------------------------------------------------------------------
-- The hold is the withdrawal's
-- ---------------------------------------------------------------------------
SELECT 'funding:' || transfer_id AS held FROM funding_transfer WHERE reference = 'requested' \gset
SELECT account_of('QRST', 'FBO', 'Cust:DAVE0001:settled', 'USD') AS dave, account_of('QRST', 'FBO', 'Bank:omnibus', 'USD') AS bank \gset
SELECT throws_ok(format($$ SELECT release_hold('QRST', %L, 'mine') $$, :'held'), 'LG002', NULL,
	'nobody releases the hold of a withdrawal');
SELECT throws_ok(format($$ SELECT increase_hold('QRST', %L, '1 USD', 'mine') $$, :'held'), 'LG002', NULL,
	'nobody increases the hold of a withdrawal');
SELECT throws_ok(format($$ SELECT capture_hold('QRST', %L, '{Dr %s 1.00 USD; Cr %s 1.00 USD}', 'mine') $$, :'held', :'dave', :'bank'), 'LG002', NULL,
	'nobody captures the hold of a withdrawal');
SELECT throws_ok(format($$ SELECT authorize_hold('QRST', %L, '1 USD', 'funding:999') $$, :'dave'), 'LG002', NULL,
	'nobody authorizes a hold under a reference reserved for withdrawals');
SELECT authorize_hold('QRST', :'dave', '960 USD', 'order') \g /dev/null
SELECT throws_ok(format($$ SELECT release_hold('QRST', 'order', '%s:sent') $$, :'held'), 'LG002', NULL,
	'nobody releases a hold under the reference of a withdrawal''s step');
SELECT throws_ok($$ SELECT request_withdrawal('DAVE0001', '10.01 USD', 'too much') $$, 'LG050', NULL,
	'a withdrawal of cash that other holds bind is refused');
SELECT lives_ok($$ SELECT request_withdrawal('DAVE0001', '10 USD', 'the rest') $$,
	'a withdrawal of all the cash that holds leave is accepted');
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:BOB00001:settled', 'USD'), '1000 USD', 'short', expires_at => '2026-11-03 16:00Z', at => '2026-11-03 15:00Z') \g /dev/null
SELECT is((SELECT format('%s %s', available, held) FROM cash_balance('BOB00001', at => '2026-11-03 15:30Z')), '-100.00 USD 1100.00 USD',
	'cash_balance() takes a live hold and a withdrawal off what is available');
SELECT lives_ok($$ SELECT request_withdrawal('BOB00001', '1000 USD', 'all') $$, 'an expired hold does not bind a withdrawal');
SELECT freeze_account(account_of('QRST', 'FBO', 'Cust:BOB00001:settled', 'USD'), 'debit', reason => 'court order') \g /dev/null
SELECT throws_ok($$ SELECT send_withdrawal('QRST', 'all') $$, 'LG033', NULL, 'a withdrawal from a frozen account is not sent');
SELECT throws_ok($$ SELECT request_withdrawal('BOB00001', '10 USD', 'frozen') $$, 'LG033', NULL,
	'a request for a withdrawal from a frozen account is refused');

-- ---------------------------------------------------------------------------
-- Cash calls come first (I20)
-- ---------------------------------------------------------------------------
SELECT open_customer(client => 'QRST', customer => 'ERIN0001') \g /dev/null
SELECT receive_wire('QRST', '1000 USD', 'erin', 'ERIN0001', at => '2026-11-02 15:00Z') \g /dev/null
SELECT post_trade('ERIN0001', 'BUY', '0.01 BTC', 'lp1', 'exec-1', '60000 USD/BTC', markup_bps => 50, executed_at => '2026-11-03 15:00Z') \g /dev/null
SELECT is(pg_temp.cash('ERIN0001'), '1000.00 USD, held 0.00 USD, called 603.00 USD, available 397.00 USD',
	'a purchase takes its cash call (TPJ) off what is available');
SELECT throws_ok($$ SELECT request_withdrawal('ERIN0001', '397.01 USD', 'erin out') $$, 'LG050', NULL,
	'a withdrawal that reaches into called cash is refused');
SELECT lives_ok($$ SELECT request_withdrawal('ERIN0001', '397 USD', 'erin out') $$,
	'a withdrawal of all the cash that no call asks for is accepted');
SELECT throws_ok($$ SELECT request_withdrawal('ERIN0001', '10 USD', 'erin more') $$, 'LG050', NULL,
	'a withdrawal is refused when calls and withdrawals leave nothing');
SELECT post_trade('ERIN0001', 'SELL', '0.01 BTC', 'lp1', 'exec-2', '60000 USD/BTC', executed_at => '2026-11-03 16:00Z') \g /dev/null
SELECT throws_ok($$ SELECT request_withdrawal('ERIN0001', '10 USD', 'erin more') $$, 'LG050', NULL,
	'a withdrawal of a sale''s unpaid proceeds is refused');
SELECT is((SELECT receivable FROM cash_balance('ERIN0001')), '600 USD'::amount,
	'cash_balance() shows a sale''s unpaid proceeds as receivable');
SELECT is((SELECT format('%s %s %s', called, held, available) FROM cash_balance('ERIN0001', at => '2026-11-03 14:59Z')), '0.00 USD 0.00 USD 1000.00 USD',
	'cash_balance() as of before a purchase shows nothing called');

-- ---------------------------------------------------------------------------
-- Adjustments by hand
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_ann IN ROLE bakkt_ledger_reconciler;
CREATE ROLE ledger_test_bob IN ROLE bakkt_ledger_approver, bakkt_ledger_reconciler;
SELECT grant_client_access('QRST', 'ledger_test_bob') \g /dev/null
SELECT instruct_fbo_transfer('QRST', '100 USD', 'cushion', at => '2026-11-03 15:00Z'), confirm_fbo_transfer('QRST', 'cushion', 'FED-1', '2026-11-03 16:00Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_ann;
SELECT is((SELECT format('%s %s', status, reason) FROM propose_cash_adjustment('ALICE001', '20 USD', 'adj-1', 'OTHER_ADJUSTMENT', 'goodwill', '2026-11-04 15:00Z')), 'PROPOSED OTHER_ADJUSTMENT',
	'a reconciler proposes a cash adjustment');
SELECT is((SELECT format('%s %s', replayed, status) FROM propose_cash_adjustment('ALICE001', '20 USD', 'adj-1', 'OTHER_ADJUSTMENT', 'goodwill', '2026-11-04 15:00Z')), 't PROPOSED',
	'a repeated proposal of a cash adjustment answers with its status');
SELECT throws_ok($$ SELECT propose_cash_adjustment('ALICE001', '21 USD', 'adj-1', 'OTHER_ADJUSTMENT', 'goodwill', '2026-11-04 15:00Z') $$, 'LG020', NULL,
	'a cash adjustment proposed again with another amount is refused');
SELECT propose_cash_adjustment('ALICE001', '-30 USD', 'adj-2', 'DECEASED_PARTY', effective_at => '2026-11-04 15:00Z'), propose_cash_adjustment('ALICE001', '81 USD', 'adj-3', 'OTHER_ADJUSTMENT', 'goodwill'),
	propose_cash_adjustment('ALICE001', '-1000 USD', 'adj-4', 'OTHER_ADJUSTMENT', 'goodwill') \g /dev/null
SELECT throws_ok(format('SELECT propose_cash_adjustment(%s)', arguments), code, NULL,
	format('a proposal of a cash adjustment is refused (%s): %s', code, arguments)) FROM (VALUES
	('''NOBODY01'', ''1 USD'', ''a'', ''OTHER_ADJUSTMENT''', 'LG012'), ('''ALICE001'', ''1 USD'', ''a'', ''WHIM''', 'LG085'), ('''ALICE001'', ''1 USD'', ''a'', NULL', 'LG085'), ('''ALICE001'', ''0 USD'', ''a'', ''DECEASED_PARTY''', 'LG044'),
	('''ALICE001'', NULL, ''a'', ''DECEASED_PARTY''', 'LG044'), ('''ALICE001'', ''1 BTC'', ''a'', ''DECEASED_PARTY''', 'LG042'), ('''ALICE001'', ''1 USD'', NULL, ''OTHER_ADJUSTMENT''', 'LG002'),
	('''ALICE001'', ''1 USD'', ''a'', ''OTHER_ADJUSTMENT''', 'LG002'), ('''ALICE001'', ''1.001 USD'', ''a'', ''DECEASED_PARTY''', 'LG043'),
	('''ALICE001'', ''1 USD'', ''a'', ''DECEASED_PARTY'', at => ''infinity''', 'LG061'), ('''ALICE001'', ''1 USD'', ''a'', ''DECEASED_PARTY'', at => NULL', 'LG061')) AS t (arguments, code);
SELECT throws_ok($$ SELECT approve_journal('QRST', 'adj-1') $$, '42501', NULL, 'a reconciler cannot approve a cash adjustment');
SET LOCAL SESSION AUTHORIZATION ledger_test_bob;
SELECT is((SELECT outcome FROM approve_journal('QRST', 'adj-1')), 'posted', 'a second person approves a cash adjustment');
SELECT propose_cash_adjustment('ALICE001', '1 USD', 'adj-5', 'OTHER_ADJUSTMENT', 'goodwill') \g /dev/null
SELECT throws_ok($$ SELECT approve_journal('QRST', 'adj-5') $$, 'LG067', NULL,
	'the proposer of a cash adjustment cannot approve it');
SELECT is((SELECT outcome FROM approve_journal('QRST', 'adj-2')), 'posted',
	'a negative cash adjustment is approved like a positive one');
SELECT throws_ok($$ SELECT approve_journal('QRST', 'adj-4') $$, 'LG050', NULL,
	'a cash adjustment that takes more than the customer has is refused');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT array_agg(format('%s %s %s', p.fund, p.name, p.amount) ORDER BY p.line) FROM posting p WHERE p.reference = 'manual:adj-1'),
	ARRAY['FBO DueTo:CORP 20.00 USD', 'FBO Cust:ALICE001:settled -20.00 USD', 'CORP Expense:customer-adjustment 20.00 USD', 'CORP DueFrom:FBO -20.00 USD'],
	'a cash adjustment turns the company''s money in the FBO account into the customer''s');
SELECT is((SELECT array_agg(format('%s %s %s', p.fund, p.name, p.amount) ORDER BY p.line) FROM posting p WHERE p.reference = 'manual:adj-2'),
	ARRAY['FBO DueTo:CORP -30.00 USD', 'FBO Cust:ALICE001:settled 30.00 USD', 'CORP Expense:customer-adjustment -30.00 USD', 'CORP DueFrom:FBO 30.00 USD'],
	'a negative cash adjustment turns the customer''s cash into the company''s');
SELECT is((SELECT format('%s %s', k.name, j.effective_at AT TIME ZONE 'UTC') FROM journal j JOIN journal_kind k USING (kind) WHERE j.reference = 'manual:adj-1'), 'manual 2026-11-04 15:00:00',
	'an approved cash adjustment is a manual journal, effective as proposed');
SET LOCAL SESSION AUTHORIZATION ledger_test_bob;
SELECT lives_ok($$ SELECT approve_journal('QRST', 'adj-3') $$,
	'a cash adjustment of all the company''s money in the FBO account is approved');
SELECT throws_ok($$ SELECT approve_journal('QRST', 'adj-6') $$, 'LG062', NULL, 'an unknown cash adjustment cannot be approved');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_ann;
SELECT propose_cash_adjustment('ALICE001', '100 USD', 'adj-7', 'OTHER_ADJUSTMENT', 'goodwill') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_bob;
SELECT throws_ok($$ SELECT approve_journal('QRST', 'adj-7') $$, 'LG050', NULL,
	'a cash adjustment beyond the company''s money in the FBO account is refused');
RESET SESSION AUTHORIZATION;

SELECT is_empty('SELECT * FROM check_funding()', 'check_funding() finds nothing after all withdrawals');
SELECT is_empty('SELECT * FROM check_fbo()', 'check_fbo() finds nothing after all withdrawals');
SELECT is_empty('SELECT * FROM verify()', 'verify() finds nothing after all withdrawals');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SELECT finish();
ROLLBACK;
