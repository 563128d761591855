-- Type execution_terms: what was executed. A trade is a journal whose terms hold these facts. The
-- type stands on this floor because the journal table has a column of it; trade/trade.sql fills it.
-- Refuses a text or image that is malformed (22P02, 22P03).

CREATE TYPE bakkt_ledger.execution_terms;

-- Input of execution_terms: a flat JSON object; 22P02 when malformed.
CREATE FUNCTION bakkt_ledger_internal.execution_terms_in(cstring) RETURNS execution_terms
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
-- Output of execution_terms: a flat JSON object that its input reads back.
CREATE FUNCTION bakkt_ledger_internal.execution_terms_out(execution_terms) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
-- Binary input of execution_terms; 22P03 unless the image is canonical.
CREATE FUNCTION bakkt_ledger_internal.execution_terms_recv(internal) RETURNS execution_terms
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
-- Binary output of execution_terms: the packed form.
CREATE FUNCTION bakkt_ledger_internal.execution_terms_send(execution_terms) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;


CREATE TYPE bakkt_ledger.execution_terms (
    INPUT = execution_terms_in,
    OUTPUT = execution_terms_out,
    RECEIVE = execution_terms_recv,
    SEND = execution_terms_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = main
);

COMMENT ON TYPE execution_terms IS
'The facts of one execution: side, quantity, customer''s and provider''s price and money, revenue, fee, commission rule,
instrument, provider, funding model, the client''s order id, and the journal it busts or corrects. About thirty bytes. Revenue is
always the difference of net money and provider''s money (I17). Text form: a flat JSON object.';

-- Of execution terms: the customer's side, BUY or SELL; a bust keeps the side of the execution it
-- takes back.
CREATE FUNCTION bakkt_ledger_internal.side(terms execution_terms) RETURNS text
    AS 'MODULE_PATHNAME', 'execution_terms_side' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the quantity executed, always positive.
CREATE FUNCTION bakkt_ledger_internal.quantity(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_quantity' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the quantity, positive when the customer receives coin: a BUY, or the bust of
-- a SELL.
CREATE FUNCTION bakkt_ledger_internal.signed_quantity(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_signed_quantity' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the customer's price, markup included.
CREATE FUNCTION bakkt_ledger_internal.price(terms execution_terms) RETURNS price
    AS 'MODULE_PATHNAME', 'execution_terms_price' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the provider's price; the customer's price when none was given.
CREATE FUNCTION bakkt_ledger_internal.provider_price(terms execution_terms) RETURNS price
    AS 'MODULE_PATHNAME', 'execution_terms_provider_price' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the customer's money, fee included; positive = the customer or client owes,
-- negative = is owed.
CREATE FUNCTION bakkt_ledger_internal.net_money(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_net_money' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the provider's money: quantity times provider's price, half-even; positive =
-- the provider is paid, negative = pays.
CREATE FUNCTION bakkt_ledger_internal.provider_money(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_provider_money' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: what the execution earned before the client's share: net money against
-- provider's money by subtraction (I17); negative for a bust.
CREATE FUNCTION bakkt_ledger_internal.revenue(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_revenue' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the client's part of the revenue; negative for a bust.
CREATE FUNCTION bakkt_ledger_internal.revenue_share(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_revenue_share' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the client's part of revenue in basis points, by its terms at execution; 0 if
-- none.
CREATE FUNCTION bakkt_ledger_internal.revenue_share_bps(terms execution_terms) RETURNS integer
    AS 'MODULE_PATHNAME', 'execution_terms_revenue_share_bps' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the itemised trade fee contained in net_money; negative for a bust.
CREATE FUNCTION bakkt_ledger_internal.fee(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_fee' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the customer.
CREATE FUNCTION bakkt_ledger_internal.customer_id(terms execution_terms) RETURNS bigint
    AS 'MODULE_PATHNAME', 'execution_terms_customer_id' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the liquidity provider; 0 in a refused request that named an unknown one.
CREATE FUNCTION bakkt_ledger_internal.provider_id(terms execution_terms) RETURNS integer
    AS 'MODULE_PATHNAME', 'execution_terms_provider_id' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the instrument; 0 in a refused request that named an unknown one.
CREATE FUNCTION bakkt_ledger_internal.instrument_id(terms execution_terms) RETURNS integer
    AS 'MODULE_PATHNAME', 'execution_terms_instrument_id' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the asset bought or sold.
CREATE FUNCTION bakkt_ledger_internal.base_asset(terms execution_terms) RETURNS asset
    AS 'MODULE_PATHNAME', 'execution_terms_base' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the asset paid in.
CREATE FUNCTION bakkt_ledger_internal.quote_asset(terms execution_terms) RETURNS asset
    AS 'MODULE_PATHNAME', 'execution_terms_quote' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the funding model that decided the cash leg at execution.
CREATE FUNCTION bakkt_ledger_internal.funding_model(terms execution_terms) RETURNS text
    AS 'MODULE_PATHNAME', 'execution_terms_funding_model' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: markup in basis points of the provider's price; 0 if none.
CREATE FUNCTION bakkt_ledger_internal.markup_bps(terms execution_terms) RETURNS integer
    AS 'MODULE_PATHNAME', 'execution_terms_markup_bps' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: fixed markup per unit of the base asset; zero if none.
CREATE FUNCTION bakkt_ledger_internal.markup_fixed(terms execution_terms) RETURNS price
    AS 'MODULE_PATHNAME', 'execution_terms_markup_fixed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: trade fee in basis points of the notional; 0 if none.
CREATE FUNCTION bakkt_ledger_internal.fee_bps(terms execution_terms) RETURNS integer
    AS 'MODULE_PATHNAME', 'execution_terms_fee_bps' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: fixed trade fee of this execution; zero if none.
CREATE FUNCTION bakkt_ledger_internal.fee_fixed(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_fee_fixed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: minimum trade fee over the fills of the client's order; zero if none.
CREATE FUNCTION bakkt_ledger_internal.fee_minimum(terms execution_terms) RETURNS amount
    AS 'MODULE_PATHNAME', 'execution_terms_fee_minimum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the client's order id; NULL if none was given.
CREATE FUNCTION bakkt_ledger_internal.client_order_id(terms execution_terms) RETURNS text
    AS 'MODULE_PATHNAME', 'execution_terms_client_order_id' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: true when its money is part of the client's net settlement (funding model
-- NET_SETTLEMENT); reads two bytes, for FILTER clauses over many rows.
CREATE FUNCTION bakkt_ledger_internal.settles_net(terms execution_terms) RETURNS boolean
    AS 'MODULE_PATHNAME', 'execution_terms_settles_net' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: true when the request asked that the coin bought be bound until it is paid
-- for; the client's terms may bind it too.
CREATE FUNCTION bakkt_ledger_internal.is_encumbered(terms execution_terms) RETURNS boolean
    AS 'MODULE_PATHNAME', 'execution_terms_is_encumbered' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: true when the terms take another execution back.
CREATE FUNCTION bakkt_ledger_internal.is_bust(terms execution_terms) RETURNS boolean
    AS 'MODULE_PATHNAME', 'execution_terms_is_bust' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the journal of the execution taken back; NULL unless a bust.
CREATE FUNCTION bakkt_ledger_internal.busts(terms execution_terms) RETURNS bigint
    AS 'MODULE_PATHNAME', 'execution_terms_busts' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Of execution terms: the journal of the execution this one replaces; NULL unless a correction.
CREATE FUNCTION bakkt_ledger_internal.corrects(terms execution_terms) RETURNS bigint
    AS 'MODULE_PATHNAME', 'execution_terms_corrects' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Equality: the packed form is canonical, so equal means bitwise equal.
CREATE FUNCTION bakkt_ledger_internal.execution_terms_eq(execution_terms, execution_terms) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
-- Implementation of <>.
CREATE FUNCTION bakkt_ledger_internal.execution_terms_ne(execution_terms, execution_terms) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
-- Hash of execution terms.
CREATE FUNCTION bakkt_ledger_internal.execution_terms_hash(execution_terms) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
-- Seeded hash of execution terms.
CREATE FUNCTION bakkt_ledger_internal.execution_terms_hash_extended(execution_terms, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;


CREATE OPERATOR bakkt_ledger.= (
    LEFTARG = execution_terms, RIGHTARG = execution_terms, FUNCTION = execution_terms_eq,
    COMMUTATOR = OPERATOR(bakkt_ledger.=), NEGATOR = OPERATOR(bakkt_ledger.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
CREATE OPERATOR bakkt_ledger.<> (
    LEFTARG = execution_terms, RIGHTARG = execution_terms, FUNCTION = execution_terms_ne,
    COMMUTATOR = OPERATOR(bakkt_ledger.<>), NEGATOR = OPERATOR(bakkt_ledger.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR = (execution_terms, execution_terms) IS 'same facts';
COMMENT ON OPERATOR <> (execution_terms, execution_terms) IS 'different facts';

CREATE OPERATOR CLASS bakkt_ledger.execution_terms_hash_ops DEFAULT FOR TYPE execution_terms USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 execution_terms_hash(execution_terms),
    FUNCTION 2 execution_terms_hash_extended(execution_terms, bigint);

-- Netting aggregates: read in place, nothing allocated per row; a bust takes its execution back by
-- its sign.
CREATE FUNCTION bakkt_ledger_internal.terms_sum_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
-- Part of the aggregates over execution terms.
CREATE FUNCTION bakkt_ledger_internal.terms_sum_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
-- Part of the aggregates over execution terms.
CREATE FUNCTION bakkt_ledger_internal.terms_sum_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
-- Part of the aggregates over execution terms.
CREATE FUNCTION bakkt_ledger_internal.terms_sum_final(internal) RETURNS amount
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;


-- Part of the aggregate sum_net_money.
CREATE FUNCTION bakkt_ledger_internal.sum_net_money_accumulate(internal, execution_terms) RETURNS internal
    AS 'MODULE_PATHNAME', 'sum_net_money_accumulate' LANGUAGE C IMMUTABLE PARALLEL SAFE;
-- Part of the aggregate sum_net_money.
CREATE FUNCTION bakkt_ledger_internal.sum_net_money_remove(internal, execution_terms) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE bakkt_ledger_internal.sum_net_money(execution_terms) (
    SFUNC = sum_net_money_accumulate, STYPE = internal, SSPACE = 32, FINALFUNC = terms_sum_final,
    COMBINEFUNC = terms_sum_combine, SERIALFUNC = terms_sum_serialize, DESERIALFUNC = terms_sum_deserialize,
    MSFUNC = sum_net_money_accumulate, MINVFUNC = sum_net_money_remove, MSTYPE = internal, MSSPACE = 32,
    MFINALFUNC = terms_sum_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum_net_money(execution_terms) IS
'Sum over executions of the customers'' money, positive = they or their client owe; a busted execution and its bust add to
nothing. NULLs are skipped; LG004 when assets differ.';

-- Part of the aggregate sum_provider_money.
CREATE FUNCTION bakkt_ledger_internal.sum_provider_money_accumulate(internal, execution_terms) RETURNS internal
    AS 'MODULE_PATHNAME', 'sum_provider_money_accumulate' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE bakkt_ledger_internal.sum_provider_money(execution_terms) (
    SFUNC = sum_provider_money_accumulate, STYPE = internal, SSPACE = 32, FINALFUNC = terms_sum_final,
    COMBINEFUNC = terms_sum_combine, SERIALFUNC = terms_sum_serialize, DESERIALFUNC = terms_sum_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum_provider_money(execution_terms) IS
'Sum over executions of the providers'' money, positive = they are paid. NULLs are skipped; LG004 when assets differ.';

-- Part of the aggregate sum_signed_quantity.
CREATE FUNCTION bakkt_ledger_internal.sum_signed_quantity_accumulate(internal, execution_terms) RETURNS internal
    AS 'MODULE_PATHNAME', 'sum_quantity_accumulate' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE bakkt_ledger_internal.sum_signed_quantity(execution_terms) (
    SFUNC = sum_signed_quantity_accumulate, STYPE = internal, SSPACE = 32, FINALFUNC = terms_sum_final,
    COMBINEFUNC = terms_sum_combine, SERIALFUNC = terms_sum_serialize, DESERIALFUNC = terms_sum_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum_signed_quantity(execution_terms) IS
'Sum over executions of the quantity, positive = customers received coin. NULLs are skipped; LG004 when assets differ.';

-- Part of the aggregate sum_revenue.
CREATE FUNCTION bakkt_ledger_internal.sum_revenue_accumulate(internal, execution_terms) RETURNS internal
    AS 'MODULE_PATHNAME', 'sum_revenue_accumulate' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE bakkt_ledger_internal.sum_revenue(execution_terms) (
    SFUNC = sum_revenue_accumulate, STYPE = internal, SSPACE = 32, FINALFUNC = terms_sum_final,
    COMBINEFUNC = terms_sum_combine, SERIALFUNC = terms_sum_serialize, DESERIALFUNC = terms_sum_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum_revenue(execution_terms) IS
'Sum over executions of the revenue before the clients'' shares. NULLs are skipped; LG004 when assets differ.';

-- Part of the aggregate sum_revenue_share.
CREATE FUNCTION bakkt_ledger_internal.sum_revenue_share_accumulate(internal, execution_terms) RETURNS internal
    AS 'MODULE_PATHNAME', 'sum_revenue_share_accumulate' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE bakkt_ledger_internal.sum_revenue_share(execution_terms) (
    SFUNC = sum_revenue_share_accumulate, STYPE = internal, SSPACE = 32, FINALFUNC = terms_sum_final,
    COMBINEFUNC = terms_sum_combine, SERIALFUNC = terms_sum_serialize, DESERIALFUNC = terms_sum_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum_revenue_share(execution_terms) IS
'Sum over executions of the clients'' shares of the revenue. NULLs are skipped; LG004 when assets differ.';

-- Part of the aggregate sum_exact_share.
CREATE FUNCTION bakkt_ledger_internal.sum_exact_share_accumulate(internal, execution_terms) RETURNS internal
    AS 'MODULE_PATHNAME', 'sum_exact_share_accumulate' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE bakkt_ledger_internal.sum_exact_share(execution_terms) (
    SFUNC = sum_exact_share_accumulate, STYPE = internal, SSPACE = 32, FINALFUNC = terms_sum_final,
    COMBINEFUNC = terms_sum_combine, SERIALFUNC = terms_sum_serialize, DESERIALFUNC = terms_sum_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum_exact_share(execution_terms) IS
'Ten thousand times the sum over executions of the clients'' exact shares of the revenue, so that nothing is rounded. NULLs are
skipped; LG004 when assets differ.';

-- Part of the aggregate sum_fee.
CREATE FUNCTION bakkt_ledger_internal.sum_fee_accumulate(internal, execution_terms) RETURNS internal
    AS 'MODULE_PATHNAME', 'sum_fee_accumulate' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE bakkt_ledger_internal.sum_fee(execution_terms) (
    SFUNC = sum_fee_accumulate, STYPE = internal, SSPACE = 32, FINALFUNC = terms_sum_final,
    COMBINEFUNC = terms_sum_combine, SERIALFUNC = terms_sum_serialize, DESERIALFUNC = terms_sum_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum_fee(execution_terms) IS
'Sum over executions of the itemized trade fees. NULLs are skipped; LG004 when assets differ.';
