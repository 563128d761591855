-- Novation: the journals and obligations that replace what a window's executions owe (J07d, J07e).
-- Locks what posting locks, under the client's settlement.

CREATE FUNCTION bakkt_ledger_internal.novated_name(counterparty_kind text, counterparty text, window_no integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE counterparty_kind WHEN 'client' THEN 'Client:obligation:' ELSE 'LP:net:' END || counterparty || ':W' || window_no;
COMMENT ON FUNCTION novated_name(text, text, integer) IS 'Name of the account, in fund CORP, that holds a novated obligation.';

CREATE FUNCTION bakkt_ledger_internal.novation_entry(client_id integer, window_no integer, settled settled_account[]) RETURNS journal_entry
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH net AS (
        SELECT s.counterparty_kind, s.counterparty, s.asset, sum(s.amount) AS amount,
               sum(s.amount) FILTER (WHERE s.kind = 'corp_lp_coin_receivable') AS coin,
               bool_and(s.kind IN ('corp_lp_coin_receivable', 'corp_lp_coin_payable')) AS is_coin
        FROM unnest(settled) AS s
        GROUP BY s.counterparty_kind, s.counterparty, s.asset
    ), line AS (
        -- bring each account to zero,
        SELECT n.is_coin, s.asset, 'CORP' AS fund, -s.amount AS amount,
               CASE s.kind
                   WHEN 'corp_client_settlement' THEN 'Client:settlement:'
                   WHEN 'corp_lp_payable' THEN 'LP:payable:'
                   WHEN 'corp_lp_receivable' THEN 'LP:receivable:'
                   WHEN 'corp_lp_coin_payable' THEN 'LP:coin-payable:'
                   WHEN 'corp_lp_coin_receivable' THEN 'LP:coin-receivable:'
               END || s.counterparty AS name,
               CASE s.kind
                   WHEN 'corp_client_settlement' THEN 2
                   WHEN 'corp_lp_payable' THEN 1
                   WHEN 'corp_lp_receivable' THEN 2
                   WHEN 'corp_lp_coin_payable' THEN 3
                   ELSE 4
               END AS place
        FROM unnest(settled) AS s JOIN net n USING (counterparty_kind, counterparty, asset)
        UNION ALL
        -- and move the net to the window's own account
        SELECT n.is_coin, n.asset, 'CORP', n.amount, novated_name(n.counterparty_kind, n.counterparty, window_no),
               CASE n.counterparty_kind WHEN 'client' THEN 1 ELSE 5 END
        FROM net n
        WHERE NOT is_zero(n.amount)
        UNION ALL
        -- coin whose net is zero is never delivered, so it is set off between the funds now
        SELECT true, n.asset, leg.fund, leg.amount, leg.name, leg.place
        FROM net n
        CROSS JOIN LATERAL (VALUES
            ('CORP', 'DueTo:CUST', n.coin, 6), ('CORP', 'DueFrom:CUST', -n.coin, 7),
            ('CUST', 'DueTo:CORP', n.coin, 8), ('CUST', 'DueFrom:CORP', -n.coin, 9)
        ) AS leg (fund, name, amount, place)
        WHERE is_zero(n.amount) AND n.is_coin
    )
    SELECT journal_entry(ensure_account(novation_entry.client_id, l.fund, l.name, l.asset), l.amount
                         ORDER BY l.is_coin, l.asset, l.place)
    FROM line l
$$;
COMMENT ON FUNCTION novation_entry(integer, integer, settled_account[]) IS
    'Internal: the novation of one counterparty, lines in the order of golden journals J07d and J07e; NULL when there is '
    'nothing to novate.';

CREATE FUNCTION bakkt_ledger_internal.enter_obligations(sealed settlement_window, settled settled_account[], journal_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owed obligation;
BEGIN
    FOR owed IN
        INSERT INTO obligation AS o (client_id, window_no, counterparty_kind, counterparty, asset, payer, payee, amount, applied,
                                     receivable, payable, value_date, due_at, first_due, first_window, entered_at)
        SELECT sealed.client_id, sealed.window_no, n.counterparty_kind, n.counterparty, n.asset,
               CASE sign(n.net) WHEN 1 THEN n.counterparty ELSE 'BAKKT' END,
               CASE sign(n.net) WHEN 1 THEN 'BAKKT' ELSE n.counterparty END,
               abs(n.net), zero(n.asset), n.receivable, n.net - n.receivable,
               v.day, value_deadline(rail.calendar, v.day, rail.version), value_deadline(rail.calendar, v.day, rail.version),
               sealed.window_no, sealed.closed_at
        FROM (SELECT s.counterparty_kind, s.counterparty, s.asset, sum(s.amount) AS net,
                     coalesce(sum(s.amount) FILTER (WHERE s.kind IN ('corp_lp_receivable', 'corp_lp_coin_receivable')
                                                       OR s.kind = 'corp_client_settlement' AND sign(s.amount) = 1),
                              zero(s.asset)) AS receivable
              FROM unnest(settled) AS s
              GROUP BY s.counterparty_kind, s.counterparty, s.asset) AS n
        JOIN supported_asset a USING (asset)
        CROSS JOIN LATERAL (SELECT CASE a.kind WHEN 'FIAT' THEN sealed.cash_calendar ELSE sealed.coin_calendar END AS calendar,
                                   CASE a.kind WHEN 'FIAT' THEN sealed.cash_version ELSE sealed.coin_version END AS version) AS rail
        CROSS JOIN LATERAL (SELECT value_date(rail.calendar, sealed.to_at, rail.version) AS day) AS v
        WHERE NOT is_zero(n.net)
        ORDER BY a.kind <> 'FIAT', n.asset
        RETURNING o.*
    LOOP
        PERFORM record_obligation_event(owed, 'entered', NULL, sealed.closed_at, NULL, journal_id);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION enter_obligations(settlement_window, settled_account[], bigint) IS
    'Internal: enters the obligations of one counterparty in a window that is being sealed.';

CREATE FUNCTION bakkt_ledger_internal.free_reference(client_id integer, wanted text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    result text := wanted;
    attempt integer := 1;
BEGIN
    WHILE EXISTS (SELECT FROM journal j WHERE j.client_id = free_reference.client_id AND j.reference = result)
          OR EXISTS (SELECT FROM rejection r WHERE r.client_id = free_reference.client_id AND r.reference = result) LOOP
        attempt := attempt + 1;
        result := format('%s#%s', wanted, attempt);
    END LOOP;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION free_reference(integer, text) IS
    'Internal: the reference, or a variant of it if it was used already, so that nobody can keep a window from closing by using '
    'up its references.';

CREATE FUNCTION bakkt_ledger_internal.novate(sealed settlement_window, settled settled_account[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    one record;
    posted journal_result;
BEGIN
    FOR one IN
        SELECT s.counterparty_kind, s.counterparty, array_agg(s) AS settled
        FROM unnest(novate.settled) AS s
        GROUP BY s.counterparty_kind, s.counterparty
        ORDER BY s.counterparty_kind DESC, s.counterparty COLLATE "C"
    LOOP
        posted := post_entry(sealed.client_id,
                             free_reference(sealed.client_id, format('settlement:W%s:%s:%s', sealed.window_no,
                                                                     one.counterparty_kind, one.counterparty)),
                             'novation',
                             novation_entry(sealed.client_id, sealed.window_no, one.settled),
                             sealed.to_at,
                             format('Window W%s novated to one net per asset with %s', sealed.window_no, one.counterparty));
        INSERT INTO window_novation VALUES (sealed.client_id, posted.journal, sealed.window_no);
        PERFORM enter_obligations(sealed, one.settled, posted.journal);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION novate(settlement_window, settled_account[]) IS
    'Internal: posts a journal and enters the obligations for each counterparty of a window: providers first (J07d), then the '
    'client (J07e).';
