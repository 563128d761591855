-- A hold that has expired binds nothing from that instant on, swept or not.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/event.psql
SELECT no_plan();
-- rows in order, whatever the collations of their texts
CREATE FUNCTION pg_temp.same(have text, want text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text[];
	expected text[];
BEGIN
	EXECUTE format('SELECT array_agg(r::text) FROM (%s) r', have) INTO found;
	EXECUTE format('SELECT array_agg(r::text) FROM (%s) r', want) INTO expected;
	RETURN public.is(found, expected, name);
END $$;

CREATE ROLE ledger_test_teller IN ROLE bakkt_ledger_poster, bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_settler IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_reader IN ROLE bakkt_ledger_reader;
SELECT open_client('HOLD') \g /dev/null
SELECT open_customer(client => 'HOLD', customer => code) FROM unnest('{HOLDANN1,HOLDBEN1}'::text[]) AS code \g /dev/null
SELECT grant_client_access('HOLD', 'ledger_test_teller') \g /dev/null
CREATE TEMP TABLE a (who text, account account_id);
INSERT INTO a VALUES ('bank', (open_account('HOLD', 'FBO', 'Bank:omnibus', 'USD')).account),
	('ann', (open_account('HOLD', 'FBO', 'Cust:HOLDANN1:settled', 'USD')).account), ('ben', (open_account('HOLD', 'FBO', 'Cust:HOLDANN1:held', 'USD')).account);
GRANT SELECT ON a TO PUBLIC;
CREATE FUNCTION pg_temp.of(who text) RETURNS account_id STABLE LANGUAGE sql AS 'SELECT account FROM pg_temp.a WHERE a.who = $1';
CREATE FUNCTION pg_temp.move(debit text, credit text, amount amount) RETURNS journal_entry STABLE LANGUAGE sql AS
	'SELECT bakkt_ledger.journal_entry(bakkt_ledger.line(''Dr'', pg_temp.of($1), $3), bakkt_ledger.line(''Cr'', pg_temp.of($2), $3))';
CREATE FUNCTION pg_temp.state(who text) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT format('%s/%s/%s', -b.posted, b.held, (bakkt_ledger.balance_of(b.account)).available) FROM bakkt_ledger_internal.balance b WHERE b.account = pg_temp.of($1) $$;
CREATE FUNCTION pg_temp.ties(moment text) RETURNS SETOF text VOLATILE LANGUAGE sql AS $$
	SELECT is_empty($q$SELECT b.account, b.held, s.bound FROM balance b
		LEFT JOIN (SELECT account, sum(remaining) AS bound FROM hold WHERE status = 'OPEN' GROUP BY account) s ON s.account = b.account
		WHERE b.held *<> coalesce(s.bound, zero(asset(b.held)))$q$,
		'the balance held is what open holds bind after ' || moment) $$;
-- a hold of two hours ago that expired an hour ago, and nobody has looked since
CREATE FUNCTION pg_temp.expired(who text, amount amount, reference text) RETURNS void VOLATILE LANGUAGE sql AS $$
	SELECT bakkt_ledger.authorize_hold('HOLD', pg_temp.of($1), $2, $3, expires_at => now() - interval '1 hour', at => now() - interval '2 hours') $$;
CREATE FUNCTION pg_temp.status(reference text) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT h.status || ' ' || h.remaining FROM bakkt_ledger_internal.hold h WHERE h.reference = $1 $$;
SELECT load_journal('HOLD', pg_temp.move('bank', who, '100.00 USD'), 'fund ' || who) FROM unnest('{ann,ben}'::text[]) AS who \g /dev/null

-- ---------------------------------------------------------------------------
-- reading
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '1.00 USD', 'n', expires_at => now() - interval '1 hour')$$, 'LG061', NULL,
	'a hold that expires before it begins is refused');
SELECT authorize_hold('HOLD', pg_temp.of('ann'), '60.00 USD', 'soon', expires_at => now() + interval '1 hour') \g /dev/null
SELECT is((balance_of(pg_temp.of('ann'), at => now() + interval '1 hour' - interval '1 microsecond')).available, '40.00 USD',
	'a hold binds until the last microsecond before it expires');
SELECT is((balance_of(pg_temp.of('ann'), at => now() + interval '1 hour')).available, '100.00 USD',
	'a hold no longer binds at the instant it expires');
SELECT is(pg_temp.status('soon'), 'OPEN 60.00 USD', 'a balance read as of a later instant records no expiry');
SELECT is(pg_temp.state('ann'), '100.00 USD/60.00 USD/40.00 USD', 'a hold that expires later binds today');
SELECT release_hold('HOLD', 'soon', 'soon/r') \g /dev/null

-- ---------------------------------------------------------------------------
-- posting, without the sweeper
-- ---------------------------------------------------------------------------
SELECT pg_temp.expired('ann', '60.00 USD', 'e1') \g /dev/null
SELECT authorize_hold('HOLD', pg_temp.of('ann'), '10.00 USD', 'standing', expires_at => now() + interval '1 hour') \g /dev/null
SELECT is(pg_temp.status('e1'), 'EXPIRED 0.00 USD', 'an authorization records the expired holds of its account');
SELECT pg_temp.expired('ann', '60.00 USD', 'e2') \g /dev/null
SELECT is(pg_temp.state('ann'), '100.00 USD/70.00 USD/90.00 USD', 'an expired hold stops binding before its expiry is recorded');
SELECT is((SELECT outcome FROM load_journal('HOLD', pg_temp.move('ann', 'ben', '90.00 USD'), 'dry', dry_run => true)), 'posted',
	'a dry run may spend what an expired hold bound');
SELECT is(pg_temp.status('e2'), 'OPEN 60.00 USD', 'a dry run records no expiry');
SELECT throws_ok($$SELECT load_journal('HOLD', pg_temp.move('ann', 'ben', '90.01 USD'), 'over')$$, 'LG050', NULL,
	'a journal that spends what a live hold binds is refused');
SELECT lives_ok($$SELECT load_journal('HOLD', pg_temp.move('ann', 'ben', '30.00 USD'), 'p1')$$,
	'a journal that needs nothing of an expired hold is posted');
SELECT is(pg_temp.status('e2'), 'OPEN 60.00 USD', 'a journal that needs nothing of an expired hold does not record its expiry');
SELECT lives_ok($$SELECT load_journal('HOLD', pg_temp.move('ann', 'ben', '60.00 USD'), 'p2')$$,
	'a journal may spend what an expired hold bound');
SELECT is(pg_temp.status('e2'), 'EXPIRED 0.00 USD', 'a journal that needs what an expired hold bound records the expiry');
SELECT is(pg_temp.state('ann'), '10.00 USD/10.00 USD/0.00 USD',
	'a journal that spends what an expired hold bound leaves the live hold');
SELECT pg_temp.ties('a journal that spends what an expired hold bound');
SELECT pg_temp.same($$SELECT e.event, e.amount::text, e.recorded_at BETWEEN now() AND clock_timestamp() FROM hold_event e JOIN hold h USING (client_id, hold_id) WHERE h.reference = 'e2' ORDER BY e.event_id$$,
	$$VALUES ('authorized', '60.00 USD', true), ('expired', '60.00 USD', true)$$,
	'an expiry is recorded with the time of the clock');
-- a batch: the first spends what the expired hold bound, the second finds nothing
SELECT pg_temp.expired('ben', '150.00 USD', 'e3') \g /dev/null
SELECT pg_temp.same($$SELECT outcome, sqlstate FROM load_journals(ARRAY[
	('HOLD', pg_temp.move('ben', 'bank', '170.00 USD'), 'b1', NULL, NULL, NULL, false), ('HOLD', pg_temp.move('ben', 'bank', '20.01 USD'), 'b2', NULL, NULL, NULL, false),
	('HOLD', pg_temp.move('ben', 'bank', '20.00 USD'), 'b3', NULL, NULL, NULL, false)]::journal_request[])$$,
	$$VALUES ('posted', NULL), ('refused', 'LG050'), ('posted', NULL)$$, 'a batch spends what an expired hold bound only once');
SELECT is(pg_temp.status('e3') || ' ' || pg_temp.state('ben'), 'EXPIRED 0.00 USD 0.00 USD/0.00 USD/0.00 USD',
	'an expired hold is expired by the first request of a batch that needs it');
SELECT pg_temp.ties('a batch that spends what an expired hold bound');

-- ---------------------------------------------------------------------------
-- what has expired cannot be used
-- ---------------------------------------------------------------------------
SELECT load_journal('HOLD', pg_temp.move('bank', who, '100.00 USD'), 'fund again ' || who) FROM unnest('{ann,ben}'::text[]) AS who \g /dev/null
SELECT pg_temp.expired('ben', '5.00 USD', 'e4') \g /dev/null
SELECT throws_ok($$SELECT capture_hold('HOLD', 'e4', pg_temp.move('ben', 'ann', '5.00 USD'), 'u1')$$, 'LG052', NULL,
	'an expired hold cannot be captured');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'e4', '5.00 USD', 'u1')$$, 'LG052', NULL, 'an expired hold cannot be increased');
SELECT throws_ok($$SELECT release_hold('HOLD', 'e4', 'u1')$$, 'LG052', NULL, 'an expired hold cannot be released');
SELECT is((SELECT status FROM authorize_hold('HOLD', pg_temp.of('ben'), '5.00 USD', 'e4', expires_at => now() - interval '1 hour')), 'OPEN',
	'a repeated authorization answers as it was answered first, also of a hold that has expired since');
-- many holds on one account, some expired
SELECT authorize_hold('HOLD', pg_temp.of('ben'), amount(n, 'USD'), 'many ' || n, expires_at => CASE n % 3 WHEN 0 THEN now() - interval '1 hour' WHEN 1 THEN now() + interval '1 hour' END,
	at => now() - interval '2 hours') FROM generate_series(1, 9) AS n \g /dev/null
SELECT is(pg_temp.state('ben'), '100.00 USD/45.00 USD/73.00 USD', 'of many holds on an account only the live ones bind');
SELECT lives_ok($$SELECT capture_hold('HOLD', 'many 8', pg_temp.move('ben', 'ann', '3.00 USD'), 'many/c')$$,
	'a live hold can be captured beside expired ones');
SELECT is(pg_temp.state('ben'), '97.00 USD/24.00 USD/73.00 USD', 'a capture records the expired holds of its account');
SELECT pg_temp.ties('a capture beside expired holds');

-- ---------------------------------------------------------------------------
-- nobody ages what binds today
-- ---------------------------------------------------------------------------
SELECT throws_ok(replace(q, '$', w), 'LG061', NULL, format('a hold cannot be %s at %s', n, w)) FROM (VALUES
	('authorized', $$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '1.00 USD', 'n', at => $)$$),
	('increased', $$SELECT increase_hold('HOLD', 'many 8', '1.00 USD', 'n', at => $)$$),
	('released', $$SELECT release_hold('HOLD', 'many 8', 'n', at => $)$$),
	('captured', $$SELECT capture_hold('HOLD', 'many 8', pg_temp.move('ben', 'ann', '1.00 USD'), 'n', at => $)$$),
	('swept', $$SELECT expire_holds($)$$)) AS v (n, q), unnest(ARRAY['clock_timestamp() + interval ''6 minutes''', '''infinity''', 'NULL']) AS w;
SELECT is(pg_temp.status('many 1'), 'OPEN 1.00 USD', 'refused instants leave a live hold open');

-- ---------------------------------------------------------------------------
-- the sweeper
-- ---------------------------------------------------------------------------
SELECT pg_temp.expired('ann', '2.00 USD', 's1'), pg_temp.expired('ann', '3.00 USD', 's2'), pg_temp.expired('ben', '4.00 USD', 's3') \g /dev/null
SELECT throws_ok('SET LOCAL ROLE ledger_test_reader; SELECT expire_holds()', '42501', NULL, 'a reader cannot run expire_holds()');
RESET ROLE;
SET LOCAL ROLE ledger_test_settler;
SELECT is(expire_holds(), 2::bigint, 'expire_holds() returns how many accounts it touched');
SELECT is(expire_holds(), 0::bigint, 'expire_holds() finds nothing in a second run');
RESET ROLE;
SELECT pg_temp.same($$SELECT DISTINCT h.status, h.remaining::text, e.recorded_by FROM hold h JOIN hold_event e USING (client_id, hold_id) WHERE h.reference LIKE 's_' AND e.event = 'expired'$$,
	$$VALUES ('EXPIRED', '0.00 USD', 'ledger_test_settler'::name)$$, 'expire_holds() records the role that ran it');
SELECT is(pg_temp.status('standing'), 'OPEN 10.00 USD', 'expire_holds() leaves live holds open');
SELECT pg_temp.ties('expire_holds()');
SELECT is((SELECT count(*) FROM hold h WHERE h.status = 'EXPIRED' AND (SELECT count(*) FROM hold_event e WHERE e.hold_id = h.hold_id AND e.event = 'expired') <> 1), 0::bigint,
	'the expiry of each hold is recorded once');

-- ---------------------------------------------------------------------------
-- who
-- ---------------------------------------------------------------------------
SET LOCAL ROLE ledger_test_teller;
SELECT lives_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '9.00 USD', 'w')$$, 'a poster authorizes holds');
SELECT lives_ok($$SELECT increase_hold('HOLD', 'w', '1.00 USD', 'w/i')$$, 'a poster increases holds');
SELECT lives_ok($$SELECT capture_hold('HOLD', 'w', pg_temp.move('ann', 'ben', '4.00 USD'), 'w/c')$$, 'a poster captures holds');
SELECT lives_ok($$SELECT release_hold('HOLD', 'w', 'w/r')$$, 'a poster releases holds');
SELECT throws_ok($$INSERT INTO bakkt_ledger_internal.hold SELECT * FROM bakkt_ledger_internal.hold$$, '42501', NULL,
	'a poster writes no hold into the table');
RESET ROLE;
SELECT pg_temp.same($$SELECT e.event, e.recorded_by FROM hold_event e JOIN hold h USING (client_id, hold_id) WHERE h.reference = 'w' ORDER BY e.event_id$$,
	$$SELECT e, 'ledger_test_teller'::name FROM unnest('{authorized,increased,captured,released}'::text[]) AS e$$,
	'each change of a hold is recorded with the poster''s role');
SELECT is((SELECT r.role_name FROM journal j JOIN actor r USING (actor_id) WHERE j.reference = 'w/c'), 'ledger_test_teller',
	'the journal of a capture names the poster''s role');
SELECT open_client('ELSE') \g /dev/null
SET LOCAL ROLE ledger_test_teller;
SELECT throws_ok($$SELECT release_hold('ELSE', 'w', 'x')$$, '42501', NULL,
	'a poster cannot release a hold of a client that is not its own');
RESET ROLE;

-- ---------------------------------------------------------------------------
-- random steps: what binds is always what open holds say
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.random_steps(steps integer) RETURNS TABLE (done bigint, refused bigint, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
	bound bakkt_ledger.amount;
BEGIN
	SELECT 0, 0, 0 INTO done, refused, wrong;
	FOR i IN 1..steps LOOP
		BEGIN
			CASE (random() * 6)::int
				WHEN 0, 1 THEN PERFORM authorize_hold('HOLD', pg_temp.of('ann'), amount(1 + (random() * 30)::int, 'USD'), 'z' || i % 40,
						CASE WHEN random() < 0.3 THEN now() - interval '1 hour' END, now() - interval '2 hours');
				WHEN 2 THEN PERFORM increase_hold('HOLD', 'z' || (random() * 39)::int, amount(1 + (random() * 9)::int, 'USD'), 'zi' || i);
				WHEN 3 THEN PERFORM release_hold('HOLD', 'z' || (random() * 39)::int, 'zr' || i, CASE WHEN random() < 0.5 THEN amount(1 + (random() * 9)::int, 'USD') END);
				WHEN 4 THEN PERFORM capture_hold('HOLD', 'z' || (random() * 39)::int, pg_temp.move('ann', 'ben', amount(1 + (random() * 9)::int, 'USD')), 'zc' || i, random() < 0.3);
				WHEN 5 THEN PERFORM load_journal('HOLD', pg_temp.move('ann', 'ben', amount(1 + (random() * 60)::int, 'USD')), 'zp' || i);
				ELSE PERFORM load_journal('HOLD', pg_temp.move('bank', 'ann', amount(1 + (random() * 40)::int, 'USD')), 'zd' || i);
			END CASE;
			done := done + 1;
		EXCEPTION WHEN SQLSTATE 'LG020' OR SQLSTATE 'LG050' OR SQLSTATE 'LG051' OR SQLSTATE 'LG052' OR SQLSTATE 'LG053' THEN
			refused := refused + 1;
		END;
		SELECT sum(h.remaining) INTO bound FROM hold h WHERE h.account = pg_temp.of('ann') AND h.status = 'OPEN';
		IF EXISTS (SELECT FROM balance b WHERE b.account = pg_temp.of('ann') AND (b.held <> coalesce(bound, '0 USD') OR -b.posted < b.held)) THEN
			wrong := wrong + 1;
		END IF;
	END LOOP;
	RETURN NEXT;
END $$;
CREATE TEMP TABLE steps AS SELECT * FROM pg_temp.random_steps(1500);
SELECT cmp_ok(done, '>', 300::bigint, 'more than 300 of the random steps succeed') FROM steps;
SELECT cmp_ok(refused, '>', 100::bigint, 'more than 100 of the random steps are refused') FROM steps;
SELECT is(wrong, 0::bigint, 'held is what open holds bind, and no more than is posted, after each random step') FROM steps;
SELECT is_empty($$SELECT h.reference FROM hold h JOIN hold_event e USING (client_id, hold_id) GROUP BY h.client_id, h.hold_id, h.reference, h.remaining
	HAVING sum(CASE WHEN e.event IN ('authorized', 'increased') THEN e.amount ELSE -e.amount END) <> h.remaining$$, 'the events of each hold add up to what remains');
SELECT is_empty($$SELECT e.reference FROM hold_event e JOIN hold h USING (client_id, hold_id) JOIN journal j USING (client_id, journal_id)
	WHERE e.event = 'captured' AND amount_of(j.entry, h.account) <> e.amount$$,
	'the amount of each capture is what its journal takes from the account');

SELECT * FROM finish();
ROLLBACK;
