-- The check of cash calls, events, executions and accounts against each other.
-- Locks nothing.

-- ---------------------------------------------------------------------------
-- Calls as they must be
-- ---------------------------------------------------------------------------

-- The calls of a client as executions open them, and as busts open those that give back what was
-- paid; the latter, when Apex says only afterwards that it was paid, are opened by that answer.
CREATE FUNCTION bakkt_ledger_internal.opened_cash_calls(holder integer)
    RETURNS TABLE (journal_id bigint, customer_id bigint, called_at timestamptz, opened_at timestamptz, apex boolean,
                   withdrawal boolean, sale boolean, amount amount, encumbered amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH called AS (
        SELECT j.journal_id, j.customer_id, j.effective_at, j.recorded_at, funding_model(j.terms) = 'APEX_TPJ' AS apex,
               side(j.terms) = 'SELL' AS sale, abs(net_money(j.terms)) AS amount, -amount_of(j.entry, a.account) AS encumbered
        FROM journal AS j
        LEFT JOIN account AS a ON a.client_id = j.client_id AND a.customer_id = j.customer_id AND a.kind = 'cust_encumbered'
                              AND a.asset = asset(quantity(j.terms))
        WHERE j.client_id = holder AND j.kind = kind_number('trade') AND funding_model(j.terms) IN ('BAKKT_TPJ', 'APEX_TPJ')
          AND NOT is_zero(net_money(j.terms))
    )
    SELECT c.journal_id, c.customer_id, c.effective_at, c.recorded_at, c.apex, NOT c.sale, c.sale, c.amount, c.encumbered
    FROM called AS c
    UNION ALL
    SELECT b.journal_id, c.customer_id, coalesce(late.at, b.recorded_at), greatest(late.recorded_at, b.recorded_at), c.apex,
           c.sale, c.sale, f.settled + f.recovered, NULL
    FROM called AS c
    JOIN journal AS b ON b.client_id = holder AND b.reverses = c.journal_id AND b.kind = kind_number('trade_bust')
    CROSS JOIN LATERAL cash_call_facts(holder, c.journal_id, c.amount) AS f
    CROSS JOIN LATERAL (SELECT max(e.at) FILTER (WHERE e.event = 'busted' AND e.reason = 'CONFIRMED') AS at,
                               max(e.recorded_at) FILTER (WHERE e.event = 'settled' AND c.apex) AS recorded_at
                        FROM cash_call_events(holder, c.journal_id) AS e) AS late
    WHERE sign(f.settled + f.recovered) > 0;
END;

-- The calls of a client as they were opened, in the state in which their events leave them; due_at,
-- of which nothing tells, is NULL.
CREATE FUNCTION bakkt_ledger_internal.told_cash_calls(holder integer) RETURNS SETOF cash_call
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT holder, t.attempts::integer, o.journal_id, o.customer_id, o.called_at, o.opened_at, coalesce(t.status, 'O')::"char",
           o.apex, o.withdrawal, o.sale, o.amount, NULL::timestamptz, o.encumbered, t.closed_at, t.closed_recorded_at
    FROM opened_cash_calls(holder) AS o
    CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE e.event IN ('settled', 'failed', 'rejected')),
                               (array_agg(e.status ORDER BY e.event_id DESC))[1],
                               (array_agg(e.at ORDER BY e.event_id) FILTER (WHERE e.status <> 'O'))[1],
                               (array_agg(e.recorded_at ORDER BY e.event_id) FILTER (WHERE e.status <> 'O'))[1]
                        FROM cash_call_events(holder, o.journal_id) AS e) AS t (attempts, status, closed_at, closed_recorded_at);
END;

-- The same of all clients, as verify_states() compares them with the rows.
CREATE FUNCTION bakkt_ledger_internal.told_cash_call_states(of_subject text)
    RETURNS TABLE (client_id integer, subject_key text, state jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET TimeZone = 'UTC' AS
$$
    SELECT c.client_id, t.journal_id::text, to_jsonb(t) - 'due_at'
    FROM client AS c
    CROSS JOIN LATERAL told_cash_calls(c.client_id) AS t
$$;

-- ---------------------------------------------------------------------------
-- The checks, each of one client
-- ---------------------------------------------------------------------------

-- What is wrong with a call.
CREATE FUNCTION bakkt_ledger_internal.cash_call_finding(name text, holder integer, number bigint, said text) RETURNS discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT finding(name, said, holder => client_name(holder), of_subject => 'cash_call', key => number::text);
END;

-- Calls that are not as they were opened, or not in the state that their events come to; executions
-- without their call.
CREATE FUNCTION bakkt_ledger_internal.cash_call_state_breaks(holder integer) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH compared AS (
        SELECT coalesce(t.journal_id, c.journal_id) AS journal_id, to_jsonb(t) AS told, to_jsonb(c) AS present
        FROM told_cash_calls(holder) AS t
        FULL JOIN (SELECT l.* FROM cash_call AS l WHERE l.client_id = holder) AS c ON c.journal_id = t.journal_id
        -- rows are compared first, which is cheap and finds all closed calls equal
        WHERE (t *= c) IS NOT TRUE AND to_jsonb(t) - 'due_at' IS DISTINCT FROM to_jsonb(c) - 'due_at'
    )
    SELECT cash_call_finding('execution', holder, d.journal_id,
                             CASE WHEN d.present IS NULL THEN 'Its execution has no cash call.'
                                  ELSE 'There is no such execution.' END)
    FROM compared AS d
    WHERE d.told IS NULL OR d.present IS NULL
    UNION ALL
    SELECT cash_call_finding(k.check_name, holder, d.journal_id, state_differences(k.told, k.present) || '.')
    FROM compared AS d
    CROSS JOIN (VALUES ('state', '{status,attempts,closed_at,closed_recorded_at}'::text[]), ('encumbered', '{encumbered}'),
                       ('execution', '{customer_id,called_at,opened_at,apex,withdrawal,sale,amount}')) AS g (check_name, columns)
    CROSS JOIN LATERAL (SELECT g.check_name, jsonb_object_agg(c, d.told -> c), jsonb_object_agg(c, d.present -> c)
                        FROM unnest(g.columns) AS c) AS k (check_name, told, present)
    WHERE k.told <> k.present AND d.told IS NOT NULL AND d.present IS NOT NULL
$$;

-- Calls that break what holds of every call (I13), whatever its events are.
CREATE FUNCTION bakkt_ledger_internal.cash_call_rule_breaks(holder integer) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT cash_call_finding(r.check_name, holder, c.journal_id, r.detail)
    FROM cash_call AS c
    CROSS JOIN LATERAL cash_call_facts(holder, c.journal_id, c.amount) AS f
    CROSS JOIN LATERAL (VALUES
        ('conservation',
         f.outstanding *<> CASE WHEN c.status = 'O' THEN c.amount ELSE zero(asset(c.amount)) END OR f.recovered > f.written_off,
         format('Of %s, %s are settled, %s written off, %s recovered, %s busted, and the call is %s (I13).', c.amount, f.settled,
                f.written_off, f.recovered, f.busted, c.status)),
        ('state', c.status <> 'O' AND c.due_at IS NOT NULL, 'It is closed, and due.'),
        ('execution',
         c.status = 'O' AND EXISTS (SELECT FROM journal AS b
                                    WHERE b.client_id = holder AND b.reverses = c.journal_id
                                      AND b.kind = kind_number('trade_bust')),
         'Its execution is busted, and it is outstanding.')) AS r (check_name, broken, detail)
    WHERE c.client_id = holder AND r.broken
$$;

-- Events whose journal is missing or says otherwise, settlements without an event, events without a
-- call.
CREATE FUNCTION bakkt_ledger_internal.cash_call_journal_breaks(holder integer) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT cash_call_finding('settlement', holder, c.journal_id,
                             format('Journal %s of event %s does not exist, or says otherwise.',
                                    coalesce(e.journal_id::text, 'NULL'), e.event_id))
    FROM cash_call AS c
    CROSS JOIN LATERAL cash_call_events(holder, c.journal_id) AS e
    LEFT JOIN journal AS j ON j.client_id = holder AND j.journal_id = e.journal_id
    LEFT JOIN account AS a ON a.client_id = holder AND a.kind = 'fbo_settled' AND a.asset = asset(e.amount)
                          AND a.customer_id = c.customer_id
    LEFT JOIN request AS r ON r.client_id = holder AND r.scope = 'recovery' AND 'recovery:' || r.reference = j.reference
    WHERE c.client_id = holder AND e.event IN ('settled', 'written_off', 'recovered', 'busted')
      AND (j.journal_id IS NOT NULL
           AND CASE WHEN e.event = 'settled' AND NOT c.apex
                    THEN j.kind = kind_number('cash_call') AND j.effective_at = e.at AND j.customer_id = c.customer_id
                         AND j.reference = 'cash-call:' || c.journal_id
                         AND amount_of(j.entry, a.account) *= CASE WHEN c.withdrawal THEN e.amount ELSE -e.amount END
                    WHEN e.event = 'recovered'
                    THEN j.kind = kind_number('cash_recovery') AND j.effective_at = e.at
                         AND (c.apex OR amount_of(j.entry, a.account) *= e.amount)
                         AND r.outcome @> jsonb_build_object('call', c.journal_id, 'journal', j.journal_id, 'amount', e.amount)
                    WHEN e.event = 'written_off'
                    THEN j.kind = kind_number('cash_write_off')
                         AND amount_of(j.entry, known_account(holder, cash_call_kind(c.apex, c.sale), asset(e.amount),
                                                              cash_call_party(c))) *= -e.amount
                    ELSE true END) IS NOT TRUE
    UNION ALL
    SELECT finding('settlement', format('Journal "%s" settles a call that has no event of it.', j.reference),
                   holder => client_name(holder), kind => 'journal', number => j.journal_id)
    FROM journal AS j
    WHERE j.client_id = holder AND j.kind = kind_number('cash_call') AND j.reference ~ '^cash-call:[0-9]+$'
      AND NOT EXISTS (SELECT FROM cash_call_events(holder, substr(j.reference, 11)::bigint) AS e
                      WHERE e.event = 'settled' AND e.journal_id = j.journal_id)
    UNION ALL
    SELECT DISTINCT cash_call_finding('event', holder, e.subject_key::bigint, 'It has events, and there is no such call.')
    FROM event AS e
    WHERE e.client_id = holder AND e.subject = 'cash_call'
      AND NOT EXISTS (SELECT FROM cash_call AS c WHERE c.client_id = holder AND c.journal_id = e.subject_key::bigint)
$$;

-- Receivables and payables of customers and Apex that are not the sum of outstanding calls, by who
-- owes or is owed.
CREATE FUNCTION bakkt_ledger_internal.cash_call_account_breaks(holder integer) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH by_account AS (
        SELECT a.kind, coalesce(a.customer_id, 0) AS owner, a.asset, (array_agg(a.account))[1] AS account, min(a.name) AS name,
               sum(h.posted) AS posted
        FROM house_balances(holder) AS h
        JOIN account AS a ON a.client_id = holder AND a.account = h.account
        WHERE a.kind IN ('corp_tpj_receivable', 'corp_tpj_payable', 'corp_apex_receivable', 'corp_apex_payable')
        GROUP BY a.kind, coalesce(a.customer_id, 0), a.asset
    ), by_call AS (
        SELECT cash_call_kind(c.apex, c.sale) AS kind, CASE WHEN c.apex THEN 0 ELSE c.customer_id END AS owner,
               asset(c.amount) AS asset, sum(CASE WHEN c.withdrawal THEN c.amount ELSE -c.amount END) AS outstanding
        FROM cash_call AS c
        WHERE c.client_id = holder AND c.status = 'O'
        GROUP BY 1, 2, 3
    )
    SELECT finding('account', format('%s: the account says %s, the outstanding calls come to %s, debit positive.',
                                     coalesce(a.name, format('%s of %s', c.kind, u.customer_code)),
                                     coalesce(a.posted::text, 'nothing'), coalesce(c.outstanding::text, 'nothing')),
                   holder => client_name(holder), touched => a.account)
    FROM by_account AS a
    FULL JOIN by_call AS c ON c.kind = a.kind AND c.owner = a.owner AND c.asset = a.asset
    LEFT JOIN customer AS u ON u.customer_id = c.owner
    WHERE coalesce(a.posted, zero(c.asset)) *<> coalesce(c.outstanding, zero(a.asset))
$$;

-- Customers with less encumbered coin than unpaid calls bind.
CREATE FUNCTION bakkt_ledger_internal.cash_call_coin_breaks(holder integer) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding('encumbered',
                   format('%s of customer %s: %s, unpaid calls bind %s.', b.asset, u.customer_code, t.there, b.coin),
                   holder => client_name(holder), touched => a.account)
    FROM (SELECT c.customer_id, asset(c.encumbered) AS asset, sum(c.encumbered) AS coin
          FROM cash_call AS c
          WHERE c.client_id = holder AND c.encumbered IS NOT NULL AND c.status IN ('O', 'W') AND NOT is_coin_released(c)
          GROUP BY 1, 2) AS b
    JOIN customer AS u ON u.customer_id = b.customer_id
    LEFT JOIN account AS a ON a.client_id = holder AND a.kind = 'cust_encumbered' AND a.asset = b.asset
                          AND a.customer_id = b.customer_id
    LEFT JOIN balance AS h ON h.client_id = holder AND h.account = a.account
    CROSS JOIN LATERAL (SELECT coalesce(-h.posted, zero(b.asset))) AS t (there)
    WHERE t.there < b.coin
$$;

CREATE FUNCTION bakkt_ledger.check_cash_calls(client text DEFAULT NULL) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off
    SET enable_nestloop = off AS  -- whole tables are compared; after a restore there are no statistics that would say so
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    RETURN QUERY
    SELECT b.*
    FROM client AS c
    CROSS JOIN LATERAL (SELECT * FROM cash_call_state_breaks(c.client_id)
                        UNION ALL SELECT * FROM cash_call_rule_breaks(c.client_id)
                        UNION ALL SELECT * FROM cash_call_journal_breaks(c.client_id)
                        UNION ALL SELECT * FROM cash_call_account_breaks(c.client_id)
                        UNION ALL SELECT * FROM cash_call_coin_breaks(c.client_id)) AS b
    WHERE c.client_id = ANY (asked)
    ORDER BY c.client_id, b.subject_key::bigint, b.check_name, b.detail;
END;
$$;
COMMENT ON FUNCTION check_cash_calls IS
'Recomputes cash calls from events, executions, journals and accounts at one snapshot; no rows when everything agrees.
Of one client or all that the caller sees. Conservation of every call
(I13), calls against executions and events, events against journals, receivables and payables against outstanding calls,
encumbered coin.
Errors: LG010, 42501.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('cash calls', 'check_cash_calls()', 40, 'cash calls are what executions, events, journals and accounts say (I13)');
