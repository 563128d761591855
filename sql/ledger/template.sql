-- Templates: journal entries by name. A line names an account by its kind in the chart of accounts
-- and by the parties in its name, never by a name put together on the spot; the amount of a line is
-- given under a name. The golden journals test templates line by line.

CREATE TABLE bakkt_ledger_internal.template (
    template text COLLATE "C" PRIMARY KEY,
    journal_kind text COLLATE "C" NOT NULL REFERENCES journal_kind (name),
    purpose text NOT NULL
);
COMMENT ON TABLE template IS 'The entries that the ledger posts, by name. Shipped with the extension.';
COMMENT ON COLUMN template.journal_kind IS 'Kind of the journals that it makes.';

CREATE TABLE bakkt_ledger_internal.template_line (
    template text COLLATE "C" NOT NULL REFERENCES template,
    line integer NOT NULL CHECK (line > 0),
    side text NOT NULL CHECK (side IN ('debit', 'credit')),
    account_kind text COLLATE "C" NOT NULL REFERENCES account_kind,
    parties text[] NOT NULL DEFAULT '{}',
    amount text COLLATE "C" NOT NULL DEFAULT 'amount',
    PRIMARY KEY (template, line)
);
COMMENT ON TABLE template_line IS 'The lines of the templates, in the order of the golden journals. Shipped with the extension.';
COMMENT ON COLUMN template_line.side IS
'The side of a positive amount; a negative one goes on the other side, and zero makes no line.';
COMMENT ON COLUMN template_line.parties IS
'The names under which the parts of the account''s name are given: customer, client, provider, bank, window.';
COMMENT ON COLUMN template_line.amount IS 'The name under which the amount is given.';

-- The name that a pattern of the chart makes of these parties: [^:]+ stands for one, (:[^:]+)? for
-- the first, which may be NULL.
CREATE FUNCTION bakkt_ledger_internal.name_of_pattern(pattern text, parties text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN format(replace(replace(trim(pattern, '^$'), '(:[^:]+)?', CASE WHEN parties[1] IS NULL THEN '' ELSE ':%s' END),
                          '[^:]+', '%s'),
                  VARIADIC parties);

-- The name of an account of a kind: the kind's pattern with the parties in their places. One place
-- for all of SQL and C.
CREATE FUNCTION bakkt_ledger_internal.account_name(kind text, VARIADIC parties text[] DEFAULT '{}') RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN name_of_pattern((SELECT k.name_pattern FROM account_kind AS k WHERE k.kind = account_name.kind), parties);
END;
$$;

-- The account of a kind and its parties in an asset, opened if there is none yet.
CREATE FUNCTION bakkt_ledger_internal.account_of_kind(holder integer, kind text, unit asset, VARIADIC parties text[] DEFAULT '{}')
    RETURNS account_id
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ensure_account(holder, (SELECT k.fund FROM account_kind AS k WHERE k.kind = account_of_kind.kind),
                          account_name(kind, VARIADIC parties), unit);
END;
$$;

-- The same account; NULL if there is none yet.
CREATE FUNCTION bakkt_ledger_internal.known_account(holder integer, kind text, unit asset, VARIADIC parties text[] DEFAULT '{}')
    RETURNS account_id
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT a.account
            FROM account_kind AS k
            JOIN account AS a ON a.client_id = holder AND a.fund = k.fund AND a.name = name_of_pattern(k.name_pattern, parties)
                             AND a.asset = unit
            WHERE k.kind = known_account.kind);
END;
$$;

-- The entries that a template makes, one of each of these parties and amounts; accounts that are
-- not there yet are opened.
CREATE FUNCTION bakkt_ledger_internal.template_entries(holder integer, named text, parties_of jsonb[], amounts_of jsonb[])
    RETURNS journal_entry[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET plan_cache_mode = force_generic_plan AS  -- planning for one entry takes longer than making it
$$
DECLARE
    missing text;
BEGIN
    SELECT t.amount INTO missing
    FROM template_line AS t
    CROSS JOIN unnest(amounts_of) AS given
    WHERE t.template = named AND given ->> t.amount IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'template "%" needs an amount "%"', named, missing USING ERRCODE = 'internal_error';
    END IF;
    RETURN ARRAY(
        SELECT journal_entry(ensure_account(holder, l.fund, l.name, asset(l.worth)), l.worth ORDER BY l.line)
        FROM (SELECT g.place, t.line, k.fund, name_of_pattern(k.name_pattern, w.parties) AS name,
                     CASE t.side WHEN 'debit' THEN w.worth ELSE -w.worth END AS worth
              FROM ROWS FROM (unnest(parties_of), unnest(amounts_of)) WITH ORDINALITY AS g (parties, amounts, place)
              CROSS JOIN template_line AS t
              JOIN account_kind AS k ON k.kind = t.account_kind
              CROSS JOIN LATERAL (SELECT (g.amounts ->> t.amount)::amount AS worth,
                                         ARRAY(SELECT g.parties ->> p.name
                                               FROM unnest(t.parties) WITH ORDINALITY AS p (name, place)
                                               ORDER BY p.place) AS parties
                                  OFFSET 0) AS w
              WHERE t.template = named AND NOT is_zero(w.worth)
              OFFSET 0) AS l
        GROUP BY l.place
        ORDER BY l.place);
END;
$$;

-- The entry that a template makes of these parties and amounts.
CREATE FUNCTION bakkt_ledger_internal.template_entry(holder integer, named text, parties jsonb, amounts jsonb)
    RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (template_entries(holder, named, ARRAY[parties], ARRAY[amounts]))[1];
END;
$$;

-- Posts what a template makes, by the one posting path.
CREATE FUNCTION bakkt_ledger_internal.post_template(holder integer, named text, reference text, parties jsonb, amounts jsonb,
                                                    effective timestamptz, description text, reverses bigint DEFAULT NULL)
    RETURNS journal_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN post_entry(holder, reference, (SELECT t.journal_kind FROM template AS t WHERE t.template = named),
                      template_entry(holder, named, parties, amounts), effective, description, reverses);
END;
$$;
