-- approvals(): what has been proposed and decided for a client, page by page, for approvers, proposers and the company.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE ledger_test_proposer IN ROLE bakkt_ledger_settler, bakkt_ledger_reconciler;
CREATE ROLE ledger_test_approver IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_chief IN ROLE bakkt_ledger_approver, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_bookkeeper IN ROLE bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_reader IN ROLE bakkt_ledger_reader;
CREATE ROLE ledger_test_poster IN ROLE bakkt_ledger_poster;
SELECT open_client('QRST', at => '2026-11-01Z'), open_client('ELSE', at => '2026-11-01Z') \g /dev/null
SELECT grant_client_access('QRST', role) FROM unnest('{ledger_test_approver,ledger_test_chief,ledger_test_bookkeeper,ledger_test_reader,ledger_test_poster}'::name[]) AS role \g /dev/null
SELECT (open_account(c, 'CORP', n, 'USD')).account FROM unnest('{QRST,ELSE}'::text[]) AS c, unnest('{Bank:operating,Expense:rent,Revenue:markup}'::text[]) AS n \g /dev/null

-- An entry by hand is a proposal, and what one person says of it and another decides is its approval.
CREATE FUNCTION public.ledger_test_enter(named text, why text) RETURNS void SECURITY DEFINER LANGUAGE sql AS $$
	SELECT bakkt_ledger_internal.propose(p.client_id, 'proposal', p.proposal_id::text, NULL, why, clock_timestamp()) FROM bakkt_ledger_internal.proposal AS p
	WHERE p.reference = named AND NOT EXISTS (SELECT FROM bakkt_ledger_internal.approval AS a WHERE a.subject = 'proposal' AND a.subject_key = p.proposal_id::text AND a.client_id = p.client_id) $$;
CREATE FUNCTION pg_temp.propose(client text, debit text, credit text, why text, reference text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	entry	constant journal_entry := journal_entry(line('Dr', account_of(client, 'CORP', debit, 'USD'), '5.00 USD'), line('Cr', account_of(client, 'CORP', credit, 'USD'), '5.00 USD'));
BEGIN
	PERFORM set_config('session_authorization', 'ledger_test_proposer', true);
	PERFORM propose_journal(client, entry, reference, why, 'the ' || reference);
	PERFORM public.ledger_test_enter(reference, why);
	PERFORM set_config('session_authorization', 'postgres', true);
END $$;
SELECT pg_temp.propose('QRST', 'Expense:rent', 'Bank:operating', 'due', 'rent 1') \g /dev/null
SELECT pg_temp.propose('QRST', 'Revenue:markup', 'Expense:rent', 'moved', 'markup') \g /dev/null
SELECT pg_temp.propose('QRST', 'Expense:rent', 'Bank:operating', 'due', 'rent 2') \g /dev/null
SELECT pg_temp.propose('ELSE', 'Expense:rent', 'Bank:operating', 'due', 'rent 3') \g /dev/null
-- a window of which neither the client nor the provider pays
SELECT open_provider('LP1', 'Provider'), open_customer('QRST', 'QRST0001', funding_model => 'BAKKT_TPJ'), open_customer('QRST', 'QRST0002', funding_model => 'NET_SETTLEMENT') \g /dev/null
SELECT post_trade('QRST0002', 'BUY', '0.01 BTC', 'LP1', 'netted', provider_price => '60000.00 USD/BTC', executed_at => '2026-11-02 16:00Z') \g /dev/null
SELECT close_window('QRST', '2026-11-03') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_proposer;
SELECT propose_write_off('QRST', obligation, 'bad client', 'PARTNER_WRITE_OFF') FROM obligations('QRST') WHERE counterparty = 'QRST' \g /dev/null
SELECT propose_write_off('QRST', obligation, 'bad provider', 'BAKKT_WRITE_OFF') FROM obligations('QRST') WHERE payer = 'LP1' \g /dev/null
RESET SESSION AUTHORIZATION;
-- a call that is not paid, proposed and declined, and proposed again
SELECT journal AS call FROM post_trade('QRST0001', 'BUY', '0.01 BTC', 'LP1', 'unpaid', provider_price => '60000.00 USD/BTC', executed_at => '2026-09-02 15:00Z') \gset
SET LOCAL SESSION AUTHORIZATION ledger_test_proposer;
SELECT propose_cash_call_write_off('QRST', :call, '2026-11-15 15:00Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_approver;
SELECT decline_cash_call_write_off('QRST', :call, 'they will pay', '2026-11-16 15:00Z') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_proposer;
SELECT propose_cash_call_write_off('QRST', :call, '2026-11-17 15:00Z') \g /dev/null

SET LOCAL SESSION AUTHORIZATION ledger_test_approver;
SELECT results_eq($$SELECT subject, status, reference, reason, description FROM approvals('QRST')$$, $$VALUES
	('proposal', 'PROPOSED', 'rent 1', 'due', 'the rent 1'), ('proposal', 'PROPOSED', 'rent 2', 'due', 'the rent 2'),
	('obligation', 'PROPOSED', 'bad client', 'PARTNER_WRITE_OFF', NULL), ('cash_write_off', 'DECLINED', NULL, NULL, NULL), ('cash_write_off', 'PROPOSED', NULL, NULL, NULL)$$, 'an approver reads what was proposed for its client, in order');
SELECT results_eq($$SELECT proposed_by, decided_by, decision_reason, amount::text FROM approvals('QRST', 'DECLINED')$$,
	$$VALUES ('ledger_test_proposer', 'ledger_test_approver', 'they will pay', '600.00 USD')$$, 'a decision tells who took it and why');
SELECT is((SELECT string_agg(reference, ', ') FROM approvals('QRST', 'PROPOSED') WHERE subject = 'proposal'), 'rent 1, rent 2', 'approvals of one status are those that wait');
SELECT results_eq($$SELECT reference FROM approvals('QRST', most => 1)$$, ARRAY['rent 1'], 'a page has so many proposals');
SELECT results_eq($$SELECT reference FROM approvals('QRST', after => (SELECT max(number) FROM approvals('QRST', most => 1)), most => 1)$$, ARRAY['rent 2'],
	'the next page continues after the last number');
SELECT is_empty($$SELECT number FROM approvals('QRST') WHERE reference IN ('markup', 'bad provider') OR asset(amount) = 'BTC'$$, 'a tenant''s approver is not told of entries on revenue and of what a provider owes');
SELECT is((SELECT a.outcome FROM approve_write_off('QRST', (SELECT reference FROM approvals('QRST') WHERE subject = 'obligation')) AS a), 'written_off',
	'an approver decides what is proposed under the reference that is listed');
SELECT throws_ok($$SELECT approve_journal('QRST', 'markup')$$, 'LG067', NULL, 'a tenant''s approver does not approve an entry of which he is not told');
SELECT throws_ok($$SELECT approve_write_off('QRST', 'bad provider')$$, 'LG067', NULL, 'a tenant''s approver does not approve what a provider owes');
SELECT throws_ok($$SELECT approvals('ELSE')$$, '42501', NULL, 'an approver reads no other client''s proposals');
SELECT throws_ok($$SELECT approvals('NONE')$$, 'LG010', NULL, 'proposals of an unknown client are refused');
SELECT throws_ok($$SELECT approvals('QRST', most => 0)$$, 'LG002', NULL, 'a page of no proposal is refused');
SELECT throws_ok($$SELECT approvals('QRST', most => 1000000)$$, '54000', NULL, 'a page that is too large is refused');
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT set_eq($$SELECT reference FROM approvals('QRST') WHERE reference IS NOT NULL$$, '{rent 1,markup,rent 2,bad client,bad provider}'::text[], 'an approver of the company sees every proposal');
SET LOCAL SESSION AUTHORIZATION ledger_test_bookkeeper;
SELECT is((SELECT count(*) FROM approvals('QRST')), 7::bigint, 'a bookkeeper reads the proposals of its client');
SELECT throws_ok($$SELECT approvals('ELSE')$$, '42501', NULL, 'a bookkeeper reads no other client''s proposals');
SET LOCAL SESSION AUTHORIZATION ledger_test_proposer;
SELECT is((SELECT count(*) FROM approvals('ELSE')), 1::bigint, 'who proposes for all clients reads the proposals of all');
SET LOCAL SESSION AUTHORIZATION ledger_test_reader;
SELECT throws_ok($$SELECT approvals('QRST')$$, '42501', NULL, 'a reader reads no proposals');
SET LOCAL SESSION AUTHORIZATION ledger_test_poster;
SELECT throws_ok($$SELECT approvals('QRST')$$, '42501', NULL, 'a poster reads no proposals');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
