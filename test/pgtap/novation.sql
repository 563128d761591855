-- The worked window of a client that settles net: journals J07a to J07g line by line.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/reference_data_event.psql
SELECT no_plan();

SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001'), open_customer(client => 'QRST', customer => 'QRST0002') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
CREATE FUNCTION pg_temp.as_posted(reference text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.fund, a.name, coalesce(l.debit, l.credit)::text)
	FROM journal j, lines(j.entry) AS l JOIN account a USING (account) WHERE j.reference = $1 ORDER BY l.line $$;

SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.2 BTC', 'lp1', 'J07a', provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => '2025-06-01 15:00Z') \g /dev/null
SELECT outcome FROM load_journal('QRST', journal_entry(line('Dr', ensure_account(require_client('QRST'), 'CUST', 'Wallet:omnibus', 'BTC'), '0.05 BTC'),
	line('Cr', ensure_account(require_client('QRST'), 'CUST', 'Cust:QRST0002', 'BTC'), '0.05 BTC')), 'J07b', at => '2025-06-01 15:30Z') \g /dev/null
SELECT outcome FROM post_trade('QRST0002', 'SELL', '0.05 BTC', 'lp1', 'J07c', provider_price => '60200 USD/BTC', markup_bps => 50, executed_at => '2025-06-01 16:00Z') \g /dev/null

SELECT results_eq($$SELECT pg_temp.as_posted('J07a')$$, $$VALUES ('Dr CORP Client:settlement:QRST 12060.00 USD'), ('Cr CORP LP:payable:lp1 12000.00 USD'), ('Cr CORP Revenue:markup 60.00 USD'),
	('Dr CORP LP:coin-receivable:lp1 0.20 BTC'), ('Cr CORP DueTo:CUST 0.20 BTC'), ('Dr CUST DueFrom:CORP 0.20 BTC'), ('Cr CUST Cust:QRST0001 0.20 BTC')$$,
	'a purchase that settles net posts journal J07a');
SELECT results_eq($$SELECT pg_temp.as_posted('J07c')$$, $$VALUES ('Dr CUST Cust:QRST0002 0.05 BTC'), ('Cr CUST DueTo:CORP 0.05 BTC'), ('Dr CORP DueFrom:CUST 0.05 BTC'),
	('Cr CORP LP:coin-payable:lp1 0.05 BTC'), ('Dr CORP LP:receivable:lp1 3010.00 USD'), ('Cr CORP Client:settlement:QRST 2994.95 USD'), ('Cr CORP Revenue:markup 15.05 USD')$$,
	'a sale that settles net posts journal J07c');

SELECT results_eq($$SELECT settlement_window, status, counterparty, payer, payee, amount::text, due_at FROM close_window('QRST', '2025-06-02', '2025-06-02 14:01Z')$$,
	$$VALUES ('W1', 'SEALED', 'QRST', 'QRST', 'BAKKT', '9065.05 USD', timestamptz '2025-06-02 19:00 America/New_York'),
	('W1', 'SEALED', 'lp1', 'BAKKT', 'lp1', '8990.00 USD', '2025-06-02 19:00 America/New_York'), ('W1', 'SEALED', 'lp1', 'lp1', 'BAKKT', '0.15 BTC', '2025-06-03 00:00Z')$$,
	'a closed window enters one obligation per counterparty and asset');
SELECT results_eq($$SELECT pg_temp.as_posted('settlement:W1:provider:lp1')$$, $$VALUES ('Dr CORP LP:payable:lp1 12000.00 USD'), ('Cr CORP LP:receivable:lp1 3010.00 USD'), ('Cr CORP LP:net:lp1:W1 8990.00 USD'),
	('Dr CORP LP:coin-payable:lp1 0.05 BTC'), ('Cr CORP LP:coin-receivable:lp1 0.20 BTC'), ('Dr CORP LP:net:lp1:W1 0.15 BTC')$$,
	'the novation of a provider posts journal J07d');
SELECT results_eq($$SELECT pg_temp.as_posted('settlement:W1:client:QRST')$$, $$VALUES ('Dr CORP Client:obligation:QRST:W1 9065.05 USD'), ('Cr CORP Client:settlement:QRST 9065.05 USD')$$,
	'the novation of a client posts journal J07e');
SELECT ok((SELECT bool_and(k.name = 'novation' AND j.effective_at = '2025-06-02 14:00Z') FROM journal j JOIN journal_kind k USING (kind) WHERE j.reference LIKE 'settlement:%'), 'novations are effective at the cut-off');

SELECT results_eq($$SELECT * FROM close_window('QRST', '2025-06-02', '2025-06-02 18:00Z')$$, $$SELECT * FROM close_window('QRST', '2025-06-02', '2025-06-02 14:01Z')$$,
	'a window closed again returns the same obligations');
SELECT results_eq($$SELECT DISTINCT reference, outcome, replayed, client, status FROM close_window('QRST', '2025-06-02', '2025-06-02 18:00Z')$$, $$VALUES (NULL::text, 'sealed', true, 'QRST', 'SEALED')$$,
	'a window closed again is answered as it was first');
SELECT is((SELECT count(*) FROM journal), 5::bigint, 'a window closed again posts nothing');

SELECT advise_window('QRST', '2025-06-02'), agree_window('QRST', '2025-06-02') \g /dev/null
SELECT results_eq($$SELECT counterparty, paid::text, outstanding::text, status FROM record_wire('QRST', 'received', '9065.05 USD', 'J07f', at => '2025-06-02 20:00Z')$$, $$VALUES ('QRST', '9065.05 USD', '0.00 USD', 'SETTLED')$$,
	'the wire discharges the client''s obligation');
SELECT results_eq($$SELECT pg_temp.as_posted('J07f')$$, $$VALUES ('Dr CORP Bank:operating 9065.05 USD'), ('Cr CORP Client:obligation:QRST:W1 9065.05 USD')$$,
	'a client''s wire posts journal J07f');
SELECT results_eq($$SELECT paid::text, status FROM settle_provider('QRST', 'lp1', 'J07g', '2025-06-02', at => '2025-06-02 21:00Z')$$, $$VALUES ('8990.00 USD', 'SETTLED'), ('0.15 BTC', 'SETTLED')$$,
	'the provider is paid and delivers');
SELECT results_eq($$SELECT reference, outcome, replayed, paid::text, status FROM settle_provider('QRST', 'lp1', 'J07g', '2025-06-02', at => '2025-06-02 22:00Z')$$,
	$$VALUES ('J07g', 'paid', true, '8990.00 USD', 'SETTLED'), ('J07g', 'paid', true, '0.15 BTC', 'SETTLED')$$,
	'a settlement with a provider recorded again is answered as it was first');
SELECT results_eq($$SELECT pg_temp.as_posted('J07g')$$, $$VALUES ('Dr CORP LP:net:lp1:W1 8990.00 USD'), ('Cr CORP Bank:operating 8990.00 USD'), ('Dr CORP DueTo:CUST 0.20 BTC'), ('Cr CORP DueFrom:CUST 0.05 BTC'),
	('Cr CORP LP:net:lp1:W1 0.15 BTC'), ('Dr CUST DueTo:CORP 0.05 BTC'), ('Dr CUST Wallet:omnibus 0.15 BTC'), ('Cr CUST DueFrom:CORP 0.20 BTC')$$,
	'a provider''s settlement posts journal J07g');
SELECT is((SELECT status FROM settlement_window), 'SETTLED', 'a window is settled when all its obligations are');
SELECT results_eq($$SELECT name || ' ' || balance::text FROM balances('QRST') WHERE NOT is_zero(balance) ORDER BY name COLLATE "C"$$,
	$$VALUES ('Bank:operating 75.05 USD'), ('Cust:QRST0001 0.20 BTC'), ('Revenue:markup 75.05 USD'), ('Wallet:omnibus 0.20 BTC')$$,
	'only the company''s revenue and the customer''s coin are left after settlement');

-- ---------------------------------------------------------------------------
-- Coin that nets to nothing: nobody delivers, so the funds are set off at the close
-- ---------------------------------------------------------------------------
SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.1 BTC', 'lp1', 'b2', provider_price => '60000 USD/BTC', executed_at => '2025-06-02 15:00Z') \g /dev/null
SELECT outcome FROM post_trade('QRST0001', 'SELL', '0.1 BTC', 'lp1', 's2', provider_price => '60000 USD/BTC', executed_at => '2025-06-02 16:00Z') \g /dev/null
SELECT results_eq($$SELECT settlement_window, counterparty FROM close_window('QRST', '2025-06-03', '2025-06-03 14:00Z')$$, $$VALUES ('W2', NULL::text)$$,
	'a window whose trades net to nothing enters no obligation');
SELECT results_eq($$SELECT pg_temp.as_posted('settlement:W2:provider:lp1')$$, $$VALUES ('Dr CORP LP:payable:lp1 6000.00 USD'), ('Cr CORP LP:receivable:lp1 6000.00 USD'),
	('Dr CORP LP:coin-payable:lp1 0.10 BTC'), ('Cr CORP LP:coin-receivable:lp1 0.10 BTC'), ('Dr CORP DueTo:CUST 0.10 BTC'), ('Cr CORP DueFrom:CUST 0.10 BTC'), ('Dr CUST DueTo:CORP 0.10 BTC'), ('Cr CUST DueFrom:CORP 0.10 BTC')$$,
	'trades that net to nothing are novated and set off');

-- ---------------------------------------------------------------------------
-- The mirror: the company owes the client, and coin to the provider; delivered in parts
-- ---------------------------------------------------------------------------
SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.01 BTC', 'lp1', 'b3', provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => '2025-06-03 15:00Z') \g /dev/null
SELECT outcome FROM post_trade('QRST0001', 'SELL', '0.12 BTC', 'lp1', 's3', provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => '2025-06-03 16:00Z') \g /dev/null
SELECT results_eq($$SELECT counterparty, payer, payee, amount::text FROM close_window('QRST', '2025-06-04', '2025-06-04 14:00Z')$$,
	$$VALUES ('QRST', 'BAKKT', 'QRST', '6561.00 USD'), ('lp1', 'lp1', 'BAKKT', '6600.00 USD'), ('lp1', 'BAKKT', 'lp1', '0.11 BTC')$$,
	'a window of net sales makes the company pay the client');
SELECT results_eq($$SELECT pg_temp.as_posted('settlement:W3:client:QRST')$$, $$VALUES ('Cr CORP Client:obligation:QRST:W3 6561.00 USD'), ('Dr CORP Client:settlement:QRST 6561.00 USD')$$,
	'the novation of a client that is owed posts journal J07e mirrored');
SELECT advise_window('QRST', '2025-06-04'), agree_window('QRST', '2025-06-04') \g /dev/null
SELECT results_eq($$SELECT paid::text, outstanding::text, status FROM settle_provider('QRST', 'lp1', 'part 1', '2025-06-04', '{0.04 BTC}', '2025-06-04 15:00Z')$$, $$VALUES ('0.04 BTC', '0.07 BTC', 'PARTIALLY_SETTLED')$$,
	'an obligation of coin can be delivered in part');
SELECT results_eq($$SELECT pg_temp.as_posted('part 1')$$, $$VALUES ('Dr CORP DueTo:CUST 0.01 BTC'), ('Cr CORP DueFrom:CUST 0.05 BTC'), ('Dr CORP LP:net:lp1:W3 0.04 BTC'),
	('Dr CUST DueTo:CORP 0.05 BTC'), ('Cr CUST Wallet:omnibus 0.04 BTC'), ('Cr CUST DueFrom:CORP 0.01 BTC')$$,
	'the first delivery clears the netted coin as well');
SELECT results_eq($$SELECT paid::text, outstanding::text, status FROM settle_provider('QRST', 'lp1', 'part 2', '2025-06-04', '{1000 USD, 0.07 BTC}', '2025-06-04 16:00Z')$$,
	$$VALUES ('1000.00 USD', '5600.00 USD', 'PARTIALLY_SETTLED'), ('0.07 BTC', '0.00 BTC', 'SETTLED')$$,
	'one settlement can deliver the rest of the coin and a part of the money');
SELECT results_eq($$SELECT pg_temp.as_posted('part 2')$$, $$VALUES ('Dr CORP Bank:operating 1000.00 USD'), ('Cr CORP LP:net:lp1:W3 1000.00 USD'), ('Cr CORP DueFrom:CUST 0.07 BTC'), ('Dr CORP LP:net:lp1:W3 0.07 BTC'),
	('Dr CUST DueTo:CORP 0.07 BTC'), ('Cr CUST Wallet:omnibus 0.07 BTC')$$, 'a later delivery clears its own amount only');
SELECT results_eq($$SELECT counterparty, paid::text, status FROM settle_window('QRST', '2025-06-04', 'rest', '2025-06-04 17:00Z')$$, $$VALUES ('QRST', '6561.00 USD', 'SETTLED'), ('lp1', '5600.00 USD', 'SETTLED')$$,
	'settling a window pays all its open obligations');
SELECT results_eq($$SELECT counterparty, paid::text FROM settle_window('QRST', '2025-06-04', 'rest', '2025-06-04 17:00Z')$$, $$VALUES ('QRST', '6561.00 USD'), ('lp1', '5600.00 USD')$$,
	'a window settled again under its reference is a replay');
SELECT results_eq($$SELECT pg_temp.as_posted('rest:QRST:USD')$$, $$VALUES ('Dr CORP Client:obligation:QRST:W3 6561.00 USD'), ('Cr CORP Bank:operating 6561.00 USD')$$,
	'a payment to the client posts journal J07f mirrored');
SELECT is_empty($$SELECT name, balance FROM balances('QRST') WHERE name ~ '^(Due|LP|Client)' AND NOT is_zero(balance)$$,
	'nothing is left between funds, providers and client after settlement');

-- a bust of a purchase whose window is sealed makes a coin receivable negative
SELECT outcome FROM bust_trade('QRST0001', original => 'b3', reference => 'bust a') \g /dev/null
SELECT results_eq($$SELECT counterparty, payer, amount::text FROM close_window('QRST', '2025-06-05', '2025-06-05 14:00Z')$$, $$VALUES ('QRST', 'BAKKT', '603.00 USD'), ('lp1', 'lp1', '600.00 USD'), ('lp1', 'BAKKT', '0.01 BTC')$$,
	'a bust after its window enters obligations the other way around');
SELECT advise_window('QRST', '2025-06-05'), agree_window('QRST', '2025-06-05') \g /dev/null
SELECT lives_ok($$SELECT settle_window('QRST', '2025-06-05', 'busted', '2025-06-05 17:00Z')$$,
	'a window of a bust can be settled');
SELECT is_empty($$SELECT name, balance FROM balances('QRST') WHERE name ~ '^(Due|LP|Client)' AND NOT is_zero(balance)$$,
	'nothing is left between funds, providers and client after a bust');
SELECT is((SELECT balance FROM balances('QRST') WHERE name = 'Wallet:omnibus'), (SELECT sum(balance) FROM balances('QRST') WHERE name LIKE 'Cust:%'),
	'the omnibus wallet holds what customers own');

-- a provider settled directly before the close owes, and is owed, that much less
SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.1 BTC', 'lp1', 'b6', provider_price => '60000 USD/BTC', executed_at => '2025-06-05 15:00Z') \g /dev/null
SELECT outcome FROM record_provider_settlement('QRST', 'lp1', '0.04 BTC', '1000 USD', 'direct', at => '2025-06-05 20:00Z') \g /dev/null
SELECT results_eq($$SELECT counterparty, payer, amount::text FROM close_window('QRST', '2025-06-06', '2025-06-06 14:00Z')$$, $$VALUES ('QRST', 'QRST', '6000.00 USD'), ('lp1', 'BAKKT', '5000.00 USD'), ('lp1', 'lp1', '0.06 BTC')$$, 'what was settled before the close is not owed again');
SELECT results_eq($$SELECT kind, counterparty, amount::text FROM window_adjustments('QRST', '2025-06-06') ORDER BY 3$$, $$VALUES ('provider_settlement', 'lp1', '-0.04 BTC'), ('provider_settlement', 'lp1', '1000.00 USD')$$,
	'a settlement before the close is listed as an adjustment');
SELECT is((advise_window('QRST', '2025-06-06')).status, 'ADVISED', 'a window with a settlement before its close is advised');
SELECT agree_window('QRST', '2025-06-06') \g /dev/null
SELECT lives_ok($$SELECT settle_window('QRST', '2025-06-06', 'sixth', '2025-06-06 17:00Z')$$,
	'obligations left by a settlement before the close can be settled');
SELECT is_empty($$SELECT name, balance FROM balances('QRST') WHERE name ~ '^(Due|LP|Client)' AND NOT is_zero(balance)$$,
	'nothing is left after a provider settled before the close');

-- ---------------------------------------------------------------------------
-- A client whose bank has a calendar of its own
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT change_settlement('QRST', cash_calendar => 'MARS')$$, 'LG075', NULL,
	'an unknown cash calendar is refused');
SELECT add_calendar_version('BANKX', '2025-01-01', '2025-12-31', '{2025-06-09}', '{Bank Day}', 'the bank', cut_time => '15:00', zone => 'America/Chicago') \g /dev/null
SELECT results_eq($$SELECT * FROM change_settlement('QRST', cash_calendar => 'BANKX', reference => 'bank', reason => 'moved')$$, $$VALUES ('bank', 'changed', false)$$,
	'a client can settle by its own bank''s calendar');
SELECT is((SELECT cash_calendar FROM settlement_agreement JOIN client USING (client_id) WHERE code = 'QRST'), 'BANKX', 'a changed settlement agreement names the client''s calendar');
SELECT results_eq($$SELECT * FROM change_settlement('QRST', cash_calendar => 'BANKX', reference => 'bank', reason => 'moved')$$, $$VALUES ('bank', 'changed', true)$$,
	'a change of the settlement agreement made again is answered as it was first');
SELECT throws_ok($$SELECT change_settlement('QRST', cash_calendar => 'FEDWIRE', reference => 'bank')$$, 'LG020', NULL,
	'the reference of a change of the settlement agreement with another calendar is a conflict');
SELECT results_eq($$SELECT * FROM change_settlement('QRST', cash_calendar => 'BANKX')$$, $$VALUES (NULL::text, 'unchanged', false)$$,
	'a settlement agreement that is so already is unchanged');
SELECT is((SELECT count(*) FROM event WHERE subject = 'settlement_agreement' AND reason = 'moved'), 1::bigint,
	'a change of the settlement agreement is an event');
SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.1 BTC', 'lp1', 'b7', provider_price => '60000 USD/BTC', executed_at => '2025-06-06 15:00Z') \g /dev/null
SELECT results_eq($$SELECT asset::text, due_at FROM close_window('QRST', '2025-06-07', '2025-06-07 14:00Z') ORDER BY counterparty, asset$$,
	$$VALUES ('USD', timestamptz '2025-06-10 15:00 America/Chicago'), ('BTC', '2025-06-08 00:00Z'), ('USD', '2025-06-10 15:00 America/Chicago')$$,
	'money is due after the weekend and the bank''s own holiday, coin on any day');
SELECT results_eq($$SELECT cash_calendar COLLATE "C", cash_version FROM settlement_window WHERE window_no IN (5, 6) ORDER BY 1$$, $$VALUES ('BANKX' COLLATE "C", 1), ('FEDWIRE', 1)$$,
	'each window keeps the calendar version it was closed with');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
