-- The check of deficits in coin against what made them.
-- Locks nothing.

-- Customers whose deficit in coin is not what was taken back, less what was recovered and written
-- off. Entries that two people made by hand count by themselves.
CREATE FUNCTION bakkt_ledger_internal.coin_deficit_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT finding('coin deficits',
                   format('%s of customer %s: the account says %s, what was taken back, recovered and written off comes to %s.',
                          a.asset, u.customer_code, b.posted, b.told),
                   holder => (holder).code, touched => a.account)
    FROM account AS a
    JOIN customer AS u ON u.customer_id = a.customer_id
    CROSS JOIN LATERAL (
        SELECT (SELECT coalesce(sum_for(a.account, j.entry), zero(a.asset))
                FROM account_journals(a, '-infinity', 'infinity') AS j
                WHERE j.kind NOT IN (kind_number('manual'), kind_number('general'), kind_number('opening'))
                  AND NOT starts_with(j.reference, 'manual:')),
               coalesce((SELECT sum(t.deficit) FROM take_back AS t
                         WHERE t.customer_id = a.customer_id AND t.status = 'TAKEN' AND asset(t.quantity) = a.asset),
                        zero(a.asset))
               - coalesce((SELECT sum((r.outcome ->> 'amount')::amount) FROM request AS r
                           WHERE r.client_id = a.client_id AND r.scope = 'deficit' AND r.operation = 'recover_deficit'
                             AND r.content ->> 'customer' = u.customer_code AND r.content ->> 'asset' = a.asset::text),
                          zero(a.asset))
               - coalesce((SELECT sum(w.amount) FROM deficit_write_off AS w
                           WHERE w.customer_id = a.customer_id AND w.status = 'CHARGED' AND asset(w.amount) = a.asset),
                          zero(a.asset))) AS b (posted, told)
    WHERE a.client_id = (holder).client_id AND a.kind = 'corp_deficit' AND is_coin(a.asset) AND b.posted <> b.told;
END;

-- Changes of what the company owes that their journal does not make on DueFrom:CORP, beside what
-- the journal reverses.
CREATE FUNCTION bakkt_ledger_internal.coin_shortfall_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT finding('coin deficits', format('Event %s, %s: %s are said to be owed, its journal says %s.', e.event_id, e.event,
                                           e.amount, coalesce(b.moved::text, 'nothing')),
                   holder => (holder).code, of_subject => 'coin_shortfall', key => e.subject_key)
    FROM event AS e
    JOIN account AS a ON a.client_id = (holder).client_id AND a.kind = 'cust_due_from_corp' AND a.asset::text = e.subject_key
    LEFT JOIN journal AS j ON j.client_id = (holder).client_id AND j.journal_id = e.journal_id
    LEFT JOIN journal AS o ON o.client_id = (holder).client_id AND o.journal_id = j.reverses
    CROSS JOIN LATERAL (SELECT coalesce(amount_of(j.entry, a.account), zero(a.asset))
                               + coalesce(amount_of(o.entry, a.account), zero(a.asset))) AS b (moved)
    WHERE e.client_id = (holder).client_id AND e.subject = 'coin_shortfall' AND e.event <> 'opened' AND e.amount <> b.moved;
END;

CREATE FUNCTION bakkt_ledger.check_coin_deficits(client text DEFAULT NULL) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    RETURN QUERY
    SELECT b.*
    FROM client AS holder
    CROSS JOIN LATERAL (SELECT * FROM coin_deficit_breaks(holder)
                        UNION ALL SELECT * FROM coin_shortfall_breaks(holder)) AS b
    WHERE holder.client_id = ANY (asked);
END;
$$;
COMMENT ON FUNCTION check_coin_deficits IS
'Recomputes deficits in coin from what was taken back, recovered, covered and written off; no rows when all agrees.
What each customer owes, and each change of what the company owes to the customers'' coin. Of one client, or of all that the
caller sees.
Errors: LG010, 42501.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('coin deficits', 'check_coin_deficits()', 44,
        'deficits in coin are what was taken back less what was recovered, covered and written off');
