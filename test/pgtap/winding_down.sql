-- Assets and instruments wind down: what each of their states lets pass, and that none leaves a claim which its owner can neither sell nor withdraw.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

-- ---------------------------------------------------------------------------
-- A world in which everything has been done once in ETH and USD
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_clerk IN ROLE bakkt_ledger_bookkeeper;
CREATE ROLE ledger_test_chief IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
CREATE ROLE ledger_test_tenant IN ROLE bakkt_ledger_reader, bakkt_ledger_poster, bakkt_ledger_approver;
SELECT open_provider('LP1', 'One') \g /dev/null
SELECT open_client('WIND', funding_model => 'NET_SETTLEMENT', at => '2026-01-01Z'), open_client('CALL', at => '2026-01-01Z'), open_client('ELSE', at => '2026-01-01Z') \g /dev/null
SELECT open_customer(left(c, 4), c, at => '2026-01-01Z') FROM unnest('{WIND0001,WIND0002,CALL0001,CALL0002}'::text[]) AS c \g /dev/null
SELECT grant_client_access('WIND', r) FROM unnest('{ledger_test_clerk,ledger_test_chief,ledger_test_tenant}'::name[]) AS r \g /dev/null
CREATE FUNCTION pg_temp.of(name text, asset text DEFAULT 'ETH', client text DEFAULT 'WIND') RETURNS account_id LANGUAGE sql AS
	$$ SELECT (open_account(client, CASE asset WHEN 'ETH' THEN 'CUST' ELSE 'FBO' END, name, asset::asset)).account $$;
CREATE FUNCTION pg_temp.move(debit text, credit text, amount text, client text DEFAULT 'WIND') RETURNS journal_entry LANGUAGE sql AS
	$$ SELECT journal_entry(line('Dr', pg_temp.of(debit, split_part(amount, ' ', 2), client), amount::amount), line('Cr', pg_temp.of(credit, split_part(amount, ' ', 2), client), amount::amount)) $$;
CREATE FUNCTION pg_temp.trade(customer text, side text, quantity text, reference text) RETURNS text LANGUAGE sql AS
	$$ SELECT outcome FROM post_trade(customer, side, quantity::amount, 'LP1', reference, provider_price => ('3000 USD/' || split_part(quantity, ' ', 2))::price, executed_at => '2026-01-05 12:00Z') $$;
SELECT deposit_coin(c, '9 ETH', 'coin ' || c) FROM unnest('{WIND0001,CALL0001}'::text[]) AS c \g /dev/null
SELECT pg_temp.trade(c, 'BUY', '3 ETH', 'bought ' || c), pg_temp.trade(c, 'SELL', '2 ETH', 'sold ' || c) FROM unnest('{WIND0001,CALL0001}'::text[]) AS c \g /dev/null
SELECT load_journal('WIND', pg_temp.move('Cust:WIND0001', 'Wallet:omnibus', '1 ETH'), 'left') \g /dev/null
SELECT load_journal('WIND', pg_temp.move('Wallet:omnibus', 'Suspense:unidentified', '4 ETH'), 'whose') \g /dev/null
SELECT authorize_hold('WIND', pg_temp.of('Cust:WIND0001'), '1 ETH', 'held') \g /dev/null
SELECT receive_wire('CALL', '50000 USD', 'wire ' || c, c) FROM unnest('{CALL0001,CALL0002}'::text[]) AS c \g /dev/null
SELECT receive_wire('CALL', '10 USD', 'whose wire') \g /dev/null
SELECT initiate_deposit('CALL0001', d.amount::amount, d.reference, at => '2026-01-05 15:00Z') FROM (VALUES ('100 USD', 'initiated'), ('200 USD', 'credited')) AS d (amount, reference) \g /dev/null
SELECT credit_deposit('CALL', 'credited', at => '2026-01-06 15:00Z') \g /dev/null
SELECT request_withdrawal('CALL0002', '15 USD', w) FROM unnest('{requested,sent,completed}'::text[]) AS w \g /dev/null
SELECT send_withdrawal('CALL', w) FROM unnest('{sent,completed}'::text[]) AS w \g /dev/null
SELECT complete_withdrawal('CALL', 'completed') \g /dev/null
SELECT close_window('WIND', '2026-01-06') \g /dev/null
SELECT advise_window('WIND', '2026-01-06'), agree_window('WIND', '2026-01-06') \g /dev/null

-- what a call comes to, without a trace of it
CREATE FUNCTION pg_temp.attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RAISE EXCEPTION 'undone' USING ERRCODE = 'ZZ999';
EXCEPTION WHEN SQLSTATE 'ZZ999' THEN RETURN 'passes';
	WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
-- the last state cannot be reached while anybody has a claim: it is forced
CREATE FUNCTION pg_temp.judged(what text, call text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE answers text[];
BEGIN
	FOR place IN 1 .. 5 LOOP
		EXECUTE format('UPDATE %s', replace(what, '?', quote_literal(('{ACTIVE,CLOSE_ONLY,HALTED,WITHDRAW_ONLY,RETIRED}'::text[])[place])));
		answers := answers || pg_temp.attempt(call);
	END LOOP;
	EXECUTE format('UPDATE %s', replace(what, '?', '''ACTIVE'''));
	RETURN answers;
END $$;

-- ---------------------------------------------------------------------------
-- The matrix of doc/trades.md: what a state lets pass
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.judged($$supported_asset SET status = ? WHERE asset = 'ETH'$$, call), expected, format('coin in its five states: %s', what)) FROM (VALUES
	('a purchase', $$SELECT pg_temp.trade('WIND0001', 'BUY', '1 ETH', 'b')$$, '{passes,LG038,LG038,LG038,LG038}'::text[]),
	('a sale', $$SELECT pg_temp.trade('WIND0001', 'SELL', '1 ETH', 's')$$, '{passes,passes,LG038,LG038,LG038}'),
	('the bust of a purchase', $$SELECT bust_trade('WIND0001', 'bought WIND0001', 'bb', 'wrong')$$, '{passes,passes,passes,passes,LG041}'),
	('the bust of a sale', $$SELECT bust_trade('WIND0001', 'sold WIND0001', 'bs', 'wrong')$$, '{passes,passes,passes,passes,LG041}'),
	('the correction of a purchase', $$SELECT correct_trade('WIND0001', 'BUY', '4 ETH', 'LP1', 'c', original => 'bought WIND0001')$$, '{passes,passes,passes,passes,LG041}'),
	('the correction of a sale', $$SELECT correct_trade('WIND0001', 'SELL', '1 ETH', 'LP1', 'c', original => 'sold WIND0001')$$, '{passes,passes,passes,passes,LG041}'),
	('a deposit', $$SELECT deposit_coin('WIND0001', '1 ETH', 'd')$$, '{passes,LG038,LG038,LG038,LG041}'),
	('coin that leaves', $$SELECT load_journal('WIND', pg_temp.move('Cust:WIND0001', 'Wallet:omnibus', '1 ETH'), 'w')$$, '{passes,passes,passes,passes,LG041}'),
	('coin that comes back', $$SELECT post_entry((SELECT client_id FROM client WHERE code = 'WIND'), 'r', 'reversal', NULL, reverses => (SELECT journal_id FROM journal WHERE reference = 'left'))$$, '{passes,passes,passes,passes,LG041}'),
	('coin given by an entry', $$SELECT load_journal('WIND', pg_temp.move('Wallet:omnibus', 'Cust:WIND0001', '1 ETH'), 'g')$$, '{passes,LG038,LG038,LG038,LG041}'),
	('coin given to two by an entry', $$SELECT load_journal('WIND', journal_entry(line('Dr', pg_temp.of('Wallet:omnibus'), '1 ETH'), line('Dr', pg_temp.of('Cust:WIND0001'), '1 ETH'),
		line('Cr', pg_temp.of('Cust:WIND0002'), '2 ETH')), 'g')$$, '{passes,LG038,LG038,LG038,LG041}'),
	('coin loaded from other books', $$SELECT load_journal('WIND', pg_temp.move('Wallet:omnibus', 'Cust:WIND0001', '1 ETH'), 'o', 'opening')$$, '{passes,LG038,LG038,LG038,LG041}'),
	('coin whose owner is not known', $$SELECT load_journal('WIND', pg_temp.move('Wallet:omnibus', 'Suspense:unidentified', '1 ETH'), 'u')$$, '{passes,passes,passes,passes,LG041}'),
	('coin whose owner is found', $$SELECT load_journal('WIND', pg_temp.move('Suspense:unidentified', 'Cust:WIND0002', '4 ETH'), 'f')$$, '{passes,passes,passes,passes,LG041}'),
	('more than the owner''s', $$SELECT load_journal('WIND', journal_entry(line('Dr', pg_temp.of('Suspense:unidentified'), '4 ETH'), line('Dr', pg_temp.of('Wallet:omnibus'), '0.01 ETH'),
		line('Cr', pg_temp.of('Cust:WIND0002'), '4.01 ETH')), 'm')$$, '{passes,LG038,LG038,LG038,LG041}'),
	('coin of one customer for another', $$SELECT load_journal('WIND', pg_temp.move('Cust:WIND0001', 'Cust:WIND0002', '1 ETH'), 't', 'transfer')$$, '{passes,passes,passes,passes,LG041}'),
	('a hold', $$SELECT authorize_hold('WIND', pg_temp.of('Cust:WIND0001'), '1 ETH', 'h')$$, '{passes,passes,passes,passes,passes}'),
	('a hold that is captured', $$SELECT take_hold((SELECT client_id FROM client WHERE code = 'WIND'), 'held', pg_temp.move('Cust:WIND0001', 'Wallet:omnibus', '1 ETH'), 'k', 'hold_capture', true, NULL, NULL, clock_timestamp())$$, '{passes,passes,passes,passes,LG041}'),
	('a hold that is released', $$SELECT release_hold('WIND', 'held', 'l')$$, '{passes,passes,passes,passes,passes}'),
	('a delivery by a provider', $$SELECT record_provider_settlement('CALL', 'LP1', '3 ETH', NULL, 'p')$$, '{passes,passes,passes,passes,LG041}'),
	('a delivery to a provider', $$SELECT record_provider_settlement('CALL', 'LP1', '-2 ETH', NULL, 'p')$$, '{passes,passes,passes,passes,LG041}'),
	('what a window owes in coin', $$SELECT settle_provider('WIND', 'LP1', 'o', '2026-01-06')$$, '{passes,passes,passes,passes,LG041}')
	) AS m (what, call, expected);

SELECT is(pg_temp.judged($$supported_asset SET status = ? WHERE asset = 'USD'$$, call), expected, format('money in its five states: %s', what)) FROM (VALUES
	('a purchase, which gives it', $$SELECT pg_temp.trade('CALL0001', 'BUY', '1 ETH', 'b')$$, '{passes,passes,LG038,LG038,LG038}'::text[]),
	('a sale, which takes it', $$SELECT pg_temp.trade('CALL0001', 'SELL', '1 ETH', 's')$$, '{passes,LG038,LG038,LG038,LG038}'),
	('a bust', $$SELECT bust_trade('CALL0001', 'sold CALL0001', 'bs', 'wrong')$$, '{passes,passes,passes,passes,LG041}'),
	('a deposit', $$SELECT initiate_deposit('CALL0001', '1 USD', 'd')$$, '{passes,LG038,LG038,LG038,LG041}'),
	('the credit of a deposit under way', $$SELECT credit_deposit('CALL', 'initiated')$$, '{passes,passes,passes,passes,LG041}'),
	('the return of a deposit under way', $$SELECT return_deposit('CALL', 'initiated', 'R01')$$, '{passes,passes,passes,passes,LG041}'),
	('a wire', $$SELECT receive_wire('CALL', '1 USD', 'w', 'CALL0001')$$, '{passes,passes,passes,passes,LG041}'),
	('a wire that is assigned', $$SELECT assign_wire('CALL', 'whose wire', 'CALL0001')$$, '{passes,passes,passes,passes,LG041}'),
	('a wire that is returned', $$SELECT return_wire('CALL', 'whose wire', 'nobody''s')$$, '{passes,passes,passes,passes,LG041}'),
	('a withdrawal', $$SELECT request_withdrawal('CALL0002', '11 USD', 'q')$$, '{passes,passes,passes,passes,LG041}'),
	('a withdrawal that is sent', $$SELECT send_withdrawal('CALL', 'requested')$$, '{passes,passes,passes,passes,LG041}'),
	('a withdrawal that is paid', $$SELECT complete_withdrawal('CALL', 'sent')$$, '{passes,passes,passes,passes,LG041}'),
	('a withdrawal that comes back sent', $$SELECT return_withdrawal('CALL', 'sent', 'R01')$$, '{passes,passes,passes,passes,LG041}'),
	('a withdrawal that comes back paid', $$SELECT return_withdrawal('CALL', 'completed', 'R01')$$, '{passes,passes,passes,passes,LG041}'),
	('a provider that is paid', $$SELECT record_provider_settlement('CALL', 'LP1', NULL, '100 USD', 'p')$$, '{passes,passes,passes,passes,LG041}'),
	('a wire for what a window owes', $$SELECT record_wire('WIND', 'received', '1 USD', 'o')$$, '{passes,passes,passes,passes,LG041}')
	) AS m (what, call, expected);

SELECT is(pg_temp.judged($$instrument SET status = ? WHERE symbol = 'ETHUSD'$$, call), expected, format('an instrument in its five states: %s', what)) FROM (VALUES
	('a purchase', $$SELECT pg_temp.trade('WIND0001', 'BUY', '1 ETH', 'b')$$, '{passes,LG038,LG038,LG038,LG015}'::text[]),
	('a sale', $$SELECT pg_temp.trade('WIND0001', 'SELL', '1 ETH', 's')$$, '{passes,passes,LG038,LG038,LG015}'),
	('a bust', $$SELECT bust_trade('WIND0001', 'bought WIND0001', 'bb', 'wrong')$$, '{passes,passes,passes,passes,passes}'),
	('a correction', $$SELECT correct_trade('WIND0001', 'BUY', '4 ETH', 'LP1', 'c', original => 'bought WIND0001')$$, '{passes,passes,passes,passes,passes}'),
	('a correction to another side', $$SELECT correct_trade('WIND0001', 'SELL', '1 ETH', 'LP1', 'c', original => 'bought WIND0001')$$, '{passes,passes,passes,passes,passes}'),
	('a deposit', $$SELECT deposit_coin('WIND0001', '1 ETH', 'd')$$, '{passes,passes,passes,passes,passes}')
	) AS m (what, call, expected);
SELECT pg_temp.trade('WIND0001', 'BUY', '1 BTC', 'bought BTC') \g /dev/null
SELECT is(pg_temp.judged($$instrument SET status = ? WHERE symbol = 'ETHUSD'$$, $$SELECT correct_trade('WIND0001', 'BUY', '1 ETH', 'LP1', 'c', provider_price => '3000 USD/ETH', original => 'bought BTC')$$),
	'{passes,LG038,LG038,LG038,LG015}', 'a correction that moves an execution to another instrument is a new one there');

-- what was received nonetheless
SELECT change_asset('USD', 'WITHDRAW_ONLY', reason => 'leaving') \g /dev/null
SELECT is((SELECT status FROM receive_wire('CALL', '7 USD', 'late wire', 'CALL0002')), 'UNIDENTIFIED', 'a wire in money that winds down is not the customer''s, but is recorded');
SELECT is((SELECT status FROM assign_wire('CALL', 'late wire', 'CALL0002')), 'SETTLED', 'found to be the customer''s it can be withdrawn');
SELECT set_eq($$SELECT amount::text FROM settle_deposits('2026-03-01Z', 'CALL')$$, '{200.00 USD}'::text[], 'a deposit credited before becomes available');
SELECT lives_ok($$SELECT process_cash_calls('2026-01-07 18:00Z', 'CALL')$$, 'cash calls are attempted');
SELECT is((SELECT array_agg(format('%s %s', direction, status) ORDER BY direction) FROM cash_calls('CALL')), '{"Deposit SETTLED","Withdrawal SETTLED"}', 'a purchase made before is paid for, and the proceeds of a sale are paid out');
SELECT change_asset('USD', 'ACTIVE', reason => 'back') \g /dev/null

-- ---------------------------------------------------------------------------
-- Refusals say why, and two people pass
-- ---------------------------------------------------------------------------
SELECT change_asset('ETH', 'CLOSE_ONLY', 'eth-1', 'delisted by the provider') \g /dev/null
CREATE FUNCTION pg_temp.told(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text; facts text; detail text;
BEGIN
	EXECUTE call;
	RETURN 'passes';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, facts = CONSTRAINT_NAME, detail = PG_EXCEPTION_DETAIL;
	RETURN format('%s | %s | %s', said, detail, facts);
END $$;
SELECT is(pg_temp.told($$SELECT pg_temp.trade('WIND0001', 'BUY', '1 ETH', 'why')$$), 'asset "ETH" is CLOSE_ONLY | A BUY of ETH/USD. | {"asset": "ETH", "status": "CLOSE_ONLY"}',
	'a refused trade names the asset and its status, for programs too');
SELECT matches(pg_temp.told($$SELECT deposit_coin('WIND0001', '1 ETH', 'why')$$), '^asset "ETH" is CLOSE_ONLY: no new claim arises in it \| Line 2: account CUST:[0-9]+, -1.00 ETH. \| \{"asset": "ETH", "status": "CLOSE_ONLY"\}$',
	'a refused entry names the line that would give somebody a claim');
SELECT change_instrument('BTCUSD', status => 'HALTED', reason => 'no prices') \g /dev/null
SELECT is(pg_temp.told($$SELECT pg_temp.trade('WIND0001', 'SELL', '1 BTC', 'why')$$), 'instrument "BTCUSD" is HALTED | A SELL of BTC/USD. | {"instrument": "BTCUSD", "status": "HALTED"}',
	'a refused trade names the instrument and its status');
SELECT change_instrument('BTCUSD', status => 'ACTIVE', reason => 'prices again') \g /dev/null
SELECT is((SELECT array_agg(sqlstate ORDER BY request) FROM post_trades(trade_requests('[
	{"customer": "WIND0001", "side": "BUY", "quantity": "1 ETH", "provider": "LP1", "reference": "n1", "provider_price": "3000 USD/ETH"},
	{"customer": "WIND0001", "side": "SELL", "quantity": "1 ETH", "provider": "LP1", "reference": "n2", "provider_price": "3000 USD/ETH", "executed_at": "2026-01-05 12:00Z"}]'))), '{LG038,NULL}', 'in a batch each trade is judged by itself');
SELECT set_eq($$SELECT sqlstate, facts ->> 'asset' FROM rejection WHERE reference = 'n1'$$, $$VALUES ('LG038', 'ETH')$$, 'the refusal is stored with its facts');
SELECT is((SELECT format('%s %s %s %s', e.event, e.status, e.reason, a.role_name = session_user) FROM event e JOIN actor a USING (actor_id)
	WHERE e.subject = 'supported_asset' AND e.subject_key = 'ETH' ORDER BY e.event_id DESC LIMIT 1), 'changed CLOSE_ONLY delisted by the provider t', 'who changed the status, and why, is an event');

SELECT pg_temp.move('Wallet:omnibus', 'Cust:WIND0002', '1 ETH') AS entry \gset
SET LOCAL SESSION AUTHORIZATION ledger_test_clerk;
SELECT propose_journal('WIND', :'entry', 'hers', 'it had been taken in error') \g /dev/null
SET LOCAL SESSION AUTHORIZATION ledger_test_chief;
SELECT is((SELECT outcome FROM approve_journal('WIND', 'hers')), 'posted', 'what two people answer for passes');
SET LOCAL SESSION AUTHORIZATION ledger_test_tenant;
SELECT throws_ok($$SELECT asset_claims('ETH')$$, '42501', NULL, 'a tenant does not see who else has a claim');
SELECT throws_ok($$SELECT change_asset('ETH', 'ACTIVE', reason => 'test')$$, '42501', NULL, 'a tenant changes no asset');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- Retiring
-- ---------------------------------------------------------------------------
SELECT throws_ok($$SELECT change_asset('ETH', 'GONE', reason => 'test')$$, 'LG002', NULL, 'an unknown status is refused');
SELECT throws_ok($$SELECT change_asset('ETH', NULL, reason => 'test')$$, 'LG002', NULL, 'no status is refused');
SELECT throws_ok($$SELECT change_asset('ETH', 'HALTED')$$, 'LG002', NULL, 'a change without a reason is refused');
SELECT throws_ok($$SELECT change_asset('NONE', 'HALTED', reason => 'test')$$, 'LG040', NULL, 'an unknown asset is refused');
SELECT throws_ok($$SELECT change_instrument('ETHUSD', status => 'GONE')$$, 'LG002', NULL, 'an unknown status of an instrument is refused');
SELECT throws_ok($$SELECT * FROM asset_claims('NONE')$$, 'LG040', NULL, 'claims in an unknown asset are refused');
SELECT is((SELECT outcome FROM change_asset('ETH', 'CLOSE_ONLY', reason => 'again')), 'unchanged', 'the same status again changes nothing');
SELECT is((SELECT replayed FROM change_asset('ETH', 'CLOSE_ONLY', 'eth-1', 'delisted by the provider')), true, 'the same request again is answered as the first time');
SELECT throws_ok($$SELECT change_asset('ETH', 'HALTED', 'eth-1', 'other')$$, 'LG020', NULL, 'its reference is refused for another status');

SELECT is((SELECT string_agg(format('%s %s %s %s', client, coalesce(customer, '-'), name, balance), ', ') FROM asset_claims('ETH') WHERE name ~ '^(Cust|Suspense)'),
	'CALL CALL0001 Cust:CALL0001 10.00 ETH, WIND WIND0001 Cust:WIND0001 8.00 ETH, WIND WIND0002 Cust:WIND0002 1.00 ETH, WIND - Suspense:unidentified 4.00 ETH', 'who has a claim is listed, over all clients');
SELECT set_eq($$SELECT client, name, balance::text, held::text FROM asset_claims('ETH') WHERE name !~ '^(Cust:CALL|Suspense|Due)' AND name !~ 'WIND0002'$$, $$VALUES
	('WIND', 'Cust:WIND0001', '8.00 ETH', '1.00 ETH'), ('CALL', 'Wallet:deposit-addresses', '9.00 ETH', NULL), ('WIND', 'Wallet:deposit-addresses', '9.00 ETH', NULL), ('WIND', 'Wallet:omnibus', '4.00 ETH', NULL),
	('CALL', 'LP:coin-receivable:LP1', '3.00 ETH', NULL), ('CALL', 'LP:coin-payable:LP1', '2.00 ETH', NULL), ('WIND', 'LP:coin-payable:LP1', '1.00 ETH', NULL), ('WIND', 'LP:net:LP1:W1', '-1.00 ETH', NULL)$$,
	'so is what is held, in wallets, owed by providers and under way');
CREATE FUNCTION pg_temp.retired(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE facts jsonb; detail text; said text;
BEGIN
	EXECUTE call;
	RETURN 'passes';
EXCEPTION WHEN SQLSTATE 'LG039' THEN
	GET STACKED DIAGNOSTICS facts = CONSTRAINT_NAME, detail = PG_EXCEPTION_DETAIL, said = MESSAGE_TEXT;
	RETURN format('%s | %s | %s %s %s', said, regexp_replace(detail, '[;.] ?[^0-9].*$', ''), facts ->> 'asset', jsonb_array_length(facts -> 'first'), facts #>> '{first,0,customer}');
END $$;
SELECT is(pg_temp.retired($$SELECT retire_asset('ETH', reason => 'delisted')$$),
	format('asset "ETH" cannot be retired: somebody has a claim in ETH | %s accounts are not zero: CALL CUST "Cust:CALL0001" 10.00 ETH | ETH 5 CALL0001', (SELECT count(*) FROM asset_claims('ETH'))),
	'an asset in which somebody has a claim is not retired, and who is named');
SELECT is(pg_temp.retired($$SELECT change_asset('ETH', 'RETIRED', reason => 'delisted')$$), pg_temp.retired($$SELECT retire_asset('ETH')$$), 'neither by a change of its status');
SELECT is(pg_temp.retired($$SELECT retire_instrument('ETHUSD')$$), 'instrument "ETHUSD" cannot be retired: somebody has a claim in ETH | 4 accounts are not zero: CALL CUST "Cust:CALL0001" 10.00 ETH | ETH 4 CALL0001',
	'an instrument without which a claim cannot be sold is not retired');
SELECT open_instrument('ETHUSDC', 'ETH', 'USDC', '0.01 USDC/ETH', '0.0001 ETH') \g /dev/null
SELECT is(pg_temp.attempt($$SELECT retire_instrument('ETHUSD')$$), 'passes', 'it is when the asset can be sold in another one');
SELECT is(pg_temp.judged($$instrument SET status = ? WHERE symbol = 'ETHUSDC'$$, $$SELECT retire_instrument('ETHUSD')$$), '{passes,passes,LG039,LG039,LG039}', 'which takes sales');
SELECT is(pg_temp.judged($$supported_asset SET status = ? WHERE asset = 'USDC'$$, $$SELECT retire_instrument('ETHUSD')$$), '{passes,LG039,LG039,LG039,LG039}', 'and whose money may be taken');
SELECT is(pg_temp.attempt($$SELECT retire_asset('USDC')$$), 'passes', 'money that nobody has, and without which everything can be sold, is retired');
SELECT is(pg_temp.attempt($$SELECT retire_asset('YFI')$$), 'passes', 'coin that nobody has is retired');

-- a claim of one unit is one
SELECT deposit_coin('WIND0001', '0.00000001 LTC', 'dust') \g /dev/null
SELECT is(pg_temp.attempt($$SELECT retire_asset('LTC')$$), 'LG039', 'the least there can be is a claim');
SELECT load_journal('WIND', journal_entry(line('Dr', (open_account('WIND', 'CUST', 'Cust:WIND0001', 'LTC')).account, '0.00000001 LTC'), line('Cr', (open_account('WIND', 'CUST', 'Wallet:deposit-addresses', 'LTC')).account, '0.00000001 LTC')), 'dust out') \g /dev/null
SELECT load_journal('WIND', journal_entry(line('Dr', (open_account('WIND', 'CORP', 'Wallet:company', 'LTC')).account, '5 LTC'), line('Cr', (open_account('WIND', 'CORP', 'Equity', 'LTC')).account, '5 LTC')), 'own') \g /dev/null
SELECT is(pg_temp.attempt($$SELECT retire_asset('LTC')$$), 'passes', 'the company''s own coin keeps no asset from being retired');
SELECT load_journal('WIND', journal_entry(line('Dr', (open_account('WIND', 'CORP', 'LP:coin-receivable:LP1', 'LTC')).account, '1 LTC'), line('Cr', (open_account('WIND', 'CORP', 'Equity', 'LTC')).account, '1 LTC')), 'lent') \g /dev/null
SELECT is(pg_temp.attempt($$SELECT retire_asset('LTC')$$), 'LG039', 'what a provider owes does');

-- ---------------------------------------------------------------------------
-- The last week of ETH: whoever wants to, sells; the others withdraw; what is owed is settled
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.trade('WIND0001', 'SELL', '7 ETH', 'last sale'), 'posted', 'customers sell what no hold binds');
SELECT release_hold('WIND', 'held', 'last hold'), pg_temp.trade('WIND0001', 'SELL', '1 ETH', 'very last sale') \g /dev/null
SELECT change_asset('ETH', 'WITHDRAW_ONLY', reason => 'the last day of trading is over') \g /dev/null
SELECT load_journal(left(c, 4), pg_temp.move('Cust:' || c, 'Wallet:omnibus', q, left(c, 4)), 'out ' || c) FROM (VALUES ('WIND0002', '1 ETH'), ('CALL0001', '10 ETH')) AS l (c, q) \g /dev/null
SELECT load_journal('WIND', pg_temp.move('Suspense:unidentified', 'Wallet:omnibus', '4 ETH'), 'back to whoever sent it') \g /dev/null
SELECT is(pg_temp.attempt($$SELECT retire_asset('ETH')$$), 'LG039', 'what providers owe and are owed is settled first');
SELECT record_provider_settlement('CALL', 'LP1', '3 ETH', NULL, 'last in'), record_provider_settlement('CALL', 'LP1', '-2 ETH', NULL, 'last out') \g /dev/null
SELECT settle_provider('WIND', 'LP1', 'window', '2026-01-06') \g /dev/null
SAVEPOINT delivered;
SELECT record_provider_settlement('WIND', 'LP1', '-9 ETH', NULL, 'by itself') \g /dev/null
SELECT load_journal(c, pg_temp.move('Wallet:omnibus', 'Wallet:deposit-addresses', '9 ETH', c), 'sweep') FROM unnest('{WIND,CALL}'::text[]) AS c \g /dev/null
SELECT set_eq($$SELECT client, name, balance::text FROM asset_claims('ETH')$$, $$VALUES ('WIND', 'LP:coin-payable:LP1', '9.00 ETH')$$, 'what was delivered by itself is still novated by the window of its day');
SELECT is(pg_temp.attempt($$SELECT retire_asset('ETH')$$), 'LG039', 'which could not be closed any more: the asset is not retired before');
ROLLBACK TO delivered;
SELECT close_window('WIND', '2026-01-07') \g /dev/null
SELECT advise_window('WIND', '2026-01-07'), agree_window('WIND', '2026-01-07') \g /dev/null
SELECT settle_provider('WIND', 'LP1', 'last window', '2026-01-07') \g /dev/null
SELECT load_journal(c, pg_temp.move('Wallet:omnibus', 'Wallet:deposit-addresses', '9 ETH', c), 'sweep') FROM unnest('{WIND,CALL}'::text[]) AS c \g /dev/null
SELECT is_empty($$SELECT client, name, balance FROM asset_claims('ETH')$$, 'everybody has left');
SELECT is((SELECT outcome FROM retire_asset('ETH', 'eth-2', 'everybody has left')), 'retired', 'then the asset is retired');
SELECT set_eq($$SELECT symbol, status FROM instrument WHERE base = 'ETH'$$, $$VALUES ('ETHUSD', 'RETIRED'), ('ETHUSDC', 'RETIRED')$$, 'and its instruments with it');
SELECT is((SELECT reason FROM event WHERE subject = 'instrument' AND subject_key = 'ETHUSD' ORDER BY event_id DESC LIMIT 1), 'everybody has left', 'for the same reason');
SELECT is((SELECT outcome FROM retire_asset('ETH')), 'unchanged', 'retiring again is no error');
SELECT throws_ok($$SELECT deposit_coin('WIND0001', '1 ETH', 'too late')$$, 'LG041', NULL, 'nothing is posted in it any more');
SELECT throws_ok($$SELECT pg_temp.trade('WIND0001', 'SELL', '1 ETH', 'too late')$$, 'LG015', NULL, 'nothing is traded');
SELECT throws_ok($$SELECT change_instrument('ETHUSD', status => 'ACTIVE')$$, 'LG041', NULL, 'an instrument of a retired asset does not begin again');
SELECT is((SELECT outcome FROM change_asset('ETH', 'WITHDRAW_ONLY', reason => 'somebody has found some')), 'reinstated', 'a retired asset can come back only to be withdrawn');
SELECT set_eq($$SELECT symbol, status FROM instrument WHERE base = 'ETH'$$, $$VALUES ('ETHUSD', 'ACTIVE'), ('ETHUSDC', 'ACTIVE')$$, 'its instruments are again what they were');
SELECT is((SELECT outcome FROM reinstate_asset('ETH', reason => 'demand')), 'changed', 'or altogether');
SELECT is((SELECT replayed FROM retire_asset('ETH', 'eth-2', 'everybody has left')), true, 'the retirement again is answered as the first time and retires nothing');
SELECT is((SELECT status FROM supported_asset WHERE asset = 'ETH'), 'ACTIVE', 'it stays as it is');
SELECT retire_asset('YFI'), reinstate_asset('YFI') \g /dev/null
SELECT retire_instrument('ZECUSD'), retire_asset('ZEC'), reinstate_asset('ZEC') \g /dev/null
SELECT set_eq($$SELECT symbol, status FROM instrument WHERE base IN ('YFI', 'ZEC')$$, $$VALUES ('YFIUSD', 'ACTIVE'), ('ZECUSD', 'RETIRED')$$, 'an instrument that was retired by itself stays so');

-- ---------------------------------------------------------------------------
-- verify()
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT * FROM verify_retired_assets()$$, 'verify() finds nothing wrong with retired assets');
SELECT isnt_empty($$SELECT FROM check_list WHERE called = 'verify_retired_assets()'$$, 'verify() looks at retired assets');
UPDATE supported_asset SET status = 'RETIRED' WHERE asset = 'BTC';
SELECT is((SELECT string_agg(format('%s: %s', f.client, f.detail), ' ' ORDER BY f.detail) FROM verify_retired_assets() AS f WHERE f.detail ~ 'Cust:'), 'WIND: CUST "Cust:WIND0001" has 1.00 BTC, and BTC is retired.',
	'a claim in an asset that was retired behind the ledger''s back is found');
UPDATE supported_asset SET status = 'ACTIVE' WHERE asset = 'BTC';
SELECT is_empty('SELECT * FROM verify_states()', 'every state is the fold of its events');
SELECT is_empty($$SELECT f.status, t.status FROM trading_status f CROSS JOIN trading_status t CROSS JOIN (VALUES ('supported_asset'), ('instrument')) AS s (subject)
	WHERE f.status <> t.status AND NOT EXISTS (SELECT FROM transition n WHERE n.subject = s.subject AND n.from_status = f.status AND n.to_status = t.status)$$, 'every state can be left for every other');

SELECT * FROM finish();
ROLLBACK;
