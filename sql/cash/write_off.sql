-- Writing off cash calls, and what is recovered of them: the tables (doc/cash.md). A purchase that
-- stays unpaid longer than the client's terms allow is proposed for write-off, approved by a second
-- person, and charged in a later month: to the client's share of revenue as far as it has accrued,
-- the rest to bad debt (J05c). Until then it is attempted like any other call. A recovery restores
-- bad debt first, then the client's share (J05e).

CREATE TABLE bakkt_ledger_internal.cash_write_off (
    client_id           integer NOT NULL,
    journal_id          bigint NOT NULL,
    proposal_no         integer NOT NULL CHECK (proposal_no > 0),
    status              text NOT NULL DEFAULT 'PROPOSED'
                        CHECK (status IN ('PROPOSED', 'APPROVED', 'DECLINED', 'LAPSED', 'CHARGED')),
    amount              amount NOT NULL,
    eligible_on         date NOT NULL,
    charge_month        date NOT NULL CHECK (charge_month > eligible_on AND extract(day FROM charge_month) = 1),
    proposed_by         name NOT NULL,
    proposed_role       regrole NOT NULL DEFAULT session_login_role(),
    proposed_at         timestamptz NOT NULL,
    approved_by         name,
    approved_at         timestamptz,
    declined_by         name,
    declined_at         timestamptz,
    decline_reason      text,
    lapsed_at           timestamptz,
    charged_at          timestamptz,
    charge_journal      bigint,
    from_share          amount,
    from_bad_debt       amount,
    PRIMARY KEY (client_id, journal_id, proposal_no),
    FOREIGN KEY (client_id, journal_id) REFERENCES cash_call,
    CONSTRAINT cash_write_off_two_persons CHECK (approved_by <> proposed_by),
    CONSTRAINT cash_write_off_whole CHECK (status <> 'CHARGED' OR from_share + from_bad_debt = amount)
);
CREATE UNIQUE INDEX cash_write_off_open_idx ON cash_write_off (client_id, journal_id) WHERE status IN ('PROPOSED', 'APPROVED');
COMMENT ON TABLE cash_write_off IS
    'Write-offs of cash calls in their present state: who proposed and decided, and what was charged.';
COMMENT ON COLUMN cash_write_off.journal_id IS 'The cash call.';
COMMENT ON COLUMN cash_write_off.proposal_no IS 'From 1; a call whose write-off was declined can be proposed again by hand.';
COMMENT ON COLUMN cash_write_off.proposed_role IS 'The login that proposed it, by number.';
COMMENT ON COLUMN cash_write_off.status IS
    'PROPOSED; APPROVED by a second person; DECLINED; LAPSED: the call ended otherwise before; CHARGED: posted.';
COMMENT ON COLUMN cash_write_off.eligible_on IS 'First Central date on which the call was older than the client''s terms allow.';
COMMENT ON COLUMN cash_write_off.charge_month IS
    'First day of the Central month in which it may be charged: the one after eligible_on.';
COMMENT ON COLUMN cash_write_off.from_share IS 'Taken from the client''s share of revenue (PARTNER_WRITE_OFF).';
COMMENT ON COLUMN cash_write_off.from_bad_debt IS 'Borne by the company (BAKKT_WRITE_OFF).';
SELECT pg_catalog.pg_extension_config_dump('cash_write_off', '');
CREATE TRIGGER refuse_write BEFORE DELETE OR TRUNCATE ON cash_write_off FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE cash_write_off ENABLE ALWAYS TRIGGER refuse_write;

CREATE TABLE bakkt_ledger_internal.cash_recovery (
    client_id       integer NOT NULL,
    reference       text COLLATE "C" NOT NULL CHECK (octet_length(reference) BETWEEN 1 AND 191),
    call            bigint NOT NULL,
    requested       amount,
    amount          amount NOT NULL,
    to_bad_debt     amount NOT NULL,
    to_share        amount NOT NULL,
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    recovered_by    name NOT NULL,
    journal_id      bigint NOT NULL,
    PRIMARY KEY (client_id, reference),
    FOREIGN KEY (client_id, call) REFERENCES cash_call,
    CONSTRAINT cash_recovery_whole CHECK (to_bad_debt + to_share = amount)
);
CREATE INDEX cash_recovery_call_idx ON cash_recovery (client_id, call);
COMMENT ON TABLE cash_recovery IS 'Recoveries of cash calls that were written off, by the caller''s reference. Append-only.';
COMMENT ON COLUMN cash_recovery.requested IS 'The amount asked for; NULL: all that was left.';
COMMENT ON COLUMN cash_recovery.to_bad_debt IS 'The part restored to the company''s bad debt, which comes first.';
COMMENT ON COLUMN cash_recovery.to_share IS
    'The part restored to the client''s share of revenue, after bad debt is fully restored.';
SELECT pg_catalog.pg_extension_config_dump('cash_recovery', '');
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON cash_recovery FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE cash_recovery ENABLE ALWAYS TRIGGER refuse_write;
