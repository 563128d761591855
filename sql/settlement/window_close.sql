-- Closing windows, and proving them.

-- check_window() over figures at hand.
CREATE FUNCTION bakkt_ledger_internal.window_differences(scope window_scope, figures window_figure[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH member AS (
        SELECT s.counterparty_kind, s.counterparty, s.kind, s.asset, s.amount
        FROM settled_accounts(scope, figures) AS s
    ), novation AS (
        SELECT a.account, a.counterparty, a.kind, a.asset, -sum(n.amount) AS amount
        FROM novation_lines((scope).client_id, (scope).window_no) AS n
        JOIN window_accounts((scope).client_id) AS a USING (account)
        GROUP BY a.account, a.counterparty, a.kind, a.asset
    ), net AS (
        SELECT m.counterparty_kind, m.counterparty, m.asset, sum(m.amount) AS amount
        FROM member AS m
        GROUP BY m.counterparty_kind, m.counterparty, m.asset
        HAVING NOT is_zero(sum(m.amount))
    ), owed AS (
        SELECT o.counterparty_kind, o.counterparty, o.asset,
               CASE WHEN o.payer = o.counterparty THEN o.amount ELSE -o.amount END AS amount
        FROM obligation AS o
        WHERE o.client_id = (scope).client_id AND o.window_no = (scope).window_no AND o.carried_from IS NULL
    ), compared AS (
        SELECT n.account, b.kind || ' of ' || b.counterparty AS what, m.amount AS members, n.amount AS novated
        FROM member AS m
        FULL JOIN novation AS n USING (counterparty, kind, asset) AS b
        UNION ALL
        SELECT NULL, 'obligation of ' || b.counterparty, n.amount, o.amount
        FROM net AS n
        FULL JOIN owed AS o USING (counterparty_kind, counterparty, asset) AS b
    )
    SELECT finding('settlement', format('%s: the members say %s, the novation %s, debit positive (I14).', c.what,
                                        coalesce(c.members::text, 'nothing'), coalesce(c.novated::text, 'nothing')),
                   holder => client_name((scope).client_id), of_subject => 'settlement_window', key => (scope).window_no::text,
                   touched => c.account)
    FROM compared AS c
    WHERE c.members *<> c.novated OR c.members IS NULL OR c.novated IS NULL;
END;

-- The scope of a closed window; LG070 if it is not closed.
CREATE FUNCTION bakkt_ledger_internal.sealed_scope(client text, day date) RETURNS window_scope
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    scope constant window_scope := scope_of(require_client(client), day);
BEGIN
    IF NOT scope.sealed THEN
        PERFORM refuse_window(client, day);
    END IF;
    RETURN scope;
END;
$$;

CREATE FUNCTION bakkt_ledger.check_window(client text, closes_on date) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    scope constant window_scope := sealed_scope(client, closes_on);
BEGIN
    RETURN QUERY
    SELECT d.* FROM window_differences(scope, ARRAY(SELECT f FROM scope_figures(scope) AS f)) AS d;
END;
$$;
COMMENT ON FUNCTION check_window IS
'Recomputes a sealed window from its members: a row for each thing that differs, none when all is well (I14).
Every account where members and novation disagree, and every obligation that is not the net of its accounts.
Errors: LG010, 42501, LG070.';

-- How many executions a window has; LG076 unless check_window() finds nothing.
CREATE FUNCTION bakkt_ledger_internal.proved_executions(client text, day date) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    scope constant window_scope := sealed_scope(client, day);
    figures constant window_figure[] := ARRAY(SELECT f FROM scope_figures(scope) AS f);
    wrong discrepancy;
BEGIN
    SELECT d.* INTO wrong FROM window_differences(scope, figures) AS d LIMIT 1;
    IF FOUND THEN
        PERFORM refuse('LG076', format('window %s of client "%s" does not tie to its members', window_name(scope.window_no),
                                       client),
                       wrong.detail, 'check_window() lists all differences; run verify().');
    END IF;
    RETURN (SELECT coalesce(sum(f.members), 0) FROM unnest(figures) AS f);
END;
$$;

-- Seals the client's next window: horizon, figures, novation, obligations.
CREATE FUNCTION bakkt_ledger_internal.close_one_window(holder client, agreement settlement_agreement, day date,
                                                       moment timestamptz)
    RETURNS settlement_agreement
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    horizon constant bigint := seal_horizon();
    scope constant window_scope := scope_of(holder.client_id, day, horizon);
    -- from balances, so that it takes the same time however many executions there were
    settled constant settled_account[] := ARRAY(SELECT l FROM ledger_accounts(scope, horizon) AS l);
    closing settlement_window;
    advanced settlement_agreement;
BEGIN
    INSERT INTO window_boundary (client_id, boundary_no, at)
    SELECT scope.client_id, b.boundary_no, b.at
    FROM (VALUES (scope.window_no - 1, scope.from_at), (scope.window_no, scope.to_at)) AS b (boundary_no, at)
    WHERE b.boundary_no = scope.window_no OR scope.window_no = 1;
    INSERT INTO settlement_window AS w
        (client_id, window_no, closes_on, from_at, to_at, zone, cut_time, from_offset, to_offset, server_version,
         cash_calendar, cash_version, coin_calendar, coin_version, block_no, status, closed_at, sealed_at)
    VALUES
        (scope.client_id, scope.window_no, scope.closes_on, scope.from_at, scope.to_at, holder.zone, holder.cut_time,
         (scope.from_at AT TIME ZONE holder.zone) - (scope.from_at AT TIME ZONE 'UTC'),
         (scope.to_at AT TIME ZONE holder.zone) - (scope.to_at AT TIME ZONE 'UTC'),
         current_setting('server_version'),
         agreement.cash_calendar, latest_version(agreement.cash_calendar),
         agreement.coin_calendar, latest_version(agreement.coin_calendar),
         nullif(horizon, 0), 'CLOSING', moment, clock_timestamp())
    RETURNING w.* INTO closing;
    PERFORM record_event('closing', NULL::settlement_window, closing, moment);
    UPDATE settlement_agreement AS a
    SET last_window = scope.window_no
    WHERE a.client_id = holder.client_id
    RETURNING a.* INTO advanced;
    PERFORM record_event('window_closed', agreement, advanced, moment);
    PERFORM novate(closing, settled);
    PERFORM change_window(closing, 'sealed', moment);
    RETURN advanced;
END;
$$;

-- Closes the client's windows up to one that has ended, in order: windows tile. False if they were
-- closed before; LG070 before the first, LG072 before its end.
CREATE FUNCTION bakkt_ledger_internal.close_windows_to(holder client, day date, moment timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    agreement settlement_agreement := lock_settlement(holder.client_id);
    bounds constant window_span := window_on(holder, day);
    next_day date;
BEGIN
    IF bounds.to_at IS NULL OR NOT isfinite(bounds.to_at) THEN
        PERFORM refuse_window(holder.code, day);
    ELSIF bounds.window_no <= agreement.last_window THEN
        RETURN false;
    ELSIF moment < bounds.to_at THEN
        PERFORM refuse('LG072', format('window %s of client "%s" is not over', window_name(bounds.window_no), holder.code),
                       format('It ends at %s; it was to be closed at %s.',
                              to_char(bounds.to_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SSZ'),
                              to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SSZ')));
    END IF;
    next_day := coalesce((last_window(holder.client_id)).closes_on + 1, day);
    -- the first is not one of a time in which nothing can have been executed
    IF next_day < holder.first_trading_day THEN
        PERFORM refuse_window(holder.code, day);
    END IF;
    WHILE next_day <= day LOOP
        agreement := close_one_window(holder, agreement, next_day, moment);
        next_day := next_day + 1;
    END LOOP;
    RETURN true;
END;
$$;

CREATE TYPE bakkt_ledger.close_window_result AS (
    reference text,
    outcome text,
    replayed boolean,
    client text,
    settlement_window text,
    closes_on date,
    from_at timestamptz,
    to_at timestamptz,
    status text,
    counterparty text,
    asset asset,
    payer text,
    payee text,
    amount amount,
    due_at timestamptz
);
COMMENT ON TYPE close_window_result IS
'A window that was closed, with one of the obligations that it left, or none.
reference: NULL, a window is known by its date. outcome: sealed. replayed: it was closed before. status: of the window when it was
closed, SEALED. counterparty, asset, payer, payee, amount (positive), due_at: of the obligation, NULL when nothing is owed.';

CREATE FUNCTION bakkt_ledger.close_window(client text, closes_on date, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF close_window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    holder constant client := client_row(require_client(client));
    fresh boolean;
BEGIN
    PERFORM require_not_ahead(at);
    fresh := close_windows_to(holder, closes_on, at);
    RETURN QUERY
    SELECT NULL::text, 'sealed', NOT fresh, holder.code, window_name(w.window_no), w.closes_on, w.from_at, w.to_at, 'SEALED',
           o.counterparty, o.asset, o.payer, o.payee, o.amount, o.due_at
    FROM settlement_window AS w
    LEFT JOIN obligation AS o ON o.client_id = w.client_id AND o.window_no = w.window_no AND o.carried_from IS NULL
    WHERE w.client_id = holder.client_id AND w.closes_on = close_window.closes_on
    ORDER BY o.counterparty_kind, o.counterparty, o.obligation_id;
END;
$$;
COMMENT ON FUNCTION close_window IS
'Closes the client''s window that ends on a local date: novates what its executions owe into obligations, which it returns.
Seals a block as the window''s horizon and freezes the members; one obligation per counterparty and asset, one row without when
nothing is owed. Earlier windows that are due are closed first. It takes the same time however many executions the window has;
advise_window() proves the figures from the members. Again is the first answer, also of two calls at once.
Errors: LG010, LG061, LG070 before the first window, LG072 before the cut-off; 25001 unless under READ COMMITTED, for it seals
a block; 40001: retry.';

-- The date on which the client's next window closes: its first is the one of its first execution;
-- NULL before that.
CREATE FUNCTION bakkt_ledger_internal.next_closing(holder client) RETURNS date
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN coalesce((last_window((holder).client_id)).closes_on + 1,
                    (window_around(holder, (SELECT j.effective_at
                                            FROM journal AS j
                                            WHERE j.client_id = (holder).client_id AND j.terms IS NOT NULL
                                            ORDER BY j.effective_at
                                            LIMIT 1))).closes_on);

-- The open clients whose next window to close has ended, in one look. Of a client that has closed
-- none, a window of its first execution ends on the day of that or on the next.
CREATE FUNCTION bakkt_ledger_internal.clients_with_ended_windows(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    RETURN ARRAY(SELECT c.client_id
                 FROM client AS c
                 LEFT JOIN LATERAL (SELECT w.closes_on + 1 AS closes_on
                                    FROM settlement_window AS w
                                    WHERE w.client_id = c.client_id
                                    ORDER BY w.window_no DESC
                                    LIMIT 1) AS later ON true
                 LEFT JOIN LATERAL (SELECT (j.effective_at AT TIME ZONE c.zone)::date AS closes_on
                                    FROM journal AS j
                                    WHERE later.closes_on IS NULL AND j.client_id = c.client_id AND j.terms IS NOT NULL
                                    ORDER BY j.effective_at
                                    LIMIT 1) AS first ON true
                 WHERE c.status = 'OPEN'
                   AND (coalesce(later.closes_on, first.closes_on) + c.cut_time) AT TIME ZONE c.zone
                       <= clients_with_ended_windows.at
                 ORDER BY c.client_id);
END;
$$;

-- How many windows of a client one run closes unless told otherwise.
CREATE FUNCTION bakkt_ledger_internal.windows_per_run() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 31;

CREATE TYPE bakkt_ledger.window_close_line AS (
    client text,
    settlement_window text,
    closes_on date,
    to_at timestamptz,
    obligations bigint
);
COMMENT ON TYPE window_close_line IS
'A window that a run has closed.
to_at: its end. obligations: how many it left.';

-- One client's part of close_due_windows(); variant: at most so many windows.
CREATE FUNCTION bakkt_ledger_internal.close_ended_windows(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    closing constant client := client_row(holder);
    closed jsonb := '[]';
    bounds window_span;
    line window_close_line;
BEGIN
    IF closing.status <> 'OPEN' THEN
        RETURN closed;
    END IF;
    -- locked before anything is sealed, as by close_window()
    PERFORM lock_settlement(holder);
    FOR i IN 1 .. coalesce(variant::integer, windows_per_run()) LOOP
        bounds := window_on(closing, next_closing(closing));
        EXIT WHEN bounds.to_at IS NULL OR bounds.to_at > at;
        PERFORM close_window(closing.code, bounds.closes_on, at);
        line := (closing.code, window_name(bounds.window_no), bounds.closes_on, bounds.to_at,
                 (SELECT count(*) FROM obligation AS o WHERE o.client_id = holder AND o.window_no = bounds.window_no));
        closed := closed || to_jsonb(line);
    END LOOP;
    RETURN closed;
END;
$$;
INSERT INTO client_run VALUES ('close_due_windows', 'close_ended_windows', 'clients_with_ended_windows');

CREATE FUNCTION bakkt_ledger.close_due_windows(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL,
                                               most integer DEFAULT windows_per_run())
    RETURNS SETOF window_close_line
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    PERFORM require_not_ahead(at);
    IF most IS NULL OR most < 1 THEN
        PERFORM refuse_invalid('a run closes one window of a client at least',
                               format('At most: %s.', coalesce(most::text, 'NULL')));
    END IF;
    RETURN QUERY SELECT w.* FROM run_answers('close_due_windows', NULL::window_close_line, at, client, most::text) AS w;
END;
$$;
COMMENT ON FUNCTION close_due_windows IS
'Closes the windows that have ended by the instant, of one open client or of all visible ones, in order, and lists them.
most: of each client at most so many in a call; the next call goes on where this one stopped, and none is skipped. A client''s
first window is the one of its first execution. Of several clients, one whose part fails is left out with a WARNING.
Errors: LG002, LG010, 42501, LG061, 25001 unless under READ COMMITTED; 40001: retry.';
