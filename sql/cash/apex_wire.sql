-- Wires from and to Apex for what it has confirmed.
-- Refuses other content under a reference (LG020), a bank that was not opened (LG016).
-- Locks what posting locks.

CREATE FUNCTION bakkt_ledger_internal.wired_before(client_id integer, given apex_wire) RETURNS apex_wire
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    earlier apex_wire;
BEGIN
    IF coalesce(octet_length(given.reference), 0) NOT BETWEEN 1 AND 195 THEN
        PERFORM refuse_invalid('a wire needs a reference', NULL, 'Give a reference of 1 to 195 bytes.');
    ELSIF given.direction IS NULL OR given.direction NOT IN ('received', 'sent') THEN
        PERFORM refuse_invalid('direction of a wire is received or sent', format('Direction: "%s".', given.direction), 'One of received, sent.');
    END IF;
    PERFORM require_positive(given.amount);
    SELECT w.* INTO earlier FROM apex_wire w WHERE w.client_id = given.client_id AND w.reference = given.reference;
    IF FOUND THEN
        PERFORM refuse_other_content('Reference', given.reference,
            jsonb_build_object('direction', earlier.direction, 'amount', earlier.amount::text, 'bank', earlier.bank),
            jsonb_build_object('direction', given.direction, 'amount', given.amount::text, 'bank', given.bank));
    END IF;
    RETURN earlier;
END;
$$;
COMMENT ON FUNCTION wired_before(integer, apex_wire) IS
    'Internal: the wire under that reference if there is one; LG020 when its content differed, LG002 or LG045 when it is '
    'malformed.';

CREATE FUNCTION bakkt_ledger.record_apex_wire(client text, reference text, direction text, amount amount, bank text DEFAULT NULL,
                                 at timestamptz DEFAULT clock_timestamp())
    RETURNS apex_wire
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    owning  constant integer := require_client(record_apex_wire.client);
    wire    apex_wire := (owning, record_apex_wire.reference, record_apex_wire.direction, record_apex_wire.amount, record_apex_wire.bank,
                          record_apex_wire.at, NULL, invoking_role(), NULL);
    earlier constant apex_wire := wired_before(owning, wire);
    signed  constant amount := CASE wire.direction WHEN 'received' THEN wire.amount ELSE -wire.amount END;
    posted  journal_result;
BEGIN
    PERFORM require_instant(at);
    IF earlier.reference IS NOT NULL THEN
        RETURN earlier;
    END IF;
    PERFORM require_fiat('a wire', wire.amount), require_bank_account('CORP', concat_ws(':', 'Bank:operating', wire.bank), asset(wire.amount));
    posted := post_entry(owning, 'apex:' || wire.reference, 'apex_wire',
                         (SELECT journal_entry(l.account, l.amount ORDER BY sign(l.amount) DESC)
                            FROM (VALUES (ensure_account(owning, 'CORP', concat_ws(':', 'Bank:operating', wire.bank), asset(wire.amount)), signed),
                                         (ensure_account(owning, 'CORP', 'Apex:settlement:' || record_apex_wire.client, asset(wire.amount)), -signed)) AS l (account, amount)),
                         at, format('Wire %s Apex', CASE wire.direction WHEN 'received' THEN 'from' ELSE 'to' END));
    wire.recorded_at := posted.recorded_at;
    wire.journal_id := posted.journal;
    PERFORM bounded_wait();
    INSERT INTO apex_wire SELECT wire.* ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM refuse_taken_reference(wire.reference);
    END IF;
    RETURN wire;
END;
$$;
COMMENT ON FUNCTION record_apex_wire(text, text, text, amount, text, timestamptz) IS
    'Records a wire received from Apex or sent to it for what it has confirmed: debits the company''s bank (bank: its name '
    'after Bank:operating, NULL: plain), credits Apex:settlement, or the mirror. Idempotent by reference (LG020). Raises LG002 '
    'no reference or direction, LG045 not positive, LG042 not money, LG034 a malformed name of a bank, LG016 a bank that was '
    'not opened, LG040, LG041, LG043 asset, LG010, 42501, LG061.';
