-- Blocks: the sealed past (I22, I23; doc/blocks.md). seal() takes every journal it can see that no
-- block has taken, and writes a block: the Merkle root of the journals, their sums, the balances of
-- house accounts, and the previous block's hash. verify() recomputes all of it from the journal.
-- Locks table block, one sealer at a time (55P03); posting never waits for it.

CREATE TABLE bakkt_ledger_internal.block (
    block_no bigint NOT NULL,
    format smallint NOT NULL,
    sealed_at timestamptz NOT NULL,
    sealed_by text COLLATE "C" NOT NULL,
    high bigint NOT NULL,
    pending int8multirange NOT NULL,
    absent int8multirange NOT NULL,
    writers text[] NOT NULL,
    journals bigint NOT NULL,
    total_journals bigint NOT NULL,
    first_recorded_at timestamptz,
    last_recorded_at timestamptz,
    turnover fund_amount[] NOT NULL,
    root bytea NOT NULL,
    evidence bytea NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT block_pkey PRIMARY KEY (block_no)
);
-- from which number on a page of postings since an instant begins
CREATE INDEX block_time_idx ON block (last_recorded_at, block_no);
-- hashes do not compress
ALTER TABLE block ALTER COLUMN evidence SET STORAGE EXTERNAL;
COMMENT ON TABLE block IS
    'Sealed journals of all clients, as a chain: each block''s hash covers that of the block before. Append-only; written by '
    'seal().';
COMMENT ON COLUMN block.format IS 'How leaves and hash are computed (doc/blocks.md); another way would get another number.';
COMMENT ON COLUMN block.high IS 'No journal above this id is in this block or an earlier one.';
COMMENT ON COLUMN block.pending IS
    'Ids up to high that may still appear, because their transactions were under way. A later block takes them.';
COMMENT ON COLUMN block.absent IS
    'Ids that this block looked for and did not find: pending, or never used (a transaction that failed).';
COMMENT ON COLUMN block.writers IS
    'Transactions that were posting when the block was sealed. Once they have ended, an id that was pending either exists or '
    'never will.';
COMMENT ON COLUMN block.journals IS 'Number of journals in this block.';
COMMENT ON COLUMN block.total_journals IS 'Number of journals in this block and all before.';
COMMENT ON COLUMN block.turnover IS 'Debits, equal to the credits, per fund and asset.';
COMMENT ON COLUMN block.root IS 'Root of the Merkle tree over the journals in order of id (RFC 6962, SHA-256).';
COMMENT ON COLUMN block.evidence IS
    'Eight bytes per journal, in order of id, by which verify() names a changed journal and line.';
COMMENT ON COLUMN block.previous_hash IS 'hash of the block before; zeros for the first.';
COMMENT ON COLUMN block.hash IS 'SHA-256 over all other columns. Keep a copy outside the database, see digest().';
SELECT pg_catalog.pg_extension_config_dump('block', '');

CREATE TABLE bakkt_ledger_internal.block_balance (
    client_id integer NOT NULL,
    account account_id NOT NULL,
    block_no bigint NOT NULL,
    balance amount NOT NULL,
    CONSTRAINT block_balance_pkey PRIMARY KEY (client_id, account, block_no)
);
-- verify() reads block by block: without the index each block would read the rows of all
CREATE INDEX block_balance_block_idx ON block_balance (block_no);
COMMENT ON TABLE block_balance IS
    'Balance, debit positive, of a house account after a block in which it changed. The exact balance is the latest of these '
    'plus the journals that are not in any block.';
SELECT pg_catalog.pg_extension_config_dump('block_balance', '');

CREATE TRIGGER refuse_write BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON block FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
CREATE TRIGGER refuse_write BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON block_balance FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE block ENABLE ALWAYS TRIGGER refuse_write;
ALTER TABLE block_balance ENABLE ALWAYS TRIGGER refuse_write;

CREATE FUNCTION bakkt_ledger_internal.seen(high bigint, pending int8multirange, journal_id bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN journal_id <= high AND NOT journal_id <@ pending;
COMMENT ON FUNCTION seen(bigint, int8multirange, bigint) IS
    'Whether the journal is in the block with this high and pending, or in an earlier one.';

-- ---------------------------------------------------------------------------
-- What a block contains
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger_internal.journal_leaf(client_id bigint, journal_id bigint, actor text, recorded_at timestamptz, effective_at timestamptz,
                             customer_id bigint, reverses bigint, kind bigint, reference text, entry journal_entry,
                             terms execution_terms, description text, parties bigint[]) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION journal_leaf(bigint, bigint, text, timestamptz, timestamptz, bigint, bigint, bigint, text, journal_entry,
    execution_terms, text, bigint[]) IS
    'Leaf of a journal: SHA-256 of all its columns in canonical form (doc/blocks.md), and four bytes that locate a changed line.';

CREATE FUNCTION bakkt_ledger_internal.changed_line(evidence bytea, entry journal_entry) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION changed_line(bytea, journal_entry) IS
    'The line, from 1, in which the entry differs from the one the evidence was taken of; NULL if none or several do.';

CREATE TYPE bakkt_ledger_internal.block_content AS (
    journals bigint,
    root bytea,
    evidence bytea,
    first_ids bigint[],
    last_ids bigint[]
);
COMMENT ON TYPE block_content IS
    'What is computed from the leaves of a block: count, Merkle root, evidence, and the ranges of journal ids without a gap.';

CREATE FUNCTION bakkt_ledger_internal.block_content_add(internal, bigint, bytea) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION block_content_add(internal, bigint, bytea) IS 'step of the aggregate block_content';
CREATE FUNCTION bakkt_ledger_internal.block_content_final(internal) RETURNS block_content
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION block_content_final(internal) IS 'end of the aggregate block_content';
CREATE AGGREGATE bakkt_ledger_internal.block_content(journal_id bigint, leaf bytea) (
    SFUNC = block_content_add,
    STYPE = internal,
    FINALFUNC = block_content_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE block_content(bigint, bytea) IS
    'content of a block of these journals; give them in order (ORDER BY journal_id)';

-- unnest() with a realistic ROWS: the planner assumes a hundred rows for unnest() itself.
CREATE FUNCTION bakkt_ledger_internal.ranges(m int8multirange) RETURNS SETOF int8range
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT unnest(m)
$$;
COMMENT ON FUNCTION ranges(int8multirange) IS 'The ranges of a multirange, of which there are usually few. Internal.';

-- The journal's key begins with the client, so the range is read client by client, by index scans.
CREATE FUNCTION bakkt_ledger_internal.block_members(after bigint, through bigint, late int8multirange)
    RETURNS TABLE (client_id integer, journal_id bigint, recorded_at timestamptz, entry journal_entry, leaf bytea)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT j.client_id, j.journal_id, j.recorded_at, j.entry,
        journal_leaf(j.client_id, j.journal_id, a.role_name, j.recorded_at, j.effective_at, j.customer_id, j.reverses, j.kind,
                     j.reference, j.entry, j.terms, j.description, p.parties)
    -- OFFSET 0 makes it a look-up per client and per gap, of which there are few; a join would read
    -- the whole journal
    FROM (SELECT n.* FROM client c CROSS JOIN LATERAL
              (SELECT * FROM journal n WHERE n.client_id = c.client_id AND n.journal_id > after AND n.journal_id <= through OFFSET 0) n
          UNION ALL
          SELECT n.* FROM ranges(late) AS gap CROSS JOIN client c CROSS JOIN LATERAL
              (SELECT * FROM journal n WHERE n.client_id = c.client_id AND n.journal_id >= lower(gap) AND n.journal_id < upper(gap) OFFSET 0) n) j
    LEFT JOIN actor a ON a.actor_id = j.actor_id
    CROSS JOIN LATERAL (SELECT array_agg(p.customer_id ORDER BY p.customer_id) AS parties FROM journal_party p
                        WHERE p.client_id = j.client_id AND p.journal_id = j.journal_id) p;
END;
COMMENT ON FUNCTION block_members(bigint, bigint, int8multirange) IS
    'The journals with ids in (after, through] or in late, with their leaves. Internal.';

CREATE FUNCTION bakkt_ledger_internal.hash_field(value bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(int4send(length(value)) || value, '\xffffffff'::bytea);
COMMENT ON FUNCTION hash_field(bytea) IS
    'One field of the hashed text: its length, then its bytes; NULL has the length 0xFFFFFFFF. Internal.';

CREATE FUNCTION bakkt_ledger_internal.block_hash(b block) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256('\x02'::bytea || int2send((b).format) || hash_field((b).previous_hash) || hash_field(int8send((b).block_no))
        || hash_field(timestamptz_send((b).sealed_at)) || hash_field(convert_to((b).sealed_by, 'UTF8'))
        || hash_field(int8send((b).high)) || hash_field(convert_to((b).pending::text, 'UTF8')) || hash_field(convert_to((b).absent::text, 'UTF8'))
        || hash_field(convert_to((b).writers::text, 'UTF8')) || hash_field(int8send((b).journals)) || hash_field(int8send((b).total_journals))
        || hash_field(timestamptz_send((b).first_recorded_at)) || hash_field(timestamptz_send((b).last_recorded_at))
        || hash_field(convert_to((b).turnover::text, 'UTF8')) || hash_field((b).root) || hash_field(sha256((b).evidence)));
COMMENT ON FUNCTION block_hash(block) IS 'The hash that a block with these columns must have (doc/blocks.md).';

CREATE FUNCTION bakkt_ledger_internal.record_block(block block, balances block_balance[]) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION record_block(block, block_balance[]) IS
    'Writes a block and the house balances after it. Internal: the last step of seal().';

-- ---------------------------------------------------------------------------
-- Sealing
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger_internal.journal_id_horizon() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - 1 END FROM record_number s
$$;
COMMENT ON FUNCTION journal_id_horizon() IS 'The highest journal id handed out so far. Internal.';

CREATE FUNCTION bakkt_ledger_internal.other_writers() RETURNS text[]
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(array_agg(DISTINCT l.virtualtransaction ORDER BY l.virtualtransaction), '{}') FROM pg_locks l
     WHERE l.locktype = 'relation' AND l.relation = 'journal'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
       AND l.pid IS DISTINCT FROM pg_backend_pid()
$$;
COMMENT ON FUNCTION other_writers() IS
    'Other transactions that may have taken a journal id: posting locks the journal first, until its end. Internal.';

-- An id that was not found can still appear only while a transaction that may have taken it is
-- under way.
CREATE FUNCTION bakkt_ledger_internal.still_pending(absent int8multirange, previous block, writers text[]) RETURNS int8multirange
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT CASE WHEN writers = '{}' THEN '{}'::int8multirange
                WHEN previous.writers && writers OR EXISTS (SELECT FROM unnest(writers) w WHERE w LIKE '-1/%') THEN absent
                ELSE absent - coalesce(previous.pending, '{}') END
$$;
COMMENT ON FUNCTION still_pending(int8multirange, block, text[]) IS
    'The ids that a block did not find and that may still appear. A prepared transaction may be any of those that were under '
    'way before. Internal.';

CREATE FUNCTION bakkt_ledger_internal.balances_after(block_no bigint, before bigint, net entry_line[])
    RETURNS SETOF block_balance
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT a.client_id, a.account, $1, coalesce(b.balance + amount(l), amount(l))
      FROM unnest(net) l
      JOIN account a ON a.account = account(l)
      JOIN account_kind k ON k.kind = a.kind AND NOT k.limited
      LEFT JOIN LATERAL (SELECT o.balance FROM block_balance o
                          WHERE o.client_id = a.client_id AND o.account = a.account AND o.block_no <= before
                          ORDER BY o.block_no DESC LIMIT 1) b ON true
$$;
COMMENT ON FUNCTION balances_after(bigint, bigint, entry_line[]) IS
    'Balances of the house accounts that these lines change, on top of those after block "before". Internal.';

CREATE FUNCTION bakkt_ledger_internal.lock_blocks() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'lock_blocks';
COMMENT ON FUNCTION lock_blocks() IS
    'Keeps other transactions from sealing until this one ends; 55P03 when another does not end in time. Internal.';

CREATE FUNCTION bakkt_ledger.seal() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS  -- compiling takes longer than reading most blocks
$$
#variable_conflict use_column
DECLARE
    previous block;
    sealed block;
    first_ids bigint[];
    last_ids bigint[];
    net entry_line[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
            MESSAGE = format('a block cannot be sealed under isolation level "%s"', current_setting('transaction_isolation')),
            DETAIL = 'Its snapshot must be younger than the journal ids it looks at.',
            HINT = 'Seal in a transaction under READ COMMITTED.';
    END IF;
    PERFORM lock_blocks();      -- one sealer at a time; readers and posting go on
    SELECT b.* INTO previous FROM block b ORDER BY b.block_no DESC LIMIT 1;
    previous.high := coalesce(previous.high, 0);
    previous.pending := coalesce(previous.pending, '{}');

    -- the order matters: ids, then writers, then the snapshot of the statement that reads the
    -- journal
    sealed.high := greatest(journal_id_horizon(), previous.high);
    sealed.writers := other_writers();
    SELECT (s.content).journals, (s.content).root, (s.content).evidence, (s.content).first_ids, (s.content).last_ids,
           s.turnover, s.net, s.first_recorded_at, s.last_recorded_at
      INTO sealed.journals, sealed.root, sealed.evidence, first_ids, last_ids,
           sealed.turnover, net, sealed.first_recorded_at, sealed.last_recorded_at
      FROM (SELECT block_content(m.journal_id, m.leaf ORDER BY m.journal_id) AS content, turnover(m.entry) AS turnover, net(m.entry) AS net,
                   min(m.recorded_at) AS first_recorded_at, max(m.recorded_at) AS last_recorded_at
              FROM block_members(previous.high, sealed.high, previous.pending) m) s;
    IF sealed.journals = 0 AND previous.block_no IS NOT NULL THEN
        RETURN previous.block_no;
    END IF;

    sealed.block_no := coalesce(previous.block_no, 0) + 1;
    sealed.format := 1;
    sealed.sealed_at := clock_timestamp();
    sealed.sealed_by := invoking_role();
    sealed.absent := int8multirange(int8range(previous.high, sealed.high, '(]')) + previous.pending
        - coalesce((SELECT range_agg(int8range(r.f, r.l, '[]')) FROM unnest(first_ids, last_ids) AS r (f, l)), '{}');
    sealed.pending := still_pending(sealed.absent, previous, sealed.writers);
    sealed.total_journals := coalesce(previous.total_journals, 0) + sealed.journals;
    sealed.previous_hash := coalesce(previous.hash, decode(repeat('00', 32), 'hex'));
    sealed.hash := block_hash(sealed);
    PERFORM record_block(sealed, ARRAY(SELECT h FROM balances_after(sealed.block_no, coalesce(previous.block_no, 0), net) h));
    RETURN sealed.block_no;
END;
$$;
COMMENT ON FUNCTION seal() IS
    'Seals all journals whose transactions have ended, and those of this transaction, in a new block and returns its number; '
    'the last block''s number if there is nothing to seal. Waits for another sealer, in bounded time (55P03), never for '
    'posting. 25001 unless under READ COMMITTED; 22003 if a house balance is out of range.';

CREATE TYPE bakkt_ledger.ledger_digest AS (
    block_no bigint,
    hash bytea,
    journals bigint
);
COMMENT ON TYPE ledger_digest IS
    'What to keep outside the database: the last block, its hash, and the number of journals sealed up to it.';

CREATE FUNCTION bakkt_ledger.digest() RETURNS ledger_digest
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce((SELECT ROW(b.block_no, b.hash, b.total_journals)::ledger_digest FROM block b ORDER BY b.block_no DESC LIMIT 1),
                    ROW(0, decode(repeat('00', 32), 'hex'), 0)::ledger_digest)
$$;
COMMENT ON FUNCTION digest() IS
    'The digest of everything sealed so far. Kept where no user of the database can write, it lets verify(expected => ...) find '
    'what the chain alone cannot show: missing last blocks, or a history that was rewritten as a whole (I23).';
