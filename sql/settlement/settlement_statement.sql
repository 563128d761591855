-- What happened between the company and a counterparty: a statement line by line, and the sums.
-- Refuses clients that the caller may not see (LG010, 42501). Locks nothing.

CREATE TYPE bakkt_ledger_internal.settlement_event AS (
    event_id bigint,
    at timestamptz,
    event text,
    counterparty_kind text,
    counterparty text,
    asset asset,
    window_no integer,
    obligation_id bigint,
    payment_id bigint,
    unapplied_id bigint,
    worth amount,
    change amount,
    is_own boolean,
    first_due timestamptz,
    reference text,
    reason text,
    journal_id bigint
);
COMMENT ON TYPE settlement_event IS
'Internal: an event of an obligation or of unapplied money. worth: what it was about, positive = towards the company. change: of
what the counterparty owes, positive = more. is_own: of an obligation, not of one that took over what was carried.';

-- The events between the company and a client''s counterparties, in no order.
CREATE FUNCTION bakkt_ledger_internal.settlement_events(holder integer) RETURNS SETOF settlement_event
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT e.event_id, e.at, e.event, o.counterparty_kind, o.counterparty, o.asset, o.window_no, o.obligation_id, o.payment_id,
           NULL::bigint, v.worth,
           CASE e.event WHEN 'entered' THEN v.worth WHEN 'recovered' THEN zero(o.asset) ELSE -v.worth END,
           o.carried_from IS NULL, o.first_due, e.reference, e.reason, e.journal_id
    FROM obligation AS o
    JOIN event AS e ON e.client_id = o.client_id AND e.subject = 'obligation' AND e.subject_key = o.obligation_id::text
    CROSS JOIN LATERAL (SELECT CASE e.event WHEN 'entered' THEN o.amount ELSE coalesce(e.amount, zero(o.asset)) END
                               * (CASE o.payer WHEN 'BAKKT' THEN -1 ELSE 1 END) AS worth) AS v
    WHERE o.client_id = holder AND (o.counterparty_kind = 'client' OR is_company())
    UNION ALL
    SELECT e.event_id, e.at, CASE e.event WHEN 'received' THEN 'unapplied' ELSE e.event END, u.counterparty_kind, u.counterparty,
           u.asset, NULL, NULL, NULL, u.unapplied_id, e.amount, CASE e.event WHEN 'received' THEN -e.amount ELSE e.amount END,
           false, u.received_at, e.reference, e.reason, e.journal_id
    FROM unapplied_payment AS u
    JOIN event AS e ON e.client_id = u.client_id AND e.subject = 'unapplied_payment' AND e.subject_key = u.unapplied_id::text
    WHERE u.client_id = holder AND (u.counterparty_kind = 'client' OR is_company());
END;

CREATE TYPE bakkt_ledger.settlement_statement_line AS (
    at timestamptz,
    event text,
    asset asset,
    settlement_window text,
    obligation bigint,
    payment bigint,
    unapplied bigint,
    change amount,
    net_debit amount,
    age_days integer,
    reference text,
    reason text,
    journal bigint
);
COMMENT ON TYPE settlement_statement_line IS
'Something that happened between the company and a counterparty.
event: entered, set_off, instructed, paid, bought_in, failed, carried, written_off, recovered of an obligation; unapplied,
applied, returned of money or coin above what was owed. change: of what the counterparty owes, positive = more. net_debit:
what it owed in the asset after that, unapplied money deducted; negative = it was owed. age_days: whole days since the
obligation first fell due, or since unapplied money was received; 0 before.';

CREATE FUNCTION bakkt_ledger.settlement_statement(client text, counterparty text DEFAULT NULL,
                                                  since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS SETOF settlement_statement_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    holder constant integer := require_client(client);
    party constant text := coalesce(counterparty, client);
BEGIN
    RETURN QUERY
    SELECT s.at, s.event, s.asset, window_name(s.window_no), s.obligation_id, s.payment_id, s.unapplied_id, s.change, s.net_debit,
           s.age, s.reference, s.reason, s.journal_id
    FROM (SELECT e.*, sum(e.change) OVER (PARTITION BY e.asset ORDER BY e.at, e.event_id) AS net_debit,
                 greatest(days_since(e.first_due, e.at), 0) AS age
          FROM settlement_events(holder) AS e
          WHERE e.counterparty = party AND (party = client) = (e.counterparty_kind = 'client')) AS s
    WHERE s.at >= since AND s.at < until
    ORDER BY s.at, s.event_id;
END;
$$;
COMMENT ON FUNCTION settlement_statement IS
'Everything that happened in settlement between the company and a counterparty of a client, in order of time.
counterparty: NULL for the client itself. Obligations, set-off, payments, fails, what was carried, written off and recovered, and
money above what was owed, with what was owed after each. since (in it), until (outside it): of the time at which it happened. A
tenant sees its client''s own, no provider''s.
Errors: LG010, 42501.';

CREATE TYPE bakkt_ledger.settlement_balance_line AS (
    client text,
    counterparty text,
    asset asset,
    obligations amount,
    set_off amount,
    received amount,
    sent amount,
    returned amount,
    unapplied amount,
    bought_in amount,
    written_off amount,
    recovered amount,
    outstanding amount,
    net_debit amount,
    fails bigint,
    oldest_due timestamptz,
    age_days integer
);
COMMENT ON TYPE settlement_balance_line IS
'Where the company stands with a counterparty in an asset.
obligations: what windows left, positive = the counterparty owes. set_off: what of it was set off, counted once. received, sent,
returned: what moved, positive. unapplied: what is held above what was owed. bought_in, written_off, recovered: of what it owes.
outstanding: still to be paid, positive = by the counterparty. Always obligations = received - sent - returned - unapplied +
bought_in + written_off - recovered + outstanding. net_debit: outstanding less unapplied. fails: failed attempts. oldest_due: when
the oldest of what is outstanding first fell due, age_days: whole days since then, 0 before.';

-- The sums over the events of a client up to an instant.
CREATE FUNCTION bakkt_ledger_internal.settlement_sums(holder client, moment timestamptz) RETURNS SETOF settlement_balance_line
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH total AS (
        SELECT e.counterparty_kind, e.counterparty, e.asset, zero(e.asset) AS nothing,
               sum(e.worth) FILTER (WHERE e.event = 'entered' AND e.is_own) AS entered,
               sum(e.worth) FILTER (WHERE e.event = 'set_off' AND sign(e.worth) = 1) AS set_off,
               sum(e.worth) FILTER (WHERE e.event = 'paid' AND sign(e.worth) = 1) AS paid_in,
               sum(e.worth) FILTER (WHERE e.event = 'paid' AND sign(e.worth) = -1) AS paid_out,
               sum(e.worth) FILTER (WHERE e.event = 'unapplied') AS above,
               sum(e.worth) FILTER (WHERE e.event = 'applied') AS applied,
               sum(e.worth) FILTER (WHERE e.event = 'returned') AS returned,
               sum(e.worth) FILTER (WHERE e.event = 'bought_in') AS bought_in,
               sum(e.worth) FILTER (WHERE e.event = 'written_off') AS written_off,
               sum(e.worth) FILTER (WHERE e.event = 'recovered') AS recovered,
               sum(e.change) AS net_debit, count(*) FILTER (WHERE e.event = 'failed') AS fails
        FROM settlement_events((holder).client_id) AS e
        WHERE e.at <= moment
        GROUP BY e.counterparty_kind, e.counterparty, e.asset
    ), known AS (
        SELECT t.counterparty_kind, t.counterparty, t.asset, coalesce(t.entered, t.nothing) AS entered,
               coalesce(t.set_off, t.nothing) AS set_off, coalesce(t.paid_in, t.nothing) AS paid_in,
               -coalesce(t.paid_out, t.nothing) AS sent, coalesce(t.above, t.nothing) AS above,
               coalesce(t.applied, t.nothing) AS applied, coalesce(t.returned, t.nothing) AS returned,
               coalesce(t.bought_in, t.nothing) AS bought_in, coalesce(t.written_off, t.nothing) AS written_off,
               coalesce(t.recovered, t.nothing) AS recovered, t.net_debit, t.fails
        FROM total AS t
    )
    SELECT (holder).code, k.counterparty, k.asset, k.entered, k.set_off, k.paid_in - k.applied + k.recovered + k.above, k.sent,
           k.returned, k.above - k.applied - k.returned, k.bought_in, k.written_off, k.recovered,
           k.net_debit + (k.above - k.applied - k.returned), k.net_debit, k.fails, d.oldest,
           greatest(days_since(d.oldest, moment), 0)
    FROM known AS k
    CROSS JOIN LATERAL (SELECT min(o.first_due) AS oldest
                        FROM obligation AS o
                        WHERE o.client_id = (holder).client_id AND o.counterparty_kind = k.counterparty_kind
                          AND o.counterparty = k.counterparty AND o.asset = k.asset AND o.entered_at <= moment
                          AND (o.final_at IS NULL OR o.final_at > moment)) AS d
    ORDER BY k.counterparty_kind, k.counterparty, k.asset;
END;

CREATE FUNCTION bakkt_ledger.settlement_balances(client text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF settlement_balance_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT s.*
    FROM client AS c
    CROSS JOIN LATERAL settlement_sums(c, settlement_balances.at) AS s
    WHERE c.client_id = ANY (asked)
    ORDER BY c.code;
END;
$$;
COMMENT ON FUNCTION settlement_balances IS
'Where the company stands with each counterparty in each asset, of a client or of all visible ones, as of an instant.
From what happened up to then: what windows left, what was set off, paid, returned, written off and recovered, what is outstanding
and how old it is. A tenant sees its client''s own, no provider''s.
Errors: LG010, 42501, LG061.';
