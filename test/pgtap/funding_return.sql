-- Returns of money that was settled and spent, the company's deficit, fees, top-up and recovery (J06*).
-- Run from the top of the tree: the worked journals are read from test/golden.
\set content `cat test/golden/journals.json`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/funding_event.psql
SELECT no_plan();

SELECT open_client('QRST') \g /dev/null
SELECT open_customer(client => 'QRST', customer => a) FROM unnest(ARRAY['ALICE001', 'BOB00001', 'DAVE0001', 'ERIN0001', 'FRANK001', 'GRETA001']) a \g /dev/null

CREATE TEMP TABLE golden AS SELECT j->>'id' AS id, j->'postings' AS postings FROM jsonb_array_elements((:'content'::jsonb)->'journals') AS j;
CREATE TEMP VIEW golden_line AS
	SELECT g.id, n, p->>'fund' AS fund, replace(p->>'account', 'dave', 'DAVE0001') AS name, (((p->>'debit')::numeric - (p->>'credit')::numeric)::text || ' USD')::amount AS amount
	FROM golden g, jsonb_array_elements(g.postings) WITH ORDINALITY AS t (p, n) WHERE id LIKE 'J06%';
CREATE FUNCTION pg_temp.golden(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s', fund, name, amount) ORDER BY n) FROM golden_line g WHERE g.id = golden.id $$;
CREATE FUNCTION pg_temp.golden_net(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(l ORDER BY l) FROM (SELECT format('%s %s %s', fund, name, sum(amount)) FROM golden_line g WHERE g.id = golden_net.id GROUP BY fund, name) AS t (l) $$;
CREATE FUNCTION pg_temp.lines(journals bigint[]) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s', p.fund, p.name, p.amount) ORDER BY p.journal, p.line) FROM posting p WHERE p.journal = ANY (journals) $$;
CREATE FUNCTION pg_temp.net(journals bigint[]) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(l ORDER BY l) FROM (SELECT format('%s %s %s', fund, name, sum(amount)) FROM posting p WHERE p.journal = ANY (journals) GROUP BY fund, name HAVING NOT is_zero(sum(amount))) AS t (l) $$;
CREATE FUNCTION pg_temp.step(reference text, VARIADIC wanted text[]) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT array_agg(e.journal_id ORDER BY e.event_no) FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id)
	WHERE t.reference = step.reference AND e.event = ANY (wanted) $$;
CREATE FUNCTION pg_temp.figure(fund text, name text) RETURNS amount LANGUAGE sql AS $$ SELECT (balance_of((open_account('QRST', fund, name, 'USD')).account)).balance $$;
-- the balances of everybody but one, byte for byte
CREATE FUNCTION pg_temp.others(account text) RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(b::text, ',' ORDER BY b.account)) FROM balance b JOIN customer c USING (customer_id) WHERE c.customer_code <> others.account $$;
-- control, in transit and what the company owes, less what it is owed, against claims, gross, and residual: zero when they agree (I8)
CREATE FUNCTION pg_temp.lacking() RETURNS amount LANGUAGE sql AS $$
	SELECT sum(CASE WHEN k.class IN ('claim', 'residual') THEN -greatest(b.balance, '0 USD') WHEN b.normal_side = 'credit' THEN -b.balance ELSE b.balance END)
	FROM balances('QRST') b JOIN account_kind k ON k.kind = b.kind WHERE b.fund = 'FBO' AND asset(b.balance) = 'USD' $$;
CREATE FUNCTION pg_temp.claims_in_debit() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM balances('QRST') b JOIN account_kind k ON k.kind = b.kind WHERE k.class = 'claim' AND sign(b.balance) < 0 $$;
CREATE FUNCTION pg_temp.cash(account text) RETURNS text LANGUAGE sql AS $$ SELECT format('%s, held %s, deficit %s', settled, held, deficit) FROM cash_balance(account) $$;
CREATE FUNCTION pg_temp.fund(account text, amount amount, reference text) RETURNS void LANGUAGE sql AS $$
	SELECT initiate_deposit(account, amount, reference, at => '2026-11-02 15:00Z'), credit_deposit('QRST', reference, at => '2026-11-03 15:00Z'), settle_deposits('2026-11-06 15:00Z') $$;
CREATE FUNCTION pg_temp.pay(account text, amount amount, reference text) RETURNS void LANGUAGE sql AS $$
	SELECT request_withdrawal(account, amount, reference, at => '2026-11-06 16:00Z'), send_withdrawal('QRST', reference, at => '2026-11-06 17:00Z'), complete_withdrawal('QRST', reference, at => '2026-11-07 15:00Z') $$;

-- others' money stands in the same bank account
SELECT receive_wire('QRST', '70000 USD', 'bob', 'BOB00001', at => '2026-11-02 15:00Z'), receive_wire('QRST', '5000 USD', 'alice', 'ALICE001', at => '2026-11-02 15:00Z') \g /dev/null

-- ---------------------------------------------------------------------------
-- J06: deposited, spent, returned, topped up
-- ---------------------------------------------------------------------------
SELECT pg_temp.fund('DAVE0001', '1000 USD', 'dep') \g /dev/null
SELECT is(pg_temp.net(pg_temp.step('dep', 'initiated', 'credited', 'settled')), pg_temp.golden_net('J06a'),
	'initiation, credit and settlement of a deposit add up to golden journal J06a');
SELECT pg_temp.pay('DAVE0001', '800 USD', 'out') \g /dev/null
SELECT is(pg_temp.lines(pg_temp.step('out', 'sent')), pg_temp.golden('J06b'),
	'a sent withdrawal posts golden journal J06b line by line');
SELECT is(pg_temp.lines(pg_temp.step('out', 'completed')), pg_temp.golden('J06c'),
	'a completed withdrawal posts golden journal J06c line by line');
SELECT pg_temp.others('DAVE0001') AS others \gset
SELECT is((SELECT status FROM return_deposit('QRST', 'dep', 'R10', 'BAI-555', '2026-11-09 15:00Z')), 'RETURNED',
	'a settled deposit that was spent can still be returned (R10)');
SELECT is(pg_temp.lines(pg_temp.step('dep', 'returned')), pg_temp.golden('J06d'),
	'the return of a spent deposit posts golden journal J06d line by line');
SELECT is((SELECT format('%s %s', k.name, j.effective_at AT TIME ZONE 'UTC') FROM journal j JOIN journal_kind k USING (kind) WHERE j.journal_id = ANY (pg_temp.step('dep', 'returned'))), 'cash_return 2026-11-09 15:00:00',
	'a return posts a cash_return journal effective when the deposit was returned');
SELECT is((SELECT deficit FROM funding_event WHERE event = 'returned'), '800 USD'::amount,
	'the event of a return records the deficit');
SELECT is(pg_temp.cash('DAVE0001'), '0.00 USD, held 0.00 USD, deficit 800.00 USD',
	'a return takes the customer''s claim to zero and leaves the rest as a deficit');
SELECT is(pg_temp.others('DAVE0001'), :'others', 'a return changes no other customer''s balance');
SELECT is(pg_temp.lacking(), '0 USD'::amount, 'claims and residual stay covered after a return by what the company owes (I8)');
SELECT is(pg_temp.figure('FBO', 'DueFrom:CORP'), '800 USD'::amount,
	'the company owes the FBO account what a return left in deficit');
SELECT results_eq('SELECT * FROM deficits(''QRST'')', $$ VALUES ('QRST', 'DAVE0001', '800 USD'::amount, '2026-11-09 15:00Z'::timestamptz) $$,
	'deficits() lists a deficit with its customer and time');
SELECT is_empty('SELECT * FROM deficits(''QRST'', ''2026-11-09 14:59Z'')', 'deficits() lists no deficit before it arose');
SELECT results_eq($$SELECT outcome, replayed, status, at, deficit::text FROM return_deposit('QRST', 'dep', 'R10', 'BAI-555')$$, $$VALUES ('returned', true, 'RETURNED', timestamptz '2026-11-09 15:00Z', '800.00 USD')$$,
	'a repeated return is answered as it was answered first');
SELECT throws_ok($$ SELECT return_deposit('QRST', 'dep', 'R01', 'BAI-555') $$, 'LG020', NULL,
	'a return repeated with another code is refused');
SELECT is((SELECT count(*) FROM journal WHERE kind = 19), 1::bigint, 'a repeated return posts no second journal');
SELECT max(journal_id) AS before FROM journal \gset
SELECT reference AS transfer FROM top_up_deficits('2026-11-09 21:30Z') \gset
SELECT is(pg_temp.lacking(), '0 USD'::amount, 'claims and residual stay covered while a top-up is in transit (I8)');
SELECT confirm_fbo_transfer('QRST', :'transfer', 'FED-1', '2026-11-09 22:00Z') \g /dev/null
SELECT is(pg_temp.net(ARRAY(SELECT journal_id FROM journal WHERE journal_id > :before)), pg_temp.golden_net('J06e'),
	'the two journals of a top-up add up to golden journal J06e');
SELECT is(pg_temp.lacking(), '0 USD'::amount, 'claims and residual stay covered when a top-up has arrived (I8)');
SELECT is(pg_temp.figure('FBO', 'DueFrom:CORP'), '0 USD'::amount,
	'a confirmed top-up clears what the company owes the FBO account');
SELECT is(pg_temp.cash('DAVE0001'), '0.00 USD, held 0.00 USD, deficit 800.00 USD',
	'a top-up by the company leaves the customer''s deficit as it is');

-- ---------------------------------------------------------------------------
-- Recovery
-- ---------------------------------------------------------------------------
SELECT throws_ok(format('SELECT recover_deficit(%s)', arguments), code, NULL,
	format('a recovery of a deficit is refused (%s): %s', code, arguments)) FROM (VALUES
	('''DAVE0001'', ''r''', 'LG050'), ('''DAVE0001'', ''r'', ''1 USD''', 'LG050'), ('''DAVE0001'', ''r'', ''800.01 USD''', 'LG086'), ('''BOB00001'', ''r''', 'LG086'), ('''DAVE0001'', ''r'', ''0 USD''', 'LG045'),
	('''DAVE0001'', NULL', 'LG002'), ('''DAVE0001'', repeat(''r'', 181)', 'LG002'), ('''NOBODY01'', ''r''', 'LG012'), ('''DAVE0001'', ''r'', at => ''infinity''', 'LG061')) AS t (arguments, code);
SELECT receive_wire('QRST', '300 USD', 'dave', 'DAVE0001', at => '2026-11-10 15:00Z') \g /dev/null
SELECT is((SELECT format('%s %s %s', replayed, amount, deficit) FROM recover_deficit('DAVE0001', 'r', '50 USD', at => '2026-11-10 16:00Z')), 'f 50.00 USD 750.00 USD',
	'a deficit can be recovered in part');
SELECT is((SELECT array_agg(format('%s %s %s', p.fund, p.name, p.amount) ORDER BY p.line) FROM posting p WHERE p.reference = 'funding:recovery:r'),
	ARRAY['FBO Cust:DAVE0001:settled 50.00 USD', 'FBO DueTo:CORP -50.00 USD', 'CORP DueFrom:FBO 50.00 USD', 'CORP CustomerDeficit:DAVE0001 -50.00 USD'],
	'a recovery turns the customer''s cash into the company''s');
SELECT is((SELECT format('%s %s %s', replayed, amount, deficit) FROM recover_deficit('DAVE0001', 'r', '50 USD')), 't 50.00 USD 750.00 USD',
	'a repeated recovery answers with the original figures');
SELECT throws_ok($$ SELECT recover_deficit('DAVE0001', 'r', '51 USD') $$, 'LG020', NULL,
	'a recovery repeated with another amount is refused');
SELECT throws_ok($$ SELECT recover_deficit('DAVE0001', 'more', '251 USD') $$, 'LG050', NULL,
	'a recovery above the customer''s cash is refused');
SELECT is((SELECT format('%s %s', amount, deficit) FROM recover_deficit('DAVE0001', 'all', at => '2026-11-10 16:00Z')), '250.00 USD 500.00 USD',
	'a recovery without an amount takes as much as the customer has');
SELECT is((SELECT format('%s %s %s %s', outcome, replayed, amount, deficit) FROM recover_deficit('DAVE0001', 'all')), 'posted t 250.00 USD 500.00 USD',
	'a repeated recovery without an amount answers with the original figures');
SELECT receive_wire('QRST', '600 USD', 'dave 2', 'DAVE0001', at => '2026-11-11 15:00Z') \g /dev/null
SELECT is((SELECT format('%s %s', amount, deficit) FROM recover_deficit('DAVE0001', 'rest', at => '2026-11-11 16:00Z')), '500.00 USD 0.00 USD',
	'a recovery without an amount takes no more than the deficit');
SELECT is(pg_temp.cash('DAVE0001'), '100.00 USD, held 0.00 USD, deficit 0.00 USD',
	'cash beyond the recovered deficit stays the customer''s');
SELECT is_empty('SELECT * FROM deficits()', 'deficits() lists nobody once all is recovered');
SELECT results_eq($$ SELECT deficit FROM deficits('QRST', '2026-11-10 16:00Z') $$, $$ VALUES ('500 USD'::amount) $$,
	'deficits() as of an earlier time lists the deficit of that time');
SELECT is(pg_temp.figure('FBO', 'DueTo:CORP'), '800 USD'::amount,
	'recovered deficits are the company''s money in the FBO account');

-- ---------------------------------------------------------------------------
-- The company's money there is set off at once
-- ---------------------------------------------------------------------------
SELECT pg_temp.fund('ERIN0001', '1000 USD', 'erin'), pg_temp.pay('ERIN0001', '1000 USD', 'erin out') \g /dev/null
SELECT pg_temp.others('ERIN0001') AS others \gset
SELECT return_deposit('QRST', 'erin', 'R01', at => '2026-11-12 15:00Z') \g /dev/null
SELECT is(format('%s %s', pg_temp.figure('FBO', 'DueTo:CORP'), pg_temp.figure('FBO', 'DueFrom:CORP')), '0.00 USD 200.00 USD',
	'a new deficit is set off against the company''s money in the FBO account');
SELECT is(pg_temp.others('ERIN0001'), :'others', 'a return with a set-off changes no other customer''s balance');
SELECT is(pg_temp.lacking(), '0 USD'::amount, 'claims and residual stay covered after a set-off (I8)');
SELECT is(pg_temp.lines(pg_temp.step('erin', 'returned')), ARRAY['FBO DueFrom:CORP 1000.00 USD', 'FBO Bank:omnibus -1000.00 USD', 'CORP CustomerDeficit:ERIN0001 1000.00 USD', 'CORP DueTo:FBO -1000.00 USD'],
	'a return to a customer without cash posts no line for the claim');
SELECT receive_wire('QRST', '1000 USD', 'erin back', 'ERIN0001', at => '2026-11-12 16:00Z') \g /dev/null
SELECT recover_deficit('ERIN0001', 'erin back', at => '2026-11-12 17:00Z') \g /dev/null
SELECT is(format('%s %s', pg_temp.figure('FBO', 'DueTo:CORP'), pg_temp.figure('FBO', 'DueFrom:CORP')), '800.00 USD 0.00 USD',
	'a recovery is set off against what the company owes the FBO account');

-- ---------------------------------------------------------------------------
-- The fee
-- ---------------------------------------------------------------------------
SELECT change_cash_terms('QRST', return_fee => '25 USD') \g /dev/null
SELECT pg_temp.fund('FRANK001', '100 USD', 'frank'), receive_wire('QRST', '40 USD', 'frank wire', 'FRANK001', at => '2026-11-06 15:00Z') \g /dev/null
SELECT return_deposit('QRST', 'frank', 'R01', at => '2026-11-12 15:00Z') \g /dev/null
SELECT is(pg_temp.lines(pg_temp.step('frank', 'charged')), ARRAY['FBO Cust:FRANK001:settled 25.00 USD', 'FBO DueTo:CORP -25.00 USD', 'CORP DueFrom:FBO 25.00 USD', 'CORP Revenue:return-fee -25.00 USD'],
	'a return fee is paid from the customer''s settled cash');
SELECT is(pg_temp.cash('FRANK001'), '15.00 USD, held 0.00 USD, deficit 0.00 USD',
	'a return fee that the customer''s cash covers leaves no deficit');
SELECT initiate_deposit('FRANK001', '100 USD', 'frank 2', at => '2026-11-12 15:00Z'), return_deposit('QRST', 'frank 2', 'R04', at => '2026-11-13 15:00Z') \g /dev/null
SELECT is(pg_temp.lines(pg_temp.step('frank 2', 'charged')), ARRAY['FBO Cust:FRANK001:settled 15.00 USD', 'FBO DueTo:CORP -15.00 USD', 'CORP DueFrom:FBO 15.00 USD', 'CORP CustomerDeficit:FRANK001 10.00 USD', 'CORP Revenue:return-fee -25.00 USD'],
	'a return fee beyond the customer''s cash becomes a deficit');
SELECT is((SELECT string_agg(format('%s %s %s', e.event, e.status, e.deficit), ', ' ORDER BY e.event_no) FROM funding_transfer t JOIN funding_event e USING (client_id, transfer_id) WHERE t.reference = 'frank 2'),
	'initiated INITIATED , returned RETURNED , charged RETURNED 10.00 USD',
	'a return and its fee are recorded as events of their own');
SELECT is(pg_temp.cash('FRANK001'), '0.00 USD, held 0.00 USD, deficit 10.00 USD',
	'a return fee takes the customer''s cash no lower than zero');
SELECT is(pg_temp.lacking(), '0 USD'::amount, 'claims and residual stay covered after a return fee (I8)');
SELECT return_deposit('QRST', 'frank 2', 'R04') \g /dev/null
SELECT is((SELECT count(*) FROM journal WHERE kind = 15), 2::bigint, 'a repeated return charges no second fee');
SELECT change_cash_terms('QRST', return_fee => '0 USD') \g /dev/null

-- ---------------------------------------------------------------------------
-- Withdrawals that are not sent, holds, frozen accounts
-- ---------------------------------------------------------------------------
SELECT pg_temp.fund('GRETA001', '500 USD', 'greta') \g /dev/null
SELECT request_withdrawal('GRETA001', '100 USD', 'oldest', at => '2026-11-06 16:00Z'), request_withdrawal('GRETA001', '150 USD', 'newer', at => '2026-11-06 17:00Z'),
	request_withdrawal('GRETA001', '120 USD', 'newest', at => '2026-11-06 18:00Z'), receive_wire('QRST', '60 USD', 'greta wire', 'GRETA001', at => '2026-11-06 18:00Z') \g /dev/null
SELECT is(pg_temp.cash('GRETA001'), '560.00 USD, held 370.00 USD, deficit 0.00 USD',
	'requested withdrawals are held and stay in the settled balance');
SELECT return_deposit('QRST', 'greta', 'R10', at => '2026-11-09 15:00Z') \g /dev/null
SELECT is((SELECT string_agg(format('%s %s', reference, status), ', ' ORDER BY reference) FROM funding_transfer WHERE reference IN ('oldest', 'newer', 'newest')), 'newer REJECTED, newest REJECTED, oldest REJECTED',
	'a return rejects all unsent withdrawals when it needs their cash');
SELECT is(pg_temp.cash('GRETA001'), '60.00 USD, held 0.00 USD, deficit 0.00 USD',
	'a return covered by rejected withdrawals leaves no deficit');
SELECT pg_temp.fund('GRETA001', '200 USD', 'greta 2'), receive_wire('QRST', '300 USD', 'greta wire 2', 'GRETA001', at => '2026-11-06 18:00Z') \g /dev/null
SELECT request_withdrawal('GRETA001', '100 USD', 'oldest 2', at => '2026-11-06 16:00Z'), request_withdrawal('GRETA001', '150 USD', 'newer 2', at => '2026-11-06 17:00Z'),
	request_withdrawal('GRETA001', '240 USD', 'newest 2', at => '2026-11-06 18:00Z') \g /dev/null
SELECT return_deposit('QRST', 'greta 2', 'R10', at => '2026-11-09 15:00Z') \g /dev/null
SELECT is((SELECT string_agg(format('%s %s', reference, status), ', ' ORDER BY reference) FROM funding_transfer WHERE reference LIKE '% 2' AND direction = 'WITHDRAWAL'), 'newer 2 REQUESTED, newest 2 REJECTED, oldest 2 REQUESTED',
	'a return rejects the newest unsent withdrawals first, and only as many as it needs');
SELECT is((SELECT reason FROM funding_event WHERE event = 'rejected' ORDER BY recorded_at DESC LIMIT 1), 'deposit "greta 2" was returned',
	'a withdrawal rejected by a return names the returned deposit as reason');
SELECT is(pg_temp.cash('GRETA001'), '360.00 USD, held 250.00 USD, deficit 0.00 USD',
	'withdrawals that a return did not need stay held');
SELECT throws_ok($$ SELECT send_withdrawal('QRST', 'newest 2') $$, 'LG081', NULL,
	'a withdrawal rejected by a return is not sent');
SELECT is((SELECT status FROM send_withdrawal('QRST', 'oldest 2', at => '2026-11-09 16:00Z')), 'SENT',
	'a withdrawal that the return did not need is sent');

SELECT pg_temp.fund('ALICE001', '400 USD', 'alice dep') \g /dev/null
SELECT authorize_hold('QRST', account_of('QRST', 'FBO', 'Cust:ALICE001:settled', 'USD'), '5300 USD', 'order') \g /dev/null
SELECT return_deposit('QRST', 'alice dep', 'R10', at => '2026-11-09 15:00Z') \g /dev/null
SELECT is((SELECT deficit FROM deficits() WHERE customer = 'ALICE001'), '300 USD'::amount,
	'a return leaves cash held for an order and books a deficit instead');
SELECT is((SELECT (b).available FROM balance_of(account_of('QRST', 'FBO', 'Cust:ALICE001:settled', 'USD')) b), '0 USD'::amount,
	'a return takes all the cash that no order holds');
SELECT release_hold('QRST', 'order', 'order over') \g /dev/null
SELECT recover_deficit('ALICE001', 'alice') \g /dev/null
SELECT is(pg_temp.cash('ALICE001'), '5000.00 USD, held 0.00 USD, deficit 0.00 USD',
	'a deficit is recovered from cash that a released hold frees');
SELECT pg_temp.fund('ALICE001', '400 USD', 'alice dep 2'), request_withdrawal('ALICE001', '10 USD', 'alice out', at => '2026-11-06 18:00Z') \g /dev/null
SELECT freeze_account(account_of('QRST', 'FBO', 'Cust:ALICE001:settled', 'USD'), 'debit', reason => 'court order') \g /dev/null
SELECT is((SELECT status FROM return_deposit('QRST', 'alice dep 2', 'R16', at => '2026-11-09 15:00Z')), 'RETURNED',
	'a deposit into a frozen account can be returned');
SELECT is(pg_temp.cash('ALICE001'), '5400.00 USD, held 10.00 USD, deficit 400.00 USD',
	'a return leaves a frozen account and its withdrawals, and the company pays');
SELECT throws_ok($$ SELECT recover_deficit('ALICE001', 'alice frozen') $$, 'LG050', NULL,
	'a recovery without an amount finds nothing on a frozen account');
SELECT throws_ok($$ SELECT recover_deficit('ALICE001', 'alice frozen', '1 USD') $$, 'LG033', NULL,
	'a recovery of an amount from a frozen account is refused');
SELECT is(pg_temp.lacking(), '0 USD'::amount, 'claims and residual stay covered after a return to a frozen account (I8)');

-- a wire that is called back after it was spent
SELECT receive_wire('QRST', '250 USD', 'recalled', 'ERIN0001', at => '2026-11-13 15:00Z') \g /dev/null
SELECT pg_temp.pay('ERIN0001', '200 USD', 'erin spent') \g /dev/null
SELECT is((SELECT status FROM return_wire('QRST', 'recalled', 'fraud at the sender''s bank', at => '2026-11-14 15:00Z')), 'RETURNED',
	'a wire that was spent can still be returned');
SELECT is(pg_temp.cash('ERIN0001'), '0.00 USD, held 0.00 USD, deficit 200.00 USD',
	'the return of a wire beyond the customer''s cash becomes a deficit');

SELECT is(pg_temp.claims_in_debit(), 0::bigint, 'no customer''s claim is in debit after all returns (I5)');
SELECT is(pg_temp.lacking(), '0 USD'::amount, 'claims and residual are covered after all returns (I8)');
SELECT is_empty('SELECT * FROM check_fbo()', 'check_fbo() finds nothing after all returns');
SELECT is_empty('SELECT * FROM check_funding()', 'check_funding() finds nothing after all returns');
SELECT is_empty('SELECT * FROM verify()', 'verify() finds nothing after all returns');
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SELECT finish();
ROLLBACK;
