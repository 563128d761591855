-- The client's share of revenue, trued up (doc/cash.md): the share that an execution accrues is
-- rounded, and thousands of small ones would favor one side. When the day closes, the client has in
-- all its exact share of what stands, rounded once. What was rounded away stays with the sum, so
-- nothing is ever lost between two days.
--
-- Counted are executions in blocks: which they are is a fact that never changes. One that is not
-- sealed yet is counted the next time.
-- Locks the client's share of revenue, then block.

INSERT INTO template VALUES
    ('revenue_share_true_up', 'revenue_share', 'what rounding has kept from the client''s share; negative: gave too much');
INSERT INTO template_line (template, line, side, account_kind, parties) VALUES
    ('revenue_share_true_up', 1, 'debit', 'corp_rounding', '{}'),
    ('revenue_share_true_up', 2, 'credit', 'corp_revenue_share', '{client}');

CREATE TABLE bakkt_ledger_internal.revenue_share_total (
    client_id integer NOT NULL REFERENCES client,
    asset asset NOT NULL,
    block_no bigint NOT NULL,
    executions bigint NOT NULL,
    exact amount NOT NULL CHECK (asset(exact) = asset),
    accrued amount NOT NULL CHECK (asset(accrued) = asset),
    trued_up amount NOT NULL CHECK (asset(trued_up) = asset),
    CONSTRAINT revenue_share_total_pkey PRIMARY KEY (client_id, asset)
);
COMMENT ON TABLE revenue_share_total IS
'What the shares of a client''s executions come to, busts taken back: exact, as accrued, and what has trued them up.';
COMMENT ON COLUMN revenue_share_total.block_no IS 'The last block whose executions are counted.';
COMMENT ON COLUMN revenue_share_total.executions IS 'How many executions with a share are counted, busts among them.';
COMMENT ON COLUMN revenue_share_total.exact IS
'Ten thousand times the exact share, which basis points make a whole number of units.';
COMMENT ON COLUMN revenue_share_total.accrued IS 'The sum of the rounded shares that the executions have posted.';
COMMENT ON COLUMN revenue_share_total.trued_up IS
'The sum of what was posted since: accrued + trued_up = exact share, rounded once.';
SELECT pg_catalog.pg_extension_config_dump('revenue_share_total', '');
SELECT refuse_writes('revenue_share_total', 'DELETE OR TRUNCATE');
INSERT INTO subject (subject, key, told) VALUES ('revenue_share_total', '{asset}', '{}');

-- A client's exact share of this much, rounded as its money is: the one place where it is rounded.
CREATE FUNCTION bakkt_ledger_internal.share_due(exact amount) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN multiply_divide(exact, 1, 10000, (SELECT s.scale FROM supported_asset AS s WHERE s.asset = asset(exact)), 'half_even');
END;
$$;

-- The executions of a client with a share that the blocks after one and up to another have sealed:
-- of each asset how many, their exact shares times ten thousand, and what they have accrued.
CREATE FUNCTION bakkt_ledger_internal.share_figures(holder integer, after_block bigint, through_block bigint)
    RETURNS TABLE (asset asset, executions bigint, exact amount, accrued amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    WITH span AS (
        SELECT coalesce(before.high, 0) AS previous_high, coalesce(before.pending, '{}') AS previous_pending,
               least(coalesce(lower(before.pending) - 1, before.high), coalesce(before.high, 0)) AS after_id,
               last.high, last.pending
        FROM block AS last
        LEFT JOIN block AS before ON before.block_no = after_block
        WHERE last.block_no = through_block
    )
    SELECT quote_asset(j.terms), count(*), sum_exact_share(j.terms), sum_revenue_share(j.terms)
    FROM span AS s
    JOIN journal AS j ON j.client_id = holder AND j.journal_id > coalesce(s.after_id, 0) AND j.journal_id <= s.high
    WHERE j.terms IS NOT NULL AND revenue_share_bps(j.terms) <> 0
      AND (j.journal_id > s.previous_high OR j.journal_id <@ s.previous_pending) AND NOT j.journal_id <@ s.pending
    GROUP BY quote_asset(j.terms);
END;

-- Adds figures to the total of a client and asset and posts what is missing from the share.
CREATE FUNCTION bakkt_ledger_internal.true_up(before revenue_share_total, counted revenue_share_total, moment timestamptz)
    RETURNS revenue_share_total
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    missing constant amount := share_due(counted.exact) - counted.accrued - counted.trued_up;
    after revenue_share_total;
    posted journal_result;
BEGIN
    IF NOT is_zero(missing) THEN
        posted := post_template(counted.client_id, 'revenue_share_true_up',
                                format('revenue-share:%s:%s', counted.asset, counted.block_no),
                                jsonb_build_object('client', (client_row(counted.client_id)).code),
                                jsonb_build_object('amount', missing), moment,
                                format('Share of revenue trued up, executions through block %s', counted.block_no));
    END IF;
    INSERT INTO revenue_share_total AS t (client_id, asset, block_no, executions, exact, accrued, trued_up)
    VALUES (counted.client_id, counted.asset, counted.block_no, counted.executions, counted.exact, counted.accrued,
            counted.trued_up + missing)
    ON CONFLICT ON CONSTRAINT revenue_share_total_pkey DO UPDATE
    SET block_no = excluded.block_no,
        executions = excluded.executions,
        exact = excluded.exact,
        accrued = excluded.accrued,
        trued_up = excluded.trued_up
    RETURNING t.* INTO after;
    PERFORM record_event('trued_up', before, after, moment, amount => missing, journal => posted.journal);
    RETURN after;
END;
$$;

-- One client's part of true_up_revenue_shares(): counts what was sealed since the last time.
CREATE FUNCTION bakkt_ledger_internal.true_up_client(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    counted_through bigint;
    horizon bigint;
    before revenue_share_total;
    after revenue_share_total;
    found_figures record;
    told jsonb := '[]';
BEGIN
    PERFORM lock_revenue_share(holder);
    counted_through := coalesce((SELECT max(t.block_no) FROM revenue_share_total AS t WHERE t.client_id = holder), 0);
    horizon := seal_horizon();
    FOR found_figures IN SELECT f.* FROM share_figures(holder, counted_through, horizon) AS f ORDER BY f.asset LOOP
        SELECT t.* INTO before FROM revenue_share_total AS t WHERE t.client_id = holder AND t.asset = found_figures.asset;
        after := (holder, found_figures.asset, horizon, coalesce(before.executions, 0) + found_figures.executions,
                  coalesce(before.exact, zero(found_figures.asset)) + found_figures.exact,
                  coalesce(before.accrued, zero(found_figures.asset)) + found_figures.accrued,
                  coalesce(before.trued_up, zero(found_figures.asset)));
        after := true_up(before, after, at);
        told := told || jsonb_build_object('client', (client_row(holder)).code, 'executions', found_figures.executions,
                                           'accrued', found_figures.accrued,
                                           'trued_up', after.trued_up - coalesce(before.trued_up, zero(after.asset)));
    END LOOP;
    RETURN told;
END;
$$;

-- The clients that have, or had, a share of revenue by their terms.
CREATE FUNCTION bakkt_ledger_internal.clients_with_share(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ARRAY(SELECT c.client_id
             FROM client AS c
             WHERE EXISTS (SELECT FROM event AS e
                           WHERE e.client_id = c.client_id AND e.subject = 'client'
                             AND (e.changed ->> 'revenue_share_bps')::integer > 0)
             ORDER BY c.client_id);
END;
INSERT INTO client_run VALUES ('true_up_revenue_shares', 'true_up_client', 'clients_with_share');

CREATE TYPE bakkt_ledger.revenue_share_run_result AS (
    client text,
    executions bigint,
    accrued amount,
    trued_up amount
);
COMMENT ON TYPE revenue_share_run_result IS
'What a run has counted of a client, per asset: executions with a share since the last run, busts among them, the rounded shares
that they have accrued, and what was posted to true them up (negative: taken back).';

CREATE FUNCTION bakkt_ledger.true_up_revenue_shares(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF revenue_share_run_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT p.* FROM run_answers('true_up_revenue_shares', NULL::revenue_share_run_result, at, client) AS p;
END;
$$;
COMMENT ON FUNCTION true_up_revenue_shares IS
'Trues up the share of revenue of one client, or of all visible ones, to the exact share of the exact revenue, rounded once.
An execution accrues a share that is rounded. This seals, counts what was sealed since the last time, and posts the difference
against Rounding, so that the sum does not depend on how trades were sliced; busts and corrections count. Safe to repeat, and to
run in two sessions at once. A row per client and asset with new executions. Of several clients, one whose part fails is left
out with a WARNING.
Errors: LG010, 42501, LG061, LG002; 40001 or 40P01: retry.';

-- Totals of a client that are not what its sealed executions come to.
CREATE FUNCTION bakkt_ledger_internal.share_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH counted AS (
        SELECT f.asset, f.executions, f.exact, f.accrued
        FROM share_figures((holder).client_id, 0, (SELECT max(t.block_no) FROM revenue_share_total AS t
                                                   WHERE t.client_id = (holder).client_id)) AS f
    ), posted AS (
        SELECT a.asset, -sum(amount_of(j.entry, a.account)) AS amount
        FROM journal AS j
        JOIN account AS a ON a.client_id = j.client_id AND a.kind = 'corp_revenue_share'
        WHERE j.client_id = (holder).client_id AND j.kind = kind_number('revenue_share')
          AND touches(j.entry, a.account)
        GROUP BY a.asset
    ), total AS (
        SELECT t.asset, t.executions, t.exact, t.accrued, t.trued_up
        FROM revenue_share_total AS t
        WHERE t.client_id = (holder).client_id
    ), compared AS (
        SELECT asset, f.what, f.told, f.found
        FROM total AS t
        FULL JOIN counted AS c USING (asset)
        FULL JOIN posted AS p USING (asset)
        CROSS JOIN LATERAL (VALUES
            ('executions', t.executions::text, coalesce(c.executions, 0)::text),
            ('exact share, times 10,000', t.exact::text, coalesce(c.exact, zero(asset))::text),
            ('accrued', t.accrued::text, coalesce(c.accrued, zero(asset))::text),
            ('trued up, by its journals', t.trued_up::text, coalesce(p.amount, zero(asset))::text),
            ('share in all', (t.accrued + t.trued_up)::text, share_due(t.exact)::text)) AS f (what, told, found)
    )
    SELECT finding('revenue share', format('%s: the total says %s, it is %s.', c.what, coalesce(c.told, 'nothing'), c.found),
                   holder => (holder).code, of_subject => 'revenue_share_total', key => c.asset::text)
    FROM compared AS c
    WHERE c.told IS DISTINCT FROM c.found;
END;
