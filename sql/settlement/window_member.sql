-- The members of a window, and their sums. Which executions a window has is a pure function of
-- facts that never change: when each was executed, and what the blocks of this window and of the
-- one before it contain. Nothing is written per execution.
-- Locks nothing.

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
    'Internal: everything that decides which journals belong to a window. An execution is a member if it was executed before '
    'to_at, was known to the window''s horizon (high, pending), and was either executed at or after from_at or unknown to the '
    'horizon of the window before (previous_high, previous_pending), that is, late. follows: the window before is sealed, or '
    'there is none.';

CREATE FUNCTION bakkt_ledger_internal.scope_of(client_id integer, closes_on date, horizon bigint DEFAULT NULL) RETURNS window_scope
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
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

    -- what was known when this window was sealed; everything, while it is not sealed
    scope.high := 9223372036854775807;
    scope.pending := '{}';
    scope.known_until := 'infinity';
    SELECT * INTO known FROM block b WHERE b.block_no = coalesce(sealed.block_no, horizon);
    IF scope.sealed OR horizon IS NOT NULL THEN
        -- there is no block, so nothing was known
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
        -- an earlier window is not closed yet and will take the late executions
        scope.first_id := 9223372036854775807;
        scope.early_until := scope.to_at;
        scope.early_high := 9223372036854775807;
    END IF;
    RETURN scope;
END;
$$;
COMMENT ON FUNCTION scope_of(integer, date, bigint) IS
    'Internal: the scope of a client''s window; horizon: the block with which it is being sealed. The scope of a window that is '
    'not sealed includes everything known so far.';

CREATE FUNCTION bakkt_ledger_internal.window_journals(client_id integer, from_at timestamptz, to_at timestamptz,
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
COMMENT ON FUNCTION window_journals(integer, timestamptz, timestamptz, bigint, bigint, int8multirange, bigint, int8multirange,
    bigint, timestamptz, bigint, int8multirange) IS
    'Internal: the journals of a window by the parts of its scope: two disjoint index ranges. It is inlined into the calling '
    'query.';

CREATE TYPE bakkt_ledger_internal.window_figure AS (
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
COMMENT ON TYPE window_figure IS
    'Internal: a sum over a window. Executions (account NULL): by provider, funding model, side, base and quote; a bust counts '
    'as minus one execution, and its amounts are negated. Other journals: the sum of their lines on one account of fund CORP in '
    'net_money, debit positive.';

CREATE FUNCTION bakkt_ledger_internal.window_figures_accumulate(internal, execution_terms, journal_entry) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_accumulate(internal, execution_terms, journal_entry) IS 'Step of window_figures().';
CREATE FUNCTION bakkt_ledger_internal.window_figures_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_combine(internal, internal) IS 'Joins two states of window_figures().';
CREATE FUNCTION bakkt_ledger_internal.window_figures_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_serialize(internal) IS 'State of window_figures(), serialized for another process.';
CREATE FUNCTION bakkt_ledger_internal.window_figures_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_deserialize(bytea, internal) IS 'Reads what window_figures_serialize() wrote.';
CREATE FUNCTION bakkt_ledger_internal.window_figures_final(internal) RETURNS window_figure[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION window_figures_final(internal) IS 'Result of window_figures().';
CREATE AGGREGATE bakkt_ledger_internal.window_figures(terms execution_terms, entry journal_entry) (
    SFUNC = window_figures_accumulate, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = window_figures_combine, SERIALFUNC = window_figures_serialize, DESERIALFUNC = window_figures_deserialize,
    FINALFUNC = window_figures_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_figures(execution_terms, journal_entry) IS
    'Computes all sums that a settlement needs from a set of journals in one pass: executions by their terms, lines of other '
    'journals per account of fund CORP. Pass NULL for the terms to add up the lines of executions too.';

CREATE FUNCTION bakkt_ledger_internal.scope_figures(scope window_scope) RETURNS SETOF window_figure
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
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
