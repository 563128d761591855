-- Closed accounting periods of a client's books (I26; doc/periods.md). Closing seals a block: what
-- that block or an earlier one has, and is effective before the period's end, is what was known,
-- for ever. What is effective before the end and came later is a prior-period entry: a pure
-- function of facts that never change, so that nobody can forget or remove the flag.
-- Refuses a period that ends in the future or before the last one (LG061), and an unknown one
-- (LG095). Entries by hand into a closed period take two people: src/ledger/evaluate.c (LG068).
-- Locks the client's postings, then block.

CREATE TABLE bakkt_ledger_internal.accounting_period (
    client_id integer NOT NULL REFERENCES client,
    period_no integer NOT NULL CHECK (period_no > 0),
    from_at timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (isfinite(until)),
    block_no bigint NOT NULL REFERENCES block,
    PRIMARY KEY (client_id, period_no),
    UNIQUE (client_id, until),
    CHECK (from_at < until),
    CHECK ((period_no = 1) = (from_at = '-infinity'))
);
COMMENT ON TABLE accounting_period IS 'The closed accounting periods of each client''s books.';
COMMENT ON COLUMN accounting_period.from_at IS 'Start, in the period: the end of the one before; -infinity of the first.';
COMMENT ON COLUMN accounting_period.until IS 'End, outside the period.';
COMMENT ON COLUMN accounting_period.block_no IS
'The horizon: what this block or an earlier one has was known when the period closed.';
SELECT pg_catalog.pg_extension_config_dump('accounting_period', '');
SELECT refuse_writes('accounting_period', 'UPDATE OR DELETE OR TRUNCATE');
INSERT INTO subject (subject, key) VALUES ('accounting_period', '{period_no}');

-- Whether a block or an earlier one has the record.
CREATE FUNCTION bakkt_ledger_internal.known_to(horizon block, number bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN number <= (horizon).high AND NOT number <@ (horizon).pending;

-- The end of the closed period that a journal is effective in, when the ledger recorded it after
-- that had closed: the prior-period flag; NULL: none.
CREATE FUNCTION bakkt_ledger_internal.prior_period(posted journal) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT min(p.until)
    FROM accounting_period AS p
    JOIN block AS b ON b.block_no = p.block_no
    WHERE p.client_id = (posted).client_id AND p.until > (posted).effective_at AND NOT known_to(b, (posted).journal_id);
END;

-- The last closed period of a client; NULL when there is none.
CREATE FUNCTION bakkt_ledger_internal.last_period(holder integer) RETURNS accounting_period
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p FROM accounting_period AS p WHERE p.client_id = holder ORDER BY p.period_no DESC LIMIT 1;
END;

-- LG002 or LG061 unless the next period of a client can end there.
CREATE FUNCTION bakkt_ledger_internal.require_period_end(latest accounting_period, until timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF until IS NULL OR NOT isfinite(until) THEN
        PERFORM refuse_invalid('a period needs an end', NULL, 'Give the first instant after it.');
    ELSIF until > clock_timestamp() THEN
        PERFORM refuse('LG061', 'the period has not ended', format('It ends at %s.', instant_text(until)), 'Close it then.');
    ELSIF until < latest.until THEN
        PERFORM refuse('LG061', 'the period has been closed',
                       format('The books are closed until %s.', instant_text(latest.until)),
                       'A closed period stays as it is: what is effective in it posts as a prior-period entry.');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.close_period(client text, until timestamptz, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked request;
    latest accounting_period;
    closed accounting_period;
BEGIN
    PERFORM require_fresh_snapshot(), bounded_wait(), lock_client(holder);  -- what posts for it ends first
    asked := open_change('close_period', 'accounting_period', holder, reference,
                         jsonb_build_object('until', instant_text(until)));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    latest := last_period(holder);
    PERFORM require_period_end(latest, until);
    IF until = latest.until THEN
        RETURN close_change(asked, 'closed', latest, latest, reason);
    END IF;
    INSERT INTO accounting_period AS p (client_id, period_no, from_at, until, block_no)
    VALUES (holder, coalesce(latest.period_no, 0) + 1, coalesce(latest.until, '-infinity'), close_period.until, seal_horizon())
    RETURNING p.* INTO closed;
    PERFORM invalidate_account_cache();  -- sessions remember until when the books are closed
    RETURN close_change(asked, 'closed', NULL::accounting_period, closed, reason);
END;
$$;
COMMENT ON FUNCTION close_period IS
'Closes the books of a client until an instant: seals a block as the horizon of what was known.
until: the end of the period, outside it; it begins where the one before ended. What is effective before and comes later posts
with the prior-period flag, but an entry by hand then takes two people (LG068). Postings under way end first (55P03).
Closing the same period again changes nothing; a closed one is never opened.
Errors: LG002, LG010, LG020, LG061 not ended yet, or in a closed period, 25001, 42501, 55P03.';

-- The closed period of a client that ends there; LG095 if there is none.
CREATE FUNCTION bakkt_ledger_internal.require_period(holder integer, until timestamptz) RETURNS accounting_period
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    closed accounting_period;
BEGIN
    SELECT p.* INTO closed FROM accounting_period AS p WHERE p.client_id = holder AND p.until = require_period.until;
    IF NOT FOUND THEN
        PERFORM refuse('LG095', format('client "%s" has closed no period that ends then', (client_row(holder)).code), NULL,
                       'accounting_periods() lists the closed periods.', jsonb_build_object('until', instant_text(until)));
    END IF;
    RETURN closed;
END;
$$;

CREATE TYPE bakkt_ledger.accounting_period_line AS (
    number integer,
    from_at timestamptz,
    until timestamptz,
    block_no bigint,
    prior_period_entries bigint,
    closed_at timestamptz
);
COMMENT ON TYPE accounting_period_line IS
'A closed period as accounting_periods() lists it. from_at: -infinity of the first. block_no: what this block or an earlier one
has was known. prior_period_entries: how many have come since that are effective in it.';

CREATE FUNCTION bakkt_ledger.accounting_periods(client text) RETURNS SETOF accounting_period_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 20
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    RETURN QUERY
    SELECT p.period_no, p.from_at, p.until, p.block_no,
           (SELECT count(*) FROM journal AS j
            WHERE j.client_id = holder AND j.effective_at >= p.from_at AND j.effective_at < p.until
              AND NOT known_to(b, j.journal_id)),
           b.sealed_at
    FROM accounting_period AS p
    JOIN block AS b ON b.block_no = p.block_no
    WHERE p.client_id = holder
    ORDER BY p.period_no;
END;
$$;
COMMENT ON FUNCTION accounting_periods IS
'The closed accounting periods of a client, in order.
Errors: LG010, 42501.';

-- Debit-positive balances that were known when a period closed: today's, less the lines of journals
-- that are effective at its end or later or that its horizon does not have. Nothing of no period.
CREATE FUNCTION bakkt_ledger_internal.period_closing(closed accounting_period) RETURNS TABLE (account account_id, posted amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH later AS MATERIALIZED (
        SELECT l.account, sum(l.amount) AS change
        FROM block AS b
        JOIN journal AS j ON j.client_id = closed.client_id
                         AND (j.effective_at >= closed.until OR j.journal_id > b.high OR j.journal_id <@ b.pending)
        CROSS JOIN LATERAL lines(j.entry) AS l
        WHERE b.block_no = closed.block_no
        GROUP BY l.account
    )
    SELECT t.account, coalesce(t.posted - l.change, t.posted)
    FROM (SELECT h.account, h.posted FROM house_balances(closed.client_id) AS h
          UNION ALL
          SELECT b.account, b.posted FROM balance AS b WHERE b.client_id = closed.client_id) AS t
    LEFT JOIN later AS l ON l.account = t.account
$$;

-- Debit-positive sums of the lines that a period brought: its own, effective in it and known when
-- it closed, and those of earlier periods that had become known since those closed.
CREATE FUNCTION bakkt_ledger_internal.period_changes(closed accounting_period, previous accounting_period)
    RETURNS TABLE (account account_id, own amount, earlier amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT c.account, sum(c.amount) FILTER (WHERE c.own), sum(c.amount) FILTER (WHERE NOT c.own)
    FROM (SELECT l.account, l.amount, true AS own
          FROM block AS b
          JOIN journal AS j ON j.client_id = closed.client_id AND j.effective_at >= closed.from_at
                           AND j.effective_at < closed.until AND known_to(b, j.journal_id)
          CROSS JOIN LATERAL lines(j.entry) AS l
          WHERE b.block_no = closed.block_no
          UNION ALL
          SELECT l.account, l.amount, false
          FROM block AS b
          JOIN block AS p ON p.block_no = previous.block_no
          JOIN journal AS j ON j.client_id = closed.client_id AND j.effective_at < closed.from_at
                           AND (j.journal_id > p.high OR j.journal_id <@ p.pending) AND known_to(b, j.journal_id)
          CROSS JOIN LATERAL lines(j.entry) AS l
          WHERE b.block_no = closed.block_no) AS c
    GROUP BY c.account
$$;

-- The period before; NULL of the first.
CREATE FUNCTION bakkt_ledger_internal.previous_period(closed accounting_period) RETURNS accounting_period
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p
    FROM accounting_period AS p
    WHERE p.client_id = (closed).client_id AND p.period_no = (closed).period_no - 1;
END;

CREATE TYPE bakkt_ledger_internal.period_figure AS (
    account account_id,
    opening amount,
    earlier amount,
    own amount,
    closing amount
);
COMMENT ON TYPE period_figure IS 'Internal: an account''s figures of a closed period, debit positive.';

-- The figures of a closed period, of every account that has one which is not zero.
CREATE FUNCTION bakkt_ledger_internal.period_figures(closed accounting_period) RETURNS SETOF period_figure
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT f.account, f.opening, f.earlier, f.own, f.closing
    FROM (SELECT c.account, coalesce(o.posted, zero(asset(c.posted))) AS opening,
                 coalesce(d.earlier, zero(asset(c.posted))) AS earlier, coalesce(d.own, zero(asset(c.posted))) AS own,
                 c.posted AS closing
          FROM period_closing(closed) AS c
          LEFT JOIN period_closing(previous_period(closed)) AS o ON o.account = c.account
          LEFT JOIN period_changes(closed, previous_period(closed)) AS d ON d.account = c.account) AS f
    WHERE NOT (is_zero(f.opening) AND is_zero(f.earlier) AND is_zero(f.own) AND is_zero(f.closing))
$$;

CREATE TYPE bakkt_ledger.period_statement_line AS (
    account account_id,
    fund text,
    name text,
    kind text,
    customer text,
    opening amount,
    prior_period amount,
    movement amount,
    closing amount
);
COMMENT ON TYPE period_statement_line IS
'An account in the statement of a closed period, in natural sign: opening + prior_period + movement = closing.
opening: the closing balance of the period before, as its statement has it. prior_period: entries effective in earlier periods
that were recorded after those had closed and before this one did. movement: entries effective in the period.';

CREATE FUNCTION bakkt_ledger.period_statement(client text, until timestamptz) RETURNS SETOF period_statement_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    closed constant accounting_period := require_period(require_client(client), until);
    kinds constant text[] := visible_kinds();
BEGIN
    RETURN QUERY
    SELECT f.account, a.fund, a.name, a.kind, c.customer_code, natural_balance(k, f.opening), natural_balance(k, f.earlier),
           natural_balance(k, f.own), natural_balance(k, f.closing)
    FROM period_figures(closed) AS f
    JOIN account AS a ON a.client_id = closed.client_id AND a.account = f.account AND a.kind = ANY (kinds)
    JOIN account_kind AS k ON k.kind = a.kind
    LEFT JOIN customer AS c ON c.customer_id = a.customer_id
    ORDER BY f.account;
END;
$$;
COMMENT ON FUNCTION period_statement IS
'The books of a closed period as they were known when it closed: every account, opening, movement and closing.
It never changes. What has come since is listed by prior_period_entries(); the statement of the next period has it in a column of
its own. until: the end of the period.
Errors: LG010, 42501, LG095 no such period.';

CREATE TYPE bakkt_ledger.prior_period_line AS (
    period timestamptz,
    journal bigint,
    kind text,
    reference text,
    entry journal_entry,
    reverses bigint,
    effective_at timestamptz,
    recorded_at timestamptz,
    posted_by text,
    proposed_by text,
    approved_by text,
    description text
);
COMMENT ON TYPE prior_period_line IS
'An entry that is effective in a closed period and was recorded after that had closed.
period: the end of the period that it is effective in. proposed_by, approved_by: of an entry by hand, which takes two people.';

CREATE FUNCTION bakkt_ledger.prior_period_entries(client text, until timestamptz) RETURNS SETOF prior_period_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    closed constant accounting_period := require_period(require_client(client), until);
BEGIN
    RETURN QUERY
    SELECT prior_period(j), j.journal_id, k.name, j.reference::text, j.entry, j.reverses, j.effective_at, j.recorded_at,
           r.role_name::text, a.proposed_by::text, a.decided_by::text, j.description::text
    FROM block AS b
    JOIN journal AS j ON j.client_id = closed.client_id AND j.effective_at < closed.until
                     AND (j.journal_id > b.high OR j.journal_id <@ b.pending)
    JOIN journal_kind AS k ON k.kind = j.kind
    JOIN actor AS r ON r.actor_id = j.actor_id
    LEFT JOIN proposal AS p ON p.client_id = j.client_id AND p.journal_id = j.journal_id
    LEFT JOIN approval AS a ON a.client_id = p.client_id AND a.subject = 'proposal' AND a.subject_key = p.proposal_id::text
    WHERE b.block_no = closed.block_no
    ORDER BY j.journal_id;
END;
$$;
COMMENT ON FUNCTION prior_period_entries IS
'The entries that are effective before the end of a closed period and were recorded after it had closed, in order of recording.
Trades, busts, returns and wires as well as entries by hand: the ledger sets the flag, from when an entry is effective and what
the period''s horizon has. until: the end of the period; period: that of the one that the entry is effective in, this or an
earlier one.
Errors: LG010, 42501, LG095 no such period.';

-- ---------------------------------------------------------------------------
-- Checks
-- ---------------------------------------------------------------------------

-- Accounts of closed periods whose opening, changes and closing do not add up.
CREATE FUNCTION bakkt_ledger_internal.period_breaks() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding('accounting period',
                   format('Opening %s, of earlier periods %s, own %s, closing %s, debit positive.', f.opening, f.earlier, f.own,
                          f.closing),
                   holder => client_name(p.client_id), of_subject => 'accounting_period', key => p.period_no::text,
                   touched => f.account)
    FROM accounting_period AS p
    CROSS JOIN LATERAL period_figures(p) AS f
    WHERE f.opening + f.earlier + f.own <> f.closing
    ORDER BY p.client_id, p.period_no, f.account
$$;

-- Whether a journal of this kind and reference is one that a person has made by hand, alone.
CREATE FUNCTION bakkt_ledger_internal.is_lone_kind(kind text, reference text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN kind = 'hold_capture'
        OR kind IN ('general', 'reversal', 'coin_withdrawal', 'transfer', 'opening', 'cash_deposit', 'cash_withdrawal', 'fee')
       AND NOT is_reserved_reference(reference);

-- Entries that one person has made by hand into a closed period (I26).
CREATE FUNCTION bakkt_ledger_internal.lone_prior_entries() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding('accounting period', 'An entry by hand in a closed period, without a second person (I26).',
                   holder => client_name(j.client_id), kind => 'journal', number => j.journal_id)
    FROM accounting_period AS p
    JOIN block AS b ON b.block_no = p.block_no
    JOIN journal AS j ON j.client_id = p.client_id AND j.effective_at >= p.from_at AND j.effective_at < p.until
                     AND (j.journal_id > b.high OR j.journal_id <@ b.pending)
    JOIN journal_kind AS k ON k.kind = j.kind
    WHERE is_lone_kind(k.name, j.reference)
    ORDER BY j.client_id, j.journal_id
$$;

CREATE FUNCTION bakkt_ledger_internal.check_accounting_periods() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
    SELECT * FROM period_breaks()
    UNION ALL
    SELECT * FROM lone_prior_entries()
$$;
INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('accounting period', 'check_accounting_periods()', 35,
        'closed periods add up, and nobody alone has made an entry in one (I26)');
