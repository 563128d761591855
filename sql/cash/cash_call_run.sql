-- process_cash_calls(): the run over the cash calls that are due.
-- Refuses an instant ahead of the clock (LG061).
-- Locks the company's money in the FBO account, and the customers and calls that no other session
-- has; it leaves the others to the next run.

CREATE FUNCTION bakkt_ledger_internal.process_client_cash_calls(client_id integer, at timestamptz, next_attempt timestamptz, uncovered asset[])
    RETURNS TABLE (asset asset, attempted bigint, settled bigint, failed bigint, collected amount, paid amount)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION process_client_cash_calls(integer, timestamptz, timestamptz, asset[]) IS
    'Internal: attempts the due cash calls of one client. uncovered: assets in which the company owes customers money; its '
    'cover pays no sale proceeds in these until collected purchases have made that good.';

-- What the company owes customers for deficits is set off before sale proceeds are paid from the
-- company's money, and again after purchases have brought some in. While it still owes something,
-- proceeds wait.
CREATE FUNCTION bakkt_ledger_internal.set_off_deficits(client_id integer, at timestamptz) RETURNS asset[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    deficit     account;
    uncovered   asset[] := '{}';
BEGIN
    FOR deficit IN
        SELECT a.* FROM account a WHERE a.client_id = set_off_deficits.client_id AND a.kind = 'fbo_due_from_corp' ORDER BY a.account
    LOOP
        IF sign((balance_of(deficit.account)).balance) > 0 THEN
            PERFORM offset_due_from_company(deficit.client_id, deficit.asset, at);
            IF sign((balance_of(deficit.account)).balance) > 0 THEN
                uncovered := uncovered || deficit.asset;
            END IF;
        END IF;
    END LOOP;
    RETURN uncovered;
END;
$$;
COMMENT ON FUNCTION set_off_deficits(integer, timestamptz) IS
    'Internal: sets off what the company owes a client''s customers against its money in the FBO account; returns the assets in '
    'which it still owes them.';

CREATE FUNCTION bakkt_ledger_internal.clients_with_due_cash_calls(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT c.client_id FROM client c
          WHERE EXISTS (SELECT FROM cash_call l WHERE l.client_id = c.client_id AND l.status = 'O' AND NOT l.apex AND l.due_at <= $1 AND l.called_at <= $1)
          ORDER BY c.client_id);
END;
$$;
COMMENT ON FUNCTION clients_with_due_cash_calls(timestamptz, text) IS
    'Internal: the clients for which process_cash_calls() has a call to attempt.';

CREATE FUNCTION bakkt_ledger_internal.attempt_client_cash_calls(client_id integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    code    constant text := (client_row(client_id)).code;
    rows    jsonb;
BEGIN
    PERFORM bounded_wait(), lock_cash_call_events(client_id);
    rows := (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.asset) FROM (
        SELECT code AS client_code, r.*
          FROM process_client_cash_calls(client_id, at, next_cash_retry(at), set_off_deficits(client_id, at)) r) p);
    -- a call that was attempted is no longer due
    RETURN coalesce(rows, '[]') || left_in_use(client_id, (SELECT count(*) FROM cash_call l
        WHERE l.client_id = attempt_client_cash_calls.client_id AND l.status = 'O' AND NOT l.apex AND l.due_at <= at AND l.called_at <= at));
END;
$$;
COMMENT ON FUNCTION attempt_client_cash_calls(integer, timestamptz, text) IS
    'Internal: one client''s part of process_cash_calls().';
INSERT INTO client_run VALUES ('process_cash_calls', 'attempt_client_cash_calls', 'clients_with_due_cash_calls');

CREATE FUNCTION bakkt_ledger.process_cash_calls(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS TABLE (client_code text, asset asset, attempted bigint, settled bigint, failed bigint, collected amount, paid amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT p.* FROM run_for_clients('process_cash_calls', at, client) AS r (rows),
           jsonb_to_recordset(r.rows) AS p (client_code text, asset asset, attempted bigint, settled bigint, failed bigint, collected amount, paid amount);
END;
$$;
COMMENT ON FUNCTION process_cash_calls(timestamptz, text) IS
    'Attempts every cash call that is due at the instant, of one client or all that the caller sees, oldest first, and of one '
    'customer sale proceeds before purchases. A call is settled in full or fails with a reason (table cash_call_reason) and is '
    'due again at the next retry run; every attempt is recorded. Proceeds are paid only out of the company''s money in the FBO '
    'account. Calls through Apex are not touched. Customers that another session has locked are skipped, and a NOTICE says how '
    'many, so several sessions may run this at once. A row per client and asset: how many attempts, how many settled and '
    'failed, cash collected from and paid to customers, both positive. Reports progress by a NOTICE every 100,000 calls of a '
    'client. Of several clients, one whose part fails is left out with a WARNING. Raises LG010, 42501, LG061 instant ahead, '
    'LG002 infinite; 40001 or 40P01: retry.';
