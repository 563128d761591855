-- Buying power, second part: its terms, computed for a set of customers at once.
-- Locks nothing.

CREATE FUNCTION bakkt_ledger_internal.settled_accounts(scope cash_scope)
    RETURNS TABLE (customer_id bigint, account_code text, account account_id, settled amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT c.customer_id, c.account_code, a.account, coalesce(-b.posted, zero(scope.asset))
      FROM unnest(scope.customers) AS w (customer_id)
      JOIN customer c ON c.customer_id = w.customer_id
      LEFT JOIN account a ON a.client_id = c.client_id AND a.fund = 'FBO' AND a.name = 'Cust:' || c.account_code || ':settled' AND a.asset = scope.asset
      LEFT JOIN balance b ON b.client_id = a.client_id AND b.account = a.account;
END;
$$;
COMMENT ON FUNCTION settled_accounts(cash_scope) IS
    'Internal: the customers with their settled accounts and the present balances of these.';

-- Settlements of cash calls move settled cash too, but are counted by their executions.
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
           -sum(l.amount) FILTER (WHERE j.effective_at <= scope.until AND j.kind NOT IN (12, 13, 17))
      FROM journals_since(scope, false) j, lines(j.entry) l
     WHERE l.fund = 'FBO'
     GROUP BY l.account;
END;
$$;
COMMENT ON FUNCTION settled_changes(cash_scope) IS
    'Internal: the changes of customers'' FBO accounts after the cut, credits positive: in total, and until the instant split '
    'into deposits, withdrawals (positive) and other.';

CREATE FUNCTION bakkt_ledger_internal.executions_since(scope cash_scope) RETURNS TABLE (customer_id bigint, buys amount, sells amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT customer_id(j.terms), sum(net_money(j.terms)) FILTER (WHERE side(j.terms) = 'BUY'),
           -sum(net_money(j.terms)) FILTER (WHERE side(j.terms) = 'SELL')
      FROM journals_since(scope, true) j
     WHERE j.effective_at <= scope.until AND quote_asset(j.terms) = scope.asset AND funding_model(j.terms) = 'BAKKT_TPJ'
     GROUP BY customer_id(j.terms);
END;
$$;
COMMENT ON FUNCTION executions_since(cash_scope) IS
    'Internal: net money of executions after the cut until the instant, by customer, less that of busts.';

-- A bust is effective when its execution was, so the bust of an execution since the cut is counted
-- by executions_since(). The bust of an older execution is found by its cash call: either that call
-- ends, or, if it was settled already, there is a second call in the opposite direction; what
-- matters is whether the first call was open at the cut.
--
-- A call that is written off no longer counts: a recovery takes settled cash, so the same money
-- would be subtracted twice. Such a call was opened before the cut, since nothing is written off
-- within a day.
CREATE FUNCTION bakkt_ledger_internal.calls_until(scope cash_scope)
    RETURNS TABLE (customer_id bigint, withdrawal boolean, gives_back boolean, amount amount, open_at_cut boolean, busted amount, written_off amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT c.customer_id, c.withdrawal, b.reverses IS NOT NULL, c.amount, sign(at_cut.outstanding) > 0, by_now.busted - at_cut.busted,
           by_now.written_off - at_cut.written_off
      FROM calls_since(scope) c
      LEFT JOIN LATERAL (SELECT j.reverses, j.effective_at FROM journal j
                          WHERE j.client_id = c.client_id AND j.journal_id = c.journal_id AND c.called_at > scope.cut AND c.withdrawal = c.sale) b ON true
     CROSS JOIN LATERAL cash_call_facts(c.client_id, coalesce(b.reverses, c.journal_id), c.amount, scope.cut, 'infinity') at_cut
     CROSS JOIN LATERAL cash_call_facts(c.client_id, coalesce(b.reverses, c.journal_id), c.amount, scope.until, 'infinity') by_now
     WHERE NOT c.apex AND asset(c.amount) = scope.asset AND c.called_at <= scope.until
       AND (c.called_at <= scope.cut OR b.effective_at <= scope.cut);
END;
$$;
COMMENT ON FUNCTION calls_until(cash_scope) IS
    'Internal: cash calls from before the cut, whether they were open at the cut, and how much of them was busted since; and '
    'cash calls of later busts that give back what was settled (gives_back), for executions from before the cut, with whether '
    'the call of the execution was open at the cut. written_off: what was written off since the cut, less what busts restored.';

CREATE FUNCTION bakkt_ledger_internal.call_terms(scope cash_scope)
    RETURNS TABLE (customer_id bigint, withdrawals amount, deposits amount, busted_withdrawals amount, busted_deposits amount, given_back amount, written_off amount)
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
           sum(CASE WHEN c.gives_back THEN c.amount ELSE c.busted END) FILTER (WHERE c.open_at_cut AND c.withdrawal = c.gives_back),
           sum(CASE WHEN c.withdrawal THEN -c.amount ELSE c.amount END) FILTER (WHERE c.gives_back AND NOT (c.open_at_cut AND c.withdrawal)),
           sum(c.written_off) FILTER (WHERE NOT c.gives_back AND c.open_at_cut)
      FROM calls_until(scope) c
     GROUP BY c.customer_id;
END;
$$;
COMMENT ON FUNCTION call_terms(cash_scope) IS
    'Internal: per customer, the purchases and sales that were outstanding at the cut; how much of each was busted since, '
    'whether settled meanwhile or not; what later busts of other executions from before the cut give back, or take (negative); '
    'and what was written off since.';

CREATE FUNCTION bakkt_ledger_internal.requested_withdrawals(scope cash_scope) RETURNS TABLE (customer_id bigint, requested amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT t.customer_id, sum(t.amount) FROM funding_transfer t
     WHERE t.customer_id = ANY (scope.customers) AND t.requested_at <= scope.until
       AND t.direction = 'WITHDRAWAL' AND asset(t.amount) = scope.asset
       AND (t.sent_at IS NULL OR t.sent_at > scope.until) AND (t.ended_at IS NULL OR t.ended_at > scope.until)
     GROUP BY t.customer_id;
END;
$$;
COMMENT ON FUNCTION requested_withdrawals(cash_scope) IS
    'Internal: withdrawals requested by the instant and not sent, canceled or rejected by then.';

-- The amounts of holds at a past instant are their present amounts with later changes undone. Holds
-- that have ended are read only if the instant lies in the past.
CREATE FUNCTION bakkt_ledger_internal.order_holds(scope cash_scope, accounts account_id[]) RETURNS TABLE (account account_id, held amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    past    constant boolean := scope.until < clock_timestamp() - interval '1 minute';
BEGIN
    IF NOT past THEN
        RETURN QUERY
        SELECT h.account, sum(h.remaining) FROM unnest(accounts) a (account) JOIN hold h ON h.client_id = scope.client_id AND h.account = a.account
         WHERE h.status = 'open' AND (h.expires_at > scope.until OR h.expires_at > clock_timestamp() AND scope.until = 'infinity' OR h.expires_at IS NULL)
           AND NOT starts_with(h.reference, 'funding:')
         GROUP BY h.account;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT h.account, sum(coalesce(h.remaining + e.undone, h.remaining))
      FROM hold h
     CROSS JOIN LATERAL
           (SELECT sum(CASE v.event WHEN 'increased' THEN -v.amount ELSE v.amount END) AS undone FROM event v
             WHERE v.client_id = h.client_id AND v.subject = 'hold' AND v.subject_key = h.hold_id::text AND v.event <> 'authorized' AND v.recorded_at > scope.until) e
     WHERE h.client_id = scope.client_id AND h.account = ANY (accounts) AND h.opened_at <= scope.until
       AND (h.expires_at IS NULL OR h.expires_at > scope.until) AND NOT starts_with(h.reference, 'funding:')
     GROUP BY h.account;
END;
$$;
COMMENT ON FUNCTION order_holds(cash_scope, account_id[]) IS
    'Internal: the amounts that holds other than those of withdrawals bind on each account at the instant.';

CREATE FUNCTION bakkt_ledger_internal.buying_power_terms(scope cash_scope) RETURNS TABLE (customer_id bigint, terms buying_power)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    agreed      constant cash_terms := cash_terms_of(scope.client_id);
    nothing     constant amount := zero(scope.asset);
BEGIN
    RETURN QUERY
    WITH holder AS MATERIALIZED (SELECT * FROM settled_accounts(scope)),
    term AS (
        SELECT h.customer_id, h.account_code, coalesce(h.settled - s.changed, h.settled) AS settled_at_cut,
               coalesce(c.withdrawals, nothing) AS withdrawals, coalesce(c.deposits, nothing) AS deposits,
               CASE WHEN agreed.credit_failed_sells THEN coalesce(c.deposits, nothing) ELSE nothing END AS credited,
               coalesce(x.buys, nothing) AS buys, coalesce(x.sells, nothing) AS sells,
               coalesce(s.deposits, nothing) AS deposits_since, coalesce(s.withdrawals, nothing) AS withdrawals_since,
               coalesce(s.other, nothing) + coalesce(c.given_back, nothing) + coalesce(c.busted_withdrawals, nothing) + coalesce(c.written_off, nothing)
                 - CASE WHEN agreed.credit_failed_sells THEN coalesce(c.busted_deposits, nothing) ELSE nothing END AS other,
               coalesce(p.requested, nothing) AS pending, coalesce(o.held, nothing) AS orders
          FROM holder h
          LEFT JOIN settled_changes(scope) s ON s.account = h.account
          LEFT JOIN call_terms(scope) c ON c.customer_id = h.customer_id
          LEFT JOIN executions_since(scope) x ON x.customer_id = h.customer_id
          LEFT JOIN requested_withdrawals(scope) p ON p.customer_id = h.customer_id
          LEFT JOIN order_holds(scope, CASE WHEN agreed.reserve_open_orders THEN ARRAY(SELECT w.account FROM holder w WHERE w.account IS NOT NULL) END) o
                 ON o.account = h.account
    )
    SELECT t.customer_id,
           ROW(t.account_code, scope.cut, t.settled_at_cut, t.withdrawals, t.deposits, t.credited, t.buys, t.sells, t.deposits_since,
               t.withdrawals_since, t.other, t.pending, t.orders,
               t.settled_at_cut - t.withdrawals + t.credited - t.buys + t.sells + t.deposits_since - t.withdrawals_since + t.other
                 - t.pending - t.orders)::buying_power
      FROM term t;
END;
$$;
COMMENT ON FUNCTION buying_power_terms(cash_scope) IS 'Internal: the buying power of these customers, term by term.';
