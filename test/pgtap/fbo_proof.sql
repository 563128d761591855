-- The proof of the FBO accounts (I8): every term, gross, and what it must find.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE FUNCTION pg_temp.acct(fund text, name text) RETURNS account_id LANGUAGE sql AS $$ SELECT (open_account('QRST', $1, $2, 'USD')).account $$;
-- a journal of fund FBO: what is debited, what is credited
CREATE FUNCTION pg_temp.move(reference text, debit text, credit text, amount amount) RETURNS void LANGUAGE sql AS $$
	SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.acct('FBO', debit), amount), line('Cr', pg_temp.acct('FBO', credit), amount)), reference)
$$;
SELECT open_client('QRST', at => '2026-01-01Z'), open_client('NONE', at => '2026-01-01Z') \g /dev/null
SELECT open_bank_account('EVOLVE', 'FBO', 'Evolve', ledger_name => 'Bank:omnibus:evolve') \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST000' || n) FROM generate_series(1, 3) n \g /dev/null
SELECT is_empty($$SELECT * FROM fbo_proof()$$, 'a client without FBO accounts has no FBO proof');

-- one amount for each term, so that a term in the wrong column shows
SELECT pg_temp.move(d || c, d, c, a::amount) FROM (VALUES
	('Bank:omnibus', 'Cust:QRST0001:settled', '100000 USD'), ('Bank:omnibus:evolve', 'Cust:QRST0002:settled', '20000 USD'),
	('Clearing:ACH-in', 'Cust:QRST0002:unsettled', '3000 USD'), ('Cust:QRST0001:settled', 'Clearing:ACH-out', '400 USD'),
	('Clearing:wire-in', 'Cust:QRST0003:settled', '50 USD'), ('Cust:QRST0002:settled', 'Clearing:wire-out', '6 USD'),
	('Clearing:card-in', 'Cust:QRST0003:unsettled', '77 USD'), ('Cust:QRST0001:settled', 'Cust:QRST0001:held', '800 USD'),
	('Bank:omnibus', 'Suspense:unidentified', '90 USD'), ('Cust:QRST0001:settled', 'Cust:state:TX', '11 USD'),
	('Bank:omnibus', 'Suspense:interest-unallocated', '0.12 USD')) m (d, c, a) \g /dev/null
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.acct(df, d), a), line('Cr', pg_temp.acct(cf, c), a), line('Dr', pg_temp.acct(ef, e), a), line('Cr', pg_temp.acct(gf, g), a)), n) FROM (VALUES
	('cushion', 'FBO', 'Bank:omnibus', 'FBO', 'ResidualInterest:company', 'CORP', 'ResidualInterestInFBO', 'CORP', 'Bank:operating', amount '2000 USD'),
	('collected', 'FBO', 'Cust:QRST0001:settled', 'FBO', 'DueTo:CORP', 'CORP', 'DueFrom:FBO', 'CORP', 'TPJ:receivable:QRST0001', '700 USD'),
	('returned', 'FBO', 'DueFrom:CORP', 'FBO', 'Bank:omnibus', 'CORP', 'CustomerDeficit:QRST0003', 'CORP', 'DueTo:FBO', '250 USD')) m (n, df, d, cf, c, ef, e, gf, g, a) \g /dev/null
SELECT instruct_bank_transfer('QRST', '7000 USD', NULL, 'evolve', 'between'), confirm_bank_transfer('QRST', 'between', 'b1', 'DEBIT') \g /dev/null
SELECT instruct_fbo_transfer('QRST', '30 USD', 'out', 'TO_BUSINESS'), instruct_fbo_transfer('QRST', '15 USD', 'in') \g /dev/null

CREATE FUNCTION pg_temp.proof() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s: %s', p.key, btrim(p.value::text, '"')) FROM fbo_proof('QRST') f, jsonb_each(to_jsonb(f) - '{client,asset,banks}'::text[]) p
$$;
SELECT set_eq('SELECT pg_temp.proof()', ARRAY['control: 114840.12 USD', 'ach_in: 3000.00 USD', 'card_in: 77.00 USD', 'ach_out: 400.00 USD', 'wire_in: 50.00 USD', 'wire_out: 6.00 USD',
	'inter_bank: 7000.00 USD', 'business_transfer: 30.00 USD', 'due_from_company: 250.00 USD', 'due_to_company: 670.00 USD', 'other_funds: 0.00 USD',
	'resources: 124111.12 USD', 'settled: 118133.00 USD', 'unsettled: 3077.00 USD', 'held: 800.00 USD', 'unidentified: 90.00 USD', 'escheated: 11.00 USD',
	'claims: 122111.00 USD', 'residual: 2000.00 USD', 'interest: 0.12 USD', 'required: 124111.12 USD', 'difference: 0.00 USD', 'claims_in_debit: 0.00 USD'],
	'the FBO proof shows each term in its own column');
SELECT results_eq($$SELECT b.bank, b.balance::text FROM fbo_proof('QRST') p, unnest(p.banks) b$$, $$VALUES ('Bank:omnibus', '94840.12 USD'), ('Bank:omnibus:evolve', '20000.00 USD')$$,
	'the FBO proof lists the balance of each bank account');
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the check finds nothing in a balanced FBO account');
SELECT seal() \g /dev/null
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the check finds nothing after a block is sealed');
SELECT throws_ok($$SELECT fbo_proof('ABSENT')$$, 'LG010', NULL, 'the FBO proof of an unknown client is refused');
SELECT throws_ok($$SELECT check_fbo('ABSENT')$$, 'LG010', NULL, 'the FBO check of an unknown client is refused');

-- ---------------------------------------------------------------------------
-- Attacks
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.broken() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', d.subject || ' ' || (SELECT t.reference FROM fbo_transfer t WHERE t.transfer_id::text = d.subject_key), a.name, d.detail)
	FROM check_fbo('QRST') d LEFT JOIN account a USING (account) WHERE d.check_name = 'fbo' AND d.client = 'QRST'
$$;
-- what a superuser can do who says that he is restoring
CREATE FUNCTION pg_temp.inject(reference text, entry journal_entry, kind smallint DEFAULT 1) RETURNS void LANGUAGE sql AS $$
	INSERT INTO journal (client_id, actor_id, journal_id, recorded_at, effective_at, kind, reference, entry)
	SELECT c.client_id, a.actor_id, nextval('record_number'), now(), now(), $3, $1, $2 FROM client c, (SELECT min(actor_id) AS actor_id FROM actor) a WHERE c.code = 'QRST'
$$;

SAVEPOINT attack;
SET LOCAL bakkt_ledger.restoring = on;
SELECT pg_temp.inject('wrong', journal_entry(line('Dr', pg_temp.acct('FBO', 'Cust:QRST0002:settled'), '500 USD'), line('Cr', pg_temp.acct('FBO', 'Bank:omnibus'), '500 USD'))) \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.broken()', $$VALUES ('123611.12 USD is there, 124111.12 USD is required to cover what customers are owed (I8).')$$,
	'money taken by a journal that changed no balance is found');
SELECT is((SELECT difference::text FROM fbo_proof('QRST')), '-500.00 USD', 'the difference of the proof is the amount missing');
ROLLBACK TO attack;

SET LOCAL bakkt_ledger.restoring = on;
SELECT pg_temp.inject('deficit', journal_entry(line('Dr', pg_temp.acct('FBO', 'Cust:QRST0003:settled'), '850 USD'), line('Cr', pg_temp.acct('FBO', 'Cust:QRST0002:settled'), '850 USD'))) \g /dev/null
ALTER TABLE balance DISABLE TRIGGER refuse_write;
UPDATE balance b SET posted = b.posted + CASE a.name WHEN 'Cust:QRST0003:settled' THEN amount '850 USD' ELSE amount '-850 USD' END
	FROM account a WHERE a.client_id = b.client_id AND a.account = b.account AND a.name IN ('Cust:QRST0003:settled', 'Cust:QRST0002:settled');
SELECT results_eq('SELECT * FROM pg_temp.broken() ORDER BY 1', $$VALUES ('124111.12 USD is there, 124911.12 USD is required to cover what customers are owed (I8).'),
	('Cust:QRST0003:settled | Cust:QRST0003:settled is a claim in debit: -800.00 USD (I5).')$$,
	'a deficit that other customers'' money hides is found');
SELECT results_eq($$SELECT difference::text, claims_in_debit::text FROM fbo_proof('QRST')$$, $$VALUES ('-800.00 USD', '800.00 USD')$$,
	'a claim in debit is not set off against other customers'' claims');
ROLLBACK TO attack;

-- a transfer that nobody listed
SELECT load_journal('QRST', journal_entry(line('Dr', pg_temp.acct('FBO', 'DueTo:CORP'), '40 USD'), line('Cr', pg_temp.acct('FBO', 'Clearing:business-transfer'), '40 USD'),
	line('Dr', pg_temp.acct('CORP', 'Clearing:FBO-transfer'), '40 USD'), line('Cr', pg_temp.acct('CORP', 'DueFrom:FBO'), '40 USD')), 'unlisted') \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.broken()', $$VALUES ('Clearing:FBO-transfer | Clearing:FBO-transfer holds 85.00 USD, the transfers in transit come to 45.00 USD.'),
	('Clearing:business-transfer | Clearing:business-transfer holds 70.00 USD, the transfers in transit come to 30.00 USD.')$$,
	'money in transit that no transfer lists is found');
ROLLBACK TO attack;

-- a transfer that is listed and never left
ALTER TABLE fbo_transfer DISABLE TRIGGER refuse_write;
UPDATE fbo_transfer SET amount = '31 USD' WHERE reference = 'out';
SELECT results_eq('SELECT * FROM pg_temp.broken()', $$VALUES ('Clearing:FBO-transfer | Clearing:FBO-transfer holds 45.00 USD, the transfers in transit come to 46.00 USD.'),
	('Clearing:business-transfer | Clearing:business-transfer holds 30.00 USD, the transfers in transit come to 31.00 USD.'),
	('fbo_transfer out | Clearing:FBO-transfer | Transfer "out" is not what its journal of instruction says: 31.00 USD, and 30.00 USD.')$$,
	'a transfer that differs from its posted journal is found');
ROLLBACK TO attack;

-- one side of a mirror
SET LOCAL bakkt_ledger.restoring = on;
SELECT pg_temp.inject('half', journal_entry(line('Dr', pg_temp.acct('FBO', 'DueFrom:CORP'), '60 USD'), line('Cr', pg_temp.acct('FBO', 'Clearing:wire-in'), '60 USD'))) \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.broken()', $$VALUES ('DueFrom:CORP | The two sides of "CORP owes FBO" do not agree, debit positive: 310.00 USD in FBO, -250.00 USD in the other fund (I7).')$$,
	'a debt of the company that is missing from its own books is found');
ROLLBACK TO attack;
SELECT is_empty($$SELECT * FROM check_fbo()$$, 'the check finds nothing once the attacks are rolled back');

-- as the ledger knew it
SELECT is((SELECT count(*) FROM fbo_proof('QRST', '2026-01-01Z') p WHERE NOT is_zero(p.difference) OR NOT is_zero(p.control)), 0::bigint,
	'the FBO proof before the first journal is zero');
SELECT results_eq($$SELECT control::text, difference::text FROM fbo_proof('QRST', clock_timestamp())$$, $$VALUES ('114840.12 USD', '0.00 USD')$$,
	'the FBO proof as of now shows the current control balance');

SELECT * FROM finish();
ROLLBACK;
