-- Holds: every verb, every refusal, expiry, and that balance.held is what open holds bind.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
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
SELECT open_customer(code, client => 'HOLD') FROM unnest('{HOLDANN1,HOLDBEN1,HOLDCAT1}'::text[]) AS code \g /dev/null
SELECT open_customer('ELSEANN1', client => 'ELSE') \g /dev/null
CREATE TEMP TABLE a (who text, account account_id);
INSERT INTO a VALUES ('bank', open_account('HOLD', 'FBO', 'Bank:omnibus', 'USD')),
	('ann', open_account('HOLD', 'FBO', 'Cust:HOLDANN1:settled', 'USD')), ('ben', open_account('HOLD', 'FBO', 'Cust:HOLDANN1:held', 'USD')),
	('cat', open_account('HOLD', 'FBO', 'Cust:HOLDCAT1:settled', 'USD', floor => '20.00 USD')), ('coin', open_account('HOLD', 'CUST', 'Cust:HOLDANN1', 'BTC')),
	('else', open_account('ELSE', 'FBO', 'Cust:ELSEANN1:settled', 'USD'));
GRANT SELECT ON a TO PUBLIC;
CREATE FUNCTION pg_temp.of(who text) RETURNS account_id STABLE LANGUAGE sql AS 'SELECT account FROM pg_temp.a WHERE a.who = $1';
CREATE FUNCTION pg_temp.move(debit text, credit text, amount amount) RETURNS journal_entry STABLE LANGUAGE sql AS
	'SELECT bakkt_ledger.journal_entry(bakkt_ledger.line(''Dr'', pg_temp.of($1), $3), bakkt_ledger.line(''Cr'', pg_temp.of($2), $3))';
-- posted, held, and available now, as text
CREATE FUNCTION pg_temp.state(who text) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT format('%s/%s/%s', -b.posted, b.held, (bakkt_ledger.balance_of(b.account)).available) FROM bakkt_ledger_internal.balance b WHERE b.account = pg_temp.of($1) $$;
CREATE FUNCTION pg_temp.ties() RETURNS SETOF text VOLATILE LANGUAGE sql AS $$
	SELECT is_empty($q$SELECT b.account, b.held, s.bound FROM balance b
		LEFT JOIN (SELECT account, sum(remaining) AS bound FROM hold WHERE status = 'open' GROUP BY account) s ON s.account = b.account
		WHERE b.held *<> coalesce(s.bound, zero(asset(b.held)))$q$, '- held is what open holds bind') $$;
SELECT load_journal('HOLD', 'fund ' || who, pg_temp.move('bank', who, '100.00 USD')) FROM unnest('{ann,ben,cat}'::text[]) AS who \g /dev/null

-- ---------------------------------------------------------------------------
-- authorise
-- ---------------------------------------------------------------------------
SELECT pg_temp.same($$SELECT reference, status, remaining::text, captured::text, expires_at FROM authorise_hold('HOLD', pg_temp.of('ann'), '30.00 USD', 'h1')$$,
	$$VALUES ('h1', 'open', '30.00 USD', '0.00 USD', NULL::timestamptz)$$, 'a hold is authorised');
SELECT is(pg_temp.state('ann'), '100.00 USD/30.00 USD/70.00 USD', 'it binds what it says, and moves nothing');
SELECT pg_temp.ties();
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ann'), '70.01 USD', 'h2')$$, 'LG050', NULL, 'not more than is available');
SELECT throws_ok($$SELECT load_journal('HOLD', 'p1', pg_temp.move('ann', 'ben', '70.01 USD'))$$, 'LG050', NULL, 'nor can what is bound be spent');
SELECT lives_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ann'), '70.00 USD', 'h2')$$, 'all that is available');
SELECT is(pg_temp.state('ann'), '100.00 USD/100.00 USD/0.00 USD', 'leaves nothing');
SELECT pg_temp.ties();
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('cat'), '80.01 USD', 'floor')$$, 'LG050', NULL, 'a floor cannot be bound');
SELECT lives_ok($$SELECT authorise_hold('HOLD', pg_temp.of('cat'), '80.00 USD', 'floor')$$, 'what is above it can');
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ben'), '0.00 USD', 'n')$$, 'LG045', NULL, 'a hold of zero');
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ben'), '-1.00 USD', 'n')$$, 'LG045', NULL, 'a negative hold');
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ben'), NULL, 'n')$$, 'LG045', NULL, 'a hold of nothing');
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ben'), '0.001 USD', 'n')$$, 'LG043', NULL, 'a tenth of a cent');
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ben'), '0.01 BTC', 'n')$$, 'LG042', NULL, 'another asset');
SELECT throws_ok($$SELECT authorise_hold('HOLD', 'FBO:999999', '1.00 USD', 'n')$$, 'LG030', NULL, 'an unknown account');
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('else'), '1.00 USD', 'n')$$, 'LG030', NULL, 'another client''s account is as good as unknown');
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('bank'), '1.00 USD', 'n')$$, 'LG030', NULL, 'a house account has nothing to hold');
SELECT throws_ok($$SELECT authorise_hold('NOWHERE', pg_temp.of('ben'), '1.00 USD', 'n')$$, 'LG010', NULL, 'an unknown client');
SELECT throws_ok(format('SELECT authorise_hold(''HOLD'', pg_temp.of(''ben''), ''1.00 USD'', %s)', r), 'LG002', NULL, 'a reference is ' || w)
	FROM (VALUES ('NULL', 'missing'), ('''''', 'empty'), ('repeat(''x'', 201)', 'too long')) AS v (r, w);
SELECT lives_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ben'), '1.00 USD', repeat('x', 200))$$, '200 bytes are not');
SELECT lives_ok($$SELECT release_hold('HOLD', repeat('x', 200), 'and off')$$, 'and name the hold');

-- the same again, and not quite the same
SELECT pg_temp.same($$SELECT h.hold_id, h.remaining::text FROM authorise_hold('HOLD', pg_temp.of('ann'), '30.00 USD', 'h1') h$$,
	$$SELECT hold_id, '30.00 USD' FROM hold WHERE reference = 'h1'$$, 'a repeated authorisation finds the hold');
SELECT is(pg_temp.state('ann'), '100.00 USD/100.00 USD/0.00 USD', 'and binds nothing more');
CREATE FUNCTION pg_temp.detail(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	EXECUTE query;
	RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'LG020' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN substring(detail FROM 'Field "([a-z_]+)"');
END $$;
SELECT is(pg_temp.detail(q), f, 'authorised with another ' || f) FROM (VALUES
	('amount', $$SELECT authorise_hold('HOLD', pg_temp.of('ann'), '30.01 USD', 'h1')$$),
	('amount', $$SELECT authorise_hold('HOLD', pg_temp.of('ann'), '0.00 USD', 'h1')$$),
	('amount', $$SELECT authorise_hold('HOLD', pg_temp.of('ann'), NULL, 'h1')$$),
	('account', $$SELECT authorise_hold('HOLD', pg_temp.of('ben'), '30.00 USD', 'h1')$$),
	('expires_at', $$SELECT authorise_hold('HOLD', pg_temp.of('ann'), '30.00 USD', 'h1', expires_at => clock_timestamp() + interval '1 hour')$$)) AS v (f, q);

-- ---------------------------------------------------------------------------
-- release
-- ---------------------------------------------------------------------------
SELECT pg_temp.same($$SELECT status, remaining::text FROM release_hold('HOLD', 'h2', 'r1', '20.00 USD')$$, $$VALUES ('open', '50.00 USD')$$, 'a part is released');
SELECT is(pg_temp.state('ann'), '100.00 USD/80.00 USD/20.00 USD', 'and free');
SELECT pg_temp.ties();
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r2', '50.01 USD')$$, 'LG053', NULL, 'not more than it binds, though another binds some too');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r2', '0.00 USD')$$, 'LG045', NULL, 'not zero');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r2', '-1.00 USD')$$, 'LG045', NULL, 'not less');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r2', '0.001 USD')$$, 'LG043', NULL, 'no tenth of a cent');
SELECT throws_ok($$SELECT release_hold('HOLD', 'none', 'r2')$$, 'LG051', NULL, 'of an unknown hold');
SELECT throws_ok($$SELECT release_hold('ELSE', 'h2', 'r2')$$, 'LG051', NULL, 'or another client''s');
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', NULL)$$, 'LG002', NULL, 'without a reference');
SELECT is((SELECT remaining FROM release_hold('HOLD', 'h2', 'r1', '20.00 USD')), '50.00 USD', 'a repeated release');
SELECT is(pg_temp.state('ann'), '100.00 USD/80.00 USD/20.00 USD', 'frees nothing more');
SELECT is(pg_temp.detail(q), f, 'a release with another ' || f) FROM (VALUES
	('amount', $$SELECT release_hold('HOLD', 'h2', 'r1', '20.01 USD')$$),
	('amount', $$SELECT release_hold('HOLD', 'h2', 'r1')$$),
	('hold', $$SELECT release_hold('HOLD', 'h1', 'r1', '20.00 USD')$$),
	('event', $$SELECT increase_hold('HOLD', 'h2', '20.00 USD', 'r1')$$),
	('event', $$SELECT release_hold('HOLD', 'h1', 'h1', '30.00 USD')$$),
	('event', $$SELECT authorise_hold('HOLD', pg_temp.of('ann'), '20.00 USD', 'r1')$$)) AS v (f, q);
SELECT pg_temp.same($$SELECT status, remaining::text FROM release_hold('HOLD', 'h2', 'r3')$$, $$VALUES ('released', '0.00 USD')$$, 'the whole rest');
SELECT pg_temp.same($$SELECT status, remaining::text FROM release_hold('HOLD', 'h2', 'r3')$$, $$VALUES ('released', '0.00 USD')$$, 'and again');
SELECT is(pg_temp.detail($$SELECT release_hold('HOLD', 'h2', 'r3', '50.00 USD')$$), 'amount', 'the whole was not a part, though the amount is the same');
SELECT is(pg_temp.detail($$SELECT release_hold('HOLD', 'h2', 'r1')$$), 'amount', 'the part was not the whole, also when nothing is left');
SELECT is(pg_temp.state('ann'), '100.00 USD/30.00 USD/70.00 USD', 'is free');
SELECT pg_temp.ties();
SELECT throws_ok($$SELECT release_hold('HOLD', 'h2', 'r4')$$, 'LG052', NULL, 'what is released is not released');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h2', '1.00 USD', 'r4')$$, 'LG052', NULL, 'nor increased');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h2', pg_temp.move('ann', 'ben', '1.00 USD'), 'r4')$$, 'LG052', NULL, 'nor captured');

-- ---------------------------------------------------------------------------
-- increase
-- ---------------------------------------------------------------------------
SELECT pg_temp.same($$SELECT status, remaining::text FROM increase_hold('HOLD', 'h1', '15.00 USD', 'i1')$$, $$VALUES ('open', '45.00 USD')$$, 'a hold is increased');
SELECT is(pg_temp.state('ann'), '100.00 USD/45.00 USD/55.00 USD', 'and binds more');
SELECT pg_temp.ties();
SELECT is((SELECT remaining FROM increase_hold('HOLD', 'h1', '15.00 USD', 'i1')), '45.00 USD', 'once');
SELECT is(pg_temp.detail($$SELECT increase_hold('HOLD', 'h1', '16.00 USD', 'i1')$$), 'amount', 'not by another amount under this reference');
SELECT is(pg_temp.detail($$SELECT increase_hold('HOLD', 'h1', NULL, 'i1')$$), 'amount', 'nor by none');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '55.01 USD', 'i2')$$, 'LG050', NULL, 'not by more than is available');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '0.00 USD', 'i2')$$, 'LG045', NULL, 'not by zero');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '0.001 USD', 'i2')$$, 'LG043', NULL, 'not by a tenth of a cent');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '1.00 EUR', 'i2')$$, 'LG042', NULL, 'not by another asset');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'none', '1.00 USD', 'i2')$$, 'LG051', NULL, 'not an unknown one');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'h1', '1.00 USD', '')$$, 'LG002', NULL, 'not without a reference');

-- ---------------------------------------------------------------------------
-- capture
-- ---------------------------------------------------------------------------
SELECT lives_ok($$SELECT load_journal('HOLD', 'spend', pg_temp.move('ann', 'bank', '55.00 USD'))$$, 'the rest is spent: only the hold is left');
SELECT pg_temp.same($$SELECT outcome, replayed FROM capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', description => 'first')$$, $$VALUES ('posted', false)$$, 'a part is captured');
SELECT is(pg_temp.state('ann') || ' ' || pg_temp.state('ben'), '35.00 USD/35.00 USD/0.00 USD 110.00 USD/0.00 USD/110.00 USD', 'and moved, out of the hold');
SELECT pg_temp.same($$SELECT status, remaining::text, captured::text FROM hold WHERE reference = 'h1'$$, $$VALUES ('open', '35.00 USD', '10.00 USD')$$, 'which goes on');
SELECT pg_temp.same($$SELECT k.name, j.description FROM journal j JOIN journal_kind k USING (kind) WHERE j.reference = 'c1'$$, $$VALUES ('hold_capture', 'first')$$, 'by a journal of its kind');
SELECT pg_temp.ties();
SELECT pg_temp.same($$SELECT outcome, replayed, journal FROM capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', description => 'first')$$,
	$$SELECT 'posted', true, journal_id FROM journal WHERE reference = 'c1'$$, 'a repeated capture');
SELECT is(pg_temp.state('ann'), '35.00 USD/35.00 USD/0.00 USD', 'takes nothing more');
SELECT is(pg_temp.detail(q), f, 'a capture with another ' || f) FROM (VALUES
	('entry', $$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.01 USD'), 'c1', description => 'first')$$),
	('description', $$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1')$$),
	('final', $$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', final => true, description => 'first')$$),
	('hold', $$SELECT capture_hold('HOLD', 'floor', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', description => 'first')$$),
	('event', $$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'i1', description => 'first')$$)) AS v (f, q);
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '1.00 USD'), 'spend')$$, 'LG020', NULL, 'the reference is also the journal''s: one of another journal is taken');
SELECT is(pg_temp.state('ann'), '35.00 USD/35.00 USD/0.00 USD', 'and the hold is as it was');
SELECT throws_ok($$SELECT load_journal('HOLD', 'mine', pg_temp.move('ben', 'ann', '1.00 USD'), kind => 'hold_capture')$$, 'LG002', NULL, 'nobody else posts captures');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '35.01 USD'), 'c2')$$, 'LG053', NULL, 'not more than it binds');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ben', 'bank', '1.00 USD'), 'c2')$$, 'LG045', NULL, 'not from elsewhere');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('bank', 'ann', '1.00 USD'), 'c2')$$, 'LG045', NULL, 'not in the other direction');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', NULL, 'c2')$$, 'LG045', NULL, 'not nothing');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '0.001 USD'), 'c2')$$, 'LG043', NULL, 'not a tenth of a cent');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'none', pg_temp.move('ann', 'ben', '1.00 USD'), 'c2')$$, 'LG051', NULL, 'not of an unknown hold');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '1.00 USD'), NULL)$$, 'LG002', NULL, 'not without a reference');
SELECT authorise_hold('HOLD', pg_temp.of('ben'), '10.00 USD', 'twin ' || n) FROM generate_series(1, 2) AS n \g /dev/null
SELECT throws_ok($$SELECT capture_hold('HOLD', 'twin 1', pg_temp.move('ben', 'ann', '10.01 USD'), 'c2')$$, 'LG053', NULL, 'not what another hold binds');
SELECT release_hold('HOLD', 'twin ' || n, 'twin off ' || n) FROM generate_series(1, 2) AS n \g /dev/null
-- the entry may say more than the debit: another customer's money goes along, and is checked
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', journal_entry(line('Dr', pg_temp.of('ann'), '1.00 USD'), line('Dr', pg_temp.of('cat'), '0.01 USD'),
	line('Cr', pg_temp.of('ben'), '1.01 USD')), 'c2')$$, 'LG068', NULL, 'a capture takes from no second customer');
SELECT is((SELECT captured FROM hold WHERE reference = 'h1'), '10.00 USD', 'and fells the capture');
SELECT lives_ok($$SELECT capture_hold('HOLD', 'h1', journal_entry(line('Dr', pg_temp.of('ann'), '20.00 USD'), line('Cr', pg_temp.of('ann'), '5.00 USD'),
	line('Cr', pg_temp.of('ben'), '15.00 USD')), 'c2')$$, 'a second capture, with change');
SELECT is(pg_temp.state('ann') || ' ' || (SELECT captured FROM hold WHERE reference = 'h1'), '20.00 USD/20.00 USD/0.00 USD 25.00 USD', 'takes the net');
SELECT pg_temp.ties();
SELECT lives_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '12.00 USD'), 'c3', final => true)$$, 'the final capture');
SELECT is(pg_temp.state('ann'), '8.00 USD/0.00 USD/8.00 USD', 'frees the rest');
SELECT pg_temp.same($$SELECT status, remaining::text, captured::text FROM hold WHERE reference = 'h1'$$, $$VALUES ('captured', '0.00 USD', '37.00 USD')$$, 'and ends the hold');
SELECT pg_temp.ties();
SELECT pg_temp.same($$SELECT outcome, replayed FROM capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '12.00 USD'), 'c3', final => true)$$, $$VALUES ('posted', true)$$, 'its repetition is answered');
SELECT pg_temp.same($$SELECT outcome, replayed FROM capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '10.00 USD'), 'c1', description => 'first')$$, $$VALUES ('posted', true)$$, 'and that of an earlier one');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'h1', pg_temp.move('ann', 'ben', '1.00 USD'), 'c4')$$, 'LG052', NULL, 'nothing more is captured');
SELECT lives_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ann'), '8.00 USD', 'whole')$$, 'a hold of all');
SELECT lives_ok($$SELECT capture_hold('HOLD', 'whole', pg_temp.move('ann', 'ben', '8.00 USD'), 'whole/c')$$, 'captured whole');
SELECT pg_temp.same($$SELECT status, remaining::text FROM hold WHERE reference = 'whole'$$, $$VALUES ('captured', '0.00 USD')$$, 'has ended without being told so');
SELECT is(pg_temp.state('ann'), '0.00 USD/0.00 USD/0.00 USD', 'and nothing is left');

-- the whole story of h1
SELECT pg_temp.same($$SELECT e.event, e.amount::text, e.reference, j.reference, e.recorded_by FROM hold_event e JOIN hold h USING (client_id, hold_id)
		LEFT JOIN journal j ON j.client_id = e.client_id AND j.journal_id = e.journal_id WHERE h.reference = 'h1' ORDER BY e.event_id$$,
	$$VALUES ('authorised', '30.00 USD', 'h1', NULL, current_user), ('increased', '15.00 USD', 'i1', NULL, current_user), ('captured', '10.00 USD', 'c1', 'c1', current_user),
		('captured', '15.00 USD', 'c2', 'c2', current_user), ('captured', '12.00 USD', 'c3', 'c3', current_user), ('released', '8.00 USD', NULL, 'c3', current_user)$$,
	'every change is recorded with who, and its journal');
SELECT is((SELECT count(*) FROM hold_event WHERE recorded_at NOT BETWEEN now() AND clock_timestamp()), 0::bigint, 'and when, by the clock');
SELECT throws_ok('UPDATE hold_event SET amount = amount', 'LG066', NULL, 'what is recorded stays');
SELECT throws_ok('DELETE FROM hold_event', 'LG066', NULL, 'all of it');
SELECT throws_ok('DELETE FROM hold', 'LG066', NULL, 'and so do holds');
SELECT throws_ok('TRUNCATE hold', 'LG066', NULL, 'all of them');

-- ---------------------------------------------------------------------------
-- frozen and closed accounts
-- ---------------------------------------------------------------------------
SELECT lives_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ben'), '10.00 USD', 'f1')$$, 'a hold from before');
SELECT throws_ok($$SELECT close_account(pg_temp.of('ben'), 'test')$$, 'LG035', NULL, 'keeps the account from being closed');
SELECT freeze_account(pg_temp.of('ben'), 'debit', 'test') \g /dev/null
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('ben'), '1.00 USD', 'f2')$$, 'LG033', NULL, 'frozen for debits: no hold');
SELECT throws_ok($$SELECT increase_hold('HOLD', 'f1', '1.00 USD', 'f2')$$, 'LG033', NULL, 'no increase');
SELECT throws_ok($$SELECT capture_hold('HOLD', 'f1', pg_temp.move('ben', 'ann', '1.00 USD'), 'f2')$$, 'LG033', NULL, 'no capture');
SELECT lives_ok($$SELECT release_hold('HOLD', 'f1', 'f2', '1.00 USD')$$, 'but a release');
SELECT is((SELECT remaining FROM authorise_hold('HOLD', pg_temp.of('ben'), '10.00 USD', 'f1')), '9.00 USD', 'and a repetition is answered');
SELECT unfreeze_account(pg_temp.of('ben'), 'test') \g /dev/null
SELECT freeze_account(pg_temp.of('ben'), 'credit', 'test') \g /dev/null
SELECT lives_ok($$SELECT increase_hold('HOLD', 'f1', '1.00 USD', 'f3')$$, 'frozen for credits: holds go on');
SELECT unfreeze_account(pg_temp.of('ben'), 'test') \g /dev/null
SELECT close_account(pg_temp.of('coin'), 'test') \g /dev/null
SELECT throws_ok($$SELECT authorise_hold('HOLD', pg_temp.of('coin'), '1.00 BTC', 'f4')$$, 'LG032', NULL, 'closed: no hold');
SELECT release_hold('HOLD', 'f1', 'f5') \g /dev/null
SELECT pg_temp.ties();

SELECT * FROM finish();
ROLLBACK;
