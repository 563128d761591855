-- The proof that a block contains a journal, which anybody can check without the ledger.
-- Refuses an unknown journal (LG062).
-- Locks nothing.

CREATE FUNCTION bakkt_ledger_internal.merkle_path(leaves bytea, place bigint) RETURNS bytea[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION merkle_path(bytea, bigint) IS
    'Audit path of the leaf at a place, counted from 1, among concatenated leaves of 32 bytes (RFC 6962); 22023 if there is no '
    'leaf at that place.';

CREATE FUNCTION bakkt_ledger_internal.merkle_path_root(leaf bytea, place bigint, leaves bigint, path bytea[]) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION merkle_path_root(bytea, bigint, bigint, bytea[]) IS
    'The root that an audit path leads to from a leaf, given its place and the number of leaves; NULL if the path does not fit '
    'such a tree.';

CREATE TYPE bakkt_ledger.journal_proof AS (
    block_no bigint,
    journals bigint,
    place bigint,
    leaf bytea,
    path bytea[],
    root bytea
);
COMMENT ON TYPE journal_proof IS
    'Proof that a journal is in a block: its place among the block''s journals, the hash of the journal, the path to the root, '
    'and the root.';

CREATE FUNCTION bakkt_ledger_internal.check_proof(proof journal_proof) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(merkle_path_root((proof).leaf, (proof).place, (proof).journals, (proof).path) = (proof).root, false);
COMMENT ON FUNCTION check_proof(journal_proof) IS
    'Whether the path leads from the leaf to the root. The leaf is the first 32 bytes of journal_leaf() of a journal whose '
    'content is known; the root is in the block. Reads no table.';

CREATE FUNCTION bakkt_ledger.proof(client text, reference text) RETURNS journal_proof
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS  -- short queries
$$
#variable_conflict use_column
DECLARE
    owner_id constant integer := require_client(client);
    wanted bigint;
    this block;
    before block;
    result journal_proof;
BEGIN
    SELECT j.journal_id INTO wanted FROM journal j WHERE j.client_id = owner_id AND j.reference = proof.reference;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG062', MESSAGE = format('client "%s" has no journal with reference "%s"', proof.client, proof.reference);
    END IF;
    SELECT b.* INTO this FROM block b WHERE seen(b.high, b.pending, wanted) ORDER BY b.block_no LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT b.* INTO before FROM block b WHERE b.block_no = this.block_no - 1;
    SELECT this.block_no, this.journals, s.place, s.leaf, merkle_path(s.leaves, s.place), this.root INTO result
      FROM (SELECT count(*) FILTER (WHERE m.journal_id <= wanted) AS place, string_agg(substr(m.leaf, 1, 32), '' ORDER BY m.journal_id) AS leaves,
                   (array_agg(substr(m.leaf, 1, 32)) FILTER (WHERE m.journal_id = wanted))[1] AS leaf
              FROM block_members(coalesce(before.high, 0), this.high, coalesce(before.pending, '{}')) m
             WHERE NOT m.journal_id <@ this.absent) s;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION proof(text, text) IS
    'Proof that the client''s journal is in a block, which check_proof() checks anywhere; NULL while the journal is not in a '
    'block. Errors: LG010, LG062, 42501.';
