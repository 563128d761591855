-- The proof of the FBO accounts (I8, doc/cash.md). What the banks hold, adjusted for what is on its
-- way and for what company and customers owe each other there, must equal what customers are owed,
-- gross: a claim in debit is listed and never set off against other customers. Claims come from
-- their balance rows, everything else from blocks and journals, so the two sides are computed
-- independently.
-- Locks nothing.

CREATE TYPE bakkt_ledger.bank_balance AS (
    bank text,
    balance amount
);
COMMENT ON TYPE bank_balance IS
'An FBO bank account and its balance by the ledger.
bank: name of the account, Bank:omnibus:<bank>. balance: debit positive.';

-- The terms of fbo_proof(), in natural sign; other_funds debit positive.
CREATE FUNCTION bakkt_ledger_internal.fbo_proof_of(holder integer, recorded_until timestamptz)
    RETURNS TABLE (asset asset, control amount, banks bank_balance[], ach_in amount, card_in amount, ach_out amount,
                   wire_in amount, wire_out amount, inter_bank amount, business_transfer amount, due_from_company amount,
                   due_to_company amount, other_funds amount, settled amount, unsettled amount, held amount, unidentified amount,
                   escheated amount, residual amount, interest amount, claims_in_debit amount)
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH fbo AS (
        SELECT asset(b.balance) AS asset, zero(asset(b.balance)) AS nothing, b.name, b.kind, k.class, b.balance,
               natural_balance(k, b.balance) AS signed,
               k.class = 'claim' AND sign(b.balance) > 0 AS owed
        FROM client AS c
        CROSS JOIN LATERAL balances(c.code, known_at => recorded_until) AS b
        JOIN account_kind AS k ON k.kind = b.kind
        WHERE c.client_id = holder AND b.fund = 'FBO'
    )
    SELECT f.asset,
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_bank'), f.nothing),
           array_agg((f.name, f.balance)::bank_balance ORDER BY f.name COLLATE "C") FILTER (WHERE f.kind = 'fbo_bank'),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_ach_in'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_card_in'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_ach_out'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_wire_in'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_wire_out'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_inter_bank'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_business_transfer'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_due_from_corp'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_due_to_corp'), f.nothing),
           coalesce(sum(f.signed) FILTER (WHERE f.kind ~ '^fbo_due_' AND f.kind !~ '_corp$'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_settled' AND f.owed), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_unsettled' AND f.owed), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_held' AND f.owed), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_unidentified' AND f.owed), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_escheated' AND f.owed), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_residual'), f.nothing),
           coalesce(sum(f.balance) FILTER (WHERE f.kind = 'fbo_interest'), f.nothing),
           coalesce(sum(f.signed) FILTER (WHERE f.class = 'claim' AND sign(f.signed) > 0), f.nothing)
    FROM fbo AS f
    GROUP BY f.asset, f.nothing;
END;

CREATE TYPE bakkt_ledger.fbo_proof_line AS (
    client text,
    asset asset,
    control amount,
    banks bank_balance[],
    ach_in amount,
    card_in amount,
    ach_out amount,
    wire_in amount,
    wire_out amount,
    inter_bank amount,
    business_transfer amount,
    due_from_company amount,
    due_to_company amount,
    other_funds amount,
    resources amount,
    settled amount,
    unsettled amount,
    held amount,
    unidentified amount,
    escheated amount,
    claims amount,
    residual amount,
    interest amount,
    required amount,
    difference amount,
    claims_in_debit amount
);
COMMENT ON TYPE fbo_proof_line IS
'The proof of a client''s FBO accounts in one asset (I8), every term in its natural sign.
resources = control (the banks together, each in banks) + ach_in + card_in - ach_out + wire_in - wire_out + inter_bank -
business_transfer + due_from_company - due_to_company + other_funds (debit positive).
required = claims (settled + unsettled + held + unidentified + escheated, those in credit only) + residual + interest.
difference = resources - required, zero when all is well. claims_in_debit: what claims in debit come to, which never lowers what
is required.';

CREATE FUNCTION bakkt_ledger.fbo_proof(client text DEFAULT NULL, known_at timestamptz DEFAULT NULL)
    RETURNS SETOF fbo_proof_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    RETURN QUERY
    SELECT c.code, p.asset, p.control, p.banks, p.ach_in, p.card_in, p.ach_out, p.wire_in, p.wire_out, p.inter_bank,
           p.business_transfer,
           p.due_from_company, p.due_to_company, p.other_funds, s.resources, p.settled, p.unsettled, p.held, p.unidentified,
           p.escheated, s.claims, p.residual, p.interest, s.claims + p.residual + p.interest,
           s.resources - s.claims - p.residual - p.interest, p.claims_in_debit
    FROM client AS c
    CROSS JOIN LATERAL fbo_proof_of(c.client_id, known_at) AS p
    CROSS JOIN LATERAL (SELECT p.control + p.ach_in + p.card_in - p.ach_out + p.wire_in - p.wire_out + p.inter_bank
                               - p.business_transfer
                               + p.due_from_company - p.due_to_company + p.other_funds AS resources,
                               p.settled + p.unsettled + p.held + p.unidentified + p.escheated AS claims) AS s
    WHERE c.client_id = ANY (asked)
    ORDER BY c.code, p.asset;
END;
$$;
COMMENT ON FUNCTION fbo_proof IS
'Proves the FBO accounts of one client or all visible ones, per asset (I8).
known_at: as the ledger knew it then; NULL: as known now.
Errors: LG010, 42501.';

-- ---------------------------------------------------------------------------
-- Checking
-- ---------------------------------------------------------------------------

-- What is there, when it is not what customers are owed.
CREATE FUNCTION bakkt_ledger_internal.fbo_proof_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT finding('fbo', format('%s is there, %s is required to cover what customers are owed (I8).', p.resources, p.required),
                   holder => (holder).code)
    FROM fbo_proof((holder).code) AS p
    WHERE NOT is_zero(p.difference)
    ORDER BY p.asset;
END;

-- Claims in debit, customer by customer, in natural sign.
CREATE FUNCTION bakkt_ledger_internal.fbo_claims_in_debit(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT finding('fbo', format('%s is a claim in debit: %s (I5).', a.name, -b.posted), holder => (holder).code,
                   touched => a.account)
    FROM balance AS b
    JOIN account AS a ON a.client_id = b.client_id AND a.account = b.account
    JOIN account_kind AS k ON k.kind = a.kind AND k.class = 'claim' AND k.fund = 'FBO'
    WHERE b.client_id = (holder).client_id AND sign(b.posted) > 0
    ORDER BY a.asset, a.name;
END;

-- Clearing accounts of the settlement flow against the transfers in transit: everything on such an
-- account must be a transfer in transit, and the other way round.
CREATE FUNCTION bakkt_ledger_internal.fbo_in_transit_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH posted AS (
        SELECT a.account, a.asset, a.kind, CASE a.kind WHEN 'fbo_business_transfer' THEN -h.posted ELSE h.posted END AS amount
        FROM house_balances((holder).client_id) AS h
        JOIN account AS a ON a.client_id = (holder).client_id AND a.account = h.account
        WHERE a.kind IN ('fbo_business_transfer', 'corp_fbo_transfer', 'fbo_inter_bank')
    ), listed AS (
        SELECT asset(t.amount) AS asset, k.kind, sum(t.amount) AS amount
        FROM fbo_transfer AS t
        JOIN (VALUES ('fbo_business_transfer'), ('corp_fbo_transfer')) AS k (kind)
          ON t.direction = 'TO_BUSINESS' OR k.kind = 'corp_fbo_transfer'
        WHERE t.client_id = (holder).client_id AND t.status = 'INSTRUCTED'
        GROUP BY asset(t.amount), k.kind
        UNION ALL
        SELECT asset(b.amount), 'fbo_inter_bank', sum(CASE b.status WHEN 'DEBITED' THEN b.amount ELSE -b.amount END)
        FROM bank_transfer AS b
        WHERE b.client_id = (holder).client_id AND b.status IN ('DEBITED', 'CREDITED')
        GROUP BY asset(b.amount)
    )
    SELECT finding('fbo', format('%s holds %s, the transfers in transit come to %s.', account_name(coalesce(p.kind, l.kind)),
                                 coalesce(p.amount, zero(l.asset)), coalesce(l.amount, zero(p.asset))),
                   holder => (holder).code, touched => p.account)
    FROM posted AS p
    FULL JOIN listed AS l ON l.asset = p.asset AND l.kind = p.kind
    WHERE coalesce(l.amount, zero(p.asset)) *<> coalesce(p.amount, zero(l.asset))
    ORDER BY coalesce(p.asset, l.asset), coalesce(p.kind, l.kind);
END;

-- Differences in what the FBO fund and another fund owe each other, as recorded in each.
CREATE FUNCTION bakkt_ledger_internal.fbo_mirror_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH posted AS (
        SELECT h.account, h.posted
        FROM house_balances((holder).client_id) AS h
        UNION ALL
        SELECT b.account, b.posted
        FROM balance AS b
        WHERE b.client_id = (holder).client_id
    ), side AS (
        SELECT a.asset, k.mirror, coalesce(sum(p.posted) FILTER (WHERE a.fund = 'FBO'), zero(a.asset)) AS fbo,
               coalesce(sum(p.posted) FILTER (WHERE a.fund <> 'FBO'), zero(a.asset)) AS other,
               (array_agg(a.account ORDER BY a.name) FILTER (WHERE a.fund = 'FBO'))[1] AS account
        FROM posted AS p
        JOIN account AS a ON a.client_id = (holder).client_id AND a.account = p.account
        JOIN account_kind AS k ON k.kind = a.kind
        WHERE k.mirror IN (SELECT m.mirror FROM account_kind AS m WHERE m.fund = 'FBO')
        GROUP BY a.asset, k.mirror
    )
    SELECT finding('fbo', format('The two sides of "%s" do not agree, debit positive: %s in FBO, %s in the other fund (I7).',
                                 s.mirror, s.fbo, s.other),
                   holder => (holder).code, touched => s.account)
    FROM side AS s
    WHERE -s.other *<> s.fbo
    ORDER BY s.asset, s.mirror;
END;

-- Transfers against their journals.
CREATE FUNCTION bakkt_ledger_internal.fbo_transfer_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT finding('fbo', format('Transfer "%s" is not what its journal of %s says: %s, and %s.', t.reference, n.what, n.expected,
                                 m.moved),
                   holder => (holder).code, of_subject => 'fbo_transfer', key => t.transfer_id::text, touched => a.account)
    FROM fbo_transfer AS t
    CROSS JOIN LATERAL (VALUES ('instruction', t.instructed_journal, t.amount),
                               ('confirmation or failure', t.ended_journal, -t.amount)) AS n (what, journal_id, expected)
    LEFT JOIN account AS a ON a.client_id = t.client_id AND a.kind = 'corp_fbo_transfer' AND a.asset = asset(t.amount)
    LEFT JOIN journal AS j ON j.client_id = t.client_id AND j.journal_id = n.journal_id AND j.kind = kind_number('fbo_transfer')
    CROSS JOIN LATERAL (SELECT coalesce(amount_of(j.entry, a.account), zero(asset(t.amount))) AS moved) AS m
    WHERE t.client_id = (holder).client_id AND n.journal_id IS NOT NULL AND m.moved *<> n.expected
    ORDER BY t.transfer_id;
END;

CREATE FUNCTION bakkt_ledger.check_fbo(client text DEFAULT NULL) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
    holder client;
BEGIN
    FOR holder IN
        SELECT c.*
        FROM client AS c
        WHERE c.client_id = ANY (asked)
        ORDER BY c.code
    LOOP
        RETURN QUERY
        SELECT d.* FROM fbo_proof_breaks(holder) AS d
        UNION ALL SELECT d.* FROM fbo_claims_in_debit(holder) AS d
        UNION ALL SELECT d.* FROM fbo_in_transit_breaks(holder) AS d
        UNION ALL SELECT d.* FROM fbo_mirror_breaks(holder) AS d
        UNION ALL SELECT d.* FROM fbo_transfer_breaks(holder) AS d;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION check_fbo IS
'Checks the FBO accounts of one client or all visible ones; a row for everything that is wrong, none when all is well.
The proof (I8), each claim in debit (I5), clearing accounts that do not agree with the transfers in transit, the company''s side
of what the funds owe each other (I7), transfers that do not agree with their journals.
Errors: LG010, 42501.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('fbo', 'check_fbo()', 60, 'the FBO accounts hold what customers are owed, and agree with the transfers (I5, I7, I8)');
