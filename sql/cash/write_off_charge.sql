-- Charging approved write-offs, in the month after the call became old enough.
-- Locks the client's share of revenue, the customers, then the calls.

CREATE FUNCTION bakkt_ledger_internal.cash_call_account(call cash_call) RETURNS account_id
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    side    constant text := CASE WHEN call.sale THEN 'payable:' ELSE 'receivable:' END;
BEGIN
    IF call.apex THEN
        RETURN ensure_account(call.client_id, 'CORP', 'Apex:' || side || (client_row(call.client_id)).code, asset(call.amount));
    END IF;
    RETURN ensure_account(call.client_id, 'CORP', 'TPJ:' || side || (SELECT c.account_code FROM customer c WHERE c.customer_id = call.customer_id),
                          asset(call.amount));
END;
$$;
COMMENT ON FUNCTION cash_call_account(cash_call) IS 'Internal: the receivable or payable on which the cash call stands.';

CREATE FUNCTION bakkt_ledger_internal.write_off_lines(client_id integer, account account_id, share amount, bad_debt amount) RETURNS journal_entry
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT journal_entry(l.account, l.amount ORDER BY l.place)
    FROM (VALUES (1, ensure_account($1, 'CORP', 'RevShare:payable:' || (client_row($1)).code, asset($3)), $3),
                 (2, ensure_account($1, 'CORP', 'Expense:bad-debt', asset($3)), $4),
                 (3, $2, -($3 + $4))) AS l (place, account, amount)
    WHERE NOT is_zero(l.amount)
$$;
COMMENT ON FUNCTION write_off_lines(integer, account_id, amount, amount) IS
    'Internal: the journal of a write-off, lines in the order of golden journal J05c; of a write-off that is restored when the '
    'parts are negative.';

CREATE FUNCTION bakkt_ledger_internal.charge_write_off(written_off cash_write_off, call cash_call, accrued amount, at timestamptz) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    share       constant amount := least(accrued, call.amount);
    bad_debt    constant amount := call.amount - share;
    posted      journal_result;
BEGIN
    posted := post_entry(call.client_id, 'write-off:' || call.journal_id, 'cash_write_off',
                         write_off_lines(call.client_id, cash_call_account(call), share, bad_debt), at,
                         format('Write-off of cash call %s, approved by %s', call.journal_id, written_off.approved_by));
    PERFORM record_cash_call_event(call.client_id, call.journal_id, 'written_off', at, call.amount, NULL, posted.journal);
    UPDATE cash_write_off w
       SET status = 'CHARGED', charged_at = charge_write_off.at, charge_journal = posted.journal, from_share = share, from_bad_debt = bad_debt
     WHERE w.client_id = written_off.client_id AND w.journal_id = written_off.journal_id AND w.proposal_no = written_off.proposal_no;
    RETURN share;
END;
$$;
COMMENT ON FUNCTION charge_write_off(cash_write_off, cash_call, amount, timestamptz) IS
    'Internal: posts one write-off, from the client''s share first, up to what has accrued, and returns how much of the share '
    'it took.';

CREATE FUNCTION bakkt_ledger_internal.lapse_write_offs(client_id integer, at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    UPDATE cash_write_off w SET status = 'LAPSED', lapsed_at = lapse_write_offs.at
      FROM cash_call c
     WHERE w.client_id = lapse_write_offs.client_id AND w.status IN ('PROPOSED', 'APPROVED')
       AND c.client_id = w.client_id AND c.journal_id = w.journal_id AND c.status <> 'O';
END;
$$;
COMMENT ON FUNCTION lapse_write_offs(integer, timestamptz) IS
    'Internal: marks proposals as lapsed whose cash call was settled or busted meanwhile.';

-- A call that was sent to Apex waits for the answer, and one whose account takes no credits waits
-- until it does; neither holds up the others.
CREATE FUNCTION bakkt_ledger_internal.chargeable_write_offs(client_id integer, at timestamptz) RETURNS bigint[]
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(array_agg(w.journal_id ORDER BY c.called_at, c.journal_id), '{}')
      FROM cash_write_off w
      JOIN cash_call c USING (client_id, journal_id)
     CROSS JOIN LATERAL (SELECT cash_call_account(c) AS account OFFSET 0) AS stands
      JOIN account a ON a.client_id = w.client_id AND a.account = stands.account
     WHERE w.client_id = $1 AND w.status = 'APPROVED' AND w.approved_at <= $2 AND w.charge_month <= central_date($2)
       AND c.status = 'O' AND c.due_at IS NOT NULL AND a.status NOT IN ('credit_frozen', 'closed')
$$;
COMMENT ON FUNCTION chargeable_write_offs(integer, timestamptz) IS
    'Internal: the cash calls of the client''s approved write-offs that may be charged, oldest call first.';

-- Customers are locked before calls, as wherever calls are settled, so no other session ends a call
-- while it is charged. Only the customers of calls chosen before are locked: what is approved
-- meanwhile waits for the next run.
CREATE FUNCTION bakkt_ledger_internal.lock_write_offs(client_id integer, calls bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    PERFORM bounded_wait();
    PERFORM FROM customer cu
      WHERE cu.customer_id IN (SELECT c.customer_id FROM cash_call c WHERE c.client_id = lock_write_offs.client_id AND c.journal_id = ANY (calls))
      ORDER BY cu.customer_id FOR NO KEY UPDATE;
    PERFORM lock_cash_call_events(lock_write_offs.client_id);
    PERFORM FROM cash_write_off w
      WHERE w.client_id = lock_write_offs.client_id AND w.status IN ('PROPOSED', 'APPROVED')
      ORDER BY w.journal_id FOR NO KEY UPDATE;
END;
$$;
COMMENT ON FUNCTION lock_write_offs(integer, bigint[]) IS
    'Internal: locks what charging these calls needs, the client''s share of revenue aside: the customers, and the client''s '
    'open proposals.';

CREATE FUNCTION bakkt_ledger_internal.charge_client(client_id integer, at timestamptz)
    RETURNS TABLE (amount amount, from_share amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    written_off cash_write_off;
    call        cash_call;
    accrued     amount;
    chosen      bigint[];
    number      bigint;
BEGIN
    PERFORM lock_revenue_share(client_id);
    chosen := chargeable_write_offs(client_id, at);
    PERFORM lock_write_offs(client_id, chosen);
    PERFORM lapse_write_offs(client_id, at);
    FOREACH number IN ARRAY chosen LOOP
        call := lock_cash_call(charge_client.client_id, number);
        written_off := latest_write_off(charge_client.client_id, number);
        -- the call was ended, sent to Apex or declined while this session waited
        CONTINUE WHEN call.status <> 'O' OR call.due_at IS NULL OR written_off.status <> 'APPROVED';
        IF accrued IS NULL OR asset(accrued) <> asset(call.amount) THEN
            accrued := revenue_share_accrued(call.client_id, asset(call.amount));
        END IF;
        amount := call.amount;
        from_share := charge_write_off(written_off, call, accrued, at);
        accrued := accrued - from_share;
        RETURN NEXT;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION charge_client(integer, timestamptz) IS
    'Internal: charges the approved write-offs of a client whose month has begun, returning a row for each; write-offs of calls '
    'that ended otherwise lapse.';

CREATE FUNCTION bakkt_ledger_internal.clients_with_write_offs(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT c.client_id FROM client c
          WHERE EXISTS (SELECT FROM cash_write_off w WHERE w.client_id = c.client_id AND w.status IN ('PROPOSED', 'APPROVED'))
          ORDER BY c.client_id);
END;
$$;
COMMENT ON FUNCTION clients_with_write_offs(timestamptz, text) IS
    'Internal: the clients with write-offs that may be charged, or lapse.';

CREATE FUNCTION bakkt_ledger_internal.charge_client_write_offs(client_id integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    code    constant text := (client_row(client_id)).code;
BEGIN
    IF NOT EXISTS (SELECT FROM cash_write_off w WHERE w.client_id = charge_client_write_offs.client_id AND w.status IN ('PROPOSED', 'APPROVED')) THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT jsonb_agg(to_jsonb(p) ORDER BY asset(p.amount)) FROM (
        SELECT code AS client_code, count(*) AS charged, sum(d.amount) AS amount, sum(d.from_share) AS from_share,
               sum(d.amount) - sum(d.from_share) AS from_bad_debt
          FROM charge_client(client_id, at) AS d GROUP BY asset(d.amount)) p);
END;
$$;
COMMENT ON FUNCTION charge_client_write_offs(integer, timestamptz, text) IS
    'Internal: one client''s part of charge_cash_call_write_offs().';
INSERT INTO client_run VALUES ('charge_cash_call_write_offs', 'charge_client_write_offs', 'clients_with_write_offs');

CREATE FUNCTION bakkt_ledger.charge_cash_call_write_offs(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS TABLE (client_code text, charged bigint, amount amount, from_share amount, from_bad_debt amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT p.* FROM run_for_clients('charge_cash_call_write_offs', at, client) AS r (rows),
           jsonb_to_recordset(r.rows) AS p (client_code text, charged bigint, amount amount, from_share amount, from_bad_debt amount);
END;
$$;
COMMENT ON FUNCTION charge_cash_call_write_offs(timestamptz, text) IS
    'Posts the approved write-offs whose month has begun in Central Time, of one client or of all visible ones: oldest call '
    'first, from the client''s share of revenue up to what has accrued, the rest from bad debt (J05c); a row per client and '
    'asset. A call settled or busted meanwhile is not charged, and its proposal lapses. A call that was sent to Apex waits for '
    'the answer, and one on a frozen account until it is unfrozen. What was approved after the instant is charged later. Safe '
    'to repeat, and to run in two sessions at once. Of several clients, one whose part fails is left out with a WARNING. Raises '
    'LG010, 42501, LG061, LG002; 40001 or 40P01: retry.';
