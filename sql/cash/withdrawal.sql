-- Withdrawals (J06b, J06c): requested, sent, completed, or ended before that.
-- Refuses what settled cash less holds, outstanding cash calls and deficits does not cover (LG050,
-- I20).
-- Locks the customer, then the withdrawal, then its hold.

-- LG047 below the client's minimum, LG050 when settled cash less holds covers the amount but not
-- the outstanding cash calls and the customer's deficits as well. That it covers the amount is for
-- the hold to say.
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
    IF asset(least_amount) = unit AND wanted < least_amount THEN
        PERFORM refuse('LG047', 'below the minimum withdrawal amount',
                       format('%s asked for, the least is %s.', wanted, least_amount),
                       'It is the client''s term minimum_withdrawal: change_cash_terms().');
    ELSIF free - owed < wanted AND free >= wanted THEN
        PERFORM refuse('LG050', 'insufficient cash',
                       format('%s are free, of which cash calls and deficits ask for %s; %s to be withdrawn.', free, owed,
                              wanted),
                       'Cash calls that are outstanding come first (I20), and what the company has made good for the '
                       'customer: recover_deficit().');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.request_withdrawal(customer text, amount amount, reference text, rail text DEFAULT 'ACH',
                                                bank text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer
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
                                  jsonb_build_object('account', customer, 'amount', amount, 'bank', bank, 'rail', rail), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN jsonb_populate_record(moved, asked.outcome);
    ELSIF rail IS NULL OR rail NOT IN ('ACH', 'WIRE') THEN
        PERFORM refuse_invalid('rail is not known', format('Rail: "%s".', rail), 'One of ACH, WIRE.');
    END IF;
    PERFORM require_fiat('a withdrawal', require_positive(amount)), require_omnibus_bank(bank, asset(amount), true),
            require_customer_may(owner, 'WITHDRAWAL');
    settled := settled_account(owner, asset(amount));
    PERFORM require_withdrawable(owner, settled, amount, at);
    moved := open_funding(asked, owner.customer_id, 'WITHDRAWAL', rail, 'REQUESTED', 'requested');
    PERFORM open_hold(owner.client_id, settled, amount, funding_hold(moved), NULL, at);
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION request_withdrawal IS
    'Requests that cash be paid out to a customer by ACH or WIRE: REQUESTED; the amount is held until the withdrawal is sent or '
    'ends. bank: the omnibus bank that will pay. The reference names the withdrawal; repeating the request returns it as it '
    'stands, other content is LG020. Raises LG012, LG002 no reference or rail, LG045, LG042 no currency, LG040, LG041, LG043 '
    'asset, LG034 or LG016 bank, LG013 the customer may not withdraw, LG047 below the client''s minimum, LG050 unless settled '
    'cash less holds less outstanding cash calls covers it (I20), LG032 or LG033 closed or frozen, LG061, LG011.';

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

CREATE FUNCTION bakkt_ledger.send_withdrawal(client text, reference text, bank_reference text DEFAULT NULL,
                                             at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(client, reference, 'WITHDRAWAL', at, true);
    said constant jsonb := jsonb_build_object('bank_reference', bank_reference);
BEGIN
    IF stepped_before(moved, 'sent', said) THEN
        RETURN moved;
    END IF;
    PERFORM require_customer_may(customer_row(moved.customer_id), 'WITHDRAWAL');
    RETURN post_sending(moved, said, at);
END;
$$;
COMMENT ON FUNCTION send_withdrawal(text, text, text, timestamptz) IS
    'Records that a withdrawal was instructed to the bank: SENT. The claim is taken out of its hold (J06b), so the money is at '
    'no moment free. Repeating it returns the withdrawal; another bank_reference is LG020. Raises LG010, 42501, LG080, LG081 '
    'sent or ended already, LG013 the customer may no longer withdraw: reject the withdrawal, LG033 frozen, LG061.';

CREATE FUNCTION bakkt_ledger.complete_withdrawal(client text, reference text, bank_reference text DEFAULT NULL,
                                                 at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(client, reference, 'WITHDRAWAL', at, false);
    said constant jsonb := jsonb_build_object('bank_reference', bank_reference);
BEGIN
    RETURN CASE WHEN stepped_before(moved, 'completed', said) THEN moved
                ELSE step_funding(moved, 'completed', lower(moved.rail) || '_withdrawal_completed', at, said) END;
END;
$$;
COMMENT ON FUNCTION complete_withdrawal(text, text, text, timestamptz) IS
    'Records that the bank has debited the FBO account for a withdrawal: COMPLETED (J06c), whatever the state of the customer. '
    'Repeating it returns the withdrawal; another bank_reference is LG020. Raises LG010, 42501, LG080, LG081 not sent, or '
    'ended, LG061.';

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
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    PERFORM require_references("references"), lock_withdrawing(holder, "references");
    PERFORM send_withdrawal(client, r.named, bank_reference, at) FROM unnest("references") AS r (named);
    RETURN cardinality("references");
END;
$$;
COMMENT ON FUNCTION send_withdrawals(text, text[], text, timestamptz) IS
    'send_withdrawal() for many withdrawals in one file to the bank, all or none; returns how many. LG002 NULL for references.';

CREATE FUNCTION bakkt_ledger.complete_withdrawals(client text, "references" text[], bank_reference text DEFAULT NULL,
                                                  at timestamptz DEFAULT clock_timestamp())
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_references("references");
    PERFORM complete_withdrawal(client, r.named, bank_reference, at)
    FROM unnest("references") AS r (named)
    ORDER BY r.named COLLATE "C";
    RETURN cardinality("references");
END;
$$;
COMMENT ON FUNCTION complete_withdrawals(text, text[], text, timestamptz) IS
    'complete_withdrawal() for many withdrawals, all or none; returns how many. LG002 NULL for references.';

-- ---------------------------------------------------------------------------
-- Ended before it was sent, or come back
-- ---------------------------------------------------------------------------

-- Ends a withdrawal that was not sent; the money is free again.
CREATE FUNCTION bakkt_ledger_internal.end_withdrawal(moved funding_transfer, happening text, moment timestamptz, said jsonb)
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF stepped_before(moved, happening, said) THEN
        RETURN moved;
    END IF;
    PERFORM free_hold(moved.client_id, funding_hold(moved), format('%s:%s', funding_hold(moved), happening), NULL, moment);
    RETURN step_funding(moved, happening, NULL, moment, said);
END;
$$;

CREATE FUNCTION bakkt_ledger.reject_withdrawal(client text, reference text, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer
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
COMMENT ON FUNCTION reject_withdrawal(text, text, text, timestamptz) IS
    'Rejects a withdrawal that is not sent, for the company or the bank: REJECTED; the hold is released. Repeating it returns '
    'the withdrawal; another reason is LG020. Raises LG010, 42501, LG080, LG081 sent or ended already, LG002 no reason, LG061.';

CREATE FUNCTION bakkt_ledger.cancel_withdrawal(client text, reference text, reason text DEFAULT NULL,
                                               at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN end_withdrawal(lock_funding(client, reference, 'WITHDRAWAL', at, true), 'canceled', at,
                          jsonb_build_object('reason', reason));
END;
$$;
COMMENT ON FUNCTION cancel_withdrawal(text, text, text, timestamptz) IS
    'Cancels a withdrawal that is not sent, for the customer or the client: CANCELLED; the hold is released. Repeating it '
    'returns the withdrawal; another reason is LG020. Raises LG010, 42501, LG080, LG081 sent or ended already, LG061.';

CREATE FUNCTION bakkt_ledger.return_withdrawal(client text, reference text, code text DEFAULT NULL, reason text DEFAULT NULL,
                                               bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(client, reference, 'WITHDRAWAL', at, true);
    said constant jsonb := jsonb_build_object('return_code', code, 'reason', reason, 'bank_reference', bank_reference);
BEGIN
    IF stepped_before(moved, 'returned', said) THEN
        RETURN moved;
    ELSIF moved.rail = 'ACH' OR code IS NOT NULL THEN
        PERFORM require_return_code(code);
    END IF;
    RETURN step_funding(moved, 'returned', CASE moved.status
                                           WHEN 'SENT' THEN format('sent_%s_withdrawal_returned', lower(moved.rail))
                                           ELSE 'completed_withdrawal_returned' END, at, said);
END;
$$;
COMMENT ON FUNCTION return_withdrawal(text, text, text, text, text, timestamptz) IS
    'Records that a withdrawal came back, before or after the bank''s debit: RETURNED; the money is the customer''s settled '
    'cash again. An ACH withdrawal needs a code of ach_return_code. Since the bank has done it, it is recorded whatever the '
    'state of the customer. Repeating it returns the withdrawal, other content is LG020. Raises LG010, 42501, LG080, LG081 not '
    'sent, or ended, LG085, LG032 or LG033 the account takes no credits, LG061.';
