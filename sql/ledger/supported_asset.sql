-- Assets that can be posted, and their decimals.
-- Refuses unknown (LG040) and retired (LG041) assets, and other content for a known one (LG020).
-- Locks the asset's row to change it. Retiring one waits for no posting.

CREATE TABLE bakkt_ledger_internal.supported_asset (
    asset           asset PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('FIAT', 'COIN', 'STABLECOIN')),
    name            text NOT NULL,
    scale           integer NOT NULL CHECK (scale BETWEEN 0 AND 18),
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'retired')),
    registered_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE supported_asset IS 'The assets that can be posted.';
COMMENT ON COLUMN supported_asset.scale IS 'Decimals of one unit that may be posted; never changes.';
SELECT pg_catalog.pg_extension_config_dump('supported_asset', '');

-- ---------------------------------------------------------------------------
-- Assets
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger_internal.require_asset(asset asset) RETURNS void
    STABLE PARALLEL SAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_status    text;
BEGIN
    SELECT a.status INTO found_status FROM supported_asset a WHERE a.asset = require_asset.asset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG040',
            MESSAGE = format('asset "%s" is not registered', coalesce(require_asset.asset::text, 'NULL')),
            HINT = 'Register it with register_asset().';
    ELSIF found_status = 'retired' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG041', MESSAGE = format('asset "%s" is retired', require_asset.asset);
    END IF;
END;
$$;
COMMENT ON FUNCTION require_asset(asset) IS 'Raises LG040 unless the asset is registered, LG041 when it is retired.';

CREATE FUNCTION bakkt_ledger.register_asset(
    asset       asset,
    kind        text,
    scale       integer,
    name        text DEFAULT NULL,
    reference   text DEFAULT NULL)
    RETURNS asset
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    full_name   constant text := coalesce(register_asset.name, register_asset.asset::text);
    opened      supported_asset%ROWTYPE;
    stored      supported_asset%ROWTYPE;
BEGIN
    IF register_asset.asset IS NULL THEN
        PERFORM refuse_invalid('asset is missing');
    ELSIF register_asset.kind IS NULL OR register_asset.kind NOT IN ('FIAT', 'COIN', 'STABLECOIN') THEN
        PERFORM refuse_invalid('asset kind is not known', format('Kind: "%s".', register_asset.kind), 'One of FIAT, COIN, STABLECOIN.');
    ELSIF register_asset.scale IS NULL OR register_asset.scale NOT BETWEEN 0 AND 18 THEN
        PERFORM refuse_invalid('asset scale is out of range', format('Scale: %s.', register_asset.scale), 'Between 0 and 18 decimals.');
    END IF;
    PERFORM bounded_wait(), load_shipped_assets();
    INSERT INTO supported_asset AS a (asset, kind, name, scale)
    VALUES (register_asset.asset, register_asset.kind, full_name, register_asset.scale)
    ON CONFLICT DO NOTHING
    RETURNING a.* INTO opened;
    IF opened.asset IS NOT NULL THEN
        PERFORM record_change('asset', opened.asset::text, NULL, to_jsonb(opened), NULL, register_asset.reference);
        RETURN opened.asset;
    END IF;
    SELECT a.* INTO stored FROM supported_asset a WHERE a.asset = register_asset.asset;
    -- a shipped asset was never opened by a request; its name may be left out
    PERFORM refuse_other_content('asset', stored.asset::text, to_jsonb(stored),
        jsonb_build_object('kind', register_asset.kind, 'scale', register_asset.scale)
        || CASE WHEN register_asset.name IS NULL THEN '{}' ELSE jsonb_build_object('name', full_name) END);
    RETURN stored.asset;
END;
$$;
COMMENT ON FUNCTION register_asset(asset, text, integer, text, text) IS
    'Registers an asset (kind FIAT, COIN or STABLECOIN; 0 to 18 decimals). The same content again is no error; another kind, '
    'name or scale raises LG020. Malformed content raises LG002.';

CREATE FUNCTION bakkt_ledger_internal.set_asset_status(asset asset, status text, reason text, reference text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    before  supported_asset%ROWTYPE;
    after   supported_asset%ROWTYPE;
BEGIN
    PERFORM bounded_wait(), load_shipped_assets();
    SELECT a.* INTO before FROM supported_asset a WHERE a.asset = set_asset_status.asset FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM require_asset(set_asset_status.asset);
    ELSIF before.status = set_asset_status.status THEN
        RETURN;
    END IF;
    UPDATE supported_asset AS a SET status = set_asset_status.status WHERE a.asset = before.asset RETURNING a.* INTO after;
    PERFORM invalidate_account_cache();
    PERFORM record_change('asset', before.asset::text, to_jsonb(before), to_jsonb(after), NULL,
                          set_asset_status.reference, set_asset_status.reason);
END;
$$;
COMMENT ON FUNCTION set_asset_status(asset, text, text, text) IS 'Internal: retires or reinstates an asset.';

CREATE FUNCTION bakkt_ledger.retire_asset(asset asset, reason text DEFAULT NULL, reference text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT set_asset_status($1, 'retired', $2, $3)
$$;
COMMENT ON FUNCTION retire_asset(asset, text, text) IS
    'Refuses every posting in the asset that begins after this commits (LG041); what was posted stays. It waits for no other '
    'transaction, so postings that began before may still complete. Retiring again is no error. Raises LG040 when unknown.';

CREATE FUNCTION bakkt_ledger.reinstate_asset(asset asset, reason text DEFAULT NULL, reference text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT set_asset_status($1, 'active', $2, $3)
$$;
COMMENT ON FUNCTION reinstate_asset(asset, text, text) IS 'Takes retire_asset() back. Raises LG040 when unknown.';
