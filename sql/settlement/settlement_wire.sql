-- Wires and deliveries with a client or a provider, in whole and in part.
--
-- Refuses what is above what is outstanding when it goes out (LG073, LG074); what comes in above
-- that is unapplied. Locks: lock_settlement().

-- LG002, LG042, LG045 unless a wire can go that way and carry the amount.
CREATE FUNCTION bakkt_ledger_internal.require_wire(direction text, worth amount) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF direction IS NULL OR direction NOT IN ('received', 'sent') THEN
        PERFORM refuse_invalid('direction of a wire is received or sent', format('Direction: "%s".', direction),
                               'One of received, sent.');
    ELSIF NOT EXISTS (SELECT FROM supported_asset AS s WHERE s.asset = asset(worth) AND s.kind = 'FIAT') THEN
        PERFORM refuse('LG042', format('%s is not money that a wire can carry', coalesce(worth::text, 'NULL')), NULL,
                       'Record deliveries of coin with settle_provider().');
    END IF;
END;
$$;

-- Books a wire on what is owed its way, oldest first; what comes in above that is unapplied.
CREATE FUNCTION bakkt_ledger_internal.discharge_wire(asked request, of_kind text, party text, direction text, worth amount,
                                                     number integer)
    RETURNS obligation_result[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    parts constant obligation_part[] := ARRAY(SELECT p
                                              FROM choose_parts(asked.client_id, of_kind, party, number, direction, worth) AS p);
    rest constant amount := rest_of(worth, parts);
    apart unapplied_payment[] := '{}';
BEGIN
    IF direction = 'sent' THEN
        PERFORM require_owed(worth, parts, direction, party);
    ELSIF sign(rest) = 1 THEN
        apart := ARRAY[new_unapplied(asked, of_kind, party, rest)];
    END IF;
    RETURN discharge(asked, 'settlement_wire', parts,
                     format('Wire %s %s %s', direction, CASE direction WHEN 'sent' THEN 'to' ELSE 'from' END, party), apart);
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
    END IF;
    PERFORM require_wire(direction, amount), set_off_due(holder, at) WHERE closes_on IS NULL;
    RETURN QUERY
    SELECT a.* FROM unnest(discharge_wire(asked, party_kind, party, direction, amount, window_number(client, closes_on))) AS a;
END;
$$;
COMMENT ON FUNCTION record_wire IS
'Records a wire received from or sent to a counterparty (the client itself, or a provider''s code), whole or in part.
Journal J07f or its mirror, applied to the obligations of one window (closes_on) or to all outstanding ones, oldest first, after
set_off_obligations() of what is due: a row for each. Money received is booked at any time, and what of it nothing is owed for is
unapplied, a row of its own; money is sent only for an agreed window. Idempotent by reference: the first answer again.
Errors: LG002, LG010, LG014, LG020 other content, LG042, LG045, LG061, LG070, LG071; of money sent LG073 nothing is owed, LG074
more than is outstanding.';

-- Everything outstanding with a provider, money first; number may be NULL for all windows.
CREATE FUNCTION bakkt_ledger_internal.all_of_provider(holder integer, party text, number integer) RETURNS obligation_part[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT (o, outstanding(o))::obligation_part
                 FROM obligation AS o
                 JOIN supported_asset AS a USING (asset)
                 WHERE o.client_id = holder AND o.counterparty_kind = 'provider' AND o.counterparty = party
                   AND o.final_at IS NULL AND (number IS NULL OR o.window_no = number)
                 ORDER BY a.kind <> 'FIAT', o.asset, o.first_due, o.first_window, o.obligation_id);

-- What a settlement with a provider discharges: the given amounts, or everything outstanding. LG002
-- an asset named twice, LG073 nothing outstanding.
CREATE FUNCTION bakkt_ledger_internal.parts_of_provider(holder integer, party text, number integer, amounts amount[])
    RETURNS obligation_part[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    parts obligation_part[];
BEGIN
    IF (SELECT count(DISTINCT asset(m)) < count(m) FROM unnest(amounts) AS m) THEN
        PERFORM refuse_invalid('an asset is named twice among the amounts');
    ELSIF amounts IS NULL THEN
        parts := all_of_provider(holder, party, number);
    ELSE
        parts := ARRAY(SELECT p
                       FROM unnest(amounts) WITH ORDINALITY AS m (worth, place)
                       CROSS JOIN LATERAL choose_parts(holder, 'provider', party, number, NULL, m.worth) AS p
                       ORDER BY m.place, (p.owed).obligation_id);
    END IF;
    IF cardinality(parts) = 0 THEN
        PERFORM refuse('LG073', format('nothing is outstanding with %s', party), NULL,
                       'obligations() lists what is outstanding.');
    END IF;
    RETURN parts;
END;
$$;

-- What of the given amounts a provider pays or delivers above all that it owes: unapplied. LG073 or
-- LG074 when it would go out, or nothing in the asset is owed either way.
CREATE FUNCTION bakkt_ledger_internal.apart_of_provider(asked request, party text, amounts amount[], parts obligation_part[])
    RETURNS unapplied_payment[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_owed(worth, parts, NULL, party)
    FROM unnest(amounts) AS worth
    WHERE rest_of(worth, parts) = worth
       OR EXISTS (SELECT FROM unnest(parts) AS p WHERE (p.owed).asset = asset(worth) AND (p.owed).payer = 'BAKKT');
    RETURN ARRAY(SELECT new_unapplied(asked, 'provider', party, rest_of(worth, parts))
                 FROM unnest(amounts) AS worth
                 WHERE NOT is_zero(rest_of(worth, parts)));
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
    parts obligation_part[];
BEGIN
    IF counterparty_kind_of(client, provider) <> 'provider' THEN
        PERFORM refuse_invalid(format('"%s" is no liquidity provider', provider));
    END IF;
    PERFORM require_batch_size(cardinality(amounts));
    asked := open_settlement_request('settle_provider', holder, reference,
                                     jsonb_build_object('provider', provider, 'closes_on', closes_on, 'amounts', amounts), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
        RETURN;
    END IF;
    PERFORM set_off_due(holder, at) WHERE closes_on IS NULL;
    parts := parts_of_provider(holder, provider, number, amounts);
    RETURN QUERY
    SELECT a.*
    FROM unnest(discharge(asked, 'provider_settlement', parts, format('Settlement with %s', provider),
                          apart_of_provider(asked, provider, amounts, parts))) AS a;
END;
$$;
COMMENT ON FUNCTION settle_provider IS
'Pays and is paid by, delivers coin to and receives it from a liquidity provider in one journal (J07g).
Everything outstanding of one window (closes_on) or of all, or the given positive amounts, each in the direction in which it is
owed: a row for each obligation. A delivery of coin moves the customers'' coin into control; the first one also clears what
purchases and sales set off. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG014, LG020, LG045, LG061, LG070, LG071 it pays out for a window that is not agreed, LG073, LG074,
54000.';

-- What settles a window: what it owes, and what else is part of the payments that this went into. A
-- wire with the client for each asset and direction, one settlement with a provider. LG071 while
-- any of it waits to be set off.
CREATE FUNCTION bakkt_ledger_internal.wires_of_window(client text, number integer, reference text)
    RETURNS TABLE (kind text, counterparty text, direction text, named text, parts obligation_part[])
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    waiting obligation;
BEGIN
    SELECT o.* INTO waiting
    FROM obligation AS o
    WHERE o.client_id = holder AND o.window_no = number AND o.final_at IS NULL AND may_be_set_off(o)
    LIMIT 1;
    IF FOUND THEN
        PERFORM require_agreed(waiting);
        PERFORM refuse('LG071',
                       format('obligation %s of window %s is not set off yet', waiting.obligation_id, window_name(number)),
                       'It waits for the other windows that fall due with it, or for the next payment.',
                       'Close these windows and agree on them first, or record a wire for this window alone.');
    END IF;
    RETURN QUERY
    SELECT w.kind, w.counterparty, w.direction,
           concat_ws(':', wires_of_window.reference, w.counterparty, w.unit,
                     CASE WHEN count(*) OVER (PARTITION BY w.kind, w.counterparty, w.unit) > 1 THEN w.direction END),
           w.parts
    FROM (SELECT CASE o.counterparty_kind WHEN 'client' THEN 'settlement_wire' ELSE 'provider_settlement' END AS kind,
                 o.counterparty,
                 CASE o.counterparty_kind WHEN 'client' THEN o.asset::text END AS unit,
                 CASE o.counterparty_kind WHEN 'client' THEN direction_of(o) END AS direction,
                 array_agg((o, outstanding(o))::obligation_part
                           ORDER BY a.kind <> 'FIAT', o.asset, o.first_due, o.first_window, o.obligation_id)
                     FILTER (WHERE o.final_at IS NULL) AS parts
          FROM obligation AS o
          JOIN supported_asset AS a USING (asset)
          LEFT JOIN payment AS p USING (client_id, payment_id)
          WHERE o.client_id = holder
            AND (o.window_no = number
                 OR o.payment_id IN (SELECT x.payment_id
                                     FROM obligation AS x
                                     WHERE x.client_id = holder AND x.window_no = number))
            -- what a payment leaves against its own direction was set off
            AND (o.payment_id IS NULL OR p.payer = o.payer)
          GROUP BY 1, 2, 3, 4) AS w
    ORDER BY w.kind DESC, w.counterparty, 4;
END;
$$;

CREATE FUNCTION bakkt_ledger.settle_window(client text, closes_on date, reference text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    number constant integer := window_number(client, closes_on);
    wire record;
    asked request;
BEGIN
    PERFORM require_own_reference(reference, 'a settlement request'), lock_settlement(holder), set_off_due(holder, at);
    FOR wire IN SELECT w.* FROM wires_of_window(client, number, reference) AS w LOOP
        asked := open_settlement_request('settle_window', holder, wire.named,
                                         jsonb_build_object('counterparty', wire.counterparty, 'closes_on', closes_on), at);
        IF asked.outcome IS NOT NULL THEN
            RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
        ELSIF wire.parts IS NOT NULL THEN
            RETURN QUERY
            SELECT a.*
            FROM unnest(discharge(asked, wire.kind, wire.parts,
                                   format('Window %s settled with %s', window_name(number), wire.counterparty))) AS a;
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION settle_window IS
'Records that everything outstanding of an agreed window was paid and delivered, with all else of the payments it is part of.
First set_off_obligations(); then a wire with the client for each asset, and a settlement with each provider. They are referenced
reference:counterparty, a wire reference:counterparty:asset, and where wires go both ways, because some was paid in part before,
:received or :sent; so are the rows. Again is the first answer.
Errors: as in record_wire() and settle_provider(); LG071 while another window due on the same date is not closed and agreed.';
