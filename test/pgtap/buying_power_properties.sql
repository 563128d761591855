-- Random days of six customers through the business functions: buying power, as the formula says it from the ledger's own lists, and the aged lists of each day printed again.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/cash_call_event.psql
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'BAKKT_TPJ', at => '2025-01-01Z'), open_customers('QRST', ARRAY(SELECT 'QRST000' || n FROM generate_series(1, 6) n)), open_provider('lp1', 'First Provider') \g /dev/null
SELECT change_cash_terms('QRST', write_off_days => 1, minimum_withdrawal => '1 USD') \g /dev/null
SELECT deposit_coin(customer_code, '5 BTC', 'coin ' || customer_code, at => '2025-01-02Z'), receive_wire('QRST', '20 USD', 'first ' || customer_code, customer_code, bank_reference => customer_code, at => '2025-06-20 12:00Z') FROM customer \g /dev/null

CREATE ROLE ledger_test_approver IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_proposer IN ROLE bakkt_ledger_settler;
SELECT grant_client_access('QRST', 'ledger_test_approver') \g /dev/null

-- one thing that may happen; what is refused has not happened
CREATE FUNCTION pg_temp.happen(n integer, kind integer, account text, size integer, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	money	amount := amount(size, 'USD');
	which	text;
BEGIN
	CASE
		WHEN kind < 30 THEN
			PERFORM post_trade(account, CASE WHEN kind < 16 THEN 'BUY' ELSE 'SELL' END, amount(size::numeric / 100, 'BTC'), 'lp1', 't' || n, provider_price => '100 USD/BTC',
				executed_at => at - CASE WHEN kind % 5 = 0 THEN interval '20 hours' ELSE interval '0' END);
		WHEN kind < 36 THEN PERFORM receive_wire('QRST', money, 'w' || n, account, bank_reference => 'b' || n, at => at);
		WHEN kind < 40 THEN PERFORM initiate_deposit(account, money, 'a' || n, at => at), credit_deposit('QRST', 'a' || n, 'c' || n, at => at);
		WHEN kind < 44 THEN PERFORM settle_deposits(at);
		WHEN kind < 46 THEN
			SELECT t.reference INTO which FROM funding_transfer t WHERE t.rail = 'ACH' AND t.direction = 'DEPOSIT' AND t.status IN ('CREDITED', 'SETTLED') ORDER BY t.transfer_id LIMIT 1;
			PERFORM return_deposit('QRST', which, 'R01', at => at);
		WHEN kind < 54 THEN PERFORM request_withdrawal(account, money, 'x' || n, at => at);
		WHEN kind < 62 THEN
			SELECT t.reference INTO which FROM funding_transfer t WHERE t.direction = 'WITHDRAWAL' AND t.status = 'REQUESTED' ORDER BY t.transfer_id LIMIT 1;
			PERFORM CASE WHEN kind < 58 THEN send_withdrawal('QRST', which, at => at) ELSE cancel_withdrawal('QRST', which, 'test', at => at) END;
		WHEN kind < 65 THEN PERFORM process_cash_calls(at, 'QRST');
		WHEN kind BETWEEN 72 AND 73 THEN PERFORM instruct_fbo_transfer('QRST', money, 'f' || n, at => at), confirm_fbo_transfer('QRST', 'f' || n, 'g' || n, at => at);
		WHEN kind BETWEEN 74 AND 75 THEN PERFORM authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:' || account || ':settled', 'USD'), money, 'h' || n, at => at);
		WHEN kind < 80 OR kind BETWEEN 65 AND 71 THEN
			SELECT e.reference INTO which FROM execution e WHERE e.customer = happen.account AND e.kind = 'trade' AND e.busted_by IS NULL ORDER BY md5(e.reference || n) LIMIT 1;
			PERFORM bust_trade(account, which, 'v' || n);
		WHEN kind < 84 THEN
			SET LOCAL SESSION AUTHORIZATION ledger_test_proposer;
			PERFORM propose_cash_call_write_offs(at, 'QRST');
			SET LOCAL SESSION AUTHORIZATION ledger_test_approver;
			PERFORM approve_cash_call_write_offs('QRST', ARRAY(SELECT w.call FROM cash_write_offs('QRST') w WHERE upper(w.status) = 'PROPOSED'), at);
			RESET SESSION AUTHORIZATION;
			PERFORM charge_cash_call_write_offs(at, 'QRST');
		WHEN kind < 88 THEN
			PERFORM recover_cash_call('QRST', min(c.journal_id), 'r' || n, '1 USD', at) FROM cash_call c WHERE c.status = 'W';
	END CASE;
	RETURN 'done';
EXCEPTION WHEN SQLSTATE 'LG050' OR SQLSTATE 'LG080' OR SQLSTATE 'LG002' OR SQLSTATE 'LG062' OR SQLSTATE 'LG047' OR SQLSTATE 'LG063' OR SQLSTATE 'LG082' OR SQLSTATE 'LG086' THEN
	RETURN 'refused ' || SQLSTATE;
END $$;

-- The formula, from lists: statement lines, the aged list, executions, transfers.
CREATE FUNCTION pg_temp.formula(account text, at timestamptz, credits boolean) RETURNS amount LANGUAGE sql STABLE AS $$
	WITH cut AS (SELECT CASE WHEN t.cut <= formula.at THEN t.cut ELSE (t.day - 1 + time '16:40') AT TIME ZONE 'America/Chicago' END AS cut
				   FROM (SELECT d AS day, (d + time '16:40') AT TIME ZONE 'America/Chicago' AS cut FROM CAST(formula.at AT TIME ZONE 'America/Chicago' AS date) d) t),
	line AS (SELECT -p.amount AS change, p.kind, p.effective_at FROM posting p WHERE p.fund = 'FBO' AND p.name = 'Cust:' || formula.account || ':settled'),
	aged AS (SELECT a.* FROM cut, LATERAL aged_tpj('QRST', cut) a WHERE a.account_id = formula.account),
	trade AS (SELECT e.* FROM execution e WHERE e.customer = formula.account),
	term AS (
		SELECT change FROM line, cut WHERE effective_at <= cut
		UNION ALL SELECT change FROM line, cut WHERE effective_at > cut AND effective_at <= formula.at AND kind <> 'cash_call'
		UNION ALL SELECT CASE WHEN direction = 'Withdrawal' THEN -net_money WHEN credits THEN net_money ELSE '0 USD' END FROM aged
		UNION ALL SELECT -net_money FROM trade, cut WHERE executed_at > cut AND executed_at <= formula.at
		-- what is written off since is called no more
		UNION ALL SELECT v.amount FROM aged a JOIN cash_call_event v ON v.journal_id = a.tpj_id, cut WHERE v.event = 'written_off' AND v.at > cut AND v.at <= formula.at
		-- a bust since of an execution from before the cut gives back what counted; of what had been written off, what was recovered
		UNION ALL SELECT CASE WHEN NOT EXISTS (SELECT FROM aged a WHERE a.tpj_id = b.busts) AND EXISTS (SELECT FROM cash_call_event v, cut WHERE v.journal_id = b.busts AND v.event = 'written_off' AND v.at <= cut)
							  THEN coalesce((SELECT sum(v.amount) FROM cash_call_event v WHERE v.journal_id = b.busts AND v.event = 'recovered'), '0 USD')
							  WHEN b.side = 'SELL' AND NOT credits AND EXISTS (SELECT FROM aged a WHERE a.tpj_id = b.busts) THEN '0 USD'
							  ELSE -b.net_money END
					FROM trade b, cut WHERE b.kind = 'trade_bust' AND b.executed_at <= cut AND b.recorded_at > cut AND b.recorded_at <= formula.at
		UNION ALL SELECT -t.amount FROM funding_transfer t JOIN customer c USING (customer_id) WHERE c.customer_code = formula.account AND t.direction = 'WITHDRAWAL' AND t.requested_at <= formula.at
					AND NOT coalesce(t.sent_at <= formula.at, false) AND NOT coalesce(t.ended_at <= formula.at, false)
		UNION ALL SELECT -h.remaining FROM hold h JOIN account a USING (client_id, account) WHERE a.name = 'Cust:' || formula.account || ':settled' AND h.opened_at <= formula.at AND h.reference LIKE 'h%'
	)
	SELECT coalesce(sum(change), '0 USD') FROM term $$;

-- purchases without cash, to be written off
SELECT post_trade(a, 'BUY', '6 BTC', 'lp1', a || n, provider_price => '100 USD/BTC', executed_at => '2025-06-20 15:00Z') FROM unnest('{QRST0005,QRST0006}'::text[]) a, generate_series(1, 2) n \g /dev/null
SELECT setseed(0.7) \g /dev/null
CREATE TEMP TABLE history AS
	SELECT n, floor(random() * 88)::integer AS kind, 'QRST000' || 1 + floor(random() * 6) AS account, 1 + floor(random() * 90)::integer AS size, timestamptz '2025-06-26 12:00Z' + n * interval '23 minutes' AS at FROM generate_series(1, 500) n;
CREATE TEMP TABLE printed (kind text, day date, file text);
CREATE TEMP TABLE happened (n integer, outcome text);
DO $$
DECLARE
	h	history;
	day	date;
BEGIN
	FOR h IN SELECT * FROM history ORDER BY n LOOP
		INSERT INTO happened VALUES (h.n, pg_temp.happen(h.n, h.kind, h.account, h.size, h.at));
		IF h.n % 63 = 0 THEN
			PERFORM take_aged_tpj('SOD', h.at, 'QRST');
			day := central_date(h.at);
			INSERT INTO printed SELECT 'SOD', day, string_agg(l, E'\n') FROM aged_tpj_file('QRST', 'SOD', day) l;
		END IF;
	END LOOP;
END $$;
SELECT ok((SELECT count(*) > 300 FROM happened WHERE outcome = 'done'),
	'the random history has more than 300 steps that were carried out');
SELECT ok((SELECT count(*) FILTER (WHERE event = 'settled') > 30 AND count(*) FILTER (WHERE event = 'written_off') > 1 AND count(*) FILTER (WHERE event = 'failed') > 8 AND count(*) FILTER (WHERE event = 'busted') > 3 FROM cash_call_event),
	'the random history settles, fails, busts and writes off cash calls (TPJ)');
SELECT ok((SELECT count(*) > 3 FROM cash_call WHERE withdrawal = sale),
	'the random history busts purchases and sales that were settled');

CREATE FUNCTION pg_temp.disagreements(at timestamptz, credits boolean) RETURNS TABLE (account text, power amount, formula amount) LANGUAGE sql STABLE AS $$
	SELECT p.customer, p.buying_power, pg_temp.formula(p.customer, at, credits) FROM buying_powers('QRST', at => at) p WHERE p.buying_power <> pg_temp.formula(p.customer, at, credits)
	UNION ALL SELECT c.customer_code, p.buying_power, pg_temp.formula(c.customer_code, at, credits) FROM customer c, buying_power(c.customer_code, at => at) p WHERE p.buying_power <> pg_temp.formula(c.customer_code, at, credits) $$;
CREATE TEMP TABLE instant AS SELECT at FROM history WHERE n % 25 = 0 UNION SELECT buying_power_cut(at) FROM history WHERE n % 100 = 0 UNION SELECT clock_timestamp();
SELECT is_empty($$SELECT i.at, d.* FROM instant i, pg_temp.disagreements(i.at, false) d$$,
	'buying power equals the formula, for one customer and for all at once');
SELECT change_cash_terms('QRST', credit_failed_sells => true) \g /dev/null
SELECT is_empty($$SELECT i.at, d.* FROM instant i, pg_temp.disagreements(i.at, true) d$$,
	'buying power equals the formula when failed sales are credited');
SELECT is_empty($$SELECT i.at, p.customer FROM instant i, buying_powers('QRST', at => i.at) p WHERE p.unsettled_withdrawals_at_cut <> coalesce((SELECT sum(a.net_money) FROM aged_tpj('QRST', p.cut) a
	WHERE a.account_id = p.customer AND a.direction = 'Withdrawal'), '0 USD')$$,
	'unsettled withdrawals at the cut equal the sum on the aged list');
SELECT cmp_ok((SELECT count(*) FROM printed), '>=', 7::bigint, 'the random history takes at least seven aged lists');
SELECT is_empty($$SELECT p.day FROM printed p WHERE p.file <> (SELECT string_agg(l, E'\n') FROM aged_tpj_file('QRST', p.kind, p.day) l)$$,
	'aged lists printed again are byte for byte what they were');
SELECT is_empty($$SELECT * FROM check_aged_tpj()$$, 'aged lists recompute to the digests they were taken with');

SELECT * FROM finish();
ROLLBACK;
