-- process_cash_calls(): the run over the cash calls that are due.
-- Refuses an instant ahead of the clock (LG061).
-- Locks the company's money in the FBO account, and the customers and calls that no other session
-- has; it leaves the others to the next run.

-- Attempts the due cash calls of one client. uncovered: assets in which the company owes customers
-- money, so that its cover pays no sale proceeds until what is collected has made it good.
CREATE FUNCTION bakkt_ledger_internal.process_client_cash_calls(holder integer, moment timestamptz, next_attempt timestamptz,
                                                                uncovered asset[])
    RETURNS TABLE (asset asset, attempted bigint, settled bigint, failed bigint, collected amount, paid amount)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME';

-- Sets off what the company owes a client's customers against its money in the FBO account; returns
-- the assets in which it still owes them. This comes before what it pays out of its money among
-- theirs: first, and again when purchases have brought some; proceeds wait while something is left.
CREATE FUNCTION bakkt_ledger_internal.set_off_deficits(holder integer, moment timestamptz) RETURNS asset[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    deficit account;
    uncovered asset[] := '{}';
BEGIN
    FOR deficit IN
        SELECT a.*
        FROM account AS a
        WHERE a.client_id = holder AND a.kind = 'fbo_due_from_corp'
        ORDER BY a.account
    LOOP
        IF sign((balance_of(deficit.account)).balance) > 0 THEN
            PERFORM offset_due_from_company(holder, deficit.asset, moment);
            IF sign((balance_of(deficit.account)).balance) > 0 THEN
                uncovered := uncovered || deficit.asset;
            END IF;
        END IF;
    END LOOP;
    RETURN uncovered;
END;
$$;

-- The calls of a client that are due: through Apex for a batch, the others for a run.
CREATE FUNCTION bakkt_ledger_internal.due_cash_calls(holder integer, moment timestamptz, through_apex boolean DEFAULT false)
    RETURNS TABLE (journal_id bigint, customer_id bigint, called_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT c.journal_id, c.customer_id, c.called_at
    FROM cash_call AS c
    WHERE c.client_id = holder AND c.status = 'O' AND c.apex = through_apex AND c.due_at <= moment AND c.called_at <= moment;
END;

-- The clients for which process_cash_calls() has a call to attempt.
CREATE FUNCTION bakkt_ledger_internal.clients_with_due_cash_calls(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ARRAY(SELECT c.client_id
             FROM client AS c
             WHERE EXISTS (SELECT FROM due_cash_calls(c.client_id, clients_with_due_cash_calls.at))
             ORDER BY c.client_id);
END;

-- One client's part of process_cash_calls().
CREATE FUNCTION bakkt_ledger_internal.attempt_client_cash_calls(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    code constant text := (client_row(holder)).code;
    came jsonb;
BEGIN
    PERFORM bounded_wait(), lock_cash_call_events(holder);
    came := (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.asset)
             FROM (SELECT code AS client, r.*
                   FROM process_client_cash_calls(holder, at, next_cash_retry(at), set_off_deficits(holder, at)) AS r) AS p);
    -- a call that was attempted is no longer due
    RETURN coalesce(came, '[]') || left_in_use(holder, (SELECT count(*) FROM due_cash_calls(holder, at)));
END;
$$;
INSERT INTO client_run VALUES ('process_cash_calls', 'attempt_client_cash_calls', 'clients_with_due_cash_calls');

CREATE TYPE bakkt_ledger.cash_call_run_result AS (
    client text,
    asset asset,
    attempted bigint,
    settled bigint,
    failed bigint,
    collected amount,
    paid amount
);
COMMENT ON TYPE cash_call_run_result IS
'What a run over the cash calls of a client has done in one asset.
attempted: how many attempts, of which so many settled and failed. collected, paid: cash from customers and to them, both
positive.';

CREATE FUNCTION bakkt_ledger.process_cash_calls(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF cash_call_run_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT p.* FROM run_answers('process_cash_calls', NULL::cash_call_run_result, at, client) AS p;
END;
$$;
COMMENT ON FUNCTION process_cash_calls IS
'Attempts every cash call that is due at the instant, of one client or all that the caller sees.
Oldest first, and of one customer sale proceeds before purchases. A call is settled in full or fails with a reason (table
cash_call_reason) and is due again at the next retry run; every attempt is recorded. Proceeds are paid only out of the
company''s money in the FBO account. Calls through Apex are not touched. Customers that another session has locked are skipped,
and a NOTICE says how many, so several sessions may run this at once. Reports progress by a NOTICE every 100,000 calls of a
client. A row per client and asset. Of several clients, one whose part fails is left out with a WARNING.
Errors: LG010, 42501, LG061 instant ahead, LG002 infinite; 40001 or 40P01: retry.';
