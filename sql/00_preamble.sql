\echo Use "CREATE EXTENSION bakkt_ledger" to load this file. \quit

-- Everything below is created with names resolved here and nowhere else.
SET LOCAL search_path TO @extschema@, pg_catalog, pg_temp;
