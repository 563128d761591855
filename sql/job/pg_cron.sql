-- Having pg_cron call run_due_jobs().
-- Refuses databases without pg_cron (0A000).

CREATE FUNCTION bakkt_ledger_internal.require_pg_cron() RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('extension pg_cron is not installed in database "%s"', current_database()),
            HINT = 'With pg_cron in shared_preload_libraries and cron.database_name set to this database, CREATE EXTENSION pg_cron; '
                'or let anything else call run_due_jobs() every minute.';
    END IF;
END;
$$;
COMMENT ON FUNCTION require_pg_cron() IS 'Internal: 0A000 unless pg_cron is installed in this database.';

CREATE FUNCTION bakkt_ledger.unschedule_jobs() RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    scheduled   record;
BEGIN
    PERFORM bounded_wait(), require_pg_cron();
    FOR scheduled IN
        SELECT c.jobid, c.schedule, c.username FROM cron.job c WHERE c.jobname = 'bakkt_ledger' AND c.database = current_database()
    LOOP
        PERFORM cron.unschedule(scheduled.jobid);
        PERFORM record_change('pg_cron', 'bakkt_ledger', to_jsonb(scheduled), '{}');
    END LOOP;
    RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION unschedule_jobs() IS
    'Removes the call of run_due_jobs() from pg_cron; false if there was none. A run under way continues. Audited in '
    'change_log. 0A000 without pg_cron.';

CREATE FUNCTION bakkt_ledger.schedule_jobs(schedule text DEFAULT '* * * * *', run_by name DEFAULT invoking_role()) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    number  bigint;
BEGIN
    PERFORM bounded_wait(), require_pg_cron();
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = run_by AND r.rolcanlogin
                   AND has_function_privilege(r.oid, 'run_due_jobs(timestamptz, integer)', 'EXECUTE')) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('role "%s" cannot log in and run the jobs', run_by),
            HINT = 'Name a login role that is a member of bakkt_ledger_settler.';
    END IF;
    PERFORM unschedule_jobs();
    -- a job that waits for an idle transaction fails instead, so that the others go on
    number := cron.schedule_in_database('bakkt_ledger', schedule, 'SET lock_timeout = ''1min''; SELECT count(*) FROM bakkt_ledger.run_due_jobs()',
                                        current_database(), run_by::text, true);
    PERFORM record_change('pg_cron', 'bakkt_ledger', '{}', jsonb_build_object('jobid', number, 'schedule', schedule, 'username', run_by));
    RETURN number;
END;
$$;
COMMENT ON FUNCTION schedule_jobs(text, name) IS
    'Has pg_cron call run_due_jobs() on a cron schedule, every minute by default, as the given role (default: the invoking '
    'one). Replaces an earlier schedule; returns the number of the pg_cron job. Audited in change_log. 0A000 without pg_cron in '
    'this database, 42501 unless the role can log in and is a settler.';
