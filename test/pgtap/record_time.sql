-- What is recorded is never recorded before the last block was sealed, also when the clock was set back (I26): what the ledger knew at an instant stays so.
\set QUIET on
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
\ir world.psql
SELECT seal() AS first_block \gset

SELECT cmp_ok(record_time(), '>=', (SELECT sealed_at FROM block WHERE block_no = :first_block), 'what is recorded now is recorded after the last block');
SELECT cmp_ok(abs(extract(epoch FROM clock_timestamp() - record_time())), '<', 5::numeric, 'what is recorded is recorded by the clock while that goes on');

-- An hour later the clock is set back: to the ledger that is a last block sealed an hour ahead.
ALTER TABLE bakkt_ledger_internal.block DISABLE TRIGGER refuse_write;
UPDATE bakkt_ledger_internal.block AS block SET sealed_at = sealed_at + interval '1 hour' WHERE block_no = :first_block;
UPDATE bakkt_ledger_internal.block AS block SET hash = block_hash(block) WHERE block_no = :first_block;
ALTER TABLE bakkt_ledger_internal.block ENABLE ALWAYS TRIGGER refuse_write;
SELECT sealed_at AS ahead FROM block WHERE block_no = :first_block \gset

SELECT is(record_time(), :'ahead'::timestamptz, 'with a clock behind the last block what is recorded is recorded when that was sealed');
SELECT deposit_coin('ONE00001', '1.00 BTC', 'after') \g /dev/null
SELECT is(recorded_at, :'ahead'::timestamptz, 'a journal is not recorded before the last block') FROM journal WHERE reference = 'after';
SELECT authorize_hold('ONE', account_of('ONE', 'CUST', 'Cust:ONE00001', 'BTC'), '0.50 BTC', 'hold after') \g /dev/null
SELECT release_hold('ONE', 'hold after', 'release after') \g /dev/null
SELECT is(recorded_at, :'ahead'::timestamptz, 'an event is not recorded before the last block') FROM event ORDER BY event_id DESC LIMIT 1;
SELECT is(recorded_at, :'ahead'::timestamptz, 'a request is not recorded before the last block') FROM request ORDER BY request_id DESC LIMIT 1;

SELECT seal() AS second_block \gset
SELECT cmp_ok(sealed_at, '>', :'ahead'::timestamptz, 'a block is sealed after the block before, whatever the clock says') FROM block WHERE block_no = :second_block;
SELECT cmp_ok(sealed_at, '>=', last_recorded_at, 'a block is sealed after all its records') FROM block WHERE block_no = :second_block;
SELECT is(record_time(), (SELECT sealed_at FROM block WHERE block_no = :second_block), 'a new block moves the time of recording on');
SELECT is_empty('SELECT * FROM verify()', 'verify() accepts records and blocks made while the clock was behind');

-- A block that is sealed too early shows
ALTER TABLE bakkt_ledger_internal.block DISABLE TRIGGER refuse_write;
UPDATE bakkt_ledger_internal.block AS block SET sealed_at = :'ahead'::timestamptz - interval '1 second' WHERE block_no = :second_block;
UPDATE bakkt_ledger_internal.block AS block SET hash = block_hash(block) WHERE block_no = :second_block;
SELECT results_eq('SELECT check_name, block_no FROM verify()', format($$VALUES ('block times', %s::bigint)$$, :second_block),
	'verify() finds a block that says it was sealed before the block before');

SELECT * FROM finish();
ROLLBACK;
