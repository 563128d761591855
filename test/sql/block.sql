-- blocks: what seal() takes, and that verify() names whatever a superuser changes behind the ledger's back (I22, I23)
\set VERBOSITY sqlstate
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

-- the first block of an empty ledger has what came with the extension, each row once
SELECT digest();
SELECT seal(), seal() AS again;
SELECT block_no, pending, absent, records = (SELECT count(*) FROM event) AS all_events, turnover FROM block;
SELECT count(*) > 400 AS shipped, bool_and(event = 'shipped' OR subject = 'actor') AS nothing_else FROM event;
SELECT * FROM verify();

-- two clients, a bank each, customers with money
DO $$ BEGIN
	PERFORM open_client('AAAA', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000);
	PERFORM open_client('BBBB', funding_model => 'BAKKT_TPJ', revenue_share_bps => 4000);
	PERFORM open_customer(client => 'AAAA', customer => 'AAAA000' || n) FROM generate_series(1, 4) n;
	PERFORM open_customer(client => 'BBBB', customer => 'BBBB0001');
END $$;
CREATE TABLE bank (client text, account account_id);
INSERT INTO bank SELECT c, (open_account(c, 'FBO', 'Bank:omnibus', 'USD')).account FROM unnest('{AAAA,BBBB}'::text[]) c;
CREATE TABLE claim AS SELECT n, (open_account('AAAA', 'FBO', 'Cust:AAAA000' || n || ':settled', 'USD')).account AS account FROM generate_series(1, 4) n;
INSERT INTO claim SELECT 9, (open_account('BBBB', 'FBO', 'Cust:BBBB0001:settled', 'USD')).account;
-- numbers that do not depend on what came before
SELECT setval('record_number', 10000);
CREATE FUNCTION deposit(client text, reference text, customer int, amount amount) RETURNS journal_request LANGUAGE sql STABLE AS
$$SELECT ROW(client, journal_entry(line('Dr', b.account, amount), line('Cr', c.account, amount)), reference, 'cash_deposit', NULL, '2026-11-20 15:00Z', false)::journal_request
	FROM bank b, claim c WHERE b.client = $1 AND c.n = customer$$;
SELECT outcome, journal FROM load_journals(ARRAY(SELECT deposit('AAAA', 'a' || n, n, '100.00 USD') FROM generate_series(1, 4) n) || deposit('BBBB', 'b1', 9, '7.00 USD'));
-- the sealer sees its own transaction; what fails leaves gaps that are not waited for
BEGIN; SELECT outcome FROM load_journals(ARRAY[deposit('AAAA', 'lost', 1, '1.00 USD')]); ROLLBACK;
BEGIN;
SELECT outcome, journal FROM load_journals(ARRAY[deposit('AAAA', 'a5', 1, '1.00 USD')]);
SELECT seal();
COMMIT;
SELECT block_no, high, pending, absent - '{[1,10001)}' AS absent, writers, records, total_records - (SELECT records FROM block WHERE block_no = 1) AS total_records, turnover
FROM block WHERE block_no = 2;
SELECT * FROM block_balance ORDER BY account;
SELECT seal() AS nothing_new;

-- an entry of many lines, then a tail that no block has
SELECT outcome, journal FROM load_journals(ARRAY[ROW('AAAA', journal_entry(
	line('Dr', (SELECT account FROM claim WHERE n = 1), '30.00 USD'), line('Cr', (SELECT account FROM claim WHERE n = 2), '10.00 USD'),
	line('Cr', (SELECT account FROM claim WHERE n = 3), '10.00 USD'), line('Cr', (SELECT account FROM claim WHERE n = 4), '9.99 USD'),
	line('Cr', (SELECT account FROM claim WHERE n = 2), '0.01 USD')), 'payroll', 'transfer', 'pay day', '2026-11-20 16:00Z', false)::journal_request]);
SELECT (authorize_hold('AAAA', account, '2.00 USD', 'hold')).status FROM claim WHERE n = 4;
SELECT (release_hold('AAAA', 'hold', 'release')).status;
SELECT outcome, sqlstate FROM load_journals(ARRAY[ROW('AAAA', journal_entry(
	line('Dr', (SELECT account FROM claim WHERE n = 1), '3000.00 USD'), line('Cr', (SELECT account FROM claim WHERE n = 2), '3000.00 USD')), 'too much', 'transfer', NULL, '2026-11-20 16:00Z', false)::journal_request]);
SELECT seal();
SELECT digest() AS saved \gset
SELECT outcome, journal FROM load_journals(ARRAY[deposit('AAAA', 'tail', 2, '5.00 USD')]);
SELECT * FROM verify();
SELECT * FROM verify(expected => :'saved');

-- isolation levels that cannot seal
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT seal(); ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT seal(); ROLLBACK;
-- but verify() may run in them, and read-only
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; SELECT * FROM verify(); ROLLBACK;
-- nobody writes a block by hand
INSERT INTO block SELECT * FROM block;
UPDATE block_balance SET balance = balance;
DELETE FROM block;
TRUNCATE block_balance;

-- A superuser without triggers.  What verify() says of each change, which is then undone.
CREATE FUNCTION forge(bytea, bytea) RETURNS journal_entry LANGUAGE internal AS 'byteacat';	-- bytes as they are
CREATE FUNCTION tamper(change text, expected ledger_digest DEFAULT NULL)
	RETURNS TABLE (check_name text, client text, block_no bigint, record_kind text, record_id bigint, subject text, subject_key text, line int, account account_id, detail text) LANGUAGE plpgsql AS $$
DECLARE
	found discrepancy[];
	changed bigint;
	one text;
BEGIN
	BEGIN
		FOREACH one IN ARRAY ARRAY['journal', 'journal_party', 'balance', 'block', 'block_balance', 'rejection', 'event', 'request', 'hold'] LOOP
			EXECUTE format('ALTER TABLE %I DISABLE TRIGGER ALL', one);
		END LOOP;
		EXECUTE change;
		GET DIAGNOSTICS changed = ROW_COUNT;
		IF changed = 0 THEN
			RAISE 'changed nothing: %', change;
		END IF;
		found := ARRAY(SELECT v FROM verify(expected) v);
		RAISE SQLSTATE 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		NULL;
	END;
	RETURN QUERY SELECT * FROM unnest(found);
END $$;

-- columns of a journal, one at a time: block and journal are named
SELECT change, string_agg(DISTINCT format('%s %s/%s', check_name, t.block_no, t.record_id), ', ') AS found FROM unnest(ARRAY[
	'actor_id = (SELECT max(actor_id) FROM actor) + 1', 'recorded_at = recorded_at + interval ''1 microsecond''', 'effective_at = effective_at - interval ''1 microsecond''',
	'customer_id = NULL', 'reverses = 1', 'kind = 14', 'reference = ''Payroll''', 'description = NULL', 'description = ''pay  day''']) change,
	tamper('UPDATE journal SET ' || change || ' WHERE reference = ''payroll''') t GROUP BY change ORDER BY change;
SELECT * FROM tamper('UPDATE journal SET reference = ''b2'' WHERE reference = ''b1''');
SELECT * FROM tamper('DELETE FROM journal_party WHERE journal_id = (SELECT journal_id FROM journal WHERE reference = ''payroll'') AND customer_id = (SELECT min(customer_id) FROM journal_party)');

-- an amount of one line: the line, whether the sum shows it or not
SELECT check_name, t.block_no, t.record_id, t.line, t.account, detail FROM tamper($$UPDATE journal SET entry = replace(replace(entry::text, '9.99', '9.98'), ' 0.01', ' 0.02')::journal_entry WHERE reference = 'payroll'$$) t;
SELECT check_name, t.block_no, t.record_id, t.line, t.account, detail FROM tamper($$UPDATE journal
	SET entry = forge(set_byte(entry::bytea, length(entry::bytea) - 1, get_byte(entry::bytea, length(entry::bytea) - 1) # 2), '') WHERE reference = 'payroll'$$) t;

-- every single bit of the entry: always found, with block and journal; the line whenever one line only is another
SELECT length(entry::bytea) * 8 AS bits FROM journal WHERE reference = 'payroll' \gset
CREATE TABLE flipped AS
SELECT bit, t.* FROM generate_series(0, :bits - 1) bit,
	LATERAL tamper(format($$UPDATE journal SET entry = forge(set_bit(entry::bytea, %s, 1 - get_bit(entry::bytea, %s)), '') WHERE reference = 'payroll'$$, bit, bit)) t;
SELECT count(DISTINCT bit) = :bits AS all_found,
	count(DISTINCT bit) FILTER (WHERE check_name = 'journal changed' AND block_no = 3 AND record_id = 10008) = count(DISTINCT bit) AS journal_named FROM flipped;
-- the bytes of the lines begin after version, asset and counts; compare with what the type reads from the changed bytes
SELECT count(*) AS one_line_changed, count(*) FILTER (WHERE f.line = d.line) AS line_named FROM (
	SELECT bit, min(line) AS line FROM (
		SELECT bit, n.line FROM journal j, generate_series(0, length(j.entry::bytea) * 8 - 1) bit,
			LATERAL (SELECT forge(set_bit(j.entry::bytea, bit, 1 - get_bit(j.entry::bytea, bit)), '') AS entry) c,
			LATERAL (SELECT n.line, n.account, n.amount::text FROM lines(c.entry) n EXCEPT SELECT o.line, o.account, o.amount::text FROM lines(j.entry) o) n
		WHERE j.reference = 'payroll' AND entry_problem(c.entry) IS DISTINCT FROM 'malformed' AND line_count(c.entry) = 5) s
	GROUP BY bit HAVING count(*) = 1) d JOIN flipped f USING (bit) WHERE f.check_name = 'journal changed';

-- journals that come and go
SELECT * FROM tamper($$DELETE FROM journal WHERE reference = 'a2'$$);
SELECT * FROM tamper($$DELETE FROM journal WHERE reference = 'tail'$$);
SELECT * FROM tamper($$INSERT INTO journal SELECT client_id, actor_id, 10006, recorded_at, effective_at, customer_id, reverses, kind, 'smuggled', entry, terms, description FROM journal WHERE reference = 'a2'$$);
SELECT * FROM tamper($$INSERT INTO journal SELECT 77, actor_id, 10003, recorded_at, effective_at, customer_id, reverses, kind, 'smuggled', entry, terms, description FROM journal WHERE reference = 'a2'$$);
SELECT * FROM tamper($$UPDATE journal SET client_id = 1 WHERE reference = 'b1'$$);

-- refusals, events and requests: the kind is named, also of what is gone
SELECT * FROM tamper($$UPDATE rejection SET message = message || '.'$$);
SELECT * FROM tamper($$DELETE FROM rejection$$);
SELECT * FROM tamper($$UPDATE event SET reason = 'another' WHERE event_id = (SELECT max(event_id) FROM event WHERE subject = 'hold')$$);
SELECT * FROM tamper($$DELETE FROM event WHERE event_id = (SELECT max(event_id) FROM event WHERE subject = 'hold')$$);
SELECT * FROM tamper($$UPDATE request SET outcome = '{}' WHERE operation = 'release_hold'$$);
SELECT * FROM tamper($$DELETE FROM request WHERE operation = 'release_hold'$$);
-- a record in the place of one of another kind, and one more of the same number
SELECT * FROM tamper($$WITH gone AS (DELETE FROM request WHERE operation = 'release_hold' RETURNING *)
	INSERT INTO event SELECT client_id, actor_id, request_id, NULL, at, recorded_at, 'hold', '0', operation FROM gone$$);
SELECT * FROM tamper($$INSERT INTO event SELECT client_id, actor_id, request_id, NULL, at, recorded_at, 'hold', '0', operation FROM request WHERE operation = 'release_hold'$$);
-- put in where no block looks again, or where nothing can be
SELECT * FROM tamper($$UPDATE event SET event_id = 10006 WHERE event_id = (SELECT max(event_id) FROM event WHERE subject = 'hold')$$);
SELECT * FROM tamper($$INSERT INTO request SELECT client_id, actor_id, 20000, at, recorded_at, scope, 'smuggled', operation, content, outcome FROM request WHERE operation = 'release_hold'$$);
-- what came with the extension: its row, and who acted
SELECT * FROM tamper($$UPDATE account_kind SET meaning = 'mine' WHERE kind = 'fbo_bank'$$);
SELECT * FROM tamper($$DELETE FROM ach_return_code WHERE code = 'R10'$$);
SELECT count(*) > 400 AS all_that_he_did FROM tamper($$UPDATE actor SET role_name = 'nobody'$$);

-- balances
SELECT * FROM tamper($$UPDATE balance SET last_recorded_at = last_recorded_at + interval '1 second', normal_debit = true WHERE account = (SELECT account FROM claim WHERE n = 3)$$);
SELECT * FROM tamper($$UPDATE balance SET posted = posted + '0.01 USD' WHERE account = (SELECT account FROM claim WHERE n = 3)$$);
SELECT * FROM tamper($$UPDATE balance SET held = '1.00 USD', version = 0, status = 'X' WHERE account = (SELECT account FROM claim WHERE n = 3)$$);
SELECT * FROM tamper($$DELETE FROM balance WHERE account = (SELECT account FROM claim WHERE n = 3)$$);
SELECT * FROM tamper($$UPDATE block_balance SET balance = balance + '0.01 USD' WHERE block_no = 2 AND client_id = 2$$);
SELECT * FROM tamper($$DELETE FROM block_balance WHERE client_id = 2$$);
-- a claim in debit hidden by the others: gross and net differ (I5, I8; golden/audit.sql, fault 1)
SELECT * FROM tamper($$UPDATE journal SET entry = replace(entry::text, '100.00', '20.00')::journal_entry WHERE reference = 'a1'$$);

-- blocks
SELECT * FROM tamper($$UPDATE block SET root = set_byte(root, 0, get_byte(root, 0) # 1) WHERE block_no = 2$$);
SELECT * FROM tamper($$UPDATE block SET evidence = set_byte(evidence, 0, get_byte(evidence, 0) # 1) WHERE block_no = 2$$);
SELECT * FROM tamper($$UPDATE block SET sealed_by = 'nobody' WHERE block_no = 2$$);
SELECT * FROM tamper($$UPDATE block SET turnover = '{}' WHERE block_no = 2$$);
SELECT check_name, block_no, detail FROM tamper($$UPDATE block b SET hash = block_hash(ROW(b.block_no, b.format, b.sealed_at, 'nobody', b.high, b.pending, b.absent, b.writers, b.records, b.total_records,
	b.first_recorded_at, b.last_recorded_at, b.turnover, b.root, b.evidence, b.previous_hash, b.hash)::block), sealed_by = 'nobody' WHERE block_no = 2$$);
SELECT check_name, block_no, record_id FROM tamper($$DELETE FROM block WHERE block_no = 2$$);

-- The tail cut off, with blocks, balances and sequence made to fit: nothing inside tells, the digest kept elsewhere does.
CREATE FUNCTION cut_tail() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE balance b SET posted = posted - amount_of(j.entry, b.account), version = version - 1 FROM journal j WHERE j.reference = 'tail' AND touches(j.entry, b.account);
	UPDATE balance b SET posted = posted - amount_of(j.entry, b.account), version = version - 1 FROM journal j WHERE j.reference = 'payroll' AND touches(j.entry, b.account);
	DELETE FROM journal_party WHERE journal_id >= 10008;
	DELETE FROM journal WHERE journal_id >= 10008;
	DELETE FROM rejection;
	DELETE FROM event WHERE event_id >= 10008;
	DELETE FROM request;
	DELETE FROM hold;
	UPDATE balance b SET last_recorded_at = coalesce((SELECT max(j.recorded_at) FROM journal j WHERE touches(j.entry, b.account)), '-infinity');
	DELETE FROM block WHERE block_no >= 3;
END $$;
SELECT * FROM tamper('SELECT cut_tail()');
SELECT * FROM tamper('SELECT cut_tail()', expected => :'saved');
-- the same number of blocks again, with another history
SELECT check_name, block_no, detail FROM tamper('SELECT cut_tail(), (SELECT outcome FROM load_journals(ARRAY[deposit(''AAAA'', ''other'', 2, ''5.00 USD'')])), seal()', expected => :'saved');

-- after all that nothing was changed
SELECT * FROM verify(expected => :'saved');

-- the Merkle tree is that of RFC 6962: leaves 00, nodes 01, an odd leaf moves up
CREATE FUNCTION node(l bytea, r bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$SELECT sha256('\x01'::bytea || l || r)$$;
SELECT n, (block_content(i, h || '\x00000000' ORDER BY i)).root = CASE n
	WHEN 1 THEN (array_agg(h ORDER BY i))[1]
	WHEN 2 THEN node((array_agg(h ORDER BY i))[1], (array_agg(h ORDER BY i))[2])
	WHEN 3 THEN node(node((array_agg(h ORDER BY i))[1], (array_agg(h ORDER BY i))[2]), (array_agg(h ORDER BY i))[3])
	WHEN 5 THEN node(node(node((array_agg(h ORDER BY i))[1], (array_agg(h ORDER BY i))[2]), node((array_agg(h ORDER BY i))[3], (array_agg(h ORDER BY i))[4])), (array_agg(h ORDER BY i))[5])
	END AS as_specified
FROM unnest(ARRAY[1, 2, 3, 5]) n, LATERAL (SELECT i::bigint AS i, sha256(int4send(i)) AS h FROM generate_series(1, n) i) leaf GROUP BY n ORDER BY n;
-- and a leaf is the hash of the documented bytes
SELECT substr(journal_leaf(1, 2, 'who', '2000-01-01 00:00:01Z', '1999-12-31 23:59:59Z', NULL, NULL, 3, 'ré', '{Dr FBO:1 0 USD}', NULL, '', '{5,6}'), 1, 32) = sha256(
	'\x0001'::bytea || hash_field(int8send(1)) || hash_field(int8send(2)) || hash_field('who') || hash_field(int8send(1000000)) || hash_field(int8send(-1000000))
	|| hash_field(NULL) || hash_field(NULL) || hash_field(int8send(3)) || hash_field(convert_to('ré', 'UTF8')) || hash_field('{Dr FBO:1 0 USD}'::journal_entry::bytea)
	|| hash_field(NULL) || hash_field('') || hash_field(int8send(5) || int8send(6))) AS as_documented;
-- so are those of the other records: the kind, every column, who recorded it
SELECT event, substr(record_leaf('event', e, 'who'), 1, 32) = sha256('\x0001'::bytea || hash_field('event') || hash_field(int8send(e.client_id)) || hash_field(int8send(e.actor_id))
	|| hash_field(int8send(e.event_id)) || hash_field(int8send(e.journal_id)) || hash_field(timestamptz_send(e.at)) || hash_field(timestamptz_send(e.recorded_at))
	|| hash_field(convert_to(e.subject, 'UTF8')) || hash_field(convert_to(e.subject_key, 'UTF8')) || hash_field(convert_to(e.event, 'UTF8')) || hash_field(convert_to(e.status, 'UTF8'))
	|| hash_field(convert_to(e.amount::text, 'UTF8')) || hash_field(convert_to(e.reference, 'UTF8')) || hash_field(convert_to(e.reason, 'UTF8'))
	|| hash_field(convert_to(e.content::text, 'UTF8')) || hash_field(convert_to(e.changed::text, 'UTF8')) || hash_field('who')) AS as_documented
FROM event e WHERE subject = 'hold';
SELECT encode(substr(record_leaf('refusal', r, 'who'), 33), 'hex') AS kind_of_a_refusal, record_kind(record_leaf('refusal', r, 'who')) FROM rejection r;
SELECT record_leaf('journal', r, 'who') FROM rejection r;

-- proof that a block contains a journal, which shows no other
SELECT (p).block_no, (p).records, (p).place, array_length((p).path, 1) AS path, check_proof(p) AS holds FROM proof('AAAA', 'a3') p;
SELECT count(*) AS journals, count(*) FILTER (WHERE check_proof(proof(c.code, j.reference))) AS proven FROM journal j JOIN client c USING (client_id) WHERE j.reference <> 'tail';
SELECT proof('AAAA', 'tail') IS NULL AS not_sealed;
SELECT proof('AAAA', 'none');
-- another journal, place, path or count proves nothing
SELECT check_proof(ROW(p.block_no, p.records, p.place, sha256('another'), p.path, p.root)::journal_proof) AS leaf,
	check_proof(ROW(p.block_no, p.records, p.place + 1, p.leaf, p.path, p.root)::journal_proof) AS place,
	check_proof(ROW(p.block_no, p.records, p.place, p.leaf, p.path || sha256('more'), p.root)::journal_proof) AS longer,
	check_proof(ROW(p.block_no, p.records, p.place, p.leaf, p.path[2:], p.root)::journal_proof) AS shorter,
	check_proof(ROW(p.block_no, 2, p.place, p.leaf, p.path, p.root)::journal_proof) AS count FROM proof('AAAA', 'a3') p;
-- a path for every place of trees of every size up to 20
SELECT count(*) AS paths, count(*) FILTER (WHERE merkle_path_root(sha256(int4send(i)), i, n, merkle_path(t.leaves, i)) = t.root) AS lead_to_the_root
FROM generate_series(1, 20) n, LATERAL (SELECT string_agg(sha256(int4send(i)), '' ORDER BY i) AS leaves, (block_content(i, sha256(int4send(i)) || '\x00000000' ORDER BY i)).root AS root
	FROM generate_series(1, n) i) t, generate_series(1, n) i;
