-- A client leaves (doc/leaving.md): a checklist of what is open and how it ends, its revenue closed
-- to equity, and the end. Each floor enters in wind_down_list what it has under way.
-- Refuses to close a client of which anything is open (LG035), and what post_journal() refuses.
-- Locks the client's postings when it is closed, then its row.

CREATE TYPE bakkt_ledger.open_matter_line AS (
    what text,
    name text,
    items bigint,
    amount amount,
    how_it_ends text
);
COMMENT ON TYPE open_matter_line IS
'Something that has to end before a customer or a client can leave.
what: kind of account, or kind of thing. name: of the account or the reference of the one thing; NULL of several. items: how many.
amount: the sum, a balance in natural sign; NULL where there is none. how_it_ends: the function to call, or what is awaited.';

CREATE TABLE bakkt_ledger_internal.balance_ending (
    kind text COLLATE "C" PRIMARY KEY REFERENCES account_kind,
    how_it_ends text NOT NULL
);
COMMENT ON TABLE balance_ending IS
'How what stands on an account of a kind comes to its end, where that is not by hand. Shipped with the extension.';
COMMENT ON COLUMN balance_ending.how_it_ends IS 'The function to call, or what is awaited.';
INSERT INTO subject (subject, key, shipped) VALUES ('balance_ending', '{kind}', true);
INSERT INTO balance_ending
SELECT k.kind, 'propose_revenue_closing()' FROM account_kind AS k WHERE k.class IN ('revenue', 'expense')
UNION ALL
SELECT k.kind, 'goes down with what it holds' FROM account_kind AS k WHERE k.class = 'control' AND k.fund <> 'CORP';

-- How what stands on an account of a kind ends: by hand, unless a floor says how.
CREATE FUNCTION bakkt_ledger_internal.how_balance_ends(of_kind text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce((SELECT e.how_it_ends FROM balance_ending AS e WHERE e.kind = of_kind), 'propose_journal()');
END;

CREATE TABLE bakkt_ledger_internal.wind_down_list (
    matter text COLLATE "C" PRIMARY KEY,
    called text COLLATE "C" NOT NULL,
    matter_order integer NOT NULL
);
COMMENT ON TABLE wind_down_list IS 'What is looked at before a client leaves. Shipped with the extension.';
COMMENT ON COLUMN wind_down_list.called IS
'The function that returns what is open of it: (client''s number) returns rows of open_matter_line.';
INSERT INTO subject (subject, key, shipped) VALUES ('wind_down_list', '{matter}', true);

-- LG035 naming what is open; more than ten are counted only.
CREATE FUNCTION bakkt_ledger_internal.require_nothing_open(who text, named text, listed_by text, matters open_matter_line[])
    RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    told text;
BEGIN
    IF cardinality(matters) > 0 THEN
        SELECT string_agg(concat_ws(' ', m.what, '"' || m.name || '"', m.amount::text), ', ' ORDER BY m.place) INTO told
        FROM unnest(matters) WITH ORDINALITY AS m (what, name, items, amount, how_it_ends, place)
        WHERE m.place <= 10;
        PERFORM refuse('LG035', format('%s "%s" cannot be closed: something of it is open', who, named),
                       format('Open: %s; %s in all.', told, cardinality(matters)),
                       format('%s() tells how each ends.', listed_by),
                       jsonb_build_object(who, named, 'open', to_jsonb(matters[1:10])));
    END IF;
END;
$$;

-- ---------------------------------------------------------------------------
-- What this floor has
-- ---------------------------------------------------------------------------

-- Customers who have not left.
CREATE FUNCTION bakkt_ledger_internal.customers_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'customer', CASE count(*) WHEN 1 THEN min(c.customer_code) END, count(*), NULL::amount,
           'change_customer() to CLOSING_ONLY, then close_customer()'
    FROM customer AS c
    WHERE c.client_id = holder AND c.mode <> 'CLOSED'
    HAVING count(*) > 0;
END;

-- Balances, by kind of account and asset; those that would set each other off are still counted.
CREATE FUNCTION bakkt_ledger_internal.balances_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT a.kind, CASE count(*) WHEN 1 THEN min(a.name) END, count(*), sum(natural_balance(k, l.posted)),
           how_balance_ends(a.kind)
    FROM (SELECT h.account, h.posted FROM house_balances(holder) AS h
          UNION ALL
          SELECT b.account, b.posted FROM balance AS b WHERE b.client_id = holder) AS l
    JOIN account AS a ON a.client_id = holder AND a.account = l.account
    JOIN account_kind AS k ON k.kind = a.kind
    WHERE NOT is_zero(l.posted)
    GROUP BY a.kind, a.fund, a.asset
    ORDER BY a.fund, a.kind COLLATE "C", a.asset
$$;

-- Holds that bind something.
CREATE FUNCTION bakkt_ledger_internal.holds_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'hold', CASE count(*) WHEN 1 THEN min(h.reference) END, count(*), sum(h.remaining),
           'release_hold() or capture_hold(); expire_holds() when it has expired'
    FROM hold AS h
    WHERE h.client_id = holder AND h.status = 'OPEN'
    GROUP BY asset(h.remaining);
END;

-- Proposals that nobody has decided.
CREATE FUNCTION bakkt_ledger_internal.proposals_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'proposal', p.subject, count(*), NULL::amount, 'approve or decline it: approvals() lists it'
    FROM approval AS p
    WHERE p.client_id = holder AND p.status = 'PROPOSED'
    GROUP BY p.subject
    ORDER BY p.subject;
END;

INSERT INTO wind_down_list VALUES
    ('customers', 'customers_open', 10),
    ('holds', 'holds_open', 50),
    ('proposals', 'proposals_open', 60),
    ('balances', 'balances_open', 90);

-- ---------------------------------------------------------------------------
-- The checklist
-- ---------------------------------------------------------------------------

-- What keeps a client from closing, at this snapshot, in the order of the list.
CREATE FUNCTION bakkt_ledger_internal.client_open_matters(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    looked_at text;
BEGIN
    FOR looked_at IN SELECT w.called FROM wind_down_list AS w ORDER BY w.matter_order, w.matter LOOP
        RETURN QUERY EXECUTE format('SELECT * FROM bakkt_ledger_internal.%I($1)', looked_at) USING holder;
    END LOOP;
END;
$$;

CREATE FUNCTION bakkt_ledger.wind_down_client(client text) RETURNS SETOF open_matter_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 20
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    RETURN QUERY SELECT m.* FROM client_open_matters(holder) AS m;
END;
$$;
COMMENT ON FUNCTION wind_down_client IS
'The checklist of a client that leaves: what is open and how each ends; no rows when close_client() would close it.
Customers, transfers under way, cash calls, windows, obligations, unapplied money, jobs it was left out of, holds, proposals, and
every balance, by kind of account and asset.
Errors: LG010, 42501.';

-- The entry that brings revenue and expenses to zero against equity, in every asset; NULL when they
-- are.
CREATE FUNCTION bakkt_ledger_internal.revenue_closing_entry(holder integer) RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    closing journal_entry;
BEGIN
    WITH result AS MATERIALIZED (
        SELECT h.account, a.asset, h.posted
        FROM house_balances(holder) AS h
        JOIN account AS a ON a.client_id = holder AND a.account = h.account
        JOIN account_kind AS k ON k.kind = a.kind AND k.class IN ('revenue', 'expense')
        WHERE NOT is_zero(h.posted)
    ), equity AS (
        SELECT account_of_kind(holder, 'corp_equity', r.asset) AS account, r.asset, sum(r.posted) AS posted
        FROM result AS r
        GROUP BY r.asset
    )
    SELECT journal_entry(t.account, t.change ORDER BY t.asset, t.place, t.account) INTO closing
    FROM (SELECT r.account, r.asset, -r.posted AS change, 1 AS place FROM result AS r
          UNION ALL
          SELECT e.account, e.asset, e.posted, 2 FROM equity AS e WHERE NOT is_zero(e.posted)) AS t;
    RETURN closing;
END;
$$;

CREATE FUNCTION bakkt_ledger.propose_revenue_closing(client text, reference text, reason text DEFAULT 'REVENUE_CLOSING',
                                                     at timestamptz DEFAULT clock_timestamp())
    RETURNS proposal_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    asked request;
    closing journal_entry;
BEGIN
    PERFORM require_reference(reference, 'a closing of revenue', 193), bounded_wait();
    asked := open_request('propose_revenue_closing', 'revenue_closing', holder, reference,
                          jsonb_build_object('reason', reason), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::proposal_result);
    END IF;
    closing := revenue_closing_entry(holder);
    IF closing IS NULL THEN
        PERFORM refuse_invalid(format('client "%s" has nothing to close', client), 'Its revenue and expenses are zero.');
    END IF;
    RETURN close_request(asked, propose_journal(client, closing, reference, reason, 'Revenue and expenses closed to equity',
                                                at => at));
END;
$$;
COMMENT ON FUNCTION propose_revenue_closing IS
'Proposes the entry that brings a client''s revenue and expenses, as they stand, to zero against equity, in every asset.
Another person posts it by approve_journal(), as any entry by hand. What is posted to revenue meanwhile stays, for a further one.
Errors: those of propose_journal(), LG002 nothing to close, LG011.';

CREATE FUNCTION bakkt_ledger.close_client(client text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked request;
    before client;
    after client;
BEGIN
    PERFORM bounded_wait(), lock_client(holder);  -- waits for its postings under way
    SELECT c.* INTO before FROM client AS c WHERE c.client_id = holder FOR NO KEY UPDATE;
    asked := open_change('close_client', 'client', 0, reference, jsonb_build_object('code', client));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    after := before;
    IF before.status <> 'CLOSED' THEN
        PERFORM require_fresh_snapshot();
        PERFORM require_nothing_open('client', client, 'wind_down_client', ARRAY(SELECT m FROM client_open_matters(holder) AS m));
        UPDATE client AS c
        SET status = 'CLOSED', closed_at = clock_timestamp()
        WHERE c.client_id = holder
        RETURNING c.* INTO after;
        PERFORM invalidate_account_cache();
    END IF;
    RETURN close_change(asked, 'closed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION close_client IS
'Closes a client for ever: nothing is posted for it any more; what was posted can be read as before.
wind_down_client() must have no rows (LG035). Its postings under way end first (55P03 if they do not). Closing again is no error.
Errors: LG010, LG020, LG035, 25001, 55P03.';
