-- Coin that has arrived for a customer.
-- Refuses assets that are not coin (LG042), unknown wallets (LG034).
-- Locks what posting locks.

CREATE FUNCTION bakkt_ledger_internal.require_transfer_amount(what text, quantity amount, coin boolean) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    its_kind text;
BEGIN
    PERFORM require_asset(asset(quantity));
    SELECT s.kind INTO its_kind FROM supported_asset s WHERE s.asset = asset(quantity);
    IF coin AND its_kind = 'FIAT' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('%s must be of coin', what), DETAIL = format('It is %s.', quantity);
    ELSIF NOT coin AND its_kind = 'COIN' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('%s must be of money', what), DETAIL = format('It is %s.', quantity);
    END IF;
END;
$$;
COMMENT ON FUNCTION require_transfer_amount(text, amount, boolean) IS
    'Internal: raises LG040 or LG041 unless the asset may be posted, LG042 unless it is coin, or money, as wanted.';

CREATE FUNCTION bakkt_ledger.deposit_coin(account text, quantity amount, reference text, wallet text DEFAULT 'deposit-addresses',
                             effective_at timestamptz DEFAULT NULL, description text DEFAULT NULL)
    RETURNS TABLE (outcome text, replayed boolean, journal bigint, deposited amount, position_after amount, recorded_at timestamptz)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner       constant bigint := require_customer(deposit_coin.account);
    owning      constant integer := (SELECT c.client_id FROM customer c WHERE c.customer_id = owner);
    claim       account_id;
    entry       journal_entry;
    result      journal_result;
BEGIN
    IF deposit_coin.quantity IS NULL OR deposit_coin.wallet IS NULL THEN
        PERFORM refuse_invalid('a coin deposit needs a quantity and a wallet');
    ELSIF sign(deposit_coin.quantity) <= 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'LG045', MESSAGE = 'quantity must be positive', DETAIL = format('It is %s.', deposit_coin.quantity);
    END IF;
    PERFORM require_transfer_amount('a coin deposit', deposit_coin.quantity, true);
    claim := ensure_account(owning, 'CUST', 'Cust:' || deposit_coin.account, asset(deposit_coin.quantity), owner);
    entry := journal_entry(
        line('Dr', ensure_account(owning, 'CUST', 'Wallet:' || deposit_coin.wallet, asset(deposit_coin.quantity)), deposit_coin.quantity),
        line('Cr', claim, deposit_coin.quantity));
    result := post_entry(owning, deposit_coin.reference, 'coin_deposit', entry, deposit_coin.effective_at, deposit_coin.description);
    RETURN QUERY SELECT result.outcome, result.replayed, result.journal, deposit_coin.quantity,
                        (SELECT b.balance FROM unnest(result.balances) b WHERE b.account = claim), result.recorded_at;
END;
$$;
COMMENT ON FUNCTION deposit_coin(text, amount, text, text, timestamptz, text) IS
    'Records coin that has arrived for a customer and is confirmed: debits the wallet in which it arrived (deposit-addresses, '
    'omnibus, warehouse or sub-custodian:<name>), credits the customer. position_after is NULL on replay. The same reference '
    'with the same content returns the original outcome. Raises LG012 unknown customer, LG045 not positive, LG042 not coin, '
    'LG043 too many decimals, LG034 unknown wallet, LG040 or LG041 asset, LG020 reference used with other content.';
