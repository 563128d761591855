-- Confirming and failing transfers.
-- Refuses unknown transfers (LG080), and those that ended otherwise (LG081).
-- Locks the company's money in the FBO account, then the transfer's row.

-- The transfer of a client; LG080 if there is none.
CREATE FUNCTION bakkt_ledger_internal.require_fbo_transfer(holder integer, named text) RETURNS fbo_transfer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved fbo_transfer;
BEGIN
    SELECT t.* INTO moved FROM fbo_transfer AS t WHERE t.client_id = holder AND t.reference = named;
    IF NOT FOUND THEN
        PERFORM refuse('LG080', format('transfer "%s" does not exist', coalesce(named, 'NULL')), NULL,
                       'fbo_transfers() lists the transfers of a client.', jsonb_build_object('transfer', named));
    END IF;
    RETURN moved;
END;
$$;

-- The same, locked, and the company's money in its asset before it.
CREATE FUNCTION bakkt_ledger_internal.lock_fbo_transfer(holder integer, named text) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved fbo_transfer := require_fbo_transfer(holder, named);
BEGIN
    PERFORM bounded_wait(), lock_company_money(moved.client_id, asset(moved.amount));
    SELECT t.* INTO STRICT moved
    FROM fbo_transfer AS t
    WHERE t.client_id = moved.client_id AND t.transfer_id = moved.transfer_id
    FOR NO KEY UPDATE;
    RETURN moved;
END;
$$;

-- The one place where a transfer ends: posted and recorded.
CREATE FUNCTION bakkt_ledger_internal.end_fbo_transfer(moved fbo_transfer, happening text, amounts jsonb, said jsonb,
                                                       moment timestamptz)
    RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    ended fbo_transfer := moved;
BEGIN
    ended.status := next_status('fbo_transfer', format('transfer "%s"', moved.reference), moved.status, happening);
    ended.ended_at := greatest(moment, moved.instructed_at);
    ended.ended_journal := post_fbo_transfer(moved, happening, amounts, ended.ended_at);
    UPDATE fbo_transfer AS t
    SET status = ended.status,
        ended_at = ended.ended_at,
        ended_journal = ended.ended_journal,
        bank_reference = said ->> 'bank_reference'
    WHERE t.client_id = moved.client_id AND t.transfer_id = moved.transfer_id
    RETURNING t.* INTO STRICT ended;
    PERFORM record_event(happening, moved, ended, moment, amount => ended.amount, journal => ended.ended_journal,
                         reason => said ->> 'reason', content => said);
    RETURN ended;
EXCEPTION WHEN unique_violation THEN  -- the bank's reference, of a transfer of another asset
    PERFORM refuse_taken_reference(said ->> 'bank_reference');
END;
$$;

-- LG020 for a bank's reference of another transfer of the client.
CREATE FUNCTION bakkt_ledger_internal.require_new_bank_reference(moved fbo_transfer, told text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse_other_content('Bank reference', told, jsonb_build_object('transfer', t.reference),
                                 jsonb_build_object('transfer', moved.reference))
    FROM fbo_transfer AS t
    WHERE t.client_id = moved.client_id AND t.bank_reference = told;
END;
$$;

-- What of a transfer makes a deficit good. The part of a top-up that is no longer needed, because
-- the deficit was set off meanwhile, is company money there.
CREATE FUNCTION bakkt_ledger_internal.made_good_by(moved fbo_transfer) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    unit constant asset := asset(moved.amount);
BEGIN
    RETURN CASE moved.purpose WHEN 'TOP_UP' THEN greatest(least(company_owes(moved.client_id, unit), moved.amount), zero(unit))
                              ELSE zero(unit) END;
END;
$$;

CREATE FUNCTION bakkt_ledger.confirm_fbo_transfer(client text, reference text, bank_reference text,
                                                  at timestamptz DEFAULT clock_timestamp())
    RETURNS fbo_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    told constant jsonb := jsonb_build_object('bank_reference', bank_reference);
    moved fbo_transfer;
    made_good amount;
BEGIN
    PERFORM require_reference(bank_reference, 'a confirmation by the bank'), require_instant(at);
    moved := lock_fbo_transfer(holder, reference);
    PERFORM require_new_bank_reference(moved, bank_reference);
    IF happened_before('confirmed', moved, told, moved.reference) THEN
        RETURN fbo_transfer_answer(moved, true);
    END IF;
    made_good := made_good_by(moved);
    moved := end_fbo_transfer(moved, 'confirmed', jsonb_build_object('amount', moved.amount, 'made good', made_good,
                                                                     'own', moved.amount - made_good), told, at);
    PERFORM wake_unfunded_deposits(holder, asset(moved.amount), moved.ended_at) WHERE moved.direction = 'TO_FBO';
    RETURN fbo_transfer_answer(moved);
END;
$$;
COMMENT ON FUNCTION confirm_fbo_transfer IS
'Records that the bank has carried out a transfer, under the bank''s reference.
Money that came into the FBO account can pay sale proceeds from then on: cash calls that waited for it become due.
Errors: LG080 unknown, LG081 it has failed, LG020 confirmed before under another bank reference, or the bank reference belongs
to another transfer, LG002, LG010, LG061.';

CREATE FUNCTION bakkt_ledger.fail_fbo_transfer(client text, reference text, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS fbo_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    told constant jsonb := jsonb_build_object('reason', reason);
    moved fbo_transfer;
BEGIN
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a failure needs a reason', NULL, 'Say in the bank''s words why it has not moved the money.');
    END IF;
    PERFORM require_instant(at);
    moved := lock_fbo_transfer(holder, reference);
    IF happened_before('failed', moved, told, moved.reference) THEN
        RETURN fbo_transfer_answer(moved, true);
    END IF;
    RETURN fbo_transfer_answer(end_fbo_transfer(moved, 'failed', jsonb_build_object('amount', -moved.amount), told, at));
END;
$$;
COMMENT ON FUNCTION fail_fbo_transfer IS
'Records that the bank has refused a transfer: its instruction is reversed, and the next run moves the money again.
Errors: LG080 unknown, LG081 it is confirmed, LG020 failed before for another reason, LG002, LG010, LG061.';
