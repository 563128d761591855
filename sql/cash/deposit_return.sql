-- Money that has not left yet pays a return first: the youngest withdrawal is
-- the likeliest to be of a piece with the returned deposit.
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
COMMENT ON FUNCTION reject_unsent_withdrawals(funding_transfer, account_id, timestamptz) IS 'Internal: rejects a customer''s withdrawals that are not sent, newest first, until what is returned is covered.';

-- What is there pays, the rest is the company's: never another customer''s (J06d).
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
COMMENT ON FUNCTION post_spent_return(funding_transfer, jsonb, timestamptz) IS 'Internal: the return of a settled deposit: the customer''s cash as far as it goes, the rest the company''s deficit.';

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
COMMENT ON FUNCTION post_return(funding_transfer, jsonb, timestamptz) IS 'Internal: the return of a deposit, from whatever status it has.';

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
COMMENT ON FUNCTION charge_return_fee(funding_transfer, timestamptz) IS 'Internal: charges the client''s return fee, if it has one: the customer''s cash as far as it goes, the rest is owed.';

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
'The customer''s bank has returned an ACH deposit, with a code of ach_return_code. Before it was settled the unsettled claim goes; afterwards (J06d) the customer''s
withdrawals that are not sent are rejected, newest first, as far as needed, what he has left is taken, and the rest is the company''s deficit, at once set off
against its money in the FBO account. Then the client''s return fee is charged. A fact: recorded whatever the state of the customer; cash that is frozen or held stays
where it is. The same again returns the deposit, with another code or bank_reference LG020. Raises LG010, 42501, LG080, LG033 the unsettled account is frozen, LG081 cancelled or declined, LG085 unknown
code, LG061.';
