-- The trigger that makes every session reload the reference data that it has cached for trading
-- (party_cache.c).

CREATE FUNCTION bakkt_ledger_internal.forget_parties() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION forget_parties() IS
    'Statement trigger of reference data: when this transaction commits, every session forgets what it has cached of it. Writes '
    'no data.';

CREATE TRIGGER forget_parties AFTER UPDATE ON customer FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON client FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON liquidity_provider FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON instrument FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
