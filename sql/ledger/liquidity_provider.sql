-- Liquidity providers: who fills orders.
-- Refuses unknown ones (LG014), other content (LG020), malformed content (LG002).
-- Locks the provider's row.

CREATE TABLE bakkt_ledger_internal.liquidity_provider (
    lp_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,15}$'),
    name        text NOT NULL,
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    opened_at   timestamptz NOT NULL
);
COMMENT ON TABLE liquidity_provider IS
    'Liquidity providers, who fill orders. The code is the last part of the names of the provider''s accounts (LP:payable:LP1).';
SELECT pg_catalog.pg_extension_config_dump('liquidity_provider', '');
SELECT pg_catalog.pg_extension_config_dump('liquidity_provider_lp_id_seq', '');

CREATE FUNCTION bakkt_ledger.open_liquidity_provider(
    code        text,
    name        text,
    reference   text DEFAULT NULL,
    opened_at   timestamptz DEFAULT clock_timestamp())
    RETURNS integer
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    opened  liquidity_provider%ROWTYPE;
BEGIN
    IF open_liquidity_provider.code IS NULL OR open_liquidity_provider.code !~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,15}$' THEN
        PERFORM refuse_invalid('liquidity provider code must be 1 to 16 letters, digits, hyphens or underscores',
                               format('Code: "%s".', open_liquidity_provider.code));
    ELSIF coalesce(open_liquidity_provider.name, '') = '' THEN
        PERFORM refuse_invalid('liquidity provider needs a name');
    END IF;
    PERFORM bounded_wait();
    INSERT INTO liquidity_provider AS p (code, name, opened_at)
    VALUES (open_liquidity_provider.code, open_liquidity_provider.name, coalesce(open_liquidity_provider.opened_at, clock_timestamp()))
    ON CONFLICT (code) DO NOTHING
    RETURNING p.* INTO opened;
    IF opened_before('liquidity_provider', open_liquidity_provider.code, open_liquidity_provider.reference,
                     jsonb_build_object('name', open_liquidity_provider.name)) THEN
        RETURN (SELECT p.lp_id FROM liquidity_provider p WHERE p.code = open_liquidity_provider.code);
    END IF;
    PERFORM record_change('liquidity_provider', opened.code, NULL, to_jsonb(opened), NULL, open_liquidity_provider.reference);
    RETURN opened.lp_id;
END;
$$;
COMMENT ON FUNCTION open_liquidity_provider(text, text, text, timestamptz) IS
    'Opens a liquidity provider and returns its identifier. Idempotent by code; other content raises LG020. Malformed content '
    'raises LG002.';

CREATE FUNCTION bakkt_ledger.change_liquidity_provider(
    code        text,
    name        text DEFAULT NULL,
    status      text DEFAULT NULL,
    reason      text DEFAULT NULL,
    reference   text DEFAULT NULL)
    RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    before  liquidity_provider%ROWTYPE;
    after   liquidity_provider%ROWTYPE;
    request jsonb;
BEGIN
    PERFORM bounded_wait();
    SELECT p.* INTO before FROM liquidity_provider p WHERE p.code = change_liquidity_provider.code FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG014',
            MESSAGE = format('liquidity provider "%s" does not exist', coalesce(change_liquidity_provider.code, 'NULL')),
            HINT = 'Open it with open_liquidity_provider().';
    END IF;
    request := jsonb_strip_nulls(jsonb_build_object('name', change_liquidity_provider.name, 'status', change_liquidity_provider.status));
    IF changed_before('liquidity_provider', before.code, change_liquidity_provider.reference, request) THEN
        RETURN;
    END IF;
    after := jsonb_populate_record(before, request);
    IF after.status NOT IN ('active', 'suspended', 'closed') OR after.name = '' THEN
        PERFORM refuse_invalid('liquidity provider is not valid', format('Name "%s", status "%s".', after.name, after.status),
                               'Status is one of active, suspended, closed.');
    END IF;
    IF after IS NOT DISTINCT FROM before THEN
        RETURN;
    END IF;
    UPDATE liquidity_provider AS p SET name = after.name, status = after.status WHERE p.lp_id = before.lp_id;
    PERFORM record_change('liquidity_provider', before.code, to_jsonb(before), to_jsonb(after), NULL,
                          change_liquidity_provider.reference, change_liquidity_provider.reason);
END;
$$;
COMMENT ON FUNCTION change_liquidity_provider(text, text, text, text, text) IS
    'Changes name or status (active, suspended, closed) of a liquidity provider; NULL leaves it. Raises LG014, LG002, LG020.';
