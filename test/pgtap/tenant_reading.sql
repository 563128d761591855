-- What a tenant is told: every function that a tenant may call is called for its client and for another, and its answers are searched
-- for whatever is another client's, a provider's, a bank's or the company's revenue.  The functions come from the catalog, so that a
-- new one is called without anybody adding it here.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();

CREATE ROLE ledger_test_tenant IN ROLE bakkt_ledger_reader, bakkt_ledger_poster, bakkt_ledger_approver;
CREATE ROLE ledger_test_clerk IN ROLE bakkt_ledger_executor, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler, bakkt_ledger_reconciler;
GRANT CREATE ON SCHEMA public TO ledger_test_tenant;

-- Marks: a provider, a bank and its references have names that nothing else has; the provider's prices have 77 cents.  Client TWO is
-- TWO in every code, and its numbers are from 7700000 to 7799999.
SELECT load_shipped_assets() \g /dev/null
SELECT open_provider('PRVDR', 'First Provider'), open_bank_account('north', 'FBO', 'northbank', 'USD', 'Bank:omnibus:northbank'),
	open_bank_account('operating', 'OPERATING', 'northbank', 'USD', 'Bank:operating:northbank') \g /dev/null
SELECT open_instrument('BTCUSD', 'BTC', 'USD', '0.01 USD/BTC', '0.00000001 BTC') \g /dev/null
DO $do$
BEGIN
	EXECUTE (SELECT format('CREATE FUNCTION public.ledger_test_number_from(start bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN %s END $$',
						   string_agg(format('PERFORM setval(%L, start);', s.seqrelid::regclass), ' '))
			 FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE c.relnamespace = 'bakkt_ledger_internal'::regnamespace AND s.seqmax > 100000000);
END $do$;

CREATE FUNCTION pg_temp.trade(client text, reference text, customer text, side text, quantity amount, executed_at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT journal FROM post_trade(customer, side, quantity, 'PRVDR', reference, provider_price => '60000.77 USD/BTC', markup_bps => 50, fee_minimum => '1.00 USD',
		client_order_id => client || reference, executed_at => executed_at) $$;
CREATE FUNCTION pg_temp.as_settler(VARIADIC statements text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	statement	text;
BEGIN
	PERFORM set_config('session_authorization', 'ledger_test_settler', true);
	FOREACH statement IN ARRAY statements LOOP
		EXECUTE statement;
	END LOOP;
	PERFORM set_config('session_authorization', 'postgres', true);
END $$;
CREATE FUNCTION pg_temp.a_day(client text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	netted	text := client || '00001';
	called	text := client || '00002';
	apex	text := client || '00003';
	rent	account_id;
	unpaid	bigint[];
	coin	account_id;
BEGIN
	PERFORM open_client(client, funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000, at => '2026-11-01 00:00Z');
	PERFORM open_customer(client => client, customer => netted), open_customer(client => client, customer => called, funding_model => 'BAKKT_TPJ'),
		open_customer(client => client, customer => apex, funding_model => 'APEX_TPJ');
	PERFORM change_cash_terms(client, return_fee => '25.00 USD', minimum_withdrawal => '1.00 USD');
	PERFORM receive_wire(client, '1000.00 USD', 'wire', customer => called, bank => 'northbank', bank_reference => 'fedref', at => '2026-11-02 15:00Z'),
		receive_wire(client, '5.00 USD', 'whose wire', bank => 'northbank', bank_reference => 'fedref2', at => '2026-11-02 15:00Z');
	PERFORM initiate_deposit(called, '70.00 USD', 'deposit'), initiate_deposit(called, '71.00 USD', 'cancelled'),
		initiate_deposit(called, '50.00 USD', 'spent', at => '2026-11-02 15:00Z'), credit_deposit(client, 'spent', 'fedref3', at => '2026-11-02 16:00Z'),
		settle_deposits('2026-11-06 16:00Z', client);
	PERFORM request_withdrawal(called, '20.00 USD', 'withdrawal'), request_withdrawal(called, '980.00 USD', 'sent', at => '2026-11-06 17:00Z'),
		send_withdrawal(client, 'sent', at => '2026-11-06 17:00Z'), complete_withdrawal(client, 'sent', 'fedref4', '2026-11-06 18:00Z');
	PERFORM return_deposit(client, 'spent', 'R10', at => '2026-11-07 15:00Z');
	PERFORM deposit_coin(netted, '1.00 BTC', reference => 'coin'), deposit_coin(called, '1.00 BTC', reference => 'coin too');
	coin := account_of(client, 'CUST', 'Cust:' || netted, 'BTC');
	PERFORM pg_temp.trade(client, 'trade', netted, 'BUY', '0.10 BTC', '2026-11-02 15:00Z'), pg_temp.trade(client, 'sale', called, 'SELL', '0.01 BTC', '2026-11-02 15:00Z'),
		pg_temp.trade(client, 'busted', called, 'BUY', '0.02 BTC', '2026-11-02 15:00Z'), bust_trade(called, 'busted', 'bust'),
		pg_temp.trade(client, 'through Apex', apex, 'BUY', '0.0001 BTC', '2026-11-02 15:00Z');
	unpaid := ARRAY(SELECT pg_temp.trade(client, 'unpaid ' || n, called, 'BUY', '0.001 BTC', '2026-09-02 15:00Z') FROM generate_series(1, 3) AS n);
	PERFORM process_cash_calls('2026-11-10 15:00Z', client);
	PERFORM take_aged_tpj('AM', '2026-11-10 15:30Z', client), receive_wire(client, '2000.00 USD', 'more', customer => called, at => '2026-11-11 15:00Z');
	PERFORM open_apex_batch(client, 'batch', '2026-11-03 15:00Z'), record_apex_wire(client, 'received', '1.00 USD', 'from Apex', bank => 'northbank', at => '2026-11-04 15:00Z');
	PERFORM authorize_hold(client, coin, '0.20 BTC', 'hold');
	PERFORM instruct_fbo_transfer(client, '10.00 USD', 'float', bank => 'northbank');
	PERFORM close_window(client, '2026-11-03');
	PERFORM advise_window(client, '2026-11-03'), agree_window(client, '2026-11-03');
	PERFORM settle_window(client, '2026-11-03', 'wires');
	PERFORM pg_temp.trade(client, 'next', netted, 'BUY', '0.05 BTC', '2026-11-03 16:00Z');
	PERFORM close_window(client, '2026-11-04');
	rent := (open_account(client, 'CORP', 'Expense:rent', 'USD')).account;
	PERFORM pg_temp.as_settler(
		format('SELECT propose_journal(client => %L, entry => %L, reason => %L, reference => %L)', client, journal_entry(line('Dr', rent, '1.00 USD'), line('Cr', (open_account(client, 'CORP', 'Bank:operating', 'USD')).account, '1.00 USD')), 'rent', 'rent'),
		format('SELECT propose_journal(client => %L, entry => %L, reason => %L, reference => %L)', client, journal_entry(line('Dr', (open_account(client, 'CORP', 'Revenue:markup', 'USD')).account, '8.77 USD'), line('Cr', rent, '8.77 USD')), 'moved', 'revenue'),
		format('SELECT propose_cash_call_write_off(%1$L, %2$s, %5$L), propose_cash_call_write_off(%1$L, %3$s, %5$L), propose_cash_call_write_off(%1$L, %4$s, %5$L)',
			client, unpaid[1], unpaid[2], unpaid[3], '2026-11-15 15:00Z'),
		format('SELECT propose_write_off(%1$L, o.obligation, %2$L, %3$L) FROM obligations(%1$L, true) AS o WHERE o.counterparty = %1$L', client, 'bad client', 'PARTNER_WRITE_OFF'),
		format('SELECT propose_share_payout(%L, %L, %L, bank => %L)', client, '0.01 USD', 'share', 'northbank'),
		format('SELECT propose_write_off(%1$L, o.obligation, %2$L, %3$L) FROM obligations(%1$L, true) AS o WHERE o.payer = %4$L', client, 'bad provider', 'BAKKT_WRITE_OFF', 'PRVDR'));
	PERFORM close_period(client, '2026-11-05Z'), receive_wire(client, '9.00 USD', 'late wire', customer => called, bank => 'northbank', at => '2026-11-04 15:00Z');
END $$;
SELECT pg_temp.a_day('ONE') \g /dev/null
SELECT public.ledger_test_number_from(7700000) \g /dev/null
SELECT pg_temp.a_day('TWO') \g /dev/null
SELECT public.ledger_test_number_from(7900000) \g /dev/null
SELECT grant_client_access('ONE', role) FROM unnest('{ledger_test_tenant,ledger_test_clerk}'::name[]) AS role \g /dev/null
SELECT seal() \g /dev/null

-- ---------------------------------------------------------------------------
-- Calls
-- ---------------------------------------------------------------------------
-- Of each parameter, by its name, or its type where that is enough, what a client's world has for it; a function is called once with the
-- n-th value of every parameter for each n, with what has a default and without
CREATE TABLE public.ledger_test_value (client text, param text, n int, literal text);
CREATE FUNCTION pg_temp.give(params text, query text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO public.ledger_test_value SELECT c, p, row_number() OVER (PARTITION BY c, p) - 1, format(''%%L::%%s'', v::text, pg_typeof(v))
		FROM (%s) AS q (c, v), string_to_table(%L, '' '') AS p', query, params);
END $$;
SELECT pg_temp.give('client', 'SELECT code, code FROM client'),
	pg_temp.give('customer', 'SELECT l.code, c.customer_code FROM customer c JOIN client l USING (client_id) WHERE c.customer_code ~ ''0000[123]$'' ORDER BY (c.customer_code ~ ''2$'') DESC, 2'),
	pg_temp.give('account:account_id', 'SELECT l.code, a.account FROM account a JOIN client l USING (client_id) ORDER BY (a.name ~ ''^Cust:...00001$'') DESC, a.account'),
	pg_temp.give('call', 'SELECT l.code, c.journal_id FROM cash_call c JOIN client l USING (client_id) JOIN journal j USING (client_id, journal_id) ORDER BY j.reference ~ ''^unpaid'' DESC, 2'),
	pg_temp.give('calls', 'SELECT l.code, ARRAY[max(w.journal_id)] FROM cash_write_off w JOIN client l USING (client_id) GROUP BY 1'),
	pg_temp.give('obligation', 'SELECT l.code, o.obligation_id FROM obligation o JOIN client l USING (client_id)'),
	pg_temp.give('reference', $$SELECT code, r FROM client, unnest('{new,deposit,cancelled,withdrawal,rent,revenue,bad client,bad provider,share}'::text[]) r$$),
	pg_temp.give('hold', 'SELECT code, ''hold''::text FROM client'), pg_temp.give('batch', 'SELECT code, ''batch''::text FROM client'),
	pg_temp.give('fund', $$SELECT code, f FROM client, unnest('{CUST,FBO,CORP,CORP}'::text[]) f$$),
	pg_temp.give('name', $$SELECT code, n FROM client, unnest(ARRAY['Cust:' || code || '00001', 'Bank:omnibus:northbank', 'Revenue:markup', 'LP:payable:PRVDR']) n$$),
	pg_temp.give('asset', $$SELECT code, a FROM client, unnest('{BTC,USD,USD,USD}'::asset[]) a$$),
	pg_temp.give('closes_on', $$SELECT code, d FROM client, unnest('{2026-11-03,2026-11-04}'::date[]) d$$), pg_temp.give('business_date', 'SELECT code, ''2026-11-10''::date FROM client'),
	pg_temp.give('kind', 'SELECT code, ''AM''::text FROM client'), pg_temp.give('calendar', 'SELECT code, calendar::text FROM client, calendar'),
	pg_temp.give('day', 'SELECT code, ''2026-11-10''::date FROM client'), pg_temp.give('at', 'SELECT code, ''2026-11-20 15:00Z''::timestamptz FROM client'),
	pg_temp.give('amount', $$SELECT code, a FROM client, unnest('{1.00 USD,0.01 BTC}'::amount[]) a$$), pg_temp.give('reason', 'SELECT code, ''why''::text FROM client'),
	pg_temp.give('until', 'SELECT code, ''2026-11-05Z''::timestamptz FROM client'),
	pg_temp.give('customers', 'SELECT code, ARRAY[code || ''00008''] FROM client') \g /dev/null
-- and one that is new
INSERT INTO public.ledger_test_value SELECT code, 'customer', 9, format('%L::text', code || '00007') FROM client;

CREATE TEMP TABLE literals AS SELECT v.client, v.param, array_agg(v.literal ORDER BY v.n) AS literals FROM public.ledger_test_value v GROUP BY 1, 2;
CREATE UNIQUE INDEX ON literals (param, client);
CREATE FUNCTION pg_temp.literal(client text, param text, type regtype, no int) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT l.literals[1 + no % cardinality(l.literals)] FROM literals l WHERE l.client = literal.client AND l.param IN (literal.param || ':' || type, literal.param)
	ORDER BY l.param DESC LIMIT 1
$$;
CREATE TABLE public.ledger_test_routine AS
	SELECT p.oid, p.proname::text AS name, p.oid::regproc::text AS called, p.provolatile = 'v' AS writes, p.pronargs - p.pronargdefaults AS needed, p.proargtypes::oid[] AS types, p.proargnames[1:p.pronargs] AS names,
		bool_or(pg_has_role('ledger_test_tenant', x.grantee, 'USAGE')) AS tenants
	FROM pg_proc p, aclexplode(p.proacl) AS x
	WHERE p.pronamespace = 'bakkt_ledger'::regnamespace AND x.grantee <> p.proowner AND x.grantee <> 0
	  AND (pg_has_role('ledger_test_tenant', x.grantee, 'USAGE') OR p.provolatile <> 'v' AND pg_has_role('ledger_test_clerk', x.grantee, 'USAGE'))
	GROUP BY p.oid;
-- every function: with what it needs, and with everything that the world has a value for
CREATE TABLE public.ledger_test_call AS
	SELECT DISTINCT r.name, r.writes, r.tenants, c.code AS client, format('SELECT to_jsonb(t)::text FROM bakkt_ledger.%I(%s) AS t', r.name, a.given) AS statement
	FROM public.ledger_test_routine r, client c, generate_series(0, 40) AS n, unnest('{t,f}'::boolean[]) AS short,
	LATERAL (SELECT string_agg(format('%I => %s', p.name, pg_temp.literal(c.code, p.name, p.type, n)), ', ') AS given
			 FROM unnest(r.types::regtype[], r.names) WITH ORDINALITY AS p (type, name, i)
			 WHERE (p.i <= r.needed OR NOT short AND p.name IN ('client', 'customer', 'account')) AND pg_temp.literal(c.code, p.name, p.type, n) IS NOT NULL) AS a;
GRANT SELECT ON public.ledger_test_call, public.ledger_test_routine TO PUBLIC;
-- a call is taken back, whatever it did
CREATE FUNCTION public.ledger_test_answer(statement text, OUT state text, OUT said text) LANGUAGE plpgsql AS $$
DECLARE
	detail	text;
	hint	text;
BEGIN
	EXECUTE format('SELECT string_agg(x, E''\n'') FROM (%s) AS c (x)', statement) INTO said;
	RAISE EXCEPTION USING ERRCODE = '00ZZZ', MESSAGE = coalesce(said, '');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	state := SQLSTATE;
	said := concat_ws(E'\n', said, detail, hint);
END $$;
CREATE TABLE public.ledger_test_answered (who text, name text, writes boolean, client text, statement text, state text, said text);
GRANT SELECT, INSERT ON public.ledger_test_answered TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION ledger_test_tenant;
INSERT INTO public.ledger_test_answered SELECT 'tenant', c.name, c.writes, c.client, c.statement, a.* FROM public.ledger_test_call c, public.ledger_test_answer(c.statement) AS a WHERE c.tenants;
SET LOCAL SESSION AUTHORIZATION ledger_test_clerk;
INSERT INTO public.ledger_test_answered SELECT 'clerk', c.name, c.writes, c.client, c.statement, a.* FROM public.ledger_test_call c, public.ledger_test_answer(c.statement) AS a WHERE NOT c.writes;
RESET SESSION AUTHORIZATION;
-- what it was given is no secret to the caller
CREATE VIEW public.ledger_test_told AS
	SELECT a.*, m[1] AS mark FROM public.ledger_test_answered a, regexp_matches(a.said, '(PRVDR|northbank|fedref\d?|Bank:|Revenue:|LP:|\.77\M|TWO\w*|\m77\d{5}\M)', 'g') AS m
	WHERE strpos(a.statement, m[1]) = 0;

-- ---------------------------------------------------------------------------
-- What came of them
-- ---------------------------------------------------------------------------
SELECT cmp_ok((SELECT count(*) FROM public.ledger_test_routine WHERE tenants), '>', 50::bigint, 'this test calls more than 50 functions as a tenant');
-- what only an approver of the company may decide, though it is called as the other decisions are
CREATE TABLE public.ledger_test_company AS SELECT unnest('{approve_take_back,decline_take_back,approve_deficit_write_off,decline_deficit_write_off}'::text[]) AS name;
SELECT is_empty($$SELECT name FROM public.ledger_test_routine WHERE tenants EXCEPT SELECT name FROM public.ledger_test_company EXCEPT SELECT name FROM public.ledger_test_answered WHERE who = 'tenant' AND client = 'ONE' AND state = '00ZZZ'$$,
	'every function that a tenant may call answers it for its own client');
SELECT is_empty($$SELECT name, state FROM public.ledger_test_answered JOIN public.ledger_test_company USING (name) WHERE who = 'tenant' AND state IN ('00ZZZ')$$,
	'what only an approver of the company decides answers no tenant');
SELECT is_empty($$SELECT name FROM public.ledger_test_routine WHERE NOT writes EXCEPT SELECT name FROM public.ledger_test_answered WHERE who = 'clerk' AND client = 'ONE' AND state = '00ZZZ'$$,
	'every function that reads answers a clerk of the company for a client granted');
SELECT is_empty($$SELECT DISTINCT ON (who, name, mark) who, name, mark, statement FROM public.ledger_test_told WHERE mark ~ 'TWO|77\d{5}'$$,
	'no function tells what is another client''s');
SELECT is_empty($$SELECT who, name, state, statement FROM public.ledger_test_answered WHERE client = 'TWO' AND statement ~ '(client|customer|account) => ''(TWO|FBO|CUST|CORP)' AND state !~ '^(42501|LG012|LG030)$'$$,
	'every function refuses another client, its customers and its accounts');
SELECT is_empty($$SELECT DISTINCT ON (name, mark) name, mark, statement, said FROM public.ledger_test_told WHERE who = 'tenant'$$,
	'no function tells a tenant of a provider, its price, a bank or the company''s revenue');
SELECT is_empty($$SELECT m FROM unnest('{PRVDR,Bank:,Revenue:,LP:}'::text[]) AS m EXCEPT SELECT mark FROM public.ledger_test_told WHERE who = 'clerk'$$,
	'the same functions tell the company of them');

SELECT * FROM finish();
ROLLBACK;
