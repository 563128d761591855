-- Types entry_line and journal_entry: the values of the latter balance (I1).
-- Refuses lines that do not sum to zero per fund and asset (LG001), an entry without lines (LG002).

-- entry_line

CREATE TYPE bakkt_ledger.entry_line;

CREATE FUNCTION bakkt_ledger_internal.entry_line_in(cstring) RETURNS entry_line
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.entry_line_out(entry_line) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.entry_line_recv(internal) RETURNS entry_line
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.entry_line_send(entry_line) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE TYPE bakkt_ledger.entry_line (
    INPUT = entry_line_in,
    OUTPUT = entry_line_out,
    RECEIVE = entry_line_recv,
    SEND = entry_line_send,
    INTERNALLENGTH = 32,
    ALIGNMENT = double,
    STORAGE = plain
);
COMMENT ON TYPE entry_line IS 'one line of a journal entry: ''Dr FBO:17 12.00 USD''; debit is positive';

CREATE FUNCTION bakkt_ledger.line(side text, account account_id, amount amount) RETURNS entry_line
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'entry_line_make';
COMMENT ON FUNCTION line(text, account_id, amount) IS
'line of an entry: side Dr or Cr (LG002 otherwise), amount not negative (LG045)';

CREATE FUNCTION bakkt_ledger.account(line entry_line) RETURNS account_id
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'entry_line_account';
COMMENT ON FUNCTION account(entry_line) IS 'account of a line';

CREATE FUNCTION bakkt_ledger.amount(line entry_line) RETURNS amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'entry_line_amount';
COMMENT ON FUNCTION amount(entry_line) IS 'amount of a line, debit positive';

-- journal_entry

CREATE TYPE bakkt_ledger.journal_entry;

CREATE FUNCTION bakkt_ledger_internal.journal_entry_in(cstring) RETURNS journal_entry
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_out(journal_entry) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_recv(internal) RETURNS journal_entry
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_send(journal_entry) RETURNS bytea
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'byteasend';

CREATE TYPE bakkt_ledger.journal_entry (
    INPUT = journal_entry_in,
    OUTPUT = journal_entry_out,
    RECEIVE = journal_entry_recv,
    SEND = journal_entry_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);
COMMENT ON TYPE journal_entry IS
'lines that sum to zero per fund and asset: ''{Dr FBO:17 12.00 USD; Cr FBO:19 12.00 USD}''; no other value exists';

CREATE FUNCTION bakkt_ledger.journal_entry(bytes bytea) RETURNS journal_entry
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'journal_entry_from_bytea';
COMMENT ON FUNCTION journal_entry(bytea) IS 'entry of its packed form; 22P03 unless canonical, LG001 when unbalanced';

CREATE CAST (bytea AS journal_entry) WITH FUNCTION journal_entry(bytea);
CREATE CAST (journal_entry AS bytea) WITHOUT FUNCTION;

-- making entries

CREATE FUNCTION bakkt_ledger.journal_entry(VARIADIC lines entry_line[]) RETURNS journal_entry
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'journal_entry_from_lines';
COMMENT ON FUNCTION journal_entry(entry_line[]) IS
'entry of these lines in this order; LG001 when unbalanced, LG002 when empty or a line is NULL';

CREATE FUNCTION bakkt_ledger_internal.journal_entry_agg_add(internal, account_id, amount) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_agg_final(internal) RETURNS journal_entry
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE AGGREGATE bakkt_ledger.journal_entry(account account_id, amount amount) (
    SFUNC = journal_entry_agg_add,
    STYPE = internal,
    SSPACE = 600,
    FINALFUNC = journal_entry_agg_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journal_entry(account_id, amount) IS
'an entry whose lines are the rows, debit positive, in the order given by ORDER BY; NULL of no rows, LG001 when unbalanced, LG002
on a NULL';

CREATE FUNCTION bakkt_ledger.reverse(entry journal_entry) RETURNS journal_entry
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'journal_entry_reverse';
COMMENT ON FUNCTION reverse(journal_entry) IS 'the same lines with debit and credit exchanged';

CREATE FUNCTION bakkt_ledger_internal.journal_entry_add(journal_entry, journal_entry) RETURNS journal_entry
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE OPERATOR bakkt_ledger.+ (LEFTARG = journal_entry, RIGHTARG = journal_entry, FUNCTION = journal_entry_add);
COMMENT ON OPERATOR + (journal_entry, journal_entry) IS 'lines of the first entry, then those of the second';

-- looking into entries

CREATE FUNCTION bakkt_ledger.lines(entry journal_entry,
    OUT line integer, OUT account account_id, OUT fund text, OUT amount amount, OUT debit amount, OUT credit amount)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 6 AS 'MODULE_PATHNAME', 'journal_entry_lines';
COMMENT ON FUNCTION lines(journal_entry) IS
'lines in order, counted from 1: amount is signed, debit positive; debit or credit is the same without sign, the other NULL';

CREATE FUNCTION bakkt_ledger.line_count(entry journal_entry) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'journal_entry_line_count';
COMMENT ON FUNCTION line_count(journal_entry) IS 'number of lines';

CREATE FUNCTION bakkt_ledger.accounts(entry journal_entry) RETURNS account_id[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'journal_entry_accounts';
COMMENT ON FUNCTION accounts(journal_entry) IS 'accounts of the lines, each once, in order';

CREATE FUNCTION bakkt_ledger.touches(entry journal_entry, account account_id) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'journal_entry_touches';
COMMENT ON FUNCTION touches(journal_entry, account_id) IS 'has the entry a line on the account?';

CREATE FUNCTION bakkt_ledger.amount_of(entry journal_entry, account account_id) RETURNS amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'journal_entry_amount_of';
COMMENT ON FUNCTION amount_of(journal_entry, account_id) IS
'sum of the lines on the account, debit positive; NULL if there is none; LG004 if they are in two assets';

CREATE FUNCTION bakkt_ledger_internal.entry_problem(entry journal_entry) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'journal_entry_problem';

-- sums over entries, computed without a row per line

CREATE FUNCTION bakkt_ledger_internal.journal_entry_net_add(internal, journal_entry) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_net_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_net_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_net_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_net_final(internal) RETURNS entry_line[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE AGGREGATE bakkt_ledger.net(entry journal_entry) (
    SFUNC = journal_entry_net_add,
    STYPE = internal,
    SSPACE = 16384,
    FINALFUNC = journal_entry_net_final,
    COMBINEFUNC = journal_entry_net_combine,
    SERIALFUNC = journal_entry_net_serialize,
    DESERIALFUNC = journal_entry_net_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE net(journal_entry) IS
'sum per account and asset as lines in order of account, debit positive, zeros left out; itself balanced: journal_entry(VARIADIC
net(entry))';

CREATE TYPE bakkt_ledger.account_activity AS (account account_id, amount amount, entries bigint);
COMMENT ON TYPE account_activity IS
'what entries did to an account in one asset: their sum, debit positive, and how many touched it';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_activity_final(internal) RETURNS account_activity[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE AGGREGATE bakkt_ledger.activity(entry journal_entry) (
    SFUNC = journal_entry_net_add,
    STYPE = internal,
    SSPACE = 16384,
    FINALFUNC = journal_entry_activity_final,
    COMBINEFUNC = journal_entry_net_combine,
    SERIALFUNC = journal_entry_net_serialize,
    DESERIALFUNC = journal_entry_net_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE activity(journal_entry) IS
'per account and asset, in order of account: sum (debit positive, zeros included) and number of entries that touch it';

CREATE TYPE bakkt_ledger_internal.recorded_activity AS (account account_id, amount amount, entries bigint,
                                                        last_recorded_at timestamptz);
COMMENT ON TYPE recorded_activity IS 'As account_activity, and the latest time that came with an entry.';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_net_add(internal, journal_entry, timestamptz) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_recorded_activity_final(internal) RETURNS recorded_activity[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE AGGREGATE bakkt_ledger_internal.recorded_activity(entry journal_entry, recorded_at timestamptz) (
    SFUNC = journal_entry_net_add,
    STYPE = internal,
    SSPACE = 16384,
    FINALFUNC = journal_entry_recorded_activity_final,
    COMBINEFUNC = journal_entry_net_combine,
    SERIALFUNC = journal_entry_net_serialize,
    DESERIALFUNC = journal_entry_net_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE recorded_activity(journal_entry, timestamptz) IS
'As activity(), and when the last entry that touched the account was recorded.';

CREATE TYPE bakkt_ledger.fund_amount AS (fund text, amount amount);
COMMENT ON TYPE fund_amount IS 'an amount of one fund';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_turnover_add(internal, journal_entry) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_turnover_final(internal) RETURNS fund_amount[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE AGGREGATE bakkt_ledger.turnover(entry journal_entry) (
    SFUNC = journal_entry_turnover_add,
    STYPE = internal,
    SSPACE = 16384,
    FINALFUNC = journal_entry_turnover_final,
    COMBINEFUNC = journal_entry_net_combine,
    SERIALFUNC = journal_entry_net_serialize,
    DESERIALFUNC = journal_entry_net_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE turnover(journal_entry) IS
'sum of debits, equal to that of credits, per fund and asset; a sum out of range is reported as the largest amount';

CREATE FUNCTION bakkt_ledger_internal.journal_entry_sum_for_add(internal, account_id, journal_entry) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_sum_for_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_sum_for_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_sum_for_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_sum_for_final(internal) RETURNS amount
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE AGGREGATE bakkt_ledger.sum_for(account account_id, entry journal_entry) (
    SFUNC = journal_entry_sum_for_add,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = journal_entry_sum_for_final,
    COMBINEFUNC = journal_entry_sum_for_combine,
    SERIALFUNC = journal_entry_sum_for_serialize,
    DESERIALFUNC = journal_entry_sum_for_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum_for(account_id, journal_entry) IS
'sum of the lines on the account, debit positive; NULL if no line touches it; LG004 if they are in two assets';

-- equality and order are those of the packed bytes, because an entry has one packed form only

CREATE FUNCTION bakkt_ledger_internal.journal_entry_eq(journal_entry, journal_entry) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'byteaeq';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_ne(journal_entry, journal_entry) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'byteane';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_lt(journal_entry, journal_entry) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'bytealt';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_le(journal_entry, journal_entry) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'byteale';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_gt(journal_entry, journal_entry) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'byteagt';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_ge(journal_entry, journal_entry) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'byteage';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_cmp(journal_entry, journal_entry) RETURNS integer
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'byteacmp';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_sortsupport(internal) RETURNS void
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'bytea_sortsupport';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_hash(journal_entry) RETURNS integer
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'hashvarlena';
CREATE FUNCTION bakkt_ledger_internal.journal_entry_hash_extended(journal_entry, bigint) RETURNS bigint
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'hashvarlenaextended';

CREATE OPERATOR bakkt_ledger.= (LEFTARG = journal_entry, RIGHTARG = journal_entry, FUNCTION = journal_entry_eq,
    COMMUTATOR = OPERATOR(bakkt_ledger.=), NEGATOR = OPERATOR(bakkt_ledger.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR bakkt_ledger.<> (LEFTARG = journal_entry, RIGHTARG = journal_entry, FUNCTION = journal_entry_ne,
    COMMUTATOR = OPERATOR(bakkt_ledger.<>), NEGATOR = OPERATOR(bakkt_ledger.=), RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR bakkt_ledger.< (LEFTARG = journal_entry, RIGHTARG = journal_entry, FUNCTION = journal_entry_lt,
    COMMUTATOR = OPERATOR(bakkt_ledger.>), NEGATOR = OPERATOR(bakkt_ledger.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR bakkt_ledger.<= (LEFTARG = journal_entry, RIGHTARG = journal_entry, FUNCTION = journal_entry_le,
    COMMUTATOR = OPERATOR(bakkt_ledger.>=), NEGATOR = OPERATOR(bakkt_ledger.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR bakkt_ledger.> (LEFTARG = journal_entry, RIGHTARG = journal_entry, FUNCTION = journal_entry_gt,
    COMMUTATOR = OPERATOR(bakkt_ledger.<), NEGATOR = OPERATOR(bakkt_ledger.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR bakkt_ledger.>= (LEFTARG = journal_entry, RIGHTARG = journal_entry, FUNCTION = journal_entry_ge,
    COMMUTATOR = OPERATOR(bakkt_ledger.<=), NEGATOR = OPERATOR(bakkt_ledger.<), RESTRICT = scalargesel, JOIN = scalargejoinsel);
COMMENT ON OPERATOR = (journal_entry, journal_entry) IS 'same lines in the same order';
COMMENT ON OPERATOR <> (journal_entry, journal_entry) IS 'not the same lines in the same order';
COMMENT ON OPERATOR < (journal_entry, journal_entry) IS
    'first entry sorts before the second; the order has no meaning of its own';
COMMENT ON OPERATOR <= (journal_entry, journal_entry) IS 'first entry sorts before the second or equals it';
COMMENT ON OPERATOR > (journal_entry, journal_entry) IS 'first entry sorts after the second';
COMMENT ON OPERATOR >= (journal_entry, journal_entry) IS 'first entry sorts after the second or equals it';

CREATE OPERATOR CLASS bakkt_ledger.journal_entry_ops DEFAULT FOR TYPE journal_entry USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 journal_entry_cmp(journal_entry, journal_entry),
    FUNCTION 2 journal_entry_sortsupport(internal),
    FUNCTION 4 pg_catalog.btequalimage(oid);

CREATE OPERATOR CLASS bakkt_ledger.journal_entry_ops DEFAULT FOR TYPE journal_entry USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 journal_entry_hash(journal_entry),
    FUNCTION 2 journal_entry_hash_extended(journal_entry, bigint);
