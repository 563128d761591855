-- Where a client stands against its limits: what it owes now, what it has traded today, and when it
-- came near its cap. A trade is judged in C (src/trade/exposure.c), which begins with the last
-- block's figures and follows the journals from there; the functions here add up the same.
-- Refuses clients that the caller may not see. Locks nothing.

CREATE TABLE bakkt_ledger_internal.exposure_alert (
    client_id integer NOT NULL REFERENCES client,
    asset asset NOT NULL,
    window_date date NOT NULL,
    net_debit_cap amount NOT NULL,
    net_debit amount NOT NULL,
    CONSTRAINT exposure_alert_pkey PRIMARY KEY (client_id, asset, window_date)
);
COMMENT ON TABLE exposure_alert IS
'A client came to owe four fifths of its net debit cap or more: once per currency and settlement window. Its event says when.';
COMMENT ON COLUMN exposure_alert.window_date IS 'Local date of the cut-off that ends the window.';
COMMENT ON COLUMN exposure_alert.net_debit IS 'What the client owed then, by what the call that recorded it could see.';
SELECT pg_catalog.pg_extension_config_dump('exposure_alert', '');
INSERT INTO subject (subject, key) VALUES ('exposure_alert', '{asset,window_date}');
SELECT refuse_writes('exposure_alert', 'UPDATE OR DELETE OR TRUNCATE');

-- Whether an account of the kind is a part of what a client owes, or is owed, by settlement.
CREATE FUNCTION bakkt_ledger_internal.is_exposure_kind(kind text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN kind IN ('corp_client_settlement', 'corp_client_obligation', 'corp_client_unapplied');

CREATE TYPE bakkt_ledger_internal.exposure_day AS (
    day date,
    begins timestamptz,
    ends timestamptz
);
COMMENT ON TYPE exposure_day IS 'Internal: a client''s day, from one cut-off to the next, named by the local date it ends on.';

-- The client's day that an instant lies in.
CREATE FUNCTION bakkt_ledger_internal.exposure_day_of(holder client, moment timestamptz) RETURNS exposure_day
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    day date := (moment AT TIME ZONE holder.zone)::date;
BEGIN
    IF moment >= (day + holder.cut_time) AT TIME ZONE holder.zone THEN
        day := day + 1;
    END IF;
    RETURN (day, (day - 1 + holder.cut_time) AT TIME ZONE holder.zone, (day + holder.cut_time) AT TIME ZONE holder.zone);
END;
$$;

-- The money of executions recorded since an instant, purchases and sales added up; a bust takes off
-- what it takes back, unless that was recorded before.
CREATE FUNCTION bakkt_ledger_internal.gross_since(holder integer, since timestamptz)
    RETURNS TABLE (asset asset, gross amount)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 3
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT quote_asset(j.terms), sum(abs(net_money(j.terms)))
    FROM journal AS j
    WHERE j.client_id = holder AND j.recorded_at >= since AND j.kind = kind_number('trade')
    GROUP BY quote_asset(j.terms)
    UNION ALL
    SELECT quote_asset(j.terms), -sum(abs(net_money(j.terms)))
    FROM journal AS j
    JOIN journal AS o ON o.client_id = j.client_id AND o.journal_id = j.reverses AND o.recorded_at >= since
    WHERE j.client_id = holder AND j.recorded_at >= since AND j.kind = kind_number('trade_bust')
    GROUP BY quote_asset(j.terms);
END;
$$;

-- What the client owes by the last block up to this one, an account at a time.
CREATE FUNCTION bakkt_ledger_internal.net_debit_at_block(holder integer, number bigint)
    RETURNS TABLE (asset asset, net_debit amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT a.asset, s.balance
    FROM account AS a
    CROSS JOIN LATERAL (SELECT b.balance
                        FROM block_balance AS b
                        WHERE b.client_id = holder AND b.account = a.account AND b.block_no <= number
                        ORDER BY b.block_no DESC
                        LIMIT 1) AS s
    WHERE a.client_id = holder AND is_exposure_kind(a.kind);
END;

-- For src/trade/live_position.c, where it begins: the client's day, the last block's high and what
-- may still appear below it, and a number up to which nothing was recorded on that day.
CREATE FUNCTION bakkt_ledger_internal.exposure_beginning(holder integer, moment timestamptz)
    RETURNS TABLE (day date, begins timestamptz, ends timestamptz, block_no bigint, high bigint, pending_from bigint[],
                   pending_to bigint[], before_day bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    today constant exposure_day := exposure_day_of((SELECT c FROM client AS c WHERE c.client_id = holder), moment);
    known block;
BEGIN
    SELECT b.* INTO known FROM block AS b ORDER BY b.block_no DESC LIMIT 1;
    RETURN QUERY
    SELECT today.day, today.begins, today.ends, coalesce(known.block_no, 0), coalesce(known.high, 0),
           ARRAY(SELECT lower(r) FROM unnest(known.pending) AS r ORDER BY r),
           ARRAY(SELECT upper(r) FROM unnest(known.pending) AS r ORDER BY r),
           -- a number is taken after the instant of recording
           coalesce((SELECT b.high FROM block AS b WHERE b.sealed_at < today.begins ORDER BY b.block_no DESC LIMIT 1), 0);
END;
$$;

-- Records, in the name of whoever posts, that a client has come near its cap in a window. Called by
-- one session at a time, which has found no such row.
CREATE FUNCTION bakkt_ledger_internal.record_exposure_alert(holder integer, asset text, day date, net_debit_cap text,
                                                            net_debit text, moment timestamptz)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    reached exposure_alert;
BEGIN
    INSERT INTO exposure_alert AS a (client_id, asset, window_date, net_debit_cap, net_debit)
    VALUES (holder, record_exposure_alert.asset::asset, day, record_exposure_alert.net_debit_cap::amount,
            record_exposure_alert.net_debit::amount)
    RETURNING a.* INTO reached;
    PERFORM record_event('cap_nearly_reached', NULL::exposure_alert, reached, moment, reached.net_debit);
END;
$$;

CREATE TYPE bakkt_ledger.client_exposure_line AS (
    asset asset,
    net_debit amount,
    net_debit_cap amount,
    trade_limit amount,
    daily_gross amount,
    daily_gross_limit amount,
    window_date date,
    cap_nearly_reached boolean
);
COMMENT ON TYPE client_exposure_line IS
'Where a client stands against its limits in a currency.
net_debit: what it owes in all, by unsettled executions and open obligations less unapplied money; negative: it is owed.
daily_gross: net money of the executions recorded since the last cut-off, purchases and sales added up, those busted left out.
window_date: local date of the cut-off that ends the day. cap_nearly_reached: four fifths of the cap were reached in that window.
A limit that is NULL is none.';

CREATE FUNCTION bakkt_ledger.client_exposure(client text) RETURNS SETOF client_exposure_line
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 3 SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp SET jit = off AS
$$
DECLARE
    holder constant client := client_row(require_client(client));
    today constant exposure_day := exposure_day_of(holder, clock_timestamp());
BEGIN
    RETURN QUERY
    WITH figure AS (
        SELECT a.asset, h.posted AS net_debit, zero(a.asset) AS gross
        FROM house_balances(holder.client_id) AS h
        JOIN account AS a ON a.client_id = holder.client_id AND a.account = h.account
        WHERE is_exposure_kind(a.kind)
        UNION ALL
        SELECT g.asset, zero(g.asset), g.gross
        FROM gross_since(holder.client_id, today.begins) AS g
    ), total AS (
        SELECT f.asset, sum(f.net_debit) AS net_debit, sum(f.gross) AS gross
        FROM figure AS f
        GROUP BY f.asset
    ), limits AS (
        SELECT l.* FROM exposure_limit AS l WHERE l.client_id = holder.client_id
    )
    SELECT coalesce(t.asset, l.asset), coalesce(t.net_debit, zero(l.asset)), l.net_debit_cap, l.trade_limit,
           coalesce(t.gross, zero(l.asset)), l.daily_gross_limit, today.day,
           EXISTS (SELECT FROM exposure_alert AS a
                   WHERE a.client_id = holder.client_id AND a.asset = coalesce(t.asset, l.asset)
                     AND a.window_date = today.day)
    FROM total AS t
    FULL JOIN limits AS l ON l.asset = t.asset
    ORDER BY 1;
END;
$$;
COMMENT ON FUNCTION client_exposure IS
'Where a client stands now against its limits, a row per currency that it has traded or has a limit in.
Errors: LG010, 42501.';
