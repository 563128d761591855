-- The one workload that every version posts: bench.trade, the same trades for
-- all of them, made by arithmetic alone, so that two runs post the same money.
--
-- Prices are multiples of 200.00 USD, the markup is 50 basis points, quantities
-- are hundredths and the revenue share is 40 %: every product is exact in
-- cents or rounds the same way under any rule, so that the versions' totals
-- can be compared to the cent at the end of a run.

CREATE SCHEMA bench;

-- Odd customers belong to client 1, even ones to all the others: the same work
-- can be sent to one client's house accounts or spread over many.
CREATE TABLE bench.client (client_no int PRIMARY KEY, code text NOT NULL);
CREATE TABLE bench.customer (customer_no int PRIMARY KEY, client_no int NOT NULL, account text NOT NULL);

CREATE TABLE bench.trade (
	trade_no	bigint NOT NULL,
	batch		int NOT NULL,
	client_no	int NOT NULL,
	customer_no int NOT NULL,
	coin_no		int NOT NULL,			-- 1 BTC, 2 ETH
	side		text NOT NULL,
	hundredths	bigint NOT NULL,		-- quantity, in 1/100 of a coin
	lp_no		int NOT NULL,			-- 1 to 3
	provider_price	bigint NOT NULL,		-- whole dollars
	executed_at timestamptz NOT NULL
);

-- one row per measurement; a figure is a median over rounds
CREATE TABLE bench.measured (
	figure		text NOT NULL,
	version		text NOT NULL,
	round		int NOT NULL,
	value		numeric NOT NULL,
	PRIMARY KEY (figure, version, round)
);

CREATE PROCEDURE bench.note(figure text, version text, round int, value numeric)
LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO bench.measured VALUES (figure, version, round, value);
END;

CREATE PROCEDURE bench.make_parties(clients int, customers int)
LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO bench.client
		SELECT n, 'CL' || lpad(n::text, 2, '0') FROM generate_series(1, clients) n;
	INSERT INTO bench.customer
		SELECT n, CASE n % 2 WHEN 1 THEN 1 ELSE 2 + n / 2 % (clients - 1) END, 'B' || 1000000 + n
		FROM generate_series(1, customers) n;
END;

-- trades from_trade .. to_trade in batches of batch_size.  Trades 1 to
-- 2 * customers open every position with 100 coins.  After that each pass
-- touches every customer once (7919 is prime and divides no number of customers
-- used here): sides alternate from one pass to the next and coins every two,
-- so that a customer sells what he bought and always has the coin.
CREATE PROCEDURE bench.make_trades(from_trade bigint, to_trade bigint, batch_size int, first_batch int)
LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO bench.trade
		SELECT n,
			   first_batch + (n - from_trade) / batch_size,
			   customer.client_no,
			   customer.customer_no,
			   coin.coin_no,
			   CASE WHEN pass < 2 OR (pass + n) % 2 = 0 THEN 'BUY' ELSE 'SELL' END,
			   CASE WHEN pass < 2 THEN 10000 ELSE 1 + n * 31 % 50 END,
			   1 + n % 3,
			   CASE coin.coin_no WHEN 1 THEN 60000 + 200 * (n * 13 % 10) ELSE 3000 + 200 * (n * 13 % 5) END,
			   timestamptz '2026-03-02 15:00:00Z' + n * interval '5 milliseconds'
		FROM (SELECT count(*) AS customers FROM bench.customer) parties,
			 generate_series(from_trade, to_trade) n,
			 LATERAL (SELECT (n - 1) / customers AS pass) done,
			 LATERAL (SELECT CASE WHEN pass < 2 THEN pass ELSE (pass / 2 + n / 2) % 2 END + 1 AS coin_no) coin,
			 LATERAL (SELECT client_no, customer_no FROM bench.customer WHERE customer_no = 1 + n * 7919 % customers) customer;
END;

-- Post a range of batches, a transaction each, and note the trades a second
-- under a label, which is the version's name unless said otherwise.
CREATE PROCEDURE bench.measure_batches(figure text, label text, round int, from_batch int, to_batch int, version text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
	trades constant bigint := (SELECT count(*) FROM bench.trade WHERE batch BETWEEN from_batch AND to_batch);
	started timestamptz;
BEGIN
	COMMIT;
	started := clock_timestamp();
	FOR this_batch IN from_batch .. to_batch LOOP
		EXECUTE format('CALL %I.post($1)', coalesce(version, label)) USING this_batch;
		COMMIT;
	END LOOP;
	CALL bench.note(figure, label, round, trades / extract(epoch FROM clock_timestamp() - started));
END
$$;

-- Run a query whose result does not matter and note its milliseconds.
CREATE PROCEDURE bench.measure_query(figure text, version text, round int, query text)
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
BEGIN
	EXECUTE query;
	CALL bench.note(figure, version, round, 1000 * extract(epoch FROM clock_timestamp() - started));
END
$$;

CREATE FUNCTION bench.median(figure text, version text) RETURNS numeric
LANGUAGE sql STABLE
RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value)::numeric FROM bench.measured m
		WHERE m.figure = median.figure AND m.version = median.version);

-- the median of the ratios of the rounds, each round a pair measured together
CREATE FUNCTION bench.ratio(figure text, version text, against text) RETURNS numeric
LANGUAGE sql STABLE
RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY m.value / other.value)::numeric
		FROM bench.measured m JOIN bench.measured other USING (figure, round)
		WHERE m.figure = ratio.figure AND m.version = ratio.version AND other.version = ratio.against);

-- bytes of all tables, indexes and overflow tables of a schema, but the named ones
CREATE FUNCTION bench.bytes(schema_name text, VARIADIC without text[] DEFAULT '{}') RETURNS bigint
LANGUAGE sql
RETURN (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
		WHERE relnamespace = schema_name::regnamespace AND relkind = 'r' AND relname <> ALL (without));

-- All versions must have posted the same money and coin, to the cent.
CREATE PROCEDURE bench.check_totals()
LANGUAGE plpgsql AS $$
DECLARE
	bare	record;
	ledger	record;
	plain	record;
	matched record;
BEGIN
	SELECT count(*) AS trades, sum(CASE WHEN sell THEN -net_money ELSE net_money END)::numeric / 100 AS net,
		   sum(quantity)::numeric / 100000000 AS quantity, sum(share)::numeric / 100 AS share
	INTO bare FROM bare.execution;
	SELECT count(*) AS trades, sum(bakkt_ledger.value(bakkt_ledger_internal.net_money(terms))) AS net,
		   sum(bakkt_ledger.value(bakkt_ledger_internal.quantity(terms))) AS quantity,
		   sum(bakkt_ledger.value(bakkt_ledger_internal.revenue_share(terms))) AS share
	INTO ledger FROM bakkt_ledger_internal.journal WHERE kind = 3;
	IF bare IS DISTINCT FROM ledger THEN
		RAISE EXCEPTION 'the versions differ: bare %, ledger %', bare, ledger;
	END IF;
	SELECT count(*) AS trades, sum(CASE WHEN side = 'SELL' THEN -net_money ELSE net_money END) AS net,
		   sum(quantity) AS quantity, sum(share) AS share
	INTO plain FROM plain.execution;
	SELECT count(*) AS trades, sum(CASE WHEN sell THEN -e.net_money ELSE e.net_money END)::numeric / 100 AS net,
		   sum(e.quantity)::numeric / 100000000 AS quantity, sum(e.share)::numeric / 100 AS share
	INTO matched
	FROM plain.journal p JOIN bare.journal b USING (client_id, reference)
		 JOIN bare.execution e ON e.client_id = b.client_id AND e.journal_id = b.journal_id;
	IF plain IS DISTINCT FROM matched THEN
		RAISE EXCEPTION 'the versions differ: plain %, bare %', plain, matched;
	END IF;
END
$$;
