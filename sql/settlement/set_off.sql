-- Set-off: the obligations of one counterparty and asset that fall due on one value date become one
-- payment.
--
-- What goes one way is set off against what goes the other, oldest first, by a journal: what it
-- discharges of the ones and of the others is equal, and no bank or chain moves. What is left goes
-- one way, and is the payment. It waits until every window due on the date has closed, and what it
-- left is agreed or in dispute; what is in dispute, and what was instructed or paid in part before,
-- stays outside. What is agreed later, or was carried, joins the next payment.
--
-- Locks: lock_settlement().

-- When what a window leaves falls due, by its rail's calendar.
CREATE FUNCTION bakkt_ledger_internal.window_due(closed settlement_window, is_cash boolean) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN is_cash THEN value_date((closed).cash_calendar, (closed).to_at, (closed).cash_version)
                ELSE value_date((closed).coin_calendar, (closed).to_at, (closed).coin_version) END;

-- When what the client's open window will leave falls due, by the calendars of today.
CREATE FUNCTION bakkt_ledger_internal.open_window_due(holder client, is_cash boolean) RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    ends_at constant timestamptz := (window_on(holder, (last_window(holder.client_id)).closes_on + 1)).to_at;
BEGIN
    RETURN (SELECT value_date(CASE WHEN is_cash THEN a.cash_calendar ELSE a.coin_calendar END, ends_at)
            FROM settlement_agreement AS a
            WHERE a.client_id = holder.client_id);
END;
$$;

-- The obligations on a rail that may be set off, each with the date on which the window falls due
-- that it is settled with. agreed: the window that it comes from is; waits: nobody has agreed to
-- that or disputed it yet.
CREATE FUNCTION bakkt_ledger_internal.free_obligations(holder integer, is_cash boolean)
    RETURNS TABLE (owed obligation, window_no integer, due date, agreed boolean, waits boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT o, w.window_no, window_due(w, is_cash), is_agreed(f.status), NOT is_agreed(f.status) AND f.status <> 'DISPUTED'
    FROM obligation AS o
    JOIN supported_asset AS a USING (asset)
    JOIN settlement_window AS w USING (client_id, window_no)
    JOIN settlement_window AS f ON f.client_id = o.client_id AND f.window_no = o.first_window
    WHERE o.client_id = holder AND o.final_at IS NULL AND o.payment_id IS NULL AND (a.kind = 'FIAT') = is_cash
      AND may_be_set_off(o);
END;

-- The value dates on a rail that obligations can be set off on: the open window falls due later,
-- and nothing due then waits to be agreed. last_no: the last window due then.
CREATE FUNCTION bakkt_ledger_internal.complete_value_dates(holder client, is_cash boolean)
    RETURNS TABLE (due date, last_no integer)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    first_no integer;
    waiting date[];
BEGIN
    SELECT min(f.window_no), array_agg(f.due) FILTER (WHERE f.waits) INTO first_no, waiting
    FROM free_obligations(holder.client_id, is_cash) AS f;
    IF first_no IS NOT NULL THEN
        RETURN QUERY
        SELECT d.due, max(d.window_no)
        FROM (SELECT w.window_no, window_due(w, is_cash) AS due
              FROM settlement_window AS w
              WHERE w.client_id = holder.client_id AND w.window_no >= first_no) AS d
        WHERE d.due <> ALL (coalesce(waiting, '{}')) AND d.due < open_window_due(holder, is_cash)
        GROUP BY d.due;
    END IF;
END;
$$;

-- How much of each obligation is set off against those that go the other way, oldest first.
CREATE FUNCTION bakkt_ledger_internal.set_off_parts(owed obligation[]) RETURNS obligation_part[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH listed AS (
        SELECT o.ordinality AS place, owed[o.ordinality] AS state, outstanding(owed[o.ordinality]) AS open,
               zero(o.asset) AS nothing,
               coalesce(sum(outstanding(owed[o.ordinality]))
                            OVER (PARTITION BY o.payer ORDER BY o.ordinality ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                        zero(o.asset)) AS older
        FROM unnest(owed) WITH ORDINALITY AS o
    ), side AS (
        SELECT count(*) AS sides, min(s.total) AS smaller
        FROM (SELECT sum(l.open) AS total FROM listed AS l GROUP BY (l.state).payer) AS s
    )
    SELECT array_agg((l.state, CASE s.sides WHEN 2 THEN least(l.open, greatest(s.smaller - l.older, l.nothing))
                                    ELSE l.nothing END)::obligation_part
                     ORDER BY l.place)
    FROM listed AS l
    CROSS JOIN side AS s;
END;

-- Enters the payment that obligations come to, on a value date.
CREATE FUNCTION bakkt_ledger_internal.enter_payment(owed obligation[], due date, last_no integer, moment timestamptz,
                                                    posting bigint)
    RETURNS payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    one constant obligation := owed[1];
    net constant amount := (SELECT sum(net_outstanding(o)) FROM unnest(owed) AS o);
    entered payment;
BEGIN
    INSERT INTO payment AS p (client_id, counterparty_kind, counterparty, asset, value_date, due_at, payer, payee, amount, status,
                              entered_at)
    SELECT one.client_id, one.counterparty_kind, one.counterparty, one.asset, due,
           CASE a.kind WHEN 'FIAT' THEN value_deadline(w.cash_calendar, due, w.cash_version)
                       ELSE value_deadline(w.coin_calendar, due, w.coin_version) END,
           CASE sign(net) WHEN 1 THEN one.counterparty WHEN -1 THEN 'BAKKT' END,
           CASE sign(net) WHEN 1 THEN 'BAKKT' WHEN -1 THEN one.counterparty END,
           abs(net), CASE sign(net) WHEN 0 THEN 'SETTLED' ELSE 'ENTERED' END, moment
    FROM settlement_window AS w
    JOIN supported_asset AS a ON a.asset = one.asset
    WHERE w.client_id = one.client_id AND w.window_no = last_no
    RETURNING p.* INTO STRICT entered;
    PERFORM record_event('entered', NULL::payment, entered, moment, journal => posting);
    RETURN entered;
END;
$$;

-- Sets obligations off into the payment of a value date; they are of one counterparty and asset,
-- oldest first.
CREATE FUNCTION bakkt_ledger_internal.set_off(owed obligation[], due date, last_no integer, moment timestamptz) RETURNS payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    one constant obligation := owed[1];
    parts constant obligation_part[] := set_off_parts(owed);
    entry constant journal_entry := discharge_entry(one.client_id,
                                                    ARRAY(SELECT p FROM unnest(parts) AS p WHERE NOT is_zero(p.paid)));
    asked request;
    posted journal_result;
    entered payment;
BEGIN
    asked.client_id := one.client_id;
    asked.at := moment;
    IF entry IS NOT NULL THEN
        posted := post_entry(one.client_id,
                             free_reference(one.client_id, format('settlement:W%s:set-off:%s:%s:%s', last_no,
                                                                  one.counterparty_kind, one.counterparty, one.asset)),
                             'novation', entry, moment,
                             format('Set off with %s in %s, due on %s', one.counterparty, one.asset, date_text(due)));
    END IF;
    entered := enter_payment(owed, due, last_no, moment, posted.journal);
    PERFORM change_obligations(asked, 'set_off', owed, ARRAY(SELECT p.paid FROM unnest(parts) AS p), posted.journal,
                               into_payment => entered.payment_id);
    RETURN require_payment(entered.client_id, entered.payment_id);
END;
$$;

-- Sets off what can be on one value date of a rail: a payment for each counterparty and asset that
-- has none on it yet.
CREATE FUNCTION bakkt_ledger_internal.set_off_on(holder integer, is_cash boolean, due date, last_no integer, moment timestamptz)
    RETURNS payment[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    made payment[] := '{}';
    together obligation[];
BEGIN
    FOR together IN
        SELECT array_agg(o.owed ORDER BY (o.owed).first_due, (o.owed).first_window, (o.owed).obligation_id)
        FROM free_obligations(holder, is_cash) AS o
        WHERE o.agreed AND o.due <= set_off_on.due
          AND NOT EXISTS (SELECT FROM payment AS p
                          WHERE p.client_id = holder AND p.counterparty_kind = (o.owed).counterparty_kind
                            AND p.counterparty = (o.owed).counterparty AND p.asset = (o.owed).asset
                            AND p.value_date = set_off_on.due)
        GROUP BY (o.owed).counterparty_kind, (o.owed).counterparty, (o.owed).asset
        ORDER BY (o.owed).counterparty_kind, (o.owed).counterparty, (o.owed).asset
    LOOP
        made := made || set_off(together, due, last_no, moment);
    END LOOP;
    RETURN made;
END;
$$;

-- Sets off everything of a client that can be, under the client's lock: money before coin, the
-- earliest value date first.
CREATE FUNCTION bakkt_ledger_internal.set_off_due(holder integer, moment timestamptz) RETURNS payment[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    made payment[] := '{}';
    date_at record;
BEGIN
    FOR date_at IN
        SELECT rail.is_cash, d.due, d.last_no
        FROM (VALUES (true), (false)) AS rail (is_cash)
        CROSS JOIN LATERAL complete_value_dates(client_row(holder), rail.is_cash) AS d
        ORDER BY rail.is_cash DESC, d.due
    LOOP
        made := made || set_off_on(holder, date_at.is_cash, date_at.due, date_at.last_no, moment);
    END LOOP;
    RETURN made;
END;
$$;

CREATE TYPE bakkt_ledger.payment_line AS (
    client text,
    payment bigint,
    counterparty text,
    asset asset,
    value_date date,
    payer text,
    payee text,
    amount amount,
    applied amount,
    outstanding amount,
    status text,
    obligations bigint,
    due_at timestamptz,
    entered_at timestamptz
);
COMMENT ON TYPE payment_line IS
'The one payment of a counterparty in an asset on a value date.
payer, payee: NULL when everything was set off. amount, applied, outstanding: positive or zero, amount = applied + outstanding.
obligations: how many were set off into it; obligations() lists them by the column payment.';

-- A payment as it is told.
CREATE FUNCTION bakkt_ledger_internal.told_payment(told payment) RETURNS payment_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owed constant obligation[] := payment_obligations(told.client_id, told.payment_id);
    rest constant amount := payment_outstanding(owed, told.asset);
BEGIN
    RETURN (client_name(told.client_id), told.payment_id, told.counterparty, told.asset, told.value_date, told.payer, told.payee,
            told.amount, told.amount - rest, rest, told.status, cardinality(owed), told.due_at, told.entered_at)::payment_line;
END;
$$;

-- One client's part of set_off_obligations().
CREATE FUNCTION bakkt_ledger_internal.set_off_part(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    made payment[];
BEGIN
    PERFORM lock_settlement(holder);
    made := set_off_due(holder, at);
    RETURN (SELECT jsonb_agg(told_payment(p)) FROM unnest(made) AS p);
END;
$$;

-- The clients that have obligations in no payment yet.
CREATE FUNCTION bakkt_ledger_internal.clients_to_set_off(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    RETURN ARRAY(SELECT DISTINCT o.client_id
                 FROM obligation AS o
                 WHERE o.final_at IS NULL AND o.payment_id IS NULL AND may_be_set_off(o)
                 ORDER BY o.client_id);
END;
$$;
INSERT INTO client_run VALUES ('set_off_obligations', 'set_off_part', 'clients_to_set_off');

CREATE FUNCTION bakkt_ledger.set_off_obligations(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF payment_line
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    PERFORM require_not_ahead(at);
    RETURN QUERY SELECT p.* FROM run_answers('set_off_obligations', NULL::payment_line, at, client) AS p;
END;
$$;
COMMENT ON FUNCTION set_off_obligations IS
'Sets off the agreed obligations of each counterparty, asset and value date into one payment, of one client or of all visible.
A value date is taken when the open window falls due later and all that is due on it is agreed or in dispute. What is in dispute,
was instructed or was paid in part before stays outside; what is agreed later, and what was carried, joins the next payment. A row
for each new payment. Of several clients, one whose part fails is left out with a WARNING.
Errors: LG010, 42501, LG061; 40001: retry.';

CREATE FUNCTION bakkt_ledger.payments(client text DEFAULT NULL, open_only boolean DEFAULT false)
    RETURNS SETOF payment_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    RETURN QUERY
    SELECT t.*
    FROM payment AS p
    JOIN client AS c USING (client_id)
    CROSS JOIN LATERAL told_payment(p) AS t
    WHERE c.client_id = ANY (asked)
      AND NOT (open_only AND p.status IN ('SETTLED', 'CARRIED', 'WRITTEN_OFF'))
      AND (p.counterparty_kind = 'client' OR is_company())
    ORDER BY c.code, p.value_date, p.counterparty_kind, p.counterparty, p.asset;
END;
$$;
COMMENT ON FUNCTION payments IS
'The payments of a client, or of all visible ones, by value date, with what is outstanding of each.
open_only: leaves out those that are settled, carried or written off. A tenant sees its client''s own, no provider''s.
Errors: LG010, 42501.';
