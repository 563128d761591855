-- Letting pg_cron call run_due_jobs().

CREATE TABLE bakkt_ledger_internal.cron_call (
    jobid bigint PRIMARY KEY,
    schedule text NOT NULL,
    username text NOT NULL
);
COMMENT ON TABLE cron_call IS 'The call of run_due_jobs() that schedule_jobs() has put into pg_cron; one row at most.';
COMMENT ON COLUMN cron_call.jobid IS 'pg_cron''s number of it.';
SELECT pg_catalog.pg_extension_config_dump('cron_call', '');
INSERT INTO subject (subject, key) VALUES ('cron_call', '{jobid}');

-- 0A000 unless pg_cron is installed in this database.
CREATE FUNCTION bakkt_ledger_internal.require_pg_cron() RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
        PERFORM refuse('0A000', format('extension pg_cron is not installed in database "%s"', current_database()), NULL,
                       'With pg_cron in shared_preload_libraries and cron.database_name set to this database, CREATE EXTENSION '
                       'pg_cron; or let anything else call run_due_jobs() every minute.');
    END IF;
END;
$$;

CREATE TYPE bakkt_ledger.cron_call_result AS (
    reference text,
    outcome text,
    replayed boolean,
    cron_job bigint
);
COMMENT ON TYPE cron_call_result IS
'What became of the call of run_due_jobs() by pg_cron.
reference: NULL, there is one call at most. outcome: scheduled, removed, or unchanged: there was none to remove. replayed: false.
cron_job: pg_cron''s number of the call.';

-- Takes the call out of pg_cron and off the record; how many pg_cron had.
CREATE FUNCTION bakkt_ledger_internal.remove_cron_call() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    ended cron_call;
BEGIN
    FOR ended IN DELETE FROM cron_call AS c RETURNING c.* LOOP
        PERFORM record_event('removed', ended, NULL, clock_timestamp());
    END LOOP;
    RETURN (SELECT count(cron.unschedule(c.jobid))
            FROM cron.job AS c WHERE c.jobname = 'bakkt_ledger' AND c.database = current_database());
END;
$$;

CREATE FUNCTION bakkt_ledger.unschedule_jobs() RETURNS cron_call_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    number constant bigint := (SELECT c.jobid FROM cron_call AS c);
BEGIN
    PERFORM bounded_wait(), require_pg_cron();
    RETURN (NULL, CASE WHEN remove_cron_call() > 0 THEN 'removed' ELSE 'unchanged' END, false, number)::cron_call_result;
END;
$$;
COMMENT ON FUNCTION unschedule_jobs IS
'Takes the call of run_due_jobs() out of pg_cron.
A run under way goes on.
Errors: 0A000 without pg_cron.';

CREATE FUNCTION bakkt_ledger.schedule_jobs(schedule text DEFAULT '* * * * *', run_by name DEFAULT invoking_role())
    RETURNS cron_call_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    entered cron_call;
BEGIN
    PERFORM bounded_wait(), require_pg_cron();
    IF NOT EXISTS (SELECT FROM pg_roles AS r
                   WHERE r.rolname = run_by AND r.rolcanlogin
                     AND has_function_privilege(r.oid, 'run_due_jobs(timestamptz, integer)', 'EXECUTE')) THEN
        PERFORM refuse('42501', format('role "%s" cannot log in and run the jobs', run_by), NULL,
                       'Name a login role that is a member of bakkt_ledger_settler.');
    END IF;
    PERFORM remove_cron_call();
    -- a job that waits for a forgotten transaction fails, so that the others go on
    INSERT INTO cron_call AS c
    VALUES (cron.schedule_in_database('bakkt_ledger', schedule_jobs.schedule,
                                      'SET lock_timeout = ''1min''; SELECT count(*) FROM bakkt_ledger.run_due_jobs()',
                                      current_database(), run_by::text, true),
            schedule_jobs.schedule, run_by)
    RETURNING c.* INTO entered;
    PERFORM record_event('scheduled', NULL::cron_call, entered, clock_timestamp());
    RETURN (NULL, 'scheduled', false, entered.jobid)::cron_call_result;
END;
$$;
COMMENT ON FUNCTION schedule_jobs IS
'Lets pg_cron call run_due_jobs(), in place of an earlier schedule.
schedule: of cron''s form, every minute unless given. run_by: the role that it runs as, the invoking one unless given.
Errors: 0A000 without pg_cron in this database, 42501 unless the role can log in and is a settler.';
