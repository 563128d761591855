-- Assets are registered, retired and reinstated.
-- Refuses other terms than an asset was registered with (LG020).
-- Locks: the asset's row.

CREATE FUNCTION bakkt_ledger.register_asset(asset asset, kind text, scale integer, name text DEFAULT NULL,
                                            reference text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    present supported_asset;
    fresh boolean;
BEGIN
    IF asset IS NULL THEN
        PERFORM refuse_invalid('asset is missing');
    ELSIF kind IS NULL OR kind NOT IN ('FIAT', 'COIN', 'STABLECOIN') THEN
        PERFORM refuse_invalid('asset kind is not known', format('Kind: "%s".', kind), 'One of FIAT, COIN, STABLECOIN.');
    ELSIF scale IS NULL OR scale NOT BETWEEN 0 AND 18 THEN
        PERFORM refuse_invalid('asset scale is out of range', format('Scale: %s.', scale), 'Between 0 and 18 decimals.');
    END IF;
    PERFORM bounded_wait(), load_shipped_assets();
    INSERT INTO supported_asset AS a (asset, kind, name, scale)
    VALUES (register_asset.asset, register_asset.kind, coalesce(register_asset.name, register_asset.asset::text),
            register_asset.scale)
    ON CONFLICT DO NOTHING
    RETURNING a.* INTO present;
    fresh := FOUND;
    IF NOT fresh THEN
        SELECT a.* INTO STRICT present FROM supported_asset AS a WHERE a.asset = register_asset.asset;
    END IF;
    -- that of a shipped asset is not known to everybody: the name may be left out
    RETURN record_opening('register_asset', 0, reference,
                          jsonb_build_object('asset', asset, 'kind', kind, 'scale', scale)
                          || jsonb_strip_nulls(jsonb_build_object('name', name)),
                          fresh, present, present.registered_at);
END;
$$;
COMMENT ON FUNCTION register_asset IS
'Registers an asset.
kind: FIAT, COIN or STABLECOIN. scale: 0 to 18 decimals. The same content again is no error; another kind, name or scale is LG020.
Errors: LG002, LG020.';

-- Retires or reinstates an asset.
CREATE FUNCTION bakkt_ledger_internal.set_asset_status(unit asset, event text, reason text, reference text)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    wanted constant text := CASE event WHEN 'retired' THEN 'RETIRED' ELSE 'ACTIVE' END;
    before supported_asset;
    after supported_asset;
    asked request;
BEGIN
    PERFORM bounded_wait(), load_shipped_assets();
    SELECT a.* INTO before FROM supported_asset AS a WHERE a.asset = unit FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM require_asset(unit);
    END IF;
    asked := open_change('set_asset_status', 'supported_asset', 0, reference,
                         jsonb_build_object('asset', unit, 'status', wanted));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    UPDATE supported_asset AS a SET status = wanted WHERE a.asset = unit RETURNING a.* INTO after;
    PERFORM invalidate_account_cache();
    RETURN close_change(asked, event, before, after, reason);
END;
$$;

CREATE FUNCTION bakkt_ledger.retire_asset(asset asset, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN set_asset_status(asset, 'retired', reason, reference);
END;
$$;
COMMENT ON FUNCTION retire_asset IS
'Ends posting in an asset: no posting that begins from now on is in it (LG041); what was posted stays.
It waits for nobody''s transaction: postings under way may still end, all of them begun before. Retiring again is no error.
Errors: LG040 unknown, LG020.';

CREATE FUNCTION bakkt_ledger.reinstate_asset(asset asset, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN set_asset_status(asset, 'reinstated', reason, reference);
END;
$$;
COMMENT ON FUNCTION reinstate_asset IS
'Takes retire_asset() back.
Errors: LG040 unknown, LG020.';
