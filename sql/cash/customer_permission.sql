-- What a customer may do with cash, by mode and party status.
-- Refuses deposits and withdrawals that these do not allow (LG013).
-- Locks nothing.

CREATE FUNCTION bakkt_ledger_internal.party_may(mode text, party_status text, direction text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE direction
        WHEN 'DEPOSIT' THEN mode = 'OPEN' AND party_status = 'ACTIVE'
        WHEN 'WITHDRAWAL' THEN mode IN ('OPEN', 'CLOSING_ONLY') AND party_status IN ('ACTIVE', 'LIQUIDATED')
        ELSE false END;
COMMENT ON FUNCTION party_may(text, text, text) IS
    'Whether a customer of this mode and party status may ask for a DEPOSIT or a WITHDRAWAL of cash. What a bank has done is '
    'recorded whatever their state.';

CREATE FUNCTION bakkt_ledger_internal.require_party_may(customer_id bigint, direction text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    asking  customer;
BEGIN
    SELECT c.* INTO STRICT asking FROM customer c WHERE c.customer_id = require_party_may.customer_id;
    IF NOT party_may(asking.mode, asking.party_status, direction) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG013',
            MESSAGE = format('customer "%s" may make no %s', asking.account_code, lower(direction)),
            DETAIL = format('Mode %s, party status %s.', asking.mode, asking.party_status),
            HINT = 'An administrator changes mode and status with change_customer().';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_party_may(bigint, text) IS 'Internal: raises LG013 unless party_may().';
