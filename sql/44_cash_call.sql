-- Floor 3: cash calls (TPJ): the cash of an execution, called after it (design 5, doc/cash.md).
--
-- Every execution of a BAKKT_TPJ or APEX_TPJ customer opens one call, in the
-- transaction that posts it.  A call is settled by one journal, under a
-- reference made of its number, so that not even a wrong state could pay
-- it twice.  The row holds the call's present state; cash_call_event holds
-- the facts, from which any past state follows.

CREATE TABLE cash_call (
	client_id			integer NOT NULL,
	journal_id			bigint NOT NULL,
	customer_id			bigint NOT NULL,
	apex				boolean NOT NULL,
	withdrawal			boolean NOT NULL,
	sale				boolean NOT NULL,
	amount				amount NOT NULL,
	called_at			timestamptz NOT NULL,
	opened_at			timestamptz NOT NULL,
	status				"char" NOT NULL DEFAULT 'O' CHECK (status IN ('O', 'S', 'W', 'B')),
	due_at				timestamptz,
	attempts			integer NOT NULL DEFAULT 0,
	closed_at			timestamptz,
	closed_recorded_at	timestamptz,
	CONSTRAINT cash_call_pkey PRIMARY KEY (client_id, journal_id)
);
CREATE INDEX cash_call_open_idx ON cash_call (client_id, customer_id) WHERE status = 'O';
CREATE INDEX cash_call_closed_idx ON cash_call (client_id, closed_recorded_at) WHERE closed_recorded_at IS NOT NULL;
COMMENT ON TABLE cash_call IS 'Cash calls in their present state, one per execution of a TPJ customer; cash_call_event tells how they got there.';
COMMENT ON COLUMN cash_call.journal_id IS 'Journal of the execution, or of the bust that gives settled cash back: the number of the call.';
COMMENT ON COLUMN cash_call.apex IS 'Called through Apex (APEX_TPJ), not from the customer''s cash here.';
COMMENT ON COLUMN cash_call.withdrawal IS 'true: the customer pays (a purchase); false: is paid, a deposit (a sale).';
COMMENT ON COLUMN cash_call.sale IS 'The execution was a sale: the call stands on the payable, else on the receivable.';
COMMENT ON COLUMN cash_call.amount IS 'Net money to be moved, positive.';
COMMENT ON COLUMN cash_call.called_at IS 'When executed, by the caller''s clock (of a bust: when recorded): age counts from here.';
COMMENT ON COLUMN cash_call.opened_at IS 'When the ledger recorded the execution.';
COMMENT ON COLUMN cash_call.status IS 'O outstanding, S settled, W written off, B busted.';
COMMENT ON COLUMN cash_call.due_at IS 'Next attempt not before; NULL: closed, or with Apex.';
COMMENT ON COLUMN cash_call.closed_at IS 'When it ceased to be outstanding, by the caller''s clock.';
COMMENT ON COLUMN cash_call.closed_recorded_at IS 'When the ledger recorded that.';
SELECT pg_catalog.pg_extension_config_dump('cash_call', '');
CREATE TRIGGER refuse_write BEFORE DELETE OR TRUNCATE ON cash_call FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE cash_call ENABLE ALWAYS TRIGGER refuse_write;

CREATE TABLE cash_call_event (
	client_id		integer NOT NULL,
	journal_id		bigint NOT NULL,
	event_no		integer NOT NULL,
	event			text COLLATE "C" NOT NULL CHECK (event IN ('settled', 'failed', 'sent', 'rejected', 'written_off', 'recovered', 'busted')),
	at				timestamptz NOT NULL,
	recorded_at		timestamptz NOT NULL,
	actor_id		integer NOT NULL,
	amount			amount NOT NULL,
	reason			text COLLATE "C",
	event_journal	bigint,
	CONSTRAINT cash_call_event_pkey PRIMARY KEY (client_id, journal_id, event_no)
);
COMMENT ON TABLE cash_call_event IS 'What happened to each cash call: every attempt with its result and reason, write-off, recovery, bust. Append-only.';
COMMENT ON COLUMN cash_call_event.event IS 'settled and failed: an attempt; sent to Apex and rejected by it; written_off; recovered after a write-off, in part or whole; busted with its execution.';
COMMENT ON COLUMN cash_call_event.at IS 'When, by the caller''s clock.';
COMMENT ON COLUMN cash_call_event.recorded_at IS 'When the ledger recorded it: after the lock on this table, so that what is recorded before an instant can be told.';
COMMENT ON COLUMN cash_call_event.amount IS 'Moved by a settlement, recovery, write-off or bust; asked for by an attempt that failed.';
COMMENT ON COLUMN cash_call_event.event_journal IS 'The journal it posted, if any.';
SELECT pg_catalog.pg_extension_config_dump('cash_call_event', '');
CREATE TRIGGER refuse_write BEFORE UPDATE OR DELETE OR TRUNCATE ON cash_call_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_write();
ALTER TABLE cash_call_event ENABLE ALWAYS TRIGGER refuse_write;

-- Why an attempt failed
CREATE TABLE cash_call_reason (
	reason	text COLLATE "C" PRIMARY KEY,
	meaning	text NOT NULL
);
COMMENT ON TABLE cash_call_reason IS 'The reasons for which a cash call fails. Shipped with the extension.';
INSERT INTO cash_call_reason VALUES
	('INSUFFICIENT_FUNDS', 'the customer''s settled cash, less holds, does not cover it'),
	('FBO_NOT_FUNDED', 'sale proceeds: the company''s money in the FBO account does not cover them yet'),
	('ACCOUNT_FROZEN', 'the customer''s cash account is frozen'),
	('ACCOUNT_CLOSED', 'the customer''s cash account is closed'),
	('APEX_REJECTED', 'Apex answered no, with no reason of its own'),
	('POSTING_REFUSED', 'the posting function refused it for another reason: the server log has it');
