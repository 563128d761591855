-- What keeps append-only tables append-only (I3): refuse_write() (LG066).

-- Statement trigger of append-only tables: refuses every UPDATE, DELETE and TRUNCATE, and every
-- INSERT that does not come from the posting function (LG066). INSERT is let through while
-- bakkt_ledger.restoring is on, which only a superuser can set; run verify() afterwards.
CREATE FUNCTION bakkt_ledger_internal.refuse_write() RETURNS trigger
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'refuse_write';
