-- What posting refuses, by SQLSTATE, and that a refusal leaves nothing behind.
\set ON_ERROR_STOP on
\set QUIET on
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public;
SELECT no_plan();

SELECT open_client('ALFA', funding_model => 'BAKKT_TPJ') \g /dev/null
SELECT open_client('BETA', funding_model => 'NET_SETTLEMENT') \g /dev/null
SELECT open_customer(client => 'ALFA', customer => 'ALFA000' || n) FROM generate_series(1, 6) AS n \g /dev/null
SELECT open_customer(client => 'BETA', customer => 'BETA0001') \g /dev/null

SELECT (open_account('ALFA', 'FBO', 'Bank:omnibus', 'USD')).account AS bank \gset
SELECT (open_account('ALFA', 'FBO', 'Cust:ALFA0001:settled', 'USD', 'ALFA0001')).account AS ann \gset
SELECT (open_account('ALFA', 'FBO', 'Cust:ALFA0002:settled', 'USD', 'ALFA0002')).account AS ben \gset
SELECT (open_account('ALFA', 'FBO', 'Cust:ALFA0003:settled', 'USD', 'ALFA0003')).account AS closed \gset
SELECT (open_account('ALFA', 'FBO', 'Cust:ALFA0004:settled', 'USD', 'ALFA0004')).account AS no_debit \gset
SELECT (open_account('ALFA', 'FBO', 'Cust:ALFA0005:settled', 'USD', 'ALFA0005')).account AS no_credit \gset
SELECT (open_account('ALFA', 'FBO', 'Cust:ALFA0006:settled', 'USD', 'ALFA0006')).account AS fay \gset
SELECT (open_account('ALFA', 'CORP', 'Bank:operating', 'USD')).account AS operating \gset
SELECT (open_account('ALFA', 'CORP', 'Equity', 'USD')).account AS equity \gset
SELECT (open_account('ALFA', 'CORP', 'DueTo:FBO', 'USD')).account AS corp_due_to \gset
SELECT (open_account('ALFA', 'FBO', 'DueFrom:CORP', 'USD')).account AS fbo_due_from \gset
SELECT (open_account('ALFA', 'CUST', 'Cust:ALFA0001', 'BTC', 'ALFA0001')).account AS ann_coin \gset
SELECT (open_account('ALFA', 'CUST', 'Cust:ALFA0002', 'BTC', 'ALFA0002')).account AS ben_coin \gset
SELECT (open_account('BETA', 'FBO', 'Bank:omnibus', 'USD')).account AS other_bank \gset
SELECT (open_account('BETA', 'FBO', 'Cust:BETA0001:settled', 'USD', 'BETA0001')).account AS other_cust \gset

CREATE FUNCTION pg_temp.request(reference text, entry text, kind text DEFAULT 'general', client text DEFAULT 'ALFA', linked boolean DEFAULT false)
	RETURNS journal_request LANGUAGE sql AS $$ SELECT ROW(client, entry::journal_entry, reference, kind, NULL, NULL, linked)::journal_request $$;
-- the SQLSTATE of one request in the lenient form
CREATE FUNCTION pg_temp.lenient(reference text, entry text, kind text DEFAULT 'general', client text DEFAULT 'ALFA') RETURNS text LANGUAGE sql AS $$
	SELECT CASE outcome WHEN 'posted' THEN 'posted' ELSE sqlstate END FROM load_journals(ARRAY[pg_temp.request($1, $2, $3, $4)])
$$;
-- and in the strict form
CREATE FUNCTION pg_temp.strict(reference text, entry text, kind text DEFAULT 'general', client text DEFAULT 'ALFA') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
BEGIN
	PERFORM load_journal(client, entry::journal_entry, reference, kind => kind);
	RETURN 'posted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
	RETURN state;
END $$;
CREATE FUNCTION pg_temp.entry(debit text, credit text, amount text) RETURNS text LANGUAGE sql AS $$ SELECT format('{Dr %s %s; Cr %s %s}', $1, $3, $2, $3) $$;

-- Everything that posting writes, in one value
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$
	SELECT md5(coalesce((SELECT string_agg(j::text, ',' ORDER BY journal_id) FROM journal j), '') ||
		coalesce((SELECT string_agg(b::text, ',' ORDER BY account::text) FROM balance b), '') ||
		coalesce((SELECT string_agg(p::text, ',' ORDER BY p::text) FROM journal_party p), '') ||
		coalesce((SELECT string_agg(r::text, ',' ORDER BY r::text) FROM rejection r), ''))
$$;
CREATE FUNCTION pg_temp.owned(account account_id) RETURNS text LANGUAGE sql AS $$ SELECT (-posted)::text FROM balance b WHERE b.account = $1 $$;

SELECT load_journal('ALFA', pg_temp.entry(:'bank', :'ann', '100.00 USD')::journal_entry, 'fund ann') \g /dev/null
SELECT load_journal('ALFA', pg_temp.entry(:'bank', :'no_debit', '100.00 USD')::journal_entry, 'fund no_debit') \g /dev/null
SELECT load_journal('BETA', pg_temp.entry(:'other_bank', :'other_cust', '100.00 USD')::journal_entry, 'fund other') \g /dev/null
SELECT close_account(:'closed', reason => 'test') \g /dev/null
SELECT freeze_account(:'no_debit', 'debit', reason => 'test') \g /dev/null
SELECT freeze_account(:'no_credit', 'credit', reason => 'test') \g /dev/null

-- Values that the types refuse
SELECT throws_ok($$SELECT 'NaN USD'::amount$$, '22P02', NULL, 'NaN is no amount');
SELECT throws_ok($$SELECT 'Infinity USD'::amount$$, '22P02', NULL, 'Infinity is no amount');
SELECT throws_ok($$SELECT '-inf USD'::amount$$, '22P02', NULL, '-inf is no amount');
SELECT throws_ok($$SELECT ('1' || repeat('0', 40) || ' USD')::amount$$, '22003', NULL, 'an amount of 10^40 USD is out of range');
SELECT throws_ok($$SELECT '1e40 USD'::amount$$, '22003', NULL, 'an amount of 1e40 USD is out of range');
SELECT throws_ok(format($$SELECT '{Dr %s 1.00 USD}'::journal_entry$$, :'bank'), 'LG001', NULL,
	'an entry of one line does not balance');
SELECT throws_ok(format($$SELECT '{Dr %s 1.00 USD; Cr %s 1.01 USD}'::journal_entry$$, :'bank', :'ann'), 'LG001', NULL,
	'an entry that is off by a cent does not balance');
SELECT throws_ok(format($$SELECT '{Dr %s 1.00 USD; Cr %s 1.00 BTC}'::journal_entry$$, :'bank', :'ann'), 'LG001', NULL,
	'a debit of dollars does not balance a credit of coin');
SELECT throws_ok(format($$SELECT '{Dr %s 500.00 USD; Cr %s 500.00 USD}'::journal_entry$$, :'operating', :'bank'), 'LG001', NULL,
	'an entry balanced per asset but not per fund is refused');
SELECT throws_ok($$SELECT '{}'::journal_entry$$, 'LG002', NULL, 'an entry without lines is refused');

-- One fault each, lenient and strict: the request, and what it must be refused for
CREATE TEMP TABLE fault (n int GENERATED ALWAYS AS IDENTITY, name text, sqlstate text, entry text, kind text DEFAULT 'general', client text DEFAULT 'ALFA', reference text);
INSERT INTO fault (name, sqlstate, entry) VALUES
	('more than is owned', 'LG050', pg_temp.entry(:'ann', :'bank', '100.01 USD')),
	('two lines over a balance', 'LG050', format('{Dr %s 60.00 USD; Dr %s 60.00 USD; Cr %s 120.00 USD}', :'ann', :'ann', :'bank')),
	('a tenth of a cent', 'LG043', pg_temp.entry(:'bank', :'ann', '0.001 USD')),
	('a tenth of a satoshi', 'LG043', pg_temp.entry(:'ann_coin', :'ben_coin', '0.000000001 BTC')),
	('the wrong asset', 'LG042', pg_temp.entry(:'bank', :'ann', '1.00 USDC')),
	('an unknown asset', 'LG040', pg_temp.entry(:'bank', :'ann', '1.00 NOSUCH')),
	('a zero line', 'LG044', format('{Dr %s 1.00 USD; Cr %s 1.00 USD; Dr %s 0.00 USD}', :'bank', :'ann', :'ben')),
	('an entry of zero lines', 'LG044', pg_temp.entry(:'bank', :'ann', '0.00 USD')),
	('a closed account', 'LG032', pg_temp.entry(:'bank', :'closed', '1.00 USD')),
	('a debit on a debit-frozen account', 'LG033', pg_temp.entry(:'no_debit', :'bank', '1.00 USD')),
	('a credit on a credit-frozen account', 'LG033', pg_temp.entry(:'bank', :'no_credit', '1.00 USD')),
	('another client''s customer', 'LG031', pg_temp.entry(:'bank', :'other_cust', '1.00 USD')),
	('another client''s house account', 'LG031', pg_temp.entry(:'other_bank', :'ann', '1.00 USD')),
	('an entry within another client', 'LG031', pg_temp.entry(:'other_bank', :'other_cust', '1.00 USD')),
	('an unknown account', 'LG030', pg_temp.entry(:'bank', 'FBO:999999999', '1.00 USD')),
	('an unpaired debt between funds', 'LG003', format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', :'operating', :'corp_due_to')),
	('a debt between funds paired with another amount', 'LG003', format('{Dr %s 1.00 USD; Cr %s 1.00 USD; Dr %s 2.00 USD; Cr %s 2.00 USD}', :'operating', :'corp_due_to', :'fbo_due_from', :'bank'));
INSERT INTO fault (name, sqlstate, entry, kind, client, reference) VALUES
	('an unknown kind of journal', 'LG002', pg_temp.entry(:'bank', :'ann', '1.00 USD'), 'nosuch', 'ALFA', 'kind'),
	('an unknown client', 'LG010', pg_temp.entry(:'bank', :'ann', '1.00 USD'), 'general', 'NOSUCH', 'client'),
	('a request without a client', 'LG010', pg_temp.entry(:'bank', :'ann', '1.00 USD'), 'general', NULL, 'no client'),
	('a request without an entry', 'LG002', NULL, 'general', 'ALFA', 'no entry'),
	('a request without a reference', 'LG002', pg_temp.entry(:'bank', :'ann', '1.00 USD'), 'general', 'ALFA', NULL),
	('an empty reference', 'LG002', pg_temp.entry(:'bank', :'ann', '1.00 USD'), 'general', 'ALFA', ''),
	('a reference of 201 bytes', 'LG002', pg_temp.entry(:'bank', :'ann', '1.00 USD'), 'general', 'ALFA', repeat('x', 201));
UPDATE fault SET reference = 'fault ' || n WHERE n <= 17;

SELECT pg_temp.state() AS before \gset
SELECT is(pg_temp.strict(reference, entry, kind, client), sqlstate, 'the strict form refuses ' || name) FROM fault ORDER BY n;
SELECT is(pg_temp.state(), :'before', 'a strict refusal writes nothing');

SELECT is(pg_temp.lenient(reference, entry, kind, client), sqlstate, 'the lenient form refuses ' || name) FROM fault ORDER BY n;
SELECT is(pg_temp.owned(:'ann'), '100.00 USD', 'refused requests move no money');
SELECT is((SELECT count(*) FROM journal JOIN fault USING (reference)), 0::bigint, 'refused requests write no journal');
SELECT is(pg_temp.lenient(reference, entry, kind, client), sqlstate,
	'the lenient form refuses again ' || name) FROM fault ORDER BY n;

-- An asset that is retired, with an account that holds it
SELECT retire_asset('BTC', reason => 'test') \g /dev/null
SELECT is(pg_temp.lenient('retired', pg_temp.entry(:'ann_coin', :'ben_coin', '0.00000001 BTC')), 'LG041',
	'a posting in a retired asset is refused');
SELECT reinstate_asset('BTC', reason => 'test') \g /dev/null
SELECT is(pg_temp.lenient('retired', pg_temp.entry(:'ann_coin', :'ben_coin', '0.00000001 BTC')), 'LG041',
	'a refused reference stays refused when its cause is gone');

-- Accounts frozen on one side
SELECT is(pg_temp.lenient('half 1', pg_temp.entry(:'bank', :'no_debit', '1.00 USD')), 'posted', 'a debit-frozen account takes credits');
SELECT is(pg_temp.lenient('half 2', pg_temp.entry(:'no_credit', :'bank', '0.01 USD')), 'LG050',
	'a debit on a credit-frozen account is judged by its balance');

-- Lines on one account are summed before they are judged
SELECT is(pg_temp.lenient('net', format('{Dr %s 150.00 USD; Cr %s 100.00 USD; Cr %s 50.00 USD}', :'ann', :'ann', :'ben')), 'posted', 'lines on one account are judged by their sum');
SELECT is(pg_temp.owned(:'ann'), '50.00 USD', 'lines on one account move it by their sum');
SELECT is((SELECT version FROM balance WHERE account = :'ben'), 1::bigint, 'a journal is one version of each balance it moves');
SELECT is(pg_temp.lenient('wash', format('{Dr %s 1.00 USD; Cr %s 1.00 USD}', :'ann', :'ann')), 'posted',
	'a journal may post an account against itself');
SELECT is(pg_temp.lenient('to zero', pg_temp.entry(:'ben', :'bank', '50.00 USD')), 'posted',
	'a claim can be debited to its last cent');
SELECT is(pg_temp.lenient('below zero', pg_temp.entry(:'ben', :'bank', '0.01 USD')), 'LG050',
	'a claim of zero cannot be debited by a cent');

-- One batch: later requests see earlier ones, refusals stand alone
SELECT results_eq(format($$SELECT request, outcome, sqlstate FROM load_journals(ARRAY[
		pg_temp.request('b1', pg_temp.entry('%1$s', '%2$s', '30.00 USD')),
		pg_temp.request('b2', pg_temp.entry('%2$s', '%3$s', '30.01 USD')),
		pg_temp.request('b3', pg_temp.entry('%2$s', '%3$s', '30.00 USD')),
		pg_temp.request('b1', pg_temp.entry('%1$s', '%2$s', '30.00 USD')),
		pg_temp.request('b1', pg_temp.entry('%1$s', '%2$s', '31.00 USD')),
		pg_temp.request('b4', pg_temp.entry('%1$s', '%2$s', '20.01 USD'))])$$, :'ann', :'ben', :'bank'),
	$$VALUES (1, 'posted', NULL), (2, 'refused', 'LG050'), (3, 'posted', NULL), (4, 'posted', NULL), (5, 'refused', 'LG020'), (6, 'refused', 'LG050')$$,
	'a batch is judged in order, a reference in it twice is replayed');
SELECT is(pg_temp.owned(:'ann'), '20.00 USD', 'a reference given twice in a batch moves its money once');

-- A changed field is named
SELECT load_journals(ARRAY[ROW('ALFA', pg_temp.entry(:'bank', :'ann', '1.00 USD')::journal_entry, 'named', 'transfer', 'as it was', '2026-11-20 15:00Z', false)::journal_request]) \g /dev/null
SELECT matches((SELECT detail FROM load_journals(ARRAY[ROW('ALFA', pg_temp.entry(:'bank', :'ann', amount)::journal_entry, 'named', kind, description, at::timestamptz, false)::journal_request])), field,
		'a conflict names the changed field ' || field || CASE WHEN description IS NULL THEN ' left out' ELSE '' END)
	FROM (VALUES ('kind', 'general', '1.00 USD', '2026-11-20 15:00Z', 'as it was'), ('entry', 'transfer', '2.00 USD', '2026-11-20 15:00Z', 'as it was'),
		('at', 'transfer', '1.00 USD', '2026-11-20 15:00:01Z', 'as it was'), ('description', 'transfer', '1.00 USD', '2026-11-20 15:00Z', 'as it is'),
		('description', 'transfer', '1.00 USD', '2026-11-20 15:00Z', NULL)) AS c (field, kind, amount, at, description);
SELECT is((SELECT outcome || replayed FROM load_journals(ARRAY[ROW('ALFA', pg_temp.entry(:'bank', :'ann', '1.0 USD')::journal_entry, 'named', 'transfer', 'as it was', '2026-11-20 09:00 America/Chicago', true)::journal_request])),
	'postedtrue', 'a request with the same content written differently is a replay');

-- Chains stand or fall together
SELECT results_eq(format($$SELECT request, outcome, sqlstate FROM load_journals(ARRAY[
		pg_temp.request('c1', pg_temp.entry('%3$s', '%1$s', '5.00 USD'), linked => true),
		pg_temp.request('c2', pg_temp.entry('%1$s', '%2$s', '1000.00 USD'), linked => true),
		pg_temp.request('c3', pg_temp.entry('%3$s', '%1$s', '5.00 USD')),
		pg_temp.request('c4', pg_temp.entry('%1$s', '%2$s', '21.00 USD'), linked => true),
		pg_temp.request('c5', pg_temp.entry('%2$s', '%1$s', '1.00 USD'))])$$, :'ann', :'ben', :'bank'),
	$$VALUES (1, 'refused', 'LG060'), (2, 'refused', 'LG050'), (3, 'refused', 'LG060'), (4, 'posted', NULL), (5, 'posted', NULL)$$,
	'a linked chain is refused whole, the next one is judged without it');
SELECT is(pg_temp.owned(:'ann'), '1.00 USD', 'a refused chain moves no money');
SELECT results_eq(format($$SELECT request, outcome, sqlstate FROM load_journals(ARRAY[
		pg_temp.request('c6', pg_temp.entry('%3$s', '%1$s', '5.00 USD'), linked => true),
		pg_temp.request('c7', pg_temp.entry('%1$s', '%2$s', '1000.00 USD'), linked => true)])$$, :'ann', :'ben', :'bank'),
	$$VALUES (1, 'refused', 'LG060'), (2, 'refused', 'LG050')$$,
	'a chain that the end of its batch cuts short is refused whole');

-- Dry run
SELECT pg_temp.state() AS before \gset
SELECT is((SELECT outcome FROM load_journals(ARRAY[pg_temp.request('dry', pg_temp.entry(:'bank', :'ann', '7.00 USD'))], dry_run => true)), 'posted',
	'a dry run answers that a request would be posted');
SELECT is((SELECT sqlstate FROM load_journals(ARRAY[pg_temp.request('dry 2', pg_temp.entry(:'ann', :'bank', '7000.00 USD'))], dry_run => true)), 'LG050',
	'a dry run answers that a request would be refused');
SELECT lives_ok(format($$SELECT load_journal('ALFA', pg_temp.entry('%s', '%s', '7.00 USD')::journal_entry, 'dry', dry_run => true)$$, :'bank', :'ann'),
	'a dry run in the strict form accepts what would be posted');
SELECT throws_ok(format($$SELECT load_journal('ALFA', pg_temp.entry('%s', '%s', '7000.00 USD')::journal_entry, 'dry 2', dry_run => true)$$, :'ann', :'bank'), 'LG050', NULL,
	'a dry run in the strict form raises what would be refused');
SELECT is(pg_temp.state(), :'before', 'a dry run writes nothing');
SELECT is(pg_temp.lenient('dry', pg_temp.entry(:'bank', :'ann', '7.00 USD')), 'posted',
	'a dry run does not use up its reference');

-- A strict batch is posted whole or not at all
SELECT pg_temp.state() AS before \gset
SELECT throws_ok(format($$SELECT load_journals(ARRAY[
		pg_temp.request('s1', pg_temp.entry('%3$s', '%1$s', '5.00 USD')), pg_temp.request('s2', pg_temp.entry('%3$s', '%1$s', '5.00 USD')),
		pg_temp.request('s3', pg_temp.entry('%1$s', '%2$s', '1000.00 USD'))], strict => true)$$, :'ann', :'ben', :'bank'), 'LG050', NULL, 'a strict batch raises at its last request');
SELECT is(pg_temp.state(), :'before', 'a strict batch that raises posts none of its requests');

-- Empty and NULL
SELECT is((SELECT count(*) FROM load_journals('{}')), 0::bigint, 'an empty batch has an empty answer');
SELECT throws_ok($$SELECT load_journals(NULL)$$, 'LG002', NULL, 'a NULL batch is refused');
SELECT is((SELECT sqlstate FROM load_journals(ARRAY[NULL::journal_request])), 'LG002', 'a NULL request is refused');
SELECT is((SELECT string_agg(coalesce(sqlstate, outcome), ' ' ORDER BY request) FROM load_journals(ARRAY[NULL::journal_request, pg_temp.request('beside', pg_temp.entry(:'bank', :'ann', '1.00 USD')), NULL])),
	'LG002 posted LG002', 'a NULL request spoils no other');
SELECT is((SELECT sqlstate FROM load_journals(ARRAY[ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL)::journal_request])), 'LG002',
	'a request of NULL fields is refused');
SELECT throws_ok($$SELECT load_journals(ARRAY[NULL::journal_request], strict => true)$$, 'LG002', NULL,
	'a strict batch raises a NULL request');
SELECT throws_ok(format($$SELECT load_journals(ARRAY[ARRAY[pg_temp.request('m1', pg_temp.entry('%1$s', '%2$s', '1.00 USD'))], ARRAY[pg_temp.request('m2', pg_temp.entry('%1$s', '%2$s', '1.00 USD'))]])$$, :'bank', :'ann'),
	'LG002', NULL, 'a batch of two dimensions is refused');

-- Time
SELECT is((SELECT sqlstate FROM load_journals(ARRAY[ROW('ALFA', pg_temp.entry(:'bank', :'ann', '1.00 USD')::journal_entry, 'ahead', 'general', NULL, clock_timestamp() + interval '6 minutes', false)::journal_request])), 'LG061',
	'an effective time six minutes ahead is refused');
SELECT is((SELECT sqlstate FROM load_journals(ARRAY[ROW('ALFA', pg_temp.entry(:'bank', :'ann', '1.00 USD')::journal_entry, 'infinite', 'general', NULL, 'infinity', false)::journal_request])), 'LG061',
	'an effective time of infinity is refused');
SELECT is((SELECT sqlstate FROM load_journals(ARRAY[ROW('ALFA', pg_temp.entry(:'bank', :'ann', '1.00 USD')::journal_entry, '-infinite', 'general', NULL, '-infinity', false)::journal_request])), 'LG061',
	'an effective time of -infinity is refused');

-- A line has a bound far below that of the type, so that no sum of many can pass it
SELECT is(pg_temp.lenient('vast', pg_temp.entry(:'bank', :'fay', '999999999999.99 USD')), 'posted',
	'a line of almost a trillion dollars is posted');
SELECT is(pg_temp.lenient('vaster', pg_temp.entry(:'operating', :'equity', '10000000000000000.00 USD')), '22003',
	'a line of ten thousand trillion dollars is out of range');
SELECT is(pg_temp.lenient('vastest', pg_temp.entry(:'bank', :'fay', '85070591730234615865.84 USD')), '22003',
	'a line of the largest amount of the type is out of range');
SELECT throws_ok(format($$SELECT load_journal('ALFA', pg_temp.entry('%s', '%s', '85070591730234615865.84 USD')::journal_entry, 'too vast')$$, :'bank', :'fay'), '22003', NULL,
	'a line out of range is raised by the strict form');
SELECT is(pg_temp.lenient('vast back', pg_temp.entry(:'fay', :'bank', '999999999999.99 USD')), 'posted',
	'a claim of almost a trillion dollars can be spent');

-- One request and a hundred thousand
SELECT is(pg_temp.lenient('one', pg_temp.entry(:'bank', :'ann', '1.00 USD')), 'posted', 'a batch of one request is posted');
SELECT pg_temp.owned(:'ben') AS before \gset
CREATE TEMP TABLE answer AS
	SELECT r.* FROM load_journals((SELECT array_agg(pg_temp.request('many ' || i, pg_temp.entry(:'bank', :'ben', '0.01 USD')) ORDER BY i) FROM generate_series(1, 100000) AS i)) AS r;
SELECT is((SELECT count(*) || ' ' || min(outcome) || ' ' || max(outcome) || ' ' || count(DISTINCT journal) || ' ' || min(request) || ' ' || max(request) FROM answer),
	'100000 posted posted 100000 1 100000', 'a batch of a hundred thousand requests answers each as posted');
SELECT is((SELECT (-posted - :'before'::amount)::text FROM balance WHERE account = :'ben'), '1000.00 USD',
	'a batch of a hundred thousand cents moves a thousand dollars');
SELECT is((SELECT count(*) FROM journal WHERE reference LIKE 'many %'), 100000::bigint,
	'a batch of a hundred thousand requests writes a journal for each');
SELECT is_empty('SELECT * FROM verify()', 'the ledger verifies after refusals and batches');
SELECT finish();
ROLLBACK;
