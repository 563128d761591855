-- Quotes of four liquidity providers around the market, customers' orders, and
-- for each order the best eligible quote.

-- Each provider is somewhat worse than the market's best, never better, and
-- shows more size than the book's top level; LP4 is silent two minutes in five,
-- so that its last quote is then too old to be used.
CREATE TABLE demo.lp_quote (
	provider			text NOT NULL,
	symbol		text NOT NULL,
	quoted_at	timestamptz NOT NULL,
	bid_price	numeric NOT NULL,
	bid_size	numeric NOT NULL,
	ask_price	numeric NOT NULL,
	ask_size	numeric NOT NULL,
	PRIMARY KEY (symbol, provider, quoted_at)
);

INSERT INTO demo.lp_quote
SELECT provider, symbol, quoted_at,
	   floor(bid_price * (100000 - away) / 1000) / 100, round(bid_size * (2 + number), 8),
	   ceil(ask_price * (100000 + away) / 1000) / 100, round(ask_size * (2 + number), 8)
FROM demo.market_quote,
	 generate_series(1, 4) AS number,
	 LATERAL (SELECT 'LP' || number AS provider) named,
	 LATERAL (SELECT demo.draw(provider || symbol || quoted_at, 25) AS away) placed
WHERE number < 4 OR demo.draw(symbol || quoted_at || 'silent', 5) > 1;

-- The desk's customers.  The first customer of each client never deposits coin
-- and only tries to sell: those trades must be refused.
CREATE TABLE demo.client (
	code		text PRIMARY KEY,
	funding_model text NOT NULL,
	revenue_share_bps int NOT NULL,
	markup_bps	int,				-- commission inside the price ...
	fee_bps		int,				-- ... or itemised
	fee_minimum numeric,
	customers	int NOT NULL
);
INSERT INTO demo.client VALUES
	('QRST', 'NET_SETTLEMENT', 4000, 50, NULL, NULL, 2000),
	('MKTP', 'BAKKT_TPJ', 2500, NULL, 60, 0.50, 1500),
	('APXC', 'APEX_TPJ', 3000, 35, NULL, NULL, 1000);

-- Every minute's traded quantity split into up to eleven orders of at least
-- 25.00 USD each; less than 1.00 USD in a minute makes no order.
CREATE TABLE demo.customer_order (
	order_no	bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	client		text NOT NULL,
	account		text NOT NULL,
	symbol		text NOT NULL,
	side		text NOT NULL,
	quantity	numeric NOT NULL,
	placed_at	timestamptz NOT NULL
);

INSERT INTO demo.customer_order (client, account, symbol, side, quantity, placed_at)
SELECT client, client || lpad(customer::text, 4, '0'), symbol,
	   CASE WHEN customer = 1 THEN 'SELL' WHEN demo.draw(key || 'side', 100) < 54 THEN 'BUY' ELSE 'SELL' END,
	   CASE WHEN part < parts THEN portion ELSE quantity - portion * (parts - 1) END,
	   traded_at + demo.draw(key || 'at', 60000) * interval '1 millisecond'
FROM demo.market_trade,
	 LATERAL (SELECT least(11, greatest(1, floor(price * quantity / 25)))::int AS parts) split,
	 LATERAL (SELECT trunc(quantity / parts, 8) AS portion) evenly,
	 generate_series(1, parts) AS part,
	 LATERAL (SELECT symbol || traded_at || '/' || part || '/' AS key) named,
	 LATERAL (SELECT CASE WHEN demo.draw(key || 'client', 100) < 45 THEN 'QRST'
						  WHEN demo.draw(key || 'client', 100) < 80 THEN 'MKTP' ELSE 'APXC' END AS client) owner,
	 LATERAL (SELECT demo.draw(key || 'customer', (SELECT customers FROM demo.client WHERE code = owner.client)) + 1 AS customer) who
WHERE price * quantity >= 1.00
ORDER BY traded_at, symbol, part;

-- An order trades at the best quote that is not older than 90 seconds and large
-- enough; equal prices go to the larger quote, then by name.  An order without
-- an eligible quote does not trade.
--
-- A fill belongs to the window that closes at the next 09:00 in Chicago.  A few
-- reach the ledger only after that: they must settle in the window after.
CREATE TABLE demo.fill AS
SELECT customer_order.*, best.provider, best.price AS provider_price, closes_on, late, closes_on + late::int AS posted_in
FROM demo.customer_order,
	 (SELECT max(close) AS last_close
	  FROM (SELECT max(quoted_at) AS ends_at FROM demo.market_quote) market,
		   generate_series(0, 1) AS days_before,
		   LATERAL (SELECT ((ends_at AT TIME ZONE 'America/Chicago')::date - days_before + time '09:00') AT TIME ZONE 'America/Chicago' AS close) cut
	  WHERE close <= ends_at) closed,
	 LATERAL (SELECT provider.code AS provider, CASE side WHEN 'BUY' THEN quote.ask_price ELSE quote.bid_price END AS price
			  FROM (VALUES ('LP1'), ('LP2'), ('LP3'), ('LP4')) AS provider (code),
				   LATERAL (SELECT * FROM demo.lp_quote
							WHERE lp_quote.symbol = customer_order.symbol AND lp_quote.provider = provider.code AND quoted_at <= placed_at
							ORDER BY quoted_at DESC LIMIT 1) quote
			  WHERE quote.quoted_at > placed_at - interval '90 seconds'
				AND CASE side WHEN 'BUY' THEN quote.ask_size ELSE quote.bid_size END >= quantity
			  ORDER BY CASE side WHEN 'BUY' THEN quote.ask_price ELSE -quote.bid_price END,
					   CASE side WHEN 'BUY' THEN quote.ask_size ELSE quote.bid_size END DESC, provider.code
			  LIMIT 1) best,
	 LATERAL (SELECT ((placed_at AT TIME ZONE 'America/Chicago') - interval '9 hours')::date + 1 AS closes_on,
					 order_no % 4999 = 17 AND placed_at < last_close AS late) settlement;
ALTER TABLE demo.fill ADD PRIMARY KEY (order_no);

-- The order in which the ledger gets them, a thousand at a time, never across a close.
CREATE TABLE demo.batch AS
SELECT posted_in, (place - 1) / 1000 AS batch, array_agg(order_no ORDER BY place) AS orders
FROM (SELECT order_no, posted_in, row_number() OVER (PARTITION BY posted_in ORDER BY placed_at, order_no) AS place FROM demo.fill) numbered
GROUP BY 1, 2;

-- Coin that sellers need beforehand: the deepest point of sales over purchases.
CREATE TABLE demo.deposit AS
SELECT client, account, symbol, max(short) AS quantity
FROM (SELECT client, account, symbol,
			 sum(CASE side WHEN 'SELL' THEN quantity ELSE -quantity END)
				 OVER (PARTITION BY account, symbol ORDER BY posted_in, placed_at, order_no) AS short
	  FROM demo.fill WHERE account NOT LIKE '%0001') running
GROUP BY 1, 2, 3 HAVING max(short) > 0;
