-- ACH deposits: initiated, credited, settled, cancelled, declined, returned before completion; wires in.
-- Run from the top of the tree: the worked journals are read from test/golden.
\set content `cat test/golden/journals.json`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/funding_event.psql
SELECT no_plan();

SELECT open_client('QRST'), open_client('XYZZ') \g /dev/null
SELECT open_bank_account('FIRST', 'FBO', 'First Bank', ledger_name => 'Bank:omnibus:First') \g /dev/null
SELECT open_customer(client => 'QRST', customer => a) FROM unnest(ARRAY['ALICE001', 'BOB00001', 'CAROL001', 'DAVE0001', 'ERIN0001']) a \g /dev/null
SELECT open_customer(client => 'XYZZ', customer => 'XYZZ0001'), open_customer(client => 'QRST', customer => 'QRSTNET1', funding_model => 'NET_SETTLEMENT'),
	open_customer(client => 'QRST', customer => 'QRSTAPX1', funding_model => 'APEX_TPJ') \g /dev/null

CREATE TEMP TABLE golden AS SELECT j->>'id' AS id, j->'postings' AS postings FROM jsonb_array_elements((:'content'::jsonb)->'journals') AS j;
CREATE FUNCTION pg_temp.golden(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s %s', CASE WHEN p->>'debit' = '0' THEN 'Cr' ELSE 'Dr' END, p->>'fund',
		replace(replace(replace(replace(p->>'account', 'alice', 'ALICE001'), 'bob', 'BOB00001'), 'carol', 'CAROL001'), 'dave', 'DAVE0001'),
		((CASE p->>'debit' WHEN '0' THEN p->>'credit' ELSE p->>'debit' END) || ' ' || (p->>'asset'))::amount) ORDER BY n)
	FROM golden g, jsonb_array_elements(g.postings) WITH ORDINALITY AS t (p, n) WHERE g.id = golden.id $$;
-- the lines of a step, and when it is effective
CREATE FUNCTION pg_temp.step(reference text, event text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s %s', CASE WHEN sign(p.amount) < 0 THEN 'Cr' ELSE 'Dr' END, p.fund, p.name, abs(p.amount)) ORDER BY p.line)
	FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id) JOIN posting p ON p.journal = e.journal_id
	WHERE t.reference = step.reference AND e.event = step.event $$;
CREATE FUNCTION pg_temp.steps(reference text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s', e.event, e.status), ', ' ORDER BY e.event_no) FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id)
	WHERE t.reference = steps.reference $$;
CREATE FUNCTION pg_temp.cash(account text) RETURNS text LANGUAGE sql AS $$ SELECT format('%s/%s', settled, unsettled) FROM cash_balance(account) $$;
CREATE FUNCTION pg_temp.state(reference text) RETURNS text LANGUAGE sql AS $$ SELECT status FROM funding_transfer t WHERE t.reference = state.reference $$;

-- ---------------------------------------------------------------------------
-- The way through (J01a-c)
-- ---------------------------------------------------------------------------
SELECT is((SELECT format('%s %s %s %s %s', reference, rail, direction, amount, status) FROM initiate_deposit('ALICE001', '10000 USD', 'dep-1', at => '2026-11-02 15:00Z')),
	'dep-1 ACH DEPOSIT 10000.00 USD INITIATED', 'an ACH deposit is initiated');
SELECT is(pg_temp.step('dep-1', 'initiated'), pg_temp.golden('J01a'), 'an initiated deposit posts golden journal J01a');
SELECT is(pg_temp.cash('ALICE001'), '0.00 USD/10000.00 USD', 'an initiated deposit is an unsettled claim');
SELECT is((SELECT count(*) FROM settle_deposits('2026-11-20 12:00Z')), 0::bigint,
	'a deposit that the bank has not credited is never settled');
SELECT is((SELECT format('%s %s', status, available_at AT TIME ZONE 'UTC') FROM credit_deposit('QRST', 'dep-1', 'BAI-142', '2026-11-03 15:00Z')),
	'CREDITED 2026-11-06 13:30:00', 'a credited deposit is available three business days later at 08:30 Eastern');
SELECT is(pg_temp.step('dep-1', 'credited'), pg_temp.golden('J01b'), 'a credited deposit posts golden journal J01b');
SELECT is(pg_temp.cash('ALICE001'), '0.00 USD/10000.00 USD', 'a credited deposit is still an unsettled claim');
SELECT is((SELECT count(*) FROM settle_deposits('2026-11-06 13:29:59.999999Z')), 0::bigint,
	'a deposit is not settled a microsecond before it is available');
SELECT is((SELECT format('%s %s %s', client, settled, amount) FROM settle_deposits('2026-11-06 13:30Z')), 'QRST 1 10000.00 USD',
	'a deposit is settled at the instant it is available');
SELECT is(pg_temp.step('dep-1', 'settled'), pg_temp.golden('J01c'), 'a settled deposit posts golden journal J01c');
SELECT is(pg_temp.cash('ALICE001'), '10000.00 USD/0.00 USD', 'a settled deposit is a settled claim');
SELECT is((SELECT count(*) FROM settle_deposits('2026-11-06 13:30Z')), 0::bigint, 'a second run at one instant settles nothing');
SELECT is(pg_temp.steps('dep-1'), 'initiated INITIATED, credited CREDITED, settled SETTLED',
	'a deposit has an event for each of its steps');
SELECT is((SELECT array_agg(format('%s %s', k.name, j.effective_at AT TIME ZONE 'UTC') ORDER BY e.event_no) FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id)
	JOIN journal j USING (client_id, journal_id) JOIN journal_kind k USING (kind) WHERE t.reference = 'dep-1' AND j.effective_at = e.at),
	ARRAY['cash_deposit 2026-11-02 15:00:00', 'cash_deposit 2026-11-03 15:00:00', 'cash_deposit 2026-11-06 13:30:00'],
	'each step of a deposit has a journal effective at its instant');
SELECT is((SELECT bool_and(e.recorded_at > now() - interval '1 minute' AND a.role_name = current_user) FROM funding_event e JOIN actor a USING (actor_id)), true,
	'each step of a deposit records who took it and when by the server''s clock');
SELECT is((SELECT format('%s %s %s', requested_at AT TIME ZONE 'UTC', credited_at AT TIME ZONE 'UTC', settled_at AT TIME ZONE 'UTC') FROM funding_transfer WHERE reference = 'dep-1'),
	'2026-11-02 15:00:00 2026-11-03 15:00:00 2026-11-06 13:30:00', 'a transfer keeps the instants of its steps');

-- ---------------------------------------------------------------------------
-- Availability
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.available(credited text) RETURNS timestamp LANGUAGE sql AS $$
	SELECT deposit_available_at(client_id, credited::timestamptz) AT TIME ZONE 'America/New_York' FROM client WHERE code = 'QRST' $$;
SELECT is(pg_temp.available(credited), expected::timestamp, format('a deposit credited %s is available three business days later: %s', credited, why)) FROM (VALUES
	('2026-03-05 15:00 America/New_York', '2026-03-10 08:30', 'a Thursday, over the weekend of the spring clock change'),
	('2026-10-29 15:00 America/New_York', '2026-11-03 08:30', 'a Thursday, over the weekend of the autumn clock change'),
	('2026-11-25 15:00 America/New_York', '2026-12-01 08:30', 'Thanksgiving is no business day'),
	('2026-11-07 15:00 America/New_York', '2026-11-13 08:30', 'a Saturday counts from Monday, and Veterans Day is a holiday'),
	('2026-11-02 18:59 America/New_York', '2026-11-05 08:30', 'an instant before the cut-off counts from that day'),
	('2026-11-02 19:00 America/New_York', '2026-11-06 08:30', 'an instant at the cut-off counts from the next day')
) AS t (credited, expected, why);
SELECT change_cash_terms('QRST', availability_days => 0) \g /dev/null
SELECT is(pg_temp.available('2026-11-03 15:00 America/New_York'), timestamp '2026-11-03 15:00',
	'a deposit without availability days is available at once');
SELECT is(pg_temp.available('2026-11-03 02:00 America/New_York'), timestamp '2026-11-03 08:30',
	'a deposit is not available before 08:30 Eastern');
SELECT change_cash_terms('QRST', availability_days => 3) \g /dev/null
SELECT throws_ok($$ SELECT initiate_deposit('BOB00001', '1 USD', 'far', at => '2014-01-01'), credit_deposit('QRST', 'far', at => '2014-01-02') $$, 'LG075', NULL,
	'a deposit credited beyond the calendar is refused');

-- ---------------------------------------------------------------------------
-- Idempotency
-- ---------------------------------------------------------------------------
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM initiate_deposit('ALICE001', '10000.00 USD', 'dep-1')), 'initiated t INITIATED',
	'a deposit initiated again is answered as it was answered first');
SELECT results_eq($$SELECT request, reference, outcome, replayed, customer, amount::text, status, at, available_at, bank_reference FROM credit_deposit('QRST', 'dep-1', 'BAI-142')$$,
	$$VALUES (1, 'dep-1', 'credited', true, 'ALICE001', '10000.00 USD', 'CREDITED', timestamptz '2026-11-03 15:00Z', timestamptz '2026-11-06 13:30Z', 'BAI-142')$$,
	'a deposit credited again is answered as it was answered first, though it is settled by now');
SELECT is((SELECT count(*) FROM journal WHERE reference LIKE 'funding:%'), 3::bigint, 'a step taken again posts nothing');
SELECT throws_ok(call, 'LG020', NULL, 'the reference of a deposit is refused with other content: ' || call) FROM unnest(ARRAY[
	$$ SELECT initiate_deposit('BOB00001', '10000 USD', 'dep-1') $$, $$ SELECT initiate_deposit('ALICE001', '10001 USD', 'dep-1') $$,
	$$ SELECT initiate_deposit('ALICE001', '10000 USD', 'dep-1', bank => 'First') $$, $$ SELECT credit_deposit('QRST', 'dep-1', 'BAI-143') $$, $$ SELECT credit_deposit('QRST', 'dep-1') $$,
	$$ SELECT receive_wire('QRST', '10000 USD', 'dep-1', 'ALICE001') $$, $$ SELECT request_withdrawal('ALICE001', '10000 USD', 'dep-1') $$]) AS call;
SELECT is((SELECT status FROM initiate_deposit('XYZZ0001', '5 USD', 'dep-1')), 'INITIATED',
	'each client has references of its own');

-- ---------------------------------------------------------------------------
-- Refusals
-- ---------------------------------------------------------------------------
SELECT throws_ok(format('SELECT initiate_deposit(%s)', arguments), code, NULL, 'a deposit is refused with ' || code || ': initiate_deposit ' || arguments)
  FROM (VALUES ('''NOBODY01'', ''1 USD'', ''r''', 'LG012'), ('NULL, ''1 USD'', ''r''', 'LG012'), ('''BOB00001'', ''1 USD'', NULL', 'LG002'), ('''BOB00001'', ''1 USD'', ''''', 'LG002'),
	('''BOB00001'', ''1 USD'', repeat(''r'', 201)', 'LG002'), ('''BOB00001'', NULL, ''r''', 'LG045'), ('''BOB00001'', ''0 USD'', ''r''', 'LG045'), ('''BOB00001'', ''-1 USD'', ''r''', 'LG045'),
	('''BOB00001'', ''1 BTC'', ''r''', 'LG042'), ('''BOB00001'', ''1 USDC'', ''r''', 'LG042'), ('''BOB00001'', ''1 NOPE'', ''r''', 'LG040'), ('''BOB00001'', ''0.001 USD'', ''r''', 'LG043'),
	('''QRSTNET1'', ''1 USD'', ''r''', 'LG013'), ('''QRSTAPX1'', ''1 USD'', ''r''', 'LG013'), ('''BOB00001'', ''1 USD'', ''r'', at => ''infinity''', 'LG061'),
	('''BOB00001'', ''1 USD'', ''r'', at => ''-infinity''', 'LG002'), ('''BOB00001'', ''1 USD'', ''r'', at => NULL', 'LG061'),
	('''BOB00001'', ''1 USD'', ''r'', at => clock_timestamp() + interval ''6 minutes''', 'LG061')) AS refusal(arguments, code);
SELECT throws_ok(format('SELECT %s', call), code, NULL, 'a step is refused with ' || code || ': ' || call) FROM (VALUES
	($$credit_deposit('QRST', 'none')$$, 'LG080'), ($$credit_deposit('QRST', NULL)$$, 'LG080'), ($$credit_deposit('NONE', 'dep-1')$$, 'LG010'), ($$credit_deposits('QRST', ARRAY['dep-1', 'none'], 'BAI-142')$$, 'LG080'),
	($$cancel_deposit('QRST', 'none')$$, 'LG080'), ($$decline_deposit('QRST', 'none')$$, 'LG080'), ($$return_deposit('QRST', 'none', 'R01')$$, 'LG080'),
	($$return_wire('QRST', 'none', 'x')$$, 'LG080'), ($$assign_wire('QRST', 'none', 'BOB00001')$$, 'LG080'), ($$settle_deposits('infinity')$$, 'LG061'), ($$settle_deposits(client => 'NONE')$$, 'LG010'),
	($$credit_deposit('QRST', 'dep-1', 'BAI-142', 'infinity')$$, 'LG061')) AS t (call, code);
SELECT is((SELECT status FROM initiate_deposit('BOB00001', '1 USD', 'r', at => '2026-11-02 15:00Z')), 'INITIATED',
	'a refused request does not use up its reference');
SELECT is_empty($$SELECT credit_deposits('QRST', '{}')$$, 'crediting an empty list credits nothing');

-- The party decides what is asked for, not what the bank has done.
CREATE FUNCTION pg_temp.party(party_status text, mode text) RETURNS void LANGUAGE sql AS $$ SELECT change_customer('CAROL001', mode => mode, party_status => party_status) $$;
SELECT throws_ok(format($$ SELECT pg_temp.party(%L, %L), initiate_deposit('CAROL001', '1 USD', 'party') $$, s, m), 'LG013', NULL, format('a customer of party status %s in mode %s asks for no deposit', s, m))
  FROM (VALUES ('SUSPENDED', 'OPEN'), ('UNDER_REVIEW', 'OPEN'), ('INACTIVE', 'OPEN'), ('LIQUIDATED', 'OPEN'), ('ACTIVE', 'LOCKED'), ('ACTIVE', 'CLOSING_ONLY')) AS t (s, m);
SELECT initiate_deposit('CAROL001', '100 USD', 'carol-1', at => '2026-11-02 15:00Z'), initiate_deposit('CAROL001', '60 USD', 'carol-2', at => '2026-11-02 15:00Z') \g /dev/null
SELECT pg_temp.party('SUSPENDED', 'LOCKED') \g /dev/null
SELECT is((SELECT status FROM credit_deposit('QRST', 'carol-1', at => '2026-11-03 15:00Z')), 'CREDITED', 'a suspended customer''s deposit is credited');
SELECT is((SELECT settled FROM settle_deposits('2026-11-06 14:00Z')), 1::bigint, 'a suspended customer''s deposit is settled');
SELECT is((SELECT status FROM return_deposit('QRST', 'carol-2', 'R16', at => '2026-11-04 15:00Z')), 'RETURNED',
	'a suspended customer''s deposit is returned');
SELECT is((SELECT status FROM receive_wire('QRST', '5 USD', 'carol-3', 'CAROL001', at => '2026-11-04 15:00Z')), 'SETTLED',
	'a wire for a suspended customer is received');
SELECT is(pg_temp.cash('CAROL001'), '105.00 USD/0.00 USD',
	'the balance of a suspended customer shows all that the bank has done');

-- ---------------------------------------------------------------------------
-- Cancelled, declined, returned before completion
-- ---------------------------------------------------------------------------
SELECT initiate_deposit('DAVE0001', '10 USD', s, at => '2026-11-02 15:00Z') FROM unnest(ARRAY['initiated', 'credited', 'settled', 'cancelled', 'declined', 'returned early', 'returned late', 'returned before']) s \g /dev/null
SELECT results_eq($$SELECT request, reference, replayed, status FROM credit_deposits('QRST', ARRAY['settled', 'credited', 'returned early', 'settled', 'returned late'], 'lot', '2026-11-03 15:00Z')$$,
	$$VALUES (1, 'settled', false, 'CREDITED'), (2, 'credited', false, 'CREDITED'), (3, 'returned early', false, 'CREDITED'), (4, 'settled', true, 'CREDITED'), (5, 'returned late', false, 'CREDITED')$$,
	'several deposits are credited in one sum, each answered in its place');
SELECT is(pg_temp.step('settled', 'credited'), ARRAY['Dr FBO Bank:omnibus 40.00 USD', 'Cr FBO Clearing:ACH-in 40.00 USD'],
	'deposits credited in one sum have one line of the bank');
SELECT is((SELECT count(DISTINCT e.journal_id) FROM funding_event e WHERE e.bank_reference = 'lot'), 1::bigint,
	'deposits credited in one sum share one journal');
SELECT is((SELECT string_agg(format('%s %s', reference, replayed), ', ' ORDER BY request) FROM credit_deposits('QRST', ARRAY['credited', 'settled', 'returned early', 'returned late'], 'lot')),
	'credited t, settled t, returned early t, returned late t',
	'deposits credited in one sum again are not credited anew');
SELECT throws_ok($$ SELECT credit_deposits('QRST', ARRAY['initiated', 'settled'], 'other lot') $$, 'LG020', NULL,
	'a list is refused whole when one deposit was credited otherwise');
SELECT is(pg_temp.state('initiated'), 'INITIATED', 'a refused list credits none of its deposits');
SELECT is((SELECT status FROM cancel_deposit('QRST', 'cancelled', 'changed his mind', '2026-11-03 15:00Z')), 'CANCELLED',
	'an initiated deposit can be canceled');
SELECT is(pg_temp.step('cancelled', 'canceled'), ARRAY['Dr FBO Cust:DAVE0001:unsettled 10.00 USD', 'Cr FBO Clearing:ACH-in 10.00 USD'],
	'canceling a deposit takes back golden journal J01a');
SELECT is((SELECT status FROM decline_deposit('QRST', 'declined', 'risk', '2026-11-03 15:00Z')), 'DECLINED',
	'an initiated deposit can be declined');
SELECT is(pg_temp.step('declined', 'declined'), ARRAY['Dr FBO Cust:DAVE0001:unsettled 10.00 USD', 'Cr FBO Clearing:ACH-in 10.00 USD'],
	'declining a deposit takes back golden journal J01a');
SELECT is((SELECT status FROM return_deposit('QRST', 'returned before', 'R03', at => '2026-11-03 15:00Z')), 'RETURNED',
	'a deposit can be returned before the bank credits it');
SELECT is(pg_temp.step('returned before', 'returned'), ARRAY['Dr FBO Cust:DAVE0001:unsettled 10.00 USD', 'Cr FBO Clearing:ACH-in 10.00 USD'],
	'a deposit returned before its credit moves nothing at the bank');
SELECT is((SELECT status FROM return_deposit('QRST', 'returned early', 'R01', 'ret-1', '2026-11-04 15:00Z')), 'RETURNED',
	'a credited deposit can be returned before it is settled');
SELECT is(pg_temp.step('returned early', 'returned'), ARRAY['Dr FBO Cust:DAVE0001:unsettled 10.00 USD', 'Cr FBO Bank:omnibus 10.00 USD'],
	'a deposit returned before settlement debits the unsettled claim');
SELECT is((SELECT format('%s %s %s', e.return_code, e.bank_reference, e.deficit IS NULL) FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id) WHERE t.reference = 'returned early' AND e.event = 'returned'), 'R01 ret-1 t',
	'an early return records its code and bank reference and no deficit');
SELECT settle_deposits('2026-11-06 14:00Z', 'XYZZ') \g /dev/null
SELECT is(pg_temp.state('settled'), 'CREDITED', 'a run for another client does not settle a deposit');
SELECT settle_deposits('2026-11-06 13:30Z', 'QRST') \g /dev/null
SELECT initiate_deposit('DAVE0001', '10 USD', 'late', at => '2026-11-05 15:00Z'), credit_deposit('QRST', 'late', at => '2026-11-05 15:00Z') \g /dev/null
SELECT return_deposit('QRST', 'returned late', 'R10', at => '2026-11-09 15:00Z') \g /dev/null
SELECT is((SELECT array_agg(pg_temp.state(s) ORDER BY n) FROM unnest(ARRAY['initiated', 'credited', 'settled', 'cancelled', 'declined', 'returned early', 'returned late', 'late']) WITH ORDINALITY AS t (s, n)),
	ARRAY['INITIATED', 'SETTLED', 'SETTLED', 'CANCELLED', 'DECLINED', 'RETURNED', 'RETURNED', 'CREDITED'],
	'each deposit stands where its steps have led');
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM cancel_deposit('QRST', 'cancelled', 'changed his mind')), 'canceled t CANCELLED',
	'a deposit canceled again is answered as it was answered first');
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM decline_deposit('QRST', 'declined', 'risk')), 'declined t DECLINED',
	'a deposit declined again is answered as it was answered first');
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM return_deposit('QRST', 'returned early', 'R01', 'ret-1')), 'returned t RETURNED',
	'a deposit returned again is answered as it was answered first');
SELECT throws_ok(call, 'LG020', NULL, 'a step taken again is refused with other content: ' || call) FROM unnest(ARRAY[
	$$ SELECT cancel_deposit('QRST', 'cancelled', 'bank') $$, $$ SELECT decline_deposit('QRST', 'declined') $$, $$ SELECT return_deposit('QRST', 'returned early', 'R02', 'ret-1') $$,
	$$ SELECT return_deposit('QRST', 'returned early', 'R01', 'ret-2') $$]) AS call;
SELECT throws_ok(format('SELECT return_deposit(''QRST'', ''initiated'', %s)', code), 'LG085', NULL, 'a return is refused without a known return code: ' || code) FROM unnest(ARRAY['''R99''', '''r01''', 'NULL']) code;

-- Every step from every status
CREATE TEMP TABLE attempt AS SELECT s.status, s.reference, c.event, format(c.call, s.reference) AS call FROM
	(VALUES ('INITIATED', 'initiated'), ('CREDITED', 'late'), ('SETTLED', 'settled'), ('CANCELLED', 'cancelled'), ('DECLINED', 'declined'), ('RETURNED', 'returned early')) AS s (status, reference),
	(VALUES ('credited', 'credit_deposit(''QRST'', %L)'), ('canceled', 'cancel_deposit(''QRST'', %L)'), ('declined', 'decline_deposit(''QRST'', %L)'), ('returned', 'return_deposit(''QRST'', %L, ''R01'')')) AS c (event, call);
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
SELECT is(pg_temp.attempt(a.call),
	CASE WHEN EXISTS (SELECT FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id) WHERE t.reference = a.reference AND e.event = a.event)
		 THEN CASE WHEN a.event = 'credited' AND a.status IN ('CREDITED') THEN 'done' ELSE 'LG020' END
		 WHEN EXISTS (SELECT FROM funding_transition n WHERE n.direction = 'DEPOSIT' AND n.rail = 'ACH' AND n.from_status = a.status AND n.event = a.event) THEN 'done' ELSE 'LG081' END,
	format('a deposit that is %s can be %s only if its course allows it', a.status, a.event))
FROM attempt a ORDER BY a.status, a.event;
SELECT is((SELECT count(*) FROM attempt a WHERE pg_temp.attempt(a.call) = 'LG081'), 12::bigint,
	'twelve of the steps tried are off the course of a deposit');

-- ---------------------------------------------------------------------------
-- Banks and currencies
-- ---------------------------------------------------------------------------
SELECT initiate_deposit('ERIN0001', '7 USD', 'first', bank => 'First', at => '2026-11-02 15:00Z'), initiate_deposit('ERIN0001', '8 EUR', 'euro', at => '2026-11-02 15:00Z'),
	initiate_deposit('ERIN0001', '9 USD', 'plain', at => '2026-11-02 15:00Z') \g /dev/null
SELECT is((SELECT count(*) FROM credit_deposits('QRST', ARRAY['first', 'euro', 'plain'], 'several', '2026-11-03 15:00Z') WHERE NOT replayed), 3::bigint,
	'one list credits deposits at two banks in two currencies');
SELECT open_customer('QRST', 'GINA0001', external_id => 'gina') \g /dev/null
SELECT initiate_deposit('QRST/gina', '3 USD', 'by name', at => '2026-11-02 15:00Z') \g /dev/null
SELECT is((SELECT format('%s %s', replayed, customer) FROM initiate_deposit('GINA0001', '3 USD', 'by name', at => '2026-11-02 15:00Z')), 't GINA0001',
	'a request is the same whether it names the customer by code or by external id');
SELECT is((SELECT count(*) FROM funding_transfers('QRST', customer => 'QRST/gina')), 1::bigint, 'transfers are listed of a customer named by external id');
SELECT cancel_deposit('QRST', 'by name') \g /dev/null
CREATE ROLE ledger_test_tenant IN ROLE bakkt_ledger_poster;
SELECT grant_client_access('QRST', 'ledger_test_tenant') \g /dev/null
SELECT initiate_deposit('ERIN0001', '6 USD', 'given up', bank => 'First', at => '2026-11-02 15:00Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_tenant;
SELECT results_eq($$SELECT outcome, replayed, bank FROM bakkt_ledger.cancel_deposit('QRST', 'given up')$$, $$VALUES ('canceled', false, NULL::text)$$,
	'a step of a deposit does not tell a tenant the bank');
SELECT results_eq($$SELECT outcome, bank FROM bakkt_ledger.initiate_deposit('ERIN0001', '5 USD', 'by tenant', bank => 'First')$$, $$VALUES ('initiated', 'First')$$,
	'a tenant that has named a bank is answered with it');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT outcome, replayed, bank FROM cancel_deposit('QRST', 'given up')$$, $$VALUES ('canceled', true, 'First')$$,
	'a step of a deposit tells the company the bank');
SELECT cancel_deposit('QRST', 'by tenant') \g /dev/null
SELECT is(pg_temp.step('first', 'credited'), ARRAY['Dr FBO Bank:omnibus:First 7.00 USD', 'Cr FBO Clearing:ACH-in 7.00 USD'],
	'deposits at different banks are credited in separate journals');
SELECT is(pg_temp.step('euro', 'credited'), ARRAY['Dr FBO Bank:omnibus 8.00 EUR', 'Cr FBO Clearing:ACH-in 8.00 EUR'],
	'deposits in different currencies are credited in separate journals');
SELECT is((SELECT string_agg(format('%s %s', settled, amount), ', ') FROM settle_deposits('2026-11-06 14:00Z', 'QRST')), '1 8.00 EUR, 2 16.00 USD',
	'a run reports what it settled by currency');
SELECT is((SELECT format('%s %s', settled, available) FROM cash_balance('ERIN0001', asset => 'EUR')), '8.00 EUR 8.00 EUR',
	'a customer''s cash is kept apart by currency');
SELECT return_deposit('QRST', 'first', 'R01', at => '2026-11-09 15:00Z') \g /dev/null
SELECT is(pg_temp.step('first', 'returned'), ARRAY['Dr FBO Cust:ERIN0001:settled 7.00 USD', 'Cr FBO Bank:omnibus:First 7.00 USD'],
	'a returned deposit is paid back by the bank that was credited');

-- A frozen account keeps its deposit waiting, and nobody else's.
SELECT initiate_deposit('ERIN0001', '3 USD', 'frozen', at => '2026-11-05 15:00Z'), initiate_deposit('BOB00001', '4 USD', 'free', at => '2026-11-05 15:00Z') \g /dev/null
SELECT credit_deposits('QRST', ARRAY['frozen', 'free'], at => '2026-11-05 15:00Z') \g /dev/null
SELECT freeze_account(account_of('QRST', 'FBO', 'Cust:ERIN0001:settled', 'USD'), 'credit', reason => 'court order') \g /dev/null
SELECT settle_deposits('2026-11-13 15:00Z', 'QRST') \g /dev/null
SELECT is(pg_temp.state('frozen') || ' ' || pg_temp.state('free'), 'CREDITED SETTLED',
	'a deposit to an account frozen for credits waits and stops no other');
SELECT unfreeze_account(account_of('QRST', 'FBO', 'Cust:ERIN0001:settled', 'USD'), reason => 'court order lifted') \g /dev/null
SELECT settle_deposits('2026-11-13 15:00Z', 'QRST') \g /dev/null
SELECT is(pg_temp.state('frozen'), 'SETTLED', 'a waiting deposit is settled once its account is unfrozen');

-- ---------------------------------------------------------------------------
-- Wires in (J01d, J05d)
-- ---------------------------------------------------------------------------
SELECT is((SELECT format('%s %s', rail, status) FROM receive_wire('QRST', '70000 USD', 'wire-1', 'BOB00001', bank_reference => 'IMAD-1', at => '2026-11-02 15:00Z')), 'WIRE SETTLED', 'a wire is settled at once');
SELECT is(pg_temp.step('wire-1', 'received'), pg_temp.golden('J01d'), 'a wire to a customer posts golden journal J01d');
SELECT receive_wire('QRST', '60.30 USD', 'wire-2', 'CAROL001', at => '2026-11-02 15:00Z') \g /dev/null
SELECT is(pg_temp.step('wire-2', 'received'), pg_temp.golden('J05d'), 'a wire for an unpaid purchase posts golden journal J05d');
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM receive_wire('QRST', '70000 USD', 'wire-1', 'BOB00001', bank_reference => 'IMAD-1')), 'received t SETTLED',
	'a wire received again is answered as it was answered first');
SELECT throws_ok(call, 'LG020', NULL, 'a wire received again is refused with other content: ' || call) FROM unnest(ARRAY[
	$$ SELECT receive_wire('QRST', '70000 USD', 'wire-1', 'CAROL001', bank_reference => 'IMAD-1') $$, $$ SELECT receive_wire('QRST', '70000 USD', 'wire-1', 'BOB00001') $$,
	$$ SELECT receive_wire('QRST', '70000 USD', 'wire-1 again', 'BOB00001', bank_reference => 'IMAD-1') $$, $$ SELECT receive_wire('QRST', '70001 USD', 'wire-1', 'BOB00001', bank_reference => 'IMAD-1') $$]) AS call;
SELECT is((SELECT status FROM receive_wire('QRST', '500 USD', 'stray', bank_reference => 'IMAD-2', at => '2026-11-02 15:00Z')), 'UNIDENTIFIED',
	'a wire without an account is unidentified');
SELECT is(pg_temp.step('stray', 'received'), ARRAY['Dr FBO Bank:omnibus 500.00 USD', 'Cr FBO Suspense:unidentified 500.00 USD'],
	'an unidentified wire is a claim on the suspense account');
SELECT throws_ok(format('SELECT %s', call), code, NULL, 'a step of a wire is refused with ' || code || ': ' || call) FROM (VALUES
	($$receive_wire('NONE', '1 USD', 'w')$$, 'LG010'), ($$receive_wire('QRST', '1 USD', NULL)$$, 'LG002'), ($$receive_wire('QRST', '0 USD', 'w')$$, 'LG045'), ($$receive_wire('QRST', '1 BTC', 'w')$$, 'LG042'),
	($$receive_wire('QRST', '1 USD', 'w', 'NOBODY01')$$, 'LG012'), ($$receive_wire('QRST', '1 USD', 'w', 'XYZZ0001')$$, 'LG031'), ($$receive_wire('QRST', '1 USD', 'w', at => 'infinity')$$, 'LG061'),
	($$receive_wire('QRST', '1 USD', 'w', bank => 'a:b')$$, 'LG034'),
	($$assign_wire('QRST', 'stray', NULL)$$, 'LG012'), ($$assign_wire('QRST', 'stray', 'XYZZ0001')$$, 'LG031'), ($$assign_wire('QRST', 'stray', 'QRSTNET1')$$, 'LG013'), ($$assign_wire('QRST', 'wire-1', 'CAROL001')$$, 'LG081'),
	($$assign_wire('QRST', 'dep-1', 'CAROL001')$$, 'LG081'), ($$return_wire('QRST', 'stray', NULL)$$, 'LG002'), ($$return_wire('QRST', 'dep-1', 'x')$$, 'LG081'), ($$return_deposit('QRST', 'wire-1', 'R01')$$, 'LG081'),
	($$credit_deposit('QRST', 'wire-1')$$, 'LG081'), ($$cancel_deposit('QRST', 'stray')$$, 'LG081'), ($$decline_deposit('QRST', 'wire-1')$$, 'LG081')) AS t (call, code);
SELECT is((SELECT format('%s %s %s %s', replayed, customer, status, at AT TIME ZONE 'UTC') FROM assign_wire('QRST', 'stray', 'DAVE0001', '2026-11-03 15:00Z')), 'f DAVE0001 SETTLED 2026-11-03 15:00:00',
	'an unidentified wire is settled when it is assigned to its owner');
SELECT is(pg_temp.step('stray', 'assigned'), ARRAY['Dr FBO Suspense:unidentified 500.00 USD', 'Cr FBO Cust:DAVE0001:settled 500.00 USD'],
	'an assigned wire moves from suspense to its owner''s settled claim');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, status, at AT TIME ZONE 'UTC') FROM assign_wire('QRST', 'stray', 'DAVE0001')), 'assigned t SETTLED 2026-11-03 15:00:00',
	'a wire assigned again is answered as it was answered first');
SELECT throws_ok($$ SELECT assign_wire('QRST', 'stray', 'CAROL001') $$, 'LG020', NULL,
	'a wire assigned to one customer is not assigned to another');
SELECT is((SELECT format('%s %s %s', replayed, status, customer IS NULL) FROM receive_wire('QRST', '500 USD', 'stray', bank_reference => 'IMAD-2')), 't UNIDENTIFIED t',
	'an assigned wire received again is answered as it was answered first');
SELECT is((SELECT status FROM receive_wire('QRST', '9 USD', 'net', 'QRSTNET1', at => '2026-11-02 15:00Z')), 'UNIDENTIFIED',
	'a wire for a customer whose cash is with the client is unidentified');
SELECT is((SELECT reason FROM funding_event e JOIN funding_transfer t USING (client_id, transfer_id) WHERE t.reference = 'net'), 'the customer''s cash is not held here',
	'a wire that is not credited to its account records the reason');
SELECT is((SELECT status FROM receive_wire('QRST', '9 USD', 'net', 'QRSTNET1')), 'UNIDENTIFIED',
	'an unidentified wire received again is answered as it was answered first');
SELECT is((SELECT status FROM return_wire('QRST', 'net', 'wrong account', 'IMAD-R', '2026-11-03 15:00Z')), 'RETURNED',
	'an unidentified wire can be returned');
SELECT is(pg_temp.step('net', 'returned'), ARRAY['Dr FBO Suspense:unidentified 9.00 USD', 'Cr FBO Bank:omnibus 9.00 USD'],
	'a returned wire goes back whole from suspense');
SELECT is((SELECT format('%s %s %s', outcome, replayed, status) FROM return_wire('QRST', 'net', 'wrong account', 'IMAD-R')), 'returned t RETURNED',
	'a wire returned again is answered as it was answered first');
SELECT throws_ok($$ SELECT return_wire('QRST', 'net', 'other', 'IMAD-R') $$, 'LG020', NULL,
	'a wire returned again for another reason is refused');
SELECT throws_ok($$ SELECT assign_wire('QRST', 'net', 'BOB00001') $$, 'LG081', NULL,
	'a returned wire is not assigned to a customer');
SELECT freeze_account(account_of('QRST', 'FBO', 'Cust:ERIN0001:settled', 'USD'), 'credit', reason => 'court order') \g /dev/null
SELECT is((SELECT status FROM receive_wire('QRST', '11 USD', 'erin', 'ERIN0001', at => '2026-11-02 15:00Z')), 'UNIDENTIFIED',
	'a wire for an account frozen for credits is unidentified');
SELECT throws_ok($$ SELECT assign_wire('QRST', 'erin', 'ERIN0001') $$, 'LG033', NULL,
	'a wire is not assigned to an account frozen for credits');

-- ---------------------------------------------------------------------------
-- What holds after all that
-- ---------------------------------------------------------------------------
SELECT is_empty('SELECT * FROM check_funding()', 'transfers under way agree with the accounts of the ledger');
SELECT is_empty('SELECT * FROM verify()', 'verify() finds every figure equal to its recomputation');
SELECT throws_ok($$ UPDATE funding_transfer SET amount = '1 USD' WHERE reference = 'dep-1' $$, 'LG066', NULL,
	'the amount of a transfer is never changed');
SELECT throws_ok($$ UPDATE funding_transfer SET status = 'SETTLED' WHERE reference = 'cancelled' $$, 'LG081', NULL,
	'the status of a transfer is never set off its course');
SELECT throws_ok($$ DELETE FROM funding_transfer $$, 'LG066', NULL, 'a transfer is never deleted');
SELECT throws_ok($$ UPDATE event SET reason = 'x' $$, 'LG066', NULL, 'a funding event is never changed');
SELECT throws_ok($$ DELETE FROM event $$, 'LG066', NULL, 'a funding event is never deleted');
SELECT load_journal('QRST', journal_entry(line('Dr', (open_account('QRST', 'FBO', 'Clearing:ACH-in', 'USD')).account, '1 USD'), line('Cr', (open_account('QRST', 'FBO', 'Suspense:unidentified', 'USD')).account, '1 USD')), 'by hand') \g /dev/null
SELECT results_eq($$ SELECT f.check_name, f.client, a.name, f.detail FROM check_funding('QRST') AS f JOIN account AS a USING (account) $$,
	$$ SELECT 'funding', 'QRST', k.name, format('%s: deposits and withdrawals under way come to %s, the ledger has %s.', k.name, e.amount, e.amount + '1 USD')
	   FROM (VALUES ('Clearing:ACH-in', 'INITIATED'), ('Suspense:unidentified', 'UNIDENTIFIED')) AS k (name, status)
	   CROSS JOIN LATERAL (SELECT coalesce(sum(t.amount), '0.00 USD') AS amount FROM funding_transfer AS t JOIN client AS c USING (client_id) WHERE c.code = 'QRST' AND t.status = k.status) AS e $$,
	'an entry by hand on a clearing account shows as a difference');
-- ---------------------------------------------------------------------------
-- Steps in order of time; one deposit that cannot settle stops no other
-- ---------------------------------------------------------------------------
SELECT open_customer(client => 'QRST', customer => 'FAYE0001') \g /dev/null
SELECT initiate_deposit('FAYE0001', '40 USD', 'order', at => '2026-10-05 15:00Z') \g /dev/null
SELECT throws_ok($$ SELECT credit_deposit('QRST', 'order', 'B-order', '2026-10-05 14:59Z') $$, 'LG061', NULL,
	'a deposit is not credited before it was initiated');
SELECT is((SELECT status FROM credit_deposit('QRST', 'order', 'B-order', '2026-10-05 15:00Z')), 'CREDITED',
	'a deposit can be credited at the instant it was initiated');
SELECT is((SELECT status FROM credit_deposit('QRST', 'order', 'B-order', '2026-10-01 15:00Z')), 'CREDITED',
	'a credit taken again is answered whatever its instant');
SELECT throws_ok($$ SELECT return_deposit('QRST', 'order', 'R01', at => '2026-10-05 14:59Z') $$, 'LG061', NULL,
	'a deposit is not returned before it was credited');
SELECT request_withdrawal('ALICE001', '20 USD', 'order out', at => '2026-11-12 15:00Z') \g /dev/null
SELECT throws_ok($$ SELECT send_withdrawal('QRST', 'order out', at => '2026-11-12 14:59Z') $$, 'LG061', NULL,
	'a withdrawal is not sent before it was requested');
SELECT throws_ok($$ SELECT cancel_withdrawal('QRST', 'order out', at => '2026-11-12 14:59Z') $$, 'LG061', NULL,
	'a withdrawal is not canceled before it was requested');

SELECT initiate_deposit('FAYE0001', '50 EUR', 'euro late', at => '2026-10-05 15:00Z'), credit_deposit('QRST', 'euro late', 'B-euro late', '2026-10-06 15:00Z') \g /dev/null
SELECT throws_ok($$ SELECT retire_asset('EUR', reason => 'no bank left') $$, 'LG039', NULL,
	'a currency in which a deposit waits for its hold is not retired');
SELECT change_asset('EUR', 'WITHDRAW_ONLY', reason => 'no bank left') \g /dev/null
SELECT set_eq($$ SELECT amount::text FROM settle_deposits('2026-10-20 15:00Z', 'QRST') $$, ARRAY['40.00 USD', '50.00 EUR'],
	'a deposit in a currency that winds down is settled: its owner can withdraw it');
SELECT is(pg_temp.state('euro late'), 'SETTLED', 'a deposit in a currency that winds down becomes settled');
SELECT reinstate_asset('EUR', reason => 'a bank was found') \g /dev/null

SELECT throws_ok($$ SELECT initiate_deposit('FAYE0001', '5 USD', 'no bank', bank => 'a:b') $$, 'LG034', NULL,
	'a deposit at a bank outside the chart is refused');
SELECT throws_ok($$ SELECT credit_deposits('QRST', NULL) $$, 'LG002', NULL, 'crediting deposits without a list is refused');
SELECT throws_ok($$ SELECT send_withdrawals('QRST', NULL) $$, 'LG002', NULL, 'sending withdrawals without a list is refused');
SELECT throws_ok($$ SELECT complete_withdrawals('QRST', NULL) $$, 'LG002', NULL,
	'completing withdrawals without a list is refused');
SELECT throws_ok($$ SELECT change_cash_terms('QRST', return_fee => '1 USD', reference => '') $$, 'LG002', NULL,
	'a change of terms with an empty reference is refused');
SELECT throws_ok($$ SELECT cash_balance('FAYE0001', at => 'infinity') $$, 'LG061', NULL, 'a balance as of infinity is refused');
SELECT throws_ok($$ SELECT cash_balance('FAYE0001', asset => 'NONE') $$, 'LG040', NULL,
	'a balance in an unknown currency is refused');
SELECT throws_ok($$ SELECT deficits('QRST', NULL) $$, 'LG061', NULL, 'deficits as of no instant are refused');

-- ---------------------------------------------------------------------------
-- Lists
-- ---------------------------------------------------------------------------
SELECT results_eq($$ SELECT reference, customer, rail, direction, amount::text, status, changed_at, bank_reference FROM funding_transfers('QRST', 'FAYE0001', '2026-10-05 14:00Z') $$,
	$$ SELECT NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text WHERE false $$,
	'the list of transfers is empty before the first request');
SELECT results_eq($$ SELECT reference, customer, rail, direction, amount::text, status, changed_at, bank_reference FROM funding_transfers('QRST', 'FAYE0001', '2026-10-06 14:00Z') $$,
	$$ VALUES ('order', 'FAYE0001', 'ACH', 'DEPOSIT', '40.00 USD', 'CREDITED', timestamptz '2026-10-05 15:00Z', 'B-order'),
			  ('euro late', 'FAYE0001', 'ACH', 'DEPOSIT', '50.00 EUR', 'INITIATED', timestamptz '2026-10-05 15:00Z', NULL) $$,
			'transfers are listed as they stood at an instant');
SELECT results_eq($$ SELECT DISTINCT status FROM funding_transfers('QRST', 'FAYE0001', '2026-10-21 14:00Z') $$, $$ VALUES ('SETTLED') $$,
	'a later list shows the transfers as settled');
SELECT is((SELECT count(*) FROM funding_transfers('QRST')), (SELECT count(*) FROM funding_transfer t JOIN client c USING (client_id) WHERE c.code = 'QRST'),
	'the list of a client has all its transfers');
SELECT is_empty($$ SELECT f.reference, f.status, t.status FROM funding_transfers('QRST') f JOIN funding_transfer t USING (reference) JOIN client c USING (client_id)
	WHERE c.code = 'QRST' AND f.status <> t.status COLLATE "default" $$, 'the list as of now has the statuses of the table');
SELECT throws_ok($$ SELECT funding_transfers('QRST', customer => 'XYZZ0001') $$, 'LG012', NULL,
	'a list for another client''s customer is refused');
SELECT throws_ok($$ SELECT funding_transfers('NONE') $$, 'LG010', NULL, 'a list for an unknown client is refused');
SELECT throws_ok($$ SELECT funding_transfers('QRST', at => 'infinity') $$, 'LG061', NULL, 'a list as of infinity is refused');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SELECT finish();
ROLLBACK;
