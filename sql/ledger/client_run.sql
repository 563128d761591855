-- Runs over clients, each of them a unit of its own.
--
-- A run calls a function for each client that has something to do. What one client's part fails
-- with, whatever it is, is its own: the part is undone and reported, and the others go on. A part
-- waits for a lock only briefly, since the others wait with it.

CREATE TABLE bakkt_ledger_internal.client_run (
    run text COLLATE "C" PRIMARY KEY,
    part text COLLATE "C" NOT NULL,
    due text COLLATE "C"
);
COMMENT ON TABLE client_run IS
'The runs, and the functions they are made of: the only ones that a run calls. Shipped with the extension.';
COMMENT ON COLUMN client_run.part IS
'Does one client''s part: (client''s number, at timestamptz, variant text) returns what the run returns for it, as an array of
objects.';
COMMENT ON COLUMN client_run.due IS
'A cheap look at who has something to do: (at timestamptz, variant text) returns the clients'' numbers; may name one too many,
never one too few. NULL: not by client, but once for the ledger.';

CREATE TYPE bakkt_ledger_internal.client_outcome AS (
    client_id integer,
    rows jsonb,
    sqlstate text,
    message text,
    detail text,
    hint text
);
COMMENT ON TYPE client_outcome IS 'What came of a client''s part of a run: its rows, or the error that it was undone for.';

-- The clients that a run as of the instant would do something for, in order; one NULL for a run
-- that is not by client.
CREATE FUNCTION bakkt_ledger_internal.clients_due(named text, at timestamptz, variant text DEFAULT NULL) RETURNS integer[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    look constant text := (SELECT r.due FROM client_run AS r WHERE r.run = named);
    numbers integer[];
BEGIN
    IF look IS NULL THEN
        RETURN ARRAY[NULL::integer];
    END IF;
    EXECUTE format('SELECT bakkt_ledger_internal.%I($1, $2)', look) INTO numbers USING at, variant;
    RETURN coalesce(numbers, '{}');
END;
$$;

-- One client's part of a run, in the transaction at hand.
CREATE FUNCTION bakkt_ledger_internal.run_client_part(named text, holder integer, at timestamptz, variant text DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    made jsonb;
BEGIN
    EXECUTE format('SELECT bakkt_ledger_internal.%I($1, $2, $3)', (SELECT r.part FROM client_run AS r WHERE r.run = named))
        INTO made USING holder, at, variant;
    RETURN coalesce(made, '[]');
END;
$$;

-- One client's part of a run as a unit: done, or undone and the error returned. It waits at most so
-- many milliseconds for a lock. A canceled statement and a session that is ended are no error of
-- the client's: they pass.
CREATE FUNCTION bakkt_ledger_internal.try_client_part(named text, holder integer, at timestamptz, variant text, patience integer)
    RETURNS client_outcome
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    outcome client_outcome;
BEGIN
    PERFORM bounded_wait(patience);
    outcome.client_id := holder;
    BEGIN
        outcome.rows := run_client_part(named, holder, at, variant);
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

-- The parts of these clients, each a unit of its own, one after the other. blocked: those in whose
-- way another transaction is known to be. A tenth of a second for a lock, one second in all: then,
-- and for clients known to be blocked, just long enough for a transaction that is committing.
CREATE FUNCTION bakkt_ledger_internal.try_clients(named text, clients integer[], at timestamptz, variant text DEFAULT NULL,
                                                  blocked integer[] DEFAULT '{}')
    RETURNS SETOF client_outcome
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    outcome client_outcome;
    holder integer;
    started timestamptz;
    waited interval := '0';
BEGIN
    FOREACH holder IN ARRAY clients LOOP
        started := clock_timestamp();
        outcome := try_client_part(named, holder, at, variant,
                                   CASE WHEN holder = ANY (blocked) OR waited > '1 second' THEN 10 ELSE 100 END);
        IF outcome.sqlstate = '55P03' THEN
            waited := waited + (clock_timestamp() - started);
        END IF;
        RETURN NEXT outcome;
    END LOOP;
END;
$$;

-- Warns of a client whose part of a run has failed.
CREATE FUNCTION bakkt_ledger_internal.report_left_out(named text, outcome client_outcome) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RAISE WARNING USING ERRCODE = outcome.sqlstate,
        MESSAGE = format('%s: client "%s" is left out (%s): %s', named, (client_row(outcome.client_id)).code, outcome.sqlstate,
                         outcome.message),
        DETAIL = coalesce(nullif(outcome.detail, ''), 'Its part is undone.'),
        HINT = concat_ws(' ', nullif(outcome.hint, ''), 'What the run did for other clients stands; run it for this one again.');
END;
$$;

-- What a part adds to its rows when it has left so many things to the next run, since other
-- sessions have them: what they have locked is skipped, never in silence.
CREATE FUNCTION bakkt_ledger_internal.left_in_use(holder integer, number bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE WHEN number > 0 THEN jsonb_build_array(jsonb_build_object('in_use', number, 'client', (client_row(holder)).code))
           ELSE '[]' END;
END;
$$;

-- The rows of a part without what it left to the next run, of which a NOTICE tells.
CREATE FUNCTION bakkt_ledger_internal.report_in_use(named text, holder integer, rows jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    number constant bigint := (SELECT sum((r ->> 'in_use')::bigint) FROM jsonb_array_elements(rows) AS r);
BEGIN
    IF number IS NULL THEN
        RETURN rows;
    END IF;
    RAISE NOTICE '%: % of client "%" left to the next run: in use by other sessions', named, number, (client_row(holder)).code;
    RETURN jsonb_path_query_array(rows, '$[*] ? (!exists(@.in_use))');
END;
$$;

-- A run called by hand: for one client, whose errors it raises, or for all visible ones, each a
-- unit of its own; what fails is a WARNING. Returns an array of rows for each.
CREATE FUNCTION bakkt_ledger_internal.run_for_clients(named text, at timestamptz, client text, variant text DEFAULT NULL)
    RETURNS SETOF jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked constant integer := CASE WHEN client IS NOT NULL THEN require_client(client) END;
    seen constant integer[] := visible_clients();
    outcome client_outcome;
BEGIN
    IF asked IS NOT NULL THEN
        RETURN NEXT report_in_use(named, asked, run_client_part(named, asked, at, variant));
        RETURN;
    END IF;
    FOR outcome IN
        SELECT o.*
        FROM try_clients(named, ARRAY(SELECT d FROM unnest(clients_due(named, at, variant)) AS d WHERE d = ANY (seen)), at,
                         variant) AS o
    LOOP
        IF outcome.sqlstate IS NULL THEN
            RETURN NEXT report_in_use(named, outcome.client_id, outcome.rows);
        ELSE
            PERFORM report_left_out(named, outcome);
        END IF;
    END LOOP;
END;
$$;

-- run_for_clients() as rows of the run's result type.
CREATE FUNCTION bakkt_ledger_internal.run_answers(named text, answer anyelement, at timestamptz, client text,
                                                  variant text DEFAULT NULL)
    RETURNS SETOF anyelement
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT a.*
    FROM run_for_clients(named, at, client, variant) AS r (rows)
    CROSS JOIN LATERAL jsonb_populate_recordset(answer, r.rows) AS a;
END;
$$;
