-- What the application adds to the ledger: one call per thousand fills, and a
-- note of what came of each.
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

-- Three users without any right of their own: the platform's desk asks for its
-- clients, the company's executor posts what was traded, the settlement people
-- close and pay.  Roles outlive the database.
DO $$
BEGIN
	CREATE ROLE demo_desk;
	CREATE ROLE demo_executor;
	CREATE ROLE demo_settlement;
EXCEPTION WHEN duplicate_object THEN
	NULL;
END
$$;
GRANT bakkt_ledger_poster TO demo_desk;
GRANT bakkt_ledger_executor TO demo_executor;
GRANT bakkt_ledger_settler TO demo_settlement;

CREATE TABLE demo.outcome (
	order_no	bigint PRIMARY KEY,
	outcome		text NOT NULL,
	journal		bigint,
	price		price,
	net_money	amount,
	revenue		amount,
	sqlstate	text,
	message		text
);

CREATE FUNCTION demo.coin(symbol text) RETURNS asset
LANGUAGE sql IMMUTABLE
RETURN left(symbol, -3)::asset;

-- the request for one fill, with the commission its client has agreed
CREATE FUNCTION demo.request(filled demo.fill) RETURNS trade_request
LANGUAGE sql STABLE
RETURN (SELECT ROW(filled.account, filled.side, amount(filled.quantity, demo.coin(filled.symbol)), filled.provider, 'order-' || filled.order_no, price(filled.provider_price, 'USD', demo.coin(filled.symbol)), NULL, markup_bps, NULL, fee_bps, NULL, amount(fee_minimum, 'USD'), filled.order_no::text, filled.placed_at, filled.symbol, NULL, NULL)::trade_request
		FROM demo.client WHERE code = filled.client);

CREATE PROCEDURE demo.post_batches(closing date)
LANGUAGE plpgsql AS $$
DECLARE
	this	demo.batch;
BEGIN
	FOR this IN SELECT * FROM demo.batch WHERE posted_in = closing ORDER BY batch.batch LOOP
		INSERT INTO demo.outcome
			SELECT this.orders[request], outcome, journal, price, net_money, revenue, sqlstate, message
			FROM post_trades(ARRAY(SELECT demo.request(fill) FROM unnest(this.orders) WITH ORDINALITY AS wanted (order_no, place)
								   JOIN demo.fill USING (order_no) ORDER BY place));
		COMMIT;
	END LOOP;
END
$$;

CREATE TABLE demo.wire (client text, closes_on date, reference text, amount amount);

-- Close one client's window five minutes after its end, agree the figures, and
-- pay: the client's wire in two parts, each provider in one settlement.
CREATE PROCEDURE demo.close_and_settle(client text, closing date)
LANGUAGE plpgsql AS $$
DECLARE
	ended	timestamptz := (SELECT to_at FROM window_bounds(client, closing));
	owed	record;
	wire	demo.wire;
	part	amount;
	direction text;
BEGIN
	PERFORM close_window(client, closing, at => ended + interval '5 minutes');
	COMMIT;
	PERFORM advise_window(client, closing, at => ended + interval '10 minutes');
	PERFORM agree_window(client, closing, at => ended + interval '2 hours');
	COMMIT;
	FOR owed IN SELECT * FROM obligations(client, open_only => true) o WHERE o.counterparty = o.client LOOP
		direction := CASE owed.payer WHEN client THEN 'received' ELSE 'sent' END;
		part := multiply_divide(owed.outstanding, 3, 5, 2);
		INSERT INTO demo.wire VALUES (client, closing, format('wire:%s:%s:1', client, closing), part),
									 (client, closing, format('wire:%s:%s:2', client, closing), owed.outstanding - part);
		FOR wire IN SELECT * FROM demo.wire w WHERE w.client = owed.counterparty AND w.closes_on = closing ORDER BY w.reference LOOP
			PERFORM record_wire(client, direction, wire.amount, wire.reference, closes_on => closing, at => ended + interval '3 hours');
			COMMIT;
		END LOOP;
	END LOOP;
	FOR owed IN SELECT DISTINCT o.counterparty FROM obligations(client, open_only => true) o ORDER BY 1 LOOP
		PERFORM settle_provider(client, owed.counterparty, format('settlement:%s:%s:%s', client, owed.counterparty, closing),
								closes_on => closing, at => ended + interval '6 hours');
		COMMIT;
	END LOOP;
END
$$;

-- everybody was there ten days before the market's first quote: deposits by ACH take their time
CREATE TABLE demo.day AS
SELECT min(quoted_at) - interval '10 days' AS opened_at FROM demo.market_quote;

GRANT USAGE ON SCHEMA demo TO demo_desk, demo_executor, demo_settlement;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA demo TO demo_desk, demo_executor, demo_settlement;
