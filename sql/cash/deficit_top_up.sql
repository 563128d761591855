-- Making good what the company owes the FBO accounts for returned deposits.
-- Locks the company's money in the FBO account.

CREATE FUNCTION bakkt_ledger_internal.top_up_deficit(client_id integer, asset asset, at timestamptz) RETURNS fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    money   constant amount := lock_company_money(client_id, asset);
    lacking amount := company_owes(client_id, asset);
    moved   fbo_transfer;
BEGIN
    IF sign(lacking) > 0 AND sign(money) > 0 THEN
        PERFORM offset_due_from_company(client_id, asset, at);
        lacking := company_owes(client_id, asset);
    END IF;
    lacking := lacking - in_transit(client_id, asset, '{TOP_UP}');
    IF sign(lacking) <= 0 THEN
        RETURN NULL;
    END IF;
    moved.client_id := client_id;
    moved.direction := 'TO_FBO';
    moved.purpose := 'TOP_UP';
    moved.amount := lacking;
    moved.bank := fbo_bank(client_id, asset);
    RETURN instruct_transfer(moved, at);
END;
$$;
COMMENT ON FUNCTION top_up_deficit(integer, asset, timestamptz) IS
    'Internal: sets off what it can, and instructs a transfer of what is still missing and not in transit (J06e); NULL when '
    'nothing is.';

CREATE FUNCTION bakkt_ledger_internal.clients_with_deficits(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT DISTINCT p.client_id FROM settlement_flow_parts(NULL, '{fbo_due_from_corp}') p ORDER BY 1);
END;
$$;
COMMENT ON FUNCTION clients_with_deficits(timestamptz, text) IS
    'Internal: the open clients to whose FBO account the company owes, or has owed, money.';

CREATE FUNCTION bakkt_ledger_internal.top_up_client_deficits(client_id integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   jsonb := '[]';
    part    record;
    one     fbo_transfer;
BEGIN
    FOR part IN SELECT * FROM settlement_flow_parts((client_row(client_id)).code, '{fbo_due_from_corp}') LOOP
        one := top_up_deficit(part.client_id, part.asset, at);
        IF one.transfer_id IS NOT NULL THEN
            moved := moved || to_jsonb(one);
        END IF;
    END LOOP;
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION top_up_client_deficits(integer, timestamptz, text) IS 'Internal: one client''s part of top_up_deficits().';
INSERT INTO client_run VALUES ('top_up_deficits', 'top_up_client_deficits', 'clients_with_deficits');

CREATE FUNCTION bakkt_ledger.top_up_deficits(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL) RETURNS SETOF fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT t.* FROM run_for_clients('top_up_deficits', at, client) AS r (rows), jsonb_populate_recordset(NULL::fbo_transfer, r.rows) t;
END;
$$;
COMMENT ON FUNCTION top_up_deficits(timestamptz, text) IS
    'Makes good what the company owes the FBO accounts for returned deposits, of one client or all visible ones: company money '
    'there is set off first, the rest is instructed as transfers (purpose TOP_UP), which it returns. Of several clients, one '
    'whose part fails is left out with a WARNING. LG002, LG010, LG061, 42501; 40001, 40P01: retry.';
