-- Runs over clients: each client is a unit of its own. A run calls a function for each client that
-- has something to do. If one client's part fails, whatever the error, only that part is undone and
-- reported; the others go on. A part waits for a lock only briefly, because the clients after it
-- wait too.

CREATE TABLE bakkt_ledger_internal.client_run (
    run     text COLLATE "C" PRIMARY KEY,
    part    text COLLATE "C" NOT NULL,
    due     text COLLATE "C"
);
COMMENT ON TABLE client_run IS 'The runs and the functions that each calls. Shipped with the extension.';
COMMENT ON COLUMN client_run.part IS
    'Does one client''s part: (client_id integer, at timestamptz, variant text) returns the run''s rows for that client, as a '
    'JSON array of objects.';
COMMENT ON COLUMN client_run.due IS
    'Cheaply finds the clients with something to do: (at timestamptz, variant text) returns their numbers. It may return a '
    'client too many, but must not miss one. NULL: the run is not by client, but once for the ledger.';

CREATE TYPE bakkt_ledger_internal.client_outcome AS (
    client_id   integer,
    rows        jsonb,
    sqlstate    text,
    message     text,
    detail      text,
    hint        text
);
COMMENT ON TYPE client_outcome IS
    'Internal: the outcome of one client''s part of a run: its rows, or the error for which it was undone.';

CREATE FUNCTION bakkt_ledger_internal.clients_due(run text, at timestamptz, variant text DEFAULT NULL) RETURNS integer[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    look    constant text := (SELECT r.due FROM client_run r WHERE r.run = clients_due.run);
    result  integer[];
BEGIN
    IF look IS NULL THEN
        RETURN ARRAY[NULL::integer];
    END IF;
    EXECUTE format('SELECT bakkt_ledger_internal.%I($1, $2)', look) INTO result USING at, variant;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION clients_due(text, timestamptz, text) IS
    'Internal: the clients for which a run as of the instant has something to do, in order; a single NULL for a run that is not '
    'by client.';

CREATE FUNCTION bakkt_ledger_internal.run_client_part(run text, client_id integer, at timestamptz, variant text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    rows    jsonb;
BEGIN
    EXECUTE format('SELECT bakkt_ledger_internal.%I($1, $2, $3)', (SELECT r.part FROM client_run r WHERE r.run = run_client_part.run))
        INTO rows USING client_id, at, variant;
    RETURN coalesce(rows, '[]');
END;
$$;
COMMENT ON FUNCTION run_client_part(text, integer, timestamptz, text) IS
    'Internal: one client''s part of a run, in the current transaction.';

-- A cancel request and the end of the session are no errors of the client: WHEN OTHERS lets them
-- through.
CREATE FUNCTION bakkt_ledger_internal.try_client_part(run text, client_id integer, at timestamptz, variant text, patience integer) RETURNS client_outcome
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    outcome client_outcome;
BEGIN
    PERFORM bounded_wait(patience);
    outcome.client_id := client_id;
    BEGIN
        outcome.rows := run_client_part(run, client_id, at, variant);
    EXCEPTION WHEN OTHERS THEN
        -- a snapshot that is too old, or a standby, would make every other client fail as well
        IF SQLSTATE = '40001' AND current_setting('transaction_isolation') <> 'read committed' OR SQLSTATE = '25006' THEN
            RAISE;
        END IF;
        GET STACKED DIAGNOSTICS outcome.sqlstate = RETURNED_SQLSTATE, outcome.message = MESSAGE_TEXT,
            outcome.detail = PG_EXCEPTION_DETAIL, outcome.hint = PG_EXCEPTION_HINT;
    END;
    RETURN outcome;
END;
$$;
COMMENT ON FUNCTION try_client_part(text, integer, timestamptz, text, integer) IS
    'Internal: one client''s part of a run as a unit: either done, or undone and its error returned. patience: how many '
    'milliseconds it waits for a lock at most.';

-- Each client waits at most a tenth of a second for a lock. Once a second in all has been spent so,
-- and for clients known to be blocked, it is 10 ms: enough for a transaction that is just
-- committing.
CREATE FUNCTION bakkt_ledger_internal.try_clients(run text, clients integer[], at timestamptz, variant text DEFAULT NULL, blocked integer[] DEFAULT '{}')
    RETURNS SETOF client_outcome
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    outcome     client_outcome;
    number      integer;
    started     timestamptz;
    waited      interval := '0';
BEGIN
    FOREACH number IN ARRAY clients LOOP
        started := clock_timestamp();
        outcome := try_client_part(run, number, at, variant, CASE WHEN number = ANY (blocked) OR waited > '1 second' THEN 10 ELSE 100 END);
        IF outcome.sqlstate = '55P03' THEN
            waited := waited + (clock_timestamp() - started);
        END IF;
        RETURN NEXT outcome;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION try_clients(text, integer[], timestamptz, text, integer[]) IS
    'Internal: the parts of these clients, each a unit of its own, one after the other. blocked: clients known to be blocked by '
    'another transaction.';

CREATE FUNCTION bakkt_ledger_internal.report_left_out(run text, outcome client_outcome) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RAISE WARNING USING ERRCODE = outcome.sqlstate,
        MESSAGE = format('%s: client "%s" is left out (%s): %s', run, (client_row(outcome.client_id)).code, outcome.sqlstate, outcome.message),
        DETAIL = coalesce(nullif(outcome.detail, ''), 'Its part is undone.'),
        HINT = concat_ws(' ', nullif(outcome.hint, ''), 'What the run did for other clients stands; run it for this one again.');
END;
$$;
COMMENT ON FUNCTION report_left_out(text, client_outcome) IS 'Internal: warns of a client whose part of a run has failed.';

-- What other sessions have locked is skipped, and the caller is told.
CREATE FUNCTION bakkt_ledger_internal.left_in_use(client_id integer, number bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE WHEN number > 0 THEN jsonb_build_array(jsonb_build_object('in_use', number, 'client', (client_row(client_id)).code)) ELSE '[]' END;
END;
$$;
COMMENT ON FUNCTION left_in_use(integer, bigint) IS
    'Internal: the row that a part adds to its rows when it has left that many things to the next run because other sessions '
    'have locked them.';

CREATE FUNCTION bakkt_ledger_internal.report_in_use(run text, client_id integer, rows jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    number  constant bigint := (SELECT sum((r ->> 'in_use')::bigint) FROM jsonb_array_elements(rows) AS r);
BEGIN
    IF number IS NULL THEN
        RETURN rows;
    END IF;
    RAISE NOTICE '%: % of client "%" left to the next run: in use by other sessions', run, number, (client_row(client_id)).code;
    RETURN jsonb_path_query_array(rows, '$[*] ? (!exists(@.in_use))');
END;
$$;
COMMENT ON FUNCTION report_in_use(text, integer, jsonb) IS
    'Internal: the rows of a part without the count of what it left to the next run, which a NOTICE reports.';

CREATE FUNCTION bakkt_ledger_internal.run_for_clients(run text, at timestamptz, client text, variant text DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    asked   constant integer := CASE WHEN client IS NOT NULL THEN require_client(client) END;
    seen    constant integer[] := visible_clients();
    outcome client_outcome;
BEGIN
    IF asked IS NOT NULL THEN
        RETURN NEXT report_in_use(run, asked, run_client_part(run, asked, at, variant));
        RETURN;
    END IF;
    FOR outcome IN SELECT * FROM try_clients(run, ARRAY(SELECT d FROM unnest(clients_due(run, at, variant)) AS d WHERE d = ANY (seen)), at, variant) LOOP
        IF outcome.sqlstate IS NULL THEN
            RETURN NEXT report_in_use(run, outcome.client_id, outcome.rows);
        ELSE
            PERFORM report_left_out(run, outcome);
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION run_for_clients(text, timestamptz, text, text) IS
    'Internal: a run called by hand, for one client, whose errors it raises, or for all visible clients, each as a unit of its '
    'own whose failure is a WARNING. Returns an array of rows for each client.';
