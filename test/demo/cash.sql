-- The cash of the Marketplace client's customers: who has funded his purchases
-- and who has not, what the bank does, and what the evening looks like.
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;

-- What every customer's purchases come to, less his sales; one in ten has sent half of it.
CREATE TABLE demo.funding AS
SELECT client, account, account LIKE '%7' AS short,
	   ceil(sum(spent) * CASE WHEN account LIKE '%7' THEN 0.5 ELSE 1.1 END) + 10 AS sent
FROM (SELECT client, account, CASE side WHEN 'BUY' THEN quantity * provider_price ELSE 0 END AS spent FROM demo.fill) fills
JOIN demo.client ON code = client
WHERE funding_model = 'BAKKT_TPJ' AND account NOT LIKE '%0001'
GROUP BY 1, 2;

-- The day that the cash follows: the last on which a window closes.
CREATE TABLE demo.cash_day AS
SELECT max(closes_on) AS day FROM demo.window WHERE closed;

CREATE FUNCTION demo.central(day date, at time) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
RETURN (day + at) AT TIME ZONE 'America/Chicago';

-- Deposits by ACH: the desk asks for them; they are on the bank's statement the next morning, and settled when the
-- availability hold has expired.
CREATE PROCEDURE demo.ask_for_deposits()
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM initiate_deposit(account, amount(sent, 'USD'), 'ach:' || account, at => opened_at) FROM demo.day, demo.funding;
END
$$;

CREATE PROCEDURE demo.deposits_arrive()
LANGUAGE plpgsql AS $$
DECLARE
	opened	timestamptz := (SELECT opened_at FROM demo.day);
	this	record;
BEGIN
	FOR this IN SELECT client, array_agg('ach:' || account) AS deposits FROM demo.funding GROUP BY 1 LOOP
		PERFORM credit_deposits(this.client, this.deposits, 'ach-file:' || this.client, at => opened + interval '20 hours');
	END LOOP;
	PERFORM settle_deposits(opened + interval '9 days');
END
$$;

-- The bank carries out what has been instructed.
CREATE PROCEDURE demo.bank(done_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
	this	record;
BEGIN
	FOR this IN SELECT * FROM fbo_transfers(in_transit_only => true) LOOP
		PERFORM confirm_fbo_transfer(this.client, this.reference, 'bank:' || this.client || ':' || this.reference, at => done_at);
	END LOOP;
END
$$;

-- Apex answers a batch of calls: yes to all but one in twenty.
CREATE PROCEDURE demo.apex(sent_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
	this	record;
BEGIN
	FOR this IN SELECT code AS client, 'apex:' || code || ':' || to_char(sent_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MI') AS batch
				FROM demo.client WHERE funding_model = 'APEX_TPJ' LOOP
		PERFORM open_apex_batch(this.client, this.batch, at => sent_at);
		PERFORM record_apex_answers(this.client, this.batch,
			ARRAY(SELECT ROW(call, call % 20 <> 0, CASE WHEN call % 20 = 0 THEN 'UNSETTLED_PROCEEDS' END, 'apx-' || call)::apex_answer
				  FROM apex_batch_items(this.client, this.batch)), at => sent_at + interval '30 minutes');
	END LOOP;
END
$$;

-- Who is followed through the afternoon: of those whose calls failed twice and more, the one with most of them.
CREATE TABLE demo.followed (client text, account text);

CREATE PROCEDURE demo.follow(seen_at timestamptz)
LANGUAGE sql AS $$
	INSERT INTO demo.followed
	SELECT code, account_id
	FROM demo.client, aged_tpj(code, seen_at)
	WHERE funding_model = 'BAKKT_TPJ' AND direction = 'Withdrawal' AND attempts > 1
	GROUP BY 1, 2 ORDER BY count(*) DESC, 2 LIMIT 1
$$;

-- What is looked at before and after: kept, because it is printed at the end.
CREATE TABLE demo.power (occasion text, seen_at timestamptz, power buying_power);

CREATE PROCEDURE demo.look(occasion text, seen_at timestamptz)
LANGUAGE sql AS $$
	INSERT INTO demo.power SELECT occasion, seen_at, buying_power(account, at => seen_at) FROM demo.followed
$$;

-- The file of the morning as it was printed then.
CREATE TABLE demo.printed (client text, kind text, day date, line_no bigint, line text);

CREATE PROCEDURE demo.print(kind text)
LANGUAGE sql AS $$
	INSERT INTO demo.printed
	SELECT code, kind, day, line_no, line
	FROM demo.cash_day, demo.client, aged_tpj_file(code, kind, day) WITH ORDINALITY AS file (line, line_no)
	WHERE funding_model IN ('BAKKT_TPJ', 'APEX_TPJ')
$$;

-- In the afternoon the followed customer's wire arrives: what he owes and no more.
CREATE PROCEDURE demo.wire_arrives(arrived_at timestamptz)
LANGUAGE sql AS $$
	SELECT receive_wire(client, owed, 'wire:' || account, account, bank_reference => 'IMAD-' || account, at => arrived_at)
	FROM demo.followed, LATERAL (SELECT sum(net_money) AS owed FROM aged_tpj(client, arrived_at) WHERE account_id = account AND direction = 'Withdrawal') calls
$$;

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA demo TO demo_desk, demo_executor, demo_settlement;
