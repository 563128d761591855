-- bounded_wait(): no function about a client waits long for a lock (55P03).

-- Every function that may wait for a lock calls this first. A SET lock_timeout clause would
-- override a smaller value that the caller has set.
CREATE FUNCTION bakkt_ledger_internal.bounded_wait(milliseconds integer DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c
    AS 'MODULE_PATHNAME', 'bounded_wait';
COMMENT ON FUNCTION bounded_wait(integer) IS
    'Internal: limits every wait for a lock until the calling function ends (55P03): to this many milliseconds, to '
    'bakkt_ledger.lock_wait when NULL, or to lock_timeout where that is smaller. The calling function must have a SET clause.';
