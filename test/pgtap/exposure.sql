-- Limits of clients and providers and whether a client may trade, in single trades, batches, chains, dry runs, corrections and busts.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();
\i test/pgtap/lib/event.psql
\i test/pgtap/lib/reference_data_event.psql

CREATE ROLE exposure_tenant IN ROLE bakkt_ledger_reader;
CREATE ROLE exposure_stranger IN ROLE bakkt_ledger_reader;
CREATE ROLE exposure_desk IN ROLE bakkt_ledger_executor;
SELECT open_client(c, funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z') FROM unnest('{QRST,FREE,CALL,PROV,SETL}'::text[]) c \g /dev/null
SELECT change_client('CALL', funding_model => 'BAKKT_TPJ'), change_client(c, price_band_bps => 0) FROM unnest('{QRST,FREE,CALL,PROV,SETL}'::text[]) c \g /dev/null
SELECT open_customers(c, ARRAY[c || '0001', c || '0002']) FROM unnest('{QRST,FREE,CALL,PROV,SETL}'::text[]) c \g /dev/null
SELECT open_provider(p, p) FROM unnest('{LP1,LP2}'::text[]) p \g /dev/null
SELECT deposit_coin(customer_code, '100 BTC', 'coin ' || customer_code) FROM customer \g /dev/null
SELECT grant_client_access('QRST', 'exposure_tenant'), grant_client_access('QRST', 'exposure_desk') \g /dev/null

CREATE FUNCTION pg_temp.request(reference text, side text, quantity text, linked boolean DEFAULT false, account text DEFAULT 'QRST0001', provider text DEFAULT 'LP1',
	executed_at timestamptz DEFAULT NULL) RETURNS trade_request LANGUAGE sql AS $$
	SELECT ROW(account, side, (quantity || ' BTC')::bakkt_ledger.amount, provider, reference, '1000 USD/BTC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, executed_at, NULL, NULL, linked)::bakkt_ledger.trade_request $$;
-- what came of one execution of that many thousand dollars
CREATE FUNCTION pg_temp.trade(reference text, side text, quantity text, account text DEFAULT 'QRST0001', provider text DEFAULT 'LP1', executed_at timestamptz DEFAULT NULL) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT coalesce(r.sqlstate, r.outcome) FROM bakkt_ledger.post_trades(ARRAY[pg_temp.request($1, $2, $3, false, $4, $5, $6)]) r $$;
CREATE FUNCTION pg_temp.outcomes(requests trade_request[], dry_run boolean DEFAULT false) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT string_agg(coalesce(r.sqlstate, r.outcome), ' ' ORDER BY r.request) FROM bakkt_ledger.post_trades(requests, dry_run => dry_run) r $$;
CREATE FUNCTION pg_temp.owes(client text DEFAULT 'QRST') RETURNS text LANGUAGE sql AS $$ SELECT value(net_debit)::text FROM bakkt_ledger.client_exposure(client) WHERE asset = 'USD' $$;
CREATE FUNCTION pg_temp.traded(client text DEFAULT 'QRST') RETURNS text LANGUAGE sql AS $$ SELECT value(daily_gross)::text FROM bakkt_ledger.client_exposure(client) WHERE asset = 'USD' $$;

-- ---------------------------------------------------------------------------
-- The net debit cap
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.trade('n1', 'BUY', '2'), 'posted', 'a client without limits trades freely');
SELECT is(pg_temp.owes(), '2000.00', 'a client owes its purchases from their execution on');
SELECT is((change_exposure_limits('QRST', 'USD', net_debit_cap => '10000 USD', reason => 'agreed')).outcome, 'changed', 'a cap can be set');
SELECT is(pg_temp.trade('n2', 'BUY', '8.001'), 'LG092', 'a purchase beyond the cap is refused, counting what was owed before the cap was set');
SELECT is((SELECT facts FROM post_trades(ARRAY[pg_temp.request('n2', 'BUY', '8.001')])),
	'{"client": "QRST", "limit": "10000.00 USD", "net_debit": "2000.00 USD", "trade": "8001.00 USD"}'::jsonb, 'a refusal tells the cap, what is owed and what the trade would add');
SELECT is(pg_temp.trade('n3', 'BUY', '8'), 'posted', 'a purchase may reach exactly the cap');
SELECT is(pg_temp.trade('n4', 'BUY', '0.001'), 'LG092', 'at the cap, no purchase is posted');
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '1 BTC', 'LP1', 'single', '1000 USD/BTC')$$, 'LG092', NULL, 'a single trade beyond the cap raises');
SELECT is(pg_temp.trade('n5', 'SELL', '3'), 'posted', 'a sale is let through at the cap');
SELECT is(pg_temp.owes(), '7000.00', 'a sale lowers what the client owes');
SELECT is(pg_temp.trade('n4', 'BUY', '0.001'), 'LG092', 'a refusal stays under its reference when there is room again');
SELECT is(pg_temp.trade('n6', 'BUY', '3'), 'posted', 'a sale makes room for purchases');
SELECT change_exposure_limits('QRST', 'USD', net_debit_cap => '5000 USD') \g /dev/null
SELECT is(pg_temp.trade('n7', 'SELL', '1'), 'posted', 'a sale is let through above a cap that was lowered');
SELECT is(pg_temp.trade('n8', 'BUY', '0.5'), 'LG092', 'no purchase is posted above a cap that was lowered');
SELECT is((SELECT outcome FROM bust_trade('QRST0001', 'n5', 'bust of a sale')), 'posted', 'a bust of a sale is never refused for the cap');
SELECT is(pg_temp.owes(), '12000.00', 'a bust of a sale raises what the client owes, above the cap');
SELECT is((SELECT outcome FROM bust_trade('QRST0001', 'n3', 'bust of a purchase')), 'posted', 'a bust of a purchase lowers what the client owes');
SELECT is(pg_temp.owes(), '4000.00', 'busts count with the opposite sign');
SELECT is(pg_temp.trade('n9', 'BUY', '1'), 'posted', 'after a bust there is room again');
SELECT change_exposure_limits('QRST', 'USD', net_debit_cap => '0 USD') \g /dev/null
SELECT is(pg_temp.trade('n10', 'SELL', '8'), 'posted', 'under a cap of zero sales are let through');
SELECT is(pg_temp.trade('n11', 'BUY', '3'), 'posted', 'under a cap of zero a client buys for what it is owed');
SELECT is(pg_temp.trade('n12', 'BUY', '0.01'), 'LG092', 'under a cap of zero a client never owes');
SELECT change_exposure_limits('QRST', 'USD') \g /dev/null
SELECT is(pg_temp.trade('n13', 'BUY', '20'), 'posted', 'a cap that is left out is none');

-- what is no execution counts as well
SELECT change_exposure_limits('QRST', 'USD', net_debit_cap => '30000 USD') \g /dev/null
SELECT is(pg_temp.trade('n14', 'BUY', '0.1'), 'posted', 'what is owed is followed from one call to the next');
SELECT is(pg_temp.trade('n15', 'BUY', '9.9'), 'posted', 'up to the cap');
SELECT is(pg_temp.trade('n16', 'BUY', '0.01'), 'LG092', 'and no further');
SELECT seal() \g /dev/null
SELECT is(pg_temp.owes(), '30000.00', 'a block changes nothing of what is owed');
SELECT is(pg_temp.trade('n17', 'BUY', '0.01'), 'LG092', 'nor of what is refused');

-- from the execution to the wire
SELECT change_exposure_limits('SETL', 'USD', net_debit_cap => '10000 USD') \g /dev/null
SELECT is(pg_temp.trade('w1', 'BUY', '9', 'SETL0001', executed_at => clock_timestamp() - interval '5 days'), 'posted', 'an execution of days ago counts as well');
SELECT count(*) FROM close_window('SETL', (clock_timestamp() - interval '3 days')::date) \g /dev/null
SELECT is(pg_temp.owes('SETL'), '9000.00', 'what a window has novated is still owed');
SELECT is(pg_temp.trade('w2', 'BUY', '2', 'SETL0001'), 'LG092', 'and counts under the cap');
SELECT count(*) FROM record_wire('SETL', 'received', '4000 USD', 'wire 1') \g /dev/null
SELECT is(pg_temp.owes('SETL'), '5000.00', 'a wire lowers what the client owes');
SELECT is(pg_temp.trade('w3', 'BUY', '5', 'SETL0001'), 'posted', 'and makes room at once');
SELECT count(*) FROM record_wire('SETL', 'received', '8000 USD', 'wire 2') \g /dev/null
SELECT is(pg_temp.owes('SETL'), '2000.00', 'unapplied money lowers what the client owes');
SELECT is(pg_temp.trade('w4', 'BUY', '8', 'SETL0001'), 'posted', 'money paid ahead makes room for as much');
SELECT is(pg_temp.trade('w5', 'BUY', '0.01', 'SETL0001'), 'LG092', 'and for no more');

-- ---------------------------------------------------------------------------
-- Batches, chains, dry runs
-- ---------------------------------------------------------------------------
SELECT change_exposure_limits('FREE', 'USD', net_debit_cap => '1000 USD') \g /dev/null
CREATE FUNCTION pg_temp.free(reference text, side text, quantity text, linked boolean DEFAULT false) RETURNS trade_request LANGUAGE sql AS $$ SELECT pg_temp.request($1, $2, $3, $4, 'FREE0001') $$;
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.free('b1', 'BUY', '0.6'), pg_temp.free('b2', 'BUY', '0.6'), pg_temp.free('b3', 'SELL', '0.3'), pg_temp.free('b4', 'BUY', '0.7')], true),
	'posted LG092 posted posted', 'a dry run judges by the cap');
SELECT is(pg_temp.owes('FREE'), '0.00', 'a dry run leaves nothing owed');
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.free('b1', 'BUY', '0.6'), pg_temp.free('b2', 'BUY', '0.6'), pg_temp.free('b3', 'SELL', '0.3'), pg_temp.free('b4', 'BUY', '0.7')]),
	'posted LG092 posted posted', 'later trades of a batch see earlier ones, and refused ones do not count');
SELECT is(pg_temp.owes('FREE'), '1000.00', 'a batch leaves the client at its cap');
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.free('c1', 'SELL', '0.5', true), pg_temp.free('c2', 'SELL', '5000', false), pg_temp.free('c3', 'BUY', '0.1')]), 'LG060 LG050 LG092',
	'a sale that falls with its chain makes no room');
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.free('c4', 'SELL', '0.5', true), pg_temp.free('c5', 'BUY', '0.5')]), 'posted posted', 'within a chain a sale makes room');
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.free('c6', 'SELL', '0.2', true), pg_temp.free('c7', 'BUY', '0.5'), pg_temp.free('c8', 'BUY', '0.1')]), 'LG060 LG092 LG092', 'a chain falls with the member that the cap refuses');
SELECT throws_ok($$SELECT * FROM post_trades(ARRAY[pg_temp.free('d1', 'SELL', '0.1'), pg_temp.free('d2', 'BUY', '0.2')], strict => true)$$, 'LG092', NULL, 'a strict batch raises');
SELECT is(pg_temp.owes('FREE'), '1000.00', 'a batch that is refused as a whole leaves nothing');
SELECT is(pg_temp.trade('d3', 'BUY', '0.05', 'FREE0001'), 'LG092', 'what a call undid makes no room');
DO $$
BEGIN
	PERFORM bakkt_ledger.post_trade('FREE0001', 'SELL', '0.4 BTC', 'LP1', 'undone', '1000 USD/BTC');
	PERFORM bakkt_ledger.post_trade('FREE0001', 'SELL', '0.1 BTC', 'LP1', 'undone 2', '1000 USD/BTC');
	RAISE no_data_found;
EXCEPTION WHEN no_data_found THEN
	NULL;
END $$;
SELECT is(pg_temp.trade('d4', 'BUY', '0.05', 'FREE0001'), 'LG092', 'what a subtransaction undid makes no room');
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.free('b1', 'BUY', '0.6'), pg_temp.free('b4', 'BUY', '0.7')]), 'posted posted', 'a repeated trade has its outcome whatever is owed now');

-- what another rule refuses after the limits counts no more than what they refuse
SELECT change_client('FREE', price_band_bps => 100), change_exposure_limits('FREE', 'USD', net_debit_cap => '2000 USD') \g /dev/null
SELECT is((SELECT string_agg(coalesce(r.sqlstate, r.outcome), ' ' ORDER BY r.request) FROM post_trades(ARRAY[
	ROW('FREE0001', 'BUY', '1 BTC', 'LP1', 'far', '900 USD/BTC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::trade_request, pg_temp.free('near', 'BUY', '1')]) AS r),
	'LG049 posted', 'a purchase that the price band refuses takes no room under the cap');
SELECT change_client('FREE', price_band_bps => 0), change_exposure_limits('FREE', 'USD', net_debit_cap => '1000 USD') \g /dev/null

-- ---------------------------------------------------------------------------
-- One execution, and all of a day
-- ---------------------------------------------------------------------------
SELECT change_exposure_limits('CALL', 'USD', trade_limit => '1000 USD', daily_gross_limit => '3000 USD') \g /dev/null
SELECT is(pg_temp.trade('t1', 'BUY', '1.001', 'CALL0001'), 'LG091', 'an execution above the limit per trade is refused');
SELECT is(pg_temp.trade('t2', 'SELL', '1.001', 'CALL0001'), 'LG091', 'a sale above the limit per trade is refused');
SELECT is(pg_temp.trade('t3', 'BUY', '1', 'CALL0001'), 'posted', 'an execution may be worth exactly the limit per trade');
SELECT is(pg_temp.owes('CALL'), '0.00', 'what customers are called for is not owed by the client');
SELECT is(pg_temp.trade('t4', 'SELL', '1', 'CALL0001'), 'posted', 'a second execution of the day is posted');
SELECT is(pg_temp.traded('CALL'), '2000.00', 'purchases and sales add up to the day''s gross');
SELECT is(pg_temp.trade('t5', 'SELL', '1', 'CALL0002'), 'posted', 'the day''s gross may reach exactly its limit, over all customers');
SELECT is(pg_temp.trade('t6', 'SELL', '0.001', 'CALL0001'), 'LG093', 'an execution beyond the daily gross limit is refused');
SELECT is((SELECT facts FROM post_trades(ARRAY[pg_temp.request('t6', 'SELL', '0.001', false, 'CALL0001')])),
	'{"client": "CALL", "limit": "3000.00 USD", "daily_gross": "3000.00 USD", "trade": "1.00 USD"}'::jsonb, 'a refusal tells the limit, what was traded and the trade');
-- a session that begins anew, at a block
SELECT seal(), change_exposure_limits('CALL', 'USD', net_debit_cap => '1 USD') \g /dev/null
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.request('t6a', 'SELL', '0.001', false, 'CALL0001')], true), 'posted', 'without a daily limit the day is not counted');
SELECT change_exposure_limits('CALL', 'USD', trade_limit => '1000 USD', daily_gross_limit => '3000.50 USD') \g /dev/null
SELECT is(pg_temp.trade('t6b', 'SELL', '0.001', 'CALL0001'), 'LG093', 'what a block has of the day counts as well');
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.request('t6c', 'SELL', '0.0005', false, 'CALL0001')], true), 'posted', 'and once');
SELECT change_exposure_limits('CALL', 'USD', trade_limit => '1000 USD', daily_gross_limit => '3000 USD') \g /dev/null
SELECT is((SELECT outcome FROM bust_trade('CALL0001', 't4', 'bust t4')), 'posted', 'a bust is not refused for the daily gross limit');
SELECT is(pg_temp.traded('CALL'), '2000.00', 'what is busted on its day is not traded');
SELECT is(pg_temp.trade('t7', 'BUY', '0.5', 'CALL0001'), 'posted', 'a bust makes room in the day');
SELECT results_eq($$SELECT outcome FROM correct_trade('CALL0001', 'BUY', '0.9 BTC', 'LP1', 't7c', original => 't7')$$, $$VALUES ('posted'), ('posted')$$,
	'a correction takes the place of its original in the day''s gross');
SELECT throws_ok($$SELECT * FROM correct_trade('CALL0001', 'BUY', '1.1 BTC', 'LP1', 't7d', original => 't7c')$$, 'LG091', NULL, 'a correction above the limit per trade and its original is refused');
SELECT change_exposure_limits('CALL', 'USD', trade_limit => '100 USD', daily_gross_limit => '100 USD') \g /dev/null
SELECT results_eq($$SELECT outcome FROM correct_trade('CALL0001', 'BUY', '0.8 BTC', 'LP1', 't7e', original => 't7c')$$, $$VALUES ('posted'), ('posted')$$,
	'a correction that is no larger than its original is never refused for a limit');
SELECT throws_ok($$SELECT * FROM correct_trade('CALL0001', 'BUY', '0.81 BTC', 'LP1', 't7f', original => 't7e')$$, 'LG091', NULL, 'a correction that is larger is');
SELECT change_exposure_limits('CALL', 'USD', daily_gross_limit => '100 USD') \g /dev/null
SELECT throws_ok($$SELECT * FROM correct_trade('CALL0001', 'BUY', '0.81 BTC', 'LP1', 't7f', original => 't7e')$$, 'LG093', NULL, 'a correction that raises the day''s gross above its limit is refused');

-- days go from cut-off to cut-off: with the clock at any hour, a zone where it is far from midnight
SELECT CASE WHEN extract(hour FROM clock_timestamp() AT TIME ZONE 'UTC') BETWEEN 3 AND 20 THEN 'UTC' ELSE 'Asia/Tokyo' END AS zone \gset
SELECT change_client('PROV', zone => :'zone', cut_time => ((clock_timestamp() AT TIME ZONE :'zone') + interval '1 hour')::time(0)),
	change_exposure_limits('PROV', 'USD', net_debit_cap => '1000 USD', daily_gross_limit => '2000 USD') \g /dev/null
SELECT is(pg_temp.trade('y1', 'BUY', '0.9', 'PROV0001'), 'posted', 'a purchase of the first window is posted');
SELECT is(pg_temp.trade('y2', 'SELL', '0.9', 'PROV0001'), 'posted', 'a sale of the first window is posted');
SELECT is(pg_temp.trade('y3', 'BUY', '0.3', 'PROV0001'), 'LG093', 'the first window''s limit is used up');
SELECT is((SELECT window_date FROM client_exposure('PROV')), (clock_timestamp() AT TIME ZONE :'zone')::date, 'the day is named by the date of the cut-off that ends it');

-- ---------------------------------------------------------------------------
-- Four fifths of the cap
-- ---------------------------------------------------------------------------
CREATE TEMP VIEW alert AS
	SELECT c.code, e.event COLLATE "default" AS event, e.amount, e.changed ->> 'net_debit_cap' AS cap FROM event AS e JOIN client AS c USING (client_id) WHERE e.subject = 'exposure_alert';
SELECT results_eq($$SELECT event, amount::text, cap FROM alert WHERE code = 'FREE'$$, $$VALUES ('cap_nearly_reached', '1000.00 USD', '1000.00 USD')$$,
	'one event tells that a client has come near its cap, however often it does');
SELECT is((SELECT count(*)::int FROM alert WHERE code = 'PROV'), 1, 'a client near its cap has its event');
SELECT ok((SELECT cap_nearly_reached FROM client_exposure('PROV')), 'client_exposure() tells that the cap was nearly reached, also when the client owes less again');
SELECT change_exposure_limits('PROV', 'USD', net_debit_cap => '1000 USD') \g /dev/null
SELECT is(pg_temp.trade('y4', 'BUY', '0.85', 'PROV0001'), 'posted', 'the client comes near its cap again in the same window');
SELECT is((SELECT count(*)::int FROM alert WHERE code = 'PROV'), 1, 'within a window there is one event');
SELECT change_client('PROV', cut_time => ((clock_timestamp() AT TIME ZONE :'zone') - interval '1 second')::time(0)), change_exposure_limits('PROV', 'USD', net_debit_cap => '1000 USD', daily_gross_limit => '100 USD') \g /dev/null
SELECT is((SELECT window_date FROM client_exposure('PROV')), (clock_timestamp() AT TIME ZONE :'zone')::date + 1, 'after the cut-off it is the next day');
SELECT ok(NOT (SELECT cap_nearly_reached FROM client_exposure('PROV')), 'of a new window nothing has been told');
SELECT is((SELECT count(*)::int FROM alert WHERE code = 'PROV'), 1, 'looking records nothing');
SELECT change_exposure_limits('PROV', 'USD', net_debit_cap => '1000 USD') \g /dev/null
SELECT is(pg_temp.trade('y6', 'SELL', '0.01', 'PROV0001'), 'posted', 'a sale is posted in the new window');
SELECT is((SELECT count(*)::int FROM alert WHERE code = 'PROV'), 2, 'a client that is near its cap in the next window has an event for that');
SELECT is(pg_temp.trade('y7', 'SELL', '0.05', 'PROV0001'), 'posted', 'a sale brings it below');
SELECT change_exposure_limits('PROV', 'USD', net_debit_cap => '100000 USD') \g /dev/null
SELECT is(pg_temp.trade('y8', 'BUY', '1', 'PROV0001'), 'posted', 'under a higher cap there is room');
SELECT is((SELECT count(*)::int FROM alert WHERE code = 'PROV'), 2, 'far from its cap a client has no event');

-- ---------------------------------------------------------------------------
-- Whether a client may trade
-- ---------------------------------------------------------------------------
SELECT is((client_status('FREE')).status, 'ACTIVE', 'a client is ACTIVE unless something else was said');
SELECT change_exposure_limits('FREE', 'USD') \g /dev/null
SELECT is((change_client_status('FREE', 'CLOSE_ONLY', reference => 'c1', reason => 'late payment')).outcome, 'changed', 'a client can be made CLOSE_ONLY');
SELECT is((change_client_status('FREE', 'CLOSE_ONLY', reference => 'c1', reason => 'late payment')).replayed, true, 'a change of status that is repeated is the same change');
SELECT throws_ok($$SELECT change_client_status('FREE', 'SUSPENDED', reference => 'c1', reason => 'late payment')$$, 'LG020', NULL, 'another change under the same reference is refused');
SELECT is(pg_temp.trade('s1', 'BUY', '0.1', 'FREE0001'), 'LG094', 'a CLOSE_ONLY client''s customers do not buy');
SELECT is((SELECT facts FROM post_trades(ARRAY[pg_temp.free('s1', 'BUY', '0.1')])), '{"client": "FREE"}'::jsonb, 'the refusal names the client');
SELECT is(pg_temp.trade('s2', 'SELL', '0.1', 'FREE0001'), 'posted', 'a CLOSE_ONLY client''s customers sell');
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.free('s3', 'BUY', '0.1'), pg_temp.free('s4', 'SELL', '0.1')]), 'LG094 posted', 'in a batch only the purchases are refused');
SELECT change_client_status('FREE', 'SUSPENDED', reason => 'fraud') \g /dev/null
SELECT is(pg_temp.outcomes(ARRAY[pg_temp.free('s5', 'BUY', '0.1'), pg_temp.free('s6', 'SELL', '0.1')]), 'LG094 LG094', 'a SUSPENDED client''s customers neither buy nor sell');
SELECT is((SELECT outcome FROM bust_trade('FREE0001', 's2', 'bust s2')), 'posted', 'an execution of a SUSPENDED client can be busted');
SELECT results_eq($$SELECT outcome FROM correct_trade('FREE0001', 'SELL', '0.2 BTC', 'LP1', 's4c', original => 's4')$$, $$VALUES ('posted'), ('posted')$$, 'an execution of a SUSPENDED client can be corrected');
SELECT is((deposit_coin('FREE0001', '1 BTC', 'while suspended')).outcome, 'posted', 'a SUSPENDED client''s customers deposit');
SELECT is((SELECT status || ' ' || reason || ' ' || changed_by FROM client_status('FREE')), 'SUSPENDED fraud ' || current_user, 'client_status() tells why and by whom');
SELECT results_eq($$SELECT before ->> 'status', after ->> 'status', reason FROM change_log WHERE object_kind = 'client_trading_status' ORDER BY change_id$$,
	$$VALUES (NULL, 'CLOSE_ONLY', 'late payment'), ('CLOSE_ONLY', 'SUSPENDED', 'fraud')$$, 'each change of status is an event with its reason');
SELECT is(pg_temp.trade('s7', 'BUY', '0.1', 'QRST0001'), 'LG092', 'another client is judged by its own terms');
SELECT is((change_client_status('FREE', 'ACTIVE', reason => 'cleared')).outcome, 'changed', 'a client can be made ACTIVE again');
SELECT is(pg_temp.trade('s8', 'BUY', '0.1', 'FREE0001'), 'posted', 'an ACTIVE client trades');
SELECT is(pg_temp.trade('s1', 'BUY', '0.1', 'FREE0001'), 'LG094', 'a refusal stays under its reference when the status changes');
SELECT change_client_status('FREE', 'SUSPENDED', until => clock_timestamp() + interval '300 milliseconds', reason => 'pause') \g /dev/null
SELECT is(pg_temp.trade('s9', 'SELL', '0.1', 'FREE0001'), 'LG094', 'until its end a status holds');
SELECT pg_sleep(0.4) \g /dev/null
SELECT is(pg_temp.trade('s10', 'SELL', '0.1', 'FREE0001'), 'posted', 'a status ends by itself');
SELECT is((SELECT status || coalesce(' ' || until, '') FROM client_status('FREE')), 'ACTIVE', 'a status that has run out is told as ACTIVE');
SELECT is((change_client_status('QRST', 'ACTIVE', reason => 'nothing')).outcome, 'unchanged', 'ACTIVE is said of an ACTIVE client without change');
SELECT throws_ok(format('SELECT change_client_status(%s)', a), 'LG002', NULL, why)
FROM (VALUES ($$'QRST', 'CLOSED', reason => 'x'$$, 'a status that is not known is refused'), ($$'QRST', NULL, reason => 'x'$$, 'no status is refused'),
	($$'QRST', 'SUSPENDED'$$, 'a change of status without a reason is refused'), ($$'QRST', 'ACTIVE', until => '2999-01-01Z', reason => 'x'$$, 'an end of ACTIVE is refused'),
	($$'QRST', 'SUSPENDED', until => '2020-01-01Z', reason => 'x'$$, 'an end in the past is refused'), ($$'QRST', 'SUSPENDED', until => 'infinity', reason => 'x'$$, 'an infinite end is refused')) AS t (a, why);
SELECT throws_ok($$SELECT change_client_status('NONE', 'SUSPENDED', reason => 'x')$$, 'LG010', NULL, 'the status of an unknown client is refused');

-- ---------------------------------------------------------------------------
-- Providers
-- ---------------------------------------------------------------------------
SELECT is((change_provider_limits('LP2', 'USD', exposure_limit => '50 USD', trade_limit => '500 USD', reason => 'new')).outcome, 'changed', 'limits of a provider can be set');
SELECT is(pg_temp.trade('p1', 'SELL', '0.501', 'FREE0001', 'LP2'), 'LG091', 'an execution above the provider''s limit per trade is refused');
SELECT is((SELECT facts FROM post_trades(ARRAY[pg_temp.request('p1', 'SELL', '0.501', false, 'FREE0001', 'LP2')])), '{"provider": "LP2", "limit": "500.00 USD", "trade": "501.00 USD"}'::jsonb,
	'the refusal names the provider');
SELECT is(pg_temp.trade('p2', 'SELL', '0.5', 'FREE0001', 'LP2'), 'posted', 'an execution may be worth exactly the provider''s limit; what is unsettled with it refuses none');
SELECT is(pg_temp.trade('p3', 'SELL', '0.501', 'FREE0001'), 'posted', 'another provider has no limit');
SELECT change_provider_limits('LP2', 'USD') \g /dev/null
SELECT is(pg_temp.trade('p4', 'SELL', '0.501', 'FREE0001', 'LP2'), 'posted', 'a provider''s limit that is left out is none');

-- ---------------------------------------------------------------------------
-- Setting limits
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT change_exposure_limits('QRST', 'USD', net_debit_cap => '-1 USD')$$, 'LG002', NULL, 'a negative cap is refused');
SELECT throws_ok($$SELECT change_exposure_limits('QRST', 'USD', trade_limit => '1 BTC')$$, 'LG042', NULL, 'a limit of another asset is refused');
SELECT throws_ok($$SELECT change_exposure_limits('QRST', 'NOSUCH', daily_gross_limit => '1 NOSUCH')$$, 'LG040', NULL, 'a limit in an unknown asset is refused');
SELECT throws_ok($$SELECT change_provider_limits('NONE', 'USD')$$, 'LG014', NULL, 'limits of an unknown provider are refused');
SELECT is((change_exposure_limits('CALL', 'EUR')).outcome, 'unchanged', 'no limits where there were none are no change') WHERE EXISTS (SELECT FROM supported_asset WHERE asset = 'EUR');
SELECT change_exposure_limits('CALL', 'USD', trade_limit => '1 USD', reference => 'l1') \g /dev/null
SELECT is((change_exposure_limits('CALL', 'USD', trade_limit => '1 USD', reference => 'l1')).replayed, true, 'a change of limits that is repeated is the same change');
SELECT throws_ok($$SELECT change_exposure_limits('CALL', 'USD', trade_limit => '2 USD', reference => 'l1')$$, 'LG020', NULL, 'other limits under the same reference are refused');
SELECT throws_ok('UPDATE exposure_alert SET net_debit = net_debit', 'LG066', NULL, 'what was told of a cap is not changed');

-- ---------------------------------------------------------------------------
-- Who sees what
-- ---------------------------------------------------------------------------
SELECT change_client_status('QRST', 'CLOSE_ONLY', reason => 'told') \g /dev/null
SET LOCAL ROLE exposure_tenant;
SELECT is((SELECT status || ' ' || reason || coalesce(changed_by, '') FROM client_status('QRST')), 'CLOSE_ONLY told', 'a tenant sees its status and why, not who said so');
SELECT isnt((SELECT net_debit_cap FROM client_exposure('QRST')), NULL, 'a tenant sees its limits');
SELECT throws_ok($$SELECT change_exposure_limits('QRST', 'USD')$$, '42501', NULL, 'a tenant does not change its limits');
SELECT throws_ok($$SELECT change_client_status('QRST', 'ACTIVE', reason => 'x')$$, '42501', NULL, 'a tenant does not change its status');
SELECT throws_ok($$SELECT * FROM client_exposure('FREE')$$, '42501', NULL, 'a tenant does not see another client''s limits');
SELECT throws_ok($$SELECT client_status('FREE')$$, '42501', NULL, 'a tenant does not see another client''s status');
SET LOCAL ROLE exposure_desk;
SELECT throws_ok($$SELECT post_trade('QRST0001', 'BUY', '1 BTC', 'LP1', 'desk', '1000 USD/BTC')$$, 'LG094', NULL, 'the desk is told what stands in the way');
SELECT is((SELECT changed_by FROM client_status('QRST')), session_user::text, 'the desk sees who changed the status');
RESET ROLE;

SELECT is_empty('SELECT * FROM verify()', 'the ledger verifies after all of this');
SELECT * FROM finish();
ROLLBACK;
