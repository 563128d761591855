-- After the floors: a view in schema bakkt_ledger for every table, for the company's roles that see
-- all clients. The tables themselves are not for callers; tenants read through functions.

DO $views$
DECLARE
    shown record;
BEGIN
    FOR shown IN
        SELECT c.relname, pg_catalog.obj_description(c.oid, 'pg_class') AS meaning
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'bakkt_ledger_internal'::pg_catalog.regnamespace AND c.relkind = 'r'
        ORDER BY c.relname
    LOOP
        EXECUTE pg_catalog.format('CREATE VIEW bakkt_ledger.%I WITH (security_invoker = true) AS
                                   SELECT * FROM bakkt_ledger_internal.%1$I', shown.relname);
        EXECUTE pg_catalog.format('COMMENT ON VIEW bakkt_ledger.%I IS %L', shown.relname, shown.meaning);
    END LOOP;
END
$views$;
