-- Running what is due.

-- seal() as a run, which is of no client.
CREATE FUNCTION bakkt_ledger_internal.seal_part(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN jsonb_build_array(jsonb_build_object('block', seal()));
END;
$$;

-- ---------------------------------------------------------------------------
-- What a run did, in a few words
-- ---------------------------------------------------------------------------

-- The sum of a count over the rows of a run.
CREATE FUNCTION bakkt_ledger_internal.total(rows jsonb, field text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE WHEN rows = '[]' THEN 0
           ELSE (SELECT coalesce(sum((r ->> field)::bigint), 0) FROM jsonb_array_elements(rows) AS r) END;
END;
$$;

-- What a run did.
CREATE FUNCTION bakkt_ledger_internal.run_result(run text, rows jsonb, at timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE run
        WHEN 'expire_holds' THEN format('accounts: %s', total(rows, 'accounts'))
        WHEN 'settle_deposits' THEN format('settled: %s', total(rows, 'settled'))
        WHEN 'process_cash_calls' THEN
            format('attempted: %s, settled: %s, failed: %s', total(rows, 'attempted'), total(rows, 'settled'),
                   total(rows, 'failed'))
        WHEN 'propose_cash_call_write_offs' THEN format('proposed: %s', total(rows, 'proposed'))
        WHEN 'charge_cash_call_write_offs' THEN format('charged: %s', total(rows, 'charged'))
        WHEN 'close_due_windows' THEN format('windows: %s', jsonb_array_length(rows))
        WHEN 'set_off_obligations' THEN format('payments: %s', jsonb_array_length(rows))
        WHEN 'take_aged_tpj' THEN
            format('lists: %s, calls: %s', jsonb_array_length(rows), total(rows, 'calls'))
            || coalesce(', taken before as of another instant: '
                        || nullif((SELECT count(*) FROM jsonb_array_elements(rows) AS r
                                   WHERE (r ->> 'at')::timestamptz <> at), 0), '')
        WHEN 'seal' THEN format('block: %s', rows #>> '{0,block}')
        ELSE format('transfers: %s', jsonb_array_length(rows))
    END || coalesce((SELECT ', in use by other sessions: ' || string_agg(format('%s of %s', r ->> 'in_use', r ->> 'client'), ', ')
                     FROM jsonb_array_elements(rows) AS r WHERE r ? 'in_use'), '');
END;
$$;

-- The rows of all parts that succeeded.
CREATE FUNCTION bakkt_ledger_internal.rows_of(outcomes client_outcome[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE WHEN outcomes = '{}' THEN '[]'
           ELSE (SELECT coalesce(jsonb_agg(r), '[]')
                 FROM unnest(outcomes) AS o, jsonb_array_elements(o.rows) AS r
                 WHERE o.sqlstate IS NULL) END;
END;
$$;

-- ---------------------------------------------------------------------------
-- Runs and who is left out of them
-- ---------------------------------------------------------------------------

-- LG090
CREATE FUNCTION bakkt_ledger_internal.refuse_job(named text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM refuse('LG090', format('job "%s" does not exist', coalesce(named, 'NULL')), NULL, 'The table job lists them.');
END;
$$;

-- The row of a run that has ended, with the error if there was one; run_due_jobs() records the
-- events of all its runs at once.
CREATE FUNCTION bakkt_ledger_internal.end_job_run(ran job_run, outcome client_outcome) RETURNS job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    ran.ended_at := clock_timestamp();
    IF outcome.sqlstate IS NOT NULL THEN
        ran.status := 'FAILED';
        ran.result := NULL;
        ran.sqlstate := outcome.sqlstate;
        ran.message := concat_ws(E'\n', outcome.message, 'DETAIL: ' || nullif(outcome.detail, ''),
                                 'HINT: ' || nullif(outcome.hint, ''));
    END IF;
    INSERT INTO job_run SELECT ran.*;
    RETURN ran;
END;
$$;

-- Those who were left out of a job before are left out of this run of it: of times of day each
-- waits its turn; of instants the latest stands for all.
CREATE FUNCTION bakkt_ledger_internal.keep_left_out(ran job_run) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    before constant job_left_out[] := ARRAY(SELECT l FROM job_left_out AS l WHERE l.job = ran.job);
    after job_left_out[];
BEGIN
    IF EXISTS (SELECT FROM job AS j WHERE j.job = ran.job AND j.every IS NOT NULL) THEN
        WITH moved AS (
            UPDATE job_left_out AS l
            SET occurrence = ran.occurrence, covers = l.covers + ran.covers
            WHERE l.job = ran.job
            RETURNING l
        )
        SELECT array_agg(m.l) INTO after FROM moved AS m;
        PERFORM record_events('removed', before, array_fill(NULL::job_left_out, ARRAY[cardinality(before)]), ran.ended_at);
    ELSE
        WITH added AS (
            INSERT INTO job_left_out AS l (job, client, occurrence, failures, covers, since)
            SELECT DISTINCT ran.job, b.client, ran.occurrence, 0, ran.covers, ran.ended_at FROM unnest(before) AS b
            RETURNING l
        )
        SELECT array_agg(a.l) INTO after FROM added AS a;
    END IF;
    PERFORM record_events('left_out', NULL::job_left_out[], after, ran.ended_at);
END;
$$;

-- Leaves a client out of a run in which its part has just failed.
CREATE FUNCTION bakkt_ledger_internal.leave_out(ran job_run, outcome client_outcome) RETURNS job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    entered job_left_out;
BEGIN
    ran.client := (client_row(outcome.client_id)).code;
    ran.attempt := 1;
    ran := end_job_run(ran, outcome);
    INSERT INTO job_left_out AS l
    VALUES (ran.job, ran.client, ran.occurrence, 1, ran.covers, ran.ended_at, ran.sqlstate, ran.message)
    RETURNING l.* INTO entered;
    PERFORM record_event('left_out', NULL::job_left_out, entered, ran.ended_at);
    RETURN ran;
END;
$$;

-- Takes a client's part off the list, since it was done or given up.
CREATE FUNCTION bakkt_ledger_internal.end_left_out(ran job_run) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    ended job_left_out;
BEGIN
    DELETE FROM job_left_out AS l
    WHERE l.job = ran.job AND l.client = ran.client AND l.occurrence = ran.occurrence
    RETURNING l.* INTO ended;
    IF FOUND THEN
        PERFORM record_event('removed', ended, NULL, ran.ended_at);
    END IF;
END;
$$;

-- ---------------------------------------------------------------------------
-- Running
-- ---------------------------------------------------------------------------

-- An occurrence of a job for all clients that have something to do and are not left out of an
-- earlier one; NULL on a day on which it rests. A day that the calendar does not know is an error
-- of the job, not a client's.
CREATE FUNCTION bakkt_ledger_internal.run_job(shipped job, at timestamptz, blocked integer[]) RETURNS client_outcome[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    due integer[];
BEGIN
    IF shipped.calendar IS NOT NULL AND NOT is_business_day(shipped.calendar, (at AT TIME ZONE shipped.zone)::date) THEN
        RETURN NULL;
    END IF;
    due := clients_due(shipped.run, at, shipped.variant);
    IF EXISTS (SELECT FROM job_left_out AS l WHERE l.job = shipped.job) THEN
        due := ARRAY(SELECT d FROM unnest(due) AS d
                     WHERE d NOT IN (SELECT c.client_id FROM job_left_out AS l JOIN client AS c ON c.code = l.client
                                     WHERE l.job = shipped.job));
    END IF;
    RETURN CASE WHEN due = '{}' THEN '{}'
           ELSE ARRAY(SELECT o FROM try_clients(shipped.run, due, at, shipped.variant, blocked) AS o) END;
END;
$$;

-- One run of an occurrence and its row, and one for each client whose part failed. What failed is
-- undone.
CREATE FUNCTION bakkt_ledger_internal.run_occurrence(named text, moment timestamptz, number integer, instants integer,
                                                     blocked integer[])
    RETURNS SETOF job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    shipped constant job := (SELECT j FROM job AS j WHERE j.job = named);
    ran job_run := (named, moment, number, instants, 'DONE', clock_timestamp(), NULL, invoking_role(), NULL, NULL, NULL, NULL);
    outcomes client_outcome[];
    failure client_outcome;
BEGIN
    BEGIN
        outcomes := run_job(shipped, moment, blocked);
        ran.result := CASE WHEN outcomes IS NULL THEN 'no business day'
                      ELSE run_result(shipped.run, rows_of(outcomes), moment) END;
        IF outcomes[1].client_id IS NULL THEN
            failure := outcomes[1];
        END IF;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS failure.sqlstate = RETURNED_SQLSTATE, failure.message = MESSAGE_TEXT,
            failure.detail = PG_EXCEPTION_DETAIL, failure.hint = PG_EXCEPTION_HINT;
    END;
    ran := end_job_run(ran, failure);
    RETURN NEXT ran;
    IF ran.status = 'DONE' THEN
        -- on a day on which the job rests nobody misses anything
        IF outcomes IS NOT NULL AND EXISTS (SELECT FROM job_left_out AS l WHERE l.job = named) THEN
            PERFORM keep_left_out(ran);
        END IF;
        RETURN QUERY SELECT l.* FROM unnest(outcomes) AS o, leave_out(ran, o) AS l WHERE o.sqlstate IS NOT NULL;
    END IF;
END;
$$;

-- Makes up for the part of a client that was left out of an occurrence.
CREATE FUNCTION bakkt_ledger_internal.run_left_out(left_out job_left_out, blocked integer[]) RETURNS job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    shipped constant job := (SELECT j FROM job AS j WHERE j.job = left_out.job);
    ran job_run := (left_out.job, left_out.occurrence, left_out.failures + 1, left_out.covers, 'DONE', clock_timestamp(), NULL,
                    invoking_role(), NULL, NULL, NULL, left_out.client);
    outcome client_outcome;
    after job_left_out;
BEGIN
    SELECT o.* INTO outcome
    FROM try_clients(shipped.run, ARRAY(SELECT c.client_id FROM client AS c WHERE c.code = left_out.client), left_out.occurrence,
                     shipped.variant, blocked) AS o;
    ran.result := run_result(shipped.run, rows_of(ARRAY[outcome]), left_out.occurrence);
    ran := end_job_run(ran, outcome);
    IF ran.status = 'DONE' THEN
        PERFORM end_left_out(ran);
    ELSE
        UPDATE job_left_out AS l
        SET failures = ran.attempt, sqlstate = ran.sqlstate, message = ran.message
        WHERE l.job = ran.job AND l.client = ran.client AND l.occurrence = ran.occurrence
        RETURNING l.* INTO after;
        PERFORM record_event('failed', left_out, after, ran.ended_at);
    END IF;
    RETURN ran;
END;
$$;

-- LG061, LG002, 42501 or 25001 unless the jobs can be run as of the instant by this role and in
-- this transaction: READ COMMITTED, or a run that another session committed meanwhile might not be
-- seen.
CREATE FUNCTION bakkt_ledger_internal.require_job_runner(at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_job_instant(at);
    IF NOT sees_all_clients() THEN
        PERFORM refuse('42501', format('role "%s" sees some clients only: jobs are run for all', invoking_role()), NULL,
                       'Run them as a member of bakkt_ledger_settler.');
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse('25001',
                       format('jobs cannot be run under isolation level "%s"', current_setting('transaction_isolation')), NULL,
                       'Run them in a transaction under READ COMMITTED.');
    END IF;
END;
$$;

-- Makes this transaction the one that runs jobs; false while another does.
CREATE FUNCTION bakkt_ledger_internal.claim_jobs() RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM FROM job AS j WHERE j.run_order = (SELECT min(f.run_order) FROM job AS f) FOR NO KEY UPDATE SKIP LOCKED;
    RETURN FOUND;
END;
$$;

-- Puts the shipped schedule in force for jobs that have none, from 24 hours before the instant.
CREATE FUNCTION bakkt_ledger_internal.start_jobs(at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    started job_schedule[];
BEGIN
    -- asked first: writing waits for whoever changes a schedule
    IF EXISTS (SELECT FROM job AS j WHERE NOT EXISTS (SELECT FROM job_schedule AS s WHERE s.job = j.job)) THEN
        PERFORM bounded_wait();
        WITH entered AS (
            INSERT INTO job_schedule AS s (job, from_at, enabled, times, every, changed_by)
            SELECT j.job, at - interval '24 hours', true, j.times, j.every, invoking_role()
            FROM job AS j
            WHERE NOT EXISTS (SELECT FROM job_schedule AS s WHERE s.job = j.job)
            ON CONFLICT DO NOTHING
            RETURNING s
        )
        SELECT array_agg(e.s) INTO started FROM entered AS e;
        PERFORM record_events('started', NULL::job_schedule[], started, at);
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.run_due_jobs(at timestamptz DEFAULT clock_timestamp(), most integer DEFAULT NULL)
    RETURNS SETOF job_run_line
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    due due_job_line;
    ran job_run;
    runs job_run[] := '{}';
    failed text[] := '{}';
    blocked integer[] := '{}';
    occurrences integer := 0;
    told_at timestamptz := clock_timestamp();
BEGIN
    PERFORM require_job_runner(at);
    IF NOT claim_jobs() THEN
        RAISE NOTICE 'jobs: another session is running them';
        RETURN;
    END IF;
    PERFORM start_jobs(at);
    FOR due IN SELECT d.* FROM due_jobs(at) AS d LOOP
        EXIT WHEN occurrences >= most;
        CONTINUE WHEN concat_ws(' ', due.job, due.client) = ANY (failed);  -- an occurrence waits for the one before it
        FOR ran IN
            SELECT r.*
            FROM run_occurrence(due.job, due.occurrence, due.attempt, due.covers, blocked) AS r
            WHERE due.client IS NULL
            UNION ALL
            SELECT r.*
            FROM job_left_out AS l, run_left_out(l, blocked) AS r
            WHERE l.job = due.job AND l.client = due.client AND l.occurrence = due.occurrence
        LOOP
            IF ran.status = 'FAILED' THEN
                failed := failed || concat_ws(' ', ran.job, ran.client);
                blocked := blocked || ARRAY(SELECT c.client_id FROM client AS c
                                            WHERE c.code = ran.client AND ran.sqlstate = '55P03');
            END IF;
            runs := runs || ran;
            RETURN NEXT told_run(ran);
        END LOOP;
        occurrences := occurrences + 1;
        IF clock_timestamp() > told_at + interval '2 seconds' THEN
            RAISE NOTICE 'jobs: % runs, caught up to %', occurrences,
                to_char(due.occurrence AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"');
            told_at := clock_timestamp();
        END IF;
    END LOOP;
    PERFORM record_events('ran', NULL::job_run[], runs, at);
END;
$$;
COMMENT ON FUNCTION run_due_jobs IS
'Runs what is due at the instant, in order of time, each occurrence once, and returns the runs.
most: so many occurrences at most. One session at a time: a second one returns nothing. A client whose part fails is left out,
alone, and a job that fails as a whole is undone; both are recorded and tried again at the next call, and later occurrences, of
the client or for all, wait for it; the others go on. Of each job a year is caught up in a call. The first call ever starts 24
hours back.
Errors: LG002 infinite instant, LG061, 25001 unless under READ COMMITTED, 42501.';

-- Jobs that a client that leaves was left out of.
CREATE FUNCTION bakkt_ledger_internal.jobs_open(holder integer) RETURNS SETOF open_matter_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 'job left out', l.job, sum(l.covers)::bigint, NULL::amount, 'run_due_jobs() or skip_job()'
    FROM job_left_out AS l
    WHERE l.client = (client_row(holder)).code
    GROUP BY l.job
    ORDER BY l.job;
END;
INSERT INTO wind_down_list VALUES ('jobs', 'jobs_open', 40);
