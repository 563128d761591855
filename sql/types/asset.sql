-- Type asset: the code of a currency, coin or share, eight bytes by value. Integer order is text
-- order, so the comparison functions are PostgreSQL's own for bigint.
-- Refuses a text that is no code (22P02).

CREATE TYPE bakkt_ledger.asset;

CREATE FUNCTION bakkt_ledger_internal.asset_in(cstring) RETURNS asset
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.asset_out(asset) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.asset_recv(internal) RETURNS asset
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.asset_send(asset) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE TYPE bakkt_ledger.asset (
    INPUT = asset_in,
    OUTPUT = asset_out,
    RECEIVE = asset_recv,
    SEND = asset_send,
    INTERNALLENGTH = 8,
    PASSEDBYVALUE,
    ALIGNMENT = double,
    STORAGE = plain
);

COMMENT ON TYPE asset IS
'code of a currency, coin or share: 1 to 10 characters of A-Z, 0-9, ".", "_", "-", the first a letter or digit; anything else is
22P02';

-- without these casts PostgreSQL would assign an asset to a text column unasked
CREATE CAST (asset AS text) WITH INOUT;
CREATE CAST (text AS asset) WITH INOUT;
COMMENT ON CAST (asset AS text) IS 'the code as text; explicit only';
COMMENT ON CAST (text AS asset) IS 'text that is a code; 22P02 otherwise; explicit only';

CREATE FUNCTION bakkt_ledger_internal.asset_eq(asset, asset) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8eq';
CREATE FUNCTION bakkt_ledger_internal.asset_ne(asset, asset) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8ne';
CREATE FUNCTION bakkt_ledger_internal.asset_lt(asset, asset) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8lt';
CREATE FUNCTION bakkt_ledger_internal.asset_le(asset, asset) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8le';
CREATE FUNCTION bakkt_ledger_internal.asset_ge(asset, asset) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8ge';
CREATE FUNCTION bakkt_ledger_internal.asset_gt(asset, asset) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8gt';
CREATE FUNCTION bakkt_ledger_internal.asset_cmp(asset, asset) RETURNS integer
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'btint8cmp';
CREATE FUNCTION bakkt_ledger_internal.asset_sortsupport(internal) RETURNS void
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'btint8sortsupport';
CREATE FUNCTION bakkt_ledger_internal.asset_hash(asset) RETURNS integer
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'hashint8';
CREATE FUNCTION bakkt_ledger_internal.asset_hash_extended(asset, bigint) RETURNS bigint
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'hashint8extended';

CREATE OPERATOR bakkt_ledger.= (
    FUNCTION = asset_eq, LEFTARG = asset, RIGHTARG = asset,
    COMMUTATOR = OPERATOR(bakkt_ledger.=), NEGATOR = OPERATOR(bakkt_ledger.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR bakkt_ledger.<> (
    FUNCTION = asset_ne, LEFTARG = asset, RIGHTARG = asset,
    COMMUTATOR = OPERATOR(bakkt_ledger.<>), NEGATOR = OPERATOR(bakkt_ledger.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR bakkt_ledger.< (
    FUNCTION = asset_lt, LEFTARG = asset, RIGHTARG = asset,
    COMMUTATOR = OPERATOR(bakkt_ledger.>), NEGATOR = OPERATOR(bakkt_ledger.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR bakkt_ledger.<= (
    FUNCTION = asset_le, LEFTARG = asset, RIGHTARG = asset,
    COMMUTATOR = OPERATOR(bakkt_ledger.>=), NEGATOR = OPERATOR(bakkt_ledger.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR bakkt_ledger.>= (
    FUNCTION = asset_ge, LEFTARG = asset, RIGHTARG = asset,
    COMMUTATOR = OPERATOR(bakkt_ledger.<=), NEGATOR = OPERATOR(bakkt_ledger.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
CREATE OPERATOR bakkt_ledger.> (
    FUNCTION = asset_gt, LEFTARG = asset, RIGHTARG = asset,
    COMMUTATOR = OPERATOR(bakkt_ledger.<), NEGATOR = OPERATOR(bakkt_ledger.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR = (asset, asset) IS 'same asset';
COMMENT ON OPERATOR <> (asset, asset) IS 'different assets';
COMMENT ON OPERATOR < (asset, asset) IS 'code is less in ASCII order';
COMMENT ON OPERATOR <= (asset, asset) IS 'code is less or equal in ASCII order';
COMMENT ON OPERATOR >= (asset, asset) IS 'code is greater or equal in ASCII order';
COMMENT ON OPERATOR > (asset, asset) IS 'code is greater in ASCII order';

CREATE OPERATOR CLASS bakkt_ledger.asset_ops DEFAULT FOR TYPE asset USING btree AS
    OPERATOR 1 <,
    OPERATOR 2 <=,
    OPERATOR 3 =,
    OPERATOR 4 >=,
    OPERATOR 5 >,
    FUNCTION 1 asset_cmp(asset, asset),
    FUNCTION 2 asset_sortsupport(internal),
    FUNCTION 4 btequalimage(oid);
CREATE OPERATOR CLASS bakkt_ledger.asset_ops DEFAULT FOR TYPE asset USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 asset_hash(asset),
    FUNCTION 2 asset_hash_extended(asset, bigint);
COMMENT ON OPERATOR CLASS asset_ops USING btree IS 'assets in ASCII order of their codes';
COMMENT ON OPERATOR CLASS asset_ops USING hash IS 'equality of assets';

CREATE FUNCTION bakkt_ledger_internal.asset_larger(asset, asset) RETURNS asset
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8larger';
CREATE FUNCTION bakkt_ledger_internal.asset_smaller(asset, asset) RETURNS asset
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8smaller';

CREATE AGGREGATE bakkt_ledger.min(asset) (
    SFUNC = asset_smaller, STYPE = asset, SORTOP = <, COMBINEFUNC = asset_smaller, PARALLEL = SAFE
);
CREATE AGGREGATE bakkt_ledger.max(asset) (
    SFUNC = asset_larger, STYPE = asset, SORTOP = >, COMBINEFUNC = asset_larger, PARALLEL = SAFE
);
COMMENT ON AGGREGATE min(asset) IS 'first code in ASCII order; NULL over nothing';
COMMENT ON AGGREGATE max(asset) IS 'last code in ASCII order; NULL over nothing';
