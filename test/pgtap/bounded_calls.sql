-- How large one call may be, and what minimum fees a batch charges when some fills of an order are refused.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client(c, funding_model => 'BAKKT_TPJ', commission_model => 'BOTH', at => '2025-01-01Z') FROM unnest('{QRST,PREF}'::text[]) c \g /dev/null
SELECT open_customers('QRST', '{QRST0001}'), open_customers('PREF', '{PREF0001,PREF0002}'), open_provider('LP', 'Provider') \g /dev/null
SELECT (open_account('QRST', 'FBO', 'Bank:omnibus', 'USD')).account AS bank, (open_account('QRST', 'FBO', 'Clearing:ACH-in', 'USD')).account AS clearing,
	(open_account('QRST', 'FBO', 'Cust:QRST0001:settled', 'USD')).account AS claim \gset

CREATE FUNCTION pg_temp.told(request text) RETURNS TABLE (state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE request;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;

-- ---------------------------------------------------------------------------
-- Limits
-- ---------------------------------------------------------------------------
SELECT results_eq(format('SELECT * FROM pg_temp.told(%L)', call),
	$$VALUES ('54000', 'one call takes at most 100000 requests', '100001 were given.', 'Send a larger batch in several calls of one transaction.')$$,
	format('%s) refuses more than 100,000 elements in one call', substring(call FROM '\w+\(')))
FROM unnest(ARRAY[
	'SELECT post_journals(array_fill(NULL::journal_request, ARRAY[100001]))',
	'SELECT post_trades(array_fill(NULL::trade_request, ARRAY[100001]))',
	$$SELECT open_customers('QRST', array_fill('QRST0001'::text, ARRAY[100001]))$$,
	$$SELECT credit_deposits('QRST', array_fill('d'::text, ARRAY[100001]))$$,
	$$SELECT send_withdrawals('QRST', array_fill('w'::text, ARRAY[100001]))$$,
	$$SELECT complete_withdrawals('QRST', array_fill('w'::text, ARRAY[100001]))$$,
	$$SELECT approve_cash_call_write_offs('QRST', array_fill(1::bigint, ARRAY[100001]))$$,
	$$SELECT record_apex_answers('QRST', 'batch', array_fill((1, true, NULL, NULL)::apex_answer, ARRAY[100001]))$$,
	$$SELECT settle_provider('QRST', 'LP', 'payment', amounts => array_fill('1 USD'::amount, ARRAY[100001]))$$,
	$$SELECT add_calendar_version('LONG', '2026-01-01', '2026-12-31', array_fill('2026-12-25'::date, ARRAY[100001]), array_fill('a day'::text, ARRAY[100001]), 'test')$$]) call;

CREATE TEMP TABLE long AS SELECT journal_entry(CASE g % 2 WHEN 0 THEN :'bank'::account_id ELSE :'clearing' END, CASE g % 2 WHEN 0 THEN '1 USD'::amount ELSE '-1 USD' END) AS entry
	FROM generate_series(1, 200000) g;
SELECT results_eq($$SELECT outcome, cardinality(balances) FROM long, load_journals(ARRAY[ROW('QRST', entry, 'long', NULL, NULL, NULL, false)::journal_request])$$,
	$$VALUES ('posted', 0)$$, 'an entry of 200,000 lines is posted');
SELECT results_eq($$SELECT * FROM pg_temp.told('SELECT post_journals(array_fill(ROW(''QRST'', entry, ''l'', NULL, NULL, NULL, false)::journal_request, ARRAY[7])) FROM long')$$,
	$$VALUES ('54000', 'the requests of one call have at most 1000000 lines together', 'Requests 1 to 6 have 1200000.', 'Send a larger batch in several calls of one transaction.')$$,
	'the requests of a call have at most a million lines together');
SELECT results_eq($$SELECT state, detail FROM pg_temp.told('SELECT entry + entry + entry + entry + entry + entry FROM long')$$, $$VALUES ('54000', '1200000 or more were given.')$$,
	'an entry has at most a million lines');
SELECT results_eq($$SELECT t.state FROM (VALUES ('2000-01-01', '2100-02-01', '{6,7}'), ('2000-01-01', '5874897-12-31', '{6,7}'), ('-infinity', 'infinity', '{6,7}'), ('2000-01-01', '2001-01-01', '{1,2,3,4,5,6,7}')) c (first, last, weekend),
		pg_temp.told(format('SELECT add_calendar_version(''LONG'', %L, %L, ''{}'', ''{}'', ''test'', %L)', first, last, weekend)) t$$,
	$$VALUES ('LG002'), ('LG002'), ('LG002'), ('LG002')$$,
	'a calendar without an open weekday or longer than a hundred years is refused');

-- ---------------------------------------------------------------------------
-- Refusals quote a bounded part of the request
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT sqlstate, length(detail) < 400 FROM load_journals(ARRAY[
		ROW('QRST', journal_entry(line('Dr', account_of('QRST', 'FBO', 'Bank:omnibus', 'USD'), '1 USD'), line('Cr', account_of('QRST', 'FBO', 'Clearing:ACH-in', 'USD'), '1 USD')), 'chain 1', NULL, NULL, NULL, true),
		ROW('QRST', journal_entry(line('Dr', account_of('QRST', 'FBO', 'Bank:omnibus', 'USD'), '1 USD'), line('Cr', account_of('QRST', 'FBO', 'Clearing:ACH-in', 'USD'), '1 USD')), 'chain 2', repeat('nonsense', 10000), NULL, NULL, false)]::journal_request[]) WHERE request = 1$$,
	$$VALUES ('LG060', true)$$, 'a refused chain quotes only the beginning of a long reason');
SELECT results_eq($$SELECT sqlstate, length(message) < 200 FROM post_trades(ARRAY[(repeat('x', 100000), 'BUY', '1 BTC', 'LP', 'long text', NULL, '100 USD/BTC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::trade_request])$$,
	$$VALUES ('LG012', true)$$, 'a refusal quotes only the beginning of a long text');

-- ---------------------------------------------------------------------------
-- Mirrors
-- ---------------------------------------------------------------------------
SELECT (open_account('QRST', fund, name, asset)).account FROM (VALUES ('FBO', 'DueTo:CORP', 'USD'::asset), ('CORP', 'DueFrom:FBO', 'USD'), ('CORP', 'Bank:operating', 'USD'),
	('CUST', 'DueTo:CORP', 'BTC'), ('CORP', 'DueFrom:CUST', 'BTC'), ('CORP', 'Equity', 'BTC')) a (fund, name, asset) \g /dev/null
CREATE FUNCTION pg_temp.at(fund text, name text, asset asset) RETURNS account_id LANGUAGE sql AS $$ SELECT account_of('QRST', fund, name, asset) $$;
SELECT results_eq($$SELECT state, substring(detail FROM 'Line \d+') FROM pg_temp.told($q$SELECT load_journal('QRST', journal_entry(
		line('Dr', pg_temp.at('CORP', 'DueFrom:FBO', 'USD'), '2 USD'), line('Dr', pg_temp.at('CORP', 'DueFrom:CUST', 'BTC'), '1 BTC'), line('Cr', pg_temp.at('FBO', 'DueTo:CORP', 'USD'), '2 USD'),
		line('Cr', pg_temp.at('CORP', 'Equity', 'BTC'), '1 BTC'), line('Cr', pg_temp.at('CORP', 'Bank:operating', 'USD'), '2 USD'), line('Dr', pg_temp.at('FBO', 'Bank:omnibus', 'USD'), '2 USD')), 'mirror')$q$)$$,
	$$VALUES ('LG003', 'Line 2')$$, 'a refusal names the first line of the mirror pair that does not match');
SELECT lives_ok($q$SELECT load_journal('QRST', journal_entry(
		line('Dr', pg_temp.at('CORP', 'DueFrom:FBO', 'USD'), '2 USD'), line('Dr', pg_temp.at('CORP', 'DueFrom:CUST', 'BTC'), '1 BTC'), line('Cr', pg_temp.at('FBO', 'DueTo:CORP', 'USD'), '2 USD'),
		line('Cr', pg_temp.at('CUST', 'DueTo:CORP', 'BTC'), '1 BTC'), line('Cr', pg_temp.at('CORP', 'DueFrom:CUST', 'BTC'), '1 BTC'), line('Dr', pg_temp.at('CUST', 'DueTo:CORP', 'BTC'), '1 BTC'),
		line('Cr', pg_temp.at('CORP', 'Bank:operating', 'USD'), '2 USD'), line('Dr', pg_temp.at('FBO', 'Bank:omnibus', 'USD'), '2 USD')), 'mirror')$q$,
	'two interleaved mirror pairs may each net to zero over several lines');

-- ---------------------------------------------------------------------------
-- Minimum fees of an order when some of its fills are refused
-- ---------------------------------------------------------------------------
SELECT change_cash_terms('PREF', prefunded => true) \g /dev/null
SELECT initiate_deposit(c, '1000 USD', 'cash ' || c, at => '2025-01-02 15:00Z'), credit_deposits('PREF', ARRAY['cash ' || c], at => '2025-01-02 16:00Z') FROM unnest('{PREF0001,PREF0002}'::text[]) c \g /dev/null
SELECT settle_deposits('2025-02-01 15:00Z', 'PREF') \g /dev/null
CREATE FUNCTION pg_temp.fill(reference text, quantity amount, linked boolean DEFAULT false, account text DEFAULT 'PREF0001', fee_minimum amount DEFAULT '5 USD', side text DEFAULT 'BUY') RETURNS trade_request LANGUAGE sql AS $$
	SELECT (account, side, quantity, 'LP', reference, '100 USD/BTC', NULL, NULL, NULL, 1, NULL, fee_minimum, 'order', NULL, NULL, NULL, linked)::trade_request $$;

SELECT results_eq($$SELECT outcome, fee, sqlstate, detail FROM post_trades(ARRAY[pg_temp.fill('a1', '9.96 BTC'), pg_temp.fill('a2', '9.97 BTC'), pg_temp.fill('a3', '2 BTC'), pg_temp.fill('a4', '7.95 BTC'), pg_temp.fill('a3', '2 BTC')], dry_run => true)$$,
	$$VALUES ('refused', NULL::amount, 'LG084', 'Needed are 1001.00 USD, available 1000.00 USD.'), ('refused', NULL, 'LG084', 'Needed are 1002.00 USD, available 1000.00 USD.'),
		('posted', '5.00 USD', NULL, NULL), ('posted', '0.00 USD', NULL, NULL), ('posted', '5.00 USD', NULL, NULL)$$,
	'the first fill that stands pays the order''s minimum fee, later fills nothing');
SELECT is_empty($$SELECT FROM order_commission WHERE sign(charged) <> 0$$, 'a dry run charges no fee to an order');
SELECT results_eq($$SELECT outcome, fee, sqlstate FROM post_trades(ARRAY[pg_temp.fill('c1', '1 BTC', true), pg_temp.fill('c2', '1 BTC', true), pg_temp.fill('c3', '100 BTC'), pg_temp.fill('c4', '1 BTC'), pg_temp.fill('c5', '1 BTC')])$$,
	$$VALUES ('refused', NULL::amount, 'LG060'), ('refused', NULL, 'LG060'), ('refused', NULL, 'LG084'), ('posted', '5.00 USD', NULL), ('posted', '0.00 USD', NULL)$$,
	'fills of a refused chain pay nothing: the next posted fill pays the minimum');
SELECT results_eq($$SELECT accrued, charged FROM order_commission WHERE client_order_id = 'order' AND sign(charged) <> 0$$, $$VALUES ('0.02 USD'::amount, '5 USD'::amount)$$,
	'an order is charged what its posted fills have paid');
SELECT results_eq($$SELECT outcome, replayed, sqlstate FROM post_trades(ARRAY[pg_temp.fill('c1', '1 BTC', true), pg_temp.fill('c3', '100 BTC'), pg_temp.fill('c4', '1 BTC'), pg_temp.fill('c6', '1 BTC', fee_minimum => '6 USD')])$$,
	$$VALUES ('refused', true, 'LG060'), ('refused', true, 'LG084'), ('posted', true, NULL), ('refused', false, 'LG002')$$,
	'a repeated fill returns its stored outcome, and one of another minimum is refused');
SELECT results_eq($$SELECT net_money, fee FROM post_trades(ARRAY[pg_temp.fill('c6', '1 BTC')])$$, $$VALUES ('100.00 USD'::amount, '0.00 USD'::amount)$$,
	'it is posted under the same reference once it names the order''s minimum');
SELECT results_eq($$SELECT outcome, fee, sqlstate FROM post_trades(ARRAY[pg_temp.fill('s1', '0.01 BTC', side => 'SELL', account => 'PREF0002'), pg_temp.fill('s2', '1 BTC', account => 'PREF0002'), pg_temp.fill('s3', '0.01 BTC', side => 'SELL', account => 'PREF0002'),
		pg_temp.fill('s4', '1 BTC', true, account => 'PREF0002'), pg_temp.fill('s4', '1 BTC', account => 'PREF0002')])$$,
	$$VALUES ('refused', NULL::amount, 'LG045'), ('posted', '5.00 USD', NULL), ('posted', '0.00 USD', NULL), ('posted', '0.00 USD', NULL), ('posted', '0.00 USD', NULL)$$,
	'a sale that cannot cover the minimum stands once another fill has paid it');
SELECT results_eq($$SELECT outcome, fee FROM correct_trade('PREF0002', 'BUY', '2 BTC', 'LP', 's5', provider_price => '100 USD/BTC', fee_bps => 1, fee_minimum => '5 USD', client_order_id => 'order', original => 's2')$$,
	$$VALUES ('posted', '-5.00 USD'::amount), ('posted', '5.00 USD')$$,
	'a correction pays the minimum fee that its bust gives back');
-- no deposit stands behind what was loaded onto the clearing account: check_funding() says so
SELECT is_empty($$SELECT * FROM verify() WHERE check_name <> 'funding'$$, 'the ledger verifies after bounded and refused batches');
SELECT is_empty($$SELECT account FROM account WHERE client_id = (SELECT client_id FROM client WHERE code = 'PREF') AND name IN ('Revenue:markup', 'RevShare:payable:PREF')$$,
	'a batch opens only the accounts that its lines need');

SELECT * FROM finish();
ROLLBACK;
