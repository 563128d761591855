-- Instruments: which asset trades for which, and in which steps of price and quantity.
-- Refuses unknown (LG015), malformed (LG002) and contradicting (LG020) ones, and steps that do not
-- fit the assets (LG042, LG043, LG045).
-- Locks the instrument's row to change it.

CREATE TABLE bakkt_ledger_internal.instrument (
    instrument_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol              text NOT NULL UNIQUE CHECK (symbol ~ '^[A-Z0-9._-]{2,21}$'),
    base                asset NOT NULL REFERENCES supported_asset,
    quote               asset NOT NULL REFERENCES supported_asset,
    price_increment     price NOT NULL,
    quantity_increment  amount NOT NULL,
    minimum_quantity    amount NOT NULL,
    minimum_notional    amount NOT NULL,
    status              text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'retired')),
    opened_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (base, quote)
);
COMMENT ON TABLE instrument IS 'What can be traded: a base asset for a quote asset, with the steps of price and quantity.';
SELECT pg_catalog.pg_extension_config_dump('instrument', '');
SELECT pg_catalog.pg_extension_config_dump('instrument_instrument_id_seq', '');

-- ---------------------------------------------------------------------------
-- Instruments
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger_internal.check_step(what text, step amount, asset asset) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    decimals    constant integer := (SELECT a.scale FROM supported_asset a WHERE a.asset = check_step.asset);
BEGIN
    IF step IS NULL THEN
        PERFORM refuse_invalid(format('%s is missing', what));
    ELSIF asset(step) <> asset THEN
        RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('%s must be in %s', what, asset), DETAIL = format('It is %s.', step);
    ELSIF sign(step) <= 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'LG045', MESSAGE = format('%s must be positive', what), DETAIL = format('It is %s.', step);
    ELSIF NOT fits_decimals(step, decimals) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG043', MESSAGE = format('%s is finer than its asset', what),
            DETAIL = format('It is %s; %s has %s decimals.', step, asset, decimals);
    END IF;
END;
$$;
COMMENT ON FUNCTION check_step(text, amount, asset) IS
    'Internal: raises LG042, LG045 or LG043 unless the step is a positive amount of the asset within its decimals.';

CREATE FUNCTION bakkt_ledger_internal.check_instrument(candidate instrument) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
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
        RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('price increment must be in %s/%s', candidate.quote, candidate.base),
            DETAIL = format('It is %s.', candidate.price_increment);
    ELSIF value(candidate.price_increment) <= 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'LG045', MESSAGE = 'price increment must be positive',
            DETAIL = format('It is %s.', candidate.price_increment);
    END IF;
    PERFORM check_step('quantity increment', candidate.quantity_increment, candidate.base);
    PERFORM check_step('minimum quantity', candidate.minimum_quantity, candidate.base);
    PERFORM check_step('minimum notional', candidate.minimum_notional, candidate.quote);
END;
$$;
COMMENT ON FUNCTION check_instrument(instrument) IS
    'Internal: raises LG002, LG042, LG043 or LG045 for the first thing that is wrong with an instrument.';

CREATE FUNCTION bakkt_ledger.open_instrument(
    symbol              text,
    base                asset,
    quote               asset,
    price_increment     price,
    quantity_increment  amount,
    minimum_quantity    amount DEFAULT NULL,
    minimum_notional    amount DEFAULT NULL,
    reference           text DEFAULT NULL)
    RETURNS integer
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    candidate   instrument;
    opened      instrument;
    request     jsonb;
BEGIN
    PERFORM load_shipped_assets();
    PERFORM require_asset(open_instrument.base);
    PERFORM require_asset(open_instrument.quote);
    candidate.symbol := open_instrument.symbol;
    candidate.base := open_instrument.base;
    candidate.quote := open_instrument.quote;
    candidate.price_increment := open_instrument.price_increment;
    candidate.quantity_increment := open_instrument.quantity_increment;
    candidate.minimum_quantity := coalesce(open_instrument.minimum_quantity, open_instrument.quantity_increment);
    candidate.minimum_notional := coalesce(open_instrument.minimum_notional, amount(1, open_instrument.quote));
    PERFORM bounded_wait(), check_instrument(candidate);
    INSERT INTO instrument AS i (symbol, base, quote, price_increment, quantity_increment, minimum_quantity, minimum_notional)
    VALUES (candidate.symbol, candidate.base, candidate.quote, candidate.price_increment, candidate.quantity_increment,
            candidate.minimum_quantity, candidate.minimum_notional)
    ON CONFLICT DO NOTHING
    RETURNING i.* INTO opened;
    IF opened.instrument_id IS NOT NULL THEN
        PERFORM record_change('instrument', opened.symbol, NULL, to_jsonb(opened), NULL, open_instrument.reference);
        RETURN opened.instrument_id;
    END IF;
    SELECT i.* INTO opened FROM instrument i
    WHERE i.symbol = candidate.symbol OR (i.base = candidate.base AND i.quote = candidate.quote)
    ORDER BY i.symbol = candidate.symbol DESC LIMIT 1;
    request := to_jsonb(candidate) - ARRAY['instrument_id', 'status', 'opened_at'];
    PERFORM refuse_other_content('instrument', opened.symbol,
        coalesce((SELECT l.after FROM change_log l WHERE l.object_kind = 'instrument' AND l.object_key = opened.symbol AND l.before IS NULL),
                 to_jsonb(opened)), request);
    RETURN opened.instrument_id;
END;
$$;
COMMENT ON FUNCTION open_instrument(text, asset, asset, price, amount, amount, amount, text) IS
    'Opens an instrument and returns its identifier. Minimum quantity defaults to the quantity increment, minimum notional to 1 '
    'of the quote asset. The same content again returns the same; other content, or another symbol for the same pair, raises '
    'LG020. Raises LG002, LG040, LG041, LG042, LG043, LG045.';

CREATE FUNCTION bakkt_ledger.change_instrument(
    symbol              text,
    price_increment     price DEFAULT NULL,
    quantity_increment  amount DEFAULT NULL,
    minimum_quantity    amount DEFAULT NULL,
    minimum_notional    amount DEFAULT NULL,
    status              text DEFAULT NULL,
    reason              text DEFAULT NULL,
    reference           text DEFAULT NULL)
    RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    before  instrument;
    after   instrument;
    request jsonb;
BEGIN
    PERFORM bounded_wait(), load_shipped_assets();
    SELECT i.* INTO before FROM instrument i WHERE i.symbol = change_instrument.symbol FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG015',
            MESSAGE = format('instrument "%s" does not exist', coalesce(change_instrument.symbol, 'NULL')),
            HINT = 'Open it with open_instrument().';
    END IF;
    request := jsonb_strip_nulls(jsonb_build_object('price_increment', change_instrument.price_increment,
        'quantity_increment', change_instrument.quantity_increment, 'minimum_quantity', change_instrument.minimum_quantity,
        'minimum_notional', change_instrument.minimum_notional, 'status', change_instrument.status));
    IF changed_before('instrument', before.symbol, change_instrument.reference, request) THEN
        RETURN;
    END IF;
    after := jsonb_populate_record(before, request);
    PERFORM check_instrument(after);
    IF after.status NOT IN ('active', 'retired') THEN
        PERFORM refuse_invalid('instrument status is not known', format('Status: "%s".', after.status), 'One of active, retired.');
    ELSIF to_jsonb(after) = to_jsonb(before) THEN
        RETURN;
    END IF;
    UPDATE instrument AS i SET price_increment = after.price_increment, quantity_increment = after.quantity_increment,
        minimum_quantity = after.minimum_quantity, minimum_notional = after.minimum_notional, status = after.status
    WHERE i.instrument_id = before.instrument_id;
    PERFORM record_change('instrument', before.symbol, to_jsonb(before), to_jsonb(after), NULL,
                          change_instrument.reference, change_instrument.reason);
END;
$$;
COMMENT ON FUNCTION change_instrument(text, price, amount, amount, amount, text, text, text) IS
    'Changes the steps, minimums or status (active, retired) of an instrument; NULL leaves them. Trades made before are not '
    'touched. Raises LG015, LG002, LG020, LG042, LG043, LG045.';

CREATE FUNCTION bakkt_ledger.retire_instrument(symbol text, reason text DEFAULT NULL, reference text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT change_instrument($1, status => 'retired', reason => $2, reference => $3)
$$;
COMMENT ON FUNCTION retire_instrument(text, text, text) IS
    'No new trades in the instrument. Retiring again is no error. Raises LG015.';
