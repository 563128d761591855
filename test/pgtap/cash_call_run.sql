-- Runs over due cash calls: journals, reasons, order, retries, and what a run may not do.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/cash_call_event.psql
SELECT no_plan();

SELECT open_client('QRST', at => '2026-01-01Z'), open_client('APEX', funding_model => 'APEX_TPJ', at => '2026-01-01Z'), open_client('ZZZZ', at => '2026-01-01Z'), open_provider('LP1', 'LP1') \g /dev/null
SELECT open_customer(client => left(c, 4), customer => c) FROM unnest(ARRAY['QRST0001', 'QRST0002', 'QRST0003', 'QRST0004', 'QRST0005', 'QRST0006', 'APEX0001', 'ZZZZ0001']) AS c \g /dev/null

CREATE FUNCTION pg_temp.account(name text, client text DEFAULT 'QRST', asset asset DEFAULT 'USD') RETURNS account_id LANGUAGE sql AS $$
	SELECT (open_account(client, split_part(name, ' ', 1), split_part(name, ' ', 2), asset)).account $$;
CREATE SEQUENCE pg_temp.numbers;
-- customers' cash, and the company's among it
CREATE FUNCTION pg_temp.fund(customer text, amount amount) RETURNS void LANGUAGE sql AS $$
	SELECT load_journal(left(customer, 4), journal_entry(
		line('Dr', pg_temp.account('FBO Bank:omnibus', left(customer, 4)), amount), line('Cr', pg_temp.account('FBO Cust:' || customer || ':settled', left(customer, 4)), amount)), 'cash ' || nextval('pg_temp.numbers')) $$;
CREATE FUNCTION pg_temp.cover(amount amount) RETURNS void LANGUAGE sql AS $$
	SELECT load_journal('QRST', journal_entry(
		line('Dr', pg_temp.account('FBO Bank:omnibus'), amount), line('Cr', pg_temp.account('FBO DueTo:CORP'), amount),
		line('Dr', pg_temp.account('CORP DueFrom:FBO'), amount), line('Cr', pg_temp.account('CORP Bank:operating'), amount)), 'cover ' || nextval('pg_temp.numbers')) $$;
CREATE FUNCTION pg_temp.trade(reference text, account text, side text, quantity amount, at timestamptz, encumbered boolean DEFAULT false) RETURNS bigint LANGUAGE sql AS $$
	SELECT (post_trade(account, side, quantity, 'LP1', reference, provider_price => '60000 USD/BTC', markup_bps => CASE side WHEN 'BUY' THEN 50 END, executed_at => at, encumbered => encumbered)).journal $$;
CREATE FUNCTION pg_temp.run(at timestamptz, client text DEFAULT NULL) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s %s: %s = %s + %s, collected %s, paid %s', p.client, asset, attempted, settled, failed, collected, paid) FROM process_cash_calls(at, client) AS p $$;
CREATE FUNCTION pg_temp.owned(name text) RETURNS amount LANGUAGE sql AS $$
	SELECT coalesce((SELECT (balance_of(a.account)).balance FROM account a WHERE a.fund = split_part(owned.name, ' ', 1) AND a.name = split_part(owned.name, ' ', 2)), '0 USD') $$;
CREATE VIEW pg_temp.call AS
	SELECT j.reference COLLATE "default" AS reference, c.status::text AS status, c.attempts, c.due_at, c.closed_at,
		(SELECT string_agg(coalesce(e.reason, e.event), ' ' ORDER BY e.event_no) COLLATE "default" FROM cash_call_event e WHERE e.client_id = c.client_id AND e.journal_id = c.journal_id) AS events,
		c.client_id, c.journal_id
	FROM cash_call c JOIN journal j USING (client_id, journal_id);
CREATE FUNCTION pg_temp.events(reference text) RETURNS text LANGUAGE sql AS $$ SELECT status || ' ' || events FROM pg_temp.call c WHERE c.reference = events.reference $$;
CREATE FUNCTION pg_temp.lines(reference text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s %s %s %s', CASE WHEN sign(l.amount) > 0 THEN 'Dr' ELSE 'Cr' END, a.fund, a.name, abs(l.amount))
	FROM journal j JOIN lines(j.entry) AS l ON true JOIN account a ON a.client_id = j.client_id AND a.account = l.account WHERE j.reference = lines.reference ORDER BY l.line $$;
CREATE FUNCTION pg_temp.settlement(reference text) RETURNS text LANGUAGE sql AS $$ SELECT 'cash-call:' || journal_id FROM pg_temp.call c WHERE c.reference = settlement.reference $$;

-- ---------------------------------------------------------------------------
-- When calls are due and retried
-- ---------------------------------------------------------------------------
SELECT results_eq($$ SELECT at, next_cash_retry(at) FROM unnest(ARRAY['2026-11-20 11:59:59.999999Z', '2026-11-20 12:00Z', '2026-11-20 23:00Z', '2026-03-08 11:00Z', '2026-03-07 23:00Z',
	'2026-10-31 22:00Z', '2026-11-01 05:30Z', '2026-11-01 12:00Z']::timestamptz[]) AS at $$, $$ VALUES
	('2026-11-20 11:59:59.999999Z'::timestamptz, '2026-11-20 12:00Z'::timestamptz), ('2026-11-20 12:00Z', '2026-11-20 23:00Z'), ('2026-11-20 23:00Z', '2026-11-21 12:00Z'),
	('2026-03-08 11:00Z', '2026-03-08 22:00Z'), ('2026-03-07 23:00Z', '2026-03-08 11:00Z'),
	('2026-10-31 22:00Z', '2026-11-01 12:00Z'), ('2026-11-01 05:30Z', '2026-11-01 12:00Z'), ('2026-11-01 12:00Z', '2026-11-01 23:00Z') $$,
	'a cash call (TPJ) is retried at the next 06:00 or 17:00 Central Time, over both clock changes');
SELECT throws_ok(format('SELECT * FROM process_cash_calls(%s)', arguments), code, NULL,
	'a run is refused with ' || code || ' for ' || arguments)
  FROM (VALUES ('''infinity''', 'LG061'), ('''-infinity''', 'LG002'), ('NULL', 'LG061'), ('clock_timestamp() + interval ''6 minutes''', 'LG061'), ('clock_timestamp(), ''NONE''', 'LG010')) AS refusal(arguments, code);
SELECT is_empty($$ SELECT pg_temp.run('2026-11-20 15:00Z') $$, 'a run without a due call does nothing');

-- ---------------------------------------------------------------------------
-- A purchase: J02b, J03b
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('buy', 'QRST0001', 'BUY', '0.1 BTC', '2026-11-02 15:00Z') AS buy \gset
SELECT is_empty($$ SELECT pg_temp.run('2026-11-02 14:59:59Z') $$, 'a call is not attempted before its execution');
SELECT results_eq($$ SELECT pg_temp.run('2026-11-02 15:00Z') $$, ARRAY['QRST USD: 1 = 0 + 1, collected 0.00 USD, paid 0.00 USD'],
	'a call without settled cash fails');
SELECT is(pg_temp.events('buy'), 'O INSUFFICIENT_FUNDS', 'a call without settled cash fails for INSUFFICIENT_FUNDS');
SELECT is((SELECT due_at FROM pg_temp.call), '2026-11-02 23:00Z', 'a failed call is due at the next retry run');
SELECT is((SELECT count(*) FROM rejection), 0::bigint, 'a failed call leaves no rejection');
SELECT is_empty($$ SELECT pg_temp.run('2026-11-02 22:59Z') $$, 'a failed call is not attempted before its retry is due');
SELECT pg_temp.fund('QRST0001', '6029.99 USD') \g /dev/null
SELECT results_eq($$ SELECT pg_temp.run('2026-11-02 23:00Z') $$, ARRAY['QRST USD: 1 = 0 + 1, collected 0.00 USD, paid 0.00 USD'],
	'a call fails when the settled cash is a cent short');
SELECT is(pg_temp.owned('FBO Cust:QRST0001:settled'), '6029.99 USD', 'a call that fails takes no part of the cash');
SELECT pg_temp.fund('QRST0001', '0.01 USD') \g /dev/null
SELECT results_eq($$ SELECT pg_temp.run('2026-11-03 12:00Z', 'QRST') $$, ARRAY['QRST USD: 1 = 1 + 0, collected 6030.00 USD, paid 0.00 USD'],
	'a call is settled when the settled cash suffices');
SELECT results_eq(format('SELECT pg_temp.lines(%L)', pg_temp.settlement('buy')), ARRAY['Dr FBO Cust:QRST0001:settled 6030.00 USD', 'Cr FBO DueTo:CORP 6030.00 USD',
	'Dr CORP DueFrom:FBO 6030.00 USD', 'Cr CORP TPJ:receivable:QRST0001 6030.00 USD'],
	'the settlement of a purchase posts journal J02b');
SELECT results_eq($$ SELECT k.name COLLATE "default", j.effective_at, c.status, c.attempts, c.due_at, c.closed_at, c.closed_recorded_at >= j.recorded_at, c.closed_recorded_at = e.recorded_at,
	e.event_no, e.event COLLATE "default", e.at, e.amount, e.reason IS NULL, e.recorded_at >= j.recorded_at
	FROM journal j JOIN journal_kind k USING (kind) JOIN cash_call_event e ON e.client_id = j.client_id AND e.event_journal = j.journal_id JOIN cash_call c ON c.client_id = e.client_id AND c.journal_id = e.journal_id $$,
	$$ VALUES ('cash_call', '2026-11-03 12:00Z'::timestamptz, 'S'::"char", 3, NULL::timestamptz, '2026-11-03 12:00Z'::timestamptz, true, true, 3, 'settled', '2026-11-03 12:00Z'::timestamptz, '6030 USD'::amount, true, true) $$,
	'the journal, the call and the event of a settlement agree');
SELECT is(pg_temp.events('buy'), 'S INSUFFICIENT_FUNDS INSUFFICIENT_FUNDS settled',
	'every attempt is recorded as an event of its call');
SELECT is_empty($$ SELECT pg_temp.run('2026-11-04 12:00Z') $$, 'a settled call is not attempted again');
SELECT is((SELECT count(DISTINCT actor_id) FROM cash_call_event JOIN actor USING (actor_id) WHERE role_name = current_user), 1::bigint,
	'events of calls record the role that ran them');

-- ---------------------------------------------------------------------------
-- A sale: the proceeds of J04b, then the whole journal
-- ---------------------------------------------------------------------------
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO DueTo:CORP'), '6030 USD'), line('Cr', pg_temp.account('FBO Bank:omnibus'), '6030 USD'),
	line('Dr', pg_temp.account('CORP Bank:operating'), '6030 USD'), line('Cr', pg_temp.account('CORP DueFrom:FBO'), '6030 USD')), 'cover out') \g /dev/null
SELECT record_provider_settlement('QRST', 'LP1', '0.1 BTC', '6000 USD', 'provider buy') \g /dev/null
SELECT post_trade('QRST0001', 'SELL', '0.04 BTC', 'LP1', 'sell', provider_price => '61000 USD/BTC', markup_bps => 50, executed_at => '2026-11-04 15:00Z') \g /dev/null
SELECT results_eq($$ SELECT pg_temp.run('2026-11-04 15:00Z') $$, ARRAY['QRST USD: 1 = 0 + 1, collected 0.00 USD, paid 0.00 USD'],
	'a sale''s proceeds are not paid without the company''s money in the FBO account');
SELECT is(pg_temp.events('sell'), 'O FBO_NOT_FUNDED', 'a sale''s proceeds without cover fail for FBO_NOT_FUNDED');
SELECT record_provider_settlement('QRST', 'LP1', '-0.04 BTC', '-2440 USD', 'provider sell') \g /dev/null
SELECT pg_temp.cover('2427.80 USD') \g /dev/null
SELECT results_eq($$ SELECT pg_temp.run('2026-11-04 23:00Z') $$, ARRAY['QRST USD: 1 = 1 + 0, collected 0.00 USD, paid 2427.80 USD'],
	'a sale''s proceeds are paid when the company''s money covers them');
SELECT results_eq(format('SELECT pg_temp.lines(%L)', pg_temp.settlement('sell')), ARRAY['Dr FBO DueTo:CORP 2427.80 USD', 'Cr FBO Cust:QRST0001:settled 2427.80 USD',
	'Dr CORP TPJ:payable:QRST0001 2427.80 USD', 'Cr CORP DueFrom:FBO 2427.80 USD'],
	'the settlement of a sale posts the customer''s cash, then the company''s payable');
SELECT bag_eq(format($$ SELECT a.fund || ' ' || a.name, sum(l.amount) FROM journal j JOIN lines(j.entry) AS l ON true JOIN account a USING (client_id, account)
	WHERE j.reference IN ('provider sell', %L) OR j.reference LIKE 'cover _' OR j.reference LIKE 'cover __' GROUP BY 1 HAVING NOT is_zero(sum(l.amount)) $$, pg_temp.settlement('sell')), $$ VALUES
	('CORP Bank:operating', '12.20 USD'::amount), ('CORP DueFrom:CUST', '-0.04 BTC'), ('CORP LP:coin-payable:LP1', '0.04 BTC'), ('CORP LP:receivable:LP1', '-2440 USD'), ('CORP TPJ:payable:QRST0001', '2427.80 USD'),
	('CUST DueTo:CORP', '0.04 BTC'), ('CUST Wallet:omnibus', '-0.04 BTC'), ('FBO Bank:omnibus', '2427.80 USD'), ('FBO Cust:QRST0001:settled', '-2427.80 USD') $$,
	'provider''s payment, cover and proceeds together post journal J04b');

-- ---------------------------------------------------------------------------
-- Encumbered coin: J05a, and its release as in J05e
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('bound', 'QRST0002', 'BUY', '0.001 BTC', '2026-11-05 15:00Z', true) \g /dev/null
SELECT pg_temp.run('2026-11-05 15:00Z') \g /dev/null
SELECT is(format('%s, %s bound', pg_temp.events('bound'), pg_temp.owned('CUST Cust:QRST0002:encumbered')), 'O INSUFFICIENT_FUNDS, 0.001 BTC bound',
	'coin of an unpaid call stays encumbered');
SELECT throws_ok($$ SELECT pg_temp.trade('not yet', 'QRST0002', 'SELL', '0.001 BTC', '2026-11-05 16:00Z') $$, 'LG050', NULL,
	'encumbered coin cannot be sold');
SELECT pg_temp.fund('QRST0002', '60.30 USD') \g /dev/null
SELECT pg_temp.run('2026-11-05 23:00Z') \g /dev/null
SELECT results_eq(format('SELECT pg_temp.lines(%L)', pg_temp.settlement('bound')), ARRAY['Dr FBO Cust:QRST0002:settled 60.30 USD', 'Cr FBO DueTo:CORP 60.30 USD',
	'Dr CORP DueFrom:FBO 60.30 USD', 'Cr CORP TPJ:receivable:QRST0002 60.30 USD', 'Dr CUST Cust:QRST0002:encumbered 0.001 BTC', 'Cr CUST Cust:QRST0002 0.001 BTC'],
	'the settlement of a call releases its encumbered coin');
SELECT lives_ok($$ SELECT pg_temp.trade('now', 'QRST0002', 'SELL', '0.001 BTC', '2026-11-05 23:30Z') $$,
	'released coin can be sold');
SELECT pg_temp.run('2026-11-05 23:30Z') \g /dev/null
SELECT is(pg_temp.events('now'), 'S settled', 'a sale''s proceeds are paid from cash collected for a purchase');
SELECT throws_ok($$ SELECT bust_trade('QRST0002', 'bound', 'too late') $$, 'LG050', NULL,
	'a bust of a purchase whose coin was sold is refused');

-- ---------------------------------------------------------------------------
-- The order of attempts
-- ---------------------------------------------------------------------------
-- the cover is nothing, so each deposit is paid by a withdrawal settled before it
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO DueTo:CORP'), c), line('Cr', pg_temp.account('FBO Bank:omnibus'), c),
	line('Dr', pg_temp.account('CORP Bank:operating'), c), line('Cr', pg_temp.account('CORP DueFrom:FBO'), c)), 'cover out 2') FROM pg_temp.owned('FBO DueTo:CORP') c WHERE sign(c) > 0 \g /dev/null
SELECT deposit_coin(c, '1 BTC', 'coin ' || c) FROM unnest(ARRAY['QRST0003', 'QRST0004', 'QRST0005']) AS c \g /dev/null
SELECT pg_temp.fund('QRST0005', '603 USD') \g /dev/null
SELECT pg_temp.trade('3 buys', 'QRST0003', 'BUY', '0.01 BTC', '2026-11-06 15:00Z'), pg_temp.trade('3 sells', 'QRST0003', 'SELL', '0.02 BTC', '2026-11-06 15:30Z'),
	pg_temp.trade('4 sells', 'QRST0004', 'SELL', '0.01 BTC', '2026-11-06 15:10Z'), pg_temp.trade('5 buys', 'QRST0005', 'BUY', '0.01 BTC', '2026-11-06 15:40Z'),
	pg_temp.trade('5 buys more', 'QRST0005', 'BUY', '0.01 BTC', '2026-11-06 15:20Z') \g /dev/null
SELECT results_eq($$ SELECT pg_temp.run('2026-11-06 15:40Z') $$, ARRAY['QRST USD: 5 = 2 + 3, collected 603.00 USD, paid 600.00 USD'],
	'a run collects from customers who only pay, pays proceeds, then collects from those it paid');
SELECT results_eq($$ SELECT reference, pg_temp.events(reference) FROM pg_temp.call WHERE reference ~ '^[345] ' ORDER BY reference $$, $$ VALUES
	('3 buys', 'O INSUFFICIENT_FUNDS'), ('3 sells', 'O FBO_NOT_FUNDED'), ('4 sells', 'S settled'), ('5 buys', 'O INSUFFICIENT_FUNDS'), ('5 buys more', 'S settled') $$,
	'an older call is attempted before a younger one');
SELECT pg_temp.fund('QRST0003', '603 USD'), pg_temp.cover('1194 USD') \g /dev/null
SELECT results_eq($$ SELECT pg_temp.run('2026-11-06 23:00Z') $$, ARRAY['QRST USD: 3 = 2 + 1, collected 603.00 USD, paid 1200.00 USD'],
	'proceeds without cover are tried again after collections in the same run');
SELECT is(pg_temp.events('3 sells'), 'S FBO_NOT_FUNDED settled', 'a call attempted twice in a run has one event for it');
SELECT is(pg_temp.owned('FBO DueTo:CORP'), '600.00 USD', 'cover that proceeds do not use remains the company''s');

-- ---------------------------------------------------------------------------
-- Other reasons, and other money of the customer
-- ---------------------------------------------------------------------------
SELECT pg_temp.fund('QRST0005', '603 USD'), authorize_hold('QRST', pg_temp.account('FBO Cust:QRST0005:settled'), '1 USD', 'held', expires_at => clock_timestamp() + interval '1 day') \g /dev/null
SELECT pg_temp.run('2026-11-07 12:00Z') \g /dev/null
SELECT is(pg_temp.events('5 buys'), 'O INSUFFICIENT_FUNDS INSUFFICIENT_FUNDS INSUFFICIENT_FUNDS',
	'a call takes no cash that is held');
SELECT freeze_account(pg_temp.account('FBO Cust:QRST0005:settled'), 'debit', reason => 'test') \g /dev/null
SELECT pg_temp.run('2026-11-07 23:00Z') \g /dev/null
SELECT is((SELECT right(events, 14) FROM pg_temp.call WHERE reference = '5 buys'), 'ACCOUNT_FROZEN',
	'a call on a frozen account fails for ACCOUNT_FROZEN');
SELECT unfreeze_account(pg_temp.account('FBO Cust:QRST0005:settled'), reason => 'test'), release_hold('QRST', 'held', 'free') \g /dev/null
SELECT pg_temp.run('2026-11-08 12:00Z') \g /dev/null
SELECT is((SELECT status || right(events, 7) FROM pg_temp.call WHERE reference = '5 buys'), 'Ssettled',
	'a call is settled once the freeze and the hold are gone');
SELECT pg_temp.trade('closed', 'QRST0004', 'SELL', '0.01 BTC', '2026-11-08 15:00Z'), pg_temp.trade('6 buys', 'QRST0006', 'BUY', '0.01 BTC', '2026-11-08 15:00Z'),
	pg_temp.fund('QRST0006', '603 USD') \g /dev/null
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO Cust:QRST0004:settled'), c), line('Cr', pg_temp.account('FBO Bank:omnibus'), c)), 'leaves') FROM pg_temp.owned('FBO Cust:QRST0004:settled') c \g /dev/null
SELECT close_account(pg_temp.account('FBO Cust:QRST0004:settled'), reason => 'test'), freeze_account(pg_temp.account('CORP TPJ:receivable:QRST0006'), 'credit', reason => 'test') \g /dev/null
SELECT pg_temp.run('2026-11-08 15:00Z') \g /dev/null
SELECT is(pg_temp.events('closed'), 'O ACCOUNT_CLOSED', 'a call on a closed account fails for ACCOUNT_CLOSED');
SELECT is(pg_temp.events('6 buys'), 'O POSTING_REFUSED', 'a call that is refused for another cause fails for POSTING_REFUSED');
SELECT is_empty($$ SELECT e.reason FROM cash_call_event e WHERE e.reason IS NOT NULL AND NOT EXISTS (SELECT FROM cash_call_reason r WHERE r.reason = e.reason) $$, 'every reason is in the table of reasons');

-- money the company owes customers comes first
SELECT pg_temp.trade('waits', 'QRST0003', 'SELL', '0.01 BTC', '2026-11-09 15:00Z') \g /dev/null
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO DueFrom:CORP'), '5000 USD'), line('Cr', pg_temp.account('FBO Bank:omnibus'), '5000 USD'),
	line('Dr', pg_temp.account('CORP CustomerDeficit:QRST0003'), '5000 USD'), line('Cr', pg_temp.account('CORP DueTo:FBO'), '5000 USD')), 'deficit') \g /dev/null
SELECT pg_temp.run('2026-11-09 15:00Z') \g /dev/null
SELECT is(format('%s, owed %s, cover %s', pg_temp.events('waits'), pg_temp.owned('FBO DueFrom:CORP'), pg_temp.owned('FBO DueTo:CORP')), 'O FBO_NOT_FUNDED, owed 3797.00 USD, cover 0.00 USD',
	'no proceeds are paid while the company owes customers money');
SELECT pg_temp.cover('4397 USD') \g /dev/null
SELECT pg_temp.run('2026-11-09 23:00Z') \g /dev/null
SELECT is(format('%s, owed %s, cover %s', pg_temp.events('waits'), pg_temp.owned('FBO DueFrom:CORP'), pg_temp.owned('FBO DueTo:CORP')), 'S FBO_NOT_FUNDED settled, owed 0.00 USD, cover 0.00 USD',
	'proceeds are paid once the company owes customers nothing');

-- collections of the same run make good what the company owes
SELECT pg_temp.trade('sold', 'QRST0003', 'SELL', '0.001 BTC', '2026-11-09 23:30Z'), pg_temp.trade('bought', 'QRST0002', 'BUY', '0.01 BTC', '2026-11-09 23:30Z'), pg_temp.fund('QRST0002', '603 USD') \g /dev/null
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO DueFrom:CORP'), '100 USD'), line('Cr', pg_temp.account('FBO Bank:omnibus'), '100 USD'),
	line('Dr', pg_temp.account('CORP CustomerDeficit:QRST0003'), '100 USD'), line('Cr', pg_temp.account('CORP DueTo:FBO'), '100 USD')), 'second deficit') \g /dev/null
SELECT results_eq($$ SELECT pg_temp.run('2026-11-09 23:30Z') $$, ARRAY['QRST USD: 2 = 2 + 0, collected 603.00 USD, paid 60.00 USD'],
	'proceeds are paid in the run whose collections make good what the company owes');
SELECT is(format('%s, owed %s, cover %s', pg_temp.events('sold'), pg_temp.owned('FBO DueFrom:CORP'), pg_temp.owned('FBO DueTo:CORP')), 'S settled, owed 0.00 USD, cover 443.00 USD',
	'proceeds are paid from what is collected above the company''s debt');
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO DueTo:CORP'), '443 USD'), line('Cr', pg_temp.account('FBO Bank:omnibus'), '443 USD'),
	line('Dr', pg_temp.account('CORP Bank:operating'), '443 USD'), line('Cr', pg_temp.account('CORP DueFrom:FBO'), '443 USD')), 'moved out') \g /dev/null
SELECT pg_temp.trade('sold more', 'QRST0003', 'SELL', '0.001 BTC', '2026-11-09 23:40Z'), pg_temp.trade('bought more', 'QRST0002', 'BUY', '0.001 BTC', '2026-11-09 23:40Z'), pg_temp.fund('QRST0002', '60.30 USD') \g /dev/null
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO DueFrom:CORP'), '100 USD'), line('Cr', pg_temp.account('FBO Bank:omnibus'), '100 USD'),
	line('Dr', pg_temp.account('CORP CustomerDeficit:QRST0003'), '100 USD'), line('Cr', pg_temp.account('CORP DueTo:FBO'), '100 USD')), 'third deficit') \g /dev/null
SELECT results_eq($$ SELECT pg_temp.run('2026-11-09 23:40Z') $$, ARRAY['QRST USD: 2 = 1 + 1, collected 60.30 USD, paid 0.00 USD'],
	'no proceeds are paid when collections cover only part of the company''s debt');
SELECT is(format('%s, owed %s, cover %s', pg_temp.events('sold more'), pg_temp.owned('FBO DueFrom:CORP'), pg_temp.owned('FBO DueTo:CORP')), 'O FBO_NOT_FUNDED, owed 39.70 USD, cover 0.00 USD',
	'cash collected reduces the company''s debt to customers as far as it goes');
SELECT pg_temp.cover('100 USD') \g /dev/null
SELECT pg_temp.run('2026-11-10 12:00Z') \g /dev/null

-- ---------------------------------------------------------------------------
-- Busts of settled executions
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('undone', 'QRST0002', 'BUY', '0.01 BTC', '2026-11-10 15:00Z', true), pg_temp.fund('QRST0002', '603 USD') \g /dev/null
SELECT pg_temp.run('2026-11-10 15:00Z') \g /dev/null
SELECT is(pg_temp.events('undone'), 'S settled', 'a call on a purchase with encumbered coin is settled when the cash is there');
SELECT lives_ok($$ SELECT bust_trade('QRST0002', 'undone', 'undo', dry_run => true) $$,
	'the bust of a settled purchase can be tried in a dry run');
SELECT lives_ok($$ SELECT bust_trade('QRST0002', 'undone', 'undo') $$, 'a settled purchase can be busted');
SELECT results_eq(format('SELECT pg_temp.lines(%L)', pg_temp.settlement('undone') || ':bound'), ARRAY['Cr CUST Cust:QRST0002:encumbered 0.01 BTC', 'Dr CUST Cust:QRST0002 0.01 BTC'],
	'a bust binds coin again that was released, as a release of the negative amount');
SELECT lives_ok($$ SELECT bust_trade('QRST0002', 'undone', 'undo') $$,
	'the bust of a settled purchase is replayed when submitted again');
SELECT results_eq($$ SELECT c.withdrawal, c.sale, c.amount, c.status, c.encumbered IS NULL, c.called_at = j.recorded_at, c.due_at = j.recorded_at FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = 'undo' $$,
	$$ VALUES (false, false, '603 USD'::amount, 'O'::"char", true, true, true) $$,
	'the bust of a settled purchase opens a call that refunds the payment');
SELECT is(format('%s, %s', pg_temp.owned('CUST Cust:QRST0002:encumbered'), pg_temp.owned('CORP TPJ:receivable:QRST0002')), '0.00 BTC, -603.00 USD',
	'the bust of a settled purchase removes the coin and leaves the receivable in credit');
SELECT pg_temp.run(clock_timestamp()) \g /dev/null
SELECT results_eq(format('SELECT pg_temp.lines(%L)', pg_temp.settlement('undo')), ARRAY['Dr FBO DueTo:CORP 603.00 USD', 'Cr FBO Cust:QRST0002:settled 603.00 USD',
	'Dr CORP TPJ:receivable:QRST0002 603.00 USD', 'Cr CORP DueFrom:FBO 603.00 USD'],
	'a refund credits the customer and debits the receivable');
SELECT is(pg_temp.events('undone'), 'S settled', 'the call of a purchase stays settled when its bust is refunded');
SELECT lives_ok($$ SELECT bust_trade('QRST0001', 'sell', 'unsell') $$, 'a sale whose proceeds were paid can be busted');
SELECT is((SELECT format('%s %s %s', c.withdrawal, c.sale, c.amount) FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = 'unsell'), 't t 2427.80 USD',
	'the bust of a paid sale opens a call for its proceeds');

-- ---------------------------------------------------------------------------
-- Apex, other clients, references
-- ---------------------------------------------------------------------------
SELECT pg_temp.trade('apex', 'APEX0001', 'BUY', '0.1 BTC', '2026-11-10 15:00Z'), pg_temp.trade('zzzz', 'ZZZZ0001', 'BUY', '0.1 BTC', '2026-11-10 15:00Z'), pg_temp.fund('ZZZZ0001', '6030 USD') \g /dev/null
SELECT is_empty($$ SELECT pg_temp.run('2026-11-10 15:00Z', 'APEX') $$, 'calls through Apex are not attempted');
SELECT results_eq($$ SELECT pg_temp.run('2026-11-10 15:00Z', 'ZZZZ') $$, ARRAY['ZZZZ USD: 1 = 1 + 0, collected 6030.00 USD, paid 0.00 USD'],
	'a run can be limited to one client');
SELECT throws_ok(format('SELECT %s', call), 'LG002', NULL, 'a reserved reference is refused: ' || call) FROM unnest(ARRAY[
	$$load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO Bank:omnibus'), '1 USD'), line('Cr', pg_temp.account('FBO Cust:QRST0001:settled'), '1 USD')), 'cash-call:1')$$,
	$$load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO Bank:omnibus'), '1 USD'), line('Cr', pg_temp.account('FBO Cust:QRST0001:settled'), '1 USD')), 'funding:1', 'cash_deposit')$$,
	$$pg_temp.trade('write-off:1', 'QRST0001', 'BUY', '0.1 BTC', '2026-11-10 15:00Z')$$, $$bust_trade('QRST0001', 'buy', 'recovery:1')$$,
	$$deposit_coin('QRST0001', '1 BTC', 'cash-call:99')$$, $$record_provider_settlement('QRST', 'LP1', NULL, '1 USD', 'fbo-transfer:1')$$,
	$$reverse_journal('QRST', 1, 'apex:1')$$]) AS call;
SELECT is((SELECT string_agg(DISTINCT sqlstate, ' ') FROM load_journals(ARRAY[('QRST', journal_entry(line('Dr', pg_temp.account('FBO Bank:omnibus'), '1 USD'),
	line('Cr', pg_temp.account('FBO Cust:QRST0001:settled'), '1 USD')), 'top-up:1', NULL, NULL, NULL, false)::journal_request])), 'LG002',
	'a reserved reference is refused in a batch');
SELECT is((SELECT count(*) FROM rejection WHERE reference ~ '^[a-z-]+:[0-9]+$'), 0::bigint,
	'a refused reserved reference leaves no rejection');
SELECT throws_ok($$ SELECT reverse_journal('QRST', (SELECT event_journal FROM cash_call_event WHERE event = 'settled' ORDER BY 1 LIMIT 1), 'take back') $$, 'LG002', NULL,
	'the settlement of a call cannot be reversed on its own');

SELECT is_empty('SELECT * FROM verify()', 'the ledger verifies after runs and busts');
SELECT is_empty('SELECT * FROM check_cash_calls()', 'check_cash_calls() finds nothing after runs and busts');
SELECT is_empty($$ SELECT c.* FROM cash_calls('QRST') c WHERE net_money <> settled + outstanding + written_off - recovered + busted $$,
	'the money of every call is conserved across its states (I13)');
SELECT is_empty('SELECT * FROM fbo_proof() p WHERE NOT is_zero(p.difference)',
	'the FBO proof shows no difference after runs and busts');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT finish();
ROLLBACK;
