-- A customer's cash as one row, lists of transfers, and the check of these against the ledger.
-- Locks nothing.

CREATE FUNCTION bakkt_ledger_internal.settled_as_of(asked account, at timestamptz) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN (SELECT -b.posted FROM balance b WHERE b.client_id = asked.client_id AND b.account = asked.account)
         + coalesce((SELECT sum_for(asked.account, j.entry) FROM account_journals(asked, '-infinity', 'infinity') j WHERE j.effective_at > at), zero(asked.asset));
END;
$$;
COMMENT ON FUNCTION settled_as_of(account, timestamptz) IS
    'Internal: balance of a customer''s claim, in natural sign, as of the instant by effective time.';

-- A hold is opened at the caller's time; its later changes are timed by the ledger's clock.
CREATE FUNCTION bakkt_ledger_internal.held_as_of(asked account, at timestamptz) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN coalesce((SELECT sum(CASE WHEN e.event IN ('authorized', 'increased') THEN e.amount ELSE -e.amount END)
                     FROM hold h JOIN event e ON e.client_id = h.client_id AND e.subject = 'hold' AND e.subject_key = h.hold_id::text
                     WHERE h.client_id = asked.client_id AND h.account = asked.account AND h.reference NOT LIKE 'funding:%'
                       AND h.opened_at <= at AND (h.expires_at > at OR h.expires_at IS NULL)
                       AND (e.event = 'authorized' OR e.recorded_at <= at)), zero(asked.asset));
END;
$$;
COMMENT ON FUNCTION held_as_of(account, timestamptz) IS
    'Internal: the amount bound at the instant by holds other than those of withdrawals.';

CREATE FUNCTION bakkt_ledger_internal.pending_withdrawals(client_id integer, customer_id bigint, asset asset, at timestamptz) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN (SELECT coalesce(sum(t.amount), zero(pending_withdrawals.asset)) FROM funding_transfer t
            WHERE t.client_id = pending_withdrawals.client_id AND t.customer_id = pending_withdrawals.customer_id AND t.direction = 'WITHDRAWAL'
              AND asset(t.amount) = pending_withdrawals.asset AND t.requested_at <= at
              AND coalesce(t.sent_at, t.ended_at, 'infinity') > at);
END;
$$;
COMMENT ON FUNCTION pending_withdrawals(integer, bigint, asset, timestamptz) IS
    'Internal: withdrawals of a customer that were requested and neither sent nor ended at the instant.';

CREATE FUNCTION bakkt_ledger_internal.calls_as_of(client_id integer, customer_id bigint, asset asset, at timestamptz, withdrawal boolean) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN (SELECT coalesce(sum(c.outstanding), zero(calls_as_of.asset))
            FROM outstanding_calls(calls_as_of.client_id, at, 'infinity', calls_as_of.customer_id) AS c
            WHERE c.withdrawal = calls_as_of.withdrawal AND NOT c.apex AND asset(c.outstanding) = calls_as_of.asset);
END;
$$;
COMMENT ON FUNCTION calls_as_of(integer, bigint, asset, timestamptz, boolean) IS
    'Internal: the sum of a customer''s cash calls of one direction that were outstanding at the instant.';

CREATE FUNCTION bakkt_ledger.cash_balance(account text, at timestamptz DEFAULT clock_timestamp(), asset asset DEFAULT 'USD')
    RETURNS TABLE (settled amount, unsettled amount, held amount, called amount, available amount, receivable amount, deficit amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    owner       constant bigint := require_customer(account);
    owning      constant integer := (SELECT c.client_id FROM customer c WHERE c.customer_id = owner);
    its_account account;
BEGIN
    PERFORM require_instant(at), require_asset(asset);
    settled := zero(asset);
    unsettled := settled;
    deficit := settled;
    held := pending_withdrawals(owning, owner, asset, at);
    FOR its_account IN
        SELECT a.* FROM account a
        WHERE a.customer_id = owner AND a.asset = cash_balance.asset AND a.kind IN ('fbo_settled', 'fbo_unsettled', 'corp_deficit')
    LOOP
        CASE its_account.kind
            WHEN 'fbo_settled' THEN
                settled := settled_as_of(its_account, at);
                held := held + held_as_of(its_account, at);
            WHEN 'fbo_unsettled' THEN unsettled := settled_as_of(its_account, at);
            ELSE deficit := deficit_of(its_account, at);
        END CASE;
    END LOOP;
    called := calls_as_of(owning, owner, asset, at, true);
    receivable := calls_as_of(owning, owner, asset, at, false);
    available := settled - held - called - deficit;
    RETURN NEXT;
END;
$$;
COMMENT ON FUNCTION cash_balance(text, timestamptz, asset) IS
    'A customer''s cash in one currency as of the instant, by effective time. settled; unsettled: may still be returned; held: '
    'by withdrawals not sent and other holds; called: by outstanding cash calls of purchases; available = settled - held - '
    'called - deficit: may be withdrawn when positive (I20); receivable: sale proceeds not yet paid to the customer; deficit. '
    'Holds other than those of withdrawals end when the ledger recorded their end. Raises LG012, LG040, LG061.';

-- ---------------------------------------------------------------------------
-- Lists
-- ---------------------------------------------------------------------------

CREATE TYPE bakkt_ledger.funding_transfer_state AS (
    client_code text, reference text, account text, rail text, direction text, amount amount, bank text, status text,
    requested_at timestamptz, available_at timestamptz, changed_at timestamptz, bank_reference text, return_code text, reason text, deficit amount
);
COMMENT ON TYPE funding_transfer_state IS
    'A deposit, wire or withdrawal as it stood at an instant. account: the customer, NULL while a wire is unidentified; status: '
    'as in funding_transfer, reached at changed_at; bank_reference: the bank''s latest reference; deficit: of a return, the '
    'part that the customer''s cash did not cover.';

CREATE FUNCTION bakkt_ledger.funding_transfers(client text, at timestamptz DEFAULT clock_timestamp(), account text DEFAULT NULL)
    RETURNS SETOF funding_transfer_state
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner_id    constant integer := require_client(client);
    wanted      constant bigint := CASE WHEN funding_transfers.account IS NOT NULL THEN require_customer(funding_transfers.account) END;
    company     constant boolean := is_company();
BEGIN
    PERFORM require_instant(at);
    IF wanted IS NOT NULL AND NOT EXISTS (SELECT FROM customer c WHERE c.customer_id = wanted AND c.client_id = owner_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG012', MESSAGE = format('client "%s" has no customer "%s"', client, funding_transfers.account);
    END IF;
    RETURN QUERY
    SELECT client, t.reference::text, CASE WHEN last.status <> 'UNIDENTIFIED' THEN c.account_code END, t.rail::text, t.direction::text, t.amount, CASE WHEN company THEN t.bank::text END,
           last.status::text, t.requested_at, CASE WHEN last.event_no > 1 THEN t.available_at END, last.at, CASE WHEN company THEN told.bank_reference::text END,
           last.return_code::text, last.reason::text, last.deficit
    FROM funding_transfer t
    CROSS JOIN LATERAL (SELECT e.* FROM funding_event e
                        WHERE e.client_id = t.client_id AND e.transfer_id = t.transfer_id AND e.at <= funding_transfers.at AND e.event <> 'charged'
                        ORDER BY e.event_no DESC LIMIT 1) last
    CROSS JOIN LATERAL (SELECT (array_agg(e.bank_reference ORDER BY e.event_no DESC) FILTER (WHERE e.bank_reference IS NOT NULL))[1] AS bank_reference
                        FROM funding_event e WHERE e.client_id = t.client_id AND e.transfer_id = t.transfer_id AND e.event_no <= last.event_no) told
    LEFT JOIN customer c ON c.customer_id = t.customer_id
    WHERE t.client_id = owner_id AND t.requested_at <= funding_transfers.at AND (wanted IS NULL OR t.customer_id = wanted)
    ORDER BY t.requested_at, t.transfer_id;
END;
$$;
COMMENT ON FUNCTION funding_transfers(text, timestamptz, text) IS
    'The deposits, wires and withdrawals of a client, or of one of its customers, as they stood at the instant, in the order of '
    'their requests (type funding_transfer_state). bank and bank_reference: NULL for a tenant. Raises LG010, 42501, LG012 no such customer of the client, LG061.';

-- ---------------------------------------------------------------------------
-- The check against the ledger
-- ---------------------------------------------------------------------------

-- Transfers under way, by the account on which they stand.
CREATE FUNCTION bakkt_ledger_internal.funding_in_flight(client_id integer) RETURNS TABLE (fund text, name text, asset asset, amount amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT 'FBO', stands.name, asset(t.amount), sum(t.amount)
    FROM funding_transfer t
    LEFT JOIN customer c USING (customer_id)
    CROSS JOIN LATERAL (VALUES
        (CASE WHEN t.status = 'INITIATED' THEN 'Clearing:ACH-in' WHEN t.status = 'UNIDENTIFIED' THEN 'Suspense:unidentified'
              WHEN t.status = 'SENT' THEN split_part(clearing_out(t.rail), ' ', 2) END),
        (CASE WHEN t.status IN ('INITIATED', 'CREDITED') THEN format('Cust:%s:unsettled', c.account_code) END)) AS stands (name)
    WHERE t.client_id = $1 AND t.status IN ('INITIATED', 'CREDITED', 'UNIDENTIFIED', 'SENT') AND stands.name IS NOT NULL
    GROUP BY stands.name, asset(t.amount)
$$;
COMMENT ON FUNCTION funding_in_flight(integer) IS
    'Internal: sums of the deposits and withdrawals under way, by account, in natural sign.';

CREATE FUNCTION bakkt_ledger.check_funding(client text DEFAULT NULL) RETURNS TABLE (client_code text, account text, asset asset, expected amount, found amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    wanted  constant integer[] := CASE WHEN client IS NULL THEN visible_clients() ELSE ARRAY[require_client(client)] END;
    holder  record;
BEGIN
    FOR holder IN SELECT c.client_id, c.code FROM client c WHERE c.client_id = ANY (wanted) ORDER BY c.code LOOP
        RETURN QUERY
        SELECT holder.code, coalesce(b.name, f.name), coalesce(asset(b.balance), f.asset), coalesce(f.amount, zero(asset(b.balance))), coalesce(b.balance, zero(f.asset))
        FROM (SELECT x.* FROM balances(holder.code) x
              WHERE x.kind IN ('fbo_ach_in', 'fbo_ach_out', 'fbo_wire_in', 'fbo_wire_out', 'fbo_unidentified', 'fbo_unsettled')) b
        FULL JOIN funding_in_flight(holder.client_id) f ON f.name = b.name AND f.asset = asset(b.balance)
        WHERE coalesce(b.balance, zero(f.asset)) *<> coalesce(f.amount, zero(asset(b.balance)))
        ORDER BY 2, 3;
        RETURN QUERY
        SELECT holder.code, format('hold %s', coalesce(h.reference, 'funding:' || t.transfer_id)), asset(coalesce(h.remaining, t.amount)),
               coalesce(t.amount, zero(asset(h.remaining))), coalesce(h.remaining, zero(asset(t.amount)))
        FROM (SELECT * FROM hold h WHERE h.client_id = holder.client_id AND h.reference LIKE 'funding:%' AND h.status = 'open') h
        FULL JOIN (SELECT * FROM funding_transfer t WHERE t.client_id = holder.client_id AND t.status = 'REQUESTED') t ON h.reference = 'funding:' || t.transfer_id
        WHERE (h.remaining *= t.amount) IS NOT TRUE
        ORDER BY 2;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION check_funding(text) IS
    'Compares what is under way with the ledger: deposits initiated and credited, unidentified wires and withdrawals sent, each '
    'with its account, and the holds of requested withdrawals. Returns a row per difference, with what the transfers lead to '
    'expect and what the ledger has; no rows when all agrees. An entry by hand on one of these accounts shows here. Of one '
    'client, or of all that the caller sees. Raises LG010, 42501.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('funding', 'check_funding()', 41, 'what deposits and withdrawals have under way stands on its accounts');
