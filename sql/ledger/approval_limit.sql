-- Up to what amount a person may approve.

CREATE TABLE bakkt_ledger_internal.approval_limit (
    role regrole NOT NULL,
    role_identity text COLLATE "C" NOT NULL,
    asset asset NOT NULL REFERENCES supported_asset,
    most amount NOT NULL CHECK (sign(most) >= 0),
    CONSTRAINT approval_limit_pkey PRIMARY KEY (role, asset),
    CONSTRAINT approval_limit_asset CHECK (asset(most) = asset)
);
COMMENT ON TABLE approval_limit IS
'Up to what amount a role, and whoever inherits from it, may approve; a login without a limit in the asset may approve any
amount.';
COMMENT ON COLUMN approval_limit.role IS
'The role; dumped by name. That of one that was dropped is of no effect and left out of dumps.';
COMMENT ON COLUMN approval_limit.role_identity IS 'Who the role was when it was given the limit: cluster, number, name.';
SELECT pg_catalog.pg_extension_config_dump('approval_limit', 'WHERE role IN (SELECT r.oid FROM pg_catalog.pg_roles r)');
INSERT INTO subject (subject, key, apart) VALUES ('approval_limit', '{role_identity,asset}', '{role}');

-- LG067 when the amount is above what the session's login may approve.
CREATE FUNCTION bakkt_ledger_internal.require_approval_limit(worth amount, what text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    most constant amount := (SELECT max(l.most) FROM approval_limit AS l
                             WHERE l.asset = asset(worth) AND pg_has_role(session_login(), l.role::oid, 'USAGE'));
BEGIN
    IF worth > most THEN
        PERFORM refuse('LG067', format('%s is above what "%s" may approve', what, session_login()),
                       format('It is worth %s; the limit is %s.', worth, most), 'Ask a person with a higher limit.',
                       jsonb_build_object('required', worth, 'available', most));
    END IF;
END;
$$;

CREATE FUNCTION bakkt_ledger.set_approval_limit(role name, amount amount, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    limited constant oid := require_role(role);
    before approval_limit;
    after approval_limit;
    asked request;
BEGIN
    IF amount IS NULL OR sign(amount) < 0 THEN
        PERFORM refuse_invalid('a limit is an amount of zero or more', format('It is %s.', coalesce(amount::text, 'NULL')),
                               'remove_approval_limit() takes a limit away.');
    END IF;
    PERFORM bounded_wait(), require_asset(asset(amount));
    asked := open_change('set_approval_limit', 'approval_limit', 0, reference,
                         jsonb_build_object('role', role, 'amount', amount));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    SELECT l.* INTO before FROM approval_limit AS l WHERE l.role = limited AND l.asset = asset(amount) FOR NO KEY UPDATE;
    INSERT INTO approval_limit AS l (role, role_identity, asset, most)
    VALUES (limited, role_identity(limited), asset(amount), amount)
    ON CONFLICT ON CONSTRAINT approval_limit_pkey DO UPDATE SET most = excluded.most
    RETURNING l.* INTO after;
    RETURN close_change(asked, 'set', before, after, reason);
END;
$$;
COMMENT ON FUNCTION set_approval_limit IS
'Sets up to what amount of an asset a role, and whoever inherits from it, may approve, from now on.
Of several limits the highest counts; without any there is none. Setting the same again is no error.
Errors: 42704 unknown role, LG002 a negative amount, LG040, LG041.';

CREATE FUNCTION bakkt_ledger.remove_approval_limit(role name, asset asset, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    removed approval_limit;
    asked request;
BEGIN
    PERFORM bounded_wait();
    asked := open_change('remove_approval_limit', 'approval_limit', 0, reference,
                         jsonb_build_object('role', role, 'asset', asset));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    DELETE FROM approval_limit AS l
    WHERE role_label(l.role) = remove_approval_limit.role AND l.asset = remove_approval_limit.asset
    RETURNING l.* INTO removed;
    RETURN close_change(asked, 'removed', removed, NULL, reason);
END;
$$;
COMMENT ON FUNCTION remove_approval_limit IS
'Takes a role''s limit in an asset away; of a role that was dropped, give the number that verify() tells.
Removing again is no error.';
