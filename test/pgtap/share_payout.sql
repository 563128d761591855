-- Paying out the client's share of revenue takes two people and never exceeds what has accrued; the statement adds up.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE payout_ann LOGIN IN ROLE bakkt_ledger_settler;
CREATE ROLE payout_ben LOGIN IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
CREATE ROLE payout_tenant LOGIN IN ROLE bakkt_ledger_reader;
SELECT open_provider('lp1', 'Provider') \g /dev/null
SELECT open_client('PAYS', funding_model => 'NO_SETTLEMENT', revenue_share_bps => 3333, at => '2026-01-01Z'), open_customer('PAYS', 'PAYS0001', at => '2026-01-01Z') \g /dev/null
SELECT grant_client_access('PAYS', 'payout_tenant'), open_bank_account('payer', 'OPERATING', 'FIRST', ledger_name => 'Bank:operating:FIRST') \g /dev/null
SELECT post_trade('PAYS0001', 'BUY', '1 BTC', 'lp1', 't1', price => '60100 USD/BTC', provider_price => '60000 USD/BTC', executed_at => '2026-01-02Z') \g /dev/null
CREATE FUNCTION pg_temp.share() RETURNS text LANGUAGE sql AS $$ SELECT (balance_of(account_of('PAYS', 'CORP', 'RevShare:payable:PAYS', 'USD'))).balance::text $$;
CREATE FUNCTION pg_temp.lines(reference text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', CASE WHEN l.debit IS NULL THEN 'Cr' ELSE 'Dr' END, a.name, abs(l.amount)), '; ' ORDER BY l.line)
	FROM journal j, lines(j.entry) l JOIN account a USING (account) WHERE j.reference = $1 $$;
SELECT is(pg_temp.share(), '33.33 USD', 'the share accrues with the trade');

SET SESSION AUTHORIZATION payout_ann;
SELECT throws_ok($$SELECT propose_share_payout('PAYS', '33.34 USD', 'p0')$$, 'LG050', NULL, 'no more can be proposed than has accrued');
SELECT throws_ok($$SELECT propose_share_payout('PAYS', '0 USD', 'p0')$$, 'LG045', NULL, 'a payout is positive');
SELECT throws_ok($$SELECT propose_share_payout('PAYS', '1 USD', 'p0', bank => 'NOBANK')$$, 'LG016', NULL, 'a payout is from an account of the company that was opened');
SELECT throws_ok($$SELECT propose_share_payout('PAYS', '1 USD', '')$$, 'LG002', NULL, 'a payout needs a reference');
SELECT is(propose_share_payout('PAYS', '30 USD', 'p1', bank => 'FIRST', at => '2026-01-03Z')::text, '(p1,proposed,f,"30.00 USD",PROPOSED,"2026-01-03 00:00:00+00",)', 'a payout is proposed, and nothing posted');
SELECT is((propose_share_payout('PAYS', '30 USD', 'p1', bank => 'FIRST', at => '2026-01-03Z')).replayed, true, 'the same request again gets the first answer');
SELECT throws_ok($$SELECT propose_share_payout('PAYS', '29 USD', 'p1', bank => 'FIRST', at => '2026-01-03Z')$$, 'LG020', NULL, 'another amount under the reference is refused');
SELECT propose_share_payout('PAYS', '30 USD', 'p2'), propose_share_payout('PAYS', '3 USD', 'p3') \g /dev/null
SELECT throws_ok($$SELECT approve_share_payout('PAYS', 'p1')$$, '42501', NULL, 'who proposes payouts does not approve them');
SELECT throws_ok($$SELECT confirm_share_payout('PAYS', 'p1', 'wire 1')$$, 'LG081', NULL, 'what was not approved was not paid');
SET SESSION AUTHORIZATION payout_ben;
SELECT is((SELECT string_agg(reference || ' ' || status, ', ' ORDER BY number) FROM approvals('PAYS')), 'p1 PROPOSED, p2 PROPOSED, p3 PROPOSED', 'the second person finds the payouts among the approvals');
SELECT is((approve_share_payout('PAYS', 'p1', at => '2026-01-04Z')).status, 'INSTRUCTED', 'a payout that another person approves is instructed');
SELECT is((approve_share_payout('PAYS', 'p1')).replayed, true, 'to approve again changes nothing');
SELECT throws_ok($$SELECT approve_share_payout('PAYS', 'p2')$$, 'LG050', NULL, 'what two payouts ask for together must have accrued');
SELECT throws_ok($$SELECT decline_share_payout('PAYS', 'p2', '')$$, 'LG002', NULL, 'declining needs a reason');
SELECT is((decline_share_payout('PAYS', 'p2', 'too much')).status, 'DECLINED', 'what cannot be paid is declined');
SELECT is((decline_share_payout('PAYS', 'p2', 'too much')).replayed, true, 'to decline again changes nothing');
SELECT throws_ok($$SELECT approve_share_payout('PAYS', 'p2')$$, 'LG081', NULL, 'what was declined is not approved');
SELECT throws_ok($$SELECT decline_share_payout('PAYS', 'p1', 'late')$$, 'LG081', NULL, 'what was approved is not declined');
SELECT is((approve_share_payout('PAYS', 'p3')).status, 'INSTRUCTED', 'a second payout of what is left is approved');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('share-payout:' || payout_id || ':instructed'), 'Dr RevShare:payable:PAYS 30.00 USD; Cr Clearing:wire-out 30.00 USD', 'an approved payout leaves the share') FROM share_payout WHERE reference = 'p1';
SELECT is(pg_temp.share(), '0.33 USD', 'the share has what was not paid out');

SET SESSION AUTHORIZATION payout_ann;
SELECT throws_ok($$SELECT confirm_share_payout('PAYS', 'p1', '')$$, 'LG002', NULL, 'the bank has a reference of its own');
SELECT is((confirm_share_payout('PAYS', 'p1', 'wire 1')).status, 'CONFIRMED', 'a payout that the bank confirms has ended well');
SELECT is((confirm_share_payout('PAYS', 'p1', 'wire 1')).replayed, true, 'to confirm again changes nothing');
SELECT throws_ok($$SELECT confirm_share_payout('PAYS', 'p1', 'wire 2')$$, 'LG020', NULL, 'a payout has one wire');
SELECT throws_ok($$SELECT confirm_share_payout('PAYS', 'p3', 'wire 1')$$, 'LG020', NULL, 'a wire pays one payout');
SELECT throws_ok($$SELECT fail_share_payout('PAYS', 'p1', 'R03')$$, 'LG081', NULL, 'what the bank has paid does not fail');
SELECT throws_ok($$SELECT fail_share_payout('PAYS', 'p3', '')$$, 'LG002', NULL, 'a failure has the bank''s reason');
SELECT is((fail_share_payout('PAYS', 'p3', 'account closed')).status, 'FAILED', 'the bank refuses a payout');
SELECT is((fail_share_payout('PAYS', 'p3', 'account closed')).replayed, true, 'to fail again changes nothing');
SELECT throws_ok($$SELECT confirm_share_payout('PAYS', 'p3', 'wire 3')$$, 'LG081', NULL, 'what failed is not confirmed');
SELECT throws_ok($$SELECT confirm_share_payout('PAYS', 'none', 'wire 4')$$, 'LG080', NULL, 'an unknown payout is refused');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('share-payout:' || payout_id || ':confirmed'), 'Dr Clearing:wire-out 30.00 USD; Cr Bank:operating:FIRST 30.00 USD', 'a confirmed payout leaves the bank') FROM share_payout WHERE reference = 'p1';
SELECT is(pg_temp.share(), '3.33 USD', 'what the bank refused is the client''s share again');

-- the statement
SELECT post_trade('PAYS0001', 'BUY', '0.01 BTC', 'lp1', 't2', price => '60001 USD/BTC', provider_price => '60000 USD/BTC', executed_at => '2026-01-05Z') \g /dev/null
SELECT true_up_revenue_shares('2026-01-06Z', 'PAYS') \g /dev/null
SELECT is((SELECT format('%s %s %s', s.executions, s.revenue, s.exact_share) FROM revenue_share_statement('PAYS') s), '2 100.01 USD 33.333333 USD', 'a statement shows executions, revenue and exact share');
SELECT is((SELECT format('%s + %s + %s + %s + %s + %s + %s = %s', s.opening, s.accrued, s.trued_up, s.written_off, s.recovered, s.paid, s.other, s.closing) FROM revenue_share_statement('PAYS') s),
	'0.00 USD + 33.33 USD + 0.00 USD + 0.00 USD + 0.00 USD + -30.00 USD + 0.00 USD = 3.33 USD', 'its rows add up to the balance of the share');
SELECT is((SELECT format('%s %s %s', s.opening, s.executions, s.closing) FROM revenue_share_statement('PAYS', (current_date + interval '1 month')::date) s), '3.33 USD 0 3.33 USD', 'the next month opens with what the month closed with');
SELECT is((SELECT format('%s %s', s.opening, s.closing) FROM revenue_share_statement('PAYS', '2020-02-29') s), '0.00 USD 0.00 USD', 'a month before the first trade is empty');
SELECT throws_ok($$SELECT revenue_share_statement('PAYS', 'infinity')$$, 'LG002', NULL, 'a statement is of a month');
SET SESSION AUTHORIZATION payout_tenant;
SELECT is((SELECT s.revenue FROM revenue_share_statement('PAYS') s), NULL, 'a tenant is not told the company''s revenue');
SELECT is((SELECT count(*) FROM share_payouts('PAYS') p WHERE p.bank IS NULL), 3::bigint, 'a tenant reads its payouts, and not the company''s bank');
SELECT throws_ok($$SELECT propose_share_payout('PAYS', '1 USD', 'mine')$$, '42501', NULL, 'a tenant does not propose payouts');
RESET SESSION AUTHORIZATION;

SELECT seal() \g /dev/null
SELECT is_empty($$SELECT * FROM verify()$$, 'payouts, approvals and totals are what was recorded');
SELECT load_journal('PAYS', format('{Dr %s 1 USD; Cr %s 1 USD}', account_of('PAYS', 'CORP', 'Clearing:wire-out', 'USD'), account_of('PAYS', 'CORP', 'Bank:operating:FIRST', 'USD'))::journal_entry, 'astray') \g /dev/null
SELECT is((SELECT count(*) FROM check_revenue_share('PAYS')), 1::bigint, 'money on the clearing account that belongs to no payout is named');

SELECT * FROM finish();
ROLLBACK;
