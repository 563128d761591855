
-- ===========================================================================
-- Chart of accounts and accounts (design 4, doc/chart-of-accounts.md)
-- ===========================================================================

CREATE TABLE account_kind (
	kind			text PRIMARY KEY,
	fund			text NOT NULL CHECK (fund IN ('FBO', 'CUST', 'SEG', 'CORP')),
	name_pattern	text NOT NULL,
	first_part		text NOT NULL GENERATED ALWAYS AS (pg_catalog."substring"(name_pattern, '^\^([A-Za-z]+)')) STORED,
	class			text NOT NULL CHECK (class IN ('claim', 'control', 'residual', 'clearing', 'mirror', 'receivable', 'payable',
												   'revenue', 'expense', 'equity', 'suspense', 'other')),
	normal_side		text NOT NULL CHECK (normal_side IN ('debit', 'credit')),
	limited			boolean NOT NULL GENERATED ALWAYS AS (class = 'claim' OR kind = 'fbo_due_to_corp') STORED,
	alone			boolean NOT NULL GENERATED ALWAYS AS (kind IN (
						'fbo_settled', 'fbo_held', 'cust_coin', 'seg_customer', 'corp_network_cost', 'corp_bank_cost', 'corp_rent',
						'corp_operating_cost', 'corp_rounding', 'corp_merchant_payable')) STORED,
	mirror			text,
	party			text CHECK (party IN ('customer', 'provider')),
	meaning			text NOT NULL,
	UNIQUE (fund, name_pattern)
);
COMMENT ON TABLE account_kind IS 'The chart of accounts: which names exist in which fund and what they mean. Shipped with the extension.';
COMMENT ON COLUMN account_kind.name_pattern IS 'Regular expression for the whole name; a name matches one kind of its fund.';
COMMENT ON COLUMN account_kind.first_part IS 'What the name begins with, up to the first colon.';
COMMENT ON COLUMN account_kind.normal_side IS 'Side on which the balance is shown positive.';
COMMENT ON COLUMN account_kind.limited IS 'Claims, and the company''s own money among customers'' (FBO DueTo:CORP): the balance is kept in a row, locked when posted, and never goes debit (I5).';
COMMENT ON COLUMN account_kind.alone IS 'One person may post to it by hand: what one customer may use or has set aside, ordinary expenses, and what is owed for them. Everything else takes two people (LG068).';
COMMENT ON COLUMN account_kind.mirror IS 'Accounts with the same text net to zero per asset inside every journal (I7).';
COMMENT ON COLUMN account_kind.party IS 'Whose code is the second or third part of the name: a customer''s or a liquidity provider''s.';

INSERT INTO account_kind (kind, fund, name_pattern, class, normal_side, mirror, party, meaning) VALUES
	('fbo_bank', 'FBO', '^Bank:omnibus(:[^:]+)?$', 'control', 'debit', NULL, NULL, 'customer money at a bank; agrees with its statements'),
	('fbo_ach_in', 'FBO', '^Clearing:ACH-in$', 'clearing', 'debit', NULL, NULL, 'ACH debits originated, not yet on the statement'),
	('fbo_ach_out', 'FBO', '^Clearing:ACH-out$', 'clearing', 'credit', NULL, NULL, 'ACH credits originated, not yet on the statement'),
	('fbo_wire_in', 'FBO', '^Clearing:wire-in$', 'clearing', 'debit', NULL, NULL, 'wires advised, not yet on the statement'),
	('fbo_wire_out', 'FBO', '^Clearing:wire-out$', 'clearing', 'credit', NULL, NULL, 'wires sent, not yet on the statement'),
	('fbo_business_transfer', 'FBO', '^Clearing:business-transfer$', 'clearing', 'credit', NULL, NULL, 'transfers to the business account that the bank has not confirmed'),
	('fbo_inter_bank', 'FBO', '^Clearing:inter-bank$', 'clearing', 'debit', NULL, NULL, 'money between two omnibus banks'),
	('fbo_settled', 'FBO', '^Cust:[^:]+:settled$', 'claim', 'credit', NULL, 'customer', 'money that the customer may use'),
	('fbo_unsettled', 'FBO', '^Cust:[^:]+:unsettled$', 'claim', 'credit', NULL, 'customer', 'money received that may still be returned'),
	('fbo_held', 'FBO', '^Cust:[^:]+:held$', 'claim', 'credit', NULL, 'customer', 'money set aside for the customer'),
	('fbo_escheated', 'FBO', '^Cust:state:[A-Z]{2}$', 'claim', 'credit', NULL, NULL, 'unclaimed money that belongs to a state'),
	('fbo_unidentified', 'FBO', '^Suspense:unidentified$', 'claim', 'credit', NULL, NULL, 'money received whose owner is not known yet: a claim'),
	('fbo_interest', 'FBO', '^Suspense:interest-unallocated$', 'suspense', 'credit', NULL, NULL, 'interest not yet allocated'),
	('fbo_residual', 'FBO', '^ResidualInterest:company$', 'residual', 'credit', 'residual interest', NULL, 'the company''s own cushion in the omnibus account'),
	('cust_wallet_omnibus', 'CUST', '^Wallet:omnibus$', 'control', 'debit', NULL, NULL, 'customer coin in the omnibus wallet'),
	('cust_wallet_deposit', 'CUST', '^Wallet:deposit-addresses$', 'control', 'debit', NULL, NULL, 'customer coin on deposit addresses'),
	('cust_wallet_warehouse', 'CUST', '^Wallet:warehouse$', 'control', 'debit', NULL, NULL, 'customer coin in the warehouse'),
	('cust_wallet_custodian', 'CUST', '^Wallet:sub-custodian:[^:]+$', 'control', 'debit', NULL, NULL, 'customer coin at a sub-custodian'),
	('cust_coin', 'CUST', '^Cust:[^:]+$', 'claim', 'credit', NULL, 'customer', 'coin that the customer may use'),
	('cust_encumbered', 'CUST', '^Cust:[^:]+:encumbered$', 'claim', 'credit', NULL, 'customer', 'coin bound until it is paid for'),
	('cust_pending', 'CUST', '^Cust:[^:]+:pending$', 'claim', 'credit', NULL, 'customer', 'coin received, not yet confirmed'),
	('cust_escheated', 'CUST', '^Cust:state:[A-Z]{2}$', 'claim', 'credit', NULL, NULL, 'unclaimed coin that belongs to a state'),
	('cust_unidentified', 'CUST', '^Suspense:unidentified$', 'claim', 'credit', NULL, NULL, 'coin received whose owner is not known yet: a claim'),
	('cust_in_flight', 'CUST', '^InFlight:withdrawal$', 'clearing', 'credit', NULL, NULL, 'coin sent, not yet confirmed by the chain'),
	('seg_bank', 'SEG', '^Bank:segregated(:[^:]+)?$', 'control', 'debit', NULL, NULL, 'futures money at a bank; agrees with its statements'),
	('seg_variation', 'SEG', '^CCP:variation$', 'clearing', 'debit', NULL, NULL, 'variation margin due from the clearing house'),
	('seg_delivery', 'SEG', '^CCP:delivery-payable$', 'payable', 'credit', NULL, NULL, 'owed to the clearing house for delivered coin'),
	('seg_fees', 'SEG', '^CCP:fees-payable$', 'payable', 'credit', NULL, NULL, 'owed to the clearing house for fees'),
	('seg_customer', 'SEG', '^Cust:[^:]+$', 'claim', 'credit', NULL, 'customer', 'futures money of the customer'),
	('corp_bank', 'CORP', '^Bank:operating(:[^:]+)?$', 'control', 'debit', NULL, NULL, 'the company''s own money at a bank'),
	('corp_wallet', 'CORP', '^Wallet:company$', 'control', 'debit', NULL, NULL, 'the company''s own coin'),
	('corp_fbo_transfer', 'CORP', '^Clearing:FBO-transfer$', 'clearing', 'debit', NULL, NULL, 'money of the company between its bank and the FBO account, not confirmed by the bank'),
	('corp_equity', 'CORP', '^Equity$', 'equity', 'credit', NULL, NULL, 'paid-in capital'),
	('corp_residual', 'CORP', '^ResidualInterestInFBO$', 'residual', 'debit', 'residual interest', NULL, 'the company''s cushion in the omnibus account'),
	('corp_tpj_receivable', 'CORP', '^TPJ:receivable:[^:]+$', 'receivable', 'debit', NULL, 'customer', 'cash calls: what a customer owes for purchases'),
	('corp_tpj_payable', 'CORP', '^TPJ:payable:[^:]+$', 'payable', 'credit', NULL, 'customer', 'cash calls: sale proceeds owed to a customer'),
	('corp_deficit', 'CORP', '^CustomerDeficit:[^:]+$', 'receivable', 'debit', NULL, 'customer', 'money returned after the customer had spent it'),
	('corp_lp_receivable', 'CORP', '^LP:receivable:[^:]+$', 'receivable', 'debit', NULL, 'provider', 'money a liquidity provider owes for coin sold to it'),
	('corp_lp_payable', 'CORP', '^LP:payable:[^:]+$', 'payable', 'credit', NULL, 'provider', 'money owed to a liquidity provider for coin bought'),
	('corp_lp_coin_receivable', 'CORP', '^LP:coin-receivable:[^:]+$', 'receivable', 'debit', NULL, 'provider', 'coin a liquidity provider must deliver'),
	('corp_lp_coin_payable', 'CORP', '^LP:coin-payable:[^:]+$', 'payable', 'credit', NULL, 'provider', 'coin owed to a liquidity provider'),
	('corp_lp_net', 'CORP', '^LP:net:[^:]+:[^:]+$', 'payable', 'credit', NULL, 'provider', 'novated net of a window: owed to the liquidity provider when credit'),
	('corp_client_settlement', 'CORP', '^Client:settlement:[^:]+$', 'receivable', 'debit', NULL, NULL, 'net settlement position: positive when the client owes'),
	('corp_client_obligation', 'CORP', '^Client:obligation:[^:]+:[^:]+$', 'receivable', 'debit', NULL, NULL, 'novated net of a window: positive when the client owes'),
	('corp_client_memo', 'CORP', '^Client:memo:[^:]+$', 'receivable', 'debit', NULL, NULL, 'trades of NO_SETTLEMENT customers, whose cash is settled outside: never called or wired'),
	('corp_apex_receivable', 'CORP', '^Apex:receivable:[^:]+$', 'receivable', 'debit', NULL, NULL, 'what Apex owes for purchases by a client''s customers'),
	('corp_apex_payable', 'CORP', '^Apex:payable:[^:]+$', 'payable', 'credit', NULL, NULL, 'sale proceeds owed to Apex for a client''s customers'),
	('corp_apex_settlement', 'CORP', '^Apex:settlement:[^:]+$', 'receivable', 'debit', NULL, NULL, 'cash calls that Apex has confirmed, not yet wired: positive when Apex owes'),
	('corp_revenue_share', 'CORP', '^RevShare:payable:[^:]+$', 'payable', 'credit', NULL, NULL, 'the client''s share of revenue'),
	('corp_revenue_markup', 'CORP', '^Revenue:markup$', 'revenue', 'credit', NULL, NULL, 'markup in trade prices'),
	('corp_revenue_trade_fee', 'CORP', '^Revenue:trade-fee$', 'revenue', 'credit', NULL, NULL, 'itemised trade fees'),
	('corp_revenue_stablecoin', 'CORP', '^Revenue:stablecoin-fee$', 'revenue', 'credit', NULL, NULL, 'fees for minting and redeeming'),
	('corp_revenue_merchant', 'CORP', '^Revenue:merchant-fee$', 'revenue', 'credit', NULL, NULL, 'fees of merchants'),
	('corp_revenue_network', 'CORP', '^Revenue:network-fee$', 'revenue', 'credit', NULL, NULL, 'quoted network fees above their cost'),
	('corp_revenue_return_fee', 'CORP', '^Revenue:return-fee$', 'revenue', 'credit', NULL, NULL, 'fees for returned ACH deposits'),
	('corp_adjustment', 'CORP', '^Expense:customer-adjustment$', 'expense', 'debit', NULL, NULL, 'manual adjustments of customers'' cash'),
	('corp_bad_debt', 'CORP', '^Expense:bad-debt$', 'expense', 'debit', NULL, NULL, 'receivables written off'),
	('corp_network_cost', 'CORP', '^Expense:network-fee$', 'expense', 'debit', NULL, NULL, 'network fees the company bears'),
	('corp_bank_cost', 'CORP', '^Expense:bank-fee$', 'expense', 'debit', NULL, NULL, 'bank fees'),
	('corp_rent', 'CORP', '^Expense:rent$', 'expense', 'debit', NULL, NULL, 'rent'),
	('corp_operating_cost', 'CORP', '^Expense:operating$', 'expense', 'debit', NULL, NULL, 'other cost of running the company'),
	('corp_loss', 'CORP', '^Loss$', 'expense', 'debit', NULL, NULL, 'coin or money lost or stolen that the company makes good'),
	('corp_rounding', 'CORP', '^Rounding$', 'expense', 'debit', NULL, NULL, 'differences of rounding'),
	('corp_mint_payable', 'CORP', '^Issuer:mint-payable$', 'payable', 'credit', NULL, NULL, 'money owed to an issuer for tokens'),
	('corp_token_receivable', 'CORP', '^Issuer:token-receivable$', 'receivable', 'debit', NULL, NULL, 'tokens an issuer must mint'),
	('corp_redeem_receivable', 'CORP', '^Issuer:redeem-receivable$', 'receivable', 'debit', NULL, NULL, 'money an issuer owes for redeemed tokens'),
	('corp_merchant_payable', 'CORP', '^Merchant:payable:[^:]+$', 'payable', 'credit', NULL, NULL, 'money owed to a merchant');

-- Value crosses funds only through a pair of accounts: what f owes g stands
-- in f as DueTo:g and in g as DueFrom:f (I7).
INSERT INTO account_kind (kind, fund, name_pattern, class, normal_side, mirror, meaning)
SELECT pg_catalog.lower(debtor) || '_due_to_' || pg_catalog.lower(creditor), debtor, '^DueTo:' || creditor || '$', 'mirror', 'credit',
	   debtor || ' owes ' || creditor, 'what fund ' || debtor || ' owes to fund ' || creditor
FROM pg_catalog.unnest('{FBO,CUST,SEG,CORP}'::text[]) AS debtor, pg_catalog.unnest('{FBO,CUST,SEG,CORP}'::text[]) AS creditor
WHERE debtor <> creditor
UNION ALL
SELECT pg_catalog.lower(creditor) || '_due_from_' || pg_catalog.lower(debtor), creditor, '^DueFrom:' || debtor || '$', 'mirror', 'debit',
	   debtor || ' owes ' || creditor, 'what fund ' || debtor || ' owes to fund ' || creditor
FROM pg_catalog.unnest('{FBO,CUST,SEG,CORP}'::text[]) AS debtor, pg_catalog.unnest('{FBO,CUST,SEG,CORP}'::text[]) AS creditor
WHERE debtor <> creditor;

-- One number for every account of every client and fund: account_id carries it.
CREATE SEQUENCE account_number AS bigint MINVALUE 1 MAXVALUE 72057594037927935;
SELECT pg_catalog.pg_extension_config_dump('account_number', '');

CREATE TABLE account (
	client_id	int NOT NULL REFERENCES client,
	account		account_id NOT NULL,
	fund		text NOT NULL,
	kind		text NOT NULL REFERENCES account_kind,
	name		text NOT NULL,
	asset		asset NOT NULL REFERENCES supported_asset,
	customer_id	bigint REFERENCES customer,
	lp_id		int REFERENCES liquidity_provider,
	status		text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'debit_frozen', 'credit_frozen', 'closed')),
	floor		amount,
	opened_at	timestamptz NOT NULL DEFAULT clock_timestamp(),
	opened_by	name NOT NULL,
	PRIMARY KEY (client_id, account),
	UNIQUE (client_id, fund, name, asset)
);
CREATE INDEX account_account ON account (account);
CREATE INDEX account_customer ON account (customer_id) WHERE customer_id IS NOT NULL;
COMMENT ON TABLE account IS 'The ledger''s accounts: each of one client, one fund, one asset and one kind.';
COMMENT ON COLUMN account.name IS 'Name in the chart of accounts, e.g. Cust:QRST0001:settled.';
COMMENT ON COLUMN account.customer_id IS 'The owner of a claim, or the customer that a receivable or payable is about.';
COMMENT ON COLUMN account.status IS 'open; debit_frozen or credit_frozen: no line of that side is posted; closed: none is.';
COMMENT ON COLUMN account.floor IS 'Least natural balance a claim must keep; NULL: zero.';
SELECT pg_catalog.pg_extension_config_dump('account', '');

-- ---------------------------------------------------------------------------
-- Looking up
-- ---------------------------------------------------------------------------

CREATE FUNCTION account_kind_of(fund text, name text) RETURNS account_kind
	STABLE PARALLEL SAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	found_kind	account_kind;
BEGIN
	SELECT k.* INTO found_kind FROM account_kind k
	WHERE k.fund = account_kind_of.fund AND k.first_part = split_part(account_kind_of.name, ':', 1)
	  AND account_kind_of.name ~ k.name_pattern;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'LG034',
			MESSAGE = format('account name "%s" is not in the chart of accounts of fund "%s"',
							 coalesce(account_kind_of.name, 'NULL'), coalesce(account_kind_of.fund, 'NULL')),
			HINT = 'Table account_kind lists the names of each fund.';
	END IF;
	RETURN found_kind;
END
$$;
COMMENT ON FUNCTION account_kind_of(text, text) IS 'The kind of an account by fund and name. Raises LG034 when the chart of accounts has no such name.';

CREATE FUNCTION account_of(client text, fund text, name text, asset asset) RETURNS account_id
	STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	owning	constant int := require_client(account_of.client);
BEGIN
	RETURN (SELECT a.account FROM account a
			WHERE a.client_id = owning AND a.fund = account_of.fund AND a.name = account_of.name AND a.asset = account_of.asset);
END
$$;
COMMENT ON FUNCTION account_of(text, text, text, asset) IS
	'The account of a client by fund, name and asset; NULL when it was never opened. Raises LG010, 42501.';

CREATE FUNCTION require_account(account account_id) RETURNS account
	STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	found_account	account;
BEGIN
	SELECT a.* INTO found_account FROM account a WHERE a.account = require_account.account;
	-- an account of a client that is not visible is as good as unknown
	IF NOT FOUND OR NOT found_account.client_id = ANY (visible_clients()) THEN
		RAISE EXCEPTION USING ERRCODE = 'LG030',
			MESSAGE = format('account "%s" does not exist', coalesce(require_account.account::text, 'NULL')),
			HINT = 'account_of() finds an account by client, fund, name and asset.';
	END IF;
	RETURN found_account;
END
$$;
COMMENT ON FUNCTION require_account(account_id) IS
	'The row of an account that the invoking role may see. Raises LG030 when unknown or not visible.';

-- ---------------------------------------------------------------------------
-- Opening
-- ---------------------------------------------------------------------------

-- The customer whose code is in the name, or the one that is given: every
-- claim has an owner (I24).
CREATE FUNCTION account_owner(client_id int, name text, customer_id bigint) RETURNS bigint
	STABLE PARALLEL SAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	-- Cust:<code>..., CustomerDeficit:<code>, TPJ:receivable:<code>
	code	constant text := split_part(name, ':', CASE split_part(name, ':', 1) WHEN 'TPJ' THEN 3 ELSE 2 END);
	named	customer;
	given	customer;
BEGIN
	SELECT c.* INTO named FROM customer c WHERE c.account_code = code AND c.client_id = account_owner.client_id;
	SELECT c.* INTO given FROM customer c WHERE c.customer_id = account_owner.customer_id;
	IF given.client_id <> account_owner.client_id THEN
		RAISE EXCEPTION USING ERRCODE = 'LG031', MESSAGE = format('customer "%s" belongs to another client', given.account_code);
	ELSIF named.customer_id IS NULL AND given.customer_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'LG012',
			MESSAGE = format('account "%s" has no owner: customer "%s" does not exist', name, code),
			HINT = 'Open the customer with open_customer(), or name the owner when opening the account.';
	ELSIF named.customer_id <> given.customer_id THEN
		RAISE EXCEPTION USING ERRCODE = 'LG031',
			MESSAGE = format('account "%s" belongs to customer "%s", not to "%s"', name, named.account_code, given.account_code);
	END IF;
	RETURN coalesce(named.customer_id, given.customer_id);
END
$$;
COMMENT ON FUNCTION account_owner(int, text, bigint) IS
	'Internal: the owner of an account by its name or as given; LG012 when there is none, LG031 when another.';

CREATE FUNCTION account_provider(name text) RETURNS int
	STABLE PARALLEL SAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	found_id	int;
BEGIN
	SELECT p.lp_id INTO found_id FROM liquidity_provider p WHERE p.code = split_part(account_provider.name, ':', 3);
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'LG014',
			MESSAGE = format('liquidity provider "%s" does not exist', split_part(account_provider.name, ':', 3)),
			DETAIL = format('Account "%s" is named after it.', account_provider.name),
			HINT = 'Open it with open_liquidity_provider().';
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION account_provider(text) IS 'Internal: the liquidity provider an account is named after; LG014 when unknown.';

CREATE FUNCTION insert_account(client_id int, fund text, name text, asset asset, customer_id bigint, floor amount)
	RETURNS account_id
	VOLATILE PARALLEL UNSAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	its_kind	constant account_kind := account_kind_of(insert_account.fund, insert_account.name);
	owner		bigint := insert_account.customer_id;
	provider	int;
	opened		account_id;
BEGIN
	PERFORM require_asset(insert_account.asset);
	PERFORM require_bank_account(insert_account.fund, insert_account.name, insert_account.asset);
	IF its_kind.party = 'customer' THEN
		owner := account_owner(insert_account.client_id, insert_account.name, owner);
	ELSIF owner IS NOT NULL THEN
		PERFORM refuse_invalid(format('account "%s" belongs to no customer', insert_account.name));
	END IF;
	IF its_kind.party = 'provider' THEN
		provider := account_provider(insert_account.name);
	END IF;
	INSERT INTO account AS a (client_id, account, fund, kind, name, asset, customer_id, lp_id, floor, opened_by)
	VALUES (insert_account.client_id, account_id(insert_account.fund, nextval('account_number')), insert_account.fund,
			its_kind.kind, insert_account.name, insert_account.asset, owner, provider, insert_account.floor, invoking_role())
	ON CONFLICT (client_id, fund, name, asset) DO NOTHING
	RETURNING a.account INTO opened;
	IF opened IS NOT NULL AND its_kind.limited THEN
		PERFORM create_balance(insert_account.client_id, opened);
	END IF;
	RETURN opened;
END
$$;
COMMENT ON FUNCTION insert_account(int, text, text, asset, bigint, amount) IS
	'Internal: opens an account and, when it is limited, its balance; NULL when it was there already.';

CREATE FUNCTION await_account(client_id int, fund text, name text, asset asset, customer_id bigint DEFAULT NULL)
	RETURNS account_id
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	result	account_id;
BEGIN
	SELECT a.account INTO result FROM account a
	WHERE a.client_id = await_account.client_id AND a.fund = await_account.fund
	  AND a.name = await_account.name AND a.asset = await_account.asset;
	IF NOT FOUND THEN
		result := insert_account(await_account.client_id, await_account.fund, await_account.name, await_account.asset,
								 await_account.customer_id, NULL);
	END IF;
	IF result IS NULL THEN		-- another session was faster; a new statement sees its row
		SELECT a.account INTO STRICT result FROM account a
		WHERE a.client_id = await_account.client_id AND a.fund = await_account.fund
		  AND a.name = await_account.name AND a.asset = await_account.asset;
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION await_account(int, text, text, asset, bigint) IS
	'Internal: ensure_account() for the posting of trades, which waits for another session that is opening the same account as long as that takes.';

CREATE FUNCTION ensure_account(client_id int, fund text, name text, asset asset, customer_id bigint DEFAULT NULL)
	RETURNS account_id
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
BEGIN
	PERFORM bounded_wait();
	RETURN await_account(client_id, fund, name, asset, customer_id);
END
$$;
COMMENT ON FUNCTION ensure_account(int, text, text, asset, bigint) IS
	'Internal, for posting templates: the account, opened when it does not exist. Not granted to anybody. Raises LG012, LG014, LG031, LG034, LG040, LG041.';

-- Thousands at once, for a batch whose customers trade for the first time.
-- What it cannot open, and why, is left to await_account().
CREATE FUNCTION ensure_accounts(client_ids int[], funds text[], names text[], assets text[], customer_ids bigint[]) RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	limited_clients		int[];
	limited_accounts	account_id[];
BEGIN
	WITH wanted AS (
		SELECT w.*, w.asset_code::asset AS asset, split_part(w.name, ':', 1) AS first_part,
			   split_part(w.name, ':', CASE split_part(w.name, ':', 1) WHEN 'Cust' THEN 2 ELSE 3 END) AS party_code
		FROM ROWS FROM (unnest(client_ids), unnest(funds), unnest(names), unnest(assets), unnest(customer_ids))
			 WITH ORDINALITY AS w(client_id, fund, name, asset_code, customer_id, place)
	), opened AS (
		INSERT INTO account AS a (client_id, account, fund, kind, name, asset, customer_id, lp_id, opened_by)
		SELECT w.client_id, account_id(w.fund, nextval('account_number')), w.fund, k.kind, w.name, w.asset, c.customer_id, p.lp_id, invoking_role()
		FROM wanted w
		JOIN account_kind k ON k.fund = w.fund AND CASE WHEN k.first_part = w.first_part THEN w.name ~ k.name_pattern END
		JOIN supported_asset s ON s.asset = w.asset AND s.status = 'active'
		LEFT JOIN customer c ON c.customer_id = w.customer_id AND c.client_id = w.client_id AND c.account_code = w.party_code
		LEFT JOIN liquidity_provider p ON p.code = w.party_code AND k.party = 'provider'
		WHERE (k.party = 'customer') IS NOT TRUE = (c.customer_id IS NULL) AND (k.party = 'provider') IS NOT TRUE = (p.lp_id IS NULL)
		ORDER BY w.place
		ON CONFLICT (client_id, fund, name, asset) DO NOTHING
		RETURNING a.client_id, a.account, a.kind
	)
	SELECT array_agg(o.client_id), array_agg(o.account) INTO limited_clients, limited_accounts
	FROM opened o JOIN account_kind k ON k.kind = o.kind AND k.limited;
	PERFORM create_balance(o.client_id, o.account) FROM ROWS FROM (unnest(limited_clients), unnest(limited_accounts)) AS o(client_id, account);
END
$$;
COMMENT ON FUNCTION ensure_accounts(int[], text[], text[], text[], bigint[]) IS
	'Internal, for posting templates: opens those of the accounts (parallel arrays) that do not exist and can be opened. Not granted to anybody.';

-- A tenant opens what its customers claim; the company's own books, banks above all, are the company's to open.
CREATE FUNCTION require_may_open(fund text, name text, floor amount) RETURNS void
	STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	its_kind	constant account_kind := account_kind_of(require_may_open.fund, require_may_open.name);
BEGIN
	IF sees_all_clients() THEN
		RETURN;
	ELSIF (its_kind.class = 'claim' AND its_kind.party = 'customer') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = '42501',
			MESSAGE = format('permission denied to open account "%s" in fund "%s"', require_may_open.name, require_may_open.fund),
			DETAIL = format('Role "%s" may open accounts that are claims of customers.', invoking_role()),
			HINT = 'Ask an administrator.';
	ELSIF require_may_open.floor IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied to give an account a floor',
			DETAIL = 'What may not be taken from a claim is the company''s to say.', HINT = 'Ask an administrator.';
	END IF;
END
$$;
COMMENT ON FUNCTION require_may_open(text, text, amount) IS
	'Internal: raises 42501 unless the account is a claim of a customer without a floor or the invoking role works for the whole ledger; LG034 when there is no such name.';

CREATE FUNCTION open_account(client text, fund text, name text, asset asset, customer text DEFAULT NULL, floor amount DEFAULT NULL)
	RETURNS account_id
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	owning	constant int := require_open_client(open_account.client);
	owner	constant bigint := CASE WHEN open_account.customer IS NOT NULL THEN require_customer(open_account.customer) END;
	opened	account_id;
	stored	account;
BEGIN
	PERFORM bounded_wait(), require_may_open(open_account.fund, open_account.name, open_account.floor);
	IF open_account.floor IS NOT NULL THEN
		PERFORM check_floor(open_account.fund, open_account.name, open_account.asset, open_account.floor);
	END IF;
	SELECT a.* INTO stored FROM account a
	WHERE a.client_id = owning AND a.fund = open_account.fund AND a.name = open_account.name AND a.asset = open_account.asset;
	IF NOT FOUND THEN
		opened := insert_account(owning, open_account.fund, open_account.name, open_account.asset, owner, open_account.floor);
		IF opened IS NOT NULL THEN
			RETURN opened;
		END IF;
		SELECT a.* INTO STRICT stored FROM account a
		WHERE a.client_id = owning AND a.fund = open_account.fund AND a.name = open_account.name AND a.asset = open_account.asset;
	END IF;
	PERFORM refuse_other_content('account', open_account.name,
		jsonb_build_object('customer_id', stored.customer_id, 'floor', stored.floor),
		jsonb_build_object('customer_id', coalesce(owner, stored.customer_id), 'floor', open_account.floor));
	RETURN stored.account;
END
$$;
COMMENT ON FUNCTION open_account(text, text, text, asset, text, amount) IS
	'Opens an account of a client by its name in the chart of accounts and returns it. A claim, and an account about a customer, has the customer named in it, or the one given. floor: the least natural balance a claim must keep (NULL: zero). A poster opens claims of customers only (42501). The same content again returns the same account; other content raises LG020. Raises LG002, LG010, LG011, LG012, LG014, LG016 a bank that was not opened, LG031, LG034, LG040, LG041, LG042, LG043, 42501.';

CREATE FUNCTION check_floor(fund text, name text, asset asset, floor amount) RETURNS void
	STABLE PARALLEL UNSAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
BEGIN
	IF NOT (account_kind_of(fund, name)).limited THEN
		PERFORM refuse_invalid(format('account "%s" cannot have a floor', name), 'Only limited accounts have one.');
	END IF;
	PERFORM check_step('floor', floor, asset);
END
$$;
COMMENT ON FUNCTION check_floor(text, text, asset, amount) IS
	'Internal: raises LG002, LG042, LG043 or LG045 unless the account can have the floor. A claim never goes debit, so a floor is positive (I5).';

-- ---------------------------------------------------------------------------
-- Freezing and closing
-- ---------------------------------------------------------------------------

-- Emptiness is judged after the client is locked; only a snapshot taken
-- after that sees every posting.
CREATE FUNCTION require_fresh_snapshot() RETURNS void
	STABLE PARALLEL UNSAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
BEGIN
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
			MESSAGE = 'closing must run in a READ COMMITTED transaction',
			DETAIL = 'The snapshot of this transaction is older than the lock that closing takes.';
	END IF;
END
$$;
COMMENT ON FUNCTION require_fresh_snapshot() IS 'Internal: raises 25001 in REPEATABLE READ and SERIALIZABLE transactions.';

CREATE FUNCTION require_empty_house(house account) RETURNS void
	STABLE PARALLEL UNSAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
DECLARE
	remains	amount;
BEGIN
	PERFORM require_fresh_snapshot();
	SELECT h.posted INTO remains FROM house_balances(house.client_id) h WHERE h.account = house.account;
	IF NOT is_zero(remains) THEN
		RAISE EXCEPTION USING ERRCODE = 'LG035', MESSAGE = format('account "%s" is not empty', house.account),
			DETAIL = format('Account %s "%s" holds %s, debit positive.', house.fund, house.name, remains),
			HINT = 'Bring it to zero first.';
	END IF;
END
$$;
COMMENT ON FUNCTION require_empty_house(account) IS 'Internal: raises LG035 unless the balance of a house account is zero.';

CREATE FUNCTION first_account_not_empty(client_id int) RETURNS text
	STABLE PARALLEL UNSAFE LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
	SELECT format('Account %s "%s" holds %s, debit positive.', a.fund, a.name, l.amount)
	FROM (SELECT h.account, h.posted FROM house_balances($1) h
		  UNION ALL
		  SELECT b.account, unnest(ARRAY[b.posted, b.held]) FROM balance b WHERE b.client_id = $1) AS l (account, amount)
	JOIN account a ON a.client_id = $1 AND a.account = l.account
	WHERE NOT is_zero(l.amount) ORDER BY l.account LIMIT 1
	$$;
COMMENT ON FUNCTION first_account_not_empty(int) IS 'Internal: names an account of the client that holds something or is held; NULL when there is none.';

CREATE FUNCTION set_account_status(account account_id, status text, reason text, reference text) RETURNS void
	VOLATILE PARALLEL UNSAFE LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	before	account := require_account(set_account_status.account);
	after	account;
	limited	boolean;
BEGIN
	IF coalesce(set_account_status.reason, '') = '' THEN
		PERFORM refuse_invalid('a reason is missing', NULL, 'Say why the status of the account changes.');
	END IF;
	PERFORM bounded_wait();
	SELECT k.limited INTO limited FROM account_kind k WHERE k.kind = before.kind;
	IF NOT limited THEN
		PERFORM lock_client(before.client_id);		-- it has no row to lock: waits for postings under way
	END IF;
	SELECT a.* INTO before FROM account a WHERE a.client_id = before.client_id AND a.account = before.account FOR NO KEY UPDATE;
	IF changed_before('account', before.account::text, set_account_status.reference,
					  jsonb_build_object('status', set_account_status.status), before.client_id)
		OR before.status = set_account_status.status THEN
		RETURN;
	ELSIF before.status = 'closed' THEN
		RAISE EXCEPTION USING ERRCODE = 'LG032', MESSAGE = format('account "%s" is closed', before.account),
			DETAIL = format('Account %s "%s" in %s.', before.fund, before.name, before.asset),
			HINT = 'A closed account stays closed.';
	ELSIF limited THEN
		PERFORM set_balance_status(before.client_id, before.account, set_account_status.status);
	ELSIF set_account_status.status = 'closed' THEN
		PERFORM require_empty_house(before);
	END IF;
	UPDATE account AS a SET status = set_account_status.status
	WHERE a.client_id = before.client_id AND a.account = before.account RETURNING a.* INTO after;
	PERFORM invalidate_account_cache();
	PERFORM record_change('account', before.account::text, to_jsonb(before), to_jsonb(after), before.client_id,
						  set_account_status.reference, set_account_status.reason);
END
$$;
COMMENT ON FUNCTION set_account_status(account_id, text, text, text) IS 'Internal: changes the status of an account, audited.';

CREATE FUNCTION freeze_account(account account_id, side text, reason text, reference text DEFAULT NULL) RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$
BEGIN
	IF side IS NULL OR side NOT IN ('debit', 'credit') THEN
		PERFORM refuse_invalid('side to freeze is not known', format('Side: "%s".', side), 'One of debit, credit.');
	END IF;
	PERFORM set_account_status(account, side || '_frozen', reason, reference);
END
$$;
COMMENT ON FUNCTION freeze_account(account_id, text, text, text) IS
	'Refuses lines of one side (debit or credit) on an account until unfreeze_account(); a claim frozen on the debit side cannot be spent. Freezing the other side replaces the first. Postings to it, or to its client if it is a house account, that are under way end first (55P03 if they don''t). Raises LG002, LG020, LG030, LG032.';

CREATE FUNCTION unfreeze_account(account account_id, reason text, reference text DEFAULT NULL) RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$ SELECT set_account_status($1, 'open', $2, $3) $$;
COMMENT ON FUNCTION unfreeze_account(account_id, text, text) IS 'Opens a frozen account again. Raises LG002, LG020, LG030, LG032.';

CREATE FUNCTION close_account(account account_id, reason text, reference text DEFAULT NULL) RETURNS void
	VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	AS $$ SELECT set_account_status($1, 'closed', $2, $3) $$;
COMMENT ON FUNCTION close_account(account_id, text, text) IS
	'Closes an account for ever; its balance must be zero without holds (LG035). Postings under way end first, as for freeze_account(). Closing again is no error. Raises LG002, LG020, LG030, 55P03.';
