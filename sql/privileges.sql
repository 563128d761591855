-- ===========================================================================
-- Privileges and row-level security, of every chapter (design 7, doc/roles.md)
-- ===========================================================================

-- What must never be removed or renamed.
DO $keep$
DECLARE
    kept    text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['client', 'customer', 'account', 'account_kind', 'supported_asset', 'instrument',
                                'liquidity_provider', 'bank_account', 'shipped_assets_loaded']
    LOOP
        EXECUTE pg_catalog.format('CREATE TRIGGER refuse_removal BEFORE DELETE OR TRUNCATE ON %I
                                   FOR EACH STATEMENT EXECUTE FUNCTION refuse_write()', kept);
        EXECUTE pg_catalog.format('ALTER TABLE %I ENABLE ALWAYS TRIGGER refuse_removal', kept);
    END LOOP;
END;
$keep$;

-- What a journal's meaning rests on cannot change under it.
CREATE TRIGGER refuse_rename BEFORE UPDATE OF client_id, account, fund, kind, name, asset, customer_id, lp_id, floor ON account
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE account ENABLE ALWAYS TRIGGER refuse_rename;
CREATE TRIGGER refuse_rename BEFORE UPDATE OF asset, kind, scale ON supported_asset
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE supported_asset ENABLE ALWAYS TRIGGER refuse_rename;
CREATE TRIGGER refuse_rename BEFORE UPDATE OF client_id, code ON client
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE client ENABLE ALWAYS TRIGGER refuse_rename;
CREATE TRIGGER refuse_rename BEFORE UPDATE OF customer_id, client_id, account_code ON customer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE customer ENABLE ALWAYS TRIGGER refuse_rename;

-- ---------------------------------------------------------------------------
-- Nothing is everybody's but pure functions
-- ---------------------------------------------------------------------------

-- Pure: immutable, or what an operator, cast or aggregate is made of.
DO $revoke$
DECLARE
    member  record;
BEGIN
    FOR member IN
        SELECT p.oid::pg_catalog.regprocedure AS routine
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
            AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger'
        WHERE p.provolatile = 'v' OR p.prosecdef OR p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
           OR (p.provolatile = 's'
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprcode = p.oid)
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castfunc = p.oid)
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_aggregate a
                               WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn))
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t
                               WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend)))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', member.routine);
    END LOOP;
END;
$revoke$;

GRANT USAGE ON SCHEMA bakkt_ledger, bakkt_ledger_internal TO bakkt_ledger_reader;

-- ---------------------------------------------------------------------------
-- Functions
-- ---------------------------------------------------------------------------

-- Which group may call what; every overload of a name.  What is not listed is
-- internal and callable by the owner only.
DO $grant$
DECLARE
    given   record;
    routine pg_catalog.regprocedure;
BEGIN
    FOR given IN SELECT * FROM (VALUES
        -- cash calls written off, and Apex
        ('bakkt_ledger_reader', ARRAY['cash_write_offs', 'apex_position', 'apex_batches', 'apex_batch_items']),
        ('bakkt_ledger_approver', ARRAY['approve_cash_call_write_off', 'approve_cash_call_write_offs', 'decline_cash_call_write_off']),
        ('bakkt_ledger_settler', ARRAY['propose_cash_call_write_offs', 'propose_cash_call_write_off', 'charge_cash_call_write_offs', 'recover_cash_call', 'open_apex_batch', 'record_apex_answers', 'record_apex_wire']),
        -- cash calls
        ('bakkt_ledger_reader', ARRAY['cash_calls', 'cash_call_attempts', 'check_cash_calls', 'next_cash_retry']),
        ('bakkt_ledger_settler', ARRAY['process_cash_calls']),
        ('bakkt_ledger_reader', ARRAY[
            'invoking_role', 'sees_all_clients', 'visible_clients', 'require_client', 'require_customer', 'require_account',
            'require_asset', 'account_kind_of', 'account_of',
            'balances', 'balance_of', 'statement', 'account_statement', 'trial_balance',
            'fbo_transfers', 'fbo_transfer_calls', 'settlement_flow', 'fbo_proof', 'check_fbo',
            'latest_version', 'is_business_day', 'next_business_day', 'value_date', 'value_deadline',
            'window_bounds', 'window_of', 'window_members', 'window_adjustments', 'window_summary', 'check_window', 'check_settlement', 'zero_sum_check',
            'cash_balance', 'funding_transfers', 'deficits', 'check_funding',
            'net_position', 'obligations', 'outstanding',
            'aged_tpj', 'aged_tpj_summary', 'aged_tpj_file', 'aged_tpj_file_name', 'check_aged_tpj', 'buying_power', 'buying_powers']),
        ('bakkt_ledger_poster', ARRAY[
            'open_customer', 'open_customers', 'open_account',
            'initiate_deposit', 'cancel_deposit', 'request_withdrawal', 'cancel_withdrawal',
            'authorise_hold', 'increase_hold', 'release_hold', 'expire_holds']),
        ('bakkt_ledger_executor', ARRAY['post_trade', 'post_trades', 'bust_trade', 'correct_trade']),
        ('bakkt_ledger_bookkeeper', ARRAY['post_journal', 'post_journals', 'reverse_journal', 'capture_hold', 'propose_journal']),
        ('bakkt_ledger_approver', ARRAY['approve_journal', 'decline_journal', 'approve_write_off']),
        ('bakkt_ledger_settler', ARRAY[
            'credit_deposit', 'credit_deposits', 'settle_deposits', 'decline_deposit', 'return_deposit', 'receive_wire', 'assign_wire', 'return_wire',
            'send_withdrawal', 'send_withdrawals', 'complete_withdrawal', 'complete_withdrawals', 'reject_withdrawal', 'return_withdrawal', 'recover_deficit',
            'settle_lp', 'deposit_coin',
            'instruct_settlement_transfers', 'instruct_fbo_transfer', 'confirm_fbo_transfer', 'fail_fbo_transfer', 'top_up_deficits',
            'expire_holds', 'seal', 'verify', 'digest', 'proof',
            'add_calendar_version', 'close_window', 'close_due_windows', 'advise_window', 'agree_window', 'dispute_window',
            'record_wire', 'settle_provider', 'settle_window', 'instruct_obligation', 'fail_obligation', 'carry_obligation',
            'propose_write_off', 'take_aged_tpj']),
        ('bakkt_ledger_reconciler', ARRAY[
            'propose_cash_adjustment',
            'propose_journal', 'seal', 'verify', 'digest', 'proof', 'take_aged_tpj']),
        ('bakkt_ledger_auditor', ARRAY[
            'seal', 'verify', 'digest', 'proof']),
        ('bakkt_ledger_administrator', ARRAY[
            'open_client', 'change_client', 'close_client', 'grant_client_access', 'revoke_client_access',
            'open_customer', 'open_customers', 'change_customer', 'change_cash_terms',
            'open_liquidity_provider', 'change_liquidity_provider', 'open_bank_account', 'close_bank_account',
            'load_shipped_assets', 'register_asset', 'retire_asset', 'reinstate_asset',
            'open_instrument', 'change_instrument', 'retire_instrument', 'change_settlement',
            'set_approval_limit', 'remove_approval_limit',
            'open_account', 'freeze_account', 'unfreeze_account', 'close_account']),
        ('bakkt_ledger_settler', ARRAY['run_due_jobs', 'due_jobs', 'entries_by_hand']),
        ('bakkt_ledger_reconciler', ARRAY['due_jobs', 'entries_by_hand']),
        ('bakkt_ledger_auditor', ARRAY['due_jobs', 'entries_by_hand']),
        ('bakkt_ledger_administrator', ARRAY['change_job', 'skip_job', 'schedule_jobs', 'unschedule_jobs', 'due_jobs', 'entries_by_hand'])
        ) AS g(role_name, routines)
    LOOP
        FOR routine IN
            SELECT p.oid FROM pg_catalog.pg_proc p
            WHERE p.pronamespace IN ('bakkt_ledger'::pg_catalog.regnamespace, 'bakkt_ledger_internal'::pg_catalog.regnamespace) AND p.proname = ANY (given.routines)
        LOOP
            EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, given.role_name);
        END LOOP;
    END LOOP;
END;
$grant$;

-- ---------------------------------------------------------------------------
-- Tables and views: reading only, and only one's clients
-- ---------------------------------------------------------------------------

GRANT SELECT ON ALL TABLES IN SCHEMA bakkt_ledger, bakkt_ledger_internal TO bakkt_ledger_reader;
REVOKE SELECT ON event, request, client_access, bank_account, actor, block FROM bakkt_ledger_reader;
-- a block covers all clients: its sums are for those who see them all
GRANT SELECT ON block TO bakkt_ledger_settler, bakkt_ledger_reconciler, bakkt_ledger_auditor, bakkt_ledger_administrator;
-- a job runs for all clients: what came of it, and its errors, are for those who see them all
REVOKE SELECT ON job_run, job_runs, job_left_out, cron_call FROM bakkt_ledger_reader;
GRANT SELECT ON job_run, job_runs, job_left_out, cron_call TO bakkt_ledger_settler, bakkt_ledger_reconciler, bakkt_ledger_auditor, bakkt_ledger_administrator;
GRANT SELECT ON event, request, client_access, actor TO bakkt_ledger_auditor, bakkt_ledger_administrator;
GRANT SELECT ON bank_account TO bakkt_ledger_settler, bakkt_ledger_reconciler, bakkt_ledger_auditor, bakkt_ledger_administrator;

-- The sub-select is evaluated once per query, not per row.
DO $policy$
DECLARE
    scoped  record;
BEGIN
    FOR scoped IN
        SELECT c.relname
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'client_id' AND NOT a.attisdropped
        WHERE c.relnamespace = 'bakkt_ledger_internal'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p')
          AND c.relname NOT IN ('event', 'request')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', scoped.relname);
        EXECUTE pg_catalog.format('CREATE POLICY visible_clients ON %I FOR SELECT
                                   USING (client_id = ANY ((SELECT visible_clients())::integer[]))', scoped.relname);
    END LOOP;
END;
$policy$;
-- those of the whole ledger are of no client
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
ALTER TABLE request ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible_clients ON event FOR SELECT USING ((SELECT sees_all_clients()));
CREATE POLICY visible_clients ON request FOR SELECT USING ((SELECT sees_all_clients()));
