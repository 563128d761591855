-- Money of random executions against a model in plain numeric: the same cases on every server, ties and ticks in plenty.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT plan(9);

SELECT open_client(code, revenue_share_bps => share, at => '2026-01-01Z') FROM (VALUES ('NONE', 0), ('THRD', 3333), ('HALF', 5000), ('FULL', 10000)) AS client(code, share) \g /dev/null
-- prices are examples here, not a market's
SELECT change_client(code, price_band_bps => 0) FROM client \g /dev/null
SELECT open_customer(client => code, customer => code || '0001') FROM unnest('{NONE,THRD,HALF,FULL}'::text[]) code \g /dev/null
SELECT open_provider('LP1', 'One') \g /dev/null
SELECT change_instrument('ETHUSD', price_increment => '0.05 USD/ETH') \g /dev/null
SELECT deposit_coin(code || '0001', (quantity || ' ' || asset)::amount, code || asset)
  FROM unnest('{NONE,THRD,HALF,FULL}'::text[]) code, (VALUES ('BTC', '1000000'), ('ETH', '100000000'), ('SHIB', '1000000000000')) AS coin(asset, quantity) \g /dev/null

-- a number below `below` from stream `salt` of case n
CREATE FUNCTION pg_temp.pick(n int, salt int, below int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT mod(hashint8extended(n, salt) & 9223372036854775807, below)::int $$;
CREATE FUNCTION pg_temp.half_even(exact numeric, decimals int) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN abs(scaled - trunc(scaled)) = 0.5 THEN 2 * round(scaled / 2) ELSE round(scaled) END / power(10::numeric, decimals) FROM (SELECT exact * power(10::numeric, decimals) AS scaled) s $$;

CREATE TEMP TABLE asked AS
	SELECT n, (ARRAY['NONE', 'THRD', 'HALF', 'FULL'])[1 + pg_temp.pick(n, 1, 4)] AS client, (ARRAY['BUY', 'SELL'])[1 + pg_temp.pick(n, 2, 2)] AS side,
		   c.asset, c.tick,
		   c.step * CASE pg_temp.pick(n, 4, 3) WHEN 0 THEN 50000000 * (1 + pg_temp.pick(n, 5, 9)) WHEN 1 THEN 1 + pg_temp.pick(n, 6, 1000000) ELSE 1 + pg_temp.pick(n, 7, 2000000000) END AS quantity,
		   c.tick * CASE pg_temp.pick(n, 8, 2) WHEN 0 THEN 1 + pg_temp.pick(n, 9, 1000) ELSE 1 + pg_temp.pick(n, 10, 10000000) END
			   + CASE pg_temp.pick(n, 11, 4) WHEN 0 THEN c.tick / 3 ELSE 0 END::numeric(30, 12) AS provider_price,
		   CASE pg_temp.pick(n, 12, 3) WHEN 0 THEN 0 ELSE pg_temp.pick(n, 13, 300) END AS markup_bps,
		   CASE pg_temp.pick(n, 14, 4) WHEN 0 THEN c.tick * pg_temp.pick(n, 15, 20) ELSE 0 END AS markup_fixed,
		   CASE pg_temp.pick(n, 16, 3) WHEN 0 THEN 0 ELSE pg_temp.pick(n, 17, 300) END AS fee_bps,
		   CASE pg_temp.pick(o.fees, 18, 4) WHEN 0 THEN 0.01 * pg_temp.pick(o.fees, 19, 500) ELSE 0 END AS fee_fixed,
		   CASE pg_temp.pick(o.fees, 20, 4) WHEN 0 THEN 0.01 * pg_temp.pick(o.fees, 21, 2000) ELSE 0 END AS fee_minimum,
		   o.client_order_id
	  FROM generate_series(1, 20000) n
	  -- all fills of an order name the same fixed and minimum fee
	  CROSS JOIN LATERAL (SELECT CASE pg_temp.pick(n, 22, 2) WHEN 0 THEN 'order-' || pg_temp.pick(n, 23, 300) END AS client_order_id,
								 CASE pg_temp.pick(n, 22, 2) WHEN 0 THEN 1000000 + pg_temp.pick(n, 23, 300) ELSE n END AS fees) o
	  CROSS JOIN LATERAL (SELECT * FROM (VALUES (0, 'BTC', 0.01, 0.00000001), (1, 'ETH', 0.05, 0.00000001), (2, 'SHIB', 0.00000001, 0.00000001)) AS coin(number, asset, tick, step)
						   WHERE number = pg_temp.pick(n, 3, 3)) c;

CREATE TEMP TABLE answered AS
	SELECT r.* FROM post_trades((SELECT array_agg(ROW(client || '0001', side, (quantity || ' ' || asset)::amount, 'LP1', 'case-' || n, (provider_price || ' USD/' || asset)::price, NULL, markup_bps, (markup_fixed || ' USD/' || asset)::price, fee_bps, (fee_fixed || ' USD')::amount, (fee_minimum || ' USD')::amount, client_order_id, '2026-11-20 15:00Z', NULL, false, false)::trade_request ORDER BY n) FROM asked)) r;

-- what each execution should come to; fees of orders in the next step
CREATE TEMP TABLE model AS
	SELECT a.*, share, price, pg_temp.half_even(quantity * price, 2) AS notional, pg_temp.half_even(quantity * provider_price, 2) AS provider_money,
		   pg_temp.half_even(quantity * price, 2) * fee_bps / 10000 AS exact_fee
	  FROM asked a
	  JOIN (VALUES ('NONE', 0), ('THRD', 3333), ('HALF', 5000), ('FULL', 10000)) AS client(client, share) USING (client)
	  CROSS JOIN LATERAL (SELECT CASE side WHEN 'BUY' THEN ceil((provider_price * (10000 + markup_bps) / 10000 + markup_fixed) / tick)
										   ELSE floor((provider_price * (10000 - markup_bps) / 10000 - markup_fixed) / tick) END * tick AS price) p;

CREATE TEMP TABLE outcome AS
	SELECT m.*, r.outcome, r.sqlstate, split_part(r.price::text, ' ', 1)::numeric AS price_got, split_part(r.net_money::text, ' ', 1)::numeric AS net_money, split_part(r.revenue::text, ' ', 1)::numeric AS revenue,
		   split_part(r.revenue_share::text, ' ', 1)::numeric AS revenue_share, split_part(r.fee::text, ' ', 1)::numeric AS fee
	  FROM model m JOIN answered r ON r.request = m.n;

SELECT is((SELECT count(*) FROM outcome), 20000::bigint, 'every request of a batch of 20,000 is answered');
SELECT cmp_ok((SELECT count(*) FROM outcome WHERE outcome = 'posted'), '>', 12000::bigint,
	'more than 12,000 of the random executions are posted');
SELECT is_empty($$ SELECT * FROM outcome WHERE (outcome = 'refused' AND notional <> 0 AND NOT (sqlstate = 'LG045' AND side = 'SELL'))
				   OR (price > 0 AND (notional = 0) <> coalesce(sqlstate = 'LG047', false)) $$,
	'an execution is refused only for no notional, or a sale for no proceeds');
SELECT is_empty($$ SELECT n, price, price_got FROM outcome WHERE outcome = 'posted' AND price <> price_got $$,
	'the customer''s price equals the model''s markup, rounded to the tick');
SELECT is_empty($$ SELECT * FROM outcome WHERE outcome = 'posted' AND (fee_minimum = 0 AND fee_fixed = 0 OR client_order_id IS NULL) AND fee <> greatest(fee_minimum, pg_temp.half_even(exact_fee + fee_fixed, 2)) $$,
	'the fee of a fill that is its own order is the rounded fee or the minimum');
SELECT is_empty($$ SELECT * FROM outcome WHERE outcome = 'posted' AND net_money <> CASE side WHEN 'BUY' THEN notional + fee ELSE fee - notional END $$,
	'net money is the notional plus the fee, or less the fee for a sale');
SELECT is_empty($$ SELECT * FROM outcome WHERE outcome = 'posted' AND (revenue <> net_money - CASE side WHEN 'BUY' THEN provider_money ELSE -provider_money END
	OR revenue_share <> pg_temp.half_even(greatest(revenue, 0) * share / 10000, 2)) $$,
	'revenue and the client''s share of it equal the model''s');

-- I18, fill by fill: what the order has paid after each is max(minimum, rounded sum of bps and, once, the fixed fee)
CREATE FUNCTION pg_temp.wrong_fees() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	fill	record;
	accrued	jsonb := '{}';
	charged	jsonb := '{}';
	key		text;
	total	numeric;
	due		numeric;
BEGIN
	FOR fill IN SELECT * FROM outcome WHERE (fee_minimum > 0 OR fee_fixed > 0) AND client_order_id IS NOT NULL ORDER BY n LOOP
		key := fill.client || fill.client_order_id;
		total := coalesce((accrued ->> key)::numeric, 0) + fill.exact_fee;
		due := greatest(greatest(fill.fee_minimum, pg_temp.half_even(total + fill.fee_fixed, 2)) - coalesce((charged ->> key)::numeric, 0), 0);
		CONTINUE WHEN fill.outcome = 'refused';
		IF due <> fill.fee THEN
			RETURN NEXT format('%s: %s due, %s charged', fill.n, due, fill.fee);
		END IF;
		accrued := accrued || jsonb_build_object(key, total);
		charged := charged || jsonb_build_object(key, coalesce((charged ->> key)::numeric, 0) + fill.fee);
	END LOOP;
END $$;
SELECT is_empty('SELECT pg_temp.wrong_fees()', 'I18: each fill pays its order''s running fee less what earlier fills paid');
ANALYZE journal, customer;
SELECT is_empty($$ SELECT o.client_order_id, o.charged, e.paid
	FROM order_commission o
	JOIN customer c USING (client_id, customer_id)
	JOIN (SELECT customer, client_order_id, sum_fee(terms) AS paid FROM execution WHERE sign(fee_minimum(terms)) > 0 OR sign(fee_fixed(terms)) > 0 GROUP BY 1, 2) e ON e.customer = c.customer_code
	WHERE e.client_order_id = o.client_order_id AND o.charged <> e.paid $$,
	'the stored commission of an order equals the fees its executions charged');

SELECT * FROM finish();
ROLLBACK;
