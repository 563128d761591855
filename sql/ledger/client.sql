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
    IF day IS NULL OR NOT isfinite(day) OR day < calendars_begin() THEN
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

-- ---------------------------------------------------------------------------
-- Opening, changing, closing
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger.open_client(client text, funding_model text DEFAULT 'BAKKT_TPJ',
                                         commission_model text DEFAULT 'BOTH', revenue_share_bps integer DEFAULT 0,
                                         name text DEFAULT NULL, cut_time time DEFAULT '09:00',
                                         zone text DEFAULT 'America/Chicago', sign_convention text DEFAULT 'CLIENT_OWES',
                                         first_trading_day date DEFAULT NULL, reference text DEFAULT NULL,
                                         at timestamptz DEFAULT clock_timestamp())
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moment constant timestamptz := coalesce(at, clock_timestamp());
    content constant jsonb := jsonb_build_object(
        'code', client, 'funding_model', funding_model, 'commission_model', commission_model,
        'revenue_share_bps', revenue_share_bps, 'name', name, 'cut_time', cut_time, 'zone', zone,
        'sign_convention', sign_convention);
    present client := jsonb_populate_record(NULL::client, content);
    fresh boolean;
BEGIN
    IF client IS NULL OR client !~ '^[A-Z0-9]{1,8}$' THEN
        PERFORM refuse_invalid('client code must be 1 to 8 capital letters or digits', format('Code: "%s".', client));
    END IF;
    PERFORM check_client(present);
    present.first_trading_day := coalesce(first_trading_day,
                                          greatest((moment AT TIME ZONE zone)::date - interval '1 year', calendars_begin()));
    PERFORM bounded_wait(), check_first_trading_day(present.first_trading_day), load_shipped_assets();
    INSERT INTO client AS c (code, name, funding_model, commission_model, revenue_share_bps, cut_time, zone, sign_convention,
                             opened_at, first_trading_day)
    VALUES (present.code, present.name, present.funding_model, present.commission_model, present.revenue_share_bps,
            present.cut_time, present.zone, present.sign_convention, moment, present.first_trading_day)
    ON CONFLICT DO NOTHING
    RETURNING c.* INTO present;
    fresh := FOUND;
    IF NOT fresh THEN
        SELECT c.* INTO STRICT present FROM client AS c WHERE c.code = open_client.client;
    END IF;
    RETURN record_opening('open_client', 0, reference,
                          content || jsonb_strip_nulls(jsonb_build_object('first_trading_day', first_trading_day)),
                          fresh, present, present.opened_at);
END;
$$;
COMMENT ON FUNCTION open_client IS
'Opens a client and returns its identifier.
first_trading_day: before it nothing can have been executed; a year before it is opened unless given, and not before the calendars
begin. Idempotent by code: the same content again returns the same identifier, other content is LG020 naming the field.
Errors: LG002, LG020.';

CREATE FUNCTION bakkt_ledger.change_client(client text, funding_model text DEFAULT NULL, commission_model text DEFAULT NULL,
                                           revenue_share_bps integer DEFAULT NULL, name text DEFAULT NULL,
                                           cut_time time DEFAULT NULL, zone text DEFAULT NULL, sign_convention text DEFAULT NULL,
                                           price_concession_bps integer DEFAULT NULL, price_band_bps integer DEFAULT NULL,
                                           first_trading_day date DEFAULT NULL, reference text DEFAULT NULL,
                                           reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    asked request;
    before client;
    after client;
BEGIN
    PERFORM bounded_wait();
    SELECT c.* INTO before FROM client AS c WHERE c.client_id = holder FOR NO KEY UPDATE;
    asked := open_change('change_client', 'client', 0, reference, jsonb_build_object(
        'code', client, 'funding_model', funding_model, 'commission_model', commission_model,
        'revenue_share_bps', revenue_share_bps, 'name', name, 'cut_time', cut_time, 'zone', zone,
        'sign_convention', sign_convention, 'price_concession_bps', price_concession_bps,
        'price_band_bps', price_band_bps, 'first_trading_day', first_trading_day));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    after := jsonb_populate_record(before, jsonb_strip_nulls(asked.content));
    PERFORM check_client(after);
    IF after.first_trading_day <> before.first_trading_day THEN
        PERFORM check_first_trading_day(after.first_trading_day), require_no_execution_before(after);
    END IF;
    IF after IS DISTINCT FROM before THEN
        UPDATE client AS c
        SET funding_model = after.funding_model,
            commission_model = after.commission_model,
            revenue_share_bps = after.revenue_share_bps,
            name = after.name,
            cut_time = after.cut_time,
            zone = after.zone,
            sign_convention = after.sign_convention,
            price_concession_bps = after.price_concession_bps,
            price_band_bps = after.price_band_bps,
            first_trading_day = after.first_trading_day
        WHERE c.client_id = holder;
        PERFORM invalidate_account_cache();
    END IF;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_client IS
'Changes the given terms of an open client; NULL leaves a term as it is.
Repeating a reference is no second change; LG020 when its content differs.
Errors: LG002, LG010, LG011, LG020.';

-- Waits until no other transaction posts for the client, in bounded time (55P03), and keeps it so
-- until this one ends. Lock it before any row.
CREATE FUNCTION bakkt_ledger_internal.lock_client(client_id integer) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'lock_client';

CREATE FUNCTION bakkt_ledger.close_client(client text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked request;
    before client;
    after client;
    remains text;
BEGIN
    PERFORM bounded_wait(), lock_client(holder);  -- waits for its postings under way
    SELECT c.* INTO before FROM client AS c WHERE c.client_id = holder FOR NO KEY UPDATE;
    asked := open_change('close_client', 'client', 0, reference, jsonb_build_object('code', client));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    after := before;
    IF before.status <> 'CLOSED' THEN
        PERFORM require_fresh_snapshot();
        remains := first_account_not_empty(holder);
        IF remains IS NOT NULL THEN
            PERFORM refuse('LG035', format('client "%s" cannot be closed: an account is not empty', client), remains,
                           'Bring all its accounts to zero and release its holds first.');
        END IF;
        UPDATE client AS c
        SET status = 'CLOSED', closed_at = clock_timestamp()
        WHERE c.client_id = holder
        RETURNING c.* INTO after;
        PERFORM invalidate_account_cache();
    END IF;
    RETURN close_change(asked, 'closed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION close_client IS
'Closes a client for ever: nothing is posted for it any more.
Every account of it must be zero without holds (LG035). Its postings under way end first (55P03 if they do not).
Closing again is no error.
Errors: LG010, LG020, LG035, 25001, 55P03.';
