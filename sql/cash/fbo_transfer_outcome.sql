-- Confirming and failing transfers.
-- Refuses unknown transfers (LG080), and those that ended otherwise (LG081).
-- Locks the company's money in the FBO account, then the transfer's row.

CREATE FUNCTION bakkt_ledger_internal.lock_fbo_transfer(client_id integer, reference text) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   fbo_transfer;
BEGIN
    PERFORM bounded_wait();
    SELECT t.* INTO moved FROM fbo_transfer t
    WHERE t.client_id = lock_fbo_transfer.client_id AND t.reference = lock_fbo_transfer.reference;
    PERFORM lock_company_money(moved.client_id, asset(moved.amount)) WHERE moved.transfer_id IS NOT NULL;
    SELECT t.* INTO moved FROM fbo_transfer t
    WHERE t.client_id = lock_fbo_transfer.client_id AND t.transfer_id = moved.transfer_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG080', MESSAGE = format('transfer "%s" does not exist', coalesce(reference, 'NULL')),
            HINT = 'fbo_transfers() lists the transfers of a client.';
    END IF;
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION lock_fbo_transfer(integer, text) IS
    'Internal: the transfer, locked, and the company''s money in its asset before it; LG080 if unknown.';

CREATE FUNCTION bakkt_ledger_internal.require_in_transit(moved fbo_transfer, wanted text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF moved.status <> 'INSTRUCTED' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG081', MESSAGE = format('transfer "%s" cannot be %s', moved.reference, wanted),
            DETAIL = format('It is %s since %s.', moved.status, to_char(moved.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SSZ')),
            HINT = 'What the bank has answered stays; move the money again with instruct_fbo_transfer() or the next run.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_in_transit(fbo_transfer, text) IS 'Internal: LG081 unless the transfer is in transit.';

-- If company money in the FBO account was set off while a top-up was in transit, the part of the
-- top-up that is no longer needed becomes company money there.
CREATE FUNCTION bakkt_ledger_internal.confirmation_entry(moved fbo_transfer) RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    client_id   constant integer := moved.client_id;
    a           constant asset := asset(moved.amount);
    bank        constant account_id := ensure_account(client_id, 'FBO', fbo_bank_name(moved.bank), a);
    crossing    constant account_id := ensure_account(client_id, 'CORP', 'Clearing:FBO-transfer', a);
    owed        amount := zero(a);
    lines       entry_line[];
BEGIN
    IF moved.direction = 'TO_BUSINESS' THEN
        RETURN journal_entry(line('Dr', ensure_account(client_id, 'FBO', 'Clearing:business-transfer', a), moved.amount),
                             line('Cr', bank, moved.amount),
                             line('Dr', ensure_account(client_id, 'CORP', 'Bank:operating', a), moved.amount),
                             line('Cr', crossing, moved.amount));
    ELSIF moved.purpose = 'TOP_UP' THEN
        owed := least(greatest(company_owes(client_id, a), zero(a)), moved.amount);
    END IF;
    lines := ARRAY[line('Dr', bank, moved.amount), line('Cr', crossing, moved.amount)];
    IF sign(owed) > 0 THEN
        lines := lines || ARRAY[line('Dr', ensure_account(client_id, 'CORP', 'DueTo:FBO', a), owed),
                                line('Cr', ensure_account(client_id, 'FBO', 'DueFrom:CORP', a), owed)];
    END IF;
    IF moved.amount > owed THEN
        lines := lines || ARRAY[line('Cr', ensure_account(client_id, 'FBO', 'DueTo:CORP', a), moved.amount - owed),
                                line('Dr', ensure_account(client_id, 'CORP', 'DueFrom:FBO', a), moved.amount - owed)];
    END IF;
    RETURN journal_entry(VARIADIC lines);
END;
$$;
COMMENT ON FUNCTION confirmation_entry(fbo_transfer) IS
    'Internal: the second half of J02c, J03c, J05f, of the company''s part of J04b, or of J06e.';

CREATE FUNCTION bakkt_ledger_internal.end_fbo_transfer(moved fbo_transfer, event text, entry journal_entry, at timestamptz, reason text DEFAULT NULL) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    moved.status := upper(event);
    moved.ended_at := greatest(at, moved.instructed_at);
    moved.ended_journal := (post_entry(moved.client_id, format('fbo-transfer:%s:%s', moved.transfer_id, event), 'fbo_transfer', entry, moved.ended_at,
                                       format('Transfer "%s" %s', moved.reference, event),
                                       CASE event WHEN 'failed' THEN moved.instructed_journal END)).journal;
    UPDATE fbo_transfer t SET status = moved.status, ended_at = moved.ended_at, ended_journal = moved.ended_journal,
                              bank_reference = moved.bank_reference
    WHERE t.client_id = moved.client_id AND t.transfer_id = moved.transfer_id;
    PERFORM record_fbo_transfer_event(moved, event, at, moved.ended_journal, reason);
    RETURN moved;
EXCEPTION WHEN unique_violation THEN        -- the bank's reference, of a transfer of another asset
    PERFORM refuse_taken_reference(moved.bank_reference);
END;
$$;
COMMENT ON FUNCTION end_fbo_transfer(fbo_transfer, text, journal_entry, timestamptz, text) IS
    'Internal: posts how a transfer ended, and records it.';

CREATE FUNCTION bakkt_ledger.confirm_fbo_transfer(client text, reference text, bank_reference text, at timestamptz DEFAULT clock_timestamp()) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_client(client);
    moved       fbo_transfer;
BEGIN
    IF coalesce(octet_length(bank_reference), 0) NOT BETWEEN 1 AND 200 THEN
        PERFORM refuse_invalid('a confirmation needs the bank''s reference', NULL, 'Give 1 to 200 bytes.');
    END IF;
    PERFORM require_instant(at);
    moved := lock_fbo_transfer(owner_id, reference);
    PERFORM refuse_other_content('Bank reference', t.bank_reference, jsonb_build_object('transfer', t.reference),
                                 jsonb_build_object('transfer', confirm_fbo_transfer.reference))
    FROM fbo_transfer t WHERE t.client_id = owner_id AND t.bank_reference = confirm_fbo_transfer.bank_reference;
    IF moved.status = 'CONFIRMED' THEN
        PERFORM refuse_other_content('Transfer', reference, jsonb_build_object('bank_reference', moved.bank_reference),
                                     jsonb_build_object('bank_reference', bank_reference));
        RETURN moved;
    END IF;
    PERFORM require_in_transit(moved, 'confirmed');
    moved.bank_reference := bank_reference;
    moved := end_fbo_transfer(moved, 'confirmed', confirmation_entry(moved), at);
    IF moved.direction = 'TO_FBO' THEN
        PERFORM wake_unfunded_deposits(owner_id, asset(moved.amount), moved.ended_at);
    END IF;
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION confirm_fbo_transfer(text, text, text, timestamptz) IS
    'Records that the bank has carried out a transfer, under the bank''s reference. Money that came into the FBO account can '
    'pay sale proceeds from then on: cash calls that waited for it become due. Idempotent. LG080 unknown, LG081 it has failed, '
    'LG020 confirmed before under another bank reference, or the bank reference belongs to another transfer, LG002, LG010, '
    'LG061.';

CREATE FUNCTION bakkt_ledger.fail_fbo_transfer(client text, reference text, reason text, at timestamptz DEFAULT clock_timestamp()) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_client(client);
    moved       fbo_transfer;
BEGIN
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a failure needs a reason', NULL, 'Say in the bank''s words why it has not moved the money.');
    END IF;
    PERFORM require_instant(at);
    moved := lock_fbo_transfer(owner_id, reference);
    IF moved.status = 'FAILED' THEN
        PERFORM refuse_other_content('Transfer', reference, jsonb_build_object('reason', e.reason), jsonb_build_object('reason', fail_fbo_transfer.reason))
        FROM fbo_transfer_event e WHERE e.client_id = owner_id AND e.transfer_id = moved.transfer_id AND e.event = 'failed';
        RETURN moved;
    END IF;
    PERFORM require_in_transit(moved, 'failed');
    RETURN end_fbo_transfer(moved, 'failed', reverse(instruction_entry(moved)), at, reason);
END;
$$;
COMMENT ON FUNCTION fail_fbo_transfer(text, text, text, timestamptz) IS
    'Records that the bank has refused a transfer: its instruction is reversed, and the next run moves the money again. '
    'Idempotent. LG080 unknown, LG081 it is confirmed, LG020 failed before for another reason, LG002, LG010, LG061.';
