-- Coin that has arrived for a customer.
-- Refuses assets that are not coin (LG042), unknown wallets (LG034).
-- Locks what posting locks.

-- A deposit debits the wallet it arrived in, so there is a template for each kind of wallet.
INSERT INTO template
SELECT 'coin_deposit_' || k.kind, 'coin_deposit', k.meaning
FROM account_kind AS k
WHERE k.first_part = 'Wallet' AND k.fund = 'CUST';
INSERT INTO template_line (template, line, side, account_kind, parties)
SELECT t.template, l.line, l.side, l.kind, l.parties
FROM template AS t
CROSS JOIN LATERAL (VALUES (1, 'debit', pg_catalog.replace(t.template, 'coin_deposit_', ''),
                            CASE t.template WHEN 'coin_deposit_cust_wallet_custodian' THEN '{custodian}'::text[] ELSE '{}' END),
                           (2, 'credit', 'cust_coin', '{customer}')) AS l (line, side, kind, parties)
WHERE t.journal_kind = 'coin_deposit';

-- LG040 or LG041 unless the asset may be posted, LG042 unless it is coin, or money, as wanted.
CREATE FUNCTION bakkt_ledger_internal.require_transfer_amount(what text, quantity amount, coin boolean) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    its_kind text;
BEGIN
    PERFORM require_asset(asset(quantity));
    SELECT s.kind INTO its_kind FROM supported_asset AS s WHERE s.asset = asset(quantity);
    IF its_kind = (CASE WHEN coin THEN 'FIAT' ELSE 'COIN' END) THEN
        PERFORM refuse('LG042', format('%s must be of %s', what, CASE WHEN coin THEN 'coin' ELSE 'money' END),
                       format('It is %s.', quantity));
    END IF;
END;
$$;

CREATE TYPE bakkt_ledger.coin_deposit_result AS (
    reference text,
    outcome text,
    replayed boolean,
    customer text,
    journal bigint,
    deposited amount,
    position_after amount,
    recorded_at timestamptz
);
COMMENT ON TYPE coin_deposit_result IS
'What became of a deposit of coin.
outcome: posted. replayed: the reference was known, and this is the first answer. deposited: positive. position_after: the
customer''s coin after it, NULL on replay.';

CREATE FUNCTION bakkt_ledger.deposit_coin(customer text, quantity amount, reference text, wallet text DEFAULT 'deposit-addresses',
                                          description text DEFAULT NULL, at timestamptz DEFAULT NULL)
    RETURNS coin_deposit_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant bigint := require_customer(customer);
    holder constant integer := (SELECT u.client_id FROM customer AS u WHERE u.customer_id = owner);
    claim account_id;
    posted journal_result;
BEGIN
    IF quantity IS NULL OR wallet IS NULL THEN
        PERFORM refuse_invalid('a coin deposit needs a quantity and a wallet');
    END IF;
    PERFORM require_positive(quantity), require_transfer_amount('a coin deposit', quantity, true);
    claim := account_of_kind(holder, 'cust_coin', asset(quantity), customer);
    posted := post_template(holder, 'coin_deposit_' || (account_kind_of('CUST', 'Wallet:' || wallet)).kind, reference,
                            jsonb_build_object('customer', customer, 'custodian', split_part(wallet, ':', 2)),
                            jsonb_build_object('amount', quantity), at, description);
    RETURN (reference, posted.outcome, posted.replayed, customer, posted.journal, quantity,
            (SELECT b.balance FROM unnest(posted.balances) AS b WHERE b.account = claim), posted.recorded_at);
END;
$$;
COMMENT ON FUNCTION deposit_coin IS
'Records coin that has arrived for a customer and is confirmed: debits the wallet in which it arrived, credits the customer.
wallet: deposit-addresses, omnibus, warehouse or sub-custodian:<name>. Idempotent by reference: the first answer again.
Errors: LG012 unknown customer, LG045 not positive, LG042 not coin, LG043 too many decimals, LG034 unknown wallet, LG040 or LG041
asset, LG020 reference used with other content.';
