-- Accounts: each of one client, one fund, one asset and one kind.
-- Refuses names that the chart does not have (LG034), accounts that are unknown or not visible
-- (LG030), another owner (LG031), other content (LG020), and what a tenant may not open (42501).
-- Opening one locks nothing but the row it inserts.

-- One number for every account of every client and fund: account_id carries it.
CREATE SEQUENCE bakkt_ledger_internal.account_number AS bigint MINVALUE 1 MAXVALUE 72057594037927935;
SELECT pg_catalog.pg_extension_config_dump('account_number', '');

CREATE TABLE bakkt_ledger_internal.account (
    client_id   integer NOT NULL REFERENCES client,
    account     account_id NOT NULL,
    fund        text NOT NULL,
    kind        text NOT NULL REFERENCES account_kind,
    name        text NOT NULL,
    asset       asset NOT NULL REFERENCES supported_asset,
    customer_id bigint REFERENCES customer,
    lp_id       integer REFERENCES liquidity_provider,
    status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'debit_frozen', 'credit_frozen', 'closed')),
    floor       amount,
    opened_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_by   name NOT NULL,
    PRIMARY KEY (client_id, account),
    UNIQUE (client_id, fund, name, asset)
);
CREATE INDEX account_account ON account (account);
CREATE INDEX account_customer ON account (customer_id) WHERE customer_id IS NOT NULL;
COMMENT ON TABLE account IS 'The ledger''s accounts: each of one client, one fund, one asset and one kind.';
COMMENT ON COLUMN account.name IS 'Name in the chart of accounts, e.g. Cust:QRST0001:settled.';
COMMENT ON COLUMN account.customer_id IS 'The owner of a claim, or the customer that a receivable or payable is about.';
COMMENT ON COLUMN account.status IS 'open; debit_frozen or credit_frozen: lines of that side are refused; closed: all lines are.';
COMMENT ON COLUMN account.floor IS 'Least natural balance a claim must keep; NULL: zero.';
SELECT pg_catalog.pg_extension_config_dump('account', '');

-- ---------------------------------------------------------------------------
-- Looking up
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger.account_kind_of(fund text, name text) RETURNS account_kind
    STABLE PARALLEL SAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_kind  account_kind;
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
END;
$$;
COMMENT ON FUNCTION account_kind_of(text, text) IS
    'The kind of an account by fund and name. Raises LG034 when the chart of accounts has no such name.';

CREATE FUNCTION bakkt_ledger.account_of(client text, fund text, name text, asset asset) RETURNS account_id
    STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(account_of.client);
BEGIN
    RETURN (SELECT a.account FROM account a
            WHERE a.client_id = owning AND a.fund = account_of.fund AND a.name = account_of.name AND a.asset = account_of.asset
              AND a.kind = ANY (visible_kinds()));
END;
$$;
COMMENT ON FUNCTION account_of(text, text, text, asset) IS
'The account of a client by fund, name and asset; NULL when it was never opened, or when the caller does not see accounts of its kind.
Errors: LG010, 42501.';

CREATE FUNCTION bakkt_ledger_internal.require_account(account account_id) RETURNS account
    STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    found_account   account;
BEGIN
    SELECT a.* INTO found_account FROM account a WHERE a.account = require_account.account;
    -- an account that the role does not see, by its client or its kind, is treated as unknown
    IF NOT FOUND OR NOT found_account.client_id = ANY (visible_clients()) OR NOT found_account.kind = ANY (visible_kinds()) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG030',
            MESSAGE = format('account "%s" does not exist', coalesce(require_account.account::text, 'NULL')),
            HINT = 'account_of() finds an account by client, fund, name and asset.';
    END IF;
    RETURN found_account;
END;
$$;
COMMENT ON FUNCTION require_account(account_id) IS
    'The row of an account that the invoking role may see. Raises LG030 when unknown or not visible.';

-- ---------------------------------------------------------------------------
-- Opening
-- ---------------------------------------------------------------------------

-- The customer whose code is in the account's name, or the one given: every claim has an owner
-- (I24).
CREATE FUNCTION bakkt_ledger_internal.account_owner(client_id integer, name text, customer_id bigint) RETURNS bigint
    STABLE PARALLEL SAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    -- Cust:<code>..., CustomerDeficit:<code>, TPJ:receivable:<code>
    code    constant text := split_part(name, ':', CASE split_part(name, ':', 1) WHEN 'TPJ' THEN 3 ELSE 2 END);
    named   customer;
    given   customer;
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
END;
$$;
COMMENT ON FUNCTION account_owner(integer, text, bigint) IS
    'Internal: the owner of an account, from its name or as given; LG012 when there is none, LG031 when the two differ.';

CREATE FUNCTION bakkt_ledger_internal.account_provider(name text) RETURNS integer
    STABLE PARALLEL SAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    found_id    integer;
BEGIN
    SELECT p.lp_id INTO found_id FROM liquidity_provider p WHERE p.code = split_part(account_provider.name, ':', 3);
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG014',
            MESSAGE = format('liquidity provider "%s" does not exist', split_part(account_provider.name, ':', 3)),
            DETAIL = format('Account "%s" is named after it.', account_provider.name),
            HINT = 'Open it with open_liquidity_provider().';
    END IF;
    RETURN found_id;
END;
$$;
COMMENT ON FUNCTION account_provider(text) IS 'Internal: the liquidity provider an account is named after; LG014 when unknown.';

CREATE FUNCTION bakkt_ledger_internal.insert_account(client_id integer, fund text, name text, asset asset, customer_id bigint, floor amount)
    RETURNS account_id
    VOLATILE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    its_kind    constant account_kind := account_kind_of(insert_account.fund, insert_account.name);
    owner       bigint := insert_account.customer_id;
    provider    integer;
    opened      account_id;
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
END;
$$;
COMMENT ON FUNCTION insert_account(integer, text, text, asset, bigint, amount) IS
    'Internal: opens an account and, when it is limited, its balance; NULL when it was there already.';

CREATE FUNCTION bakkt_ledger_internal.await_account(client_id integer, fund text, name text, asset asset, customer_id bigint DEFAULT NULL)
    RETURNS account_id
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    result  account_id;
BEGIN
    SELECT a.account INTO result FROM account a
    WHERE a.client_id = await_account.client_id AND a.fund = await_account.fund
      AND a.name = await_account.name AND a.asset = await_account.asset;
    IF NOT FOUND THEN
        result := insert_account(await_account.client_id, await_account.fund, await_account.name, await_account.asset,
                                 await_account.customer_id, NULL);
    END IF;
    IF result IS NULL THEN      -- another session has just opened it; a new statement sees its row
        SELECT a.account INTO STRICT result FROM account a
        WHERE a.client_id = await_account.client_id AND a.fund = await_account.fund
          AND a.name = await_account.name AND a.asset = await_account.asset;
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION await_account(integer, text, text, asset, bigint) IS
    'Internal: ensure_account() for the posting of trades, which waits without limit for another session that is opening the '
    'same account.';

CREATE FUNCTION bakkt_ledger_internal.ensure_account(client_id integer, fund text, name text, asset asset, customer_id bigint DEFAULT NULL)
    RETURNS account_id
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    RETURN await_account(client_id, fund, name, asset, customer_id);
END;
$$;
COMMENT ON FUNCTION ensure_account(integer, text, text, asset, bigint) IS
    'Internal, for posting templates: the account, opened when it does not exist. Not granted to anybody. Raises LG012, LG014, '
    'LG031, LG034, LG040, LG041.';

-- Opens thousands at once, for a batch whose customers trade for the first time. Accounts that
-- cannot be opened are left to await_account(), which raises the reason.
CREATE FUNCTION bakkt_ledger_internal.ensure_accounts(client_ids integer[], funds text[], names text[], assets text[], customer_ids bigint[]) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    limited_clients     integer[];
    limited_accounts    account_id[];
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
END;
$$;
COMMENT ON FUNCTION ensure_accounts(integer[], text[], text[], text[], bigint[]) IS
    'Internal, for posting templates: opens those of the accounts (parallel arrays) that do not exist and can be opened. Not '
    'granted to anybody.';

-- A tenant opens accounts for its customers' claims. Accounts of the company's own books, banks
-- above all, are opened by the company.
CREATE FUNCTION bakkt_ledger_internal.require_may_open(fund text, name text, floor amount) RETURNS void
    STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    its_kind    constant account_kind := account_kind_of(require_may_open.fund, require_may_open.name);
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
END;
$$;
COMMENT ON FUNCTION require_may_open(text, text, amount) IS
    'Internal: raises 42501 unless the account is a claim of a customer without a floor or the invoking role works for the '
    'whole ledger; LG034 when there is no such name.';

CREATE FUNCTION bakkt_ledger.open_account(client text, fund text, name text, asset asset, customer text DEFAULT NULL, floor amount DEFAULT NULL)
    RETURNS account_id
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_open_client(open_account.client);
    owner   constant bigint := CASE WHEN open_account.customer IS NOT NULL THEN require_customer(open_account.customer) END;
    opened  account_id;
    stored  account;
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
END;
$$;
COMMENT ON FUNCTION open_account(text, text, text, asset, text, amount) IS
    'Opens an account of a client by its name in the chart of accounts and returns it. A claim, and an account about a '
    'customer, has the customer named in it, or the one given. floor: the least natural balance a claim must keep (NULL: zero). '
    'A poster opens claims of customers only (42501). The same content again returns the same account; other content raises '
    'LG020. Raises LG002, LG010, LG011, LG012, LG014, LG016 a bank that was not opened, LG031, LG034, LG040, LG041, LG042, '
    'LG043, 42501.';

CREATE FUNCTION bakkt_ledger_internal.check_floor(fund text, name text, asset asset, floor amount) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT (account_kind_of(fund, name)).limited THEN
        PERFORM refuse_invalid(format('account "%s" cannot have a floor', name), 'Only limited accounts have one.');
    END IF;
    PERFORM check_step('floor', floor, asset);
END;
$$;
COMMENT ON FUNCTION check_floor(text, text, asset, amount) IS
    'Internal: raises LG002, LG042, LG043 or LG045 unless the account can have the floor. A claim never goes debit, so a floor '
    'is positive (I5).';
