-- Entries by hand: what one person may post alone, and that everything else takes two.
\set chart `cat doc/chart-of-accounts.md`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

CREATE ROLE ledger_test_bookkeeper IN ROLE bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_chief IN ROLE bakkt_ledger_approver;
SELECT open_client('HAND', revenue_share_bps => 5000), open_client('ELSE') \g /dev/null
SELECT grant_client_access('HAND', role) FROM unnest('{ledger_test_bookkeeper,ledger_test_chief}'::name[]) AS role \g /dev/null
SELECT open_customer(client => 'HAND', customer => code) FROM unnest('{HANDANN1,HANDBEN1}'::text[]) AS code \g /dev/null
SELECT open_provider('LP1', 'First Provider') \g /dev/null

-- one account of each kind, of a customer where the kind has one
CREATE TEMP TABLE a AS
	SELECT k.kind, k.fund, k.alone, k.mirror, (open_account('HAND', k.fund, n.name, 'USD', customer => CASE k.party WHEN 'customer' THEN 'HANDANN1' END)).account AS account
	FROM account_kind k, LATERAL (SELECT replace(replace(replace(trim(BOTH '^$' FROM k.name_pattern), '(:[^:]+)?', ''), '[A-Z]{2}', 'TX'), '[^:]+',
			CASE k.party WHEN 'customer' THEN 'HANDANN1' WHEN 'provider' THEN 'LP1' ELSE 'X' END) AS name) n;
INSERT INTO a VALUES ('ben', 'FBO', true, NULL, (open_account('HAND', 'FBO', 'Cust:HANDBEN1:settled', 'USD')).account),
	('ben_held', 'FBO', true, NULL, (open_account('HAND', 'FBO', 'Cust:HANDBEN1:held', 'USD')).account);
GRANT SELECT ON a TO PUBLIC;
CREATE FUNCTION pg_temp.of(kind text) RETURNS account_id STABLE LANGUAGE sql AS 'SELECT account FROM pg_temp.a WHERE a.kind = $1';
CREATE FUNCTION pg_temp.move(debit text, credit text, amount amount DEFAULT '1.00 USD') RETURNS journal_entry STABLE LANGUAGE sql AS
	'SELECT bakkt_ledger.journal_entry(bakkt_ledger.line(''Dr'', pg_temp.of($1), $3), bakkt_ledger.line(''Cr'', pg_temp.of($2), $3))';
-- the number of a journal, as whoever works for the client reads it
CREATE FUNCTION pg_temp.number(reference text) RETURNS bigint STABLE LANGUAGE sql AS
	'SELECT DISTINCT p.journal FROM bakkt_ledger.postings(''HAND'') AS p WHERE p.reference = $1';
SELECT load_journal('HAND', pg_temp.move('fbo_bank', 'fbo_settled', '100.00 USD'), 'cash') \g /dev/null
SELECT load_journal('HAND', pg_temp.move('seg_bank', 'seg_customer', '100.00 USD'), 'futures') \g /dev/null
SELECT load_journal('HAND', pg_temp.move('fbo_bank', 'ben', '100.00 USD'), 'ben') \g /dev/null

-- ---------------------------------------------------------------------------
-- the table of kinds
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT kind FROM account_kind WHERE alone AND (class IN ('control', 'residual', 'clearing', 'mirror', 'revenue', 'equity', 'suspense', 'receivable')
	OR kind ~ 'unidentified|escheated|revenue_share|lp_|client_|apex_|tpj_|deficit')$$,
	'no bank, clearing, mirror, suspense, revenue, equity or counterparty account is posted to by one person');
-- each kind against one of its fund that is one person's
CREATE TEMP TABLE partner (fund text, kind text);
INSERT INTO partner VALUES ('FBO', 'fbo_settled'), ('CORP', 'corp_rent'), ('SEG', 'seg_customer');
GRANT SELECT ON partner TO PUBLIC;
CREATE FUNCTION pg_temp.outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN 'posted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SET LOCAL SESSION AUTHORIZATION ledger_test_bookkeeper;
SELECT is(pg_temp.outcome(format('SELECT post_journal(client => ''HAND'', reference => %L, entry => %L)', 'alone ' || a.kind, pg_temp.move(p.kind, a.kind))), CASE WHEN a.alone THEN 'posted' ELSE 'LG068' END,
	format('an entry on %s of fund %s %s', a.kind, a.fund,
		CASE WHEN a.alone THEN 'is posted by one person' ELSE 'takes two people' END))
FROM a JOIN partner p USING (fund) WHERE a.mirror IS NULL AND a.kind <> p.kind AND a.kind NOT LIKE 'ben%' ORDER BY a.kind;
SELECT throws_ok(format('SELECT post_journal(''HAND'', %L, ''mirrors'')', journal_entry(line('Dr', pg_temp.of('corp_rent'), '1.00 USD'),
	line('Cr', pg_temp.of('corp_due_to_fbo'), '1.00 USD'), line('Dr', pg_temp.of('fbo_due_from_corp'), '1.00 USD'), line('Cr', pg_temp.of('fbo_settled'), '1.00 USD'))),
	'LG068', NULL, 'an entry from fund to fund takes two people');
SELECT throws_ok($$SELECT post_journal('HAND', pg_temp.move('fbo_settled', 'ben'), 'other')$$, 'LG068', NULL,
	'an entry between two customers takes two people');
SELECT throws_ok($$SELECT post_journal('HAND', pg_temp.move('ben', 'fbo_held'), 'other')$$, 'LG068', NULL,
	'an entry between two customers takes two people whichever claims it touches');
SELECT lives_ok($$SELECT post_journal('HAND', pg_temp.move('ben', 'ben_held'), 'held')$$,
	'an entry between claims of one customer is posted by one person');

-- ---------------------------------------------------------------------------
-- every way in
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT outcome, sqlstate FROM post_journals(ARRAY[('HAND', pg_temp.move('corp_rent', 'corp_bank'), 'b1', NULL, NULL, NULL, false),
	('HAND', pg_temp.move('corp_rent', 'corp_operating_cost'), 'b2', NULL, NULL, NULL, false)]::journal_request[])$$, $$VALUES ('refused', 'LG068'), ('posted', NULL)$$,
	'a batch refuses an entry that takes two people and posts the rest');
SELECT results_eq($$SELECT replayed, sqlstate FROM post_journals(ARRAY[('HAND', pg_temp.move('corp_rent', 'corp_bank'), 'b1', NULL, NULL, NULL, false)]::journal_request[])$$,
	$$VALUES (true, 'LG068')$$, 'the refusal of an entry that takes two people is remembered');
SELECT results_eq($$SELECT outcome, sqlstate FROM post_journals(ARRAY[('HAND', pg_temp.move('corp_rent', 'corp_operating_cost'), 'c1', NULL, NULL, NULL, true),
	('HAND', pg_temp.move('corp_rent', 'corp_bank'), 'c2', NULL, NULL, NULL, false)]::journal_request[])$$, $$VALUES ('refused', 'LG060'), ('refused', 'LG068')$$,
	'a chain falls with the member that takes two people');
SELECT throws_ok($$SELECT post_journal('HAND', pg_temp.move('corp_rent', 'corp_bank'), 'dry', dry_run => true)$$, 'LG068', NULL,
	'a dry run refuses an entry that takes two people');
SELECT throws_ok(format('SELECT post_journal(''HAND'', pg_temp.move(''fbo_bank'', ''fbo_settled''), ''k'', kind => %L)', k), 'LG068', NULL,
	format('a journal of kind %s that takes two people is refused', k)) FROM unnest('{opening,transfer,fee}'::text[]) AS k;
SELECT throws_ok(format('SELECT post_journal(''HAND'', pg_temp.move(''corp_rent'', ''corp_merchant_payable''), ''k'', kind => %L)', k), 'LG002', NULL,
	format('a journal of kind %s is not made by hand', k)) FROM unnest('{cash_deposit,cash_withdrawal,coin_deposit,coin_withdrawal,trade,manual}'::text[]) AS k;
SELECT throws_ok(format($$SELECT reverse_journal('HAND', %s, 'r')$$, pg_temp.number('cash')), 'LG068', NULL,
	'a journal that took two people is not reversed by one');
SELECT throws_ok(format($$SELECT reverse_journal('HAND', %s, 'r', pg_temp.move('fbo_settled', 'fbo_bank'))$$, pg_temp.number('cash')), 'LG068', NULL,
	'a part of a journal that took two people is not reversed by one');
SELECT lives_ok(format($$SELECT reverse_journal('HAND', %s, 'r')$$, pg_temp.number('held')),
	'a journal that one person posted is reversed by one');
RESET SESSION AUTHORIZATION;
SELECT throws_ok($$SELECT post_journal('HAND', pg_temp.move('corp_rent', 'corp_bank'), 'super')$$, 'LG068', NULL,
	'a superuser does not post alone an entry that takes two people');
SELECT authorize_hold('HAND', pg_temp.of('fbo_settled'), '50.00 USD', 'hold') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_bookkeeper;
SELECT throws_ok($$SELECT capture_hold('HAND', 'hold', pg_temp.move('fbo_settled', 'fbo_bank'), 'capture')$$, 'LG068', NULL, 'a capture to a bank takes two people');
SELECT throws_ok($$SELECT capture_hold('HAND', 'hold', pg_temp.move('fbo_settled', 'ben'), 'capture')$$, 'LG068', NULL, 'a capture for another customer takes two people');
SELECT lives_ok($$SELECT capture_hold('HAND', 'hold', pg_temp.move('fbo_settled', 'fbo_held'), 'capture')$$,
	'a capture within the claims of one customer is made by one person');
SELECT throws_ok($$SELECT bakkt_ledger_internal.load_journal('HAND', pg_temp.move('corp_rent', 'corp_bank'), 'load')$$, '42501', NULL,
	'a bookkeeper loads no journal');
SELECT throws_ok($$SELECT bakkt_ledger_internal.load_journals('{}')$$, '42501', NULL, 'a bookkeeper loads no batch of journals');

-- ---------------------------------------------------------------------------
-- what takes two people is done by two
-- ---------------------------------------------------------------------------
SELECT propose_journal('HAND', pg_temp.move('fbo_settled', 'ben', '7.00 USD'), 'gift', 'agreed') \g /dev/null
SELECT propose_journal('HAND', NULL, 'no cash', 'never came', reverses => pg_temp.number('ben')) \g /dev/null
SELECT is((SELECT p.entry FROM propose_journal('HAND', NULL, 'no cash', 'never came', reverses => pg_temp.number('ben')) AS p),
	(SELECT reverse(journal_entry(l.account, l.amount ORDER BY l.line)) FROM postings('HAND') AS l WHERE l.reference = 'ben'),
	'a proposal to reverse a journal holds the reversing entry');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM proposal WHERE reference = 'no cash'), 1::bigint, 'a proposal made again is the same proposal');
SET LOCAL SESSION AUTHORIZATION ledger_test_bookkeeper;
SELECT throws_ok($$SELECT propose_journal('HAND', NULL, 'no cash', 'never came', reverses => pg_temp.number('futures'))$$, 'LG020', NULL,
	'the reference of a proposal is refused for the reversal of another journal');
SELECT throws_ok($$SELECT propose_journal('HAND', pg_temp.move('ben', 'fbo_bank', '100.00 USD'), 'no cash', 'never came')$$, 'LG020', NULL,
	'the reference of a reversal is refused for an entry that reverses nothing');
SELECT throws_ok($$SELECT propose_journal('HAND', NULL, 'x', 'x', reverses => 9223372036854775807)$$, 'LG062', NULL,
	'a proposal to reverse an unknown journal is refused');
SELECT throws_ok($$SELECT propose_journal('HAND', NULL, 'x', 'x')$$, 'LG002', NULL,
	'a proposal without an entry or a journal to reverse is refused');
SELECT propose_journal('HAND', pg_temp.move('fbo_settled', 'fbo_bank', '40.00 USD'), 'part', 'in part', reverses => pg_temp.number('cash')) \g /dev/null
SELECT propose_journal('HAND', NULL, 'whole', 'whole', reverses => pg_temp.number('cash')) \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT is((SELECT outcome FROM approve_journal('HAND', 'no cash')), 'posted', 'another person approves a reversal');
SELECT is((SELECT outcome FROM approve_journal('HAND', 'part')), 'posted', 'another person approves a reversal in part');
SELECT throws_ok($$SELECT approve_journal('HAND', 'whole')$$, 'LG064', NULL,
	'an approved reversal is limited to what is left of the journal');
SELECT is((SELECT outcome FROM approve_journal('HAND', 'gift')), 'posted', 'another person approves an entry of two customers');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT k.name || ' ' || j.reverses FROM journal j JOIN journal_kind k USING (kind) WHERE j.reference = 'manual:no cash'),
	(SELECT 'reversal ' || journal_id FROM journal WHERE reference = 'ben'),
	'an approved reversal names the journal it reverses');
SELECT throws_ok($$SELECT reverse_journal('HAND', (SELECT journal_id FROM journal WHERE reference = 'ben'), 'again')$$, 'LG063', NULL,
	'a journal that two people have reversed is not reversed again');
SELECT is((balance_of(pg_temp.of('ben'))).balance, '7.00 USD'::amount,
	'an approved entry moves the money between the two customers');
SELECT is_empty('SELECT * FROM verify()', 'verify() finds nothing wrong with entries by hand');

-- ---------------------------------------------------------------------------
-- what was done by hand is listed, with who and why
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_auditor IN ROLE bakkt_ledger_auditor;
CREATE ROLE ledger_test_reconciler IN ROLE bakkt_ledger_reconciler;
SET LOCAL SESSION AUTHORIZATION ledger_test_reconciler;
SELECT propose_cash_adjustment('HANDBEN1', '-1.00 USD', 'adjust', 'OTHER_ADJUSTMENT', 'for the stamp') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_bookkeeper;
SELECT post_journal('HAND', pg_temp.move('corp_rent', 'corp_merchant_payable'), 'rent', description => 'rent of November') \g /dev/null
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT approve_journal('HAND', 'adjust') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT receive_wire('HAND', '5.00 USD', 'wire', customer => 'HANDANN1'), post_trade('HANDANN1', 'BUY', '0.1 BTC', 'LP1', 'trade', provider_price => '60000.00 USD/BTC'),
	deposit_coin('HANDANN1', '1 BTC', 'coin'), process_cash_calls(client => 'HAND') \g /dev/null
SELECT load_journal('ELSE', format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', (open_account('ELSE', 'CORP', 'Bank:operating', 'USD')).account, (open_account('ELSE', 'CORP', 'Equity', 'USD')).account)::journal_entry, 'else') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_auditor;
SELECT is((SELECT array_agg(concat_ws('|', reference, kind, posted_by, coalesce(proposed_by, '-'), coalesce(approved_by, '-'), coalesce(reason, '-'), coalesce(description, '-')) ORDER BY reference COLLATE "C")
		   FROM entries_by_hand('HAND') WHERE reference IN ('rent', 'capture', 'r', 'manual:gift', 'manual:no cash', 'manual:adjust')), ARRAY[
	'capture|hold_capture|ledger_test_bookkeeper|-|-|-|-',
	'manual:adjust|manual|ledger_test_chief|ledger_test_reconciler|ledger_test_chief|OTHER_ADJUSTMENT|for the stamp',
	'manual:gift|manual|ledger_test_chief|ledger_test_bookkeeper|ledger_test_chief|agreed|-',
	'manual:no cash|reversal|ledger_test_chief|ledger_test_bookkeeper|ledger_test_chief|never came|-',
	'r|reversal|ledger_test_bookkeeper|-|-|-|-',
	'rent|general|ledger_test_bookkeeper|-|-|rent of November|rent of November'], 'entries by hand are listed with who posted, proposed and approved them, and why');
SELECT is_empty($$SELECT reference FROM entries_by_hand('HAND') WHERE reference !~ '^(manual:|alone |cash$|futures$|ben$|held$|b2$|r$|capture$|rent$)'$$,
	'a journal posted by a function of the ledger is not listed as by hand');
SELECT is((SELECT array_agg(DISTINCT client ORDER BY client) FROM entries_by_hand()), ARRAY['ELSE', 'HAND'],
	'the list of entries by hand covers all clients when none is named');
SELECT is((SELECT count(*) FROM entries_by_hand('HAND')), (SELECT count(*) FROM entries_by_hand('HAND', (now() AT TIME ZONE 'America/Chicago')::date)),
	'the list of entries by hand covers today in the client''s zone when no day is named');
SELECT is((SELECT count(*) FROM entries_by_hand('HAND', last_day => (now() AT TIME ZONE 'America/Chicago')::date - 1)), 0::bigint,
	'the list of another day omits the entries of today');
SELECT is((SELECT count(*) FROM entries_by_hand('HAND', '2000-01-01', '2100-01-01')), (SELECT count(*) FROM entries_by_hand('HAND')),
	'the list of several days covers every day between the two');
SELECT throws_ok($$SELECT * FROM entries_by_hand('NONE')$$, 'LG010', NULL, 'the list of an unknown client is refused');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_bookkeeper;
SELECT throws_ok($$SELECT * FROM entries_by_hand('HAND')$$, '42501', NULL,
	'a bookkeeper does not read the list of entries by hand');
RESET SESSION AUTHORIZATION;

-- the column is part of the documentation
SELECT ok(strpos(substring(:'chart' FROM 'One person alone posts to[^.]*'), '`' || replace(trim(BOTH '^$' FROM name_pattern), '[^:]+', '<code>') || '`') > 0,
	'doc/chart-of-accounts.md says that one person may post to ' || kind) FROM account_kind WHERE alone ORDER BY kind;
SELECT * FROM finish();
ROLLBACK;
