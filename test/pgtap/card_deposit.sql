-- Deposits by card (rail DEBIT): an account of their own until the processor pays out, and chargebacks.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('MKTP', at => '2025-01-01Z'), open_customer('MKTP', 'MKTP0001') \g /dev/null
CREATE FUNCTION pg_temp.as_posted(step text, named text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.fund, a.name, coalesce(l.debit, l.credit)::text)
	FROM funding_transfer t JOIN event e ON e.client_id = t.client_id AND e.subject = 'funding_transfer' AND e.subject_key = t.transfer_id::text
	JOIN journal j ON j.client_id = e.client_id AND j.journal_id = e.journal_id, lines(j.entry) AS l JOIN account a USING (account)
	WHERE t.reference = named AND e.event = step ORDER BY l.line $$;

SELECT throws_ok($$SELECT initiate_deposit('MKTP0001', '50 USD', 'card', 'CARD')$$, 'LG002', NULL, 'a deposit is by ACH or DEBIT');
SELECT throws_ok($$SELECT initiate_deposit('MKTP0001', '50 USD', 'card', 'WIRE')$$, 'LG002', NULL, 'a wire is not initiated');
SELECT throws_ok($$SELECT initiate_deposit('MKTP0001', '50 USD', 'card', NULL)$$, 'LG002', NULL, 'a deposit has a rail');
SELECT is((SELECT concat_ws(' ', rail, status) FROM initiate_deposit('MKTP0001', '50 USD', 'card', 'DEBIT', at => '2025-10-01 15:00Z')), 'DEBIT INITIATED', 'a payment by card is a deposit');
SELECT throws_ok($$SELECT initiate_deposit('MKTP0001', '50 USD', 'card', 'ACH')$$, 'LG020', NULL, 'the same deposit by another rail is a conflict');
SELECT results_eq($$SELECT pg_temp.as_posted('initiated', 'card')$$, $$VALUES ('Dr FBO Clearing:card-in 50.00 USD'), ('Cr FBO Cust:MKTP0001:unsettled 50.00 USD')$$,
	'a payment by card stands on an account of its own until it is paid out');
SELECT initiate_deposit('MKTP0001', '70 USD', 'ach', at => '2025-10-01 15:00Z'), initiate_deposit('MKTP0001', '5 USD', 'given up', 'DEBIT', at => '2025-10-01 15:00Z'),
	initiate_deposit('MKTP0001', '6 USD', 'back early', 'DEBIT', at => '2025-10-01 15:00Z') \g /dev/null
SELECT is((SELECT card_in || ' and ' || ach_in FROM fbo_proof('MKTP')), '61.00 USD and 70.00 USD', 'the FBO proof shows payments by card apart from ACH');
SELECT results_eq($$SELECT reference, status FROM credit_deposits('MKTP', '{card,ach}', 'FILE-1', '2025-10-02 15:00Z')$$, $$VALUES ('card', 'CREDITED'), ('ach', 'CREDITED')$$, 'deposits of both rails are credited together');
SELECT results_eq($$SELECT pg_temp.as_posted('credited', 'card')$$, $$VALUES ('Dr FBO Bank:omnibus 50.00 USD'), ('Cr FBO Clearing:card-in 50.00 USD')$$, 'the processor''s payout is a journal of its own');
SELECT decline_deposit('MKTP', 'given up', 'no', '2025-10-02 15:00Z') \g /dev/null
SELECT results_eq($$SELECT pg_temp.as_posted('declined', 'given up')$$, $$VALUES ('Dr FBO Cust:MKTP0001:unsettled 5.00 USD'), ('Cr FBO Clearing:card-in 5.00 USD')$$, 'a declined payment leaves the account it stood on');
SELECT return_deposit('MKTP', 'back early', 'REFUND', at => '2025-10-02 15:00Z') \g /dev/null
SELECT results_eq($$SELECT pg_temp.as_posted('returned', 'back early')$$, $$VALUES ('Dr FBO Cust:MKTP0001:unsettled 6.00 USD'), ('Cr FBO Clearing:card-in 6.00 USD')$$, 'a payment refunded before its payout leaves the account it stood on');
SELECT settle_deposits('2025-10-31Z', 'MKTP') \g /dev/null
SELECT throws_ok($$SELECT return_deposit('MKTP', 'card', 'R01', at => '2025-11-01 15:00Z')$$, 'LG085', NULL, 'a payment by card is not charged back with a code of ACH');
SELECT throws_ok($$SELECT return_deposit('MKTP', 'ach', 'FRAUD', at => '2025-11-01 15:00Z')$$, 'LG085', NULL, 'an ACH deposit is not returned for a card''s reason');
SELECT request_withdrawal('MKTP0001', '100 USD', 'out', at => '2025-11-01 12:00Z'), send_withdrawal('MKTP', 'out', at => '2025-11-01 13:00Z') \g /dev/null
SELECT is((SELECT concat_ws(' ', status, deficit) FROM return_deposit('MKTP', 'card', 'FRAUD', at => '2025-11-01 15:00Z')), 'RETURNED 30.00 USD', 'a chargeback of what was spent is a deficit that the company bears');
SELECT is_empty('SELECT * FROM check_funding() UNION ALL SELECT * FROM check_fbo()', 'deposits by card agree with the books');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
