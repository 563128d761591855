-- Amounts and prices against numeric: random cases from a fixed seed, the same on every server version.
-- Numeric is the model: exact in +, -, * and in comparison; quotients are checked by multiplying back.
\set QUIET on
SET client_min_messages = warning;
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
SET jit = off;
BEGIN;
SELECT plan(26);

-- Bits of case n in stream salt, not negative.
CREATE FUNCTION pg_temp.bits(n bigint, salt bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS
$$ SELECT hashint8extended(n, salt)::numeric + 9223372036854775808 $$;

-- An integer in [0, below).
CREATE FUNCTION pg_temp.pick(n bigint, salt bigint, below int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT mod(pg_temp.bits(n, salt), below)::int $$;

-- A number of 1 to `digits` digits and 18 decimals, often round, of either sign: every magnitude is as likely as any other.
CREATE FUNCTION pg_temp.number(n bigint, salt bigint, digits int) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN pg_temp.pick(n, salt + 2, 2) = 0 THEN -1 ELSE 1 END * 0.000000000000000001
		* CASE WHEN pg_temp.pick(n, salt + 3, 3) = 0 THEN trunc(magnitude, -pg_temp.pick(n, salt + 4, digits)) ELSE magnitude END
	FROM mod(pg_temp.bits(n, salt) * 18446744073709551616 + pg_temp.bits(n, salt + 1),
		('1' || repeat('0', 1 + pg_temp.pick(n, salt + 5, digits)))::numeric) magnitude
$$;

CREATE FUNCTION pg_temp.rounding(n bigint, salt bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT (ARRAY['half_even', 'half_up', 'up', 'down', 'ceiling', 'floor'])[1 + pg_temp.pick(n, salt, 6)] $$;

-- An exact number rounded by the book.
CREATE FUNCTION pg_temp.model_round(exact numeric, decimals int, rounding text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE rounding
		WHEN 'half_up' THEN round(exact, decimals)
		WHEN 'half_even' THEN
			CASE WHEN abs(exact - down) * 2 = step AND mod(down / step, 2) = 0 THEN down ELSE round(exact, decimals) END
		WHEN 'down' THEN down
		WHEN 'up' THEN CASE WHEN exact = down THEN down ELSE down + sign(exact) * step END
		WHEN 'ceiling' THEN CASE WHEN exact > down THEN down + step ELSE down END
		WHEN 'floor' THEN CASE WHEN exact < down THEN down - step ELSE down END
	END
	FROM trunc(exact, decimals) down, round(('1e-' || decimals)::numeric, decimals) step
$$;

-- Is `rounded` what numerator / denominator rounds to?  Multiplied out, so that the model needs no quotient.
CREATE FUNCTION pg_temp.model_quotient(numerator numeric, denominator numeric, decimals int, rounding text, rounded numeric)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT mod(rounded, step) = 0 AND abs(beyond) < step * abs(denominator) AND CASE rounding
		WHEN 'half_up' THEN 2 * abs(beyond) < step * abs(denominator) OR 2 * abs(beyond) = step * abs(denominator) AND away >= 0
		WHEN 'half_even' THEN 2 * abs(beyond) < step * abs(denominator) OR 2 * abs(beyond) = step * abs(denominator) AND mod(rounded / step, 2) = 0
		WHEN 'up' THEN away >= 0
		WHEN 'down' THEN away <= 0
		WHEN 'ceiling' THEN beyond * sign(denominator) >= 0
		WHEN 'floor' THEN beyond * sign(denominator) <= 0
	END
	FROM (SELECT rounded * denominator - numerator AS beyond, round(('1e-' || decimals)::numeric, decimals) AS step,
		abs(rounded * denominator) - abs(numerator) AS away) products
$$;

CREATE FUNCTION pg_temp.canonical(number numeric) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN min_scale(number) < 2 THEN round(number, 2) ELSE trim_scale(number) END::text $$;

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- Two numbers whose sum fits, two whose product fits, and how to round.
CREATE TEMP TABLE cases AS
SELECT n, a, b, amount(a, 'USD') AS x, amount(b, 'USD') AS y, pg_temp.number(n, 300, 27) AS quantity, pg_temp.number(n, 400, 27) AS quote,
	pg_temp.pick(n, 500, 19) AS decimals, pg_temp.rounding(n, 600) AS rounding
FROM (SELECT n, pg_temp.number(n, 100, 37) AS a, CASE WHEN pg_temp.pick(n, 700, 5) = 0 THEN pg_temp.number(n, 100, 37) ELSE pg_temp.number(n, 200, 37) END AS b
	FROM generate_series(1, 20000) n) numbers;

SELECT cmp_ok(count(*), '=', 20000::bigint, '20,000 random cases are generated') FROM cases;
SELECT cmp_ok(count(DISTINCT length(trunc(abs(a))::text)), '>=', 19::bigint,
	'random cases cover at least 19 orders of magnitude') FROM cases;

-- text (20,000 cases each)
SELECT is(count(*), 0::bigint, 'text of a number becomes that amount') FROM cases WHERE (a::text || ' USD')::amount *<> x;
SELECT is(count(*), 0::bigint, 'an amount becomes canonical text') FROM cases WHERE x::text <> pg_temp.canonical(a) || ' USD';
SELECT is(count(*), 0::bigint, 'canonical text reads back as the same amount') FROM cases WHERE x::text::amount *<> x;
SELECT is(count(*), 0::bigint, 'a number with an exponent reads as the same amount') FROM cases
WHERE format('%se-18 USD', trunc(a * 1000000000000000000))::amount *<> x OR format('%se-5 USD', a * 100000)::amount *<> x;
SELECT is(count(*), 0::bigint,
	'value() of an amount is its number, in canonical text')
FROM cases WHERE value(x) <> a OR value(x)::text <> pg_temp.canonical(a);

-- addition, subtraction, sign (20,000 cases each)
SELECT is(count(*), 0::bigint, 'the sum of two amounts is exact') FROM cases WHERE value(x + y) <> a + b;
SELECT is(count(*), 0::bigint, 'the difference of two amounts is exact') FROM cases WHERE value(x - y) <> a - b;
SELECT is(count(*), 0::bigint,
	'negation, abs(), sign() and is_zero() agree with numeric')
FROM cases WHERE value(-x) <> -a OR value(abs(x)) <> abs(a) OR sign(x) <> sign(a) OR is_zero(x) <> (a = 0);

-- comparison (20,000 cases each)
SELECT is(count(*), 0::bigint, 'strict comparison operators agree with numeric') FROM cases
WHERE (x < y, x <= y, x = y, x <> y, x >= y, x > y) IS DISTINCT FROM (a < b, a <= b, a = b, a <> b, a >= b, a > b);
SELECT is(count(*), 0::bigint, 'operators of the total order and amount_cmp() agree with numeric') FROM cases
WHERE (x *< y, x *<= y, x *= y, x *<> y, x *>= y, x *> y, amount_cmp(x, y)) IS DISTINCT FROM (a < b, a <= b, a = b, a <> b, a >= b, a > b, sign(a - b)::int);
SELECT is(array_agg(a ORDER BY x), array_agg(a ORDER BY a), 'amounts sort in the order of their numbers') FROM cases;
SELECT is(count(DISTINCT x), count(DISTINCT a), 'equal amounts count once in count(DISTINCT)') FROM cases;
SELECT is(count(*), 0::bigint, 'equal amounts hash alike') FROM cases WHERE a = b AND (amount_hash(x) <> amount_hash(y) OR amount_hash_extended(x, n) <> amount_hash_extended(y, n));

-- rounding, products, quotients (20,000 cases each)
SELECT is(count(*), 0::bigint,
	'round() follows the named rounding at any number of decimals')
FROM cases WHERE value(round(x, decimals, rounding)) <> pg_temp.model_round(a, decimals, rounding);
SELECT is(count(*), 0::bigint, 'an amount multiplied by a price is rounded once, as named') FROM cases
WHERE value(multiply(amount(quantity, 'BTC'), price(quote, 'USD', 'BTC'), decimals, rounding)) <> pg_temp.model_round(quantity * quote, decimals, rounding);
SELECT is(count(*), 0::bigint, 'amount * price is exact or refused') FROM cases
WHERE n <= 5000 AND pg_temp.refusal(format('SELECT %L::bakkt_ledger.amount * %L::bakkt_ledger.price', amount(quantity, 'BTC'), price(quote, 'USD', 'BTC')))
	<> CASE WHEN quantity * quote = trunc(quantity * quote, 18) THEN 'accepted' ELSE 'LG005' END;
SELECT is(count(*), 0::bigint, 'an amount divided by a price is rounded once, as named') FROM cases
WHERE quote <> 0 AND abs(quantity / quote) < 1e19
	AND NOT pg_temp.model_quotient(quantity, quote, decimals, rounding, value(divide(amount(quantity, 'USD'), price(quote, 'USD', 'BTC'), decimals, rounding)));
SELECT is(count(*), 0::bigint, 'multiply_divide() rounds once, as named') FROM cases
WHERE NOT pg_temp.model_quotient(quantity * (n * 7919), n - 20001, decimals, rounding, value(multiply_divide(amount(quantity, 'USD'), n * 7919, n - 20001, decimals, rounding)));
SELECT is(count(*), 0::bigint, 'markup() changes a price by exactly its basis points') FROM cases
WHERE value(markup(price(trunc(quote, 12), 'USD', 'BTC'), n - 10000)) <> trunc(quote, 12) * n * 0.0001;

-- aggregates over groups of every size, and moving over windows
SELECT is(count(*), 0::bigint, 'sum() and avg() of groups agree with numeric') FROM (
	SELECT sum(amount(quantity, 'USD')) AS sum, avg(amount(quantity, 'USD')) AS avg, sum(quantity) AS model, count(*) AS count FROM cases GROUP BY trunc(sqrt(n::numeric))) sums
WHERE value(sum) <> model OR NOT pg_temp.model_quotient(model, count, 18, 'half_even', value(avg));
SELECT is(count(*), 0::bigint, 'sum() and avg() over moving windows agree with numeric') FROM (
	SELECT sum(amount(quantity, 'USD')) OVER frame AS sum, avg(amount(quantity, 'USD')) OVER frame AS avg, sum(quantity) OVER frame AS model, count(*) OVER frame AS count
	FROM cases WINDOW frame AS (ORDER BY n ROWS BETWEEN 6 PRECEDING AND 1 PRECEDING)) sums
WHERE value(sum) IS DISTINCT FROM model OR NOT pg_temp.model_quotient(model, count, 18, 'half_even', value(avg));
SELECT is(count(*), 0::bigint, 'min() and max() of groups agree with numeric') FROM (
	SELECT min(x), max(x), min(a) AS model_min, max(a) AS model_max FROM cases GROUP BY n % 100) extremes
WHERE value(min) <> model_min OR value(max) <> model_max;

-- allocation: parts sum to the total, none is a step or more from its share (2,000 totals of 10 parts)
SELECT is(count(*), 0::bigint, 'allocated parts add up to the total, each within a step of its share') FROM (
	SELECT total, weights, allocate(amount(total, 'USD'), decimals, weights) AS parts, decimals
	FROM (SELECT n / 10 AS n, array_agg(abs(quantity)) || 0.01 AS weights FROM cases GROUP BY n / 10) groups
	JOIN (SELECT n, trunc(quantity, decimals) AS total, decimals FROM cases) totals USING (n)) allocations
WHERE (SELECT sum(value(part)) FROM unnest(parts) part) <> total
	OR EXISTS (SELECT FROM unnest(parts, weights) share (part, weight)
		WHERE abs(value(part) * (SELECT sum(w) FROM unnest(weights) w) - total * weight) >= ('1e-' || decimals)::numeric * (SELECT sum(w) FROM unnest(weights) w)
			OR trunc(value(part), decimals) <> value(part));

-- beyond the range: refused exactly where numeric says so
SELECT is(count(*), 0::bigint, 'a sum is refused exactly when it is beyond the range') FROM (
	SELECT a, b, pg_temp.refusal(format('SELECT %L::bakkt_ledger.amount + %L::bakkt_ledger.amount', a || ' USD', b || ' USD')) AS outcome
	FROM (SELECT sign(quantity) * 85070591730234615865.843651857942052863 - abs(quote) * sign(quantity) AS a, quote + quantity AS b FROM cases WHERE n <= 3000) numbers
	WHERE abs(a) <= 85070591730234615865.843651857942052863) outcomes
WHERE outcome <> CASE WHEN abs(a + b) > 85070591730234615865.843651857942052863 THEN '22003' ELSE 'accepted' END;

SELECT * FROM finish();
ROLLBACK;
