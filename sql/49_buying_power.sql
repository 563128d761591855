-- Floor 3: buying power (doc/cash.md).
--
-- What a customer may spend is recomputed from the last 16:40 Central: settled
-- cash then, less the purchases that were unpaid then, and what has happened
-- since by *executions*.  A cash call that settles later moves settled cash
-- and leaves the unpaid ones at once: counted by its execution, it cannot
-- count twice.

CREATE FUNCTION buying_power_cut(at timestamptz) RETURNS timestamptz
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE WHEN (central_date(at) + time '16:40') AT TIME ZONE 'America/Chicago' <= at
				THEN (central_date(at) + time '16:40') AT TIME ZONE 'America/Chicago'
				ELSE (central_date(at) - 1 + time '16:40') AT TIME ZONE 'America/Chicago' END;
COMMENT ON FUNCTION buying_power_cut(timestamptz) IS 'The latest 16:40 in America/Chicago at or before the instant: from there buying power is computed. From local dates, whatever the clocks do in between.';

CREATE TYPE buying_power AS (
	account							text,
	cut								timestamptz,
	settled_at_cut					amount,
	unsettled_withdrawals_at_cut	amount,
	unsettled_deposits_at_cut		amount,
	credited_deposits				amount,
	buys_since						amount,
	sells_since						amount,
	deposits_since					amount,
	withdrawals_since				amount,
	other_since						amount,
	withdrawals_pending				amount,
	open_orders						amount,
	buying_power					amount
);
COMMENT ON TYPE buying_power IS
'What a customer may spend, with every term. buying_power = settled_at_cut - unsettled_withdrawals_at_cut + credited_deposits - buys_since + sells_since + deposits_since
- withdrawals_since + other_since - withdrawals_pending - open_orders. settled_at_cut: settled cash at the cut; unsettled_..._at_cut: cash calls outstanding then, of purchases
and of sales; credited_deposits: those of sales if the client credits failed sells, else zero; buys_since, sells_since: net money of executions since the cut, busts taken off;
deposits_since: deposits and wires that settled; withdrawals_since: withdrawals sent; other_since: whatever else moved settled cash but cash calls (returns, fees,
adjustments, recoveries), busts of executions from before the cut, and purchases written off, signed; withdrawals_pending: requested, not sent; open_orders: other holds, zero unless the client reserves them.';

CREATE TYPE cash_scope AS (
	client_id		integer,
	customers		bigint[],
	whole			boolean,
	asset			asset,
	cut				timestamptz,
	until			timestamptz
);
COMMENT ON TYPE cash_scope IS 'Internal: whose buying power, in which asset, from the cut until an instant. whole: the customers are all of the client, and are looked for by client.';

-- ---------------------------------------------------------------------------
-- What has happened since the cut
-- ---------------------------------------------------------------------------

-- By customer through the index on customers, in time of recording, which is
-- no more than an hour before what is effective; by client through the index
-- on effective time.
CREATE FUNCTION journals_since(scope cash_scope, trades boolean) RETURNS SETOF journal
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
BEGIN
	IF scope.whole THEN
		RETURN QUERY SELECT j.* FROM journal j
			WHERE j.client_id = scope.client_id AND j.effective_at > scope.cut AND j.kind IN (3, 4) = trades;
		RETURN;
	END IF;
	RETURN QUERY
	SELECT j.* FROM unnest(scope.customers) c (customer_id) CROSS JOIN LATERAL
		   (SELECT n.* FROM journal n
			 WHERE n.customer_id = c.customer_id AND n.recorded_at > scope.cut - execution_time_ahead() OFFSET 0) j
	 WHERE j.effective_at > scope.cut AND j.kind IN (3, 4) = trades;
	-- a trade is one customer's; other journals have further ones in journal_party
	RETURN QUERY
	SELECT j.* FROM (SELECT DISTINCT p.client_id, p.journal_id FROM journal_party p WHERE p.customer_id = ANY (scope.customers)) p
	  JOIN journal j ON j.client_id = p.client_id AND j.journal_id = p.journal_id
	 WHERE NOT trades AND j.effective_at > scope.cut AND NOT j.customer_id = ANY (scope.customers);
END $$;
COMMENT ON FUNCTION journals_since(cash_scope, boolean) IS 'Internal: the journals of these customers that are effective after the cut: trades and busts, or all others. Of the whole client: also those of other customers.';

-- The calls of one customer that were closed since: by the journals that
-- closed them, whose references end with the call's number, or which reverse
-- its execution.
CREATE FUNCTION closed_calls_of(scope cash_scope) RETURNS SETOF cash_call
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT o.*
	  FROM (SELECT DISTINCT CASE j.kind WHEN 4 THEN j.reverses ELSE split_part(j.reference, ':', 2)::bigint END AS call
			  FROM unnest(scope.customers) c (customer_id) CROSS JOIN LATERAL
				   (SELECT n.* FROM journal n
					 WHERE n.customer_id = c.customer_id AND n.recorded_at > scope.cut - execution_time_ahead() OFFSET 0) j
			 WHERE j.kind IN (4, 17, 20)) closed
	 CROSS JOIN LATERAL (SELECT n.* FROM cash_call n WHERE n.client_id = scope.client_id AND n.journal_id = closed.call OFFSET 0) o
	 WHERE o.status <> 'O';
END $$;
COMMENT ON FUNCTION closed_calls_of(cash_scope) IS 'Internal: the cash calls of these customers that were closed after the cut, and some before.';

CREATE FUNCTION calls_since(scope cash_scope) RETURNS SETOF cash_call
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
BEGIN
	IF scope.whole THEN
		RETURN QUERY SELECT o.* FROM cash_call o WHERE o.client_id = scope.client_id AND o.status = 'O';
		RETURN QUERY SELECT o.* FROM cash_call o
			WHERE o.client_id = scope.client_id AND o.closed_recorded_at > scope.cut - execution_time_ahead() AND o.closed_at > scope.cut;
	ELSE
		RETURN QUERY SELECT o.* FROM cash_call o
			WHERE o.client_id = scope.client_id AND o.customer_id = ANY (scope.customers) AND o.status = 'O';
		RETURN QUERY SELECT * FROM closed_calls_of(scope);
	END IF;
END $$;
COMMENT ON FUNCTION calls_since(cash_scope) IS 'Internal: the cash calls of these customers that are open or were closed after the cut.';

-- ---------------------------------------------------------------------------
-- The terms
-- ---------------------------------------------------------------------------

CREATE FUNCTION settled_accounts(scope cash_scope)
	RETURNS TABLE (customer_id bigint, account_code text, account account_id, settled amount)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
BEGIN
	RETURN QUERY
	SELECT c.customer_id, c.account_code, a.account, coalesce(-b.posted, zero(scope.asset))
	  FROM unnest(scope.customers) AS w (customer_id)
	  JOIN customer c ON c.customer_id = w.customer_id
	  LEFT JOIN account a ON a.client_id = c.client_id AND a.fund = 'FBO' AND a.name = 'Cust:' || c.account_code || ':settled' AND a.asset = scope.asset
	  LEFT JOIN balance b ON b.client_id = a.client_id AND b.account = a.account;
END $$;
COMMENT ON FUNCTION settled_accounts(cash_scope) IS 'Internal: the customers with their settled accounts and what is on them now.';

-- Cash calls move settled cash too, but count by their executions.
CREATE FUNCTION settled_changes(scope cash_scope)
	RETURNS TABLE (account account_id, changed amount, deposits amount, withdrawals amount, other amount)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
BEGIN
	RETURN QUERY
	SELECT l.account, -sum(l.amount),
		   -sum(l.amount) FILTER (WHERE j.effective_at <= scope.until AND j.kind = 12),
		   sum(l.amount) FILTER (WHERE j.effective_at <= scope.until AND j.kind = 13),
		   -sum(l.amount) FILTER (WHERE j.effective_at <= scope.until AND j.kind NOT IN (12, 13, 17))
	  FROM journals_since(scope, false) j, lines(j.entry) l
	 WHERE l.fund = 'FBO'
	 GROUP BY l.account;
END $$;
COMMENT ON FUNCTION settled_changes(cash_scope) IS 'Internal: what has changed on FBO accounts after the cut, credits positive: in all, and until the instant as deposits, withdrawals (positive) and other.';

CREATE FUNCTION executions_since(scope cash_scope) RETURNS TABLE (customer_id bigint, buys amount, sells amount)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
BEGIN
	RETURN QUERY
	SELECT customer_id(j.terms), sum(net_money(j.terms)) FILTER (WHERE side(j.terms) = 'BUY'),
		   -sum(net_money(j.terms)) FILTER (WHERE side(j.terms) = 'SELL')
	  FROM journals_since(scope, true) j
	 WHERE j.effective_at <= scope.until AND quote_asset(j.terms) = scope.asset AND funding_model(j.terms) = 'BAKKT_TPJ'
	 GROUP BY customer_id(j.terms);
END $$;
COMMENT ON FUNCTION executions_since(cash_scope) IS 'Internal: net money of executions after the cut until the instant, by customer, busts taken off.';

-- A bust is effective when its execution was, so one of an execution since
-- the cut is in executions_since().  Of an older one the cash call tells: it
-- ends, or, settled already, has one the other way, whose direction is not
-- that of its side; what matters is whether the first was open at the cut.
--
-- What is written off is called no more, so from then on it does not count:
-- else a recovery, which takes settled cash, would take the same money twice.
-- It was called before the cut: nothing is written off within a day.
CREATE FUNCTION calls_until(scope cash_scope)
	RETURNS TABLE (customer_id bigint, withdrawal boolean, gives_back boolean, amount amount, open_at_cut boolean, busted amount, written_off amount)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
BEGIN
	RETURN QUERY
	SELECT c.customer_id, c.withdrawal, b.reverses IS NOT NULL, c.amount, e.closed IS NULL OR e.closed < c.amount, e.busted, e.written_off
	  FROM calls_since(scope) c
	  LEFT JOIN LATERAL (SELECT j.reverses, j.effective_at FROM journal j
						  WHERE j.client_id = c.client_id AND j.journal_id = c.journal_id AND c.called_at > scope.cut AND c.withdrawal = c.sale) b ON true
	 CROSS JOIN LATERAL
		   (SELECT sum(v.amount) FILTER (WHERE v.at <= scope.cut AND v.event IN ('settled', 'written_off', 'busted')) AS closed,
				   sum(v.amount) FILTER (WHERE v.at > scope.cut AND v.at <= scope.until AND v.event = 'busted') AS busted,
				   sum(v.amount) FILTER (WHERE v.at > scope.cut AND v.at <= scope.until AND v.event = 'written_off') AS written_off
			  FROM cash_call_event v WHERE v.client_id = c.client_id AND v.journal_id = coalesce(b.reverses, c.journal_id)) e
	 WHERE NOT c.apex AND asset(c.amount) = scope.asset AND c.called_at <= scope.until
	   AND (c.called_at <= scope.cut OR b.effective_at <= scope.cut);
END $$;
COMMENT ON FUNCTION calls_until(cash_scope) IS 'Internal: cash calls from before the cut, whether they were open at it and what of them has been busted since; and the calls of later busts that give back what was settled (gives_back), of executions from before the cut: whether the call of the execution was open at it. written_off: what has been since the cut, what busts restored taken off.';

CREATE FUNCTION call_terms(scope cash_scope)
	RETURNS TABLE (customer_id bigint, withdrawals amount, deposits amount, busted_withdrawals amount, busted_deposits amount, given_back amount, written_off amount)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
BEGIN
	RETURN QUERY
	SELECT c.customer_id,
		   sum(c.amount) FILTER (WHERE NOT c.gives_back AND c.open_at_cut AND c.withdrawal),
		   sum(c.amount) FILTER (WHERE NOT c.gives_back AND c.open_at_cut AND NOT c.withdrawal),
		   sum(c.busted) FILTER (WHERE NOT c.gives_back AND c.open_at_cut AND c.withdrawal),
		   sum(CASE WHEN c.gives_back THEN c.amount ELSE c.busted END) FILTER (WHERE c.open_at_cut AND c.withdrawal = c.gives_back),
		   sum(CASE WHEN c.withdrawal THEN -c.amount ELSE c.amount END) FILTER (WHERE c.gives_back AND NOT (c.open_at_cut AND c.withdrawal)),
		   sum(c.written_off) FILTER (WHERE NOT c.gives_back AND c.open_at_cut)
	  FROM calls_until(scope) c
	 GROUP BY c.customer_id;
END $$;
COMMENT ON FUNCTION call_terms(cash_scope) IS 'Internal: by customer what purchases and sales were outstanding at the cut; what of both was busted since, settled meanwhile or not; and what later busts of other executions from before the cut give back, or take (negative); and what has been written off since.';

CREATE FUNCTION requested_withdrawals(scope cash_scope) RETURNS TABLE (customer_id bigint, requested amount)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
BEGIN
	RETURN QUERY
	SELECT t.customer_id, sum(t.amount) FROM funding_transfer t
	 WHERE t.customer_id = ANY (scope.customers) AND t.requested_at <= scope.until
	   AND t.direction = 'WITHDRAWAL' AND asset(t.amount) = scope.asset
	   AND (t.sent_at IS NULL OR t.sent_at > scope.until) AND (t.ended_at IS NULL OR t.ended_at > scope.until)
	 GROUP BY t.customer_id;
END $$;
COMMENT ON FUNCTION requested_withdrawals(cash_scope) IS 'Internal: withdrawals requested by the instant and not sent, cancelled or rejected by then.';

-- What holds bound at a past instant: their changes since are taken back.
-- A hold that has ended is looked for only if the instant is past.
CREATE FUNCTION order_holds(scope cash_scope, accounts account_id[]) RETURNS TABLE (account account_id, held amount)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
DECLARE
	past	constant boolean := scope.until < clock_timestamp() - interval '1 minute';
BEGIN
	IF NOT past THEN
		RETURN QUERY
		SELECT h.account, sum(h.remaining) FROM unnest(accounts) a (account) JOIN hold h ON h.client_id = scope.client_id AND h.account = a.account
		 WHERE h.status = 'open' AND (h.expires_at > scope.until OR h.expires_at > clock_timestamp() AND scope.until = 'infinity' OR h.expires_at IS NULL)
		   AND NOT starts_with(h.reference, 'funding:')
		 GROUP BY h.account;
		RETURN;
	END IF;
	RETURN QUERY
	SELECT h.account, sum(coalesce(h.remaining + e.undone, h.remaining))
	  FROM hold h
	 CROSS JOIN LATERAL
		   (SELECT sum(CASE v.event WHEN 'increased' THEN -v.amount ELSE v.amount END) AS undone FROM hold_event v
			 WHERE v.client_id = h.client_id AND v.hold_id = h.hold_id AND v.event <> 'authorised' AND v.recorded_at > scope.until) e
	 WHERE h.client_id = scope.client_id AND h.account = ANY (accounts) AND h.opened_at <= scope.until
	   AND (h.expires_at IS NULL OR h.expires_at > scope.until) AND NOT starts_with(h.reference, 'funding:')
	 GROUP BY h.account;
END $$;
COMMENT ON FUNCTION order_holds(cash_scope, account_id[]) IS 'Internal: what holds, but those of withdrawals, bind at the instant on each account.';

CREATE FUNCTION buying_power_terms(scope cash_scope) RETURNS TABLE (customer_id bigint, terms buying_power)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	agreed		constant cash_terms := cash_terms_of(scope.client_id);
	nothing		constant amount := zero(scope.asset);
BEGIN
	RETURN QUERY
	WITH holder AS MATERIALIZED (SELECT * FROM settled_accounts(scope)),
	term AS (
		SELECT h.customer_id, h.account_code, coalesce(h.settled - s.changed, h.settled) AS settled_at_cut,
			   coalesce(c.withdrawals, nothing) AS withdrawals, coalesce(c.deposits, nothing) AS deposits,
			   CASE WHEN agreed.credit_failed_sells THEN coalesce(c.deposits, nothing) ELSE nothing END AS credited,
			   coalesce(x.buys, nothing) AS buys, coalesce(x.sells, nothing) AS sells,
			   coalesce(s.deposits, nothing) AS deposits_since, coalesce(s.withdrawals, nothing) AS withdrawals_since,
			   coalesce(s.other, nothing) + coalesce(c.given_back, nothing) + coalesce(c.busted_withdrawals, nothing) + coalesce(c.written_off, nothing)
				 - CASE WHEN agreed.credit_failed_sells THEN coalesce(c.busted_deposits, nothing) ELSE nothing END AS other,
			   coalesce(p.requested, nothing) AS pending, coalesce(o.held, nothing) AS orders
		  FROM holder h
		  LEFT JOIN settled_changes(scope) s ON s.account = h.account
		  LEFT JOIN call_terms(scope) c ON c.customer_id = h.customer_id
		  LEFT JOIN executions_since(scope) x ON x.customer_id = h.customer_id
		  LEFT JOIN requested_withdrawals(scope) p ON p.customer_id = h.customer_id
		  LEFT JOIN order_holds(scope, CASE WHEN agreed.reserve_open_orders THEN ARRAY(SELECT w.account FROM holder w WHERE w.account IS NOT NULL) END) o
				 ON o.account = h.account
	)
	SELECT t.customer_id,
		   ROW(t.account_code, scope.cut, t.settled_at_cut, t.withdrawals, t.deposits, t.credited, t.buys, t.sells, t.deposits_since,
			   t.withdrawals_since, t.other, t.pending, t.orders,
			   t.settled_at_cut - t.withdrawals + t.credited - t.buys + t.sells + t.deposits_since - t.withdrawals_since + t.other
				 - t.pending - t.orders)::buying_power
	  FROM term t;
END $$;
COMMENT ON FUNCTION buying_power_terms(cash_scope) IS 'Internal: the buying power of these customers, term by term.';

-- ---------------------------------------------------------------------------
-- Asking
-- ---------------------------------------------------------------------------

-- A retired one still has balances.
CREATE FUNCTION require_currency(asset asset) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	its_kind	text;
BEGIN
	SELECT s.kind INTO its_kind FROM supported_asset s WHERE s.asset = require_currency.asset;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'LG040', MESSAGE = format('asset "%s" is not registered', coalesce(require_currency.asset::text, 'NULL')),
			HINT = 'Name a currency: an asset of kind FIAT in supported_asset.';
	ELSIF its_kind <> 'FIAT' THEN
		RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('cash is in a currency, not in %s', require_currency.asset),
			HINT = 'Name a currency: an asset of kind FIAT in supported_asset.';
	END IF;
END $$;
COMMENT ON FUNCTION require_currency(asset) IS 'Internal: raises LG040 unless the asset is registered, LG042 unless it is a currency. A retired one will do: what is there can be read.';

CREATE FUNCTION buying_power(account text, at timestamptz DEFAULT clock_timestamp(), asset asset DEFAULT 'USD')
	RETURNS buying_power
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	owner	constant bigint := require_customer(buying_power.account);
	scope	cash_scope;
	result	buying_power;
BEGIN
	PERFORM require_instant(at);
	PERFORM require_currency(asset);
	PERFORM require_cash_here(owner);
	scope := ROW((SELECT c.client_id FROM customer c WHERE c.customer_id = owner), ARRAY[owner], false, buying_power.asset, buying_power_cut(at), at);
	SELECT (t.terms).* INTO result FROM buying_power_terms(scope) t;
	RETURN result;
END $$;
COMMENT ON FUNCTION buying_power(text, timestamptz, asset) IS 'What a customer whose cash is held here may spend at the instant, with every term, by what is known now: type buying_power. Errors: LG012, LG013 the customer''s cash is not held here, LG040 or LG042 no currency, LG061, LG002 infinite instant.';

CREATE FUNCTION buying_powers(client text, at timestamptz DEFAULT clock_timestamp(), asset asset DEFAULT 'USD')
	RETURNS SETOF buying_power
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	asked	constant integer := require_client(buying_powers.client);
	scope	cash_scope;
BEGIN
	PERFORM require_instant(at);
	PERFORM require_currency(asset);
	scope := ROW(asked, ARRAY(SELECT c.customer_id FROM customer c JOIN client l USING (client_id)
							   WHERE c.client_id = asked AND coalesce(c.funding_model, l.funding_model) = 'BAKKT_TPJ'),
				 true, buying_powers.asset, buying_power_cut(at), at);
	RETURN QUERY SELECT (t.terms).* FROM buying_power_terms(scope) t ORDER BY (t.terms).account COLLATE "C";
END $$;
COMMENT ON FUNCTION buying_powers(text, timestamptz, asset) IS 'buying_power() of all customers of a client whose cash is held here, computed as a set. Errors: LG010, 42501, LG040 or LG042 no currency, LG061, LG002 infinite instant.';

-- ---------------------------------------------------------------------------
-- Prefunded clients: src/events/buying_power.c asks when a batch is posted
-- ---------------------------------------------------------------------------

CREATE FUNCTION spendable_now(client_ids integer[], customers bigint[], assets text[])
	RETURNS TABLE (client_id integer, customer_id bigint, cut timestamptz, credits_sells boolean, available amount)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	cut		timestamptz;
	scope	cash_scope;
BEGIN
	PERFORM await_customers_cash(customers);
	cut := buying_power_cut(clock_timestamp());
	FOR scope IN
		SELECT k.client_id, array_agg(k.customer_id), false, k.asset::asset, cut, 'infinity'::timestamptz
		  FROM ROWS FROM (unnest(client_ids), unnest(customers), unnest(assets)) AS k (client_id, customer_id, asset)
		 GROUP BY k.client_id, k.asset
	LOOP
		RETURN QUERY
		SELECT scope.client_id, t.customer_id, scope.cut, (cash_terms_of(scope.client_id)).credit_failed_sells, (t.terms).buying_power
		  FROM buying_power_terms(scope) t;
	END LOOP;
END $$;
COMMENT ON FUNCTION spendable_now(integer[], bigint[], text[]) IS 'Internal: locks these customers'' cash and returns their buying power now, each in an asset; what is dated ahead of the clock counts already.';

-- A bust frees what its execution took, or takes what it brought, unless that
-- was not counted: a sale that was unpaid at the cut, a purchase written off.
CREATE FUNCTION bust_counts(client_id integer, call bigint, cut timestamptz, credits_sells boolean) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT CASE WHEN c.called_at > cut THEN true
				WHEN c.withdrawal THEN c.status <> 'W'
				ELSE credits_sells OR coalesce(c.closed_at <= cut, false) END
	  FROM cash_call c WHERE c.client_id = bust_counts.client_id AND c.journal_id = call
$$;
COMMENT ON FUNCTION bust_counts(integer, bigint, timestamptz, boolean) IS 'Internal: whether a bust of the execution changes its customer''s buying power; NULL: it has no cash call.';
