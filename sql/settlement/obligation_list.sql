-- Listing obligations, and checking the settlement.

CREATE TYPE bakkt_ledger.obligation_line AS (
    client text,
    obligation bigint,
    settlement_window text,
    counterparty text,
    asset asset,
    payer text,
    payee text,
    amount amount,
    applied amount,
    outstanding amount,
    status text,
    value_date date,
    due_at timestamptz,
    first_due timestamptz,
    first_window text,
    carried_from bigint,
    payment bigint,
    recovered amount,
    entered_at timestamptz,
    irrevocable_at timestamptz,
    final_at timestamptz
);
COMMENT ON TYPE obligation_line IS
'An obligation, as obligations() lists it.
amount, applied, outstanding: positive or zero, amount = applied + outstanding. first_due, first_window: of the obligation that
was carried, of any other its own. carried_from: the obligation that it took over from.';

CREATE FUNCTION bakkt_ledger.obligations(client text DEFAULT NULL, open_only boolean DEFAULT false)
    RETURNS SETOF obligation_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    RETURN QUERY
    SELECT c.code, o.obligation_id, window_name(o.window_no), o.counterparty, o.asset, o.payer, o.payee, o.amount, o.applied,
           outstanding(o), o.status, o.value_date, o.due_at, o.first_due, window_name(o.first_window), o.carried_from,
           o.payment_id, o.recovered, o.entered_at, o.irrevocable_at, o.final_at
    FROM obligation AS o
    JOIN client AS c USING (client_id)
    WHERE c.client_id = ANY (asked)
      AND NOT (open_only AND o.final_at IS NOT NULL)
      AND (o.counterparty_kind = 'client' OR is_company())
    ORDER BY c.code, o.window_no, o.counterparty_kind, o.counterparty, o.obligation_id;
END;
$$;
COMMENT ON FUNCTION obligations IS
'The obligations of a client, or of all visible ones, with what is outstanding.
open_only: leaves out those that are settled, carried or written off. A tenant sees its client''s own, no provider''s.
Errors: LG010, 42501.';

-- Obligations to which other amounts are applied, or of which others were recovered, than their
-- events say (I16).
CREATE FUNCTION bakkt_ledger_internal.check_applied(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT finding('settlement', format('%s is applied and %s recovered, the events come to %s and %s (I16).', o.applied,
                                        o.recovered, told.applied, told.recovered),
                   holder => (holder).code, of_subject => 'obligation', key => o.obligation_id::text)
    FROM obligation AS o
    CROSS JOIN LATERAL (SELECT coalesce(sum(e.amount) FILTER (WHERE e.event <> 'recovered'), zero(o.asset)) AS applied,
                               coalesce(sum(e.amount) FILTER (WHERE e.event = 'recovered'), zero(o.asset)) AS recovered
                        FROM event AS e
                        WHERE e.client_id = o.client_id AND e.subject = 'obligation'
                          AND e.subject_key = o.obligation_id::text) AS told
    WHERE o.client_id = (holder).client_id AND (told.applied <> o.applied OR told.recovered <> o.recovered);
END;

-- Payments that are not the sum of their obligations, or into which more was set off one way than
-- the other.
CREATE FUNCTION bakkt_ledger_internal.check_payments(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT finding('settlement', format('It is of %s, debit positive, its obligations come to %s, and their set-off to %s.',
                                        p.net, told.owed, told.set_off),
                   holder => (holder).code, of_subject => 'payment', key => p.payment_id::text)
    FROM (SELECT x.*, x.amount * (CASE x.payer WHEN 'BAKKT' THEN -1 ELSE 1 END) AS net FROM payment AS x) AS p
    CROSS JOIN LATERAL (SELECT coalesce(sum(o.amount * o.way), zero(p.asset)) AS owed,
                               coalesce(sum(e.amount * o.way), zero(p.asset)) AS set_off
                        FROM (SELECT y.*, CASE y.payer WHEN 'BAKKT' THEN -1 ELSE 1 END AS way
                              FROM obligation AS y
                              WHERE y.client_id = p.client_id AND y.payment_id = p.payment_id) AS o
                        LEFT JOIN event AS e ON e.client_id = o.client_id AND e.subject = 'obligation'
                                            AND e.subject_key = o.obligation_id::text AND e.event = 'set_off') AS told
    WHERE p.client_id = (holder).client_id AND (told.owed <> p.net OR NOT is_zero(told.set_off));
END;

-- Accounts of unapplied money and coin that hold something else than is listed.
CREATE FUNCTION bakkt_ledger_internal.check_unapplied(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH listed AS (
        SELECT account_name(unapplied_kind(u.counterparty_kind), u.counterparty) AS name, u.asset,
               -sum(unapplied_rest(u)) AS amount
        FROM unapplied_payment AS u
        WHERE u.client_id = (holder).client_id
        GROUP BY u.counterparty_kind, u.counterparty, u.asset
    ), booked AS (
        SELECT a.account, a.name, a.asset, h.posted
        FROM house_balances((holder).client_id) AS h
        JOIN account AS a ON a.client_id = (holder).client_id AND a.account = h.account
        WHERE a.kind IN (unapplied_kind('client'), unapplied_kind('provider'))
    )
    SELECT finding('settlement', format('%s holds %s, what is unapplied comes to %s, debit positive.', x.name,
                                        coalesce(b.posted, zero(x.asset)), coalesce(l.amount, zero(x.asset))),
                   holder => (holder).code, touched => b.account)
    FROM booked AS b
    FULL JOIN listed AS l USING (name, asset) AS x
    WHERE coalesce(l.amount, zero(x.asset)) *<> coalesce(b.posted, zero(x.asset));
END;

-- Novated accounts that hold something else than their obligations have outstanding.
CREATE FUNCTION bakkt_ledger_internal.check_novated(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH owed AS (
        SELECT account_name(novated_kind(o.counterparty_kind), o.counterparty, window_name(o.window_no)) AS name, o.asset,
               sum(net_outstanding(o)) AS amount
        FROM obligation AS o
        WHERE o.client_id = (holder).client_id
        GROUP BY o.counterparty_kind, o.counterparty, o.window_no, o.asset
    ), booked AS (
        SELECT a.account, a.name, a.asset, h.posted
        FROM house_balances((holder).client_id) AS h
        JOIN account AS a ON a.client_id = (holder).client_id AND a.account = h.account
        WHERE a.kind IN (novated_kind('client'), novated_kind('provider'))
    )
    SELECT finding('settlement', format('%s holds %s, its obligations have %s outstanding, debit positive.', x.name,
                                        coalesce(b.posted, zero(x.asset)), coalesce(o.amount, zero(x.asset))),
                   holder => (holder).code, touched => b.account)
    FROM booked AS b
    FULL JOIN owed AS o USING (name, asset) AS x
    WHERE coalesce(o.amount, zero(x.asset)) *<> coalesce(b.posted, zero(x.asset));
END;

-- Boundaries that are not those of the windows on both sides.
CREATE FUNCTION bakkt_ledger_internal.check_boundaries(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH bound AS (
        SELECT w.window_no AS boundary_no, w.to_at AS at
        FROM settlement_window AS w
        WHERE w.client_id = (holder).client_id
        UNION
        SELECT w.previous_no, w.from_at
        FROM settlement_window AS w
        WHERE w.client_id = (holder).client_id
    )
    SELECT finding('settlement', format('The windows have %s, the boundary is %s.', coalesce(instant_text(w.at), 'none'),
                                        coalesce(instant_text(b.at), 'not there')),
                   holder => (holder).code, of_subject => 'window_boundary', key => coalesce(b.boundary_no, w.boundary_no)::text)
    FROM bound AS w
    FULL JOIN (SELECT n.boundary_no, n.at
               FROM window_boundary AS n
               WHERE n.client_id = (holder).client_id) AS b ON b.boundary_no = w.boundary_no
    WHERE w.at IS DISTINCT FROM b.at;
END;

CREATE FUNCTION bakkt_ledger.check_settlement(client text DEFAULT NULL) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
    holder client;
BEGIN
    FOR holder IN
        SELECT c.*
        FROM client AS c
        WHERE c.client_id = ANY (asked)
        ORDER BY c.code
    LOOP
        RETURN QUERY
        SELECT d.*
        FROM settlement_window AS w
        CROSS JOIN LATERAL check_window(holder.code, w.closes_on) AS d
        WHERE w.client_id = holder.client_id
        UNION ALL
        SELECT d.* FROM check_applied(holder) AS d
        UNION ALL
        SELECT d.* FROM check_payments(holder) AS d
        UNION ALL
        SELECT d.* FROM check_unapplied(holder) AS d
        UNION ALL
        SELECT d.* FROM check_novated(holder) AS d
        UNION ALL
        SELECT d.* FROM check_boundaries(holder) AS d;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION check_settlement IS
'Recomputes the settlement of a client, or of all visible ones: a row for each thing that differs, none when all is well.
Every sealed window from its members, what is applied to each obligation from its events, each payment from its obligations, and
the balances of novated accounts and of unapplied money from what is outstanding and unapplied (I14, I16).
Errors: LG010, 42501.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('settlement', 'check_settlement()', 50,
        'windows tie to their members, obligations to their events and accounts, payments to their obligations (I14, I16)');
