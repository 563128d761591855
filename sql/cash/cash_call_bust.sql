-- What a bust does to the cash call of its execution.
-- Refuses to take back coin that is gone (LG050).
-- Locks the customer, then the call.

CREATE FUNCTION bakkt_ledger_internal.is_coin_released(call cash_call) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce((call).encumbered IS NOT NULL
        AND ((call).status = 'S'
             OR (SELECT sum(e.amount) >= (call).amount FROM cash_call_event e
                  WHERE e.client_id = (call).client_id AND e.journal_id = (call).journal_id AND e.event = 'recovered')), false)
$$;
COMMENT ON FUNCTION is_coin_released(cash_call) IS
    'Internal: whether encumbered coin of the purchase has been released to the customer, because it was paid for.';

CREATE FUNCTION bakkt_ledger_internal.lock_customer_of_cash_call(client_id integer, call bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    PERFORM bounded_wait();
    PERFORM FROM customer u JOIN cash_call c USING (customer_id)
      WHERE c.client_id = lock_customer_of_cash_call.client_id AND c.journal_id = call FOR NO KEY UPDATE OF u;
END;
$$;
COMMENT ON FUNCTION lock_customer_of_cash_call(integer, bigint) IS
    'Internal, called before a bust locks anything else: locks the customer of the execution''s cash call, if there is one.';

-- Called before the bust's journal, which takes the coin from the account where the execution put
-- it: coin that was released since is encumbered again, if the customer still has it.
CREATE FUNCTION bakkt_ledger_internal.prepare_bust_of_cash_call(client_id integer, call bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    found_call  cash_call;
    claim       text;
BEGIN
    IF NOT EXISTS (SELECT FROM cash_call c WHERE c.client_id = prepare_bust_of_cash_call.client_id AND c.journal_id = call) THEN
        RETURN;
    END IF;
    found_call := lock_cash_call(client_id, call);
    IF is_coin_released(found_call) THEN
        claim := 'Cust:' || (SELECT u.account_code FROM customer u WHERE u.customer_id = found_call.customer_id);
        PERFORM post_entry(found_call.client_id, format('cash-call:%s:bound', call), 'transfer', journal_entry(
            line('Dr', ensure_account(found_call.client_id, 'CUST', claim, asset(found_call.encumbered), found_call.customer_id), found_call.encumbered),
            line('Cr', ensure_account(found_call.client_id, 'CUST', claim || ':encumbered', asset(found_call.encumbered), found_call.customer_id), found_call.encumbered)),
            NULL, format('Coin of cash call %s bound again: its execution is busted', call));
    END IF;
END;
$$;
COMMENT ON FUNCTION prepare_bust_of_cash_call(integer, bigint) IS
    'Internal, called before a bust with the customer locked: locks the cash call of the execution, and encumbers its coin '
    'again if it was released; LG050 if the customer no longer has it.';

-- Called after the bust's journal: what the customer paid is given back by a cash call of the bust,
-- on the account whose balance the bust's journal has reversed.
CREATE FUNCTION bakkt_ledger_internal.bust_cash_call(client_id integer, call bigint, bust_journal bigint, at timestamptz, recorded_at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    busted  cash_call;
    paid    amount;
BEGIN
    SELECT c.* INTO busted FROM cash_call c WHERE c.client_id = bust_cash_call.client_id AND c.journal_id = call;
    IF NOT FOUND THEN
        RETURN;
    ELSIF busted.status = 'O' THEN
        PERFORM record_cash_call_event(busted.client_id, call, 'busted', at, busted.amount, NULL, bust_journal);
        RETURN;
    END IF;
    paid := CASE busted.status WHEN 'S' THEN busted.amount WHEN 'W' THEN restore_cash_call(busted.client_id, call, bust_journal, at) END;
    IF sign(paid) > 0 THEN
        INSERT INTO cash_call (client_id, journal_id, customer_id, called_at, opened_at, apex, withdrawal, sale, amount, due_at)
        VALUES (busted.client_id, bust_journal, busted.customer_id, at, recorded_at, busted.apex, NOT busted.withdrawal, busted.sale, paid, at);
    END IF;
END;
$$;
COMMENT ON FUNCTION bust_cash_call(integer, bigint, bigint, timestamptz, timestamptz) IS
    'Internal, after a bust: the cash call of the execution ends if it is outstanding; if it was settled, or recovered after a '
    'write-off, the bust opens a call of the opposite direction for what was paid, due at once. A write-off is restored.';
