-- Assets are registered, wound down, retired and reinstated.
-- Refuses other terms than an asset was registered with (LG020), and to retire one in which
-- somebody has a claim (LG039).
-- Locks: the asset's row; whoever retires it, what asset_claim.sql says, and its instruments.

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

-- Retires the instruments of an asset that ends. Who has a claim in what was traded for it must be
-- able to sell that elsewhere (LG039).
CREATE FUNCTION bakkt_ledger_internal.retire_instruments_of(unit asset, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before instrument;
    after instrument;
BEGIN
    PERFORM bounded_wait();
    PERFORM require_instrument_needless(q)
    FROM (SELECT i AS q FROM instrument AS i WHERE i.quote = unit AND i.status <> 'RETIRED' ORDER BY i.base) AS ending;
    FOR before IN
        SELECT i.*
        FROM instrument AS i
        WHERE unit IN (i.base, i.quote) AND i.status <> 'RETIRED'
        ORDER BY i.base, i.quote
        FOR NO KEY UPDATE
    LOOP
        UPDATE instrument AS i SET status = 'RETIRED' WHERE i.instrument_id = before.instrument_id RETURNING i.* INTO after;
        PERFORM record_event('changed', before, after, clock_timestamp(), reason => reason,
                             content => jsonb_build_object('with', unit, 'was', before.status));
    END LOOP;
END;
$$;

-- Gives the instruments that were retired with an asset, and not touched since, the status back
-- that they had; not while their other asset is retired.
CREATE FUNCTION bakkt_ledger_internal.reinstate_instruments_of(unit asset, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before instrument;
    after instrument;
    said jsonb;
BEGIN
    PERFORM bounded_wait();
    FOR before IN
        SELECT i.*
        FROM instrument AS i
        WHERE unit IN (i.base, i.quote) AND i.status = 'RETIRED'
          AND NOT EXISTS (SELECT FROM supported_asset AS a
                          WHERE a.asset IN (i.base, i.quote) AND a.asset <> unit AND a.status = 'RETIRED')
        ORDER BY i.base, i.quote
        FOR NO KEY UPDATE
    LOOP
        said := (SELECT e.content
                 FROM event AS e
                 WHERE e.client_id = 0 AND e.subject = 'instrument' AND e.subject_key = before.symbol
                 ORDER BY e.event_id DESC LIMIT 1);
        CONTINUE WHEN said ->> 'with' IS DISTINCT FROM unit::text;
        UPDATE instrument AS i SET status = said ->> 'was' WHERE i.instrument_id = before.instrument_id RETURNING i.* INTO after;
        PERFORM record_event('changed', before, after, clock_timestamp(), reason => reason);
    END LOOP;
END;
$$;

-- Moves an asset to another of its states.
CREATE FUNCTION bakkt_ledger_internal.set_asset_status(unit asset, wanted text, reason text, reference text)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before supported_asset;
    after supported_asset;
    asked request;
BEGIN
    PERFORM bounded_wait(), load_shipped_assets();
    SELECT a.* INTO before FROM supported_asset AS a WHERE a.asset = unit FOR NO KEY UPDATE;
    PERFORM require_known_asset(unit);
    asked := open_change('set_asset_status', 'supported_asset', 0, reference,
                         jsonb_build_object('asset', unit, 'status', wanted));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    after := before;
    IF before.status <> wanted THEN
        PERFORM require_no_claims(unit), retire_instruments_of(unit, reason) WHERE wanted = 'RETIRED';
        PERFORM reinstate_instruments_of(unit, reason) WHERE before.status = 'RETIRED';
        UPDATE supported_asset AS a SET status = wanted WHERE a.asset = unit RETURNING a.* INTO after;
    END IF;
    RETURN close_change(asked, CASE 'RETIRED' WHEN wanted THEN 'retired' WHEN before.status THEN 'reinstated' ELSE 'changed' END,
                        before, after, reason);
END;
$$;

CREATE FUNCTION bakkt_ledger.change_asset(asset asset, status text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_trading_status('asset', status);
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a reason is missing', NULL, 'Say why the status of the asset changes.');
    END IF;
    RETURN set_asset_status(asset, status, reason, reference);
END;
$$;
COMMENT ON FUNCTION change_asset IS
'Changes what may be done in an asset: ACTIVE, CLOSE_ONLY, HALTED, WITHDRAW_ONLY or RETIRED.
ACTIVE: everything. CLOSE_ONLY: it may be sold and withdrawn, no new claim arises in it. HALTED, for now, and WITHDRAW_ONLY, for
good: it may be withdrawn. RETIRED: as retire_asset(). Whatever the state, busts, corrections and returns of what was done before,
and the settlement of what is owed, pass until it is retired. Postings that begin from now on are judged by it.
Errors: LG002 unknown status or no reason, LG040 unknown, LG020; and those of retire_asset().';

CREATE FUNCTION bakkt_ledger.retire_asset(asset asset, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN set_asset_status(asset, 'RETIRED', reason, reference);
END;
$$;
COMMENT ON FUNCTION retire_asset IS
'Ends an asset in which nobody has a claim: nothing is posted in it from now on (LG041); what was posted stays.
Its instruments are retired with it. It is refused while an account of somebody else than the company is not zero in it, and says
whose: see asset_claims(). Postings under way by clients that have an account in it end first (55P03 if they do not). Retiring
again is no error.
Errors: LG040 unknown, LG039 somebody has a claim, LG020, 25001 not in a READ COMMITTED transaction.';

CREATE FUNCTION bakkt_ledger.reinstate_asset(asset asset, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN set_asset_status(asset, 'ACTIVE', reason, reference);
END;
$$;
COMMENT ON FUNCTION reinstate_asset IS
'Makes an asset ACTIVE again, retired or on its way there; instruments that were retired with it are again what they were.
Errors: LG040 unknown, LG020.';
