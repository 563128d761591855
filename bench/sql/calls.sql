-- Cash calls: what opening one adds to a trade, and a run over those that are
-- due.  Two clients, with as many customers and the same trades: the cash of
-- CALLED is called, that of NETTED settles net.  One customer in ten has no
-- cash; every third batch sells.

CREATE SCHEMA calls;

CREATE TABLE calls.request (batch int NOT NULL, client text NOT NULL, requests bakkt_ledger.trade_request[] NOT NULL, PRIMARY KEY (client, batch));

CREATE FUNCTION calls.account(client text, customer int) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN left(client, 1) || 2000000 + customer;

CREATE PROCEDURE calls.open_parties(customers int)
LANGUAGE plpgsql AS $$
DECLARE
	client text;
BEGIN
	FOREACH client IN ARRAY ARRAY['CALLED', 'NETTED'] LOOP
		PERFORM bakkt_ledger.open_client(client, funding_model => CASE client WHEN 'CALLED' THEN 'BAKKT_TPJ' ELSE 'NET_SETTLEMENT' END,
										 commission_model => 'MARKUP', revenue_share_bps => 4000, at => '2026-03-01 12:00Z');
		PERFORM bakkt_ledger.open_customers(client, ARRAY(SELECT calls.account(client, n) FROM generate_series(1, customers) n), at => '2026-03-01 12:00Z');
		PERFORM (bakkt_ledger.open_account(client, 'FBO', 'Bank:omnibus', 'USD')).account, (bakkt_ledger.open_account(client, 'CUST', 'Wallet:omnibus', 'BTC')).account;
		PERFORM bakkt_ledger_internal.load_journals(ARRAY(
			SELECT ROW(client, bakkt_ledger.journal_entry(
				bakkt_ledger.line('Dr', bakkt_ledger.account_of(client, a.fund, a.control, a.asset::bakkt_ledger.asset), a.amount),
				bakkt_ledger.line('Cr', (bakkt_ledger.open_account(client, a.fund, format(a.claim, calls.account(client, n)), a.asset::bakkt_ledger.asset)).account, a.amount)),
				a.fund || n, 'opening', NULL, NULL, false)::bakkt_ledger.journal_request
			FROM generate_series(1, customers) n,
				 LATERAL (VALUES ('CUST', 'Wallet:omnibus', 'Cust:%s', 'BTC', '1000 BTC'::bakkt_ledger.amount),
								 ('FBO', 'Bank:omnibus', 'Cust:%s:settled', 'USD', CASE n % 10 WHEN 0 THEN '1 USD' ELSE '1000000 USD' END::bakkt_ledger.amount)) AS a (fund, control, claim, asset, amount)));
	END LOOP;
END
$$;

-- batches of 1,000 trades of the day, for both clients
CREATE PROCEDURE calls.prepare(first_batch int, last_batch int, customers int, day date)
LANGUAGE sql
BEGIN ATOMIC
	DELETE FROM calls.request;
	INSERT INTO calls.request
		SELECT b, client, array_agg(ROW(calls.account(client, 1 + ((b * 1000 + n) * 7919::bigint % customers)::int), CASE b % 3 WHEN 2 THEN 'SELL' ELSE 'BUY' END, '0.01 BTC', 'LP' || 1 + n % 3, 'call-' || b * 1000 + n, '60000 USD/BTC', NULL, 50, NULL, NULL, NULL, NULL, NULL, day + time '15:00' AT TIME ZONE 'UTC' + (b * 1000 + n) * interval '1 millisecond', NULL, false, false)::bakkt_ledger.trade_request ORDER BY n)
		FROM generate_series(first_batch, last_batch) b, generate_series(0, 999) n, unnest(ARRAY['CALLED', 'NETTED']) client
		GROUP BY b, client;
END;

-- Post a client's batches, a transaction each, and note the trades a second.
CREATE PROCEDURE calls.measure_opening(client text, round int)
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
	posted bigint := 0;
	this record;
BEGIN
	COMMIT;
	started := clock_timestamp();
	FOR this IN SELECT r.batch FROM calls.request r WHERE r.client = measure_opening.client ORDER BY 1 LOOP
		posted := posted + (SELECT count(*) FILTER (WHERE t.outcome = 'posted') FROM calls.request r, bakkt_ledger.post_trades(r.requests) t
							 WHERE r.client = measure_opening.client AND r.batch = this.batch);
		COMMIT;
	END LOOP;
	IF posted <> 1000 * (SELECT count(*) FROM calls.request r WHERE r.client = measure_opening.client) THEN
		RAISE EXCEPTION 'only % trades were posted', posted;
	END IF;
	CALL bench.note('call_opening', client, round, posted / extract(epoch FROM clock_timestamp() - started));
END
$$;

-- One run over everything that is due, committed: calls attempted a second.
CREATE PROCEDURE calls.measure_run(round int, at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
	made record;
	memory numeric;
BEGIN
	COMMIT;
	started := clock_timestamp();
	SELECT * INTO made FROM bakkt_ledger.process_cash_calls(at, 'CALLED');
	COMMIT;
	CALL bench.note('calls', 'run', round, made.attempted / extract(epoch FROM clock_timestamp() - started));
	CALL bench.note('calls', 'attempted', round, made.attempted);
	CALL bench.note('calls', 'failed', round, made.failed);
	memory := (SELECT sum(c.used_bytes) FROM pg_backend_memory_contexts c);
	CALL bench.note('calls', 'memory', round, memory);
END
$$;

CREATE PROCEDURE calls.check()
LANGUAGE plpgsql AS $$
DECLARE
	wrong text := (SELECT min(detail) FROM bakkt_ledger.check_cash_calls('CALLED'));
BEGIN
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'cash calls are wrong: %', wrong;
	END IF;
END
$$;
