-- The settlement flow: transfers between the FBO and the business account, by
-- the worked journals, net and each way, confirmed, failed, repeated.
-- Run from the top of the tree: it reads test/golden.
\set content `cat test/golden/journals.json`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/flow_event.psql
\ir lib/cash_call_event.psql
SELECT no_plan();

-- ---------------------------------------------------------------------------
-- Helpers
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE given_line AS
	SELECT j->>'id' AS id, v->>'fund' AS fund, CASE v->>'asset' WHEN 'BTC' THEN 'BTC' ELSE 'USD' END AS asset,
		regexp_replace(regexp_replace(v->>'account', ':(alice|bob|carol|dave)\M', ':QRST\1'), 'XYZZ', 'QRST') AS name,
		(v->>'debit')::numeric - (v->>'credit')::numeric AS signed
	FROM jsonb_array_elements(:'content'::jsonb->'journals') j, jsonb_array_elements(j->'postings') v;
UPDATE given_line SET name = replace(replace(replace(replace(name, 'QRSTalice', 'QRST0001'), 'QRSTbob', 'QRST0002'), 'QRSTcarol', 'QRST0003'), 'QRSTdave', 'QRST0004');

-- net sums, signed, of golden journals and of ours
CREATE FUNCTION pg_temp.given(VARIADIC ids text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s %s %s %s', fund, name, trim_scale(sum(signed)), asset) FROM given_line WHERE id = ANY ($1) GROUP BY fund, name, asset
	HAVING sum(signed) <> 0 ORDER BY 1
$$;
CREATE FUNCTION pg_temp.ours(VARIADIC journals bigint[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s %s %s %s', a.fund, a.name, trim_scale(sum(l.amount::numeric)), a.asset)
	FROM unnest($1) n JOIN journal j ON j.journal_id = n CROSS JOIN lines(j.entry) l JOIN account a ON a.account = l.account
	GROUP BY a.fund, a.name, a.asset HAVING sum(l.amount::numeric) <> 0 ORDER BY 1
$$;
CREATE FUNCTION pg_temp.lines_of(journal bigint) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', a.fund, CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.name, coalesce(l.debit, l.credit))
	FROM journal j, lines(j.entry) AS l JOIN account a USING (account) WHERE j.journal_id = $1 ORDER BY l.line
$$;
CREATE FUNCTION pg_temp.both(transfer_id bigint) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT ARRAY[t.instructed_journal, t.ended_journal] FROM fbo_transfer t WHERE t.transfer_id = $1
$$;
CREATE FUNCTION pg_temp.acct(client text, fund text, name text) RETURNS account_id LANGUAGE sql AS $$ SELECT (open_account($1, $2, $3, 'USD')).account $$;
CREATE FUNCTION pg_temp.held(client text, fund text, name text) RETURNS text LANGUAGE sql AS $$
	SELECT (balance_of(account_of($1, $2, $3, 'USD'))).balance::text
$$;
CREATE FUNCTION pg_temp.wire_in(customer text, amount amount, at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT load_journal(c.code, journal_entry(line('Dr', pg_temp.acct(c.code, 'FBO', 'Bank:omnibus'), $2),
		line('Cr', pg_temp.acct(c.code, 'FBO', 'Cust:' || $1 || ':settled'), $2)), 'in:' || $1 || $2::text || $3, at => $3)
	FROM client c JOIN customer u USING (client_id) WHERE u.customer_code = $1
$$;
-- deficit of a customer whose deposit came back after it was spent (J06d)
CREATE FUNCTION pg_temp.returned(client text, customer text, amount amount, at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT load_journal($1, journal_entry(
		line('Dr', pg_temp.acct($1, 'FBO', 'DueFrom:CORP'), $3), line('Cr', pg_temp.acct($1, 'FBO', 'Bank:omnibus'), $3),
		line('Dr', pg_temp.acct($1, 'CORP', 'CustomerDeficit:' || $2), $3), line('Cr', pg_temp.acct($1, 'CORP', 'DueTo:FBO'), $3)), 'return:' || $2 || $4, at => $4)
$$;

SELECT open_provider(p, p) FROM unnest(ARRAY['lp1', 'lp2']) p \g /dev/null
SELECT open_client(c, revenue_share_bps => 4000, at => '2026-01-01Z'), open_customer(client => c, customer => c || n)
	FROM unnest(ARRAY['QRST', 'NETT', 'GRSS', 'DEFI']) c, unnest(ARRAY['0001', '0002', '0003', '0004']) n \g /dev/null
SELECT open_bank_account(code, 'FBO', code, ledger_name => 'Bank:omnibus:' || code) FROM unnest('{evolve,a,b}'::text[]) AS code \g /dev/null
SELECT change_cash_terms('GRSS', settlement_flow => 'GROSS') \g /dev/null

-- ---------------------------------------------------------------------------
-- The worked journals
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 13:00Z')$$,
	'a run with no company money to move instructs no transfer');
SELECT pg_temp.wire_in('QRST0001', '10000 USD', '2026-11-20 14:00Z'), pg_temp.wire_in('QRST0002', '70000 USD', '2026-11-20 14:00Z') \g /dev/null
SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.1 BTC', 'lp1', 'J02a', provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => '2026-11-20 14:10Z') \g /dev/null
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 14:11Z')$$,
	'a cash call (TPJ) that is not settled moves nothing');
SELECT process_cash_calls('2026-11-20 14:15Z') \g /dev/null
SELECT is(pg_temp.held('QRST', 'FBO', 'DueTo:CORP'), '6030.00 USD',
	'cash collected by a call is the company''s money in the FBO account');
CREATE TEMP TABLE r_t1 AS SELECT * FROM instruct_settlement_transfers('2026-11-20 15:00Z', 'QRST');
CREATE TEMP TABLE t1 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_t1 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT results_eq($$SELECT r.outcome, r.replayed, r.client, r.direction, r.amount::text, r.status, r.at, r.journal = t.instructed_journal FROM r_t1 AS r, t1 AS t$$,
	$$VALUES ('instructed', false, 'QRST', 'TO_BUSINESS', '6030.00 USD', 'INSTRUCTED', timestamptz '2026-11-20 15:00Z', true)$$,
	'a run answers with each transfer that it has instructed');
SELECT results_eq($$SELECT direction, purpose, amount::text, bank, status, covers FROM t1$$,
	$$VALUES ('TO_BUSINESS', 'SETTLEMENT', '6030.00 USD', NULL, 'INSTRUCTED', 'ALL')$$,
	'a run moves collected cash to the business account');
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 15:00Z', 'QRST')$$,
	'a run repeated at the same instant instructs nothing');
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 15:01Z')$$,
	'a later run does not move money that is already in transit');
SELECT results_eq($$SELECT pg_temp.held('QRST', 'FBO', 'DueTo:CORP'), pg_temp.held('QRST', 'FBO', 'Clearing:business-transfer'),
	pg_temp.held('QRST', 'CORP', 'Clearing:FBO-transfer'), pg_temp.held('QRST', 'FBO', 'Bank:omnibus')$$,
	$$VALUES ('0.00 USD', '6030.00 USD', '6030.00 USD', '80000.00 USD')$$,
	'money in transit stands on the clearing accounts until the bank confirms');
SELECT results_eq($$SELECT reference, in_transit::text, status FROM fbo_transfers('QRST')$$, $$SELECT reference COLLATE "default", '6030.00 USD', 'INSTRUCTED' FROM t1$$,
	'a transfer in transit is listed with its amount');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the proof of the FBO accounts holds while a transfer is in transit');
SELECT results_eq($$SELECT status, at, outcome, replayed, bank_reference FROM confirm_fbo_transfer('QRST', (SELECT reference FROM t1), 'BT-1', '2026-11-20 16:00Z')$$,
	$$VALUES ('CONFIRMED', timestamptz '2026-11-20 16:00Z', 'confirmed', false, 'BT-1')$$, 'a confirmed transfer ends at the instant the bank confirms');
SELECT set_eq($$SELECT pg_temp.ours(VARIADIC pg_temp.both(transfer_id)) FROM t1$$, $$SELECT pg_temp.given('J02c')$$,
	'instruction and confirmation together are golden journal J02c');
SELECT results_eq($$SELECT pg_temp.lines_of(instructed_journal) FROM fbo_transfer JOIN t1 USING (transfer_id, instructed_journal)$$,
	ARRAY['FBO Dr DueTo:CORP 6030.00 USD', 'FBO Cr Clearing:business-transfer 6030.00 USD', 'CORP Dr Clearing:FBO-transfer 6030.00 USD', 'CORP Cr DueFrom:FBO 6030.00 USD'],
	'an instruction to the business account takes the money out of the company''s cover');
SELECT results_eq($$SELECT pg_temp.lines_of(t.ended_journal) FROM fbo_transfer t JOIN t1 USING (transfer_id)$$,
	ARRAY['FBO Dr Clearing:business-transfer 6030.00 USD', 'FBO Cr Bank:omnibus 6030.00 USD', 'CORP Dr Bank:operating 6030.00 USD', 'CORP Cr Clearing:FBO-transfer 6030.00 USD'],
	'a confirmation to the business account moves the money from bank to bank');
SELECT results_eq($$SELECT in_transit::text, status, bank_reference FROM fbo_transfers('QRST')$$, $$VALUES ('0.00 USD', 'CONFIRMED', 'BT-1')$$,
	'a confirmed transfer has nothing in transit and the bank''s reference');
SELECT results_eq($$SELECT in_transit::text, status, bank_reference FROM fbo_transfers('QRST', at => '2026-11-20 15:30Z')$$, $$VALUES ('6030.00 USD', 'INSTRUCTED', NULL)$$,
	'a transfer is listed as in transit as of an instant before its confirmation');
SELECT is_empty($$SELECT * FROM fbo_transfers('QRST', at => '2026-11-20 14:59Z')$$,
	'a transfer is not listed as of an instant before its instruction');
SELECT is_empty($$SELECT * FROM fbo_transfers('QRST', in_transit_only => true)$$,
	'a confirmed transfer is left out of the list of those in transit');
SELECT results_eq($$SELECT customer, direction, event, amount::text, at FROM fbo_transfer_calls('QRST', (SELECT reference FROM t1))$$,
	$$VALUES ('QRST0001', 'Withdrawal', 'settled', '6030.00 USD', timestamptz '2026-11-20 14:15Z')$$,
	'a transfer lists the settled call whose cash it moves');

SELECT outcome FROM post_trade('QRST0002', 'BUY', '0.5 BTC', 'lp1', 'J03a', price => '60000 USD/BTC', fee_bps => 50, executed_at => '2026-11-20 16:01Z') \g /dev/null
SELECT process_cash_calls('2026-11-20 16:02Z') \g /dev/null
CREATE TEMP TABLE r_t2 AS SELECT * FROM instruct_settlement_transfers('2026-11-20 16:03Z', 'QRST');
CREATE TEMP TABLE t2 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_t2 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT confirm_fbo_transfer('QRST', reference, 'BT-2', '2026-11-20 16:04Z') FROM t2 \g /dev/null
SELECT set_eq($$SELECT pg_temp.ours(VARIADIC pg_temp.both(transfer_id)) FROM t2$$, $$SELECT pg_temp.given('J03c')$$,
	'a purchase with a fee is moved as golden journal J03c');
SELECT results_eq($$SELECT customer, amount::text FROM fbo_transfer_calls('QRST', (SELECT reference FROM t2))$$, $$VALUES ('QRST0002', '30150.00 USD')$$,
	'a transfer lists only calls that no earlier transfer has moved');

-- J04b: the provider pays, the money is brought, then the customer is paid
SELECT outcome FROM post_trade('QRST0001', 'SELL', '0.04 BTC', 'lp2', 'J04a', provider_price => '61000 USD/BTC', markup_bps => 50, executed_at => '2026-11-20 16:10Z') \g /dev/null
SELECT record_provider_settlement('QRST', 'lp1', '0.6 BTC', '36000 USD', 'lp1', at => '2026-11-20 16:10Z') \g /dev/null
SELECT record_provider_settlement('QRST', 'lp2', '-0.04 BTC', '-2440 USD', 'lp2', at => '2026-11-20 16:10Z') \g /dev/null
SELECT process_cash_calls('2026-11-20 16:11Z') \g /dev/null
SELECT results_eq($$SELECT e.event COLLATE "default", e.reason COLLATE "default" FROM cash_call_event e JOIN journal j USING (client_id, journal_id) WHERE j.reference = 'J04a'$$,
	$$VALUES ('failed', 'FBO_NOT_FUNDED')$$, 'a sale''s proceeds wait for cash in the FBO account');
CREATE TEMP TABLE r_t3 AS SELECT * FROM instruct_settlement_transfers('2026-11-20 16:12Z', 'QRST');
CREATE TEMP TABLE t3 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_t3 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT results_eq($$SELECT direction, amount::text FROM t3$$, $$VALUES ('TO_FBO', '2427.80 USD')$$,
	'a run brings what an outstanding deposit lacks to the FBO account');
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 16:13Z', 'QRST')$$,
	'a run counts what is on its way and brings no more');
SELECT process_cash_calls('2026-11-20 16:14Z') \g /dev/null
SELECT is((SELECT c.status::text FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = 'J04a'), 'O',
	'cash in transit to the FBO account pays no customer');
SELECT cmp_ok((SELECT c.due_at FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = 'J04a'), '>', timestamptz '2026-11-20 17:00Z',
	'a deposit that failed for lack of cash is not due before the next retry');
SELECT confirm_fbo_transfer('QRST', reference, 'BT-3', '2026-11-20 16:20Z') FROM t3 \g /dev/null
SELECT is((SELECT c.due_at FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = 'J04a'), timestamptz '2026-11-20 16:20Z',
	'a waiting deposit becomes due when the bank confirms the cash');
SELECT process_cash_calls('2026-11-20 16:21Z') \g /dev/null
SELECT set_eq($$SELECT pg_temp.ours(VARIADIC pg_temp.both(transfer_id) || ARRAY(SELECT j.journal_id FROM journal j WHERE j.reference = 'lp2'
	OR j.reference = 'cash-call:' || (SELECT x.journal_id FROM journal x WHERE x.reference = 'J04a'))) FROM t3$$, $$SELECT pg_temp.given('J04b')$$,
	'provider, transfer and call of a sale together are golden journal J04b');
SELECT results_eq($$SELECT pg_temp.lines_of(instructed_journal) FROM t3$$,
	ARRAY['CORP Dr Clearing:FBO-transfer 2427.80 USD', 'CORP Cr Bank:operating 2427.80 USD'],
	'an instruction to the FBO account takes the money out of the operating account');
SELECT results_eq($$SELECT pg_temp.lines_of(t.ended_journal) FROM fbo_transfer t JOIN t3 USING (transfer_id)$$,
	ARRAY['FBO Dr Bank:omnibus 2427.80 USD', 'CORP Cr Clearing:FBO-transfer 2427.80 USD', 'FBO Cr DueTo:CORP 2427.80 USD', 'CORP Dr DueFrom:FBO 2427.80 USD'],
	'a confirmation to the FBO account adds to the company''s cover');

-- J05f: written off, recovered
CREATE ROLE ledger_test_approver IN ROLE bakkt_ledger_approver;
SELECT grant_client_access('QRST', 'ledger_test_approver') \g /dev/null
SELECT journal AS unpaid FROM post_trade('QRST0003', 'BUY', '0.001 BTC', 'lp1', 'J05a', provider_price => '60000 USD/BTC', markup_bps => 50, executed_at => '2026-09-15 16:22Z') \gset
CREATE ROLE ledger_test_proposer IN ROLE bakkt_ledger_settler;
SET LOCAL SESSION AUTHORIZATION ledger_test_proposer;
SELECT process_cash_calls('2026-09-15 16:23Z'), propose_cash_call_write_offs('2026-10-20 16:00Z', 'QRST') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_approver;
SELECT approve_cash_call_write_off('QRST', :unpaid, '2026-10-21 16:00Z') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT charge_cash_call_write_offs('2026-11-02 16:00Z', 'QRST') \g /dev/null
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 16:24Z', 'QRST')$$,
	'a call that failed and was written off moves nothing');
SELECT pg_temp.wire_in('QRST0003', '60.30 USD', '2026-11-20 16:25Z'), recover_cash_call('QRST', :unpaid, 'paid after all', at => '2026-11-20 16:25Z') \g /dev/null
CREATE TEMP TABLE r_t5 AS SELECT * FROM instruct_settlement_transfers('2026-11-20 16:26Z', 'QRST');
CREATE TEMP TABLE t5 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_t5 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT confirm_fbo_transfer('QRST', reference, 'BT-5', '2026-11-20 16:27Z') FROM t5 \g /dev/null
SELECT set_eq($$SELECT pg_temp.ours(VARIADIC pg_temp.both(transfer_id)) FROM t5$$, $$SELECT pg_temp.given('J05f')$$,
	'a recovered write-off is moved as golden journal J05f');
SELECT results_eq($$SELECT customer, direction, event, amount::text FROM fbo_transfer_calls('QRST', (SELECT reference FROM t5))$$,
	$$VALUES ('QRST0001', 'Deposit', 'settled', '2427.80 USD'), ('QRST0003', 'Withdrawal', 'recovered', '60.30 USD')$$,
	'a run covers every call settled or recovered since the last one, in both directions');

-- J06e: a deficit is made good
SELECT initiate_deposit('QRST0004', '1000 USD', 'ach', at => '2026-11-10 16:00Z'), credit_deposit('QRST', 'ach', 'BAI-1', '2026-11-11 16:00Z') \g /dev/null
SELECT settle_deposits('2026-11-19 16:00Z') \g /dev/null
SELECT request_withdrawal('QRST0004', '800 USD', 'out', at => '2026-11-19 17:00Z'), send_withdrawal('QRST', 'out', at => '2026-11-19 18:00Z'), complete_withdrawal('QRST', 'out', at => '2026-11-19 19:00Z') \g /dev/null
SELECT return_deposit('QRST', 'ach', 'R10', at => '2026-11-20 16:30Z') \g /dev/null
CREATE TEMP TABLE r_t6 AS SELECT * FROM top_up_deficits('2026-11-20 16:31Z');
CREATE TEMP TABLE t6 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_t6 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT results_eq($$SELECT direction, purpose, amount::text, covers FROM t6$$, $$VALUES ('TO_FBO', 'TOP_UP', '800.00 USD', NULL)$$,
	'a deficit from a returned deposit is topped up from the business account');
SELECT is_empty($$SELECT * FROM top_up_deficits('2026-11-20 16:32Z')$$, 'a deficit with a top-up in transit is not topped up again');
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 16:32Z', 'QRST')$$,
	'a run of the settlement flow does not move money for a deficit');
SELECT confirm_fbo_transfer('QRST', reference, 'BT-6', '2026-11-20 16:33Z') FROM t6 \g /dev/null
SELECT set_eq($$SELECT pg_temp.ours(VARIADIC pg_temp.both(transfer_id)) FROM t6$$, $$SELECT pg_temp.given('J06e')$$,
	'a confirmed top-up is golden journal J06e');
SELECT results_eq($$SELECT pg_temp.lines_of(t.ended_journal) FROM fbo_transfer t JOIN t6 USING (transfer_id)$$,
	ARRAY['FBO Dr Bank:omnibus 800.00 USD', 'CORP Cr Clearing:FBO-transfer 800.00 USD', 'CORP Dr DueTo:FBO 800.00 USD', 'FBO Cr DueFrom:CORP 800.00 USD'],
	'a confirmed top-up makes good what the company owes the FBO account');
SELECT is(pg_temp.held('QRST', 'FBO', 'DueFrom:CORP'), '0.00 USD',
	'a confirmed top-up clears what the company owes the FBO account');
SELECT is_empty($$SELECT * FROM fbo_transfer_calls('QRST', (SELECT reference FROM t6))$$, 'a top-up covers no call');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the proof of the FBO accounts holds after a top-up');

-- the flow of the day
SELECT results_eq($$SELECT opening::text, collected::text, paid::text, other::text, moved_to_business::text, moved_to_fbo::text, closing::text,
	in_transit_to_business::text, in_transit_to_fbo::text FROM settlement_flow('QRST', at => '2026-11-20 16:40Z')$$,
	$$VALUES ('0.00 USD', '36180.00 USD', '2427.80 USD', '60.30 USD', '36240.30 USD', '2427.80 USD', '0.00 USD', '0.00 USD', '0.00 USD')$$,
	'the flow of a day sums what calls collected and paid and what was moved');
SELECT results_eq($$SELECT opening::text, collected::text, moved_to_business::text, closing::text, in_transit_to_business::text FROM settlement_flow('QRST', at => '2026-11-20 15:30Z')$$,
	$$VALUES ('0.00 USD', '6030.00 USD', '6030.00 USD', '0.00 USD', '6030.00 USD')$$,
	'the flow as of an instant shows a transfer not yet confirmed as in transit');
SELECT results_eq($$SELECT opening::text, collected::text, moved_to_business::text, closing::text FROM settlement_flow('QRST', '2026-11-20 14:30Z', '2026-11-20 15:30Z')$$,
	$$VALUES ('6030.00 USD', '0.00 USD', '6030.00 USD', '0.00 USD')$$,
	'the flow can start at any instant with what had been collected by then');
SELECT is((SELECT since FROM settlement_flow('QRST', at => '2026-11-20 05:59Z')), timestamptz '2026-11-19 06:00Z',
	'the flow of a day begins at midnight in the client''s zone');

-- ---------------------------------------------------------------------------
-- Idempotency and refusals
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT status, at, outcome, replayed, bank_reference FROM confirm_fbo_transfer('QRST', (SELECT reference FROM t1), 'BT-1', '2026-11-20 17:00Z')$$,
	$$VALUES ('CONFIRMED', timestamptz '2026-11-20 16:00Z', 'confirmed', true, 'BT-1')$$, 'a repeated confirmation returns the first one');
SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', (SELECT reference FROM t1), 'BT-1b')$$, 'LG020', NULL,
	'a repeated confirmation with a new bank reference is refused');
SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', (SELECT reference FROM t1), 'BT-2')$$, 'LG020', NULL,
	'a repeated confirmation with another transfer''s bank reference is refused');
SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', 'nothing', 'BT-9')$$, 'LG080', NULL,
	'confirming an unknown transfer is refused');
SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', NULL, 'BT-9')$$, 'LG080', NULL,
	'confirming without a transfer''s reference is refused');
SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', (SELECT reference FROM t1), NULL)$$, 'LG002', NULL,
	'confirming without a bank reference is refused');
SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', (SELECT reference FROM t1), 'x', '2099-01-01')$$, 'LG061', NULL,
	'confirming a transfer ahead of the clock is refused');
SELECT throws_ok($$SELECT confirm_fbo_transfer('NONE', 'x', 'x')$$, 'LG010', NULL,
	'confirming a transfer of an unknown client is refused');
SELECT throws_ok($$SELECT fail_fbo_transfer('QRST', (SELECT reference FROM t1), 'refused')$$, 'LG081', NULL,
	'a confirmed transfer cannot fail');
SELECT throws_ok($$SELECT fail_fbo_transfer('QRST', 'nothing', 'refused')$$, 'LG080', NULL,
	'recording the failure of an unknown transfer is refused');
SELECT throws_ok($$SELECT fail_fbo_transfer('QRST', (SELECT reference FROM t1), '')$$, 'LG002', NULL,
	'recording a failure without a reason is refused');
SELECT throws_ok($$SELECT fbo_transfer_calls('QRST', 'nothing')$$, 'LG080', NULL,
	'listing the calls of an unknown transfer is refused');
SELECT throws_ok($$SELECT instruct_settlement_transfers('2099-01-01')$$, 'LG061', NULL, 'a run ahead of the clock is refused');
SELECT throws_ok($$SELECT instruct_settlement_transfers(client => 'NONE')$$, 'LG010', NULL,
	'a run for an unknown client is refused');
SELECT throws_ok(format('SELECT %s', call), code, NULL,
	'a report at an impossible instant or over a reversed range is refused: ' || call)
	FROM (VALUES ($$settlement_flow('QRST', at => NULL)$$, 'LG061'), ($$settlement_flow('QRST', at => '2099-01-01Z')$$, 'LG061'),
	($$settlement_flow('QRST', at => '-infinity')$$, 'LG002'), ($$settlement_flow('QRST', '2026-11-20 13:00Z', '2026-11-20 12:00Z')$$, 'LG002'), ($$fbo_transfers('QRST', at => '2099-01-01Z')$$, 'LG061'), ($$fbo_transfers('QRST', at => '-infinity')$$, 'LG002')) AS c (call, code);
SELECT throws_ok($$SELECT top_up_deficits('infinity')$$, 'LG061', NULL, 'a top-up dated at infinity is refused');

-- by hand
SELECT results_eq($$SELECT status, purpose, direction, amount::text FROM instruct_fbo_transfer('QRST', '500 USD', 'weekend', at => '2026-11-20 17:00Z')$$,
	$$VALUES ('INSTRUCTED', 'PREFUND', 'TO_FBO', '500.00 USD')$$, 'the company can prefund the FBO account by hand');
SELECT results_eq($$SELECT outcome, replayed, at, journal FROM instruct_fbo_transfer('QRST', '500 USD', 'weekend', at => '2026-11-20 17:05Z')$$,
	$$SELECT 'instructed', true, timestamptz '2026-11-20 17:00Z', instructed_journal FROM fbo_transfer WHERE reference = 'weekend'$$,
	'a transfer by hand repeated under its reference returns the first one');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '501 USD', 'weekend')$$, 'LG020', NULL,
	'a repeated transfer by hand with another amount is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '500 USD', 'weekend', 'TO_BUSINESS')$$, 'LG020', NULL,
	'a repeated transfer by hand in another direction is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '500 USD', 'weekend', bank => 'evolve')$$, 'LG020', NULL,
	'a repeated transfer by hand at another bank is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '0.01 USD', 'out', 'TO_BUSINESS')$$, 'LG050', NULL,
	'a transfer out of more than the company''s own money in the FBO account is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '0 USD', 'p')$$, 'LG045', NULL, 'a transfer of zero is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '-1 USD', 'p')$$, 'LG045', NULL,
	'a transfer of a negative amount is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', NULL, 'p')$$, 'LG045', NULL, 'a transfer without an amount is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '1 BTC', 'p')$$, 'LG042', NULL, 'a transfer of coin is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '0.001 USD', 'p')$$, 'LG043', NULL,
	'a transfer with a fraction of a cent is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '1 USD', 'p', 'UP')$$, 'LG002', NULL,
	'a transfer in an unknown direction is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '1 USD', NULL)$$, 'LG002', NULL,
	'a transfer without a reference is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '1 USD', 'fbo-transfer:9')$$, 'LG002', NULL,
	'a transfer under a reference reserved for the ledger is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('QRST', '1 USD', 'p', bank => 'a:b')$$, 'LG034', NULL,
	'a transfer at a bank account that the chart cannot have is refused');
SELECT throws_ok($$SELECT instruct_fbo_transfer('NONE', '1 USD', 'p')$$, 'LG010', NULL,
	'a transfer for an unknown client is refused');
SELECT is((SELECT count(*) FROM fbo_transfer t JOIN client c USING (client_id) WHERE c.code = 'QRST'), 6::bigint,
	'a refused transfer leaves no row');
SELECT results_eq($$SELECT event COLLATE "default", role_name COLLATE "default" FROM fbo_transfer_event e JOIN t1 USING (client_id, transfer_id) ORDER BY event_id$$,
	$$VALUES ('instructed', session_user::text COLLATE "default"), ('confirmed', session_user::text)$$,
	'a transfer''s events record who instructed and who confirmed it');

SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', 'weekend', 'BT-1')$$, 'LG020', NULL,
	'the bank reference of a confirmed transfer is refused for another');
SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', 'weekend', 'BT-9', '-infinity')$$, 'LG002', NULL,
	'confirming a transfer at minus infinity is refused');
-- failed: all is as before, and the next run moves the money
SELECT fail_fbo_transfer('QRST', 'weekend', 'no such account', '2026-11-20 17:10Z') \g /dev/null
SELECT results_eq($$SELECT status, reason, in_transit::text FROM fbo_transfers('QRST') WHERE reference = 'weekend'$$, $$VALUES ('FAILED', 'no such account', '0.00 USD')$$,
	'a transfer that the bank refused is listed as FAILED with the reason');
SELECT is_empty($$SELECT pg_temp.ours(VARIADIC pg_temp.both(transfer_id)) FROM fbo_transfer t WHERE reference = 'weekend'$$,
	'instruction and failure of a transfer net to zero on every account');
SELECT is((SELECT j.reverses FROM fbo_transfer t JOIN journal j ON j.journal_id = t.ended_journal WHERE t.reference = 'weekend'),
	(SELECT instructed_journal FROM fbo_transfer WHERE reference = 'weekend'),
	'the failure of a transfer reverses its instruction');
SELECT results_eq($$SELECT outcome, replayed, status, at FROM fail_fbo_transfer('QRST', 'weekend', 'no such account', '2026-11-20 17:11Z')$$, $$VALUES ('failed', true, 'FAILED', timestamptz '2026-11-20 17:10Z')$$,
	'recording the same failure again is answered as it was answered first');
SELECT results_eq($$SELECT status FROM instruct_fbo_transfer('QRST', '500 USD', 'weekend')$$, $$VALUES ('INSTRUCTED')$$,
	'a transfer by hand repeated after it has failed is answered as at first');
SELECT throws_ok($$SELECT fail_fbo_transfer('QRST', 'weekend', 'another reason')$$, 'LG020', NULL,
	'recording a failure again for another reason is refused');
SELECT throws_ok($$SELECT confirm_fbo_transfer('QRST', 'weekend', 'BT-7')$$, 'LG081', NULL,
	'a failed transfer cannot be confirmed');
SELECT pg_temp.wire_in('QRST0001', '5000 USD', '2026-11-20 17:12Z') \g /dev/null
SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.01 BTC', 'lp1', 'b7', provider_price => '60000 USD/BTC', executed_at => '2026-11-20 17:13Z') \g /dev/null
SELECT process_cash_calls('2026-11-20 17:14Z') \g /dev/null
CREATE TEMP TABLE r_t7 AS SELECT * FROM instruct_settlement_transfers('2026-11-20 17:15Z', 'QRST');
CREATE TEMP TABLE t7 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_t7 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT fail_fbo_transfer('QRST', reference, 'limit', '2026-11-20 17:16Z') FROM t7 \g /dev/null
SELECT is(pg_temp.held('QRST', 'FBO', 'DueTo:CORP'), '600.00 USD',
	'the money of a failed transfer is the company''s in the FBO account again');
SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.02 BTC', 'lp1', 'b8', provider_price => '60000 USD/BTC', executed_at => '2026-11-20 17:17Z') \g /dev/null
SELECT process_cash_calls('2026-11-20 17:18Z') \g /dev/null
CREATE TEMP TABLE r_t8 AS SELECT * FROM instruct_settlement_transfers('2026-11-20 17:19Z', 'QRST');
CREATE TEMP TABLE t8 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_t8 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT results_eq($$SELECT amount::text FROM t8$$, $$VALUES ('1800.00 USD')$$,
	'the next run moves a failed transfer''s money with what was collected since');
SELECT results_eq($$SELECT amount::text FROM fbo_transfer_calls('QRST', (SELECT reference FROM t8))$$, $$VALUES ('600.00 USD'), ('1200.00 USD')$$,
	'a transfer lists the calls of the failed transfer it takes up and its own');
SELECT results_eq($$SELECT amount::text FROM fbo_transfer_calls('QRST', (SELECT reference FROM t7))$$, $$VALUES ('600.00 USD')$$,
	'a failed transfer still lists its own calls');
SELECT results_eq($$SELECT taken_up_by FROM fbo_transfers('QRST') WHERE reference = (SELECT reference FROM t7)$$, $$SELECT reference COLLATE "default" FROM t8$$,
	'a failed transfer names the transfer that took it up');
SELECT throws_ok($$SELECT reverse_journal('QRST', (SELECT instructed_journal FROM t8), 'undo')$$, 'LG002', NULL,
	'a transfer''s instruction cannot be reversed by hand');
SELECT confirm_fbo_transfer('QRST', reference, 'BT-8', '2026-11-20 17:10Z') FROM t8 \g /dev/null
SELECT is((SELECT t.ended_at FROM fbo_transfer t JOIN t8 ON t8.transfer_id = t.transfer_id), timestamptz '2026-11-20 17:19Z',
	'a confirmation dated before the instruction is recorded at the instruction''s instant');
SELECT is_empty($$SELECT e.client_id, e.journal_id FROM cash_call_event e JOIN client c USING (client_id) WHERE c.code = 'QRST' AND e.event = 'settled'
	EXCEPT ALL SELECT c.client_id, x.call FROM fbo_transfer t JOIN client c USING (client_id) CROSS JOIN fbo_transfer_calls('QRST', t.reference) x WHERE t.taken_up_by IS NULL AND c.code = 'QRST'$$,
	'every settled call is covered by a transfer');
SELECT is((SELECT count(*) - count(DISTINCT x.call) FROM fbo_transfer t JOIN client c USING (client_id) CROSS JOIN fbo_transfer_calls('QRST', t.reference) x
	WHERE t.taken_up_by IS NULL AND c.code = 'QRST'), 0::bigint, 'every settled call is covered by only one transfer');

-- transfers and their events are append-only
SELECT throws_ok($$UPDATE fbo_transfer SET amount = '1 USD'$$, 'LG066', NULL, 'a transfer''s amount cannot be updated');
SELECT throws_ok($$UPDATE fbo_transfer SET status = 'INSTRUCTED', ended_at = NULL, ended_journal = NULL, bank_reference = NULL$$, 'LG066', NULL,
	'a confirmed transfer cannot be set back to instructed');
SELECT throws_ok($$UPDATE fbo_transfer SET covered_through = now() WHERE covers IS NOT NULL$$, 'LG066', NULL,
	'the calls that a transfer covers cannot be changed');
SELECT throws_ok($$UPDATE fbo_transfer SET taken_up_by = 1 WHERE taken_up_by IS NOT NULL$$, 'LG066', NULL,
	'a transfer that was taken up cannot be taken up by another');
SELECT throws_ok($$DELETE FROM fbo_transfer$$, 'LG066', NULL, 'a transfer cannot be deleted');
SELECT throws_ok($$UPDATE event SET reason = 'x'$$, 'LG066', NULL, 'a transfer''s events cannot be updated');

-- ---------------------------------------------------------------------------
-- NET and GROSS: the same day leaves the same balances
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.trade(client text, reference text, customer text, side text, quantity amount, at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT post_trade(client || customer, side, quantity, 'lp1', reference, provider_price => '50000 USD/BTC', executed_at => at)
$$;
CREATE FUNCTION pg_temp.confirm_all(client text, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(confirm_fbo_transfer($1, reference, 'bank:' || reference, $2)) FROM fbo_transfers($1, in_transit_only => true)
$$;
CREATE FUNCTION pg_temp.a_day(c text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.wire_in(c || '0001', '9000 USD', '2026-11-20 12:00Z'), pg_temp.wire_in(c || '0002', '3000 USD', '2026-11-20 12:00Z');
	PERFORM pg_temp.trade(c, 'a', '0001', 'BUY', '0.10 BTC', '2026-11-20 12:01Z'), pg_temp.trade(c, 'b', '0002', 'BUY', '0.02 BTC', '2026-11-20 12:02Z');
	PERFORM process_cash_calls('2026-11-20 12:05Z');						-- 6,000 collected
	PERFORM pg_temp.trade(c, 'c', '0001', 'SELL', '0.03 BTC', '2026-11-20 12:06Z');
	PERFORM instruct_settlement_transfers('2026-11-20 13:00Z', c);		-- a sale of 1,500 is outstanding
	PERFORM pg_temp.confirm_all(c, '2026-11-20 13:30Z');
	PERFORM process_cash_calls('2026-11-20 13:31Z');
	PERFORM pg_temp.trade(c, 'd', '0002', 'SELL', '0.01 BTC', '2026-11-20 14:00Z'), pg_temp.trade(c, 'e', '0001', 'BUY', '0.004 BTC', '2026-11-20 14:01Z');
	PERFORM process_cash_calls('2026-11-20 14:02Z');
	PERFORM pg_temp.trade(c, 'f', '0001', 'SELL', '0.02 BTC', '2026-11-20 14:03Z');
	PERFORM instruct_settlement_transfers('2026-11-20 21:00Z', c);
	PERFORM pg_temp.confirm_all(c, '2026-11-20 21:30Z');
	PERFORM process_cash_calls('2026-11-20 21:31Z');
END $$;
SELECT pg_temp.a_day('NETT'), pg_temp.a_day('GRSS') \g /dev/null
SELECT results_eq($$SELECT direction, amount::text, covers FROM fbo_transfer t JOIN client c USING (client_id) WHERE c.code = 'NETT' ORDER BY transfer_id$$,
	$$VALUES ('TO_BUSINESS', '4500.00 USD', 'ALL'), ('TO_FBO', '1300.00 USD', 'ALL')$$,
	'NET instructs one transfer a run for purchases and sales together');
SELECT results_eq($$SELECT direction, amount::text, covers FROM fbo_transfer t JOIN client c USING (client_id) WHERE c.code = 'GRSS' ORDER BY transfer_id$$,
	$$VALUES ('TO_BUSINESS', '6000.00 USD', 'WITHDRAWALS'), ('TO_FBO', '1500.00 USD', 'DEPOSITS'), ('TO_BUSINESS', '200.00 USD', 'WITHDRAWALS'), ('TO_FBO', '1500.00 USD', 'DEPOSITS')$$,
	'GROSS instructs one transfer a run in each direction');
SELECT is((SELECT count(*) FROM cash_call c JOIN client t USING (client_id) WHERE t.code IN ('NETT', 'GRSS') AND c.status = 'O'), 0::bigint,
	'every call is settled at the end of the day under NET and GROSS');
SELECT set_eq($$SELECT fund, replace(name, 'NETT', ''), balance::text FROM balances('NETT')$$, $$SELECT fund, replace(name, 'GRSS', ''), balance::text FROM balances('GRSS')$$,
	'NET and GROSS leave the same balances');
SELECT results_eq($$SELECT c, (SELECT sum(CASE direction WHEN 'TO_BUSINESS' THEN amount ELSE -amount END)::text FROM fbo_transfers(c) WHERE status = 'CONFIRMED') FROM unnest(ARRAY['GRSS', 'NETT']) c$$,
	$$SELECT c, (f.collected - f.paid + f.other - (f.closing - f.opening))::text FROM unnest(ARRAY['GRSS', 'NETT']) c, settlement_flow(c, at => '2026-11-20 23:00Z') f$$,
	'confirmed transfers equal what calls collected less paid, other, and the rise in company money');
SELECT results_eq($$SELECT collected::text, paid::text, closing::text FROM settlement_flow('NETT', at => '2026-11-20 23:00Z')$$, $$VALUES ('6200.00 USD', '3000.00 USD', '0.00 USD')$$,
	'NET leaves no company money in the FBO account when all calls are settled');
SELECT is_empty($$SELECT * FROM fbo_transfers('GRSS') t CROSS JOIN fbo_transfer_calls('GRSS', t.reference) x WHERE (t.direction = 'TO_BUSINESS') <> (x.direction = 'Withdrawal')$$,
	'GROSS lists calls of purchases on transfers out and calls of sales on transfers in');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the proof of the FBO accounts holds under NET and GROSS');

-- money that comes back to the business account when no sale needs it
SELECT instruct_fbo_transfer('NETT', '1000 USD', 'float', at => '2026-11-20 22:00Z') \g /dev/null
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 22:01Z', 'NETT')$$,
	'a run does not move out prefunded money that is still in transit');
SELECT pg_temp.trade('NETT', 'g', '0001', 'SELL', '0.01 BTC', '2026-11-20 22:02Z') \g /dev/null
SELECT process_cash_calls('2026-11-20 22:03Z') \g /dev/null
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 22:04Z', 'NETT')$$,
	'a run brings nothing for a sale that prefunded money in transit covers');
SELECT pg_temp.confirm_all('NETT', '2026-11-20 22:05Z') \g /dev/null
SELECT process_cash_calls('2026-11-20 22:06Z') \g /dev/null
SELECT results_eq($$SELECT direction, amount::text FROM instruct_settlement_transfers('2026-11-20 22:07Z', 'NETT')$$, $$VALUES ('TO_BUSINESS', '500.00 USD')$$,
	'a run moves prefunded money that no sale needed back to the business account');

-- a bust gives settled cash back; what is called through Apex is no concern of the FBO account
SELECT bust_trade('NETT0001', 'e', 'undo') \g /dev/null
SELECT results_eq($$SELECT direction, amount::text FROM instruct_settlement_transfers(client => 'NETT')$$, $$VALUES ('TO_FBO', '200.00 USD')$$,
	'a run brings the cash that a busted purchase gives back');
SELECT pg_temp.confirm_all('NETT', clock_timestamp()) \g /dev/null
SELECT results_eq($$SELECT settled, paid::text FROM process_cash_calls(client => 'NETT')$$, $$VALUES (1::bigint, '200.00 USD')$$,
	'a call that gives back a busted purchase is paid when its cash has come');
SELECT open_client('APEX', funding_model => 'APEX_TPJ', at => '2026-01-01Z'), open_customer(client => 'APEX', customer => 'APEX0001'), deposit_coin('APEX0001', '1 BTC', 'coin') \g /dev/null
SELECT pg_temp.trade('APEX', 'a', '0001', 'SELL', '0.01 BTC', '2026-11-20 12:00Z') \g /dev/null
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 22:10Z', 'APEX')$$,
	'a sale through Apex brings nothing to the FBO account');

-- property: whatever there is, both ways leave what the deposits need
CREATE FUNCTION pg_temp.left_over(money int, coming int, deposits int, funded int) RETURNS text LANGUAGE sql AS $$
	SELECT (a.money - n.to_business + n.to_fbo + a.coming)::text
	FROM (SELECT (money || ' USD')::amount AS money, (coming || ' USD')::amount AS coming, (deposits || ' USD')::amount AS deposits, (funded || ' USD')::amount AS funded) a,
		settlement_need(a.money, a.coming, a.deposits, a.funded) n
$$;
SELECT is_empty($$SELECT m, c, d, f FROM generate_series(0, 6) m, generate_series(0, 6) c, generate_series(0, 6) d, generate_series(0, d) f
	WHERE pg_temp.left_over(m, c, d, f) <> format('%s.00 USD', greatest(c, d)) OR pg_temp.left_over(m, c, d, NULL) <> format('%s.00 USD', greatest(c, d))$$,
	'NET and GROSS leave the greater of what deposits need and what is coming');

-- ---------------------------------------------------------------------------
-- Deficits
-- ---------------------------------------------------------------------------
SELECT pg_temp.wire_in('DEFI0001', '2000 USD', '2026-11-20 12:00Z'), pg_temp.trade('DEFI', 'a', '0001', 'BUY', '0.01 BTC', '2026-11-20 12:01Z') \g /dev/null
SELECT process_cash_calls('2026-11-20 12:05Z') \g /dev/null
SELECT pg_temp.returned('DEFI', 'DEFI0004', '800 USD', '2026-11-20 12:06Z') \g /dev/null
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-20 12:07Z', 'DEFI')$$,
	'a run takes nothing out while the company owes the FBO account');
SELECT results_eq($$SELECT pg_temp.held('DEFI', 'FBO', 'DueTo:CORP'), pg_temp.held('DEFI', 'FBO', 'DueFrom:CORP')$$, $$VALUES ('0.00 USD', '300.00 USD')$$,
	'a run sets the company''s money off against what it owes the FBO account');
SELECT results_eq($$SELECT amount::text FROM top_up_deficits('2026-11-20 12:08Z', 'DEFI')$$, $$VALUES ('300.00 USD')$$,
	'a top-up brings what is owed after the set-off');
SELECT results_eq($$SELECT other::text, closing::text FROM settlement_flow('DEFI', at => '2026-11-20 12:10Z')$$, $$VALUES ('-500.00 USD', '0.00 USD')$$,
	'a set-off appears under other in the settlement flow');
-- set off meanwhile: what the top-up no longer has to make good is company money
SELECT pg_temp.trade('DEFI', 'b', '0001', 'BUY', '0.004 BTC', '2026-11-20 12:11Z'), process_cash_calls('2026-11-20 12:12Z') \g /dev/null
SELECT is_empty($$SELECT * FROM top_up_deficits('2026-11-20 12:13Z', 'DEFI')$$,
	'a top-up is not repeated while one is in transit');
SELECT is(pg_temp.held('DEFI', 'FBO', 'DueFrom:CORP'), '100.00 USD', 'a top-up run sets off money collected since the last one');
SELECT pg_temp.confirm_all('DEFI', '2026-11-20 12:20Z') \g /dev/null
SELECT results_eq($$SELECT pg_temp.held('DEFI', 'FBO', 'DueTo:CORP'), pg_temp.held('DEFI', 'FBO', 'DueFrom:CORP')$$, $$VALUES ('200.00 USD', '0.00 USD')$$,
	'a confirmed top-up that exceeds the deficit leaves the excess to the company');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the proof of the FBO accounts holds after set-off and top-up');

-- several banks
SELECT load_journal('DEFI', journal_entry(line('Dr', pg_temp.acct('DEFI', 'FBO', 'Bank:omnibus:evolve'), '9000 USD'), line('Cr', pg_temp.acct('DEFI', 'FBO', 'Cust:DEFI0002:settled'), '9000 USD')), 'bank') \g /dev/null
SELECT results_eq($$SELECT bank, amount::text FROM instruct_settlement_transfers('2026-11-20 12:30Z', 'DEFI')$$, $$VALUES ('evolve', '200.00 USD')$$,
	'a run moves money out of the bank that holds most');
SELECT pg_temp.confirm_all('DEFI', '2026-11-20 12:31Z') \g /dev/null
SELECT is(pg_temp.held('DEFI', 'FBO', 'Bank:omnibus:evolve'), '8800.00 USD',
	'a confirmed transfer leaves the bank it was instructed at');
SELECT results_eq($$SELECT bank FROM instruct_fbo_transfer('DEFI', '1 USD', 'plain', at => '2026-11-20 12:32Z')$$, $$VALUES (NULL::text)$$,
	'a transfer by hand without a bank is booked on Bank:omnibus');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the proof of the FBO accounts holds with several banks');
SELECT is_empty($$SELECT * FROM verify(progress => 0)$$, 'the ledger verifies after all transfers');

-- ---------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_reconciler IN ROLE bakkt_ledger_reconciler;
CREATE ROLE ledger_test_poster IN ROLE bakkt_ledger_poster;
SET LOCAL SESSION AUTHORIZATION ledger_test_reconciler;
SELECT isnt_empty($$SELECT * FROM fbo_transfers()$$, 'a reconciler sees the transfers');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'a reconciler checks the FBO accounts');
SELECT throws_ok(call, '42501', NULL,
	'a reconciler cannot instruct or end a transfer: ' || call)
	FROM unnest(ARRAY[$$SELECT instruct_settlement_transfers()$$, $$SELECT instruct_fbo_transfer('DEFI', '1 USD', 'r')$$,
	$$SELECT confirm_fbo_transfer('DEFI', 'plain', 'x')$$, $$SELECT fail_fbo_transfer('DEFI', 'plain', 'x')$$, $$SELECT top_up_deficits()$$]) call;
SET LOCAL SESSION AUTHORIZATION ledger_test_poster;
SELECT throws_ok($$SELECT * FROM fbo_transfers()$$, '42501', NULL, 'a poster sees no transfer between the company''s banks');
SELECT throws_ok($$SELECT * FROM bakkt_ledger.fbo_transfer$$, '42501', NULL, 'a poster does not see the table of transfers');
SELECT throws_ok(call, '42501', NULL,
	'a poster is refused transfers and reports: ' || call)
	FROM unnest(ARRAY[$$SELECT fbo_transfers('DEFI')$$, $$SELECT settlement_flow('DEFI')$$, $$SELECT fbo_proof('DEFI')$$,
	$$SELECT check_fbo('DEFI')$$, $$SELECT fbo_transfer_calls('DEFI', 'plain')$$, $$SELECT confirm_fbo_transfer('DEFI', 'plain', 'x')$$]) call;
SET LOCAL SESSION AUTHORIZATION ledger_test_settler;
SELECT results_eq($$SELECT status FROM confirm_fbo_transfer('DEFI', 'plain', 'BT-plain', '2026-11-20 12:40Z')$$, $$VALUES ('CONFIRMED')$$,
	'a settler confirms a transfer');
SELECT lives_ok($$SELECT instruct_settlement_transfers('2026-11-20 12:41Z')$$, 'a settler instructs the settlement transfers');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT role_name FROM fbo_transfer_event e JOIN fbo_transfer t USING (client_id, transfer_id) WHERE t.reference = 'plain' AND e.event = 'confirmed'), 'ledger_test_settler',
	'a settler''s confirmation is recorded under the settler''s own name');

-- a run of an instant, made up for later, funds what had been called by then
SELECT open_client('LATE', at => '2026-01-01Z'), open_client('FLOT', at => '2026-01-01Z') \g /dev/null
SELECT open_customer(client => c, customer => c || '0001'), deposit_coin(c || '0001', '1 BTC', 'coin', at => '2026-11-01Z') FROM unnest(ARRAY['LATE', 'FLOT']) c \g /dev/null
SELECT post_trade(c || '0001', 'SELL', '0.01 BTC', 'lp1', c || t.at, provider_price => '60000 USD/BTC', executed_at => t.at::timestamptz)
FROM unnest(ARRAY['LATE', 'FLOT']) c, unnest(ARRAY['2026-11-18 14:00Z', '2026-11-18 16:00Z']) AS t (at) \g /dev/null
SELECT results_eq($$SELECT direction, amount::text FROM instruct_settlement_transfers('2026-11-18 15:00Z', 'LATE')$$, $$VALUES ('TO_FBO', '600.00 USD')$$,
	'a run brings nothing for a sale executed after the run''s instant');
SELECT results_eq($$SELECT direction, amount::text FROM instruct_settlement_transfers('2026-11-18 17:00Z', 'LATE')$$, $$VALUES ('TO_FBO', '600.00 USD')$$,
	'a run brings the cash for a sale executed since the run before');

-- the float that the terms ask for stays, whatever the way of settling
SELECT change_cash_terms('FLOT', company_float => '1000 USD') \g /dev/null
CREATE TEMP TABLE r_f1 AS SELECT * FROM instruct_settlement_transfers('2026-11-18 15:00Z', 'FLOT');
CREATE TEMP TABLE f1 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_f1 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT results_eq($$SELECT direction, amount::text FROM f1$$, $$VALUES ('TO_FBO', '1600.00 USD')$$,
	'a run brings the company''s float together with what a deposit lacks');
SELECT confirm_fbo_transfer('FLOT', reference, 'BT-float', '2026-11-18 15:30Z') FROM f1 \g /dev/null
SELECT results_eq($$SELECT settled FROM process_cash_calls('2026-11-18 16:05Z', 'FLOT')$$, $$VALUES (2::bigint)$$,
	'a later sale is paid at once out of the float');
CREATE TEMP TABLE r_f2 AS SELECT * FROM instruct_settlement_transfers('2026-11-18 17:00Z', 'FLOT');
CREATE TEMP TABLE f2 AS SELECT t.* FROM fbo_transfer AS t JOIN client AS c USING (client_id) JOIN r_f2 AS r ON r.reference = t.reference AND r.client = c.code;
SELECT results_eq($$SELECT direction, amount::text FROM f2$$, $$VALUES ('TO_FBO', '600.00 USD')$$,
	'a run fills up a float that a sale has used');
SELECT confirm_fbo_transfer('FLOT', reference, 'BT-float-2', '2026-11-18 17:30Z') FROM f2 \g /dev/null
SELECT change_cash_terms('FLOT', settlement_flow => 'GROSS') \g /dev/null
SELECT is_empty($$SELECT * FROM instruct_settlement_transfers('2026-11-18 18:00Z', 'FLOT')$$,
	'a run under GROSS leaves the float in the FBO account');
SELECT change_cash_terms('FLOT', company_float => '0 USD', settlement_flow => 'NET') \g /dev/null
SELECT results_eq($$SELECT direction, amount::text FROM instruct_settlement_transfers('2026-11-18 19:00Z', 'FLOT')$$, $$VALUES ('TO_BUSINESS', '1000.00 USD')$$,
	'a run moves the float back when the terms no longer ask for it');
SELECT throws_ok($$SELECT change_cash_terms('FLOT', company_float => '-1 USD')$$, 'LG002', NULL, 'a negative float is refused');
SELECT throws_ok($$SELECT change_cash_terms('FLOT', company_float => '1 BTC')$$, 'LG042', NULL, 'a float of coin is refused');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the proof of the FBO accounts holds with a float');

-- ---------------------------------------------------------------------------
-- Several banks
-- ---------------------------------------------------------------------------
SELECT open_client('BANK', at => '2026-01-01Z'), open_customers('BANK', ARRAY['BANK0001', 'BANK0002', 'BANK0003']) \g /dev/null
SELECT receive_wire('BANK', '600 USD', 'bank a', 'BANK0001', 'a', at => '2026-11-20 14:00Z'), receive_wire('BANK', '500 USD', 'bank b', 'BANK0002', 'b', at => '2026-11-20 14:00Z'),
	receive_wire('BANK', '50 USD', 'bank a too', 'BANK0003', 'a', at => '2026-11-20 14:00Z') \g /dev/null
SELECT request_withdrawal('BANK0003', '50 USD', 'out of a', bank => 'a', at => '2026-11-20 14:00Z'), send_withdrawal('BANK', 'out of a', at => '2026-11-20 14:00Z') \g /dev/null
SELECT post_trade('BANK000' || n, 'BUY', '0.008 BTC', 'lp1', 'bank ' || n, provider_price => '60000 USD/BTC', executed_at => '2026-11-20 14:10Z') FROM generate_series(1, 2) n \g /dev/null
SELECT process_cash_calls('2026-11-20 14:15Z') \g /dev/null
SELECT post_trade('BANK0001', 'BUY', '0.002 BTC', 'lp1', 'bank 3', provider_price => '60000 USD/BTC', executed_at => '2026-11-20 14:20Z') \g /dev/null
SELECT process_cash_calls('2026-11-20 14:25Z') \g /dev/null
SELECT throws_ok($$SELECT instruct_fbo_transfer('BANK', '501 USD', 'too much', 'TO_BUSINESS', 'b', '2026-11-20 14:30Z')$$, 'LG050', NULL,
	'a transfer by hand cannot take more out of a bank than it holds');
SELECT throws_ok($$SELECT instruct_fbo_transfer('BANK', '1 USD', 'nothing there', 'TO_BUSINESS', at => '2026-11-20 14:30Z')$$, 'LG050', NULL,
	'a transfer by hand cannot take money out of a bank that holds nothing');
CREATE FUNCTION pg_temp.bank_run(at timestamptz) RETURNS SETOF text LANGUAGE sql AS $$ SELECT format('%s %s of %s', direction, amount, bank) FROM instruct_settlement_transfers(at, 'BANK') $$;
SELECT results_eq($$SELECT pg_temp.bank_run('2026-11-20 15:00Z')$$, ARRAY['TO_BUSINESS 600.00 USD of a'],
	'a run takes no more than the largest bank holds after sent withdrawals');
SELECT results_eq($$SELECT pg_temp.bank_run('2026-11-20 21:00Z')$$, ARRAY['TO_BUSINESS 480.00 USD of b'],
	'the next run takes the rest from another bank while the first transfer is in transit');
SELECT confirm_fbo_transfer('BANK', t.reference, 'bank ' || t.reference, '2026-11-20 22:00Z') FROM fbo_transfers('BANK') t \g /dev/null
SELECT complete_withdrawal('BANK', 'out of a', at => '2026-11-20 22:00Z') \g /dev/null
SELECT results_eq($$SELECT banks::text FROM fbo_proof('BANK')$$, $$SELECT ARRAY[('Bank:omnibus:a', '0 USD'), ('Bank:omnibus:b', '20 USD')]::bank_balance[]::text$$,
	'transfers out of several banks overdraw none');
SELECT results_eq($$SELECT c.journal FROM fbo_transfers('BANK') t, fbo_transfer_calls('BANK', t.reference) c ORDER BY 1$$,
	$$SELECT e.event_journal FROM cash_call_event e JOIN client l USING (client_id) WHERE l.code = 'BANK' AND e.event = 'settled' ORDER BY 1$$,
	'each settled call is in one transfer though several banks are used');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the proof of the FBO accounts holds after transfers out of several banks');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SELECT * FROM finish();
ROLLBACK;
