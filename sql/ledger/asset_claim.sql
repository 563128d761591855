-- Who has a claim in an asset, over all clients: what retiring an asset or an instrument asks.
-- Refuses to end what somebody has a claim in (LG039).
-- Locks, for whoever retires: the asset's row, so that no account is opened in it, then the
-- postings of each client that has one, in order. Whoever has posted in it has ended by then, and
-- whoever posts afterwards sees what has become of it.

CREATE TYPE bakkt_ledger.asset_claim_line AS (
    client text,
    customer text,
    account account_id,
    fund text,
    name text,
    kind text,
    balance amount,
    held amount
);
COMMENT ON TYPE asset_claim_line IS
'An account that is not zero in an asset, for somebody else than the company.
customer: NULL when it is nobody''s in particular. balance: in natural sign (positive on the normal side of its kind). held: what
open holds bind; NULL of an account that takes none.';

-- The accounts in an asset that are not zero and must be before it ends, claims first.
CREATE FUNCTION bakkt_ledger_internal.balances_in(unit asset) RETURNS SETOF asset_claim_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH present AS (
        SELECT b.client_id, b.account, b.posted, b.held
        FROM account AS a
        JOIN balance AS b ON b.client_id = a.client_id AND b.account = a.account
        WHERE a.asset = unit
        UNION ALL
        SELECT o.client_id, h.account, h.posted, NULL
        FROM (SELECT DISTINCT a.client_id FROM account AS a WHERE a.asset = unit) AS o
        CROSS JOIN LATERAL house_balances(o.client_id) AS h
    )
    SELECT c.code, u.customer_code, a.account, a.fund, a.name, a.kind, natural_balance(k, p.posted), p.held
    FROM present AS p
    JOIN account AS a ON a.client_id = p.client_id AND a.account = p.account AND a.asset = unit
    JOIN account_kind AS k ON k.kind = a.kind AND k.settled_last
    JOIN client AS c ON c.client_id = a.client_id
    LEFT JOIN customer AS u ON u.customer_id = a.customer_id
    WHERE NOT is_zero(p.posted) OR NOT coalesce(is_zero(p.held), true)
    ORDER BY k.class = 'claim' DESC, c.code, a.fund, a.name
$$;

CREATE TABLE bakkt_ledger_internal.claim_source (
    called text COLLATE "C" PRIMARY KEY,
    meaning text NOT NULL
);
COMMENT ON TABLE claim_source IS
'What keeps an asset from being retired though no balance tells of it, as floors above know. Shipped with the extension.';
COMMENT ON COLUMN claim_source.called IS 'The function that lists it: (asset) returns rows of asset_claim_line.';
INSERT INTO subject (subject, key, shipped) VALUES ('claim_source', '{called}', true);

-- All that must be settled before an asset ends: what is not zero, then what floors above know of.
CREATE FUNCTION bakkt_ledger_internal.claims_in(unit asset) RETURNS SETOF asset_claim_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    source claim_source;
BEGIN
    RETURN QUERY SELECT b.* FROM balances_in(unit) AS b;
    FOR source IN SELECT s.* FROM claim_source AS s ORDER BY s.called LOOP
        RETURN QUERY EXECUTE format('SELECT s.* FROM bakkt_ledger_internal.%I($1) AS s', source.called) USING unit;
    END LOOP;
END;
$$;

CREATE FUNCTION bakkt_ledger.asset_claims(asset asset) RETURNS SETOF asset_claim_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_known_asset(asset);
    RETURN QUERY SELECT c.* FROM claims_in(asset) AS c;
END;
$$;
COMMENT ON FUNCTION asset_claims IS
'Who has a claim in an asset, over all clients: what must be sold, withdrawn or settled before it can be retired.
Claims first: those of customers, and coin or money whose owner is not known. Then what else is not zero for somebody outside
the company: wallets and banks of customers, what liquidity providers and clients owe and are owed, what is under way. The
company''s own coin, money and results do not count, nor what is settled outside the ledger. Of a settlement window that is not
closed yet, what it would settle.
Errors: LG040 unknown.';

-- LG039 with the count and the first of those who have a claim, if these do.
CREATE FUNCTION bakkt_ledger_internal.refuse_for_claims(what text, unit asset, claims asset_claim_line[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    named constant asset_claim_line[] := claims[1:5];
BEGIN
    IF cardinality(claims) = 0 THEN
        RETURN;
    END IF;
    PERFORM refuse('LG039', format('%s cannot be retired: somebody has a claim in %s', what, unit),
                   format('%s %s not zero: ', cardinality(claims), CASE cardinality(claims) WHEN 1 THEN 'account is'
                                                                                        ELSE 'accounts are' END)
                   || (SELECT string_agg(format('%s %s "%s" %s', n.client, n.fund, n.name, n.balance), '; ' ORDER BY n.place)
                       FROM unnest(named) WITH ORDINALITY
                            AS n (client, customer, account, fund, name, kind, balance, held, place))
                   || CASE WHEN cardinality(claims) > cardinality(named) THEN '; ...' ELSE '.' END,
                   'Let everybody sell or withdraw first: CLOSE_ONLY or WITHDRAW_ONLY. asset_claims() lists all.',
                   jsonb_build_object('asset', unit, 'accounts', cardinality(claims),
                                      'first', (SELECT jsonb_agg(jsonb_build_object(
                                                           'client', n.client, 'customer', n.customer, 'account', n.account,
                                                           'balance', n.balance) ORDER BY n.place)
                                                FROM unnest(named) WITH ORDINALITY
                                                     AS n (client, customer, account, fund, name, kind, balance, held, place))));
END;
$$;

-- Waits for everybody who has opened an account or posted in an asset, and keeps others from it
-- until this transaction ends: every claim there is can be seen.
CREATE FUNCTION bakkt_ledger_internal.lock_claims_in(unit asset) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_fresh_snapshot(), bounded_wait();
    -- opening an account in it takes a share of this row, for its foreign key
    PERFORM FROM supported_asset AS a WHERE a.asset = unit FOR UPDATE;
    PERFORM lock_client(o.client_id)
    FROM (SELECT DISTINCT a.client_id FROM account AS a WHERE a.asset = unit ORDER BY a.client_id) AS o;
END;
$$;

-- LG039 while an account of somebody else than the company is not zero in the asset. The first look
-- locks nothing: where the answer is no, nobody waits.
CREATE FUNCTION bakkt_ledger_internal.require_no_claims(unit asset) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse_for_claims(format('asset "%s"', unit), unit, ARRAY(SELECT c FROM claims_in(unit) AS c));
    PERFORM lock_claims_in(unit);
    PERFORM refuse_for_claims(format('asset "%s"', unit), unit, ARRAY(SELECT c FROM claims_in(unit) AS c));
END;
$$;

-- Whether the base of an instrument can be sold in another one, that is not retired itself.
CREATE FUNCTION bakkt_ledger_internal.can_sell_elsewhere(ending instrument) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT
                   FROM instrument AS i
                   JOIN trading_status AS s ON s.status = i.status AND s.may_sell
                   JOIN supported_asset AS q ON q.asset = i.quote
                   JOIN trading_status AS qs ON qs.status = q.status AND qs.may_buy
                   WHERE i.base = (ending).base AND i.quote <> (ending).quote);

-- The claims in the base of an instrument that could be sold nowhere without it.
CREATE FUNCTION bakkt_ledger_internal.claims_left_by(ending instrument) RETURNS asset_claim_line[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF can_sell_elsewhere(ending) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT c
                 FROM balances_in(ending.base) AS c
                 JOIN account_kind AS k ON k.kind = c.kind AND k.class = 'claim');
END;
$$;

-- LG039 while somebody has a claim in the base of an instrument and could sell it nowhere else.
CREATE FUNCTION bakkt_ledger_internal.require_instrument_needless(ending instrument) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    what constant text := format('instrument "%s"', ending.symbol);
BEGIN
    PERFORM refuse_for_claims(what, ending.base, claims_left_by(ending));
    PERFORM lock_claims_in(ending.base);
    PERFORM refuse_for_claims(what, ending.base, claims_left_by(ending));
END;
$$;
