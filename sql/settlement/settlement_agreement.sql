-- How a client settles, and the one lock of its settlement.
--
-- Locks: the agreement's row is written by whatever changes the client's
-- windows and obligations, so that these changes happen one after the other.
-- Posting never takes it.

CREATE TABLE bakkt_ledger_internal.settlement_agreement (
    client_id integer PRIMARY KEY REFERENCES client,
    netting text NOT NULL DEFAULT 'NOVATION' CHECK (netting = 'NOVATION'),
    cash_calendar text COLLATE "C" NOT NULL DEFAULT 'FEDWIRE' REFERENCES calendar,
    coin_calendar text COLLATE "C" NOT NULL DEFAULT 'CHAIN' REFERENCES calendar,
    last_window integer NOT NULL DEFAULT 0 CHECK (last_window >= 0)
);
COMMENT ON TABLE settlement_agreement IS 'How a client settles.';
COMMENT ON COLUMN settlement_agreement.netting IS
'What netting means when a payment fails: under NOVATION only the net obligation exists, the trades are discharged.';
COMMENT ON COLUMN settlement_agreement.last_window IS 'Number of the last closed window.';
SELECT pg_catalog.pg_extension_config_dump('settlement_agreement', '');
INSERT INTO subject (subject, key) VALUES ('settlement_agreement', '{client_id}');

-- Makes this transaction the only one that changes the client's windows and obligations; 40001 when
-- it began too early for that.
CREATE FUNCTION bakkt_ledger_internal.lock_settlement(holder integer) RETURNS settlement_agreement
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    locked settlement_agreement;
BEGIN
    PERFORM bounded_wait();
    -- written, not only locked: a transaction whose snapshot is older than another's change gets
    -- 40001
    UPDATE settlement_agreement AS a SET last_window = a.last_window WHERE a.client_id = holder RETURNING a.* INTO locked;
    IF FOUND THEN
        RETURN locked;
    END IF;
    INSERT INTO settlement_agreement AS a (client_id) VALUES (holder) ON CONFLICT DO NOTHING RETURNING a.* INTO locked;
    IF FOUND THEN
        PERFORM record_event('opened', NULL::settlement_agreement, locked, clock_timestamp());
        RETURN locked;
    END IF;
    RETURN lock_settlement(holder);
END;
$$;

CREATE FUNCTION bakkt_ledger.change_settlement(client text, cash_calendar text DEFAULT NULL, coin_calendar text DEFAULT NULL,
                                               reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before constant settlement_agreement := lock_settlement(require_client(client));
    asked constant request := open_change('change_settlement', 'settlement_agreement', before.client_id, reference,
                                          jsonb_build_object('cash_calendar', cash_calendar, 'coin_calendar', coin_calendar));
    after settlement_agreement;
BEGIN
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    PERFORM latest_version(c) FROM unnest(ARRAY[cash_calendar, coin_calendar]) AS c WHERE c IS NOT NULL;
    UPDATE settlement_agreement AS a
    SET cash_calendar = coalesce(change_settlement.cash_calendar, a.cash_calendar),
        coin_calendar = coalesce(change_settlement.coin_calendar, a.coin_calendar)
    WHERE a.client_id = before.client_id
    RETURNING a.* INTO after;
    RETURN close_change(asked, 'changed', before, after, reason);
END;
$$;
COMMENT ON FUNCTION change_settlement IS
'Sets by which calendars a client''s money and coin fall due, from the next window to close on.
NULL leaves a calendar as it is. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002, LG010, LG020, LG075 unknown calendar.';
