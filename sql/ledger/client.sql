-- Clients (correspondents): the platforms whose customers trade, and the terms agreed with them.
-- Refuses unknown (LG010), closed (LG011) and malformed (LG002) ones, other content (LG020), and
-- closing a client that still holds something (LG035). Closing locks the client's postings, then
-- its row; changing locks the row.

CREATE TABLE bakkt_ledger_internal.client (
    client_id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code                text NOT NULL UNIQUE CHECK (code ~ '^[A-Z0-9]{1,8}$'),
    name                text,
    funding_model       text NOT NULL CHECK (funding_model IN ('BAKKT_TPJ', 'NET_SETTLEMENT', 'APEX_TPJ', 'NO_SETTLEMENT')),
    commission_model    text NOT NULL CHECK (commission_model IN ('MARKUP', 'TRADE_FEE', 'BOTH')),
    revenue_share_bps   integer NOT NULL CHECK (revenue_share_bps BETWEEN 0 AND 10000),
    status              text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    cut_time            time NOT NULL DEFAULT '09:00' CHECK (cut_time < '24:00'),
    zone                text NOT NULL DEFAULT 'America/Chicago',
    sign_convention     text NOT NULL DEFAULT 'CLIENT_OWES' CHECK (sign_convention IN ('CLIENT_OWES', 'CLIENT_IS_OWED')),
    price_concession_bps integer NOT NULL DEFAULT 0 CHECK (price_concession_bps BETWEEN 0 AND 10000),
    price_band_bps      integer NOT NULL DEFAULT 5000 CHECK (price_band_bps BETWEEN 0 AND 1000000),
    opened_at           timestamptz NOT NULL,
    closed_at           timestamptz,
    first_trading_day   date NOT NULL CHECK (isfinite(first_trading_day))
);
COMMENT ON TABLE client IS 'A client (correspondent): the platform whose customers trade. Every ledger row belongs to one.';
COMMENT ON COLUMN client.funding_model IS 'Which cash leg a trade has: BAKKT_TPJ, NET_SETTLEMENT, APEX_TPJ or NO_SETTLEMENT.';
COMMENT ON COLUMN client.commission_model IS 'MARKUP (in the price), TRADE_FEE (itemized) or BOTH.';
COMMENT ON COLUMN client.revenue_share_bps IS 'The client''s share of revenue, in basis points.';
COMMENT ON COLUMN client.price_concession_bps IS
    'By how much a customer''s price may be worse for the company than the provider''s price, in basis points (LG048).';
COMMENT ON COLUMN client.price_band_bps IS
    'How far a provider''s price may lie from that of its last execution in the instrument, in basis points (LG049); zero: no '
    'limit.';
COMMENT ON COLUMN client.cut_time IS 'Local time at which the settlement window ends, in the zone of the client.';
COMMENT ON COLUMN client.sign_convention IS 'What a positive net settlement means in printed files.';
COMMENT ON COLUMN client.first_trading_day IS
    'Local date before which no execution may lie; the client''s first window begins no earlier.';
SELECT pg_catalog.pg_extension_config_dump('client', '');
SELECT pg_catalog.pg_extension_config_dump('client_client_id_seq', '');

-- ---------------------------------------------------------------------------
-- Opening and changing
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger_internal.check_zone(zone text) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    -- abbreviations and offsets do not follow daylight saving time, so they are refused
    IF zone IS NULL OR zone !~ '^([A-Za-z_]+(/[A-Za-z_+-]+)+|UTC)$' THEN
        PERFORM refuse_invalid('zone is not the name of a time zone', format('Zone: "%s".', zone),
                               'Give a region and city, as America/Chicago.');
    END IF;
    PERFORM timestamptz 'epoch' AT TIME ZONE zone;
EXCEPTION WHEN invalid_parameter_value THEN
    PERFORM refuse_invalid('zone is not the name of a time zone', format('Zone: "%s".', zone),
                           'Give a region and city, as America/Chicago.');
END;
$$;
COMMENT ON FUNCTION check_zone(text) IS 'Internal: raises LG002 unless the text names a time zone of the database.';

CREATE FUNCTION bakkt_ledger_internal.check_client_terms(funding_model text, commission_model text, revenue_share_bps integer,
                                   cut_time time, zone text, sign_convention text) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF funding_model IS NULL OR funding_model NOT IN ('BAKKT_TPJ', 'NET_SETTLEMENT', 'APEX_TPJ', 'NO_SETTLEMENT') THEN
        PERFORM refuse_invalid('funding model is not known', format('Funding model: "%s".', funding_model),
                               'One of BAKKT_TPJ, NET_SETTLEMENT, APEX_TPJ, NO_SETTLEMENT.');
    ELSIF commission_model IS NULL OR commission_model NOT IN ('MARKUP', 'TRADE_FEE', 'BOTH') THEN
        PERFORM refuse_invalid('commission model is not known', format('Commission model: "%s".', commission_model),
                               'One of MARKUP, TRADE_FEE, BOTH.');
    ELSIF revenue_share_bps IS NULL OR revenue_share_bps NOT BETWEEN 0 AND 10000 THEN
        PERFORM refuse_invalid('revenue share is out of range', format('Revenue share: %s bps.', revenue_share_bps),
                               'Between 0 and 10000.');
    ELSIF cut_time IS NULL OR cut_time >= time '24:00' THEN
        PERFORM refuse_invalid('cut time is missing or out of range');
    ELSIF sign_convention IS NULL OR sign_convention NOT IN ('CLIENT_OWES', 'CLIENT_IS_OWED') THEN
        PERFORM refuse_invalid('sign convention is not known', format('Sign convention: "%s".', sign_convention),
                               'One of CLIENT_OWES, CLIENT_IS_OWED.');
    ELSIF sign_convention <> 'CLIENT_OWES' THEN
        -- nothing uses sign_convention yet, so a change would have no effect
        PERFORM refuse_invalid('sign convention cannot be changed yet', 'No file is printed by it: a positive net settlement is what the client owes.',
                               'Leave it out.');
    END IF;
    PERFORM check_zone(zone);
END;
$$;
COMMENT ON FUNCTION check_client_terms(text, text, integer, time, text, text) IS
    'Internal: raises LG002 naming the first term of a client that is not valid.';

CREATE FUNCTION bakkt_ledger_internal.check_price_terms(price_concession_bps integer, price_band_bps integer) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF price_concession_bps NOT BETWEEN 0 AND 10000 THEN
        PERFORM refuse_invalid('price concession is out of range', format('Price concession: %s bps.', price_concession_bps),
                               'Between 0 and 10000.');
    ELSIF price_band_bps NOT BETWEEN 0 AND 1000000 THEN
        PERFORM refuse_invalid('price band is out of range', format('Price band: %s bps.', price_band_bps),
                               'Between 1 and 1000000, or 0 for none.');
    END IF;
END;
$$;
COMMENT ON FUNCTION check_price_terms(integer, integer) IS
    'Internal: raises LG002 naming the first term on prices that is not valid.';

-- Windows fall due by calendars, so trading cannot begin before the calendars do.
CREATE FUNCTION bakkt_ledger_internal.check_first_trading_day(day date) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF day IS NULL OR NOT isfinite(day) OR day < calendars_begin() THEN
        PERFORM refuse_invalid('the first trading day is out of range', format('Day: %s.', coalesce(day::text, 'NULL')),
                               format('The calendars begin on %s.', to_char(calendars_begin(), 'YYYY-MM-DD')));
    END IF;
END;
$$;
COMMENT ON FUNCTION check_first_trading_day(date) IS 'Internal: LG002 unless a client can have traded from this day on.';

CREATE FUNCTION bakkt_ledger_internal.trading_begins(day date, zone text) RETURNS timestamptz
    STABLE STRICT PARALLEL SAFE LANGUAGE sql
    RETURN day::timestamp AT TIME ZONE zone;
COMMENT ON FUNCTION trading_begins(date, text) IS
    'Internal: the first instant of a first trading day: midnight in the client''s zone.';

-- A first trading day after an execution would make every correction of that execution fail.
CREATE FUNCTION bakkt_ledger_internal.require_no_execution_before(client client) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    earliest    timestamptz;
BEGIN
    SELECT j.effective_at INTO earliest FROM journal j
    WHERE j.client_id = client.client_id AND j.terms IS NOT NULL
      AND j.effective_at < trading_begins(client.first_trading_day, client.zone)
    ORDER BY j.effective_at LIMIT 1;
    IF FOUND THEN
        PERFORM refuse_invalid(format('client "%s" has traded before that day', client.code),
            format('Its first execution is of %s.', to_char(earliest AT TIME ZONE client.zone, 'YYYY-MM-DD')), 'Give that day or an earlier one.');
    END IF;
END;
$$;
COMMENT ON FUNCTION require_no_execution_before(client) IS
    'Internal: LG002 when something was executed before the client''s first trading day.';

CREATE FUNCTION bakkt_ledger.open_client(
    code                text,
    funding_model       text DEFAULT 'BAKKT_TPJ',
    commission_model    text DEFAULT 'BOTH',
    revenue_share_bps   integer DEFAULT 0,
    name                text DEFAULT NULL,
    cut_time            time DEFAULT '09:00',
    zone                text DEFAULT 'America/Chicago',
    sign_convention     text DEFAULT 'CLIENT_OWES',
    reference           text DEFAULT NULL,
    opened_at           timestamptz DEFAULT clock_timestamp(),
    first_trading_day   date DEFAULT NULL)
    RETURNS integer
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    opened  client%ROWTYPE;
    request jsonb;
    starts  date;
BEGIN
    IF open_client.code IS NULL OR open_client.code !~ '^[A-Z0-9]{1,8}$' THEN
        PERFORM refuse_invalid('client code must be 1 to 8 capital letters or digits', format('Code: "%s".', open_client.code));
    END IF;
    PERFORM check_client_terms(open_client.funding_model, open_client.commission_model, open_client.revenue_share_bps,
                               open_client.cut_time, open_client.zone, open_client.sign_convention);
    starts := coalesce(open_client.first_trading_day,
        greatest((coalesce(open_client.opened_at, clock_timestamp()) AT TIME ZONE open_client.zone)::date - interval '1 year', calendars_begin()));
    PERFORM bounded_wait(), check_first_trading_day(starts), load_shipped_assets();
    INSERT INTO client AS c (code, name, funding_model, commission_model, revenue_share_bps, cut_time, zone, sign_convention, opened_at, first_trading_day)
    VALUES (open_client.code, open_client.name, open_client.funding_model, open_client.commission_model,
            open_client.revenue_share_bps, open_client.cut_time, open_client.zone, open_client.sign_convention,
            coalesce(open_client.opened_at, clock_timestamp()), starts)
    ON CONFLICT DO NOTHING
    RETURNING c.* INTO opened;
    request := jsonb_build_object('funding_model', open_client.funding_model, 'commission_model', open_client.commission_model,
        'revenue_share_bps', open_client.revenue_share_bps, 'name', open_client.name, 'cut_time', open_client.cut_time,
        'zone', open_client.zone, 'sign_convention', open_client.sign_convention)
        || jsonb_strip_nulls(jsonb_build_object('first_trading_day', open_client.first_trading_day));
    IF opened_before('client', open_client.code, open_client.reference, request) THEN
        RETURN (SELECT c.client_id FROM client c WHERE c.code = open_client.code);
    END IF;
    PERFORM record_change('client', opened.code, NULL, to_jsonb(opened), opened.client_id, open_client.reference);
    RETURN opened.client_id;
END;
$$;
COMMENT ON FUNCTION open_client(text, text, text, integer, text, time, text, text, text, timestamptz, date) IS
    'Opens a client and returns its identifier. first_trading_day: no execution may lie before it; by default a year before the '
    'client is opened, and never before the calendars begin. Idempotent by code: the same content again returns the same '
    'identifier, other content raises LG020 naming the field. Malformed content raises LG002.';

CREATE FUNCTION bakkt_ledger.change_client(
    code                text,
    funding_model       text DEFAULT NULL,
    commission_model    text DEFAULT NULL,
    revenue_share_bps   integer DEFAULT NULL,
    name                text DEFAULT NULL,
    cut_time            time DEFAULT NULL,
    zone                text DEFAULT NULL,
    sign_convention     text DEFAULT NULL,
    price_concession_bps integer DEFAULT NULL,
    price_band_bps      integer DEFAULT NULL,
    reason              text DEFAULT NULL,
    reference           text DEFAULT NULL,
    first_trading_day   date DEFAULT NULL)
    RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    before  client%ROWTYPE;
    after   client%ROWTYPE;
    request jsonb;
BEGIN
    PERFORM require_open_client(change_client.code);
    PERFORM bounded_wait();
    SELECT c.* INTO before FROM client c WHERE c.code = change_client.code FOR NO KEY UPDATE;
    request := jsonb_strip_nulls(jsonb_build_object('funding_model', change_client.funding_model,
        'commission_model', change_client.commission_model, 'revenue_share_bps', change_client.revenue_share_bps,
        'name', change_client.name, 'cut_time', change_client.cut_time, 'zone', change_client.zone,
        'sign_convention', change_client.sign_convention, 'price_concession_bps', change_client.price_concession_bps,
        'price_band_bps', change_client.price_band_bps, 'first_trading_day', change_client.first_trading_day));
    IF changed_before('client', change_client.code, change_client.reference, request) THEN
        RETURN;
    END IF;
    after := jsonb_populate_record(before, request);
    PERFORM check_client_terms(after.funding_model, after.commission_model, after.revenue_share_bps,
                               after.cut_time, after.zone, after.sign_convention);
    PERFORM check_price_terms(after.price_concession_bps, after.price_band_bps);
    IF after IS NOT DISTINCT FROM before THEN
        RETURN;
    ELSIF after.first_trading_day <> before.first_trading_day THEN
        PERFORM check_first_trading_day(after.first_trading_day), require_no_execution_before(after);
    END IF;
    UPDATE client AS c SET funding_model = after.funding_model, commission_model = after.commission_model,
        revenue_share_bps = after.revenue_share_bps, name = after.name, cut_time = after.cut_time,
        zone = after.zone, sign_convention = after.sign_convention,
        price_concession_bps = after.price_concession_bps, price_band_bps = after.price_band_bps, first_trading_day = after.first_trading_day
    WHERE c.client_id = before.client_id;
    PERFORM require_prefunded_works(before.client_id);
    PERFORM invalidate_account_cache();
    PERFORM record_change('client', before.code, to_jsonb(before), to_jsonb(after), before.client_id,
                          change_client.reference, change_client.reason);
END;
$$;
COMMENT ON FUNCTION change_client(text, text, text, integer, text, time, text, text, integer, integer, text, text, date) IS
    'Changes the given terms of an open client; NULL leaves a term as it is. Repeating a reference is no second change; LG020 '
    'when its content differs. Raises LG010, LG011, LG002.';

CREATE FUNCTION bakkt_ledger_internal.lock_client(client_id integer) RETURNS void
    VOLATILE PARALLEL UNSAFE STRICT LANGUAGE c
    AS 'MODULE_PATHNAME', 'lock_client';
COMMENT ON FUNCTION lock_client(integer) IS
    'Internal: waits, in bounded time (55P03), until no other transaction posts for the client, and keeps others from posting '
    'until this one ends. Take it before locking any row.';

CREATE FUNCTION bakkt_ledger.close_client(code text, reason text DEFAULT NULL, reference text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    closing constant integer := require_client(close_client.code);
    before  client%ROWTYPE;
    after   client%ROWTYPE;
    remains text;
BEGIN
    PERFORM bounded_wait(), lock_client(closing);       -- waits for the client's postings to end
    SELECT c.* INTO before FROM client c WHERE c.client_id = closing FOR NO KEY UPDATE;
    IF before.status = 'closed' THEN
        RETURN;
    END IF;
    PERFORM require_fresh_snapshot();
    remains := first_account_not_empty(closing);
    IF remains IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LG035',
            MESSAGE = format('client "%s" cannot be closed: an account is not empty', before.code),
            DETAIL = remains,
            HINT = 'Bring all its accounts to zero and release its holds first.';
    END IF;
    UPDATE client AS c SET status = 'closed', closed_at = clock_timestamp() WHERE c.client_id = closing RETURNING c.* INTO after;
    PERFORM invalidate_account_cache();
    PERFORM record_change('client', before.code, to_jsonb(before), to_jsonb(after), closing,
                          close_client.reference, close_client.reason);
END;
$$;
COMMENT ON FUNCTION close_client(text, text, text) IS
    'Closes a client for good: nothing more is posted for it. Every account of it must be zero and without holds (LG035). Waits '
    'for its postings under way to end (55P03 if they do not). Closing again is no error.';
