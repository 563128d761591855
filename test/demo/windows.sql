-- The windows that the market's hours touch, in order, as the ledger reckons them.
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

CREATE TABLE demo.window AS
SELECT code AS client, posted_in AS closes_on, bounds.from_at, bounds.to_at,
	   bounds.to_at <= (SELECT max(quoted_at) + interval '1 minute' FROM demo.market_quote) AS closed
FROM demo.client, (SELECT DISTINCT posted_in FROM demo.batch) days, window_bounds(code, posted_in) AS bounds;
