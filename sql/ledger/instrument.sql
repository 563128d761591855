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
    status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'RETIRED')),
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (base, quote)
);
COMMENT ON TABLE instrument IS 'What can be traded: a base asset for a quote asset, with the steps of price and quantity.';
SELECT pg_catalog.pg_extension_config_dump('instrument', '');
SELECT pg_catalog.pg_extension_config_dump('instrument_instrument_id_seq', '');
INSERT INTO subject (subject, key) VALUES ('instrument', '{symbol}');
INSERT INTO transition (subject, from_status, event, to_status) VALUES
    ('instrument', 'ACTIVE', 'changed', 'RETIRED'),
    ('instrument', 'RETIRED', 'changed', 'ACTIVE');

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
    ELSIF coalesce(candidate.status, 'ACTIVE') NOT IN ('ACTIVE', 'RETIRED') THEN
        PERFORM refuse_invalid('instrument status is not known', format('Status: "%s".', candidate.status),
                               'One of ACTIVE, RETIRED.');
    END IF;
    PERFORM check_step('quantity increment', candidate.quantity_increment, candidate.base),
            check_step('minimum quantity', candidate.minimum_quantity, candidate.base),
            check_step('minimum notional', candidate.minimum_notional, candidate.quote);
END;
$$;

CREATE FUNCTION bakkt_ledger.open_instrument(symbol text, base asset, quote asset, price_increment price,
                                             quantity_increment amount, minimum_quantity amount DEFAULT NULL,
                                             minimum_notional amount DEFAULT NULL, reference text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    candidate instrument;
    present instrument;
    fresh boolean;
BEGIN
    PERFORM load_shipped_assets();
    PERFORM require_asset(base), require_asset(quote);
    candidate.symbol := symbol;
    candidate.base := base;
    candidate.quote := quote;
    candidate.price_increment := price_increment;
    candidate.quantity_increment := quantity_increment;
    candidate.minimum_quantity := coalesce(minimum_quantity, quantity_increment);
    candidate.minimum_notional := coalesce(minimum_notional, amount(1, quote));
    PERFORM bounded_wait(), check_instrument(candidate);
    INSERT INTO instrument AS i (symbol, base, quote, price_increment, quantity_increment, minimum_quantity, minimum_notional)
    VALUES (candidate.symbol, candidate.base, candidate.quote, candidate.price_increment, candidate.quantity_increment,
            candidate.minimum_quantity, candidate.minimum_notional)
    ON CONFLICT DO NOTHING
    RETURNING i.* INTO present;
    fresh := FOUND;
    IF NOT fresh THEN
        SELECT i.* INTO STRICT present
        FROM instrument AS i
        WHERE i.symbol = candidate.symbol OR (i.base = candidate.base AND i.quote = candidate.quote)
        ORDER BY i.symbol = candidate.symbol DESC LIMIT 1;
    END IF;
    RETURN record_opening('open_instrument', 0, reference,
                          to_jsonb(candidate) - ARRAY['instrument_id', 'status', 'opened_at'], fresh, present,
                          present.opened_at);
END;
$$;
COMMENT ON FUNCTION open_instrument IS
'Opens an instrument and returns its identifier.
minimum_quantity: the quantity increment unless given. minimum_notional: 1 of the quote asset unless given.
The same content again returns the same; other content, or another symbol for the same pair, is LG020.
Errors: LG002, LG020, LG040, LG041, LG042, LG043, LG045.';

CREATE FUNCTION bakkt_ledger.change_instrument(symbol text, price_increment price DEFAULT NULL,
                                               quantity_increment amount DEFAULT NULL, minimum_quantity amount DEFAULT NULL,
                                               minimum_notional amount DEFAULT NULL, status text DEFAULT NULL,
                                               reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked request;
    before instrument;
    after instrument;
BEGIN
    PERFORM bounded_wait(), load_shipped_assets();
    SELECT i.* INTO before FROM instrument AS i WHERE i.symbol = change_instrument.symbol FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('LG015', format('instrument "%s" does not exist', coalesce(symbol, 'NULL')), NULL,
                       'Open it with open_instrument().', jsonb_build_object('symbol', symbol));
    END IF;
    asked := open_change('change_instrument', 'instrument', 0, reference,
                         jsonb_build_object('symbol', symbol, 'price_increment', price_increment,
                                            'quantity_increment', quantity_increment, 'minimum_quantity', minimum_quantity,
                                            'minimum_notional', minimum_notional, 'status', status));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    after := jsonb_populate_record(before, jsonb_strip_nulls(asked.content));
    PERFORM check_instrument(after);
    UPDATE instrument AS i
    SET price_increment = after.price_increment,
        quantity_increment = after.quantity_increment,
        minimum_quantity = after.minimum_quantity,
        minimum_notional = after.minimum_notional,
        status = after.status
    WHERE i.instrument_id = before.instrument_id;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_instrument IS
'Changes the steps, minimums or status (ACTIVE, RETIRED) of an instrument; NULL leaves them.
Trades made before are not touched. Repeating a reference is no second change; LG020 when its content differs.
Errors: LG002, LG015, LG020, LG042, LG043, LG045.';

CREATE FUNCTION bakkt_ledger.retire_instrument(symbol text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN change_instrument(symbol, status => 'RETIRED',
                             reference => retire_instrument.reference, reason => retire_instrument.reason);
END;
$$;
COMMENT ON FUNCTION retire_instrument IS
'Ends trading in an instrument; retiring again is no error.
Errors: LG015, LG020.';
