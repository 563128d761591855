-- Hostile use of customer cash: every argument of every function spoilt in every way its type allows, states and
-- clients that do not fit, replays, settings changed half-way.  Each ends in the SQLSTATE that says why; nothing is an
-- internal error, and nothing that is wrong succeeds in silence.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
SELECT no_plan();

-- The SQLSTATE of a statement whose effects are taken back; 00000: it would have succeeded.
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN RETURN '00000';
	WHEN OTHERS THEN RETURN SQLSTATE;
END $$;

-- ---------------------------------------------------------------------------
-- Two clients with a past
-- ---------------------------------------------------------------------------
CREATE ROLE ledger_test_first IN ROLE bakkt_ledger_settler;
CREATE ROLE ledger_test_second IN ROLE bakkt_ledger_approver, bakkt_ledger_auditor;
CREATE ROLE ledger_test_two IN ROLE bakkt_ledger_poster, bakkt_ledger_approver;
SELECT open_provider('LP1', 'First Provider') \g /dev/null
CREATE FUNCTION pg_temp.past(client text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	ann		text := client || 'ANN01';
	day		timestamptz := '2026-03-02 16:00Z';
	call	bigint;
BEGIN
	PERFORM open_client(client, revenue_share_bps => 4000, at => '2026-01-01 00:00Z');
	PERFORM open_customer(client => client, customer => ann), open_customer(client => client, customer => client || 'BEN01');
	PERFORM receive_wire(client, '1000.00 USD', 'wire', customer => ann, at => day), receive_wire(client, '70.00 USD', 'wire unknown', at => day);
	PERFORM initiate_deposit(ann, '100.00 USD', 'deposit', at => day), initiate_deposit(ann, '100.00 USD', 'deposit credited', at => day),
		initiate_deposit(ann, '100.00 USD', 'deposit settled', at => day), initiate_deposit(ann, '100.00 USD', 'deposit cancelled', at => day);
	PERFORM cancel_deposit(client, 'deposit cancelled', at => day), credit_deposit(client, 'deposit settled', at => day);
	PERFORM settle_deposits(day + interval '10 days', client);
	PERFORM credit_deposit(client, 'deposit credited', at => day + interval '10 days');
	PERFORM request_withdrawal(ann, '20.00 USD', 'withdrawal', at => day), request_withdrawal(ann, '20.00 USD', 'withdrawal sent', at => day),
		request_withdrawal(ann, '20.00 USD', 'withdrawal completed', at => day), request_withdrawal(ann, '20.00 USD', 'withdrawal cancelled', at => day);
	PERFORM send_withdrawal(client, 'withdrawal sent', at => day), send_withdrawal(client, 'withdrawal completed', at => day);
	PERFORM complete_withdrawal(client, 'withdrawal completed', at => day), cancel_withdrawal(client, 'withdrawal cancelled', at => day);
	PERFORM post_trade(ann, 'BUY', '0.001 BTC', 'LP1', client || ' young', provider_price => '60000.00 USD/BTC', executed_at => day + interval '60 days'),
		post_trade(ann, 'BUY', '0.001 BTC', 'LP1', client || ' old', provider_price => '60000.00 USD/BTC', executed_at => day),
		post_trade(ann, 'BUY', '0.001 BTC', 'LP1', client || ' proposed', provider_price => '60000.00 USD/BTC', executed_at => day),
		post_trade(ann, 'BUY', '0.001 BTC', 'LP1', client || ' written off', provider_price => '60000.00 USD/BTC', executed_at => day),
		post_trade(ann, 'SELL', '0.001 BTC', 'LP1', client || ' sale', provider_price => '60000.00 USD/BTC', executed_at => day);
	PERFORM set_config('session_authorization', 'ledger_test_first', true);
	PERFORM propose_cash_call_write_off(client, j.journal_id, day + interval '40 days') FROM journal j
	  WHERE j.reference IN (client || ' proposed', client || ' written off');
	SELECT j.journal_id INTO call FROM journal j WHERE j.reference = client || ' written off';
	PERFORM set_config('session_authorization', 'ledger_test_second', true);
	PERFORM bakkt_ledger.approve_cash_call_write_off(client, call, day + interval '40 days');
	PERFORM set_config('session_authorization', 'postgres', true);
	PERFORM charge_cash_call_write_offs(day + interval '70 days', client);
	PERFORM instruct_fbo_transfer(client, '500.00 USD', 'prefund', at => day), instruct_fbo_transfer(client, '500.00 USD', 'prefund 2', at => day);
	PERFORM confirm_fbo_transfer(client, 'prefund 2', client || ' bank 2', day);
	PERFORM initiate_deposit(client || 'BEN01', '50.00 USD', 'spent', at => day), credit_deposit(client, 'spent', at => day);
	PERFORM settle_deposits(day + interval '15 days', client);
	PERFORM send_withdrawal(client, (request_withdrawal(client || 'BEN01', '40.00 USD', 'spend', at => day + interval '15 days')).reference, at => day + interval '15 days');
	PERFORM return_deposit(client, 'spent', 'R10', at => day + interval '20 days');
	PERFORM receive_wire(client, '10.00 USD', 'wire 2', customer => client || 'BEN01', at => day + interval '21 days');
	PERFORM take_aged_tpj('AM', day, client);
END $$;
SELECT pg_temp.past('ONE') \g /dev/null
SELECT pg_temp.past('TWO') \g /dev/null
-- and one whose customers' cash is with Apex
SELECT open_client('APX', funding_model => 'APEX_TPJ', at => '2026-01-01 00:00Z'), open_customer(client => 'APX', customer => 'APXANN01') \g /dev/null
SELECT post_trade('APXANN01', 'BUY', '0.001 BTC', 'LP1', 'APX confirmed', provider_price => '60000.00 USD/BTC', executed_at => '2026-03-02 16:00Z'),
	post_trade('APXANN01', 'BUY', '0.001 BTC', 'LP1', 'APX sent', provider_price => '60000.00 USD/BTC', executed_at => '2026-03-02 16:00Z') \g /dev/null
CREATE FUNCTION pg_temp.call(reference text) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT journal_id FROM bakkt_ledger_internal.journal j WHERE j.reference = $1';

SELECT open_apex_batch('APX', 'batch', '2026-03-02 18:00Z'),
	record_apex_answers('APX', 'batch', ARRAY[ROW(pg_temp.call('APX confirmed'), true, NULL, 'a1')::apex_answer], '2026-03-02 19:00Z'),
	record_apex_wire('APX', 'received', '60.00 USD', 'apex wire', at => '2026-03-03 19:00Z') \g /dev/null
SELECT post_trade('APXANN01', 'BUY', '0.001 BTC', 'LP1', 'APX due', provider_price => '60000.00 USD/BTC', executed_at => '2026-03-02 16:00Z') \g /dev/null

-- ---------------------------------------------------------------------------
-- Calls that are right; the attacks change one argument at a time
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE good (function text, arguments jsonb);
INSERT INTO good VALUES
	('change_cash_terms', $${"client": "'ONE'", "settlement_flow": "'GROSS'", "write_off_days": "20", "availability_days": "2", "minimum_withdrawal": "'5.00 USD'", "return_fee": "'5.00 USD'", "reference": "'new'"}$$),
	('initiate_deposit', $${"customer": "'ONEANN01'", "amount": "'10.00 USD'", "reference": "'new'", "bank": "NULL", "at": "'2026-05-04 15:00Z'"}$$),
	('credit_deposit', $${"client": "'ONE'", "reference": "'deposit'", "bank_reference": "'b'", "at": "'2026-05-04 15:00Z'"}$$),
	('credit_deposits', $${"client": "'ONE'", "references": "'{deposit}'", "bank_reference": "'b'", "at": "'2026-05-04 15:00Z'"}$$),
	('cancel_deposit', $${"client": "'ONE'", "reference": "'deposit'", "at": "'2026-05-04 15:00Z'"}$$),
	('decline_deposit', $${"client": "'ONE'", "reference": "'deposit'", "at": "'2026-05-04 15:00Z'"}$$),
	('settle_deposits', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('return_deposit', $${"client": "'ONE'", "reference": "'deposit settled'", "code": "'R01'", "at": "'2026-05-04 15:00Z'"}$$),
	('receive_wire', $${"client": "'ONE'", "amount": "'10.00 USD'", "reference": "'new'", "customer": "'ONEANN01'", "bank": "NULL", "at": "'2026-05-04 15:00Z'"}$$),
	('assign_wire', $${"client": "'ONE'", "reference": "'wire unknown'", "customer": "'ONEANN01'", "at": "'2026-05-04 15:00Z'"}$$),
	('return_wire', $${"client": "'ONE'", "reference": "'wire unknown'", "reason": "'name differs'", "at": "'2026-05-04 15:00Z'"}$$),
	('request_withdrawal', $${"customer": "'ONEANN01'", "amount": "'10.00 USD'", "reference": "'new'", "rail": "'ACH'", "bank": "NULL", "at": "'2026-05-04 15:00Z'"}$$),
	('send_withdrawal', $${"client": "'ONE'", "reference": "'withdrawal'", "at": "'2026-05-04 15:00Z'"}$$),
	('send_withdrawals', $${"client": "'ONE'", "references": "'{withdrawal}'", "at": "'2026-05-04 15:00Z'"}$$),
	('complete_withdrawal', $${"client": "'ONE'", "reference": "'withdrawal sent'", "at": "'2026-05-04 15:00Z'"}$$),
	('complete_withdrawals', $${"client": "'ONE'", "references": "'{withdrawal sent}'", "at": "'2026-05-04 15:00Z'"}$$),
	('cancel_withdrawal', $${"client": "'ONE'", "reference": "'withdrawal'", "at": "'2026-05-04 15:00Z'"}$$),
	('reject_withdrawal', $${"client": "'ONE'", "reference": "'withdrawal'", "reason": "'no'", "at": "'2026-05-04 15:00Z'"}$$),
	('return_withdrawal', $${"client": "'ONE'", "reference": "'withdrawal completed'", "code": "'R03'", "at": "'2026-05-04 15:00Z'"}$$),
	('propose_cash_adjustment', $${"customer": "'ONEANN01'", "amount": "'10.00 USD'", "reason": "'OTHER_ADJUSTMENT'", "note": "'a gift'", "reference": "'new'", "effective_at": "NULL", "at": "'2026-05-04 15:00Z'"}$$),
	('recover_deficit', $${"customer": "'ONEBEN01'", "reference": "'new'", "amount": "'10.00 USD'", "at": "'2026-05-04 15:00Z'", "asset": "'USD'"}$$),
	('deficits', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('process_cash_calls', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('propose_cash_call_write_offs', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('propose_cash_call_write_off', $${"client": "'ONE'", "call": "pg_temp.call('ONE old')", "at": "'2026-05-04 15:00Z'"}$$),
	('charge_cash_call_write_offs', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('recover_cash_call', $${"client": "'ONE'", "call": "pg_temp.call('ONE written off')", "reference": "'new'", "amount": "'1.00 USD'", "at": "'2026-06-04 15:00Z'"}$$),
	('cash_write_offs', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('instruct_fbo_transfer', $${"client": "'ONE'", "reference": "'new'", "amount": "'10.00 USD'", "direction": "'TO_BUSINESS'", "bank": "NULL", "at": "'2026-05-04 15:00Z'"}$$),
	('confirm_fbo_transfer', $${"client": "'ONE'", "reference": "'prefund'", "bank_reference": "'new'", "at": "'2026-05-04 15:00Z'"}$$),
	('fail_fbo_transfer', $${"client": "'ONE'", "reference": "'prefund'", "reason": "'no'", "at": "'2026-05-04 15:00Z'"}$$),
	('instruct_settlement_transfers', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('top_up_deficits', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('fbo_transfers', $${"client": "'ONE'"}$$),
	('fbo_transfer_calls', $${"client": "'ONE'", "reference": "'prefund'"}$$),
	('settlement_flow', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'", "since": "'2026-05-01 15:00Z'"}$$),
	('fbo_proof', $${"client": "'ONE'"}$$),
	('check_fbo', $${"client": "'ONE'"}$$),
	('aged_tpj', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('aged_tpj_summary', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'"}$$),
	('take_aged_tpj', $${"client": "'ONE'", "kind": "'PM'", "at": "'2026-05-04 15:00Z'"}$$),
	('aged_tpj_file', $${"client": "'ONE'", "kind": "'AM'", "business_date": "'2026-03-02'"}$$),
	('check_aged_tpj', $${"client": "'ONE'"}$$),
	('cash_calls', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'", "customer": "'ONEANN01'"}$$),
	('cash_call_attempts', $${"client": "'ONE'", "call": "pg_temp.call('ONE old')"}$$),
	('check_cash_calls', $${"client": "'ONE'"}$$),
	('cash_balance', $${"customer": "'ONEANN01'", "at": "'2026-05-04 15:00Z'"}$$),
	('buying_power', $${"customer": "'ONEANN01'", "at": "'2026-05-04 15:00Z'", "asset": "'USD'"}$$),
	('buying_powers', $${"client": "'ONE'", "at": "'2026-05-04 15:00Z'", "asset": "'USD'"}$$),
	('open_apex_batch', $${"client": "'APX'", "reference": "'new'", "at": "'2026-05-04 15:00Z'"}$$),
	('apex_batches', $${"client": "'APX'", "at": "'2026-05-04 15:00Z'"}$$),
	('apex_position', $${"client": "'APX'", "at": "'2026-05-04 15:00Z'"}$$),
	('apex_batch_items', $${"client": "'APX'", "batch": "'batch'"}$$),
	('record_apex_answers', $${"client": "'APX'", "batch": "'batch'", "answers": "ARRAY[ROW(pg_temp.call('APX sent'), true, NULL, NULL)::bakkt_ledger.apex_answer]", "at": "'2026-05-04 15:00Z'"}$$),
	('record_apex_wire', $${"client": "'APX'", "reference": "'new'", "direction": "'sent'", "amount": "'10.00 USD'", "bank": "NULL", "at": "'2026-05-04 15:00Z'"}$$),
	('run_due_jobs', $${"at": "'2026-05-04 15:00Z'", "most": "3"}$$),
	('change_job', $${"job": "'take_aged_tpj_am'", "times": "'{09:00}'", "at": "'2026-05-04 15:00Z'"}$$);

CREATE FUNCTION pg_temp.call_of(function text, arguments jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT * FROM bakkt_ledger.%I(%s)', function, string_agg(format('%I => %s', a.key, a.value), ', '))
	  FROM jsonb_each_text(arguments) a $$;
SELECT is(pg_temp.try(pg_temp.call_of(function, arguments)), '00000', function || ' with valid arguments succeeds') FROM good;

-- What a spoilt argument must end in; a row that names functions is the rule for those.
CREATE TEMP TABLE spoilt (argument text, value text, sqlstate text, functions text);
INSERT INTO spoilt VALUES
	('client', $$NULL$$, 'LG010', NULL), ('client', $$''$$, 'LG010', NULL), ('client', $$'NOWHERE'$$, 'LG010', NULL), ('client', $$'one'$$, 'LG010', NULL), ('client', $$'ONE'';'$$, 'LG010', NULL),
	('client', $$repeat('A', 100000)$$, 'LG010', NULL),
	('customer', $$NULL$$, 'LG012', NULL), ('customer', $$''$$, 'LG012', NULL), ('customer', $$'NOBODY01'$$, 'LG012', NULL), ('customer', $$'oneann01'$$, 'LG012', NULL), ('customer', $$repeat('A', 100000)$$, 'LG012', NULL),
	('amount', $$NULL$$, 'LG045', NULL), ('amount', $$'0.00 USD'$$, 'LG045', NULL), ('amount', $$'-10.00 USD'$$, 'LG045', NULL), ('amount', $$'10.001 USD'$$, 'LG043', NULL),
	('amount', $$'0.01 BTC'$$, 'LG042', NULL), ('amount', $$'10.00 NONE'$$, 'LG040', NULL), ('amount', $$'NaN USD'$$, '22P02', NULL), ('amount', $$'1e400 USD'$$, '22003', NULL),
	('at', $$NULL$$, 'LG061', NULL), ('at', $$'infinity'$$, 'LG061', NULL), ('at', $$'-infinity'$$, 'LG002', NULL), ('at', $$clock_timestamp() + interval '1 hour'$$, 'LG061', NULL),
	('asset', $$'EUR'$$, '00000', 'buying_power buying_powers'), ('asset', $$NULL$$, 'LG040', 'buying_power buying_powers'), ('asset', $$'NONE'$$, 'LG040', 'buying_power buying_powers'), ('asset', $$'BTC'$$, 'LG042', 'buying_power buying_powers'),
	('bank', $$''$$, 'LG034', NULL), ('bank', $$'a:b'$$, 'LG034', NULL),
	('code', $$NULL$$, 'LG085', NULL), ('code', $$'R99'$$, 'LG085', NULL), ('code', $$''$$, 'LG085', NULL), ('code', $$'r01'$$, 'LG085', NULL),
	('call', $$NULL$$, 'LG082', NULL), ('call', $$-1$$, 'LG082', NULL), ('call', $$0$$, 'LG082', NULL), ('call', $$9223372036854775807$$, 'LG082', NULL), ('call', $$pg_temp.call('TWO old')$$, 'LG082', NULL);

-- without a client: for all
INSERT INTO spoilt VALUES ('client', $$NULL$$, '00000', 'settle_deposits process_cash_calls charge_cash_call_write_offs propose_cash_call_write_offs instruct_settlement_transfers top_up_deficits '
	'fbo_transfers deficits fbo_proof check_fbo check_cash_calls check_aged_tpj take_aged_tpj');
-- without an amount: all there is; without a customer: unidentified
INSERT INTO spoilt VALUES ('amount', $$NULL$$, '00000', 'recover_cash_call recover_deficit'), ('customer', $$NULL$$, '00000', 'receive_wire cash_calls'),
	('amount', $$'10.00 NONE'$$, 'LG042', 'recover_cash_call'), ('note', $$NULL$$, 'LG002', NULL), ('note', $$''$$, 'LG002', NULL);
-- an adjustment takes as well as gives
INSERT INTO spoilt VALUES ('amount', $$NULL$$, 'LG044', 'propose_cash_adjustment'), ('amount', $$'0.00 USD'$$, 'LG044', 'propose_cash_adjustment'),
	('amount', $$'-10.00 USD'$$, '00000', 'propose_cash_adjustment');
-- a reference that names something new, and one that looks something up
INSERT INTO spoilt SELECT 'reference', r, 'LG080' FROM unnest(ARRAY[$$NULL$$, $$''$$, $$repeat('r', 201)$$, $$'nothing of that name'$$, $$'wire' || chr(10)$$]) AS r;
INSERT INTO spoilt SELECT 'reference', r, 'LG002', 'initiate_deposit receive_wire request_withdrawal propose_cash_adjustment recover_deficit recover_cash_call instruct_fbo_transfer open_apex_batch record_apex_wire'
  FROM unnest(ARRAY[$$NULL$$, $$''$$, $$repeat('r', 201)$$]) AS r;
INSERT INTO spoilt SELECT 'reference', r, '00000', 'initiate_deposit receive_wire request_withdrawal propose_cash_adjustment recover_deficit recover_cash_call instruct_fbo_transfer open_apex_batch record_apex_wire change_cash_terms'
  FROM unnest(ARRAY[$$'nothing of that name'$$, $$'wire' || chr(10)$$]) AS r;
INSERT INTO spoilt VALUES ('reference', $$NULL$$, '00000', 'change_cash_terms'), ('reference', $$''$$, 'LG002', 'change_cash_terms'), ('reference', $$repeat('r', 201)$$, 'LG002', 'change_cash_terms');
-- too much, of what is there and of what fits
INSERT INTO spoilt VALUES ('amount', $$'1000000.00 USD'$$, 'LG050', 'request_withdrawal instruct_fbo_transfer'), ('amount', $$'100000000000000000.00 USD'$$, 'LG050', 'request_withdrawal instruct_fbo_transfer'),
	('amount', $$'100000000000000000.00 USD'$$, '22003', 'initiate_deposit receive_wire record_apex_wire');		-- more than a line holds
INSERT INTO spoilt SELECT 'amount', v, 'LG086', 'recover_deficit recover_cash_call' FROM unnest(ARRAY[$$'1000000.00 USD'$$, $$'100000000000000000.00 USD'$$]) AS v;
INSERT INTO spoilt VALUES ('amount', $$'9.99 USD'$$, 'LG047', 'request_withdrawal'), ('amount', $$'0.01 USD'$$, 'LG047', 'request_withdrawal'),
	('amount', $$'0.01 USD'$$, '00000', 'initiate_deposit receive_wire recover_deficit recover_cash_call instruct_fbo_transfer record_apex_wire'),
	('rail', $$NULL$$, 'LG002', NULL), ('rail', $$''$$, 'LG002', NULL), ('rail', $$'ach'$$, 'LG002', NULL), ('rail', $$'DEBIT'$$, 'LG002', NULL),
	('direction', $$NULL$$, 'LG002', NULL), ('direction', $$''$$, 'LG002', NULL), ('direction', $$'to_fbo'$$, 'LG002', NULL),
	('reason', $$NULL$$, 'LG002', NULL), ('reason', $$''$$, 'LG002', NULL), ('reason', $$'NO_SUCH_REASON'$$, 'LG085', 'propose_cash_adjustment'),
	('reason', $$NULL$$, 'LG085', 'propose_cash_adjustment'), ('reason', $$''$$, 'LG085', 'propose_cash_adjustment'),
	('bank_reference', $$NULL$$, 'LG002', 'confirm_fbo_transfer'), ('bank_reference', $$''$$, 'LG002', 'confirm_fbo_transfer'), ('bank_reference', $$'ONE bank 2'$$, 'LG020', 'confirm_fbo_transfer'),
	('kind', $$NULL$$, 'LG002', 'take_aged_tpj'), ('kind', $$'am'$$, 'LG002', 'take_aged_tpj'), ('kind', $$NULL$$, 'LG002', 'aged_tpj_file'), ('kind', $$'am'$$, 'LG002', 'aged_tpj_file'), ('kind', $$'PM'$$, 'LG088', 'aged_tpj_file'),
	('business_date', $$NULL$$, 'LG088', NULL), ('business_date', $$'infinity'$$, 'LG088', NULL), ('business_date', $$'2026-03-03'$$, 'LG088', NULL),
	('settlement_flow', $$'net'$$, 'LG002', NULL), ('settlement_flow', $$''$$, 'LG002', NULL), ('write_off_days', $$0$$, 'LG002', NULL), ('write_off_days', $$-1$$, 'LG002', NULL), ('write_off_days', $$2147483647$$, 'LG002', NULL),
	('availability_days', $$-1$$, 'LG002', NULL), ('availability_days', $$61$$, 'LG002', NULL), ('minimum_withdrawal', $$'-1.00 USD'$$, 'LG002', NULL), ('minimum_withdrawal', $$'1.00 BTC'$$, 'LG042', NULL),
	('return_fee', $$'-1.00 USD'$$, 'LG002', NULL), ('return_fee', $$'1.00 BTC'$$, 'LG042', NULL), ('return_fee', $$'1.00 NONE'$$, 'LG040', NULL),
	('batch', $$NULL$$, 'LG087', NULL), ('batch', $$''$$, 'LG087', NULL), ('batch', $$'nothing'$$, 'LG087', NULL),
	('job', $$NULL$$, 'LG090', NULL), ('job', $$''$$, 'LG090', NULL), ('job', $$'verify'$$, 'LG090', NULL), ('job', $$'SEAL'$$, 'LG090', NULL),
	('times', $$'{}'$$, 'LG002', NULL), ('times', $$'{NULL}'$$, 'LG002', NULL),
	('answers', $$NULL$$, 'LG002', NULL), ('answers', $$ARRAY[NULL]::bakkt_ledger.apex_answer[]$$, 'LG002', NULL),
	('answers', $$ARRAY[ROW(NULL, true, NULL, NULL)::bakkt_ledger.apex_answer]$$, 'LG002', NULL),
	('answers', $$ARRAY[ROW(pg_temp.call('APX sent'), NULL, NULL, NULL)::bakkt_ledger.apex_answer]$$, 'LG002', NULL),
	('answers', $$ARRAY[ROW(pg_temp.call('APX due'), true, NULL, NULL)::bakkt_ledger.apex_answer]$$, 'LG082', NULL),
	('answers', $$ARRAY[ROW(pg_temp.call('ONE old'), true, NULL, NULL)::bakkt_ledger.apex_answer]$$, 'LG082', NULL),
	('answers', $$ARRAY[ROW(pg_temp.call('APX confirmed'), false, 'no', NULL)::bakkt_ledger.apex_answer]$$, 'LG020', NULL),
	('answers', $$ARRAY[ROW(pg_temp.call('APX sent'), true, NULL, NULL), ROW(pg_temp.call('APX sent'), false, 'no', NULL)]::bakkt_ledger.apex_answer[]$$, 'LG020', NULL),
	('asset', $$'BTC'$$, 'LG042', 'recover_deficit'), ('references', $$NULL$$, 'LG002', NULL), ('references', $$'{NULL}'$$, 'LG080', NULL), ('references', $$'{nothing}'$$, 'LG080', NULL), ('references', $$'{}'$$, '00000', NULL);
SELECT is(pg_temp.try(pg_temp.call_of(g.function, g.arguments || jsonb_build_object(s.argument, s.value))), s.sqlstate,
	format('%s with %s => %s %s', g.function, s.argument, left(s.value, 40),
		CASE s.sqlstate WHEN '00000' THEN 'succeeds' ELSE 'is refused (' || s.sqlstate || ')' END))
  FROM good g JOIN spoilt s ON g.arguments ? s.argument
 WHERE CASE WHEN s.functions IS NULL THEN NOT EXISTS (SELECT FROM spoilt o WHERE o.argument = s.argument AND o.value = s.value AND g.function = ANY (string_to_array(o.functions, ' ')))
		ELSE g.function = ANY (string_to_array(s.functions, ' ')) END
 ORDER BY g.function, s.argument, s.value;

-- ---------------------------------------------------------------------------
-- States that do not fit, and repeated requests
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE step (function text, extra text);
INSERT INTO step VALUES ('credit_deposit', ''), ('cancel_deposit', ''), ('decline_deposit', ''), ('return_deposit', $$, code => 'R10'$$), ('assign_wire', $$, customer => 'ONEANN01'$$),
	('return_wire', $$, reason => 'no'$$), ('send_withdrawal', ''), ('complete_withdrawal', ''), ('cancel_withdrawal', ''), ('reject_withdrawal', $$, reason => 'no'$$),
	('return_withdrawal', $$, code => 'R03'$$), ('confirm_fbo_transfer', $$, bank_reference => 'ONE bank 2'$$), ('fail_fbo_transfer', $$, reason => 'no'$$);
-- The steps that each can take, or has taken and answers again; the others end in LG081, and LG080 where it is of another kind.
CREATE TEMP TABLE can (reference text, kind text, steps text);
INSERT INTO can VALUES
	('deposit', 'deposit', 'credit_deposit cancel_deposit decline_deposit return_deposit'), ('deposit credited', 'deposit', 'credit_deposit return_deposit'),
	('deposit settled', 'deposit', 'credit_deposit return_deposit'), ('deposit cancelled', 'deposit', 'cancel_deposit'), ('spent', 'deposit', 'credit_deposit return_deposit'),
	('wire', 'deposit', 'return_wire'), ('wire unknown', 'deposit', 'assign_wire return_wire'),
	('withdrawal', 'withdrawal', 'send_withdrawal cancel_withdrawal reject_withdrawal'), ('withdrawal sent', 'withdrawal', 'send_withdrawal complete_withdrawal return_withdrawal'),
	('withdrawal completed', 'withdrawal', 'send_withdrawal complete_withdrawal return_withdrawal'), ('withdrawal cancelled', 'withdrawal', 'cancel_withdrawal'),
	('prefund', 'fbo', 'fail_fbo_transfer'), ('prefund 2', 'fbo', 'confirm_fbo_transfer');
SELECT is(pg_temp.try(format('SELECT * FROM bakkt_ledger.%I(client => %L, reference => %L, at => %L%s)', s.function, 'ONE', c.reference, '2026-05-04 15:00Z', s.extra)),
		  CASE WHEN s.function = ANY (string_to_array(c.steps, ' ')) THEN '00000'
			   WHEN c.kind = CASE WHEN s.function ~ 'withdrawal' THEN 'withdrawal' WHEN s.function ~ 'fbo' THEN 'fbo' ELSE 'deposit' END
			   THEN CASE WHEN c.reference = 'prefund' AND s.function = 'confirm_fbo_transfer' THEN 'LG020' ELSE 'LG081' END ELSE 'LG080' END,
		  format('a step is taken only from a status that allows it: %s of "%s"', s.function, c.reference))
  FROM step s, can c ORDER BY c.reference, s.function;

-- nobody approves or declines what he proposed, nor a superuser anything; a write-off is a purchase's, old and outstanding
SELECT is(pg_temp.try(call), code,
	format('a write-off or recovery against the rules of cash calls (TPJ) is refused (%s): %s', code, left(call, 100)))
  FROM (VALUES
	($$SELECT approve_cash_call_write_off('ONE', pg_temp.call('ONE proposed'))$$, 'LG067'), ($$SELECT propose_cash_call_write_off('ONE', pg_temp.call('ONE sale'))$$, 'LG083'),
	($$SELECT approve_cash_call_write_offs('ONE', ARRAY[pg_temp.call('ONE proposed')])$$, 'LG067'), ($$SELECT approve_cash_call_write_offs('ONE', NULL)$$, 'LG002'),
	($$SELECT propose_cash_call_write_off('ONE', pg_temp.call('ONE sale'), '2026-05-04 15:00Z')$$, 'LG083'), ($$SELECT propose_cash_call_write_off('ONE', pg_temp.call('ONE young'), '2026-05-04 15:00Z')$$, 'LG083'),
	($$SELECT propose_cash_call_write_off('ONE', pg_temp.call('ONE written off'), '2026-05-04 15:00Z')$$, 'LG083'), ($$SELECT recover_cash_call('ONE', pg_temp.call('ONE old'), 'r')$$, 'LG083'),
	($$SELECT recover_cash_call('ONE', pg_temp.call('ONE sale'), 'r')$$, 'LG083'), ($$SELECT recover_cash_call('ONE', pg_temp.call('ONE written off'), 'r', '60.01 USD')$$, 'LG086'),
	($$SELECT recover_deficit('ONEANN01', 'r')$$, 'LG086'), ($$SELECT recover_deficit('ONEBEN01', 'r', '10.01 USD')$$, 'LG050')) AS t (call, code);
SET LOCAL SESSION AUTHORIZATION ledger_test_second;
SELECT bakkt_ledger.decline_cash_call_write_off('ONE', pg_temp.call('ONE proposed'), 'paid by cheque', '2026-05-04 15:00Z') \g /dev/null
SELECT is(pg_temp.try($$SELECT bakkt_ledger.approve_cash_call_write_off('ONE', pg_temp.call('ONE proposed'))$$), 'LG083',
	'a declined write-off is not approved');
SELECT is(pg_temp.try($$SELECT bakkt_ledger.approve_cash_call_write_off('ONE', pg_temp.call('ONE old'))$$), 'LG083',
	'a write-off that was not proposed is not approved');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- References that are the ledger's own, and other content under a known one
-- ---------------------------------------------------------------------------
SELECT is(pg_temp.try(format($$SELECT load_journal(client => 'ONE', reference => %L, entry => (SELECT format('{Dr %%s 1.00 USD; Cr %%s 1.00 USD}', account_of('ONE', 'FBO', 'Bank:omnibus', 'USD'),
	account_of('ONE', 'FBO', 'Cust:ONEANN01:settled', 'USD'))::journal_entry))$$, prefix || '77')), 'LG002',
	'nobody posts a journal under the reserved prefix ' || prefix)
  FROM unnest('{cash-call:,fbo-transfer:,write-off:,recovery:,funding:,top-up:,apex:}'::text[]) AS prefix;
SELECT is(pg_temp.try(format($$SELECT post_trade('ONEANN01', 'BUY', '0.001 BTC', 'LP1', %L, provider_price => '60000.00 USD/BTC')$$, prefix || '77')), 'LG002',
	'nobody trades under the reserved prefix ' || prefix)
  FROM unnest('{cash-call:,fbo-transfer:,write-off:,recovery:,funding:,top-up:,apex:}'::text[]) AS prefix;
SELECT is(pg_temp.try(call), 'LG020', 'a known reference with other content is refused: ' || left(call, 90)) FROM unnest(ARRAY[
	$$SELECT initiate_deposit('ONEANN01', '100.01 USD', 'deposit')$$, $$SELECT initiate_deposit('ONEBEN01', '100.00 USD', 'deposit')$$,
	$$SELECT receive_wire('ONE', '100.00 USD', 'deposit', customer => 'ONEANN01')$$, $$SELECT request_withdrawal('ONEANN01', '20.00 USD', 'deposit')$$,
	$$SELECT request_withdrawal('ONEANN01', '20.01 USD', 'withdrawal')$$, $$SELECT request_withdrawal('ONEANN01', '20.00 USD', 'withdrawal', rail => 'WIRE')$$,
	$$SELECT receive_wire('ONE', '1000.01 USD', 'wire', customer => 'ONEANN01')$$, $$SELECT receive_wire('ONE', '1000.00 USD', 'wire', customer => 'ONEBEN01')$$,
	$$SELECT return_deposit('ONE', 'spent', 'R01')$$, $$SELECT instruct_fbo_transfer('ONE', '500.01 USD', 'prefund')$$, $$SELECT instruct_fbo_transfer('ONE', '500.00 USD', 'prefund', 'TO_BUSINESS')$$,
	$$SELECT confirm_fbo_transfer('ONE', 'prefund 2', 'another')$$]) AS call;
-- a repeated request moves nothing
CREATE TEMP TABLE journals AS SELECT count(*) FROM journal;
SELECT is(pg_temp.try(call), '00000', 'a repeated request with the same content succeeds: ' || left(call, 90)) FROM unnest(ARRAY[
	$$SELECT initiate_deposit('ONEANN01', '100.00 USD', 'deposit', at => '2026-03-02 16:00Z')$$, $$SELECT receive_wire('ONE', '1000.00 USD', 'wire', customer => 'ONEANN01')$$,
	$$SELECT request_withdrawal('ONEANN01', '20.00 USD', 'withdrawal')$$, $$SELECT instruct_fbo_transfer('ONE', '500.00 USD', 'prefund')$$]) AS call;
SELECT initiate_deposit('ONEANN01', '100.00 USD', 'deposit', at => '2026-03-02 16:00Z'), receive_wire('ONE', '1000.00 USD', 'wire', customer => 'ONEANN01'),
	request_withdrawal('ONEANN01', '20.00 USD', 'withdrawal'), instruct_fbo_transfer('ONE', '500.00 USD', 'prefund'), cancel_deposit('ONE', 'deposit cancelled'),
	return_deposit('ONE', 'spent', 'R10'), confirm_fbo_transfer('ONE', 'prefund 2', 'ONE bank 2') \g /dev/null
SELECT is((SELECT count(*) FROM journal), (SELECT count FROM journals), 'repeated requests with the same content post nothing');

-- ---------------------------------------------------------------------------
-- Another client's
-- ---------------------------------------------------------------------------
SELECT grant_client_access('TWO', 'ledger_test_two') \g /dev/null
GRANT SELECT ON good TO PUBLIC;
CREATE TEMP TABLE told AS SELECT g.function, g.arguments, NULL::text AS sqlstate FROM good g;
GRANT SELECT, UPDATE ON told TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION ledger_test_two;
UPDATE told SET sqlstate = pg_temp.try(pg_temp.call_of(function, arguments));
RESET SESSION AUTHORIZATION;
SELECT is(sqlstate, CASE WHEN arguments ? 'client' THEN '42501' ELSE CASE sqlstate WHEN '42501' THEN '42501' ELSE 'LG012' END END,
	function || ' refuses a user of another client') FROM told ORDER BY function;

-- ---------------------------------------------------------------------------
-- Settings changed half-way: nothing depends on them
-- ---------------------------------------------------------------------------
CREATE FUNCTION pg_temp.available(reference text) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	PERFORM initiate_deposit('ONEANN01', '1.00 USD', reference, at => timestamptz '2026-03-06 15:00Z');
	RETURN (credit_deposit('ONE', reference, at => timestamptz '2026-03-06 15:00Z')).available_at;
END $$;
CREATE TEMP TABLE printed AS SELECT 'UTC' AS zone, ARRAY(SELECT aged_tpj_file('ONE', 'AM', '2026-03-02')) AS file, (SELECT array_agg(t::text) FROM aged_tpj('ONE', '2026-04-01 15:00Z') t) AS list,
	pg_temp.available('in UTC') AS available_at;
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = 'sql_standard';
SET LOCAL lc_numeric = 'C';
SET LOCAL extra_float_digits = -15;
SELECT is(ARRAY(SELECT aged_tpj_file('ONE', 'AM', '2026-03-02')), (SELECT file FROM printed),
	'the file of an aged list is the same under other session settings');
SELECT is(pg_temp.available('in Kolkata'),
	(SELECT available_at FROM printed), 'a deposit becomes available at the same instant under another TimeZone');
SELECT is((SELECT available_at FROM printed), timestamptz '2026-03-11 12:30Z',
	'a deposit is available at the opening of the third business day in New York');
SELECT is((SELECT array_agg(d.instruction) FROM (SELECT (initiate_deposit('ONEANN01', '100.00 USD', 'deposit', at => timestamptz '2026-03-02 16:00Z')).status AS instruction) d), '{INITIATED}',
	'a deposit request repeated under other settings is a replay');
RESET TimeZone;
RESET DateStyle;

SELECT is_empty('SELECT * FROM verify()', 'verify() finds nothing after all attacks');
SELECT is_empty('SELECT * FROM check_fbo()', 'check_fbo() finds nothing after all attacks');

SELECT * FROM finish();
ROLLBACK;
