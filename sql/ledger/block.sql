-- Floor 2: blocks, the sealed past (I22, I23).
--
-- seal() takes every record it can see that no block has taken: journals,
-- refusals, events and requests, which have their numbers from one sequence.
-- It writes a block: the Merkle root of the records, the sums of the journals,
-- the balances of house accounts, and the previous block's hash.  Posting never
-- waits for it.  verify() recomputes all of it from the records.

CREATE TABLE bakkt_ledger_internal.block (
    block_no bigint NOT NULL,
    format smallint NOT NULL,
    sealed_at timestamptz NOT NULL,
    sealed_by text COLLATE "C" NOT NULL,
    high bigint NOT NULL,
    pending int8multirange NOT NULL,
    absent int8multirange NOT NULL,
    writers text[] NOT NULL,
    records bigint NOT NULL,
    total_records bigint NOT NULL,
    first_recorded_at timestamptz,
    last_recorded_at timestamptz,
    turnover fund_amount[] NOT NULL,
    root bytea NOT NULL,
    evidence bytea NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT block_pkey PRIMARY KEY (block_no)
);
-- hashes do not compress
ALTER TABLE block ALTER COLUMN evidence SET STORAGE EXTERNAL;
COMMENT ON TABLE block IS
'Sealed records, in a chain: each block''s hash covers the one before. Append-only; written by seal(). Of all clients.';
COMMENT ON COLUMN block.format IS 'What is in the block and how it is hashed (doc/blocks.md); another way gets another number.';
COMMENT ON COLUMN block.high IS 'No record above this number is in this block or an earlier one.';
COMMENT ON COLUMN block.pending IS
'Numbers up to high that may still appear: their transactions were under way. A later block takes them.';
COMMENT ON COLUMN block.absent IS
'Numbers that this block looked for and did not find: pending, or never used (a transaction that failed).';
COMMENT ON COLUMN block.writers IS
'Transactions that were writing when the block was sealed; when the next block finds them ended, what was pending for them is
settled.';
COMMENT ON COLUMN block.records IS 'Number of records in this block.';
COMMENT ON COLUMN block.total_records IS 'Number of records in this block and all before.';
COMMENT ON COLUMN block.turnover IS 'Debits of its journals, equal to their credits, per fund and asset.';
COMMENT ON COLUMN block.root IS 'Root of the Merkle tree over the records in order of number (RFC 6962, SHA-256).';
COMMENT ON COLUMN block.evidence IS
'Eight bytes a record, in order of number: lets verify() name a record that was changed or is gone, and the changed line of a
journal.';
COMMENT ON COLUMN block.previous_hash IS 'hash of the block before; zeros for the first.';
COMMENT ON COLUMN block.hash IS 'SHA-256 over all other columns: keep it elsewhere, see digest().';
-- from which number on a page of postings since an instant begins
CREATE INDEX block_time_idx ON block (last_recorded_at, block_no);
SELECT pg_catalog.pg_extension_config_dump('block', '');

CREATE TABLE bakkt_ledger_internal.block_balance (
    client_id integer NOT NULL,
    account account_id NOT NULL,
    block_no bigint NOT NULL,
    balance amount NOT NULL,
    CONSTRAINT block_balance_pkey PRIMARY KEY (client_id, account, block_no)
);
-- verify() asks block by block: without it each block would read what all of them changed
CREATE INDEX block_balance_block_idx ON block_balance (block_no);
COMMENT ON TABLE block_balance IS
'Balance, debit positive, of a house account after a block in which it changed. The exact balance is the last of these
plus the journals that the last block has not seen.';
SELECT pg_catalog.pg_extension_config_dump('block_balance', '');

SELECT refuse_writes('block', 'INSERT OR UPDATE OR DELETE OR TRUNCATE');
SELECT refuse_writes('block_balance', 'INSERT OR UPDATE OR DELETE OR TRUNCATE');

-- Is the record in the block with this high and pending, or in an earlier one?
CREATE FUNCTION bakkt_ledger_internal.seen(high bigint, pending int8multirange, number bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN number <= high AND NOT number <@ pending;

-- ---------------------------------------------------------------------------
-- What a block contains
-- ---------------------------------------------------------------------------

-- The leaf of a journal: SHA-256 of all its columns in canonical form (doc/blocks.md), and four
-- bytes that locate a changed line.
CREATE FUNCTION bakkt_ledger_internal.journal_leaf(client_id bigint, journal_id bigint, actor text, recorded_at timestamptz,
                                                   effective_at timestamptz, customer_id bigint, reverses bigint, kind bigint,
                                                   reference text, entry journal_entry, terms execution_terms, description text,
                                                   parties bigint[])
    RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';

-- The leaf of an event, a request or a refusal: SHA-256 of its kind, all columns and who recorded
-- it; four bytes tell its kind.
CREATE FUNCTION bakkt_ledger_internal.record_leaf(kind text, recorded record, actor text) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'record_leaf';

-- The kind of the record that a leaf or a piece of evidence is of: journal, refusal, event or
-- request.
CREATE FUNCTION bakkt_ledger_internal.record_kind(evidence bytea) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'record_kind';

-- The line, from 1, in which the entry differs from the one the evidence was taken of; NULL if none
-- or several do.
CREATE FUNCTION bakkt_ledger_internal.changed_line(evidence bytea, entry journal_entry) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE TYPE bakkt_ledger_internal.block_content AS (
    records bigint,
    root bytea,
    evidence bytea,
    first_ids bigint[],
    last_ids bigint[]
);
COMMENT ON TYPE block_content IS
'What the leaves of a block come to: count, Merkle root, evidence, and the runs of numbers without a gap.';

CREATE FUNCTION bakkt_ledger_internal.block_content_add(internal, bigint, bytea) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.block_content_final(internal) RETURNS block_content
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE AGGREGATE bakkt_ledger_internal.block_content(number bigint, leaf bytea) (
    SFUNC = block_content_add,
    STYPE = internal,
    FINALFUNC = block_content_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE block_content(bigint, bytea) IS 'Content of a block of these records; give them in order (ORDER BY number).';

-- Ranges that cover these numbers, in which numbers less than a hundred apart stand together:
-- reading a few too many takes less than looking for each gap. ROWS: few, where the planner takes
-- unnest() for a hundred.
CREATE FUNCTION bakkt_ledger_internal.spans(numbers int8multirange) RETURNS SETOF int8range
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT unnest(range_agg(int8range(lower(r), upper(r) + 100)))
    FROM unnest(numbers) AS r
$$;

-- Whose records there are: every client's, and 0, the whole ledger's.
CREATE FUNCTION bakkt_ledger_internal.record_holders() RETURNS SETOF integer
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT 0
    UNION ALL
    SELECT c.client_id
    FROM client AS c;
END;

-- The records with these numbers, with their leaves. The keys by number lead with the client: each
-- client's part of a range is an index scan. OFFSET 0: looked up so for each client and range, of
-- which there are few; joined, whole tables would be read.
CREATE FUNCTION bakkt_ledger_internal.numbered_records(numbers int8multirange)
    RETURNS TABLE (client_id integer, kind text, number bigint, recorded_at timestamptz, entry journal_entry, leaf bytea)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT j.client_id, 'journal', j.journal_id, j.recorded_at, j.entry,
           journal_leaf(j.client_id, j.journal_id, a.role_name, j.recorded_at, j.effective_at, j.customer_id, j.reverses, j.kind,
                        j.reference, j.entry, j.terms, j.description, p.parties)
    FROM spans(numbers) AS part
    CROSS JOIN record_holders() AS holder
    CROSS JOIN LATERAL (SELECT *
                        FROM journal AS n
                        WHERE n.client_id = holder AND n.journal_id >= lower(part) AND n.journal_id < upper(part)
                          AND n.journal_id <@ numbers OFFSET 0) AS j
    LEFT JOIN actor AS a ON a.actor_id = j.actor_id
    CROSS JOIN LATERAL (SELECT array_agg(p.customer_id ORDER BY p.customer_id) AS parties
                        FROM journal_party AS p
                        WHERE p.client_id = j.client_id AND p.journal_id = j.journal_id) AS p
    UNION ALL
    SELECT r.client_id, r.kind, r.number, r.recorded_at, NULL, r.leaf
    FROM spans(numbers) AS part
    CROSS JOIN record_holders() AS holder
    CROSS JOIN LATERAL (SELECT n.client_id, 'refusal' AS kind, n.rejection_id AS number, n.recorded_at,
                               record_leaf('refusal', n, a.role_name) AS leaf
                        FROM rejection AS n
                        LEFT JOIN actor AS a ON a.actor_id = n.actor_id
                        WHERE n.client_id = holder AND n.rejection_id >= lower(part) AND n.rejection_id < upper(part)
                        UNION ALL
                        SELECT n.client_id, 'event', n.event_id, n.recorded_at, record_leaf('event', n, a.role_name)
                        FROM event AS n
                        LEFT JOIN actor AS a ON a.actor_id = n.actor_id
                        WHERE n.client_id = holder AND n.event_id >= lower(part) AND n.event_id < upper(part)
                        UNION ALL
                        SELECT n.client_id, 'request', n.request_id, n.recorded_at, record_leaf('request', n, a.role_name)
                        FROM request AS n
                        LEFT JOIN actor AS a ON a.actor_id = n.actor_id
                        WHERE n.client_id = holder AND n.request_id >= lower(part) AND n.request_id < upper(part) OFFSET 0) AS r
    WHERE r.number <@ numbers;
END;

-- A field of what is hashed: its length, then its bytes; NULL has the length 0xFFFFFFFF.
CREATE FUNCTION bakkt_ledger_internal.hash_field(value bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(int4send(length(value)) || value, '\xffffffff'::bytea);

-- The hash that a block with these columns must have (doc/blocks.md).
CREATE FUNCTION bakkt_ledger_internal.block_hash(b block) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256('\x02'::bytea || int2send((b).format) || hash_field((b).previous_hash) || hash_field(int8send((b).block_no))
        || hash_field(timestamptz_send((b).sealed_at)) || hash_field(convert_to((b).sealed_by, 'UTF8'))
        || hash_field(int8send((b).high)) || hash_field(convert_to((b).pending::text, 'UTF8'))
        || hash_field(convert_to((b).absent::text, 'UTF8')) || hash_field(convert_to((b).writers::text, 'UTF8'))
        || hash_field(int8send((b).records)) || hash_field(int8send((b).total_records))
        || hash_field(timestamptz_send((b).first_recorded_at)) || hash_field(timestamptz_send((b).last_recorded_at))
        || hash_field(convert_to((b).turnover::text, 'UTF8')) || hash_field((b).root) || hash_field(sha256((b).evidence)));

-- Writes a block and the house balances after it: the last step of seal().
CREATE FUNCTION bakkt_ledger_internal.record_block(block block, balances block_balance[]) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';

-- ---------------------------------------------------------------------------
-- Sealing
-- ---------------------------------------------------------------------------

-- The highest number handed out so far.
CREATE FUNCTION bakkt_ledger_internal.last_record_number() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - 1 END
    FROM record_number AS s
$$;

-- Other transactions that may have taken a number: whoever takes one locks the journal first, until
-- its end.
CREATE FUNCTION bakkt_ledger_internal.other_writers() RETURNS text[]
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT l.virtualtransaction ORDER BY l.virtualtransaction), '{}')
    FROM pg_locks AS l
    WHERE l.locktype = 'relation' AND l.relation = 'journal'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted
      AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
      AND l.pid IS DISTINCT FROM pg_backend_pid();
END;

-- The numbers among which a block looks for records.
CREATE FUNCTION bakkt_ledger_internal.block_universe(this block, before block) RETURNS int8multirange
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT int8multirange(int8range(coalesce(before.high, 0), greatest(this.high, coalesce(before.high, 0)), '(]'))
        + coalesce(before.pending, '{}');
END;

-- Of the numbers that a block did not find, those that may still appear: only while a transaction
-- that may have taken them is under way. A prepared transaction may be any that was under way
-- before.
CREATE FUNCTION bakkt_ledger_internal.still_pending(absent int8multirange, previous block, writers text[]) RETURNS int8multirange
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN writers = '{}' THEN '{}'::int8multirange
                WHEN previous.writers && writers OR EXISTS (SELECT FROM unnest(writers) AS w WHERE w LIKE '-1/%') THEN absent
                ELSE absent - coalesce(previous.pending, '{}') END;
END;

-- Balances of the house accounts that these lines change, on top of those after block "before".
CREATE FUNCTION bakkt_ledger_internal.balances_after(this bigint, before bigint, net entry_line[]) RETURNS SETOF block_balance
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT a.client_id, a.account, this, coalesce(b.balance + amount(l), amount(l))
    FROM unnest(net) AS l
    JOIN account AS a ON a.account = account(l)
    JOIN account_kind AS k ON k.kind = a.kind AND NOT k.limited
    LEFT JOIN LATERAL (SELECT o.balance
                       FROM block_balance AS o
                       WHERE o.client_id = a.client_id AND o.account = a.account AND o.block_no <= before
                       ORDER BY o.block_no DESC LIMIT 1) AS b ON true
$$;

-- Makes this transaction the only one that seals, until it ends; 55P03 when another does not end in
-- time.
CREATE FUNCTION bakkt_ledger_internal.lock_blocks() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'lock_blocks';

-- The next block as the records at this statement's snapshot make it, and the net of its journals'
-- lines.
CREATE FUNCTION bakkt_ledger_internal.next_block(previous block, OUT sealed block, OUT net entry_line[])
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    universe int8multirange;
    found record;
    content block_content;
BEGIN
    -- in this order: numbers, writers, then the snapshot of the statement that reads the records
    sealed.high := greatest(last_record_number(), previous.high, 0);
    sealed.writers := other_writers();
    universe := block_universe(sealed, previous);
    SELECT block_content(m.number, m.leaf ORDER BY m.number) AS content,
           coalesce(turnover(m.entry) FILTER (WHERE m.entry IS NOT NULL), '{}') AS turnover,
           net(m.entry) FILTER (WHERE m.entry IS NOT NULL) AS net,
           min(m.recorded_at) AS first_recorded_at, max(m.recorded_at) AS last_recorded_at
    INTO found
    FROM numbered_records(universe) AS m;
    content := found.content;
    net := found.net;
    sealed.turnover := found.turnover;
    sealed.first_recorded_at := found.first_recorded_at;
    sealed.last_recorded_at := found.last_recorded_at;
    sealed.records := content.records;
    sealed.root := content.root;
    sealed.evidence := content.evidence;
    sealed.absent := universe - coalesce((SELECT range_agg(int8range(r.f, r.l, '[]'))
                                          FROM unnest(content.first_ids, content.last_ids) AS r (f, l)), '{}');
    sealed.pending := still_pending(sealed.absent, previous, sealed.writers);
    sealed.block_no := coalesce(previous.block_no, 0) + 1;
    sealed.format := 2;
    sealed.total_records := coalesce(previous.total_records, 0) + sealed.records;
    sealed.previous_hash := coalesce(previous.hash, decode(repeat('00', 32), 'hex'));
END;
$$;

CREATE FUNCTION bakkt_ledger.seal() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS  -- compiling takes longer than reading most blocks
$$
DECLARE
    previous block;
    next record;
    sealed block;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse('25001',
                       format('a block cannot be sealed under isolation level "%s"', current_setting('transaction_isolation')),
                       'Its snapshot must be younger than the numbers it looks at.',
                       'Seal in a transaction under READ COMMITTED.');
    END IF;
    PERFORM lock_blocks();  -- one sealer at a time; readers and posting go on
    SELECT b.* INTO previous FROM block AS b ORDER BY b.block_no DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM record_shipped();
    END IF;
    SELECT n.* INTO next FROM next_block(previous) AS n;
    sealed := next.sealed;
    IF sealed.records = 0 THEN
        RETURN previous.block_no;
    END IF;
    sealed.sealed_at := greatest(record_time(), sealed.last_recorded_at, previous.sealed_at + interval '1 microsecond');
    sealed.sealed_by := invoking_role();
    sealed.hash := block_hash(sealed);
    PERFORM record_block(sealed, ARRAY(SELECT h FROM balances_after(sealed.block_no, coalesce(previous.block_no, 0),
                                                                   next.net) AS h));
    PERFORM pg_notify('bakkt_ledger_sealed', sealed.block_no::text);
    RETURN sealed.block_no;
END;
$$;
COMMENT ON FUNCTION seal IS
'Seals everything recorded by transactions that have ended, and by this one, in a new block.
Returns its number; the last block''s number if there is nothing to seal.
Waits for another sealer, in bounded time (55P03), never for posting.
Notifies the channel bakkt_ledger_sealed with the block''s number.
Errors: 25001 unless under READ COMMITTED; 22003 if a house balance is out of range.';

-- Seals what is known now and returns the last block, the horizon of what is being closed; 0
-- when nothing was ever posted.
CREATE FUNCTION bakkt_ledger_internal.seal_horizon() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM seal();
    RETURN coalesce((SELECT max(b.block_no) FROM block AS b), 0);
END;
$$;

CREATE TYPE bakkt_ledger.ledger_digest AS (
    block_no bigint,
    hash bytea,
    records bigint
);
COMMENT ON TYPE ledger_digest IS
'What to keep outside the database: the last block, its hash, and how many records are sealed up to it.';

CREATE FUNCTION bakkt_ledger.digest() RETURNS ledger_digest
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce((SELECT ROW(b.block_no, b.hash, b.total_records)::ledger_digest
                     FROM block AS b
                     ORDER BY b.block_no DESC LIMIT 1),
                    ROW(0, decode(repeat('00', 32), 'hex'), 0)::ledger_digest)
$$;
COMMENT ON FUNCTION digest IS
'The digest of everything sealed so far.
Kept where nobody of the database can write, it makes verify(expected => ...) find what no chain inside can:
a cut tail, a history written anew (I23).';
