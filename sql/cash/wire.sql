-- Wires in (J01d), with or without a known owner, and their return.
-- Refuses a bank's reference that was received before (LG020), a customer without cash here
-- (LG013).
-- Locks the customer, then the wire.

-- A customer of this client by code, NULL for NULL; LG012 if unknown, LG031 if another client's.
CREATE FUNCTION bakkt_ledger_internal.customer_of(holder integer, code text) RETURNS customer
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    found_customer constant customer := CASE WHEN code IS NOT NULL THEN customer_row(require_customer(code)) END;
BEGIN
    IF found_customer.client_id <> holder THEN
        PERFORM refuse('LG031', format('customer "%s" belongs to another client', code));
    END IF;
    RETURN found_customer;
END;
$$;

-- Why a wire cannot be credited to the customer; NULL if it can.
CREATE FUNCTION bakkt_ledger_internal.wire_obstacle(owner bigint, unit asset) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE WHEN owner IS NULL THEN 'no customer named'
                WHEN NOT holds_cash_here(owner) THEN 'the customer''s cash is not held here'
                WHEN NOT EXISTS (SELECT FROM supported_asset AS s
                                 JOIN trading_status AS t ON t.status = s.status AND t.may_buy
                                 WHERE s.asset = unit)
                    THEN 'the currency takes no new claims'
                WHEN EXISTS (SELECT FROM account AS a
                             WHERE a.customer_id = owner AND a.kind = 'fbo_settled' AND a.asset = unit
                               AND a.status IN ('CREDIT_FROZEN', 'CLOSED'))
                    THEN 'the customer''s account takes no credits' END;
END;
$$;

-- LG020 for a wire that was received before under another reference, as the bank's reference says.
CREATE FUNCTION bakkt_ledger_internal.require_new_wire(holder integer, named text, told text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse_other_content('Wire', told, jsonb_build_object('reference', t.reference),
                                 jsonb_build_object('reference', named))
    FROM funding_transfer AS t
    WHERE t.client_id = holder AND t.rail = 'WIRE' AND t.direction = 'DEPOSIT' AND t.bank_reference = told;
END;
$$;

CREATE FUNCTION bakkt_ledger.receive_wire(client text, amount amount, reference text, customer text DEFAULT NULL,
                                          bank text DEFAULT NULL, bank_reference text DEFAULT NULL,
                                          at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    owner constant customer := customer_of(holder, customer);
    asked request;
    obstacle text;
    moved funding_transfer;
BEGIN
    PERFORM require_instant(at);
    PERFORM lock_customer_cash(owner.customer_id) WHERE owner.customer_id IS NOT NULL;
    asked := open_funding_request('receive_wire', holder, reference,
                                  jsonb_build_object('customer', owner.customer_code, 'amount', amount, 'bank', bank,
                                                     'bank_reference', bank_reference), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::funding_transfer_result);
    END IF;
    PERFORM require_new_wire(holder, reference, bank_reference), require_fiat('a wire', require_positive(amount)),
            require_omnibus_bank(holder, bank, asset(amount));
    obstacle := wire_obstacle(owner.customer_id, asset(amount));
    moved := CASE WHEN obstacle IS NULL
                  THEN open_funding(asked, owner.customer_id, 'DEPOSIT', 'WIRE', 'SETTLED', 'received', 'wire_received')
                  ELSE open_funding(asked, NULL, 'DEPOSIT', 'WIRE', 'UNIDENTIFIED', 'received', 'wire_unidentified',
                                    obstacle) END;
    RETURN close_request(asked, funding_answer(moved, 'received'));
END;
$$;
COMMENT ON FUNCTION receive_wire IS
'Records that the bank has credited a wire.
With a customer it is the customer''s settled cash at once (J01d): SETTLED. Without one, or when the customer''s cash is not
held here, the account takes no credits or the currency winds down, it is UNIDENTIFIED, a claim of an unknown owner, until
assign_wire() or return_wire(). bank_reference: the bank''s, such as the IMAD; a wire is received once under it. Since the bank
has done it, it is recorded whatever the state of the customer. The same request again gets the first answer.
Errors: LG010, 42501, LG012, LG002 no reference, LG045 not positive, LG042 no currency, LG040, LG041, LG043 asset, LG020 other
content, or received under another reference, LG061, LG011.';

CREATE FUNCTION bakkt_ledger.assign_wire(client text, reference text, customer text, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant bigint := coalesce((customer_of(require_client(client), customer)).customer_id, require_customer(customer));
    said constant jsonb := jsonb_build_object('customer', (customer_row(owner)).customer_code);
    moved funding_transfer;
    again boolean;
BEGIN
    PERFORM lock_customer_cash(owner);
    moved := lock_funding(client, reference, 'DEPOSIT', at, false);
    again := stepped_before(moved, 'assigned', said);
    IF NOT again THEN
        PERFORM require_cash_here(owner);
        moved := step_funding(moved, 'assigned', 'wire_assigned', at, said, owner => owner);
    END IF;
    RETURN funding_answer(moved, 'assigned', again);
END;
$$;
COMMENT ON FUNCTION assign_wire IS
'Assigns an unidentified wire to the customer whose it was found to be: it is settled cash from now on.
Errors: LG010, 42501, LG012, LG031, LG080 unknown, LG081 not unidentified, LG020 assigned before to another customer, LG013 the
customer has no cash here, LG032 or LG033 the account takes no credits, LG061.';

CREATE FUNCTION bakkt_ledger.return_wire(client text, reference text, reason text, bank_reference text DEFAULT NULL,
                                         at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(client, reference, 'DEPOSIT', at, true);
    said constant jsonb := jsonb_build_object('reason', reason, 'bank_reference', bank_reference);
    again boolean;
BEGIN
    IF moved.rail <> 'WIRE' THEN
        PERFORM refuse('LG081', format('deposit "%s" came by ACH', reference), NULL,
                       'It goes back by return_deposit(), with a return code.');
    END IF;
    again := stepped_before(moved, 'returned', said);
    IF NOT again AND coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('the return of a wire needs a reason', NULL,
                               'Say why in a few words; wires have no return codes.');
    ELSIF NOT again THEN
        PERFORM return_funding(moved, said, at);
        PERFORM offset_due_from_company(moved.client_id, asset(moved.amount), at);
    END IF;
    RETURN funding_answer(moved, 'returned', again);
END;
$$;
COMMENT ON FUNCTION return_wire IS
'Records that a wire was returned: an unidentified one in full, another as return_deposit() does, without a fee.
Errors: LG010, 42501, LG080, LG081 returned already, or an ACH deposit, LG020 returned before with another reason or
bank_reference, LG002 no reason, LG061.';
