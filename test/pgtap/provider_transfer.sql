-- One wire or delivery of a provider over all clients: allocation, refusals, each client's own books.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_provider('lp1', 'First Provider'), open_provider('lp2', 'Second Provider') \g /dev/null
SELECT open_client(c, funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') FROM unnest('{AAAA,BBBB,CCCC}'::text[]) AS c \g /dev/null
SELECT open_customer(client => c, customer => c || '0001') FROM unnest('{AAAA,BBBB,CCCC}'::text[]) AS c \g /dev/null
-- a purchase of the day before, and the window that closes on the day, agreed
CREATE FUNCTION pg_temp.day(client text, day date, quantity amount, agreed boolean DEFAULT true) RETURNS void LANGUAGE sql AS $$
	SELECT post_trade(client || '0001', 'BUY', quantity, 'lp1', format('trade %s', day), provider_price => '60000 USD/BTC', executed_at => day - 1 + time '20:00' AT TIME ZONE 'UTC');
	SELECT count(*) FROM close_window(client, day, (day + time '14:30') AT TIME ZONE 'UTC');
	SELECT advise_window(client, day, at => (day + time '14:40') AT TIME ZONE 'UTC');
	SELECT agree_window(client, day, at => (day + time '14:50') AT TIME ZONE 'UTC') WHERE agreed $$;
CREATE FUNCTION pg_temp.as_posted(client text, reference text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.fund, a.name, coalesce(l.debit, l.credit)::text)
	FROM client c JOIN journal j USING (client_id), lines(j.entry) AS l JOIN account a USING (account) WHERE c.code = $1 AND j.reference = $2 AND a.client_id = c.client_id ORDER BY l.line $$;
SELECT pg_temp.day('AAAA', '2025-06-03', '0.1 BTC'), pg_temp.day('BBBB', '2025-06-03', '0.2 BTC'), pg_temp.day('CCCC', '2025-06-04', '0.4 BTC'), pg_temp.day('AAAA', '2025-06-04', '0.1 BTC') \g /dev/null

SELECT results_eq($$SELECT asset::text, clients, in_windows::text, outstanding::text, net::text, age_days FROM provider_position('lp1', '2025-06-06 02:00Z')$$,
	$$VALUES ('BTC', 3::bigint, '0.00 BTC', '0.80 BTC', '0.80 BTC', 2), ('USD', 3, '0.00 USD', '-48000.00 USD', '-48000.00 USD', 2)$$, 'a provider''s position is the sum over all clients');
SELECT throws_ok($$SELECT * FROM provider_position('lp9')$$, 'LG014', NULL, 'an unknown provider has no position');

-- refusals
SELECT throws_ok($$SELECT record_provider_transfer('lp9', 'received', '1 BTC', 't0', 'chain')$$, 'LG014', NULL, 'a transfer of an unknown provider is refused');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'up', '1 BTC', 't0', 'chain')$$, 'LG002', NULL, 'a transfer goes one of two ways');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '1 BTC', 't0', '')$$, 'LG002', NULL, 'a transfer has the bank''s or the chain''s reference');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '1 BTC', '', 'chain')$$, 'LG002', NULL, 'a transfer has a reference of ours');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '0 BTC', 't0', 'chain')$$, 'LG045', NULL, 'a transfer of nothing is refused');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '1 XYZ', 't0', 'chain')$$, 'LG040', NULL, 'a transfer of an unknown asset is refused');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '1 BTC', 't0', 'chain', at => '2199-01-01')$$, 'LG061', NULL, 'a transfer from the future is refused');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '1 USD', 't0', 'chain')$$, 'LG073', NULL, 'what nothing is owed for is refused when no client is named for it');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '0.81 BTC', 't0', 'chain')$$, 'LG074', NULL, 'what is above all that is owed is refused when no client is named for it');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'sent', '48000.01 USD', 't0', 'chain')$$, 'LG074', NULL, 'no more is sent than is owed');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '0.1 BTC', 't0', 'chain', 'ZZZZ')$$, 'LG010', NULL, 'an unknown client is not named for the rest');
SELECT is((SELECT count(*) FROM provider_transfer) + (SELECT count(*) FROM journal WHERE reference LIKE 'provider-transfer:%'), 0::bigint, 'a refused transfer leaves nothing');

-- oldest first, and in proportion what fell due together
SELECT results_eq($$SELECT client, settlement_window, paid::text, outstanding::text, status FROM record_provider_transfer('lp1', 'received', '0.1 BTC', 't1', 'chain 1', at => '2025-06-04 16:00Z')$$,
	$$VALUES ('AAAA', 'W1', '0.03333333 BTC', '0.06666667 BTC', 'PARTIALLY_SETTLED'), ('BBBB', 'W1', '0.06666667 BTC', '0.13333333 BTC', 'PARTIALLY_SETTLED')$$,
	'what fell due together shares in proportion, by largest remainder');
SELECT results_eq($$SELECT client, replayed, paid::text FROM record_provider_transfer('lp1', 'received', '0.1 BTC', 't1', 'chain 1')$$, $$VALUES ('AAAA', true, '0.03333333 BTC'), ('BBBB', true, '0.06666667 BTC')$$,
	'a transfer recorded again is answered as it was first');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '0.2 BTC', 't1', 'chain 1')$$, 'LG020', NULL, 'a transfer''s reference with another amount is a conflict');
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '0.1 BTC', 't2', 'chain 1')$$, 'LG020', NULL, 'what the chain has seen once is recorded once');
SELECT results_eq($$SELECT client, settlement_window, paid::text, status FROM record_provider_transfer('lp1', 'received', '0.45 BTC', 't2', 'chain 2', at => '2025-06-04 16:00Z')$$,
	$$VALUES ('AAAA', 'W1', '0.06666667 BTC', 'SETTLED'), ('AAAA', 'W2', '0.05 BTC', 'PARTIALLY_SETTLED'), ('BBBB', 'W1', '0.13333333 BTC', 'SETTLED'), ('CCCC', 'W1', '0.20 BTC', 'PARTIALLY_SETTLED')$$,
	'what fell due first is paid first, of whichever client');
SELECT results_eq($$SELECT pg_temp.as_posted('CCCC', 'provider-transfer:t2')$$,
	$$VALUES ('Dr CORP DueTo:CUST 0.20 BTC'), ('Cr CORP LP:net:lp1:W1 0.20 BTC'), ('Dr CUST Wallet:omnibus 0.20 BTC'), ('Cr CUST DueFrom:CORP 0.20 BTC')$$,
	'each client''s books have its own part');
SELECT results_eq($$SELECT client, paid::text FROM record_provider_transfer('lp1', 'sent', '48000 USD', 't3', 'wire 3', at => '2025-06-04 17:00Z')$$,
	$$VALUES ('AAAA', '6000.00 USD'), ('AAAA', '6000.00 USD'), ('BBBB', '12000.00 USD'), ('CCCC', '24000.00 USD')$$, 'one wire pays a provider for all clients');
SELECT results_eq($$SELECT client, outcome, paid::text, unapplied IS NOT NULL FROM record_provider_transfer('lp1', 'received', '0.3 BTC', 't4', 'chain 4', 'BBBB', '2025-06-04 18:00Z') ORDER BY outcome, client$$,
	$$VALUES ('AAAA', 'paid', '0.05 BTC', false), ('CCCC', 'paid', '0.20 BTC', false), ('BBBB', 'unapplied', '0.05 BTC', true)$$, 'what comes in above all that is owed is unapplied in the books of the client named for it');

-- only what is agreed is paid out
SELECT pg_temp.day('AAAA', '2025-06-05', '0.1 BTC', false), pg_temp.day('BBBB', '2025-06-05', '0.1 BTC') \g /dev/null
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'sent', '6000.01 USD', 't5', 'wire 5')$$, 'LG074', NULL, 'nothing is sent for a window that is not agreed');
SELECT results_eq($$SELECT client, paid::text FROM record_provider_transfer('lp1', 'sent', '6000 USD', 't5', 'wire 5', at => '2025-06-05 17:00Z')$$, $$VALUES ('BBBB', '6000.00 USD')$$,
	'one client''s window that is not agreed does not hold up the others');

-- rights
CREATE ROLE bakkt_test_reader; GRANT bakkt_ledger_reader TO bakkt_test_reader;
SELECT grant_client_access('AAAA', 'bakkt_test_reader') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_reader;
SELECT throws_ok($$SELECT record_provider_transfer('lp1', 'received', '0.1 BTC', 't6', 'chain 6')$$, '42501', NULL, 'a tenant records no transfer of a provider');
SELECT throws_ok($$SELECT * FROM provider_position('lp1')$$, '42501', NULL, 'a tenant sees no provider''s position');
RESET SESSION AUTHORIZATION;

SELECT is_empty('SELECT * FROM check_settlement() UNION ALL SELECT * FROM check_provider_transfers()', 'the clients'' books agree with what was moved');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SELECT throws_ok($$UPDATE provider_transfer SET amount = '1 BTC'$$, 'LG066', NULL, 'a transfer cannot be changed');
ALTER TABLE provider_transfer DISABLE TRIGGER ALL;
UPDATE provider_transfer SET amount = amount + '0.01 BTC' WHERE reference = 't2';
SELECT results_eq('SELECT subject, detail FROM check_provider_transfers()', $$VALUES ('provider_transfer', '0.46 BTC were moved, the clients'' books have 0.45 BTC.')$$, 'a transfer that is not what the clients'' books have is found');

SELECT * FROM finish();
ROLLBACK;
