-- Floor 2: verify(), which recomputes everything from the records.
--
-- It only reads, at one snapshot, so it runs beside posting, on a standby and
-- on a restored copy.  What it returns is what is wrong.
--
-- Every check is a row of check_list, and a floor above enters its own there.

CREATE TYPE bakkt_ledger.discrepancy AS (
    check_name text,
    client text,
    block_no bigint,
    record_kind text,
    record_id bigint,
    subject text,
    subject_key text,
    line integer,
    account account_id,
    detail text
);
COMMENT ON TYPE discrepancy IS
'Something that verify() found wrong: which check (doc/blocks.md), and as far as it can be told whose it is, which block, which
record (journal, refusal, event or request, and its number), which row of which table (subject and its key), which line and
account.';

CREATE TABLE bakkt_ledger_internal.check_list (
    check_name text COLLATE "C" PRIMARY KEY,
    called text COLLATE "C" NOT NULL,
    per_block boolean NOT NULL DEFAULT false,
    check_order integer NOT NULL DEFAULT 50,
    proves text NOT NULL
);
COMMENT ON TABLE check_list IS 'The checks that verify() makes. Shipped with the extension.';
COMMENT ON COLUMN check_list.called IS 'The call that returns what is wrong, as rows of type discrepancy.';
COMMENT ON COLUMN check_list.per_block IS 'Called for each block, with it and the one before: such a check reads no other block.';
COMMENT ON COLUMN check_list.check_order IS 'Those with a lower number come first.';

-- A discrepancy.
CREATE FUNCTION bakkt_ledger_internal.finding(name text, said text, block bigint DEFAULT NULL, holder text DEFAULT NULL,
                                              kind text DEFAULT NULL, number bigint DEFAULT NULL, of_subject text DEFAULT NULL,
                                              key text DEFAULT NULL, place integer DEFAULT NULL, touched account_id DEFAULT NULL)
    RETURNS discrepancy
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ROW(name, holder, block, kind, number, of_subject, key, place, touched, said)::discrepancy;
END;

-- ---------------------------------------------------------------------------
-- Blocks
-- ---------------------------------------------------------------------------

-- The links of the chain, and the block's own hash.
CREATE FUNCTION bakkt_ledger_internal.verify_link(this block, before block) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding(f.name, f.said, CASE f.name WHEN 'block missing' THEN coalesce(before.block_no, 0) + 1 ELSE this.block_no END)
    FROM (VALUES
        ('block missing', this.block_no <> coalesce(before.block_no, 0) + 1,
         format('The next block is number %s.', this.block_no)),
        ('block chain', this.previous_hash <> coalesce(before.hash, decode(repeat('00', 32), 'hex')),
         'previous_hash is not the hash of the block before.'),
        ('block hash', this.hash <> block_hash(this), 'The block was changed: its hash is not that of its columns.'),
        ('block horizon', this.high < coalesce(before.high, 0) OR NOT this.pending <@ this.absent,
         'high or pending does not follow from the block before.'),
        ('block total', this.total_records <> coalesce(before.total_records, 0) + this.records,
         'total_records is not the sum of the blocks.'),
        ('block times', this.sealed_at < greatest(before.sealed_at, this.last_recorded_at),
         'It was sealed before its last record, or before the block before.')
    ) AS f (name, wrong, said)
    WHERE f.wrong IS NOT FALSE
$$;

-- Record by record, against the evidence; run only when the block as a whole is not what it was.
CREATE FUNCTION bakkt_ledger_internal.verify_records(this block, before block) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH sealed AS (
        SELECT s.number, substr(this.evidence, (8 * s.place - 7)::integer, 8) AS evidence
        FROM (SELECT number, row_number() OVER (ORDER BY number) AS place
              FROM unnest(block_universe(this, before) - this.absent) AS part,
                   generate_series(lower(part), upper(part) - 1) AS number) AS s
    ), compared AS (
        SELECT coalesce(s.number, p.number) AS number, p.client_id, p.kind, p.entry, p.leaf, s.evidence,
               s.evidence = substr(p.leaf, 1, 4) || substr(p.leaf, 33, 4) AS same,
               row_number() OVER (PARTITION BY p.number ORDER BY s.evidence = substr(p.leaf, 1, 4) || substr(p.leaf, 33, 4) DESC,
                                                                 record_kind(s.evidence) = p.kind DESC, p.client_id) AS copy
        FROM sealed AS s
        FULL JOIN (SELECT m.*
                   FROM numbered_records(block_universe(this, before)) AS m
                   WHERE NOT m.number <@ this.absent) AS p ON p.number = s.number
    ), different AS (
        SELECT c.*, record_kind(c.evidence) AS sealed_kind, changed_line(c.evidence, c.entry) AS line,
               entry_problem(c.entry) AS problem,
               c.copy > 1 AND c.kind IS NOT NULL OR c.evidence IS NULL OR record_kind(c.evidence) <> c.kind AS added
        FROM compared AS c
        WHERE c.kind IS NULL OR c.copy > 1 OR c.same IS NOT TRUE
    )
    SELECT finding(CASE WHEN d.kind IS NULL THEN format('%s missing', d.sealed_kind)
                        WHEN d.added THEN format('%s added', d.kind)
                        ELSE format('%s changed', d.kind) END,
                   CASE WHEN d.kind IS NULL THEN 'The block has it, its table has not.'
                        WHEN d.added AND d.copy > 1 THEN 'Another record has the same number.'
                        WHEN d.added THEN format('The block has %s of this number.', coalesce('the ' || d.sealed_kind, 'none'))
                        WHEN d.problem IS NOT NULL THEN format('Entry: %s.', d.problem)
                        WHEN d.kind <> 'journal' THEN 'A column is not as sealed, or the name of who recorded it.'
                        WHEN substr(d.evidence, 5, 4) = substr(d.leaf, 33, 4)
                        THEN 'The lines are as sealed; another column, or a further customer, is not.'
                        WHEN d.line IS NULL THEN 'Several lines are not as sealed.'
                        ELSE format('The line now reads %s.',
                                    CASE WHEN l.amount IS NOT NULL THEN l.account || ' ' || l.amount END) END,
                   this.block_no, client_name(d.client_id), coalesce(d.kind, d.sealed_kind), d.number, e.subject, e.subject_key,
                   d.line, l.account)
    FROM different AS d
    LEFT JOIN event AS e ON d.kind = 'event' AND e.client_id = d.client_id AND e.event_id = d.number
    LEFT JOIN LATERAL (SELECT n.account, n.amount
                       FROM lines(CASE WHEN d.problem IS DISTINCT FROM 'malformed' THEN d.entry END) AS n
                       WHERE n.line = d.line) AS l ON true
    ORDER BY d.number, d.copy
$$;

-- House balances after the block against those before it and the lines in it.
CREATE FUNCTION bakkt_ledger_internal.verify_block_balances(this block, before block, net entry_line[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding('house balance',
                   format('The block says %s, its journals come to %s.', coalesce(s.balance::text, 'nothing'),
                          coalesce(c.balance::text, 'nothing')),
                   this.block_no, client_name(coalesce(s.client_id, c.client_id)), touched => coalesce(s.account, c.account))
    FROM (SELECT b.* FROM block_balance AS b WHERE b.block_no = this.block_no) AS s
    FULL JOIN balances_after(this.block_no, this.block_no - 1, net) AS c ON c.client_id = s.client_id AND c.account = s.account
    WHERE s.balance IS NULL OR c.balance IS NULL OR s.balance *<> c.balance
    ORDER BY coalesce(s.account, c.account)
$$;

-- One block: link, records, sums, house balances, in one reading of its records.
CREATE FUNCTION bakkt_ledger_internal.verify_block(this block, before block) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    universe constant int8multirange := block_universe(this, before);
    actual record;
    content block_content;
    same_numbers boolean;
BEGIN
    RETURN QUERY SELECT * FROM verify_link(this, before);
    IF this.block_no <> coalesce(before.block_no, 0) + 1 THEN
        RETURN;  -- without the block before nobody can say which records are in this one
    END IF;
    SELECT block_content(m.number, m.leaf ORDER BY m.number) AS content,
           coalesce(turnover(m.entry) FILTER (WHERE m.entry IS NOT NULL AND p.problem IS NULL), '{}') AS turnover,
           coalesce(net(m.entry) FILTER (WHERE m.entry IS NOT NULL AND p.problem IS DISTINCT FROM 'malformed'), '{}') AS net,
           count(p.problem) AS problems, min(m.recorded_at) AS first_recorded_at, max(m.recorded_at) AS last_recorded_at
    INTO actual
    FROM numbered_records(universe) AS m
    CROSS JOIN LATERAL (SELECT entry_problem(m.entry) AS problem) AS p
    WHERE NOT m.number <@ this.absent;
    content := actual.content;
    same_numbers := (SELECT range_agg(int8range(r.f, r.l, '[]')) FROM unnest(content.first_ids, content.last_ids) AS r (f, l))
        IS NOT DISTINCT FROM nullif(universe - this.absent, '{}');
    IF content.root <> this.root OR content.records <> this.records OR NOT same_numbers THEN
        RETURN QUERY SELECT * FROM verify_records(this, before);
        IF NOT FOUND THEN
            RETURN NEXT finding('block root', 'Root or count is not that of the records, and no record shows why.',
                                this.block_no);
        END IF;
    ELSIF content.evidence <> this.evidence THEN
        RETURN NEXT finding('block evidence', 'The records are as sealed, the evidence about them is not.', this.block_no);
    ELSIF actual.problems > 0 THEN  -- sealed as it is: put in behind the type's back before
        RETURN QUERY
        SELECT f.*
        FROM numbered_records(universe) AS m
        CROSS JOIN LATERAL finding('entry', format('Entry: %s.', entry_problem(m.entry)), this.block_no, client_name(m.client_id),
                                   m.kind, m.number) AS f
        WHERE NOT m.number <@ this.absent AND entry_problem(m.entry) IS NOT NULL;
    END IF;
    IF actual.turnover::text <> this.turnover::text THEN
        RETURN NEXT finding('block turnover',
                            format('The block says %s, its journals come to %s.', this.turnover, actual.turnover),
                            this.block_no);
    END IF;
    IF (actual.first_recorded_at, actual.last_recorded_at) IS DISTINCT FROM (this.first_recorded_at, this.last_recorded_at) THEN
        RETURN NEXT finding('block times', 'The first or last time of recording is not that of the records.', this.block_no);
    END IF;
    RETURN QUERY SELECT * FROM verify_block_balances(this, before, actual.net);
END;
$$;

-- ---------------------------------------------------------------------------
-- What no block has
-- ---------------------------------------------------------------------------

-- Numbers up to the last block's high that no block has: absent from one block and not found by a
-- later one.
CREATE FUNCTION bakkt_ledger_internal.unused_numbers() RETURNS int8multirange
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(range_agg(b.absent), '{}') - coalesce(range_agg(b.found_late), '{}')
    FROM (SELECT n.absent, coalesce(lag(n.pending) OVER (ORDER BY n.block_no), '{}') - n.absent AS found_late
          FROM block AS n) AS b;
END;

-- Every record by its number.
CREATE FUNCTION bakkt_ledger_internal.all_records()
    RETURNS TABLE (client_id integer, kind text, number bigint, entry journal_entry)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT j.client_id, 'journal', j.journal_id, j.entry
    FROM journal AS j
    UNION ALL
    SELECT r.client_id, 'refusal', r.rejection_id, NULL
    FROM rejection AS r
    UNION ALL
    SELECT e.client_id, 'event', e.event_id, NULL
    FROM event AS e
    UNION ALL
    SELECT q.client_id, 'request', q.request_id, NULL
    FROM request AS q;
END;

-- Records that no block has though it should, and unsound entries that none has yet.
CREATE FUNCTION bakkt_ledger_internal.verify_unsealed() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH last AS MATERIALIZED (
        SELECT b.high, b.pending
        FROM block AS b
        ORDER BY b.block_no DESC LIMIT 1
    ), known AS MATERIALIZED (
        SELECT coalesce((SELECT l.high FROM last AS l), 0) AS high, coalesce((SELECT l.pending FROM last AS l), '{}') AS pending,
               unused_numbers() AS unused, last_record_number() AS last_number, ARRAY(SELECT record_holders()) AS holders
    )
    SELECT finding(CASE WHEN r.unsealed AND r.known AND r.number <= r.last_number THEN 'entry'
                        ELSE format('%s added', r.kind) END,
                   CASE WHEN NOT r.known THEN format('Client %s does not exist.', r.client_id)
                        WHEN NOT r.unsealed THEN 'It was put in after the block that would contain it was sealed.'
                        WHEN r.number > r.last_number THEN 'Its number was never handed out.'
                        ELSE format('Entry: %s.', entry_problem(r.entry)) END,
                   holder => client_name(r.client_id), kind => r.kind, number => r.number)
    FROM (SELECT a.*, k.last_number, k.unused, a.number > k.high OR a.number <@ k.pending AS unsealed,
                 a.client_id = ANY (k.holders) AS known
          FROM known AS k
          CROSS JOIN all_records() AS a) AS r
    WHERE NOT r.known OR r.number < 1
       OR NOT r.unsealed AND r.number <@ r.unused
       OR r.unsealed AND (r.number > r.last_number OR entry_problem(r.entry) IS NOT NULL)
$$;

-- References both posted and refused, reversals of nothing, parties of nothing.
CREATE FUNCTION bakkt_ledger_internal.verify_references() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding(f.name, f.said, holder => client_name(f.client_id), kind => 'journal', number => f.number)
    FROM (SELECT 'reference', format('Reference "%s" is posted and refused.', j.reference), j.client_id, j.journal_id
          FROM rejection AS r
          JOIN journal AS j ON j.client_id = r.client_id AND j.reference = r.reference
          UNION ALL
          SELECT 'reversal', format('It reverses journal %s, which does not exist.', j.reverses), j.client_id, j.journal_id
          FROM journal AS j
          WHERE j.reverses IS NOT NULL
            AND NOT EXISTS (SELECT FROM journal AS o WHERE o.client_id = j.client_id AND o.journal_id = j.reverses)
          UNION ALL
          SELECT 'party', format('Customer %s is a party of a journal that does not exist.', p.customer_id), p.client_id,
                 p.journal_id
          FROM journal_party AS p
          WHERE NOT EXISTS (SELECT FROM journal AS j WHERE j.client_id = p.client_id AND j.journal_id = p.journal_id))
         AS f (name, said, client_id, number)
$$;

-- What was given to roles that were dropped since, which is of no effect but should not stand in a
-- list of who may; and rows whose role is another than the one that was given something.
CREATE FUNCTION bakkt_ledger_internal.verify_access() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT finding('access',
           CASE WHEN r.oid IS NULL
                THEN format('Role %s, which was dropped, still stands in %s: %s takes it out.', g.role, g.place, g.remedy)
                ELSE format('Role "%s" stands in %s, which was given to %s.', r.rolname, g.place, g.role_identity) END,
           holder => g.code, of_subject => g.subject, key => g.key)
    FROM (SELECT a.role::oid AS role, a.role_identity, format('client_access for client "%s"', c.code) AS place,
                 'revoke_client_access()' AS remedy, 'client_access' AS subject, a.role_identity AS key, c.code
          FROM client_access AS a
          JOIN client AS c ON c.client_id = a.client_id
          UNION ALL
          SELECT l.role::oid, l.role_identity, format('approval_limit for %s', l.asset), 'remove_approval_limit()',
                 'approval_limit', concat_ws('/', l.role_identity, l.asset), NULL
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
    entries bigint,
    last_recorded_at timestamptz
);
COMMENT ON TYPE recomputed_balance IS
'What all journals come to on an account: sum, debit positive, how many touch it, and when the last of them was recorded.';

-- The activity of every account, from every journal.
CREATE FUNCTION bakkt_ledger_internal.recomputed_balances() RETURNS SETOF recomputed_balance
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT t.client_id, a.account, asset(a.amount), a.amount, a.entries, a.last_recorded_at
    FROM (SELECT j.client_id, recorded_activity(j.entry, j.recorded_at) AS accounts
          FROM journal AS j
          WHERE entry_problem(j.entry) IS DISTINCT FROM 'malformed'
          GROUP BY j.client_id) AS t, unnest(t.accounts) AS a
$$;

-- Lines on unknown accounts, other clients' accounts, or in another asset than the account's.
CREATE FUNCTION bakkt_ledger_internal.verify_accounts(totals recomputed_balance[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH foreign_lines AS MATERIALIZED (  -- few or none: the journal is searched for these only
        SELECT t.client_id, t.account, t.asset, a.asset AS held_asset
        FROM unnest(totals) AS t
        LEFT JOIN account AS a ON a.client_id = t.client_id AND a.account = t.account
        WHERE a.account IS NULL OR a.asset <> t.asset
    )
    SELECT finding('account',
                   CASE WHEN t.held_asset IS NOT NULL THEN format('The account holds %s, the line is %s.', t.held_asset, l.amount)
                        WHEN EXISTS (SELECT FROM account AS o WHERE o.account = t.account)
                        THEN 'The account belongs to another client.'
                        ELSE 'The account does not exist.' END,
                   holder => client_name(j.client_id), kind => 'journal', number => j.journal_id, place => l.line,
                   touched => t.account)
    FROM foreign_lines AS t
    JOIN journal AS j ON j.client_id = t.client_id
                     AND CASE WHEN entry_problem(j.entry) IS DISTINCT FROM 'malformed' THEN touches(j.entry, t.account) END
    CROSS JOIN LATERAL lines(CASE WHEN entry_problem(j.entry) IS DISTINCT FROM 'malformed' THEN j.entry END) AS l
    WHERE l.account = t.account AND asset(l.amount) = t.asset
    ORDER BY j.journal_id, l.line
$$;

-- What the rows of limited accounts should be: account, journals and open holds.
CREATE FUNCTION bakkt_ledger_internal.verify_limited(totals recomputed_balance[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH limited AS (
        SELECT a.client_id, a.account, a.asset, a.status, a.floor, a.customer_id, k.normal_side
        FROM account AS a
        JOIN account_kind AS k ON k.kind = a.kind
        WHERE k.limited
    ), held AS (
        SELECT h.client_id, h.account, sum(h.remaining) AS held
        FROM hold AS h
        WHERE h.status = 'OPEN'
        GROUP BY h.client_id, h.account
    ), compared AS (
        SELECT coalesce(b.client_id, a.client_id) AS client_id, coalesce(a.account, b.account) AS account,
               a.account IS NULL AS unknown, b.account IS NULL AS missing,
               b.posted, coalesce(t.posted, zero(a.asset)) AS recomputed, b.held, coalesce(h.held, zero(a.asset)) AS open_holds,
               b.version, coalesce(t.entries, 0) AS entries,
               left(CASE a.status WHEN 'CLOSED' THEN 'X' ELSE a.status END, 1) IS DISTINCT FROM b.status::text
                   OR a.customer_id IS DISTINCT FROM b.customer_id OR a.floor::text IS DISTINCT FROM b.floor::text
                   OR b.normal_debit IS DISTINCT FROM (a.normal_side = 'debit') AS other_terms,
               b.last_recorded_at <> coalesce(t.last_recorded_at, '-infinity') AS other_time
        FROM limited AS a
        FULL JOIN balance AS b ON b.client_id = a.client_id AND b.account = a.account
        LEFT JOIN unnest(totals) AS t ON t.client_id = a.client_id AND t.account = a.account AND t.asset = a.asset
        LEFT JOIN held AS h ON h.client_id = a.client_id AND h.account = a.account
    )
    SELECT finding(f.name, f.said, holder => client_name(c.client_id), touched => c.account)
    FROM compared AS c
    CROSS JOIN LATERAL (VALUES
        ('balance', c.missing AND NOT is_zero(c.recomputed),
         format('The account has no balance row; the journals come to %s.', c.recomputed)),
        ('balance', c.missing AND is_zero(c.recomputed), 'The account has no balance row.'),
        ('balance', c.unknown, 'There is no such limited account.'),
        ('balance', c.posted *<> c.recomputed,
         format('The balance row says %s, the journals come to %s.', c.posted, c.recomputed)),
        ('held', c.held *<> c.open_holds, format('The balance row says %s, the open holds come to %s.', c.held, c.open_holds)),
        ('version', c.version <> c.entries AND NOT c.unknown,
         format('The balance row counts %s journals, there are %s.', c.version, c.entries)),
        ('version', c.other_time AND NOT c.unknown, 'last_recorded_at of the balance row is not that of the last journal.'),
        ('terms', c.other_terms AND NOT c.unknown AND NOT c.missing,
         'Status, customer, side or floor of the balance row is not that of the account.'),
        ('claim', sign(c.posted) > 0 OR sign(c.recomputed) > 0,
         format('A limited account is in debit: %s by its row, %s by the journals (I5).', c.posted, c.recomputed))
    ) AS f (name, wrong, said)
    WHERE f.wrong
    ORDER BY c.account, f.name
$$;

-- Per client, mirror accounts that do not net to zero (I7), customer funds whose resources are not
-- their gross credit claims (I8).
CREATE FUNCTION bakkt_ledger_internal.verify_funds(totals recomputed_balance[]) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH total AS (
        SELECT c.code, a.fund, k.class, k.mirror, t.asset, t.posted
        FROM unnest(totals) AS t
        JOIN account AS a ON a.client_id = t.client_id AND a.account = t.account AND a.asset = t.asset
        JOIN account_kind AS k ON k.kind = a.kind
        JOIN client AS c ON c.client_id = t.client_id
    ), fund AS (
        SELECT t.code, t.fund, t.asset,
               -coalesce(sum(t.posted) FILTER (WHERE t.class = 'claim' AND sign(t.posted) < 0), zero(t.asset)) AS claims,
               coalesce(sum(t.posted) FILTER (WHERE t.class <> 'claim'), zero(t.asset)) AS resources
        FROM total AS t
        WHERE t.fund <> 'CORP'
        GROUP BY t.code, t.fund, t.asset
    )
    SELECT finding('mirror',
                   format('Client %s: the accounts of "%s" do not net to zero but to %s (I7).', t.code, t.mirror, sum(t.posted)),
                   holder => t.code)
    FROM total AS t
    WHERE t.mirror IS NOT NULL
    GROUP BY t.code, t.mirror, t.asset
    HAVING NOT is_zero(sum(t.posted))
    UNION ALL
    SELECT finding('segregation',
                   format('Client %s, fund %s: customers'' credit balances are %s, what is there for them is %s (I8).',
                          f.code, f.fund, f.claims, f.resources), holder => f.code)
    FROM fund AS f
    WHERE f.claims *<> f.resources
$$;

-- Balances of every account against all journals, which are read once.
CREATE FUNCTION bakkt_ledger_internal.verify_balances() RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    totals constant recomputed_balance[] := ARRAY(SELECT t FROM recomputed_balances() AS t);
BEGIN
    RETURN QUERY SELECT * FROM verify_accounts(totals);
    RETURN QUERY SELECT * FROM verify_limited(totals);
    RETURN QUERY SELECT * FROM verify_funds(totals);
END;
$$;

INSERT INTO check_list (check_name, called, per_block, check_order, proves) VALUES
    ('blocks', 'verify_block', true, 10,
     'each block is linked to the one before, its records, sums and house balances are as they were sealed (I22)'),
    ('unsealed', 'verify_unsealed()', false, 20,
     'no record was put in behind the blocks, and what is not sealed yet is sound (I1)'),
    ('references', 'verify_references()', false, 21,
     'a reference has one outcome, what is reversed exists, parties are those of journals'),
    ('access', 'verify_access()', false, 22,
     'whoever has access to a client exists'),
    ('balances', 'verify_balances()', false, 23,
     'balances are the sums of the journals, claims are not in debit, mirrors net to zero, funds are whole (I5, I7, I8)');

-- ---------------------------------------------------------------------------
-- All of them
-- ---------------------------------------------------------------------------

-- Whether the ledger still is the one of which the digest was taken (I23).
CREATE FUNCTION bakkt_ledger_internal.verify_digest(expected ledger_digest) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding('digest',
                   CASE WHEN b.block_no IS NULL
                        THEN format('Block %s is gone: the last one is %s. Records sealed by it were removed.', expected.block_no,
                                    coalesce((SELECT max(l.block_no) FROM block AS l), 0))
                        ELSE format('Block %s is not the one of which the digest was taken: history was written anew.',
                                    expected.block_no) END,
                   expected.block_no)
    FROM (SELECT 1) AS one
    LEFT JOIN block AS b ON b.block_no = expected.block_no
    WHERE expected.block_no > 0 AND (b.block_no IS NULL OR b.hash <> expected.hash OR b.total_records <> expected.records)
$$;

-- What a check finds. One that cannot read what it is to check says so, and does not keep the
-- others from saying more.
CREATE FUNCTION bakkt_ledger_internal.run_check(asked check_list, this block DEFAULT NULL, before block DEFAULT NULL)
    RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    message text;
BEGIN
    IF asked.per_block THEN
        RETURN QUERY EXECUTE format('SELECT * FROM %I($1, $2)', asked.called) USING this, before;
    ELSE
        RETURN QUERY EXECUTE 'SELECT d.* FROM ' || asked.called || ' AS d';
    END IF;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
    RETURN NEXT finding(asked.check_name, format('The check failed with %s: %s.', SQLSTATE, message), this.block_no);
END;
$$;

CREATE FUNCTION bakkt_ledger.verify(expected ledger_digest DEFAULT NULL, progress bigint DEFAULT 1000000,
                                    from_block bigint DEFAULT 1, to_block bigint DEFAULT NULL)
    RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off  -- many short queries: compiling takes longer than running them
    SET enable_nestloop = off AS  -- whole tables are compared; after a restore there are no statistics that would say so
$$
DECLARE
    first_block constant bigint := greatest(from_block, 1);
    asked check_list;
    this block;
    previous block;
    reported bigint;
BEGIN
    SELECT b.* INTO previous FROM block AS b WHERE b.block_no = first_block - 1;
    reported := coalesce(previous.total_records, 0);
    FOR this IN
        SELECT b.*
        FROM block AS b
        WHERE b.block_no >= first_block AND b.block_no <= coalesce(to_block, b.block_no)
        ORDER BY b.block_no
    LOOP
        FOR asked IN SELECT c.* FROM check_list AS c WHERE c.per_block ORDER BY c.check_order, c.check_name LOOP
            RETURN QUERY SELECT * FROM run_check(asked, this, previous);
        END LOOP;
        previous := this;
        IF progress > 0 AND this.total_records >= reported + progress THEN
            reported := this.total_records;
            RAISE NOTICE 'verify: % records in % blocks checked', this.total_records, this.block_no;
        END IF;
    END LOOP;
    IF to_block IS NULL THEN
        FOR asked IN
            SELECT c.*
            FROM (SELECT o.*
                  FROM check_list AS o
                  WHERE NOT o.per_block AND o.check_name <> 'states'
                  UNION ALL  -- whatever the list says, for this shows what is wrong with it
                  SELECT o.*
                  FROM jsonb_populate_record(NULL::check_list,
                                             '{"check_name": "states", "called": "verify_states()", "per_block": false,
                                                                 "check_order": 30}') AS o) AS c
            ORDER BY c.check_order, c.check_name
        LOOP
            IF progress > 0 AND reported > 0 THEN
                RAISE NOTICE 'verify: %', asked.check_name;
            END IF;
            RETURN QUERY SELECT * FROM run_check(asked);
        END LOOP;
    END IF;
    IF expected IS NOT NULL THEN
        RETURN QUERY SELECT * FROM verify_digest(expected);
    END IF;
END;
$$;
COMMENT ON FUNCTION verify IS
'Makes every check there is (check_list) at one snapshot, and returns what is wrong: no rows means that everything is equal.
expected: a digest kept elsewhere, which shows a history that was cut or written anew.
progress: a NOTICE every so many records, 0 for none.
from_block, to_block: these blocks only; with to_block, the checks of the whole ledger are left to the call that goes on.
Writes nothing: it runs on a standby and on a restored copy.';
