-- What becomes of unapplied money and coin: applied to what is owed, or returned. What was written
-- off is recovered with it in obligation_recovery.sql.
-- Refuses more than is left (LG074) and what is not owed (LG073). Locks: lock_settlement().

-- The amount to take of unapplied money, all that is left when none is given; LG071 nothing is
-- left, LG042 another asset, LG045 not positive, LG074 more than is left.
CREATE FUNCTION bakkt_ledger_internal.require_unapplied_amount(held unapplied_payment, wanted amount) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    rest constant amount := unapplied_rest(held);
BEGIN
    PERFORM next_status('unapplied_payment', 'unapplied payment ' || held.unapplied_id, held.status, 'applied');
    IF asset(wanted) <> held.asset THEN
        PERFORM refuse('LG042', format('unapplied payment %s is in %s', held.unapplied_id, held.asset),
                       format('%s was given.', wanted));
    ELSIF wanted > rest THEN
        PERFORM refuse('LG074', format('unapplied payment %s has %s left', held.unapplied_id, rest),
                       format('%s was given.', wanted), NULL, jsonb_build_object('given', wanted, 'outstanding', rest));
    END IF;
    RETURN require_positive(coalesce(wanted, rest));
END;
$$;

-- The same unapplied money with what is taken from it as its amount, negative.
CREATE FUNCTION bakkt_ledger_internal.taken_from(held unapplied_payment, worth amount) RETURNS unapplied_payment
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    held.amount := -worth;
    RETURN held;
END;
$$;

CREATE FUNCTION bakkt_ledger.apply_unapplied_payment(client text, unapplied bigint, reference text, amount amount DEFAULT NULL,
                                                     at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('apply_unapplied_payment', holder, reference,
                                                      jsonb_build_object('unapplied', unapplied, 'amount', amount), at);
    held constant unapplied_payment := require_unapplied(holder, unapplied);
    worth amount;
    parts obligation_part[];
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
        RETURN;
    END IF;
    PERFORM set_off_due(holder, at);
    worth := require_unapplied_amount(held, amount);
    parts := ARRAY(SELECT p FROM choose_parts(holder, held.counterparty_kind, held.counterparty, NULL, 'received', worth) AS p);
    PERFORM require_owed(worth, parts, 'received', held.counterparty) WHERE amount IS NOT NULL OR cardinality(parts) = 0;
    RETURN QUERY
    SELECT a.*
    FROM unnest(discharge(asked, 'novation', parts, format('Unapplied payment %s of %s applied', unapplied, held.counterparty),
                          ARRAY[taken_from(held, worth - rest_of(worth, parts))])) AS a;
END;
$$;
COMMENT ON FUNCTION apply_unapplied_payment IS
'Applies unapplied money or coin to what its counterparty owes in the asset, oldest first.
After set_off_obligations() of what is due. amount: NULL for all that fits. A row for each obligation, and one (outcome applied)
for what was taken. No bank moves: the journal is a novation. Idempotent by reference: the first answer again, LG020 if the
content differs.
Errors: LG002, LG010, LG020, LG042, LG045, LG061, LG071 nothing of it is left, LG073 unknown, or nothing is owed, LG074 more than
is left or owed.';

CREATE FUNCTION bakkt_ledger.return_unapplied_payment(client text, unapplied bigint, reference text, reason text,
                                                      amount amount DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('return_unapplied_payment', holder, reference,
                                                      jsonb_build_object('unapplied', unapplied, 'amount', amount,
                                                                         'reason', reason), at);
    held constant unapplied_payment := require_unapplied(holder, unapplied);
    worth amount;
    posted journal_result;
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::obligation_result);
    ELSIF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('returning money needs a reason', NULL, 'Say why in a few words.');
    END IF;
    worth := require_unapplied_amount(held, amount);
    posted := post_entry(holder, reference, 'settlement_wire', discharge_entry(holder, '{}', ARRAY[taken_from(held, worth)]), at,
                         format('Unapplied payment %s returned to %s', unapplied, held.counterparty));
    RETURN close_request(asked, unapplied_answer(asked, 'returned',
                                                 change_unapplied(asked, 'returned', held, worth, posted.journal, reason),
                                                 worth, posted.journal));
END;
$$;
COMMENT ON FUNCTION return_unapplied_payment IS
'Records that unapplied money or coin was sent back to its counterparty, in part or, without an amount, all that is left.
Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002 without a reason, LG010, LG020, LG042, LG045, LG061, LG071 nothing of it is left, LG073 unknown, LG074 more than is
left.';
