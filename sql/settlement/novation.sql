-- Novation: a window's executions are replaced by one obligation per counterparty and asset.

-- The novation of one counterparty, lines in the order of golden journals J07d and J07e: money
-- before coin; for each asset first what is payable, then what is receivable, then the net, of a
-- client the net first; then, of coin that nets to nothing, what is set off between the funds. NULL
-- of nothing.
CREATE FUNCTION bakkt_ledger_internal.novation_entry(holder integer, number integer, settled settled_account[])
    RETURNS journal_entry
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    WITH net AS (
        SELECT s.counterparty_kind, s.counterparty, s.asset, sum(s.amount) AS amount,
               sum(s.amount) FILTER (WHERE s.kind = 'corp_provider_coin_receivable') AS coin,
               bool_and(s.kind IN ('corp_provider_coin_receivable', 'corp_provider_coin_payable')) AS is_coin
        FROM unnest(settled) AS s
        GROUP BY s.counterparty_kind, s.counterparty, s.asset
    ), line AS (
        -- bring each account to zero ...
        SELECT n.is_coin, s.asset, s.kind, ARRAY[s.counterparty] AS parties, -s.amount AS amount,
               CASE s.kind
                   WHEN 'corp_provider_payable' THEN 1
                   WHEN 'corp_provider_coin_payable' THEN 3
                   WHEN 'corp_provider_coin_receivable' THEN 4
                   ELSE 2
               END AS place
        FROM unnest(settled) AS s
        JOIN net AS n USING (counterparty_kind, counterparty, asset)
        UNION ALL
        -- ... and the net to the window's own account
        SELECT n.is_coin, n.asset, novated_kind(n.counterparty_kind), ARRAY[n.counterparty, window_name(number)], n.amount,
               CASE n.counterparty_kind WHEN 'client' THEN 1 ELSE 5 END
        FROM net AS n
        WHERE NOT is_zero(n.amount)
        UNION ALL
        -- coin that nets to nothing is never delivered: set it off between the funds now
        SELECT true, n.asset, leg.kind, '{}', leg.amount, leg.place
        FROM net AS n
        CROSS JOIN LATERAL (VALUES
            ('corp_due_to_cust', n.coin, 6), ('corp_due_from_cust', -n.coin, 7),
            ('cust_due_to_corp', n.coin, 8), ('cust_due_from_corp', -n.coin, 9)
        ) AS leg (kind, amount, place)
        WHERE is_zero(n.amount) AND n.is_coin
    )
    SELECT journal_entry(account_of_kind(holder, l.kind, l.asset, VARIADIC l.parties), l.amount
                         ORDER BY l.is_coin, l.asset, l.place)
    FROM line AS l;
END;

-- The obligations of a window that is being sealed, each with the journal that novated it, by kind
-- and code of the counterparty.
CREATE FUNCTION bakkt_ledger_internal.enter_obligations(sealed settlement_window, settled settled_account[], novated jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    entered obligation[];
BEGIN
    WITH owed AS (
        SELECT s.counterparty_kind, s.counterparty, s.asset, sum(s.amount) AS net,
               coalesce(sum(s.amount) FILTER (WHERE s.kind IN ('corp_provider_receivable', 'corp_provider_coin_receivable')
                                                 OR s.kind = 'corp_client_settlement' AND sign(s.amount) = 1),
                        zero(s.asset)) AS receivable
        FROM unnest(settled) AS s
        GROUP BY s.counterparty_kind, s.counterparty, s.asset
        HAVING NOT is_zero(sum(s.amount))
    ), entered AS (
        INSERT INTO obligation AS o (client_id, window_no, counterparty_kind, counterparty, asset, payer, payee, amount, applied,
                                     receivable, payable, value_date, due_at, first_due, first_window, recovered, entered_at)
        SELECT sealed.client_id, sealed.window_no, n.counterparty_kind, n.counterparty, n.asset,
               CASE sign(n.net) WHEN 1 THEN n.counterparty ELSE 'BAKKT' END,
               CASE sign(n.net) WHEN 1 THEN 'BAKKT' ELSE n.counterparty END,
               abs(n.net), zero(n.asset), n.receivable, n.net - n.receivable,
               v.day, d.deadline, d.deadline, sealed.window_no, zero(n.asset), sealed.closed_at
        FROM owed AS n
        JOIN supported_asset AS a USING (asset)
        JOIN (VALUES (true, sealed.cash_calendar, sealed.cash_version), (false, sealed.coin_calendar, sealed.coin_version))
            AS rail (is_cash, calendar, version) ON rail.is_cash = (a.kind = 'FIAT')
        CROSS JOIN LATERAL (SELECT value_date(rail.calendar, sealed.to_at, rail.version) AS day) AS v
        CROSS JOIN LATERAL (SELECT value_deadline(rail.calendar, v.day, rail.version) AS deadline) AS d
        ORDER BY n.counterparty_kind DESC, n.counterparty COLLATE "C", a.kind <> 'FIAT', n.asset
        RETURNING o AS state
    )
    SELECT array_agg(e.state ORDER BY (e.state).obligation_id) INTO entered FROM entered AS e;
    PERFORM record_events('entered', NULL::obligation[], entered, sealed.closed_at,
                          journals => ARRAY(SELECT (novated ->> concat_ws(':', e.counterparty_kind, e.counterparty))::bigint
                                            FROM unnest(entered) WITH ORDINALITY AS e ORDER BY e.ordinality));
END;
$$;

-- The reference, or one like it if somebody has used it: nobody can keep a window from closing by
-- taking its references.
CREATE FUNCTION bakkt_ledger_internal.free_reference(holder integer, wanted text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    free text := wanted;
    attempt integer := 1;
BEGIN
    WHILE EXISTS (SELECT FROM journal AS j WHERE j.client_id = holder AND j.reference = free)
          OR EXISTS (SELECT FROM rejection AS r WHERE r.client_id = holder AND r.reference = free) LOOP
        attempt := attempt + 1;
        free := format('%s#%s', wanted, attempt);
    END LOOP;
    RETURN free;
END;
$$;

-- A journal for each counterparty of a window, providers first (J07d), then the client (J07e); then
-- their obligations.
CREATE FUNCTION bakkt_ledger_internal.novate(sealed settlement_window, settled settled_account[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    parties text[];
    named text[];
    entries journal_entry[];
    texts text[];
    journals bigint[];
BEGIN
    SELECT array_agg(concat_ws(':', p.kind, p.code) ORDER BY p.place),
           array_agg(free_reference(sealed.client_id, format('settlement:W%s:%s:%s', sealed.window_no, p.kind, p.code))
                     ORDER BY p.place),
           array_agg(novation_entry(sealed.client_id, sealed.window_no, p.accounts) ORDER BY p.place),
           array_agg(format('Window W%s novated to one net per asset with %s', sealed.window_no, p.code) ORDER BY p.place)
    INTO parties, named, entries, texts
    FROM (SELECT s.counterparty_kind AS kind, s.counterparty AS code, array_agg(s) AS accounts,
                 row_number() OVER (ORDER BY s.counterparty_kind DESC, s.counterparty COLLATE "C") AS place
          FROM unnest(settled) AS s
          GROUP BY s.counterparty_kind, s.counterparty) AS p;
    IF parties IS NULL THEN
        RETURN;
    END IF;
    journals := post_entries(sealed.client_id, 'novation', named, entries, sealed.to_at, texts);
    PERFORM record_events('novated', w.same, w.same, sealed.closed_at, journals => journals)
    FROM (SELECT array_fill(sealed, ARRAY[cardinality(journals)]) AS same) AS w;
    PERFORM enter_obligations(sealed, settled, jsonb_object(parties, journals::text[]));
END;
$$;
