-- Wires from and to Apex for what it has confirmed. A wire is a request and the journal
-- "apex:<reference>".
-- Refuses other content under a reference (LG020), a bank that was not opened (LG016).
-- Locks what posting locks.

CREATE TYPE bakkt_ledger.apex_wire_result AS (
    reference text,
    outcome text,
    replayed boolean,
    direction text,
    amount amount,
    bank text,
    at timestamptz,
    journal bigint,
    recorded_at timestamptz
);
COMMENT ON TYPE apex_wire_result IS
'A wire received from Apex, or sent to it.
outcome: posted. replayed: it had been recorded before, and the columns are those of the first answer. amount: positive. bank:
the company''s bank, as in Bank:operating:<bank>; NULL: Bank:operating.';

INSERT INTO template VALUES
    ('apex_wire_received', 'apex_wire', 'Apex has paid what it owes for what it has confirmed'),
    ('apex_wire_sent', 'apex_wire', 'Apex has been paid');
INSERT INTO template_line (template, line, side, account_kind, parties) VALUES
    ('apex_wire_received', 1, 'debit', 'corp_bank', '{bank}'),
    ('apex_wire_received', 2, 'credit', 'corp_apex_settlement', '{client}'),
    ('apex_wire_sent', 1, 'debit', 'corp_apex_settlement', '{client}'),
    ('apex_wire_sent', 2, 'credit', 'corp_bank', '{bank}');

CREATE FUNCTION bakkt_ledger.record_apex_wire(client text, direction text, amount amount, reference text, bank text DEFAULT NULL,
                                              at timestamptz DEFAULT clock_timestamp())
    RETURNS apex_wire_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    asked request;
    posted journal_result;
BEGIN
    PERFORM bounded_wait(), require_reference(reference, 'a wire', 195);
    IF direction IS NULL OR direction NOT IN ('received', 'sent') THEN
        PERFORM refuse_invalid('direction of a wire is received or sent', format('Direction: "%s".', direction),
                               'One of received, sent.');
    END IF;
    PERFORM require_positive(amount), require_instant(at);
    asked := open_request('record_apex_wire', 'apex_wire', holder, reference,
                          jsonb_build_object('direction', direction, 'amount', amount, 'bank', bank), at);
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::apex_wire_result);
    END IF;
    PERFORM require_fiat('a wire', amount), require_bank_account('CORP', account_name('corp_bank', bank), asset(amount));
    posted := post_template(holder, 'apex_wire_' || direction, 'apex:' || reference,
                            jsonb_build_object('bank', bank, 'client', client), jsonb_build_object('amount', amount), at,
                            format('Wire %s Apex', CASE direction WHEN 'received' THEN 'from' ELSE 'to' END));
    RETURN close_request(asked, ROW(reference, posted.outcome, false, direction, amount, bank, at, posted.journal,
                                    posted.recorded_at)::apex_wire_result);
END;
$$;
COMMENT ON FUNCTION record_apex_wire IS
'Records a wire received from Apex or sent to it for what it has confirmed.
Debits the company''s bank (bank: its name after Bank:operating, NULL: plain), credits Apex:settlement, or the mirror. The same
request again gets the first answer.
Errors: LG002 no reference or direction, LG020 other content, LG045 not positive, LG042 not money, LG034 a malformed name of a
bank, LG016 a bank that was not opened, LG040, LG041, LG043 asset, LG010, 42501, LG061.';
