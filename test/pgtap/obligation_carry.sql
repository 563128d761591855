-- Obligations carried into another window: what is posted, and how they are paid there; and write-offs that are declined.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();
\ir lib/settlement_event.psql

SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
CREATE FUNCTION pg_temp.day(day date, side text, quantity amount) RETURNS bigint LANGUAGE sql AS $$
	SELECT outcome FROM post_trade('QRST0001', side, quantity, 'lp1', format('trade %s', day), provider_price => '60000 USD/BTC', executed_at => day - 1 + time '20:00' AT TIME ZONE 'UTC');
	SELECT count(*) FROM close_window('QRST', day, (day + time '14:30') AT TIME ZONE 'UTC');
	SELECT count(*) FROM advise_window('QRST', day), agree_window('QRST', day) $$;
CREATE FUNCTION pg_temp.owed(settlement_window text, counterparty text, asset asset, payer text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS
	$$ SELECT obligation FROM obligations('QRST', true) AS o WHERE (o.settlement_window, o.counterparty, o.asset) = ($1, $2, $3) AND o.payer = coalesce($4, o.payer) $$;
CREATE FUNCTION pg_temp.as_posted(reference text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.fund, a.name, coalesce(l.debit, l.credit)::text)
	FROM journal j, lines(j.entry) AS l JOIN account a USING (account) WHERE j.reference = $1 ORDER BY l.line $$;
SELECT pg_temp.day('2025-06-03', 'BUY', '0.3 BTC'), pg_temp.day('2025-06-04', 'SELL', '0.1 BTC') \g /dev/null

-- ---------------------------------------------------------------------------
-- What carrying posts
-- ---------------------------------------------------------------------------
SELECT record_wire('QRST', 'received', '1000 USD', 'part', closes_on => '2025-06-03') \g /dev/null
SELECT carry_obligation('QRST', pg_temp.owed('W1', 'QRST', 'USD'), 'c1', 'no funds', '2025-06-04 15:00Z'),
	carry_obligation('QRST', pg_temp.owed('W2', 'QRST', 'USD'), 'c2', at => '2025-06-04 15:00Z'),
	carry_obligation('QRST', pg_temp.owed('W1', 'lp1', 'BTC'), 'c3', at => '2025-06-04 15:00Z'),
	carry_obligation('QRST', pg_temp.owed('W1', 'lp1', 'USD'), 'c4', at => '2025-06-04 15:00Z') \g /dev/null
SELECT results_eq($$SELECT pg_temp.as_posted('c1')$$, $$VALUES ('Dr CORP Client:obligation:QRST:W3 17000.00 USD'), ('Cr CORP Client:obligation:QRST:W1 17000.00 USD')$$,
	'what the client owes is carried by a debit of the open window''s account');
SELECT results_eq($$SELECT pg_temp.as_posted('c2')$$, $$VALUES ('Dr CORP Client:obligation:QRST:W2 6000.00 USD'), ('Cr CORP Client:obligation:QRST:W3 6000.00 USD')$$,
	'what the client is owed is carried by a debit of the account it comes from');
SELECT results_eq($$SELECT pg_temp.as_posted('c3')$$, $$VALUES ('Dr CORP LP:net:lp1:W3 0.30 BTC'), ('Cr CORP LP:net:lp1:W1 0.30 BTC')$$,
	'coin that a provider owes is carried by a debit of the open window''s account');
SELECT results_eq($$SELECT pg_temp.as_posted('c4')$$, $$VALUES ('Dr CORP LP:net:lp1:W1 18000.00 USD'), ('Cr CORP LP:net:lp1:W3 18000.00 USD')$$,
	'what a provider is owed is carried by a debit of the account it comes from');
SELECT ok((SELECT bool_and(k.name = 'novation') FROM journal j JOIN journal_kind k USING (kind) WHERE j.reference ~ '^c\d$'), 'carrying is a novation');
SELECT results_eq($$SELECT receivable::text, payable::text FROM obligation WHERE window_no = 3 AND counterparty = 'QRST' ORDER BY obligation_id$$, $$VALUES ('17000.00 USD', '0.00 USD'), ('0.00 USD', '-6000.00 USD')$$,
	'a carried obligation that was paid in part is gross what is left of it');

-- ---------------------------------------------------------------------------
-- Settling the window that they were carried into
-- ---------------------------------------------------------------------------
SELECT pg_temp.day('2025-06-05', 'BUY', '0.2 BTC') \g /dev/null
SELECT results_eq($$SELECT counterparty, paid::text, outstanding::text, status FROM settle_window('QRST', '2025-06-05', 's3', '2025-06-05 17:00Z')$$,
	$$VALUES ('QRST', '11000.00 USD', '0.00 USD', 'SETTLED'), ('QRST', '12000.00 USD', '0.00 USD', 'SETTLED'),
	('lp1', '18000.00 USD', '0.00 USD', 'SETTLED'), ('lp1', '0.30 BTC', '0.00 BTC', 'SETTLED'), ('lp1', '12000.00 USD', '0.00 USD', 'SETTLED'), ('lp1', '0.20 BTC', '0.00 BTC', 'SETTLED')$$,
	'settling a window pays what was carried into it, what goes the other way set off');
SELECT results_eq($$SELECT reference::text COLLATE "default" FROM settlement_request WHERE reference LIKE 's3:%' ORDER BY 1$$, $$VALUES ('s3:QRST:USD'), ('s3:lp1')$$,
	'one wire with the client settles what went both ways');
SELECT results_eq($$SELECT pg_temp.as_posted('s3:QRST:USD')$$, $$VALUES ('Dr CORP Bank:operating 23000.00 USD'), ('Cr CORP Client:obligation:QRST:W3 23000.00 USD')$$,
	'one wire pays all that a client owes for a window');
SELECT results_eq($$SELECT s.* FROM settle_window('QRST', '2025-06-05', 's3', '2025-06-05 18:00Z') AS s$$,
	$$SELECT p.* FROM settlement_request r, jsonb_array_elements(r.outcome) AS o, jsonb_populate_record(NULL::obligation_result, o || '{"replayed": true}') AS p WHERE r.reference LIKE 's3:%' ORDER BY r.reference ~ 'lp1', r.reference$$,
	'a window settled again is answered as it was first');
SELECT is((SELECT status FROM settlement_window WHERE window_no = 3), 'SETTLED', 'a window is settled with what was carried into it');

-- two obligations of a client in one direction
SELECT pg_temp.day('2025-06-06', 'BUY', '0.1 BTC') \g /dev/null
SELECT carry_obligation('QRST', pg_temp.owed('W4', 'QRST', 'USD'), 'c5', at => '2025-06-06 15:00Z') \g /dev/null
SELECT pg_temp.day('2025-06-07', 'BUY', '0.1 BTC') \g /dev/null
SELECT throws_ok($$SELECT settle_window('QRST', '2025-06-07', 's5', '2025-06-07 17:00Z')$$, 'LG071', NULL,
	'a window is not settled before what falls due with it is known');
SELECT count(*) FROM generate_series(date '2025-06-08', '2025-06-09', '1 day') AS d, close_window('QRST', d::date, '2025-06-09 14:30Z') \g /dev/null
SELECT results_eq($$SELECT paid::text, status FROM settle_window('QRST', '2025-06-07', 's5', '2025-06-09 17:00Z') WHERE counterparty = 'QRST'$$,
	$$VALUES ('6000.00 USD', 'SETTLED'), ('6000.00 USD', 'SETTLED')$$, 'settling a window pays the carried and the own obligation of a client by one wire');
SELECT is((SELECT count(*) FROM settlement_request WHERE reference LIKE 's5:QRST:%'), 1::bigint, 'a wire in one direction is one request');

-- ---------------------------------------------------------------------------
-- Write-offs that are declined, or are a provider's
-- ---------------------------------------------------------------------------
CREATE ROLE bakkt_test_settler; CREATE ROLE bakkt_test_approver; CREATE ROLE bakkt_test_both;
GRANT bakkt_ledger_settler TO bakkt_test_settler, bakkt_test_both;
GRANT bakkt_ledger_approver TO bakkt_test_approver, bakkt_test_both;
-- of the company: a tenant is not told what a provider owes
GRANT bakkt_ledger_bookkeeper TO bakkt_test_approver;
SELECT grant_client_access('QRST', 'bakkt_test_approver') \g /dev/null
SELECT pg_temp.owed('W4', 'lp1', 'BTC') AS coin \gset
SET LOCAL SESSION AUTHORIZATION bakkt_test_both;
SELECT is((propose_write_off('QRST', :coin, 'o1', 'BAKKT_WRITE_OFF', '2025-07-06Z')).amount::text, '0.10 BTC', 'what a provider does not deliver can be proposed to be written off');
SELECT throws_ok(format('SELECT propose_write_off(%L, %s, %L, %L)', 'QRST', :coin, 'o2', 'BAKKT_WRITE_OFF'), 'LG071', NULL,
	'a second write-off of an obligation is not proposed before the first is decided');
SELECT throws_ok($$SELECT decline_write_off('QRST', 'o1', 'mine')$$, 'LG067', NULL, 'nobody declines a write-off they proposed');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok($$SELECT decline_write_off('QRST', 'o1', 'no')$$, '42501', NULL, 'a settler cannot decline a write-off');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT throws_ok($$SELECT decline_write_off('QRST', 'o9', 'no')$$, 'LG002', NULL, 'a write-off that was not proposed cannot be declined');
SELECT throws_ok($$SELECT decline_write_off('QRST', 'o1', '')$$, 'LG002', NULL, 'a write-off is not declined without a reason');
SELECT results_eq($$SELECT reference, outcome, replayed, status FROM decline_write_off('QRST', 'o1', 'they will deliver', '2025-07-07Z')$$, $$VALUES ('o1', 'declined', false, 'DECLINED')$$, 'a second person can decline a write-off');
SELECT results_eq($$SELECT reference, outcome, replayed, status FROM decline_write_off('QRST', 'o1', 'they will deliver', '2025-07-07Z')$$, $$VALUES ('o1', 'declined', true, 'DECLINED')$$, 'declining a write-off again is no error');
SELECT throws_ok($$SELECT approve_write_off('QRST', 'o1')$$, 'LG071', NULL, 'a declined write-off cannot be approved');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT reason FROM event WHERE subject = 'approval' AND event = 'declined'), 'they will deliver', 'a declined write-off records why');
SELECT is((SELECT status FROM obligations('QRST') WHERE obligation = :coin), 'ENTERED', 'a declined write-off leaves the obligation as it was');
SET LOCAL SESSION AUTHORIZATION bakkt_test_both;
SELECT is((propose_write_off('QRST', :coin, 'o1', 'BAKKT_WRITE_OFF', '2025-07-06Z')).amount::text, '0.10 BTC', 'a declined proposal made again is answered as it was first');
SELECT is((SELECT concat_ws(' ', reference, outcome, replayed, counterparty, amount, reason, status) FROM propose_write_off('QRST', :coin, 'o1', 'BAKKT_WRITE_OFF')), 'o1 proposed t lp1 0.10 BTC BAKKT_WRITE_OFF PROPOSED',
	'a proposal made again has the status that it had first, though it was declined since');
SELECT is((propose_write_off('QRST', :coin, 'o3', 'BAKKT_WRITE_OFF', '2025-07-08Z')).amount::text, '0.10 BTC', 'a declined write-off can be proposed anew under another reference');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT throws_ok($$SELECT approve_write_off('QRST', 'o1')$$, 'LG071', NULL, 'a declined proposal stays declined when another is made');
SELECT results_eq($$SELECT amount::text, outcome FROM approve_write_off('QRST', 'o3', '2025-07-09Z')$$, $$VALUES ('0.10 BTC', 'written_off')$$, 'a write-off proposed anew can be approved');
SELECT throws_ok($$SELECT decline_write_off('QRST', 'o3', 'late')$$, 'LG071', NULL, 'a write-off that was approved cannot be declined');
RESET SESSION AUTHORIZATION;
CREATE ROLE bakkt_test_tenant; GRANT bakkt_ledger_approver TO bakkt_test_tenant;
SELECT grant_client_access('QRST', 'bakkt_test_tenant') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_tenant;
SELECT is((SELECT jsonb_strip_nulls(to_jsonb(w)) FROM approve_write_off('QRST', 'o3') AS w), '{"reference": "o3", "outcome": "written_off", "replayed": true}',
	'a tenant is told that a provider''s debt was written off, and nothing about it');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT pg_temp.as_posted('o3')$$, $$VALUES ('Dr CORP Expense:bad-debt 0.10 BTC'), ('Cr CORP LP:net:lp1:W4 0.10 BTC')$$,
	'what a provider does not deliver is bad debt');

SELECT is_empty('SELECT * FROM check_settlement()', 'windows, obligations and balances agree');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
