-- journal_entry: nothing unbalanced per (fund, asset) gets in by any door (I1)
\set VERBOSITY sqlstate
\set SHOW_CONTEXT never
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', SQLSTATE, NULLIF(detail, ''));
END $$;
CREATE FUNCTION literal_refusal(literal text) RETURNS text LANGUAGE sql AS
$$SELECT refusal(format('SELECT %L::bakkt_ledger.journal_entry', literal))$$;

-- text
SELECT '{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD}'::journal_entry;
SELECT E'\t{ Dr  FBO:17 12 USD;Cr FBO:19 1.2e1 USD ;\n Dr CUST:3 0.5 BTC ; Cr CUST:4 0.50 BTC } '::journal_entry;
SELECT '{Dr FBO:1 0 USD}'::journal_entry AS zero_line;

-- balanced per asset, not per fund: rent paid out of customer cash (golden/audit.sql, fault 2)
SELECT literal_refusal('{Dr CORP:1 500.00 USD; Cr FBO:2 500.00 USD}');
-- balanced per fund in total, not per asset
SELECT literal_refusal('{Dr FBO:1 5.00 USD; Cr FBO:2 5.00 USDC}');
SELECT literal_refusal('{Dr FBO:1 5.00 USD; Cr FBO:2 5.000000000000000001 USD}');
SELECT literal_refusal('{Dr FBO:1 1 A; Dr FBO:1 1 B; Dr FBO:1 1 C; Cr SEG:1 1 D; Cr CUST:1 1 E; Cr CORP:1 1 F}');
SELECT literal_refusal('{}') AS empty, literal_refusal('{ }') AS blank;

-- malformed
SELECT left(literal, 40) AS literal, literal_refusal(literal) FROM unnest(ARRAY[
	'', '{', '}', 'Dr FBO:1 1 USD', '{Dr}', '{Dr FBO:1}', '{Dr FBO:1 1}', '{Dr FBO:1 1 USD', '{Dr FBO:1 0 USD;}', '{;}', '{Dr FBO:1 0 USD}}', '{Dr FBO:1 0 USD} x',
	'{dr FBO:1 0 USD}', '{Debit FBO:1 0 USD}', '{Dr FBO:0 0 USD}', '{Dr XYZ:1 0 USD}', '{Dr FBO:1 -1 USD}', '{Dr FBO:1 +1 USD}', '{Dr FBO:1 NaN USD}',
	'{Dr FBO:1 Infinity USD}', '{Dr FBO:1 1e40 USD}', '{Dr FBO:1 0.0000000000000000001 USD}', '{Dr FBO:1 1,000 USD}', '{Dr FBO:1 0x1 USD}', '{Dr FBO:1 0 usd}',
	'{Dr FBO:1 0 TOOLONGASSET}', '{Dr FBO:1 0 US$}', '{Dr FBO:1 0 USD 7}', '{Dr FBO:1 0 USD, Cr FBO:1 0 USD}', '{{Dr FBO:1 0 USD}}',
	'{Dr FBO:1 0 USD; Cr ' || repeat('long', 100) || '}']) literal;

-- sums beyond the range are refused, not wrapped
SELECT literal_refusal('{Dr FBO:1 85000000000000000000 A; Dr FBO:1 85000000000000000000 A; Cr FBO:1 85000000000000000000 A; Cr FBO:1 85000000000000000000 A}');
SELECT '{Dr FBO:1 85000000000000000000 A; Cr FBO:1 85000000000000000000 A}'::journal_entry;
SELECT refusal($$SELECT bakkt_ledger.net(e::bakkt_ledger.journal_entry) FROM unnest(ARRAY['{Dr FBO:1 85000000000000000000 A; Cr FBO:2 85000000000000000000 A}',
	'{Dr FBO:1 85000000000000000000 A; Cr FBO:3 85000000000000000000 A}']) e$$) AS net,
	refusal($$SELECT bakkt_ledger.amount_of('{Dr FBO:1 85000000000000000000 A; Cr FBO:2 85000000000000000000 A; Dr FBO:1 85000000000000000000 A; Cr FBO:2 85000000000000000000 A}', 'FBO:1')$$) AS amount_of;

-- binary: only the canonical bytes of a balanced entry
CREATE FUNCTION bytes_refusal(bytes bytea) RETURNS text LANGUAGE sql AS
$$SELECT refusal(format('SELECT %L::bytea::bakkt_ledger.journal_entry', bytes))$$;
SELECT '{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD}'::journal_entry::bytea;
SELECT journal_entry_send('{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD}') = '{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD}'::journal_entry::bytea AS send_is_packed_form;
SELECT bytes_refusal('') AS nothing, bytes_refusal('\x01') AS version_only, bytes_refusal('\x01ffffffffffffffff7f') AS huge_count;
-- every single-bit change of an entry is refused or gives another, still balanced entry that has this one byte form
CREATE FUNCTION survives(bytes bytea) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE changed journal_entry;
BEGIN
	changed := bytes::journal_entry;
	IF changed::bytea <> bytes OR changed::text::journal_entry::bytea <> bytes THEN
		RAISE 'not canonical: %', bytes;
	END IF;
	RETURN true;
EXCEPTION WHEN invalid_binary_representation OR numeric_value_out_of_range OR SQLSTATE 'LG001' THEN
	RETURN false;
END $$;
SELECT sum(length(b) * 8) AS flips, sum(survivors) AS other_entries
FROM (VALUES ('{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD; Dr CUST:300 0.5 BTC; Cr CUST:4 0.25 BTC; Cr CUST:5 0.25 BTC}'::journal_entry::bytea)) v (b),
	LATERAL (SELECT count(*) FILTER (WHERE survives(set_bit(b, n, 1 - get_bit(b, n)))) AS survivors FROM generate_series(0, length(b) * 8 - 1) n) s;
-- cut short or continued
SELECT count(*) FILTER (WHERE survives(substr(b, 1, n))) AS cut, bool_or(survives(b || '\x00')) AS continued
FROM (VALUES ('{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD; Dr CUST:300 0.5 BTC; Cr CUST:4 0.5 BTC}'::journal_entry::bytea)) v (b), generate_series(0, length(b) - 1) n;
-- a second spelling of the same entry: one decimal too many, an unused asset, a longer varint
SELECT bytes_refusal('\x01010c400000000000020201000200') AS unused, bytes_refusal('\x0181000c40000000000000010900') AS long_varint;

-- lines, constructors and the aggregate
SELECT journal_entry(line('Dr', 'FBO:17', '12.00 USD'), line('Cr', 'FBO:19', '12.00 USD'));
SELECT account(l), amount(l), l FROM unnest(ARRAY[line('Dr', 'FBO:17', '12.00 USD'), 'Cr FBO:19 12.00 USD']) l;
SELECT refusal($$SELECT bakkt_ledger.line('Dr', 'FBO:17', '-1 USD')$$) AS negative, refusal($$SELECT bakkt_ledger.line('D', 'FBO:17', '1 USD')$$) AS side,
	refusal($$SELECT bakkt_ledger.journal_entry(bakkt_ledger.line('Dr', 'FBO:17', '12.00 USD'), bakkt_ledger.line('Cr', 'CORP:19', '12.00 USD'))$$) AS unbalanced,
	refusal($$SELECT bakkt_ledger.journal_entry(VARIADIC '{}'::bakkt_ledger.entry_line[])$$) AS empty,
	refusal($$SELECT bakkt_ledger.journal_entry(bakkt_ledger.line('Dr', 'FBO:17', '0 USD'), NULL)$$) AS nothing,
	refusal($$SELECT 'Cr FBO:1 x USD'::bakkt_ledger.entry_line$$) AS malformed, refusal($$SELECT 'Cr FBO:1 1 USD 2'::bakkt_ledger.entry_line$$) AS too_much;
SELECT journal_entry(account, amount ORDER BY n) FROM (VALUES (2, 'FBO:19'::account_id, '-12.00 USD'::amount), (1, 'FBO:17', '12.00 USD')) v (n, account, amount);
SELECT journal_entry(account, amount) IS NULL AS no_rows FROM (SELECT 'FBO:1'::account_id AS account, '1 USD'::amount AS amount WHERE false) s;
SELECT refusal($$SELECT bakkt_ledger.journal_entry('FBO:1'::bakkt_ledger.account_id, '1 USD'::bakkt_ledger.amount) FROM generate_series(1, 3)$$) AS unbalanced,
	refusal($$SELECT bakkt_ledger.journal_entry('FBO:1'::bakkt_ledger.account_id, NULL::bakkt_ledger.amount) FROM generate_series(1, 3)$$) AS null_amount;

-- looking into entries
SELECT * FROM lines('{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD; Dr CUST:3 0.00000001 BTC; Cr CUST:4 0.00000001 BTC}');
SELECT line_count(e), accounts(e), touches(e, 'FBO:17'), touches(e, 'FBO:18') AS untouched, amount_of(e, 'FBO:17'), amount_of(e, 'FBO:18') AS absent
FROM (SELECT '{Dr FBO:17 12.00 USD; Cr FBO:9 10.00 USD; Cr FBO:17 2.00 USD}'::journal_entry AS e) s;
SELECT refusal($$SELECT bakkt_ledger.amount_of('{Dr FBO:1 1 USD; Cr FBO:2 1 USD; Dr FBO:1 1 BTC; Cr FBO:2 1 BTC}', 'FBO:1')$$) AS two_assets;
-- duplicate lines on one account stay, in their order
SELECT '{Dr FBO:1 1.00 USD; Dr FBO:1 1.00 USD; Cr FBO:1 2.00 USD}'::journal_entry, line_count('{Dr FBO:1 1.00 USD; Dr FBO:1 1.00 USD; Cr FBO:1 2.00 USD}');
SELECT reverse(e), reverse(reverse(e)) = e AS twice, e + reverse(e) AS both
FROM (SELECT '{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD}'::journal_entry AS e) s;

-- equality and order
SELECT a = b AS same, a = c AS other_order, a <> c AS ne, (a < c) <> (a > c) AS ordered, journal_entry_hash(a) = journal_entry_hash(b) AS hash
FROM (SELECT '{Dr FBO:1 1.0 USD; Cr FBO:2 1 USD}'::journal_entry, '{Dr FBO:1 1 USD;Cr FBO:2 1.000 USD}'::journal_entry,
	'{Cr FBO:2 1 USD; Dr FBO:1 1 USD}'::journal_entry) s (a, b, c);
SELECT count(DISTINCT e) FROM unnest(ARRAY['{Dr FBO:1 1.0 USD; Cr FBO:2 1 USD}', '{Dr FBO:1 1 USD; Cr FBO:2 1 USD}', '{Cr FBO:2 1 USD; Dr FBO:1 1 USD}']::journal_entry[]) e;

-- random balanced entries: text and binary round trips, sums against numeric
SELECT setseed(0.5);
CREATE TEMP TABLE random_line AS
SELECT entry, line, account_id((ARRAY['FBO', 'CUST', 'SEG', 'CORP'])[1 + (random() * 3)::int], 1 + (random() * 20)::int) AS account,
	(ARRAY['USD', 'BTC', 'ETH'])[1 + (random() * 2)::int] AS asset,
	trunc((random() * 1e9 - 5e8)::numeric / (ARRAY[1, 100, 1e8, 1e15])[1 + (random() * 3)::int], 18) AS amount
FROM generate_series(1, 4000) entry, generate_series(1, 5) line;
-- each line is answered by one on another account of its fund
CREATE TEMP TABLE random_posting AS
SELECT entry, 2 * line AS line, account, asset, amount FROM random_line
UNION ALL
SELECT entry, 2 * line + 1, account_id(fund(account), 100 + entry % 7), asset, -amount FROM random_line;
CREATE TEMP TABLE random_entry AS
SELECT entry, journal_entry(account, (amount::text || ' ' || asset)::amount ORDER BY line) AS value FROM random_posting GROUP BY entry;
SELECT count(*) AS entries, count(*) FILTER (WHERE value::text::journal_entry = value AND value::bytea::journal_entry = value
	AND reverse(reverse(value)) = value AND line_count(value) = 10) AS round_trips FROM random_entry;
SELECT count(*) AS lines_that_differ FROM
	(SELECT entry, account, amount, row_number() OVER (PARTITION BY entry ORDER BY line) AS n, asset FROM random_posting) p
	FULL JOIN (SELECT entry, l.* FROM random_entry, lines(value) l) l ON l.entry = p.entry AND l.line = p.n
WHERE (p.account, (p.amount::text || ' ' || p.asset)::amount::text) IS DISTINCT FROM (l.account, l.amount::text);
CREATE TEMP VIEW expected AS
SELECT account, asset, sum(amount) AS amount FROM random_posting GROUP BY 1, 2 HAVING sum(amount) <> 0;
CREATE TEMP VIEW actual AS
SELECT account(l) AS account, split_part(amount(l)::text, ' ', 2) AS asset, split_part(amount(l)::text, ' ', 1)::numeric AS amount
FROM (SELECT unnest(net(value)) AS l FROM random_entry) s;
SELECT (SELECT count(*) FROM expected) > 100 AS enough, count(*) AS nets_that_differ
FROM expected FULL JOIN actual USING (account, asset) WHERE expected.amount IS DISTINCT FROM actual.amount;
-- the net of entries is itself an entry
SELECT line_count(journal_entry(VARIADIC net(value))) = (SELECT count(*) FROM expected) AS net_balances FROM random_entry;
SELECT account, count(*) FILTER (WHERE s IS DISTINCT FROM e) AS sums_that_differ FROM (
	SELECT a.account, a.asset, (SELECT sum_for(a.account, value) FROM random_entry) ::text AS s, NULL AS e FROM (VALUES ('FBO:999'::account_id, 'USD')) a (account, asset)) x GROUP BY 1;

-- one asset only, so that sum_for has an answer for every account
CREATE TABLE usd_entry AS
SELECT journal_entry(line('Dr', account_id('FBO', 1 + n % 13), (n % 97 || '.01 USD')::amount), line('Cr', account_id('FBO', 1 + n % 11), (n % 97 || '.01 USD')::amount)) AS value
FROM generate_series(1, 20000) n;
CREATE TEMP VIEW by_sum AS SELECT a, (SELECT sum_for(account_id('FBO', a), value) FROM usd_entry) AS total FROM generate_series(1, 14) a;
CREATE TEMP VIEW by_line AS SELECT account_number(account) AS a, sum(split_part(amount::text, ' ', 1)::numeric) AS total FROM usd_entry, lines(value) GROUP BY 1;
SELECT count(*) AS accounts, count(*) FILTER (WHERE split_part(by_sum.total::text, ' ', 1)::numeric IS DISTINCT FROM by_line.total) AS differ FROM by_sum LEFT JOIN by_line USING (a);
-- parallel plans give the same
ANALYZE usd_entry;
SELECT net(value) AS serial_net, sum_for('FBO:3', value) AS serial_sum FROM usd_entry \gset
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT net(value), sum_for('FBO:3', value) FROM usd_entry;
SELECT net(value)::text = :'serial_net' AS net_agrees, sum_for('FBO:3', value)::text = :'serial_sum' AS sum_agrees FROM usd_entry;
RESET ALL;
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
DROP VIEW by_sum, by_line;
DROP TABLE usd_entry;

-- a sum that leaves the range on the way and comes back is no error; activity counts entries; turnover is per fund
SELECT net(e ORDER BY n) FROM (VALUES (1, '{Dr FBO:1 80000000000000000000 A; Cr FBO:2 80000000000000000000 A}'::journal_entry),
	(2, '{Dr FBO:1 80000000000000000000 A; Cr FBO:3 80000000000000000000 A}'), (3, '{Dr FBO:2 80000000000000000000 A; Cr FBO:1 80000000000000000000 A}')) v (n, e);
SELECT a.* FROM (SELECT activity(e) AS all_of FROM unnest(ARRAY['{Dr FBO:1 2 USD; Dr FBO:1 1 USD; Cr FBO:2 3 USD}', '{Cr FBO:1 3 USD; Dr FBO:3 3 USD}']::journal_entry[]) e) s,
	unnest(all_of) a;
SELECT t.* FROM (SELECT turnover(e) AS all_of FROM unnest(ARRAY['{Dr FBO:1 2 USD; Dr FBO:1 1 USD; Cr FBO:2 3 USD; Dr CORP:9 1 BTC; Cr CORP:8 1 BTC}',
	'{Dr CORP:1 3 USD; Cr CORP:3 3 USD; Cr FBO:1 3 USD; Dr FBO:3 3 USD}', '{Dr CORP:1 80000000000000000000 A; Cr CORP:1 80000000000000000000 A}',
	'{Dr CORP:1 80000000000000000000 A; Cr CORP:1 80000000000000000000 A}']::journal_entry[]) e) s, unnest(all_of) t;

-- many lines, many assets
SELECT line_count(e) AS lines, e::text::journal_entry = e AS text, e::bytea::journal_entry = e AS bytes, array_length(accounts(e), 1) AS accounts
FROM (SELECT journal_entry(account_id('FBO', n), ((CASE WHEN n <= 50000 THEN 1 ELSE -1 END) || '.01 USD')::amount ORDER BY n) AS e FROM generate_series(1, 100000) n) s;
SELECT line_count(e) AS lines, e::bytea::journal_entry = e AS bytes FROM
	(SELECT journal_entry(account_id('FBO', n), (side || ' A' || n % 300)::amount ORDER BY n, side) AS e FROM generate_series(1, 1000) n, unnest(ARRAY[1, -1]) side) s;

-- stored values stay small: the eight lines of a trade
SELECT pg_column_size('{Dr CUST:100001 0.25 BTC; Cr CUST:100002 0.25 BTC; Dr CUST:100003 16000.00 USD; Cr CUST:100004 16000.00 USD;
	Dr CORP:100005 80.00 USD; Cr CORP:100006 56.00 USD; Cr CORP:100007 24.00 USD}'::journal_entry) < 80 AS small;

-- COPY in both forms
CREATE TEMP TABLE stored (entry journal_entry);
COPY stored FROM stdin;
{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD}
\.
COPY stored FROM stdin;
{Dr FBO:17 12.00 USD; Cr CORP:19 12.00 USD}
\.
SELECT * FROM stored;

DROP FUNCTION bytes_refusal, literal_refusal, refusal, survives;
