-- Liquidity providers: who fills orders.

CREATE TABLE bakkt_ledger_internal.provider (
    provider_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,15}$'),
    name text NOT NULL,
    status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'SUSPENDED', 'CLOSED')),
    opened_at timestamptz NOT NULL
);
COMMENT ON TABLE provider IS 'Who fills orders; the code is the last part of the names of its accounts (LP:payable:LP1).';
SELECT pg_catalog.pg_extension_config_dump('provider', '');
SELECT pg_catalog.pg_extension_config_dump('provider_provider_id_seq', '');
INSERT INTO subject (subject, key) VALUES ('provider', '{code}');
-- what was suspended or closed can be taken back
INSERT INTO transition (subject, from_status, event, to_status)
SELECT 'provider', f, 'changed', t
FROM unnest('{ACTIVE,SUSPENDED,CLOSED}'::text[]) AS f, unnest('{ACTIVE,SUSPENDED,CLOSED}'::text[]) AS t
WHERE f <> t;

CREATE FUNCTION bakkt_ledger.open_provider(provider text, name text, reference text DEFAULT NULL,
                                           at timestamptz DEFAULT clock_timestamp())
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    present provider;
    fresh boolean;
BEGIN
    IF provider IS NULL OR provider !~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,15}$' THEN
        PERFORM refuse_invalid('liquidity provider code must be 1 to 16 letters, digits, hyphens or underscores',
                               format('Code: "%s".', provider));
    ELSIF coalesce(name, '') = '' THEN
        PERFORM refuse_invalid('liquidity provider needs a name');
    END IF;
    PERFORM bounded_wait();
    INSERT INTO provider AS p (code, name, opened_at)
    VALUES (open_provider.provider, open_provider.name,
            coalesce(open_provider.at, clock_timestamp()))
    ON CONFLICT DO NOTHING
    RETURNING p.* INTO present;
    fresh := FOUND;
    IF NOT fresh THEN
        SELECT p.* INTO STRICT present FROM provider AS p WHERE p.code = open_provider.provider;
    END IF;
    RETURN record_opening('open_provider', 0, reference, jsonb_build_object('code', provider, 'name', name),
                          fresh, present, present.opened_at);
END;
$$;
COMMENT ON FUNCTION open_provider IS
'Opens a liquidity provider.
Idempotent by code; other content is LG020.
Errors: LG002, LG020.';

CREATE FUNCTION bakkt_ledger.change_provider(provider text, name text DEFAULT NULL, status text DEFAULT NULL,
                                             reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked request;
    before provider;
    after provider;
BEGIN
    PERFORM bounded_wait();
    SELECT p.* INTO before FROM provider AS p WHERE p.code = change_provider.provider FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse_provider(provider);
    END IF;
    asked := open_change('change_provider', 'provider', 0, reference,
                         jsonb_build_object('code', provider, 'name', name, 'status', status));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    after := jsonb_populate_record(before, jsonb_strip_nulls(asked.content));
    IF after.status NOT IN ('ACTIVE', 'SUSPENDED', 'CLOSED') OR after.name = '' THEN
        PERFORM refuse_invalid('liquidity provider is not valid', format('Name "%s", status "%s".', after.name, after.status),
                               'Status is one of ACTIVE, SUSPENDED, CLOSED.');
    END IF;
    UPDATE provider AS p SET name = after.name, status = after.status WHERE p.provider_id = before.provider_id;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_provider IS
'Changes name or status (ACTIVE, SUSPENDED, CLOSED) of a liquidity provider; NULL leaves it.
Repeating a reference is no second change; LG020 when its content differs.
Errors: LG002, LG014, LG020.';

-- LG014
CREATE FUNCTION bakkt_ledger_internal.refuse_provider(code text, detail text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse('LG014', format('liquidity provider "%s" does not exist', coalesce(code, 'NULL')), detail,
                   'Open it with open_provider().', jsonb_build_object('provider', code));
END;
$$;
