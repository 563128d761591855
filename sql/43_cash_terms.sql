-- Floor 3: the terms of customer cash, per client (design 5, doc/cash.md).

CREATE TABLE cash_terms (
	client_id			int PRIMARY KEY REFERENCES client,
	encumber_unpaid		boolean NOT NULL DEFAULT false,
	prefunded			boolean NOT NULL DEFAULT false,
	credit_failed_sells	boolean NOT NULL DEFAULT false,
	reserve_open_orders	boolean NOT NULL DEFAULT true,
	settlement_flow		text NOT NULL DEFAULT 'NET' CHECK (settlement_flow IN ('NET', 'GROSS')),
	write_off_days		int NOT NULL DEFAULT 30 CHECK (write_off_days BETWEEN 1 AND 3650),
	availability_days	int NOT NULL DEFAULT 3 CHECK (availability_days BETWEEN 0 AND 60),
	minimum_withdrawal	amount NOT NULL DEFAULT '10 USD',
	return_fee			amount NOT NULL DEFAULT '0 USD'
);
COMMENT ON TABLE cash_terms IS 'What a client has agreed on customer cash; a client without a row has the defaults.';
COMMENT ON COLUMN cash_terms.encumber_unpaid IS 'Coin bought with unpaid cash is bound until the cash call is settled.';
COMMENT ON COLUMN cash_terms.prefunded IS 'A purchase without buying power is refused (LG084): no leverage, no margin.';
COMMENT ON COLUMN cash_terms.credit_failed_sells IS 'Unsettled sale proceeds at the start of day count in buying power.';
COMMENT ON COLUMN cash_terms.reserve_open_orders IS 'Holds for open orders are taken off buying power.';
COMMENT ON COLUMN cash_terms.settlement_flow IS 'NET: one transfer a run between FBO and business account; GROSS: one each way.';
COMMENT ON COLUMN cash_terms.write_off_days IS 'A cash call older than this many calendar days, Central, from execution is proposed for write-off.';
COMMENT ON COLUMN cash_terms.availability_days IS 'Business days from the bank''s credit of an ACH deposit until it is settled.';
COMMENT ON COLUMN cash_terms.minimum_withdrawal IS 'Least withdrawal in that currency; zero: none.';
COMMENT ON COLUMN cash_terms.return_fee IS 'Charged to the customer when an ACH deposit is returned; zero: none.';
SELECT pg_catalog.pg_extension_config_dump('cash_terms', '');
CREATE TRIGGER forget_parties AFTER INSERT OR UPDATE ON cash_terms FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();

CREATE FUNCTION cash_terms_of(client_id int) RETURNS cash_terms
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = @extschema@, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	terms	cash_terms;
BEGIN
	SELECT t.* INTO terms FROM cash_terms t WHERE t.client_id = cash_terms_of.client_id;
	IF NOT FOUND THEN
		terms := (cash_terms_of.client_id, false, false, false, true, 'NET', 30, 3, '10 USD', '0 USD');
	END IF;
	RETURN terms;
END $$;
COMMENT ON FUNCTION cash_terms_of(int) IS 'Internal: the terms of a client, the defaults when it has agreed none.';
