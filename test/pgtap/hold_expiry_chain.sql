-- Holds that expire while a batch is evaluated: recorded once, and for good,
-- whatever becomes of the requests that asked.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

SELECT open_client('CHAIN') \g /dev/null
SELECT open_customer(client => 'CHAIN', customer => code) FROM unnest('{CHAINAN1,CHAINBE1}'::text[]) AS code \g /dev/null
SELECT (open_account('CHAIN', 'FBO', 'Bank:omnibus', 'USD')).account AS bank, (open_account('CHAIN', 'FBO', 'Cust:CHAINAN1:settled', 'USD')).account AS ann,
	(open_account('CHAIN', 'FBO', 'Cust:CHAINBE1:settled', 'USD')).account AS ben \gset
CREATE FUNCTION pg_temp.take(account account_id, bank account_id, amount amount, reference text, linked boolean DEFAULT false) RETURNS journal_request
	IMMUTABLE LANGUAGE sql AS $$
	SELECT ROW('CHAIN', bakkt_ledger.journal_entry(bakkt_ledger.line('Dr', account, amount), bakkt_ledger.line('Cr', bank, amount)),
			   reference, NULL, NULL, NULL, linked)::bakkt_ledger.journal_request $$;
CREATE FUNCTION pg_temp.expired(account account_id, amount amount, reference text) RETURNS text VOLATILE LANGUAGE sql AS $$
	SELECT (bakkt_ledger.authorize_hold('CHAIN', account, amount, reference, expires_at => now() - interval '1 hour', at => now() - interval '2 hours')).status $$;
SELECT load_journal('CHAIN', journal_entry(line('Dr', :'bank', '100.00 USD'), line('Cr', a, '100.00 USD')), 'fund ' || a)
	FROM unnest(ARRAY[:'ann', :'ben']::account_id[]) AS a \g /dev/null

-- The chain's first request is good, the second needs what an expired hold bound, the third fells them.
SELECT pg_temp.expired(:'ann', '50.00 USD', 'old') \g /dev/null
SELECT results_eq(format($$SELECT sqlstate FROM load_journals(ARRAY[pg_temp.take(%1$L, %2$L, '10.00 USD', 'a1', true),
	pg_temp.take(%1$L, %2$L, '60.00 USD', 'a2', true), pg_temp.take(%1$L, %2$L, '900.00 USD', 'a3')])$$, :'ann', :'bank'),
	ARRAY['LG060', 'LG060', 'LG050'], 'a chain is refused whole when its last member is refused');
SELECT is((SELECT status FROM hold WHERE reference = 'old'), 'EXPIRED', 'a hold found expired by a refused chain stays expired');
SELECT is((SELECT held FROM balance WHERE account = :'ann'), '0.00 USD', 'an expired hold binds nothing');
SELECT is((SELECT posted FROM balance WHERE account = :'ann'), '-100.00 USD', 'a refused chain takes nothing from the customer');
SELECT is((SELECT outcome FROM load_journals(ARRAY[pg_temp.take(:'ann', :'bank', '100.00 USD', 'all')])), 'posted',
	'a customer can spend what an expired hold had bound');

-- A dry run records nothing and must not find the same hold again for the next request.
SELECT pg_temp.expired(:'ben', '50.00 USD', 'older') \g /dev/null
SELECT release_hold('CHAIN', 'older', 'older/r', '0.01 USD', at => now() - interval '2 hours') \g /dev/null
SELECT authorize_hold('CHAIN', :'ben', '50.00 USD', 'standing', at => now() - interval '2 hours') \g /dev/null
SELECT results_eq(format($$SELECT sqlstate FROM load_journals(ARRAY[pg_temp.take(%1$L, %2$L, '50.00 USD', 'b1'),
	pg_temp.take(%1$L, %2$L, '50.00 USD', 'b2')], dry_run => true)$$, :'ben', :'bank'),
	ARRAY[NULL, 'LG050'], 'a dry run frees an expired hold for one request, not for two');
SELECT results_eq(format($$SELECT sqlstate FROM load_journals(ARRAY[pg_temp.take(%1$L, %2$L, '50.00 USD', 'b1'),
	pg_temp.take(%1$L, %2$L, '50.00 USD', 'b2')])$$, :'ben', :'bank'),
	ARRAY[NULL, 'LG050'], 'posting frees an expired hold for one request, not for two');

SELECT * FROM finish();
ROLLBACK;
