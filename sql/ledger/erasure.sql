-- Erasing personal data, and the check that what was not erased is what was recorded.
-- Locks the customer.

CREATE FUNCTION bakkt_ledger.erase_customer_identity(customer text, reference text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS change_result
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
DECLARE
    asked request;
    before customer;
    after customer;
BEGIN
    before := lock_customer(customer);
    asked := open_change('erase_customer_identity', 'customer', before.client_id, reference,
                         jsonb_build_object('customer_code', before.customer_code));
    IF asked.outcome IS NOT NULL THEN
        RETURN first_answer(asked, NULL::change_result);
    END IF;
    DELETE FROM customer_identity AS i WHERE i.customer_id = before.customer_id;
    UPDATE customer AS c SET external_digest = NULL WHERE c.customer_id = before.customer_id RETURNING c.* INTO after;
    RETURN close_change(asked, 'erased', before, after, reason);
END;
$$;
COMMENT ON FUNCTION erase_customer_identity IS
'Erases what the client calls the person of a customer: identifier and salt.
The customer and its books stay, named by account code. What was sealed keeps the digest, which tells nothing without the salt,
and verify() needs neither. The identifier can be given to another customer afterwards. Backups made before still have it.
Repeating a reference is no second change. outcome: erased, or unchanged when there was none.
Errors: LG002, LG012, LG020, 42501.';

CREATE FUNCTION bakkt_ledger_internal.verify_identities() RETURNS SETOF discrepancy
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT finding('identity',
                   CASE WHEN i.customer_id IS NULL THEN 'The identifier is gone without having been erased.'
                        ELSE 'The identifier, its salt or its client is not what was recorded.' END,
                   holder => client_name(c.client_id), of_subject => 'customer',
                   key => coalesce(c.customer_code, i.customer_id::text))
    FROM (SELECT c.customer_id, c.client_id, c.customer_code, c.external_digest
          FROM customer AS c
          WHERE c.external_digest IS NOT NULL) AS c
    FULL JOIN customer_identity AS i ON i.customer_id = c.customer_id
    WHERE (i.client_id = c.client_id AND identity_digest(i.external_id, i.salt) = c.external_digest) IS NOT TRUE;
END;

INSERT INTO check_list (check_name, called, check_order, proves)
VALUES ('identities', 'verify_identities()', 31, 'every identifier of a person is what was recorded, or was erased');
