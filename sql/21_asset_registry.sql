
-- ===========================================================================
-- Assets and instruments
-- ===========================================================================

CREATE TABLE supported_asset (
	asset			asset PRIMARY KEY,
	kind			text NOT NULL CHECK (kind IN ('FIAT', 'COIN', 'STABLECOIN')),
	name			text NOT NULL,
	scale			int NOT NULL CHECK (scale BETWEEN 0 AND 18),
	status			text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'retired')),
	registered_at	timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE supported_asset IS 'The assets that can be posted.';
COMMENT ON COLUMN supported_asset.scale IS 'Decimals of one unit that may be posted; never changes.';
SELECT pg_catalog.pg_extension_config_dump('supported_asset', '');

CREATE TABLE instrument (
	instrument_id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	symbol				text NOT NULL UNIQUE CHECK (symbol ~ '^[A-Z0-9._-]{2,21}$'),
	base				asset NOT NULL REFERENCES supported_asset,
	quote				asset NOT NULL REFERENCES supported_asset,
	price_increment		price NOT NULL,
	quantity_increment	amount NOT NULL,
	minimum_quantity	amount NOT NULL,
	minimum_notional	amount NOT NULL,
	status				text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'retired')),
	opened_at			timestamptz NOT NULL DEFAULT clock_timestamp(),
	UNIQUE (base, quote)
);
COMMENT ON TABLE instrument IS 'What can be traded: a base asset for a quote asset, with the steps of price and quantity.';
SELECT pg_catalog.pg_extension_config_dump('instrument', '');
SELECT pg_catalog.pg_extension_config_dump('instrument_instrument_id_seq', '');

-- The assets and instruments every ledger starts with are copied into the
-- tables when the first client is opened, not by CREATE EXTENSION: a restored
-- dump finds the tables empty and every row as it was, retired ones included.
CREATE TABLE shipped_assets_loaded (
	edition		int PRIMARY KEY,
	loaded_at	timestamptz NOT NULL
);
COMMENT ON TABLE shipped_assets_loaded IS 'Which editions of the shipped assets and instruments were copied into this ledger.';
SELECT pg_catalog.pg_extension_config_dump('shipped_assets_loaded', '');

CREATE FUNCTION shipped_asset() RETURNS TABLE (asset asset, kind text, name text, scale int, price_decimals int)
	IMMUTABLE PARALLEL SAFE LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
	VALUES
		('USD'::asset, 'FIAT', 'US dollar', 2, NULL::int),
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
		('ZEC', 'COIN', 'Zcash', 8, 2)
	$$;
COMMENT ON FUNCTION shipped_asset() IS
	'The assets this version ships, with the decimals of their price in USD (NULL: no instrument).';

CREATE FUNCTION load_shipped_assets() RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	current_edition	constant int := 1;
	now_loaded		constant timestamptz := clock_timestamp();
BEGIN
	IF EXISTS (SELECT FROM shipped_assets_loaded l WHERE l.edition = current_edition) THEN
		RETURN;
	END IF;
	PERFORM bounded_wait();
	INSERT INTO shipped_assets_loaded VALUES (current_edition, now_loaded) ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	INSERT INTO supported_asset (asset, kind, name, scale, registered_at)
	SELECT s.asset, s.kind, s.name, s.scale, now_loaded FROM shipped_asset() s
	ON CONFLICT DO NOTHING;
	INSERT INTO instrument (symbol, base, quote, price_increment, quantity_increment, minimum_quantity, minimum_notional, opened_at)
	SELECT s.asset::text || 'USD', s.asset, 'USD'::asset,
		   price(1 / 10::numeric ^ s.price_decimals, 'USD', s.asset), s.step, s.step, '1.00 USD', now_loaded
	FROM (SELECT *, amount(1 / 10::numeric ^ least(scale, 8), asset) AS step FROM shipped_asset()) s
	JOIN supported_asset a ON a.asset = s.asset AND a.scale = s.scale AND a.status = 'active'
	WHERE s.price_decimals IS NOT NULL
	ON CONFLICT DO NOTHING;
	PERFORM record_change('shipped_assets', current_edition::text, NULL,
						  (SELECT jsonb_object_agg(s.asset::text, s.scale) FROM shipped_asset() s));
END
$$;
COMMENT ON FUNCTION load_shipped_assets() IS
	'Copies the assets and instruments of this version into the ledger, once; assets already registered stay as they are. Opening a client does it. After an update of the extension, call it to get what is new.';

-- ---------------------------------------------------------------------------
-- Assets
-- ---------------------------------------------------------------------------

CREATE FUNCTION require_asset(asset asset) RETURNS void
	STABLE PARALLEL SAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	found_status	text;
BEGIN
	SELECT a.status INTO found_status FROM supported_asset a WHERE a.asset = require_asset.asset;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'LG040',
			MESSAGE = format('asset "%s" is not registered', coalesce(require_asset.asset::text, 'NULL')),
			HINT = 'Register it with register_asset().';
	ELSIF found_status = 'retired' THEN
		RAISE EXCEPTION USING ERRCODE = 'LG041', MESSAGE = format('asset "%s" is retired', require_asset.asset);
	END IF;
END
$$;
COMMENT ON FUNCTION require_asset(asset) IS 'Raises LG040 unless the asset is registered, LG041 when it is retired.';

CREATE FUNCTION register_asset(
	asset		asset,
	kind		text,
	scale		int,
	name		text DEFAULT NULL,
	reference	text DEFAULT NULL)
	RETURNS asset
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	full_name	constant text := coalesce(register_asset.name, register_asset.asset::text);
	opened		supported_asset%ROWTYPE;
	stored		supported_asset%ROWTYPE;
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
	-- a shipped asset has no opening of its own; its name may be left out
	PERFORM refuse_other_content('asset', stored.asset::text, to_jsonb(stored),
		jsonb_build_object('kind', register_asset.kind, 'scale', register_asset.scale)
		|| CASE WHEN register_asset.name IS NULL THEN '{}' ELSE jsonb_build_object('name', full_name) END);
	RETURN stored.asset;
END
$$;
COMMENT ON FUNCTION register_asset(asset, text, int, text, text) IS
	'Registers an asset (kind FIAT, COIN or STABLECOIN; 0 to 18 decimals). The same content again is no error; another kind, name or scale raises LG020. Malformed content raises LG002.';

CREATE FUNCTION set_asset_status(asset asset, status text, reason text, reference text) RETURNS void
	VOLATILE PARALLEL UNSAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	before	supported_asset%ROWTYPE;
	after	supported_asset%ROWTYPE;
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
END
$$;
COMMENT ON FUNCTION set_asset_status(asset, text, text, text) IS 'Internal: retires or reinstates an asset.';

CREATE FUNCTION retire_asset(asset asset, reason text DEFAULT NULL, reference text DEFAULT NULL) RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$ SELECT set_asset_status($1, 'retired', $2, $3) $$;
COMMENT ON FUNCTION retire_asset(asset, text, text) IS
	'No posting that begins from now on is in the asset (LG041); what was posted stays. Waits for nobody''s transaction: postings under way may still end, all of them begun before. Retiring again is no error. Raises LG040 when unknown.';

CREATE FUNCTION reinstate_asset(asset asset, reason text DEFAULT NULL, reference text DEFAULT NULL) RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$ SELECT set_asset_status($1, 'active', $2, $3) $$;
COMMENT ON FUNCTION reinstate_asset(asset, text, text) IS 'Takes retire_asset() back. Raises LG040 when unknown.';

-- ---------------------------------------------------------------------------
-- Instruments
-- ---------------------------------------------------------------------------

CREATE FUNCTION check_step(what text, step amount, asset asset) RETURNS void
	STABLE PARALLEL UNSAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	decimals	constant int := (SELECT a.scale FROM supported_asset a WHERE a.asset = check_step.asset);
BEGIN
	IF step IS NULL THEN
		PERFORM refuse_invalid(format('%s is missing', what));
	ELSIF asset(step) <> asset THEN
		RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('%s must be in %s', what, asset), DETAIL = format('It is %s.', step);
	ELSIF sign(step) <= 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'LG045', MESSAGE = format('%s must be positive', what), DETAIL = format('It is %s.', step);
	ELSIF NOT fits_decimals(step, decimals) THEN
		RAISE EXCEPTION USING ERRCODE = 'LG043', MESSAGE = format('%s is finer than its asset', what),
			DETAIL = format('It is %s; %s has %s decimals.', step, asset, decimals);
	END IF;
END
$$;
COMMENT ON FUNCTION check_step(text, amount, asset) IS
	'Internal: raises LG042, LG045 or LG043 unless the step is a positive amount of the asset within its decimals.';

CREATE FUNCTION check_instrument(candidate instrument) RETURNS void
	STABLE PARALLEL UNSAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
BEGIN
	IF candidate.symbol IS NULL OR candidate.symbol !~ '^[A-Z0-9._-]{2,21}$' THEN
		PERFORM refuse_invalid('symbol must be 2 to 21 capital letters or digits', format('Symbol: "%s".', candidate.symbol));
	ELSIF candidate.base = candidate.quote THEN
		PERFORM refuse_invalid('an asset cannot be traded for itself', format('Asset: %s.', candidate.base));
	ELSIF candidate.price_increment IS NULL THEN
		PERFORM refuse_invalid('price increment is missing');
	ELSIF quote(candidate.price_increment) <> candidate.quote OR base(candidate.price_increment) <> candidate.base THEN
		RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('price increment must be in %s/%s', candidate.quote, candidate.base),
			DETAIL = format('It is %s.', candidate.price_increment);
	ELSIF value(candidate.price_increment) <= 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'LG045', MESSAGE = 'price increment must be positive',
			DETAIL = format('It is %s.', candidate.price_increment);
	END IF;
	PERFORM check_step('quantity increment', candidate.quantity_increment, candidate.base);
	PERFORM check_step('minimum quantity', candidate.minimum_quantity, candidate.base);
	PERFORM check_step('minimum notional', candidate.minimum_notional, candidate.quote);
END
$$;
COMMENT ON FUNCTION check_instrument(instrument) IS 'Internal: raises LG002, LG042, LG043 or LG045 naming what is wrong with an instrument.';

CREATE FUNCTION open_instrument(
	symbol				text,
	base				asset,
	quote				asset,
	price_increment		price,
	quantity_increment	amount,
	minimum_quantity	amount DEFAULT NULL,
	minimum_notional	amount DEFAULT NULL,
	reference			text DEFAULT NULL)
	RETURNS int
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	candidate	instrument;
	opened		instrument;
	request		jsonb;
BEGIN
	PERFORM load_shipped_assets();
	PERFORM require_asset(open_instrument.base);
	PERFORM require_asset(open_instrument.quote);
	candidate.symbol := open_instrument.symbol;
	candidate.base := open_instrument.base;
	candidate.quote := open_instrument.quote;
	candidate.price_increment := open_instrument.price_increment;
	candidate.quantity_increment := open_instrument.quantity_increment;
	candidate.minimum_quantity := coalesce(open_instrument.minimum_quantity, open_instrument.quantity_increment);
	candidate.minimum_notional := coalesce(open_instrument.minimum_notional, amount(1, open_instrument.quote));
	PERFORM bounded_wait(), check_instrument(candidate);
	INSERT INTO instrument AS i (symbol, base, quote, price_increment, quantity_increment, minimum_quantity, minimum_notional)
	VALUES (candidate.symbol, candidate.base, candidate.quote, candidate.price_increment, candidate.quantity_increment,
			candidate.minimum_quantity, candidate.minimum_notional)
	ON CONFLICT DO NOTHING
	RETURNING i.* INTO opened;
	IF opened.instrument_id IS NOT NULL THEN
		PERFORM record_change('instrument', opened.symbol, NULL, to_jsonb(opened), NULL, open_instrument.reference);
		RETURN opened.instrument_id;
	END IF;
	SELECT i.* INTO opened FROM instrument i
	WHERE i.symbol = candidate.symbol OR (i.base = candidate.base AND i.quote = candidate.quote)
	ORDER BY i.symbol = candidate.symbol DESC LIMIT 1;
	request := to_jsonb(candidate) - ARRAY['instrument_id', 'status', 'opened_at'];
	PERFORM refuse_other_content('instrument', opened.symbol,
		coalesce((SELECT l.after FROM change_log l WHERE l.object_kind = 'instrument' AND l.object_key = opened.symbol AND l.before IS NULL),
				 to_jsonb(opened)), request);
	RETURN opened.instrument_id;
END
$$;
COMMENT ON FUNCTION open_instrument(text, asset, asset, price, amount, amount, amount, text) IS
	'Opens an instrument and returns its identifier. Minimum quantity defaults to the quantity increment, minimum notional to 1 of the quote asset. The same content again returns the same; other content, or another symbol for the same pair, raises LG020. Raises LG002, LG040, LG041, LG042, LG043, LG045.';

CREATE FUNCTION change_instrument(
	symbol				text,
	price_increment		price DEFAULT NULL,
	quantity_increment	amount DEFAULT NULL,
	minimum_quantity	amount DEFAULT NULL,
	minimum_notional	amount DEFAULT NULL,
	status				text DEFAULT NULL,
	reason				text DEFAULT NULL,
	reference			text DEFAULT NULL)
	RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	before	instrument;
	after	instrument;
	request	jsonb;
BEGIN
	PERFORM bounded_wait(), load_shipped_assets();
	SELECT i.* INTO before FROM instrument i WHERE i.symbol = change_instrument.symbol FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'LG015',
			MESSAGE = format('instrument "%s" does not exist', coalesce(change_instrument.symbol, 'NULL')),
			HINT = 'Open it with open_instrument().';
	END IF;
	request := jsonb_strip_nulls(jsonb_build_object('price_increment', change_instrument.price_increment,
		'quantity_increment', change_instrument.quantity_increment, 'minimum_quantity', change_instrument.minimum_quantity,
		'minimum_notional', change_instrument.minimum_notional, 'status', change_instrument.status));
	IF changed_before('instrument', before.symbol, change_instrument.reference, request) THEN
		RETURN;
	END IF;
	after := jsonb_populate_record(before, request);
	PERFORM check_instrument(after);
	IF after.status NOT IN ('active', 'retired') THEN
		PERFORM refuse_invalid('instrument status is not known', format('Status: "%s".', after.status), 'One of active, retired.');
	ELSIF to_jsonb(after) = to_jsonb(before) THEN
		RETURN;
	END IF;
	UPDATE instrument AS i SET price_increment = after.price_increment, quantity_increment = after.quantity_increment,
		minimum_quantity = after.minimum_quantity, minimum_notional = after.minimum_notional, status = after.status
	WHERE i.instrument_id = before.instrument_id;
	PERFORM record_change('instrument', before.symbol, to_jsonb(before), to_jsonb(after), NULL,
						  change_instrument.reference, change_instrument.reason);
END
$$;
COMMENT ON FUNCTION change_instrument(text, price, amount, amount, amount, text, text, text) IS
	'Changes the steps, minimums or status (active, retired) of an instrument; NULL leaves them. Trades made before are not touched. Raises LG015, LG002, LG020, LG042, LG043, LG045.';

CREATE FUNCTION retire_instrument(symbol text, reason text DEFAULT NULL, reference text DEFAULT NULL) RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$ SELECT change_instrument($1, status => 'retired', reason => $2, reference => $3) $$;
COMMENT ON FUNCTION retire_instrument(text, text, text) IS 'No new trades in the instrument. Retiring again is no error. Raises LG015.';
