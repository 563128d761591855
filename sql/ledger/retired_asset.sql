-- The check that nobody has been left with a claim in an asset that is retired.

CREATE FUNCTION bakkt_ledger_internal.verify_retired_assets() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT finding('retired asset', format('%s "%s" has %s, and %s is retired.', c.fund, c.name, c.balance, a.asset),
                   holder => c.client, of_subject => 'supported_asset', key => a.asset::text, touched => c.account)
    FROM supported_asset AS a
    CROSS JOIN LATERAL claims_in(a.asset) AS c
    WHERE a.status = 'RETIRED';
END;

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('retired assets', 'verify_retired_assets()', 26, 'nobody has a claim in an asset that is retired');
