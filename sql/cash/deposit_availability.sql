-- When a credited ACH deposit becomes available.
-- Refuses days beyond the calendar (LG075).
-- Locks nothing.

-- When the availability hold of a deposit credited at the instant expires: 08:30 Eastern, so many
-- business days after the business day of the credit as the client's terms say. The receiving bank
-- may return until the opening of the second banking day, and its returns are in the morning's
-- first settlement, at 08:30 Eastern. LG075 beyond the calendar.
CREATE FUNCTION bakkt_ledger_internal.deposit_available_at(holder integer, credited timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    day date := value_date('FEDWIRE', credited);
BEGIN
    FOR i IN 1 .. (cash_terms_of(holder)).availability_days LOOP
        day := next_business_day('FEDWIRE', day);
    END LOOP;
    RETURN greatest(credited, (day + time '08:30') AT TIME ZONE 'America/New_York');
END;
$$;
