-- Discharging obligations by one journal: which ones, how far, and what that posts.
--
-- Refuses what would be paid out for a window that is not agreed (LG071), and what nothing is owed
-- for (LG073, LG074). Locks: lock_settlement().

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
    IF NOT is_agreed(stands) THEN
        PERFORM refuse('LG071', format('obligation %s cannot be paid out: window %s is %s', owed.obligation_id,
                                       window_name(owed.first_window), stands), NULL,
                       'Agree on the window first, with advise_window() and agree_window().');
    END IF;
END;
$$;

CREATE TYPE bakkt_ledger_internal.obligation_part AS (owed obligation, paid amount);
COMMENT ON TYPE obligation_part IS 'Internal: how much of an obligation a payment discharges.';

-- Spreads money or coin over a counterparty's outstanding obligations, oldest first, as far as they
-- go; number and direction may be NULL for any. LG045 not positive.
CREATE FUNCTION bakkt_ledger_internal.choose_parts(holder integer, of_kind text, party text, number integer, direction text,
                                                   worth amount)
    RETURNS SETOF obligation_part
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owed obligation;
    rest amount := worth;
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
          AND (direction IS NULL OR direction = direction_of(o))
        ORDER BY o.first_due, o.first_window, o.obligation_id
    LOOP
        EXIT WHEN is_zero(rest);
        RETURN NEXT (owed, least(rest, outstanding(owed)))::obligation_part;
        rest := rest - least(rest, outstanding(owed));
    END LOOP;
END;
$$;

-- What is left of an amount when these parts of it have found an obligation.
CREATE FUNCTION bakkt_ledger_internal.rest_of(worth amount, parts obligation_part[]) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN worth - (SELECT coalesce(sum(p.paid), zero(asset(worth)))
                    FROM unnest(parts) AS p
                    WHERE (p.owed).asset = asset(worth));

-- LG073 or LG074 when more would go out, or be applied, than the parts that found an obligation.
CREATE FUNCTION bakkt_ledger_internal.require_owed(worth amount, parts obligation_part[], direction text, party text)
    RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    rest constant amount := rest_of(worth, parts);
BEGIN
    IF rest = worth THEN
        PERFORM refuse('LG073', format('nothing in %s is owed %s %s', asset(worth),
                                       CASE direction WHEN 'received' THEN 'by' WHEN 'sent' THEN 'to' ELSE 'by or to' END, party),
                       NULL, 'obligations() lists what is outstanding.');
    ELSIF sign(rest) = 1 THEN
        PERFORM refuse('LG074', format('payment of %s exceeds what is outstanding', worth),
                       format('Outstanding: %s.', worth - rest), 'Record the part that is owed; book the rest where it belongs.',
                       jsonb_build_object('given', worth, 'outstanding', worth - rest));
    END IF;
END;
$$;

-- The journal of a payment or delivery, lines in the order of golden journals J07f and J07g:
-- obligation by obligation, of money the debit first, of coin the CORP side first; an account that
-- several obligations touch has one line, where it came first. apart: what becomes unapplied
-- besides, of coin and money alike as if the counterparty had paid a debt of its own; negative:
-- what is taken from there. Of obligations that are set off the bank's lines cancel.
CREATE FUNCTION bakkt_ledger_internal.discharge_entry(holder integer, parts obligation_part[],
                                                      apart unapplied_payment[] DEFAULT '{}')
    RETURNS journal_entry
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
        UNION ALL
        SELECT (cardinality(parts) + u.ordinality) * 10, a.kind = 'FIAT', u.asset, unapplied_kind(u.counterparty_kind),
               ARRAY[u.counterparty], u.amount, false, 0, zero(u.asset), zero(u.asset)
        FROM unnest(apart) WITH ORDINALITY AS u
        JOIN supported_asset AS a USING (asset)
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

-- Posts a payment and applies it to obligations, what is apart to none, and answers the request;
-- LG071 when it pays out for a window that is not agreed.
CREATE FUNCTION bakkt_ledger_internal.discharge(asked request, kind text, parts obligation_part[], text_of_journal text,
                                                apart unapplied_payment[] DEFAULT '{}')
    RETURNS obligation_result[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before constant obligation[] := ARRAY(SELECT p.owed FROM unnest(parts) WITH ORDINALITY AS p ORDER BY p.ordinality);
    paid constant amount[] := ARRAY(SELECT p.paid FROM unnest(parts) WITH ORDINALITY AS p ORDER BY p.ordinality);
    posted journal_result;
    answers obligation_result[] := '{}';
BEGIN
    PERFORM require_agreed(b) FROM unnest(before) AS b WHERE b.payer = 'BAKKT';
    posted := post_entry(asked.client_id, asked.reference, kind, discharge_entry(asked.client_id, parts, apart), asked.at,
                         text_of_journal);
    IF cardinality(parts) > 0 THEN
        answers := obligation_answers(asked, 'paid', change_obligations(asked, 'paid', before, paid, posted.journal), paid,
                                      posted.journal);
    END IF;
    RETURN close_request(asked, answers || ARRAY(SELECT book_unapplied(asked, u, posted.journal) FROM unnest(apart) AS u));
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
