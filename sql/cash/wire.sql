-- Wires in (J01d), with or without a known owner, and their return.
-- Refuses a bank's reference that was received before (LG020), a customer without cash here
-- (LG013).
-- Locks the customer, then the wire.

CREATE FUNCTION bakkt_ledger_internal.wire_obstacle(customer_id bigint, asset asset) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT CASE WHEN $1 IS NULL THEN 'no customer named'
                WHEN NOT holds_cash_here($1) THEN 'the customer''s cash is not held here'
                WHEN EXISTS (SELECT FROM account a WHERE a.customer_id = $1 AND a.kind = 'fbo_settled' AND a.asset = $2 AND a.status IN ('credit_frozen', 'closed'))
                    THEN 'the customer''s account takes no credits' END
$$;
COMMENT ON FUNCTION wire_obstacle(bigint, asset) IS
    'Internal: the reason why a wire cannot be credited to the customer; NULL if it can.';

CREATE FUNCTION bakkt_ledger.receive_wire(client text, amount amount, reference text, account text DEFAULT NULL, bank text DEFAULT NULL, bank_reference text DEFAULT NULL,
                             at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_client(client);
    owner       bigint := customer_of(owner_id, account);
    request     constant jsonb := jsonb_build_object('direction', 'DEPOSIT', 'rail', 'WIRE', 'account', account, 'amount', amount, 'bank', bank, 'bank_reference', bank_reference);
    moved       funding_transfer;
    obstacle    text;
BEGIN
    PERFORM require_instant(at);
    PERFORM lock_customer_cash(owner) WHERE owner IS NOT NULL;
    moved := opened_funding(owner_id, reference, request);
    IF moved.transfer_id IS NOT NULL THEN
        RETURN moved;
    END IF;
    PERFORM require_fiat('a wire', require_positive(amount)), require_omnibus_bank(bank, asset(amount));
    obstacle := wire_obstacle(owner, asset(amount));
    IF obstacle IS NOT NULL THEN
        RETURN open_funding(owner_id, NULL, reference, 'UNIDENTIFIED', 'received', at, request,
            cash_entry(owner_id, asset(amount), ARRAY[omnibus_bank(bank), 'FBO Suspense:unidentified'], ARRAY[amount, -amount]), obstacle);
    END IF;
    RETURN open_funding(owner_id, owner, reference, 'SETTLED', 'received', at, request,
        cash_entry(owner_id, asset(amount), ARRAY[omnibus_bank(bank), cash_account(owner, 'settled')], ARRAY[amount, -amount]));
END;
$$;
COMMENT ON FUNCTION receive_wire(text, amount, text, text, text, text, timestamptz) IS
    'Records that the bank has credited a wire. With the account of a customer it is the customer''s settled cash at once '
    '(J01d): SETTLED. Without one, or when the customer''s cash is not held here or the account takes no credits, it is '
    'UNIDENTIFIED, a claim of an unknown owner, until assign_wire() or return_wire(). bank_reference: the bank''s, such as the '
    'IMAD; a wire is received once under it (LG020). Since the bank has done it, it is recorded whatever the state of the '
    'customer. Repeating it returns the wire as it stands, other content is LG020. Raises LG010, 42501, LG012, LG002 no '
    'reference, LG045, LG042 no currency, LG040, LG041, LG043 asset, LG061, LG011.';

CREATE FUNCTION bakkt_ledger_internal.customer_of(client_id integer, account text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    found_id    bigint;
BEGIN
    IF account IS NULL THEN
        RETURN NULL;
    END IF;
    found_id := require_customer(account);
    IF NOT EXISTS (SELECT FROM customer c WHERE c.customer_id = found_id AND c.client_id = customer_of.client_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG031', MESSAGE = format('customer "%s" belongs to another client', account);
    END IF;
    RETURN found_id;
END;
$$;
COMMENT ON FUNCTION customer_of(integer, text) IS
    'Internal: a customer of this client by account code, NULL for NULL; LG012 if unknown, LG031 if it belongs to another '
    'client.';

CREATE FUNCTION bakkt_ledger.assign_wire(client text, reference text, account text, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner   constant bigint := coalesce(customer_of(require_client(client), account), require_customer(account));
    content constant jsonb := jsonb_build_object('account', account);
    moved   funding_transfer;
BEGIN
    PERFORM lock_customer_cash(owner);
    moved := lock_funding(client, reference, 'DEPOSIT', at, false);
    IF entered_before(moved, 'assigned', content) THEN
        RETURN moved;
    END IF;
    PERFORM require_cash_here(owner);
    moved.customer_id := owner;
    RETURN enter_funding(moved, 'assigned', at, content, post_funding(moved, 'assigned', 'cash_deposit',
        cash_entry(moved.client_id, asset(moved.amount), ARRAY['FBO Suspense:unidentified', cash_account(owner, 'settled')],
                   ARRAY[moved.amount, -moved.amount]), at));
END;
$$;
COMMENT ON FUNCTION assign_wire(text, text, text, timestamptz) IS
    'Assigns an unidentified wire to the customer whose it was found to be: it is settled cash from now on. Repeating it '
    'returns the wire; another account is LG020. Raises LG010, 42501, LG012, LG031, LG080 unknown, LG081 not unidentified, '
    'LG013 the customer has no cash here, LG032 or LG033 the account takes no credits, LG061.';

CREATE FUNCTION bakkt_ledger.return_wire(client text, reference text, reason text, bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   funding_transfer := lock_funding(client, reference, 'DEPOSIT', at, true);
    content constant jsonb := jsonb_build_object('reason', reason, 'bank_reference', bank_reference);
BEGIN
    IF moved.rail <> 'WIRE' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG081', MESSAGE = format('deposit "%s" came by ACH', reference), HINT = 'It goes back by return_deposit(), with a return code.';
    ELSIF entered_before(moved, 'returned', content) THEN
        RETURN moved;
    ELSIF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('the return of a wire needs a reason', NULL, 'Say why in a few words; wires have no return codes.');
    END IF;
    moved := post_return(moved, content, at);
    PERFORM offset_due_from_company(moved.client_id, asset(moved.amount), at);
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION return_wire(text, text, text, text, timestamptz) IS
    'Records that a wire was returned: an unidentified one in full, one credited to a customer as return_deposit() does for a '
    'settled deposit, without a fee. Repeating it returns the wire; another reason or bank_reference is LG020. Raises LG010, '
    '42501, LG080, LG081 returned already, or an ACH deposit, LG002 no reason, LG061.';
