-- Buying power of prefunded clients, asked for when a batch of trades is evaluated: a purchase
-- beyond it is refused (LG084).
-- Locks the customers' cash.

CREATE FUNCTION bakkt_ledger_internal.spendable_now(client_ids integer[], customers bigint[], assets text[])
    RETURNS TABLE (client_id integer, customer_id bigint, cut timestamptz, credits_sells boolean, available amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    cut     timestamptz;
    scope   cash_scope;
BEGIN
    PERFORM await_customers_cash(customers);
    cut := buying_power_cut(clock_timestamp());
    FOR scope IN
        SELECT k.client_id, array_agg(k.customer_id), false, k.asset::asset, cut, 'infinity'::timestamptz
          FROM ROWS FROM (unnest(client_ids), unnest(customers), unnest(assets)) AS k (client_id, customer_id, asset)
         GROUP BY k.client_id, k.asset
    LOOP
        RETURN QUERY
        SELECT scope.client_id, t.customer_id, scope.cut, (cash_terms_of(scope.client_id)).credit_failed_sells, (t.terms).buying_power
          FROM buying_power_terms(scope) t;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION spendable_now(integer[], bigint[], text[]) IS
    'Internal: locks the cash of these customers and returns the present buying power of each in an asset; postings dated ahead '
    'of the clock count already.';

-- A bust returns the buying power that its execution took, or takes what it brought, unless that
-- was not counted: for a sale that was unpaid at the cut, and for a purchase that was written off.
CREATE FUNCTION bakkt_ledger_internal.bust_counts(client_id integer, call bigint, cut timestamptz, credits_sells boolean) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT CASE WHEN c.called_at > cut THEN true
                WHEN c.withdrawal THEN c.status <> 'W'
                ELSE credits_sells OR coalesce(c.closed_at <= cut, false) END
      FROM cash_call c WHERE c.client_id = bust_counts.client_id AND c.journal_id = call
$$;
COMMENT ON FUNCTION bust_counts(integer, bigint, timestamptz, boolean) IS
    'Internal: whether a bust of the execution changes its customer''s buying power; NULL: the execution has no cash call.';
