-- Writing off cash calls: who may, when, from what, and what else may happen meanwhile.
-- Run from the top of the tree: the worked journals are read from test/golden.
\set content `cat test/golden/journals.json`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
-- what is recorded does not depend on how the session writes instants: IST, read back, is another zone's
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL DateStyle = 'SQL, DMY';
SELECT no_plan();

\ir write_off.psql

-- ---------------------------------------------------------------------------
-- The worked journal
-- ---------------------------------------------------------------------------
SELECT pg_temp.buy('bob', 'BOB00001', '0.5 BTC', '2026-08-20 15:00Z', fee_bps => 50) AS bob, pg_temp.buy('carol', 'CAROL001', '0.001 BTC', '2026-08-20 15:00Z', '60300 USD/BTC', encumbered => true) AS carol \gset
SELECT is(pg_temp.balance('CORP', 'RevShare:payable:XYZZ'), '60.12 USD', 'purchases accrue the client''s revenue share');
SELECT post_entry(c.client_id, 'paid out', 'general', journal_entry(line('Dr', account_of('XYZZ', 'CORP', 'RevShare:payable:XYZZ', 'USD'), '0.12 USD'),
	line('Cr', ensure_account(c.client_id, 'CORP', 'Bank:operating', 'USD'), '0.12 USD'))) FROM client c \g /dev/null
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'unpaid purchases leave cash calls (TPJ) equal to receivables and payables');

CREATE ROLE bakkt_test_settler; CREATE ROLE bakkt_test_approver; CREATE ROLE bakkt_test_both; CREATE ROLE bakkt_test_other;
GRANT bakkt_ledger_settler TO bakkt_test_settler, bakkt_test_both;
GRANT bakkt_ledger_approver TO bakkt_test_approver, bakkt_test_both, bakkt_test_other;
SELECT grant_client_access('XYZZ', 'bakkt_test_approver') \g /dev/null

-- Age is counted in Central dates: 20 August and 30 days is 19 September, which in Central Time ends at 05:00Z.
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT is_empty($$SELECT * FROM propose_cash_call_write_offs('2026-09-20 04:59:59Z')$$,
	'no write-off is proposed on the thirtieth day of a call');
SELECT throws_ok(format($$SELECT propose_cash_call_write_off('XYZZ', %s, '2026-09-20 04:59:59Z')$$, :carol), 'LG083', NULL,
	'a proposal by hand on the thirtieth day of a call is refused');
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s)$$, :carol), '42501', NULL,
	'a settler does not approve a write-off');
RESET SESSION AUTHORIZATION;
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s)$$, :carol), 'LG083', NULL,
	'a write-off that was not proposed is not approved');
SET LOCAL SESSION AUTHORIZATION bakkt_test_both;
SELECT results_eq($$SELECT client, proposed, amount::text FROM propose_cash_call_write_offs('2026-09-20 05:00Z')$$, $$VALUES ('XYZZ', 2::bigint, '30210.30 USD')$$,
	'a write-off is proposed on the day after the thirtieth');
SELECT is_empty($$SELECT * FROM propose_cash_call_write_offs('2026-09-20 05:10Z')$$,
	'a write-off is proposed once by repeated runs');
SELECT results_eq(format($$SELECT reference, outcome, replayed, proposal, status, at, decided_by FROM propose_cash_call_write_off('XYZZ', %s, '2026-09-20 05:10Z')$$, :carol), $$VALUES ('carol', 'proposed', true, 1, 'PROPOSED', timestamptz '2026-09-20 05:00Z', name 'bakkt_test_both')$$,
	'a proposal by hand of a proposed write-off is the same proposal');
SELECT results_eq($$SELECT call, customer, reference, amount::text, age_days, charge_month, status, proposed_by FROM cash_write_offs('XYZZ', '2026-09-20 06:00Z')$$,
	format($$VALUES (%s::bigint, 'BOB00001', 'bob', '30150.00 USD', 31, date '2026-10-01', 'PROPOSED', name 'bakkt_test_both'), (%s, 'CAROL001', 'carol', '60.30 USD', 31, '2026-10-01', 'PROPOSED', 'bakkt_test_both')$$, :bob, :carol),
	'a write-off is to be charged in the month after the call became eligible');
SELECT is_empty($$SELECT * FROM cash_write_offs('XYZZ', '2026-09-20 04:00Z')$$,
	'the list of write-offs as of an hour before the proposal is empty');
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s)$$, :carol), 'LG067', NULL,
	'a write-off is not approved by the person who proposed it (I25)');
SELECT throws_ok(format($$SELECT decline_cash_call_write_off('XYZZ', %s, 'no')$$, :carol), 'LG067', NULL,
	'a write-off is not declined by the person who proposed it');
SET LOCAL SESSION AUTHORIZATION bakkt_test_other;
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s)$$, :carol), '42501', NULL,
	'an approver of another client does not approve a write-off');
SELECT throws_ok($$SELECT * FROM cash_write_offs('XYZZ')$$, '42501', NULL,
	'an approver of another client does not see the list of write-offs');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT throws_ok($$SELECT propose_cash_call_write_offs()$$, '42501', NULL, 'an approver does not propose write-offs');
SELECT throws_ok($$SELECT charge_cash_call_write_offs()$$, '42501', NULL, 'an approver does not charge write-offs');
SELECT throws_ok($$SELECT approve_cash_call_write_off('XYZZ', 4711)$$, 'LG082', NULL,
	'approving the write-off of an unknown call is refused');
SELECT throws_ok($$SELECT approve_cash_call_write_off('XYZZ', NULL)$$, 'LG082', NULL,
	'approving a write-off without a call is refused');
SELECT throws_ok($$SELECT approve_cash_call_write_offs('XYZZ', NULL)$$, 'LG002', NULL,
	'approving write-offs without a list of calls is refused');
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('NONE', %s)$$, :carol), 'LG010', NULL,
	'approving a write-off for an unknown client is refused');
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s, '2099-01-01Z')$$, :carol), 'LG061', NULL,
	'approving a write-off ahead of the clock is refused');
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s, '-infinity')$$, :carol), 'LG002', NULL,
	'approving a write-off at minus infinity is refused');
SELECT throws_ok(format($$SELECT decline_cash_call_write_off('XYZZ', %s, '')$$, :bob), 'LG002', NULL,
	'declining a write-off without a reason is refused');
RESET SESSION AUTHORIZATION;
SELECT set_approval_limit('bakkt_test_approver', '60.29 USD', reason => 'a test');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s)$$, :carol), 'LG067', NULL,
	'a write-off above the approver''s limit is not approved');
RESET SESSION AUTHORIZATION;
SELECT remove_approval_limit('bakkt_test_approver', 'USD', reason => 'the test is over');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT results_eq(format($$SELECT outcome, replayed, status, decided_by FROM approve_cash_call_write_off('XYZZ', %s, '2026-09-21 15:00Z')$$, :carol), $$VALUES ('approved', false, 'APPROVED', name 'bakkt_test_approver')$$,
	'an approver of the client approves a write-off');
SELECT results_eq(format($$SELECT outcome, replayed, status, at FROM approve_cash_call_write_off('XYZZ', %s, '2026-09-22 15:00Z')$$, :carol), $$VALUES ('approved', true, 'APPROVED', timestamptz '2026-09-21 15:00Z')$$,
	'a write-off approved again keeps the time of its first approval');
SELECT results_eq(format($$SELECT outcome, replayed, status, reason FROM decline_cash_call_write_off('XYZZ', %s, 'he will pay', '2026-09-21 15:00Z')$$, :bob), $$VALUES ('declined', false, 'DECLINED', 'he will pay')$$,
	'an approver of the client declines a write-off');
SELECT results_eq(format($$SELECT outcome, replayed, status, at, reason FROM decline_cash_call_write_off('XYZZ', %s, 'again', '2026-09-21 16:00Z')$$, :bob), $$VALUES ('declined', true, 'DECLINED', timestamptz '2026-09-21 15:00Z', 'he will pay')$$,
	'a write-off declined again keeps its first reason');
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s)$$, :bob), 'LG083', NULL,
	'a write-off that was declined is not approved');
SELECT throws_ok(format($$SELECT approve_cash_call_write_offs('XYZZ', ARRAY[%s, %s])$$, :carol, :bob), 'LG083', NULL,
	'a list with a declined write-off is not approved');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT is_empty($$SELECT * FROM propose_cash_call_write_offs('2026-09-25 15:00Z')$$,
	'a run does not propose a declined write-off again');
SELECT is_empty($$SELECT * FROM charge_cash_call_write_offs('2026-10-01 04:59:59Z')$$,
	'a write-off is not charged before its month has begun in Central Time');
SELECT is((SELECT due_at IS NOT NULL FROM cash_call WHERE journal_id = :carol), true,
	'a call is still attempted until its write-off is charged');
SELECT results_eq($$SELECT client, charged, amount::text, from_share::text, from_bad_debt::text FROM charge_cash_call_write_offs('2026-10-01 05:00Z')$$,
	$$VALUES ('XYZZ', 1::bigint, '60.30 USD', '60.00 USD', '0.30 USD')$$,
	'a write-off is charged to the revenue share first, then to bad debt');
SELECT is_empty($$SELECT * FROM charge_cash_call_write_offs('2026-10-01 05:00Z')$$,
	'a write-off is charged once by repeated runs');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT results_eq(format($$SELECT replayed, status, at FROM approve_cash_call_write_off('XYZZ', %s, '2026-10-01 15:00Z')$$, :carol), $$VALUES (true, 'APPROVED', timestamptz '2026-09-21 15:00Z')$$,
	'an approval repeated after the charge is answered as at first');
RESET SESSION AUTHORIZATION;
RESET SESSION AUTHORIZATION;
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('write-off:%s')$$, :carol), replace($$SELECT line_text FROM given_line WHERE id = 'J05c' ORDER BY line$$, 'carol', 'carol'),
	'the journal of a write-off is golden journal J05c');
SELECT results_eq(format($$SELECT k.name COLLATE "default", j.effective_at FROM journal j JOIN journal_kind k USING (kind) WHERE j.reference = 'write-off:%s'$$, :carol), $$VALUES ('cash_write_off', timestamptz '2026-10-01 05:00Z')$$,
	'the journal of a write-off is effective when charged');
SELECT results_eq(format($$SELECT event_no, event COLLATE "default", at, amount::text, event_journal, role_name COLLATE "default" FROM cash_call_event JOIN actor USING (actor_id) WHERE journal_id = %s$$, :carol),
	format($$VALUES (1, 'written_off', timestamptz '2026-10-01 05:00Z', '60.30 USD', pg_temp.call('write-off:%s'), 'bakkt_test_settler')$$, :carol),
	'charging a write-off is an event of the call');
SELECT results_eq(format($$SELECT status::text, due_at, closed_at, closed_recorded_at IS NOT NULL FROM cash_call WHERE journal_id = %s$$, :carol), $$VALUES ('W', NULL::timestamptz, timestamptz '2026-10-01 05:00Z', true)$$,
	'charging a write-off closes the call');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'a charged write-off leaves cash calls equal to receivables and payables');
SELECT is(pg_temp.balance('CORP', 'TPJ:receivable:CAROL001'), '0.00 USD',
	'a charged write-off leaves nothing receivable from the customer');
SELECT is((SELECT count(*) FROM lines((SELECT entry FROM journal WHERE reference = 'carol')) l JOIN account a USING (account) WHERE a.name = 'Cust:CAROL001:encumbered' AND (balance_of(a.account)).balance = '0.001 BTC'), 1::bigint,
	'the coin of a purchase that is written off stays encumbered');
SELECT throws_ok(format($$SELECT decline_cash_call_write_off('XYZZ', %s, 'no')$$, :carol), 'LG083', NULL,
	'a charged write-off is not declined');
SELECT results_eq($$SELECT reference, status, from_share::text, from_bad_debt::text, recovered::text, outstanding::text, charged_at FROM cash_write_offs('XYZZ', '2026-10-02Z')$$,
	$$VALUES ('bob', 'DECLINED', NULL, NULL, NULL, NULL, NULL), ('carol', 'CHARGED', '60.00 USD', '0.30 USD', '0.00 USD', '60.30 USD', timestamptz '2026-10-01 05:00Z')$$,
	'the list of write-offs shows what the share and bad debt bore');
SELECT results_eq($$SELECT reference, status, from_share::text, journal FROM cash_write_offs('XYZZ', '2026-09-30Z')$$, $$VALUES ('bob', 'DECLINED', NULL, NULL::bigint), ('carol', 'APPROVED', NULL, NULL)$$,
	'the list of write-offs as of the day before shows nothing charged');

-- declined, proposed again by hand, declined again after approval
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq(format($$SELECT replayed, proposal, status FROM propose_cash_call_write_off('XYZZ', %s, '2026-10-02Z')$$, :bob), $$VALUES (false, 2, 'PROPOSED')$$,
	'a declined write-off can be proposed again by hand');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT is((approve_cash_call_write_off('XYZZ', :bob, '2026-10-02 01:00Z')).status, 'APPROVED',
	'a second proposal of a write-off can be approved');
SELECT is((decline_cash_call_write_off('XYZZ', :bob, 'a mistake', '2026-10-02 02:00Z')).status, 'DECLINED',
	'an approved write-off can be declined before it is charged');
RESET SESSION AUTHORIZATION;
SELECT is_empty($$SELECT * FROM charge_cash_call_write_offs('2026-10-02 03:00Z')$$,
	'a write-off declined after its approval is not charged');
SELECT results_eq($$SELECT status COLLATE "default", approved_by COLLATE "C", declined_by FROM write_offs_of(require_client('XYZZ')) WHERE proposal_no = 2$$, $$VALUES ('DECLINED', name 'bakkt_test_approver', name 'bakkt_test_approver')$$,
	'a write-off declined after its approval records both decisions');

-- ---------------------------------------------------------------------------
-- Months; several in one; what is never written off
-- ---------------------------------------------------------------------------
SELECT pg_temp.buy('d30', 'DAVE0001', '0.001 BTC', '2026-08-31 04:59Z') AS d30, pg_temp.buy('d31', 'DAVE0001', '0.002 BTC', '2026-08-31 05:00Z') AS d31, pg_temp.buy('dec', 'DAVE0001', '0.0005 BTC', '2025-11-30 18:00Z') AS winter,
	pg_temp.buy('frozen', 'CAROL001', '0.0001 BTC', '2026-08-31 05:00Z') AS frozen, pg_temp.buy('sell', 'DAVE0001', '0.0005 BTC', '2026-08-01Z', side => 'SELL') AS sell, pg_temp.buy('free', 'DAVE0001', '0.001 BTC', '2026-11-20 15:00Z') AS young \gset
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq($$SELECT proposed, amount::text FROM propose_cash_call_write_offs('2026-11-01 15:00Z', 'XYZZ')$$, $$VALUES (4::bigint, '216.00 USD')$$,
	'only purchases old enough and never declined are proposed');
SELECT throws_ok(format($$SELECT propose_cash_call_write_off('XYZZ', %s)$$, :sell), 'LG083', NULL,
	'a sale''s deposit is never written off, since the company owes it');
SELECT throws_ok(format($$SELECT propose_cash_call_write_off('XYZZ', %s, '2026-11-21Z')$$, :young), 'LG083', NULL,
	'a write-off of a call not old enough is refused');
SELECT throws_ok(format($$SELECT propose_cash_call_write_off('XYZZ', %s)$$, :carol), 'LG083', NULL,
	'a second write-off of a call is refused');
SELECT throws_ok($$SELECT propose_cash_call_write_off('XYZZ', 4711)$$, 'LG082', NULL,
	'a write-off of an unknown call is refused');
SELECT throws_ok($$SELECT propose_cash_call_write_offs('2099-01-01Z')$$, 'LG061', NULL,
	'proposing write-offs ahead of the clock is refused');
SELECT throws_ok($$SELECT propose_cash_call_write_offs('-infinity')$$, 'LG002', NULL,
	'proposing write-offs at minus infinity is refused');
SELECT throws_ok($$SELECT charge_cash_call_write_offs('2099-01-01Z')$$, 'LG061', NULL,
	'charging write-offs ahead of the clock is refused');
SELECT throws_ok($$SELECT charge_cash_call_write_offs(client => 'NONE')$$, 'LG010', NULL,
	'charging write-offs for an unknown client is refused');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT reference, charge_month FROM cash_write_offs('XYZZ') WHERE status = 'PROPOSED' ORDER BY 1$$,
	$$VALUES ('d30', date '2026-10-01'), ('d31', '2026-11-01'), ('dec', '2026-01-01'), ('frozen', '2026-11-01')$$,
	'the month of charging follows the Central date on which a call became eligible');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT results_eq(format($$SELECT request, call, replayed, status FROM approve_cash_call_write_offs('XYZZ', ARRAY[%1$s, %2$s, %3$s, %1$s, %4$s], '2026-11-01 16:00Z')$$, :d30, :d31, :winter, :frozen),
	format($$VALUES (1, %1$s::bigint, false, 'APPROVED'), (2, %2$s, false, 'APPROVED'), (3, %3$s, false, 'APPROVED'), (4, %1$s, true, 'APPROVED'), (5, %4$s, false, 'APPROVED')$$, :d30, :d31, :winter, :frozen),
	'one request approves several write-offs, each answered in its place');
RESET SESSION AUTHORIZATION;
-- 100.00 have accrued
SELECT post_entry(c.client_id, 'accrued', 'general', journal_entry(line('Dr', ensure_account(c.client_id, 'CORP', 'Revenue:markup', 'USD'), '100.00 USD'),
	line('Cr', account_of('XYZZ', 'CORP', 'RevShare:payable:XYZZ', 'USD'), '100.00 USD'))) FROM client c \g /dev/null
SELECT is(pg_temp.balance('CORP', 'RevShare:payable:XYZZ'), '100.00 USD',
	'the revenue share accrues before write-offs are charged to it');
SELECT is_empty($$SELECT * FROM charge_cash_call_write_offs('2026-11-01 15:59Z')$$,
	'a run caught up later charges nothing approved after its instant');
SELECT freeze_account(account_of('XYZZ', 'CORP', 'TPJ:receivable:CAROL001', 'USD'), 'credit', reason => 'test') \g /dev/null
SELECT results_eq($$SELECT charged, amount::text, from_share::text, from_bad_debt::text FROM charge_cash_call_write_offs('2026-11-02 15:00Z')$$, $$VALUES (3::bigint, '210.00 USD', '100.00 USD', '110.00 USD')$$,
	'the revenue share pays oldest write-offs first, and one on a frozen account stops no other');
SELECT unfreeze_account(account_of('XYZZ', 'CORP', 'TPJ:receivable:CAROL001', 'USD'), reason => 'test') \g /dev/null
SELECT results_eq($$SELECT charged, amount::text FROM charge_cash_call_write_offs('2026-11-02 15:00Z')$$, $$VALUES (1::bigint, '6.00 USD')$$,
	'a write-off on a frozen account is charged once it is unfrozen');
SELECT results_eq($$SELECT reference, from_share::text, from_bad_debt::text FROM cash_write_offs('XYZZ') WHERE status = 'CHARGED' AND customer = 'DAVE0001'$$,
	$$VALUES ('dec', '30.00 USD', '0.00 USD'), ('d30', '60.00 USD', '0.00 USD'), ('d31', '10.00 USD', '110.00 USD')$$,
	'the last write-off that the share covers in part falls on bad debt for the rest');
SELECT results_eq(format($$SELECT * FROM pg_temp.lines_of('write-off:%s')$$, :winter), $$VALUES ('CORP Dr RevShare:payable:XYZZ 30.00 USD'), ('CORP Cr TPJ:receivable:DAVE0001 30.00 USD')$$,
	'a write-off wholly covered by the share has no line of bad debt');
SELECT is(pg_temp.balance('CORP', 'RevShare:payable:XYZZ'), '0.00 USD',
	'write-offs exhaust the revenue share and never overdraw it');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$,
	'several charged write-offs leave cash calls equal to receivables and payables');

-- a share that is overdrawn covers nothing
SELECT post_entry(c.client_id, 'overdrawn', 'general', journal_entry(line('Cr', ensure_account(c.client_id, 'CORP', 'Revenue:markup', 'USD'), '5.00 USD'),
	line('Dr', account_of('XYZZ', 'CORP', 'RevShare:payable:XYZZ', 'USD'), '5.00 USD'))) FROM client c \g /dev/null
SELECT change_cash_terms('XYZZ', write_off_days => 1) \g /dev/null
SELECT pg_temp.buy('e1', 'ERIN0001', '0.001 BTC', '2026-10-29 15:00Z') AS e1, pg_temp.buy('e2', 'ERIN0001', '0.002 BTC', '2026-10-29 15:00Z') AS e2, pg_temp.buy('e3', 'ERIN0001', '0.001 BTC', '2026-10-30 15:00Z') AS e3 \gset
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq($$SELECT proposed, amount::text FROM propose_cash_call_write_offs('2026-10-31 15:00Z')$$, $$VALUES (2::bigint, '180.00 USD')$$,
	'a client''s own number of days decides when a call is written off');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT approve_cash_call_write_offs('XYZZ', ARRAY[:e1, :e2], '2026-10-31 16:00Z') \g /dev/null
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- Settled meanwhile
-- ---------------------------------------------------------------------------
SELECT post_entry(c.client_id, 'paid in', 'cash_deposit', journal_entry(line('Dr', ensure_account(c.client_id, 'FBO', 'Bank:omnibus', 'USD'), '60.00 USD'),
	line('Cr', ensure_account(c.client_id, 'FBO', 'Cust:ERIN0001:settled', 'USD'), '60.00 USD'))) FROM client c \g /dev/null
SELECT is((SELECT collected FROM process_cash_calls('2026-11-01 12:00Z', 'XYZZ')), '60.00 USD',
	'a call whose write-off is approved can still be paid');
SELECT results_eq($$SELECT reference, status FROM cash_write_offs('XYZZ', '2026-11-01 13:00Z') WHERE customer = 'ERIN0001'$$, $$VALUES ('e1', 'LAPSED'), ('e2', 'APPROVED')$$,
	'the write-off of a paid call lapses');
SELECT results_eq($$SELECT reference, status FROM cash_write_offs('XYZZ', '2026-11-01 11:00Z') WHERE customer = 'ERIN0001'$$, $$VALUES ('e1', 'APPROVED'), ('e2', 'APPROVED')$$,
	'a write-off stands as approved until its call is paid');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT throws_ok(format($$SELECT decline_cash_call_write_off('XYZZ', %s, 'late')$$, :winter), 'LG083', NULL,
	'a charged write-off is not declined by an approver');
SET LOCAL SESSION AUTHORIZATION bakkt_test_settler;
SELECT results_eq($$SELECT charged, amount::text, from_share::text, from_bad_debt::text FROM charge_cash_call_write_offs('2026-11-02 15:00Z')$$, $$VALUES (1::bigint, '120.00 USD', '0.00 USD', '120.00 USD')$$,
	'an overdrawn revenue share bears nothing of a write-off');
SELECT throws_ok(format($$SELECT propose_cash_call_write_off('XYZZ', %s)$$, :e1), 'LG083', NULL,
	'a paid call is not proposed for write-off again');
SET LOCAL SESSION AUTHORIZATION bakkt_test_approver;
SELECT throws_ok(format($$SELECT approve_cash_call_write_off('XYZZ', %s)$$, :e1), 'LG083', NULL,
	'the lapsed write-off of a paid call is not approved');
SELECT throws_ok(format($$SELECT decline_cash_call_write_off('XYZZ', %s, 'late')$$, :e1), 'LG083', NULL,
	'the lapsed write-off of a paid call is not declined');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT status COLLATE "default", lapsed_at FROM write_offs_of(require_client('XYZZ')) WHERE status = 'LAPSED'$$, $$VALUES ('LAPSED', timestamptz '2026-11-02 15:00Z')$$,
	'the run that charges write-offs records when one lapsed');
SELECT is_empty($$SELECT * FROM pg_temp.wrong()$$, 'a lapsed write-off leaves cash calls equal to receivables and payables');

-- what the tables themselves refuse
SELECT throws_ok(format('SELECT * FROM cash_write_offs(''XYZZ'', %s)', at), state, NULL, 'the list of write-offs is refused as of ' || at) FROM (VALUES ('''infinity''', 'LG061'), ('''-infinity''', 'LG002'), ('NULL', 'LG061'), ('''2099-01-01Z''', 'LG061')) AS v (at, state);
SELECT throws_ok($$DELETE FROM cash_write_off$$, 'LG066', NULL, 'a write-off is never deleted');
SELECT throws_ok($$TRUNCATE cash_write_off$$, 'LG066', NULL, 'write-offs are never truncated');
SELECT throws_ok($$UPDATE approval SET decided_by = proposed_by WHERE subject = 'cash_write_off' AND status = 'APPROVED'$$, '23514', NULL,
	'a write-off needs two persons whoever writes the table');
SELECT throws_ok($$UPDATE cash_write_off SET from_share = amount WHERE charged_at IS NOT NULL$$, '23514', NULL,
	'the parts of a charged write-off add up to its amount');
SELECT is_empty($$SELECT * FROM check_cash_calls()$$, 'each call agrees with its execution, events and journals');
SELECT is_empty($$SELECT * FROM verify()$$, 'verify() finds every figure equal to its recomputation');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
