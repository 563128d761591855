CREATE FUNCTION bakkt_ledger.obligations(client text DEFAULT NULL, open_only boolean DEFAULT false)
    RETURNS TABLE (client_code text, obligation bigint, settlement_window text, counterparty text, asset asset,
                   payer text, payee text, amount amount, applied amount, outstanding amount, state text,
                   value_date date, due_at timestamptz, first_due timestamptz, first_window text, carried_from bigint,
                   entered_at timestamptz, irrevocable_at timestamptz, final_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.code, o.obligation_id, 'W' || o.window_no, o.counterparty, o.asset, o.payer, o.payee, o.amount, o.applied,
           outstanding(o), o.state, o.value_date, o.due_at, o.first_due, 'W' || o.first_window, o.carried_from,
           o.entered_at, o.irrevocable_at, o.final_at
    FROM obligation o
    JOIN client c USING (client_id)
    WHERE c.client_id = ANY (visible_clients())
      AND (obligations.client IS NULL OR c.client_id = require_client(obligations.client))
      AND NOT (open_only AND o.final_at IS NOT NULL)
    ORDER BY c.code, o.window_no, o.counterparty_kind, o.counterparty, o.obligation_id;
END;
$$;
COMMENT ON FUNCTION obligations(text, boolean) IS 'The obligations of a client, or of all visible ones, with what is outstanding; open_only leaves out those that are settled, carried or written off.';

-- ---------------------------------------------------------------------------
-- Checking
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger.check_settlement(client text DEFAULT NULL)
    RETURNS TABLE (client_code text, subject text, problem text, expected amount, found amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    holder client;
BEGIN
    FOR holder IN
        SELECT c.* FROM client c
        WHERE c.client_id = ANY (visible_clients())
          AND (check_settlement.client IS NULL OR c.client_id = require_client(check_settlement.client))
        ORDER BY c.code
    LOOP
        RETURN QUERY
        SELECT holder.code, 'W' || w.window_no, format('%s of %s is not what the members say', d.account_kind, d.counterparty),
               d.members, d.novated
        FROM settlement_window w
        CROSS JOIN LATERAL check_window(holder.code, w.closes_on) AS d
        WHERE w.client_id = holder.client_id;
        RETURN QUERY
        SELECT holder.code, format('obligation %s', o.obligation_id), 'what is applied is not the sum of its events (I16)',
               coalesce(e.amount, zero(o.asset)), o.applied
        FROM obligation o
        LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM obligation_event e
                           WHERE e.client_id = o.client_id AND e.obligation_id = o.obligation_id) AS e ON true
        WHERE o.client_id = holder.client_id AND coalesce(e.amount, zero(o.asset)) <> o.applied;
        RETURN QUERY
        WITH owed AS (
            SELECT novated_name(o.counterparty_kind, o.counterparty, o.window_no) AS name, o.asset,
                   sum(CASE WHEN o.payer = o.counterparty THEN outstanding(o) ELSE -outstanding(o) END) AS amount
            FROM obligation o
            WHERE o.client_id = holder.client_id
            GROUP BY 1, 2
        )
        SELECT holder.code, format('account %s in %s', coalesce(a.name, owed.name), coalesce(a.asset, owed.asset)),
               'the balance is not what its obligations have outstanding',
               coalesce(owed.amount, zero(a.asset)), coalesce(a.posted, zero(owed.asset))
        FROM (SELECT a.name, a.asset, h.posted
              FROM house_balances(holder.client_id) AS h
              JOIN account a ON a.client_id = holder.client_id AND a.account = h.account
              WHERE a.kind IN ('corp_lp_net', 'corp_client_obligation')) AS a
        FULL JOIN owed ON owed.name = a.name AND owed.asset = a.asset
        WHERE coalesce(owed.amount, zero(a.asset)) *<> coalesce(a.posted, zero(owed.asset));
    END LOOP;
END;
$$;
COMMENT ON FUNCTION check_settlement(text) IS 'Recomputes the settlement of a client, or of all visible ones: every sealed window from its members, what is applied to each obligation from its events, and the balance of each novated account from what its obligations have outstanding. A row for each that differs: no rows when all is well. Amounts debit positive.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('settlement', 'check_settlement()', 50, 'windows tie to their members, obligations to their events and accounts (I14, I16)');
