-- Reading: balances in both times, statements that roll forward (I4), trial balances that sum to zero (I2),
-- each against a recomputation from the lines, before and after seals.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();
-- rows in order, whatever the collations of their texts
CREATE FUNCTION pg_temp.same(have text, want text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text[];
	expected text[];
BEGIN
	EXECUTE format('SELECT array_agg(r::text) FROM (%s) r', have) INTO found;
	EXECUTE format('SELECT array_agg(r::text) FROM (%s) r', want) INTO expected;
	RETURN public.is(found, expected, name);
END $$;

SELECT open_client(code) FROM unnest('{READ,ELSE,IDLE}'::text[]) AS code \g /dev/null
SELECT open_customer(client => 'READ', customer => 'READ000' || n) FROM generate_series(1, 5) AS n \g /dev/null
SELECT open_customer(client => 'ELSE', customer => 'ELSE0001') \g /dev/null
CREATE TEMP TABLE a (client text, who text, account account_id);
INSERT INTO a SELECT 'READ', 'usd' || n, (open_account('READ', 'FBO', 'Cust:READ000' || n || ':settled', 'USD')).account FROM generate_series(1, 5) AS n;
INSERT INTO a SELECT 'READ', 'new' || n, (open_account('READ', 'FBO', 'Cust:READ000' || n || ':unsettled', 'USD')).account FROM generate_series(1, 2) AS n;
INSERT INTO a SELECT 'READ', 'btc' || n, (open_account('READ', 'CUST', 'Cust:READ000' || n, 'BTC')).account FROM generate_series(1, 5) AS n;
INSERT INTO a VALUES ('READ', 'bank', (open_account('READ', 'FBO', 'Bank:omnibus', 'USD')).account), ('READ', 'ach', (open_account('READ', 'FBO', 'Clearing:ACH-in', 'USD')).account),
	('READ', 'wallet', (open_account('READ', 'CUST', 'Wallet:omnibus', 'BTC')).account), ('READ', 'operating', (open_account('READ', 'CORP', 'Bank:operating', 'USD')).account),
	('READ', 'equity', (open_account('READ', 'CORP', 'Equity', 'USD')).account), ('READ', 'idle', (open_account('READ', 'CORP', 'Rounding', 'USD')).account),
	('READ', 'tpj1', (open_account('READ', 'CORP', 'TPJ:receivable:READ0001', 'USD')).account),
	('ELSE', 'else', (open_account('ELSE', 'FBO', 'Cust:ELSE0001:settled', 'USD')).account), ('ELSE', 'elsebank', (open_account('ELSE', 'FBO', 'Bank:omnibus', 'USD')).account);
GRANT SELECT ON a TO PUBLIC;
CREATE FUNCTION pg_temp.of(who text) RETURNS account_id STABLE LANGUAGE sql AS 'SELECT account FROM pg_temp.a WHERE a.who = $1';

-- random journals, effective up to a year ago, of one to three pairs of lines; about half of those that take are refused
CREATE FUNCTION pg_temp.random_day(tag text, journals integer) RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
DECLARE
	pairs CONSTANT text[] := ARRAY['bank usd1', 'bank usd2', 'bank usd3', 'ach usd4', 'ach usd5', 'bank new1', 'ach new2', 'new1 usd1', 'usd1 usd2', 'usd3 usd1', 'usd5 bank', 'bank ach', 'usd2 bank',
		'wallet btc1', 'wallet btc2', 'wallet btc3', 'btc1 btc4', 'btc2 wallet', 'btc3 btc5', 'operating equity', 'equity operating', 'tpj1 equity', 'operating tpj1', 'else elsebank', 'elsebank else'];
	entry journal_entry;
	pair text[];
	posted bigint := 0;
BEGIN
	FOR i IN 1..journals LOOP
		entry := NULL;
		FOR line IN 1..1 + (random() * 2)::int LOOP
			pair := string_to_array(pairs[1 + (random() * 22)::int], ' ');
			IF random() < 0.1 AND line = 1 THEN
				pair := string_to_array(pairs[24 + random()::int], ' ');
			ELSIF entry IS NOT NULL AND (SELECT bool_or(client = 'ELSE') FROM a WHERE account = ANY (accounts(entry))) THEN
				CONTINUE;
			END IF;
			entry := coalesce(entry + e, e) FROM (SELECT journal_entry(line('Dr', pg_temp.of(pair[1]), m), line('Cr', pg_temp.of(pair[2]), m)) AS e
				FROM (SELECT CASE WHEN pair::text ~ 'btc' THEN amount(0.00000001 * (1 + (random() * 1e6)::int), 'BTC') ELSE amount(0.01 * (1 + (random() * 1e5)::int), 'USD') END AS m) v) v;
		END LOOP;
		posted := posted + (SELECT count(*) FILTER (WHERE r.outcome = 'posted') FROM load_journals(ARRAY[((SELECT client FROM a WHERE account = (accounts(entry))[1]), entry, tag || i, NULL, NULL,
			now() - random() * interval '300 days', false)::journal_request]) AS r);
	END LOOP;
	RETURN posted;
END $$;
-- an independent recomputation, from the lines as numbers: natural sign
CREATE FUNCTION pg_temp.recomputed(client text, recorded timestamptz, effective timestamptz) RETURNS TABLE (account account_id, fund text, name text, balance text) STABLE LANGUAGE sql AS $$
	SELECT a.account, a.fund, a.name, amount(coalesce(s.total, 0) * CASE k.normal_side WHEN 'debit' THEN 1 ELSE -1 END, a.asset)::text
	FROM bakkt_ledger.account a JOIN bakkt_ledger_internal.client c USING (client_id) JOIN bakkt_ledger_internal.account_kind k ON k.kind = a.kind
	LEFT JOIN (SELECT p.account, p.client, sum(value(p.amount)) AS total FROM posting p
		WHERE (recorded IS NULL OR p.recorded_at <= recorded) AND (effective IS NULL OR p.effective_at <= effective) GROUP BY 1, 2) s ON s.account = a.account AND s.client = c.code
	WHERE c.code = $1 $$;

-- one round of proofs, to be told after each change of the books
CREATE FUNCTION pg_temp.prove(what text) RETURNS SETOF text VOLATILE LANGUAGE plpgsql AS $$
DECLARE
	code text;
	instant timestamptz;
	effective timestamptz;
BEGIN
	FOREACH code IN ARRAY '{READ,ELSE,IDLE}'::text[] LOOP
		RETURN NEXT is_empty(format($q$SELECT account, fund, name, balance::text FROM balances(%1$L) EXCEPT ALL SELECT * FROM pg_temp.recomputed(%1$L, NULL, NULL)$q$, code),
			what || ': balances() of ' || code || ' says nothing that the lines do not');
		RETURN NEXT is_empty(format($q$SELECT * FROM pg_temp.recomputed(%1$L, NULL, NULL) EXCEPT ALL SELECT account, fund, name, balance::text FROM balances(%1$L)$q$, code),
			what || ': balances() of ' || code || ' leaves out nothing of the lines');
	END LOOP;
	FOR n IN 1..4 LOOP
		instant := (SELECT recorded_at FROM journal ORDER BY random() LIMIT 1) - (n % 2) * interval '1 microsecond';
		effective := now() - random() * interval '300 days';
		RETURN NEXT is_empty(format($q$(SELECT account, fund, name, balance::text FROM balances('READ', known_at => %1$L) EXCEPT ALL SELECT * FROM pg_temp.recomputed('READ', %1$L, NULL))
			UNION ALL (SELECT account, fund, name, balance::text FROM balances('READ', at => %2$L) EXCEPT ALL SELECT * FROM pg_temp.recomputed('READ', NULL, %2$L))
			UNION ALL (SELECT account, fund, name, balance::text FROM balances(client => 'READ', known_at => %1$L, at => %2$L) EXCEPT ALL SELECT * FROM pg_temp.recomputed('READ', %1$L, %2$L))$q$, instant, effective),
			what || ': balances as of random instants ' || n || ' agree with the lines in each time and in both');
		RETURN NEXT is_empty(format($q$SELECT fund, asset FROM trial_balance('READ', %L) GROUP BY 1, 2 HAVING sum(debit) <> sum(credit)$q$, instant),
			what || ': the trial balance of random instant ' || n || ' sums to zero');
		RETURN NEXT is_empty(format($q$SELECT t.fund, t.asset, sum(t.debit)::text, sum(t.credit)::text FROM trial_balance('READ', %1$L) t GROUP BY 1, 2
			EXCEPT SELECT l.fund, asset(l.total), sum(l.total) FILTER (WHERE sign(l.total) > 0)::text, (-sum(l.total) FILTER (WHERE sign(l.total) < 0))::text
				FROM (SELECT p.fund, p.account, sum(p.amount) AS total FROM posting p WHERE p.client = 'READ' AND p.recorded_at <= %1$L GROUP BY 1, 2) l GROUP BY 1, 2$q$, instant),
			what || ': the trial balance of random instant ' || n || ' adds up debit and credit accounts apart');
	END LOOP;
	RETURN NEXT is_empty($q$SELECT client, fund, asset FROM trial_balance() GROUP BY 1, 2, 3 HAVING sum(debit) <> sum(credit)$q$,
		what || ': the trial balance of all clients today sums to zero');
	RETURN NEXT is((SELECT string_agg(DISTINCT client, ' ' ORDER BY client) FROM trial_balance()), 'ELSE READ',
		what || ': the trial balance of all clients has those with journals');
	RETURN NEXT is_empty($q$SELECT a.who FROM a WHERE (balance_of(a.account)).balance *<> (SELECT b.balance FROM balances(a.client) b WHERE b.account = a.account)$q$,
		what || ': balance_of() agrees with balances()');
	RETURN QUERY SELECT pg_temp.prove_statements(what);
END $$;

-- every account's history cut at random: each part opens with what the one before closed with
CREATE FUNCTION pg_temp.prove_statements(what text) RETURNS SETOF text VOLATILE LANGUAGE plpgsql AS $$
DECLARE
	cuts timestamptz[] := ARRAY(SELECT j.recorded_at + (random() * 2)::int * interval '1 microsecond' FROM (SELECT recorded_at FROM journal ORDER BY random() LIMIT 7) j ORDER BY 1);
	wrong text[] := '{}';
	one record;
	closing amount;
	parts statement_line[];
	whole statement_line[];
	part statement_line[];
BEGIN
	cuts := ARRAY[timestamptz '-infinity'] || cuts || ARRAY[timestamptz 'infinity'];
	FOR one IN SELECT a.who, a.account, (balance_of(a.account)).balance FROM a LOOP
		closing := NULL;
		parts := '{}';
		FOR n IN 1..cardinality(cuts) - 1 LOOP
			part := ARRAY(SELECT s FROM account_statement(one.account, cuts[n], cuts[n + 1]) s);
			IF n > 1 AND part[1].balance <> closing THEN
				wrong := wrong || format('%s opens with %s after %s', one.who, part[1].balance, closing);
			END IF;
			closing := part[cardinality(part)].balance;
			parts := parts || part[2:];
		END LOOP;
		whole := ARRAY(SELECT s FROM account_statement(one.account) s);
		IF whole[2:] IS DISTINCT FROM parts THEN
			wrong := wrong || format('%s: the parts are not the whole', one.who);
		END IF;
		IF closing <> one.balance OR NOT is_zero(whole[1].balance) THEN
			wrong := wrong || format('%s: from %s to %s, balance %s', one.who, whole[1].balance, closing, one.balance);
		END IF;
		IF whole IS DISTINCT FROM ARRAY(SELECT s FROM account_statement(one.account) s) THEN
			wrong := wrong || format('%s: not the same twice', one.who);
		END IF;
		IF EXISTS (SELECT FROM (SELECT s.journal, s.debit::text, s.credit::text FROM unnest(whole[2:]) s) s FULL JOIN (SELECT p.journal, p.debit::text, p.credit::text FROM posting p WHERE p.account = one.account) p
			ON (p.journal, coalesce(p.debit, '-'), coalesce(p.credit, '-')) = (s.journal, coalesce(s.debit, '-'), coalesce(s.credit, '-')) WHERE p.journal IS NULL OR s.journal IS NULL)
			OR cardinality(whole) - 1 <> (SELECT count(*) FROM posting p WHERE p.account = one.account) THEN
			wrong := wrong || format('%s: other lines than its postings', one.who);
		END IF;
	END LOOP;
	RETURN NEXT is(wrong, '{}', what || ': statements of random periods roll forward and say what was posted');
END $$;

SELECT cmp_ok(pg_temp.random_day('one', 250), '>', 80::bigint, 'more than 80 random journals of the first day are posted');
SELECT pg_temp.prove('before a seal');
SELECT seal() \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM block_balance), '>', 5::bigint, 'a block has the balances of more than five house accounts');
SELECT pg_temp.prove('after a seal');
SELECT cmp_ok(pg_temp.random_day('two', 150), '>', 50::bigint, 'more than 50 random journals of the second day are posted');
SELECT pg_temp.prove('with journals after a seal');
SELECT seal() \g /dev/null
SELECT pg_temp.prove('after a second seal');

-- ---------------------------------------------------------------------------
-- the edges, by hand
-- ---------------------------------------------------------------------------
SELECT load_journal('READ', journal_entry(line('Dr', pg_temp.of('operating'), '7.00 USD'), line('Cr', pg_temp.of('idle'), '7.00 USD')), 'edge', description => 'edge', at => '2020-02-03 04:05Z') \g /dev/null
CREATE TEMP TABLE edge AS SELECT * FROM journal WHERE reference = 'edge';
SELECT is((SELECT balance FROM balances('READ', known_at => recorded_at) WHERE account = pg_temp.of('idle')), '-7.00 USD',
	'a balance as of the instant a journal was recorded includes it') FROM edge;
SELECT is((SELECT balance FROM balances('READ', known_at => recorded_at - interval '1 microsecond') WHERE account = pg_temp.of('idle')), '0.00 USD',
	'a balance as of a microsecond before a journal was recorded excludes it') FROM edge;
SELECT is((SELECT balance FROM balances('READ', at => '2020-02-03 04:05Z') WHERE account = pg_temp.of('idle')), '-7.00 USD',
	'a balance effective as of a journal''s effective time includes it');
SELECT is((SELECT balance FROM balances('READ', at => '2020-02-03 04:04:59.999999Z') WHERE account = pg_temp.of('idle')), '0.00 USD',
	'a balance effective as of a microsecond before a journal excludes it');
SELECT is((SELECT balance FROM balances('READ', '2020-02-03 04:05Z', recorded_at - interval '1 microsecond') WHERE account = pg_temp.of('idle')), '0.00 USD',
	'a balance as of an earlier recording excludes what was effective and not yet recorded') FROM edge;
SELECT pg_temp.same($$SELECT s.kind, s.reference, s.debit::text, s.credit::text, s.balance::text, s.description FROM edge e, account_statement(pg_temp.of('idle'), e.recorded_at, e.recorded_at + interval '1 microsecond') s$$,
	$$VALUES ('opening balance', NULL, NULL, NULL, '0.00 USD', NULL), ('general', 'edge', NULL, '7.00 USD', '-7.00 USD', 'edge')$$,
	'a statement includes what is recorded at its start');
SELECT pg_temp.same($$SELECT s.kind, s.balance::text FROM edge e, account_statement(pg_temp.of('idle'), e.recorded_at - interval '1 hour', e.recorded_at) s$$, $$VALUES ('opening balance', '0.00 USD')$$,
	'a statement excludes what is recorded at its end');
SELECT pg_temp.same($$SELECT s.* FROM account_statement(pg_temp.of('idle'), NULL, NULL) s$$, $$SELECT s.* FROM account_statement(pg_temp.of('idle')) s$$,
	'a statement with NULL as bounds covers the whole history');
SELECT is((SELECT count(*) FROM trial_balance('READ') WHERE kind = 'corp_rounding' AND debit *= '0 USD' AND credit *= '7 USD'), 1::bigint,
	'an account on the side opposite to its normal one stands there in the trial balance');
SELECT is_empty($$SELECT * FROM trial_balance('IDLE')$$, 'the trial balance of a client without journals is empty');
-- a debit and a credit account of one kind are not set off (I8)
SELECT open_customer(client => 'READ', customer => 'READ0009') \g /dev/null
SELECT load_journal('READ', format('{Dr %s 10.00 USD; Cr %s 10.00 USD}', (open_account('READ', 'CORP', 'CustomerDeficit:READ0009', 'USD')).account, (open_account('READ', 'CORP', 'CustomerDeficit:READ0002', 'USD')).account)::journal_entry, 'deficits') \g /dev/null
SELECT pg_temp.same($$SELECT debit::text, credit::text FROM trial_balance('READ') WHERE kind = 'corp_deficit'$$, $$VALUES ('10.00 USD', '10.00 USD')$$,
	'debit and credit accounts of one kind are not set off in the trial balance (I8)');

-- statement(): all claims of a customer in an asset, and none of its receivables
SELECT pg_temp.same($$SELECT DISTINCT name FROM statement('READ0001', 'USD') ORDER BY 1$$, $$SELECT n FROM unnest('{Cust:READ0001:settled,Cust:READ0001:unsettled}'::text[]) n$$,
	'statement() covers all claims of the customer in the asset, and no receivable');
SELECT pg_temp.same($$SELECT s.* FROM statement('READ0001', 'USD') s$$,
	$$SELECT s.* FROM (VALUES ('usd1'), ('new1')) v(who), account_statement(pg_temp.of(who)) s$$,
	'statement() lists one account statement after the other');
SELECT pg_temp.same($$SELECT s.* FROM statement('READ0004', 'BTC') s$$, $$SELECT s.* FROM account_statement(pg_temp.of('btc4')) s$$,
	'statement() lists only accounts in the asset asked for');
SELECT is_empty($$SELECT * FROM statement('READ0001', 'ETH')$$,
	'statement() is empty in an asset that the customer does not have');
SELECT throws_ok($$SELECT * FROM statement('NOBODY01', 'USD')$$, 'LG012', NULL, 'a statement of an unknown customer is refused');
SELECT throws_ok($$SELECT * FROM account_statement('FBO:999999')$$, 'LG030', NULL,
	'a statement of an unknown account is refused');
SELECT throws_ok($$SELECT balance_of('FBO:999999')$$, 'LG030', NULL, 'the balance of an unknown account is refused');
SELECT throws_ok($$SELECT * FROM balances('NOWHERE')$$, 'LG010', NULL, 'balances of an unknown client are refused');
SELECT throws_ok($$SELECT * FROM trial_balance('NOWHERE')$$, 'LG010', NULL, 'a trial balance of an unknown client is refused');

-- held and available: today's, and not the past's
SELECT load_journal('READ', journal_entry(line('Dr', pg_temp.of('bank'), '100.00 USD'), line('Cr', pg_temp.of('usd1'), '100.00 USD')), 'fund') \g /dev/null
SELECT authorize_hold('READ', pg_temp.of('usd1'), '30.00 USD', 'h') \g /dev/null
SELECT is((SELECT available FROM balances('READ') WHERE account = pg_temp.of('usd1')), (SELECT balance - '30.00 USD' FROM balances('READ') WHERE account = pg_temp.of('usd1')), 'what a hold binds is not available');
SELECT is((SELECT held FROM balances('READ') WHERE account = pg_temp.of('usd1')), '30.00 USD',
	'what a hold binds is shown as held');
SELECT is((balance_of(pg_temp.of('usd1'))).available, (SELECT available FROM balances('READ') WHERE account = pg_temp.of('usd1')),
	'balance_of() and balances() show the same amount available');
SELECT is((SELECT format('%s %s', held, available) FROM balances('READ', known_at => clock_timestamp()) WHERE account = pg_temp.of('usd1')), ' ',
	'balances as of an instant show nothing held or available');

-- of one customer, as posting keeps it, and page by page
SELECT pg_temp.same($$SELECT b.account, b.balance, b.held, b.available FROM balances('READ') b JOIN account a USING (account) JOIN balance r USING (client_id, account)
	WHERE b.customer = 'READ0001' ORDER BY b.fund, b.name, asset(b.balance)$$, $$SELECT c.account, c.balance, c.held, c.available FROM customer_balances('READ0001') c$$,
	'customer_balances() has what balances() has of the customer''s claims');
SELECT authorize_hold('READ', pg_temp.of('usd1'), '1.00 USD', 'short', expires_at => clock_timestamp() + interval '1 hour') \g /dev/null
SELECT is((SELECT format('%s %s', held, available = balance - held) FROM customer_balances('READ0001') WHERE account = pg_temp.of('usd1')), '31.00 USD t', 'a hold binds until its time is over');
SELECT is((SELECT held FROM customer_balances('READ0001', clock_timestamp() + interval '2 hours') WHERE account = pg_temp.of('usd1')), '30.00 USD', 'a hold that has expired at the instant does not bind');
SELECT throws_ok($$SELECT customer_balances('NOBODY01')$$, 'LG012', NULL, 'balances of an unknown customer are refused');
SELECT results_eq('SELECT client, status FROM clients()', $$SELECT code, status FROM client ORDER BY client_id$$, 'clients() lists all clients to whoever sees all');
CREATE FUNCTION pg_temp.pages(most int) RETURNS SETOF bakkt_ledger.posting_line LANGUAGE plpgsql AS $$
DECLARE
	seen	bigint := 0;
	last	constant bigint := (SELECT max(journal_id) FROM journal JOIN client USING (client_id) WHERE code = 'READ');
BEGIN
	WHILE seen < last LOOP
		RETURN QUERY SELECT p.* FROM postings('READ', after => seen, most => most) p;
		seen := (SELECT max(journal) FROM postings('READ', after => seen, most => most));
	END LOOP;
END $$;
SELECT results_eq('SELECT journal, line, account, amount FROM pg_temp.pages(3)', $$SELECT j.journal_id, l.line, l.account, l.amount FROM journal j JOIN client c USING (client_id), lines(j.entry) l
	WHERE c.code = 'READ' ORDER BY 1, 2$$, 'pages of postings follow one another without a gap');
SELECT results_eq($$SELECT journal, line FROM postings('READ', 'READ0001')$$, $$SELECT p.journal, p.line FROM postings('READ') p WHERE p.customer = 'READ0001'$$,
	'the postings of a customer are those of the client on the customer''s accounts');

-- readers see their client, whoever asks
CREATE ROLE ledger_test_reader IN ROLE bakkt_ledger_reader;
SELECT grant_client_access('ELSE', 'ledger_test_reader') \g /dev/null
CREATE TEMP TABLE else_today AS SELECT b.* FROM balances('ELSE') AS b JOIN account_kind AS k USING (kind) WHERE k.for_client;
GRANT SELECT ON else_today TO PUBLIC;
SET LOCAL ROLE ledger_test_reader;
SELECT pg_temp.same($$SELECT b.* FROM balances('ELSE') b$$, $$SELECT b.* FROM pg_temp.else_today b$$,
	'a reader sees the balances of its own client''s customers');
SELECT throws_ok($$SELECT * FROM balances('READ')$$, '42501', NULL, 'a reader does not see another client''s balances');
SELECT throws_ok($$SELECT * FROM trial_balance('ELSE')$$, '42501', NULL, 'a reader sees no trial balance: it has the company''s accounts');
SELECT throws_ok($$SELECT balance_of(pg_temp.of('usd1'))$$, 'LG030', NULL,
	'a reader does not see the balance of another client''s account');
SELECT throws_ok($$SELECT * FROM account_statement(pg_temp.of('bank'))$$, 'LG030', NULL,
	'a reader does not see the statement of another client''s account');
SELECT throws_ok($$SELECT * FROM statement('READ0001', 'USD')$$, 'LG012', NULL,
	'a reader does not see the statement of another client''s customer');
SELECT throws_ok($$SELECT * FROM postings('READ')$$, '42501', NULL, 'a reader does not see another client''s postings');
SELECT throws_ok($$SELECT * FROM bakkt_ledger.posting$$, '42501', NULL, 'a reader reads no view');
RESET ROLE;

-- the company's role of one client sees all accounts of that one
CREATE ROLE ledger_test_bookkeeper IN ROLE bakkt_ledger_bookkeeper;
SELECT grant_client_access('ELSE', 'ledger_test_bookkeeper') \g /dev/null
CREATE TEMP TABLE else_whole AS SELECT * FROM balances('ELSE');
GRANT SELECT ON else_whole TO PUBLIC;
SET LOCAL ROLE ledger_test_bookkeeper;
SELECT pg_temp.same($$SELECT b.* FROM balances('ELSE') b$$, $$SELECT b.* FROM pg_temp.else_whole b$$,
	'a bookkeeper sees the balances of all accounts of its client');
SELECT is((SELECT string_agg(DISTINCT client, ' ') FROM trial_balance()), 'ELSE',
	'the trial balance of all clients shows a bookkeeper only its own');
SELECT throws_ok($$SELECT * FROM trial_balance('READ')$$, '42501', NULL, 'a bookkeeper does not see another client''s trial balance');
RESET ROLE;

-- Statements on either timeline: entries that are effective before they are recorded
SELECT open_client('TIME', at => '2025-01-01Z'), open_customer('TIME', 'TIMEANN1') \g /dev/null
SELECT (open_account('TIME', 'FBO', 'Cust:TIMEANN1:settled', 'USD')).account AS timed, (open_account('TIME', 'FBO', 'Bank:omnibus', 'USD')).account AS its_bank \gset
CREATE TEMP TABLE recorded (n int, at timestamptz);
DO $do$
BEGIN
	FOR n IN 1 .. 40 LOOP
		PERFORM load_journal('TIME', format(CASE WHEN n % 3 = 0 THEN '{Dr %s %s.00 USD; Cr %s %2$s.00 USD}' ELSE '{Dr %3$s %2$s.00 USD; Cr %1$s %2$s.00 USD}' END,
			account_of('TIME', 'FBO', 'Cust:TIMEANN1:settled', 'USD'), CASE WHEN n % 3 = 0 THEN 1 ELSE n END, account_of('TIME', 'FBO', 'Bank:omnibus', 'USD'))::journal_entry, 'n' || n,
			at => '2025-03-01Z'::timestamptz + n * 7919 % 40 * interval '1 day');
		INSERT INTO recorded SELECT n, j.recorded_at FROM journal j WHERE j.reference = 'n' || n;
	END LOOP;
END $do$;
CREATE FUNCTION pg_temp.closing(account account_id, since timestamptz, until timestamptz, timeline text) RETURNS text LANGUAGE sql AS $$
	SELECT l.balance::text FROM account_statement(account, since, until, timeline) WITH ORDINALITY AS l ORDER BY l.ordinality DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.opening(account account_id, since timestamptz, timeline text) RETURNS text LANGUAGE sql AS $$ SELECT l.balance::text FROM account_statement(account, since, timeline => timeline) AS l LIMIT 1 $$;
SELECT is_empty(format($$SELECT a, t FROM unnest(ARRAY[%L, %L]::account_id[]) a, (SELECT r.at AS t, 'RECORDED' AS timeline FROM recorded r UNION ALL SELECT '2025-03-01Z'::timestamptz + d * interval '1 day', 'EFFECTIVE' FROM generate_series(0, 41) d) AS c
	WHERE pg_temp.closing(a, '-infinity', t, timeline) <> pg_temp.opening(a, t, timeline)$$, :'timed', :'its_bank'), 'a statement opens with what the one before closed with, by recorded and by effective time');
SELECT is(pg_temp.closing(:'timed', '-infinity', 'infinity', 'EFFECTIVE'), pg_temp.closing(:'timed', '-infinity', 'infinity', 'RECORDED'), 'in the end both say the same');
SELECT is((SELECT array_agg(l.effective_at ORDER BY l.ordinality) FROM account_statement(:'timed', timeline => 'EFFECTIVE') WITH ORDINALITY AS l WHERE l.journal IS NOT NULL),
	(SELECT array_agg(j.effective_at ORDER BY j.effective_at, j.journal_id) FROM journal j WHERE j.reference ~ '^n[0-9]+$'), 'a statement by effective time is in its order');
SELECT is(pg_temp.closing(:'timed', '-infinity', '2025-03-20Z', 'EFFECTIVE'), (balance_of(:'timed', at => '2025-03-20Z'::timestamptz - interval '1 microsecond')).balance::text, 'it closes with the balance at the instant');
SELECT results_eq($$SELECT s.balance::text FROM statement('TIMEANN1', 'USD', '2025-03-20Z', '2025-03-20Z', 'EFFECTIVE') s$$, format($$VALUES (%L)$$, pg_temp.opening(:'timed', '2025-03-20Z', 'EFFECTIVE')), 'a customer''s statement has either timeline, too');
SELECT throws_ok(format($$SELECT account_statement(%L, timeline => 'SOMETIME')$$, :'timed'), 'LG002', NULL, 'there is no third timeline');

SELECT * FROM finish();
ROLLBACK;
