-- What keeps append-only tables append-only (I3): refuse_write() (LG066).

-- Statement trigger of append-only tables: refuses every UPDATE, DELETE and TRUNCATE, and every
-- INSERT that does not come from the posting function (LG066). INSERT is let through while
-- bakkt_ledger.restoring is on, which only a superuser can set; run verify() afterwards.
CREATE FUNCTION bakkt_ledger_internal.refuse_write() RETURNS trigger
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'refuse_write';

-- Lets none of these writes to a table through, not even where triggers are off for replication:
-- events of a trigger, as in CREATE TRIGGER.
CREATE FUNCTION bakkt_ledger_internal.refuse_writes(of_table regclass, writes text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    EXECUTE format('CREATE TRIGGER refuse_write BEFORE %s ON %s FOR EACH STATEMENT EXECUTE FUNCTION refuse_write()', writes,
                   of_table);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_write', of_table);
END;
$$;
