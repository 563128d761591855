-- The bare version: the rows that a ledger of this design needs and nothing
-- else.  No check of any kind, no idempotency, no status per request, integers
-- for money.  It is what PostgreSQL itself charges for storing the same facts:
-- journal with three indexes, execution with two, one balance row a customer
-- and coin.  Ids are resolved by the caller and the price is computed in
-- integers that may overflow.

CREATE SCHEMA bare;

CREATE TABLE bare.balance (
	client_id	int NOT NULL,
	account		bigint NOT NULL,
	customer_id bigint NOT NULL,
	posted		bigint NOT NULL,		-- 1/10^8 of a coin
	held		bigint NOT NULL,
	version		bigint NOT NULL,
	last_recorded_at timestamptz NOT NULL,
	PRIMARY KEY (client_id, account)
) WITH (fillfactor = 70);

CREATE SEQUENCE bare.journal_id;
CREATE TABLE bare.journal (
	client_id	int NOT NULL,
	actor_id	int NOT NULL,
	journal_id	bigint NOT NULL,
	recorded_at timestamptz NOT NULL,
	effective_at timestamptz NOT NULL,
	customer_id bigint NOT NULL,
	kind		smallint NOT NULL,
	reference	text NOT NULL,
	entry		bigint[] NOT NULL,		-- account, amount, account, amount ...
	PRIMARY KEY (client_id, journal_id),
	UNIQUE (client_id, reference)
);
CREATE INDEX ON bare.journal (customer_id);

CREATE TABLE bare.execution (
	client_id	int NOT NULL,
	customer_id bigint NOT NULL,
	journal_id	bigint NOT NULL,
	instrument_id int NOT NULL,
	provider_id		int NOT NULL,
	sell		boolean NOT NULL,
	quantity	bigint NOT NULL,		-- 1/10^8 of a coin
	provider_price	bigint NOT NULL,		-- cents
	price		bigint NOT NULL,		-- cents
	provider_money	bigint NOT NULL,		-- cents
	net_money	bigint NOT NULL,		-- cents
	share		bigint NOT NULL,		-- cents
	executed_at timestamptz NOT NULL,
	PRIMARY KEY (client_id, journal_id)
);
CREATE INDEX ON bare.execution (client_id, executed_at);

-- what the caller of the bare version hands over: ids and integers
CREATE TABLE bare.request (
	batch		int NOT NULL,
	client_id	int NOT NULL,
	customer_id bigint NOT NULL,
	account		bigint NOT NULL,
	instrument_id int NOT NULL,
	provider_id		int NOT NULL,
	sell		boolean NOT NULL,
	quantity	bigint NOT NULL,
	provider_price	bigint NOT NULL,
	markup_bps	bigint NOT NULL,
	share_bps	bigint NOT NULL,
	executed_at timestamptz NOT NULL,
	reference	text NOT NULL
);
CREATE INDEX ON bare.request (batch);

CREATE PROCEDURE bare.prepare(from_batch int, to_batch int)
LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO bare.request
		SELECT batch, client_no, customer_no, 2 * customer_no + coin_no - 1, coin_no, lp_no, side = 'SELL',
			   hundredths * 1000000, provider_price * 100, 50, 4000, executed_at, 'exec-' || trade_no
		FROM bench.trade WHERE batch BETWEEN from_batch AND to_batch
		ORDER BY trade_no;
	INSERT INTO bare.balance
		SELECT client_no, 2 * customer_no + coin_no - 1, customer_no, 0, 0, 0, 'epoch'
		FROM bench.customer, generate_series(1, 2) coin_no
		ON CONFLICT DO NOTHING;
END;

-- lock in account order, journal, execution, balances: four statements a batch
CREATE PROCEDURE bare.post(this_batch int)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM bare.balance
	WHERE (client_id, account) IN (SELECT client_id, account FROM bare.request WHERE batch = this_batch)
	ORDER BY client_id, account FOR UPDATE;

	WITH request AS MATERIALIZED (
		SELECT *, nextval('bare.journal_id') AS journal_id,
			   CASE WHEN sell THEN -1 ELSE 1 END AS sign,
			   CASE WHEN sell THEN provider_price - provider_price * markup_bps / 10000
							  ELSE provider_price + provider_price * markup_bps / 10000 END AS price
		FROM bare.request WHERE batch = this_batch
	), priced AS MATERIALIZED (
		SELECT *, quantity * provider_price / 100000000 AS provider_money, quantity * price / 100000000 AS net_money,
			   (abs(quantity * price / 100000000 - quantity * provider_price / 100000000) * share_bps + 5000) / 10000 AS share
		FROM request
	), journal AS (
		INSERT INTO bare.journal
			SELECT client_id, 1, journal_id, clock_timestamp(), executed_at, customer_id, 3, reference,
				   ARRAY[client_id * 1000 + 1, sign * net_money,
						 client_id * 1000 + 10 + provider_id, -sign * provider_money,
						 client_id * 1000 + 2, share - abs(net_money - provider_money),
						 client_id * 1000 + 3, -share,
						 client_id * 1000 + 20 + provider_id, sign * quantity,
						 client_id * 1000 + 4, -sign * quantity,
						 client_id * 1000 + 5, sign * quantity,
						 account, -sign * quantity]
			FROM priced
	), execution AS (
		INSERT INTO bare.execution
			SELECT client_id, customer_id, journal_id, instrument_id, provider_id, sell, quantity, provider_price, price,
				   provider_money, net_money, share, executed_at
			FROM priced
	)
	UPDATE bare.balance
	SET posted = posted - moved.quantity, version = version + moved.trades, last_recorded_at = clock_timestamp()
	FROM (SELECT client_id, account, sum(sign * quantity) AS quantity, count(*) AS trades FROM priced GROUP BY 1, 2) moved
	WHERE balance.client_id = moved.client_id AND balance.account = moved.account;
END
$$;
