-- Calendars: the Federal Reserve's rule, versions that never change, value dates.
BEGIN;
SET LOCAL search_path = bakkt_ledger, bakkt_ledger_internal, public, pg_temp;
SET LOCAL TimeZone = 'Asia/Kolkata';
SELECT no_plan();

-- ---------------------------------------------------------------------------
-- The rule, against the published table: the day, and the day of closing if another
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT to_char(holiday, 'YYYY-MM-DD') || coalesce(' closed ' || to_char(closed, 'YYYY-MM-DD'), ' open')
	FROM generate_series(2026, 2028) AS year, federal_reserve_holidays(year)$$,
	$$VALUES
	('2026-01-01 closed 2026-01-01'), ('2026-01-19 closed 2026-01-19'), ('2026-02-16 closed 2026-02-16'), ('2026-05-25 closed 2026-05-25'),
	('2026-06-19 closed 2026-06-19'), ('2026-07-04 open'), ('2026-09-07 closed 2026-09-07'), ('2026-10-12 closed 2026-10-12'),
	('2026-11-11 closed 2026-11-11'), ('2026-11-26 closed 2026-11-26'), ('2026-12-25 closed 2026-12-25'),
	('2027-01-01 closed 2027-01-01'), ('2027-01-18 closed 2027-01-18'), ('2027-02-15 closed 2027-02-15'), ('2027-05-31 closed 2027-05-31'),
	('2027-06-19 open'), ('2027-07-04 closed 2027-07-05'), ('2027-09-06 closed 2027-09-06'), ('2027-10-11 closed 2027-10-11'),
	('2027-11-11 closed 2027-11-11'), ('2027-11-25 closed 2027-11-25'), ('2027-12-25 open'),
	('2028-01-01 open'), ('2028-01-17 closed 2028-01-17'), ('2028-02-21 closed 2028-02-21'), ('2028-05-29 closed 2028-05-29'),
	('2028-06-19 closed 2028-06-19'), ('2028-07-04 closed 2028-07-04'), ('2028-09-04 closed 2028-09-04'), ('2028-10-09 closed 2028-10-09'),
	('2028-11-11 open'), ('2028-11-23 closed 2028-11-23'), ('2028-12-25 closed 2028-12-25')$$,
	'eleven holidays a year, as published');
SELECT is((SELECT count(*) FROM federal_reserve_holidays(2021)), 10::bigint, 'Juneteenth is observed from 2022 on');
SELECT is_empty($$SELECT * FROM generate_series(1986, 2100) AS year, federal_reserve_holidays(year)
	WHERE extract(isodow FROM closed) > 5 OR closed NOT IN (holiday, holiday + 1)$$, 'a closing is a weekday, the holiday itself or the Monday after');
SELECT results_eq($$SELECT nth_weekday(2026, 2, 1, -1), nth_weekday(2026, 2, 7, 1), nth_weekday(2026, 8, 6, 5), nth_weekday(2024, 2, 4, -1)$$,
	$$VALUES (date '2026-02-23', date '2026-02-01', date '2026-08-29', date '2024-02-29')$$, 'nth_weekday at the edges of months');

-- ---------------------------------------------------------------------------
-- Days
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT is_business_day('FEDWIRE', day) FROM unnest('{2026-07-02,2026-07-03,2026-07-04,2026-07-05,2026-07-06,2027-07-05,2027-12-24}'::date[]) AS day$$,
	$$VALUES (true), (true), (false), (false), (true), (false), (true)$$, 'open on the Friday before a Saturday holiday, closed on the Monday after a Sunday one');
SELECT is(next_business_day('FEDWIRE', '2026-11-25'), '2026-11-27', 'the day after Thanksgiving is open');
SELECT is(next_business_day('FEDWIRE', '2027-07-02'), '2027-07-06', 'over a weekend and a Monday');
SELECT is(next_business_day('CHAIN', '2027-07-02'), '2027-07-03', 'chains never close');
SELECT is((SELECT count(*) FROM generate_series(date '2015-01-01', '2040-12-31', interval '1 day') AS day WHERE is_business_day('FEDWIRE', day::date)), 6523::bigint,
	'open days of 26 years');
SELECT throws_ok($$SELECT is_business_day('FEDWIRE', '2041-01-01')$$, 'LG075', NULL, 'a day beyond the data is an error, not a guess');
SELECT throws_ok($$SELECT is_business_day('FEDWIRE', '2014-12-31')$$, 'LG075', NULL, 'so is one before');
SELECT throws_ok($$SELECT next_business_day('FEDWIRE', '2040-12-31')$$, 'LG075', NULL, 'so is a search that leaves the data');
SELECT throws_ok($$SELECT is_business_day('FEDWIRE', NULL)$$, 'LG075', NULL, 'so is NULL');
SELECT throws_ok($$SELECT is_business_day('MARS', '2026-01-01')$$, 'LG075', NULL, 'unknown calendar');
SELECT throws_ok($$SELECT is_business_day('FEDWIRE', '2026-01-02', 7)$$, 'LG075', NULL, 'unknown version');

-- ---------------------------------------------------------------------------
-- Value dates
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT value_date('FEDWIRE', to_at) FROM unnest('{2026-05-22,2026-05-23,2026-05-24,2026-05-25,2026-05-26}'::date[]) AS day, window_bounds(day)$$,
	$$VALUES (date '2026-05-22'), ('2026-05-26'), ('2026-05-26'), ('2026-05-26'), ('2026-05-26')$$,
	'windows of a long weekend share the value date of the first open day');
SELECT is(value_date('FEDWIRE', '2026-05-26 18:59:59.999999 America/New_York'), '2026-05-26', 'just before the cut-off');
SELECT is(value_date('FEDWIRE', '2026-05-26 19:00 America/New_York'), '2026-05-27', 'at the cut-off the day is over');
SELECT is(value_date('FEDWIRE', '2026-05-26 18:00 America/Chicago'), '2026-05-27', 'which is 18:00 Central');
SELECT is(value_date('FEDWIRE', '2026-05-23 01:00Z'), '2026-05-26', 'in the rail''s zone: Friday evening in New York');
SELECT is(value_deadline('FEDWIRE', '2026-05-26'), '2026-05-26 23:00Z', 'the deadline in summer');
SELECT is(value_deadline('FEDWIRE', '2026-01-26'), '2026-01-27 00:00Z', 'and in winter');
SELECT is(value_date('CHAIN', '2026-05-23 23:59:59.999999Z'), '2026-05-23', 'chains count UTC days');
SELECT is(value_deadline('CHAIN', '2026-05-23'), '2026-05-24 00:00Z', 'until midnight');
SELECT throws_ok($$SELECT value_date('FEDWIRE', '2026-05-26Z', 9)$$, 'LG075', NULL, 'unknown version');

-- ---------------------------------------------------------------------------
-- Versions
-- ---------------------------------------------------------------------------
SELECT is(add_calendar_version('FEDWIRE', '2026-01-01', '2030-12-31', '{}', '{}', 'Six days a week', weekend => '{7}'), 2, 'a rail that opens on Saturdays');
SELECT ok(is_business_day('FEDWIRE', '2026-07-04'), 'the new version counts from now on');
SELECT ok(NOT is_business_day('FEDWIRE', '2026-07-04', 1), 'the old one says what it said');
SELECT is(add_calendar_version('BANKX', '2026-01-01', '2026-12-31', '{2026-03-03}', '{Founding Day}', 'the bank', cut_time => '15:00', zone => 'America/Chicago'), 1, 'a new calendar');
SELECT ok(NOT is_business_day('BANKX', '2026-03-03'), 'with its holiday');
SELECT is(value_date('BANKX', '2026-03-02 21:00Z'), '2026-03-04', 'and its own cut-off');
SELECT is((SELECT created_by FROM calendar_version WHERE calendar = 'BANKX'), current_user::text, 'who added it is known');
SELECT throws_ok($$SELECT add_calendar_version('BANKX', '2026-01-01', NULL, '{}', '{}', 'x')$$, 'LG002', NULL, 'no last day');
SELECT throws_ok($$SELECT add_calendar_version('BANKX', '2026-01-01', '2026-12-31', '{2026-03-03}', '{}', 'x')$$, 'LG002', NULL, 'a holiday without a name');
SELECT throws_ok($$SELECT add_calendar_version('BANKX', '2026-01-01', '2026-12-31', '{}', '{}', 'x', zone => 'Mars/Base')$$, 'LG002', NULL, 'no such zone');
SELECT throws_ok($$UPDATE calendar_version SET cut_time = '12:00'$$, 'LG066', NULL, 'versions are never changed');
SELECT throws_ok($$DELETE FROM calendar_holiday$$, 'LG066', NULL, 'nor their holidays');
SET LOCAL client_min_messages = warning;
SELECT throws_ok($$TRUNCATE calendar_version CASCADE$$, 'LG066', NULL, 'nor emptied');
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$UPDATE calendar_version SET cut_time = '12:00'$$, 'LG066', NULL, 'not in replica mode either');
SET LOCAL session_replication_role = origin;

SELECT * FROM finish();
ROLLBACK;
