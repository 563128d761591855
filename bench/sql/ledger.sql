-- The extension as an application calls it: text codes, typed amounts and
-- prices, a status and the resulting position for every trade.

CREATE SCHEMA ledger;

CREATE TABLE ledger.request (batch int NOT NULL, trade_no bigint NOT NULL, request bakkt_ledger.trade_request NOT NULL);
CREATE INDEX ON ledger.request (batch);

CREATE PROCEDURE ledger.open_parties()
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM bakkt_ledger.open_provider('LP' || n, 'Provider ' || n, at => '2026-03-01 12:00Z')
	FROM generate_series(1, 3) n;
	PERFORM bakkt_ledger.open_client(code, funding_model => 'NET_SETTLEMENT', commission_model => 'MARKUP',
									 revenue_share_bps => 4000, at => '2026-03-01 12:00Z')
	FROM bench.client ORDER BY client_no;
	PERFORM bakkt_ledger.open_customers(code, array_agg(account ORDER BY customer_no), at => '2026-03-01 12:00Z')
	FROM bench.client JOIN bench.customer USING (client_no) GROUP BY code ORDER BY code;
END
$$;

CREATE PROCEDURE ledger.prepare(from_batch int, to_batch int)
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO ledger.request
		SELECT batch, trade_no,
			   jsonb_populate_record(NULL::bakkt_ledger.trade_request, jsonb_build_object(
				   'reference', 'exec-' || trade_no, 'customer', account, 'side', side,
				   'quantity', hundredths::numeric / 100 || CASE coin_no WHEN 1 THEN ' BTC' ELSE ' ETH' END,
				   'provider', 'LP' || lp_no, 'provider_price', provider_price || CASE coin_no WHEN 1 THEN ' USD/BTC' ELSE ' USD/ETH' END,
				   'markup_bps', 50, 'executed_at', executed_at))
		FROM bench.trade JOIN bench.customer USING (customer_no)
		WHERE batch BETWEEN from_batch AND to_batch
		ORDER BY trade_no;
END
$$;

CREATE PROCEDURE ledger.post(this_batch int)
LANGUAGE plpgsql AS $$
DECLARE
	refused text;
BEGIN
	SELECT min(message) INTO refused
	FROM bakkt_ledger.post_trades((SELECT array_agg(request ORDER BY trade_no) FROM ledger.request WHERE batch = this_batch))
	WHERE outcome <> 'posted';
	IF refused IS NOT NULL THEN
		RAISE EXCEPTION 'a trade was refused: %', refused;
	END IF;
END
$$;
