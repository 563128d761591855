-- Aggregates that net obligations: usable by any query.

CREATE TYPE bakkt_ledger.net_position AS (counterparty text, amount amount);
COMMENT ON TYPE net_position IS
'What a counterparty owes all others in one asset, net: positive = it owes, negative = it is owed.';

CREATE TYPE bakkt_ledger.net_payment AS (payer text, payee text, amount amount);
COMMENT ON TYPE net_payment IS
'What is left between two counterparties in one asset: the payer owes the payee a positive amount.';

-- Step of net_obligations() and net_bilateral().
CREATE FUNCTION bakkt_ledger_internal.net_accumulate(internal, text, text, amount) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
-- Joins two states of net_obligations() or net_bilateral().
CREATE FUNCTION bakkt_ledger_internal.net_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
-- State of net_obligations() or net_bilateral() on its way between processes.
CREATE FUNCTION bakkt_ledger_internal.net_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
-- Reads what net_serialize() wrote.
CREATE FUNCTION bakkt_ledger_internal.net_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
-- Result of net_obligations().
CREATE FUNCTION bakkt_ledger_internal.net_multilateral_final(internal) RETURNS net_position[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
-- Result of net_bilateral().
CREATE FUNCTION bakkt_ledger_internal.net_bilateral_final(internal) RETURNS net_payment[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE AGGREGATE bakkt_ledger.net_obligations(payer text, payee text, amount amount) (
    SFUNC = net_accumulate, STYPE = internal, SSPACE = 4096,
    COMBINEFUNC = net_combine, SERIALFUNC = net_serialize, DESERIALFUNC = net_deserialize,
    FINALFUNC = net_multilateral_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE net_obligations(text, text, amount) IS
'Multilateral net of obligations: one position per counterparty and asset, sorted; positive = it owes.
The positions of an asset always sum to zero (I15). NULL amounts are skipped, and a negative one turns the obligation round.
NULL of no rows.
Errors: LG002 an amount without payer or payee.';

CREATE AGGREGATE bakkt_ledger.net_bilateral(payer text, payee text, amount amount) (
    SFUNC = net_accumulate, STYPE = internal, SSPACE = 4096,
    COMBINEFUNC = net_combine, SERIALFUNC = net_serialize, DESERIALFUNC = net_deserialize,
    FINALFUNC = net_bilateral_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE net_bilateral(text, text, amount) IS
'Bilateral net of obligations: at most one payment per pair of counterparties and asset, sorted, amounts positive.
Pairs that are even are left out. NULL of no rows.
Errors: LG002 an amount without payer or payee.';
