-- Members of a window.
--
-- Which executions a window has is a pure function of facts that never
-- change: when each was executed, and what the blocks of this window and of
-- the one before it contain.  Nothing is written per execution.

CREATE TYPE bakkt_ledger_internal.window_scope AS (
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
COMMENT ON TYPE window_scope IS
'Internal: all that decides which journals belong to a window.
An execution is a member if it was executed before to_at, the window''s horizon (high, pending) has it, and it was executed at
or after from_at or was unknown to the horizon of the window before (previous_high, previous_pending): a late one. follows:
the window before is sealed, or there is none.';

-- The scope of a client's window; horizon is the block with which it is being sealed. A window that
-- is not sealed has everything known so far.
CREATE FUNCTION bakkt_ledger_internal.scope_of(holder integer, day date, horizon bigint DEFAULT NULL) RETURNS window_scope
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    scope window_scope;
    sealed settlement_window;
    previous settlement_window;
    known block;
BEGIN
    scope.client_id := holder;
    scope.closes_on := day;
    SELECT b.window_no, b.from_at, b.to_at INTO scope.window_no, scope.from_at, scope.to_at
    FROM window_on(client_row(holder), day) AS b;
    SELECT w.* INTO sealed FROM settlement_window AS w WHERE w.client_id = holder AND w.window_no = scope.window_no;
    scope.sealed := FOUND;
    SELECT w.* INTO previous
    FROM settlement_window AS w
    WHERE w.client_id = holder AND w.window_no < scope.window_no
    ORDER BY w.window_no DESC
    LIMIT 1;
    scope.follows := coalesce(previous.window_no, 0) = scope.window_no - 1;

    -- what was known when this window was sealed; everything, while it is not sealed
    scope.high := 9223372036854775807;
    scope.pending := '{}';
    scope.known_until := 'infinity';
    SELECT b.* INTO known FROM block AS b WHERE b.block_no = coalesce(sealed.block_no, horizon);
    IF scope.sealed OR horizon IS NOT NULL THEN
        -- there is no block, so nothing was known
        scope.high := coalesce(known.high, 0);
        scope.pending := coalesce(known.pending, '{}');
        scope.known_until := coalesce(sealed.sealed_at, clock_timestamp()) + execution_time_ahead();
    END IF;
    scope.pending_from := coalesce(lower(scope.pending), scope.high);
    RETURN known_before(scope, previous);
END;
$$;

-- The scope with what was known when the window before was sealed; nothing if there is none.
CREATE FUNCTION bakkt_ledger_internal.known_before(scope window_scope, previous settlement_window) RETURNS window_scope
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    known block;
BEGIN
    scope.first_id := 0;
    scope.previous_high := 0;
    scope.previous_pending := '{}';
    scope.early_until := '-infinity';
    scope.early_high := 0;
    scope.early_pending := '{}';
    SELECT b.* INTO known FROM block AS b WHERE b.block_no = previous.block_no;
    IF FOUND AND scope.follows THEN
        scope.previous_high := known.high;
        scope.previous_pending := known.pending;
        scope.first_id := least(coalesce(lower(known.pending), known.high + 1), known.high + 1);
        -- posted before that seal but executed after the cut-off
        scope.early_until := least(scope.to_at, previous.sealed_at + execution_time_ahead());
        scope.early_high := known.high;
        scope.early_pending := known.pending;
    ELSIF NOT scope.follows THEN
        -- an earlier window is not closed yet and will take the late executions
        scope.first_id := 9223372036854775807;
        scope.early_until := scope.to_at;
        scope.early_high := 9223372036854775807;
    END IF;
    RETURN scope;
END;
$$;

-- The journals of a window: two index ranges that have no row in common. Inlined into the query
-- that calls it.
CREATE FUNCTION bakkt_ledger_internal.window_journals(scope window_scope) RETURNS SETOF journal
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- became known after the window before was sealed
    SELECT j.*
    FROM journal AS j
    WHERE j.client_id = (scope).client_id
      AND j.journal_id BETWEEN (scope).first_id AND (scope).high
      AND j.effective_at < (scope).to_at
      AND (j.journal_id > (scope).previous_high OR j.journal_id <@ (scope).previous_pending)
      AND (j.journal_id < (scope).pending_from OR NOT j.journal_id <@ (scope).pending)
    UNION ALL
    -- was known then, but executed after its end
    SELECT j.*
    FROM journal AS j
    WHERE j.client_id = (scope).client_id
      AND j.effective_at >= (scope).from_at
      AND j.effective_at < (scope).early_until
      AND j.journal_id <= (scope).early_high
      AND NOT j.journal_id <@ (scope).early_pending;
END;

CREATE TYPE bakkt_ledger_internal.window_figure AS (
    account account_id,
    provider_id integer,
    funding_model text,
    side text,
    base asset,
    quote asset,
    members bigint,
    executions bigint,
    quantity amount,
    net_money amount,
    provider_money amount
);
COMMENT ON TYPE window_figure IS
'Internal: a sum over a window.
Executions (account NULL): by provider, funding model, side, base and quote; a bust counts minus one execution and enters with
its sign turned. Other journals: the sum of their lines on one account of fund CORP in net_money, debit positive.';

-- Step of window_figures().
CREATE FUNCTION bakkt_ledger_internal.window_figures_accumulate(internal, execution_terms, journal_entry) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
-- Joins two states of window_figures().
CREATE FUNCTION bakkt_ledger_internal.window_figures_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
-- State of window_figures() on its way between processes.
CREATE FUNCTION bakkt_ledger_internal.window_figures_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
-- Reads what window_figures_serialize() wrote.
CREATE FUNCTION bakkt_ledger_internal.window_figures_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
-- Result of window_figures().
CREATE FUNCTION bakkt_ledger_internal.window_figures_final(internal) RETURNS window_figure[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';

CREATE AGGREGATE bakkt_ledger_internal.window_figures(terms execution_terms, entry journal_entry) (
    SFUNC = window_figures_accumulate, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = window_figures_combine, SERIALFUNC = window_figures_serialize, DESERIALFUNC = window_figures_deserialize,
    FINALFUNC = window_figures_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_figures(execution_terms, journal_entry) IS
'Internal: everything a settlement needs to know of a set of journals, in one pass.
Executions are added up from their terms, other journals'' lines per account of fund CORP. NULL for the terms adds up the
lines of executions too.';

-- The figures of a window, one parallel pass over its journals; by_line: the lines of executions
-- too.
CREATE FUNCTION bakkt_ledger_internal.scope_figures(scope window_scope, by_line boolean DEFAULT false) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT f.*
    FROM (SELECT window_figures(CASE WHEN NOT by_line THEN j.terms END, j.entry) AS figures
          FROM window_journals(scope) AS j) AS totals
    CROSS JOIN unnest(totals.figures) AS f;
END;
$$;
