-- Type amount: an exact quantity of one asset. Nothing here rounds unless it is told how.
-- Refuses sums and comparisons of two assets (LG004), results that are not exact (LG005), overflow
-- (22003).

CREATE TYPE bakkt_ledger.amount;

CREATE FUNCTION bakkt_ledger_internal.amount_in(cstring) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_out(amount) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_recv(internal) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_send(amount) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE TYPE bakkt_ledger.amount (
    INPUT = amount_in,
    OUTPUT = amount_out,
    RECEIVE = amount_recv,
    SEND = amount_send,
    INTERNALLENGTH = 24,
    ALIGNMENT = double,
    STORAGE = plain
);

COMMENT ON TYPE amount IS
'exact quantity of one asset, such as 6030.00 USD: at most 18 decimals and 85 070 591 730 234 615 865 whole units either way;
signed';

-- without these casts PostgreSQL would assign a value to a text column unasked
CREATE CAST (amount AS text) WITH INOUT;
CREATE CAST (text AS amount) WITH INOUT;
COMMENT ON CAST (amount AS text) IS 'canonical text; explicit only';
COMMENT ON CAST (text AS amount) IS 'text such as 6030.00 USD; errors as in amount_in; explicit only';

-- Making values and reading their parts

CREATE FUNCTION bakkt_ledger.amount(value numeric, asset asset) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_from_numeric';
COMMENT ON FUNCTION amount(value numeric, asset asset) IS
'an amount of an asset from a number; exact: 22003 beyond 18 decimals or the range, 22P02 for NaN and Infinity';
CREATE FUNCTION bakkt_ledger.value(amount) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_value';
COMMENT ON FUNCTION value(amount) IS 'the number of an amount, with the decimals its text shows; signed as stored';
CREATE FUNCTION bakkt_ledger.asset(amount) RETURNS asset
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_asset';
COMMENT ON FUNCTION asset(amount) IS 'the asset of an amount';
CREATE FUNCTION bakkt_ledger.zero(asset) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_zero';
COMMENT ON FUNCTION zero(asset) IS 'zero of an asset';
CREATE FUNCTION bakkt_ledger.is_zero(amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_is_zero';
COMMENT ON FUNCTION is_zero(amount) IS 'whether an amount is zero';
CREATE FUNCTION bakkt_ledger.sign(amount) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_sign';
COMMENT ON FUNCTION sign(amount) IS '-1, 0 or 1';
CREATE FUNCTION bakkt_ledger.abs(amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_abs';
COMMENT ON FUNCTION abs(amount) IS 'the amount without its sign';

CREATE CAST (amount AS numeric) WITH FUNCTION value(amount);
COMMENT ON CAST (amount AS numeric) IS 'the number of an amount; explicit only';

-- Arithmetic: exact, or an error

CREATE FUNCTION bakkt_ledger_internal.amount_plus(amount, amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_plus';
CREATE FUNCTION bakkt_ledger_internal.amount_minus(amount, amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_minus';
CREATE FUNCTION bakkt_ledger_internal.amount_negate(amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_negate';
CREATE FUNCTION bakkt_ledger_internal.amount_times_integer(amount, bigint) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_times_integer';
CREATE FUNCTION bakkt_ledger_internal.integer_times_amount(bigint, amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'integer_times_amount';
CREATE FUNCTION bakkt_ledger_internal.amount_by_integer(amount, bigint) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_by_integer';
CREATE FUNCTION bakkt_ledger_internal.amount_ratio(amount, amount) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_ratio';
CREATE FUNCTION bakkt_ledger.multiply_divide(amount, numerator bigint, denominator bigint, decimals integer,
                                             rounding text DEFAULT 'half_even')
    RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_multiply_divide';
COMMENT ON FUNCTION multiply_divide(amount, numerator bigint, denominator bigint, decimals integer, rounding text) IS
'amount * numerator / denominator, rounded once to decimals (basis points: denominator 10000); decimals 0 to 18 (22023
otherwise); rounding is half_even, half_up, up, down, ceiling, floor or none (22023 otherwise); LG005 with none unless exact,
22012 by zero, 22003 beyond the range';

CREATE OPERATOR bakkt_ledger.+ (
    FUNCTION = amount_plus, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.+));
COMMENT ON OPERATOR + (amount, amount) IS 'sum; LG004 for two assets, 22003 beyond the range';
CREATE OPERATOR bakkt_ledger.- (FUNCTION = amount_minus, LEFTARG = amount, RIGHTARG = amount);
COMMENT ON OPERATOR - (amount, amount) IS 'difference; LG004 for two assets, 22003 beyond the range';
CREATE OPERATOR bakkt_ledger.- (FUNCTION = amount_negate, RIGHTARG = amount);
COMMENT ON OPERATOR - (NONE, amount) IS 'the amount with the other sign';
CREATE OPERATOR bakkt_ledger.* (
    FUNCTION = amount_times_integer, LEFTARG = amount, RIGHTARG = bigint,
    COMMUTATOR = OPERATOR(bakkt_ledger.*));
COMMENT ON OPERATOR * (amount, bigint) IS 'an integer multiple of an amount; 22003 beyond the range';
CREATE OPERATOR bakkt_ledger.* (
    FUNCTION = integer_times_amount, LEFTARG = bigint, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.*));
COMMENT ON OPERATOR * (bigint, amount) IS 'an integer multiple of an amount; 22003 beyond the range';
CREATE OPERATOR bakkt_ledger./ (FUNCTION = amount_by_integer, LEFTARG = amount, RIGHTARG = bigint);
COMMENT ON OPERATOR / (amount, bigint) IS 'an amount divided by an integer; LG005 unless exact, 22012 by zero';
CREATE OPERATOR bakkt_ledger./ (FUNCTION = amount_ratio, LEFTARG = amount, RIGHTARG = amount);
COMMENT ON OPERATOR / (amount, amount) IS 'how many times the second goes into the first; LG004 for two assets, 22012 by zero';

-- Rounding by name

CREATE FUNCTION bakkt_ledger.round(amount, decimals integer, rounding text DEFAULT 'half_even') RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_round';
COMMENT ON FUNCTION round(amount, decimals integer, rounding text) IS
'the amount rounded to decimals; decimals 0 to 18 (22023 otherwise); rounding is half_even, half_up, up, down, ceiling, floor or
none (22023 otherwise); LG005 with none unless exact, 22003 beyond the range';
CREATE FUNCTION bakkt_ledger.fits_decimals(amount, decimals integer) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_fits_decimals';
COMMENT ON FUNCTION fits_decimals(amount, decimals integer) IS
'whether the amount has at most so many decimals; decimals 0 to 18 (22023 otherwise)';
CREATE FUNCTION bakkt_ledger.is_multiple_of(amount, increment amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_is_multiple_of';
COMMENT ON FUNCTION is_multiple_of(amount, increment amount) IS
'whether the amount is a whole multiple of the increment, by integer remainder; LG004 for two assets, 22012 for a zero increment';
CREATE FUNCTION bakkt_ledger.allocate(total amount, decimals integer, weights numeric[]) RETURNS amount[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'allocate_by_numbers';
COMMENT ON FUNCTION allocate(total amount, decimals integer, weights numeric[]) IS
'split a total into parts proportional to the weights by largest remainder; the parts sum to the total exactly and ties go to the
lower index; weights are not negative, not all zero and not empty (22023), none is null (22004); LG005 unless the total has at
most so many decimals';
CREATE FUNCTION bakkt_ledger.allocate(total amount, decimals integer, weights amount[]) RETURNS amount[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'allocate_by_amounts';
COMMENT ON FUNCTION allocate(total amount, decimals integer, weights amount[]) IS
'split a total into parts proportional to the weights by largest remainder; the parts sum to the total exactly and ties go to the
lower index; weights are not negative, not all zero and not empty (22023), none is null (22004); LG005 unless the total has at
most so many decimals; LG004 for weights of different assets (the total may be of another)';

-- Planner estimates for the strict operators of amount and price

CREATE FUNCTION bakkt_ledger_internal.strict_selectivity(internal, oid, internal, integer) RETURNS float8
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.strict_join_selectivity(internal, oid, internal, smallint, internal) RETURNS float8
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

-- Strict comparison: refuses different assets. The planner must not apply these operators to values
-- of other rows, so it estimates with the matching operators of the total order
-- (src/types/selectivity.c).

CREATE FUNCTION bakkt_ledger_internal.amount_lt(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_le(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_eq(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_ne(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_ge(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_gt(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE OPERATOR bakkt_ledger.< (
    FUNCTION = amount_lt, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.>), NEGATOR = OPERATOR(bakkt_ledger.>=),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.<= (
    FUNCTION = amount_le, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.>=), NEGATOR = OPERATOR(bakkt_ledger.>),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.= (
    FUNCTION = amount_eq, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.=), NEGATOR = OPERATOR(bakkt_ledger.<>),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.<> (
    FUNCTION = amount_ne, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.<>), NEGATOR = OPERATOR(bakkt_ledger.=),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.>= (
    FUNCTION = amount_ge, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.<=), NEGATOR = OPERATOR(bakkt_ledger.<),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.> (
    FUNCTION = amount_gt, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.<), NEGATOR = OPERATOR(bakkt_ledger.<=),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
COMMENT ON OPERATOR < (amount, amount) IS 'first amount is less; LG004 for two assets';
COMMENT ON OPERATOR <= (amount, amount) IS 'first amount is less or equal; LG004 for two assets';
COMMENT ON OPERATOR = (amount, amount) IS 'first amount is equal; LG004 for two assets';
COMMENT ON OPERATOR <> (amount, amount) IS 'first amount is not equal; LG004 for two assets';
COMMENT ON OPERATOR >= (amount, amount) IS 'first amount is greater or equal; LG004 for two assets';
COMMENT ON OPERATOR > (amount, amount) IS 'first amount is greater; LG004 for two assets';

-- Total order of any two, by asset, then value: for sorting, grouping, indexes.
-- Equal means bitwise equal, so btree indexes may deduplicate.

CREATE FUNCTION bakkt_ledger_internal.amount_total_lt(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_total_le(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_total_eq(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_total_ne(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_total_ge(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_total_gt(amount, amount) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_cmp(amount, amount) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_sortsupport(internal) RETURNS void
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_hash(amount) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_hash_extended(amount, bigint) RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE OPERATOR bakkt_ledger.*< (
    FUNCTION = amount_total_lt, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.*>), NEGATOR = OPERATOR(bakkt_ledger.*>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR bakkt_ledger.*<= (
    FUNCTION = amount_total_le, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.*>=), NEGATOR = OPERATOR(bakkt_ledger.*>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR bakkt_ledger.*= (
    FUNCTION = amount_total_eq, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.*=), NEGATOR = OPERATOR(bakkt_ledger.*<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR bakkt_ledger.*<> (
    FUNCTION = amount_total_ne, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.*<>), NEGATOR = OPERATOR(bakkt_ledger.*=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR bakkt_ledger.*>= (
    FUNCTION = amount_total_ge, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.*<=), NEGATOR = OPERATOR(bakkt_ledger.*<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);
CREATE OPERATOR bakkt_ledger.*> (
    FUNCTION = amount_total_gt, LEFTARG = amount, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.*<), NEGATOR = OPERATOR(bakkt_ledger.*<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR *< (amount, amount) IS 'first amount is less in the total order (by asset, then value); never raises';
COMMENT ON OPERATOR *<= (amount, amount) IS
'first amount is less or equal in the total order (by asset, then value); never raises';
COMMENT ON OPERATOR *= (amount, amount) IS 'first amount is equal in the total order (by asset, then value); never raises';
COMMENT ON OPERATOR *<> (amount, amount) IS 'first amount is not equal in the total order (by asset, then value); never raises';
COMMENT ON OPERATOR *>= (amount, amount) IS
'first amount is greater or equal in the total order (by asset, then value); never raises';
COMMENT ON OPERATOR *> (amount, amount) IS 'first amount is greater in the total order (by asset, then value); never raises';

CREATE OPERATOR CLASS bakkt_ledger.amount_ops DEFAULT FOR TYPE amount USING btree AS
    OPERATOR 1 *<,
    OPERATOR 2 *<=,
    OPERATOR 3 *=,
    OPERATOR 4 *>=,
    OPERATOR 5 *>,
    FUNCTION 1 amount_cmp(amount, amount),
    FUNCTION 2 amount_sortsupport(internal),
    FUNCTION 4 btequalimage(oid);
CREATE OPERATOR CLASS bakkt_ledger.amount_ops DEFAULT FOR TYPE amount USING hash AS
    OPERATOR 1 *=,
    FUNCTION 1 amount_hash(amount),
    FUNCTION 2 amount_hash_extended(amount, bigint);
COMMENT ON OPERATOR CLASS amount_ops USING btree IS 'total order of amounts: by asset, then value';
COMMENT ON OPERATOR CLASS amount_ops USING hash IS 'bitwise equality of amounts';

-- Aggregates.  NULLs are skipped; over nothing the result is NULL.

CREATE FUNCTION bakkt_ledger_internal.amount_larger(amount, amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_larger';
CREATE FUNCTION bakkt_ledger_internal.amount_smaller(amount, amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_smaller';
CREATE FUNCTION bakkt_ledger_internal.amount_sum(amount, amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_sum';
CREATE FUNCTION bakkt_ledger_internal.amount_sum_undo(amount, amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_sum_undo';
CREATE FUNCTION bakkt_ledger_internal.amount_avg_transition(internal, amount) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_avg_undo(internal, amount) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_avg_combine(internal, internal) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_avg_serialize(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_avg_deserialize(bytea, internal) RETURNS internal
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.amount_avg_final(internal) RETURNS amount
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE AGGREGATE bakkt_ledger.sum(amount) (
    SFUNC = amount_sum,
    STYPE = amount,
    COMBINEFUNC = amount_sum,
    MSFUNC = amount_sum,
    MINVFUNC = amount_sum_undo,
    MSTYPE = amount,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(amount) IS
'exact sum of amounts of one asset; NULL over nothing; LG004 for two assets, 22003 when an intermediate sum leaves the range';

CREATE AGGREGATE bakkt_ledger.avg(amount) (
    SFUNC = amount_avg_transition,
    STYPE = internal,
    SSPACE = 32,
    COMBINEFUNC = amount_avg_combine,
    SERIALFUNC = amount_avg_serialize,
    DESERIALFUNC = amount_avg_deserialize,
    FINALFUNC = amount_avg_final,
    MSFUNC = amount_avg_transition,
    MINVFUNC = amount_avg_undo,
    MSTYPE = internal,
    MSSPACE = 32,
    MFINALFUNC = amount_avg_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(amount) IS
'mean of amounts of one asset, rounded half-even at 18 decimals; NULL over nothing; LG004 for two assets, 22003 when a sum on the
way leaves the range';

-- no SORTOP: over several assets an index would return a wrong answer instead of an error
CREATE AGGREGATE bakkt_ledger.min(amount) (
    SFUNC = amount_smaller,
    STYPE = amount,
    COMBINEFUNC = amount_smaller,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE min(amount) IS 'smallest amount; NULL over nothing; LG004 for two assets';

CREATE AGGREGATE bakkt_ledger.max(amount) (
    SFUNC = amount_larger,
    STYPE = amount,
    COMBINEFUNC = amount_larger,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE max(amount) IS 'largest amount; NULL over nothing; LG004 for two assets';
