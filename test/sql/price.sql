-- price: text and binary forms, casts, arithmetic with amounts, comparison, indexes
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
SELECT literal, literal::price
FROM unnest(ARRAY['64250.10 USD/BTC', '64250 USD/BTC', ' 1e-8 BTC/DOGE ', '-1.5 USD/BTC', '0 USD/BTC', '1 USD/USDC', '0.000000000000000001 ETH/SHIB',
	'85070591730234615865.843651857942052863 ABCDEFGHIJ/0123456789']) literal;

-- bad input: every one of these must be refused
SELECT literal, refusal(format('SELECT %L::bakkt_ledger.price', literal))
FROM unnest(ARRAY['', '5', '5 USD', 'USD/BTC', '5USD/BTC', '5 /BTC', '5 USD/', '5 USD / BTC', '5 USD/BTC/ETH', '5 usd/btc', '5 USD/BTC x', 'NaN USD/BTC', 'Infinity USD/BTC',
	'1e-19 USD/BTC', '1e20 USD/BTC']) literal;
\set VERBOSITY default
SELECT '5 USD'::price;
\set VERBOSITY terse

-- binary form: 32 bytes, checked on the way in
SELECT price_send('1 USD/BTC');
SELECT value, received(price_send(value), 'price') = value::text AS same
FROM unnest('{64250.10 USD/BTC,-1 USD/BTC,85070591730234615865.843651857942052863 ABCDEFGHIJ/0}'::price[]) value;
SELECT what, received(bytes, 'price') FROM (VALUES
	('short', '\x00000000000000000000000000000001001f76f8c1000000'::bytea),
	('long', '\x00000000000000000000000000000001001f76f8c1000000001f76f8c100000000'),
	('no base', '\x00000000000000000000000000000001001f76f8c10000000000000000000000'),
	('no quote', '\x000000000000000000000000000000010000000000000000001f76f8c1000000'),
	('out of range', '\x40000000000000000000000000000000001f76f8c1000000001f76f8c1000000')) bad (what, bytes);

-- putting together and taking apart
SELECT price(64250.1, 'USD', 'BTC'), value(price '64250.1 USD/BTC'), quote(price '64250.1 USD/BTC'), base(price '64250.1 USD/BTC'), '1.5 USD/BTC'::price::numeric,
	'1.5 USD/BTC'::price::text, text '1.5 USD/BTC'::price;
SELECT refusal($$SELECT bakkt_ledger.price('NaN'::numeric, 'USD', 'BTC')$$) AS nan, refusal($$SELECT bakkt_ledger.price(1e-19, 'USD', 'BTC')$$) AS too_fine;

-- amount times price: dimensions are checked, nothing rounds
SELECT amount '0.2 BTC' * price '60300 USD/BTC', price '60300 USD/BTC' * amount '0.2 BTC', amount '-0.2 BTC' * price '60300.55 USD/BTC';
SELECT refusal($$SELECT bakkt_ledger_internal.amount_times_price('0.2 USD', '60300 USD/BTC')$$) AS quote_not_base, refusal($$SELECT bakkt_ledger_internal.amount_times_price('0.2 ETH', '60300 USD/BTC')$$) AS other,
	refusal($$SELECT bakkt_ledger_internal.price_times_amount('60300 USD/BTC', '0.2 ETH')$$) AS other_too,
	refusal($$SELECT bakkt_ledger_internal.amount_times_price('0.0000000001 BTC', '0.0000000001 USD/BTC')$$) AS inexact, refusal($$SELECT bakkt_ledger_internal.amount_times_price('1e15 BTC', '60300 USD/BTC')$$) AS accepted,
	refusal($$SELECT bakkt_ledger_internal.amount_times_price('1e15 BTC', '100000 USD/BTC')$$) AS too_large;
\set VERBOSITY default
SELECT amount '0.2 ETH' * price '60300 USD/BTC';
SELECT amount '0.0000000001 BTC' * price '0.0000000001 USD/BTC';
\set VERBOSITY terse
SELECT multiply('0.12345678 BTC', '60300.123 USD/BTC', 2), multiply('0.12345678 BTC', '60300.123 USD/BTC', 2, 'up'), multiply('0.0000000001 BTC', '0.0000000001 USD/BTC', 18),
	multiply('0.5 BTC', '0.01 USD/BTC', 2) AS tie_to_even, multiply('0.5 BTC', '0.03 USD/BTC', 2) AS tie_to_even_too;
SELECT divide('100 USD', '60300 USD/BTC', 8), divide('100 USD', '60300 USD/BTC', 8, 'up'), divide('12060 USD', '60300 USD/BTC', 18, 'none');
SELECT statement, refusal('SELECT bakkt_ledger.' || statement) FROM unnest(ARRAY[
	$$multiply('0.2 ETH', '60300 USD/BTC', 2)$$, $$multiply('0.2 BTC', '60300.001 USD/BTC', 2, 'none')$$, $$multiply('0.2 BTC', '60300 USD/BTC', 19)$$, $$multiply('0.2 BTC', '60300 USD/BTC', 2, 'nearest')$$,
	$$divide('0.2 BTC', '60300 USD/BTC', 2)$$, $$divide('1 USD', '0 USD/BTC', 2)$$, $$divide('1 USD', '3 USD/BTC', 8, 'none')$$, $$divide('85070591730234615865 USD', '0.5 USD/BTC', 8)$$,
	$$average_price('100 USD', '0 BTC', 8)$$]) statement;
SELECT average_price('12060 USD', '0.2 BTC', 2), average_price('100 USD', '3 BTC', 8), average_price('-100 USD', '-3 BTC', 2, 'up');

-- markups in basis points are exact
SELECT markup('60000 USD/BTC', 50), markup('60000 USD/BTC', -12.5), markup('60000 USD/BTC', 0), markup('0.00000001 BTC/DOGE', 1);
SELECT refusal($$SELECT bakkt_ledger.markup('60000.000000000000000001 USD/BTC', 50)$$) AS inexact, refusal($$SELECT bakkt_ledger.markup('60000 USD/BTC', 'NaN')$$) AS nan,
	refusal($$SELECT bakkt_ledger.markup('8e19 USD/BTC', 10000)$$) AS too_large, refusal($$SELECT bakkt_ledger.markup('1 USD/BTC', 85070591730234615865)$$) AS far_too_large;
\set VERBOSITY default
SELECT markup('60000.000000000000000001 USD/BTC', 50);
\set VERBOSITY terse

-- arithmetic within one pair
SELECT price '1.10 USD/BTC' + '2.20 USD/BTC' AS plus, price '1 USD/BTC' - '3 USD/BTC' AS minus, -price '5 USD/BTC' AS negative;
SELECT refusal($$SELECT bakkt_ledger_internal.price_plus('1 USD/BTC', '1 USD/ETH')$$) AS base, refusal($$SELECT bakkt_ledger_internal.price_minus('1 USD/BTC', '1 USDC/BTC')$$) AS quote,
	refusal($$SELECT bakkt_ledger_internal.price_plus('8e19 USD/BTC', '8e19 USD/BTC')$$) AS too_large;
SELECT round(price '1.005 USD/BTC', 2), round(price '1.005 USD/BTC', 2, 'half_up'), round(price '-1.005 USD/BTC', 2, 'floor'), fits_decimals(price '1.005 USD/BTC', 2), fits_decimals(price '1.005 USD/BTC', 3);
SELECT refusal($$SELECT bakkt_ledger.round('1.005 USD/BTC'::bakkt_ledger.price, 2, 'none')$$) AS inexact, refusal($$SELECT bakkt_ledger.round('1 USD/BTC'::bakkt_ledger.price, 19)$$) AS decimals;
SELECT is_multiple_of(price '64250.10 USD/BTC', '0.01 USD/BTC'), is_multiple_of(price '64250.105 USD/BTC', '0.01 USD/BTC');
SELECT refusal($$SELECT bakkt_ledger.is_multiple_of('1 USD/BTC'::bakkt_ledger.price, '1 USD/ETH')$$) AS pair, refusal($$SELECT bakkt_ledger.is_multiple_of('1 USD/BTC'::bakkt_ledger.price, '0 USD/BTC')$$) AS zero;

-- strict comparison refuses two pairs, the total order takes any
SELECT price '1 USD/BTC' < '2 USD/BTC' AS lt, price '2 USD/BTC' <= '2.00 USD/BTC' AS le, price '2 USD/BTC' = '2.00 USD/BTC' AS eq, price '1 USD/BTC' <> '2 USD/BTC' AS ne,
	price '2 USD/BTC' >= '2 USD/BTC' AS ge, price '2 USD/BTC' > '1 USD/BTC' AS gt;
SELECT operator, refusal(format('SELECT bakkt_ledger.price ''1 USD/BTC'' operator(bakkt_ledger.%s) ''5 USD/ETH''', operator)) AS strict,
	refusal(format('SELECT bakkt_ledger.price ''1 USD/BTC'' operator(bakkt_ledger.%s) ''5 USDC/BTC''', operator)) AS strict_too,
	refusal(format('SELECT bakkt_ledger.price ''1 USD/BTC'' operator(bakkt_ledger.*%s) ''5 USD/ETH''', operator)) AS total
FROM unnest('{<,<=,=,<>,>=,>}'::text[]) operator;
CREATE TEMP TABLE samples AS SELECT price(n, quote, base) AS value FROM unnest('{-1e19,-1,-1e-18,0,1e-18,1,18446744073709.551616,1e19}'::numeric[]) n, unnest('{USD,USDC}'::asset[]) quote, unnest('{BTC,ETH}'::asset[]) base;
SELECT count(*), bool_and(price_cmp(x.value, y.value) = CASE WHEN x.value *< y.value THEN -1 WHEN x.value *= y.value THEN 0 ELSE 1 END
	AND (x.value *> y.value) = (y.value *< x.value) AND (x.value *<= y.value) <> (x.value *> y.value) AND (x.value *>= y.value) <> (x.value *< y.value)
	AND (x.value *= y.value) <> (x.value *<> y.value)) AS operators,
	bool_and((x.value *< y.value) = ((quote(x.value), base(x.value), value(x.value)) < (quote(y.value), base(y.value), value(y.value)))) AS as_numbers,
	bool_and(x.value *<> y.value OR price_hash(x.value) = price_hash(y.value) AND price_hash_extended(x.value, 42) = price_hash_extended(y.value, 42)) AS hashes
FROM samples x, samples y;
CREATE TEMP TABLE mixed AS SELECT price(n % 1000, 'USD', (ARRAY['DOGE', 'BTC', 'ETH'])[n % 3 + 1]::asset) AS value FROM generate_series(1, 30000) n;
CREATE INDEX mixed_btree ON mixed (value);
CREATE INDEX mixed_hash ON mixed USING hash (value);
ANALYZE mixed;
SELECT count(DISTINCT value) FROM mixed;
SELECT count(*), min(times), max(times) FROM (SELECT value, count(*) AS times FROM mixed GROUP BY value) grouped;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT value FROM mixed WHERE value *>= '998 USD/ETH' ORDER BY value;
SELECT value, count(*) FROM mixed WHERE value *>= '998 USD/ETH' GROUP BY value ORDER BY value;
DROP INDEX mixed_btree;
EXPLAIN (COSTS OFF) SELECT count(*) FROM mixed WHERE value *= '77 USD/BTC';
SELECT count(*) FROM mixed WHERE value *= '77 USD/BTC';
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT operator, refusal(format('EXPLAIN SELECT value FROM mixed WHERE value %s bakkt_ledger.price ''5 USD/BTC''', operator)) AS planned
FROM unnest('{<,<=,=,<>,>=,>}'::text[]) operator;
SELECT opcname, amprocnum, amproc FROM pg_amproc JOIN pg_opclass ON opcfamily = amprocfamily
WHERE opcintype = 'price'::regtype AND amprocnum > 1 ORDER BY amproc::text;
DROP FUNCTION refusal, received;
