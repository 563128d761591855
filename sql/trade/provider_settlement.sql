-- Settling with a liquidity provider outside a window: what the company owes it, and is owed, is
-- discharged (J02d, J03d, the provider's part of J04b).
-- Refuses unknown providers (LG014).
-- Locks what posting locks.

-- Coin between a provider and the omnibus wallet, without the provider's own account: delivered
-- (negative when it goes out) = owed to fund CUST for what customers bought + claimed from it for
-- what they sold (negative).
INSERT INTO template VALUES
    ('coin_delivery', 'provider_settlement', 'a provider delivers or receives coin'),
    ('provider_settlement', 'provider_settlement', 'a provider delivers or receives coin, and is paid or pays');
INSERT INTO template_line (template, line, side, account_kind, amount) VALUES
    ('coin_delivery', 1, 'credit', 'cust_due_to_corp', 'claimed'),
    ('coin_delivery', 2, 'debit', 'cust_wallet_omnibus', 'delivered'),
    ('coin_delivery', 3, 'credit', 'cust_due_from_corp', 'owed'),
    ('coin_delivery', 4, 'debit', 'corp_due_to_cust', 'owed'),
    ('coin_delivery', 7, 'debit', 'corp_due_from_cust', 'claimed');
INSERT INTO template_line (template, line, side, account_kind, parties, amount)
SELECT 'provider_settlement', l.line, l.side, l.account_kind, l.parties, l.amount
FROM template_line AS l
WHERE l.template = 'coin_delivery'
UNION ALL VALUES
    ('provider_settlement', 5, 'credit', 'corp_provider_coin_receivable', '{provider}'::text[], 'owed'),
    ('provider_settlement', 6, 'credit', 'corp_provider_coin_payable', '{provider}', 'claimed'),
    ('provider_settlement', 8, 'debit', 'corp_provider_payable', '{provider}', 'money paid'),
    ('provider_settlement', 9, 'credit', 'corp_bank', '{}', 'money paid'),
    ('provider_settlement', 10, 'debit', 'corp_bank', '{}', 'money received'),
    ('provider_settlement', 11, 'credit', 'corp_provider_receivable', '{provider}', 'money received');

CREATE TYPE bakkt_ledger.provider_settlement_result AS (
    reference text,
    outcome text,
    replayed boolean,
    provider text,
    journal bigint,
    coin_received amount,
    money_paid amount,
    recorded_at timestamptz
);
COMMENT ON TYPE provider_settlement_result IS
'What became of a settlement with a provider.
outcome: posted. replayed: the reference was known, and this is the first answer. coin_received, money_paid: by the company,
negative = it delivered coin, received money; NULL: none.';

-- LG002, LG014, LG040 to LG042 unless coin and money can be settled with the provider.
CREATE FUNCTION bakkt_ledger_internal.require_provider_settlement(provider text, coin amount, money amount) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF provider IS NULL OR coalesce(sign(coin), 0) = 0 AND coalesce(sign(money), 0) = 0 THEN
        PERFORM refuse_invalid('a settlement needs a liquidity provider and coin or money');
    ELSIF NOT EXISTS (SELECT FROM provider AS p WHERE p.code = provider) THEN
        PERFORM refuse('LG014', format('liquidity provider "%s" does not exist', provider), NULL,
                       'Open it with open_provider().');
    END IF;
    IF sign(coin) <> 0 THEN
        PERFORM require_transfer_amount('what the provider delivers', coin, true);
    END IF;
    IF sign(money) <> 0 THEN
        PERFORM require_transfer_amount('what the provider is paid', money, false);
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.record_provider_settlement(client text, provider text, coin amount, money amount, reference text,
                                                        description text DEFAULT NULL, at timestamptz DEFAULT NULL)
    RETURNS provider_settlement_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    no_coin constant amount := zero(asset(coalesce(coin, money)));
    no_money constant amount := zero(asset(coalesce(money, coin)));
    posted journal_result;
BEGIN
    PERFORM require_own_reference(reference, 'a settlement'), require_provider_settlement(provider, coin, money);
    posted := post_template(holder, 'provider_settlement', reference, jsonb_build_object('provider', provider),
                            jsonb_build_object('delivered', coalesce(coin, no_coin),
                                               'owed', greatest(coin, no_coin),
                                               'claimed', least(coin, no_coin),
                                               'money paid', greatest(money, no_money),
                                               'money received', greatest(-money, no_money)),
                            at, description);
    RETURN (reference, posted.outcome, posted.replayed, provider, posted.journal, coin, money, posted.recorded_at);
END;
$$;
COMMENT ON FUNCTION record_provider_settlement IS
'Discharges what executions left open with a liquidity provider: for a trade, for a set of trades, or in part.
It delivers coin to the omnibus wallet (coin positive) or receives it (negative), and is paid from the operating account (money
positive) or pays (negative); either may be NULL. Idempotent by reference: the first answer again.
Errors: LG010 or 42501 client, LG014 provider, LG002 neither coin nor money, LG042 coin that is money, or money that is coin,
LG040, LG041, LG043 asset, LG020 reference used with other content.';
