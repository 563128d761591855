-- Instruments: what can be traded.

CREATE TABLE bakkt_ledger_internal.instrument (
    instrument_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol text NOT NULL UNIQUE CHECK (symbol ~ '^[A-Z0-9._-]{2,21}$'),
    base asset NOT NULL REFERENCES supported_asset,
    quote asset NOT NULL REFERENCES supported_asset,
    price_increment price NOT NULL,
    quantity_increment amount NOT NULL,
    minimum_quantity amount NOT NULL,
    minimum_notional amount NOT NULL,
    status text NOT NULL DEFAULT 'ACTIVE' REFERENCES trading_status,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (base, quote)
);
COMMENT ON COLUMN instrument.status IS 'Which trades it takes: trading_status. Those of its assets count as well.';
COMMENT ON TABLE instrument IS 'What can be traded: a base asset for a quote asset, with the steps of price and quantity.';
SELECT pg_catalog.pg_extension_config_dump('instrument', '');
SELECT pg_catalog.pg_extension_config_dump('instrument_instrument_id_seq', '');
INSERT INTO subject (subject, key) VALUES ('instrument', '{symbol}');
INSERT INTO transition (subject, from_status, event, to_status)
SELECT 'instrument', f.status, 'changed', t.status
FROM trading_status AS f
JOIN trading_status AS t ON t.status <> f.status;

-- LG002, LG042, LG045 or LG043 unless the step is a positive amount of the asset within its
-- decimals.
CREATE FUNCTION bakkt_ledger_internal.check_step(what text, step amount, unit asset) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    decimals constant integer := (SELECT a.scale FROM supported_asset AS a WHERE a.asset = unit);
BEGIN
    IF step IS NULL THEN
        PERFORM refuse_invalid(format('%s is missing', what));
    ELSIF asset(step) <> unit THEN
        PERFORM refuse('LG042', format('%s must be in %s', what, unit), format('It is %s.', step));
    ELSIF sign(step) <= 0 THEN
        PERFORM refuse('LG045', format('%s must be positive', what), format('It is %s.', step));
    ELSIF NOT fits_decimals(step, decimals) THEN
        PERFORM refuse('LG043', format('%s is finer than its asset', what),
                       format('It is %s; %s has %s decimals.', step, unit, decimals));
    END IF;
END;
$$;

-- LG002, LG042, LG043 or LG045 naming what is wrong with an instrument.
CREATE FUNCTION bakkt_ledger_internal.check_instrument(candidate instrument) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF candidate.symbol IS NULL OR candidate.symbol !~ '^[A-Z0-9._-]{2,21}$' THEN
        PERFORM refuse_invalid('symbol must be 2 to 21 capital letters or digits', format('Symbol: "%s".', candidate.symbol));
    ELSIF candidate.base = candidate.quote THEN
        PERFORM refuse_invalid('an asset cannot be traded for itself', format('Asset: %s.', candidate.base));
    ELSIF candidate.price_increment IS NULL THEN
        PERFORM refuse_invalid('price increment is missing');
    ELSIF quote(candidate.price_increment) <> candidate.quote OR base(candidate.price_increment) <> candidate.base THEN
        PERFORM refuse('LG042', format('price increment must be in %s/%s', candidate.quote, candidate.base),
                       format('It is %s.', candidate.price_increment));
    ELSIF value(candidate.price_increment) <= 0 THEN
        PERFORM refuse('LG045', 'price increment must be positive', format('It is %s.', candidate.price_increment));
    END IF;
    PERFORM require_trading_status('instrument', coalesce(candidate.status, 'ACTIVE')),
            check_step('quantity increment', candidate.quantity_increment, candidate.base),
            check_step('minimum quantity', candidate.minimum_quantity, candidate.base),
            check_step('minimum notional', candidate.minimum_notional, candidate.quote);
END;
$$;
