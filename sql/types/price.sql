-- Type price: so much of a quote asset per one whole base asset. Dimensions are checked, and
-- nothing rounds unless it is told how.
-- Refuses prices of different pairs (LG004), results that are not exact (LG005), overflow (22003).

CREATE TYPE bakkt_ledger.price;

CREATE FUNCTION bakkt_ledger_internal.price_in(cstring) RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_out(price) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_recv(internal) RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_send(price) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE TYPE bakkt_ledger.price (
    INPUT = price_in,
    OUTPUT = price_out,
    RECEIVE = price_recv,
    SEND = price_send,
    INTERNALLENGTH = 32,
    ALIGNMENT = double,
    STORAGE = plain
);

COMMENT ON TYPE price IS
'quote asset per one whole base asset, such as 64250.10 USD/BTC: at most 18 decimals, the range of amount; signed';

-- without these casts PostgreSQL would assign a value to a text column unasked
CREATE CAST (price AS text) WITH INOUT;
CREATE CAST (text AS price) WITH INOUT;
COMMENT ON CAST (price AS text) IS 'canonical text; explicit only';
COMMENT ON CAST (text AS price) IS 'text such as 64250.10 USD/BTC; errors as in price_in; explicit only';

-- Making values and reading their parts

CREATE FUNCTION bakkt_ledger.price(value numeric, quote asset, base asset) RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_from_numeric';
COMMENT ON FUNCTION price(value numeric, quote asset, base asset) IS
'a price from a number; exact: 22003 beyond 18 decimals or the range, 22P02 for NaN and Infinity';
CREATE FUNCTION bakkt_ledger.value(price) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_value';
COMMENT ON FUNCTION value(price) IS 'the number of a price, with the decimals its text shows';
CREATE FUNCTION bakkt_ledger.quote(price) RETURNS asset
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_quote';
COMMENT ON FUNCTION quote(price) IS 'the asset a price is paid in';
CREATE FUNCTION bakkt_ledger.base(price) RETURNS asset
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_base';
COMMENT ON FUNCTION base(price) IS 'the asset that is priced';

CREATE CAST (price AS numeric) WITH FUNCTION value(price);
COMMENT ON CAST (price AS numeric) IS 'the number of a price; explicit only';

-- Arithmetic: exact, or an error

CREATE FUNCTION bakkt_ledger_internal.price_plus(price, price) RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_plus';
CREATE FUNCTION bakkt_ledger_internal.price_minus(price, price) RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_minus';
CREATE FUNCTION bakkt_ledger_internal.price_negate(price) RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_negate';
CREATE FUNCTION bakkt_ledger_internal.amount_times_price(amount, price) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_times_price';
CREATE FUNCTION bakkt_ledger_internal.price_times_amount(price, amount) RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_times_amount';
CREATE FUNCTION bakkt_ledger.markup(price, basis_points numeric) RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_markup';
COMMENT ON FUNCTION markup(price, basis_points numeric) IS
'the price raised by that many basis points of itself, lowered by negative ones; LG005 unless exact in 18 decimals, 22003
beyond the range';

CREATE OPERATOR bakkt_ledger.+ (FUNCTION = price_plus, LEFTARG = price, RIGHTARG = price, COMMUTATOR = OPERATOR(bakkt_ledger.+));
COMMENT ON OPERATOR + (price, price) IS 'sum; LG004 for two pairs of assets, 22003 beyond the range';
CREATE OPERATOR bakkt_ledger.- (FUNCTION = price_minus, LEFTARG = price, RIGHTARG = price);
COMMENT ON OPERATOR - (price, price) IS 'difference; LG004 for two pairs of assets, 22003 beyond the range';
CREATE OPERATOR bakkt_ledger.- (FUNCTION = price_negate, RIGHTARG = price);
COMMENT ON OPERATOR - (NONE, price) IS 'the price with the other sign';
CREATE OPERATOR bakkt_ledger.* (
    FUNCTION = amount_times_price, LEFTARG = amount, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.*));
COMMENT ON OPERATOR * (amount, price) IS 'what an amount of base costs in quote; LG004 for another asset, LG005 unless exact';
CREATE OPERATOR bakkt_ledger.* (
    FUNCTION = price_times_amount, LEFTARG = price, RIGHTARG = amount,
    COMMUTATOR = OPERATOR(bakkt_ledger.*));
COMMENT ON OPERATOR * (price, amount) IS 'what an amount of base costs in quote; LG004 for another asset, LG005 unless exact';

-- Rounding by name

CREATE FUNCTION bakkt_ledger.multiply(amount, price, decimals integer, rounding text DEFAULT 'half_even') RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_multiply_price';
COMMENT ON FUNCTION multiply(amount, price, decimals integer, rounding text) IS
'what an amount of base costs in quote, rounded once to decimals; LG004 for another asset than the base; decimals 0 to 18 (22023
otherwise); rounding is half_even, half_up, up, down, ceiling, floor or none (22023 otherwise); LG005 with none unless exact,
22003 beyond the range';
CREATE FUNCTION bakkt_ledger.divide(amount, price, decimals integer, rounding text DEFAULT 'half_even') RETURNS amount
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'amount_divide_price';
COMMENT ON FUNCTION divide(amount, price, decimals integer, rounding text) IS
'how much base an amount of quote buys, rounded once to decimals; LG004 for another asset than the quote, 22012 by zero; decimals
0 to 18 (22023 otherwise); rounding is half_even, half_up, up, down, ceiling, floor or none (22023 otherwise); LG005 with none
unless exact, 22003 beyond the range';
CREATE FUNCTION bakkt_ledger.average_price(notional amount, quantity amount, decimals integer, rounding text DEFAULT 'half_even')
    RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_average';
COMMENT ON FUNCTION average_price(notional amount, quantity amount, decimals integer, rounding text) IS
'notional per quantity, rounded once to decimals: the average price of fills; 22012 for no quantity; decimals 0 to 18 (22023
otherwise); rounding is half_even, half_up, up, down, ceiling, floor or none (22023 otherwise); LG005 with none unless exact,
22003 beyond the range';
CREATE FUNCTION bakkt_ledger.round(price, decimals integer, rounding text DEFAULT 'half_even') RETURNS price
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_round';
COMMENT ON FUNCTION round(price, decimals integer, rounding text) IS
'the price rounded to decimals; decimals 0 to 18 (22023 otherwise); rounding is half_even, half_up, up, down, ceiling, floor or
none (22023 otherwise); LG005 with none unless exact, 22003 beyond the range';
CREATE FUNCTION bakkt_ledger.fits_decimals(price, decimals integer) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_fits_decimals';
COMMENT ON FUNCTION fits_decimals(price, decimals integer) IS
'whether the price has at most so many decimals; decimals 0 to 18 (22023 otherwise)';
CREATE FUNCTION bakkt_ledger.is_multiple_of(price, increment price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'price_is_multiple_of';
COMMENT ON FUNCTION is_multiple_of(price, increment price) IS
'whether the price is a whole multiple of the increment, by integer remainder; LG004 for two pairs of assets, 22012 for a zero
increment';

-- Strict comparison: refuses different pairs of assets.

CREATE FUNCTION bakkt_ledger_internal.price_lt(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_le(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_eq(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_ne(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_ge(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_gt(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE OPERATOR bakkt_ledger.< (
    FUNCTION = price_lt, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.>), NEGATOR = OPERATOR(bakkt_ledger.>=),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.<= (
    FUNCTION = price_le, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.>=), NEGATOR = OPERATOR(bakkt_ledger.>),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.= (
    FUNCTION = price_eq, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.=), NEGATOR = OPERATOR(bakkt_ledger.<>),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.<> (
    FUNCTION = price_ne, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.<>), NEGATOR = OPERATOR(bakkt_ledger.=),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.>= (
    FUNCTION = price_ge, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.<=), NEGATOR = OPERATOR(bakkt_ledger.<),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
CREATE OPERATOR bakkt_ledger.> (
    FUNCTION = price_gt, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.<), NEGATOR = OPERATOR(bakkt_ledger.<=),
    RESTRICT = strict_selectivity, JOIN = strict_join_selectivity
);
COMMENT ON OPERATOR < (price, price) IS 'first price is less; LG004 for two pairs of assets';
COMMENT ON OPERATOR <= (price, price) IS 'first price is less or equal; LG004 for two pairs of assets';
COMMENT ON OPERATOR = (price, price) IS 'first price is equal; LG004 for two pairs of assets';
COMMENT ON OPERATOR <> (price, price) IS 'first price is not equal; LG004 for two pairs of assets';
COMMENT ON OPERATOR >= (price, price) IS 'first price is greater or equal; LG004 for two pairs of assets';
COMMENT ON OPERATOR > (price, price) IS 'first price is greater; LG004 for two pairs of assets';

-- Total order of any two, by quote asset, base asset, then value: for sorting, grouping, indexes.
-- Equal means bitwise equal, so btree indexes may deduplicate.

CREATE FUNCTION bakkt_ledger_internal.price_total_lt(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_total_le(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_total_eq(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_total_ne(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_total_ge(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_total_gt(price, price) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_cmp(price, price) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_sortsupport(internal) RETURNS void
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_hash(price) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION bakkt_ledger_internal.price_hash_extended(price, bigint) RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE OPERATOR bakkt_ledger.*< (
    FUNCTION = price_total_lt, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.*>), NEGATOR = OPERATOR(bakkt_ledger.*>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR bakkt_ledger.*<= (
    FUNCTION = price_total_le, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.*>=), NEGATOR = OPERATOR(bakkt_ledger.*>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR bakkt_ledger.*= (
    FUNCTION = price_total_eq, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.*=), NEGATOR = OPERATOR(bakkt_ledger.*<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR bakkt_ledger.*<> (
    FUNCTION = price_total_ne, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.*<>), NEGATOR = OPERATOR(bakkt_ledger.*=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR bakkt_ledger.*>= (
    FUNCTION = price_total_ge, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.*<=), NEGATOR = OPERATOR(bakkt_ledger.*<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);
CREATE OPERATOR bakkt_ledger.*> (
    FUNCTION = price_total_gt, LEFTARG = price, RIGHTARG = price,
    COMMUTATOR = OPERATOR(bakkt_ledger.*<), NEGATOR = OPERATOR(bakkt_ledger.*<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR *< (price, price) IS
'first price is less in the total order (by quote asset, base asset, then value); never raises';
COMMENT ON OPERATOR *<= (price, price) IS
'first price is less or equal in the total order (by quote asset, base asset, then value); never raises';
COMMENT ON OPERATOR *= (price, price) IS
'first price is equal in the total order (by quote asset, base asset, then value); never raises';
COMMENT ON OPERATOR *<> (price, price) IS
'first price is not equal in the total order (by quote asset, base asset, then value); never raises';
COMMENT ON OPERATOR *>= (price, price) IS
'first price is greater or equal in the total order (by quote asset, base asset, then value); never raises';
COMMENT ON OPERATOR *> (price, price) IS
'first price is greater in the total order (by quote asset, base asset, then value); never raises';

CREATE OPERATOR CLASS bakkt_ledger.price_ops DEFAULT FOR TYPE price USING btree AS
    OPERATOR 1 *<,
    OPERATOR 2 *<=,
    OPERATOR 3 *=,
    OPERATOR 4 *>=,
    OPERATOR 5 *>,
    FUNCTION 1 price_cmp(price, price),
    FUNCTION 2 price_sortsupport(internal),
    FUNCTION 4 btequalimage(oid);
CREATE OPERATOR CLASS bakkt_ledger.price_ops DEFAULT FOR TYPE price USING hash AS
    OPERATOR 1 *=,
    FUNCTION 1 price_hash(price),
    FUNCTION 2 price_hash_extended(price, bigint);
COMMENT ON OPERATOR CLASS price_ops USING btree IS 'total order of prices: by quote asset, base asset, then value';
COMMENT ON OPERATOR CLASS price_ops USING hash IS 'bitwise equality of prices';
