-- Customers: the owners of what the customer funds hold (I24).
-- Refuses unknown ones (LG012), codes that another client has (LG020), malformed attributes
-- (LG002).
-- Locks the customer's row to change it.

CREATE TABLE bakkt_ledger_internal.customer (
    customer_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id       integer NOT NULL REFERENCES client,
    account_code    text NOT NULL UNIQUE CHECK (account_code ~ '^[A-Z0-9]{8}$'),
    account_type    text NOT NULL CHECK (account_type IN ('INDIVIDUAL', 'CUSTODIAL', 'ENTITY_PERSONAL_TRUST', 'ENTITY',
                                                          'FIRM_ALLOCATION', 'GIFT')),
    mode            text NOT NULL DEFAULT 'OPEN' CHECK (mode IN ('OPEN', 'CLOSED', 'LOCKED', 'CLOSING_ONLY')),
    party_status    text NOT NULL DEFAULT 'ACTIVE' CHECK (party_status IN ('ACTIVE', 'INACTIVE', 'SUSPENDED', 'LIQUIDATED',
                                                                           'UNDER_REVIEW', 'CLOSED')),
    funding_model   text CHECK (funding_model IN ('BAKKT_TPJ', 'NET_SETTLEMENT', 'APEX_TPJ', 'NO_SETTLEMENT')),
    party_reference text CHECK (octet_length(party_reference) BETWEEN 1 AND 255),
    opened_at       timestamptz NOT NULL
);
CREATE INDEX customer_client ON customer (client_id);
CREATE UNIQUE INDEX customer_party ON customer (client_id, party_reference) WHERE party_reference IS NOT NULL;
COMMENT ON TABLE customer IS 'A customer''s trading account, named by its eight-character account code.';
COMMENT ON COLUMN customer.account_type IS
    'INDIVIDUAL, CUSTODIAL, ENTITY_PERSONAL_TRUST, ENTITY; FIRM_ALLOCATION and GIFT are the client''s own.';
COMMENT ON COLUMN customer.mode IS 'OPEN, CLOSING_ONLY (may sell), LOCKED, CLOSED.';
COMMENT ON COLUMN customer.party_status IS
    'State of the person. ACTIVE: no restriction; LIQUIDATED: may only sell or withdraw; any other: may not trade.';
COMMENT ON COLUMN customer.funding_model IS 'Overrides the client''s funding model; NULL: the client''s.';
COMMENT ON COLUMN customer.party_reference IS 'The client''s own identifier of the person, unique within the client.';
SELECT pg_catalog.pg_extension_config_dump('customer', '');
SELECT pg_catalog.pg_extension_config_dump('customer_customer_id_seq', '');

CREATE FUNCTION bakkt_ledger_internal.check_customer_terms(account_type text, mode text, party_status text, funding_model text) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF account_type IS NULL OR account_type NOT IN ('INDIVIDUAL', 'CUSTODIAL', 'ENTITY_PERSONAL_TRUST', 'ENTITY',
                                                    'FIRM_ALLOCATION', 'GIFT') THEN
        PERFORM refuse_invalid('account type is not known', format('Account type: "%s".', account_type),
                               'One of INDIVIDUAL, CUSTODIAL, ENTITY_PERSONAL_TRUST, ENTITY, FIRM_ALLOCATION, GIFT.');
    ELSIF mode IS NULL OR mode NOT IN ('OPEN', 'CLOSED', 'LOCKED', 'CLOSING_ONLY') THEN
        PERFORM refuse_invalid('account mode is not known', format('Mode: "%s".', mode),
                               'One of OPEN, CLOSING_ONLY, LOCKED, CLOSED.');
    ELSIF party_status IS NULL OR party_status NOT IN ('ACTIVE', 'INACTIVE', 'SUSPENDED', 'LIQUIDATED', 'UNDER_REVIEW', 'CLOSED') THEN
        PERFORM refuse_invalid('party status is not known', format('Party status: "%s".', party_status),
                               'One of ACTIVE, INACTIVE, SUSPENDED, LIQUIDATED, UNDER_REVIEW, CLOSED.');
    ELSIF funding_model NOT IN ('BAKKT_TPJ', 'NET_SETTLEMENT', 'APEX_TPJ', 'NO_SETTLEMENT') THEN
        PERFORM refuse_invalid('funding model is not known', format('Funding model: "%s".', funding_model),
                               'One of BAKKT_TPJ, NET_SETTLEMENT, APEX_TPJ, NO_SETTLEMENT.');
    END IF;
END;
$$;
COMMENT ON FUNCTION check_customer_terms(text, text, text, text) IS
    'Internal: raises LG002 naming the first attribute of a customer that is not valid.';

-- The error tells no more about another client's customer than that the code is taken.
CREATE FUNCTION bakkt_ledger_internal.refuse_taken_codes(client_id integer, account_codes text[]) RETURNS void
    STABLE PARALLEL SAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    taken   text;
BEGIN
    SELECT c.account_code INTO taken FROM customer c
    WHERE c.account_code = ANY (refuse_taken_codes.account_codes) AND c.client_id <> refuse_taken_codes.client_id
    ORDER BY c.account_code LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG020',
            MESSAGE = format('account code "%s" is taken', taken),
            HINT = 'An account code names one customer of the whole ledger: choose another.';
    END IF;
END;
$$;
COMMENT ON FUNCTION refuse_taken_codes(integer, text[]) IS
    'Internal: raises LG020 when one of the account codes is a customer of another client.';

CREATE FUNCTION bakkt_ledger.open_customer(
    account_code    text,
    client          text,
    account_type    text DEFAULT 'INDIVIDUAL',
    funding_model   text DEFAULT NULL,
    party_reference text DEFAULT NULL,
    reference       text DEFAULT NULL,
    opened_at       timestamptz DEFAULT clock_timestamp())
    RETURNS bigint
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_open_client(open_customer.client);
    opened  customer%ROWTYPE;
    request jsonb;
BEGIN
    IF open_customer.account_code IS NULL OR open_customer.account_code !~ '^[A-Z0-9]{8}$' THEN
        PERFORM refuse_invalid('account code must be 8 capital letters or digits', format('Code: "%s".', open_customer.account_code));
    END IF;
    IF octet_length(open_customer.party_reference) NOT BETWEEN 1 AND 255 THEN
        PERFORM refuse_invalid('a party reference has 1 to 255 bytes', format('This one has %s.', octet_length(open_customer.party_reference)));
    END IF;
    PERFORM bounded_wait(), check_customer_terms(open_customer.account_type, 'OPEN', 'ACTIVE', open_customer.funding_model);
    INSERT INTO customer AS c (client_id, account_code, account_type, funding_model, party_reference, opened_at)
    VALUES (owning, open_customer.account_code, open_customer.account_type, open_customer.funding_model,
            open_customer.party_reference, coalesce(open_customer.opened_at, clock_timestamp()))
    ON CONFLICT DO NOTHING
    RETURNING c.* INTO opened;
    request := jsonb_build_object('client_id', owning, 'account_type', open_customer.account_type,
        'funding_model', open_customer.funding_model, 'party_reference', open_customer.party_reference);
    PERFORM refuse_taken_codes(owning, ARRAY[open_customer.account_code]);
    IF opened_before('customer', open_customer.account_code, open_customer.reference, request, owning) THEN
        RETURN (SELECT c.customer_id FROM customer c WHERE c.account_code = open_customer.account_code);
    ELSIF opened.customer_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LG020',
            MESSAGE = format('party reference "%s" belongs to another customer of client "%s"',
                             open_customer.party_reference, open_customer.client),
            DETAIL = format('Field "account_code": %s now.', open_customer.account_code),
            HINT = 'Give the party reference of one person to one account only.';
    END IF;
    PERFORM record_change('customer', opened.account_code, NULL, to_jsonb(opened), owning, open_customer.reference);
    RETURN opened.customer_id;
END;
$$;
COMMENT ON FUNCTION open_customer(text, text, text, text, text, text, timestamptz) IS
    'Opens a customer of a client and returns its identifier. Idempotent by account code: the same content again returns the '
    'same, other content (another client, too) raises LG020. Raises LG010, LG011, LG002, 42501.';

CREATE FUNCTION bakkt_ledger.open_customers(
    client          text,
    account_codes   text[],
    account_type    text DEFAULT 'INDIVIDUAL',
    funding_model   text DEFAULT NULL,
    opened_at       timestamptz DEFAULT clock_timestamp())
    RETURNS bigint
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_open_client(open_customers.client);
    opened  bigint;
    refused text;
BEGIN
    PERFORM require_batch_size(cardinality(open_customers.account_codes));
    PERFORM bounded_wait(), check_customer_terms(open_customers.account_type, 'OPEN', 'ACTIVE', open_customers.funding_model);
    SELECT coalesce(code, 'NULL') INTO refused FROM unnest(open_customers.account_codes) AS code
    WHERE code IS NULL OR code !~ '^[A-Z0-9]{8}$' LIMIT 1;
    IF FOUND THEN
        PERFORM refuse_invalid('account code must be 8 capital letters or digits', format('Code: "%s".', refused));
    END IF;
    WITH inserted AS (
        INSERT INTO customer AS c (client_id, account_code, account_type, funding_model, opened_at)
        SELECT DISTINCT owning, code, open_customers.account_type, open_customers.funding_model,
               coalesce(open_customers.opened_at, clock_timestamp())
        FROM unnest(open_customers.account_codes) AS code ORDER BY code
        ON CONFLICT (account_code) DO NOTHING
        RETURNING c.*
    ), logged AS (
        INSERT INTO change_log (changed_at, changed_by, client_id, object_kind, object_key, after)
        SELECT clock_timestamp(), invoking_role(), owning, 'customer', i.account_code, to_jsonb(i) FROM inserted i
        RETURNING 1
    )
    SELECT count(*) INTO opened FROM logged;
    PERFORM refuse_taken_codes(owning, open_customers.account_codes);
    PERFORM opened_before('customer', code, NULL, jsonb_build_object('client_id', owning,
                'account_type', open_customers.account_type, 'funding_model', open_customers.funding_model))
    FROM unnest(open_customers.account_codes) AS code
    WHERE opened < cardinality(open_customers.account_codes);
    RETURN opened;
END;
$$;
COMMENT ON FUNCTION open_customers(text, text[], text, text, timestamptz) IS
    'Opens many customers of a client at once and returns how many are new; customers that exist with the same content are '
    'skipped. All or none. Raises as open_customer() does; 54000 for more than one call may bring.';

CREATE FUNCTION bakkt_ledger.change_customer(
    account_code    text,
    mode            text DEFAULT NULL,
    party_status    text DEFAULT NULL,
    funding_model   text DEFAULT NULL,
    reason          text DEFAULT NULL,
    reference       text DEFAULT NULL)
    RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    before  customer%ROWTYPE;
    after   customer%ROWTYPE;
    request jsonb;
BEGIN
    PERFORM bounded_wait(), require_customer(change_customer.account_code);
    SELECT c.* INTO before FROM customer c WHERE c.account_code = change_customer.account_code FOR NO KEY UPDATE;
    request := jsonb_strip_nulls(jsonb_build_object('mode', change_customer.mode, 'party_status', change_customer.party_status));
    IF change_customer.funding_model IS NOT NULL THEN
        request := request || jsonb_build_object('funding_model', nullif(change_customer.funding_model, 'CLIENT'));
    END IF;
    IF changed_before('customer', change_customer.account_code, change_customer.reference, request, before.client_id) THEN
        RETURN;
    END IF;
    after := jsonb_populate_record(before, request);
    PERFORM check_customer_terms(after.account_type, after.mode, after.party_status, after.funding_model);
    IF after IS NOT DISTINCT FROM before THEN
        RETURN;
    END IF;
    UPDATE customer AS c SET mode = after.mode, party_status = after.party_status, funding_model = after.funding_model
    WHERE c.customer_id = before.customer_id;
    PERFORM require_prefunded_works(before.client_id);
    PERFORM record_change('customer', before.account_code, to_jsonb(before), to_jsonb(after), before.client_id,
                          change_customer.reference, change_customer.reason);
END;
$$;
COMMENT ON FUNCTION change_customer(text, text, text, text, text, text) IS
    'Changes mode, party status or funding model of a customer; NULL leaves it, funding model CLIENT removes the override. '
    'Repeating a reference is no second change; LG020 when its content differs. Raises LG012, LG002, 42501.';

CREATE FUNCTION bakkt_ledger_internal.require_customer(account_code text) RETURNS bigint
    STABLE PARALLEL RESTRICTED SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_customer  customer%ROWTYPE;
BEGIN
    SELECT c.* INTO found_customer FROM customer c WHERE c.account_code = require_customer.account_code;
    -- a customer of a client that is not visible is treated as unknown
    IF NOT FOUND OR NOT found_customer.client_id = ANY (visible_clients()) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG012',
            MESSAGE = format('customer "%s" does not exist', coalesce(require_customer.account_code, 'NULL')),
            HINT = 'Open it with open_customer().';
    END IF;
    RETURN found_customer.customer_id;
END;
$$;
COMMENT ON FUNCTION require_customer(text) IS
    'The identifier of a customer that the invoking role may see. Raises LG012 when unknown or not visible.';
