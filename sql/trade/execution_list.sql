-- Executions as a client reads them: page by page, without what is between the company and its
-- providers.
-- Refuses clients and customers the caller may not see (LG010, LG012, 42501), and pages that are
-- too large (54000).
-- Locks nothing.

CREATE TYPE bakkt_ledger.execution_line AS (
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
    fee amount,
    funding_model text,
    executed_at timestamptz,
    recorded_at timestamptz,
    busts bigint,
    busted_by bigint,
    corrects bigint
);
COMMENT ON TYPE execution_line IS
'An execution (kind trade) or its bust (trade_bust), as executions() lists it.
price, net_money: the customer''s; net_money positive: the customer or client owes. All amounts of a bust except quantity and
price are negated. busts, busted_by, corrects: the other journal.';

CREATE FUNCTION bakkt_ledger.executions(client text, customer text DEFAULT NULL, since timestamptz DEFAULT '-infinity',
                                        until timestamptz DEFAULT 'infinity', after bigint DEFAULT 0, most integer DEFAULT 1000)
    RETURNS SETOF execution_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    owner constant bigint := customer_asked(holder, customer);
BEGIN
    RETURN QUERY
    SELECT j.journal_id, k.name, c.customer_code, j.reference, client_order_id(j.terms), i.symbol, side(j.terms),
           quantity(j.terms), price(j.terms), net_money(j.terms), fee(j.terms), funding_model(j.terms), j.effective_at,
           j.recorded_at, busts(j.terms), b.journal_id, corrects(j.terms)
    FROM journal_page(holder, owner, coalesce(since, '-infinity'), coalesce(until, 'infinity'), after, require_page(most)) AS j
    JOIN journal_kind AS k ON k.kind = j.kind
    JOIN customer AS c ON c.customer_id = j.customer_id
    JOIN instrument AS i ON i.instrument_id = instrument_id(j.terms)
    LEFT JOIN journal AS b ON b.client_id = j.client_id AND b.reverses = j.journal_id AND b.kind = kind_number('trade_bust')
    WHERE j.kind IN (kind_number('trade'), kind_number('trade_bust'))
    ORDER BY j.journal_id;
END;
$$;
COMMENT ON FUNCTION executions IS
'The executions and busts of a client, or of one of its customers, recorded in [since, until).
What the provider was paid, the company''s revenue and how a price was made are not in it; the company has them in view execution.
after: the last journal of the page before; most: how many journals a page looks at, so that a page may have fewer rows, or none,
before the last one.
Errors: LG010, 42501, LG012 no such customer of the client, LG002, 54000.';
