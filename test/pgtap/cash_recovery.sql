-- Recoveries of cash calls written off, in part and whole, and write-offs that a bust restores.
-- Run from the top of the tree: the worked journals are read from test/golden.
\set content `cat test/golden/journals.json`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

\ir write_off.psql

CREATE FUNCTION pg_temp.pay_in(account text, amount amount, reference text) RETURNS void LANGUAGE sql AS $$
	SELECT post_entry(c.client_id, reference, 'cash_deposit', journal_entry(line('Dr', ensure_account(c.client_id, 'FBO', 'Bank:omnibus', asset(amount)), amount),
		line('Cr', ensure_account(c.client_id, 'FBO', 'Cust:' || account || ':settled', asset(amount)), amount))) FROM client c WHERE c.code = 'XYZZ' $$;
CREATE ROLE bakkt_test_settler; CREATE ROLE bakkt_test_approver;
GRANT bakkt_ledger_settler TO bakkt_test_settler;
GRANT bakkt_ledger_approver TO bakkt_test_approver;
SELECT grant_client_access('XYZZ', 'bakkt_test_approver') \g /dev/null
SELECT pg_temp.buy('bob', 'BOB00001', '0.5 BTC', '2026-11-20 15:00Z', fee_bps => 50) \g /dev/null
SELECT post_entry(c.client_id, 'paid out', 'general', journal_entry(line('Dr', account_of('XYZZ', 'CORP', 'RevShare:payable:XYZZ', 'USD'), '0.12 USD'),
	line('Cr', ensure_account(c.client_id, 'CORP', 'Bank:operating', 'USD'), '0.12 USD'))) FROM client c \g /dev/null
SELECT pg_temp.buy('carol', 'CAROL001', '0.001 BTC', '2026-08-20 15:00Z', '60300 USD/BTC', encumbered => true) AS carol, pg_temp.buy('dave', 'DAVE0001', '0.001 BTC', '2026-08-21 15:00Z', '60300 USD/BTC', encumbered => true) AS dave,
	pg_temp.buy('erin', 'ERIN0001', '0.001 BTC', '2026-08-22 15:00Z', '60300 USD/BTC') AS erin, pg_temp.buy('young', 'ERIN0001', '0.001 BTC', '2026-11-20 15:00Z') AS young \gset
SELECT is(pg_temp.balance('CORP', 'RevShare:payable:XYZZ'), '60.24 USD',
	'the client''s share of revenue accrues on the purchases posted');
SELECT post_entry(c.client_id, 'and', 'general', journal_entry(line('Dr', account_of('XYZZ', 'CORP', 'RevShare:payable:XYZZ', 'USD'), '0.24 USD'),
	line('Cr', ensure_account(c.client_id, 'CORP', 'Bank:operating', 'USD'), '0.24 USD'))) FROM client c \g /dev/null
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'r0')$$, :carol), 'LG083', NULL,
	'an outstanding cash call (TPJ) cannot be recovered');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT propose_cash_call_write_offs('2026-10-15 15:00Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT approve_cash_call_write_offs('XYZZ', ARRAY[:carol, :dave, :erin], '2026-10-16 15:00Z') \g /dev/null
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'r0')$$, :carol), '42501', NULL,
	'an approver cannot recover a written-off call');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq($$SELECT charged, amount::text, from_share::text, from_bad_debt::text FROM charge_cash_call_write_offs('2026-11-01 15:00Z', 'XYZZ')$$, $$VALUES (3::bigint, '180.90 USD', '60.00 USD', '120.90 USD')$$,
	'a write-off is charged to the client''s share of revenue first, then to bad debt');
RESET SESSION AUTHORIZATION;
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'cash calls and receivables agree after the write-offs are charged');

-- ---------------------------------------------------------------------------
-- The worked journals
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'r1')$$, :carol), 'LG050', NULL,
	'a recovery without settled cash is refused');
RESET SESSION AUTHORIZATION;
SELECT pg_temp.pay_in('CAROL001', '60.30 USD', 'J05d') \g /dev/null
SELECT results_eq($$SELECT * FROM pg_temp.lines_of('J05d')$$, $$SELECT line_text FROM given_line WHERE id = 'J05d' ORDER BY line$$,
	'a customer''s wire is posted as golden journal J05d');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq(format($$SELECT call, requested::text, amount::text, to_bad_debt::text, to_share::text, outcome, replayed FROM recover_cash_call('XYZZ', %s, 'r1', at => '2026-11-05 15:00Z')$$, :carol),
	format($$VALUES (%s::bigint, NULL, '60.30 USD', '0.30 USD', '60.00 USD', 'recovered', false)$$, :carol),
	'a recovery without an amount takes all that was written off');
SELECT is((recover_cash_call('XYZZ', :carol, 'r1', at => '2026-11-06 15:00Z')).at, '2026-11-05 15:00Z',
	'a repeated recovery returns the first one');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'r1', '60.30 USD')$$, :carol), 'LG020', NULL,
	'a repeated recovery that adds an amount is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'r1')$$, :dave), 'LG020', NULL,
	'a recovery reference is not used for another call');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'r2')$$, :carol), 'LG083', NULL,
	'a fully recovered call cannot be recovered again');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT a.role_name COLLATE "default" FROM request r JOIN actor a USING (actor_id) WHERE r.scope = 'recovery' AND r.reference = 'r1'), 'bakkt_test_settler',
	'a recovery is recorded as its caller''s');
SELECT results_eq($$SELECT * FROM pg_temp.lines_of('recovery:r1')$$, $$SELECT line_text FROM given_line WHERE id = 'J05e' ORDER BY line$$,
	'a recovery is posted as golden journal J05e: bad debt, share, then coin released');
SELECT results_eq($$SELECT k.name COLLATE "default", j.effective_at FROM journal j JOIN journal_kind k USING (kind) WHERE j.reference = 'recovery:r1'$$, $$VALUES ('cash_recovery', timestamptz '2026-11-05 15:00Z')$$,
	'a recovery journal is of kind cash_recovery, effective at the recovery''s instant');
SELECT results_eq(format($$SELECT event_no, event COLLATE "default", at, amount::text, event_journal FROM cash_call_event WHERE journal_id = %s AND event_no = 2$$, :carol), $$VALUES (2, 'recovered', timestamptz '2026-11-05 15:00Z', '60.30 USD', pg_temp.call('recovery:r1'))$$,
	'a recovery is an event of its cash call');
SELECT results_eq($$SELECT status, recovered::text, outstanding::text FROM cash_write_offs('XYZZ') WHERE reference = 'carol'$$, $$VALUES ('RECOVERED', '60.30 USD', '0.00 USD')$$,
	'a fully recovered write-off is listed as RECOVERED');
SELECT results_eq($$SELECT status, recovered::text, outstanding::text FROM cash_write_offs('XYZZ', '2026-11-05 14:00Z') WHERE reference = 'carol'$$, $$VALUES ('CHARGED', '0.00 USD', '60.30 USD')$$,
	'write-offs as of an earlier instant are listed without the later recovery');
SELECT is(pg_temp.balance('CORP', 'RevShare:payable:XYZZ'), '60.00 USD', 'a recovery restores the client''s share of revenue');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'cash calls and receivables agree after a full recovery');

-- ---------------------------------------------------------------------------
-- Recovery in parts
-- ---------------------------------------------------------------------------
-- erin's was charged last: to bad debt alone; dave's too; so write one off that is shared: carol's share is back
SELECT pg_temp.buy('bob2', 'BOB00001', '0.002 BTC', '2026-09-01 15:00Z', '60300 USD/BTC', encumbered => true) AS bob2, pg_temp.buy('bob3', 'BOB00001', '0.001 BTC', '2026-09-02 15:00Z', '60300 USD/BTC') AS bob3 \gset
SELECT post_entry(c.client_id, 'less', 'general', journal_entry(line('Dr', account_of('XYZZ', 'CORP', 'RevShare:payable:XYZZ', 'USD'), '0.36 USD'),
	line('Cr', ensure_account(c.client_id, 'CORP', 'Bank:operating', 'USD'), '0.36 USD'))) FROM client c \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT propose_cash_call_write_offs('2026-10-15 15:00Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT approve_cash_call_write_offs('XYZZ', ARRAY[:bob2, :bob3], '2026-10-16 15:00Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq($$SELECT amount::text, from_share::text, from_bad_debt::text FROM charge_cash_call_write_offs('2026-11-05 16:00Z')$$, $$VALUES ('180.90 USD', '60.00 USD', '120.90 USD')$$,
	'a write-off beyond the client''s share is charged to bad debt');
RESET SESSION AUTHORIZATION;
SELECT pg_temp.pay_in('BOB00001', '260.30 USD', 'bob pays') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p1', '120.61 USD')$$, :bob2), 'LG086', NULL,
	'a recovery of a cent more than was written off is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p1', '0 USD')$$, :bob2), 'LG045', NULL,
	'a recovery of zero is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p1', '-1 USD')$$, :bob2), 'LG045', NULL,
	'a recovery of a negative amount is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p1', '1 EUR')$$, :bob2), 'LG042', NULL,
	'a recovery in another currency is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p1', '0.001 USD')$$, :bob2), 'LG043', NULL,
	'a recovery with a fraction of a cent is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, '', '1 USD')$$, :bob2), 'LG002', NULL,
	'a recovery with an empty reference is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, NULL, '1 USD')$$, :bob2), 'LG002', NULL,
	'a recovery without a reference is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, repeat('x', 192), '1 USD')$$, :bob2), 'LG002', NULL,
	'a recovery reference of more than 191 characters is refused');
SELECT throws_ok($$SELECT recover_cash_call('XYZZ', 4711, 'p1')$$, 'LG082', NULL, 'a recovery of an unknown call is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('NONE', %s, 'p1')$$, :bob2), 'LG010', NULL,
	'a recovery for an unknown client is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p1', at => '2099-01-01Z')$$, :bob2), 'LG061', NULL,
	'a recovery dated ahead of the clock is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p1', at => 'infinity')$$, :bob2), 'LG061', NULL,
	'a recovery dated at infinity is refused');
SELECT results_eq(format($$SELECT amount::text, to_bad_debt::text, to_share::text FROM recover_cash_call('XYZZ', %s, 'p1', '60 USD', '2026-11-06 15:00Z')$$, :bob2), $$VALUES ('60.00 USD', '60.00 USD', '0.00 USD')$$,
	'a partial recovery makes bad debt whole first');
SELECT results_eq(format($$SELECT amount::text FROM recover_cash_call('XYZZ', %s, 'p1', '60.00 USD')$$, :bob2), $$VALUES ('60.00 USD')$$,
	'a repeated partial recovery returns the first one');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p1', '61 USD')$$, :bob2), 'LG020', NULL,
	'a repeated recovery with another amount is refused');
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'p2', '60.61 USD')$$, :bob2), 'LG086', NULL,
	'a recovery of a cent more than is still written off is refused');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT * FROM pg_temp.lines_of('recovery:p1')$$, $$VALUES ('FBO Dr Cust:BOB00001:settled 60.00 USD'), ('FBO Cr DueTo:CORP 60.00 USD'), ('CORP Dr DueFrom:FBO 60.00 USD'), ('CORP Cr Expense:bad-debt 60.00 USD')$$,
	'a partial recovery releases no encumbered coin');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'cash calls and receivables agree after a partial recovery');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq(format($$SELECT amount::text, to_bad_debt::text, to_share::text FROM recover_cash_call('XYZZ', %s, 'p2', '10.60 USD', '2026-11-07 15:00Z')$$, :bob2), $$VALUES ('10.60 USD', '0.60 USD', '10.00 USD')$$,
	'a recovery beyond bad debt restores the client''s share');
SELECT results_eq($$SELECT status, recovered::text, outstanding::text FROM cash_write_offs('XYZZ') WHERE reference = 'bob2'$$, $$VALUES ('CHARGED', '70.60 USD', '50.00 USD')$$,
	'a partly recovered write-off is listed as CHARGED with what stands');
SELECT results_eq(format($$SELECT amount::text, to_bad_debt::text, to_share::text FROM recover_cash_call('XYZZ', %s, 'p3', at => '2026-11-08 15:00Z')$$, :bob2), $$VALUES ('50.00 USD', '0.00 USD', '50.00 USD')$$,
	'a last recovery without an amount takes all that stands');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT * FROM pg_temp.lines_of('recovery:p3')$$, $$VALUES ('FBO Dr Cust:BOB00001:settled 50.00 USD'), ('FBO Cr DueTo:CORP 50.00 USD'), ('CORP Dr DueFrom:FBO 50.00 USD'), ('CORP Cr RevShare:payable:XYZZ 50.00 USD'),
	('CUST Dr Cust:BOB00001:encumbered 0.002 BTC'), ('CUST Cr Cust:BOB00001 0.002 BTC')$$,
	'the last partial recovery releases the encumbered coin');
SELECT is(pg_temp.balance('FBO', 'Cust:BOB00001:settled'), '139.70 USD',
	'partial recoveries take no more cash than was written off');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'cash calls and receivables agree after recovery in parts');

-- cash that is held or frozen is not taken
SELECT pg_temp.pay_in('DAVE0001', '70 USD', 'dave pays') \g /dev/null
SELECT authorize_hold('XYZZ', account_of('XYZZ', 'FBO', 'Cust:DAVE0001:settled', 'USD'), '20 USD', 'a hold') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'd1')$$, :dave), 'LG050', NULL,
	'a recovery does not take cash bound by a hold');
RESET SESSION AUTHORIZATION;
SELECT freeze_account(account_of('XYZZ', 'FBO', 'Cust:DAVE0001:settled', 'USD'), 'debit', reason => 'court order') \g /dev/null
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'd1', '1 USD')$$, :dave), 'LG033', NULL,
	'a recovery does not take cash from a frozen account');
RESET SESSION AUTHORIZATION;
SELECT unfreeze_account(account_of('XYZZ', 'FBO', 'Cust:DAVE0001:settled', 'USD'), reason => 'lifted') \g /dev/null

-- ---------------------------------------------------------------------------
-- Busts after the write-off
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.bust(original text, account text) RETURNS bigint LANGUAGE sql AS $$ SELECT (bust_trade($2, original => $1, reference => 'bust ' || $1)).journal $$;
SELECT pg_temp.balance('CORP', 'RevShare:payable:XYZZ') AS share, pg_temp.balance('CORP', 'Expense:bad-debt') AS bad_debt \gset
SELECT pg_temp.bust('erin', 'ERIN0001') AS bust_erin \gset
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('write-off:%s:restored')$$, :erin), $$VALUES ('CORP Cr Expense:bad-debt 60.30 USD'), ('CORP Dr TPJ:receivable:ERIN0001 60.30 USD')$$,
	'a bust restores the whole write-off when nothing was recovered');
SELECT results_eq(format($$SELECT event COLLATE "default", amount::text FROM cash_call_event WHERE journal_id = %s ORDER BY event_no$$, :erin), $$VALUES ('written_off', '60.30 USD'), ('written_off', '-60.30 USD'), ('busted', '60.30 USD')$$,
	'a bust of a written-off call records the restored write-off and the bust as events');
SELECT results_eq(format($$SELECT status::text FROM cash_call WHERE journal_id IN (%s, %s)$$, :erin, :bust_erin), $$VALUES ('B')$$,
	'a bust of an unrecovered purchase opens no call to give cash back');
SELECT is(pg_temp.balance('CORP', 'TPJ:receivable:ERIN0001'), '60.00 USD',
	'a bust leaves only the customer''s other purchase on the receivable');
SELECT is(pg_temp.balance('CORP', 'Expense:bad-debt')::amount, :'bad_debt'::amount - '60.30 USD',
	'a bust reverses the bad debt of the restored write-off');
SELECT results_eq($$SELECT status, outstanding::text FROM cash_write_offs('XYZZ') WHERE reference = 'erin'$$, $$VALUES ('RESTORED', '0.00 USD')$$,
	'a restored write-off is listed as RESTORED with nothing outstanding');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'cash calls and receivables agree after a restored write-off');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT throws_ok(format($$SELECT recover_cash_call('XYZZ', %s, 'e1')$$, :erin), 'LG083', NULL,
	'a call whose write-off was restored cannot be recovered');
SELECT throws_ok(format($$SELECT propose_cash_call_write_off('XYZZ', %s)$$, :erin), 'LG083', NULL,
	'a call whose write-off was restored cannot be written off again');
-- a bust of a call that was recovered in part
SELECT recover_cash_call('XYZZ', :dave, 'd2', '20.30 USD') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT pg_temp.bust('dave', 'DAVE0001') AS bust_dave \gset
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('write-off:%s:restored')$$, :dave), $$VALUES ('CORP Cr Expense:bad-debt 40.00 USD'), ('CORP Dr TPJ:receivable:DAVE0001 40.00 USD')$$,
	'a bust after a partial recovery restores only what still stands');
SELECT results_eq(format($$SELECT status::text, withdrawal, sale, amount::text FROM cash_call WHERE journal_id IN (%s, %s) ORDER BY journal_id$$, :dave, :bust_dave), $$VALUES ('B', true, false, '60.30 USD'), ('O', false, false, '20.30 USD')$$,
	'a bust opens a call that gives back what was recovered');
SELECT is(pg_temp.balance('CORP', 'TPJ:receivable:DAVE0001'), '-20.30 USD',
	'a call that gives cash back stands as a credit on the receivable');
SELECT results_eq($$SELECT status, settled::text, outstanding::text, written_off::text, recovered::text, busted::text FROM cash_calls('XYZZ') WHERE reference = 'dave'$$, $$VALUES ('BUSTED', '20.30 USD', '0.00 USD', '20.30 USD', '20.30 USD', '40.00 USD')$$,
	'the list of calls tells what of a busted call was written off, recovered and busted');
SELECT results_eq(format($$SELECT c.closed_at = e.at, c.closed_recorded_at = e.recorded_at FROM cash_call c JOIN cash_call_event e USING (client_id, journal_id) WHERE c.journal_id = %s AND e.event = 'written_off' AND sign(e.amount) = 1$$, :dave),
	$$VALUES (true, true)$$, 'a call ceases to be outstanding at the instant of its write-off');
SELECT is_empty($$SELECT * FROM check_cash_calls()$$, 'cash calls check out after a bust that follows a partial recovery');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$,
	'cash calls and receivables agree after a bust that follows a partial recovery');
-- a bust of a call that was recovered in full
SELECT recover_cash_call('XYZZ', :bob3, 'b3') \g /dev/null
SELECT pg_temp.bust('bob3', 'BOB00001') AS bust_bob3 \gset
SELECT is_empty(format($$SELECT * FROM pg_temp.lines_of('write-off:%s:restored')$$, :bob3),
	'a bust of a fully recovered call restores no write-off');
SELECT results_eq(format($$SELECT status::text, withdrawal, sale, amount::text FROM cash_call WHERE journal_id = %s$$, :bust_bob3), $$VALUES ('O', false, false, '60.30 USD')$$,
	'a bust of a fully recovered call opens a call that gives all of it back');
SELECT results_eq($$SELECT status, recovered::text, outstanding::text FROM cash_write_offs('XYZZ') WHERE reference = 'bob3'$$, $$VALUES ('RECOVERED', '60.30 USD', '0.00 USD')$$,
	'a busted call that was fully recovered stays listed as RECOVERED');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'cash calls and receivables agree after the bust of a fully recovered call');
-- a bust of a call whose coin was released by its recovery
SELECT pg_temp.bust('bob2', 'BOB00001') AS bust_bob2 \gset
SELECT results_eq(format($$SELECT status::text, amount::text FROM cash_call WHERE journal_id IN (%s, %s) ORDER BY journal_id$$, :bob2, :bust_bob2), $$VALUES ('W', '120.60 USD'), ('O', '120.60 USD')$$,
	'a bust of a purchase recovered in parts gives back their sum');
SELECT is_empty($$SELECT a.name FROM account a JOIN customer c USING (customer_id) WHERE c.customer_code = 'BOB00001' AND a.fund = 'CUST' AND (balance_of(a.account)).balance <> CASE WHEN a.name ~ 'encumbered' THEN '0 BTC' ELSE '0.5 BTC' END::amount$$,
	'a bust takes back coin that a full recovery had released');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'cash calls and receivables agree after the bust of released coin');
SELECT throws_ok(format($$SELECT restore_cash_call(client_id, %s, 1, now()) FROM client$$, :young), 'LG083', NULL,
	'a call that was not written off cannot be restored');

SELECT throws_ok($$DELETE FROM request WHERE scope = 'recovery'$$, 'LG066', NULL, 'a recovery cannot be deleted');
SELECT throws_ok($$UPDATE request SET outcome = outcome WHERE scope = 'recovery'$$, 'LG066', NULL, 'a recovery cannot be updated');
SELECT is_empty($$SELECT * FROM check_cash_calls()$$, 'every cash call is what its execution, events and journals say');
SELECT is_empty($$SELECT * FROM verify()$$, 'the ledger verifies after all recoveries and busts');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
