-- Paying obligations.

-- LG071 unless the window in which the obligation arose is agreed: nothing is paid out before. What
-- others pay in is booked at any time.
CREATE FUNCTION bakkt_ledger_internal.require_agreed(owed obligation) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    -- a carried obligation was agreed in the window it comes from
    stands constant text := (SELECT w.status FROM settlement_window AS w
                             WHERE w.client_id = owed.client_id AND w.window_no = owed.first_window);
BEGIN
    IF stands IN ('CLOSING', 'SEALED', 'ADVISED', 'DISPUTED') THEN
        PERFORM refuse('LG071', format('obligation %s cannot be paid out: window %s is %s', owed.obligation_id,
                                       window_name(owed.first_window), stands), NULL,
                       'Agree on the window first, with advise_window() and agree_window().');
    END IF;
END;
$$;

CREATE TYPE bakkt_ledger_internal.obligation_part AS (owed obligation, paid amount);
COMMENT ON TYPE obligation_part IS 'Internal: how much of an obligation a payment discharges.';

-- Spreads a payment over a counterparty's outstanding obligations, oldest first; number and
-- direction may be NULL for any. LG045 not positive, LG073 nothing owed, LG074 too much.
CREATE FUNCTION bakkt_ledger_internal.choose_parts(holder integer, of_kind text, party text, number integer, direction text,
                                                   worth amount)
    RETURNS SETOF obligation_part
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owed obligation;
    rest amount := worth;
    total amount := zero(asset(worth));
BEGIN
    IF worth IS NULL OR sign(worth) <> 1 THEN
        PERFORM refuse('LG045', format('amount paid must be positive, not %s', coalesce(worth::text, 'NULL')));
    END IF;
    FOR owed IN
        SELECT o.*
        FROM obligation AS o
        WHERE o.client_id = holder AND o.counterparty_kind = of_kind AND o.counterparty = party AND o.asset = asset(worth)
          AND o.final_at IS NULL
          AND (number IS NULL OR o.window_no = number)
          AND (direction IS NULL OR (direction = 'received') = (o.payer = o.counterparty))
        ORDER BY o.first_due, o.first_window, o.obligation_id
    LOOP
        total := total + outstanding(owed);
        IF sign(rest) = 1 THEN
            RETURN NEXT (owed, least(rest, outstanding(owed)))::obligation_part;
            rest := rest - least(rest, outstanding(owed));
        END IF;
    END LOOP;
    IF is_zero(total) THEN
        PERFORM refuse('LG073', format('nothing in %s is owed %s %s', asset(worth),
                                       CASE direction WHEN 'received' THEN 'by' WHEN 'sent' THEN 'to' ELSE 'by or to' END, party),
                       NULL, 'obligations() lists what is outstanding.');
    ELSIF sign(rest) = 1 THEN
        PERFORM refuse('LG074', format('payment of %s exceeds what is outstanding', worth), format('Outstanding: %s.', total),
                       'Record the part that is owed; book the rest where it belongs.',
                       jsonb_build_object('given', worth, 'outstanding', total));
    END IF;
END;
$$;

-- The journal of a payment or delivery, lines in the order of golden journals J07f and J07g:
-- obligation by obligation, of money the debit first, of coin the CORP side first; an account that
-- several obligations touch has one line, where it came first.
CREATE FUNCTION bakkt_ledger_internal.discharge_entry(holder integer, parts obligation_part[]) RETURNS journal_entry
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    WITH part AS (
        SELECT p.ordinality * 10 AS place, a.kind = 'FIAT' AS is_cash, (p.owed).asset,
               novated_kind((p.owed).counterparty_kind) AS kind,
               ARRAY[(p.owed).counterparty, window_name((p.owed).window_no)] AS parties,
               -- debit positive: what the payment does to the company's side
               CASE WHEN (p.owed).payer = (p.owed).counterparty THEN p.paid ELSE -p.paid END AS paid,
               is_zero((p.owed).applied) AS first, sign((p.owed).receivable + (p.owed).payable) AS side,
               (p.owed).receivable, (p.owed).payable
        FROM unnest(parts) WITH ORDINALITY AS p
        JOIN supported_asset AS a ON a.asset = (p.owed).asset
    ), coin AS (
        -- the first delivery also clears what was netted away between the funds
        SELECT p.place, p.asset, p.kind, p.parties, p.paid,
               CASE WHEN p.first AND p.side = 1 THEN p.paid - p.payable
                    WHEN p.first THEN p.receivable
                    WHEN p.side = 1 THEN p.paid
                    ELSE zero(p.asset) END AS bought
        FROM part AS p
        WHERE NOT p.is_cash
    ), line AS (
        SELECT p.place + leg.place AS place, leg.kind, leg.parties, p.asset, leg.amount
        FROM part AS p
        CROSS JOIN LATERAL (VALUES ('corp_bank', '{}'::text[], p.paid, -sign(p.paid)), (p.kind, p.parties, -p.paid, sign(p.paid)))
            AS leg (kind, parties, amount, place)
        WHERE p.is_cash
        UNION ALL
        SELECT c.place + leg.place, leg.kind, leg.parties, c.asset, leg.amount
        FROM coin AS c
        CROSS JOIN LATERAL (
            SELECT CASE k.fund WHEN 'CORP' THEN l.line - 3 ELSE l.line + 5 END, l.account_kind, l.parties,
                   (CASE l.amount WHEN 'delivered' THEN c.paid WHEN 'owed' THEN c.bought ELSE c.paid - c.bought END)
                   * (CASE l.side WHEN 'debit' THEN 1 ELSE -1 END)
            FROM template_line AS l
            JOIN account_kind AS k ON k.kind = l.account_kind
            WHERE l.template = 'coin_delivery'
            UNION ALL
            SELECT 5, c.kind, c.parties, -c.paid
        ) AS leg (place, kind, parties, amount)
    ), account_line AS (
        SELECT min(l.place) AS place, l.kind, l.parties, l.asset, sum(l.amount) AS amount
        FROM line AS l
        GROUP BY l.kind, l.parties, l.asset
        HAVING NOT is_zero(sum(l.amount))
    )
    SELECT journal_entry(account_of_kind(holder, l.kind, l.asset, VARIADIC l.parties), l.amount ORDER BY l.place)
    FROM account_line AS l;
END;

-- Posts a payment and applies it to obligations, and answers the request; LG071 when it pays out
-- for a window that is not agreed.
CREATE FUNCTION bakkt_ledger_internal.discharge(asked request, kind text, parts obligation_part[], text_of_journal text)
    RETURNS obligation_result[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before constant obligation[] := ARRAY(SELECT p.owed FROM unnest(parts) WITH ORDINALITY AS p ORDER BY p.ordinality);
    paid constant amount[] := ARRAY(SELECT p.paid FROM unnest(parts) WITH ORDINALITY AS p ORDER BY p.ordinality);
    posted journal_result;
BEGIN
    PERFORM require_agreed(b) FROM unnest(before) AS b WHERE b.payer = 'BAKKT';
    posted := post_entry(asked.client_id, asked.reference, kind, discharge_entry(asked.client_id, parts), asked.at,
                         text_of_journal);
    RETURN close_request(asked, obligation_answers(asked, 'paid', change_obligations(asked, 'paid', before, paid, posted.journal),
                                                   paid, posted.journal));
END;
$$;

-- client or provider; LG014 when it is neither.
CREATE FUNCTION bakkt_ledger_internal.counterparty_kind_of(client text, party text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF party = client THEN
        RETURN 'client';
    ELSIF NOT EXISTS (SELECT FROM provider AS p WHERE p.code = party) THEN
        PERFORM refuse('LG014', format('liquidity provider "%s" does not exist', coalesce(party, 'NULL')), NULL,
                       'A counterparty is the client itself or a provider opened with open_provider().');
    END IF;
    RETURN 'provider';
END;
$$;

-- The number of a closed window, NULL of none given; LG070.
CREATE FUNCTION bakkt_ledger_internal.window_number(client text, day date) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    number constant integer := (SELECT w.window_no FROM settlement_window AS w
                                WHERE w.client_id = require_client(client) AND w.closes_on = day);
BEGIN
    IF number IS NULL AND day IS NOT NULL THEN
        PERFORM refuse_window(client, day);
    END IF;
    RETURN number;
END;
$$;

CREATE FUNCTION bakkt_ledger.record_wire(client text, direction text, amount amount, reference text,
                                         counterparty text DEFAULT NULL, closes_on date DEFAULT NULL,
                                         at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    party constant text := coalesce(counterparty, client);
    party_kind constant text := counterparty_kind_of(client, party);
    asked constant request := open_settlement_request('record_wire', holder, reference,
                                                      jsonb_build_object('direction', direction, 'amount', amount,
                                                                         'counterparty', party, 'closes_on', closes_on), at);
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
        RETURN;
    ELSIF direction IS NULL OR direction NOT IN ('received', 'sent') THEN
        PERFORM refuse_invalid('direction of a wire is received or sent', format('Direction: "%s".', direction),
                               'One of received, sent.');
    ELSIF NOT EXISTS (SELECT FROM supported_asset AS s WHERE s.asset = asset(record_wire.amount) AND s.kind = 'FIAT') THEN
        PERFORM refuse('LG042', format('%s is not money that a wire can carry', coalesce(amount::text, 'NULL')), NULL,
                       'Record deliveries of coin with settle_provider().');
    END IF;
    RETURN QUERY
    SELECT a.*
    FROM unnest(discharge(asked, 'settlement_wire',
                          ARRAY(SELECT p
                                FROM choose_parts(holder, party_kind, party, window_number(client, closes_on), direction,
                                                  amount) AS p),
                          format('Wire %s %s %s', direction, CASE direction WHEN 'sent' THEN 'to' ELSE 'from' END, party))) AS a;
END;
$$;
COMMENT ON FUNCTION record_wire IS
'Records a wire received from or sent to a counterparty (the client itself, or a provider''s code), whole or in part.
Journal J07f or its mirror, applied to the obligations of one window (closes_on) or to all outstanding ones, oldest first: a row
for each. Money received is booked at any time; money is sent only for an agreed window. Idempotent by reference: the first answer
again.
Errors: LG002, LG010, LG014, LG020 other content, LG042, LG045, LG061, LG070, LG071, LG073 nothing is owed that way, LG074
more than is outstanding.';

-- What a settlement with a provider discharges: the given amounts, or everything outstanding, money
-- first; number may be NULL for all windows. LG002 an asset named twice, LG073 nothing outstanding.
CREATE FUNCTION bakkt_ledger_internal.parts_of_provider(holder integer, party text, number integer, amounts amount[])
    RETURNS obligation_part[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    parts obligation_part[];
BEGIN
    IF amounts IS NULL THEN
        parts := ARRAY(SELECT (o, outstanding(o))::obligation_part
                       FROM obligation AS o
                       JOIN supported_asset AS a USING (asset)
                       WHERE o.client_id = holder AND o.counterparty_kind = 'provider' AND o.counterparty = party
                         AND o.final_at IS NULL AND (number IS NULL OR o.window_no = number)
                       ORDER BY a.kind <> 'FIAT', o.asset, o.first_due, o.first_window, o.obligation_id);
    ELSE
        parts := ARRAY(SELECT p
                       FROM unnest(amounts) WITH ORDINALITY AS m (worth, place)
                       CROSS JOIN LATERAL choose_parts(holder, 'provider', party, number, NULL, m.worth) AS p
                       ORDER BY m.place, (p.owed).obligation_id);
    END IF;
    IF cardinality(parts) = 0 THEN
        PERFORM refuse('LG073', format('nothing is outstanding with %s', party), NULL,
                       'obligations() lists what is outstanding.');
    ELSIF (SELECT count(DISTINCT (p.owed).obligation_id) FROM unnest(parts) AS p) < cardinality(parts) THEN
        PERFORM refuse_invalid('an asset is named twice among the amounts');
    END IF;
    RETURN parts;
END;
$$;

CREATE FUNCTION bakkt_ledger.settle_provider(client text, provider text, reference text, closes_on date DEFAULT NULL,
                                             amounts amount[] DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    number constant integer := window_number(client, closes_on);
    asked request;
BEGIN
    IF counterparty_kind_of(client, provider) <> 'provider' THEN
        PERFORM refuse_invalid(format('"%s" is no liquidity provider', provider));
    END IF;
    PERFORM require_batch_size(cardinality(amounts));
    asked := open_settlement_request('settle_provider', holder, reference,
                                     jsonb_build_object('provider', provider, 'closes_on', closes_on, 'amounts', amounts), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
    ELSE
        RETURN QUERY
        SELECT a.*
        FROM unnest(discharge(asked, 'provider_settlement', parts_of_provider(holder, provider, number, amounts),
                              format('Settlement with %s', provider))) AS a;
    END IF;
END;
$$;
COMMENT ON FUNCTION settle_provider IS
'Pays and is paid by, delivers coin to and receives it from a liquidity provider in one journal (J07g).
Everything outstanding of one window (closes_on) or of all, or the given positive amounts, each in the direction in which it is
owed: a row for each obligation. A delivery of coin moves the customers'' coin into control; the first one also clears what
purchases and sales set off. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG014, LG020, LG045, LG061, LG070, LG071 it pays out for a window that is not agreed, LG073, LG074,
54000.';

-- The obligations of a window by the payment that settles them: a wire with the client for each
-- asset and direction, or one settlement with a provider.
CREATE FUNCTION bakkt_ledger_internal.wires_of_window(holder integer, number integer)
    RETURNS TABLE (operation text, counterparty text, unit text, direction text, apart text, obligation_id bigint,
                   final_at timestamptz, rest amount)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN w.direction IS NULL THEN 'settle_provider' ELSE 'record_wire' END, o.counterparty,
           CASE WHEN w.direction IS NOT NULL THEN o.asset::text END, w.direction,
           CASE WHEN EXISTS (SELECT FROM obligation AS x
                             WHERE x.client_id = o.client_id AND x.window_no = o.window_no AND x.counterparty_kind = 'client'
                               AND x.asset = o.asset AND x.payer <> o.payer) THEN w.direction END,
           o.obligation_id, o.final_at, outstanding(o)
    FROM obligation AS o
    CROSS JOIN LATERAL (SELECT CASE WHEN o.counterparty_kind = 'client' THEN
                                   CASE WHEN o.payer = o.counterparty THEN 'received' ELSE 'sent' END END) AS w (direction)
    WHERE o.client_id = holder AND o.window_no = number;
END;

CREATE FUNCTION bakkt_ledger.settle_window(client text, closes_on date, reference text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    number constant integer := window_number(client, closes_on);
    part record;
    earlier request;
BEGIN
    PERFORM require_settlement_reference(reference), lock_settlement(holder);
    FOR part IN
        SELECT p.operation, p.counterparty, p.direction,
               concat_ws(':', settle_window.reference, p.counterparty, p.unit, p.apart) AS named,
               bool_or(p.final_at IS NULL) AS open, sum(p.rest) FILTER (WHERE p.operation = 'record_wire') AS worth
        FROM wires_of_window(holder, number) AS p
        GROUP BY p.operation, p.counterparty, p.unit, p.direction, p.apart
        ORDER BY p.operation, p.counterparty, min(p.obligation_id)
    LOOP
        SELECT r.* INTO earlier
        FROM request AS r
        WHERE r.client_id = holder AND r.scope = 'settlement' AND r.reference = part.named;
        IF FOUND THEN
            PERFORM refuse_other_content('Reference', part.named,
                                         earlier.content || jsonb_build_object('operation', earlier.operation),
                                         jsonb_build_object('operation', part.operation, 'closes_on', closes_on));
            RETURN QUERY SELECT a.* FROM first_obligation_answers(earlier) AS a;
        ELSIF part.open AND part.operation = 'record_wire' THEN
            RETURN QUERY
            SELECT a.* FROM record_wire(client, part.direction, part.worth, part.named, part.counterparty, closes_on, at) AS a;
        ELSIF part.open THEN
            RETURN QUERY SELECT a.* FROM settle_provider(client, part.counterparty, part.named, closes_on, NULL, at) AS a;
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION settle_window IS
'Records that everything outstanding of an agreed window was paid and delivered.
A wire with the client for each asset and direction, and a settlement with each provider. They are referenced
reference:counterparty, a wire reference:counterparty:asset, and where wires go both ways :received or :sent; so are the rows.
Again is the first answer.
Errors: as in record_wire() and settle_provider().';
