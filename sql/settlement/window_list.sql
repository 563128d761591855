-- What people ask about a window.

CREATE TYPE bakkt_ledger.window_member_line AS (
    journal bigint,
    kind text,
    customer text,
    reference text,
    client_order_id text,
    symbol text,
    side text,
    quantity amount,
    price price,
    net_money amount,
    provider text,
    funding_model text,
    executed_at timestamptz,
    recorded_at timestamptz,
    late_from text,
    original bigint
);
COMMENT ON TYPE window_member_line IS
'An execution of a window, or a bust.
quantity, net_money: signed, positive = the customer receives coin, the client owes money. late_from: the sealed window in whose
time it was executed; it was not known, or not busted, when that was sealed. original: the journal it busts or corrects.';

CREATE FUNCTION bakkt_ledger.window_members(client text, closes_on date)
    RETURNS SETOF window_member_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    scope constant window_scope := scope_of(require_client(client), closes_on);
BEGIN
    RETURN QUERY
    SELECT j.journal_id, k.name, c.customer_code, j.reference, client_order_id(j.terms), i.symbol, side(j.terms),
           signed_quantity(j.terms), price(j.terms), net_money(j.terms), p.code, funding_model(j.terms),
           j.effective_at, j.recorded_at,
           CASE WHEN j.effective_at < scope.from_at AND scope.window_no > 1 THEN
               window_name(coalesce((SELECT max(w.window_no)
                                     FROM settlement_window AS w
                                     WHERE w.client_id = scope.client_id AND w.window_no < scope.window_no
                                       AND w.from_at <= j.effective_at), 1))
           END,
           coalesce(j.reverses, corrects(j.terms))
    FROM window_journals(scope) AS j
    JOIN journal_kind AS k ON k.kind = j.kind
    LEFT JOIN customer AS c ON c.customer_id = j.customer_id
    LEFT JOIN instrument AS i ON i.instrument_id = instrument_id(j.terms)
    LEFT JOIN provider AS p ON p.provider_id = provider_id(j.terms)
    WHERE j.terms IS NOT NULL
    ORDER BY j.effective_at, j.journal_id;
END;
$$;
COMMENT ON FUNCTION window_members IS
'The executions of the client''s window that closes on a date, in order of execution.
Of a sealed window always the same rows, of the open one those known so far.
Errors: LG010, 42501, LG070.';

CREATE TYPE bakkt_ledger.window_adjustment_line AS (
    journal bigint,
    kind text,
    reference text,
    counterparty text,
    asset asset,
    amount amount,
    effective_at timestamptz,
    description text
);
COMMENT ON TYPE window_adjustment_line IS
'What a journal that is no execution adds to what a window settles with a counterparty.
amount: positive = the counterparty owes more.';

CREATE FUNCTION bakkt_ledger.window_adjustments(client text, closes_on date)
    RETURNS SETOF window_adjustment_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    scope constant window_scope := scope_of(require_client(client), closes_on);
BEGIN
    RETURN QUERY
    SELECT j.journal_id, k.name, j.reference, a.counterparty, a.asset, sum(l.amount), j.effective_at, j.description
    FROM window_journals(scope) AS j
    JOIN journal_kind AS k ON k.kind = j.kind
    CROSS JOIN LATERAL lines(j.entry) AS l
    JOIN window_accounts(scope.client_id) AS a ON a.account = l.account
    WHERE j.terms IS NULL
      -- the novation of the window before settles that one
      AND NOT EXISTS (SELECT FROM event AS e
                      WHERE e.client_id = j.client_id AND e.subject = 'settlement_window'
                        AND e.subject_key = (scope.window_no - 1)::text AND e.event = 'novated' AND e.journal_id = j.journal_id)
    GROUP BY j.journal_id, k.name, j.reference, a.account, a.counterparty, a.asset, j.effective_at, j.description
    ORDER BY j.effective_at, j.journal_id, a.counterparty COLLATE "C", a.asset;
END;
$$;
COMMENT ON FUNCTION window_adjustments IS
'Journals of the client''s window that closes on a date that are no executions but touch what it settles.
Adjustments, deliveries and payments made before the close.
Errors: LG010, 42501, LG070.';

CREATE TYPE bakkt_ledger.window_summary_line AS (
    asset asset,
    quote asset,
    buy_count bigint,
    buy_quantity amount,
    buy_net_money amount,
    sell_count bigint,
    sell_quantity amount,
    sell_net_money amount,
    net_quantity amount,
    net_money amount,
    funding_model text
);
COMMENT ON TYPE window_summary_line IS
'What customers bought and sold of one coin in a window, and the money for it, all positive.
net_quantity: positive = bought more. net_money: positive = the client owes.';

CREATE FUNCTION bakkt_ledger.window_summary(client text, closes_on date)
    RETURNS SETOF window_summary_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
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
          FROM scope_figures(scope_of(require_client(client), closes_on)) AS f
          WHERE f.account IS NULL
          GROUP BY f.base, f.quote, f.funding_model) AS s
    ORDER BY s.base, s.quote, s.funding_model;
END;
$$;
COMMENT ON FUNCTION window_summary IS
'The client''s window that closes on a date, per coin, currency and funding model.
A bust takes its execution away again, in the window it falls in. The net settlement of the client is the sum of net_money over
funding_model NET_SETTLEMENT, plus window_adjustments().
Errors: LG010, 42501, LG070.';

CREATE TYPE bakkt_ledger.zero_sum_line AS (
    client text,
    asset asset,
    counterparties amount,
    own amount,
    difference amount
);
COMMENT ON TYPE zero_sum_line IS
'The nets of a sealed window in one asset, positive = owed to the company.
counterparties: of all of them, as executed. own: the company''s, as posted. difference: their sum, which must be zero (I15).';

CREATE FUNCTION bakkt_ledger.zero_sum_check(closes_on date)
    RETURNS SETOF zero_sum_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    holder client;
    scope window_scope;
BEGIN
    FOR holder IN
        SELECT c.*
        FROM client AS c
        WHERE c.client_id = ANY (visible_clients())
          AND EXISTS (SELECT FROM settlement_window AS w
                      WHERE w.client_id = c.client_id AND w.closes_on = zero_sum_check.closes_on)
        ORDER BY c.code
    LOOP
        scope := scope_of(holder.client_id, closes_on);
        RETURN QUERY
        SELECT holder.code, n.unit, n.theirs, n.ours, n.theirs + n.ours
        FROM (SELECT p.unit, coalesce(sum(p.theirs), zero(p.unit)) AS theirs, coalesce(sum(p.ours), zero(p.unit)) AS ours
              FROM (-- theirs from what was executed
                    SELECT s.asset AS unit, s.amount AS theirs, NULL::amount AS ours
                    FROM settled_accounts(scope, ARRAY(SELECT f FROM scope_figures(scope) AS f)) AS s
                    UNION ALL
                    -- ours from every other line the company's own books got
                    SELECT a.asset, NULL, l.amount
                    FROM (SELECT f.account, f.net_money AS amount FROM scope_figures(scope, by_line => true) AS f
                          UNION ALL
                          SELECT n.account, -n.amount FROM novation_lines(holder.client_id, scope.window_no - 1) AS n) AS l
                    JOIN account AS a ON a.client_id = holder.client_id AND a.account = l.account
                    WHERE NOT is_settled_kind(a.kind)) AS p
              GROUP BY p.unit) AS n
        ORDER BY n.unit;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION zero_sum_check IS
'The nets of every client''s sealed window that closes on the date, per asset, which must add up to zero (I15).';
