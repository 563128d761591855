-- Instructing transfers: those of the settlement flow, and those by hand.
-- Refuses more than the company has there or the bank holds (LG050), other content (LG020).
-- Locks the company's money in the FBO account.

-- Posts a step of a transfer; a failure takes its instruction back.
CREATE FUNCTION bakkt_ledger_internal.post_fbo_transfer(moved fbo_transfer, step text, amounts jsonb, effective timestamptz)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    undone constant bigint := CASE step WHEN 'failed' THEN moved.instructed_journal END;
    half constant text := CASE WHEN undone IS NULL THEN step ELSE 'instructed' END;
BEGIN
    RETURN (post_template(moved.client_id, lower(format('fbo_transfer_%s_%s', moved.direction, half)),
                          format('fbo-transfer:%s:%s', moved.transfer_id, step), jsonb_build_object('bank', moved.bank), amounts,
                          effective, format('Transfer "%s" %s', moved.reference, step), undone)).journal;
END;
$$;

-- What is answered about the last step that a transfer has taken. Steps but being taken up, which
-- changes nothing of this, follow one another once.
CREATE FUNCTION bakkt_ledger_internal.fbo_transfer_answer(moved fbo_transfer, again boolean DEFAULT false)
    RETURNS fbo_transfer_result
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (moved.reference, lower(moved.status), again, (client_row(moved.client_id)).code, moved.direction, moved.purpose,
            moved.amount, moved.bank, moved.bank_reference, moved.status, coalesce(moved.ended_at, moved.instructed_at),
            coalesce(moved.ended_journal, moved.instructed_journal));
END;
$$;

-- Posts and records a new transfer, under a reference of its own unless it has one. LG050 if the
-- company does not have that much money in the FBO account; 40001.
CREATE FUNCTION bakkt_ledger_internal.instruct_transfer(asked fbo_transfer, moment timestamptz) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved fbo_transfer := asked;
BEGIN
    PERFORM bounded_wait(), account_of_kind(asked.client_id, 'fbo_bank', asset(asked.amount), asked.bank);
    moved.transfer_id := nextval('fbo_transfer_transfer_id_seq');
    moved.reference := coalesce(asked.reference, format('fbo-transfer:%s', moved.transfer_id));
    moved.status := 'INSTRUCTED';
    moved.instructed_at := moment;
    moved.instructed_journal := post_fbo_transfer(moved, 'instructed', jsonb_build_object('amount', moved.amount), moment);
    INSERT INTO fbo_transfer SELECT moved.* ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM refuse_taken_reference(moved.reference);
    END IF;
    PERFORM record_event('instructed', NULL::fbo_transfer, moved, moment, amount => moved.amount,
                         journal => moved.instructed_journal, request => asked.reference);
    RETURN moved;
END;
$$;

-- ---------------------------------------------------------------------------
-- The settlement flow
-- ---------------------------------------------------------------------------

-- lock_company_money(), after what the company owes the FBO account is set off against it.
CREATE FUNCTION bakkt_ledger_internal.set_off_company_money(holder integer, unit asset, moment timestamptz) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    money amount := lock_company_money(holder, unit);
BEGIN
    IF sign(money) > 0 AND sign(company_owes(holder, unit)) > 0 THEN
        PERFORM offset_due_from_company(holder, unit, moment);
        money := lock_company_money(holder, unit);
    END IF;
    RETURN money;
END;
$$;

-- settlement_need() under the client's terms.
CREATE FUNCTION bakkt_ledger_internal.client_settlement_need(holder integer, money amount, moment timestamptz)
    RETURNS settlement_need
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    unit constant asset := asset(money);
    terms constant cash_terms := cash_terms_of(holder);
    stays constant amount := CASE WHEN asset(terms.company_float) = unit THEN terms.company_float ELSE zero(unit) END;
BEGIN
    RETURN settlement_need(money, in_transit(holder, unit, '{SETTLEMENT,PREFUND}'),
                           stays + outstanding_deposits(holder, unit, moment),
                           CASE terms.settlement_flow WHEN 'GROSS' THEN stays + funded_deposits(holder, unit, moment) END);
END;
$$;

-- A settlement takes up the failed ones before it whose calls it covers too.
CREATE FUNCTION bakkt_ledger_internal.take_up_failed(heir fbo_transfer, moment timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    failed constant fbo_transfer[] := ARRAY(
        SELECT f
        FROM fbo_transfer AS f
        WHERE f.client_id = heir.client_id AND f.status = 'FAILED' AND f.purpose = 'SETTLEMENT' AND f.taken_up_by IS NULL
          AND asset(f.amount) = asset(heir.amount) AND (heir.covers = 'ALL' OR f.direction = heir.direction)
        ORDER BY f.transfer_id);
BEGIN
    UPDATE fbo_transfer AS t
    SET taken_up_by = heir.transfer_id
    FROM unnest(failed) AS f
    WHERE t.client_id = f.client_id AND t.transfer_id = f.transfer_id;
    PERFORM record_events('taken_up', failed,
                          ARRAY(SELECT t
                                FROM fbo_transfer AS t
                                WHERE t.client_id = heir.client_id AND t.status = 'FAILED' AND t.taken_up_by = heir.transfer_id
                                ORDER BY t.transfer_id), moment);
END;
$$;

-- Instructs the transfers of one client and asset, none when a run of this instant has done so
-- before. They cover the settlements recorded since the end of the previous run's range and before
-- the company's money was locked.
CREATE FUNCTION bakkt_ledger_internal.instruct_settlement(holder integer, unit asset, moment timestamptz)
    RETURNS SETOF fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    money amount;
    need settlement_need;
    moved fbo_transfer;
    one fbo_transfer;
BEGIN
    PERFORM lock_company_money(holder, unit);
    moved.covered_through := clock_timestamp();
    IF EXISTS (SELECT FROM fbo_transfer AS t
               WHERE t.client_id = holder AND t.instructed_at = moment AND t.purpose = 'SETTLEMENT'
                 AND asset(t.amount) = unit) THEN
        RETURN;
    END IF;
    money := set_off_company_money(holder, unit, moment);
    need := client_settlement_need(holder, money, moment);
    moved.client_id := holder;
    moved.purpose := 'SETTLEMENT';
    moved.bank := fbo_bank(holder, unit);
    need.to_business := least(need.to_business, fbo_bank_free(holder, unit, moved.bank));
    moved.covered_after := (SELECT coalesce(max(t.covered_through), '-infinity')
                            FROM fbo_transfer AS t
                            WHERE t.client_id = holder AND t.covers IS NOT NULL AND asset(t.amount) = unit);
    moved.covered_through := greatest(moved.covered_through, moved.covered_after + interval '1 microsecond');
    FOR one IN
        SELECT r.*
        FROM (VALUES ('TO_BUSINESS', need.to_business, CASE WHEN sign(need.to_fbo) > 0 THEN 'WITHDRAWALS' ELSE 'ALL' END),
                     ('TO_FBO', need.to_fbo, CASE WHEN sign(need.to_business) > 0 THEN 'DEPOSITS' ELSE 'ALL' END))
             AS m (direction, amount, covers)
        CROSS JOIN LATERAL jsonb_populate_record(moved, to_jsonb(m)) AS r
        WHERE sign(m.amount) > 0
    LOOP
        one := instruct_transfer(one, moment);
        PERFORM take_up_failed(one, moment);
        RETURN NEXT one;
    END LOOP;
END;
$$;

-- The open clients, of those visible, and assets that have such an account or, for the company's
-- money, a deposit outstanding. In order of client and asset: the order in which every run locks
-- the company's money.
CREATE FUNCTION bakkt_ledger_internal.settlement_flow_parts(only_client integer, kinds text[])
    RETURNS TABLE (client_id integer, asset asset)
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT p.client_id, p.asset
    FROM (SELECT a.client_id, a.asset
          FROM account AS a
          WHERE a.kind = ANY (kinds)
          UNION
          SELECT k.client_id, asset(k.amount)
          FROM cash_call AS k
          WHERE k.status = 'O' AND NOT k.withdrawal AND NOT k.apex AND 'fbo_due_to_corp' = ANY (kinds)) AS p
    JOIN client AS c ON c.client_id = p.client_id
    WHERE c.client_id = ANY (visible_clients()) AND c.status = 'OPEN' AND (only_client IS NULL OR c.client_id = only_client)
    ORDER BY p.client_id, p.asset;
END;

-- The open clients between whose FBO account and the business account money may move.
CREATE FUNCTION bakkt_ledger_internal.clients_with_settlement_flow(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT p.client_id ORDER BY p.client_id), '{}')
    FROM settlement_flow_parts(NULL, '{fbo_due_to_corp}') AS p;
END;

-- One client's part of instruct_settlement_transfers().
CREATE FUNCTION bakkt_ledger_internal.instruct_client_transfers(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT jsonb_agg(fbo_transfer_answer(t) ORDER BY t.transfer_id)
            FROM settlement_flow_parts(holder, '{fbo_due_to_corp}') AS p
            CROSS JOIN LATERAL instruct_settlement(p.client_id, p.asset, at) AS t);
END;
$$;
INSERT INTO client_run VALUES ('instruct_settlement_transfers', 'instruct_client_transfers', 'clients_with_settlement_flow');

CREATE FUNCTION bakkt_ledger.instruct_settlement_transfers(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF fbo_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT t.* FROM run_answers('instruct_settlement_transfers', NULL::fbo_transfer_result, at, client) AS t;
END;
$$;
COMMENT ON FUNCTION instruct_settlement_transfers IS
'Instructs the bank to move the company''s money that no outstanding deposit needs to the business account, or to bring in more.
Of one client or all visible ones; one transfer or one each way, as agreed with the client. A deficit is set off first.
Returns the new transfers; repeated for the same instant, none. Of several clients, one whose part fails is left out with a
WARNING.
Errors: LG002, LG010, LG061, 42501; 40001, 40P01: retry.';

-- ---------------------------------------------------------------------------
-- By hand
-- ---------------------------------------------------------------------------

-- LG050 when a transfer would take more out of an FBO bank account than it holds, LG034 or LG016
-- when there is no such bank.
CREATE FUNCTION bakkt_ledger_internal.require_in_bank(moved fbo_transfer) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    free constant amount := fbo_bank_free(moved.client_id, asset(moved.amount), moved.bank);
BEGIN
    PERFORM require_omnibus_bank(moved.client_id, moved.bank, asset(moved.amount), true);
    IF moved.direction = 'TO_BUSINESS' AND free < moved.amount THEN
        PERFORM refuse('LG050', format('%s has not that much', account_name('fbo_bank', moved.bank)),
                       format('%s are there and not leaving already, %s would be moved.', free, moved.amount),
                       'fbo_proof() shows what each bank holds.',
                       jsonb_build_object('bank', moved.bank, 'required', moved.amount, 'available', free));
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.instruct_fbo_transfer(client text, amount amount, reference text, direction text DEFAULT 'TO_FBO',
                                                   bank text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS fbo_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    told constant jsonb := jsonb_build_object('direction', direction, 'amount', amount, 'bank', bank);
    asked request;
    moved fbo_transfer;
BEGIN
    IF direction IS NULL OR direction NOT IN ('TO_BUSINESS', 'TO_FBO') THEN
        PERFORM refuse_invalid('direction of a transfer is TO_BUSINESS or TO_FBO', format('Direction: "%s".', direction),
                               'TO_FBO brings the company''s money in, TO_BUSINESS takes it out.');
    END IF;
    PERFORM require_fiat('a transfer', require_positive(amount)), require_instant(at), require_reference(reference, 'a transfer');
    IF reference ~ '^fbo-transfer:' THEN
        PERFORM refuse_invalid('a transfer needs a reference of its own', format('Reference: "%s".', reference),
                               'Give one that does not begin with "fbo-transfer:".');
    END IF;
    PERFORM lock_company_money(holder, asset(amount));
    asked := open_request('instruct_fbo_transfer', 'fbo_transfer', holder, reference, told, at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::fbo_transfer_result);
    END IF;
    moved := jsonb_populate_record(moved, told || jsonb_build_object('client_id', holder, 'reference', reference,
                                                                     'purpose', 'PREFUND'));
    PERFORM require_in_bank(moved);
    RETURN close_request(asked, fbo_transfer_answer(instruct_transfer(moved, at)));
END;
$$;
COMMENT ON FUNCTION instruct_fbo_transfer IS
'Instructs a transfer of the company''s money by hand (purpose PREFUND).
Into the FBO account so that sales can be paid at once, or out of it again. bank: which FBO bank account. The same request again
gets the first answer.
Errors: LG002, LG010, LG011, LG020, LG034 or LG016 bank, LG042 not money, LG045, LG050 the company, or the bank, does not have
that much there, LG061.';
