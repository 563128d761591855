-- The posting view: every line of every journal once, and predicates that reach the journal's indexes.
CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan;
END $$;
SET search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

-- ten clients of a hundred customers, 20,000 journals; every tenth has two customers, every fiftieth three
SELECT open_client('VIEW' || n) FROM generate_series(0, 9) AS n \g /dev/null
SELECT open_customers('VIEW' || c, (SELECT array_agg('VIEW' || c || lpad(n::text, 3, '0')) FROM generate_series(0, 99) AS n)) FROM generate_series(0, 9) AS c \g /dev/null
SELECT (open_account('VIEW' || n, 'FBO', 'Bank:omnibus', 'USD')).account FROM generate_series(0, 9) AS n \g /dev/null
SELECT (open_account(c.code, 'FBO', 'Cust:' || u.customer_code || ':settled', 'USD')).account FROM customer u JOIN client c USING (client_id) \g /dev/null
-- and a client of many accounts, which make reading all of a client's accounts dear
SELECT open_client('CROWD') \g /dev/null
SELECT open_customers('CROWD', (SELECT array_agg('CROW' || lpad(n::text, 4, '0')) FROM generate_series(0, 9999) AS n)) \g /dev/null
SELECT (open_account('CROWD', 'FBO', 'Cust:CROW' || lpad(n::text, 4, '0') || ':settled', 'USD')).account FROM generate_series(0, 9999) AS n \g /dev/null
CREATE TEMP TABLE a AS SELECT c.code AS client, row_number() OVER (PARTITION BY c.code ORDER BY u.customer_code) - 1 AS n, a.account, b.account AS bank
	FROM account a JOIN client c USING (client_id) JOIN customer u USING (customer_id) JOIN account b ON b.client_id = a.client_id AND b.name = 'Bank:omnibus' WHERE c.code <> 'CROWD';
CREATE INDEX ON a (client, n);
ANALYZE a;
SELECT is(count(*) FILTER (WHERE r.outcome = 'posted'), 20000::bigint, '20,000 journals of ten clients are posted') FROM load_journals(ARRAY(
	SELECT (x.client, CASE WHEN i % 50 = 0 THEN journal_entry(line('Dr', x.bank, '3.00 USD'), line('Cr', x.account, '1.00 USD'), line('Cr', y.account, '1.00 USD'), line('Cr', z.account, '0.40 USD'), line('Cr', z.account, '0.60 USD'))
		WHEN i % 10 = 0 THEN journal_entry(line('Dr', x.bank, '3.00 USD'), line('Cr', y.account, '1.00 USD'), line('Cr', x.account, '2.00 USD'))
		ELSE journal_entry(line('Dr', x.bank, '1.00 USD'), line('Cr', x.account, '1.00 USD')) END, 'j' || i, NULL, NULL, NULL, false)::journal_request
	FROM generate_series(1, 20000) AS i JOIN a x ON x.client = 'VIEW' || i % 10 AND x.n = i / 10 % 100
		JOIN a y ON y.client = x.client AND y.n = (x.n + 7) % 100 JOIN a z ON z.client = x.client AND z.n = (x.n + 50) % 100 ORDER BY i)) AS r;
-- only with customers in some of the lines, or none
SELECT (open_account('VIEW1', 'CORP', name, 'USD')).account FROM unnest('{TPJ:receivable:VIEW1001,TPJ:receivable:VIEW1002,TPJ:payable:VIEW1003,Equity,Bank:operating}'::text[]) AS name \g /dev/null
CREATE FUNCTION pg_temp.of(name text) RETURNS account_id STABLE LANGUAGE sql AS $$ SELECT account_of('VIEW1', CASE WHEN $1 ~ '^Cust' THEN 'FBO' ELSE 'CORP' END, $1, 'USD') $$;
SELECT load_journal('VIEW1', journal_entry(line('Dr', pg_temp.of('Bank:operating'), '5.00 USD'), line('Cr', pg_temp.of('Equity'), '5.00 USD')), 'house'),
	load_journal('VIEW1', journal_entry(line('Dr', pg_temp.of('TPJ:receivable:VIEW1001'), '5.00 USD'), line('Dr', pg_temp.of('TPJ:receivable:VIEW1002'), '5.00 USD'), line('Cr', pg_temp.of('Equity'), '10.00 USD')), 'calls'),
	load_journal('VIEW1', journal_entry(line('Dr', pg_temp.of('Cust:VIEW1004:settled'), '1.00 USD'), line('Cr', pg_temp.of('Cust:VIEW1005:settled'), '1.00 USD'),
		line('Dr', pg_temp.of('TPJ:receivable:VIEW1001'), '2.00 USD'), line('Cr', pg_temp.of('TPJ:payable:VIEW1003'), '2.00 USD'), line('Dr', pg_temp.of('Equity'), '1.00 USD'), line('Cr', pg_temp.of('Equity'), '1.00 USD')), 'claim and call'),
	load_journal('VIEW1', journal_entry(line('Dr', pg_temp.of('Cust:VIEW1004:settled'), '1.00 USD'), line('Cr', pg_temp.of('Cust:VIEW1004:settled'), '1.00 USD')), 'same twice'),
	load_journal('VIEW1', journal_entry(line('Dr', pg_temp.of('Cust:VIEW1001:settled'), '1.00 USD'), line('Cr', pg_temp.of('Cust:VIEW1002:settled'), '1.00 USD'),
		line('Dr', pg_temp.of('TPJ:receivable:VIEW1002'), '1.00 USD'), line('Cr', pg_temp.of('TPJ:receivable:VIEW1001'), '1.00 USD')), 'both of one') \g /dev/null
ANALYZE journal, journal_party, account, customer, client, balance;
SET jit = off;

-- ---------------------------------------------------------------------------
-- each line once
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE expected AS SELECT j.client_id, j.journal_id, j.reference, l.line, l.account, l.amount FROM journal j, lines(j.entry) l;
SELECT cmp_ok((SELECT count(*) FROM journal_party), '>', 2000::bigint, 'more than two thousand journals have several customers');
SELECT is((SELECT count(*) FROM posting), (SELECT count(*) FROM expected),
	'the posting view has as many rows as journals have lines');
SELECT is_empty($$SELECT client_id, journal_id, line, account, amount FROM expected EXCEPT SELECT client_id, journal, line, account, amount FROM posting$$,
	'every line of a journal is a row of the posting view');
SELECT is_empty($$SELECT client_id, journal, line FROM posting GROUP BY 1, 2, 3 HAVING count(*) > 1$$,
	'no line of a journal is two rows of the posting view');
SELECT is_empty($$SELECT * FROM posting WHERE amount *<> CASE WHEN debit IS NULL THEN -credit ELSE debit END OR (debit IS NULL) = (credit IS NULL) OR sign(coalesce(debit, credit)) < 0$$,
	'a posting is either a debit or a credit and has a signed amount');
SELECT is_empty($$SELECT p.journal, p.line FROM posting p JOIN account a ON a.client_id = p.client_id AND a.account = p.account LEFT JOIN customer u ON u.customer_id = a.customer_id
	WHERE a.customer_id IS NOT NULL AND (p.customer_id, p.customer) IS DISTINCT FROM (a.customer_id, u.customer_code)$$,
	'a posting on a customer''s account names the customer');
SELECT is((SELECT string_agg(coalesce(customer, '-') || ' ' || line, ', ' ORDER BY line) FROM posting WHERE reference = 'house'), '- 1, - 2',
	'the postings of a house journal name no customer');
SELECT is((SELECT string_agg(DISTINCT customer, ' ' ORDER BY customer) FROM posting WHERE reference = 'claim and call'), 'VIEW1001 VIEW1003 VIEW1004 VIEW1005',
	'postings on receivables and payables name their customers');
SELECT is((SELECT count(*) FROM posting WHERE reference = 'claim and call'), 6::bigint,
	'a journal of six lines with several customers has six postings');
SELECT is((SELECT count(*) FROM posting WHERE reference = 'same twice'), 2::bigint,
	'two lines of one account in a journal are two postings');
SELECT is_empty($$SELECT p.client_id, p.journal_id, p.customer_id FROM journal_party p JOIN journal j USING (client_id, journal_id) WHERE j.customer_id = p.customer_id OR j.customer_id IS NULL$$,
	'the first customer of a journal is not listed as a further one');
SELECT is_empty($$SELECT fund, asset(amount) FROM posting GROUP BY journal, 1, 2 HAVING NOT is_zero(sum(amount))$$, 'every journal sums to zero per fund and asset');

-- what a customer's postings are
SELECT is_empty($$(SELECT p.journal, p.line FROM posting p JOIN account a ON a.client_id = p.client_id AND a.account = p.account WHERE a.customer_id = (SELECT customer_id FROM customer WHERE customer_code = 'VIEW0007')
	EXCEPT SELECT journal, line FROM posting WHERE customer = 'VIEW0007')$$,
	'a customer''s code finds all lines of the customer''s accounts');
SELECT cmp_ok((SELECT count(*) FROM statement('VIEW0007', 'USD') WHERE journal IS NOT NULL), '>', 20::bigint,
	'a statement has the journals of its customer');
SELECT is((SELECT count(*) FROM statement('VIEW0007', 'USD') WHERE journal IS NOT NULL), (SELECT count(*) FROM posting WHERE customer = 'VIEW0007' AND name = 'Cust:VIEW0007:settled'),
	'a statement has as many journals as the customer''s account has postings');

-- ---------------------------------------------------------------------------
-- plans, as they come
-- ---------------------------------------------------------------------------
SELECT is(current_setting('enable_seqscan'), 'on', 'sequential scans are allowed while plans are judged');
CREATE FUNCTION pg_temp.uses(query text, wanted text[], name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan text := pg_temp.plan(query);
	missing text[] := ARRAY(SELECT w FROM unnest(wanted) AS w WHERE strpos(plan, w) = 0);
BEGIN
	RETURN ok(missing = '{}' AND plan !~ 'Seq Scan on journal\M', name) || CASE WHEN missing <> '{}' OR plan ~ 'Seq Scan on journal\M' THEN E'\n' || diag(format('missing %s in %s', missing, plan)) ELSE '' END;
END $$;
SELECT pg_temp.uses($$SELECT * FROM posting WHERE customer = 'VIEW0007'$$, '{journal_customer_idx,journal_party_customer_idx,account_account}',
	'a customer''s code reaches the indexes of journals by customer');
SELECT pg_temp.uses(format('SELECT * FROM posting WHERE customer_id = %s', (SELECT customer_id FROM customer WHERE customer_code = 'VIEW0007')), '{journal_customer_idx,journal_party_customer_idx,account_account}',
	'a customer''s number reaches the indexes of journals by customer');
SELECT pg_temp.uses(format('SELECT * FROM posting WHERE client_id = %s AND journal = 12345', (SELECT client_id FROM client WHERE code = 'VIEW1')), '{journal_pkey,account_account}',
	'the number of a journal reaches the primary key');
SELECT pg_temp.uses($$SELECT * FROM posting WHERE client = 'VIEW1' AND journal = 12345$$, '{journal_pkey}',
	'a client''s code and the number of a journal reach the primary key');
SELECT pg_temp.uses($$SELECT * FROM posting WHERE client = 'VIEW1' AND reference = 'j1'$$, '{journal_reference_key}',
	'a client''s code and a reference reach the index of references');
SELECT pg_temp.uses($$SELECT * FROM posting WHERE client = 'VIEW1'$$, '{journal_}',
	'a client''s code reaches an index of journals');
SELECT pg_temp.uses(format('SELECT * FROM posting WHERE recorded_at >= %L AND recorded_at < %L', (SELECT recorded_at FROM journal WHERE reference = 'house'), 'infinity'), '{journal_time_idx}',
	'a time of recording reaches the index of times');
SELECT pg_temp.uses($$SELECT * FROM posting WHERE client = 'VIEW1' AND effective_at >= clock_timestamp()$$, '{journal_effective_idx}',
	'an effective time of a client reaches the index of effective times');

-- statements: what the functions' own queries read
CREATE FUNCTION pg_temp.scans() RETURNS TABLE (relation text, scans bigint) LANGUAGE sql VOLATILE AS $$
	SELECT r, coalesce(pg_stat_get_xact_numscans(('bakkt_ledger_internal.' || r)::regclass), 0) FROM unnest('{journal,journal_party,journal_customer_idx,journal_party_customer_idx}'::text[]) AS r $$;
BEGIN;
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.scans();
SELECT count(*) FROM statement('VIEW0007', 'USD') \g /dev/null
SELECT ok(CASE WHEN relation ~ 'idx$' THEN n.scans > b.scans ELSE n.scans = b.scans END, 'a statement ' || CASE WHEN relation ~ 'idx$' THEN 'reads ' ELSE 'never reads all of ' END || relation)
	FROM pg_temp.scans() AS n JOIN before AS b USING (relation) ORDER BY relation;
COMMIT;

SELECT * FROM finish();
