-- What the counterparties say of a window's figures: advised, agreed, disputed. Refuses a window
-- that is not there yet (LG070), a step that does not follow (LG071), figures that do not tie to
-- the members (LG076). Locks: lock_settlement().

CREATE TYPE bakkt_ledger.window_result AS (
    reference text,
    outcome text,
    replayed boolean,
    client text,
    settlement_window text,
    closes_on date,
    status text
);
COMMENT ON TYPE window_result IS
'What became of a step of a settlement window.
reference: NULL, a step is known by its window. outcome: advised, agreed or disputed. replayed: it was the last step taken, and
this is its first answer. settlement_window: W1 is the client''s first. status: of the window then.';

-- The status to which a step has led that was the window's last one: that before an obligation
-- changed again. NULL when another step was the last, or none was taken.
CREATE FUNCTION bakkt_ledger_internal.status_after_step(stepped settlement_window, happening text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    step event;
BEGIN
    SELECT e.* INTO step
    FROM event AS e
    WHERE e.client_id = stepped.client_id AND e.subject = 'settlement_window' AND e.subject_key = stepped.window_no::text
      AND e.event IN ('advised', 'agreed', 'disputed')
    ORDER BY e.event_id DESC
    LIMIT 1;
    IF step.event IS DISTINCT FROM happening THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT e.status
            FROM event AS e
            WHERE e.client_id = step.client_id AND e.subject = step.subject AND e.subject_key = step.subject_key
              AND e.event_id >= step.event_id
              AND NOT EXISTS (SELECT FROM obligation AS o
                              JOIN event AS c ON c.client_id = o.client_id AND c.subject = 'obligation'
                                             AND c.subject_key = o.obligation_id::text
                              WHERE o.client_id = stepped.client_id AND o.window_no = stepped.window_no
                                AND c.event_id > step.event_id AND c.event_id < e.event_id)
            ORDER BY e.event_id DESC
            LIMIT 1);
END;
$$;

-- One step of a window, nothing when it was the last one taken.
CREATE FUNCTION bakkt_ledger_internal.step_window(client text, day date, happening text, moment timestamptz, why text,
                                                  counted bigint DEFAULT NULL)
    RETURNS window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    holder constant integer := require_client(client);
    stepping settlement_window;
    led_to text;
    again boolean;
BEGIN
    PERFORM require_not_ahead(moment), lock_settlement(holder);
    SELECT w.* INTO stepping FROM settlement_window AS w WHERE w.client_id = holder AND w.closes_on = day;
    IF NOT FOUND THEN
        PERFORM refuse_window(client, day);
    END IF;
    led_to := status_after_step(stepping, happening);
    IF happening = 'agreed' AND stepping.status = 'SETTLED' AND NOT window_owes(holder, stepping.window_no) THEN
        led_to := stepping.status;
    END IF;
    again := led_to IS NOT NULL;
    IF NOT again THEN
        PERFORM change_window(stepping, happening, moment, why, counted);
        led_to := follow_window(holder, stepping.window_no, moment);
    END IF;
    RETURN (NULL, happening, again, client, window_name(stepping.window_no), day, led_to)::window_result;
END;
$$;

CREATE FUNCTION bakkt_ledger.advise_window(client text, closes_on date, reason text DEFAULT NULL,
                                           at timestamptz DEFAULT clock_timestamp())
    RETURNS window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    PERFORM lock_settlement(require_client(client));
    RETURN step_window(client, closes_on, 'advised', at, reason, proved_executions(client, closes_on));
END;
$$;
COMMENT ON FUNCTION advise_window IS
'Proves the window''s figures from its members, as check_window() does, and records that they were sent to the counterparties.
A window that owes nothing needs nobody''s agreement: it is settled at once. Again is the first answer.
Errors: LG010, LG061, LG070 unknown window, LG071 not sealed or past that, LG076 the figures do not tie to the members.';

CREATE FUNCTION bakkt_ledger.agree_window(client text, closes_on date, reason text DEFAULT NULL,
                                          at timestamptz DEFAULT clock_timestamp())
    RETURNS window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN step_window(client, closes_on, 'agreed', at, reason);
END;
$$;
COMMENT ON FUNCTION agree_window IS
'Records that the figures of a window are agreed.
One that was paid before goes on to the status of its obligations; one that owes nothing was settled when it was advised, and this
changes nothing. Again is the first answer.
Errors: LG010, LG061, LG070, LG071.';

CREATE FUNCTION bakkt_ledger.dispute_window(client text, closes_on date, reason text, at timestamptz DEFAULT clock_timestamp())
    RETURNS window_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF coalesce(reason, '') = '' THEN
        PERFORM refuse_invalid('a dispute needs a reason');
    END IF;
    RETURN step_window(client, closes_on, 'disputed', at, reason);
END;
$$;
COMMENT ON FUNCTION dispute_window IS
'Records that a counterparty disputes the figures of a window.
A sealed window is never edited: busts and corrections enter the open window; then agree_window() or advise_window() again. Again
is the first answer.
Errors: LG002 without a reason, LG010, LG061, LG070, LG071.';
