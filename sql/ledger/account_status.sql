-- Freezing and closing accounts.

-- 25001 in REPEATABLE READ and SERIALIZABLE transactions: emptiness is judged after the client is
-- locked, and only a snapshot taken after that sees every posting.
CREATE FUNCTION bakkt_ledger_internal.require_fresh_snapshot() RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM refuse('25001', 'closing and retiring must run in a READ COMMITTED transaction',
                       'The snapshot of this transaction is older than the locks that they take.');
    END IF;
END;
$$;

-- LG035 unless the balance of a house account is zero.
CREATE FUNCTION bakkt_ledger_internal.require_empty_house(house account) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    remains amount;
BEGIN
    PERFORM require_fresh_snapshot();
    SELECT h.posted INTO remains FROM house_balances(house.client_id) AS h WHERE h.account = house.account;
    IF NOT is_zero(remains) THEN
        PERFORM refuse('LG035', format('account "%s" is not empty', house.account),
                       format('Account %s "%s" holds %s, debit positive.', house.fund, house.name, remains),
                       'Bring it to zero first.', jsonb_build_object('account', house.account, 'balance', remains));
    END IF;
END;
$$;

-- Changes the status of an account by an event of its transitions.
CREATE FUNCTION bakkt_ledger_internal.set_account_status(changed account_id, event text, reason text, reference text)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before account := require_account(changed);
    after account;
    limited constant boolean := (SELECT k.limited FROM account_kind AS k WHERE k.kind = before.kind);
    wanted constant text := (SELECT DISTINCT t.to_status FROM transition AS t
                             WHERE t.subject = 'account' AND t.event = set_account_status.event);
    asked request;
BEGIN
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a reason is missing', NULL, 'Say why the status of the account changes.');
    END IF;
    PERFORM bounded_wait();
    IF NOT limited THEN
        PERFORM lock_client(before.client_id);  -- it has no row to lock: waits for postings under way
    END IF;
    SELECT a.* INTO before FROM account AS a WHERE a.client_id = before.client_id AND a.account = changed FOR NO KEY UPDATE;
    asked := open_change('set_account_status', 'account', before.client_id, reference,
                         jsonb_build_object('account', changed, 'status', wanted));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    after := before;
    IF before.status <> wanted THEN
        after.status := next_status('account', format('account "%s"', changed), before.status, event);
        IF limited THEN
            PERFORM set_balance_status(before.client_id, changed, wanted);
        ELSIF wanted = 'CLOSED' THEN
            PERFORM require_empty_house(before);
        END IF;
        UPDATE account AS a SET status = wanted WHERE a.client_id = before.client_id AND a.account = changed;
        PERFORM invalidate_account_cache();
    END IF;
    RETURN close_change(asked, event, before, after, reason);
END;
$$;

CREATE FUNCTION bakkt_ledger.freeze_account(account account_id, side text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF side IS NULL OR side NOT IN ('debit', 'credit') THEN
        PERFORM refuse_invalid('side to freeze is not known', format('Side: "%s".', side), 'One of debit, credit.');
    END IF;
    RETURN set_account_status(account, format('frozen_for_%ss', side), reason, reference);
END;
$$;
COMMENT ON FUNCTION freeze_account IS
'Refuses lines of one side on an account until unfreeze_account(); a claim frozen on the debit side cannot be spent.
side: debit or credit; freezing the other replaces the first. Postings to it, or to its client if it is a house account, that are
under way end first (55P03 if they do not).
Errors: LG002, LG020, LG030, LG032.';

CREATE FUNCTION bakkt_ledger.unfreeze_account(account account_id, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN set_account_status(account, 'unfrozen', reason, reference);
END;
$$;
COMMENT ON FUNCTION unfreeze_account IS
'Opens a frozen account again.
Errors: LG002, LG020, LG030, LG032.';

CREATE FUNCTION bakkt_ledger.close_account(account account_id, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN set_account_status(account, 'closed', reason, reference);
END;
$$;
COMMENT ON FUNCTION close_account IS
'Closes an account for ever; its balance must be zero without holds (LG035).
Postings under way end first, as for freeze_account(). Closing again is no error.
Errors: LG002, LG020, LG030, LG035, 25001, 55P03.';
