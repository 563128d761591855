-- execution_terms: text and binary form, accessors, equality, netting aggregates
SET search_path = bakkt_ledger_internal, bakkt_ledger, pg_catalog;
\set VERBOSITY sqlstate

CREATE TEMPORARY TABLE sample (label text, terms execution_terms);
INSERT INTO sample VALUES
	('usual', '{"side": "BUY", "quantity": "0.2 BTC", "price": "60300.00 USD/BTC", "provider_price": "60000.00 USD/BTC", "net_money": "12060.00 USD", "provider_money": "12000.00 USD", "funding_model": "NET_SETTLEMENT", "customer": 7, "instrument": 1, "provider": 2, "markup_bps": 50, "given": "provider_price executed_at"}'),
	('sale', '{"side": "SELL", "quantity": "0.04 BTC", "price": "60695.00 USD/BTC", "provider_price": "61000.00 USD/BTC", "net_money": "2427.80 USD", "provider_money": "2440.00 USD", "funding_model": "BAKKT_TPJ", "customer": 8, "instrument": 1, "provider": 3, "markup_bps": 50, "given": "provider_price"}'),
	('everything', E'{"side": "BUY", "quantity": "1.000000000000000001 ETH", "price": "3000.55 USD/ETH", "provider_price": "2999 USD/ETH", "net_money": "3008.07 USD", "provider_money": "2999.00 USD", "revenue": "9.07 USD", "revenue_share_bps": 4000, "revenue_share": "3.63 USD", "fee": "7.52 USD", "funding_model": "APEX_TPJ", "customer": 9223372036854775807, "instrument": 2147483647, "provider": 2147483647, "markup_bps": 5, "markup_fixed": "0.05 USD/ETH", "fee_bps": 25, "fee_fixed": "0.02 USD", "fee_minimum": "1 USD", "client_order_id": "an \\"order\\" \\\\ 1", "encumbered": true, "given": "price provider_price executed_at", "corrects": 41}'),
	('bust', '{"side": "BUY", "quantity": "0.2 BTC", "price": "60300.00 USD/BTC", "provider_price": "60000.00 USD/BTC", "net_money": "12060.00 USD", "provider_money": "12000.00 USD", "revenue_share_bps": 4000, "revenue_share": "24.00 USD", "funding_model": "NET_SETTLEMENT", "customer": 7, "instrument": 1, "provider": 2, "markup_bps": 50, "busts": 40}'),
	('refused', '{"side": "SELL", "quantity": "5 DOGE", "price": "0.1 USD/DOGE", "net_money": "0 USD", "provider_money": "0 USD", "funding_model": "NO_SETTLEMENT", "customer": 7, "unknown_provider": "LPX"}');

SELECT label, pg_column_size(terms), terms FROM sample;

-- text and binary forms lead back to the same value
SELECT label, terms::text::execution_terms = terms AS text_round_trip, terms::text::jsonb IS NOT NULL AS is_json FROM sample;
CREATE TEMPORARY TABLE copied (label text, terms execution_terms);

-- accessors
\x on
SELECT side(terms), quantity(terms), signed_quantity(terms), price(terms), provider_price(terms), net_money(terms), provider_money(terms),
	   revenue(terms), revenue_share_bps(terms), revenue_share(terms), fee(terms), customer_id(terms), provider_id(terms), instrument_id(terms), base_asset(terms), quote_asset(terms),
	   funding_model(terms), markup_bps(terms), markup_fixed(terms), fee_bps(terms), fee_fixed(terms), fee_minimum(terms),
	   client_order_id(terms), settles_net(terms), is_encumbered(terms), is_bust(terms), busts(terms), corrects(terms)
FROM sample WHERE label IN ('everything', 'bust') ORDER BY label;
\x off
SELECT label, net_money(terms), provider_money(terms), signed_quantity(terms), revenue(terms) FROM sample WHERE label IN ('usual', 'sale', 'bust');

-- equality, hashing, DISTINCT
SELECT a.label, b.label, a.terms = b.terms AS same, a.terms <> b.terms AS different
FROM sample a JOIN sample b ON a.label < b.label WHERE a.label = 'bust';
SELECT count(*) FROM (SELECT DISTINCT terms FROM (SELECT terms FROM sample UNION ALL SELECT terms FROM sample) doubled) once;
SELECT count(*) FROM sample a JOIN sample b USING (terms);

-- the same money however it is written is the same value
SELECT '{"side":"BUY","quantity":"0.20 BTC","price":"6e4 USD/BTC","net_money":"12000 USD","provider_money":"12000.00 USD","funding_model":"BAKKT_TPJ","customer":7,"instrument":1,"provider":2}'::execution_terms
	 = '{ "provider": 2, "side": "BUY", "quantity": "0.2 BTC", "provider_price": "60000 USD/BTC", "price": "60000.00 USD/BTC", "net_money": "12000.00 USD", "provider_money": "12000 USD", "revenue": "0 USD", "fee": "0 USD", "funding_model": "BAKKT_TPJ", "customer": 7, "instrument": 1 }' AS same;

-- an execution and its bust net to nothing
SELECT sum_net_money(terms), sum_provider_money(terms), sum_signed_quantity(terms), sum_revenue(terms) FROM sample WHERE label IN ('usual', 'bust');
SELECT sum_net_money(terms), sum_provider_money(terms), sum_signed_quantity(terms), sum_revenue(terms), sum_revenue_share(terms), sum_exact_share(terms), sum_fee(terms)
FROM sample WHERE label IN ('usual', 'sale');
SELECT sum_net_money(terms) FILTER (WHERE settles_net(terms)) FROM sample WHERE label IN ('usual', 'sale');
SELECT sum_net_money(NULL::execution_terms), sum_net_money(terms) FROM sample WHERE false;
SELECT sum_signed_quantity(terms) FROM sample;		-- BTC and ETH

-- moving frames
SELECT n, sum_net_money(terms) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
FROM (VALUES (1, 'usual'), (2, 'sale'), (3, 'bust'), (4, 'usual')) AS walk(n, label) JOIN sample USING (label) ORDER BY n;

-- parallel plans combine and serialise
CREATE TABLE many_terms AS
SELECT terms FROM sample, generate_series(1, 20000) WHERE label IN ('usual', 'sale', 'bust');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT sum_net_money(terms) FROM many_terms;
SELECT sum_net_money(terms), sum_signed_quantity(terms), sum_revenue_share(terms) FROM many_terms;
RESET ALL;
SET search_path = bakkt_ledger_internal, bakkt_ledger, pg_catalog;
DROP TABLE many_terms;

-- refused input
CREATE FUNCTION pg_temp.change(key text, value text) RETURNS text LANGUAGE sql AS
$$ SELECT CASE WHEN value IS NULL THEN terms::text::jsonb - key ELSE jsonb_set(terms::text::jsonb, ARRAY[key], value::jsonb) END::text
   FROM sample WHERE label = 'usual' $$;
CREATE FUNCTION pg_temp.attempt(input text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM input::execution_terms;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || detail;
END $$;
SELECT key, value, pg_temp.attempt(pg_temp.change(key, value)) FROM (VALUES
	('side', '"HOLD"'), ('side', NULL), ('quantity', '"0 BTC"'), ('quantity', '"-1 BTC"'), ('quantity', '"NaN BTC"'),
	('quantity', '"Infinity BTC"'), ('quantity', '"1e40 BTC"'), ('quantity', '"0.0000000000000000001 BTC"'), ('quantity', '"1 ETH"'), ('quantity', '1'),
	('price', '"0 USD/BTC"'), ('price', '"1 USD"'), ('price', '"1 BTC/USD"'), ('net_money', '"-1 USD"'), ('net_money', NULL),
	('revenue', '"59.99 USD"'), ('revenue', '"60 EUR"'), ('revenue_share', '"-1 USD"'), ('revenue_share', '"1 USD"'), ('revenue_share_bps', '10001'), ('revenue_share_bps', '-1'), ('funding_model', '"CREDIT"'),
	('customer', '0'), ('customer', NULL), ('provider', '2147483648'), ('provider', NULL), ('instrument', '-1'), ('unknown_provider', '"LPX"'),
	('client_order_id', '""'), ('client_order_id', to_jsonb(repeat('x', 65))::text), ('client_order_id', to_jsonb(repeat('x', 64))::text),
	('given', '"price colour"'), ('encumbered', '1'), ('colour', '"red"'), ('busts', '0'), ('corrects', '5')) AS attempt(key, value);
SELECT input, pg_temp.attempt(input) FROM (VALUES (''), ('{'), ('{}'), ('{"side"}'), ('{"side": "BUY'), ('{"side": "BUY", "side": "BUY"}'),
	('{"side": "\x41"}'), ('{"side": "BUY",}')) AS attempt(input);
SELECT pg_temp.attempt((terms::text) || ' x') FROM sample WHERE label = 'usual';
SELECT pg_temp.attempt(replace(pg_temp.change('corrects', '5'), '}', ', "busts": 6}'));

-- any single byte of the binary form changed: refused, or another canonical value, never a crash
DO $$
DECLARE
	original bytea;
	changed bytea;
	accepted int := 0;
	refused int := 0;
	copied_file text := format('%s/execution_terms_%s.bin', current_setting('data_directory'), pg_backend_pid());
BEGIN
	SELECT execution_terms_send(terms) INTO original FROM sample WHERE label = 'everything';
	CREATE TEMPORARY TABLE carrier (bytes bytea);
	CREATE TEMPORARY TABLE received (terms execution_terms);
	FOR position IN 0 .. length(original) - 1 LOOP
		FOR flip IN 0 .. 7 LOOP
			changed := set_byte(original, position, get_byte(original, position) # (1 << flip));
			DELETE FROM carrier;
			INSERT INTO carrier VALUES (changed);
			EXECUTE format('COPY carrier TO %L (FORMAT binary)', copied_file);
			BEGIN
				EXECUTE format('COPY received FROM %L (FORMAT binary)', copied_file);
				accepted := accepted + 1;
			EXCEPTION WHEN invalid_binary_representation OR character_not_in_repertoire THEN
				refused := refused + 1;
			END;
		END LOOP;
	END LOOP;
	IF refused < 100 OR EXISTS (SELECT FROM received WHERE terms::text::execution_terms <> terms) THEN
		RAISE EXCEPTION 'accepted %, refused %', accepted, refused;
	END IF;
END $$;

-- a binary copy comes back whole
SELECT format('%s/execution_terms_copy.bin', current_setting('data_directory')) AS file \gset
COPY sample TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
SELECT count(*) FROM sample JOIN copied USING (label) WHERE sample.terms = copied.terms;
