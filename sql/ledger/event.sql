-- Events: what happened to every subject. One append-only table of events, one table of the changes
-- of status that are allowed, and one function that writes an event. A subject is a row of a table
-- of present states. Every change of such a row records an event with the columns that changed, so
-- the row is the fold of its events: verify() folds them and compares. Journals and refusals are
-- records of their own and are not repeated here.
-- Refuses a change of status that is not listed, with the subject's own SQLSTATE.
-- Locks the relation journal, as everybody who takes a record number does; seal() reads from that
-- lock who may still write (I22).

CREATE TABLE bakkt_ledger_internal.subject (
    subject text COLLATE "C" PRIMARY KEY,
    key text[] NOT NULL CHECK (cardinality(key) BETWEEN 1 AND 5),
    refusal text COLLATE "C" NOT NULL DEFAULT 'LG071',
    apart text[] NOT NULL DEFAULT '{}',
    told_by text COLLATE "C" NOT NULL DEFAULT 'told_states',
    shipped boolean NOT NULL DEFAULT false,
    told text[]
);
COMMENT ON TABLE subject IS 'The tables whose rows are the fold of their events. Shipped with the extension.';
COMMENT ON COLUMN subject.subject IS 'Name of the table.';
COMMENT ON COLUMN subject.key IS 'The columns, beside client_id, that name a row in its events.';
COMMENT ON COLUMN subject.refusal IS 'SQLSTATE of a change of status that transition does not list.';
COMMENT ON COLUMN subject.apart IS 'Columns that events leave out, because nothing depends on them.';
COMMENT ON COLUMN subject.told_by IS 'The function that computes from what is recorded what the rows must be.';
COMMENT ON COLUMN subject.shipped IS 'Its rows come with the extension; the first seal() records them.';
COMMENT ON COLUMN subject.told IS 'The columns that the feed tells the client''s own roles; NULL: nothing, it is the company''s.';
INSERT INTO subject (subject, key) VALUES ('actor', '{actor_id}');

CREATE TABLE bakkt_ledger_internal.transition (
    subject text COLLATE "C" NOT NULL REFERENCES subject,
    from_status text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    to_status text COLLATE "C" NOT NULL,
    variant text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (subject, variant, from_status, event, to_status)
);
COMMENT ON TABLE transition IS
'The changes of status each subject can make, and by which event; any other is refused. Shipped with the extension.';
COMMENT ON COLUMN transition.variant IS
'Which variant of the subject, where one table has several, such as deposits and withdrawals; otherwise empty.';

CREATE TABLE bakkt_ledger_internal.event (
    client_id integer NOT NULL,
    actor_id integer NOT NULL,
    event_id bigint NOT NULL,
    journal_id bigint,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    subject text COLLATE "C" NOT NULL,
    subject_key text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    status text COLLATE "C",
    amount amount,
    reference text COLLATE "C",
    reason text COLLATE "C",
    content jsonb,
    changed jsonb,
    CONSTRAINT event_pkey PRIMARY KEY (client_id, subject, subject_key, event_id),
    -- a block and the feed read a client's records in order of number, as they do the journals
    CONSTRAINT event_number_key UNIQUE (client_id, event_id)
);
CREATE INDEX event_reference_idx ON event (client_id, reference) WHERE reference IS NOT NULL;
COMMENT ON TABLE event IS
'What happened to every subject that is not a journal: opened, changed, ended. Append-only, sealed by blocks.';
COMMENT ON COLUMN event.client_id IS 'Client concerned; 0: the whole ledger.';
COMMENT ON COLUMN event.event_id IS 'From the sequence that also numbers journals.';
COMMENT ON COLUMN event.journal_id IS 'The journal it posted or follows from, if any.';
COMMENT ON COLUMN event.at IS 'When it happened, by the caller''s clock.';
COMMENT ON COLUMN event.recorded_at IS 'When the ledger recorded it.';
COMMENT ON COLUMN event.subject_key IS 'Which row of the subject''s table: the columns listed in subject.key, joined by "/".';
COMMENT ON COLUMN event.status IS 'The subject''s status after it.';
COMMENT ON COLUMN event.reference IS 'The reference of the request that it belongs to, if it had one.';
COMMENT ON COLUMN event.content IS 'What was given besides the row''s columns; a repeated event must give the same.';
COMMENT ON COLUMN event.changed IS
'The columns of the row that it set, with their new values; NULL: it ended the row, or changed nothing.';
SELECT pg_catalog.pg_extension_config_dump('event', '');
SELECT refuse_writes('event', 'UPDATE OR DELETE OR TRUNCATE');

-- The next number of what is recorded.
CREATE FUNCTION bakkt_ledger_internal.next_record_number() RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'next_record_number';

-- When something is recorded: by the clock, but never before the last block was sealed, also when
-- the clock was set back.
CREATE FUNCTION bakkt_ledger_internal.record_time() RETURNS timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'bakkt_ledger_record_time';

-- The name of a row in its events. Without a subquery it is inlined: planned anew for each event,
-- it would cost more than that.
CREATE FUNCTION bakkt_ledger_internal.subject_key(key text[], state jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN concat_ws('/', state ->> key[1], state ->> key[2], state ->> key[3], state ->> key[4], state ->> key[5]);

-- The columns in which a row differs from its earlier version; all columns of a new row.
CREATE FUNCTION bakkt_ledger_internal.changed_columns(before jsonb, after jsonb, apart text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN (SELECT jsonb_object_agg(c.key, c.value)
            FROM jsonb_each(after) AS c
            WHERE before -> c.key IS DISTINCT FROM c.value AND c.key <> ALL (apart));
END;
$$;

-- The status that an event leads to from another; refused with the subject's SQLSTATE when it
-- cannot happen then.
CREATE FUNCTION bakkt_ledger_internal.next_status(subject text, name text, from_status text, event text, variant text DEFAULT '')
    RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    led_to text;
    allowed text;
BEGIN
    SELECT max(t.to_status) FILTER (WHERE t.event = next_status.event), string_agg(DISTINCT t.event, ', ' ORDER BY t.event)
    INTO led_to, allowed
    FROM transition AS t
    WHERE t.subject = next_status.subject AND t.from_status = next_status.from_status AND t.variant = next_status.variant;
    IF led_to IS NULL THEN
        PERFORM refuse((SELECT s.refusal FROM subject AS s WHERE s.subject = next_status.subject),
                       format('%s cannot be %s', name, replace(event, '_', ' ')), format('It is %s.', from_status),
                       CASE WHEN allowed IS NULL THEN format('%s is final.', from_status)
                            ELSE format('Now it can be: %s.', replace(allowed, '_', ' ')) END);
    END IF;
    RETURN led_to;
END;
$$;

-- Whether an event named for the status that it leads to can happen now.
CREATE FUNCTION bakkt_ledger_internal.can_become(subject text, from_status text, to_status text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM transition AS t
                   WHERE t.subject = can_become.subject AND t.from_status = can_become.from_status
                     AND t.to_status = can_become.to_status AND t.event = lower(can_become.to_status));

-- Refuses a change of status that transition does not list for the event.
CREATE FUNCTION bakkt_ledger_internal.require_transition(what subject, happening text, was jsonb, state jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM transition AS t
                   WHERE t.subject = what.subject AND t.from_status = was ->> 'status' AND t.event = happening
                     AND t.to_status = state ->> 'status') THEN
        PERFORM refuse(what.refusal, format('%s %s cannot go from %s to %s', replace(what.subject, '_', ' '),
                                            subject_key(what.key, state), was ->> 'status', state ->> 'status'));
    END IF;
END;
$$;

-- Writes the same event for several rows, given each row before and after. All events are written
-- here, except attempts on cash calls, which a run writes in bulk. Amounts, journals and requests
-- are given for each row or not at all; stamp is the instant of recording, for rows that hold it.
CREATE FUNCTION bakkt_ledger_internal.record_events(happening text, before anyarray, after anyarray, moment timestamptz,
                                                    amounts amount[] DEFAULT NULL, journals bigint[] DEFAULT NULL,
                                                    requests text[] DEFAULT NULL, why text DEFAULT NULL,
                                                    said jsonb DEFAULT NULL, acting integer DEFAULT NULL,
                                                    stamp timestamptz DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET TimeZone = 'UTC' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' AS  -- values are written in one way
$$
DECLARE
    what subject;
BEGIN
    acting := coalesce(acting, invoking_actor());
    SELECT s.* INTO STRICT what FROM subject AS s WHERE s.subject || '[]' = pg_typeof(after)::text;
    IF before IS NOT NULL THEN
        PERFORM require_transition(what, happening, r.was, r.state)
        FROM (SELECT to_jsonb(unnest(before)) AS was, to_jsonb(unnest(after)) AS state) AS r
        WHERE r.was ->> 'status' <> r.state ->> 'status';
    END IF;
    INSERT INTO event (client_id, actor_id, event_id, journal_id, at, recorded_at, subject, subject_key, event, status, amount,
                       reference, reason, content, changed)
    SELECT coalesce((coalesce(r.state, r.was) ->> 'client_id')::integer, 0), acting, next_record_number(), r.journal, moment,
           coalesce(stamp, record_time()), what.subject, subject_key(what.key, coalesce(r.state, r.was)), happening,
           r.state ->> 'status',
           r.amount, r.reference, why, said,
           CASE WHEN r.was IS NULL THEN r.state - what.apart ELSE changed_columns(r.was, r.state, what.apart) END
    -- side by side: a subscript would look for its row from the first on
    FROM (SELECT to_jsonb(unnest(before)) AS was, to_jsonb(unnest(after)) AS state, unnest(amounts) AS amount,
                 unnest(journals) AS journal, unnest(requests) AS reference) AS r;
END;
$$;

-- Writes one event.
CREATE FUNCTION bakkt_ledger_internal.record_event(happening text, before anyelement, after anyelement, moment timestamptz,
                                                   amount amount DEFAULT NULL, journal bigint DEFAULT NULL,
                                                   request text DEFAULT NULL, reason text DEFAULT NULL,
                                                   content jsonb DEFAULT NULL, acting integer DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM record_events(happening, CASE WHEN before IS NULL THEN NULL ELSE ARRAY[before] END, ARRAY[after], moment,
                          ARRAY[amount], ARRAY[journal], ARRAY[request], reason, content, acting);
END;
$$;

-- The number of the invoking role, entered on first use: its entry is an event as well.
CREATE FUNCTION bakkt_ledger_internal.invoking_actor() RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    acting constant name := invoking_role();
    number integer;
    entered actor;
BEGIN
    SELECT a.actor_id INTO number FROM actor AS a WHERE a.role_name = acting ORDER BY a.actor_id LIMIT 1;
    IF FOUND THEN
        RETURN number;
    END IF;
    INSERT INTO actor AS a (role_name) VALUES (acting) RETURNING a.* INTO entered;
    PERFORM record_event('entered', NULL::actor, entered, clock_timestamp(), acting => entered.actor_id);
    RETURN entered.actor_id;
END;
$$;

-- Whether the event has happened to the row before, with this content; other content is LG020
-- naming the field.
CREATE FUNCTION bakkt_ledger_internal.happened_before(event text, state anyelement, content jsonb, name text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    what subject;
    earlier event;
BEGIN
    SELECT s.* INTO STRICT what FROM subject AS s WHERE s.subject = pg_typeof(state)::text;
    SELECT e.* INTO earlier FROM event AS e
    WHERE e.client_id = coalesce((to_jsonb(state) ->> 'client_id')::integer, 0) AND e.subject = what.subject
      AND e.subject_key = subject_key(what.key, to_jsonb(state)) AND e.event = happened_before.event
    ORDER BY e.event_id DESC LIMIT 1;
    IF FOUND THEN
        PERFORM refuse_other_content(format('Event "%s" of', event), name, earlier.content, content);
    END IF;
    RETURN FOUND;
END;
$$;
