-- A customer's cash as one row, lists of transfers, and the check of these against the ledger.
-- Locks nothing.

-- Balance of an account as of the instant by effective time, in natural sign.
CREATE FUNCTION bakkt_ledger_internal.effective_balance(asked account, moment timestamptz) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    posted constant amount := (SELECT coalesce(sum_for(asked.account, j.entry), zero(asked.asset))
                               FROM account_journals(asked, '-infinity', 'infinity') AS j
                               WHERE j.effective_at <= moment);
BEGIN
    RETURN (SELECT natural_balance(k, posted) FROM account_kind AS k WHERE k.kind = asked.kind);
END;
$$;

-- What holds other than those of withdrawals bind on each account at the instant.
CREATE FUNCTION bakkt_ledger_internal.order_holds(holder integer, bound account_id[], moment timestamptz)
    RETURNS TABLE (account account_id, held amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT h.account, sum(h.held)
    FROM holds_at(holder, bound, moment) AS h
    WHERE NOT starts_with(h.reference, 'funding:')
    GROUP BY h.account;
END;

-- Withdrawals of these customers that were requested and neither sent nor ended at the instant.
CREATE FUNCTION bakkt_ledger_internal.requested_withdrawals(owners bigint[], unit asset, moment timestamptz)
    RETURNS TABLE (customer_id bigint, requested amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT t.customer_id, sum(t.amount)
    FROM funding_transfer AS t
    WHERE t.customer_id = ANY (owners) AND t.direction = 'WITHDRAWAL' AND asset(t.amount) = unit AND t.requested_at <= moment
      AND (t.sent_at IS NULL OR t.sent_at > moment) AND (t.ended_at IS NULL OR t.ended_at > moment)
    GROUP BY t.customer_id;
END;

CREATE TYPE bakkt_ledger.cash_balance AS (
    customer text,
    settled amount,
    unsettled amount,
    held amount,
    called amount,
    available amount,
    receivable amount,
    deficit amount
);
COMMENT ON TYPE cash_balance IS
'A customer''s cash in one currency at an instant; what is the customer''s is positive, and so is what is asked for.
settled: cash to use. unsettled: deposits that may still be returned. held: by withdrawals not sent and other holds. called: by
outstanding cash calls of purchases. available = settled - held - called - deficit: may be withdrawn when positive (I20).
receivable: sale proceeds not yet paid to the customer. deficit: what the company has made good for the customer.';

-- cash_balance() of a customer.
CREATE FUNCTION bakkt_ledger_internal.cash_of(owner customer, unit asset, moment timestamptz) RETURNS cash_balance
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    nothing constant amount := zero(unit);
    cash cash_balance;
BEGIN
    cash.customer := owner.customer_code;
    SELECT coalesce(sum(b.amount) FILTER (WHERE a.kind = 'fbo_settled'), nothing),
           coalesce(sum(b.amount) FILTER (WHERE a.kind = 'fbo_unsettled'), nothing),
           coalesce(sum(b.amount) FILTER (WHERE a.kind = 'corp_deficit'), nothing),
           coalesce(sum(h.held), nothing)
    INTO cash.settled, cash.unsettled, cash.deficit, cash.held
    FROM account AS a
    CROSS JOIN LATERAL (SELECT effective_balance(a, moment) AS amount) AS b
    LEFT JOIN LATERAL order_holds(owner.client_id, ARRAY[a.account], moment) AS h ON a.kind = 'fbo_settled'
    WHERE a.customer_id = owner.customer_id AND a.asset = unit AND a.kind IN ('fbo_settled', 'fbo_unsettled', 'corp_deficit');
    cash.held := cash.held + coalesce((SELECT w.requested
                                       FROM requested_withdrawals(ARRAY[owner.customer_id], unit, moment) AS w), nothing);
    cash.called := calls_on(owner, unit, true, moment);
    cash.receivable := calls_on(owner, unit, false, moment);
    cash.available := cash.settled - cash.held - cash.called - cash.deficit;
    RETURN cash;
END;
$$;

CREATE FUNCTION bakkt_ledger.cash_balance(customer text, asset asset DEFAULT 'USD', at timestamptz DEFAULT clock_timestamp())
    RETURNS cash_balance
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant customer := customer_row(require_customer(customer));
BEGIN
    PERFORM require_instant(at), require_asset(asset);
    RETURN cash_of(owner, asset, at);
END;
$$;
COMMENT ON FUNCTION cash_balance IS
'A customer''s cash in one currency as of the instant, by effective time; see type cash_balance.
Holds other than those of withdrawals end when the ledger recorded their end.
Errors: LG012 unknown customer, LG040, LG061.';

-- ---------------------------------------------------------------------------
-- Lists
-- ---------------------------------------------------------------------------

CREATE TYPE bakkt_ledger.funding_transfer_line AS (
    client text,
    reference text,
    customer text,
    rail text,
    direction text,
    amount amount,
    bank text,
    status text,
    requested_at timestamptz,
    available_at timestamptz,
    changed_at timestamptz,
    bank_reference text,
    return_code text,
    reason text,
    deficit amount
);
COMMENT ON TYPE funding_transfer_line IS
'A deposit, wire or withdrawal as it stood at an instant.
customer: NULL while a wire is unidentified. amount: positive. status: as in funding_transfer, reached at changed_at. bank,
bank_reference: the bank and its latest reference, for the company only. deficit: of a return, the part that the customer''s
cash did not cover.';

-- The transfers of a client, or of one of its customers, as they stood at the instant.
CREATE FUNCTION bakkt_ledger_internal.funding_as_of(holder client, owner bigint, moment timestamptz)
    RETURNS SETOF funding_transfer_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT holder.code, t.reference::text, CASE WHEN last.status <> 'UNIDENTIFIED' THEN c.customer_code END, t.rail::text,
           t.direction::text, t.amount, CASE WHEN is_company() THEN t.bank::text END, last.status::text, t.requested_at,
           CASE WHEN t.credited_at <= moment THEN t.available_at END, last.at,
           CASE WHEN is_company() THEN told.bank_reference END,
           last.content ->> 'return_code', last.reason::text, (last.content ->> 'deficit')::amount
    FROM funding_transfer AS t
    CROSS JOIN LATERAL (SELECT e.*
                        FROM event AS e
                        WHERE e.client_id = t.client_id AND e.subject = 'funding_transfer' AND e.subject_key = t.transfer_id::text
                          AND e.at <= moment AND e.event <> 'charged'
                        ORDER BY e.event_id DESC
                        LIMIT 1) AS last
    CROSS JOIN LATERAL (SELECT (array_agg(e.content ->> 'bank_reference' ORDER BY e.event_id DESC)
                                FILTER (WHERE e.content ->> 'bank_reference' IS NOT NULL))[1] AS bank_reference
                        FROM event AS e
                        WHERE e.client_id = t.client_id AND e.subject = 'funding_transfer' AND e.subject_key = t.transfer_id::text
                          AND e.event_id <= last.event_id) AS told
    LEFT JOIN customer AS c ON c.customer_id = t.customer_id
    WHERE t.client_id = holder.client_id AND t.requested_at <= moment AND (owner IS NULL OR t.customer_id = owner)
    ORDER BY t.requested_at, t.transfer_id;
END;
$$;

CREATE FUNCTION bakkt_ledger.funding_transfers(client text, customer text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF funding_transfer_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant client := client_row(require_client(client));
    owner constant bigint := customer_asked(holder.client_id, customer);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT f.* FROM funding_as_of(holder, owner, at) AS f;
END;
$$;
COMMENT ON FUNCTION funding_transfers IS
'The deposits, wires and withdrawals of a client, or of one of its customers, as they stood at the instant.
In the order of their requests.
Errors: LG010, 42501, LG012 no such customer of the client, LG061.';

-- ---------------------------------------------------------------------------
-- Agreement
-- ---------------------------------------------------------------------------

-- What deposits and withdrawals under way add up to, by the account on which they stand, in natural
-- sign.
CREATE FUNCTION bakkt_ledger_internal.funding_in_flight(holder integer) RETURNS TABLE (name text, amount amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT name_of_pattern(k.name_pattern, ARRAY[c.customer_code]), sum(t.amount)
    FROM funding_transfer AS t
    LEFT JOIN customer AS c USING (customer_id)
    CROSS JOIN LATERAL (VALUES (CASE t.status
                                WHEN 'INITIATED' THEN CASE t.rail WHEN 'DEBIT' THEN 'fbo_card_in' ELSE 'fbo_ach_in' END
                                WHEN 'UNIDENTIFIED' THEN 'fbo_unidentified'
                                WHEN 'SENT' THEN CASE t.rail WHEN 'ACH' THEN 'fbo_ach_out' ELSE 'fbo_wire_out' END END),
                               (CASE WHEN t.status IN ('INITIATED', 'CREDITED') THEN 'fbo_unsettled' END)) AS stands (kind)
    JOIN account_kind AS k USING (kind)
    WHERE t.client_id = holder AND t.status IN ('INITIATED', 'CREDITED', 'UNIDENTIFIED', 'SENT')
    GROUP BY name_of_pattern(k.name_pattern, ARRAY[c.customer_code]), asset(t.amount);
END;

-- Accounts on which something else stands than what is under way.
CREATE FUNCTION bakkt_ledger_internal.funding_account_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
BEGIN ATOMIC
    SELECT finding('funding', format('%s: deposits and withdrawals under way come to %s, the ledger has %s.', n.name,
                                     coalesce(f.amount, zero(n.unit)), coalesce(b.balance, zero(n.unit))),
                   holder => holder.code,
                   touched => (SELECT a.account
                               FROM account AS a
                               WHERE a.client_id = holder.client_id AND a.fund = 'FBO' AND a.name = n.name AND a.asset = n.unit))
    FROM (SELECT x.name, x.balance
          FROM balances(holder.code) AS x
          WHERE x.kind IN ('fbo_ach_in', 'fbo_card_in', 'fbo_ach_out', 'fbo_wire_in',
                           'fbo_wire_out', 'fbo_unidentified', 'fbo_unsettled')) AS b
    FULL JOIN funding_in_flight(holder.client_id) AS f ON f.name = b.name AND asset(f.amount) = asset(b.balance)
    CROSS JOIN LATERAL (SELECT coalesce(b.name, f.name), asset(coalesce(b.balance, f.amount))) AS n (name, unit)
    WHERE coalesce(b.balance, zero(n.unit)) *<> coalesce(f.amount, zero(n.unit))
    ORDER BY n.name, n.unit;
END;

-- Requested withdrawals without their hold, and holds without their withdrawal.
CREATE FUNCTION bakkt_ledger_internal.funding_hold_breaks(holder client) RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
BEGIN ATOMIC
    SELECT finding('funding', format('Hold "%s": the requested withdrawal is %s, the hold is %s.', k.hold,
                                     coalesce(t.amount::text, 'not there'), coalesce(h.remaining::text, 'not there')),
                   holder => holder.code, of_subject => 'funding_transfer', key => split_part(k.hold, ':', 2),
                   touched => h.account)
    FROM (SELECT o.reference, o.account, o.remaining
          FROM hold AS o
          WHERE o.client_id = holder.client_id AND o.reference LIKE 'funding:%' AND o.status = 'OPEN') AS h
    FULL JOIN (SELECT funding_hold(r) AS hold, r.amount
               FROM funding_transfer AS r
               WHERE r.client_id = holder.client_id AND r.status = 'REQUESTED') AS t ON h.reference = t.hold
    CROSS JOIN LATERAL (SELECT coalesce(h.reference, t.hold)) AS k (hold)
    WHERE (h.remaining *= t.amount) IS NOT TRUE
    ORDER BY k.hold;
END;

CREATE FUNCTION bakkt_ledger.check_funding(client text DEFAULT NULL) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    RETURN QUERY
    SELECT f.*
    FROM client AS holder
    CROSS JOIN LATERAL (SELECT * FROM funding_account_breaks(holder)
                        UNION ALL SELECT * FROM funding_hold_breaks(holder)) AS f
    WHERE holder.client_id = ANY (asked);
END;
$$;
COMMENT ON FUNCTION check_funding IS
'Compares deposits and withdrawals under way with the ledger; no rows when all agrees.
Deposits initiated and credited, unidentified wires and withdrawals sent, each with its account, and the holds of requested
withdrawals. An entry by hand on one of these accounts shows here. Of one client, or of all that the caller sees.
Errors: LG010, 42501.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('funding', 'check_funding()', 41, 'what deposits and withdrawals have under way stands on its accounts');
