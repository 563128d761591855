-- The states in which an asset or an instrument winds down, and what each of them lets pass
-- (doc/trades.md has the whole matrix).

CREATE TABLE bakkt_ledger_internal.trading_status (
    status text COLLATE "C" PRIMARY KEY,
    may_buy boolean NOT NULL,
    may_sell boolean NOT NULL,
    may_post boolean NOT NULL,
    meaning text NOT NULL
);
COMMENT ON TABLE trading_status IS
'The states of assets and instruments, and what each lets pass. Shipped with the extension.';
COMMENT ON COLUMN trading_status.may_buy IS 'New claims may arise: it may be bought, received and deposited.';
COMMENT ON COLUMN trading_status.may_sell IS 'Claims may be traded away.';
COMMENT ON COLUMN trading_status.may_post IS
'Claims may be withdrawn, and what was begun is carried on or taken back; where nothing is posted nobody has a claim.';
INSERT INTO subject (subject, key, shipped) VALUES ('trading_status', '{status}', true);
INSERT INTO trading_status VALUES
    ('ACTIVE', true, true, true, 'everything passes'),
    ('CLOSE_ONLY', false, true, true, 'what is there may be sold or withdrawn; nothing new arises'),
    ('HALTED', false, false, true, 'not traded for now; what is there may be withdrawn'),
    ('WITHDRAW_ONLY', false, false, true, 'traded no more; what is there may be withdrawn'),
    ('RETIRED', false, false, false, 'ended: nobody has a claim');

-- LG002 unless it is one of these states.
CREATE FUNCTION bakkt_ledger_internal.require_trading_status(what text, status text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM trading_status AS s WHERE s.status = require_trading_status.status) THEN
        PERFORM refuse_invalid(format('%s status is not known', what), format('Status: "%s".', status),
                               'One of ACTIVE, CLOSE_ONLY, HALTED, WITHDRAW_ONLY, RETIRED.');
    END IF;
END;
$$;
