-- Paying obligations: wires, settlements with providers, whole windows.
-- Refuses to pay out before the window is agreed (LG071), when nothing is owed (LG073), more than
-- is outstanding (LG074).
-- Locks the client's settlement, then what posting locks.

CREATE FUNCTION bakkt_ledger_internal.outstanding(owed obligation) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (owed).amount - (owed).applied;
COMMENT ON FUNCTION outstanding(obligation) IS
    'The amount of an obligation that is still to be paid; zero when it is settled, carried or written off.';

CREATE FUNCTION bakkt_ledger_internal.require_obligation(client_id integer, obligation bigint) RETURNS obligation
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owed obligation;
BEGIN
    SELECT * INTO owed FROM obligation o
    WHERE o.client_id = require_obligation.client_id AND o.obligation_id = require_obligation.obligation;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG073',
            MESSAGE = format('obligation %s does not exist', coalesce(obligation::text, 'NULL')),
            HINT = 'obligations() lists those of a client.';
    END IF;
    RETURN owed;
END;
$$;
COMMENT ON FUNCTION require_obligation(integer, bigint) IS 'Internal: the obligation of a client; LG073 if there is none.';

CREATE FUNCTION bakkt_ledger_internal.require_agreed(owed obligation) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    window_state text;
BEGIN
    -- a carried obligation was agreed in the window in which it arose
    SELECT w.state INTO window_state FROM settlement_window w
    WHERE w.client_id = owed.client_id AND w.window_no = owed.first_window;
    IF window_state IN ('CLOSING', 'SEALED', 'ADVISED', 'DISPUTED') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG071',
            MESSAGE = format('obligation %s cannot be paid out: window W%s is %s', owed.obligation_id, owed.first_window, window_state),
            HINT = 'Agree on the window first, with advise_window() and agree_window().';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_agreed(obligation) IS
    'Internal: LG071 unless the window in which the obligation arose is agreed: nothing is paid out before that. Incoming '
    'payments are recorded at any time.';

CREATE TYPE bakkt_ledger_internal.obligation_part AS (obligation_id bigint, amount amount);
COMMENT ON TYPE obligation_part IS 'Internal: how much of which obligation a payment discharges.';

CREATE FUNCTION bakkt_ledger_internal.choose_parts(client_id integer, counterparty_kind text, counterparty text, window_no integer,
                             direction text, paid amount)
    RETURNS SETOF obligation_part
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owed obligation;
    rest amount := paid;
    total amount := zero(asset(paid));
BEGIN
    IF sign(paid) <> 1 OR paid IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LG045', MESSAGE = format('amount paid must be positive, not %s', coalesce(paid::text, 'NULL'));
    END IF;
    FOR owed IN
        SELECT * FROM obligation o
        WHERE o.client_id = choose_parts.client_id AND o.counterparty_kind = choose_parts.counterparty_kind
          AND o.counterparty = choose_parts.counterparty AND o.asset = asset(choose_parts.paid)
          AND o.final_at IS NULL
          AND (choose_parts.window_no IS NULL OR o.window_no = choose_parts.window_no)
          AND (choose_parts.direction IS NULL OR (choose_parts.direction = 'received') = (o.payer = o.counterparty))
        ORDER BY o.first_due, o.first_window, o.obligation_id
    LOOP
        total := total + outstanding(owed);
        IF sign(rest) = 1 THEN
            RETURN NEXT (owed.obligation_id, least(rest, outstanding(owed)))::obligation_part;
            rest := rest - least(rest, outstanding(owed));
        END IF;
    END LOOP;
    IF is_zero(total) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG073',
            MESSAGE = format('nothing in %s is owed %s %s', asset(paid),
                             CASE direction WHEN 'received' THEN 'by' WHEN 'sent' THEN 'to' ELSE 'by or to' END, counterparty),
            HINT = 'obligations() lists what is outstanding.';
    ELSIF sign(rest) = 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG074',
            MESSAGE = format('payment of %s exceeds what is outstanding', paid),
            DETAIL = format('Outstanding: %s.', total),
            HINT = 'Record the part that is owed; book the rest where it belongs.';
    END IF;
END;
$$;
COMMENT ON FUNCTION choose_parts(integer, text, text, integer, text, amount) IS
    'Internal: spreads a payment over a counterparty''s outstanding obligations, oldest first; LG045 not positive, LG073 '
    'nothing owed, LG074 too much.';

CREATE FUNCTION bakkt_ledger_internal.discharge_entry(client_id integer, parts obligation_part[]) RETURNS journal_entry
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH part AS (
        SELECT p.ordinality * 10 AS place, o.asset, a.kind = 'FIAT' AS is_cash,
               novated_name(o.counterparty_kind, o.counterparty, o.window_no) AS name,
               -- debit positive, from the company's side
               CASE WHEN o.payer = o.counterparty THEN p.amount ELSE -p.amount END AS paid,
               is_zero(o.applied) AS first, sign(o.receivable + o.payable) AS side, o.receivable, o.payable
        FROM unnest(parts) WITH ORDINALITY AS p
        JOIN obligation o ON o.client_id = discharge_entry.client_id AND o.obligation_id = p.obligation_id
        JOIN supported_asset a ON a.asset = o.asset
    ), coin AS (
        -- the first delivery also clears the coin that netting set off between the funds
        SELECT p.place, p.asset, p.name, p.paid,
               CASE WHEN p.first AND p.side = 1 THEN p.paid - p.payable
                    WHEN p.first THEN p.receivable
                    WHEN p.side = 1 THEN p.paid
                    ELSE zero(p.asset) END AS bought
        FROM part p
        WHERE NOT p.is_cash
    ), line AS (
        SELECT p.place + CASE sign(p.paid) WHEN 1 THEN 2 ELSE 1 END AS place, 'CORP' AS fund, p.name, p.asset, -p.paid AS amount
        FROM part p WHERE p.is_cash
        UNION ALL
        SELECT p.place + CASE sign(p.paid) WHEN 1 THEN 1 ELSE 2 END, 'CORP', 'Bank:operating', p.asset, p.paid
        FROM part p WHERE p.is_cash
        UNION ALL
        SELECT c.place + leg.place, leg.fund, leg.name, c.asset, leg.amount
        FROM coin c
        CROSS JOIN LATERAL (VALUES
            (1, 'CORP', 'DueTo:CUST', c.bought), (2, 'CORP', 'DueFrom:CUST', c.paid - c.bought), (3, 'CORP', c.name, -c.paid),
            (4, 'CUST', 'DueTo:CORP', c.bought - c.paid), (5, 'CUST', 'Wallet:omnibus', c.paid), (6, 'CUST', 'DueFrom:CORP', -c.bought)
        ) AS leg (place, fund, name, amount)
    ), account_line AS (
        SELECT min(l.place) AS place, l.fund, l.name, l.asset, sum(l.amount) AS amount
        FROM line l
        GROUP BY l.fund, l.name, l.asset
        HAVING NOT is_zero(sum(l.amount))
    )
    SELECT journal_entry(ensure_account(discharge_entry.client_id, l.fund, l.name, l.asset), l.amount ORDER BY l.place)
    FROM account_line l
$$;
COMMENT ON FUNCTION discharge_entry(integer, obligation_part[]) IS
    'Internal: the journal of a payment or delivery, lines in the order of golden journals J07f and J07g.';

CREATE FUNCTION bakkt_ledger_internal.discharge(client_id integer, reference text, kind text, parts obligation_part[], at timestamptz, description text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    part obligation_part;
    owed obligation;
    posted journal_result;
BEGIN
    FOREACH part IN ARRAY parts LOOP
        owed := require_obligation(client_id, part.obligation_id);
        IF owed.payer = 'BAKKT' THEN
            PERFORM require_agreed(owed);
        END IF;
    END LOOP;
    posted := post_entry(client_id, reference, kind, discharge_entry(client_id, parts), at, description);
    FOREACH part IN ARRAY parts LOOP
        owed := require_obligation(client_id, part.obligation_id);
        PERFORM change_obligation(owed, 'paid',
                                  CASE WHEN part.amount = outstanding(owed) THEN 'SETTLED' ELSE 'PARTIALLY_SETTLED' END,
                                  part.amount, at, reference, posted.journal);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION discharge(integer, text, text, obligation_part[], timestamptz, text) IS
    'Internal: posts a payment and applies it to obligations; LG071 when it pays out for a window that is not agreed.';

CREATE TYPE bakkt_ledger.obligation_payment AS (
    obligation bigint,
    settlement_window text,
    counterparty text,
    asset asset,
    paid amount,
    outstanding amount,
    state text,
    journal bigint
);
COMMENT ON TYPE obligation_payment IS 'What a request did to an obligation, and the obligation''s present state.';

CREATE FUNCTION bakkt_ledger_internal.payments_of(client_id integer, reference text) RETURNS SETOF obligation_payment
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT o.obligation_id, 'W' || o.window_no, o.counterparty, o.asset, e.amount, outstanding(o), o.state, e.journal_id
    FROM obligation_event e
    JOIN obligation o USING (client_id, obligation_id)
    WHERE e.client_id = payments_of.client_id AND e.reference = payments_of.reference
    ORDER BY o.first_due, o.first_window, o.obligation_id, e.event_no
$$;
COMMENT ON FUNCTION payments_of(integer, text) IS 'Internal: what the request with that reference has done.';
CREATE INDEX obligation_event_reference ON obligation_event (client_id, reference) WHERE reference IS NOT NULL;

CREATE FUNCTION bakkt_ledger_internal.counterparty_kind_of(client text, counterparty text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF counterparty = client THEN
        RETURN 'client';
    END IF;
    IF NOT EXISTS (SELECT FROM liquidity_provider p WHERE p.code = counterparty) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG014',
            MESSAGE = format('liquidity provider "%s" does not exist', coalesce(counterparty, 'NULL')),
            HINT = 'A counterparty is the client itself or a provider opened with open_liquidity_provider().';
    END IF;
    RETURN 'provider';
END;
$$;
COMMENT ON FUNCTION counterparty_kind_of(text, text) IS 'Internal: client or provider; LG014 when it is neither.';

CREATE FUNCTION bakkt_ledger_internal.window_number(client text, closes_on date) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    result integer;
BEGIN
    SELECT w.window_no INTO result FROM settlement_window w
    WHERE w.client_id = require_client(client) AND w.closes_on = window_number.closes_on;
    IF NOT FOUND THEN
        PERFORM refuse_window(client, closes_on);
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION window_number(text, date) IS 'Internal: the number of a closed window; LG070.';

CREATE FUNCTION bakkt_ledger.record_wire(client text, reference text, direction text, amount amount, counterparty text DEFAULT NULL,
                            closes_on date DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    party text := coalesce(counterparty, client);
    party_kind text := counterparty_kind_of(client, party);
BEGIN
    PERFORM lock_settlement(holder);
    IF NOT requested_before(holder, reference,
                            jsonb_build_object('operation', 'record_wire', 'direction', direction, 'amount', amount::text,
                                               'counterparty', party, 'closes_on', to_jsonb(closes_on)), at) THEN
        IF direction IS NULL OR direction NOT IN ('received', 'sent') THEN
            PERFORM refuse_invalid('direction of a wire is received or sent', format('Direction: "%s".', direction), 'One of received, sent.');
        ELSIF NOT EXISTS (SELECT FROM supported_asset a WHERE a.asset = asset(record_wire.amount) AND a.kind = 'FIAT') THEN
            RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('%s is not money that a wire can carry', coalesce(amount::text, 'NULL')),
                HINT = 'Record deliveries of coin with settle_provider().';
        END IF;
        PERFORM discharge(holder, reference, 'settlement_wire',
                          ARRAY(SELECT p FROM choose_parts(holder, party_kind, party,
                                    CASE WHEN record_wire.closes_on IS NOT NULL THEN window_number(client, record_wire.closes_on) END,
                                    direction, amount) AS p),
                          at, format('Wire %s %s %s', direction, CASE direction WHEN 'sent' THEN 'to' ELSE 'from' END, party));
    END IF;
    RETURN QUERY SELECT * FROM payments_of(holder, reference);
END;
$$;
COMMENT ON FUNCTION record_wire(text, text, text, amount, text, date, timestamptz) IS
    'Records a wire received from or sent to a counterparty (the client itself, or a provider''s code), whole or in part: '
    'journal J07f or its mirror, applied to the obligations of one window (closes_on) or to all outstanding ones, oldest first. '
    'Money received is recorded at any time; money is sent only for an agreed window (LG071). Repeating a reference returns the '
    'same result; other content is LG020. LG073 nothing is owed in that direction, LG074 more than is outstanding, LG045, '
    'LG042, LG014, LG070.';

CREATE FUNCTION bakkt_ledger.settle_provider(client text, reference text, provider text, closes_on date DEFAULT NULL,
                                amounts amount[] DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    number integer := CASE WHEN closes_on IS NOT NULL THEN window_number(client, closes_on) END;
    parts obligation_part[];
BEGIN
    IF counterparty_kind_of(client, provider) <> 'provider' THEN
        PERFORM refuse_invalid(format('"%s" is no liquidity provider', provider));
    END IF;
    PERFORM require_batch_size(cardinality(amounts));
    PERFORM lock_settlement(holder);
    IF NOT requested_before(holder, reference,
                            jsonb_build_object('operation', 'settle_provider', 'provider', provider,
                                               'closes_on', to_jsonb(closes_on), 'amounts', amounts::text), at) THEN
        IF amounts IS NULL THEN
            parts := ARRAY(SELECT (o.obligation_id, outstanding(o))::obligation_part
                           FROM obligation o JOIN supported_asset a USING (asset)
                           WHERE o.client_id = holder AND o.counterparty_kind = 'provider' AND o.counterparty = provider
                             AND o.final_at IS NULL AND (number IS NULL OR o.window_no = number)
                           ORDER BY a.kind <> 'FIAT', o.asset, o.first_due, o.first_window, o.obligation_id);
        ELSE
            parts := ARRAY(SELECT p FROM unnest(amounts) WITH ORDINALITY AS m (amount, place),
                                         choose_parts(holder, 'provider', provider, number, NULL, m.amount) AS p
                           ORDER BY m.place, p.obligation_id);
        END IF;
        IF cardinality(parts) = 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'LG073', MESSAGE = format('nothing is outstanding with %s', provider),
                HINT = 'obligations() lists what is outstanding.';
        ELSIF (SELECT count(DISTINCT p.obligation_id) FROM unnest(parts) AS p) < cardinality(parts) THEN
            PERFORM refuse_invalid('an asset is named twice among the amounts');
        END IF;
        PERFORM discharge(holder, reference, 'lp_settlement', parts, at, format('Settlement with %s', provider));
    END IF;
    RETURN QUERY SELECT * FROM payments_of(holder, reference);
END;
$$;
COMMENT ON FUNCTION settle_provider(text, text, text, date, amount[], timestamptz) IS
    'Records payments and deliveries with a liquidity provider, in both directions, in one journal (J07g): everything '
    'outstanding for one window (closes_on) or for all, or the given positive amounts, each in the direction in which it is '
    'owed. A delivery of coin moves the customers'' coin into the company''s control; the first delivery also clears what '
    'purchases and sales set off. Idempotent by reference. LG071 when it pays out for a window that is not agreed, LG073, '
    'LG074, LG014, LG020, LG070.';

CREATE FUNCTION bakkt_ledger.settle_window(client text, closes_on date, reference text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    number integer := window_number(client, closes_on);
    owed obligation;
    part_reference text;
    stored jsonb;
BEGIN
    PERFORM require_settlement_reference(reference);
    PERFORM lock_settlement(holder);
    FOR owed IN
        SELECT DISTINCT ON (o.counterparty_kind, o.counterparty, CASE o.counterparty_kind WHEN 'client' THEN o.obligation_id END) o.*
        FROM obligation o
        WHERE o.client_id = holder AND o.window_no = number
          AND (o.final_at IS NULL
               OR EXISTS (SELECT FROM settlement_request r
                          WHERE r.client_id = holder AND left(r.reference, length(settle_window.reference) + 1) = settle_window.reference || ':'))
        ORDER BY o.counterparty_kind, o.counterparty, CASE o.counterparty_kind WHEN 'client' THEN o.obligation_id END, o.obligation_id
    LOOP
        part_reference := concat_ws(':', settle_window.reference, owed.counterparty,
                                    CASE owed.counterparty_kind WHEN 'client' THEN owed.asset::text END);
        SELECT r.request INTO stored FROM settlement_request r WHERE r.client_id = holder AND r.reference = part_reference;
        IF FOUND THEN
            PERFORM refuse_other_content('Reference', part_reference, stored,
                jsonb_build_object('operation', CASE owed.counterparty_kind WHEN 'client' THEN 'record_wire' ELSE 'settle_provider' END,
                                   'closes_on', to_jsonb(closes_on)));
            RETURN QUERY SELECT * FROM payments_of(holder, part_reference);
        ELSIF owed.final_at IS NOT NULL THEN
            CONTINUE;
        ELSIF owed.counterparty_kind = 'client' THEN
            RETURN QUERY SELECT * FROM record_wire(client, part_reference,
                                                   CASE WHEN owed.payer = owed.counterparty THEN 'received' ELSE 'sent' END,
                                                   outstanding(owed), owed.counterparty, closes_on, at);
        ELSE
            RETURN QUERY SELECT * FROM settle_provider(client, part_reference, owed.counterparty, closes_on, NULL, at);
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION settle_window(text, date, text, timestamptz) IS
    'Records that everything outstanding for an agreed window was paid and delivered: a wire with the client and a settlement '
    'with each provider, under references of the form reference:counterparty. Errors as record_wire() and settle_provider().';
