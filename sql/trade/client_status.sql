-- Whether a client may trade: ACTIVE, CLOSE_ONLY (sales only) or SUSPENDED (nothing). It is beside
-- client.status, which says whether the client is still there: one that may not trade deposits,
-- withdraws, settles and pays as before. A client without a row is ACTIVE.
-- Refuses what is malformed (LG002). Locks the client's row.

CREATE TABLE bakkt_ledger_internal.client_trading_status (
    client_id integer PRIMARY KEY REFERENCES client,
    status text COLLATE "C" NOT NULL CHECK (status IN ('ACTIVE', 'CLOSE_ONLY', 'SUSPENDED')),
    until timestamptz CHECK (isfinite(until)),
    CHECK (until IS NULL OR status <> 'ACTIVE')
);
COMMENT ON TABLE client_trading_status IS
'Whether a client may trade, as it was said last; a client without a row is ACTIVE. Who said so and why is in its events.';
COMMENT ON COLUMN client_trading_status.until IS 'From then on the client is ACTIVE again by itself; NULL: until it is changed.';
SELECT pg_catalog.pg_extension_config_dump('client_trading_status', '');
INSERT INTO subject (subject, key) VALUES ('client_trading_status', '{client_id}');
INSERT INTO transition (subject, from_status, event, to_status)
SELECT 'client_trading_status', f, 'changed', t
FROM unnest('{ACTIVE,CLOSE_ONLY,SUSPENDED}'::text[]) AS f, unnest('{ACTIVE,CLOSE_ONLY,SUSPENDED}'::text[]) AS t
WHERE f <> t;
CREATE TRIGGER forget_parties AFTER INSERT OR UPDATE ON client_trading_status
    FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();

-- LG002 unless the status is one, with a reason, and ends ahead of the clock if it ends.
CREATE FUNCTION bakkt_ledger_internal.check_client_status(status text, until timestamptz, reason text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF status IS NULL OR status NOT IN ('ACTIVE', 'CLOSE_ONLY', 'SUSPENDED') THEN
        PERFORM refuse_invalid('status of a client is not known', format('Status: "%s".', status),
                               'One of ACTIVE, CLOSE_ONLY, SUSPENDED.');
    ELSIF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a change of status needs a reason');
    ELSIF status = 'ACTIVE' AND until IS NOT NULL THEN
        PERFORM refuse_invalid('ACTIVE does not end', format('Until: %s.', instant_text(until)), 'Leave until out.');
    ELSIF NOT isfinite(until) OR until <= clock_timestamp() THEN
        PERFORM refuse_invalid('a status ends ahead of the clock', format('Until: %s.', instant_text(until)),
                               'Leave until out for a status that lasts until it is changed.');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.change_client_status(client text, status text, until timestamptz DEFAULT NULL,
                                                  reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    asked request;
    before client_trading_status;
    after constant client_trading_status := (holder, status, until);
BEGIN
    PERFORM bounded_wait();
    PERFORM FROM client AS c WHERE c.client_id = holder FOR NO KEY UPDATE;
    asked := open_change('change_client_status', 'client_trading_status', holder, reference,
                         jsonb_build_object('status', status, 'until', instant_text(until)));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    PERFORM check_client_status(status, until, reason);
    SELECT t.* INTO before FROM client_trading_status AS t WHERE t.client_id = holder;
    -- what is so by default is no change
    IF before.client_id IS NULL AND status = 'ACTIVE' THEN
        before := after;
    ELSE
        INSERT INTO client_trading_status AS t SELECT after.*
        ON CONFLICT ON CONSTRAINT client_trading_status_pkey DO UPDATE SET (status, until) = (excluded.status, excluded.until);
    END IF;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_client_status IS
'Says whether a client may trade: ACTIVE, CLOSE_ONLY (its customers may sell, not buy) or SUSPENDED (neither).
until: from then on it is ACTIVE again; NULL: until it is changed. A trade is judged by the status of the instant at which it is
recorded; one that is being posted meanwhile, by that before. Busts and corrections stay possible, and so does everything but
trades. reason: needed. Repeating a reference is no second change; LG020 when its content differs.
Errors: LG002, LG010, LG011, LG020.';

CREATE TYPE bakkt_ledger.client_status_line AS (
    client text,
    status text,
    until timestamptz,
    reason text,
    changed_by text,
    changed_at timestamptz
);
COMMENT ON TYPE client_status_line IS
'Whether a client may trade.
status: ACTIVE, CLOSE_ONLY or SUSPENDED. until: when it is ACTIVE again by itself. reason, changed_by, changed_at: of the last
change, also of one that has run out; NULL if there was none. changed_by is told to the company only.';

CREATE FUNCTION bakkt_ledger.client_status(client text) RETURNS client_status_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    shown client_status_line := ROW(client, 'ACTIVE', NULL, NULL, NULL, NULL);
BEGIN
    SELECT t.status, t.until INTO shown.status, shown.until
    FROM client_trading_status AS t
    WHERE t.client_id = holder AND coalesce(t.until, 'infinity') > clock_timestamp();
    shown.status := coalesce(shown.status, 'ACTIVE');
    SELECT e.reason, CASE WHEN is_company() THEN a.role_name END, e.recorded_at
    INTO shown.reason, shown.changed_by, shown.changed_at
    FROM event AS e
    JOIN actor AS a ON a.actor_id = e.actor_id
    WHERE e.client_id = holder AND e.subject = 'client_trading_status'
    ORDER BY e.event_id DESC
    LIMIT 1;
    RETURN shown;
END;
$$;
COMMENT ON FUNCTION client_status IS
'Whether the client may trade now, until when, why, and who said so.
Errors: LG010, 42501.';
