-- Bank accounts of the company and for its customers, and the ledger accounts that mirror them.

CREATE TABLE bakkt_ledger_internal.bank_account (
    bank_account_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$'),
    kind text NOT NULL CHECK (kind IN ('FBO', 'OPERATING', 'SEG')),
    bank text NOT NULL,
    currency asset NOT NULL REFERENCES supported_asset,
    ledger_name text NOT NULL,
    routing_number text CHECK (routing_number ~ '^[0-9]{9}$'),
    last_four text CHECK (last_four ~ '^[0-9]{4}$'),
    clients text[] CHECK (cardinality(clients) > 0 AND array_position(clients, NULL) IS NULL),
    status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'CLOSED')),
    opened_at timestamptz NOT NULL
);
COMMENT ON TABLE bank_account IS
'A bank account of the company or for its customers, and the ledger account that must agree with its statements. Never the
whole account number.';
COMMENT ON COLUMN bank_account.ledger_name IS 'Name of the control account in fund FBO, SEG or, for OPERATING, CORP.';
COMMENT ON COLUMN bank_account.clients IS
'The clients whose money it serves, by code; NULL: all. A client that an account serves by name names one in every movement.';
SELECT pg_catalog.pg_extension_config_dump('bank_account', '');
SELECT pg_catalog.pg_extension_config_dump('bank_account_bank_account_id_seq', '');
INSERT INTO subject (subject, key) VALUES ('bank_account', '{code}');
INSERT INTO transition (subject, from_status, event, to_status) VALUES ('bank_account', 'ACTIVE', 'closed', 'CLOSED');

-- The fund of a kind of bank account, and the kind of control account that mirrors it.
CREATE FUNCTION bakkt_ledger_internal.bank_fund(kind text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE kind WHEN 'OPERATING' THEN 'CORP' ELSE kind END;

CREATE FUNCTION bakkt_ledger.open_bank_account(bank_account text, kind text, bank text, currency asset DEFAULT 'USD',
                                               ledger_name text DEFAULT NULL, routing_number text DEFAULT NULL,
                                               last_four text DEFAULT NULL, clients text[] DEFAULT NULL,
                                               reference text DEFAULT NULL,
                                               at timestamptz DEFAULT clock_timestamp())
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    mirror constant text := coalesce(ledger_name, account_name(lower(bank_fund(kind)) || '_bank'));
    content constant jsonb := jsonb_build_object('code', bank_account, 'kind', kind, 'bank', bank, 'currency', currency,
                                                 'ledger_name', mirror, 'routing_number', routing_number, 'last_four', last_four,
                                                 'clients', clients);
    present bank_account := jsonb_populate_record(NULL::bank_account, content);
    fresh boolean;
BEGIN
    IF bank_account IS NULL OR bank_account !~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$' OR coalesce(bank, '') = '' THEN
        PERFORM refuse_invalid('bank account needs a code and a bank', format('Code "%s", bank "%s".', bank_account, bank));
    ELSIF kind IS NULL OR kind NOT IN ('FBO', 'OPERATING', 'SEG') THEN
        PERFORM refuse_invalid('bank account kind is not known', format('Kind: "%s".', kind), 'One of FBO, OPERATING, SEG.');
    ELSIF (account_kind_of(bank_fund(kind), mirror)).class <> 'control' THEN
        PERFORM refuse_invalid('ledger account of a bank account must be a control account',
                               format('Account: %s "%s".', bank_fund(kind), mirror));
    ELSIF routing_number !~ '^[0-9]{9}$' OR last_four !~ '^[0-9]{4}$' THEN
        PERFORM refuse_invalid('routing number must have 9 digits, last four 4');
    END IF;
    PERFORM bounded_wait(), require_asset(currency), require_clients(clients);
    INSERT INTO bank_account AS b (code, kind, bank, currency, ledger_name, routing_number, last_four, clients, opened_at)
    VALUES (present.code, present.kind, present.bank, present.currency, present.ledger_name, present.routing_number,
            present.last_four, present.clients, coalesce(open_bank_account.at, clock_timestamp()))
    ON CONFLICT DO NOTHING
    RETURNING b.* INTO present;
    fresh := FOUND;
    IF NOT fresh THEN
        SELECT b.* INTO STRICT present FROM bank_account AS b WHERE b.code = open_bank_account.bank_account;
    END IF;
    RETURN record_opening('open_bank_account', 0, reference, content, fresh, present, present.opened_at);
END;
$$;
COMMENT ON FUNCTION open_bank_account IS
'Opens a bank account with the control account that mirrors it.
kind: FBO, OPERATING or SEG. ledger_name: Bank:omnibus, Bank:operating or Bank:segregated unless given. clients:
whose money it serves, NULL for all.
Idempotent by code; other content is LG020.
Errors: LG002, LG010, LG020, LG034, LG040, LG041.';

-- Whether a bank account serves the client, NULL for whoever it is.
CREATE FUNCTION bakkt_ledger_internal.serves(opened bank_account, holder integer) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN holder IS NULL OR (opened).clients IS NULL OR client_name(holder) = ANY ((opened).clients);

-- LG016 for the ledger account of a bank that was not opened with open_bank_account() in that
-- currency, or, with open_only, is closed, or does not serve the client; LG034 for a name that
-- cannot be. The account without a bank's name (Bank:omnibus) is everybody's, but of a client that
-- has bank accounts of its own.
CREATE FUNCTION bakkt_ledger_internal.require_bank_account(fund text, name text, unit asset, open_only boolean DEFAULT false,
                                                           holder integer DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    its_kind constant account_kind := account_kind_of(fund, name);
BEGIN
    IF its_kind.class <> 'control' OR split_part(name, ':', 1) <> 'Bank'
       OR EXISTS (SELECT FROM bank_account AS b
                  WHERE bank_fund(b.kind) = fund AND b.ledger_name = name AND b.currency = unit
                    AND (b.status = 'ACTIVE' OR NOT open_only) AND serves(b, holder)) THEN
        RETURN;
    ELSIF split_part(name, ':', 3) <> '' THEN
        PERFORM refuse('LG016', format('there is no bank account "%s" in %s', name, unit),
                       format('Fund %s%s.', fund, ', client ' || client_name(holder)),
                       'Open it with open_bank_account(), with this name as its ledger_name.');
    END IF;
    PERFORM refuse('LG016', format('client "%s" has bank accounts of its own', client_name(holder)),
                   format('One is "%s".', b.ledger_name), 'Name the one that the money moves through.')
    FROM bank_account AS b
    WHERE bank_fund(b.kind) = fund AND b.currency = unit AND b.status = 'ACTIVE' AND client_name(holder) = ANY (b.clients);
END;
$$;

-- LG010 for a code that is no client's.
CREATE FUNCTION bakkt_ledger_internal.require_clients(codes text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF cardinality(codes) = 0 THEN
        PERFORM refuse_invalid('a bank account serves one client at least', NULL, 'NULL is all of them.');
    END IF;
    PERFORM require_client(c) FROM unnest(codes) AS c;
END;
$$;

-- The bank account, locked; LG016 if there is none.
CREATE FUNCTION bakkt_ledger_internal.lock_bank_account(code text) RETURNS bank_account
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    locked bank_account;
BEGIN
    PERFORM bounded_wait();
    SELECT b.* INTO locked FROM bank_account AS b WHERE b.code = lock_bank_account.code FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('LG016', format('bank account "%s" does not exist', coalesce(code, 'NULL')), NULL,
                       'Open it with open_bank_account().', jsonb_build_object('bank_account', code));
    END IF;
    RETURN locked;
END;
$$;

CREATE FUNCTION bakkt_ledger.change_bank_account(bank_account text, clients text[], reference text DEFAULT NULL,
                                                 reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before constant bank_account := lock_bank_account(bank_account);
    asked constant request := open_change('change_bank_account', 'bank_account', 0, reference,
                                          jsonb_build_object('code', bank_account, 'clients', clients));
    after bank_account;
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    PERFORM require_clients(clients);
    UPDATE bank_account AS b
    SET clients = change_bank_account.clients
    WHERE b.bank_account_id = before.bank_account_id
    RETURNING b.* INTO after;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_bank_account IS
'Says whose money a bank account serves: clients by code, or NULL for all.
A client that an account serves by name names one in every movement of customers'' money from then on (LG016).
Errors: LG002 no client, LG010, LG016, LG020.';

CREATE FUNCTION bakkt_ledger.close_bank_account(bank_account text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before constant bank_account := lock_bank_account(bank_account);
    asked constant request := open_change('close_bank_account', 'bank_account', 0, reference,
                                          jsonb_build_object('code', bank_account));
    after bank_account;
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    UPDATE bank_account AS b SET status = 'CLOSED' WHERE b.bank_account_id = before.bank_account_id RETURNING b.* INTO after;
    RETURN close_change(asked, 'closed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION close_bank_account IS
'Marks a bank account as closed; closing again is no error.
Errors: LG016, LG020.';
