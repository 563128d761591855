-- Buying power, third part: what callers ask for.
-- Refuses customers whose cash is not held here (LG013), assets that are no currency (LG042).
-- Locks nothing.

-- LG040 unless the asset is registered, LG042 unless it is a currency. A retired one will do: what
-- is there can be read.
CREATE FUNCTION bakkt_ledger_internal.require_currency(unit asset) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    its_kind constant text := (SELECT s.kind FROM supported_asset AS s WHERE s.asset = unit);
BEGIN
    IF its_kind IS NULL THEN
        PERFORM refuse('LG040', format('asset "%s" is not registered', coalesce(unit::text, 'NULL')), NULL,
                       'Name a currency: an asset of kind FIAT in supported_asset.');
    ELSIF its_kind <> 'FIAT' THEN
        PERFORM refuse('LG042', format('cash is in a currency, not in %s', unit), NULL,
                       'Name a currency: an asset of kind FIAT in supported_asset.');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.buying_power(customer text, asset asset DEFAULT 'USD', at timestamptz DEFAULT clock_timestamp())
    RETURNS buying_power
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    owner constant customer := customer_row(require_customer(customer));
BEGIN
    PERFORM require_instant(at), require_currency(asset), require_cash_here(owner.customer_id);
    RETURN (SELECT t.terms
            FROM buying_power_terms(ROW(owner.client_id, ARRAY[owner.customer_id], false, asset, buying_power_cut(at), at)) AS t);
END;
$$;
COMMENT ON FUNCTION buying_power IS
'What a customer whose cash is held here may spend at the instant, with every term, by what is known now; see type buying_power.
Errors: LG012, LG013 the customer''s cash is not held here, LG040 or LG042 no currency, LG061, LG002 infinite instant.';

CREATE FUNCTION bakkt_ledger.buying_powers(client text, asset asset DEFAULT 'USD', at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF buying_power
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    PERFORM require_instant(at), require_currency(asset);
    RETURN QUERY
    SELECT (t.terms).*
    FROM buying_power_terms(ROW(holder, customers_with_cash_here(holder), true, asset, buying_power_cut(at), at)) AS t
    ORDER BY (t.terms).customer COLLATE "C";
END;
$$;
COMMENT ON FUNCTION buying_powers IS
'What each customer of a client whose cash is held here may spend at the instant: buying_power(), computed as a set.
Errors: LG010, 42501, LG040 or LG042 no currency, LG061, LG002 infinite instant.';
