-- Reversals: whole and once, in part within what remains per account and side, and of what not.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
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

CREATE ROLE ledger_test_teller IN ROLE bakkt_ledger_bookkeeper;
SELECT open_client('REVS', funding_model => 'NET_SETTLEMENT'), open_client('ELSE') \g /dev/null
SELECT open_customer(client => 'REVS', customer => code) FROM unnest('{REVSANN1,REVSBEN1}'::text[]) AS code \g /dev/null
SELECT grant_client_access('REVS', 'ledger_test_teller') \g /dev/null
CREATE TEMP TABLE a (who text, account account_id);
INSERT INTO a VALUES ('bank', (open_account('REVS', 'FBO', 'Bank:omnibus', 'USD')).account), ('wire', (open_account('REVS', 'FBO', 'Clearing:wire-in', 'USD')).account),
	('ann', (open_account('REVS', 'FBO', 'Cust:REVSANN1:settled', 'USD')).account), ('ben', (open_account('REVS', 'FBO', 'Cust:REVSBEN1:settled', 'USD')).account),
	('held', (open_account('REVS', 'FBO', 'Cust:REVSANN1:held', 'USD')).account);
GRANT SELECT ON a TO PUBLIC;
CREATE FUNCTION pg_temp.of(who text) RETURNS account_id STABLE LANGUAGE sql AS 'SELECT account FROM pg_temp.a WHERE a.who = $1';
-- 'Dr bank 10.00, Cr ann 10.00' with the accounts' numbers
CREATE FUNCTION pg_temp.entry(text) RETURNS journal_entry STABLE LANGUAGE sql AS $$
	SELECT journal_entry(VARIADIC array_agg(line(w[1], pg_temp.of(w[2]), (w[3] || ' USD')::amount) ORDER BY n))
	FROM regexp_split_to_table($1, ', ') WITH ORDINALITY AS t(part, n), regexp_split_to_array(part, ' ') AS w $$;
CREATE FUNCTION pg_temp.post(reference text, entry text) RETURNS bigint VOLATILE LANGUAGE sql AS
	$$ SELECT (load_journal('REVS', pg_temp.entry($2), $1)).journal $$;
-- reverse_journal() on accounts of any kind
CREATE FUNCTION pg_temp.take_back(client text, journal bigint, reference text, entry journal_entry DEFAULT NULL, effective_at timestamptz DEFAULT NULL, description text DEFAULT NULL)
	RETURNS journal_result VOLATILE LANGUAGE sql AS
	$$ SELECT post_entry((SELECT client_id FROM client c WHERE c.code = $1), $3, 'reversal', $4, $5, $6, $2) $$;
CREATE FUNCTION pg_temp.id(reference text) RETURNS bigint VOLATILE LANGUAGE sql AS $$ SELECT journal_id FROM bakkt_ledger_internal.journal WHERE reference = $1 $$;
CREATE FUNCTION pg_temp.money(who text) RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT (balance_of(pg_temp.of($1))).balance::text $$;

-- ---------------------------------------------------------------------------
-- whole, and once
-- ---------------------------------------------------------------------------
SELECT pg_temp.post('j1', 'Dr bank 100.00, Cr ann 60.00, Cr ben 40.00') \g /dev/null
SELECT pg_temp.post('more', 'Dr bank 1000.00, Cr ann 500.00, Cr ben 500.00') \g /dev/null
SELECT pg_temp.same($$SELECT outcome, replayed, sqlstate FROM pg_temp.take_back('REVS', pg_temp.id('j1'), 'r1', description => 'mistake')$$, $$VALUES ('posted', false, NULL)$$,
	'a journal can be reversed whole');
SELECT pg_temp.same($$SELECT entry, k.name, reverses, description FROM journal JOIN journal_kind k USING (kind) WHERE reference = 'r1'$$,
	$$SELECT reverse(entry), 'reversal', journal_id, 'mistake' FROM journal WHERE reference = 'j1'$$,
	'a reversal is the opposite entry and names its journal');
SELECT is(pg_temp.money('bank') || ' ' || pg_temp.money('ann') || ' ' || pg_temp.money('ben'), '1000.00 USD 500.00 USD 500.00 USD',
	'a reversal brings the balances back to what they were');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j1'), 'r2')$$, 'LG063', NULL,
	'a reversed journal is not reversed again');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j1'), 'r2', pg_temp.entry('Dr ann 1.00, Cr bank 1.00'))$$, 'LG063', NULL,
	'a reversed journal is not reversed in part');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('r1'), 'r2')$$, 'LG065', NULL, 'a reversal is not reversed');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('r1'), 'r2', pg_temp.entry('Dr bank 1.00, Cr ann 1.00'))$$, 'LG065', NULL,
	'a reversal is not reversed in part');
SELECT throws_ok($$SELECT reverse_journal('REVS', 9223372036854775807, 'r2')$$, 'LG062', NULL,
	'the reversal of an unknown journal is refused');
SELECT throws_ok($$SELECT reverse_journal('REVS', NULL, 'r2')$$, 'LG062', NULL, 'a reversal without a journal is refused');
SELECT throws_ok($$SELECT reverse_journal('ELSE', pg_temp.id('more'), 'r2')$$, 'LG062', NULL,
	'the reversal of another client''s journal is refused as unknown');
SELECT throws_ok($$SELECT reverse_journal('NOWHERE', pg_temp.id('more'), 'r2')$$, 'LG010', NULL,
	'a reversal for an unknown client is refused');
SELECT throws_ok(format('SELECT reverse_journal(''REVS'', pg_temp.id(''more''), %s)', r), 'LG002', NULL, 'a reversal is refused when its reference is ' || w)
	FROM (VALUES ('NULL', 'missing'), ('''''', 'empty'), ('repeat(''x'', 201)', 'too long')) AS v (r, w);
SELECT throws_ok($$SELECT load_journal('REVS', pg_temp.entry('Dr ann 1.00, Cr bank 1.00'), 'mine', kind => 'reversal')$$, 'LG002', NULL, 'load_journal() posts no reversal');

-- idempotent
SELECT pg_temp.same($$SELECT outcome, replayed, journal FROM reverse_journal('REVS', pg_temp.id('j1'), 'r1', description => 'mistake')$$,
	$$SELECT 'posted', true, pg_temp.id('r1')$$, 'a reversal sent again is answered with the first one');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j1'), 'r1', description => 'other')$$, 'LG020', NULL,
	'a reversal sent again with another description is refused');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('more'), 'r1', description => 'mistake')$$, 'LG020', NULL,
	'the reference of a reversal is refused for another journal');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j1'), 'r1', pg_temp.entry('Dr ann 1.00, Cr bank 1.00'), description => 'mistake')$$, 'LG020', NULL,
	'the reference of a whole reversal is refused for a part');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j1'), 'j1')$$, 'LG020', NULL,
	'a reversal under the reference of its journal is refused');
SELECT throws_ok($$SELECT load_journal('REVS', (SELECT entry FROM journal WHERE reference = 'r1'), 'r1', description => 'mistake')$$, 'LG020', NULL,
	'the reference of a reversal is refused for a journal of another kind');

-- ---------------------------------------------------------------------------
-- the rules of posting hold for reversals
-- ---------------------------------------------------------------------------
SELECT pg_temp.post('j2', 'Dr bank 30.00, Cr ann 30.00') \g /dev/null
SELECT pg_temp.post('spent', 'Dr ann 520.00, Cr ben 520.00') \g /dev/null
SELECT throws_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('j2'), 'r3')$$, 'LG050', NULL,
	'a reversal of money that is spent is refused');
SELECT is(pg_temp.money('ann'), '10.00 USD', 'a refused reversal moves no money');
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('j2'), 'r3', pg_temp.entry('Dr ann 10.00, Cr bank 10.00'))$$,
	'a journal is reversed in part as far as its money is there');
SELECT pg_temp.post('return', 'Dr ben 520.00, Cr ann 520.00') \g /dev/null
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j2'), 'r4')$$, 'LG064', NULL,
	'a journal reversed in part is not reversed whole');
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('j2'), 'r4', pg_temp.entry('Dr ann 20.00, Cr bank 20.00'))$$,
	'the rest of a journal reversed in part can be reversed');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j2'), 'r5', pg_temp.entry('Dr ann 0.01, Cr bank 0.01'))$$, 'LG063', NULL,
	'a journal reversed in parts to its end has nothing left to reverse');
SELECT pg_temp.post('j3', 'Dr bank 30.00, Cr ann 30.00') \g /dev/null
SELECT freeze_account(pg_temp.of('ann'), 'debit', reason => 'test') \g /dev/null
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j3'), 'r6')$$, 'LG033', NULL,
	'a reversal that debits a frozen account is refused');
SELECT unfreeze_account(pg_temp.of('ann'), reason => 'test') \g /dev/null
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j3'), 'r6', pg_temp.entry('Dr ann 0.001, Cr bank 0.001'))$$, 'LG043', NULL,
	'a reversal of a tenth of a cent is refused');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('j3'), 'r6', '{}')$$, 'LG002', NULL,
	'a reversal of no lines is refused');

-- effective time
SELECT throws_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('j3'), 'r6', effective_at => clock_timestamp() + interval '6 minutes')$$, 'LG061', NULL,
	'a reversal effective ahead of the clock is refused');
SELECT pg_temp.take_back('REVS', pg_temp.id('j3'), 'r6', effective_at => '2026-01-02 03:04Z') \g /dev/null
SELECT is((SELECT effective_at FROM journal WHERE reference = 'r6'), '2026-01-02 03:04Z'::timestamptz,
	'a reversal is effective when the caller says');
SELECT ok((SELECT r.effective_at = r.recorded_at AND r.recorded_at > j.recorded_at FROM journal r, journal j WHERE r.reference = 'r1' AND j.reference = 'j1'),
	'a reversal without an effective time is effective when recorded');

-- ---------------------------------------------------------------------------
-- in part: per account and side
-- ---------------------------------------------------------------------------
SELECT pg_temp.post('p', 'Dr bank 100.00, Cr ann 70.00, Cr ben 30.00') \g /dev/null
SELECT throws_ok(format('SELECT reverse_journal(''REVS'', pg_temp.id(''p''), ''rp'', pg_temp.entry(%L))', e), 'LG064', NULL, w) FROM (VALUES
	('Dr ann 70.01, Cr bank 70.01', 'a part that exceeds an account by a cent is refused'),
	('Dr ben 31.00, Dr ann 69.00, Cr bank 100.00', 'a part within the sum that exceeds one account is refused'),
	('Dr ann 10.00, Cr wire 10.00', 'a part on an account that the journal has not is refused'),
	('Dr bank 10.00, Cr ann 10.00', 'a part on the same side as the journal is refused'),
	('Dr ann 10.00, Cr ben 10.00', 'a part with one of two accounts on the wrong side is refused'),
	('Dr ann 40.00, Cr bank 40.00, Dr ann 31.00, Cr bank 31.00',
		'a part whose lines together exceed an account is refused')) AS v (e, w);
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('p'), 'rp1', pg_temp.entry('Dr ann 40.00, Cr bank 25.00, Cr bank 15.00'))$$,
	'a part of a journal can be reversed in other lines than its own');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('p'), 'rp2', pg_temp.entry('Dr ann 30.01, Cr bank 30.01'))$$, 'LG064', NULL,
	'a further part is limited to what remains of the account');
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('p'), 'rp2', pg_temp.entry('Dr ben 30.00, Cr bank 30.00'))$$,
	'a part of one account leaves the others free to be reversed');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('p'), 'rp3', pg_temp.entry('Dr ben 0.01, Cr bank 0.01'))$$, 'LG064', NULL,
	'an account that is wholly reversed is not reversed further');
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('p'), 'rp3', pg_temp.entry('Dr ann 30.00, Cr bank 30.00'))$$,
	'parts can reverse a journal to its last cent');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('p'), 'rp4', pg_temp.entry('Dr ann 0.01, Cr bank 0.01'))$$, 'LG063', NULL,
	'a journal reversed to its last cent is not reversed further');
SELECT pg_temp.same($$SELECT l.account, sum(l.amount) FROM journal j, lines(j.entry) l WHERE j.reference = 'p' OR j.reverses = pg_temp.id('p') GROUP BY 1 ORDER BY 1$$,
	$$SELECT account, zero('USD') FROM a WHERE who IN ('bank', 'ann', 'ben') ORDER BY 1$$,
	'parts that reverse a whole journal sum to its opposite');
SELECT is((SELECT count(*) FROM journal WHERE reverses = pg_temp.id('p')), 3::bigint, 'each partial reversal names its journal');

-- ---------------------------------------------------------------------------
-- one account on both sides
-- ---------------------------------------------------------------------------
SELECT pg_temp.post('w', 'Dr bank 10.00, Cr bank 10.00') \g /dev/null
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('w'), 'rw', pg_temp.entry('Dr bank 20.00, Cr bank 20.00'))$$, 'LG064', NULL,
	'a journal whose lines cancel out is not reversed by twice its amount');
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('w'), 'rw')$$,
	'a journal whose lines cancel out can be reversed whole');
SELECT is((SELECT entry FROM journal WHERE reference = 'rw'), (SELECT reverse(entry) FROM journal WHERE reference = 'w'),
	'a whole reversal is the opposite of the journal, line by line');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('w'), 'rw2')$$, 'LG063', NULL,
	'a journal whose lines cancel out is reversed once');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('w'), 'rw2', pg_temp.entry('Dr bank 1.00, Cr bank 1.00'))$$, 'LG063', NULL,
	'a reversed journal whose lines cancel out is not reversed in part');
SELECT pg_temp.post('v', 'Dr bank 24.00, Cr ann 24.00, Dr ben 20.00, Cr bank 20.00') \g /dev/null
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('v'), 'rv', pg_temp.entry('Dr bank 20.01, Cr ben 20.01'))$$, 'LG064', NULL,
	'a part that exceeds one side of an account on both sides is refused');
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('v'), 'rv', pg_temp.entry('Dr bank 20.00, Cr ben 20.00'))$$,
	'the credits of an account on both sides can be reversed');
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('v'), 'rv2', pg_temp.entry('Cr bank 4.00, Dr ann 4.00'))$$,
	'the debits of an account on both sides can be reversed in part');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('v'), 'rv3', pg_temp.entry('Cr bank 20.01, Dr ann 20.01'))$$, 'LG064', NULL,
	'a part that exceeds the remaining debits of an account is refused');
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('v'), 'rv3', pg_temp.entry('Cr bank 20.00, Dr ann 20.00'))$$,
	'the remaining debits of an account on both sides can be reversed');

-- ---------------------------------------------------------------------------
-- what other functions have made
-- ---------------------------------------------------------------------------
SELECT open_provider('LPR', 'Provider') \g /dev/null
SELECT deposit_coin('REVSANN1', '1.00 BTC', 'd1') \g /dev/null
SELECT post_trade('REVSANN1', 'SELL', '0.10 BTC', 'LPR', 't1', provider_price => '60000.00 USD/BTC') \g /dev/null
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('t1'), 'rt')$$, 'LG002', NULL, 'a trade is busted, not reversed');
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('t1'), 'rt', reverse((SELECT entry FROM journal WHERE reference = 't1')))$$, 'LG002', NULL,
	'a trade is not reversed by stating its lines');
SELECT bust_trade('REVSANN1', 't1', 'bt', reason => 'test') \g /dev/null
SELECT throws_ok($$SELECT reverse_journal('REVS', pg_temp.id('bt'), 'rbt')$$, 'LG065', NULL,
	'a bust is a reversal and is not reversed');
SELECT authorize_hold('REVS', pg_temp.of('ann'), '15.00 USD', 'h') \g /dev/null
SELECT capture_hold('REVS', 'h', pg_temp.entry('Dr ann 15.00, Cr held 15.00'), 'hc') \g /dev/null
SELECT lives_ok($$SELECT pg_temp.take_back('REVS', pg_temp.id('hc'), 'rhc')$$, 'the journal of a captured hold can be reversed');
SELECT is((SELECT status || ' ' || captured FROM hold WHERE reference = 'h'), 'CAPTURED 15.00 USD',
	'a hold stays captured when its journal is reversed');

-- ---------------------------------------------------------------------------
-- who may reverse alone, and what a refusal leaves
-- ---------------------------------------------------------------------------
SELECT pg_temp.post('k', 'Dr bank 5.00, Cr ann 5.00') AS k, pg_temp.post('k2', 'Dr ann 5.00, Cr held 5.00') AS k2 \gset
SET LOCAL ROLE ledger_test_teller;
SELECT lives_ok(format($$SELECT reverse_journal('REVS', %s, 'rk')$$, :k2), 'a bookkeeper reverses what stays with one customer');
SELECT throws_ok(format($$SELECT reverse_journal('REVS', %s, 'rk2')$$, :k), 'LG068', NULL,
	'a bookkeeper does not alone reverse what touches a bank');
RESET ROLE;
SELECT is((SELECT r.role_name FROM journal j JOIN actor r USING (actor_id) WHERE reference = 'rk'), 'ledger_test_teller',
	'a reversal records who made it');
SELECT is((SELECT count(*) FROM rejection), 0::bigint, 'refused reversals leave no rejection behind');

-- ---------------------------------------------------------------------------
-- random parts of random journals never take more than there was
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.random_entry(most integer) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT string_agg(format('Dr %s %s.00, Cr %s %s.00', (ARRAY['bank', 'wire', 'ann', 'ben'])[1 + (random() * 3)::int], m, (ARRAY['bank', 'wire', 'ann', 'ben'])[1 + (random() * 3)::int], m), ', ')
	FROM (SELECT 1 + (random() * most)::int AS m FROM generate_series(1, 1 + (random() * 2)::int)) AS t $$;
CREATE TEMP TABLE original AS SELECT pg_temp.post('o' || n, pg_temp.random_entry(9)) AS id FROM generate_series(1, 40) AS n;
CREATE FUNCTION pg_temp.random_parts(steps integer) RETURNS TABLE (done bigint, refused bigint) LANGUAGE plpgsql AS $$
BEGIN
	SELECT 0, 0 INTO done, refused;
	FOR i IN 1..steps LOOP
		BEGIN
			PERFORM pg_temp.take_back('REVS', (SELECT id FROM original ORDER BY random() LIMIT 1), 'x' || i, CASE WHEN random() < 0.97 THEN pg_temp.entry(pg_temp.random_entry(2)) END);
			done := done + 1;
		EXCEPTION WHEN SQLSTATE 'LG063' OR SQLSTATE 'LG064' THEN
			refused := refused + 1;
		END;
	END LOOP;
	RETURN NEXT;
END $$;
CREATE TEMP TABLE parts AS SELECT * FROM pg_temp.random_parts(2000);
SELECT cmp_ok(done, '>', 40::bigint, 'more than forty random reversals are posted') FROM parts;
SELECT cmp_ok(refused, '>', 100::bigint, 'more than a hundred random reversals are refused') FROM parts;
SELECT is_empty($$SELECT o.id, l.account FROM original o JOIN journal j ON j.journal_id = o.id OR j.reverses = o.id, lines(j.entry) l
	GROUP BY o.id, l.account, sign(l.amount) * CASE WHEN j.reverses IS NULL THEN 1 ELSE -1 END
	HAVING sum(CASE WHEN j.reverses IS NULL THEN abs(l.amount) ELSE -abs(l.amount) END) < '0 USD'$$,
	'no account and side is reversed by more than it had');

SELECT * FROM finish();
ROLLBACK;
