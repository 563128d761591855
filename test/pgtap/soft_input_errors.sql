-- From PostgreSQL 16 on, bad text of our types can be found without an error being raised.
\set QUIET on
SET search_path = bakkt_ledger_internal, bakkt_ledger, public;
BEGIN;
SELECT plan(10);

-- The SQLSTATE that text would raise as a type, NULL when it is good; before 16 the text is simply tried.
CREATE FUNCTION pg_temp.complaint(literal text, type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	IF current_setting('server_version_num')::int >= 160000 THEN
		EXECUTE 'SELECT sql_error_code FROM pg_input_error_info($1, $2)' INTO result USING literal, type;
		RETURN result;
	END IF;
	EXECUTE format('SELECT %L::%s', literal, type);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	IF current_setting('server_version_num')::int >= 160000 THEN
		RETURN 'raised ' || SQLSTATE;
	END IF;
	RETURN SQLSTATE;
END $$;

SELECT is(pg_temp.complaint('USD', 'bakkt_ledger.asset'), NULL, 'the text of a valid asset has no error');
SELECT is(pg_temp.complaint('usd', 'bakkt_ledger.asset'), '22P02', 'the text of an asset in lower case is invalid');
SELECT is(pg_temp.complaint('1 USD', 'bakkt_ledger.amount'), NULL, 'the text of a valid amount has no error');
SELECT is(pg_temp.complaint('1', 'bakkt_ledger.amount'), '22P02', 'the text of an amount without asset is invalid');
SELECT is(pg_temp.complaint('NaN USD', 'bakkt_ledger.amount'), '22P02', 'the text of an amount that is not a number is invalid');
SELECT is(pg_temp.complaint('1e-19 USD', 'bakkt_ledger.amount'), '22003',
	'the text of an amount with more than 18 decimals is out of range');
SELECT is(pg_temp.complaint('1e40 USD', 'bakkt_ledger.amount'), '22003',
	'the text of an amount beyond the range is out of range');
SELECT is(pg_temp.complaint('1 USD/BTC', 'bakkt_ledger.price'), NULL, 'the text of a valid price has no error');
SELECT is(pg_temp.complaint('1 USD', 'bakkt_ledger.price'), '22P02', 'the text of a price with one asset is invalid');
SELECT is(pg_temp.complaint('1e40 USD/BTC', 'bakkt_ledger.price'), '22003',
	'the text of a price beyond the range is out of range');

SELECT * FROM finish();
ROLLBACK;
