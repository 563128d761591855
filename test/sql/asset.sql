-- asset: text and binary forms, casts, order and use in indexes
\set VERBOSITY terse
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
-- what bytes become when they are received as a type: text, or the SQLSTATE
CREATE FUNCTION received(bytes bytea, type regtype) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file text := current_setting('data_directory') || '/received.binary';
	result text;
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', bytes, file);
	EXECUTE format('CREATE TEMP TABLE received (value %s)', type);
	EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
	EXECUTE 'SELECT value::text FROM received' INTO result;
	DROP TABLE received;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- good input
SELECT 'USD'::asset, ' BTC '::asset, E'\tETH\n'::asset, 'A'::asset, '0'::asset, '1INCH'::asset, 'BRK.B'::asset, 'A-B_C'::asset, 'ABCDEFGHIJ'::asset;

-- bad input: every one of these must be refused
SELECT literal, refusal(format('SELECT %L::bakkt_ledger.asset', literal))
FROM unnest(ARRAY['', ' ', 'usd', 'Usd', '-A', '.A', '_A', 'ABCDEFGHIJK', 'US D', 'U$D', 'USD/BTC', U&'\00C4', 'NULL!']) literal;
\set VERBOSITY default
SELECT 'usd'::asset;
\set VERBOSITY terse

-- casts are explicit only
SELECT 'USD'::asset::text, text 'BTC'::asset;
CREATE TEMP TABLE words (word text);
CREATE TEMP TABLE codes (code asset);
SELECT refusal($$INSERT INTO words VALUES ('USD'::bakkt_ledger.asset)$$) AS to_text,
	refusal($$INSERT INTO codes SELECT 'USD'::text$$) AS from_text,
	refusal($$INSERT INTO codes SELECT 1::bigint$$) AS from_integer;

-- binary form: eight bytes, checked on the way in
SELECT code, asset_send(code), received(asset_send(code), 'asset') FROM unnest('{USD,BTC,A,0,ABCDEFGHIJ,ZZZZZZZZZZ}'::asset[]) code;
SELECT bytes, received(bytes, 'asset')
FROM unnest(ARRAY['\x', '\x00', '\x0000000000000000', '\x0000000000000001', '\xffffffffffffffff', '\x101f76f8c1000000', '\x001f76f8c100000000']::bytea[]) bytes;

-- order is ASCII order of the codes, whatever the collation
SELECT array_agg(code ORDER BY code) FROM unnest('{USD,A_,1INCH,AA,A-B,BTC,Z,A.B,USDC,A0,0,A,BT}'::asset[]) code;
SELECT bool_and((x < y) = (x::text COLLATE "C" < y::text COLLATE "C") AND (x = y) = (x::text = y::text)) AS agrees_with_text
FROM unnest('{USD,A_,1INCH,AA,A-B,BTC,Z,A.B,USDC,A0,0,A,BT}'::asset[]) x, unnest('{USD,A_,1INCH,AA,A-B,BTC,Z,A.B,USDC,A0,0,A,BT}'::asset[]) y;
SELECT asset 'BTC' = 'BTC' AS eq, asset 'BTC' <> 'USD' AS ne, asset 'BTC' < 'USD' AS lt, asset 'BTC' <= 'BTC' AS le, asset 'USD' > 'BTC' AS gt, asset 'USD' >= 'USD' AS ge;
SELECT min(code), max(code), count(DISTINCT code) FROM unnest('{USD,BTC,ETH,USD}'::asset[]) code;
SELECT min(code) IS NULL AS nothing FROM codes;

-- indexes
CREATE TEMP TABLE many AS SELECT ('C' || n)::text::asset AS code FROM generate_series(1, 5000) n;
CREATE INDEX many_btree ON many (code);
CREATE INDEX many_hash ON many USING hash (code);
ANALYZE many;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT code FROM many WHERE code >= 'C4998' ORDER BY code;
SELECT array_agg(code) FROM (SELECT code FROM many WHERE code >= 'C4998' AND code < 'C5' ORDER BY code) found;
DROP INDEX many_btree;
EXPLAIN (COSTS OFF) SELECT code FROM many WHERE code = 'C77';
SELECT code FROM many WHERE code = 'C77';
RESET enable_seqscan;
RESET enable_bitmapscan;

-- equal codes are stored equal, so a btree index may deduplicate; a hash key may partition
SELECT opcname, amprocnum, amproc FROM pg_amproc JOIN pg_opclass ON opcfamily = amprocfamily
WHERE opcintype = 'asset'::regtype AND amprocnum > 1 ORDER BY amproc::text;
DROP FUNCTION refusal, received;
