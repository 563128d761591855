-- Clients are opened and changed; wind_down.sql closes them. Refuses what client.sql says of a
-- client's terms. Locks the client's row.

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
                                          greatest((moment AT TIME ZONE zone)::date - interval '1 year',
                                                   calendars_begin())::date);
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
'Opens a client.
first_trading_day: before it nothing can have been executed; a year before it is opened unless given, and not before the calendars
begin. Idempotent by code: the same content again changes nothing, other content is LG020 naming the field.
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
