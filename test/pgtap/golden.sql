-- The 54 worked journals, posted in order under one client, line by line as
-- given; then the faults that a careless ledger lets through.
-- Run from the top of the tree: the journals are read from test/golden.
\set ON_ERROR_STOP on
\set QUIET on
\set content `cat test/golden/journals.json`
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS bakkt_ledger;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public;

SELECT no_plan();

-- The file names customers by first name; the ledger wants eight characters.
CREATE TEMP TABLE given_customer (given text PRIMARY KEY, code text);
INSERT INTO given_customer VALUES
	('alice', 'ALICE001'), ('bob', 'BOB00001'), ('carol', 'CAROL001'), ('dave', 'DAVE0001'),
	('erin', 'ERIN0001'), ('frank', 'FRANK001'), ('QRST00001', 'QRST0001'), ('QRST00002', 'QRST0002');

CREATE FUNCTION pg_temp.our_name(given text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(c.code, CASE WHEN part = 'XYZZ' THEN 'QRST' ELSE part END), ':' ORDER BY n)
	FROM string_to_table($1, ':') WITH ORDINALITY AS p (part, n) LEFT JOIN given_customer c ON c.given = part
$$;

CREATE TEMP TABLE document AS SELECT :'content'::jsonb AS doc;
CREATE TEMP TABLE given_journal AS
	SELECT n, j->>'id' AS id, j->>'text' AS text, j->'postings' AS postings
	FROM document, jsonb_array_elements(doc->'journals') WITH ORDINALITY AS t (j, n);
CREATE TEMP TABLE given_line AS
	SELECT j.n, j.id, p.line, v->>'fund' AS fund, pg_temp.our_name(v->>'account') AS name, v->>'asset' AS asset,
		(v->>'debit')::numeric - (v->>'credit')::numeric AS signed
	FROM given_journal j, jsonb_array_elements(postings) WITH ORDINALITY AS p (v, line);
CREATE TEMP TABLE given_closing AS
	SELECT v->>'fund' AS fund, pg_temp.our_name(v->>'account') AS name, v->>'asset' AS asset, (v->>'balance')::numeric AS signed
	FROM document, jsonb_array_elements(doc->'closing') AS t (v);

SELECT is((SELECT count(*) FROM given_journal), 54::bigint, 'the golden file holds 54 journals');
SELECT is((SELECT count(*) FROM given_line), 236::bigint, 'the golden file holds 236 lines');

-- Parties and accounts
\set client QRST
SELECT open_client(:'client', funding_model => 'BAKKT_TPJ', revenue_share_bps => 4000) \g /dev/null
SELECT open_customer(client => :'client', customer => code) FROM given_customer ORDER BY code \g /dev/null
SELECT open_provider(p, p) FROM unnest(ARRAY['lp1', 'lp2']) AS p \g /dev/null
CREATE TEMP TABLE our_account AS
	SELECT fund, name, asset,
		(open_account(:'client', fund, name, asset::bakkt_ledger.asset, (SELECT code FROM given_customer WHERE code = ANY (string_to_array(name, ':'))))).account AS account
	FROM (SELECT DISTINCT fund, name, asset FROM given_line) AS a;

CREATE FUNCTION pg_temp.given_entry(given bigint) RETURNS journal_entry LANGUAGE sql AS $$
	SELECT ('{' || string_agg(CASE WHEN signed > 0 THEN 'Dr ' ELSE 'Cr ' END || account::text || ' ' || abs(signed) || ' ' || asset, '; ' ORDER BY line) || '}')::journal_entry
	FROM given_line JOIN our_account USING (fund, name, asset) WHERE n = $1
$$;

-- Post one after the other; blocks sealed in between must make no difference.
CREATE TEMP TABLE answer (n bigint, id text, outcome text, journal bigint, message text);
CREATE FUNCTION pg_temp.post_all(client text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	j record;
	r record;
BEGIN
	FOR j IN SELECT * FROM given_journal ORDER BY n LOOP
		r := load_journal(client, pg_temp.given_entry(j.n), j.id, description => j.text);
		INSERT INTO answer VALUES (j.n, j.id, r.outcome, r.journal, r.message);
		IF j.n % 10 = 0 THEN
			PERFORM seal();
		END IF;
	END LOOP;
END $$;
SELECT pg_temp.post_all(:'client') \g /dev/null

SELECT is(outcome, 'posted', 'golden journal ' || id || ' is posted') FROM answer ORDER BY n;

SELECT is(
	(SELECT string_agg(format('%s %s %s %s', p.fund, p.name, p.signed, p.asset), E'\n' ORDER BY p.line)
	 FROM (SELECT p.line, a.fund, a.name, trim_scale(value(p.amount)) AS signed, a.asset
		   FROM posting p JOIN our_account a ON a.account = p.account
		   WHERE p.journal = answer.journal) AS p),
	(SELECT string_agg(format('%s %s %s %s', g.fund, g.name, trim_scale(g.signed), g.asset), E'\n' ORDER BY g.line) FROM given_line g WHERE g.n = answer.n),
	'golden journal ' || id || ' reads back line by line as given')
FROM answer ORDER BY n;

-- Closing balances: those in the file, and zero elsewhere
CREATE FUNCTION pg_temp.differences(client text) RETURNS TABLE (fund text, name text, asset text, expected numeric, actual numeric) LANGUAGE sql AS $$
	SELECT a.fund, a.name, a.asset, trim_scale(coalesce(g.signed, 0)), trim_scale(b.signed)
	FROM our_account a LEFT JOIN given_closing g USING (fund, name, asset),
		LATERAL (SELECT CASE k.normal_side WHEN 'debit' THEN 1 ELSE -1 END * value((balance_of(a.account)).balance) AS signed
			FROM account o JOIN account_kind k USING (kind) WHERE o.account = a.account) AS b
	WHERE coalesce(g.signed, 0) IS DISTINCT FROM b.signed
$$;
SELECT is((SELECT count(*) FROM our_account), (SELECT count(DISTINCT (fund, name, asset)) FROM given_line),
	'every account of the golden file is open');
SELECT is_empty(format('SELECT * FROM pg_temp.differences(%L)', :'client'), 'closing balances are those of the golden file');
SELECT seal() \g /dev/null
SELECT is_empty(format('SELECT * FROM pg_temp.differences(%L)', :'client'), 'closing balances stay the same after a seal');
SELECT is_empty('SELECT * FROM verify()', 'the ledger verifies after the golden journals');

-- The audit queries of the file, over the ledger's own lines
CREATE TEMP VIEW signed_line AS
	SELECT j.journal_id, j.reference, a.fund, a.name, a.asset::text AS asset, k.class, value(l.amount) AS signed
	FROM journal j CROSS JOIN LATERAL lines(j.entry) AS l JOIN account a USING (client_id, account) JOIN account_kind k ON k.kind = a.kind;
CREATE TEMP VIEW account_sum AS SELECT fund, name, asset, class, sum(signed) AS signed FROM signed_line GROUP BY 1, 2, 3, 4;
SELECT is_empty('SELECT journal_id, fund, asset FROM signed_line GROUP BY 1, 2, 3 HAVING sum(signed) <> 0', 'I1: every journal balances per fund and asset');
SELECT is_empty('SELECT fund, asset FROM signed_line GROUP BY 1, 2 HAVING sum(signed) <> 0',
	'I2: the ledger balances per fund and asset');
SELECT is_empty($$SELECT * FROM account_sum WHERE class = 'claim' AND signed > 0$$, 'I5: no claim is in debit');
SELECT is_empty($$SELECT coalesce(f.signed, 0), t.signed FROM account_sum f FULL JOIN account_sum t ON t.asset = f.asset AND t.name = 'DueTo:' || f.fund AND f.name = 'DueFrom:' || t.fund
	WHERE (f.name LIKE 'DueFrom:%' OR t.name LIKE 'DueTo:%') AND coalesce(f.signed, 0) <> -coalesce(t.signed, 0)
		AND (f.name LIKE 'DueFrom:%' OR f.name IS NULL) AND (t.name LIKE 'DueTo:%' OR t.name IS NULL)$$, 'I7: what one fund is owed another owes');
SELECT results_eq($$SELECT fund, asset, trim_scale(sum(signed) FILTER (WHERE class = 'control')), trim_scale(-coalesce(sum(signed) FILTER (WHERE class = 'claim'), 0)), trim_scale(-coalesce(sum(signed) FILTER (WHERE class = 'residual'), 0))
	FROM account_sum WHERE fund IN ('FBO', 'CUST') GROUP BY 1, 2 ORDER BY 1, 2$$,
	$$VALUES ('CUST', 'BTC', 1.96056942, 1.96056942, 0), ('CUST', 'USDC', 594.75, 594.75, 0), ('FBO', 'USD', 50648.05, 45648.05, 5000::numeric)$$,
	'I8: control, claims and residual interest are those of the file');

-- Faults that balance by accident
SELECT account AS bank FROM our_account WHERE fund = 'FBO' AND name = 'Bank:omnibus' \gset
SELECT account AS dave FROM our_account WHERE fund = 'FBO' AND name = 'Cust:DAVE0001:settled' \gset
SELECT account AS alice FROM our_account WHERE fund = 'FBO' AND name = 'Cust:ALICE001:settled' \gset
SELECT (open_account(:'client', 'CORP', 'Expense:rent', 'USD')).account AS rent \gset
SELECT md5(string_agg(j::text, ',' ORDER BY journal_id)) AS before FROM journal j \gset
SELECT throws_ok(format($$SELECT load_journal('QRST', '{Dr %s 800.00 USD; Cr %s 800.00 USD}', 'BAD1')$$, :'dave', :'bank'), 'LG050', NULL,
	'a customer''s deficit is not covered by other customers'' cash');
SELECT throws_ok(format($$SELECT load_journal('QRST', '{Dr %s 500.00 USD; Cr %s 500.00 USD}', 'BAD2')$$, :'rent', :'bank'), 'LG001', NULL,
	'the company''s rent is not paid from customers'' cash, though it balances per asset');
SELECT throws_ok(format($$SELECT load_journal('QRST', '{Dr %s 6397.81 USD; Cr %s 6397.81 USD}', 'BAD3')$$, :'alice', :'bank'), 'LG050', NULL,
	'a claim is not overdrawn by one cent while others hold enough');
SELECT throws_ok(format($$SELECT load_journal('QRST', '{Dr %s 0.01 USD; Cr %s 0.01 USD}', 'BAD4')$$, :'dave', :'alice'), 'LG050', NULL,
	'a customer without cash cannot pay into another customer''s claim');
SELECT account AS cover FROM our_account WHERE fund = 'FBO' AND name = 'DueTo:CORP' \gset
SELECT account AS covered FROM our_account WHERE fund = 'CORP' AND name = 'DueFrom:FBO' \gset
SELECT account AS operating FROM our_account WHERE fund = 'CORP' AND name = 'Bank:operating' \gset
SELECT throws_ok(format($$SELECT load_journal('QRST', '{Dr %s 1.00 USD; Cr %s 1.00 USD}', 'BAD5')$$, :'alice', :'cover'), 'LG003', NULL,
	'a settled purchase without the company''s side is refused (I7)');
SELECT throws_ok(format($$SELECT load_journal('QRST', '{Dr %s %s; Cr %s %2$s; Dr %4$s %2$s; Cr %5$s %2$s}', 'BAD6')$$, :'cover',
	(balance_of(:'cover')).balance + '0.01 USD', :'bank', :'operating', :'covered'), 'LG050', NULL, 'the company takes no cent more out of the FBO account than is its own');
SELECT throws_ok(format($$SELECT load_journal('QRST', '{Dr %s %s; Cr %s %2$s; Dr %4$s %2$s; Cr %5$s %2$s}', 'BAD7')$$, :'cover',
	(balance_of(:'cover')).balance + '0.01 USD', :'dave', :'operating', :'covered'), 'LG050', NULL,
	'the company credits customers no cent more than is its own');
SELECT is((SELECT md5(string_agg(j::text, ',' ORDER BY journal_id)) FROM journal j), :'before', 'refused journals write nothing');

-- Posted again, everything is replayed
SELECT is((SELECT string_agg(DISTINCT r.outcome || ' ' || r.replayed, ',') FROM given_journal g,
	LATERAL load_journals(ARRAY[ROW(:'client', pg_temp.given_entry(g.n), g.id, 'general', g.text, NULL, false)::journal_request]) AS r), 'posted true',
	'golden journals submitted again are replayed');
SELECT is((SELECT count(*) FROM journal), 54::bigint, 'replayed journals are not written again');
SELECT finish();
ROLLBACK;
