-- Role x function x own or foreign client: what each login gets out of, and does to, another tenant by any function (issue 7, must hold 1).
\set QUIET on
\ir matrix.psql
SET client_min_messages = warning;
SET search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT attack.make_dictionary() \g /dev/null
\copy attack.planned FROM PROGRAM 'test/attack/calls.py "${ATTACK_MOST:-60}"' (FORMAT csv)
-- "make soak" draws arguments at random besides
\copy attack.planned FROM PROGRAM '[ -z "${ATTACK_RANDOM:-}" ] || test/attack/calls.py "$ATTACK_RANDOM" "${ATTACK_SEED:-$(date +%s)}"' (FORMAT csv)
CREATE INDEX ON attack.planned (routine);
ANALYZE;
-- what a call says besides its answer is searched for marks by test/attack/run
SET client_min_messages = notice;
CALL attack.attack(1, false);

-- The other tenant grows by as much again: nobody of MINE may notice.
SELECT attack.number_from(7750000) \g /dev/null
SELECT attack.past('OTHR', 'zqx', 2, '2026-04-01 16:00Z') \g /dev/null
CALL attack.attack(2, true);
CREATE INDEX ON attack.answer (routine, login, kind, pass);
ANALYZE attack.answer;

-- Words and numbers of the other tenant that a call said and was not given
CREATE FUNCTION attack.marks(words text) RETURNS text[] STABLE LANGUAGE sql AS $$
	SELECT array_agg(DISTINCT lower(m[1])) FROM attack.mark, regexp_matches(words, '(' || mark.pattern || ')', 'gi') AS m
$$;
CREATE FUNCTION attack.leaks(said text, call text) RETURNS text[] STABLE LANGUAGE sql AS $$
	SELECT array_agg(w) FROM unnest(attack.marks(said)) AS w WHERE NOT w = ANY (coalesce(attack.marks(call), '{}'))
$$;
-- An answer without what was given, without the numbers that are new, and without the time of day
CREATE FUNCTION attack.plain(said text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(said, '[[:alnum:]_]*(zqx|non\d|NON[A-Z]{3}\d)[[:alnum:]_]*|\m(77|66|90)\d{5}\M|\m(OTHR|NONE)\M', '?', 'gi'),
		to_char(now(), 'YYYY-MM-DD') || ' \d\d:\d\d:\d\d[.0-9]*[+]00', 'now', 'g')
$$;

-- What is known and accepted, with the reason
CREATE TABLE attack.accepted (name text, odd text, reason text);
INSERT INTO attack.accepted VALUES
	('open_customer', 'customer', 'customer codes are unique on the whole platform: who opens a customer learns that a code is taken'),
	('open_customers', 'customers', 'the same');

SELECT no_plan();
SELECT cmp_ok((SELECT count(DISTINCT routine) FROM attack.answer), '>', 150::bigint,
	'more than 150 functions that somebody may call are in the matrix');
SELECT is_empty($$SELECT l.login, r.signature FROM attack.login l, attack.routine r WHERE l.tenant AND attack.may_call(l.login, r.oid) AND NOT r.pure
	AND l.client IS DISTINCT FROM 'OTHR' AND NOT EXISTS (SELECT FROM attack.answer a WHERE a.login = l.login AND a.routine = r.oid AND a.kind = 'own')$$,
	'every function that a tenant may call was called with its own values');
SELECT cmp_ok((SELECT 100 * count(*) FILTER (WHERE worked) / count(*) FROM (SELECT bool_or(a.state = '00000') AS worked FROM attack.answer a JOIN attack.login l USING (login)
	JOIN attack.routine r ON r.oid = a.routine WHERE l.tenant AND l.client = 'MINE' AND NOT r.pure AND a.kind = 'own' GROUP BY a.routine) AS f), '>=', 85::bigint,
	'at least 85 of 100 functions of tenants succeed with their own values, so that the attack reaches their inside');
SELECT diag('without a call that succeeded: ' || f.name) FROM (SELECT r.signature AS name FROM attack.answer a JOIN attack.login l USING (login)
	JOIN attack.routine r ON r.oid = a.routine WHERE l.tenant AND l.client = 'MINE' AND NOT r.pure AND a.kind = 'own' GROUP BY 1 HAVING NOT bool_or(a.state = '00000')) AS f;

-- ---------------------------------------------------------------------------
-- Per role: what is not meant for it
-- ---------------------------------------------------------------------------
-- (test/pgtap/privileges.sql compares the grants with doc/roles.md.)  STRICT functions are skipped by the server before their rights when an argument is NULL.
CREATE FUNCTION attack.state_of(attacker text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET SESSION AUTHORIZATION %I', attacker);
	EXECUTE call;
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN RETURN '00000';
	WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
SELECT is_empty(format($$SELECT r.signature, s.state FROM attack.routine r JOIN (SELECT DISTINCT ON (routine) routine, call FROM attack.planned WHERE kind = 'own' ORDER BY routine, n) AS p ON p.routine = r.oid,
	LATERAL attack.state_of(%L, p.call) AS s (state) WHERE NOT attack.may_call(%1$L, r.oid)
	AND s.state <> '42501' AND NOT (SELECT proisstrict AND p.call ~ 'NULL::' FROM pg_proc WHERE oid = r.oid)$$, l.login),
	format('a function that is not meant for %s ends in 42501', substr(l.login, 8)))
	FROM attack.login l WHERE l.client IS DISTINCT FROM 'OTHR' ORDER BY l.login;

-- ---------------------------------------------------------------------------
-- Per function that a tenant may call
-- ---------------------------------------------------------------------------
CREATE TABLE attack.of_tenant AS
	SELECT a.*, r.signature, p.proname::text AS name, CASE WHEN concat_ws(' ', a.said, a.context) ~* m.pattern THEN attack.leaks(concat_ws(' ', a.said, a.context), a.call) END AS leaks, attack.plain(a.said) AS plain
	FROM attack.mark m, attack.answer a JOIN attack.login l USING (login) JOIN attack.routine r ON r.oid = a.routine JOIN pg_proc p ON p.oid = r.oid
	WHERE l.tenant AND NOT r.pure;
CREATE INDEX ON attack.of_tenant (signature, login, kind, n);
ANALYZE attack.of_tenant;
-- the same call with what is another's and with what nobody has; whether a client exists is no secret (doc/roles.md)
CREATE VIEW attack.pair AS
	SELECT f.signature, f.login, f.odd, f.call, f.state AS state_foreign, n.state AS state_none, f.plain AS said_foreign, n.plain AS said_none
	FROM attack.of_tenant f JOIN attack.of_tenant n USING (signature, login, pass, n, short)
	WHERE f.pass = 1 AND (f.kind, n.kind) IN (('foreign', 'none'), ('one foreign', 'one none')) AND f.odd IS NOT DISTINCT FROM n.odd
	  AND f.call !~ '''OTHR''::text' AND NOT EXISTS (SELECT FROM attack.accepted x WHERE x.name = f.name AND (x.odd = f.odd OR f.odd IS NULL));

SELECT unnest(ARRAY[
	is_empty(format($$SELECT login, leaks, call FROM attack.of_tenant WHERE signature = %L AND leaks IS NOT NULL LIMIT 5$$, signature),
		signature || ' tells a tenant nothing that is another''s'),
	is_empty(format($$SELECT login, odd, state_foreign, state_none, call FROM attack.pair WHERE signature = %L AND (state_foreign, said_foreign) IS DISTINCT FROM (state_none, said_none) LIMIT 5$$, signature),
		signature || ' knows no difference between what is another tenant''s and what does not exist'),
	is_empty(format($$SELECT login, changed, call FROM attack.of_tenant WHERE signature = %L AND changed IS NOT NULL LIMIT 5$$, signature),
		signature || ' changes and locks no row that is another''s or everybody''s'),
	is_empty(format($$SELECT login, barrier, call FROM attack.of_tenant WHERE signature = %L AND barrier IS NOT NULL LIMIT 5$$, signature),
		signature || ' locks no table against the others'),
	is_empty(format($$SELECT a.login, a.state, b.state, a.call FROM attack.of_tenant a JOIN attack.of_tenant b USING (signature, login, kind, n, short, call)
		WHERE signature = %L AND a.pass = 1 AND b.pass = 2 AND (a.state, a.plain) IS DISTINCT FROM (b.state, b.plain) LIMIT 5$$, signature),
		signature || ' answers the same when another tenant has twice as much')])
	FROM (SELECT DISTINCT signature FROM attack.of_tenant) AS f ORDER BY signature;

-- ---------------------------------------------------------------------------
-- Everybody
-- ---------------------------------------------------------------------------
SELECT is_empty(format($$SELECT signature, state, said, call FROM attack.answer a JOIN attack.routine r ON r.oid = a.routine WHERE login = %L AND state IN ('XX000', 'XX001', 'XX002', 'P0004') LIMIT 20$$, l.login),
	format('no argument makes an internal error for %s', substr(l.login, 8)))
	FROM attack.login l WHERE EXISTS (SELECT FROM attack.answer a WHERE a.login = l.login) ORDER BY l.login;
SELECT is_empty($$SELECT a.login, a.changed, a.call FROM attack.answer a JOIN attack.login l USING (login)
	WHERE NOT l.tenant AND a.kind = 'own' AND a.call ~ '"(client|account)" => ''(MINE|MNE[A-Z]{3}01)''' AND a.changed ~ (SELECT string_agg(c.relname || ':', '|') FROM pg_class c JOIN attack.member m ON m.objid = c.oid
		JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'client_id' WHERE c.relkind = 'r') LIMIT 10$$,
	'what the company does for one client changes and locks no row of another');

SELECT * FROM finish();
