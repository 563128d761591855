-- References that the ledger makes itself are nobody else's: each chapter and file that makes some is found.
-- Run from the top of the tree: it reads the sources in C.
\set words `grep -rhoE '"[a-z][a-z-]*:("|%)' src | tr -d '"%' | sort -u | tr '\n' ' '`
\set suffixes `grep -rhoE 'SUFFIX "[^"]+"' src | sed 's/.* //' | tr -d '"' | sort -u | tr '\n' ' '`
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

-- what functions write in front of a number or a caller's reference: 'word:' and what follows it
CREATE TEMP TABLE made AS
	SELECT DISTINCT p.proname::text AS maker, m[1] || CASE WHEN m[2] = 'W%' THEN 'W1' ELSE '' END AS word
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger',
	regexp_matches(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), '''([a-z][a-z-]*:)(W%|%|''|recovery:)', 'g') AS m
	WHERE p.prokind = 'f' AND p.proname <> 'cash_call_account';		-- puts together the name of an account
INSERT INTO made SELECT 'src', w FROM regexp_split_to_table(trim(:'words'), ' ') AS w WHERE w <> '';

SELECT cmp_ok((SELECT count(DISTINCT word) FROM made WHERE maker <> 'src'), '>=', 9::bigint,
	'functions in SQL that make references are found');
SELECT ok(:'words' ~ 'cash-call:' AND :'suffixes' ~ '/bust', 'sources in C that make references are found');
SELECT is_empty($$SELECT maker, word FROM made WHERE NOT is_reserved_reference(word || '1')$$, 'every word that a function puts in front of a reference is reserved');
SELECT is_empty(format($$SELECT s FROM regexp_split_to_table(trim(%L), ' ') AS s WHERE NOT is_reserved_reference('mine' || s)$$, :'suffixes'),
	'every suffix that a function puts behind a reference is reserved');
SELECT is_empty($$SELECT r FROM unnest('{settlement:QRST:LP1,settlement:W,manual,funding,my-funding:1,bust,mine/busted}'::text[]) AS r WHERE is_reserved_reference(r)$$,
	'a reference that only resembles a reserved one is free');

-- ---------------------------------------------------------------------------
-- A reserved reference is refused by every function that takes a reference
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_bookkeeper IN ROLE bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_chief IN ROLE bakkt_ledger_approver;
CREATE ROLE ledger_test_executor IN ROLE bakkt_ledger_executor;
SELECT open_client('QRST', funding_model => 'NET_SETTLEMENT') \g /dev/null
SELECT grant_client_access('QRST', role) FROM unnest('{ledger_test_bookkeeper,ledger_test_chief,ledger_test_executor}'::name[]) AS role \g /dev/null
SELECT open_customer(client => 'QRST', customer => 'QRST0001'), open_provider('LP1', 'First Provider') \g /dev/null
SELECT (open_account('QRST', 'CORP', 'Expense:rent', 'USD')).account AS rent, (open_account('QRST', 'CORP', 'Merchant:payable:landlord', 'USD')).account AS landlord,
	(open_account('QRST', 'CORP', 'Bank:operating', 'USD')).account AS bank \gset
SELECT format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', :'rent', :'landlord') AS entry, format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', :'landlord', :'bank') AS payment \gset
SELECT deposit_coin('QRST0001', '1 BTC', 'coin'), load_journal('QRST', :'entry', 'posted') \g /dev/null
CREATE TEMP TABLE reserved AS SELECT DISTINCT word || '1' AS reference FROM made UNION SELECT 'mine/bust';
GRANT SELECT ON reserved TO PUBLIC;
SELECT throws_ok(format(call, r.reference), 'LG002', NULL,
	format('the reserved reference %s is refused: %s', r.reference, split_part(call, '(', 1)))
FROM reserved r, unnest(ARRAY[
	format('SELECT post_journal(client => ''QRST'', reference => %%L, entry => %L)', :'entry'), format('SELECT load_journal(client => ''QRST'', reference => %%L, entry => %L)', :'entry'),
	'SELECT reverse_journal(''QRST'', (SELECT journal_id FROM journal WHERE reference = ''posted''), %L)',
	'SELECT post_trade(''QRST0001'', ''BUY'', ''1 BTC'', ''LP1'', %L, provider_price => ''60000.00 USD/BTC'')',
	'SELECT bust_trade(''QRST0001'', ''none'', %L)',
	'SELECT deposit_coin(''QRST0001'', ''1 BTC'', %L)', 'SELECT record_provider_settlement(''QRST'', ''LP1'', ''1 BTC'', NULL, %L)',
	'SELECT record_wire(''QRST'', ''received'', ''1.00 USD'', %L)',
	'SELECT require_own_reference(%L, ''a request'')']) AS call;
SELECT is_empty($$SELECT reference FROM rejection UNION ALL SELECT reference FROM journal WHERE reference IN (SELECT reference FROM reserved)$$,
	'a refused reserved reference leaves no journal and no rejection');

-- the attack: a proposal was blocked for ever by a journal under "manual:" and its reference
SET LOCAL SESSION AUTHORIZATION ledger_test_bookkeeper;
SELECT lives_ok(format('SELECT propose_journal(''QRST'', %L, ''rent-11'', ''rent'')', :'payment'),
	'a bookkeeper can propose a payment under a free reference');
SELECT throws_ok(format('SELECT post_journal(''QRST'', %L, ''manual:rent-11'')', :'entry'), 'LG002', NULL,
	'the reference that a proposal will post under is reserved');
RESET SESSION AUTHORIZATION;
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT is((SELECT outcome FROM approve_journal('QRST', 'rent-11')), 'posted',
	'an approved proposal posts under its reserved reference');
RESET SESSION AUTHORIZATION;
SELECT * FROM finish();
ROLLBACK;
