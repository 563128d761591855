-- The market of the day: best bid and ask, and what was traded, minute by
-- minute.  Loaded from the two files when given, otherwise made by generate.sql.
-- The application's own tables hold plain numbers; amounts and prices are made
-- of them where the ledger is called.

CREATE SCHEMA demo;

CREATE TABLE demo.market_quote (
	quoted_at	timestamptz NOT NULL,
	symbol		text NOT NULL,
	bid_price	numeric NOT NULL,
	bid_size	numeric NOT NULL,
	ask_price	numeric NOT NULL,
	ask_size	numeric NOT NULL,
	PRIMARY KEY (symbol, quoted_at)
);

CREATE TABLE demo.market_trade (
	traded_at	timestamptz NOT NULL,
	symbol		text NOT NULL,
	price		numeric NOT NULL,
	quantity	numeric NOT NULL,
	PRIMARY KEY (symbol, traded_at)
);

-- A number from 0 to bound - 1 that depends on the key alone: the demo's only
-- source of variety, the same on every machine and in every run.
CREATE FUNCTION demo.draw(key text, bound int) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (('x' || substr(md5(key), 1, 8))::bit(32)::bigint % bound)::int;
