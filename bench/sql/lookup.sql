-- A hundred customers, and for each the time from which he has five journals.
CREATE TABLE bench.lookup AS
SELECT account, (SELECT recorded_at FROM bakkt_ledger_internal.journal j WHERE j.customer_id = c.customer_id
				 ORDER BY journal_id DESC OFFSET 4 LIMIT 1) AS since
FROM bench.customer JOIN bakkt_ledger_internal.customer c ON c.customer_code = account
WHERE customer_no % (SELECT count(*) / 100 FROM bench.customer) = 0;
VACUUM ANALYZE;

CREATE FUNCTION bench.look_up() RETURNS bigint
LANGUAGE sql
RETURN (SELECT count(*) FROM generate_series(1, 3), bench.lookup, bakkt_ledger.statement(account, 'BTC', since));
