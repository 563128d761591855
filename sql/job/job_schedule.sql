-- Changing a job's schedule, and giving up an occurrence that failed.
-- Refuses an unknown job (LG090), a schedule it cannot have (LG002).
-- Locks the job's schedule; skip_job() also the row that run_due_jobs() holds.

CREATE FUNCTION bakkt_ledger_internal.require_job_terms(job text, times time[], every interval) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    shipped job;
BEGIN
    SELECT j.* INTO shipped FROM job j WHERE j.job = require_job_terms.job;
    IF NOT FOUND THEN
        PERFORM refuse_job(job);
    ELSIF times IS NOT NULL AND shipped.times IS NULL OR every IS NOT NULL AND shipped.every IS NULL THEN
        PERFORM refuse_invalid(format('job "%s" runs %s', job, CASE WHEN shipped.every IS NULL THEN 'at times of day' ELSE 'every so often' END),
            NULL, CASE WHEN shipped.every IS NULL THEN 'Give times.' ELSE 'Give every.' END);
    ELSIF job = 'retry_cash_calls' AND NOT (times @> shipped.times AND times <@ shipped.times) THEN
        PERFORM refuse_invalid('cash calls that failed are due again at fixed times', format('Times: %s.', array_to_string(shipped.times, ', ')),
            'These are in cash_retry_time; only enabled can be changed.');
    ELSIF cardinality(times) = 0 OR EXISTS (SELECT FROM unnest(times) t WHERE t IS NULL) OR '24:00' = ANY (times) THEN
        PERFORM refuse_invalid('times of day are from 00:00 and before 24:00, one at least', NULL, 'To stop the job, give enabled => false.');
    ELSIF every NOT BETWEEN '1 second' AND '24 hours' OR extract(month FROM every) <> 0 OR extract(year FROM every) <> 0 THEN
        PERFORM refuse_invalid('a job runs at least once in 24 hours and at most once a second');
    END IF;
END;
$$;
COMMENT ON FUNCTION require_job_terms(text, time[], interval) IS
    'Internal: LG090 or LG002 unless the job can have this schedule.';

-- In seconds, because the text of an interval depends on the session.
CREATE FUNCTION bakkt_ledger_internal.job_terms(schedule job_schedule) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_build_object('enabled', (schedule).enabled, 'times', (schedule).times,
                              'every', extract(epoch FROM (schedule).every));
COMMENT ON FUNCTION job_terms(job_schedule) IS 'Internal: a schedule as recorded in change_log, with every in seconds.';

CREATE FUNCTION bakkt_ledger_internal.enter_job_schedule(before job_schedule, changed job_schedule, reference text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF job_terms(changed) = job_terms(before) THEN
        RETURN;
    ELSIF changed.from_at <= before.from_at THEN
        PERFORM refuse_invalid(format('the schedule of job "%s" cannot change as of that instant', before.job),
            format('The last change counts from %s.', to_char(before.from_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US "UTC"')),
            'Give a later instant, or none for now.');
    END IF;
    INSERT INTO job_schedule SELECT changed.*;
    PERFORM record_change('job', before.job, job_terms(before), job_terms(changed), NULL, reference, reason);
END;
$$;
COMMENT ON FUNCTION enter_job_schedule(job_schedule, job_schedule, text, text) IS
    'Internal: puts a schedule in force and on record, if it differs.';

CREATE FUNCTION bakkt_ledger.change_job(job text, enabled boolean DEFAULT NULL, times time[] DEFAULT NULL, every interval DEFAULT NULL,
                           reason text DEFAULT NULL, reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
    RETURNS job_schedule
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    wanted  time[] := (SELECT array_agg(DISTINCT t ORDER BY t) FROM unnest(change_job.times) AS t);
    request job_schedule := (job, at, enabled, wanted, every, invoking_role());
    before  job_schedule;
BEGIN
    PERFORM require_job_instant(at);
    PERFORM require_job_terms(job, times, every);
    PERFORM bounded_wait();
    LOCK TABLE job_schedule IN SHARE ROW EXCLUSIVE MODE;
    IF NOT changed_before('job', change_job.job, change_job.reference, jsonb_strip_nulls(job_terms(request))) THEN
        PERFORM start_jobs(at);
        SELECT s.* INTO before FROM job_schedule s WHERE s.job = change_job.job ORDER BY s.from_at DESC LIMIT 1;
        request.enabled := coalesce(change_job.enabled, before.enabled);
        request.times := coalesce(wanted, before.times);
        request.every := coalesce(change_job.every, before.every);
        PERFORM enter_job_schedule(before, request, reference, reason);
    END IF;
    RETURN (SELECT s FROM job_schedule s WHERE s.job = change_job.job ORDER BY s.from_at DESC LIMIT 1);
END;
$$;
COMMENT ON FUNCTION change_job(text, boolean, time[], interval, text, text, timestamptz) IS
    'Enables or disables a job, or gives it other times of day or another interval, from the instant on; NULL leaves a term as '
    'it is. Returns the schedule in force. Audited in change_log; repeating a reference is no second change. LG090 unknown job, '
    'LG002 a schedule it cannot have, LG020, LG061.';

CREATE FUNCTION bakkt_ledger_internal.failed_job_run(job text, occurrence timestamptz, client text) RETURNS job_run
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    run job_run;
BEGIN
    IF client IS NULL THEN
        SELECT r.* INTO run FROM last_job_run(job) r;
    ELSE
        SELECT l.job, l.occurrence, l.failures, l.covers, 'failed', l.since, l.since, NULL, NULL, l.sqlstate, l.message, l.client INTO run
          FROM job_left_out l
         WHERE l.job = failed_job_run.job AND l.client = failed_job_run.client AND l.occurrence = failed_job_run.occurrence AND l.failures > 0;
        IF NOT FOUND THEN
            SELECT r.* INTO run FROM job_run r
             WHERE r.job = failed_job_run.job AND r.client = failed_job_run.client AND r.occurrence = failed_job_run.occurrence AND r.status = 'skipped';
        END IF;
    END IF;
    IF run.occurrence IS DISTINCT FROM failed_job_run.occurrence OR run.status IS NULL OR run.status NOT IN ('failed', 'skipped') THEN
        PERFORM refuse_invalid(format('job "%s" has not failed at that instant', job) || coalesce(format(' for client "%s"', client), ''), NULL,
            'due_jobs() lists what has failed: attempt is above 1.');
    END IF;
    RETURN run;
END;
$$;
COMMENT ON FUNCTION failed_job_run(text, timestamptz, text) IS
    'Internal: the last run of an occurrence, for all clients or for one, that failed or was given up; LG002 if there is none.';

CREATE FUNCTION bakkt_ledger.skip_job(job text, occurrence timestamptz, reason text, client text DEFAULT NULL) RETURNS job_run
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    run job_run;
BEGIN
    IF NOT EXISTS (SELECT FROM job j WHERE j.job = skip_job.job) THEN
        PERFORM refuse_job(job);
    ELSIF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('giving up an occurrence needs a reason');
    END IF;
    PERFORM bounded_wait();
    -- waits while another session runs jobs
    PERFORM FROM job j WHERE j.run_order = (SELECT min(f.run_order) FROM job f) FOR NO KEY UPDATE;
    run := failed_job_run(job, occurrence, client);
    IF run.status = 'skipped' THEN
        RETURN run;
    END IF;
    run := (run.job, run.occurrence, run.attempt + 1, run.covers, 'skipped', clock_timestamp(), clock_timestamp(), invoking_role(), NULL, NULL, reason, run.client);
    INSERT INTO job_run SELECT run.*;
    DELETE FROM job_left_out l WHERE l.job = run.job AND l.client = run.client AND l.occurrence = run.occurrence;
    RETURN run;
END;
$$;
COMMENT ON FUNCTION skip_job(text, timestamptz, text, text) IS
    'Gives up an occurrence that failed, or the part of a client that was left out of it, so that later ones can run; recorded '
    'as a run. Repeating it is no error. LG090 unknown job, LG002 without a reason or when it has not failed.';
