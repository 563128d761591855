-- A superuser takes the locks off and edits one value of every column, or deletes one row, of every table: verify() names table and row (I23).
-- The tables and columns come from the catalog, so that a new one is tried without anybody adding it.  What is not covered is listed here, with the reason.
SET client_min_messages = warning;
SELECT no_plan();
SET search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;  -- the tables, not the views of their names

-- A table, or one column of it, whose edit verify() does not name.
CREATE TABLE attack.uncovered (name text, attname text, reason text NOT NULL, UNIQUE (name, attname));
INSERT INTO attack.uncovered (name, attname, reason) VALUES
	('cash_guard', NULL, 'a row that transactions must write so that one waits for the other, made again when it is not there: its count means nothing'),
	('revenue_share_guard', NULL, 'the same, for the client''s share of revenue'),
	('cash_call', 'due_at', 'when it is attempted again: an attempt at another time moves the same money by the same rules'),
	('cron_call', NULL, 'of pg_cron, which is not there: it has one row at most, of what runs outside'),
	('approval', 'proposed_role', 'found when it is used: a number that is not of the name is refused (LG067)'),
	('block_balance', 'client_id', 'found, but named by the account alone: accounts are of one client');

CREATE TABLE attack.edited AS
	SELECT c.relname::text AS name, a.attname::text, a.attnum, format_type(a.atttypid, NULL) AS type, u.reason
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN attack.uncovered u ON u.name = c.relname AND coalesce(u.attname, a.attname) = a.attname
	WHERE c.relnamespace = 'bakkt_ledger_internal'::regnamespace AND c.relkind IN ('r', 'p');
SELECT is_empty($$SELECT * FROM attack.uncovered u WHERE NOT EXISTS (SELECT FROM attack.edited e WHERE e.name = u.name AND e.attname = coalesce(u.attname, e.attname))$$,
	'every exception is of a table and column that there is');

-- Another value than the column has, by type; and one where it has none.
CREATE TABLE attack.other_value (type text PRIMARY KEY, other text NOT NULL, instead text NOT NULL);
INSERT INTO attack.other_value VALUES
	('boolean', 'NOT v', 'true'), ('smallint', 'v + 100', '1'), ('integer', 'v + 1000003', '1'), ('bigint', 'v + 1000003', '1'),
	('text', $$v || 'x'$$, $$'x'$$), ('name', $$(v || 'x')::name$$, $$'x'$$), ('"char"', $$CASE v WHEN 'O' THEN 'D' ELSE 'O' END::"char"$$, $$'O'$$),
	('timestamp with time zone', $$CASE WHEN isfinite(v) THEN v + interval '1 second' ELSE '2026-01-01Z' END$$, $$'2026-01-01Z'$$),
	('date', 'v + 1003', $$'2026-01-01'$$), ('time without time zone', $$CASE v WHEN '24:00' THEN '12:00' ELSE v + interval '1 hour' END$$, $$'12:00'$$), ('interval', $$v + interval '1 second'$$, $$'1 hour'$$),
	('jsonb', 'jsonb_build_array(v)', $$'{}'$$), ('bytea', $$v || '\x00'$$, $$'\x00'$$), ('regrole', $$(SELECT r.oid FROM pg_roles r WHERE r.oid <> v LIMIT 1)::regrole$$, $$'bakkt_ledger_reader'::regrole$$),
	('amount', $$CASE WHEN is_zero(v) THEN ('1 ' || asset(v))::amount ELSE v + v END$$, $$'1 USD'$$), ('price', $$('9' || v)::price$$, $$'1 USD/BTC'$$),
	('asset', $$'QQQ'::asset$$, $$'QQQ'$$), ('account_id', $$'FBO:999999'::account_id$$, $$'FBO:999999'$$),
	('journal_entry', 'reverse(v)', $$(SELECT j.entry FROM journal j LIMIT 1)$$),
	('execution_terms', '(SELECT j.terms FROM journal j WHERE j.terms <> v LIMIT 1)', '(SELECT j.terms FROM journal j WHERE j.terms IS NOT NULL LIMIT 1)'),
	('text[]', $$v || 'x'::text$$, $$'{x}'$$), ('smallint[]', 'v || 9::smallint', $$'{9}'$$), ('time without time zone[]', $$v || '01:00'::time$$, $$'{01:00}'$$),
	('int8multirange', $$v + '{[900000000,900000001)}'$$, $$'{}'$$), ('fund_amount[]', $$v || ROW('FBO', '1 USD')::fund_amount$$, $$'{}'$$), ('amount[]', $$v || '1 USD'::amount$$, $$'{}'$$);
SELECT is_empty($$SELECT DISTINCT type FROM attack.edited WHERE reason IS NULL EXCEPT SELECT type FROM attack.other_value$$, 'this test can edit columns of every type');

-- The name of a row as verify() tells it: subject and key, record and number, block or account.
CREATE FUNCTION attack.row_name(name text, state jsonb) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN s.subject IS NOT NULL THEN format('%s %s', name, subject_key(s.key, state))
		ELSE CASE name WHEN 'journal' THEN 'journal ' || (state ->> 'journal_id') WHEN 'journal_party' THEN 'journal ' || (state ->> 'journal_id')
			WHEN 'rejection' THEN 'refusal ' || (state ->> 'rejection_id') WHEN 'event' THEN 'event ' || (state ->> 'event_id')
			WHEN 'request' THEN 'request ' || (state ->> 'request_id') WHEN 'block' THEN 'block ' || (state ->> 'block_no')
			WHEN 'customer_identity' THEN 'customer ' || (SELECT c.customer_code FROM customer c WHERE c.customer_id = (state ->> 'customer_id')::bigint)
			WHEN 'order_commission' THEN 'order_commission ' || (state ->> 'client_order_id')
			WHEN 'window_boundary' THEN 'window_boundary ' || (state ->> 'boundary_no')
			WHEN 'block_balance' THEN format('block %s %s', state ->> 'block_no', state ->> 'account') WHEN 'balance' THEN 'account ' || (state ->> 'account') END END
	FROM (SELECT 1) one LEFT JOIN subject s ON s.subject = name $$;
CREATE FUNCTION attack.names(found discrepancy) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
	SELECT ARRAY[(found).subject || ' ' || (found).subject_key, (found).record_kind || ' ' || (found).record_id,
		CASE WHEN (found).record_id IS NULL AND (found).account IS NULL THEN format('block %s', (found).block_no)
			ELSE format('block %s %s', (found).block_no, (found).account) END, format('account %s', (found).account)] $$;

-- Nothing keeps a superuser from editing the table any more.
CREATE FUNCTION attack.unlock(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE format('ALTER TABLE %I DISABLE TRIGGER ALL', name);
	FOR statement IN
		SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', name, c.conname) FROM pg_constraint c WHERE c.conrelid = name::regclass AND c.contype = 'c'
		UNION ALL SELECT format('ALTER TABLE %I ALTER %I DROP EXPRESSION', name, a.attname) FROM pg_attribute a WHERE a.attrelid = name::regclass AND a.attgenerated <> ''
		UNION ALL SELECT format('ALTER TABLE %I ALTER %I SET GENERATED BY DEFAULT', name, a.attname) FROM pg_attribute a WHERE a.attrelid = name::regclass AND a.attidentity = 'a'
	LOOP
		EXECUTE statement;
	END LOOP;
END $$;

-- The names that verify() gives after these statements on these tables, which are undone.
CREATE FUNCTION attack.found_after(names text[], statements text[], expected ledger_digest) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	statement	text;
	changed		bigint;
	told		text[];
BEGIN
	BEGIN
		PERFORM attack.unlock(name) FROM (SELECT DISTINCT name FROM unnest(names) AS name) AS t;
		FOREACH statement IN ARRAY statements LOOP
			EXECUTE statement;
			GET DIAGNOSTICS changed = ROW_COUNT;
			IF changed <> 1 THEN
				RAISE 'changed % rows: %', changed, statement;
			END IF;
		END LOOP;
		told := ARRAY(SELECT DISTINCT n FROM verify(expected) AS v, unnest(attack.names(v)) AS n);
		RAISE SQLSTATE 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN told;
	END;
END $$;

-- What is edited with what.  Each column of a table in a row of its own, as long as there are rows; then the next round.  A row is deleted in the last.
-- Tables whose rows are told by their own events are edited together, but for those by which all others are read.  Blocks are edited one by one, for
-- one is also named when the one before is wrong.
CREATE TABLE attack.plan (name text, attname text, row_name text, batch text, round int, statement text, named boolean);
CREATE FUNCTION attack.make_plan(table_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	batch	constant text := CASE WHEN table_name NOT IN ('client', 'actor', 'subject', 'check_list') AND EXISTS (SELECT FROM subject s WHERE s.subject = table_name) THEN 'told by events' ELSE table_name END;
	most	constant int := CASE WHEN table_name IN ('block', 'block_balance') THEN 1 ELSE 1000 END;
	round	int := 1;
	used	tid[] := '{}';
	wanted	record;
	place	tid;
	victim	text;
BEGIN
	FOR wanted IN
		SELECT e.attname, o.other, o.instead FROM attack.edited e JOIN attack.other_value o USING (type) WHERE e.name = table_name AND e.reason IS NULL ORDER BY 1
	LOOP
		FOR try IN 1 .. 2 LOOP
			EXECUTE format('SELECT t.ctid, attack.row_name(%L, to_jsonb(t)) FROM %I t WHERE t.ctid <> ALL ($1) ORDER BY t.%I IS NULL, t.ctid LIMIT 1', table_name, table_name, wanted.attname)
				INTO place, victim USING used;
			EXIT WHEN place IS NOT NULL AND cardinality(used) < most;
			round := round + 1;
			used := '{}';
		END LOOP;
		EXIT WHEN place IS NULL;
		used := used || place;
		INSERT INTO attack.plan VALUES (table_name, wanted.attname, victim, batch, round,
			format('UPDATE %I AS edited SET %I = CASE WHEN edited.%2$I IS NULL THEN %s ELSE %s END WHERE ctid = %L', table_name, wanted.attname,
				wanted.instead, regexp_replace(wanted.other, '\mv\M', format('edited.%I', wanted.attname), 'g'), place));
	END LOOP;
	EXECUTE format('SELECT t.ctid, attack.row_name(%L, to_jsonb(t)) FROM %I t ORDER BY t.ctid LIMIT 1', table_name, table_name) INTO place, victim;
	IF place IS NOT NULL THEN
		INSERT INTO attack.plan VALUES (table_name, 'deleted', victim, batch, 1000, format('DELETE FROM %I WHERE ctid = %L', table_name, place));
	END IF;
END $$;
CREATE FUNCTION attack.tamper(expected ledger_digest) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	step	record;
	told	text[];
BEGIN
	PERFORM attack.make_plan(t.name) FROM (SELECT DISTINCT name FROM attack.edited WHERE reason IS NULL) AS t;
	FOR step IN SELECT batch, round, array_agg(name) AS names, array_agg(statement) AS statements FROM attack.plan GROUP BY batch, round LOOP
		told := attack.found_after(step.names, step.statements, expected);
		UPDATE attack.plan SET named = row_name = ANY (told) WHERE batch = step.batch AND round = step.round;
	END LOOP;
END $$;

-- What the world of the other attacks has none of
SELECT open_bank_account('OMNI', 'FBO', 'A Bank'), set_approval_limit('attack_mine_approver', '5.00 USD', reason => 'mnelimit') \g /dev/null
-- a client that a run leaves out: its list cannot be taken
CREATE FUNCTION attack.fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION USING ERRCODE = 'LG050', MESSAGE = 'not now'; END$$;
DO $$BEGIN EXECUTE format('CREATE TRIGGER attack_fail BEFORE INSERT ON aged_tpj_snapshot FOR EACH ROW WHEN (new.client_id = %s) EXECUTE FUNCTION attack.fail()',
	(SELECT client_id FROM client WHERE code = 'OTHR')); END$$;
SELECT attack.as_login('attack_mine_settler', $$SELECT count(*) FROM bakkt_ledger.run_due_jobs('2026-03-03 23:00Z', 20)$$) \g /dev/null

DROP TRIGGER attack_fail ON aged_tpj_snapshot;

-- Kept outside, as by somebody who trusts nobody here.
SELECT seal() \g /dev/null
SELECT digest() AS digest \gset
SELECT is_empty(format('SELECT * FROM verify(%L)', :'digest'), 'verify() finds nothing before anything is edited');
SELECT attack.tamper(:'digest') \g /dev/null
SELECT is_empty(format($$SELECT attname, row_name FROM attack.plan WHERE name = %L AND named IS NOT TRUE$$, name),
	format('verify() names the row of %s that was edited, in each of its %s columns, or deleted', name, count(*) - 1)) FROM attack.plan GROUP BY name ORDER BY name;
SELECT is_empty($$SELECT name, attname FROM attack.edited WHERE reason IS NULL EXCEPT SELECT name, attname FROM attack.plan$$, 'every column that is no exception was edited');
SELECT 'check_list ' || check_name AS named, format('DELETE FROM check_list WHERE check_name = %L', check_name) AS statement INTO TEMP TABLE taken_out FROM check_list;
CREATE TEMP TABLE told_then AS SELECT unnest(attack.found_after('{check_list}', (SELECT array_agg(statement) FROM taken_out), :'digest')) AS named;
SELECT is_empty('SELECT named FROM taken_out EXCEPT SELECT named FROM told_then', 'verify() names the checks that are taken out of its list, though it be all of them');
SELECT is_empty(format('SELECT * FROM verify(%L)', :'digest'), 'verify() finds nothing once every edit is undone');
SELECT * FROM finish();
