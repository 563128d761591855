-- Bank accounts, each with the control account that must agree with the bank's statements.
-- Refuses a bank that was not opened or is closed (LG016), other content (LG020).
-- Locks the bank account's row.

CREATE TABLE bakkt_ledger_internal.bank_account (
    bank_account_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code            text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$'),
    kind            text NOT NULL CHECK (kind IN ('FBO', 'OPERATING', 'SEG')),
    bank            text NOT NULL,
    currency        asset NOT NULL REFERENCES supported_asset,
    ledger_name     text NOT NULL,
    routing_number  text CHECK (routing_number ~ '^[0-9]{9}$'),
    last_four       text CHECK (last_four ~ '^[0-9]{4}$'),
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'closed')),
    opened_at       timestamptz NOT NULL
);
COMMENT ON TABLE bank_account IS
    'A bank account of the company or for its customers, and the ledger account that must agree with its statements. Never the '
    'whole account number.';
COMMENT ON COLUMN bank_account.ledger_name IS 'Name of the control account in fund FBO, SEG or, for OPERATING, CORP.';
SELECT pg_catalog.pg_extension_config_dump('bank_account', '');
SELECT pg_catalog.pg_extension_config_dump('bank_account_bank_account_id_seq', '');

CREATE FUNCTION bakkt_ledger.open_bank_account(
    code            text,
    kind            text,
    bank            text,
    currency        asset DEFAULT 'USD',
    ledger_name     text DEFAULT NULL,
    routing_number  text DEFAULT NULL,
    last_four       text DEFAULT NULL,
    reference       text DEFAULT NULL,
    opened_at       timestamptz DEFAULT clock_timestamp())
    RETURNS integer
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    fund    constant text := CASE open_bank_account.kind WHEN 'OPERATING' THEN 'CORP' ELSE open_bank_account.kind END;
    name    constant text := coalesce(open_bank_account.ledger_name,
                                      CASE open_bank_account.kind WHEN 'FBO' THEN 'Bank:omnibus' WHEN 'SEG' THEN 'Bank:segregated'
                                      ELSE 'Bank:operating' END);
    opened  bank_account%ROWTYPE;
BEGIN
    IF open_bank_account.code IS NULL OR open_bank_account.code !~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$'
        OR coalesce(open_bank_account.bank, '') = '' THEN
        PERFORM refuse_invalid('bank account needs a code and a bank',
                               format('Code "%s", bank "%s".', open_bank_account.code, open_bank_account.bank));
    ELSIF open_bank_account.kind IS NULL OR open_bank_account.kind NOT IN ('FBO', 'OPERATING', 'SEG') THEN
        PERFORM refuse_invalid('bank account kind is not known', format('Kind: "%s".', open_bank_account.kind),
                               'One of FBO, OPERATING, SEG.');
    ELSIF (account_kind_of(fund, name)).class <> 'control' THEN
        PERFORM refuse_invalid('ledger account of a bank account must be a control account', format('Account: %s "%s".', fund, name));
    ELSIF open_bank_account.routing_number !~ '^[0-9]{9}$' OR open_bank_account.last_four !~ '^[0-9]{4}$' THEN
        PERFORM refuse_invalid('routing number must have 9 digits, last four 4');
    END IF;
    PERFORM bounded_wait(), require_asset(open_bank_account.currency);
    INSERT INTO bank_account AS b (code, kind, bank, currency, ledger_name, routing_number, last_four, opened_at)
    VALUES (open_bank_account.code, open_bank_account.kind, open_bank_account.bank, open_bank_account.currency, name,
            open_bank_account.routing_number, open_bank_account.last_four, coalesce(open_bank_account.opened_at, clock_timestamp()))
    ON CONFLICT (code) DO NOTHING
    RETURNING b.* INTO opened;
    IF opened_before('bank_account', open_bank_account.code, open_bank_account.reference,
                     jsonb_build_object('kind', open_bank_account.kind, 'bank', open_bank_account.bank,
                                        'currency', open_bank_account.currency, 'ledger_name', name,
                                        'routing_number', open_bank_account.routing_number,
                                        'last_four', open_bank_account.last_four)) THEN
        RETURN (SELECT b.bank_account_id FROM bank_account b WHERE b.code = open_bank_account.code);
    END IF;
    PERFORM record_change('bank_account', opened.code, NULL, to_jsonb(opened), NULL, open_bank_account.reference);
    RETURN opened.bank_account_id;
END;
$$;
COMMENT ON FUNCTION open_bank_account(text, text, text, asset, text, text, text, text, timestamptz) IS
    'Opens a bank account (kind FBO, OPERATING or SEG) with the control account that mirrors it. Idempotent by code; other '
    'content raises LG020. Raises LG002, LG034, LG040, LG041.';

CREATE FUNCTION bakkt_ledger_internal.require_bank_account(fund text, name text, currency asset, open_only boolean DEFAULT false) RETURNS void
    STABLE PARALLEL SAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    its_kind    constant account_kind := account_kind_of(require_bank_account.fund, require_bank_account.name);
BEGIN
    IF its_kind.class = 'control' AND split_part(require_bank_account.name, ':', 1) = 'Bank' AND split_part(require_bank_account.name, ':', 3) <> ''
        AND NOT EXISTS (SELECT FROM bank_account b
                        WHERE b.kind = CASE require_bank_account.fund WHEN 'CORP' THEN 'OPERATING' ELSE require_bank_account.fund END
                          AND b.ledger_name = require_bank_account.name AND b.currency = require_bank_account.currency
                          AND (b.status = 'active' OR NOT open_only)) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG016',
            MESSAGE = format('there is no bank account "%s" in %s', require_bank_account.name, require_bank_account.currency),
            DETAIL = format('Fund %s.', require_bank_account.fund),
            HINT = 'Open it with open_bank_account(), with this name as its ledger_name.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_bank_account(text, text, asset, boolean) IS
    'Internal: raises LG016 for the ledger account of a bank that was not opened with open_bank_account() in that currency, or, '
    'with open_only, is closed; LG034 for a malformed name. The account without a bank''s name (Bank:omnibus) always exists.';

CREATE FUNCTION bakkt_ledger.close_bank_account(code text, reason text DEFAULT NULL, reference text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    before  bank_account%ROWTYPE;
    after   bank_account%ROWTYPE;
BEGIN
    PERFORM bounded_wait();
    SELECT b.* INTO before FROM bank_account b WHERE b.code = close_bank_account.code FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG016',
            MESSAGE = format('bank account "%s" does not exist', coalesce(close_bank_account.code, 'NULL')),
            HINT = 'Open it with open_bank_account().';
    ELSIF before.status = 'closed' THEN
        RETURN;
    END IF;
    UPDATE bank_account AS b SET status = 'closed' WHERE b.bank_account_id = before.bank_account_id RETURNING b.* INTO after;
    PERFORM record_change('bank_account', before.code, to_jsonb(before), to_jsonb(after), NULL,
                          close_bank_account.reference, close_bank_account.reason);
END;
$$;
COMMENT ON FUNCTION close_bank_account(text, text, text) IS
    'Marks a bank account as closed. Closing again is no error. Raises LG016.';
