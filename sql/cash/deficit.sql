-- Deficits: what returned deposits and taken back coin left uncovered, how they are recovered, and
-- adjustments by hand.
-- Refuses more than is in deficit (LG086) or available (LG050).
-- Locks the customer's cash, then, of coin, the client's shortfall.

-- ---------------------------------------------------------------------------
-- Recovery
-- ---------------------------------------------------------------------------

-- What the company has made good for a customer and not yet got back; it cannot be withdrawn.
CREATE FUNCTION bakkt_ledger_internal.customer_deficit(owner customer, unit asset, moment timestamptz DEFAULT 'infinity')
    RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT coalesce(sum(effective_balance(a, moment)), zero(unit))
            FROM account AS a
            WHERE a.customer_id = owner.customer_id AND a.asset = unit AND a.kind = 'corp_deficit');
END;
$$;

-- How much of a deficit to recover; LG045, LG086 more than there is, LG050 nothing to take it from.
CREATE FUNCTION bakkt_ledger_internal.require_recoverable(owed amount, wanted amount, free amount) RETURNS amount
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF wanted IS NOT NULL THEN
        PERFORM require_positive(wanted);
    END IF;
    IF sign(owed) <= 0 OR wanted > owed THEN
        PERFORM refuse('LG086', 'more than is in deficit',
                       format('%s in deficit, %s asked for.', owed, coalesce(wanted::text, 'all')),
                       'deficits() lists who owes how much; without an amount, as much as there is is recovered.');
    ELSIF wanted IS NULL AND is_zero(free) THEN
        PERFORM refuse('LG050', 'the customer has nothing to recover from', NULL, 'Try again when the customer has been funded.');
    END IF;
    RETURN coalesce(wanted, least(owed, free));
END;
$$;

CREATE TYPE bakkt_ledger.deficit_recovery_result AS (
    reference text,
    outcome text,
    replayed boolean,
    customer text,
    amount amount,
    deficit amount,
    at timestamptz,
    journal bigint
);
COMMENT ON TYPE deficit_recovery_result IS
'What was recovered of a customer''s deficit.
outcome: posted. replayed: it had been recovered before, and the columns are those of the first answer. amount: what was taken
out of the customer''s cash or coin. deficit: what was left of it then. Both are positive.';

-- Takes a deficit back out of the coin of a customer, who is locked: what the company still owes
-- for it goes down, and of what it has covered the fund owes it as much.
CREATE FUNCTION bakkt_ledger_internal.recover_from_coin(owner customer, unit asset, named text, wanted amount, moment timestamptz)
    RETURNS deficit_recovery_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    shortfall constant coin_shortfall := lock_coin_shortfall(owner.client_id, unit);
    owed constant amount := customer_deficit(owner, unit);
    claim constant account_id := account_of_kind(owner.client_id, 'cust_coin', unit, owner.customer_code);
    taken constant amount := require_recoverable(owed, wanted, spendable(owner.client_id, claim, moment));
    uncovered constant amount := least(taken, shortfall.owed);
    posted journal_result;
BEGIN
    posted := post_template(owner.client_id, 'coin_deficit_recovered', 'funding:recovery:' || named,
                            jsonb_build_object('customer', owner.customer_code),
                            jsonb_build_object('amount', taken, 'uncovered', uncovered, 'covered', taken - uncovered), moment,
                            format('Deficit recovered: "%s"', named));
    PERFORM change_coin_shortfall(shortfall, 'recovered', -uncovered, posted.journal, moment, named);
    RETURN (named, posted.outcome, false, owner.customer_code, taken, owed - taken, moment, posted.journal);
END;
$$;

-- Takes a deficit back out of the cash of a customer, which is locked; then what the company owes
-- is set off.
CREATE FUNCTION bakkt_ledger_internal.recover_from_cash(owner customer, unit asset, named text, wanted amount, moment timestamptz)
    RETURNS deficit_recovery_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owed constant amount := customer_deficit(owner, unit);
    taken constant amount := require_recoverable(owed, wanted, spendable(owner.client_id, settled_account(owner, unit), moment));
    posted journal_result;
BEGIN
    posted := post_template(owner.client_id, 'deficit_recovered', 'funding:recovery:' || named,
                            jsonb_build_object('customer', owner.customer_code), jsonb_build_object('amount', taken), moment,
                            format('Deficit recovered: "%s"', named));
    PERFORM offset_due_from_company(owner.client_id, unit, moment);
    RETURN (named, posted.outcome, false, owner.customer_code, taken, owed - taken, moment, posted.journal);
END;
$$;

CREATE FUNCTION bakkt_ledger.recover_deficit(customer text, reference text, amount amount DEFAULT NULL, asset asset DEFAULT NULL,
                                             at timestamptz DEFAULT clock_timestamp())
    RETURNS deficit_recovery_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    unit constant asset := coalesce(asset(amount), asset, 'USD');
    owner customer;
    asked request;
BEGIN
    PERFORM require_instant(at), require_asset(unit);
    IF asset <> unit THEN
        PERFORM refuse('LG042', format('%s is not of %s', amount, asset));
    END IF;
    PERFORM require_reference(reference, 'a recovery', 180);
    owner := lock_cash_of(customer);
    asked := open_request('recover_deficit', 'deficit', owner.client_id, reference,
                          jsonb_build_object('customer', owner.customer_code, 'amount', amount, 'asset', unit), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::deficit_recovery_result);
    END IF;
    RETURN close_request(asked, CASE WHEN is_coin(unit) THEN recover_from_coin(owner, unit, reference, amount, at)
                                     ELSE recover_from_cash(owner, unit, reference, amount, at) END);
END;
$$;
COMMENT ON FUNCTION recover_deficit IS
'Recovers a customer''s deficit from the customer''s settled cash, or of coin from the coin that the customer may use.
amount: NULL: as much as possible, of the asset, or else USD. What holds bind stays bound. The same request again gets the first
answer.
Errors: LG012, LG002 no reference, LG020 other content, LG045 not positive, LG086 more than is in deficit, LG050 not available,
LG033 frozen, LG061, LG040, LG041, LG042 not the asset of the amount.';

CREATE TYPE bakkt_ledger.deficit_line AS (
    client text,
    customer text,
    deficit amount,
    since timestamptz
);
COMMENT ON TYPE deficit_line IS
'What a customer owes because returned deposits, fees or coin that was taken back were not covered: how much, positive, and since
when it has not been zero.';

-- Since when, by effective time, an account has not been zero at the instant.
CREATE FUNCTION bakkt_ledger_internal.not_zero_since(asked account, moment timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (WITH stood AS (
                SELECT j.effective_at, j.journal_id,
                       sum(amount_of(j.entry, asked.account)) OVER (ORDER BY j.effective_at, j.journal_id) AS posted
                FROM account_journals(asked, '-infinity', 'infinity') AS j
                WHERE j.effective_at <= moment
            )
            SELECT min(s.effective_at)
            FROM stood AS s
            WHERE NOT EXISTS (SELECT FROM stood AS z
                              WHERE is_zero(z.posted)
                                AND (z.effective_at, z.journal_id) >= (s.effective_at, s.journal_id)));
END;
$$;

CREATE FUNCTION bakkt_ledger.deficits(client text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS SETOF deficit_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant integer[] := clients_asked(client);
BEGIN
    PERFORM require_instant(at);
    RETURN QUERY
    SELECT l.code, c.customer_code, o.owed, not_zero_since(a, deficits.at)
    FROM client AS l
    JOIN account AS a ON a.client_id = l.client_id AND a.kind = 'corp_deficit'
    JOIN customer AS c ON c.customer_id = a.customer_id
    CROSS JOIN LATERAL (SELECT effective_balance(a, deficits.at)) AS o (owed)
    WHERE l.client_id = ANY (asked) AND NOT is_zero(o.owed)
    ORDER BY l.code, c.customer_code, a.asset;
END;
$$;
COMMENT ON FUNCTION deficits IS
'The customers whose returned deposits or fees were not covered by their cash, or who had spent coin that was taken back.
As of the instant by effective time; a bust has its execution''s. Of one client, or of all that the caller sees.
Errors: LG010, 42501, LG061.';

-- ---------------------------------------------------------------------------
-- Adjustments by hand
-- ---------------------------------------------------------------------------

-- LG085, LG002, LG044, LG042, LG040, LG041, LG043 unless an amount may be adjusted for the reason.
CREATE FUNCTION bakkt_ledger_internal.require_adjustable(worth amount, why text, remark text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM adjustment_reason AS r WHERE r.reason = why) THEN
        PERFORM refuse('LG085', format('unknown reason "%s" of an adjustment', coalesce(why, 'NULL')), NULL,
                       'View adjustment_reason has the reason codes.', jsonb_build_object('reason', why));
    ELSIF why = 'OTHER_ADJUSTMENT' AND coalesce(remark, '') = '' THEN
        PERFORM refuse_invalid('an adjustment for no listed reason needs a note', NULL, 'Say in the note what it is for.');
    ELSIF worth IS NULL OR is_zero(worth) THEN
        PERFORM refuse('LG044', 'an adjustment cannot be zero', NULL, 'Positive gives to the customer, negative takes.');
    END IF;
    PERFORM require_fiat('an adjustment', worth);
    IF NOT fits_decimals(worth, (SELECT s.scale FROM supported_asset AS s WHERE s.asset = asset(worth))) THEN
        PERFORM refuse('LG043', format('amount has more decimals than asset "%s"', asset(worth)),
                       format('The amount is %s.', worth));
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.propose_cash_adjustment(customer text, amount amount, reference text, reason text,
                                                     note text DEFAULT NULL, effective_at timestamptz DEFAULT NULL,
                                                     at timestamptz DEFAULT clock_timestamp())
    RETURNS proposal_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    owner constant customer := customer_row(require_customer(customer));
BEGIN
    PERFORM require_instant(at), require_instant(coalesce(effective_at, at)), require_adjustable(amount, reason, note);
    RETURN propose_journal((client_row(owner.client_id)).code,
                           template_entry(owner.client_id, 'cash_adjusted', jsonb_build_object('customer', owner.customer_code),
                                          jsonb_build_object('amount', amount)),
                           reference, reason, note, effective_at, at => at);
END;
$$;
COMMENT ON FUNCTION propose_cash_adjustment IS
'Proposes an adjustment of a customer''s settled cash by hand.
A positive amount gives the customer company money in the FBO account, a negative one takes it back. reason: a code of
adjustment_reason. Nothing is posted until another person calls approve_journal() with the reference (I25); decline_journal()
declines it. The same request again gets the first answer.
Errors: LG012, LG085 unknown reason, LG044 zero, LG042 no currency, LG002 no reference, or OTHER_ADJUSTMENT without a note,
LG020 other content, LG040, LG041, LG043 asset, LG061.';
