-- The scheduler: what is due at an instant, and that each of it is done once (doc/jobs.md).
--
-- A job is a function of this ledger that is called by the clock. Its occurrences are instants that
-- follow from its schedule alone; a run of one and the record of it are of one transaction, so that
-- a crash leaves both or neither. Nothing here needs a background worker: whoever calls
-- run_due_jobs(), when, how often and from how many places changes nothing in what is done.
--
-- An occurrence is done client by client (ledger/client_run.sql). A client whose part fails is left
-- out: the occurrence is done for the others, and its part is tried again at every call until it is
-- done or given up.
--
-- Locks: the lowest row of job, by whoever runs jobs or gives one up; the table job_schedule, by
-- whoever changes a schedule.

CREATE TABLE bakkt_ledger_internal.job (
    job text COLLATE "C" PRIMARY KEY,
    run_order integer NOT NULL UNIQUE,
    times time[],
    every interval,
    zone text NOT NULL DEFAULT 'America/Chicago',
    calendar text COLLATE "C" REFERENCES calendar,
    run text COLLATE "C" NOT NULL REFERENCES client_run,
    variant text,
    purpose text NOT NULL,
    CONSTRAINT job_kind CHECK ((times IS NULL) <> (every IS NULL) AND (calendar IS NULL OR times IS NOT NULL))
);
COMMENT ON TABLE job IS
'The jobs this version has and the schedule each comes with; job_schedule has the one in force. Shipped with the extension.';
COMMENT ON COLUMN job.run_order IS 'Of jobs due at the same instant, the lower runs first.';
COMMENT ON COLUMN job.times IS 'Local times of day; NULL for a job that runs at intervals.';
COMMENT ON COLUMN job.every IS
'Interval between its instants, counted from midnight UTC; NULL for a job that runs at times of day.';
COMMENT ON COLUMN job.zone IS 'Time zone of times.';
COMMENT ON COLUMN job.calendar IS 'It runs on the business days of this calendar only; NULL: every day.';
COMMENT ON COLUMN job.run IS 'What it runs.';
-- In the order in which other sessions take the same locks: customers, windows, events of cash
-- calls, blocks.
INSERT INTO client_run VALUES ('seal', 'seal_part', NULL);
INSERT INTO subject (subject, key, shipped) VALUES ('job', '{job}', true);
INSERT INTO job (job, run_order, times, every, calendar, run, variant, purpose) VALUES
    ('expire_holds', 10, NULL, '5 minutes', NULL, 'expire_holds', NULL, 'records the holds that have expired'),
    ('settle_deposits', 20, NULL, '5 minutes', NULL, 'settle_deposits', NULL,
     'settles the deposits whose availability hold has expired'),
    ('retry_cash_calls', 30, '{06:00,17:00}', NULL, NULL, 'process_cash_calls', NULL,
     'attempts again the cash calls that failed'),
    ('process_cash_calls', 31, NULL, '5 minutes', NULL, 'process_cash_calls', NULL, 'attempts the new cash calls'),
    ('true_up_revenue_shares', 35, '{00:05}', NULL, NULL, 'true_up_revenue_shares', NULL,
     'trues up the clients'' shares of revenue'),
    ('propose_cash_call_write_offs', 40, '{00:10}', NULL, NULL, 'propose_cash_call_write_offs', NULL,
     'proposes old cash calls for write-off'),
    ('charge_cash_call_write_offs', 41, '{00:20}', NULL, NULL, 'charge_cash_call_write_offs', NULL,
     'charges the write-offs whose month has begun'),
    ('instruct_settlement_transfers', 50, '{07:00,15:00}', NULL, 'FEDWIRE', 'instruct_settlement_transfers', NULL,
     'instructs transfers between FBO and business account'),
    ('top_up_deficits', 51, '{15:30}', NULL, NULL, 'top_up_deficits', NULL, 'makes good what the company owes the FBO accounts'),
    ('close_due_windows', 55, NULL, '5 minutes', NULL, 'close_due_windows', NULL,
     'closes the settlement windows that have ended'),
    ('set_off_obligations', 56, NULL, '5 minutes', NULL, 'set_off_obligations', NULL,
     'sets off what falls due on one value date into one payment'),
    ('take_aged_tpj_am', 60, '{09:30}', NULL, NULL, 'take_aged_tpj', 'AM', 'takes the AM list of aged cash calls'),
    ('take_aged_tpj_sod', 61, '{16:40}', NULL, NULL, 'take_aged_tpj', 'SOD',
     'takes the list of aged cash calls for the start of day'),
    ('take_aged_tpj_pm', 62, '{19:30}', NULL, NULL, 'take_aged_tpj', 'PM', 'takes the PM list of aged cash calls'),
    ('seal', 90, NULL, '1 minute', NULL, 'seal', NULL, 'seals what was posted into a block');

-- Rows are facts and never change: an occurrence belongs to the schedule in force at its instant.
CREATE TABLE bakkt_ledger_internal.job_schedule (
    job text COLLATE "C" NOT NULL REFERENCES job,
    from_at timestamptz NOT NULL CHECK (isfinite(from_at)),
    enabled boolean NOT NULL,
    times time[] CHECK (cardinality(times) > 0 AND array_position(times, NULL) IS NULL AND '24:00' <> ALL (times)),
    every interval CHECK (every BETWEEN '1 second' AND '24 hours' AND extract(month FROM every) = 0),
    changed_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (job, from_at),
    CONSTRAINT job_schedule_kind CHECK ((times IS NULL) <> (every IS NULL))
);
COMMENT ON TABLE job_schedule IS
'The schedules each job has had: the first since the ledger first ran its jobs, the others by change_job(). Append-only.';
COMMENT ON COLUMN job_schedule.from_at IS 'Its occurrences are later than this, up to the next row''s.';
COMMENT ON COLUMN job_schedule.enabled IS 'false: the job has no occurrences, and those that failed or were missed before wait.';
SELECT pg_catalog.pg_extension_config_dump('job_schedule', '');
INSERT INTO subject (subject, key) VALUES ('job_schedule', '{job,from_at}');
SELECT refuse_writes('job_schedule', 'UPDATE OR DELETE OR TRUNCATE');

CREATE TABLE bakkt_ledger_internal.job_run (
    job text COLLATE "C" NOT NULL REFERENCES job,
    occurrence timestamptz NOT NULL,
    attempt integer NOT NULL CHECK (attempt > 0),
    covers integer NOT NULL CHECK (covers > 0),
    status text COLLATE "C" NOT NULL CHECK (status IN ('DONE', 'FAILED', 'SKIPPED')),
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    run_by text COLLATE "C" NOT NULL,
    result text,
    sqlstate text COLLATE "C",
    message text,
    client text COLLATE "C",
    CONSTRAINT job_run_failure CHECK ((status = 'FAILED') = (sqlstate IS NOT NULL))
);
-- Guarantees that an occurrence is done once, and once for each client that was left out of it.
CREATE UNIQUE INDEX job_run_once ON job_run (job, occurrence) WHERE status <> 'FAILED' AND client IS NULL;
CREATE UNIQUE INDEX job_run_client_once ON job_run (job, client, occurrence) WHERE status <> 'FAILED' AND client IS NOT NULL;
CREATE UNIQUE INDEX job_run_attempt_idx ON job_run (job, occurrence, attempt) WHERE client IS NULL;
CREATE UNIQUE INDEX job_run_client_attempt_idx ON job_run (job, client, occurrence, attempt) WHERE client IS NOT NULL;
CREATE INDEX job_run_time_idx ON job_run (started_at);
COMMENT ON TABLE job_run IS
'Every run of a job: which occurrence, when it started and ended, what came of it; and the parts of clients that failed or were
made up for. A retry is another row. Append-only.';
COMMENT ON COLUMN job_run.occurrence IS 'The instant it was due, which the job got as its "at".';
COMMENT ON COLUMN job_run.attempt IS 'Number of the run of this occurrence, from 1.';
COMMENT ON COLUMN job_run.covers IS
'Of a job that runs every so often: how many instants, missed ones included, this run stands for.';
COMMENT ON COLUMN job_run.client IS
'NULL: the occurrence, done for all clients but those left out. Else the part of this client alone: it failed, or was done or
given up later.';
COMMENT ON COLUMN job_run.status IS 'DONE; FAILED: its work was undone and is tried again; SKIPPED: given up by skip_job().';
COMMENT ON COLUMN job_run.started_at IS 'By the server''s clock.';
COMMENT ON COLUMN job_run.result IS 'A short text on what it did.';
COMMENT ON COLUMN job_run.sqlstate IS 'Of the error it failed with; 40001 and 40P01 are conflicts with other sessions.';
COMMENT ON COLUMN job_run.message IS 'Message, detail and hint of that error; the reason of a skip.';
SELECT pg_catalog.pg_extension_config_dump('job_run', '');
INSERT INTO subject (subject, key) VALUES ('job_run', '{job,occurrence,attempt,client}');
SELECT refuse_writes('job_run', 'UPDATE OR DELETE OR TRUNCATE');

CREATE TABLE bakkt_ledger_internal.job_left_out (
    job text COLLATE "C" NOT NULL REFERENCES job,
    client text COLLATE "C" NOT NULL,
    occurrence timestamptz NOT NULL,
    failures integer NOT NULL CHECK (failures >= 0),
    covers integer NOT NULL CHECK (covers > 0),
    since timestamptz NOT NULL,
    sqlstate text COLLATE "C",
    message text,
    PRIMARY KEY (job, client, occurrence),
    CONSTRAINT job_left_out_failure CHECK ((failures = 0) = (sqlstate IS NULL))
);
COMMENT ON TABLE job_left_out IS
'Present state: the clients that were left out of an occurrence, until their part is done or given up by skip_job(); job_run
tells how it came to this.';
COMMENT ON COLUMN job_left_out.occurrence IS
'What is tried next; of a job that runs every so often, the latest that was done for the others.';
COMMENT ON COLUMN job_left_out.failures IS
'How often it has failed; 0: it waits for an earlier occurrence of the same client and job.';
COMMENT ON COLUMN job_left_out.covers IS 'How many instants of the job it stands for.';
COMMENT ON COLUMN job_left_out.since IS 'By the server''s clock.';
COMMENT ON COLUMN job_left_out.sqlstate IS 'Of the last failure.';
SELECT pg_catalog.pg_extension_config_dump('job_left_out', '');
INSERT INTO subject (subject, key) VALUES ('job_left_out', '{job,client,occurrence}');
SELECT refuse_writes('job_left_out', 'TRUNCATE');

CREATE TYPE bakkt_ledger.job_run_line AS (
    job text,
    occurrence timestamptz,
    attempt integer,
    covers integer,
    client text,
    status text,
    started_at timestamptz,
    ended_at timestamptz,
    run_by text,
    result text,
    sqlstate text,
    message text
);
COMMENT ON TYPE job_run_line IS
'A run of a job, or of the part of one client; columns as those of view job_run.
client: NULL for all clients but those left out. status: DONE, FAILED or SKIPPED. result: what it did. sqlstate, message: why it
failed; message of a skip: its reason.';

-- A run as it is told.
CREATE FUNCTION bakkt_ledger_internal.told_run(ran job_run) RETURNS job_run_line
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((ran).job, (ran).occurrence, (ran).attempt, (ran).covers, (ran).client, (ran).status, (ran).started_at,
            (ran).ended_at, (ran).run_by, (ran).result, (ran).sqlstate, (ran).message)::job_run_line;

CREATE VIEW bakkt_ledger.job_runs WITH (security_invoker = true) AS
    SELECT r.job, r.occurrence, r.occurrence AT TIME ZONE j.zone AS local_time, r.attempt, r.covers, r.status, r.started_at,
           r.ended_at - r.started_at AS took, r.run_by, r.result, r.sqlstate, r.message, r.client
    FROM job_run AS r JOIN job AS j USING (job);
COMMENT ON VIEW job_runs IS 'The runs with the local time of their occurrence and how long each took.';
