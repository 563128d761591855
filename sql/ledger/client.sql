-- Clients (correspondents): the platforms whose customers trade.

CREATE TABLE bakkt_ledger_internal.client (
    client_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Z0-9]{1,8}$'),
    name text,
    funding_model text NOT NULL CHECK (funding_model IN ('BAKKT_TPJ', 'NET_SETTLEMENT', 'APEX_TPJ', 'NO_SETTLEMENT')),
    commission_model text NOT NULL CHECK (commission_model IN ('MARKUP', 'TRADE_FEE', 'BOTH')),
    revenue_share_bps integer NOT NULL CHECK (revenue_share_bps BETWEEN 0 AND 10000),
    status text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'CLOSED')),
    cut_time time NOT NULL DEFAULT '09:00' CHECK (cut_time < '24:00'),
    zone text NOT NULL DEFAULT 'America/Chicago',
    sign_convention text NOT NULL DEFAULT 'CLIENT_OWES' CHECK (sign_convention IN ('CLIENT_OWES', 'CLIENT_IS_OWED')),
    price_concession_bps integer NOT NULL DEFAULT 0 CHECK (price_concession_bps BETWEEN 0 AND 10000),
    price_band_bps integer NOT NULL DEFAULT 5000 CHECK (price_band_bps BETWEEN 0 AND 1000000),
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    first_trading_day date NOT NULL CHECK (isfinite(first_trading_day))
);
COMMENT ON TABLE client IS 'A client (correspondent): the platform whose customers trade. Every ledger row belongs to one.';
COMMENT ON COLUMN client.funding_model IS 'Which cash leg a trade has: BAKKT_TPJ, NET_SETTLEMENT, APEX_TPJ or NO_SETTLEMENT.';
COMMENT ON COLUMN client.commission_model IS 'MARKUP (in the price), TRADE_FEE (itemised) or BOTH.';
COMMENT ON COLUMN client.revenue_share_bps IS 'The client''s share of revenue, in hundredths of a percent.';
COMMENT ON COLUMN client.price_concession_bps IS
'By how much a customer''s price may be worse for the company than the provider''s, in hundredths of a percent (LG048).';
COMMENT ON COLUMN client.price_band_bps IS
'How far a provider''s price may lie from its last execution in the instrument, in hundredths of a percent (LG049); zero:
anywhere.';
COMMENT ON COLUMN client.cut_time IS 'Local time at which the settlement window ends, in the zone of the client.';
COMMENT ON COLUMN client.sign_convention IS 'What a positive net settlement means in printed files.';
COMMENT ON COLUMN client.first_trading_day IS
'Local date before which nothing can have been executed: its windows begin there at the earliest.';
SELECT pg_catalog.pg_extension_config_dump('client', '');
SELECT pg_catalog.pg_extension_config_dump('client_client_id_seq', '');
INSERT INTO subject (subject, key) VALUES ('client', '{code}');
INSERT INTO transition (subject, from_status, event, to_status) VALUES ('client', 'OPEN', 'closed', 'CLOSED');

-- ---------------------------------------------------------------------------
-- What its terms may be
-- ---------------------------------------------------------------------------

-- LG002 unless the text names a time zone of the database.
CREATE FUNCTION bakkt_ledger_internal.check_zone(zone text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    -- abbreviations and offsets know no daylight saving: refused as no zone at all
    PERFORM timestamptz 'epoch' AT TIME ZONE CASE WHEN zone ~ '^([A-Za-z_]+(/[A-Za-z_+-]+)+|UTC)$' THEN zone ELSE '' END;
EXCEPTION WHEN invalid_parameter_value THEN
    PERFORM refuse_invalid('zone is not the name of a time zone', format('Zone: "%s".', zone),
                           'Give a region and city, as America/Chicago.');
END;
$$;

-- LG002 naming the first term of a client that is not valid.
CREATE FUNCTION bakkt_ledger_internal.check_client(terms client) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM check_funding_model(coalesce(terms.funding_model, ''));
    IF terms.commission_model IS NULL OR terms.commission_model NOT IN ('MARKUP', 'TRADE_FEE', 'BOTH') THEN
        PERFORM refuse_invalid('commission model is not known', format('Commission model: "%s".', terms.commission_model),
                               'One of MARKUP, TRADE_FEE, BOTH.');
    ELSIF terms.revenue_share_bps IS NULL OR terms.revenue_share_bps NOT BETWEEN 0 AND 10000 THEN
        PERFORM refuse_invalid('revenue share is out of range', format('Revenue share: %s bps.', terms.revenue_share_bps),
                               'Between 0 and 10000.');
    ELSIF terms.cut_time IS NULL OR terms.cut_time >= time '24:00' THEN
        PERFORM refuse_invalid('cut time is missing or out of range');
    ELSIF terms.sign_convention IS NULL OR terms.sign_convention NOT IN ('CLIENT_OWES', 'CLIENT_IS_OWED') THEN
        PERFORM refuse_invalid('sign convention is not known', format('Sign convention: "%s".', terms.sign_convention),
                               'One of CLIENT_OWES, CLIENT_IS_OWED.');
    ELSIF terms.sign_convention <> 'CLIENT_OWES' THEN
        -- until the net settlement file prints by it, it would promise what nothing does
        PERFORM refuse_invalid('sign convention cannot be changed yet',
                               'No file is printed by it: a positive net settlement is what the client owes.', 'Leave it out.');
    ELSIF terms.price_concession_bps NOT BETWEEN 0 AND 10000 THEN
        PERFORM refuse_invalid('price concession is out of range',
                               format('Price concession: %s bps.', terms.price_concession_bps),
                               'Between 0 and 10000.');
    ELSIF terms.price_band_bps NOT BETWEEN 0 AND 1000000 THEN
        PERFORM refuse_invalid('price band is out of range', format('Price band: %s bps.', terms.price_band_bps),
                               'Between 1 and 1000000, or 0 for none.');
    END IF;
    PERFORM check_zone(terms.zone);
END;
$$;

-- LG002 unless the funding model is known; NULL is none.
CREATE FUNCTION bakkt_ledger_internal.check_funding_model(model text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF model NOT IN ('BAKKT_TPJ', 'NET_SETTLEMENT', 'APEX_TPJ', 'NO_SETTLEMENT') THEN
        PERFORM refuse_invalid('funding model is not known', format('Funding model: "%s".', model),
                               'One of BAKKT_TPJ, NET_SETTLEMENT, APEX_TPJ, NO_SETTLEMENT.');
    END IF;
END;
$$;

-- LG002 unless a client can have traded from this day on. A window falls due by a calendar: where
-- these begin, trading can.
CREATE FUNCTION bakkt_ledger_internal.check_first_trading_day(day date) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF (day BETWEEN calendars_begin()::date AND '9999-12-31') IS NOT TRUE THEN
        PERFORM refuse_invalid('the first trading day is out of range', format('Day: %s.', coalesce(day::text, 'NULL')),
                               format('The calendars begin on %s.', to_char(calendars_begin(), 'YYYY-MM-DD')));
    END IF;
END;
$$;

-- The first instant of a first trading day: midnight in the client's zone.
CREATE FUNCTION bakkt_ledger_internal.trading_begins(day date, zone text) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN day::timestamp AT TIME ZONE zone;

-- LG002 when something was executed before the client's first trading day: then a correction would
-- be refused that gives an execution its own time again.
CREATE FUNCTION bakkt_ledger_internal.require_no_execution_before(trading client) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    earliest timestamptz;
BEGIN
    SELECT j.effective_at INTO earliest
    FROM journal AS j
    WHERE j.client_id = trading.client_id AND j.terms IS NOT NULL
      AND j.effective_at < trading_begins(trading.first_trading_day, trading.zone)
    ORDER BY j.effective_at LIMIT 1;
    IF FOUND THEN
        PERFORM refuse_invalid(format('client "%s" has traded before that day', trading.code),
                               format('Its first execution is of %s.', to_char(earliest AT TIME ZONE trading.zone, 'YYYY-MM-DD')),
                               'Give that day or an earlier one.');
    END IF;
END;
$$;

-- The code of a client, or its number when there is no such client; NULL of 0, the whole ledger.
CREATE FUNCTION bakkt_ledger_internal.client_name(holder integer) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce((SELECT c.code FROM client AS c WHERE c.client_id = holder), nullif(holder, 0)::text);
END;
