-- Trades: an execution is a journal of kind trade whose terms hold its facts (design 5).

-- Reference data that sessions cache for trading (src/events/party_cache.c):
-- a change makes all of them read it anew.
CREATE FUNCTION forget_parties() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION forget_parties() IS
	'Statement trigger of reference data: every session forgets what it has cached of it when this transaction commits. Derives nothing.';

CREATE TRIGGER forget_parties AFTER UPDATE ON customer FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON client FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON liquidity_provider FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON instrument FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();

-- Running fees of the orders that have a minimum fee (I18); other orders have no row.
CREATE TABLE order_commission (
	client_id		int NOT NULL REFERENCES client,
	customer_id		bigint NOT NULL REFERENCES customer,
	client_order_id	text COLLATE "C" NOT NULL CHECK (octet_length(client_order_id) BETWEEN 1 AND 64),
	asset			asset NOT NULL,
	accrued			amount NOT NULL,
	charged			amount NOT NULL,
	PRIMARY KEY (client_id, customer_id, client_order_id, asset)
);
COMMENT ON TABLE order_commission IS 'Running trade fees of orders with a minimum fee: what the next fill pays follows from it.';
COMMENT ON COLUMN order_commission.accrued IS 'Sum over the standing fills of bps and fixed fees, unrounded.';
COMMENT ON COLUMN order_commission.charged IS 'Sum over the standing fills of the fees they paid.';
SELECT pg_catalog.pg_extension_config_dump('order_commission', '');

CREATE TYPE trade_request AS (
	reference		text,
	account			text,
	side			text,
	quantity		amount,
	lp				text,
	lp_price		price,
	price			price,
	markup_bps		integer,
	markup_fixed	price,
	fee_bps			integer,
	fee_fixed		amount,
	fee_minimum		amount,
	client_order_id	text,
	executed_at		timestamptz,
	symbol			text,
	encumbered		boolean,
	linked			boolean
);
COMMENT ON TYPE trade_request IS
'One execution to post. reference: the idempotency key, 1 to 200 bytes, unique per client. account: the customer''s code. side: BUY or SELL.
quantity: of the base asset. lp: code of the liquidity provider. lp_price: the provider''s price. price: the customer''s; NULL: lp_price with
markup_bps and markup_fixed (per unit of the base asset), rounded to the instrument''s price increment, up for BUY and down for SELL.
fee_bps, fee_fixed: itemised trade fee of this fill. fee_minimum: least fee over the fills of one client_order_id, or of this fill when there is none.
executed_at: NULL: when recorded. symbol: only checked; the assets of quantity and price decide. encumbered: coin bought is bound until
paid for. linked: stands or falls with the next request.';

CREATE TYPE trade_result AS (
	request			integer,
	outcome			text,
	replayed		boolean,
	journal			bigint,
	price			price,
	net_money		amount,
	revenue			amount,
	revenue_share	amount,
	fee				amount,
	position_after	amount,
	sqlstate		text,
	message			text,
	detail			text,
	hint			text,
	recorded_at		timestamptz
);
COMMENT ON TYPE trade_result IS
'What came of one execution: its place in the batch from 1; posted or refused; whether the reference was known and this is the original
outcome; the journal; the customer''s price; net money (fee included; positive = the customer or client owes, negative = is owed); revenue before
the client''s share, the share, the itemised fee; the customer''s coin after it (NULL on replay); and why it was refused.';

CREATE FUNCTION post_trade(
	reference		text,
	account			text,
	side			text,
	quantity		amount,
	lp				text,
	lp_price		price DEFAULT NULL,
	price			price DEFAULT NULL,
	markup_bps		integer DEFAULT NULL,
	markup_fixed	price DEFAULT NULL,
	fee_bps			integer DEFAULT NULL,
	fee_fixed		amount DEFAULT NULL,
	fee_minimum		amount DEFAULT NULL,
	client_order_id	text DEFAULT NULL,
	executed_at		timestamptz DEFAULT NULL,
	symbol			text DEFAULT NULL,
	encumbered		boolean DEFAULT false,
	dry_run			boolean DEFAULT false)
	RETURNS trade_result
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION post_trade(text, text, text, amount, text, price, price, integer, price, integer, amount, amount, text, timestamptz, text, boolean, boolean) IS
'Posts one execution or raises why not; fields as in type trade_request. The coin is the customer''s at once; the funding model decides the cash leg:
BAKKT_TPJ a receivable or payable per customer, NET_SETTLEMENT the client''s settlement position, APEX_TPJ Apex, NO_SETTLEMENT a memorandum
account. Money is rounded half-even, once, and fees in bps are taken of the rounded notional; revenue is net money against the provider''s money, by subtraction. The same reference with the same
content returns the original outcome; other content raises LG020 naming the field. Raises LG002 malformed or against the commission model,
LG012 unknown customer, LG013 customer may not buy or sell, LG014 unknown or inactive provider, LG015 unknown or retired instrument, LG042 assets do not fit,
LG043 too many decimals, LG045 not positive, LG046 price or quantity off its increment, LG047 money rounds to nothing, LG048 the customer''s price is worse for the company
than the provider''s by more than the client''s terms concede, LG049 the provider''s price is far from its last execution, LG050 coin sold is not held, LG061 executed more than five minutes ahead,
and those of the posting function (doc/errors.md); 40001 or 40P01: retry.';

CREATE FUNCTION post_trades(requests trade_request[], strict boolean DEFAULT false, dry_run boolean DEFAULT false)
	RETURNS SETOF trade_result
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1000;
COMMENT ON FUNCTION post_trades(trade_request[], boolean, boolean) IS
'Posts executions in order, later ones seeing earlier ones, in the caller''s transaction. A row per request; a refused one does not stop the others
and stays refused under its reference. strict raises the first refusal instead and posts nothing. dry_run writes nothing. Errors as in post_trade().';

CREATE FUNCTION bust_trade(
	reference	text,
	account		text,
	original	text DEFAULT NULL,
	journal		bigint DEFAULT NULL,
	reason		text DEFAULT NULL,
	dry_run		boolean DEFAULT false)
	RETURNS trade_result
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION bust_trade(text, text, text, bigint, text, boolean) IS
'Takes back an execution of the customer, whole and once: a journal of kind trade_bust with every line and amount negated, effective when the original
was executed and pointing back to it. The original is named by its reference or by its journal. Idempotent by reference. Raises LG012 unknown customer,
LG062 no such execution of the customer, LG063 reversed already, LG050 the coin has been sold on, LG002 malformed.';

CREATE FUNCTION correct_trade(
	reference		text,
	account			text,
	side			text,
	quantity		amount,
	lp				text,
	lp_price		price DEFAULT NULL,
	price			price DEFAULT NULL,
	markup_bps		integer DEFAULT NULL,
	markup_fixed	price DEFAULT NULL,
	fee_bps			integer DEFAULT NULL,
	fee_fixed		amount DEFAULT NULL,
	fee_minimum		amount DEFAULT NULL,
	client_order_id	text DEFAULT NULL,
	executed_at		timestamptz DEFAULT NULL,
	symbol			text DEFAULT NULL,
	encumbered		boolean DEFAULT false,
	original		text DEFAULT NULL,
	journal			bigint DEFAULT NULL,
	original_account text DEFAULT NULL,
	reason			text DEFAULT NULL,
	dry_run			boolean DEFAULT false)
	RETURNS SETOF trade_result
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 2;
COMMENT ON FUNCTION correct_trade(text, text, text, amount, text, price, price, integer, price, integer, amount, amount, text, timestamptz, text, boolean, text, bigint, text, text, boolean) IS
'Busts an execution and posts the right one in its place, both or neither. Fields of the new execution as in type trade_request; it points back to the
original (corrects). original or journal names the execution taken back, original_account its customer if that was the mistake. The bust''s reference is
the given one with "/bust" appended. executed_at NULL: that of the original. Two rows: the bust, then the new execution. Errors as in bust_trade() and post_trade().';

-- Executions and busts as rows; a caller sees those of its clients.
CREATE VIEW execution WITH (security_invoker = true) AS
	SELECT c.code AS client, cu.account_code AS account, j.reference, k.name AS kind, i.symbol, side(j.terms) AS side,
		   quantity(j.terms) AS quantity, price(j.terms) AS price, net_money(j.terms) AS net_money, fee(j.terms) AS fee,
		   lp.code AS lp, lp_price(j.terms) AS lp_price, lp_money(j.terms) AS lp_money,
		   revenue(j.terms) AS revenue, revenue_share(j.terms) AS revenue_share, funding_model(j.terms) AS funding_model,
		   client_order_id(j.terms) AS client_order_id, j.effective_at AS executed_at, j.recorded_at, j.journal_id AS journal,
		   busts(j.terms) AS busts, bust.journal_id AS busted_by, corrects(j.terms) AS corrects, j.description AS reason,
		   j.client_id, j.customer_id, i.instrument_id, lp.lp_id, j.terms
	  FROM journal j
	  JOIN client c ON c.client_id = j.client_id
	  JOIN customer cu ON cu.customer_id = j.customer_id
	  JOIN journal_kind k ON k.kind = j.kind
	  JOIN instrument i ON i.instrument_id = instrument_id(j.terms)
	  JOIN liquidity_provider lp ON lp.lp_id = lp_id(j.terms)
	  LEFT JOIN journal bust ON bust.client_id = j.client_id AND bust.reverses = j.journal_id AND bust.kind = 4
	 WHERE j.kind IN (3, 4);
COMMENT ON VIEW execution IS
'Executions (kind trade) and their busts (trade_bust). Money and quantity as recorded: net_money positive = the customer or client owes; all amounts of a
bust but quantity and the prices are negated. busts, busted_by and corrects point from one journal to the other.';
