-- Withdrawals (J06b, J06c): requested, sent, completed, or ended before that.
-- Refuses what settled cash less holds, outstanding cash calls and deficits does not cover (LG050,
-- I20).
-- Locks the customer, then the withdrawal, then its hold.

CREATE FUNCTION bakkt_ledger_internal.require_withdrawable(client_id integer, customer_id bigint, settled account_id, amount amount, at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    least_amount    constant amount := (cash_terms_of(client_id)).minimum_withdrawal;
    free            constant amount := spendable(client_id, settled, at);
    owed            constant amount := called_withdrawals(client_id, customer_id, asset(amount)) + customer_deficit(client_id, customer_id, asset(amount));
BEGIN
    IF asset(least_amount) = asset(amount) AND amount < least_amount THEN
        RAISE EXCEPTION USING ERRCODE = 'LG047', MESSAGE = 'below the minimum withdrawal amount',
            DETAIL = format('%s asked for, the least is %s.', amount, least_amount),
            HINT = 'It is the client''s term minimum_withdrawal: change_cash_terms().';
    ELSIF free - owed < amount AND free >= amount THEN
        RAISE EXCEPTION USING ERRCODE = 'LG050', MESSAGE = 'insufficient cash',
            DETAIL = format('%s are free, of which cash calls and deficits ask for %s; %s to be withdrawn.', free, owed, amount),
            HINT = 'Cash calls that are outstanding come first (I20), and what the company has made good for the customer: recover_deficit().';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_withdrawable(integer, bigint, account_id, amount, timestamptz) IS
    'Internal: LG047 below the client''s minimum, LG050 when settled cash less holds covers the amount but not the outstanding '
    'cash calls and the customer''s deficits as well. Whether settled cash covers the amount at all is checked by the hold.';

CREATE FUNCTION bakkt_ledger.request_withdrawal(account text, amount amount, reference text, rail text DEFAULT 'ACH', bank text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner       constant bigint := require_customer(request_withdrawal.account);
    owning      constant integer := (SELECT c.client_id FROM customer c WHERE c.customer_id = owner);
    request     constant jsonb := jsonb_build_object('direction', 'WITHDRAWAL', 'rail', rail, 'account', account, 'amount', amount, 'bank', bank);
    moved       funding_transfer;
    settled     account_id;
BEGIN
    PERFORM require_instant(at);
    PERFORM lock_customer_cash(owner);
    moved := opened_funding(owning, reference, request);
    IF moved.transfer_id IS NOT NULL THEN
        RETURN moved;
    ELSIF rail IS NULL OR rail NOT IN ('ACH', 'WIRE') THEN
        PERFORM refuse_invalid('rail is not known', format('Rail: "%s".', rail), 'One of ACH, WIRE.');
    END IF;
    PERFORM require_fiat('a withdrawal', require_positive(amount)), require_omnibus_bank(bank, asset(amount), true);
    PERFORM require_party_may(owner, 'WITHDRAWAL');
    settled := ensure_account(owning, 'FBO', split_part(cash_account(owner, 'settled'), ' ', 2), asset(amount));
    PERFORM require_withdrawable(owning, owner, settled, amount, at);
    moved := open_funding(owning, owner, reference, 'REQUESTED', 'requested', at, request);
    PERFORM open_hold(owning, settled, amount, 'funding:' || moved.transfer_id, NULL, at);
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION request_withdrawal(text, amount, text, text, text, timestamptz) IS
    'Requests that cash be paid out to a customer by ACH or WIRE: REQUESTED; the amount is held until the withdrawal is sent or '
    'ends. bank: the omnibus bank that will pay. The reference names the withdrawal; repeating the request returns it as it '
    'stands, other content is LG020. Raises LG012, LG002 no reference or rail, LG045, LG042 no currency, LG040, LG041, LG043 '
    'asset, LG034 or LG016 bank, LG013 the customer may not withdraw, LG047 below the client''s minimum, LG050 unless settled '
    'cash less holds less outstanding cash calls covers it (I20), LG032 or LG033 closed or frozen, LG061, LG011.';

CREATE FUNCTION bakkt_ledger.send_withdrawal(client text, reference text, bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   constant funding_transfer := lock_funding(client, reference, 'WITHDRAWAL', at, true);
    content constant jsonb := jsonb_build_object('bank_reference', bank_reference);
    held    text;
    posted  journal_result;
BEGIN
    IF entered_before(moved, 'sent', content) THEN
        RETURN moved;
    END IF;
    PERFORM require_party_may(moved.customer_id, 'WITHDRAWAL');
    held := 'funding:' || moved.transfer_id;
    posted := take_hold(moved.client_id, held,
        cash_entry(moved.client_id, asset(moved.amount), ARRAY[cash_account(moved.customer_id, 'settled'), clearing_out(moved.rail)], ARRAY[moved.amount, -moved.amount]),
        held || ':sent', 'cash_withdrawal', true, format('%s withdrawal "%s" sent', moved.rail, moved.reference), at, at);
    RETURN enter_funding(moved, 'sent', at, content, posted.journal);
END;
$$;
COMMENT ON FUNCTION send_withdrawal(text, text, text, timestamptz) IS
    'Records that a withdrawal was instructed to the bank: SENT. The claim is taken out of its hold (J06b), so the money is at '
    'no moment free. Repeating it returns the withdrawal; another bank_reference is LG020. Raises LG010, 42501, LG080, LG081 '
    'sent or ended already, LG013 the customer may no longer withdraw: reject the withdrawal, LG033 frozen, LG061.';

CREATE FUNCTION bakkt_ledger_internal.clearing_out(rail text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE rail WHEN 'ACH' THEN 'FBO Clearing:ACH-out' ELSE 'FBO Clearing:wire-out' END;
COMMENT ON FUNCTION clearing_out(text) IS
    'Internal: the clearing account of a withdrawal between its sending and the bank''s debit.';

CREATE FUNCTION bakkt_ledger.complete_withdrawal(client text, reference text, bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   constant funding_transfer := lock_funding(client, reference, 'WITHDRAWAL', at, false);
    content constant jsonb := jsonb_build_object('bank_reference', bank_reference);
BEGIN
    IF entered_before(moved, 'completed', content) THEN
        RETURN moved;
    END IF;
    RETURN enter_funding(moved, 'completed', at, content, post_funding(moved, 'completed', 'cash_withdrawal',
        cash_entry(moved.client_id, asset(moved.amount), ARRAY[clearing_out(moved.rail), omnibus_bank(moved.bank)], ARRAY[moved.amount, -moved.amount]), at));
END;
$$;
COMMENT ON FUNCTION complete_withdrawal(text, text, text, timestamptz) IS
    'Records that the bank has debited the FBO account for a withdrawal: COMPLETED (J06c), whatever the state of the customer. '
    'Repeating it returns the withdrawal; another bank_reference is LG020. Raises LG010, 42501, LG080, LG081 not sent, or '
    'ended, LG061.';

CREATE FUNCTION bakkt_ledger.send_withdrawals(client text, "references" text[], bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_client(client);
BEGIN
    PERFORM bounded_wait(), require_references("references");
    PERFORM FROM customer c
    WHERE c.customer_id IN (SELECT t.customer_id FROM funding_transfer t WHERE t.client_id = owner_id AND t.reference = ANY (send_withdrawals."references"))
    ORDER BY c.customer_id FOR NO KEY UPDATE;
    PERFORM send_withdrawal(send_withdrawals.client, r, send_withdrawals.bank_reference, send_withdrawals.at) FROM unnest("references") AS r;
    RETURN cardinality("references");
END;
$$;
COMMENT ON FUNCTION send_withdrawals(text, text[], text, timestamptz) IS
    'send_withdrawal() for many withdrawals in one file to the bank, all or none; returns how many. LG002 NULL for references.';

CREATE FUNCTION bakkt_ledger.complete_withdrawals(client text, "references" text[], bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    PERFORM require_references("references");
    PERFORM complete_withdrawal(complete_withdrawals.client, r, complete_withdrawals.bank_reference, complete_withdrawals.at)
    FROM unnest("references") AS r ORDER BY r COLLATE "C";
    RETURN cardinality("references");
END;
$$;
COMMENT ON FUNCTION complete_withdrawals(text, text[], text, timestamptz) IS
    'complete_withdrawal() for many withdrawals, all or none; returns how many. LG002 NULL for references.';

CREATE FUNCTION bakkt_ledger_internal.end_withdrawal(moved funding_transfer, event text, content jsonb, at timestamptz) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    held    constant text := 'funding:' || moved.transfer_id;
BEGIN
    IF entered_before(moved, event, content) THEN
        RETURN moved;
    END IF;
    PERFORM free_hold(moved.client_id, held, format('%s:%s', held, event), NULL, at);
    RETURN enter_funding(moved, event, at, content);
END;
$$;
COMMENT ON FUNCTION end_withdrawal(funding_transfer, text, jsonb, timestamptz) IS
    'Internal: ends a withdrawal that was not sent and releases its hold.';

CREATE FUNCTION bakkt_ledger.reject_withdrawal(client text, reference text, reason text, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a rejection needs a reason', NULL, 'Say why in a few words; a customer who changed his mind cancels with cancel_withdrawal().');
    END IF;
    RETURN end_withdrawal(lock_funding(client, reference, 'WITHDRAWAL', at, true), 'rejected', jsonb_build_object('reason', reason), at);
END;
$$;
COMMENT ON FUNCTION reject_withdrawal(text, text, text, timestamptz) IS
    'Rejects a withdrawal that is not sent, for the company or the bank: REJECTED; the hold is released. Repeating it returns '
    'the withdrawal; another reason is LG020. Raises LG010, 42501, LG080, LG081 sent or ended already, LG002 no reason, LG061.';

CREATE FUNCTION bakkt_ledger.cancel_withdrawal(client text, reference text, reason text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN end_withdrawal(lock_funding(client, reference, 'WITHDRAWAL', at, true), 'cancelled', jsonb_build_object('reason', reason), at);
END;
$$;
COMMENT ON FUNCTION cancel_withdrawal(text, text, text, timestamptz) IS
    'Cancels a withdrawal that is not sent, for the customer or the client: CANCELLED; the hold is released. Repeating it '
    'returns the withdrawal; another reason is LG020. Raises LG010, 42501, LG080, LG081 sent or ended already, LG061.';

CREATE FUNCTION bakkt_ledger.return_withdrawal(client text, reference text, code text DEFAULT NULL, reason text DEFAULT NULL, bank_reference text DEFAULT NULL,
                                  at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   constant funding_transfer := lock_funding(client, reference, 'WITHDRAWAL', at, true);
    content constant jsonb := jsonb_build_object('return_code', code, 'reason', reason, 'bank_reference', bank_reference);
BEGIN
    IF entered_before(moved, 'returned', content) THEN
        RETURN moved;
    ELSIF moved.rail = 'ACH' OR code IS NOT NULL THEN
        PERFORM require_return_code(code);
    END IF;
    RETURN enter_funding(moved, 'returned', at, content, post_funding(moved, 'returned', 'cash_return',
        cash_entry(moved.client_id, asset(moved.amount),
                   ARRAY[CASE moved.status WHEN 'SENT' THEN clearing_out(moved.rail) ELSE omnibus_bank(moved.bank) END, cash_account(moved.customer_id, 'settled')],
                   ARRAY[moved.amount, -moved.amount]), at));
END;
$$;
COMMENT ON FUNCTION return_withdrawal(text, text, text, text, text, timestamptz) IS
    'Records that a withdrawal came back, before or after the bank''s debit: RETURNED; the money is the customer''s settled '
    'cash again. An ACH withdrawal needs a code of ach_return_code. Since the bank has done it, it is recorded whatever the '
    'state of the customer. Repeating it returns the withdrawal, other content is LG020. Raises LG010, 42501, LG080, LG081 not '
    'sent, or ended, LG085, LG032 or LG033 the account takes no credits, LG061.';
