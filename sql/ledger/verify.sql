-- Floor 2: verify(), which recomputes everything from the journal.
--
-- It only reads, at one snapshot, so it runs beside posting, on a standby and
-- on a restored copy.  What it returns is what is wrong.

CREATE TYPE bakkt_ledger.discrepancy AS (
    check_name text,
    block_no bigint,
    journal_id bigint,
    line integer,
    account account_id,
    detail text
);
COMMENT ON TYPE discrepancy IS 'Something that verify() found wrong: which check (doc/blocks.md), and as far as it can be told which block, journal, line and account.';

-- ---------------------------------------------------------------------------
-- Blocks
-- ---------------------------------------------------------------------------

-- The links of the chain, and the block's own hash.
CREATE FUNCTION bakkt_ledger_internal.verify_link(this block, before block) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT f.check_name, this.block_no, NULL::bigint, NULL::integer, NULL::account_id, f.detail FROM (VALUES
        ('block missing', this.block_no <> coalesce(before.block_no, 0) + 1,
            format('The block before is number %s.', coalesce(before.block_no, 0))),
        ('block chain', this.previous_hash <> coalesce(before.hash, decode(repeat('00', 32), 'hex')),
            'previous_hash is not the hash of the block before.'),
        ('block hash', this.hash <> block_hash(this), 'The block was changed: its hash is not that of its columns.'),
        ('block horizon', this.high < coalesce(before.high, 0) OR NOT this.pending <@ this.absent,
            'high or pending does not follow from the block before.'),
        ('block total', this.total_journals <> coalesce(before.total_journals, 0) + this.journals,
            'total_journals is not the sum of the blocks.')
    ) f (check_name, wrong, detail) WHERE f.wrong IS NOT FALSE
$$;
COMMENT ON FUNCTION verify_link(block, block) IS 'Discrepancies between a block, its hash and the block before. Internal.';

CREATE FUNCTION bakkt_ledger_internal.block_universe(this block, before block) RETURNS int8multirange
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT int8multirange(int8range(coalesce(before.high, 0), greatest(this.high, coalesce(before.high, 0)), '(]')) + coalesce(before.pending, '{}')
$$;
COMMENT ON FUNCTION block_universe(block, block) IS 'The ids among which a block looked for journals. Internal.';

-- Journal by journal, against the evidence; run only when the block as a whole is not what it was.
CREATE FUNCTION bakkt_ledger_internal.verify_journals(this block, before block) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH sealed AS (
        SELECT s.id, substr(this.evidence, (8 * s.place - 7)::integer, 8) AS evidence
          FROM (SELECT id, row_number() OVER (ORDER BY id) AS place
                  FROM unnest(block_universe(this, before) - this.absent) r, generate_series(lower(r), upper(r) - 1) id) s
    ), present AS (
        SELECT m.*, row_number() OVER (PARTITION BY m.journal_id ORDER BY m.client_id) AS copy
          FROM block_members(coalesce(before.high, 0), this.high, coalesce(before.pending, '{}')) m
         WHERE NOT m.journal_id <@ this.absent
    ), different AS (
        SELECT coalesce(s.id, p.journal_id) AS journal_id, p.entry, p.copy, s.evidence, changed_line(s.evidence, p.entry) AS line,
               substr(s.evidence, 5, 4) = substr(p.leaf, 33, 4) AS same_lines, entry_problem(p.entry) AS problem
          FROM sealed s FULL JOIN present p ON p.journal_id = s.id
         WHERE p.journal_id IS NULL OR s.id IS NULL OR p.copy > 1 OR s.evidence <> substr(p.leaf, 1, 4) || substr(p.leaf, 33, 4)
    )
    SELECT CASE WHEN d.entry IS NULL THEN 'journal missing' WHEN d.copy > 1 THEN 'journal added' ELSE 'journal changed' END,
           this.block_no, d.journal_id, d.line, l.account,
           CASE WHEN d.entry IS NULL THEN 'The block has it, the journal has not.'
                WHEN d.copy > 1 THEN 'Another client has a journal with the same id.'
                WHEN d.problem IS NOT NULL THEN format('Entry: %s.', d.problem)
                WHEN d.same_lines THEN 'The lines are as sealed; another column, or a further customer, is not.'
                WHEN d.line IS NULL THEN 'Several lines are not as sealed.'
                ELSE format('The line now reads %s.', CASE WHEN l.amount IS NOT NULL THEN l.account || ' ' || l.amount END) END
      FROM different d
      LEFT JOIN LATERAL (SELECT n.account, n.amount FROM lines(CASE WHEN d.problem IS DISTINCT FROM 'malformed' THEN d.entry END) n
                          WHERE n.line = d.line) l ON true
     ORDER BY 3
$$;
COMMENT ON FUNCTION verify_journals(block, block) IS 'Journals of a block that are changed, missing or added, and the line where a single one was changed. Internal.';

-- House balances after the block against those before it and the lines in it.
CREATE FUNCTION bakkt_ledger_internal.verify_block_balances(this block, before block, net entry_line[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT 'house balance', this.block_no, NULL::bigint, NULL::integer, coalesce(s.account, c.account),
           format('The block says %s, its journals come to %s.', coalesce(s.balance::text, 'nothing'), coalesce(c.balance::text, 'nothing'))
      FROM (SELECT b.* FROM block_balance b WHERE b.block_no = this.block_no) s
      FULL JOIN balances_after(this.block_no, this.block_no - 1, net) c ON c.client_id = s.client_id AND c.account = s.account
     WHERE s.balance IS NULL OR c.balance IS NULL OR s.balance *<> c.balance
     ORDER BY 5
$$;
COMMENT ON FUNCTION verify_block_balances(block, block, entry_line[]) IS 'House balances of a block that its journals do not come to. Internal.';

CREATE FUNCTION bakkt_ledger_internal.verify_block(this block, before block) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    actual record;
    content block_content;
    same_ids boolean;
BEGIN
    RETURN QUERY SELECT * FROM verify_link(this, before);
    IF this.block_no <> coalesce(before.block_no, 0) + 1 THEN
        RETURN;     -- without the block before nobody can say which journals are in this one
    END IF;
    SELECT block_content(m.journal_id, m.leaf ORDER BY m.journal_id) AS content,
           coalesce(turnover(m.entry) FILTER (WHERE p.problem IS NULL), '{}') AS turnover,
           net(m.entry) FILTER (WHERE p.problem IS DISTINCT FROM 'malformed') AS net,
           count(p.problem) AS problems, min(m.recorded_at) AS first_recorded_at, max(m.recorded_at) AS last_recorded_at
      INTO actual
      FROM block_members(coalesce(before.high, 0), this.high, coalesce(before.pending, '{}')) m
     CROSS JOIN LATERAL (SELECT entry_problem(m.entry) AS problem) p
     WHERE NOT m.journal_id <@ this.absent;
    content := actual.content;
    same_ids := (SELECT range_agg(int8range(r.f, r.l, '[]')) FROM unnest(content.first_ids, content.last_ids) AS r (f, l))
        IS NOT DISTINCT FROM nullif(block_universe(this, before) - this.absent, '{}');
    IF content.root <> this.root OR content.journals <> this.journals OR NOT same_ids THEN
        RETURN QUERY SELECT * FROM verify_journals(this, before);
        IF NOT FOUND THEN
            RETURN NEXT ROW('block root', this.block_no, NULL, NULL, NULL, 'Root or count is not that of the journals, and no journal shows why.')::discrepancy;
        END IF;
    ELSIF content.evidence <> this.evidence THEN
        RETURN NEXT ROW('block evidence', this.block_no, NULL, NULL, NULL, 'The journals are as sealed, the evidence about them is not.')::discrepancy;
    ELSIF actual.problems > 0 THEN      -- sealed as it is: put in behind the type's back before
        RETURN QUERY SELECT 'entry', this.block_no, m.journal_id, NULL::integer, NULL::account_id, format('Entry: %s.', entry_problem(m.entry))
            FROM block_members(coalesce(before.high, 0), this.high, coalesce(before.pending, '{}')) m
            WHERE NOT m.journal_id <@ this.absent AND entry_problem(m.entry) IS NOT NULL;
    END IF;
    IF actual.turnover::text <> this.turnover::text THEN
        RETURN NEXT ROW('block turnover', this.block_no, NULL, NULL, NULL,
            format('The block says %s, its journals come to %s.', this.turnover, actual.turnover))::discrepancy;
    END IF;
    IF (actual.first_recorded_at, actual.last_recorded_at) IS DISTINCT FROM (this.first_recorded_at, this.last_recorded_at) THEN
        RETURN NEXT ROW('block times', this.block_no, NULL, NULL, NULL, 'The first or last time of recording is not that of the journals.')::discrepancy;
    END IF;
    RETURN QUERY SELECT * FROM verify_block_balances(this, before, coalesce(actual.net, '{}'));
END;
$$;
COMMENT ON FUNCTION verify_block(block, block) IS 'Discrepancies of one block: link, journals, sums, house balances. Internal.';

-- ---------------------------------------------------------------------------
-- What no block has
-- ---------------------------------------------------------------------------

-- Absent from one block and not found by a later one.
CREATE FUNCTION bakkt_ledger_internal.unused_ids() RETURNS int8multirange
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(range_agg(b.absent), '{}') - coalesce(range_agg(b.found_late), '{}')
      FROM (SELECT absent, coalesce(lag(pending) OVER (ORDER BY block_no), '{}') - absent AS found_late FROM block) b
$$;
COMMENT ON FUNCTION unused_ids() IS 'Journal ids up to the last block''s high that no block has. Internal.';

CREATE FUNCTION bakkt_ledger_internal.verify_unsealed(last block, unused int8multirange) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT CASE WHEN unsealed AND known THEN 'entry' ELSE 'journal added' END, NULL::bigint, s.journal_id, NULL::integer, NULL::account_id,
           CASE WHEN NOT known THEN format('Client %s does not exist.', s.client_id)
                WHEN NOT unsealed THEN 'It was put in after the block that would contain it was sealed.'
                WHEN s.journal_id > horizon.id THEN 'Its id was never handed out.'
                ELSE format('Entry: %s.', entry_problem(s.entry)) END
      FROM (SELECT j.*, j.journal_id > coalesce(last.high, 0) OR j.journal_id <@ last.pending AS unsealed,
                   EXISTS (SELECT FROM client c WHERE c.client_id = j.client_id) AS known
              FROM journal j) s
     CROSS JOIN (SELECT journal_id_horizon() AS id OFFSET 0) horizon
     WHERE NOT known OR journal_id < 1
        OR (NOT unsealed AND journal_id <@ unused)
        OR (unsealed AND (entry_problem(s.entry) IS NOT NULL OR s.journal_id > horizon.id))
$$;
COMMENT ON FUNCTION verify_unsealed(block, int8multirange) IS 'Journals that no block has though it should, and unsound entries that none has yet. Internal.';

CREATE FUNCTION bakkt_ledger_internal.verify_requests() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT 'reference', NULL::bigint, j.journal_id, NULL::integer, NULL::account_id, format('Reference "%s" is posted and refused.', j.reference)
      FROM rejection r JOIN journal j ON j.client_id = r.client_id AND j.reference = r.reference
    UNION ALL
    SELECT 'reversal', NULL, j.journal_id, NULL, NULL, format('It reverses journal %s, which does not exist.', j.reverses)
      FROM journal j WHERE j.reverses IS NOT NULL
       AND NOT EXISTS (SELECT FROM journal o WHERE o.client_id = j.client_id AND o.journal_id = j.reverses)
    UNION ALL
    SELECT 'party', NULL, p.journal_id, NULL, NULL, format('Customer %s is a party of a journal that does not exist.', p.customer_id)
      FROM journal_party p WHERE NOT EXISTS (SELECT FROM journal j WHERE j.client_id = p.client_id AND j.journal_id = p.journal_id)
$$;
COMMENT ON FUNCTION verify_requests() IS 'References both posted and refused, reversals of nothing, parties of nothing. Internal.';

-- What was given to roles that were dropped since, which is of no effect but should not stand in a list of who may; and rows
-- whose role is another than the one that was given something.
CREATE FUNCTION bakkt_ledger_internal.verify_access() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT 'access', NULL::bigint, NULL::bigint, NULL::integer, NULL::account_id,
           CASE WHEN r.oid IS NULL
                THEN format('Role %s, which was dropped, still stands in %s: %s takes it out.', g.role, g.place, g.remedy)
                ELSE format('Role "%s" stands in %s, which was given to %s.', r.rolname, g.place, g.role_identity) END
    FROM (SELECT a.role::oid AS role, a.role_identity, format('client_access for client "%s"', c.code) AS place,
                 'revoke_client_access()' AS remedy
          FROM client_access AS a JOIN client AS c USING (client_id)
          UNION ALL
          SELECT l.role::oid, l.role_identity, format('approval_limit for %s', l.asset), 'remove_approval_limit()'
          FROM approval_limit AS l) AS g
    LEFT JOIN pg_roles AS r ON r.oid = g.role
    WHERE identified_role(g.role_identity) IS DISTINCT FROM r.oid OR r.oid IS NULL
    ORDER BY g.place, g.role;
END;

-- ---------------------------------------------------------------------------
-- Balances, recomputed from every journal in one pass
-- ---------------------------------------------------------------------------

CREATE TYPE bakkt_ledger_internal.recomputed_balance AS (
    client_id integer,
    account account_id,
    asset asset,
    posted amount,
    entries bigint
);
COMMENT ON TYPE recomputed_balance IS 'What all journals come to on an account: sum, debit positive, and how many touch it.';

CREATE FUNCTION bakkt_ledger_internal.recomputed_balances() RETURNS SETOF recomputed_balance
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT t.client_id, a.account, asset(a.amount), a.amount, a.entries
      FROM (SELECT j.client_id, activity(j.entry) AS accounts FROM journal j
             WHERE entry_problem(j.entry) IS DISTINCT FROM 'malformed' GROUP BY j.client_id) t, unnest(t.accounts) a
$$;
COMMENT ON FUNCTION recomputed_balances() IS 'The activity of every account, from every journal. Internal.';

-- Lines on accounts that the client does not have, or in an asset that the account does not hold.
CREATE FUNCTION bakkt_ledger_internal.verify_accounts(totals recomputed_balance[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH foreign_lines AS MATERIALIZED (        -- few or none: the journal is searched for these only
        SELECT t.client_id, t.account, t.asset, a.asset AS held_asset FROM unnest(totals) t
          LEFT JOIN account a ON a.client_id = t.client_id AND a.account = t.account
         WHERE a.account IS NULL OR a.asset <> t.asset
    )
    SELECT 'account', NULL::bigint, j.journal_id, l.line, t.account,
           CASE WHEN t.held_asset IS NOT NULL THEN format('The account holds %s, the line is %s.', t.held_asset, l.amount)
                WHEN EXISTS (SELECT FROM account o WHERE o.account = t.account) THEN 'The account belongs to another client.'
                ELSE 'The account does not exist.' END
      FROM foreign_lines t
      JOIN journal j ON j.client_id = t.client_id
       AND CASE WHEN entry_problem(j.entry) IS DISTINCT FROM 'malformed' THEN touches(j.entry, t.account) END
     CROSS JOIN LATERAL lines(CASE WHEN entry_problem(j.entry) IS DISTINCT FROM 'malformed' THEN j.entry END) l
     WHERE l.account = t.account AND asset(l.amount) = t.asset
     ORDER BY 3, 4
$$;
COMMENT ON FUNCTION verify_accounts(recomputed_balance[]) IS 'Lines on unknown accounts, other clients'' accounts, or in another asset than the account''s. Internal.';

-- Limited accounts: the balance row against the journal and the holds.
CREATE FUNCTION bakkt_ledger_internal.verify_limited(totals recomputed_balance[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH limited AS (
        SELECT a.client_id, a.account, a.asset, a.status, a.floor, a.customer_id FROM account a JOIN account_kind k ON k.kind = a.kind WHERE k.limited
    ), held AS (
        SELECT h.client_id, h.account, sum(h.remaining) AS held FROM hold h WHERE h.status = 'open' GROUP BY 1, 2
    ), compared AS (
        SELECT b.client_id, coalesce(a.account, b.account) AS account, a.account IS NULL AS unknown, b.account IS NULL AS missing,
               b.posted, coalesce(t.posted, zero(a.asset)) AS recomputed, b.held, coalesce(h.held, zero(a.asset)) AS open_holds,
               b.version, coalesce(t.entries, 0) AS entries,
               left(CASE a.status WHEN 'closed' THEN 'X' ELSE upper(a.status) END, 1) IS DISTINCT FROM b.status::text
                   OR a.customer_id IS DISTINCT FROM b.customer_id OR a.floor::text IS DISTINCT FROM b.floor::text AS other_terms
          FROM limited a
          FULL JOIN balance b ON b.client_id = a.client_id AND b.account = a.account
          LEFT JOIN unnest(totals) t ON t.client_id = a.client_id AND t.account = a.account AND t.asset = a.asset
          LEFT JOIN held h ON h.client_id = a.client_id AND h.account = a.account
    )
    SELECT f.check_name, NULL::bigint, NULL::bigint, NULL::integer, c.account, f.detail
      FROM compared c CROSS JOIN LATERAL (VALUES
        ('balance', c.missing AND NOT is_zero(c.recomputed), format('The account has no balance row; the journals come to %s.', c.recomputed)),
        ('balance', c.missing AND is_zero(c.recomputed), 'The account has no balance row.'),
        ('balance', c.unknown, 'There is no such limited account.'),
        ('balance', c.posted *<> c.recomputed, format('The balance row says %s, the journals come to %s.', c.posted, c.recomputed)),
        ('held', c.held *<> c.open_holds, format('The balance row says %s, the open holds come to %s.', c.held, c.open_holds)),
        ('version', c.version <> c.entries AND NOT c.unknown, format('The balance row counts %s journals, there are %s.', c.version, c.entries)),
        ('terms', c.other_terms AND NOT c.unknown AND NOT c.missing, 'Status, customer or floor of the balance row is not that of the account.'),
        ('claim', sign(c.posted) > 0 OR sign(c.recomputed) > 0,
            format('A limited account is in debit: %s by its row, %s by the journals (I5).', c.posted, c.recomputed))
      ) f (check_name, wrong, detail) WHERE f.wrong
     ORDER BY c.account, f.check_name
$$;
COMMENT ON FUNCTION verify_limited(recomputed_balance[]) IS 'Balance rows that differ from the journal, the holds or the account; limited accounts in debit (I5). Internal.';

-- I7 and I8, per client.
CREATE FUNCTION bakkt_ledger_internal.verify_funds(totals recomputed_balance[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT 'mirror', NULL::bigint, NULL::bigint, NULL::integer, NULL::account_id,
           format('Client %s: the accounts of "%s" do not net to zero but to %s (I7).', c.code, k.mirror, sum(t.posted))
      FROM unnest(totals) t JOIN account a USING (client_id, account, asset) JOIN account_kind k USING (kind) JOIN client c ON c.client_id = t.client_id
     WHERE k.mirror IS NOT NULL GROUP BY c.code, k.mirror, t.asset HAVING NOT is_zero(sum(t.posted))
    UNION ALL
    SELECT 'segregation', NULL, NULL, NULL, NULL,
           format('Client %s, fund %s: customers'' credit balances are %s, what is there for them is %s (I8).', c.code, a.fund,
                  coalesce(-sum(t.posted) FILTER (WHERE k.class = 'claim' AND sign(t.posted) < 0), zero(t.asset)),
                  coalesce(sum(t.posted) FILTER (WHERE k.class <> 'claim'), zero(t.asset)))
      FROM unnest(totals) t JOIN account a USING (client_id, account, asset) JOIN account_kind k USING (kind) JOIN client c ON c.client_id = t.client_id
     WHERE a.fund <> 'CORP' GROUP BY c.code, a.fund, t.asset
    HAVING -coalesce(sum(t.posted) FILTER (WHERE k.class = 'claim' AND sign(t.posted) < 0), zero(t.asset))
           *<> coalesce(sum(t.posted) FILTER (WHERE k.class <> 'claim'), zero(t.asset))
$$;
COMMENT ON FUNCTION verify_funds(recomputed_balance[]) IS 'Mirror accounts that do not net to zero (I7), customer funds whose resources are not their gross credit claims (I8). Internal.';

CREATE FUNCTION bakkt_ledger_internal.verify_digest(expected ledger_digest) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT 'digest', expected.block_no, NULL::bigint, NULL::integer, NULL::account_id,
           CASE WHEN b.block_no IS NULL THEN format('Block %s is gone: the last one is %s. Journals sealed by it were removed.',
                                                    expected.block_no, coalesce((SELECT max(l.block_no) FROM block l), 0))
                ELSE format('Block %s is not the one of which the digest was taken: history was written anew.', expected.block_no) END
      FROM (SELECT 1) one LEFT JOIN block b ON b.block_no = expected.block_no
     WHERE expected.block_no > 0 AND (b.block_no IS NULL OR b.hash <> expected.hash OR b.total_journals <> expected.journals)
$$;
COMMENT ON FUNCTION verify_digest(ledger_digest) IS 'Whether the ledger still is the one of which the digest was taken (I23). Internal.';

CREATE FUNCTION bakkt_ledger.verify(expected ledger_digest DEFAULT NULL, progress bigint DEFAULT 1000000) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS  -- many short queries: compiling takes longer than running them
$$
DECLARE
    this block;
    previous block;
    totals recomputed_balance[];
    reported bigint := 0;
BEGIN
    FOR this IN SELECT * FROM block b ORDER BY b.block_no LOOP
        RETURN QUERY SELECT * FROM verify_block(this, previous);
        previous := this;
        IF progress > 0 AND this.total_journals >= reported + progress THEN
            reported := this.total_journals;
            RAISE NOTICE 'verify: % journals in % blocks checked', this.total_journals, this.block_no;
        END IF;
    END LOOP;
    RETURN QUERY SELECT * FROM verify_unsealed(previous, unused_ids());
    RETURN QUERY SELECT * FROM verify_requests();
    RETURN QUERY SELECT * FROM verify_access();
    totals := ARRAY(SELECT t FROM recomputed_balances() t);
    RETURN QUERY SELECT * FROM verify_accounts(totals);
    RETURN QUERY SELECT * FROM verify_limited(totals);
    RETURN QUERY SELECT * FROM verify_funds(totals);
    IF expected IS NOT NULL THEN
        RETURN QUERY SELECT * FROM verify_digest(expected);
    END IF;
END;
$$;
COMMENT ON FUNCTION verify(ledger_digest, bigint) IS
    'Recomputes blocks, hashes, balances and invariants from the journal at one snapshot, and returns what is wrong: no rows means that everything is equal. With a digest kept elsewhere it finds a cut or rewritten history too. Reports progress by a NOTICE every so many journals, 0 for never. Writes nothing: it runs on a standby and on a restored copy.';
