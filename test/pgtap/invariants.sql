-- The invariants against every way of writing: an entry that does not balance
-- per fund and asset cannot exist, in whatever statement or transaction; what
-- a subtransaction undid has left no trace; and the ledger's own figures agree
-- with each other by plain SQL.
\set ON_ERROR_STOP on
\set QUIET on
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public;
SELECT no_plan();

SELECT open_client('INVA') \g /dev/null
SELECT open_customer(client => 'INVA', customer => 'INVA000' || n) FROM generate_series(1, 3) AS n \g /dev/null
SELECT (open_account('INVA', 'FBO', 'Bank:omnibus', 'USD')).account AS bank \gset
SELECT (open_account('INVA', 'FBO', 'Cust:INVA0001:settled', 'USD', 'INVA0001')).account AS ann \gset
SELECT (open_account('INVA', 'FBO', 'Cust:INVA0002:settled', 'USD', 'INVA0002')).account AS ben \gset
SELECT (open_account('INVA', 'CORP', 'Bank:operating', 'USD')).account AS operating \gset
SELECT (open_account('INVA', 'CORP', 'Equity', 'USD')).account AS equity \gset

CREATE FUNCTION pg_temp.entry(debit text, credit text, amount text) RETURNS journal_entry LANGUAGE sql AS $$ SELECT format('{Dr %s %s; Cr %s %s}', $1, $3, $2, $3)::journal_entry $$;

-- I1, by every constructor
CREATE TEMP TABLE any_entry (entry journal_entry);
SELECT throws_ok(format($$INSERT INTO any_entry VALUES ('{Dr %s 1.00 USD; Cr %s 2.00 USD}')$$, :'bank', :'ann'), 'LG001', NULL,
	'an unbalanced entry cannot be inserted as a literal');
SELECT throws_ok(format($$INSERT INTO any_entry VALUES ('{Dr %1$s 1.00 USD; Cr %2$s 1.00 USD}'), ('{Dr %1$s 1.00 USD; Cr %2$s 2.00 USD}')$$, :'bank', :'ann'), 'LG001', NULL,
	'an unbalanced entry cannot be inserted among balanced rows');
SELECT throws_ok(format($$SELECT journal_entry(line('Dr', '%s', '1.00 USD'), line('Cr', '%s', '1.01 USD'))$$, :'bank', :'ann'), 'LG001', NULL,
	'an unbalanced entry cannot be built by the constructor');
SELECT throws_ok(format($$SELECT journal_entry(a, v) FROM (VALUES ('%s'::account_id, '1.00 USD'::amount), ('%s', '-1.01 USD')) AS l (a, v)$$, :'bank', :'ann'), 'LG001', NULL,
	'an unbalanced entry cannot be built by the aggregate');
SELECT throws_ok(format($$SELECT journal_entry(a, v) FROM (VALUES ('%s'::account_id, '500.00 USD'::amount), ('%s', '-500.00 USD')) AS l (a, v)$$, :'operating', :'bank'), 'LG001', NULL,
	'an aggregate over two funds cannot balance across them');
SELECT throws_ok(format($$SELECT '{Dr %s 1.00 USD; Cr %s 2.00 USD}'::text::journal_entry$$, :'bank', :'ann'), 'LG001', NULL,
	'an unbalanced entry cannot be cast from text');
SELECT throws_ok(format($throws$DO $do$ BEGIN EXECUTE 'INSERT INTO any_entry VALUES (''{Dr %s 1.00 USD; Cr %s 2.00 USD}'')'; END $do$ $throws$, :'bank', :'ann'), 'LG001', NULL,
	'an unbalanced entry cannot be inserted by dynamic SQL in a block');

-- every single byte of a stored entry, changed, is refused or still balances
CREATE TEMP TABLE flipped (n int, accepted text, state text);
DO $$
DECLARE
	image bytea := journal_entry_send(journal_entry(line('Dr', account_id('FBO', 1), '12.34 USD'), line('Cr', account_id('FBO', 2), '10.00 USD'), line('Cr', account_id('FBO', 3), '2.34 USD')));
	other bytea;
	entry journal_entry;
BEGIN
	FOR n IN 0 .. 8 * length(image) - 1 LOOP
		other := set_bit(image, n, 1 - get_bit(image, n));
		BEGIN
			entry := journal_entry(other);
			INSERT INTO flipped VALUES (n, entry::text, NULL);
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO flipped VALUES (n, NULL, SQLSTATE);
		END;
	END LOOP;
END $$;
SELECT cmp_ok((SELECT count(*) FROM flipped), '>', 150::bigint, 'every bit of an entry''s binary image is flipped in turn');
SELECT is_empty($$SELECT n, state FROM flipped WHERE state !~ '^(LG001|LG002|22P03|22003|XX001)$'$$,
	'a tampered entry is refused as malformed or unbalanced');
SELECT is_empty($$SELECT f.n, fund(l.account), asset(l.amount), sum(value(l.amount)) FROM flipped f, lines(f.accepted::journal_entry) AS l GROUP BY 1, 2, 3 HAVING sum(value(l.amount)) <> 0$$,
	'a tampered entry that is accepted balances per fund and asset');

-- Subtransactions leave no trace
SELECT load_journal('INVA', pg_temp.entry(:'bank', :'ann', '100.00 USD'), 'open') \g /dev/null
SELECT md5(string_agg(b::text, ',' ORDER BY account::text)) AS before FROM balance b \gset
DO $$
DECLARE
	ann text := (SELECT account FROM balance JOIN customer USING (customer_id) WHERE customer_code = 'INVA0001');
	ben text := (SELECT account FROM balance JOIN customer USING (customer_id) WHERE customer_code = 'INVA0002');
BEGIN
	FOR i IN 1 .. 50 LOOP
		BEGIN
			PERFORM load_journal('INVA', pg_temp.entry(ann, ben, i || '.00 USD'), 'undone');
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
END $$;
SELECT is((SELECT md5(string_agg(b::text, ',' ORDER BY account::text)) FROM balance b), :'before',
	'postings undone by subtransactions leave balances and versions unchanged');
SELECT is((SELECT count(*) FROM journal WHERE reference = 'undone'), 0::bigint,
	'postings undone by subtransactions leave no journal');
SELECT is((load_journal('INVA', pg_temp.entry(:'ann', :'ben', '60.00 USD'), 'undone')).outcome, 'posted',
	'a reference used only by undone postings is free');
SAVEPOINT s;
SELECT load_journal('INVA', pg_temp.entry(:'ann', :'ben', '40.00 USD'), 'savepoint') \g /dev/null
ROLLBACK TO s;
SELECT is((load_journal('INVA', pg_temp.entry(:'ann', :'ben', '40.00 USD'), 'after')).outcome, 'posted',
	'funds spent in a rolled-back savepoint can be spent again');
SELECT throws_ok(format($$SELECT load_journal('INVA', pg_temp.entry('%s', '%s', '0.01 USD'), 'one more')$$, :'ann', :'ben'), 'LG050', NULL,
	'funds of a rolled-back savepoint cannot be spent twice');

-- one query that posts many times, and a posting inside a larger query
SELECT is((SELECT count(*) FROM generate_series(1, 50) AS i, LATERAL load_journal('INVA', pg_temp.entry(:'ben', :'ann', '1.00 USD'), 'many ' || i) AS r WHERE r.outcome = 'posted'), 50::bigint,
	'one query posts fifty journals');
WITH first AS MATERIALIZED (SELECT (load_journal('INVA', pg_temp.entry(:'ben', :'ann', '50.00 USD'), 'cte 1')).outcome),
	second AS MATERIALIZED (SELECT (load_journal('INVA', pg_temp.entry(:'ann', :'ben', '100.00 USD'), 'cte 2')).outcome FROM first)
SELECT is(string_agg(outcome, ' '), 'posted posted',
	'a query''s second posting sees the balance its first left') FROM (SELECT * FROM first UNION ALL SELECT * FROM second) AS o;

-- The ledger's figures agree by plain SQL over the lines (I2, I4, I5, I6)
SELECT seal() \g /dev/null
SELECT load_journal('INVA', pg_temp.entry(:'operating', :'equity', '3.00 USD'), 'tail') \g /dev/null
SELECT is_empty($$SELECT fund(l.account), asset(l.amount), sum(l.amount) FROM journal j, lines(j.entry) AS l GROUP BY 1, 2 HAVING sum(value(l.amount)) <> 0$$,
	'I2: every fund and asset sums to zero');
SELECT is_empty($$SELECT b.account, b.posted, sum(l.amount) FROM balance b LEFT JOIN (journal j CROSS JOIN LATERAL lines(j.entry) AS l) ON l.account = b.account GROUP BY b.account, b.posted HAVING value(b.posted) <> coalesce(sum(value(l.amount)), 0)$$,
	'I4: every balance is the sum of its lines');
SELECT is_empty($$SELECT b.account, b.version, count(DISTINCT j.journal_id) FROM balance b LEFT JOIN journal j ON touches(j.entry, b.account) GROUP BY b.account, b.version HAVING b.version <> count(DISTINCT j.journal_id)$$,
	'a balance''s version counts the journals that touch its account');
SELECT is_empty('SELECT * FROM balance WHERE sign(posted) > 0', 'I5: no claim is in debit');
SELECT is_empty('SELECT * FROM verify()', 'the ledger verifies with sealed and unsealed journals');
SELECT finish();
ROLLBACK;
