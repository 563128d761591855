-- The same values as bigint, numeric and amount, a table each: cents up to 10,000.00 USD.
CREATE TABLE bench.sum_bigint AS
	SELECT (n % 100)::int AS grp, (n * 7919 % 2000001 - 1000000)::bigint AS value FROM generate_series(1::bigint, :rows) n;
CREATE TABLE bench.sum_numeric AS SELECT grp, value::numeric / 100 AS value FROM bench.sum_bigint;
CREATE TABLE bench.sum_amount AS SELECT grp, bakkt_ledger.amount(value, 'USD') AS value FROM bench.sum_numeric;
VACUUM ANALYZE bench.sum_bigint, bench.sum_numeric, bench.sum_amount;
