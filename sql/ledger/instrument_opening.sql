-- Instruments are opened, changed and retired.
-- Refuses what instrument.sql says of their steps, an instrument that does not exist (LG015), and
-- to retire one without which a claim could not be sold (LG039).
-- Locks: the instrument's row; whoever retires one, before it what asset_claim.sql says.

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
'Opens an instrument.
minimum_quantity: the quantity increment unless given. minimum_notional: 1 of the quote asset unless given.
The same content again returns the same; other content, or another symbol for the same pair, is LG020.
Errors: LG002, LG020, LG040, LG041, LG042, LG043, LG045.';

-- LG039 or LG041 unless an instrument may go to another status: only one without which nobody's
-- claim is left unsold ends, and none begins again whose asset has ended.
CREATE FUNCTION bakkt_ledger_internal.check_instrument_status(changed instrument, wanted text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF wanted = 'RETIRED' THEN
        PERFORM require_instrument_needless(changed);
    ELSE
        PERFORM require_asset(changed.base), require_asset(changed.quote);
    END IF;
END;
$$;

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
    PERFORM FROM supported_asset AS a  -- before the instrument, as retire_asset() does
    WHERE change_instrument.status = 'RETIRED'
      AND a.asset = (SELECT i.base FROM instrument AS i WHERE i.symbol = change_instrument.symbol)
    FOR NO KEY UPDATE;
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
    IF after.status <> before.status THEN
        PERFORM check_instrument_status(before, after.status);
    END IF;
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
'Changes the steps, minimums or status of an instrument; NULL leaves them.
status: ACTIVE; CLOSE_ONLY: only sales; HALTED, for now, and WITHDRAW_ONLY, for good: no trades; RETIRED: as retire_instrument().
Busts and corrections of trades made before pass in all of them. Trades made before are not touched. Repeating a reference is no
second change; LG020 when its content differs.
Errors: LG002, LG015, LG020, LG039, LG041 one of its assets is retired, LG042, LG043, LG045.';

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
It is refused while somebody has a claim in its base asset and could sell it in no other instrument: let everybody sell first
(CLOSE_ONLY), or leave it WITHDRAW_ONLY.
Errors: LG015, LG020, LG039, 25001 not in a READ COMMITTED transaction.';
