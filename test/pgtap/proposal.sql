-- Entries by hand: proposed by one person, approved or declined by another (I25).
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();
CREATE ROLE ledger_test_clerk IN ROLE bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_matcher IN ROLE bakkt_ledger_reconciler;
CREATE ROLE ledger_test_chief IN ROLE bakkt_ledger_approver, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_deputy IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_reader IN ROLE bakkt_ledger_reader;
SELECT open_client(code) FROM unnest('{PROP,ELSE}'::text[]) AS code \g /dev/null
SELECT grant_client_access('PROP', role) FROM unnest('{ledger_test_clerk,ledger_test_matcher,ledger_test_chief,ledger_test_deputy,ledger_test_reader}'::name[]) AS role \g /dev/null
CREATE TEMP TABLE a (who text, account account_id);
INSERT INTO a VALUES ('bank', open_account('PROP', 'CORP', 'Bank:operating', 'USD')), ('equity', open_account('PROP', 'CORP', 'Equity', 'USD')),
	('rent', open_account('PROP', 'CORP', 'Expense:rent', 'USD')), ('else', open_account('ELSE', 'CORP', 'Equity', 'USD'));
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
SELECT is((SELECT format('%s %s %s %s', status, proposed_by, reason, journal_id IS NULL) FROM propose_journal(pg_temp.move('bank', 'equity', '50.00 USD'), 'capital', 'm1', 'first')),
	'proposed ledger_test_clerk capital t', 'a bookkeeper proposes a journal');
SELECT is_empty($$SELECT * FROM postings('PROP')$$, 'a proposal posts no journal');
SELECT is((SELECT count(*) FROM (SELECT propose_journal(pg_temp.move('bank', 'equity', '50.00 USD'), 'capital', 'm1', 'first')) p), 1::bigint,
	'a repeated proposal is answered');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM proposal), 1::bigint, 'a repeated proposal makes no second proposal');
SET LOCAL SESSION AUTHORIZATION ledger_test_clerk;
SELECT is(pg_temp.detail(q), f, 'a proposal is refused when it is repeated with another ' || f) FROM (VALUES
	('entry', $$SELECT propose_journal(pg_temp.move('bank', 'equity', '50.01 USD'), 'capital', 'm1', 'first')$$),
	('reason', $$SELECT propose_journal(pg_temp.move('bank', 'equity', '50.00 USD'), 'other', 'm1', 'first')$$),
	('description', $$SELECT propose_journal(pg_temp.move('bank', 'equity', '50.00 USD'), 'capital', 'm1')$$),
	('effective_at', $$SELECT propose_journal(pg_temp.move('bank', 'equity', '50.00 USD'), 'capital', 'm1', 'first', '2026-01-01Z')$$)) AS v (f, q);
SELECT throws_ok($$SELECT propose_journal(pg_temp.move('bank', 'equity', '1.00 USD'), NULL, 'm2')$$, 'LG002', NULL,
	'a proposal without a reason is refused');
SELECT throws_ok($$SELECT propose_journal(pg_temp.move('bank', 'equity', '1.00 USD'), '', 'm2')$$, 'LG002', NULL,
	'a proposal with an empty reason is refused');
SELECT throws_ok($$SELECT propose_journal(pg_temp.move('bank', 'equity', '1.00 USD'), 'x', NULL)$$, 'LG002', NULL,
	'a proposal without a reference is refused');
SELECT throws_ok($$SELECT propose_journal(pg_temp.move('bank', 'equity', '1.00 USD'), 'x', '')$$, 'LG002', NULL,
	'a proposal with an empty reference is refused');
SELECT throws_ok($$SELECT propose_journal(pg_temp.move('bank', 'equity', '1.00 USD'), 'x', repeat('x', 194))$$, 'LG002', NULL,
	'a proposal whose reference leaves no room for "manual:" is refused');
SELECT lives_ok($$SELECT propose_journal(pg_temp.move('bank', 'equity', '1.00 USD'), 'x', repeat('x', 193))$$,
	'a proposal whose reference leaves room for "manual:" is accepted');
SELECT throws_ok($$SELECT propose_journal(NULL, 'x', 'm2')$$, 'LG002', NULL, 'a proposal without an entry is refused');
SELECT throws_ok($$SELECT propose_journal('{}', 'x', 'm2')$$, 'LG002', NULL, 'a proposal without lines is refused');
SELECT throws_ok($$SELECT propose_journal('{Dr CORP:99999 1.00 USD; Cr CORP:99998 1.00 USD}', 'x', 'm2')$$, 'LG030', NULL,
	'a proposal on unknown accounts is refused');
SELECT throws_ok($$SELECT propose_journal(pg_temp.move('else', 'else', '1.00 USD'), 'x', 'm2')$$, 'LG030', NULL,
	'a proposal on accounts that its proposer does not see is refused');
SELECT throws_ok($$SELECT approve_journal('PROP', 'm1')$$, '42501', NULL, 'a bookkeeper does not approve a proposal');
SELECT throws_ok($$SELECT decline_journal('PROP', 'm1')$$, '42501', NULL, 'a bookkeeper does not decline a proposal');
SELECT throws_ok($$SELECT post_journal('PROP', 'mine', pg_temp.move('bank', 'equity', '1.00 USD'), kind => 'manual')$$, 'LG002', NULL,
	'a bookkeeper does not post a manual journal past the approver');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_reader;
SELECT throws_ok($$SELECT propose_journal(pg_temp.move('bank', 'equity', '50.00 USD'), 'capital', 'm1', 'first')$$, '42501', NULL, 'a reader does not propose');
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
SELECT is((SELECT format('%s %s %s %s', p.status, p.decided_by, j.reference, p.decided_at BETWEEN now() AND clock_timestamp()) FROM proposal p JOIN journal j USING (client_id, journal_id) WHERE p.reference = 'm1'),
	'approved ledger_test_chief manual:m1 t', 'an approved proposal tells who approved it, when, and its journal');
SET LOCAL SESSION AUTHORIZATION ledger_test_deputy;
SELECT is((SELECT outcome || replayed FROM approve_journal('PROP', 'm1')), 'postedtrue',
	'an approval by a third person is a replay');
SELECT throws_ok($$SELECT decline_journal('PROP', 'm1')$$, 'LG063', NULL, 'an approved proposal cannot be declined');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT decided_by FROM proposal WHERE reference = 'm1'), 'ledger_test_chief',
	'an approval by a third person does not change who approved');

-- the proposer cannot approve, whatever else he may do
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT lives_ok($$SELECT propose_journal(pg_temp.move('rent', 'bank', '10.00 USD'), 'rent', 'm2', effective_at => '2026-01-01Z')$$,
	'a bookkeeper who may approve proposes');
SELECT throws_ok($$SELECT approve_journal('PROP', 'm2')$$, 'LG067', NULL,
	'the proposer cannot approve, even with the approver''s role');
SELECT throws_ok($$SELECT decline_journal('PROP', 'm2')$$, 'LG067', NULL,
	'the proposer cannot decline, even with the approver''s role');
RESET SESSION AUTHORIZATION;
SELECT throws_ok($$UPDATE proposal SET proposed_by = 'ledger_test_clerk', decided_by = 'ledger_test_clerk' WHERE reference = 'm2'$$, '23514', NULL,
	'the table refuses a proposal that is decided by its proposer');
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
SELECT lives_ok($$SELECT propose_journal(pg_temp.move('rent', 'bank', '7.00 USD'), 'rent', 'm3')$$,
	'a reconciler proposes a journal');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_deputy;
SELECT is((SELECT status || ' ' || decided_by FROM decline_journal('PROP', 'm3')), 'declined ledger_test_deputy',
	'a second person declines a proposal');
SELECT is((SELECT status || ' ' || decided_by FROM decline_journal('PROP', 'm3')), 'declined ledger_test_deputy',
	'a repeated decline answers with who declined first');
SELECT throws_ok($$SELECT approve_journal('PROP', 'm3')$$, 'LG020', NULL, 'a declined proposal cannot be approved');
SELECT throws_ok($$SELECT decline_journal('PROP', 'none')$$, 'LG062', NULL, 'a decline of an unknown proposal is refused');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT is((SELECT status || ' ' || decided_by FROM decline_journal('PROP', 'm3')), 'declined ledger_test_deputy',
	'a decline repeated by a third person answers with who declined first');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM journal), 2::bigint, 'a declined proposal posts no journal');
SET LOCAL SESSION AUTHORIZATION ledger_test_matcher;
SELECT is((SELECT status FROM propose_journal(pg_temp.move('rent', 'bank', '7.00 USD'), 'rent', 'm3')), 'declined',
	'a declined proposal stays declined when it is proposed again');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- what cannot be posted is not approved, and stays proposed
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION ledger_test_clerk;
SELECT propose_journal(pg_temp.move('bank', 'equity', '0.001 USD'), 'x', 'm4'), propose_journal(pg_temp.move('bank', 'equity', '1.00 USD'), 'x', 'm5', effective_at => '2100-01-01Z'),
	propose_journal(pg_temp.move('bank', 'else', '1.00 USD'), 'x', 'm6') \g /dev/null
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT throws_ok(format('SELECT approve_journal(''PROP'', %L)', r), c, NULL, w) FROM (VALUES
	('m4', 'LG043', 'a proposal with more decimals than its asset has is not approved'),
	('m5', 'LG061', 'a proposal effective ahead of the clock is not approved'),
	('m6', 'LG030', 'a proposal on a client that the approver does not see is not approved')) AS v (r, c, w);
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM proposal WHERE reference IN ('m4', 'm5', 'm6') AND status = 'proposed' AND decided_by IS NULL), 3::bigint,
	'a proposal that cannot be posted stays proposed');
SELECT throws_ok('DELETE FROM proposal', 'LG066', NULL, 'proposals are not deleted');
SELECT throws_ok('TRUNCATE proposal', 'LG066', NULL, 'proposals are not truncated');
SELECT throws_ok('SET LOCAL SESSION AUTHORIZATION ledger_test_chief; UPDATE bakkt_ledger_internal.proposal SET status = ''approved''', '42501', NULL,
	'an approver does not write proposals past the functions');

SELECT * FROM finish();
ROLLBACK;
