-- The proof that a block contains a journal, which anybody can check without the ledger.
-- Refuses an unknown journal (LG062).
-- Locks nothing.

-- Audit path of a leaf, counted from 1, among concatenated leaves of 32 bytes (RFC 6962); 22023 if
-- there is none at that place.
CREATE FUNCTION bakkt_ledger_internal.merkle_path(leaves bytea, place bigint) RETURNS bytea[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

-- Root that an audit path leads to from a leaf at a place among so many; NULL if the path does not
-- fit such a tree.
CREATE FUNCTION bakkt_ledger_internal.merkle_path_root(leaf bytea, place bigint, leaves bigint, path bytea[]) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE TYPE bakkt_ledger.journal_proof AS (
    block_no bigint,
    records bigint,
    place bigint,
    leaf bytea,
    path bytea[],
    root bytea
);
COMMENT ON TYPE journal_proof IS
'Proof that a journal is in a block: its place among the block''s records, the hash of the journal, the path to the root,
and the root.';

-- Does the path lead from the leaf to the root? Needs no table: the leaf is the first 32 bytes of
-- journal_leaf() of the journal that one knows, the root is in the block.
CREATE FUNCTION bakkt_ledger_internal.check_proof(proof journal_proof) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(merkle_path_root((proof).leaf, (proof).place, (proof).records, (proof).path) = (proof).root, false);

CREATE FUNCTION bakkt_ledger.proof(client text, reference text) RETURNS journal_proof
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS  -- short queries
$$
DECLARE
    holder constant integer := require_client(client);
    wanted bigint;
    this block;
    before block;
    result journal_proof;
BEGIN
    SELECT j.journal_id INTO wanted FROM journal AS j WHERE j.client_id = holder AND j.reference = proof.reference;
    IF NOT FOUND THEN
        PERFORM refuse('LG062', format('client "%s" has no journal with reference "%s"', client, reference));
    END IF;
    SELECT b.* INTO this FROM block AS b WHERE seen(b.high, b.pending, wanted) ORDER BY b.block_no LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT b.* INTO before FROM block AS b WHERE b.block_no = this.block_no - 1;
    SELECT this.block_no, this.records, s.place, s.leaf, merkle_path(s.leaves, s.place), this.root
    INTO result
    FROM (SELECT count(*) FILTER (WHERE m.number <= wanted) AS place,
                 string_agg(substr(m.leaf, 1, 32), '' ORDER BY m.number) AS leaves,
                 (array_agg(substr(m.leaf, 1, 32)) FILTER (WHERE m.number = wanted))[1] AS leaf
          FROM numbered_records(block_universe(this, before)) AS m
          WHERE NOT m.number <@ this.absent) AS s;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION proof IS
'Proof that the client''s journal is in a block, for check_proof() anywhere.
NULL while no block has it.
Errors: LG010, LG062, 42501.';
