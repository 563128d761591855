-- Changing when jobs run, and giving up what has failed.

-- LG090 or LG002 unless the job can have this schedule.
CREATE FUNCTION bakkt_ledger_internal.require_job_terms(named text, clock_times time[], distance interval) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    shipped job;
BEGIN
    SELECT j.* INTO shipped FROM job AS j WHERE j.job = named;
    IF NOT FOUND THEN
        PERFORM refuse_job(named);
    ELSIF clock_times IS NOT NULL AND shipped.times IS NULL OR distance IS NOT NULL AND shipped.every IS NULL THEN
        PERFORM refuse_invalid(format('job "%s" runs %s', named,
                                      CASE WHEN shipped.every IS NULL THEN 'at times of day' ELSE 'every so often' END),
                               NULL, CASE WHEN shipped.every IS NULL THEN 'Give times.' ELSE 'Give every.' END);
    ELSIF named = 'retry_cash_calls' AND NOT (clock_times @> shipped.times AND clock_times <@ shipped.times) THEN
        PERFORM refuse_invalid('cash calls that failed are due again at fixed times',
                               format('Times: %s.', array_to_string(shipped.times, ', ')),
                               'These are in cash_retry_time; only enabled can be changed.');
    ELSIF cardinality(clock_times) = 0 OR EXISTS (SELECT FROM unnest(clock_times) AS t WHERE t IS NULL OR t = '24:00') THEN
        PERFORM refuse_invalid('times of day are from 00:00 and before 24:00, one at least', NULL,
                               'To stop the job, give enabled => false.');
    ELSIF distance NOT BETWEEN '1 second' AND '24 hours' OR extract(month FROM distance) <> 0
        OR extract(year FROM distance) <> 0 THEN
        PERFORM refuse_invalid('a job runs at least once in 24 hours and at most once a second');
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.change_job(job text, enabled boolean DEFAULT NULL, times time[] DEFAULT NULL,
                                        every interval DEFAULT NULL, reference text DEFAULT NULL, reason text DEFAULT NULL,
                                        at timestamptz DEFAULT clock_timestamp())
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    wanted constant time[] := (SELECT array_agg(DISTINCT t ORDER BY t) FROM unnest(change_job.times) AS t);
    asked request;
    before job_schedule;
    after job_schedule;
BEGIN
    PERFORM require_job_instant(at), require_job_terms(job, times, every), bounded_wait();
    LOCK TABLE job_schedule IN SHARE ROW EXCLUSIVE MODE;
    -- seconds, for the text of an interval depends on the session
    asked := open_change('change_job', 'job_schedule', 0, reference, jsonb_build_object(
        'job', job, 'enabled', enabled, 'times', wanted, 'every', extract(epoch FROM every)));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    PERFORM start_jobs(at);
    SELECT s.* INTO before FROM job_schedule AS s WHERE s.job = change_job.job ORDER BY s.from_at DESC LIMIT 1;
    after := (job, at, coalesce(enabled, before.enabled), coalesce(wanted, before.times), coalesce(every, before.every),
              invoking_role());
    IF (after.enabled, after.times, after.every) IS NOT DISTINCT FROM (before.enabled, before.times, before.every) THEN
        RETURN close_change(asked, 'changed', before, before, reason);
    ELSIF at <= before.from_at THEN
        PERFORM refuse_invalid(format('the schedule of job "%s" cannot change as of that instant', job),
                               format('The last change counts from %s.', instant_text(before.from_at)),
                               'Give a later instant, or none for now.');
    END IF;
    INSERT INTO job_schedule SELECT after.*;
    RETURN close_change(asked, 'changed', NULL::job_schedule, after, reason);
END;
$$;
COMMENT ON FUNCTION change_job IS
'Enables or disables a job, or gives it other times of day or another interval, from the instant on.
NULL leaves a term as it is. Idempotent by reference: the first answer again, LG020 if the content differs.
Errors: LG002 a schedule it cannot have, LG020, LG061, LG090 unknown job.';

-- What failed last of an occurrence, for all or of a client, or its giving up; LG002 if it did not.
CREATE FUNCTION bakkt_ledger_internal.failed_job_run(named text, moment timestamptz, of_client text) RETURNS job_run
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    ran job_run;
BEGIN
    IF of_client IS NULL THEN
        SELECT r.* INTO ran FROM last_job_run(named) AS r;
    ELSE
        SELECT l.job, l.occurrence, l.failures, l.covers, 'FAILED', l.since, l.since, NULL, NULL, l.sqlstate, l.message, l.client
        INTO ran
        FROM job_left_out AS l
        WHERE l.job = named AND l.client = of_client AND l.occurrence = moment AND l.failures > 0;
        IF NOT FOUND THEN
            SELECT r.* INTO ran
            FROM job_run AS r
            WHERE r.job = named AND r.client = of_client AND r.occurrence = moment AND r.status = 'SKIPPED';
        END IF;
    END IF;
    IF ran.occurrence IS DISTINCT FROM moment OR ran.status IS NULL OR ran.status NOT IN ('FAILED', 'SKIPPED') THEN
        PERFORM refuse_invalid(format('job "%s" has not failed at that instant', named)
                               || coalesce(format(' for client "%s"', of_client), ''),
                               NULL, 'due_jobs() lists what has failed: attempt is above 1.');
    END IF;
    RETURN ran;
END;
$$;

CREATE FUNCTION bakkt_ledger.skip_job(job text, occurrence timestamptz, reason text, client text DEFAULT NULL)
    RETURNS job_run_line
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    ran job_run;
BEGIN
    IF NOT EXISTS (SELECT FROM job AS j WHERE j.job = skip_job.job) THEN
        PERFORM refuse_job(job);
    ELSIF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('giving up an occurrence needs a reason');
    END IF;
    PERFORM bounded_wait();
    PERFORM FROM job AS j WHERE j.run_order = (SELECT min(f.run_order) FROM job AS f) FOR NO KEY UPDATE;  -- waits for a runner
    ran := failed_job_run(job, occurrence, client);
    IF ran.status <> 'SKIPPED' THEN
        ran := (ran.job, ran.occurrence, ran.attempt + 1, ran.covers, 'SKIPPED', clock_timestamp(), clock_timestamp(),
                invoking_role(), NULL, NULL, reason, ran.client);
        INSERT INTO job_run SELECT ran.*;
        PERFORM record_event('skipped', NULL::job_run, ran, ran.ended_at, reason => reason), end_left_out(ran);
    END IF;
    RETURN told_run(ran);
END;
$$;
COMMENT ON FUNCTION skip_job IS
'Gives up an occurrence that failed, or the part of a client that was left out of it, so that the later ones run again.
It is on record as a run. Again is the first answer.
Errors: LG002 without a reason or when it has not failed, LG090 unknown job.';
