-- Chains of linked requests: all or none, also when references repeat inside and around them.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SELECT no_plan();
SELECT open_client('LINK') \g /dev/null
SELECT open_customer('LINKANN1', client => 'LINK') \g /dev/null
CREATE TEMP TABLE a AS SELECT open_account('LINK', 'FBO', 'Bank:omnibus', 'USD') AS bank, open_account('LINK', 'FBO', 'Cust:LINKANN1:settled', 'USD') AS ann;

-- 'a+5 b-3& c+1': references with what comes in (+) or goes out (-); & links with the next
CREATE FUNCTION pg_temp.requests(text) RETURNS journal_request[] STABLE LANGUAGE sql AS $$
	SELECT array_agg(('LINK', m[1], NULL, CASE m[2] WHEN '+' THEN journal_entry(line('Dr', a.bank, (m[3] || ' USD')::amount), line('Cr', a.ann, (m[3] || ' USD')::amount))
		ELSE journal_entry(line('Dr', a.ann, (m[3] || ' USD')::amount), line('Cr', a.bank, (m[3] || ' USD')::amount)) END, NULL, NULL, m[4] = '&')::journal_request ORDER BY n)
	FROM pg_temp.a, regexp_split_to_table($1, ' ') WITH ORDINALITY AS t(part, n), regexp_match(part, '^([a-z0-9]+)([+-])([0-9]+)(&?)$') AS m $$;
-- what came of each: posted, again (posted before), or the SQLSTATE, with "again" if refused before
CREATE FUNCTION pg_temp.outcomes(text) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT string_agg(CASE outcome WHEN 'posted' THEN CASE WHEN replayed THEN 'again' ELSE 'posted' END ELSE sqlstate || CASE WHEN replayed THEN ' again' ELSE '' END END, ', ' ORDER BY request)
	FROM load_journals(pg_temp.requests($1)) $$;
CREATE FUNCTION pg_temp.money() RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT ((balance_of(ann)).balance)::text FROM pg_temp.a $$;

SELECT is(pg_temp.outcomes('a1+10& a2-4& a3+1'), 'posted, posted, posted', 'a chain is posted');
SELECT is(pg_temp.money(), '7.00 USD', 'all of it');
SELECT is(pg_temp.outcomes('b1+10& b2-100& b3+1 b4-7'), 'LG060, LG050, LG060, posted', 'or falls with its first refused member; what follows stands on its own');
SELECT is(pg_temp.money(), '0.00 USD', 'none of it');
SELECT is(pg_temp.outcomes('c1-1& c2+1'), 'LG050, LG060', 'the order counts');
SELECT is(pg_temp.outcomes('b1+10& b2-100& b3+1 b4-7'), 'LG060 again, LG050 again, LG060 again, again', 'retried, it gets the same answers');
SELECT is(pg_temp.outcomes('b1+10'), 'LG060 again', 'each member, too');
SELECT is(pg_temp.outcomes('a1+10& a2-4& a3+1'), 'again, again, again', 'a posted one likewise');

-- references that repeat
SELECT is(pg_temp.outcomes('d1+10 d2-100& d1+10'), 'posted, LG050, again', 'a member that was posted before the chain keeps its outcome');
SELECT is(pg_temp.outcomes('e1+10& e2-100& e1+10'), 'LG060, LG050, LG060 again', 'one repeated inside the chain falls with it');
SELECT is(pg_temp.outcomes('m1+10& m1+10& m2-100'), 'LG060, LG060 again, LG050', 'also when it had been answered before the chain fell');
SELECT is(pg_temp.outcomes('f1+10& f1+10& f2-1'), 'posted, again, posted', 'or stands with it, once');
SELECT is(pg_temp.money(), '19.00 USD', 'd1, f1 and f2');
SELECT is(pg_temp.outcomes('a1+10& g2-100& g3+1'), 'again, LG050, LG060', 'a member posted in an earlier call keeps its outcome');
SELECT is(pg_temp.outcomes('h1+10& h2-100 h1+10'), 'LG060, LG050, LG060 again', 'repeated after the fallen chain, it is answered as there');
SELECT is(pg_temp.outcomes('i1+1& a1+11& i3+1'), 'LG060, LG020, LG060', 'a reference with other content fells the chain');
SELECT is(pg_temp.outcomes('j1-500 j2+1& j1-500& j3+1'), 'LG050, LG060, LG050 again, LG060', 'and so does one that is refused already');
SELECT is(pg_temp.money(), '19.00 USD', 'nothing of these was posted');
SELECT is(pg_temp.outcomes('k1+1&'), 'posted', 'a chain that ends with the batch');
SELECT is((SELECT count(*) FROM (SELECT reference FROM journal UNION ALL SELECT reference FROM rejection) t GROUP BY reference HAVING count(*) > 1 LIMIT 1), NULL, 'every reference has one outcome');

-- strict: the cause is raised, not its consequence
SELECT throws_ok($$SELECT load_journals(pg_temp.requests('s1+10& s2-1000& s3+1'), strict => true)$$, 'LG050', NULL, 'strict raises what felled the chain');
SELECT is((SELECT count(*) FROM rejection WHERE reference LIKE 's_') + (SELECT count(*) FROM journal WHERE reference LIKE 's_'), 0::bigint, 'and leaves nothing');
SELECT is((SELECT string_agg(outcome || coalesce(sqlstate, ''), ', ' ORDER BY request) FROM load_journals(pg_temp.requests('t1+10& t2-1000& t3+1 t4+1'), dry_run => true)), 'refusedLG060, refusedLG050, refusedLG060, posted', 'a dry run tells the same');
SELECT is((SELECT count(*) FROM rejection WHERE reference LIKE 't_') + (SELECT count(*) FROM journal WHERE reference LIKE 't_'), 0::bigint, 'and writes nothing');

SELECT * FROM finish();
ROLLBACK;
