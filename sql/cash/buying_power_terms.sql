-- Buying power, second part: its terms, computed for a set of customers at once.
-- Locks nothing.

-- The customers with their settled accounts and what is on them now.
CREATE FUNCTION bakkt_ledger_internal.settled_accounts(scope cash_scope)
    RETURNS TABLE (customer_id bigint, customer_code text, account account_id, settled amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT c.customer_id, c.customer_code, a.account, coalesce(-b.posted, zero(scope.asset))
    FROM unnest(scope.customers) AS w (customer_id)
    JOIN customer AS c ON c.customer_id = w.customer_id
    JOIN account_kind AS k ON k.kind = 'fbo_settled'
    LEFT JOIN account AS a ON a.client_id = c.client_id AND a.fund = k.fund
                          AND a.name = name_of_pattern(k.name_pattern, ARRAY[c.customer_code]) AND a.asset = scope.asset
    LEFT JOIN balance AS b ON b.client_id = a.client_id AND b.account = a.account;
END;
$$;

-- What has changed on FBO accounts after the cut, credits positive: in all, and until the instant
-- as deposits, withdrawals (positive) and other. Cash calls move settled cash too, but count by
-- their executions.
CREATE FUNCTION bakkt_ledger_internal.settled_changes(scope cash_scope)
    RETURNS TABLE (account account_id, changed amount, deposits amount, withdrawals amount, other amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT l.account, -sum(l.amount),
           -sum(l.amount) FILTER (WHERE j.effective_at <= scope.until AND j.kind = kind_number('cash_deposit')),
           sum(l.amount) FILTER (WHERE j.effective_at <= scope.until AND j.kind = kind_number('cash_withdrawal')),
           -sum(l.amount) FILTER (WHERE j.effective_at <= scope.until
                                    AND j.kind NOT IN (kind_number('cash_deposit'), kind_number('cash_withdrawal'),
                                                       kind_number('cash_call')))
    FROM journals_since(scope, false) AS j
    CROSS JOIN LATERAL lines(j.entry) AS l
    WHERE l.fund = 'FBO'
    GROUP BY l.account;
END;
$$;

-- Net money of executions after the cut until the instant, by customer, busts taken off.
CREATE FUNCTION bakkt_ledger_internal.executions_since(scope cash_scope)
    RETURNS TABLE (customer_id bigint, buys amount, sells amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT customer_id(j.terms), sum(net_money(j.terms)) FILTER (WHERE side(j.terms) = 'BUY'),
           -sum(net_money(j.terms)) FILTER (WHERE side(j.terms) = 'SELL')
    FROM journals_since(scope, true) AS j
    WHERE j.effective_at <= scope.until AND quote_asset(j.terms) = scope.asset AND funding_model(j.terms) = 'BAKKT_TPJ'
    GROUP BY customer_id(j.terms);
END;
$$;

-- Cash calls from before the cut, whether they were open at it and what of them has been busted
-- since; and the calls of later busts that give back what was settled (gives_back), of executions
-- from before the cut: whether the call of the execution was open at it. written_off: what has been
-- since the cut, what busts restored taken off.
--
-- A bust is effective when its execution was, so one of an execution since the cut is in
-- executions_since(). Of an older one the cash call tells: it ends, or, settled already, has one
-- the other way, whose direction is not that of its side; what matters is whether the first was
-- open at the cut.
--
-- What is written off is called no more, so from then on it does not count: else a recovery, which
-- takes settled cash, would take the same money twice. It was called before the cut: nothing is
-- written off within a day.
CREATE FUNCTION bakkt_ledger_internal.calls_until(scope cash_scope)
    RETURNS TABLE (customer_id bigint, withdrawal boolean, gives_back boolean, amount amount, open_at_cut boolean, busted amount,
                   written_off amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT c.customer_id, c.withdrawal, b.reverses IS NOT NULL, c.amount, sign(at_cut.outstanding) > 0,
           by_now.busted - at_cut.busted, by_now.written_off - at_cut.written_off
    FROM calls_since(scope) AS c
    LEFT JOIN LATERAL (SELECT j.reverses, j.effective_at
                       FROM journal AS j
                       WHERE j.client_id = c.client_id AND j.journal_id = c.journal_id AND c.called_at > scope.cut
                         AND c.withdrawal = c.sale) AS b ON true
    CROSS JOIN LATERAL (SELECT coalesce(b.reverses, c.journal_id) AS number) AS k
    CROSS JOIN LATERAL cash_call_facts(c.client_id, k.number, c.amount, scope.cut, 'infinity') AS at_cut
    CROSS JOIN LATERAL cash_call_facts(c.client_id, k.number, c.amount, scope.until, 'infinity') AS by_now
    WHERE NOT c.apex AND asset(c.amount) = scope.asset AND c.called_at <= scope.until
      AND (c.called_at <= scope.cut OR b.effective_at <= scope.cut);
END;
$$;

-- By customer what purchases and sales were outstanding at the cut; what of both was busted since,
-- settled meanwhile or not; and what later busts of other executions from before the cut give back,
-- or take (negative); and what has been written off since.
CREATE FUNCTION bakkt_ledger_internal.call_terms(scope cash_scope)
    RETURNS TABLE (customer_id bigint, withdrawals amount, deposits amount, busted_withdrawals amount, busted_deposits amount,
                   given_back amount, written_off amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT c.customer_id,
           sum(c.amount) FILTER (WHERE NOT c.gives_back AND c.open_at_cut AND c.withdrawal),
           sum(c.amount) FILTER (WHERE NOT c.gives_back AND c.open_at_cut AND NOT c.withdrawal),
           sum(c.busted) FILTER (WHERE NOT c.gives_back AND c.open_at_cut AND c.withdrawal),
           sum(CASE WHEN c.gives_back THEN c.amount ELSE c.busted END)
             FILTER (WHERE c.open_at_cut AND c.withdrawal = c.gives_back),
           sum(CASE WHEN c.withdrawal THEN -c.amount ELSE c.amount END)
             FILTER (WHERE c.gives_back AND NOT (c.open_at_cut AND c.withdrawal)),
           sum(c.written_off) FILTER (WHERE NOT c.gives_back AND c.open_at_cut)
    FROM calls_until(scope) AS c
    GROUP BY c.customer_id;
END;
$$;

-- The buying power of these customers, term by term.
CREATE FUNCTION bakkt_ledger_internal.buying_power_terms(scope cash_scope) RETURNS TABLE (customer_id bigint, terms buying_power)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    agreed constant cash_terms := cash_terms_of(scope.client_id);
    nothing constant amount := zero(scope.asset);
BEGIN
    RETURN QUERY
    WITH holder AS MATERIALIZED (
        SELECT a.* FROM settled_accounts(scope) AS a
    ), term AS (
        SELECT h.customer_id, h.customer_code, coalesce(h.settled - s.changed, h.settled) AS settled_at_cut,
               coalesce(c.withdrawals, nothing) AS withdrawals, coalesce(c.deposits, nothing) AS deposits,
               CASE WHEN agreed.credit_failed_sells THEN coalesce(c.deposits, nothing) ELSE nothing END AS credited,
               coalesce(x.buys, nothing) AS buys, coalesce(x.sells, nothing) AS sells,
               coalesce(s.deposits, nothing) AS deposits_since, coalesce(s.withdrawals, nothing) AS withdrawals_since,
               coalesce(s.other, nothing) + coalesce(c.given_back, nothing) + coalesce(c.busted_withdrawals, nothing)
                 + coalesce(c.written_off, nothing)
                 - CASE WHEN agreed.credit_failed_sells THEN coalesce(c.busted_deposits, nothing) ELSE nothing END AS other,
               coalesce(p.requested, nothing) AS pending, coalesce(o.held, nothing) AS orders
        FROM holder AS h
        LEFT JOIN settled_changes(scope) AS s ON s.account = h.account
        LEFT JOIN call_terms(scope) AS c ON c.customer_id = h.customer_id
        LEFT JOIN executions_since(scope) AS x ON x.customer_id = h.customer_id
        LEFT JOIN requested_withdrawals(scope.customers, scope.asset, scope.until) AS p ON p.customer_id = h.customer_id
        LEFT JOIN order_holds(scope.client_id, CASE WHEN agreed.reserve_open_orders
                                                    THEN ARRAY(SELECT w.account FROM holder AS w WHERE w.account IS NOT NULL) END,
                              scope.until) AS o ON o.account = h.account
    )
    SELECT t.customer_id,
           ROW(t.customer_code, scope.cut, t.settled_at_cut, t.withdrawals, t.deposits, t.credited, t.buys, t.sells,
               t.deposits_since, t.withdrawals_since, t.other, t.pending, t.orders,
               t.settled_at_cut - t.withdrawals + t.credited - t.buys + t.sells + t.deposits_since - t.withdrawals_since + t.other
                 - t.pending - t.orders)::buying_power
    FROM term AS t;
END;
$$;
