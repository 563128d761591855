-- Why a bank returns an ACH entry, and until when it may; why a card's issuer charges a payment
-- back. Shipped with the extension.

CREATE TABLE bakkt_ledger_internal.ach_return_code (
    code text COLLATE "C" PRIMARY KEY CHECK (code ~ '^R[0-9]{2}$'),
    meaning text NOT NULL,
    unauthorized boolean NOT NULL,
    return_days integer,
    banking_days boolean NOT NULL
);
COMMENT ON TABLE ach_return_code IS 'Why the receiving bank returns an ACH entry. Shipped with the extension.';
COMMENT ON COLUMN ach_return_code.unauthorized IS 'The account''s holder says that he did not authorize it.';
COMMENT ON COLUMN ach_return_code.return_days IS
    'How many days after settlement the bank may return with this code; NULL: no fixed time. A later return is recorded as well.';
COMMENT ON COLUMN ach_return_code.banking_days IS 'Whether return_days counts banking days; otherwise calendar days.';
INSERT INTO subject (subject, key, shipped) VALUES ('ach_return_code', '{code}', true);
INSERT INTO ach_return_code (code, meaning, unauthorized, return_days, banking_days) VALUES
    ('R01', 'insufficient funds', false, 2, true),
    ('R02', 'account closed', false, 2, true),
    ('R03', 'no account', false, 2, true),
    ('R04', 'invalid account number', false, 2, true),
    ('R05', 'unauthorized debit to a consumer''s account under a corporate code', true, 60, false),
    ('R06', 'returned at the request of the originating bank', false, NULL, true),
    ('R07', 'authorization revoked', true, 60, false),
    ('R08', 'payment stopped', false, 2, true),
    ('R09', 'uncollected funds', false, 2, true),
    ('R10', 'unauthorized or improper', true, 60, false),
    ('R11', 'check truncation return', false, 2, true),
    ('R12', 'branch sold to another bank', false, 2, true),
    ('R13', 'invalid routing number', false, 1, true),
    ('R14', 'payee deceased or unable to continue', false, 2, true),
    ('R15', 'account holder deceased', false, 2, true),
    ('R16', 'account frozen, or returned on instruction of OFAC', false, 2, true),
    ('R17', 'file edit criteria', false, 2, true),
    ('R18', 'improper effective entry date', false, 1, true),
    ('R19', 'amount error', false, 1, true),
    ('R20', 'non-transaction account', false, 2, true),
    ('R21', 'invalid company identification', false, 2, true),
    ('R22', 'invalid individual identification', false, 2, true),
    ('R23', 'credit refused by the receiver', false, 2, true),
    ('R24', 'duplicate entry', false, 2, true),
    ('R25', 'addenda error', false, 1, true),
    ('R26', 'mandatory field error', false, 1, true),
    ('R27', 'trace number error', false, 1, true),
    ('R28', 'routing number check digit error', false, 1, true),
    ('R29', 'corporate customer says not authorized', true, 2, true),
    ('R30', 'receiving bank not in the check truncation program', false, 1, true),
    ('R31', 'permissible return', false, NULL, true),
    ('R32', 'receiving bank does not settle', false, 1, true),
    ('R33', 'return of a destroyed check entry', false, 60, false),
    ('R34', 'limited participation of the receiving bank', false, 1, true),
    ('R35', 'improper debit entry', false, 1, true),
    ('R36', 'improper credit entry', false, 1, true),
    ('R37', 'source document presented for payment', false, 60, false),
    ('R38', 'stop payment on the source document', false, 60, false),
    ('R39', 'improper source document', false, 2, true),
    ('R40', 'return of an enrollment entry', false, 2, true),
    ('R41', 'invalid transaction code', false, 2, true),
    ('R42', 'routing number or check digit error of an enrollment', false, 2, true),
    ('R43', 'invalid account number of an enrollment', false, 2, true),
    ('R44', 'invalid individual identification of an enrollment', false, 2, true);

-- The card networks' own codes differ and change; these are the reasons that they have in common.
CREATE TABLE bakkt_ledger_internal.chargeback_reason (
    reason text COLLATE "C" PRIMARY KEY,
    meaning text NOT NULL
);
COMMENT ON TABLE chargeback_reason IS 'Why a payment by card is charged back. Shipped with the extension.';
INSERT INTO subject (subject, key, shipped) VALUES ('chargeback_reason', '{reason}', true);
INSERT INTO chargeback_reason (reason, meaning) VALUES
    ('FRAUD', 'the cardholder did not authorize the payment'),
    ('AUTHORIZATION', 'the issuer did not authorize the payment'),
    ('PROCESSING_ERROR', 'the payment was taken twice, late, or with another amount'),
    ('DISPUTE', 'the cardholder disputes what was paid for'),
    ('REFUND', 'the payment was refunded');

-- The code itself; LG085 if the reference data does not have it for the rail.
CREATE FUNCTION bakkt_ledger_internal.require_return_code(given text, rail text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF rail = 'DEBIT' AND NOT EXISTS (SELECT FROM chargeback_reason AS r WHERE r.reason = given) THEN
        PERFORM refuse('LG085', format('unknown reason of a chargeback "%s"', coalesce(given, 'NULL')), NULL,
                       'A payment by card is charged back for a reason of table chargeback_reason, such as FRAUD.');
    ELSIF rail <> 'DEBIT' AND NOT EXISTS (SELECT FROM ach_return_code AS r WHERE r.code = given) THEN
        PERFORM refuse('LG085', format('unknown return code "%s"', coalesce(given, 'NULL')), NULL,
                       'What comes back by ACH needs a code of table ach_return_code, such as R01.');
    END IF;
    RETURN given;
END;
$$;
