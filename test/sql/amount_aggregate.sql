-- aggregates of amounts: plain, grouped, moving windows, parallel
\set VERBOSITY terse
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

-- over nothing, over NULLs, over some
SELECT sum(value), avg(value), min(value), max(value), count(value) FROM (SELECT NULL::amount AS value WHERE false) nothing;
SELECT sum(value), avg(value), min(value), max(value), count(value) FROM (VALUES (NULL::amount), (NULL)) nulls (value);
SELECT sum(value), avg(value), min(value), max(value), count(value) FROM (VALUES (NULL::amount), ('1 USD'), (NULL), ('-4 USD'), ('2.50 USD')) three (value);
SELECT sum(DISTINCT value), sum(value) FILTER (WHERE sign(value) > 0) FROM (VALUES ('1 USD'::amount), ('1.00 USD'), ('-4 USD')) three (value);

-- avg rounds half-even at 18 decimals
SELECT avg(value) FROM (VALUES ('0 ETH'::amount), ('1e-18 ETH')) tie (value);
SELECT avg(value) FROM (VALUES ('1e-18 ETH'::amount), ('2e-18 ETH')) tie (value);
SELECT avg(value) FROM (VALUES ('1 USD'::amount), ('1 USD'), ('2 USD')) thirds (value);
SELECT avg(value) FROM (VALUES ('-1 USD'::amount), ('-1 USD'), ('-2 USD')) thirds (value);

-- two assets in one group, and sums beyond the range
CREATE TEMP TABLE mixed (client int, value amount);
INSERT INTO mixed VALUES (1, '1 USD'), (1, '2 USD'), (2, '1 BTC'), (2, NULL), (3, NULL);
SELECT client, sum(value), avg(value), min(value), max(value) FROM mixed GROUP BY client ORDER BY client;
\set VERBOSITY default
SELECT sum(value) FROM mixed;
\set VERBOSITY terse
SELECT avg(value) FROM mixed;
SELECT min(value) FROM mixed;
SELECT max(value) FROM mixed;
SELECT sum(value) FROM (VALUES ('8e19 USD'::amount), ('8e19 USD')) large (value);
SELECT avg(value) FROM (VALUES ('8e19 USD'::amount), ('8e19 USD')) large (value);
SELECT sum(value) FROM (VALUES ('85070591730234615865.843651857942052863 USD'::amount), ('-85070591730234615865.843651857942052863 USD')) opposite (value);

-- the input is never changed: a state is a copy
CREATE TEMP TABLE kept AS SELECT client, n, amount(n, 'USD') AS value FROM generate_series(1, 3) client, generate_series(1, 100) n;
SELECT client, sum(value) FROM kept GROUP BY ROLLUP (client) ORDER BY client;
SELECT bool_and(value = amount(n, 'USD')) AS unchanged FROM kept;
SELECT amount_sum('1 USD', '2 USD'), amount_sum_undo('1 USD', '2 USD');

-- moving windows agree with summing each frame anew, NULLs and empty frames included
CREATE TEMP TABLE series AS
SELECT n, CASE WHEN n % 7 < 3 THEN NULL ELSE amount((n * 7919 % 10007 - 5000)::numeric / 100, 'USD') END AS value FROM generate_series(1, 500) n;
SELECT count(*), count(moving_sum), bool_and(moving_sum IS NOT DISTINCT FROM fresh_sum AND moving_avg IS NOT DISTINCT FROM fresh_avg
	AND moving_min IS NOT DISTINCT FROM fresh_min AND moving_max IS NOT DISTINCT FROM fresh_max) AS agree
FROM (
	SELECT n, sum(value) OVER frame AS moving_sum, avg(value) OVER frame AS moving_avg, min(value) OVER frame AS moving_min, max(value) OVER frame AS moving_max
	FROM series WINDOW frame AS (ORDER BY n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)) moving
CROSS JOIN LATERAL (
	SELECT sum(value) AS fresh_sum, avg(value) AS fresh_avg, min(value) AS fresh_min, max(value) AS fresh_max FROM series s WHERE s.n BETWEEN moving.n - 2 AND moving.n) fresh;
SELECT n, sum(value) OVER running, avg(value) OVER running, sum(value) OVER last_two, sum(value) OVER next_two
FROM series WHERE n < 9
WINDOW running AS (ORDER BY n), last_two AS (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), next_two AS (ORDER BY n ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING)
ORDER BY n;
-- a frame that has moved on may hold another asset
SELECT n, sum(value) OVER frame, avg(value) OVER frame
FROM (VALUES (1, '1 USD'::amount), (2, NULL), (3, '2 BTC'), (4, '3 BTC')) moved (n, value) WINDOW frame AS (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);
SELECT n, sum(value) OVER frame FROM (VALUES (1, '1 USD'::amount), (2, '2 BTC')) moved (n, value) WINDOW frame AS (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);

-- parallel: partial states are combined, and two assets are noticed there too
CREATE TABLE many_amounts AS SELECT n % 5 AS client, amount((n - 50000)::numeric / 100, 'USD') AS value FROM generate_series(1, 100000) n;
ALTER TABLE many_amounts SET (parallel_workers = 2);
ANALYZE many_amounts;
CREATE TEMP TABLE serial_result AS SELECT client, sum(value), avg(value), min(value), max(value) FROM many_amounts GROUP BY client;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET jit = off;
EXPLAIN (COSTS OFF) SELECT sum(value), avg(value), min(value), max(value) FROM many_amounts;
SELECT sum(value), avg(value), min(value), max(value) FROM many_amounts;
SELECT count(*) FILTER (WHERE s.sum = p.sum AND s.avg = p.avg AND s.min = p.min AND s.max = p.max) AS same
FROM serial_result s JOIN (SELECT client, sum(value), avg(value), min(value), max(value) FROM many_amounts GROUP BY client) p USING (client);
-- each partial state is of one asset, so only combining can notice the two
CREATE TABLE two_assets (value amount) PARTITION BY LIST (asset(value));
CREATE TABLE two_assets_usd PARTITION OF two_assets FOR VALUES IN ('USD');
CREATE TABLE two_assets_btc PARTITION OF two_assets FOR VALUES IN ('BTC');
INSERT INTO two_assets SELECT amount(n, code) FROM generate_series(1, 1000) n, unnest('{USD,BTC}'::asset[]) code;
ALTER TABLE two_assets_usd SET (parallel_workers = 2);
ALTER TABLE two_assets_btc SET (parallel_workers = 2);
ANALYZE two_assets;
SET enable_partitionwise_aggregate = on;
EXPLAIN (COSTS OFF) SELECT sum(value) FROM two_assets;
SELECT sum(value) FROM two_assets;
SELECT avg(value) FROM two_assets;
SELECT max(value) FROM two_assets;
SELECT asset(value), sum(value), avg(value) FROM two_assets GROUP BY asset(value) ORDER BY 1;
DROP TABLE many_amounts, two_assets;
