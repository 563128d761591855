-- What the company owes the FBO account, set off against its own money there.
-- Locks the balance of FBO DueTo:CORP.

CREATE SEQUENCE bakkt_ledger_internal.top_up_number AS bigint;
COMMENT ON SEQUENCE top_up_number IS 'Numbers the set-offs of a deficit: their journals are "top-up:<number>".';
SELECT pg_catalog.pg_extension_config_dump('top_up_number', '');

-- J06e without a bank transfer
INSERT INTO template (template, journal_kind, purpose) VALUES
    ('due_from_company_offset', 'fbo_transfer', 'the company''s deficit in the FBO account is set off against its money there');
INSERT INTO template_line (template, line, side, account_kind) VALUES
    ('due_from_company_offset', 1, 'debit', 'fbo_due_to_corp'),
    ('due_from_company_offset', 2, 'credit', 'fbo_due_from_corp'),
    ('due_from_company_offset', 3, 'debit', 'corp_due_to_fbo'),
    ('due_from_company_offset', 4, 'credit', 'corp_due_from_fbo');

-- Sets off what the company owes the FBO account (DueFrom:CORP) against its money there
-- (DueTo:CORP), as far as both go: how much, zero when there is nothing to set off. DueTo:CORP is
-- locked first, so that no two set off the same money.
CREATE FUNCTION bakkt_ledger_internal.offset_due_from_company(holder integer, unit asset, moment timestamptz) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    cover constant account_id := account_of_kind(holder, 'fbo_due_to_corp', unit);
    deficit constant account_id := account_of_kind(holder, 'fbo_due_from_corp', unit);
    moved amount;
BEGIN
    PERFORM adjust_held(holder, cover, zero(unit));
    moved := least((balance_of(deficit)).balance, (balance_of(cover)).available);
    IF sign(moved) <= 0 THEN
        RETURN zero(unit);
    END IF;
    PERFORM post_template(holder, 'due_from_company_offset', 'top-up:' || nextval('top_up_number'), '{}',
                          jsonb_build_object('amount', moved), moment,
                          'The company''s deficit in the FBO account set off against its money there');
    RETURN moved;
END;
$$;
