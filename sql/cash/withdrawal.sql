-- Withdrawals (J06b, J06c): requested, sent, completed, or ended before that.
-- Refuses what settled cash less holds, outstanding cash calls and deficits does not cover (LG050,
-- I20).
-- Locks the customer, then the withdrawal, then its hold.

-- LG047 below the client's minimum, unless a leaving customer takes the last; LG050 when settled
-- cash less holds covers the amount but not the outstanding cash calls and the customer's deficits
-- as well. That it covers the amount is for the hold to say.
CREATE FUNCTION bakkt_ledger_internal.require_withdrawable(owner customer, settled account_id, wanted amount, moment timestamptz)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    unit constant asset := asset(wanted);
    least_amount constant amount := (cash_terms_of(owner.client_id)).minimum_withdrawal;
    free constant amount := spendable(owner.client_id, settled, moment);
    owed constant amount := calls_on(owner, unit, true, 'infinity') + customer_deficit(owner, unit);
BEGIN
    IF asset(least_amount) = unit AND wanted < least_amount AND NOT (owner.mode = 'CLOSING_ONLY' AND wanted = free) THEN
        PERFORM refuse('LG047', 'below the minimum withdrawal amount',
                       format('%s asked for, the least is %s.', wanted, least_amount),
                       'It is the client''s term minimum_withdrawal: change_cash_terms().',
                       jsonb_build_object('required', least_amount, 'given', wanted));
    ELSIF free - owed < wanted AND free >= wanted THEN
        PERFORM refuse('LG050', 'insufficient cash',
                       format('%s are free, of which cash calls and deficits ask for %s; %s to be withdrawn.', free, owed,
                              wanted),
                       'Cash calls that are outstanding come first (I20), and what the company has made good for the '
                       'customer: recover_deficit().',
                       jsonb_build_object('customer', owner.customer_code, 'required', wanted, 'available', free - owed));
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.request_withdrawal(customer text, amount amount, reference text, rail text DEFAULT 'ACH',
                                                bank text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner customer;
    asked request;
    moved funding_transfer;
    settled account_id;
BEGIN
    PERFORM require_instant(at);
    owner := lock_cash_of(customer);
    asked := open_funding_request('request_withdrawal', owner.client_id, reference,
                                  jsonb_build_object('customer', owner.customer_code, 'amount', amount, 'bank', bank,
                                                     'rail', rail), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::funding_transfer_result);
    ELSIF rail IS NULL OR rail NOT IN ('ACH', 'WIRE') THEN
        PERFORM refuse_invalid('rail is not known', format('Rail: "%s".', rail), 'One of ACH, WIRE.');
    END IF;
    PERFORM require_fiat('a withdrawal', require_positive(amount)),
            require_omnibus_bank(owner.client_id, bank, asset(amount), true),
            require_customer_may(owner, 'WITHDRAWAL');
    settled := settled_account(owner, asset(amount));
    PERFORM require_withdrawable(owner, settled, amount, at);
    moved := open_funding(asked, owner.customer_id, 'WITHDRAWAL', rail, 'REQUESTED', 'requested');
    PERFORM open_hold(owner.client_id, settled, amount, funding_hold(moved), NULL, at);
    RETURN close_request(asked, funding_answer(moved, 'requested'));
END;
$$;
COMMENT ON FUNCTION request_withdrawal IS
'Requests that cash be paid out to a customer: REQUESTED.
The amount is held until the withdrawal is sent or ends. rail: ACH or WIRE. bank: the omnibus bank that will pay. reference: the
withdrawal''s name from now on; the same request again gets the first answer. A customer in mode CLOSING_ONLY may withdraw the
last of his cash, however little it is.
Errors: LG012, LG002 no reference or rail, LG045 not positive, LG042 no currency, LG040, LG041, LG043 asset, LG034 or LG016
bank, LG013 the customer may not withdraw, LG047 below the client''s minimum, LG050 settled cash less holds less outstanding
cash calls does not cover it (I20), LG020 other content, LG032 or LG033 closed or frozen, LG061, LG011.';

-- ---------------------------------------------------------------------------
-- Sent, completed
-- ---------------------------------------------------------------------------

-- Sends a withdrawal that is locked: its claim goes out of the hold (J06b).
CREATE FUNCTION bakkt_ledger_internal.post_sending(moved funding_transfer, said jsonb, moment timestamptz)
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    posted journal_result;
BEGIN
    posted := take_hold(moved.client_id, funding_hold(moved),
                        template_entry(moved.client_id, lower(moved.rail) || '_withdrawal_sent', funding_parties(moved),
                                       jsonb_build_object('amount', moved.amount)),
                        funding_hold(moved) || ':sent', 'cash_withdrawal', true, funding_name(moved) || ' sent', moment, moment);
    RETURN (change_fundings(ARRAY[moved], 'sent', moment, said, ARRAY[posted.journal]))[1];
END;
$$;

-- Sends a withdrawal, unless that has been done before (NULL): its number.
CREATE FUNCTION bakkt_ledger_internal.send_funding(code text, named text, said jsonb, moment timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(code, named, 'WITHDRAWAL', moment, true);
BEGIN
    IF stepped_before(moved, 'sent', said) THEN
        RETURN NULL;
    END IF;
    PERFORM require_customer_may(customer_row(moved.customer_id), 'WITHDRAWAL');
    RETURN (post_sending(moved, said, moment)).transfer_id;
END;
$$;

-- Completes a withdrawal, unless that has been done before (NULL): its number.
CREATE FUNCTION bakkt_ledger_internal.complete_funding(code text, named text, said jsonb, moment timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(code, named, 'WITHDRAWAL', moment, false);
BEGIN
    IF stepped_before(moved, 'completed', said) THEN
        RETURN NULL;
    END IF;
    RETURN (step_funding(moved, 'completed', lower(moved.rail) || '_withdrawal_completed', moment, said)).transfer_id;
END;
$$;

-- Locks the customers of these withdrawals, in order.
CREATE FUNCTION bakkt_ledger_internal.lock_withdrawing(holder integer, named text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    PERFORM FROM customer AS c
    WHERE c.customer_id IN (SELECT t.customer_id
                            FROM funding_transfer AS t
                            WHERE t.client_id = holder AND t.reference = ANY (named))
    ORDER BY c.customer_id
    FOR NO KEY UPDATE;
END;
$$;

CREATE FUNCTION bakkt_ledger.send_withdrawals(client text, "references" text[], bank_reference text DEFAULT NULL,
                                              at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    said constant jsonb := jsonb_build_object('bank_reference', bank_reference);
    fresh bigint[];
BEGIN
    PERFORM require_references("references"), lock_withdrawing(holder, "references");
    fresh := ARRAY(SELECT send_funding(client, r.named, said, at) FROM unnest("references") AS r (named));
    RETURN QUERY SELECT a.* FROM funding_answers(holder, "references", 'sent', fresh) AS a;
END;
$$;
COMMENT ON FUNCTION send_withdrawals IS
'Records that withdrawals were instructed to the bank in one file, all or none; a row per reference.
Errors: LG002 NULL for references, 54000 more than one call takes, and those of send_withdrawal().';

CREATE FUNCTION bakkt_ledger.send_withdrawal(client text, reference text, bank_reference text DEFAULT NULL,
                                             at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN send_withdrawals(client, ARRAY[reference], bank_reference, at);
END;
$$;
COMMENT ON FUNCTION send_withdrawal IS
'Records that a withdrawal was instructed to the bank: SENT.
The claim is taken out of its hold (J06b), so the money is at no moment free.
Errors: LG010, 42501, LG080 unknown, LG081 sent or ended already, LG020 sent before under another bank_reference, LG013 the
customer may no longer withdraw: reject the withdrawal, LG033 frozen, LG061.';

CREATE FUNCTION bakkt_ledger.complete_withdrawals(client text, "references" text[], bank_reference text DEFAULT NULL,
                                                  at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    said constant jsonb := jsonb_build_object('bank_reference', bank_reference);
    fresh bigint[];
BEGIN
    PERFORM require_references("references");
    fresh := ARRAY(SELECT complete_funding(client, r.named, said, at)
                   FROM unnest("references") AS r (named)
                   ORDER BY r.named COLLATE "C");
    RETURN QUERY SELECT a.* FROM funding_answers(holder, "references", 'completed', fresh) AS a;
END;
$$;
COMMENT ON FUNCTION complete_withdrawals IS
'Records that the bank has debited the FBO account for withdrawals, all or none; a row per reference.
Errors: LG002 NULL for references, 54000 more than one call takes, and those of complete_withdrawal().';

CREATE FUNCTION bakkt_ledger.complete_withdrawal(client text, reference text, bank_reference text DEFAULT NULL,
                                                 at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN complete_withdrawals(client, ARRAY[reference], bank_reference, at);
END;
$$;
COMMENT ON FUNCTION complete_withdrawal IS
'Records that the bank has debited the FBO account for a withdrawal: COMPLETED (J06c), whatever the state of the customer.
Errors: LG010, 42501, LG080 unknown, LG081 not sent, or ended, LG020 completed before under another bank_reference, LG061.';

-- ---------------------------------------------------------------------------
-- Ended before it was sent, or come back
-- ---------------------------------------------------------------------------

-- Ends a withdrawal that was not sent; the money is free again.
CREATE FUNCTION bakkt_ledger_internal.end_withdrawal(moved funding_transfer, happening text, moment timestamptz, said jsonb)
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    again constant boolean := stepped_before(moved, happening, said);
BEGIN
    IF NOT again THEN
        PERFORM free_hold(moved.client_id, funding_hold(moved), format('%s:%s', funding_hold(moved), happening), NULL, moment);
        PERFORM step_funding(moved, happening, NULL, moment, said);
    END IF;
    RETURN funding_answer(moved, happening, again);
END;
$$;

CREATE FUNCTION bakkt_ledger.reject_withdrawal(client text, reference text, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a rejection needs a reason', NULL,
                               'Say why in a few words; a customer who changed his mind cancels with cancel_withdrawal().');
    END IF;
    RETURN end_withdrawal(lock_funding(client, reference, 'WITHDRAWAL', at, true), 'rejected', at,
                          jsonb_build_object('reason', reason));
END;
$$;
COMMENT ON FUNCTION reject_withdrawal IS
'Rejects a withdrawal that is not sent, for the company or the bank: REJECTED; the hold is released.
Errors: LG010, 42501, LG080 unknown, LG081 sent or ended already, LG020 rejected before for another reason, LG002 no reason,
LG061.';

CREATE FUNCTION bakkt_ledger.cancel_withdrawal(client text, reference text, reason text DEFAULT NULL,
                                               at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN end_withdrawal(lock_funding(client, reference, 'WITHDRAWAL', at, true), 'canceled', at,
                          jsonb_build_object('reason', reason));
END;
$$;
COMMENT ON FUNCTION cancel_withdrawal IS
'Cancels a withdrawal that is not sent, for the customer or the client: CANCELLED; the hold is released.
Errors: LG010, 42501, LG080 unknown, LG081 sent or ended already, LG020 canceled before for another reason, LG061.';

CREATE FUNCTION bakkt_ledger.return_withdrawal(client text, reference text, code text DEFAULT NULL, reason text DEFAULT NULL,
                                               bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(client, reference, 'WITHDRAWAL', at, true);
    said constant jsonb := jsonb_build_object('return_code', code, 'reason', reason, 'bank_reference', bank_reference);
    again constant boolean := stepped_before(moved, 'returned', said);
BEGIN
    IF NOT again THEN
        PERFORM require_return_code(code, 'ACH') WHERE moved.rail = 'ACH' OR code IS NOT NULL;
        PERFORM step_funding(moved, 'returned', CASE moved.status
                                                WHEN 'SENT' THEN format('sent_%s_withdrawal_returned', lower(moved.rail))
                                                ELSE 'completed_withdrawal_returned' END, at, said);
    END IF;
    RETURN funding_answer(moved, 'returned', again);
END;
$$;
COMMENT ON FUNCTION return_withdrawal IS
'Records that a withdrawal came back, before or after the bank''s debit: RETURNED; the money is settled cash again.
code: of ach_return_code, needed for an ACH withdrawal. Since the bank has done it, it is recorded whatever the state of the
customer.
Errors: LG010, 42501, LG080 unknown, LG081 not sent, or ended, LG085 unknown code, LG020 returned before with other content,
LG032 or LG033 the account takes no credits, LG061.';
