-- What a bust does to the cash call of its execution.
-- Refuses to take back coin that is gone (LG050).
-- Locks the customer, then the call.

-- Before a bust locks anything else: the customer whose cash the execution has called, if it has.
CREATE FUNCTION bakkt_ledger_internal.lock_customer_of_cash_call(holder integer, number bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM bounded_wait();
    PERFORM FROM customer AS u
    JOIN cash_call AS c ON c.customer_id = u.customer_id
    WHERE c.client_id = holder AND c.journal_id = number
    FOR NO KEY UPDATE OF u;
END;
$$;

-- Whether encumbered coin of the purchase has been paid for, so that the customer may use it.
CREATE FUNCTION bakkt_ledger_internal.is_coin_released(call cash_call) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN call.encumbered IS NOT NULL
       AND (call.status = 'S'
            OR (SELECT f.recovered >= call.amount FROM cash_call_facts(call.client_id, call.journal_id, call.amount) AS f));
END;
$$;

-- Locks the call of an execution that is to be busted: whether its coin was bound and has been
-- released; false when there is no call.
CREATE FUNCTION bakkt_ledger_internal.lock_call_of_bust(holder integer, number bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM cash_call AS c WHERE c.client_id = holder AND c.journal_id = number)
       AND is_coin_released(lock_cash_call(holder, number));
END;
$$;

-- Binds so much of the released coin of a call again, for the bust's journal, which takes the coin
-- from where the execution put it. The call is locked.
CREATE FUNCTION bakkt_ledger_internal.bind_coin_again(holder integer, number bigint, coin amount) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF is_zero(coin) THEN
        RETURN;
    END IF;
    PERFORM post_template(holder, 'coin_release', format('cash-call:%s:bound', number), cash_call_parties(c),
                          jsonb_build_object('coin', -coin), NULL,
                          format('Coin of cash call %s bound again: its execution is busted', number))
    FROM cash_call AS c
    WHERE c.client_id = holder AND c.journal_id = number;
END;
$$;

-- Before the bust's journal: locks the call, and binds its coin again if it has been released;
-- LG050, which names the way out, if that is gone. The customer is locked.
CREATE FUNCTION bakkt_ledger_internal.prepare_bust_of_cash_call(holder integer, number bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    said text;
    told text;
BEGIN
    IF lock_call_of_bust(holder, number) THEN
        PERFORM bind_coin_again(holder, number, c.encumbered)
        FROM cash_call AS c
        WHERE c.client_id = holder AND c.journal_id = number;
    END IF;
EXCEPTION WHEN SQLSTATE 'LG050' THEN
    GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL, told = CONSTRAINT_NAME;
    PERFORM refuse('LG050', SQLERRM, said,
                   'If the coin is gone for good, let one person propose it with propose_take_back() and another approve it.',
                   told::jsonb);
END;
$$;

-- After the bust's journal: the call ends if it is outstanding, and a write-off is restored. What
-- was settled, or recovered after a write-off, is given back by a call of the bust's own, of the
-- opposite direction and due at once, on the account that the bust's journal has turned round.
CREATE FUNCTION bakkt_ledger_internal.bust_cash_call(holder integer, number bigint, bust bigint, moment timestamptz,
                                                     recorded timestamptz)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    busted cash_call;
    paid amount;
BEGIN
    SELECT c.* INTO busted FROM cash_call AS c WHERE c.client_id = holder AND c.journal_id = number;
    IF NOT FOUND THEN
        RETURN;
    ELSIF busted.status = 'O' THEN
        PERFORM record_cash_call_event(holder, number, 'busted', moment, busted.amount, posting => bust);
        RETURN;
    END IF;
    paid := CASE busted.status WHEN 'S' THEN busted.amount WHEN 'W' THEN restore_cash_call(holder, number, bust, moment) END;
    IF sign(paid) > 0 THEN
        INSERT INTO cash_call (client_id, journal_id, customer_id, called_at, opened_at, apex, withdrawal, sale, amount, due_at)
        VALUES (holder, bust, busted.customer_id, moment, recorded, busted.apex, NOT busted.withdrawal, busted.sale, paid,
                moment);
    END IF;
END;
$$;
