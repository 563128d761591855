-- How a client settles, and the lock that everything about its windows and obligations takes first.
-- Refuses an unknown calendar (LG075), a transaction that began too early for the lock (40001).
-- Locks the client's row of settlement_agreement.

CREATE TABLE bakkt_ledger_internal.settlement_agreement (
    client_id integer PRIMARY KEY REFERENCES client,
    netting text NOT NULL DEFAULT 'NOVATION' CHECK (netting = 'NOVATION'),
    cash_calendar text COLLATE "C" NOT NULL DEFAULT 'FEDWIRE' REFERENCES calendar,
    coin_calendar text COLLATE "C" NOT NULL DEFAULT 'CHAIN' REFERENCES calendar,
    last_window integer NOT NULL DEFAULT 0 CHECK (last_window >= 0)
);
COMMENT ON TABLE settlement_agreement IS
    'How a client settles. Every change of the client''s windows and obligations locks this row, so that these happen one after '
    'the other; posting never locks it.';
COMMENT ON COLUMN settlement_agreement.netting IS
    'What netting means when a payment fails. NOVATION: only the net obligation exists, and the trades are discharged.';
COMMENT ON COLUMN settlement_agreement.last_window IS 'Number of the last closed window.';
SELECT pg_catalog.pg_extension_config_dump('settlement_agreement', '');

CREATE FUNCTION bakkt_ledger_internal.lock_settlement(client_id integer) RETURNS settlement_agreement
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    agreement settlement_agreement;
BEGIN
    PERFORM bounded_wait();
    -- an update, not only a lock: a transaction whose snapshot is older than another's change gets
    -- 40001
    UPDATE settlement_agreement a SET last_window = a.last_window
    WHERE a.client_id = lock_settlement.client_id RETURNING a.* INTO agreement;
    IF NOT FOUND THEN
        INSERT INTO settlement_agreement (client_id) VALUES (lock_settlement.client_id) ON CONFLICT DO NOTHING;
        UPDATE settlement_agreement a SET last_window = a.last_window
        WHERE a.client_id = lock_settlement.client_id RETURNING a.* INTO agreement;
    END IF;
    RETURN agreement;
END;
$$;
COMMENT ON FUNCTION lock_settlement(integer) IS
    'Internal: keeps other transactions from changing the client''s windows and obligations until this one ends; 40001 when its '
    'snapshot is too old for that.';

CREATE FUNCTION bakkt_ledger.change_settlement(client text, cash_calendar text DEFAULT NULL, coin_calendar text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS settlement_agreement
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    before settlement_agreement := lock_settlement(require_client(client));
    changed settlement_agreement;
BEGIN
    PERFORM latest_version(c) FROM unnest(ARRAY[change_settlement.cash_calendar, change_settlement.coin_calendar]) AS c WHERE c IS NOT NULL;
    UPDATE settlement_agreement a
    SET cash_calendar = coalesce(change_settlement.cash_calendar, a.cash_calendar),
        coin_calendar = coalesce(change_settlement.coin_calendar, a.coin_calendar)
    WHERE a.client_id = before.client_id
    RETURNING a.* INTO changed;
    IF changed IS DISTINCT FROM before THEN
        PERFORM record_change('settlement_agreement', change_settlement.client, to_jsonb(before), to_jsonb(changed),
                              before.client_id, NULL, reason);
    END IF;
    RETURN changed;
END;
$$;
COMMENT ON FUNCTION change_settlement(text, text, text, text) IS
    'Sets the calendars by which a client''s money and coin fall due, from the next window that closes on; NULL leaves one as '
    'it is. Audited in change_log. LG075 unknown calendar, LG010.';
