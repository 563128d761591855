-- ACH deposits, from initiation to settlement (J01a to J01c).
-- Refuses customers that may make none (LG013), unknown deposits (LG080), steps a deposit cannot
-- take (LG081).
-- Locks the customers, then the deposits.

CREATE FUNCTION bakkt_ledger.initiate_deposit(account text, amount amount, reference text, bank text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner       constant bigint := require_customer(initiate_deposit.account);
    owning      constant integer := (SELECT c.client_id FROM customer c WHERE c.customer_id = owner);
    request     constant jsonb := jsonb_build_object('direction', 'DEPOSIT', 'rail', 'ACH', 'account', account, 'amount', amount, 'bank', bank);
    moved       funding_transfer;
BEGIN
    PERFORM require_instant(at);
    PERFORM lock_customer_cash(owner);
    moved := opened_funding(owning, reference, request);
    IF moved.transfer_id IS NOT NULL THEN
        RETURN moved;
    END IF;
    PERFORM require_fiat('a deposit', require_positive(amount)), require_omnibus_bank(bank, asset(amount), true);
    PERFORM require_cash_here(owner);
    PERFORM require_party_may(owner, 'DEPOSIT');
    RETURN open_funding(owning, owner, reference, 'INITIATED', 'initiated', at, request,
        cash_entry(owning, asset(amount), ARRAY['FBO Clearing:ACH-in', cash_account(owner, 'unsettled')], ARRAY[amount, -amount]));
END;
$$;
COMMENT ON FUNCTION initiate_deposit(text, amount, text, text, timestamptz) IS
    'Records that an ACH debit of the customer''s bank account was originated: INITIATED. The money is the customer''s claim '
    'but cannot be used yet (J01a). bank: the omnibus bank that will be credited. The reference names the deposit; repeating '
    'the request returns it as it stands, other content is LG020. Raises LG012 unknown customer, LG002 no reference, LG045, '
    'LG042 no currency, LG040, LG041, LG043 asset, LG034 or LG016 bank, LG013 the customer may make no deposit or has no cash '
    'here, LG061, LG011 closed client.';

CREATE FUNCTION bakkt_ledger_internal.post_credit(moved funding_transfer[], at timestamptz) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT (post_entry(min(m.client_id), format('funding:%s:credited', min(m.transfer_id)), 'cash_deposit',
                       cash_entry(min(m.client_id), asset(sum(m.amount)), ARRAY[omnibus_bank(min(m.bank)), 'FBO Clearing:ACH-in'], ARRAY[sum(m.amount), -sum(m.amount)]),
                       post_credit.at, CASE count(*) WHEN 1 THEN format('ACH deposit "%s" credited', min(m.reference)) ELSE format('%s ACH deposits credited', count(*)) END)).journal
    FROM unnest(moved) m
$$;
COMMENT ON FUNCTION post_credit(funding_transfer[], timestamptz) IS
    'Internal: posts one journal for deposits that one bank has credited in one sum.';

CREATE FUNCTION bakkt_ledger.credit_deposits(client text, "references" text[], bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_client(client);
    content     constant jsonb := jsonb_build_object('bank_reference', bank_reference);
    available   timestamptz;
    credited    bigint := 0;
    lot         funding_transfer[];
BEGIN
    PERFORM bounded_wait(), require_instant(at), require_references("references");
    PERFORM require_funding(owner_id, r, 'DEPOSIT') FROM unnest("references") r;
    available := deposit_available_at(owner_id, at);
    FOR lot IN
        SELECT array_agg(t.moved ORDER BY (t.moved).transfer_id)
        FROM (SELECT t AS moved FROM funding_transfer t
              WHERE t.client_id = owner_id AND t.reference = ANY (credit_deposits."references") ORDER BY t.transfer_id FOR NO KEY UPDATE) t
        WHERE NOT entered_before(t.moved, 'credited', content)
        GROUP BY (t.moved).bank, asset((t.moved).amount)
    LOOP
        credited := credited + enter_credits(lot, available, content, at);
    END LOOP;
    RETURN credited;
END;
$$;
COMMENT ON FUNCTION credit_deposits(text, text[], text, timestamptz) IS
    'Records that the bank has credited these ACH deposits in one sum: CREDITED; each becomes available after the client''s '
    'availability hold (J01b, one journal per omnibus bank and currency). All or none; those credited before are skipped, or '
    'LG020 with another bank_reference. Returns how many are new. Since the bank has done it, it is recorded whatever the state '
    'of the customers. Raises LG010, 42501, LG002 NULL for references, LG080 unknown deposit, LG081 it is canceled, declined or '
    'returned, or a wire, LG061, LG075.';

CREATE FUNCTION bakkt_ledger_internal.enter_credits(lot funding_transfer[], available_at timestamptz, content jsonb, at timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    posted  constant bigint := post_credit(lot, at);
BEGIN
    FOR i IN 1 .. cardinality(lot) LOOP
        lot[i].available_at := available_at;
    END LOOP;
    RETURN (SELECT count(*) FROM enter_fundings(lot, 'credited', at, content, array_fill(posted, ARRAY[cardinality(lot)])));
END;
$$;
COMMENT ON FUNCTION enter_credits(funding_transfer[], timestamptz, jsonb, timestamptz) IS
    'Internal: enters one sum of credit_deposits() and returns how many deposits it has.';

CREATE FUNCTION bakkt_ledger.credit_deposit(client text, reference text, bank_reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM credit_deposits(client, ARRAY[reference], bank_reference, at);
    RETURN require_funding(require_client(client), reference, 'DEPOSIT');
END;
$$;
COMMENT ON FUNCTION credit_deposit(text, text, text, timestamptz) IS 'credit_deposits() for one deposit, which it returns.';

CREATE FUNCTION bakkt_ledger_internal.can_settle(due funding_transfer) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN EXISTS (SELECT FROM supported_asset s WHERE s.asset = asset(due.amount) AND s.status = 'active')
       AND NOT EXISTS (SELECT FROM account a WHERE a.customer_id = due.customer_id AND a.asset = asset(due.amount)
                       AND (a.kind = 'fbo_settled' AND a.status IN ('credit_frozen', 'closed') OR a.kind = 'fbo_unsettled' AND a.status IN ('debit_frozen', 'closed')));
END;
$$;
COMMENT ON FUNCTION can_settle(funding_transfer) IS
    'Internal: whether a deposit may move from unsettled to settled: neither account is frozen or closed for it, and the '
    'currency is not retired.';

CREATE FUNCTION bakkt_ledger_internal.post_settled(due funding_transfer, at timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN post_funding(due, 'settled', 'cash_deposit',
        cash_entry(due.client_id, asset(due.amount), ARRAY[cash_account(due.customer_id, 'unsettled'), cash_account(due.customer_id, 'settled')],
                   ARRAY[due.amount, -due.amount]), at);
END;
$$;
COMMENT ON FUNCTION post_settled(funding_transfer, timestamptz) IS 'Internal: posts that a deposit is settled (J01c).';

-- Customers are locked first, and only those that no other session has: that session may be waiting
-- for what an earlier run of this transaction has locked. Deposits of a frozen account stay as they
-- are.
CREATE FUNCTION bakkt_ledger_internal.settle_client_deposits(client_id integer, at timestamptz) RETURNS SETOF funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    free        bigint[];
    due         funding_transfer[];
    journals    bigint[];
BEGIN
    PERFORM bounded_wait();
    free := ARRAY(SELECT c.customer_id FROM customer c
                  WHERE c.customer_id IN (SELECT t.customer_id FROM funding_transfer t
                                          WHERE t.client_id = settle_client_deposits.client_id AND t.status = 'CREDITED' AND t.available_at <= at)
                  ORDER BY c.customer_id FOR NO KEY UPDATE SKIP LOCKED);
    due := ARRAY(SELECT t FROM funding_transfer t
                 WHERE t.client_id = settle_client_deposits.client_id AND t.status = 'CREDITED' AND t.available_at <= at AND can_settle(t)
                   AND t.customer_id = ANY (free)
                 ORDER BY t.transfer_id FOR NO KEY UPDATE);     -- as credit_deposits() does
    SELECT array_agg(post_settled(d, at) ORDER BY d.transfer_id) INTO journals FROM unnest(due) AS d;
    RETURN QUERY SELECT * FROM enter_fundings(due, 'settled', at, '{}', journals);
END;
$$;
COMMENT ON FUNCTION settle_client_deposits(integer, timestamptz) IS
    'Internal: settles the deposits of one client whose availability hold has expired.';

CREATE FUNCTION bakkt_ledger_internal.clients_with_available_deposits(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT c.client_id FROM client c
          WHERE c.status = 'open'
            AND EXISTS (SELECT FROM funding_transfer t WHERE t.client_id = c.client_id AND t.status = 'CREDITED' AND t.available_at <= $1)
          ORDER BY c.client_id);
END;
$$;
COMMENT ON FUNCTION clients_with_available_deposits(timestamptz, text) IS
    'Internal: the open clients with deposits whose availability hold has expired.';

CREATE FUNCTION bakkt_ledger_internal.settle_available_deposits(client_id integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder  constant client := client_row(client_id);
    rows    jsonb;
BEGIN
    IF holder.status <> 'open' THEN
        RETURN NULL;
    END IF;
    rows := (SELECT jsonb_agg(to_jsonb(p) ORDER BY asset(p.amount)) FROM (
        SELECT holder.code AS client_code, count(*) AS settled, sum(t.amount) AS amount
        FROM settle_client_deposits(client_id, at) t GROUP BY asset(t.amount)) p);
    RETURN coalesce(rows, '[]') || left_in_use(client_id, (SELECT count(*) FROM funding_transfer t
        WHERE t.client_id = settle_available_deposits.client_id AND t.status = 'CREDITED' AND t.available_at <= at AND can_settle(t)));
END;
$$;
COMMENT ON FUNCTION settle_available_deposits(integer, timestamptz, text) IS 'Internal: one client''s part of settle_deposits().';
INSERT INTO client_run VALUES ('settle_deposits', 'settle_available_deposits', 'clients_with_available_deposits');

CREATE FUNCTION bakkt_ledger.settle_deposits(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS TABLE (client_code text, settled bigint, amount amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT p.* FROM run_for_clients('settle_deposits', at, client) AS r (rows), jsonb_to_recordset(r.rows) AS p (client_code text, settled bigint, amount amount);
END;
$$;
COMMENT ON FUNCTION settle_deposits(timestamptz, text) IS
    'Settles every credited deposit whose availability hold has expired at the instant, of one client or of all that the caller '
    'sees: the customer may use the money (J01c). Returns how many and how much per client and currency; repeating it returns '
    'nothing. Deposits of an account that is frozen or closed, or of a retired currency, stay CREDITED. Deposits of customers '
    'that another session has locked are left to the next run, and a NOTICE says how many. Run by a job. Of several clients, '
    'one whose part fails is left out with a WARNING. Raises LG010, 42501, LG061.';

-- Ends a deposit before the bank has moved anything.
CREATE FUNCTION bakkt_ledger_internal.abandon_deposit(client text, reference text, event text, content jsonb, at timestamptz) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    moved   constant funding_transfer := lock_funding(client, reference, 'DEPOSIT', at, true);
BEGIN
    IF entered_before(moved, event, content) THEN
        RETURN moved;
    END IF;
    RETURN enter_funding(moved, event, at, content, post_funding(moved, event, 'cash_deposit',
        cash_entry(moved.client_id, asset(moved.amount), ARRAY[cash_account(moved.customer_id, 'unsettled'), 'FBO Clearing:ACH-in'],
                   ARRAY[moved.amount, -moved.amount]), at));
END;
$$;
COMMENT ON FUNCTION abandon_deposit(text, text, text, jsonb, timestamptz) IS 'Internal: cancel_deposit() and decline_deposit().';

CREATE FUNCTION bakkt_ledger.cancel_deposit(client text, reference text, reason text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN abandon_deposit(client, reference, 'cancelled', jsonb_build_object('reason', reason), at);
END;
$$;
COMMENT ON FUNCTION cancel_deposit(text, text, text, timestamptz) IS
    'Records that the customer or client has canceled an ACH deposit before the bank credited it: J01a is reversed. Repeating '
    'it returns the deposit as it stands; another reason is LG020. Raises LG010, 42501, LG080 unknown, LG081 credited or ended '
    'already, LG061.';

CREATE FUNCTION bakkt_ledger.decline_deposit(client text, reference text, reason text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp()) RETURNS funding_transfer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN abandon_deposit(client, reference, 'declined', jsonb_build_object('reason', reason), at);
END;
$$;
COMMENT ON FUNCTION decline_deposit(text, text, text, timestamptz) IS
    'Records that the bank or a risk check has declined an ACH deposit before it was credited: J01a is reversed. Repeating it '
    'returns the deposit as it stands; another reason is LG020. Raises LG010, 42501, LG080 unknown, LG081 credited or ended '
    'already, LG061.';

-- ---------------------------------------------------------------------------
-- Returns
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger_internal.require_return_code(code text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM ach_return_code r WHERE r.code = require_return_code.code) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG085', MESSAGE = format('unknown return code "%s"', coalesce(code, 'NULL')),
            HINT = 'What comes back by ACH needs a code of table ach_return_code, such as R01.';
    END IF;
    RETURN code;
END;
$$;
COMMENT ON FUNCTION require_return_code(text) IS 'Internal: the code itself; LG085 if there is no such ACH return code.';
