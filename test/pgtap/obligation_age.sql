-- Windows of a weekend are due at one time; an obligation carried from the first of them is still the oldest.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT plan(5);

SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
CREATE FUNCTION pg_temp.close_day(day date) RETURNS void LANGUAGE sql AS $$
	SELECT post_trade('QRST0001', 'BUY', '0.1 BTC', 'lp1', format('trade %s', day), provider_price => '60000 USD/BTC', executed_at => day - 1 + time '20:00' AT TIME ZONE 'UTC');
	SELECT count(*) FROM close_window('QRST', day, (day + time '14:30') AT TIME ZONE 'UTC') $$;
SELECT pg_temp.close_day('2025-06-07'), pg_temp.close_day('2025-06-08') \g /dev/null

SELECT is((SELECT count(DISTINCT first_due) FROM obligations('QRST') WHERE counterparty = 'QRST'), 1::bigint,
	'the windows of Saturday and Sunday are due at the same time');
SELECT carry_obligation('QRST', (SELECT min(obligation) FROM obligations('QRST') WHERE counterparty = 'QRST'), 'carried', 'no funds', '2025-06-08 15:00Z') \g /dev/null
SELECT results_eq($$SELECT settlement_window, first_window FROM obligations('QRST') WHERE counterparty = 'QRST' AND outstanding::text <> '0.00 USD' ORDER BY obligation$$,
	$$VALUES ('W2', 'W2'), ('W3', 'W1')$$, 'a carried obligation moves to a later window and keeps its first one');
SELECT results_eq($$SELECT settlement_window, paid::text FROM record_wire('QRST', 'received', '1000 USD', 'part', at => '2025-06-08 16:00Z')$$,
	$$VALUES ('W3', '1000.00 USD')$$, 'a part payment is applied to the oldest obligation although it was carried');
SELECT results_eq($$SELECT settlement_window, paid::text FROM record_wire('QRST', 'received', '6000 USD', 'more', at => '2025-06-08 16:00Z')$$,
	$$VALUES ('W3', '5000.00 USD'), ('W2', '1000.00 USD')$$,
	'a payment beyond the oldest obligation is applied to the next oldest');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
