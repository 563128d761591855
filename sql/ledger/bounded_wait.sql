-- How long a function waits for a lock. Owns nothing, refuses with 55P03, locks nothing.

-- Until the function that calls it ends, which must have a SET clause of its own, no wait for a
-- lock takes longer than this, or than bakkt_ledger.lock_wait when it is NULL, or than lock_timeout
-- where that is smaller (55P03). Called first by every function that waits for a lock: SET
-- lock_timeout would overrule a smaller one of the caller.
CREATE FUNCTION bakkt_ledger_internal.bounded_wait(milliseconds integer DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'bounded_wait';

-- Waits until no other transaction posts for the client, in bounded time (55P03), and keeps it so
-- until this one ends. Lock it before any row.
CREATE FUNCTION bakkt_ledger_internal.lock_client(client_id integer) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'lock_client';
