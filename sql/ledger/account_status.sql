-- Freezing and closing accounts.
-- Refuses to close an account that holds something (LG035), and to change a closed one (LG032).
-- Locks the balance row of a limited account; the client's postings for a house account.

-- Whether the account is empty is judged after the client is locked, and only a snapshot taken
-- after that sees every posting.
CREATE FUNCTION bakkt_ledger_internal.require_fresh_snapshot() RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
            MESSAGE = 'closing must run in a READ COMMITTED transaction',
            DETAIL = 'The snapshot of this transaction is older than the lock that closing takes.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_fresh_snapshot() IS 'Internal: raises 25001 in REPEATABLE READ and SERIALIZABLE transactions.';

CREATE FUNCTION bakkt_ledger_internal.require_empty_house(house account) RETURNS void
    STABLE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    remains amount;
BEGIN
    PERFORM require_fresh_snapshot();
    SELECT h.posted INTO remains FROM house_balances(house.client_id) h WHERE h.account = house.account;
    IF NOT is_zero(remains) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG035', MESSAGE = format('account "%s" is not empty', house.account),
            DETAIL = format('Account %s "%s" holds %s, debit positive.', house.fund, house.name, remains),
            HINT = 'Bring it to zero first.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_empty_house(account) IS 'Internal: raises LG035 unless the balance of a house account is zero.';

CREATE FUNCTION bakkt_ledger_internal.first_account_not_empty(client_id integer) RETURNS text
    STABLE PARALLEL UNSAFE LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT format('Account %s "%s" holds %s, debit positive.', a.fund, a.name, l.amount)
    FROM (SELECT h.account, h.posted FROM house_balances($1) h
          UNION ALL
          SELECT b.account, unnest(ARRAY[b.posted, b.held]) FROM balance b WHERE b.client_id = $1) AS l (account, amount)
    JOIN account a ON a.client_id = $1 AND a.account = l.account
    WHERE NOT is_zero(l.amount) ORDER BY l.account LIMIT 1
$$;
COMMENT ON FUNCTION first_account_not_empty(integer) IS
    'Internal: names an account of the client that has a balance or a hold; NULL when there is none.';

CREATE FUNCTION bakkt_ledger_internal.set_account_status(account account_id, status text, reason text, reference text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    before  account := require_account(set_account_status.account);
    after   account;
    limited boolean;
BEGIN
    IF coalesce(set_account_status.reason, '') = '' THEN
        PERFORM refuse_invalid('a reason is missing', NULL, 'Say why the status of the account changes.');
    END IF;
    PERFORM bounded_wait();
    SELECT k.limited INTO limited FROM account_kind k WHERE k.kind = before.kind;
    IF NOT limited THEN
        PERFORM lock_client(before.client_id);      -- a house account has no balance row to lock: waits for postings under way
    END IF;
    SELECT a.* INTO before FROM account a WHERE a.client_id = before.client_id AND a.account = before.account FOR NO KEY UPDATE;
    IF changed_before('account', before.account::text, set_account_status.reference,
                      jsonb_build_object('status', set_account_status.status), before.client_id)
        OR before.status = set_account_status.status THEN
        RETURN;
    ELSIF before.status = 'closed' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG032', MESSAGE = format('account "%s" is closed', before.account),
            DETAIL = format('Account %s "%s" in %s.', before.fund, before.name, before.asset),
            HINT = 'A closed account stays closed.';
    ELSIF limited THEN
        PERFORM set_balance_status(before.client_id, before.account, set_account_status.status);
    ELSIF set_account_status.status = 'closed' THEN
        PERFORM require_empty_house(before);
    END IF;
    UPDATE account AS a SET status = set_account_status.status
    WHERE a.client_id = before.client_id AND a.account = before.account RETURNING a.* INTO after;
    PERFORM invalidate_account_cache();
    PERFORM record_change('account', before.account::text, to_jsonb(before), to_jsonb(after), before.client_id,
                          set_account_status.reference, set_account_status.reason);
END;
$$;
COMMENT ON FUNCTION set_account_status(account_id, text, text, text) IS 'Internal: changes the status of an account, audited.';

CREATE FUNCTION bakkt_ledger.freeze_account(account account_id, side text, reason text, reference text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF side IS NULL OR side NOT IN ('debit', 'credit') THEN
        PERFORM refuse_invalid('side to freeze is not known', format('Side: "%s".', side), 'One of debit, credit.');
    END IF;
    PERFORM set_account_status(account, side || '_frozen', reason, reference);
END;
$$;
COMMENT ON FUNCTION freeze_account(account_id, text, text, text) IS
    'Refuses lines of one side (debit or credit) on an account until unfreeze_account(); a claim frozen on the debit side '
    'cannot be spent. Freezing the other side replaces the first. Waits for postings under way to the account, or to its client '
    'if it is a house account (55P03 if they do not end). Raises LG002, LG020, LG030, LG032.';

CREATE FUNCTION bakkt_ledger.unfreeze_account(account account_id, reason text, reference text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT set_account_status($1, 'open', $2, $3)
$$;
COMMENT ON FUNCTION unfreeze_account(account_id, text, text) IS
    'Opens a frozen account again. Raises LG002, LG020, LG030, LG032.';

CREATE FUNCTION bakkt_ledger.close_account(account account_id, reason text, reference text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT set_account_status($1, 'closed', $2, $3)
$$;
COMMENT ON FUNCTION close_account(account_id, text, text) IS
    'Closes an account for good; its balance must be zero and without holds (LG035). Waits for postings under way as '
    'freeze_account() does. Closing again is no error. Raises LG002, LG020, LG030, 55P03.';
