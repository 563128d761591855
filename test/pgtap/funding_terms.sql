-- Terms of customer cash, what a party may do, reference data, and the lock on a customer's cash.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
\ir lib/reference_data_event.psql
SELECT no_plan();

SELECT open_client('QRST'), open_client('XYZZ') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001'), open_customer(client => 'QRST', customer => 'QRST0002') \g /dev/null
CREATE FUNCTION pg_temp.terms(client text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s %s %s %s %s %s %s %s', t.encumber_unpaid, t.prefunded, t.credit_failed_sells, t.reserve_open_orders, t.settlement_flow, t.write_off_days,
		t.availability_days, t.minimum_withdrawal, t.return_fee) FROM client c, cash_terms_of(c.client_id) t WHERE c.code = client $$;

-- ---------------------------------------------------------------------------
-- Terms
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.terms('QRST'), 'f f f t NET 30 3 10.00 USD 0.00 USD', 'a client that has agreed no terms has the defaults');
SELECT lives_ok($$ SELECT change_cash_terms('QRST') $$, 'a change that names no term is accepted');
SELECT is_empty('SELECT * FROM cash_terms', 'a change that names no term stores nothing');
SELECT results_eq($$ SELECT reference, outcome, replayed FROM change_cash_terms('QRST', return_fee => '25 USD', reason => 'contract', reference => 'terms-1') $$, $$ VALUES ('terms-1', 'changed', false) $$,
	'a client agrees to a return fee');
SELECT is(pg_temp.terms('QRST'), 'f f f t NET 30 3 10.00 USD 25.00 USD', 'a change of one term leaves the others as they were');
SELECT results_eq($$ SELECT reference, outcome, replayed FROM change_cash_terms('QRST', return_fee => '25.00 USD', reason => 'contract', reference => 'terms-1') $$, $$ VALUES ('terms-1', 'changed', true) $$,
	'a change repeated under its reference is answered as it was answered first');
SELECT is((change_cash_terms('QRST', return_fee => '25 USD')).outcome, 'unchanged', 'a change to what was agreed already is none');
SELECT throws_ok($$ SELECT change_cash_terms('QRST', return_fee => '26 USD', reference => 'terms-1') $$, 'LG020', NULL,
	'the reference of a change is refused with another fee');
SELECT lives_ok($$ SELECT change_cash_terms('XYZZ', true, true, true, false, 'GROSS', 10, 0, '0 USD', '1 EUR', reference => 'terms-1') $$,
	'a client may change all its terms under a reference that another used');
SELECT is(pg_temp.terms('XYZZ'), 't t t f GROSS 10 0 0.00 USD 1.00 EUR', 'each client has terms of its own');
SELECT lives_ok($$ SELECT change_cash_terms('QRST', availability_days => 5) $$, 'a client changes another of its terms later');
SELECT is(pg_temp.terms('QRST'), 'f f f t NET 30 5 10.00 USD 25.00 USD',
	'a later change of one term keeps what was agreed before');
SELECT results_eq($$ SELECT reference, before->>'return_fee', after->>'return_fee', after->>'availability_days', reason FROM change_log
	WHERE object_kind = 'cash_terms' AND client_id = require_client('QRST') ORDER BY change_id $$,
	$$ VALUES ('terms-1', NULL, '25.00 USD', '3', 'contract'), (NULL, '25.00 USD', '25.00 USD', '5', NULL) $$,
	'each change of terms is an event with before and after');
SELECT throws_ok(format('SELECT change_cash_terms(%s)', arguments), code, NULL, 'a change of terms is refused with ' || code || ': ' || arguments)
  FROM (VALUES ('''NONE''', 'LG010'), ('NULL', 'LG010'), ('''QRST'', settlement_flow => ''BOTH''', 'LG002'), ('''QRST'', write_off_days => 0', 'LG002'),
			   ('''QRST'', write_off_days => 3651', 'LG002'), ('''QRST'', availability_days => -1', 'LG002'), ('''QRST'', availability_days => 61', 'LG002'),
			   ('''QRST'', minimum_withdrawal => ''-0.01 USD''', 'LG002'), ('''QRST'', return_fee => ''-1 USD''', 'LG002'), ('''QRST'', return_fee => ''1 BTC''', 'LG042'),
			   ('''QRST'', return_fee => ''1 USDC''', 'LG042'), ('''QRST'', minimum_withdrawal => ''1 NOPE''', 'LG040')) AS refusal(arguments, code);
SELECT close_client('XYZZ') \g /dev/null
SELECT throws_ok($$ SELECT change_cash_terms('XYZZ', return_fee => '2 USD') $$, 'LG011', NULL,
	'a closed client agrees to no terms');

-- ---------------------------------------------------------------------------
-- What a party may do
-- ---------------------------------------------------------------------------
SELECT results_eq($$ SELECT s, string_agg(format('%s %s/%s', m, CASE WHEN customer_may(m, s, 'DEPOSIT') THEN 'in' ELSE '-' END, CASE WHEN customer_may(m, s, 'WITHDRAWAL') THEN 'out' ELSE '-' END), ' ' ORDER BY m)
	FROM unnest(ARRAY['ACTIVE', 'INACTIVE', 'SUSPENDED', 'LIQUIDATED', 'UNDER_REVIEW', 'CLOSED']) s, unnest(ARRAY['OPEN', 'CLOSED', 'LOCKED', 'CLOSING_ONLY']) m GROUP BY s ORDER BY s $$,
	$$ VALUES ('ACTIVE', 'CLOSED -/- CLOSING_ONLY -/out LOCKED -/- OPEN in/out'), ('CLOSED', 'CLOSED -/- CLOSING_ONLY -/- LOCKED -/- OPEN -/-'),
		('INACTIVE', 'CLOSED -/- CLOSING_ONLY -/- LOCKED -/- OPEN -/-'), ('LIQUIDATED', 'CLOSED -/- CLOSING_ONLY -/out LOCKED -/- OPEN -/out'),
		('SUSPENDED', 'CLOSED -/- CLOSING_ONLY -/- LOCKED -/- OPEN -/-'), ('UNDER_REVIEW', 'CLOSED -/- CLOSING_ONLY -/- LOCKED -/- OPEN -/-') $$,
	'mode and party status decide whether a customer deposits and withdraws');
SELECT is(customer_may('OPEN', 'ACTIVE', 'GIFT'), false, 'a customer asks for nothing but deposits and withdrawals');

-- ---------------------------------------------------------------------------
-- Reference data
-- ---------------------------------------------------------------------------
SELECT is((SELECT format('%s %s %s', count(*), min(code), max(code)) FROM ach_return_code), '44 R01 R44',
	'the ledger knows the 44 ACH return codes R01 to R44');
SELECT is((SELECT array_agg(code ORDER BY code) FROM ach_return_code WHERE unauthorized), ARRAY['R05', 'R07', 'R10', 'R29'],
	'return codes R05, R07, R10 and R29 mean that a debit was unauthorized');
SELECT is((SELECT format('%s %s', return_days, banking_days) FROM ach_return_code WHERE code = 'R10'), '60 f',
	'return code R10 can be used for sixty calendar days');
SELECT is((SELECT format('%s %s', return_days, banking_days) FROM ach_return_code WHERE code = 'R01'), '2 t',
	'return code R01 can be used for two banking days');
SELECT is((SELECT count(*) FROM adjustment_reason WHERE reason IN ('DECEASED_PARTY', 'OTHER_ADJUSTMENT')), 2::bigint,
	'the reasons of adjustments include deceased parties and other adjustments');

-- ---------------------------------------------------------------------------
-- The lock on a customer's cash, and the company's set-off
-- ---------------------------------------------------------------------------
SELECT lock_customers_cash(ARRAY(SELECT customer_id FROM customer)), lock_customer_cash(customer_id) FROM customer WHERE customer_code = 'QRST0001' \g /dev/null
SELECT results_eq('SELECT customer_code, changes > 1 FROM cash_guard JOIN customer USING (customer_id) ORDER BY 1', $$ VALUES ('QRST0001', true), ('QRST0002', false) $$,
	'each lock on a customer''s cash is counted on its guard row');

CREATE FUNCTION pg_temp.account(fund text, name text) RETURNS account_id LANGUAGE sql AS $$ SELECT (open_account('QRST', fund, name, 'USD')).account $$;
CREATE FUNCTION pg_temp.figure(fund text, name text) RETURNS amount LANGUAGE sql AS $$ SELECT (balance_of(pg_temp.account(fund, name))).balance $$;
CREATE FUNCTION pg_temp.set_off() RETURNS amount LANGUAGE sql AS $$ SELECT offset_due_from_company(client_id, 'USD', '2026-11-20 15:00Z') FROM client WHERE code = 'QRST' $$;
SELECT is(pg_temp.set_off(), '0 USD'::amount, 'nothing is set off when neither side owes');
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO', 'Bank:omnibus'), '100 USD'), line('Cr', pg_temp.account('FBO', 'DueTo:CORP'), '100 USD'),
	line('Dr', pg_temp.account('CORP', 'DueFrom:FBO'), '100 USD'), line('Cr', pg_temp.account('CORP', 'Bank:operating'), '100 USD')), 'bank') \g /dev/null
SELECT is(pg_temp.set_off(), '0 USD'::amount, 'nothing is set off without a deficit');
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.account('FBO', 'DueFrom:CORP'), '130 USD'), line('Cr', pg_temp.account('FBO', 'Bank:omnibus'), '130 USD'),
	line('Dr', pg_temp.account('CORP', 'CustomerDeficit:QRST0001'), '130 USD'), line('Cr', pg_temp.account('CORP', 'DueTo:FBO'), '130 USD')), 'deficit') \g /dev/null
SELECT is(pg_temp.set_off(), '100 USD'::amount, 'a set-off is limited to the company''s money in the FBO account');
SELECT is(format('%s, %s, %s, %s', pg_temp.figure('FBO', 'DueTo:CORP'), pg_temp.figure('FBO', 'DueFrom:CORP'), pg_temp.figure('CORP', 'DueFrom:FBO'), pg_temp.figure('CORP', 'DueTo:FBO')),
	'0.00 USD, 30.00 USD, 0.00 USD, 30.00 USD', 'a deficit beyond the company''s money stays owed');
SELECT is((SELECT format('%s %s', k.name, j.effective_at = '2026-11-20 15:00Z') FROM journal j JOIN journal_kind k USING (kind) WHERE reference LIKE 'top-up:%'), 'fbo_transfer t',
	'a set-off posts a transfer effective at the instant given');
SELECT is(pg_temp.set_off(), '0 USD'::amount, 'a second set-off finds nothing left');

SELECT finish();
ROLLBACK;
