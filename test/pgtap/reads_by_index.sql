-- What looks up a few rows of a large table does so by an index, whatever the plan was made for: sealing, and what seals, read no more than is new.
\set QUIET on
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
\ir world.psql
SELECT setseed(0.5) \g /dev/null

-- many clients, and a journal of some size, most of it TWO's: one that is there, many times
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns,
	string_agg(CASE attname WHEN 'journal_id' THEN 'n' WHEN 'reference' THEN '''copy '' || n' ELSE format('j.%I', attname) END, ', ' ORDER BY attnum) AS values
FROM pg_attribute WHERE attrelid = 'journal'::regclass AND attnum > 0 AND NOT attisdropped \gset
SELECT open_client('MANY' || n) FROM generate_series(1, 200) AS n \g /dev/null
SET LOCAL bakkt_ledger.restoring = on;
INSERT INTO journal (:columns) SELECT :values FROM journal j, (SELECT nextval('record_number') AS n FROM generate_series(1, 20000)) AS copies WHERE j.reference = 'coin' AND j.client_id = (SELECT client_id FROM client WHERE code = 'TWO');
SET LOCAL bakkt_ledger.restoring = off;
ANALYZE journal, client;
SELECT seal() \g /dev/null

-- rows of journal, event, request and rejection that were read by scanning them
CREATE FUNCTION pg_temp.scanned() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(s.seq_tup_read)::bigint FROM pg_stat_xact_all_tables s
	WHERE s.relid IN ('bakkt_ledger_internal.journal'::regclass, 'bakkt_ledger_internal.event'::regclass, 'bakkt_ledger_internal.request'::regclass, 'bakkt_ledger_internal.rejection'::regclass) $$;
CREATE FUNCTION pg_temp.scans(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before	bigint := pg_temp.scanned();
BEGIN
	EXECUTE statement;
	RETURN pg_temp.scanned() - before;
END
$$;
SELECT cmp_ok(pg_temp.scans('SELECT count(*) FROM journal'), '>', 20000::bigint,
	'this test counts the rows of the journal that a scan reads');
SELECT deposit_coin('ONE00001', '1.00 BTC', 'new') \g /dev/null
SELECT is(pg_temp.scans('SELECT seal()'), 0::bigint, 'seal() does not scan records for what is new');
SELECT is(pg_temp.scans('SELECT seal()'), 0::bigint, 'seal() does not scan records when nothing is new');
SELECT is(pg_temp.scans(format($$SELECT * FROM numbered_records('{[10,11),[2000,2001),[%s,%s)}')$$, max(high), max(high) + 2)), 0::bigint,
	'records are not scanned for gaps') FROM block;
SELECT is(pg_temp.scans($$SELECT balance_of(account_of('ONE', 'FBO', 'Bank:omnibus', 'USD'))$$), 0::bigint,
	'the balance of a house account is read without a scan of the journal');
SELECT is(pg_temp.scans('SELECT * FROM ' || call), 0::bigint, call || ' does not scan the journal') FROM unnest(ARRAY[
	$$balances('ONE')$$, $$statement('ONE00001', 'BTC')$$, $$net_position('ONE')$$, $$settlement_flow('ONE')$$, $$buying_powers('ONE')$$, $$cash_calls('ONE')$$, $$aged_tpj('ONE')$$,
	$$fbo_proof('ONE')$$, $$close_window('ONE', '2026-11-05')$$, $$window_members('ONE', '2026-11-05')$$, $$process_cash_calls(client => 'ONE')$$]) AS call;

SELECT * FROM finish();
ROLLBACK;
