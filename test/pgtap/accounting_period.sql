-- Closed accounting periods: what was known when one closed never changes, and what comes later is flagged by the ledger (I26).
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE period_ann LOGIN IN ROLE bakkt_ledger_reconciler, bakkt_ledger_bookkeeper;
CREATE ROLE period_ben LOGIN IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
SELECT open_provider('LP1', 'First Provider'), open_client('BOOK', at => '2026-01-01Z', first_trading_day => '2026-01-02'), open_client('ELSE', at => '2026-01-01Z') \g /dev/null
SELECT grant_client_access('BOOK', 'period_ann'), open_customers('BOOK', '{BOOK0001,BOOK0002}'), open_customer('ELSE', 'ELSE0001') \g /dev/null
SELECT open_account('BOOK', 'FBO', 'Cust:BOOK0001:held', 'USD'), open_account('BOOK', 'CORP', 'Expense:rent', 'USD'), open_account('BOOK', 'CORP', 'Merchant:payable:landlord', 'USD') \g /dev/null

-- an entry within account_kind.alone: one person may post it
CREATE FUNCTION pg_temp.entry(worth text, fund text, debit text, credit text) RETURNS journal_entry LANGUAGE sql AS $$
	SELECT journal_entry(line('Dr', account_of('BOOK', fund, debit, 'USD'), worth::amount), line('Cr', account_of('BOOK', fund, credit, 'USD'), worth::amount)) $$;
CREATE FUNCTION pg_temp.rent(worth text) RETURNS journal_entry LANGUAGE sql AS $$ SELECT pg_temp.entry(worth, 'CORP', 'Expense:rent', 'Merchant:payable:landlord') $$;
CREATE FUNCTION pg_temp.told(until timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(s::text, E'\n') FROM period_statement('BOOK', until) AS s $$;
CREATE FUNCTION pg_temp.flagged(until timestamptz) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(p.reference, ', ' ORDER BY p.journal) FROM prior_period_entries('BOOK', until) AS p $$;

-- ---------------------------------------------------------------------------
-- January
-- ---------------------------------------------------------------------------
SELECT receive_wire('BOOK', '9000.00 USD', 'in', customer => 'BOOK0001', at => '2026-01-05 15:00Z') \g /dev/null
SELECT initiate_deposit('BOOK0002', '50.00 USD', 'ach', at => '2026-01-05 15:00Z'), credit_deposit('BOOK', 'ach', 'file', '2026-01-06 15:00Z') \g /dev/null
SELECT settle_deposits('2026-01-20 15:00Z', 'BOOK') \g /dev/null
SELECT post_trade('BOOK0001', 'BUY', '0.1 BTC', 'LP1', 'buy', provider_price => '60000.00 USD/BTC', fee_bps => 10, executed_at => '2026-01-10 15:00Z') \g /dev/null
SELECT post_journal('BOOK', pg_temp.rent('100.00 USD'), 'rent january', at => '2026-01-31 15:00Z') \g /dev/null
-- known in January, effective in February: none of January's
SELECT post_journal('BOOK', pg_temp.rent('1.00 USD'), 'early', at => '2026-02-01 00:00Z') \g /dev/null
SELECT throws_ok(format('SELECT close_period(''BOOK'', %L)', wrong), code, NULL, format('a period does not end at %s', coalesce(wrong, 'no instant')))
	FROM (VALUES (NULL, 'LG002'), ('infinity', 'LG002'), ('-infinity', 'LG002'), ('2100-01-01', 'LG061')) AS w (wrong, code);
SELECT throws_ok($$SELECT * FROM period_statement('BOOK', '2026-02-01Z')$$, 'LG095', NULL, 'a period that is not closed has no statement');
SELECT throws_ok($$SELECT * FROM prior_period_entries('BOOK', '2026-02-01Z')$$, 'LG095', NULL, 'and no prior-period entries');
SELECT results_eq($$SELECT outcome, replayed FROM close_period('BOOK', '2026-02-01Z', 'jan', 'month end') UNION ALL SELECT outcome, replayed FROM close_period('BOOK', '2026-02-01Z', 'jan')
	UNION ALL SELECT outcome, replayed FROM close_period('BOOK', '2026-02-01Z')$$, $$VALUES ('closed', false), ('closed', true), ('unchanged', false)$$,
	'a period closes; the request again is its first answer, and closing the same again changes nothing');
SELECT throws_ok($$SELECT close_period('BOOK', '2026-01-15Z')$$, 'LG061', NULL, 'no period closes within a closed one');
SELECT throws_ok($$SELECT close_period('BOOK', '2026-02-15Z', 'jan')$$, 'LG020', NULL, 'a reference that closed another period is refused');
SELECT is((SELECT closing FROM period_statement('BOOK', '2026-02-01Z') WHERE name = 'Expense:rent'), '100.00 USD'::amount, 'the statement has what is effective in the period');
SELECT is_empty($$SELECT s.name, s.closing, b.balance FROM period_statement('BOOK', '2026-02-01Z') AS s FULL JOIN (SELECT * FROM balances('BOOK', at => '2026-01-31 23:59:59.999999Z') WHERE NOT is_zero(balance)) AS b
	USING (account) WHERE s.closing IS DISTINCT FROM b.balance$$, 'when a period has just closed its statement is what is true of its last instant');
SELECT is(pg_temp.flagged('2026-02-01Z'), NULL, 'a period has no prior-period entries when it closes');
CREATE TEMP TABLE january AS SELECT pg_temp.told('2026-02-01Z') AS told;
GRANT SELECT ON january TO PUBLIC;

-- ---------------------------------------------------------------------------
-- What comes later
-- ---------------------------------------------------------------------------
SELECT lives_ok($$SELECT post_trade('BOOK0001', 'BUY', '0.01 BTC', 'LP1', 'late buy', provider_price => '60000.00 USD/BTC', executed_at => '2026-01-31 23:59:59Z')$$, 'a trade of a closed period posts');
SELECT lives_ok($$SELECT bust_trade('BOOK0001', 'buy', 'wrong price', '2026-01-31 15:00Z')$$, 'a bust in a closed period posts');
SELECT lives_ok($$SELECT return_deposit('BOOK', 'ach', 'R01', at => '2026-01-30 15:00Z')$$, 'a return in a closed period posts');
SELECT lives_ok($$SELECT receive_wire('BOOK', '7.00 USD', 'late wire', customer => 'BOOK0002', at => '2026-01-30 15:00Z')$$, 'a wire of a closed period posts');
SELECT results_eq($$SELECT k.name::text COLLATE "default", prior_period(j) FROM journal AS j JOIN journal_kind AS k USING (kind) WHERE client_id = require_client('BOOK') AND prior_period(j) IS NOT NULL ORDER BY journal_id$$,
	$$SELECT v, '2026-02-01Z'::timestamptz FROM unnest('{trade,trade_bust,cash_return,cash_deposit}'::text[]) AS v$$, 'the ledger flags each with the period that it is effective in');

SET SESSION AUTHORIZATION period_ann;
SELECT throws_ok($$SELECT post_journal('BOOK', pg_temp.rent('3.00 USD'), 'alone', at => '2026-01-31 23:59:59.999999Z')$$, 'LG068', NULL, 'nobody alone makes an entry in a closed period');
SELECT is((SELECT sqlstate FROM post_journals(ARRAY[('BOOK', pg_temp.rent('3.00 USD'), 'alone in a batch', NULL, NULL, '2026-01-31Z', false)::journal_request])), 'LG068', 'nor in a batch');
SELECT throws_ok(format($$SELECT reverse_journal('BOOK', %s, 'back', at => '2026-01-31Z')$$, journal), 'LG068', NULL, 'nor by a reversal') FROM postings('BOOK') WHERE reference = 'rent january' LIMIT 1;
RESET SESSION AUTHORIZATION;
SELECT authorize_hold('BOOK', account_of('BOOK', 'FBO', 'Cust:BOOK0001:settled', 'USD'), '5.00 USD', 'hold') \g /dev/null
SET SESSION AUTHORIZATION period_ann;
SELECT lives_ok($$SELECT capture_hold('BOOK', 'hold', pg_temp.entry('5.00 USD', 'FBO', 'Cust:BOOK0001:settled', 'Cust:BOOK0001:held'), 'captured', at => '2026-01-31Z')$$,
	'a capture is effective when it is recorded, so it is in no closed period');
SELECT lives_ok($$SELECT post_journal('BOOK', pg_temp.rent('4.00 USD'), 'february', at => '2026-02-01Z')$$, 'the first instant after the period is open');
SELECT lives_ok($$SELECT post_journal('BOOK', pg_temp.rent('4.00 USD'), 'now')$$, 'an entry without an effective time is of now');
SELECT is((propose_journal('BOOK', pg_temp.rent('30.00 USD'), 'forgotten', 'FORGOTTEN', 'invoice found', '2026-01-31Z')).status, 'PROPOSED', 'an entry in a closed period is proposed');
SELECT throws_ok($$SELECT approve_journal('BOOK', 'forgotten')$$, '42501', NULL, 'not approved by the same person');
SET SESSION AUTHORIZATION period_ben;
SELECT is((approve_journal('BOOK', 'forgotten')).outcome, 'posted', 'and posted when another person approves it');
SELECT results_eq($$SELECT period, kind, proposed_by, approved_by FROM prior_period_entries('BOOK', '2026-02-01Z') WHERE reference = 'manual:forgotten'$$,
	$$VALUES ('2026-02-01Z'::timestamptz, 'manual', 'period_ann', 'period_ben')$$, 'the list of prior-period entries says who made it');
SELECT results_eq($$SELECT reference, prior_period FROM entries_by_hand('BOOK') WHERE prior_period IS NOT NULL$$, $$VALUES ('manual:forgotten', '2026-02-01Z'::timestamptz)$$,
	'so does the list of entries by hand, which flags it');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.flagged('2026-02-01Z'), 'late buy, wrong price, funding:' || t.transfer_id || ':returned, funding:' || w.transfer_id || ':received, manual:forgotten', 'everything that came later is listed, and nothing else')
	FROM funding_transfer AS t, funding_transfer AS w WHERE t.reference = 'ach' AND w.reference = 'late wire';
SELECT is(pg_temp.told('2026-02-01Z'), told, 'the statement of a closed period is, byte for byte, what was known when it closed') FROM january;
SELECT throws_ok($$SELECT post_journal('BOOK', pg_temp.rent('3.00 USD'), 'owner', at => '2026-01-31Z')$$, 'LG068', NULL, 'a superuser makes none alone either');
SELECT receive_wire('ELSE', '1.00 USD', 'else', customer => 'ELSE0001', at => '2026-01-05Z'), open_account('ELSE', 'FBO', 'Cust:ELSE0001:held', 'USD') \g /dev/null
SELECT lives_ok($$SELECT post_journal('ELSE', journal_entry(line('Dr', account_of('ELSE', 'FBO', 'Cust:ELSE0001:settled', 'USD'), '1.00 USD'), line('Cr', account_of('ELSE', 'FBO', 'Cust:ELSE0001:held', 'USD'), '1.00 USD')), 'held', at => '2026-01-05Z')$$,
	'another client''s books are open');
SELECT is_empty($$SELECT * FROM accounting_periods('ELSE')$$, 'it has closed no period');

-- ---------------------------------------------------------------------------
-- February
-- ---------------------------------------------------------------------------
SELECT close_period('BOOK', '2026-03-01Z', 'feb') \g /dev/null
SELECT results_eq($$SELECT number, from_at, until, prior_period_entries FROM accounting_periods('BOOK')$$,
	$$VALUES (1, '-infinity'::timestamptz, '2026-02-01Z'::timestamptz, 5::bigint), (2, '2026-02-01Z', '2026-03-01Z', 0)$$, 'periods follow one another');
SELECT results_eq($$SELECT opening, prior_period, movement, closing FROM period_statement('BOOK', '2026-03-01Z') WHERE name = 'Expense:rent'$$,
	$$VALUES ('100.00 USD'::amount, '30.00 USD'::amount, '5.00 USD'::amount, '135.00 USD'::amount)$$, 'the next statement takes prior-period entries up in a column of their own');
SELECT is_empty($$SELECT * FROM period_statement('BOOK', '2026-03-01Z') WHERE opening + prior_period + movement <> closing$$, 'every account adds up');
SELECT is_empty($$SELECT f.account, f.opening, j.closing FROM period_statement('BOOK', '2026-03-01Z') AS f FULL JOIN period_statement('BOOK', '2026-02-01Z') AS j USING (account)
	WHERE coalesce(f.opening, zero(asset(j.closing))) <> coalesce(j.closing, zero(asset(f.opening)))$$, 'what one period closes with the next opens with (I4)');
SELECT is_empty($$SELECT s.fund, asset(s.closing), column_name FROM (SELECT fund, closing, k.normal_side, unnest(ARRAY['opening', 'prior', 'movement', 'closing']) AS column_name,
	unnest(ARRAY[opening, prior_period, movement, closing]) AS worth FROM period_statement('BOOK', '2026-03-01Z') JOIN account_kind AS k USING (kind, fund)) AS s
	GROUP BY s.fund, asset(s.closing), column_name HAVING NOT is_zero(sum(CASE s.normal_side WHEN 'debit' THEN s.worth ELSE -s.worth END))$$, 'each column balances per fund and asset (I2)');
CREATE TEMP TABLE february AS SELECT pg_temp.told('2026-03-01Z') AS told;
-- an entry of January that comes after February: both periods list it, as January's
SELECT receive_wire('BOOK', '8.00 USD', 'later wire', customer => 'BOOK0002', at => '2026-01-29 15:00Z'), receive_wire('BOOK', '9.00 USD', 'february wire', customer => 'BOOK0002', at => '2026-02-20 15:00Z') \g /dev/null
SELECT seal() \g /dev/null
SELECT is(pg_temp.told('2026-02-01Z'), told, 'January''s statement is what it was') FROM january;
SELECT is(pg_temp.told('2026-03-01Z'), told, 'so is February''s') FROM february;
SELECT results_eq($$SELECT period, (lines(entry)).amount FROM prior_period_entries('BOOK', '2026-03-01Z')$$,
	$$VALUES ('2026-02-01Z'::timestamptz, '8.00 USD'::amount), ('2026-02-01Z', '-8.00 USD'), ('2026-03-01Z', '9.00 USD'), ('2026-03-01Z', '-9.00 USD')$$,
	'a period lists what came after it of earlier periods too, each with the period that it is effective in');

-- ---------------------------------------------------------------------------
-- Attacks
-- ---------------------------------------------------------------------------
SELECT throws_ok(attack, 'LG066', NULL, 'refused: ' || attack) FROM (VALUES ('UPDATE accounting_period SET until = until + interval ''1 day'''), ('DELETE FROM accounting_period'),
	('TRUNCATE accounting_period')) AS a (attack);
SELECT is_empty('SELECT * FROM verify()', 'verify() finds nothing');
SAVEPOINT attacked;
SELECT load_journal('BOOK', pg_temp.rent('3.00 USD'), 'smuggled', at => '2026-01-31Z') \g /dev/null
SELECT results_eq($$SELECT check_name, record_id FROM check_accounting_periods()$$, $$SELECT 'accounting period', journal_id FROM journal WHERE reference = 'smuggled'$$,
	'an entry that was loaded into a closed period is found');
ROLLBACK TO attacked;
SET LOCAL session_replication_role = replica;
ALTER TABLE accounting_period DISABLE TRIGGER ALL;
UPDATE accounting_period SET block_no = 1 WHERE period_no = 2;
SELECT isnt_empty($$SELECT * FROM verify() WHERE check_name IN ('state', 'accounting period')$$, 'a horizon that was moved is found');
UPDATE accounting_period SET block_no = (SELECT max(block_no) - 1 FROM block) WHERE period_no = 2;
DELETE FROM accounting_period;
SELECT isnt_empty($$SELECT * FROM verify() WHERE subject = 'accounting_period'$$, 'periods that were removed are found');

SELECT * FROM finish();
ROLLBACK;
