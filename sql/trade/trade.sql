-- Posting, busting and correcting executions, singly and in batches (doc/trades.md).
-- Refuses what post_trade()'s comment lists, LG012 to LG094; a reference gets the same outcome for
-- ever.
-- Locks, in order: customers, the client's events of calls, cash calls, then what posting locks.

CREATE TYPE bakkt_ledger.trade_request AS (
    customer text,
    side text,
    quantity amount,
    provider text,
    reference text,
    provider_price price,
    price price,
    markup_bps integer,
    markup_fixed price,
    fee_bps integer,
    fee_fixed amount,
    fee_minimum amount,
    client_order_id text,
    executed_at timestamptz,
    symbol text,
    encumbered boolean,
    linked boolean
);
COMMENT ON TYPE trade_request IS
'One execution to post.
reference: the idempotency key, 1 to 200 bytes, unique per client. customer: the customer''s code. side: BUY or SELL. quantity:
of the base asset. provider: code of the liquidity provider. provider_price: its price. price: the customer''s; NULL:
provider_price with markup_bps and markup_fixed (per unit of the base asset), rounded to the instrument''s price increment, up for
BUY and down for SELL. fee_bps: itemized trade fee. fee_fixed, fee_minimum: what the fills of one client_order_id, or this fill
when there is none, cost once and at least; every fill of the order names the same (LG002). executed_at: NULL: when recorded.
symbol: only checked; the assets of quantity and price decide. encumbered: coin bought is encumbered until it is paid for. linked:
posted only together with the next request.';

CREATE FUNCTION bakkt_ledger.trade_requests(requests jsonb) RETURNS trade_request[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT r FROM request_rows(requests, NULL::trade_request) AS r);
END;
$$;
COMMENT ON FUNCTION trade_requests IS
'Reads requests for post_trades() from JSON: an array of objects with the fields of trade_request, [] being none.
Errors: LG002 no array, an unknown key, a value of another type, which is named; 54000 more than one call takes.';

CREATE TYPE bakkt_ledger.trade_result AS (
    request integer,
    reference text,
    outcome text,
    replayed boolean,
    journal bigint,
    price price,
    net_money amount,
    revenue amount,
    revenue_share amount,
    fee amount,
    position_after amount,
    sqlstate text,
    message text,
    detail text,
    hint text,
    facts jsonb,
    recorded_at timestamptz
);
COMMENT ON TYPE trade_result IS
'The outcome of one execution.
request: its place in the batch from 1. outcome: posted or refused. replayed: the reference was known and this is the original
outcome. price: the customer''s. net_money: fee included; positive = the customer or client owes, negative = is owed. revenue:
before the client''s share. fee: itemized. position_after: the customer''s coin after it (NULL on replay). sqlstate, message,
detail, hint: why it was refused; facts: the same for programs, as an object.';

CREATE FUNCTION bakkt_ledger.post_trade(customer text, side text, quantity amount, provider text, reference text,
                                        provider_price price DEFAULT NULL, price price DEFAULT NULL,
                                        markup_bps integer DEFAULT NULL, markup_fixed price DEFAULT NULL,
                                        fee_bps integer DEFAULT NULL, fee_fixed amount DEFAULT NULL,
                                        fee_minimum amount DEFAULT NULL, client_order_id text DEFAULT NULL,
                                        executed_at timestamptz DEFAULT NULL, symbol text DEFAULT NULL,
                                        encumbered boolean DEFAULT false, dry_run boolean DEFAULT false)
    RETURNS trade_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION post_trade IS
'Posts one execution or raises why not; fields as in type trade_request.
The coin is the customer''s at once; the funding model decides the cash leg: BAKKT_TPJ a receivable or payable per customer,
NET_SETTLEMENT the client''s settlement position, APEX_TPJ Apex, NO_SETTLEMENT a memorandum account. Money is rounded half-even,
once, and fees in bps are a part of the rounded notional; revenue is the difference of net money and the provider''s money. The
same reference with the same content returns the original outcome.
Errors: LG002 malformed or against the commission model, LG012 unknown customer, LG013 customer may not buy or sell, LG014
unknown or inactive provider, LG015 unknown or retired instrument, LG020 another field under this reference, LG042 assets of
quantity and price do not match, LG043 too many decimals, LG045 not positive, LG046 price or quantity off its increment, LG047
money rounds to nothing, LG048 the customer''s price is worse for the company than the provider''s by more than the client''s
terms concede, LG049 the provider''s price is far from its last execution, LG050 coin sold is not held, LG061 executed more than
five minutes ahead, LG091 above the limit per trade of client or provider, LG092 above the client''s net debit cap, LG093 above
its daily gross limit, LG094 the client is CLOSE_ONLY or SUSPENDED, and those of the posting function (doc/errors.md); 40001 or
40P01: retry.';

CREATE FUNCTION bakkt_ledger.post_trades(requests trade_request[], strict boolean DEFAULT false, dry_run boolean DEFAULT false)
    RETURNS SETOF trade_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION post_trades IS
'Posts executions in order, later ones seeing earlier ones, in the caller''s transaction.
A row per request; a refused one does not stop the others and stays refused under its reference. strict: raises the first refusal
instead and posts nothing. dry_run: writes nothing.
Errors: as in post_trade().';

CREATE FUNCTION bakkt_ledger.bust_trade(customer text, original text DEFAULT NULL, reference text DEFAULT NULL,
                                        reason text DEFAULT NULL, journal bigint DEFAULT NULL, dry_run boolean DEFAULT false)
    RETURNS trade_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION bust_trade IS
'Takes back an execution of the customer, whole and once.
A journal of kind trade_bust with every line and amount negated, effective when the original was executed and pointing back to
it. The original is named by its reference or by its journal. Idempotent by reference.
Errors: LG012 unknown customer, LG062 no such execution of the customer, LG063 reversed already, LG050 the coin has been sold
on, LG002 malformed.';

CREATE FUNCTION bakkt_ledger.correct_trade(customer text, side text, quantity amount, provider text, reference text,
                                           provider_price price DEFAULT NULL, price price DEFAULT NULL,
                                           markup_bps integer DEFAULT NULL, markup_fixed price DEFAULT NULL,
                                           fee_bps integer DEFAULT NULL, fee_fixed amount DEFAULT NULL,
                                           fee_minimum amount DEFAULT NULL, client_order_id text DEFAULT NULL,
                                           executed_at timestamptz DEFAULT NULL, symbol text DEFAULT NULL,
                                           encumbered boolean DEFAULT NULL, original text DEFAULT NULL,
                                           journal bigint DEFAULT NULL, original_customer text DEFAULT NULL,
                                           reason text DEFAULT NULL, dry_run boolean DEFAULT false)
    RETURNS SETOF trade_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 2 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION correct_trade IS
'Busts an execution and posts the right one in its place, both or neither.
Fields of the new execution as in type trade_request; what is NULL is the original''s (prices, markup, fees, order, time), unless
it is of another pair; give 0 for none. The funding model is the original''s if its customer is, the client''s share always; it
points back to the original (corrects). original or journal: the execution taken back; original_customer: its customer, if the
customer was wrong. The bust''s reference is the given one with "/bust" appended. Two rows: the bust, then the new execution.
Errors: as in bust_trade() and post_trade().';
