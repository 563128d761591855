-- Deficits in coin: what customers had spent when it was taken back, and who owes it (J06d in
-- coin). The customer owes it to the company, and the company owes it to the customers' fund until
-- it has covered it with its own coin, or the customer's later coin has set it off.
-- Refuses to cover more than is owed (LG086).
-- Locks the shortfall of the client in the asset.

CREATE TABLE bakkt_ledger_internal.coin_shortfall (
    client_id integer NOT NULL REFERENCES client,
    asset asset NOT NULL,
    owed amount NOT NULL CHECK (sign(owed) >= 0),
    CONSTRAINT coin_shortfall_pkey PRIMARY KEY (client_id, asset)
);
COMMENT ON TABLE coin_shortfall IS
'Coin that the company owes to fund CUST of a client because customers had spent what was taken back.';
COMMENT ON COLUMN coin_shortfall.owed IS 'Not covered and not set off yet; a part of CUST DueFrom:CORP.';
SELECT pg_catalog.pg_extension_config_dump('coin_shortfall', '');
SELECT refuse_writes('coin_shortfall', 'DELETE OR TRUNCATE OR UPDATE OF client_id, asset');
INSERT INTO subject (subject, key) VALUES ('coin_shortfall', '{asset}');

INSERT INTO template (template, journal_kind, purpose) VALUES
    ('coin_deficit_covered', 'transfer', 'the company''s own coin makes fund CUST whole (J06e in coin)'),
    ('coin_deficit_recovered', 'cash_recovery',
     'a customer''s coin makes good what was spent; what the company has covered is owed to it');
INSERT INTO template_line (template, line, side, account_kind, parties, amount) VALUES
    ('coin_deficit_covered', 1, 'debit', 'corp_due_to_cust', '{}', 'amount'),
    ('coin_deficit_covered', 2, 'credit', 'corp_wallet', '{}', 'amount'),
    ('coin_deficit_covered', 3, 'debit', 'cust_wallet_omnibus', '{}', 'amount'),
    ('coin_deficit_covered', 4, 'credit', 'cust_due_from_corp', '{}', 'amount'),
    ('coin_deficit_recovered', 1, 'debit', 'cust_coin', '{customer}', 'amount'),
    ('coin_deficit_recovered', 2, 'credit', 'cust_due_from_corp', '{}', 'uncovered'),
    ('coin_deficit_recovered', 3, 'credit', 'cust_due_to_corp', '{}', 'covered'),
    ('coin_deficit_recovered', 4, 'debit', 'corp_due_to_cust', '{}', 'uncovered'),
    ('coin_deficit_recovered', 5, 'debit', 'corp_due_from_cust', '{}', 'covered'),
    ('coin_deficit_recovered', 6, 'credit', 'corp_deficit', '{customer}', 'amount');

-- Whether an asset is held as coin, in fund CUST: everything but currencies.
CREATE FUNCTION bakkt_ledger_internal.is_coin(unit asset) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM supported_asset AS s WHERE s.asset = unit AND s.kind <> 'FIAT');
END;

-- LG040 or LG041 unless the asset may be posted, LG042 unless it is coin.
CREATE FUNCTION bakkt_ledger_internal.require_coin(what text, quantity amount) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_asset(asset(quantity));
    IF NOT is_coin(asset(quantity)) THEN
        PERFORM refuse('LG042', format('%s must be of coin', what), format('It is %s.', quantity));
    END IF;
END;
$$;

-- What the company owes, locked; the first time it is entered.
CREATE FUNCTION bakkt_ledger_internal.lock_coin_shortfall(holder integer, unit asset) RETURNS coin_shortfall
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    entered coin_shortfall;
    locked coin_shortfall;
BEGIN
    PERFORM bounded_wait();
    INSERT INTO coin_shortfall AS s (client_id, asset, owed)
    VALUES (holder, unit, zero(unit))
    ON CONFLICT ON CONSTRAINT coin_shortfall_pkey DO NOTHING
    RETURNING s.* INTO entered;
    IF FOUND THEN
        PERFORM record_event('opened', NULL::coin_shortfall, entered, clock_timestamp());
        RETURN entered;
    END IF;
    SELECT s.* INTO STRICT locked
    FROM coin_shortfall AS s
    WHERE s.client_id = holder AND s.asset = unit
    FOR NO KEY UPDATE;
    RETURN locked;
END;
$$;

-- Changes what the company owes, which is locked, by what a journal has moved; zero changes
-- nothing.
CREATE FUNCTION bakkt_ledger_internal.change_coin_shortfall(before coin_shortfall, happening text, change amount, posting bigint,
                                                            moment timestamptz, named text)
    RETURNS coin_shortfall
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    after coin_shortfall;
BEGIN
    IF is_zero(change) THEN
        RETURN before;
    END IF;
    UPDATE coin_shortfall AS s
    SET owed = s.owed + change
    WHERE s.client_id = before.client_id AND s.asset = before.asset
    RETURNING s.* INTO STRICT after;
    PERFORM record_event(happening, before, after, moment, amount => change, journal => posting, request => named);
    RETURN after;
END;
$$;

CREATE TYPE bakkt_ledger.deficit_cover_result AS (
    reference text,
    outcome text,
    replayed boolean,
    amount amount,
    owed amount,
    at timestamptz,
    journal bigint
);
COMMENT ON TYPE deficit_cover_result IS
'What became of covering deficits in coin.
outcome: posted. replayed: it had been covered before, and the columns are those of the first answer. amount: the company''s own
coin that went to the omnibus wallet. owed: what the company still owed then.';

CREATE FUNCTION bakkt_ledger.cover_coin_deficit(client text, amount amount, reference text, chain_reference text DEFAULT NULL,
                                                at timestamptz DEFAULT clock_timestamp())
    RETURNS deficit_cover_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    shortfall coin_shortfall;
    asked request;
    posted journal_result;
BEGIN
    PERFORM require_instant(at), require_reference(reference, 'a cover', 180), require_positive(amount),
            require_coin('a cover', amount);
    shortfall := lock_coin_shortfall(holder, asset(amount));
    asked := open_request('cover_coin_deficit', 'deficit', holder, reference,
                          jsonb_build_object('amount', amount, 'chain_reference', chain_reference), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::deficit_cover_result);
    ELSIF amount > shortfall.owed THEN
        PERFORM refuse('LG086', 'more than is in deficit', format('%s owed, %s to be covered.', shortfall.owed, amount),
                       'deficits() lists whose coin was taken back; what was recovered need not be covered.',
                       jsonb_build_object('required', amount, 'available', shortfall.owed));
    END IF;
    posted := post_template(holder, 'coin_deficit_covered', 'deficit:cover:' || reference, '{}',
                            jsonb_build_object('amount', amount), at,
                            concat_ws(', ', format('Deficit covered: "%s"', reference), chain_reference));
    shortfall := change_coin_shortfall(shortfall, 'covered', -amount, posted.journal, at, reference);
    RETURN close_request(asked, (reference, posted.outcome, false, amount, shortfall.owed, at,
                                 posted.journal)::deficit_cover_result);
END;
$$;
COMMENT ON FUNCTION cover_coin_deficit IS
'Records that the company''s own coin has gone to the omnibus wallet for what customers had spent when it was taken back.
amount: at most what the company still owes the customers'' coin. chain_reference: the transaction on the chain. The customer goes
on owing the company as much. The same request again gets the first answer.
Errors: LG010, 42501, LG002 no reference, LG020 other content, LG042 no coin, LG045 not positive, LG086 more than is owed, LG040,
LG041, LG043, LG061.';
