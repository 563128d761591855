-- Accounts: each of one client, one fund, one asset and one kind of the chart of accounts.

-- One number for every account of every client and fund: account_id carries it.
CREATE SEQUENCE bakkt_ledger_internal.account_number AS bigint MINVALUE 1 MAXVALUE 72057594037927935;
SELECT pg_catalog.pg_extension_config_dump('account_number', '');

CREATE TABLE bakkt_ledger_internal.account (
    client_id integer NOT NULL REFERENCES client,
    account account_id NOT NULL,
    fund text NOT NULL,
    kind text NOT NULL REFERENCES account_kind,
    name text NOT NULL,
    asset asset NOT NULL REFERENCES supported_asset,
    customer_id bigint REFERENCES customer,
    provider_id integer REFERENCES provider,
    status text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'DEBIT_FROZEN', 'CREDIT_FROZEN', 'CLOSED')),
    floor amount,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_by name NOT NULL,
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
INSERT INTO subject (subject, key, refusal) VALUES ('account', '{account}', 'LG032');
INSERT INTO transition (subject, from_status, event, to_status)
SELECT 'account', f, e.event, e.to_status
FROM unnest('{OPEN,DEBIT_FROZEN,CREDIT_FROZEN}'::text[]) AS f,
     (VALUES ('frozen_for_debits', 'DEBIT_FROZEN'), ('frozen_for_credits', 'CREDIT_FROZEN'), ('unfrozen', 'OPEN'),
             ('closed', 'CLOSED'), ('closed_with_customer', 'CLOSED')) AS e (event, to_status)
WHERE f <> e.to_status;
INSERT INTO transition (subject, from_status, event, to_status) VALUES ('account', 'CLOSED', 'reopened_with_customer', 'OPEN');

-- ---------------------------------------------------------------------------
-- Looking up
-- ---------------------------------------------------------------------------
COMMENT ON FUNCTION account_kind_of IS
'The kind of an account by fund and name.
Errors: LG034 the chart of accounts has no such name.';

-- The account of a client by fund, name and asset; NULL when it was never opened.
CREATE FUNCTION bakkt_ledger_internal.find_account(holder integer, in_fund text, named text, unit asset) RETURNS account
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT a FROM account AS a WHERE a.client_id = holder AND a.fund = in_fund AND a.name = named AND a.asset = unit);
END;
$$;

CREATE FUNCTION bakkt_ledger.account_of(client text, fund text, name text, asset asset) RETURNS account_id
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_account constant account := find_account(require_client(client), fund, name, asset);
BEGIN
    RETURN CASE WHEN found_account.kind = ANY (visible_kinds()) THEN found_account.account END;
END;
$$;
COMMENT ON FUNCTION account_of IS
'The account of a client by fund, name and asset; NULL when it was never opened.
Errors: LG010, 42501.';

-- The row of an account that the invoking role may see. Errors: LG030 unknown or not visible.
CREATE FUNCTION bakkt_ledger_internal.require_account(account account_id) RETURNS account
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_account account;
BEGIN
    SELECT a.* INTO found_account FROM account AS a WHERE a.account = require_account.account;
    -- an account that the role does not see, by its client or its kind, is treated as unknown
    IF NOT FOUND OR NOT found_account.client_id = ANY (visible_clients()) OR NOT found_account.kind = ANY (visible_kinds()) THEN
        PERFORM refuse('LG030', format('account "%s" does not exist', coalesce(account::text, 'NULL')), NULL,
                       'account_of() finds an account by client, fund, name and asset.', jsonb_build_object('account', account));
    END IF;
    RETURN found_account;
END;
$$;

-- ---------------------------------------------------------------------------
-- Opening
-- ---------------------------------------------------------------------------

-- The customer whose code is in the name, or the one that is given: every claim has an owner (I24).
-- LG012 when there is none, LG031 when another.
CREATE FUNCTION bakkt_ledger_internal.account_owner(holder integer, named text, given_id bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    -- Cust:<code>..., CustomerDeficit:<code>, TPJ:receivable:<code>
    code constant text := split_part(named, ':', CASE split_part(named, ':', 1) WHEN 'TPJ' THEN 3 ELSE 2 END);
    owner customer;
    given customer;
BEGIN
    SELECT c.* INTO owner FROM customer AS c WHERE c.customer_code = code AND c.client_id = holder;
    SELECT c.* INTO given FROM customer AS c WHERE c.customer_id = given_id;
    IF given.client_id <> holder THEN
        PERFORM refuse('LG031', format('customer "%s" belongs to another client', given.customer_code));
    ELSIF owner.customer_id IS NULL AND given.customer_id IS NULL THEN
        PERFORM refuse('LG012', format('account "%s" has no owner: customer "%s" does not exist', named, code), NULL,
                       'Open the customer with open_customer(), or name the owner when opening the account.');
    ELSIF owner.customer_id <> given.customer_id THEN
        PERFORM refuse('LG031', format('account "%s" belongs to customer "%s", not to "%s"', named, owner.customer_code,
                                       given.customer_code));
    END IF;
    RETURN coalesce(owner.customer_id, given.customer_id);
END;
$$;

-- The liquidity provider an account is named after; LG014 when unknown.
CREATE FUNCTION bakkt_ledger_internal.account_provider(named text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_id integer;
BEGIN
    SELECT p.provider_id INTO found_id FROM provider AS p WHERE p.code = split_part(named, ':', 3);
    IF NOT FOUND THEN
        PERFORM refuse_provider(split_part(named, ':', 3), format('Account "%s" is named after it.', named));
    END IF;
    RETURN found_id;
END;
$$;

-- LG013 when a customer who has left would get one of these claims, which were inserted just now:
-- their foreign keys lock the customer, so that it neither closes meanwhile nor has closed unseen.
CREATE FUNCTION bakkt_ledger_internal.require_no_claim_of_closed(opened account[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    gone text;
BEGIN
    SELECT c.customer_code INTO gone
    FROM unnest(opened) AS o
    JOIN customer AS c ON c.customer_id = o.customer_id AND c.mode = 'CLOSED'
    JOIN account_kind AS k ON k.kind = o.kind AND k.limited
    ORDER BY c.customer_code LIMIT 1;
    IF FOUND THEN
        PERFORM refuse('LG013', format('customer "%s" is closed', gone), 'Nothing is opened for a customer who has left.',
                       'reopen_customer() opens it again.', jsonb_build_object('customer', gone));
    END IF;
END;
$$;

-- Opens an account and, when it is limited, its balance; NULL when it was there already.
CREATE FUNCTION bakkt_ledger_internal.insert_account(holder integer, in_fund text, named text, unit asset, owner_id bigint,
                                                     lowest amount)
    RETURNS account_id
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    its_kind constant account_kind := account_kind_of(in_fund, named);
    opened account;
BEGIN
    PERFORM require_asset(unit), require_bank_account(in_fund, named, unit);
    IF its_kind.party = 'customer' THEN
        owner_id := account_owner(holder, named, owner_id);
    ELSIF owner_id IS NOT NULL THEN
        PERFORM refuse_invalid(format('account "%s" belongs to no customer', named));
    END IF;
    INSERT INTO account AS a (client_id, account, fund, kind, name, asset, customer_id, provider_id, floor, opened_by)
    VALUES (holder, account_id(in_fund, nextval('account_number')), in_fund, its_kind.kind, named, unit, owner_id,
            CASE its_kind.party WHEN 'provider' THEN account_provider(named) END, lowest, invoking_role())
    ON CONFLICT DO NOTHING
    RETURNING a.* INTO opened;
    IF FOUND THEN
        PERFORM record_event('opened', NULL::account, opened, opened.opened_at);
        IF its_kind.limited THEN
            PERFORM require_no_claim_of_closed(ARRAY[opened]);
            PERFORM create_balance(holder, opened.account);
        END IF;
    END IF;
    RETURN opened.account;
END;
$$;

-- ensure_account() for the posting of trades, which waits for another session that is opening the
-- same account as long as that takes.
CREATE FUNCTION bakkt_ledger_internal.await_account(holder integer, in_fund text, named text, unit asset,
                                                    owner_id bigint DEFAULT NULL)
    RETURNS account_id
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_account account_id := (find_account(holder, in_fund, named, unit)).account;
BEGIN
    found_account := coalesce(found_account, insert_account(holder, in_fund, named, unit, owner_id, NULL));
    -- when another session was faster, a new statement sees its row
    RETURN coalesce(found_account, (find_account(holder, in_fund, named, unit)).account);
END;
$$;

-- The account, opened when it does not exist; LG012, LG014, LG031, LG034, LG040, LG041.
CREATE FUNCTION bakkt_ledger_internal.ensure_account(holder integer, in_fund text, named text, unit asset,
                                                     owner_id bigint DEFAULT NULL)
    RETURNS account_id
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    RETURN await_account(holder, in_fund, named, unit, owner_id);
END;
$$;

-- Opens those of the accounts (parallel arrays) that do not exist and can be opened: thousands at
-- once, for a batch whose customers trade for the first time. What it cannot open, and why, is left
-- to await_account().
CREATE FUNCTION bakkt_ledger_internal.ensure_accounts(holders integer[], funds text[], names text[], units text[],
                                                      owner_ids bigint[])
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moment constant timestamptz := clock_timestamp();
    opener constant name := invoking_role();
    accounts account[];
BEGIN
    WITH wanted AS (
        SELECT w.holder, w.fund, w.name, w.unit::asset AS unit, w.owner_id, w.place, split_part(w.name, ':', 1) AS first_part,
               split_part(w.name, ':', CASE split_part(w.name, ':', 1) WHEN 'Cust' THEN 2 ELSE 3 END) AS party_code
        FROM unnest(holders, funds, names, units, owner_ids) WITH ORDINALITY AS w (holder, fund, name, unit, owner_id, place)
    ), opened AS (
        INSERT INTO account AS a (client_id, account, fund, kind, name, asset, customer_id, provider_id, opened_at, opened_by)
        SELECT w.holder, account_id(w.fund, nextval('account_number')), w.fund, k.kind, w.name, w.unit, c.customer_id,
               p.provider_id,
               moment, opener
        FROM wanted AS w
        JOIN account_kind AS k ON k.fund = w.fund AND CASE WHEN k.first_part = w.first_part THEN w.name ~ k.name_pattern END
        JOIN supported_asset AS s ON s.asset = w.unit AND s.status <> 'RETIRED'
        LEFT JOIN customer AS c ON c.customer_id = w.owner_id AND c.client_id = w.holder AND c.customer_code = w.party_code
        LEFT JOIN provider AS p ON p.code = w.party_code AND k.party = 'provider'
        WHERE (k.party = 'customer') IS NOT TRUE = (c.customer_id IS NULL)
          AND (k.party = 'provider') IS NOT TRUE = (p.provider_id IS NULL)
        ORDER BY w.place
        ON CONFLICT DO NOTHING
        RETURNING a
    )
    SELECT array_agg(o.a) INTO accounts FROM opened AS o;
    PERFORM record_events('opened', NULL::account[], accounts, moment), require_no_claim_of_closed(accounts);
    PERFORM create_balance(o.client_id, o.account) FROM unnest(accounts) AS o JOIN account_kind AS k USING (kind) WHERE k.limited;
END;
$$;

-- 42501 unless the account is a claim of a customer without a floor or the invoking role works for
-- the whole ledger: a tenant opens what its customers claim; the company's own books, banks above
-- all, are the company's to open. LG034.
CREATE FUNCTION bakkt_ledger_internal.require_may_open(in_fund text, named text, lowest amount) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    its_kind constant account_kind := account_kind_of(in_fund, named);
BEGIN
    IF sees_all_clients() THEN
        RETURN;
    ELSIF (its_kind.class = 'claim' AND its_kind.party = 'customer') IS NOT TRUE THEN
        PERFORM refuse('42501', format('permission denied to open account "%s" in fund "%s"', named, in_fund),
                       format('Role "%s" may open accounts that are claims of customers.', invoking_role()),
                       'Ask an administrator.');
    ELSIF lowest IS NOT NULL THEN
        PERFORM refuse('42501', 'permission denied to give an account a floor',
                       'What may not be taken from a claim is the company''s to say.', 'Ask an administrator.');
    END IF;
END;
$$;

-- LG002, LG042, LG043 or LG045 unless the account can have the floor. A claim never goes debit, so
-- a floor is positive (I5).
CREATE FUNCTION bakkt_ledger_internal.check_floor(in_fund text, named text, unit asset, lowest amount) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT (account_kind_of(in_fund, named)).limited THEN
        PERFORM refuse_invalid(format('account "%s" cannot have a floor', named), 'Only limited accounts have one.');
    END IF;
    PERFORM check_step('floor', lowest, unit);
END;
$$;

CREATE TYPE bakkt_ledger.account_result AS (
    reference text,
    outcome text,
    replayed boolean,
    account account_id
);
COMMENT ON TYPE account_result IS
'An account that was asked for. reference: NULL, its name is what a repeated request finds. outcome: opened. replayed: it was
there already, with this content.';

CREATE FUNCTION bakkt_ledger.open_account(client text, fund text, name text, asset asset, customer text DEFAULT NULL,
                                          floor amount DEFAULT NULL)
    RETURNS account_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    owner_id constant bigint := CASE WHEN customer IS NOT NULL THEN require_customer(customer) END;
    present account := find_account(holder, fund, name, asset);
    opened account_id;
BEGIN
    PERFORM bounded_wait(), require_may_open(fund, name, floor);
    IF floor IS NOT NULL THEN
        PERFORM check_floor(fund, name, asset, floor);
    END IF;
    IF present.account IS NULL THEN
        opened := insert_account(holder, fund, name, asset, owner_id, floor);
        IF opened IS NOT NULL THEN
            RETURN (NULL, 'opened', false, opened)::account_result;
        END IF;
        present := find_account(holder, fund, name, asset);
    END IF;
    PERFORM require_same_opening(present, jsonb_build_object('customer_id', coalesce(owner_id, present.customer_id),
                                                             'floor', floor));
    RETURN (NULL, 'opened', true, present.account)::account_result;
END;
$$;
COMMENT ON FUNCTION open_account IS
'Opens an account of a client by its name in the chart of accounts.
customer: who owns it; that of a claim or of an account about a customer is the one in the name unless given.
floor: the least natural balance a claim must keep (NULL: zero). A poster opens claims of customers only, without a floor (42501).
The same content again returns the same account; other content is LG020.
Errors: LG002, LG010, LG011, LG012, LG013 a claim of who has left, LG014, LG016 a bank that was not opened, LG020, LG031,
LG034, LG040 to LG043, LG045, 42501.';
