-- Lists of aged cash calls that were taken: what decides them, and the digest of the file.
-- Refuses a second list of a day as of another instant (LG020), a list that was not taken (LG088),
-- a file whose digest does not agree (LG089).
-- Locks the client's events of calls for a moment, then table block.

CREATE TABLE bakkt_ledger_internal.aged_tpj_snapshot (
    client_id integer NOT NULL REFERENCES client,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('AM', 'PM', 'SOD')),
    business_date date NOT NULL,
    at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    block_no bigint NOT NULL REFERENCES block,
    calls bigint NOT NULL CHECK (calls >= 0),
    withdrawals amount[] NOT NULL,
    deposits amount[] NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    taken_by text COLLATE "C" NOT NULL,
    CONSTRAINT aged_tpj_snapshot_pkey PRIMARY KEY (client_id, kind, business_date)
);
COMMENT ON TABLE aged_tpj_snapshot IS
'The aged TPJ (cash call) lists that were taken: not their rows, but everything that decides the rows, and the digest of the file.
Append-only.';
COMMENT ON COLUMN aged_tpj_snapshot.kind IS
'AM 09:30, PM 19:30, for operations; SOD: as of 16:40, for buying power. All Central.';
COMMENT ON COLUMN aged_tpj_snapshot.business_date IS 'Central date of at, in the name of the file.';
COMMENT ON COLUMN aged_tpj_snapshot.at IS 'The instant as of which the list was taken.';
COMMENT ON COLUMN aged_tpj_snapshot.known_at IS 'When it was taken: the list includes events recorded until then.';
COMMENT ON COLUMN aged_tpj_snapshot.block_no IS 'The list includes executions in this block or an earlier one.';
COMMENT ON COLUMN aged_tpj_snapshot.withdrawals IS 'What customers were to pay: a sum per asset.';
COMMENT ON COLUMN aged_tpj_snapshot.deposits IS 'What customers were to be paid: a sum per asset.';
COMMENT ON COLUMN aged_tpj_snapshot.digest IS 'SHA-256 of the file: its lines, each ended by a line feed, in UTF-8.';
SELECT pg_catalog.pg_extension_config_dump('aged_tpj_snapshot', '');
SELECT refuse_writes('aged_tpj_snapshot', 'UPDATE OR DELETE OR TRUNCATE');
INSERT INTO subject (subject, key) VALUES ('aged_tpj_snapshot', '{kind,business_date}');

-- cash_call_events_instant() for a list of the client; 25001 unless under READ COMMITTED.
CREATE FUNCTION bakkt_ledger_internal.freeze_call_events(holder integer) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse('25001',
                       format('a list cannot be taken under isolation level "%s"', current_setting('transaction_isolation')),
                       'Its snapshot must be younger than the instant up to which it knows events.',
                       'Take it in a transaction under READ COMMITTED.');
    END IF;
    RETURN cash_call_events_instant(holder);
END;
$$;

-- The rows of a list that was taken.
CREATE FUNCTION bakkt_ledger_internal.snapshot_rows(list aged_tpj_snapshot) RETURNS SETOF aged_tpj_line
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
    SELECT r.*
    FROM block AS b
    CROSS JOIN LATERAL aged_rows((list).client_id, (list).at, (list).known_at, b.high, b.pending) AS r
    WHERE b.block_no = (list).block_no
$$;

-- SHA-256 of a file: its lines, each ended by a line feed, in UTF-8.
CREATE FUNCTION bakkt_ledger_internal.file_digest(lines text[]) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(convert_to(array_to_string(lines, E'\n') || E'\n', 'UTF8'));

-- What the rows of a list come to in one direction: a sum per asset.
CREATE FUNCTION bakkt_ledger_internal.listed_sums(listed aged_tpj_line[], way text) RETURNS amount[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ARRAY(SELECT sum(r.net_money)
                 FROM unnest(listed) AS r
                 WHERE r.direction = way
                 GROUP BY asset(r.net_money)
                 ORDER BY asset(r.net_money));
END;

-- A list with its figures and digest computed from what decides it.
CREATE FUNCTION bakkt_ledger_internal.fill_snapshot(list aged_tpj_snapshot) RETURNS aged_tpj_snapshot
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    listed constant aged_tpj_line[] := ARRAY(SELECT r FROM snapshot_rows(list) AS r);
BEGIN
    list.calls := cardinality(listed);
    list.withdrawals := listed_sums(listed, 'Withdrawal');
    list.deposits := listed_sums(listed, 'Deposit');
    list.digest := file_digest(aged_tpj_header() || ARRAY(SELECT aged_tpj_csv(r) FROM unnest(listed) AS r));
    RETURN list;
END;
$$;

-- The client, or all visible ones whose customers' cash is called. A client that is named is listed
-- even if the cash of its customers is not called.
CREATE FUNCTION bakkt_ledger_internal.listed_clients(named text) RETURNS SETOF client
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF named IS NOT NULL THEN
        RETURN NEXT client_row(require_client(named));
        RETURN;
    END IF;
    RETURN QUERY
    SELECT c.*
    FROM client AS c
    WHERE c.client_id = ANY (visible_clients())
      AND (c.status = 'OPEN' AND c.funding_model IN ('BAKKT_TPJ', 'APEX_TPJ')
           OR EXISTS (SELECT FROM cash_call AS o WHERE o.client_id = c.client_id))
    ORDER BY c.client_id;
END;
$$;

-- Whether the client's list of that kind and day was taken; LG020 if it was taken as of another
-- instant, unless any instant is accepted: a run over all clients keeps a list that was taken by
-- hand before, otherwise LG020 would fail this client at every run.
CREATE FUNCTION bakkt_ledger_internal.taken_before(holder integer, sort text, moment timestamptz,
                                                   at_any_instant boolean DEFAULT false)
    RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    earlier aged_tpj_snapshot;
BEGIN
    SELECT s.* INTO earlier
    FROM aged_tpj_snapshot AS s
    WHERE s.client_id = holder AND s.kind = sort AND s.business_date = central_date(moment);
    IF NOT FOUND THEN
        RETURN false;
    ELSIF NOT at_any_instant THEN
        PERFORM refuse_other_content('Aged TPJ list', format('%s %s', sort, date_text(earlier.business_date)),
                                     jsonb_build_object('at', instant_text(earlier.at)),
                                     jsonb_build_object('at', instant_text(moment)));
    END IF;
    RETURN true;
END;
$$;

-- The clients that have a list, whether it was taken before or not.
CREATE FUNCTION bakkt_ledger_internal.clients_with_aged_tpj(at timestamptz, variant text) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN ARRAY(SELECT c.client_id FROM listed_clients(NULL) AS c ORDER BY c.client_id);
END;
$$;

CREATE TYPE bakkt_ledger.aged_tpj_snapshot_result AS (
    reference text,
    outcome text,
    replayed boolean,
    client text,
    file_name text,
    at timestamptz,
    calls bigint,
    withdrawals amount[],
    deposits amount[],
    digest bytea
);
COMMENT ON TYPE aged_tpj_snapshot_result IS
'A list of aged cash calls that was taken.
reference: NULL, a list is known by client, kind and date. outcome: taken. replayed: it was taken before. withdrawals, deposits:
what customers were to pay and to be paid, a positive sum per asset. digest: SHA-256 of the file.';

-- One client's part of take_aged_tpj(); variant: the kind of list.
CREATE FUNCTION bakkt_ledger_internal.take_client_aged_tpj(holder integer, at timestamptz, variant text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    code constant text := (client_row(holder)).code;
    again constant boolean := taken_before(holder, variant, at, true);
    known timestamptz;
BEGIN
    IF NOT again THEN
        -- before the block, so that nothing is locked while it waits for writers
        known := freeze_call_events(holder);
        PERFORM record_snapshot(holder, variant, at, known, seal());
    END IF;
    RETURN (SELECT jsonb_agg(to_jsonb((NULL, 'taken', again, code, aged_tpj_file_name(code, s.kind, s.business_date), s.at,
                                       s.calls, s.withdrawals, s.deposits, s.digest)::aged_tpj_snapshot_result))
            FROM aged_tpj_snapshot AS s
            WHERE s.client_id = holder AND s.kind = variant AND s.business_date = central_date(take_client_aged_tpj.at));
END;
$$;
INSERT INTO client_run VALUES ('take_aged_tpj', 'take_client_aged_tpj', 'clients_with_aged_tpj');

CREATE FUNCTION bakkt_ledger.take_aged_tpj(kind text, at timestamptz DEFAULT clock_timestamp(), client text DEFAULT NULL)
    RETURNS SETOF aged_tpj_snapshot_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    PERFORM require_list_kind(kind), require_instant(at);
    IF client IS NOT NULL THEN
        PERFORM taken_before(require_client(client), kind, at);
    END IF;
    RETURN QUERY SELECT l.* FROM run_answers('take_aged_tpj', NULL::aged_tpj_snapshot_result, at, client, kind) AS l;
END;
$$;
COMMENT ON FUNCTION take_aged_tpj IS
'Takes the aged TPJ list of a client, or of all visible ones whose customers'' cash is called, and stores what decides it.
kind: AM, PM or SOD; the Central date of at names the list. Seals a block, and waits, in bounded time, for transactions that are
writing events of the client''s cash calls (55P03).
A list is taken once per client, kind and date: again is the first answer. As of another instant it is LG020 for a client that is
named, while a run over all clients returns the existing list. A run over all clients leaves out a client whose part fails, with a
WARNING.
Errors: LG002, LG010, 42501, LG020, LG061, 25001 unless under READ COMMITTED.';

-- Computes a list and stores what decides it.
CREATE FUNCTION bakkt_ledger_internal.record_snapshot(holder integer, sort text, moment timestamptz, known timestamptz,
                                                      newest bigint)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    list aged_tpj_snapshot := (holder, sort, central_date(moment), moment, known, newest, 0, '{}', '{}', '\x', invoking_role());
BEGIN
    PERFORM bounded_wait();
    list := fill_snapshot(list);
    INSERT INTO aged_tpj_snapshot VALUES (list.*)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM record_event('taken', NULL::aged_tpj_snapshot, list, moment);
    ELSE  -- another session has just taken the list
        PERFORM taken_before(holder, sort, moment);
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.aged_tpj_file(client text, kind text, business_date date) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
DECLARE
    holder constant integer := require_client(client);
    list aged_tpj_snapshot;
    lines text[];
BEGIN
    PERFORM require_list_kind(kind);
    SELECT s.* INTO list
    FROM aged_tpj_snapshot AS s
    WHERE s.client_id = holder AND s.kind = aged_tpj_file.kind AND s.business_date = aged_tpj_file.business_date;
    IF NOT FOUND THEN
        PERFORM refuse('LG088', format('client "%s" has no aged TPJ list %s of %s', client, kind, date_text(business_date)), NULL,
                       'take_aged_tpj() takes it; aged_tpj() tells what was outstanding at any instant.');
    END IF;
    lines := aged_tpj_header() || ARRAY(SELECT aged_tpj_csv(r) FROM snapshot_rows(list) AS r);
    IF file_digest(lines) <> list.digest THEN
        PERFORM refuse('LG089', format('aged TPJ list "%s" is not what it was when it was taken',
                                       aged_tpj_file_name(client, kind, business_date)),
                       format('It had %s calls, and has %s.', list.calls, cardinality(lines) - 1),
                       'Facts it rests on were changed behind the ledger''s back: run verify() and check_aged_tpj().');
    END IF;
    RETURN QUERY SELECT l FROM unnest(lines) AS l;
END;
$$;
COMMENT ON FUNCTION aged_tpj_file IS
'The lines of an aged TPJ file for a list that was taken, header first, byte for byte as they were then.
Proved by the digest (LG089). Name: aged_tpj_file_name().
Errors: LG002 no kind of list, LG010, 42501, LG088 the list was not taken.';

CREATE FUNCTION bakkt_ledger.check_aged_tpj(client text DEFAULT NULL) RETURNS SETOF discrepancy
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp
    SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT d.*
    FROM listed_clients(client) AS c
    JOIN aged_tpj_snapshot AS s ON s.client_id = c.client_id
    CROSS JOIN LATERAL fill_snapshot(s) AS n
    CROSS JOIN LATERAL finding('aged lists', format('It was taken with %s calls and digest %s, and now has %s and %s.', s.calls,
                                                    encode(s.digest, 'hex'), n.calls, encode(n.digest, 'hex')),
                               holder => c.code, of_subject => 'aged_tpj_snapshot',
                               key => concat_ws('/', s.kind, date_text(s.business_date))) AS d
    WHERE s IS DISTINCT FROM n
    ORDER BY s.business_date, s.kind, c.code;
END;
$$;
COMMENT ON FUNCTION check_aged_tpj IS
'Recomputes every aged TPJ list that was taken: a row for each whose digest or figures differ, none when all is well.
Errors: LG010, 42501.';

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('aged lists', 'check_aged_tpj()', 61, 'every aged list printed again is what it was');
