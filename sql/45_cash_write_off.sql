-- Floor 3: writing off cash calls, and what is recovered of them (design 5, doc/cash.md).
--
-- A purchase that stays unpaid longer than the client's terms allow is
-- proposed for write-off, approved by a second person, and charged in a later
-- month: to the client's share of revenue as far as it has accrued, the rest
-- to bad debt (J05c).  Until then it is attempted like any other call.  What
-- is recovered restores bad debt first, then the client's share (J05e).

CREATE TABLE cash_write_off (
	client_id			integer NOT NULL,
	journal_id			bigint NOT NULL,
	proposal_no			integer NOT NULL CHECK (proposal_no > 0),
	status				text NOT NULL DEFAULT 'PROPOSED'
						CHECK (status IN ('PROPOSED', 'APPROVED', 'DECLINED', 'LAPSED', 'CHARGED')),
	amount				amount NOT NULL,
	eligible_on			date NOT NULL,
	charge_month		date NOT NULL CHECK (charge_month > eligible_on AND extract(day FROM charge_month) = 1),
	proposed_by			name NOT NULL,
	proposed_role		regrole NOT NULL DEFAULT session_login_role(),
	proposed_at			timestamptz NOT NULL,
	approved_by			name,
	approved_at			timestamptz,
	declined_by			name,
	declined_at			timestamptz,
	decline_reason		text,
	lapsed_at			timestamptz,
	charged_at			timestamptz,
	charge_journal		bigint,
	from_share			amount,
	from_bad_debt		amount,
	PRIMARY KEY (client_id, journal_id, proposal_no),
	FOREIGN KEY (client_id, journal_id) REFERENCES cash_call,
	CONSTRAINT cash_write_off_two_persons CHECK (approved_by <> proposed_by),
	CONSTRAINT cash_write_off_whole CHECK (status <> 'CHARGED' OR from_share + from_bad_debt = amount)
);
CREATE UNIQUE INDEX cash_write_off_open_idx ON cash_write_off (client_id, journal_id) WHERE status IN ('PROPOSED', 'APPROVED');
COMMENT ON TABLE cash_write_off IS 'Write-offs of cash calls in their present state: proposed, decided by whom, charged to what.';
COMMENT ON COLUMN cash_write_off.journal_id IS 'The cash call.';
COMMENT ON COLUMN cash_write_off.proposal_no IS 'From 1; a call whose write-off was declined can be proposed again, by hand.';
COMMENT ON COLUMN cash_write_off.proposed_role IS 'The login that proposed it, by number.';
COMMENT ON COLUMN cash_write_off.status IS 'PROPOSED; APPROVED by a second person; DECLINED; LAPSED: the call ended otherwise before; CHARGED: posted.';
COMMENT ON COLUMN cash_write_off.eligible_on IS 'First Central date on which the call was older than the client''s terms allow.';
COMMENT ON COLUMN cash_write_off.charge_month IS 'First day of the Central month in which it may be charged: the one after eligible_on.';
COMMENT ON COLUMN cash_write_off.from_share IS 'Taken from the client''s share of revenue (PARTNER_WRITE_OFF).';
COMMENT ON COLUMN cash_write_off.from_bad_debt IS 'Borne by the company (BAKKT_WRITE_OFF).';
SELECT pg_catalog.pg_extension_config_dump('cash_write_off', '');
CREATE TRIGGER refuse_write BEFORE DELETE OR TRUNCATE ON cash_write_off FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE cash_write_off ENABLE ALWAYS TRIGGER refuse_write;

CREATE TABLE cash_recovery (
	client_id		integer NOT NULL,
	reference		text COLLATE "C" NOT NULL CHECK (octet_length(reference) BETWEEN 1 AND 191),
	call			bigint NOT NULL,
	requested		amount,
	amount			amount NOT NULL,
	to_bad_debt		amount NOT NULL,
	to_share		amount NOT NULL,
	at				timestamptz NOT NULL,
	recorded_at		timestamptz NOT NULL,
	recovered_by	name NOT NULL,
	journal_id		bigint NOT NULL,
	PRIMARY KEY (client_id, reference),
	FOREIGN KEY (client_id, call) REFERENCES cash_call,
	CONSTRAINT cash_recovery_whole CHECK (to_bad_debt + to_share = amount)
);
CREATE INDEX cash_recovery_call_idx ON cash_recovery (client_id, call);
COMMENT ON TABLE cash_recovery IS 'What was recovered of cash calls written off, by the caller''s reference. Append-only.';
COMMENT ON COLUMN cash_recovery.requested IS 'As asked for; NULL: all that was left.';
COMMENT ON COLUMN cash_recovery.to_bad_debt IS 'Restored to the company: first.';
COMMENT ON COLUMN cash_recovery.to_share IS 'Restored to the client''s share of revenue: once bad debt is whole again.';
SELECT pg_catalog.pg_extension_config_dump('cash_recovery', '');
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON cash_recovery FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE cash_recovery ENABLE ALWAYS TRIGGER refuse_write;

-- ---------------------------------------------------------------------------
-- The client's share of revenue
-- ---------------------------------------------------------------------------

-- A house account is not locked when posted.  Whoever charges it up to what
-- has accrued must be the only one that does: this row stands for it.
CREATE TABLE revenue_share_guard (
	client_id	integer PRIMARY KEY REFERENCES client,
	taken		bigint NOT NULL
);
COMMENT ON TABLE revenue_share_guard IS 'One row per client, written by whoever charges its share of revenue up to what has accrued, so that no two spend it.';
COMMENT ON COLUMN revenue_share_guard.taken IS 'How often.';
SELECT pg_catalog.pg_extension_config_dump('revenue_share_guard', '');

CREATE FUNCTION lock_revenue_share(client_id integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM bounded_wait();
	-- written, not only locked: a transaction whose snapshot is older than another's charge gets 40001
	INSERT INTO revenue_share_guard AS g VALUES (lock_revenue_share.client_id, 1)
	ON CONFLICT (client_id) DO UPDATE SET taken = g.taken + 1;
END $$;
COMMENT ON FUNCTION lock_revenue_share(integer) IS
	'Internal: makes this transaction the only one that charges the client''s share of revenue; 40001 when it began too early for that.';

CREATE FUNCTION revenue_share_accrued(client_id integer, asset asset) RETURNS amount
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
DECLARE
	share	constant account_id := ensure_account(client_id, 'CORP', 'RevShare:payable:' || (client_row(client_id)).code, asset);
BEGIN
	RETURN greatest(zero(asset), (balance_of(share)).balance);
END $$;
COMMENT ON FUNCTION revenue_share_accrued(integer, asset) IS
	'Internal: what the client''s share of revenue has accrued and nobody has charged; zero when it is overdrawn. Call it under lock_revenue_share().';

-- ---------------------------------------------------------------------------
-- Proposing
-- ---------------------------------------------------------------------------

CREATE FUNCTION refuse_cash_call_state(call cash_call, what text, detail text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'LG083', MESSAGE = format('cash call %s %s', call.journal_id, what),
		DETAIL = concat_ws(' ', format('It is %s, of %s.', CASE call.status WHEN 'O' THEN 'outstanding' WHEN 'S' THEN 'settled'
									   WHEN 'W' THEN 'written off' ELSE 'busted' END, call.amount), detail),
		HINT = 'cash_calls() and cash_write_offs() show where it stands.';
END $$;
COMMENT ON FUNCTION refuse_cash_call_state(cash_call, text, text) IS 'Internal: raises LG083 saying in what state the cash call is.';

CREATE FUNCTION latest_write_off(client_id integer, call bigint) RETURNS cash_write_off
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT w.* FROM cash_write_off w WHERE w.client_id = $1 AND w.journal_id = $2 ORDER BY w.proposal_no DESC LIMIT 1
$$;
COMMENT ON FUNCTION latest_write_off(integer, bigint) IS 'Internal: the last proposal to write the cash call off; NULL when there was none.';

CREATE FUNCTION eligible_on(called_at timestamptz, write_off_days integer) RETURNS date
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	RETURN central_date(called_at) + write_off_days + 1;
COMMENT ON FUNCTION eligible_on(timestamptz, integer) IS 'First Central date on which a cash call is older than that many days.';

-- Deposits are what the company owes: they age and are reported, never written off.
CREATE FUNCTION propose_eligible(client_id integer, at timestamptz, call bigint DEFAULT NULL) RETURNS SETOF cash_write_off
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	days	constant integer := (cash_terms_of(client_id)).write_off_days;
BEGIN
	PERFORM bounded_wait();
	RETURN QUERY
	INSERT INTO cash_write_off AS w (client_id, journal_id, proposal_no, amount, eligible_on, charge_month, proposed_by, proposed_at)
	SELECT c.client_id, c.journal_id, 1 + (SELECT count(*) FROM cash_write_off p WHERE p.client_id = c.client_id AND p.journal_id = c.journal_id),
		   c.amount, e.day, (date_trunc('month', e.day::timestamp) + interval '1 month')::date, session_login(), propose_eligible.at
	  FROM cash_call c, eligible_on(c.called_at, days) AS e(day)
	 WHERE c.client_id = propose_eligible.client_id AND c.status = 'O' AND c.withdrawal AND e.day <= central_date(propose_eligible.at)
	   -- one that was declined is proposed again only by hand
	   AND CASE WHEN propose_eligible.call IS NULL
				THEN NOT EXISTS (SELECT FROM cash_write_off p WHERE p.client_id = c.client_id AND p.journal_id = c.journal_id)
				ELSE c.journal_id = propose_eligible.call END
	 ORDER BY c.called_at, c.journal_id
	ON CONFLICT DO NOTHING
	RETURNING w.*;
END $$;
COMMENT ON FUNCTION propose_eligible(integer, timestamptz, bigint) IS
	'Internal: proposes the client''s outstanding purchases that are old enough, those never proposed before or the one given, and returns the new proposals.';

CREATE FUNCTION clients_with_eligible_calls(at timestamptz, variant text) RETURNS integer[]
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	RETURN ARRAY(SELECT c.client_id FROM client c, LATERAL (SELECT (cash_terms_of(c.client_id)).write_off_days OFFSET 0) AS t (days)
		  WHERE EXISTS (SELECT FROM cash_call l WHERE l.client_id = c.client_id AND l.status = 'O' AND l.withdrawal
						AND eligible_on(l.called_at, t.days) <= central_date($1))
		  ORDER BY c.client_id);
END $$;
COMMENT ON FUNCTION clients_with_eligible_calls(timestamptz, text) IS 'Internal: the clients with an outstanding purchase that is old enough to be written off.';

CREATE FUNCTION propose_client_write_offs(client_id integer, at timestamptz, variant text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	code	constant text := (client_row(client_id)).code;
BEGIN
	RETURN (SELECT jsonb_agg(to_jsonb(p) ORDER BY asset(p.amount)) FROM (
		SELECT code AS client_code, count(*) AS proposed, sum(w.amount) AS amount FROM propose_eligible(client_id, at) AS w GROUP BY asset(w.amount)) p);
END $$;
COMMENT ON FUNCTION propose_client_write_offs(integer, timestamptz, text) IS 'Internal: one client''s part of propose_cash_call_write_offs().';
INSERT INTO client_run VALUES ('propose_cash_call_write_offs', 'propose_client_write_offs', 'clients_with_eligible_calls');

CREATE FUNCTION propose_cash_call_write_offs(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
	RETURNS TABLE (client_code text, proposed bigint, amount amount)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	PERFORM require_instant(at);
	RETURN QUERY
	SELECT p.* FROM run_for_clients('propose_cash_call_write_offs', at, client) AS r (rows),
		   jsonb_to_recordset(r.rows) AS p (client_code text, proposed bigint, amount amount);
END $$;
COMMENT ON FUNCTION propose_cash_call_write_offs(timestamptz, text) IS
'Proposes for write-off every outstanding purchase whose age, the difference of Central dates from execution to the instant, exceeds the client''s write_off_days, of one client or
of all visible ones; a row per client and asset with how many and how much. Nothing is posted: a second person approves, and charge_cash_call_write_offs() posts in the month after. Safe to repeat: a
call is proposed once. Of several clients, one whose part fails is left out with a WARNING. Raises LG010, 42501 client, LG061 instant ahead of the clock, LG002 infinite.';

CREATE FUNCTION propose_cash_call_write_off(client text, call bigint, at timestamptz DEFAULT clock_timestamp()) RETURNS cash_write_off
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owning	constant integer := require_client(propose_cash_call_write_off.client);
	asked	cash_call;
	result	cash_write_off;
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
END $$;
COMMENT ON FUNCTION propose_cash_call_write_off(text, bigint, timestamptz) IS
'Proposes one cash call for write-off by hand, also again after it was declined; returns the proposal, the standing one if there is one. Raises LG082 unknown call, LG083 not
outstanding, a deposit, or not old enough, LG010, 42501, LG061, LG002.';

-- ---------------------------------------------------------------------------
-- Deciding
-- ---------------------------------------------------------------------------

CREATE FUNCTION lock_write_off(client_id integer, call bigint) RETURNS cash_write_off
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	asked	constant cash_call := require_cash_call(lock_write_off.client_id, lock_write_off.call);
	result	cash_write_off := latest_write_off(asked.client_id, asked.journal_id);
BEGIN
	PERFORM bounded_wait();
	SELECT w.* INTO result FROM cash_write_off w
	 WHERE w.client_id = asked.client_id AND w.journal_id = asked.journal_id AND w.proposal_no = result.proposal_no FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM refuse_cash_call_state(asked, 'is not proposed for write-off');
	END IF;
	RETURN result;
END $$;
COMMENT ON FUNCTION lock_write_off(integer, bigint) IS
	'Internal: the last proposal to write the cash call off, locked; LG082 unknown call, LG083 never proposed.';

CREATE FUNCTION approve_cash_call_write_off(client text, call bigint, at timestamptz DEFAULT clock_timestamp()) RETURNS cash_write_off
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owning	constant integer := require_client(approve_cash_call_write_off.client);
	result	cash_write_off;
	asked	cash_call;
BEGIN
	PERFORM require_instant(at);
	result := lock_write_off(owning, approve_cash_call_write_off.call);
	PERFORM require_second_person(result.proposed_by, result.proposed_role, format('the write-off of cash call %s', result.journal_id));
	asked := require_cash_call(owning, approve_cash_call_write_off.call);
	IF result.status IN ('APPROVED', 'CHARGED') THEN
		RETURN result;
	ELSIF result.status <> 'PROPOSED' OR asked.status <> 'O' THEN
		PERFORM refuse_cash_call_state(asked, 'can no longer be written off', format('Its write-off is %s.',
			CASE result.status WHEN 'PROPOSED' THEN 'lapsed' ELSE lower(result.status) END));
	END IF;
	UPDATE cash_write_off w SET status = 'APPROVED', approved_by = session_login(), approved_at = approve_cash_call_write_off.at
	 WHERE w.client_id = result.client_id AND w.journal_id = result.journal_id AND w.proposal_no = result.proposal_no
	RETURNING w.* INTO result;
	RETURN result;
END $$;
COMMENT ON FUNCTION approve_cash_call_write_off(text, bigint, timestamptz) IS
'Approves the proposed write-off of a cash call; it is charged once its month has begun. Nobody approves what he proposed, nor what a login did that may become his or that he may become (LG067, I25). Safe to repeat. Raises LG082 unknown call, LG083 not
proposed, declined, or the call has been settled or busted since, LG010, 42501, LG061, LG002.';

CREATE FUNCTION approve_cash_call_write_offs(client text, calls bigint[], at timestamptz DEFAULT clock_timestamp()) RETURNS SETOF cash_write_off
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
DECLARE
	call	bigint;
BEGIN
	IF calls IS NULL THEN
		PERFORM refuse_invalid('approving needs an array of cash calls');
	END IF;
	PERFORM require_batch_size(cardinality(calls));
	FOR call IN SELECT DISTINCT n FROM unnest(calls) AS n ORDER BY n LOOP
		RETURN NEXT approve_cash_call_write_off(client, call, at);
	END LOOP;
END $$;
COMMENT ON FUNCTION approve_cash_call_write_offs(text, bigint[], timestamptz) IS
	'Approves the proposed write-offs of several cash calls, all or none; see approve_cash_call_write_off(). LG002 for NULL, 54000 for more than one call takes.';

CREATE FUNCTION decline_cash_call_write_off(client text, call bigint, reason text, at timestamptz DEFAULT clock_timestamp()) RETURNS cash_write_off
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owning	constant integer := require_client(decline_cash_call_write_off.client);
	result	cash_write_off;
BEGIN
	PERFORM require_instant(at);
	IF coalesce(reason, '') = '' THEN
		PERFORM refuse_invalid('declining a write-off needs a reason', NULL, 'Say why in a few words.');
	END IF;
	result := lock_write_off(owning, decline_cash_call_write_off.call);
	PERFORM require_other_login(result.proposed_by, result.proposed_role, format('the write-off of cash call %s', result.journal_id));
	IF result.status = 'DECLINED' THEN
		RETURN result;
	ELSIF result.status NOT IN ('PROPOSED', 'APPROVED') THEN
		PERFORM refuse_cash_call_state(require_cash_call(owning, decline_cash_call_write_off.call), 'has no write-off to decline',
									   format('Its write-off is %s.', lower(result.status)));
	END IF;
	UPDATE cash_write_off w
	   SET status = 'DECLINED', declined_by = session_login(), declined_at = decline_cash_call_write_off.at, decline_reason = decline_cash_call_write_off.reason
	 WHERE w.client_id = result.client_id AND w.journal_id = result.journal_id AND w.proposal_no = result.proposal_no
	RETURNING w.* INTO result;
	RETURN result;
END $$;
COMMENT ON FUNCTION decline_cash_call_write_off(text, bigint, text, timestamptz) IS
'Declines the write-off of a cash call, also an approved one until it is charged; the call stays outstanding and is not proposed again but by hand. Safe to repeat. Raises LG082 unknown
call, LG083 not proposed, lapsed or charged, LG067 for its proposer, LG002 no reason, LG010, 42501, LG061.';

-- ---------------------------------------------------------------------------
-- Charging
-- ---------------------------------------------------------------------------

CREATE FUNCTION cash_call_account(call cash_call) RETURNS account_id
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
DECLARE
	side	constant text := CASE WHEN call.sale THEN 'payable:' ELSE 'receivable:' END;
BEGIN
	IF call.apex THEN
		RETURN ensure_account(call.client_id, 'CORP', 'Apex:' || side || (client_row(call.client_id)).code, asset(call.amount));
	END IF;
	RETURN ensure_account(call.client_id, 'CORP', 'TPJ:' || side || (SELECT c.account_code FROM customer c WHERE c.customer_id = call.customer_id),
						  asset(call.amount));
END $$;
COMMENT ON FUNCTION cash_call_account(cash_call) IS 'Internal: the receivable or payable on which the cash call stands.';

CREATE FUNCTION write_off_lines(client_id integer, account account_id, share amount, bad_debt amount) RETURNS journal_entry
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT journal_entry(l.account, l.amount ORDER BY l.place)
	FROM (VALUES (1, ensure_account($1, 'CORP', 'RevShare:payable:' || (client_row($1)).code, asset($3)), $3),
				 (2, ensure_account($1, 'CORP', 'Expense:bad-debt', asset($3)), $4),
				 (3, $2, -($3 + $4))) AS l (place, account, amount)
	WHERE NOT is_zero(l.amount)
$$;
COMMENT ON FUNCTION write_off_lines(integer, account_id, amount, amount) IS
	'Internal: the journal of a write-off, lines in the order of golden journal J05c; of one restored when the parts are negative.';

CREATE FUNCTION charge_write_off(written_off cash_write_off, call cash_call, accrued amount, at timestamptz) RETURNS amount
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	share		constant amount := least(accrued, call.amount);
	bad_debt	constant amount := call.amount - share;
	posted		journal_result;
BEGIN
	posted := post_entry(call.client_id, 'write-off:' || call.journal_id, 20::smallint,
						 write_off_lines(call.client_id, cash_call_account(call), share, bad_debt), at,
						 format('Write-off of cash call %s, approved by %s', call.journal_id, written_off.approved_by));
	PERFORM record_cash_call_event(call.client_id, call.journal_id, 'written_off', at, call.amount, NULL, posted.journal);
	UPDATE cash_write_off w
	   SET status = 'CHARGED', charged_at = charge_write_off.at, charge_journal = posted.journal, from_share = share, from_bad_debt = bad_debt
	 WHERE w.client_id = written_off.client_id AND w.journal_id = written_off.journal_id AND w.proposal_no = written_off.proposal_no;
	RETURN share;
END $$;
COMMENT ON FUNCTION charge_write_off(cash_write_off, cash_call, amount, timestamptz) IS
	'Internal: posts one write-off, the client''s share first up to what has accrued, and returns what it took of it.';

CREATE FUNCTION lapse_write_offs(client_id integer, at timestamptz) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	UPDATE cash_write_off w SET status = 'LAPSED', lapsed_at = lapse_write_offs.at
	  FROM cash_call c
	 WHERE w.client_id = lapse_write_offs.client_id AND w.status IN ('PROPOSED', 'APPROVED')
	   AND c.client_id = w.client_id AND c.journal_id = w.journal_id AND c.status <> 'O';
END $$;
COMMENT ON FUNCTION lapse_write_offs(integer, timestamptz) IS 'Internal: proposals whose cash call was settled or busted meanwhile lapse.';

-- One that Apex has been asked for waits for the answer; one on an account
-- that takes no credits waits as well, and stops no other.
CREATE FUNCTION chargeable_write_offs(client_id integer, at timestamptz) RETURNS bigint[]
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT coalesce(array_agg(w.journal_id ORDER BY c.called_at, c.journal_id), '{}')
	  FROM cash_write_off w
	  JOIN cash_call c USING (client_id, journal_id)
	 CROSS JOIN LATERAL (SELECT cash_call_account(c) AS account OFFSET 0) AS stands
	  JOIN account a ON a.client_id = w.client_id AND a.account = stands.account
	 WHERE w.client_id = $1 AND w.status = 'APPROVED' AND w.approved_at <= $2 AND w.charge_month <= central_date($2)
	   AND c.status = 'O' AND c.due_at IS NOT NULL AND a.status NOT IN ('credit_frozen', 'closed')
$$;
COMMENT ON FUNCTION chargeable_write_offs(integer, timestamptz) IS
	'Internal: the cash calls of the client''s approved write-offs that may be charged, oldest call first.';

-- Customers before calls, as by whoever settles them: nobody then ends a call
-- while it is charged.  Only calls chosen before have their customers locked:
-- what is approved meanwhile is for the next time.
CREATE FUNCTION lock_write_offs(client_id integer, calls bigint[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM bounded_wait();
	PERFORM FROM customer cu
	  WHERE cu.customer_id IN (SELECT c.customer_id FROM cash_call c WHERE c.client_id = lock_write_offs.client_id AND c.journal_id = ANY (calls))
	  ORDER BY cu.customer_id FOR NO KEY UPDATE;
	PERFORM lock_cash_call_events(lock_write_offs.client_id);
	PERFORM FROM cash_write_off w
	  WHERE w.client_id = lock_write_offs.client_id AND w.status IN ('PROPOSED', 'APPROVED')
	  ORDER BY w.journal_id FOR NO KEY UPDATE;
END $$;
COMMENT ON FUNCTION lock_write_offs(integer, bigint[]) IS
	'Internal: locks what charging these calls needs, the client''s share of revenue aside: the customers, and the client''s open proposals.';

CREATE FUNCTION charge_client(client_id integer, at timestamptz)
	RETURNS TABLE (amount amount, from_share amount)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	written_off	cash_write_off;
	call		cash_call;
	accrued		amount;
	chosen		bigint[];
	number		bigint;
BEGIN
	PERFORM lock_revenue_share(client_id);
	chosen := chargeable_write_offs(client_id, at);
	PERFORM lock_write_offs(client_id, chosen);
	PERFORM lapse_write_offs(client_id, at);
	FOREACH number IN ARRAY chosen LOOP
		call := lock_cash_call(charge_client.client_id, number);
		written_off := latest_write_off(charge_client.client_id, number);
		-- ended, sent to Apex or declined while this waited
		CONTINUE WHEN call.status <> 'O' OR call.due_at IS NULL OR written_off.status <> 'APPROVED';
		IF accrued IS NULL OR asset(accrued) <> asset(call.amount) THEN
			accrued := revenue_share_accrued(call.client_id, asset(call.amount));
		END IF;
		amount := call.amount;
		from_share := charge_write_off(written_off, call, accrued, at);
		accrued := accrued - from_share;
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION charge_client(integer, timestamptz) IS
	'Internal: charges the approved write-offs of a client whose month has begun, a row for each; those of calls that ended otherwise lapse.';

CREATE FUNCTION clients_with_write_offs(at timestamptz, variant text) RETURNS integer[]
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	RETURN ARRAY(SELECT c.client_id FROM client c
		  WHERE EXISTS (SELECT FROM cash_write_off w WHERE w.client_id = c.client_id AND w.status IN ('PROPOSED', 'APPROVED'))
		  ORDER BY c.client_id);
END $$;
COMMENT ON FUNCTION clients_with_write_offs(timestamptz, text) IS 'Internal: the clients with write-offs that may be charged, or lapse.';

CREATE FUNCTION charge_client_write_offs(client_id integer, at timestamptz, variant text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	code	constant text := (client_row(client_id)).code;
BEGIN
	IF NOT EXISTS (SELECT FROM cash_write_off w WHERE w.client_id = charge_client_write_offs.client_id AND w.status IN ('PROPOSED', 'APPROVED')) THEN
		RETURN NULL;
	END IF;
	RETURN (SELECT jsonb_agg(to_jsonb(p) ORDER BY asset(p.amount)) FROM (
		SELECT code AS client_code, count(*) AS charged, sum(d.amount) AS amount, sum(d.from_share) AS from_share,
			   sum(d.amount) - sum(d.from_share) AS from_bad_debt
		  FROM charge_client(client_id, at) AS d GROUP BY asset(d.amount)) p);
END $$;
COMMENT ON FUNCTION charge_client_write_offs(integer, timestamptz, text) IS 'Internal: one client''s part of charge_cash_call_write_offs().';
INSERT INTO client_run VALUES ('charge_cash_call_write_offs', 'charge_client_write_offs', 'clients_with_write_offs');

CREATE FUNCTION charge_cash_call_write_offs(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
	RETURNS TABLE (client_code text, charged bigint, amount amount, from_share amount, from_bad_debt amount)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	PERFORM require_instant(at);
	RETURN QUERY
	SELECT p.* FROM run_for_clients('charge_cash_call_write_offs', at, client) AS r (rows),
		   jsonb_to_recordset(r.rows) AS p (client_code text, charged bigint, amount amount, from_share amount, from_bad_debt amount);
END $$;
COMMENT ON FUNCTION charge_cash_call_write_offs(timestamptz, text) IS
'Posts the approved write-offs whose month has begun in Central Time, of one client or of all visible ones: oldest call first, from the client''s share of revenue up to what has accrued, the
rest from bad debt (J05c); a row per client and asset. A call settled or busted meanwhile is left alone, and its proposal lapses; one that Apex has been asked for waits for the answer, one
on a frozen account until it is not. What was approved after the instant is charged later. Safe to repeat and to run twice at once. Of several clients, one whose part fails is left out with a WARNING. Raises LG010, 42501, LG061, LG002; 40001 or 40P01: retry.';

-- ---------------------------------------------------------------------------
-- Recovering
-- ---------------------------------------------------------------------------

CREATE TYPE cash_call_left AS (bad_debt amount, share amount, recovered amount);
COMMENT ON TYPE cash_call_left IS 'Internal: what of a write-off stands, by who bore it, and what has been recovered of it.';

CREATE FUNCTION write_off_left(call cash_call) RETURNS cash_call_left
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	written_off	constant cash_write_off := latest_write_off(call.client_id, call.journal_id);
	nothing		constant amount := zero(asset(call.amount));
	recovered	amount;
BEGIN
	IF call.status <> 'W' OR written_off.status IS DISTINCT FROM 'CHARGED' THEN
		PERFORM refuse_cash_call_state(call, 'is not written off');
	END IF;
	SELECT coalesce(sum(r.amount), nothing) INTO recovered FROM cash_recovery r
	 WHERE r.client_id = call.client_id AND r.call = (write_off_left.call).journal_id;
	-- what comes back makes bad debt whole first
	RETURN (written_off.from_bad_debt - least(recovered, written_off.from_bad_debt),
			written_off.from_share - greatest(nothing, recovered - written_off.from_bad_debt), recovered)::cash_call_left;
END $$;
COMMENT ON FUNCTION write_off_left(cash_call) IS 'Internal: what of the write-off of a cash call stands; LG083 unless it is written off.';

CREATE FUNCTION recovery_entry(call cash_call, to_bad_debt amount, to_share amount, whole boolean) RETURNS journal_entry
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
DECLARE
	client_id	constant int := call.client_id;
	a			constant asset := asset(call.amount);
	total		constant amount := to_bad_debt + to_share;
	owner		constant text := (SELECT c.account_code FROM customer c WHERE c.customer_id = call.customer_id);
	client_code	constant text := (client_row(call.client_id)).code;
	lines		entry_line[];
BEGIN
	IF call.apex THEN
		lines := ARRAY[line('Dr', ensure_account(client_id, 'CORP', 'Apex:settlement:' || client_code, a), total)];
	ELSE
		lines := ARRAY[line('Dr', ensure_account(client_id, 'FBO', 'Cust:' || owner || ':settled', a), total),
					   line('Cr', ensure_account(client_id, 'FBO', 'DueTo:CORP', a), total),
					   line('Dr', ensure_account(client_id, 'CORP', 'DueFrom:FBO', a), total)];
	END IF;
	IF NOT is_zero(to_bad_debt) THEN
		lines := lines || line('Cr', ensure_account(client_id, 'CORP', 'Expense:bad-debt', a), to_bad_debt);
	END IF;
	IF NOT is_zero(to_share) THEN
		lines := lines || line('Cr', ensure_account(client_id, 'CORP', 'RevShare:payable:' || client_code, a), to_share);
	END IF;
	IF whole AND call.encumbered IS NOT NULL THEN
		lines := lines || ARRAY[line('Dr', ensure_account(client_id, 'CUST', 'Cust:' || owner || ':encumbered', asset(call.encumbered)), call.encumbered),
								line('Cr', ensure_account(client_id, 'CUST', 'Cust:' || owner, asset(call.encumbered)), call.encumbered)];
	END IF;
	RETURN journal_entry(VARIADIC lines);
END $$;
COMMENT ON FUNCTION recovery_entry(cash_call, amount, amount, boolean) IS
	'Internal: the journal of a recovery, lines in the order of golden journal J05e; whole: with the release of encumbered coin. Through Apex, Apex owes it.';

CREATE FUNCTION recovered_before(client_id integer, reference text, call bigint, amount amount) RETURNS cash_recovery
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	earlier	cash_recovery;
BEGIN
	IF coalesce(octet_length(reference), 0) NOT BETWEEN 1 AND 191 THEN
		PERFORM refuse_invalid('a recovery needs a reference', NULL, 'Give a reference of 1 to 191 bytes.');
	END IF;
	SELECT r.* INTO earlier FROM cash_recovery r
	 WHERE r.client_id = recovered_before.client_id AND r.reference = recovered_before.reference;
	IF FOUND THEN
		PERFORM refuse_other_content('Reference', reference,
			jsonb_build_object('call', earlier.call, 'amount', earlier.requested::text),
			jsonb_build_object('call', recovered_before.call, 'amount', recovered_before.amount::text));
	END IF;
	RETURN earlier;
END $$;
COMMENT ON FUNCTION recovered_before(integer, text, bigint, amount) IS
	'Internal: the recovery under that reference if there is one; LG020 when it said something else, LG002 without a reference.';

CREATE FUNCTION check_recovery(call cash_call, amount amount, outstanding amount) RETURNS amount
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	IF is_zero(outstanding) THEN
		PERFORM refuse_cash_call_state(call, 'has been recovered');
	ELSIF asset(amount) <> asset(call.amount) THEN
		RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('cash call %s is in %s', call.journal_id, asset(call.amount)),
			DETAIL = format('%s would be recovered.', amount);
	ELSIF amount > outstanding THEN
		RAISE EXCEPTION USING ERRCODE = 'LG086', MESSAGE = format('more than was written off of cash call %s', call.journal_id),
			DETAIL = format('%s stand written off, and %s would be recovered.', outstanding, amount),
			HINT = 'Without an amount, all that stands is recovered.';
	END IF;
	RETURN require_positive(coalesce(amount, outstanding));
END $$;
COMMENT ON FUNCTION check_recovery(cash_call, amount, amount) IS
	'Internal: the amount to recover, all that stands when NULL; LG083 nothing stands, LG042 another asset, LG086 too much, LG045 not positive.';

CREATE FUNCTION recover_cash_call(client text, call bigint, reference text, amount amount DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
	RETURNS cash_recovery
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owning	constant integer := require_client(recover_cash_call.client);
	asked	cash_call;
	result	cash_recovery;
BEGIN
	PERFORM require_instant(at);
	asked := require_cash_call(owning, recover_cash_call.call);
	PERFORM lock_customer_cash(asked.customer_id);
	asked := lock_cash_call(owning, recover_cash_call.call);
	result := recovered_before(owning, recover_cash_call.reference, asked.journal_id, recover_cash_call.amount);
	IF result.reference IS NULL THEN
		result := post_recovery(asked, recover_cash_call.reference, recover_cash_call.amount, at);
	END IF;
	RETURN result;
END $$;
COMMENT ON FUNCTION recover_cash_call(text, bigint, text, amount, timestamptz) IS
'Takes what was written off of a cash call from the customer''s settled cash, in part or, without an amount, all that stands: bad debt is made whole first, then the client''s share of
revenue (J05e). When nothing stands any more, coin bound by the purchase is released. Of a call through Apex, Apex owes it. Idempotent by reference (LG020). Raises LG082 unknown call, LG083 not written
off, recovered or busted, LG086 more than stands, LG050 not available, LG045 not positive, LG042 another asset, LG032, LG033 account closed or frozen, LG002, LG010, 42501, LG061; 40001 or 40P01: retry.';

CREATE FUNCTION post_recovery(call cash_call, reference text, requested amount, at timestamptz) RETURNS cash_recovery
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	stands		constant cash_call_left := write_off_left(call);
	total		constant amount := check_recovery(call, requested, stands.bad_debt + stands.share);
	bad_debt	constant amount := least(total, stands.bad_debt);
	posted		journal_result;
	result		cash_recovery;
BEGIN
	posted := post_entry(call.client_id, 'recovery:' || post_recovery.reference, 21::smallint,
						 recovery_entry(call, bad_debt, total - bad_debt, total = stands.bad_debt + stands.share), at,
						 format('Recovery of cash call %s', call.journal_id));
	PERFORM record_cash_call_event(call.client_id, call.journal_id, 'recovered', at, total, NULL, posted.journal);
	INSERT INTO cash_recovery AS r
	VALUES (call.client_id, post_recovery.reference, call.journal_id, requested, total, bad_debt, total - bad_debt, post_recovery.at,
			posted.recorded_at, invoking_role(), posted.journal)
	ON CONFLICT DO NOTHING
	RETURNING r.* INTO result;
	IF NOT FOUND THEN
		PERFORM refuse_taken_reference(post_recovery.reference);
	END IF;
	RETURN result;
END $$;
COMMENT ON FUNCTION post_recovery(cash_call, text, amount, timestamptz) IS 'Internal: posts and records one recovery of a cash call that is locked.';

-- A bust takes the purchase back, and with it the debt: what of the write-off
-- stands is restored, and the receivable, which the bust's journal has turned
-- to the customer's favour, is left with what he had paid after all.
CREATE FUNCTION restore_cash_call(client_id integer, call bigint, bust_journal bigint, at timestamptz) RETURNS amount
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	asked	constant cash_call := lock_cash_call(restore_cash_call.client_id, restore_cash_call.call);
	stands	constant cash_call_left := write_off_left(asked);
	total	constant amount := stands.bad_debt + stands.share;
	posted	journal_result;
BEGIN
	-- wholly recovered is as good as settled: the bust's own call gives it back
	IF is_zero(total) THEN
		RETURN stands.recovered;
	END IF;
	posted := post_entry(asked.client_id, format('write-off:%s:restored', asked.journal_id), 20::smallint,
						 write_off_lines(asked.client_id, cash_call_account(asked), -stands.share, -stands.bad_debt), at,
						 format('Write-off of cash call %s restored: its execution was busted by journal %s', asked.journal_id, bust_journal));
	PERFORM record_cash_call_event(asked.client_id, asked.journal_id, 'written_off', at, -total, 'RESTORED', posted.journal);
	PERFORM record_cash_call_event(asked.client_id, asked.journal_id, 'busted', at, total, NULL, bust_journal);
	RETURN stands.recovered;
END $$;
COMMENT ON FUNCTION restore_cash_call(integer, bigint, bigint, timestamptz) IS
'Internal, for a bust: restores what stands of the write-off of a cash call (an event written_off of the negative amount) and ends the call as busted; one wholly recovered is left as it is. Returns
what the customer had paid of it by recoveries, which the bust''s own call must give back; zero: none. LG083 unless it is written off.';

-- ---------------------------------------------------------------------------
-- Reading
-- ---------------------------------------------------------------------------

CREATE FUNCTION cash_write_offs(client text, at timestamptz DEFAULT clock_timestamp())
	RETURNS TABLE (call bigint, account text, reference text, amount amount, called_at timestamptz, age_days integer, charge_month date, status text,
				   proposed_by name, proposed_at timestamptz, approved_by name, approved_at timestamptz, declined_by name, declined_at timestamptz,
				   decline_reason text, charged_at timestamptz, from_share amount, from_bad_debt amount, recovered amount, outstanding amount, journal bigint)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owning	constant integer := require_client(cash_write_offs.client);
BEGIN
	PERFORM require_instant(at);
	RETURN QUERY
	SELECT w.journal_id, cu.account_code, j.reference, w.amount, c.called_at, central_date(cash_write_offs.at) - central_date(c.called_at), w.charge_month,
		   CASE WHEN d.charged AND d.restored THEN 'RESTORED' WHEN d.charged AND e.recovered >= w.amount THEN 'RECOVERED' WHEN d.charged THEN 'CHARGED'
				WHEN d.declined THEN 'DECLINED' WHEN c.closed_at <= cash_write_offs.at THEN 'LAPSED'
				WHEN d.approved THEN 'APPROVED' ELSE 'PROPOSED' END,
		   w.proposed_by, w.proposed_at, CASE WHEN d.approved THEN w.approved_by END, CASE WHEN d.approved THEN w.approved_at END,
		   CASE WHEN d.declined THEN w.declined_by END, CASE WHEN d.declined THEN w.declined_at END, CASE WHEN d.declined THEN w.decline_reason END,
		   CASE WHEN d.charged THEN w.charged_at END, CASE WHEN d.charged THEN w.from_share END, CASE WHEN d.charged THEN w.from_bad_debt END,
		   CASE WHEN d.charged THEN e.recovered END, CASE WHEN d.charged THEN e.written_off - e.recovered END,
		   CASE WHEN d.charged THEN w.charge_journal END
	  FROM cash_write_off w
	  JOIN cash_call c USING (client_id, journal_id)
	  JOIN customer cu ON cu.customer_id = c.customer_id
	  JOIN journal j ON j.client_id = w.client_id AND j.journal_id = w.journal_id
	  CROSS JOIN LATERAL (SELECT coalesce(sum(v.amount) FILTER (WHERE v.event = 'recovered'), zero(asset(w.amount))) AS recovered,
								 coalesce(sum(v.amount) FILTER (WHERE v.event = 'written_off'), zero(asset(w.amount))) AS written_off,
								 bool_or(v.event = 'busted') AS busted
							FROM cash_call_event v
						   WHERE v.client_id = w.client_id AND v.journal_id = w.journal_id AND v.at <= cash_write_offs.at) AS e
	  CROSS JOIN LATERAL (SELECT coalesce(w.charged_at <= cash_write_offs.at, false) AS charged, coalesce(e.busted, false) AS restored,
								 coalesce(w.approved_at <= cash_write_offs.at, false) AS approved,
								 coalesce(w.declined_at <= cash_write_offs.at, false) AS declined) AS d
	 WHERE w.client_id = owning AND w.proposed_at <= cash_write_offs.at
	 ORDER BY c.called_at, w.journal_id, w.proposal_no;
END $$;
COMMENT ON FUNCTION cash_write_offs(text, timestamptz) IS
'The write-offs of a client as they stood at the instant, oldest cash call first: who proposed, approved or declined, when it may be charged, what the client''s share and bad debt bore,
what has been recovered and what stands (outstanding). status: PROPOSED, APPROVED, DECLINED, LAPSED (the call ended otherwise), CHARGED, RECOVERED (whole), RESTORED (the execution was
busted). Amounts are positive. Raises LG010, 42501, LG061 instant ahead of the clock, LG002 infinite.';
