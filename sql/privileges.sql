-- After the last file of a floor: who may call and read what (doc/roles.md), and
-- the triggers that keep append-only and reference tables as they are. What no line here grants
-- can be used by the owner only.

-- What must never be removed, and the columns that give existing journals their meaning.
SELECT refuse_writes(kept, 'DELETE OR TRUNCATE')
FROM unnest('{account_kind,instrument,provider,bank_account,shipped_assets_loaded}'::pg_catalog.regclass[]) AS kept;
SELECT refuse_writes('account', 'DELETE OR TRUNCATE OR UPDATE OF client_id, account, fund, kind, name, asset, customer_id, '
                                'provider_id, floor');
SELECT refuse_writes('supported_asset', 'DELETE OR TRUNCATE OR UPDATE OF asset, kind, scale');
SELECT refuse_writes('client', 'DELETE OR TRUNCATE OR UPDATE OF client_id, code');
SELECT refuse_writes('customer', 'DELETE OR TRUNCATE OR UPDATE OF customer_id, client_id, customer_code');

-- ---------------------------------------------------------------------------
-- PUBLIC may call pure functions only
-- ---------------------------------------------------------------------------

-- Pure: immutable, or what an operator, cast or aggregate is made of.
DO $revoke$
DECLARE
    member  record;
BEGIN
    FOR member IN
        SELECT p.oid::pg_catalog.regprocedure AS routine
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
             AND d.deptype = 'e'
        JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
            AND e.oid = d.refobjid AND e.extname = 'bakkt_ledger'
        WHERE p.provolatile = 'v' OR p.prosecdef OR p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
           OR (p.provolatile = 's'
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprcode = p.oid)
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castfunc = p.oid)
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_aggregate a
                               WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn,
                                               a.aggmfinalfn))
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t
                               WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend)))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', member.routine);
    END LOOP;
END;
$revoke$;

GRANT USAGE ON SCHEMA bakkt_ledger TO bakkt_ledger_reader;

-- ---------------------------------------------------------------------------
-- Functions
-- ---------------------------------------------------------------------------

-- Which groups may call what, every overload of a name. What is not listed only the owner may call.
-- "reader" is every group, because all contain it; "company" is every group of the company, and
-- "ledger" are those of them that see all clients.
DO $grant$
DECLARE
    ledger constant text[] := '{settler,reconciler,auditor,administrator}';
    company constant text[] := ledger || '{executor,bookkeeper}'::text[];
    given record;
    routine pg_catalog.regprocedure;
    grantee text;
BEGIN
    FOR given IN SELECT * FROM (VALUES
        -- reading: a tenant sees its own, and what no provider, bank or revenue can be seen from
        ('{reader}'::text[], ARRAY[
            'clients', 'account_of', 'feed', 'customers', 'client_accounts', 'postings', 'executions', 'holds',
            'balances', 'customer_balances', 'balance_of', 'statement', 'account_statement', 'cash_balance', 'buying_power',
            'buying_powers',
            'is_business_day', 'next_business_day', 'value_date', 'value_deadline', 'next_cash_retry',
            'window_bounds', 'window_of', 'window_summary', 'net_position', 'obligations', 'payments',
            'unapplied_payments', 'settlement_statement', 'settlement_balances',
            'funding_transfers', 'deficits', 'open_matters', 'cash_calls', 'cash_call_attempts', 'cash_write_offs',
            'apex_position', 'apex_batches', 'apex_batch_items', 'share_payouts', 'revenue_share_statement',
            'aged_tpj', 'aged_tpj_summary', 'aged_tpj_file', 'aged_tpj_file_name', 'client_status', 'client_exposure']),
        (company || '{approver}'::text[], ARRAY['approvals']),
        (company, ARRAY['trial_balance', 'window_members', 'window_adjustments', 'accounting_periods', 'period_statement',
                        'prior_period_entries']),
        (ledger, ARRAY[
            'zero_sum_check', 'provider_position', 'provider_fails', 'asset_claims', 'bank_transfers', 'bank_positions',
            'fbo_transfers', 'fbo_transfer_calls', 'settlement_flow', 'fbo_proof',
            'check_fbo', 'check_window', 'check_settlement', 'check_funding', 'check_revenue_share', 'check_cash_calls',
            'check_coin_deficits', 'check_aged_tpj', 'customer_moves',
            'seal', 'verify', 'digest', 'proof', 'due_jobs', 'entries_by_hand', 'wind_down_client']),
        -- a tenant asks
        ('{poster}', ARRAY[
            'open_customer', 'open_customers', 'open_account',
            'initiate_deposit', 'cancel_deposit', 'request_withdrawal', 'cancel_withdrawal',
            'authorize_hold', 'increase_hold', 'release_hold', 'expire_holds']),
        ('{approver}', ARRAY[
            'approve_journal', 'decline_journal', 'approve_write_off', 'decline_write_off',
            'approve_cash_call_write_off', 'approve_cash_call_write_offs', 'decline_cash_call_write_off',
            'approve_share_payout', 'decline_share_payout', 'approve_take_back', 'decline_take_back',
            'approve_deficit_write_off', 'decline_deficit_write_off']),
        -- the company says what happened
        ('{executor}', ARRAY['post_trade', 'post_trades', 'trade_requests', 'bust_trade', 'correct_trade',
                              'propose_take_back']),
        ('{bookkeeper}', ARRAY['post_journal', 'post_journals', 'journal_requests', 'reverse_journal', 'capture_hold',
                                'propose_journal', 'propose_revenue_closing']),
        ('{settler}', ARRAY[
            'credit_deposit', 'credit_deposits', 'settle_deposits', 'decline_deposit', 'return_deposit', 'receive_wire',
            'assign_wire',
            'return_wire', 'send_withdrawal', 'send_withdrawals', 'complete_withdrawal', 'complete_withdrawals',
            'reject_withdrawal',
            'return_withdrawal', 'recover_deficit', 'cover_coin_deficit', 'propose_deficit_write_off',
            'record_provider_settlement', 'deposit_coin', 'return_coin_deposit', 'propose_take_back', 'expire_holds',
            'instruct_settlement_transfers', 'instruct_fbo_transfer', 'confirm_fbo_transfer', 'fail_fbo_transfer',
            'top_up_deficits', 'instruct_bank_transfer', 'confirm_bank_transfer', 'fail_bank_transfer',
            'true_up_revenue_shares', 'propose_share_payout', 'confirm_share_payout', 'fail_share_payout',
            'process_cash_calls', 'propose_cash_call_write_offs', 'propose_cash_call_write_off', 'charge_cash_call_write_offs',
            'recover_cash_call', 'open_apex_batch', 'record_apex_answers', 'record_apex_wire',
            'close_window', 'close_due_windows', 'advise_window', 'agree_window', 'dispute_window',
            'set_off_obligations', 'record_provider_transfer', 'record_wire', 'settle_provider', 'settle_window',
            'instruct_obligation', 'fail_obligation', 'carry_obligation', 'instruct_payment', 'fail_payment', 'carry_payment',
            'apply_unapplied_payment', 'return_unapplied_payment', 'recover_obligation',
            'cover_obligation', 'return_cover', 'buy_in_obligation',
            'propose_write_off', 'take_aged_tpj', 'add_calendar_version', 'run_due_jobs', 'propose_customer_move']),
        ('{reconciler}', ARRAY['close_period', 'propose_journal', 'propose_revenue_closing', 'propose_cash_adjustment',
                               'take_aged_tpj']),
        ('{administrator}', ARRAY[
            'open_client', 'change_client', 'close_client', 'grant_client_access', 'revoke_client_access',
            'open_customer', 'open_customers', 'change_customer', 'close_customer', 'reopen_customer',
            'move_customer', 'decline_customer_move', 'erase_customer_identity',
            'change_cash_terms', 'change_settlement', 'change_client_status', 'change_exposure_limits', 'change_provider_limits',
            'open_provider', 'change_provider', 'open_bank_account', 'change_bank_account', 'close_bank_account',
            'load_shipped_assets', 'register_asset', 'change_asset', 'retire_asset', 'reinstate_asset',
            'open_instrument', 'change_instrument', 'retire_instrument',
            'set_approval_limit', 'remove_approval_limit', 'open_account', 'freeze_account', 'unfreeze_account', 'close_account',
            'change_job', 'skip_job', 'schedule_jobs', 'unschedule_jobs'])
        ) AS g (groups, routines)
    LOOP
        FOR routine, grantee IN
            SELECT p.oid, g.name
            FROM pg_catalog.pg_proc AS p CROSS JOIN pg_catalog.unnest(given.groups) AS g (name)
            WHERE p.pronamespace = 'bakkt_ledger'::pg_catalog.regnamespace AND p.proname = ANY (given.routines)
        LOOP
            EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, 'bakkt_ledger_' || grantee);
        END LOOP;
    END LOOP;
END
$grant$;

-- ---------------------------------------------------------------------------
-- Tables and views: read only, and only for roles that see all clients
-- ---------------------------------------------------------------------------

GRANT USAGE ON SCHEMA bakkt_ledger_internal
    TO bakkt_ledger_settler, bakkt_ledger_reconciler, bakkt_ledger_auditor, bakkt_ledger_administrator;
GRANT SELECT ON ALL TABLES IN SCHEMA bakkt_ledger, bakkt_ledger_internal
    TO bakkt_ledger_settler, bakkt_ledger_reconciler, bakkt_ledger_auditor, bakkt_ledger_administrator;
-- who has changed what, and who may see whom, is for auditors and administrators
REVOKE SELECT ON bakkt_ledger.event, bakkt_ledger_internal.event, bakkt_ledger.request, bakkt_ledger_internal.request,
    bakkt_ledger.client_access, bakkt_ledger_internal.client_access
    FROM bakkt_ledger_settler, bakkt_ledger_reconciler;
