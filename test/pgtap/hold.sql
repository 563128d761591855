-- Holds: every verb, every refusal, expiry, and that balance.held is what open holds bind.
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

SELECT open_client('HOLD'), open_client('ELSE') \g /dev/null
SELECT open_customer(client => 'HOLD', customer => code) FROM unnest('{HOLDANN1,HOLDBEN1,HOLDCAT1}'::text[]) AS code \g /dev/null
SELECT open_customer(client => 'ELSE', customer => 'ELSEANN1') \g /dev/null
CREATE TEMP TABLE a (who text, account account_id);
INSERT INTO a VALUES ('bank', (open_account('HOLD', 'FBO', 'Bank:omnibus', 'USD')).account),
	('ann', (open_account('HOLD', 'FBO', 'Cust:HOLDANN1:settled', 'USD')).account), ('ben', (open_account('HOLD', 'FBO', 'Cust:HOLDANN1:held', 'USD')).account),
	('cat', (open_account('HOLD', 'FBO', 'Cust:HOLDCAT1:settled', 'USD', floor => '20.00 USD')).account), ('coin', (open_account('HOLD', 'CUST', 'Cust:HOLDANN1', 'BTC')).account),
	('else', (open_account('ELSE', 'FBO', 'Cust:ELSEANN1:settled', 'USD')).account);
GRANT SELECT ON a TO PUBLIC;
CREATE FUNCTION pg_temp.of(who text) RETURNS account_id STABLE LANGUAGE sql AS 'SELECT account FROM pg_temp.a WHERE a.who = $1';
CREATE FUNCTION pg_temp.move(debit text, credit text, amount amount) RETURNS journal_entry STABLE LANGUAGE sql AS
	'SELECT bakkt_ledger.journal_entry(bakkt_ledger.line(''Dr'', pg_temp.of($1), $3), bakkt_ledger.line(''Cr'', pg_temp.of($2), $3))';
-- posted, held, and available now, as text
CREATE FUNCTION pg_temp.state(who text) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT format('%s/%s/%s', -b.posted, b.held, (bakkt_ledger.balance_of(b.account)).available) FROM bakkt_ledger_internal.balance b WHERE b.account = pg_temp.of($1) $$;
CREATE FUNCTION pg_temp.ties(moment text) RETURNS SETOF text VOLATILE LANGUAGE sql AS $$
	SELECT is_empty($q$SELECT b.account, b.held, s.bound FROM balance b
		LEFT JOIN (SELECT account, sum(remaining) AS bound FROM hold WHERE status = 'OPEN' GROUP BY account) s ON s.account = b.account
		WHERE b.held *<> coalesce(s.bound, zero(asset(b.held)))$q$,
		'the balance held is what open holds bind after ' || moment) $$;
SELECT load_journal('HOLD', pg_temp.move('bank', who, '100.00 USD'), 'fund ' || who) FROM unnest('{ann,ben,cat}'::text[]) AS who \g /dev/null

-- ---------------------------------------------------------------------------
-- authorise
-- ---------------------------------------------------------------------------
SELECT pg_temp.same($$SELECT reference, status, remaining::text, captured::text, expires_at FROM authorize_hold('HOLD', pg_temp.of('ann'), '30.00 USD', 'h1')$$,
	$$VALUES ('h1', 'OPEN', '30.00 USD', '0.00 USD', NULL::timestamptz)$$, 'an authorized hold is open and binds its amount');
SELECT is(pg_temp.state('ann'), '100.00 USD/30.00 USD/70.00 USD',
	'an authorized hold lowers what is available and moves no money');
SELECT pg_temp.ties('an authorization');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '70.01 USD', 'h2')$$, 'LG050', NULL,
	'a hold above the available balance is refused');
SELECT throws_ok($$SELECT load_journal('HOLD', pg_temp.move('ann', 'ben', '70.01 USD'), 'p1')$$, 'LG050', NULL,
	'a journal that spends held money is refused');
SELECT lives_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '70.00 USD', 'h2')$$,
	'a hold of all that is available is accepted');
SELECT is(pg_temp.state('ann'), '100.00 USD/100.00 USD/0.00 USD', 'a hold of all that is available leaves nothing available');
SELECT pg_temp.ties('a hold of all that is available');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('cat'), '80.01 USD', 'floor')$$, 'LG050', NULL,
	'a hold that reaches below the account''s floor is refused');
SELECT lives_ok($$SELECT authorize_hold('HOLD', pg_temp.of('cat'), '80.00 USD', 'floor')$$,
	'a hold of all that is above the account''s floor is accepted');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '0.00 USD', 'n')$$, 'LG045', NULL,
	'a hold of zero is refused');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '-1.00 USD', 'n')$$, 'LG045', NULL,
	'a hold of a negative amount is refused');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ben'), NULL, 'n')$$, 'LG045', NULL,
	'a hold without an amount is refused');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '0.001 USD', 'n')$$, 'LG043', NULL,
	'a hold with more decimals than its asset has is refused');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '0.01 BTC', 'n')$$, 'LG042', NULL,
	'a hold in another asset than the account''s is refused');
SELECT throws_ok($$SELECT authorize_hold('HOLD', 'FBO:999999', '1.00 USD', 'n')$$, 'LG030', NULL,
	'a hold on an unknown account is refused');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('else'), '1.00 USD', 'n')$$, 'LG030', NULL,
	'a hold on another client''s account is refused like one on an unknown account');
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('bank'), '1.00 USD', 'n')$$, 'LG030', NULL,
	'a hold on a house account is refused');
SELECT throws_ok($$SELECT authorize_hold('NOWHERE', pg_temp.of('ben'), '1.00 USD', 'n')$$, 'LG010', NULL,
	'a hold for an unknown client is refused');
SELECT throws_ok(format('SELECT authorize_hold(''HOLD'', pg_temp.of(''ben''), ''1.00 USD'', %s)', r), 'LG002', NULL,
	'a hold is refused when its reference is ' || w)
	FROM (VALUES ('NULL', 'missing'), ('''''', 'empty'), ('repeat(''x'', 201)', 'too long')) AS v (r, w);
SELECT lives_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '1.00 USD', repeat('x', 200))$$,
	'a hold with a reference of 200 bytes is accepted');
SELECT lives_ok($$SELECT release_hold('HOLD', repeat('x', 200), 'and off')$$, 'a reference of 200 bytes finds its hold');

-- an authorization repeated, with the same content and with other
SELECT pg_temp.same($$SELECT h.hold, h.outcome, h.replayed, h.remaining::text FROM authorize_hold('HOLD', pg_temp.of('ann'), '30.00 USD', 'h1') h$$,
	$$VALUES ('h1', 'authorized', true, '30.00 USD')$$, 'a repeated authorization gets the first answer, as a replay');
SELECT is(pg_temp.state('ann'), '100.00 USD/100.00 USD/0.00 USD', 'a repeated authorization binds nothing more');
CREATE FUNCTION pg_temp.detail(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	EXECUTE query;
	RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'LG020' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN substring(detail FROM 'Field "([a-z_]+)"');
END $$;
SELECT is(pg_temp.detail(q), f, format('an authorization repeated with another %s is refused: %s', f, q)) FROM (VALUES
	('amount', $$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '30.01 USD', 'h1')$$),
	('amount', $$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '0.00 USD', 'h1')$$),
	('amount', $$SELECT authorize_hold('HOLD', pg_temp.of('ann'), NULL, 'h1')$$),
	('account', $$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '30.00 USD', 'h1')$$),
	('expires_at', $$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '30.00 USD', 'h1', expires_at => clock_timestamp() + interval '1 hour')$$)) AS v (f, q);

-- ---------------------------------------------------------------------------
-- release
-- ---------------------------------------------------------------------------
SELECT pg_temp.same($$SELECT status, remaining::text FROM release_hold('HOLD', 'h2', 'r1', '20.00 USD')$$, $$VALUES ('OPEN', '50.00 USD')$$,
	'a hold can be released in part');
SELECT is(pg_temp.state('ann'), '100.00 USD/80.00 USD/20.00 USD', 'a partial release makes its amount available');
SELECT pg_temp.ties('a partial release');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r2', '50.01 USD')$$, 'LG053', NULL,
	'a release above what its own hold binds is refused');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r2', '0.00 USD')$$, 'LG045', NULL, 'a release of zero is refused');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r2', '-1.00 USD')$$, 'LG045', NULL,
	'a release of a negative amount is refused');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r2', '0.001 USD')$$, 'LG043', NULL,
	'a release with more decimals than its asset has is refused');
SELECT throws_ok($$SELECT release_hold('HOLD', 'none', 'r2')$$, 'LG051', NULL, 'a release of an unknown hold is refused');
SELECT throws_ok($$SELECT release_hold('ELSE', 'h2', 'r2')$$, 'LG051', NULL, 'a release of another client''s hold is refused');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', NULL)$$, 'LG002', NULL, 'a release without a reference is refused');
SELECT is((SELECT remaining FROM release_hold('HOLD', 'h2', 'r1', '20.00 USD')), '50.00 USD',
	'a repeated release answers with what the original left');
SELECT is(pg_temp.state('ann'), '100.00 USD/80.00 USD/20.00 USD', 'a repeated release frees nothing more');
SELECT is(pg_temp.detail(q), f, format('a reference used with another %s is refused: %s', f, q)) FROM (VALUES
	('amount', $$SELECT release_hold('HOLD', 'h2', 'r1', '20.01 USD')$$),
	('amount', $$SELECT release_hold('HOLD', 'h2', 'r1')$$),
	('hold', $$SELECT release_hold('HOLD', 'h1', 'r1', '20.00 USD')$$),
	('operation', $$SELECT increase_hold('HOLD', 'h2', '20.00 USD', 'r1')$$),
	('operation', $$SELECT release_hold('HOLD', 'h1', 'h1', '30.00 USD')$$),
	('operation', $$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '20.00 USD', 'r1')$$)) AS v (f, q);
SELECT pg_temp.same($$SELECT status, remaining::text FROM release_hold('HOLD', 'h2', 'r3')$$, $$VALUES ('RELEASED', '0.00 USD')$$,
	'a release without an amount frees the whole rest');
SELECT pg_temp.same($$SELECT status, remaining::text FROM release_hold('HOLD', 'h2', 'r3')$$, $$VALUES ('RELEASED', '0.00 USD')$$,
	'a repeated full release answers with the released hold');
SELECT is(pg_temp.detail($$SELECT release_hold('HOLD', 'h2', 'r3', '50.00 USD')$$), 'amount',
	'a full release repeated as a partial one of the same amount is refused');
SELECT is(pg_temp.detail($$SELECT release_hold('HOLD', 'h2', 'r1')$$), 'amount',
	'a partial release repeated as a full one is refused when nothing is left');
SELECT is(pg_temp.state('ann'), '100.00 USD/30.00 USD/70.00 USD', 'a full release makes the whole rest available');
SELECT pg_temp.ties('a full release');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r4')$$, 'LG052', NULL,
	'a released hold cannot be released under another reference');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h2', '1.00 USD', 'r4')$$, 'LG052', NULL, 'a released hold cannot be increased');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h2', pg_temp.move('ann', 'ben', '1.00 USD'), 'r4')$$, 'LG052', NULL,
	'a released hold cannot be captured');

-- ---------------------------------------------------------------------------
-- increase
-- ---------------------------------------------------------------------------
SELECT pg_temp.same($$SELECT status, remaining::text FROM increase_hold('HOLD', 'h1', '15.00 USD', 'i1')$$, $$VALUES ('OPEN', '45.00 USD')$$,
	'an increase adds to what the hold binds');
SELECT is(pg_temp.state('ann'), '100.00 USD/45.00 USD/55.00 USD', 'an increase lowers what is available');
SELECT pg_temp.ties('an increase');
SELECT is((SELECT remaining FROM increase_hold('HOLD', 'h1', '15.00 USD', 'i1')), '45.00 USD',
	'a repeated increase adds nothing more');
SELECT is(pg_temp.detail($$SELECT increase_hold('HOLD', 'h1', '16.00 USD', 'i1')$$), 'amount',
	'an increase repeated with another amount is refused');
SELECT is(pg_temp.detail($$SELECT increase_hold('HOLD', 'h1', NULL, 'i1')$$), 'amount',
	'an increase repeated without an amount is refused');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '55.01 USD', 'i2')$$, 'LG050', NULL,
	'an increase above the available balance is refused');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '0.00 USD', 'i2')$$, 'LG045', NULL, 'an increase by zero is refused');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '0.001 USD', 'i2')$$, 'LG043', NULL,
	'an increase with more decimals than its asset has is refused');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '1.00 EUR', 'i2')$$, 'LG042', NULL,
	'an increase in another asset is refused');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'none', '1.00 USD', 'i2')$$, 'LG051', NULL,
	'an increase of an unknown hold is refused');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '1.00 USD', '')$$, 'LG002', NULL,
	'an increase with an empty reference is refused');

-- ---------------------------------------------------------------------------
-- capture
-- ---------------------------------------------------------------------------
SELECT lives_ok($$SELECT load_journal('HOLD', pg_temp.move('ann', 'bank', '55.00 USD'), 'spend')$$,
	'money that no hold binds can be spent');
SELECT pg_temp.same($$SELECT outcome, replayed FROM capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', description => 'first')$$, $$VALUES ('posted', false)$$,
	'a hold can be captured in part');
SELECT is(pg_temp.state('ann') || ' ' || pg_temp.state('ben'), '35.00 USD/35.00 USD/0.00 USD 110.00 USD/0.00 USD/110.00 USD',
	'a partial capture moves its amount out of what is held');
SELECT pg_temp.same($$SELECT status, remaining::text, captured::text FROM hold WHERE reference = 'h1'$$, $$VALUES ('OPEN', '35.00 USD', '10.00 USD')$$,
	'a partly captured hold stays open with the rest');
SELECT pg_temp.same($$SELECT k.name, j.description FROM journal j JOIN journal_kind k USING (kind) WHERE j.reference = 'c1'$$, $$VALUES ('hold_capture', 'first')$$,
	'a capture posts a journal of kind hold_capture');
SELECT pg_temp.ties('a partial capture');
SELECT pg_temp.same($$SELECT outcome, replayed, journal FROM capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', description => 'first')$$,
	$$SELECT 'posted', true, journal_id FROM journal WHERE reference = 'c1'$$,
	'a repeated capture answers with the original journal');
SELECT is(pg_temp.state('ann'), '35.00 USD/35.00 USD/0.00 USD', 'a repeated capture takes nothing more');
SELECT is(pg_temp.detail(q), f, 'a capture is refused when it is repeated with another ' || f) FROM (VALUES
	('entry', $$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.01 USD'), 'c1', description => 'first')$$),
	('description', $$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1')$$),
	('final', $$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', final => true, description => 'first')$$),
	('hold', $$SELECT capture_hold('HOLD', 'floor', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', description => 'first')$$),
	('operation', $$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'i1', description => 'first')$$)) AS v (f, q);
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '1.00 USD'), 'spend')$$, 'LG020', NULL,
	'a capture under the reference of another journal is refused');
SELECT is(pg_temp.state('ann'), '35.00 USD/35.00 USD/0.00 USD', 'a refused capture leaves the hold as it was');
SELECT throws_ok($$SELECT load_journal('HOLD', pg_temp.move('ben', 'ann', '1.00 USD'), 'mine', kind => 'hold_capture')$$, 'LG002', NULL,
	'a journal of kind hold_capture is refused outside of a capture');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '35.01 USD'), 'c2')$$, 'LG053', NULL,
	'a capture above what the hold binds is refused');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ben', 'bank', '1.00 USD'), 'c2')$$, 'LG045', NULL,
	'a capture from another account is refused');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('bank', 'ann', '1.00 USD'), 'c2')$$, 'LG045', NULL,
	'a capture that credits the held account is refused');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', NULL, 'c2')$$, 'LG045', NULL, 'a capture without an entry is refused');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '0.001 USD'), 'c2')$$, 'LG043', NULL,
	'a capture with more decimals than its asset has is refused');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'none', pg_temp.move('ann', 'ben', '1.00 USD'), 'c2')$$, 'LG051', NULL,
	'a capture of an unknown hold is refused');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '1.00 USD'), NULL)$$, 'LG002', NULL,
	'a capture without a reference is refused');
SELECT authorize_hold('HOLD', pg_temp.of('ben'), '10.00 USD', 'twin ' || n) FROM generate_series(1, 2) AS n \g /dev/null
SELECT throws_ok($$SELECT capture_hold('HOLD', 'twin 1', pg_temp.move('ben', 'ann', '10.01 USD'), 'c2')$$, 'LG053', NULL,
	'a capture of what another hold binds is refused');
SELECT release_hold('HOLD', 'twin ' || n, 'twin off ' || n) FROM generate_series(1, 2) AS n \g /dev/null
-- the entry may say more than the debit: another customer's money goes along, and is checked
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', journal_entry(line('Dr', pg_temp.of('ann'), '1.00 USD'), line('Dr', pg_temp.of('cat'), '0.01 USD'),
	line('Cr', pg_temp.of('ben'), '1.01 USD')), 'c2')$$, 'LG068', NULL, 'a capture that also debits another customer is refused');
SELECT is((SELECT captured FROM hold WHERE reference = 'h1'), '10.00 USD',
	'a capture that was refused adds nothing to what is captured');
SELECT lives_ok($$SELECT capture_hold('HOLD', 'h1', journal_entry(line('Dr', pg_temp.of('ann'), '20.00 USD'), line('Cr', pg_temp.of('ann'), '5.00 USD'),
	line('Cr', pg_temp.of('ben'), '15.00 USD')), 'c2')$$, 'a capture may give change back to the held account');
SELECT is(pg_temp.state('ann') || ' ' || (SELECT captured FROM hold WHERE reference = 'h1'), '20.00 USD/20.00 USD/0.00 USD 25.00 USD',
	'a capture with change takes its net amount from the hold');
SELECT pg_temp.ties('a capture with change');
SELECT lives_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '12.00 USD'), 'c3', final => true)$$,
	'a final capture may take less than the hold binds');
SELECT is(pg_temp.state('ann'), '8.00 USD/0.00 USD/8.00 USD', 'a final capture frees the rest of the hold');
SELECT pg_temp.same($$SELECT status, remaining::text, captured::text FROM hold WHERE reference = 'h1'$$, $$VALUES ('CAPTURED', '0.00 USD', '37.00 USD')$$,
	'a final capture ends the hold');
SELECT pg_temp.ties('a final capture');
SELECT pg_temp.same($$SELECT outcome, replayed FROM capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '12.00 USD'), 'c3', final => true)$$, $$VALUES ('posted', true)$$,
	'a repeated final capture is a replay');
SELECT pg_temp.same($$SELECT outcome, replayed FROM capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', description => 'first')$$, $$VALUES ('posted', true)$$,
	'an earlier capture repeated after the final one is a replay');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '1.00 USD'), 'c4')$$, 'LG052', NULL,
	'a capture after the final one is refused');
SELECT lives_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ann'), '8.00 USD', 'whole')$$,
	'a hold of all that is left is accepted');
SELECT lives_ok($$SELECT capture_hold('HOLD', 'whole', pg_temp.move('ann', 'ben', '8.00 USD'), 'whole/c')$$,
	'a capture may take all that the hold binds');
SELECT pg_temp.same($$SELECT status, remaining::text FROM hold WHERE reference = 'whole'$$, $$VALUES ('CAPTURED', '0.00 USD')$$,
	'a hold captured whole ends without a final capture');
SELECT is(pg_temp.state('ann'), '0.00 USD/0.00 USD/0.00 USD', 'a hold captured whole leaves nothing on the account');

-- the whole story of h1
SELECT pg_temp.same($$SELECT e.event, e.amount::text, e.reference, j.reference, e.recorded_by FROM hold_event e JOIN hold h USING (client_id, hold_id)
		LEFT JOIN journal j ON j.client_id = e.client_id AND j.journal_id = e.journal_id WHERE h.reference = 'h1' ORDER BY e.event_id$$,
	$$VALUES ('authorized', '30.00 USD', 'h1', NULL, current_user), ('increased', '15.00 USD', 'i1', NULL, current_user), ('captured', '10.00 USD', 'c1', 'c1', current_user),
		('captured', '15.00 USD', 'c2', 'c2', current_user), ('captured', '12.00 USD', 'c3', 'c3', current_user), ('released', '8.00 USD', NULL, 'c3', current_user)$$,
	'every change of a hold is recorded with who made it and its journal');
SELECT is((SELECT count(*) FROM hold_event WHERE recorded_at NOT BETWEEN now() AND clock_timestamp()), 0::bigint,
	'every change of a hold is recorded with the time of the clock');
SELECT throws_ok('UPDATE event SET amount = amount', 'LG066', NULL, 'an update of hold events is refused');
SELECT throws_ok('DELETE FROM event', 'LG066', NULL, 'a deletion of hold events is refused');
SELECT throws_ok('DELETE FROM hold', 'LG066', NULL, 'a deletion of holds is refused');
SELECT throws_ok('TRUNCATE hold', 'LG066', NULL, 'a truncation of holds is refused');

-- ---------------------------------------------------------------------------
-- frozen and closed accounts
-- ---------------------------------------------------------------------------
SELECT lives_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '10.00 USD', 'f1')$$,
	'a hold is accepted before its account is frozen');
SELECT throws_ok($$SELECT close_account(pg_temp.of('ben'), reason => 'test')$$, 'LG035', NULL,
	'an account with an open hold cannot be closed');
SELECT freeze_account(pg_temp.of('ben'), 'debit', reason => 'test') \g /dev/null
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('ben'), '1.00 USD', 'f2')$$, 'LG033', NULL,
	'an account frozen for debits takes no hold');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'f1', '1.00 USD', 'f2')$$, 'LG033', NULL,
	'a hold on an account frozen for debits cannot be increased');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'f1', pg_temp.move('ben', 'ann', '1.00 USD'), 'f2')$$, 'LG033', NULL,
	'a hold on an account frozen for debits cannot be captured');
SELECT lives_ok($$SELECT release_hold('HOLD', 'f1', 'f2', '1.00 USD')$$,
	'a hold on an account frozen for debits can be released');
SELECT is((SELECT remaining FROM authorize_hold('HOLD', pg_temp.of('ben'), '10.00 USD', 'f1')), '10.00 USD',
	'an authorization repeated on a frozen account answers as it was answered first');
SELECT unfreeze_account(pg_temp.of('ben'), reason => 'test') \g /dev/null
SELECT freeze_account(pg_temp.of('ben'), 'credit', reason => 'test') \g /dev/null
SELECT lives_ok($$SELECT increase_hold('HOLD', 'f1', '1.00 USD', 'f3')$$,
	'a hold on an account frozen for credits can be increased');
SELECT unfreeze_account(pg_temp.of('ben'), reason => 'test') \g /dev/null
SELECT close_account(pg_temp.of('coin'), reason => 'test') \g /dev/null
SELECT throws_ok($$SELECT authorize_hold('HOLD', pg_temp.of('coin'), '1.00 BTC', 'f4')$$, 'LG032', NULL,
	'a closed account takes no hold');
SELECT release_hold('HOLD', 'f1', 'f5') \g /dev/null
SELECT pg_temp.ties('freezing and closing accounts');

SELECT * FROM finish();
ROLLBACK;
