-- Buying power, third part: what callers ask for.
-- Refuses customers whose cash is not held here (LG013), assets that are no currency (LG042).
-- Locks nothing.

-- A retired currency may still have balances.
CREATE FUNCTION bakkt_ledger_internal.require_currency(asset asset) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    its_kind    text;
BEGIN
    SELECT s.kind INTO its_kind FROM supported_asset s WHERE s.asset = require_currency.asset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG040', MESSAGE = format('asset "%s" is not registered', coalesce(require_currency.asset::text, 'NULL')),
            HINT = 'Name a currency: an asset of kind FIAT in supported_asset.';
    ELSIF its_kind <> 'FIAT' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('cash is in a currency, not in %s', require_currency.asset),
            HINT = 'Name a currency: an asset of kind FIAT in supported_asset.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_currency(asset) IS
    'Internal: raises LG040 unless the asset is registered, LG042 unless it is a currency. A retired currency is accepted, '
    'because its balances can be read.';

CREATE FUNCTION bakkt_ledger.buying_power(account text, at timestamptz DEFAULT clock_timestamp(), asset asset DEFAULT 'USD')
    RETURNS buying_power
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    owner   constant bigint := require_customer(buying_power.account);
    scope   cash_scope;
    result  buying_power;
BEGIN
    PERFORM require_instant(at);
    PERFORM require_currency(asset);
    PERFORM require_cash_here(owner);
    scope := ROW((SELECT c.client_id FROM customer c WHERE c.customer_id = owner), ARRAY[owner], false, buying_power.asset, buying_power_cut(at), at);
    SELECT (t.terms).* INTO result FROM buying_power_terms(scope) t;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION buying_power(text, timestamptz, asset) IS
    'What a customer whose cash is held here may spend at the instant, with every term, by what is known now; see type '
    'buying_power. Errors: LG012, LG013 the customer''s cash is not held here, LG040 or LG042 no currency, LG061, LG002 '
    'infinite instant.';

CREATE FUNCTION bakkt_ledger.buying_powers(client text, at timestamptz DEFAULT clock_timestamp(), asset asset DEFAULT 'USD')
    RETURNS SETOF buying_power
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    asked   constant integer := require_client(buying_powers.client);
    scope   cash_scope;
BEGIN
    PERFORM require_instant(at);
    PERFORM require_currency(asset);
    scope := ROW(asked, ARRAY(SELECT c.customer_id FROM customer c JOIN client l USING (client_id)
                               WHERE c.client_id = asked AND coalesce(c.funding_model, l.funding_model) = 'BAKKT_TPJ'),
                 true, buying_powers.asset, buying_power_cut(at), at);
    RETURN QUERY SELECT (t.terms).* FROM buying_power_terms(scope) t ORDER BY (t.terms).account COLLATE "C";
END;
$$;
COMMENT ON FUNCTION buying_powers(text, timestamptz, asset) IS
    'buying_power() for all customers of a client whose cash is held here, computed as a set. Errors: LG010, 42501, LG040 or '
    'LG042 no currency, LG061, LG002 infinite instant.';
