-- The aged list of cash calls: what it has, and that it can be printed again for ever, byte for byte.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/cash_call_event.psql
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'BAKKT_TPJ', at => '2025-01-01Z') \g /dev/null
SELECT open_client('APEX', funding_model => 'APEX_TPJ', at => '2025-01-01Z') \g /dev/null
SELECT open_client('NETS', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') \g /dev/null
SELECT open_customers('QRST', '{QRST0001,QRST0002}'), open_customer('APEX', 'APEX0001'), open_customer('NETS', 'NETS0001') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
SELECT deposit_coin(c, '10 BTC', 'coin ' || c) FROM unnest('{QRST0001,QRST0002}'::text[]) c \g /dev/null

CREATE FUNCTION pg_temp.trade(reference text, account text, side text, quantity amount, executed_at timestamptz, client_order_id text DEFAULT NULL)
	RETURNS void LANGUAGE sql AS $$
	SELECT post_trade(account, side, quantity, 'lp1', reference, provider_price => '60000 USD/BTC', client_order_id => client_order_id, executed_at => executed_at) $$;
-- what came of an attempt, by the function that all of them record with
CREATE FUNCTION pg_temp.event(reference text, event text, at timestamptz, reason text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
	SELECT record_cash_call_event(c.client_id, c.journal_id, event.event, event.at, c.amount, event.reason)
	  FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = event.reference $$;

-- ---------------------------------------------------------------------------
-- Pure functions
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT age_bucket(d) FROM unnest('{0,1,2,5,6,10,11,20,21,30,31,400}'::int[]) WITH ORDINALITY AS t (d, n) ORDER BY n$$,
	ARRAY['0-1', '0-1', '2-5', '2-5', '6-10', '6-10', '11-20', '11-20', '21-30', '21-30', '>30', '>30'],
	'age buckets change after days 1, 5, 10, 20 and 30');
SELECT results_eq($$SELECT csv_field(f) FROM unnest(ARRAY['plain', 'a,b', 'say "x"', E'two\nlines', '', NULL]) WITH ORDINALITY AS t (f, n) ORDER BY n$$,
	ARRAY['plain', '"a,b"', '"say ""x"""', E'"two\nlines"', '', ''],
	'a CSV field is quoted only where it holds a comma, quote or line break');
SELECT is(central_date('2025-03-09 05:59:59.999999Z') || ' ' || central_date('2025-03-09 06:00Z') || ' ' || central_date('2025-03-10 04:59Z') || ' ' || central_date('2025-03-10 05:00Z'),
	'2025-03-08 2025-03-09 2025-03-09 2025-03-10', 'a Central date begins at midnight Central, with and without daylight saving');
SELECT is(aged_tpj_file_name('QRST', 'SOD', '2025-06-03'), '2025-06-03_sod_aged_tpj_QRST.csv',
	'the file is named by date, kind of list and client');

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
	'the aged list has every cash call (TPJ) outstanding at the instant, oldest first');
SELECT results_eq($$SELECT tpj_id = (SELECT journal_id FROM journal WHERE reference = 'old'), symbol, client_order_id, quantity::text, price::text, executed_at, first_attempt_at, last_attempt_at
	FROM aged_tpj('QRST', '2025-06-03 14:30Z') LIMIT 1$$,
	$$VALUES (true, 'BTCUSD', 'order, "1"', '0.10 BTC', '60000.00 USD/BTC', '2025-05-01 15:00Z'::timestamptz, '2025-05-01 22:00Z'::timestamptz, '2025-05-02 11:00Z'::timestamptz)$$,
	'a row of the aged list tells the execution''s terms and its attempts');
SELECT results_eq($$SELECT execution_id, attempts, last_failure_reason FROM aged_tpj('APEX', '2025-06-03 14:30Z')$$, $$VALUES ('apex', 1::bigint, 'APEX_REJECTED')$$,
	'calls through Apex are listed, and being sent to Apex is no attempt');
SELECT is_empty($$SELECT * FROM aged_tpj('NETS', '2025-06-03 14:30Z')$$,
	'a client of net settlement has no calls on its aged list');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST', '2025-06-02 11:00Z')$$, ARRAY['old', 'thirty', 'sale', 'paid later'],
	'a call leaves the list at the instant of its settlement');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST', '2025-06-02 10:59:59Z')$$, ARRAY['old', 'thirty', 'sale', 'paid', 'paid later'],
	'a call stays on the list until the instant of its settlement');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST', '2025-05-01 15:00Z')$$, ARRAY['old'],
	'a call is on the list from the instant of its execution');
SELECT is_empty($$SELECT * FROM aged_tpj('QRST', '2025-05-01 14:59:59Z')$$, 'a call is not on the list before its execution');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST')$$, ARRAY['old', 'thirty', 'sale', 'new', 'ahead'],
	'the aged list is as of now unless an instant is given');
SELECT is_empty($$SELECT * FROM aged_tpj('QRST', known_at => '2025-06-03 14:30Z')$$,
	'known_at leaves out calls that the ledger recorded after it');
SELECT results_eq($$SELECT bucket, direction, calls, net_money::text, oldest_days FROM aged_tpj_summary('QRST', '2025-06-03 14:30Z')$$,
	$$VALUES ('0-1', 'Withdrawal', 1::bigint, '600.00 USD', 0), ('2-5', 'Withdrawal', 1, '30000.00 USD', 2), ('2-5', 'Deposit', 1, '18000.00 USD', 4),
			 ('21-30', 'Withdrawal', 1, '12000.00 USD', 30), ('>30', 'Withdrawal', 1, '6000.00 USD', 33)$$,
	'the summary counts and sums calls by bucket and direction');

-- ---------------------------------------------------------------------------
-- Taking and printing
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT client, file_name, calls, withdrawals::text[], deposits::text[] FROM take_aged_tpj('AM', '2025-06-03 14:30Z')$$,
	$$VALUES ('QRST', '2025-06-03_am_aged_tpj_QRST.csv', 5::bigint, ARRAY['48600.00 USD'], ARRAY['18000.00 USD']),
			 ('APEX', '2025-06-03_am_aged_tpj_APEX.csv', 1, ARRAY['6000.00 USD'], ARRAY[]::text[])$$,
	'a run takes a list for every client whose customers'' cash is called');
SELECT results_eq($$SELECT line FROM aged_tpj_file('QRST', 'AM', '2025-06-03') AS line LIMIT 2$$,
	$$SELECT l FROM (VALUES (1, 'tpj_id,account_id,direction,side,symbol,execution_id,client_order_id,quantity,price,net_money,executed_at,first_attempt_at,last_attempt_at,attempts,last_failure_reason,age_days,bucket,tpj_status'),
		(2, (SELECT journal_id FROM journal WHERE reference = 'old') || ',QRST0001,Withdrawal,BUY,BTCUSD,old,"order, ""1""",0.10,60000.00,6000.00,2025-05-01T15:00:00.000Z,2025-05-01T22:00:00.000Z,2025-05-02T11:00:00.000Z,2,ACCOUNT_FROZEN,33,>30,Not Settled')) v (n, l) ORDER BY n$$,
	'the file has a header and a line for each call');
CREATE TEMP TABLE printed AS SELECT 'AM' AS kind, string_agg(line || E'\n', '' ORDER BY n) AS file FROM aged_tpj_file('QRST', 'AM', '2025-06-03') WITH ORDINALITY AS t (line, n);
SELECT is((SELECT sha256(convert_to(file, 'UTF8')) FROM printed), (SELECT digest FROM aged_tpj_snapshot s JOIN client c USING (client_id) WHERE code = 'QRST'),
	'the digest of a list is that of its file''s bytes');
SELECT results_eq($$SELECT replayed, client, calls FROM take_aged_tpj('AM', '2025-06-03 14:30Z', 'NETS')$$, $$VALUES (false, 'NETS', 0::bigint)$$,
	'a client named in the call gets a list even with no calls');
SELECT is((SELECT count(*) FROM aged_tpj_file('NETS', 'AM', '2025-06-03')), 1::bigint,
	'the file of an empty list has only its header');
SELECT results_eq($$SELECT count(*), count(DISTINCT digest) FROM aged_tpj_snapshot$$, $$VALUES (3::bigint, 3::bigint)$$,
	'each list taken is stored once with a digest of its own');
SELECT results_eq($$SELECT outcome, replayed, client, calls FROM take_aged_tpj('AM', '2025-06-03 14:30Z', 'QRST')$$, $$VALUES ('taken', true, 'QRST', 5::bigint)$$ ,
	'taking a list again as of the same instant returns it');
SELECT throws_ok($$SELECT take_aged_tpj('AM', '2025-06-03 14:31Z', 'QRST')$$, 'LG020', NULL,
	'taking a client''s list again as of another instant of that day is refused');
SELECT results_eq($$SELECT at, calls FROM take_aged_tpj('AM', '2025-06-03 14:31Z') WHERE client = 'QRST'$$, $$VALUES ('2025-06-03 14:30Z'::timestamptz, 5::bigint)$$,
	'a run over all clients as of another instant returns the list taken before');
SELECT throws_ok($$SELECT take_aged_tpj('EOD', '2025-06-03 14:30Z')$$, 'LG002', NULL,
	'taking a list of an unknown kind is refused');
SELECT throws_ok($$SELECT take_aged_tpj(NULL)$$, 'LG002', NULL, 'taking a list without a kind is refused');
SELECT throws_ok($$SELECT take_aged_tpj('AM', clock_timestamp() + interval '6 minutes')$$, 'LG061', NULL,
	'taking a list as of an instant ahead of the clock is refused');
SELECT throws_ok($$SELECT take_aged_tpj('AM', '-infinity')$$, 'LG002', NULL, 'taking a list as of minus infinity is refused');
SELECT throws_ok($$SELECT take_aged_tpj('AM', NULL)$$, 'LG061', NULL, 'taking a list without an instant is refused');
SELECT throws_ok($$SELECT take_aged_tpj('AM', client => 'NONE')$$, 'LG010', NULL,
	'taking a list of an unknown client is refused');
SELECT throws_ok($$SELECT * FROM aged_tpj('QRST', 'infinity')$$, 'LG061', NULL, 'the aged list as of infinity is refused');
SELECT throws_ok($$SELECT * FROM aged_tpj('QRST', '-infinity')$$, 'LG002', NULL, 'the aged list as of minus infinity is refused');
SELECT throws_ok($$SELECT aged_tpj_file('QRST', 'PM', '2025-06-03')$$, 'LG088', NULL,
	'printing a list that was not taken is refused');
SELECT throws_ok($$SELECT aged_tpj_file('QRST', 'AM', NULL)$$, 'LG088', NULL, 'printing a list without a date is refused');
SELECT throws_ok(format('SELECT %s(%L, %L, %L)', function, 'QRST', kind, '2025-06-03'), 'LG002', NULL,
	format('%s() refuses %L as a kind of list', function, kind))
  FROM unnest('{aged_tpj_file,aged_tpj_file_name}'::text[]) function, unnest('{NULL,"",am,sod,EOD}'::text[]) kind;

-- ---------------------------------------------------------------------------
-- Later postings leave a printed list unchanged
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.printed_again(kind text) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(line || E'\n', '' ORDER BY n) FROM bakkt_ledger.aged_tpj_file('QRST', kind, '2025-06-03') WITH ORDINALITY AS t (line, n) $$;
SELECT pg_temp.event('new', 'failed', '2025-06-03 14:10Z', 'INSUFFICIENT_FUNDS') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed),
	'a backdated attempt recorded later leaves a printed list unchanged');
SELECT pg_temp.event('thirty', 'settled', '2025-06-01 11:00Z') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed),
	'a backdated settlement recorded later leaves a printed list unchanged');
SELECT pg_temp.trade('late', 'QRST0001', 'BUY', '0.1 BTC', '2025-05-20 15:00Z') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed),
	'a backdated execution posted later leaves a printed list unchanged');
SELECT bust_trade('QRST0001', 'old', 'bust') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'a bust recorded later leaves a printed list unchanged');
SELECT pg_temp.event('sale', 'written_off', '2025-06-03 14:00Z') \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'a write-off recorded later leaves a printed list unchanged');
SELECT seal() \g /dev/null
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed), 'a block sealed later leaves a printed list unchanged');
SELECT isnt_empty($$SELECT * FROM aged_tpj('QRST', '2025-06-03 14:30Z') EXCEPT SELECT * FROM aged_tpj('QRST', '2025-06-03 14:30Z', (SELECT known_at FROM aged_tpj_snapshot LIMIT 1))$$,
	'the aged list of a past instant takes account of what is recorded later');
SELECT set_eq($$SELECT execution_id FROM aged_tpj('QRST', '2025-06-03 14:30Z') WHERE execution_id IN ('thirty', 'sale', 'late')$$, ARRAY['late'],
	'the list of a past instant drops calls closed by backdated events and adds late ones');
SELECT results_eq($$SELECT execution_id, attempts FROM aged_tpj('QRST', '2025-06-03 14:30Z', (SELECT known_at FROM aged_tpj_snapshot LIMIT 1))$$,
	$$VALUES ('old', 2::bigint), ('thirty', 0), ('sale', 1), ('paid later', 0), ('new', 0)$$,
	'the list of a past instant can be asked as it was known then');
SELECT lives_ok($$SELECT take_aged_tpj('SOD', '2025-06-03 21:40Z', 'QRST')$$, 'a list of another kind is taken on the same day');
SELECT set_eq($$SELECT split_part(line, ',', 6) FROM aged_tpj_file('QRST', 'SOD', '2025-06-03') AS line$$, ARRAY['execution_id', 'old', 'paid later', 'new', 'ahead', 'late'],
	'a busted call stays on lists as of instants before the bust was recorded');
SELECT lives_ok($$SELECT take_aged_tpj('PM', '2025-06-04 00:30Z', 'QRST')$$,
	'a list can be taken at 19:30 Central, when UTC has the next day');
SELECT is((SELECT business_date::text FROM aged_tpj_snapshot WHERE kind = 'PM'), '2025-06-03',
	'a list carries the Central date of its instant');
SELECT is_empty($$SELECT * FROM check_aged_tpj()$$, 'every list taken recomputes to its digest');

-- ---------------------------------------------------------------------------
-- Session settings leave a printed list unchanged
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
SELECT is(pg_temp.printed_again('AM'), (SELECT file FROM printed),
	'a printed list does not depend on the session''s settings or search path');
SELECT is_empty($$SELECT * FROM bakkt_ledger.check_aged_tpj()$$, 'check_aged_tpj() finds nothing under other session settings');
SELECT lives_ok($$SELECT bakkt_ledger.take_aged_tpj('AM', '2025-06-04 14:30Z', 'QRST')$$,
	'a list can be taken under any session settings');
CREATE TEMP TABLE under_settings AS SELECT string_agg(line, ';' ORDER BY n) AS file FROM bakkt_ledger.aged_tpj_file('QRST', 'AM', '2025-06-04') WITH ORDINALITY AS t (line, n);
RESET TimeZone;
RESET DateStyle;
RESET standard_conforming_strings;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT is((SELECT string_agg(line, ';' ORDER BY n) FROM aged_tpj_file('QRST', 'AM', '2025-06-04') WITH ORDINALITY AS t (line, n)), (SELECT file FROM under_settings),
	'a list taken under other settings prints the same under the default ones');

-- ---------------------------------------------------------------------------
-- Rights, and writes that everybody is refused
-- ---------------------------------------------------------------------------
SELECT throws_ok($$UPDATE aged_tpj_snapshot SET calls = 0$$, 'LG066', NULL, 'a list that was taken cannot be updated');
SELECT throws_ok($$DELETE FROM aged_tpj_snapshot$$, 'LG066', NULL, 'a list that was taken cannot be deleted');
SELECT throws_ok($$TRUNCATE aged_tpj_snapshot$$, 'LG066', NULL, 'the table of lists cannot be truncated');
CREATE ROLE ledger_test_reader IN ROLE bakkt_ledger_reader;
CREATE ROLE ledger_test_stranger IN ROLE bakkt_ledger_reader;
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_reconciler IN ROLE bakkt_ledger_reconciler;
SELECT grant_client_access('QRST', 'ledger_test_reader') \g /dev/null
SET LOCAL ROLE ledger_test_reader;
SELECT is((SELECT count(*) FROM aged_tpj_file('QRST', 'AM', '2025-06-03')), 6::bigint,
	'a reader prints the lists of its own client');
SELECT isnt_empty($$SELECT * FROM aged_tpj('QRST')$$, 'a reader asks for its client''s aged list at any instant');
SELECT throws_ok($$SELECT aged_tpj_file('APEX', 'AM', '2025-06-03')$$, '42501', NULL,
	'a reader cannot print another client''s list');
SELECT throws_ok($$SELECT * FROM bakkt_ledger.aged_tpj_snapshot$$, '42501', NULL, 'a reader does not see the table of lists');
SELECT throws_ok($$SELECT take_aged_tpj('PM')$$, '42501', NULL, 'a reader cannot take a list');
SET LOCAL ROLE ledger_test_stranger;
SELECT throws_ok($$SELECT * FROM aged_tpj('QRST')$$, '42501', NULL,
	'a reader without access to the client is refused its aged list');
SET LOCAL ROLE ledger_test_settler;
SELECT lives_ok($$SELECT take_aged_tpj('PM', '2025-06-04 21:00Z')$$, 'a settler takes lists of all clients');
SET LOCAL ROLE ledger_test_reconciler;
SELECT lives_ok($$SELECT take_aged_tpj('SOD', '2025-06-04 21:40Z')$$, 'a reconciler takes lists of all clients');
RESET ROLE;

-- a purchase through Apex is busted while Apex has it, and Apex says afterwards that it had moved the cash before the list was taken
SELECT pg_temp.trade('asked', 'APEX0001', 'BUY', '0.1 BTC', clock_timestamp() - interval '5 days') \g /dev/null
SELECT open_apex_batch('APEX', 'asked', clock_timestamp() - interval '4 days'), bust_trade('APEX0001', 'asked', 'asked, busted') \g /dev/null
SELECT set_config('test.day', central_date(t.at)::text, false) FROM take_aged_tpj('SOD', clock_timestamp(), 'APEX') t \g /dev/null
SELECT record_apex_answers('APEX', 'asked', ARRAY[(i.call, true, NULL, NULL)::apex_answer], clock_timestamp() - interval '3 days')
  FROM apex_batch_items('APEX', 'asked') i WHERE i.execution = 'asked' \g /dev/null
SELECT results_eq($$SELECT direction, execution_id FROM aged_tpj('APEX') WHERE execution_id ~ '^asked'$$, $$VALUES ('Deposit', 'asked, busted')$$,
	'a bust opens a deposit for the cash that Apex has collected');
SELECT is_empty($$SELECT * FROM aged_tpj('APEX', clock_timestamp() - interval '2 days') WHERE execution_id ~ '^asked'$$,
	'a purchase settled through Apex is on no list between settlement and bust');
SELECT isnt_empty(format($$SELECT * FROM aged_tpj_file('APEX', 'SOD', %L)$$, current_setting('test.day')),
	'a list taken before Apex answered still prints');
SELECT is_empty($$SELECT * FROM check_aged_tpj()$$, 'a backdated answer of Apex changes no list that was taken');

-- an event updated with the triggers disabled
ALTER TABLE event DISABLE TRIGGER USER;
UPDATE event SET at = '2025-05-02 11:01Z' WHERE subject = 'cash_call' AND at = '2025-05-02 11:00Z';
SELECT throws_ok($$SELECT aged_tpj_file('QRST', 'AM', '2025-06-03')$$, 'LG089', NULL,
	'printing a list whose events were tampered with is refused');
SELECT results_eq($$SELECT DISTINCT check_name, client, subject, subject_key FROM check_aged_tpj() WHERE subject_key = 'AM/2025-06-03'$$, $$VALUES ('aged lists', 'QRST', 'aged_tpj_snapshot', 'AM/2025-06-03')$$,
	'check_aged_tpj() names the client whose events were tampered with');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
