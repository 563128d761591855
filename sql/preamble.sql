\echo Use "CREATE EXTENSION bakkt_ledger" to load this file. \quit

-- Before the first file of a floor: the encoding, the two schemas, and the search_path of the
-- script. Refuses a database that is not UTF8 (22023) and schemas that exist already.

-- Texts are sealed, and references compared, as bytes of UTF-8. In another encoding a single byte
-- that does not convert would keep seal() from ever finishing.
DO $encoding$
BEGIN
    IF pg_catalog.current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = pg_catalog.format('bakkt_ledger cannot be installed in a database of encoding "%s"',
                                        pg_catalog.current_setting('server_encoding')),
            DETAIL = 'The ledger works with encoding UTF8 only.',
            HINT = 'Make the cluster with initdb --encoding=UTF8, or the database with CREATE DATABASE ... ENCODING ''UTF8'' '
                   'TEMPLATE template0.';
    END IF;
END;
$encoding$;

-- No IF NOT EXISTS: the owner of a schema that exists already could put functions of their own into
-- it. As members of the extension the schemas are left out of dumps; CREATE EXTENSION makes them
-- again.
CREATE SCHEMA bakkt_ledger;
COMMENT ON SCHEMA bakkt_ledger IS 'The ledger: what people call, query and name.';
CREATE SCHEMA bakkt_ledger_internal;
COMMENT ON SCHEMA bakkt_ledger_internal IS 'The ledger''s tables and the functions it is made of. Not for callers.';

-- Every CREATE below names its schema; all other names are found here and nowhere else.
SET LOCAL search_path TO pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp;
