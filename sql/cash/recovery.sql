-- Recovering what was written off of a cash call.
-- Refuses calls of which nothing stands (LG083), more than stands (LG086), what the customer does
-- not have (LG050).
-- Locks the customer, the client's events of calls, then the call.

CREATE TYPE bakkt_ledger_internal.cash_call_left AS (bad_debt amount, share amount, recovered amount);
COMMENT ON TYPE cash_call_left IS 'Internal: how much of a write-off remains, by who bore it, and how much has been recovered.';

CREATE FUNCTION bakkt_ledger_internal.write_off_left(call cash_call) RETURNS cash_call_left
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    written_off constant cash_write_off := latest_write_off(call.client_id, call.journal_id);
    nothing     constant amount := zero(asset(call.amount));
    recovered   amount;
BEGIN
    IF call.status <> 'W' OR written_off.status IS DISTINCT FROM 'CHARGED' THEN
        PERFORM refuse_cash_call_state(call, 'is not written off');
    END IF;
    SELECT coalesce(sum(r.amount), nothing) INTO recovered FROM cash_recovery r
     WHERE r.client_id = call.client_id AND r.call = (write_off_left.call).journal_id;
    -- a recovery restores bad debt first
    RETURN (written_off.from_bad_debt - least(recovered, written_off.from_bad_debt),
            written_off.from_share - greatest(nothing, recovered - written_off.from_bad_debt), recovered)::cash_call_left;
END;
$$;
COMMENT ON FUNCTION write_off_left(cash_call) IS
    'Internal: how much of the write-off of a cash call remains; LG083 unless it is written off.';

CREATE FUNCTION bakkt_ledger_internal.recovery_entry(call cash_call, to_bad_debt amount, to_share amount, whole boolean) RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    client_id   constant integer := call.client_id;
    a           constant asset := asset(call.amount);
    total       constant amount := to_bad_debt + to_share;
    owner       constant text := (SELECT c.account_code FROM customer c WHERE c.customer_id = call.customer_id);
    client_code constant text := (client_row(call.client_id)).code;
    lines       entry_line[];
BEGIN
    IF call.apex THEN
        lines := ARRAY[line('Dr', ensure_account(client_id, 'CORP', 'Apex:settlement:' || client_code, a), total)];
    ELSE
        lines := ARRAY[line('Dr', ensure_account(client_id, 'FBO', 'Cust:' || owner || ':settled', a), total),
                       line('Cr', ensure_account(client_id, 'FBO', 'DueTo:CORP', a), total),
                       line('Dr', ensure_account(client_id, 'CORP', 'DueFrom:FBO', a), total)];
    END IF;
    IF NOT is_zero(to_bad_debt) THEN
        lines := lines || line('Cr', ensure_account(client_id, 'CORP', 'Expense:bad-debt', a), to_bad_debt);
    END IF;
    IF NOT is_zero(to_share) THEN
        lines := lines || line('Cr', ensure_account(client_id, 'CORP', 'RevShare:payable:' || client_code, a), to_share);
    END IF;
    IF whole AND call.encumbered IS NOT NULL THEN
        lines := lines || ARRAY[line('Dr', ensure_account(client_id, 'CUST', 'Cust:' || owner || ':encumbered', asset(call.encumbered)), call.encumbered),
                                line('Cr', ensure_account(client_id, 'CUST', 'Cust:' || owner, asset(call.encumbered)), call.encumbered)];
    END IF;
    RETURN journal_entry(VARIADIC lines);
END;
$$;
COMMENT ON FUNCTION recovery_entry(cash_call, amount, amount, boolean) IS
    'Internal: the journal of a recovery, lines in the order of golden journal J05e; whole: with the release of encumbered '
    'coin. For a call through Apex, the debtor is Apex.';

CREATE FUNCTION bakkt_ledger_internal.recovered_before(client_id integer, reference text, call bigint, amount amount) RETURNS cash_recovery
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    earlier cash_recovery;
BEGIN
    IF coalesce(octet_length(reference), 0) NOT BETWEEN 1 AND 191 THEN
        PERFORM refuse_invalid('a recovery needs a reference', NULL, 'Give a reference of 1 to 191 bytes.');
    END IF;
    SELECT r.* INTO earlier FROM cash_recovery r
     WHERE r.client_id = recovered_before.client_id AND r.reference = recovered_before.reference;
    IF FOUND THEN
        PERFORM refuse_other_content('Reference', reference,
            jsonb_build_object('call', earlier.call, 'amount', earlier.requested::text),
            jsonb_build_object('call', recovered_before.call, 'amount', recovered_before.amount::text));
    END IF;
    RETURN earlier;
END;
$$;
COMMENT ON FUNCTION recovered_before(integer, text, bigint, amount) IS
    'Internal: the recovery under that reference if there is one; LG020 when its content differed, LG002 without a reference.';

CREATE FUNCTION bakkt_ledger_internal.check_recovery(call cash_call, amount amount, outstanding amount) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF is_zero(outstanding) THEN
        PERFORM refuse_cash_call_state(call, 'has been recovered');
    ELSIF asset(amount) <> asset(call.amount) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('cash call %s is in %s', call.journal_id, asset(call.amount)),
            DETAIL = format('%s would be recovered.', amount);
    ELSIF amount > outstanding THEN
        RAISE EXCEPTION USING ERRCODE = 'LG086', MESSAGE = format('more than was written off of cash call %s', call.journal_id),
            DETAIL = format('%s stand written off, and %s would be recovered.', outstanding, amount),
            HINT = 'Without an amount, all that stands is recovered.';
    END IF;
    RETURN require_positive(coalesce(amount, outstanding));
END;
$$;
COMMENT ON FUNCTION check_recovery(cash_call, amount, amount) IS
    'Internal: the amount to recover, all that remains when NULL; LG083 nothing remains, LG042 another asset, LG086 too much, '
    'LG045 not positive.';

CREATE FUNCTION bakkt_ledger.recover_cash_call(client text, call bigint, reference text, amount amount DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS cash_recovery
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(recover_cash_call.client);
    asked   cash_call;
    result  cash_recovery;
BEGIN
    PERFORM require_instant(at);
    asked := require_cash_call(owning, recover_cash_call.call);
    PERFORM lock_customer_cash(asked.customer_id);
    asked := lock_cash_call(owning, recover_cash_call.call);
    result := recovered_before(owning, recover_cash_call.reference, asked.journal_id, recover_cash_call.amount);
    IF result.reference IS NULL THEN
        result := post_recovery(asked, recover_cash_call.reference, recover_cash_call.amount, at);
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION recover_cash_call(text, bigint, text, amount, timestamptz) IS
    'Recovers what was written off of a cash call from the customer''s settled cash, in part or, without an amount, all that '
    'remains: bad debt is restored first, then the client''s share of revenue (J05e). When nothing remains, coin encumbered by '
    'the purchase is released. For a call through Apex, the debtor is Apex. Idempotent by reference (LG020). Raises LG082 '
    'unknown call, LG083 not written off, recovered or busted, LG086 more than remains, LG050 not available, LG045 not '
    'positive, LG042 another asset, LG032, LG033 account closed or frozen, LG002, LG010, 42501, LG061; 40001 or 40P01: retry.';

CREATE FUNCTION bakkt_ledger_internal.post_recovery(call cash_call, reference text, requested amount, at timestamptz) RETURNS cash_recovery
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    stands      constant cash_call_left := write_off_left(call);
    total       constant amount := check_recovery(call, requested, stands.bad_debt + stands.share);
    bad_debt    constant amount := least(total, stands.bad_debt);
    posted      journal_result;
    result      cash_recovery;
BEGIN
    posted := post_entry(call.client_id, 'recovery:' || post_recovery.reference, 'cash_recovery',
                         recovery_entry(call, bad_debt, total - bad_debt, total = stands.bad_debt + stands.share), at,
                         format('Recovery of cash call %s', call.journal_id));
    PERFORM record_cash_call_event(call.client_id, call.journal_id, 'recovered', at, total, NULL, posted.journal);
    INSERT INTO cash_recovery AS r
    VALUES (call.client_id, post_recovery.reference, call.journal_id, requested, total, bad_debt, total - bad_debt, post_recovery.at,
            posted.recorded_at, invoking_role(), posted.journal)
    ON CONFLICT DO NOTHING
    RETURNING r.* INTO result;
    IF NOT FOUND THEN
        PERFORM refuse_taken_reference(post_recovery.reference);
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION post_recovery(cash_call, text, amount, timestamptz) IS
    'Internal: posts and records one recovery of a cash call that is locked.';

-- A bust takes the purchase back, and the debt with it. What remains of the write-off is restored.
-- The receivable, whose balance the bust's journal has reversed, is left with what the customer had
-- paid by recoveries.
CREATE FUNCTION bakkt_ledger_internal.restore_cash_call(client_id integer, call bigint, bust_journal bigint, at timestamptz) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    asked   constant cash_call := lock_cash_call(restore_cash_call.client_id, restore_cash_call.call);
    stands  constant cash_call_left := write_off_left(asked);
    total   constant amount := stands.bad_debt + stands.share;
    posted  journal_result;
BEGIN
    -- a call recovered in full counts as settled: the bust's call gives the money back
    IF is_zero(total) THEN
        RETURN stands.recovered;
    END IF;
    posted := post_entry(asked.client_id, format('write-off:%s:restored', asked.journal_id), 'cash_write_off',
                         write_off_lines(asked.client_id, cash_call_account(asked), -stands.share, -stands.bad_debt), at,
                         format('Write-off of cash call %s restored: its execution was busted by journal %s', asked.journal_id, bust_journal));
    PERFORM record_cash_call_event(asked.client_id, asked.journal_id, 'written_off', at, -total, 'RESTORED', posted.journal);
    PERFORM record_cash_call_event(asked.client_id, asked.journal_id, 'busted', at, total, NULL, bust_journal);
    RETURN stands.recovered;
END;
$$;
COMMENT ON FUNCTION restore_cash_call(integer, bigint, bigint, timestamptz) IS
    'Internal, for a bust: restores what remains of the write-off of a cash call (an event written_off of the negative amount) '
    'and ends the call as busted; a call recovered in full is left as it is. Returns what the customer had paid by recoveries, '
    'which the bust''s cash call must give back; zero: nothing. LG083 unless it is written off.';
