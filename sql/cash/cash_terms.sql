-- The terms of customers' cash, per client (doc/cash.md); a client without a row has the defaults.
-- Refuses terms that are not valid (LG002), or not of a currency (LG040 to LG042).
-- Locks the client's row to change them.

CREATE TABLE bakkt_ledger_internal.cash_terms (
    client_id integer PRIMARY KEY REFERENCES client,
    encumber_unpaid boolean NOT NULL DEFAULT false,
    prefunded boolean NOT NULL DEFAULT false,
    credit_failed_sells boolean NOT NULL DEFAULT false,
    reserve_open_orders boolean NOT NULL DEFAULT true,
    settlement_flow text NOT NULL DEFAULT 'NET' CHECK (settlement_flow IN ('NET', 'GROSS')),
    write_off_days integer NOT NULL DEFAULT 30 CHECK (write_off_days BETWEEN 1 AND 3650),
    availability_days integer NOT NULL DEFAULT 3 CHECK (availability_days BETWEEN 0 AND 60),
    minimum_withdrawal amount NOT NULL DEFAULT '10 USD',
    return_fee amount NOT NULL DEFAULT '0 USD',
    company_float amount NOT NULL DEFAULT '0 USD'
);
COMMENT ON TABLE cash_terms IS 'What a client has agreed on customer cash; a client without a row has the defaults.';
COMMENT ON COLUMN cash_terms.encumber_unpaid IS
    'Coin that was bought and is not yet paid for is encumbered until the cash call is settled.';
COMMENT ON COLUMN cash_terms.prefunded IS
    'A purchase beyond the customer''s buying power is refused (LG084): no leverage, no margin.';
COMMENT ON COLUMN cash_terms.credit_failed_sells IS
    'Sale proceeds that were unsettled at the start of the day count in buying power.';
COMMENT ON COLUMN cash_terms.reserve_open_orders IS 'Holds for open orders reduce buying power.';
COMMENT ON COLUMN cash_terms.settlement_flow IS
    'NET: a run makes one transfer between FBO and business account; GROSS: one in each direction.';
COMMENT ON COLUMN cash_terms.write_off_days IS
    'A cash call older than this many calendar days, Central, from execution is proposed for write-off.';
COMMENT ON COLUMN cash_terms.availability_days IS 'Business days from the bank''s credit of an ACH deposit until it is settled.';
COMMENT ON COLUMN cash_terms.minimum_withdrawal IS 'Smallest withdrawal in that currency; zero: no minimum.';
COMMENT ON COLUMN cash_terms.return_fee IS 'Charged to the customer when an ACH deposit is returned; zero: none.';
COMMENT ON COLUMN cash_terms.company_float IS
'Money of the company that the settlement flow keeps in the FBO account, so that sale proceeds can be paid at once; zero: none.';
SELECT pg_catalog.pg_extension_config_dump('cash_terms', '');
INSERT INTO subject (subject, key) VALUES ('cash_terms', '{client_id}');
CREATE TRIGGER forget_parties AFTER INSERT OR UPDATE ON cash_terms FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();

-- The terms of a client, the defaults when it has agreed none.
CREATE FUNCTION bakkt_ledger_internal.cash_terms_of(holder integer) RETURNS cash_terms
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    terms cash_terms;
BEGIN
    SELECT t.* INTO terms FROM cash_terms AS t WHERE t.client_id = holder;
    IF NOT FOUND THEN
        terms := (holder, false, false, false, true, 'NET', 30, 3, '10 USD', '0 USD', '0 USD');
    END IF;
    RETURN terms;
END;
$$;

-- ---------------------------------------------------------------------------
-- Changing the terms
-- ---------------------------------------------------------------------------

-- LG040 or LG041 unless the asset may be posted, LG042 unless it is money that a bank holds.
CREATE FUNCTION bakkt_ledger_internal.require_fiat(what text, given amount) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_asset(asset(given));
    IF 'FIAT' <> (SELECT s.kind FROM supported_asset AS s WHERE s.asset = asset(given)) THEN
        PERFORM refuse('LG042', format('%s must be of a currency', what), format('It is %s.', given),
                       'Currencies are the assets of kind FIAT in supported_asset.');
    END IF;
END;
$$;

-- LG002 naming the first term that is not valid, LG040, LG041 or LG042 for an asset that is no
-- currency.
CREATE FUNCTION bakkt_ledger_internal.check_cash_terms(terms cash_terms) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse_invalid(r.message, r.detail, r.hint)
    FROM (VALUES
        (terms.settlement_flow NOT IN ('NET', 'GROSS'), 'settlement flow is not known',
         format('Settlement flow: "%s".', terms.settlement_flow), 'One of NET, GROSS.'),
        (terms.write_off_days NOT BETWEEN 1 AND 3650, 'days to write-off are out of range',
         format('Days: %s.', terms.write_off_days), 'Between 1 and 3650.'),
        (terms.availability_days NOT BETWEEN 0 AND 60, 'availability days are out of range',
         format('Days: %s.', terms.availability_days), 'Between 0 and 60.'),
        (sign(terms.minimum_withdrawal) < 0, 'the least withdrawal cannot be negative',
         format('It is %s.', terms.minimum_withdrawal), 'Zero means none.'),
        (sign(terms.return_fee) < 0, 'the return fee cannot be negative',
         format('It is %s.', terms.return_fee), 'Zero means none.'),
        (sign(terms.company_float) < 0, 'the company''s float cannot be negative',
         format('It is %s.', terms.company_float), 'Zero means none.')) AS r (wrong, message, detail, hint)
    WHERE r.wrong;
    PERFORM require_fiat('the least withdrawal', terms.minimum_withdrawal), require_fiat('the return fee', terms.return_fee),
            require_fiat('the company''s float', terms.company_float);
END;
$$;

-- LG002 when the client is prefunded and the cash of none of its customers is held here: a setting
-- without effect is refused.
CREATE FUNCTION bakkt_ledger_internal.require_prefunded_works(holder integer) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    its_model constant text := (client_row(holder)).funding_model;
BEGIN
    IF its_model <> 'BAKKT_TPJ' AND (cash_terms_of(holder)).prefunded
        AND NOT EXISTS (SELECT FROM customer AS u WHERE u.client_id = holder AND u.funding_model = 'BAKKT_TPJ') THEN
        PERFORM refuse_invalid('prefunded needs cash that is held here',
                               format('Funding model %s: the cash of the client''s customers is elsewhere.', its_model),
                               'Only customers of funding model BAKKT_TPJ can be prefunded; '
                               'change_cash_terms(prefunded => false) takes it back.');
    END IF;
END;
$$;

-- What is changed of a client or a customer, on the floor below, must leave it so.
CREATE FUNCTION bakkt_ledger_internal.require_prefunded_works() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_prefunded_works(new.client_id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER require_prefunded_works AFTER UPDATE ON client FOR EACH ROW EXECUTE FUNCTION require_prefunded_works();
CREATE TRIGGER require_prefunded_works AFTER UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION require_prefunded_works();

CREATE FUNCTION bakkt_ledger.change_cash_terms(client text, encumber_unpaid boolean DEFAULT NULL, prefunded boolean DEFAULT NULL,
                                               credit_failed_sells boolean DEFAULT NULL, reserve_open_orders boolean DEFAULT NULL,
                                               settlement_flow text DEFAULT NULL, write_off_days integer DEFAULT NULL,
                                               availability_days integer DEFAULT NULL, minimum_withdrawal amount DEFAULT NULL,
                                               return_fee amount DEFAULT NULL, company_float amount DEFAULT NULL,
                                               reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_open_client(client);
    asked request;
    before cash_terms;
    after cash_terms;
BEGIN
    PERFORM bounded_wait();
    PERFORM FROM client AS c WHERE c.client_id = holder FOR NO KEY UPDATE;
    asked := open_change('change_cash_terms', 'cash_terms', holder, reference, jsonb_build_object(
        'encumber_unpaid', encumber_unpaid, 'prefunded', prefunded, 'credit_failed_sells', credit_failed_sells,
        'reserve_open_orders', reserve_open_orders, 'settlement_flow', settlement_flow, 'write_off_days', write_off_days,
        'availability_days', availability_days, 'minimum_withdrawal', minimum_withdrawal, 'return_fee', return_fee,
        'company_float', company_float));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    SELECT t.* INTO before FROM cash_terms AS t WHERE t.client_id = holder;
    after := jsonb_populate_record(cash_terms_of(holder), jsonb_strip_nulls(asked.content));
    PERFORM check_cash_terms(after);
    -- defaults that are confirmed are no change
    IF after IS NOT DISTINCT FROM cash_terms_of(holder) THEN
        before := after;
    ELSE
        INSERT INTO cash_terms AS t SELECT after.*
        ON CONFLICT ON CONSTRAINT cash_terms_pkey DO UPDATE
        SET (encumber_unpaid, prefunded, credit_failed_sells, reserve_open_orders, settlement_flow, write_off_days,
             availability_days, minimum_withdrawal, return_fee, company_float) =
            (excluded.encumber_unpaid, excluded.prefunded, excluded.credit_failed_sells, excluded.reserve_open_orders,
             excluded.settlement_flow, excluded.write_off_days, excluded.availability_days, excluded.minimum_withdrawal,
             excluded.return_fee, excluded.company_float);
        PERFORM require_prefunded_works(holder);
    END IF;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_cash_terms IS
'Changes what a client has agreed on customer cash (columns of cash_terms); NULL leaves a term as it is.
From then on: what was computed before keeps its terms. The same reference again is no second change.
Errors: LG002 (also for prefunded when no customer''s cash is here), LG010, LG011, LG020, and LG040, LG041 or LG042 for a
minimum, fee or float that is not of a currency.';
