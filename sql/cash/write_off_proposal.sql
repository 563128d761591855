-- Proposing the write-off of cash calls that are older than the client's terms allow.
-- Refuses calls that are unknown (LG082), or not outstanding, a deposit, or too young (LG083).

CREATE FUNCTION bakkt_ledger_internal.refuse_cash_call_state(call cash_call, what text, detail text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'LG083', MESSAGE = format('cash call %s %s', call.journal_id, what),
        DETAIL = concat_ws(' ', format('It is %s, of %s.', CASE call.status WHEN 'O' THEN 'outstanding' WHEN 'S' THEN 'settled'
                                       WHEN 'W' THEN 'written off' ELSE 'busted' END, call.amount), detail),
        HINT = 'cash_calls() and cash_write_offs() show where it stands.';
END;
$$;
COMMENT ON FUNCTION refuse_cash_call_state(cash_call, text, text) IS 'Internal: raises LG083 with the state of the cash call.';

CREATE FUNCTION bakkt_ledger_internal.latest_write_off(client_id integer, call bigint) RETURNS cash_write_off
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT w.* FROM cash_write_off w WHERE w.client_id = $1 AND w.journal_id = $2 ORDER BY w.proposal_no DESC LIMIT 1
$$;
COMMENT ON FUNCTION latest_write_off(integer, bigint) IS
    'Internal: the last proposal to write the cash call off; NULL when there was none.';

CREATE FUNCTION bakkt_ledger_internal.eligible_on(called_at timestamptz, write_off_days integer) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    RETURN central_date(called_at) + write_off_days + 1;
COMMENT ON FUNCTION eligible_on(timestamptz, integer) IS 'First Central date on which a cash call is older than that many days.';

-- Calls that pay the customer are the company's debt: they age and are reported, but never written
-- off.
CREATE FUNCTION bakkt_ledger_internal.propose_eligible(client_id integer, at timestamptz, call bigint DEFAULT NULL) RETURNS SETOF cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    days    constant integer := (cash_terms_of(client_id)).write_off_days;
BEGIN
    PERFORM bounded_wait();
    RETURN QUERY
    INSERT INTO cash_write_off AS w (client_id, journal_id, proposal_no, amount, eligible_on, charge_month, proposed_by, proposed_at)
    SELECT c.client_id, c.journal_id, 1 + (SELECT count(*) FROM cash_write_off p WHERE p.client_id = c.client_id AND p.journal_id = c.journal_id),
           c.amount, e.day, (date_trunc('month', e.day::timestamp) + interval '1 month')::date, session_login(), propose_eligible.at
      FROM cash_call c, eligible_on(c.called_at, days) AS e(day)
     WHERE c.client_id = propose_eligible.client_id AND c.status = 'O' AND c.withdrawal AND e.day <= central_date(propose_eligible.at)
       -- a write-off that was declined is proposed again only by hand
       AND CASE WHEN propose_eligible.call IS NULL
                THEN NOT EXISTS (SELECT FROM cash_write_off p WHERE p.client_id = c.client_id AND p.journal_id = c.journal_id)
                ELSE c.journal_id = propose_eligible.call END
     ORDER BY c.called_at, c.journal_id
    ON CONFLICT DO NOTHING
    RETURNING w.*;
END;
$$;
COMMENT ON FUNCTION propose_eligible(integer, timestamptz, bigint) IS
    'Internal: proposes the client''s outstanding purchases that are old enough, all that were never proposed or only the one '
    'given, and returns the new proposals.';

CREATE FUNCTION bakkt_ledger_internal.clients_with_eligible_calls(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT c.client_id FROM client c, LATERAL (SELECT (cash_terms_of(c.client_id)).write_off_days OFFSET 0) AS t (days)
          WHERE EXISTS (SELECT FROM cash_call l WHERE l.client_id = c.client_id AND l.status = 'O' AND l.withdrawal
                        AND eligible_on(l.called_at, t.days) <= central_date($1))
          ORDER BY c.client_id);
END;
$$;
COMMENT ON FUNCTION clients_with_eligible_calls(timestamptz, text) IS
    'Internal: the clients with an outstanding purchase that is old enough to be written off.';

CREATE FUNCTION bakkt_ledger_internal.propose_client_write_offs(client_id integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    code    constant text := (client_row(client_id)).code;
BEGIN
    RETURN (SELECT jsonb_agg(to_jsonb(p) ORDER BY asset(p.amount)) FROM (
        SELECT code AS client_code, count(*) AS proposed, sum(w.amount) AS amount FROM propose_eligible(client_id, at) AS w GROUP BY asset(w.amount)) p);
END;
$$;
COMMENT ON FUNCTION propose_client_write_offs(integer, timestamptz, text) IS
    'Internal: one client''s part of propose_cash_call_write_offs().';
INSERT INTO client_run VALUES ('propose_cash_call_write_offs', 'propose_client_write_offs', 'clients_with_eligible_calls');

CREATE FUNCTION bakkt_ledger.propose_cash_call_write_offs(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS TABLE (client_code text, proposed bigint, amount amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT p.* FROM run_for_clients('propose_cash_call_write_offs', at, client) AS r (rows),
           jsonb_to_recordset(r.rows) AS p (client_code text, proposed bigint, amount amount);
END;
$$;
COMMENT ON FUNCTION propose_cash_call_write_offs(timestamptz, text) IS
    'Proposes for write-off every outstanding purchase whose age, the difference of Central dates from execution to the '
    'instant, exceeds the client''s write_off_days, of one client or of all visible ones; a row per client and asset with how '
    'many and how much. Nothing is posted: a second person approves, and charge_cash_call_write_offs() posts in the month '
    'after. Safe to repeat: a call is proposed once. Of several clients, one whose part fails is left out with a WARNING. '
    'Raises LG010, 42501 client, LG061 instant ahead of the clock, LG002 infinite.';

CREATE FUNCTION bakkt_ledger.propose_cash_call_write_off(client text, call bigint, at timestamptz DEFAULT clock_timestamp()) RETURNS cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(propose_cash_call_write_off.client);
    asked   cash_call;
    result  cash_write_off;
BEGIN
    PERFORM require_instant(at);
    asked := require_cash_call(owning, propose_cash_call_write_off.call);
    result := latest_write_off(owning, propose_cash_call_write_off.call);
    IF asked.status = 'O' AND result.status IN ('PROPOSED', 'APPROVED') THEN
        RETURN result;
    END IF;
    SELECT * INTO result FROM propose_eligible(owning, at, propose_cash_call_write_off.call);
    IF NOT FOUND THEN
        PERFORM refuse_cash_call_state(asked, 'cannot be proposed for write-off',
            format('Only an outstanding purchase can, from %s on.', to_char(eligible_on(asked.called_at, (cash_terms_of(owning)).write_off_days), 'YYYY-MM-DD')));
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION propose_cash_call_write_off(text, bigint, timestamptz) IS
    'Proposes one cash call for write-off by hand, even after it was declined; returns the new proposal, or the one that is '
    'open already. Raises LG082 unknown call, LG083 not outstanding, a deposit, or not old enough, LG010, 42501, LG061, LG002.';
