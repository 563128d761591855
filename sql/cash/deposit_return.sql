-- Returns of ACH deposits (J06d), and the fee for them.
-- Refuses unknown return codes (LG085) and deposits that cannot be returned (LG081).
-- Locks the customer, the transfers, then the company's money in the FBO account.

-- A return is covered first by money that has not left yet. The newest withdrawals are rejected
-- first, because they are the most likely to be connected with the returned deposit.
CREATE FUNCTION bakkt_ledger_internal.reject_unsent_withdrawals(moved funding_transfer, settled account_id, at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    unsent  funding_transfer;
BEGIN
    PERFORM bounded_wait();
    FOR unsent IN
        SELECT t.* FROM funding_transfer t
        WHERE t.client_id = moved.client_id AND t.customer_id = moved.customer_id AND t.status = 'REQUESTED' AND asset(t.amount) = asset(moved.amount)
        ORDER BY t.requested_at DESC, t.transfer_id DESC FOR NO KEY UPDATE
    LOOP
        EXIT WHEN spendable(moved.client_id, settled, at) >= moved.amount;
        PERFORM end_withdrawal(unsent, 'rejected', jsonb_build_object('reason', format('deposit "%s" was returned', moved.reference)), greatest(at, unsent.requested_at));
    END LOOP;
END;
$$;
COMMENT ON FUNCTION reject_unsent_withdrawals(funding_transfer, account_id, timestamptz) IS
    'Internal: rejects a customer''s withdrawals that are not sent, newest first, until what is returned is covered.';

-- The customer's cash pays as far as it goes, and the company bears the rest, never another
-- customer (J06d).
CREATE FUNCTION bakkt_ledger_internal.post_spent_return(moved funding_transfer, content jsonb, at timestamptz) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    settled account_id := ensure_account(moved.client_id, 'FBO', split_part(cash_account(moved.customer_id, 'settled'), ' ', 2), asset(moved.amount));
    frozen  boolean := (SELECT a.status IN ('debit_frozen', 'closed') FROM account a WHERE a.client_id = moved.client_id AND a.account = settled);
    taken   amount;
    deficit amount;
BEGIN
    IF NOT frozen THEN
        PERFORM reject_unsent_withdrawals(moved, settled, at);
    END IF;
    taken := least(spendable(moved.client_id, settled, at), moved.amount);
    deficit := moved.amount - taken;
    RETURN enter_funding(moved, 'returned', at, content, post_funding(moved, 'returned', 'cash_return',
        cash_entry(moved.client_id, asset(moved.amount),
                   ARRAY[cash_account(moved.customer_id, 'settled'), 'FBO DueFrom:CORP', omnibus_bank(moved.bank), cash_account(moved.customer_id, 'deficit'), 'CORP DueTo:FBO'],
                   ARRAY[taken, deficit, -moved.amount, deficit, -deficit]), at), deficit);
END;
$$;
COMMENT ON FUNCTION post_spent_return(funding_transfer, jsonb, timestamptz) IS
    'Internal: posts the return of a settled deposit: from the customer''s cash as far as it goes; the rest becomes a deficit '
    'that the company bears.';

CREATE FUNCTION bakkt_ledger_internal.post_return(moved funding_transfer, content jsonb, at timestamptz) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    accounts    text[];
BEGIN
    IF moved.status = 'SETTLED' THEN
        RETURN post_spent_return(moved, content, at);
    END IF;
    accounts := CASE moved.status
        WHEN 'INITIATED' THEN ARRAY[cash_account(moved.customer_id, 'unsettled'), 'FBO Clearing:ACH-in']
        WHEN 'CREDITED' THEN ARRAY[cash_account(moved.customer_id, 'unsettled'), omnibus_bank(moved.bank)]
        ELSE ARRAY['FBO Suspense:unidentified', omnibus_bank(moved.bank)] END;
    RETURN enter_funding(moved, 'returned', at, content, post_funding(moved, 'returned', 'cash_return',
        cash_entry(moved.client_id, asset(moved.amount), accounts, ARRAY[moved.amount, -moved.amount]), at));
END;
$$;
COMMENT ON FUNCTION post_return(funding_transfer, jsonb, timestamptz) IS 'Internal: the return of a deposit in any status.';

CREATE FUNCTION bakkt_ledger_internal.charge_return_fee(moved funding_transfer, at timestamptz) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    fee     constant amount := (cash_terms_of(moved.client_id)).return_fee;
    settled account_id;
    taken   amount;
BEGIN
    IF is_zero(fee) THEN
        RETURN moved;
    END IF;
    settled := ensure_account(moved.client_id, 'FBO', split_part(cash_account(moved.customer_id, 'settled'), ' ', 2), asset(fee));
    taken := least(spendable(moved.client_id, settled, at), fee);
    RETURN enter_funding(moved, 'charged', at, '{}', post_funding(moved, 'charged', 'fee',
        cash_entry(moved.client_id, asset(fee),
                   ARRAY[cash_account(moved.customer_id, 'settled'), 'FBO DueTo:CORP', 'CORP DueFrom:FBO', cash_account(moved.customer_id, 'deficit'), 'CORP Revenue:return-fee'],
                   ARRAY[taken, -taken, taken, fee - taken, -fee]), at), fee - taken);
END;
$$;
COMMENT ON FUNCTION charge_return_fee(funding_transfer, timestamptz) IS
    'Internal: charges the client''s return fee, if it has one, to the customer''s cash as far as it goes; the rest becomes a '
    'deficit.';

CREATE FUNCTION bakkt_ledger.return_deposit(client text, reference text, code text, bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   funding_transfer := lock_funding(client, reference, 'DEPOSIT', at, true);
    content constant jsonb := jsonb_build_object('return_code', code, 'bank_reference', bank_reference);
BEGIN
    IF moved.rail <> 'ACH' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG081', MESSAGE = format('deposit "%s" came by wire', reference), HINT = 'A wire goes back by return_wire().';
    ELSIF entered_before(moved, 'returned', content) THEN
        RETURN moved;
    END IF;
    PERFORM require_return_code(code);
    moved := charge_return_fee(post_return(moved, content, at), at);
    PERFORM offset_due_from_company(moved.client_id, asset(moved.amount), at);
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION return_deposit(text, text, text, text, timestamptz) IS
    'The customer''s bank has returned an ACH deposit, with a code of ach_return_code. Before the deposit is settled, its '
    'unsettled claim is reversed. Afterwards (J06d) the customer''s withdrawals that are not sent are rejected, newest first, '
    'as far as needed; the customer''s remaining cash is taken; and the rest is a deficit that the company bears, set off at '
    'once against its money in the FBO account. Then the client''s return fee is charged. Since the bank has done it, it is '
    'recorded whatever the state of the customer; cash that is frozen or held is not touched. Repeating it returns the deposit; '
    'another code or bank_reference is LG020. Raises LG010, 42501, LG080, LG033 the unsettled account is frozen, LG081 canceled '
    'or declined, LG085 unknown code, LG061.';
