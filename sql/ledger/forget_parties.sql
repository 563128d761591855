-- Reference data that sessions cache for trading (src/ledger/party_cache.c): a change makes all of
-- them read it anew.

-- Statement trigger of reference data: every session forgets what it has cached of it when this
-- transaction commits.
CREATE FUNCTION bakkt_ledger_internal.forget_parties() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';

CREATE TRIGGER forget_parties AFTER UPDATE ON customer FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON client FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON provider FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON supported_asset FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
CREATE TRIGGER forget_parties AFTER UPDATE ON instrument FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();
