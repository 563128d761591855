-- Buying power of prefunded clients, asked for when a batch of trades is evaluated: a purchase
-- beyond it is refused (LG084).
-- Locks the customers' cash.

-- Locks these customers' cash and returns their buying power now, each in an asset; what is dated
-- ahead of the clock counts already.
CREATE FUNCTION bakkt_ledger_internal.spendable_now(client_ids integer[], owners bigint[], assets text[])
    RETURNS TABLE (client_id integer, customer_id bigint, cut timestamptz, credits_sells boolean, available amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    scope cash_scope;
BEGIN
    PERFORM await_customers_cash(owners);
    cut := buying_power_cut(clock_timestamp());
    FOR scope IN
        SELECT k.client_id, array_agg(k.customer_id), false, k.asset::asset, spendable_now.cut, 'infinity'::timestamptz
        FROM ROWS FROM (unnest(client_ids), unnest(owners), unnest(assets)) AS k (client_id, customer_id, asset)
        GROUP BY k.client_id, k.asset
    LOOP
        RETURN QUERY
        SELECT scope.client_id, t.customer_id, scope.cut, (cash_terms_of(scope.client_id)).credit_failed_sells,
               (t.terms).buying_power
        FROM buying_power_terms(scope) AS t;
    END LOOP;
END;
$$;

-- Whether a bust of the execution changes its customer's buying power; NULL: it has no cash call. A
-- bust frees what its execution took, or takes what it brought, unless that was not counted: a sale
-- that was unpaid at the cut, a purchase written off.
CREATE FUNCTION bakkt_ledger_internal.bust_counts(holder integer, call bigint, cut timestamptz, credits_sells boolean)
    RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN c.called_at > cut THEN true
                WHEN c.withdrawal THEN c.status <> 'W'
                ELSE credits_sells OR coalesce(c.closed_at <= cut, false) END
    FROM cash_call AS c
    WHERE c.client_id = holder AND c.journal_id = call;
END;
