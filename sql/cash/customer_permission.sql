-- What a customer may do with cash, by mode and party status.
-- Refuses deposits and withdrawals that these do not allow (LG013).
-- Locks nothing.

-- Whether a customer of this mode and party status may ask for a DEPOSIT or a WITHDRAWAL of cash.
-- What the bank has done is recorded for everybody.
CREATE FUNCTION bakkt_ledger_internal.customer_may(its_mode text, its_status text, wish text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE wish
        WHEN 'DEPOSIT' THEN its_mode = 'OPEN' AND its_status = 'ACTIVE'
        WHEN 'WITHDRAWAL' THEN its_mode IN ('OPEN', 'CLOSING_ONLY') AND its_status IN ('ACTIVE', 'LIQUIDATED')
        ELSE false END;

-- LG013 unless customer_may(); the customer's row is locked.
CREATE FUNCTION bakkt_ledger_internal.require_customer_may(asking customer, wish text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT customer_may(asking.mode, asking.party_status, wish) THEN
        PERFORM refuse('LG013', format('customer "%s" may make no %s', asking.customer_code, lower(wish)),
                       format('Mode %s, party status %s.', asking.mode, asking.party_status),
                       'An administrator changes mode and status with change_customer().');
    END IF;
END;
$$;
