-- Entries by hand: proposed by one person, approved or declined by another (I25).
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
CREATE TEMP VIEW decided AS
SELECT p.client_id, p.reference, p.journal_id, a.status, a.proposed_by, a.decided_by, a.decided_at, a.amount
FROM proposal AS p JOIN approval AS a ON a.client_id = p.client_id AND a.subject = 'proposal' AND a.subject_key = p.proposal_id::text;
SELECT no_plan();
CREATE ROLE ledger_test_clerk IN ROLE bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_matcher IN ROLE bakkt_ledger_reconciler;
CREATE ROLE ledger_test_chief IN ROLE bakkt_ledger_approver, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_deputy IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_reader IN ROLE bakkt_ledger_reader;
SELECT open_client(code) FROM unnest('{PROP,ELSE}'::text[]) AS code \g /dev/null
SELECT grant_client_access('PROP', role) FROM unnest('{ledger_test_clerk,ledger_test_matcher,ledger_test_chief,ledger_test_deputy,ledger_test_reader}'::name[]) AS role \g /dev/null
CREATE TEMP TABLE a (who text, account account_id);
INSERT INTO a VALUES ('bank', (open_account('PROP', 'CORP', 'Bank:operating', 'USD')).account), ('equity', (open_account('PROP', 'CORP', 'Equity', 'USD')).account),
	('rent', (open_account('PROP', 'CORP', 'Expense:rent', 'USD')).account), ('else', (open_account('ELSE', 'CORP', 'Equity', 'USD')).account);
GRANT SELECT ON a TO PUBLIC;
CREATE FUNCTION pg_temp.of(who text) RETURNS account_id STABLE LANGUAGE sql AS 'SELECT account FROM pg_temp.a WHERE a.who = $1';
CREATE FUNCTION pg_temp.move(debit text, credit text, amount amount) RETURNS journal_entry STABLE LANGUAGE sql AS
	'SELECT bakkt_ledger.journal_entry(bakkt_ledger.line(''Dr'', pg_temp.of($1), $3), bakkt_ledger.line(''Cr'', pg_temp.of($2), $3))';
CREATE FUNCTION pg_temp.detail(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	EXECUTE query;
	RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'LG020' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN substring(detail FROM 'Field "([a-z_]+)"');
END $$;

-- ---------------------------------------------------------------------------
-- proposing
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION ledger_test_clerk;
SELECT is((SELECT format('%s %s %s %s', status, proposed_by, reason, journal IS NULL) FROM propose_journal('PROP', pg_temp.move('bank', 'equity', '50.00 USD'), 'm1', 'capital', 'first')),
	'PROPOSED ledger_test_clerk capital t', 'a bookkeeper proposes a journal');
SELECT is_empty($$SELECT * FROM postings('PROP')$$, 'a proposal posts no journal');
SELECT is((SELECT count(*) FROM (SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '50.00 USD'), 'm1', 'capital', 'first')) p), 1::bigint,
	'a repeated proposal is answered');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM proposal), 1::bigint, 'a repeated proposal makes no second proposal');
SET LOCAL SESSION AUTHORIZATION ledger_test_clerk;
SELECT is(pg_temp.detail(q), f, 'a proposal is refused when it is repeated with another ' || f) FROM (VALUES
	('entry', $$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '50.01 USD'), 'm1', 'capital', 'first')$$),
	('reason', $$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '50.00 USD'), 'm1', 'other', 'first')$$),
	('description', $$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '50.00 USD'), 'm1', 'capital')$$),
	('effective_at', $$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '50.00 USD'), 'm1', 'capital', 'first', '2026-01-01Z')$$)) AS v (f, q);
SELECT throws_ok($$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '1.00 USD'), 'm2', NULL)$$, 'LG002', NULL,
	'a proposal without a reason is refused');
SELECT throws_ok($$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '1.00 USD'), 'm2', '')$$, 'LG002', NULL,
	'a proposal with an empty reason is refused');
SELECT throws_ok($$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '1.00 USD'), NULL, 'x')$$, 'LG002', NULL,
	'a proposal without a reference is refused');
SELECT throws_ok($$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '1.00 USD'), '', 'x')$$, 'LG002', NULL,
	'a proposal with an empty reference is refused');
SELECT throws_ok($$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '1.00 USD'), repeat('x', 194), 'x')$$, 'LG002', NULL,
	'a proposal whose reference leaves no room for "manual:" is refused');
SELECT lives_ok($$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '1.00 USD'), repeat('x', 193), 'x')$$,
	'a proposal whose reference leaves room for "manual:" is accepted');
SELECT throws_ok($$SELECT propose_journal('PROP', NULL, 'm2', 'x')$$, 'LG002', NULL, 'a proposal without an entry is refused');
SELECT throws_ok($$SELECT propose_journal('PROP', '{}', 'm2', 'x')$$, 'LG002', NULL, 'a proposal without lines is refused');
SELECT throws_ok($$SELECT propose_journal('PROP', '{Dr CORP:99999 1.00 USD; Cr CORP:99998 1.00 USD}', 'm2', 'x')$$, 'LG030', NULL,
	'a proposal on unknown accounts is refused');
SELECT throws_ok($$SELECT propose_journal('PROP', pg_temp.move('else', 'else', '1.00 USD'), 'm2', 'x')$$, 'LG030', NULL,
	'a proposal on accounts that its proposer does not see is refused');
SELECT throws_ok($$SELECT approve_journal('PROP', 'm1')$$, '42501', NULL, 'a bookkeeper does not approve a proposal');
SELECT throws_ok($$SELECT decline_journal('PROP', 'm1')$$, '42501', NULL, 'a bookkeeper does not decline a proposal');
SELECT throws_ok($$SELECT post_journal('PROP', pg_temp.move('bank', 'equity', '1.00 USD'), 'mine', kind => 'manual')$$, 'LG002', NULL,
	'a bookkeeper does not post a manual journal past the approver');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_reader;
SELECT throws_ok($$SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '50.00 USD'), 'm1', 'capital', 'first')$$, '42501', NULL, 'a reader does not propose');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- approving
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT throws_ok($$SELECT approve_journal('PROP', 'none')$$, 'LG062', NULL, 'an approval of an unknown proposal is refused');
SELECT throws_ok($$SELECT approve_journal('ELSE', 'm1')$$, '42501', NULL,
	'an approval for a client that the approver does not see is refused');
SELECT is((SELECT outcome || replayed FROM approve_journal('PROP', 'm1')), 'postedfalse', 'a second person approves a proposal');
SELECT is((SELECT outcome || replayed FROM approve_journal('PROP', 'm1')), 'postedtrue', 'a repeated approval is a replay');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT format('%s %s %s %s', k.name, j.reference, j.description, r.role_name) FROM journal j JOIN journal_kind k USING (kind) JOIN actor r USING (actor_id)),
	'manual manual:m1 capital: first ledger_test_chief', 'an approved journal is manual and tells the reason and the approver');
SELECT is((SELECT count(*) FROM journal), 1::bigint, 'a repeated approval posts no second journal');
SELECT is((SELECT (balance_of(pg_temp.of('bank'))).balance), '50.00 USD', 'an approved journal moves the money');
SELECT is((SELECT format('%s %s %s %s', p.status, p.decided_by, j.reference, p.decided_at BETWEEN now() AND clock_timestamp()) FROM decided p JOIN journal j USING (client_id, journal_id) WHERE p.reference = 'm1'),
	'APPROVED ledger_test_chief manual:m1 t', 'an approved proposal tells who approved it, when, and its journal');
SET LOCAL SESSION AUTHORIZATION ledger_test_deputy;
SELECT is((SELECT outcome || replayed FROM approve_journal('PROP', 'm1')), 'postedtrue',
	'an approval by a third person is a replay');
SELECT throws_ok($$SELECT decline_journal('PROP', 'm1')$$, 'LG063', NULL, 'an approved proposal cannot be declined');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT decided_by FROM decided WHERE reference = 'm1'), 'ledger_test_chief',
	'an approval by a third person does not change who approved');

-- the proposer cannot approve, whatever else he may do
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT lives_ok($$SELECT propose_journal('PROP', pg_temp.move('rent', 'bank', '10.00 USD'), 'm2', 'rent', effective_at => '2026-01-01Z')$$,
	'a bookkeeper who may approve proposes');
SELECT throws_ok($$SELECT approve_journal('PROP', 'm2')$$, 'LG067', NULL,
	'the proposer cannot approve, even with the approver''s role');
SELECT throws_ok($$SELECT decline_journal('PROP', 'm2')$$, 'LG067', NULL,
	'the proposer cannot decline, even with the approver''s role');
RESET SESSION AUTHORIZATION;
SELECT throws_ok($$UPDATE approval SET status = 'APPROVED', decided_by = proposed_by, decided_at = now() WHERE status = 'PROPOSED'$$, '23514', NULL,
	'the table refuses a proposal that is approved by its proposer');
SET LOCAL SESSION AUTHORIZATION ledger_test_deputy;
SELECT is((SELECT outcome FROM approve_journal('PROP', 'm2')), 'posted', 'an approver who did not propose approves');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT effective_at || ' ' || description FROM journal WHERE reference = 'manual:m2'), '2026-01-01Z'::timestamptz || ' rent',
	'an approved journal is effective as proposed');
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT throws_ok($$SELECT approve_journal('PROP', 'm2')$$, 'LG067', NULL, 'the proposer cannot repeat another''s approval');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- declining
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION ledger_test_matcher;
SELECT lives_ok($$SELECT propose_journal('PROP', pg_temp.move('rent', 'bank', '7.00 USD'), 'm3', 'rent')$$,
	'a reconciler proposes a journal');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_deputy;
SELECT is((SELECT status || ' ' || decided_by FROM decline_journal('PROP', 'm3')), 'DECLINED ledger_test_deputy',
	'a second person declines a proposal');
SELECT is((SELECT status || ' ' || decided_by FROM decline_journal('PROP', 'm3')), 'DECLINED ledger_test_deputy',
	'a repeated decline answers with who declined first');
SELECT throws_ok($$SELECT approve_journal('PROP', 'm3')$$, 'LG020', NULL, 'a declined proposal cannot be approved');
SELECT throws_ok($$SELECT decline_journal('PROP', 'none')$$, 'LG062', NULL, 'a decline of an unknown proposal is refused');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT is((SELECT status || ' ' || decided_by FROM decline_journal('PROP', 'm3')), 'DECLINED ledger_test_deputy',
	'a decline repeated by a third person answers with who declined first');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM journal), 2::bigint, 'a declined proposal posts no journal');
SET LOCAL SESSION AUTHORIZATION ledger_test_matcher;
SELECT is((SELECT concat_ws(' ', outcome, replayed, status) FROM propose_journal('PROP', pg_temp.move('rent', 'bank', '7.00 USD'), 'm3', 'rent')), 'proposed t PROPOSED',
	'a declined proposal that is proposed again is answered as it was first');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT status || ' ' || decided_by FROM decided WHERE reference = 'm3'), 'DECLINED ledger_test_deputy',
	'a declined proposal stays declined when it is proposed again');

-- ---------------------------------------------------------------------------
-- what cannot be posted is not approved, and stays proposed
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION ledger_test_clerk;
SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '0.001 USD'), 'm4', 'x'), propose_journal('PROP', pg_temp.move('bank', 'equity', '1.00 USD'), 'm5', 'x', effective_at => '2100-01-01Z'),
	propose_journal('PROP', pg_temp.move('bank', 'else', '1.00 USD'), 'm6', 'x') \g /dev/null
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT throws_ok(format('SELECT approve_journal(''PROP'', %L)', r), c, NULL, w) FROM (VALUES
	('m4', 'LG043', 'a proposal with more decimals than its asset has is not approved'),
	('m5', 'LG061', 'a proposal effective ahead of the clock is not approved'),
	('m6', 'LG030', 'a proposal on a client that the approver does not see is not approved')) AS v (r, c, w);
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM decided WHERE reference IN ('m4', 'm5', 'm6') AND status = 'PROPOSED' AND decided_by IS NULL), 3::bigint,
	'a proposal that cannot be posted stays proposed');
SELECT throws_ok('DELETE FROM proposal', 'LG066', NULL, 'proposals are not deleted');
SELECT throws_ok('TRUNCATE proposal', 'LG066', NULL, 'proposals are not truncated');
SELECT throws_ok('SET LOCAL SESSION AUTHORIZATION ledger_test_chief; UPDATE bakkt_ledger_internal.approval SET status = ''APPROVED''', '42501', NULL,
	'an approver does not write proposals past the functions');

-- ---------------------------------------------------------------------------
-- up to what amount a person may approve
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_admin IN ROLE bakkt_ledger_administrator;
CREATE ROLE ledger_test_tellers;
GRANT ledger_test_tellers TO ledger_test_deputy;
INSERT INTO a VALUES ('fbo', (open_account('PROP', 'FBO', 'Bank:omnibus', 'USD')).account), ('due to', (open_account('PROP', 'FBO', 'DueTo:CORP', 'USD')).account),
	('due from', (open_account('PROP', 'CORP', 'DueFrom:FBO', 'USD')).account), ('wallet', (open_account('PROP', 'CORP', 'Wallet:company', 'BTC')).account),
	('coin equity', (open_account('PROP', 'CORP', 'Equity', 'BTC')).account);
SET LOCAL SESSION AUTHORIZATION ledger_test_clerk;
SELECT propose_journal('PROP', pg_temp.move('bank', 'equity', '100.00 USD'), 'l1', 'x'), propose_journal('PROP', pg_temp.move('bank', 'equity', '100.01 USD'), 'l2', 'x'),
	propose_journal('PROP', journal_entry(line('Dr', pg_temp.of('fbo'), '100.00 USD'), line('Cr', pg_temp.of('due to'), '100.00 USD'),
		line('Dr', pg_temp.of('due from'), '100.00 USD'), line('Cr', pg_temp.of('bank'), '100.00 USD')), 'l3', 'x'),
	propose_journal('PROP', journal_entry(line('Dr', pg_temp.of('bank'), '1.00 USD'), line('Cr', pg_temp.of('equity'), '1.00 USD'),
		line('Dr', pg_temp.of('wallet'), '2 BTC'), line('Cr', pg_temp.of('coin equity'), '2 BTC')), 'l4', 'x') \g /dev/null
SELECT throws_ok($$SELECT set_approval_limit('ledger_test_deputy', '1.00 USD')$$, '42501', NULL, 'a bookkeeper sets no limit of approval');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT throws_ok($$SELECT set_approval_limit('ledger_test_chief', '1000000.00 USD')$$, '42501', NULL, 'an approver sets no limit of approval');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_admin;
SELECT throws_ok(call, code, NULL, 'a limit of approval is refused: ' || call) FROM (VALUES
	($$SELECT set_approval_limit('nobody of this name', '1.00 USD')$$, '42704'), ($$SELECT set_approval_limit('ledger_test_deputy', NULL)$$, 'LG002'),
	($$SELECT set_approval_limit('ledger_test_deputy', '-1.00 USD')$$, 'LG002'), ($$SELECT set_approval_limit('ledger_test_deputy', '1 NONE')$$, 'LG040')) AS v (call, code);
SELECT lives_ok($$SELECT set_approval_limit('ledger_test_tellers', '100.00 USD', reason => 'tellers')$$, 'an administrator sets a limit of approval');
SELECT lives_ok($$SELECT set_approval_limit('ledger_test_tellers', '100.00 USD', reason => 'tellers')$$, 'setting a limit of approval again is no error');
SELECT lives_ok($$SELECT set_approval_limit('ledger_test_tellers', '1 BTC')$$, 'a role has a limit of approval in each asset');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM event WHERE subject = 'approval_limit'), 2::bigint, 'each change of a limit of approval is recorded once');
SET LOCAL SESSION AUTHORIZATION ledger_test_deputy;
SELECT is((SELECT outcome FROM approve_journal('PROP', 'l1')), 'posted', 'an entry at the limit is approved');
SELECT throws_ok($$SELECT approve_journal('PROP', 'l2')$$, 'LG067', 'a proposal is above what "ledger_test_deputy" may approve',
	'an entry above the limit is not approved');
SELECT is((SELECT outcome FROM approve_journal('PROP', 'l3')), 'posted', 'an entry through two funds is worth what it moves, once');
SELECT throws_ok($$SELECT approve_journal('PROP', 'l4')$$, 'LG067', NULL, 'an entry in two assets is not approved above the limit in either');
RESET SESSION AUTHORIZATION;
SELECT set_approval_limit('ledger_test_deputy', '200.00 USD') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_deputy;
SELECT is((SELECT outcome FROM approve_journal('PROP', 'l2')), 'posted', 'of two limits the higher counts');
SELECT throws_ok($$SELECT approve_journal('PROP', 'l4')$$, 'LG067', NULL, 'a limit in one asset says nothing of another');
RESET SESSION AUTHORIZATION;
SELECT remove_approval_limit('ledger_test_tellers', 'BTC', reason => 'left'), remove_approval_limit('ledger_test_tellers', 'BTC', reason => 'left') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_deputy;
SELECT is((SELECT outcome FROM approve_journal('PROP', 'l4')), 'posted', 'without a limit in the asset any amount is approved');
RESET SESSION AUTHORIZATION;
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
ALTER ROLE ledger_test_tellers RENAME TO ledger_test_cashiers;
SELECT is_empty('SELECT * FROM verify_states() UNION ALL SELECT * FROM verify_access()', 'the limit of a renamed role is no discrepancy');
UPDATE approval_limit SET role = 'ledger_test_chief' WHERE role = 'ledger_test_cashiers'::regrole;
SELECT is((SELECT count(*) FROM verify_access()), 1::bigint, 'a limit that was put to another role is found');

SELECT * FROM finish();
ROLLBACK;
