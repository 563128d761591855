-- account_id: text and binary forms, the fund and number in it, order and use in indexes
\set VERBOSITY terse
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

-- good input
SELECT 'FBO:1'::account_id, 'CUST:42'::account_id, 'SEG:72057594037927935'::account_id, ' CORP:7 '::account_id;

-- bad input: every one of these must be refused
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT literal, refusal(format('SELECT %L::bakkt_ledger.account_id', literal))
FROM unnest(ARRAY['', 'FBO', 'FBO:', ':1', 'FBO:0', 'FBO:-1', 'FBO:+1', 'FBO:01', 'FBO:1.0', 'FBO:1x', 'fbo:1', 'FB:1', 'FBOO:1', 'FBO :1',
	'FBO: 1', 'FBO:72057594037927936', 'FBO:99999999999999999999999', 'FBO:1:2', 'FBO:' || U&'\0661']) literal;

-- the parts
SELECT fund('SEG:9'), account_number('SEG:9'), account_id('SEG', 9), account_id('SEG', 9)::bigint, 75::bigint::account_id;
SELECT refusal($$SELECT bakkt_ledger.account_id('XYZ', 9)$$) AS fund, refusal($$SELECT bakkt_ledger.account_id('FBO', 0)$$) AS zero,
	refusal($$SELECT bakkt_ledger.account_id('FBO', 72057594037927936)$$) AS beyond;
-- no fund is 0 or above 4, no number below 1
SELECT bits, refusal(format('SELECT (%s)::bigint::bakkt_ledger.account_id', bits)) FROM unnest(ARRAY[0, 1, 4, 8, 13, 15, -7, 9, 12]) bits;
-- only an explicit cast reads an integer as an account, or an account as an integer
SELECT refusal('SELECT 1 WHERE bakkt_ledger.account_id(9) = 9') AS compared,
	refusal('CREATE TEMP TABLE t (a bakkt_ledger.account_id); INSERT INTO t VALUES (9)') AS assigned;

-- binary form: eight bytes, checked on the way in
SELECT account_id_send('FBO:1042');
SELECT account, account_id_send(account) = int8send(account::bigint) AS as_bits FROM unnest('{FBO:1,CORP:1042}'::account_id[]) account;

-- order, hash and indexes
SELECT array_agg(a ORDER BY a) FROM unnest('{CORP:2,FBO:2,SEG:1,CUST:10,FBO:9,FBO:2}'::account_id[]) a;
SELECT min(a), max(a), count(DISTINCT a) FROM unnest('{CORP:2,FBO:2,SEG:1,CUST:10,FBO:9,FBO:2}'::account_id[]) a;
SELECT 'FBO:2'::account_id = 'FBO:2' AS eq, 'FBO:2'::account_id <> 'CORP:2' AS ne, 'FBO:2'::account_id < 'CORP:2' AS lt,
	'FBO:2'::account_id <= 'FBO:2' AS le, 'FBO:3'::account_id > 'CORP:2' AS gt, 'FBO:2'::account_id >= 'CORP:2' AS ge;

CREATE TEMP TABLE many AS SELECT account_id(fund, n) AS a FROM unnest('{FBO,CUST,SEG,CORP}'::text[]) fund, generate_series(1, 5000) n;
CREATE INDEX many_btree ON many (a);
CREATE INDEX many_hash ON many USING hash (a);
ANALYZE many;
SET enable_seqscan = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM many WHERE a >= 'FBO:4999' ORDER BY a;
SELECT array_agg(a) FROM (SELECT a FROM many WHERE a >= 'SEG:4999' ORDER BY a) s;
SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
SELECT count(*) FROM many WHERE a = 'CUST:77';
RESET ALL;
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
SELECT bool_and(hash = account_id_hash(a::text::account_id)) AS hashes_agree FROM (SELECT a, account_id_hash(a) AS hash FROM many) s;
-- equal accounts are equal bit by bit, so a btree may keep one key for many rows
SELECT amproc FROM pg_amproc JOIN pg_opclass ON opcfamily = amprocfamily
WHERE opcname = 'account_id_ops' AND amprocnum = 4;
-- text round trip of the whole range
SELECT count(*) AS different FROM (SELECT account_id((ARRAY['FBO', 'CUST', 'SEG', 'CORP'])[1 + n % 4], 1 + (n::bigint * 7205759403793) % 72057594037927935) AS a
	FROM generate_series(1, 20000) n) s WHERE a::text::account_id <> a;
DROP FUNCTION refusal;
