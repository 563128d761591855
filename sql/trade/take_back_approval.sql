-- Taking coin back by two people: one proposes, another approves or declines.
-- Refuses the proposer, tenants and amounts above the approver's limit (LG067), unknown proposals
-- (LG080), and steps that their state does not allow (LG081).
-- Locks as take_back.sql says.

-- What became of a proposal by an event, as it is answered.
CREATE FUNCTION bakkt_ledger_internal.take_back_answer(told take_back, happening text, again boolean) RETURNS take_back_result
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT ROW(told.reference, happening, again, (customer_row(told.customer_id)).customer_code, j.reference,
                       told.quantity, told.deficit, e.status, e.at, e.journal_id)::take_back_result
            FROM event AS e
            JOIN journal AS j ON j.client_id = told.client_id AND j.journal_id = told.original
            WHERE e.client_id = told.client_id AND e.subject = 'take_back' AND e.subject_key = told.take_back_id::text
              AND e.event = happening);
END;
$$;

-- A proposal with its customer locked; LG080 if there is none.
CREATE FUNCTION bakkt_ledger_internal.lock_take_back(holder integer, named text) RETURNS take_back
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant bigint := (SELECT t.customer_id FROM take_back AS t WHERE t.client_id = holder AND t.reference = named);
    locked take_back;
BEGIN
    IF owner IS NULL THEN
        PERFORM refuse('LG080', format('nothing is proposed to be taken back as "%s"', coalesce(named, 'NULL')), NULL,
                       'approvals() lists what is proposed for a client, with references.',
                       jsonb_build_object('take_back', named));
    END IF;
    PERFORM lock_customer_cash(owner);
    SELECT t.* INTO STRICT locked FROM take_back AS t WHERE t.client_id = holder AND t.reference = named;
    RETURN locked;
END;
$$;

-- Decides a proposal: the change of its row, and its event.
CREATE FUNCTION bakkt_ledger_internal.step_take_back(before take_back, happening text, posting bigint, lacking amount,
                                                     moment timestamptz, why text)
    RETURNS take_back_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    after take_back;
BEGIN
    UPDATE take_back AS t
    SET status = upper(happening),
        journal_id = posting,
        deficit = lacking
    WHERE t.client_id = before.client_id AND t.take_back_id = before.take_back_id
    RETURNING t.* INTO STRICT after;
    PERFORM record_event(happening, before, after, moment, amount => before.quantity, journal => posting, reason => why);
    RETURN take_back_answer(after, happening, false);
END;
$$;

CREATE FUNCTION bakkt_ledger.propose_take_back(customer text, original text, reference text, reason text,
                                               at timestamptz DEFAULT clock_timestamp())
    RETURNS take_back_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant customer := lock_cash_of(customer);
    asked request;
    source journal;
    entered take_back;
BEGIN
    asked := open_take_back('propose_take_back', owner, original, reference, reason, at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::take_back_result);
    END IF;
    source := require_taken_in(owner, original);
    PERFORM require_not_taken_back(source);
    INSERT INTO take_back AS t (client_id, reference, customer_id, original, quantity, happened_at)
    VALUES (owner.client_id, propose_take_back.reference, owner.customer_id, source.journal_id, taken_in(source), at)
    ON CONFLICT DO NOTHING
    RETURNING t.* INTO entered;
    IF NOT FOUND THEN
        PERFORM refuse('LG081', format('taking "%s" back is proposed already', original), NULL,
                       'Have it approved or declined first.');
    END IF;
    PERFORM record_event('proposed', NULL::take_back, entered, at, amount => entered.quantity, request => reference,
                         reason => reason),
            propose(owner.client_id, 'take_back', entered.take_back_id::text, entered.quantity, reason, at);
    RETURN close_request(asked, take_back_answer(entered, 'proposed', false));
END;
$$;
COMMENT ON FUNCTION propose_take_back IS
'Proposes to take back a purchase, or a deposit of coin that the chain has undone, though the customer may have spent the coin.
Nothing is posted until another person calls approve_take_back(). original: the reference of the purchase or deposit. reference:
the proposal''s name from now on; the same request again gets the first answer. at: of a deposit, when the chain undid it.
Errors: LG002 no reference or reason, LG012, LG020 other content, LG061, LG062 no such purchase or deposit of the customer, LG063
taken back before, LG081 proposed already.';

-- Posts what is approved: its journal.
CREATE FUNCTION bakkt_ledger_internal.post_take_back(approved take_back, original journal, why text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    code constant text := (customer_row(approved.customer_id)).customer_code;
    coin constant amount := approved.quantity;
BEGIN
    IF original.terms IS NOT NULL THEN
        RETURN (bust_with_deficit(code, original.journal_id, 'take-back:' || approved.reference, why)).journal;
    END IF;
    RETURN post_coin_return(original, coin,
                            coin_lacking(approved.client_id,
                                         account_of_kind(approved.client_id, 'cust_coin', asset(coin), code), coin),
                            approved.reference, approved.happened_at, why);
END;
$$;

-- What a journal has put on its customer's account of deficits; zero when there is no line on it.
CREATE FUNCTION bakkt_ledger_internal.deficit_in(holder integer, number bigint, unit asset) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(sum(l.amount), zero(unit))
    FROM journal AS j
    CROSS JOIN LATERAL lines(j.entry) AS l
    JOIN account AS a ON a.client_id = holder AND a.account = l.account AND a.kind = 'corp_deficit'
    WHERE j.client_id = holder AND j.journal_id = number;
END;

-- Posts what is approved, and has what is gone owed.
CREATE FUNCTION bakkt_ledger_internal.take_coin_back(approved take_back, original journal, why text, moment timestamptz)
    RETURNS take_back_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    shortfall constant coin_shortfall := lock_coin_shortfall(approved.client_id, asset(approved.quantity));
    posted constant bigint := post_take_back(approved, original, why);
    lacking constant amount := deficit_in(approved.client_id, posted, shortfall.asset);
BEGIN
    PERFORM change_coin_shortfall(shortfall, 'arose', lacking, posted, moment, approved.reference);
    RETURN step_take_back(approved, 'taken', posted, lacking, moment, why);
END;
$$;

CREATE FUNCTION bakkt_ledger.approve_take_back(client text, reference text, at timestamptz DEFAULT clock_timestamp())
    RETURNS take_back_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant take_back := lock_take_back(require_client(client), reference);
    what constant text := format('taking back "%s"', reference);
    proposed constant approval := lock_approval(asked.client_id, 'take_back', asked.take_back_id::text);
    original constant journal := (SELECT j FROM journal AS j
                                  WHERE j.client_id = asked.client_id AND j.journal_id = asked.original);
BEGIN
    PERFORM require_instant(at);
    IF asked.status = 'TAKEN' THEN
        RETURN take_back_answer(asked, 'taken', true);
    END IF;
    PERFORM next_status('take_back', what, asked.status, 'taken'), require_told(is_company(), what),
            require_not_taken_back(original);
    PERFORM require_approval_limit(worth, what) FROM entry_worth(original.entry) AS worth;
    PERFORM approve(proposed, what, at);
    RETURN take_coin_back(asked, original, proposed.reason, at);
END;
$$;
COMMENT ON FUNCTION approve_take_back IS
'Takes coin back as the second person: posts the bust of the purchase, or reverses the deposit''s journal.
The journal''s reference is "take-back:<reference>". What the customer has and no hold binds is taken; the rest is a deficit: the
customer owes it to the company, and the company to the customers'' coin until it covers it. deficit says how much. Again is the
first answer.
Errors: LG010, 42501, LG033 a house account is frozen, LG061, LG063 taken back meanwhile, LG067 the proposer, an approver of a
tenant, or above the approver''s limit in coin or money, LG080 unknown, LG081 it was declined; 40001 or 40P01: retry.';

CREATE FUNCTION bakkt_ledger.decline_take_back(client text, reference text, reason text,
                                               at timestamptz DEFAULT clock_timestamp())
    RETURNS take_back_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant take_back := lock_take_back(require_client(client), reference);
    what constant text := format('taking back "%s"', reference);
    proposed constant approval := lock_approval(asked.client_id, 'take_back', asked.take_back_id::text);
BEGIN
    PERFORM require_instant(at);
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('declining needs a reason', NULL, 'Say why in a few words.');
    ELSIF asked.status = 'DECLINED' THEN
        RETURN take_back_answer(asked, 'declined', true);
    END IF;
    PERFORM next_status('take_back', what, asked.status, 'declined'), decline(proposed, what, at, reason);
    RETURN step_take_back(asked, 'declined', NULL, NULL, at, reason);
END;
$$;
COMMENT ON FUNCTION decline_take_back IS
'Declines to take coin back, for good: it can be proposed anew under another reference. Whoever did not propose it may.
Again is the first answer.
Errors: LG002 no reason, LG010, 42501, LG061, LG067 the proposer declines, LG080 unknown, LG081 it was taken.';
