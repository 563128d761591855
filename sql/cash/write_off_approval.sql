-- Approving and declining the write-off of a cash call.
-- Refuses the proposer and logins that either could become (LG067), calls without a standing
-- proposal (LG083).
-- Locks the proposal.

-- The proposal of a write-off as it stands in approval.
CREATE FUNCTION bakkt_ledger_internal.write_off_key(proposed cash_write_off_state) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (proposed).journal_id || '/' || (proposed).proposal_no;

-- The last proposal to write a cash call off, locked for whoever decides it; LG082 unknown call,
-- LG083 never proposed.
CREATE FUNCTION bakkt_ledger_internal.lock_write_off(holder integer, number bigint) RETURNS cash_write_off_state
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant cash_call := require_cash_call(holder, number);
    latest constant cash_write_off_state := latest_write_off(holder, number);
BEGIN
    IF latest.journal_id IS NULL THEN
        PERFORM refuse_cash_call_state(asked, 'is not proposed for write-off');
    END IF;
    PERFORM lock_approval(holder, 'cash_write_off', write_off_key(latest));
    RETURN latest_write_off(holder, number);
END;
$$;

-- Approves one of several, in its place.
CREATE FUNCTION bakkt_ledger_internal.approve_cash_write_off(holder integer, number bigint, moment timestamptz, place bigint)
    RETURNS cash_write_off_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    what constant text := format('the write-off of cash call %s', number);
    latest constant cash_write_off_state := lock_write_off(holder, number);
    asked constant cash_call := require_cash_call(holder, number);
BEGIN
    PERFORM require_second_person(latest.proposed_by, latest.proposed_role, what);
    IF latest.status IN ('DECLINED', 'LAPSED') OR latest.status = 'PROPOSED' AND asked.status <> 'O' THEN
        PERFORM refuse_cash_call_state(asked, 'can no longer be written off',
                                       format('Its write-off is %s.', CASE latest.status WHEN 'PROPOSED' THEN 'lapsed'
                                                                      ELSE lower(latest.status) END));
    END IF;
    PERFORM approve(latest_approval(holder, 'cash_write_off', write_off_key(latest)), what, moment);
    RETURN cash_write_off_answer(latest_write_off(holder, number), 'approved', latest.status <> 'PROPOSED', place);
END;
$$;

CREATE FUNCTION bakkt_ledger.approve_cash_call_write_offs(client text, calls bigint[], at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF cash_write_off_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
BEGIN
    PERFORM require_instant(at);
    IF calls IS NULL THEN
        PERFORM refuse_invalid('approving needs an array of cash calls');
    END IF;
    PERFORM require_batch_size(cardinality(calls));
    RETURN QUERY
    SELECT a.*
    FROM (SELECT n.number, n.place
          FROM unnest(calls) WITH ORDINALITY AS n (number, place)
          ORDER BY n.number, n.place) AS c
    CROSS JOIN LATERAL approve_cash_write_off(holder, c.number, at, c.place) AS a
    ORDER BY a.request;
END;
$$;
COMMENT ON FUNCTION approve_cash_call_write_offs IS
'Approves the proposed write-offs of several cash calls, all or none; a row per call.
Errors: LG002 for NULL, 54000 for more than one call may bring, and those of approve_cash_call_write_off().';

CREATE FUNCTION bakkt_ledger.approve_cash_call_write_off(client text, call bigint, at timestamptz DEFAULT clock_timestamp())
    RETURNS cash_write_off_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN approve_cash_call_write_offs(client, ARRAY[call], at);
END;
$$;
COMMENT ON FUNCTION approve_cash_call_write_off IS
'Approves the proposed write-off of a cash call; it is charged once its month has begun.
The proposer cannot approve it, nor a login that can act as the proposer''s or as which the proposer can act, nor one whose
limit is lower (LG067, I25).
Errors: LG082 unknown call, LG083 not proposed, declined, or the call has been settled or busted since, LG010, 42501, LG061,
LG002.';

CREATE FUNCTION bakkt_ledger.decline_cash_call_write_off(client text, call bigint, reason text,
                                                         at timestamptz DEFAULT clock_timestamp())
    RETURNS cash_write_off_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    what constant text := format('the write-off of cash call %s', call);
    latest cash_write_off_state;
BEGIN
    PERFORM require_instant(at);
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('declining a write-off needs a reason', NULL, 'Say why in a few words.');
    END IF;
    latest := lock_write_off(holder, call);
    PERFORM require_other_login(latest.proposed_by, latest.proposed_role, what);
    IF latest.status IN ('LAPSED', 'CHARGED') THEN
        PERFORM refuse_cash_call_state(require_cash_call(holder, call), 'has no write-off to decline',
                                       format('Its write-off is %s.', lower(latest.status)));
    END IF;
    PERFORM decline(latest_approval(holder, 'cash_write_off', write_off_key(latest)), what, at, reason);
    RETURN cash_write_off_answer(latest_write_off(holder, call), 'declined', latest.status = 'DECLINED', 1);
END;
$$;
COMMENT ON FUNCTION decline_cash_call_write_off IS
'Declines the write-off of a cash call, even an approved one until it is charged.
The call stays outstanding and is proposed again only by hand.
Errors: LG082 unknown call, LG083 not proposed, lapsed or charged, LG067 for its proposer, LG002 no reason, LG010, 42501, LG061.';
