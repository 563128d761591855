-- How much a client, or a provider, may come to owe and trade, per currency. Without a row, or with
-- NULL for a limit, there is none.
-- Refuses a limit that is negative (LG002) or of another asset (LG042), and what is no asset that
-- may be posted (LG040, LG041). Locks the row of the client or of the provider.

CREATE TABLE bakkt_ledger_internal.exposure_limit (
    client_id integer NOT NULL REFERENCES client,
    asset asset NOT NULL REFERENCES supported_asset,
    net_debit_cap amount CHECK (asset(net_debit_cap) = asset AND sign(net_debit_cap) >= 0),
    trade_limit amount CHECK (asset(trade_limit) = asset AND sign(trade_limit) >= 0),
    daily_gross_limit amount CHECK (asset(daily_gross_limit) = asset AND sign(daily_gross_limit) >= 0),
    CONSTRAINT exposure_limit_pkey PRIMARY KEY (client_id, asset)
);
COMMENT ON TABLE exposure_limit IS 'What a client''s customers may trade in a currency, and what the client may come to owe.';
COMMENT ON COLUMN exposure_limit.net_debit_cap IS
'What the client may owe in all, net (LG092): unsettled executions and open obligations, less unapplied money.';
COMMENT ON COLUMN exposure_limit.trade_limit IS 'The net money of one execution at most (LG091).';
COMMENT ON COLUMN exposure_limit.daily_gross_limit IS
'The net money of all executions from one cut-off to the next at most, purchases and sales added up (LG093).';
SELECT pg_catalog.pg_extension_config_dump('exposure_limit', '');
INSERT INTO subject (subject, key) VALUES ('exposure_limit', '{asset}');
CREATE TRIGGER forget_parties AFTER INSERT OR UPDATE ON exposure_limit FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();

CREATE TABLE bakkt_ledger_internal.provider_limit (
    provider_id integer NOT NULL REFERENCES provider,
    asset asset NOT NULL REFERENCES supported_asset,
    exposure_limit amount CHECK (asset(exposure_limit) = asset AND sign(exposure_limit) >= 0),
    trade_limit amount CHECK (asset(trade_limit) = asset AND sign(trade_limit) >= 0),
    CONSTRAINT provider_limit_pkey PRIMARY KEY (provider_id, asset)
);
COMMENT ON TABLE provider_limit IS 'What may be executed with a provider in a currency, and what it may come to owe.';
COMMENT ON COLUMN provider_limit.exposure_limit IS
'What may be unsettled with the provider over all clients. Executions have happened and are not judged by it: it is for who
chooses a provider.';
COMMENT ON COLUMN provider_limit.trade_limit IS 'The provider''s money of one execution at most (LG091).';
SELECT pg_catalog.pg_extension_config_dump('provider_limit', '');
INSERT INTO subject (subject, key) VALUES ('provider_limit', '{provider_id,asset}');
CREATE TRIGGER forget_parties AFTER INSERT OR UPDATE ON provider_limit FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();

-- LG002 or LG042 unless a limit is none, or an amount of the asset that is not negative.
CREATE FUNCTION bakkt_ledger_internal.check_limit(what text, given amount, asset asset) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF asset(given) <> asset THEN
        PERFORM refuse('LG042', format('%s must be in %s', what, asset), format('It is %s.', given));
    ELSIF sign(given) < 0 THEN
        PERFORM refuse_invalid(format('%s cannot be negative', what), format('It is %s.', given),
                               'Zero lets nothing through; leave it out for no limit.');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.change_exposure_limits(client text, asset asset, net_debit_cap amount DEFAULT NULL,
                                                    trade_limit amount DEFAULT NULL, daily_gross_limit amount DEFAULT NULL,
                                                    reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    asked request;
    before exposure_limit;
    after constant exposure_limit := (holder, asset, net_debit_cap, trade_limit, daily_gross_limit);
BEGIN
    PERFORM bounded_wait(), require_asset(asset), check_limit('the net debit cap', net_debit_cap, asset),
            check_limit('the limit per trade', trade_limit, asset),
            check_limit('the daily gross limit', daily_gross_limit, asset);
    PERFORM FROM client AS c WHERE c.client_id = holder FOR NO KEY UPDATE;
    asked := open_change('change_exposure_limits', 'exposure_limit', holder, reference, to_jsonb(after));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    SELECT l.* INTO before FROM exposure_limit AS l WHERE l.client_id = holder AND l.asset = change_exposure_limits.asset;
    IF NOT FOUND AND num_nonnulls(net_debit_cap, trade_limit, daily_gross_limit) = 0 THEN
        before := after;
    ELSE
        INSERT INTO exposure_limit AS l SELECT after.*
        ON CONFLICT ON CONSTRAINT exposure_limit_pkey DO UPDATE
        SET (net_debit_cap, trade_limit, daily_gross_limit) =
            (excluded.net_debit_cap, excluded.trade_limit, excluded.daily_gross_limit);
    END IF;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_exposure_limits IS
'Sets what a client''s customers may trade in a currency, and what the client may come to owe, from now on.
The three are set together, and what is NULL is no limit. net_debit_cap: of what the client owes net, by unsettled executions and
open obligations. trade_limit: of one execution. daily_gross_limit: of all executions from one cut-off to the next. What is above
a new limit already stays; sales are let through. Repeating a reference is no second change; LG020 when its content differs.
Errors: LG002, LG010, LG011, LG020, LG040, LG041, LG042.';

CREATE FUNCTION bakkt_ledger.change_provider_limits(provider text, asset asset, exposure_limit amount DEFAULT NULL,
                                                    trade_limit amount DEFAULT NULL, reference text DEFAULT NULL,
                                                    reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    filler provider;
    asked request;
    before provider_limit;
    after provider_limit;
BEGIN
    PERFORM bounded_wait(), require_asset(asset), check_limit('the exposure limit', exposure_limit, asset),
            check_limit('the limit per trade', trade_limit, asset);
    SELECT p.* INTO filler FROM provider AS p WHERE p.code = change_provider_limits.provider FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse_provider(provider);
    END IF;
    after := (filler.provider_id, asset, exposure_limit, trade_limit);
    asked := open_change('change_provider_limits', 'provider_limit', 0, reference, to_jsonb(after));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    SELECT l.* INTO before
    FROM provider_limit AS l
    WHERE l.provider_id = filler.provider_id AND l.asset = change_provider_limits.asset;
    IF NOT FOUND AND num_nonnulls(exposure_limit, trade_limit) = 0 THEN
        before := after;
    ELSE
        INSERT INTO provider_limit AS l SELECT after.*
        ON CONFLICT ON CONSTRAINT provider_limit_pkey DO UPDATE
        SET (exposure_limit, trade_limit) = (excluded.exposure_limit, excluded.trade_limit);
    END IF;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_provider_limits IS
'Sets what may be executed with a liquidity provider in a currency, and what may be unsettled with it, from now on.
Both are set together, and what is NULL is no limit. trade_limit: of the provider''s money of one execution. exposure_limit: over
all clients; no execution is refused for it. Repeating a reference is no second change; LG020 when its content differs.
Errors: LG002, LG014, LG020, LG040, LG041, LG042.';
