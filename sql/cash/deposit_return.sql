-- Returns of ACH deposits and chargebacks of payments by card (J06d), and the fee for them.
-- Refuses unknown return codes (LG085) and deposits that cannot be returned (LG081).
-- Locks the customer, the transfers, then the company's money in the FBO account.

-- Rejects a customer's withdrawals that are not sent until what is returned is covered. Money that
-- has not left yet pays a return first, the newest before the others: it is the likeliest to be of
-- a piece with the returned deposit.
CREATE FUNCTION bakkt_ledger_internal.reject_unsent_withdrawals(moved funding_transfer, settled account_id, moment timestamptz)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    unsent funding_transfer;
BEGIN
    PERFORM bounded_wait();
    FOR unsent IN
        SELECT t.*
        FROM funding_transfer AS t
        WHERE t.client_id = moved.client_id AND t.customer_id = moved.customer_id AND t.status = 'REQUESTED'
          AND asset(t.amount) = asset(moved.amount)
        ORDER BY t.requested_at DESC, t.transfer_id DESC
        FOR NO KEY UPDATE
    LOOP
        EXIT WHEN spendable(moved.client_id, settled, moment) >= moved.amount;
        PERFORM end_withdrawal(unsent, 'rejected', greatest(moment, unsent.requested_at),
                               jsonb_build_object('reason', format('deposit "%s" was returned', moved.reference)));
    END LOOP;
END;
$$;

-- The return of a settled deposit: what is there pays, the rest is the company's deficit, never
-- another customer's (J06d).
CREATE FUNCTION bakkt_ledger_internal.return_spent(moved funding_transfer, said jsonb, moment timestamptz)
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    settled constant account_id := settled_account(customer_row(moved.customer_id), asset(moved.amount));
    taken amount;
    deficit amount;
BEGIN
    IF NOT EXISTS (SELECT FROM account AS a
                   WHERE a.client_id = moved.client_id AND a.account = settled AND a.status IN ('DEBIT_FROZEN', 'CLOSED')) THEN
        PERFORM reject_unsent_withdrawals(moved, settled, moment);
    END IF;
    taken := least(spendable(moved.client_id, settled, moment), moved.amount);
    deficit := moved.amount - taken;
    RETURN step_funding(moved, 'returned', 'settled_deposit_returned', moment, said || jsonb_build_object('deficit', deficit),
                        jsonb_build_object('amount', moved.amount, 'taken', taken, 'deficit', deficit));
END;
$$;

-- The return of a deposit or wire, from whatever status it has.
CREATE FUNCTION bakkt_ledger_internal.return_funding(moved funding_transfer, said jsonb, moment timestamptz)
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE moved.status
        WHEN 'INITIATED' THEN step_funding(moved, 'returned', deposit_template('initiated_deposit_returned', moved.rail), moment,
                                           said)
        WHEN 'CREDITED' THEN step_funding(moved, 'returned', 'credited_deposit_returned', moment, said)
        WHEN 'UNIDENTIFIED' THEN step_funding(moved, 'returned', 'unidentified_wire_returned', moment, said)
        ELSE return_spent(moved, said, moment) END;
END;
$$;

-- Charges the client's return fee, if it has one: the customer's cash as far as it goes, the rest
-- is owed.
CREATE FUNCTION bakkt_ledger_internal.charge_return_fee(moved funding_transfer, moment timestamptz) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    fee constant amount := (cash_terms_of(moved.client_id)).return_fee;
    taken amount;
BEGIN
    IF is_zero(fee) THEN
        RETURN moved;
    END IF;
    taken := least(spendable(moved.client_id, settled_account(customer_row(moved.customer_id), asset(fee)), moment), fee);
    RETURN step_funding(moved, 'charged', 'return_fee_charged', moment, jsonb_build_object('deficit', fee - taken),
                        jsonb_build_object('amount', fee, 'taken', taken, 'deficit', fee - taken));
END;
$$;

CREATE FUNCTION bakkt_ledger.return_deposit(client text, reference text, code text, bank_reference text DEFAULT NULL,
                                            at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(client, reference, 'DEPOSIT', at, true);
    said constant jsonb := jsonb_build_object('return_code', code, 'bank_reference', bank_reference);
    again boolean;
BEGIN
    IF moved.rail = 'WIRE' THEN
        PERFORM refuse('LG081', format('deposit "%s" came by wire', reference), NULL, 'A wire goes back by return_wire().');
    END IF;
    again := stepped_before(moved, 'returned', said);
    IF NOT again THEN
        PERFORM require_return_code(code, moved.rail);
        PERFORM charge_return_fee(return_funding(moved, said, at), at);
        PERFORM offset_due_from_company(moved.client_id, asset(moved.amount), at);
    END IF;
    RETURN funding_answer(moved, 'returned', again);
END;
$$;
COMMENT ON FUNCTION return_deposit IS
'Records that an ACH deposit came back, with a code of ach_return_code, or one by card, with a reason of chargeback_reason.
Before the deposit is settled, its unsettled claim is reversed. Afterwards (J06d) the customer''s withdrawals that are not sent
are rejected, newest first, as far as needed; the customer''s remaining cash is taken; and the rest is a deficit that the
company bears, set off at once against its money in the FBO account. Then the client''s return fee is charged. Since the bank
has done it, it is recorded whatever the state of the customer; cash that is frozen or held is not touched.
Errors: LG010, 42501, LG080, LG033 the unsettled account is frozen, LG081 canceled or declined, LG085 unknown code, LG020
returned before with another code or bank_reference, LG061.';
