-- The file of aged cash calls: its name and its lines.
-- Refuses a kind of list that is not AM, PM or SOD (LG002).

-- Text as a field of a CSV file (RFC 4180): quoted only where necessary; NULL is empty.
CREATE FUNCTION bakkt_ledger_internal.csv_field(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN value ~ '[",\r\n]' THEN '"' || replace(value, '"', '""') || '"' ELSE coalesce(value, '') END;

-- An instant as written in files: ISO 8601, UTC, milliseconds; NULL is empty.
CREATE FUNCTION bakkt_ledger_internal.file_instant(at timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '');

-- The first line of an aged TPJ file.
CREATE FUNCTION bakkt_ledger_internal.aged_tpj_header() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'tpj_id,account_id,direction,side,symbol,execution_id,client_order_id,quantity,price,net_money,executed_at,'
           'first_attempt_at,last_attempt_at,attempts,last_failure_reason,age_days,bucket,tpj_status';

-- A row of the list as a line of the file.
CREATE FUNCTION bakkt_ledger_internal.aged_tpj_csv(list_row aged_tpj_line) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (list_row).tpj_id || ',' || (list_row).account_id || ',' || (list_row).direction || ',' || (list_row).side || ','
        || (list_row).symbol || ',' || csv_field((list_row).execution_id) || ',' || csv_field((list_row).client_order_id) || ','
        || value((list_row).quantity) || ',' || value((list_row).price) || ',' || value((list_row).net_money) || ','
        || file_instant((list_row).executed_at) || ',' || file_instant((list_row).first_attempt_at) || ','
        || file_instant((list_row).last_attempt_at) || ',' || (list_row).attempts || ','
        || csv_field((list_row).last_failure_reason) || ',' || (list_row).age_days || ','
        || (list_row).bucket || ',' || (list_row).tpj_status;

-- LG002 unless it is a kind of aged TPJ list: AM, PM or SOD.
CREATE FUNCTION bakkt_ledger_internal.require_list_kind(kind text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF kind IS NULL OR kind NOT IN ('AM', 'PM', 'SOD') THEN
        PERFORM refuse_invalid('kind of list is not known', format('Kind: "%s".', kind), 'One of AM, PM, SOD.');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.aged_tpj_file_name(client text, kind text, business_date date) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_client(client), require_list_kind(kind);
    RETURN (to_jsonb(business_date) #>> '{}') || '_' || lower(kind COLLATE "C") || '_aged_tpj_' || client || '.csv';
END;
$$;
COMMENT ON FUNCTION aged_tpj_file_name IS
'The name of an aged TPJ file: 2026-11-20_am_aged_tpj_QRST.csv.
Errors: LG002 the kind is not AM, PM or SOD, LG010, 42501.';
