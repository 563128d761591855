-- What a window settles: the accounts it brings to zero.

CREATE TYPE bakkt_ledger_internal.settled_account AS (
    counterparty_kind text,
    counterparty text,
    kind text,
    asset asset,
    amount amount
);
COMMENT ON TYPE settled_account IS
'Internal: what a window must bring to zero on one account, debit positive.
It is the client''s settlement account, or one of a provider''s four.';

-- Whether windows settle accounts of the kind.
CREATE FUNCTION bakkt_ledger_internal.is_settled_kind(kind text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN kind IN ('corp_client_settlement', 'corp_provider_payable', 'corp_provider_receivable',
                    'corp_provider_coin_payable', 'corp_provider_coin_receivable');

-- The accounts that a client's windows settle, and with whom.
CREATE FUNCTION bakkt_ledger_internal.window_accounts(holder integer)
    RETURNS TABLE (account account_id, kind text, asset asset, counterparty_kind text, counterparty text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.account, a.kind, a.asset, CASE WHEN p.provider_id IS NULL THEN 'client' ELSE 'provider' END, coalesce(p.code, c.code)
    FROM account AS a
    JOIN client AS c USING (client_id)
    LEFT JOIN provider AS p USING (provider_id)
    WHERE a.client_id = holder AND is_settled_kind(a.kind);
END;

-- Lines, debit positive, of the journals that novated a window.
CREATE FUNCTION bakkt_ledger_internal.novation_lines(holder integer, number integer)
    RETURNS TABLE (account account_id, amount amount)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.account, l.amount
    FROM event AS e
    JOIN journal AS j ON j.client_id = e.client_id AND j.journal_id = e.journal_id
    CROSS JOIN LATERAL lines(j.entry) AS l
    WHERE e.client_id = holder AND e.subject = 'settlement_window' AND e.subject_key = number::text AND e.event = 'novated';
END;

-- Figures by the accounts of the settlement that they stand on, several rows per account.
CREATE FUNCTION bakkt_ledger_internal.figure_accounts(holder integer, figures window_figure[]) RETURNS SETOF settled_account
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'client', c.code, 'corp_client_settlement', f.quote, CASE f.side WHEN 'BUY' THEN f.net_money ELSE -f.net_money END
    FROM unnest(figures) AS f
    CROSS JOIN client AS c
    WHERE f.account IS NULL AND f.funding_model = 'NET_SETTLEMENT' AND c.client_id = holder
    UNION ALL
    SELECT 'provider', p.code, leg.kind, leg.asset, leg.amount
    FROM unnest(figures) AS f
    JOIN provider AS p USING (provider_id)
    CROSS JOIN LATERAL (VALUES
        ('BUY', 'corp_provider_payable', f.quote, -f.provider_money),
        ('BUY', 'corp_provider_coin_receivable', f.base, f.quantity),
        ('SELL', 'corp_provider_receivable', f.quote, f.provider_money),
        ('SELL', 'corp_provider_coin_payable', f.base, -f.quantity)
    ) AS leg (side, kind, asset, amount)
    WHERE f.account IS NULL AND f.side = leg.side
    UNION ALL
    SELECT a.counterparty_kind, a.counterparty, a.kind, a.asset, f.net_money
    FROM unnest(figures) AS f
    JOIN window_accounts(holder) AS a USING (account);
END;

-- What the members of a window leave on each account that it settles; zero sums are left out. The
-- novation of the window before became known after that was sealed, so it is among the journals of
-- this window, but it settles that one.
CREATE FUNCTION bakkt_ledger_internal.settled_accounts(scope window_scope, figures window_figure[]) RETURNS SETOF settled_account
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.counterparty_kind, p.counterparty, p.kind, p.asset, sum(p.amount)
    FROM (SELECT f.counterparty_kind, f.counterparty, f.kind, f.asset, f.amount
          FROM figure_accounts((scope).client_id, figures) AS f
          UNION ALL
          SELECT a.counterparty_kind, a.counterparty, a.kind, a.asset, -n.amount
          FROM novation_lines((scope).client_id, (scope).window_no - 1) AS n
          JOIN window_accounts((scope).client_id) AS a USING (account)) AS p
    GROUP BY p.counterparty_kind, p.counterparty, p.kind, p.asset
    HAVING NOT is_zero(sum(p.amount));
END;

-- Figures of the journals that the last block does not have, in one parallel pass.
CREATE FUNCTION bakkt_ledger_internal.tail_figures(holder integer, known block) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT f.*
    FROM (SELECT window_figures(j.terms, j.entry) AS figures
          FROM journal AS j
          WHERE j.client_id = holder
            AND j.journal_id >= coalesce(least(lower(known.pending), known.high + 1), 0)
            AND (known.high IS NULL OR j.journal_id > known.high OR j.journal_id <@ known.pending)) AS totals
    CROSS JOIN unnest(totals.figures) AS f;
END;
$$;

-- Figures of the journals that were known but executed after the end of a window.
CREATE FUNCTION bakkt_ledger_internal.later_figures(scope window_scope) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT f.*
    FROM (SELECT window_figures(j.terms, j.entry) AS figures
          FROM journal AS j
          WHERE j.client_id = scope.client_id
            AND j.effective_at >= scope.to_at AND j.effective_at < scope.known_until
            AND j.journal_id <= scope.high AND NOT j.journal_id <@ scope.pending) AS totals
    CROSS JOIN unnest(totals.figures) AS f;
END;
$$;

-- The same accounts as settled_accounts(), but from the ledger's balances: at the horizon's block,
-- or now; less what was executed at or after to_at. Costs nothing per sealed execution of the
-- window. Right for a window whose predecessor is sealed; check_window() compares the two.
CREATE FUNCTION bakkt_ledger_internal.ledger_accounts(scope window_scope, horizon bigint DEFAULT NULL)
    RETURNS SETOF settled_account
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    known block;
    tail window_figure[];
    later constant window_figure[] := ARRAY(SELECT l FROM later_figures(scope) AS l);
BEGIN
    SELECT b.* INTO known FROM block AS b WHERE b.block_no <= horizon OR horizon IS NULL ORDER BY b.block_no DESC LIMIT 1;
    IF horizon IS NULL THEN
        tail := ARRAY(SELECT t FROM tail_figures(scope.client_id, known) AS t);
    END IF;
    RETURN QUERY
    SELECT p.counterparty_kind, p.counterparty, p.kind, p.asset, sum(p.amount)
    FROM (SELECT a.counterparty_kind, a.counterparty, a.kind, a.asset, at_block.balance AS amount
          FROM window_accounts(scope.client_id) AS a
          CROSS JOIN LATERAL (SELECT b.balance
                              FROM block_balance AS b
                              WHERE b.client_id = scope.client_id AND b.account = a.account AND b.block_no <= known.block_no
                              ORDER BY b.block_no DESC
                              LIMIT 1) AS at_block
          UNION ALL
          SELECT t.* FROM figure_accounts(scope.client_id, tail) AS t
          UNION ALL
          SELECT l.counterparty_kind, l.counterparty, l.kind, l.asset, -l.amount
          FROM figure_accounts(scope.client_id, later) AS l) AS p
    GROUP BY p.counterparty_kind, p.counterparty, p.kind, p.asset
    HAVING NOT is_zero(sum(p.amount));
END;
$$;

CREATE TYPE bakkt_ledger.net_position_line AS (
    settlement_window text,
    counterparty text,
    asset asset,
    payer text,
    payee text,
    amount amount,
    net amount,
    from_at timestamptz,
    to_at timestamptz
);
COMMENT ON TYPE net_position_line IS
'What a counterparty would pay or be paid in one asset for a window.
counterparty: the client itself or a provider. net: signed, positive = the counterparty owes; payer, payee and a positive amount
say the same. from_at, to_at: of the window.';

-- What a window would bring to zero, of executions up to an instant.
CREATE FUNCTION bakkt_ledger_internal.accounts_in(scope window_scope, moment timestamptz) RETURNS SETOF settled_account
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    scope.to_at := least(scope.to_at, moment + interval '1 microsecond');
    scope.early_until := least(scope.early_until, scope.to_at);
    IF scope.follows AND NOT scope.sealed THEN
        RETURN QUERY SELECT l.* FROM ledger_accounts(scope) AS l;
    ELSE
        RETURN QUERY SELECT s.* FROM settled_accounts(scope, ARRAY(SELECT f FROM scope_figures(scope) AS f)) AS s;
    END IF;
END;
$$;

-- What each counterparty would pay or be paid for one window, executions up to an instant.
CREATE FUNCTION bakkt_ledger_internal.position_in(holder client, day date, moment timestamptz) RETURNS SETOF net_position_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    scope constant window_scope := scope_of(holder.client_id, day);
BEGIN
    RETURN QUERY
    SELECT window_name(scope.window_no), p.counterparty, p.asset,
           CASE sign(p.net) WHEN 1 THEN p.counterparty ELSE 'BAKKT' END,
           CASE sign(p.net) WHEN 1 THEN 'BAKKT' ELSE p.counterparty END,
           abs(p.net), p.net, scope.from_at, scope.to_at
    FROM (SELECT a.counterparty_kind, a.counterparty, a.asset, sum(a.amount) AS net
          FROM accounts_in(scope, moment) AS a
          GROUP BY a.counterparty_kind, a.counterparty, a.asset) AS p
    WHERE NOT is_zero(p.net) AND (p.counterparty_kind = 'client' OR is_company())
    ORDER BY p.counterparty_kind, p.counterparty COLLATE "C", p.asset;
END;
$$;

-- What each counterparty would pay or be paid in each asset for all windows that are not closed,
-- executions up to an instant, in one look however many windows these are; for an instant in a
-- sealed window, for that window.
CREATE FUNCTION bakkt_ledger_internal.position_not_closed(holder client, moment timestamptz)
    RETURNS TABLE (counterparty_kind text, counterparty text, asset asset, net amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    day constant date := least((last_window(holder.client_id)).closes_on + 1, (window_around(holder, moment)).closes_on);
    scope window_scope := scope_of(holder.client_id, day);
    accounts settled_account[];
BEGIN
    IF scope.sealed THEN
        scope.to_at := least(scope.to_at, moment + interval '1 microsecond');
        scope.early_until := least(scope.early_until, scope.to_at);
        accounts := ARRAY(SELECT s FROM settled_accounts(scope, ARRAY(SELECT f FROM scope_figures(scope) AS f)) AS s);
    ELSE
        scope.to_at := moment + interval '1 microsecond';
        accounts := ARRAY(SELECT l FROM ledger_accounts(scope) AS l);
    END IF;
    RETURN QUERY
    SELECT a.counterparty_kind, a.counterparty, a.asset, sum(a.amount)
    FROM unnest(accounts) AS a
    GROUP BY a.counterparty_kind, a.counterparty, a.asset;
END;
$$;

-- The days on which windows close that are not closed yet, up to the one an instant lies in.
CREATE FUNCTION bakkt_ledger_internal.days_to_settle(holder client, at timestamptz) RETURNS date[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    last_day constant date := (window_around(holder, at)).closes_on;
    -- before the first closing, the window at hand takes everything older
    first_day constant date := least((last_window(holder.client_id)).closes_on + 1, last_day);
BEGIN
    RETURN ARRAY(SELECT first_day + n FROM generate_series(0, last_day - first_day) AS n);
END;
$$;

CREATE FUNCTION bakkt_ledger.net_position(client text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF net_position_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    holder constant client := client_row(require_client(client));
BEGIN
    RETURN QUERY
    SELECT p.*
    FROM unnest(days_to_settle(holder, at)) AS o (day)
    CROSS JOIN LATERAL position_in(holder, o.day, at) AS p;
END;
$$;
COMMENT ON FUNCTION net_position IS
'What each counterparty would pay or be paid for the window the instant lies in, executions up to the instant.
Windows before it that have ended and are not closed yet come first: between cut-off and closing nothing is out of sight. A row
for the client itself and for every provider, per window and asset. For the open window it reads balances and takes the same time
however many trades there were; for a sealed one it adds up its members. A tenant sees the client''s own rows, no provider''s.
Errors: LG002, LG010, 42501.';
