-- A client leaves: the checklist names everything that is open and how it ends, until nothing is; then it closes, and can still be read.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE leave_ann LOGIN IN ROLE bakkt_ledger_settler, bakkt_ledger_reconciler;
CREATE ROLE leave_ben LOGIN IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
CREATE ROLE leave_tenant LOGIN IN ROLE bakkt_ledger_reader;
SELECT open_provider('LP1', 'First Provider'), open_client('GOES', funding_model => 'BAKKT_TPJ', revenue_share_bps => 2500, at => '2026-01-01Z', first_trading_day => '2026-01-05'),
	open_client('STAY', at => '2026-01-01Z') \g /dev/null
SELECT grant_client_access('GOES', 'leave_tenant'), open_customers('GOES', '{GOES0001,GOES0002}'), open_customer('STAY', 'STAY0001') \g /dev/null
SELECT receive_wire('STAY', '10.00 USD', 'stays', customer => 'STAY0001', at => '2026-01-05 15:00Z') \g /dev/null

CREATE FUNCTION pg_temp.matters() RETURNS TABLE (told text) LANGUAGE sql AS
	$$ SELECT concat_ws(' ', what, name, items, amount) FROM wind_down_client('GOES') $$;

-- ---------------------------------------------------------------------------
-- Everything that can be open
-- ---------------------------------------------------------------------------
SELECT receive_wire('GOES', '7000.00 USD', 'in', customer => 'GOES0001', at => '2026-01-05 15:00Z'), receive_wire('GOES', '5.00 USD', 'whose', at => '2026-01-05 15:00Z') \g /dev/null
SELECT initiate_deposit('GOES0002', '30.00 USD', 'ach', at => '2026-01-05 15:00Z'), request_withdrawal('GOES0001', '20.00 USD', 'out', at => '2026-01-05 15:00Z') \g /dev/null
SELECT authorize_hold('GOES', account_of('GOES', 'FBO', 'Cust:GOES0001:settled', 'USD'), '1.00 USD', 'card') \g /dev/null
SELECT post_trade('GOES0001', 'BUY', '0.1 BTC', 'LP1', 'buy', provider_price => '60000.00 USD/BTC', markup_bps => 10, fee_bps => 10, executed_at => '2026-01-05 15:30Z') \g /dev/null
SET SESSION AUTHORIZATION leave_ann;
SELECT propose_journal('GOES', journal_entry(line('Dr', account_of('GOES', 'FBO', 'Bank:omnibus', 'USD'), '1.00 USD'),
	line('Cr', account_of('GOES', 'FBO', 'Cust:GOES0001:settled', 'USD'), '1.00 USD')), 'a mistake', 'TEST') \g /dev/null
RESET SESSION AUTHORIZATION;
INSERT INTO job_left_out (job, client, occurrence, failures, covers, since) VALUES ('settle_deposits', 'GOES', '2026-01-05Z', 0, 2, '2026-01-05Z'), ('settle_deposits', 'STAY', '2026-01-05Z', 0, 1, '2026-01-05Z');
SELECT set_eq('SELECT told FROM pg_temp.matters() AS m (told) WHERE told !~ ''^(corp|cust|fbo)_''', $$VALUES ('customer 2'), ('deposit whose 1 5.00 USD'), ('deposit ach 1 30.00 USD'), ('withdrawal out 1 20.00 USD'),
	('cash call ' || (SELECT journal_id FROM cash_call) || ' 1 6012.01 USD'), ('revenue share 1'), ('execution buy 1'), ('job left out settle_deposits 2'), ('hold 2 21.00 USD'), ('proposal proposal 1')$$,
	'everything under way is a row: of the client''s own only');
SELECT set_eq($$SELECT what FROM wind_down_client('GOES') WHERE what ~ '^(corp|cust|fbo|seg)_'$$,
	$$SELECT b.kind FROM balances('GOES') AS b WHERE NOT is_zero(b.balance)$$, 'every kind of account with a balance is a row');
SELECT is_empty($$SELECT m.what, m.amount, b.balance FROM (SELECT what, amount, asset(amount) FROM wind_down_client('GOES') WHERE what ~ '^(corp|cust|fbo|seg)_') AS m
	FULL JOIN (SELECT kind, asset(balance), sum(balance) AS balance FROM balances('GOES') WHERE NOT is_zero(balance) GROUP BY kind, asset(balance)) AS b ON b.kind = m.what AND b.asset = m.asset
	WHERE m.amount IS DISTINCT FROM b.balance$$, 'with the sum of its balances in each asset');
SELECT is_empty($$SELECT m.what, f[1] FROM wind_down_client('GOES') AS m, regexp_matches(m.how_it_ends, '(\w+)\(\)', 'g') AS f
	WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = f[1] AND pronamespace = 'bakkt_ledger'::regnamespace)$$, 'the functions that are named exist');
SELECT is_empty($$SELECT e.kind, f[1] FROM balance_ending AS e, regexp_matches(e.how_it_ends, '(\w+)\(\)', 'g') AS f
	WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = f[1] AND pronamespace = 'bakkt_ledger'::regnamespace)$$, 'so do those of every kind of account');
SELECT throws_ok($$SELECT close_client('GOES')$$, 'LG035', NULL, 'a client with anything open does not close');

-- ---------------------------------------------------------------------------
-- How each ends
-- ---------------------------------------------------------------------------
DELETE FROM job_left_out;
SELECT return_wire('GOES', 'whose', 'unknown', at => '2026-01-06 15:00Z'), cancel_deposit('GOES', 'ach', at => '2026-01-06 15:00Z'), cancel_withdrawal('GOES', 'out', at => '2026-01-06 15:00Z'),
	release_hold('GOES', 'card', reference => 'card back') \g /dev/null
SELECT change_customer(customer, mode => 'CLOSING_ONLY') FROM customers('GOES') \g /dev/null
SELECT process_cash_calls('2026-01-06 15:00Z', 'GOES') \g /dev/null
SELECT post_trade('GOES0001', 'SELL', '0.1 BTC', 'LP1', 'sell', provider_price => '61000.00 USD/BTC', markup_bps => 10, fee_bps => 10, executed_at => '2026-01-06 15:30Z') \g /dev/null
SELECT instruct_settlement_transfers('2026-01-06 16:00Z', 'GOES') \g /dev/null
SELECT confirm_fbo_transfer('GOES', t.reference, 'bank ' || t.reference, '2026-01-06 17:00Z') FROM fbo_transfers('GOES', true) AS t \g /dev/null
SELECT process_cash_calls('2026-01-07 15:00Z', 'GOES') \g /dev/null
SELECT seal() \g /dev/null
SELECT true_up_revenue_shares('2026-01-07 15:00Z', 'GOES') \g /dev/null
SELECT close_window('GOES', '2026-01-06', '2026-01-07 16:00Z'), close_window('GOES', '2026-01-07', '2026-01-07 16:00Z') \g /dev/null
SELECT advise_window('GOES', d, at => '2026-01-07 16:00Z'), agree_window('GOES', d, at => '2026-01-07 16:00Z') FROM unnest('{2026-01-06,2026-01-07}'::date[]) AS d \g /dev/null
SELECT set_off_obligations('2026-01-12 16:00Z', 'GOES') \g /dev/null
SELECT settle_window('GOES', d, 'settled ' || d, '2026-01-12 16:00Z') FROM unnest('{2026-01-06,2026-01-07}'::date[]) AS d \g /dev/null
SELECT request_withdrawal('GOES0001', cash.available, 'all', at => '2026-01-12 16:00Z') FROM cash_balance('GOES0001') AS cash \g /dev/null
SELECT send_withdrawals('GOES', '{all}', 'file', '2026-01-12 16:00Z'), complete_withdrawals('GOES', '{all}', 'file', '2026-01-13 16:00Z') \g /dev/null
SELECT close_customer(customer) FROM customers('GOES') \g /dev/null
SELECT instruct_settlement_transfers('2026-01-13 17:00Z', 'GOES') \g /dev/null
SELECT confirm_fbo_transfer('GOES', t.reference, 'bank ' || t.reference, '2026-01-13 18:00Z') FROM fbo_transfers('GOES', true) AS t \g /dev/null
CREATE TEMP TABLE result AS SELECT (balance_of(account_of('GOES', 'CORP', 'RevShare:payable:GOES', 'USD'))).balance AS share,
	(SELECT sum(CASE k.class WHEN 'revenue' THEN b.balance ELSE -b.balance END) FROM balances('GOES') AS b JOIN account_kind AS k USING (kind) WHERE k.class IN ('revenue', 'expense')) AS profit;
GRANT SELECT ON result TO PUBLIC;
SELECT ok(sign(share) > 0 AND sign(profit) > 0, 'there is a share to pay and a profit to close') FROM result;
SET SESSION AUTHORIZATION leave_ann;
SELECT propose_share_payout('GOES', share, 'last share', at => '2026-01-14 15:00Z') FROM result \g /dev/null
SELECT results_eq('SELECT status, replayed FROM propose_revenue_closing(''GOES'', ''close'') UNION ALL SELECT status, replayed FROM propose_revenue_closing(''GOES'', ''close'')',
	$$VALUES ('PROPOSED', false), ('PROPOSED', true)$$, 'closing revenue is proposed; the request again is its first answer');
SELECT throws_ok($$SELECT approve_journal('GOES', 'close')$$, '42501', NULL, 'nobody closes revenue alone');
RESET SESSION AUTHORIZATION;
SELECT is((balance_of(account_of('GOES', 'CORP', 'Equity', 'USD'))).balance, '0 USD'::amount, 'nothing is posted by proposing');
SET SESSION AUTHORIZATION leave_ben;
SELECT decline_journal('GOES', 'a mistake'), approve_journal('GOES', 'close'), approve_share_payout('GOES', 'last share', at => '2026-01-14 16:00Z') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT confirm_share_payout('GOES', 'last share', 'wire 9', '2026-01-14 17:00Z') \g /dev/null
SELECT is_empty($$SELECT b.name, b.balance FROM balances('GOES') AS b JOIN account_kind AS k USING (kind) WHERE k.class IN ('revenue', 'expense') AND NOT is_zero(b.balance)$$,
	'revenue and expenses are zero once they are closed');
SELECT is((balance_of(account_of('GOES', 'CORP', 'Equity', 'USD'))).balance, profit, 'equity has what they came to') FROM result;
SET SESSION AUTHORIZATION leave_ann;
SELECT throws_ok($$SELECT propose_revenue_closing('GOES', 'close again')$$, 'LG002', NULL, 'there is nothing more to close');
SELECT results_eq($$SELECT what, name, amount FROM wind_down_client('GOES')$$, $$SELECT v.what, v.name, r.profit FROM result AS r, (VALUES ('corp_bank', 'Bank:operating'), ('corp_equity', 'Equity')) AS v (what, name)$$,
	'at last the company''s own money is all that is left, and it equals equity');
SELECT propose_journal('GOES', journal_entry(line('Dr', account_of('GOES', 'CORP', 'Equity', 'USD'), profit), line('Cr', account_of('GOES', 'CORP', 'Bank:operating', 'USD'), profit)),
	'profit', 'PROFIT_TAKEN') FROM result \g /dev/null
SET SESSION AUTHORIZATION leave_ben;
SELECT approve_journal('GOES', 'profit') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is_empty($$SELECT * FROM wind_down_client('GOES')$$, 'the checklist is empty when all has ended');

-- ---------------------------------------------------------------------------
-- After it
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE told AS SELECT array_agg(s::text) AS lines FROM statement('GOES0001', 'USD') AS s;
SELECT seal() \g /dev/null
SELECT is((close_client('GOES', 'end', 'contract ended')).outcome, 'closed', 'a client whose checklist is empty closes');
GRANT SELECT ON told TO PUBLIC;
SET SESSION AUTHORIZATION leave_tenant;
SELECT is((SELECT array_agg(s::text) FROM statement('GOES0001', 'USD') AS s), lines, 'the client reads its customers'' statements as before') FROM told;
SELECT isnt_empty($$SELECT * FROM postings('GOES')$$, 'and its postings');
SELECT throws_ok($$SELECT * FROM wind_down_client('GOES')$$, '42501', NULL, 'the checklist is the company''s: it names providers, revenue and banks');
RESET SESSION AUTHORIZATION;
SELECT throws_ok($$SELECT open_customer('GOES', 'GOES0003')$$, 'LG011', NULL, 'nobody is opened for a client that has left');
SELECT throws_ok($$SELECT reopen_customer('GOES0001')$$, 'LG011', NULL, 'nor opened again');
SELECT throws_ok($$SELECT propose_revenue_closing('GOES', 'late')$$, 'LG011', NULL, 'nor its revenue closed');
SELECT throws_ok($$SELECT wind_down_client('NONE')$$, 'LG010', NULL, 'an unknown client has no checklist');
SELECT is_empty('SELECT * FROM verify()', 'verify() finds nothing');

SELECT * FROM finish();
ROLLBACK;
