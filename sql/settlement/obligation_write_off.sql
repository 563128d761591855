-- Writing off what is outstanding of an obligation; one proposes, another approves.
-- Refuses the proposer (LG067), states that do not allow it (LG071).
-- Locks the client's settlement.

CREATE FUNCTION bakkt_ledger.propose_write_off(client text, obligation bigint, reference text, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder integer := require_client(client);
    owed obligation;
BEGIN
    PERFORM lock_settlement(holder);
    owed := require_obligation(holder, obligation);
    IF reason IS NULL OR reason NOT IN ('PARTNER_WRITE_OFF', 'BAKKT_WRITE_OFF')
       OR reason = 'PARTNER_WRITE_OFF' AND owed.counterparty_kind <> 'client' THEN
        PERFORM refuse_invalid('reason of a write-off is PARTNER_WRITE_OFF or BAKKT_WRITE_OFF', format('Reason: "%s".', reason),
                               'PARTNER_WRITE_OFF is charged to the client''s revenue share first and is for the client''s own obligation.');
    ELSIF owed.payer = 'BAKKT' THEN
        PERFORM refuse_invalid('what the company owes cannot be written off', format('Obligation %s is owed to %s.', obligation, owed.payee));
    END IF;
    IF NOT requested_before(holder, reference,
                            jsonb_build_object('operation', 'propose_write_off', 'obligation', obligation, 'reason', reason), at) THEN
        PERFORM check_transition('obligation', obligation::text, owed.state, 'WRITTEN_OFF');
    END IF;
    RETURN outstanding(owed);
END;
$$;
COMMENT ON FUNCTION propose_write_off(text, bigint, text, text, timestamptz) IS
    'Proposes to write off what is outstanding of an obligation, and returns that amount. Nothing is posted until another '
    'person calls approve_write_off() with the same reference. Reasons: PARTNER_WRITE_OFF, BAKKT_WRITE_OFF. LG002, LG071, '
    'LG073, LG020.';

CREATE FUNCTION bakkt_ledger.approve_write_off(client text, reference text, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_payment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    holder integer := require_client(client);
    proposal settlement_request;
    owed obligation;
    posted journal_result;
BEGIN
    PERFORM lock_settlement(holder);
    SELECT * INTO proposal FROM settlement_request r
    WHERE r.client_id = holder AND r.reference = approve_write_off.reference AND r.request ->> 'operation' = 'propose_write_off';
    IF NOT FOUND THEN
        PERFORM refuse_invalid(format('no write-off was proposed with reference "%s"', approve_write_off.reference));
    END IF;
    IF NOT EXISTS (SELECT FROM payments_of(holder, reference)) THEN
        PERFORM require_second_person(proposal.login, proposal.login_role, format('write-off "%s"', reference));
        owed := require_obligation(holder, (proposal.request ->> 'obligation')::bigint);
        PERFORM check_transition('obligation', owed.obligation_id::text, owed.state, 'WRITTEN_OFF');
        posted := post_entry(holder, reference, 'manual', write_off_entry(owed, client, proposal.request ->> 'reason'), at,
                             format('Write-off of obligation %s, proposed by %s', owed.obligation_id, proposal.login));
        PERFORM change_obligation(owed, 'written_off', 'WRITTEN_OFF', outstanding(owed), at, reference, posted.journal,
                                  proposal.request ->> 'reason');
    END IF;
    RETURN QUERY SELECT * FROM payments_of(holder, reference);
END;
$$;
COMMENT ON FUNCTION approve_write_off(text, text, timestamptz) IS
    'Writes off what is outstanding of the obligation named in a proposal: for PARTNER_WRITE_OFF from the client''s revenue '
    'share first; the rest to bad debt (as J05c). LG067 when the proposer approves, LG002 without a proposal, LG071.';

CREATE FUNCTION bakkt_ledger_internal.write_off_entry(owed obligation, client text, reason text) RETURNS journal_entry
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    rest amount := outstanding(owed);
    share account_id := ensure_account(owed.client_id, 'CORP', 'RevShare:payable:' || client, owed.asset);
    from_share amount := zero(owed.asset);
BEGIN
    IF reason = 'PARTNER_WRITE_OFF' THEN
        PERFORM lock_revenue_share(owed.client_id);
        from_share := least(rest, revenue_share_accrued(owed.client_id, owed.asset));
    END IF;
    RETURN (SELECT journal_entry(l.account, l.amount ORDER BY l.place)
            FROM (VALUES (1, share, from_share),
                         (2, ensure_account(owed.client_id, 'CORP', 'Expense:bad-debt', owed.asset), rest - from_share),
                         (3, ensure_account(owed.client_id, 'CORP',
                                            novated_name(owed.counterparty_kind, owed.counterparty, owed.window_no), owed.asset), -rest)
                 ) AS l (place, account, amount)
            WHERE NOT is_zero(l.amount));
END;
$$;
COMMENT ON FUNCTION write_off_entry(obligation, text, text) IS
    'Internal: the journal of a write-off, lines in the order of golden journal J05c.';
