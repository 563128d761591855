-- The feed: everything recorded, in the order in which it was sealed.
--
-- A record is in the feed once a block has it.  Blocks are in order, and so are
-- the numbers in a block: a consumer that goes on after (block, number) misses
-- nothing, for a record that was committed late is in a later block, and nobody
-- waits for a transaction that stays open.  Within a block those that were late
-- come first; the others follow on each other from block to block by number, so
-- a page is read from the keys by number.
--
-- A client's own roles are told what is theirs: lines on accounts of customers
-- and on the client's settlement and share, executions without the provider's
-- side, events of subjects that say so, requests that a poster can make.

-- what a page looks up: in which block a number is, and which blocks may have taken late ones
CREATE INDEX block_high_idx ON block (high, block_no);
CREATE INDEX block_pending_idx ON block (block_no) WHERE pending <> '{}';

CREATE TYPE bakkt_ledger.feed_cursor AS (
    block_no bigint,
    number bigint,
    hash bytea
);
COMMENT ON TYPE feed_cursor IS
'How far a consumer has read: the last record''s block and number, and the hash of that block, by which a ledger without it is
told.';

CREATE TYPE bakkt_ledger.feed_record AS (
    block_no bigint,
    number bigint,
    kind text,
    client text,
    at timestamptz,
    recorded_at timestamptz,
    content jsonb,
    cursor feed_cursor
);
COMMENT ON TYPE feed_record IS
'A record as the feed tells it: journal, event, request or refusal; of which client, NULL: the whole ledger''s; when it happened
and when it was recorded; what it says, with amounts debit positive; and the cursor to go on after it.';

-- Who reads, as far as it decides what is told.
CREATE TYPE bakkt_ledger_internal.feed_reader AS (
    holders integer[],
    sees_all boolean,
    operations text[]
);
COMMENT ON TYPE feed_reader IS 'Whose records are told, whether whole, and else which operations'' requests.';

CREATE FUNCTION bakkt_ledger_internal.feed_reader() RETURNS feed_reader
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF sees_all_clients() THEN
        RETURN ROW(0 || visible_clients(), true, NULL)::feed_reader;
    END IF;
    RETURN ROW(visible_clients(), false,
               ARRAY(SELECT p.proname::text
                     FROM pg_proc AS p
                     WHERE p.pronamespace = 'bakkt_ledger'::regnamespace AND p.provolatile = 'v'
                       AND has_function_privilege('bakkt_ledger_poster', p.oid, 'EXECUTE')))::feed_reader;
END;
$$;

-- Where to go on: the cursor's place, or before the first.  LG069 if this ledger has not got it.
CREATE FUNCTION bakkt_ledger_internal.require_cursor(after feed_cursor) RETURNS feed_cursor
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF after IS NULL THEN
        RETURN ROW(1, 0, NULL)::feed_cursor;
    END IF;
    IF NOT EXISTS (SELECT FROM block AS b WHERE b.block_no = after.block_no AND b.hash = after.hash
                                         AND after.number BETWEEN 0 AND b.high) THEN
        PERFORM refuse('LG069', format('this ledger has no place (block %s, number %s) with the cursor''s hash', after.block_no,
                                       after.number),
                       'The ledger was brought back to an earlier state, by recovery or by a standby that took over.',
                       'Go on after an earlier cursor that the ledger still has, and take back what was read after that.');
    END IF;
    RETURN after;
END;
$$;

-- The next records of these clients by number. The limit holds for each client and kind, so that
-- the keys are read no further.
CREATE FUNCTION bakkt_ledger_internal.next_numbers(holders integer[], after bigint, through bigint, most integer)
    RETURNS TABLE (client_id integer, number bigint, kind text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT h.holder, n.number, n.kind
    FROM unnest(holders) AS h (holder)
    CROSS JOIN LATERAL ((SELECT j.journal_id AS number, 'journal' AS kind
                         FROM journal AS j
                         WHERE j.client_id = h.holder AND j.journal_id > after AND j.journal_id <= through
                         ORDER BY j.journal_id LIMIT most)
                        UNION ALL
                        (SELECT e.event_id, 'event'
                         FROM event AS e
                         WHERE e.client_id = h.holder AND e.event_id > after AND e.event_id <= through
                         ORDER BY e.event_id LIMIT most)
                        UNION ALL
                        (SELECT q.request_id, 'request'
                         FROM request AS q
                         WHERE q.client_id = h.holder AND q.request_id > after AND q.request_id <= through
                         ORDER BY q.request_id LIMIT most)
                        UNION ALL
                        (SELECT r.rejection_id, 'refusal'
                         FROM rejection AS r
                         WHERE r.client_id = h.holder AND r.rejection_id > after AND r.rejection_id <= through
                         ORDER BY r.rejection_id LIMIT most)) AS n
    ORDER BY n.number LIMIT most;
END;

-- The records of these clients that blocks have taken late, after this place and up to that block.
CREATE FUNCTION bakkt_ledger_internal.late_numbers(holders integer[], after feed_cursor, last bigint, most integer)
    RETURNS TABLE (block_no bigint, client_id integer, number bigint, kind text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.block_no, n.client_id, n.number, n.kind
    FROM block AS p
    JOIN block AS b ON b.block_no = p.block_no + 1
    CROSS JOIN LATERAL unnest(p.pending - b.absent) AS part
    CROSS JOIN LATERAL next_numbers(holders, greatest(lower(part) - 1,
                                                      CASE WHEN b.block_no = (after).block_no THEN (after).number END),
                                    upper(part) - 1, most) AS n
    WHERE p.block_no >= (after).block_no - 1 AND p.block_no < last AND p.pending <> '{}';
END;

-- A page of records, told or not, in order; unless it is full, a row without a record says at the
-- end how far it goes.
CREATE FUNCTION bakkt_ledger_internal.feed_page(holders integer[], after feed_cursor, begins bigint, reach bigint, last block,
                                                most integer)
    RETURNS TABLE (block_no bigint, client_id integer, number bigint, kind text)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    WITH regular AS MATERIALIZED (
        SELECT n.client_id, n.number, n.kind, b.block_no, n.number <@ b.absent AS late
        FROM next_numbers(holders, begins, reach, most) AS n
        CROSS JOIN LATERAL (SELECT o.block_no, o.absent
                            FROM block AS o
                            WHERE o.high >= n.number
                            ORDER BY o.high, o.block_no LIMIT 1) AS b
    ), reached AS (
        SELECT CASE WHEN count(*) < most THEN reach ELSE max(r.number) END AS number
        FROM regular AS r
    ), page_end AS (
        SELECT e.number, CASE WHEN e.number < (last).high
                              THEN (SELECT o.block_no
                                    FROM block AS o
                                    WHERE o.high >= e.number
                                    ORDER BY o.high, o.block_no LIMIT 1)
                              ELSE (last).block_no END AS block_no
        FROM reached AS e
    ), page AS MATERIALIZED (
        SELECT r.block_no, r.client_id, r.number, r.kind
        FROM regular AS r
        WHERE NOT r.late
        UNION ALL
        SELECT l.*
        FROM page_end AS e
        CROSS JOIN LATERAL late_numbers(holders, after, e.block_no, most) AS l
        ORDER BY block_no, number LIMIT most
    )
    SELECT p.*
    FROM page AS p
    UNION ALL
    SELECT e.block_no, NULL, e.number, NULL
    FROM page_end AS e
    WHERE (SELECT count(*) FROM page AS p) < most
$$;

-- ---------------------------------------------------------------------------
-- What a record says.  These return sets so that they become part of the one query for a page.
-- ---------------------------------------------------------------------------

-- The lines of an entry: all of them, or those of kinds of account that the client sees.
CREATE FUNCTION bakkt_ledger_internal.told_lines(holder integer, whole journal_entry, sees_all boolean) RETURNS SETOF jsonb
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT jsonb_agg(jsonb_build_object('line', l.line, 'account', l.account, 'fund', a.fund, 'name', a.name, 'amount', l.amount)
                     ORDER BY l.line)
    FROM lines(whole) AS l
    JOIN account AS a ON a.client_id = holder AND a.account = l.account
    JOIN account_kind AS k ON k.kind = a.kind
    WHERE sees_all OR k.for_client;
END;

-- An execution: all its terms, or the customer's side of it.
CREATE FUNCTION bakkt_ledger_internal.told_execution(terms execution_terms, sees_all boolean) RETURNS SETOF jsonb
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT jsonb_build_object(
               'customer', c.customer_code, 'symbol', i.symbol, 'side', side(terms), 'quantity', quantity(terms),
               'price', price(terms), 'net_money', net_money(terms), 'fee', fee(terms), 'funding_model', funding_model(terms),
               'client_order_id', client_order_id(terms), 'busts', busts(terms), 'corrects', corrects(terms))
        || CASE WHEN sees_all
                THEN jsonb_build_object('provider', p.code, 'provider_price', provider_price(terms), 'provider_money',
                                        provider_money(terms),
                                        'revenue', revenue(terms), 'revenue_share', revenue_share(terms))
                ELSE '{}' END
    FROM customer AS c
    LEFT JOIN instrument AS i ON i.instrument_id = instrument_id(terms)
    LEFT JOIN provider AS p ON p.provider_id = provider_id(terms)
    WHERE c.customer_id = customer_id(terms);
END;

-- A journal or what was refused to be one. To the client: what touches its accounts, in no words of
-- the company's.
CREATE FUNCTION bakkt_ledger_internal.told_posting(posted journal, sees_all boolean) RETURNS SETOF jsonb
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'reference', (posted).reference, 'kind', k.name, 'reverses', (posted).reverses, 'lines', l, 'execution', x,
               'description', CASE WHEN sees_all THEN (posted).description END,
               'actor', CASE WHEN sees_all THEN a.role_name END))
    FROM told_lines((posted).client_id, (posted).entry, sees_all) AS l
    LEFT JOIN told_execution((posted).terms, sees_all) AS x ON true
    LEFT JOIN journal_kind AS k ON k.kind = (posted).kind
    LEFT JOIN actor AS a ON a.actor_id = (posted).actor_id
    WHERE sees_all OR l IS NOT NULL OR (posted).terms IS NOT NULL;
END;

-- When a record happened and was recorded, and what the reader is told of it; NULL: nothing. To the
-- client: why a request was refused only by SQLSTATE, events of subjects that tell it columns,
-- requests that its posters can make.
CREATE FUNCTION bakkt_ledger_internal.told_record(of_kind text, holder integer, number bigint, reader feed_reader)
    RETURNS TABLE (at timestamptz, recorded_at timestamptz, content jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT j.effective_at, j.recorded_at, t
    FROM journal AS j
    CROSS JOIN LATERAL told_posting(j, (reader).sees_all) AS t
    WHERE of_kind = 'journal' AND j.client_id = holder AND j.journal_id = number
    UNION ALL
    SELECT coalesce(r.effective_at, r.recorded_at), r.recorded_at,
           t || jsonb_build_object('sqlstate', r.sqlstate)
             || CASE WHEN (reader).sees_all
                     THEN jsonb_strip_nulls(jsonb_build_object('message', r.message, 'detail', r.detail, 'hint', r.hint,
                                                               'facts', r.facts))
                     ELSE '{}' END
    FROM rejection AS r
    CROSS JOIN LATERAL told_posting(ROW(r.client_id, r.actor_id, r.rejection_id, r.recorded_at, r.effective_at, NULL, r.reverses,
                                        r.kind, r.reference, r.entry, r.terms, r.description)::journal, (reader).sees_all) AS t
    WHERE of_kind = 'refusal' AND r.client_id = holder AND r.rejection_id = number
    UNION ALL
    SELECT e.at, e.recorded_at,
           jsonb_strip_nulls(jsonb_build_object(
               'subject', e.subject, 'key', e.subject_key, 'event', e.event, 'status', e.status, 'amount', e.amount,
               'journal', e.journal_id, 'reference', e.reference, 'reason', e.reason,
               'changed', CASE WHEN (reader).sees_all THEN e.changed
                               ELSE (SELECT jsonb_object_agg(c.key, c.value)
                                     FROM jsonb_each(e.changed) AS c
                                     WHERE c.key = ANY (s.told)) END,
               'content', CASE WHEN (reader).sees_all THEN e.content END,
               'actor', CASE WHEN (reader).sees_all THEN a.role_name END))
    FROM event AS e
    LEFT JOIN subject AS s ON s.subject = e.subject
    LEFT JOIN actor AS a ON a.actor_id = e.actor_id
    WHERE of_kind = 'event' AND e.client_id = holder AND e.event_id = number AND ((reader).sees_all OR s.told IS NOT NULL)
    UNION ALL
    SELECT q.at, q.recorded_at,
           jsonb_strip_nulls(jsonb_build_object(
               'operation', q.operation, 'reference', q.reference, 'asked', q.content, 'answered', q.outcome,
               'scope', CASE WHEN (reader).sees_all THEN q.scope END,
               'actor', CASE WHEN (reader).sees_all THEN a.role_name END))
    FROM request AS q
    LEFT JOIN actor AS a ON a.actor_id = q.actor_id
    WHERE of_kind = 'request' AND q.client_id = holder AND q.request_id = number
      AND ((reader).sees_all OR q.operation = ANY ((reader).operations));
END;

-- ---------------------------------------------------------------------------
-- Reading
-- ---------------------------------------------------------------------------

CREATE FUNCTION bakkt_ledger.feed(after feed_cursor DEFAULT NULL, most integer DEFAULT 1000) RETURNS SETOF feed_record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    reader constant feed_reader := feed_reader();
    place feed_cursor := require_cursor(after);
    last block;
    span bigint := greatest(most, 1000);
    begins bigint;
    given integer := 0;
    told record;
BEGIN
    IF most IS NULL OR most NOT BETWEEN 1 AND 100000 THEN
        PERFORM refuse_invalid('a page of the feed has 1 to 100000 records', format('Asked for: %s.', most));
    END IF;
    SELECT b.* INTO last FROM block AS b ORDER BY b.block_no DESC LIMIT 1;
    WHILE (place.block_no, place.number) < (last.block_no, last.high) LOOP
        begins := greatest(place.number, (SELECT b.high FROM block AS b WHERE b.block_no = place.block_no - 1));
        FOR told IN
            SELECT p.*, b.hash, c.code, t.at, t.recorded_at, t.content
            FROM feed_page(reader.holders, place, begins, least(begins + span, last.high), last,
                           greatest(most - given, 100)) AS p
            JOIN block AS b ON b.block_no = p.block_no
            LEFT JOIN client AS c ON c.client_id = p.client_id
            LEFT JOIN LATERAL told_record(p.kind, p.client_id, p.number, reader) AS t ON true
            ORDER BY p.block_no, p.number, p.kind NULLS LAST
        LOOP
            place := ROW(told.block_no, told.number, told.hash)::feed_cursor;
            IF told.content IS NOT NULL THEN
                RETURN NEXT ROW(told.block_no, told.number, told.kind, told.code, told.at, told.recorded_at, told.content,
                                place)::feed_record;
                given := given + 1;
            END IF;
            EXIT WHEN given = most;
        END LOOP;
        EXIT WHEN given = most;
        span := span * 8;  -- little was found: look further at once
    END LOOP;
END;
$$;
COMMENT ON FUNCTION feed IS
'Everything recorded that a block has, in the order of (block, number): each record once, also one that was committed late.
after: the cursor of the last record that was read; NULL: from the beginning.
most: records of a page, up to 100,000.
Result: of the clients that the caller sees. To a client''s own roles: lines on its customers'' accounts, its settlement and its
share; never a provider''s price, revenue or a bank.
NOTIFY bakkt_ledger_sealed says that there is a new block.
Errors: LG002, LG069 a cursor of a block that this ledger does not have.';
