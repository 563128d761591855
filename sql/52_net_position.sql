-- Floor 4: netting.
--
-- Which executions a window has is a pure function of facts that never
-- change: when each was executed, and what the blocks of this window and of
-- the one before it contain.  Nothing is written per execution.

-- ---------------------------------------------------------------------------
-- Aggregates that net obligations: usable by any query
-- ---------------------------------------------------------------------------

CREATE TYPE net_position AS (party text, amount amount);
COMMENT ON TYPE net_position IS 'A party''s multilateral net in one asset: positive = it owes, negative = it is owed.';

CREATE TYPE net_payment AS (payer text, payee text, amount amount);
COMMENT ON TYPE net_payment IS 'What is left between two parties in one asset: the payer owes the payee a positive amount.';

CREATE FUNCTION net_accumulate(internal, text, text, amount) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION net_accumulate(internal, text, text, amount) IS 'Step of net_obligations() and net_bilateral().';
CREATE FUNCTION net_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION net_combine(internal, internal) IS 'Joins two states of net_obligations() or net_bilateral().';
CREATE FUNCTION net_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION net_serialize(internal) IS 'State of net_obligations() or net_bilateral() on its way between processes.';
CREATE FUNCTION net_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION net_deserialize(bytea, internal) IS 'Reads what net_serialize() wrote.';
CREATE FUNCTION net_multilateral_final(internal) RETURNS net_position[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION net_multilateral_final(internal) IS 'Result of net_obligations().';
CREATE FUNCTION net_bilateral_final(internal) RETURNS net_payment[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION net_bilateral_final(internal) IS 'Result of net_bilateral().';

CREATE AGGREGATE net_obligations(payer text, payee text, amount amount) (
    SFUNC = net_accumulate, STYPE = internal, SSPACE = 4096,
    COMBINEFUNC = net_combine, SERIALFUNC = net_serialize, DESERIALFUNC = net_deserialize,
    FINALFUNC = net_multilateral_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE net_obligations(text, text, amount) IS 'Multilateral net of obligations: one position per party and asset, sorted; positive = the party owes. The positions of an asset always sum to zero (I15). NULL amounts are skipped, an amount without payer or payee is LG002, a negative one turns the obligation round. NULL of no rows.';

CREATE AGGREGATE net_bilateral(payer text, payee text, amount amount) (
    SFUNC = net_accumulate, STYPE = internal, SSPACE = 4096,
    COMBINEFUNC = net_combine, SERIALFUNC = net_serialize, DESERIALFUNC = net_deserialize,
    FINALFUNC = net_bilateral_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE net_bilateral(text, text, amount) IS 'Bilateral net of obligations: at most one payment per pair of parties and asset, sorted, amounts positive; pairs that are even are left out. NULL of no rows.';

-- ---------------------------------------------------------------------------
-- Members of a window
-- ---------------------------------------------------------------------------

CREATE TYPE window_scope AS (
    client_id integer,
    window_no integer,
    closes_on date,
    from_at timestamptz,
    to_at timestamptz,
    sealed boolean,
    follows boolean,
    first_id bigint,
    previous_high bigint,
    previous_pending int8multirange,
    high bigint,
    pending int8multirange,
    pending_from bigint,
    known_until timestamptz,
    early_until timestamptz,
    early_high bigint,
    early_pending int8multirange
);
COMMENT ON TYPE window_scope IS 'Internal: all that decides which journals belong to a window. An execution is a member if it was executed before to_at, the window''s horizon (high, pending) has it, and it was executed at or after from_at or was unknown to the horizon of the window before (previous_high, previous_pending): a late one. follows: the window before is sealed, or there is none.';

CREATE FUNCTION execution_time_ahead() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN interval '1 hour';
COMMENT ON FUNCTION execution_time_ahead() IS 'Internal: no journal known to a horizon is effective later than this after its sealing. Posting allows five minutes (LG061); the rest is for clocks that are set back.';

CREATE FUNCTION scope_of(client_id integer, closes_on date, horizon bigint DEFAULT NULL) RETURNS window_scope
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    scope window_scope;
    sealed settlement_window;
    previous settlement_window;
    known block;
BEGIN
    scope.client_id := client_id;
    scope.closes_on := closes_on;
    SELECT b.window_no, b.from_at, b.to_at INTO scope.window_no, scope.from_at, scope.to_at
    FROM window_bounds((client_row(client_id)).code, closes_on) AS b;
    SELECT * INTO sealed FROM settlement_window w
    WHERE w.client_id = scope_of.client_id AND w.window_no = scope.window_no;
    scope.sealed := FOUND;
    SELECT * INTO previous FROM settlement_window w
    WHERE w.client_id = scope_of.client_id AND w.window_no < scope.window_no
    ORDER BY w.window_no DESC LIMIT 1;
    scope.follows := coalesce(previous.window_no, 0) = scope.window_no - 1;

    -- what was known when this window was sealed; everything while it is not
    scope.high := 9223372036854775807;
    scope.pending := '{}';
    scope.known_until := 'infinity';
    SELECT * INTO known FROM block b WHERE b.block_no = coalesce(sealed.block_no, horizon);
    IF scope.sealed OR horizon IS NOT NULL THEN
        -- no block at all: nothing was known
        scope.high := coalesce(known.high, 0);
        scope.pending := coalesce(known.pending, '{}');
        scope.known_until := coalesce(sealed.sealed_at, clock_timestamp()) + execution_time_ahead();
    END IF;
    scope.pending_from := coalesce(lower(scope.pending), scope.high);

    -- what was known when the window before was sealed; nothing if there is none
    scope.first_id := 0;
    scope.previous_high := 0;
    scope.previous_pending := '{}';
    scope.early_until := '-infinity';
    scope.early_high := 0;
    scope.early_pending := '{}';
    SELECT * INTO known FROM block b WHERE b.block_no = previous.block_no;
    IF FOUND AND scope.follows THEN
        scope.previous_high := known.high;
        scope.previous_pending := known.pending;
        scope.first_id := least(coalesce(lower(known.pending), known.high + 1), known.high + 1);
        -- posted before that seal but executed after the cut-off
        scope.early_until := least(scope.to_at, previous.sealed_at + execution_time_ahead());
        scope.early_high := known.high;
        scope.early_pending := known.pending;
    ELSIF NOT scope.follows THEN
        -- a window before is still to be closed and will take the late ones
        scope.first_id := 9223372036854775807;
        scope.early_until := scope.to_at;
        scope.early_high := 9223372036854775807;
    END IF;
    RETURN scope;
END;
$$;
COMMENT ON FUNCTION scope_of(integer, date, bigint) IS 'Internal: the scope of a client''s window; horizon is the block with which it is being sealed. A window that is not sealed has everything known so far.';

CREATE FUNCTION window_journals(client_id integer, from_at timestamptz, to_at timestamptz,
                                first_id bigint, previous_high bigint, previous_pending int8multirange,
                                high bigint, pending int8multirange, pending_from bigint,
                                early_until timestamptz, early_high bigint, early_pending int8multirange)
    RETURNS SETOF journal
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- became known after the window before was sealed
    SELECT j.*
    FROM journal j
    WHERE j.client_id = window_journals.client_id
      AND j.journal_id BETWEEN window_journals.first_id AND window_journals.high
      AND j.effective_at < window_journals.to_at
      AND (j.journal_id > window_journals.previous_high OR j.journal_id <@ window_journals.previous_pending)
      AND (j.journal_id < window_journals.pending_from OR NOT j.journal_id <@ window_journals.pending)
    UNION ALL
    -- was known then, but executed after its end
    SELECT j.*
    FROM journal j
    WHERE j.client_id = window_journals.client_id
      AND j.effective_at >= window_journals.from_at
      AND j.effective_at < window_journals.early_until
      AND j.journal_id <= window_journals.early_high
      AND NOT j.journal_id <@ window_journals.early_pending;
END;
COMMENT ON FUNCTION window_journals(integer, timestamptz, timestamptz, bigint, bigint, int8multirange, bigint, int8multirange, bigint, timestamptz, bigint, int8multirange) IS 'Internal: the journals of a window by the parts of its scope: two index ranges that have no row in common. Inlined into the query that calls it.';

CREATE TYPE window_figure AS (
    account account_id,
    lp_id integer,
    funding_model text,
    side text,
    base asset,
    quote asset,
    members bigint,
    executions bigint,
    quantity amount,
    net_money amount,
    lp_money amount
);
COMMENT ON TYPE window_figure IS 'Internal: a sum over a window. Executions (account NULL): by provider, funding model, side, base and quote; a bust counts minus one execution and enters with its sign turned. Other journals: the sum of their lines on one account of fund CORP in net_money, debit positive.';

CREATE FUNCTION window_figures_accumulate(internal, execution_terms, journal_entry) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_accumulate(internal, execution_terms, journal_entry) IS 'Step of window_figures().';
CREATE FUNCTION window_figures_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_combine(internal, internal) IS 'Joins two states of window_figures().';
CREATE FUNCTION window_figures_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_serialize(internal) IS 'State of window_figures() on its way between processes.';
CREATE FUNCTION window_figures_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_deserialize(bytea, internal) IS 'Reads what window_figures_serialize() wrote.';
CREATE FUNCTION window_figures_final(internal) RETURNS window_figure[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_final(internal) IS 'Result of window_figures().';
CREATE AGGREGATE window_figures(terms execution_terms, entry journal_entry) (
    SFUNC = window_figures_accumulate, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = window_figures_combine, SERIALFUNC = window_figures_serialize, DESERIALFUNC = window_figures_deserialize,
    FINALFUNC = window_figures_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_figures(execution_terms, journal_entry) IS 'Everything a settlement needs to know of a set of journals, in one pass: executions added up from their terms, other journals'' lines per account of fund CORP. Pass NULL for the terms to add up the lines of executions too.';

CREATE FUNCTION scope_figures(scope window_scope) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT f.*
    FROM (SELECT window_figures(j.terms, j.entry) AS figures
          FROM window_journals(scope.client_id, scope.from_at, scope.to_at,
                               scope.first_id, scope.previous_high, scope.previous_pending,
                               scope.high, scope.pending, scope.pending_from,
                               scope.early_until, scope.early_high, scope.early_pending) AS j) AS totals,
         unnest(totals.figures) AS f;
END;
$$;
COMMENT ON FUNCTION scope_figures(window_scope) IS 'Internal: the figures of a window, one parallel pass over its journals.';

-- ---------------------------------------------------------------------------
-- What a window settles: the accounts it brings to zero
-- ---------------------------------------------------------------------------

CREATE TYPE settled_account AS (
    counterparty_kind text,
    counterparty text,
    kind text,
    asset asset,
    amount amount
);
COMMENT ON TYPE settled_account IS 'Internal: what a window must bring to zero on one account, debit positive: the client''s settlement account, or one of a provider''s four (kind as in account_kind).';

CREATE FUNCTION novated_before(client_id integer, window_no integer) RETURNS TABLE (account account_id, amount amount)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger, pg_temp AS
$$
    SELECT l.account, l.amount
    FROM window_novation n
    JOIN journal j ON j.client_id = n.client_id AND j.journal_id = n.journal_id
    CROSS JOIN LATERAL lines(j.entry) AS l
    WHERE n.client_id = novated_before.client_id AND n.window_no = novated_before.window_no - 1
$$;
COMMENT ON FUNCTION novated_before(integer, integer) IS 'Internal: lines, debit positive, of the novation of the window before. They became known after it was sealed, so they are among the journals of this window, but they settle that one.';

CREATE FUNCTION figure_accounts(client_id integer, figures window_figure[]) RETURNS SETOF settled_account
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger, pg_temp AS
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
COMMENT ON FUNCTION figure_accounts(integer, window_figure[]) IS 'Internal: figures by the accounts of the settlement that they stand on, several rows per account.';

CREATE FUNCTION settled_accounts(scope window_scope, figures window_figure[]) RETURNS SETOF settled_account
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger, pg_temp AS
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
COMMENT ON FUNCTION settled_accounts(window_scope, window_figure[]) IS 'Internal: what the members of a window leave on each account that it settles; zero sums are left out.';

CREATE FUNCTION tail_figures(client_id integer, known block) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger, pg_temp AS
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
COMMENT ON FUNCTION tail_figures(integer, block) IS 'Internal: figures of the journals that the last block does not have, in one parallel pass.';

CREATE FUNCTION later_figures(scope window_scope) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger, pg_temp AS
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
COMMENT ON FUNCTION later_figures(window_scope) IS 'Internal: figures of the journals that were known but executed after the end of a window.';

CREATE FUNCTION ledger_accounts(scope window_scope, horizon bigint DEFAULT NULL) RETURNS SETOF settled_account
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger, pg_temp AS
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
COMMENT ON FUNCTION ledger_accounts(window_scope, bigint) IS 'Internal: the same accounts as settled_accounts(), but from the ledger''s balances: at the horizon''s block, or now; less what was executed at or after to_at. Costs nothing per sealed execution of the window. Right for a window whose predecessor is sealed; check_window() compares the two.';

-- ---------------------------------------------------------------------------
-- What people ask
-- ---------------------------------------------------------------------------

CREATE FUNCTION net_position(client text, at timestamptz DEFAULT clock_timestamp())
    RETURNS TABLE (settlement_window text, counterparty text, asset asset, payer text, payee text, amount amount, net amount,
                   from_at timestamptz, to_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp SET jit = off AS
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
COMMENT ON FUNCTION net_position(text, timestamptz) IS 'What each counterparty of the client''s book would pay or be paid for the window the instant lies in, executions up to the instant: the client itself and every provider, per asset. net is signed: positive = the counterparty (the client) owes; payer, payee and a positive amount say the same. For the open window it reads balances and takes the same time however many trades there were; for a sealed one it adds up its members. LG010, 42501.';

CREATE FUNCTION window_members(client text, closes_on date)
    RETURNS TABLE (journal bigint, kind text, account text, reference text, client_order_id text, symbol text, side text,
                   quantity amount, price price, net_money amount, provider text, funding_model text,
                   executed_at timestamptz, recorded_at timestamptz, late_from text, original bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10000
    SET search_path = pg_catalog, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    scope window_scope := scope_of(holder, closes_on);
BEGIN
    RETURN QUERY
    SELECT j.journal_id, k.name, c.account_code, j.reference, client_order_id(j.terms), i.symbol, side(j.terms),
           signed_quantity(j.terms), price(j.terms), net_money(j.terms), p.code, funding_model(j.terms),
           j.effective_at, j.recorded_at,
           CASE WHEN j.effective_at < scope.from_at AND scope.window_no > 1 THEN
               'W' || coalesce((SELECT max(w.window_no) FROM settlement_window w
                                WHERE w.client_id = holder AND w.window_no < scope.window_no
                                  AND w.from_at <= j.effective_at), 1)
           END,
           coalesce(j.reverses, corrects(j.terms))
    FROM window_journals(scope.client_id, scope.from_at, scope.to_at,
                         scope.first_id, scope.previous_high, scope.previous_pending,
                         scope.high, scope.pending, scope.pending_from,
                         scope.early_until, scope.early_high, scope.early_pending) AS j
    JOIN journal_kind k USING (kind)
    LEFT JOIN customer c ON c.customer_id = j.customer_id
    LEFT JOIN instrument i ON i.instrument_id = instrument_id(j.terms)
    LEFT JOIN liquidity_provider p ON p.lp_id = lp_id(j.terms)
    WHERE j.terms IS NOT NULL
    ORDER BY j.effective_at, j.journal_id;
END;
$$;
COMMENT ON FUNCTION window_members(text, date) IS 'The executions of the client''s window that closes on a date, in order of execution: for a sealed window always the same rows, for the open one those known so far. quantity and net_money are signed: positive = the customer receives coin, the client owes money. late_from: the sealed window in whose time it was executed; it was not known, or not busted, when that was sealed. original: the journal it busts or corrects. LG070.';

CREATE FUNCTION window_adjustments(client text, closes_on date)
    RETURNS TABLE (journal bigint, kind text, reference text, counterparty text, asset asset, amount amount,
                   effective_at timestamptz, description text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    scope window_scope := scope_of(holder, closes_on);
BEGIN
    RETURN QUERY
    SELECT j.journal_id, k.name, j.reference, split_part(a.name, ':', 3), a.asset, sum(l.amount), j.effective_at, j.description
    FROM window_journals(scope.client_id, scope.from_at, scope.to_at,
                         scope.first_id, scope.previous_high, scope.previous_pending,
                         scope.high, scope.pending, scope.pending_from,
                         scope.early_until, scope.early_high, scope.early_pending) AS j
    JOIN journal_kind k USING (kind)
    CROSS JOIN LATERAL lines(j.entry) AS l
    JOIN account a ON a.client_id = j.client_id AND a.account = l.account
    WHERE j.terms IS NULL
      AND NOT EXISTS (SELECT FROM window_novation n WHERE n.client_id = j.client_id AND n.journal_id = j.journal_id)
      AND a.kind IN ('corp_client_settlement', 'corp_lp_payable', 'corp_lp_receivable',
                     'corp_lp_coin_payable', 'corp_lp_coin_receivable')
    GROUP BY j.journal_id, k.name, j.reference, a.name, a.asset, j.effective_at, j.description
    ORDER BY j.effective_at, j.journal_id, split_part(a.name, ':', 3) COLLATE "C", a.asset;
END;
$$;
COMMENT ON FUNCTION window_adjustments(text, date) IS 'Journals of the window that are no executions but touch what it settles: adjustments, and deliveries and payments made before the close. amount: positive = the counterparty owes more. LG070.';

CREATE FUNCTION window_summary(client text, closes_on date)
    RETURNS TABLE (asset asset, quote asset, buy_count bigint, buy_quantity amount, buy_net_money amount,
                   sell_count bigint, sell_quantity amount, sell_net_money amount,
                   net_quantity amount, net_money amount, funding_model text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    scope window_scope := scope_of(require_client(client), closes_on);
BEGIN
    RETURN QUERY
    SELECT s.base, s.quote, s.buys, s.bought, s.paid, s.sells, s.sold, s.received, s.bought - s.sold, s.paid - s.received,
           s.funding_model
    FROM (SELECT f.base, f.quote, f.funding_model,
                 coalesce(sum(f.executions) FILTER (WHERE f.side = 'BUY'), 0)::bigint AS buys,
                 coalesce(sum(f.quantity) FILTER (WHERE f.side = 'BUY'), zero(f.base)) AS bought,
                 coalesce(sum(f.net_money) FILTER (WHERE f.side = 'BUY'), zero(f.quote)) AS paid,
                 coalesce(sum(f.executions) FILTER (WHERE f.side = 'SELL'), 0)::bigint AS sells,
                 coalesce(sum(f.quantity) FILTER (WHERE f.side = 'SELL'), zero(f.base)) AS sold,
                 coalesce(sum(f.net_money) FILTER (WHERE f.side = 'SELL'), zero(f.quote)) AS received
          FROM scope_figures(scope) AS f
          WHERE f.account IS NULL
          GROUP BY f.base, f.quote, f.funding_model) AS s
    ORDER BY s.base, s.quote, s.funding_model;
END;
$$;
COMMENT ON FUNCTION window_summary(text, date) IS 'The window per coin: what customers bought and sold and the money for it, all positive; net_quantity positive = bought more; net_money positive = the client owes. A bust takes its execution away again, in the window it falls in. The net settlement of the client is the sum of net_money over funding_model NET_SETTLEMENT, plus window_adjustments(). LG070.';

CREATE FUNCTION zero_sum_check(closes_on date)
    RETURNS TABLE (client_code text, asset asset, counterparties amount, own amount, difference amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    holder client;
    scope window_scope;
BEGIN
    FOR holder IN
        SELECT c.* FROM client c
        WHERE c.client_id = ANY (visible_clients())
          AND EXISTS (SELECT FROM settlement_window w WHERE w.client_id = c.client_id AND w.closes_on = zero_sum_check.closes_on)
        ORDER BY c.code
    LOOP
        scope := scope_of(holder.client_id, closes_on);
        RETURN QUERY
        WITH theirs AS (
            -- from what was executed
            SELECT s.asset, sum(s.amount) AS amount
            FROM settled_accounts(scope, ARRAY(SELECT f FROM scope_figures(scope) AS f)) AS s
            GROUP BY s.asset
        ), ours AS (
            -- from every other line the company's own books got
            SELECT a.asset, sum(f.amount) AS amount
            FROM (SELECT f.account, f.net_money AS amount
            FROM (SELECT window_figures(NULL, j.entry) AS figures
                  FROM window_journals(scope.client_id, scope.from_at, scope.to_at,
                                       scope.first_id, scope.previous_high, scope.previous_pending,
                                       scope.high, scope.pending, scope.pending_from,
                                       scope.early_until, scope.early_high, scope.early_pending) AS j) AS totals,
                 unnest(totals.figures) AS f
                  UNION ALL
                  SELECT n.account, -n.amount FROM novated_before(holder.client_id, scope.window_no) AS n) AS f
            JOIN account a ON a.client_id = holder.client_id AND a.account = f.account
            WHERE a.kind NOT IN ('corp_client_settlement', 'corp_lp_payable', 'corp_lp_receivable',
                                 'corp_lp_coin_payable', 'corp_lp_coin_receivable')
            GROUP BY a.asset
        )
        SELECT holder.code, asset, coalesce(theirs.amount, zero(asset)), coalesce(ours.amount, zero(asset)),
               coalesce(theirs.amount, zero(asset)) + coalesce(ours.amount, zero(asset))
        FROM theirs FULL JOIN ours USING (asset)
        ORDER BY asset;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION zero_sum_check(date) IS 'For every client''s sealed window that closes on the date, per asset: the nets of all counterparties as executed, the company''s own net as posted, and their sum, which must be zero (I15). Positive = owed to the company.';
