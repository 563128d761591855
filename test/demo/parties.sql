-- Providers, clients and customers, opened ten days before the market's first
-- quote, with capital for the company and coin for those who will sell.
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

SELECT count(open_provider('LP' || n, 'Liquidity provider ' || n, at => opened_at)) AS providers
FROM demo.day, generate_series(1, 4) n \gset

SELECT count(open_client(code, funding_model => funding_model,
						 commission_model => CASE WHEN markup_bps IS NULL THEN 'TRADE_FEE' ELSE 'MARKUP' END,
						 revenue_share_bps => revenue_share_bps, at => opened_at)) AS clients
FROM demo.day, demo.client \gset

SELECT sum((open_customers(code, ARRAY(SELECT code || lpad(n::text, 4, '0') FROM generate_series(1, customers) n),
						  at => opened_at)).opened) AS customers
FROM demo.day, demo.client \gset

SELECT count(grant_client_access(code, role)) AS granted FROM demo.client, unnest('{demo_desk,demo_executor}'::name[]) AS role \gset

-- J00a: what the providers are paid from until customers and clients have paid
SELECT count(load_journal(code,
						  journal_entry(line('Dr', (open_account(code, 'CORP', 'Bank:operating', 'USD')).account, '100000000.00 USD'),
										line('Cr', (open_account(code, 'CORP', 'Equity', 'USD')).account, '100000000.00 USD')), 'capital', description => 'Corporate capital paid in',
						  at => opened_at)) AS capital
FROM demo.day, demo.client \gset

SET ROLE demo_settlement;
SELECT count(*) AS deposits
FROM demo.day, (SELECT * FROM demo.deposit ORDER BY account, symbol) deposit,
	 deposit_coin(account, amount(quantity, demo.coin(symbol)), reference => 'chain:' || account || ':' || symbol,
				  at => opened_at) \gset

\echo :providers providers, :clients clients, :customers customers, :deposits coin deposits
