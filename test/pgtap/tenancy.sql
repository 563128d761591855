-- A client's users read that client by functions, no table and no view, and touch no other.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE ledger_test_one IN ROLE bakkt_ledger_poster, bakkt_ledger_executor, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_two IN ROLE bakkt_ledger_poster, bakkt_ledger_executor, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_tenant IN ROLE bakkt_ledger_reader, bakkt_ledger_poster, bakkt_ledger_approver;
CREATE ROLE ledger_test_both IN ROLE ledger_test_one, ledger_test_two;
CREATE ROLE ledger_test_dormant NOINHERIT IN ROLE ledger_test_one;
CREATE ROLE ledger_test_member IN ROLE ledger_test_one, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_none IN ROLE bakkt_ledger_poster;
CREATE ROLE ledger_test_auditor IN ROLE bakkt_ledger_auditor;
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_approver IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_second IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
CREATE ROLE ledger_test_administrator IN ROLE bakkt_ledger_administrator;

-- the same day for two clients
CREATE FUNCTION pg_temp.a_day(client text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	customer	text := client || '00001';
	second		text := client || '00002';
	unpaid		bigint;
BEGIN
	PERFORM open_client(client, funding_model => 'NET_SETTLEMENT', at => '2026-11-01 00:00Z');
	PERFORM open_customer(client => client, customer => customer, external_id => lower(client)), open_customer(client => client, customer => second, funding_model => 'BAKKT_TPJ');
	PERFORM change_cash_terms(client, return_fee => '25.00 USD'), change_exposure_limits(client, 'USD', net_debit_cap => '7000.00 USD'),
		change_client_status(client, 'CLOSE_ONLY', reason => 'slow'), change_client_status(client, 'ACTIVE', reason => 'paid');
	PERFORM (open_account(client, 'FBO', 'Bank:omnibus', 'USD')).account, (open_account(client, 'FBO', 'Cust:' || customer || ':settled', 'USD')).account,
		(open_account(client, 'FBO', 'Cust:' || second || ':settled', 'USD')).account;
	PERFORM load_journal(client, format('{Dr %s 100.00 USD; Cr %s 100.00 USD}', account_of(client, 'FBO', 'Bank:omnibus', 'USD'),
		account_of(client, 'FBO', 'Cust:' || customer || ':settled', 'USD'))::journal_entry, 'deposit');
	PERFORM load_journal(client, format('{Dr %s 40.00 USD; Cr %s 40.00 USD}', account_of(client, 'FBO', 'Cust:' || customer || ':settled', 'USD'),
		account_of(client, 'FBO', 'Cust:' || second || ':settled', 'USD'))::journal_entry, 'transfer');
	PERFORM initiate_deposit(second, '70.00 USD', 'cash'), request_withdrawal(second, '20.00 USD', 'out');
	PERFORM load_journals(ARRAY[(client, format('{Dr %s 500.00 USD; Cr %s 500.00 USD}',
		account_of(client, 'FBO', 'Cust:' || customer || ':settled', 'USD'), account_of(client, 'FBO', 'Bank:omnibus', 'USD'))::journal_entry,
		'too much', NULL, NULL, NULL, false)::journal_request]);
	PERFORM deposit_coin(customer, '1.00 BTC', reference => 'coin');
	PERFORM post_trade(customer, 'BUY', '0.10 BTC', 'LP1', 'trade', provider_price => '60000.00 USD/BTC', markup_bps => 50, fee_minimum => '1.00 USD',
		client_order_id => 'order', executed_at => '2026-11-02 15:00Z');
	PERFORM post_trade(second, 'BUY', '0.01 BTC', 'LP1', 'called', provider_price => '60000.00 USD/BTC'), bust_trade(second, 'called', 'not called');
	PERFORM authorize_hold(client, account_of(client, 'CUST', 'Cust:' || customer, 'BTC'), '0.20 BTC', 'hold');
	PERFORM propose_journal(client, format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', (open_account(client, 'CORP', 'Expense:bank-fee', 'USD')).account,
		(open_account(client, 'CORP', 'Bank:operating', 'USD')).account)::journal_entry, 'by hand', 'BANK_FEE'), (open_account(client, 'CORP', 'Expense:rent', 'USD')).account;
	PERFORM instruct_fbo_transfer(client, '10.00 USD', 'float');
	PERFORM close_window(client, '2026-11-03');
	PERFORM load_journal(client, format('{Dr %s 1.00 BTC; Cr %s 1.00 BTC}', (open_account(client, 'CORP', 'Wallet:company', 'BTC')).account, (open_account(client, 'CORP', 'Equity', 'BTC')).account)::journal_entry, 'own coin');
	PERFORM cover_obligation(client, (SELECT o.obligation FROM obligations(client, true) AS o WHERE o.payer = 'LP1' AND o.asset = 'BTC' LIMIT 1), 'cover', '0.001 BTC');
	PERFORM advise_window(client, '2026-11-03'), agree_window(client, '2026-11-03');
	PERFORM settle_window(client, '2026-11-03', 'wires');
	PERFORM open_bank_account('OTHER', 'FBO', 'Other Bank', ledger_name => 'Bank:omnibus:other');
	PERFORM record_wire(client, 'received', '1.00 USD', 'more than was owed'), instruct_bank_transfer(client, '1.00 USD', NULL, 'other', 'between');
	PERFORM take_aged_tpj('AM', '2026-11-03 15:30Z', client);
	unpaid := (post_trade(second, 'BUY', '0.0001 BTC', 'LP1', 'unpaid', provider_price => '60000.00 USD/BTC', executed_at => '2026-09-02 15:00Z')).journal;
	PERFORM grant_client_access(client, 'ledger_test_approver'), set_config('session_authorization', 'ledger_test_settler', true);
	PERFORM propose_cash_call_write_offs('2026-10-15 15:00Z', client);
	PERFORM set_config('session_authorization', 'ledger_test_approver', true);
	PERFORM approve_cash_call_write_off(client, unpaid, '2026-10-15 16:00Z');
	PERFORM set_config('session_authorization', 'postgres', true);
	PERFORM open_customer(client => client, customer => client || '00009', funding_model => 'APEX_TPJ');
	PERFORM post_trade(client || '00009', 'BUY', '0.0001 BTC', 'LP1', 'through Apex', provider_price => '60000.00 USD/BTC', executed_at => '2026-11-02 15:00Z');
	PERFORM open_apex_batch(client, 'Apex', '2026-11-03 15:00Z'), record_apex_wire(client, 'received', '1.00 USD', 'from Apex', at => '2026-11-04 15:00Z');
	PERFORM post_trade(customer, 'BUY', '0.02 BTC', 'LP1', 'next day', provider_price => '60000.00 USD/BTC', executed_at => '2026-11-03 16:00Z'), close_window(client, '2026-11-04');
	PERFORM set_config('session_authorization', 'ledger_test_settler', true);
	PERFORM propose_write_off(o.client, o.obligation, 'bad obligation', 'PARTNER_WRITE_OFF') FROM obligations(client, true) AS o WHERE o.counterparty = o.client;
	PERFORM set_config('session_authorization', 'postgres', true);
	PERFORM charge_cash_call_write_offs('2026-11-01 15:00Z', client), recover_cash_call(client, unpaid, 'paid after all', at => '2026-11-04 15:00Z');
	PERFORM change_client(client, revenue_share_bps => 4000);
	PERFORM post_trade(customer, 'BUY', '0.01 BTC', 'LP1', 'shared', provider_price => '60000.00 USD/BTC', markup_bps => 50, executed_at => '2026-11-04 16:00Z');
	PERFORM true_up_revenue_shares('2026-11-05 15:00Z', client), set_config('session_authorization', 'ledger_test_settler', true);
	PERFORM propose_share_payout(client, '1.00 USD', 'share'), set_config('session_authorization', 'postgres', true);
	PERFORM deposit_coin(second, '1.00 ETH', 'undone');
	PERFORM authorize_hold(client, account_of(client, 'CUST', 'Cust:' || second, 'ETH'), '1.00 ETH', 'spent');
	PERFORM set_config('session_authorization', 'ledger_test_settler', true);
	PERFORM propose_take_back(second, 'undone', 'fork', 'chain');
	PERFORM set_config('session_authorization', 'ledger_test_second', true);
	PERFORM approve_take_back(client, 'fork');
	PERFORM set_config('session_authorization', 'ledger_test_settler', true);
	PERFORM propose_deficit_write_off(second, '1.00 ETH', 'gone', 'gone');
	PERFORM set_config('session_authorization', 'postgres', true);
	PERFORM close_period(client, '2026-09-01Z');
END
$$;
SELECT open_provider('LP1', 'First Provider') \g /dev/null
SELECT pg_temp.a_day('ONE') \g /dev/null
SELECT pg_temp.a_day('TWO') \g /dev/null
-- each has a customer who is about to go to the other
SELECT open_customer(c, c || '00007') FROM unnest('{ONE,TWO}'::text[]) AS c \g /dev/null
SELECT propose_customer_move('ONE00007', 'TWO', 'TWO00008', 'move'), propose_customer_move('TWO00007', 'ONE', 'ONE00008', 'move') \g /dev/null
SELECT grant_client_access('ONE', 'ledger_test_one'), grant_client_access('ONE', 'ledger_test_tenant') \g /dev/null
GRANT CREATE ON SCHEMA public TO ledger_test_tenant;
SELECT grant_client_access('TWO', 'ledger_test_two') \g /dev/null

-- Every table and view, in which client TWO is.
CREATE TABLE public.ledger_test_relation AS
	SELECT c.oid::regclass::text AS name, c.relkind = 'r' AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'client_id') AS has_client_id
	FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger'
	WHERE c.relkind IN ('r', 'p', 'v', 'S');
UPDATE public.ledger_test_relation SET name = 'bakkt_ledger_internal.' || name WHERE name !~ '\.';
GRANT SELECT ON public.ledger_test_relation TO PUBLIC;
CREATE FUNCTION pg_temp.has_rows(relation text, id int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	found	boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE t.client_id = $1)', relation) INTO found USING id;
	RETURN found;
END
$$;
SELECT is_empty($$SELECT r.name FROM public.ledger_test_relation r, client c WHERE c.code = 'TWO' AND r.has_client_id AND NOT pg_temp.has_rows(r.name, c.client_id)$$,
	'the test''s client has rows in every table that has clients');

-- How a statement ends
CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;

-- ---------------------------------------------------------------------------
-- No table and no view
-- ---------------------------------------------------------------------------
-- rows, counts, plans, statistics, locks and predicates of one's own tell nothing, for there is nothing to ask them of
CREATE TABLE public.ledger_test_way AS SELECT * FROM (VALUES
	('reads', 'SELECT * FROM %s'), ('counts', 'SELECT count(*) FROM %s'), ('explains', 'EXPLAIN SELECT * FROM %s'), ('explains and runs', 'EXPLAIN ANALYZE SELECT * FROM %s'),
	('asks with a predicate of its own of', 'SELECT * FROM %s AS t WHERE pg_temp.leak(t::text)')) AS v (way, statement);
GRANT SELECT ON public.ledger_test_way TO PUBLIC;
CREATE FUNCTION pg_temp.leak(row_text text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE WARNING 'leaked %', row_text; RETURN true; END $$;
SET LOCAL SESSION AUTHORIZATION ledger_test_tenant;
SELECT is_empty(format($$SELECT r.name, s FROM public.ledger_test_relation r, pg_temp.state(format(%L, r.name)) AS s WHERE s <> '42501'$$, statement),
	'a tenant ' || way || ' no table, view or sequence') FROM public.ledger_test_way;
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT is_empty(format($$SELECT r.name, s FROM public.ledger_test_relation r, pg_temp.state(format(%L, r.name)) AS s WHERE s <> '42501'$$, statement),
	'a clerk of the company for one client ' || way || ' no table, view or sequence') FROM public.ledger_test_way;

-- nor by an object of its own
SET LOCAL SESSION AUTHORIZATION ledger_test_tenant;
CREATE TEMP TABLE own (reference text);
INSERT INTO own VALUES ('x');
CREATE FUNCTION pg_temp.seen(reference text) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM bakkt_ledger.journal); END $$;
CREATE FUNCTION pg_temp.seen_on_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM count(*) FROM bakkt_ledger.journal; RETURN new; END $$;
CREATE TEMP VIEW through AS SELECT j.reference FROM bakkt_ledger.journal AS j;
CREATE TEMP TABLE triggered (reference text);
CREATE TRIGGER seen_on_write BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION pg_temp.seen_on_write();
GRANT SELECT ON through TO PUBLIC;
SELECT is(pg_temp.state(statement), '42501', 'a tenant sees nothing by ' || what) FROM (VALUES
	('a view of its own', 'SELECT * FROM pg_temp.through'),
	('a function of its own', $$SELECT pg_temp.seen('x')$$),
	('the expression of an index', 'CREATE INDEX ON own (pg_temp.seen(reference))'),
	('the predicate of an index', 'CREATE INDEX ON own (reference) WHERE pg_temp.seen(reference) > 0'),
	('a trigger of its own', $$INSERT INTO triggered VALUES ('x')$$),
	('a trigger on a table', 'CREATE TRIGGER t AFTER INSERT ON bakkt_ledger_internal.journal EXECUTE FUNCTION pg_temp.seen_on_write()'),
	('a trigger on a view', 'CREATE TRIGGER t INSTEAD OF INSERT ON bakkt_ledger.journal FOR EACH ROW EXECUTE FUNCTION pg_temp.seen_on_write()'),
	('a materialized view', 'CREATE MATERIALIZED VIEW public.ledger_test_kept AS SELECT * FROM bakkt_ledger.journal'),
	('a table made of it', 'CREATE TEMP TABLE kept AS SELECT * FROM bakkt_ledger.journal'),
	('a table like it', 'CREATE TEMP TABLE kept (LIKE bakkt_ledger.journal)'),
	('a foreign key', 'CREATE TABLE public.ledger_test_probe (c int REFERENCES bakkt_ledger_internal.client)'),
	('inheritance', 'CREATE TEMP TABLE kept () INHERITS (bakkt_ledger_internal.journal)'),
	('statistics', 'CREATE STATISTICS public.ledger_test_s ON client_id, kind FROM bakkt_ledger_internal.journal'),
	('a rule', 'CREATE RULE r AS ON INSERT TO bakkt_ledger.journal DO ALSO NOTHING'),
	('a lock', 'LOCK TABLE bakkt_ledger_internal.journal IN ACCESS SHARE MODE')) AS v (what, statement);
SELECT is_empty($$SELECT tablename FROM pg_stats WHERE schemaname IN ('bakkt_ledger', 'bakkt_ledger_internal')$$, 'a tenant sees nothing by the planner''s statistics');
SET LOCAL SESSION AUTHORIZATION ledger_test_auditor;
SELECT is(pg_temp.state('SELECT * FROM through'), '42501', 'a tenant''s view shows nothing to whoever sees all clients either');

-- ---------------------------------------------------------------------------
-- Functions: one's own client only
-- ---------------------------------------------------------------------------
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT throws_ok($$SELECT customers('TWO')$$, '42501', NULL, 'working for another client is refused');
SELECT throws_ok($$SELECT account_of('TWO', 'FBO', 'Bank:omnibus', 'USD')$$, '42501', NULL,
	'looking up another client''s account is refused');
SELECT throws_ok($$SELECT open_customer(client => 'TWO', customer => 'TWO00009')$$, '42501', NULL,
	'opening a customer of another client is refused');
SELECT throws_ok($$SELECT open_customers('TWO', ARRAY['TWO00009'])$$, '42501', NULL,
	'opening customers of another client in bulk is refused');
SELECT throws_ok($$SELECT (open_account('TWO', 'FBO', 'Bank:omnibus', 'EUR')).account$$, '42501', NULL,
	'opening an account of another client is refused');
SELECT throws_ok($$SELECT (open_account('ONE', 'FBO', 'Cust:x:settled', 'EUR', customer => 'TWO00001')).account$$, 'LG012', NULL,
	'opening an own account for another client''s customer is refused');
SELECT throws_ok($$SELECT post_journal('TWO', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}', 'mine')$$, '42501', NULL,
	'posting a journal of another client is refused');
SELECT throws_ok(call, '42501', NULL, 'a call that names another client is refused: ' || call) FROM unnest(ARRAY[
	$$SELECT * FROM balances('TWO')$$, $$SELECT * FROM trial_balance('TWO')$$, $$SELECT * FROM net_position('TWO')$$,
	$$SELECT * FROM window_of('TWO')$$, $$SELECT * FROM window_bounds('TWO', '2026-11-03')$$, $$SELECT * FROM window_members('TWO', '2026-11-03')$$,
	$$SELECT * FROM window_summary('TWO', '2026-11-03')$$, $$SELECT * FROM window_adjustments('TWO', '2026-11-03')$$,
	$$SELECT * FROM obligations('TWO')$$, $$SELECT * FROM cash_write_offs('TWO')$$,
	$$SELECT * FROM apex_batches('TWO')$$, $$SELECT * FROM apex_batch_items('TWO', 'Apex')$$, $$SELECT * FROM apex_position('TWO')$$,
	$$SELECT * FROM aged_tpj('TWO')$$, $$SELECT * FROM aged_tpj_summary('TWO')$$, $$SELECT * FROM aged_tpj_file('TWO', 'AM', '2026-11-03')$$, $$SELECT * FROM buying_powers('TWO')$$,
	$$SELECT * FROM increase_hold('TWO', 'hold', '0.10 BTC', 'more')$$, $$SELECT * FROM release_hold('TWO', 'hold', 'free')$$,
	$$SELECT * FROM authorize_hold('TWO', 'CUST:1', '0.10 BTC', 'hold 2')$$,
	$$SELECT * FROM capture_hold('TWO', 'hold', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}', 'capture')$$,
	$$SELECT * FROM reverse_journal('TWO', 1, 'back')$$,
	$$SELECT * FROM cancel_deposit('TWO', 'cash')$$, $$SELECT * FROM cancel_withdrawal('TWO', 'out')$$, $$SELECT * FROM deficits('TWO')$$]) AS call;
SELECT throws_ok(call, 'LG012', NULL, 'a call that names another client''s customer is refused: ' || call) FROM unnest(ARRAY[
	$$SELECT * FROM statement('TWO00001', 'BTC')$$,
	$$SELECT * FROM post_trade('TWO00001', 'BUY', '0.10 BTC', 'LP1', 't2', provider_price => '60000.00 USD/BTC')$$,
	$$SELECT * FROM bust_trade('TWO00001', 'trade', 'b2')$$, $$SELECT * FROM buying_power('TWO00001')$$,
	$$SELECT * FROM initiate_deposit('TWO00002', '1.00 USD', 'd2')$$, $$SELECT * FROM request_withdrawal('TWO00002', '20.00 USD', 'w2')$$, $$SELECT * FROM cash_balance('TWO00002')$$]) AS call;
SELECT results_eq($$SELECT DISTINCT client FROM trial_balance()$$, ARRAY['ONE'],
	'a trial balance of all clients has only those the caller sees');
SELECT is_empty($$SELECT * FROM obligations() WHERE client <> 'ONE'$$,
	'a list of all obligations has only those of clients the caller sees');
SELECT results_eq('SELECT client FROM clients()', ARRAY['ONE'], 'a list of clients has only those the caller sees');
RESET SESSION AUTHORIZATION;
-- a customer of TWO by its real code: refused as unknown
SELECT open_customer(client => 'TWO', customer => 'TWOXXXX1') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT throws_ok($$SELECT cash_balance('TWOXXXX1')$$, 'LG012', NULL, 'another client''s customer is refused as unknown');
RESET SESSION AUTHORIZATION;
CREATE TEMP TABLE foreign_account AS SELECT account FROM account a JOIN client c USING (client_id) WHERE c.code = 'TWO' LIMIT 1;
GRANT SELECT ON foreign_account TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT throws_ok($$SELECT balance_of(account) FROM foreign_account$$, 'LG030', NULL,
	'another client''s account is refused as unknown');

-- Another client's content is not disclosed, and each client has its own references.
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_two;
SELECT lives_ok($$SELECT open_customer('TWO', 'TWOXXXX8', account_type => 'ENTITY', funding_model => 'APEX_TPJ', reference => 'same')$$,
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
SELECT is(pg_temp.told($$SELECT open_customer('ONE', 'TWOXXXX8')$$), 'account code "TWOXXXX8" is taken',
	'an account code of another client is refused as taken, with no detail');
SELECT is(pg_temp.told($$SELECT open_customer('ONE', 'TWOXXXX8', account_type => 'ENTITY', funding_model => 'APEX_TPJ', reference => 'same')$$), 'account code "TWOXXXX8" is taken',
	'an account code of another client is refused as taken even with matching terms');
SELECT is(pg_temp.told($$SELECT open_customers('ONE', ARRAY['ONEXXXX7', 'TWOXXXX8'])$$), 'account code "TWOXXXX8" is taken',
	'an account code of another client is refused as taken in bulk');
SELECT is(pg_temp.told($$SELECT open_customer('ONE', 'ONEXXXX8', reference => 'same')$$), 'done',
	'a reference used by one client is free for another');
SELECT is(pg_temp.told($$SELECT open_customer('ONE', 'ONEXXXX8', reference => 'same')$$), 'done',
	'opening a customer again under its client''s reference is idempotent');
SELECT matches(pg_temp.told($$SELECT open_customer('ONE', 'ONEXXXX9', reference => 'same')$$), 'ONEXXXX8',
	'a reused reference is refused by naming only the client''s own customer');
RESET SESSION AUTHORIZATION;

SET LOCAL SESSION AUTHORIZATION ledger_test_both;
SELECT results_eq('SELECT client FROM clients() ORDER BY 1', ARRAY['ONE', 'TWO'],
	'a member of two clients'' roles sees both clients');
SET LOCAL SESSION AUTHORIZATION ledger_test_member;
SELECT lives_ok($$SELECT post_journal('ONE', format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', account_of('ONE', 'CORP', 'Expense:bank-fee', 'USD'),
	account_of('ONE', 'CORP', 'Expense:rent', 'USD'))::journal_entry, 'm1')$$, 'a member of a client''s role posts for that client');
RESET SESSION AUTHORIZATION;
REVOKE ledger_test_one FROM ledger_test_member;
SET LOCAL SESSION AUTHORIZATION ledger_test_member;
SELECT throws_ok($$SELECT post_journal('ONE', '{Dr FBO:1 1.00 USD; Cr FBO:999999 1.00 USD}', 'm2')$$, '42501', NULL,
	'a role that lost its membership cannot post for the client');
SET LOCAL SESSION AUTHORIZATION ledger_test_none;
SELECT is_empty('SELECT * FROM clients()', 'a role without a grant sees no client');
SELECT throws_ok($$SELECT postings('ONE')$$, '42501', NULL, 'a role without a grant sees no journal');
SET LOCAL SESSION AUTHORIZATION ledger_test_dormant;
SELECT throws_ok('SELECT * FROM bakkt_ledger.clients()', '42501', NULL,
	'a role that does not inherit a client''s role is refused without SET ROLE');
SET LOCAL SESSION AUTHORIZATION ledger_test_auditor;
SELECT is((SELECT count(*) FROM client), 2::bigint, 'an auditor sees all clients');
SELECT cmp_ok((SELECT count(*) FROM event), '>', 5::bigint, 'an auditor sees the events');
SELECT throws_ok($$SELECT open_client('AUDI')$$, '42501', NULL, 'an auditor cannot open a client');
SET LOCAL SESSION AUTHORIZATION ledger_test_settler;
SELECT is((SELECT count(*) FROM client), 2::bigint, 'a settler sees all clients');
SELECT throws_ok($$SELECT * FROM event$$, '42501', NULL, 'a settler cannot read the events');
SET LOCAL SESSION AUTHORIZATION ledger_test_administrator;
SELECT lives_ok($$SELECT revoke_client_access('ONE', 'ledger_test_one', reason => 'left')$$,
	'an administrator revokes a role''s access to a client');
SELECT throws_ok($$SELECT post_journal('ONE', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}', 'r')$$, '42501', NULL,
	'an administrator cannot post');
SET LOCAL SESSION AUTHORIZATION ledger_test_one;
SELECT is_empty('SELECT * FROM clients()', 'a revoked role sees no client');
SELECT throws_ok($$SELECT post_journal('ONE', '{Dr FBO:1 1.00 USD; Cr FBO:2 1.00 USD}', 'late')$$, '42501', NULL,
	'a revoked role cannot post, even in the same session');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
