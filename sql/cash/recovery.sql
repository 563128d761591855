-- Recovering what was written off of a cash call, and restoring it when the execution is busted.
-- Refuses calls of which nothing stands (LG083), more than stands (LG086), what the customer does
-- not have (LG050).
-- Locks the customer, the client's events of calls, then the call.

-- J05e: bad debt is made whole before the client's share. Through Apex, Apex owes it.
INSERT INTO template (template, journal_kind, purpose) VALUES
    ('cash_recovery', 'cash_recovery', 'what was written off is taken from the customer''s cash (J05e)'),
    ('apex_recovery', 'cash_recovery', 'the same of a call through Apex, which owes it');
INSERT INTO template_line (template, line, side, account_kind, parties, amount) VALUES
    ('cash_recovery', 1, 'debit', 'fbo_settled', '{customer}', 'amount'),
    ('cash_recovery', 2, 'credit', 'fbo_due_to_corp', '{}', 'amount'),
    ('cash_recovery', 3, 'debit', 'corp_due_from_fbo', '{}', 'amount'),
    ('cash_recovery', 4, 'credit', 'corp_bad_debt', '{}', 'bad_debt'),
    ('cash_recovery', 5, 'credit', 'corp_revenue_share', '{client}', 'share'),
    ('apex_recovery', 1, 'debit', 'corp_apex_settlement', '{client}', 'amount'),
    ('apex_recovery', 2, 'credit', 'corp_bad_debt', '{}', 'bad_debt'),
    ('apex_recovery', 3, 'credit', 'corp_revenue_share', '{client}', 'share');

CREATE TYPE bakkt_ledger.cash_recovery_result AS (
    reference text,
    outcome text,
    replayed boolean,
    customer text,
    call bigint,
    requested amount,
    amount amount,
    to_bad_debt amount,
    to_share amount,
    at timestamptz,
    journal bigint,
    recorded_at timestamptz
);
COMMENT ON TYPE cash_recovery_result IS
'What was recovered of a cash call that was written off.
outcome: recovered. replayed: it had been recovered before, and the columns are those of the first answer. requested: as asked
for, NULL: all that was left. amount: what it came to, positive, of which to_bad_debt was restored to the company, first, and
to_share to the client''s share of revenue, once bad debt was whole again.';

CREATE TYPE bakkt_ledger_internal.cash_call_left AS (bad_debt amount, share amount, recovered amount);
COMMENT ON TYPE cash_call_left IS 'What of a write-off stands, by who bore it, and what has been recovered of it.';

-- What of the write-off of a cash call stands; LG083 unless it is written off.
CREATE FUNCTION bakkt_ledger_internal.write_off_left(call cash_call) RETURNS cash_call_left
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    charged constant cash_write_off_state := latest_write_off(call.client_id, call.journal_id);
    nothing constant amount := zero(asset(call.amount));
    back amount;
BEGIN
    IF call.status <> 'W' OR charged.status IS DISTINCT FROM 'CHARGED' THEN
        PERFORM refuse_cash_call_state(call, 'is not written off');
    END IF;
    SELECT f.recovered INTO back FROM cash_call_facts(call.client_id, call.journal_id, call.amount) AS f;
    -- a recovery restores bad debt first
    RETURN (charged.from_bad_debt - least(back, charged.from_bad_debt),
            charged.from_share - greatest(nothing, back - charged.from_bad_debt), back)::cash_call_left;
END;
$$;

-- The amount to recover, all that stands when NULL; LG083 nothing stands, LG042 another asset,
-- LG086 too much, LG045 not positive.
CREATE FUNCTION bakkt_ledger_internal.require_recoverable(call cash_call, wanted amount, standing amount) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF is_zero(standing) THEN
        PERFORM refuse_cash_call_state(call, 'has been recovered');
    ELSIF asset(wanted) <> asset(call.amount) THEN
        PERFORM refuse('LG042', format('cash call %s is in %s', call.journal_id, asset(call.amount)),
                       format('%s would be recovered.', wanted));
    ELSIF wanted > standing THEN
        PERFORM refuse('LG086', format('more than was written off of cash call %s', call.journal_id),
                       format('%s stand written off, and %s would be recovered.', standing, wanted),
                       'Without an amount, all that stands is recovered.');
    END IF;
    RETURN require_positive(coalesce(wanted, standing));
END;
$$;

-- Posts and records one recovery of a cash call that is locked. When nothing stands any more, coin
-- that the purchase binds is released.
CREATE FUNCTION bakkt_ledger_internal.post_recovery(call cash_call, named text, wanted amount, moment timestamptz)
    RETURNS cash_recovery_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    standing constant cash_call_left := write_off_left(call);
    total constant amount := require_recoverable(call, wanted, standing.bad_debt + standing.share);
    bad_debt constant amount := least(total, standing.bad_debt);
    entry journal_entry;
    posted journal_result;
BEGIN
    entry := template_entry(call.client_id, CASE WHEN call.apex THEN 'apex_recovery' ELSE 'cash_recovery' END,
                            cash_call_parties(call),
                            jsonb_build_object('amount', total, 'bad_debt', bad_debt, 'share', total - bad_debt));
    IF total = standing.bad_debt + standing.share THEN
        entry := coalesce(entry + coin_release_entry(call), entry);
    END IF;
    posted := post_entry(call.client_id, 'recovery:' || named, 'cash_recovery', entry, moment,
                         format('Recovery of cash call %s', call.journal_id));
    PERFORM record_cash_call_event(call.client_id, call.journal_id, 'recovered', moment, total, posting => posted.journal,
                                   request => named);
    RETURN (named, 'recovered', false, cash_call_parties(call) ->> 'customer', call.journal_id, wanted, total, bad_debt,
            total - bad_debt, moment, posted.journal, posted.recorded_at)::cash_recovery_result;
END;
$$;

CREATE FUNCTION bakkt_ledger.recover_cash_call(client text, call bigint, reference text, amount amount DEFAULT NULL,
                                               at timestamptz DEFAULT clock_timestamp())
    RETURNS cash_recovery_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    called cash_call;
    asked request;
BEGIN
    PERFORM require_instant(at);
    called := require_cash_call(holder, call);
    PERFORM lock_customer_cash(called.customer_id);
    called := lock_cash_call(holder, call);
    -- 'recovery:' and the reference together are the journal's
    PERFORM require_reference(reference, 'a recovery', 191);
    asked := open_request('recover_cash_call', 'recovery', holder, reference,
                          jsonb_build_object('call', call, 'amount', amount), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::cash_recovery_result);
    END IF;
    RETURN close_request(asked, post_recovery(called, reference, amount, at));
END;
$$;
COMMENT ON FUNCTION recover_cash_call IS
'Recovers what was written off of a cash call from the customer''s settled cash, in part or, without an amount, all that remains.
Bad debt is restored first, then the client''s share of revenue (J05e). When nothing remains, coin encumbered by the purchase is
released. For a call through Apex, the debtor is Apex. The same request again gets the first answer.
Errors: LG020 other content, LG082 unknown call, LG083 not written off, recovered or busted, LG086 more than remains, LG050 not
available, LG045 not positive, LG042 another asset, LG032, LG033 account closed or frozen, LG002, LG010, 42501, LG061; 40001 or
40P01: retry.';

-- For a bust, which takes the purchase back, and with it the debt: restores what stands of the
-- write-off of a cash call (an event written_off of the negative amount), and ends the call as
-- busted; the receivable, which the bust's journal has turned to the customer's favor, is left with
-- what he had paid after all. Returns that: the bust's own call must give it back. A call wholly
-- recovered is as good as settled, and left as it is. LG083 unless it is written off.
CREATE FUNCTION bakkt_ledger_internal.restore_cash_call(holder integer, number bigint, bust bigint, moment timestamptz)
    RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    called constant cash_call := lock_cash_call(holder, number);
    standing constant cash_call_left := write_off_left(called);
    total constant amount := standing.bad_debt + standing.share;
    posted journal_result;
BEGIN
    IF is_zero(total) THEN
        RETURN standing.recovered;
    END IF;
    posted := post_write_off(called, format('write-off:%s:restored', number), -standing.share, -standing.bad_debt, moment,
                             format('Write-off of cash call %s restored: its execution was busted by journal %s', number, bust));
    PERFORM record_cash_call_event(holder, number, 'written_off', moment, -total, 'RESTORED', posted.journal);
    PERFORM record_cash_call_event(holder, number, 'busted', moment, total, posting => bust);
    RETURN standing.recovered;
END;
$$;
