-- Approving and declining the write-off of a cash call.
-- Refuses the proposer and logins that either could become (LG067), calls without a standing
-- proposal (LG083).
-- Locks the proposal's row.

CREATE FUNCTION bakkt_ledger_internal.lock_write_off(client_id integer, call bigint) RETURNS cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    asked   constant cash_call := require_cash_call(lock_write_off.client_id, lock_write_off.call);
    result  cash_write_off := latest_write_off(asked.client_id, asked.journal_id);
BEGIN
    PERFORM bounded_wait();
    SELECT w.* INTO result FROM cash_write_off w
     WHERE w.client_id = asked.client_id AND w.journal_id = asked.journal_id AND w.proposal_no = result.proposal_no FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse_cash_call_state(asked, 'is not proposed for write-off');
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION lock_write_off(integer, bigint) IS
    'Internal: the last proposal to write the cash call off, locked; LG082 unknown call, LG083 never proposed.';

CREATE FUNCTION bakkt_ledger.approve_cash_call_write_off(client text, call bigint, at timestamptz DEFAULT clock_timestamp()) RETURNS cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(approve_cash_call_write_off.client);
    result  cash_write_off;
    asked   cash_call;
BEGIN
    PERFORM require_instant(at);
    result := lock_write_off(owning, approve_cash_call_write_off.call);
    PERFORM require_second_person(result.proposed_by, result.proposed_role, format('the write-off of cash call %s', result.journal_id));
    asked := require_cash_call(owning, approve_cash_call_write_off.call);
    IF result.status IN ('APPROVED', 'CHARGED') THEN
        RETURN result;
    ELSIF result.status <> 'PROPOSED' OR asked.status <> 'O' THEN
        PERFORM refuse_cash_call_state(asked, 'can no longer be written off', format('Its write-off is %s.',
            CASE result.status WHEN 'PROPOSED' THEN 'lapsed' ELSE lower(result.status) END));
    END IF;
    UPDATE cash_write_off w SET status = 'APPROVED', approved_by = session_login(), approved_at = approve_cash_call_write_off.at
     WHERE w.client_id = result.client_id AND w.journal_id = result.journal_id AND w.proposal_no = result.proposal_no
    RETURNING w.* INTO result;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION approve_cash_call_write_off(text, bigint, timestamptz) IS
    'Approves the proposed write-off of a cash call; it is charged once its month has begun. The proposer cannot approve it, '
    'nor a login that can act as the proposer''s or as which the proposer can act (LG067, I25). Safe to repeat. Raises LG082 '
    'unknown call, LG083 not proposed, declined, or the call has been settled or busted since, LG010, 42501, LG061, LG002.';

CREATE FUNCTION bakkt_ledger.approve_cash_call_write_offs(client text, calls bigint[], at timestamptz DEFAULT clock_timestamp()) RETURNS SETOF cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    call    bigint;
BEGIN
    IF calls IS NULL THEN
        PERFORM refuse_invalid('approving needs an array of cash calls');
    END IF;
    PERFORM require_batch_size(cardinality(calls));
    FOR call IN SELECT DISTINCT n FROM unnest(calls) AS n ORDER BY n LOOP
        RETURN NEXT approve_cash_call_write_off(client, call, at);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION approve_cash_call_write_offs(text, bigint[], timestamptz) IS
    'Approves the proposed write-offs of several cash calls, all or none; see approve_cash_call_write_off(). LG002 for NULL, '
    '54000 for more than one call may bring.';

CREATE FUNCTION bakkt_ledger.decline_cash_call_write_off(client text, call bigint, reason text, at timestamptz DEFAULT clock_timestamp()) RETURNS cash_write_off
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(decline_cash_call_write_off.client);
    result  cash_write_off;
BEGIN
    PERFORM require_instant(at);
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('declining a write-off needs a reason', NULL, 'Say why in a few words.');
    END IF;
    result := lock_write_off(owning, decline_cash_call_write_off.call);
    PERFORM require_other_login(result.proposed_by, result.proposed_role, format('the write-off of cash call %s', result.journal_id));
    IF result.status = 'DECLINED' THEN
        RETURN result;
    ELSIF result.status NOT IN ('PROPOSED', 'APPROVED') THEN
        PERFORM refuse_cash_call_state(require_cash_call(owning, decline_cash_call_write_off.call), 'has no write-off to decline',
                                       format('Its write-off is %s.', lower(result.status)));
    END IF;
    UPDATE cash_write_off w
       SET status = 'DECLINED', declined_by = session_login(), declined_at = decline_cash_call_write_off.at, decline_reason = decline_cash_call_write_off.reason
     WHERE w.client_id = result.client_id AND w.journal_id = result.journal_id AND w.proposal_no = result.proposal_no
    RETURNING w.* INTO result;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION decline_cash_call_write_off(text, bigint, text, timestamptz) IS
    'Declines the write-off of a cash call, even an approved one until it is charged; the call stays outstanding and is '
    'proposed again only by hand. Safe to repeat. Raises LG082 unknown call, LG083 not proposed, lapsed or charged, LG067 for '
    'its proposer, LG002 no reason, LG010, 42501, LG061.';
