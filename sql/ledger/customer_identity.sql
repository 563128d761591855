-- What a client calls a person outside the ledger. It may be personal data, so it stands in a table
-- of its own that can be erased; events, requests and the customer's row hold its salted digest
-- (doc/blocks.md), and the salt goes with it.
-- Refuses a second customer of a client with the same identifier (LG020).

CREATE TABLE bakkt_ledger_internal.customer_identity (
    customer_id bigint PRIMARY KEY,
    client_id integer NOT NULL REFERENCES client,
    external_id text NOT NULL CHECK (octet_length(external_id) BETWEEN 1 AND 255),
    salt bytea NOT NULL CHECK (octet_length(salt) = 16),
    CONSTRAINT customer_identity_external_id_key UNIQUE (client_id, external_id)
);
COMMENT ON TABLE customer_identity IS 'A client''s own identifier of a person, until it is erased. In no event, request or leaf.';
COMMENT ON COLUMN customer_identity.salt IS 'Random; without it the digest in what is sealed tells nothing.';
SELECT pg_catalog.pg_extension_config_dump('customer_identity', '');
SELECT refuse_writes('customer_identity', 'UPDATE OR TRUNCATE');

-- The digest that stands for an identifier in what is sealed.
CREATE FUNCTION bakkt_ledger_internal.identity_digest(external_id text, salt bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN encode(sha256(salt || convert_to(external_id, 'UTF8')), 'hex');

-- The digest that a customer's row has if this is its identifier. A customer without one, or whose
-- identifier was erased, has no salt: then it is that of no customer.
CREATE FUNCTION bakkt_ledger_internal.identity_digest_of(owner bigint, external_id text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    RETURN identity_digest(external_id, coalesce((SELECT i.salt FROM customer_identity AS i WHERE i.customer_id = owner), ''));
END;
$$;

-- LG002 unless a platform's identifier, if there is one, has a length that is kept.
CREATE FUNCTION bakkt_ledger_internal.require_external_id(external_id text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF octet_length(external_id) NOT BETWEEN 1 AND 255 THEN
        PERFORM refuse_invalid('an external id has 1 to 255 bytes', format('This one has %s.', octet_length(external_id)));
    END IF;
END;
$$;

-- Keeps the identifier of a customer that was inserted just now; LG020 when another customer of the
-- client has it.
CREATE FUNCTION bakkt_ledger_internal.keep_identity(owner bigint, holder integer, external_id text, salt bytea) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, bakkt_ledger_internal, bakkt_ledger, pg_temp AS
$$
BEGIN
    IF external_id IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO customer_identity (customer_id, client_id, external_id, salt)
    VALUES (owner, holder, external_id, salt)
    ON CONFLICT ON CONSTRAINT customer_identity_external_id_key DO NOTHING;
    IF NOT FOUND THEN
        PERFORM refuse('LG020', format('external id "%s" belongs to another customer of the client', external_id), NULL,
                       'Give the external id of one person to one customer only.',
                       jsonb_build_object('field', 'external_id', 'given', external_id));
    END IF;
END;
$$;
