-- A day and an hour of three markets, from 2026-03-04 09:00 in Chicago: one
-- whole settlement window and the first hour of the next.  Mid prices walk in
-- steps of at most 6 hundredths of a percent a minute.

INSERT INTO demo.market_quote
SELECT at, symbol,
	   round(mid, 2) - spread * 0.01, (50 + demo.draw(symbol || at || 'bid', 950)) * lot,
	   round(mid, 2) + spread * 0.01, (50 + demo.draw(symbol || at || 'ask', 950)) * lot
FROM (SELECT symbol, lot, timestamptz '2026-03-04 15:00:00Z' + minute * interval '1 minute' AS at,
			 1 + demo.draw(symbol || minute || 'spread', widest) AS spread,
			 start + start / 10000 * sum((demo.draw(symbol || minute || 'step', 121) - 60) / 10.0)
				 OVER (PARTITION BY symbol ORDER BY minute) AS mid
	  FROM (VALUES ('BTCUSD', 64250.00, 0.01, 40), ('ETHUSD', 3410.00, 0.2, 8), ('LTCUSD', 88.50, 4, 2))
			   AS market (symbol, start, lot, widest),
		   generate_series(0, 25 * 60 - 1) AS minute) walk;

INSERT INTO demo.market_trade
SELECT quoted_at, symbol, CASE demo.draw(symbol || quoted_at || 'last', 2) WHEN 0 THEN bid_price ELSE ask_price END,
	   round((bid_size + ask_size) * (20 + demo.draw(symbol || quoted_at || 'volume', 60)) / 177, 8)
FROM demo.market_quote;
