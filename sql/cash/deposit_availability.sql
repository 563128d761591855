-- When a credited ACH deposit becomes available.
-- Refuses days beyond the calendar (LG075).
-- Locks nothing.

-- The receiving bank may return an entry until the second banking day opens, and such returns are
-- in that morning's first settlement, at 08:30 Eastern.
CREATE FUNCTION bakkt_ledger_internal.deposit_available_at(client_id integer, credited_at timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    day     date := value_date('FEDWIRE', credited_at);
BEGIN
    FOR i IN 1 .. (cash_terms_of(client_id)).availability_days LOOP
        day := next_business_day('FEDWIRE', day);
    END LOOP;
    RETURN greatest(credited_at, (day + time '08:30') AT TIME ZONE 'America/New_York');
END;
$$;
COMMENT ON FUNCTION deposit_available_at(integer, timestamptz) IS
    'Internal: when the availability hold of a deposit credited at the instant expires: 08:30 Eastern, as many business days '
    'after the business day of the credit as the client''s terms say. LG075 beyond the calendar.';
