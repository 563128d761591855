-- Settling with a liquidity provider outside a window: what the company owes it, and is owed, is
-- discharged (J02d, J03d, the provider's part of J04b). Positive coin comes in against money going
-- out; negative both ways is the mirror image.
-- Refuses unknown providers (LG014).
-- Locks what posting locks.

CREATE FUNCTION bakkt_ledger_internal.provider_entry(client_id integer, lp text, coin amount, money amount) RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    client_id   constant integer := provider_entry.client_id;
    lines       entry_line[] := '{}';
    a           asset;
BEGIN
    IF sign(coin) > 0 THEN
        a := asset(coin);
        lines := ARRAY[line('Dr', ensure_account(client_id, 'CUST', 'Wallet:omnibus', a), coin),
                       line('Cr', ensure_account(client_id, 'CUST', 'DueFrom:CORP', a), coin),
                       line('Dr', ensure_account(client_id, 'CORP', 'DueTo:CUST', a), coin),
                       line('Cr', ensure_account(client_id, 'CORP', 'LP:coin-receivable:' || lp, a), coin)];
    ELSIF sign(coin) < 0 THEN
        a := asset(coin);
        lines := ARRAY[line('Dr', ensure_account(client_id, 'CUST', 'DueTo:CORP', a), -coin),
                       line('Cr', ensure_account(client_id, 'CUST', 'Wallet:omnibus', a), -coin),
                       line('Dr', ensure_account(client_id, 'CORP', 'LP:coin-payable:' || lp, a), -coin),
                       line('Cr', ensure_account(client_id, 'CORP', 'DueFrom:CUST', a), -coin)];
    END IF;
    IF sign(money) > 0 THEN
        a := asset(money);
        lines := lines || ARRAY[line('Dr', ensure_account(client_id, 'CORP', 'LP:payable:' || lp, a), money),
                                line('Cr', ensure_account(client_id, 'CORP', 'Bank:operating', a), money)];
    ELSIF sign(money) < 0 THEN
        a := asset(money);
        lines := lines || ARRAY[line('Dr', ensure_account(client_id, 'CORP', 'Bank:operating', a), -money),
                                line('Cr', ensure_account(client_id, 'CORP', 'LP:receivable:' || lp, a), -money)];
    END IF;
    RETURN journal_entry(VARIADIC lines);
END;
$$;
COMMENT ON FUNCTION provider_entry(integer, text, amount, amount) IS
    'Internal: the lines of a settlement with a liquidity provider.';

CREATE FUNCTION bakkt_ledger.settle_lp(client text, lp text, coin amount, money amount, reference text,
                          effective_at timestamptz DEFAULT NULL, description text DEFAULT NULL)
    RETURNS TABLE (outcome text, replayed boolean, journal bigint, coin_received amount, money_paid amount, recorded_at timestamptz)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    client_id   constant integer := require_client(settle_lp.client);
    result      journal_result;
BEGIN
    IF settle_lp.lp IS NULL OR coalesce(sign(coin), 0) = 0 AND coalesce(sign(money), 0) = 0 THEN
        PERFORM refuse_invalid('a settlement needs a liquidity provider and coin or money');
    ELSIF NOT EXISTS (SELECT FROM liquidity_provider p WHERE p.code = settle_lp.lp) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG014', MESSAGE = format('liquidity provider "%s" does not exist', settle_lp.lp),
            HINT = 'Open it with open_liquidity_provider().';
    END IF;
    IF sign(coin) <> 0 THEN
        PERFORM require_transfer_amount('what the provider delivers', coin, true);
    END IF;
    IF sign(money) <> 0 THEN
        PERFORM require_transfer_amount('what the provider is paid', money, false);
    END IF;
    result := post_entry(client_id, settle_lp.reference, 'lp_settlement', provider_entry(client_id, settle_lp.lp, coin, money),
                         settle_lp.effective_at, settle_lp.description);
    RETURN QUERY SELECT result.outcome, result.replayed, result.journal, coin, money, result.recorded_at;
END;
$$;
COMMENT ON FUNCTION settle_lp(text, text, amount, amount, text, timestamptz, text) IS
    'A liquidity provider delivers coin to the omnibus wallet (coin positive) or receives it (negative), and is paid from the '
    'operating account (money positive) or pays (negative); either may be NULL. Discharges what executions left open: for a '
    'trade, for a set of trades, or in part. Idempotent by reference. Raises LG010 or 42501 client, LG014 provider, LG002 '
    'neither coin nor money, LG042 coin that is money, or money that is coin, LG040, LG041, LG043 asset, LG020 reference used '
    'with other content.';
