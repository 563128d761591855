-- Proposing the write-off of cash calls that are older than the client's terms allow.
-- Refuses calls that are unknown (LG082), or not outstanding, a deposit, or too young (LG083).

-- First Central date on which a cash call is older than that many days.
CREATE FUNCTION bakkt_ledger_internal.first_eligible_date(moment timestamptz, days integer) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN central_date(moment) + days + 1;

-- Outstanding purchases of a client that are old enough to be written off, and since when. Deposits
-- are what the company owes: they age and are reported, never written off.
CREATE FUNCTION bakkt_ledger_internal.eligible_calls(holder integer, days integer, moment timestamptz)
    RETURNS TABLE (journal_id bigint, called_at timestamptz, amount amount, since date)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT c.journal_id, c.called_at, c.amount, first_eligible_date(c.called_at, days)
    FROM cash_call AS c
    WHERE c.client_id = holder AND c.status = 'O' AND c.withdrawal
      AND first_eligible_date(c.called_at, days) <= central_date(moment);
END;

-- Proposes those of a client that were never proposed before, or the one given, and returns the new
-- proposals.
CREATE FUNCTION bakkt_ledger_internal.propose_eligible(holder integer, moment timestamptz, number bigint DEFAULT NULL)
    RETURNS SETOF cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    entered cash_write_off[];
BEGIN
    PERFORM bounded_wait();
    WITH proposed AS (
        INSERT INTO cash_write_off AS w (client_id, journal_id, proposal_no, amount, eligible_on, charge_month)
        SELECT holder, c.journal_id, 1 + earlier.proposals, c.amount, c.since,
               (date_trunc('month', c.since::timestamp) + interval '1 month')::date
        FROM eligible_calls(holder, (cash_terms_of(holder)).write_off_days, moment) AS c
        CROSS JOIN LATERAL (SELECT count(*) AS proposals
                            FROM cash_write_off AS p
                            WHERE p.client_id = holder AND p.journal_id = c.journal_id) AS earlier
        -- a write-off that was declined is proposed again only by hand
        WHERE CASE WHEN number IS NULL THEN earlier.proposals = 0 ELSE c.journal_id = number END
        ON CONFLICT ON CONSTRAINT cash_write_off_pkey DO NOTHING
        RETURNING w AS state
    )
    SELECT array_agg(p.state ORDER BY (p.state).journal_id) INTO entered FROM proposed AS p;
    IF entered IS NULL THEN
        RETURN;
    END IF;
    PERFORM record_events('proposed', array_fill(NULL::cash_write_off, ARRAY[cardinality(entered)]), entered, moment);
    PERFORM propose_all(holder, 'cash_write_off', array_agg(p.journal_id || '/' || p.proposal_no), array_agg(p.amount), NULL,
                        moment)
    FROM unnest(entered) AS p;
    RETURN QUERY SELECT p.* FROM unnest(entered) AS p;
END;
$$;

-- The clients with an outstanding purchase that is old enough to be written off.
CREATE FUNCTION bakkt_ledger_internal.clients_with_eligible_calls(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ARRAY(SELECT c.client_id
             FROM client AS c
             CROSS JOIN LATERAL (SELECT (cash_terms_of(c.client_id)).write_off_days OFFSET 0) AS t (days)
             WHERE EXISTS (SELECT FROM eligible_calls(c.client_id, t.days, clients_with_eligible_calls.at))
             ORDER BY c.client_id);
END;

-- One client's part of propose_cash_call_write_offs().
CREATE FUNCTION bakkt_ledger_internal.propose_client_write_offs(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT jsonb_agg(to_jsonb(p) ORDER BY asset(p.amount))
            FROM (SELECT (client_row(holder)).code AS client, count(*) AS proposed, sum(w.amount) AS amount
                  FROM propose_eligible(holder, at) AS w
                  GROUP BY asset(w.amount)) AS p);
END;
$$;
INSERT INTO client_run VALUES ('propose_cash_call_write_offs', 'propose_client_write_offs', 'clients_with_eligible_calls');

CREATE TYPE bakkt_ledger.cash_write_off_proposal_run_result AS (
    client text,
    proposed bigint,
    amount amount
);
COMMENT ON TYPE cash_write_off_proposal_run_result IS
'How many write-offs of a client a run has proposed, and what they come to, per asset; amounts are positive.';

CREATE FUNCTION bakkt_ledger.propose_cash_call_write_offs(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF cash_write_off_proposal_run_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT p.*
    FROM run_answers('propose_cash_call_write_offs', NULL::cash_write_off_proposal_run_result, at, client) AS p;
END;
$$;
COMMENT ON FUNCTION propose_cash_call_write_offs IS
'Proposes for write-off every outstanding purchase that is older than the client''s write_off_days, of one client or all visible.
Age is the difference of Central dates from execution to the instant. Nothing is posted: a second person approves, and
charge_cash_call_write_offs() posts in the month after. Safe to repeat: a call is proposed once. A row per client and asset. Of
several clients, one whose part fails is left out with a WARNING.
Errors: LG010, 42501 client, LG061 instant ahead of the clock, LG002 infinite.';

CREATE FUNCTION bakkt_ledger.propose_cash_call_write_off(client text, call bigint, at timestamptz DEFAULT clock_timestamp())
    RETURNS cash_write_off_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked cash_call;
    latest cash_write_off_state;
    again boolean;
BEGIN
    PERFORM require_instant(at);
    asked := require_cash_call(holder, call);
    latest := latest_write_off(holder, call);
    again := asked.status = 'O' AND coalesce(latest.status IN ('PROPOSED', 'APPROVED'), false);
    IF NOT again THEN
        PERFORM propose_eligible(holder, at, call);
        IF NOT FOUND THEN
            PERFORM refuse_cash_call_state(asked, 'cannot be proposed for write-off',
                                           format('Only an outstanding purchase can, from %s on.',
                                                  date_text(first_eligible_date(asked.called_at,
                                                                                (cash_terms_of(holder)).write_off_days))));
        END IF;
        latest := latest_write_off(holder, call);
    END IF;
    RETURN cash_write_off_answer(latest, 'proposed', again, 1);
END;
$$;
COMMENT ON FUNCTION propose_cash_call_write_off IS
'Proposes one cash call for write-off by hand, even after it was declined; one that is proposed already stays so.
Errors: LG082 unknown call, LG083 not outstanding, a deposit, or not old enough, LG010, 42501, LG061, LG002.';
