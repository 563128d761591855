-- The assets and instruments every ledger starts with are copied into the tables when the first
-- client is opened, not by CREATE EXTENSION: a restored dump finds the tables empty and every row
-- as it was, retired ones included.

CREATE TABLE bakkt_ledger_internal.shipped_assets_loaded (
    edition integer PRIMARY KEY,
    loaded_at timestamptz NOT NULL
);
COMMENT ON TABLE shipped_assets_loaded IS 'Which editions of the shipped assets and instruments were copied into this ledger.';
SELECT pg_catalog.pg_extension_config_dump('shipped_assets_loaded', '');
INSERT INTO subject (subject, key) VALUES ('shipped_assets_loaded', '{edition}');

-- The assets this version ships, with the decimals of their price in USD (NULL: no instrument).
CREATE FUNCTION bakkt_ledger_internal.shipped_asset()
    RETURNS TABLE (asset asset, kind text, name text, scale integer, price_decimals integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES
        ('USD'::asset, 'FIAT', 'US dollar', 2, NULL::integer),
        ('EUR', 'FIAT', 'Euro', 2, NULL),
        ('GBP', 'FIAT', 'Pound sterling', 2, NULL),
        ('JPY', 'FIAT', 'Yen', 0, NULL),
        ('USDC', 'STABLECOIN', 'USD Coin', 6, 4),
        ('USDT', 'STABLECOIN', 'Tether', 6, 4),
        ('BTC', 'COIN', 'Bitcoin', 8, 2),
        ('ETH', 'COIN', 'Ether', 18, 2),
        ('LTC', 'COIN', 'Litecoin', 8, 2),
        ('BCH', 'COIN', 'Bitcoin Cash', 8, 2),
        ('ETC', 'COIN', 'Ethereum Classic', 18, 2),
        ('SOL', 'COIN', 'Solana', 9, 2),
        ('DOGE', 'COIN', 'Dogecoin', 8, 5),
        ('XRP', 'COIN', 'XRP', 6, 4),
        ('ADA', 'COIN', 'Cardano', 6, 4),
        ('XLM', 'COIN', 'Stellar Lumen', 7, 4),
        ('AVAX', 'COIN', 'Avalanche', 18, 2),
        ('DOT', 'COIN', 'Polkadot', 10, 3),
        ('MATIC', 'COIN', 'Polygon (former token)', 18, 4),
        ('POL', 'COIN', 'Polygon', 18, 4),
        ('LINK', 'COIN', 'Chainlink', 18, 3),
        ('UNI', 'COIN', 'Uniswap', 18, 3),
        ('SHIB', 'COIN', 'Shiba Inu', 18, 8),
        ('GRT', 'COIN', 'The Graph', 18, 4),
        ('ALGO', 'COIN', 'Algorand', 6, 4),
        ('ATOM', 'COIN', 'Cosmos', 6, 3),
        ('AAVE', 'COIN', 'Aave', 18, 2),
        ('BAT', 'COIN', 'Basic Attention Token', 18, 4),
        ('COMP', 'COIN', 'Compound', 18, 2),
        ('CRV', 'COIN', 'Curve', 18, 4),
        ('FIL', 'COIN', 'Filecoin', 18, 3),
        ('MANA', 'COIN', 'Decentraland', 18, 4),
        ('MKR', 'COIN', 'Maker', 18, 2),
        ('SUSHI', 'COIN', 'Sushi', 18, 4),
        ('XTZ', 'COIN', 'Tezos', 6, 4),
        ('YFI', 'COIN', 'yearn.finance', 18, 2),
        ('ZEC', 'COIN', 'Zcash', 8, 2);
END;

CREATE FUNCTION bakkt_ledger.load_shipped_assets() RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    loaded shipped_assets_loaded := (1, clock_timestamp());
    assets supported_asset[];
    instruments instrument[];
BEGIN
    IF EXISTS (SELECT FROM shipped_assets_loaded AS l WHERE l.edition = loaded.edition) THEN
        RETURN ROW(NULL, 'unchanged', false)::change_result;
    END IF;
    PERFORM bounded_wait();
    INSERT INTO shipped_assets_loaded SELECT loaded.* ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN ROW(NULL, 'unchanged', false)::change_result;
    END IF;
    WITH opened AS (
        INSERT INTO supported_asset AS a (asset, kind, name, scale, registered_at)
        SELECT s.asset, s.kind, s.name, s.scale, loaded.loaded_at FROM shipped_asset() AS s
        ON CONFLICT DO NOTHING
        RETURNING a
    )
    SELECT array_agg(o.a) INTO assets FROM opened AS o;
    WITH opened AS (
        INSERT INTO instrument AS i (symbol, base, quote, price_increment, quantity_increment, minimum_quantity, minimum_notional,
                                     opened_at)
        SELECT s.asset::text || 'USD', s.asset, 'USD'::asset,
               price(1 / 10::numeric ^ s.price_decimals, 'USD', s.asset), s.step, s.step, '1.00 USD', loaded.loaded_at
        FROM (SELECT h.*, amount(1 / 10::numeric ^ least(h.scale, 8), h.asset) AS step FROM shipped_asset() AS h) AS s
        JOIN supported_asset AS a ON a.asset = s.asset AND a.scale = s.scale AND a.status = 'ACTIVE'
        WHERE s.price_decimals IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING i
    )
    SELECT array_agg(o.i) INTO instruments FROM opened AS o;
    PERFORM record_event('loaded', NULL::shipped_assets_loaded, loaded, loaded.loaded_at),
            record_events('opened', NULL::supported_asset[], assets, loaded.loaded_at),
            record_events('opened', NULL::instrument[], instruments, loaded.loaded_at);
    RETURN ROW(NULL, 'loaded', false)::change_result;
END;
$$;
COMMENT ON FUNCTION load_shipped_assets IS
'Copies the assets and instruments of this version into the ledger, once; assets already registered stay as they are.
Opening a client does it. After an update of the extension, call it to get what is new.';
