-- Every function that reads does so in a parallel plan too, also where the statement writes: CREATE TABLE AS may not start a command meanwhile.
-- The functions and their arguments come from the catalog, so that a new one is tried without anybody adding it here.
\set QUIET on
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
\ir world.psql
SELECT setseed(0.5) \g /dev/null

-- ---------------------------------------------------------------------------
-- Labels, as far as the bodies tell: whom a function calls, by name
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE routine AS
	SELECT p.oid, p.pronamespace <> 'pg_catalog'::regnamespace AS ours, p.proname, p.oid::regprocedure::text AS signature, l.lanname,
		strpos('isv', p.provolatile::text) AS volatility, strpos('sru', p.proparallel::text) AS parallel,
		-- without comments and literals
		CASE WHEN p.pronamespace <> 'pg_catalog'::regnamespace AND l.lanname IN ('sql', 'plpgsql') THEN
			regexp_replace(regexp_replace(coalesce(nullif(p.prosrc, ''), pg_get_functiondef(p.oid)), '--[^\n]*', '', 'g'), '''[^'']*''', '', 'g') END AS body
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace IN ('bakkt_ledger'::regnamespace, 'bakkt_ledger_internal'::regnamespace, 'pg_catalog'::regnamespace) AND p.prokind IN ('f', 'a', 'w');
-- of several functions of one name the most harmless one counts
CREATE TEMP TABLE callee AS SELECT ours, proname, min(volatility) AS volatility, min(parallel) AS parallel FROM routine GROUP BY ours, proname;
CREATE TEMP TABLE mention AS
	SELECT r.oid AS caller, m[1] AS name FROM routine r, regexp_matches(r.body, '(?<!INTO\s+)\m([a-z_][a-z0-9_]*)\s*\(', 'g') AS m;
CREATE TEMP VIEW mislabeled AS
	SELECT DISTINCT r.signature, c.proname AS calls, r.volatility < c.volatility AS by_volatility, r.parallel < c.parallel AS by_parallel
	FROM routine r JOIN mention m ON m.caller = r.oid JOIN callee c ON c.proname = m.name AND (c.ours OR NOT EXISTS (SELECT FROM callee o WHERE o.ours AND o.proname = c.proname))
	-- the clock may be read anywhere: that it moves is no harm to a check; format() and its like are stable for the sake of types that we do not give them;
	-- the identity of the cluster is the same for ever
	WHERE r.ours AND c.proname NOT IN ('clock_timestamp', 'pg_control_system', r.proname) AND (c.ours OR c.volatility = 3 OR c.parallel > 1);
SELECT cmp_ok((SELECT count(*) FROM mention), '>', 2000::bigint, 'this test finds the calls in the bodies of functions');
SELECT is_empty($$SELECT signature, calls FROM mislabeled WHERE by_volatility$$, 'no function is STABLE or IMMUTABLE that calls one that is less so');
SELECT is_empty($$SELECT signature, calls FROM mislabeled WHERE by_parallel$$, 'no function is parallel safe or restricted that calls one that is less so');
SELECT is_empty($$SELECT signature FROM routine WHERE ours AND lanname IN ('sql', 'plpgsql') AND volatility = 3 AND parallel < 3$$,
	'every volatile function is parallel unsafe');

-- ---------------------------------------------------------------------------
-- In a parallel plan
-- ---------------------------------------------------------------------------
CREATE TABLE public.ledger_test_row (n int) WITH (parallel_workers = 2);
INSERT INTO public.ledger_test_row VALUES (1);
GRANT SELECT ON public.ledger_test_row TO PUBLIC;
SELECT format('GRANT CREATE, TEMPORARY ON DATABASE %I TO PUBLIC', current_database()) \gexec

CREATE FUNCTION pg_temp.parallel(mode text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config(CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END, mode, true),
		set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true), set_config('min_parallel_table_scan_size', '0', true),
		set_config('min_parallel_index_scan_size', '0', true), set_config('max_parallel_workers_per_gather', CASE mode WHEN 'off' THEN '0' ELSE '1' END, true) $$;

-- beside a table that is read in parallel; the label of what went wrong, if anything did
CREATE FUNCTION pg_temp.in_parallel(reading text, role_name text, writes boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found	bigint;
	line	text;
	plan	text := '';
BEGIN
	-- where it writes, the rules are those of a parallel plan with or without workers: starting them takes long
	PERFORM set_config('role', role_name, true), pg_temp.parallel('regress'), set_config('max_parallel_workers', CASE WHEN writes THEN '0' ELSE '8' END, true);
	reading := format('SELECT q.* FROM public.ledger_test_row r CROSS JOIN LATERAL (%s) AS q (x)', reading);
	IF writes THEN
		EXECUTE format('CREATE TEMP TABLE what_was_read AS %s', reading);
		SELECT count(*) INTO found FROM what_was_read;
	ELSE
		EXECUTE format('SELECT count(*) FROM (%s) AS counted WHERE x IS NOT NULL OR x IS NULL', reading) INTO found;
		FOR line IN EXECUTE 'EXPLAIN ' || reading LOOP
			plan := plan || line;
		END LOOP;
		IF plan !~ 'Gather' THEN
			RAISE EXCEPTION USING ERRCODE = '00ZZZ', MESSAGE = 'not read in parallel';
		END IF;
	END IF;
	RAISE EXCEPTION USING ERRCODE = '00ZZZ', MESSAGE = found || ' rows';
EXCEPTION WHEN OTHERS THEN
	PERFORM set_config('role', 'none', true);
	RETURN CASE SQLSTATE WHEN '00ZZZ' THEN SQLERRM ELSE SQLSTATE || ' ' || SQLERRM END;
END
$$;

-- calls that give a result, two of each function and role: found by trying
CREATE FUNCTION pg_temp.good_calls(c callable) RETURNS TABLE (statement text, rows text) LANGUAGE plpgsql AS $$
DECLARE
	most	int := CASE WHEN cardinality(c.types) = 0 THEN 1 ELSE 2 END;
	t		record;
BEGIN
	FOR attempt IN 1 .. 500 LOOP
		statement := pg_temp.some_call(c);
		t := pg_temp.try(format('SELECT count(*)::text FROM (%s) AS counted', statement), c.role_name);
		IF t.state = '00ZZZ' THEN
			rows := t.message || ' rows';
			RETURN NEXT;
			most := most - 1;
		END IF;
		EXIT WHEN most = 0;
	END LOOP;
END
$$;
SELECT pg_temp.parallel('off') \g /dev/null
DELETE FROM callable WHERE NOT (prokind = 'f' AND api AND provolatile <> 'v');
CREATE TEMP TABLE reading AS SELECT c.routine::text AS name, c.role_name, g.* FROM callable c, pg_temp.good_calls(c) AS g;
INSERT INTO reading
	SELECT DISTINCT ON (c.oid) c.oid::regclass, who, format('SELECT t::text FROM %s AS t', c.oid::regclass), NULL
	FROM pg_class c, unnest('{ledger_test_tenant,ledger_test_company}'::text[]) AS who
	WHERE c.relnamespace IN ('bakkt_ledger'::regnamespace, 'bakkt_ledger_internal'::regnamespace) AND c.relkind IN ('r', 'v') AND has_table_privilege(who, c.oid, 'SELECT')
	ORDER BY c.oid, who DESC;
SELECT cmp_ok(count(DISTINCT name), '>', 100::bigint, 'this test reads by many functions, tables and views') FROM reading;
SELECT is_empty($$SELECT routine::text FROM callable EXCEPT SELECT name FROM reading$$,
	'this test reads by every function that reads');
-- verify() makes each check in a subtransaction, which a parallel plan may not start
SELECT is_empty($$SELECT r.statement, p FROM (SELECT DISTINCT ON (name, role_name) * FROM reading WHERE name NOT LIKE 'verify(%') AS r, pg_temp.in_parallel(r.statement, r.role_name, false) AS p WHERE p <> coalesce(r.rows, p) OR p !~ '^\d+ rows$'$$,
	'every read gives the same rows in a parallel plan');
SELECT is_empty($$SELECT r.statement, p FROM reading r, pg_temp.in_parallel(r.statement, r.role_name, true) AS p WHERE p <> coalesce(r.rows, p) OR p !~ '^\d+ rows$'$$,
	'every read works in a parallel plan whose rows become a table');

SELECT * FROM finish();
ROLLBACK;
