-- Customers: the owners of what the customer funds hold (I24).

CREATE TABLE bakkt_ledger_internal.customer (
    customer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id integer NOT NULL REFERENCES client,
    customer_code text NOT NULL UNIQUE CHECK (customer_code ~ '^[A-Z0-9]{8}$'),
    account_type text NOT NULL
        CHECK (account_type IN ('INDIVIDUAL', 'CUSTODIAL', 'ENTITY_PERSONAL_TRUST', 'ENTITY', 'FIRM_ALLOCATION', 'GIFT')),
    mode text NOT NULL DEFAULT 'OPEN' CHECK (mode IN ('OPEN', 'CLOSED', 'LOCKED', 'CLOSING_ONLY')),
    party_status text NOT NULL DEFAULT 'ACTIVE'
        CHECK (party_status IN ('ACTIVE', 'INACTIVE', 'SUSPENDED', 'LIQUIDATED', 'UNDER_REVIEW', 'CLOSED')),
    funding_model text CHECK (funding_model IN ('BAKKT_TPJ', 'NET_SETTLEMENT', 'APEX_TPJ', 'NO_SETTLEMENT')),
    external_digest text CHECK (external_digest ~ '^[0-9a-f]{64}$'),
    opened_at timestamptz NOT NULL
);
CREATE INDEX customer_client ON customer (client_id);
COMMENT ON TABLE customer IS 'A customer''s trading account, named by its eight-character account code.';
COMMENT ON COLUMN customer.account_type IS
'INDIVIDUAL, CUSTODIAL, ENTITY_PERSONAL_TRUST, ENTITY; FIRM_ALLOCATION and GIFT are the client''s own.';
COMMENT ON COLUMN customer.mode IS
'OPEN; CLOSING_ONLY: is leaving, may sell and withdraw; LOCKED: may do nothing; CLOSED: has left (close_customer()).';
COMMENT ON COLUMN customer.party_status IS
'State of the person: ACTIVE; LIQUIDATED may only sell or withdraw; others may not trade.';
COMMENT ON COLUMN customer.funding_model IS 'Overrides the client''s funding model; NULL: the client''s.';
COMMENT ON COLUMN customer.external_digest IS
'Salted digest of the client''s own identifier of the person (customer_identity); NULL: none, or erased.';
SELECT pg_catalog.pg_extension_config_dump('customer', '');
SELECT pg_catalog.pg_extension_config_dump('customer_customer_id_seq', '');
ALTER TABLE customer_identity ADD FOREIGN KEY (customer_id) REFERENCES customer;
INSERT INTO subject (subject, key) VALUES ('customer', '{customer_code}');

-- The customer of that name: its code, or its client's code and its external id, as in QRST/4711.
CREATE FUNCTION bakkt_ledger_internal.customer_named(named text) RETURNS SETOF customer
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT c.customer_id, c.client_id, c.customer_code, c.account_type, c.mode, c.party_status, c.funding_model,
           c.external_digest, c.opened_at
    FROM customer AS c
    WHERE c.customer_code = named
       OR c.customer_id = (SELECT i.customer_id
                           FROM client AS o
                           JOIN customer_identity AS i ON i.client_id = o.client_id
                           WHERE named LIKE '%/%' AND o.code = split_part(named, '/', 1)
                             AND i.external_id = substr(named, strpos(named, '/') + 1));
END;

-- LG002 naming the first attribute of a customer that is not valid.
CREATE FUNCTION bakkt_ledger_internal.check_customer(terms customer) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF terms.customer_code IS NULL OR terms.customer_code !~ '^[A-Z0-9]{8}$' THEN
        PERFORM refuse_invalid('account code must be 8 capital letters or digits',
                               format('Code: "%s".', coalesce(terms.customer_code, 'NULL')));
    ELSIF terms.account_type IS NULL OR terms.account_type NOT IN ('INDIVIDUAL', 'CUSTODIAL', 'ENTITY_PERSONAL_TRUST', 'ENTITY',
                                                                   'FIRM_ALLOCATION', 'GIFT') THEN
        PERFORM refuse_invalid('account type is not known', format('Account type: "%s".', terms.account_type),
                               'One of INDIVIDUAL, CUSTODIAL, ENTITY_PERSONAL_TRUST, ENTITY, FIRM_ALLOCATION, GIFT.');
    ELSIF terms.mode NOT IN ('OPEN', 'CLOSED', 'LOCKED', 'CLOSING_ONLY') THEN
        PERFORM refuse_invalid('account mode is not known', format('Mode: "%s".', terms.mode),
                               'One of OPEN, CLOSING_ONLY, LOCKED, CLOSED.');
    ELSIF terms.party_status NOT IN ('ACTIVE', 'INACTIVE', 'SUSPENDED', 'LIQUIDATED', 'UNDER_REVIEW', 'CLOSED') THEN
        PERFORM refuse_invalid('party status is not known', format('Party status: "%s".', terms.party_status),
                               'One of ACTIVE, INACTIVE, SUSPENDED, LIQUIDATED, UNDER_REVIEW, CLOSED.');
    END IF;
    PERFORM check_funding_model(terms.funding_model);
END;
$$;

-- LG020 when a customer's identifier is another than this one, which says nothing of either.
CREATE FUNCTION bakkt_ledger_internal.require_same_identity(present customer, external_id text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF identity_digest_of(present.customer_id, external_id) IS DISTINCT FROM present.external_digest THEN
        PERFORM refuse('LG020', format('customer "%s" was given before with another external_id', present.customer_code), NULL,
                       'Repeat the request unchanged; customers() tells the identifier, unless it was erased.',
                       jsonb_build_object('field', 'external_id'));
    END IF;
END;
$$;

-- LG020 when one of the account codes is a customer of another client; says no more of that
-- customer.
CREATE FUNCTION bakkt_ledger_internal.refuse_taken_codes(holder integer, codes text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    taken text;
BEGIN
    SELECT c.customer_code INTO taken
    FROM customer AS c
    WHERE c.customer_code = ANY (codes) AND c.client_id <> holder
    ORDER BY c.customer_code LIMIT 1;
    IF FOUND THEN
        PERFORM refuse('LG020', format('account code "%s" is taken', taken), NULL,
                       'An account code names one customer of the whole ledger: choose another.');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.open_customer(client text, customer text, account_type text DEFAULT 'INDIVIDUAL',
                                           funding_model text DEFAULT NULL, external_id text DEFAULT NULL,
                                           reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    salt constant bytea := uuid_send(gen_random_uuid());
    content jsonb := jsonb_build_object('customer_code', customer, 'client_id', holder, 'account_type', account_type,
                                        'funding_model', funding_model);
    present customer := jsonb_populate_record(NULL::customer, content);
    fresh boolean;
BEGIN
    PERFORM bounded_wait(), check_customer(present), require_external_id(external_id);
    INSERT INTO customer AS c (client_id, customer_code, account_type, funding_model, external_digest, opened_at)
    VALUES (holder, present.customer_code, present.account_type, present.funding_model, identity_digest(external_id, salt),
            coalesce(open_customer.at, clock_timestamp()))
    ON CONFLICT ON CONSTRAINT customer_customer_code_key DO NOTHING
    RETURNING c.* INTO present;
    fresh := FOUND;
    PERFORM refuse_taken_codes(holder, ARRAY[customer]);
    IF fresh THEN
        PERFORM keep_identity(present.customer_id, holder, external_id, salt);
    ELSE
        SELECT c.* INTO present FROM customer AS c WHERE c.customer_code = open_customer.customer;
        PERFORM require_same_identity(present, external_id);
    END IF;
    content := content || jsonb_build_object('external_digest', present.external_digest);
    RETURN record_opening('open_customer', holder, reference, content, fresh, present, present.opened_at);
END;
$$;
COMMENT ON FUNCTION open_customer IS
'Opens a customer of a client.
external_id: the client''s own identifier of the person, which can be erased (erase_customer_identity()); it names the customer as
CLIENT/external id, too.
Idempotent by account code: the same content again returns the same, other content (another client, too) is LG020.
Errors: LG002, LG010, LG011, LG020, 42501.';

CREATE TYPE bakkt_ledger.customers_result AS (
    reference text,
    outcome text,
    replayed boolean,
    opened bigint,
    present bigint
);
COMMENT ON TYPE customers_result IS
'Customers that were asked for together. reference: NULL, their codes are what a repeated request finds. outcome: opened.
replayed: all were there already. opened: how many are new; present: how many were there, with this content.';

CREATE FUNCTION bakkt_ledger.open_customers(client text, customers text[], account_type text DEFAULT 'INDIVIDUAL',
                                            funding_model text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS customers_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    asked bigint;
    fresh bigint;
    moment constant timestamptz := coalesce(at, clock_timestamp());
    content constant jsonb := jsonb_build_object('client_id', holder, 'account_type', account_type,
                                                 'funding_model', funding_model);
    opened customer[];
BEGIN
    IF coalesce(cardinality(customers), 0) = 0 THEN
        RETURN (NULL, 'opened', false, 0, 0)::customers_result;
    END IF;
    PERFORM require_batch_size(cardinality(customers)), bounded_wait();
    asked := (SELECT count(DISTINCT code) FROM unnest(customers) AS code);
    -- of the codes one that is malformed, if there is any
    PERFORM check_customer(jsonb_populate_record(NULL::customer, content || jsonb_build_object('customer_code', c.code)))
    FROM (SELECT code FROM unnest(customers) AS code ORDER BY code ~ '^[A-Z0-9]{8}$' NULLS FIRST LIMIT 1) AS c;
    WITH inserted AS (
        INSERT INTO customer AS c (client_id, customer_code, account_type, funding_model, opened_at)
        SELECT DISTINCT holder, code, open_customers.account_type, open_customers.funding_model, moment
        FROM unnest(customers) AS code
        ORDER BY code
        ON CONFLICT ON CONSTRAINT customer_customer_code_key DO NOTHING
        RETURNING c
    )
    SELECT array_agg(i.c) INTO opened FROM inserted AS i;
    PERFORM record_events('opened', NULL::customer[], opened, moment), refuse_taken_codes(holder, customers);
    fresh := coalesce(cardinality(opened), 0);
    IF fresh < asked THEN
        PERFORM require_same_opening(c, content) FROM customer AS c WHERE c.customer_code = ANY (customers);
    END IF;
    RETURN (NULL, 'opened', fresh = 0, fresh, asked - fresh)::customers_result;
END;
$$;
COMMENT ON FUNCTION open_customers IS
'Opens many customers of a client at once.
Those opened before with the same content are passed over. All or none.
Errors: those of open_customer(), 54000 more than one call takes.';

-- LG013 when a change would close the customer or concerns one that has left: it closes empty only.
CREATE FUNCTION bakkt_ledger_internal.require_stays(before customer, after customer) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF before.mode = 'CLOSED' THEN
        PERFORM refuse('LG013', format('customer "%s" is closed', before.customer_code), NULL,
                       'reopen_customer() opens it again, to sell and withdraw.',
                       jsonb_build_object('customer', before.customer_code));
    ELSIF 'CLOSED' IN (after.mode, after.party_status) THEN
        PERFORM refuse('LG013', format('customer "%s" is closed by its own function', before.customer_code), NULL,
                       'Set mode CLOSING_ONLY, and call close_customer() when nothing is left.',
                       jsonb_build_object('customer', before.customer_code));
    END IF;
END;
$$;

-- The customer of that name as it stands once it is locked, after a bounded wait. Errors: LG012
-- unknown or not visible.
CREATE FUNCTION bakkt_ledger_internal.lock_customer(named text) RETURNS customer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant bigint := require_customer(named);
    locked customer;
BEGIN
    PERFORM bounded_wait();
    SELECT c.* INTO locked FROM customer AS c WHERE c.customer_id = owner FOR NO KEY UPDATE;
    RETURN locked;
END;
$$;

CREATE FUNCTION bakkt_ledger.change_customer(customer text, mode text DEFAULT NULL, party_status text DEFAULT NULL,
                                             funding_model text DEFAULT NULL, reference text DEFAULT NULL,
                                             reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked request;
    before customer;
    after customer;
BEGIN
    before := lock_customer(customer);
    asked := open_change('change_customer', 'customer', before.client_id, reference,
                         jsonb_build_object('customer_code', before.customer_code, 'mode', mode, 'party_status', party_status,
                                            'funding_model', funding_model));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    after := jsonb_populate_record(before, jsonb_strip_nulls(asked.content));
    after.funding_model := nullif(after.funding_model, 'CLIENT');
    PERFORM check_customer(after), require_stays(before, after);
    IF after IS DISTINCT FROM before THEN
        UPDATE customer AS c
        SET mode = after.mode,
            party_status = after.party_status,
            funding_model = after.funding_model
        WHERE c.customer_id = before.customer_id;
    END IF;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_customer IS
'Changes mode, party status or funding model of a customer; NULL leaves it, funding model CLIENT removes the override.
mode: OPEN, CLOSING_ONLY or LOCKED; close_customer() closes. Repeating a reference is no second change; LG020 when its content
differs.
Errors: LG002, LG012, LG013 to close, or closed already, LG020, 42501.';

-- The identifier of a customer that the invoking role may see. Errors: LG012 unknown or not
-- visible.
CREATE FUNCTION bakkt_ledger_internal.require_customer(named text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_customer customer;
BEGIN
    SELECT c.* INTO found_customer FROM customer_named(named) AS c;
    -- a customer of a client that is not visible is as good as unknown
    IF NOT FOUND OR NOT found_customer.client_id = ANY (visible_clients()) THEN
        PERFORM refuse('LG012', format('customer "%s" does not exist', coalesce(named, 'NULL')), NULL,
                       'Open it with open_customer().', jsonb_build_object('customer', named));
    END IF;
    RETURN found_customer.customer_id;
END;
$$;

-- The customer of that number.
CREATE FUNCTION bakkt_ledger_internal.customer_row(owner bigint) RETURNS customer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT c FROM customer AS c WHERE c.customer_id = owner);
END;
$$;
