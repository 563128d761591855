-- How long a function waits for a lock. Owns nothing, refuses with 55P03, locks nothing.

-- Until the function that calls it ends, which must have a SET clause of its own, no wait for a
-- lock takes longer than this, or than bakkt_ledger.lock_wait when it is NULL, or than lock_timeout
-- where that is smaller (55P03). Called first by every function that waits for a lock: SET
-- lock_timeout would overrule a smaller one of the caller.
CREATE FUNCTION bakkt_ledger_internal.bounded_wait(milliseconds integer DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'bounded_wait';
