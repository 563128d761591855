-- Calendars: the Federal Reserve's rule, versions that never change, value dates.
BEGIN;
SET LOCAL search_path = bakkt_ledger_internal, bakkt_ledger, public, pg_temp;
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
	'the Federal Reserve''s eleven holidays of a year are as published');
SELECT is((SELECT count(*) FROM federal_reserve_holidays(2021)), 10::bigint, 'Juneteenth is observed from 2022 on');
SELECT is_empty($$SELECT * FROM generate_series(1986, 2100) AS year, federal_reserve_holidays(year)
	WHERE extract(isodow FROM closed) > 5 OR closed NOT IN (holiday, holiday + 1)$$,
	'a holiday closes its own weekday or the Monday after');
SELECT results_eq($$SELECT nth_weekday(2026, 2, 1, -1), nth_weekday(2026, 2, 7, 1), nth_weekday(2026, 8, 6, 5), nth_weekday(2024, 2, 4, -1)$$,
	$$VALUES (date '2026-02-23', date '2026-02-01', date '2026-08-29', date '2024-02-29')$$,
	'the nth weekday is found at the edges of months');

-- ---------------------------------------------------------------------------
-- Days
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT is_business_day('FEDWIRE', day) FROM unnest('{2026-07-02,2026-07-03,2026-07-04,2026-07-05,2026-07-06,2027-07-05,2027-12-24}'::date[]) AS day$$,
	$$VALUES (true), (true), (false), (false), (true), (false), (true)$$,
	'Fedwire opens on the Friday before a Saturday holiday and closes on the Monday after a Sunday one');
SELECT is(next_business_day('FEDWIRE', '2026-11-25'), '2026-11-27', 'the day after Thanksgiving is a business day');
SELECT is(next_business_day('FEDWIRE', '2027-07-02'), '2027-07-06', 'the next business day skips a weekend and a Monday holiday');
SELECT is(next_business_day('CHAIN', '2027-07-02'), '2027-07-03', 'the calendar of a blockchain never closes');
SELECT is((SELECT count(*) FROM generate_series(date '2015-01-01', '2040-12-31', interval '1 day') AS day WHERE is_business_day('FEDWIRE', day::date)), 6523::bigint,
	'the Fedwire calendar has 6,523 business days in 26 years');
SELECT throws_ok($$SELECT is_business_day('FEDWIRE', '2041-01-01')$$, 'LG075', NULL,
	'a day after the last of the calendar is an error, not a guess');
SELECT throws_ok($$SELECT is_business_day('FEDWIRE', '2014-12-31')$$, 'LG075', NULL,
	'a day before the first of the calendar is an error');
SELECT throws_ok($$SELECT next_business_day('FEDWIRE', '2040-12-31')$$, 'LG075', NULL,
	'a search for a business day beyond the calendar is an error');
SELECT throws_ok($$SELECT is_business_day('FEDWIRE', NULL)$$, 'LG075', NULL, 'a day that is NULL is an error');
SELECT throws_ok($$SELECT is_business_day('MARS', '2026-01-01')$$, 'LG075', NULL, 'a day of an unknown calendar is refused');
SELECT throws_ok($$SELECT is_business_day('FEDWIRE', '2026-01-02', 7)$$, 'LG075', NULL,
	'a day of an unknown version of a calendar is refused');

-- ---------------------------------------------------------------------------
-- Value dates
-- ---------------------------------------------------------------------------
SELECT results_eq($$SELECT value_date('FEDWIRE', to_at) FROM unnest('{2026-05-22,2026-05-23,2026-05-24,2026-05-25,2026-05-26}'::date[]) AS day, window_bounds(day)$$,
	$$VALUES (date '2026-05-22'), ('2026-05-26'), ('2026-05-26'), ('2026-05-26'), ('2026-05-26')$$,
	'windows of a long weekend share the value date of the first open day');
SELECT is(value_date('FEDWIRE', '2026-05-26 18:59:59.999999 America/New_York'), '2026-05-26',
	'an instant just before the cut-off has the value date of that day');
SELECT is(value_date('FEDWIRE', '2026-05-26 19:00 America/New_York'), '2026-05-27',
	'an instant at the cut-off has the value date of the next business day');
SELECT is(value_date('FEDWIRE', '2026-05-26 18:00 America/Chicago'), '2026-05-27',
	'the cut-off of 19:00 Eastern is 18:00 Central');
SELECT is(value_date('FEDWIRE', '2026-05-23 01:00Z'), '2026-05-26', 'a value date counts days in the zone of the rail');
SELECT is(value_deadline('FEDWIRE', '2026-05-26'), '2026-05-26 23:00Z',
	'the deadline of a value date in summer is 19:00 Eastern Daylight Time');
SELECT is(value_deadline('FEDWIRE', '2026-01-26'), '2026-01-27 00:00Z',
	'the deadline of a value date in winter is 19:00 Eastern Standard Time');
SELECT is(value_date('CHAIN', '2026-05-23 23:59:59.999999Z'), '2026-05-23', 'the value date of a blockchain counts UTC days');
SELECT is(value_deadline('CHAIN', '2026-05-23'), '2026-05-24 00:00Z', 'the value date of a blockchain ends at midnight UTC');
SELECT throws_ok($$SELECT value_date('FEDWIRE', '2026-05-26Z', 9)$$, 'LG075', NULL,
	'a value date by an unknown version of a calendar is refused');

-- ---------------------------------------------------------------------------
-- Versions
-- ---------------------------------------------------------------------------
SELECT is(add_calendar_version('FEDWIRE', '2026-01-01', '2030-12-31', '{}', '{}', 'Six days a week', weekend => '{7}'), 2,
	'a new version of a calendar gets the next number');
SELECT ok(is_business_day('FEDWIRE', '2026-07-04'), 'the newest version of a calendar decides unless another is named');
SELECT ok(NOT is_business_day('FEDWIRE', '2026-07-04', 1), 'an old version of a calendar says what it said before');
SELECT is(add_calendar_version('BANKX', '2026-01-01', '2026-12-31', '{2026-03-03}', '{Founding Day}', 'the bank', cut_time => '15:00', zone => 'America/Chicago'), 1,
	'the first version of a new calendar has number 1');
SELECT ok(NOT is_business_day('BANKX', '2026-03-03'), 'a holiday of a bank''s own calendar is no business day');
SELECT is(value_date('BANKX', '2026-03-02 21:00Z'), '2026-03-04', 'the cut-off of a bank''s own calendar decides the value date');
SELECT is((SELECT created_by FROM calendar_version WHERE calendar = 'BANKX'), current_user::text,
	'a version of a calendar records who added it');
SELECT throws_ok($$SELECT add_calendar_version('BANKX', '2026-01-01', NULL, '{}', '{}', 'x')$$, 'LG002', NULL,
	'a version of a calendar without a last day is refused');
SELECT throws_ok($$SELECT add_calendar_version('BANKX', '2026-01-01', '2026-12-31', '{2026-03-03}', '{}', 'x')$$, 'LG002', NULL,
	'a version of a calendar with a holiday without a name is refused');
SELECT throws_ok($$SELECT add_calendar_version('BANKX', '2026-01-01', '2026-12-31', '{}', '{}', 'x', zone => 'Mars/Base')$$, 'LG002', NULL,
	'a version of a calendar in an unknown time zone is refused');
SELECT throws_ok($$UPDATE calendar_version SET cut_time = '12:00'$$, 'LG066', NULL, 'a version of a calendar is never changed');
SELECT throws_ok($$DELETE FROM calendar_holiday$$, 'LG066', NULL, 'the holidays of a calendar are never deleted');
SET LOCAL client_min_messages = warning;
SELECT throws_ok($$TRUNCATE calendar_version CASCADE$$, 'LG066', NULL, 'the versions of calendars are never truncated');
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$UPDATE calendar_version SET cut_time = '12:00'$$, 'LG066', NULL,
	'a version of a calendar is never changed even in replica mode');
SET LOCAL session_replication_role = origin;

SELECT * FROM finish();
ROLLBACK;
