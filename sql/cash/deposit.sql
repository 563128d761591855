-- ACH deposits and payments by card, from initiation to settlement (J01a to J01c).
-- Refuses customers that may make none (LG013), unknown deposits (LG080), steps a deposit cannot
-- take (LG081).
-- Locks the customers, then the deposits.

CREATE FUNCTION bakkt_ledger.initiate_deposit(customer text, amount amount, reference text, rail text DEFAULT 'ACH',
                                              bank text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner customer;
    asked request;
    moved funding_transfer;
BEGIN
    PERFORM require_instant(at);
    owner := lock_cash_of(customer);
    asked := open_funding_request('initiate_deposit', owner.client_id, reference,
                                  jsonb_build_object('customer', owner.customer_code, 'amount', amount, 'rail', rail,
                                                     'bank', bank), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::funding_transfer_result);
    ELSIF rail IS NULL OR rail NOT IN ('ACH', 'DEBIT') THEN
        PERFORM refuse_invalid('a deposit is by ACH or DEBIT', format('Rail: "%s".', rail),
                               'A wire is recorded with receive_wire().');
    END IF;
    PERFORM require_fiat('a deposit', require_positive(amount)), require_omnibus_bank(owner.client_id, bank, asset(amount), true),
            require_cash_here(owner.customer_id), require_customer_may(owner, 'DEPOSIT');
    moved := open_funding(asked, owner.customer_id, 'DEPOSIT', rail, 'INITIATED', 'initiated',
                          deposit_template('deposit_initiated', rail));
    RETURN close_request(asked, funding_answer(moved, 'initiated'));
END;
$$;
COMMENT ON FUNCTION initiate_deposit IS
'Records that an ACH debit of the customer''s bank account was originated, or a payment by card authorized: INITIATED.
The money is the customer''s claim but cannot be used yet (J01a). rail: ACH or DEBIT (card). bank: the omnibus bank that will be
credited. reference: the deposit''s name from now on; the same request again gets the first answer.
Errors: LG012 unknown customer, LG002 no reference or unknown rail, LG045 not positive, LG042 no currency, LG040, LG041, LG043
asset, LG034 or LG016 bank, LG013 the customer may make no deposit or has no cash here, LG020 other content, LG061, LG011 closed
client.';

-- ---------------------------------------------------------------------------
-- Credit
-- ---------------------------------------------------------------------------

-- Deposits that one bank has credited in one sum, in one journal.
CREATE FUNCTION bakkt_ledger_internal.credit_lot(lot funding_transfer[], said jsonb, available timestamptz, moment timestamptz)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    credited constant integer := cardinality(lot);
    posted journal_result;
BEGIN
    posted := post_template(lot[1].client_id, deposit_template('deposit_credited', lot[1].rail),
                            format('funding:%s:credited', lot[1].transfer_id),
                            jsonb_build_object('bank', lot[1].bank),
                            jsonb_build_object('amount', (SELECT sum(m.amount) FROM unnest(lot) AS m)), moment,
                            CASE credited WHEN 1 THEN funding_name(lot[1]) || ' credited'
                                          ELSE format('%s %s deposits credited', credited, lot[1].rail) END);
    PERFORM change_fundings(lot, 'credited', moment, said, array_fill(posted.journal, ARRAY[credited]), available => available);
END;
$$;

-- Credits those of these deposits that were not before, and returns their numbers. What can be
-- credited now has not been before.
CREATE FUNCTION bakkt_ledger_internal.credit_fundings(holder integer, named text[], said jsonb, moment timestamptz)
    RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    available constant timestamptz := deposit_available_at(holder, moment);
    credited bigint[] := '{}';
    lot funding_transfer[];
BEGIN
    PERFORM bounded_wait();
    PERFORM require_funding(holder, r.reference, 'DEPOSIT')
    FROM unnest(named) AS r (reference)
    WHERE NOT EXISTS (SELECT FROM funding_transfer AS t
                      WHERE t.client_id = holder AND t.reference = r.reference AND t.direction = 'DEPOSIT');
    FOR lot IN
        SELECT array_agg(l.moved ORDER BY (l.moved).transfer_id)
        FROM (SELECT t AS moved
              FROM funding_transfer AS t
              WHERE t.client_id = holder AND t.reference = ANY (named)
              ORDER BY t.transfer_id
              FOR NO KEY UPDATE) AS l
        LEFT JOIN transition AS n ON n.subject = 'funding_transfer' AND n.variant = funding_variant(l.moved)
                                 AND n.from_status = (l.moved).status AND n.event = 'credited'
        WHERE n.event IS NOT NULL OR NOT stepped_before(l.moved, 'credited', said)
        GROUP BY (l.moved).bank, (l.moved).rail, asset((l.moved).amount)
    LOOP
        PERFORM credit_lot(lot, said, available, moment);
        credited := credited || ARRAY(SELECT m.transfer_id FROM unnest(lot) AS m);
    END LOOP;
    RETURN credited;
END;
$$;

CREATE FUNCTION bakkt_ledger.credit_deposits(client text, "references" text[], bank_reference text DEFAULT NULL,
                                             at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    fresh bigint[];
BEGIN
    PERFORM require_instant(at), require_references("references");
    fresh := credit_fundings(holder, "references", jsonb_build_object('bank_reference', bank_reference), at);
    RETURN QUERY SELECT a.* FROM funding_answers(holder, "references", 'credited', fresh) AS a;
END;
$$;
COMMENT ON FUNCTION credit_deposits IS
'Records that the bank has credited these ACH deposits in one sum, or the processor paid out these by card: CREDITED.
Each becomes available after the client''s availability hold (J01b, one journal per omnibus bank, rail and currency). All or none;
a row per reference, and those credited before are replayed. Since the bank has done it, it is recorded whatever the state of the
customers.
Errors: LG010, 42501, LG002 NULL for references, LG080 unknown deposit, LG081 it is canceled, declined or returned, or a wire,
LG020 credited before under another bank_reference, LG061, LG075; 54000 more than one call takes.';

CREATE FUNCTION bakkt_ledger.credit_deposit(client text, reference text, bank_reference text DEFAULT NULL,
                                            at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN credit_deposits(client, ARRAY[reference], bank_reference, at);
END;
$$;
COMMENT ON FUNCTION credit_deposit IS
'Records that the bank has credited one ACH deposit, or the processor paid out one by card: CREDITED.
Errors: as in credit_deposits().';

-- ---------------------------------------------------------------------------
-- Settlement
-- ---------------------------------------------------------------------------

-- The deposits of a client whose availability hold has expired and that can move from unsettled to
-- settled: neither account is frozen or closed for it, and the currency is not retired.
CREATE FUNCTION bakkt_ledger_internal.deposits_to_settle(holder integer, moment timestamptz) RETURNS SETOF funding_transfer
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT t.*
    FROM funding_transfer AS t
    WHERE t.client_id = holder AND t.status = 'CREDITED' AND t.available_at <= moment
      AND EXISTS (SELECT FROM supported_asset AS s WHERE s.asset = asset(t.amount) AND s.status <> 'RETIRED')
      AND NOT EXISTS (SELECT FROM account AS a
                      WHERE a.customer_id = t.customer_id AND a.asset = asset(t.amount)
                        AND (a.kind = 'fbo_settled' AND a.status IN ('CREDIT_FROZEN', 'CLOSED')
                             OR a.kind = 'fbo_unsettled' AND a.status IN ('DEBIT_FROZEN', 'CLOSED')));
END;
$$;

-- Posts that deposits are settled (J01c), in lots of what one batch takes, and changes them.
CREATE FUNCTION bakkt_ledger_internal.settle_fundings(due funding_transfer[], moment timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    most constant integer := 10000;
    lot funding_transfer[];
    named text[];
    described text[];
    parties jsonb[];
    amounts jsonb[];
BEGIN
    FOR place IN 1 .. cardinality(due) BY most LOOP
        lot := due[place:place + most - 1];
        SELECT array_agg(format('funding:%s:settled', m.transfer_id) ORDER BY m.ordinality),
               array_agg(format('%s deposit "%s" settled', m.rail, m.reference) ORDER BY m.ordinality),
               array_agg(jsonb_build_object('customer', c.customer_code) ORDER BY m.ordinality),
               array_agg(jsonb_build_object('amount', m.amount) ORDER BY m.ordinality)
        INTO named, described, parties, amounts
        FROM unnest(lot) WITH ORDINALITY AS m
        JOIN customer AS c ON c.customer_id = m.customer_id;
        PERFORM change_fundings(lot, 'settled', moment, NULL,
                                post_entries(lot[1].client_id, 'cash_deposit', named,
                                             template_entries(lot[1].client_id, 'deposit_settled', parties, amounts),
                                             moment, described));
    END LOOP;
END;
$$;

-- The clients that have deposits whose availability hold has expired.
CREATE FUNCTION bakkt_ledger_internal.clients_with_available_deposits(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(c.client_id ORDER BY c.client_id), '{}')
    FROM client AS c
    WHERE c.status = 'OPEN'
      AND EXISTS (SELECT FROM funding_transfer AS t
                  WHERE t.client_id = c.client_id AND t.status = 'CREDITED'
                    AND t.available_at <= clients_with_available_deposits.at);
END;

-- One client's part of settle_deposits(). Customers are locked first, those that are free: whoever
-- has one may wait for what an earlier run of this transaction has locked. What cannot be moved
-- because an account is frozen stays.
CREATE FUNCTION bakkt_ledger_internal.settle_available_deposits(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    settling constant client := client_row(holder);
    free bigint[];
    due funding_transfer[];
BEGIN
    IF settling.status <> 'OPEN' THEN
        RETURN NULL;
    END IF;
    PERFORM bounded_wait();
    free := ARRAY(SELECT c.customer_id
                  FROM customer AS c
                  WHERE c.customer_id IN (SELECT d.customer_id FROM deposits_to_settle(holder, at) AS d)
                  ORDER BY c.customer_id
                  FOR NO KEY UPDATE SKIP LOCKED);
    PERFORM FROM funding_transfer AS t
    WHERE t.client_id = holder AND t.status = 'CREDITED' AND t.available_at <= at AND t.customer_id = ANY (free)
    ORDER BY t.transfer_id  -- as credit_deposits() does
    FOR NO KEY UPDATE;
    due := ARRAY(SELECT d FROM deposits_to_settle(holder, at) AS d WHERE d.customer_id = ANY (free) ORDER BY d.transfer_id);
    PERFORM settle_fundings(due, at);
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY asset(p.amount)), '[]')
            FROM (SELECT settling.code AS client, count(*) AS settled, sum(m.amount) AS amount
                  FROM unnest(due) AS m
                  GROUP BY asset(m.amount)) AS p)
        || left_in_use(holder, (SELECT count(*) FROM deposits_to_settle(holder, at)));
END;
$$;
INSERT INTO client_run VALUES ('settle_deposits', 'settle_available_deposits', 'clients_with_available_deposits');

CREATE TYPE bakkt_ledger.deposit_run_result AS (
    client text,
    settled bigint,
    amount amount
);
COMMENT ON TYPE deposit_run_result IS 'How many deposits of a client a run has settled, and how much they come to, per currency.';

CREATE FUNCTION bakkt_ledger.settle_deposits(at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF deposit_run_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY SELECT p.* FROM run_answers('settle_deposits', NULL::deposit_run_result, at, client) AS p;
END;
$$;
COMMENT ON FUNCTION settle_deposits IS
'Settles every credited deposit whose availability hold has expired at the instant: the customer may use the money (J01c).
Of one client or all that the caller sees; a row per client and currency, none when repeated. Deposits of an account that is
frozen or closed, or of a retired currency, stay CREDITED. Deposits of customers that another session has locked are left to the
next run, and a NOTICE says how many. Of several clients, one whose part fails is left out with a WARNING. A job runs it.
Errors: LG010, 42501, LG061.';

-- ---------------------------------------------------------------------------
-- Taken back before the bank has moved anything
-- ---------------------------------------------------------------------------

-- cancel_deposit() and decline_deposit()
CREATE FUNCTION bakkt_ledger_internal.abandon_deposit(code text, named text, happening text, said jsonb, moment timestamptz)
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    moved constant funding_transfer := lock_funding(code, named, 'DEPOSIT', moment, true);
    again constant boolean := stepped_before(moved, happening, said);
BEGIN
    IF NOT again THEN
        PERFORM step_funding(moved, happening, deposit_template('deposit_abandoned', moved.rail), moment, said);
    END IF;
    RETURN funding_answer(moved, happening, again);
END;
$$;

CREATE FUNCTION bakkt_ledger.cancel_deposit(client text, reference text, reason text DEFAULT NULL,
                                            at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN abandon_deposit(client, reference, 'canceled', jsonb_build_object('reason', reason), at);
END;
$$;
COMMENT ON FUNCTION cancel_deposit IS
'Records that the customer or client has canceled a deposit before the bank credited it: J01a is reversed.
Errors: LG010, 42501, LG080 unknown, LG081 credited or ended already, LG020 canceled before for another reason, LG061.';

CREATE FUNCTION bakkt_ledger.decline_deposit(client text, reference text, reason text DEFAULT NULL,
                                             at timestamptz DEFAULT clock_timestamp())
    RETURNS funding_transfer_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN abandon_deposit(client, reference, 'declined', jsonb_build_object('reason', reason), at);
END;
$$;
COMMENT ON FUNCTION decline_deposit IS
'Records that the bank, the processor or a risk check has declined a deposit before it was credited: J01a is reversed.
Errors: LG010, 42501, LG080 unknown, LG081 credited or ended already, LG020 declined before for another reason, LG061.';
