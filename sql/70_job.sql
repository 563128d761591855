-- Floor 4: the scheduler: what is due at an instant, and that each of it is done once (doc/jobs.md).
--
-- A job is a function of this ledger that is called by the clock.  Its
-- occurrences are instants that follow from its schedule alone; a run of one
-- and the record of it are of one transaction, so that a crash leaves both or
-- neither.  Nothing here needs a background worker: whoever calls
-- run_due_jobs(), when, how often and from how many places changes nothing in
-- what is done.
--
-- An occurrence is done client by client (chapter 26).  A client whose part
-- fails is left out: the occurrence is done for the others, and its part is
-- tried again at every call until it is done or given up.

CREATE TABLE job (
	job			text COLLATE "C" PRIMARY KEY,
	run_order	integer NOT NULL UNIQUE,
	times		time[],
	every		interval,
	zone		text NOT NULL DEFAULT 'America/Chicago',
	calendar	text COLLATE "C" REFERENCES calendar,
	run			text COLLATE "C" NOT NULL REFERENCES client_run,
	variant		text,
	purpose		text NOT NULL,
	CONSTRAINT job_kind CHECK ((times IS NULL) <> (every IS NULL) AND (calendar IS NULL OR times IS NOT NULL))
);
COMMENT ON TABLE job IS 'The jobs this version has and the schedule each comes with; job_schedule has the one in force. Shipped with the extension.';
COMMENT ON COLUMN job.run_order IS 'Of jobs due at the same instant, the lower runs first.';
COMMENT ON COLUMN job.times IS 'Local times of day; NULL for a job that runs every so often.';
COMMENT ON COLUMN job.every IS 'Distance of its instants, counted from midnight UTC; NULL for a job that runs at times of day.';
COMMENT ON COLUMN job.zone IS 'Time zone of times.';
COMMENT ON COLUMN job.calendar IS 'It runs on the business days of this calendar only; NULL: every day.';
COMMENT ON COLUMN job.run IS 'What it runs.';
-- in the order in which other sessions take the same locks: customers, windows, events of cash calls, blocks
INSERT INTO client_run VALUES ('seal', 'seal_part', NULL);
INSERT INTO job (job, run_order, times, every, calendar, run, variant, purpose) VALUES
	('expire_holds', 10, NULL, '5 minutes', NULL, 'expire_holds', NULL, 'records the holds that have expired'),
	('settle_deposits', 20, NULL, '5 minutes', NULL, 'settle_deposits', NULL, 'settles the deposits whose availability hold has expired'),
	('retry_cash_calls', 30, '{06:00,17:00}', NULL, NULL, 'process_cash_calls', NULL, 'attempts again the cash calls that failed'),
	('process_cash_calls', 31, NULL, '5 minutes', NULL, 'process_cash_calls', NULL, 'attempts the new cash calls'),
	('propose_cash_call_write_offs', 40, '{00:10}', NULL, NULL, 'propose_cash_call_write_offs', NULL, 'proposes old cash calls for write-off'),
	('charge_cash_call_write_offs', 41, '{00:20}', NULL, NULL, 'charge_cash_call_write_offs', NULL, 'charges the write-offs whose month has begun'),
	('instruct_settlement_transfers', 50, '{07:00,15:00}', NULL, 'FEDWIRE', 'instruct_settlement_transfers', NULL, 'instructs transfers between FBO and business account'),
	('top_up_deficits', 51, '{15:30}', NULL, NULL, 'top_up_deficits', NULL, 'makes good what the company owes the FBO accounts'),
	('close_due_windows', 55, NULL, '5 minutes', NULL, 'close_due_windows', NULL, 'closes the settlement windows that have ended'),
	('take_aged_tpj_am', 60, '{09:30}', NULL, NULL, 'take_aged_tpj', 'AM', 'takes the AM list of aged cash calls'),
	('take_aged_tpj_sod', 61, '{16:40}', NULL, NULL, 'take_aged_tpj', 'SOD', 'takes the list of aged cash calls for the start of day'),
	('take_aged_tpj_pm', 62, '{19:30}', NULL, NULL, 'take_aged_tpj', 'PM', 'takes the PM list of aged cash calls'),
	('seal', 90, NULL, '1 minute', NULL, 'seal', NULL, 'seals what was posted into a block');

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
	client		text COLLATE "C",
	CONSTRAINT job_run_failure CHECK ((status = 'failed') = (sqlstate IS NOT NULL))
);
-- each occurrence once, and of each client that was left out of it, whatever else goes wrong
CREATE UNIQUE INDEX job_run_once ON job_run (job, occurrence) WHERE status <> 'failed' AND client IS NULL;
CREATE UNIQUE INDEX job_run_client_once ON job_run (job, client, occurrence) WHERE status <> 'failed' AND client IS NOT NULL;
CREATE UNIQUE INDEX job_run_attempt_idx ON job_run (job, occurrence, attempt) WHERE client IS NULL;
CREATE UNIQUE INDEX job_run_client_attempt_idx ON job_run (job, client, occurrence, attempt) WHERE client IS NOT NULL;
CREATE INDEX job_run_time_idx ON job_run (started_at);
COMMENT ON TABLE job_run IS 'Every run of a job: which occurrence, when it started and ended, what came of it; and the parts of clients that failed or were made up for. A retry is another row. Append-only.';
COMMENT ON COLUMN job_run.occurrence IS 'The instant it was due, which the job got as its "at".';
COMMENT ON COLUMN job_run.attempt IS 'Number of the run of this occurrence, from 1.';
COMMENT ON COLUMN job_run.covers IS 'Of a job that runs every so often: how many instants, missed ones included, this run stands for.';
COMMENT ON COLUMN job_run.client IS 'NULL: the occurrence, done for all clients but those left out. Else the part of this client alone: it failed, or was done or given up later.';
COMMENT ON COLUMN job_run.status IS 'done; failed: its work was undone and is tried again; skipped: given up by skip_job().';
COMMENT ON COLUMN job_run.started_at IS 'By the server''s clock.';
COMMENT ON COLUMN job_run.result IS 'What it did, in a few words.';
COMMENT ON COLUMN job_run.sqlstate IS 'Of the error it failed with; 40001 and 40P01 are conflicts with other sessions.';
COMMENT ON COLUMN job_run.message IS 'Message, detail and hint of that error; the reason of a skip.';
SELECT pg_catalog.pg_extension_config_dump('job_run', '');
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON job_run FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE job_run ENABLE ALWAYS TRIGGER refuse_write;

CREATE TABLE job_left_out (
	job			text COLLATE "C" NOT NULL REFERENCES job,
	client		text COLLATE "C" NOT NULL,
	occurrence	timestamptz NOT NULL,
	failures	integer NOT NULL CHECK (failures >= 0),
	covers		integer NOT NULL CHECK (covers > 0),
	since		timestamptz NOT NULL,
	sqlstate	text COLLATE "C",
	message		text,
	PRIMARY KEY (job, client, occurrence),
	CONSTRAINT job_left_out_failure CHECK ((failures = 0) = (sqlstate IS NULL))
);
COMMENT ON TABLE job_left_out IS 'Present state: the clients that were left out of an occurrence, until their part is done or given up by skip_job(); job_run tells how it came to this.';
COMMENT ON COLUMN job_left_out.occurrence IS 'What is tried next; of a job that runs every so often, the latest that was done for the others.';
COMMENT ON COLUMN job_left_out.failures IS 'How often it has failed; 0: it waits for an earlier occurrence of the same client and job.';
COMMENT ON COLUMN job_left_out.covers IS 'How many instants of the job it stands for.';
COMMENT ON COLUMN job_left_out.since IS 'By the server''s clock.';
COMMENT ON COLUMN job_left_out.sqlstate IS 'Of the last failure.';
SELECT pg_catalog.pg_extension_config_dump('job_left_out', '');
CREATE TRIGGER refuse_write BEFORE TRUNCATE ON job_left_out FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE job_left_out ENABLE ALWAYS TRIGGER refuse_write;

CREATE VIEW job_runs WITH (security_invoker = true) AS
	SELECT r.job, r.occurrence, r.occurrence AT TIME ZONE j.zone AS local_time, r.attempt, r.covers, r.status, r.started_at,
		   r.ended_at - r.started_at AS took, r.run_by, r.result, r.sqlstate, r.message, r.client
	  FROM job_run r JOIN job j USING (job);
COMMENT ON VIEW job_runs IS 'The runs with the local time of their occurrence and how long each took.';

-- ---------------------------------------------------------------------------
-- What is due
-- ---------------------------------------------------------------------------

CREATE FUNCTION last_job_run(job text) RETURNS SETOF job_run
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT r.* FROM job_run r WHERE r.job = $1 AND r.client IS NULL ORDER BY r.occurrence DESC, r.attempt DESC LIMIT 1
$$;
COMMENT ON FUNCTION last_job_run(text) IS 'Internal: the last run of a job, parts of clients aside. Runs are in order: it is of the latest occurrence that was tried, and all before are done.';

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

CREATE FUNCTION job_horizon() RETURNS interval
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN interval '366 days';
COMMENT ON FUNCTION job_horizon() IS 'Internal: how much of a job''s time one call catches up at most, and how far ahead of the clock due_jobs() looks.';

CREATE FUNCTION job_spans(at timestamptz)
	RETURNS TABLE (job text, run_order integer, times time[], every interval, zone text, calendar text,
				   after_at timestamptz, until_at timestamptz)
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	WITH span AS (
		SELECT j.job, j.run_order, s.times, s.every, j.zone, j.calendar, greatest(s.from_at, r.occurrence) AS after_at, s.until_at
		  FROM job_schedules(at) s JOIN job j USING (job) LEFT JOIN LATERAL last_job_run(j.job) r ON true
		 WHERE greatest(s.from_at, r.occurrence) < s.until_at
	)
	SELECT s.job, s.run_order, s.times, s.every, s.zone, s.calendar, s.after_at, least(s.until_at, b.ends_at)
	  FROM span s JOIN (SELECT f.job, min(f.after_at) + job_horizon() AS ends_at FROM span f GROUP BY f.job) b USING (job)
	 WHERE s.after_at < b.ends_at
$$;
COMMENT ON FUNCTION job_spans(timestamptz) IS 'Internal: the spans of time (after_at, until_at] whose occurrences were never tried: of each job those up to a year after its first of them, so that a call is bounded however long nothing ran. The rest comes with the next call.';

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

-- Before the calendars begin no job can tell what day it is.
CREATE FUNCTION require_job_instant(at timestamptz, ahead interval DEFAULT '5 minutes') RETURNS timestamptz
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	IF at IS NULL OR at > clock_timestamp() + ahead OR at AT TIME ZONE 'UTC' < calendars_begin() THEN
		RAISE EXCEPTION USING ERRCODE = CASE WHEN at = '-infinity' THEN 'LG002' ELSE 'LG061' END,
			MESSAGE = format('nothing can be due at %s', coalesce(CASE WHEN isfinite(at) THEN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') ELSE at::text END, 'NULL')),
			HINT = format('Give an instant after %s and at most %s ahead of the clock, or none for now.', to_char(calendars_begin(), 'YYYY-MM-DD'), ahead);
	END IF;
	RETURN at;
END $$;
COMMENT ON FUNCTION require_job_instant(timestamptz, interval) IS 'Internal: the instant itself; LG061 for none, for one that is further ahead of the clock, or before the calendars begin; LG002 infinitely so.';

CREATE FUNCTION due_jobs(at timestamptz DEFAULT clock_timestamp())
	RETURNS TABLE (job text, occurrence timestamptz, attempt integer, covers integer, client text)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
	SET jit = off
AS $$
	WITH span AS MATERIALIZED (
		SELECT * FROM job_spans(require_job_instant(at, job_horizon()))
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
		SELECT t.job, t.run_order, t.occurrence, 1 AS attempt, 1 AS covers, NULL AS client FROM timed t
		UNION ALL
		SELECT r.job, r.run_order, r.occurrence, 1,
			   (extract(epoch FROM r.occurrence - coalesce(lag(r.occurrence) OVER (PARTITION BY r.job, r.after_at ORDER BY r.occurrence),
														   date_bin(r.every, r.after_at, '2000-01-01 00:00:00+00')))
				/ extract(epoch FROM r.every))::integer, NULL
		  FROM repeated r WHERE r.occurrence > r.after_at
		UNION ALL
		SELECT j.job, j.run_order, f.occurrence, f.attempt + 1, f.covers, NULL
		  FROM job j CROSS JOIN LATERAL last_job_run(j.job) f
		 WHERE f.status = 'failed' AND f.occurrence <= at AND j.job IN (SELECT s.job FROM job_schedules(at) s)
		UNION ALL
		SELECT l.job, j.run_order, l.occurrence, l.failures + 1, l.covers, l.client
		  FROM job_left_out l JOIN job j USING (job)
		 WHERE l.occurrence <= at AND l.job IN (SELECT s.job FROM job_schedules(at) s)
	)
	SELECT d.job, d.occurrence, d.attempt, d.covers, d.client FROM due d ORDER BY d.occurrence, d.run_order, d.client
$$;
COMMENT ON FUNCTION due_jobs(timestamptz) IS
	'What run_due_jobs() would run at the instant, in order, if nothing failed: all times of day that were missed, and between them, of jobs that run every so often, the latest instant for all; of each job a year''s at most. client: the part of one that was left out; NULL: for all. attempt above 1: it has failed before. Nothing is done. LG061 more than a year ahead of the clock, or before the calendars begin; LG002.';

-- ---------------------------------------------------------------------------
-- Running it
-- ---------------------------------------------------------------------------

CREATE FUNCTION seal_part(client_id integer, at timestamptz, variant text) RETURNS jsonb
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$ SELECT jsonb_build_array(jsonb_build_object('block', seal())) $$;
COMMENT ON FUNCTION seal_part(integer, timestamptz, text) IS 'Internal: seal() as a run, which is of no client.';

CREATE FUNCTION total(rows jsonb, field text) RETURNS bigint
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN rows = '[]' THEN 0 ELSE (SELECT coalesce(sum((r ->> field)::bigint), 0) FROM jsonb_array_elements(rows) AS r) END;
END $$;
COMMENT ON FUNCTION total(jsonb, text) IS 'Internal: the sum of a count over the rows of a run.';

CREATE FUNCTION run_result(run text, rows jsonb, at timestamptz) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
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
END $$;
COMMENT ON FUNCTION run_result(text, jsonb, timestamptz) IS 'Internal: what a run did, in a few words.';

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

CREATE FUNCTION end_job_run(run job_run, outcome client_outcome) RETURNS job_run
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
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
END $$;
COMMENT ON FUNCTION end_job_run(job_run, client_outcome) IS 'Internal: the row of a run that has ended, with the error if there was one.';

-- Of times of day each waits its turn; of instants the latest stands for all.
CREATE FUNCTION keep_left_out(run job_run) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF EXISTS (SELECT FROM job j WHERE j.job = run.job AND j.every IS NOT NULL) THEN
		UPDATE job_left_out l SET occurrence = run.occurrence, covers = l.covers + run.covers WHERE l.job = run.job;
	ELSE
		INSERT INTO job_left_out (job, client, occurrence, failures, covers, since)
		SELECT run.job, l.client, run.occurrence, 0, run.covers, run.ended_at FROM job_left_out l WHERE l.job = run.job GROUP BY l.client;
	END IF;
END $$;
COMMENT ON FUNCTION keep_left_out(job_run) IS 'Internal: those who were left out of a job before are left out of this run of it.';

CREATE FUNCTION leave_out(run job_run, outcome client_outcome) RETURNS job_run
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	run.client := (client_row(outcome.client_id)).code;
	run.attempt := 1;
	run := end_job_run(run, outcome);
	INSERT INTO job_left_out VALUES (run.job, run.client, run.occurrence, 1, run.covers, run.ended_at, run.sqlstate, run.message);
	RETURN run;
END $$;
COMMENT ON FUNCTION leave_out(job_run, client_outcome) IS 'Internal: a client whose part of a run has just failed is left out of it.';

-- A day that the calendar does not know is an error of the job, not a client's.
CREATE FUNCTION run_job(job job, at timestamptz, blocked integer[]) RETURNS client_outcome[]
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	due	integer[];
BEGIN
	IF job.calendar IS NOT NULL AND NOT is_business_day(job.calendar, (at AT TIME ZONE job.zone)::date) THEN
		RETURN NULL;
	END IF;
	due := clients_due(job.run, at, job.variant);
	IF EXISTS (SELECT FROM job_left_out l WHERE l.job = job.job) THEN
		due := ARRAY(SELECT d FROM unnest(due) AS d WHERE d NOT IN (SELECT c.client_id FROM job_left_out l JOIN client c ON c.code = l.client WHERE l.job = job.job));
	END IF;
	RETURN CASE WHEN due = '{}' THEN '{}' ELSE ARRAY(SELECT o FROM try_clients(job.run, due, at, job.variant, blocked) o) END;
END $$;
COMMENT ON FUNCTION run_job(job, timestamptz, integer[]) IS 'Internal: an occurrence of a job for all clients that have something to do and are not left out of an earlier one; NULL on a day on which it rests.';

CREATE FUNCTION rows_of(outcomes client_outcome[]) RETURNS jsonb
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN outcomes = '{}' THEN '[]'
		ELSE (SELECT coalesce(jsonb_agg(r), '[]') FROM unnest(outcomes) o, jsonb_array_elements(o.rows) AS r WHERE o.sqlstate IS NULL) END;
END $$;
COMMENT ON FUNCTION rows_of(client_outcome[]) IS 'Internal: the rows of all parts that succeeded.';

CREATE FUNCTION run_occurrence(job text, occurrence timestamptz, attempt integer, covers integer, blocked integer[]) RETURNS SETOF job_run
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 2
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	shipped		constant job := (SELECT j FROM job j WHERE j.job = run_occurrence.job);
	run			job_run := (job, occurrence, attempt, covers, 'done', clock_timestamp(), NULL, invoking_role(), NULL, NULL, NULL, NULL);
	outcomes	client_outcome[];
	failure		client_outcome;
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
		-- on a day on which the job rests nobody misses anything
		IF outcomes IS NOT NULL AND EXISTS (SELECT FROM job_left_out l WHERE l.job = run.job) THEN
			PERFORM keep_left_out(run);
		END IF;
		RETURN QUERY SELECT l.* FROM unnest(outcomes) o, leave_out(run, o) l WHERE o.sqlstate IS NOT NULL;
	END IF;
END $$;
COMMENT ON FUNCTION run_occurrence(text, timestamptz, integer, integer, integer[]) IS 'Internal: one run of an occurrence and its row, and one for each client whose part failed. What failed is undone.';

CREATE FUNCTION run_left_out(left_out job_left_out, blocked integer[]) RETURNS job_run
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	shipped	constant job := (SELECT j FROM job j WHERE j.job = left_out.job);
	run		job_run := (left_out.job, left_out.occurrence, left_out.failures + 1, left_out.covers, 'done', clock_timestamp(), NULL, invoking_role(),
						NULL, NULL, NULL, left_out.client);
	outcome	client_outcome;
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
END $$;
COMMENT ON FUNCTION run_left_out(job_left_out, integer[]) IS 'Internal: makes up for the part of a client that was left out of an occurrence.';

-- READ COMMITTED, or a run that another session committed meanwhile might not be seen.
CREATE FUNCTION require_job_runner(at timestamptz) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
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
	blocked	integer[] := '{}';
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
		CONTINUE WHEN concat_ws(' ', due.job, due.client) = ANY (failed);		-- an occurrence waits for the one before it
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
END $$;
COMMENT ON FUNCTION run_due_jobs(timestamptz, integer) IS
	'Runs what is due at the instant, in order of time, each occurrence once, and returns the rows it wrote to job_run; at most so many, if given. One session at a time: a second one returns nothing. A client whose part fails is left out, alone, and a job that fails as a whole is undone; both are recorded and tried again at the next call, and later occurrences, of the client or for all, wait for it; the others go on. Of each job a year is caught up in a call. The first call ever starts 24 hours back. Errors: LG061, LG002 infinite instant, 25001 unless under READ COMMITTED, 42501.';

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
END $$;
COMMENT ON FUNCTION change_job(text, boolean, time[], interval, text, text, timestamptz) IS
	'Enables or disables a job, or gives it other times of day or another interval, from the instant on; NULL leaves a term as it is. Returns the schedule in force. Audited in change_log; repeating a reference is no second change. LG090 unknown job, LG002 a schedule it cannot have, LG020, LG061.';

CREATE FUNCTION failed_job_run(job text, occurrence timestamptz, client text) RETURNS job_run
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	run	job_run;
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
END $$;
COMMENT ON FUNCTION failed_job_run(text, timestamptz, text) IS 'Internal: what failed last of an occurrence, for all or of a client, or its giving up; LG002 if it did not.';

CREATE FUNCTION skip_job(job text, occurrence timestamptz, reason text, client text DEFAULT NULL) RETURNS job_run
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
	run := failed_job_run(job, occurrence, client);
	IF run.status = 'skipped' THEN
		RETURN run;
	END IF;
	run := (run.job, run.occurrence, run.attempt + 1, run.covers, 'skipped', clock_timestamp(), clock_timestamp(), invoking_role(), NULL, NULL, reason, run.client);
	INSERT INTO job_run SELECT run.*;
	DELETE FROM job_left_out l WHERE l.job = run.job AND l.client = run.client AND l.occurrence = run.occurrence;
	RETURN run;
END $$;
COMMENT ON FUNCTION skip_job(text, timestamptz, text, text) IS
	'Gives up an occurrence that failed, or the part of a client that was left out of it, so that the later ones run again; on record as a run. Again is no error. LG090 unknown job, LG002 without a reason or when it has not failed.';

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
