-- The check of cash calls, events, executions and accounts against each other.
-- Locks nothing.

CREATE TYPE bakkt_ledger.cash_call_discrepancy AS (
    client_code text,
    check_name  text,
    call        bigint,
    detail      text
);
COMMENT ON TYPE cash_call_discrepancy IS
    'Something that check_cash_calls() found wrong: client, check, and call; the call is NULL when it is about an account.';

-- Calls against their own events: conservation (I13) and state.
CREATE FUNCTION bakkt_ledger_internal.cash_call_state_breaks(client_id integer) RETURNS TABLE (check_name text, call bigint, detail text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH summed AS (
        SELECT c.*, zero(asset(c.amount)) AS nothing, s.*, e.events, e.last_no, e.ended_at, e.ended_recorded_at
          FROM cash_call c
          LEFT JOIN LATERAL (SELECT count(*) AS events, max(v.event_no) AS last_no,
                                    (array_agg(v.at ORDER BY v.event_no) FILTER (WHERE v.event IN ('settled', 'written_off', 'busted')))[1] AS ended_at,
                                    (array_agg(v.recorded_at ORDER BY v.event_no) FILTER (WHERE v.event IN ('settled', 'written_off', 'busted')))[1] AS ended_recorded_at
                               FROM cash_call_event v WHERE v.client_id = c.client_id AND v.journal_id = c.journal_id) e ON true
          LEFT JOIN LATERAL (SELECT coalesce(sum(v.amount) FILTER (WHERE v.event = 'settled'), zero(asset(c.amount))) AS settled,
                                    coalesce(sum(v.amount) FILTER (WHERE v.event = 'written_off'), zero(asset(c.amount))) AS written_off,
                                    coalesce(sum(v.amount) FILTER (WHERE v.event = 'recovered'), zero(asset(c.amount))) AS recovered,
                                    coalesce(sum(v.amount) FILTER (WHERE v.event = 'busted'), zero(asset(c.amount))) AS busted,
                                    count(*) FILTER (WHERE v.event IN ('settled', 'failed', 'rejected')) AS made
                               FROM cash_call_event v WHERE v.client_id = c.client_id AND v.journal_id = c.journal_id) s ON true
         WHERE c.client_id = $1
    )
    SELECT f.check_name, s.journal_id, f.detail
      FROM summed s CROSS JOIN LATERAL (VALUES
        ('conservation', CASE WHEN s.status = 'O' THEN s.amount ELSE s.nothing END *<> s.amount - s.settled - s.written_off - s.busted
            OR s.recovered > s.written_off,
            format('Of %s, %s are settled, %s written off, %s recovered, %s busted, and the call is %s (I13).', s.amount, s.settled, s.written_off, s.recovered, s.busted, s.status)),
        ('state', s.attempts <> s.made, format('The call counts %s attempts, its events are %s.', s.attempts, s.made)),
        ('state', s.events <> coalesce(s.last_no, 0), 'An event is missing.'),
        ('state', s.status = 'S' AND sign(s.settled) <= 0 OR s.status = 'W' AND sign(s.written_off) <= 0 OR s.status = 'B' AND s.last_no IS NULL,
            format('The call is %s, its events do not say so.', s.status)),
        ('state', (s.status = 'O') <> (s.closed_at IS NULL) OR (s.closed_at IS NULL) <> (s.closed_recorded_at IS NULL) OR s.status <> 'O' AND s.due_at IS NOT NULL,
            'An open call is not closed, a closed one is not due.'),
        ('state', s.closed_at IS DISTINCT FROM s.ended_at OR s.closed_recorded_at IS DISTINCT FROM s.ended_recorded_at,
            'It was not closed when the first event that ends it says.')
      ) f (check_name, wrong, detail) WHERE f.wrong
$$;
COMMENT ON FUNCTION cash_call_state_breaks(integer) IS
    'Internal: calls whose state or amounts differ from what their events add up to (I13).';

-- Calls against executions, in both directions.
CREATE FUNCTION bakkt_ledger_internal.cash_call_execution_breaks(client_id integer) RETURNS TABLE (check_name text, call bigint, detail text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH called AS (
        SELECT j.*, abs(net_money(j.terms)) AS net_money FROM journal j
         WHERE j.client_id = $1 AND j.kind = kind_number('trade') AND funding_model(j.terms) IN ('BAKKT_TPJ', 'APEX_TPJ') AND NOT is_zero(net_money(j.terms))
    )
    SELECT 'execution', coalesce(j.journal_id, c.journal_id),
           CASE WHEN c.journal_id IS NULL THEN format('Execution "%s" has no cash call.', j.reference)
                WHEN j.journal_id IS NULL THEN 'There is no such execution.'
                ELSE format('The execution says %s of customer %s, %s, the call %s of customer %s.', j.net_money, j.customer_id, side(j.terms), c.amount, c.customer_id) END
      FROM called j FULL JOIN (SELECT l.* FROM cash_call l WHERE l.client_id = $1 AND l.withdrawal <> l.sale) c ON c.client_id = j.client_id AND c.journal_id = j.journal_id
     WHERE (c.amount *= j.net_money AND c.customer_id = j.customer_id AND c.withdrawal = (side(j.terms) = 'BUY') AND c.apex = (funding_model(j.terms) = 'APEX_TPJ')
            AND c.called_at = j.effective_at AND c.opened_at = j.recorded_at) IS NOT TRUE
    UNION ALL
    SELECT 'execution', c.journal_id, 'It gives back what no busted execution''s call was paid.'
      FROM cash_call c
      LEFT JOIN journal j ON j.client_id = c.client_id AND j.journal_id = c.journal_id AND j.kind = kind_number('trade_bust')
      LEFT JOIN cash_call o ON o.client_id = c.client_id AND o.journal_id = j.reverses AND o.customer_id = c.customer_id AND o.withdrawal <> c.withdrawal AND o.sale = c.sale
     WHERE c.client_id = $1 AND c.withdrawal = c.sale
       AND (c.amount *= (SELECT sum(e.amount) FROM cash_call_event e
                          WHERE e.client_id = o.client_id AND e.journal_id = o.journal_id AND e.event IN ('settled', 'recovered'))) IS NOT TRUE
    UNION ALL
    SELECT 'execution', c.journal_id, 'Its execution is busted, and it is outstanding.'
      FROM cash_call c JOIN journal b ON b.client_id = c.client_id AND b.reverses = c.journal_id AND b.kind = kind_number('trade_bust')
     WHERE c.client_id = $1 AND c.status = 'O'
$$;
COMMENT ON FUNCTION cash_call_execution_breaks(integer) IS
    'Internal: executions without a call, and calls that belong neither to an execution nor to the bust of one that was paid.';

-- Events against the journals they name, in both directions.
CREATE FUNCTION bakkt_ledger_internal.cash_call_journal_breaks(client_id integer) RETURNS TABLE (check_name text, call bigint, detail text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT 'settlement', e.journal_id, format('Journal %s of event %s does not exist, or says otherwise.', coalesce(e.event_journal::text, 'NULL'), e.event_no)
      FROM cash_call_event e
      JOIN cash_call c ON c.client_id = e.client_id AND c.journal_id = e.journal_id
      JOIN customer u ON u.customer_id = c.customer_id
      JOIN client l ON l.client_id = c.client_id
      LEFT JOIN journal j ON j.client_id = e.client_id AND j.journal_id = e.event_journal
      LEFT JOIN account a ON a.client_id = e.client_id AND a.fund = 'FBO' AND a.name = 'Cust:' || u.account_code || ':settled' AND a.asset = asset(e.amount)
      LEFT JOIN account t ON t.client_id = e.client_id AND t.fund = 'CORP' AND t.asset = asset(e.amount)
           AND t.name = CASE WHEN c.apex THEN 'Apex' ELSE 'TPJ' END || CASE WHEN c.sale THEN ':payable:' ELSE ':receivable:' END || CASE WHEN c.apex THEN l.code ELSE u.account_code END
     WHERE e.client_id = $1 AND e.event IN ('settled', 'written_off', 'recovered', 'busted')
       AND (j.journal_id IS NOT NULL
            AND CASE WHEN e.event = 'settled' AND NOT c.apex
                     THEN j.kind = kind_number('cash_call') AND j.effective_at = e.at AND j.customer_id = c.customer_id AND j.reference = 'cash-call:' || c.journal_id
                          AND amount_of(j.entry, a.account) *= CASE WHEN c.withdrawal THEN e.amount ELSE -e.amount END
                     WHEN e.event = 'recovered'
                     THEN j.kind = kind_number('cash_recovery') AND j.effective_at = e.at AND (c.apex OR amount_of(j.entry, a.account) *= e.amount)
                          AND EXISTS (SELECT FROM cash_recovery r WHERE r.client_id = e.client_id AND r.call = e.journal_id AND r.journal_id = j.journal_id AND r.amount *= e.amount)
                     WHEN e.event = 'written_off'
                     THEN j.kind = kind_number('cash_write_off') AND amount_of(j.entry, t.account) *= -e.amount
                     ELSE true END) IS NOT TRUE
    UNION ALL
    SELECT 'settlement', NULL, format('Journal "%s" settles a call that has no event of it.', j.reference)
      FROM journal j
     WHERE j.client_id = $1 AND j.kind = kind_number('cash_call') AND j.reference ~ '^cash-call:[0-9]+$'
       AND NOT EXISTS (SELECT FROM cash_call_event e WHERE e.client_id = $1 AND e.journal_id = substr(j.reference, 11)::bigint
                        AND e.event = 'settled' AND e.event_journal = j.journal_id)
    UNION ALL
    SELECT 'event', e.journal_id, 'It has events, and there is no such call.'
      FROM cash_call_event e WHERE e.client_id = $1 AND e.event_no = 1
       AND NOT EXISTS (SELECT FROM cash_call c WHERE c.client_id = $1 AND c.journal_id = e.journal_id)
$$;
COMMENT ON FUNCTION cash_call_journal_breaks(integer) IS
    'Internal: events whose journal is missing or differs, settlements without an event, events without a call.';

-- Receivables and payables of customers and Apex, against the calls.
CREATE FUNCTION bakkt_ledger_internal.cash_call_account_breaks(client_id integer) RETURNS TABLE (check_name text, call bigint, detail text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH by_account AS (
        SELECT a.name, a.asset, h.posted FROM house_balances($1) h JOIN account a ON a.client_id = $1 AND a.account = h.account
         WHERE a.kind IN ('corp_tpj_receivable', 'corp_tpj_payable', 'corp_apex_receivable', 'corp_apex_payable')
    ), by_call AS (
        SELECT CASE WHEN c.apex THEN 'Apex' ELSE 'TPJ' END || CASE WHEN c.sale THEN ':payable:' ELSE ':receivable:' END || CASE WHEN c.apex THEN l.code ELSE u.account_code END AS name,
               asset(c.amount) AS asset, sum(CASE WHEN c.withdrawal THEN c.amount ELSE -c.amount END) AS outstanding
          FROM cash_call c JOIN customer u ON u.customer_id = c.customer_id JOIN client l ON l.client_id = c.client_id
         WHERE c.client_id = $1 AND c.status = 'O' GROUP BY 1, 2
    ), bound AS (
        SELECT c.customer_id, asset(c.encumbered) AS asset, sum(c.encumbered) AS coin
          FROM cash_call c WHERE c.client_id = $1 AND c.encumbered IS NOT NULL AND c.status IN ('O', 'W') AND NOT is_coin_released(c) GROUP BY 1, 2
    )
    SELECT 'account', NULL::bigint, format('%s: the account says %s, the outstanding calls come to %s, debit positive.', coalesce(a.name, c.name),
            coalesce(a.posted::text, 'nothing'), coalesce(c.outstanding::text, 'nothing'))
      FROM by_account a FULL JOIN by_call c ON c.name = a.name AND c.asset = a.asset
     WHERE coalesce(a.posted, zero(c.asset)) *<> coalesce(c.outstanding, zero(a.asset))
    UNION ALL
    SELECT 'encumbered', NULL, format('Cust:%s:encumbered has %s, unpaid calls bind %s.', u.account_code, coalesce(-b.posted, zero(c.asset)), c.coin)
      FROM bound c
      JOIN customer u ON u.customer_id = c.customer_id
      LEFT JOIN account a ON a.client_id = $1 AND a.fund = 'CUST' AND a.name = 'Cust:' || u.account_code || ':encumbered' AND a.asset = c.asset
      LEFT JOIN balance b ON b.client_id = $1 AND b.account = a.account
     WHERE coalesce(-b.posted, zero(c.asset)) < c.coin
$$;
COMMENT ON FUNCTION cash_call_account_breaks(integer) IS
    'Internal: receivables and payables of customers and Apex that differ from the sum of outstanding calls, and customers with '
    'less encumbered coin than their unpaid calls encumber.';

CREATE FUNCTION bakkt_ledger.check_cash_calls(client text DEFAULT NULL) RETURNS SETOF cash_call_discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    asked   constant integer := CASE WHEN check_cash_calls.client IS NOT NULL THEN require_client(check_cash_calls.client) END;
    checked client;
BEGIN
    FOR checked IN
        SELECT c.* FROM client c WHERE c.client_id = ANY (visible_clients()) AND c.client_id = coalesce(asked, c.client_id) ORDER BY c.client_id
    LOOP
        RETURN QUERY
        SELECT checked.code, b.check_name, b.call, b.detail
          FROM (SELECT * FROM cash_call_state_breaks(checked.client_id)
                UNION ALL SELECT * FROM cash_call_execution_breaks(checked.client_id)
                UNION ALL SELECT * FROM cash_call_journal_breaks(checked.client_id)
                UNION ALL SELECT * FROM cash_call_account_breaks(checked.client_id)) b
         ORDER BY b.call, b.check_name, b.detail;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION check_cash_calls(text) IS
    'Recomputes cash calls from events, executions, journals and accounts at one snapshot, of one client or all that the caller '
    'sees, and returns what is wrong: no rows means that everything agrees. Conservation of every call (I13), state against '
    'events, calls against executions, events against journals, receivables and payables against outstanding calls, encumbered '
    'coin. Raises LG010, 42501.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('cash calls', 'check_cash_calls()', 40, 'cash calls are what executions, events, journals and accounts say (I13)');
