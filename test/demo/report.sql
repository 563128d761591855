-- What the day came to, in tables.
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
\pset border 1
\pset linestyle ascii

\pset title 'Net settlement per client and window closed at 09:00 Chicago'
SELECT w.client, funding_model AS "funding model", w.closes_on AS "closes on", executions,
	   CASE WHEN sign(net) > 0 THEN party ELSE 'BAKKT' END AS payer, CASE WHEN sign(net) > 0 THEN 'BAKKT' ELSE party END AS payee,
	   asset(net) AS asset, value(abs(net)) AS amount,
	   CASE funding_model
		   WHEN 'NET_SETTLEMENT' THEN format('%s by %s wires', lower(obligation.status), (SELECT count(*) FROM demo.wire
																				 WHERE wire.client = w.client AND wire.closes_on = w.closes_on))
		   WHEN 'BAKKT_TPJ' THEN 'cash called trade by trade'
		   ELSE 'cash called by Apex'
	   END AS paid
FROM demo.window w JOIN demo.client ON code = w.client,
	 window_bounds(w.client, w.closes_on) bounds,
	 LATERAL (SELECT sum(net_money) AS net, sum(buy_count + sell_count) AS executions FROM window_summary(w.client, w.closes_on)) total,
	 LATERAL (SELECT CASE funding_model WHEN 'NET_SETTLEMENT' THEN w.client WHEN 'BAKKT_TPJ' THEN 'customers' ELSE 'Apex' END AS party) named,
	 LATERAL (SELECT (SELECT o.status FROM obligations(w.client) o
					  WHERE o.counterparty = w.client AND o.settlement_window = bounds.settlement_window) AS status) obligation
WHERE w.closed
ORDER BY 1, 3;

\pset title 'Settled with the liquidity providers, all clients and closed windows'
SELECT counterparty AS provider, o.asset, payer, payee, sum(value(amount)) AS amount, sum(value(outstanding)) AS outstanding,
	   count(*) AS obligations
FROM obligations() o
WHERE counterparty <> client
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

\pset title 'Cash calls at the end of the day'
SELECT code AS client, direction, status, count(*) AS calls, sum(value(net_money)) AS "USD", sum(attempts) AS attempts,
	   sum(value(outstanding)) AS outstanding
FROM demo.client, cash_calls(code)
GROUP BY 1, 2, 3 ORDER BY 1, 2 DESC, 3;

\pset title 'One customer: a purchase without the cash for it, its retries, and what the wire of 14:00 changes'
SELECT f.account, c.reference AS execution, c.side, value(c.net_money) AS "USD", a.attempt, to_char(a.attempted_at AT TIME ZONE 'America/Chicago', 'DD Mon HH24:MI') AS "Chicago",
	   a.outcome, a.reason
FROM demo.followed f, LATERAL (SELECT * FROM cash_calls(f.client) k WHERE k.customer = f.account AND k.attempts > 1 ORDER BY k.attempts DESC, k.call LIMIT 1) c,
	 cash_call_attempts(f.client, c.call) a
ORDER BY a.attempt;

\pset title 'The same customer: buying power before and after'
SELECT occasion, value((power).settled_at_cut) AS "settled 16:40", -value((power).unsettled_withdrawals_at_cut) AS "unpaid 16:40",
	   -value((power).buys_since) AS "bought since", value((power).sells_since) AS "sold since", value((power).deposits_since) AS deposited,
	   -value((power).withdrawals_pending) AS "withdrawals pending", -value((power).open_orders) AS "open orders", value((power).buying_power) AS "buying power"
FROM demo.power ORDER BY seen_at;

\pset title 'Aged TPJ by bucket: the list of 09:30, and what is left at 17:05'
SELECT 'list of 09:30' AS "as of", code AS client, s.direction, s.bucket, s.calls, value(s.net_money) AS "USD", s.oldest_days AS "oldest, days"
FROM demo.client, demo.cash_day, aged_tpj_summary(code, demo.central(day, '09:30')) s
UNION ALL
SELECT 'at 17:05', code, s.direction, s.bucket, s.calls, value(s.net_money), s.oldest_days
FROM demo.client, demo.cash_day, aged_tpj_summary(code, demo.central(day, '17:05')) s
ORDER BY 1 DESC, 2, 3 DESC, 4;

\pset title 'The first lines of the file of 09:30, printed again now'
SELECT aged_tpj_file_name(client, kind, day) AS file, count(*) - 1 AS calls, encode(sha256(convert_to(string_agg(line || E'\n', '' ORDER BY line_no), 'UTF8')), 'hex') AS sha256
FROM demo.printed WHERE client IN (SELECT client FROM demo.followed) GROUP BY client, kind, day;
\pset tuples_only on
\pset format unaligned
SELECT line FROM demo.cash_day, demo.followed f, aged_tpj_file(f.client, 'AM', day) WITH ORDINALITY AS file (line, line_no) ORDER BY line_no LIMIT 6;
\pset tuples_only off
\pset format aligned

\pset title 'Settlement flow: transfers between FBO and business account'
SELECT client, reference AS transfer, direction, purpose, value(amount) AS "USD", status, to_char(instructed_at AT TIME ZONE 'America/Chicago', 'DD Mon HH24:MI') AS instructed,
	   to_char(ended_at AT TIME ZONE 'America/Chicago', 'DD Mon HH24:MI') AS confirmed, bank_reference AS "bank reference"
FROM fbo_transfers() ORDER BY instructed_at, 1, 2;

\pset title 'Proof: FBO accounts hold what customers own, gross'
SELECT client, asset, value(control) AS "at the bank", value(ach_in) AS "+ ACH in transit", -value(business_transfer) AS "- to business in transit",
	   value(due_from_company) AS "+ company owes", -value(due_to_company) AS "- company's own", value(claims) AS "customers own", value(residual) AS residual,
	   value(difference) AS difference
FROM fbo_proof() WHERE NOT is_zero(control) ORDER BY 1, 2;

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
FROM (SELECT sum(debit) AS debit, sum(credit) AS credit FROM demo.client, trial_balance(code) GROUP BY code, fund, asset) total;
