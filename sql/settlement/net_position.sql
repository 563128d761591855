-- What a window settles: the accounts it brings to zero, and the live net position.
-- Refuses clients the caller may not see (LG010, 42501).
-- Locks nothing.

CREATE TYPE bakkt_ledger_internal.settled_account AS (
    counterparty_kind text,
    counterparty text,
    kind text,
    asset asset,
    amount amount
);
COMMENT ON TYPE settled_account IS
    'Internal: the amount that a window must bring to zero on one account, debit positive: the client''s settlement account, or '
    'one of the four accounts of a provider (kind as in account_kind).';

CREATE FUNCTION bakkt_ledger_internal.novated_before(client_id integer, window_no integer) RETURNS TABLE (account account_id, amount amount)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT l.account, l.amount
    FROM window_novation n
    JOIN journal j ON j.client_id = n.client_id AND j.journal_id = n.journal_id
    CROSS JOIN LATERAL lines(j.entry) AS l
    WHERE n.client_id = novated_before.client_id AND n.window_no = novated_before.window_no - 1
$$;
COMMENT ON FUNCTION novated_before(integer, integer) IS
    'Internal: the lines, debit positive, of the novation of the window before. They became known after that window was sealed, '
    'so they are among the journals of this window, but they settle the earlier one.';

CREATE FUNCTION bakkt_ledger_internal.figure_accounts(client_id integer, figures window_figure[]) RETURNS SETOF settled_account
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH figure AS (
        SELECT * FROM unnest(figures)
    )
    SELECT 'client', c.code, 'corp_client_settlement', f.quote, CASE f.side WHEN 'BUY' THEN f.net_money ELSE -f.net_money END
    FROM figure f, client c
    WHERE f.account IS NULL AND f.funding_model = 'NET_SETTLEMENT' AND c.client_id = figure_accounts.client_id
    UNION ALL
    SELECT 'provider', p.code, leg.kind, leg.asset, leg.amount
    FROM figure f
    JOIN liquidity_provider p USING (lp_id)
    CROSS JOIN LATERAL (VALUES
        ('BUY', 'corp_lp_payable', f.quote, -f.lp_money),
        ('BUY', 'corp_lp_coin_receivable', f.base, f.quantity),
        ('SELL', 'corp_lp_receivable', f.quote, f.lp_money),
        ('SELL', 'corp_lp_coin_payable', f.base, -f.quantity)
    ) AS leg (side, kind, asset, amount)
    WHERE f.account IS NULL AND f.side = leg.side
    UNION ALL
    SELECT CASE a.kind WHEN 'corp_client_settlement' THEN 'client' ELSE 'provider' END,
           split_part(a.name, ':', 3), a.kind, a.asset, f.net_money
    FROM figure f
    JOIN account a ON a.client_id = figure_accounts.client_id AND a.account = f.account
    WHERE a.kind IN ('corp_client_settlement', 'corp_lp_payable', 'corp_lp_receivable',
                     'corp_lp_coin_payable', 'corp_lp_coin_receivable')
$$;
COMMENT ON FUNCTION figure_accounts(integer, window_figure[]) IS
    'Internal: the figures as amounts on the accounts that the settlement brings to zero; several rows per account.';

CREATE FUNCTION bakkt_ledger_internal.settled_accounts(scope window_scope, figures window_figure[]) RETURNS SETOF settled_account
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT p.counterparty_kind, p.counterparty, p.kind, p.asset, sum(p.amount)
    FROM (SELECT * FROM figure_accounts((scope).client_id, figures)
          UNION ALL
          SELECT CASE a.kind WHEN 'corp_client_settlement' THEN 'client' ELSE 'provider' END,
                 split_part(a.name, ':', 3), a.kind, a.asset, -n.amount
          FROM novated_before((scope).client_id, (scope).window_no) AS n
          JOIN account a ON a.client_id = (scope).client_id AND a.account = n.account
          WHERE a.kind IN ('corp_client_settlement', 'corp_lp_payable', 'corp_lp_receivable',
                           'corp_lp_coin_payable', 'corp_lp_coin_receivable')) AS p
    GROUP BY p.counterparty_kind, p.counterparty, p.kind, p.asset
    HAVING NOT is_zero(sum(p.amount))
$$;
COMMENT ON FUNCTION settled_accounts(window_scope, window_figure[]) IS
    'Internal: the sum of the members of a window on each account that it settles; zero sums are left out.';

CREATE FUNCTION bakkt_ledger_internal.tail_figures(client_id integer, known block) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT f.*
    FROM (SELECT window_figures(j.terms, j.entry) AS figures
          FROM journal j
          WHERE j.client_id = tail_figures.client_id
            AND j.journal_id >= coalesce(least(lower(known.pending), known.high + 1), 0)
            AND (known.high IS NULL OR j.journal_id > known.high OR j.journal_id <@ known.pending)) AS totals,
         unnest(totals.figures) AS f;
END;
$$;
COMMENT ON FUNCTION tail_figures(integer, block) IS 'Internal: figures of the unsealed journals, in one parallel pass.';

CREATE FUNCTION bakkt_ledger_internal.later_figures(scope window_scope) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT f.*
    FROM (SELECT window_figures(j.terms, j.entry) AS figures
          FROM journal j
          WHERE j.client_id = scope.client_id
            AND j.effective_at >= scope.to_at AND j.effective_at < scope.known_until
            AND j.journal_id <= scope.high AND NOT j.journal_id <@ scope.pending) AS totals,
         unnest(totals.figures) AS f;
END;
$$;
COMMENT ON FUNCTION later_figures(window_scope) IS
    'Internal: figures of the journals that were known but executed after the end of a window.';

CREATE FUNCTION bakkt_ledger_internal.ledger_accounts(scope window_scope, horizon bigint DEFAULT NULL) RETURNS SETOF settled_account
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    known block;
    tail window_figure[];
    later window_figure[];
BEGIN
    SELECT * INTO known FROM block b WHERE b.block_no <= horizon OR horizon IS NULL ORDER BY b.block_no DESC LIMIT 1;
    IF horizon IS NULL THEN
        tail := ARRAY(SELECT t FROM tail_figures(scope.client_id, known) AS t);
    END IF;
    later := ARRAY(SELECT l FROM later_figures(scope) AS l);
    RETURN QUERY
    SELECT p.counterparty_kind, p.counterparty, p.kind, p.asset, sum(p.amount)
    FROM (SELECT CASE a.kind WHEN 'corp_client_settlement' THEN 'client' ELSE 'provider' END AS counterparty_kind,
                 split_part(a.name, ':', 3) AS counterparty, a.kind, a.asset, at_block.balance AS amount
          FROM account a
          CROSS JOIN LATERAL (SELECT bb.balance FROM block_balance bb
                              WHERE bb.client_id = a.client_id AND bb.account = a.account AND bb.block_no <= known.block_no
                              ORDER BY bb.block_no DESC LIMIT 1) AS at_block
          WHERE a.client_id = scope.client_id
            AND a.kind IN ('corp_client_settlement', 'corp_lp_payable', 'corp_lp_receivable',
                           'corp_lp_coin_payable', 'corp_lp_coin_receivable')
          UNION ALL
          SELECT t.counterparty_kind, t.counterparty, t.kind, t.asset, t.amount
          FROM figure_accounts(scope.client_id, tail) AS t
          UNION ALL
          SELECT l.counterparty_kind, l.counterparty, l.kind, l.asset, -l.amount
          FROM figure_accounts(scope.client_id, later) AS l) AS p
    GROUP BY p.counterparty_kind, p.counterparty, p.kind, p.asset
    HAVING NOT is_zero(sum(p.amount));
END;
$$;
COMMENT ON FUNCTION ledger_accounts(window_scope, bigint) IS
    'Internal: the same amounts as settled_accounts(), but computed from the ledger''s balances at the horizon''s block, or '
    'now, less what was executed at or after to_at. Its cost does not depend on the number of sealed executions. Correct only '
    'if the window before is sealed; check_window() compares the two.';

-- ---------------------------------------------------------------------------
-- The function for callers
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger.net_position(client text, at timestamptz DEFAULT clock_timestamp())
    RETURNS TABLE (settlement_window text, counterparty text, asset asset, payer text, payee text, amount amount, net amount,
                   from_at timestamptz, to_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    ends_at timestamptz;
    scope window_scope;
    accounts settled_account[];
BEGIN
    scope := scope_of(holder, (window_of(client, at)).closes_on);
    ends_at := scope.to_at;
    scope.to_at := least(scope.to_at, at + interval '1 microsecond');
    scope.early_until := least(scope.early_until, scope.to_at);
    IF scope.follows AND NOT scope.sealed THEN
        accounts := ARRAY(SELECT l FROM ledger_accounts(scope) AS l);
    ELSE
        accounts := ARRAY(SELECT s FROM settled_accounts(scope, ARRAY(SELECT f FROM scope_figures(scope) AS f)) AS s);
    END IF;
    RETURN QUERY
    SELECT 'W' || scope.window_no, p.counterparty, p.asset,
           CASE sign(p.net) WHEN 1 THEN p.counterparty ELSE 'BAKKT' END,
           CASE sign(p.net) WHEN 1 THEN 'BAKKT' ELSE p.counterparty END,
           abs(p.net), p.net, scope.from_at, ends_at
    FROM (SELECT a.counterparty_kind, a.counterparty, a.asset, sum(a.amount) AS net
          FROM unnest(accounts) AS a
          GROUP BY a.counterparty_kind, a.counterparty, a.asset) AS p
    WHERE NOT is_zero(p.net)
    ORDER BY p.counterparty_kind, p.counterparty COLLATE "C", p.asset;
END;
$$;
COMMENT ON FUNCTION net_position(text, timestamptz) IS
    'What each counterparty of the client''s book, the client itself and every provider, would pay or be paid per asset for the '
    'window in which the instant lies, with the executions up to the instant. net is signed: positive = the counterparty (the '
    'client) owes; payer, payee and a positive amount say the same. For the open window it reads balances, in a time that does '
    'not depend on the number of trades; for a sealed window it adds up the members. LG010, 42501.';
