-- What happens to a payment besides wires: it is instructed, fails, or is carried into the open
-- window, all of its obligations that are still open at once.
-- Refuses a payment of which nothing is open (LG071). Locks: lock_settlement().

-- What of a payment is still open, oldest first; LG071 when it has ended.
CREATE FUNCTION bakkt_ledger_internal.require_open_payment(wanted payment, happening text) RETURNS obligation[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    open constant obligation[] := ARRAY(SELECT o FROM unnest(payment_obligations(wanted.client_id, wanted.payment_id)) AS o
                                        WHERE o.final_at IS NULL);
BEGIN
    IF cardinality(open) = 0 THEN
        PERFORM refuse('LG071', format('payment %s cannot be %s', wanted.payment_id, happening),
                       format('It is %s, and nothing of it is outstanding.', wanted.status));
    END IF;
    RETURN open;
END;
$$;

-- A change of all that is open of a payment that discharges nothing, and the answer to its request.
CREATE FUNCTION bakkt_ledger_internal.change_open_payment(asked request, happening text, wanted payment, why text DEFAULT NULL)
    RETURNS obligation_result[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    open constant obligation[] := require_open_payment(wanted, happening);
    changed constant obligation[] := change_obligations(asked, happening, open, NULL, NULL, why);
BEGIN
    RETURN close_request(asked, obligation_answers(asked, happening, changed, NULL, NULL));
END;
$$;

CREATE FUNCTION bakkt_ledger.instruct_payment(client text, payment bigint, reference text,
                                              at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('instruct_payment', holder, reference,
                                                      jsonb_build_object('payment', payment), at);
    wanted constant payment := require_payment(holder, payment);
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
    ELSE
        RETURN QUERY SELECT a.* FROM unnest(change_open_payment(asked, 'instructed', wanted)) AS a;
    END IF;
END;
$$;
COMMENT ON FUNCTION instruct_payment IS
'Records that a payment was ordered, with the wire''s reference: from then on it is irrevocable. A row for each open obligation.
Also the next attempt after a failure. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG020, LG061, LG071 it is instructed or has ended, LG073 unknown payment.';

CREATE FUNCTION bakkt_ledger.fail_payment(client text, payment bigint, reference text, reason text,
                                          at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('fail_payment', holder, reference,
                                                      jsonb_build_object('payment', payment, 'reason', reason), at);
    wanted constant payment := require_payment(holder, payment);
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
        RETURN;
    ELSIF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a failure needs a reason');
    END IF;
    RETURN QUERY SELECT a.* FROM unnest(change_open_payment(asked, 'failed', wanted, reason)) AS a;
END;
$$;
COMMENT ON FUNCTION fail_payment IS
'Records that a payment failed; each attempt is an event of each obligation that is open, a row each.
The obligations stay due since their first due times. Idempotent by reference: the first answer again, LG020 if the content
differs.
Errors: LG002 without a reason, LG010, LG020, LG061, LG071 it has ended, LG073 unknown payment.';

CREATE FUNCTION bakkt_ledger.carry_payment(client text, payment bigint, reference text, reason text DEFAULT NULL,
                                           at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('carry_payment', holder, reference,
                                                      jsonb_build_object('payment', payment, 'reason', reason), at);
    wanted constant payment := require_payment(holder, payment);
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
    ELSE
        RETURN QUERY
        SELECT a.*
        FROM unnest(close_request(asked, carry(asked, require_open_payment(wanted, 'carried'), reason,
                                               format('Payment %s carried into the open window', payment)))) AS a;
    END IF;
END;
$$;
COMMENT ON FUNCTION carry_payment IS
'Moves what is outstanding of a payment into the client''s open window, where it joins the next payment as part of its sum.
Every obligation keeps its first due time: two rows for each, the one carried and the one that takes over. Idempotent by
reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG020, LG061, LG071 it has ended, LG073 unknown payment.';
