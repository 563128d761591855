-- Set-off into one payment: what joins it, what it posts, how it is paid, fails and is carried.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
-- a trade of the day before, and the window that closes on the day
CREATE FUNCTION pg_temp.day(day date, side text DEFAULT NULL, quantity amount DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
	SELECT post_trade('QRST0001', side, quantity, 'lp1', format('trade %s', day), provider_price => '60000 USD/BTC', executed_at => day - 1 + time '20:00' AT TIME ZONE 'UTC') WHERE side IS NOT NULL;
	SELECT count(*) FROM close_window('QRST', day, (day + time '14:30') AT TIME ZONE 'UTC');
	SELECT advise_window('QRST', day, at => (day + time '14:40') AT TIME ZONE 'UTC') $$;
CREATE FUNCTION pg_temp.agree(day date) RETURNS text LANGUAGE sql AS
	$$ SELECT status FROM agree_window('QRST', day, at => (day + time '14:50') AT TIME ZONE 'UTC') $$;
CREATE FUNCTION pg_temp.owed(settlement_window text, counterparty text DEFAULT 'QRST', asset asset DEFAULT 'USD') RETURNS bigint LANGUAGE sql AS
	$$ SELECT max(obligation) FROM obligations('QRST') AS o WHERE (o.settlement_window, o.counterparty, o.asset) = ($1, $2, $3) $$;
CREATE FUNCTION pg_temp.paid(value_date date, counterparty text DEFAULT 'QRST', asset asset DEFAULT 'USD') RETURNS bigint LANGUAGE sql AS
	$$ SELECT payment FROM payments('QRST') AS p WHERE (p.value_date, p.counterparty, p.asset) = ($1, $2, $3) $$;
CREATE FUNCTION pg_temp.as_posted(reference text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.fund, a.name, coalesce(l.debit, l.credit)::text)
	FROM journal j, lines(j.entry) AS l JOIN account a USING (account) WHERE j.reference = $1 ORDER BY l.line $$;

-- ---------------------------------------------------------------------------
-- A weekend: Saturday +6,000, Sunday -4,800, Monday +1,200 fall due on Monday
-- ---------------------------------------------------------------------------
SELECT pg_temp.day('2025-06-07', 'BUY', '0.1 BTC'), pg_temp.day('2025-06-08', 'SELL', '0.08 BTC') \g /dev/null
SELECT pg_temp.agree('2025-06-07'), pg_temp.agree('2025-06-08') \g /dev/null
SELECT is_empty($$SELECT * FROM set_off_obligations('2025-06-08 15:00Z', 'QRST') WHERE asset = 'USD'$$,
	'nothing is set off before the last window that falls due on the date has closed');
SELECT pg_temp.day('2025-06-09', 'BUY', '0.02 BTC') \g /dev/null
SELECT is_empty($$SELECT * FROM set_off_obligations('2025-06-09 15:00Z', 'QRST') WHERE asset = 'USD'$$,
	'nothing is set off while something that falls due on the date waits to be agreed');
SELECT pg_temp.agree('2025-06-09') \g /dev/null
SELECT results_eq($$SELECT counterparty, value_date, payer, payee, amount::text, outstanding::text, status, obligations FROM set_off_obligations('2025-06-09 15:00Z', 'QRST') WHERE asset = 'USD'$$,
	$$VALUES ('QRST', date '2025-06-09', 'QRST', 'BAKKT', '2400.00 USD', '2400.00 USD', 'ENTERED', 3::bigint), ('lp1', '2025-06-09', 'BAKKT', 'lp1', '2400.00 USD', '2400.00 USD', 'ENTERED', 3)$$,
	'the obligations of a counterparty and value date are set off into one payment');
SELECT is_empty($$SELECT * FROM set_off_obligations('2025-06-09 15:00Z', 'QRST')$$, 'what is set off is not set off again');
SELECT results_eq($$SELECT pg_temp.as_posted('settlement:W3:set-off:client:QRST:USD')$$,
	$$VALUES ('Cr CORP Client:obligation:QRST:W1 4800.00 USD'), ('Dr CORP Client:obligation:QRST:W2 4800.00 USD')$$,
	'set-off is a journal between the obligations, that no bank sees');
SELECT results_eq($$SELECT settlement_window, applied::text, outstanding::text, status FROM obligations('QRST') WHERE counterparty = 'QRST'$$,
	$$VALUES ('W1', '4800.00 USD', '1200.00 USD', 'PARTIALLY_SETTLED'), ('W2', '4800.00 USD', '0.00 USD', 'SETTLED'), ('W3', '0.00 USD', '1200.00 USD', 'ENTERED')$$,
	'what goes one way is set off against what goes the other, oldest first');
SELECT throws_ok(format('SELECT instruct_obligation(%L, %s, %L)', 'QRST', pg_temp.owed('W3'), 'i1'), 'LG071', NULL, 'an obligation that is part of a payment is not instructed by itself');
SELECT throws_ok(format('SELECT fail_obligation(%L, %s, %L, %L)', 'QRST', pg_temp.owed('W3'), 'f1', 'no'), 'LG071', NULL, 'an obligation that is part of a payment does not fail by itself');
SELECT throws_ok(format('SELECT carry_obligation(%L, %s, %L)', 'QRST', pg_temp.owed('W3'), 'c1'), 'LG071', NULL, 'an obligation that is part of a payment is not carried by itself');
SELECT results_eq($$SELECT settlement_window, paid::text, outstanding::text, status, payment = pg_temp.paid('2025-06-09') FROM record_wire('QRST', 'received', '1500 USD', 'w1', at => '2025-06-09 16:00Z')$$,
	$$VALUES ('W1', '1200.00 USD', '0.00 USD', 'SETTLED', true), ('W3', '300.00 USD', '900.00 USD', 'PARTIALLY_SETTLED', true)$$,
	'a wire for a part of the payment discharges what is oldest first');
SELECT is((SELECT status FROM payments('QRST') WHERE counterparty = 'QRST'), 'PARTIALLY_SETTLED', 'a payment paid in part is partially settled');
SELECT results_eq($$SELECT settlement_window, paid::text, status FROM record_wire('QRST', 'received', '900 USD', 'w2', at => '2025-06-09 16:30Z')$$, $$VALUES ('W3', '900.00 USD', 'SETTLED')$$, 'the rest of a payment can be wired');
SELECT results_eq($$SELECT outstanding::text, applied::text, status FROM payments('QRST') WHERE counterparty = 'QRST'$$, $$VALUES ('0.00 USD', '2400.00 USD', 'SETTLED')$$,
	'one net amount, in two wires, settles three windows');
SELECT is((SELECT string_agg(amount::text, ' ') FROM (SELECT l.debit AS amount FROM journal j, lines(j.entry) l WHERE l.account = account_of('QRST', 'CORP', 'Bank:operating', 'USD') ORDER BY j.journal_id) AS x), '1500.00 USD 900.00 USD',
	'the bank''s account has what the bank has seen');
SELECT results_eq($$SELECT settlement_window, asset, paid::text FROM settle_window('QRST', '2025-06-08', 'lp', '2025-06-09 17:00Z')$$, $$VALUES ('W2', 'BTC'::asset, '0.08 BTC'), ('W1', 'USD', '1200.00 USD'), ('W3', 'USD', '1200.00 USD')$$,
	'settling a window settles the whole payments that it is part of');
SELECT is_empty($$SELECT * FROM payments('QRST', open_only => true) WHERE asset = 'USD'$$, 'payments settled in whole are not open');

-- ---------------------------------------------------------------------------
-- What stays outside: what is in dispute, and what was paid in part or instructed before
-- ---------------------------------------------------------------------------
SELECT pg_temp.day('2025-06-10', 'BUY', '0.1 BTC') \g /dev/null
SELECT record_wire('QRST', 'received', '1 USD', 'early', at => '2025-06-10 14:45Z') \g /dev/null
SELECT pg_temp.agree('2025-06-10') \g /dev/null
SELECT is_empty($$SELECT * FROM set_off_obligations('2025-06-10 15:00Z', 'QRST') WHERE counterparty = 'QRST'$$, 'an obligation paid in part before is paid by itself');
SELECT results_eq($$SELECT settlement_window, paid::text, payment FROM record_wire('QRST', 'received', '5999 USD', 'rest', at => '2025-06-10 16:00Z')$$, $$VALUES ('W4', '5999.00 USD', NULL::bigint)$$,
	'a wire pays an obligation that is in no payment');
SELECT pg_temp.day('2025-06-11', 'BUY', '0.1 BTC') \g /dev/null
SELECT dispute_window('QRST', '2025-06-11', 'not ours', '2025-06-11 14:50Z') \g /dev/null
SELECT is_empty($$SELECT * FROM set_off_obligations('2025-06-11 15:00Z', 'QRST') WHERE value_date = '2025-06-11'$$, 'what is in dispute is not set off');
SELECT pg_temp.day('2025-06-12', 'SELL', '0.05 BTC'), pg_temp.agree('2025-06-12') \g /dev/null
SELECT results_eq($$SELECT value_date, payer, amount::text, obligations FROM set_off_obligations('2025-06-12 15:00Z', 'QRST') WHERE counterparty = 'QRST'$$,
	$$VALUES (date '2025-06-12', 'BAKKT', '3000.00 USD', 1::bigint)$$, 'a dispute does not hold up what falls due later');
SELECT instruct_payment('QRST', pg_temp.paid('2025-06-12'), 'i2', '2025-06-12 15:10Z') \g /dev/null
SELECT pg_temp.agree('2025-06-11'), pg_temp.day('2025-06-13', 'SELL', '0.02 BTC'), pg_temp.agree('2025-06-13') \g /dev/null
SELECT results_eq($$SELECT value_date, payer, amount::text, obligations FROM set_off_obligations('2025-06-13 15:00Z', 'QRST') WHERE counterparty = 'QRST' ORDER BY value_date$$,
	$$VALUES (date '2025-06-11', 'QRST', '6000.00 USD', 1::bigint), ('2025-06-13', 'BAKKT', '1200.00 USD', 1)$$,
	'what was in dispute has a payment of its own value date when it is agreed later');

-- ---------------------------------------------------------------------------
-- Instructed, failed, carried: as sums
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT outcome, replayed, settlement_window, status FROM instruct_payment('QRST', pg_temp.paid('2025-06-11'), 'i3', '2025-06-13 15:10Z')$$, $$VALUES ('instructed', false, 'W5', 'INSTRUCTED')$$,
	'a payment is instructed as a whole');
SELECT results_eq($$SELECT outcome, replayed, status FROM instruct_payment('QRST', pg_temp.paid('2025-06-11'), 'i3', '2025-06-13 15:10Z')$$, $$VALUES ('instructed', true, 'INSTRUCTED')$$,
	'an instruction submitted again is answered as it was first');
SELECT throws_ok($$SELECT instruct_payment('QRST', pg_temp.paid('2025-06-12'), 'i3')$$, 'LG020', NULL, 'an instruction''s reference for another payment is a conflict');
SELECT throws_ok($$SELECT instruct_payment('QRST', pg_temp.paid('2025-06-11'), 'i4')$$, 'LG071', NULL, 'an instructed payment is not instructed again');
SELECT throws_ok($$SELECT fail_payment('QRST', pg_temp.paid('2025-06-11'), 'f2', '')$$, 'LG002', NULL, 'a failure needs a reason');
SELECT throws_ok($$SELECT fail_payment('QRST', 4711, 'f2', 'no money')$$, 'LG073', NULL, 'an unknown payment cannot fail');
SELECT throws_ok($$SELECT fail_payment('QRST', pg_temp.paid('2025-06-09'), 'f2', 'no money')$$, 'LG071', NULL, 'a settled payment cannot fail');
SELECT results_eq($$SELECT outcome, status FROM fail_payment('QRST', pg_temp.paid('2025-06-11'), 'f2', 'no money', '2025-06-13 22:00Z')$$, $$VALUES ('failed', 'FAILED')$$, 'an instructed payment can fail');
SELECT is((SELECT status FROM payments('QRST') WHERE payment = pg_temp.paid('2025-06-11')), 'FAILED', 'a payment has the status of its obligations');
SELECT results_eq($$SELECT outcome, settlement_window, paid::text, outstanding::text, status, payment IS NULL FROM carry_payment('QRST', pg_temp.paid('2025-06-11'), 'c2', 'next time', '2025-06-13 22:10Z')$$,
	$$VALUES ('carried', 'W5', '6000.00 USD', '0.00 USD', 'CARRIED', false), ('entered', 'W8', NULL, '6000.00 USD', 'ENTERED', true)$$, 'a failed payment is carried into the open window');
SELECT is((SELECT status FROM payments('QRST') WHERE payment = pg_temp.paid('2025-06-11')), 'CARRIED', 'a payment that was carried has ended');
SELECT pg_temp.day('2025-06-14', 'BUY', '0.01 BTC'), pg_temp.agree('2025-06-14'), pg_temp.day('2025-06-15', 'SELL', '0.04 BTC'), pg_temp.agree('2025-06-15'), pg_temp.day('2025-06-16') \g /dev/null
SELECT results_eq($$SELECT value_date, payer, amount::text, obligations FROM set_off_obligations('2025-06-16 15:00Z', 'QRST') WHERE counterparty = 'QRST'$$,
	$$VALUES (date '2025-06-16', 'QRST', '4200.00 USD', 3::bigint)$$, 'what was carried joins the next payment as part of its sum');
SELECT results_eq($$SELECT settlement_window, first_window, age_days FROM obligations('QRST', true) AS o JOIN settlement_statement('QRST') AS s USING (obligation, settlement_window)
		WHERE o.payment = pg_temp.paid('2025-06-16') AND s.event = 'set_off' ORDER BY 1, 2$$, $$VALUES ('W8', 'W5', 4), ('W8', 'W8', 0)$$,
	'what was carried keeps its age');
SELECT results_eq($$SELECT settlement_window, paid::text FROM settle_window('QRST', '2025-06-15', 's1', '2025-06-16 16:00Z') WHERE counterparty = 'QRST'$$,
	$$VALUES ('W8', '3600.00 USD'), ('W8', '600.00 USD')$$, 'a window whose own obligation was set off in full is settled with the payment it is part of');

-- ---------------------------------------------------------------------------
-- Coin, and what nets to nothing
-- ---------------------------------------------------------------------------
SELECT pg_temp.day('2025-06-17', 'BUY', '0.3 BTC'), pg_temp.agree('2025-06-17') \g /dev/null
SELECT count(*) FROM set_off_obligations('2025-06-17 15:00Z', 'QRST') \g /dev/null
SELECT carry_payment('QRST', pg_temp.paid('2025-06-17', 'lp1', 'BTC'), 'c3', at => '2025-06-17 16:00Z') \g /dev/null
SELECT pg_temp.day('2025-06-18', 'SELL', '0.3 BTC'), pg_temp.agree('2025-06-18') \g /dev/null
SELECT results_eq($$SELECT payer, payee, amount::text, status, obligations FROM set_off_obligations('2025-06-18 15:00Z', 'QRST') WHERE asset = 'BTC'$$,
	$$VALUES (NULL, NULL, '0.00 BTC', 'SETTLED', 2::bigint)$$, 'coin that comes and goes in equal parts is set off in full');
SELECT results_eq($$SELECT pg_temp.as_posted('settlement:W12:set-off:provider:lp1:BTC')$$,
	$$VALUES ('Dr CORP DueTo:CUST 0.30 BTC'), ('Cr CORP DueFrom:CUST 0.30 BTC'), ('Dr CUST DueTo:CORP 0.30 BTC'), ('Cr CUST DueFrom:CORP 0.30 BTC')$$,
	'coin that is set off is settled between the funds, and no chain sees it');
SELECT is_empty('SELECT * FROM check_settlement()', 'windows, obligations, payments and balances agree');

-- ---------------------------------------------------------------------------
-- Above what is owed
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT outcome, settlement_window, paid::text, outstanding::text, status FROM record_wire('QRST', 'received', '18100 USD', 'above', at => '2025-06-18 16:00Z') WHERE outcome <> 'paid' OR paid = '18000 USD'$$,
	$$VALUES ('paid', 'W11', '18000.00 USD', '0.00 USD', 'SETTLED'), ('unapplied', NULL, '100.00 USD', '100.00 USD', 'UNAPPLIED')$$,
	'what comes in above what is owed is unapplied');
SELECT results_eq($$SELECT pg_temp.as_posted('above')$$, $$VALUES ('Dr CORP Bank:operating 18100.00 USD'), ('Cr CORP Client:obligation:QRST:W11 18000.00 USD'), ('Cr CORP Client:unapplied:QRST 100.00 USD')$$,
	'a wire above what is owed is one journal');
SELECT results_eq($$SELECT counterparty, outstanding::text, status, reference, age_days FROM unapplied_payments('QRST', at => '2025-06-21 15:00Z')$$, $$VALUES ('QRST', '100.00 USD', 'UNAPPLIED', 'above', 2)$$,
	'unapplied money is listed with its age');
SELECT unapplied AS held FROM unapplied_payments('QRST') \gset
SELECT throws_ok(format('SELECT apply_unapplied_payment(%L, %s, %L)', 'QRST', :held, 'a1'), 'LG073', NULL, 'unapplied money cannot be applied while nothing is owed');
SELECT throws_ok($$SELECT apply_unapplied_payment('QRST', 4711, 'a1')$$, 'LG073', NULL, 'unknown unapplied money cannot be applied');
SELECT throws_ok(format('SELECT return_unapplied_payment(%L, %s, %L, %L)', 'QRST', :held, 'r1', ''), 'LG002', NULL, 'unapplied money is not returned without a reason');
SELECT throws_ok(format('SELECT return_unapplied_payment(%L, %s, %L, %L, %L)', 'QRST', :held, 'r1', 'theirs', '100.01 USD'), 'LG074', NULL, 'more than is unapplied cannot be returned');
SELECT throws_ok(format('SELECT return_unapplied_payment(%L, %s, %L, %L, %L)', 'QRST', :held, 'r1', 'theirs', '1 EUR'), 'LG042', NULL, 'unapplied money is returned in its own currency');
SELECT throws_ok(format('SELECT return_unapplied_payment(%L, %s, %L, %L, %L)', 'QRST', :held, 'r1', 'theirs', '0 USD'), 'LG045', NULL, 'nothing cannot be returned');
SELECT results_eq(format('SELECT outcome, paid::text, outstanding::text, status FROM return_unapplied_payment(%L, %s, %L, %L, %L, %L)', 'QRST', :held, 'r1', 'theirs', '30 USD', '2025-06-18 17:00Z'),
	$$VALUES ('returned', '30.00 USD', '70.00 USD', 'UNAPPLIED')$$, 'unapplied money can be returned in part');
SELECT results_eq($$SELECT pg_temp.as_posted('r1')$$, $$VALUES ('Dr CORP Client:unapplied:QRST 30.00 USD'), ('Cr CORP Bank:operating 30.00 USD')$$, 'money returned leaves the bank');
SELECT pg_temp.day('2025-06-20', 'BUY', '0.001 BTC'), pg_temp.agree('2025-06-20') \g /dev/null
SELECT throws_ok(format('SELECT apply_unapplied_payment(%L, %s, %L, %L)', 'QRST', :held, 'a1', '60.01 USD'), 'LG074', NULL, 'more than is owed cannot be applied');
SELECT results_eq(format('SELECT outcome, settlement_window, paid::text, outstanding::text, status FROM apply_unapplied_payment(%L, %s, %L, at => %L)', 'QRST', :held, 'a1', '2025-06-20 16:00Z'),
	$$VALUES ('paid', 'W14', '60.00 USD', '0.00 USD', 'SETTLED'), ('applied', NULL, '60.00 USD', '10.00 USD', 'UNAPPLIED')$$, 'unapplied money is applied to what is owed');
SELECT results_eq($$SELECT pg_temp.as_posted('a1')$$, $$VALUES ('Cr CORP Client:obligation:QRST:W14 60.00 USD'), ('Dr CORP Client:unapplied:QRST 60.00 USD')$$, 'no bank sees unapplied money applied');
SELECT results_eq(format('SELECT outcome, replayed, paid::text FROM apply_unapplied_payment(%L, %s, %L)', 'QRST', :held, 'a1'), $$VALUES ('paid', true, '60.00 USD'), ('applied', true, '60.00 USD')$$,
	'unapplied money applied again under the reference is answered as it was first');
SELECT return_unapplied_payment('QRST', :held, 'r2', 'theirs', at => '2025-06-20 17:00Z') \g /dev/null
SELECT throws_ok(format('SELECT return_unapplied_payment(%L, %s, %L, %L)', 'QRST', :held, 'r3', 'theirs'), 'LG071', NULL, 'unapplied money that is gone cannot be returned');
SELECT throws_ok($$UPDATE unapplied_payment SET returned = '0 USD', status = 'UNAPPLIED'$$, 'LG066', NULL, 'what was returned cannot be taken back');
SELECT throws_ok($$UPDATE payment SET amount = '1 USD'$$, 'LG066', NULL, 'the amount of a payment cannot be changed');
SELECT throws_ok($$DELETE FROM payment$$, 'LG066', NULL, 'payments cannot be deleted');
SELECT throws_ok($$UPDATE obligation SET payment_id = NULL WHERE payment_id IS NOT NULL$$, 'LG066', NULL, 'an obligation cannot leave its payment');
SELECT settle_provider('QRST', 'lp1', 'all of it', at => '2025-06-20 17:30Z') \g /dev/null
SELECT throws_ok($$SELECT settle_provider('QRST', 'lp1', 'coin', amounts => ARRAY['0.002 BTC']::amount[])$$, 'LG073', NULL, 'coin of a provider that nothing is outstanding with is refused');
SELECT pg_temp.day('2025-06-21', 'BUY', '0.001 BTC'), pg_temp.agree('2025-06-21') \g /dev/null
SELECT results_eq($$SELECT outcome, paid::text, unapplied IS NULL FROM settle_provider('QRST', 'lp1', 'coin above', amounts => ARRAY['0.002 BTC']::amount[], at => '2025-06-21 18:00Z')$$,
	$$VALUES ('paid', '0.001 BTC', true), ('unapplied', '0.001 BTC', false)$$, 'coin that a provider delivers above what it owes is unapplied');
SELECT results_eq($$SELECT pg_temp.as_posted('coin above')$$,
	$$VALUES ('Dr CORP DueTo:CUST 0.001 BTC'), ('Dr CORP DueFrom:CUST 0.001 BTC'), ('Cr CORP LP:net:lp1:W15 0.001 BTC'), ('Cr CUST DueTo:CORP 0.001 BTC'),
	('Dr CUST Wallet:omnibus 0.002 BTC'), ('Cr CUST DueFrom:CORP 0.001 BTC'), ('Cr CORP LP:unapplied:lp1 0.001 BTC')$$, 'coin above what is owed belongs to the company until it is applied');
SELECT throws_ok($$SELECT settle_provider('QRST', 'lp1', 'money', amounts => ARRAY['60.01 USD']::amount[])$$, 'LG074', NULL, 'a provider is not paid more than it is owed');
SELECT throws_ok($$SELECT settle_provider('QRST', 'lp1', 'twice', amounts => ARRAY['1 USD', '2 USD']::amount[])$$, 'LG002', NULL, 'an asset is named once among the amounts');

-- ---------------------------------------------------------------------------
-- Written off, and paid late
-- ---------------------------------------------------------------------------
SELECT pg_temp.day('2025-06-24', 'BUY', '0.01 BTC'), pg_temp.agree('2025-06-24') \g /dev/null
SELECT change_client('QRST', revenue_share_bps => 4000) \g /dev/null
SELECT post_trade('QRST0001', 'BUY', '1 BTC', 'lp1', 'with markup', provider_price => '60000 USD/BTC', markup_bps => 10, executed_at => '2025-06-24 20:00Z') \g /dev/null
CREATE ROLE bakkt_test_settler; CREATE ROLE bakkt_test_approver;
GRANT bakkt_ledger_settler TO bakkt_test_settler; GRANT bakkt_ledger_approver, bakkt_ledger_bookkeeper TO bakkt_test_approver;
SELECT grant_client_access('QRST', 'bakkt_test_approver') \g /dev/null
SELECT pg_temp.owed('W18') AS written \gset
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT propose_write_off('QRST', :written, 'o1', 'PARTNER_WRITE_OFF', '2025-07-25Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT approve_write_off('QRST', 'o1', '2025-07-26Z') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT pg_temp.as_posted('o1')$$, $$VALUES ('Dr CORP RevShare:payable:QRST 24.00 USD'), ('Dr CORP Expense:bad-debt 576.00 USD'), ('Cr CORP Client:obligation:QRST:W18 600.00 USD')$$, 'a write-off takes the share first');
SELECT record_wire('QRST', 'received', '650 USD', 'late', at => '2025-07-28Z') \g /dev/null
SELECT unapplied AS late FROM unapplied_payments('QRST') WHERE counterparty = 'QRST' \gset
SELECT unapplied AS coin FROM unapplied_payments('QRST') WHERE asset = 'BTC' \gset
SELECT throws_ok(format('SELECT recover_obligation(%L, %s, %s, %L)', 'QRST', pg_temp.owed('W14'), :late, 'b1'), 'LG071', NULL, 'what was not written off is not recovered');
SELECT throws_ok(format('SELECT recover_obligation(%L, %s, %s, %L, %L)', 'QRST', :written, :late, 'b1', '600.01 USD'), 'LG086', NULL, 'more than was written off is not recovered');
SELECT throws_ok(format('SELECT recover_obligation(%L, %s, %s, %L, %L)', 'QRST', :written, :late, 'b1', '590.01 USD'), 'LG074', NULL, 'more than is unapplied is not recovered');
SELECT throws_ok(format('SELECT recover_obligation(%L, %s, %s, %L)', 'QRST', :written, :coin, 'b1'), 'LG002', NULL, 'one counterparty''s debt is not recovered with what another has paid');
SELECT results_eq(format('SELECT outcome, paid::text, status FROM recover_obligation(%L, %s, %s, %L, %L, %L)', 'QRST', :written, :late, 'b1', '570 USD', '2025-07-29Z'),
	$$VALUES ('recovered', '570.00 USD', 'WRITTEN_OFF'), ('applied', '570.00 USD', 'UNAPPLIED')$$, 'what was written off is recovered when it is paid late');
SELECT results_eq(format('SELECT outcome, paid::text FROM recover_obligation(%L, %s, %s, %L, at => %L)', 'QRST', :written, :late, 'b2', '2025-07-29Z'), $$VALUES ('recovered', '20.00 USD'), ('applied', '20.00 USD')$$, 'the rest that is unapplied recovers what stands');
SELECT results_eq($$SELECT pg_temp.as_posted('b1')$$, $$VALUES ('Dr CORP Client:unapplied:QRST 570.00 USD'), ('Cr CORP Expense:bad-debt 570.00 USD')$$, 'bad debt is made whole first');
SELECT results_eq($$SELECT pg_temp.as_posted('b2')$$, $$VALUES ('Dr CORP Client:unapplied:QRST 20.00 USD'), ('Cr CORP Expense:bad-debt 6.00 USD'), ('Cr CORP RevShare:payable:QRST 14.00 USD')$$, 'then the client''s share of revenue');

SELECT results_eq($$SELECT written_off::text, recovered::text, other::text FROM revenue_share_statement('QRST')$$, $$VALUES ('-24.00 USD', '14.00 USD', '0.00 USD')$$, 'the statement of the share tells what was charged and recovered');
SELECT is_empty($$SELECT * FROM entries_by_hand('QRST') WHERE reference IN ('b1', 'b2')$$, 'a recovery is no entry by hand');

-- ---------------------------------------------------------------------------
-- The statement
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT * FROM settlement_balances('QRST') WHERE obligations <> received - sent - returned - unapplied + bought_in + written_off - recovered + outstanding$$,
	'obligations = received - sent - returned - unapplied + written off - recovered + outstanding (I16)');
SELECT is_empty($$SELECT * FROM generate_series(timestamptz '2025-06-09 13:00Z', '2025-07-30Z', '7 hours') AS at, settlement_balances('QRST', at)
	WHERE obligations <> received - sent - returned - unapplied + bought_in + written_off - recovered + outstanding$$, 'that holds at every instant');
SELECT results_eq($$SELECT obligations::text, set_off::text, received::text, sent::text, returned::text, written_off::text, recovered::text, outstanding::text, fails FROM settlement_balances('QRST', '2025-07-30Z') WHERE counterparty = 'QRST'$$,
	$$SELECT '9120.00 USD', x.set_off::text, x.received::text, x.sent::text, '40.00 USD', '600.00 USD', '590.00 USD', x.outstanding::text, 1::bigint FROM settlement_balances('QRST', '2025-07-30Z') AS x WHERE counterparty = 'QRST'$$,
	'the balance with a counterparty has every sum');
SELECT is((SELECT net_debit::text FROM settlement_statement('QRST', until => '2025-07-30Z') WITH ORDINALITY ORDER BY ordinality DESC LIMIT 1), (SELECT net_debit::text FROM settlement_balances('QRST', '2025-07-30Z') WHERE counterparty = 'QRST'),
	'the statement ends with the balance');
SELECT results_eq($$SELECT event, settlement_window, change::text, net_debit::text FROM settlement_statement('QRST', until => '2025-06-09 16:10Z')$$,
	$$VALUES ('entered', 'W1', '6000.00 USD', '6000.00 USD'), ('entered', 'W2', '-4800.00 USD', '1200.00 USD'), ('entered', 'W3', '1200.00 USD', '2400.00 USD'),
	('set_off', 'W1', '-4800.00 USD', '-2400.00 USD'), ('set_off', 'W2', '4800.00 USD', '2400.00 USD'), ('set_off', 'W3', '0.00 USD', '2400.00 USD'),
	('paid', 'W1', '-1200.00 USD', '1200.00 USD'), ('paid', 'W3', '-300.00 USD', '900.00 USD')$$, 'a statement tells obligations, set-off and payments with what was owed after each');

-- tenants: their own payments, no provider's
CREATE ROLE bakkt_test_reader; GRANT bakkt_ledger_reader TO bakkt_test_reader;
SELECT grant_client_access('QRST', 'bakkt_test_reader') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_reader;
SELECT results_eq($$SELECT DISTINCT counterparty FROM payments() UNION SELECT counterparty FROM unapplied_payments(open_only => false) UNION SELECT counterparty FROM settlement_balances()$$, $$VALUES ('QRST')$$,
	'a tenant sees its own payments, unapplied money and balance, and no provider''s');
SELECT is_empty($$SELECT * FROM settlement_statement('QRST', 'lp1')$$, 'a tenant sees no statement of a provider');
SELECT throws_ok($$SELECT set_off_obligations()$$, '42501', NULL, 'a reader sets nothing off');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- The checks
-- ---------------------------------------------------------------------------
SELECT is_empty('SELECT * FROM check_settlement()', 'windows, obligations, payments and balances agree');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SAVEPOINT before_attack;
ALTER TABLE payment DISABLE TRIGGER ALL;
UPDATE payment SET amount = amount + '0.01 USD' WHERE payment_id = pg_temp.paid('2025-06-09');
SELECT is((SELECT count(*) FROM check_settlement() WHERE subject = 'payment'), 1::bigint, 'a payment that is not the sum of its obligations is found');
ROLLBACK TO before_attack;
SELECT load_journal('QRST', journal_entry(line('Dr', account_of('QRST', 'CORP', 'Client:unapplied:QRST', 'USD'), '7 USD'), line('Cr', account_of('QRST', 'CORP', 'Bank:operating', 'USD'), '7 USD')), 'stray') \g /dev/null
SELECT results_eq($$SELECT detail FROM check_settlement()$$, $$VALUES ('Client:unapplied:QRST holds 7.00 USD, what is unapplied comes to 0.00 USD, debit positive.')$$, 'a line on the account of unapplied money that is not listed is found');

SELECT * FROM finish();
ROLLBACK;
