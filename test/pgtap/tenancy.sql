-- A client's users see that client, in every table and view, and touch no other.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE ledger_test_one IN ROLE bakkt_ledger_poster, bakkt_ledger_executor, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_two IN ROLE bakkt_ledger_poster, bakkt_ledger_executor, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_both IN ROLE ledger_test_one, ledger_test_two;
CREATE ROLE ledger_test_dormant NOINHERIT IN ROLE ledger_test_one;
CREATE ROLE ledger_test_member IN ROLE ledger_test_one, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_none IN ROLE bakkt_ledger_poster;
CREATE ROLE ledger_test_auditor IN ROLE bakkt_ledger_auditor;
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_approver IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_administrator IN ROLE bakkt_ledger_administrator;

-- the same day for two clients
CREATE FUNCTION pg_temp.a_day(client text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	customer	text := client || '00001';
	second		text := client || '00002';
	unpaid		bigint;
BEGIN
	PERFORM open_client(client, funding_model => 'NET_SETTLEMENT', opened_at => '2026-11-01 00:00Z');
	PERFORM open_customer(customer, client => client), open_customer(second, client => client, funding_model => 'BAKKT_TPJ');
	PERFORM change_cash_terms(client, return_fee => '25.00 USD');
	PERFORM open_account(client, 'FBO', 'Bank:omnibus', 'USD'), open_account(client, 'FBO', 'Cust:' || customer || ':settled', 'USD'),
		open_account(client, 'FBO', 'Cust:' || second || ':settled', 'USD');
	PERFORM load_journal(client, 'deposit', format('{Dr %s 100.00 USD; Cr %s 100.00 USD}', account_of(client, 'FBO', 'Bank:omnibus', 'USD'),
		account_of(client, 'FBO', 'Cust:' || customer || ':settled', 'USD'))::journal_entry);
	PERFORM load_journal(client, 'transfer', format('{Dr %s 40.00 USD; Cr %s 40.00 USD}', account_of(client, 'FBO', 'Cust:' || customer || ':settled', 'USD'),
		account_of(client, 'FBO', 'Cust:' || second || ':settled', 'USD'))::journal_entry);
	PERFORM initiate_deposit(second, '70.00 USD', 'cash'), request_withdrawal(second, '20.00 USD', 'out');
	PERFORM load_journals(ARRAY[(client, 'too much', NULL, format('{Dr %s 500.00 USD; Cr %s 500.00 USD}',
		account_of(client, 'FBO', 'Cust:' || customer || ':settled', 'USD'), account_of(client, 'FBO', 'Bank:omnibus', 'USD'))::journal_entry,
		NULL, NULL, false)::journal_request]);
	PERFORM deposit_coin(customer, '1.00 BTC', reference => 'coin');
	PERFORM post_trade('trade', customer, 'BUY', '0.10 BTC', 'LP1', lp_price => '60000.00 USD/BTC', markup_bps => 50, fee_minimum => '1.00 USD',
		client_order_id => 'order', executed_at => '2026-11-02 15:00Z');
	PERFORM post_trade('called', second, 'BUY', '0.01 BTC', 'LP1', lp_price => '60000.00 USD/BTC'), bust_trade('not called', second, 'called');
	PERFORM authorise_hold(client, account_of(client, 'CUST', 'Cust:' || customer, 'BTC'), '0.20 BTC', 'hold');
	PERFORM propose_journal(format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', open_account(client, 'CORP', 'Expense:bank-fee', 'USD'),
		open_account(client, 'CORP', 'Bank:operating', 'USD'))::journal_entry, 'BANK_FEE', 'by hand'), open_account(client, 'CORP', 'Expense:rent', 'USD');
	PERFORM instruct_fbo_transfer(client, 'float', '10.00 USD');
	PERFORM close_window(client, '2026-11-03');
	PERFORM advise_window(client, '2026-11-03'), agree_window(client, '2026-11-03');
	PERFORM settle_window(client, '2026-11-03', 'wires');
	PERFORM take_aged_tpj('AM', '2026-11-03 15:30Z', client);
	unpaid := (post_trade('unpaid', second, 'BUY', '0.0001 BTC', 'LP1', lp_price => '60000.00 USD/BTC', executed_at => '2026-09-02 15:00Z')).journal;
	PERFORM grant_client_access(client, 'ledger_test_approver'), set_config('session_authorization', 'ledger_test_settler', true);
	PERFORM propose_cash_call_write_offs('2026-10-15 15:00Z', client);
	PERFORM set_config('session_authorization', 'ledger_test_approver', true);
	PERFORM approve_cash_call_write_off(client, unpaid, '2026-10-15 16:00Z');
	PERFORM set_config('session_authorization', 'postgres', true);
	PERFORM open_customer(client || '00009', client => client, funding_model => 'APEX_TPJ');
	PERFORM post_trade('through Apex', client || '00009', 'BUY', '0.0001 BTC', 'LP1', lp_price => '60000.00 USD/BTC', executed_at => '2026-11-02 15:00Z');
	PERFORM open_apex_batch(client, 'Apex', '2026-11-03 15:00Z'), record_apex_wire(client, 'from Apex', 'received', '1.00 USD', at => '2026-11-04 15:00Z');
	PERFORM charge_cash_call_write_offs('2026-11-01 15:00Z', client), recover_cash_call(client, unpaid, 'paid after all', at => '2026-11-04 15:00Z');
END
$$;
SELECT open_liquidity_provider('LP1', 'First Provider') \g /dev/null
SELECT pg_temp.a_day('ONE') \g /dev/null
SELECT pg_temp.a_day('TWO') \g /dev/null
SELECT grant_client_access('ONE', 'ledger_test_one') \g /dev/null
SELECT grant_client_access('TWO', 'ledger_test_two') \g /dev/null

-- What each role sees of client TWO: rows whose text, or whose client_id, is TWO's.
CREATE TABLE public.ledger_test_relation AS
	SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'client_id') AS has_client_id
	FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger'
	WHERE c.relkind IN ('r', 'p', 'v');
CREATE TABLE public.ledger_test_client AS SELECT client_id, code FROM client;
GRANT SELECT ON public.ledger_test_relation, public.ledger_test_client TO PUBLIC;
CREATE FUNCTION public.ledger_test_seen(code text) RETURNS TABLE (relname name, seen bigint) LANGUAGE plpgsql AS $$
DECLARE
	r	record;
	id	int := (SELECT t.client_id FROM public.ledger_test_client t WHERE t.code = ledger_test_seen.code);
BEGIN
	FOR r IN SELECT * FROM public.ledger_test_relation t WHERE has_table_privilege(format('bakkt_ledger.%I', t.relname), 'SELECT') LOOP
		relname := r.relname;
		EXECUTE format('SELECT count(*) FROM bakkt_ledger.%I AS t WHERE to_jsonb(t)::text ~ $1%s', r.relname,
					   CASE WHEN r.has_client_id THEN ' OR t.client_id = $2' ELSE '' END)
			INTO seen USING format('"%s(00001|00002)?"|:%s(00001|00002)', code, code), id;
		RETURN NEXT;
	END LOOP;
END
$$;

SELECT is_empty($$SELECT s.relname FROM public.ledger_test_seen('TWO') s JOIN public.ledger_test_relation r USING (relname) WHERE r.has_client_id AND s.seen = 0$$,
	'the test''s client has rows in every table that has clients');

SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT results_eq($$SELECT relname FROM public.ledger_test_seen('TWO') WHERE seen > 0$$, ARRAY[]::name[],
	'a user of one client sees no row of another in any table or view');
SELECT is_empty($$SELECT s.relname FROM public.ledger_test_seen('ONE') s JOIN public.ledger_test_relation r USING (relname) WHERE r.has_client_id AND s.seen = 0$$,
	'a user of a client sees its client in every table and view');
SELECT throws_ok($$SELECT require_client('TWO')$$, '42501', NULL, 'working for another client is refused');
SELECT throws_ok($$SELECT account_of('TWO', 'FBO', 'Bank:omnibus', 'USD')$$, '42501', NULL,
	'looking up another client''s account is refused');
SELECT throws_ok($$SELECT open_customer('TWO00009', client => 'TWO')$$, '42501', NULL,
	'opening a customer of another client is refused');
SELECT throws_ok($$SELECT open_customers('TWO', ARRAY['TWO00009'])$$, '42501', NULL,
	'opening customers of another client in bulk is refused');
SELECT throws_ok($$SELECT open_account('TWO', 'FBO', 'Bank:omnibus', 'EUR')$$, '42501', NULL,
	'opening an account of another client is refused');
SELECT throws_ok($$SELECT open_account('ONE', 'FBO', 'Cust:x:settled', 'EUR', customer => 'TWO00001')$$, 'LG012', NULL,
	'opening an own account for another client''s customer is refused');
SELECT throws_ok($$SELECT post_journal('TWO', 'mine', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}')$$, '42501', NULL,
	'posting a journal of another client is refused');
SELECT throws_ok(call, '42501', NULL, 'a call that names another client is refused: ' || call) FROM unnest(ARRAY[
	$$SELECT * FROM balances('TWO')$$, $$SELECT * FROM trial_balance('TWO')$$, $$SELECT * FROM net_position('TWO')$$,
	$$SELECT * FROM window_of('TWO')$$, $$SELECT * FROM window_bounds('TWO', '2026-11-03')$$, $$SELECT * FROM window_members('TWO', '2026-11-03')$$,
	$$SELECT * FROM window_summary('TWO', '2026-11-03')$$, $$SELECT * FROM window_adjustments('TWO', '2026-11-03')$$, $$SELECT * FROM check_window('TWO', '2026-11-03')$$,
	$$SELECT * FROM fbo_transfers('TWO')$$, $$SELECT * FROM fbo_transfer_calls('TWO', 'float')$$, $$SELECT * FROM settlement_flow('TWO')$$,
	$$SELECT * FROM fbo_proof('TWO')$$, $$SELECT * FROM check_fbo('TWO')$$,
	$$SELECT * FROM obligations('TWO')$$, $$SELECT * FROM check_settlement('TWO')$$, $$SELECT * FROM cash_write_offs('TWO')$$,
	$$SELECT * FROM apex_batches('TWO')$$, $$SELECT * FROM apex_batch_items('TWO', 'Apex')$$, $$SELECT * FROM apex_position('TWO')$$,
	$$SELECT * FROM aged_tpj('TWO')$$, $$SELECT * FROM aged_tpj_summary('TWO')$$, $$SELECT * FROM aged_tpj_file('TWO', 'AM', '2026-11-03')$$, $$SELECT * FROM check_aged_tpj('TWO')$$, $$SELECT * FROM buying_powers('TWO')$$,
	$$SELECT * FROM increase_hold('TWO', 'hold', '0.10 BTC', 'more')$$, $$SELECT * FROM release_hold('TWO', 'hold', 'free')$$,
	$$SELECT * FROM authorise_hold('TWO', 'CUST:1', '0.10 BTC', 'hold 2')$$,
	$$SELECT * FROM capture_hold('TWO', 'hold', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}', 'capture')$$,
	$$SELECT * FROM reverse_journal('TWO', 1, 'back')$$,
	$$SELECT * FROM cancel_deposit('TWO', 'cash')$$, $$SELECT * FROM cancel_withdrawal('TWO', 'out')$$, $$SELECT * FROM deficits('TWO')$$, $$SELECT * FROM check_funding('TWO')$$]) AS call;
SELECT throws_ok(call, 'LG012', NULL, 'a call that names another client''s customer is refused: ' || call) FROM unnest(ARRAY[
	$$SELECT * FROM statement('TWO00001', 'BTC')$$,
	$$SELECT * FROM post_trade('t2', 'TWO00001', 'BUY', '0.10 BTC', 'LP1', lp_price => '60000.00 USD/BTC')$$,
	$$SELECT * FROM bust_trade('b2', 'TWO00001', 'trade')$$, $$SELECT * FROM buying_power('TWO00001')$$,
	$$SELECT * FROM initiate_deposit('TWO00002', '1.00 USD', 'd2')$$, $$SELECT * FROM request_withdrawal('TWO00002', '20.00 USD', 'w2')$$, $$SELECT * FROM cash_balance('TWO00002')$$]) AS call;
SELECT results_eq($$SELECT DISTINCT client_code FROM trial_balance()$$, ARRAY['ONE'],
	'a trial balance of all clients has only those the caller sees');
SELECT is_empty($$SELECT * FROM obligations() WHERE client_code <> 'ONE'$$,
	'a list of all obligations has only those of clients the caller sees');
SELECT results_eq($$SELECT client_code FROM fbo_proof()$$, ARRAY['ONE'],
	'a proof of all FBO accounts has only those of clients the caller sees');
SELECT results_eq($$SELECT client_code FROM fbo_transfers()$$, ARRAY['ONE'],
	'a list of all FBO transfers has only those of clients the caller sees');
RESET SESSION AUTHORIZATION;
-- a customer of TWO by its real code: refused as unknown
SELECT open_customer('TWOXXXX1', client => 'TWO') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT throws_ok($$SELECT require_customer('TWOXXXX1')$$, 'LG012', NULL, 'another client''s customer is refused as unknown');
RESET SESSION AUTHORIZATION;
CREATE TEMP TABLE foreign_account AS SELECT account FROM account a JOIN client c USING (client_id) WHERE c.code = 'TWO' LIMIT 1;
GRANT SELECT ON foreign_account TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT throws_ok($$SELECT require_account(account) FROM foreign_account$$, 'LG030', NULL,
	'another client''s account is refused as unknown');

-- Another client's content is not disclosed, and each client has its own references.
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_two;
SELECT lives_ok($$SELECT open_customer('TWOXXXX8', 'TWO', account_type => 'ENTITY', funding_model => 'APEX_TPJ', reference => 'same')$$,
	'a tenant opens a customer of its own client');
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
CREATE FUNCTION pg_temp.told(request text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE request;
	RETURN 'done';
EXCEPTION WHEN SQLSTATE 'LG020' THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN message || detail;
END $$;
SELECT is(pg_temp.told($$SELECT open_customer('TWOXXXX8', 'ONE')$$), 'account code "TWOXXXX8" is taken',
	'an account code of another client is refused as taken, with no detail');
SELECT is(pg_temp.told($$SELECT open_customer('TWOXXXX8', 'ONE', account_type => 'ENTITY', funding_model => 'APEX_TPJ', reference => 'same')$$), 'account code "TWOXXXX8" is taken',
	'an account code of another client is refused as taken even with matching terms');
SELECT is(pg_temp.told($$SELECT open_customers('ONE', ARRAY['ONEXXXX7', 'TWOXXXX8'])$$), 'account code "TWOXXXX8" is taken',
	'an account code of another client is refused as taken in bulk');
SELECT is(pg_temp.told($$SELECT open_customer('ONEXXXX8', 'ONE', reference => 'same')$$), 'done',
	'a reference used by one client is free for another');
SELECT is(pg_temp.told($$SELECT open_customer('ONEXXXX8', 'ONE', reference => 'same')$$), 'done',
	'opening a customer again under its client''s reference is idempotent');
SELECT matches(pg_temp.told($$SELECT open_customer('ONEXXXX9', 'ONE', reference => 'same')$$), 'ONEXXXX8',
	'a reused reference is refused by naming only the client''s own customer');
RESET SESSION AUTHORIZATION;

SET LOCAL SESSION AUTHORIZATION ledger_test_both;
SELECT results_eq($$SELECT code FROM client ORDER BY 1$$, ARRAY['ONE', 'TWO'],
	'a member of two clients'' roles sees both clients');
SET LOCAL SESSION AUTHORIZATION ledger_test_member;
SELECT lives_ok($$SELECT post_journal('ONE', 'm1', format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', account_of('ONE', 'CORP', 'Expense:bank-fee', 'USD'),
	account_of('ONE', 'CORP', 'Expense:rent', 'USD'))::journal_entry)$$, 'a member of a client''s role posts for that client');
RESET SESSION AUTHORIZATION;
REVOKE ledger_test_one FROM ledger_test_member;
SET LOCAL SESSION AUTHORIZATION ledger_test_member;
SELECT throws_ok($$SELECT post_journal('ONE', 'm2', '{Dr FBO:1 1.00 USD; Cr FBO:999999 1.00 USD}')$$, '42501', NULL,
	'a role that lost its membership cannot post for the client');
SET LOCAL SESSION AUTHORIZATION ledger_test_none;
SELECT is_empty($$SELECT * FROM client$$, 'a role without a grant sees no client');
SELECT is_empty($$SELECT * FROM journal$$, 'a role without a grant sees no journal');
SELECT throws_ok($$SELECT require_client('ONE')$$, '42501', NULL, 'a role without a grant cannot work for any client');
SET LOCAL SESSION AUTHORIZATION ledger_test_dormant;
SELECT throws_ok('SELECT * FROM bakkt_ledger_internal.client', '42501', NULL,
	'a role that does not inherit a client''s role is refused without SET ROLE');
SET LOCAL SESSION AUTHORIZATION ledger_test_auditor;
SELECT is((SELECT count(*) FROM client), 2::bigint, 'an auditor sees all clients');
SELECT cmp_ok((SELECT count(*) FROM change_log), '>', 5::bigint, 'an auditor sees the change log');
SELECT throws_ok($$SELECT open_client('AUDI')$$, '42501', NULL, 'an auditor cannot open a client');
SET LOCAL SESSION AUTHORIZATION ledger_test_settler;
SELECT is((SELECT count(*) FROM client), 2::bigint, 'a settler sees all clients');
SELECT throws_ok($$SELECT * FROM change_log$$, '42501', NULL, 'a settler cannot read the change log');
SET LOCAL SESSION AUTHORIZATION ledger_test_administrator;
SELECT lives_ok($$SELECT revoke_client_access('ONE', 'ledger_test_one', 'left')$$,
	'an administrator revokes a role''s access to a client');
SELECT throws_ok($$SELECT post_journal('ONE', 'r', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}')$$, '42501', NULL,
	'an administrator cannot post');
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT is_empty($$SELECT * FROM client$$, 'a revoked role sees no client');
SELECT throws_ok($$SELECT post_journal('ONE', 'late', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}')$$, '42501', NULL,
	'a revoked role cannot post, even in the same session');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
