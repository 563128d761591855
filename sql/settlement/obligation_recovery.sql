-- Recovering what was written off of an obligation, when its counterparty pays late: in the reverse
-- order of the write-off, as cash calls are (J05e).
-- Refuses obligations of which nothing stands written off (LG071), more than stands (LG086).
-- Locks: lock_settlement().

INSERT INTO template (template, journal_kind, purpose) VALUES
    ('recover_client_obligation', 'cash_recovery',
     'what was written off is paid late: bad debt is made whole first, then the share'),
    ('recover_provider_obligation', 'cash_recovery', 'what was written off of a provider is paid or delivered late');
INSERT INTO template_line (template, line, side, account_kind, parties, amount) VALUES
    ('recover_client_obligation', 1, 'debit', 'corp_client_unapplied', '{counterparty}', 'amount'),
    ('recover_client_obligation', 2, 'credit', 'corp_bad_debt', '{}', 'bad_debt'),
    ('recover_client_obligation', 3, 'credit', 'corp_revenue_share', '{counterparty}', 'share'),
    ('recover_provider_obligation', 1, 'debit', 'corp_provider_unapplied', '{counterparty}', 'amount'),
    ('recover_provider_obligation', 2, 'credit', 'corp_bad_debt', '{}', 'bad_debt');

CREATE TYPE bakkt_ledger_internal.obligation_write_off AS (total amount, bad_debt amount);
COMMENT ON TYPE obligation_write_off IS
'Internal: what was written off of an obligation, and how much of it became bad debt; the rest was charged to the share.';

-- What was written off of an obligation, from the journal that did; LG071 unless it is written off.
CREATE FUNCTION bakkt_ledger_internal.written_off_of(owed obligation) RETURNS obligation_write_off
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    charged obligation_write_off;
BEGIN
    PERFORM next_obligation_status(owed, 'recovered');
    SELECT e.amount, coalesce(sum(l.amount), zero(owed.asset)) INTO STRICT charged
    FROM event AS e
    JOIN journal AS j ON j.client_id = e.client_id AND j.journal_id = e.journal_id
    LEFT JOIN LATERAL lines(j.entry) AS l ON l.account = known_account(owed.client_id, 'corp_bad_debt', owed.asset)
    WHERE e.client_id = owed.client_id AND e.subject = 'obligation' AND e.subject_key = owed.obligation_id::text
      AND e.event = 'written_off'
    GROUP BY e.amount;
    RETURN charged;
END;
$$;

-- The amount to recover: as given, or all that stands and there is; LG042 another asset, LG086 more
-- than stands.
CREATE FUNCTION bakkt_ledger_internal.require_obligation_recoverable(owed obligation, held unapplied_payment, wanted amount,
                                                                     standing amount)
    RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF (held.counterparty_kind, held.counterparty) <> (owed.counterparty_kind, owed.counterparty) THEN
        PERFORM refuse_invalid(format('unapplied payment %s is not of %s', held.unapplied_id, owed.counterparty),
                               format('It came from %s.', held.counterparty));
    ELSIF held.asset <> owed.asset THEN
        PERFORM refuse('LG042', format('obligation %s is in %s', owed.obligation_id, owed.asset),
                       format('Unapplied payment %s is in %s.', held.unapplied_id, held.asset));
    ELSIF is_zero(standing) THEN
        PERFORM refuse('LG071', format('obligation %s has been recovered', owed.obligation_id));
    ELSIF wanted > standing THEN
        PERFORM refuse('LG086', format('more than was written off of obligation %s', owed.obligation_id),
                       format('%s stand written off, and %s would be recovered.', standing, wanted),
                       'Without an amount, all that stands is recovered.');
    END IF;
    RETURN require_unapplied_amount(held, coalesce(wanted, least(standing, unapplied_rest(held))));
END;
$$;

CREATE FUNCTION bakkt_ledger.recover_obligation(client text, obligation bigint, unapplied bigint, reference text,
                                                amount amount DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF obligation_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked constant request := open_settlement_request('recover_obligation', holder, reference,
                                                      jsonb_build_object('obligation', obligation, 'unapplied', unapplied,
                                                                         'amount', amount), at);
    owed constant obligation := require_obligation(holder, obligation);
    held constant unapplied_payment := require_unapplied(holder, unapplied);
    charged obligation_write_off;
    worth amount;
    bad_debt amount;
    posted bigint;
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN QUERY SELECT a.* FROM first_obligation_answers(asked) AS a;
        RETURN;
    END IF;
    charged := written_off_of(owed);
    worth := require_obligation_recoverable(owed, held, amount, charged.total - owed.recovered);
    bad_debt := least(worth, greatest(charged.bad_debt - owed.recovered, zero(owed.asset)));
    posted := (post_template(holder, format('recover_%s_obligation', owed.counterparty_kind), reference,
                             jsonb_build_object('counterparty', owed.counterparty),
                             jsonb_build_object('amount', worth, 'bad_debt', bad_debt, 'share', worth - bad_debt), at,
                             format('Recovery of obligation %s', obligation))).journal;
    RETURN QUERY
    SELECT a.*
    FROM unnest(close_request(asked, obligation_answers(asked, 'recovered',
                                                        change_obligations(asked, 'recovered', ARRAY[owed], ARRAY[worth], posted),
                                                        ARRAY[worth], posted)
                                     || book_unapplied(asked, taken_from(held, worth), posted))) AS a;
END;
$$;
COMMENT ON FUNCTION recover_obligation IS
'Recovers what was written off of an obligation with what its counterparty has paid or delivered late, which is unapplied.
Bad debt is made whole first, then the client''s share of revenue (as J05e). amount: NULL for all that stands and is there. A row
for the obligation, and one (outcome applied) for what was taken. Idempotent by reference: the first answer again, LG020 if the
content differs.
Errors: LG002, LG010, LG020, LG042, LG045, LG061, LG071 not written off or recovered, LG073 unknown, LG074 more than is unapplied,
LG086 more than stands.';
