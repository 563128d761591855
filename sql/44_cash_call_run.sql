-- Cash calls: the run over those that are due.

CREATE FUNCTION process_client_cash_calls(client_id integer, at timestamptz, next_attempt timestamptz, uncovered asset[])
	RETURNS TABLE (asset asset, attempted bigint, settled bigint, failed bigint, collected amount, paid amount)
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION process_client_cash_calls(integer, timestamptz, timestamptz, asset[]) IS
	'Internal: attempts the due cash calls of one client. uncovered: assets in which the company owes customers money, so that its cover pays no sale proceeds until what is collected has made it good.';

-- What the company owes customers comes before what it pays out of its money
-- among theirs: set off first, and again when purchases have brought some;
-- proceeds wait while something is left.
CREATE FUNCTION set_off_deficits(client_id integer, at timestamptz) RETURNS asset[]
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	deficit		account;
	uncovered	asset[] := '{}';
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
END $$;
COMMENT ON FUNCTION set_off_deficits(integer, timestamptz) IS
	'Internal: sets off what the company owes a client''s customers against its money in the FBO account; returns the assets in which it still owes them.';

CREATE FUNCTION process_cash_calls(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
	RETURNS TABLE (client_code text, asset asset, attempted bigint, settled bigint, failed bigint, collected amount, paid amount)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	asked	constant integer := CASE WHEN process_cash_calls.client IS NOT NULL THEN require_client(process_cash_calls.client) END;
	seen	constant integer[] := visible_clients();
	due		client;
BEGIN
	PERFORM require_instant(at);
	PERFORM lock_cash_call_events();
	FOR due IN
		SELECT c.* FROM client c
		 WHERE c.client_id = ANY (seen) AND c.client_id = coalesce(asked, c.client_id)
		   AND EXISTS (SELECT FROM cash_call l WHERE l.client_id = c.client_id AND l.status = 'O' AND NOT l.apex
						AND l.due_at <= process_cash_calls.at AND l.called_at <= process_cash_calls.at)
		 ORDER BY c.client_id
	LOOP
		RETURN QUERY SELECT due.code, r.*
			FROM process_client_cash_calls(due.client_id, at, next_cash_retry(at), set_off_deficits(due.client_id, at)) r ORDER BY r.asset;
	END LOOP;
END $$;
COMMENT ON FUNCTION process_cash_calls(timestamptz, text) IS
'Attempts every cash call that is due at the instant, of one client or all that the caller sees, oldest first, sale proceeds before purchases of the same customer. A call is
settled in whole or fails with a reason (table cash_call_reason) and is due again at the next retry run; every attempt is recorded. Proceeds are paid only out of
the company''s money in the FBO account. Calls through Apex are not touched, and customers whom another session works on are left to it, so several sessions
may run this at once. A row per client and asset: how many attempts, how many settled and failed, cash collected from and paid to customers, both positive. Reports
progress by a NOTICE every 100,000 calls of a client. Raises LG010, 42501, LG061 instant ahead, LG002 infinite; 40001 or 40P01: retry.';
