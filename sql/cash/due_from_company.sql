-- What the company owes the FBO account, set off against its own money there.
-- Locks the balance of FBO DueTo:CORP.

CREATE SEQUENCE bakkt_ledger_internal.top_up_number AS bigint;
COMMENT ON SEQUENCE top_up_number IS 'Numbers the set-offs of a deficit: their journals are "top-up:<number>".';
SELECT pg_catalog.pg_extension_config_dump('top_up_number', '');

-- The balance of FBO DueTo:CORP is locked first, so that no two transactions set off the same
-- money.
CREATE FUNCTION bakkt_ledger_internal.offset_due_from_company(client_id integer, asset asset, at timestamptz) RETURNS amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    client_id   constant integer := offset_due_from_company.client_id;
    asset       constant asset := offset_due_from_company.asset;
    cover       account_id := ensure_account(client_id, 'FBO', 'DueTo:CORP', asset);
    deficit     account_id := ensure_account(client_id, 'FBO', 'DueFrom:CORP', asset);
    moved       amount;
BEGIN
    PERFORM adjust_held(b.client_id, b.account, zero(asset)) FROM balance b WHERE b.client_id = offset_due_from_company.client_id AND b.account = cover;
    moved := least((balance_of(deficit)).balance, (balance_of(cover)).available);
    IF sign(moved) <= 0 THEN
        RETURN zero(asset);
    END IF;
    PERFORM post_entry(client_id, 'top-up:' || nextval('top_up_number'), 'fbo_transfer',
        journal_entry(line('Dr', cover, moved), line('Cr', deficit, moved),
                      line('Dr', ensure_account(client_id, 'CORP', 'DueTo:FBO', asset), moved),
                      line('Cr', ensure_account(client_id, 'CORP', 'DueFrom:FBO', asset), moved)),
        at, 'The company''s deficit in the FBO account set off against its money there');
    RETURN moved;
END;
$$;
COMMENT ON FUNCTION offset_due_from_company(integer, asset, timestamptz) IS
    'Internal: sets off what the company owes the FBO account (DueFrom:CORP) against its money there (DueTo:CORP), up to the '
    'smaller of the two (J06e without a bank transfer). Returns how much; zero when there is nothing to set off.';
