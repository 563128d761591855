-- Instants: how far ahead of the clock one may lie, and how one is written as text.
-- Refuses an instant more than five minutes ahead (LG061) and an infinite one (LG002).

-- An instant ahead of the clock would let a caller expire holds that still bind.
CREATE FUNCTION bakkt_ledger_internal.require_not_ahead(at timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF at IS NULL OR at > clock_timestamp() + interval '5 minutes' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG061', MESSAGE = 'the instant lies in the future',
            HINT = 'It may lie at most five minutes ahead of the clock.';
    END IF;
END;
$$;

-- An infinite instant would remain in journals and timestamps that nobody can change.
CREATE FUNCTION bakkt_ledger_internal.require_instant(at timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LG061', MESSAGE = 'an instant is needed', HINT = 'Leave the argument out for now.';
    END IF;
    PERFORM require_not_ahead(at);
    IF NOT isfinite(at) THEN
        PERFORM refuse_invalid('the instant must be finite', format('Instant: %s.', at), 'Leave the argument out for now.');
    END IF;
END;
$$;

-- How much later than its sealing a journal known to a horizon may be effective. Posting allows
-- five minutes (LG061); the rest allows for clocks that are set back.
CREATE FUNCTION bakkt_ledger_internal.execution_time_ahead() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN interval '1 hour';

-- An instant as text that depends on no setting, for comparisons and messages.
CREATE FUNCTION bakkt_ledger_internal.instant_text(moment timestamptz) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN isfinite(moment) THEN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"Z"')
                ELSE moment::text END;

-- Whole days between two instants, 24 hours each, negative when the first is the later one.
CREATE FUNCTION bakkt_ledger_internal.days_since(since timestamptz, moment timestamptz) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trunc(extract(epoch FROM moment - since) / 86400)::integer;
