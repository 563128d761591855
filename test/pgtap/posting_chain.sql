-- Chains of linked requests: all or none, also when references repeat inside and around them.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();
SELECT open_client('LINK') \g /dev/null
SELECT open_customer(client => 'LINK', customer => 'LINKANN1') \g /dev/null
CREATE TEMP TABLE a AS SELECT (open_account('LINK', 'FBO', 'Bank:omnibus', 'USD')).account AS bank, (open_account('LINK', 'FBO', 'Cust:LINKANN1:settled', 'USD')).account AS ann;

-- 'a+5 b-3& c+1': references with what comes in (+) or goes out (-); & links with the next
CREATE FUNCTION pg_temp.requests(text) RETURNS journal_request[] STABLE LANGUAGE sql AS $$
	SELECT array_agg(('LINK', CASE m[2] WHEN '+' THEN journal_entry(line('Dr', a.bank, (m[3] || ' USD')::amount), line('Cr', a.ann, (m[3] || ' USD')::amount))
		ELSE journal_entry(line('Dr', a.ann, (m[3] || ' USD')::amount), line('Cr', a.bank, (m[3] || ' USD')::amount)) END, m[1], NULL, NULL, NULL, m[4] = '&')::journal_request ORDER BY n)
	FROM pg_temp.a, regexp_split_to_table($1, ' ') WITH ORDINALITY AS t(part, n), regexp_match(part, '^([a-z0-9]+)([+-])([0-9]+)(&?)$') AS m $$;
-- what came of each: posted, again (posted before), or the SQLSTATE, with "again" if refused before
CREATE FUNCTION pg_temp.outcomes(text) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT string_agg(CASE outcome WHEN 'posted' THEN CASE WHEN replayed THEN 'again' ELSE 'posted' END ELSE sqlstate || CASE WHEN replayed THEN ' again' ELSE '' END END, ', ' ORDER BY request)
	FROM load_journals(pg_temp.requests($1)) $$;
CREATE FUNCTION pg_temp.money() RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT ((balance_of(ann)).balance)::text FROM pg_temp.a $$;

SELECT is(pg_temp.outcomes('a1+10& a2-4& a3+1'), 'posted, posted, posted', 'a chain of linked requests is posted');
SELECT is(pg_temp.money(), '7.00 USD', 'a posted chain moves the sum of all its members');
SELECT is(pg_temp.outcomes('b1+10& b2-100& b3+1 b4-7'), 'LG060, LG050, LG060, posted',
	'a refused member refuses its chain and not the request that follows');
SELECT is(pg_temp.money(), '0.00 USD', 'a refused chain moves no money');
SELECT is(pg_temp.outcomes('c1-1& c2+1'), 'LG050, LG060', 'the members of a chain are judged in their order');
SELECT is(pg_temp.outcomes('b1+10& b2-100& b3+1 b4-7'), 'LG060 again, LG050 again, LG060 again, again',
	'a refused chain sent again gets the same answers');
SELECT is(pg_temp.outcomes('b1+10'), 'LG060 again', 'a member of a refused chain sent by itself gets the same answer');
SELECT is(pg_temp.outcomes('a1+10& a2-4& a3+1'), 'again, again, again', 'a posted chain sent again gets the same answers');

-- references that repeat
SELECT is(pg_temp.outcomes('d1+10 d2-100& d1+10'), 'posted, LG050, again',
	'a member posted before its chain keeps its outcome when the chain is refused');
SELECT is(pg_temp.outcomes('e1+10& e2-100& e1+10'), 'LG060, LG050, LG060 again',
	'a reference repeated inside a refused chain is refused with it');
SELECT is(pg_temp.outcomes('m1+10& m1+10& m2-100'), 'LG060, LG060 again, LG050',
	'a repeated member is refused with its chain even when it was answered before');
SELECT is(pg_temp.outcomes('f1+10& f1+10& f2-1'), 'posted, again, posted',
	'a reference repeated inside a posted chain is posted once');
SELECT is(pg_temp.money(), '19.00 USD', 'a repeated reference moves money once');
SELECT is(pg_temp.outcomes('a1+10& g2-100& g3+1'), 'again, LG050, LG060',
	'a member posted in an earlier call keeps its outcome when its chain is refused');
SELECT is(pg_temp.outcomes('h1+10& h2-100 h1+10'), 'LG060, LG050, LG060 again',
	'a reference repeated after its refused chain gets the answer of the chain');
SELECT is(pg_temp.outcomes('i1+1& a1+11& i3+1'), 'LG060, LG020, LG060', 'a reference with other content refuses the whole chain');
SELECT is(pg_temp.outcomes('j1-500 j2+1& j1-500& j3+1'), 'LG050, LG060, LG050 again, LG060',
	'a member that was refused before refuses the whole chain');
SELECT is(pg_temp.money(), '19.00 USD', 'refused chains with known references move no money');
SELECT is(pg_temp.outcomes('k1+1&'), 'posted', 'a chain may end with the batch');
SELECT is((SELECT count(*) FROM (SELECT reference FROM journal UNION ALL SELECT reference FROM rejection) t GROUP BY reference HAVING count(*) > 1 LIMIT 1), NULL, 'every reference has one outcome');

-- strict: the cause is raised, not its consequence
SELECT throws_ok($$SELECT load_journals(pg_temp.requests('s1+10& s2-1000& s3+1'), strict => true)$$, 'LG050', NULL,
	'a strict batch raises what caused a chain to be refused');
SELECT is((SELECT count(*) FROM rejection WHERE reference LIKE 's_') + (SELECT count(*) FROM journal WHERE reference LIKE 's_'), 0::bigint,
	'a strict batch that raises records neither journal nor rejection');
SELECT is((SELECT string_agg(outcome || coalesce(sqlstate, ''), ', ' ORDER BY request) FROM load_journals(pg_temp.requests('t1+10& t2-1000& t3+1 t4+1'), dry_run => true)), 'refusedLG060, refusedLG050, refusedLG060, posted',
	'a dry run of a chain gives the outcomes of posting');
SELECT is((SELECT count(*) FROM rejection WHERE reference LIKE 't_') + (SELECT count(*) FROM journal WHERE reference LIKE 't_'), 0::bigint,
	'a dry run of a chain records neither journal nor rejection');

SELECT * FROM finish();
ROLLBACK;
