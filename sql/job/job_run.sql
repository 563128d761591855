-- run_due_jobs(): runs what is due and records what came of it.
-- Refuses an unknown job (LG090), a role that may not run jobs (42501), isolation levels above READ
-- COMMITTED (25001).
-- Locks the row of job with the lowest run_order, then what each run locks.

CREATE FUNCTION bakkt_ledger_internal.seal_part(client_id integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
    SELECT jsonb_build_array(jsonb_build_object('block', seal()))
$$;
COMMENT ON FUNCTION seal_part(integer, timestamptz, text) IS 'Internal: seal() as a run that is not by client.';

CREATE FUNCTION bakkt_ledger_internal.total(rows jsonb, field text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE WHEN rows = '[]' THEN 0 ELSE (SELECT coalesce(sum((r ->> field)::bigint), 0) FROM jsonb_array_elements(rows) AS r) END;
END;
$$;
COMMENT ON FUNCTION total(jsonb, text) IS 'Internal: the sum of a count over the rows of a run.';

CREATE FUNCTION bakkt_ledger_internal.run_result(run text, rows jsonb, at timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE run
        WHEN 'expire_holds' THEN format('accounts: %s', total(rows, 'accounts'))
        WHEN 'settle_deposits' THEN format('settled: %s', total(rows, 'settled'))
        WHEN 'process_cash_calls' THEN
            format('attempted: %s, settled: %s, failed: %s', total(rows, 'attempted'), total(rows, 'settled'), total(rows, 'failed'))
        WHEN 'propose_cash_call_write_offs' THEN format('proposed: %s', total(rows, 'proposed'))
        WHEN 'charge_cash_call_write_offs' THEN format('charged: %s', total(rows, 'charged'))
        WHEN 'close_due_windows' THEN format('windows: %s', jsonb_array_length(rows))
        WHEN 'take_aged_tpj' THEN
            format('lists: %s, calls: %s', jsonb_array_length(rows), total(rows, 'calls'))
            || coalesce(', taken before as of another instant: ' || nullif((SELECT count(*) FROM jsonb_array_elements(rows) AS r
                                                                            WHERE (r ->> 'as_of_instant')::timestamptz <> at), 0), '')
        WHEN 'seal' THEN format('block: %s', rows #>> '{0,block}')
        ELSE format('transfers: %s', jsonb_array_length(rows))
    END || coalesce((SELECT ', in use by other sessions: ' || string_agg(format('%s of %s', r ->> 'in_use', r ->> 'client'), ', ')
                       FROM jsonb_array_elements(rows) AS r WHERE r ? 'in_use'), '');
END;
$$;
COMMENT ON FUNCTION run_result(text, jsonb, timestamptz) IS 'Internal: a short text on what a run did.';

CREATE FUNCTION bakkt_ledger_internal.refuse_job(job text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'LG090',
        MESSAGE = format('job "%s" does not exist', coalesce(job, 'NULL')),
        HINT = 'The table job lists them.';
END;
$$;
COMMENT ON FUNCTION refuse_job(text) IS 'Internal: raises LG090.';

CREATE FUNCTION bakkt_ledger_internal.end_job_run(run job_run, outcome client_outcome) RETURNS job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    run.ended_at := clock_timestamp();
    IF outcome.sqlstate IS NOT NULL THEN
        run.status := 'failed';
        run.result := NULL;
        run.sqlstate := outcome.sqlstate;
        run.message := concat_ws(E'\n', outcome.message, 'DETAIL: ' || nullif(outcome.detail, ''), 'HINT: ' || nullif(outcome.hint, ''));
    END IF;
    INSERT INTO job_run SELECT run.*;
    RETURN run;
END;
$$;
COMMENT ON FUNCTION end_job_run(job_run, client_outcome) IS
    'Internal: the row of a run that has ended, with the error if there was one.';

-- For a job at times of day each occurrence waits its turn; for a job at intervals the latest
-- replaces all earlier ones.
CREATE FUNCTION bakkt_ledger_internal.keep_left_out(run job_run) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM job j WHERE j.job = run.job AND j.every IS NOT NULL) THEN
        UPDATE job_left_out l SET occurrence = run.occurrence, covers = l.covers + run.covers WHERE l.job = run.job;
    ELSE
        INSERT INTO job_left_out (job, client, occurrence, failures, covers, since)
        SELECT run.job, l.client, run.occurrence, 0, run.covers, run.ended_at FROM job_left_out l WHERE l.job = run.job GROUP BY l.client;
    END IF;
END;
$$;
COMMENT ON FUNCTION keep_left_out(job_run) IS
    'Internal: records that clients left out of the job before are left out of this run too.';

CREATE FUNCTION bakkt_ledger_internal.leave_out(run job_run, outcome client_outcome) RETURNS job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    run.client := (client_row(outcome.client_id)).code;
    run.attempt := 1;
    run := end_job_run(run, outcome);
    INSERT INTO job_left_out VALUES (run.job, run.client, run.occurrence, 1, run.covers, run.ended_at, run.sqlstate, run.message);
    RETURN run;
END;
$$;
COMMENT ON FUNCTION leave_out(job_run, client_outcome) IS
    'Internal: records that a client, whose part has just failed, is left out of the run.';

-- A day that the calendar does not cover is an error of the job, not of a client.
CREATE FUNCTION bakkt_ledger_internal.run_job(job job, at timestamptz, blocked integer[]) RETURNS client_outcome[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    due integer[];
BEGIN
    IF job.calendar IS NOT NULL AND NOT is_business_day(job.calendar, (at AT TIME ZONE job.zone)::date) THEN
        RETURN NULL;
    END IF;
    due := clients_due(job.run, at, job.variant);
    IF EXISTS (SELECT FROM job_left_out l WHERE l.job = job.job) THEN
        due := ARRAY(SELECT d FROM unnest(due) AS d WHERE d NOT IN (SELECT c.client_id FROM job_left_out l JOIN client c ON c.code = l.client WHERE l.job = job.job));
    END IF;
    RETURN CASE WHEN due = '{}' THEN '{}' ELSE ARRAY(SELECT o FROM try_clients(job.run, due, at, job.variant, blocked) o) END;
END;
$$;
COMMENT ON FUNCTION run_job(job, timestamptz, integer[]) IS
    'Internal: an occurrence of a job for all clients that have something to do and are not left out of an earlier one; NULL on '
    'a day that is no business day of its calendar.';

CREATE FUNCTION bakkt_ledger_internal.rows_of(outcomes client_outcome[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN CASE WHEN outcomes = '{}' THEN '[]'
        ELSE (SELECT coalesce(jsonb_agg(r), '[]') FROM unnest(outcomes) o, jsonb_array_elements(o.rows) AS r WHERE o.sqlstate IS NULL) END;
END;
$$;
COMMENT ON FUNCTION rows_of(client_outcome[]) IS 'Internal: the rows of all parts that succeeded.';

CREATE FUNCTION bakkt_ledger_internal.run_occurrence(job text, occurrence timestamptz, attempt integer, covers integer, blocked integer[]) RETURNS SETOF job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 2
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    shipped     constant job := (SELECT j FROM job j WHERE j.job = run_occurrence.job);
    run         job_run := (job, occurrence, attempt, covers, 'done', clock_timestamp(), NULL, invoking_role(), NULL, NULL, NULL, NULL);
    outcomes    client_outcome[];
    failure     client_outcome;
BEGIN
    BEGIN
        outcomes := run_job(shipped, occurrence, blocked);
        run.result := CASE WHEN outcomes IS NULL THEN 'no business day' ELSE run_result(shipped.run, rows_of(outcomes), occurrence) END;
        IF outcomes[1].client_id IS NULL THEN
            failure := outcomes[1];
        END IF;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS failure.sqlstate = RETURNED_SQLSTATE, failure.message = MESSAGE_TEXT,
            failure.detail = PG_EXCEPTION_DETAIL, failure.hint = PG_EXCEPTION_HINT;
    END;
    run := end_job_run(run, failure);
    RETURN NEXT run;
    IF run.status = 'done' THEN
        -- on a day that is no business day of the job's calendar no client was left out
        IF outcomes IS NOT NULL AND EXISTS (SELECT FROM job_left_out l WHERE l.job = run.job) THEN
            PERFORM keep_left_out(run);
        END IF;
        RETURN QUERY SELECT l.* FROM unnest(outcomes) o, leave_out(run, o) l WHERE o.sqlstate IS NOT NULL;
    END IF;
END;
$$;
COMMENT ON FUNCTION run_occurrence(text, timestamptz, integer, integer, integer[]) IS
    'Internal: runs an occurrence and writes its row, and one for each client whose part failed. What failed is undone.';

CREATE FUNCTION bakkt_ledger_internal.run_left_out(left_out job_left_out, blocked integer[]) RETURNS job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    shipped constant job := (SELECT j FROM job j WHERE j.job = left_out.job);
    run     job_run := (left_out.job, left_out.occurrence, left_out.failures + 1, left_out.covers, 'done', clock_timestamp(), NULL, invoking_role(),
                        NULL, NULL, NULL, left_out.client);
    outcome client_outcome;
BEGIN
    SELECT o.* INTO outcome
      FROM try_clients(shipped.run, ARRAY(SELECT c.client_id FROM client c WHERE c.code = left_out.client), left_out.occurrence, shipped.variant, blocked) o;
    run.result := run_result(shipped.run, rows_of(ARRAY[outcome]), left_out.occurrence);
    run := end_job_run(run, outcome);
    IF run.status = 'done' THEN
        DELETE FROM job_left_out l WHERE l.job = run.job AND l.client = run.client AND l.occurrence = run.occurrence;
    ELSE
        UPDATE job_left_out l SET failures = run.attempt, sqlstate = run.sqlstate, message = run.message
         WHERE l.job = run.job AND l.client = run.client AND l.occurrence = run.occurrence;
    END IF;
    RETURN run;
END;
$$;
COMMENT ON FUNCTION run_left_out(job_left_out, integer[]) IS
    'Internal: runs the part of a client that was left out of an occurrence.';

-- In other isolation levels a run that another session has committed meanwhile might not be
-- visible.
CREATE FUNCTION bakkt_ledger_internal.require_job_runner(at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM require_job_instant(at);
    IF NOT sees_all_clients() THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('role "%s" sees some clients only: jobs are run for all', invoking_role()),
            HINT = 'Run them as a member of bakkt_ledger_settler.';
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
            MESSAGE = format('jobs cannot be run under isolation level "%s"', current_setting('transaction_isolation')),
            HINT = 'Run them in a transaction under READ COMMITTED.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_job_runner(timestamptz) IS
    'Internal: LG061, LG002, 42501 or 25001 unless the jobs can be run as of the instant by this role and in this transaction.';

-- The session that has locked the job with the lowest run_order is the one that runs jobs.
CREATE FUNCTION bakkt_ledger_internal.claim_jobs() RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    PERFORM FROM job j WHERE j.run_order = (SELECT min(f.run_order) FROM job f) FOR NO KEY UPDATE SKIP LOCKED;
    RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION claim_jobs() IS 'Internal: makes this transaction the one that runs jobs; returns false while another does.';

CREATE FUNCTION bakkt_ledger_internal.start_jobs(at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    -- checked first, because writing waits for a session that is changing a schedule
    IF EXISTS (SELECT FROM job j WHERE NOT EXISTS (SELECT FROM job_schedule s WHERE s.job = j.job)) THEN
        PERFORM bounded_wait();
        INSERT INTO job_schedule (job, from_at, enabled, times, every, changed_by)
        SELECT j.job, at - interval '24 hours', true, j.times, j.every, invoking_role() FROM job j
         WHERE NOT EXISTS (SELECT FROM job_schedule s WHERE s.job = j.job)
        ON CONFLICT DO NOTHING;
    END IF;
END;
$$;
COMMENT ON FUNCTION start_jobs(timestamptz) IS
    'Internal: puts the shipped schedule in force for jobs that have none, from 24 hours before the instant.';

CREATE FUNCTION bakkt_ledger.run_due_jobs(at timestamptz DEFAULT clock_timestamp(), most integer DEFAULT NULL) RETURNS SETOF job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    due     record;
    run     job_run;
    failed  text[] := '{}';
    blocked integer[] := '{}';
    runs    integer := 0;
    told_at timestamptz := clock_timestamp();
BEGIN
    PERFORM require_job_runner(at);
    IF NOT claim_jobs() THEN
        RAISE NOTICE 'jobs: another session is running them';
        RETURN;
    END IF;
    PERFORM start_jobs(at);
    FOR due IN SELECT * FROM due_jobs(at) LOOP
        EXIT WHEN runs >= most;
        -- a later occurrence waits for an earlier one that failed
        CONTINUE WHEN concat_ws(' ', due.job, due.client) = ANY (failed);
        FOR run IN
            SELECT r.* FROM run_occurrence(due.job, due.occurrence, due.attempt, due.covers, blocked) r WHERE due.client IS NULL
            UNION ALL
            SELECT r.* FROM job_left_out l, run_left_out(l, blocked) r WHERE l.job = due.job AND l.client = due.client AND l.occurrence = due.occurrence
        LOOP
            IF run.status = 'failed' THEN
                failed := failed || concat_ws(' ', run.job, run.client);
                blocked := blocked || ARRAY(SELECT c.client_id FROM client c WHERE c.code = run.client AND run.sqlstate = '55P03');
            END IF;
            RETURN NEXT run;
        END LOOP;
        runs := runs + 1;
        IF clock_timestamp() > told_at + interval '2 seconds' THEN
            RAISE NOTICE 'jobs: % runs, caught up to %', runs, to_char(due.occurrence AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"');
            told_at := clock_timestamp();
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION run_due_jobs(timestamptz, integer) IS
    'Runs what is due at the instant, in order of time, each occurrence once, and returns the rows it wrote to job_run; most: '
    'how many at most. One session runs jobs at a time; a second one returns nothing. If a client''s part fails, only that '
    'client is left out; if a job fails as a whole, it is undone. Both are recorded and tried again at the next call. Later '
    'occurrences, for that client or for all, wait for it; everything else goes on. A call catches up at most a year of each '
    'job. The first call ever starts 24 hours back. Errors: LG061, LG002 infinite instant, 25001 unless under READ COMMITTED, '
    '42501.';
