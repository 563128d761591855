-- Cash calls at any instant, their attempts, and the check that finds what is wrong with them.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/cash_call_event.psql
SELECT no_plan();

SELECT open_client('QRST', revenue_share_bps => 4000, at => '2026-01-01Z'), open_client('APEX', funding_model => 'APEX_TPJ', at => '2026-01-01Z'), open_client('OTHR', at => '2026-01-01Z'), open_provider('LP1', 'LP1') \g /dev/null
SELECT open_customer(client => left(c, 4), customer => c) FROM unnest(ARRAY['QRST0001', 'QRST0002', 'QRST0003', 'APEX0001']) AS c \g /dev/null
CREATE FUNCTION pg_temp.account(name text, client text DEFAULT 'QRST') RETURNS account_id LANGUAGE sql AS $$
	SELECT (open_account(client, split_part(name, ' ', 1), split_part(name, ' ', 2), 'USD')).account $$;
CREATE SEQUENCE pg_temp.numbers;
CREATE FUNCTION pg_temp.fund(customer text, amount amount) RETURNS void LANGUAGE sql AS $$
	SELECT load_journal(left(customer, 4), journal_entry(
		line('Dr', pg_temp.account('FBO Bank:omnibus', left(customer, 4)), amount), line('Cr', pg_temp.account('FBO Cust:' || customer || ':settled', left(customer, 4)), amount)), 'cash ' || nextval('pg_temp.numbers')) $$;
CREATE FUNCTION pg_temp.trade(reference text, account text, side text, quantity amount, at timestamptz, encumbered boolean DEFAULT false) RETURNS bigint LANGUAGE sql AS $$
	SELECT (post_trade(account, side, quantity, 'LP1', reference, provider_price => '60000 USD/BTC', client_order_id => 'order ' || reference, executed_at => at, encumbered => encumbered)).journal $$;
CREATE FUNCTION pg_temp.number(reference text) RETURNS bigint LANGUAGE sql AS $$ SELECT journal_id FROM journal j WHERE j.reference = number.reference $$;
-- a call in a line
CREATE FUNCTION pg_temp.call(reference text, at timestamptz DEFAULT clock_timestamp()) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s of %s: %s + %s + %s - %s + %s, %s attempts %s', status, direction, net_money, settled, outstanding, written_off, recovered, busted, attempts, last_reason)
	FROM cash_calls('QRST', at => at) c WHERE c.reference = call.reference $$;

SELECT pg_temp.trade('buy', 'QRST0001', 'BUY', '0.1 BTC', '2026-09-01 15:00Z'), pg_temp.trade('sell', 'QRST0001', 'SELL', '0.04 BTC', '2026-09-01 16:00Z'),
	pg_temp.trade('off', 'QRST0002', 'BUY', '0.01 BTC', '2026-09-02 15:00Z', true), pg_temp.trade('gone', 'QRST0003', 'BUY', '0.2 BTC', '2026-09-02 16:00Z', true),
	pg_temp.trade('apex', 'APEX0001', 'BUY', '0.1 BTC', '2026-09-02 15:00Z'), pg_temp.trade('open', 'QRST0002', 'BUY', '0.05 BTC', '2026-11-05 15:00Z', true) \g /dev/null
SELECT count(*) FROM process_cash_calls('2026-09-01 16:00Z') \g /dev/null
SELECT pg_temp.fund('QRST0001', '6000 USD') \g /dev/null
SELECT count(*) FROM process_cash_calls('2026-09-01 22:00Z') \g /dev/null
SELECT count(*) FROM process_cash_calls('2026-09-03 11:00Z') \g /dev/null

-- ---------------------------------------------------------------------------
-- At any instant
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.call('buy', '2026-09-01 14:59Z'), NULL, 'no cash call (TPJ) is listed before its execution');
SELECT is(pg_temp.call('buy', '2026-09-01 15:30Z'), 'OUTSTANDING Withdrawal of 6000.00 USD: 0.00 USD + 6000.00 USD + 0.00 USD - 0.00 USD + 0.00 USD, 0 attempts ',
	'a call is outstanding with no attempt before its first run');
SELECT is(pg_temp.call('buy', '2026-09-01 16:00Z'), 'OUTSTANDING Withdrawal of 6000.00 USD: 0.00 USD + 6000.00 USD + 0.00 USD - 0.00 USD + 0.00 USD, 1 attempts INSUFFICIENT_FUNDS',
	'a failed call is outstanding with the reason of its last attempt');
SELECT is(pg_temp.call('buy', '2026-09-01 22:00Z'), 'SETTLED Withdrawal of 6000.00 USD: 6000.00 USD + 0.00 USD + 0.00 USD - 0.00 USD + 0.00 USD, 2 attempts ',
	'a settled call has its whole amount settled and no reason');
SELECT is(pg_temp.call('sell'), 'SETTLED Deposit of 2400.00 USD: 2400.00 USD + 0.00 USD + 0.00 USD - 0.00 USD + 0.00 USD, 2 attempts ',
	'the call of a sale is a deposit');
SELECT results_eq($$ SELECT customer, side, symbol, quantity, price, client_order_id, called_at, first_attempt_at, last_attempt_at FROM cash_calls('QRST', customer => 'QRST0001') c WHERE c.reference = 'sell' $$,
	$$ VALUES ('QRST0001', 'SELL', 'BTCUSD', '0.04 BTC'::amount, '60000 USD/BTC'::price, 'order sell', '2026-09-01 16:00Z'::timestamptz, '2026-09-01 16:00Z'::timestamptz, '2026-09-01 22:00Z'::timestamptz) $$,
	'a call is listed with the terms of its execution and its attempts'' times');
SELECT results_eq($$ SELECT c.reference FROM cash_calls('QRST') c $$, ARRAY['buy', 'sell', 'off', 'gone', 'open'],
	'calls are listed with the oldest first');
SELECT results_eq($$ SELECT c.reference FROM cash_calls('QRST', customer => 'QRST0002') c $$, ARRAY['off', 'open'],
	'calls can be listed for one customer');
SELECT throws_ok(format('SELECT * FROM cash_calls(%s)', arguments), code, NULL,
	'a list of calls is refused with ' || code || ' for ' || arguments)
  FROM (VALUES ('''QRST'', customer => ''APEX0001''', 'LG012'), ('''QRST'', customer => ''''', 'LG012'), ('''QRST'', at => NULL', 'LG061'), ('''QRST'', at => ''infinity''', 'LG061'),
			   ('''QRST'', at => ''-infinity''', 'LG002'), ('''QRST'', at => clock_timestamp() + interval ''1 hour''', 'LG061')) AS refusal(arguments, code);
SELECT throws_ok($$ SELECT * FROM cash_calls('NONE') $$, 'LG010', NULL, 'a list of calls of an unknown client is refused');

SELECT results_eq($$ SELECT attempt, attempted_at, outcome, reason, meaning IS NOT NULL, amount, journal IS NOT NULL, recorded_by = current_user FROM cash_call_attempts('QRST', pg_temp.number('buy')) $$, $$ VALUES
	(1::bigint, '2026-09-01 16:00Z'::timestamptz, 'failed', 'INSUFFICIENT_FUNDS', true, '6000 USD'::amount, false, true), (2, '2026-09-01 22:00Z', 'settled', NULL, false, '6000 USD', true, true) $$,
	'every attempt of a call is listed with its outcome, reason and amount');
SELECT throws_ok($$ SELECT * FROM cash_call_attempts('QRST', 0) $$, 'LG082', NULL, 'attempts of an unknown call are refused');
SELECT throws_ok($$ SELECT * FROM cash_call_attempts('OTHR', pg_temp.number('buy')) $$, 'LG082', NULL,
	'attempts of another client''s call are refused');

-- ---------------------------------------------------------------------------
-- Written off, recovered, busted
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_approver IN ROLE bakkt_ledger_approver;
SELECT grant_client_access('QRST', 'ledger_test_approver') \g /dev/null
SELECT pg_temp.number('off') AS off \gset
SET LOCAL SESSION AUTHORIZATION ledger_test_settler;
SELECT count(*) FROM propose_cash_call_write_offs('2026-10-04 15:00Z', 'QRST') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_approver;
SELECT approve_cash_call_write_off('QRST', :off, '2026-10-05 15:00Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_settler;
SELECT count(*) FROM charge_cash_call_write_offs('2026-11-02 06:00Z') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.call('off', '2026-11-01 00:00Z'), 'OUTSTANDING Withdrawal of 600.00 USD: 0.00 USD + 600.00 USD + 0.00 USD - 0.00 USD + 0.00 USD, 1 attempts INSUFFICIENT_FUNDS',
	'a call whose write-off is approved is outstanding until it is charged');
SELECT is(pg_temp.call('off'), 'WRITTEN_OFF Withdrawal of 600.00 USD: 0.00 USD + 0.00 USD + 600.00 USD - 0.00 USD + 0.00 USD, 1 attempts INSUFFICIENT_FUNDS',
	'a charged write-off leaves the whole call written off');
SELECT is_empty('SELECT * FROM check_cash_calls()', 'check_cash_calls() finds nothing after a write-off');
SELECT pg_temp.fund('QRST0002', '600 USD') \g /dev/null
SELECT count(*) FROM process_cash_calls(clock_timestamp()) \g /dev/null
SELECT is(pg_temp.call('off'), 'WRITTEN_OFF Withdrawal of 600.00 USD: 0.00 USD + 0.00 USD + 600.00 USD - 0.00 USD + 0.00 USD, 1 attempts INSUFFICIENT_FUNDS',
	'a run does not collect a written-off call');
SELECT recover_cash_call('QRST', pg_temp.number('off'), 'part', '200 USD') \g /dev/null
SELECT is(pg_temp.call('off'), 'WRITTEN_OFF Withdrawal of 600.00 USD: 200.00 USD + 0.00 USD + 600.00 USD - 200.00 USD + 0.00 USD, 1 attempts INSUFFICIENT_FUNDS',
	'a call recovered in part stays written off');
SELECT recover_cash_call('QRST', pg_temp.number('off'), 'rest') \g /dev/null
SELECT is(pg_temp.call('off'), 'RECOVERED Withdrawal of 600.00 USD: 600.00 USD + 0.00 USD + 600.00 USD - 600.00 USD + 0.00 USD, 1 attempts INSUFFICIENT_FUNDS',
	'a call recovered in whole is recovered');
SELECT is_empty('SELECT * FROM check_cash_calls()', 'check_cash_calls() finds nothing after a recovery');
SELECT bust_trade('QRST0003', 'gone', 'ungone'), bust_trade('QRST0001', 'sell', 'unbuy'), bust_trade('QRST0002', 'off', 'unoff') \g /dev/null
SELECT is(pg_temp.call('gone'), 'BUSTED Withdrawal of 12000.00 USD: 0.00 USD + 0.00 USD + 0.00 USD - 0.00 USD + 12000.00 USD, 2 attempts INSUFFICIENT_FUNDS',
	'the bust of an unpaid purchase ends its call as busted');
SELECT is(pg_temp.call('unbuy'), 'OUTSTANDING Withdrawal of 2400.00 USD: 0.00 USD + 2400.00 USD + 0.00 USD - 0.00 USD + 0.00 USD, 0 attempts ',
	'the bust of a paid sale opens a call for its proceeds');
SELECT is(pg_temp.call('off'), 'RECOVERED Withdrawal of 600.00 USD: 600.00 USD + 0.00 USD + 600.00 USD - 600.00 USD + 0.00 USD, 1 attempts INSUFFICIENT_FUNDS',
	'a recovered call stays recovered when its execution is busted');
SELECT is(pg_temp.call('unoff'), 'OUTSTANDING Deposit of 600.00 USD: 0.00 USD + 600.00 USD + 0.00 USD - 0.00 USD + 0.00 USD, 0 attempts ',
	'the bust of a recovered purchase opens a call that refunds the recovery');
SELECT is_empty('SELECT * FROM check_cash_calls()', 'check_cash_calls() finds nothing after busts');
SELECT is_empty($$ SELECT c.* FROM unnest(ARRAY['2026-09-01 14:00Z', '2026-09-01 16:00Z', '2026-09-02 16:00Z', '2026-11-02 06:00Z', 'now']::timestamptz[]) t, cash_calls('QRST', at => t) c
	WHERE net_money <> settled + outstanding + written_off - recovered + busted OR sign(outstanding) < 0 $$,
	'the money of every call is conserved at every instant (I13)');

-- ---------------------------------------------------------------------------
-- Faults
-- ---------------------------------------------------------------------------
-- Each is put in with the triggers off, found, and rolled back.
CREATE FUNCTION pg_temp.found(client text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$ SELECT coalesce(string_agg(DISTINCT check_name, ', ' ORDER BY check_name), 'nothing') FROM check_cash_calls(client) $$;
CREATE FUNCTION pg_temp.fault(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result	text;
BEGIN
	BEGIN
		SET LOCAL bakkt_ledger.restoring = on;
		ALTER TABLE event DISABLE TRIGGER refuse_write;
		ALTER TABLE cash_call DISABLE TRIGGER refuse_write;
		ALTER TABLE journal DISABLE TRIGGER refuse_write;
		EXECUTE statement;
		result := pg_temp.found();
		RAISE EXCEPTION 'taken out again';
	EXCEPTION WHEN raise_exception THEN
		RETURN result;
	END;
END $$;
SELECT is(pg_temp.fault(statement), found, 'the check reports a fault put in by ' || statement) FROM (VALUES
	($$UPDATE cash_call SET amount = amount + '0.01 USD' WHERE journal_id = pg_temp.number('buy')$$, 'conservation, execution'),
	($$UPDATE cash_call SET status = 'O', closed_at = NULL, closed_recorded_at = NULL WHERE journal_id = pg_temp.number('buy')$$, 'account, conservation, state'),
	($$UPDATE cash_call SET status = 'S', closed_at = now(), closed_recorded_at = now(), due_at = NULL WHERE journal_id = pg_temp.number('open')$$, 'account, conservation, state'),
	($$UPDATE cash_call SET attempts = attempts + 1 WHERE journal_id = pg_temp.number('buy')$$, 'state'),
	($$UPDATE cash_call SET due_at = now() WHERE journal_id = pg_temp.number('buy')$$, 'state'),
	($$UPDATE cash_call SET encumbered = '1 BTC' WHERE journal_id = pg_temp.number('open')$$, 'encumbered'),
	($$UPDATE cash_call SET customer_id = require_customer('QRST0003') WHERE journal_id = pg_temp.number('open')$$, 'account, encumbered, execution'),
	($$UPDATE cash_call SET called_at = called_at + interval '1 day' WHERE journal_id = pg_temp.number('open')$$, 'execution'),
	($$UPDATE cash_call SET apex = true WHERE journal_id = pg_temp.number('open')$$, 'account, execution'),
	($$UPDATE cash_call SET amount = '1 USD' WHERE journal_id = pg_temp.number('unbuy')$$, 'account, execution'),
	($$DELETE FROM cash_call WHERE journal_id = pg_temp.number('open')$$, 'account, event, execution'),
	($$DELETE FROM cash_call WHERE journal_id = pg_temp.number('apex')$$, 'account, execution'),
	($$DELETE FROM cash_call WHERE journal_id = pg_temp.number('buy')$$, 'event, execution'),
	($$DELETE FROM event WHERE subject_key = pg_temp.number('buy')::text AND event = 'settled'$$, 'conservation, settlement, state'),
	($$DELETE FROM event WHERE subject_key = pg_temp.number('buy')::text AND event = 'failed'$$, 'state'),
	($$UPDATE event SET journal_id = pg_temp.number('sell') WHERE subject_key = pg_temp.number('buy')::text AND event = 'settled'$$, 'settlement'),
	($$UPDATE event SET journal_id = NULL WHERE subject_key = pg_temp.number('gone')::text AND event = 'busted'$$, 'settlement'),
	($$UPDATE event SET amount = '5999.99 USD' WHERE subject_key = pg_temp.number('buy')::text AND event = 'settled'$$, 'conservation, settlement'),
	($$UPDATE event SET at = at + interval '1 second' WHERE subject_key = pg_temp.number('buy')::text AND event = 'settled'$$, 'settlement, state'),
	($$UPDATE event SET amount = amount + '1 USD' WHERE subject_key = pg_temp.number('off')::text AND event = 'recovered' AND amount = '200 USD'$$, 'conservation, execution, settlement'),
	($$UPDATE event SET amount = amount - '1 USD' WHERE subject_key = pg_temp.number('off')::text AND event = 'recovered' AND amount = '200 USD'$$, 'encumbered, execution, settlement'),
	($$UPDATE event SET journal_id = pg_temp.number('sell') WHERE subject_key = pg_temp.number('off')::text AND event = 'recovered' AND amount = '200 USD'$$, 'settlement'),
	($$UPDATE event SET journal_id = pg_temp.number('sell') WHERE event_id = (SELECT max(event_id) FROM event WHERE event = 'written_off' AND subject_key = pg_temp.number('off')::text)$$, 'settlement'),
	($$INSERT INTO event (client_id, actor_id, event_id, journal_id, at, recorded_at, subject, subject_key, event, status, amount) SELECT client_id, actor_id, next_record_number(), journal_id, at, recorded_at, subject, subject_key, event, status, amount FROM event WHERE subject_key = pg_temp.number('buy')::text AND event = 'settled'$$, 'conservation, state'),
	($$UPDATE journal SET kind = 1 WHERE journal_id IN (SELECT event_journal FROM cash_call_event WHERE journal_id = pg_temp.number('buy') AND event = 'settled')$$, 'settlement'),
	($$SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('CORP Expense:bad-debt'), '1 USD'), line('Cr', pg_temp.account('CORP TPJ:receivable:QRST0002'), '1 USD')), 'by hand')$$, 'account'),
	($$SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('CORP TPJ:payable:QRST0003'), '1 USD'), line('Cr', pg_temp.account('CORP Bank:operating'), '1 USD')), 'nobody''s')$$, 'account')
	) AS fault (statement, found);
-- The present row against what executions and events tell of it, by column
CREATE FUNCTION pg_temp.untrue(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result	text;
BEGIN
	BEGIN
		SET LOCAL bakkt_ledger.restoring = on;
		ALTER TABLE event DISABLE TRIGGER refuse_write;
		ALTER TABLE cash_call DISABLE TRIGGER refuse_write;
		EXECUTE statement;
		result := (SELECT string_agg(format('%s "%s": %s', d.subject, d.subject_key, d.detail), ' ' ORDER BY d.detail) FROM verify_states() AS d);
		RAISE EXCEPTION 'taken out again';
	EXCEPTION WHEN raise_exception THEN
		RETURN result;
	END;
END $$;
SELECT is(pg_temp.untrue(format('UPDATE cash_call SET %s WHERE journal_id = pg_temp.number(%L)', change, call)),
	format('cash_call "%s": %s', pg_temp.number(call), told), 'the row and the column are named by which a call is not what is told of it: ' || change)
  FROM (VALUES
	('buy', 'attempts = 3', 'attempts is 3, its events say 2.'),
	('buy', 'status = ''W''', 'status is "W", its events say "S".'),
	('buy', 'amount = ''1 USD''', 'amount is "1.00 USD", its events say "6000.00 USD".'),
	('buy', 'closed_at = ''2026-09-02Z''', 'closed_at is "2026-09-02T00:00:00+00:00", its events say "2026-09-01T22:00:00+00:00".'),
	('open', 'encumbered = NULL', 'encumbered is null, its events say "0.05 BTC".'),
	('open', 'apex = true', 'apex is true, its events say false.'),
	('unoff', 'amount = ''599 USD''', 'amount is "599.00 USD", its events say "600.00 USD".'),
	('unoff', 'withdrawal = true', 'withdrawal is true, its events say false.')) AS v (call, change, told);
SELECT matches(pg_temp.untrue($$UPDATE event SET status = 'O' WHERE subject = 'cash_call' AND subject_key = pg_temp.number('gone')::text AND event = 'busted'$$),
	'^cash_call "[0-9]+": closed_at is "[^"]+", its events say null; closed_recorded_at is "[^"]+", its events say null; status is "B", its events say "O".$',
	'a call whose event was changed is named');

SELECT is(pg_temp.found(), 'nothing', 'no fault is left after each was taken out again');
SELECT is(pg_temp.found('APEX'), 'nothing', 'the check of calls can be limited to one client');
SELECT throws_ok($$ SELECT pg_temp.found('NONE') $$, 'LG010', NULL, 'the check of an unknown client is refused');
SELECT throws_ok('DELETE FROM event', 'LG066', NULL, 'events of calls cannot be deleted');
SELECT throws_ok('UPDATE event SET amount = NULL', 'LG066', NULL, 'events of calls cannot be changed');
SELECT throws_ok('DELETE FROM cash_call', 'LG066', NULL, 'calls cannot be deleted');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT finish();
ROLLBACK;
