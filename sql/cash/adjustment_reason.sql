-- Reason codes for adjusting a customer's cash by hand. Shipped with the extension.

CREATE TABLE bakkt_ledger_internal.adjustment_reason (
    reason  text COLLATE "C" PRIMARY KEY,
    meaning text NOT NULL
);
COMMENT ON TABLE adjustment_reason IS 'Reason codes of manual adjustments of customers'' cash. Shipped with the extension.';
INSERT INTO subject (subject, key, shipped) VALUES ('adjustment_reason', '{reason}', true);
INSERT INTO adjustment_reason VALUES
    ('ACH_RETURN_FEE', 'a return fee charged by hand, or given back'),
    ('DECEASED_PARTY', 'the customer has died: cash is brought to the estate'),
    ('OTHER_ADJUSTMENT', 'anything else: the note says what');
