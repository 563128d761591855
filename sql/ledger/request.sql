-- Requests by reference: a repeated request is answered as it was answered first, and other content
-- under the same reference is refused, naming the field (LG020). A journal or a refusal is a
-- request of its own, with the reference in its own table, and is not repeated here.
-- Locks nothing itself: call open_request() under the lock that serializes the subject, so that an
-- earlier request with the reference is committed and found.

CREATE TABLE bakkt_ledger_internal.request (
    client_id integer NOT NULL,
    actor_id integer NOT NULL,
    request_id bigint NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    scope text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    content jsonb NOT NULL,
    outcome jsonb NOT NULL,
    CONSTRAINT request_pkey PRIMARY KEY (client_id, scope, reference),
    CONSTRAINT request_number_key UNIQUE (client_id, request_id)
);
COMMENT ON TABLE request IS
'Every request that is not a journal, by its reference, with its content and its answer. Append-only, sealed by blocks.';
COMMENT ON COLUMN request.client_id IS 'The client whose reference it is; 0: the reference belongs to the whole ledger.';
COMMENT ON COLUMN request.request_id IS 'From the sequence that also numbers journals.';
COMMENT ON COLUMN request.scope IS 'The name space of the reference: holds, deposits, settlement and others each have their own.';
COMMENT ON COLUMN request.operation IS 'The function that was called.';
COMMENT ON COLUMN request.content IS 'The content of the request, with which a repeated one is compared.';
COMMENT ON COLUMN request.outcome IS 'The first answer, which a repeated request gets again.';
SELECT pg_catalog.pg_extension_config_dump('request', '');
SELECT refuse_writes('request', 'UPDATE OR DELETE OR TRUNCATE');

-- LG002 unless the reference has between 1 and the given number of bytes.
CREATE FUNCTION bakkt_ledger_internal.require_reference(reference text, what text, most integer DEFAULT 200) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF coalesce(octet_length(reference), 0) NOT BETWEEN 1 AND most THEN
        PERFORM refuse_invalid(format('%s needs a reference', what), NULL, format('Give one of 1 to %s bytes.', most));
    END IF;
END;
$$;

-- The request as it was answered before (outcome is not NULL), or a new one, to be closed by
-- close_request().
CREATE FUNCTION bakkt_ledger_internal.open_request(operation text, scope text, holder integer, reference text, content jsonb,
                                                   at timestamptz)
    RETURNS request
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked request;
BEGIN
    SELECT r.* INTO asked FROM request AS r
    WHERE r.client_id = holder AND r.scope = open_request.scope AND r.reference = open_request.reference;
    IF FOUND THEN
        PERFORM refuse_other_content('Reference', reference, jsonb_build_object('operation', asked.operation),
                                     jsonb_build_object('operation', operation)),
                refuse_other_content('Reference', reference, asked.content, content);
        RETURN asked;
    END IF;
    asked.client_id := holder;
    asked.scope := scope;
    asked.reference := reference;
    asked.operation := operation;
    asked.content := content;
    asked.at := at;
    RETURN asked;
END;
$$;

-- What a request that was made before was answered: the first answer again.
CREATE FUNCTION bakkt_ledger_internal.first_answer(asked request, answer anyelement) RETURNS anyelement
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN jsonb_populate_record(answer, asked.outcome || '{"replayed": true}');
END;
$$;

-- Records a new request with its answer and returns that; 40001 when another session has used the
-- reference meanwhile.
CREATE FUNCTION bakkt_ledger_internal.close_request(asked request, answer anyelement) RETURNS anyelement
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET TimeZone = 'UTC' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' AS  -- values are written in one way
$$
BEGIN
    INSERT INTO request (client_id, actor_id, request_id, at, recorded_at, scope, reference, operation, content, outcome)
    VALUES (asked.client_id, invoking_actor(), next_record_number(), asked.at, record_time(), asked.scope, asked.reference,
            asked.operation, asked.content, to_jsonb(answer))
    ON CONFLICT ON CONSTRAINT request_pkey DO NOTHING;
    IF NOT FOUND THEN
        PERFORM refuse_taken_reference(asked.reference);
    END IF;
    RETURN answer;
END;
$$;

-- Raises 54000 when a call brings more requests, references or numbers than one call may
-- (src/bounds.h).
CREATE FUNCTION bakkt_ledger_internal.require_batch_size(requests bigint) RETURNS void
    LANGUAGE c STABLE PARALLEL SAFE STRICT AS 'MODULE_PATHNAME', 'check_batch_size';
