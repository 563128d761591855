-- Rows that come with the extension: the chart of accounts, kinds of journal,
-- transitions, templates, ...  The first seal() records an event of each, so
-- that they are sealed and a later edit is named like any other.  A restored
-- ledger has its blocks and these events already.
--
-- A floor above enters its tables into subject in its own chapters.

INSERT INTO subject (subject, key, shipped) VALUES
    ('subject', '{subject}', true),
    ('transition', '{subject,variant,from_status,event,to_status}', true),
    ('account_kind', '{kind}', true),
    ('journal_kind', '{kind}', true),
    ('template', '{template}', true),
    ('template_line', '{template,line}', true),
    ('client_run', '{run}', true),
    ('check_list', '{check_name}', true),
    ('calendar', '{calendar}', true),
    ('calendar_version', '{calendar,version}', true),
    ('calendar_holiday', '{calendar,version,day}', true);

-- Records what has come with the extension.
CREATE FUNCTION bakkt_ledger_internal.record_shipped() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    what subject;
BEGIN
    FOR what IN SELECT s.* FROM subject AS s WHERE s.shipped ORDER BY s.subject LOOP
        EXECUTE format('SELECT record_events(''shipped'', NULL::%1$I[], array_agg(t ORDER BY subject_key($1, to_jsonb(t))), $2)
                        FROM bakkt_ledger_internal.%1$I AS t
                        WHERE NOT EXISTS (SELECT FROM event AS e
                                          WHERE e.client_id = 0 AND e.subject = $3
                                            AND e.subject_key = subject_key($1, to_jsonb(t)))
                        HAVING count(*) > 0', what.subject)
            USING what.key, clock_timestamp(), what.subject;
    END LOOP;
END;
$$;
