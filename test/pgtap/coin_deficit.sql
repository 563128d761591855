-- Coin that is taken back after it was spent: a deficit of the customer, by two people; then recovered, covered or written off (J06d, J06e, J08a in coin).
-- Run from the top of the tree: the worked journals are read from test/golden.
\set content `cat test/golden/journals.json`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE back_exe LOGIN IN ROLE bakkt_ledger_executor;
CREATE ROLE back_ops LOGIN IN ROLE bakkt_ledger_settler, bakkt_ledger_approver;
CREATE ROLE back_two LOGIN IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
CREATE ROLE back_low LOGIN IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
CREATE ROLE back_tenant LOGIN IN ROLE bakkt_ledger_poster, bakkt_ledger_approver;
CREATE ROLE back_other LOGIN IN ROLE bakkt_ledger_executor, bakkt_ledger_approver;
SELECT open_provider('LP1', 'One') \g /dev/null
SELECT open_client('QRST', at => '2026-01-01Z'), open_client('NETS', funding_model => 'NET_SETTLEMENT', revenue_share_bps => 4000, at => '2026-01-01Z') \g /dev/null
SELECT open_customer('QRST', 'QRST000' || n) FROM generate_series(1, 9) n \g /dev/null
SELECT open_customer('NETS', 'NETS0001') \g /dev/null
SELECT grant_client_access('QRST', 'back_exe'), grant_client_access('QRST', 'back_tenant'), grant_client_access('NETS', 'back_other'), grant_client_access('NETS', 'back_exe') \g /dev/null
SELECT change_client('QRST', price_band_bps => 0) \g /dev/null

CREATE FUNCTION pg_temp.lines(reference text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s', p.fund, p.name, p.amount) ORDER BY p.line) FROM posting p WHERE p.reference = $1 $$;
CREATE FUNCTION pg_temp.coin(customer text, asset asset DEFAULT 'BTC') RETURNS text LANGUAGE sql AS $$
	SELECT (balance_of(account_of(left($1, 4), 'CUST', 'Cust:' || $1, $2))).balance::text $$;
CREATE FUNCTION pg_temp.on(fund text, name text, client text DEFAULT 'QRST', asset asset DEFAULT 'BTC') RETURNS text LANGUAGE sql AS $$
	SELECT (balance_of(a.account)).balance::text FROM account a JOIN client c USING (client_id) WHERE c.code = $3 AND a.fund = $1 AND a.name = $2 AND a.asset = $4 $$;
CREATE FUNCTION pg_temp.buy(customer text, reference text, quantity amount DEFAULT '0.5 BTC', encumbered boolean DEFAULT false) RETURNS bigint LANGUAGE sql AS $$
	SELECT journal FROM post_trade($1, 'BUY', $3, 'LP1', $2, '60000 USD/BTC', executed_at => '2026-11-20 15:00Z', encumbered => $4) $$;
CREATE FUNCTION pg_temp.sell(customer text, reference text, quantity amount) RETURNS amount LANGUAGE sql AS $$
	SELECT position_after FROM post_trade($1, 'SELL', $3, 'LP1', $2, '60000 USD/BTC', executed_at => '2026-11-20 16:00Z') $$;
-- the accounts of a golden journal in money, in coin: FBO is CUST there
CREATE FUNCTION pg_temp.golden(id text, given text, ours text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s', replace(p->>'fund', 'FBO', 'CUST'), replace(replace(replace(replace(p->>'account', given, ours), 'FBO', 'CUST'), ':settled', ''), 'Bank:omnibus', 'Wallet:deposit-addresses'),
		round((p->>'debit')::numeric - (p->>'credit')::numeric, 2)) ORDER BY n)
	FROM jsonb_array_elements((current_setting('test.golden')::jsonb)->'journals') j, jsonb_array_elements(j->'postings') WITH ORDINALITY t (p, n) WHERE j->>'id' = $1 $$;
SELECT set_config('test.golden', :'content', true) \g /dev/null

-- ---------------------------------------------------------------------------
-- A purchase of which a part is sold on
-- ---------------------------------------------------------------------------
SELECT pg_temp.buy('QRST0001', 'p1') \g /dev/null
SELECT pg_temp.sell('QRST0001', 's1', '0.3 BTC') \g /dev/null
SET SESSION AUTHORIZATION back_exe;
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'p1', 'b1') $$, 'LG050', NULL, 'one person cannot bust a purchase whose coin has been sold on');
RESET SESSION AUTHORIZATION;
CREATE FUNCTION pg_temp.hint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS told = PG_EXCEPTION_HINT;
	RETURN told;
END $$;
SELECT matches(pg_temp.hint($$ SELECT bust_trade('QRST0001', 'p1', 'b1') $$), 'propose_take_back', 'its hint names the way out');
SELECT matches(pg_temp.hint($$ SELECT correct_trade('QRST0001', 'BUY', '0.4 BTC', 'LP1', 'c1', original => 'p1') $$), 'propose_take_back', 'the hint of a correction names it too');

SET SESSION AUTHORIZATION back_exe;
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 's1', 't0', 'wrong') $$, 'LG062', NULL, 'a sale is not taken back so: its bust gives coin');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'none', 't0', 'wrong') $$, 'LG062', NULL, 'an unknown reference is refused');
SELECT throws_ok($$ SELECT propose_take_back('QRST0002', 'p1', 't0', 'wrong') $$, 'LG062', NULL, 'another customer''s purchase is refused');
SELECT throws_ok($$ SELECT propose_take_back('NOBODY01', 'p1', 't0', 'wrong') $$, 'LG012', NULL, 'an unknown customer is refused');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'p1', 't0', '') $$, 'LG002', NULL, 'a proposal needs a reason');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'p1', '', 'wrong') $$, 'LG002', NULL, 'a proposal needs a reference');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'p1', 't0', 'wrong', 'infinity') $$, 'LG061', NULL, 'a proposal is not of the future');
SELECT is(propose_take_back('QRST0001', 'p1', 't1', 'erroneous fill', '2026-11-21 10:00Z')::text, '(t1,proposed,f,QRST0001,p1,"0.50 BTC",,PROPOSED,"2026-11-21 10:00:00+00",)',
	'a purchase is proposed to be taken back, and nothing posted');
SELECT is((propose_take_back('QRST0001', 'p1', 't1', 'erroneous fill', '2026-11-21 10:00Z')).replayed, true, 'the same proposal again gets the first answer');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'p1', 't1', 'another') $$, 'LG020', NULL, 'another reason under the reference is refused');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'p1', 't2', 'erroneous fill') $$, 'LG081', NULL, 'what is proposed is not proposed twice');
SELECT throws_ok($$ SELECT approve_take_back('QRST', 't1') $$, '42501', NULL, 'an executor does not approve');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.coin('QRST0001'), '0.20 BTC', 'a proposal takes nothing');

SET SESSION AUTHORIZATION back_tenant;
SELECT throws_ok($$ SELECT approve_take_back('QRST', 't1') $$, 'LG067', NULL, 'an approver of the tenant does not approve what touches the provider');
SELECT is_empty($$ SELECT number FROM approvals('QRST') WHERE subject = 'take_back' $$, 'a tenant is not told of it');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'p1', 't3', 'mine') $$, '42501', NULL, 'a tenant does not propose it');
SET SESSION AUTHORIZATION back_other;
SELECT throws_ok($$ SELECT approve_take_back('QRST', 't1') $$, '42501', NULL, 'an approver of another client does not approve it');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'p1', 't3', 'not mine') $$, 'LG012', NULL, 'an executor of another client does not see the customer');
RESET SESSION AUTHORIZATION;
SELECT set_approval_limit('back_low', '0.4 BTC') \g /dev/null
SET SESSION AUTHORIZATION back_low;
SELECT throws_ok($$ SELECT approve_take_back('QRST', 't1') $$, 'LG067', NULL, 'a limit in coin holds');
RESET SESSION AUTHORIZATION;
SELECT set_approval_limit('back_low', '0.5 BTC'), set_approval_limit('back_low', '29999 USD') \g /dev/null
SET SESSION AUTHORIZATION back_low;
SELECT throws_ok($$ SELECT approve_take_back('QRST', 't1') $$, 'LG067', NULL, 'a limit in the money of the execution holds as well');
SET SESSION AUTHORIZATION back_two;
SELECT throws_ok($$ SELECT approve_take_back('QRST', 'none') $$, 'LG080', NULL, 'an unknown proposal is refused');
SELECT is((SELECT reference FROM approvals('QRST', 'PROPOSED') WHERE subject = 'take_back'), 't1', 'the second person finds it among the approvals');
SELECT is((SELECT format('%s %s %s %s %s', outcome, replayed, quantity, deficit, status) FROM approve_take_back('QRST', 't1', '2026-11-21 11:00Z')), 'taken f 0.50 BTC 0.30 BTC TAKEN',
	'what was sold on is a deficit');
SELECT is((SELECT format('%s %s %s', outcome, replayed, deficit) FROM approve_take_back('QRST', 't1')), 'taken t 0.30 BTC', 'to approve again changes nothing');
SELECT throws_ok($$ SELECT decline_take_back('QRST', 't1', 'late') $$, 'LG081', NULL, 'what was taken is not declined');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('take-back:t1'), ARRAY['CORP TPJ:receivable:QRST0001 -30000.00 USD', 'CORP LP:payable:LP1 30000.00 USD', 'CORP LP:coin-receivable:LP1 -0.50 BTC', 'CORP DueTo:CUST 0.50 BTC',
	'CUST DueFrom:CORP -0.50 BTC', 'CUST Cust:QRST0001 0.20 BTC', 'CUST DueFrom:CORP 0.30 BTC', 'CORP CustomerDeficit:QRST0001 0.30 BTC', 'CORP DueTo:CUST -0.30 BTC'],
	'the bust takes what is there, line by line, and what is gone is owed');
SELECT is((SELECT format('%s %s %s %s %s', kind, busts = (SELECT journal FROM execution WHERE reference = 'p1'), executed_at = '2026-11-20 15:00Z', quantity, reason) FROM execution WHERE reference = 'take-back:t1'),
	'trade_bust t t 0.50 BTC erroneous fill', 'it is the bust of the execution, of the whole quantity and at its time');
SELECT is(pg_temp.coin('QRST0001'), '0.00 BTC', 'the claim is zero, never negative');
SELECT is((SELECT status FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = 'p1'), 'B', 'the cash call of the execution ends with it');
SELECT throws_ok($$ SELECT bust_trade('QRST0001', 'p1', 'b1') $$, 'LG063', NULL, 'an execution that was taken back is not busted again');
SELECT throws_ok($$ SELECT propose_take_back('QRST0001', 'p1', 't2', 'again') $$, 'LG063', NULL, 'nor taken back again');
SELECT is((SELECT format('%s %s %s', customer, deficit, since) FROM deficits('QRST')), 'QRST0001 0.30 BTC 2026-11-20 15:00:00+00', 'the deficit is listed, since the time of the execution');
SELECT is((SELECT owed FROM coin_shortfall), '0.3 BTC'::amount, 'the company owes as much to the customers'' coin');
SELECT is_empty($$ SELECT account FROM balance WHERE sign(posted) > 0 AND NOT normal_debit $$, 'no claim is in debit');

-- ---------------------------------------------------------------------------
-- What becomes of it: recovered, covered, recovered after that, written off
-- ---------------------------------------------------------------------------
SET SESSION AUTHORIZATION back_ops;
SELECT throws_ok($$ SELECT recover_deficit('QRST0001', 'r0', asset => 'BTC') $$, 'LG050', NULL, 'of nothing nothing is recovered');
SELECT throws_ok($$ SELECT recover_deficit('QRST0002', 'r0', asset => 'BTC') $$, 'LG086', NULL, 'who owes no coin has none to be recovered');
SELECT deposit_coin('QRST0001', '0.1 BTC', 'd1') \g /dev/null
SELECT throws_ok($$ SELECT recover_deficit('QRST0001', 'r0', '0.31 BTC') $$, 'LG086', NULL, 'no more is recovered than is in deficit');
SELECT throws_ok($$ SELECT recover_deficit('QRST0001', 'r0', '0.2 BTC') $$, 'LG050', NULL, 'no more is recovered than there is');
SELECT is((SELECT format('%s %s %s', replayed, amount, deficit) FROM recover_deficit('QRST0001', 'r1', asset => 'BTC', at => '2026-11-21 12:00Z')), 'f 0.10 BTC 0.20 BTC', 'later coin makes the deficit good');
SELECT is((recover_deficit('QRST0001', 'r1', asset => 'BTC', at => '2026-11-21 12:00Z')).replayed, true, 'to recover again under the reference changes nothing');
SELECT throws_ok($$ SELECT recover_deficit('QRST0001', 'r1', '0.1 BTC') $$, 'LG020', NULL, 'another amount under the reference is refused');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('funding:recovery:r1'), ARRAY['CUST Cust:QRST0001 0.10 BTC', 'CUST DueFrom:CORP -0.10 BTC', 'CORP DueTo:CUST 0.10 BTC', 'CORP CustomerDeficit:QRST0001 -0.10 BTC'],
	'what is recovered lowers what the company owes');
SET SESSION AUTHORIZATION back_ops;
SELECT throws_ok($$ SELECT cover_coin_deficit('QRST', '0.21 BTC', 'c1') $$, 'LG086', NULL, 'no more is covered than is owed');
SELECT throws_ok($$ SELECT cover_coin_deficit('QRST', '1 USD', 'c1') $$, 'LG042', NULL, 'what is covered so is coin');
SELECT throws_ok($$ SELECT cover_coin_deficit('QRST', '0 BTC', 'c1') $$, 'LG045', NULL, 'a cover is positive');
SELECT throws_ok($$ SELECT cover_coin_deficit('QRST', '0.1 BTC', '') $$, 'LG002', NULL, 'a cover needs a reference');
SELECT throws_ok($$ SELECT cover_coin_deficit('NONE', '0.1 BTC', 'c1') $$, 'LG010', NULL, 'an unknown client is refused');
SELECT is((SELECT format('%s %s %s', replayed, amount, owed) FROM cover_coin_deficit('QRST', '0.15 BTC', 'c1', 'tx 77', '2026-11-21 13:00Z')), 'f 0.15 BTC 0.05 BTC', 'the company covers it with its own coin');
SELECT is((cover_coin_deficit('QRST', '0.15 BTC', 'c1', 'tx 77')).replayed, true, 'to cover again under the reference changes nothing');
SELECT throws_ok($$ SELECT cover_coin_deficit('QRST', '0.15 BTC', 'c1', 'tx 78') $$, 'LG020', NULL, 'another transaction of the chain under the reference is refused');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('deficit:cover:c1'), ARRAY['CORP DueTo:CUST 0.15 BTC', 'CORP Wallet:company -0.15 BTC', 'CUST Wallet:omnibus 0.15 BTC', 'CUST DueFrom:CORP -0.15 BTC'], 'a cover posts J06e in coin line by line');
SELECT is((SELECT array_agg(format('%s %s %s', replace(p->>'fund', 'FBO', 'CUST'), replace(replace(replace(p->>'account', 'FBO', 'CUST'), 'Bank:operating', 'Wallet:company'), 'Bank:omnibus', 'Wallet:omnibus'),
		CASE WHEN (p->>'debit')::numeric > 0 THEN '0.15 BTC' ELSE '-0.15 BTC' END) ORDER BY n)
	FROM jsonb_array_elements((:'content'::jsonb)->'journals') j, jsonb_array_elements(j->'postings') WITH ORDINALITY t (p, n) WHERE j->>'id' = 'J06e'), pg_temp.lines('deficit:cover:c1'),
	'which is the golden journal with coin for money');
SELECT is((SELECT deficit FROM deficits('QRST')), '0.2 BTC'::amount, 'the customer owes as much as before');
SELECT deposit_coin('QRST0001', '0.12 BTC', 'd2') \g /dev/null
SELECT recover_deficit('QRST0001', 'r2', asset => 'BTC') \g /dev/null
SELECT is(pg_temp.lines('funding:recovery:r2'), ARRAY['CUST Cust:QRST0001 0.12 BTC', 'CUST DueFrom:CORP -0.05 BTC', 'CUST DueTo:CORP -0.07 BTC', 'CORP DueTo:CUST 0.05 BTC', 'CORP DueFrom:CUST 0.07 BTC', 'CORP CustomerDeficit:QRST0001 -0.12 BTC'],
	'of what was covered, what is recovered is the company''s');
SELECT is(pg_temp.on('CUST', 'DueFrom:CORP'), '0.00 BTC', 'the company owes nothing more');

SET SESSION AUTHORIZATION back_ops;
SELECT throws_ok($$ SELECT propose_deficit_write_off('QRST0001', '0.09 BTC', 'w0', 'gone') $$, 'LG086', NULL, 'no more is written off than is in deficit');
SELECT throws_ok($$ SELECT propose_deficit_write_off('QRST0001', '0 BTC', 'w0', 'gone') $$, 'LG045', NULL, 'a write-off is positive');
SELECT throws_ok($$ SELECT propose_deficit_write_off('QRST0001', '0.01 BTC', 'w0', '') $$, 'LG002', NULL, 'a write-off needs a reason');
SELECT throws_ok($$ SELECT propose_deficit_write_off('QRST0001', '0.01 BTC', '', 'gone') $$, 'LG002', NULL, 'a write-off needs a reference');
SELECT throws_ok($$ SELECT propose_deficit_write_off('NOBODY01', '0.01 BTC', 'w0', 'gone') $$, 'LG012', NULL, 'a write-off is of a customer');
SELECT is(propose_deficit_write_off('QRST0001', '0.08 BTC', 'w1', 'gone', '2026-11-21 14:00Z')::text, '(w1,proposed,f,QRST0001,"0.08 BTC",PROPOSED,"2026-11-21 14:00:00+00",)', 'a write-off is proposed');
SELECT is((propose_deficit_write_off('QRST0001', '0.08 BTC', 'w1', 'gone')).replayed, true, 'the same write-off again gets the first answer');
SELECT throws_ok($$ SELECT propose_deficit_write_off('QRST0001', '0.07 BTC', 'w1', 'gone') $$, 'LG020', NULL, 'another amount under its reference is refused');
SELECT propose_deficit_write_off('QRST0001', '0.01 BTC', 'w2', 'gone'), propose_deficit_write_off('QRST0001', '0.02 BTC', 'w3', 'gone') \g /dev/null
SELECT throws_ok($$ SELECT approve_deficit_write_off('QRST', 'w1') $$, 'LG067', NULL, 'who has proposed a write-off does not approve it');
SELECT throws_ok($$ SELECT decline_deficit_write_off('QRST', 'w1', 'no') $$, 'LG067', NULL, 'nor decline it');
SET SESSION AUTHORIZATION back_tenant;
SELECT throws_ok($$ SELECT approve_deficit_write_off('QRST', 'w1') $$, 'LG067', NULL, 'a write-off at the company''s cost is not the tenant''s to approve');
SELECT is((SELECT deficit FROM deficits('QRST')), '0.08 BTC'::amount, 'a tenant sees its customers'' deficits');
SELECT throws_ok($$ SELECT deficits('NETS') $$, '42501', NULL, 'and no other''s');
SET SESSION AUTHORIZATION back_two;
SELECT throws_ok($$ SELECT approve_deficit_write_off('QRST', 'none') $$, 'LG080', NULL, 'an unknown write-off is refused');
SELECT throws_ok($$ SELECT decline_deficit_write_off('QRST', 'w3', '') $$, 'LG002', NULL, 'declining a write-off needs a reason');
SELECT is((decline_deficit_write_off('QRST', 'w3', 'too much')).status, 'DECLINED', 'a write-off is declined');
SELECT is((decline_deficit_write_off('QRST', 'w3', 'too much')).replayed, true, 'to decline it again changes nothing');
SELECT throws_ok($$ SELECT approve_deficit_write_off('QRST', 'w3') $$, 'LG081', NULL, 'what was declined is not charged');
SELECT is((approve_deficit_write_off('QRST', 'w1', '2026-11-21 15:00Z')).status, 'CHARGED', 'the second person writes it off');
SELECT is((approve_deficit_write_off('QRST', 'w1')).replayed, true, 'to approve a write-off again changes nothing');
SELECT throws_ok($$ SELECT decline_deficit_write_off('QRST', 'w1', 'late') $$, 'LG081', NULL, 'what was charged is not declined');
SELECT throws_ok($$ SELECT approve_deficit_write_off('QRST', 'w2') $$, 'LG086', NULL, 'two write-offs do not charge more than is in deficit');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('deficit:write-off:w1'), ARRAY['CORP Expense:bad-debt 0.08 BTC', 'CORP CustomerDeficit:QRST0001 -0.08 BTC'], 'what is written off is bad debt in coin');
SELECT is_empty($$ SELECT customer FROM deficits('QRST') $$, 'nothing is in deficit then');
SELECT lives_ok($$ SELECT * FROM buying_power('QRST0001') $$, 'buying power is not concerned by it');

-- ---------------------------------------------------------------------------
-- Two people
-- ---------------------------------------------------------------------------
SELECT pg_temp.buy('QRST0002', 'p2') \g /dev/null
SELECT pg_temp.sell('QRST0002', 's2', '0.5 BTC') \g /dev/null
SET SESSION AUTHORIZATION back_ops;
SELECT propose_take_back('QRST0002', 'p2', 't2', 'wrong customer') \g /dev/null
SELECT throws_ok($$ SELECT approve_take_back('QRST', 't2') $$, 'LG067', NULL, 'who has proposed it does not approve it');
SELECT throws_ok($$ SELECT decline_take_back('QRST', 't2', 'no') $$, 'LG067', NULL, 'nor decline it: another person does');
SET SESSION AUTHORIZATION back_two;
SELECT throws_ok($$ SELECT decline_take_back('QRST', 't2', '') $$, 'LG002', NULL, 'declining needs a reason');
SELECT is((decline_take_back('QRST', 't2', 'not yet')).status, 'DECLINED', 'a proposal is declined');
SELECT is((decline_take_back('QRST', 't2', 'not yet')).replayed, true, 'to decline again changes nothing');
SELECT throws_ok($$ SELECT approve_take_back('QRST', 't2') $$, 'LG081', NULL, 'what was declined is not taken');
SET SESSION AUTHORIZATION back_ops;
SELECT is((propose_take_back('QRST0002', 'p2', 't2b', 'wrong customer')).status, 'PROPOSED', 'what was declined is proposed anew under another reference');
SET SESSION AUTHORIZATION back_two;
SELECT is((approve_take_back('QRST', 't2b')).deficit, '0.5 BTC'::amount, 'of a purchase sold on in full all is owed');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('take-back:t2b'), ARRAY['CORP TPJ:receivable:QRST0002 -30000.00 USD', 'CORP LP:payable:LP1 30000.00 USD', 'CORP LP:coin-receivable:LP1 -0.50 BTC', 'CORP DueTo:CUST 0.50 BTC',
	'CUST DueFrom:CORP -0.50 BTC', 'CUST DueFrom:CORP 0.50 BTC', 'CORP CustomerDeficit:QRST0002 0.50 BTC', 'CORP DueTo:CUST -0.50 BTC'], 'the claim has no line then');
SELECT is((SELECT customer FROM execution WHERE reference = 'take-back:t2b'), 'QRST0002', 'and the bust is the customer''s all the same');

-- busted by one person between proposal and approval: the coin is back
SELECT pg_temp.buy('QRST0003', 'p3') \g /dev/null
SET SESSION AUTHORIZATION back_ops;
SELECT propose_take_back('QRST0003', 'p3', 't3', 'wrong') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT bust_trade('QRST0003', 'p3', 'b3') \g /dev/null
SET SESSION AUTHORIZATION back_two;
SELECT throws_ok($$ SELECT approve_take_back('QRST', 't3') $$, 'LG063', NULL, 'what was busted meanwhile is not taken back');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- Holds, freezes, closed accounts, encumbered coin
-- ---------------------------------------------------------------------------
SELECT pg_temp.buy('QRST0004', 'p4') \g /dev/null
SELECT authorize_hold('QRST', account_of('QRST', 'CUST', 'Cust:QRST0004', 'BTC'), '0.4 BTC', 'order') \g /dev/null
SELECT pg_temp.buy('QRST0005', 'p5'), pg_temp.buy('QRST0006', 'p6', '0.25 BTC'), pg_temp.sell('QRST0006', 's6', '0.25 BTC') \g /dev/null
SELECT freeze_account(account_of('QRST', 'CUST', 'Cust:QRST0005', 'BTC'), 'debit', reason => 'fraud') \g /dev/null
SELECT close_account(account_of('QRST', 'CUST', 'Cust:QRST0006', 'BTC'), reason => 'left') \g /dev/null
SET SESSION AUTHORIZATION back_ops;
SELECT propose_take_back('QRST0004', 'p4', 't4', 'w'), propose_take_back('QRST0005', 'p5', 't5', 'w'), propose_take_back('QRST0006', 'p6', 't6', 'w') \g /dev/null
SET SESSION AUTHORIZATION back_two;
SELECT is((approve_take_back('QRST', 't4')).deficit, '0.4 BTC'::amount, 'coin that a hold binds stays bound: what is free is taken');
SELECT is((approve_take_back('QRST', 't5')).deficit, '0.5 BTC'::amount, 'coin that is frozen stays where it is');
SELECT is((approve_take_back('QRST', 't6')).deficit, '0.25 BTC'::amount, 'a closed account does not stand in the way');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT held FROM balance WHERE account = account_of('QRST', 'CUST', 'Cust:QRST0004', 'BTC')), '0.4 BTC'::amount, 'the hold has what it had');
SELECT throws_ok($$ SELECT recover_deficit('QRST0004', 'r4', asset => 'BTC') $$, 'LG050', NULL, 'nor does a recovery take what is held');
SELECT release_hold('QRST', 'order', 'released') \g /dev/null
SELECT is((recover_deficit('QRST0004', 'r4', asset => 'BTC')).deficit, '0 BTC'::amount, 'released, it makes the deficit good');

-- bound until it is paid for: taken from where it is bound; paid for and spent: what is left is bound again and taken
SELECT receive_wire('QRST', '60000 USD', 'wire 7', 'QRST0007', at => '2026-11-19 15:00Z') \g /dev/null
SELECT pg_temp.buy('QRST0007', 'p7', encumbered => true) \g /dev/null
SELECT is((SELECT settled FROM process_cash_calls('2026-11-20 15:30Z', 'QRST')), 1::bigint, 'the purchase is paid for');
SELECT pg_temp.sell('QRST0007', 's7', '0.1 BTC') \g /dev/null
SELECT matches(pg_temp.hint($$ SELECT bust_trade('QRST0007', 'p7', 'b7') $$), 'propose_take_back', 'the bust of coin that was released and is gone is told the way out as well');
SELECT pg_temp.buy('QRST0008', 'p8', encumbered => true) \g /dev/null
SET SESSION AUTHORIZATION back_ops;
SELECT propose_take_back('QRST0007', 'p7', 't7', 'w'), propose_take_back('QRST0008', 'p8', 't8', 'w') \g /dev/null
SET SESSION AUTHORIZATION back_two;
SELECT is((approve_take_back('QRST', 't7')).deficit, '0.1 BTC'::amount, 'of encumbered coin that was paid for, what was spent is owed');
SELECT is((approve_take_back('QRST', 't8')).deficit, '0 BTC'::amount, 'encumbered coin is all there');
RESET SESSION AUTHORIZATION;
SELECT is((pg_temp.lines('take-back:t7'))[6:], ARRAY['CUST Cust:QRST0007:encumbered 0.40 BTC', 'CUST DueFrom:CORP 0.10 BTC', 'CORP CustomerDeficit:QRST0007 0.10 BTC', 'CORP DueTo:CUST -0.10 BTC'],
	'it is taken from where the execution put it');
SELECT is(pg_temp.on('CUST', 'Cust:QRST0007:encumbered'), '0.00 BTC', 'nothing stays bound');
SELECT is((SELECT format('%s %s %s', c.withdrawal, c.amount, c.status) FROM cash_call c JOIN journal j USING (client_id, journal_id) WHERE j.reference = 'take-back:t7'), 'f 30000.00 USD O',
	'what he had paid is owed to him by a call of the bust''s own');

-- ---------------------------------------------------------------------------
-- A deposit that the chain undoes
-- ---------------------------------------------------------------------------
SELECT deposit_coin('QRST0009', '0.25 BTC', 'chain 1', at => '2026-11-20 10:00Z'), deposit_coin('QRST0009', '1000 ETH', 'chain 2'), deposit_coin('QRST0009', '2 ETH', 'chain 3', 'sub-custodian:acme') \g /dev/null
SET SESSION AUTHORIZATION back_ops;
SELECT throws_ok($$ SELECT return_coin_deposit('QRST0009', 'chain 1', 'u1', '') $$, 'LG002', NULL, 'a return needs a reason');
SELECT throws_ok($$ SELECT return_coin_deposit('QRST0009', 'none', 'u1', 'fork') $$, 'LG062', NULL, 'an unknown deposit is refused');
SELECT throws_ok($$ SELECT return_coin_deposit('QRST0001', 'p1', 'u1', 'fork') $$, 'LG062', NULL, 'an execution is not returned');
SELECT throws_ok($$ SELECT return_coin_deposit('QRST0001', 'chain 1', 'u1', 'fork') $$, 'LG062', NULL, 'another customer''s deposit is refused');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, quantity, deficit) FROM return_coin_deposit('QRST0009', 'chain 1', 'u1', 'fork', '2026-11-21 10:00Z')), 'taken f 0.25 BTC 0.00 BTC',
	'a deposit of which all is there is taken back by one person');
SELECT is((return_coin_deposit('QRST0009', 'chain 1', 'u1', 'fork')).replayed, true, 'the same return again gets the first answer');
SELECT throws_ok($$ SELECT return_coin_deposit('QRST0009', 'chain 2', 'u1', 'fork') $$, 'LG020', NULL, 'another deposit under the reference is refused');
SELECT throws_ok($$ SELECT return_coin_deposit('QRST0009', 'chain 1', 'u2', 'fork') $$, 'LG063', NULL, 'a deposit is returned once');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('take-back:u1'), ARRAY['CUST Cust:QRST0009 0.25 BTC', 'CUST Wallet:deposit-addresses -0.25 BTC'], 'which is J08a turned round');
SELECT is(ARRAY(SELECT format('%s %s %s', p->>'fund', replace(p->>'account', 'erin', 'QRST0009'), round((p->>'credit')::numeric - (p->>'debit')::numeric, 2) || ' BTC')
	FROM jsonb_array_elements((:'content'::jsonb)->'journals') j, jsonb_array_elements(j->'postings') p WHERE j->>'id' = 'J08a' ORDER BY 1), pg_temp.lines('take-back:u1'), 'the golden journal, debit for credit');

-- 1,000 of which 200 are left: J06d with coin for money
SELECT transferred.outcome FROM load_journal('QRST', journal_entry(line('Dr', account_of('QRST', 'CUST', 'Cust:QRST0009', 'ETH'), '802 ETH'),
	line('Cr', (open_account('QRST', 'CUST', 'Cust:QRST0001', 'ETH', 'QRST0001')).account, '802 ETH')), 'spent', 'transfer') AS transferred \g /dev/null
SET SESSION AUTHORIZATION back_ops;
SELECT throws_ok($$ SELECT return_coin_deposit('QRST0009', 'chain 2', 'u2', 'fork') $$, 'LG050', NULL, 'one person does not return what was spent');
SELECT matches(pg_temp.hint($$ SELECT return_coin_deposit('QRST0009', 'chain 2', 'u2', 'fork') $$), 'propose_take_back', 'the hint names the way out');
SELECT propose_take_back('QRST0009', 'chain 2', 'u2', 'fork', '2026-11-21 10:00Z') \g /dev/null
SET SESSION AUTHORIZATION back_two;
SELECT is((approve_take_back('QRST', 'u2', '2026-11-21 11:00Z')).deficit, '800 ETH'::amount, 'of a deposit that was spent, the rest is owed');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('take-back:u2'), ARRAY(SELECT l || ' ETH' FROM unnest(pg_temp.golden('J06d', 'dave', 'QRST0009')) WITH ORDINALITY AS g (l, n) ORDER BY n), 'J06d in coin, line by line');
SELECT is((SELECT format('%s %s', effective_at, reverses = (SELECT journal_id FROM journal WHERE reference = 'chain 2')) FROM journal WHERE reference = 'take-back:u2'), '2026-11-21 10:00:00+00 t',
	'it is effective when the chain undid it, and names the deposit');
SELECT throws_ok($$ SELECT post_entry(c.client_id, 'by hand', 'reversal', NULL, reverses => j.journal_id) FROM client c JOIN journal j USING (client_id) WHERE j.reference = 'chain 2' $$, 'LG063', NULL,
	'a deposit that was taken back with a deficit is not reversed by hand as well');
SELECT throws_ok($$ SELECT post_entry(c.client_id, 'other lines', 'reversal', j.entry + reverse(j.entry) + reverse(j.entry) + journal_entry(line('Dr', ensure_account(c.client_id, 'CORP', 'Equity', 'ETH'), '1 ETH'),
	line('Cr', ensure_account(c.client_id, 'CORP', 'Wallet:company', 'ETH'), '1 ETH')), reverses => j.journal_id) FROM client c JOIN journal j USING (client_id) WHERE j.reference = 'chain 3' $$, 'LG064', NULL,
	'any other reversal stays on the accounts of its original');
SELECT is((SELECT since FROM deficits('QRST') WHERE customer = 'QRST0009'), '2026-11-21 10:00Z'::timestamptz, 'the deficit is as old as that');
SET SESSION AUTHORIZATION back_ops;
SELECT propose_take_back('QRST0009', 'chain 3', 'u3', 'fork') \g /dev/null
SET SESSION AUTHORIZATION back_two;
SELECT approve_take_back('QRST', 'u3') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.lines('take-back:u3'), ARRAY['CUST DueFrom:CORP 2.00 ETH', 'CUST Wallet:sub-custodian:acme -2.00 ETH', 'CORP CustomerDeficit:QRST0009 2.00 ETH', 'CORP DueTo:CUST -2.00 ETH'],
	'a deposit goes back out of the wallet it arrived in');

-- ---------------------------------------------------------------------------
-- Windows, orders, shares: it is the bust that it is
-- ---------------------------------------------------------------------------
SELECT post_trade('NETS0001', 'BUY', '0.5 BTC', 'LP1', 'n1', '60000 USD/BTC', markup_bps => 50, executed_at => '2026-11-20 15:00Z') \g /dev/null
SELECT post_trade('NETS0001', 'SELL', '0.2 BTC', 'LP1', 'n2', '60000 USD/BTC', executed_at => '2026-11-20 15:01Z') \g /dev/null
SET SESSION AUTHORIZATION back_exe;
SELECT propose_take_back('NETS0001', 'n1', 'nb', 'w') \g /dev/null
SET SESSION AUTHORIZATION back_two;
SELECT approve_take_back('NETS', 'nb') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is((SELECT sum_net_money(terms) FROM execution WHERE reference IN ('n1', 'take-back:nb')), '0 USD'::amount, 'the execution and its bust net to zero');
SELECT is(pg_temp.on('CORP', 'RevShare:payable:NETS', 'NETS', 'USD'), '0.00 USD', 'the client''s share goes back');
SELECT is(pg_temp.on('CORP', 'Client:settlement:NETS', 'NETS', 'USD'), '-12000.00 USD', 'the settlement position has the sale alone');
SELECT lives_ok($$ SELECT close_window('NETS', '2026-11-21') $$, 'the window of both is closed');
SELECT is((SELECT string_agg(format('%s %s %s %s', counterparty, payer, payee, amount), ', ' ORDER BY counterparty, asset) FROM obligations('NETS')), 'LP1 BAKKT LP1 0.20 BTC, LP1 LP1 BAKKT 12000.00 USD, NETS BAKKT NETS 12000.00 USD',
	'which owes for the sale alone');
SELECT is_empty($$ SELECT * FROM check_settlement('NETS') $$, 'settlement is what the members come to');

-- a prefunded client: buying power is what it was without the purchase
SELECT open_client('PREF', at => '2026-01-01Z'), open_customer('PREF', 'PREF0001'), change_cash_terms('PREF', prefunded => true), change_client('PREF', price_band_bps => 0) \g /dev/null
SELECT receive_wire('PREF', '40000 USD', 'wire', 'PREF0001', at => '2026-11-19 15:00Z') \g /dev/null
SELECT pg_temp.buy('PREF0001', 'f1'), pg_temp.sell('PREF0001', 'f2', '0.5 BTC') \g /dev/null
SET SESSION AUTHORIZATION back_ops;
SELECT propose_take_back('PREF0001', 'f1', 'fb', 'w') \g /dev/null
SET SESSION AUTHORIZATION back_two;
SELECT is((approve_take_back('PREF', 'fb')).deficit, '0.5 BTC'::amount, 'a prefunded customer''s purchase is taken back all the same');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT buying_power FROM buying_power('PREF0001')), '40000 USD'::amount, 'his buying power has the money of the purchase again');

-- an order's minimum fee: the bust counts as any other
CREATE FUNCTION pg_temp.fill(reference text) RETURNS amount LANGUAGE sql AS $$
	SELECT fee FROM post_trade('NETS0001', 'BUY', '0.01 BTC', 'LP1', reference, '60000 USD/BTC', fee_minimum => '5 USD', client_order_id => 'order', executed_at => '2026-11-21 15:00Z') $$;
SELECT pg_temp.fill('o1'), pg_temp.fill('o2') \g /dev/null
SELECT post_trade('NETS0001', 'SELL', '0.015 BTC', 'LP1', 'o3', '60000 USD/BTC', executed_at => '2026-11-21 15:01Z') \g /dev/null
SET SESSION AUTHORIZATION back_exe;
SELECT propose_take_back('NETS0001', 'o1', 'ob', 'w') \g /dev/null
SET SESSION AUTHORIZATION back_two;
SELECT is((approve_take_back('NETS', 'ob')).deficit, '0.005 BTC'::amount, 'a fill of an order is taken back');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.fill('o4'), '5 USD'::amount, 'and the next fill pays the order''s minimum again');

-- a deficit in money is written off in the same way
SELECT initiate_deposit('QRST0003', '100 USD', 'ach', at => '2026-11-02 15:00Z'), credit_deposit('QRST', 'ach', at => '2026-11-03 15:00Z'), settle_deposits('2026-11-09 15:00Z'),
	request_withdrawal('QRST0003', '60 USD', 'out', at => '2026-11-09 16:00Z'), send_withdrawal('QRST', 'out', at => '2026-11-09 17:00Z'), return_deposit('QRST', 'ach', 'R10', at => '2026-11-10 15:00Z') \g /dev/null
SELECT is((SELECT deficit FROM deficits('QRST') WHERE customer = 'QRST0003'), '60 USD'::amount, 'a returned deposit leaves a deficit in money');
SET SESSION AUTHORIZATION back_ops;
SELECT propose_deficit_write_off('QRST0003', '60 USD', 'money', 'gone') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT set_approval_limit('back_low', '59 USD') \g /dev/null
SET SESSION AUTHORIZATION back_low;
SELECT throws_ok($$ SELECT approve_deficit_write_off('QRST', 'money') $$, 'LG067', NULL, 'an approver''s limit holds for write-offs');
SET SESSION AUTHORIZATION back_two;
SELECT is((approve_deficit_write_off('QRST', 'money', '2026-11-12 15:00Z')).status, 'CHARGED', 'it is written off by two people');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT deficit FROM cash_balance('QRST0003')), '0 USD'::amount, 'and owed no more');
-- in deficit again: the age is that of the new one
SELECT initiate_deposit('QRST0003', '10 USD', 'ach 2', at => '2026-11-10 16:00Z'), credit_deposit('QRST', 'ach 2', at => '2026-11-11 15:00Z'), settle_deposits('2026-11-18 15:00Z'),
	request_withdrawal('QRST0003', '10 USD', 'out 2', at => '2026-11-18 16:00Z'), send_withdrawal('QRST', 'out 2', at => '2026-11-18 17:00Z'), return_deposit('QRST', 'ach 2', 'R10', at => '2026-11-19 15:00Z') \g /dev/null
SELECT is((SELECT format('%s %s', deficit, since) FROM deficits('QRST') WHERE customer = 'QRST0003'), '10.00 USD 2026-11-19 15:00:00+00', 'a deficit is as old as since it was last zero');
SELECT is((SELECT format('%s %s', deficit, since) FROM deficits('QRST', '2026-11-11 00:00Z') WHERE customer = 'QRST0003'), '60.00 USD 2026-11-10 15:00:00+00', 'also as of an earlier instant');

-- ---------------------------------------------------------------------------
-- Proof
-- ---------------------------------------------------------------------------
SELECT is_empty($$ SELECT check_name, detail FROM verify() $$, 'verify() finds nothing');
SELECT is_empty($$ SELECT * FROM check_coin_deficits() $$, 'the check of deficits in coin finds nothing');
ALTER TABLE take_back DISABLE TRIGGER ALL;
ALTER TABLE event DISABLE TRIGGER ALL;
UPDATE take_back SET deficit = '0.29 BTC' WHERE reference = 't1';
SELECT is((SELECT count(*) FROM check_coin_deficits('QRST')), 1::bigint, 'a deficit that was changed is found');
UPDATE take_back SET deficit = '0.3 BTC' WHERE reference = 't1';
UPDATE event SET amount = '0.14 BTC' WHERE subject = 'coin_shortfall' AND event = 'covered';
SELECT is((SELECT count(*) FROM check_coin_deficits('QRST')), 1::bigint, 'a cover that its journal does not make is found');
SELECT * FROM finish();
ROLLBACK;
