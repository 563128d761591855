-- Netting: the aggregates, live positions against members, every funding model.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

-- ---------------------------------------------------------------------------
-- Aggregates: gross 430, bilateral 280, multilateral 65
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE owed (payer text, payee text, amount amount);
INSERT INTO owed VALUES ('A', 'B', '120 USD'), ('B', 'A', '45 USD'), ('B', 'C', '80 USD'), ('C', 'A', '95 USD'), ('C', 'B', '20 USD'), ('D', 'A', '10 USD'), ('A', 'D', '60 USD');
SELECT is((SELECT sum(amount) FROM owed), '430.00 USD', 'gross obligations of the example sum to 430.00');
SELECT results_eq($$SELECT p.payer, p.payee, p.amount::text FROM (SELECT net_bilateral(payer, payee, amount) AS n FROM owed) AS t, unnest(t.n) AS p$$,
	$$VALUES ('A', 'B', '75.00 USD'), ('A', 'D', '50.00 USD'), ('B', 'C', '60.00 USD'), ('C', 'A', '95.00 USD')$$,
	'bilateral netting leaves one payer for each pair');
SELECT is((SELECT sum(p.amount) FROM (SELECT net_bilateral(payer, payee, amount) AS n FROM owed) AS t, unnest(t.n) AS p), '280.00 USD',
	'bilateral netting reduces 430.00 to 280.00');
SELECT results_eq($$SELECT p.counterparty, p.amount::text FROM (SELECT net_obligations(payer, payee, amount) AS n FROM owed) AS t, unnest(t.n) AS p$$,
	$$VALUES ('A', '30.00 USD'), ('B', '-15.00 USD'), ('C', '35.00 USD'), ('D', '-50.00 USD')$$,
	'multilateral netting gives each party one net, positive if it owes');
SELECT is((SELECT sum(p.amount) FROM (SELECT net_obligations(payer, payee, amount) AS n FROM owed) AS t, unnest(t.n) AS p WHERE sign(p.amount) = 1), '65.00 USD',
	'multilateral netting reduces 430.00 to 65.00');
SELECT is((SELECT net_obligations(payer, payee, amount) FROM owed WHERE false), NULL, 'the net of no obligations is NULL');
SELECT is((SELECT net_obligations(payer, payee, amount)::text FROM (VALUES ('A', 'B', NULL::amount)) AS o (payer, payee, amount)), '{}', 'NULL amounts are skipped');
SELECT throws_ok($$SELECT net_obligations(payer, payee, amount) FROM (VALUES ('A', NULL, amount '1 USD')) AS o (payer, payee, amount)$$, 'LG002', NULL,
	'an amount without a payee is refused');
SELECT throws_ok($$SELECT net_bilateral(payer, payee, amount) FROM (VALUES (NULL, 'B', amount '1 USD')) AS o (payer, payee, amount)$$, 'LG002', NULL,
	'an amount without a payer is refused');
SELECT is((SELECT net_obligations('A', 'A', amount '5 USD')::text), '{}', 'a debt to oneself nets to nothing');
SELECT is((SELECT net_bilateral('A', 'B', amount '-5 USD')::text), '{"(B,A,\"5.00 USD\")"}',
	'a negative amount is owed by the payee to the payer');
SELECT is((SELECT net_bilateral(p, q, a)::text FROM (VALUES ('A', 'B', amount '5 USD'), ('B', 'A', '5 USD'), ('A', 'B', '0.1 BTC')) AS o (p, q, a)), '{"(A,B,\"0.10 BTC\")"}',
	'assets are netted separately, and pairs that owe nothing are left out');
SELECT is((SELECT net_obligations(p, q, a)::text FROM (VALUES ('A', 'B', amount '5 USD'), ('B', 'C', '5 USD')) AS o (p, q, a)),
	'{"(A,\"5.00 USD\")","(B,\"0.00 USD\")","(C,\"-5.00 USD\")"}', 'a party whose net is zero is listed');
SELECT throws_ok($$SELECT net_bilateral('A', 'B', a) FROM (SELECT amount '80000000000000000000 USD' AS a FROM generate_series(1, 2)) AS o$$, '22003', NULL,
	'a net that overflows is refused');
SELECT is((SELECT net_bilateral(repeat('é', 500), '', amount '1 USD')::text), format('{"(%s,\"\",\"1.00 USD\")"}', repeat('é', 500)),
	'a party''s name may be long, empty or not ASCII');

CREATE TEMP TABLE many AS SELECT 'party ' || (random() * 60)::int AS payer, 'party ' || (random() * 60)::int AS payee,
	amount(round((random() * 1000 - 200)::numeric, 2), CASE WHEN random() < 0.5 THEN 'USD' ELSE 'BTC' END::asset) AS amount FROM generate_series(1, 20000);
CREATE TEMP VIEW slow AS SELECT party, asset, sum(amount) AS net FROM (
		SELECT payer AS party, asset(amount) AS asset, value(amount) AS amount FROM many UNION ALL SELECT payee, asset(amount), -value(amount) FROM many) AS o
	GROUP BY party, asset ORDER BY asset, party COLLATE "C";
SELECT results_eq($$SELECT p.counterparty, value(p.amount) FROM (SELECT net_obligations(payer, payee, amount) AS n FROM many) AS t, unnest(t.n) AS p$$,
	'SELECT party, net FROM slow', 'netting 20,000 obligations agrees with numeric arithmetic');
SELECT is_empty($$SELECT asset(p.amount) FROM (SELECT net_obligations(payer, payee, amount) AS n FROM many) AS t, unnest(t.n) AS p GROUP BY 1 HAVING NOT is_zero(sum(p.amount))$$,
	'multilateral nets sum to zero per asset');
CREATE TABLE many_shared AS TABLE many;
ALTER TABLE many_shared SET (parallel_workers = 2);
CREATE TEMP TABLE serial AS SELECT net_obligations(payer, payee, amount) AS m, net_bilateral(payer, payee, amount) AS b FROM many;
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL max_parallel_workers_per_gather = 2;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || query; END $$;
SELECT matches((SELECT string_agg(p, E'\n') FROM pg_temp.plan('SELECT net_obligations(payer, payee, amount) FROM many_shared') AS p), 'Partial Aggregate',
	'netting is planned for parallel workers');
SELECT results_eq($$SELECT net_obligations(payer, payee, amount) AS m, net_bilateral(payer, payee, amount) AS b FROM many_shared$$, 'SELECT m, b FROM serial',
	'parallel netting gives the result of serial netting');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- ---------------------------------------------------------------------------
-- A window of three funding models
-- ---------------------------------------------------------------------------
SELECT open_client(code, funding_model => model, at => '2025-01-01Z') FROM (VALUES ('NETS', 'NET_SETTLEMENT'), ('TPJS', 'BAKKT_TPJ'), ('APEX', 'APEX_TPJ'), ('NONE', 'NO_SETTLEMENT')) AS c (code, model) \g /dev/null
SELECT open_customer(client => code, customer => code || '000' || n) FROM unnest('{NETS,TPJS,APEX,NONE}'::text[]) AS code, generate_series(1, 3) AS n \g /dev/null
SELECT open_customer(client => 'NETS', customer => 'NETS0009', funding_model => 'BAKKT_TPJ') \g /dev/null
SELECT open_provider('provider' || n, 'Provider ' || n) FROM generate_series(1, 3) AS n \g /dev/null

CREATE FUNCTION pg_temp.trade_day(code text, day date, trades integer, tag text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM post_trades(ARRAY(
		SELECT (account, side, quantity, 'provider' || (1 + n % 3), tag || n, provider_price, NULL, 50, NULL, NULL, NULL, NULL, NULL, at, NULL, false, false)::trade_request
		FROM (SELECT n, code || '000' || (CASE WHEN code = 'NETS' AND n % 10 = 0 THEN 9 ELSE 1 + n % 3 END) AS account,
				CASE WHEN n % 4 = 3 THEN 'SELL' ELSE 'BUY' END AS side,
				amount(0.001 * (1 + n % 7), coin::asset) AS quantity,
				(CASE coin WHEN 'BTC' THEN 60000 + n ELSE 3000 + n END || '.00 USD/' || coin)::price AS provider_price,
				(day - 1 + time '09:00') AT TIME ZONE 'America/Chicago' + n * interval '86 seconds' AS at
			FROM (SELECT n, CASE WHEN n / 4 % 2 = 0 THEN 'BTC' ELSE 'ETH' END AS coin FROM generate_series(1, trades) AS n) AS s) AS t)) $$;
CREATE FUNCTION pg_temp.live_and_members(client text, at timestamptz) RETURNS boolean LANGUAGE sql AS $$
	WITH scope AS (SELECT (s).* FROM (SELECT scope_of(require_client(client), (window_of(client, at)).closes_on) AS s) AS x),
	cut AS (SELECT ROW(client_id, window_no, closes_on, from_at, least(to_at, at + interval '1 microsecond'), sealed, follows, first_id, previous_high, previous_pending, high, pending,
		pending_from, known_until, least(early_until, at + interval '1 microsecond'), early_high, early_pending)::window_scope AS s FROM scope),
	members AS (SELECT a.counterparty, a.asset, sum(a.amount) AS net FROM cut, settled_accounts(cut.s, ARRAY(SELECT f FROM scope_figures(cut.s) AS f)) AS a GROUP BY 1, 2)
	SELECT count(*) > 0 AND count(*) FILTER (WHERE m.net *<> p.net OR m.net IS NULL OR p.net IS NULL) = 0
	FROM (SELECT * FROM members WHERE NOT is_zero(net)) AS m FULL JOIN net_position(client, at) AS p USING (counterparty, asset) $$;

SELECT open_client('IDLE', at => '2025-03-01Z') \g /dev/null
SELECT results_eq($$SELECT settlement_window, counterparty FROM close_window('IDLE', '2025-03-07', '2025-03-07 15:00Z')$$, $$VALUES ('W1', NULL::text)$$,
	'a window before the first posting closes without obligations');
SELECT results_eq($$SELECT settlement_window, counterparty FROM close_window('IDLE', '2025-03-08', '2025-03-08 15:00Z')$$, $$VALUES ('W2', NULL::text)$$,
	'a second window before the first posting closes without obligations');
SELECT ok(pg_temp.trade_day(code, '2025-06-02', 400, 'day 1/') > 0,
	format('a day of executions is submitted for %s', code)) FROM unnest('{NETS,TPJS,APEX,NONE}'::text[]) AS code;
SELECT ok(pg_temp.live_and_members(code, '2025-06-01 20:00Z'),
	format('live balances and members of %s give one position within the window', code))
	FROM unnest('{NETS,TPJS,APEX,NONE}'::text[]) AS code;
SELECT seal() \g /dev/null
SELECT ok(pg_temp.live_and_members(code, '2025-06-02 13:59:59.999999Z'),
	format('live balances and members of %s give one position at the end, after a seal', code))
	FROM unnest('{NETS,TPJS,APEX,NONE}'::text[]) AS code;
CREATE TEMP TABLE before_close AS SELECT code, p.* FROM unnest('{NETS,TPJS,APEX,NONE}'::text[]) AS code, net_position(code, '2025-06-02 13:59:59.999999Z') AS p;
SELECT ok(count(*) > 0, format('the window of %s closes with obligations', code))
	FROM unnest('{NETS,TPJS,APEX,NONE}'::text[]) AS code, close_window(code, '2025-06-02', '2025-06-02 14:00Z') GROUP BY code;
SELECT results_eq($$SELECT code, p.counterparty, p.asset, p.net FROM unnest('{NETS,TPJS,APEX,NONE}'::text[]) AS code, net_position(code, '2025-06-02 13:59:59.999999Z') AS p ORDER BY 1, 2, 3$$,
	'SELECT code, counterparty, asset, net FROM before_close ORDER BY 1, 2, 3',
	'the position of a closed window is its last live position');
SELECT results_eq($$SELECT client, counterparty, asset, payer, payee, amount FROM obligations() ORDER BY 1, 2, 3$$,
	'SELECT code, counterparty, asset, payer, payee, amount FROM before_close ORDER BY 1, 2, 3',
	'the obligations of a closed window are its last live position');
SELECT results_eq($$SELECT client, count(*) FILTER (WHERE counterparty = client), count(*) FILTER (WHERE counterparty ~ '^provider') FROM obligations() GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('APEX', 0::bigint, 9::bigint), ('NETS', 1, 9), ('NONE', 0, 9), ('TPJS', 0, 9)$$, 'providers are netted for every client, cash only where the client settles net');
SELECT is((SELECT amount FROM obligations('NETS') WHERE counterparty = 'NETS'),
	(SELECT sum(net_money) FROM window_members('NETS', '2025-06-02') WHERE funding_model = 'NET_SETTLEMENT'),
	'a customer of another funding model is not in the client''s net');
SELECT cmp_ok((SELECT count(*) FROM window_members('NETS', '2025-06-02') WHERE funding_model = 'BAKKT_TPJ'), '>', 10::bigint,
	'executions of another funding model are members of the window');
SELECT is((SELECT sum(net_money) FROM window_summary('NETS', '2025-06-02') WHERE funding_model = 'NET_SETTLEMENT'), (SELECT amount FROM obligations('NETS') WHERE counterparty = 'NETS'),
	'the summary per coin adds up to the client''s obligation');
SELECT is_empty($$SELECT * FROM zero_sum_check('2025-06-02') WHERE NOT is_zero(difference)$$,
	'nets of a window sum to zero (I15)');
SELECT is((SELECT count(*) FROM zero_sum_check('2025-06-02')), 12::bigint,
	'the zero-sum check covers four clients and three assets');
SELECT is_empty($$SELECT asset(p.amount) FROM (SELECT net_obligations(payer, payee, amount) AS n FROM obligations()) AS t, unnest(t.n) AS p GROUP BY 1 HAVING NOT is_zero(sum(p.amount))$$,
	'obligations of all clients together sum to zero');
SELECT is((SELECT count(*) FROM journal WHERE kind = 8), 13::bigint,
	'closing posts 13 novations for 1,600 executions, one per counterparty of a client');

-- the next day, before and after a late one
SELECT ok(pg_temp.trade_day('NETS', '2025-06-03', 100, 'day 2/') > 0, 'a second day of executions is submitted');
SELECT ok(pg_temp.trade_day('NETS', '2025-06-02', 7, 'late/') > 0, 'late executions of a closed window are submitted');
SELECT ok(pg_temp.live_and_members('NETS', '2025-06-03 13:00Z'), 'live balances and members agree with late executions');
SELECT is((SELECT count(*) FROM window_members('NETS', '2025-06-03') WHERE late_from = 'W1'), 7::bigint,
	'late executions are members of the next window');

-- nobody takes a reference that keeps a window from closing
SELECT throws_ok($$SELECT load_journal('NETS', journal_entry(line('Dr', account_of('NETS', 'CORP', 'Client:settlement:NETS', 'USD'), '3 USD'),
	line('Cr', account_of('NETS', 'CORP', 'Client:settlement:NETS', 'USD'), '3 USD')), 'settlement:W2:client:NETS')$$, 'LG002', NULL, 'the references of novations are reserved');
SELECT load_journal('NETS', journal_entry(line('Dr', account_of('NETS', 'CORP', 'Client:settlement:NETS', 'USD'), '3 USD'),
	line('Cr', ensure_account(require_client('NETS'), 'CORP', 'Expense:operating', 'USD'), '3 USD')), 'adjust 3', 'general', at => '2025-06-02 19:00Z') \g /dev/null
-- a client's first windows by the one call a scheduler needs
SELECT open_client('AUTO', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z'), open_client('REST') \g /dev/null
SELECT open_customer(client => 'AUTO', customer => 'AUTO000' || n) FROM generate_series(1, 3) AS n \g /dev/null
SELECT ok(pg_temp.trade_day('AUTO', '2025-06-02', 30, 'auto/') > 0,
	'executions are submitted for a client that has closed no window');
SELECT results_eq($$SELECT client, settlement_window, closes_on FROM unnest('{AUTO,REST}'::text[]) AS code, close_due_windows('2025-06-04 13:59Z', code)$$,
	$$VALUES ('AUTO', 'W1', date '2025-06-02'), ('AUTO', 'W2', '2025-06-03')$$,
	'a client''s first window is that of its first execution, without one it has none');
SELECT throws_ok($$SELECT close_due_windows('2199-01-01')$$, 'LG061', NULL, 'a run that closes windows in the future is refused');

-- journals that are no executions: adjustments and deliveries made before the close
SELECT load_journal('NETS', journal_entry(line('Cr', account_of('NETS', 'CORP', 'Client:settlement:NETS', 'USD'), '25 USD'),
	line('Dr', ensure_account(require_client('NETS'), 'CORP', 'Expense:operating', 'USD'), '25 USD')), 'adjust', 'general', at => '2025-06-02 20:00Z') \g /dev/null
SELECT ok(pg_temp.live_and_members('NETS', '2025-06-03 13:00Z'), 'live balances and members agree with an adjustment');
SELECT results_eq($$SELECT kind, reference, counterparty, amount::text FROM window_adjustments('NETS', '2025-06-03')$$, $$VALUES ('general', 'adjust 3', 'NETS', '3.00 USD'), ('general', 'adjust', 'NETS', '-25.00 USD')$$,
	'adjustments are listed with their window');
SELECT lives_ok($$SELECT close_window('NETS', '2025-06-03', '2025-06-03 14:00Z')$$, 'a window with adjustments closes');
SELECT is((SELECT CASE payer WHEN 'NETS' THEN amount ELSE -amount END FROM obligations('NETS') WHERE counterparty = 'NETS' AND settlement_window = 'W2'),
	(SELECT sum(net_money) FROM window_summary('NETS', '2025-06-03') WHERE funding_model = 'NET_SETTLEMENT') + (SELECT sum(amount) FROM window_adjustments('NETS', '2025-06-03') WHERE counterparty = 'NETS'),
	'the client''s net is its summary plus its adjustments');
SELECT is_empty($$SELECT * FROM zero_sum_check('2025-06-03') WHERE NOT is_zero(difference)$$,
	'nets of a window with adjustments sum to zero');
SELECT results_eq($$SELECT count(*) FROM net_position('NETS', '2025-06-04 13:00Z')$$, $$VALUES (0::bigint)$$, 'a window without executions has no position');
SELECT throws_ok($$SELECT net_position('XXXX')$$, 'LG010', NULL, 'the position of an unknown client is refused');

-- the proof before the advice: a house balance tampered with is noticed, though the close went by it
SELECT ok(pg_temp.trade_day('NETS', '2025-06-04', 20, 'day 3/') > 0, 'a third day of executions is submitted');
SELECT seal() \g /dev/null
SET LOCAL session_replication_role = replica;
ALTER TABLE block_balance DISABLE TRIGGER USER;
UPDATE block_balance SET balance = balance + '0.01 USD' WHERE account = account_of('NETS', 'CORP', 'Client:settlement:NETS', 'USD');
SET LOCAL session_replication_role = origin;
SELECT lives_ok($$SELECT close_window('NETS', '2025-06-04', '2025-06-04 14:00Z')$$,
	'a window with a tampered house balance closes');
SELECT results_eq($$SELECT d.client, d.subject_key, m.said[1], (m.said[3]::amount - m.said[2]::amount)::text
		FROM check_window('NETS', '2025-06-04') AS d, regexp_match(d.detail, '^(.*): the members say (.*), the novation (.*), debit') AS m (said) ORDER BY 3$$,
	$$VALUES ('NETS', '3', 'corp_client_settlement of NETS', '0.01 USD'), ('NETS', '3', 'obligation of NETS', '0.01 USD')$$,
	'the check of a window finds a house balance that is off by a cent');
SELECT throws_ok($$SELECT advise_window('NETS', '2025-06-04')$$, 'LG076', NULL,
	'a window that does not tie is not advised (I14)');
SELECT is((SELECT count(*) FROM check_window('NETS', '2025-06-03')), 0::bigint,
	'a window before the tampered balance still ties');
SELECT throws_ok($$SELECT check_window('NETS', '2025-06-05')$$, 'LG070', NULL, 'an open window cannot be checked');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

-- between cut-off (09:00 Central) and closing
SELECT open_client('LATE', funding_model => 'NET_SETTLEMENT', at => '2025-06-01Z'), open_customer('LATE', 'LATE0001', at => '2025-06-01Z') \g /dev/null
SELECT open_provider('lp1', 'Provider') WHERE NOT EXISTS (SELECT FROM provider WHERE code = 'lp1') \g /dev/null
SELECT post_trade('LATE0001', 'BUY', q::amount, 'lp1', 'late ' || d, provider_price => '60000 USD/BTC', executed_at => d)
	FROM (VALUES ('0.1 BTC', '2025-06-02 16:00Z'::timestamptz), ('0.2 BTC', '2025-06-03 13:59Z'), ('0.4 BTC', '2025-06-03 14:00Z')) AS x (q, d) \g /dev/null
SELECT close_window('LATE', '2025-06-02', '2025-06-02 15:00Z') \g /dev/null
SELECT results_eq($$SELECT amount::text, to_at FROM net_position('LATE', '2025-06-03 13:59Z') WHERE counterparty = 'LATE'$$, $$VALUES ('18000.00 USD', '2025-06-03 14:00Z'::timestamptz)$$, 'before the cut-off there is the window at hand');
SELECT results_eq($$SELECT amount::text, to_at FROM net_position('LATE', '2025-06-03 14:05Z') WHERE counterparty = 'LATE'$$, $$VALUES ('18000.00 USD', '2025-06-03 14:00Z'::timestamptz), ('24000.00 USD', '2025-06-04 14:00Z')$$,
	'between cut-off and closing the ended window is seen beside the new one');
SELECT close_window('LATE', '2025-06-03', '2025-06-03 14:06Z') \g /dev/null
SELECT results_eq($$SELECT amount::text FROM net_position('LATE', '2025-06-03 14:05Z') WHERE counterparty = 'LATE'$$, $$VALUES ('24000.00 USD')$$, 'of a window that is closed its obligations say what is owed');
SELECT is((SELECT amount::text FROM obligations('LATE') WHERE counterparty = 'LATE'), '18000.00 USD', 'which is what its position said');

SELECT * FROM finish();
ROLLBACK;
