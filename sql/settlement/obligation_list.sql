-- Listing obligations, and checking the settlement.

CREATE FUNCTION bakkt_ledger.obligations(client text DEFAULT NULL, open_only boolean DEFAULT false)
    RETURNS TABLE (client_code text, obligation bigint, settlement_window text, counterparty text, asset asset,
                   payer text, payee text, amount amount, applied amount, outstanding amount, state text,
                   value_date date, due_at timestamptz, first_due timestamptz, first_window text, carried_from bigint,
                   entered_at timestamptz, irrevocable_at timestamptz, final_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT c.code, o.obligation_id, window_name(o.window_no), o.counterparty, o.asset, o.payer, o.payee, o.amount, o.applied,
           outstanding(o), o.status, o.value_date, o.due_at, o.first_due, window_name(o.first_window), o.carried_from,
           o.entered_at, o.irrevocable_at, o.final_at
    FROM obligation AS o
    JOIN client AS c USING (client_id)
    WHERE c.client_id = ANY (visible_clients())
      AND (obligations.client IS NULL OR c.client_id = require_client(obligations.client))
      AND NOT (open_only AND o.final_at IS NOT NULL)
      AND (o.counterparty_kind = 'client' OR is_company())
    ORDER BY c.code, o.window_no, o.counterparty_kind, o.counterparty, o.obligation_id;
END;
$$;
COMMENT ON FUNCTION obligations(text, boolean) IS
'The obligations of a client, or of all visible ones, with what is outstanding.
open_only leaves out those that are settled, carried or written off. A tenant sees its client''s own, no provider''s.
Errors: LG010.';

-- Whether what is applied to each obligation is the sum of what its events discharged (I16).
CREATE FUNCTION bakkt_ledger_internal.check_applied(holder client)
    RETURNS TABLE (client_code text, subject text, problem text, expected amount, found amount)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (holder).code, format('obligation %s', o.obligation_id), 'what is applied is not the sum of its events (I16)',
           coalesce(told.amount, zero(o.asset)), o.applied
    FROM obligation AS o
    CROSS JOIN LATERAL (SELECT sum(e.amount) AS amount
                        FROM event AS e
                        WHERE e.client_id = o.client_id AND e.subject = 'obligation'
                          AND e.subject_key = o.obligation_id::text) AS told
    WHERE o.client_id = (holder).client_id AND coalesce(told.amount, zero(o.asset)) <> o.applied;
END;

-- Whether the balance of each novated account is what its obligations have outstanding.
CREATE FUNCTION bakkt_ledger_internal.check_novated(holder client)
    RETURNS TABLE (client_code text, subject text, problem text, expected amount, found amount)
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH owed AS (
        SELECT account_name(novated_kind(o.counterparty_kind), o.counterparty, window_name(o.window_no)) AS name, o.asset,
               sum(net_outstanding(o)) AS amount
        FROM obligation AS o
        WHERE o.client_id = (holder).client_id
        GROUP BY o.counterparty_kind, o.counterparty, o.window_no, o.asset
    ), booked AS (
        SELECT a.name, a.asset, h.posted
        FROM house_balances((holder).client_id) AS h
        JOIN account AS a ON a.client_id = (holder).client_id AND a.account = h.account
        WHERE a.kind IN (novated_kind('client'), novated_kind('provider'))
    )
    SELECT (holder).code, format('account %s in %s', x.name, x.asset), 'the balance is not what its obligations have outstanding',
           coalesce(o.amount, zero(x.asset)), coalesce(b.posted, zero(x.asset))
    FROM booked AS b
    FULL JOIN owed AS o USING (name, asset) AS x
    WHERE coalesce(o.amount, zero(x.asset)) *<> coalesce(b.posted, zero(x.asset));
END;

CREATE FUNCTION bakkt_ledger.check_settlement(client text DEFAULT NULL)
    RETURNS TABLE (client_code text, subject text, problem text, expected amount, found amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    holder client;
BEGIN
    FOR holder IN
        SELECT c.*
        FROM client AS c
        WHERE c.client_id = ANY (visible_clients())
          AND (check_settlement.client IS NULL OR c.client_id = require_client(check_settlement.client))
        ORDER BY c.code
    LOOP
        RETURN QUERY
        SELECT holder.code, window_name(w.window_no),
               format('%s of %s is not what the members say', d.account_kind, d.counterparty), d.members, d.novated
        FROM settlement_window AS w
        CROSS JOIN LATERAL check_window(holder.code, w.closes_on) AS d
        WHERE w.client_id = holder.client_id;
        RETURN QUERY SELECT a.* FROM check_applied(holder) AS a;
        RETURN QUERY SELECT n.* FROM check_novated(holder) AS n;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION check_settlement(text) IS
'Recomputes the settlement of a client, or of all visible ones: every sealed window from its members, what is applied to each
obligation from its events, and the balance of each novated account from what its obligations have outstanding.
A row for each that differs: no rows when all is well. Amounts debit positive.
Errors: LG010.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('settlement', 'check_settlement()', 50, 'windows tie to their members, obligations to their events and accounts (I14, I16)');
