-- Type account_id: the identifier of an account, which carries its fund.
-- Refuses a text that is not fund:number (22P02).

CREATE TYPE bakkt_ledger.account_id;

CREATE FUNCTION bakkt_ledger_internal.account_id_in(cstring) RETURNS account_id
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE FUNCTION bakkt_ledger_internal.account_id_out(account_id) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE FUNCTION bakkt_ledger_internal.account_id_recv(internal) RETURNS account_id
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE FUNCTION bakkt_ledger_internal.account_id_send(account_id) RETURNS bytea
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8send';

CREATE TYPE bakkt_ledger.account_id (
    INPUT = account_id_in,
    OUTPUT = account_id_out,
    RECEIVE = account_id_recv,
    SEND = account_id_send,
    INTERNALLENGTH = 8,
    PASSEDBYVALUE,
    ALIGNMENT = double,
    STORAGE = plain
);
COMMENT ON TYPE account_id IS 'identifier of a ledger account, eight bytes; carries its fund: ''FBO:1042''';

-- the parts

CREATE FUNCTION bakkt_ledger.account_id(fund text, number bigint) RETURNS account_id
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'account_id_from_parts';
COMMENT ON FUNCTION account_id(text, bigint) IS
'the account of a fund (FBO, CUST, SEG or CORP) and a number; 22023 for an unknown fund, 22003 for a number out of range';

CREATE FUNCTION bakkt_ledger.account_id(bits bigint) RETURNS account_id
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'account_id_from_bigint';
COMMENT ON FUNCTION account_id(bigint) IS 'the account whose 64 bits are given; 22003 when they are no account';

CREATE FUNCTION bakkt_ledger.fund(account account_id) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'account_id_fund';
COMMENT ON FUNCTION fund(account_id) IS 'fund of an account: FBO, CUST, SEG or CORP';

CREATE FUNCTION bakkt_ledger.account_number(account account_id) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'account_id_number';
COMMENT ON FUNCTION account_number(account_id) IS 'number of an account, unique over all funds and clients';

CREATE CAST (bigint AS account_id) WITH FUNCTION account_id(bigint);
CREATE CAST (account_id AS bigint) WITHOUT FUNCTION;

-- order: by number, then fund; that of the 64 bits, so the functions are those of int8

CREATE FUNCTION bakkt_ledger_internal.account_id_eq(account_id, account_id) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8eq';
CREATE FUNCTION bakkt_ledger_internal.account_id_ne(account_id, account_id) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8ne';
CREATE FUNCTION bakkt_ledger_internal.account_id_lt(account_id, account_id) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8lt';
CREATE FUNCTION bakkt_ledger_internal.account_id_le(account_id, account_id) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8le';
CREATE FUNCTION bakkt_ledger_internal.account_id_gt(account_id, account_id) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8gt';
CREATE FUNCTION bakkt_ledger_internal.account_id_ge(account_id, account_id) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'int8ge';
CREATE FUNCTION bakkt_ledger_internal.account_id_cmp(account_id, account_id) RETURNS integer
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'btint8cmp';
CREATE FUNCTION bakkt_ledger_internal.account_id_sortsupport(internal) RETURNS void
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'btint8sortsupport';
CREATE FUNCTION bakkt_ledger_internal.account_id_hash(account_id) RETURNS integer
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'hashint8';
CREATE FUNCTION bakkt_ledger_internal.account_id_hash_extended(account_id, bigint) RETURNS bigint
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'hashint8extended';

CREATE OPERATOR bakkt_ledger.= (LEFTARG = account_id, RIGHTARG = account_id, FUNCTION = account_id_eq,
    COMMUTATOR = OPERATOR(bakkt_ledger.=), NEGATOR = OPERATOR(bakkt_ledger.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR bakkt_ledger.<> (LEFTARG = account_id, RIGHTARG = account_id, FUNCTION = account_id_ne,
    COMMUTATOR = OPERATOR(bakkt_ledger.<>), NEGATOR = OPERATOR(bakkt_ledger.=), RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR bakkt_ledger.< (LEFTARG = account_id, RIGHTARG = account_id, FUNCTION = account_id_lt,
    COMMUTATOR = OPERATOR(bakkt_ledger.>), NEGATOR = OPERATOR(bakkt_ledger.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR bakkt_ledger.<= (LEFTARG = account_id, RIGHTARG = account_id, FUNCTION = account_id_le,
    COMMUTATOR = OPERATOR(bakkt_ledger.>=), NEGATOR = OPERATOR(bakkt_ledger.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR bakkt_ledger.> (LEFTARG = account_id, RIGHTARG = account_id, FUNCTION = account_id_gt,
    COMMUTATOR = OPERATOR(bakkt_ledger.<), NEGATOR = OPERATOR(bakkt_ledger.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR bakkt_ledger.>= (LEFTARG = account_id, RIGHTARG = account_id, FUNCTION = account_id_ge,
    COMMUTATOR = OPERATOR(bakkt_ledger.<=), NEGATOR = OPERATOR(bakkt_ledger.<), RESTRICT = scalargesel, JOIN = scalargejoinsel);
COMMENT ON OPERATOR = (account_id, account_id) IS 'same account';
COMMENT ON OPERATOR <> (account_id, account_id) IS 'different accounts';
COMMENT ON OPERATOR < (account_id, account_id) IS 'before, in order of number and fund';
COMMENT ON OPERATOR <= (account_id, account_id) IS 'first account sorts before the second or equals it';
COMMENT ON OPERATOR > (account_id, account_id) IS 'first account sorts after the second';
COMMENT ON OPERATOR >= (account_id, account_id) IS 'first account sorts after the second or equals it';

CREATE OPERATOR CLASS bakkt_ledger.account_id_ops DEFAULT FOR TYPE account_id USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 account_id_cmp(account_id, account_id),
    FUNCTION 2 account_id_sortsupport(internal),
    FUNCTION 4 pg_catalog.btequalimage(oid);

CREATE OPERATOR CLASS bakkt_ledger.account_id_ops DEFAULT FOR TYPE account_id USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 account_id_hash(account_id),
    FUNCTION 2 account_id_hash_extended(account_id, bigint);

CREATE FUNCTION bakkt_ledger_internal.account_id_larger(account_id, account_id) RETURNS account_id
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8larger';
CREATE FUNCTION bakkt_ledger_internal.account_id_smaller(account_id, account_id) RETURNS account_id
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8smaller';
CREATE AGGREGATE bakkt_ledger.max(account_id) (SFUNC = account_id_larger, STYPE = account_id, COMBINEFUNC = account_id_larger,
    SORTOP = >, PARALLEL = SAFE);
CREATE AGGREGATE bakkt_ledger.min(account_id) (SFUNC = account_id_smaller, STYPE = account_id, COMBINEFUNC = account_id_smaller,
    SORTOP = <, PARALLEL = SAFE);
COMMENT ON AGGREGATE max(account_id) IS 'last account in order of number and fund';
COMMENT ON AGGREGATE min(account_id) IS 'first account in order of number and fund';
