-- The executions of client 1 as the bare version keeps them: what a plain sum
-- over the same rows has to read.
DROP TABLE IF EXISTS bench.window_execution;
CREATE TABLE bench.window_execution AS
SELECT client_id, customer_id, journal_id, bakkt_ledger_internal.instrument_id(terms) AS instrument_id, bakkt_ledger_internal.provider_id(terms) AS provider_id,
	   bakkt_ledger_internal.side(terms) = 'SELL' AS sell,
	   0::bigint AS quantity, 0::bigint AS provider_price, 0::bigint AS price, 0::bigint AS provider_money,
	   (100 * bakkt_ledger.value(bakkt_ledger_internal.net_money(terms)))::bigint AS net_money, 0::bigint AS share, effective_at AS executed_at
FROM bakkt_ledger_internal.journal WHERE client_id = (SELECT client_id FROM bakkt_ledger_internal.client WHERE code = 'CL01') AND kind = 3;
VACUUM ANALYZE bench.window_execution;

CREATE OR REPLACE PROCEDURE bench.check_net(client text, day date)
LANGUAGE plpgsql AS $$
DECLARE
	expected constant numeric := (SELECT sum(net_money) / 100 FROM bench.window_execution);
	answer	constant numeric := (SELECT bakkt_ledger.value(net) FROM bakkt_ledger.net_position(client, day + time '14:59:59' AT TIME ZONE 'UTC')
								 WHERE counterparty = client);
BEGIN
	IF answer IS DISTINCT FROM expected THEN
		RAISE EXCEPTION 'net position is %, the executions add up to %', answer, expected;
	END IF;
END
$$;
