-- Making good what the company owes the FBO accounts for returned deposits.
-- Locks the company's money in the FBO account.

-- Sets off what it can, and instructs a transfer of what is still missing and not in transit
-- (J06e); no row when nothing is.
CREATE FUNCTION bakkt_ledger_internal.top_up_deficit(holder integer, unit asset, moment timestamptz) RETURNS SETOF fbo_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved fbo_transfer;
BEGIN
    PERFORM set_off_company_money(holder, unit, moment);
    moved.amount := company_owes(holder, unit) - in_transit(holder, unit, '{TOP_UP}');
    IF sign(moved.amount) > 0 THEN
        moved.client_id := holder;
        moved.direction := 'TO_FBO';
        moved.purpose := 'TOP_UP';
        moved.bank := fbo_bank(holder, unit);
        RETURN NEXT instruct_transfer(moved, moment);
    END IF;
END;
$$;

-- The open clients to whose FBO account the company owes, or has owed, money.
CREATE FUNCTION bakkt_ledger_internal.clients_with_deficits(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT p.client_id ORDER BY p.client_id), '{}')
    FROM settlement_flow_parts(NULL, '{fbo_due_from_corp}') AS p;
END;

-- One client's part of top_up_deficits().
CREATE FUNCTION bakkt_ledger_internal.top_up_client_deficits(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT jsonb_agg(fbo_transfer_answer(t) ORDER BY t.transfer_id)
            FROM settlement_flow_parts(holder, '{fbo_due_from_corp}') AS p
            CROSS JOIN LATERAL top_up_deficit(p.client_id, p.asset, at) AS t);
END;
$$;
INSERT INTO client_run VALUES ('top_up_deficits', 'top_up_client_deficits', 'clients_with_deficits');

CREATE FUNCTION bakkt_ledger.top_up_deficits(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF fbo_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT t.* FROM run_answers('top_up_deficits', NULL::fbo_transfer_result, at, client) AS t;
END;
$$;
COMMENT ON FUNCTION top_up_deficits IS
'Makes good what the company owes the FBO accounts for returned deposits, of one client or all visible ones.
Company money there is set off first, the rest is instructed as transfers (purpose TOP_UP), which it returns. Of several
clients, one whose part fails is left out with a WARNING.
Errors: LG002, LG010, LG061, 42501; 40001, 40P01: retry.';
