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
	return_fee			amount NOT NULL DEFAULT '0 USD',
	company_float		amount NOT NULL DEFAULT '0 USD'
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
COMMENT ON COLUMN cash_terms.company_float IS 'Money of the company that the settlement flow keeps in the FBO account, so that sale proceeds are there at once; zero: none.';
SELECT pg_catalog.pg_extension_config_dump('cash_terms', '');
CREATE TRIGGER forget_parties AFTER INSERT OR UPDATE ON cash_terms FOR EACH STATEMENT EXECUTE FUNCTION forget_parties();

CREATE FUNCTION cash_terms_of(client_id int) RETURNS cash_terms
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	terms	cash_terms;
BEGIN
	SELECT t.* INTO terms FROM cash_terms t WHERE t.client_id = cash_terms_of.client_id;
	IF NOT FOUND THEN
		terms := (cash_terms_of.client_id, false, false, false, true, 'NET', 30, 3, '10 USD', '0 USD', '0 USD');
	END IF;
	RETURN terms;
END $$;
COMMENT ON FUNCTION cash_terms_of(int) IS 'Internal: the terms of a client, the defaults when it has agreed none.';

-- An infinite instant would stand in journals and stamps for ever.
CREATE FUNCTION require_instant(at timestamptz) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	IF at IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'LG061', MESSAGE = 'an instant is needed', HINT = 'Leave the argument out for now.';
	END IF;
	PERFORM require_not_ahead(at);
	IF NOT isfinite(at) THEN
		PERFORM refuse_invalid('the instant must be finite', format('Instant: %s.', at), 'Leave the argument out for now.');
	END IF;
END $$;
COMMENT ON FUNCTION require_instant(timestamptz) IS 'Internal: LG061 for an instant ahead of the clock or NULL, LG002 for an infinite one.';

-- ---------------------------------------------------------------------------
-- Changing the terms
-- ---------------------------------------------------------------------------

CREATE FUNCTION check_cash_terms(terms cash_terms) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	IF terms.settlement_flow NOT IN ('NET', 'GROSS') THEN
		PERFORM refuse_invalid('settlement flow is not known', format('Settlement flow: "%s".', terms.settlement_flow), 'One of NET, GROSS.');
	ELSIF terms.write_off_days NOT BETWEEN 1 AND 3650 THEN
		PERFORM refuse_invalid('days to write-off are out of range', format('Days: %s.', terms.write_off_days), 'Between 1 and 3650.');
	ELSIF terms.availability_days NOT BETWEEN 0 AND 60 THEN
		PERFORM refuse_invalid('availability days are out of range', format('Days: %s.', terms.availability_days), 'Between 0 and 60.');
	ELSIF sign(terms.minimum_withdrawal) < 0 THEN
		PERFORM refuse_invalid('the least withdrawal cannot be negative', format('It is %s.', terms.minimum_withdrawal), 'Zero means none.');
	ELSIF sign(terms.return_fee) < 0 THEN
		PERFORM refuse_invalid('the return fee cannot be negative', format('It is %s.', terms.return_fee), 'Zero means none.');
	ELSIF sign(terms.company_float) < 0 THEN
		PERFORM refuse_invalid('the company''s float cannot be negative', format('It is %s.', terms.company_float), 'Zero means none.');
	END IF;
	PERFORM require_fiat('the least withdrawal', terms.minimum_withdrawal);
	PERFORM require_fiat('the return fee', terms.return_fee);
	PERFORM require_fiat('the company''s float', terms.company_float);
END $$;
COMMENT ON FUNCTION check_cash_terms(cash_terms) IS 'Internal: raises LG002 naming the first term of customer cash that is not valid, LG040, LG041 or LG042 for an asset that is no currency.';

CREATE FUNCTION require_fiat(what text, amount amount) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	its_kind	text;
BEGIN
	PERFORM require_asset(asset(amount));
	SELECT s.kind INTO its_kind FROM supported_asset s WHERE s.asset = asset(require_fiat.amount);
	IF its_kind <> 'FIAT' THEN
		RAISE EXCEPTION USING ERRCODE = 'LG042', MESSAGE = format('%s must be of a currency', what), DETAIL = format('It is %s.', amount),
			HINT = 'Currencies are the assets of kind FIAT in supported_asset.';
	END IF;
END $$;
COMMENT ON FUNCTION require_fiat(text, amount) IS 'Internal: raises LG040 or LG041 unless the asset may be posted, LG042 unless it is money that a bank holds.';

-- A setting that does nothing is refused: only cash that is called from here can be prefunded.
CREATE FUNCTION require_prefunded_works(client_id int) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	its_model	constant text := (client_row(require_prefunded_works.client_id)).funding_model;
BEGIN
	IF its_model <> 'BAKKT_TPJ' AND (cash_terms_of(require_prefunded_works.client_id)).prefunded
		AND NOT EXISTS (SELECT FROM customer u WHERE u.client_id = require_prefunded_works.client_id AND u.funding_model = 'BAKKT_TPJ') THEN
		PERFORM refuse_invalid('prefunded needs cash that is held here',
							   format('Funding model %s: the cash of the client''s customers is elsewhere.', its_model),
							   'Only customers of funding model BAKKT_TPJ can be prefunded; change_cash_terms(prefunded => false) takes it back.');
	END IF;
END $$;
COMMENT ON FUNCTION require_prefunded_works(int) IS 'Internal: raises LG002 when the client is prefunded and none of its customers has cash here.';

CREATE FUNCTION change_cash_terms(
	client				text,
	encumber_unpaid		boolean DEFAULT NULL,
	prefunded			boolean DEFAULT NULL,
	credit_failed_sells	boolean DEFAULT NULL,
	reserve_open_orders	boolean DEFAULT NULL,
	settlement_flow		text DEFAULT NULL,
	write_off_days		int DEFAULT NULL,
	availability_days	int DEFAULT NULL,
	minimum_withdrawal	amount DEFAULT NULL,
	return_fee			amount DEFAULT NULL,
	company_float		amount DEFAULT NULL,
	reason				text DEFAULT NULL,
	reference			text DEFAULT NULL)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owner_id	constant int := require_open_client(change_cash_terms.client);
	before		cash_terms;
	after		cash_terms;
	request		jsonb;
BEGIN
	PERFORM bounded_wait();
	PERFORM FROM client c WHERE c.client_id = owner_id FOR NO KEY UPDATE;
	before := cash_terms_of(owner_id);
	request := jsonb_strip_nulls(jsonb_build_object('encumber_unpaid', encumber_unpaid, 'prefunded', prefunded,
		'credit_failed_sells', credit_failed_sells, 'reserve_open_orders', reserve_open_orders,
		'settlement_flow', settlement_flow, 'write_off_days', write_off_days, 'availability_days', availability_days,
		'minimum_withdrawal', minimum_withdrawal, 'return_fee', return_fee, 'company_float', company_float));
	IF changed_before('cash_terms', client, reference, request, owner_id) THEN
		RETURN;
	END IF;
	after := jsonb_populate_record(before, request);
	PERFORM check_cash_terms(after);
	IF after IS NOT DISTINCT FROM before THEN
		RETURN;
	END IF;
	INSERT INTO cash_terms AS t SELECT after.*
	ON CONFLICT ON CONSTRAINT cash_terms_pkey DO UPDATE
	SET (encumber_unpaid, prefunded, credit_failed_sells, reserve_open_orders, settlement_flow, write_off_days, availability_days,
		 minimum_withdrawal, return_fee, company_float) =
		(excluded.encumber_unpaid, excluded.prefunded, excluded.credit_failed_sells, excluded.reserve_open_orders, excluded.settlement_flow,
		 excluded.write_off_days, excluded.availability_days, excluded.minimum_withdrawal, excluded.return_fee,
		 excluded.company_float);
	PERFORM require_prefunded_works(owner_id);
	PERFORM record_change('cash_terms', client, to_jsonb(before), to_jsonb(after), owner_id, reference, reason);
END $$;
COMMENT ON FUNCTION change_cash_terms(text, boolean, boolean, boolean, boolean, text, int, int, amount, amount, amount, text, text) IS
	'Changes what a client has agreed on customer cash (columns of cash_terms); NULL leaves a term as it is. From then on: what was computed before keeps its terms. Repeating a reference is no second change; LG020 when its content differs. Raises LG010, LG011, LG002 (also for prefunded when no customer''s cash is here), and LG040, LG041 or LG042 for a minimum, fee or float that is not of a currency.';

-- ---------------------------------------------------------------------------
-- One at a time with a customer's cash
-- ---------------------------------------------------------------------------

-- Whatever checks or spends a customer's cash locks the customer's row first
-- and accounts after it.  That keeps two apart in READ COMMITTED; in stricter
-- levels the check would be made on an old snapshot, hence the guard: who
-- updates it after another transaction that the snapshot does not show gets
-- 40001.
CREATE TABLE cash_guard (
	client_id	int NOT NULL,
	customer_id	bigint NOT NULL REFERENCES customer,
	changes		bigint NOT NULL,
	PRIMARY KEY (client_id, customer_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE cash_guard IS 'A row per customer whose cash was ever checked or spent, updated by each transaction that does.';
COMMENT ON COLUMN cash_guard.changes IS 'How often; of no meaning but that it changes.';
SELECT pg_catalog.pg_extension_config_dump('cash_guard', '');

CREATE FUNCTION guard_customers_cash(customer_ids bigint[]) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	INSERT INTO cash_guard AS g (client_id, customer_id, changes)
	SELECT c.client_id, c.customer_id, 1 FROM customer c WHERE c.customer_id = ANY (customer_ids) ORDER BY c.customer_id
	ON CONFLICT (client_id, customer_id) DO UPDATE SET changes = g.changes + 1
$$;
COMMENT ON FUNCTION guard_customers_cash(bigint[]) IS 'Internal: for customers whose rows the caller has locked: 40001 if the snapshot does not show what others did with their cash.';

CREATE FUNCTION await_customers_cash(customer_ids bigint[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	PERFORM FROM customer c WHERE c.customer_id = ANY (customer_ids) ORDER BY c.customer_id FOR NO KEY UPDATE;
	PERFORM guard_customers_cash(customer_ids);
END $$;
COMMENT ON FUNCTION await_customers_cash(bigint[]) IS 'Internal: lock_customers_cash() for the posting of trades, which waits for its own customers as long as that takes.';

CREATE FUNCTION lock_customers_cash(customer_ids bigint[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
BEGIN
	PERFORM bounded_wait();
	PERFORM await_customers_cash(customer_ids);
END $$;
COMMENT ON FUNCTION lock_customers_cash(bigint[]) IS 'Internal: keeps everybody else from checking or spending these customers'' cash until the end of the transaction; in order of customer, before any account is locked. Raises 40001 when the snapshot is too old for a check.';

CREATE FUNCTION lock_customer_cash(customer_id bigint) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
	SELECT lock_customers_cash(ARRAY[lock_customer_cash.customer_id])
$$;
COMMENT ON FUNCTION lock_customer_cash(bigint) IS 'Internal: lock_customers_cash() of one customer.';

-- ---------------------------------------------------------------------------
-- What a customer may do
-- ---------------------------------------------------------------------------

CREATE FUNCTION party_may(mode text, party_status text, direction text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE direction
		WHEN 'DEPOSIT' THEN mode = 'OPEN' AND party_status = 'ACTIVE'
		WHEN 'WITHDRAWAL' THEN mode IN ('OPEN', 'CLOSING_ONLY') AND party_status IN ('ACTIVE', 'LIQUIDATED')
		ELSE false END;
COMMENT ON FUNCTION party_may(text, text, text) IS 'Whether a customer of this mode and party status may ask for a DEPOSIT or a WITHDRAWAL of cash. What the bank has done is recorded for everybody.';

CREATE FUNCTION require_party_may(customer_id bigint, direction text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	asking	customer;
BEGIN
	SELECT c.* INTO STRICT asking FROM customer c WHERE c.customer_id = require_party_may.customer_id;
	IF NOT party_may(asking.mode, asking.party_status, direction) THEN
		RAISE EXCEPTION USING ERRCODE = 'LG013',
			MESSAGE = format('customer "%s" may make no %s', asking.account_code, lower(direction)),
			DETAIL = format('Mode %s, party status %s.', asking.mode, asking.party_status),
			HINT = 'An administrator changes mode and status with change_customer().';
	END IF;
END $$;
COMMENT ON FUNCTION require_party_may(bigint, text) IS 'Internal: raises LG013 unless party_may().';

-- ---------------------------------------------------------------------------
-- Reference data
-- ---------------------------------------------------------------------------

CREATE TABLE ach_return_code (
	code			text COLLATE "C" PRIMARY KEY CHECK (code ~ '^R[0-9]{2}$'),
	meaning			text NOT NULL,
	unauthorised	boolean NOT NULL,
	return_days		int,
	banking_days	boolean NOT NULL
);
COMMENT ON TABLE ach_return_code IS 'Why the receiving bank returns an ACH entry. Shipped with the extension.';
COMMENT ON COLUMN ach_return_code.unauthorised IS 'The account''s holder says that he did not authorise it.';
COMMENT ON COLUMN ach_return_code.return_days IS 'Until when after settlement the bank may return with this code; NULL: no fixed time. A later return is recorded all the same.';
COMMENT ON COLUMN ach_return_code.banking_days IS 'Those are banking days; else calendar days.';
INSERT INTO ach_return_code VALUES
	('R01', 'insufficient funds', false, 2, true),
	('R02', 'account closed', false, 2, true),
	('R03', 'no account', false, 2, true),
	('R04', 'invalid account number', false, 2, true),
	('R05', 'unauthorised debit to a consumer''s account under a corporate code', true, 60, false),
	('R06', 'returned at the request of the originating bank', false, NULL, true),
	('R07', 'authorisation revoked', true, 60, false),
	('R08', 'payment stopped', false, 2, true),
	('R09', 'uncollected funds', false, 2, true),
	('R10', 'unauthorised or improper', true, 60, false),
	('R11', 'check truncation return', false, 2, true),
	('R12', 'branch sold to another bank', false, 2, true),
	('R13', 'invalid routing number', false, 1, true),
	('R14', 'payee deceased or unable to continue', false, 2, true),
	('R15', 'account holder deceased', false, 2, true),
	('R16', 'account frozen, or returned on instruction of OFAC', false, 2, true),
	('R17', 'file edit criteria', false, 2, true),
	('R18', 'improper effective entry date', false, 1, true),
	('R19', 'amount error', false, 1, true),
	('R20', 'non-transaction account', false, 2, true),
	('R21', 'invalid company identification', false, 2, true),
	('R22', 'invalid individual identification', false, 2, true),
	('R23', 'credit refused by the receiver', false, 2, true),
	('R24', 'duplicate entry', false, 2, true),
	('R25', 'addenda error', false, 1, true),
	('R26', 'mandatory field error', false, 1, true),
	('R27', 'trace number error', false, 1, true),
	('R28', 'routing number check digit error', false, 1, true),
	('R29', 'corporate customer says not authorised', true, 2, true),
	('R30', 'receiving bank not in the check truncation program', false, 1, true),
	('R31', 'permissible return', false, NULL, true),
	('R32', 'receiving bank does not settle', false, 1, true),
	('R33', 'return of a destroyed check entry', false, 60, false),
	('R34', 'limited participation of the receiving bank', false, 1, true),
	('R35', 'improper debit entry', false, 1, true),
	('R36', 'improper credit entry', false, 1, true),
	('R37', 'source document presented for payment', false, 60, false),
	('R38', 'stop payment on the source document', false, 60, false),
	('R39', 'improper source document', false, 2, true),
	('R40', 'return of an enrolment entry', false, 2, true),
	('R41', 'invalid transaction code', false, 2, true),
	('R42', 'routing number or check digit error of an enrolment', false, 2, true),
	('R43', 'invalid account number of an enrolment', false, 2, true),
	('R44', 'invalid individual identification of an enrolment', false, 2, true);

CREATE TABLE adjustment_reason (
	reason	text COLLATE "C" PRIMARY KEY,
	meaning	text NOT NULL
);
COMMENT ON TABLE adjustment_reason IS 'Reason codes of manual adjustments of customers'' cash. Shipped with the extension.';
INSERT INTO adjustment_reason VALUES
	('ACH_RETURN_FEE', 'a return fee charged by hand, or given back'),
	('DECEASED_PARTY', 'the customer has died: cash is brought to the estate'),
	('OTHER_ADJUSTMENT', 'anything else: the note says what');

-- ---------------------------------------------------------------------------
-- What the company owes the FBO account, set off against its money there
-- ---------------------------------------------------------------------------

CREATE SEQUENCE top_up_number AS bigint;
COMMENT ON SEQUENCE top_up_number IS 'Numbers the set-offs of a deficit: their journals are "top-up:<number>".';
SELECT pg_catalog.pg_extension_config_dump('top_up_number', '');

-- FBO DueTo:CORP is locked first, so that no two set off the same money.
CREATE FUNCTION offset_due_from_company(client_id int, asset asset, at timestamptz) RETURNS amount
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, bakkt_ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	client_id	constant int := offset_due_from_company.client_id;
	asset		constant asset := offset_due_from_company.asset;
	cover		account_id := ensure_account(client_id, 'FBO', 'DueTo:CORP', asset);
	deficit		account_id := ensure_account(client_id, 'FBO', 'DueFrom:CORP', asset);
	moved		amount;
BEGIN
	PERFORM adjust_held(b.client_id, b.account, zero(asset)) FROM balance b WHERE b.client_id = offset_due_from_company.client_id AND b.account = cover;
	moved := least((balance_of(deficit)).balance, (balance_of(cover)).available);
	IF sign(moved) <= 0 THEN
		RETURN zero(asset);
	END IF;
	PERFORM post_entry(client_id, 'top-up:' || nextval('top_up_number'), 18::smallint,
		journal_entry(line('Dr', cover, moved), line('Cr', deficit, moved),
					  line('Dr', ensure_account(client_id, 'CORP', 'DueTo:FBO', asset), moved),
					  line('Cr', ensure_account(client_id, 'CORP', 'DueFrom:FBO', asset), moved)),
		at, 'The company''s deficit in the FBO account set off against its money there');
	RETURN moved;
END $$;
COMMENT ON FUNCTION offset_due_from_company(int, asset, timestamptz) IS
	'Internal: sets off what the company owes the FBO account (DueFrom:CORP) against its money there (DueTo:CORP), as far as both go (J06e without a bank transfer); returns how much, zero when there is nothing to set off.';
