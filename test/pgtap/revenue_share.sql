-- A client's share of revenue is exact over time, however trades are sliced.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_provider('lp1', 'Provider') \g /dev/null
SELECT open_client(c.client, funding_model => 'NO_SETTLEMENT', revenue_share_bps => c.bps, at => '2026-01-01Z'), open_customer(c.client, c.client || '0001', at => '2026-01-01Z')
	FROM (VALUES ('CENT', 4000), ('BIPS', 3333), ('HALF', 5000), ('NONE', 0)) AS c (client, bps) \g /dev/null
-- what trades of so many dollars at 1.00 a coin, marked up by so much, come to
CREATE FUNCTION pg_temp.trade(client text, name text, quantity amount, price price, provider_price price, executed_at timestamptz DEFAULT '2026-01-02Z', side text DEFAULT 'BUY')
RETURNS text LANGUAGE sql AS $$ SELECT (post_trade(client || '0001', side, quantity, 'lp1', name, price => price, provider_price => provider_price, executed_at => executed_at)).revenue_share::text $$;
CREATE FUNCTION pg_temp.share(client text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT (balance_of(a.account)).balance::text FROM account a WHERE a.name = 'RevShare:payable:' || client), 'none') $$;
SELECT open_instrument('BTCUSD', 'BTC', 'USD', '0.01 USD/BTC', '0.00000001 BTC') WHERE NOT EXISTS (SELECT FROM instrument WHERE symbol = 'BTCUSD') \g /dev/null

SELECT pg_temp.trade('CENT', 'c' || n, '0.01 BTC', '101 USD/BTC', '100 USD/BTC') FROM generate_series(1, 1000) AS n \g /dev/null
SELECT is(pg_temp.share('CENT'), 'none', 'a thousand executions that earn a cent each accrue nothing at 40 %, rounded one by one');
SELECT results_eq($$SELECT client, executions, accrued::text, trued_up::text FROM true_up_revenue_shares('2026-01-03Z', 'CENT')$$, $$VALUES ('CENT', 1000::bigint, '0.00 USD', '4.00 USD')$$,
	'the day''s true-up brings 40 % of ten dollars');
SELECT is(pg_temp.share('CENT'), '4.00 USD', 'the client has its exact share');
SELECT is((SELECT string_agg(format('%s %s %s', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.name, abs(l.amount)), '; ' ORDER BY l.line)
	FROM journal j JOIN journal_kind k USING (kind), lines(j.entry) l JOIN account a USING (account) WHERE k.name = 'revenue_share' AND j.reference LIKE 'revenue-share:USD:%'),
	'Dr Rounding 4.00 USD; Cr RevShare:payable:CENT 4.00 USD', 'it is posted against Rounding');
SELECT is_empty($$SELECT * FROM true_up_revenue_shares('2026-01-03Z', 'CENT')$$, 'a second run finds nothing new');
SELECT is_empty($$SELECT * FROM true_up_revenue_shares('2026-01-03Z', 'NONE')$$, 'a client without a share has no true-up');

-- the remainder is carried: a third of a cent a day
SELECT pg_temp.trade('BIPS', 'b1', '0.01 BTC', '101 USD/BTC', '100 USD/BTC') \g /dev/null
SELECT is((SELECT trued_up::text FROM true_up_revenue_shares('2026-01-03Z', 'BIPS')), '0.00 USD', 'a third of a cent is not yet a cent');
SELECT pg_temp.trade('BIPS', 'b2', '0.01 BTC', '101 USD/BTC', '100 USD/BTC') \g /dev/null
SELECT is((SELECT trued_up::text FROM true_up_revenue_shares('2026-01-04Z', 'BIPS')), '0.01 USD', 'two thirds are one, of which a third was carried');
SELECT is((SELECT exact::text FROM revenue_share_total t JOIN client c USING (client_id) WHERE c.code = 'BIPS'), '66.66 USD', 'nothing of the remainder is lost');
SELECT is((bust_trade('BIPS0001', 'b2', 'b2 bust', 'test')).revenue_share::text, '0.00 USD', 'a bust takes back what its execution has accrued');
SELECT is((SELECT trued_up::text FROM true_up_revenue_shares('2026-01-05Z', 'BIPS')), '-0.01 USD', 'a true-up after a bust takes back what had trued it up');

-- terms change: each execution has the share of its day
SELECT pg_temp.trade('HALF', 'h1', '0.01 BTC', '101 USD/BTC', '100 USD/BTC') \g /dev/null
SELECT change_client('HALF', revenue_share_bps => 1000) \g /dev/null
SELECT pg_temp.trade('HALF', 'h2', '0.01 BTC', '101 USD/BTC', '100 USD/BTC') \g /dev/null
SELECT change_client('HALF', revenue_share_bps => 0) \g /dev/null
SELECT pg_temp.trade('HALF', 'h3', '0.01 BTC', '101 USD/BTC', '100 USD/BTC') \g /dev/null
SELECT true_up_revenue_shares('2026-01-03Z') \g /dev/null
SELECT is((SELECT exact::text FROM revenue_share_total t JOIN client c USING (client_id) WHERE c.code = 'HALF'), '60.00 USD', 'an execution keeps the share of the client''s terms at its time');
SELECT is(pg_temp.share('HALF'), '0.01 USD', 'six tenths of a cent are a cent');
SELECT change_client('CENT', price_concession_bps => 1000) \g /dev/null
SELECT pg_temp.trade('CENT', 'loss', '1 BTC', '100 USD/BTC', '101 USD/BTC') \g /dev/null
SELECT is((SELECT executions || ' ' || trued_up FROM true_up_revenue_shares('2026-01-06Z', 'CENT')), '1 0.00 USD', 'the client has no part in a loss');

-- a year of trades in three currencies, whose revenue of 1,234.57 is sliced at random into 1 to 1,000 executions, over busy and idle days
SELECT register_asset('EUR', 'FIAT', 2), register_asset('GBP', 'FIAT', 2) WHERE NOT EXISTS (SELECT FROM supported_asset s WHERE s.asset = 'EUR') \g /dev/null
SELECT open_instrument('BTC' || q, 'BTC', q::asset, ('0.01 ' || q || '/BTC')::price, '0.00000001 BTC') FROM unnest('{USD,EUR,GBP}'::text[]) AS q
	WHERE NOT EXISTS (SELECT FROM instrument i WHERE i.symbol = 'BTC' || q) \g /dev/null
CREATE TEMP TABLE slicing AS SELECT 'S' || to_char(n, 'FM0000') AS client, n FROM unnest('{1,2,7,60,333,1000}'::int[]) AS n;
SELECT open_client(client, funding_model => 'NO_SETTLEMENT', revenue_share_bps => 3333, at => '2025-01-01Z'), open_customer(client, right(client, 4) || '0001', at => '2025-01-01Z') FROM slicing \g /dev/null
SELECT setseed(0.20261122) \g /dev/null
CREATE TEMP TABLE slice AS
	SELECT s.client, q.unit, p.part, p.size, ceil(12.0 * p.part / s.n)::int AS month
	FROM slicing s CROSS JOIN unnest('{USD,EUR,GBP}'::text[]) AS q (unit)
	CROSS JOIN LATERAL (
		-- so many different cuts of 123,457 cents
		SELECT row_number() OVER (ORDER BY c.cut) AS part, c.cut - lag(c.cut, 1, 0) OVER (ORDER BY c.cut) AS size
		FROM (SELECT r.cut FROM (SELECT DISTINCT ON (k.cut) k.cut, k.at FROM (SELECT 1 + floor(random() * 123456)::int AS cut, random() AS at FROM generate_series(1, 3 * s.n)) k) r ORDER BY r.at LIMIT s.n - 1) AS c) AS p;
-- what is left after the last cut
INSERT INTO slice SELECT s.client, q.unit, s.n, 123457 - coalesce((SELECT sum(t.size) FROM slice t WHERE t.client = s.client AND t.unit = q.unit), 0), 12 FROM slicing s CROSS JOIN unnest('{USD,EUR,GBP}'::text[]) AS q (unit);
CREATE FUNCTION pg_temp.a_year() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR a_month IN 1 .. 12 LOOP
		PERFORM post_trade(right(s.client, 4) || '0001', 'BUY', (s.size || ' BTC')::amount, 'lp1', s.unit || s.part, price => ('100.01 ' || s.unit || '/BTC')::price,
				provider_price => ('100.00 ' || s.unit || '/BTC')::price, executed_at => make_timestamptz(2025, s.month, 2, 12, 0, 0, 'UTC'))
			FROM slice s WHERE s.month = a_month;
		PERFORM true_up_revenue_shares(make_timestamptz(2025, a_month, 3, 6, 0, 0, 'UTC'));
	END LOOP;
END $$;
SELECT pg_temp.a_year() \g /dev/null
SELECT results_eq($$SELECT DISTINCT n.unit, (balance_of(account_of(s.client, 'CORP', 'RevShare:payable:' || s.client, n.unit::asset))).balance::text FROM slicing s CROSS JOIN unnest('{EUR,GBP,USD}'::text[]) AS n (unit) ORDER BY 1$$,
	$$VALUES ('EUR', '411.48 EUR'), ('GBP', '411.48 GBP'), ('USD', '411.48 USD')$$, 'the client''s share of 1,234.57 is 411.48, sliced into 1 to 1,000 executions, in each currency');
SELECT is((SELECT string_agg(DISTINCT format('%s %s', t.exact, t.accrued + t.trued_up), ', ') FROM revenue_share_total t JOIN client c USING (client_id) WHERE c.code LIKE 'S____' AND t.asset = 'USD'),
	'4114821.81 USD 411.48 USD', 'the exact share is kept to the last unit');
SELECT is_empty($$SELECT c.client, s FROM slicing c, revenue_share_statement(c.client) s WHERE s.opening + s.accrued + s.trued_up + s.written_off + s.recovered + s.paid + s.other <> s.closing OR s.executions <> c.n$$,
	'each client''s statement adds up, and has all executions');
SELECT seal() \g /dev/null
SELECT is_empty($$SELECT * FROM verify()$$, 'every total is what its executions come to');
ALTER TABLE revenue_share_total DISABLE TRIGGER ALL;
UPDATE revenue_share_total SET accrued = accrued + '0.01 USD' WHERE asset = 'USD' AND client_id = (SELECT client_id FROM client WHERE code = 'CENT');
SELECT is((SELECT count(*) FROM check_revenue_share('CENT')), 2::bigint, 'a total that was edited is named');

SELECT throws_ok($$SELECT true_up_revenue_shares('infinity')$$, 'LG061', NULL, 'a true-up is of an instant');

SELECT * FROM finish();
ROLLBACK;
