-- The feed: everything sealed, in order, each record once; a client's own roles get what is theirs, without the company's side of it.
\set QUIET on
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
SELECT is_empty('SELECT * FROM feed()', 'a ledger without blocks has an empty feed');
\ir world.psql
SELECT seal() \g /dev/null
SELECT authorize_hold('ONE', account_of('ONE', 'CUST', 'Cust:ONE00001', 'BTC'), '0.01 BTC', 'of one'), release_hold('ONE', 'of one', 'released') \g /dev/null
SELECT load_journals(ARRAY[ROW('ONE', format('{Dr %s 900.00 USD; Cr %s 900.00 USD}', account_of('ONE', 'FBO', 'Cust:ONE00002:settled', 'USD'),
	account_of('ONE', 'FBO', 'Bank:omnibus', 'USD'))::journal_entry, 'too much', 'transfer', NULL, NULL, false)::journal_request]) \g /dev/null
SELECT seal() AS last \gset

-- everything, in order
CREATE TEMP TABLE fed AS SELECT f.*, row_number() OVER () AS place FROM feed(most => 100000) AS f;
SELECT set_eq('SELECT kind, number FROM fed', $$SELECT r.kind, r.number FROM all_records() AS r$$, 'the feed has every sealed record');
SELECT is(count(*), count(DISTINCT number), 'the feed has each record once') FROM fed;
SELECT results_eq('SELECT block_no, number FROM fed ORDER BY place', 'SELECT block_no, number FROM fed ORDER BY block_no, number', 'the feed is in order of block and number');
SELECT results_eq('SELECT block_no, count(*) FROM fed GROUP BY 1 ORDER BY 1', 'SELECT block_no, records FROM block ORDER BY 1', 'a record is told with the block that has it');
SELECT is_empty($$SELECT number FROM fed AS f JOIN all_records() AS r USING (kind, number)
	WHERE f.content IS NULL OR f.at IS NULL OR f.recorded_at IS NULL OR f.client IS DISTINCT FROM client_name(r.client_id)$$,
	'a record is told with content and times, and with its client if it is of one');
SELECT is(count(*), 0::bigint, 'what is not sealed is not in the feed')
FROM (SELECT deposit_coin('ONE00001', '1.00 BTC', 'not sealed') OFFSET 0) AS d, fed AS f WHERE f.content ->> 'reference' = 'not sealed';

-- what a record says
SELECT is(f.content -> 'lines', (SELECT jsonb_agg(jsonb_build_object('line', l.line, 'account', l.account, 'fund', a.fund, 'name', a.name, 'amount', l.amount) ORDER BY l.line)
		FROM lines(j.entry) AS l JOIN account AS a USING (account)), 'a journal is told line by line')
FROM fed AS f JOIN journal AS j ON j.journal_id = f.number JOIN client AS c ON c.client_id = j.client_id AND c.code = f.client
WHERE f.client = 'ONE' AND f.content ->> 'reference' = 'trade';
SELECT is(content -> 'execution' ->> 'provider_price', '60000.00 USD/BTC', 'the company is told the provider''s price') FROM fed WHERE client = 'ONE' AND content ->> 'reference' = 'trade';
SELECT is(content - '{actor,key,changed,content,reference}'::text[], '{"subject": "hold", "event": "released", "status": "RELEASED", "amount": "0.01 BTC"}', 'an event is told with its status and amount')
FROM fed WHERE kind = 'event' AND content ->> 'event' = 'released' ORDER BY number DESC LIMIT 1;
SELECT is(content ->> 'operation', 'release_hold', 'a request is told with its operation') FROM fed WHERE kind = 'request' ORDER BY number DESC LIMIT 1;
SELECT is(content ->> 'sqlstate', 'LG050', 'a refusal is told with its SQLSTATE') FROM fed WHERE kind = 'refusal' AND content ->> 'reference' = 'too much';

-- page by page
CREATE FUNCTION pg_temp.paged(most integer) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
	place	feed_cursor;
	page	feed_record[];
BEGIN
	LOOP
		page := ARRAY(SELECT f FROM feed(place, most) AS f);
		IF cardinality(page) > most THEN
			RAISE 'a page of %', cardinality(page);
		END IF;
		EXIT WHEN page = '{}';
		RETURN QUERY SELECT p.number FROM unnest(page) AS p;
		place := page[cardinality(page)].cursor;
	END LOOP;
END $$;
SELECT results_eq(format('SELECT * FROM pg_temp.paged(%s)', size), 'SELECT number FROM fed ORDER BY place', format('pages of %s records have every record once, in order', size))
FROM unnest(ARRAY[1, 7, 100, 5000]) AS size;
SELECT is_empty(format('SELECT * FROM feed(%L)', cursor), 'after the last record there is nothing') FROM fed ORDER BY place DESC LIMIT 1;
SELECT throws_ok('SELECT * FROM feed(most => ' || most || ')', 'LG002', NULL, 'a page of ' || most || ' records is refused') FROM unnest('{0,-1,100001,NULL}'::text[]) AS most WHERE most IS NOT NULL;

-- a cursor of a past that this ledger does not have
SELECT cursor AS place, number FROM fed WHERE block_no = :last ORDER BY place DESC LIMIT 1 \gset
SELECT throws_ok(format('SELECT * FROM feed(%L)', ROW((:'place'::feed_cursor).block_no, (:'place'::feed_cursor).number, sha256('another'))::feed_cursor), 'LG069',
	format('this ledger has no place (block %s, number %s) with the cursor''s hash', :last, :number), 'a cursor of another block of the same number is refused');
SELECT throws_ok(format('SELECT * FROM feed(%L)', ROW(:last + 1, (:'place'::feed_cursor).number, (:'place'::feed_cursor).hash)::feed_cursor), 'LG069', NULL, 'a cursor of a block that is gone is refused');
SELECT isnt_empty(format('SELECT * FROM feed(%L)', (SELECT cursor FROM fed WHERE block_no = 1 LIMIT 1)), 'an earlier cursor goes on');
SELECT throws_ok(format('SELECT * FROM feed(%L)', ROW((:'place'::feed_cursor).block_no, number, (:'place'::feed_cursor).hash)::feed_cursor), 'LG069', NULL,
	format('a cursor of number %s is refused: its block has none', coalesce(number::text, 'NULL')))
FROM unnest(ARRAY[-1, 9223372036854775807, NULL]) AS number;

-- a client's own roles
SET LOCAL ROLE ledger_test_tenant;
CREATE TEMP TABLE told AS SELECT f.* FROM feed(most => 100000) AS f;
RESET ROLE;
SELECT isnt_empty(format('SELECT FROM told WHERE kind = %L', kind), format('a client''s role is told of a %s', kind)) FROM unnest('{journal,event,request,refusal}'::text[]) AS kind;
SELECT is(array_agg(DISTINCT client), '{ONE}', 'a client''s role is told of its client only') FROM told;
SELECT is_empty($$SELECT t.number, l FROM told AS t, jsonb_array_elements(t.content -> 'lines') AS l
	JOIN account AS a ON a.account::text = l ->> 'account' JOIN account_kind AS k USING (kind) WHERE NOT k.for_client$$,
	'a client''s role is told of lines on accounts of customers, and on the client''s settlement and share');
SELECT is_empty($$SELECT number, content FROM told WHERE content::text ~* 'LP1|Revenue:|Bank:|Clearing:|provider|revenue"|lp_|postgres|message'$$,
	'a client''s role is told of no provider, revenue, bank, nor of who works for the company');
SELECT is_empty($$SELECT number FROM told WHERE kind = 'event' AND content ->> 'subject' NOT IN (SELECT subject FROM subject WHERE told IS NOT NULL)$$,
	'a client''s role is told of events of subjects that say so');
SELECT is_empty($$SELECT number FROM told WHERE kind = 'request' AND NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = 'bakkt_ledger'::regnamespace AND p.proname = content ->> 'operation'
	AND has_function_privilege('ledger_test_tenant', p.oid, 'EXECUTE'))$$, 'a client''s role is told of requests that it can make');
SELECT bag_eq($$SELECT t.number FROM told AS t WHERE t.kind = 'journal'$$, $$SELECT j.journal_id FROM journal AS j JOIN client AS c USING (client_id)
	WHERE c.code = 'ONE' AND j.reference <> 'not sealed' AND (j.terms IS NOT NULL OR EXISTS (SELECT FROM lines(j.entry) AS l JOIN account AS a USING (account) JOIN account_kind AS k USING (kind)
		WHERE k.for_client))$$,
	'a client''s role is told of every journal that touches what is its own');
SELECT is(content -> 'execution' ->> 'net_money', (SELECT net_money(terms)::text FROM journal JOIN client USING (client_id) WHERE code = 'ONE' AND reference = 'trade'), 'a client''s role is told what its customer paid')
FROM told WHERE content ->> 'reference' = 'trade';

CREATE ROLE ledger_test_stranger IN ROLE bakkt_ledger_reader;
SET LOCAL ROLE ledger_test_stranger;
SELECT is_empty('SELECT * FROM feed()', 'a role without a client is told nothing');
RESET ROLE;
SELECT function_privs_are('bakkt_ledger', 'feed', ARRAY['feed_cursor', 'integer'], 'bakkt_ledger_reader', ARRAY['EXECUTE'], 'readers may read the feed');

SELECT * FROM finish();
ROLLBACK;
