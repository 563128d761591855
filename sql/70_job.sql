-- Floor 4: the scheduler: what is due at an instant, and that each of it is done once (doc/jobs.md).
--
-- A job is a function of this ledger that is called by the clock.  Its
-- occurrences are instants that follow from its schedule alone; a run of one
-- and the record of it are of one transaction, so that a crash leaves both or
-- neither.  Nothing here needs a background worker: whoever calls
-- run_due_jobs(), when, how often and from how many places changes nothing in
-- what is done.

CREATE TABLE job (
	job			text COLLATE "C" PRIMARY KEY,
	run_order	integer NOT NULL UNIQUE,
	times		time[],
	every		interval,
	zone		text NOT NULL DEFAULT 'America/Chicago',
	calendar	text COLLATE "C" REFERENCES calendar,
	purpose		text NOT NULL,
	CONSTRAINT job_kind CHECK ((times IS NULL) <> (every IS NULL) AND (calendar IS NULL OR times IS NOT NULL))
);
COMMENT ON TABLE job IS 'The jobs this version has and the schedule each comes with; job_schedule has the one in force. Shipped with the extension.';
COMMENT ON COLUMN job.run_order IS 'Of jobs due at the same instant, the lower runs first.';
COMMENT ON COLUMN job.times IS 'Local times of day; NULL for a job that runs every so often.';
COMMENT ON COLUMN job.every IS 'Distance of its instants, counted from midnight UTC; NULL for a job that runs at times of day.';
COMMENT ON COLUMN job.zone IS 'Time zone of times.';
COMMENT ON COLUMN job.calendar IS 'It runs on the business days of this calendar only; NULL: every day.';
-- in the order in which other sessions take the same locks: customers, windows, events of cash calls, blocks
INSERT INTO job (job, run_order, times, every, calendar, purpose) VALUES
	('expire_holds', 10, NULL, '5 minutes', NULL, 'records the holds that have expired'),
	('settle_deposits', 20, NULL, '5 minutes', NULL, 'settles the deposits whose availability hold has expired'),
	('retry_cash_calls', 30, '{06:00,17:00}', NULL, NULL, 'attempts again the cash calls that failed'),
	('process_cash_calls', 31, NULL, '5 minutes', NULL, 'attempts the new cash calls'),
	('propose_cash_call_write_offs', 40, '{00:10}', NULL, NULL, 'proposes old cash calls for write-off'),
	('charge_cash_call_write_offs', 41, '{00:20}', NULL, NULL, 'charges the write-offs whose month has begun'),
	('instruct_settlement_transfers', 50, '{07:00,15:00}', NULL, 'FEDWIRE', 'instructs transfers between FBO and business account'),
	('top_up_deficits', 51, '{15:30}', NULL, NULL, 'makes good what the company owes the FBO accounts'),
	('close_due_windows', 55, NULL, '5 minutes', NULL, 'closes the settlement windows that have ended'),
	('take_aged_tpj_am', 60, '{09:30}', NULL, NULL, 'takes the AM list of aged cash calls'),
	('take_aged_tpj_sod', 61, '{16:40}', NULL, NULL, 'takes the list of aged cash calls for the start of day'),
	('take_aged_tpj_pm', 62, '{19:30}', NULL, NULL, 'takes the PM list of aged cash calls'),
	('seal', 90, NULL, '1 minute', NULL, 'seals what was posted into a block');

-- Facts, not settings: an occurrence belongs to the schedule that was in force at its instant.
CREATE TABLE job_schedule (
	job			text COLLATE "C" NOT NULL REFERENCES job,
	from_at		timestamptz NOT NULL CHECK (isfinite(from_at)),
	enabled		boolean NOT NULL,
	times		time[] CHECK (cardinality(times) > 0 AND array_position(times, NULL) IS NULL AND '24:00' <> ALL (times)),
	every		interval CHECK (every BETWEEN '1 second' AND '24 hours' AND extract(month FROM every) = 0),
	changed_by	text COLLATE "C" NOT NULL,
	PRIMARY KEY (job, from_at),
	CONSTRAINT job_schedule_kind CHECK ((times IS NULL) <> (every IS NULL))
);
COMMENT ON TABLE job_schedule IS 'The schedules each job has had: the first since the ledger first ran its jobs, the others by change_job(). Append-only.';
COMMENT ON COLUMN job_schedule.from_at IS 'Its occurrences are later than this, up to the next row''s.';
COMMENT ON COLUMN job_schedule.enabled IS 'false: the job has no occurrences, and those that failed or were missed before wait.';
SELECT pg_catalog.pg_extension_config_dump('job_schedule', '');
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON job_schedule FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE job_schedule ENABLE ALWAYS TRIGGER refuse_write;

CREATE TABLE job_run (
	job			text COLLATE "C" NOT NULL REFERENCES job,
	occurrence	timestamptz NOT NULL,
	attempt		integer NOT NULL CHECK (attempt > 0),
	covers		integer NOT NULL CHECK (covers > 0),
	status		text COLLATE "C" NOT NULL CHECK (status IN ('done', 'failed', 'skipped')),
	started_at	timestamptz NOT NULL,
	ended_at	timestamptz NOT NULL,
	run_by		text COLLATE "C" NOT NULL,
	result		text,
	sqlstate	text COLLATE "C",
	message		text,
	PRIMARY KEY (job, occurrence, attempt),
	CONSTRAINT job_run_failure CHECK ((status = 'failed') = (sqlstate IS NOT NULL))
);
-- each occurrence once, whatever else goes wrong
CREATE UNIQUE INDEX job_run_once ON job_run (job, occurrence) WHERE status <> 'failed';
CREATE INDEX job_run_time_idx ON job_run (started_at);
COMMENT ON TABLE job_run IS 'Every run of a job: which occurrence, when it started and ended, what came of it. A retry is another row. Append-only.';
COMMENT ON COLUMN job_run.occurrence IS 'The instant it was due, which the job got as its "at".';
COMMENT ON COLUMN job_run.attempt IS 'Number of the run of this occurrence, from 1.';
COMMENT ON COLUMN job_run.covers IS 'Of a job that runs every so often: how many instants, missed ones included, this run stands for.';
COMMENT ON COLUMN job_run.status IS 'done; failed: its work was undone and is tried again; skipped: given up by skip_job().';
COMMENT ON COLUMN job_run.started_at IS 'By the server''s clock.';
COMMENT ON COLUMN job_run.result IS 'What it did, in a few words.';
COMMENT ON COLUMN job_run.sqlstate IS 'Of the error it failed with; 40001 and 40P01 are conflicts with other sessions.';
COMMENT ON COLUMN job_run.message IS 'Message, detail and hint of that error; the reason of a skip.';
SELECT pg_catalog.pg_extension_config_dump('job_run', '');
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON job_run FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE job_run ENABLE ALWAYS TRIGGER refuse_write;

CREATE VIEW job_runs WITH (security_invoker = true) AS
	SELECT r.job, r.occurrence, r.occurrence AT TIME ZONE j.zone AS local_time, r.attempt, r.covers, r.status, r.started_at,
		   r.ended_at - r.started_at AS took, r.run_by, r.result, r.sqlstate, r.message
	  FROM job_run r JOIN job j USING (job);
COMMENT ON VIEW job_runs IS 'The runs with the local time of their occurrence and how long each took.';

-- ---------------------------------------------------------------------------
-- What is due
-- ---------------------------------------------------------------------------

CREATE FUNCTION last_job_run(job text) RETURNS SETOF job_run
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT r.* FROM job_run r WHERE r.job = $1 ORDER BY r.occurrence DESC, r.attempt DESC LIMIT 1
$$;
COMMENT ON FUNCTION last_job_run(text) IS 'Internal: the last run of a job. Runs are in order: it is of the latest occurrence that was tried, and all before are done.';

CREATE FUNCTION job_schedules(at timestamptz)
	RETURNS TABLE (job text, from_at timestamptz, until_at timestamptz, times time[], every interval)
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT v.job, v.from_at, v.until_at, v.times, v.every
	  FROM (SELECT s.*, least(at, lead(s.from_at) OVER w) AS until_at,
				   last_value(s.enabled) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS in_force
			  FROM (SELECT s.job, s.from_at, s.enabled, s.times, s.every FROM job_schedule s WHERE s.from_at <= at
					UNION ALL
					SELECT j.job, at - interval '24 hours', true, j.times, j.every FROM job j
					 WHERE NOT EXISTS (SELECT FROM job_schedule s WHERE s.job = j.job)) s
			WINDOW w AS (PARTITION BY s.job ORDER BY s.from_at)) v
	 WHERE v.enabled AND v.in_force
$$;
COMMENT ON FUNCTION job_schedules(timestamptz) IS 'Internal: the schedules up to an instant of the jobs that are enabled then. A job that was never run starts 24 hours before.';

CREATE FUNCTION job_spans(at timestamptz)
	RETURNS TABLE (job text, run_order integer, times time[], every interval, zone text, calendar text,
				   after_at timestamptz, until_at timestamptz)
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT j.job, j.run_order, s.times, s.every, j.zone, j.calendar, greatest(s.from_at, r.occurrence), s.until_at
	  FROM job_schedules(at) s JOIN job j USING (job) LEFT JOIN LATERAL last_job_run(j.job) r ON true
	 WHERE greatest(s.from_at, r.occurrence) < s.until_at
$$;
COMMENT ON FUNCTION job_spans(timestamptz) IS 'Internal: the spans of time (after_at, until_at] whose occurrences were never tried.';

-- A day that the calendar does not know counts as open: the run then fails with LG075, and no other job with it.
CREATE FUNCTION job_runs_on(calendar text, day date) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT CASE WHEN EXISTS (SELECT FROM calendar_version v
							  WHERE v.calendar = $1 AND v.version = latest_version($1) AND day BETWEEN v.first_day AND v.last_day)
				THEN is_business_day($1, day) ELSE true END
$$;
COMMENT ON FUNCTION job_runs_on(text, date) IS 'Internal: whether a job with this calendar (NULL: none) has occurrences on a day.';

CREATE FUNCTION job_times(times time[], zone text, calendar text, after_at timestamptz, until_at timestamptz) RETURNS SETOF timestamptz
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT DISTINCT (d.day + t.local) AT TIME ZONE zone
	  FROM (SELECT (after_at AT TIME ZONE zone)::date - 1 + n AS day
			  FROM generate_series(0, (until_at AT TIME ZONE zone)::date - (after_at AT TIME ZONE zone)::date + 1) AS n) d
	 CROSS JOIN unnest(times) AS t (local)
	 WHERE (d.day + t.local) AT TIME ZONE zone > after_at AND (d.day + t.local) AT TIME ZONE zone <= until_at
	   AND (calendar IS NULL OR job_runs_on(calendar, d.day))
$$;
COMMENT ON FUNCTION job_times(time[], text, text, timestamptz, timestamptz) IS
	'Internal: the instants after one and up to another at which clocks in the zone show one of the times, on open days. Computed from local dates: a time that is skipped is taken by standard time, an hour later; one that comes twice is the second.';

CREATE FUNCTION due_jobs(at timestamptz DEFAULT clock_timestamp())
	RETURNS TABLE (job text, occurrence timestamptz, attempt integer, covers integer)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
	WITH span AS MATERIALIZED (
		SELECT * FROM job_spans(at)
	), timed AS MATERIALIZED (
		SELECT s.job, s.run_order, o.occurrence
		  FROM span s CROSS JOIN LATERAL job_times(s.times, s.zone, s.calendar, s.after_at, s.until_at) AS o (occurrence)
		 WHERE s.times IS NOT NULL
	), barrier AS (
		SELECT t.occurrence, t.run_order FROM timed t UNION SELECT at, NULL
	), repeated AS (
		SELECT DISTINCT s.job, s.run_order, s.every, s.after_at,
			   date_bin(s.every, least(s.until_at, CASE WHEN b.run_order < s.run_order THEN b.occurrence - interval '1 microsecond'
														ELSE b.occurrence END), '2000-01-01 00:00:00+00') AS occurrence
		  FROM span s CROSS JOIN barrier b
		 WHERE s.every IS NOT NULL
	), due AS (
		SELECT t.job, t.run_order, t.occurrence, 1 AS attempt, 1 AS covers FROM timed t
		UNION ALL
		SELECT r.job, r.run_order, r.occurrence, 1,
			   (extract(epoch FROM r.occurrence - coalesce(lag(r.occurrence) OVER (PARTITION BY r.job, r.after_at ORDER BY r.occurrence),
														   date_bin(r.every, r.after_at, '2000-01-01 00:00:00+00')))
				/ extract(epoch FROM r.every))::integer
		  FROM repeated r WHERE r.occurrence > r.after_at
		UNION ALL
		SELECT j.job, j.run_order, f.occurrence, f.attempt + 1, f.covers
		  FROM job j CROSS JOIN LATERAL last_job_run(j.job) f
		 WHERE f.status = 'failed' AND f.occurrence <= at AND j.job IN (SELECT s.job FROM job_schedules(at) s)
	)
	SELECT d.job, d.occurrence, d.attempt, d.covers FROM due d ORDER BY d.occurrence, d.run_order
$$;
COMMENT ON FUNCTION due_jobs(timestamptz) IS
	'What run_due_jobs() would run at the instant, in order, if nothing failed: all times of day that were missed, and between them, of jobs that run every so often, the latest instant for all. attempt above 1: it has failed before. Nothing is done.';

-- ---------------------------------------------------------------------------
-- Running it
-- ---------------------------------------------------------------------------

-- A static list: nobody can make the scheduler call anything else.
CREATE FUNCTION run_job(job text, at timestamptz) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	rail	text := (SELECT j.calendar FROM job j WHERE j.job = run_job.job);
	result	text;
BEGIN
	IF rail IS NOT NULL AND NOT is_business_day(rail, (at AT TIME ZONE (SELECT j.zone FROM job j WHERE j.job = run_job.job))::date) THEN
		RETURN 'no business day';
	END IF;
	CASE job
		WHEN 'expire_holds' THEN
			SELECT format('accounts: %s', expire_holds(at)) INTO result;
		WHEN 'settle_deposits' THEN
			SELECT format('settled: %s', coalesce(sum(d.settled), 0)) INTO result FROM settle_deposits(at) d;
		WHEN 'retry_cash_calls', 'process_cash_calls' THEN
			SELECT format('attempted: %s, settled: %s, failed: %s', coalesce(sum(p.attempted), 0), coalesce(sum(p.settled), 0), coalesce(sum(p.failed), 0)) INTO result
			  FROM process_cash_calls(at) p;
		WHEN 'propose_cash_call_write_offs' THEN
			SELECT format('proposed: %s', coalesce(sum(p.proposed), 0)) INTO result FROM propose_cash_call_write_offs(at) p;
		WHEN 'charge_cash_call_write_offs' THEN
			SELECT format('charged: %s', coalesce(sum(c.charged), 0)) INTO result FROM charge_cash_call_write_offs(at) c;
		WHEN 'instruct_settlement_transfers' THEN
			SELECT format('transfers: %s', count(*)) INTO result FROM instruct_settlement_transfers(at);
		WHEN 'top_up_deficits' THEN
			SELECT format('transfers: %s', count(*)) INTO result FROM top_up_deficits(at);
		WHEN 'take_aged_tpj_am', 'take_aged_tpj_sod', 'take_aged_tpj_pm' THEN
			SELECT format('lists: %s, calls: %s', count(*), coalesce(sum(t.calls), 0))
				   || coalesce(', taken before as of another instant: ' || nullif(count(*) FILTER (WHERE t.as_of_instant <> at), 0), '') INTO result
			  FROM take_aged_tpj(upper(split_part(job, '_', 4)), at) t;
		WHEN 'close_due_windows' THEN
			SELECT format('windows: %s', count(*)) INTO result FROM close_due_windows(at);
		WHEN 'seal' THEN
			SELECT format('block: %s', seal()) INTO result;
		ELSE
			PERFORM refuse_job(job);
	END CASE;
	RETURN result;
END $$;
COMMENT ON FUNCTION run_job(text, timestamptz) IS 'Internal: calls the function of a job with its occurrence and says in a few words what came of it.';

CREATE FUNCTION refuse_job(job text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING
		ERRCODE = 'LG090',
		MESSAGE = format('job "%s" does not exist', coalesce(job, 'NULL')),
		HINT = 'The table job lists them.';
END $$;
COMMENT ON FUNCTION refuse_job(text) IS 'Internal: raises LG090.';

CREATE FUNCTION run_and_record(job text, occurrence timestamptz, attempt integer, covers integer) RETURNS job_run
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	run		job_run;
	detail	text;
	hint	text;
BEGIN
	run := (job, occurrence, attempt, covers, 'done', clock_timestamp(), NULL, invoking_role(), NULL, NULL, NULL);
	BEGIN
		run.result := run_job(run_and_record.job, run_and_record.occurrence);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS run.sqlstate = RETURNED_SQLSTATE, run.message = MESSAGE_TEXT,
			detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		run.status := 'failed';
		run.message := concat_ws(E'\n', run.message, 'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
	END;
	run.ended_at := clock_timestamp();
	INSERT INTO job_run SELECT run.*;
	RETURN run;
END $$;
COMMENT ON FUNCTION run_and_record(text, timestamptz, integer, integer) IS 'Internal: one run of an occurrence and its row. What a failed run did is undone.';

-- READ COMMITTED, or a run that another session committed meanwhile might not be seen.
CREATE FUNCTION require_job_runner(at timestamptz) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	PERFORM require_instant(at);
	IF NOT sees_all_clients() THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" sees some clients only: jobs are run for all', invoking_role()),
			HINT = 'Run them as a member of bakkt_ledger_settler.';
	ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
			MESSAGE = format('jobs cannot be run under isolation level "%s"', current_setting('transaction_isolation')),
			HINT = 'Run them in a transaction under READ COMMITTED.';
	END IF;
END $$;
COMMENT ON FUNCTION require_job_runner(timestamptz) IS 'Internal: LG061, LG002, 42501 or 25001 unless the jobs can be run as of the instant by this role and in this transaction.';

-- The lowest row of job is the runner's chair.
CREATE FUNCTION claim_jobs() RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	PERFORM FROM job j WHERE j.run_order = (SELECT min(f.run_order) FROM job f) FOR NO KEY UPDATE SKIP LOCKED;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION claim_jobs() IS 'Internal: makes this transaction the one that runs jobs; false while another does.';

CREATE FUNCTION start_jobs(at timestamptz) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	-- asked first: writing waits for whoever changes a schedule
	IF EXISTS (SELECT FROM job j WHERE NOT EXISTS (SELECT FROM job_schedule s WHERE s.job = j.job)) THEN
		PERFORM bounded_wait();
		INSERT INTO job_schedule (job, from_at, enabled, times, every, changed_by)
		SELECT j.job, at - interval '24 hours', true, j.times, j.every, invoking_role() FROM job j
		 WHERE NOT EXISTS (SELECT FROM job_schedule s WHERE s.job = j.job)
		ON CONFLICT DO NOTHING;
	END IF;
END $$;
COMMENT ON FUNCTION start_jobs(timestamptz) IS 'Internal: puts the shipped schedule in force for jobs that have none, from 24 hours before the instant.';

CREATE FUNCTION run_due_jobs(at timestamptz DEFAULT clock_timestamp(), most integer DEFAULT NULL) RETURNS SETOF job_run
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	due		record;
	run		job_run;
	failed	text[] := '{}';
	runs	integer := 0;
	told_at	timestamptz := clock_timestamp();
BEGIN
	PERFORM require_job_runner(at);
	IF NOT claim_jobs() THEN
		RAISE NOTICE 'jobs: another session is running them';
		RETURN;
	END IF;
	PERFORM start_jobs(at);
	FOR due IN SELECT * FROM due_jobs(at) LOOP
		EXIT WHEN runs >= most;
		CONTINUE WHEN due.job = ANY (failed);		-- an occurrence waits for the one before it
		run := run_and_record(due.job, due.occurrence, due.attempt, due.covers);
		runs := runs + 1;
		IF run.status = 'failed' THEN
			failed := failed || due.job;
		END IF;
		IF clock_timestamp() > told_at + interval '2 seconds' THEN
			RAISE NOTICE 'jobs: % runs, caught up to %', runs, to_char(due.occurrence AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"');
			told_at := clock_timestamp();
		END IF;
		RETURN NEXT run;
	END LOOP;
END $$;
COMMENT ON FUNCTION run_due_jobs(timestamptz, integer) IS
	'Runs what is due at the instant, in order of time, each occurrence once, and returns the rows it wrote to job_run; at most so many, if given. One session at a time: a second one returns nothing. A job that fails is undone, recorded, and tried again at the next call; its later occurrences wait for it, other jobs go on. The first call ever starts 24 hours back. Errors: LG061, LG002 infinite instant, 25001 unless under READ COMMITTED, 42501.';

-- ---------------------------------------------------------------------------
-- Changing it
-- ---------------------------------------------------------------------------

CREATE FUNCTION require_job_terms(job text, times time[], every interval) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	shipped	job;
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
END $$;
COMMENT ON FUNCTION require_job_terms(text, time[], interval) IS 'Internal: LG090 or LG002 unless the job can have this schedule.';

-- Seconds, for the text of an interval depends on the session.
CREATE FUNCTION job_terms(schedule job_schedule) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN jsonb_build_object('enabled', (schedule).enabled, 'times', (schedule).times,
							  'every', extract(epoch FROM (schedule).every));
COMMENT ON FUNCTION job_terms(job_schedule) IS 'Internal: a schedule as change_log has it; every in seconds.';

CREATE FUNCTION enter_job_schedule(before job_schedule, changed job_schedule, reference text, reason text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
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
END $$;
COMMENT ON FUNCTION enter_job_schedule(job_schedule, job_schedule, text, text) IS 'Internal: puts a schedule in force and on record, if it differs.';

CREATE FUNCTION change_job(job text, enabled boolean DEFAULT NULL, times time[] DEFAULT NULL, every interval DEFAULT NULL,
						   reason text DEFAULT NULL, reference text DEFAULT NULL, at timestamptz DEFAULT clock_timestamp())
	RETURNS job_schedule
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted	time[] := (SELECT array_agg(DISTINCT t ORDER BY t) FROM unnest(change_job.times) AS t);
	request	job_schedule := (job, at, enabled, wanted, every, invoking_role());
	before	job_schedule;
BEGIN
	PERFORM require_instant(at);
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
END $$;
COMMENT ON FUNCTION change_job(text, boolean, time[], interval, text, text, timestamptz) IS
	'Enables or disables a job, or gives it other times of day or another interval, from the instant on; NULL leaves a term as it is. Returns the schedule in force. Audited in change_log; repeating a reference is no second change. LG090 unknown job, LG002 a schedule it cannot have, LG020, LG061.';

CREATE FUNCTION skip_job(job text, occurrence timestamptz, reason text) RETURNS job_run
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	run	job_run;
BEGIN
	IF NOT EXISTS (SELECT FROM job j WHERE j.job = skip_job.job) THEN
		PERFORM refuse_job(job);
	ELSIF coalesce(reason, '') = '' THEN
		PERFORM refuse_invalid('giving up an occurrence needs a reason');
	END IF;
	PERFORM bounded_wait();
	PERFORM FROM job j WHERE j.run_order = (SELECT min(f.run_order) FROM job f) FOR NO KEY UPDATE;		-- waits for a runner
	SELECT r.* INTO run FROM last_job_run(job) r;
	IF run.occurrence = skip_job.occurrence AND run.status = 'skipped' THEN
		RETURN run;
	ELSIF run.occurrence IS DISTINCT FROM skip_job.occurrence OR run.status IS DISTINCT FROM 'failed' THEN
		PERFORM refuse_invalid(format('job "%s" has not failed at that instant', job), NULL, 'due_jobs() lists what has failed: attempt is above 1.');
	END IF;
	run := (run.job, run.occurrence, run.attempt + 1, run.covers, 'skipped', clock_timestamp(), clock_timestamp(), invoking_role(), NULL, NULL, reason);
	INSERT INTO job_run SELECT run.*;
	RETURN run;
END $$;
COMMENT ON FUNCTION skip_job(text, timestamptz, text) IS
	'Gives up an occurrence that failed, so that the later ones of its job run again; on record as a run. Again is no error. LG090 unknown job, LG002 without a reason or when it has not failed.';

-- ---------------------------------------------------------------------------
-- pg_cron
-- ---------------------------------------------------------------------------

CREATE FUNCTION require_pg_cron() RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'feature_not_supported',
			MESSAGE = format('extension pg_cron is not installed in database "%s"', current_database()),
			HINT = 'With pg_cron in shared_preload_libraries and cron.database_name set to this database, CREATE EXTENSION pg_cron; '
				'or let anything else call run_due_jobs() every minute.';
	END IF;
END $$;
COMMENT ON FUNCTION require_pg_cron() IS 'Internal: 0A000 unless pg_cron is installed in this database.';

CREATE FUNCTION unschedule_jobs() RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
DECLARE
	scheduled	record;
BEGIN
	PERFORM bounded_wait(), require_pg_cron();
	FOR scheduled IN
		SELECT c.jobid, c.schedule, c.username FROM cron.job c WHERE c.jobname = 'bakkt_ledger' AND c.database = current_database()
	LOOP
		PERFORM cron.unschedule(scheduled.jobid);
		PERFORM record_change('pg_cron', 'bakkt_ledger', to_jsonb(scheduled), '{}');
	END LOOP;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION unschedule_jobs() IS 'Takes the call of run_due_jobs() out of pg_cron; false if there was none. A run under way goes on. Audited in change_log. 0A000 without pg_cron.';

CREATE FUNCTION schedule_jobs(schedule text DEFAULT '* * * * *', run_by name DEFAULT invoking_role()) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
DECLARE
	number	bigint;
BEGIN
	PERFORM bounded_wait(), require_pg_cron();
	IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = run_by AND r.rolcanlogin
				   AND has_function_privilege(r.oid, 'run_due_jobs(timestamptz, integer)', 'EXECUTE')) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" cannot log in and run the jobs', run_by),
			HINT = 'Name a login role that is a member of bakkt_ledger_settler.';
	END IF;
	PERFORM unschedule_jobs();
	-- a job that waits for a forgotten transaction fails, so that the others go on
	number := cron.schedule_in_database('bakkt_ledger', schedule, 'SET lock_timeout = ''1min''; SELECT count(*) FROM bakkt_ledger.run_due_jobs()',
										current_database(), run_by::text, true);
	PERFORM record_change('pg_cron', 'bakkt_ledger', '{}', jsonb_build_object('jobid', number, 'schedule', schedule, 'username', run_by));
	RETURN number;
END $$;
COMMENT ON FUNCTION schedule_jobs(text, name) IS
	'Lets pg_cron call run_due_jobs() on a schedule of cron''s form, every minute by default, as a role that may (default: the invoking one), in place of an earlier schedule; returns pg_cron''s number of it. Audited in change_log. 0A000 without pg_cron in this database, 42501 unless the role can log in and is a settler.';
