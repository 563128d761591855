-- The proofs.  demo.fault gets a row for whatever does not hold.
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

SELECT count(seal()) AS sealed \gset
CREATE TABLE demo.discrepancy AS SELECT * FROM verify();

CREATE TABLE demo.position AS
SELECT client.code AS client, b.fund, b.name, k.class, k.kind, asset(b.balance) AS asset,
	   CASE b.normal_side WHEN 'debit' THEN b.balance ELSE -b.balance END AS debit
FROM demo.client, balances(client.code) b JOIN account_kind k USING (kind);

-- Coin that customers own is in the wallets, or the company owes it to them
-- (bought, not yet delivered), less what they have sold and is still in the
-- wallets; and what the company owes them its providers owe the company.
CREATE TABLE demo.proof AS
SELECT *, claims - wallets - due_from_company + due_to_company AS difference
FROM (SELECT asset,
			 coalesce(-sum(debit) FILTER (WHERE fund = 'CUST' AND class = 'claim'), zero(asset)) AS claims,
			 coalesce(sum(debit) FILTER (WHERE fund = 'CUST' AND class = 'control'), zero(asset)) AS wallets,
			 coalesce(sum(debit) FILTER (WHERE fund = 'CUST' AND name = 'DueFrom:CORP'), zero(asset)) AS due_from_company,
			 coalesce(-sum(debit) FILTER (WHERE fund = 'CUST' AND name = 'DueTo:CORP'), zero(asset)) AS due_to_company,
			 coalesce(sum(debit) FILTER (WHERE fund = 'CORP' AND name LIKE 'LP:%'), zero(asset)) AS due_from_providers
	  FROM demo.position WHERE asset <> 'USD' GROUP BY asset) per_coin;

CREATE TABLE demo.fault AS
SELECT 'verify: ' || d::text AS fault FROM demo.discrepancy d
UNION ALL
SELECT format('%s claims differ from control and listed items by %s', asset, difference) FROM demo.proof WHERE NOT is_zero(difference)
UNION ALL
SELECT format('%s due from providers is %s, due to customers net %s', asset, due_from_providers, due_from_company - due_to_company)
FROM demo.proof WHERE due_from_providers <> due_from_company - due_to_company
UNION ALL
SELECT format('fund %s of %s does not balance in %s', fund, client, asset) FROM demo.position GROUP BY client, fund, asset
HAVING NOT is_zero(sum(debit))
UNION ALL
SELECT format('order %s: %s', order_no, message) FROM demo.outcome JOIN demo.fill USING (order_no)
WHERE outcome <> 'posted' AND account NOT LIKE '%0001'
UNION ALL
SELECT format('order %s was posted, though the customer had no coin', order_no) FROM demo.outcome JOIN demo.fill USING (order_no)
WHERE outcome = 'posted' AND account LIKE '%0001'
UNION ALL
SELECT format('obligation %s of %s is not settled: %s', obligation, client, status) FROM obligations(open_only => true)
UNION ALL
SELECT format('%s: the ledger has %s trades, the desk sent %s', client, posted, sent)
FROM (SELECT client, count(*) FILTER (WHERE outcome = 'posted') AS sent FROM demo.outcome JOIN demo.fill USING (order_no) GROUP BY 1) desk
JOIN (SELECT client, count(*) AS posted FROM execution GROUP BY 1) ledger USING (client)
WHERE sent <> posted
UNION ALL
SELECT 'cash calls: ' || c::text FROM check_cash_calls() c
UNION ALL
SELECT 'FBO accounts: ' || c::text FROM check_fbo() c
UNION ALL
SELECT 'aged list printed again differs: ' || c::text FROM check_aged_tpj() c
UNION ALL
SELECT format('aged list of %s, %s, line %s differs from the print of the morning', client, kind, line_no)
FROM (SELECT client, kind, line_no, line FROM demo.printed
	  EXCEPT ALL
	  SELECT client, kind, line_no, line
	  FROM (SELECT DISTINCT client, kind, day FROM demo.printed) lists, aged_tpj_file(client, kind, day) WITH ORDINALITY AS file (line, line_no)) changed
UNION ALL
SELECT format('job %s of %s failed: %s', job, occurrence, message) FROM job_run WHERE status = 'FAILED'
UNION ALL
SELECT 'the followed customer''s call was not settled by the retry' FROM demo.followed
WHERE NOT EXISTS (SELECT FROM cash_calls(client) c, cash_call_attempts(client, c.call) a
				  WHERE c.customer = followed.account AND c.status = 'SETTLED' AND c.attempts > 1);
