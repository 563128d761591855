-- Deficits: what returned deposits left uncovered, how they are recovered, and adjustments by hand.
-- Refuses more than is in deficit (LG086) or available (LG050).
-- Locks the customer's cash.

CREATE FUNCTION bakkt_ledger_internal.deficit_of(asked account, at timestamptz) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(sum_for((asked).account, j.entry), zero((asked).asset)) FROM account_journals(asked, '-infinity', 'infinity') j
    WHERE j.effective_at <= deficit_of.at
$$;
COMMENT ON FUNCTION deficit_of(account, timestamptz) IS
    'Internal: balance of a customer''s deficit account, debit positive, as of the instant by effective time.';

CREATE FUNCTION bakkt_ledger_internal.customer_deficit(client_id integer, customer_id bigint, asset asset) RETURNS amount
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT coalesce(sum(deficit_of(a, 'infinity')), zero($3)) FROM account a
    WHERE a.client_id = $1 AND a.customer_id = $2 AND a.asset = $3 AND a.kind = 'corp_deficit'
$$;
COMMENT ON FUNCTION customer_deficit(integer, bigint, asset) IS
    'Internal: what the company has paid for a customer''s deficit and not yet recovered; the customer cannot withdraw it.';

CREATE FUNCTION bakkt_ledger_internal.recovered_amount(client_id integer, reference text, settled account_id, amount amount) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    earlier amount;
BEGIN
    SELECT coalesce(amount_of(j.entry, settled), zero(asset(amount))) INTO earlier FROM journal j
    WHERE j.client_id = recovered_amount.client_id AND j.reference = 'funding:recovery:' || recovered_amount.reference;
    IF FOUND AND amount IS NOT NULL THEN
        PERFORM refuse_other_content('Recovery', reference, jsonb_build_object('amount', earlier), jsonb_build_object('amount', amount));
    END IF;
    RETURN earlier;
END;
$$;
COMMENT ON FUNCTION recovered_amount(integer, text, account_id, amount) IS
    'Internal: the amount of the recovery under the reference, NULL if the reference is new; LG020 when the amount differs.';

CREATE FUNCTION bakkt_ledger.recover_deficit(account text, reference text, amount amount DEFAULT NULL, at timestamptz DEFAULT clock_timestamp(), asset asset DEFAULT NULL)
    RETURNS TABLE (journal bigint, replayed boolean, recovered amount, deficit amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    owner       constant bigint := require_customer(account);
    owning      constant integer := (SELECT c.client_id FROM customer c WHERE c.customer_id = owner);
    money       constant asset := coalesce(asset(amount), asset, 'USD');
    settled     account_id;
    owed        account;
    taken       amount;
    posted      journal_result;
BEGIN
    PERFORM require_instant(at), require_fiat('a recovery', zero(money));
    IF asset <> money THEN
        RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('%s is not of %s', amount, asset);
    ELSIF coalesce(octet_length(reference), 0) NOT BETWEEN 1 AND 180 THEN
        PERFORM refuse_invalid('a recovery needs a reference', NULL, 'Give one of 1 to 180 bytes.');
    END IF;
    PERFORM lock_customer_cash(owner);
    settled := ensure_account(owning, 'FBO', split_part(cash_account(owner, 'settled'), ' ', 2), money);
    owed.account := ensure_account(owning, 'CORP', split_part(cash_account(owner, 'deficit'), ' ', 2), money);
    owed := require_account(owed.account);
    deficit := deficit_of(owed, 'infinity');
    taken := recovered_amount(owning, reference, settled, amount);
    replayed := taken IS NOT NULL;
    IF NOT replayed THEN
        taken := require_recoverable(deficit, amount, spendable(owning, settled, at));
        deficit := deficit - taken;
    END IF;
    posted := post_entry(owning, 'funding:recovery:' || reference, 'cash_recovery',
        cash_entry(owning, money, ARRAY[cash_account(owner, 'settled'), 'FBO DueTo:CORP', 'CORP DueFrom:FBO', cash_account(owner, 'deficit')],
                   ARRAY[taken, -taken, taken, -taken]), CASE WHEN NOT replayed THEN at END, format('Deficit recovered: "%s"', reference));
    PERFORM offset_due_from_company(owning, money, at) WHERE NOT replayed;
    RETURN QUERY SELECT posted.journal, replayed, taken, deficit;
END;
$$;
COMMENT ON FUNCTION recover_deficit(text, text, amount, timestamptz, asset) IS
    'Recovers a customer''s deficit from the customer''s settled cash: the given amount, or as much as possible. Returns what '
    'was recovered and what is still in deficit; repeating it returns the original result, with another amount LG020. Raises '
    'LG012, LG002 no reference, LG045, LG086 more than is in deficit, LG050 not available, LG033 frozen, LG061, LG040, LG041, '
    'LG042 no currency or not that of the amount. Without an amount and an asset: USD.';

CREATE FUNCTION bakkt_ledger_internal.require_recoverable(deficit amount, amount amount, free amount) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF amount IS NOT NULL THEN
        PERFORM require_positive(amount);
    END IF;
    IF sign(deficit) <= 0 OR amount > deficit THEN
        RAISE EXCEPTION USING ERRCODE = 'LG086', MESSAGE = 'more than is in deficit',
            DETAIL = format('%s in deficit, %s to be recovered.', deficit, coalesce(amount::text, 'all')),
            HINT = 'deficits() lists who owes how much; without an amount, as much as there is is recovered.';
    ELSIF amount IS NULL AND is_zero(free) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG050', MESSAGE = 'the customer has no cash to recover from', HINT = 'Try again when the customer has been funded.';
    END IF;
    RETURN coalesce(amount, least(deficit, free));
END;
$$;
COMMENT ON FUNCTION require_recoverable(amount, amount, amount) IS
    'Internal: how much of a deficit to recover; LG045, LG086 more than there is, LG050 nothing to take it from.';

CREATE FUNCTION bakkt_ledger.deficits(client text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS TABLE (client_code text, account text, deficit amount, since timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    wanted  constant integer[] := CASE WHEN client IS NULL THEN visible_clients() ELSE ARRAY[require_client(client)] END;
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT l.code, c.account_code, owed.deficit,
           (SELECT min(j.effective_at) FROM account_journals(a, '-infinity', 'infinity') j)
    FROM account a
    JOIN client l USING (client_id)
    JOIN customer c ON c.customer_id = a.customer_id
    CROSS JOIN LATERAL (SELECT deficit_of(a, deficits.at) AS deficit) AS owed
    WHERE a.client_id = ANY (wanted) AND a.kind = 'corp_deficit' AND NOT is_zero(owed.deficit)
    ORDER BY l.code, c.account_code, a.asset;
END;
$$;
COMMENT ON FUNCTION deficits(text, timestamptz) IS
    'The customers whose returned deposits or fees were not covered by their cash, as of the instant by effective time: how '
    'much, and since when. Of one client, or of all that the caller sees. Raises LG010, 42501, LG061.';

CREATE FUNCTION bakkt_ledger_internal.require_scale(amount amount) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    IF scale(trim_scale(value(amount))) > (SELECT s.scale FROM supported_asset s WHERE s.asset = asset(require_scale.amount)) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG043', MESSAGE = format('amount has more decimals than asset "%s"', asset(amount)), DETAIL = format('The amount is %s.', amount);
    END IF;
END;
$$;
COMMENT ON FUNCTION require_scale(amount) IS 'Internal: raises LG043 when the amount has more decimals than its asset.';

CREATE FUNCTION bakkt_ledger.propose_cash_adjustment(account text, amount amount, reason text, reference text, note text DEFAULT NULL, effective_at timestamptz DEFAULT NULL,
                                        at timestamptz DEFAULT clock_timestamp()) RETURNS proposal
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owner   constant bigint := require_customer(propose_cash_adjustment.account);
    owning  constant integer := (SELECT c.client_id FROM customer c WHERE c.customer_id = owner);
BEGIN
    PERFORM require_instant(at), require_instant(coalesce(effective_at, at));
    IF NOT EXISTS (SELECT FROM adjustment_reason r WHERE r.reason = propose_cash_adjustment.reason) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG085', MESSAGE = format('unknown reason "%s" of an adjustment', coalesce(reason, 'NULL')),
            HINT = 'Table adjustment_reason has the reason codes.';
    ELSIF reason = 'OTHER_ADJUSTMENT' AND coalesce(note, '') = '' THEN
        PERFORM refuse_invalid('an adjustment for no listed reason needs a note', NULL, 'Say in the note what it is for.');
    ELSIF amount IS NULL OR is_zero(amount) THEN
        RAISE EXCEPTION USING ERRCODE = 'LG044', MESSAGE = 'an adjustment cannot be zero', HINT = 'Positive gives to the customer, negative takes.';
    END IF;
    PERFORM require_fiat('an adjustment', amount), require_scale(amount);
    RETURN propose_journal(
        cash_entry(owning, asset(amount), ARRAY['FBO DueTo:CORP', cash_account(owner, 'settled'), 'CORP Expense:customer-adjustment', 'CORP DueFrom:FBO'],
                   ARRAY[amount, -amount, amount, -amount]), reason, reference, note, effective_at, at);
END;
$$;
COMMENT ON FUNCTION propose_cash_adjustment(text, amount, text, text, text, timestamptz, timestamptz) IS
    'Proposes an adjustment of a customer''s settled cash by hand, with a code of adjustment_reason: a positive amount gives '
    'the customer company money in the FBO account, a negative one takes it back. Nothing is posted until another person calls '
    'approve_journal() with the reference (I25); decline_journal() declines it. Idempotent by reference (LG020). Raises LG012, '
    'LG085 unknown reason, LG044 zero, LG042 no currency, LG002 no reference, or OTHER_ADJUSTMENT without a note, LG040, LG041, '
    'LG043 asset, LG061.';
