-- Assets that can be posted.

CREATE TABLE bakkt_ledger_internal.supported_asset (
    asset asset PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('FIAT', 'COIN', 'STABLECOIN')),
    name text NOT NULL,
    scale integer NOT NULL CHECK (scale BETWEEN 0 AND 18),
    status text NOT NULL DEFAULT 'ACTIVE' REFERENCES trading_status,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE supported_asset IS 'The assets that can be posted.';
COMMENT ON COLUMN supported_asset.status IS 'What may be done in it: trading_status.';
COMMENT ON COLUMN supported_asset.scale IS 'Decimals of one unit that may be posted; never changes.';
SELECT pg_catalog.pg_extension_config_dump('supported_asset', '');
INSERT INTO subject (subject, key) VALUES ('supported_asset', '{asset}');
INSERT INTO transition (subject, from_status, event, to_status)
SELECT 'supported_asset', f.status,
       CASE 'RETIRED' WHEN t.status THEN 'retired' WHEN f.status THEN 'reinstated' ELSE 'changed' END, t.status
FROM trading_status AS f
JOIN trading_status AS t ON t.status <> f.status;

-- The status of an asset. Errors: LG040 not registered.
CREATE FUNCTION bakkt_ledger_internal.require_known_asset(asset asset) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_status text;
BEGIN
    SELECT a.status INTO found_status FROM supported_asset AS a WHERE a.asset = require_known_asset.asset;
    IF NOT FOUND THEN
        PERFORM refuse('LG040', format('asset "%s" is not registered', coalesce(asset::text, 'NULL')), NULL,
                       'Register it with register_asset().');
    END IF;
    RETURN found_status;
END;
$$;

-- Checks that an asset can be posted. Errors: LG040 not registered, LG041 retired.
CREATE FUNCTION bakkt_ledger_internal.require_asset(asset asset) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF require_known_asset(asset) = 'RETIRED' THEN
        PERFORM refuse('LG041', format('asset "%s" is retired', asset));
    END IF;
END;
$$;
