-- Coin deposits and the liquidity providers' side of settlement (design 5).

CREATE FUNCTION require_transfer_amount(what text, quantity amount, coin boolean) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
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
END $$;
COMMENT ON FUNCTION require_transfer_amount(text, amount, boolean) IS
	'Internal: raises LG040 or LG041 unless the asset may be posted, LG042 unless it is coin, or money, as wanted.';

CREATE FUNCTION deposit_coin(account text, quantity amount, reference text, wallet text DEFAULT 'deposit-addresses',
							 effective_at timestamptz DEFAULT NULL, description text DEFAULT NULL)
	RETURNS TABLE (outcome text, replayed boolean, journal bigint, deposited amount, position_after amount, recorded_at timestamptz)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owner		constant bigint := require_customer(deposit_coin.account);
	owning		constant int := (SELECT c.client_id FROM customer c WHERE c.customer_id = owner);
	claim		account_id;
	entry		journal_entry;
	result		journal_result;
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
	result := post_entry(owning, deposit_coin.reference, 5::smallint, entry, deposit_coin.effective_at, deposit_coin.description);
	RETURN QUERY SELECT result.outcome, result.replayed, result.journal, deposit_coin.quantity,
						(SELECT b.balance FROM unnest(result.balances) b WHERE b.account = claim), result.recorded_at;
END $$;
COMMENT ON FUNCTION deposit_coin(text, amount, text, text, timestamptz, text) IS
'Coin that has arrived for a customer, confirmed: debits the wallet it arrived in (deposit-addresses, omnibus, warehouse or sub-custodian:<name>), credits
the customer. position_after is NULL on replay. The same reference with the same content returns the original outcome. Raises LG012 unknown customer, LG045 not
positive, LG042 not coin, LG043 too many decimals, LG034 unknown wallet, LG040 or LG041 asset, LG020 reference used with other content.';

-- What the company owes a provider and is owed, discharged (J02d, J03d, the
-- provider's part of J04b).  Positive coin comes in against money going out;
-- negative both ways is the mirror image.
CREATE FUNCTION provider_entry(client_id int, lp text, coin amount, money amount) RETURNS journal_entry
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	client_id	constant int := provider_entry.client_id;
	lines		entry_line[] := '{}';
	a			asset;
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
END $$;
COMMENT ON FUNCTION provider_entry(int, text, amount, amount) IS 'Internal: the lines of a settlement with a liquidity provider.';

CREATE FUNCTION settle_lp(client text, lp text, coin amount, money amount, reference text,
						  effective_at timestamptz DEFAULT NULL, description text DEFAULT NULL)
	RETURNS TABLE (outcome text, replayed boolean, journal bigint, coin_received amount, money_paid amount, recorded_at timestamptz)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	client_id	constant int := require_client(settle_lp.client);
	result		journal_result;
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
	result := post_entry(client_id, settle_lp.reference, 7::smallint, provider_entry(client_id, settle_lp.lp, coin, money),
						 settle_lp.effective_at, settle_lp.description);
	RETURN QUERY SELECT result.outcome, result.replayed, result.journal, coin, money, result.recorded_at;
END $$;
COMMENT ON FUNCTION settle_lp(text, text, amount, amount, text, timestamptz, text) IS
'A liquidity provider delivers coin to the omnibus wallet (coin positive) or receives it (negative), and is paid from the operating account (money
positive) or pays (negative); either may be NULL. Discharges what executions have left open, of a trade, a set of trades or in part. Idempotent by reference. Raises
LG010 or 42501 client, LG014 provider, LG002 neither coin nor money, LG042 coin that is money or the reverse, LG040, LG041, LG043 asset, LG020 reference
used with other content.';
