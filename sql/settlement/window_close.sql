-- Closing windows, and proving their figures from their members.
-- Refuses a window before its cut-off (LG072), figures that do not tie (LG076), isolation levels
-- above READ COMMITTED (25001).
-- Locks the client's settlement, then table block.

CREATE FUNCTION bakkt_ledger.check_window(client text, closes_on date)
    RETURNS TABLE (counterparty text, account_kind text, asset asset, members amount, novated amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    scope window_scope := scope_of(holder, closes_on);
BEGIN
    IF NOT scope.sealed THEN
        PERFORM refuse_window(client, closes_on);
    END IF;
    RETURN QUERY
    SELECT * FROM window_differences(scope, ARRAY(SELECT f FROM scope_figures(scope) AS f));
END;
$$;
COMMENT ON FUNCTION check_window(text, date) IS
    'Recomputes a sealed window from its members, and returns a row for every account on which the members and the novation '
    'disagree, and for every obligation that is not the net of its accounts; no rows when all agrees (I14). Amounts debit '
    'positive. LG070.';

CREATE FUNCTION bakkt_ledger_internal.window_differences(scope window_scope, figures window_figure[])
    RETURNS TABLE (counterparty text, account_kind text, asset asset, members amount, novated amount)
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH member AS (
        SELECT * FROM settled_accounts(scope, figures)
    ), novation AS (
        SELECT split_part(a.name, ':', 3) AS counterparty, a.kind, a.asset, -sum(l.amount) AS amount
        FROM window_novation n
        JOIN journal j ON j.client_id = n.client_id AND j.journal_id = n.journal_id
        CROSS JOIN LATERAL lines(j.entry) AS l
        JOIN account a ON a.client_id = n.client_id AND a.account = l.account
        WHERE n.client_id = (scope).client_id AND n.window_no = (scope).window_no
          AND a.kind IN ('corp_client_settlement', 'corp_lp_payable', 'corp_lp_receivable',
                         'corp_lp_coin_payable', 'corp_lp_coin_receivable')
        GROUP BY a.name, a.kind, a.asset
    ), net AS (
        SELECT m.counterparty_kind, m.counterparty, m.asset, sum(m.amount) AS amount
        FROM member m
        GROUP BY m.counterparty_kind, m.counterparty, m.asset
        HAVING NOT is_zero(sum(m.amount))
    ), owed AS (
        SELECT o.counterparty_kind, o.counterparty, o.asset,
               CASE WHEN o.payer = o.counterparty THEN o.amount ELSE -o.amount END AS amount
        FROM obligation o
        WHERE o.client_id = (scope).client_id AND o.window_no = (scope).window_no AND o.carried_from IS NULL
    )
    SELECT counterparty, kind, asset, m.amount, n.amount
    FROM member m FULL JOIN novation n USING (counterparty, kind, asset)
    WHERE m.amount *<> n.amount OR m.amount IS NULL OR n.amount IS NULL
    UNION ALL
    SELECT counterparty, 'obligation', asset, n.amount, o.amount
    FROM net n FULL JOIN owed o USING (counterparty_kind, counterparty, asset)
    WHERE n.amount *<> o.amount OR n.amount IS NULL OR o.amount IS NULL
$$;
COMMENT ON FUNCTION window_differences(window_scope, window_figure[]) IS
    'Internal: check_window() with figures that were computed before.';

CREATE FUNCTION bakkt_ledger_internal.prove_window(client text, closes_on date) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    scope window_scope := scope_of(require_client(client), closes_on);
    figures window_figure[];
    wrong record;
BEGIN
    IF NOT scope.sealed THEN
        PERFORM refuse_window(client, closes_on);
    END IF;
    figures := ARRAY(SELECT f FROM scope_figures(scope) AS f);
    SELECT * INTO wrong FROM window_differences(scope, figures) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'LG076',
            MESSAGE = format('window W%s of client "%s" does not tie to its members', scope.window_no, client),
            DETAIL = format('%s of %s: the members say %s, the novation %s.', wrong.account_kind, wrong.counterparty,
                            coalesce(wrong.members::text, 'nothing'), coalesce(wrong.novated::text, 'nothing')),
            HINT = 'check_window() lists all differences; run verify().';
    END IF;
    UPDATE settlement_window w
    SET executions = coalesce((SELECT sum(f.members) FROM unnest(figures) AS f), 0)
    WHERE w.client_id = scope.client_id AND w.window_no = scope.window_no AND w.executions IS NULL;
END;
$$;
COMMENT ON FUNCTION prove_window(text, date) IS
    'Internal: LG076 unless check_window() finds nothing; then counts the executions of the window.';

CREATE FUNCTION bakkt_ledger_internal.settlement_horizon() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM seal();
    RETURN coalesce((SELECT max(b.block_no) FROM block b), 0);
END;
$$;
COMMENT ON FUNCTION settlement_horizon() IS
    'Internal: seals what is known now and returns the last block, which is the horizon of a window that is being closed; 0 '
    'when nothing was ever posted.';

CREATE FUNCTION bakkt_ledger_internal.close_one_window(client_id integer, closes_on date, at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder client := client_row(client_id);
    agreement settlement_agreement;
    horizon bigint;
    scope window_scope;
    settled settled_account[];
    sealed settlement_window;
BEGIN
    SELECT * INTO STRICT agreement FROM settlement_agreement a WHERE a.client_id = close_one_window.client_id;
    horizon := settlement_horizon();
    scope := scope_of(client_id, closes_on, horizon);
    -- from balances, in a time that does not depend on the number of executions
    settled := ARRAY(SELECT l FROM ledger_accounts(scope, horizon) AS l);
    INSERT INTO window_boundary
    SELECT scope.client_id, b.boundary_no, b.at
    FROM (VALUES (scope.window_no - 1, scope.from_at), (scope.window_no, scope.to_at)) AS b (boundary_no, at)
    WHERE b.boundary_no = scope.window_no OR scope.window_no = 1;
    INSERT INTO settlement_window
        (client_id, window_no, closes_on, from_at, to_at, zone, cut_time, from_offset, to_offset, server_version,
         cash_calendar, cash_version, coin_calendar, coin_version, block_no, state, closed_at, sealed_at)
    VALUES
        (scope.client_id, scope.window_no, scope.closes_on, scope.from_at, scope.to_at, holder.zone, holder.cut_time,
         (scope.from_at AT TIME ZONE holder.zone) - (scope.from_at AT TIME ZONE 'UTC'),
         (scope.to_at AT TIME ZONE holder.zone) - (scope.to_at AT TIME ZONE 'UTC'),
         current_setting('server_version'),
         agreement.cash_calendar, latest_version(agreement.cash_calendar),
         agreement.coin_calendar, latest_version(agreement.coin_calendar),
         nullif(horizon, 0), 'CLOSING', close_one_window.at, clock_timestamp())
    RETURNING * INTO sealed;
    UPDATE settlement_agreement a SET last_window = sealed.window_no WHERE a.client_id = sealed.client_id;
    PERFORM enter_window_state(sealed.client_id, sealed.window_no, 'CLOSING', at);
    PERFORM novate(sealed, settled);
    PERFORM enter_window_state(sealed.client_id, sealed.window_no, 'SEALED', at);
END;
$$;
COMMENT ON FUNCTION close_one_window(integer, date, timestamptz) IS
    'Internal: seals the client''s next window: horizon, figures, novation, obligations.';

CREATE FUNCTION bakkt_ledger.close_window(client text, closes_on date, at timestamptz DEFAULT clock_timestamp())
    RETURNS TABLE (settlement_window text, from_at timestamptz, to_at timestamptz, state text, counterparty text, asset asset, payer text, payee text, amount amount, due_at timestamptz)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    bounds record;
    day date;
BEGIN
    PERFORM require_not_ahead(at);
    PERFORM lock_settlement(holder);
    SELECT * INTO bounds FROM window_bounds(client, closes_on) AS b;
    IF bounds.to_at IS NULL OR NOT isfinite(bounds.to_at) THEN
        PERFORM refuse_window(client, closes_on);
    END IF;
    IF NOT EXISTS (SELECT FROM settlement_window w WHERE w.client_id = holder AND w.window_no = bounds.window_no) THEN
        IF at < bounds.to_at THEN
            RAISE EXCEPTION USING
                ERRCODE = 'LG072',
                MESSAGE = format('window W%s of client "%s" is not over', bounds.window_no, client),
                DETAIL = format('It ends at %s; it was to be closed at %s.', to_char(bounds.to_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SSZ'),
                                to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SSZ'));
        END IF;
        -- earlier windows first, in order, because windows tile
        day := coalesce((SELECT max(w.closes_on) + 1 FROM settlement_window w WHERE w.client_id = holder),
                        close_window.closes_on);
        -- the first window is not before the first trading day
        IF day < (client_row(holder)).first_trading_day THEN
            PERFORM refuse_window(client, closes_on);
        END IF;
        WHILE day <= close_window.closes_on LOOP
            PERFORM close_one_window(holder, day, at);
            day := day + 1;
        END LOOP;
    END IF;
    RETURN QUERY
    SELECT 'W' || w.window_no, w.from_at, w.to_at, w.state,
           o.counterparty, o.asset, o.payer, o.payee, o.amount, o.due_at
    FROM settlement_window w
    LEFT JOIN obligation o ON o.client_id = w.client_id AND o.window_no = w.window_no AND o.carried_from IS NULL
    WHERE w.client_id = holder AND w.window_no = bounds.window_no
    ORDER BY o.counterparty_kind, o.counterparty, o.obligation_id;
END;
$$;
COMMENT ON FUNCTION close_window(text, date, timestamptz) IS
    'Closes the client''s window that ends on a local date: seals a block as its horizon, freezes the members, novates what '
    'they owe into one obligation per counterparty and asset, and returns these (one row without counterparty when nothing is '
    'owed). Earlier windows that are due are closed first. Its time does not depend on the number of executions; '
    'advise_window() proves the figures from the members. Safe to repeat, and to call in two sessions at once: the second gets '
    'the result of the first. LG010, LG070 before the first window, LG072 before the cut-off, LG061 when the instant lies in '
    'the future; 25001 unless under READ COMMITTED, because it seals a block; 40001: retry.';

CREATE FUNCTION bakkt_ledger_internal.next_closing(holder client) RETURNS date
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce((SELECT max(w.closes_on) + 1 FROM settlement_window w WHERE w.client_id = holder.client_id),
                    (window_of(holder.code, (SELECT j.effective_at FROM journal j
                                             WHERE j.client_id = holder.client_id AND j.terms IS NOT NULL
                                             ORDER BY j.effective_at LIMIT 1))).closes_on)
$$;
COMMENT ON FUNCTION next_closing(client) IS
    'Internal: the date on which the client''s next window closes. The first window is that of the first execution; NULL before '
    'there is one.';

-- For a client without closed windows: the window of its first execution ends on the day of that or
-- on the next.
CREATE FUNCTION bakkt_ledger_internal.clients_with_ended_windows(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    RETURN ARRAY(SELECT c.client_id
                 FROM client c
                 LEFT JOIN LATERAL (SELECT w.closes_on + 1 AS closes_on FROM settlement_window w
                                    WHERE w.client_id = c.client_id ORDER BY w.window_no DESC LIMIT 1) AS later ON true
                 LEFT JOIN LATERAL (SELECT (j.effective_at AT TIME ZONE c.zone)::date AS closes_on FROM journal j
                                    WHERE later.closes_on IS NULL AND j.client_id = c.client_id AND j.terms IS NOT NULL
                                    ORDER BY j.effective_at LIMIT 1) AS first ON true
                 WHERE c.status = 'open'
                   AND (coalesce(later.closes_on, first.closes_on) + c.cut_time) AT TIME ZONE c.zone <= $1
                 ORDER BY c.client_id);
END;
$$;
COMMENT ON FUNCTION clients_with_ended_windows(timestamptz, text) IS
    'Internal: the open clients whose next window to close has ended, found by one query.';

CREATE FUNCTION bakkt_ledger_internal.close_ended_windows(client_id integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    holder client := client_row(client_id);
    closed jsonb := '[]';
    day date;
    bounds record;
BEGIN
    IF holder.status <> 'open' THEN
        RETURN closed;
    END IF;
    -- locked before anything is sealed, as close_window() does
    PERFORM lock_settlement(client_id);
    FOR i IN 1 .. coalesce(variant::integer, windows_per_run()) LOOP
        day := next_closing(holder);
        SELECT * INTO bounds FROM window_bounds(holder.code, day);
        EXIT WHEN bounds.to_at IS NULL OR bounds.to_at > at;
        PERFORM close_window(holder.code, day, at);
        closed := closed || (
            SELECT jsonb_build_object('client_code', holder.code, 'settlement_window', 'W' || w.window_no, 'closes_on', w.closes_on, 'to_at', w.to_at,
                'obligations', (SELECT count(*) FROM obligation o WHERE o.client_id = w.client_id AND o.window_no = w.window_no))
            FROM settlement_window w
            WHERE w.client_id = holder.client_id AND w.closes_on = day);
    END LOOP;
    RETURN closed;
END;
$$;
COMMENT ON FUNCTION close_ended_windows(integer, timestamptz, text) IS
    'Internal: one client''s part of close_due_windows(); variant: the largest number of windows to close.';
INSERT INTO client_run VALUES ('close_due_windows', 'close_ended_windows', 'clients_with_ended_windows');

CREATE FUNCTION bakkt_ledger_internal.windows_per_run() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 31;
COMMENT ON FUNCTION windows_per_run() IS 'Internal: how many windows of a client one run closes by default.';

CREATE FUNCTION bakkt_ledger.close_due_windows(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL, most integer DEFAULT windows_per_run())
    RETURNS TABLE (client_code text, settlement_window text, closes_on date, to_at timestamptz, obligations bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    PERFORM require_not_ahead(at);
    IF most IS NULL OR most < 1 THEN
        PERFORM refuse_invalid('a run closes one window of a client at least', format('At most: %s.', coalesce(most::text, 'NULL')));
    END IF;
    RETURN QUERY
    SELECT w.*
    FROM run_for_clients('close_due_windows', at, client, most::text) AS r (rows),
         jsonb_to_recordset(r.rows) AS w (client_code text, settlement_window text, closes_on date, to_at timestamptz, obligations bigint);
END;
$$;
COMMENT ON FUNCTION close_due_windows(timestamptz, text, integer) IS
    'Closes the windows that have ended by the instant, of one open client or of all visible ones, in order, and lists them. It '
    'closes at most that many windows of each client in a call (default 31); the next call continues where this one stopped, '
    'and none is skipped. A client''s first window is the one of its first execution. Of several clients, one whose part fails '
    'is left out with a WARNING. LG002, LG010, 42501, LG061, 25001 unless under READ COMMITTED; 40001: retry.';
