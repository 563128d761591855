-- Posting: the one way in which a journal is written, for all floors (doc/ledger.md).
-- Refuses what doc/errors.md lists for journals; a reference gets the same outcome for ever.
-- Locks, in the order of src/README.md: the client's postings, originals of reversals, balances,
-- references.

CREATE TYPE bakkt_ledger.journal_request AS (
    client text,
    entry journal_entry,
    reference text,
    kind text,
    description text,
    at timestamptz,
    linked boolean
);
COMMENT ON TYPE journal_request IS
'One journal to post: client, entry, reference (the idempotency key, 1 to 200 bytes), kind (a name of journal_kind, NULL means
general), description, when it is effective (NULL: when recorded), and whether it is posted only together with the next request
(linked).';

CREATE FUNCTION bakkt_ledger.journal_requests(requests jsonb) RETURNS journal_request[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT r FROM request_rows(requests, NULL::journal_request) AS r);
END;
$$;
COMMENT ON FUNCTION journal_requests IS
'Reads requests for post_journals() from JSON: an array of objects with the fields of journal_request, [] being none.
Errors: LG002 no array, an unknown key, a value of another type, which is named; 54000 more than one call takes.';

CREATE TYPE bakkt_ledger.account_balance AS (
    account account_id,
    balance amount,
    available amount
);
COMMENT ON TYPE account_balance IS 'Balance of a limited account in natural sign, and the part of it that no hold binds.';

CREATE TYPE bakkt_ledger.journal_result AS (
    request integer,
    reference text,
    outcome text,
    replayed boolean,
    journal bigint,
    sqlstate text,
    message text,
    detail text,
    hint text,
    facts jsonb,
    recorded_at timestamptz,
    balances account_balance[]
);
COMMENT ON TYPE journal_result IS
'The outcome of one request: its place in the batch from 1; posted or refused; whether the reference had been seen before and this
is the original outcome; the journal; why it was refused; balances after it of the limited accounts it touched (NULL on replay).';

CREATE FUNCTION bakkt_ledger.post_journals(requests journal_request[], strict boolean DEFAULT false,
                                           dry_run boolean DEFAULT false)
    RETURNS SETOF journal_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'post_journals';
COMMENT ON FUNCTION post_journals IS
'Posts a batch of journals in the caller''s transaction, in order, later ones seeing earlier ones.
Lenient by default: returns a row per request; a refusal is recorded too, and the same reference always gets the same answer.
strict raises the first refusal instead (SQLSTATE class LG, doc/errors.md) and posts nothing. dry_run evaluates and writes
nothing. Conflicts that can be retried are 40001 or 40P01, never a refusal.
Errors: LG068: the entry takes two people, see post_journal().';

CREATE FUNCTION bakkt_ledger.post_journal(client text, entry journal_entry, reference text, kind text DEFAULT 'general',
                                          description text DEFAULT NULL, at timestamptz DEFAULT NULL,
                                          dry_run boolean DEFAULT false)
    RETURNS journal_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'post_journal';
COMMENT ON FUNCTION post_journal IS
'Posts one journal or raises why not (SQLSTATE class LG, doc/errors.md; 40001 or 40P01: retry).
The same reference with the same content returns the original outcome; with other content LG020 names the field. at defaults to
the time of recording; it may not lie more than five minutes ahead (LG061). The caller acts alone, so an entry on accounts of a
kind that account_kind does not mark alone, or on accounts of two customers, is refused (LG068): it takes two people, one who
calls propose_journal() and one who calls approve_journal().';

-- post_journals() on accounts of any kind, for the owner who takes over the books of another
-- system.
CREATE FUNCTION bakkt_ledger_internal.load_journals(requests journal_request[], strict boolean DEFAULT false,
                                                    dry_run boolean DEFAULT false)
    RETURNS SETOF journal_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'load_journals';

-- post_journal() on accounts of any kind, for the owner who takes over the books of another system.
CREATE FUNCTION bakkt_ledger_internal.load_journal(client text, entry journal_entry, reference text, kind text DEFAULT 'general',
                                                   description text DEFAULT NULL, at timestamptz DEFAULT NULL,
                                                   dry_run boolean DEFAULT false)
    RETURNS journal_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'load_journal';

-- The posting function as the floors above call it: strict, client and kind by number, reversals
-- allowed; by_hand: the entry is made by one person alone (LG068); with_deficit: it takes less back
-- than it reverses, and says who owes what was spent.
CREATE FUNCTION bakkt_ledger_internal.post_entry(client_id integer, reference text, kind text, entry journal_entry,
                           effective_at timestamptz DEFAULT NULL, description text DEFAULT NULL, reverses bigint DEFAULT NULL,
                           by_hand boolean DEFAULT false, with_deficit boolean DEFAULT false)
    RETURNS journal_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'post_entry';

-- post_entry() of many of one kind, in one batch: the numbers of the journals, in order.
CREATE FUNCTION bakkt_ledger_internal.post_entries(holder integer, kind text, named text[], entries journal_entry[],
                                                   effective timestamptz,
                                                   descriptions text[])
    RETURNS bigint[]
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'post_entries';

-- Whether a reference has a form that the ledger gives to journals of its own (cash-call:, manual:,
-- .../bust, ...): no caller's request may use it (LG002).
CREATE FUNCTION bakkt_ledger_internal.is_reserved_reference(reference text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'is_reserved_reference';

-- LG002 unless there is a reference of 1 to 200 bytes that the ledger does not make itself.
CREATE FUNCTION bakkt_ledger_internal.require_own_reference(named text, what text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_reference(named, what);
    IF is_reserved_reference(named) THEN
        PERFORM refuse_invalid('references of this form are made by the ledger itself', format('Reference "%s".', named),
                               'Let references of your own begin otherwise.');
    END IF;
END;
$$;

-- Opens the balance row of a limited account that has just been inserted into account.
CREATE FUNCTION bakkt_ledger_internal.create_balance(client_id integer, account account_id) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE STRICT AS 'MODULE_PATHNAME', 'create_balance';

-- Sets open, debit_frozen, credit_frozen or closed on a limited account under its row lock; closing
-- needs zero and no holds (LG035).
CREATE FUNCTION bakkt_ledger_internal.set_balance_status(client_id integer, account account_id, status text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE STRICT AS 'MODULE_PATHNAME', 'set_balance_status';

-- Adds to (positive) or takes from (negative) the amount that holds bind on a limited account,
-- under its row lock; LG050 if less is available. Returns the balance after.
CREATE FUNCTION bakkt_ledger_internal.adjust_held(client_id integer, account account_id, change amount) RETURNS account_balance
    LANGUAGE c VOLATILE PARALLEL UNSAFE STRICT AS 'MODULE_PATHNAME', 'adjust_held';

-- Makes every session forget what it has cached of accounts, assets and clients when this
-- transaction commits.
CREATE FUNCTION bakkt_ledger_internal.invalidate_account_cache() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'invalidate_account_cache';

CREATE FUNCTION bakkt_ledger.reverse_journal(client text, journal bigint, reference text, entry journal_entry DEFAULT NULL,
                                             description text DEFAULT NULL, at timestamptz DEFAULT NULL)
    RETURNS journal_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'reverse_journal';
COMMENT ON FUNCTION reverse_journal IS
'Reverses a journal: whole and once when entry is NULL, else the part given by entry, whose credits on an account may not exceed
what remains of the journal''s debits there, and the other way round.
Errors: LG062 unknown journal, LG063 reversed already, LG064 more than remains, LG065 a reversal cannot be reversed: post the
journal again; LG068 the journal takes two people, as in post_journal(): name it in propose_journal(); LG002 for trades, novations
and settlement wires, which other functions take back.';
