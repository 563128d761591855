-- Customers leave (doc/leaving.md): in mode CLOSING_ONLY they sell and withdraw, and close when
-- nothing is left.
-- Refuses to close a customer of whom anything is open (LG035), and to reopen one who has not left
-- (LG013).
-- Locks the customer, then the client's postings, then the customer's claims.

INSERT INTO balance_ending VALUES
    ('fbo_settled', 'request_withdrawal()'),
    ('fbo_unsettled', 'settle_deposits() after the hold, or return_deposit()'),
    ('fbo_ach_in', 'the deposits under way'),
    ('fbo_ach_out', 'the withdrawals under way'),
    ('fbo_wire_out', 'the withdrawals under way'),
    ('fbo_unidentified', 'assign_wire() or return_wire()'),
    ('fbo_business_transfer', 'confirm_fbo_transfer() or fail_fbo_transfer()'),
    ('corp_fbo_transfer', 'confirm_fbo_transfer() or fail_fbo_transfer()'),
    ('fbo_due_to_corp', 'instruct_fbo_transfer() to the business account'),
    ('corp_due_from_fbo', 'instruct_fbo_transfer() to the business account'),
    ('fbo_due_from_corp', 'top_up_deficits()'),
    ('corp_due_to_fbo', 'top_up_deficits()'),
    ('cust_coin', 'post_trade() to sell, or propose_journal() when it is sent away'),
    ('cust_encumbered', 'the cash call that encumbers it'),
    ('corp_tpj_receivable', 'the cash calls'),
    ('corp_tpj_payable', 'the cash calls'),
    ('corp_deficit', 'recover_deficit(), or propose_journal() as bad debt'),
    ('corp_apex_receivable', 'the cash calls'),
    ('corp_apex_payable', 'the cash calls'),
    ('corp_apex_settlement', 'record_apex_wire()'),
    ('corp_revenue_share', 'propose_share_payout(), or propose_journal() when it is overdrawn'),
    ('corp_wire_out', 'confirm_share_payout() or fail_share_payout()');

-- Deposits and withdrawals that are under way, with what is awaited.
CREATE FUNCTION bakkt_ledger_internal.transfers_under_way(holder integer)
    RETURNS TABLE (customer_id bigint, what text, reference text, amount amount, how_it_ends text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT t.customer_id, lower(t.direction), t.reference, t.amount,
           CASE t.status WHEN 'INITIATED' THEN 'credit_deposit(), cancel_deposit() or decline_deposit()'
                         WHEN 'CREDITED' THEN 'settle_deposits() after the hold, or return_deposit()'
                         WHEN 'UNIDENTIFIED' THEN 'assign_wire() or return_wire()'
                         WHEN 'REQUESTED' THEN 'send_withdrawal() or cancel_withdrawal()'
                         ELSE 'complete_withdrawal() or return_withdrawal()' END
    FROM funding_transfer AS t
    WHERE t.client_id = holder AND t.status IN ('INITIATED', 'CREDITED', 'UNIDENTIFIED', 'REQUESTED', 'SENT');
END;

-- How an outstanding cash call ends, which goes through Apex or is made here.
CREATE FUNCTION bakkt_ledger_internal.cash_call_ends(through_apex boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN through_apex THEN 'open_apex_batch(), then record_apex_answers()'
                ELSE 'process_cash_calls(), or propose_cash_call_write_off()' END;

-- What keeps a customer from closing, at this snapshot: balances, holds, transfers, cash calls. The
-- hold of a withdrawal ends with it.
CREATE FUNCTION bakkt_ledger_internal.customer_open_matters(owner customer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT a.kind, a.name, 1::bigint, natural_balance(k, b.posted), how_balance_ends(a.kind)
    FROM account AS a
    JOIN account_kind AS k ON k.kind = a.kind
    CROSS JOIN LATERAL (SELECT posted_on(a) AS posted) AS b
    WHERE a.client_id = (owner).client_id AND a.customer_id = (owner).customer_id AND NOT is_zero(b.posted)
    UNION ALL
    SELECT 'hold', h.reference, 1, h.held, 'release_hold() or capture_hold()'
    FROM holds_at((owner).client_id, ARRAY(SELECT a.account FROM account AS a
                                           WHERE a.client_id = (owner).client_id AND a.customer_id = (owner).customer_id),
                  'infinity') AS h
    WHERE NOT EXISTS (SELECT FROM funding_transfer AS t
                      WHERE t.client_id = (owner).client_id AND t.customer_id = (owner).customer_id AND t.status = 'REQUESTED'
                        AND funding_hold(t) = h.reference)
    UNION ALL
    SELECT t.what, t.reference, 1, t.amount, t.how_it_ends
    FROM transfers_under_way((owner).client_id) AS t
    WHERE t.customer_id = (owner).customer_id
    UNION ALL
    SELECT 'cash call', c.journal_id::text, 1, c.amount,
           cash_call_ends(c.apex)
    FROM cash_call AS c
    WHERE c.client_id = (owner).client_id AND c.customer_id = (owner).customer_id AND c.status = 'O';
END;

CREATE FUNCTION bakkt_ledger.open_matters(customer text) RETURNS SETOF open_matter_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    owner constant customer := customer_row(require_customer(customer));
BEGIN
    RETURN QUERY SELECT m.* FROM customer_open_matters(owner) AS m ORDER BY m.what, m.name, asset(m.amount);
END;
$$;
COMMENT ON FUNCTION open_matters IS
'What has to end before close_customer() closes a customer, and how each ends; no rows when it can close now.
Balances of the customer''s accounts, holds, deposits and withdrawals under way, outstanding cash calls.
Errors: LG012 unknown, or not visible.';

-- The customer of that name, locked against openings of accounts too, and then the postings of its
-- client, and of the one that it goes to, by number; expired holds are off its claims. LG012,
-- 25001, 55P03.
CREATE FUNCTION bakkt_ledger_internal.lock_leaving_customer(named text, goes_to integer DEFAULT NULL) RETURNS customer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant bigint := require_customer(named);
    locked customer;
BEGIN
    PERFORM require_fresh_snapshot(), bounded_wait();
    SELECT c.* INTO locked FROM customer AS c WHERE c.customer_id = owner FOR UPDATE;
    PERFORM guard_customers_cash(ARRAY[owner]), lock_client(least(locked.client_id, goes_to)),
            lock_client(greatest(locked.client_id, goes_to));
    PERFORM lock_hold_balance(a.client_id, a.account, clock_timestamp())
    FROM account AS a
    JOIN account_kind AS k ON k.kind = a.kind AND k.limited
    WHERE a.client_id = locked.client_id AND a.customer_id = owner AND a.status <> 'CLOSED';
    RETURN locked;
END;
$$;

-- Closes a locked, empty customer and its claims. What the bank and the chain still do to one who
-- has left makes it a debtor, or is refused until reopen_customer().
CREATE FUNCTION bakkt_ledger_internal.shut_customer(before customer, why text) RETURNS customer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    after customer;
BEGIN
    PERFORM require_nothing_open('customer', before.customer_code, 'open_matters',
                                 ARRAY(SELECT m FROM customer_open_matters(before) AS m));
    PERFORM set_account_status(a.account, 'closed_with_customer', coalesce(why, 'the customer has left'), NULL)
    FROM account AS a
    JOIN account_kind AS k ON k.kind = a.kind AND k.limited
    WHERE a.client_id = before.client_id AND a.customer_id = before.customer_id AND a.status <> 'CLOSED';
    UPDATE customer AS c
    SET mode = 'CLOSED',
        party_status = 'CLOSED'
    WHERE c.customer_id = before.customer_id
    RETURNING c.* INTO after;
    RETURN after;
END;
$$;

CREATE FUNCTION bakkt_ledger.close_customer(customer text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before constant customer := lock_leaving_customer(customer);
    asked constant request := open_change('close_customer', 'customer', before.client_id, reference,
                                          jsonb_build_object('customer_code', before.customer_code));
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    ELSIF before.mode = 'CLOSED' THEN
        RETURN close_change(asked, 'closed', before, before, reason);
    END IF;
    RETURN close_change(asked, 'closed', before, shut_customer(before, reason), reason);
END;
$$;
COMMENT ON FUNCTION close_customer IS
'Closes a customer of whom nothing is open, with its claims: mode and party status CLOSED.
open_matters() lists what is open (LG035); expired holds are recorded as such first. Postings of the client that are under way end
first (55P03 if they do not). Closing again is no error.
Errors: LG012, LG020, LG035, 25001, 55P03.';

CREATE FUNCTION bakkt_ledger.reopen_customer(customer text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before constant customer := lock_customer(customer);
    asked constant request := open_change('reopen_customer', 'customer', before.client_id, reference,
                                          jsonb_build_object('customer_code', before.customer_code));
    after customer;
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    ELSIF before.mode <> 'CLOSED' THEN
        PERFORM refuse('LG013', format('customer "%s" is not closed', before.customer_code), format('Mode %s.', before.mode));
    END IF;
    PERFORM require_open_client((client_row(before.client_id)).code);
    UPDATE customer AS c
    SET mode = 'CLOSING_ONLY',
        party_status = 'UNDER_REVIEW'
    WHERE c.customer_id = before.customer_id
    RETURNING c.* INTO after;
    PERFORM set_account_status(a.account, 'reopened_with_customer', coalesce(reason, 'the customer is open again'), NULL)
    FROM account AS a
    WHERE a.client_id = before.client_id AND a.customer_id = before.customer_id AND a.status = 'CLOSED'
      AND 'closed_with_customer' = (SELECT e.event
                                    FROM event AS e
                                    WHERE e.client_id = a.client_id AND e.subject = 'account' AND e.subject_key = a.account::text
                                    ORDER BY e.event_id DESC LIMIT 1);
    RETURN close_change(asked, 'reopened', before, after, reason);
END;
$$;
COMMENT ON FUNCTION reopen_customer IS
'Opens a customer who has left again, because money or coin of his has come back: the claims that close_customer() has closed.
Mode CLOSING_ONLY and party status UNDER_REVIEW: what comes is credited, and he may sell and withdraw once change_customer() says
ACTIVE.
Errors: LG011 the client is closed, LG012, LG013 not closed, LG020.';

-- Claims of customers who have left that are open: something could stand on them.
CREATE FUNCTION bakkt_ledger_internal.check_closed_customers() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT finding('closed customer', format('Customer "%s" has left, and its claim %s "%s" is %s.', c.customer_code, a.fund,
                                             a.name, a.status),
                   holder => client_name(c.client_id), of_subject => 'customer', key => c.customer_code, touched => a.account)
    FROM customer AS c
    JOIN account AS a ON a.customer_id = c.customer_id AND a.status <> 'CLOSED'
    JOIN account_kind AS k ON k.kind = a.kind AND k.limited
    WHERE c.mode = 'CLOSED'
    ORDER BY a.account
$$;
INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('closed customer', 'check_closed_customers()', 44, 'a customer who has left has no open claim');
