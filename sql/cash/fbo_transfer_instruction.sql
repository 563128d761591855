-- Instructing transfers: those of the settlement flow, and those by hand.
-- Refuses more than the company has there or the bank holds (LG050), other content (LG020).
-- Locks the company's money in the FBO account.

CREATE FUNCTION bakkt_ledger_internal.record_fbo_transfer_event(moved fbo_transfer, event text, at timestamptz, journal_id bigint, reason text DEFAULT NULL) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    INSERT INTO fbo_transfer_event
    VALUES (moved.client_id, moved.transfer_id, CASE $2 WHEN 'instructed' THEN 1 ELSE 2 END, $2, $3, clock_timestamp(), invoking_role(), $4,
            moved.bank_reference, $5)
$$;
COMMENT ON FUNCTION record_fbo_transfer_event(fbo_transfer, text, timestamptz, bigint, text) IS
    'Internal: writes the next event of a transfer.';

CREATE FUNCTION bakkt_ledger_internal.instruction_entry(moved fbo_transfer) RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    client_id   constant integer := moved.client_id;
    a           constant asset := asset(moved.amount);
    crossing    constant entry_line := line('Dr', ensure_account(client_id, 'CORP', 'Clearing:FBO-transfer', a), moved.amount);
BEGIN
    IF moved.direction = 'TO_FBO' THEN
        RETURN journal_entry(crossing, line('Cr', ensure_account(client_id, 'CORP', 'Bank:operating', a), moved.amount));
    END IF;
    RETURN journal_entry(line('Dr', ensure_account(client_id, 'FBO', 'DueTo:CORP', a), moved.amount),
                         line('Cr', ensure_account(client_id, 'FBO', 'Clearing:business-transfer', a), moved.amount),
                         crossing,
                         line('Cr', ensure_account(client_id, 'CORP', 'DueFrom:FBO', a), moved.amount));
END;
$$;
COMMENT ON FUNCTION instruction_entry(fbo_transfer) IS
    'Internal: the first half of J02c, J03c, J05f (TO_BUSINESS), or of the company''s part of J04b and J06e (TO_FBO).';

CREATE FUNCTION bakkt_ledger_internal.fbo_bank_name(bank text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'Bank:omnibus' || coalesce(':' || bank, '');
COMMENT ON FUNCTION fbo_bank_name(text) IS 'Internal: name of the FBO bank account at a bank, NULL for the plain one.';

CREATE FUNCTION bakkt_ledger_internal.instruct_transfer(moved fbo_transfer, at timestamptz) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    posted  journal_result;
BEGIN
    PERFORM ensure_account(moved.client_id, 'FBO', fbo_bank_name(moved.bank), asset(moved.amount));
    PERFORM bounded_wait();
    moved.transfer_id := nextval('fbo_transfer_transfer_id_seq');
    moved.reference := coalesce(moved.reference, format('fbo-transfer:%s', moved.transfer_id));
    moved.status := 'INSTRUCTED';
    moved.instructed_at := at;
    posted := post_entry(moved.client_id, format('fbo-transfer:%s:instructed', moved.transfer_id), 'fbo_transfer', instruction_entry(moved), at,
                         format('Transfer "%s" instructed', moved.reference));
    moved.instructed_journal := posted.journal;
    INSERT INTO fbo_transfer SELECT moved.* ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM refuse_taken_reference(moved.reference);
    END IF;
    PERFORM record_fbo_transfer_event(moved, 'instructed', at, posted.journal);
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION instruct_transfer(fbo_transfer, timestamptz) IS
    'Internal: posts and records a new transfer, under a reference of its own unless it has one. LG050 if the company does not '
    'have that much money in the FBO account; 40001.';

-- A run covers the settlements recorded since the end of the previous run's range.
CREATE FUNCTION bakkt_ledger_internal.instruct_settlement(client_id integer, asset asset, at timestamptz) RETURNS SETOF fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    terms   constant cash_terms := cash_terms_of(client_id);
    stays   constant amount := CASE WHEN asset(terms.company_float) = asset THEN terms.company_float ELSE zero(asset) END;
    money   amount := lock_company_money(client_id, asset);
    seen_at constant timestamptz := clock_timestamp();      -- under that lock
    need    settlement_need;
    moved   fbo_transfer;
    one     fbo_transfer;
BEGIN
    IF EXISTS (SELECT FROM fbo_transfer t WHERE t.client_id = instruct_settlement.client_id AND t.instructed_at = at
               AND t.purpose = 'SETTLEMENT' AND asset(t.amount) = asset) THEN
        RETURN;
    END IF;
    IF sign(money) > 0 AND sign(company_owes(client_id, asset)) > 0 THEN
        PERFORM offset_due_from_company(client_id, asset, at);
        money := lock_company_money(client_id, asset);
    END IF;
    need := settlement_need(money, in_transit(client_id, asset, '{SETTLEMENT,PREFUND}'), stays + outstanding_deposits(client_id, asset, at),
                            CASE terms.settlement_flow WHEN 'GROSS' THEN stays + funded_deposits(client_id, asset, at) END);
    moved.client_id := client_id;
    moved.purpose := 'SETTLEMENT';
    moved.bank := fbo_bank(client_id, asset);
    need.to_business := least(need.to_business, fbo_bank_free(client_id, asset, moved.bank));
    SELECT coalesce(max(t.covered_through), '-infinity') INTO moved.covered_after FROM fbo_transfer t
    WHERE t.client_id = instruct_settlement.client_id AND t.covers IS NOT NULL AND asset(t.amount) = asset;
    moved.covered_through := greatest(seen_at, moved.covered_after + interval '1 microsecond');
    FOR one IN
        SELECT r.* FROM (VALUES
            ('TO_BUSINESS', need.to_business, CASE WHEN sign(need.to_fbo) > 0 THEN 'WITHDRAWALS' ELSE 'ALL' END),
            ('TO_FBO', need.to_fbo, CASE WHEN sign(need.to_business) > 0 THEN 'DEPOSITS' ELSE 'ALL' END)) AS m (direction, amount, covers),
            jsonb_populate_record(moved, to_jsonb(m)) AS r
        WHERE sign(m.amount) > 0
    LOOP
        one := instruct_transfer(one, at);
        UPDATE fbo_transfer f SET taken_up_by = one.transfer_id
        WHERE f.client_id = one.client_id AND f.status = 'FAILED' AND f.purpose = 'SETTLEMENT' AND f.taken_up_by IS NULL
          AND asset(f.amount) = asset AND (one.covers = 'ALL' OR f.direction = one.direction);
        RETURN NEXT one;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION instruct_settlement(integer, asset, timestamptz) IS
    'Internal: instructs the transfers of one client and asset, none when a run of this instant has done so before. They cover '
    'what was settled before the company''s money was locked.';

-- In order of client and asset: the order in which every run locks the company's money.
CREATE FUNCTION bakkt_ledger_internal.settlement_flow_parts(client text, kinds text[]) RETURNS TABLE (client_id integer, asset asset)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.client_id, p.asset FROM (
        SELECT a.client_id, a.asset FROM account a WHERE a.kind = ANY (kinds)
        UNION
        SELECT k.client_id, asset(k.amount) FROM cash_call k
        WHERE k.status = 'O' AND NOT k.withdrawal AND NOT k.apex AND 'fbo_due_to_corp' = ANY (kinds)) p
    JOIN client c ON c.client_id = p.client_id
    WHERE c.client_id = ANY (visible_clients()) AND c.status = 'open'
      AND c.code = coalesce(settlement_flow_parts.client, c.code)
    ORDER BY p.client_id, p.asset;
END;
$$;
COMMENT ON FUNCTION settlement_flow_parts(text, text[]) IS
    'Internal: the open clients, of those visible, and assets that have such an account or, for the company''s money, a deposit '
    'outstanding.';

CREATE FUNCTION bakkt_ledger_internal.clients_with_settlement_flow(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT DISTINCT p.client_id FROM settlement_flow_parts(NULL, '{fbo_due_to_corp}') p ORDER BY 1);
END;
$$;
COMMENT ON FUNCTION clients_with_settlement_flow(timestamptz, text) IS
    'Internal: the open clients between whose FBO account and the business account money may move.';

CREATE FUNCTION bakkt_ledger_internal.instruct_client_transfers(client_id integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   jsonb := '[]';
    part    record;
BEGIN
    FOR part IN SELECT * FROM settlement_flow_parts((client_row(client_id)).code, '{fbo_due_to_corp}') LOOP
        moved := moved || (SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.transfer_id), '[]') FROM instruct_settlement(part.client_id, part.asset, at) t);
    END LOOP;
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION instruct_client_transfers(integer, timestamptz, text) IS
    'Internal: one client''s part of instruct_settlement_transfers().';
INSERT INTO client_run VALUES ('instruct_settlement_transfers', 'instruct_client_transfers', 'clients_with_settlement_flow');

CREATE FUNCTION bakkt_ledger.instruct_settlement_transfers(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL) RETURNS SETOF fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT t.* FROM run_for_clients('instruct_settlement_transfers', at, client) AS r (rows), jsonb_populate_recordset(NULL::fbo_transfer, r.rows) t;
END;
$$;
COMMENT ON FUNCTION instruct_settlement_transfers(timestamptz, text) IS
    'Instructs the bank, for one client or all visible ones, to move the company''s money that outstanding deposits do not need '
    'to the business account, or to bring in what they lack, by one transfer or one each way, as agreed with the client. '
    'Returns the new transfers; repeated for the same instant, none. A deficit is set off first. Of several clients, one whose '
    'part fails is left out with a WARNING. LG002, LG010, LG061, 42501; 40001, 40P01: retry.';

CREATE FUNCTION bakkt_ledger_internal.same_transfer(client_id integer, reference text, direction text, purpose text, amount amount, bank text) RETURNS fbo_transfer
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    earlier fbo_transfer;
BEGIN
    IF coalesce(octet_length(reference), 0) NOT BETWEEN 1 AND 200 OR reference ~ '^fbo-transfer:' THEN
        PERFORM refuse_invalid('a transfer needs a reference of its own', format('Reference: "%s".', reference),
                               'Give 1 to 200 bytes that do not begin with "fbo-transfer:".');
    END IF;
    SELECT t.* INTO earlier FROM fbo_transfer t WHERE t.client_id = same_transfer.client_id AND t.reference = same_transfer.reference;
    IF FOUND THEN
        PERFORM refuse_other_content('Reference', reference,
            jsonb_build_object('direction', earlier.direction, 'purpose', earlier.purpose, 'amount', earlier.amount::text, 'bank', earlier.bank),
            jsonb_build_object('direction', direction, 'purpose', purpose, 'amount', amount::text, 'bank', bank));
    END IF;
    RETURN earlier;
END;
$$;
COMMENT ON FUNCTION same_transfer(integer, text, text, text, amount, text) IS
    'Internal: the transfer that was instructed under this reference with this content, if any; LG020 if its content differed, '
    'LG002 if the reference is missing or reserved for the ledger.';

CREATE FUNCTION bakkt_ledger_internal.require_in_bank(moved fbo_transfer) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    free    constant amount := fbo_bank_free(moved.client_id, asset(moved.amount), moved.bank);
BEGIN
    PERFORM require_omnibus_bank(moved.bank, asset(moved.amount), true);
    IF moved.direction = 'TO_BUSINESS' AND free < moved.amount THEN
        RAISE EXCEPTION USING ERRCODE = 'LG050', MESSAGE = format('%s has not that much', fbo_bank_name(moved.bank)),
            DETAIL = format('%s are there and not leaving already, %s would be moved.', free, moved.amount),
            HINT = 'fbo_proof() shows what each bank holds.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_in_bank(fbo_transfer) IS
    'Internal: LG050 when a transfer would take more out of an FBO bank account than it holds, LG034 or LG016 when there is no '
    'such bank.';

CREATE FUNCTION bakkt_ledger.instruct_fbo_transfer(client text, reference text, amount amount, direction text DEFAULT 'TO_FBO', bank text DEFAULT NULL,
                                      at timestamptz DEFAULT clock_timestamp()) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_open_client(client);
    moved       fbo_transfer;
BEGIN
    IF direction IS NULL OR direction NOT IN ('TO_BUSINESS', 'TO_FBO') THEN
        PERFORM refuse_invalid('direction of a transfer is TO_BUSINESS or TO_FBO', format('Direction: "%s".', direction),
                               'TO_FBO brings the company''s money in, TO_BUSINESS takes it out.');
    END IF;
    PERFORM require_fiat('a transfer', require_positive(amount));
    PERFORM require_instant(at);
    PERFORM lock_company_money(owner_id, asset(amount));
    moved := same_transfer(owner_id, reference, direction, 'PREFUND', amount, bank);
    IF moved.transfer_id IS NULL THEN
        moved.client_id := owner_id;
        moved.reference := reference;
        moved.direction := direction;
        moved.purpose := 'PREFUND';
        moved.amount := amount;
        moved.bank := bank;
        PERFORM require_in_bank(moved);
        moved := instruct_transfer(moved, at);
    END IF;
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION instruct_fbo_transfer(text, text, amount, text, text, timestamptz) IS
    'Instructs a transfer of the company''s money by hand (purpose PREFUND): into the FBO account so that sales can be paid at '
    'once, or out of it again. bank: which FBO bank account. Idempotent by reference. LG002, LG010, LG011, LG020, LG034 or '
    'LG016 bank, LG042 not money, LG045, LG050 the company, or the bank, does not have that much there, LG061.';
