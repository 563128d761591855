\echo Use "CREATE EXTENSION bakkt_ledger" to load this file. \quit

-- Texts are sealed as bytes of UTF-8 and references compared so: elsewhere one odd byte would stop the sealer for ever.
DO $encoding$
BEGIN
    IF pg_catalog.current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = pg_catalog.format('bakkt_ledger cannot be installed in a database of encoding "%s"',
                                        pg_catalog.current_setting('server_encoding')),
            DETAIL = 'The ledger works with encoding UTF8 only.',
            HINT = 'Make the cluster with initdb --encoding=UTF8, or the database with CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END;
$encoding$;

-- Made here, and never found: whoever owned a schema that exists already could
-- put functions of his own into it.  As members of the extension they are left
-- out of dumps; CREATE EXTENSION makes them again.
CREATE SCHEMA bakkt_ledger;
COMMENT ON SCHEMA bakkt_ledger IS 'The ledger: what people call, query and name.';
CREATE SCHEMA bakkt_ledger_internal;
COMMENT ON SCHEMA bakkt_ledger_internal IS 'The ledger''s tables and the functions it is made of: nobody''s to call.';

-- Every CREATE below names its schema; all other names are found here and nowhere else.
SET LOCAL search_path TO pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp;
