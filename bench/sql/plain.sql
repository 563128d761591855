-- The plain version: the ledger that a good PL/pgSQL programmer writes first.
-- A row per line, balances kept up to date in place with a running balance on
-- each line, house accounts like any other account, one function for a trade
-- and one for a batch, numeric for money.  It checks what such ledgers check:
-- a repeated reference, the lines' sum, and that no customer goes below zero.
-- Accounts are locked in id order, so that two trades cannot deadlock.

CREATE SCHEMA plain;

CREATE TABLE plain.account (
	account_id	bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	client_id	int NOT NULL,
	customer_id bigint,
	name		text NOT NULL,
	asset		text NOT NULL,
	balance		numeric NOT NULL DEFAULT 0,	-- debit positive
	never_debit boolean NOT NULL DEFAULT false,
	version		bigint NOT NULL DEFAULT 0,
	updated_at	timestamptz NOT NULL DEFAULT now(),
	UNIQUE (client_id, name, asset),
	CHECK (NOT never_debit OR balance <= 0)
);

CREATE TABLE plain.journal (
	journal_id	bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	client_id	int NOT NULL,
	reference	text NOT NULL,
	kind		text NOT NULL,
	recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	effective_at timestamptz NOT NULL,
	UNIQUE (client_id, reference)
);

CREATE TABLE plain.line (
	line_id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	journal_id	bigint NOT NULL REFERENCES plain.journal,
	account_id	bigint NOT NULL REFERENCES plain.account,
	amount		numeric NOT NULL,
	balance_after numeric NOT NULL
);
CREATE INDEX ON plain.line (journal_id);
CREATE INDEX ON plain.line (account_id, line_id);

CREATE TABLE plain.execution (
	execution_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	journal_id	bigint NOT NULL REFERENCES plain.journal,
	client_id	int NOT NULL,
	customer_id bigint NOT NULL,
	symbol		text NOT NULL,
	side		text NOT NULL CHECK (side IN ('BUY', 'SELL')),
	quantity	numeric NOT NULL CHECK (quantity > 0),
	provider			text NOT NULL,
	provider_price	numeric NOT NULL,
	price		numeric NOT NULL,
	net_money	numeric NOT NULL,
	revenue		numeric NOT NULL,
	share		numeric NOT NULL,
	executed_at timestamptz NOT NULL
);
CREATE INDEX ON plain.execution (client_id, executed_at);

CREATE TYPE plain.trade_request AS (
	reference text, client_id int, customer_id bigint, side text, coin text, quantity numeric,
	provider text, provider_price numeric, markup_bps int, share_bps int, executed_at timestamptz
);

CREATE TABLE plain.request (batch int NOT NULL, trade_no bigint NOT NULL, request plain.trade_request NOT NULL);
CREATE INDEX ON plain.request (batch);

CREATE PROCEDURE plain.open_accounts()
LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO plain.account (client_id, name, asset)
		SELECT client_no, name, 'USD'
		FROM bench.client, unnest(ARRAY['Client:settlement', 'Revenue:markup', 'RevShare:payable',
										'LP:LP1', 'LP:LP2', 'LP:LP3']) name
		UNION ALL
		SELECT client_no, name, coin
		FROM bench.client, unnest(ARRAY['BTC', 'ETH']) coin,
			 unnest(ARRAY['DueTo:CUST', 'DueFrom:CORP', 'LP:LP1', 'LP:LP2', 'LP:LP3']) name;
	-- 100 coins each to begin with, which the other versions buy
	INSERT INTO plain.account (client_id, customer_id, name, asset, balance, never_debit)
		SELECT client_no, customer_no, 'Cust:' || customer_no, coin, -100, true
		FROM bench.customer, unnest(ARRAY['BTC', 'ETH']) coin;
END;

CREATE PROCEDURE plain.prepare(from_batch int, to_batch int)
LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO plain.request
		SELECT batch, trade_no,
			   ROW('exec-' || trade_no, client_no, customer_no, side, CASE coin_no WHEN 1 THEN 'BTC' ELSE 'ETH' END,
				   hundredths::numeric / 100, 'LP' || lp_no, provider_price, 50, 4000, executed_at)::plain.trade_request
		FROM bench.trade WHERE batch BETWEEN from_batch AND to_batch
		ORDER BY trade_no;
END;

CREATE FUNCTION plain.account_of(client int, account_name text, account_asset text) RETURNS bigint
LANGUAGE sql STABLE
RETURN (SELECT account_id FROM plain.account
		WHERE client_id = client AND name = account_name AND asset = account_asset);

CREATE FUNCTION plain.post_trade(request plain.trade_request) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	this_journal bigint;
	direction int := CASE request.side WHEN 'BUY' THEN 1 ELSE -1 END;
	customer_price numeric := request.provider_price * (1 + direction * request.markup_bps / 10000.0);
	provider_money numeric := round(request.quantity * request.provider_price, 2);
	net_money numeric := round(request.quantity * customer_price, 2);
	revenue numeric := abs(net_money - provider_money);
	share numeric := round(revenue * request.share_bps / 10000, 2);
	accounts bigint[];
	amounts numeric[];
	new_balance numeric;
BEGIN
	INSERT INTO plain.journal (client_id, reference, kind, effective_at)
	VALUES (request.client_id, request.reference, 'trade', request.executed_at)
	ON CONFLICT (client_id, reference) DO NOTHING
	RETURNING journal_id INTO this_journal;
	IF this_journal IS NULL THEN
		RETURN (SELECT journal_id FROM plain.journal
				WHERE client_id = request.client_id AND reference = request.reference);
	END IF;

	accounts := ARRAY[plain.account_of(request.client_id, 'Client:settlement', 'USD'),
					  plain.account_of(request.client_id, 'LP:' || request.provider, 'USD'),
					  plain.account_of(request.client_id, 'Revenue:markup', 'USD'),
					  plain.account_of(request.client_id, 'RevShare:payable', 'USD'),
					  plain.account_of(request.client_id, 'LP:' || request.provider, request.coin),
					  plain.account_of(request.client_id, 'DueTo:CUST', request.coin),
					  plain.account_of(request.client_id, 'DueFrom:CORP', request.coin),
					  plain.account_of(request.client_id, 'Cust:' || request.customer_id, request.coin)];
	amounts := ARRAY[direction * net_money, -direction * provider_money, share - revenue, -share,
					 direction * request.quantity, -direction * request.quantity,
					 direction * request.quantity, -direction * request.quantity];
	IF amounts[1] + amounts[2] + amounts[3] + amounts[4] <> 0 THEN
		RAISE EXCEPTION 'journal does not balance';
	END IF;

	PERFORM 1 FROM plain.account WHERE account_id = ANY (accounts) ORDER BY account_id FOR UPDATE;
	FOR i IN 1 .. array_length(accounts, 1) LOOP
		UPDATE plain.account
		SET balance = balance + amounts[i], version = version + 1, updated_at = clock_timestamp()
		WHERE account_id = accounts[i]
		RETURNING balance INTO new_balance;
		INSERT INTO plain.line (journal_id, account_id, amount, balance_after)
		VALUES (this_journal, accounts[i], amounts[i], new_balance);
	END LOOP;

	INSERT INTO plain.execution (journal_id, client_id, customer_id, symbol, side, quantity, provider, provider_price, price,
								 net_money, revenue, share, executed_at)
	VALUES (this_journal, request.client_id, request.customer_id, request.coin || 'USD', request.side, request.quantity,
			request.provider, request.provider_price, customer_price, net_money, revenue, share, request.executed_at);
	RETURN this_journal;
END
$$;

CREATE FUNCTION plain.post_trades(requests plain.trade_request[]) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
DECLARE
	request plain.trade_request;
BEGIN
	FOREACH request IN ARRAY requests LOOP
		RETURN NEXT plain.post_trade(request);
	END LOOP;
END
$$;

CREATE PROCEDURE plain.post(this_batch int)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM plain.post_trades((SELECT array_agg(request ORDER BY trade_no) FROM plain.request WHERE batch = this_batch));
END
$$;
