-- Buying power: every term, at any instant; what settles later does not count twice.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'BAKKT_TPJ', at => '2025-01-01Z'), open_client('NETS', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') \g /dev/null
SELECT open_customers('QRST', '{QRST0001,QRST0002,QRST0003,QRST0004,QRST0005,QRST0006,QRST0007}'), open_customer('NETS', 'NETS0001') \g /dev/null
SELECT open_customer('QRST', 'QRSTAPEX', funding_model => 'APEX_TPJ') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
SELECT deposit_coin(customer_code, '10 BTC', 'coin ' || customer_code, at => '2025-01-02Z') FROM customer \g /dev/null

CREATE FUNCTION pg_temp.trade(account text, reference text, side text, quantity amount, executed_at timestamptz) RETURNS void LANGUAGE sql AS
	$$ SELECT post_trade(account, side, quantity, 'lp1', reference, provider_price => '100 USD/BTC', executed_at => executed_at) $$;
-- credit (positive) or debit a customer's settled cash against the bank
CREATE FUNCTION pg_temp.cash(account text, change amount, at timestamptz, kind text DEFAULT 'cash_deposit') RETURNS bigint LANGUAGE sql AS $$
	SELECT (post_entry(c.client_id, format('cash %s %s %s', account, change, at AT TIME ZONE 'UTC'), cash.kind,
		journal_entry(line('Dr', ensure_account(c.client_id, 'FBO', 'Bank:omnibus', 'USD'), change),
					  line('Cr', ensure_account(c.client_id, 'FBO', 'Cust:' || account || ':settled', 'USD', c.customer_id), change)), at)).journal
	  FROM customer c WHERE c.customer_code = account $$;
-- the company's money in the FBO account, from which sale proceeds are paid
SELECT post_entry(c.client_id, 'cover', 'fbo_transfer',
	journal_entry(line('Dr', ensure_account(c.client_id, 'FBO', 'Bank:omnibus', 'USD'), '5000 USD'), line('Cr', ensure_account(c.client_id, 'FBO', 'DueTo:CORP', 'USD'), '5000 USD'),
				  line('Dr', ensure_account(c.client_id, 'CORP', 'DueFrom:FBO', 'USD'), '5000 USD'), line('Cr', ensure_account(c.client_id, 'CORP', 'Bank:operating', 'USD'), '5000 USD')),
	'2025-01-02Z') FROM client c WHERE c.code = 'QRST' \g /dev/null
-- a cash call settled, by the journal and the event of an attempt that succeeds
CREATE FUNCTION pg_temp.settle(reference text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	call	cash_call := (SELECT c FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = settle.reference);
	code	text := (SELECT c.customer_code FROM customer c WHERE c.customer_id = call.customer_id);
	side	text[] := CASE WHEN call.withdrawal THEN '{Dr,Cr}' ELSE '{Cr,Dr}' END;
	posted	journal_result;
BEGIN
	posted := post_entry(call.client_id, 'cash-call:' || call.journal_id, 'cash_call',
		journal_entry(line(side[1], ensure_account(call.client_id, 'FBO', format('Cust:%s:settled', code), 'USD', call.customer_id), call.amount),
					  line(side[2], ensure_account(call.client_id, 'FBO', 'DueTo:CORP', 'USD'), call.amount),
					  line(side[1], ensure_account(call.client_id, 'CORP', 'DueFrom:FBO', 'USD'), call.amount),
					  line(side[2], ensure_account(call.client_id, 'CORP', CASE WHEN call.sale THEN 'TPJ:payable:' ELSE 'TPJ:receivable:' END || code, 'USD', call.customer_id), call.amount)),
		settle.at);
	PERFORM record_cash_call_event(call.client_id, call.journal_id, 'settled', settle.at, call.amount, NULL, posted.journal);
END $$;
CREATE FUNCTION pg_temp.power(account text, at timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT value((buying_power(account, at => at)).buying_power)::text $$;

-- ---------------------------------------------------------------------------
-- The cut at 16:40 Central Time
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT buying_power_cut(at) FROM unnest('{2025-06-03 21:40Z,2025-06-03 21:39:59.999999Z,2025-06-04 04:59Z,2025-06-04 05:00Z,2025-12-01 22:40Z,2025-12-01 22:39Z}'::timestamptz[]) WITH ORDINALITY t (at, n) ORDER BY n$$,
	$$VALUES ('2025-06-03 21:40Z'::timestamptz), ('2025-06-02 21:40Z'), ('2025-06-03 21:40Z'), ('2025-06-03 21:40Z'), ('2025-12-01 22:40Z'), ('2025-11-30 22:40Z')$$,
	'the cut is the latest 16:40 Central Time, in summer and in winter');
SELECT results_eq($$SELECT buying_power_cut('2025-03-09 15:00Z'), buying_power_cut('2025-11-02 15:00Z'), buying_power_cut('2025-03-09 21:40Z') - buying_power_cut('2025-03-09 21:39Z')$$,
	$$VALUES ('2025-03-08 22:40Z'::timestamptz, '2025-11-01 21:40Z'::timestamptz, interval '23 hours')$$,
	'the cut stays at 16:40 Central Time when the clocks change');

-- ---------------------------------------------------------------------------
-- The worked example
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash('QRST0001', '1000 USD', '2025-06-02 15:00Z') \g /dev/null
SELECT pg_temp.trade('QRST0001', 'w', 'BUY', '1.5 BTC', '2025-06-02 16:00Z'), pg_temp.trade('QRST0001', 'd', 'SELL', '0.4 BTC', '2025-06-02 17:00Z') \g /dev/null
SELECT pg_temp.trade('QRST0001', 'b', 'BUY', '2 BTC', '2025-06-03 22:00Z'), pg_temp.trade('QRST0001', 's', 'SELL', '0.755 BTC', '2025-06-03 23:00Z') \g /dev/null
SELECT results_eq($$SELECT * FROM buying_power('QRST0001', at => '2025-06-04 12:00Z')$$,
	$$VALUES ('QRST0001', '2025-06-03 21:40Z'::timestamptz, '1000 USD'::amount, '150 USD'::amount, '40 USD'::amount, '0 USD'::amount, '200 USD'::amount, '75.50 USD'::amount,
			  '0 USD'::amount, '0 USD'::amount, '0 USD'::amount, '0 USD'::amount, '0 USD'::amount, '725.50 USD'::amount)$$,
	'buying power leaves out the proceeds of failed sells by default');
SELECT change_cash_terms('QRST', credit_failed_sells => true) \g /dev/null
SELECT is(pg_temp.power('QRST0001', '2025-06-04 12:00Z'), '765.50',
	'buying power includes failed sells where the client credits them');
SELECT is(((buying_power('QRST0001', at => '2025-06-04 12:00Z')).credited_deposits)::text, '40.00 USD',
	'the proceeds of failed sells are shown in the term credited_deposits');
SELECT change_cash_terms('QRST', credit_failed_sells => false) \g /dev/null

-- ---------------------------------------------------------------------------
-- Later settlements do not count twice
-- ---------------------------------------------------------------------------
SELECT pg_temp.settle('w', '2025-06-03 22:30Z'), pg_temp.settle('b', '2025-06-04 11:00Z'), pg_temp.settle('s', '2025-06-04 11:00Z') \g /dev/null
SELECT is(pg_temp.power('QRST0001', '2025-06-04 12:00Z'), '725.50',
	'a cash call (TPJ) settled after the cut leaves buying power unchanged');
SELECT pg_temp.settle('d', '2025-06-04 11:30Z') \g /dev/null
SELECT is(pg_temp.power('QRST0001', '2025-06-04 12:00Z'), '725.50',
	'a failed sale settled after the cut does not count before the next cut');
SELECT results_eq($$SELECT settled_at_cut::text, unsettled_withdrawals_at_cut::text, unsettled_deposits_at_cut::text, buying_power::text FROM buying_power('QRST0001', at => '2025-06-04 21:40Z')$$,
	$$VALUES ('765.50 USD', '0.00 USD', '0.00 USD', '765.50 USD')$$,
	'settled cash at the next cut includes every call settled before it');
SELECT is(pg_temp.power('QRST0001', '2025-06-04 21:39Z'), '725.50',
	'buying power rests on the last cut until a minute before the next');
SELECT is(pg_temp.power('QRST0001', '2025-06-03 21:40Z'), '850.00', 'buying power at a past instant leaves out later executions');
SELECT is(pg_temp.power('QRST0001', '2025-06-02 16:30Z'), '850.00',
	'buying power before the next cut counts a deposit and a purchase made since the last');
SELECT results_eq($$SELECT settled_at_cut::text, deposits_since::text, buys_since::text FROM buying_power('QRST0001', at => '2025-06-02 16:30Z')$$,
	$$VALUES ('0.00 USD', '1000.00 USD', '150.00 USD')$$, 'a deposit and a purchase made since the cut are shown in their terms');
SELECT is(pg_temp.power('QRST0001', '2025-06-02 14:59Z'), '0.00', 'buying power is zero before the first deposit');
SELECT is(pg_temp.power('QRST0001', clock_timestamp()), '765.50',
	'buying power now is the settled cash once every call is settled');

-- ---------------------------------------------------------------------------
-- Deposits, withdrawals and the rest; instants at the cut belong before it
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash('QRST0002', '500 USD', '2025-06-03 21:40Z'), pg_temp.cash('QRST0002', '30 USD', '2025-06-03 21:40:00.000001Z'),
	pg_temp.cash('QRST0002', '7 USD', '2025-06-04 10:00Z', 'cash_return'), pg_temp.trade('QRST0002', 'at the cut', 'BUY', '0.1 BTC', '2025-06-03 21:40Z') \g /dev/null
SELECT post_entry(c.client_id, 'sent', 'cash_withdrawal', journal_entry(line('Dr', ensure_account(c.client_id, 'FBO', 'Cust:QRST0002:settled', 'USD'), '50 USD'),
	line('Cr', ensure_account(c.client_id, 'FBO', 'Clearing:ACH-out', 'USD'), '50 USD')), '2025-06-04 11:00Z') FROM client c WHERE c.code = 'QRST' \g /dev/null
SELECT post_entry(c.client_id, 'between', 'transfer', journal_entry(line('Dr', ensure_account(c.client_id, 'FBO', 'Cust:QRST0001:settled', 'USD'), '1 USD'),
	line('Cr', ensure_account(c.client_id, 'FBO', 'Cust:QRST0002:settled', 'USD'), '1 USD')), '2025-06-04 11:30Z') FROM client c WHERE c.code = 'QRST' \g /dev/null
SELECT results_eq($$SELECT settled_at_cut::text, unsettled_withdrawals_at_cut::text, deposits_since::text, withdrawals_since::text, other_since::text, buys_since::text, buying_power::text FROM buying_power('QRST0002', at => '2025-06-04 12:00Z')$$,
	$$VALUES ('500.00 USD', '10.00 USD', '30.00 USD', '50.00 USD', '8.00 USD', '0.00 USD', '478.00 USD')$$,
	'each movement counts under its own term, even for a journal''s second customer');

SELECT request_withdrawal('QRST0002', '40 USD', 'w1', at => '2025-06-05 10:00Z'), request_withdrawal('QRST0002', '30 USD', 'w2', at => '2025-06-05 10:00Z') \g /dev/null
SELECT send_withdrawal('QRST', 'w1', at => '2025-06-05 15:00Z'), cancel_withdrawal('QRST', 'w2', 'changed his mind', at => '2025-06-05 16:00Z') \g /dev/null
SELECT receive_wire('QRST', '25 USD', 'wire', 'QRST0002', bank_reference => 'wire 1', at => '2025-06-05 17:00Z') \g /dev/null
SELECT results_eq($$SELECT p.deposits_since::text, p.withdrawals_since::text, p.withdrawals_pending::text, p.open_orders::text, p.buying_power::text
	FROM unnest('{2025-06-05 09:59Z,2025-06-05 10:00Z,2025-06-05 15:00Z,2025-06-05 16:00Z,2025-06-05 17:00Z}'::timestamptz[]) WITH ORDINALITY t (at, n), buying_power('QRST0002', at => at) p ORDER BY n$$,
	$$VALUES ('0.00 USD', '0.00 USD', '0.00 USD', '0.00 USD', '478.00 USD'), ('0.00 USD', '0.00 USD', '70.00 USD', '0.00 USD', '408.00 USD'), ('0.00 USD', '40.00 USD', '30.00 USD', '0.00 USD', '408.00 USD'),
			 ('0.00 USD', '40.00 USD', '0.00 USD', '0.00 USD', '438.00 USD'), ('25.00 USD', '40.00 USD', '0.00 USD', '0.00 USD', '463.00 USD')$$,
	'a withdrawal counts once from its request until it is canceled, a wire from its receipt');

-- ---------------------------------------------------------------------------
-- Busts
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash(a, '1000 USD', '2025-06-02 15:00Z') FROM unnest('{QRST0003,QRST0004,QRST0005,QRST0006}'::text[]) a \g /dev/null
CREATE TEMP TABLE today AS SELECT buying_power_cut(clock_timestamp()) AS cut;
SELECT pg_temp.trade('QRST0003', 'old paid', 'BUY', '1 BTC', '2025-06-02 16:00Z'), pg_temp.settle('old paid', '2025-06-02 22:00Z'),
	pg_temp.trade('QRST0004', 'old unpaid', 'BUY', '1 BTC', '2025-06-02 16:00Z'),
	pg_temp.trade('QRST0005', 'old sale', 'SELL', '1 BTC', '2025-06-02 16:00Z'),
	pg_temp.trade('QRST0006', 'new', 'BUY', '1 BTC', (SELECT cut FROM today) + interval '1 microsecond') \g /dev/null
SELECT results_eq($$SELECT customer, buying_power::text FROM buying_powers('QRST') WHERE customer BETWEEN 'QRST0003' AND 'QRST0006'$$,
	$$VALUES ('QRST0003', '900.00 USD'), ('QRST0004', '900.00 USD'), ('QRST0005', '1000.00 USD'), ('QRST0006', '900.00 USD')$$,
	'a purchase reduces buying power at once, a sale raises it only when it settles');
SELECT bust_trade(customer, reference, 'bust ' || reference) FROM execution WHERE reference IN ('old paid', 'old unpaid', 'old sale', 'new') \g /dev/null
SELECT results_eq($$SELECT customer, other_since::text, buys_since::text, buying_power::text FROM buying_powers('QRST') WHERE customer BETWEEN 'QRST0003' AND 'QRST0006'$$,
	$$VALUES ('QRST0003', '100.00 USD', '0.00 USD', '1000.00 USD'), ('QRST0004', '100.00 USD', '0.00 USD', '1000.00 USD'), ('QRST0005', '0.00 USD', '0.00 USD', '1000.00 USD'),
			 ('QRST0006', '0.00 USD', '0.00 USD', '1000.00 USD')$$,
	'a bust restores the money of a purchase at once, paid or not');
SELECT is(pg_temp.power('QRST0003', '2025-06-04 12:00Z'), '900.00', 'a bust does not change buying power at an earlier instant');
SELECT change_cash_terms('QRST', credit_failed_sells => true) \g /dev/null
SELECT results_eq($$SELECT credited_deposits::text, other_since::text, buying_power::text FROM buying_power('QRST0005')$$, $$VALUES ('100.00 USD', '-100.00 USD', '1000.00 USD')$$,
	'a bust takes back the credit for a failed sell');
SELECT change_cash_terms('QRST', credit_failed_sells => false) \g /dev/null
SELECT pg_temp.settle('bust old paid', clock_timestamp()) \g /dev/null
SELECT is(pg_temp.power('QRST0003', clock_timestamp()), '1000.00', 'the refund of a busted purchase counts once when it is paid');

-- ---------------------------------------------------------------------------
-- Write-off and recovery: a write-off raises buying power again, a recovery reduces it
-- ---------------------------------------------------------------------------
SELECT open_client('DEBT', funding_model => 'BAKKT_TPJ', at => '2025-01-01Z'), change_cash_terms('DEBT', write_off_days => 1) \g /dev/null
SELECT open_customers('DEBT', '{DEBT0001,DEBT0002}') \g /dev/null
CREATE ROLE ledger_test_approver IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_proposer IN ROLE bakkt_ledger_settler;
SELECT grant_client_access('DEBT', 'ledger_test_approver') \g /dev/null
SELECT pg_temp.cash('DEBT0001', '350 USD', '2025-06-02 15:00Z'), pg_temp.trade('DEBT0001', 'lost', 'BUY', '12.06 BTC', '2025-06-02 16:00Z'),
	pg_temp.cash('DEBT0002', '2000 USD', '2025-06-02 15:00Z'), pg_temp.trade('DEBT0002', 'dear', 'BUY', '12.06 BTC', '2025-06-02 22:00Z') \g /dev/null
CREATE FUNCTION pg_temp.write_off(at timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL SESSION AUTHORIZATION ledger_test_proposer;
	PERFORM propose_cash_call_write_offs(at, 'DEBT');
	SET LOCAL SESSION AUTHORIZATION ledger_test_approver;
	PERFORM approve_cash_call_write_offs('DEBT', ARRAY(SELECT w.call FROM cash_write_offs('DEBT', at) w WHERE w.status = 'PROPOSED'), at);
	RESET SESSION AUTHORIZATION;
	RETURN count(*) FROM charge_cash_call_write_offs(at, 'DEBT');
END $$;
SELECT is(pg_temp.power('DEBT0001', '2025-07-01 05:00Z'), '-856.00', 'an outstanding call can make buying power negative');
SELECT pg_temp.write_off('2025-07-01 05:20Z') \g /dev/null
SELECT set_eq($$SELECT reference, status FROM cash_calls('DEBT')$$, $$VALUES ('lost', 'WRITTEN_OFF'), ('dear', 'WRITTEN_OFF')$$,
	'a call whose write-off is approved and charged is written off');
SELECT recover_cash_call('DEBT', call, 'recover ' || call, CASE reference WHEN 'lost' THEN amount '100 USD' END, '2025-07-01 12:00Z') FROM cash_calls('DEBT') \g /dev/null
SELECT results_eq($$SELECT at, p.settled_at_cut::text, p.unsettled_withdrawals_at_cut::text, p.other_since::text, p.buying_power::text, b.available::text
	FROM unnest('{2025-07-01 05:19Z,2025-07-01 05:20Z,2025-07-01 12:00Z,2025-07-01 21:40Z}'::timestamptz[]) at, buying_power('DEBT0001', at => at) p, cash_balance('DEBT0001', at => at) b ORDER BY at$$,
	$$VALUES ('2025-07-01 05:19Z'::timestamptz, '350.00 USD', '1206.00 USD', '0.00 USD', '-856.00 USD', '-856.00 USD'), ('2025-07-01 05:20Z', '350.00 USD', '1206.00 USD', '1206.00 USD', '350.00 USD', '350.00 USD'),
			 ('2025-07-01 12:00Z', '350.00 USD', '1206.00 USD', '1106.00 USD', '250.00 USD', '250.00 USD'), ('2025-07-01 21:40Z', '250.00 USD', '0.00 USD', '0.00 USD', '250.00 USD', '250.00 USD')$$,
	'buying power equals available cash before and after a write-off and a recovery');
SELECT is_empty($$SELECT at, p.customer FROM unnest('{2025-06-30 12:00Z,2025-07-01 05:19Z,2025-07-01 05:20Z,2025-07-01 12:00Z,2025-07-01 21:39Z,2025-07-01 21:40Z}'::timestamptz[]) at, buying_powers('DEBT', at => at) p, cash_balance(p.customer, at => at) b
	WHERE p.buying_power <> b.available$$, 'buying power of a whole client equals available cash through write-off and recovery');
SELECT bust_trade(customer, reference, 'bust ' || reference) FROM cash_calls('DEBT') WHERE direction = 'Withdrawal' \g /dev/null
SELECT results_eq($$SELECT customer, buying_power::text FROM buying_powers('DEBT')$$, $$VALUES ('DEBT0001', '350.00 USD'), ('DEBT0002', '2000.00 USD')$$,
	'the bust of a written-off purchase gives back only what was recovered');

-- ---------------------------------------------------------------------------
-- Holds for orders
-- ---------------------------------------------------------------------------
SELECT pg_temp.cash('QRST0007', '100 USD', '2025-06-02 15:00Z') \g /dev/null
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:QRST0007:settled', 'USD'), '30 USD', 'order 1', at => clock_timestamp()) \g /dev/null
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:QRST0007:settled', 'USD'), '20 USD', 'order 2', expires_at => clock_timestamp() + interval '1 hour') \g /dev/null
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:QRST0007:settled', 'USD'), '5 USD', 'order 3', expires_at => '2025-06-03 12:00Z', at => '2025-06-03 11:00Z') \g /dev/null
SELECT results_eq($$SELECT open_orders::text, buying_power::text FROM buying_power('QRST0007')$$, $$VALUES ('50.00 USD', '50.00 USD')$$,
	'open holds reduce buying power, expired holds do not');
SELECT is(pg_temp.power('QRST0007', '2025-06-03 11:30Z'), '95.00', 'buying power at a past instant counts the holds open then');
SELECT release_hold('QRST', 'order 1', 'released') \g /dev/null
SELECT is(pg_temp.power('QRST0007', clock_timestamp()), '80.00', 'a released hold no longer reduces buying power');
SELECT change_cash_terms('QRST', reserve_open_orders => false) \g /dev/null
SELECT results_eq($$SELECT open_orders::text, buying_power::text FROM buying_power('QRST0007')$$, $$VALUES ('0.00 USD', '100.00 USD')$$,
	'holds do not count where the client does not reserve open orders');
SELECT change_cash_terms('QRST', reserve_open_orders => true) \g /dev/null

-- ---------------------------------------------------------------------------
-- One customer or a whole client, and the sum of the terms
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.differences(at timestamptz) RETURNS TABLE (account text) LANGUAGE sql AS $$
	SELECT coalesce(o.customer, s.customer) FROM (SELECT (buying_power(c.customer_code, at => at)).* FROM customer c JOIN client USING (client_id) WHERE code = 'QRST' AND c.funding_model IS NULL) o
	  FULL JOIN buying_powers('QRST', at => at) s ON s.customer = o.customer WHERE o IS DISTINCT FROM s $$;
SELECT is_empty(format('SELECT * FROM pg_temp.differences(%L)', at), 'buying_power() and buying_powers() agree at ' || at)
	FROM unnest(ARRAY['2025-06-02 14:00Z', '2025-06-02 16:30Z', '2025-06-03 11:30Z',
	'2025-06-03 21:40Z', '2025-06-04 10:30Z', '2025-06-04 12:00Z', '2025-06-04 21:40Z', '2025-06-05 12:00Z', '2025-06-05 17:00Z', (clock_timestamp() AT TIME ZONE 'UTC')::text || 'Z']) at;
SELECT is_empty($$SELECT * FROM buying_powers('QRST', at => '2025-06-04 12:00Z') b WHERE b.buying_power <> b.settled_at_cut - b.unsettled_withdrawals_at_cut + b.credited_deposits - b.buys_since + b.sells_since
	+ b.deposits_since - b.withdrawals_since + b.other_since - b.withdrawals_pending - b.open_orders$$,
	'buying power is the sum of its terms');
SELECT is((SELECT count(*) FROM buying_powers('QRST')), 7::bigint, 'only customers whose cash is in the FBO account are listed');
SELECT is_empty($$SELECT * FROM buying_powers('NETS')$$, 'customers of a net settlement client are not listed');
SELECT results_eq($$SELECT settled_at_cut::text, buying_power::text FROM buying_power('QRST0001', asset => 'EUR')$$, $$VALUES ('0.00 EUR', '0.00 EUR')$$,
	'buying power in a currency without cash is zero');
SELECT throws_ok($$SELECT buying_power('NETS0001')$$, 'LG013', NULL, 'buying power of a net settlement customer is refused');
SELECT throws_ok($$SELECT buying_power('QRSTAPEX')$$, 'LG013', NULL, 'buying power of an Apex customer is refused');
SELECT throws_ok($$SELECT buying_power('NOBODY01')$$, 'LG012', NULL, 'buying power of an unknown customer is refused');
SELECT throws_ok($$SELECT buying_powers('NONE')$$, 'LG010', NULL, 'buying powers of an unknown client are refused');
SELECT throws_ok($$SELECT buying_power('QRST0001', at => clock_timestamp() + interval '6 minutes')$$, 'LG061', NULL,
	'buying power at a future instant is refused');
SELECT throws_ok($$SELECT buying_powers('QRST', at => '-infinity')$$, 'LG002', NULL, 'buying powers at -infinity are refused');
SELECT throws_ok($$SELECT buying_power('QRST0001', at => NULL)$$, 'LG061', NULL, 'buying power at no instant is refused');
SELECT throws_ok(format('SELECT %s(%L, asset => %L)', function, who, asset), code, NULL,
	format('%s() in %s is refused', function, coalesce(asset, 'no asset')))
  FROM (VALUES ('buying_power', 'QRST0001'), ('buying_powers', 'QRST')) f (function, who), (VALUES ('NONE', 'LG040'), (NULL, 'LG040'), ('BTC', 'LG042')) a (asset, code);
SELECT retire_asset('EUR', reason => 'no more euros') \g /dev/null
SELECT is((SELECT buying_power::text FROM buying_power('QRST0001', asset => 'EUR')), '0.00 EUR',
	'buying power in a retired currency can be read');
CREATE ROLE ledger_test_reader IN ROLE bakkt_ledger_reader;
SELECT grant_client_access('QRST', 'ledger_test_reader') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_reader;
SELECT is((SELECT buying_power::text FROM buying_power('QRST0001', at => '2025-06-04 12:00Z')), '724.50 USD',
	'a reader sees the buying power of customers of its client');
SELECT throws_ok($$SELECT buying_power('NETS0001')$$, 'LG012', NULL, 'a customer of another client is unknown to a reader');
SELECT throws_ok($$SELECT buying_powers('NETS')$$, '42501', NULL, 'the buying powers of another client are refused to a reader');
RESET SESSION AUTHORIZATION;
SET LOCAL TimeZone = 'Asia/Kathmandu';
SELECT is(pg_temp.power('QRST0001', '2025-06-04 12:00Z'), '724.50', 'buying power does not depend on the session''s time zone');

SELECT * FROM finish();
ROLLBACK;
