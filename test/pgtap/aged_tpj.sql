-- The aged list of cash calls: what it has, and that it can be printed again for ever, byte for byte.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'BAKKT_TPJ', opened_at => '2025-01-01Z') \g /dev/null
SELECT open_client('APEX', funding_model => 'APEX_TPJ', opened_at => '2025-01-01Z') \g /dev/null
SELECT open_client('NETS', funding_model => 'NET_SETTLEMENT', opened_at => '2025-01-01Z') \g /dev/null
SELECT open_customers('QRST', '{QRST0001,QRST0002}'), open_customer('APEX0001', 'APEX'), open_customer('NETS0001', 'NETS') \g /dev/null
SELECT open_liquidity_provider('lp1', 'First Provider') \g /dev/null
SELECT deposit_coin(c, '10 BTC', 'coin ' || c) FROM unnest('{QRST0001,QRST0002}'::text[]) c \g /dev/null

CREATE FUNCTION pg_temp.trade(reference text, account text, side text, quantity amount, executed_at timestamptz, client_order_id text DEFAULT NULL)
	RETURNS void LANGUAGE sql AS $$
	SELECT post_trade(reference, account, side, quantity, 'lp1', lp_price => '60000 USD/BTC', executed_at => executed_at, client_order_id => client_order_id) $$;
-- what came of an attempt, by the function that all of them record with
CREATE FUNCTION pg_temp.event(reference text, event text, at timestamptz, reason text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
	SELECT record_cash_call_event(c.client_id, c.journal_id, event.event, event.at, c.amount, event.reason)
	  FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = event.reference $$;

-- ---------------------------------------------------------------------------
-- Pure functions
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT age_bucket(d) FROM unnest('{0,1,2,5,6,10,11,20,21,30,31,400}'::int[]) WITH ORDINALITY AS t (d, n) ORDER BY n$$,
	ARRAY['0-1', '0-1', '2-5', '2-5', '6-10', '6-10', '11-20', '11-20', '21-30', '21-30', '>30', '>30'], 'buckets have their bounds');
SELECT results_eq($$SELECT csv_field(f) FROM unnest(ARRAY['plain', 'a,b', 'say "x"', E'two\nlines', '', NULL]) WITH ORDINALITY AS t (f, n) ORDER BY n$$,
	ARRAY['plain', '"a,b"', '"say ""x"""', E'"two\nlines"', '', ''], 'a field is quoted where it must be');
SELECT is(central_date('2025-03-09 05:59:59.999999Z') || ' ' || central_date('2025-03-09 06:00Z') || ' ' || central_date('2025-03-10 04:59Z') || ' ' || central_date('2025-03-10 05:00Z'),
	'2025-03-08 2025-03-09 2025-03-09 2025-03-10', 'Central days, also the one with 23 hours');
SELECT is(aged_tpj_file_name('QRST', 'SOD', '2025-06-03'), '2025-06-03_sod_aged_tpj_QRST.csv', 'the file''s name');

-- ---------------------------------------------------------------------------
-- What is on the list
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('old', 'QRST0001', 'BUY', '0.1 BTC', '2025-05-01 15:00Z', 'order, "1"') \g /dev/null
SELECT pg_temp.trade('thirty', 'QRST0001', 'BUY', '0.2 BTC', '2025-05-04 15:00Z') \g /dev/null
SELECT pg_temp.trade('sale', 'QRST0002', 'SELL', '0.3 BTC', '2025-05-30 15:00Z') \g /dev/null
SELECT pg_temp.trade('new', 'QRST0002', 'BUY', '0.01 BTC', '2025-06-03 14:00Z') \g /dev/null
SELECT pg_temp.trade('ahead', 'QRST0002', 'BUY', '0.01 BTC', '2025-06-03 15:00Z') \g /dev/null
SELECT pg_temp.trade('paid', 'QRST0001', 'BUY', '0.4 BTC', '2025-06-01 15:00Z') \g /dev/null
SELECT pg_temp.trade('paid later', 'QRST0001', 'BUY', '0.5 BTC', '2025-06-01 16:00Z') \g /dev/null
SELECT pg_temp.trade('apex', 'APEX0001', 'BUY', '0.1 BTC', '2025-06-02 15:00Z') \g /dev/null
SELECT pg_temp.trade('net', 'NETS0001', 'BUY', '0.1 BTC', '2025-06-02 15:00Z') \g /dev/null
SELECT pg_temp.event('old', 'failed', '2025-05-01 22:00Z', 'INSUFFICIENT_FUNDS'), pg_temp.event('old', 'failed', '2025-05-02 11:00Z', 'ACCOUNT_FROZEN'),
	pg_temp.event('sale', 'failed', '2025-05-30 22:00Z', 'FBO_NOT_FUNDED'), pg_temp.event('sale', 'failed', '2025-06-03 22:00Z', 'ACCOUNT_CLOSED'),
	pg_temp.event('paid', 'failed', '2025-06-01 22:00Z', 'INSUFFICIENT_FUNDS'), pg_temp.event('paid', 'settled', '2025-06-02 11:00Z'),
	pg_temp.event('paid later', 'settled', '2025-06-03 22:00Z'),
	pg_temp.event('apex', 'sent', '2025-06-02 16:00Z'), pg_temp.event('apex', 'rejected', '2025-06-02 17:00Z', 'APEX_REJECTED') \g /dev/null

SELECT results_eq($$SELECT execution_id, account_id, direction, side, net_money::text, attempts, last_failure_reason, age_days, bucket, tpj_status FROM aged_tpj('QRST', '2025-06-03 14:30Z')$$,
	$$VALUES ('old', 'QRST0001', 'Withdrawal', 'BUY', '6000.00 USD', 2::bigint, 'ACCOUNT_FROZEN', 33, '>30', 'Not Settled'),
			 ('thirty', 'QRST0001', 'Withdrawal', 'BUY', '12000.00 USD', 0, NULL, 30, '21-30', 'Not Settled'),
			 ('sale', 'QRST0002', 'Deposit', 'SELL', '18000.00 USD', 1, 'FBO_NOT_FUNDED', 4, '2-5', 'Not Settled'),
			 ('paid later', 'QRST0001', 'Withdrawal', 'BUY', '30000.00 USD', 0, NULL, 2, '2-5', 'Not Settled'),
			 ('new', 'QRST0002', 'Withdrawal', 'BUY', '600.00 USD', 0, NULL, 0, '0-1', 'Not Settled')$$,
	'every call outstanding at the instant, attempted or not, oldest first; what happened later is not told');
SELECT results_eq($$SELECT tpj_id = (SELECT journal_id FROM journal WHERE reference = 'old'), symbol, client_order_id, quantity::text, price::text, executed_at, first_attempt_at, last_attempt_at
	FROM aged_tpj('QRST', '2025-06-03 14:30Z') LIMIT 1$$,
	$$VALUES (true, 'BTCUSD', 'order, "1"', '0.10 BTC', '60000.00 USD/BTC', '2025-05-01 15:00Z'::timestamptz, '2025-05-01 22:00Z'::timestamptz, '2025-05-02 11:00Z'::timestamptz)$$, 'its other columns');
SELECT results_eq($$SELECT execution_id, attempts, last_failure_reason FROM aged_tpj('APEX', '2025-06-03 14:30Z')$$, $$VALUES ('apex', 1::bigint, 'APEX_REJECTED')$$, 'calls through Apex are listed; being sent is no attempt');
SELECT is_empty($$SELECT * FROM aged_tpj('NETS', '2025-06-03 14:30Z')$$, 'net settlement has no calls');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST', '2025-06-02 11:00Z')$$, ARRAY['old', 'thirty', 'sale', 'paid later'], 'a call is off the list at the instant of its settlement');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST', '2025-06-02 10:59:59Z')$$, ARRAY['old', 'thirty', 'sale', 'paid', 'paid later'], 'and on it until then');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST', '2025-05-01 15:00Z')$$, ARRAY['old'], 'a call is on it from its execution on');
SELECT is_empty($$SELECT * FROM aged_tpj('QRST', '2025-05-01 14:59:59Z')$$, 'not before');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST')$$, ARRAY['old', 'thirty', 'sale', 'new', 'ahead'], 'by default as of now');
SELECT is_empty($$SELECT * FROM aged_tpj('QRST', known_at => '2025-06-03 14:30Z')$$, 'what the ledger did not know yet');
SELECT results_eq($$SELECT bucket, direction, calls, net_money::text, oldest_days FROM aged_tpj_summary('QRST', '2025-06-03 14:30Z')$$,
	$$VALUES ('0-1', 'Withdrawal', 1::bigint, '600.00 USD', 0), ('2-5', 'Withdrawal', 1, '30000.00 USD', 2), ('2-5', 'Deposit', 1, '18000.00 USD', 4),
			 ('21-30', 'Withdrawal', 1, '12000.00 USD', 30), ('>30', 'Withdrawal', 1, '6000.00 USD', 33)$$, 'a summary by bucket and direction');

-- ---------------------------------------------------------------------------
-- Taking and printing
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT client_code, file_name, calls, withdrawals::text[], deposits::text[] FROM take_aged_tpj('AM', '2025-06-03 14:30Z')$$,
	$$VALUES ('QRST', '2025-06-03_am_aged_tpj_QRST.csv', 5::bigint, ARRAY['48600.00 USD'], ARRAY['18000.00 USD']),
			 ('APEX', '2025-06-03_am_aged_tpj_APEX.csv', 1, ARRAY['6000.00 USD'], ARRAY[]::text[])$$, 'a list of every client whose customers'' cash is called');
SELECT results_eq($$SELECT line FROM aged_tpj_file('QRST', 'AM', '2025-06-03') AS line LIMIT 2$$,
	$$SELECT l FROM (VALUES (1, 'tpj_id,account_id,direction,side,symbol,execution_id,client_order_id,quantity,price,net_money,executed_at,first_attempt_at,last_attempt_at,attempts,last_failure_reason,age_days,bucket,tpj_status'),
		(2, (SELECT journal_id FROM journal WHERE reference = 'old') || ',QRST0001,Withdrawal,BUY,BTCUSD,old,"order, ""1""",0.10,60000.00,6000.00,2025-05-01T15:00:00.000Z,2025-05-01T22:00:00.000Z,2025-05-02T11:00:00.000Z,2,ACCOUNT_FROZEN,33,>30,Not Settled')) v (n, l) ORDER BY n$$,
	'a header and a line for each call');
CREATE TEMP TABLE printed AS SELECT 'AM' AS kind, string_agg(line || E'\n', '' ORDER BY n) AS file FROM aged_tpj_file('QRST', 'AM', '2025-06-03') WITH ORDINALITY AS t (line, n);
SELECT is((SELECT sha256(convert_to(file, 'UTF8')) FROM printed), (SELECT digest FROM aged_tpj_snapshot s JOIN client c USING (client_id) WHERE code = 'QRST'), 'its digest is of the bytes of the file');
SELECT results_eq($$SELECT client_code, calls FROM take_aged_tpj('AM', '2025-06-03 14:30Z', 'NETS')$$, $$VALUES ('NETS', 0::bigint)$$, 'a client that is named gets a list, also an empty one');
SELECT is((SELECT count(*) FROM aged_tpj_file('NETS', 'AM', '2025-06-03')), 1::bigint, 'with its header');
SELECT results_eq($$SELECT count(*), count(DISTINCT digest) FROM aged_tpj_snapshot$$, $$VALUES (3::bigint, 3::bigint)$$, 'three lists');
SELECT results_eq($$SELECT client_code, calls FROM take_aged_tpj('AM', '2025-06-03 14:30Z', 'QRST')$$, $$VALUES ('QRST', 5::bigint)$$ , 'again is no error');
SELECT throws_ok($$SELECT take_aged_tpj('AM', '2025-06-03 14:31Z', 'QRST')$$, 'LG020', NULL, 'as of another instant of that day it is');
SELECT results_eq($$SELECT as_of_instant, calls FROM take_aged_tpj('AM', '2025-06-03 14:31Z') WHERE client_code = 'QRST'$$, $$VALUES ('2025-06-03 14:30Z'::timestamptz, 5::bigint)$$,
	'but to a run over all clients the list that there is');
SELECT throws_ok($$SELECT take_aged_tpj('EOD', '2025-06-03 14:30Z')$$, 'LG002', NULL, 'an unknown kind of list');
SELECT throws_ok($$SELECT take_aged_tpj(NULL)$$, 'LG002', NULL, 'none');
SELECT throws_ok($$SELECT take_aged_tpj('AM', clock_timestamp() + interval '6 minutes')$$, 'LG061', NULL, 'a list of the future');
SELECT throws_ok($$SELECT take_aged_tpj('AM', '-infinity')$$, 'LG002', NULL, 'of the beginning of time');
SELECT throws_ok($$SELECT take_aged_tpj('AM', NULL)$$, 'LG061', NULL, 'of no instant');
SELECT throws_ok($$SELECT take_aged_tpj('AM', client => 'NONE')$$, 'LG010', NULL, 'of an unknown client');
SELECT throws_ok($$SELECT * FROM aged_tpj('QRST', 'infinity')$$, 'LG061', NULL, 'the future is not told');
SELECT throws_ok($$SELECT * FROM aged_tpj('QRST', '-infinity')$$, 'LG002', NULL, 'nor the beginning of time');
SELECT throws_ok($$SELECT aged_tpj_file('QRST', 'PM', '2025-06-03')$$, 'LG088', NULL, 'a list that was not taken');
SELECT throws_ok($$SELECT aged_tpj_file('QRST', 'AM', NULL)$$, 'LG088', NULL, 'or not named');
SELECT throws_ok(format('SELECT %s(%L, %L, %L)', function, 'QRST', kind, '2025-06-03'), 'LG002', NULL, format('%s: no kind: %s', function, kind))
  FROM unnest('{aged_tpj_file,aged_tpj_file_name}'::text[]) function, unnest('{NULL,"",am,sod,EOD}'::text[]) kind;

-- ---------------------------------------------------------------------------
-- Whatever is posted later
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.printed_again(kind text) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(line || E'\n', '' ORDER BY n) FROM bakkt_ledger.aged_tpj_file('QRST', kind, '2025-06-03') WITH ORDINALITY AS t (line, n) $$;
SELECT pg_temp.event('new', 'failed', '2025-06-03 14:10Z', 'INSUFFICIENT_FUNDS') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'an attempt recorded later, dated back');
SELECT pg_temp.event('thirty', 'settled', '2025-06-01 11:00Z') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'a settlement recorded later, dated back');
SELECT pg_temp.trade('late', 'QRST0001', 'BUY', '0.1 BTC', '2025-05-20 15:00Z') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'an execution recorded later');
SELECT bust_trade('bust', 'QRST0001', 'old') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'a bust');
SELECT pg_temp.event('sale', 'written_off', '2025-06-03 14:00Z') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'a write-off');
SELECT seal() \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'a block');
SELECT isnt_empty($$SELECT * FROM aged_tpj('QRST', '2025-06-03 14:30Z') EXCEPT SELECT * FROM aged_tpj('QRST', '2025-06-03 14:30Z', (SELECT known_at FROM aged_tpj_snapshot LIMIT 1))$$, 'by what is known now the instant looks otherwise');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST', '2025-06-03 14:30Z') WHERE execution_id IN ('thirty', 'sale', 'late')$$, ARRAY['late'], 'closed ones are gone, the late one is there');
SELECT results_eq($$SELECT execution_id, attempts FROM aged_tpj('QRST', '2025-06-03 14:30Z', (SELECT known_at FROM aged_tpj_snapshot LIMIT 1))$$,
	$$VALUES ('old', 2::bigint), ('thirty', 0), ('sale', 1), ('paid later', 0), ('new', 0)$$, 'and as it was known then it can still be asked for');
SELECT lives_ok($$SELECT take_aged_tpj('SOD', '2025-06-03 21:40Z', 'QRST')$$, 'another list of that day');
SELECT set_eq($$SELECT split_part(line, ',', 6) FROM aged_tpj_file('QRST', 'SOD', '2025-06-03') AS line$$, ARRAY['execution_id', 'old', 'paid later', 'new', 'ahead', 'late'], 'has its own rows; a bust ends a call when it is recorded');
SELECT lives_ok($$SELECT take_aged_tpj('PM', '2025-06-04 00:30Z', 'QRST')$$, '19:30 Central is the next day elsewhere');
SELECT is((SELECT business_date::text FROM aged_tpj_snapshot WHERE kind = 'PM'), '2025-06-03', 'the list has the Central date');
SELECT is_empty($$SELECT * FROM check_aged_tpj()$$, 'all lists come out as they were taken');

-- ---------------------------------------------------------------------------
-- Nothing of the session has a part in it
-- ---------------------------------------------------------------------------
CREATE SCHEMA trap;
CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'trap' $$;
CREATE FUNCTION trap.value(bakkt_ledger.amount) RETURNS numeric LANGUAGE sql AS $$ SELECT 0 $$;
SAVEPOINT settings;
SET LOCAL TimeZone = 'Asia/Kathmandu';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL extra_float_digits = -15;
SET LOCAL lc_numeric = 'C';
SET LOCAL lc_time = 'C';
SET LOCAL bytea_output = 'escape';
SET LOCAL standard_conforming_strings = off;
SET LOCAL search_path = trap, public;
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'the same under other settings');
SELECT is_empty($$SELECT * FROM bakkt_ledger.check_aged_tpj()$$, 'all of them');
SELECT lives_ok($$SELECT bakkt_ledger.take_aged_tpj('AM', '2025-06-04 14:30Z', 'QRST')$$, 'one is taken under them');
CREATE TEMP TABLE under_settings AS SELECT string_agg(line, ';' ORDER BY n) AS file FROM bakkt_ledger.aged_tpj_file('QRST', 'AM', '2025-06-04') WITH ORDINALITY AS t (line, n);
RESET TimeZone;
RESET DateStyle;
RESET standard_conforming_strings;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SELECT is((SELECT string_agg(line, ';' ORDER BY n) FROM aged_tpj_file('QRST', 'AM', '2025-06-04') WITH ORDINALITY AS t (line, n)), (SELECT file FROM under_settings), 'and printed without them');

-- ---------------------------------------------------------------------------
-- Who may, and what nobody can
-- ---------------------------------------------------------------------------
SELECT throws_ok($$UPDATE aged_tpj_snapshot SET calls = 0$$, 'LG066', NULL, 'a list is not changed');
SELECT throws_ok($$DELETE FROM aged_tpj_snapshot$$, 'LG066', NULL, 'nor removed');
SELECT throws_ok($$TRUNCATE aged_tpj_snapshot$$, 'LG066', NULL, 'not even all of them');
CREATE ROLE ledger_test_reader IN ROLE bakkt_ledger_reader;
CREATE ROLE ledger_test_stranger IN ROLE bakkt_ledger_reader;
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_reconciler IN ROLE bakkt_ledger_reconciler;
SELECT grant_client_access('QRST', 'ledger_test_reader') \g /dev/null
SET LOCAL ROLE ledger_test_reader;
SELECT is((SELECT count(*) FROM aged_tpj_file('QRST', 'AM', '2025-06-03')), 6::bigint, 'a reader prints the lists of its client');
SELECT isnt_empty($$SELECT * FROM aged_tpj('QRST')$$, 'and looks at any instant');
SELECT throws_ok($$SELECT aged_tpj_file('APEX', 'AM', '2025-06-03')$$, '42501', NULL, 'not of another');
SELECT is((SELECT count(DISTINCT client_id) FROM aged_tpj_snapshot), 1::bigint, 'whose lists it does not see');
SELECT throws_ok($$SELECT take_aged_tpj('PM')$$, '42501', NULL, 'it takes none');
SET LOCAL ROLE ledger_test_stranger;
SELECT throws_ok($$SELECT * FROM aged_tpj('QRST')$$, '42501', NULL, 'without a grant there is nothing to see');
SET LOCAL ROLE ledger_test_settler;
SELECT lives_ok($$SELECT take_aged_tpj('PM', '2025-06-04 21:00Z')$$, 'a settler takes lists');
SET LOCAL ROLE ledger_test_reconciler;
SELECT lives_ok($$SELECT take_aged_tpj('SOD', '2025-06-04 21:40Z')$$, 'so does a reconciler');
RESET ROLE;

-- a purchase through Apex is busted while Apex has it, and Apex says afterwards that it had moved the cash before the list was taken
SELECT pg_temp.trade('asked', 'APEX0001', 'BUY', '0.1 BTC', clock_timestamp() - interval '5 days') \g /dev/null
SELECT open_apex_batch('APEX', 'asked', clock_timestamp() - interval '4 days'), bust_trade('asked, busted', 'APEX0001', 'asked') \g /dev/null
SELECT set_config('test.day', central_date(t.as_of_instant)::text, false) FROM take_aged_tpj('SOD', clock_timestamp(), 'APEX') t \g /dev/null
SELECT record_apex_answers('APEX', 'asked', ARRAY[(i.call, true, NULL, NULL)::apex_answer], clock_timestamp() - interval '3 days')
  FROM apex_batch_items('APEX', 'asked') i WHERE i.execution = 'asked' \g /dev/null
SELECT results_eq($$SELECT direction, execution_id FROM aged_tpj('APEX') WHERE execution_id ~ '^asked'$$, $$VALUES ('Deposit', 'asked, busted')$$, 'the bust gives back what Apex has taken');
SELECT is_empty($$SELECT * FROM aged_tpj('APEX', clock_timestamp() - interval '2 days') WHERE execution_id ~ '^asked'$$, 'not before the bust');
SELECT isnt_empty(format($$SELECT * FROM aged_tpj_file('APEX', 'SOD', %L)$$, current_setting('test.day')), 'a list taken before the answer is what it was');
SELECT is_empty($$SELECT * FROM check_aged_tpj()$$, 'as all of them');

-- a fact changed behind the ledger's back
ALTER TABLE cash_call_event DISABLE TRIGGER USER;
UPDATE cash_call_event SET at = '2025-05-02 11:01Z' WHERE at = '2025-05-02 11:00Z';
SELECT throws_ok($$SELECT aged_tpj_file('QRST', 'AM', '2025-06-03')$$, 'LG089', NULL, 'is found by printing a list that rests on it');
SELECT results_eq($$SELECT DISTINCT client_code FROM check_aged_tpj()$$, ARRAY['QRST'], 'and by checking all');

SELECT * FROM finish();
ROLLBACK;
