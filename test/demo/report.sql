-- What the day came to, in tables.
SET search_path = bakkt_ledger, public;
\pset border 1
\pset linestyle ascii

\pset title 'Net settlement per client and window closed at 09:00 Chicago'
SELECT w.client, funding_model AS "funding model", w.closes_on AS "closes on", executions,
	   CASE WHEN sign(net) > 0 THEN party ELSE 'BAKKT' END AS payer, CASE WHEN sign(net) > 0 THEN 'BAKKT' ELSE party END AS payee,
	   asset(net) AS asset, value(abs(net)) AS amount,
	   CASE funding_model
		   WHEN 'NET_SETTLEMENT' THEN format('%s by %s wires', lower(state), (SELECT count(*) FROM demo.wire
																				 WHERE wire.client = w.client AND wire.closes_on = w.closes_on))
		   WHEN 'BAKKT_TPJ' THEN 'cash called trade by trade'
		   ELSE 'cash called by Apex'
	   END AS paid
FROM demo.window w JOIN demo.client ON code = w.client,
	 window_bounds(w.client, w.closes_on) bounds,
	 LATERAL (SELECT sum(net_money) AS net, sum(buy_count + sell_count) AS executions FROM window_summary(w.client, w.closes_on)) total,
	 LATERAL (SELECT CASE funding_model WHEN 'NET_SETTLEMENT' THEN w.client WHEN 'BAKKT_TPJ' THEN 'customers' ELSE 'Apex' END AS party) named,
	 LATERAL (SELECT (SELECT o.state FROM obligations(w.client) o
					  WHERE o.counterparty = w.client AND o.settlement_window = 'W' || bounds.window_no) AS state) obligation
WHERE w.closed
ORDER BY 1, 3;

\pset title 'Settled with the liquidity providers, all clients and closed windows'
SELECT counterparty AS provider, o.asset, payer, payee, sum(value(amount)) AS amount, sum(value(outstanding)) AS outstanding,
	   count(*) AS obligations
FROM obligations() o
WHERE counterparty <> client_code
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3;

\pset title 'Per coin, closed windows'
SELECT w.client, s.asset, sum(buy_count) AS buys, sum(value(buy_quantity)) AS bought, sum(value(buy_net_money)) AS "USD in",
	   sum(sell_count) AS sells, sum(value(sell_quantity)) AS sold, sum(value(sell_net_money)) AS "USD out",
	   sum(value(net_money)) AS "USD net"
FROM demo.window w, window_summary(w.client, w.closes_on) s
WHERE w.closed
GROUP BY 1, 2 ORDER BY 1, 2;

\pset title 'Windows still open: net positions so far, all clients'
SELECT counterparty, asset, CASE WHEN sign(net) > 0 THEN counterparty ELSE 'BAKKT' END AS payer,
	   CASE WHEN sign(net) > 0 THEN 'BAKKT' ELSE counterparty END AS payee, value(abs(net)) AS amount
FROM (SELECT p.counterparty, p.asset, sum(p.net) AS net
	  FROM demo.window w, net_position(w.client, w.to_at - interval '1 microsecond') p
	  WHERE NOT w.closed GROUP BY 1, 2) open
ORDER BY 1, 2;

\pset title 'Trial balance, all clients'
SELECT fund, asset, CASE WHEN GROUPING(kind) = 1 THEN '= total' ELSE kind END AS kind,
	   sum(value(debit)) AS debit, sum(value(credit)) AS credit
FROM trial_balance()
GROUP BY GROUPING SETS ((fund, asset, kind), (fund, asset))
ORDER BY 1, 2, GROUPING(kind), kind;

\pset title 'Proof: what customers own is in the wallets or listed'
SELECT asset, value(claims) AS "customers own", value(wallets) AS "in wallets", value(due_from_company) AS "+ bought, in transit",
	   value(due_to_company) AS "- sold, in transit", value(difference) AS difference, value(due_from_providers) AS "providers owe, net"
FROM demo.proof ORDER BY 1;

\pset title 'Proof: debits equal credits in every client, fund and asset'
SELECT count(*) AS "trial balances", count(*) FILTER (WHERE debit = credit) AS "in balance"
FROM (SELECT sum(debit) AS debit, sum(credit) AS credit FROM trial_balance() GROUP BY client_code, fund, asset) total;
