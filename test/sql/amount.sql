-- amount: text and binary forms, casts, arithmetic, rounding, comparison, indexes
\set VERBOSITY terse
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
-- what bytes become when they are received as a type: text, or the SQLSTATE
CREATE FUNCTION received(bytes bytea, type regtype) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file text := current_setting('data_directory') || '/received.binary';
	result text;
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', bytes, file);
	EXECUTE format('CREATE TEMP TABLE received (value %s)', type);
	EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
	EXECUTE 'SELECT value::text FROM received' INTO result;
	DROP TABLE received;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- good input: one spelling comes out
SELECT literal, literal::amount
FROM unnest(ARRAY['6030.00 USD', '6030 USD', '+6030.5 USD', '-0.45 BTC', '0.00019367 BTC', '1e3 USD', '1E-18 ETH', '1.5e+2 USD', ' 12.3450 USD ',
	E'7\tUSD', '-0 USD', '0e99999999999 USD', '000000000000000000000000000000000000000000001.000000000000000000000000 USD',
	'1.000000000000000001 ETH', '85070591730234615865.843651857942052863 USD', '-85070591730234615865.843651857942052863 USD']) literal;

-- bad input: every one of these must be refused
SELECT literal, refusal(format('SELECT %L::bakkt_ledger.amount', literal))
FROM unnest(ARRAY['', 'USD', '5', '5USD', 'USD 5', '5 usd', '5 USD USD', '5 USD/BTC', '$5 USD', '1,000 USD', '1_000 USD', '0x10 USD', '.5 USD', '5. USD', '1e USD',
	'--5 USD', '- 5 USD', 'NaN USD', 'Infinity USD', '-inf USD', U&'\0661 USD', '5 ABCDEFGHIJK',
	'0.0000000000000000001 ETH', '1e-30 USD', '1e-99999999999999999999 USD',
	'85070591730234615865.843651857942052864 USD', '-85070591730234615865.843651857942052864 USD', '1e20 USD', '1e40 USD', '1e99999999999999999999 USD']) literal;
\set VERBOSITY default
SELECT 'garbage'::amount;
SELECT 'NaN USD'::amount;
SELECT '1e-19 ETH'::amount;
SELECT '1e40 USD'::amount;
\set VERBOSITY terse

-- binary form: 24 bytes, checked on the way in
SELECT amount_send('-1.5 USD'), amount_send('0.000000000000000001 A');
SELECT value, received(amount_send(value), 'amount') = value::text AS same
FROM unnest('{6030 USD,-0.45 BTC,0 USD,85070591730234615865.843651857942052863 ABCDEFGHIJ,-85070591730234615865.843651857942052863 0}'::amount[]) value;
SELECT what, received(bytes, 'amount') FROM (VALUES
	('empty', '\x'::bytea),
	('short', '\x00000000000000000000000000000000001f76f8c10000'),
	('long', '\x00000000000000000000000000000000001f76f8c100000000'),
	('no asset', '\x000000000000000000000000000000010000000000000000'),
	('bad asset', '\x00000000000000000000000000000001ffffffffffffffff'),
	('the most', '\x3fffffffffffffffffffffffffffffff001f76f8c1000000'),
	('one more', '\x40000000000000000000000000000000001f76f8c1000000'),
	('the least', '\xc0000000000000000000000000000001001f76f8c1000000'),
	('one less', '\xc0000000000000000000000000000000001f76f8c1000000'),
	('lowest bits', '\x80000000000000000000000000000000001f76f8c1000000')) bad (what, bytes);

-- putting together and taking apart
SELECT amount(12.5, 'USD'), amount(-0.00000001, 'BTC'), amount(1e17, 'USD'), zero('ETH');
SELECT refusal($$SELECT bakkt_ledger.amount('NaN'::numeric, 'USD')$$) AS nan, refusal($$SELECT bakkt_ledger.amount('Infinity'::numeric, 'USD')$$) AS infinity,
	refusal($$SELECT bakkt_ledger.amount(1e-19, 'USD')$$) AS too_fine, refusal($$SELECT bakkt_ledger.amount(1e40, 'USD')$$) AS too_large;
SELECT value(amount '6030 USD'), value(amount '-0.00019367 BTC'), value(amount '85070591730234615865.843651857942052863 USD'), value(amount '9223372036854775808 USD'),
	value(amount '92233720368547758.08 USD'), value(amount '-92233720368547758.08 USD'), value(amount '-92233720368547758.09 USD'), value(amount '0 USD');
SELECT asset(amount '6030 USD'), '1.50 USD'::amount::numeric, '1.50 USD'::amount::text, text '1.5 USD'::amount;
SELECT is_zero(amount '0 USD'), is_zero(amount '1e-18 USD'), sign(amount '-3 USD'), sign(amount '0 USD'), sign(amount '3 USD'), abs(amount '-3 USD'), abs(amount '3 USD');
CREATE TEMP TABLE words (word text, number numeric);
SELECT refusal($$INSERT INTO words (word) SELECT bakkt_ledger.amount(1, 'USD')$$) AS to_text,
	refusal($$INSERT INTO words (number) SELECT bakkt_ledger.amount(1, 'USD')$$) AS to_number,
	refusal($$SELECT 1::numeric::bakkt_ledger.amount$$) AS from_number,
	refusal($$SELECT bakkt_ledger.amount(1, 'USD')::float8$$) AS to_float,
	refusal($$SELECT bakkt_ledger.amount(1.5::float8, 'USD')$$) AS from_float;

-- arithmetic: exact, or refused
SELECT amount '1.10 USD' + '2.20 USD' AS plus, amount '1 USD' - '3 USD' AS minus, -amount '5 USD' AS negative, -amount '0 USD' AS zero,
	amount '1.25 USD' * 4 AS times, 4 * amount '1.25 USD' AS times_too, amount '10 USD' / 4 AS by, amount '10 USD' / amount '4 USD' AS ratio;
SELECT statement, refusal('SELECT ' || statement) FROM unnest(ARRAY[
	$$amount_plus('1 USD', '1 BTC')$$, $$amount_minus('1 USD', '1 BTC')$$, $$amount_ratio('1 USD', '1 BTC')$$,
	$$amount_plus('85070591730234615865 USD', '85070591730234615865 USD')$$, $$amount_plus('85070591730234615865.843651857942052863 USD', '1e-18 USD')$$,
	$$amount_minus('-85070591730234615865.843651857942052863 USD', '1e-18 USD')$$, $$amount_minus('-85070591730234615865 USD', '85070591730234615865 USD')$$,
	$$amount_times_integer('1e18 USD', 9223372036854775807)$$, $$amount_times_integer('1e18 USD', -9223372036854775808)$$,
	$$amount_by_integer('10 USD', 3)$$, $$amount_by_integer('10 USD', 0)$$, $$amount_ratio('10 USD', '0 USD')$$]) statement;
\set VERBOSITY default
SELECT amount '1 USD' + '1 BTC';
SELECT amount '10 USD' / 3;
SELECT amount '85070591730234615865 USD' * 2;
\set VERBOSITY terse
SELECT amount_plus(NULL, '1 USD') IS NULL AS strict;

-- rounding is by name and half-even unless said otherwise
SELECT value, round(value, 2) AS half_even, round(value, 2, 'half_up') AS half_up, round(value, 2, 'up') AS up, round(value, 2, 'down') AS down,
	round(value, 2, 'ceiling') AS ceiling, round(value, 2, 'floor') AS floor
FROM unnest('{1.005 USD,1.015 USD,-1.005 USD,-1.015 USD,1.0050001 USD,0.001 USD,-0.001 USD,7 USD}'::amount[]) value;
SELECT round(amount '1.5 USD', 0), round(amount '1.000000000000000001 ETH', 18), round(amount '1.50 USD', 2, 'none');
SELECT statement, refusal('SELECT ' || statement) FROM unnest(ARRAY[
	$$round(amount '1.005 USD', 2, 'none')$$, $$round(amount '1 USD', -1)$$, $$round(amount '1 USD', 19)$$, $$round(amount '1 USD', 2, 'bankers')$$, $$round(amount '1 USD', 2, 'HALF_UP')$$,
	$$round(amount '85070591730234615865.85 USD', 0, 'up')$$, $$fits_decimals(amount '1 USD', 19)$$, $$fits_decimals(amount '1 USD', -1)$$]) statement;
SELECT fits_decimals(amount '1.25 USD', 2), fits_decimals(amount '1.255 USD', 2), fits_decimals(amount '1e-18 ETH', 18), fits_decimals(amount '-5 USD', 0);
SELECT multiply_divide('12000 USD', 50, 10000, 2) AS fifty_basis_points, multiply_divide('0.01 USD', 5000, 10000, 2) AS tie_to_even, multiply_divide('0.03 USD', 5000, 10000, 2) AS tie_to_even_too,
	multiply_divide('10 USD', 1, 3, 8, 'up') AS third, multiply_divide('-10 USD', 1, -3, 18) AS signs;
SELECT statement, refusal('SELECT ' || statement) FROM unnest(ARRAY[
	$$multiply_divide('1 USD', 1, 0, 2)$$, $$multiply_divide('1 USD', 1, 3, 18, 'none')$$, $$multiply_divide('1e19 USD', 100, 1, 2)$$, $$multiply_divide('1 USD', 1, 3, 20)$$]) statement;
SELECT is_multiple_of(amount '1.05 BTC', '0.05 BTC'), is_multiple_of(amount '1.06 BTC', '0.05 BTC'), is_multiple_of(amount '-1.05 BTC', '0.05 BTC'), is_multiple_of(amount '0 BTC', '0.05 BTC');
SELECT refusal($$SELECT bakkt_ledger.is_multiple_of('1 BTC'::bakkt_ledger.amount, '1 USD')$$), refusal($$SELECT bakkt_ledger.is_multiple_of('1 BTC'::bakkt_ledger.amount, '0 BTC')$$);

-- largest remainder: the parts sum to the total, ties go to the lower index
SELECT allocate('100 USD', 2, ARRAY[1, 1, 1]), allocate('-100 USD', 2, ARRAY[1, 1, 1]), allocate('0.02 USD', 2, ARRAY[0, 1, 1, 1]), allocate('0 USD', 2, ARRAY[1, 2]);
SELECT allocate('100.00 USD', 2, '{0.5 BTC,0.25 BTC,0.125 BTC}'::amount[]), allocate('1 ETH', 18, '{1 ETH,2 ETH}'::amount[]), allocate('10 USD', 0, ARRAY[0.5, 0.25, 0.25]);
SELECT sum(part) FROM unnest(allocate('12345.67 USD', 2, (SELECT array_agg(n::numeric) FROM generate_series(1, 1000) n))) part;
SELECT statement, refusal('SELECT ' || statement) FROM unnest(ARRAY[
	$$allocate('1 USD', 2, '{}'::numeric[])$$, $$allocate('1 USD', 2, '{1,NULL}'::numeric[])$$, $$allocate('1 USD', 2, '{1,-1}'::numeric[])$$, $$allocate('1 USD', 2, '{0,0}'::numeric[])$$,
	$$allocate('1 USD', 2, '{1,NaN}'::numeric[])$$, $$allocate('1.005 USD', 2, '{1,1}'::numeric[])$$, $$allocate('1 USD', 19, '{1,1}'::numeric[])$$,
	$$allocate('1 USD', 2, '{1 BTC,1 ETH}'::bakkt_ledger.amount[])$$, $$allocate('1 USD', 2, '{8e19 BTC,8e19 BTC}'::bakkt_ledger.amount[])$$]) statement;

-- strict comparison refuses two assets, the total order takes any
SELECT amount '1 USD' < '2 USD' AS lt, amount '2 USD' <= '2.00 USD' AS le, amount '2 USD' = '2.00 USD' AS eq, amount '1 USD' <> '2 USD' AS ne, amount '2 USD' >= '2 USD' AS ge,
	amount '2 USD' > '1 USD' AS gt, amount '-1 USD' < '1 USD' AS negative, amount '1e-18 USD' > '0 USD' AS small;
SELECT operator, refusal(format('SELECT bakkt_ledger.amount ''1 BTC'' operator(bakkt_ledger.%s) ''5 USD''', operator)) AS strict,
	refusal(format('SELECT bakkt_ledger.amount ''1 BTC'' operator(bakkt_ledger.*%s) ''5 USD''', operator)) AS total
FROM unnest('{<,<=,=,<>,>=,>}'::text[]) operator;
SELECT amount '9 BTC' *< '5 USD' AS lt, amount '9 BTC' *<= '5 USD' AS le, amount '5 BTC' *= '5 USD' AS eq, amount '5 BTC' *<> '5 USD' AS ne, amount '9 BTC' *>= '5 USD' AS ge, amount '9 BTC' *> '5 USD' AS gt;

-- the total order is one order: operators, comparison function and hash agree
CREATE TEMP TABLE samples AS SELECT amount(n, code) AS value FROM unnest('{-1e19,-18446744073709.551616,-1,-1e-18,0,1e-18,0.5,1,18446744073709.551615,18446744073709.551616,1e19}'::numeric[]) n, unnest('{BTC,USD}'::asset[]) code;
SELECT count(*), bool_and(amount_cmp(x.value, y.value) = CASE WHEN x.value *< y.value THEN -1 WHEN x.value *= y.value THEN 0 ELSE 1 END
	AND (x.value *> y.value) = (y.value *< x.value) AND (x.value *<= y.value) <> (x.value *> y.value) AND (x.value *>= y.value) <> (x.value *< y.value)
	AND (x.value *= y.value) <> (x.value *<> y.value)) AS operators,
	bool_and((x.value *< y.value) = ((asset(x.value), value(x.value)) < (asset(y.value), value(y.value)))) AS as_numbers,
	bool_and(x.value *<> y.value OR amount_hash(x.value) = amount_hash(y.value) AND amount_hash_extended(x.value, 42) = amount_hash_extended(y.value, 42)) AS hashes
FROM samples x, samples y;
SELECT array_agg(value ORDER BY value) FROM samples WHERE asset(value) = 'BTC' OR value *= '0 USD';

-- mixed assets sort, group, and go into indexes
CREATE TEMP TABLE mixed AS SELECT amount(n % 1000, (ARRAY['USD', 'BTC', 'ETH'])[n % 3 + 1]::asset) AS value FROM generate_series(1, 30000) n;
CREATE INDEX mixed_btree ON mixed (value);
CREATE INDEX mixed_hash ON mixed USING hash (value);
ANALYZE mixed;
SELECT count(DISTINCT value) FROM mixed;
SELECT count(*), min(times), max(times) FROM (SELECT value, count(*) AS times FROM mixed GROUP BY value) grouped;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT value FROM mixed WHERE value *>= '998 USD' ORDER BY value;
SELECT value, count(*) FROM mixed WHERE value *>= '998 USD' GROUP BY value ORDER BY value;
DROP INDEX mixed_btree;
EXPLAIN (COSTS OFF) SELECT count(*) FROM mixed WHERE value *= '77 BTC';
SELECT count(*) FROM mixed WHERE value *= '77 BTC';
RESET enable_seqscan;
RESET enable_bitmapscan;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM mixed a JOIN mixed b ON a.value *= b.value;
RESET enable_mergejoin;
SET enable_hashjoin = off;
SELECT count(*) FROM mixed a JOIN mixed b ON a.value *= b.value WHERE a.value *= '5 USD';
RESET enable_hashjoin;
RESET enable_nestloop;
CREATE TEMP TABLE parts (value amount PRIMARY KEY) PARTITION BY HASH (value);
CREATE TEMP TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT DISTINCT value FROM mixed;
SELECT count(*), count(*) FILTER (WHERE tableoid = 'parts_0'::regclass) BETWEEN 1000 AND 2000 AS spread FROM parts;
INSERT INTO parts VALUES ('1.000 USD');

-- the planner never raises where execution would not: it estimates with the total order
ANALYZE parts;
SELECT operator, refusal(format('EXPLAIN SELECT value FROM mixed WHERE value %s bakkt_ledger.amount ''5 USD''', operator)) AS filter,
	refusal(format('EXPLAIN SELECT 1 FROM mixed a JOIN parts_0 b ON a.value %s b.value', operator)) AS joined
FROM unnest('{<,<=,=,<>,>=,>}'::text[]) operator;
SELECT count(*) FROM (SELECT value FROM mixed WHERE asset(value) = 'USD' OFFSET 0) dollars WHERE value < '5 USD';
SELECT count(*) FROM mixed WHERE value < '5 USD';

SELECT opcname, amprocnum, amproc FROM pg_amproc JOIN pg_opclass ON opcfamily = amprocfamily
WHERE opcintype = 'amount'::regtype AND amprocnum > 1 ORDER BY amproc::text;
DROP FUNCTION refusal, received;
