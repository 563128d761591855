-- Windows: bounds across clock changes and session settings, tiling, membership, states.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();
\ir lib/settlement_event.psql

-- ---------------------------------------------------------------------------
-- Bounds
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE bound AS SELECT day::date, b.* FROM generate_series(date '2026-01-01', '2026-12-31', interval '1 day') AS day, window_bounds(day::date) AS b;
SELECT results_eq($$SELECT day, to_at - from_at FROM bound WHERE to_at - from_at <> interval '24 hours' ORDER BY day$$,
	$$VALUES (date '2026-03-08', interval '23 hours'), ('2026-11-01', '25 hours')$$,
	'a window lasts 24 hours, but 23 or 25 when clocks change');
SELECT results_eq($$SELECT from_at, to_at FROM bound WHERE day IN ('2026-03-08', '2026-11-01') ORDER BY day$$,
	$$VALUES (timestamptz '2026-03-07 15:00Z', timestamptz '2026-03-08 14:00Z'), ('2026-10-31 14:00Z', '2026-11-01 15:00Z')$$,
	'the windows over clock changes end at 09:00 Central, in either offset');
SELECT is_empty($$SELECT * FROM bound a JOIN bound b ON b.day = a.day + 1 WHERE a.to_at <> b.from_at$$,
	'the bounds of windows tile the year');
SELECT is_empty($$SELECT * FROM bound WHERE (to_at AT TIME ZONE 'America/Chicago')::time <> '09:00'$$,
	'every window ends at 09:00 Central');

CREATE FUNCTION pg_temp.under(zone text, style text) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('TimeZone', zone, true), set_config('DateStyle', style, true);
	RETURN QUERY SELECT extract(epoch FROM b.to_at)::bigint * 1000000 FROM generate_series(0, 364) AS n, window_bounds(date '2026-01-01' + n) AS b;
	RETURN QUERY SELECT extract(epoch FROM w.to_at)::bigint * 1000000 FROM generate_series(0, 364) AS n,
		window_of('QRST', timestamptz 'epoch' + make_interval(secs => 1767225600 + n * 86400 + 52199)) AS w;
	PERFORM set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true);
END $$;
SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT', at => '2025-03-01Z') \g /dev/null
CREATE TEMP TABLE plain AS SELECT row_number() OVER () AS n, u FROM pg_temp.under('UTC', 'ISO') AS u;
SELECT results_eq(format('SELECT pg_temp.under(%L, %L)', zone, style), 'SELECT u FROM plain ORDER BY n', format('bounds and membership do not depend on TimeZone %s, DateStyle %s', zone, style))
FROM (VALUES ('America/Chicago', 'SQL, DMY'), ('Asia/Tokyo', 'German'), ('Pacific/Kiritimati', 'ISO, YMD'), ('America/New_York', 'Postgres, MDY'), ('Etc/GMT+12', 'ISO')) AS s (zone, style);

CREATE FUNCTION pg_temp.everywhere() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	zone text;
	answer text;
BEGIN
	FOR zone IN SELECT name FROM pg_timezone_names WHERE name !~ '^(posix|right)/' LOOP
		PERFORM set_config('TimeZone', zone, true);
		SELECT concat_ws(' ', extract(epoch FROM s.from_at), extract(epoch FROM s.to_at), extract(epoch FROM a.from_at), extract(epoch FROM a.to_at),
			(window_of('QRST', to_timestamp(1772978399.999999))).closes_on - date '2026-01-01', (window_of('QRST', to_timestamp(1772978400))).closes_on - date '2026-01-01')
		INTO answer FROM window_bounds('2026-03-08') AS s, window_bounds('2026-11-01') AS a;
		PERFORM set_config('TimeZone', 'UTC', true);
		RETURN NEXT answer;
	END LOOP;
END $$;
SELECT results_eq('SELECT DISTINCT z FROM pg_temp.everywhere() AS z', $$VALUES ('1772895600.000000 1772978400.000000 1793455200.000000 1793545200.000000 66 67')$$,
	'bounds and membership are the same in every time zone of the server');

SELECT is((window_of('QRST', '2026-03-08 08:59:59.999999 America/Chicago')).closes_on, '2026-03-08',
	'the last microsecond before the cut-off is in the window in spring');
SELECT is((window_of('QRST', '2026-03-08 09:00 America/Chicago')).closes_on, '2026-03-09',
	'the instant of the cut-off is in the next window in spring');
SELECT is((window_of('QRST', '2026-11-01 08:59:59.999999 America/Chicago')).closes_on, '2026-11-01',
	'the last microsecond before the cut-off is in the window in autumn');
SELECT is((window_of('QRST', '2026-11-01 09:00 America/Chicago')).closes_on, '2026-11-02',
	'the instant of the cut-off is in the next window in autumn');
SELECT is((window_of('QRST', '2026-03-07 09:00 America/Chicago')).closes_on, '2026-03-08',
	'the first instant of a window is in it');
SELECT results_eq($$SELECT to_at FROM window_bounds('2026-06-01', '17:30', 'Europe/Zurich')$$, $$VALUES (timestamptz '2026-06-01 15:30Z')$$,
	'a window can end at any time of day in any zone');

-- ---------------------------------------------------------------------------
-- Closing a chain of them, across both clock changes
-- ---------------------------------------------------------------------------
SELECT open_customer(client => 'QRST', customer => 'QRST0001') \g /dev/null
SELECT open_provider('lp1', 'First Provider') \g /dev/null
CREATE FUNCTION pg_temp.buy(reference text, executed_at timestamptz) RETURNS text LANGUAGE sql AS
	$$ SELECT outcome FROM post_trade('QRST0001', 'BUY', '0.001 BTC', 'lp1', reference, provider_price => '60000 USD/BTC', executed_at => executed_at) $$;

SELECT is(pg_temp.buy('before all', '2025-03-01 12:00Z'), 'posted', 'an execution before the first window can be posted');
SELECT is(pg_temp.buy('spring in', '2025-03-09 08:59:59.999999 America/Chicago'), 'posted',
	'an execution at the last instant of a short window can be posted');
SELECT is(pg_temp.buy('spring out', '2025-03-09 09:00:00 America/Chicago'), 'posted',
	'an execution at the first instant after a short window can be posted');
SELECT is(pg_temp.buy('spring from', '2025-03-08 09:00:00 America/Chicago'), 'posted',
	'an execution at the first instant of a short window can be posted');
SELECT throws_ok($$SELECT close_window('QRST', '2025-03-08', '2025-03-08 14:59:59.999999Z')$$, 'LG072', NULL,
	'a window is not closed before its end');
SELECT throws_ok($$SELECT close_window('QRST', NULL)$$, 'LG070', NULL, 'closing a window without a date is refused');
SELECT throws_ok($$SELECT close_window('QRST', '2199-01-01', '2199-02-01')$$, 'LG061', NULL,
	'closing a window ahead of the clock is refused');
SELECT throws_ok($$SELECT close_window('NONE', '2025-03-08')$$, 'LG010', NULL,
	'closing a window of an unknown client is refused');
SELECT results_eq($$SELECT settlement_window, status FROM close_window('QRST', '2025-03-08', '2025-03-08 15:00Z') LIMIT 1$$, $$VALUES ('W1', 'SEALED')$$,
	'closing the first window seals it as W1');
SELECT results_eq($$SELECT reference FROM window_members('QRST', '2025-03-08')$$, $$VALUES ('before all')$$,
	'the first window takes executions older than itself');
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT is((SELECT amount FROM close_window('QRST', '2025-03-09', '2025-03-09 15:00Z') LIMIT 1), '120.00 USD',
	'the obligation of the short window is that of its two executions');
SET LOCAL TimeZone = 'UTC';
SELECT is((SELECT to_at - from_at FROM settlement_window WHERE closes_on = '2025-03-09'), interval '23 hours',
	'the window over the spring clock change is 23 hours long');
SELECT results_eq($$SELECT from_offset, to_offset FROM settlement_window WHERE closes_on = '2025-03-09'$$, $$VALUES (interval '-6 hours', interval '-5 hours')$$,
	'a window keeps the UTC offsets it was computed with');
SELECT throws_ok($$SELECT close_window('QRST', '2025-03-07')$$, 'LG070', NULL,
	'closing a window before the first one is refused');
SELECT results_eq($$SELECT reference FROM window_members('QRST', '2025-03-09')$$, $$VALUES ('spring from'), ('spring in')$$,
	'the members of a window are listed in order of execution');
SELECT is((SELECT settlement_window FROM close_window('QRST', '2025-03-20', '2025-03-20 14:00Z') LIMIT 1), 'W13',
	'closing a window closes all before it');
SELECT is((SELECT count(*) FROM settlement_window WHERE status = 'SEALED' AND NOT EXISTS (SELECT FROM window_members('QRST', closes_on))), 10::bigint,
	'a window without executions is sealed like any other');
SELECT results_eq($$SELECT min(window_no), max(window_no), count(*) FROM settlement_window$$, $$VALUES (1, 13, 13::bigint)$$,
	'the numbers of windows have no gap');
SELECT results_eq($$SELECT settlement_window, obligations FROM close_due_windows('2025-03-22 14:00Z', 'QRST')$$, $$VALUES ('W14', 0::bigint), ('W15', 0)$$,
	'a run closes the windows that have ended and no others');
SELECT is_empty($$SELECT * FROM close_due_windows('2025-03-22 14:00Z', 'QRST')$$, 'a second run at one instant closes no window');

-- a changed cut-off bends the next window, it tears none
SELECT change_client('QRST', cut_time => '12:00') \g /dev/null
SELECT results_eq($$SELECT from_at, to_at FROM close_window('QRST', '2025-03-23', '2025-03-23 17:00Z')$$, $$VALUES (timestamptz '2025-03-22 14:00Z', timestamptz '2025-03-23 17:00Z')$$,
	'a later cut-off makes the next window longer');
SELECT is((window_of('QRST', '2025-03-22 15:00Z')).closes_on, '2025-03-23',
	'a window made longer holds what lies between the old end and the new');
SELECT change_client('QRST', cut_time => '09:00') \g /dev/null
SELECT is((SELECT to_at - from_at FROM close_window('QRST', '2025-03-24', '2025-03-24 17:00Z')), interval '21 hours',
	'an earlier cut-off makes the next window shorter');
SELECT is_empty($$SELECT * FROM settlement_window a JOIN settlement_window b ON b.client_id = a.client_id AND b.window_no = a.window_no + 1 WHERE a.to_at <> b.from_at$$,
	'windows tile over changes of the cut-off');

-- ---------------------------------------------------------------------------
-- Each execution in exactly one window; late ones; sealed ones never change
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE regenerated (closes_on date, fingerprint text);
CREATE FUNCTION pg_temp.fingerprint(client text, closes_on date) RETURNS text LANGUAGE sql AS $$
	SELECT md5(coalesce(string_agg(m::text, E'\n' ORDER BY place), '') || (SELECT string_agg(s::text, E'\n') FROM window_summary(client, closes_on) AS s))
	FROM window_members(client, closes_on) WITH ORDINALITY AS m (journal, kind, customer, reference, client_order_id, symbol, side, quantity, price, net_money,
		provider, funding_model, executed_at, recorded_at, late_from, original, place) $$;
INSERT INTO regenerated SELECT closes_on, pg_temp.fingerprint('QRST', closes_on) FROM settlement_window;

SELECT is(pg_temp.buy('late for W2', '2025-03-09 08:59:59.999999 America/Chicago'), 'posted',
	'an execution of a sealed window can be posted late');
SELECT is(pg_temp.buy('late for all', '2025-02-01 12:00Z'), 'posted',
	'an execution older than the first sealed window can be posted late');
SELECT is(pg_temp.buy('in time', '2025-03-24 14:00Z'), 'posted',
	'an execution at the first instant of the open window can be posted');
SELECT is((SELECT outcome FROM bust_trade('QRST0001', original => 'spring in', reference => 'bust')), 'posted',
	'an execution of a sealed window can be busted');
SELECT results_eq($$SELECT reference, kind, late_from, quantity::text FROM window_members('QRST', '2025-03-25')$$,
	$$VALUES ('late for all', 'trade', 'W1', '0.001 BTC'), ('late for W2', 'trade', 'W2', '0.001 BTC'), ('bust', 'trade_bust', 'W2', '-0.001 BTC'), ('in time', 'trade', NULL, '0.001 BTC')$$,
	'late executions and busts are members of the open window and name their own');
SELECT is((SELECT amount FROM close_window('QRST', '2025-03-25', '2025-03-25 15:00Z') LIMIT 1), '120.00 USD',
	'late executions and busts count in the obligation of the window that has them');
SELECT results_eq($$SELECT reference, late_from FROM window_members('QRST', '2025-03-25')$$,
	$$VALUES ('late for all', 'W1'), ('late for W2', 'W2'), ('bust', 'W2'), ('in time', NULL)$$,
	'the members of a window are the same once it is sealed');
SELECT is((SELECT original FROM window_members('QRST', '2025-03-25') WHERE kind = 'trade_bust'), (SELECT journal_id FROM journal WHERE reference = 'spring in'),
	'a bust among the members of a window names its execution');
SELECT is_empty($$SELECT * FROM regenerated r WHERE fingerprint <> pg_temp.fingerprint('QRST', closes_on)$$,
	'late executions leave sealed windows the same to the byte');
SELECT results_eq($$SELECT buy_count, buy_quantity::text, net_money::text FROM window_summary('QRST', '2025-03-25')$$, $$VALUES (2::bigint, '0.002 BTC', '120.00 USD')$$,
	'the summary of a window counts a bust as one execution less');

-- a random day: batches before and after seals, any order of execution
CREATE FUNCTION pg_temp.random_days() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.25);
	FOR day IN 26..31 LOOP
		FOR n IN 1..40 LOOP
			PERFORM pg_temp.buy(format('random %s/%s', day, n), timestamptz '2025-03-25 14:00Z' + random() * interval '8 days');
		END LOOP;
		PERFORM bust_trade(reference => format('bust %s/%s', day, n), customer => 'QRST0001', original => format('random %s/%s', day, n)) FROM generate_series(1, 3) AS n;
		PERFORM close_window('QRST', make_date(2025, 3, day), make_timestamptz(2025, 3, day, 14, 5, 0, 'UTC'));
		PERFORM bust_trade(reference => format('bust %s/%s', day, n), customer => 'QRST0001', original => format('random %s/%s', day, n)) FROM generate_series(4, 6) AS n;
	END LOOP;
	PERFORM close_due_windows('2025-04-03 14:00Z', 'QRST');
END $$;
SELECT lives_ok('SELECT pg_temp.random_days()', '240 executions and 36 busts can be posted around six seals');
CREATE TEMP TABLE member AS SELECT w.window_no, m.* FROM settlement_window w, window_members('QRST', w.closes_on) AS m;
SELECT is((SELECT count(*) FROM member), (SELECT count(*) FROM journal WHERE terms IS NOT NULL), 'every execution is a member of a window');
SELECT is((SELECT count(DISTINCT journal) FROM member), (SELECT count(*) FROM member), 'no execution is a member of two windows');
SELECT is_empty($$SELECT * FROM member m JOIN settlement_window w USING (window_no) WHERE m.executed_at >= w.to_at$$,
	'no execution is a member of a window that ended before it');
SELECT is_empty($$SELECT * FROM member m JOIN settlement_window w USING (window_no) WHERE (m.late_from IS NOT NULL) <> (m.executed_at < w.from_at AND window_no > 1)$$,
	'a member is marked late when it was executed before its window');
SELECT cmp_ok((SELECT count(*) FROM member WHERE late_from IS NOT NULL), '>', 30::bigint,
	'more than thirty members of windows are late');
SELECT is_empty('SELECT * FROM check_settlement()', 'every window ties to its members');
SELECT is_empty($$SELECT w.window_no FROM settlement_window w LEFT JOIN member m USING (window_no) LEFT JOIN obligation o ON o.window_no = w.window_no AND o.counterparty_kind = 'client'
	GROUP BY w.window_no, o.amount, o.payer HAVING coalesce(sum(m.net_money), '0 USD') <> coalesce(CASE o.payer WHEN 'QRST' THEN o.amount ELSE -o.amount END, '0 USD')$$,
	'the obligation of a window is the sum of its members');
SELECT is_empty($$SELECT w.window_no FROM settlement_window w LEFT JOIN member m USING (window_no)
	GROUP BY w.window_no, w.closes_on HAVING coalesce(sum(m.net_money), '0 USD') <> coalesce((SELECT sum(s.net_money) FROM window_summary('QRST', w.closes_on) AS s), '0 USD')$$,
	'the summary of a window per coin sums to its members (I14)');
SELECT is_empty($$SELECT * FROM settlement_window w, zero_sum_check(w.closes_on) AS z WHERE NOT is_zero(z.difference)$$, 'nets over all counterparties and the company sum to zero (I15)');
SELECT is_empty($$SELECT * FROM regenerated r WHERE fingerprint <> pg_temp.fingerprint('QRST', closes_on)$$,
	'the first sealed windows stay the same to the byte');
SELECT is_empty($$SELECT b.name, b.balance FROM balances('QRST') AS b WHERE b.name ~ '^(Client:settlement|LP:(coin-)?(payable|receivable)):' AND NOT is_zero(b.balance)$$,
	'closed windows leave nothing on the accounts they settle');

-- ---------------------------------------------------------------------------
-- Attacks on the tiling and on sealed windows, even by the owner
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.forge(change jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO window_boundary SELECT client_id, window_no + 1, coalesce((change ->> 'to_at')::timestamptz, to_at + interval '1 day')
	FROM settlement_window ORDER BY window_no DESC LIMIT 1;
	INSERT INTO settlement_window (client_id, window_no, closes_on, from_at, to_at, zone, cut_time, from_offset, to_offset, server_version, cash_calendar, cash_version,
		coin_calendar, coin_version, block_no, executions, status, closed_at, sealed_at)
	SELECT client_id, window_no, closes_on, from_at, to_at, zone, cut_time, from_offset, to_offset, server_version, cash_calendar, cash_version,
		coin_calendar, coin_version, block_no, executions, status, closed_at, sealed_at
	FROM (SELECT (jsonb_populate_record(w, to_jsonb(w) || jsonb_build_object('window_no', window_no + 1, 'closes_on', closes_on + 1, 'from_at', to_at, 'to_at', to_at + interval '1 day') || change)).*
		FROM settlement_window w ORDER BY w.window_no DESC LIMIT 1) AS forged $$;
SELECT throws_ok($$SELECT pg_temp.forge('{"from_at": "2025-04-03 14:00:01Z"}')$$, '23503', NULL,
	'a gap of a second between windows is refused');
SELECT throws_ok($$SELECT pg_temp.forge('{"from_at": "2025-04-03 13:59:59Z"}')$$, '23P01', NULL,
	'an overlap of windows by a second is refused');
SELECT throws_ok($$SELECT pg_temp.forge('{"window_no": 100}')$$, '23503', NULL, 'a window that leaves out a number is refused');
SELECT throws_ok($$SELECT pg_temp.forge('{"to_at": "2025-04-03 14:00Z"}')$$, '23514', NULL, 'a window of no duration is refused');
SELECT throws_ok($$SELECT pg_temp.forge('{"to_at": "infinity"}')$$, '23514', NULL, 'a window without an end is refused');
SELECT throws_ok($$SELECT pg_temp.forge('{"closes_on": "2025-03-09"}')$$, '23505', NULL,
	'a second window that closes on a date is refused');
SELECT throws_ok($$INSERT INTO window_boundary SELECT client_id, boundary_no, at + interval '1 second' FROM window_boundary WHERE boundary_no = 3$$, '23505', NULL,
	'a second end of a window is refused');
SELECT throws_ok($$UPDATE window_boundary SET at = at + interval '1 second'$$, 'LG066', NULL,
	'the boundary of a window is never moved');
SELECT throws_ok($$SELECT pg_temp.forge('{"window_no": 1, "from_at": "2025-01-01Z", "to_at": "2025-01-02Z"}')$$, '23505', NULL,
	'a second first window is refused');
SELECT throws_ok($$UPDATE settlement_window SET to_at = to_at + interval '1 second' WHERE window_no = 2$$, 'LG066', NULL,
	'the end of a sealed window is never moved');
SELECT throws_ok($$UPDATE settlement_window SET block_no = block_no + 1 WHERE window_no = 2$$, 'LG066', NULL,
	'the block up to which a window was sealed is never changed');
CREATE FUNCTION pg_temp.named(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found	text;
BEGIN
	EXECUTE change;
	found := (SELECT string_agg(format('%s "%s": %s', v.subject, v.subject_key, v.detail), ' ') FROM verify_states() AS v);
	RAISE EXCEPTION USING ERRCODE = 'ZZ001';
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN found;
END $$;
SELECT matches(pg_temp.named($$UPDATE settlement_window SET status = 'SETTLED' WHERE window_no = 2$$), '^settlement_window "2": status is "SETTLED", its events say "SEALED".$',
	'a sealed window that was made to jump to being settled is named by verify()');
SELECT throws_ok($$SELECT change_window(w, 'settled', now()) FROM settlement_window AS w WHERE w.window_no = 2$$, 'LG071', 'window W2 cannot be settled',
	'a sealed window does not jump to being settled');
SELECT throws_ok($$DELETE FROM settlement_window$$, 'LG066', NULL, 'a window is never deleted');
SELECT throws_ok($$DELETE FROM event$$, 'LG066', NULL, 'the record of who changed a window is never deleted');
SELECT throws_ok($$UPDATE event SET actor_id = 0$$, 'LG066', NULL,
	'the record of who changed a window is never changed');
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$UPDATE settlement_window SET closed_at = now() WHERE window_no = 2$$, 'LG066', NULL,
	'a sealed window is never changed even in replica mode');
SELECT throws_ok($$SELECT pg_temp.forge('{"from_at": "2025-04-03 13:59:59Z"}')$$, '23P01', NULL,
	'an overlap of windows is refused even in replica mode');
SET LOCAL session_replication_role = origin;

-- ---------------------------------------------------------------------------
-- States
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT agree_window('QRST', '2025-03-09')$$, 'LG071', NULL, 'a window is not agreed before it was advised');
SELECT throws_ok($$SELECT dispute_window('QRST', '2025-03-09', 'wrong')$$, 'LG071', NULL,
	'a window is not disputed before it was advised');
SELECT throws_ok($$SELECT advise_window('QRST', '2030-03-09')$$, 'LG070', NULL, 'a window that is not closed is not advised');
SELECT is((SELECT executions FROM settlement_window WHERE closes_on = '2025-03-09'), NULL,
	'the executions of a window are not counted before its proof');
SELECT is((advise_window('QRST', '2025-03-09', at => '2025-03-09 15:30Z')).status, 'ADVISED', 'a sealed window can be advised');
SELECT is((SELECT executions FROM settlement_window WHERE closes_on = '2025-03-09'), 2::bigint,
	'advising a window counts its executions');
SELECT throws_ok($$UPDATE settlement_window SET executions = 3 WHERE closes_on = '2025-03-09'$$, 'LG066', NULL,
	'the count of a window''s executions is never changed');
SELECT results_eq($$SELECT outcome, replayed, client, settlement_window, closes_on, status FROM advise_window('QRST', '2025-03-09', at => '2025-03-09 15:31Z')$$,
	$$VALUES ('advised', true, 'QRST', 'W2', date '2025-03-09', 'ADVISED')$$, 'advising a window again is no error');
SELECT throws_ok($$SELECT dispute_window('QRST', '2025-03-09', '')$$, 'LG002', NULL, 'a dispute without a reason is refused');
SELECT is((dispute_window('QRST', '2025-03-09', 'one trade is not ours', '2025-03-09 16:00Z')).status, 'DISPUTED',
	'an advised window can be disputed with a reason');
SELECT results_eq($$SELECT outcome, replayed, status FROM dispute_window('QRST', '2025-03-09', 'one trade is not ours')$$, $$VALUES ('disputed', true, 'DISPUTED')$$,
	'disputing a window again is answered as it was first');
SELECT is((agree_window('QRST', '2025-03-09', 'found it', '2025-03-09 17:00Z')).status, 'AGREED', 'a disputed window can be agreed');
SELECT results_eq($$SELECT outcome, replayed, status FROM agree_window('QRST', '2025-03-09', 'found it')$$, $$VALUES ('agreed', true, 'AGREED')$$,
	'agreeing to a window again is answered as it was first');
SELECT throws_ok($$SELECT advise_window('QRST', '2025-03-09')$$, 'LG071', NULL, 'an agreed window is not advised again');
SELECT throws_ok($$SELECT dispute_window('QRST', '2025-03-09', 'one trade is not ours')$$, 'LG071', NULL, 'a dispute that was settled is not repeated');
SELECT results_eq($$SELECT concat_ws(' ', event_no, status, to_char(at AT TIME ZONE 'UTC', 'HH24:MI'), reason) COLLATE "C" FROM window_event
		WHERE window_no = 2 AND role_name = current_user ORDER BY event_no$$,
	$$SELECT e COLLATE "C" FROM unnest('{1 CLOSING 15:00,2 SEALED 15:00,3 ADVISED 15:30,4 DISPUTED 16:00 one trade is not ours,5 AGREED 17:00 found it}'::text[]) AS e$$,
	'each change of a window''s state records when, who and why');
SELECT results_eq($$SELECT outcome, replayed, status FROM advise_window('QRST', '2025-03-12')$$, $$VALUES ('advised', false, 'SETTLED')$$,
	'a window that owes nothing is settled when it is advised, without anybody''s agreement');
SELECT results_eq($$SELECT outcome, replayed, status FROM advise_window('QRST', '2025-03-12')$$, $$VALUES ('advised', true, 'SETTLED')$$,
	'advising a window again that was settled at once is answered as it was first');
SELECT results_eq($$SELECT outcome, replayed, status FROM agree_window('QRST', '2025-03-12')$$, $$VALUES ('agreed', true, 'SETTLED')$$,
	'agreeing to a window that was settled at once is no error');

SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');

SELECT * FROM finish();
ROLLBACK;
